//! Files that etl writes: made private, synced and renamed in one place, and recognised again by a mark of their own.
//!
//! A file that lacks the mark of its kind was not written by etl: it is neither replaced nor added to, unless the operator
//! permits it for that file. Nothing here opens a FIFO, a device or what a link that was put in the way points to.

pub mod appended;
pub mod mark;
pub mod place;
mod replacement;

pub use replacement::{Replacement, is_unfinished};

use std::io::{self, Write as _};
use std::path::Path;

/// Replaces the file at `path`, or makes it, with `bytes`.
///
/// # Errors
/// The system's; what was at `path` is still there.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = Replacement::create(path)?;
    file.write_all(bytes)?;
    file.publish()
}
