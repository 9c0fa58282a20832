//! INSERT statements: runs of them with the same head are one block, cut between rows.

use super::block::{Block, Form};
use super::scanner::shown;
use crate::error::{Error, ErrorKind, Maker, Result};
use crate::insert::{self, Between};
use crate::lexer::{self, Lexer, Stop};
use crate::position::Origin;
use crate::reader::Fill;
use crate::scan::scanner::{SHOWN_BYTES, Scanner, Span};
use crate::statement::{self, InsertBody};
use crate::table::Table;

impl Scanner<'_> {
    pub(super) fn insert(&mut self) -> Result<Option<Block>> {
        let place = self.reader.place();
        let mut wanted = 16 << 10;
        let found = loop {
            let fill = self.reader.fill_to(wanted)?;
            let text = self.reader.buffer();
            let found = statement::insert(text);
            // What looks like another INSERT, or ends with the buffer, may be the beginning of a longer head.
            let whole =
                found.as_ref().is_some_and(|(n, insert)| insert.body != InsertBody::Other && *n < text.len());
            if whole || fill != Fill::More {
                break found;
            }
            wanted *= 2;
        };
        let Some((n, mut insert)) = found else {
            let text = self.whole_statement()?;
            let name = statement::loose_name(&self.readable(&text));
            let Some(known) = self.known_word(&name) else {
                self.frame.data(place.position.line, Maker::Another);
                *self.contents.other_tables.entry(name).or_default() += 1;
                return Ok(None);
            };
            let problem = "the INSERT statement cannot be understood".to_owned();
            return Err(ErrorKind::Statement { at: place, table: known.to_owned(), problem }.into());
        };
        let (head, rows) = self.reader.buffer().split_at(n);
        let dbeaver = rows.starts_with(b"\n\t (") || rows.starts_with(b"\r\n\t (");
        self.frame.data(place.position.line, if dbeaver { Maker::DBeaver } else { Maker::Another });
        let head = head.to_vec();
        if let Some((_, readable)) = statement::insert(&self.readable(&head)) {
            insert = readable;
        }
        let readable = |scanner: &Self| {
            let columns = scanner.columns(&insert.name, insert.columns.clone(), &place);
            insert.body == InsertBody::Values && columns.is_ok()
        };
        let known = self.known(&insert.name, insert.columns.as_deref(), &place)?;
        let Some(table) = known.filter(|table| *table != Table::Other || readable(self)) else {
            let rows = self.skip_insert(insert.body, n)?;
            *self.contents.other_tables.entry(self.other(&insert.name)).or_default() += rows;
            return Ok(None);
        };
        if insert.body != InsertBody::Values {
            self.whole_statement()?;
            let problem = "this INSERT has no list of values".to_owned();
            return Err(ErrorKind::Statement { at: place, table: insert.name.table, problem }.into());
        }
        self.reader.consume(n);
        let columns = self.columns(&insert.name, insert.columns, &place)?;
        Ok(Some(self.opened(table, columns, false, Form::Insert { head }, place.position)))
    }

    /// Passes an INSERT of an unknown table, whose head has `head` bytes; answers its rows.
    fn skip_insert(&mut self, body: InsertBody, head: usize) -> Result<u64> {
        let began = self.reader.place();
        let mut lexer = Lexer::new(self.session.quoting);
        let mut rows = 0u64;
        // Behind the last row, ON CONFLICT may bring parentheses that are no rows.
        let mut in_rows = body == InsertBody::Values;
        if in_rows {
            self.reader.consume(head);
        }
        loop {
            let (read, stop) = lexer.advance(self.reader.buffer(), self.reader.ended());
            self.reader.consume(read);
            match stop {
                Some(Stop::Semicolon) => return Ok(if body == InsertBody::Values { rows } else { 1 }),
                Some(Stop::Close) => {
                    rows += u64::from(in_rows);
                    in_rows = in_rows && matches!(self.next_byte()?, Some(b',' | b'-' | b'/'));
                }
                Some(Stop::Backslash) => return Err(ErrorKind::StrayData { at: self.reader.place() }.into()),
                Some(Stop::Opening) => return Err(self.opening_inside(began.position.line)),
                None if self.reader.fill()? == Fill::End && self.reader.buffer().len() <= 1 => {
                    lexer.advance(self.reader.buffer(), true);
                    return Err(ErrorKind::Unterminated { at: began, what: lexer.open() }.into());
                }
                None => {}
            }
        }
    }

    /// The next byte that is no white space; nothing is consumed.
    fn next_byte(&mut self) -> Result<Option<u8>> {
        loop {
            let found = self.reader.buffer().iter().find(|byte| !lexer::is_blank(**byte)).copied();
            if found.is_some() || self.reader.fill()? != Fill::More {
                return Ok(found);
            }
        }
    }

    pub(super) fn insert_span(&mut self, block: &Block, head: &[u8]) -> Result<Span> {
        let mut at = 0;
        let mut rows = 0;
        let end = loop {
            let rest = self.reader.buffer().get(at..).unwrap_or_default();
            match insert::between(rest, self.reader.ended(), head, block.quoting) {
                Between::More => match self.reader.fill()? {
                    Fill::More | Fill::End => {}
                    Fill::Full if rows > 0 => break None,
                    Fill::Full => return Err(self.malformed(block, at)?),
                },
                Between::Malformed(n) => return Err(self.malformed(block, at + n)?),
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
                    None => return self.skip_row(block, at + n).map(Span::TooLong),
                },
            }
        };
        if rows == 0 {
            self.reader.consume(end.unwrap_or(at));
            return Ok(Span::End);
        }
        Ok(Span::Rows { bytes: at, rows: Some(rows) })
    }

    /// Why buffered byte `at` is no place for a block to go on or to end.
    fn malformed(&mut self, block: &Block, at: usize) -> Result<Error> {
        self.reader.fill_to(at + SHOWN_BYTES)?;
        let text = self.reader.buffer();
        let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) else {
            return Ok(self.open_block(block.table.name(), block.statement));
        };
        let at = self.reader.place_at(self.reader.position().after(text.get(..at).unwrap_or_default()));
        let problem = format!("expected a row, a comma or a semicolon, found {:?}", shown(rest));
        Ok(ErrorKind::Statement { at, table: block.table.name().to_owned(), problem }.into())
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
                Some(Stop::Opening) => {
                    self.reader.consume(end);
                    return Err(self.opening_inside(block.statement.line));
                }
                Some(_) => {
                    let read = self.reader.buffer().get(..end).unwrap_or_default();
                    let at = self.reader.place_at(self.reader.position().after(read));
                    return Err(ErrorKind::StrayData { at }.into());
                }
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
                Some(Stop::Opening) => return Err(self.opening_inside(block.statement.line)),
                Some(_) => return Err(ErrorKind::StrayData { at: self.reader.place() }.into()),
                None if self.reader.fill()? == Fill::End => {
                    return Err(self.open_block(block.table.name(), block.statement));
                }
                None => {}
            }
        }
    }
}
