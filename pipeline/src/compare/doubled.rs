//! Rows of the dumps whose keys come twice: which of the two is right, nobody knows.

use super::sort::{Record, Sorter, bytes_at};
use crate::error::Result;

/// How the key of a row of the dumps is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Known {
    /// It became a row of the target.
    Row,
    /// It waits for a later run, or breaks a rule.
    Waiting,
    /// It was skipped.
    Skipped,
    /// By the key of its source table alone.
    Apart,
}

impl Known {
    /// All, in order.
    pub(crate) const ALL: [Self; 4] = [Self::Row, Self::Waiting, Self::Skipped, Self::Apart];
}

/// A row of the dumps, by its number among those whose keys are known in the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Numbered {
    pub(crate) known: Known,
    pub(crate) number: u64,
}

/// Two rows of the dumps with one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Pair {
    pub(crate) second: Numbered,
    pub(crate) first: Numbered,
}

/// Rows of the dumps with a key that another has: how many at least, and the first two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Doubled {
    pub(crate) rows: u64,
    pub(crate) least: Option<Pair>,
}

impl Doubled {
    pub(super) fn note(&mut self, first: Numbered, second: Numbered) {
        self.rows += 1;
        self.add(Self { rows: 0, least: Some(Pair { second, first }) });
    }

    /// Adds what was found by another key of the same rows: a row may be among both, so the number is the least there can be.
    pub(super) fn add(&mut self, other: Self) {
        self.rows = self.rows.max(other.rows);
        self.least = match (self.least, other.least) {
            (Some(own), Some(other)) => Some(own.min(other)),
            (own, other) => own.or(other),
        };
    }
}

/// A key of the dumps alone, where only rows that are there twice are looked for. 22 bytes on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct KeyOf {
    pub(crate) key: u128,
    pub(crate) row: Numbered,
}

impl Record for KeyOf {
    const BYTES: usize = 22;

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.key.to_le_bytes());
        let known = Known::ALL.iter().position(|known| *known == self.row.known);
        let known = known.and_then(|n| u64::try_from(n).ok()).unwrap_or(0);
        // No dumps have 2^46 rows.
        let packed = self.row.number << 2 | known;
        out.extend(packed.to_le_bytes().iter().take(6));
    }

    fn read(bytes: &[u8]) -> Self {
        let mut packed = [0; 8];
        packed.iter_mut().zip(bytes.get(16..).unwrap_or_default()).for_each(|(to, from)| *to = *from);
        let packed = u64::from_le_bytes(packed);
        let known = usize::try_from(packed & 3).ok().and_then(|n| Known::ALL.get(n));
        Self {
            key: u128::from_le_bytes(bytes_at(bytes, 0)),
            row: Numbered { known: known.copied().unwrap_or(Known::Row), number: packed >> 2 },
        }
    }
}

/// The rows that have a key which another has.
///
/// # Errors
/// The disk's.
pub(crate) fn doubled(keys: Sorter<KeyOf>) -> Result<Doubled> {
    let mut sorted = keys.sorted()?;
    let (mut doubled, mut apart) = (Doubled::default(), Doubled::default());
    let mut first: Option<KeyOf> = None;
    while let Some(next) = sorted.next()? {
        match first.filter(|first| first.key == next.key) {
            None => first = Some(next),
            Some(first) if next.row.known == Known::Apart => apart.note(first.row, next.row),
            Some(first) => doubled.note(first.row, next.row),
        }
    }
    doubled.add(apart);
    Ok(doubled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Spool;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn a_key_that_comes_twice_is_found_with_its_rows(
            keys in proptest::collection::vec((0u128..40, 0usize..4), 0..60),
            memory in prop_oneof![Just(1usize), 1usize..500],
        ) {
            let spool = Spool { memory, ..Spool::in_folder(&std::env::temp_dir()) };
            let mut sorter = Sorter::new(&spool);
            let rows: Vec<_> = keys.iter().enumerate().map(|(n, (key, known))| KeyOf {
                key: *key, row: Numbered { known: Known::ALL[*known], number: n as u64 },
            }).collect();
            for row in &rows {
                sorter.push(*row).unwrap();
            }
            let (mut expected, mut apart) = (Doubled::default(), Doubled::default());
            for key in rows.iter().map(|row| row.key).collect::<BTreeSet<_>>() {
                let mut same: Vec<_> = rows.iter().filter(|row| row.key == key).map(|row| row.row).collect();
                same.sort_unstable();
                for second in &same[1..] {
                    let of = if second.known == Known::Apart { &mut apart } else { &mut expected };
                    of.note(same[0], *second);
                }
            }
            expected.add(apart);
            prop_assert_eq!(super::doubled(sorter).unwrap(), expected);
        }
    }
}
