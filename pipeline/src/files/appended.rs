//! Files that are added to: opened only where they are new, or have their mark.

use super::{mark, replace};
use crate::files::place::{Foreign, PRIVATE, resolve, sync_folder};
use nix::fcntl::OFlag;
use std::fs::{File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

/// A file that was opened to be added to.
#[derive(Debug)]
pub struct Appended {
    /// It reads from its beginning, and writes at its end whatever was read.
    pub file: File,
    /// Whether it is empty.
    pub is_empty: bool,
}

/// Opens the file at `path`, or makes it, for its owner alone; `own` says by its beginning whether etl wrote it. `None`
/// where it did not and the file is not to be replaced.
///
/// # Errors
/// The system's, or what is there is no regular file.
pub fn open(path: &Path, own: impl Fn(&[u8]) -> bool, foreign: Foreign) -> io::Result<Option<Appended>> {
    let path = resolve(path)?;
    if foreign == Foreign::Replace && mark::look(&path, &own)? == mark::Found::Foreign {
        replace(&path, b"")?;
    }
    if std::fs::symlink_metadata(&path).is_ok_and(|found| !found.is_file()) {
        return Err(io::Error::other("this is not a regular file"));
    }
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let mut options = OpenOptions::new();
    options.read(true).append(true).mode(PRIVATE).custom_flags(flags.bits());
    let (file, new) = match options.clone().create_new(true).open(&path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => (options.open(&path)?, false),
        opened => (opened?, true),
    };
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(io::Error::other("this is not a regular file"));
    }
    let is_empty = found.len() == 0;
    if !is_empty && !own(&mark::head(&file)?) {
        return Ok(None);
    }
    if found.permissions().mode() & 0o077 != 0 {
        file.set_permissions(Permissions::from_mode(PRIVATE))?;
    }
    if new {
        sync_folder(&path);
    }
    Ok(Some(Appended { file, is_empty }))
}
