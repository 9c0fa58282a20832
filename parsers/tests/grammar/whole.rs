//! Every dump that stands under `fixtures/dumps`, and every form that `fixtures` can write: cut off, and with what other programs
//! add to it.

use crate::told::{Told, piped, read};
use fixtures::{Database, Form, Layout, Newline, Shape, Site};
use memchr::memmem;
use parsers::error::Result;
use parsers::scan::Limits;
use std::fs;

/// A dump, and how it came about.
pub(crate) struct Dump {
    pub(crate) what: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) form: Form,
}

/// All of them.
pub(crate) fn dumps() -> Vec<Dump> {
    let mut dumps = Vec::new();
    for database in Database::ALL {
        let path = database.bundled();
        let bytes = fs::read(&path).unwrap();
        dumps.push(Dump { what: path.display().to_string(), bytes, form: Form::Copy });
    }
    let site = Site::sized(31, 12);
    for (shape, form, newline) in shapes() {
        for database in Database::ALL {
            let mut bytes = Vec::new();
            let layout = Layout { form, newline, ..Layout::of(shape) };
            site.write(database, &layout, &mut bytes).unwrap();
            dumps.push(Dump { what: format!("{} as {layout:?}", database.file_name()), bytes, form });
        }
    }
    dumps
}

fn shapes() -> Vec<(Shape, Form, Newline)> {
    let mut shapes = Vec::new();
    for shape in Shape::ALL {
        for form in [Form::Copy, Form::Inserts, Form::ColumnInserts, Form::MultiRow(7)] {
            let modern = matches!(shape, Shape::PgDump15 | Shape::PgDump18);
            if modern || !matches!(form, Form::MultiRow(_)) {
                shapes.push((shape, form, Newline::Lf));
            }
        }
    }
    shapes.push((Shape::GaussDb1, Form::Copy, Newline::Crlf));
    shapes
}

pub(crate) fn read_bytes(bytes: &[u8]) -> Result<Told> {
    read(&mut piped(bytes, bytes.len().max(1)), Limits::default(), 0)
}

/// Where a dump's opening comment ends and its closing comment begins.
fn inside(dump: &[u8]) -> (usize, usize) {
    let opening = memmem::find(dump, b" database dump").unwrap() + b" database dump\r\n".len();
    let closing = memmem::rfind(dump, b" database dump complete").unwrap();
    (opening, closing + b" database dump complet".len())
}

#[test]
fn a_dump_that_is_cut_off_is_refused_though_a_whole_one_follows() {
    for Dump { what, bytes, .. } in dumps() {
        let (from, to) = inside(&bytes);
        let lines = memchr::memchr_iter(b'\n', &bytes[..to]).map(|n| n + 1).filter(|n| *n >= from);
        let lines: Vec<usize> = lines.collect();
        let step = (lines.len() / 10).max(1);
        let bytes_between = (0..10).map(|n| from + (to - from) * n / 10);
        for cut in lines.iter().copied().step_by(step).chain(bytes_between).chain([from, to]) {
            for end in ["", "\n\\.\n\n", "\n\\.\n;\n\n"] {
                let mut file = bytes[..cut].to_vec();
                file.extend_from_slice(end.as_bytes());
                file.extend_from_slice(&bytes);
                let read = read_bytes(&file);
                let bad = read.as_ref().is_ok_and(|told| told.text.contains(": bad: "));
                assert!(read.is_err() || bad, "{what}, cut at byte {cut}, {end:?}: was read");
            }
        }
        // The same two in a row, whole, are one file with all rows twice.
        let rows = |file: &[u8]| read_bytes(file).unwrap().rows.len();
        assert_eq!(rows(&[&bytes[..], &bytes].concat()), 2 * rows(&bytes), "{what}");
    }
}

const PROGRESS: &str = "Progress: [=>   ] 2% (1/37, cur_step/total_step). reading schemas \rProgress: [=====] 100% (37/37, cur_step/total_step). finish scanning database    \nProgress: [=====] 100% (12/12, dumpObjNums/totalObjNums). dump objects \n";

#[test]
fn progress_between_statements_is_passed_over_and_counted_and_among_rows_it_is_damage() {
    for Dump { what, bytes, form } in dumps() {
        let sound = read_bytes(&bytes).unwrap();
        let around = [PROGRESS.as_bytes(), &bytes, PROGRESS.as_bytes()].concat();
        let read = read_bytes(&around).unwrap();
        assert_eq!(read.rows.len(), sound.rows.len(), "{what}");
        assert!(read.text.ends_with("progress reports: 6\n"), "{what}: {}", read.text);
        let data: &[u8] = if form == Form::Copy { b"\nCOPY " } else { b"\nINSERT " };
        let at = memmem::find(&bytes, data).unwrap() + 1;
        let mut between = bytes.clone();
        between.splice(at..at, PROGRESS.bytes());
        assert_eq!(read_bytes(&between).unwrap().rows.len(), sound.rows.len(), "{what}");
        if form == Form::Copy {
            let behind = at + memchr::memchr(b'\n', &bytes[at..]).unwrap() + 1;
            let mut among = bytes.clone();
            among.splice(behind..behind, PROGRESS.bytes());
            let text = read_bytes(&among).unwrap().text;
            assert!(text.contains(": bad: has 1 field where"), "{what}: {text}");
        }
    }
}

/// The first value of the first row of each table's INSERTs: where it begins and ends.
fn first_values(dump: &[u8]) -> Vec<(usize, usize)> {
    let mut tables = std::collections::BTreeSet::new();
    let mut values = Vec::new();
    for at in memmem::find_iter(dump, b"\nINSERT INTO ") {
        let name = dump[at + 13..].split(|byte| *byte == b' ').next().unwrap();
        if tables.insert(name.to_vec()) {
            let row = at + memmem::find(&dump[at..], b"VALUES").unwrap() + 6;
            let start = row + memchr::memchr(b'(', &dump[row..]).unwrap() + 1;
            values.push((start, start + memchr::memchr(b',', &dump[start..]).unwrap()));
        }
    }
    values
}

#[test]
fn a_value_that_is_no_literal_is_refused_wherever_it_stands_and_a_cast_is_applied() {
    let mut seen = 0;
    for Dump { what, bytes, .. } in dumps() {
        let sound = read_bytes(&bytes).unwrap();
        for (start, end) in first_values(&bytes) {
            seen += 1;
            let with = |value: &str| {
                let mut changed = bytes.clone();
                changed.splice(start..end, value.bytes());
                let text = read_bytes(&changed).unwrap().text;
                let other = text.lines().zip(sound.text.lines()).find(|(now, before)| {
                    let rest = |line: &str| line.split_once(": ").map(|(_, cells)| cells.to_owned());
                    rest(now) != rest(before)
                });
                other.map(|(line, _)| line.to_owned()).unwrap_or_default()
            };
            for word in
                ["7+1", "2018-01-02", "12ab", "0x10", "1.2.3", "1_000", "now()", "'a' || 'b'", "'a' 'b'"]
            {
                let line = with(word);
                assert!(line.contains(": bad: has no literal as value 1: "), "{what}: {word}: {line}");
            }
            let line = with("'abcdef'::varchar(3)");
            assert!(line.contains(": abc | "), "{what}: {line}");
            let line = with("'abcdef'::bytea");
            assert!(line.contains(": bad: has a cast behind value 1 that is not applied"), "{what}: {line}");
        }
    }
    assert!(seen > 100, "{seen} tables");
}
