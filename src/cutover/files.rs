//! The files that a cutover itself writes: private, and under their names only when they are whole.

use crate::base::error::{Error, Result};
use std::fs::{DirBuilder, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

/// The last line of a whole dump, which pg_dump and gs_dump write alike.
const WHOLE: &str = "database dump complete";

/// A folder for files that hold customers' data.
///
/// # Errors
/// It cannot be made.
pub fn private_folder(folder: &Path) -> Result<()> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|source| Error::file("the folder", folder.display(), source))
}

/// The size of a dump, if it is whole.
///
/// # Errors
/// It cannot be read.
pub fn whole(path: &Path) -> io::Result<Option<u64>> {
    let mut file = File::open(path)?;
    let size = file.metadata()?.len();
    file.seek(SeekFrom::Start(size.saturating_sub(512)))?;
    let mut end = Vec::new();
    file.take(512).read_to_end(&mut end)?;
    Ok(String::from_utf8_lossy(&end).contains(WHOLE).then_some(size))
}

/// Writes everything twice.
pub struct Tee<'t> {
    /// What keeps it.
    pub kept: &'t mut Vec<u8>,
    /// What shows it.
    pub shown: &'t mut dyn Write,
}

impl Write for Tee<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.kept.extend_from_slice(bytes);
        self.shown.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.shown.flush()
    }
}
