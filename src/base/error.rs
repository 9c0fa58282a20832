//! Why a command ends without having done what was asked.
//!
//! Each part of the command has its own errors and implements [`CommandError`] for them. Only the frame of a command and
//! `main` handle [`Error`], which contains any of them. Errors are printed in one place, `main`.

use super::exit::Exit;
use crate::base::text::printable;
use std::error::Error as StdError;
use std::fmt;
use std::io::{self, Write as _};

/// The result of a step of a command.
pub type Result<T> = std::result::Result<T, Error>;

/// What each error of a command has.
pub trait CommandError: StdError + Send + Sync + 'static {
    /// The kind of error, for programs that read a report: `options`, `run`, `purge` …
    fn kind(&self) -> &'static str;

    /// How the command ends because of this.
    fn exit(&self) -> Exit {
        Exit::Failed
    }

    /// What the user can do about it, in one line.
    fn remedy(&self) -> Option<String> {
        None
    }

    /// The text for standard error: what belongs before the error, the error, the remedy.
    ///
    /// Control characters are shown as escapes: parts of the text come from dumps and from servers.
    fn text(&self) -> String {
        plain_text(self)
    }

    /// Whether the text was asked for (help, the version) and goes to standard output.
    fn is_requested(&self) -> bool {
        false
    }
}

/// An error and its remedy, as they are printed.
pub fn plain_text(error: &(impl CommandError + ?Sized)) -> String {
    let mut text = format!("etl: {error}\n");
    if let Some(remedy) = error.remedy() {
        text.push_str(&format!("  → {remedy}\n"));
    }
    printable(&text).into_owned()
}

/// Any error of a command.
pub struct Error(Box<dyn CommandError>);

impl<E: CommandError> From<E> for Error {
    fn from(error: E) -> Self {
        Self(Box::new(error))
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error {
    /// A file that is written beside the target cannot be written; nothing was begun.
    #[must_use]
    pub fn file(what: &'static str, path: impl fmt::Display, source: io::Error) -> Self {
        FileError { what, path: path.to_string(), source }.into()
    }

    /// The system does not give what the command needs to run.
    #[must_use]
    pub fn system(what: &'static str, source: io::Error) -> Self {
        SystemError { what, source }.into()
    }

    /// What was done cannot be printed: `what` (standard output, or a report file) fails at the end of a command that
    /// would have ended with `exit`.
    #[must_use]
    pub fn output(what: impl Into<String>, source: io::Error, exit: Exit) -> Self {
        OutputFailed { what: what.into(), source, exit }.into()
    }

    /// The error as one of its kind.
    #[must_use]
    pub fn downcast_ref<E: CommandError>(&self) -> Option<&E> {
        let error: &(dyn StdError + 'static) = self.0.as_ref();
        error.downcast_ref()
    }

    /// The kind of error.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.0.kind()
    }

    /// How the command ends because of this.
    #[must_use]
    pub fn exit(&self) -> Exit {
        self.0.exit()
    }

    /// What the user can do about it, in one line.
    #[must_use]
    pub fn remedy(&self) -> Option<String> {
        self.0.remedy()
    }

    /// The text for standard error.
    #[must_use]
    pub fn text(&self) -> String {
        self.0.text()
    }

    /// Prints the text where it belongs. Where standard error is gone there is nobody left to read it.
    pub fn print(&self) {
        let text = self.text();
        drop(match self.0.is_requested() {
            true => io::stdout().write_all(text.as_bytes()),
            false => io::stderr().write_all(text.as_bytes()),
        });
    }
}

#[derive(Debug, thiserror::Error)]
#[error("{what} {path} cannot be written: {source}")]
struct FileError {
    what: &'static str,
    path: String,
    source: io::Error,
}

impl CommandError for FileError {
    fn kind(&self) -> &'static str {
        "file"
    }

    fn remedy(&self) -> Option<String> {
        Some("make room, or name a place that can be written".to_owned())
    }
}

#[derive(Debug, thiserror::Error)]
#[error("{what}: {source}")]
struct SystemError {
    what: &'static str,
    source: io::Error,
}

impl CommandError for SystemError {
    fn kind(&self) -> &'static str {
        "system"
    }

    fn remedy(&self) -> Option<String> {
        let processes = self.source.kind() == io::ErrorKind::WouldBlock;
        processes.then(|| "allow this user more processes (ulimit -u)".to_owned())
    }
}

/// What was done cannot be printed.
#[derive(Debug, thiserror::Error)]
#[error("{what} cannot be written: {source}")]
pub struct OutputFailed {
    /// Standard output, or the file.
    pub what: String,
    /// The system's error.
    pub source: io::Error,
    /// How the command would have ended.
    pub exit: Exit,
}

impl CommandError for OutputFailed {
    fn kind(&self) -> &'static str {
        "output"
    }

    fn exit(&self) -> Exit {
        self.exit
    }

    fn remedy(&self) -> Option<String> {
        let done = matches!(self.exit, Exit::Done | Exit::Incomplete | Exit::Different);
        done.then(|| "the run itself ended as its exit code says; do not run it again for this".to_owned())
    }
}

impl CommandError for pipeline::error::Error {
    fn kind(&self) -> &'static str {
        "run"
    }

    fn exit(&self) -> Exit {
        match self {
            Self::CommitUnknown(_) => Exit::Unknown,
            _ => Exit::Failed,
        }
    }

    fn remedy(&self) -> Option<String> {
        self.remedy()
    }
}
