//! The arguments as they are typed. Nothing is checked here beyond their form: that is done in [`crate::options`].
//!
//! The doc comments of this module are the help texts; the tests keep them word for word.

mod batch;
mod cutover;
mod dump;
mod maintenance;
mod outputs;
mod purge;
mod settings;
mod sync;
mod verify;

pub use batch::BatchArgs;
pub use cutover::{
    BackArgs, CutoverArgs, CutoverPart, EverythingArgs, GoingArgs, InitArgs, NodeArgs, PartArgs, ShownArgs,
    StandingArgs, StepArgs,
};
pub use dump::DumpArgs;
pub use maintenance::{RollbackArgs, SourceChoice, StatusArgs};
pub use outputs::OutputArgs;
pub use purge::{CloudArgs, FlowArgs, PurgeArgs, What};
pub use settings::{ReadingArgs, SettingArgs};
pub use sync::SyncArgs;
pub use verify::VerifyArgs;

use clap::{Args as ClapArgs, CommandFactory as _, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use std::ffi::OsString;
use std::path::PathBuf;

/// The widest that help is written.
const HELP_COLUMNS: usize = 100;

/// Moves VBS and DPS backups into OpenStack Karbor.
///
/// Reads dumps that gs_dump or pg_dump wrote of the databases cinder, autobackup, taskmgr and dps, converts the
/// copies and policies in them, and loads them into Karbor's database in one transaction: either everything is
/// written or nothing is.
#[derive(Debug, Parser)]
#[command(name = "etl", version, max_term_width = HELP_COLUMNS, after_help = MAIN_EXAMPLES)]
#[command(after_long_help = MAIN_NOTES, subcommand_required = true, arg_required_else_help = true)]
pub struct Args {
    /// What is to be done.
    #[command(subcommand)]
    pub command: Command,
}

const MAIN_EXAMPLES: &str = "\
Examples:
  etl check cinder.sql vbs.sql dps.sql
  etl run cinder.sql vbs.sql dps.sql --target postgresql://karbor@db1/karbor";

const MAIN_NOTES: &str = "\
Examples:
  etl check cinder.sql vbs.sql dps.sql
          what would become of every row, without touching a database
  etl run cinder.sql vbs.sql dps.sql --target postgresql://karbor@db1/karbor
          the cutover itself
  etl verify cinder.sql vbs.sql dps.sql --target postgresql://karbor@db1/karbor
          whether everything arrived as it left
  etl sync taskmgr.sql --target postgresql://karbor@db1/karbor
          afterwards: how the jobs ended of copies that were still being made

Settings:
  Every setting is a flag, an environment variable (--provider-id is ETL_PROVIDER_ID) and a key in
  etl.toml in the current folder (provider_id = \"…\"). The flag wins over the variable, the variable
  over the file, the file over the default.

Exit codes:
  0  done
  1  failed, nothing was written
  2  wrong usage, nothing was begun
  3  committed, but rows were deferred or set aside; of a sync: copies still wait for their jobs
  4  a verification found differences
  5  COMMIT was sent, and its outcome is unknown";

/// What is to be done.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Converts dumps and loads them into Karbor, in one transaction.
    ///
    /// The dumps may be named in any order; each is recognised by the tables in it. gzip and zstd are read as they
    /// are. One bad row fails the run and nothing is written, unless --rejects names a file for bad rows.
    #[command(after_help = RUN_EXAMPLES)]
    Run(RunArgs),
    /// Makes dumps on the nodes of a cutover and brings them here.
    ///
    /// Logs in over SSH, becomes the database user where the settings say so, runs gs_dump for the tables that etl reads,
    /// fetches the file, checks size, digest and that it is whole, removes it on the node whatever happened, and records
    /// the node's time zone beside it. All nodes are worked on at once. No password stands in an argument, a file or a log.
    #[command(after_help = dump::EXAMPLES, after_long_help = dump::NOTES)]
    Dump(DumpArgs),
    /// Converts dumps and says what a run would do; writes nothing.
    ///
    /// Everything is read and converted as a run does it, and the report is the same. Without a target none is
    /// touched. With one its tables are looked at, and what stands in a run's way is told.
    #[command(after_help = CHECK_EXAMPLES)]
    Check(CheckArgs),
    /// Compares dumps with what a target holds, row by row and column by column.
    ///
    /// The dumps are converted again, and every row that they come to is compared with the target's: equal, missing, extra,
    /// different in which columns, or changed by Karbor since. The schedules are followed on both sides, Karbor's by what
    /// its triggers say. Nothing is written, and a hot standby will do. Exit code 4 says that there are differences;
    /// what Karbor changed since is none.
    #[command(after_help = verify::EXAMPLES)]
    Verify(VerifyArgs),
    /// Brings the outcomes of unfinished jobs to imported copies that are `protecting`.
    ///
    /// For copies that a run with --unsteady carry wrote while they were being made. Each takes its job's outcome from
    /// the task manager's dump: available, or error with the reason. Those whose job is not over stay as they are and
    /// are listed. Everything happens in one transaction; run it as often as you like.
    #[command(after_help = sync::EXAMPLES)]
    Sync(SyncArgs),
    /// Loads the dumps of several sites, each folder in a transaction of its own.
    ///
    /// Every site is loaded as `etl run` does it, into the target that its own etl.toml names, else into --target. A
    /// journal says what is committed: run again after a crash or a failure, it goes on where it stopped and passes over
    /// what has not changed since. Dumps are never written to; each folder gets the report of its site, etl-report.txt and
    /// etl-report.json.
    #[command(after_help = batch::EXAMPLES)]
    Batch(BatchArgs),
    /// Takes a site over in one go: dumps, converts, loads, verifies, restarts.
    ///
    /// A settings file says where the databases, Karbor and its engines are. The steps are done one after the other, each as
    /// its own command does it; the same command again goes on after the last finished step. It stops where the operator
    /// switches the traffic, and says what to type then. Reports, dumps, the log and the state file lie in the folder that
    /// the settings name. With a settings file and no terminal nothing is asked.
    #[command(after_help = cutover::EXAMPLES, after_long_help = cutover::NOTES)]
    Cutover(CutoverArgs),
    /// Prints the policies that a target holds, as VBS would have given them.
    ///
    /// Plans, operations and triggers are read from Karbor's database, and each operation is given back in the form of
    /// VBS's API: start times in UTC in the order of the user's day, the user's days, the zone, how long copies are
    /// kept, ON or OFF. Nothing is changed; a read-only standby will do.
    #[command(after_help = POLICIES_EXAMPLES)]
    Policies(PoliciesArgs),
    /// Deletes what was imported, in one transaction.
    ///
    /// Shows what will go, by table and tenant, and what Karbor has changed since; asks; deletes; proves that nothing
    /// imported is left; commits. Imported rows are known by their tag, by the links between rows and by the ids that
    /// only etl gives. Nothing of Karbor's own is touched.
    #[command(after_help = ROLLBACK_EXAMPLES)]
    Rollback(RollbackArgs),
    /// Says what a target holds of imports, who is at work on it, and what to do next.
    ///
    /// It only reads, so it works on a standby and while a run is under way.
    #[command(after_help = STATUS_EXAMPLES)]
    Status(StatusArgs),
    /// Deletes old copies and snapshots from the cloud, a few at a time.
    ///
    /// What is deleted is chosen by the dumps: the copies of VBS and DPS in them, and their snapshots. Copies that a
    /// Karbor target holds are not deleted, and copies go after those that continue them. Cinder is asked through the
    /// OpenStack APIs, as the user that the OS_* variables name (as for the openstack command; a password comes from
    /// OS_PASSWORD or is asked for). What is to go is shown first, and its number has to be typed.
    #[command(after_help = PURGE_EXAMPLES, after_long_help = PURGE_NOTES)]
    Purge(PurgeArgs),
    /// Prints the target's tables as SQL.
    ///
    /// The tables of Karbor that etl writes or reads, for a database to try a run on. Karbor's own database has
    /// them already.
    #[command(after_help = SCHEMA_EXAMPLES)]
    Schema(SchemaArgs),
    /// Prints the names of all tables and columns, as a file for --columns.
    ///
    /// The source tables with the names that each column may have in a dump, and the names of the target's tables
    /// and columns. Where a database differs, keep the entries that differ in a file and name it with --columns.
    ///
    /// With dumps, the names of the source tables are completed by what these contain: found, guessed and why, absent.
    /// Guesses are comments until they are confirmed by hand.
    #[command(after_help = COLUMNS_EXAMPLES)]
    Columns(ColumnsArgs),
    /// Shows what tables and columns dumps contain.
    ///
    /// Of each table its rows, of each column how many are NULL, its distinct values where they are few, the smallest
    /// and the largest. Values are shortened; those of columns named for secrets are not shown.
    #[command(after_help = SAMPLE_EXAMPLES)]
    Sample(SampleArgs),
    /// Prints a completion script for a shell.
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions(CompletionsArgs),
    /// Prints a manual page.
    #[command(after_help = MAN_EXAMPLES)]
    Man(ManArgs),
}

const RUN_EXAMPLES: &str = "\
Examples:
  etl run cinder.sql vbs.sql dps.sql --target postgresql://karbor@db1/karbor
  etl run *.sql --target karbor.sql
  ssh vbs gs_dump autobackup | etl run - cinder.sql.gz --rejects rejects.sql";

const CHECK_EXAMPLES: &str = "\
Examples:
  etl check cinder.sql vbs.sql dps.sql
  etl check cinder.sql vbs.sql dps.sql --target postgresql://karbor@db1/karbor --full";

const POLICIES_EXAMPLES: &str = "\
Examples:
  etl policies --target postgresql://karbor@db1/karbor
  etl policies --target karbor.db --as vbs > policies.json";

const ROLLBACK_EXAMPLES: &str = "\
Examples:
  etl rollback --source vbs --target postgresql://karbor@db1/karbor
  etl rollback --source all --target karbor.db --dry-run
  etl rollback --source dps --target undo.sql";

const STATUS_EXAMPLES: &str = "\
Examples:
  etl status --target postgresql://karbor@db1/karbor
  etl status --target karbor.db --json";

const PURGE_EXAMPLES: &str = "\
Examples:
  etl purge cinder.sql dps.sql --target postgresql://karbor@db1/karbor --dry-run
  etl purge cinder.sql dps.sql --target postgresql://karbor@db1/karbor
  etl purge --ids old.txt --no-target --what snapshots --older-than 30days";

const PURGE_NOTES: &str = "\
Examples:
  etl purge cinder.sql dps.sql --target postgresql://karbor@db1/karbor --dry-run
          what would go, and what would stay and why
  etl purge cinder.sql dps.sql --target postgresql://karbor@db1/karbor
          the purge itself; the same command again goes on where it stopped
  etl purge --ids old.txt --no-target --what snapshots --older-than 30days

Stopping:
  Ctrl-C sends nothing more and waits for the deletions under way; a second one leaves them to
  themselves. The journal knows them.

Exit codes:
  0  all that was to go is gone
  1  something is left, or nothing could be begun; the report says what and why
  2  wrong usage, nothing was begun";

const SCHEMA_EXAMPLES: &str = "\
Example:
  etl schema --for postgresql | psql trial";

const COLUMNS_EXAMPLES: &str = "\
Examples:
  etl columns > columns.toml
  etl columns cinder.sql vbs.sql dps.sql > columns.toml
  etl run cinder.sql --columns columns.toml";

const SAMPLE_EXAMPLES: &str = "\
Examples:
  etl sample cinder.sql vbs.sql dps.sql
  etl sample dps.sql --json";

const COMPLETIONS_EXAMPLES: &str = "\
Example:
  etl completions bash > /etc/bash_completion.d/etl";

const MAN_EXAMPLES: &str = "\
Examples:
  etl man > etl.1
  etl man run | man -l -";

/// The arguments of `etl run`.
#[derive(Debug, ClapArgs)]
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
#[derive(Debug, ClapArgs)]
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
#[derive(Debug, ClapArgs)]
pub struct ConversionArgs {
    /// Dumps, in any order; `-` is standard input.
    ///
    /// Plain-text dumps of gs_dump or pg_dump, as they are or packed with gzip or zstd.
    #[arg(value_name = "DUMP", required = true)]
    pub dumps: Vec<String>,

    /// Also remove imported rows that the dumps no longer have.
    ///
    /// Only where the dumps hold every source table that such rows come from, and nothing that Karbor made hangs on
    /// them. More than a tenth of the imported rows go only where their number is typed: --prune=COUNT.
    #[arg(long, value_name = "COUNT", num_args = 0..=1, require_equals = true)]
    #[arg(help_heading = "Target", display_order = 100)]
    pub prune: Option<Option<u64>>,

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

/// The arguments of `etl policies`.
#[derive(Debug, ClapArgs)]
pub struct PoliciesArgs {
    /// Target that is read: postgresql://…, sqlite:PATH or PATH.db.
    ///
    /// It is named as for `etl run`, here or in the environment variable ETL_TARGET.
    #[arg(long, short, value_name = "TARGET")]
    pub target: Option<String>,

    /// Form in which policies are printed.
    ///
    /// `table` is for people: local days and times. `vbs` is what VBS's API answered for its list of policies. `json` has
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
}

/// The arguments of `etl schema`.
#[derive(Debug, ClapArgs)]
pub struct SchemaArgs {
    /// Whose SQL it is.
    #[arg(long = "for", value_name = "DATABASE", default_value = "postgresql")]
    pub dialect: Dialect,
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
#[derive(Debug, ClapArgs)]
pub struct ColumnsArgs {
    /// Dumps whose tables and columns complete the names.
    #[arg(value_name = "DUMP")]
    pub dumps: Vec<String>,

    /// Prints the names as they are with this file in force.
    #[arg(long, value_name = "FILE")]
    pub columns: Option<PathBuf>,
}

/// The arguments of `etl sample`.
#[derive(Debug, ClapArgs)]
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

/// The arguments of `etl completions`.
#[derive(Debug, ClapArgs)]
pub struct CompletionsArgs {
    /// The shell.
    pub shell: Shell,
}

/// The arguments of `etl man`.
#[derive(Debug, ClapArgs)]
pub struct ManArgs {
    /// A command of etl; without it the page is that of etl itself.
    pub command: Option<String>,
}

impl Args {
    /// The command line as clap sees it, for help, completions and manual pages.
    #[must_use]
    pub fn definition() -> clap::Command {
        Self::command()
    }

    /// Takes a command line apart.
    ///
    /// # Errors
    /// It is not of the form, or it asks for help or the version.
    pub fn read(line: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        Self::try_parse_from(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Args::definition().debug_assert();
    }
}
