//! Where a file is written: links resolved, its folder, and what makes it private and durable.

use std::fs::Metadata;
use std::io::{self};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Access for the owner alone.
pub(crate) const PRIVATE: u32 = 0o600;

/// The most links that are followed, as in Linux (path_resolution(7)).
pub(crate) const LINKS: usize = 40;

/// What becomes of a file that etl did not write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Foreign {
    /// It stays, and the command is refused.
    Refuse,
    /// The operator permitted to replace it.
    Replace,
}

/// Where `path` leads when all links are followed, whether or not a file is there.
///
/// # Errors
/// The links lead in a circle, or cannot be read.
pub fn resolve(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..LINKS {
        match std::fs::read_link(&path) {
            Ok(aim) => path = folder_of(&path).join(aim),
            // Not a link, or nothing is there.
            Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::NotFound) => {
                return Ok(path);
            }
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("too many symbolic links"))
}

/// The folder that a path is in.
#[must_use]
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Brings a new or renamed name to the disk. Some file systems cannot; the name is there all the same.
pub(crate) fn sync_folder(path: &Path) {
    if let Ok(folder) = std::fs::File::open(folder_of(path)) {
        let _ = folder.sync_all();
    }
}

/// Which file it is.
pub(crate) fn inode(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}
