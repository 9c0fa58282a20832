//! Why the command ends without having done what was asked, with the exit code and the remedy of each case.
//!
//! Errors are made where they happen and printed in one place, `main`.

use crate::cutover::error::CutoverError;
use crate::exit::Exit;
use crate::journal::lines::Keeper;
use crate::nodes::NodeError;
use crate::options::OptionError;
use crate::purge::error::PurgeError;
use crate::settings::SettingError;
use pipeline::outcome::Rejection;
use std::io;
use std::path::PathBuf;

/// The result of a step of the command.
pub type Result<T> = std::result::Result<T, Error>;

/// Why the command does not end with [`Exit::Done`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The arguments are not of the form, or help or the version was asked for.
    #[error(transparent)]
    Arguments(#[from] clap::Error),
    /// The arguments do not go together.
    #[error(transparent)]
    Options(#[from] OptionError),
    /// A setting has a value that it cannot have.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// The run failed.
    #[error(transparent)]
    Run(#[from] pipeline::error::Error),
    /// The purge failed, or left something.
    #[error(transparent)]
    Purge(#[from] PurgeError),
    /// Something on a node failed.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// A cutover does not go on.
    #[error(transparent)]
    Cutover(#[from] CutoverError),
    /// Rows break rules, so that nothing was written.
    #[error("{}", rejected(*total, *stops))]
    Rejected {
        /// The first of them.
        listed: Vec<Rejection>,
        /// How many rows are rejected.
        total: u64,
        /// What they stop.
        stops: Stops,
    },
    /// Rows that Karbor made hang on imported ones, so that nothing was deleted; the report lists them.
    #[error("{}; nothing was deleted", hanging(*rows))]
    Dependents {
        /// How many they are.
        rows: u64,
    },
    /// The operator did not confirm.
    #[error("not confirmed; nothing was deleted")]
    Unconfirmed,
    /// A file that is written beside the target cannot be written; nothing was begun.
    #[error("{what} {path} cannot be written: {source}")]
    File {
        /// Which file it is.
        what: &'static str,
        /// Where.
        path: String,
        /// The system's answer.
        source: io::Error,
    },
    /// Somebody else is using a file of lines.
    #[error("{}: {keeper}", path.display())]
    JournalInUse {
        /// The file.
        path: PathBuf,
        /// Whose file it is.
        keeper: Keeper,
    },
    /// A line of such a file is damaged.
    #[error("{}:{line}: {problem}", path.display())]
    Journal {
        /// The file.
        path: PathBuf,
        /// Whose file it is.
        keeper: Keeper,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// The system does not give what the command needs to run.
    #[error("{what}: {source}")]
    System {
        /// What was being done.
        what: &'static str,
        /// The system's answer.
        source: io::Error,
    },
    /// What was done cannot be told: standard output or a report file fails at the end.
    #[error("{what} cannot be written: {source}")]
    Unsaid {
        /// Standard output, or the file.
        what: String,
        /// The system's answer.
        source: io::Error,
        /// How the command would have ended.
        exit: Exit,
    },
}

/// What rejected rows stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stops {
    /// This run.
    ThisRun,
    /// The run that this check is made for.
    TheRunToCome,
}

impl Error {
    /// How the command ends because of this.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Arguments(error) if error.exit_code() == 0 => Exit::Done,
            Self::Arguments(_) | Self::Options(_) | Self::Setting(_) => Exit::Usage,
            Self::Purge(error) => error.exit(),
            Self::Node(error) => error.exit(),
            Self::Cutover(error) => error.exit(),
            Self::Run(pipeline::error::Error::CommitUnknown(_)) => Exit::Unknown,
            Self::Run(_)
            | Self::Rejected { .. }
            | Self::Dependents { .. }
            | Self::Unconfirmed
            | Self::File { .. }
            | Self::JournalInUse { .. }
            | Self::Journal { .. }
            | Self::System { .. } => Exit::Failed,
            Self::Unsaid { exit, .. } => *exit,
        }
    }

    /// What the user can do about it, in one line.
    #[must_use]
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::Options(error) => error.remedy(),
            Self::Setting(error) => error.remedy(),
            Self::Run(error) => error.remedy(),
            Self::Purge(error) => error.remedy(),
            Self::Node(error) => error.remedy(),
            Self::Cutover(error) => error.remedy(),
            Self::Rejected { stops: Stops::ThisRun, .. } => Some(
                "mend them at the source and dump again, or set them aside with --rejects FILE".to_owned(),
            ),
            Self::Rejected { stops: Stops::TheRunToCome, .. } => Some(
                "mend them at the source and dump again, or set them aside: `etl run … --rejects FILE`"
                    .to_owned(),
            ),
            Self::Dependents { .. } => Some(
                "delete them in Karbor; or add --with-dependents, which deletes them too, or --keep-edited, which leaves the plans \
                 that they hang on"
                    .to_owned(),
            ),
            Self::File { .. } => Some("make room, or name a place that can be written".to_owned()),
            Self::JournalInUse { keeper, .. } => Some(keeper.when_taken().to_owned()),
            Self::Journal { keeper, .. } => Some(keeper.when_damaged().to_owned()),
            Self::Unsaid { exit: Exit::Done | Exit::Incomplete | Exit::Different, .. } => {
                Some("the run itself ended as its exit code says; do not run it again for this".to_owned())
            }
            Self::System { source, .. } if source.kind() == io::ErrorKind::WouldBlock => {
                Some("allow this user more processes (ulimit -u)".to_owned())
            }
            Self::Arguments(_) | Self::Unconfirmed | Self::System { .. } | Self::Unsaid { .. } => None,
        }
    }

    /// The text for standard error: the rejected rows if there are any, the error, the remedy.
    ///
    /// Control characters are shown as escapes: parts of the text come from dumps and from servers.
    #[must_use]
    pub fn text(&self) -> String {
        if let Self::Arguments(error) = self {
            let text = error.render().to_string();
            if error.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
                return text;
            }
            return format!("etl: {}", text.strip_prefix("error: ").unwrap_or(&text));
        }
        if let Self::Cutover(CutoverError::Step { step, source, told }) = self {
            let told = format!("etl: the cutover stops at the step {step}\n{told}");
            return source.text() + &crate::terminal::printable(&told);
        }
        let mut text = String::new();
        if let Self::Rejected { listed, total, .. } = self {
            for rejection in listed {
                text.push_str(&format!("etl: {rejection}\n"));
            }
            let told = Rejection::rows(listed);
            if *total > told {
                let more = crate::report::number::grouped(total - told);
                text.push_str(&format!("etl: … and {more} more\n"));
            }
        }
        text.push_str(&format!("etl: {self}\n"));
        if let Some(remedy) = self.remedy() {
            text.push_str(&format!("  → {remedy}\n"));
        }
        crate::terminal::printable(&text).into_owned()
    }
}

fn hanging(rows: u64) -> String {
    crate::report::number::counted(
        rows,
        "row that Karbor made hangs on imported ones",
        "rows that Karbor made hang on imported ones",
    )
}

fn rejected(total: u64, stops: Stops) -> String {
    let rows = crate::report::number::counted(total, "row breaks a rule", "rows break rules");
    match stops {
        Stops::ThisRun => format!("{rows}; nothing was written"),
        Stops::TheRunToCome => format!("{rows}; a run would write nothing"),
    }
}
