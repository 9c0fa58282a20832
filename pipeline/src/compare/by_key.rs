//! A few rows compared by their keys, which are looked up in the target one by one.

use super::policies::Set;
use super::sql::{self, RESOURCES};
use super::{Batch, Own, Unit};
use crate::compare::comparison::{Comparison, Found, Taker, session};
use crate::error::Result;
use crate::karbor::Source;
use crate::karbor::tuple::Rows;
use crate::load::Sink;
use crate::load::session::Session;

/// A row of the dumps.
#[derive(Clone, Debug)]
pub(crate) struct KeyedRow {
    /// The value of its first key column.
    pub(crate) key: String,
    pub(crate) source: Source,
    pub(crate) unit: Unit,
    pub(crate) bytes: Vec<u8>,
}

impl Comparison {
    /// Judges rows of one table; those of a plan's resources must be all that it has.
    ///
    /// # Errors
    /// The target's, or those of `taker`.
    pub(crate) fn judge_keyed(
        &mut self,
        sink: &mut dyn Sink,
        table: usize,
        rows: &[KeyedRow],
        taker: &mut dyn Taker,
    ) -> Result<()> {
        if table == RESOURCES {
            return self.judge_keyed_sets(sink, rows, taker);
        }
        let layout = self.layout(table)?.clone();
        let mut batch = Batch::default();
        for (number, keyed) in (0u64..).zip(rows) {
            let Some(row) = Rows::new(&layout, &keyed.bytes).next() else { continue };
            let place = self.places(session(sink)?, table, &keyed.key)?.first().copied();
            batch.push(number, Own { source: keyed.source, row, unit: keyed.unit }, place);
        }
        self.judge_batch(session(sink)?, table, &mut batch, &mut |judge, found| taker.take(judge, found))
    }

    fn judge_keyed_sets(
        &mut self,
        sink: &mut dyn Sink,
        rows: &[KeyedRow],
        taker: &mut dyn Taker,
    ) -> Result<()> {
        self.index(session(sink)?)?;
        let mut sets = Vec::new();
        for plan in rows.chunk_by(|one, next| one.key == next.key) {
            let Some(first) = plan.first() else { continue };
            let places = self.places(session(sink)?, RESOURCES, &first.key)?;
            let mut set = Set { places, ..Set::default() };
            for (number, keyed) in (0u64..).zip(plan) {
                set.own.extend_from_slice(&keyed.bytes);
                set.owners.push((number, keyed.source, keyed.unit));
            }
            sets.push(set);
        }
        self.judge_sets(sink, &mut sets, taker)
    }

    /// Judges rows of the target that have this key, and that the dumps do not have.
    ///
    /// # Errors
    /// The target's, or those of `taker`.
    pub(crate) fn judge_only_in_target(
        &mut self,
        sink: &mut dyn Sink,
        table: usize,
        key: &str,
        taker: &mut dyn Taker,
    ) -> Result<()> {
        self.index(session(sink)?)?;
        let places = self.places(session(sink)?, table, key)?;
        let fetched = self.fetch(session(sink)?, table, &places)?;
        let (judge, marked) = (self.judge(table)?, self.sql().marked_layout(table));
        let Some(index) = &self.index else { return Ok(()) };
        for place in &places {
            let row = fetched.get(place).and_then(|bytes| Rows::new(&marked, bytes).next());
            let Some(target) = row else { continue };
            taker.take(judge, Found::Extra { target, extra: judge.extra(target, index) })?;
        }
        Ok(())
    }

    fn places(&self, session: &mut dyn Session, table: usize, key: &str) -> Result<Vec<u64>> {
        let mut places = Vec::new();
        session.query("looking a row up", &self.sql().located_at(table, key), &mut |row| {
            places.extend(row.first().copied().flatten().and_then(sql::locator));
            Ok(())
        })?;
        Ok(places)
    }
}
