//! The rows that are held in memory, noted once all families are judged.

use super::notes::{Decided, TargetKey};
use super::recorder::Recorder;
use crate::error::Result;
use crate::karbor::layout::Layout;
use crate::karbor::place::{OPERATIONS, PLANS, RESOURCES, STATES, TRIGGERS};
use crate::karbor::{Source, ids};
use crate::outcome::Outcome;
use crate::transform::rejections::{DumpNames, Rejections};
use parsers::position::Origin;
use parsers::table::Table;

/// Collects what a row became.
pub(crate) struct Became<'b> {
    layouts: &'b [Layout],
    rows: Vec<TargetKey>,
}

impl Became<'_> {
    fn push(&mut self, table: usize, key: &[&str]) {
        let table = self.layouts.get(table).map_or_else(String::new, |layout| layout.name.clone());
        self.rows.push(TargetKey { table, key: key.iter().map(|part| (*part).to_owned()).collect() });
    }

    /// A plan.
    pub(crate) fn plan(&mut self, source: Source, id: &str) {
        self.push(PLANS, &[ids::plan(source, id).as_str()]);
    }

    /// A resource of a plan.
    pub(crate) fn resource(&mut self, (source, plan): (Source, &str), resource: &str) {
        self.push(RESOURCES, &[ids::plan(source, plan).as_str(), resource]);
    }

    /// An operation, with its trigger and its state.
    pub(crate) fn operation(&mut self, key: ids::OperationKey<'_>) {
        let (trigger, operation) = (key.trigger(), key.operation());
        self.push(TRIGGERS, &[trigger.as_str()]);
        self.push(OPERATIONS, &[operation.as_str()]);
        self.push(STATES, &[operation.as_str()]);
    }
}

/// Notes held rows with the outcomes that were written down for their places.
pub(crate) struct HeldRows<'h> {
    /// Sorted by place.
    pub(crate) outcomes: &'h [(Origin, Outcome)],
    pub(crate) names: &'h DumpNames,
    pub(crate) rejections: &'h Rejections,
    pub(crate) layouts: &'h [Layout],
    pub(crate) recorder: &'h mut Recorder,
}

impl HeldRows<'_> {
    /// Notes one row; `mentions` are the ids that it concerns, and `became` says what it became if it was migrated.
    pub(crate) fn row(
        &mut self,
        (table, origin): (Table, Origin),
        key: &str,
        mentions: &[&str],
        became: impl FnOnce(&mut Became<'_>),
    ) -> Result<()> {
        let found = self.outcomes.binary_search_by_key(&origin, |(place, _)| *place);
        let Some((_, outcome)) = found.ok().and_then(|n| self.outcomes.get(n)) else { return Ok(()) };
        let mut decided = Decided::from(*outcome);
        match outcome {
            Outcome::Rejected => decided.rule = self.rejections.rule(origin).map(str::to_owned),
            Outcome::Migrated => {
                let mut rows = Became { layouts: self.layouts, rows: Vec::new() };
                became(&mut rows);
                decided.became = rows.rows;
            }
            Outcome::Skipped(_) | Outcome::Deferred(_) => {}
        }
        self.recorder.note((table, key), &self.names.place(origin), &decided, mentions)
    }
}
