//! Where the dumps of a file begin and end, by their opening and closing comments.
//!
//! pg_dump and gs_dump write `\.` even when they fail in the middle of a table (`pg_dump.c`, `dumpTableData_copy`): then only
//! the missing closing comment tells that rows are missing.

use crate::error::{Error, ErrorKind, Maker, Result};
use crate::position::Position;
use crate::reader::Fill;
use crate::scan::scanner::Frame;
use crate::scan::scanner::Scanner;
use crate::title::{self, DATABASE, Title};
use memchr::memmem;

impl Scanner<'_> {
    /// Takes a comment line for what it says of a dump.
    pub(super) fn framed(&mut self, line: &str, at: Position) -> Result<()> {
        let frame = &mut self.frame;
        let bare = std::mem::replace(&mut frame.bare, line == "--");
        frame.titled |= line.contains(DATABASE);
        match title::title(line, bare) {
            // A closing comment that is cut in front of its last word looks like this; so the file ends here.
            Some(Title::Opening { .. }) if self.at_end()? => self.frame.closed = false,
            Some(Title::Opening { cluster }) => {
                let frame = &mut self.frame;
                if let Some(began) = frame.began().or(frame.cluster.filter(|_| cluster)) {
                    return Err(self.cut_before(at, began));
                }
                let open = if cluster { &mut frame.cluster } else { &mut frame.database };
                *open = Some(at.line);
                frame.closed = false;
                // A dump of its own says itself which database it is of, or nobody does.
                if frame.cluster.is_none() && !self.connected_again {
                    self.database = None;
                }
            }
            Some(Title::Closing { cluster }) => {
                let frame = &mut self.frame;
                if let (true, Some(began)) = (cluster, frame.database) {
                    return Err(self.cut_before(at, began));
                }
                let open = if cluster { &mut frame.cluster } else { &mut frame.database };
                *open = None;
                (frame.loose, frame.closed) = (None, true);
                self.connected_again = false;
            }
            None if line.ends_with(DATABASE) => self.frame.closed = false,
            None => {}
        }
        Ok(())
    }

    /// The error where the opening comment of another dump stands in the middle of the statement that began in a line.
    pub(super) fn opening_inside(&self, began: u64) -> Error {
        self.cut_before(self.reader.position(), self.frame.database.unwrap_or(began))
    }

    /// Whether nothing follows.
    fn at_end(&mut self) -> Result<bool> {
        Ok(self.reader.buffer().is_empty()
            && self.reader.fill()? == Fill::End
            && self.reader.buffer().is_empty())
    }

    fn cut_before(&self, at: Position, began: u64) -> Error {
        ErrorKind::CutBefore { at: self.reader.place_at(at), began }.into()
    }

    /// Refuses rows among which the opening comment of another dump stands: theirs was cut off in the middle of them.
    pub(super) fn no_opening(&self, rows: &[u8], began: u64) -> Result<()> {
        for found in memmem::find_iter(rows, DATABASE.as_bytes()) {
            let start = memchr::memrchr(b'\n', rows.get(..found).unwrap_or_default()).map_or(0, |n| n + 1);
            if title::is_opening(rows.get(start..).unwrap_or_default()) {
                let at = self.reader.position().after(rows.get(..start).unwrap_or_default());
                return Err(self.cut_before(at, self.frame.database.unwrap_or(began)));
            }
        }
        Ok(())
    }

    /// Refuses a file that does not end as a whole dump does.
    pub(super) fn framed_whole(&self) -> Result<()> {
        let Frame { database, cluster, loose, closed, titled, maker, .. } = self.frame;
        if closed && database.is_none() && cluster.is_none() {
            return Ok(());
        }
        let at = self.reader.place();
        if !titled && !self.contents.rejects && loose.is_some() {
            return Err(ErrorKind::Export { at, by: maker.unwrap_or(Maker::Another) }.into());
        }
        let cluster = if database.is_none() && closed { cluster } else { None };
        Err(ErrorKind::Incomplete { at, cluster: cluster.is_some() }.into())
    }
}
