//! What pass one found: the small tables, and where the bulk blocks lie.

use crate::outcome::DumpReport;
use crate::row_outcomes::Recorder;
use crate::transform::dps::DpsTables;
use crate::transform::items::{JobLinks, Replaced};
use crate::transform::ledger::Tallies;
use crate::transform::rejections::{DumpNames, Rejections};
use crate::transform::vbs::VbsTables;
use parsers::scan::Block;
use std::sync::Arc;

/// A block of a bulk table, with the rows that pass one counted in it.
#[derive(Clone, Debug)]
pub struct Bulk {
    /// The block.
    pub block: Arc<Block>,
    /// Its rows.
    pub rows: u64,
    /// The digest of its bytes, which the second pass must find again.
    pub digest: u128,
}

/// What pass one found.
#[derive(Debug, Default)]
pub struct Sources {
    /// Held tables of autobackup.
    pub vbs: VbsTables,
    /// Held tables of dps.
    pub dps: DpsTables,
    /// Job records, as far as copies need them.
    pub links: JobLinks,
    /// Bulk blocks in the order in which they are to be read: DPS copies first.
    pub bulk: Vec<Bulk>,
    /// All blocks of known tables, for copying rejected rows.
    pub blocks: Vec<Arc<Block>>,
    /// The rows whose outcome is known, where they are noted.
    pub recorder: Recorder,
    /// Outcomes so far, and rows read.
    pub tallies: Tallies,
    /// Rows that could not be cut.
    pub rejections: Rejections,
    /// Dumps as read.
    pub dumps: Vec<DumpReport>,
    /// Their names.
    pub names: DumpNames,
    /// What files of set-aside rows replace.
    pub replaced: Replaced,
    /// Whether a held row has a word that is none of the closed set of its column.
    pub unknown_words: bool,
}
