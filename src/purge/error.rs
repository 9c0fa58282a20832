//! Why a purge ends without everything being gone that was to go, with what to do about it.

use crate::base::error::CommandError;
use crate::base::exit::Exit;
use crate::base::json_lines::LinesError;
use crate::base::number::{counted, grouped};

/// The result of a step of the purge.
pub type Result<T> = std::result::Result<T, PurgeError>;

/// Why a purge does not end with [`Exit::Done`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PurgeError {
    /// The arguments or the environment do not say what has to be known.
    #[error("{what}")]
    Usage {
        /// What is missing or wrong.
        what: String,
        /// What to do about it.
        remedy: &'static str,
    },
    /// A file that names ids cannot be read.
    #[error("{path}: {problem}")]
    Ids {
        /// The file, with a line where one is at fault.
        path: String,
        /// What is wrong.
        problem: String,
    },
    /// The identity service or Cinder does not do what is asked; nothing was sent.
    #[error("{service}: {what}")]
    Cloud {
        /// Which service, by its URL.
        service: String,
        /// What happened.
        what: String,
        /// What to do about it.
        remedy: Option<&'static str>,
    },
    /// The journal cannot be used.
    #[error(transparent)]
    Journal(#[from] LinesError),
    /// The journal was begun elsewhere.
    #[error("the journal {path}: it is of a purge at {endpoint}")]
    OtherCloud {
        /// The file.
        path: String,
        /// Cinder's endpoint then.
        endpoint: String,
    },
    /// Whoever was asked did not say yes.
    #[error("{asked} was not typed; nothing was deleted")]
    NotConfirmed {
        /// What would have been yes.
        asked: String,
    },
    /// The user stopped it before the first deletion.
    #[error("stopped by {0}; nothing was deleted")]
    Interrupted(&'static str),
    /// Some objects are still there.
    #[error("{}", remaining(*.left, *.of, .stopped.as_deref()))]
    Left {
        /// How many.
        left: u64,
        /// How many were to go.
        of: u64,
        /// What ended the purge before its time.
        stopped: Option<String>,
        /// Whether some failed.
        failed: bool,
    },
}

impl CommandError for PurgeError {
    fn kind(&self) -> &'static str {
        "purge"
    }

    fn exit(&self) -> Exit {
        match self {
            Self::Usage { .. } | Self::OtherCloud { .. } => Exit::Usage,
            Self::Journal(error) => error.exit(),
            _ => Exit::Failed,
        }
    }

    fn remedy(&self) -> Option<String> {
        let text = match self {
            Self::Usage { remedy, .. } => remedy,
            Self::Ids { .. } => "name a file with one id in each line",
            Self::Cloud { remedy, .. } => return remedy.map(str::to_owned),
            Self::Journal(error) => return error.remedy(),
            Self::OtherCloud { .. } => "name another file with --journal; one that does not exist is made",
            Self::Interrupted(_) => "run the same command again",
            Self::NotConfirmed { .. } => "run the same command again, and type it as it is asked for",
            Self::Left { failed: true, .. } => {
                "the report lists what failed and why; the same command again tries what is left"
            }
            Self::Left { .. } => "run the same command again: it goes on where this one stopped",
        };
        Some((*text).to_owned())
    }
}

fn remaining(left: u64, of: u64, stopped: Option<&str>) -> String {
    let what = format!("{} of {} still there", grouped(left), counted(of, "object is", "objects are"));
    match stopped {
        Some(reason) => format!("stopped by {reason}: {what}"),
        None => what,
    }
}
