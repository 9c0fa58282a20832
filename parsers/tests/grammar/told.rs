//! Reads a dump as pass one and pass two of a run do, and tells everything that was found as text.

use parsers::columns::ColumnMap;
use parsers::encoding::Encoding;
use parsers::error::{Error, ErrorKind, Result};
use parsers::input::Input;
use parsers::position::{DumpId, Position};
use parsers::row::RowFault;
use parsers::scan::scanner::Scanner;
use parsers::scan::{Block, Chunk, Contents, Cut, Form, Limits};
use std::io::{Cursor, Read};
use std::path::Path;
use std::sync::{Arc, OnceLock};

/// The name of every dump.
pub(crate) const NAME: &str = "dump.sql";

/// Gives its bytes in pieces of one size.
pub(crate) struct Pieces(pub(crate) Cursor<Vec<u8>>, pub(crate) usize);

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.1.min(buffer.len());
        self.0.read(&mut buffer[..n])
    }
}

/// A dump that comes in pieces, through a pipe.
pub(crate) fn piped(bytes: &[u8], piece: usize) -> Input {
    let source = Box::new(Pieces(Cursor::new(bytes.to_vec()), piece));
    Input::from_reader(NAME, source, &std::env::temp_dir())
}

/// What was found, and where it was found to be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Told {
    /// Lines of text.
    pub(crate) text: String,
    /// The place of every row.
    pub(crate) rows: Vec<(Position, u64)>,
}

fn columns() -> &'static ColumnMap {
    static MAP: OnceLock<ColumnMap> = OnceLock::new();
    MAP.get_or_init(|| ColumnMap::built_in().unwrap())
}

/// Reads a dump twice. `shift` bytes of blanks stand in front of it and are not told.
pub(crate) fn read(input: &mut Input, limits: Limits, shift: u64) -> Result<Told> {
    let map = columns();
    let mut told = Told { text: String::new(), rows: Vec::new() };
    let mut blocks = Vec::new();
    let mut scanner = Scanner::new(input, DumpId(0), map, limits)?;
    while let Some(block) = scanner.block()? {
        scanner.bind(&block)?;
        told.line(&heading(&block));
        let (from, first) = (told.text.len(), told.rows.len());
        rows(&mut scanner, &block, shift, &mut told)?;
        blocks.push((block, from..told.text.len(), first..told.rows.len()));
    }
    let contents = scanner.finish()?;
    if blocks.is_empty() && !contents.rejects {
        let others = contents.other_tables.keys().cloned().collect();
        return Err(Error::from(ErrorKind::NoKnownTable { dump: input.name().to_owned(), others }));
    }
    for (block, text, places) in blocks {
        let mut again = Told { text: String::new(), rows: Vec::new() };
        let mut scanner = Scanner::resume(input, Arc::clone(&block), map, limits)?;
        rows(&mut scanner, &block, shift, &mut again)?;
        assert_eq!(again.text, told.text[text], "the second pass reads the same rows");
        assert_eq!(again.rows, told.rows[places]);
    }
    told.contents(&contents);
    Ok(told)
}

fn heading(block: &Block) -> String {
    let form = if block.form == Form::Copy { "COPY" } else { "INSERT" };
    let oids = if block.oids { ", with oids" } else { "" };
    let escapes = if block.quoting.backslash_escapes { ", backslashes escape" } else { "" };
    let columns: Vec<String> = block.columns.iter().map(|column| cell(Some(column))).collect();
    format!(
        "{}, line {}: {form}, {}{escapes}{oids}: {}",
        block.table,
        block.statement.line,
        block.quoting.encoding,
        columns.join(", ")
    )
}

/// Tells the rows of the open block.
fn rows(scanner: &mut Scanner<'_>, block: &Block, shift: u64, told: &mut Told) -> Result<()> {
    let mut chunk = Chunk::default();
    loop {
        match scanner.chunk(&mut chunk)? {
            Cut::End => return Ok(()),
            Cut::TooLong(origin) => {
                told.row(origin.position, origin.length, shift, &too_long(origin.length));
            }
            Cut::Rows => {
                let mut rows = block.rows(&chunk);
                let mut cut = 0;
                while let Some(row) = rows.next() {
                    cut += 1;
                    let (position, raw, text) = match row {
                        Ok(row) => {
                            let cells: Vec<String> = (0..row.len()).map(|i| cell(row.field(i))).collect();
                            (row.position(), row.raw(), cells.join(" | "))
                        }
                        Err(bad) => {
                            let text = match bad.fault {
                                RowFault::TooLong { .. } => {
                                    too_long(block.origin(bad.position, bad.raw).length)
                                }
                                fault => format!("bad: {fault}"),
                            };
                            (bad.position, bad.raw, text)
                        }
                    };
                    told.row(position, block.origin(position, raw).length, shift, &text);
                }
                assert_eq!(cut, chunk.rows, "the scanner and the row reader cut the same rows");
            }
        }
    }
}

/// A row above the limit may be found by the scanner or by the reader of its chunk.
fn too_long(length: u64) -> String {
    format!("too long: {length} bytes")
}

/// A value on one line: control characters, backslashes and bars are escaped.
fn cell(value: Option<&str>) -> String {
    let Some(value) = value else { return "∅".to_owned() };
    let mut out = String::new();
    for c in value.chars() {
        match c {
            '\\' | '|' | '∅' => out.extend(['\\', c]),
            c if c.is_control() || c == '\u{feff}' => out.extend(c.escape_default()),
            c => out.push(c),
        }
    }
    out
}

impl Told {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn row(&mut self, position: Position, length: u64, shift: u64, text: &str) {
        let byte = position.byte - shift;
        self.line(&format!("{}:{byte}: {text}", position.line));
        self.rows.push((Position { byte, ..position }, length));
    }

    fn contents(&mut self, contents: &Contents) {
        for (table, rows) in &contents.other_tables {
            self.line(&format!("other table {}: {rows}", cell(Some(table))));
        }
        for digest in &contents.replaced {
            self.line(&format!("replaces the row {digest:032x}"));
        }
        if contents.progress > 0 {
            self.line(&format!("progress reports: {}", contents.progress));
        }
        if contents.rejects {
            self.line("a file of set-aside rows");
        }
    }
}

/// What a case says of itself in its first line: `-- case: row limit 64` or `-- case: SQL_ASCII is GBK`.
pub(crate) fn limits_of(dump: &[u8]) -> Limits {
    let line = dump.split(|b| *b == b'\n').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let mut limits = Limits::default();
    let Some(said) = line.trim_end().strip_prefix("-- case: ") else { return limits };
    for said in said.split(", ") {
        match (said.strip_prefix("row limit "), said.strip_prefix("SQL_ASCII is ")) {
            (Some(bytes), _) => limits.row = bytes.parse().unwrap(),
            (_, Some(name)) => limits.sql_ascii = Encoding::named(name).unwrap(),
            _ => panic!("a case cannot say {said:?}"),
        }
    }
    limits
}

/// The message and the remedy of an error, the dump's folder taken out.
pub(crate) fn error_text(error: &Error, path: &Path) -> String {
    let remedy = error.remedy().unwrap_or("none");
    format!("{}\nremedy: {remedy}\n", error.to_string().replace(path.to_str().unwrap(), NAME))
}
