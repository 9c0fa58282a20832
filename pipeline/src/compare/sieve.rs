//! What happens to the copies of a chunk on their way to the target, in the thread that converted them.

use super::held::Key;
use super::{Compared, Fate};
use crate::karbor::layout::Layout;
use crate::karbor::tuple::Rows;
use crate::transform::items::Converted;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What is wanted of a chunk's rows.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sieve<'s> {
    /// The rows, for a target that has none.
    All,
    /// Their digests.
    Digest(&'s Compared),
    /// Their digests, and the rows that are new.
    Miss(&'s Compared),
    /// The rows whose buckets differ and are wanted; apart from them those of which only the key is known.
    Pick(&'s Compared, &'s Span),
    /// The rows that are new, and apart from them those that the database is to judge.
    Sort(&'s Compared),
}

/// The buckets that are wanted. Its end may come nearer while threads ask.
#[derive(Debug)]
pub(crate) struct Span {
    /// The first of them.
    pub(crate) from: usize,
    to: AtomicUsize,
}

impl Span {
    /// All buckets from this one on.
    pub(crate) fn new(from: usize) -> Self {
        Self { from, to: AtomicUsize::new(usize::MAX) }
    }

    /// The first bucket that is no longer wanted; `None` where all are.
    pub(crate) fn end(&self) -> Option<usize> {
        Some(self.to.load(Ordering::Relaxed)).filter(|to| *to < usize::MAX)
    }

    /// Wants only the buckets before this one.
    pub(crate) fn end_at(&self, bucket: usize) {
        self.to.fetch_min(bucket, Ordering::Relaxed);
    }

    /// Whether a bucket is wanted.
    pub(crate) fn contains(&self, bucket: usize) -> bool {
        (self.from..self.to.load(Ordering::Relaxed)).contains(&bucket)
    }
}

/// What a sieve made of a chunk.
#[derive(Debug, Default)]
pub(crate) struct Sifted {
    /// Digests of rows that may be there: see [`super::Sums::subtract`].
    pub(crate) digests: Vec<(Key, u64, Option<u128>)>,
    /// Rows that are certainly not there.
    pub(crate) new: u64,
    /// Rows that are there as they are.
    pub(crate) unchanged: u64,
    /// Rows to be judged, and those of which only the key is known, encoded for the staging table.
    pub(crate) staged: Vec<u8>,
    /// How many they are.
    pub(crate) staged_rows: u64,
}

impl Sieve<'_> {
    /// Sifts a chunk. Of the rows in `converted` those remain that go straight to the target.
    pub(crate) fn sift(self, layout: &Layout, converted: &mut Converted) -> Sifted {
        let mut sifted = Sifted::default();
        match self {
            Self::All => sifted.new = converted.rows,
            Self::Digest(table) => drop(digest(table, layout, converted, &mut sifted)),
            Self::Miss(table) => converted.bytes = digest(table, layout, converted, &mut sifted),
            Self::Pick(table, span) => pick(table, span, layout, converted, &mut sifted),
            Self::Sort(table) => sort(table, layout, converted, &mut sifted),
        }
        sifted
    }
}

/// Answers the rows that are new.
fn digest(table: &Compared, layout: &Layout, converted: &mut Converted, out: &mut Sifted) -> Vec<u8> {
    let digester = &table.digester;
    let mut new = Vec::new();
    for row in Rows::new(layout, &std::mem::take(&mut converted.bytes)) {
        let key = digester.key(row);
        if table.is_new(key) {
            out.new += 1;
            new.extend_from_slice(row.bytes());
        } else {
            out.digests.push((key, digester.whole_key(row), Some(digester.row(row))));
        }
    }
    for_held(table, converted, |key, row| out.digests.push((key, digester.whole_key(row), None)));
    new
}

fn pick(table: &Compared, span: &Span, layout: &Layout, converted: &mut Converted, out: &mut Sifted) {
    let wanted = |key| table.unequal(key).is_some_and(|bucket| span.contains(bucket));
    let bytes = std::mem::take(&mut converted.bytes);
    for row in Rows::new(layout, &bytes).filter(|row| wanted(table.key(*row))) {
        converted.bytes.extend_from_slice(row.bytes());
    }
    for_held(table, converted, |key, row| {
        if wanted(key) {
            out.staged.extend_from_slice(row.bytes());
        }
    });
}

fn sort(table: &Compared, layout: &Layout, converted: &mut Converted, out: &mut Sifted) {
    let bytes = std::mem::take(&mut converted.bytes);
    let lines = std::mem::take(&mut converted.lines);
    converted.bytes.reserve(bytes.len());
    converted.rows = 0;
    for (n, row) in Rows::new(layout, &bytes).enumerate() {
        let key = table.key(row);
        if table.is_new(key) {
            out.new += 1;
            converted.rows += 1;
            converted.bytes.extend_from_slice(row.bytes());
            converted.lines.extend(lines.get(n));
        } else if table.fate(key) == Fate::Unchanged {
            out.unchanged += 1;
        } else {
            out.staged_rows += 1;
            out.staged.extend_from_slice(row.bytes());
        }
    }
    for_held(table, converted, |key, row| {
        if table.fate(key) == Fate::Staged {
            out.staged_rows += 1;
            out.staged.extend_from_slice(row.bytes());
        }
    });
}

/// The keys of rows that the dumps hold although they gave no row, as far as the target may hold them.
fn for_held(
    table: &Compared,
    converted: &mut Converted,
    mut take: impl FnMut(Key, crate::karbor::tuple::Row<'_>),
) {
    let digester = &table.digester;
    let mut bytes = Vec::new();
    for id in std::mem::take(&mut converted.held) {
        bytes.clear();
        if digester.encode_key(&id, &mut bytes).is_ok()
            && let Some(row) = Rows::new(digester.layout(), &bytes).next()
        {
            let key = digester.key(row);
            if !table.is_new(key) {
                take(key, row);
            }
        }
    }
}
