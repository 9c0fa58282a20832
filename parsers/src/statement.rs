//! The grammar of the statements that matter, in nom: COPY, INSERT, SET and CREATE TABLE.
//!
//! Each parser takes a slice and answers what stands at its start; none of them reads, waits or decides what to do.
//! Names fold to lower case unless quoted, as SQL folds them.

use crate::lexer;
use crate::routine;
use nom::branch::alt;
use nom::bytes::complete::{tag_no_case, take_until, take_while1};
use nom::character::complete::char;
use nom::combinator::{map, opt, recognize, value};
use nom::multi::separated_list1;
use nom::sequence::{delimited, preceded, terminated};
use nom::{IResult, Parser};

/// A table's name as written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Name {
    /// The schema, where one is written.
    pub schema: Option<String>,
    /// The table.
    pub table: String,
}

/// `COPY t (…) FROM stdin;`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copy {
    /// The table.
    pub name: Name,
    /// The column list, where there is one.
    pub columns: Option<Vec<String>>,
    /// `WITH OIDS`: each row has one more field in front.
    pub oids: bool,
    /// Whether rows follow the statement (`FROM stdin`).
    pub stdin: bool,
    /// Options that change the rows' format, as written; empty for the default text format.
    pub options: String,
}

/// The head of `INSERT INTO t (…) VALUES`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Insert {
    /// The table.
    pub name: Name,
    /// The column list, where there is one.
    pub columns: Option<Vec<String>>,
    /// What follows the head.
    pub body: InsertBody,
}

/// What an INSERT inserts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InsertBody {
    /// `VALUES`, with the rows behind it.
    Values,
    /// `DEFAULT VALUES`.
    Defaults,
    /// A query or anything else.
    Other,
}

/// `SET name = value;`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Set {
    /// The setting, in lower case.
    pub name: String,
    /// Its first value, without quotes.
    pub value: String,
}

/// `CREATE TABLE t (…)`: the names of its columns in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateTable {
    /// The table.
    pub name: Name,
    /// The columns; empty where the statement does not list them.
    pub columns: Vec<String>,
}

/// The first word of a statement, in upper case; empty where it begins with something else.
#[must_use]
pub fn keyword(text: &[u8]) -> String {
    let word: Vec<u8> =
        text.iter().copied().take(32).take_while(|b| b.is_ascii_alphabetic() || *b == b'_').collect();
    String::from_utf8(word).unwrap_or_default().to_ascii_uppercase()
}

/// Parses a whole COPY statement.
#[must_use]
pub fn copy(text: &[u8]) -> Option<Copy> {
    let head = (word("copy"), opt(word("binary")), name, opt(column_list), opt((word("with"), word("oids"))));
    let (rest, (_, binary, name, columns, oids)) = preceded(blank, head).parse(text).ok()?;
    let (rest, from) = opt(preceded(word("from"), alt((word("stdin"), word("STDIN"))))).parse(rest).ok()?;
    let (_, options) = terminated(take_options, char(';')).parse(rest).ok()?;
    let options = String::from_utf8_lossy(options);
    let options = format!("{} {}", if binary.is_some() { "BINARY" } else { "" }, options.trim());
    Some(Copy {
        name,
        columns,
        oids: oids.is_some(),
        stdin: from.is_some(),
        options: options.trim().to_owned(),
    })
}

/// Parses the head of an INSERT: up to and with `VALUES`. Answers its length too.
#[must_use]
pub fn insert(text: &[u8]) -> Option<(usize, Insert)> {
    let (rest, (name, columns)) =
        preceded((blank, word("insert"), word("into")), (name, opt(column_list))).parse(text).ok()?;
    let overriding = opt((word("overriding"), alt((word("system"), word("user"))), word("value")));
    let body = alt((
        value(InsertBody::Values, word("values")),
        value(InsertBody::Defaults, (word("default"), word("values"))),
        value(InsertBody::Other, preceded(blank, take_while1(lexer::is_word))),
        value(InsertBody::Other, symbol('(')),
    ));
    let (rest, body) = preceded(overriding, body).parse(rest).ok()?;
    Some((text.len() - rest.len(), Insert { name, columns, body }))
}

/// The name in a COPY or INSERT that is not written as SQL wants it (gs_dump 5.0 never quotes a schema): all that stands between
/// the keyword and the columns or the data.
#[must_use]
pub fn loose_name(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let lower = text.to_ascii_lowercase();
    let ends = ["(", ";", "\n", " from ", " to ", " values", " select", " default"];
    let begin = ["copy ", "insert into ", "insert "].into_iter().find(|word| lower.starts_with(word));
    let begin = begin.map_or(0, str::len);
    let rest = lower.get(begin..).unwrap_or_default();
    let end = ends.into_iter().filter_map(|end| rest.find(end)).min().unwrap_or(rest.len());
    text.get(begin..begin + end).unwrap_or_default().trim().to_owned()
}

/// Whether rows follow a COPY whose name could not be read.
#[must_use]
pub fn loose_stdin(text: &[u8]) -> bool {
    let lower = String::from_utf8_lossy(text).to_ascii_lowercase();
    let from = lower.rsplit_once(" from ").map(|(_, from)| from.trim_start());
    from.is_some_and(|from| from.starts_with("stdin"))
}

/// The tables whose rows a statement changes: UPDATE, DELETE, TRUNCATE, MERGE, or one of these, or INSERT, behind WITH.
#[must_use]
pub fn changed(text: &[u8]) -> Vec<Name> {
    let only = || opt(word("only"));
    let target = |text| terminated(preceded(only(), name), opt(symbol('*'))).parse(text);
    let found = preceded(
        blank,
        alt((
            map(preceded(word("update"), target), |name| vec![name]),
            map(preceded((word("delete"), word("from")), target), |name| vec![name]),
            map(preceded((word("merge"), word("into")), target), |name| vec![name]),
            map(preceded((word("insert"), word("into")), target), |name| vec![name]),
            preceded((word("truncate"), opt(word("table"))), separated_list1(symbol(','), target)),
        )),
    )
    .parse(text);
    match found {
        Ok((_, names)) => names,
        Err(_) if keyword(text) == "WITH" => {
            let parts = routine::from_words(text, &["update", "delete", "merge", "insert"]);
            parts.into_iter().flat_map(changed).collect()
        }
        Err(_) => Vec::new(),
    }
}

/// What `SELECT set_config('name', 'value', …)` sets, which newer dump programs write in place of SET.
#[must_use]
pub fn set_config(text: &[u8]) -> Option<Set> {
    let function = preceded((word("select"), opt((word("pg_catalog"), symbol('.')))), word("set_config"));
    let arguments = (symbol('('), literal, symbol(','), literal, symbol(','));
    let (_, (_, (_, name, _, value, _))) = preceded(blank, (function, arguments)).parse(text).ok()?;
    Some(Set { name: name.to_ascii_lowercase(), value })
}

/// Parses a whole SET statement. `SET NAMES` and `SET SCHEMA` are other words for two settings.
#[must_use]
pub fn set(text: &[u8]) -> Option<Set> {
    let scope = || opt(alt((word("session"), word("local"))));
    let kind = alt((value("client_encoding", word("names")), value("search_path", word("schema"))));
    let short = (word("set"), scope(), kind, alt((literal, identifier_as_written)));
    if let Ok((_, (_, _, name, value))) = preceded(blank, short).parse(text) {
        return Some(Set { name: name.to_owned(), value });
    }
    let scope = opt(alt((word("session"), word("local"))));
    let (rest, (_, _, name, _)) =
        preceded(blank, (word("set"), scope, identifier, alt((value((), symbol('=')), word("to")))))
            .parse(text)
            .ok()?;
    let (_, value) = opt(alt((literal, identifier_as_written))).parse(rest).ok()?;
    Some(Set { name: name.to_ascii_lowercase(), value: value.unwrap_or_default() })
}

/// Parses a whole CREATE TABLE statement; `None` for any other CREATE.
#[must_use]
pub fn create_table(text: &[u8]) -> Option<CreateTable> {
    let kind = opt(alt((
        word("global"),
        word("local"),
        word("unlogged"),
        word("temporary"),
        word("temp"),
        word("foreign"),
    )));
    let guard = opt((word("if"), word("not"), word("exists")));
    let (rest, (_, _, _, _, _, name)) =
        preceded(blank, (word("create"), kind, opt(word("temp")), word("table"), guard, name))
            .parse(text)
            .ok()?;
    let columns = symbol('(').parse(rest).map(|(rest, _)| column_definitions(rest)).unwrap_or_default();
    Some(CreateTable { name, columns })
}

/// The names of the columns in the list of a CREATE TABLE, whose parenthesis is open.
fn column_definitions(mut text: &[u8]) -> Vec<String> {
    let mut columns = Vec::new();
    loop {
        let quoted = blank(text).is_ok_and(|(rest, ())| rest.first() == Some(&b'"'));
        let Ok((rest, column)) = identifier(text) else { return columns };
        if quoted || !begins_constraint(&column, rest) {
            columns.push(column);
        }
        let Some(n) = element_end(rest) else { return columns };
        text = rest.get(n..).unwrap_or_default();
    }
}

/// Whether an element of a CREATE TABLE list that begins with this bare word is no column. Some of the words may be a
/// column's name too, for which a type follows.
fn begins_constraint(first: &str, rest: &[u8]) -> bool {
    let follows = |word_: &'static str| word(word_).parse(rest).is_ok();
    let list_follows = symbol('(').parse(rest).is_ok();
    match first {
        "constraint" | "primary" | "unique" | "check" | "foreign" | "like" => true,
        "partial" => follows("cluster"),
        "exclude" | "index" => list_follows || follows("using"),
        _ => false,
    }
}

/// Where the next element of a list begins, behind its comma; `None` at the list's end.
fn element_end(text: &[u8]) -> Option<usize> {
    let mut depth = 0u32;
    let mut quote = None;
    for (at, &byte) in text.iter().enumerate() {
        match (quote, byte) {
            (Some(open), _) if byte == open => quote = None,
            (Some(_), _) => {}
            (None, b'\'' | b'"') => quote = Some(byte),
            (None, b'(' | b'[') => depth += 1,
            (None, b')') if depth == 0 => return None,
            (None, b')' | b']') => depth = depth.saturating_sub(1),
            (None, b',') if depth == 0 => return Some(at + 1),
            _ => {}
        }
    }
    None
}

fn blank(text: &[u8]) -> IResult<&[u8], ()> {
    let n = lexer::blank(text, true).unwrap_or(text.len());
    Ok((text.get(n..).unwrap_or_default(), ()))
}

fn symbol<'a>(symbol: char) -> impl Parser<&'a [u8], Output = char, Error = nom::error::Error<&'a [u8]>> {
    preceded(blank, char(symbol))
}

/// A keyword in any case, and not merely the start of a longer word.
fn word<'a>(word: &'static str) -> impl Parser<&'a [u8], Output = (), Error = nom::error::Error<&'a [u8]>> {
    move |text: &'a [u8]| {
        let (rest, _) = preceded(blank, tag_no_case(word)).parse(text)?;
        if rest.first().is_some_and(|b| lexer::is_word(*b)) {
            return Err(nom::Err::Error(nom::error::Error::new(text, nom::error::ErrorKind::Tag)));
        }
        Ok((rest, ()))
    }
}

fn identifier(text: &[u8]) -> IResult<&[u8], String> {
    preceded(blank, alt((quoted_identifier, map(bare_word, str::to_lowercase)))).parse(text)
}

fn identifier_as_written(text: &[u8]) -> IResult<&[u8], String> {
    let bare = take_while1(|b: u8| lexer::is_word(b) || matches!(b, b'-' | b'+' | b'.' | b'$'));
    let bare = map(bare, |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned());
    preceded(blank, alt((quoted_identifier, bare))).parse(text)
}

fn bare_word(text: &[u8]) -> IResult<&[u8], &str> {
    let bytes = recognize(take_while1(|b: u8| lexer::is_word(b) || b == b'$'));
    nom::combinator::map_res(bytes, std::str::from_utf8).parse(text)
}

fn quoted_identifier(text: &[u8]) -> IResult<&[u8], String> {
    quoted(text, '"')
}

fn literal(text: &[u8]) -> IResult<&[u8], String> {
    preceded(blank, |text| quoted(text, '\'')).parse(text)
}

/// Text between two quotes in which a doubled quote stands for one.
fn quoted(text: &[u8], quote: char) -> IResult<&[u8], String> {
    let mark = quote.to_string();
    let part = delimited(char(quote), take_until(mark.as_str()), char(quote));
    let (rest, parts) = nom::multi::many1(part).parse(text)?;
    let bytes: Vec<u8> = parts.join(mark.as_bytes());
    Ok((rest, String::from_utf8_lossy(&bytes).into_owned()))
}

fn name(text: &[u8]) -> IResult<&[u8], Name> {
    let (rest, parts) = separated_list1(symbol('.'), identifier).parse(text)?;
    let mut parts = parts.into_iter().rev();
    let table = parts.next().unwrap_or_default();
    Ok((rest, Name { schema: parts.next(), table }))
}

fn column_list(text: &[u8]) -> IResult<&[u8], Vec<String>> {
    delimited(symbol('('), separated_list1(symbol(','), identifier), symbol(')')).parse(text)
}

fn take_options(text: &[u8]) -> IResult<&[u8], &[u8]> {
    take_until(";").parse(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bare(table: &str) -> Name {
        Name { schema: None, table: table.into() }
    }

    fn public(table: &str) -> Name {
        Name { schema: Some("public".into()), table: table.into() }
    }

    fn columns(names: &[&str]) -> Option<Vec<String>> {
        Some(names.iter().map(|n| (*n).to_owned()).collect())
    }

    #[test]
    fn copy_in_every_shape() {
        let plain = |name, columns| Copy { name, columns, oids: false, stdin: true, options: String::new() };
        for (text, expected) in [
            ("COPY backups (id, size) FROM stdin;", plain(bare("backups"), columns(&["id", "size"]))),
            ("COPY public.backups (id) FROM stdin;", plain(public("backups"), columns(&["id"]))),
            (
                "copy \"public\".\"Backups\" ( \"ID\" , Size ) from STDIN ;",
                plain(
                    Name { schema: Some("public".into()), table: "Backups".into() },
                    columns(&["ID", "size"]),
                ),
            ),
            ("COPY backups FROM stdin;", plain(bare("backups"), None)),
            ("COPY t (\"a\"\"b\", \"c d\") FROM stdin;", plain(bare("t"), columns(&["a\"b", "c d"]))),
            ("COPY t (a) WITH OIDS FROM stdin;", Copy { oids: true, ..plain(bare("t"), columns(&["a"])) }),
            (
                "COPY t (a) FROM stdin WITH (FORMAT csv);",
                Copy { options: "WITH (FORMAT csv)".into(), ..plain(bare("t"), columns(&["a"])) },
            ),
            (
                "COPY t (a) TO '/tmp/x';",
                Copy { stdin: false, options: "TO '/tmp/x'".into(), ..plain(bare("t"), columns(&["a"])) },
            ),
        ] {
            assert_eq!(copy(text.as_bytes()), Some(expected), "{text}");
        }
        assert_eq!(copy(b"COPY (SELECT 1) TO stdout;"), None);
    }

    #[test]
    fn insert_in_every_shape() {
        let of = |name, columns, body| Insert { name, columns, body };
        for (text, rest, expected) in [
            ("INSERT INTO t VALUES (1);", " (1);", of(bare("t"), None, InsertBody::Values)),
            (
                "INSERT INTO public.t (a, b) VALUES\n\t(1, 2);",
                "\n\t(1, 2);",
                of(public("t"), columns(&["a", "b"]), InsertBody::Values),
            ),
            ("insert into T(A) values(1);", "(1);", of(bare("t"), columns(&["a"]), InsertBody::Values)),
            ("INSERT INTO t DEFAULT VALUES;", ";", of(bare("t"), None, InsertBody::Defaults)),
            (
                "INSERT INTO t OVERRIDING SYSTEM VALUE VALUES (1);",
                " (1);",
                of(bare("t"), None, InsertBody::Values),
            ),
            ("INSERT INTO t SELECT 1;", " 1;", of(bare("t"), None, InsertBody::Other)),
        ] {
            let (n, found) = insert(text.as_bytes()).unwrap();
            assert_eq!((found, &text[n..]), (expected, rest), "{text}");
        }
    }

    #[test]
    fn set_in_every_shape() {
        for (text, name, value) in [
            ("SET client_encoding = 'UTF8';", "client_encoding", "UTF8"),
            ("SET client_encoding TO GBK;", "client_encoding", "GBK"),
            ("set standard_conforming_strings=off;", "standard_conforming_strings", "off"),
            ("SET SESSION search_path = public, pg_catalog;", "search_path", "public"),
            ("SET search_path = \"My Schema\";", "search_path", "My Schema"),
            ("SET default_tablespace = '';", "default_tablespace", ""),
            ("SET NAMES 'GBK';", "client_encoding", "GBK"),
            ("set local names utf8;", "client_encoding", "utf8"),
            ("SET SCHEMA 'cinder';", "search_path", "cinder"),
            ("SET names = 'x';", "names", "x"),
        ] {
            assert_eq!(set(text.as_bytes()), Some(Set { name: name.into(), value: value.into() }), "{text}");
        }
        assert_eq!(set(b"SET SESSION AUTHORIZATION 'x';").map(|s| s.name), None);
    }

    #[test]
    fn a_statement_names_the_tables_that_it_changes() {
        for (text, expected) in [
            ("UPDATE ONLY public.backups AS b SET size = 1;", &["backups"][..]),
            ("delete from \"Tag\";", &["Tag"]),
            ("TRUNCATE TABLE ONLY a, public.b *, c RESTART IDENTITY;", &["a", "b", "c"]),
            ("TRUNCATE a;", &["a"]),
            ("MERGE INTO backups b USING x ON (true) WHEN MATCHED THEN DELETE;", &["backups"]),
            (
                "WITH a AS (SELECT 'update tag set'), b AS (DELETE FROM tag RETURNING *) INSERT INTO backups SELECT 1;",
                &["tag", "backups"],
            ),
            ("WITH a AS (SELECT 1) SELECT * FROM backups FOR UPDATE;", &[]),
            ("SELECT 1;", &[]),
        ] {
            let found: Vec<String> = changed(text.as_bytes()).into_iter().map(|name| name.table).collect();
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn set_config_is_a_setting_too() {
        let set = set_config(b"SELECT pg_catalog.set_config('search_path', '', false);").unwrap();
        assert_eq!((set.name.as_str(), set.value.as_str()), ("search_path", ""));
        assert_eq!(set_config(b"SELECT pg_catalog.setval('s', 1, true);"), None);
    }

    #[test]
    fn names_that_sql_does_not_take_are_shown_as_they_stand() {
        for (text, name, stdin) in [
            ("COPY My-Schema.t1 (a) FROM stdin;", "My-Schema.t1", true),
            ("COPY 1a FROM stdin WITH CSV;", "1a", true),
            ("COPY a b TO '/x';", "a b", false),
            ("INSERT INTO My-T VALUES (1);", "My-T", false),
        ] {
            assert_eq!(
                (loose_name(text.as_bytes()).as_str(), loose_stdin(text.as_bytes())),
                (name, stdin),
                "{text}"
            );
        }
    }

    #[test]
    fn create_table_gives_the_columns_in_order() {
        let text = "CREATE TABLE public.t (\n  id character varying(36) DEFAULT 'a,b'::text NOT NULL,\n  \
                    price numeric(10,2), \"Check\" integer,\n CONSTRAINT c CHECK ((id)::text <> ','::text),\n \
                    PRIMARY KEY (id)\n)\nWITH (orientation=row, compression=no);";
        let table = create_table(text.as_bytes()).unwrap();
        assert_eq!(
            table,
            CreateTable { name: public("t"), columns: columns(&["id", "price", "Check"]).unwrap() }
        );
        assert_eq!(create_table(b"CREATE UNLOGGED TABLE IF NOT EXISTS t (a int);").unwrap().columns, ["a"]);
        let text =
            b"CREATE TABLE t (index integer, partial boolean, exclude text, EXCLUDE USING gist (a WITH =), \
                     INDEX (a), PARTIAL CLUSTER KEY (a), LIKE u)";
        assert_eq!(create_table(text).unwrap().columns, ["index", "partial", "exclude"]);
        assert_eq!(create_table(b"CREATE INDEX i ON t USING btree (a);"), None);
        assert!(create_table(b"CREATE TABLE t AS SELECT 1;").unwrap().columns.is_empty());
    }

    #[test]
    fn keywords_end_with_their_letters() {
        assert_eq!(keyword(b"copy t"), "COPY");
        assert_eq!(keyword(b"2018-01-01\t"), "");
    }
}
