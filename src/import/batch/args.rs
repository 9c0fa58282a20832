//! The arguments of `etl batch`.

use crate::settings::args::SettingArgs;
use crate::settings::output_args::OutputArgs;
use clap::Args;
use std::path::PathBuf;

/// Shown under the help of `etl batch`.
pub(crate) const EXAMPLES: &str = "\
Examples:
  etl batch sites/*/ --target postgresql://karbor@db1/karbor
  etl batch beijing shanghai --keep-going --journal cutover.jsonl --report batch.json";

/// The arguments of `etl batch`.
#[derive(Debug, Args)]
pub struct BatchArgs {
    /// Folders, each with the dumps of one site.
    ///
    /// Its files are taken for dumps by what they hold, and those that are none are named in the report; a file called
    /// .sql must be one. An etl.toml in it has settings for this site, which win over the common ones, and may name the
    /// site's target: target = "postgresql://…".
    #[arg(value_name = "DIR", required = true)]
    pub folders: Vec<PathBuf>,

    /// Where the rows of sites go whose etl.toml names no target; karbor.db in the current folder when not given.
    ///
    /// It is named as for `etl run`, here or in the environment variable ETL_TARGET: postgresql://…, PATH.db or
    /// PATH.sql.
    #[arg(long, short, value_name = "TARGET", help_heading = "Target")]
    pub target: Option<String>,

    /// Remove imported rows that a site's dumps no longer have.
    ///
    /// As `etl run` does it, but only where each site has a target of its own: a site's dumps say nothing of the rows
    /// of others.
    #[arg(long, help_heading = "Target")]
    pub prune: bool,

    /// Load the other sites too when one fails.
    #[arg(long, help_heading = "Batch")]
    pub keep_going: bool,

    /// File that says what is committed; etl-journal.jsonl next to the folders when not given.
    ///
    /// A site is passed over where its dumps, the settings, the target and etl are those of its last commit, and the
    /// target still holds its rows. It is readable by you alone and holds no passwords.
    #[arg(long, value_name = "FILE", help_heading = "Batch")]
    pub journal: Option<PathBuf>,

    /// Name of a file in each folder for a line about each source row, as of `etl run --outcomes`.
    ///
    /// A name without a folder, such as etl-outcomes.jsonl. A site that is passed over keeps the one of its last load.
    #[arg(long, value_name = "NAME", help_heading = "Output")]
    pub outcomes: Option<PathBuf>,

    /// Names of tables and columns where they differ (see `etl columns`).
    #[arg(long, value_name = "FILE", help_heading = "Reading")]
    pub columns: Option<PathBuf>,

    /// Settings of the conversion.
    #[command(flatten)]
    pub settings: SettingArgs,

    /// What is told, and where.
    #[command(flatten)]
    pub outputs: OutputArgs,
}
