//! Why arguments do not go together, in the user's words, with what to do about it.

use crate::options::identity::Role;
use pipeline::load::spec::SpecError;
use std::io;
use std::path::PathBuf;

/// Why the arguments cannot be followed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OptionError {
    /// A password on the command line.
    #[error("a password stands on the command line, where every user of this machine can see it")]
    PasswordInArguments,
    /// A target that is named as a dump.
    #[error("{name} is a target, not a dump")]
    TargetAsDump {
        /// Its name, without secrets.
        name: String,
    },
    /// A text that names no target.
    #[error("{}: {source}", named_by)]
    Target {
        /// Who named it.
        named_by: &'static str,
        /// What is wrong.
        source: SpecError,
    },
    /// Loading and rolling back, but nowhere to load to.
    #[error("--full loads into a target, and none is named")]
    FullWithoutTarget,
    /// One dump twice.
    #[error("{first} and {second} are the same file")]
    SameDump {
        /// The first name.
        first: String,
        /// The second name.
        second: String,
    },
    /// Nothing comes from standard input but what is typed.
    #[error("-: standard input is a terminal, not a dump")]
    StdinTerminal,
    /// A file that would be overwritten is a dump, or two of the files to be written are one.
    #[error("{first} and {second} are the same file, {}", path.display())]
    SamePlace {
        /// What the file is.
        first: Role,
        /// What else it is.
        second: Role,
        /// The file.
        path: PathBuf,
    },
    /// A place that no file can be written to.
    #[error("{role} {}: {problem}", path.display())]
    Place {
        /// What would be written there.
        role: Role,
        /// The place.
        path: PathBuf,
        /// What is wrong with it.
        problem: &'static str,
        /// What to do about it.
        remedy: &'static str,
    },
    /// No folder to copy pipes to.
    #[error("{}: {problem}", path.display())]
    Spool {
        /// The folder that was tried last.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The file of names cannot be read.
    #[error("{}: the file of names cannot be read: {source}", path.display())]
    ColumnsUnreadable {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The file of names is wrong.
    #[error("{}:{line}: {problem}", path.display())]
    Columns {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
    /// There is no manual page of this name.
    #[error("etl has no command {name:?}")]
    NoCommand {
        /// The name.
        name: String,
        /// The commands there are.
        commands: Vec<String>,
    },
}

impl OptionError {
    /// What the user can do about it.
    #[must_use]
    pub fn remedy(&self) -> Option<String> {
        let text = match self {
            Self::PasswordInArguments => {
                "change it, then leave it out: etl asks for it, or takes it from PGPASSWORD, ~/.pgpass, ETL_TARGET or OS_PASSWORD"
            }
            Self::TargetAsDump { .. } => "name it with --target",
            Self::FullWithoutTarget => "name one with --target or ETL_TARGET",
            Self::SameDump { .. } => "name each dump once",
            Self::StdinTerminal => "pipe a dump into etl, or name a file",
            Self::SamePlace { first: Role::Log, .. } | Self::SamePlace { second: Role::Log, .. } => {
                "name another file with --log, or keep none with --no-log"
            }
            Self::SamePlace { .. } => "name another file",
            Self::Place { remedy, .. } => remedy,
            Self::Spool { .. } => "name a folder on disk with --spool-dir",
            Self::Columns { .. } => "`etl columns` prints a file of the form, with all tables and columns",
            Self::NoCommand { commands, .. } => {
                return Some(format!("the commands are {}", commands.join(", ")));
            }
            Self::Target { .. } | Self::ColumnsUnreadable { .. } => return None,
        };
        Some(text.to_owned())
    }
}
