//! Walks a dump from statement to statement and hands out the data of known tables in chunks of whole rows.
//!
//! Whatever is not table data is understood as far as it changes how data reads (`SET client_encoding`, `SET
//! standard_conforming_strings`, `CREATE TABLE` for INSERTs without a column list) and passed over otherwise. Nothing but
//! the current chunk is in memory. Text that cannot be a statement is an error and never skipped: it may be rows whose
//! COPY line was lost.

use crate::columns::{ColumnMap, Table};
use crate::copy;
use crate::encoding::Encoding;
use crate::error::{ErrorKind, Result};
use crate::input::Input;
use crate::insert::{self, Between};
use crate::lexer::{Lexer, Quoting, Stop};
use crate::position::{DumpId, Origin, Place, Position, count_lines, length};
use crate::reader::{Fill, Reader};
use crate::row::{BadRow, Row};
use crate::statement::{self, InsertBody, Name};
use memchr::{memchr, memmem, memrchr};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// How a scan cuts and what it assumes.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The longest row in bytes; longer ones are told by position and passed over.
    pub row: usize,
    /// The size of a chunk in bytes, as long as rows fit.
    pub chunk: usize,
    /// What `SQL_ASCII` text is in, where the user said so.
    pub sql_ascii: Encoding,
}

impl Default for Limits {
    fn default() -> Self {
        Self { row: 4 << 20, chunk: 256 << 10, sql_ascii: Encoding::SqlAscii }
    }
}

/// The data of one table between one COPY line and its end, or a run of INSERTs with the same head.
#[derive(Clone, Debug)]
pub struct Block {
    /// The dump.
    pub dump: DumpId,
    /// The table.
    pub table: Table,
    /// The column list; from CREATE TABLE where the statement has none.
    pub columns: Vec<String>,
    /// Whether each row begins with an object id that the list does not name.
    pub oids: bool,
    /// COPY or INSERT.
    pub form: Form,
    /// Encoding and escapes.
    pub quoting: Quoting,
    /// Where the statement begins.
    pub statement: Position,
    /// Where the data begins.
    pub data: Position,
    /// The row limit in bytes.
    pub row_limit: u64,
}

/// How a block's rows are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// COPY text.
    Copy,
    /// INSERT statements that begin with these bytes.
    Insert {
        /// From `INSERT` to `VALUES`.
        head: Vec<u8>,
    },
}

impl Block {
    /// The fields that a row of this block has.
    #[must_use]
    pub fn fields(&self) -> usize {
        self.columns.len() + usize::from(self.oids)
    }

    /// Reads the rows of a chunk of this block.
    #[must_use]
    pub fn rows<'c>(&'c self, chunk: &'c Chunk) -> Rows<'c> {
        let (fields, row_limit) = (self.fields(), self.row_limit);
        match &self.form {
            Form::Copy => {
                let format = copy::Format { encoding: self.quoting.encoding, fields, row_limit };
                Rows::Copy(copy::Rows::new(&chunk.bytes, chunk.position, format))
            }
            Form::Insert { head } => {
                let format = insert::Format { quoting: self.quoting, head, fields, row_limit };
                Rows::Insert(insert::Rows::new(&chunk.bytes, chunk.position, format))
            }
        }
    }

    /// The origin of a row of this block.
    #[must_use]
    pub fn origin(&self, position: Position, raw: &[u8]) -> Origin {
        Origin { dump: self.dump, position, length: length(raw) }
    }
}

/// The rows of a chunk, whatever their form.
pub enum Rows<'c> {
    /// COPY text.
    Copy(copy::Rows<'c>),
    /// INSERT statements.
    Insert(insert::Rows<'c>),
}

impl<'c> Rows<'c> {
    /// The next row; `None` at the end of the chunk.
    #[allow(
        clippy::should_implement_trait,
        reason = "the row borrows the reader's buffers, which Iterator cannot say"
    )]
    pub fn next(&mut self) -> Option<std::result::Result<Row<'_>, BadRow<'c>>> {
        match self {
            Self::Copy(rows) => rows.next(),
            Self::Insert(rows) => rows.next(),
        }
    }
}

/// Whole rows of one block, as they stand in the dump.
#[derive(Clone, Debug, Default)]
pub struct Chunk {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Where they begin.
    pub position: Position,
    /// How many rows they are.
    pub rows: u64,
}

impl Default for Position {
    fn default() -> Self {
        Self::START
    }
}

/// What [`Scanner::chunk`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// The chunk is filled.
    Rows,
    /// A row above the limit, passed over; it counts as one row.
    TooLong(Origin),
    /// The block has ended.
    End,
}

/// What a whole dump turned out to be.
#[derive(Clone, Debug, Default)]
pub struct Contents {
    /// The first line says that this is a file of set-aside rows.
    pub rejects: bool,
    /// Rows of tables that are not known, by table.
    pub other_tables: BTreeMap<String, u64>,
    /// Lines of comments that begin with `-- etl `, without these characters.
    pub notes: Vec<String>,
    /// The dump's size in bytes of text.
    pub bytes: u64,
}

/// The first line of a file of set-aside rows.
pub const REJECTS_HEADER: &str = "-- etl rejects";

/// Session settings that a dump makes for itself.
#[derive(Clone, Debug)]
struct Session {
    quoting: Quoting,
    schema: String,
}

/// Walks a dump; see the module.
pub struct Scanner<'m> {
    reader: Reader,
    map: &'m ColumnMap,
    dump: DumpId,
    limits: Limits,
    session: Session,
    created: HashMap<(String, String), Vec<String>>,
    schemas: HashMap<Table, String>,
    contents: Contents,
    complete: bool,
    open: Option<Arc<Block>>,
}

impl<'m> Scanner<'m> {
    /// A scanner at the start of `input`.
    ///
    /// # Errors
    /// Those of [`Input::text`].
    pub fn new(input: &mut Input, dump: DumpId, map: &'m ColumnMap, limits: Limits) -> Result<Self> {
        let text = input.text()?;
        let reader = Reader::new(input.name(), text, Position::START, limits.row + limits.chunk);
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
        let reader = Reader::new(input.name(), text, block.data, limits.row + limits.chunk);
        let mut scanner = Self::at(reader, block.dump, map, limits);
        scanner.open = Some(block);
        Ok(scanner)
    }

    fn at(reader: Reader, dump: DumpId, map: &'m ColumnMap, limits: Limits) -> Self {
        Self {
            reader,
            map,
            dump,
            limits,
            session: Session { quoting: Quoting::default(), schema: "public".to_owned() },
            created: HashMap::new(),
            schemas: HashMap::new(),
            contents: Contents::default(),
            complete: false,
            open: None,
        }
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
                    self.open = Some(Arc::clone(&block));
                    return Ok(Some(block));
                }
                None => continue,
            }
        }
    }

    /// Fills `chunk` with the next rows of the open block.
    ///
    /// # Errors
    /// The dump is cut off, or damaged between rows.
    pub fn chunk(&mut self, chunk: &mut Chunk) -> Result<Cut> {
        let Some(block) = self.open.clone() else { return Ok(Cut::End) };
        chunk.bytes.clear();
        chunk.rows = 0;
        chunk.position = self.reader.position();
        let cut = match &block.form {
            Form::Copy => self.copy_chunk(&block, chunk),
            Form::Insert { head } => self.insert_chunk(&block, head, chunk),
        }?;
        if cut == Cut::End {
            self.open = None;
        }
        Ok(cut)
    }

    /// Passes over the open block; answers its rows, those above the limit too.
    ///
    /// # Errors
    /// As [`Scanner::chunk`].
    pub fn skip_block(&mut self) -> Result<u64> {
        let mut chunk = Chunk::default();
        let mut rows = 0;
        loop {
            match self.chunk(&mut chunk)? {
                Cut::Rows => rows += chunk.rows,
                Cut::TooLong(_) => rows += 1,
                Cut::End => return Ok(rows),
            }
        }
    }

    /// What the dump was, once [`Scanner::block`] has answered `None`.
    ///
    /// # Errors
    /// The dump does not end as a complete one does.
    pub fn finish(mut self) -> Result<Contents> {
        if !self.complete {
            return Err(ErrorKind::Incomplete { at: self.reader.place() }.into());
        }
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
                [b' ' | b'\t' | b'\r' | b'\n', ..] => {
                    let n = text.iter().take_while(|b| b.is_ascii_whitespace()).count();
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
        const CLOSING: &str = "database dump complete";
        const NOTE: &str = "-- etl ";
        let line = self.line()?;
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end();
        self.complete |= text.ends_with(CLOSING);
        if let Some(note) = text.strip_prefix(NOTE) {
            self.contents.notes.push(note.to_owned());
        }
        Ok(())
    }

    /// Consumes the rest of the line; answers as much of it as the buffer may hold.
    fn line(&mut self) -> Result<Vec<u8>> {
        let mut line = Vec::new();
        loop {
            let text = self.reader.buffer();
            let end = memchr(b'\n', text);
            let part = text.get(..end.map_or(text.len(), |n| n + 1)).unwrap_or_default();
            let n = part.len();
            if line.len() < self.limits.row {
                line.extend_from_slice(part);
            }
            self.reader.consume(n);
            if end.is_some() || self.reader.fill()? == Fill::End {
                return Ok(line);
            }
        }
    }

    fn block_comment(&mut self) -> Result<()> {
        let began = self.reader.position();
        self.reader.consume(2);
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
            "SET" => {
                let place = self.reader.place();
                let text = self.whole_statement()?;
                if let Some(set) = statement::set(&text) {
                    self.apply(&set.name, &set.value, &place)?;
                }
                Ok(None)
            }
            "CREATE" => {
                let text = self.whole_statement()?;
                if let Some(table) = statement::create_table(&text) {
                    let key = self.qualified(&table.name);
                    self.created.insert(key, table.columns);
                }
                Ok(None)
            }
            word if STATEMENTS.binary_search(&word).is_ok() => {
                self.whole_statement()?;
                Ok(None)
            }
            _ => {
                let found = String::from_utf8_lossy(text.get(..text.len().min(30)).unwrap_or_default());
                let found = found.lines().next().unwrap_or_default().to_owned();
                Err(ErrorKind::NoStatement { at: self.reader.place(), found }.into())
            }
        }
    }

    fn psql_command(&mut self) -> Result<()> {
        let place = self.reader.place();
        let line = self.line()?;
        let line = String::from_utf8_lossy(&line);
        let mut words = line.split_whitespace();
        match words.next() {
            Some("\\.") => return Err(ErrorKind::StrayData { at: place }.into()),
            Some("\\encoding") => {
                if let Some(name) = words.next() {
                    self.apply("client_encoding", name.trim_matches('\''), &place)?;
                }
            }
            Some("\\connect" | "\\c") => {
                self.session = Session { quoting: Quoting::default(), schema: "public".to_owned() };
            }
            _ => {}
        }
        Ok(())
    }

    fn apply(&mut self, name: &str, value: &str, at: &Place) -> Result<()> {
        match name {
            "client_encoding" => {
                let encoding = Encoding::named(value)
                    .ok_or_else(|| ErrorKind::Encoding { at: at.clone(), name: value.to_owned() })?;
                let told = encoding == Encoding::SqlAscii;
                self.session.quoting.encoding = if told { self.limits.sql_ascii } else { encoding };
            }
            "standard_conforming_strings" => {
                self.session.quoting.backslash_escapes = value.eq_ignore_ascii_case("off");
            }
            "search_path" if !value.is_empty() => value.clone_into(&mut self.session.schema),
            _ => {}
        }
        Ok(())
    }

    /// Consumes a statement up to its semicolon; answers as much of it as a row may be long.
    fn whole_statement(&mut self) -> Result<Vec<u8>> {
        let began = self.reader.place();
        let mut lexer = Lexer::new(self.session.quoting);
        let mut statement = Vec::new();
        loop {
            let (read, stop) = lexer.advance(self.reader.buffer(), self.reader.ended());
            if statement.len() <= self.limits.row {
                statement.extend_from_slice(self.reader.buffer().get(..read).unwrap_or_default());
            }
            self.reader.consume(read);
            match stop {
                Some(Stop::Semicolon) => return Ok(statement),
                Some(Stop::Backslash) => return Err(ErrorKind::StrayData { at: self.reader.place() }.into()),
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

    /// The known table of a name; the same table may not stand in two schemas.
    fn known(&mut self, name: &Name, at: &Place) -> Result<Option<Table>> {
        let Some(table) = self.map.table(&name.table) else { return Ok(None) };
        let (schema, _) = self.qualified(name);
        match self.schemas.get(&table) {
            Some(first) if *first != schema => Err(ErrorKind::TwoSchemas {
                at: at.clone(),
                table: name.table.clone(),
                first: first.clone(),
                second: schema,
            }
            .into()),
            Some(_) => Ok(Some(table)),
            None => {
                self.schemas.insert(table, schema);
                Ok(Some(table))
            }
        }
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

    fn copy(&mut self) -> Result<Option<Block>> {
        let place = self.reader.place();
        let text = self.whole_statement()?;
        let fault = |table: &str, problem: &str| ErrorKind::Statement {
            at: place.clone(),
            table: table.to_owned(),
            problem: problem.to_owned(),
        };
        let Some(copy) = statement::copy(&text) else {
            if keyword_after_copy_is_query(&text) {
                return Ok(None);
            }
            return Err(fault("(unknown)", "the COPY statement cannot be understood").into());
        };
        let known = self.known(&copy.name, &place)?;
        if !copy.stdin {
            return match known {
                Some(_) if !copy.options.to_ascii_uppercase().starts_with("TO") => {
                    Err(fault(&copy.name.table, "its data is in another file").into())
                }
                _ => Ok(None),
            };
        }
        if !copy.options.is_empty() {
            return Err(
                fault(&copy.name.table, &format!("COPY {} is not the text format", copy.options)).into()
            );
        }
        self.end_of_copy_line()?;
        let Some(table) = known else {
            let rows = self.skip_copy(&copy.name.table, place.position)?;
            *self.contents.other_tables.entry(copy.name.table).or_default() += rows;
            return Ok(None);
        };
        let columns = self.columns(&copy.name, copy.columns, &place)?;
        Ok(Some(self.opened(table, columns, copy.oids, Form::Copy, place.position)))
    }

    /// Consumes what stands between a COPY's semicolon and its first row.
    fn end_of_copy_line(&mut self) -> Result<()> {
        let place = self.reader.place();
        let rest = self.line()?;
        if rest.iter().all(u8::is_ascii_whitespace) && rest.ends_with(b"\n") {
            return Ok(());
        }
        let problem = "text follows on the line of the COPY statement".to_owned();
        Err(ErrorKind::Statement { at: place, table: "(COPY)".to_owned(), problem }.into())
    }

    fn opened(
        &self,
        table: Table,
        columns: Vec<String>,
        oids: bool,
        form: Form,
        statement: Position,
    ) -> Block {
        Block {
            dump: self.dump,
            table,
            columns,
            oids,
            form,
            quoting: self.session.quoting,
            statement,
            data: self.reader.position(),
            row_limit: u64::try_from(self.limits.row).unwrap_or(u64::MAX),
        }
    }

    fn skip_copy(&mut self, table: &str, statement: Position) -> Result<u64> {
        let mut rows = 0;
        loop {
            self.reader.fill_to(self.limits.chunk)?;
            let text = self.reader.buffer();
            if let Some(marker) = end_marker(text, self.reader.ended()) {
                rows += count_lines(text.get(..marker.rows).unwrap_or_default());
                self.reader.consume(marker.end);
                return Ok(rows);
            }
            if let Some(last) = memrchr(b'\n', text) {
                rows += self.reader.consume(last + 1);
            } else {
                // A line of an unknown table may be of any length.
                let fits = text.len() < self.limits.chunk;
                if self.reader.ended() && fits {
                    return Err(self.open_block(table, statement));
                }
                rows += self.skip_line(table, statement)?.1;
            }
        }
    }

    /// Consumes a line that does not fit into a chunk; answers its bytes and the lines, which is one.
    fn skip_line(&mut self, table: &str, statement: Position) -> Result<(u64, u64)> {
        let mut bytes = 0;
        loop {
            let text = self.reader.buffer();
            if let Some(n) = memchr(b'\n', text) {
                bytes += length(text.get(..n).unwrap_or_default());
                return Ok((bytes, self.reader.consume(n + 1)));
            }
            bytes += length(text);
            let n = text.len();
            self.reader.consume(n);
            if self.reader.fill()? == Fill::End {
                return Err(self.open_block(table, statement));
            }
        }
    }

    fn open_block(&self, table: &str, statement: Position) -> crate::error::Error {
        let end = self.reader.position().after(self.reader.buffer());
        let (at, table, began) = (self.reader.place_at(end), table.to_owned(), statement.line);
        ErrorKind::OpenBlock { at, table, began }.into()
    }

    fn copy_chunk(&mut self, block: &Block, chunk: &mut Chunk) -> Result<Cut> {
        let began = self.reader.position();
        let mut wanted = self.limits.chunk;
        loop {
            self.reader.fill_to(wanted)?;
            let text = self.reader.buffer();
            let window = text.get(..wanted.min(text.len())).unwrap_or_default();
            let marker = end_marker(window, self.reader.ended() && window.len() == text.len());
            let rows = match &marker {
                Some(marker) if marker.rows == 0 => {
                    self.reader.consume(marker.end);
                    return Ok(Cut::End);
                }
                Some(marker) => marker.rows,
                None => memrchr(b'\n', window).map_or(0, |n| n + 1),
            };
            if rows > 0 {
                chunk.bytes.extend_from_slice(window.get(..rows).unwrap_or_default());
                chunk.rows = self.reader.consume(rows);
                return Ok(Cut::Rows);
            }
            if window.len() > self.limits.row {
                let (length, _) = self.skip_line(block.table.name(), block.statement)?;
                return Ok(Cut::TooLong(Origin { dump: self.dump, position: began, length }));
            }
            if self.reader.ended() && window.len() == text.len() {
                return Err(self.open_block(block.table.name(), block.statement));
            }
            wanted *= 2;
        }
    }

    fn insert(&mut self) -> Result<Option<Block>> {
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

    fn insert_chunk(&mut self, block: &Block, head: &[u8], chunk: &mut Chunk) -> Result<Cut> {
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

/// `COPY (query) TO …`, which no data follows.
fn keyword_after_copy_is_query(text: &[u8]) -> bool {
    text.get(4..).is_some_and(|rest| rest.trim_ascii_start().first() == Some(&b'('))
}

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

/// The first words of the statements that a dump may hold and that are passed over; sorted.
const STATEMENTS: [&str; 45] = [
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
    "DELETE",
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
    "SELECT",
    "SHOW",
    "START",
    "TRUNCATE",
    "UPDATE",
    "VACUUM",
    "VALUES",
    "WITH",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::Text;
    use std::io::Read;

    /// Gives its bytes in pieces of one size.
    struct Pieces(std::io::Cursor<Vec<u8>>, usize);

    impl Read for Pieces {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let n = self.1.min(buffer.len());
            self.0.read(&mut buffer[..n])
        }
    }

    /// One block: table, encoding, position of its rows, and their cells.
    type Told = Vec<String>;

    fn told(dump: &[u8], piece: usize, limits: Limits) -> (Told, Result<Contents>) {
        let map = ColumnMap::built_in().unwrap();
        let source = Pieces(std::io::Cursor::new(dump.to_vec()), piece);
        let text = Text::new("d.sql".into(), Box::new(source), std::sync::Arc::default());
        let mut out = Vec::new();
        let text = match text {
            Ok(text) => text,
            Err(error) => return (out, Err(error)),
        };
        let reader = Reader::new("d.sql", text, Position::START, limits.row + limits.chunk);
        let mut scanner = Scanner::at(reader, DumpId(0), &map, limits);
        let result = tell(&mut scanner, &mut out);
        (out, result.and_then(|()| scanner.finish()))
    }

    fn tell(scanner: &mut Scanner<'_>, out: &mut Told) -> Result<()> {
        let mut chunk = Chunk::default();
        while let Some(block) = scanner.block()? {
            out.push(format!("{} {}", block.table, block.columns.join(",")));
            loop {
                match scanner.chunk(&mut chunk)? {
                    Cut::End => break,
                    Cut::TooLong(origin) => {
                        out.push(format!("{} too long: {}", origin.position.line, origin.length))
                    }
                    Cut::Rows => {
                        let mut rows = block.rows(&chunk);
                        let mut n = 0;
                        while let Some(row) = rows.next() {
                            n += 1;
                            out.push(match row {
                                Ok(row) => {
                                    let cells: Vec<_> =
                                        (0..row.len()).map(|i| row.field(i).unwrap_or("∅")).collect();
                                    format!("{}: {}", row.position().line, cells.join("|"))
                                }
                                Err(bad) => format!("{} bad: {}", bad.position.line, bad.fault),
                            });
                        }
                        assert_eq!(n, chunk.rows, "the scanner and the row reader cut the same rows");
                    }
                }
            }
        }
        Ok(())
    }

    const END: &str = "--\n-- PostgreSQL database dump complete\n--\n";

    #[track_caller]
    fn check_bytes(dump: &[u8], expected: &[&str]) {
        for piece in [1, 2, 3, 7, dump.len()] {
            for chunk in [1, 40, 1 << 18] {
                let (out, result) = told(dump, piece, Limits { chunk, ..Limits::default() });
                assert_eq!(
                    (out, result.err().map(|e| e.to_string())),
                    (expected.iter().map(|s| (*s).to_owned()).collect(), None),
                    "pieces of {piece}, chunks of {chunk}"
                );
            }
        }
    }

    #[track_caller]
    fn check(dump: &str, expected: &[&str]) {
        check_bytes(format!("{dump}{END}").as_bytes(), expected);
    }

    #[track_caller]
    fn check_error(dump: &str, expected: &str) {
        for piece in [1, 2, 3, 7, dump.len().max(1)] {
            let (_, result) = told(dump.as_bytes(), piece, Limits::default());
            let error = result.map(|_| ()).unwrap_err();
            assert!(error.to_string().starts_with(expected), "{error}\nexpected {expected}");
            assert!(error.remedy().is_some(), "{error} has no remedy");
        }
    }

    #[test]
    fn copy_blocks_in_every_shape() {
        check(
            "COPY tag (resource_id, key) FROM stdin;\na\tb\nc\td\n\\.\n;\n\n",
            &["tag resource_id,key", "2: a|b", "3: c|d"],
        );
        check(
            "COPY public.tag (resource_id, key) FROM stdin;\r\na\tb\r\n\\.\r\n\r\n",
            &["tag resource_id,key", "2: a|b"],
        );
        check("COPY \"public\".\"tag\" (\"resource_id\", KEY) FROM stdin;\n\\.\n", &["tag resource_id,key"]);
        check(
            "COPY tag (resource_id, key) WITH OIDS FROM stdin;\n7\ta\tb\n\\.\nCOPY tag (key, resource_id) FROM stdin;\nb\ta\n\\.\n",
            &["tag resource_id,key", "2: 7|a|b", "tag key,resource_id", "5: b|a"],
        );
        check(
            "CREATE TABLE tag (\n resource_id text,\n key text\n);\nCOPY tag FROM stdin;\na\t\\N\n\\.\n",
            &["tag resource_id,key", "6: a|∅"],
        );
    }

    #[test]
    fn inserts_in_every_shape() {
        check(
            "INSERT INTO tag (resource_id, key) VALUES ('a', 'x;\n\\.\nCOPY tag FROM stdin;');\nINSERT INTO tag (resource_id, key) VALUES ('b', NULL);\n",
            &["tag resource_id,key", "1: a|x;\n\\.\nCOPY tag FROM stdin;", "4: b|∅"],
        );
        check(
            "CREATE TABLE public.tag (resource_id text, key text);\nINSERT INTO public.tag VALUES\n\t('a', 'b'),\n\t('c', 'd');\n",
            &["tag resource_id,key", "3: a|b", "4: c|d"],
        );
        check(
            "INSERT INTO tag (resource_id, key) VALUES (1, 2);\nINSERT INTO tag (key, resource_id) VALUES (3, 4);\nINSERT INTO other VALUES (1), (2);\nINSERT INTO other DEFAULT VALUES;\n",
            &["tag resource_id,key", "1: 1|2", "tag key,resource_id", "2: 3|4"],
        );
        check(
            "SET standard_conforming_strings = off;\nINSERT INTO tag (resource_id, key) VALUES ('a\\\\', 'it\\'s');\n",
            &["tag resource_id,key", "2: a\\|it's"],
        );
    }

    #[test]
    fn whatever_else_stands_in_a_dump_is_passed_over() {
        check(
            "--\n-- Name: x; Type: TABLE; Tablespace: \n--\n/* a /* b */ ; */\n\\restrict abc;'\n\\connect db\nSET a = 'b;c';\n\
             CREATE FUNCTION f() RETURNS int AS $_$ BEGIN; 'unbalanced COPY tag FROM stdin; $_$ LANGUAGE plpgsql;\n\
             CREATE RULE r AS ON INSERT TO t DO ALSO (DELETE FROM x; DELETE FROM y);\nALTER TABLE ONLY t ADD PRIMARY KEY  (id);\n\
             SELECT pg_catalog.setval('s', 1, true);\nCOPY other (a) FROM stdin;\nit's\n-- one\n\\.\n;\n/\n\
             COPY tag (resource_id, key) FROM stdin;\na\tb\n\\.\n\\unrestrict abc\n",
            &["tag resource_id,key", "19: a|b"],
        );
    }

    #[test]
    fn rows_of_other_tables_are_counted() {
        let dump = format!(
            "COPY other (a) FROM stdin;\nx\ny\n\\.\nINSERT INTO o2 (a, b) VALUES (1, f(2)), (3, 4);\nINSERT INTO o2 DEFAULT VALUES;\n{END}"
        );
        for piece in [1, 5, 1000] {
            let (_, contents) = told(dump.as_bytes(), piece, Limits { chunk: 1, ..Limits::default() });
            let tables = contents.unwrap().other_tables;
            assert_eq!(
                tables.into_iter().collect::<Vec<_>>(),
                [("o2".to_owned(), 3), ("other".to_owned(), 2)]
            );
        }
    }

    #[test]
    fn the_dumps_encoding_and_search_path_are_honoured() {
        check_bytes(
            &[b"SET client_encoding = 'GBK';\nSET search_path = cinder, pg_catalog;\nCOPY tag (resource_id, key) FROM stdin;\n\xd5\\\tb\n\\.\n", END.as_bytes()].concat(),
            &["tag resource_id,key", "4: 誠|b"],
        );
        check_error("SET client_encoding = 'EUC_JP';\n", "d.sql:1: client_encoding EUC_JP is not supported");
        check_error(
            "COPY a.tag (resource_id, key) FROM stdin;\n\\.\nCOPY b.tag (resource_id, key) FROM stdin;\n\\.\n",
            "d.sql:3: table tag is in schema b, and was in schema a before",
        );
    }

    #[test]
    fn a_row_above_the_limit_is_told_by_its_position_and_the_next_one_is_read() {
        let long = "x".repeat(900_000);
        let limits = Limits { row: 300_000, chunk: 1000, ..Limits::default() };
        for (dump, length) in [
            (format!("COPY tag (resource_id, key) FROM stdin;\na\tb\n{long}\nc\td\n\\.\n{END}"), 900_000),
            (
                format!(
                    "INSERT INTO tag (resource_id, key) VALUES ('a', 'b'),\n('{long}', 1),\n('c', 'd');\n{END}"
                ),
                900_007,
            ),
        ] {
            for piece in [1000, dump.len()] {
                let (out, result) = told(dump.as_bytes(), piece, limits);
                result.unwrap();
                assert_eq!(out[2], format!("{} too long: {length}", if length == 900_000 { 3 } else { 2 }));
                assert!(out[3].ends_with("c|d"), "{:?}", out[3]);
            }
        }
        // Rows of a table that is not known may be of any length.
        let dump = format!("COPY other (a) FROM stdin;\n{long}{long}\n\\.\n{END}");
        assert_eq!(told(dump.as_bytes(), 5000, limits).1.unwrap().other_tables["other"], 1);
    }

    #[test]
    fn a_cut_off_dump_is_an_error() {
        check_error("SELECT 1;\n", "d.sql:2: the dump is cut off: it does not end with");
        check_error(
            "COPY tag (resource_id, key) FROM stdin;\na\tb\n",
            "d.sql:3: the dump is cut off: the file ends inside the data of table tag, which began in line 1",
        );
        check_error(
            "COPY tag (resource_id, key) FROM stdin;\na\tb",
            "d.sql:2: the dump is cut off: the file ends inside",
        );
        check_error(
            "COPY other (a) FROM stdin;\nb\n",
            "d.sql:3: the dump is cut off: the file ends inside the data of table other",
        );
        check_error(
            "INSERT INTO tag (resource_id, key) VALUES (1, 2),\n",
            "d.sql:2: the dump is cut off: the file ends inside",
        );
        check_error(
            "INSERT INTO tag (resource_id, key) VALUES (1, 'a\n",
            "d.sql:2: the dump is cut off: the file ends inside",
        );
        check_error("SELECT 'a;\n", "d.sql:1: the quoted text that begins here is never closed");
        check_error("SELECT 1\n", "d.sql:1: the statement that begins here is never closed");
        check_error("/* a\n", "d.sql:1: the comment that begins here is never closed");
    }

    #[test]
    fn rows_without_their_copy_line_are_never_passed_over() {
        check_error("SELECT 1;\na\t\\N\n\\.\n", "d.sql:2: \"a\\t\\\\N\" begins no SQL statement");
        check_error("2017-01-01\tb\n\\.\n;\n", "d.sql:1: \"2017-01-01\\tb\" begins no SQL statement");
        check_error("SELECT a\tb\\N\n\\.\n;\n", "d.sql:1: a backslash outside quotes");
        check_error("\\.\n", "d.sql:1: a backslash outside quotes");
        check_error("COPI tag (resource_id, key) FROM stdin;\na\tb\n\\.\n", "d.sql:1: \"COPI tag");
    }

    #[test]
    fn a_known_table_in_a_form_that_cannot_be_read_is_an_error() {
        check_error(
            "COPY tag (resource_id, key) FROM stdin WITH (FORMAT csv);\na,b\n\\.\n",
            "d.sql:1: table tag: COPY WITH (FORMAT csv) is not the text format",
        );
        check_error("COPY tag FROM stdin;\n\\.\n", "d.sql:1: table tag: the statement lists no columns");
        check_error("COPY tag (key, key) FROM stdin;\n\\.\n", "d.sql:1: table tag: a column is listed twice");
        check_error(
            "COPY tag (key) FROM '/x/$$PATH$$/1.dat';\n",
            "d.sql:1: table tag: its data is in another file",
        );
        check_error("INSERT INTO tag SELECT 1;\n", "d.sql:1: table tag: this INSERT has no list of values");
        check_error(
            "INSERT INTO tag (key) VALUES (1) 7;\n",
            "d.sql:1: table tag: expected a row, a comma or a semicolon, found \"7;",
        );
    }

    #[test]
    fn the_words_of_statements_are_sorted_for_the_search() {
        assert!(STATEMENTS.is_sorted());
    }
}
