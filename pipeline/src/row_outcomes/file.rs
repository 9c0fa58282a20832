//! The file of outcomes: on the disk before the commit under a name of its own, and renamed when the run has ended.

use super::notes::{Form, HEADING, is_outcomes};
use crate::error::Result;
use crate::files::Replacement;
use crate::files::place::Foreign;
use crate::rejects::{begin_file, file_error};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

/// A file of outcomes that is being written. Dropping it removes it.
#[derive(Debug)]
pub struct OutcomesFile {
    path: PathBuf,
    out: BufWriter<Replacement>,
}

impl OutcomesFile {
    /// Begins the file, readable by nobody else, in the form that its name says.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn create(path: &Path, taken: Foreign) -> Result<Self> {
        let file = begin_file(path, |path| taken == Foreign::Replace || is_own(path))?;
        let mut file = Self { path: path.to_owned(), out: BufWriter::new(file) };
        if Form::of(path) == Form::Csv {
            file.write(format!("{}\n", HEADING.join(",")).as_bytes())?;
        }
        Ok(file)
    }

    pub(super) fn write(&mut self, lines: &[u8]) -> Result<()> {
        self.out.write_all(lines).map_err(file_error(&self.path, "cannot be written"))
    }

    /// Waits until everything is on the disk.
    pub(super) fn close(&mut self) -> Result<()> {
        let sync = self.out.flush().and_then(|()| self.out.get_ref().sync());
        sync.map_err(file_error(&self.path, "cannot be written"))
    }

    /// Gives the file its name. Where it cannot be renamed it is kept beside it, and the reason comes with it.
    pub(super) fn publish(self) -> (PathBuf, Option<std::io::Error>) {
        // Everything is on the disk since it was closed.
        let (file, _) = self.out.into_parts();
        match file.publish_or_keep() {
            Ok(_) => (self.path, None),
            Err((kept, error)) => (kept, Some(error)),
        }
    }
}

/// Whether the file that is there contains outcomes, which these replace.
fn is_own(path: &Path) -> bool {
    use crate::files::mark::{Found, look};
    look(path, is_outcomes).is_ok_and(|found| matches!(found, Found::Own | Found::Nothing))
}
