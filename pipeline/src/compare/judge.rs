//! What becomes of a row: the one place of the contract's rules for reruns, for runs, checks, verifications and prunes alike.
//!
//! Pure: it is given the dumps' row, the target's row if there is one, and what else the target has.

mod values;

pub(super) use crate::compare::text::decimal;

use super::columns::{Columns, Compare, Known};
use super::digest::Key;
use super::index::TargetIndex;
use super::scope::{Fact, SOURCES, Scope};
use super::sql::{ITEMS, MARKS, OPERATIONS, STATES, TRIGGERS};
use crate::compare::verdict::{Extra, Judge, JudgedSet, Own, Verdict};
use crate::karbor::Source;
use crate::karbor::layout::Layout;
use crate::karbor::tuple::Row;
use crate::load::lookup::tag;
use crate::outcome::Kept;
use std::collections::{BTreeMap, BTreeSet};

impl Judge {
    pub(crate) fn new(
        table: usize,
        layout: &Layout,
        marked: Layout,
        columns: &Columns,
        (scope, known): (&Scope, &Known),
    ) -> Self {
        Self {
            table,
            layout: layout.clone(),
            marked,
            columns: columns.clone(),
            knows_operations: SOURCES.map(|source| scope.knows(Fact::Operations, source)),
            has_extends: SOURCES.map(|source| scope.has_extends(source)),
            compared: scope.compared(table).collect(),
            live_services: known.live_services.clone(),
        }
    }

    fn knows_operations(&self, source: Source) -> bool {
        is_set(self.knows_operations, source)
    }

    /// A row that is not one of a set.
    pub(crate) fn row(&self, own: Own<'_>, target: Option<Row<'_>>, index: &TargetIndex) -> Verdict {
        match target {
            Some(target) => self.both(own, target),
            None => self.absent(own, index),
        }
    }

    /// Triggers, operations and states come together or not at all: an operation that is absent while its trigger is there was
    /// removed in Karbor, and a state on a trigger that is gone would keep its engine from starting.
    fn absent(&self, own: Own<'_>, index: &TargetIndex) -> Verdict {
        if !matches!(self.table, TRIGGERS | OPERATIONS | STATES) {
            return Verdict::Insert;
        }
        if index.has_trigger(own.unit.trigger) || index.has_operation(own.unit.operation) {
            return Verdict::Kept(Kept::Removed);
        }
        match index.plan(own.unit.plan) {
            Some(plan) if plan.deleted => Verdict::Kept(Kept::Removed),
            Some(plan) if !plan.tagged => Verdict::Kept(Kept::NotOurs),
            // It may have operations that these dumps do not tell of: it would fire twice.
            Some(_) if !self.knows_operations(own.source) || !is_set(self.has_extends, own.source) => {
                Verdict::Kept(Kept::SourceMissing)
            }
            _ => Verdict::Insert,
        }
    }

    fn both(&self, own: Own<'_>, target: Row<'_>) -> Verdict {
        if !self.differs(own, target) {
            return Verdict::Unchanged;
        }
        if self.deleted(target) {
            return Verdict::Kept(Kept::Deleted);
        }
        if self.newer(target, self.stamp(own.row)) {
            // What is no use is ours whatever the times say: firing an operation moves them.
            return match self.replaces_useless(own, target) {
                true => Verdict::Update(self.merged(own, target, &|_| false)),
                false => Verdict::Kept(Kept::Changed),
            };
        }
        let (ours, theirs) = (self.tag(own.row, 0), self.tag(target, MARKS.len()));
        if ours != theirs {
            let other = SOURCES.map(|source| tag(source, self.layout.table.name));
            let of_other = theirs.as_deref().is_some_and(|theirs| other.contains(&theirs));
            return Verdict::Kept(if of_other { Kept::OtherSystem } else { Kept::NotOurs });
        }
        if self.table == ITEMS {
            let unfinished = |row, skip| self.text_of("status", row, skip).as_deref() == Some("protecting");
            if unfinished(own.row, 0) && !unfinished(target, MARKS.len()) {
                return Verdict::Kept(Kept::Steady);
            }
        }
        Verdict::Update(self.merged(own, target, &|compare| compare != Compare::Never))
    }

    /// The resources of a plan are one set: what Karbor did to one of them keeps all.
    pub(crate) fn set(&self, own: &[Own<'_>], target: &[Row<'_>], index: &TargetIndex) -> JudgedSet {
        let id = |row: Row<'_>, skip| self.text_of("resource_id", row, skip);
        let mut live: BTreeMap<Option<String>, usize> = BTreeMap::new();
        let (mut deleted, mut changed) = (false, false);
        let latest = own.iter().filter_map(|own| self.stamp(own.row)).max();
        let stamps: BTreeMap<_, _> = own.iter().map(|own| (id(own.row, 0), self.stamp(own.row))).collect();
        for (n, row) in target.iter().enumerate() {
            let id = id(*row, MARKS.len());
            let stamp = stamps.get(&id).copied().flatten().or(latest);
            let is_deleted = self.deleted(*row);
            deleted |= is_deleted;
            changed |= self.newer(*row, stamp) || self.added(*row);
            if !is_deleted {
                // A volume that is there twice was added by somebody; the imported one is the dumps'.
                let first = live.get(&id).copied();
                changed |= first.is_some();
                if first.and_then(|first| target.get(first)).is_none_or(|first| self.added(*first)) {
                    live.insert(id, n);
                }
            }
        }
        let plan = own.first().and_then(|own| index.plan(own.unit.plan));
        let reason = match plan {
            Some(plan) if plan.deleted => Some(Kept::Deleted),
            Some(plan) if !plan.tagged => Some(Kept::NotOurs),
            _ if deleted => Some(Kept::Deleted),
            _ if changed => Some(Kept::Changed),
            _ => None,
        };
        let mut matched = BTreeSet::new();
        let verdicts = own.iter().map(|own| {
            let same = live.get(&id(own.row, 0)).copied();
            let row = same.and_then(|n| target.get(n));
            matched.extend(same);
            let verdict = match (row, reason) {
                (Some(row), _) if !self.differs(*own, *row) => Verdict::Unchanged,
                // Karbor writes a set anew when one of its volumes changes: the others are there as they were.
                (Some(row), Some(_)) if deleted && self.same_resource(*own, *row) => Verdict::Unchanged,
                (_, Some(reason)) => Verdict::Kept(reason),
                (Some(row), None) => {
                    Verdict::Update(self.merged(*own, *row, &|compare| compare != Compare::Never))
                }
                (None, None) => Verdict::Insert,
            };
            (verdict, same)
        });
        let verdicts: Vec<_> = verdicts.collect();
        let extra = target.iter().enumerate().filter(|(n, _)| !matched.contains(n)).map(|(n, row)| {
            let extra = if self.deleted(*row) {
                Extra::Kept(Kept::Deleted)
            } else if self.added(*row) {
                Extra::Kept(Kept::NotOurs)
            } else {
                reason.map_or(Extra::Lost(None), Extra::Kept)
            };
            (n, extra)
        });
        JudgedSet { rows: verdicts, extra: extra.collect() }
    }

    /// The same of a set that the dumps do not have at all, whose plan is `plan`.
    pub(crate) fn lost_set(&self, target: &[Row<'_>], plan: Option<Key>, index: &TargetIndex) -> Vec<Extra> {
        let deleted = target.iter().any(|row| self.deleted(*row));
        let changed = target.iter().any(|row| self.added(*row));
        let reason = match index.plan(plan) {
            Some(plan) if plan.deleted => Some(Kept::Deleted),
            Some(plan) if !plan.tagged => Some(Kept::NotOurs),
            _ if deleted => Some(Kept::Deleted),
            _ if changed => Some(Kept::Changed),
            _ => None,
        };
        let extra = target.iter().map(|row| match (self.deleted(*row), self.added(*row), reason) {
            (true, ..) => Extra::Kept(Kept::Deleted),
            (_, true, _) => Extra::Kept(Kept::NotOurs),
            (.., reason) => reason.map_or(Extra::Lost(None), Extra::Kept),
        });
        extra.collect()
    }

    /// An imported row, not one of a set, that the dumps do not have.
    pub(super) fn extra(&self, target: Row<'_>, index: &TargetIndex) -> Extra {
        if self.deleted(target) {
            return Extra::Kept(Kept::Deleted);
        }
        let judged = match self.table {
            OPERATIONS => {
                let tag = self.tag(target, MARKS.len());
                let source = tag.as_deref().and_then(Source::of_tag);
                source.is_none_or(|source| self.knows_operations(source))
            }
            // Whose they are does not stand in them.
            TRIGGERS | STATES => self.compared.iter().all(|source| self.knows_operations(*source)),
            _ => true,
        };
        if judged { Extra::Lost(self.sign(target, index)) } else { Extra::Unknown }
    }
}

fn is_set(by_source: [bool; 2], source: Source) -> bool {
    let [vbs, dps] = by_source;
    match source {
        Source::Vbs => vbs,
        Source::Dps => dps,
    }
}
