//! Lines, literals and rows of 100 MB: what is passed over is never held.
//!
//! Each is read in a process of its own, whose greatest resident size is compared before and after.

#![cfg(target_os = "linux")]

use crate::told::{NAME, read};
use parsers::input::Input;
use parsers::scan::Limits;
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

#[test]
fn what_is_passed_over_is_not_held() {
    const CASE: &str = "GRAMMAR_MEMORY_CASE";
    const LIMIT: &str = "grew by ";
    if let Ok(case) = std::env::var(CASE) {
        println!("{LIMIT}{} KiB", measure(CASES[case.parse::<usize>().unwrap()]));
        return;
    }
    for (n, (what, .., most)) in CASES.iter().enumerate() {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "memory::what_is_passed_over_is_not_held", "--nocapture"]);
        let output = child.env(CASE, n.to_string()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let grown: Option<u64> =
            said.split(LIMIT).nth(1).and_then(|rest| rest.split(' ').next()?.parse().ok());
        let grown =
            grown.unwrap_or_else(|| panic!("{what}: {said}{}", String::from_utf8_lossy(&output.stderr)));
        println!("{what}: {grown} KiB");
        assert!(grown <= *most, "{what}: {grown} KiB, at most {most}");
    }
}
