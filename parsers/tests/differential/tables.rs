//! The rows of tables, as `parsers` reads them from a dump and as the server gives them back.

use parsers::columns::ColumnMap;
use parsers::input::Input;
use parsers::position::DumpId;
use parsers::scan::scanner::Scanner;
use parsers::scan::{Chunk, Cut, Form, Limits};
use std::collections::BTreeMap;
use std::io::Cursor;

/// The fields of a row; NULL is `None`.
pub(crate) type Row = Vec<Option<String>>;

/// A table's rows.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Rows {
    pub(crate) columns: Vec<String>,
    /// Whether the dump has INSERT statements.
    pub(crate) inserts: bool,
    pub(crate) rows: Vec<Row>,
}

/// Tables by name.
pub(crate) type Tables = BTreeMap<String, Rows>;

/// The tables of a dump, all of which must be known, as `parsers` reads them.
#[track_caller]
pub(crate) fn parse(dump: &[u8]) -> Tables {
    let map = ColumnMap::built_in().unwrap();
    let source = Box::new(Cursor::new(dump.to_vec()));
    let mut input = Input::from_reader("dump.sql", source, &std::env::temp_dir());
    let mut scanner = Scanner::new(&mut input, DumpId(0), &map, Limits::default()).unwrap();
    let mut tables = Tables::new();
    let mut chunk = Chunk::default();
    while let Some(block) = scanner.block().unwrap_or_else(|error| panic!("{error}")) {
        let inserts = block.form != Form::Copy;
        let columns = block.columns.to_vec();
        let table = tables.entry(block.table.name().to_owned()).or_insert_with(|| Rows {
            columns,
            inserts,
            rows: Vec::new(),
        });
        assert_eq!((&*block.columns, inserts), (&table.columns, table.inserts));
        loop {
            match scanner.chunk(&mut chunk).unwrap_or_else(|error| panic!("{error}")) {
                Cut::End => break,
                Cut::TooLong(origin) => panic!("{origin:?} is too long"),
                Cut::Rows => {
                    let mut rows = block.rows(&chunk);
                    while let Some(row) = rows.next() {
                        let row = row.unwrap_or_else(|bad| panic!("{bad:?}"));
                        table.rows.push((0..row.len()).map(|i| row.field(i).map(str::to_owned)).collect());
                    }
                }
            }
        }
    }
    let contents = scanner.finish().unwrap();
    assert!(contents.other_tables.is_empty(), "{:?}", contents.other_tables);
    tables
}

/// Compares row for row and field for field, and tells the first that differs. A server gives rows in no certain order.
#[track_caller]
pub(crate) fn check_same(read: &Tables, stored: &Tables, what: &str) {
    let names = |tables: &Tables| tables.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(read), names(stored), "{what}: tables");
    for (table, read) in read {
        let stored = &stored[table];
        assert_eq!(read.rows.len(), stored.rows.len(), "{what}: rows of {table}");
        for (read, stored) in sorted(&read.rows).into_iter().zip(sorted(&stored.rows)) {
            assert_eq!(read, stored, "{what}: {table}");
        }
        assert_eq!(read.columns, stored.columns, "{what}: columns of {table}");
    }
}

fn sorted(rows: &[Row]) -> Vec<&Row> {
    let mut rows: Vec<&Row> = rows.iter().collect();
    rows.sort_unstable();
    rows
}
