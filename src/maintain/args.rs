//! The arguments of the commands that look after what was imported: `etl rollback` and `etl status`.

use crate::settings::args::SettingArgs;
use crate::settings::output_args::OutputArgs;
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

    /// Delete rows of Karbor's own too that depend on imported ones.
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

pub const POLICIES_EXAMPLES: &str = "\
Examples:
  etl policies --target postgresql://karbor@db1/karbor
  etl policies --target karbor.db --as vbs > policies.json
  etl policies --target karbor.db --as csv > policies.csv";

pub const ROLLBACK_EXAMPLES: &str = "\
Examples:
  etl rollback --source vbs --target postgresql://karbor@db1/karbor
  etl rollback --source all --target karbor.db --dry-run
  etl rollback --source dps --target undo.sql";

pub const STATUS_EXAMPLES: &str = "\
Examples:
  etl status --target postgresql://karbor@db1/karbor
  etl status --target karbor.db --json";

pub const SCHEMA_EXAMPLES: &str = "\
Examples:
  etl schema --trial | psql trial
  etl schema --for sqlite --trial | sqlite3 trial.db";

pub const COLUMNS_EXAMPLES: &str = "\
Examples:
  etl columns > columns.toml
  etl columns cinder.sql vbs.sql dps.sql > columns.toml
  etl columns --target postgresql://karbor@db1/karbor
  etl run cinder.sql --columns columns.toml";

pub const SAMPLE_EXAMPLES: &str = "\
Examples:
  etl sample cinder.sql vbs.sql dps.sql
  etl sample dps.sql --json";

/// The arguments of `etl policies`.
#[derive(Debug, Args)]
pub struct PoliciesArgs {
    /// Target that is read: postgresql://…, sqlite:PATH or PATH.db.
    ///
    /// It is named as for `etl run`, here or in the environment variable ETL_TARGET.
    #[arg(long, short, value_name = "TARGET")]
    pub target: Option<String>,

    /// Form in which policies are printed.
    ///
    /// `table` is for people: local days and times. On a terminal its columns are as wide as that allows, and what does not fit
    /// is cut; elsewhere nothing is. `csv` has the same, and the ids, for a spreadsheet. `vbs` is what VBS's API answered for its list of policies. `json` has
    /// for each plan its operations, with Karbor's own texts beside VBS's form.
    #[arg(long = "as", value_name = "FORM", default_value = "table")]
    pub form: Form,

    /// Names of tables and columns where they differ (see `etl columns`).
    #[arg(long, value_name = "FILE")]
    pub columns: Option<PathBuf>,
}

/// How policies are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// As VBS's API answered.
    Vbs,
    /// Plans with operations, as JSON.
    Json,
    /// For people.
    Table,
    /// Comma-separated values, one operation a line.
    Csv,
}

/// The arguments of `etl schema`.
#[derive(Debug, Args)]
pub struct SchemaArgs {
    /// Whose SQL it is.
    #[arg(long = "for", value_name = "DATABASE", default_value = "postgresql")]
    pub dialect: Dialect,

    /// Add an operation engine, as Karbor's registers itself: without one a run does not begin.
    ///
    /// For a database to try a run on. Nothing runs the operations there.
    #[arg(long)]
    pub trial: bool,
}

/// Whose SQL.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Dialect {
    /// PostgreSQL, openGauss and GaussDB.
    Postgresql,
    /// SQLite.
    Sqlite,
}

/// The arguments of `etl columns`.
#[derive(Debug, Args)]
pub struct ColumnsArgs {
    /// Dumps whose tables and columns complete the names.
    #[arg(value_name = "DUMP")]
    pub dumps: Vec<String>,

    /// Prints the names as they are with this file in force.
    #[arg(long, value_name = "FILE")]
    pub columns: Option<PathBuf>,

    /// Database whose tables and columns complete the target's names: postgresql://….
    ///
    /// Its catalog alone is read. An embedded database has Karbor's own names.
    #[arg(long, short, value_name = "TARGET")]
    pub target: Option<String>,

    /// Fails where the dumps are not as the names in force say.
    ///
    /// The completed names are printed all the same; standard error lists every table, column and word that differs.
    #[arg(long, requires = "dumps")]
    pub check: bool,
}

/// The arguments of `etl sample`.
#[derive(Debug, Args)]
pub struct SampleArgs {
    /// Dumps, in any order; `-` is standard input.
    #[arg(value_name = "DUMP", required = true)]
    pub dumps: Vec<String>,

    /// Names of tables and columns where they differ (see `etl columns`).
    #[arg(long, value_name = "FILE")]
    pub columns: Option<PathBuf>,

    /// Prints JSON.
    #[arg(long)]
    pub json: bool,
}
