//! The scanner over any bytes: an error with a place, or rows that stand where they are said to stand.

use crate::draw::{draw, one_of};
use parsers::columns::ColumnMap;
use parsers::error::{Error, ErrorKind, Result};
use parsers::input::Input;
use parsers::position::{DumpId, Position, count_lines};
use parsers::row::RowFault;
use parsers::scan::scanner::Scanner;
use parsers::scan::{Block, Chunk, Contents, Cut, Limits};
use std::io::{Cursor, Read};
use std::sync::{Arc, LazyLock};

/// The name of every dump.
pub(crate) const NAME: &str = "fuzz.sql";

static COLUMNS: LazyLock<ColumnMap> = LazyLock::new(|| ColumnMap::built_in().unwrap());

/// Gives its bytes in pieces of one size, as a pipe may.
struct Pieces {
    bytes: Cursor<Vec<u8>>,
    size: usize,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.size.min(buffer.len());
        self.bytes.read(&mut buffer[..n])
    }
}

/// A dump that comes in pieces.
pub(crate) fn piped(bytes: &[u8], size: usize) -> Input {
    let bytes = Cursor::new(bytes.to_vec());
    Input::from_reader(NAME, Box::new(Pieces { bytes, size: size.max(1) }), &std::env::temp_dir())
}

/// A row, or why it is none.
#[derive(Debug, PartialEq)]
enum Found {
    Row(Vec<Option<String>>),
    /// The scanner or the reader of the chunk may be the one to find out.
    TooLong,
    Bad(RowFault),
}

/// The rows of a block, with their places.
type Rows = Vec<(Position, u64, Found)>;

/// Whatever the bytes: the scan ends, and what it finds depends neither on how they come nor on how they are cut, is found
/// again by the second pass, and stands where it is said to stand.
///
/// # Panics
/// Something of that does not hold.
pub fn statements(bytes: &[u8]) {
    let row = one_of(bytes, "row", [16, 100, 4 << 20]);
    let limits = Limits { row, ..Limits::default() };
    let whole = read(&mut piped(bytes, bytes.len()), limits);
    let piece = one_of(bytes, "piece", [1, 2, 3, 7, 64, 509]);
    let chunk = 1 + draw(bytes, "chunk", 300);
    let cut = read(&mut piped(bytes, piece), Limits { chunk, ..limits });
    match (whole, cut) {
        (Ok((blocks, contents)), Ok((again, _))) => {
            assert_eq!(blocks, again, "pieces of {piece} and chunks of {chunk} change what is found");
            if is_plain(bytes) {
                check_places(bytes, &blocks);
                assert_eq!(contents.bytes, u64::try_from(bytes.len()).unwrap());
            }
        }
        (Err(one), Err(two)) => {
            check_error(&one);
            check_error(&two);
            // Damage in what is packed is found when it is unpacked, which may be before the text in front of it is read.
            if is_plain(bytes) {
                assert_eq!(one.to_string(), two.to_string(), "pieces of {piece}, chunks of {chunk}");
            }
        }
        (one, two) => panic!("pieces of {piece}, chunks of {chunk}: {one:?}\n{two:?}"),
    }
}

/// Whether the text is what stands in the file.
fn is_plain(bytes: &[u8]) -> bool {
    !bytes.starts_with(b"\x1f\x8b") && !bytes.starts_with(b"\x28\xb5\x2f\xfd")
}

/// An error says where, and what to do.
fn check_error(error: &Error) {
    let text = error.to_string();
    assert!(error.remedy().is_some(), "{text}");
    let behind = text.strip_prefix(NAME).and_then(|rest| rest.strip_prefix(':'));
    let behind = behind.unwrap_or_else(|| panic!("{text}"));
    match error.kind() {
        ErrorKind::Compressed { .. } | ErrorKind::Foreign { .. } | ErrorKind::Empty { .. } => {}
        _ => assert!(behind.starts_with(|c: char| c.is_ascii_digit()), "{text}"),
    }
    assert!(!text.chars().any(char::is_control), "{text:?}");
    assert!(text.chars().count() < 4_000, "{text}");
}

/// Each row is the bytes at its place, behind those of the row before.
fn check_places(bytes: &[u8], blocks: &[(String, Rows)]) {
    let mut end = 0;
    for (position, length, _) in blocks.iter().flat_map(|(_, rows)| rows) {
        let begin = usize::try_from(position.byte).unwrap();
        assert!(begin >= end, "rows follow one another");
        end = begin + usize::try_from(*length).unwrap();
        assert!(end <= bytes.len(), "a row ends at byte {end} of {}", bytes.len());
        assert_eq!(position.line, 1 + count_lines(&bytes[..begin]), "the line of byte {begin}");
    }
}

/// Reads a dump as pass one and pass two of a run do.
fn read(input: &mut Input, limits: Limits) -> Result<(Vec<(String, Rows)>, Contents)> {
    let mut scanner = Scanner::new(input, DumpId(0), &COLUMNS, limits)?;
    let mut blocks = Vec::new();
    while let Some(block) = scanner.block()? {
        COLUMNS.bind(block.table, &block.columns, block.oids, &scanner.place_at(block.statement))?;
        let rows = rows(&mut scanner, &block)?;
        blocks.push((block, rows));
    }
    let contents = scanner.finish()?;
    for (block, rows) in &blocks {
        let mut scanner = Scanner::resume(input, Arc::clone(block), &COLUMNS, limits)?;
        assert_eq!(&self::rows(&mut scanner, block)?, rows, "the second pass finds the same rows");
    }
    let told = |(block, rows): (Arc<Block>, Rows)| {
        let of = (block.table, &block.columns, block.oids, block.quoting, block.statement, block.data);
        (format!("{of:?}"), rows)
    };
    Ok((blocks.into_iter().map(told).collect(), contents))
}

/// The rows of the open block.
fn rows(scanner: &mut Scanner<'_>, block: &Block) -> Result<Rows> {
    let mut chunk = Chunk::default();
    let mut found = Vec::new();
    loop {
        match scanner.chunk(&mut chunk)? {
            Cut::End => return Ok(found),
            Cut::TooLong(origin) => found.push((origin.position, origin.length, Found::TooLong)),
            Cut::Rows => {
                let mut rows = block.rows(&chunk);
                let mut cut = 0;
                while let Some(row) = rows.next() {
                    cut += 1;
                    let (position, raw, what) = match row {
                        Ok(row) => {
                            let cells = (0..row.len()).map(|n| row.field(n).map(str::to_owned)).collect();
                            (row.position(), row.raw(), Found::Row(cells))
                        }
                        Err(bad) => match bad.fault {
                            RowFault::TooLong { .. } => (bad.position, bad.raw, Found::TooLong),
                            fault => (bad.position, bad.raw, Found::Bad(fault)),
                        },
                    };
                    found.push((position, block.origin(position, raw).length, what));
                }
                assert_eq!(cut, chunk.rows, "the scanner and the row reader cut the same rows");
            }
        }
    }
}
