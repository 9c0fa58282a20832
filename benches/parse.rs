//! How fast dumps are read: `scan` finds where rows end, as pass one does in the bulk tables; `rows` also cuts and decodes
//! every field, as pass two does.
//!
//! `cargo bench --bench parse [-- FILTER]`. The dumps are in the page cache. Each reading checks that no row is missing.

#![allow(clippy::expect_used, reason = "a measurement that cannot be made ends the program")]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use fixtures::{Database, Encoding, Form, Layout, Shape, Site};
use parsers::columns::ColumnMap;
use parsers::input::Input;
use parsers::position::DumpId;
use parsers::scan::scanner::Scanner;
use parsers::scan::{Chunk, Cut, Limits};
use std::hint::black_box;
use std::path::Path;
use std::time::Duration;
use tempfile::NamedTempFile;

/// Copies in the dump of cinder: about 15 MB of COPY text.
const BACKUPS: u64 = 20_000;

/// A dump on disk.
struct Dump {
    file: NamedTempFile,
    bytes: u64,
    rows: u64,
}

impl Dump {
    fn new(layout: Layout) -> Self {
        let mut file = NamedTempFile::new().expect("a temporary file");
        let site = Site::sized(1, BACKUPS);
        let written = site.write(Database::Cinder, &layout, &mut file).expect("a dump");
        Self { file, bytes: written.bytes, rows: written.rows.iter().map(|(_, rows)| rows).sum() }
    }

    fn scanner<'m>(&self, map: &'m ColumnMap) -> Scanner<'m> {
        let name = self.file.path().to_str().expect("a name in UTF-8");
        let mut input = Input::open(name, Path::new("/var/tmp")).expect("the dump");
        Scanner::new(&mut input, DumpId(0), map, Limits::default()).expect("a dump")
    }
}

/// One way to read a dump; answers its rows.
type Reading = fn(&Dump, &ColumnMap) -> u64;

/// Counts the rows of a dump.
fn scan(dump: &Dump, map: &ColumnMap) -> u64 {
    let mut scanner = dump.scanner(map);
    let mut rows = 0;
    while scanner.block().expect("a whole dump").is_some() {
        rows += scanner.skip_block().expect("a whole dump");
    }
    scanner.finish().expect("a whole dump");
    rows
}

/// Cuts and decodes the rows of a dump; answers how many there are.
fn rows(dump: &Dump, map: &ColumnMap) -> u64 {
    let mut scanner = dump.scanner(map);
    let mut chunk = Chunk::default();
    let mut count = 0;
    while let Some(block) = scanner.block().expect("a whole dump") {
        while scanner.chunk(&mut chunk).expect("a whole dump") != Cut::End {
            let mut rows = block.rows(&chunk);
            while let Some(row) = rows.next() {
                let row = row.expect("a good row");
                for index in 0..row.len() {
                    black_box(row.field(index));
                }
                count += 1;
            }
        }
    }
    scanner.finish().expect("a whole dump");
    count
}

fn parse(criterion: &mut Criterion) {
    let map = ColumnMap::built_in().expect("the map that is built in");
    let of = |shape, form, encoding| Layout { form, encoding, ..Layout::of(shape) };
    let escaping = Layout { conforming_strings: false, ..of(Shape::GaussDb1, Form::Inserts, Encoding::Gbk) };
    let dumps = [
        ("gs_dump 1, COPY, UTF8", of(Shape::GaussDb1, Form::Copy, Encoding::Utf8)),
        ("gs_dump 1, COPY, GBK", of(Shape::GaussDb1, Form::Copy, Encoding::Gbk)),
        ("gs_dump 6, INSERT, UTF8", of(Shape::OpenGauss6, Form::Inserts, Encoding::Utf8)),
        ("gs_dump 1, INSERT, GBK, backslashes escape", escaping),
        ("pg_dump 15, INSERT with columns, UTF8", of(Shape::PgDump15, Form::ColumnInserts, Encoding::Utf8)),
        ("pg_dump 18, INSERT of 100 rows, UTF8", of(Shape::PgDump18, Form::MultiRow(100), Encoding::Utf8)),
    ]
    .map(|(name, layout)| (name, Dump::new(layout)));
    let readings: [(&str, Reading); 2] = [("scan", scan), ("rows", rows)];
    for (reading, read) in readings {
        let mut group = criterion.benchmark_group(reading);
        group.sample_size(10).warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(3));
        for (name, dump) in &dumps {
            group.throughput(Throughput::ElementsAndBytes { elements: dump.rows, bytes: dump.bytes });
            group.bench_with_input(BenchmarkId::from_parameter(name), dump, |bencher, dump| {
                bencher.iter(|| assert_eq!(read(dump, &map), dump.rows, "rows of {name}"));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, parse);
criterion_main!(benches);
