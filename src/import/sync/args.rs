//! The arguments of `etl sync`.

use crate::settings::args::ReadingArgs;
use crate::settings::output_args::OutputArgs;
use clap::Args;
use std::path::PathBuf;

/// Shown under the help of `etl sync`.
pub(crate) const EXAMPLES: &str = "\
Examples:
  etl sync taskmgr.sql --target postgresql://karbor@db1/karbor
  ssh vbs gs_dump -t taskmgr_job taskmgr | etl sync - --target karbor.db";

/// The arguments of `etl sync`.
#[derive(Debug, Args)]
pub struct SyncArgs {
    /// The task manager's dump, in any order with others; `-` is standard input.
    ///
    /// Only its table taskmgr_job is used: the copies in the target hold the ids of their jobs. Plain-text dumps of
    /// gs_dump or pg_dump, as they are or packed with gzip or zstd.
    #[arg(value_name = "DUMP", required = true)]
    pub dumps: Vec<String>,

    /// Database whose copies are brought up to date; karbor.db in the current folder when not given.
    ///
    /// It is named as for `etl run`, here or in the environment variable ETL_TARGET: postgresql://… or PATH.db.
    #[arg(long, short, value_name = "TARGET", help_heading = "Target")]
    pub target: Option<String>,

    /// Names of tables and columns where they differ (see `etl columns`).
    #[arg(long, value_name = "FILE", help_heading = "Reading")]
    pub columns: Option<PathBuf>,

    /// Settings of the reading of dumps.
    #[command(flatten)]
    pub reading: ReadingArgs,

    /// Settings file; etl.toml in the current folder, if there is one, when not given.
    #[arg(long, value_name = "FILE", help_heading = "Reading")]
    pub config: Option<PathBuf>,

    /// What is told, and where.
    #[command(flatten)]
    pub outputs: OutputArgs,
}
