//! Measures 1, 2, 5, 6, 7 and 9: `etl run` into PostgreSQL beside what psql does.

use crate::cost::{self, Cost, Told};
use crate::dumps::{Dumps, number};
use crate::table::{Row, Rows};
use crate::{etl, say};
use fixtures::server::Server;
use fixtures::{Form, Site};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

const TABLES: [&str; 6] = [
    "plans",
    "resources",
    "triggers",
    "scheduled_operations",
    "scheduled_operation_states",
    "checkpoint_items",
];

/// A server that keeps its promises: what is committed is on disk.
pub fn server() -> Server {
    Server::builder()
        .settings("fsync = on\nfull_page_writes = on\nmax_wal_size = '16GB'\nshared_buffers = '512MB'")
        .start()
}

/// Karbor's tables in a database of their own.
struct Karbor<'s> {
    server: &'s Server,
    database: String,
}

impl<'s> Karbor<'s> {
    fn new(server: &'s Server) -> Self {
        let database = server.create_db();
        server.psql(&database, include_str!("../../fixtures/karbor.sql"));
        server.psql(
            &database,
            "INSERT INTO services (host, \"binary\", report_count, disabled, deleted, created_at) \
             VALUES ('node1', 'karbor-operationengine', 0, false, false, '2018-01-01')",
        );
        Self { server, database }
    }

    fn clear(&self) {
        self.server.psql(&self.database, &format!("TRUNCATE {}; CHECKPOINT", TABLES.join(", ")));
    }

    /// `etl run` into the empty tables.
    fn run(&self, dumps: &Dumps) -> (Cost, Told) {
        self.clear();
        self.run_again(dumps)
    }

    /// `etl run` into the tables as they are.
    fn run_again(&self, dumps: &Dumps) -> (Cost, Told) {
        let report = dumps.folder().join("report.json");
        let mut command = etl("run");
        let url = self.server.url(&self.database);
        command.args(["--target", &url, "--report"]).arg(&report).args(dumps.paths());
        let cost = Cost::of(&mut command, &[0, 3]);
        (cost, Told::read(&report))
    }

    /// psql with a script, into the empty tables.
    fn psql(&self, script: &Path) -> Cost {
        let mut command = Command::new("psql");
        command
            .args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", &self.server.url(&self.database), "-f"])
            .arg(script);
        self.clear();
        Cost::of(&mut command, &[0])
    }

    fn rows(&self) -> Vec<String> {
        let count = |table| self.server.psql(&self.database, &format!("SELECT count(*) FROM {table}"));
        TABLES.iter().map(count).collect()
    }

    /// Writes the rows that are there as binary files, and a script that loads them in one transaction.
    fn floor(&self, folder: &Path) -> PathBuf {
        let mut script = String::from("BEGIN;\n");
        for table in TABLES {
            let file = folder.join(format!("{table}.bin"));
            let copy = format!("\\copy {table} {{}} '{}' WITH BINARY\n", file.display());
            self.server.psql(&self.database, &copy.replace("{}", "TO"));
            script.push_str(&copy.replace("{}", "FROM"));
        }
        script.push_str("COMMIT;\n");
        let path = folder.join("floor.psql");
        std::fs::write(&path, script).expect("there is room");
        path
    }
}

/// The dumps into staging tables and one INSERT … SELECT, as an engineer would do it without a tool.
fn staging(dumps: &Dumps) -> PathBuf {
    let mut script = String::from("BEGIN;\nCREATE SCHEMA staging;\n");
    for path in dumps.paths() {
        let text = std::fs::read_to_string(&path).expect("a dump");
        let moved =
            text.replace("public.", "staging.").replace("\\restrict", "-- ").replace("\\unrestrict", "-- ");
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let file = dumps.folder().join(format!("staging-{name}"));
        std::fs::write(&file, moved).expect("there is room");
        let _ = writeln!(script, "\\i '{}'", file.display());
    }
    script.push_str("SET search_path = public;\n");
    script.push_str(include_str!("staging.sql"));
    script.push_str("DROP SCHEMA staging CASCADE;\nCOMMIT;\n");
    let path = dumps.folder().join("staging.psql");
    std::fs::write(&path, script).expect("there is room");
    path
}

/// Measures 1, 2, 5 and 9: a load beside the floor, beside the staging tables, and once more.
pub fn load(server: &Server, dumps: &Dumps, runs: u64, rows: &mut Rows) {
    let karbor = Karbor::new(server);
    let n = dumps.backups();
    say(&format!("{n} copies into PostgreSQL"));
    let (_, told) = karbor.run(dumps);
    let (written, floor_script, staging_script) =
        (karbor.rows(), karbor.floor(dumps.folder()), staging(dumps));
    let (mut ours, mut again, mut floor, mut staged) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..runs {
        floor.push(karbor.psql(&floor_script));
        assert_eq!(karbor.rows(), written, "the floor loads the same rows");
        ours.push(karbor.run(dumps).0);
        assert_eq!(karbor.rows(), written, "each run loads the same rows");
        again.push(karbor.run_again(dumps).0);
        assert_eq!(karbor.rows(), written, "a second run adds nothing");
        staged.push(karbor.psql(&staging_script));
        assert_eq!(karbor.rows().last(), written.last(), "the statement makes as many items");
    }
    let (wall, base) = (cost::wall(&ours), cost::wall(&floor));
    rows.push(Row {
        measure: 1,
        backups: n,
        what: "`etl run` into PostgreSQL / psql, the final rows by binary COPY".to_owned(),
        figures: format!("{wall:.2} s / {base:.2} s"),
        result: format!("{:.2}", cost::ratio(&ours, &floor)),
        reach: "≤ 1.10",
    });
    rows.push(Row {
        measure: 2,
        backups: n,
        what: "`etl run` / psql into staging tables, INSERT … SELECT".to_owned(),
        figures: format!("{wall:.2} s / {:.2} s", cost::wall(&staged)),
        result: format!("{:.2}", cost::ratio(&ours, &staged)),
        reach: "≤ 0.3",
    });
    rows.push(Row {
        measure: 5,
        backups: n,
        what: "peak memory of `etl run` into PostgreSQL".to_owned(),
        figures: format!("{:.2} CPU s", cost::cpu(&ours)),
        result: format!("{:.1} MiB", told.peak()),
        reach: "≤ 64 MiB",
    });
    rows.push(Row {
        measure: 9,
        backups: n,
        what: "`etl run` that changes nothing / the first run".to_owned(),
        figures: format!("{:.2} s / {wall:.2} s", cost::wall(&again)),
        result: format!("{:.2}", cost::ratio(&again, &ours)),
        reach: "≤ 1",
    });
}

/// Measures 5 and 6: memory and time for each row as the number of copies grows, and how the floor grows with it.
pub fn growth(server: &Server, sizes: &[u64], policies: u64, rows: &mut Rows) {
    let mut first = None;
    for &n in sizes {
        say(&format!("{n} copies: memory and time for each row"));
        let dumps = Dumps::of(n, policies, Form::Copy);
        let karbor = Karbor::new(server);
        let (ours, told) = karbor.run(&dumps);
        let written: u64 = karbor.rows().iter().map(|rows| rows.parse::<u64>().expect("a number")).sum();
        let floor = karbor.psql(&karbor.floor(dumps.folder()));
        let micros = [ours.wall, ours.cpu, floor.wall].map(|seconds| seconds / number(written) * 1e6);
        let [wall, cpu, base] = micros;
        let (first_peak, [first_wall, first_cpu, first_base]) = *first.get_or_insert((told.peak(), micros));
        rows.push(Row {
            measure: 5,
            backups: n,
            what: "peak memory of `etl run`, against the first size".to_owned(),
            figures: format!("{:.1} MiB", told.peak()),
            result: format!("{:.2}", told.peak() / first_peak),
            reach: "≤ 1.1, ≤ 64 MiB",
        });
        rows.push(Row {
            measure: 6,
            backups: n,
            what: "time for each row: on the wall, etl's own on the processor, the floor; against the first size".to_owned(),
            figures: format!("{wall:.1} µs, {cpu:.2} µs, {base:.1} µs"),
            result: format!("{:.2}, {:.2}, {:.2}", wall / first_wall, cpu / first_cpu, base / first_base),
            reach: "≤ 1.1",
        });
    }
}

/// A site that asks for one thing only, read and then loaded beside the floor.
pub fn odd(server: &Server, site: Site, what: &str, held: u64, runs: u64, rows: &mut Rows) {
    say(what);
    let dumps = Dumps::make(site, Form::Copy);
    let report = dumps.folder().join("report.json");
    let check = || {
        let mut command = etl("check");
        command.arg("--report").arg(&report).args(dumps.paths());
        Cost::of(&mut command, &[0])
    };
    let checks: Vec<_> = (0..runs).map(|_| check()).collect();
    let told = Told::read(&report);
    let law = 64.0 + 300.0 * number(held) / f64::from(1 << 20);
    rows.push(Row {
        measure: 7,
        backups: dumps.backups(),
        what: format!("`etl check`: {what}"),
        figures: format!("{:.2} s, {:.2} CPU s", cost::wall(&checks), cost::cpu(&checks)),
        result: format!("{:.1} MiB", told.peak()),
        reach: if held > 0 { "≤ 5 s" } else { "" },
    });
    assert!(told.peak() <= law, "{} MiB are above the law's {law}", told.peak());
    let karbor = Karbor::new(server);
    let (_, told) = karbor.run(&dumps);
    let script = karbor.floor(dumps.folder());
    let (mut ours, mut floor) = (Vec::new(), Vec::new());
    for _ in 0..runs {
        floor.push(karbor.psql(&script));
        ours.push(karbor.run(&dumps).0);
    }
    rows.push(Row {
        measure: 7,
        backups: dumps.backups(),
        what: format!("`etl run` / the floor: {what}; peak {:.1} MiB", told.peak()),
        figures: format!("{:.2} s / {:.2} s", cost::wall(&ours), cost::wall(&floor)),
        result: format!("{:.2}", cost::ratio(&ours, &floor)),
        reach: "",
    });
}
