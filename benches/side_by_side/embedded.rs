//! Measure 8: `etl run` into the embedded database beside what SQLite itself costs for the same rows.
//!
//! The floor has the same pragmas, prepared statements, one transaction, indexes after the load, and a file that is on disk
//! at the end. Reading the rows for it is not counted.

use crate::cost::{Cost, Told, ratio, wall};
use crate::dumps::{Dumps, number};
use crate::table::{Row, Rows};
use crate::{etl, say};
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use std::path::Path;
use std::time::{Duration, Instant};

/// Rows that are read at once, while the clock stands.
const BATCH: usize = 10_000;

/// Measures loads into a new file.
pub fn load(dumps: &Dumps, runs: u64, rows: &mut Rows) {
    let n = dumps.backups();
    say(&format!("{n} copies into an embedded database"));
    let (file, report) = (dumps.folder().join("karbor.db"), dumps.folder().join("report.json"));
    let run = || {
        let _ = std::fs::remove_file(&file);
        let mut command = etl("run");
        command.arg("--target").arg(&file).arg("--report").arg(&report).args(dumps.paths());
        Cost::of(&mut command, &[0, 3])
    };
    run();
    let told = Told::read(&report);
    let (mut ours, mut floor, mut written) = (Vec::new(), Vec::new(), 0);
    for _ in 0..runs {
        let (spent, inserted) = sqlite(&file, &dumps.folder().join("floor.db"));
        let seconds = spent.as_secs_f64();
        written = inserted;
        floor.push(Cost { wall: seconds, cpu: seconds });
        ours.push(run());
    }
    rows.push(Row {
        measure: 8,
        backups: n,
        what: format!(
            "`etl run` into SQLite / SQLite's own cost; {:.0} rows a second, peak {:.1} MiB",
            number(written) / wall(&ours),
            told.peak()
        ),
        figures: format!("{:.2} s / {:.2} s", wall(&ours), wall(&floor)),
        result: format!("{:.2}", ratio(&ours, &floor)),
        reach: "≤ 1.2",
    });
}

/// Inserts the rows of the database at `from` into a new one at `to`; answers the time that took, and the rows.
fn sqlite(from: &Path, to: &Path) -> (Duration, u64) {
    let _ = std::fs::remove_file(to);
    let source = Connection::open(from).expect("the database");
    let schema = |kind: &str| -> Vec<(String, String)> {
        let sql = "SELECT name, sql FROM sqlite_master WHERE type = ?1 AND sql IS NOT NULL AND name NOT LIKE 'sqlite%' ORDER BY rowid";
        let mut statement = source.prepare(sql).expect("a statement");
        let rows = statement.query_map([kind], |row| Ok((row.get(0)?, row.get(1)?))).expect("the schema");
        rows.map(|row| row.expect("a row")).collect()
    };
    let (tables, indexes) = (schema("table"), schema("index"));
    let began = Instant::now();
    let target = Connection::open(to).expect("there is room");
    let pragmas = "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -8192; PRAGMA foreign_keys = ON; BEGIN";
    target.execute_batch(pragmas).expect("the pragmas");
    for (_, sql) in &tables {
        target.execute_batch(sql).expect("a table");
    }
    let (mut spent, mut inserted) = (began.elapsed(), 0);
    for (table, _) in &tables {
        let (more, rows) = fill(&source, &target, table);
        spent += more;
        inserted += rows;
    }
    let began = Instant::now();
    for (_, sql) in &indexes {
        target.execute_batch(sql).expect("an index");
    }
    target.execute_batch("COMMIT").expect("the commit");
    target.close().expect("the end");
    std::fs::File::open(to).and_then(|file| file.sync_all()).expect("the disk");
    (spent + began.elapsed(), inserted)
}

fn fill(source: &Connection, target: &Connection, table: &str) -> (Duration, u64) {
    let mut select = source.prepare(&format!("SELECT * FROM {table}")).expect("the table");
    let columns = select.column_count();
    let places = vec!["?"; columns].join(", ");
    let mut insert = target.prepare(&format!("INSERT INTO {table} VALUES ({places})")).expect("a statement");
    let mut rows = select.query([]).expect("the rows");
    let (mut spent, mut inserted) = (Duration::ZERO, 0);
    loop {
        let mut batch: Vec<Vec<Value>> = Vec::new();
        while batch.len() < BATCH
            && let Some(row) = rows.next().expect("a row")
        {
            batch.push((0..columns).map(|n| row.get(n).expect("a value")).collect());
        }
        if batch.is_empty() {
            return (spent, inserted);
        }
        let began = Instant::now();
        for row in &batch {
            insert.execute(params_from_iter(row)).expect("a row");
            inserted += 1;
        }
        spent += began.elapsed();
    }
}
