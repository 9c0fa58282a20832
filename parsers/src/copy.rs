//! Rows of a COPY block in text format (PostgreSQL documentation, COPY, "Text Format").
//!
//! Every line feed of a block ends a row: the writers escape those inside values. NULL is the field `\N`, seen before
//! anything is unescaped. A carriage return before the line feed is damage from a transfer and falls away.

use crate::encoding::Encoding;
use crate::escape::{self, Dialect};
use crate::position::{Position, length};
use crate::row::{BadRow, Field, Row, RowFault};
use memchr::memchr;
use std::borrow::Cow;
use wide::u8x16;

/// What is common to all rows of a block.
#[derive(Clone, Copy, Debug)]
pub struct Format {
    /// The encoding of the bytes.
    pub encoding: Encoding,
    /// The fields a row must have.
    pub fields: usize,
    /// The longest row, in bytes.
    pub row_limit: u64,
}

/// Reads the rows of a chunk of whole lines.
pub struct Rows<'c> {
    chunk: &'c [u8],
    /// The chunk as text, where all of it is UTF-8.
    valid: Option<&'c str>,
    /// Whether any row of the chunk can hold U+0000.
    nul: bool,
    at: usize,
    position: Position,
    format: Format,
    fields: Vec<Field>,
    decoded: String,
    unescaped: String,
}

impl<'c> Rows<'c> {
    /// The rows of `chunk`, whose first byte stands at `position`.
    #[must_use]
    pub fn new(chunk: &'c [u8], position: Position, format: Format) -> Self {
        let valid = if format.encoding.is_utf8() { std::str::from_utf8(chunk).ok() } else { None };
        Self {
            chunk,
            valid,
            nul: memchr(0, chunk).is_some(),
            at: 0,
            position,
            format,
            fields: Vec::with_capacity(format.fields),
            decoded: String::new(),
            unescaped: String::new(),
        }
    }

    /// The next row; `None` at the end of the chunk.
    #[allow(
        clippy::should_implement_trait,
        reason = "the row borrows the reader's buffers, which Iterator cannot say"
    )]
    pub fn next(&mut self) -> Option<Result<Row<'_>, BadRow<'c>>> {
        let rest = self.chunk.get(self.at..).filter(|rest| !rest.is_empty())?;
        let ends = memchr(b'\n', rest);
        let line = rest.get(..ends.unwrap_or(rest.len())).unwrap_or_default();
        let (start, position) = (self.at, self.position);
        self.at += line.len() + usize::from(ends.is_some());
        self.position = Position { line: position.line + 1, byte: position.byte + length(line) + 1 };
        let raw = line.strip_suffix(b"\r").unwrap_or(line);
        Some(match self.split(start, raw) {
            Ok(decoded) => {
                let text = if decoded { self.decoded.as_str() } else { self.valid_line(start, raw) };
                Ok(Row { text, unescaped: &self.unescaped, fields: &self.fields, raw, position })
            }
            Err(fault) => Err(BadRow { position, raw, fault }),
        })
    }

    fn valid_line(&self, start: usize, raw: &[u8]) -> &'c str {
        self.valid.and_then(|text| text.get(start..start + raw.len())).unwrap_or_default()
    }

    /// Cuts a line into fields; says whether its text stands in the decoded buffer.
    fn split(&mut self, start: usize, raw: &'c [u8]) -> Result<bool, RowFault> {
        if length(raw) > self.format.row_limit {
            return Err(RowFault::TooLong { limit: self.format.row_limit });
        }
        if self.nul && memchr(0, raw).is_some() && self.format.encoding.decode(raw).is_some() {
            return Err(RowFault::Nul);
        }
        self.unescaped.clear();
        let decoded = self.valid.is_none();
        if decoded {
            let text = self.format.encoding.decode(raw).ok_or(RowFault::Encoding(self.format.encoding))?;
            self.decoded.clear();
            self.decoded.push_str(match &text {
                Cow::Borrowed(text) => text,
                Cow::Owned(text) => text,
            });
            fields_of(&self.decoded, self.format, &mut self.fields, &mut self.unescaped)?;
        } else {
            let line = self.valid_line(start, raw);
            fields_of(line, self.format, &mut self.fields, &mut self.unescaped)?;
        }
        Ok(decoded)
    }
}

fn fields_of(
    line: &str,
    format: Format,
    fields: &mut Vec<Field>,
    unescaped: &mut String,
) -> Result<(), RowFault> {
    fields.clear();
    let bytes = line.as_bytes();
    let mut start = 0;
    let mut escapes = false;
    let mut field = |start: usize, end: usize, escapes: bool| {
        if !escapes {
            fields.push(Field::Text { start, end });
        } else if bytes.get(start..end) == Some(b"\\N") {
            fields.push(Field::Null);
        } else {
            let from = unescaped.len();
            escape::unescape(
                line.get(start..end).unwrap_or_default(),
                Dialect::Copy,
                format.encoding,
                unescaped,
            )?;
            fields.push(Field::Unescaped { start: from, end: unescaped.len() });
        }
        Ok(())
    };
    each_mark(bytes, |at| {
        // A tab is never escaped by a backslash in front of it: the writers write `\t`; but `\<tab>` is read as a tab.
        if bytes.get(at) == Some(&b'\\') {
            escapes = true;
        } else if !escapes || !ends_in_open_escape(bytes.get(start..at).unwrap_or_default()) {
            field(start, at, escapes)?;
            start = at + 1;
            escapes = false;
        }
        Ok(())
    })?;
    field(start, bytes.len(), escapes)?;
    if fields.len() != format.fields {
        if is_copy_statement(line) {
            return Err(RowFault::LostEnd);
        }
        return Err(RowFault::FieldCount { expected: format.fields, found: fields.len() });
    }
    Ok(())
}

/// Whether a line is the head of a block, as the dump programs write it.
fn is_copy_statement(line: &str) -> bool {
    line.starts_with("COPY ") && line.ends_with(") FROM stdin;")
}

/// Calls `mark` with the place of each tab and backslash. Fields are short: 64 bytes at a time, with all the marks in them,
/// cost less than a search that starts anew behind each mark.
fn each_mark<E>(bytes: &[u8], mut mark: impl FnMut(usize) -> Result<(), E>) -> Result<(), E> {
    let marks = |bytes: [u8; 16]| {
        let bytes = u8x16::new(bytes);
        let found = bytes.simd_eq(u8x16::splat(b'\t')) | bytes.simd_eq(u8x16::splat(b'\\'));
        u64::from(found.to_bitmask())
    };
    let mut each = |start: usize, mut marks: u64| {
        while marks != 0 {
            mark(start + usize::try_from(marks.trailing_zeros()).unwrap_or(0))?;
            marks &= marks - 1;
        }
        Ok(())
    };
    let (blocks, rest) = bytes.as_chunks::<16>();
    let (fours, blocks) = blocks.as_chunks::<4>();
    let mut at = 0;
    for [a, b, c, d] in fours {
        each(at, marks(*a) | marks(*b) << 16 | marks(*c) << 32 | marks(*d) << 48)?;
        at += 64;
    }
    for block in blocks {
        each(at, marks(*block))?;
        at += 16;
    }
    let mut last = [0; 16];
    last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    each(at, marks(last))
}

/// Whether the text ends in a backslash that escapes what follows.
fn ends_in_open_escape(text: &[u8]) -> bool {
    text.iter().rev().take_while(|b| **b == b'\\').count() % 2 == 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Cells = Vec<Option<String>>;

    fn rows(chunk: &[u8], encoding: Encoding, fields: usize) -> Vec<Result<Cells, RowFault>> {
        let format = Format { encoding, fields, row_limit: 1 << 20 };
        let mut rows = Rows::new(chunk, Position::START, format);
        let mut out = Vec::new();
        while let Some(row) = rows.next() {
            out.push(
                row.map(|row| (0..row.len()).map(|i| row.field(i).map(str::to_owned)).collect())
                    .map_err(|bad| bad.fault),
            );
        }
        out
    }

    #[track_caller]
    fn check(line: &str, cells: &[Option<&str>]) {
        let expected: Cells = cells.iter().map(|c| c.map(str::to_owned)).collect();
        assert_eq!(
            rows(format!("{line}\n").as_bytes(), Encoding::Utf8, cells.len()),
            [Ok(expected)],
            "{line:?}"
        );
    }

    #[test]
    fn fields_are_split_at_tabs_and_unescaped() {
        check("a\tb", &[Some("a"), Some("b")]);
        check("\\N\t\t\\\\N", &[None, Some(""), Some("\\N")]);
        check(r"\b\f\n\r\t\v\\", &[Some("\u{8}\u{c}\n\r\t\u{b}\\")]);
        check(r"a\\tb", &[Some("a\\tb")]);
        check(r"\\.", &[Some("\\.")]);
        check(r"\a\q\'", &[Some("aq'")]);
        check(r"\101\60x\x41\x4g\xz", &[Some("A0xA\u{4}gxz")]);
        check(r"\303\251\xe5\xa4\x87", &[Some("é备")]);
        check(r"\\x00ff", &[Some("\\x00ff")]);
        check("a\\\tb", &[Some("a\tb")]);
        check("a\\\\\tb", &[Some("a\\"), Some("b")]);
        check("lone\\", &[Some("lone")]);
        check("cr\r", &[Some("cr")]);
        check("云硬盘\\t备份", &[Some("云硬盘\t备份")]);
    }

    #[test]
    fn the_backslash_inside_a_gbk_character_escapes_nothing() {
        assert_eq!(rows(b"\xd5\\\\\\N\t\\N\n", Encoding::Gbk, 2), [Ok(vec![Some("誠\\N".into()), None])]);
    }

    #[test]
    fn bad_rows_are_told_and_do_not_disturb_their_neighbours() {
        let found = rows(b"a\tb\nc\n\xff\td\n\\000\te\nf\0\tg\nh\ti\n\\377\tj\n", Encoding::Utf8, 2);
        assert_eq!(found[0], Ok(vec![Some("a".into()), Some("b".into())]));
        assert_eq!(found[1], Err(RowFault::FieldCount { expected: 2, found: 1 }));
        assert_eq!(found[2], Err(RowFault::Encoding(Encoding::Utf8)));
        assert_eq!(found[3], Err(RowFault::Nul));
        assert_eq!(found[4], Err(RowFault::Nul));
        assert_eq!(found[5], Ok(vec![Some("h".into()), Some("i".into())]));
        assert_eq!(found[6], Err(RowFault::Encoding(Encoding::Utf8)));
    }

    #[test]
    fn a_row_at_the_limit_passes_and_one_above_it_does_not() {
        let format = Format { encoding: Encoding::Utf8, fields: 1, row_limit: 3 };
        let mut rows = Rows::new(b"abc\nabcd\n", Position::START, format);
        assert!(rows.next().unwrap().is_ok());
        assert_eq!(rows.next().unwrap().unwrap_err().fault, RowFault::TooLong { limit: 3 });
        assert!(rows.next().is_none());
    }

    #[test]
    fn positions_count_lines_from_one_and_bytes_from_zero() {
        let start = Position { line: 7, byte: 100 };
        let mut rows = Rows::new(
            "é\nb\n".as_bytes(),
            start,
            Format { encoding: Encoding::Utf8, fields: 1, row_limit: 9 },
        );
        assert_eq!(rows.next().unwrap().unwrap().position(), start);
        assert_eq!(rows.next().unwrap().unwrap().position(), Position { line: 8, byte: 103 });
    }

    proptest! {
        #[test]
        fn what_is_escaped_reads_back(values in proptest::collection::vec("[^\\x00]{0,12}", 1..5)) {
            let mut line = Vec::new();
            for (i, value) in values.iter().enumerate() {
                if i > 0 {
                    line.push(b'\t');
                }
                escape::escape(value, &mut line);
            }
            line.push(b'\n');
            let cells: Cells = values.iter().cloned().map(Some).collect();
            prop_assert_eq!(rows(&line, Encoding::Utf8, values.len()), [Ok(cells)]);
        }

        #[test]
        fn any_bytes_give_rows_or_faults(bytes in proptest::collection::vec(any::<u8>(), 0..200), encoding in 0..6usize) {
            let encoding = [Encoding::Utf8, Encoding::SqlAscii, Encoding::Gbk, Encoding::Gb18030, Encoding::Big5, Encoding::Latin1][encoding];
            let lines = bytes.split_inclusive(|b| *b == b'\n').count();
            prop_assert_eq!(rows(&bytes, encoding, 3).len(), lines);
        }
    }
}
