//! How far a purge is: numbers that another thread may look at.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// What a purge is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Doing {
    /// Reading the ids of a dump.
    Reading(String),
    /// Asking the target what it holds.
    Asking,
    /// Listing Cinder's objects.
    Listing,
    /// Waiting for the operator's word.
    Waiting,
    /// Deleting.
    Deleting,
}

/// The numbers.
#[derive(Debug, Default)]
pub struct ProgressState {
    doing: Mutex<Option<Doing>>,
    /// Why nothing is sent just now.
    pause: Mutex<Option<String>>,
    /// Objects listed.
    pub listed: AtomicU64,
    /// Objects that are to go.
    pub total: AtomicU64,
    /// Those that are gone.
    pub gone: AtomicU64,
    /// Deletions under way.
    pub in_flight: AtomicU64,
    /// Objects that failed, or wait for one that failed.
    pub failed: AtomicU64,
}

/// The numbers at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// What is being done; nothing yet at first.
    pub doing: Option<Doing>,
    /// Why nothing is sent just now.
    pub pause: Option<String>,
    /// Objects listed.
    pub listed: u64,
    /// Objects that are to go.
    pub total: u64,
    /// Those that are gone.
    pub gone: u64,
    /// Deletions under way.
    pub in_flight: u64,
    /// Objects that failed, or wait for one that failed.
    pub failed: u64,
}

impl ProgressState {
    /// Something else is being done now.
    pub fn enter(&self, doing: Doing) {
        *self.doing.lock().unwrap_or_else(PoisonError::into_inner) = Some(doing);
    }

    /// Nothing is sent just now, for a reason; or things go on.
    pub fn pause(&self, reason: Option<String>) {
        *self.pause.lock().unwrap_or_else(PoisonError::into_inner) = reason;
    }

    /// Adds one.
    pub fn more(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes one away.
    pub fn less(counter: &AtomicU64) {
        counter.fetch_sub(1, Ordering::Relaxed);
    }

    /// The numbers now.
    #[must_use]
    pub fn now(&self) -> Moment {
        let number = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Moment {
            doing: self.doing.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            pause: self.pause.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            listed: number(&self.listed),
            total: number(&self.total),
            gone: number(&self.gone),
            in_flight: number(&self.in_flight),
            failed: number(&self.failed),
        }
    }
}
