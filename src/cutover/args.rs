//! The arguments of `etl cutover`.

use crate::cutover::step::Step;
use clap::{ArgAction, Args, Subcommand};
use std::path::PathBuf;

/// Shown under the help of `etl cutover`.
pub(crate) const EXAMPLES: &str = "\
Examples:
  etl cutover init cutover.toml
  etl cutover cutover.toml --dry-run
  etl cutover cutover.toml
  etl cutover incremental cutover.toml
  etl cutover rollback cutover.toml";

/// Shown under the long help of `etl cutover`.
pub(crate) const NOTES: &str = "\
Examples:
  etl cutover init cutover.toml
          asks for what a cutover needs to know, and writes the file
  etl cutover cutover.toml --dry-run
          what would be done, with every command line
  etl cutover cutover.toml
          the full part; the same command again goes on after the last finished step
  etl cutover incremental cutover.toml
          once the traffic is switched: what changed since, and operationengine
  etl cutover rollback cutover.toml
          back to where it began

Exit codes:
  0  what could be done is done; also where the operator is to switch the traffic now
  1  a step failed; the target is what it was before that step
  2  wrong usage or settings, or something else comes first; nothing was begun
  3  done, but rows were deferred, copies wait for their jobs, or operations have no usable trust
  4  the verification found differences; it stops there
  5  COMMIT was sent, and its outcome is unknown; the same command again finds it out";

/// The arguments of `etl cutover`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
#[command(disable_help_subcommand = true)]
pub struct CutoverArgs {
    /// The part that is done; everything that can be done when not given.
    #[command(subcommand)]
    pub part: Option<CutoverPart>,

    /// Everything that can be done.
    #[command(flatten)]
    pub everything: EverythingArgs,
}

/// A part of a cutover.
#[derive(Debug, Subcommand)]
pub enum CutoverPart {
    /// Dumps, checks, loads and verifies everything; VBS and DPS may be running.
    Full(PartArgs),
    /// Once the traffic is switched: what changed since, outcomes of jobs, restart.
    Incremental(PartArgs),
    /// Lets the unfinished jobs go on, and brings their outcomes.
    Continue(PartArgs),
    /// Deletes what was imported, and restarts operationengine.
    Rollback(BackArgs),
    /// Says what is done and what comes next; changes nothing.
    Status(StandingArgs),
    /// Asks for what a cutover needs to know, and writes the settings file.
    Init(InitArgs),
}

/// The arguments of `etl cutover FILE`.
#[derive(Debug, Args)]
pub struct EverythingArgs {
    /// Settings file; `etl cutover init FILE` writes one.
    #[arg(value_name = "FILE", required = true)]
    pub file: Option<PathBuf>,

    /// The traffic is switched, or there is none: do not stop before the incremental part.
    #[arg(long, help_heading = "Steps")]
    pub switched: bool,

    /// How it goes.
    #[command(flatten)]
    pub going: GoingArgs,
}

/// The arguments of a part.
#[derive(Debug, Args)]
pub struct PartArgs {
    /// Settings file; `etl cutover init FILE` writes one.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// How it goes.
    #[command(flatten)]
    pub going: GoingArgs,
}

/// What everything that does steps has in common.
#[derive(Debug, Args)]
pub struct GoingArgs {
    /// Where it goes on.
    #[command(flatten)]
    pub steps: StepArgs,

    /// How nodes are reached.
    #[command(flatten)]
    pub nodes: NodeArgs,

    /// What is shown.
    #[command(flatten)]
    pub shown: ShownArgs,
}

/// Where a cutover goes on.
#[derive(Clone, Debug, Default, Args)]
pub struct StepArgs {
    /// Go on with this step, whatever the state file says; what comes before counts as done.
    ///
    /// The dumps that a step reads lie in the folder, under full, incremental or continue; dumps that were made by hand
    /// are put there.
    #[arg(long, value_name = "STEP", help_heading = "Steps", conflicts_with = "again")]
    pub from: Option<Step>,

    /// Begin anew, whatever the state file says.
    #[arg(long, help_heading = "Steps")]
    pub again: bool,

    /// Say what would be done, with the command lines, and do nothing.
    #[arg(long, help_heading = "Steps")]
    pub dry_run: bool,
}

/// What is shown of a cutover.
#[derive(Clone, Debug, Default, Args)]
pub struct ShownArgs {
    /// Permit to replace FILE in the folder although etl did not write it.
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub force: Vec<PathBuf>,

    /// Show no progress; steps and errors are still told.
    #[arg(long, short, help_heading = "Output", conflicts_with = "verbose")]
    pub quiet: bool,

    /// Show on standard error what goes to the log; twice: more of it.
    #[arg(long, short, help_heading = "Output", action = ArgAction::Count)]
    pub verbose: u8,
}

/// The arguments of `etl cutover rollback`.
#[derive(Debug, Args)]
pub struct BackArgs {
    /// Settings file of the cutover.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// Ask nothing; without it what would go is shown and "yes" has to be typed at the terminal.
    #[arg(long, short, help_heading = "Confirmation")]
    pub yes: bool,

    /// Delete rows of Karbor's own too that depend on imported ones.
    #[arg(long, help_heading = "What goes", conflicts_with = "keep_edited")]
    pub with_dependents: bool,

    /// Leave plans alone on which such rows hang.
    #[arg(long, help_heading = "What goes")]
    pub keep_edited: bool,

    /// How it goes.
    #[command(flatten)]
    pub going: GoingArgs,
}

/// The arguments of `etl cutover status`.
#[derive(Debug, Args)]
pub struct StandingArgs {
    /// Settings file of the cutover.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// Print JSON instead of text.
    #[arg(long, help_heading = "Output")]
    pub json: bool,
}

/// The arguments of `etl cutover init`.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// Settings file to be written; no password comes to stand in it.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

/// How nodes are reached.
#[derive(Clone, Debug, Default, Args)]
pub struct NodeArgs {
    /// File descriptor with passwords, one NAME=value in each line.
    #[arg(long, value_name = "N", help_heading = "Nodes")]
    pub secrets_fd: Option<u32>,

    /// Accept host keys of nodes that are not known yet, and note them.
    #[arg(long, help_heading = "Nodes")]
    pub accept_new_host_keys: bool,
}
