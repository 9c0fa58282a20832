//! COPY blocks: the statement, the rows behind it, and the line that ends them.

use super::block::{Block, Form};
use crate::copy_options;
use crate::error::{ErrorKind, Maker, Result};
use crate::lexer;
use crate::position::{Origin, Position, count_lines, length};
use crate::reader::Fill;
use crate::scan::scanner::{Scanner, Span};
use crate::statement;
use crate::table::Table;
use crate::title;
use memchr::{memchr, memmem, memrchr};

impl Scanner<'_> {
    pub(super) fn copy(&mut self) -> Result<Option<Block>> {
        let place = self.reader.place();
        let text = self.whole_statement()?;
        let fault = |table: &str, problem: &str| ErrorKind::Statement {
            at: place.clone(),
            table: table.to_owned(),
            problem: problem.to_owned(),
        };
        let not_understood = |table: &str| fault(table, "the COPY statement cannot be understood").into();
        let readable = self.readable(&text);
        let whole = |copy: &statement::Copy| {
            copy.stdin || matches!(statement::keyword(copy.options.as_bytes()).as_str(), "TO" | "FROM")
        };
        let Some(copy) = statement::copy(&readable).filter(whole) else {
            if keyword_after_copy_is_query(&text) {
                return Ok(None);
            }
            let (name, stdin) = (statement::loose_name(&readable), statement::loose_stdin(&readable));
            if let Some(known) = self.known_word(&name) {
                return Err(not_understood(known));
            }
            return if stdin { self.pass_copy(name, place.position) } else { Ok(None) };
        };
        let readable = |scanner: &Self| {
            let backslashes = scanner.session.quoting.backslash_escapes;
            let columns = scanner.columns(&copy.name, copy.columns.clone(), &place);
            copy.stdin && columns.is_ok() && copy_options::read(&copy.options, backslashes).is_some()
        };
        let known = self.known(&copy.name, copy.columns.as_deref(), &place)?;
        let known = known.filter(|table| *table != Table::Other || readable(self));
        if !copy.stdin {
            let elsewhere = statement::keyword(copy.options.as_bytes());
            return match (elsewhere.as_str(), known) {
                ("FROM", Some(_)) => Err(fault(&copy.name.table, "its data is in another file").into()),
                _ => Ok(None),
            };
        }
        let Some(table) = known else {
            return self.pass_copy(self.other(&copy.name), place.position);
        };
        let Some(options) = copy_options::read(&copy.options, self.session.quoting.backslash_escapes) else {
            return Err(
                fault(&copy.name.table, &format!("COPY {} is not the text format", copy.options)).into()
            );
        };
        self.frame.data(place.position.line, Maker::DataStudio);
        self.end_of_copy_line(&copy.name.table, place.position)?;
        let columns = self.columns(&copy.name, copy.columns, &place)?;
        let oids = copy.oids || options.oids;
        let mut block = self.opened(table, columns, oids, Form::Copy, place.position);
        if let Some(name) = options.encoding {
            block.quoting.encoding = self.encoding(&name, &place)?;
        }
        Ok(Some(block))
    }

    /// Passes the rows of a table that is not known, whatever their format: psql reads them up to the line `\.`.
    fn pass_copy(&mut self, table: String, statement: Position) -> Result<Option<Block>> {
        self.frame.data(statement.line, Maker::DataStudio);
        self.end_of_copy_line(&table, statement)?;
        let rows = self.skip_copy(&table, statement)?;
        *self.contents.other_tables.entry(table).or_default() += rows;
        Ok(None)
    }

    /// Consumes what stands between a COPY's semicolon and its first row.
    fn end_of_copy_line(&mut self, table: &str, statement: Position) -> Result<()> {
        let at = self.reader.place();
        let rest = self.line()?;
        if !rest.iter().all(|byte| lexer::is_blank(*byte)) {
            let problem = "text follows on the line of the COPY statement".to_owned();
            return Err(ErrorKind::Statement { at, table: table.to_owned(), problem }.into());
        }
        if rest.ends_with(b"\n") { Ok(()) } else { Err(self.open_block(table, statement)) }
    }

    fn skip_copy(&mut self, table: &str, statement: Position) -> Result<u64> {
        let mut rows = 0;
        loop {
            // A title among the rows must be seen as a whole.
            let wanted = self.limits.chunk.max(2 * title::BYTES_MAX);
            self.reader.fill_to(wanted)?;
            let text = self.reader.buffer();
            if let Some(marker) = end_marker(text, self.reader.ended()) {
                self.no_opening(text.get(..marker.rows).unwrap_or_default(), statement.line)?;
                rows += count_lines(text.get(..marker.rows).unwrap_or_default());
                self.reader.consume(marker.end);
                return Ok(rows);
            }
            if let Some(last) = memrchr(b'\n', text) {
                self.no_opening(text.get(..=last).unwrap_or_default(), statement.line)?;
                rows += self.reader.consume(last + 1);
            } else {
                // A line of an unknown table may be of any length.
                if self.reader.ended() && text.len() < wanted {
                    return Err(self.open_block(table, statement));
                }
                rows += self.skip_line(table, statement)?.1;
            }
        }
    }

    /// Consumes a line that does not fit into a chunk; answers its bytes without the line end, and the lines, which is one.
    fn skip_line(&mut self, table: &str, statement: Position) -> Result<(u64, u64)> {
        let mut bytes = 0;
        let mut last = None;
        loop {
            let text = self.reader.buffer();
            let end = memchr(b'\n', text);
            let part = text.get(..end.unwrap_or(text.len())).unwrap_or_default();
            bytes += length(part);
            last = part.last().copied().or(last);
            if let Some(n) = end {
                return Ok((bytes - u64::from(last == Some(b'\r')), self.reader.consume(n + 1)));
            }
            let n = text.len();
            self.reader.consume(n);
            if self.reader.fill()? == Fill::End {
                return Err(self.open_block(table, statement));
            }
        }
    }

    pub(super) fn copy_span(&mut self, block: &Block) -> Result<Span> {
        let began = self.reader.position();
        let mut wanted = self.limits.chunk.max(END_MARKER_BYTES);
        loop {
            self.reader.fill_just(wanted)?;
            let text = self.reader.buffer();
            let window = text.get(..wanted.min(text.len())).unwrap_or_default();
            let marker = end_marker(window, self.reader.ended() && window.len() == text.len());
            let rows = match &marker {
                Some(marker) if marker.rows == 0 => {
                    self.reader.consume(marker.end);
                    return Ok(Span::End);
                }
                Some(marker) => marker.rows,
                None => memrchr(b'\n', window).map_or(0, |n| n + 1),
            };
            if rows > 0 {
                if !self.resumed {
                    self.no_opening(window.get(..rows).unwrap_or_default(), block.statement.line)?;
                }
                return Ok(Span::Rows { bytes: rows, rows: None });
            }
            // A row of just the limit may have a carriage return behind it.
            if window.len() > self.limits.row.max(END_MARKER_BYTES) + 1 {
                let (length, _) = self.skip_line(block.table.name(), block.statement)?;
                return Ok(Span::TooLong(Origin { dump: self.dump, position: began, length }));
            }
            if self.reader.ended() && window.len() == text.len() {
                return Err(self.open_block(block.table.name(), block.statement));
            }
            wanted *= 2;
        }
    }
}

/// `COPY (query) TO …`, which no data follows.
fn keyword_after_copy_is_query(text: &[u8]) -> bool {
    text.get(4..).is_some_and(|rest| rest.trim_ascii_start().first() == Some(&b'('))
}

/// The most bytes that the line `\.` has.
const END_MARKER_BYTES: usize = 4;

/// Where the rows of a COPY block end and where the marker behind them ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct EndMarker {
    rows: usize,
    end: usize,
}

/// Finds the line `\.` in `text`, which begins at the start of a line.
fn end_marker(text: &[u8], ended: bool) -> Option<EndMarker> {
    let line_end = |from: usize| -> Option<usize> {
        match text.get(from..)? {
            [b'\n', ..] => Some(from + 1),
            [b'\r', b'\n', ..] => Some(from + 2),
            [] | [b'\r'] if ended => Some(text.len()),
            _ => None,
        }
    };
    if text.starts_with(b"\\.")
        && let Some(end) = line_end(2)
    {
        return Some(EndMarker { rows: 0, end });
    }
    memmem::find_iter(text, b"\n\\.").find_map(|n| line_end(n + 3).map(|end| EndMarker { rows: n + 1, end }))
}
