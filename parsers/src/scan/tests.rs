//! Dumps in every shape, each read in pieces of several sizes: what is cut must not depend on where a read ends.

use super::*;
use crate::input::Text;
use std::io::Read;
use std::path::Path;

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
    // The blanks are as many bytes as are looked at to recognise a file, so that the dump itself comes in pieces.
    let source = Pieces(std::io::Cursor::new([&[b' '; 512], dump].concat()), piece);
    let text = Text::new("d.sql".into(), Box::new(source), std::sync::Arc::default());
    let mut out = Vec::new();
    let text = match text {
        Ok(text) => text,
        Err(error) => return (out, Err(error)),
    };
    let reader = Reader::new("d.sql", text, Position::START, limits.buffer());
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
        "--\n-- Name: x; Type: TABLE; Tablespace: \n--\n/* a /* b */ ; */\n\\restrict abc;'\n\\connect autobackup\nSET a = 'b;c';\n\
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
        assert_eq!(tables.into_iter().collect::<Vec<_>>(), [("o2".to_owned(), 3), ("other".to_owned(), 2)]);
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
    assert!(STATEMENTS.is_sorted() && session::COMMANDS.is_sorted());
}

/// Read in chunks, passed over, by any piece: the same digest; and another one for other bytes.
#[test]
fn the_digest_of_a_bulk_block_is_that_of_its_bytes() {
    let map = ColumnMap::built_in().unwrap();
    let rows: Vec<String> = (0..40).map(|n| format!("id-{n}\tv\tp\tavailable")).collect();
    let copy = |rows: &[String]| {
        format!("COPY backups (id, volume_id, project_id, status) FROM stdin;\n{}\n\\.\n", rows.join("\n"))
    };
    let insert = |rows: &[String]| {
        let row = |row: &String| format!("('{}')", row.replace('\t', "','"));
        let rows: Vec<String> = rows.iter().map(row).collect();
        format!("INSERT INTO backups (id, volume_id, project_id, status) VALUES {};\n", rows.join(",\n"))
    };
    let digest = |text: &str, limits: Limits, passes: bool| {
        let text = format!("{text}--\n-- PostgreSQL database dump complete\n--\n");
        let mut input = Input::from_reader("x", Box::new(std::io::Cursor::new(text)), Path::new("/tmp"));
        let mut scanner = Scanner::new(&mut input, DumpId(0), &map, limits).unwrap();
        scanner.block().unwrap().unwrap();
        let mut chunk = Chunk::default();
        if passes {
            scanner.skip_block().unwrap();
        } else {
            while scanner.chunk(&mut chunk).unwrap() != Cut::End {}
        }
        scanner.digest()
    };
    for form in [&copy as &dyn Fn(&[String]) -> String, &insert] {
        let text = form(&rows);
        let whole = digest(&text, Limits::default(), false);
        assert_ne!(whole, 0);
        for (row, chunk) in [(1_000, 1), (1_000, 100), (10, 50), (1, 1)] {
            let limits = Limits { row, chunk, ..Limits::default() };
            for passes in [false, true] {
                assert_eq!(digest(&text, limits, passes), whole, "{row} {chunk} {passes}");
            }
        }
        for n in 0..rows.len() {
            let mut other = rows.clone();
            other[n] = other[n].replace("id-", "iD-");
            assert_ne!(digest(&form(&other), Limits::default(), true), whole, "row {n}");
        }
    }
}
