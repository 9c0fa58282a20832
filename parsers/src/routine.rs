//! Where the body of a function, procedure or package ends, which no semicolon says.
//!
//! pg_dump quotes bodies, or writes them as `BEGIN ATOMIC … END;` (PostgreSQL 14 and later). gs_dump writes the bodies of
//! procedures and packages bare, and a line `/` behind them (openGauss, `src/bin/pg_dump/pg_dump.cpp`, `dumpFunc`,
//! `DumpPkgBody`). A statement inside a bare body must never be taken for one of the dump's own: it may be an INSERT.

use crate::lexer;
use memchr::{memchr, memmem};

/// What follows the first semicolon of a CREATE statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// Nothing: the statement has ended.
    None,
    /// Statements up to one that is `END;`.
    Atomic,
    /// Anything up to a line `/`.
    Bare,
}

/// What follows `text`, a CREATE statement up to its first semicolon outside quotes and parentheses.
#[must_use]
pub fn body(text: &[u8]) -> Body {
    let mut words = Words { text };
    let is = |word: Option<&[u8]>, names: &[&str]| {
        word.is_some_and(|word| names.iter().any(|name| word.eq_ignore_ascii_case(name.as_bytes())))
    };
    // CREATE [OR REPLACE] [DEFINER = name] [CONSTRAINT] kind
    let kind = loop {
        let word = words.next();
        if is(word, &["function", "procedure", "package", "trigger"]) {
            break word.unwrap_or_default();
        }
        if is(word, &["definer"]) {
            words.pass_name();
        } else if !is(word, &["create", "or", "replace", "constraint"]) {
            return Body::None;
        }
    };
    if kind.eq_ignore_ascii_case(b"package") {
        return Body::Bare;
    }
    let trigger = kind.eq_ignore_ascii_case(b"trigger");
    loop {
        let word = words.next();
        if word.is_none() {
            return Body::None;
        }
        if is(word, &["begin"]) {
            return match is(words.next(), &["atomic"]) {
                true if is_end(words.text) => Body::None,
                true => Body::Atomic,
                false => Body::Bare,
            };
        }
        if !trigger && is(word, &["as", "is"]) {
            return if words.quote_follows() { Body::None } else { Body::Bare };
        }
    }
}

/// Whether `text`, up to its semicolon, is the statement `END;`.
#[must_use]
pub fn is_end(text: &[u8]) -> bool {
    let mut words = Words { text };
    words.next().is_some_and(|word| word.eq_ignore_ascii_case(b"end")) && words.next().is_none()
}

/// The bare words of a statement: outside quotes, comments and parentheses.
struct Words<'t> {
    text: &'t [u8],
}

impl<'t> Words<'t> {
    fn quote_follows(&self) -> bool {
        let at = lexer::blank(self.text, true).unwrap_or(0);
        matches!(self.text.get(at..), Some([b'\'' | b'$', ..] | [b'e' | b'E', b'\'', ..]))
    }

    /// Drops `= name`, the name bare or quoted.
    fn pass_name(&mut self) {
        let blank = |text| lexer::blank(text, true).unwrap_or(0);
        self.take(blank(self.text));
        self.take(usize::from(self.text.first() == Some(&b'=')));
        self.take(blank(self.text));
        if self.text.first() == Some(&b'"') {
            self.pass(1, b"\"");
        } else {
            self.next();
        }
    }

    /// Drops `n` bytes; answers them.
    fn take(&mut self, n: usize) -> &'t [u8] {
        let (taken, rest) = self.text.split_at(n.min(self.text.len()));
        self.text = rest;
        taken
    }

    /// Drops the text up to and with the next `mark` from `start` on.
    fn pass(&mut self, start: usize, mark: &[u8]) {
        let found = memmem::find(self.text.get(start..).unwrap_or_default(), mark);
        self.take(found.map_or(self.text.len(), |n| start + n + mark.len()));
    }

    /// Drops a literal that begins here; two quotes in a row close and open again, which comes to the same.
    fn pass_literal(&mut self, escapes: bool) {
        let mut at = 1;
        while escapes
            && let Some(n) = memchr(b'\\', self.text.get(at..).unwrap_or_default())
            && memchr(b'\'', self.text.get(at..at + n).unwrap_or_default()).is_none()
        {
            at += n + 2;
        }
        self.pass(at.min(self.text.len()), b"'");
    }
}

impl<'t> Iterator for Words<'t> {
    type Item = &'t [u8];

    fn next(&mut self) -> Option<&'t [u8]> {
        let mut depth = 0u32;
        let mut escapes = false;
        loop {
            self.take(lexer::blank(self.text, true).unwrap_or(0));
            match *self.text.first()? {
                b'\'' => self.pass_literal(std::mem::take(&mut escapes)),
                b'"' => self.pass(1, b"\""),
                b'$' => match lexer::dollar_tag(self.text) {
                    Some(tag) => self.pass(tag.len(), tag),
                    None => drop(self.take(1)),
                },
                b'(' => {
                    depth = depth.saturating_add(1);
                    self.take(1);
                }
                b')' => {
                    depth = depth.saturating_sub(1);
                    self.take(1);
                }
                byte if lexer::is_word(byte) => {
                    let length = self.text.iter().take_while(|b| lexer::is_word(**b) || **b == b'$').count();
                    let word = self.take(length);
                    escapes = word.eq_ignore_ascii_case(b"e") && self.text.first() == Some(&b'\'');
                    if depth == 0 && !escapes {
                        return Some(word);
                    }
                }
                _ => drop(self.take(1)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Body) {
        assert_eq!(body(text.as_bytes()), expected, "{text}");
    }

    #[test]
    fn a_quoted_body_ends_with_its_statement() {
        check("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ BEGIN; $$;", Body::None);
        check(
            "CREATE OR REPLACE FUNCTION f(a text DEFAULT 'as)') RETURNS int AS 'begin' LANGUAGE sql;",
            Body::None,
        );
        check("CREATE FUNCTION f() RETURNS int AS -- why\n E'it\\'s' LANGUAGE sql;", Body::None);
        check(
            "CREATE FUNCTION f() RETURNS int SET x TO E'\\' as \\\\' AS $_$ x $_$ LANGUAGE sql;",
            Body::None,
        );
        check("CREATE PROCEDURE \"begin\"() LANGUAGE sql AS $a$b$a$;", Body::None);
        check("CREATE FUNCTION f(a int) RETURNS int LANGUAGE sql RETURN (a + 1);", Body::None);
        check(
            "CREATE TRIGGER t AFTER INSERT ON x REFERENCING NEW TABLE AS n FOR EACH ROW EXECUTE FUNCTION f();",
            Body::None,
        );
    }

    #[test]
    fn other_statements_have_no_body() {
        check("CREATE TABLE function (as int);", Body::None);
        check("CREATE TABLE t AS SELECT 1;", Body::None);
        check("CREATE OR REPLACE VIEW function AS SELECT 1;", Body::None);
        check("CREATE EVENT TRIGGER t ON ddl_command_end EXECUTE FUNCTION f();", Body::None);
        check("CREATE OPERATOR CLASS c FOR TYPE t USING btree AS FUNCTION 1 f(a);", Body::None);
        check("CREATE", Body::None);
    }

    #[test]
    fn an_atomic_body_is_told() {
        check("CREATE FUNCTION f() RETURNS int LANGUAGE sql\n BEGIN ATOMIC\n SELECT 1;", Body::Atomic);
        check("create procedure p(IN a int) begin atomic;", Body::Atomic);
        check("CREATE PROCEDURE p()\n BEGIN ATOMIC\nEND;", Body::None);
    }

    #[test]
    fn a_bare_body_is_told() {
        check("CREATE PROCEDURE p(a integer)\n AS  DECLARE x int;", Body::Bare);
        check(
            "CREATE OR REPLACE FUNCTION f(a integer) RETURN integer NOT SHIPPABLE\n IS begin return 1;",
            Body::Bare,
        );
        check("CREATE DEFINER = \"root\" PROCEDURE p() AS begin null;", Body::Bare);
        check("CREATE DEFINER = root FUNCTION p() RETURN int AS begin null;", Body::Bare);
        check("CREATE PACKAGE public.p IS procedure a();", Body::Bare);
        check("CREATE PACKAGE BODY public.p IS procedure a() is begin null;", Body::Bare);
        check("CREATE TRIGGER t AFTER INSERT ON x FOR EACH ROW BEGIN INSERT INTO y VALUES (1);", Body::Bare);
    }

    #[test]
    fn the_end_of_an_atomic_body_is_a_statement_of_its_own() {
        for (text, expected) in [
            ("\nEND;", true),
            (" end -- of f\n;", true),
            ("SELECT CASE WHEN a THEN 1 END;", false),
            (";", false),
        ] {
            assert_eq!(is_end(text.as_bytes()), expected, "{text}");
        }
    }
}
