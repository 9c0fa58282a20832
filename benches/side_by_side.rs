//! The measures that count, side by side in one run against a private PostgreSQL, printed as Markdown.
//!
//! `cargo bench --bench side_by_side -- [--backups N]… [--runs N] [--policies N]`
//!
//! Machines are noisy: what is compared runs in turn, and each figure is the median of the runs. The server keeps its
//! durability (fsync on); the dumps are in the page cache.

#![allow(clippy::expect_used, reason = "a measurement that cannot be made ends the program")]

use fixtures::server::Server;
use fixtures::{Database, Form, Layout, Shape, Site};
use nix::sys::resource::{UsageWho, getrusage};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// One run of a command: wall and CPU seconds.
#[derive(Clone, Copy, Debug)]
struct Cost {
    wall: f64,
    cpu: f64,
}

fn cpu_of_children() -> f64 {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("the system answers");
    let seconds = |t: nix::sys::time::TimeVal| {
        let whole = i32::try_from(t.tv_sec()).map_or(0.0, f64::from);
        whole + i32::try_from(t.tv_usec()).map_or(0.0, f64::from) / 1e6
    };
    seconds(usage.user_time()) + seconds(usage.system_time())
}

/// Runs a command and answers what it cost; its exit code must be one of `codes`.
fn cost(command: &mut Command, codes: &[i32]) -> Cost {
    let (began, cpu) = (Instant::now(), cpu_of_children());
    let output = command.stdin(Stdio::null()).stdout(Stdio::null()).output().expect("the command starts");
    let wall = began.elapsed().as_secs_f64();
    let code = output.status.code().unwrap_or(-1);
    assert!(codes.contains(&code), "{command:?}: {code}: {}", String::from_utf8_lossy(&output.stderr));
    Cost { wall, cpu: cpu_of_children() - cpu }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn etl() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_etl"));
    command.env_remove("ETL_TARGET");
    command
}

const TABLES: [&str; 6] = [
    "plans",
    "resources",
    "triggers",
    "scheduled_operations",
    "scheduled_operation_states",
    "checkpoint_items",
];

/// A site on disk.
struct Dumps {
    folder: tempfile::TempDir,
    backups: u64,
}

impl Dumps {
    fn make(backups: u64, policies: u64, layout: Layout) -> Self {
        let folder = tempfile::tempdir_in("/var/tmp").expect("there is room");
        let site = Site { policies, ..Site::sized(1, backups) };
        for database in [Database::Cinder, Database::Vbs] {
            let mut file =
                std::fs::File::create(folder.path().join(database.file_name())).expect("there is room");
            site.write(database, &layout, &mut file).expect("there is room");
        }
        Self { folder, backups }
    }

    fn path(&self, database: Database) -> PathBuf {
        self.folder.path().join(database.file_name())
    }

    fn paths(&self) -> [PathBuf; 2] {
        [self.path(Database::Cinder), self.path(Database::Vbs)]
    }

    fn megabytes(&self) -> f64 {
        let size = |path: &PathBuf| std::fs::metadata(path).map_or(0, |m| m.len() / 1000);
        self.paths().iter().map(size).map(|kb| u32::try_from(kb).map_or(0.0, f64::from)).sum::<f64>() / 1e3
    }
}

struct Karbor<'s> {
    server: &'s Server,
    database: String,
}

impl<'s> Karbor<'s> {
    fn new(server: &'s Server) -> Self {
        let database = server.create_db();
        server.psql(&database, include_str!("../fixtures/karbor.sql"));
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

    fn psql(&self, script: &Path) -> Command {
        let mut command = Command::new("psql");
        command
            .args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", &self.server.url(&self.database), "-f"])
            .arg(script);
        command
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
fn staging(folder: &Path, dumps: &Dumps) -> PathBuf {
    let mut script = String::from("BEGIN;\nCREATE SCHEMA staging;\n");
    // The dumps name no schema of their own once `public.` is taken out of them.
    for path in dumps.paths() {
        let text = std::fs::read_to_string(&path).expect("a dump");
        let moved =
            text.replace("public.", "staging.").replace("\\restrict", "-- ").replace("\\unrestrict", "-- ");
        let moved: String =
            moved.lines().filter(|line| !line.contains("OWNER TO")).fold(String::new(), |mut out, line| {
                out.push_str(line);
                out.push('\n');
                out
            });
        let file = folder.join(format!("staging-{}", path.file_name().unwrap_or_default().to_string_lossy()));
        std::fs::write(&file, moved).expect("there is room");
        let _ = writeln!(script, "\\i '{}'", file.display());
    }
    script.push_str("SET search_path = public;\n");
    script.push_str(include_str!("staging.sql"));
    script.push_str("DROP SCHEMA staging CASCADE;\nCOMMIT;\n");
    let path = folder.join("staging.psql");
    std::fs::write(&path, script).expect("there is room");
    path
}

fn peak_memory(report: &Path) -> f64 {
    let text = std::fs::read_to_string(report).expect("a report");
    let report: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    report["peak_memory_bytes"].as_f64().unwrap_or(0.0) / f64::from(1 << 20)
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let values = |name: &str| -> Vec<u64> {
        let pairs = arguments.windows(2).filter(|pair| pair[0] == name);
        pairs.map(|pair| pair[1].parse().expect("a number")).collect()
    };
    let sizes =
        Some(values("--backups")).filter(|v| !v.is_empty()).unwrap_or_else(|| vec![53_400, 1_000_000]);
    let runs = values("--runs").first().copied().unwrap_or(5);
    let policies = values("--policies").first().copied().unwrap_or(1_000);
    let server = Server::builder()
        .settings("fsync = on\nfull_page_writes = on\nmax_wal_size = '16GB'\nshared_buffers = '512MB'")
        .start();
    let mut out = String::from("| backups | measure | median | ratio |\n| --- | --- | --- | --- |\n");
    for backups in sizes {
        let layout = Layout { owners: false, ..Layout::of(Shape::PgDump15) };
        let dumps = Dumps::make(backups, policies, layout);
        into_postgres(&server, &dumps, runs, &mut out);
        conversion(&dumps, policies, &layout, runs, &mut out);
    }
    #[allow(clippy::print_stdout, reason = "this is what the program is for")]
    {
        println!("{out}");
    }
}

fn into_postgres(server: &Server, dumps: &Dumps, runs: u64, out: &mut String) {
    let karbor = Karbor::new(server);
    let url = server.url(&karbor.database);
    let [cinder, vbs] = dumps.paths();
    let report = dumps.folder.path().join("report.json");
    let run = || {
        let mut command = etl();
        command
            .args(["run", "--no-log", "--quiet", "--target", &url, "--report"])
            .arg(&report)
            .args([&cinder, &vbs]);
        cost(&mut command, &[0, 3])
    };
    run();
    let memory = peak_memory(&report);
    let floor_script = karbor.floor(dumps.folder.path());
    let staging_script = staging(dumps.folder.path(), dumps);
    let (mut ours, mut floor, mut staged) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..runs {
        karbor.clear();
        floor.push(cost(&mut karbor.psql(&floor_script), &[0]).wall);
        karbor.clear();
        ours.push(run().wall);
        karbor.clear();
        staged.push(cost(&mut karbor.psql(&staging_script), &[0]).wall);
    }
    let (ours, floor, staged) = (median(ours), median(floor), median(staged));
    let n = dumps.backups;
    let _ = writeln!(out, "| {n} | psql, the final rows by binary COPY | {floor:.2} s | |");
    let _ = writeln!(out, "| {n} | psql into staging, INSERT … SELECT | {staged:.2} s | |");
    let _ = writeln!(
        out,
        "| {n} | `etl run` into PostgreSQL | {ours:.2} s | {:.2} of the floor, {:.2} of staging |",
        ours / floor,
        ours / staged
    );
    let _ = writeln!(out, "| {n} | peak memory of `etl run` | {memory:.1} MiB | |");
}

fn conversion(dumps: &Dumps, policies: u64, layout: &Layout, runs: u64, out: &mut String) {
    let inserts = Dumps::make(dumps.backups, policies, Layout { form: Form::ColumnInserts, ..*layout });
    let check = |dumps: &Dumps| {
        let mut command = etl();
        command.args(["check", "--no-log", "--quiet"]).args(dumps.paths());
        cost(&mut command, &[0])
    };
    let count = || cost(Command::new("wc").arg("-l").args(dumps.paths()), &[0]);
    let (mut copy, mut insert, mut lines) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..runs {
        copy.push(check(dumps));
        insert.push(check(&inserts));
        lines.push(count());
    }
    let rate =
        |dumps: &Dumps, costs: &[Cost]| dumps.megabytes() / median(costs.iter().map(|c| c.cpu).collect());
    let (copy_rate, insert_rate, wc) = (rate(dumps, &copy), rate(&inserts, &insert), rate(dumps, &lines));
    let n = dumps.backups;
    let _ = writeln!(
        out,
        "| {n} | `etl check` of COPY dumps | {copy_rate:.0} MB per CPU second | {:.2} of `wc -l` |",
        copy_rate / wc
    );
    let _ = writeln!(
        out,
        "| {n} | `etl check` of INSERT dumps | {insert_rate:.0} MB per CPU second | {:.2} of the COPY form |",
        insert_rate / copy_rate
    );
}
