//! Lines, literals and rows of 100 MB: what is passed over is never held.
//!
//! Each is read in a process of its own, whose greatest resident size is compared before and after.

#![cfg(target_os = "linux")]

use crate::told::{NAME, read};
use parsers::columns::ColumnMap;
use parsers::input::Input;
use parsers::position::DumpId;
use parsers::scan::Limits;
use parsers::scan::scanner::Scanner;
use std::io::{Cursor, Read, repeat};
use std::process::Command;

const LONG_BYTES: u64 = 100 << 20;

/// What a reading may add to the memory of a process, in KiB: the buffer, once grown, and the one it grew from.
const SHORT_KIB: u64 = 4 << 10;
/// The same where a row of the limit of 4 MiB must be held to see that it is longer.
const ROW_KIB: u64 = 12 << 10;

/// What stands before and behind the long part, what it is made of, what is read, and what that may take.
const CASES: [(&str, &str, &str, &str, u64); 9] = [
    ("a line of an unknown table", "COPY volumes (a) FROM stdin;\n", "\n\\.\n", "", SHORT_KIB),
    ("a literal of an unknown table", "INSERT INTO volumes VALUES ('", "');\n", "", SHORT_KIB),
    ("a statement", "COMMENT ON TABLE quotas IS '", "';\n", "", SHORT_KIB),
    ("a quoted function", "CREATE FUNCTION f() AS $x$", "$x$;\n", "", SHORT_KIB),
    ("a bare function", "CREATE PROCEDURE p() AS begin null;\n", "\n/\n", "", SHORT_KIB),
    ("a line comment", "-- ", "\n", "", SHORT_KIB),
    ("a comment", "/* ", "*/\n", "", SHORT_KIB),
    (
        "a row of COPY",
        "COPY quotas (id, note) FROM stdin;\n1\t",
        "\n2\tb\n\\.\n",
        "quotas, line 1: COPY, UTF8: id, note\n2:35: too long: 104857602 bytes\n3:104857638: 2 | b\n",
        ROW_KIB,
    ),
    (
        "a row of INSERT",
        "INSERT INTO quotas (id, note) VALUES (1, '",
        "'),\n(2, 'b');\n",
        "quotas, line 1: INSERT, UTF8: id, note\n1:37: too long: 104857607 bytes\n2:104857646: 2 | b\n",
        ROW_KIB,
    ),
];

const TAIL: &str =
    "INSERT INTO tag (resource_id, key) VALUES (1, 2);\n-- PostgreSQL database dump complete\n";

/// The greatest resident size of this process so far, in KiB.
fn greatest_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Reads one case in this process; answers the KiB that it took.
fn measure((what, before, behind, rows, _): (&str, &str, &str, &str, u64)) -> u64 {
    let dump = Cursor::new(before.to_owned())
        .chain(repeat(b'x').take(LONG_BYTES))
        .chain(Cursor::new(format!("{behind}{TAIL}")));
    let mut input = Input::from_reader(NAME, Box::new(dump), &std::env::temp_dir());
    let start = greatest_kib();
    let told = read(&mut input, Limits::default(), 0).unwrap();
    let taken = greatest_kib() - start;
    assert!(told.text.starts_with(rows), "{what}: {}", told.text);
    assert_eq!(told.text.matches("tag, line").count(), 1, "{what}: {}", told.text);
    taken
}

/// A text that is made as it is read: one statement for each number.
struct Statements {
    numbers: std::ops::Range<u32>,
    statement: fn(u32) -> String,
    rest: Cursor<String>,
}

impl Read for Statements {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        loop {
            match (self.rest.read(buffer)?, self.numbers.is_empty()) {
                (0, false) => {
                    let next = self.numbers.by_ref().take(1_000);
                    self.rest = Cursor::new(next.map(self.statement).collect());
                }
                (n, _) => return Ok(n),
            }
        }
    }
}

type Many = (&'static str, fn(u32) -> String, u32, u64);

/// Many statements, how many, and what of each of them may be held, in bytes.
const MANY: [Many; 3] = [
    (
        "tables that are created",
        |n| format!("CREATE TABLE t{n} (id integer, name text, more text);\n"),
        200_000,
        0,
    ),
    (
        "blocks of one row",
        |n| format!("COPY tag (resource_id, tag_key, tag_value) FROM stdin;\n{n}\tk\tv\n\\.\n"),
        200_000,
        240,
    ),
    ("rows that are replaced", |n| format!("-- etl replaces {n:032x}\n"), 1_000_000, 40),
];

/// Scans as pass one does, which keeps the blocks; answers the KiB that it took.
fn measure_many(case: usize) -> u64 {
    let (_, statement, count, _) = MANY[case];
    let text = Statements { numbers: 0..count, statement, rest: Cursor::default() };
    let text = text.chain(Cursor::new("-- PostgreSQL database dump complete\n"));
    let map = ColumnMap::built_in().unwrap();
    let mut input = Input::from_reader(NAME, Box::new(text), &std::env::temp_dir());
    let start = greatest_kib();
    let mut scanner = Scanner::new(&mut input, DumpId(0), &map, Limits::default()).unwrap();
    let mut blocks = Vec::new();
    while let Some(block) = scanner.block().unwrap() {
        assert_eq!(scanner.skip_block().unwrap(), 1);
        blocks.push(block);
    }
    let contents = scanner.finish().unwrap();
    let taken = greatest_kib() - start;
    assert!(
        blocks.len() + contents.replaced.len() == 0
            || blocks.len() + contents.replaced.len() == count as usize
    );
    taken
}

/// Runs `test` of this module again, in a process of its own, and returns the KiB that it says it grew by.
fn grown_by(test: &str, case: usize) -> u64 {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", &format!("memory::{test}"), "--nocapture"]);
    let output = child.env(CASE, case.to_string()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let grown: Option<u64> = said.split(LIMIT).nth(1).and_then(|rest| rest.split(' ').next()?.parse().ok());
    grown.unwrap_or_else(|| panic!("{test} {case}: {said}{}", String::from_utf8_lossy(&output.stderr)))
}

/// The variable that names the case to a process of its own, and how that says what it took.
const CASE: &str = "GRAMMAR_MEMORY_CASE";
const LIMIT: &str = "grew by ";

#[test]
fn what_is_passed_over_is_not_held() {
    if let Ok(case) = std::env::var(CASE) {
        println!("{LIMIT}{} KiB", measure(CASES[case.parse::<usize>().unwrap()]));
        return;
    }
    for (n, (what, .., most)) in CASES.iter().enumerate() {
        let grown = grown_by("what_is_passed_over_is_not_held", n);
        println!("{what}: {grown} KiB");
        assert!(grown <= *most, "{what}: {grown} KiB, at most {most}");
    }
}

#[test]
fn many_statements_are_held_in_few_bytes_each() {
    if let Ok(case) = std::env::var(CASE) {
        println!("{LIMIT}{} KiB", measure_many(case.parse().unwrap()));
        return;
    }
    for (n, (what, _, count, each)) in MANY.iter().enumerate() {
        let most = SHORT_KIB + u64::from(*count) * each / 1024;
        let grown = grown_by("many_statements_are_held_in_few_bytes_each", n);
        println!("{what}: {grown} KiB");
        assert!(grown <= most, "{what}: {grown} KiB, at most {most}");
    }
}
