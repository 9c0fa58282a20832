//! What a run tells while it runs, and how it is told to stop: values that another thread may look at.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// What a run is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Stage {
    /// Connecting to the target and reading its columns.
    Preparing,
    /// The first pass over the dumps.
    Reading,
    /// Converting policies.
    Converting,
    /// Reading what the target holds already.
    Comparing,
    /// The second pass: copies are converted and loaded. Where the target holds an import, it is made twice.
    Loading,
    /// Waiting for the target to commit, or to roll back.
    Finishing,
}

impl Stage {
    const ALL: [Self; 6] =
        [Self::Preparing, Self::Reading, Self::Converting, Self::Comparing, Self::Loading, Self::Finishing];

    /// The stage in words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Preparing => "preparing",
            Self::Reading => "reading",
            Self::Converting => "converting",
            Self::Comparing => "comparing",
            Self::Loading => "loading",
            Self::Finishing => "finishing",
        }
    }
}

/// How far the rows of the bulk tables are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopiesTaken {
    /// Rows that were converted, and handed to the target where that is due.
    pub taken: u64,
    /// Rows that will have been, as often as they are converted.
    pub expected: u64,
    /// Since the first was expected.
    pub since: Duration,
}

impl CopiesTaken {
    /// The shortest time of which a rate is known.
    const SETTLED: Duration = Duration::from_secs(2);

    /// The time until all are taken, at the rate until now; nothing where that is not known yet, or is over at once.
    #[must_use]
    pub fn left(self) -> Option<Duration> {
        let Self { taken, expected, since } = self;
        let to_come = expected.checked_sub(taken).filter(|rows| *rows > 0 && taken > 0)?;
        let left = since.as_millis() * u128::from(to_come) / u128::from(taken);
        let left = Duration::from_millis(u64::try_from(left).ok()?);
        (since >= Self::SETTLED && left >= Duration::from_secs(1)).then_some(left)
    }
}

/// How far a run is.
#[derive(Debug, Default)]
pub struct Progress {
    stage: AtomicU8,
    loaded: AtomicU64,
    /// Rows of the bulk tables that were taken in order, and those that are to be.
    taken: AtomicU64,
    expected: AtomicU64,
    /// When the first of them was expected.
    began: OnceLock<Instant>,
    /// Bytes on disk that each dump will have been read for, both passes together; by dump.
    totals: Vec<AtomicU64>,
}

impl Progress {
    /// The progress of a run over so many dumps.
    #[must_use]
    pub fn new(dumps: usize) -> Self {
        Self { totals: (0..dumps).map(|_| AtomicU64::new(0)).collect(), ..Self::default() }
    }

    /// What the run is doing.
    #[must_use]
    pub fn stage(&self) -> Stage {
        let stage = usize::from(self.stage.load(Ordering::Relaxed));
        Stage::ALL.get(stage).copied().unwrap_or(Stage::Preparing)
    }

    /// Rows handed to the target.
    #[must_use]
    pub fn loaded(&self) -> u64 {
        self.loaded.load(Ordering::Relaxed)
    }

    /// The bytes that will have been read of a dump when the run is over; 0 while that is not known.
    #[must_use]
    pub fn total(&self, dump: usize) -> u64 {
        self.totals.get(dump).map_or(0, |total| total.load(Ordering::Relaxed))
    }

    pub(crate) fn enter(&self, stage: Stage) {
        self.stage.store(stage as u8, Ordering::Relaxed);
    }

    /// How far the copies are; nothing before their number is known.
    #[must_use]
    pub fn copies(&self) -> Option<CopiesTaken> {
        let since = self.began.get()?.elapsed();
        let (taken, expected) = (self.taken.load(Ordering::Relaxed), self.expected.load(Ordering::Relaxed));
        Some(CopiesTaken { taken, expected, since })
    }

    /// So many rows of the bulk tables are to be taken.
    pub(crate) fn expect(&self, rows: u64) {
        self.began.get_or_init(Instant::now);
        self.expected.fetch_add(rows, Ordering::Relaxed);
    }

    /// So many of them were taken.
    pub(crate) fn take(&self, rows: u64) {
        self.taken.fetch_add(rows, Ordering::Relaxed);
    }

    pub(crate) fn add_loaded(&self, rows: u64) {
        self.loaded.fetch_add(rows, Ordering::Relaxed);
    }

    /// So many bytes more will have been read.
    pub(crate) fn add_total(&self, dump: usize, bytes: u64) {
        if let Some(total) = self.totals.get(dump) {
            total.fetch_add(bytes, Ordering::Relaxed);
        }
    }

    pub(crate) fn set_total(&self, dump: usize, bytes: u64) {
        if let Some(total) = self.totals.get(dump) {
            total.store(bytes, Ordering::Relaxed);
        }
    }
}

/// A request to stop; before COMMIT is sent it rolls everything back.
#[derive(Debug, Default)]
pub struct Cancel {
    reason: std::sync::OnceLock<&'static str>,
    notify: Notify,
}

impl Cancel {
    /// Asks the run to stop, because of `reason` (`SIGINT`, say). Only the first reason counts.
    pub fn cancel(&self, reason: &'static str) {
        let _ = self.reason.set(reason);
        self.notify.notify_waiters();
        // A permit for a waiter that comes a moment later.
        self.notify.notify_one();
    }

    /// Why the run is to stop, if it is.
    #[must_use]
    pub fn reason(&self) -> Option<&'static str> {
        self.reason.get().copied()
    }

    /// # Errors
    /// The run is to stop.
    pub fn check(&self) -> crate::error::Result<()> {
        self.reason().map_or(Ok(()), |reason| Err(crate::error::Error::Interrupted(reason)))
    }

    /// Waits until the run is to stop.
    pub(crate) async fn cancelled(&self) -> &'static str {
        loop {
            if let Some(reason) = self.reason() {
                return reason;
            }
            self.notify.notified().await;
        }
    }
}
