//! What a run tells while it runs, and how it is told to stop: values that another thread may look at.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
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

/// How far a run is.
#[derive(Debug, Default)]
pub struct Progress {
    stage: AtomicU8,
    loaded: AtomicU64,
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
