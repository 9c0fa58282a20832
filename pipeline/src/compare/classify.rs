//! Which rows of the dumps and of the target are the same: both sides' keys, sorted and merged.
//!
//! Every key is exactly one of: only in the dumps, only in the target, in both with equal or with different rows, or in the
//! target and known to the dumps as a copy that waits for a later run.

use super::doubled::{Doubled, Known, Numbered};
use super::sort::{Peekable, Record, Sorter, bytes_at};
use crate::error::Result;
use crate::options::Spool;
use std::collections::HashMap;

/// What a row is that has an [`Entry`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// A row that the dumps give; its place is its number among them.
    Dumps,
    /// A row of `backups` that a later run takes, or that breaks a rule; its place is its number among the waiting ones.
    Waiting,
    /// A row of `backups` that was skipped; its place is its number among those.
    Skipped,
    /// A DPS copy that waits. Several may name one copy: the key of their table is another one.
    WaitingItem,
    /// An imported row of the target; its place is where it lies.
    Imported,
    /// Another row of the target; only its key was read.
    Other,
}

impl Kind {
    const ALL: [Self; 6] =
        [Self::Dumps, Self::Waiting, Self::Skipped, Self::WaitingItem, Self::Imported, Self::Other];
}

/// A row of one side. 41 bytes on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    /// The digest of its key.
    pub(crate) key: u128,
    pub(crate) kind: Kind,
    pub(crate) place: u64,
    /// The digest of the row; 0 where only the key is known.
    pub(crate) row: u128,
}

impl Record for Entry {
    const BYTES: usize = 41;

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.key.to_le_bytes());
        out.extend_from_slice(&self.row.to_le_bytes());
        self.place.write(out);
        let kind = Kind::ALL.iter().position(|kind| *kind == self.kind).and_then(|n| u8::try_from(n).ok());
        out.push(kind.unwrap_or(0));
    }

    fn read(bytes: &[u8]) -> Self {
        let kind = bytes.get(40).and_then(|kind| Kind::ALL.get(usize::from(*kind)));
        Self {
            key: u128::from_le_bytes(bytes_at(bytes, 0)),
            row: u128::from_le_bytes(bytes_at(bytes, 16)),
            place: u64::from_le_bytes(bytes_at(bytes, 32)),
            kind: kind.copied().unwrap_or(Kind::Dumps),
        }
    }
}

/// A row of the dumps that is not equal to one of the target. 17 bytes on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Todo {
    /// Its number among the rows of the dumps.
    pub(crate) number: u64,
    /// Where the target's row with its key lies, if there is one.
    pub(crate) target: Option<u64>,
}

impl Record for Todo {
    const BYTES: usize = 17;

    fn write(&self, out: &mut Vec<u8>) {
        self.number.write(out);
        out.push(u8::from(self.target.is_some()));
        self.target.unwrap_or(0).write(out);
    }

    fn read(bytes: &[u8]) -> Self {
        let target = u64::from_le_bytes(bytes_at(bytes, 9));
        Self {
            number: u64::from_le_bytes(bytes_at(bytes, 0)),
            target: (bytes.get(8) == Some(&1)).then_some(target),
        }
    }
}

/// What became of the keys of one table.
#[derive(Debug)]
pub(crate) struct Classes {
    /// The rows of the dumps that are new or different, in the dumps' order.
    pub(crate) todo: Peekable<Todo>,
    /// Where the imported rows lie whose keys the dumps do not have, in the target's order.
    pub(crate) extra: Peekable<u64>,
    /// Of a table whose rows are compared by sets: the sets that differ, with where their rows lie in the target.
    pub(crate) sets: HashMap<u128, Vec<u64>>,
    /// Rows of the dumps that are equal to the target's.
    pub(crate) equal: u64,
    /// Imported rows of the target that wait in the dumps.
    pub(crate) waiting: u64,
    /// Imported rows of the target.
    pub(crate) imported: u64,
    /// Rows of the dumps with a key that another has.
    pub(crate) doubled: Doubled,
    /// Where a row of the target lies whose key, which the dumps have too, another of its rows has.
    pub(crate) doubled_in_target: Option<u64>,
}

/// Takes the entries of both sides, and classifies them.
pub(crate) struct Classifier {
    spool: Spool,
    entries: Sorter<Entry>,
    /// Entries that were taken elsewhere.
    others: Vec<Sorter<Entry>>,
    /// Whether a key names a set of rows.
    sets: bool,
    /// Rows that another key than the target's has twice.
    apart: Doubled,
}

impl Classifier {
    pub(crate) fn new(spool: &Spool, sets: bool) -> Self {
        let (entries, others) = (Sorter::new(spool), Vec::new());
        Self { spool: spool.clone(), entries, others, sets, apart: Doubled::default() }
    }

    /// Adds what another one took.
    pub(crate) fn add(&mut self, other: Self) {
        self.others.push(other.entries);
        self.others.extend(other.others);
        self.apart.add(other.apart);
    }

    /// Notes rows that another key than the target's has twice.
    pub(crate) fn note_doubled(&mut self, doubled: Doubled) {
        self.apart.add(doubled);
    }

    pub(crate) fn push(&mut self, entry: Entry) -> Result<()> {
        self.entries.push(entry)
    }

    /// Whether there are no entries yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.others.iter().all(Sorter::is_empty)
    }

    pub(crate) fn classify(self) -> Result<Classes> {
        let mut merging = Merging {
            todo: Sorter::new(&self.spool),
            extra: Sorter::new(&self.spool),
            sets: HashMap::new(),
            equal: 0,
            waiting: 0,
            imported: 0,
            doubled: Doubled::default(),
            doubled_in_target: None,
        };
        let mut entries = Entries::default();
        for sorter in self.others.into_iter().chain([self.entries]) {
            entries.0.push(Peekable::new(sorter.sorted()?)?);
        }
        if self.sets {
            merging.sets(&mut entries)?
        } else {
            merging.rows(&mut entries)?
        }
        drop(entries);
        let mut doubled = merging.doubled;
        doubled.add(self.apart);
        Ok(Classes {
            todo: Peekable::new(merging.todo.sorted()?)?,
            extra: Peekable::new(merging.extra.sorted()?)?,
            sets: merging.sets,
            equal: merging.equal,
            waiting: merging.waiting,
            imported: merging.imported,
            doubled,
            doubled_in_target: merging.doubled_in_target,
        })
    }
}

/// The entries of all sorters in order.
#[derive(Default)]
struct Entries(Vec<Peekable<Entry>>);

impl Entries {
    fn next(&mut self) -> Result<Option<Entry>> {
        let least = self.0.iter_mut().filter(|one| one.peek().is_some()).min_by_key(|one| one.peek());
        least.map_or(Ok(None), |one| one.next_if(|_| true))
    }
}

struct Merging {
    todo: Sorter<Todo>,
    extra: Sorter<u64>,
    sets: HashMap<u128, Vec<u64>>,
    equal: u64,
    waiting: u64,
    imported: u64,
    doubled: Doubled,
    doubled_in_target: Option<u64>,
}

/// The rows with one key, in the order of their kinds.
#[derive(Default)]
struct SameKey {
    dumps: Option<Entry>,
    /// The first row of the dumps whose key is that of its source table, too.
    first: Option<Numbered>,
    waiting: bool,
    target: Option<Entry>,
}

impl Merging {
    fn rows(&mut self, entries: &mut Entries) -> Result<()> {
        let (mut key, mut same) = (None, SameKey::default());
        while let Some(entry) = entries.next()? {
            if key != Some(entry.key) {
                self.settle(std::mem::take(&mut same))?;
                key = Some(entry.key);
            }
            self.imported += u64::from(entry.kind == Kind::Imported);
            match entry.kind {
                Kind::Dumps => {
                    same.dumps = same.dumps.or(Some(entry));
                    self.once(&mut same, Known::Row, entry.place);
                }
                Kind::Waiting => {
                    same.waiting = true;
                    self.once(&mut same, Known::Waiting, entry.place);
                }
                Kind::Skipped => self.once(&mut same, Known::Skipped, entry.place),
                Kind::WaitingItem => same.waiting = true,
                Kind::Imported | Kind::Other => match same.target {
                    None => same.target = Some(entry),
                    Some(_) => {
                        if same.dumps.is_some() {
                            let known = self.doubled_in_target.get_or_insert(entry.place);
                            *known = entry.place.min(*known);
                        }
                        if entry.kind == Kind::Imported {
                            self.extra.push(entry.place)?;
                        }
                    }
                },
            }
        }
        self.settle(same)
    }

    /// Notes a row of the dumps whose key no other may have.
    fn once(&mut self, same: &mut SameKey, known: Known, number: u64) {
        let row = Numbered { known, number };
        match same.first {
            None => same.first = Some(row),
            Some(first) => self.doubled.note(first, row),
        }
    }

    fn settle(&mut self, SameKey { dumps, waiting, target, .. }: SameKey) -> Result<()> {
        let imported = target.filter(|target| target.kind == Kind::Imported);
        match (dumps, target) {
            (Some(dumps), Some(_)) if imported.is_some_and(|target| target.row == dumps.row) => {
                self.equal += 1;
                Ok(())
            }
            (Some(dumps), target) => {
                self.todo.push(Todo { number: dumps.place, target: target.map(|target| target.place) })
            }
            (None, _) => match imported {
                Some(_) if waiting => {
                    self.waiting += 1;
                    Ok(())
                }
                Some(target) => self.extra.push(target.place),
                None => Ok(()),
            },
        }
    }

    /// Rows whose keys name sets: a set is equal where both sides have the same rows.
    fn sets(&mut self, entries: &mut Entries) -> Result<()> {
        let mut set: Vec<Entry> = Vec::new();
        loop {
            let entry = entries.next()?;
            if set.first().map(|first| first.key) != entry.map(|entry| entry.key) {
                self.settle_set(&std::mem::take(&mut set))?;
            }
            match entry {
                Some(entry) => set.push(entry),
                None => return Ok(()),
            }
        }
    }

    fn settle_set(&mut self, set: &[Entry]) -> Result<()> {
        let Some(first) = set.first() else { return Ok(()) };
        let of = |kind: Kind| set.iter().filter(move |entry| entry.kind == kind);
        let digests = |kind| {
            let mut digests: Vec<_> = of(kind).map(|entry| entry.row).collect();
            digests.sort_unstable();
            digests
        };
        let (dumps, imported) = (of(Kind::Dumps).count(), of(Kind::Imported).count());
        self.imported += u64::try_from(imported).unwrap_or(0);
        if of(Kind::Other).count() == 0 && dumps > 0 && digests(Kind::Dumps) == digests(Kind::Imported) {
            self.equal += u64::try_from(dumps).unwrap_or(0);
            return Ok(());
        }
        for entry in of(Kind::Dumps) {
            self.todo.push(Todo { number: entry.place, target: None })?;
        }
        if dumps + imported > 0 {
            let target = set.iter().filter(|entry| matches!(entry.kind, Kind::Imported | Kind::Other));
            let places: Vec<_> = target.map(|entry| entry.place).collect();
            if !places.is_empty() {
                self.sets.insert(first.key, places);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::doubled::Pair;
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    /// Rows with few different keys and digests, so that all cases come together.
    fn side() -> impl Strategy<Value = Vec<(u128, usize, u128)>> {
        proptest::collection::vec((0u128..12, 0usize..6, 0u128..3), 0..60)
    }

    proptest! {
        #[test]
        fn every_key_falls_into_one_class(rows in side(), memory in prop_oneof![Just(1usize), 1usize..500]) {
            let spool = Spool { memory, ..Spool::in_folder(&std::env::temp_dir()) };
            let mut classifier = Classifier::new(&spool, false);
            let entries: Vec<_> = rows.iter().enumerate().map(|(n, (key, kind, row))| Entry {
                key: *key, kind: Kind::ALL[*kind], place: n as u64, row: *row,
            }).collect();
            for entry in &entries {
                classifier.push(*entry).unwrap();
            }
            let mut classes = classifier.classify().unwrap();
            let (mut todo, mut extra) = (Vec::new(), Vec::new());
            while let Some(next) = classes.todo.next_if(|_| true).unwrap() {
                todo.push(next);
            }
            while let Some(next) = classes.extra.next_if(|_| true).unwrap() {
                extra.push(next);
            }
            // The same, one key at a time.
            let (mut todo_then, mut extra_then) = (Vec::new(), Vec::new());
            let (mut equal, mut waiting, mut doubled) = (0, 0, Vec::new());
            for key in entries.iter().map(|entry| entry.key).collect::<BTreeSet<_>>() {
                let of = |kind| entries.iter().filter(move |entry| entry.key == key && entry.kind == kind);
                let dumps = of(Kind::Dumps).next();
                let known = [(Kind::Dumps, Known::Row), (Kind::Waiting, Known::Waiting), (Kind::Skipped, Known::Skipped)];
                let rows: Vec<_> = known
                    .iter()
                    .flat_map(|(kind, known)| of(*kind).map(|row| Numbered { known: *known, number: row.place }))
                    .collect();
                doubled.extend(rows.iter().skip(1).map(|second| Pair { second: *second, first: rows[0] }));
                let target = of(Kind::Imported).next().or_else(|| of(Kind::Other).next());
                extra_then.extend(of(Kind::Imported).skip(1).map(|row| row.place));
                let tagged = target.filter(|row| row.kind == Kind::Imported);
                if let Some(dumps) = dumps {
                    if tagged.is_some_and(|row| row.row == dumps.row) {
                        equal += 1;
                    } else {
                        todo_then.push(Todo { number: dumps.place, target: target.map(|row| row.place) });
                    }
                } else if let Some(tagged) = tagged {
                    if of(Kind::Waiting).chain(of(Kind::WaitingItem)).next().is_some() { waiting += 1 } else { extra_then.push(tagged.place) }
                }
            }
            todo_then.sort_unstable();
            extra_then.sort_unstable();
            prop_assert_eq!(todo, todo_then);
            prop_assert_eq!(extra, extra_then);
            prop_assert_eq!((classes.equal, classes.waiting), (equal, waiting));
            prop_assert_eq!(classes.doubled.rows, doubled.len() as u64);
            prop_assert_eq!(classes.doubled.least, doubled.into_iter().min());
        }
    }
}
