//! Why arguments do not go together, in the user's words, with what to do about it.

use crate::base::error::CommandError;
use crate::base::exit::Exit;
use crate::base::files::ForeignFile;
use crate::settings::identity::Role;
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
    /// A text in a site's settings file that names no target.
    #[error("{}:{line}: target: {source}", path.display())]
    SiteTarget {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        source: SpecError,
    },
    /// What is named as a site's folder is none that can be used.
    #[error("{}: {problem}", path.display())]
    Site {
        /// What was named.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
        /// What to do about it.
        remedy: &'static str,
    },
    /// Two sites whose scripts would overwrite each other.
    #[error("{first} and {second} are written to the same script, {}", path.display())]
    SameScript {
        /// The one site.
        first: String,
        /// The other.
        second: String,
        /// The script.
        path: PathBuf,
    },
    /// Removing rows where those of other sites lie too.
    #[error(
        "--prune: several sites are loaded into {target}, and the dumps of one say nothing of the others' rows"
    )]
    SharedPrune {
        /// The target, without secrets.
        target: String,
    },
    /// The folders lie in several places, so that none is next to all of them.
    #[error("the folders lie in different places, and no journal is named")]
    NoJournal,
    /// Loading and rolling back, but nowhere to load to.
    #[error("--full loads into a target, and none is named")]
    FullWithoutTarget,
    /// A command that changes or shows a target, and none is named.
    #[error("no target is named")]
    NoTarget,
    /// A question for the operator, and nobody to answer it.
    #[error("there is no terminal where what is to be deleted could be confirmed")]
    NobodyToAsk,
    /// A script cannot be looked at.
    #[error("a script holds nothing that could be shown")]
    NothingToShow,
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
        problem: String,
        /// What to do about it.
        remedy: String,
    },
    /// A file that etl did not write.
    #[error(transparent)]
    Foreign(#[from] ForeignFile),
    /// A file that is permitted to be replaced, and that nothing writes.
    #[error("--force {}: this command does not write to this file", path.display())]
    ForceOfNothing {
        /// The file.
        path: PathBuf,
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
    /// A column that cannot be assumed absent.
    #[error("--assume-absent {name}: {problem}")]
    AssumedAbsent {
        /// The column as typed.
        name: String,
        /// What is wrong with it.
        problem: parsers::columns::MapError,
    },
    /// A file that etl did not write, where a manual page would be written.
    #[error("{}: etl did not write this file, and does not replace it", path.display())]
    ForeignManual {
        /// The file.
        path: PathBuf,
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

impl CommandError for OptionError {
    fn kind(&self) -> &'static str {
        "options"
    }

    fn exit(&self) -> Exit {
        Exit::Usage
    }

    fn remedy(&self) -> Option<String> {
        let text = match self {
            Self::PasswordInArguments => {
                "change it, then leave it out: etl asks for it, or takes it from PGPASSWORD, ~/.pgpass, ETL_TARGET or OS_PASSWORD"
            }
            Self::TargetAsDump { .. } => "name it with --target",
            Self::FullWithoutTarget => "name one with --target or ETL_TARGET",
            Self::NoTarget => "name it with --target or ETL_TARGET: postgresql://…, or PATH.db",
            Self::NobodyToAsk => {
                "look at what would go with --dry-run, then add --yes; or run it at a terminal"
            }
            Self::NothingToShow => "name the database itself: postgresql://… or PATH.db",
            Self::SameDump { .. } => "name each dump once",
            Self::StdinTerminal => "pipe a dump into etl, or name a file",
            Self::SamePlace { first: Role::Log, .. } | Self::SamePlace { second: Role::Log, .. } => {
                "name another file with --log, or keep none with --no-log"
            }
            Self::SamePlace { .. } => "name another file",
            Self::Place { remedy, .. } => return Some(remedy.clone()),
            Self::Foreign(error) => return error.remedy(),
            Self::ForceOfNothing { .. } => {
                "leave it out, or name the file as it is named where it is written"
            }
            Self::Spool { .. } => "name a folder on disk with --spool-dir",
            Self::Columns { .. } => "`etl columns` prints a file of the form, with all tables and columns",
            Self::AssumedAbsent { .. } => {
                "name it TABLE.COLUMN as `etl columns` does: --assume-absent schedule_timer.time_zone"
            }
            Self::NoCommand { commands, .. } => {
                return Some(format!("the commands are {}", commands.join(", ")));
            }
            Self::ForeignManual { .. } => "name another folder",
            Self::Site { remedy, .. } => remedy,
            Self::SameScript { .. } => "name a script for each in its etl.toml: target = \"karbor.sql\"",
            Self::SharedPrune { .. } => "leave --prune out, or name a target for each site in its etl.toml",
            Self::NoJournal => "name one with --journal",
            Self::ColumnsUnreadable { .. } => {
                "name a text file in UTF-8 that this user may read; `etl columns` prints one of the form"
            }
            Self::Target { .. } | Self::SiteTarget { .. } => return None,
        };
        Some(text.to_owned())
    }
}
