//! Where the body of a function, procedure or package ends, which no semicolon says.
//!
//! pg_dump quotes bodies, or writes them as `BEGIN ATOMIC … END;` (PostgreSQL 14 and later). gs_dump writes the bodies of
//! procedures, packages and object types bare, and a line `/` behind them (openGauss, `src/bin/pg_dump/pg_dump.cpp`, `dumpFunc`,
//! `DumpPkgBody`, `dumpObjectTypeBody`); without that line in archives, and so in what gs_restore makes of one. The body of an
//! event (`dumpEvent`) is one statement, which can be a block. A statement inside a bare body must never be taken for one of the dump's own: it may be an INSERT.

use crate::lexer;
use memchr::{memchr, memmem};

/// What follows the first semicolon of a CREATE statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// Nothing: the statement has ended.
    None,
    /// Statements up to one that is `END;`.
    Atomic,
    /// Statements until so many open blocks have ended.
    Blocks(usize),
    /// Anything up to a line `/`.
    Bare,
}

/// What follows `text`, a CREATE statement up to its first semicolon outside quotes and parentheses.
#[must_use]
pub fn body(text: &[u8]) -> Body {
    let mut words = Words { text, deep: false };
    let is = |word: Option<&[u8]>, names: &[&str]| {
        word.is_some_and(|word| names.iter().any(|name| word.eq_ignore_ascii_case(name.as_bytes())))
    };
    // CREATE [OR REPLACE] [DEFINER = name] [CONSTRAINT] kind
    let kind = loop {
        let word = words.next();
        if is(word, &["function", "procedure", "package", "trigger", "type", "event"]) {
            break word.unwrap_or_default();
        }
        if is(word, &["definer"]) {
            words.pass_definer();
        } else if !is(word, &["create", "or", "replace", "constraint"]) {
            return Body::None;
        }
    };
    if kind.eq_ignore_ascii_case(b"package") {
        return Body::Bare;
    }
    if kind.eq_ignore_ascii_case(b"type") {
        return if is(words.next(), &["body"]) { Body::Bare } else { Body::None };
    }
    let (trigger, event) = (kind.eq_ignore_ascii_case(b"trigger"), kind.eq_ignore_ascii_case(b"event"));
    if event && is(words.clone().next(), &["trigger"]) {
        return Body::None;
    }
    words.pass_new_name();
    loop {
        let word = words.next();
        if word.is_none() || (trigger && is(word, &["execute"])) {
            return Body::None;
        }
        if event {
            if is(word, &["do"]) {
                return match blocks(words.text, 0) {
                    0 => Body::None,
                    open => Body::Blocks(open),
                };
            }
        } else if is(word, &["begin"]) {
            return match is(words.next(), &["atomic"]) {
                true if is_end(words.text) => Body::None,
                true => Body::Atomic,
                false => Body::Bare,
            };
        }
        if !trigger && !event && is(word, &["as", "is"]) {
            return if words.quote_follows() { Body::None } else { Body::Bare };
        }
    }
}

/// Whether `text`, up to its semicolon, is the statement `END;`.
#[must_use]
pub fn is_end(text: &[u8]) -> bool {
    let mut words = Words { text, deep: false };
    words.next().is_some_and(|word| word.eq_ignore_ascii_case(b"end")) && words.next().is_none()
}

/// How many blocks are open behind `text`, up to its semicolon, where `open` were before. CASE ends with END too; IF and loops
/// with END and a word.
#[must_use]
pub fn blocks(text: &[u8], mut open: usize) -> usize {
    let mut words = Words { text, deep: false };
    let is =
        |word: &[u8], names: &[&str]| names.iter().any(|name| word.eq_ignore_ascii_case(name.as_bytes()));
    while let Some(word) = words.next() {
        if is(word, &["begin", "case"]) {
            open += 1;
        } else if is(word, &["end"]) {
            let mut ahead = words.clone();
            let next = ahead.next().unwrap_or_default();
            if is(next, &["if", "loop", "while", "repeat", "for"]) {
                words = ahead;
                continue;
            }
            if is(next, &["case"]) {
                words = ahead;
            }
            open = open.saturating_sub(1);
        }
    }
    open
}

/// The parts of a statement that begin with one of these words, at any depth of parentheses.
#[must_use]
pub fn from_words<'t>(text: &'t [u8], names: &[&str]) -> Vec<&'t [u8]> {
    let mut words = Words { text, deep: true };
    let mut parts = Vec::new();
    while let Some(word) = words.next() {
        if names.iter().any(|name| word.eq_ignore_ascii_case(name.as_bytes())) {
            let start = text.len() - words.text.len() - word.len();
            parts.extend(text.get(start..));
        }
    }
    parts
}

/// The bare words of a statement: outside quotes and comments, and outside parentheses unless `deep`.
#[derive(Clone)]
struct Words<'t> {
    text: &'t [u8],
    deep: bool,
}

impl<'t> Words<'t> {
    fn quote_follows(&self) -> bool {
        let at = lexer::blank(self.text, true).unwrap_or(0);
        matches!(self.text.get(at..), Some([b'\'' | b'$', ..] | [b'e' | b'E', b'\'', ..]))
    }

    /// Drops white space, comments and the byte `mark`, where it follows.
    fn pass_mark(&mut self, mark: u8) -> bool {
        self.take(lexer::blank(self.text, true).unwrap_or(0));
        let found = self.text.first() == Some(&mark);
        self.take(usize::from(found));
        found
    }

    /// Drops `= name`.
    fn pass_definer(&mut self) {
        self.pass_mark(b'=');
        self.pass_name();
    }

    /// Drops a name, bare or quoted.
    fn pass_name(&mut self) {
        if self.pass_mark(b'"') {
            self.pass(0, b"\"");
        } else {
            self.next();
        }
    }

    /// Drops the name of what is created, with its schema: it can be a word that means something elsewhere.
    fn pass_new_name(&mut self) {
        let mut ahead = self.clone();
        let guard = [ahead.next(), ahead.next(), ahead.next()].map(Option::unwrap_or_default);
        if guard.concat().eq_ignore_ascii_case(b"ifnotexists") {
            *self = ahead;
        }
        self.pass_name();
        while self.pass_mark(b'.') {
            self.pass_name();
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
                    if (depth == 0 || self.deep) && !escapes {
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
    fn a_routine_may_be_called_like_a_word_of_the_grammar() {
        check("CREATE FUNCTION begin(a int) RETURNS int LANGUAGE sql AS $$ SELECT 1; $$;", Body::None);
        check("CREATE FUNCTION public.begin() RETURNS int AS 'x' LANGUAGE sql;", Body::None);
        check("CREATE PROCEDURE is() LANGUAGE sql AS $$ $$;", Body::None);
        check("CREATE TRIGGER begin AFTER INSERT ON x FOR EACH ROW EXECUTE FUNCTION begin();", Body::None);
        check("CREATE PROCEDURE begin() AS begin null;", Body::Bare);
        check("CREATE PROCEDURE \"a.b\".begin() begin null;", Body::Bare);
    }

    #[test]
    fn the_body_of_an_event_is_a_statement_or_a_block() {
        check("CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO insert into t values (1);", Body::None);
        check(
            "CREATE definer=u EVENT s.e ON SCHEDULE AT '2030-01-01' DO begin insert into t values (1);",
            Body::Blocks(1),
        );
        check(
            "CREATE EVENT IF NOT EXISTS e ON SCHEDULE EVERY 1 DAY COMMENT 'do begin' DO begin begin x;",
            Body::Blocks(2),
        );
        check("CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO begin end;", Body::None);
        check("CREATE EVENT TRIGGER t ON ddl_command_end EXECUTE FUNCTION begin();", Body::None);
    }

    #[test]
    fn blocks_are_counted_and_what_else_ends_with_end_is_not() {
        let statements = [
            "begin if a then x;",
            "end if;",
            "while a do y;",
            "end while;",
            "select case when a then 'end' end;",
            "case a when 1 then z;",
            "end case;",
            "begin w;",
            "end;",
            "end e;",
        ];
        let mut open = 0;
        let after: Vec<usize> = statements
            .iter()
            .map(|text| {
                open = blocks(text.as_bytes(), open);
                open
            })
            .collect();
        assert_eq!(after, [1, 1, 1, 1, 1, 2, 1, 2, 1, 0]);
    }

    #[test]
    fn the_body_of_an_object_type_is_bare() {
        check(
            "CREATE TYPE BODY public.t AS member function f return int is begin insert into x values (1);",
            Body::Bare,
        );
        check("CREATE TYPE public.t AS (a int, b text);", Body::None);
        check("CREATE TYPE body AS (a int);", Body::Bare);
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
