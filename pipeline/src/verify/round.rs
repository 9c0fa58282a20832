//! The rows of the dumps whose buckets differ, as many buckets at a time as fit the budget.
//!
//! How many rows a bucket has is not known before they come. So a round begins with all buckets that are left, and gives up
//! the last of them whenever it holds too much; those are the next round's.

use crate::compare::{Key, Span};
use crate::error::{Error, Result};
use crate::karbor::Source;
use crate::karbor::tuple::Row;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a round may hold, its own bookkeeping included.
const BUDGET_BYTES: usize = 4 << 20;

/// What a held row costs beside its bytes, in a tree that is two thirds full.
const ROW_BYTES: usize = 256;

/// Where a row is held: its bucket, its key, and what tells rows with one key apart.
pub(super) type Place = (usize, Key, u64);

/// What a trigger, an operation, a state or a resource belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unit {
    pub(super) plan: Option<Key>,
    pub(super) trigger: Option<Key>,
    pub(super) operation: Option<Key>,
}

/// A row of the dumps.
pub(super) struct Entry {
    pub(super) source: Source,
    /// Its bytes; `None` where only its key is known, because a later run takes it.
    pub(super) row: Option<Box<[u8]>>,
    /// What it belongs to, on the policy side.
    pub(super) unit: Option<Box<Unit>>,
    /// Whether the target's row was seen.
    pub(super) matched: bool,
}

impl Entry {
    /// A row, and what it belongs to.
    pub(super) fn row(source: Source, row: Row<'_>, unit: Option<Unit>) -> Self {
        Self { source, row: Some(row.bytes().into()), unit: unit.map(Box::new), matched: false }
    }

    /// A row of which only the key is known: whose it is does not matter.
    pub(super) fn waits() -> Self {
        Self { source: Source::Vbs, row: None, unit: None, matched: false }
    }
}

/// One round.
pub(super) struct Round {
    /// Its buckets; those that it gives up are the next round's.
    pub(super) span: Arc<Span>,
    bytes: usize,
    pub(super) rows: BTreeMap<Place, Entry>,
}

impl Round {
    /// A round over the buckets from this one on.
    pub(super) fn new(from: usize) -> Self {
        Self { span: Arc::new(Span::new(from)), bytes: 0, rows: BTreeMap::new() }
    }

    /// Whether a bucket is this round's.
    pub(super) fn wants(&self, bucket: usize) -> bool {
        self.span.contains(bucket)
    }

    /// Holds a row.
    ///
    /// # Errors
    /// The dumps hold two rows with its key, and which of them is right, nobody knows.
    pub(super) fn hold(
        &mut self,
        place: Place,
        entry: Entry,
        doubled: impl FnOnce() -> String,
    ) -> Result<()> {
        if !self.wants(place.0) {
            return Ok(());
        }
        let is_row = entry.row.is_some();
        if let Some(known) = self.rows.get(&place) {
            // Of a row and a mere key of the same, the row counts.
            match (known.row.is_some(), is_row) {
                (true, true) => {
                    return Err(Error::target(
                        format!("{}: the dumps hold two rows with this key", doubled()),
                        "see which of the dumps' rows with this id is right, and take the other one out",
                    ));
                }
                (_, false) => return Ok(()),
                (false, true) => {}
            }
        }
        self.bytes += ROW_BYTES + entry.row.as_ref().map_or(0, |row| row.len());
        self.rows.insert(place, entry);
        while self.bytes > BUDGET_BYTES && self.gives_up() {}
        Ok(())
    }

    /// Leaves the last bucket to the next round, unless it is the only one.
    fn gives_up(&mut self) -> bool {
        let (Some((first, ..)), Some((last, ..))) =
            (self.rows.keys().next().copied(), self.rows.keys().next_back().copied())
        else {
            return false;
        };
        if first == last {
            return false;
        }
        while self.rows.last_key_value().is_some_and(|((bucket, ..), _)| *bucket == last) {
            if let Some((_, entry)) = self.rows.pop_last() {
                self.bytes -= ROW_BYTES + entry.row.map_or(0, |row| row.len());
            }
        }
        self.span.end_at(last);
        true
    }

    /// Where the next round begins; `None` after the last.
    pub(super) fn next(&self) -> Option<usize> {
        self.span.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(bytes: usize) -> Entry {
        Entry { source: Source::Vbs, row: Some(vec![0; bytes].into()), unit: None, matched: false }
    }

    #[test]
    fn rounds_hold_every_row_once_and_never_more_than_the_budget() {
        let rows: Vec<usize> = (0..4_000).map(|n| n * 7_919 % 512).collect();
        let (mut from, mut held, mut rounds) = (0, 0, 0);
        loop {
            let mut round = Round::new(from);
            for (n, bucket) in rows.iter().enumerate() {
                round.hold((*bucket, Key(n as u128), 0), entry(8_000), String::new).unwrap();
                assert!(round.bytes <= BUDGET_BYTES);
            }
            assert!(round.rows.keys().all(|(bucket, ..)| round.wants(*bucket)));
            (held, rounds) = (held + round.rows.len(), rounds + 1);
            match round.next() {
                Some(next) => from = next,
                None => break,
            }
        }
        assert_eq!(held, rows.len());
        assert!((8..16).contains(&rounds), "{rounds}");
    }

    #[test]
    fn one_bucket_is_held_whatever_it_takes_and_a_doubled_row_is_refused() {
        let mut round = Round::new(0);
        for n in 0..10 {
            round.hold((3, Key(n), 0), entry(1 << 20), String::new).unwrap();
        }
        assert_eq!((round.rows.len(), round.next()), (10, None));
        let waits = Entry { row: None, ..entry(0) };
        round.hold((3, Key(1), 0), waits, String::new).unwrap();
        let doubled = round.hold((3, Key(1), 0), entry(1), || "plans p1".to_owned()).unwrap_err();
        assert!(doubled.to_string().starts_with("plans p1: the dumps hold two rows"), "{doubled}");
    }
}
