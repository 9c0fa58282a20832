//! The policy side against a target, table by table. All rows are judged by what the target has before any is written.

use super::classify::{Classes, Entry, Kind};
use super::sql::{MARKS, OPERATIONS, PLANS, RESOURCES, TRIGGERS};
use super::{Batch, Judge, Own, Unit};
use crate::compare::comparison::{Comparison, Found, Taker, session};
use crate::compare::verdict::JudgedSet;
use crate::error::{Error, Result};
use crate::karbor::tuple::{Row, Rows};
use crate::load::Sink;
use crate::progress::Cancel;
use crate::transform::resolved::{Owner, PolicyRows};
use std::collections::HashMap;

/// What a comparison of one table comes to, beside what was taken row by row.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Summary {
    /// Rows that the dumps give.
    pub(crate) rows: u64,
    /// Those of them that the target has as they are.
    pub(crate) equal: u64,
    /// Imported rows that wait in the dumps.
    pub(crate) waiting: u64,
}

/// Rows of the dumps of one set, and where its rows lie in the target.
#[derive(Default)]
pub(super) struct Set {
    pub(super) own: Vec<u8>,
    pub(super) owners: Vec<(u64, crate::karbor::Source, Unit)>,
    pub(super) places: Vec<u64>,
}

impl Comparison {
    /// Compares a table of the policy side.
    ///
    /// # Errors
    /// The target's, those of `take`, or two rows of the dumps have one key.
    pub(crate) fn policy_table(
        &mut self,
        sink: &mut dyn Sink,
        table: usize,
        rows: PolicyRows<'_>,
        cancel: &Cancel,
        taker: &mut dyn Taker,
    ) -> Result<Summary> {
        let mut classifier = self.read_target(session(sink)?, table, &|| cancel.check())?;
        let layout = self.layout(table)?.clone();
        let digester = self.digester(table)?.clone();
        let (mut number, mut newest) = (0, None);
        rows.each(table, &layout, &mut |row, _| {
            cancel.check()?;
            newest = newest.max(digester.stamp(row));
            let (key, digest) = (digester.key(row, 0).0, digester.row(row, 0));
            classifier.push(Entry { key, kind: Kind::Dumps, place: number, row: digest })?;
            number += 1;
            Ok(())
        })?;
        self.note_newest(newest);
        let mut classes = self.classify(table, classifier)?;
        self.refuse_doubled(table, rows, &classes)?;
        if table == RESOURCES {
            self.sets(sink, rows, &mut classes, taker)?;
        } else {
            self.rows(sink, table, (rows, &mut classes), taker)?;
            let mut take = |judge: &Judge, found: Found<'_>| taker.take(judge, found);
            while self.judge_extra(session(sink)?, table, &mut classes, &mut take)? {}
        }
        taker.flush(sink, self)?;
        Ok(Summary { rows: number, equal: classes.equal, waiting: classes.waiting })
    }

    /// Two rows of the dumps with one key: which of them is right, nobody knows.
    fn refuse_doubled(&self, table: usize, rows: PolicyRows<'_>, classes: &Classes) -> Result<()> {
        let Some(doubled) = classes.doubled.least else { return Ok(()) };
        let (judge, mut number, mut key) = (self.judge(table)?, 0, String::new());
        rows.each(table, self.layout(table)?, &mut |row, _| {
            if number == doubled.first.number {
                key = judge.key(row, 0).join(", ");
            }
            number += 1;
            Ok(())
        })?;
        Err(Error::target(
            format!("{}: the dumps contain two rows with the key {key}", self.name(table)),
            "see which of the dumps' rows with this id is right, and take the other one out",
        ))
    }

    pub(crate) fn unit(&self, table: usize, owner: Owner<'_>) -> Result<Unit> {
        if table == PLANS {
            return Ok(Unit::default());
        }
        let operation = owner.view.operations.get(owner.nth);
        let (triggers, operations) = (self.digester(TRIGGERS)?, self.digester(OPERATIONS)?);
        Ok(Unit {
            plan: self.digester(PLANS)?.key_of(owner.plan_id),
            trigger: operation.and_then(|operation| triggers.key_of(operation.key.trigger().as_str())),
            operation: operation.and_then(|operation| operations.key_of(operation.key.operation().as_str())),
        })
    }

    fn rows(
        &mut self,
        sink: &mut dyn Sink,
        table: usize,
        (rows, classes): (PolicyRows<'_>, &mut Classes),
        taker: &mut dyn Taker,
    ) -> Result<()> {
        if classes.todo.peek().is_none() {
            return Ok(());
        }
        self.refuse_doubled_target(session(sink)?, table, classes)?;
        let layout = self.layout(table)?.clone();
        let (mut number, mut batch) = (0, Batch::default());
        rows.each(table, &layout, &mut |row, owner| {
            if let Some(todo) = classes.todo.next_if(|todo| todo.number == number)? {
                let own = Own { source: owner.view.source, row, unit: self.unit(table, owner)? };
                batch.push(number, own, todo.target);
                if self.is_full(&batch) {
                    self.judge_batch(session(sink)?, table, &mut batch, &mut |judge, found| {
                        taker.take(judge, found)
                    })?;
                    taker.flush(sink, self)?;
                }
            }
            number += 1;
            Ok(())
        })?;
        self.judge_batch(session(sink)?, table, &mut batch, &mut |judge, found| taker.take(judge, found))
    }

    /// The resources of plans, by sets.
    fn sets(
        &mut self,
        sink: &mut dyn Sink,
        rows: PolicyRows<'_>,
        classes: &mut Classes,
        taker: &mut dyn Taker,
    ) -> Result<()> {
        if classes.todo.peek().is_none() && classes.sets.is_empty() {
            return Ok(());
        }
        self.index(session(sink)?)?;
        let layout = self.layout(RESOURCES)?.clone();
        let (mut number, mut waiting, mut current) = (0, Vec::new(), None);
        rows.each(RESOURCES, &layout, &mut |row, owner| {
            if classes.todo.next_if(|todo| todo.number == number)?.is_some() {
                let key = self.digester(RESOURCES)?.key(row, 0);
                if current != Some(key) {
                    if self.is_enough(&waiting) {
                        self.judge_sets(sink, &mut waiting, taker)?;
                    }
                    let places = classes.sets.remove(&key.0).unwrap_or_default();
                    waiting.push(Set { own: Vec::new(), owners: Vec::new(), places });
                    current = Some(key);
                }
                if let Some(set) = waiting.last_mut() {
                    set.own.extend_from_slice(row.bytes());
                    set.owners.push((number, owner.view.source, self.unit(RESOURCES, owner)?));
                }
            }
            number += 1;
            Ok(())
        })?;
        self.judge_sets(sink, &mut waiting, taker)?;
        // Sets that the dumps do not have at all, in the target's order.
        let mut lost: Vec<Vec<u64>> = classes.sets.drain().map(|(_, places)| places).collect();
        lost.sort_unstable();
        for places in lost {
            waiting.push(Set { own: Vec::new(), owners: Vec::new(), places });
            if self.is_enough(&waiting) {
                self.judge_sets(sink, &mut waiting, taker)?;
            }
        }
        self.judge_sets(sink, &mut waiting, taker)
    }

    fn is_enough(&self, sets: &[Set]) -> bool {
        let rows: usize = sets.iter().map(|set| set.owners.len() + set.places.len()).sum();
        rows >= self.tuning.batch_rows
    }

    pub(super) fn judge_sets(
        &mut self,
        sink: &mut dyn Sink,
        sets: &mut Vec<Set>,
        taker: &mut dyn Taker,
    ) -> Result<()> {
        let places: Vec<_> = sets.iter().flat_map(|set| set.places.iter().copied()).collect();
        let fetched: HashMap<u64, Box<[u8]>> = self.fetch(session(sink)?, RESOURCES, &places)?;
        let (judge, layout) = (self.judge(RESOURCES)?, self.layout(RESOURCES)?);
        let marked = self.sql().marked_layout(RESOURCES);
        let plans = self.digester(PLANS)?;
        let Some(index) = &self.index else { return Ok(()) };
        for set in sets.drain(..) {
            let target: Vec<Row<'_>> = set
                .places
                .iter()
                .filter_map(|place| Rows::new(&marked, fetched.get(place)?).next())
                .collect();
            if set.owners.is_empty() {
                let plan = target.first().map(|row| judge.key(*row, MARKS.len()));
                let plan = plan.and_then(|key| plans.key_of(key.first()?));
                for (target, extra) in target.iter().zip(judge.lost_set(&target, plan, index)) {
                    taker.take(judge, Found::Extra { target: *target, extra })?;
                }
                continue;
            }
            let own: Vec<_> = Rows::new(layout, &set.own)
                .zip(&set.owners)
                .map(|(row, (_, source, unit))| Own { source: *source, row, unit: *unit })
                .collect();
            let JudgedSet { rows, extra } = judge.set(&own, &target, index);
            for ((own, (verdict, same)), (number, ..)) in own.iter().zip(rows).zip(&set.owners) {
                let target = same.and_then(|n| target.get(n)).copied();
                taker.take(judge, Found::Row { number: *number, own: *own, target, verdict })?;
            }
            for (n, extra) in extra {
                if let Some(target) = target.get(n) {
                    taker.take(judge, Found::Extra { target: *target, extra })?;
                }
            }
        }
        taker.flush(sink, self)
    }
}
