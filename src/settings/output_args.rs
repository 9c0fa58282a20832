//! What is told of a run, and where, as flags.

use clap::{ArgAction, Args};
use std::path::PathBuf;

/// What is told, and where, as typed.
#[derive(Clone, Debug, Default, Args)]
pub struct OutputArgs {
    /// File for the report: FILE.html a page for people, any other JSON; it is also written when the run fails.
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub report: Option<PathBuf>,

    /// Permit to replace FILE although etl did not write it.
    ///
    /// Files that are written or added to are recognised by what they begin with. Name each file that may be lost.
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub force: Vec<PathBuf>,

    /// File to which the log is added; etl.log in the current folder when not given.
    ///
    /// It is readable by you alone and holds no passwords.
    #[arg(long, value_name = "FILE", help_heading = "Output", conflicts_with = "no_log")]
    pub log: Option<PathBuf>,

    /// Keep no log.
    #[arg(long, help_heading = "Output")]
    pub no_log: bool,

    /// Show no progress; the report and errors are still told.
    #[arg(long, short, help_heading = "Output", conflicts_with = "verbose")]
    pub quiet: bool,

    /// Show on standard error what goes to the log; twice: more of it.
    #[arg(long, short, help_heading = "Output", action = ArgAction::Count)]
    pub verbose: u8,
}
