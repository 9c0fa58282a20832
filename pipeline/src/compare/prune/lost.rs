//! Rows that the dumps no longer have, as a run finds them.

use super::super::sql::{ITEMS, OPERATIONS, PLANS, RESOURCES};
use crate::compare::comparison::Comparison;
use crate::compare::prune::sets::{GONE_ITEMS, add_to_set, make_set};
use crate::compare::sign::Sign;
use crate::compare::text::plain;
use crate::error::Result;
use crate::load::session::Session;
use parsers::value::Timestamp;
use std::collections::{HashMap, HashSet};

/// Rows that the dumps no longer have, as a run finds them.
#[derive(Debug, Default)]
pub(crate) struct LostRows {
    pub(crate) plans: Vec<String>,
    pub(crate) operations: Vec<String>,
    /// By plan and resource.
    pub(crate) resources: HashSet<(String, String)>,
    /// How many copies.
    pub(crate) items: u64,
    /// Those of them that were changed in Karbor since.
    pub(super) items_changed: u64,
    /// Those of them that are only known to be newer than the dumps.
    pub(crate) items_later: u64,
    /// Plans and operations that were changed in Karbor since, by place of the table and id as [`plain`] has it.
    pub(super) changed: HashSet<(usize, String)>,
    /// Other rows of the policy side, with the times of their last change.
    pub(super) unsigned: Vec<(usize, Vec<String>, Timestamp)>,
    /// Copies that a run would take off their plan, by the plan's id as [`plain`] has it; a run that writes has done it.
    pub(crate) unlinked: HashMap<String, u64>,
    /// Copies that would be removed, likewise.
    pub(super) lost_of_plan: HashMap<String, u64>,
    /// Whether the temporary table of copies was made.
    pub(super) items_table: bool,
}

impl LostRows {
    /// Notes a row of the policy side, by its key, with what shows that Karbor changed it, and when it was changed last.
    pub(crate) fn note(
        &mut self,
        table: usize,
        key: &[String],
        (sign, changed): (Option<Sign>, Option<Timestamp>),
    ) {
        match (sign, changed) {
            (Some(_), _) => drop(self.changed.insert((table, plain(&key.concat())))),
            (None, Some(changed)) => self.unsigned.push((table, key.to_vec(), changed)),
            (None, None) => {}
        }
        match (table, key) {
            (PLANS, [id, ..]) => self.plans.push(id.clone()),
            (OPERATIONS, [id, ..]) => self.operations.push(id.clone()),
            (RESOURCES, [plan, resource]) => drop(self.resources.insert((plan.clone(), resource.clone()))),
            _ => {}
        }
    }

    /// Notes that a copy would no longer name a plan.
    pub(crate) fn unlink(&mut self, plan: Option<String>) {
        if let Some(plan) = plan {
            *self.unlinked.entry(plain(&plan)).or_default() += 1;
        }
    }

    /// Takes the rows of the policy side that only their times tell to be changed: after `newest`, the last change in the dumps.
    pub(crate) fn take_later(&mut self, newest: Timestamp) -> Vec<(usize, Vec<String>)> {
        let later = std::mem::take(&mut self.unsigned).into_iter().filter(|(.., changed)| *changed > newest);
        let later: Vec<_> = later.map(|(table, key, _)| (table, key)).collect();
        self.changed.extend(later.iter().map(|(table, key)| (*table, plain(&key.concat()))));
        self.items_changed += std::mem::take(&mut self.items_later);
        later
    }

    /// Notes a copy that the dumps no longer have.
    pub(crate) fn lose_copy(&mut self, plan: Option<String>, changed: bool) {
        self.items += 1;
        self.items_changed += u64::from(changed);
        if let Some(plan) = plan {
            *self.lost_of_plan.entry(plain(&plan)).or_default() += 1;
        }
    }

    /// Drops the temporary table of copies.
    pub(super) fn drop_items(&self, session: &mut dyn Session) -> Result<()> {
        if !self.items_table {
            return Ok(());
        }
        session.execute("dropping a temporary table", &format!("DROP TABLE {GONE_ITEMS}")).map(drop)
    }

    /// Notes copies that are lost, by their ids, in a temporary table that the deletion uses.
    ///
    /// # Errors
    /// The target's.
    pub(crate) fn note_items(
        &mut self,
        session: &mut dyn Session,
        comparison: &Comparison,
        ids: &[String],
    ) -> Result<()> {
        let (table, column) = (comparison.sql().table(ITEMS), comparison.sql().column(ITEMS, "id"));
        if !std::mem::replace(&mut self.items_table, true) {
            make_set(session, GONE_ITEMS, &format!("t.{column}"), table)?;
        }
        add_to_set(session, (GONE_ITEMS, &format!("t.{column}")), (table, &format!("t.{column}")), ids)
    }
}
