//! Which plans, triggers and operations a target has, by the digests of their ids: what decides about rows that are absent.
//!
//! Some 40 bytes for each of them.

use super::digest::{Digester, Key};
use super::sql::{OPERATIONS, PLANS, Sql, TRIGGERS};
use crate::error::Result;
use crate::load::lookup::{no, source_of};
use crate::load::session::Session;
use std::collections::{HashMap, HashSet};

/// A plan of the target.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlanState {
    /// Whether Karbor deleted it.
    pub(crate) deleted: bool,
    /// Whether it has the tag of an import.
    pub(crate) tagged: bool,
}

/// What a target has.
#[derive(Clone, Debug, Default)]
pub(crate) struct TargetIndex {
    plans: HashMap<Key, PlanState>,
    triggers: HashSet<Key>,
    operations: HashSet<Key>,
}

impl TargetIndex {
    /// Reads it.
    ///
    /// # Errors
    /// The target's.
    pub(crate) fn read(session: &mut dyn Session, sql: Sql<'_>, digesters: &[Digester]) -> Result<Self> {
        let mut index = Self::default();
        for table in [PLANS, TRIGGERS, OPERATIONS] {
            let Some(digester) = digesters.get(table) else { continue };
            let column = |name| format!("t.{}", sql.column(table, name));
            let deleted = format!("CASE WHEN {} THEN '0' ELSE '1' END", no(&column("deleted"), "true"));
            let tag = if table == PLANS { column("description") } else { "NULL".to_owned() };
            let select = format!(
                "SELECT CAST({} AS text), {deleted}, CAST({tag} AS text) FROM {} t",
                column("id"),
                sql.table(table)
            );
            session.query("reading which plans and operations there are", &select, &mut |row| {
                let [Some(id), deleted, tag] = row else { return Ok(()) };
                let Some(key) = digester.key_of(id) else { return Ok(()) };
                match table {
                    PLANS => {
                        let tagged = tag.is_some_and(|tag| source_of("plans", tag).is_some());
                        index.plans.insert(key, PlanState { deleted: *deleted == Some("1"), tagged });
                    }
                    TRIGGERS => drop(index.triggers.insert(key)),
                    _ => drop(index.operations.insert(key)),
                }
                Ok(())
            })?;
        }
        Ok(index)
    }

    /// A plan, where there is one.
    pub(crate) fn plan(&self, key: Option<Key>) -> Option<PlanState> {
        key.and_then(|key| self.plans.get(&key)).copied()
    }

    /// Whether there is a trigger, deleted or not.
    pub(crate) fn has_trigger(&self, key: Option<Key>) -> bool {
        key.is_some_and(|key| self.triggers.contains(&key))
    }

    /// Whether there is an operation.
    pub(crate) fn has_operation(&self, key: Option<Key>) -> bool {
        key.is_some_and(|key| self.operations.contains(&key))
    }
}
