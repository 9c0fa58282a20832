//! The arguments of `etl run` and `etl check`.

use crate::settings::args::SettingArgs;
use crate::settings::output_args::OutputArgs;
use clap::Args;
use std::path::PathBuf;

pub const RUN_EXAMPLES: &str = "\
Examples:
  etl run cinder.sql vbs.sql dps.sql --target postgresql://karbor@db1/karbor
  etl run *.sql --target karbor.sql
  ssh vbs gs_dump autobackup | etl run - cinder.sql.gz --rejects rejects.sql";

pub const CHECK_EXAMPLES: &str = "\
Examples:
  etl check cinder.sql vbs.sql dps.sql
  etl check cinder.sql vbs.sql dps.sql --target postgresql://karbor@db1/karbor --full
  etl check cinder.sql vbs.sql dps.sql --outcomes outcomes.csv";

/// The arguments of `etl run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// What is read, and how.
    #[command(flatten)]
    pub conversion: ConversionArgs,

    /// Where the rows go; karbor.db in the current folder when not given.
    ///
    /// postgresql://USER@HOST:PORT/DATABASE is Karbor's database, or one like it; PG* variables, ~/.pgpass and
    /// service files complete it as they do for psql. sqlite:PATH or PATH.db is an embedded database, made if it
    /// does not exist. PATH.sql is a script to be loaded with psql or gsql.
    ///
    /// The environment variable ETL_TARGET names the target where this flag does not. A password may stand there,
    /// never here; one that is needed and known from nowhere is asked for on the terminal.
    #[arg(long, short, value_name = "TARGET", help_heading = "Target")]
    pub target: Option<String>,

    /// File for rows that break a rule; the rest is committed.
    ///
    /// Without it one such row fails the run. The file is a dump of these rows: mend them there, then run again
    /// with all dumps plus this file. It must not exist yet.
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub rejects: Option<PathBuf>,
}

/// The arguments of `etl check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// What is read, and how.
    #[command(flatten)]
    pub conversion: ConversionArgs,

    /// Target to be looked at; none is touched when not given.
    ///
    /// It is named as for `etl run`, here or in the environment variable ETL_TARGET: postgresql://…, PATH.db or
    /// PATH.sql.
    #[arg(long, short, value_name = "TARGET", help_heading = "Target")]
    pub target: Option<String>,

    /// Also load everything into the target, and roll back.
    ///
    /// The surest check: whatever the target's own rules refuse shows here. Writers of Karbor wait for as long as
    /// it takes.
    #[arg(long, help_heading = "Target")]
    pub full: bool,

    /// Column that the dumps need not have although a rule reads it; repeatable.
    ///
    /// For a quick look only: a run takes it from the map, `absent = ["COLUMN"]` under its table.
    #[arg(long, value_name = "TABLE.COLUMN", help_heading = "Reading")]
    pub assume_absent: Vec<String>,
}

/// What `etl run` and `etl check` have in common.
#[derive(Debug, Args)]
pub struct ConversionArgs {
    /// Dumps, in any order; `-` is standard input.
    ///
    /// Plain-text dumps of gs_dump or pg_dump, as they are or packed with gzip or zstd.
    #[arg(value_name = "DUMP", required = true)]
    pub dumps: Vec<String>,

    /// Also remove imported rows that the dumps no longer have.
    ///
    /// Only where the dumps hold every source table that such rows come from, and nothing that Karbor made depends on
    /// them. More than a tenth of the imported rows go only where their number is typed: --prune=COUNT.
    #[arg(long, value_name = "COUNT", num_args = 0..=1, require_equals = true)]
    #[arg(help_heading = "Target", display_order = 100)]
    pub prune: Option<Option<u64>>,

    /// Names of tables and columns where they differ (see `etl columns`).
    #[arg(long, value_name = "FILE", help_heading = "Reading")]
    pub columns: Option<PathBuf>,

    /// File for a line about each source row: JSON, or CSV where the name ends in .csv.
    ///
    /// Table, key, file:line, outcome, the rule that decided (see `etl outcomes`), and the target's rows that it became. It is
    /// written too where rows are rejected and nothing is committed.
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub outcomes: Option<PathBuf>,

    /// Settings of the conversion.
    #[command(flatten)]
    pub settings: SettingArgs,

    /// What is told, and where.
    #[command(flatten)]
    pub outputs: OutputArgs,
}
