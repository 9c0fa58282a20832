//! How far a run is at one moment.

use pipeline::progress::{CopiesTaken, Stage};
use std::time::Duration;

/// What the counters say at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) stage: Stage,
    pub(crate) loaded: u64,
    /// For each dump the bytes read of it and what they will come to; 0 while that is not known.
    pub(crate) dumps: Vec<(u64, u64)>,
    pub(crate) elapsed: Duration,
    /// How far the copies are, once their number is known.
    pub(crate) copies: Option<CopiesTaken>,
}
