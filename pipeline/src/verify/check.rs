//! The rounds: rows of the dumps whose buckets differ against the target's, and what is found about each.

use super::pair::{Pair, Pairs};
use super::report::{Finding, TableReport, What};
use super::round::{Entry, Round, Unit};
use super::standing::{Absence, Standing};
use crate::compare::sql::{OPERATIONS, RESOURCES, STATES, TRIGGERS};
use crate::compare::{Compared, Comparison, Fact};
use crate::error::{Error, Result};
use crate::karbor::Source;
use crate::karbor::layout::Layout;
use crate::karbor::tuple::{Row, Rows};
use crate::load::session::Session;
use crate::outcome::Kept;
use std::collections::{HashMap, HashSet};

/// A verification under way.
pub(super) struct Checking<'c> {
    pub(super) session: &'c mut dyn Session,
    pub(super) comparison: Comparison,
    pub(super) layouts: &'c [Layout; 6],
    pub(super) tables: Vec<TableReport>,
    /// What stands in the target; asked for when the first row is missing.
    standing: Option<Standing>,
    /// Triggers that Karbor changed: when they fire is its affair.
    pub(super) changed_triggers: HashSet<u128>,
    pub(super) rounds: u64,
}

/// Fills a round with rows of the dumps.
pub(super) type Fill<'f> = dyn FnMut(&Comparison, &mut Round) -> Result<()> + 'f;

impl<'c> Checking<'c> {
    pub(super) fn new(
        session: &'c mut dyn Session,
        comparison: Comparison,
        layouts: &'c [Layout; 6],
    ) -> Self {
        let table = |layout: &Layout| TableReport { table: layout.name.clone(), ..TableReport::default() };
        Self {
            session,
            comparison,
            layouts,
            tables: layouts.iter().map(table).collect(),
            standing: None,
            changed_triggers: HashSet::new(),
            rounds: 0,
        }
    }

    /// Looks at all rows of a table whose buckets differ.
    pub(super) fn rounds(&mut self, table: usize, fill: &mut Fill<'_>) -> Result<()> {
        let mut from = Some(0);
        while let Some(bucket) = from {
            if !self.comparison.table(table)?.any_unequal_from(bucket) {
                break;
            }
            let mut round = Round::new(bucket);
            fill(&self.comparison, &mut round)?;
            self.rounds += 1;
            self.round(table, &mut round)?;
            from = round.next();
        }
        Ok(())
    }

    fn round(&mut self, table: usize, round: &mut Round) -> Result<()> {
        let layout = self.layouts.get(table).ok_or_else(no_table)?;
        let pairs = Pairs::new(table, layout, &self.comparison.scope);
        let mut found = Found { sets: (table == RESOURCES).then(HashMap::new), pending: Vec::new() };
        for tagged in [true, false] {
            // Rows without our tag matter only where a row of the dumps is not found among the others.
            if !tagged && round.rows.values().all(|entry| entry.matched || entry.row.is_none()) {
                continue;
            }
            let sql = self.comparison.sql(&*self.session, self.layouts).marked_rows(table, tagged);
            let Some(select) = sql else { continue };
            let compared = self.comparison.table(table)?;
            let report = self.tables.get_mut(table).ok_or_else(no_table)?;
            let comparison = &self.comparison;
            let changed_triggers = &mut self.changed_triggers;
            self.session.read(&pairs.marked, &select, &mut |bytes| {
                let Some(row) = Rows::new(&pairs.marked, bytes).next() else { return Ok(()) };
                let key = compared.key(row);
                let Some(bucket) = compared.unequal(key).filter(|bucket| round.wants(*bucket)) else {
                    return Ok(());
                };
                let entry = round.rows.get_mut(&(bucket, key, compared.whole_key(row)));
                let what = match entry.filter(|entry| !entry.matched) {
                    Some(entry) => {
                        entry.matched = true;
                        match &entry.row {
                            None => {
                                report.not_compared += 1;
                                return Ok(());
                            }
                            Some(bytes) => {
                                let Some(own) = Rows::new(layout, bytes).next() else { return Ok(()) };
                                found.see(&pairs, key.0, row, pairs.stamp(own));
                                match pairs.judge(entry.source, own, row, tagged) {
                                    Pair::Equal => return Ok(()),
                                    Pair::Changed(kept) => {
                                        (What::Changed(kept), true, Finding::of(pairs.key(row)))
                                    }
                                    Pair::Different(columns) => {
                                        let finding = Finding::of(pairs.key(row));
                                        (What::Different, true, Finding { columns, ..finding })
                                    }
                                }
                            }
                        }
                    }
                    None if !tagged => return Ok(()),
                    None => match extra(table, &pairs, row, comparison) {
                        None => {
                            report.not_compared += 1;
                            return Ok(());
                        }
                        Some(what) => {
                            found.see(&pairs, key.0, row, None);
                            (what, false, Finding::of(pairs.key(row)))
                        }
                    },
                };
                if table == TRIGGERS && matches!(what.0, What::Changed(_)) {
                    changed_triggers.insert(key.0);
                }
                found.note(report, key.0, what);
                Ok(())
            })?;
        }
        let absent: Vec<_> = std::mem::take(&mut round.rows)
            .into_iter()
            .filter_map(|((_, key, _), entry)| match entry {
                Entry { matched: false, row: Some(row), source, unit } => Some((key, row, source, unit)),
                _ => None,
            })
            .collect();
        for (key, bytes, source, unit) in absent {
            if let Some(row) = Rows::new(layout, &bytes).next() {
                self.absent(
                    table,
                    &pairs,
                    row,
                    (source, unit.map(|unit| *unit)),
                    &mut |report, what, finding| {
                        found.note(report, key.0, (what, true, finding));
                    },
                )?;
            }
        }
        let report = self.tables.get_mut(table).ok_or_else(no_table)?;
        found.settle(report);
        Ok(())
    }

    /// Finds out why the target does not hold a row of the dumps, and has it noted.
    pub(super) fn absent(
        &mut self,
        table: usize,
        pairs: &Pairs<'_>,
        row: Row<'_>,
        (source, unit): (Source, Option<Unit>),
        note: &mut dyn FnMut(&mut TableReport, What, Finding),
    ) -> Result<()> {
        let absence = match unit {
            None => Absence::Missing,
            Some(unit) => {
                if self.standing.is_none() {
                    self.standing = Some(Standing::read(self.session, &self.comparison, self.layouts)?);
                }
                self.standing.as_ref().map_or(Absence::Missing, |standing| {
                    standing.absence(table, (source, unit), &self.comparison)
                })
            }
        };
        let report = self.tables.get_mut(table).ok_or_else(no_table)?;
        match absence {
            Absence::Missing => note(report, What::Missing, Finding::of(pairs.key(row))),
            Absence::Changed(kept) => note(report, What::Changed(kept), Finding::of(pairs.key(row))),
            Absence::Unknown => {
                report.not_compared += 1;
                report.equal = report.equal.saturating_sub(1);
            }
        }
        Ok(())
    }
}

/// What a row of the target is that the dumps do not come to; `None` where they cannot tell.
fn extra(table: usize, pairs: &Pairs<'_>, row: Row<'_>, comparison: &Comparison) -> Option<What> {
    let scope = &comparison.scope;
    if pairs.deleted(row) {
        return Some(What::Changed(Kept::Deleted));
    }
    if table == RESOURCES && pairs.added(row) {
        return Some(What::Changed(Kept::NotOurs));
    }
    let knows = |source| scope.knows(Fact::Operations, source);
    let judged = match (table, pairs.source(row)) {
        (OPERATIONS, Some(source)) => knows(source),
        // Whose they are does not stand in them.
        (TRIGGERS | STATES, _) => scope.compared(table).all(knows),
        _ => true,
    };
    judged.then_some(What::Extra)
}

/// What is found in a round. The resources of a plan are one set: what Karbor did to one of them it did to all.
struct Found {
    /// For resources, what Karbor did to each set.
    sets: Option<HashMap<u128, Set>>,
    /// For resources, what waits for that.
    pending: Vec<(u128, What, bool, Finding)>,
}

#[derive(Clone, Copy, Default)]
struct Set {
    deleted: bool,
    changed: bool,
    /// When the source last changed the set.
    stamp: Option<parsers::value::Timestamp>,
}

impl Found {
    /// Looks at a row of the target for what it says of its set.
    fn see(&mut self, pairs: &Pairs<'_>, set: u128, row: Row<'_>, stamp: Option<parsers::value::Timestamp>) {
        let Some(sets) = &mut self.sets else { return };
        let known = sets.entry(set).or_default();
        known.stamp = known.stamp.max(stamp);
        known.deleted |= pairs.deleted(row);
        known.changed |= pairs.newer(row, stamp.or(known.stamp)) || pairs.added(row);
    }

    fn note(
        &mut self,
        report: &mut TableReport,
        set: u128,
        (what, of_dumps, finding): (What, bool, Finding),
    ) {
        if self.sets.is_some() {
            self.pending.push((set, what, of_dumps, finding));
        } else {
            report.note(what, of_dumps, || finding);
        }
    }

    fn settle(self, report: &mut TableReport) {
        for (set, what, of_dumps, finding) in self.pending {
            let known = self.sets.as_ref().and_then(|sets| sets.get(&set)).copied().unwrap_or_default();
            let what = match what {
                What::Changed(kept) => What::Changed(kept),
                _ if known.deleted => What::Changed(Kept::Deleted),
                _ if known.changed => What::Changed(Kept::Changed),
                what => what,
            };
            report.note(what, of_dumps, || finding);
        }
    }
}

impl Finding {
    /// A row by its key.
    pub(super) fn of(key: Vec<String>) -> Self {
        Self { what: What::Missing, key, columns: Vec::new() }
    }
}

/// Holds a row of the dumps if its bucket differs.
pub(super) fn hold(
    round: &mut Round,
    compared: &Compared,
    row: Row<'_>,
    entry: Entry,
    named: impl FnOnce() -> String,
) -> Result<()> {
    let key = compared.key(row);
    match compared.unequal(key) {
        Some(bucket) => round.hold((bucket, key, compared.whole_key(row)), entry, named),
        None => Ok(()),
    }
}

pub(super) fn no_table() -> Error {
    Error::Imbalance("a table that is not compared was asked for".to_owned())
}
