//! The main job from outside: what arrives in the three targets, and what is left behind when it is cut short.

use crate::karbor::{Rows, counts, database, postgres_rows, sqlite_rows};
use crate::scene::{Scene, fixture};
use fixtures::server::{Server, shared};
use fixtures::{Database, Inputs, Layout, Site};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The design's own measure: 53,400 backups, and 1,000 policies.
fn design_site() -> Site {
    Site { policies: 1_000, job_records: 5_000, ..Site::sized(7, 53_400) }
}

fn write(scene: &Scene, site: &Site, database: Database) -> String {
    let path = scene.path(database.file_name());
    site.write(database, &Layout::default(), &mut std::fs::File::create(&path).unwrap()).unwrap();
    path.to_str().unwrap().to_owned()
}

/// What the report says of a run, as JSON.
fn report(scene: &Scene) -> serde_json::Value {
    serde_json::from_str(&scene.read("report.json")).unwrap()
}

/// Compares row by row, so that a difference is seen and not searched for.
#[track_caller]
pub(crate) fn assert_same(first: &str, left: &Rows, second: &str, right: &Rows) {
    for (table, rows) in left {
        assert_eq!(rows.len(), right[table].len(), "{table}");
        for (row, other) in rows.iter().zip(&right[table]) {
            assert_eq!(row, other, "{table}: {first} on the left, {second} on the right");
        }
    }
}

#[test]
fn the_three_targets_hold_the_same_rows() {
    let (scene, server) = (Scene::new(), shared());
    let dumps = ["cinder.sql", "vbs.sql", "dps.sql"].map(fixture);
    let [cinder, vbs, dps] = dumps.each_ref().map(String::as_str);

    assert_eq!(scene.etl(&["run", cinder, vbs, dps]).code, 3);
    let embedded = sqlite_rows(&scene.path("karbor.db"));

    let direct = database(server);
    let answer = scene.etl(&["run", "--target", &server.url(&direct), dps, cinder, vbs]);
    assert_eq!(answer.code, 3, "{}", answer.shown());

    let scripted = database(server);
    assert_eq!(scene.etl(&["run", "--target", "karbor.sql", cinder, vbs, dps]).code, 3);
    server.psql(&scripted, &scene.read("karbor.sql"));

    let expected = Site::bundled().expected(Inputs { taskmgr: false, ..Inputs::ALL }).karbor;
    let operations = usize::try_from(expected.operations).unwrap();
    let [plans, resources, items] =
        [expected.plans, expected.resources, expected.items].map(|n| usize::try_from(n).unwrap());
    assert_eq!(counts(&embedded), [plans, resources, operations, operations, operations, items]);
    let loaded = postgres_rows(server, &direct);
    assert_same("the embedded database", &embedded, "PostgreSQL", &loaded);
    assert_same("PostgreSQL", &loaded, "the script", &postgres_rows(server, &scripted));
}

#[test]
fn a_dump_gives_the_same_rows_plain_compressed_and_from_a_pipe() {
    let scene = Scene::new();
    let plain = std::fs::read(fixture("dps.sql")).unwrap();
    scene.etl(&["run", &fixture("dps.sql"), "--target", "plain.db"]);
    let expected = sqlite_rows(&scene.path("plain.db"));
    assert!(counts(&expected).iter().all(|n| *n > 0));

    scene.write("dps.gz", {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut encoder, &plain).unwrap();
        encoder.finish().unwrap()
    });
    scene.write("dps.zst", zstd::encode_all(&plain[..], 1).unwrap());
    for name in ["dps.gz", "dps.zst"] {
        let target = format!("{name}.db");
        assert_eq!(scene.etl(&["run", name, "--target", &target]).code, 3);
        assert_eq!(sqlite_rows(&scene.path(&target)), expected, "{name}");
    }
    assert_eq!(scene.etl_fed(&["run", "-", "--target", "pipe.db"], plain).code, 3);
    assert_eq!(sqlite_rows(&scene.path("pipe.db")), expected);
}

#[test]
fn the_designs_own_load_is_one_transaction_in_little_memory() {
    let (scene, server) = (Scene::new(), Server::builder().settings("log_statement = 'all'").start());
    let site = design_site();
    let (cinder, vbs) = (write(&scene, &site, Database::Cinder), write(&scene, &site, Database::Vbs));
    let database = database(&server);
    let target = server.url(&database);
    let answer = scene.etl(&["run", &cinder, &vbs, "--target", &target, "--report", "report.json"]);
    assert_eq!(answer.code, 3, "{}", answer.shown());

    let expected = site.expected(Inputs::only(&[Database::Cinder, Database::Vbs]));
    for (table, outcomes) in &expected.tables {
        let report = report(&scene);
        let tables = report["report"]["source_tables"].as_array().unwrap();
        let found = tables.iter().find(|found| found["table"] == *table).unwrap();
        assert_eq!(found["migrated"], outcomes.migrated, "{table}: {found}");
        assert_eq!(found["read"], outcomes.read(), "{table}: {found}");
    }
    let items: u64 = server.psql(&database, "SELECT count(*) FROM checkpoint_items").trim().parse().unwrap();
    assert_eq!(items, expected.karbor.items);
    let planned = server.psql(&database, "SELECT count(*) FROM checkpoint_items WHERE plan_id IS NOT NULL");
    assert_eq!(planned.trim().parse::<u64>().unwrap(), expected.karbor.items_with_plan);

    let peak = report(&scene)["peak_memory_bytes"].as_u64().unwrap();
    assert!(peak <= 64 << 20, "{peak} bytes of memory at most");

    let log = server.log();
    let backend = log.lines().find(|line| line.contains("COPY public.checkpoint_items")).unwrap();
    let process = backend.split(['[', ']']).nth(1).unwrap();
    let of_run: Vec<&str> = log.lines().filter(|line| line.contains(&format!("[{process}]"))).collect();
    let count = |word: &str| of_run.iter().filter(|line| line.contains(word)).count();
    assert_eq!((count("statement: COMMIT"), count("ROLLBACK")), (1, 0), "{of_run:#?}");
    assert_eq!(count("START TRANSACTION") + count("statement: BEGIN"), 1, "{of_run:#?}");
}

/// A session that copies rows into checkpoint_items.
const COPY: &str = "query LIKE 'COPY public.checkpoint_items%'";

/// A run that was started and goes on.
pub(crate) struct Running(Child);

impl Running {
    pub(crate) fn start(scene: &Scene, arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_etl"));
        command.current_dir(scene.path("")).env_clear().args(arguments);
        Self(command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap())
    }

    /// Waits until the server is in the middle of a COPY into checkpoint_items.
    pub(crate) fn wait_for_copy(&mut self, server: &Server) {
        self.wait_until_busy(server, COPY);
    }

    /// The same, of one database.
    pub(crate) fn wait_for_copy_to(&mut self, server: &Server, database: &str) {
        self.wait_until_busy(server, &format!("{COPY} AND datname = '{database}'"));
    }

    /// Waits until a session that meets the condition is running.
    pub(crate) fn wait_until_busy(&mut self, server: &Server, condition: &str) {
        let begun = Instant::now();
        let busy = format!("SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND {condition}");
        while server.psql("postgres", &busy).trim() == "0" {
            assert!(self.0.try_wait().unwrap().is_none(), "the run ended before it was seen running");
            assert!(begun.elapsed() < Duration::from_secs(60), "it was not seen running");
        }
    }

    pub(crate) fn signal(&self, name: &str) {
        let process = self.0.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &process]).status().unwrap().success());
    }

    pub(crate) fn end(self) -> (Option<i32>, String) {
        let output = self.0.wait_with_output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    }
}

/// Waits until no session of a run is left on the server.
pub(crate) fn wait_until_gone(server: &Server) {
    let begun = Instant::now();
    while server
        .psql("postgres", "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'etl'")
        .trim()
        != "0"
    {
        assert!(begun.elapsed() < Duration::from_secs(60), "a session of the run is still there");
    }
}

/// A dump whose load takes a while, a database for it, and the arguments of the run.
fn long_load(scene: &Scene, server: &Server) -> (String, Vec<String>) {
    let site = design_site();
    let database = database(server);
    let dumps = [write(scene, &site, Database::Cinder), write(scene, &site, Database::Vbs)];
    let arguments = ["run".to_owned(), "--no-log".to_owned(), "--target".to_owned(), server.url(&database)];
    (database, arguments.into_iter().chain(dumps).collect())
}

#[test]
fn killing_the_process_in_mid_load_leaves_the_target_as_it_was() {
    let (scene, server) = (Scene::new(), Server::start());
    let (database, arguments) = long_load(&scene, &server);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut running = Running::start(&scene, &arguments);
    running.wait_for_copy(&server);
    running.signal("KILL");
    assert_eq!(running.end().0, None);
    wait_until_gone(&server);
    assert_eq!(counts(&postgres_rows(&server, &database)), [0; 6]);

    let answer = scene.etl(&arguments);
    assert_eq!(answer.code, 3, "{}", answer.shown());
    assert!(counts(&postgres_rows(&server, &database)).iter().all(|n| *n > 0));
}

#[test]
fn a_signal_in_mid_load_rolls_back_and_says_so() {
    for signal in ["INT", "TERM", "HUP"] {
        let (scene, server) = (Scene::new(), Server::start());
        let (database, arguments) = long_load(&scene, &server);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let mut running = Running::start(&scene, &arguments);
        running.wait_for_copy(&server);
        running.signal(signal);
        let (code, stderr) = running.end();
        assert_eq!(code, Some(1), "{stderr}");
        assert!(stderr.contains(&format!("stopped by SIG{signal}; nothing was written")), "{stderr}");
        wait_until_gone(&server);
        assert_eq!(counts(&postgres_rows(&server, &database)), [0; 6]);
    }
}

#[test]
fn killing_the_process_leaves_no_embedded_database_behind() {
    let scene = Scene::new();
    let site = design_site();
    let dumps = [write(&scene, &site, Database::Cinder), write(&scene, &site, Database::Vbs)];
    let mut running = Running::start(&scene, &["run", "--no-log", &dumps[0], &dumps[1]]);
    let begun = Instant::now();
    while !scene.files().iter().any(|name| name.starts_with("karbor.db")) {
        assert!(running.0.try_wait().unwrap().is_none() && begun.elapsed() < Duration::from_secs(60));
    }
    running.signal("KILL");
    assert_eq!(running.end().0, None);
    assert!(!scene.path("karbor.db").exists(), "{:?}", scene.files());

    assert_eq!(scene.etl(&["run", "--no-log", &dumps[0], &dumps[1]]).code, 3);
    assert!(counts(&sqlite_rows(&scene.path("karbor.db"))).iter().all(|n| *n > 0));
}

/// The sample cinder dump with the size of one backup spoilt; its line.
fn spoilt(scene: &Scene) -> (PathBuf, usize) {
    let dump = std::fs::read_to_string(fixture("cinder.sql")).unwrap();
    let mut lines: Vec<String> = dump.split('\n').map(str::to_owned).collect();
    let copy = lines.iter().position(|line| line.starts_with("COPY backups ")).unwrap();
    let columns: Vec<&str> = lines[copy].split(['(', ')']).nth(1).unwrap().split(", ").collect();
    let (size, status) = (
        columns.iter().position(|c| *c == "size").unwrap(),
        columns.iter().position(|c| *c == "status").unwrap(),
    );
    let row = (copy + 1..).find(|n| lines[*n].split('\t').nth(status) == Some("available")).unwrap();
    let mut fields: Vec<&str> = lines[row].split('\t').collect();
    fields[size] = "abc";
    lines[row] = fields.join("\t");
    (scene.write("cinder.sql", lines.join("\n")), row + 1)
}

#[test]
fn one_bad_row_fails_the_run_and_is_named() {
    let scene = Scene::new();
    let (_, line) = spoilt(&scene);
    let answer = scene.etl(&["run", "cinder.sql", &fixture("vbs.sql")]);
    assert_eq!(answer.code, 1, "{}", answer.shown());
    let said = format!("cinder.sql:{line}: backups.size: \"abc\" is not an integer");
    assert!(answer.stderr.contains(&said) || answer.stdout.contains(&said), "{}", answer.shown());
    assert!(answer.stderr.trim_end().lines().last().unwrap().contains("--rejects"), "{}", answer.shown());
    assert!(!scene.path("karbor.db").exists());
}

#[test]
fn a_bad_row_set_aside_and_mended_arrives_with_the_others() {
    let scene = Scene::new();
    spoilt(&scene);
    let vbs = fixture("vbs.sql");
    assert_eq!(
        scene.etl(&["run", "cinder.sql", &vbs, "--rejects", "bad.sql", "--target", "first.db"]).code,
        3
    );
    let bad = scene.read("bad.sql");
    assert_eq!(bad.matches("\tabc\t").count(), 1, "{bad}");
    scene.write("bad.sql", bad.replace("\tabc\t", "\t50\t"));
    let answer = scene.etl(&["run", "cinder.sql", &vbs, "bad.sql", "--target", "second.db"]);
    assert_eq!(answer.code, 3, "{}", answer.shown());
    let (first, second) = (sqlite_rows(&scene.path("first.db")), sqlite_rows(&scene.path("second.db")));
    assert_eq!(first["checkpoint_items"].len() + 1, second["checkpoint_items"].len());
    let more: Vec<_> =
        second["checkpoint_items"].iter().filter(|row| !first["checkpoint_items"].contains(row)).collect();
    assert_eq!(more.len(), 1);
}

#[test]
fn a_second_run_of_the_same_dumps_changes_nothing_and_says_so() {
    let (scene, server) = (Scene::new(), shared());
    let database = database(server);
    let target = server.url(&database);
    let dumps = [fixture("cinder.sql"), fixture("vbs.sql"), fixture("dps.sql")];
    let run = |command: &str| {
        let mut line = vec![command];
        line.extend(dumps.iter().map(String::as_str));
        line.extend(["--target", &target]);
        scene.etl(&line)
    };
    assert_eq!(run("run").code, 3);
    let before = postgres_rows(server, &database);
    assert_eq!(run("check").code, 0);
    let answer = run("run");
    assert_eq!(answer.code, 3, "{}", answer.shown());
    assert!(answer.stdout.starts_with("Nothing to write: postgresql://"), "{}", answer.shown());
    assert_eq!(postgres_rows(server, &database), before);
    // One system's dumps alone, and then with a change.
    assert_eq!(scene.etl(&["run", &dumps[2], "--target", &target]).code, 3);
    assert_eq!(postgres_rows(server, &database), before);
    server.psql(&database, "DELETE FROM checkpoint_items WHERE id IN (SELECT max(id) FROM checkpoint_items)");
    let answer = run("run");
    assert!(answer.stdout.starts_with("Committed to postgresql://"), "{}", answer.shown());
    assert_eq!(postgres_rows(server, &database), before);
}

#[test]
fn check_writes_nothing_and_says_what_run_would_do() {
    let (scene, server) = (Scene::new(), shared());
    let database = database(server);
    let target = server.url(&database);
    let (cinder, vbs) = (fixture("cinder.sql"), fixture("vbs.sql"));
    let outcomes = |name: &str| {
        let report: serde_json::Value = serde_json::from_str(&scene.read(name)).unwrap();
        (report["report"]["source_tables"].clone(), report["report"]["target_tables"].clone())
    };
    for (name, more) in [
        ("bare.json", vec![]),
        ("target.json", vec!["--target", &target]),
        ("full.json", vec!["--full", "--target", &target]),
    ] {
        let mut arguments = vec!["check", &cinder, &vbs, "--report", name];
        arguments.extend(more);
        let answer = scene.etl(&arguments);
        assert_eq!(answer.code, 0, "{}", answer.shown());
        assert_eq!(counts(&postgres_rows(server, &database)), [0; 6], "{name}");
    }
    assert_eq!(scene.etl(&["run", &cinder, &vbs, "--report", "run.json", "--target", &target]).code, 3);
    for name in ["bare.json", "target.json", "full.json"] {
        assert_eq!(outcomes(name), outcomes("run.json"), "{name}");
    }
    assert!(!scene.path("karbor.db").exists());
}
