//! How fast a whole site is converted: a run in check mode without a target, from the dumps on disk to encoded rows, and a
//! run into a new embedded database.
//!
//! `cargo bench --bench convert [-- FILTER]`. The dumps are in the page cache. Each run checks what became of every table's
//! rows.

#![allow(clippy::expect_used, reason = "a measurement that cannot be made ends the program")]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use fixtures::{Database, Expected, Inputs, Layout, Site};
use parsers::columns::ColumnMap;
use parsers::input::Input;
use parsers::scan::Limits;
use pipeline::compare::Prune;
use pipeline::load::names::TargetNames;
use pipeline::load::spec::Spec;
use pipeline::load::{self, Context, Target};
use pipeline::options::{Mode, Options, default_threads};
use pipeline::outcome::Ending;
use pipeline::progress::{Cancel, Progress};
use pipeline::settings::Settings;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// Copies in cinder's dump; about 100 MB of dumps in all.
const BACKUPS: u64 = 100_000;

/// The dumps of a site, and what must become of their rows.
struct Dumps {
    folder: TempDir,
    bytes: u64,
    rows: u64,
    expected: Expected,
}

impl Dumps {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let site = Site::sized(1, BACKUPS);
        let (mut bytes, mut rows) = (0, 0);
        for database in Database::ALL {
            let mut file = File::create(folder.path().join(database.file_name())).expect("a file");
            let written = site.write(database, &Layout::default(), &mut file).expect("a dump");
            bytes += written.bytes;
            rows += written.rows.iter().map(|(_, rows)| rows).sum::<u64>();
        }
        Self { folder, bytes, rows, expected: site.expected(Inputs::ALL) }
    }

    fn inputs(&self) -> Vec<Input> {
        let open = |database: Database| {
            let path = self.folder.path().join(database.file_name());
            Input::open(path.to_str().expect("a name in UTF-8"), self.folder.path()).expect("the dump")
        };
        Database::ALL.map(open).into()
    }
}

fn convert_all(dumps: &Dumps, target: Option<Box<dyn Target>>, options: &Options) {
    let mut inputs = dumps.inputs();
    let progress = Progress::new(inputs.len());
    let report = pipeline::run::run(&mut inputs, target, options, &progress, &Arc::new(Cancel::default()));
    let report = report.expect("the dumps are sound");
    let ending = if options.mode == Mode::Run { Ending::Committed } else { Ending::Checked };
    assert_eq!((report.ending, report.rejected), (ending, 0));
    for (table, tally) in &report.sources {
        let expected = dumps.expected.table(table);
        let found = (tally.read, tally.migrated, tally.all_skipped(), tally.all_deferred());
        assert_eq!(
            found,
            (expected.read(), expected.migrated, expected.skipped_rows(), expected.deferred),
            "{table}"
        );
    }
}

fn convert(criterion: &mut Criterion) {
    let dumps = Dumps::new();
    let mut group = criterion.benchmark_group("convert");
    group.sample_size(10).warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(10));
    group.throughput(Throughput::ElementsAndBytes { elements: dumps.rows, bytes: dumps.bytes });
    let mut counts = vec![1, default_threads()];
    counts.dedup();
    for threads in counts {
        let options = options(threads, Mode::Check);
        group.bench_with_input(BenchmarkId::new("threads", threads), &options, |bencher, options| {
            bencher.iter(|| convert_all(&dumps, None, options));
        });
    }
    let file = dumps.folder.path().join("karbor.db");
    let options = options(default_threads(), Mode::Run);
    group.bench_with_input(BenchmarkId::new("into", "SQLite"), &options, |bencher, options| {
        bencher.iter(|| {
            convert_all(&dumps, Some(embedded(&file)), options);
            std::fs::remove_file(&file).expect("the database");
        });
    });
    group.finish();
}

fn options(threads: usize, mode: Mode) -> Options {
    let columns = ColumnMap::built_in().expect("the map that is built in");
    Options {
        settings: Settings::default(),
        columns,
        limits: Limits::default(),
        threads,
        rejects: None,
        rejects_taken: pipeline::files::place::Foreign::Refuse,
        noting: pipeline::row_outcomes::Noting::Nothing,
        proof: None,
        prune: Prune::No,
        tuning: pipeline::options::tuning(&std::env::temp_dir()),
        mode,
    }
}

fn embedded(file: &Path) -> Box<dyn Target> {
    let context = Context {
        names: TargetNames::default(),
        service_id: None,
        trust_known: true,
        ask: Box::new(|_| None),
        cancel: Arc::new(Cancel::default()),
        replace: false,
    };
    load::open(&Spec::Sqlite(file.to_owned()), context).expect("a target")
}

criterion_group!(benches, convert);
criterion_main!(benches);
