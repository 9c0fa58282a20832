//! How many allocations a copy costs: the difference between two runs, by the copies that one has more.
//!
//! `cargo bench --bench allocations`. No field of a row may have an allocation of its own: more than one allocation for
//! each copy is an error. What is held for joins is the same in both runs.

#![allow(clippy::expect_used, reason = "a measurement that cannot be made ends the program")]

use fixtures::{Database, Layout, Shape, Site};
use parsers::columns::ColumnMap;
use parsers::input::Input;
use parsers::scan::Limits;
use pipeline::compare::Prune;
use pipeline::options::{Mode, Options};
use pipeline::progress::{Cancel, Progress};
use pipeline::settings::Settings;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, Stats, StatsAlloc};
use std::alloc::System;
use std::sync::Arc;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// What a run with so many copies allocates.
fn run(database: Database, copies: u64) -> Stats {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(database.file_name());
    let site = Site { dps_copies: copies, dps_plans: 10, ..Site::sized(1, copies) };
    let mut file = std::fs::File::create(&path).expect("a file");
    site.write(database, &Layout::of(Shape::PgDump15), &mut file).expect("a dump");
    let options = Options {
        settings: Settings::default(),
        columns: ColumnMap::built_in().expect("the map that is built in"),
        limits: Limits::default(),
        threads: 1,
        rejects: None,
        rejects_taken: pipeline::files::place::Foreign::Refuse,
        noting: pipeline::row_outcomes::Noting::Nothing,
        proof: None,
        prune: Prune::No,
        tuning: pipeline::options::tuning(&std::env::temp_dir()),
        mode: Mode::Check,
    };
    let mut inputs = [Input::open(path.to_str().expect("UTF-8"), folder.path()).expect("the dump")];
    let progress = Progress::new(inputs.len());
    let region = Region::new(ALLOCATOR);
    let report = pipeline::run::run(&mut inputs, None, &options, &progress, &Arc::new(Cancel::default()));
    let stats = region.change();
    assert_eq!(report.expect("the dump is sound").rejected, 0);
    stats
}

fn main() {
    const FEW: u32 = 20_000;
    const MORE: u32 = 60_000;
    for database in [Database::Cinder, Database::Dps] {
        let (few, more) = (run(database, FEW.into()), run(database, MORE.into()));
        let each = |few: usize, more: usize| {
            let difference = u32::try_from(more.saturating_sub(few)).expect("a small number");
            f64::from(difference) / f64::from(MORE - FEW)
        };
        let allocations = each(few.allocations, more.allocations);
        let reallocations = each(few.reallocations, more.reallocations);
        #[allow(clippy::print_stdout, reason = "this is what the program is for")]
        {
            println!(
                "{}: {allocations:.3} allocations and {reallocations:.3} reallocations for each copy",
                database.file_name()
            );
        }
        assert!(allocations <= 1.0, "a field has an allocation of its own");
    }
}
