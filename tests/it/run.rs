//! The whole way from dumps to a target.

use crate::scene::{Answer, Scene, fixture};
use rusqlite::Connection;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

fn dumps() -> [String; 4] {
    ["cinder.sql", "dps.sql", "taskmgr.sql", "vbs.sql"].map(fixture)
}

/// A command line with all dumps of the fixtures.
fn line<'l>(command: &'l str, dumps: &'l [String], more: &[&'l str]) -> Vec<&'l str> {
    let mut line = vec![command];
    line.extend(dumps.iter().map(String::as_str));
    line.extend(more);
    line
}

/// The report without what differs from run to run and from machine to machine.
fn steady(text: &str) -> String {
    let mut out = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        out.push_str(line);
        out.push('\n');
        if line == "Time and memory" {
            let cost: Vec<&str> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
            assert!(cost.iter().any(|line| line.contains("rows/s")), "{cost:?}");
            assert!(cost.iter().any(|line| line.contains("of memory at most")), "{cost:?}");
            out.push_str("  (not the same twice)\n\n");
        }
    }
    out
}

fn count(database: &Path, table: &str) -> i64 {
    let database = Connection::open(database).unwrap();
    database.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
}

#[test]
fn a_run_without_a_target_makes_karbor_db() {
    let scene = Scene::new();
    let names = ["cinder.sql", "dps.sql", "taskmgr.sql", "vbs.sql"];
    for name in names {
        scene.write(name, std::fs::read(fixture(name)).unwrap());
    }
    let dumps = names.map(str::to_owned);
    let answer = scene.etl(&line("run", &dumps, &["--quiet", "--report", "report.json"]));
    assert_eq!((answer.code, answer.stderr.as_str()), (3, ""), "{}", answer.stderr);
    insta::assert_snapshot!("run", steady(&answer.stdout));
    let made: Vec<String> =
        scene.files().into_iter().filter(|file| !names.contains(&file.as_str())).collect();
    assert_eq!(made, ["etl.log", "karbor.db", "report.json"]);
    for file in ["etl.log", "karbor.db", "report.json"] {
        let mode = std::fs::metadata(scene.path(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    let report: serde_json::Value = serde_json::from_str(&scene.read("report.json")).unwrap();
    assert_eq!(report["exit_code"], 3);
    assert_eq!(report["report"]["ending"], "committed");
    for table in report["report"]["target_tables"].as_array().unwrap() {
        let name = table["table"].as_str().unwrap();
        assert_eq!(table["written"], count(&scene.path("karbor.db"), name), "{name}");
    }
    for table in report["report"]["source_tables"].as_array().unwrap() {
        let sum = |outcomes: &serde_json::Value| -> u64 {
            outcomes.as_object().unwrap().values().map(|rows| rows.as_u64().unwrap()).sum()
        };
        let number = |key: &str| table[key].as_u64().unwrap();
        let outcomes =
            number("migrated") + sum(&table["skipped"]) + sum(&table["deferred"]) + number("rejected");
        assert_eq!(number("read"), outcomes, "{table}");
    }
    let log = scene.read("etl.log");
    // With the commit between, where that is known.
    let begins = |line: &str| line.contains(" INFO etl 0.1.0") && line.ends_with(" run");
    assert!(log.lines().any(begins), "{log}");
    for part in ["Committed to karbor.db", "checkpoint_items", "Next: "] {
        assert!(log.contains(part), "{part}: {log}");
    }
}

#[test]
fn a_page_is_written_for_a_run_and_for_one_that_fails() {
    let scene = Scene::new();
    let dumps = [fixture("cinder.sql"), fixture("vbs.sql"), fixture("dps.sql")];
    let answer = scene.etl(&line("run", &dumps, &["--no-log", "--report", "report.html"]));
    assert_eq!(answer.code, 3, "{}", answer.stderr);
    assert_eq!(scene.files(), ["karbor.db", "report.html"]);
    let page = scene.read("report.html");
    for said in ["<h1>Committed to karbor.db</h1>", "每周备份策略-12", "20 of 31 schedules", "UTC+05:30"]
    {
        assert!(page.contains(said), "{said}");
    }
    assert_eq!(page.matches("<svg ").count(), 5);

    let answer = scene.etl(&["run", "nowhere.sql", "--no-log", "--report", "second.htm"]);
    assert_eq!(answer.code, 1);
    let page = scene.read("second.htm");
    assert!(page.contains("<h1>Failed: nothing was written</h1>"), "{page}");
    assert!(page.contains("nowhere.sql: cannot be opened"), "{page}");

    // A second run is compared with what is there.
    assert_eq!(scene.etl(&line("run", &dumps, &["--no-log", "--report", "third.html"])).code, 3);
    let page = scene.read("third.html");
    assert!(page.contains("<h1>Nothing to write: karbor.db already has all these rows</h1>"), "{page}");
    for said in ["inserted", "updated", "unchanged", "left alone"] {
        assert!(page.contains(said), "{said}");
    }
}

#[test]
fn a_check_writes_nothing_and_reports_the_same() {
    let scene = Scene::new();
    let dumps = dumps();
    let answer = scene.etl(&line("check", &dumps, &["--quiet", "--no-log"]));
    assert_eq!((answer.code, answer.stderr.as_str()), (0, ""), "{}", answer.stderr);
    assert!(scene.files().is_empty(), "{:?}", scene.files());
    let run = scene.etl(&line("run", &dumps, &["--quiet", "--no-log"]));
    let sources = |answer: &Answer| {
        let (_, rest) = answer.stdout.split_once("Source rows").unwrap();
        rest.split_once("Target rows").unwrap().0.to_owned()
    };
    assert_eq!(sources(&answer), sources(&run));
    assert!(
        answer.stdout.starts_with("Checked without a target: nothing was written\n"),
        "{}",
        answer.stdout
    );
    assert!(
        answer.stdout.trim_end().lines().last().unwrap().starts_with("Next: etl run"),
        "{}",
        answer.stdout
    );
}

#[test]
fn a_full_check_loads_and_leaves_nothing() {
    let dumps = dumps();
    for target in ["trial.db", "trial.sql"] {
        let scene = Scene::new();
        let answer = scene.etl(&line("check", &dumps, &["--full", "--target", target, "--no-log"]));
        assert_eq!(answer.code, 0, "{}", answer.stderr);
        let first = format!("Loaded into {target} and rolled back: nothing was written\n");
        assert!(answer.stdout.starts_with(&first), "{}", answer.stdout);
        assert!(scene.files().is_empty(), "{:?}", scene.files());
    }
}

#[test]
fn a_check_looks_at_the_target_that_is_named() {
    let scene = Scene::new().with("ETL_TARGET", "no.db");
    scene.write(
        "no.db",
        format!(
            "SQLite format 3\0{}",
            "what follows is no database; it is long enough to be one. ".repeat(9)
        ),
    );
    let dumps = dumps();
    let answer = scene.etl(&line("check", &dumps, &["--no-log", "--report", "report.json"]));
    assert_eq!((answer.code, answer.stdout.as_str()), (1, ""), "{}", answer.shown());
    assert!(answer.stderr.starts_with("etl: no.db: "), "{}", answer.stderr);
    let report: serde_json::Value = serde_json::from_str(&scene.read("report.json")).unwrap();
    assert_eq!(report["exit_code"], 1);
    assert_eq!(report["report"], serde_json::Value::Null);
    let message = report["error"]["message"].as_str().unwrap();
    assert!(answer.stderr.starts_with(&format!("etl: {message}\n")), "{message}");
}

#[test]
fn neither_the_order_of_dumps_nor_threads_nor_a_pipe_change_the_rows() {
    let scene = Scene::new();
    let mut dumps = dumps();
    let mut scripts = Vec::new();
    for (script, threads) in [("one.sql", "1"), ("two.sql", "2"), ("many.sql", "16")] {
        let answer = scene.etl(&line("run", &dumps, &["--quiet", "--threads", threads, "--target", script]));
        assert_eq!(answer.code, 3, "{}", answer.stderr);
        scripts.push(scene.read(script));
        dumps.rotate_left(1);
    }
    let [piped, rest @ ..] = &dumps;
    let answer = scene.etl_fed(
        &line("run", rest, &["-", "--quiet", "--target", "piped.sql"]),
        std::fs::read(piped).unwrap(),
    );
    assert_eq!(answer.code, 3, "{}", answer.stderr);
    scripts.push(scene.read("piped.sql"));
    assert!(scripts.iter().all(|script| *script == scripts[0]), "the scripts differ");
}

#[test]
fn settings_reach_the_rows() {
    let scene = Scene::new().with("ETL_TRUST_ID", "trust-of-the-environment");
    scene.write(
        "etl.toml",
        "provider_id = \"provider-of-the-file\"\nuser_id = \"user-of-the-file\"\nserver_timezone = \"+02:00\"\n",
    );
    let dumps = dumps();
    let answer = scene.etl(&line("run", &dumps, &["--quiet", "--user-id", "user-of-the-flag"]));
    assert_eq!(answer.code, 3, "{}", answer.stderr);
    let database = Connection::open(scene.path("karbor.db")).unwrap();
    let one = |query: &str| -> String { database.query_row(query, [], |row| row.get(0)).unwrap() };
    assert_eq!(one("SELECT DISTINCT provider_id FROM plans"), "provider-of-the-file");
    assert_eq!(one("SELECT DISTINCT user_id FROM scheduled_operations"), "user-of-the-flag");
    assert_eq!(one("SELECT DISTINCT trust_id FROM scheduled_operation_states"), "trust-of-the-environment");
    let zone = answer.stdout.lines().find(|line| line.ends_with("etl.toml")).unwrap();
    assert!(zone.trim().starts_with("UTC+02:00"), "{zone}");
    let log = scene.read("etl.log");
    assert!(log.contains("setting etl.toml:1: provider_id = \"provider-of-the-file\""), "{log}");
    assert!(log.contains("setting ETL_TRUST_ID=\"trust-of-the-environment\""), "{log}");
}

#[test]
fn a_second_run_leaves_the_file_as_it_is() {
    let scene = Scene::new();
    let dumps = dumps();
    assert_eq!(scene.etl(&line("run", &dumps, &["--quiet"])).code, 3);
    let before = std::fs::read(scene.path("karbor.db")).unwrap();
    let answer = scene.etl(&line("run", &dumps, &["--quiet"]));
    // Rows still wait for a later run.
    assert_eq!(answer.code, 3, "{}", answer.stderr);
    assert!(answer.stdout.starts_with("Nothing to write: karbor.db already has all these rows"));
    assert_eq!(std::fs::read(scene.path("karbor.db")).unwrap(), before);
}

#[test]
fn a_log_that_cannot_be_kept_is_a_warning_unless_it_was_named() {
    let scene = Scene::new();
    let dumps = dumps();
    // No file can be made there.
    let answer = |more: &[&str]| {
        let mut command = scene.process(&line("check", &dumps, more));
        Answer::of(command.current_dir("/proc").output().unwrap())
    };
    let unnamed = answer(&["--quiet"]);
    assert_eq!(unnamed.code, 0, "{}", unnamed.stderr);
    let warning = "! no log is kept: etl.log cannot be written: No such file or directory";
    assert!(unnamed.stdout.contains(warning), "{}", unnamed.stdout);
    assert_eq!(
        answer(&["--quiet", "--log", "etl.log"]).shown(),
        "exit code 1\n---- stderr\netl: the log etl.log cannot be written: No such file or directory (os error 2)\n  \
         → make room, or name a place that can be written\n"
    );
}

#[test]
fn a_commit_is_not_taken_back_by_a_report_that_cannot_be_told() {
    let dumps = dumps();
    for (place, exit, told) in [("/dev/full", 3, true), ("/dev/null", 3, false)] {
        let scene = Scene::new();
        let stdout = std::fs::OpenOptions::new().write(true).open(place).unwrap();
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_etl"));
        command
            .args(line("run", &dumps, &["--quiet"]))
            .current_dir(scene.path(""))
            .env_clear()
            .stdout(stdout);
        let answer = Answer::of(command.output().unwrap());
        let remedy = "  → the run itself ended as its exit code says; do not run it again for this\n";
        let expected = format!(
            "etl: standard output cannot be written: No space left on device (os error 28)\n{remedy}"
        );
        assert_eq!((answer.code, answer.stderr), (exit, if told { expected } else { String::new() }));
        assert!(count(&scene.path("karbor.db"), "plans") > 0);
    }
}
