//! How fast each step of pass two is, on one thread and without a disk: COPY lines into fields, INSERT rows into fields, JSON
//! members, each transform, and the encoding for each kind of target.
//!
//! `cargo bench --bench transform [-- FILTER]`. Each step checks what came of it.

#![allow(clippy::expect_used, reason = "a measurement that cannot be made ends the program")]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use fixtures::{Database, Form, Layout as DumpLayout, Shape, Site};
use parsers::columns::ColumnMap;
use parsers::input::Input;
use parsers::models::{cinder, dps};
use parsers::position::DumpId;
use parsers::scan::scanner::Scanner;
use parsers::scan::{Block, Chunk, Cut, Limits};
use parsers::table::Table;
use pipeline::karbor::ITEMS;
use pipeline::karbor::layout::{Format, Layout};
use pipeline::settings::Settings;
use pipeline::transform::cinder::Backups;
use pipeline::transform::dps::{DpsPlansOfItems, Items};
use pipeline::transform::items::{
    Converted, CopyContext, IdSet, JobLinks, PlansOfPolicies, Replaced, Transform,
};
use pipeline::transform::rejections::DumpNames;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

/// Copies of each dump: some ten chunks.
const COPIES: u64 = 4_000;

/// A bulk block in memory.
struct Bulk {
    block: Arc<Block>,
    chunks: Vec<Chunk>,
    rows: u64,
    bytes: u64,
}

impl Bulk {
    fn of(database: Database, table: Table, form: Form, map: &ColumnMap) -> Self {
        let site = Site { dps_copies: COPIES, ..Site::sized(1, COPIES) };
        let layout = DumpLayout { form, ..DumpLayout::of(Shape::PgDump15) };
        let mut dump = Vec::new();
        site.write(database, &layout, &mut dump).expect("a dump");
        let folder = tempfile::tempdir().expect("a folder");
        let mut input = Input::from_reader("d.sql", Box::new(std::io::Cursor::new(dump)), folder.path());
        let mut scanner = Scanner::new(&mut input, DumpId(0), map, Limits::default()).expect("a dump");
        loop {
            let block = scanner.block().expect("a whole dump").expect("the table");
            if block.table != table {
                scanner.skip_block().expect("a whole dump");
                continue;
            }
            let mut chunks = Vec::new();
            let mut chunk = Chunk::default();
            while scanner.chunk(&mut chunk).expect("a whole dump") != Cut::End {
                chunks.push(chunk.clone());
            }
            let rows = chunks.iter().map(|chunk| chunk.rows).sum();
            let bytes = chunks.iter().map(|chunk| u64::try_from(chunk.bytes.len()).expect("small")).sum();
            return Self { block, chunks, rows, bytes };
        }
    }

    fn throughput(&self) -> Throughput {
        Throughput::ElementsAndBytes { elements: self.rows, bytes: self.bytes }
    }

    /// The rows with all their fields; answers how many.
    fn fields(&self) -> u64 {
        let mut count = 0;
        for chunk in &self.chunks {
            let mut rows = self.block.rows(chunk);
            while let Some(row) = rows.next() {
                let row = row.expect("a good row");
                (0..row.len()).for_each(|n| _ = black_box(row.field(n)));
                count += 1;
            }
        }
        count
    }
}

fn fields(criterion: &mut Criterion) {
    let map = ColumnMap::built_in().expect("the map that is built in");
    let mut group = criterion.benchmark_group("fields");
    for (name, form) in [("COPY", Form::Copy), ("INSERT", Form::Inserts)] {
        let bulk = Bulk::of(Database::Cinder, Table::Backups, form, &map);
        group.throughput(bulk.throughput());
        group.bench_function(name, |bencher| bencher.iter(|| assert_eq!(bulk.fields(), COPIES)));
    }
    group.finish();
}

fn json(criterion: &mut Criterion) {
    let text = r#"{"DL": 3, "VK": "", "bootable": true, "SP": "cfddf23a-7416-4ef4-ab07-73b69e27cb82/0512b31e-9dec-407b-a194-2564c1cea6e2", "backupurl": "6aecfa2e-63c3-4986-a5c9-0c62acd86341", "ST": 0, "BT": "2", "SS": 36, "BP": "10.3.47.9:/csbsPrivateBackup", "CMKID": "", "progress": "0", "CS": 615, "VT": "pool1", "Type": 0, "ebk_T_I": "a396c9ef-2dad-44c3-b449-13ee20030300", "AT": 42.5}"#;
    let mut group = criterion.benchmark_group("json");
    group.throughput(Throughput::Bytes(u64::try_from(text.len()).expect("small")));
    group.bench_function("members", |bencher| {
        bencher.iter(|| {
            let [speed, saving] = parsers::json::members(black_box(text), ["AT", "SS"]).expect("an object");
            assert_eq!(
                (speed.map(|raw| raw.json()), saving.map(|raw| raw.json())),
                (Some("42.5"), Some("36"))
            );
        });
    });
    group.finish();
}

fn transforms(criterion: &mut Criterion) {
    let map = ColumnMap::built_in().expect("the map that is built in");
    let settings = Settings::default();
    let names = DumpNames(vec!["d.sql".to_owned()]);
    let (links, plans, replaced) = (JobLinks::default(), PlansOfPolicies::default(), Replaced::default());
    let (dps_plans, dps_copies) = (DpsPlansOfItems::default(), IdSet::default());
    let mut group = criterion.benchmark_group("transform");
    for (database, table) in
        [(Database::Cinder, Table::Backups), (Database::Dps, Table::BackupTransactionItem)]
    {
        let bulk = Bulk::of(database, table, Form::Copy, &map);
        let at = parsers::position::Place { dump: "d.sql".to_owned(), position: bulk.block.statement };
        let binding = map.bind(table, &bulk.block.columns, bulk.block.oids, &at).expect("the columns");
        let transform: Box<dyn Transform> = match table {
            Table::Backups => Box::new(Backups { columns: cinder::Columns::bind(&binding) }),
            _ => Box::new(Items { columns: dps::ItemColumns::bind(&binding) }),
        };
        group.throughput(bulk.throughput());
        for (name, format) in
            [("PostgreSQL", Format::Binary), ("script", Format::Text), ("SQLite", Format::Tagged)]
        {
            let layout = Layout::built_in(&ITEMS, format);
            let context = CopyContext {
                settings: &settings,
                layout: &layout,
                names: &names,
                links: &links,
                plans: &plans,
                dps_plans: &dps_plans,
                dps_copies: &dps_copies,
                replaced: &replaced,
                noting: &pipeline::row_outcomes::Noting::Nothing,
            };
            group.bench_with_input(BenchmarkId::new(table.name(), name), &context, |bencher, context| {
                bencher.iter(|| {
                    let mut read = 0;
                    for chunk in &bulk.chunks {
                        let mut converted = Converted::default();
                        transform.chunk(&bulk.block, chunk, context, &mut converted);
                        let tally = &converted.tally;
                        assert_eq!((tally.rejected, tally.migrated), (0, converted.rows));
                        read += tally.migrated + tally.all_skipped() + tally.all_deferred();
                    }
                    assert_eq!(read, COPIES);
                });
            });
        }
    }
    group.finish();
}

fn configured() -> Criterion {
    Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
}

criterion_group!(name = benches; config = configured(); targets = fields, json, transforms);
criterion_main!(benches);
