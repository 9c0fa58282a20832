//! Which plans, triggers and operations a target has, by the digests of their ids: what decides about rows that are absent.
//!
//! Some 60 bytes for each of them.

use super::digest::{Digester, Key};
use super::sql::{OPERATIONS, PLANS, Sql, TRIGGERS};
use crate::error::Result;
use crate::load::lookup::{no, source_of};
use crate::load::session::Session;
use crate::removal::marks::ImportPredicates;
use parsers::value::Timestamp;
use std::collections::{HashMap, HashSet};

/// A plan of the target.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlanState {
    /// Whether Karbor deleted it.
    pub(crate) deleted: bool,
    /// Whether it has the tag of an import.
    pub(crate) tagged: bool,
}

/// An imported operation of a plan: of several, the one that was changed first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct OperationOfPlan {
    /// When it was last changed.
    pub(crate) changed: Option<Timestamp>,
}

/// What a target has.
#[derive(Clone, Debug, Default)]
pub(crate) struct TargetIndex {
    plans: HashMap<Key, PlanState>,
    /// When each trigger was last changed.
    triggers: HashMap<Key, Option<Timestamp>>,
    operations: HashSet<Key>,
    /// By plan.
    imported_operations: HashMap<Key, OperationOfPlan>,
    digesters: Vec<Digester>,
}

impl TargetIndex {
    /// Reads it.
    ///
    /// # Errors
    /// The target's.
    pub(crate) fn read(session: &mut dyn Session, sql: Sql<'_>, digesters: &[Digester]) -> Result<Self> {
        let mut index = Self { digesters: digesters.to_vec(), ..Self::default() };
        for table in [PLANS, TRIGGERS, OPERATIONS] {
            session.query(
                "reading which plans and operations there are",
                &select(sql, table),
                &mut |row| {
                    let [Some(id), deleted, tag, changed, plan] = row else { return Ok(()) };
                    let Some(key) = index.key(table, id) else { return Ok(()) };
                    let changed = changed.and_then(|text| Timestamp::parse(text).ok());
                    let tagged = |table| tag.is_some_and(|tag| source_of(table, tag).is_some());
                    match table {
                        PLANS => {
                            let state = PlanState { deleted: *deleted == Some("1"), tagged: tagged("plans") };
                            index.plans.insert(key, state);
                        }
                        TRIGGERS => drop(index.triggers.insert(key, changed)),
                        _ => {
                            index.operations.insert(key);
                            let plan = plan.filter(|_| tagged("scheduled_operations"));
                            if let Some(plan) = plan.and_then(|plan| index.key(PLANS, plan)) {
                                let own = OperationOfPlan { changed };
                                let first = index.imported_operations.entry(plan).or_insert(own);
                                *first = own.min(*first);
                            }
                        }
                    }
                    Ok(())
                },
            )?;
        }
        Ok(index)
    }

    fn key(&self, table: usize, id: &str) -> Option<Key> {
        self.digesters.get(table)?.key_of(id)
    }

    /// A plan, where there is one.
    pub(crate) fn plan(&self, key: Option<Key>) -> Option<PlanState> {
        key.and_then(|key| self.plans.get(&key)).copied()
    }

    /// Whether there is a trigger, deleted or not.
    pub(crate) fn has_trigger(&self, key: Option<Key>) -> bool {
        key.is_some_and(|key| self.triggers.contains_key(&key))
    }

    /// When a trigger was last changed, where there is one.
    pub(crate) fn trigger_changed(&self, id: &str) -> Option<Option<Timestamp>> {
        self.triggers.get(&self.key(TRIGGERS, id)?).copied()
    }

    /// Whether there is an operation.
    pub(crate) fn has_operation(&self, key: Option<Key>) -> bool {
        key.is_some_and(|key| self.operations.contains(&key))
    }

    /// The imported operation of a plan, where there is one.
    pub(crate) fn operation_of(&self, plan: &str) -> Option<OperationOfPlan> {
        self.imported_operations.get(&self.key(PLANS, plan)?).copied()
    }
}

/// `(id, whether it is deleted, tag, updated_at, plan)`, all as text.
fn select(sql: Sql<'_>, table: usize) -> String {
    let column = |name| format!("t.{}", sql.column(table, name));
    let deleted = format!("CASE WHEN {} THEN '0' ELSE '1' END", no(&column("deleted"), "true"));
    let tag = if table == TRIGGERS { "NULL".to_owned() } else { column("description") };
    let changed =
        sql.optional(table, "updated_at").map_or_else(|| "NULL".to_owned(), |name| format!("t.{name}"));
    let plan = match table {
        OPERATIONS => ImportPredicates::new(sql.layouts, sql.dialect).named_plan("t"),
        _ => "NULL".to_owned(),
    };
    format!(
        "SELECT CAST({} AS text), {deleted}, CAST({tag} AS text), CAST({changed} AS text), CAST({plan} AS text) FROM {} t",
        column("id"),
        sql.table(table)
    )
}
