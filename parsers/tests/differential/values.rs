//! Values that are hard to write, dumped by the real pg_dump in every form and encoding.

use crate::server::{load, pg_dump, read_back, server};
use crate::tables::{Tables, check_same, parse};

/// Texts of ASCII, which every encoding has.
fn plain() -> Vec<String> {
    let mut texts: Vec<String> = [
        "",
        " ",
        "\\",
        "\\\\",
        "\\N",
        "\\\\N",
        "\\.",
        "\\\\.",
        "\\n",
        "\\t",
        "\\r\\n",
        "\\x41",
        "\\101",
        "\\'",
        "\\\"",
        "'",
        "''",
        "'''",
        "\"",
        "\"\"",
        "it's",
        "\\'; DROP TABLE quotas; --",
        "$$",
        "$x$",
        "$1",
        "$",
        "E'",
        "e'\\''",
        "\n",
        "\n\n",
        "\r",
        "\r\n",
        "\n\r",
        "a\nb",
        "a\rb",
        "a\r\nb",
        "\t",
        "a\tb",
        "\\\t",
        "\t\\",
        "ends in a CR\r",
        "\n\\.\n",
        "\\.\n;\n",
        "a\n\\.\nb",
        "\\.\r\n",
        "COPY quotas (id) FROM stdin;\n1\n\\.\n",
        ";",
        "(",
        ")",
        "((",
        "))",
        "INSERT INTO quotas VALUES ('x');",
        "');\nINSERT INTO quotas VALUES (99, 'x",
        "\n-- Name: x; Type: TABLE\n",
        "--",
        "-- PostgreSQL database dump complete",
        "/*",
        "*/",
        "/* a */",
        "//",
        "\n/\n",
        "\\connect postgres",
        "\n\\connect postgres\n",
        "\\restrict x",
        "NULL",
        "null",
        "DEFAULT",
        "true",
        "t",
        "N",
        "::text",
        "a,b",
        ",",
        "|",
        "{\"a\": \"say \\\"hi\\\"\", \"b\": \"c:\\\\temp\\\\\", \"c\": null}",
        "{\"a\":\"\\u5907\\n\"}",
        "{a,\"b c\",NULL}",
        "0",
        "-1",
        "1e300",
        "NaN",
        "2018-10-18",
        "infinity",
        "\u{7f}",
    ]
    .map(str::to_owned)
    .to_vec();
    // Every control character but U+0000, alone, in the middle, at the end, and behind a backslash.
    for control in (1..32u8).map(char::from) {
        texts.extend([
            format!("{control}"),
            format!("a{control}b"),
            format!("a{control}"),
            format!("\\{control}"),
        ]);
    }
    let all: String = (1..128u8).map(char::from).collect();
    texts.push(all.repeat(3));
    texts.push("x".repeat(300_000));
    texts.push("it's a long \\ one;\n".repeat(20_000));
    texts
}

/// Texts that only some encodings have. In GBK and Big5 the second byte of some is a backslash's or a brace's.
fn special(encoding: &str) -> Vec<&'static str> {
    let chinese = ["云硬盘备份", "备\\份", "\\备", "备\\", "备'份", "备\n份", "备\t", "备\u{3000}份"];
    let gbk = [
        "誠",
        "誠\\",
        "\\誠",
        "誠N",
        "誠\\N",
        "誠.",
        "誠'",
        "誠\n",
        "誠\\.",
        "縗誠乗",
        "丂乗亅亇",
        "乗\t乗",
        "ａＢ",
    ];
    let big5 = ["許功蓋", "許", "許\\", "\\許", "許N", "許\\N", "許'", "許\n功", "備份", "ぁЖ①⑴"];
    let latin = ["é", "Größe", "ÿ\u{a0}¿", "\u{80}\u{9f}", "é\\", "\\é", "É'é"];
    let wide = [
        "😀",
        "😀\\N",
        "e\u{301}",
        "\u{10ffff}",
        "\u{feff}",
        "\u{200b}\u{202e}",
        "ḿ€",
        "𠀀㐀",
        "\u{85}\u{2028}",
    ];
    match encoding {
        "GBK" => [&chinese[..], &gbk].concat(),
        "BIG5" => big5.to_vec(),
        "LATIN1" => latin.to_vec(),
        "GB18030" => [&chinese[..], &gbk, &latin, &wide].concat(),
        _ => [&chinese[..], &gbk, &big5, &latin, &wide].concat(),
    }
}

/// Values of every type that the source systems have, and some that they may.
const TYPED: &str = r#"
CREATE TABLE quota_usages (
    id integer,
    b boolean,
    n numeric,
    f double precision,
    r real,
    i smallint,
    g bigint,
    at timestamp without time zone,
    tz timestamp with time zone,
    d date,
    t time,
    v interval,
    c character(5),
    x bytea,
    j json,
    jb jsonb,
    u uuid,
    a text[],
    ia integer[],
    s bit(3),
    sv bit varying,
    p point,
    "quoted ""name""" text,
    twice integer GENERATED ALWAYS AS (id * 2) STORED
);
INSERT INTO quota_usages VALUES
    (1, true, 1.50, 1.2, 1.2, -32768, -9223372036854775808, '2017-11-08 11:32:02.35061', '2017-11-08 11:32:02+08',
     '2018-10-18', '23:59:59.5', '1 mon -1 days +02:03:04', 'a', '\x00ff5c27', '{"a": "\u5907\n\\ \" ''"}', '{"b": [1, 1e3, null]}',
     '748343b6-5227-5920-b5c3-a8a824b441d0', ARRAY['a', 'b c', NULL, '', 'NULL', E'\\ " \n , {}'], '{{1,2},{3,4}}',
     B'101', B'', '(1,2)', E'it''s \\ "x"'),
    (2, false, 'NaN', 'NaN', 'NaN', 32767, 9223372036854775807, 'infinity', '-infinity', 'infinity', '00:00', '-1 day',
     'abcde', '', '[]', '{}', NULL, '{}', '{}', B'000', B'1', '(-1e300,NaN)', ''),
    (-3, NULL, -0.00, 'Infinity', '-Infinity', 0, 0, '0044-03-15 12:00:00 BC', '0001-01-01 00:00:00+00 BC',
     '4713-01-01 BC', '24:00:00', '178000000 years', '', '\x', 'null', '"x"', NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    (4, NULL, 123456789012345678901234567890.123456789, 1e300, 1e-30, NULL, NULL, '294276-12-31 23:59:59.999999',
     '2017-11-08 11:32:02+05:30', '5874897-12-31', NULL, '0', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    (5, NULL, 1e-20, -0.0, 0.1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
     NULL, NULL);
"#;

/// A database with everything that `encoding` can write.
fn filled(encoding: &str) -> String {
    let database = server().create_db();
    let texts = plain().into_iter().chain(special(encoding).into_iter().map(str::to_owned));
    let rows: Vec<String> = texts.enumerate().map(|(n, text)| format!("({n},{})", unicode(&text))).collect();
    let sql = format!(
        "CREATE TABLE quotas (id integer, note text, \"other note\" character varying);\n\
         INSERT INTO quotas (id, note) VALUES {};\nUPDATE quotas SET \"other note\" = note WHERE id % 2 = 0;\n\
         CREATE TABLE tag (resource_id text);\nINSERT INTO tag VALUES (''), (NULL), (' '), (E'\\\\N'), (E'\\\\.'), ('');\n{TYPED}",
        rows.join(",\n")
    );
    server().psql(&database, &sql);
    database
}

/// A text as a literal that psql cannot misread: code points only.
fn unicode(text: &str) -> String {
    let points: String = text.chars().map(|c| format!("\\U{:08X}", u32::from(c))).collect();
    format!("E'{points}'")
}

const FORMS: [&[&str]; 7] = [
    &[],
    &["--inserts"],
    &["--column-inserts"],
    &["--inserts", "--rows-per-insert=7"],
    &["--column-inserts", "--rows-per-insert=1000", "--on-conflict-do-nothing"],
    &["--quote-all-identifiers"],
    &["--inserts", "--quote-all-identifiers", "--use-set-session-authorization"],
];

/// Dumps a database, reads the dump, loads it elsewhere, and compares what was read with both databases.
#[track_caller]
fn check(database: &str, encoding: &str, form: &[&str], strings: bool) {
    let what = format!("{encoding}, {form:?}, standard_conforming_strings {strings}");
    let dump = pg_dump(database, &[&["-E", encoding, "-O"][..], form].concat(), strings);
    let read = parse(&dump);
    let loaded = load(&[&dump]);
    check_same(&read, &read_back(database, &read), &format!("{what}: where it came from"));
    check_same(&read, &read_back(&loaded, &read), &format!("{what}: where it was loaded"));
    check_whole(&read, encoding);
}

/// What was read is all that was written.
#[track_caller]
fn check_whole(read: &Tables, encoding: &str) {
    assert_eq!(read["quotas"].rows.len(), plain().len() + special(encoding).len());
    assert_eq!((read["quota_usages"].rows.len(), read["tag"].rows.len()), (5, 6));
    for (n, text) in plain().iter().enumerate() {
        let mut rows = read["quotas"].rows.iter().filter(|row| row[0].as_deref() == Some(&n.to_string()));
        assert_eq!(rows.next().unwrap()[1].as_deref(), Some(&**text));
        assert!(rows.next().is_none());
    }
}

#[track_caller]
fn check_encoding(encoding: &str) {
    let database = filled(encoding);
    for form in FORMS {
        for strings in [true, false] {
            check(&database, encoding, form, strings);
        }
    }
}

#[test]
fn nasty_values_in_utf8() {
    check_encoding("UTF8");
}

#[test]
fn nasty_values_in_sql_ascii() {
    check_encoding("SQL_ASCII");
}

#[test]
fn nasty_values_in_gbk() {
    check_encoding("GBK");
}

#[test]
fn nasty_values_in_gb18030() {
    check_encoding("GB18030");
}

#[test]
fn nasty_values_in_big5() {
    check_encoding("BIG5");
}

#[test]
fn nasty_values_in_latin1() {
    check_encoding("LATIN1");
}
