//! The arguments of the commands that look after what was imported: `etl rollback` and `etl status`.

use super::{OutputArgs, SettingArgs};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// The arguments of `etl rollback`.
#[derive(Debug, Args)]
pub struct RollbackArgs {
    /// The dumps that were imported, to say exactly what Karbor changed since.
    ///
    /// They are converted again and compared with the target's rows, under the settings of the import. Without them
    /// signs tell: rows that were deleted, edited or have run. What is deleted does not depend on it.
    #[arg(value_name = "DUMP")]
    pub dumps: Vec<String>,

    /// Whose rows are deleted.
    #[arg(long, value_name = "SOURCE", help_heading = "What goes")]
    pub source: SourceChoice,

    /// Delete rows of Karbor's own too that hang on imported ones.
    ///
    /// A resource that somebody added to an imported plan, an operation added to such a plan or to an imported trigger.
    /// As long as there are any, nothing is deleted without this flag or --keep-edited; they are listed.
    #[arg(long, help_heading = "What goes", conflicts_with = "keep_edited")]
    pub with_dependents: bool,

    /// Leave plans alone on which such rows hang.
    ///
    /// The plan stays with its resources, operations, triggers and states. Copies always go.
    #[arg(long, help_heading = "What goes")]
    pub keep_edited: bool,

    /// Database to delete from, or PATH.sql for a script that does it.
    ///
    /// It is named as for `etl run`, here or in the environment variable ETL_TARGET: postgresql://…, PATH.db or
    /// PATH.sql. There is no default.
    #[arg(long, short, value_name = "TARGET", help_heading = "Target")]
    pub target: Option<String>,

    /// Names of tables and columns where they differ (see `etl columns`).
    #[arg(long, value_name = "FILE", help_heading = "Target")]
    pub columns: Option<PathBuf>,

    /// Settings of the conversion of the dumps.
    #[command(flatten)]
    pub settings: SettingArgs,

    /// Show what would go, and delete nothing.
    #[arg(long, help_heading = "Confirmation", conflicts_with = "yes")]
    pub dry_run: bool,

    /// Ask nothing.
    ///
    /// Without it, what would go is shown and "yes" has to be typed at the terminal.
    #[arg(long, short, help_heading = "Confirmation")]
    pub yes: bool,

    /// What is told, and where.
    #[command(flatten)]
    pub outputs: OutputArgs,
}

/// Whose rows.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum SourceChoice {
    /// Those that came from VBS.
    Vbs,
    /// Those that came from DPS.
    Dps,
    /// Those of both.
    All,
}

/// The arguments of `etl status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Database to be looked at.
    ///
    /// It is named as for `etl run`, here or in the environment variable ETL_TARGET: postgresql://… or PATH.db. A
    /// standby will do.
    #[arg(long, short, value_name = "TARGET", help_heading = "Target")]
    pub target: Option<String>,

    /// Names of the target's tables and columns where they differ (see `etl columns`).
    #[arg(long, value_name = "FILE", help_heading = "Target")]
    pub columns: Option<PathBuf>,

    /// Print JSON instead of text.
    #[arg(long, help_heading = "Output")]
    pub json: bool,
}
