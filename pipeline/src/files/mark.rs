//! By what a file is recognised as one that etl wrote.

use crate::files::place::resolve;
use nix::fcntl::OFlag;
use parsers::input::SCRIPT_HEADER;
use parsers::scan::REJECTS_HEADER;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, FileTypeExt as _, OpenOptionsExt as _};
use std::path::Path;

/// How much of a file's beginning is looked at.
pub const HEAD_BYTES: usize = 4096;

/// How a script begins that takes an import back.
pub(crate) const REMOVAL_HEADER: &str = "-- Deletes what was imported into Karbor";

/// How a database of SQLite begins (sqlite.org/fileformat2.html, 1.3).
const SQLITE: &[u8] = b"SQLite format 3\0";

/// The application id of databases that etl makes (`etlK`), and where in the header it is, in big-endian order.
pub(crate) const APPLICATION_ID: i32 = 0x6574_6c4b;
const APPLICATION_ID_AT: usize = 68;

/// What is at a path, all links followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing, or an empty file.
    Nothing,
    /// A regular file that has the mark.
    Own,
    /// A regular file without the mark.
    Foreign,
    /// A folder.
    Folder,
    /// A FIFO or a socket, which may block whoever opens it.
    Blocking,
    /// A device.
    Device,
}

/// Looks at what is at `path`; `own` is given the beginning of a file. Nothing but a regular file is opened.
///
/// # Errors
/// The system's.
pub fn look(path: &Path, own: impl FnOnce(&[u8]) -> bool) -> io::Result<Found> {
    let path = resolve(path)?;
    let metadata = match fs::symlink_metadata(&path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) => return Err(error),
    };
    let kind = metadata.file_type();
    if kind.is_dir() {
        return Ok(Found::Folder);
    }
    if !kind.is_file() {
        let blocking = kind.is_fifo() || kind.is_socket();
        return Ok(if blocking { Found::Blocking } else { Found::Device });
    }
    if metadata.len() == 0 {
        return Ok(Found::Nothing);
    }
    // It may have been replaced since.
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits()).open(&path)?;
    if !file.metadata()?.is_file() {
        return Ok(Found::Blocking);
    }
    Ok(if own(&head(&file)?) { Found::Own } else { Found::Foreign })
}

/// The beginning of a file, wherever it is read next.
pub(super) fn head(file: &File) -> io::Result<Vec<u8>> {
    let mut head = vec![0; HEAD_BYTES];
    let mut filled = 0;
    while let Some(rest) = head.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, u64::try_from(filled).unwrap_or(u64::MAX)) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    head.truncate(filled);
    Ok(head)
}

/// Whether a file is a script of etl's.
#[must_use]
pub fn is_script(head: &[u8]) -> bool {
    [SCRIPT_HEADER, REMOVAL_HEADER].iter().any(|header| head.starts_with(header.as_bytes()))
}

/// Whether a file is one of rejected rows.
#[must_use]
pub fn is_rejects(head: &[u8]) -> bool {
    head.strip_prefix(REJECTS_HEADER.as_bytes()).is_some_and(|rest| rest.first() == Some(&b'\n'))
}

/// Whether a file is a database of SQLite, whoever made it.
#[must_use]
pub fn is_sqlite(head: &[u8]) -> bool {
    head.starts_with(SQLITE)
}

/// Whether a file is a database that etl made.
#[must_use]
pub fn is_own_database(head: &[u8]) -> bool {
    let id = head.get(APPLICATION_ID_AT..APPLICATION_ID_AT + 4);
    is_sqlite(head) && id == Some(&APPLICATION_ID.to_be_bytes()[..])
}
