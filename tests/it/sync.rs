//! Copies that were still being made: deferred or carried by a run, settled by a sync.

use crate::karbor::{Rows, database, postgres_rows, sqlite_rows};
use crate::scene::Scene;
use fixtures::gauss;
use fixtures::server::shared;
use fixtures::{Database, Inputs, Layout, Shares, Site, Unfinished};

/// A site in the middle of its backups.
fn busy_site() -> Site {
    Site { shares: Shares { unsteady: 2_000, ..Shares::default() }, ..Site::sized(10, 800) }
}

/// The dumps of a site, and what becomes of its unfinished copies.
fn dumped(scene: &Scene) -> Unfinished {
    let site = busy_site();
    for database in Database::ALL {
        let mut file = std::fs::File::create(scene.path(database.file_name())).unwrap();
        site.write(database, &Layout::default(), &mut file).unwrap();
    }
    let expected = site.expected(Inputs::ALL).unfinished;
    assert!(expected.succeeded > 0 && expected.failed > 0 && expected.staying > 0, "{expected:?}");
    expected
}

fn report(scene: &Scene, name: &str) -> serde_json::Value {
    serde_json::from_str(&scene.read(name)).unwrap()
}

/// How many items have this status.
fn with_status(rows: &Rows, status: &str) -> u64 {
    let status = format!("|{status}|");
    rows["checkpoint_items"].iter().filter(|row| row.contains(&status)).count() as u64
}

/// The time of a report is not the same twice.
fn steady(text: &str) -> String {
    let line = |line: &str| {
        if line.contains("jobs read") || line.contains("of memory at most") {
            "  (not the same twice)\n".to_owned()
        } else {
            format!("{line}\n")
        }
    };
    text.lines().map(line).collect()
}

#[test]
fn copies_are_deferred_or_carried_as_they_are_asked_to_be() {
    let scene = Scene::new();
    let expected = dumped(&scene);
    let run = |how: &[&str], target: &str| {
        let mut line = vec!["run", "cinder.sql", "vbs.sql", "--target", target, "--report", "report.json"];
        line.extend(how);
        let answer = scene.etl(&line);
        assert_eq!(answer.code, 3, "{}", answer.shown());
        let report = report(&scene, "report.json");
        let backups = report["report"]["source_tables"].as_array().unwrap();
        let backups = backups.iter().find(|table| table["table"] == "backups").unwrap().clone();
        (answer, backups, with_status(&sqlite_rows(&scene.path(target)), "protecting"))
    };
    let (answer, deferred, protecting) = run(&[], "deferred.db");
    assert_eq!((&deferred["carried"], protecting), (&0.into(), 0));
    assert!(!answer.stdout.contains("carried unfinished"), "{}", answer.stdout);

    let (answer, carried, protecting) = run(&["--unsteady", "carry"], "carried.db");
    assert_eq!((&carried["carried"], protecting), (&expected.carried.into(), expected.carried));
    let unsteady = |backups: &serde_json::Value| backups["deferred"]["unsteady"].as_u64().unwrap();
    assert_eq!(unsteady(&carried) + expected.carried, unsteady(&deferred));
    for said in [
        format!("carried unfinished, as protecting: {}\n", expected.carried),
        format!(
            "{} copies were carried that are still being made: once their jobs are over",
            expected.carried
        ),
    ] {
        assert!(answer.stdout.contains(&said), "{said}: {}", answer.stdout);
    }
    // Without VBS's job records no job is known, and nothing is carried.
    let answer = scene.etl(&["run", "cinder.sql", "--unsteady", "carry", "--target", "unknown.db"]);
    assert_eq!(answer.code, 3, "{}", answer.shown());
    assert_eq!(with_status(&sqlite_rows(&scene.path("unknown.db")), "protecting"), 0);
    assert!(!answer.stdout.contains("carried unfinished"), "{}", answer.stdout);
}

#[test]
fn a_sync_settles_what_was_carried_in_every_target() {
    let (scene, server) = (Scene::new().with("ETL_UNSTEADY", "carry"), shared());
    let expected = dumped(&scene);
    assert_eq!(scene.etl(&["run", "cinder.sql", "vbs.sql"]).code, 3);
    let (direct, scripted) = (database(server), database(server));
    assert_eq!(
        scene.etl(&["run", "cinder.sql", "vbs.sql", "--target", &gauss::target(server, &direct)]).code,
        3
    );
    assert_eq!(scene.etl(&["run", "cinder.sql", "vbs.sql", "--target", "karbor.sql"]).code, 3);
    server.psql(&scripted, &scene.read("karbor.sql"));
    let before = sqlite_rows(&scene.path("karbor.db"));
    for loaded in [&direct, &scripted] {
        assert_eq!(postgres_rows(server, loaded), before);
    }
    assert_eq!(with_status(&before, "protecting"), expected.carried);

    let answer = scene.etl(&["sync", "vbs.sql", "taskmgr.sql", "--quiet", "--report", "sync.json"]);
    assert_eq!((answer.code, answer.stderr.as_str()), (3, ""), "{}", answer.shown());
    insta::assert_snapshot!("sync", steady(&answer.stdout));
    let report = report(&scene, "sync.json");
    assert_eq!((&report["command"], &report["exit_code"]), (&"sync".into(), &3.into()));
    let told = |key: &str| report["report"][key].as_u64().unwrap();
    assert_eq!(
        (told("protecting"), told("available"), told("failed")),
        (expected.carried, expected.succeeded, expected.failed)
    );
    assert_eq!(report["report"]["listed"].as_array().unwrap().len() as u64, expected.staying);
    let after = sqlite_rows(&scene.path("karbor.db"));
    assert_eq!(with_status(&after, "protecting"), expected.staying);
    assert_eq!(with_status(&after, "error"), with_status(&before, "error") + expected.failed);
    assert_eq!(with_status(&after, "available"), with_status(&before, "available") + expected.succeeded);
    let changed = after["checkpoint_items"].iter().filter(|row| !before["checkpoint_items"].contains(row));
    let changed: Vec<_> = changed.collect();
    assert_eq!(changed.len() as u64, expected.succeeded + expected.failed);
    for row in changed {
        let succeeded = row.contains("\"progress\":100,") && row.contains("\"status\":\"available\"");
        let failed = row.contains("\"progress\":0,")
            && row.contains("\"status\":\"error\"")
            && row.contains(r#""fail_reason":"[VBS.0031] backup failed:\n\tvolume \"in-use\" lost""#);
        assert!(succeeded || failed, "{row}");
    }
    for (table, rows) in &before {
        assert!(*table == "checkpoint_items" || rows == &after[table], "{table}");
    }
    for loaded in [&direct, &scripted] {
        let answer = scene.etl(&["sync", "taskmgr.sql", "--target", &gauss::target(server, loaded)]);
        assert_eq!(answer.code, 3, "{}", answer.shown());
        assert_eq!(postgres_rows(server, loaded), after);
    }

    // What is finished in Karbor stays finished, however old the dumps of a later run are.
    assert_eq!(scene.etl(&["run", "cinder.sql", "vbs.sql"]).code, 3);
    assert_eq!(sqlite_rows(&scene.path("karbor.db")), after);

    // Once the last jobs are over nothing waits any more.
    let over =
        scene.read("taskmgr.sql").replace("\tRUNNING\t", "\tSUCCESS\t").replace("\tINIT\t", "\tSUCCESS\t");
    let known = over.lines().filter(|line| line.contains("SUCCESS")).count();
    assert!(known > 0);
    scene.write("later.sql", &over);
    let gone = report["report"]["waiting"]["not-in-dumps"].as_u64().unwrap_or(0);
    let answer = scene.etl(&["sync", "later.sql"]);
    assert_eq!(answer.code, if gone > 0 { 3 } else { 0 }, "{}", answer.shown());
    let last = sqlite_rows(&scene.path("karbor.db"));
    assert_eq!(with_status(&last, "protecting"), gone);
    let answer = scene.etl(&["sync", "later.sql"]);
    assert!(answer.stdout.starts_with("Nothing to write to karbor.db\n"), "{}", answer.stdout);
    assert_eq!(sqlite_rows(&scene.path("karbor.db")), last);
}

#[test]
fn a_sync_with_nothing_to_do_is_done_and_one_without_a_database_is_refused() {
    let scene = Scene::new();
    dumped(&scene);
    let answer = scene.etl(&["sync", "taskmgr.sql", "--no-log", "--report", "sync.json"]);
    assert_eq!(answer.code, 1, "{}", answer.shown());
    assert!(answer.stderr.contains("karbor.db: there is no such database"), "{}", answer.stderr);
    let report = report(&scene, "sync.json");
    assert!(report["error"]["message"].as_str().unwrap().contains("no such database"), "{report}");
    let answer = scene.etl(&["sync", "taskmgr.sql", "--report", "sync.html"]);
    assert!(answer.code == 2 && answer.stderr.contains("this command has no page"), "{}", answer.shown());
    assert_eq!(scene.etl(&["run", "cinder.sql", "vbs.sql"]).code, 3);
    let answer = scene.etl(&["sync", "taskmgr.sql"]);
    assert_eq!(answer.code, 0, "{}", answer.shown());
    assert!(answer.stdout.contains("nothing waits any more"), "{}", answer.stdout);
}
