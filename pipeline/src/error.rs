//! Why a run failed. Every error means that nothing was written, but for [`Error::CommitUnknown`].

use std::path::PathBuf;

/// The result of a stage.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a run failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A dump cannot be read.
    #[error(transparent)]
    Dump(#[from] parsers::error::Error),
    /// The PostgreSQL target cannot be reached.
    #[error(transparent)]
    Connect(#[from] Box<connect::ConnectError>),
    /// The target cannot take the rows, or refused them.
    #[error("{what}")]
    Target {
        /// What happened, with the target's name.
        what: String,
        /// What to do about it.
        remedy: Option<String>,
    },
    /// The target refused a row, which came from this place.
    #[error("{place}: {what}")]
    TargetRow {
        /// `file:line` of the row.
        place: String,
        /// What the target said.
        what: String,
        /// What to do about it.
        remedy: Option<String>,
    },
    /// A file of this run cannot be written.
    #[error("{}: {doing}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// The system's answer.
        source: std::io::Error,
    },
    /// Rows are unaccounted for.
    #[error("internal error: row counts differ: {0}")]
    Imbalance(String),
    /// The user stopped the run.
    #[error("stopped by {0}; nothing was written")]
    Interrupted(&'static str),
    /// COMMIT was sent, and whether it took effect could not be found out.
    #[error("COMMIT was sent, but its outcome is unknown: {0}")]
    CommitUnknown(String),
}

impl Error {
    /// What the user can do about it.
    #[must_use]
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::Dump(error) => error.remedy().map(str::to_owned),
            Self::Connect(error) => error.remedy(),
            Self::Target { remedy, .. } | Self::TargetRow { remedy, .. } => remedy.clone(),
            Self::File { source, .. } if source.kind() == std::io::ErrorKind::AlreadyExists => {
                Some("see what it is, then run again or name another file".to_owned())
            }
            Self::File { .. } => Some("make room, or name a place that can be written".to_owned()),
            Self::Imbalance(_) => {
                Some("this is a fault of etl, nothing was written: keep the dumps and report it".to_owned())
            }
            Self::Interrupted(_) => Some("run the same command again".to_owned()),
            Self::CommitUnknown(_) => Some(
                "once the target answers, run `etl check` against it: it says whether the rows are there"
                    .to_owned(),
            ),
        }
    }

    /// The same of a transaction that was under way: the message ends with `nothing`, which says that nothing of it is there.
    /// Whoever reads it at night need not know what a transaction is.
    #[must_use]
    pub(crate) fn undone(self, nothing: &str) -> Self {
        // What a sink says of a run is said once, in the words of this command.
        let told = |what: String| match what.strip_suffix("nothing was written") {
            _ if what.ends_with(nothing) => what,
            Some(before) => format!("{}; {nothing}", before.trim_end_matches([' ', ':', ';'])),
            None => format!("{what}; {nothing}"),
        };
        match self {
            Self::Target { what, remedy } => Self::Target { what: told(what), remedy },
            Self::TargetRow { place, what, remedy } => Self::TargetRow { place, what: told(what), remedy },
            file @ Self::File { .. } => Self::Target { what: told(file.to_string()), remedy: file.remedy() },
            stopped @ Self::Interrupted(_) if nothing != "nothing was written" => {
                Self::Target { what: told(stopped.to_string()), remedy: stopped.remedy() }
            }
            other => other,
        }
    }

    /// An error of the target with a remedy.
    #[must_use]
    pub fn target(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Target { what: what.into(), remedy: Some(remedy.into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_did_not_happen_is_said_once() {
        let nothing = "nothing was deleted";
        for (what, expected) in [
            ("karbor: it broke", "karbor: it broke; nothing was deleted"),
            (
                "karbor: it broke, and it was not committed: nothing was written",
                "karbor: it broke, and it was not committed; nothing was deleted",
            ),
            ("karbor: 3 rows are left; nothing was deleted", "karbor: 3 rows are left; nothing was deleted"),
        ] {
            let error = Error::Target { what: what.to_owned(), remedy: None }.undone(nothing);
            assert_eq!(error.to_string(), expected);
            let again = error.undone(nothing);
            assert_eq!(again.to_string(), expected);
        }
        assert_eq!(
            Error::Interrupted("SIGINT").undone(nothing).to_string(),
            "stopped by SIGINT; nothing was deleted"
        );
    }
}
