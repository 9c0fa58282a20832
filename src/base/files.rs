//! Files that are not etl's own.

use super::error::CommandError;
use super::exit::Exit;
use super::shell::quote;
use nix::sys::stat::{FileStat, fstat};
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// A file that etl did not write, where it would write one.
#[derive(Debug, thiserror::Error)]
#[error("{role} {}: etl did not write this file, and neither replaces it nor adds to it", path.display())]
pub struct ForeignFile {
    /// What would be written, as in `the journal`.
    pub role: String,
    /// The file.
    pub path: PathBuf,
    /// How another file is named.
    pub name_another: &'static str,
}

impl CommandError for ForeignFile {
    fn kind(&self) -> &'static str {
        "options"
    }

    fn exit(&self) -> Exit {
        Exit::Usage
    }

    fn remedy(&self) -> Option<String> {
        let path = quote(&self.path.display().to_string());
        Some(format!("{}, or permit it for this one: --force {path}", self.name_another))
    }
}

/// Whether a path leads to this process' own standard output or error, such as `/dev/stderr`.
#[must_use]
pub fn is_own_stream(path: &Path) -> bool {
    let Ok(found) = std::fs::metadata(path) else { return false };
    let same = |stream: nix::Result<FileStat>| {
        stream.is_ok_and(|stream| (stream.st_dev, stream.st_ino) == (found.dev(), found.ino()))
    };
    same(fstat(io::stdout().as_fd())) || same(fstat(io::stderr().as_fd()))
}
