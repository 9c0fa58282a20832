//! What a run is told to do, checked; made by the command.

use crate::files::place::Foreign;
use crate::row_outcomes::Noting;
use crate::settings::Settings;
use parsers::columns::ColumnMap;
use parsers::scan::Limits;
use schedules::firings::horizon::Horizon;
use std::path::{Path, PathBuf};

/// Threads that convert, at most; more do not help, because the target takes one stream.
pub const THREADS_MAX: usize = 8;

/// What a run is told to do.
#[derive(Clone, Debug)]
pub struct Options {
    /// Settings of the conversion.
    pub settings: Settings,
    /// Source tables and columns.
    pub columns: ColumnMap,
    /// How dumps are cut.
    pub limits: Limits,
    /// Threads that convert.
    pub threads: usize,
    /// Where rejected rows are set aside; without it one rejected row fails the run.
    pub rejects: Option<PathBuf>,
    /// What becomes of a file that is there already.
    pub rejects_taken: Foreign,
    /// Which source rows are noted with what became of them.
    pub noting: Noting,
    /// Over which time schedules are proved for the report, if they are.
    pub proof: Option<Horizon>,
    /// Whether imported rows go that the dumps no longer have.
    pub prune: Prune,
    /// How much is compared at a time, and where.
    pub tuning: Tuning,
    /// Run or check.
    pub mode: Mode,
}

/// Whether a run writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Convert, load and commit.
    Run,
    /// Convert; with a target, look at it.
    Check,
    /// Convert, load and roll back.
    FullCheck,
}

/// The sizes of a comparison whose large temporary files lie in this folder.
#[must_use]
pub fn tuning(spool: &Path) -> Tuning {
    Tuning { spool: Spool::in_folder(spool), batch_rows: BATCH_ROWS }
}

/// The number of converting threads for this machine.
#[must_use]
pub fn default_threads() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(THREADS_MAX)
}

/// How much is done at a time; the result does not depend on it.
#[derive(Clone, Debug)]
pub struct Tuning {
    /// Where both sides are sorted, and in how much memory.
    pub spool: Spool,
    /// Rows that are judged together.
    pub batch_rows: usize,
}

/// Rows that are judged together, unless they are long.
pub const BATCH_ROWS: usize = 1_000;

/// Where sorted runs are written, and how much is sorted in memory.
#[derive(Clone, Debug)]
pub struct Spool {
    /// The folder for large temporary files.
    pub folder: PathBuf,
    /// Bytes of records that are sorted in memory; more are written to the folder.
    pub memory: usize,
}

/// Whether rows that the dumps no longer have are removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Prune {
    /// They are only told.
    #[default]
    No,
    /// They are removed; more than a tenth of the imported rows only where their number was typed.
    Yes {
        /// The number that was typed.
        typed: Option<u64>,
    },
}
