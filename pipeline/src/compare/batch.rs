//! Rows that are judged together: the target's are read again by where they lie.

use super::classify::Classes;
use super::index::TargetIndex;
use super::sql;
use super::sql::MARKS;
use super::verdict::{Extra, Own, Unit};
use crate::compare::comparison::{BATCH_BYTES, Comparison, Found, Take, located};
use crate::error::{Error, Result};
use crate::karbor::tuple::Rows;
use crate::load::session::Session;
use crate::options::BATCH_ROWS;
use std::collections::HashMap;

impl Comparison {
    /// Rows of the target by where they lie.
    pub(super) fn fetch(
        &self,
        session: &mut dyn Session,
        table: usize,
        places: &[u64],
    ) -> Result<HashMap<u64, Box<[u8]>>> {
        let mut rows = HashMap::with_capacity(places.len());
        let sql = self.sql();
        let marked = sql.marked_layout(table);
        for places in places.chunks(BATCH_ROWS) {
            session.read(&marked, &sql.rows_at(table, places), &mut |bytes| {
                if let Some(row) = Rows::new(&marked, bytes).next() {
                    rows.insert(located(&marked, row)?, row.bytes().into());
                }
                Ok(())
            })?;
        }
        if rows.len() == places.len() {
            return Ok(rows);
        }
        let what =
            format!("{} rows of {} were read, and {} again", places.len(), self.name(table), rows.len());
        Err(Error::Imbalance(what))
    }

    /// Judges rows of the dumps, with the target's rows of their keys, and forgets them.
    ///
    /// # Errors
    /// The target's, or those of `take`.
    pub(crate) fn judge_batch(
        &mut self,
        session: &mut dyn Session,
        table: usize,
        batch: &mut Batch,
        take: &mut Take<'_>,
    ) -> Result<()> {
        if batch.rows.is_empty() {
            return Ok(());
        }
        self.index(session)?;
        let places: Vec<_> = batch.rows.iter().filter_map(|row| row.target).collect();
        let fetched = self.fetch(session, table, &places)?;
        let (judge, layout, marked) =
            (self.judge(table)?, self.layout(table)?, self.sql().marked_layout(table));
        let none = TargetIndex::default();
        let index = self.index.as_ref().unwrap_or(&none);
        for (pending, row) in batch.rows.iter().zip(Rows::new(layout, &batch.bytes)) {
            let own = Own { source: pending.source, row, unit: pending.unit };
            let target = pending.target.and_then(|place| fetched.get(&place));
            let target = target.and_then(|bytes| Rows::new(&marked, bytes).next());
            let verdict = judge.row(own, target, index);
            take(judge, Found::Row { number: pending.number, own, target, verdict })?;
        }
        batch.rows.clear();
        batch.bytes.clear();
        Ok(())
    }

    /// Judges some of the imported rows of a table without sets whose keys the dumps do not have; returns whether there were any.
    ///
    /// # Errors
    /// The target's, or those of `take`.
    pub(crate) fn judge_extra(
        &mut self,
        session: &mut dyn Session,
        table: usize,
        classes: &mut Classes,
        take: &mut Take<'_>,
    ) -> Result<bool> {
        let mut last_made = self.last_made.take();
        let mut places = Vec::new();
        while places.len() < self.tuning.batch_rows
            && let Some(place) = classes.extra.next_if(|_| true)?
        {
            places.push(place);
        }
        if !places.is_empty() {
            // Of copies everything shows in their own rows.
            if table != sql::ITEMS {
                self.index(session)?;
            }
            let none = TargetIndex::default();
            let index = self.index.as_ref().unwrap_or(&none);
            let fetched = self.fetch(session, table, &places)?;
            let (judge, marked) = (self.judge(table)?, self.sql().marked_layout(table));
            for place in &places {
                let row = fetched.get(place).and_then(|bytes| Rows::new(&marked, bytes).next());
                let Some(target) = row else { continue };
                let extra = judge.extra(target, index);
                let made = judge.created(target).filter(|_| matches!(extra, Extra::Lost(_)));
                if let Some(made) = made.filter(|made| last_made.as_ref().is_none_or(|last| last.0 < *made)) {
                    last_made = Some((made, table, judge.key(target, MARKS.len())));
                }
                take(judge, Found::Extra { target, extra })?;
            }
        }
        self.last_made = last_made;
        Ok(!places.is_empty())
    }
}

/// Rows of the dumps that wait to be judged together.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    rows: Vec<Pending>,
    bytes: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Pending {
    number: u64,
    source: crate::karbor::Source,
    unit: Unit,
    target: Option<u64>,
}

impl Batch {
    /// Takes a row, with where the target's row of its key lies.
    pub(crate) fn push(&mut self, number: u64, own: Own<'_>, target: Option<u64>) {
        self.rows.push(Pending { number, source: own.source, unit: own.unit, target });
        self.bytes.extend_from_slice(own.row.bytes());
    }
}

impl Comparison {
    /// Whether a batch is to be judged now.
    pub(crate) fn is_full(&self, batch: &Batch) -> bool {
        batch.rows.len() >= self.tuning.batch_rows || batch.bytes.len() >= BATCH_BYTES
    }
}
