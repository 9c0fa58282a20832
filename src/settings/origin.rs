//! Where a setting was given.

use crate::settings::key::Key;
use std::fmt;
use std::path::PathBuf;

/// A setting that somebody gave a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenSetting {
    /// The setting.
    pub key: Key,
    /// The value as it was written.
    pub value: String,
    /// Where it was written.
    pub origin: Origin,
}

/// Where a setting got its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// On the command line.
    Flag,
    /// In the environment.
    Environment,
    /// In the settings file, in this line.
    File {
        /// The file as named.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// In the record that `etl dump` wrote beside a dump.
    Record {
        /// The record.
        path: PathBuf,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("flag"),
            Self::Environment => f.write_str("environment"),
            Self::Record { path } => path.display().fmt(f),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
        }
    }
}

impl fmt::Display for GivenSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (key, value) = (self.key, parsers::row::shortened(&self.value));
        match &self.origin {
            Origin::Flag => write!(f, "{} {value:?}", key.flag()),
            Origin::Environment => write!(f, "{}={value:?}", key.variable()),
            Origin::Record { path } => write!(f, "{}: {} = {value:?}", path.display(), key.name()),
            Origin::File { path, line } => write!(f, "{}:{line}: {} = {value:?}", path.display(), key.name()),
        }
    }
}
