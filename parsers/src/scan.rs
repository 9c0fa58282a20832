//! Walks a dump from statement to statement and hands out the data of known tables in chunks of whole rows.
//!
//! Whatever is not table data is understood as far as it changes how data reads (`SET client_encoding`, `SET
//! standard_conforming_strings`, `CREATE TABLE` for INSERTs without a column list) and passed over otherwise. Nothing but
//! the current chunk is in memory. Text that cannot be a statement is an error and never skipped: it may be rows whose
//! COPY line was lost.

mod block;
mod copy_data;
mod frame;
mod insert_data;
mod known;
mod progress;
mod routine_body;
pub mod scanner;
mod session;
#[cfg(test)]
mod tests;

pub use self::block::{
    Alike, Block, Chunk, Contents, Cut, Form, Limits, REJECTS_HEADER, REPLACES_NOTE, Rows,
};

use self::scanner::Frame;
use self::scanner::Session;
use crate::columns::ColumnMap;
use crate::error::{ErrorKind, Maker, Result};
use crate::input::Input;
use crate::lexer::{self, Lexer, Stop};
use crate::position::{DumpId, Place, Position};
use crate::reader::{Fill, Reader};
use crate::routine;
use crate::scan::scanner::shown;
use crate::scan::scanner::{SHOWN_BYTES, Scanner, Span};
use crate::statement::{self, Name};
use crate::table::{Reading, Table};
use memchr::memchr;
use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

impl<'m> Scanner<'m> {
    /// A scanner at the start of `input`.
    ///
    /// # Errors
    /// Those of [`Input::text`].
    pub fn new(input: &mut Input, dump: DumpId, map: &'m ColumnMap, limits: Limits) -> Result<Self> {
        let text = input.text()?;
        let reader = Reader::new(input.name(), text, Position::START, limits.buffer());
        let mut scanner = Self::at(reader, dump, map, limits);
        scanner.reader.fill_to(REJECTS_HEADER.len().max(3))?;
        if scanner.reader.buffer().starts_with(&[0xef, 0xbb, 0xbf]) {
            scanner.reader.consume(3);
            scanner.reader.fill_to(REJECTS_HEADER.len())?;
        }
        scanner.contents.rejects = scanner.reader.buffer().starts_with(REJECTS_HEADER.as_bytes());
        Ok(scanner)
    }

    /// A scanner inside `block`, at its first row: for the second pass over a dump.
    ///
    /// # Errors
    /// Those of [`Input::text_from`].
    pub fn resume(input: &mut Input, block: Arc<Block>, map: &'m ColumnMap, limits: Limits) -> Result<Self> {
        let text = input.text_from(block.data.byte)?;
        let reader = Reader::new(input.name(), text, block.data, limits.buffer());
        let mut scanner = Self::at(reader, block.dump, map, limits);
        scanner.resumed = true;
        scanner.open(block);
        Ok(scanner)
    }

    fn at(reader: Reader, dump: DumpId, map: &'m ColumnMap, limits: Limits) -> Self {
        Self {
            reader,
            map,
            dump,
            limits,
            session: Session::default(),
            created: HashMap::new(),
            unknown_tables: 0,
            schemas: HashMap::new(),
            database: None,
            connected: BTreeSet::new(),
            connected_again: false,
            elsewhere: Vec::new(),
            contents: Contents::default(),
            frame: Frame::default(),
            resumed: false,
            open: None,
            columns: Arc::default(),
            digest: 0,
            every_table: false,
            opened_name: String::new(),
        }
    }

    /// The same scanner, which opens blocks of tables that are not known, too, as [`Table::Other`].
    #[must_use]
    pub fn every_table(mut self) -> Self {
        self.every_table = true;
        self
    }

    /// What the dump calls the table whose block was opened last.
    #[must_use]
    pub fn opened_name(&self) -> &str {
        &self.opened_name
    }

    /// Where the scan is.
    #[must_use]
    pub fn position(&self) -> Position {
        self.reader.position()
    }

    /// The place of a position in this dump.
    #[must_use]
    pub fn place_at(&self, position: Position) -> Place {
        self.reader.place_at(position)
    }

    /// Goes on to the next block of a known table; `None` at the end of the dump.
    ///
    /// # Errors
    /// The dump is damaged, cut off, or holds a known table in a way that cannot be read.
    pub fn block(&mut self) -> Result<Option<Arc<Block>>> {
        loop {
            if !self.skip_blank()? {
                return Ok(None);
            }
            match self.statement()? {
                Some(block) => {
                    let block = Arc::new(block);
                    self.open(Arc::clone(&block));
                    return Ok(Some(block));
                }
                None => continue,
            }
        }
    }

    /// Opens a block. Those that are read twice must be the same both times.
    fn open(&mut self, block: Arc<Block>) {
        if block.table.reading() == Reading::Bulk {
            self.reader.begin_digest();
        }
        self.open = Some(block);
    }

    /// The digest (XXH3, 128 bits) of the bytes of the bulk block that was last read to its end.
    #[must_use]
    pub fn digest(&self) -> u128 {
        self.digest
    }

    /// Fills `chunk` with the next rows of the open block.
    ///
    /// # Errors
    /// The dump is cut off, or damaged between rows.
    pub fn chunk(&mut self, chunk: &mut Chunk) -> Result<Cut> {
        let Some(block) = self.open.clone() else { return Ok(Cut::End) };
        chunk.position = self.reader.position();
        let cut = match self.span(&block)? {
            Span::Rows { bytes, rows } => {
                let lines = self.reader.hand_over(bytes, &mut chunk.bytes);
                chunk.rows = rows.unwrap_or(lines);
                return Ok(Cut::Rows);
            }
            Span::TooLong(origin) => Cut::TooLong(origin),
            Span::End => Cut::End,
        };
        chunk.bytes.clear();
        chunk.rows = 0;
        Ok(cut)
    }

    /// Passes over the next rows of the open block, which are counted where they are buffered; `None` at its end. A row
    /// above the limit counts too.
    ///
    /// # Errors
    /// As [`Scanner::chunk`].
    pub fn pass(&mut self) -> Result<Option<u64>> {
        let Some(block) = self.open.clone() else { return Ok(None) };
        Ok(match self.span(&block)? {
            // In a COPY block every line is a row.
            Span::Rows { bytes, rows } => {
                let lines = self.reader.consume(bytes);
                Some(rows.unwrap_or(lines))
            }
            Span::TooLong(_) => Some(1),
            Span::End => None,
        })
    }

    /// Finds the next rows of the open block; at its end, closes it.
    fn span(&mut self, block: &Block) -> Result<Span> {
        let span = match &block.form {
            Form::Copy => self.copy_span(block),
            Form::Insert { head } => self.insert_span(block, head),
        }?;
        if matches!(span, Span::End) {
            self.open = None;
            self.digest = self.reader.take_digest();
        }
        Ok(span)
    }

    /// Passes over the open block; answers its rows, those above the limit too.
    ///
    /// # Errors
    /// As [`Scanner::chunk`].
    pub fn skip_block(&mut self) -> Result<u64> {
        let mut rows = 0;
        while let Some(more) = self.pass()? {
            rows += more;
        }
        Ok(rows)
    }

    /// What the dump was, once [`Scanner::block`] has answered `None`.
    ///
    /// # Errors
    /// The dump does not end as a complete one does.
    pub fn finish(mut self) -> Result<Contents> {
        self.framed_whole()?;
        self.none_elsewhere()?;
        self.contents.bytes = self.reader.position().byte;
        Ok(self.contents)
    }

    /// Passes white space and comments; `false` at the end of the dump.
    fn skip_blank(&mut self) -> Result<bool> {
        loop {
            let text = self.reader.buffer();
            match text {
                [] | [b'-' | b'/'] if !self.reader.ended() => {
                    self.reader.fill()?;
                }
                [] => return Ok(false),
                [byte, ..] if lexer::is_blank(*byte) => {
                    let n = text.iter().take_while(|b| lexer::is_blank(**b)).count();
                    self.reader.consume(n);
                }
                [b'-', b'-', ..] => self.line_comment()?,
                [b'/', b'*', ..] => self.block_comment()?,
                // A lone semicolon follows the data in gs_dump's files, a lone slash its procedures.
                [b';', ..] | [b'/', b'\r' | b'\n', ..] => {
                    self.reader.consume(1);
                }
                _ => return Ok(true),
            }
        }
    }

    fn line_comment(&mut self) -> Result<()> {
        let at = self.reader.position();
        let line = self.line()?;
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end();
        self.framed(text, at)?;
        let digest = text.strip_prefix(REPLACES_NOTE);
        self.contents.replaced.extend(digest.and_then(|hex| u128::from_str_radix(hex.trim(), 16).ok()));
        Ok(())
    }

    /// Consumes the rest of the line; answers the first [`KEPT_BYTES`] of it.
    fn line(&mut self) -> Result<Vec<u8>> {
        let mut line = Vec::new();
        loop {
            let text = self.reader.buffer();
            let end = memchr(b'\n', text);
            let part = text.get(..end.map_or(text.len(), |n| n + 1)).unwrap_or_default();
            let n = part.len();
            line.extend_from_slice(part.get(..n.min(KEPT_BYTES - line.len())).unwrap_or_default());
            self.reader.consume(n);
            if end.is_some() || self.reader.fill()? == Fill::End {
                return Ok(line);
            }
        }
    }

    fn block_comment(&mut self) -> Result<()> {
        let began = self.reader.position();
        self.reader.consume(2);
        self.reader.fill_to(64)?;
        if self.reader.buffer().trim_ascii_start().starts_with(b"Navicat ") {
            self.frame.made_by(Maker::Navicat);
        }
        let mut lexer = Lexer::in_comment();
        loop {
            let (read, closed) = lexer.comment(self.reader.buffer(), self.reader.ended());
            self.reader.consume(read);
            if closed {
                return Ok(());
            }
            if self.reader.fill()? == Fill::End && self.reader.buffer().is_empty() {
                return Err(
                    ErrorKind::Unterminated { at: self.reader.place_at(began), what: "comment" }.into()
                );
            }
        }
    }

    /// Passes one statement, or opens the block whose head it is.
    fn statement(&mut self) -> Result<Option<Block>> {
        self.reader.fill_to(64)?;
        let text = self.reader.buffer();
        if text.first() == Some(&b'\\') {
            return self.psql_command().map(|()| None);
        }
        match statement::keyword(text).as_str() {
            "COPY" => self.copy(),
            "INSERT" => self.insert(),
            "PROGRESS" if text.starts_with(progress::BEGINNING) => self.progress().map(|()| None),
            "SET" => {
                let place = self.reader.place();
                let text = self.whole_statement()?;
                if let Some(set) = statement::set(&text) {
                    self.apply(&set.name, &set.value, &place)?;
                }
                Ok(None)
            }
            "CREATE" => {
                self.frame.content();
                self.create().map(|()| None)
            }
            "SELECT" => {
                let place = self.reader.place();
                let text = self.whole_statement()?;
                if let Some(set) = statement::set_config(&text) {
                    self.apply(&set.name, &set.value, &place)?;
                }
                Ok(None)
            }
            word @ ("UPDATE" | "DELETE" | "TRUNCATE" | "MERGE" | "WITH") => {
                let word = word.to_owned();
                self.unchanging(word).map(|()| None)
            }
            "DELIMITER" => self.delimited().map(|()| None),
            word if STATEMENTS.binary_search(&word).is_ok() => {
                self.whole_statement()?;
                Ok(None)
            }
            _ => Err(self.no_statement()?),
        }
    }

    /// Why the text that begins here is no statement.
    fn no_statement(&mut self) -> Result<crate::error::Error> {
        self.reader.fill_to(SHOWN_BYTES)?;
        let text = self.reader.buffer();
        let at = self.reader.place();
        let word = text.iter().all(|b| b.is_ascii_alphabetic() || *b == b'_');
        Ok(match text {
            [b'-' | b'/'] => ErrorKind::Unterminated { at, what: "comment" },
            _ if word && self.reader.ended() => ErrorKind::Unterminated { at, what: "statement" },
            _ => {
                let found = shown(text).lines().next().unwrap_or_default().to_owned();
                ErrorKind::NoStatement { at, found }
            }
        }
        .into())
    }

    fn create(&mut self) -> Result<()> {
        let began = self.reader.place();
        let text = self.whole_statement()?;
        if let Some(table) = statement::create_table(&self.readable(&text)) {
            let known = self.map.table(&table.name.table).is_some();
            self.unknown_tables += usize::from(!known);
            // Of tables that are not known, of which a dump may create any number, only those are asked for that look like known ones.
            let kept = |columns: &[String]| self.every_table || !self.map.resembled(columns).is_empty();
            if known || self.created.len() < CREATED_MAX && kept(&table.columns) {
                let key = self.qualified(&table.name);
                self.created.insert(key, table.columns);
            }
            return Ok(());
        }
        self.routine_body(routine::body(&text), began)
    }

    /// A statement's text as UTF-8, so that the names in it can be read.
    fn readable<'t>(&self, text: &'t [u8]) -> Cow<'t, [u8]> {
        match self.session.quoting.encoding.decode(text) {
            Some(Cow::Owned(text)) => Cow::Owned(text.into_bytes()),
            Some(Cow::Borrowed(_)) | None => Cow::Borrowed(text),
        }
    }

    /// Consumes a statement up to its semicolon; answers the first [`KEPT_BYTES`] of it.
    fn whole_statement(&mut self) -> Result<Vec<u8>> {
        let began = self.reader.place();
        let mut lexer = Lexer::new(self.session.quoting);
        let mut statement = Vec::new();
        loop {
            let (read, stop) = lexer.advance(self.reader.buffer(), self.reader.ended());
            let kept = read.min(KEPT_BYTES - statement.len());
            statement.extend_from_slice(self.reader.buffer().get(..kept).unwrap_or_default());
            self.reader.consume(read);
            match stop {
                Some(Stop::Semicolon) => return Ok(statement),
                Some(Stop::Backslash) => return Err(ErrorKind::StrayData { at: self.reader.place() }.into()),
                Some(Stop::Opening) => return Err(self.opening_inside(began.position.line)),
                Some(Stop::Close) => {}
                None if self.reader.fill()? == Fill::End && self.reader.buffer().len() <= 1 => {
                    // One byte can be left over that only more text could have explained.
                    if let (_, Some(Stop::Semicolon)) = lexer.advance(self.reader.buffer(), true) {
                        self.reader.consume(1);
                        return Ok(statement);
                    }
                    return Err(ErrorKind::Unterminated { at: began, what: lexer.open() }.into());
                }
                None => {}
            }
        }
    }

    fn qualified(&self, name: &Name) -> (String, String) {
        (name.schema.clone().unwrap_or_else(|| self.session.schema.clone()), name.table.clone())
    }

    /// The columns of a statement, from CREATE TABLE where it lists none.
    fn columns(&self, name: &Name, listed: Option<Vec<String>>, at: &Place) -> Result<Vec<String>> {
        let problem = |problem: &str| ErrorKind::Statement {
            at: at.clone(),
            table: name.table.clone(),
            problem: problem.to_owned(),
        };
        let columns = match listed {
            Some(columns) => columns,
            None => self.created.get(&self.qualified(name)).filter(|c| !c.is_empty()).cloned().ok_or_else(
                || problem("the statement lists no columns, and no CREATE TABLE before it says them"),
            )?,
        };
        let mut sorted: Vec<&String> = columns.iter().collect();
        sorted.sort();
        if sorted.windows(2).any(|pair| pair.first() == pair.last()) {
            return Err(problem("a column is listed twice").into());
        }
        Ok(columns)
    }

    fn opened(
        &mut self,
        table: Table,
        columns: Vec<String>,
        oids: bool,
        form: Form,
        statement: Position,
    ) -> Block {
        // A dump may have a block for each row.
        if *self.columns != columns {
            self.columns = Arc::new(columns);
        }
        Block {
            dump: self.dump,
            table,
            columns: Arc::clone(&self.columns),
            oids,
            form,
            quoting: self.session.quoting,
            statement,
            data: self.reader.position(),
            row_limit: u64::try_from(self.limits.row).unwrap_or(u64::MAX),
        }
    }

    fn open_block(&self, table: &str, statement: Position) -> crate::error::Error {
        let end = self.reader.position().after(self.reader.buffer());
        let (at, table, began) = (self.reader.place_at(end), table.to_owned(), statement.line);
        ErrorKind::OpenBlock { at, table, began }.into()
    }
}

/// How much is kept of a statement, a line or the head of an INSERT. A longer one (a COMMENT, a list of partitions) is
/// passed all the same, whatever its length; what matters of it stands in front.
const KEPT_BYTES: usize = 1 << 20;

/// The columns of so many created tables are kept.
const CREATED_MAX: usize = 1_000;

/// The first words of the statements that a dump may hold and that are passed over; sorted.
const STATEMENTS: [&str; 40] = [
    "ABORT",
    "ALTER",
    "ANALYSE",
    "ANALYZE",
    "BEGIN",
    "CALL",
    "CHECKPOINT",
    "CLOSE",
    "CLUSTER",
    "COMMENT",
    "COMMIT",
    "DEALLOCATE",
    "DECLARE",
    "DISCARD",
    "DO",
    "DROP",
    "END",
    "EXECUTE",
    "EXPLAIN",
    "FETCH",
    "GRANT",
    "IMPORT",
    "LISTEN",
    "LOAD",
    "LOCK",
    "NOTIFY",
    "PREPARE",
    "REASSIGN",
    "REFRESH",
    "REINDEX",
    "RELEASE",
    "RESET",
    "REVOKE",
    "ROLLBACK",
    "SAVEPOINT",
    "SECURITY",
    "SHOW",
    "START",
    "VACUUM",
    "VALUES",
];
