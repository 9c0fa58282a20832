//! INSERT statements: runs of them with the same head are one block, cut between rows.

use super::{Block, Chunk, Cut, Form, Scanner};
use crate::error::{ErrorKind, Result};
use crate::insert::{self, Between};
use crate::lexer::{Lexer, Stop};
use crate::position::Origin;
use crate::reader::Fill;
use crate::statement::{self, InsertBody};

impl Scanner<'_> {
    pub(super) fn insert(&mut self) -> Result<Option<Block>> {
        let place = self.reader.place();
        let mut wanted = 16 << 10;
        let (n, insert) = loop {
            let fill = self.reader.fill_to(wanted)?;
            if let Some(found) = statement::insert(self.reader.buffer()) {
                break found;
            }
            if fill != Fill::More {
                let problem = "the INSERT statement cannot be understood".to_owned();
                return Err(ErrorKind::Statement { at: place, table: "(unknown)".to_owned(), problem }.into());
            }
            wanted *= 2;
        };
        let known = self.known(&insert.name, &place)?;
        if known.is_none() || insert.body != InsertBody::Values {
            if known.is_some() {
                let problem = "this INSERT has no list of values".to_owned();
                return Err(ErrorKind::Statement { at: place, table: insert.name.table, problem }.into());
            }
            let rows = self.skip_insert(insert.body, insert.columns.is_some())?;
            *self.contents.other_tables.entry(insert.name.table).or_default() += rows;
            return Ok(None);
        }
        let head = self.reader.buffer().get(..n).unwrap_or_default().to_vec();
        self.reader.consume(n);
        let Some(table) = known else { return Ok(None) };
        let columns = self.columns(&insert.name, insert.columns, &place)?;
        Ok(Some(self.opened(table, columns, false, Form::Insert { head }, place.position)))
    }

    /// Passes an INSERT of an unknown table; answers its rows. A column list closes a parenthesis too.
    fn skip_insert(&mut self, body: InsertBody, listed: bool) -> Result<u64> {
        let began = self.reader.place();
        let mut lexer = Lexer::new(self.session.quoting);
        let mut closed = 0u64;
        loop {
            let (read, stop) = lexer.advance(self.reader.buffer(), self.reader.ended());
            self.reader.consume(read);
            match stop {
                Some(Stop::Semicolon) if body == InsertBody::Values => {
                    return Ok(closed.saturating_sub(u64::from(listed)));
                }
                Some(Stop::Semicolon) => return Ok(1),
                Some(Stop::Close) => closed += 1,
                Some(Stop::Backslash) => return Err(ErrorKind::StrayData { at: self.reader.place() }.into()),
                None if self.reader.fill()? == Fill::End && self.reader.buffer().len() <= 1 => {
                    return Err(ErrorKind::Unterminated { at: began, what: lexer.open() }.into());
                }
                None => {}
            }
        }
    }

    pub(super) fn insert_chunk(&mut self, block: &Block, head: &[u8], chunk: &mut Chunk) -> Result<Cut> {
        let mut at = 0;
        let mut rows = 0;
        let end = loop {
            let rest = self.reader.buffer().get(at..).unwrap_or_default();
            match insert::between(rest, self.reader.ended(), head, block.quoting) {
                Between::More => {
                    if self.reader.fill()? == Fill::Full && rows == 0 {
                        return Err(self.malformed(block, at));
                    }
                    if rows > 0 && at >= self.limits.chunk {
                        break None;
                    }
                }
                Between::Malformed(n) => return Err(self.malformed(block, at + n)),
                Between::End(n) => break Some(at + n),
                Between::Row(n) => match self.row_end(block, at + n)? {
                    Some(end) => {
                        at = end;
                        rows += 1;
                        if at >= self.limits.chunk {
                            break None;
                        }
                    }
                    None if rows > 0 => break None,
                    None => return self.skip_row(block, at + n).map(Cut::TooLong),
                },
            }
        };
        if rows == 0 {
            self.reader.consume(end.unwrap_or(at));
            return Ok(Cut::End);
        }
        chunk.bytes.extend_from_slice(self.reader.buffer().get(..at).unwrap_or_default());
        chunk.rows = rows;
        self.reader.consume(at);
        Ok(Cut::Rows)
    }

    fn malformed(&self, block: &Block, at: usize) -> crate::error::Error {
        let text = self.reader.buffer();
        if text.len() <= at {
            return self.open_block(block.table.name(), block.statement);
        }
        let place = self.reader.place_at(self.reader.position().after(text.get(..at).unwrap_or_default()));
        let found: String =
            String::from_utf8_lossy(text.get(at..).unwrap_or_default()).chars().take(30).collect();
        let problem = format!("expected a row, a comma or a semicolon, found {found:?}");
        ErrorKind::Statement { at: place, table: block.table.name().to_owned(), problem }.into()
    }

    /// The end of the row whose parenthesis opens at buffered byte `start`; `None` where it is above the limit.
    fn row_end(&mut self, block: &Block, start: usize) -> Result<Option<usize>> {
        let mut lexer = Lexer::new(block.quoting);
        let mut end = start;
        loop {
            let rest = self.reader.buffer().get(end..).unwrap_or_default();
            let (read, stop) = lexer.advance(rest, self.reader.ended());
            end += read;
            match stop {
                Some(Stop::Close) => return Ok(Some(end)),
                Some(_) => return Err(self.malformed(block, end)),
                None if end - start > self.limits.row => return Ok(None),
                None => match self.reader.fill()? {
                    Fill::More => {}
                    Fill::Full => return Ok(None),
                    Fill::End => return Err(self.open_block(block.table.name(), block.statement)),
                },
            }
        }
    }

    /// Consumes the row above the limit that opens at buffered byte `start`.
    fn skip_row(&mut self, block: &Block, start: usize) -> Result<Origin> {
        self.reader.consume(start);
        let position = self.reader.position();
        let mut lexer = Lexer::new(block.quoting);
        loop {
            let (read, stop) = lexer.advance(self.reader.buffer(), self.reader.ended());
            self.reader.consume(read);
            match stop {
                Some(Stop::Close) => {
                    let length = self.reader.position().byte - position.byte;
                    return Ok(Origin { dump: self.dump, position, length });
                }
                Some(_) => return Err(self.malformed(block, 0)),
                None if self.reader.fill()? == Fill::End => {
                    return Err(self.open_block(block.table.name(), block.statement));
                }
                None => {}
            }
        }
    }
}
