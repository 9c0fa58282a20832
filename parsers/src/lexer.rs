//! Finds where SQL text ends: a statement at its `;`, a row of values at its `)`, whatever is quoted in between.
//!
//! The lexer keeps its state between calls, so a statement of any length passes through a buffer of any size. It knows
//! PostgreSQL's quoting (documentation, "Lexical Structure"): `'…'` with and without backslash escapes, `E'…'`, `"…"`,
//! `$tag$…$tag$`, `--` and nested `/* */` comments.

use crate::encoding::Encoding;
use crate::title;
use memchr::{memchr, memchr2, memmem};

/// How plain `'…'` literals are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Quoting {
    /// The encoding: where the second byte of a character can be a backslash, pairs are skipped.
    pub encoding: Encoding,
    /// `standard_conforming_strings = off`: a backslash escapes in plain literals too.
    pub backslash_escapes: bool,
}

/// Something the lexer stops behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// A `;` outside quotes and parentheses.
    Semicolon,
    /// The `)` that closes the outermost parenthesis.
    Close,
    /// A backslash outside quotes, which SQL does not have.
    Backslash,
    /// The first dash of a comment that opens a dump: what began before it was cut off.
    Opening,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Plain,
    Literal { escapes: bool },
    Identifier,
    LineComment,
    BlockComment { depth: u32 },
    Dollar { tag: Vec<u8> },
}

/// What the characters before this one make of a quote or a dollar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    /// No word is open.
    None,
    /// A word of the single letter `e`: a quote now begins an escape literal.
    Escape,
    /// Some other word: a dollar now belongs to it.
    Open,
}

/// A resumable lexer; see the module.
#[derive(Clone, Debug)]
pub struct Lexer {
    quoting: Quoting,
    state: State,
    word: Word,
    depth: u32,
}

/// PostgreSQL's identifiers, and so dollar tags, have at most 63 bytes.
const TAG_BYTES_MAX: usize = 64;

impl Lexer {
    /// A lexer at the start of a statement or of a row of values.
    #[must_use]
    pub fn new(quoting: Quoting) -> Self {
        Self { quoting, state: State::Plain, word: Word::None, depth: 0 }
    }

    /// What is open at this point, in words for a message.
    #[must_use]
    pub fn open(&self) -> &'static str {
        match self.state {
            State::Plain if self.depth > 0 => "parenthesis",
            State::Plain | State::LineComment => "statement",
            State::Literal { .. } => "quoted text",
            State::Identifier => "quoted name",
            State::BlockComment { .. } => "comment",
            State::Dollar { .. } => "dollar-quoted text",
        }
    }

    /// Reads on in `text`, which follows what was read before; `ended` says that nothing comes after it.
    ///
    /// Answers how many bytes were read, and what the last of them was. Without a stop, the bytes left over (never more
    /// than a dollar tag or a title) can only be judged together with what follows.
    pub fn advance(&mut self, text: &[u8], ended: bool) -> (usize, Option<Stop>) {
        let mut at = 0;
        loop {
            let rest = text.get(at..).unwrap_or_default();
            if rest.is_empty() {
                return (at, None);
            }
            let (read, stop) = match &mut self.state {
                State::Plain => self.plain(rest, ended),
                State::Literal { escapes } => {
                    let escapes = *escapes;
                    (self.literal(rest, escapes, ended), None)
                }
                State::Identifier => (self.identifier(rest), None),
                State::LineComment => match memchr(b'\n', rest) {
                    Some(n) => {
                        self.state = State::Plain;
                        (n + 1, None)
                    }
                    None => (rest.len(), None),
                },
                State::BlockComment { .. } => (self.block_comment(rest, ended), None),
                State::Dollar { tag } => match memmem::find(rest, tag) {
                    Some(n) => {
                        let read = n + tag.len();
                        self.state = State::Plain;
                        (read, None)
                    }
                    None if ended => (rest.len(), None),
                    None => (rest.len().saturating_sub(tag.len() - 1), None),
                },
            };
            at += read;
            if stop.is_some() || read == 0 {
                return (at, stop);
            }
        }
    }

    /// A lexer inside a block comment, behind its opening.
    #[must_use]
    pub fn in_comment() -> Self {
        let state = State::BlockComment { depth: 1 };
        Self { state, ..Self::new(Quoting::default()) }
    }

    /// Reads on in a block comment; answers the bytes read, and whether the comment has ended.
    pub fn comment(&mut self, text: &[u8], ended: bool) -> (usize, bool) {
        let read = self.block_comment(text, ended);
        (read, self.state == State::Plain)
    }

    /// Reads outside quotes up to the first thing that opens a quote, ends something, or needs more text to be judged.
    fn plain(&mut self, text: &[u8], ended: bool) -> (usize, Option<Stop>) {
        for (at, &byte) in text.iter().enumerate() {
            let rest = text.get(at + 1..).unwrap_or_default();
            let undecided = rest.is_empty() && !ended;
            let word = std::mem::replace(&mut self.word, Word::None);
            match byte {
                b'\'' => {
                    let escapes = self.quoting.backslash_escapes || word == Word::Escape;
                    self.state = State::Literal { escapes };
                    return (at + 1, None);
                }
                b'"' => {
                    self.state = State::Identifier;
                    return (at + 1, None);
                }
                b'-' | b'/' | b'$' if undecided => {
                    self.word = word;
                    return (at, None);
                }
                b'-' if rest.first() == Some(&b'-') => {
                    let comment = text.get(at..).unwrap_or_default();
                    let whole = ended || comment.len() >= title::BYTES_MAX || comment.contains(&b'\n');
                    if !whole {
                        self.word = word;
                        return (at, None);
                    }
                    if title::is_opening(comment) {
                        return (at + 1, Some(Stop::Opening));
                    }
                    self.state = State::LineComment;
                    return (at + 2, None);
                }
                b'/' if rest.first() == Some(&b'*') => {
                    self.state = State::BlockComment { depth: 1 };
                    return (at + 2, None);
                }
                b'$' if word == Word::None => match opening_tag(text.get(at..).unwrap_or_default(), ended) {
                    Tag::Is(tag) => {
                        let read = at + tag.len();
                        self.state = State::Dollar { tag };
                        return (read, None);
                    }
                    Tag::Undecided => return (at, None),
                    Tag::IsNot => self.word = Word::Open,
                },
                b'(' => self.depth = self.depth.saturating_add(1),
                b')' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        return (at + 1, Some(Stop::Close));
                    }
                }
                b';' if self.depth == 0 => return (at + 1, Some(Stop::Semicolon)),
                b'\\' => return (at + 1, Some(Stop::Backslash)),
                b'e' | b'E' if word == Word::None => self.word = Word::Escape,
                _ if is_word(byte) => self.word = Word::Open,
                _ => {}
            }
        }
        (text.len(), None)
    }

    fn literal(&mut self, text: &[u8], escapes: bool, ended: bool) -> usize {
        let pairs = escapes && self.quoting.encoding.hides_ascii();
        let mut at = 0;
        loop {
            let rest = text.get(at..).unwrap_or_default();
            let found = if pairs {
                rest.iter().position(|b| matches!(b, b'\'' | b'\\') || *b >= 0x80)
            } else if escapes {
                memchr2(b'\'', b'\\', rest)
            } else {
                memchr(b'\'', rest)
            };
            let Some(n) = found else { return text.len() };
            at += n;
            let next = text.get(at + 1);
            match (text.get(at), next) {
                // A quote at the end of the buffer may be the first of two.
                (Some(b'\''), None) if !ended => return at,
                (Some(b'\''), Some(b'\'')) => at += 2,
                (Some(b'\''), _) => {
                    self.state = State::Plain;
                    return at + 1;
                }
                // No character has a quote as its second byte: the first one is damage, and the literal ends here. And a
                // backslash in front of a character of two bytes is followed by both.
                (Some(0x80..), Some(b'\'')) | (Some(b'\\'), Some(0x80..)) => at += 1,
                // A backslash, or the first byte of a character, takes the next byte with it.
                (_, Some(_)) => at += 2,
                (_, None) if ended => return text.len(),
                (_, None) => return at,
            }
        }
    }

    fn identifier(&mut self, text: &[u8]) -> usize {
        // Two quotes in a row close and open again, which comes to the same.
        match memchr(b'"', text) {
            Some(n) => {
                self.state = State::Plain;
                self.word = Word::Open;
                n + 1
            }
            None => text.len(),
        }
    }

    fn block_comment(&mut self, text: &[u8], ended: bool) -> usize {
        let State::BlockComment { depth } = &mut self.state else { return 0 };
        let mut at = 0;
        while let Some(n) = memchr2(b'*', b'/', text.get(at..).unwrap_or_default()) {
            at += n;
            match (text.get(at), text.get(at + 1)) {
                (_, None) if !ended => return at,
                (Some(b'*'), Some(b'/')) => {
                    *depth -= 1;
                    at += 2;
                    if *depth == 0 {
                        self.state = State::Plain;
                        return at;
                    }
                }
                (Some(b'/'), Some(b'*')) => {
                    *depth = depth.saturating_add(1);
                    at += 2;
                }
                _ => at += 1,
            }
        }
        text.len()
    }
}

/// The dollar tag at the start of `text`, the whole of which is there.
pub(crate) fn dollar_tag(text: &[u8]) -> Option<&[u8]> {
    match opening_tag(text, true) {
        Tag::Is(tag) => text.get(..tag.len()),
        Tag::IsNot | Tag::Undecided => None,
    }
}

enum Tag {
    Is(Vec<u8>),
    IsNot,
    Undecided,
}

/// The dollar tag at the start of `text`, which begins with `$`.
fn opening_tag(text: &[u8], ended: bool) -> Tag {
    let body = text.get(1..).unwrap_or_default();
    let len = body.iter().take_while(|b| is_word(**b)).count();
    match body.get(len) {
        _ if body.first().is_some_and(u8::is_ascii_digit) || len > TAG_BYTES_MAX => Tag::IsNot,
        Some(b'$') => Tag::Is(text.get(..len + 2).unwrap_or_default().to_vec()),
        None if !ended => Tag::Undecided,
        _ => Tag::IsNot,
    }
}

/// Whether a byte can stand in an unquoted name, the dollar sign apart.
pub(crate) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// Whether a byte is white space in SQL.
pub(crate) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

/// The length of the white space and comments at the start of `text`; `None` where more text is needed to tell.
#[must_use]
pub fn blank(text: &[u8], ended: bool) -> Option<usize> {
    let mut at = 0;
    loop {
        let rest = text.get(at..).unwrap_or_default();
        match rest {
            [] | [b'-' | b'/'] if !ended => return None,
            [byte, ..] if is_blank(*byte) => at += 1,
            [b'-', b'-', ..] => match memchr(b'\n', rest) {
                Some(n) => at += n + 1,
                None if ended => return Some(text.len()),
                None => return None,
            },
            [b'/', b'*', ..] => match Lexer::in_comment().comment(rest.get(2..).unwrap_or_default(), ended) {
                (read, true) => at += 2 + read,
                _ if ended => return Some(at),
                _ => return None,
            },
            _ => return Some(at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads `text` in pieces of `step` bytes; answers each stop with the bytes read up to it.
    fn stops(text: &[u8], quoting: Quoting, step: usize) -> Vec<(usize, Stop)> {
        let mut lexer = Lexer::new(quoting);
        let (mut at, mut seen, mut out) = (0, step.min(text.len()), Vec::new());
        loop {
            let (read, stop) = lexer.advance(&text[at..seen], seen == text.len());
            at += read;
            match stop {
                Some(stop) => out.push((at, stop)),
                None if seen == text.len() => return out,
                None => seen = (seen + step).min(text.len()),
            }
        }
    }

    #[track_caller]
    fn check_quoting(text: &[u8], quoting: Quoting, ends: &[usize]) {
        for step in [1, 2, 3, 7, text.len()] {
            let found: Vec<usize> = stops(text, quoting, step)
                .into_iter()
                .filter(|(_, stop)| *stop == Stop::Semicolon)
                .map(|(at, _)| at)
                .collect();
            assert_eq!(found, ends, "{} by {step}", text.escape_ascii());
        }
    }

    #[track_caller]
    fn check(text: &str, ends: &[usize]) {
        check_quoting(text.as_bytes(), Quoting::default(), ends);
    }

    #[test]
    fn a_statement_ends_at_a_semicolon_outside_quotes() {
        check("SELECT 1; SELECT 2;", &[9, 19]);
        check("SELECT 'a;b''c;';", &[17]);
        check("SELECT \"a;\"\"b\";", &[15]);
        check("SELECT $$a;b$$;", &[15]);
        check("SELECT $x$a;$$;$y$;$x$;", &[23]);
        check("SELECT a$b$; x$b$;", &[12, 18]);
        check("SELECT $1; ", &[10]);
        check("SELECT 1 -- a;b\n;", &[17]);
        check("SELECT 1 /* ; /* ; */ ; */;", &[27]);
        check("SELECT 1 - 2 / 3;", &[17]);
        check("CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2);", &[56]);
    }

    #[test]
    fn the_opening_of_a_dump_inside_a_statement_is_a_stop_of_its_own() {
        let text = b"SELECT '\n-- PostgreSQL database dump\n' -- a\n-- PostgreSQL database dump complete\n, 1\n-- openGauss database dump\n;";
        let at = memmem::find(text, b"-- openGauss").unwrap() + 1;
        for step in [1, 2, 3, 7, text.len()] {
            assert_eq!(stops(text, Quoting::default(), step)[0], (at, Stop::Opening), "by {step}");
        }
    }

    #[test]
    fn a_backslash_escapes_only_where_the_session_or_the_literal_says_so() {
        check(r"SELECT 'a\'; SELECT 'b';", &[12, 24]);
        check(r"SELECT E'a\';b';", &[16]);
        check(r"SELECT e'a\\';", &[14]);
        check(r"SELECT TYPE'a\'; SELECT 'b';", &[16, 28]);
        let off = Quoting { backslash_escapes: true, ..Quoting::default() };
        check_quoting(br"SELECT 'a\';b';", off, &[15]);
        check_quoting(br"SELECT 'a\\';", off, &[13]);
    }

    #[test]
    fn the_second_byte_of_a_gbk_character_is_no_backslash() {
        let off = Quoting { backslash_escapes: true, encoding: Encoding::Gbk };
        check_quoting(b"SELECT '\xd5\x5c';", off, &[12]);
        check_quoting(b"SELECT '\xd5\x5c\\';b';", off, &[16]);
        check_quoting(b"SELECT '\\\xd5\x5c';", off, &[13]);
    }

    #[test]
    fn half_a_character_does_not_hide_the_quote_behind_it() {
        let off = Quoting { backslash_escapes: true, encoding: Encoding::Gbk };
        check_quoting(b"SELECT '\xd5', 'b';", off, &[16]);
    }

    #[test]
    fn a_row_of_values_ends_at_its_parenthesis() {
        for step in [1, 2, 5, 100] {
            let text = b"('a)', f(1), 2), (3);";
            let found = stops(text, Quoting::default(), step);
            assert_eq!(found, [(15, Stop::Close), (20, Stop::Close), (21, Stop::Semicolon)]);
        }
    }

    #[test]
    fn a_backslash_outside_quotes_is_told() {
        assert_eq!(stops(b"a\t\\N\n", Quoting::default(), 1), [(3, Stop::Backslash)]);
    }

    #[test]
    fn what_is_open_has_a_name() {
        for (text, open) in [
            ("SELECT 'a", "quoted text"),
            ("SELECT \"a", "quoted name"),
            ("SELECT (a", "parenthesis"),
            ("SELECT /* a", "comment"),
            ("SELECT $$ a", "dollar-quoted text"),
            ("SELECT a", "statement"),
        ] {
            let mut lexer = Lexer::new(Quoting::default());
            lexer.advance(text.as_bytes(), true);
            assert_eq!(lexer.open(), open);
        }
    }

    #[test]
    fn blanks_are_white_space_and_comments() {
        for (text, ended, length) in [
            ("  \n\tx", false, Some(4)),
            ("-- a\n/* b /* c */ */ x", false, Some(21)),
            ("-- a", false, None),
            ("-- a", true, Some(4)),
            ("-", false, None),
            ("-", true, Some(0)),
            ("/* a", false, None),
            ("", true, Some(0)),
            ("", false, None),
        ] {
            assert_eq!(blank(text.as_bytes(), ended), length, "{text:?}");
        }
    }
}
