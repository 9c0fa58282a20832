//! The policy side on its way to the target: from memory, table by table.
//!
//! Where the target has rows, all tables are compared and judged before any is written.

use crate::compare::comparison::{Comparison, Found, Taker};
use crate::compare::sql::{MARKS, OPERATIONS, PLANS, RESOURCES, TRIGGERS};
use crate::compare::{Extra, Judge, LostRows, Sign, Staging, Verdict, changes_schedule, forget_next_times};
use crate::error::{Error, Result};
use crate::karbor::WRITTEN;
use crate::karbor::layout::Layout;
use crate::load::Sink;
use crate::run::judged::Judged;
use crate::run::loading::Loading;
use crate::transform::resolved::PolicyRows;

/// Rows are handed to the sink in pieces of this size.
const PIECE_BYTES: usize = 256 * 1024;

/// The tables of the policy side: all but the copies.
const TABLES: std::ops::Range<usize> = 0..WRITTEN.len() - 1;

/// What is to be done with the rows of one table.
pub(super) struct Work {
    /// The numbers of the rows that are inserted, in order; all of them where nothing is compared.
    inserts: Option<Vec<u64>>,
    updates: Staging,
    pub(super) judged: Judged,
}

/// What is found out about the rows of one table.
struct Compared<'c> {
    table: usize,
    name: String,
    layouts: &'c [Layout; 6],
    writes: bool,
    inserts: Vec<u64>,
    updates: Staging,
    judged: Judged,
    /// Triggers whose schedule changes.
    triggers: &'c mut Vec<String>,
    /// Takes the rows that the dumps no longer have, where that is told.
    lost: Option<&'c mut LostRows>,
}

impl Taker for Compared<'_> {
    fn take(&mut self, judge: &Judge, found: Found<'_>) -> Result<()> {
        match found {
            Found::Row { number, own, target, verdict } => {
                self.judged.row(&self.name, &verdict, || judge.key(own.row, 0));
                if let (TRIGGERS, Verdict::Update(_), Some(target)) = (self.table, &verdict, target)
                    && changes_schedule(self.layouts, &judge.differences(own, target))
                {
                    self.triggers.extend(judge.key(own.row, 0).into_iter().next());
                }
                match verdict {
                    Verdict::Insert => self.inserts.push(number),
                    Verdict::Update(row) if self.writes => self.updates.push(&row),
                    _ => {}
                }
            }
            Found::Extra { target, extra: Extra::Lost(sign) } => {
                if let Some(lost) = &mut self.lost {
                    let key = judge.key(target, MARKS.len());
                    lost.note(self.table, &key, (sign, judge.changed(target)));
                    self.judged.lose(&self.name, &key, sign.map(Sign::words));
                }
            }
            Found::Extra { .. } => {}
        }
        Ok(())
    }

    fn flush(&mut self, sink: &mut dyn Sink, comparison: &Comparison) -> Result<()> {
        if self.updates.is_full() { self.updates.send(sink, comparison) } else { Ok(()) }
    }
}

impl Loading<'_> {
    /// Writes all tables of the policy side.
    pub(super) fn policies(
        &mut self,
        rows: PolicyRows<'_>,
        mut comparison: Option<&mut Comparison>,
    ) -> Result<()> {
        let mut triggers = Vec::new();
        let mut works = Vec::new();
        for table in TABLES {
            works.push(match comparison.as_deref_mut() {
                Some(comparison) => self.compare(table, rows, comparison, &mut triggers)?,
                None => Work { inserts: None, updates: Staging::new(table), judged: Judged::default() },
            });
        }
        let layouts = self.layouts;
        let mut updates = Vec::new();
        for (Work { inserts, updates: staged, judged }, (table, layout)) in
            works.into_iter().zip(TABLES.zip(layouts))
        {
            self.begin(layout)?;
            self.insert(table, layout, rows, inserts)?;
            self.end(layout)?;
            self.accounts.judged(table, judged);
            updates.push(staged);
        }
        if !self.writes {
            return Ok(());
        }
        if let (Some(comparison), Some(sink)) = (comparison, self.sink.as_deref_mut()) {
            for staged in updates {
                staged.apply(sink, comparison)?;
            }
            if let Some(session) = sink.session() {
                let removed = forget_next_times(session, &triggers)?;
                self.accounts.next_times_removed(removed);
            }
        }
        Ok(())
    }

    /// Compares one table, and puts what is to be updated where it waits for that.
    fn compare(
        &mut self,
        table: usize,
        rows: PolicyRows<'_>,
        comparison: &mut Comparison,
        triggers: &mut Vec<String>,
    ) -> Result<Work> {
        let tells_lost = tells_lost(table, rows, comparison);
        let Some(sink) = self.sink.as_deref_mut() else {
            return Err(Error::Imbalance("rows were to be compared with no database".to_owned()));
        };
        let mut compared = Compared {
            table,
            name: comparison.name(table).to_owned(),
            layouts: self.layouts,
            writes: self.writes,
            inserts: Vec::new(),
            updates: Staging::new(table),
            judged: Judged::default(),
            triggers,
            lost: tells_lost.then_some(&mut self.lost),
        };
        let summary = comparison.policy_table(sink, table, rows, self.cancel, &mut compared)?;
        let Compared { mut inserts, updates, mut judged, .. } = compared;
        judged.tally.unchanged += summary.equal;
        inserts.sort_unstable();
        Ok(Work { inserts: Some(inserts), updates, judged })
    }

    /// Sends rows of one table.
    fn insert(
        &mut self,
        table: usize,
        layout: &Layout,
        rows: PolicyRows<'_>,
        inserts: Option<Vec<u64>>,
    ) -> Result<()> {
        if inserts.as_ref().is_some_and(Vec::is_empty) {
            return Ok(());
        }
        let mut wanted = inserts.map(|inserts| inserts.into_iter().peekable());
        let (mut bytes, mut waiting, mut number) = (Vec::with_capacity(PIECE_BYTES), 0, 0);
        rows.each(table, layout, &mut |row, _| {
            let sends = wanted.as_mut().is_none_or(|wanted| wanted.next_if_eq(&number).is_some());
            number += 1;
            if sends {
                bytes.extend_from_slice(row.bytes());
                waiting += 1;
            }
            if bytes.len() >= PIECE_BYTES {
                self.send(std::mem::take(&mut bytes), std::mem::take(&mut waiting))?;
            }
            Ok(())
        })?;
        self.send(bytes, waiting)
    }
}

/// Whether rows of a table that the dumps do not have are told: not those that go with others, and not where policies were set
/// aside or a source table is missing, because then nobody can tell.
fn tells_lost(table: usize, rows: PolicyRows<'_>, comparison: &Comparison) -> bool {
    let scope = &comparison.scope;
    matches!(table, PLANS | RESOURCES | OPERATIONS)
        && rows.sources.rejections.rows == 0
        && scope.compared(table).all(|source| scope.judges_absence(table, source))
}
