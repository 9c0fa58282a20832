//! What the target says of plans, triggers and operations whose rows are missing: whether Karbor removed them.

use super::round::Unit;
use crate::compare::sql::{OPERATIONS, PLANS, RESOURCES, STATES, TRIGGERS};
use crate::compare::{Comparison, Fact, Key};
use crate::error::Result;
use crate::karbor::Source;
use crate::karbor::layout::Layout;
use crate::load::lookup::{no, source_of};
use crate::load::session::Session;
use crate::outcome::Kept;
use std::collections::{HashMap, HashSet};

/// A plan of the target.
#[derive(Clone, Copy)]
struct Plan {
    deleted: bool,
    ours: bool,
}

/// Everything that stands in the target: some 30 bytes for each plan, trigger and operation.
pub(super) struct Standing {
    plans: HashMap<u128, Plan>,
    triggers: HashSet<u128>,
    operations: HashSet<u128>,
}

/// Why a row is not there.
pub(super) enum Absence {
    Missing,
    Changed(Kept),
    /// Without a source table nobody can tell.
    Unknown,
}

impl Standing {
    /// Asks the target.
    ///
    /// # Errors
    /// The target's.
    pub(super) fn read(
        session: &mut dyn Session,
        comparison: &Comparison,
        layouts: &[Layout; 6],
    ) -> Result<Self> {
        let doing = "looking for what Karbor removed";
        let statement = |table, session: &dyn Session| {
            let sql = comparison.sql(session, layouts);
            let column = |name| format!("t.{}", sql.column(table, name));
            let (mut deleted, mut tag) = ("NULL".to_owned(), "NULL".to_owned());
            if table == PLANS {
                deleted = format!("CASE WHEN {} THEN 0 ELSE 1 END", no(&column("deleted"), "true"));
                tag = column("description");
            }
            format!(
                "SELECT CAST({} AS text), {deleted}, CAST({tag} AS text) FROM {} t",
                column("id"),
                sql.table(table)
            )
        };
        let mut plans = HashMap::new();
        let of_plans = comparison.table(PLANS)?;
        let sql = statement(PLANS, &*session);
        session.query(doing, &sql, &mut |row| {
            if let [Some(id), deleted, tag] = row
                && let Some(key) = of_plans.key_of(id)
            {
                let ours = tag.is_some_and(|tag| source_of("plans", tag).is_some());
                plans.insert(key.0, Plan { deleted: *deleted == Some("1"), ours });
            }
            Ok(())
        })?;
        let mut ids = |table| -> Result<HashSet<u128>> {
            let (mut ids, compared) = (HashSet::new(), comparison.table(table)?);
            let sql = statement(table, &*session);
            session.query(doing, &sql, &mut |row| {
                let key = row.first().copied().flatten().and_then(|id| compared.key_of(id));
                ids.extend(key.map(|key| key.0));
                Ok(())
            })?;
            Ok(ids)
        };
        Ok(Self { triggers: ids(TRIGGERS)?, operations: ids(OPERATIONS)?, plans })
    }

    /// Why a row of the dumps is not there. An operation is deleted in Karbor without its trigger; what is left of it then is that.
    pub(super) fn absence(
        &self,
        table: usize,
        (source, unit): (Source, Unit),
        comparison: &Comparison,
    ) -> Absence {
        let has = |set: &HashSet<u128>, key: Option<Key>| key.is_some_and(|key| set.contains(&key.0));
        let plan = unit.plan.and_then(|plan| self.plans.get(&plan.0)).copied();
        let of_operation = matches!(table, TRIGGERS | OPERATIONS | STATES);
        let removed = matches!(table, OPERATIONS | STATES)
            && has(&self.triggers, unit.trigger)
            && !has(&self.operations, unit.operation);
        match plan {
            _ if removed => Absence::Changed(Kept::Removed),
            Some(Plan { deleted: true, .. }) if of_operation => Absence::Changed(Kept::Removed),
            Some(Plan { deleted: true, .. }) if table == RESOURCES => Absence::Changed(Kept::Deleted),
            Some(Plan { ours: false, .. }) if of_operation || table == RESOURCES => {
                Absence::Changed(Kept::NotOurs)
            }
            Some(_) if of_operation && !comparison.scope.knows(Fact::Operations, source) => Absence::Unknown,
            _ => Absence::Missing,
        }
    }
}
