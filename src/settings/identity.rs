//! Which file a path is, by device and inode, so that two names of one file are seen to be one.

use std::ffi::OsString;
use std::fmt;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// A file that exists, or the place where one would be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Identity {
    /// A file that exists.
    File {
        /// The device.
        device: u64,
        /// The inode.
        inode: u64,
    },
    /// A name in a folder that exists.
    Absent {
        /// The folder's device.
        device: u64,
        /// The folder's inode.
        inode: u64,
        /// The name in it.
        name: OsString,
    },
}

impl Identity {
    /// The identity of a file that exists.
    #[must_use]
    pub(crate) fn of(metadata: &Metadata) -> Self {
        Self::File { device: metadata.dev(), inode: metadata.ino() }
    }

    /// The identity of what `path` is, or would be; `None` where there is not even a folder.
    #[must_use]
    pub(crate) fn at(path: &Path) -> Option<Self> {
        if let Ok(metadata) = std::fs::metadata(path) {
            return Some(Self::of(&metadata));
        }
        // A link to a file that is still to be made stands for that file.
        if let Ok(aim) = std::fs::read_link(path) {
            return Self::absent(&folder_of(path).join(aim));
        }
        Self::absent(path)
    }

    fn absent(path: &Path) -> Option<Self> {
        let folder = std::fs::metadata(folder_of(path)).ok()?;
        Some(Self::Absent { device: folder.dev(), inode: folder.ino(), name: path.file_name()?.to_owned() })
    }
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// What a file is to the run. Shown at the start of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// A dump, by its name.
    Dump(String),
    /// The target.
    Target,
    /// `--rejects`.
    Rejects,
    /// `--report`.
    Report,
    /// `--outcomes`.
    Outcomes,
    /// `--journal`, of a batch or a purge.
    Journal,
    /// `--log`, or the log that is kept by default.
    Log,
    /// `--ids`.
    Ids,
    /// A report as text.
    Text,
    /// A dump that is brought here, by its database.
    Brought(&'static str),
    /// The record beside it.
    Record,
    /// The state of a cutover.
    State,
    /// What a step of a cutover leaves.
    Step,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dump(name) => write!(f, "the dump {name}"),
            Self::Target => f.write_str("the target"),
            Self::Rejects => f.write_str("the --rejects file"),
            Self::Report => f.write_str("the --report file"),
            Self::Outcomes => f.write_str("the --outcomes file"),
            Self::Journal => f.write_str("the journal"),
            Self::Log => f.write_str("the log"),
            Self::Ids => f.write_str("the --ids file"),
            Self::Text => f.write_str("the site's report"),
            Self::Brought(database) => write!(f, "the dump of {database}"),
            Self::Record => f.write_str("the record of a dump"),
            Self::State => f.write_str("the state file"),
            Self::Step => f.write_str("the file of a step"),
        }
    }
}
