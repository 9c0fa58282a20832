//! Rows of INSERT statements: `INSERT INTO t (…) VALUES (…), (…);`, one after the other with the same head.
//!
//! A value is a literal (number, boolean, NULL, `'…'`, `E'…'`, `N'…'`, `B'…'`, `X'…'`, `$$…$$`), perhaps with casts behind it,
//! which are applied. Anything else, and a cast whose result depends on more than its text, makes the row a bad one. DEFAULT is read as absent: what the default is, the dump's data does not say.

use crate::encoding::Encoding;
use crate::escape::{self, Dialect};
use crate::lexer::{self, Lexer, Quoting, Stop};
use crate::literal::{self, Kind};
use crate::position::{Position, length};
use crate::row::{BadRow, Field, Row, RowFault, shortened};
use memchr::memmem;

/// What comes next behind a row of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Between {
    /// Another row, whose parenthesis opens at this byte.
    Row(usize),
    /// Something else than a further row of the same table: the run ends at this byte.
    End(usize),
    /// More text is needed to tell.
    More,
    /// The statement goes on at this byte with something that is neither a row nor its end.
    Malformed(usize),
}

/// Looks behind a row (or behind the head of the first statement) for the next one; statements that begin with exactly
/// `head` belong to the same run.
#[must_use]
pub fn between(text: &[u8], ended: bool, head: &[u8], quoting: Quoting) -> Between {
    let mut at = 0;
    let mut in_statement = true;
    loop {
        let rest = text.get(at..).unwrap_or_default();
        match rest {
            [] if ended && in_statement => return Between::Malformed(at),
            [] if ended => return Between::End(at),
            [] => return Between::More,
            [byte, ..] if lexer::is_blank(*byte) => at += 1,
            _ if !in_statement && rest.starts_with(head) => {
                at += head.len();
                in_statement = true;
            }
            _ if !in_statement && !ended && head.starts_with(rest) => return Between::More,
            _ if !in_statement => return Between::End(at),
            [b',', ..] => at += 1,
            [b'-' | b'/', ..] => match lexer::blank(rest, ended) {
                Some(0) => return Between::Malformed(at),
                Some(n) => at += n,
                None => return Between::More,
            },
            [b'(', ..] => return Between::Row(at),
            [b';', ..] => {
                at += 1;
                in_statement = false;
            }
            [b'o' | b'O' | b'r' | b'R', ..] => {
                // ON CONFLICT … or RETURNING …, up to the statement's end.
                let mut lexer = Lexer::new(quoting);
                let mut clause = 0;
                loop {
                    match lexer.advance(rest.get(clause..).unwrap_or_default(), ended) {
                        (n, Some(Stop::Semicolon)) => {
                            at += clause + n;
                            in_statement = false;
                            break;
                        }
                        (n, Some(Stop::Close)) => clause += n,
                        (_, Some(Stop::Backslash | Stop::Opening)) => return Between::Malformed(at),
                        (_, None) if ended => return Between::Malformed(text.len()),
                        (_, None) => return Between::More,
                    }
                }
            }
            _ => return Between::Malformed(at),
        }
    }
}

/// What is common to all rows of a run.
#[derive(Clone, Copy, Debug)]
pub struct Format<'b> {
    /// Encoding and escapes of the literals.
    pub quoting: Quoting,
    /// The head that the run's statements share.
    pub head: &'b [u8],
    /// The values a row must have.
    pub fields: usize,
    /// The longest row, in bytes.
    pub row_limit: u64,
}

/// Reads the rows of a chunk that was cut between rows.
pub struct Rows<'c> {
    chunk: &'c [u8],
    at: usize,
    position: Position,
    format: Format<'c>,
    fields: Vec<Field>,
    text: String,
    unescaped: String,
}

impl<'c> Rows<'c> {
    /// The rows of `chunk`, whose first byte stands at `position`.
    #[must_use]
    pub fn new(chunk: &'c [u8], position: Position, format: Format<'c>) -> Self {
        let fields = Vec::with_capacity(format.fields);
        Self { chunk, at: 0, position, format, fields, text: String::new(), unescaped: String::new() }
    }

    /// The next row; `None` at the end of the chunk.
    #[allow(
        clippy::should_implement_trait,
        reason = "the row borrows the reader's buffers, which Iterator cannot say"
    )]
    pub fn next(&mut self) -> Option<Result<Row<'_>, BadRow<'c>>> {
        let rest = self.chunk.get(self.at..).filter(|rest| !rest.is_empty())?;
        let Between::Row(start) = between(rest, true, self.format.head, self.format.quoting) else {
            return None;
        };
        let row = rest.get(start..)?;
        let mut lexer = Lexer::new(self.format.quoting);
        let mut end = 0;
        loop {
            let (read, stop) = lexer.advance(row.get(end..).unwrap_or_default(), true);
            end += read;
            if matches!(stop, Some(Stop::Close) | None) {
                break;
            }
        }
        let raw = row.get(..end).unwrap_or_default();
        let position = self.position.after(rest.get(..start).unwrap_or_default());
        self.position = position.after(raw);
        self.at += start + end;
        Some(match self.split(raw) {
            Ok(()) => {
                Ok(Row { text: &self.text, unescaped: &self.unescaped, fields: &self.fields, raw, position })
            }
            Err(fault) => Err(BadRow { position, raw, fault }),
        })
    }

    fn split(&mut self, raw: &[u8]) -> Result<(), RowFault> {
        if length(raw) > self.format.row_limit {
            return Err(RowFault::TooLong { limit: self.format.row_limit });
        }
        let encoding = self.format.quoting.encoding;
        let text = encoding.decode(raw).ok_or(RowFault::Encoding(encoding))?;
        self.text.clear();
        self.text.push_str(&text);
        self.fields.clear();
        self.unescaped.clear();
        if memchr::memchr(0, self.text.as_bytes()).is_some() {
            return Err(RowFault::Nul);
        }
        let mut cursor = Cursor {
            text: &self.text,
            at: 1,
            began: 1,
            number: 0,
            escapes: self.format.quoting.backslash_escapes,
            encoding,
        };
        while !cursor.closed() {
            let (field, kind) = cursor.value(&mut self.unescaped)?;
            let field = cursor.casts(field, kind, &mut self.unescaped)?;
            self.fields.push(field);
            cursor.behind_value()?;
        }
        if self.fields.len() != self.format.fields {
            return Err(RowFault::FieldCount { expected: self.format.fields, found: self.fields.len() });
        }
        Ok(())
    }
}

/// Walks over the values between the parentheses of one row.
struct Cursor<'t> {
    text: &'t str,
    at: usize,
    /// Where the value that is being read begins.
    began: usize,
    /// Which value of the row it is, counted from 1.
    number: usize,
    escapes: bool,
    encoding: Encoding,
}

impl<'t> Cursor<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn skip_blank(&mut self) {
        self.at += lexer::blank(self.rest().as_bytes(), true).unwrap_or(0);
    }

    /// Whether the closing parenthesis, or the end of a damaged row, is reached.
    fn closed(&mut self) -> bool {
        self.skip_blank();
        self.rest().starts_with(')') || self.rest().is_empty()
    }

    fn fault(&self) -> RowFault {
        let found = shortened(self.text.get(self.began..).unwrap_or_default());
        RowFault::NoLiteral { number: self.number, found }
    }

    /// Reads a value without the casts behind it.
    fn value(&mut self, unescaped: &mut String) -> Result<(Field, Kind), RowFault> {
        self.skip_blank();
        (self.began, self.number) = (self.at, self.number + 1);
        let field = match self.rest().as_bytes() {
            [b'\'', ..] => self.literal(0, self.escapes, unescaped)?,
            [b'e' | b'E', b'\'', ..] => self.literal(1, true, unescaped)?,
            [b'n' | b'N', b'\'', ..] => {
                // A national literal is of type character: blanks at its end do not count.
                let field = self.literal(1, self.escapes, unescaped)?;
                let text = field.text(self.text, unescaped).trim_end_matches(' ').to_owned();
                keep(&text, unescaped)
            }
            [prefix @ (b'b' | b'B' | b'x' | b'X'), b'\'', ..] => {
                let field = self.literal(1, false, unescaped)?;
                let bits =
                    literal::bits(field.text(self.text, unescaped), prefix.eq_ignore_ascii_case(&b'x'));
                return Ok((keep(&bits.ok_or_else(|| self.fault())?, unescaped), Kind::Bits));
            }
            [b'$', ..] => self.dollar_quoted()?,
            _ => return self.word(unescaped),
        };
        Ok((field, Kind::Text))
    }

    /// A literal whose quote stands `prefix` bytes ahead.
    fn literal(&mut self, prefix: usize, escapes: bool, unescaped: &mut String) -> Result<Field, RowFault> {
        let start = self.at + prefix + 1;
        let body = self.text.get(start..).unwrap_or_default().as_bytes();
        let (mut end, mut plain) = (0, true);
        loop {
            match (body.get(end), body.get(end + 1)) {
                (Some(b'\''), Some(b'\'')) => {
                    plain = false;
                    end += 2;
                }
                (Some(b'\''), _) => break,
                (Some(b'\\'), _) if escapes => {
                    plain = false;
                    end += 2;
                }
                (Some(_), _) => {
                    let rest = body.get(end..).unwrap_or_default();
                    let next = if escapes {
                        memchr::memchr2(b'\'', b'\\', rest)
                    } else {
                        memchr::memchr(b'\'', rest)
                    };
                    end += next.ok_or_else(|| self.fault())?;
                }
                (None, _) => return Err(self.fault()),
            }
        }
        self.at = start + end + 1;
        if plain {
            return Ok(Field::Text { start, end: start + end });
        }
        let from = unescaped.len();
        let text = self.text.get(start..start + end).unwrap_or_default();
        if escapes {
            escape::unescape(text, Dialect::Literal, self.encoding, unescaped)?;
        } else {
            let mut parts = text.split("''");
            unescaped.push_str(parts.next().unwrap_or_default());
            for part in parts {
                unescaped.push('\'');
                unescaped.push_str(part);
            }
        }
        Ok(Field::Unescaped { start: from, end: unescaped.len() })
    }

    fn dollar_quoted(&mut self) -> Result<Field, RowFault> {
        let rest = self.rest();
        let tag = rest.get(1..).and_then(|tail| tail.find('$')).and_then(|n| rest.get(..n + 2));
        let tag = tag.ok_or_else(|| self.fault())?;
        let start = self.at + tag.len();
        let body = self.text.get(start..).unwrap_or_default();
        let n = memmem::find(body.as_bytes(), tag.as_bytes()).ok_or_else(|| self.fault())?;
        self.at = start + n + tag.len();
        Ok(Field::Text { start, end: start + n })
    }

    /// A number, a boolean, NULL or DEFAULT.
    fn word(&mut self, unescaped: &mut String) -> Result<(Field, Kind), RowFault> {
        let rest = self.rest();
        let length =
            rest.bytes().take_while(|b| lexer::is_word(*b) || matches!(b, b'.' | b'+' | b'-' | b'$')).count();
        let word = rest.get(..length).unwrap_or_default();
        let word = word.split("--").next().unwrap_or_default();
        let as_written = Field::Text { start: self.at, end: self.at + word.len() };
        let found = match word.to_ascii_lowercase().as_str() {
            "null" => (Field::Null, Kind::Null),
            "default" => (Field::Null, Kind::Default),
            "true" => (keep("true", unescaped), Kind::Boolean),
            "false" => (keep("false", unescaped), Kind::Boolean),
            _ => {
                let number = literal::number(word).ok_or_else(|| self.fault())?;
                let field = if number == word { as_written } else { keep(&number, unescaped) };
                let signed = word.starts_with(['+', '-']);
                (field, Kind::Number { signed, int4: word.parse::<i32>().is_ok() })
            }
        };
        self.at += word.len();
        Ok(found)
    }

    /// Applies the casts behind a value.
    fn casts(&mut self, mut field: Field, mut kind: Kind, unescaped: &mut String) -> Result<Field, RowFault> {
        self.skip_blank();
        while let Some(rest) = self.rest().strip_prefix("::") {
            let fault = || RowFault::Cast { number: self.number, found: shortened(self.rest()) };
            let (length, to) = literal::type_name(rest).ok_or_else(fault)?;
            match kind {
                Kind::Null => {}
                Kind::Default => return Err(self.fault()),
                _ => {
                    let text = field.text(self.text, unescaped);
                    let (text, became) = literal::cast(text, kind, &to).ok_or_else(fault)?;
                    (field, kind) = (keep(&text, unescaped), became);
                }
            }
            self.at += 2 + length;
            self.skip_blank();
        }
        Ok(field)
    }

    /// Passes the comma behind a value.
    fn behind_value(&mut self) -> Result<(), RowFault> {
        match self.rest().as_bytes().first() {
            Some(b',') => {
                self.at += 1;
                Ok(())
            }
            Some(b')') => Ok(()),
            _ => Err(self.fault()),
        }
    }
}

/// Keeps a text that does not stand in the row as it is.
fn keep(text: &str, unescaped: &mut String) -> Field {
    let start = unescaped.len();
    unescaped.push_str(text);
    Field::Unescaped { start, end: unescaped.len() }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Cells = Vec<Option<String>>;

    fn rows(chunk: &[u8], quoting: Quoting, fields: usize) -> Vec<Result<Cells, RowFault>> {
        let format = Format { quoting, head: b"INSERT INTO t VALUES", fields, row_limit: 1 << 20 };
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
    fn check_quoting(values: &str, quoting: Quoting, cells: &[Option<&str>]) {
        let expected: Cells = cells.iter().map(|c| c.map(str::to_owned)).collect();
        assert_eq!(
            rows(format!(" ({values});").as_bytes(), quoting, cells.len()),
            [Ok(expected)],
            "{values:?}"
        );
    }

    #[track_caller]
    fn check(values: &str, cells: &[Option<&str>]) {
        check_quoting(values, Quoting::default(), cells);
    }

    #[test]
    fn literals_of_every_form() {
        check(
            "1, -2.5e3, .5, 'a', NULL, true, DEFAULT",
            &[Some("1"), Some("-2500"), Some("0.5"), Some("a"), None, Some("true"), None],
        );
        check(
            "'it''s', '', 'a\nb', '\\N', '\\'",
            &[Some("it's"), Some(""), Some("a\nb"), Some("\\N"), Some("\\")],
        );
        check(
            r"E'a\'b\n\u5907\\', e'\303\251\v', E'\U0001F600'",
            &[Some("a'b\n备\\"), Some("év"), Some("😀")],
        );
        check(r"E'\ud83d\ude00\U0000d83d\ude00'", &[Some("😀😀")]);
        check("B'101', X'1f', N'x '", &[Some("101"), Some("00011111"), Some("x")]);
        check("$$it's$$, $x$a$$b$x$", &[Some("it's"), Some("a$$b")]);
        check(
            "'1'::integer, '2018-01-01 00:00:00'::timestamp(3) without time zone, 'x'::pg_catalog.\"char\"::text, NULL::int[]",
            &[Some("1"), Some("2018-01-01 00:00:00"), Some("x"), None],
        );
        check("1 -- one\n, /* two */ 2", &[Some("1"), Some("2")]);
        check("'云硬盘'", &[Some("云硬盘")]);
    }

    #[test]
    fn a_backslash_escapes_where_the_session_says_so() {
        let off = Quoting { backslash_escapes: true, ..Quoting::default() };
        check_quoting(r"'a\\b', 'it\'s', 'x'", off, &[Some("a\\b"), Some("it's"), Some("x")]);
    }

    #[test]
    fn the_backslash_inside_a_gbk_character_escapes_nothing() {
        let off = Quoting { backslash_escapes: true, encoding: Encoding::Gbk };
        assert_eq!(
            rows(b"('\xd5\x5c', 'a\\\\');", off, 2),
            [Ok(vec![Some("誠".into()), Some("a\\".into())])]
        );
    }

    #[test]
    fn rows_of_many_statements_with_the_same_head_follow_one_another() {
        let text = b" (1),\n\t(2) ON CONFLICT (a) DO NOTHING;\nINSERT INTO t VALUES (3);\nINSERT INTO t VALUES ('(4);');\n";
        let found: Vec<_> =
            rows(text, Quoting::default(), 1).into_iter().map(|r| r.unwrap()[0].clone().unwrap()).collect();
        assert_eq!(found, ["1", "2", "3", "(4);"]);
    }

    #[test]
    fn what_is_no_literal_or_too_few_is_told() {
        let fault = |text: &str| rows(text.as_bytes(), Quoting::default(), 2)[0].clone().unwrap_err();
        assert_eq!(fault("(1, now());"), RowFault::NoLiteral { number: 2, found: "now())".into() });
        assert_eq!(fault("(1 2, 3);"), RowFault::NoLiteral { number: 1, found: "1 2, 3)".into() });
        let cast = RowFault::Cast { number: 1, found: "::int[], 3)".into() };
        assert_eq!(fault("('{}'::int[], 3);"), cast);
        assert_eq!(fault("(1);"), RowFault::FieldCount { expected: 2, found: 1 });
        assert_eq!(fault("(1, E'\\000');"), RowFault::Nul);
        assert_eq!(fault("(1, E'\\377');"), RowFault::Encoding(Encoding::Utf8));
        assert_eq!(fault("(1, E'\\ud83dx');"), RowFault::Encoding(Encoding::Utf8));
    }

    #[test]
    fn behind_a_row_stands_another_or_the_end() {
        let next =
            |text: &str, ended| between(text.as_bytes(), ended, b"INSERT INTO t VALUES", Quoting::default());
        assert_eq!(next(" (1);", false), Between::Row(1));
        assert_eq!(next(",\n\t(1);", false), Between::Row(3));
        assert_eq!(next(";\n\nINSERT INTO t VALUES (1);", false), Between::Row(24));
        assert_eq!(next(";\nINSERT INTO t VAL", false), Between::More);
        assert_eq!(next(";\nINSERT INTO u VALUES (1);", false), Between::End(2));
        assert_eq!(next(";\n", true), Between::End(2));
        assert_eq!(next(";\n", false), Between::More);
        assert_eq!(next("", true), Between::Malformed(0));
        assert_eq!(next(" ON CONFLICT (a", true), Between::Malformed(15));
        assert_eq!(next(" 7", false), Between::Malformed(1));
    }

    #[test]
    fn positions_of_rows_count_lines_inside_literals() {
        let format = Format { quoting: Quoting::default(), head: b"I", fields: 1, row_limit: 99 };
        let mut rows = Rows::new(b" ('a\nb'),\n('c');", Position::START, format);
        assert_eq!(rows.next().unwrap().unwrap().position(), Position { line: 1, byte: 1 });
        let second = rows.next().unwrap().unwrap();
        assert_eq!((second.position(), second.raw()), (Position { line: 3, byte: 10 }, &b"('c')"[..]));
    }
}
