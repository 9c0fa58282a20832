//! The command line: its subcommands with their help, and which function each one calls.
//!
//! The doc comments of this module are the help texts; the tests keep them word for word.

pub mod completions;
pub mod man;
mod usage;
pub mod version;

use crate::base::error::{Error, Result};
use crate::base::exit::Exit;
use crate::cli::usage::UsageError;
use crate::cutover::args::CutoverArgs;
use crate::dump::args::DumpArgs;
use crate::import::args::{CheckArgs, RunArgs};
use crate::import::batch::args::BatchArgs;
use crate::import::explain::args::ExplainArgs;
use crate::import::report::glossary;
use crate::import::sync::args::SyncArgs;
use crate::import::verify::args::VerifyArgs;
use crate::maintain::args::{ColumnsArgs, PoliciesArgs, RollbackArgs, SampleArgs, SchemaArgs, StatusArgs};
use crate::purge::args::PurgeArgs;
use crate::settings::target::password_in_arguments;
use crate::ui::environment::Environment;
use crate::ui::terminal::ignore_broken_pipe;
use crate::{cutover, dump, import, maintain, purge};
use clap::{Args as ClapArgs, CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;
use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;

/// The widest that help is written.
const HELP_COLUMNS: usize = 100;

/// Moves VBS and DPS backups into OpenStack Karbor.
///
/// Reads dumps that gs_dump or pg_dump wrote of the databases cinder, autobackup, taskmgr and dps, converts the
/// copies and policies in them, and loads them into Karbor's database in one transaction: either everything is
/// written or nothing is.
#[derive(Debug, Parser)]
#[command(name = "etl", version = version::VERSION, max_term_width = HELP_COLUMNS, after_help = MAIN_EXAMPLES)]
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
    #[command(after_help = import::args::RUN_EXAMPLES)]
    Run(RunArgs),
    /// Makes dumps on the nodes of a cutover and brings them here.
    ///
    /// Logs in over SSH, becomes the database user where the settings say so, runs gs_dump for the tables that etl reads,
    /// fetches the file, checks size, digest and that it is whole, removes it on the node whatever happened, and records
    /// the node's time zone beside it. All nodes are worked on at once. No password stands in an argument, a file or a log.
    #[command(after_help = dump::args::EXAMPLES, after_long_help = dump::args::NOTES)]
    #[command(mut_arg("report", json_only))]
    Dump(DumpArgs),
    /// Converts dumps and says what a run would do; writes nothing.
    ///
    /// Everything is read and converted as a run does it, and the report is the same. Without a target none is
    /// touched. With one its tables are looked at, and what stands in a run's way is told.
    #[command(after_help = import::args::CHECK_EXAMPLES)]
    Check(CheckArgs),
    /// Compares dumps with what a target holds, row by row and column by column.
    ///
    /// The dumps are converted again, and every row that they come to is compared with the target's: equal, missing, extra,
    /// different in which columns, or changed by Karbor since. The schedules are followed on both sides, Karbor's by what
    /// its triggers say. Nothing is written, and a hot standby will do. Exit code 4 says that there are differences;
    /// what Karbor changed since is none.
    #[command(after_help = import::verify::args::EXAMPLES)]
    Verify(VerifyArgs),
    /// Says what became of one copy, policy, plan, volume or job.
    ///
    /// Its rows in the dumps with file:line, the rule that decided, what they became; of a policy or plan the schedule that it
    /// had and has, with the next firings of both; with a target what that contains of it, and what Karbor did to it since.
    /// The dumps are converted as a check converts them; nothing is written.
    #[command(after_help = import::explain::args::EXAMPLES)]
    Explain(ExplainArgs),
    /// Brings the outcomes of unfinished jobs to imported copies that are `protecting`.
    ///
    /// For copies that a run with --unsteady carry wrote while they were being made. Each takes its job's outcome from
    /// the task manager's dump: available, or error with the reason. Those whose job is not over stay as they are and
    /// are listed. Everything happens in one transaction; run it as often as you like.
    #[command(after_help = import::sync::args::EXAMPLES)]
    #[command(mut_arg("report", json_only))]
    Sync(SyncArgs),
    /// Loads the dumps of several sites, each folder in a transaction of its own.
    ///
    /// Every site is loaded as `etl run` does it, into the target that its own etl.toml names, else into --target. A
    /// journal says what is committed: run again after a crash or a failure, it goes on where it stopped and passes over
    /// what has not changed since. Dumps are never written to; each folder gets the report of its site, etl-report.txt and
    /// etl-report.json.
    #[command(after_help = import::batch::args::EXAMPLES)]
    #[command(mut_arg("report", json_only))]
    Batch(BatchArgs),
    /// Takes a site over in one go: dumps, converts, loads, verifies, restarts.
    ///
    /// A settings file says where the databases, Karbor and its engines are. The steps are done one after the other, each as
    /// its own command does it; the same command again goes on after the last finished step. It stops where the operator
    /// switches the traffic, and says what to type then. Reports, dumps, the log and the state file lie in the folder that
    /// the settings name. With a settings file and no terminal nothing is asked.
    #[command(after_help = cutover::args::EXAMPLES, after_long_help = cutover::args::NOTES)]
    Cutover(CutoverArgs),
    /// Prints the policies that a target holds, as VBS would have given them.
    ///
    /// Plans, operations and triggers are read from Karbor's database, and each operation is given back in the form of
    /// VBS's API: start times in UTC in the order of the user's day, the user's days, the zone, how long copies are
    /// kept, ON or OFF. Nothing is changed; a read-only standby will do.
    #[command(after_help = maintain::args::POLICIES_EXAMPLES)]
    Policies(PoliciesArgs),
    /// Deletes what was imported, in one transaction.
    ///
    /// Shows what will go, by table and tenant, and what Karbor has changed since; asks; deletes; proves that nothing
    /// imported is left; commits. Imported rows are known by their tag, by the links between rows and by the ids that
    /// only etl gives. Nothing of Karbor's own is touched.
    #[command(after_help = maintain::args::ROLLBACK_EXAMPLES)]
    #[command(mut_arg("report", json_only))]
    Rollback(RollbackArgs),
    /// Says what a target holds of imports, who is using it, and what to do next.
    ///
    /// It only reads, so it works on a standby and while a run is under way.
    #[command(after_help = maintain::args::STATUS_EXAMPLES)]
    Status(StatusArgs),
    /// Deletes old copies and snapshots from the cloud, a few at a time.
    ///
    /// What is deleted is chosen by the dumps: the copies of VBS and DPS in them, and their snapshots. Copies that a
    /// Karbor target holds are not deleted, and copies go after those that continue them. Cinder is asked through the
    /// OpenStack APIs, as the user that the OS_* variables name (as for the openstack command; a password comes from
    /// OS_PASSWORD or is asked for). What is to go is shown first, and its number has to be typed.
    #[command(after_help = purge::args::EXAMPLES, after_long_help = purge::args::NOTES)]
    #[command(mut_arg("report", json_only))]
    Purge(PurgeArgs),
    /// Prints the target's tables as SQL.
    ///
    /// The tables of Karbor that etl writes or reads, for a database to try a run on. Karbor's own database has
    /// them already.
    #[command(after_help = maintain::args::SCHEMA_EXAMPLES)]
    Schema(SchemaArgs),
    /// Prints the names of all tables and columns, as a file for --columns.
    ///
    /// The source tables with the names that each column may have in a dump, and the names of the target's tables
    /// and columns. Where a database differs, keep the entries that differ in a file and name it with --columns.
    ///
    /// With dumps, the names of the source tables are completed by what these contain: found, guessed and why, absent.
    /// With a target, its names are completed in the same way. Guesses are comments until they are confirmed by hand.
    #[command(after_help = maintain::args::COLUMNS_EXAMPLES)]
    Columns(ColumnsArgs),
    /// Shows what tables and columns dumps contain.
    ///
    /// Of each table its rows, of each column how many are NULL, its distinct values where they are few, the smallest
    /// and the largest. Values are shortened; those of columns named for secrets are not shown.
    #[command(after_help = maintain::args::SAMPLE_EXAMPLES)]
    Sample(SampleArgs),
    /// Says what the words of the reports mean.
    ///
    /// What became of the rows of the dumps and of the target, and why; the same stands in the runbook.
    #[command(after_help = OUTCOMES_EXAMPLES, after_long_help = outcomes_notes())]
    Outcomes,
    /// Prints a completion script for a shell.
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions(CompletionsArgs),
    /// Prints a manual page.
    #[command(after_help = MAN_EXAMPLES)]
    Man(ManArgs),
    /// Prints version, commit, date, target and the glibc that is needed.
    #[command(after_help = VERSION_EXAMPLES)]
    Version(VersionArgs),
}

/// Of a command whose report is no page.
fn json_only(report: clap::Arg) -> clap::Arg {
    report.help("File for the report as JSON; it is also written when the command fails. This command has no page: a name in .html is refused")
}

const OUTCOMES_EXAMPLES: &str = "\
Example:
  etl outcomes";

fn outcomes_notes() -> String {
    format!("{OUTCOMES_EXAMPLES}\n\n{}", glossary::text().trim_end())
}

const COMPLETIONS_EXAMPLES: &str = "\
Example:
  etl completions bash > /etc/bash_completion.d/etl";

const MAN_EXAMPLES: &str = "\
Examples:
  etl man run | man -l -
  etl man cutover full | man -l -
  etl man --all /usr/local/share/man/man1";

const VERSION_EXAMPLES: &str = "\
Example:
  etl version --json";

/// The arguments of `etl completions`.
#[derive(Debug, ClapArgs)]
pub struct CompletionsArgs {
    /// The shell.
    pub shell: Shell,
}

/// The arguments of `etl version`.
#[derive(Debug, ClapArgs)]
pub struct VersionArgs {
    /// Print JSON instead of text.
    #[arg(long)]
    pub json: bool,
}

/// The arguments of `etl man`.
#[derive(Debug, ClapArgs)]
pub struct ManArgs {
    /// A command of etl, and a command of that; without it the page is that of etl itself.
    pub command: Vec<String>,

    /// Write the pages of all commands into this folder.
    ///
    /// One file for each, such as etl-run.1 and etl-cutover-full.1. The folder is made where there is none.
    #[arg(long, value_name = "FOLDER", conflicts_with = "command")]
    pub all: Option<PathBuf>,
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
    pub fn read(line: impl IntoIterator<Item = OsString>) -> std::result::Result<Self, clap::Error> {
        Self::try_parse_from(line)
    }
}

/// Does what a command line says; what it answers goes to `out`.
///
/// # Errors
/// The command line cannot be followed, or the command failed.
pub fn execute(line: &[OsString], environment: &Environment<'_>, out: &mut dyn Write) -> Result<Exit> {
    // Before anything could repeat an argument in a message.
    password_in_arguments(line)?;
    let args = Args::read(line.iter().cloned()).map_err(|refusal| UsageError::new(refusal, line))?;
    let text = match args.command {
        Command::Run(args) => return import::run::run(&args, environment, out),
        Command::Dump(args) => return dump::command::dump(&args, environment, out),
        Command::Check(args) => return import::check::check(&args, line, environment, out),
        Command::Verify(args) => return import::verify::verify(&args, environment, out),
        Command::Explain(args) => return import::explain::explain(&args, environment, out),
        Command::Batch(args) => return import::batch::batch(&args, environment, out),
        Command::Sync(args) => return import::sync::sync(&args, environment, out),
        Command::Cutover(args) => return cutover::command::cutover(&args, environment, out, execute),
        Command::Policies(args) => return maintain::policies::policies(&args, environment, out),
        Command::Rollback(args) => return maintain::rollback::rollback(&args, environment, out),
        Command::Status(args) => maintain::status::status(&args, environment)?,
        Command::Purge(args) => return purge::command::purge(&args, environment, out),
        Command::Schema(args) => maintain::schema::schema(&args),
        Command::Columns(args) => return maintain::columns::columns(&args, environment, out),
        Command::Sample(args) => maintain::sample::sample(&args, environment)?,
        Command::Outcomes => glossary::text(),
        Command::Completions(args) => completions::completions(&args),
        Command::Man(args) => man::man(&args)?,
        Command::Version(args) if args.json => version::json(),
        Command::Version(_) => version::text(),
    };
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    ignore_broken_pipe(written).map_err(|source| Error::output("standard output", source, Exit::Failed))?;
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Args::definition().debug_assert();
    }
}
