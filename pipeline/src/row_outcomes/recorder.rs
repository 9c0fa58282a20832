//! Where the notes of a run come together: in the file, or as the rows that concern an id.

use super::file::OutcomesFile;
use super::notes::{Decided, Found, Notes, Noting};
use crate::error::Result;
use parsers::position::Place;
use parsers::table::Table;
use std::path::PathBuf;

/// Notes are written to the file in pieces of this size.
const PIECE_BYTES: usize = 64 * 1024;

/// Takes the notes of a run, and brings them to the file where there is one.
#[derive(Debug, Default)]
pub struct Recorder {
    notes: Notes,
    file: Option<OutcomesFile>,
}

impl Recorder {
    /// Takes notes as they are wanted.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn new(noting: &Noting) -> Result<Self> {
        let file = match noting {
            Noting::File { path, taken } => Some(OutcomesFile::create(path, *taken)?),
            Noting::Nothing | Noting::About(_) => None,
        };
        Ok(Self { notes: Notes::new(noting), file })
    }

    /// Whether rows are noted at all.
    pub(crate) fn wants(&self) -> bool {
        self.notes.are_wanted()
    }

    /// Notes a row, as [`Notes::note`].
    pub(crate) fn note(
        &mut self,
        (table, key): (Table, &str),
        at: &Place,
        decided: &Decided,
        mentions: &[&str],
    ) -> Result<()> {
        self.notes.note(table, key, at, decided, mentions);
        if self.notes.length() >= PIECE_BYTES { self.flush() } else { Ok(()) }
    }

    /// Takes the notes of a chunk.
    pub(crate) fn take(&mut self, mut notes: Notes) -> Result<()> {
        match &mut self.file {
            Some(file) => {
                self.notes.rows += notes.rows;
                let own = self.notes.take_lines();
                file.write(&own)?;
                file.write(&notes.take_lines())
            }
            None => {
                self.notes.append(notes);
                Ok(())
            }
        }
    }

    /// Rows noted.
    pub(crate) fn rows(&self) -> u64 {
        self.notes.rows
    }

    /// Brings everything to the disk.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn close(&mut self) -> Result<()> {
        self.flush()?;
        self.file.as_mut().map_or(Ok(()), OutcomesFile::close)
    }

    /// Gives the file its name; returns where it is, and why not where it should be.
    pub(crate) fn publish(self) -> Option<(PathBuf, Option<std::io::Error>)> {
        self.file.map(OutcomesFile::publish)
    }

    /// The rows that concern the id.
    pub(crate) fn into_found(self) -> Found {
        self.notes.into_found()
    }

    fn flush(&mut self) -> Result<()> {
        let lines = self.notes.take_lines();
        self.file.as_mut().map_or(Ok(()), |file| file.write(&lines))
    }
}
