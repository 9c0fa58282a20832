//! Sorts records of a fixed size in bounded memory: what does not fit is sorted in runs on disk, which are merged once.
//!
//! The file of the runs has no name, so nothing of it is left however the process ends.

use crate::error::{Error, Result};
use crate::options::Spool;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

/// Bytes of records that are sorted in memory.
pub const SORT_BYTES: usize = 4 << 20;

/// What a row takes on disk at most: the entry of one side, and the key of its source table or what is to be done about it.
pub(crate) const ROW_BYTES: u64 = 64;

/// Bytes of a run that are read at a time while runs are merged.
const READ_BYTES: usize = 16 << 10;

impl Spool {
    /// In this folder, with the memory that the law of memory allows.
    #[must_use]
    pub fn in_folder(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), memory: SORT_BYTES }
    }

    /// Checks that there is room for what so many rows take at most, before any of them is read.
    ///
    /// # Errors
    /// There is not.
    pub(crate) fn check_room(&self, rows: u64) -> Result<()> {
        let needed = rows.saturating_mul(ROW_BYTES);
        if usize::try_from(needed).is_ok_and(|needed| needed <= self.memory) {
            return Ok(());
        }
        let free = self.free()?;
        tracing::info!(
            "comparing {rows} rows takes at most {needed} bytes in {}, which has {free} free",
            self.folder.display()
        );
        if free >= needed {
            return Ok(());
        }
        let mebibytes = |bytes: u64| bytes.div_ceil(1 << 20);
        Err(Error::target(
            format!(
                "{}: comparing {rows} rows takes up to {} MiB there, and {} MiB are free",
                self.folder.display(),
                mebibytes(needed),
                mebibytes(free)
            ),
            "make room, or name another folder on disk with --spool-dir",
        ))
    }

    /// Whether there surely is room for so many rows and so many bytes.
    ///
    /// # Errors
    /// The disk's.
    pub(crate) fn has_room(&self, rows: u64, bytes: u64) -> Result<bool> {
        Ok(rows.saturating_mul(ROW_BYTES).saturating_add(bytes) <= self.free()?)
    }

    fn free(&self) -> Result<u64> {
        let found = nix::sys::statvfs::statvfs(&self.folder)
            .map_err(|error| self.error("asking how much room it has", error.into()))?;
        Ok(found.blocks_available().saturating_mul(found.fragment_size()))
    }

    pub(crate) fn error(&self, doing: &'static str, source: std::io::Error) -> Error {
        Error::File { path: self.folder.clone(), doing, source }
    }
}

/// A record of a fixed size, in the order in which it is sorted.
pub(crate) trait Record: Copy + Ord {
    /// Its size on disk.
    const BYTES: usize;

    /// Appends its bytes, which are [`Record::BYTES`].
    fn write(&self, out: &mut Vec<u8>);

    /// Reads it from so many bytes.
    fn read(bytes: &[u8]) -> Self;
}

/// A number of `N` bytes at a place of a record.
pub(crate) fn bytes_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes.get(at..).and_then(|rest| rest.first_chunk().copied()).unwrap_or([0; N])
}

/// Takes records in any order.
#[derive(Debug)]
pub(crate) struct Sorter<R> {
    spool: Spool,
    records: Vec<R>,
    file: Option<File>,
    runs: Vec<Run>,
    /// Bytes in the file.
    end: u64,
}

#[derive(Clone, Copy, Debug)]
struct Run {
    at: u64,
    end: u64,
}

impl<R: Record> Sorter<R> {
    pub(crate) fn new(spool: &Spool) -> Self {
        Self { spool: spool.clone(), records: Vec::new(), file: None, runs: Vec::new(), end: 0 }
    }

    /// Takes a record.
    ///
    /// # Errors
    /// The disk's.
    pub(crate) fn push(&mut self, record: R) -> Result<()> {
        self.records.push(record);
        if self.records.len().saturating_mul(size_of::<R>()) >= self.spool.memory {
            self.write_run()?;
        }
        Ok(())
    }

    /// Whether no record was taken.
    pub(crate) fn is_empty(&self) -> bool {
        self.records.is_empty() && self.runs.is_empty()
    }

    fn write_run(&mut self) -> Result<()> {
        self.records.sort_unstable();
        let file = match &self.file {
            Some(file) => file,
            None => {
                let made = tempfile::tempfile_in(&self.spool.folder)
                    .map_err(|error| self.spool.error("making a temporary file there", error))?;
                self.file.insert(made)
            }
        };
        let run = Run { at: self.end, end: self.end };
        let mut bytes = Vec::with_capacity(READ_BYTES + R::BYTES);
        let mut end = self.end;
        let flush = |bytes: &mut Vec<u8>, end: &mut u64| {
            file.write_all_at(bytes, *end)?;
            *end += u64::try_from(bytes.len()).unwrap_or(0);
            bytes.clear();
            Ok(())
        };
        let written: std::io::Result<()> = (|| {
            for record in &self.records {
                record.write(&mut bytes);
                if bytes.len() >= READ_BYTES {
                    flush(&mut bytes, &mut end)?;
                }
            }
            flush(&mut bytes, &mut end)
        })();
        written.map_err(|error| self.spool.error("writing a temporary file there", error))?;
        self.end = end;
        self.runs.push(Run { end, ..run });
        self.records.clear();
        Ok(())
    }

    /// All records in order.
    ///
    /// # Errors
    /// The disk's.
    pub(crate) fn sorted(mut self) -> Result<Sorted<R>> {
        if self.runs.is_empty() {
            self.records.sort_unstable();
            return Ok(Sorted::Memory(self.records.into_iter()));
        }
        if !self.records.is_empty() {
            self.write_run()?;
        }
        let Some(file) = self.file.take() else { return Ok(Sorted::Memory(Vec::new().into_iter())) };
        let mut merge = Merge { spool: self.spool, file, runs: Vec::new(), heap: BinaryHeap::new() };
        merge.runs = self.runs.into_iter().map(|run| Reading { run, bytes: Vec::new(), used: 0 }).collect();
        for run in 0..merge.runs.len() {
            if let Some(record) = merge.read(run)? {
                merge.heap.push(Reverse((record, run)));
            }
        }
        Ok(Sorted::Disk(Box::new(merge)))
    }
}

/// Records in order.
#[derive(Debug)]
pub(crate) enum Sorted<R: Record> {
    /// All fitted into memory.
    Memory(std::vec::IntoIter<R>),
    /// Runs on disk.
    Disk(Box<Merge<R>>),
}

#[derive(Debug)]
pub(crate) struct Merge<R> {
    spool: Spool,
    file: File,
    runs: Vec<Reading>,
    heap: BinaryHeap<Reverse<(R, usize)>>,
}

/// A run that is being read.
#[derive(Debug)]
struct Reading {
    run: Run,
    bytes: Vec<u8>,
    used: usize,
}

impl<R: Record> Merge<R> {
    fn read(&mut self, run: usize) -> Result<Option<R>> {
        let Some(reading) = self.runs.get_mut(run) else { return Ok(None) };
        if reading.used == reading.bytes.len() {
            let left = usize::try_from(reading.run.end - reading.run.at).unwrap_or(usize::MAX);
            // Whole records: a run is made of nothing else.
            let most = (READ_BYTES / R::BYTES).max(1) * R::BYTES;
            reading.bytes.resize(left.min(most), 0);
            reading.used = 0;
            self.file
                .read_exact_at(&mut reading.bytes, reading.run.at)
                .map_err(|error| self.spool.error("reading a temporary file there", error))?;
            reading.run.at += u64::try_from(reading.bytes.len()).unwrap_or(0);
        }
        let record = reading.bytes.get(reading.used..reading.used + R::BYTES).map(R::read);
        reading.used += record.map_or(0, |_| R::BYTES);
        Ok(record)
    }

    fn next(&mut self) -> Result<Option<R>> {
        let Some(Reverse((record, run))) = self.heap.pop() else { return Ok(None) };
        if let Some(next) = self.read(run)? {
            self.heap.push(Reverse((next, run)));
        }
        Ok(Some(record))
    }
}

impl<R: Record> Sorted<R> {
    /// The next record.
    ///
    /// # Errors
    /// The disk's.
    pub(crate) fn next(&mut self) -> Result<Option<R>> {
        match self {
            Self::Memory(records) => Ok(records.next()),
            Self::Disk(merge) => merge.next(),
        }
    }
}

/// Sorted records of which one can be looked at before it is taken.
#[derive(Debug)]
pub(crate) struct Peekable<R: Record> {
    sorted: Sorted<R>,
    next: Option<R>,
}

impl<R: Record> Peekable<R> {
    pub(crate) fn new(mut sorted: Sorted<R>) -> Result<Self> {
        let next = sorted.next()?;
        Ok(Self { sorted, next })
    }

    /// The next record, which stays.
    pub(crate) fn peek(&self) -> Option<R> {
        self.next
    }

    /// The next record for which `test` is true; `None` where it is not, or there is none.
    pub(crate) fn next_if(&mut self, test: impl FnOnce(&R) -> bool) -> Result<Option<R>> {
        match self.next.filter(test) {
            None => Ok(None),
            Some(record) => {
                self.next = self.sorted.next()?;
                Ok(Some(record))
            }
        }
    }
}

impl Record for u64 {
    const BYTES: usize = 8;

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes());
    }

    fn read(bytes: &[u8]) -> Self {
        Self::from_le_bytes(bytes_at(bytes, 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn records_come_back_in_order_however_little_fits_into_memory(
            records in proptest::collection::vec(any::<u64>(), 0..300),
            memory in prop_oneof![Just(1usize), 1usize..600, Just(SORT_BYTES)],
        ) {
            let spool = Spool { memory, ..Spool::in_folder(&std::env::temp_dir()) };
            let mut sorter = Sorter::new(&spool);
            for record in &records {
                sorter.push(*record).unwrap();
            }
            let mut sorted = sorter.sorted().unwrap();
            let mut out = Vec::new();
            while let Some(record) = sorted.next().unwrap() {
                out.push(record);
            }
            let mut expected = records;
            expected.sort_unstable();
            prop_assert_eq!(out, expected);
        }
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_named() {
        let spool = Spool { memory: 1, ..Spool::in_folder(Path::new("/no/such/folder")) };
        let error = Sorter::new(&spool).push(1u64).unwrap_err().to_string();
        assert!(error.starts_with("/no/such/folder: making a temporary file there: "), "{error}");
    }
}
