//! Values of INSERTs that pg_dump does not write, but a hand or another program may: what is read of them is what PostgreSQL
//! stores in a column of text, or they are refused.

use crate::server::server;
use parsers::columns::ColumnMap;
use parsers::input::Input;
use parsers::position::DumpId;
use parsers::scan::scanner::Scanner;
use parsers::scan::{Chunk, Cut, Limits};
use std::io::Cursor;

/// What is read of each value: `Err` where the row is a bad one.
fn read(values: &[String]) -> Vec<Result<Option<String>, String>> {
    let mut dump = String::new();
    for value in values {
        dump.push_str(&format!("INSERT INTO tag (resource_id) VALUES ({value});\n"));
    }
    dump.push_str("--\n-- PostgreSQL database dump complete\n--\n");
    let map = ColumnMap::built_in().unwrap();
    let mut input = Input::from_reader("d.sql", Box::new(Cursor::new(dump)), &std::env::temp_dir());
    let mut scanner = Scanner::new(&mut input, DumpId(0), &map, Limits::default()).unwrap();
    let (mut chunk, mut found) = (Chunk::default(), Vec::new());
    while let Some(block) = scanner.block().unwrap() {
        while scanner.chunk(&mut chunk).unwrap() == Cut::Rows {
            let mut rows = block.rows(&chunk);
            while let Some(row) = rows.next() {
                found.push(match row {
                    Ok(row) => Ok(row.field(0).map(str::to_owned)),
                    Err(bad) => Err(bad.fault.to_string()),
                });
            }
        }
    }
    assert_eq!(found.len(), values.len());
    found
}

/// What the server stores of each value in a column of text: `None` where it refuses the statement.
fn stored(values: &[String]) -> Vec<Option<Option<String>>> {
    let database = server().create_db();
    let array: Vec<String> = values.iter().map(|value| format!("$q${value}$q$")).collect();
    let sql = format!(
        "CREATE TABLE tag (resource_id text);
         CREATE TABLE found (n bigint, refused boolean, value text);
         CREATE PROCEDURE store() LANGUAGE plpgsql AS $body$
         DECLARE v text; r text; i bigint := 0;
         BEGIN
           FOREACH v IN ARRAY ARRAY[{}]::text[] LOOP
             i := i + 1;
             BEGIN
               EXECUTE 'INSERT INTO tag (resource_id) VALUES (' || v || ') RETURNING resource_id' INTO STRICT r;
               INSERT INTO found VALUES (i, false, r);
             EXCEPTION WHEN others THEN
               INSERT INTO found VALUES (i, true, NULL);
             END;
           END LOOP;
         END $body$;
         CALL store();",
        array.join(",")
    );
    server().psql(&database, &sql);
    let text = server().psql(
        &database,
        "SELECT CASE WHEN refused THEN 'refused' ELSE coalesce(encode(convert_to(value, 'UTF8'), 'hex'), 'NULL') END FROM found ORDER BY n",
    );
    let lines: Vec<&str> = text.split('\n').collect();
    let value = |line: &&str| match *line {
        "refused" => None,
        "NULL" => Some(None),
        hex => {
            let bytes: Vec<u8> =
                (0..hex.len() / 2).map(|n| u8::from_str_radix(&hex[2 * n..2 * n + 2], 16).unwrap()).collect();
            Some(Some(String::from_utf8(bytes).unwrap()))
        }
    };
    lines.iter().take(values.len()).map(value).collect()
}

/// Checks all values; answers how many were read.
#[track_caller]
fn check(values: &[String]) -> usize {
    let (read, stored) = (read(values), stored(values));
    assert_eq!(stored.len(), values.len());
    let mut accepted = 0;
    for ((value, read), stored) in values.iter().zip(&read).zip(&stored) {
        let Ok(read) = read else { continue };
        accepted += 1;
        let Some(stored) = stored else { panic!("{value}: read as {read:?}, but PostgreSQL refuses it") };
        // With an exponent out of its bounds a number stays as written: float8 and numeric would print it differently.
        let as_written =
            read.as_ref().is_some_and(|read| read.contains(['e', 'E']) && read.parse::<f64>().is_ok());
        if as_written && !value.contains('\'') {
            continue;
        }
        assert_eq!(read, stored, "{value}");
    }
    accepted
}

#[test]
fn words_without_quotes_are_numbers_or_refused() {
    let alphabet = ["0", "1", "7", ".", "e", "+", "-", "x", "_"];
    let mut words: Vec<String> = vec![String::new()];
    let mut all = Vec::new();
    for _ in 0..4 {
        words =
            words.iter().flat_map(|word| alphabet.iter().map(move |next| format!("{word}{next}"))).collect();
        all.extend(words.iter().filter(|word| !word.contains("--")).cloned());
    }
    all.extend(
        [
            "2018-01-02",
            "12ab",
            "0x1F",
            "1.2.3",
            "1_000",
            "7 + 1",
            "7*2",
            "7/2",
            "now()",
            "current_date",
            "true",
            "FALSE",
            "NULL",
            "1e3",
            "-2.5e-3",
            "0.10e2",
            "00012.500",
            "12345678901234567890123",
            "- 5",
            "tru",
            "nullx",
            "NaN",
            "Infinity",
        ]
        .map(str::to_owned),
    );
    let accepted = check(&all);
    assert!(accepted > 300, "{accepted} of {} were read", all.len());
    for (word, stored) in [
        ("7+1", None),
        ("2018-01-02", None),
        ("12ab", None),
        ("0x10", None),
        ("1_000", None),
        ("007", Some("7")),
    ] {
        let read = read(&[word.to_owned()]).remove(0);
        assert_eq!(read.ok().flatten().as_deref(), stored, "{word}");
    }
}

#[test]
fn literals_and_casts_are_applied_or_refused() {
    let literals = [
        "'abcdef'",
        "'a '",
        "' a'",
        "''",
        "'1'",
        "' 12 '",
        "'-7'",
        "'+7'",
        "'007'",
        "'1.50'",
        "'.5'",
        "'1e3'",
        "'32768'",
        "'2147483648'",
        "'t'",
        "'Yes'",
        "'o'",
        "'off'",
        "'2018-01-01'",
        "'2018-01-01 01:02:03'",
        "'2018-01-01 01:02:03.450'",
        "'2018-01-01 01:02:03.123456'",
        "'2018-01-01 24:00:00'",
        "'2018-02-30'",
        "'2018-01-01T01:02:03'",
        "'2018-01-01 01:02:03+08'",
        "'云硬盘备份'",
        "'{\"a\": 1}'",
        "'{1,2}'",
        "'748343b6-5227-5920-b5c3-a8a824b441d0'",
        "'748343B6-5227-5920-B5C3-A8A824B441D0'",
        "E'a\\tb '",
        "N'a '",
        "n'it''s '",
        "B'101'",
        "B'102'",
        "b''",
        "X'1F'",
        "x'fg'",
        "$$it's$$",
        "$x$a $x$",
        "1",
        "-1",
        "+1",
        "0",
        "1.5",
        "-1.5",
        "1e3",
        "32768",
        "2147483648",
        "true",
        "FALSE",
        "NULL",
        "DEFAULT",
    ];
    let casts = [
        "",
        "::text",
        "::varchar",
        "::varchar(3)",
        "::character varying(3)",
        "::pg_catalog.varchar ( 2 )",
        "::char",
        "::char(2)",
        "::character(9)",
        "::bpchar",
        "::bpchar(3)",
        "::nchar(2)",
        "::\"char\"",
        "::name",
        "::smallint",
        "::int2",
        "::integer",
        "::int",
        "::bigint",
        "::numeric",
        "::numeric(3,1)",
        "::decimal",
        "::boolean",
        "::bool::text",
        "::boolean::integer",
        "::date",
        "::timestamp",
        "::timestamp(0)",
        "::timestamp(3) without time zone",
        "::timestamp(6)",
        "::timestamptz",
        "::time",
        "::json",
        "::jsonb",
        "::uuid",
        "::int[]",
        "::text[]",
        "::bytea",
        "::integer::text",
        "::text::integer",
        "::char(2)::text",
        "::varchar(3)::char(2)",
        "::numeric::int",
        "::text COLLATE \"C\"",
        " ::text",
        "::text ::varchar(2)",
        " || 'x'",
        "::pg_catalog.\"varchar\"(3)",
    ];
    let values: Vec<String> = literals
        .iter()
        .flat_map(|literal| casts.iter().map(move |cast| format!("{literal}{cast}")))
        .collect();
    let accepted = check(&values);
    assert!(accepted > 500, "{accepted} of {} were read", values.len());
    // Every literal alone is read, those that PostgreSQL refuses apart.
    let alone = literals.iter().filter(|literal| !matches!(**literal, "B'102'" | "x'fg'"));
    for (literal, read) in alone.clone().zip(read(&alone.map(|l| (*l).to_owned()).collect::<Vec<_>>())) {
        assert!(read.is_ok(), "{literal}: {read:?}");
    }
}
