//! `etl schema`, `etl columns`, `etl completions`, `etl man`.

use crate::scene::{Scene, fixture};
use fixtures::server::Server;
use std::io::Read as _;
use std::process::{Command, Stdio};

#[test]
fn the_schema_is_one_that_its_database_takes() {
    let answer = Scene::new().etl(&["schema", "--for", "sqlite"]);
    assert_eq!((answer.code, answer.stderr.as_str()), (0, ""));
    let database = rusqlite::Connection::open_in_memory().unwrap();
    database.execute_batch(&answer.stdout).unwrap();
    let tables: i64 = database
        .query_row(
            "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(tables, 7);
    let postgresql = Scene::new().etl(&["schema"]).stdout;
    assert_eq!(postgresql, Scene::new().etl(&["schema", "--for", "postgresql"]).stdout);
    assert_eq!(
        postgresql,
        include_str!("../../fixtures/karbor.sql"),
        "fixtures/karbor.sql is what `etl schema` prints"
    );
}

#[test]
fn a_trial_database_takes_a_run_and_one_without_an_engine_says_how_to_make_one() {
    let (scene, server) = (Scene::new(), Server::start());
    let dumps = ["cinder.sql", "vbs.sql", "dps.sql"].map(fixture);
    let run = |target: &str, more: &[&str]| {
        let line = ["run", "--no-log", "--quiet", &dumps[0], &dumps[1], &dumps[2], "--target", target];
        scene.etl(&[&line[..], more].concat())
    };
    let made = |schema: &[&str]| {
        let database = server.create_db();
        server.psql(&database, &scene.etl(schema).stdout);
        server.url(&database)
    };
    let bare = made(&["schema"]);
    for more in [&[][..], &["--service-id", "7"]] {
        let refused = run(&bare, more);
        assert!(refused.code == 1 && refused.stderr.contains("`etl schema --trial`"), "{}", refused.shown());
        assert!(!refused.stderr.contains("set service_id"), "{}", refused.shown());
    }
    let trial = made(&["schema", "--trial"]);
    let loaded = run(&trial, &[]);
    assert!(
        loaded.code == 3 && loaded.stdout.starts_with("Committed to postgresql://"),
        "{}",
        loaded.shown()
    );
    let verify = ["verify", "--no-log", "--quiet", &dumps[0], &dumps[1], &dumps[2], "--target", &trial];
    assert_eq!(scene.etl(&verify).code, 0);

    let embedded = scene.etl(&["schema", "--for", "sqlite", "--trial"]).stdout;
    rusqlite::Connection::open(scene.path("trial.db")).unwrap().execute_batch(&embedded).unwrap();
    let loaded = run("trial.db", &["--force", "trial.db"]);
    assert!(loaded.code == 3 && loaded.stdout.starts_with("Committed to trial.db"), "{}", loaded.shown());
}

#[test]
fn columns_are_taken_back_as_they_are_printed() {
    let scene = Scene::new();
    let printed = scene.etl(&["columns"]).stdout;
    assert!(printed.contains("\n[backups.columns]\n") && printed.contains("\n[target.plans]\n"), "{printed}");
    scene.write("all.toml", &printed);
    assert_eq!(
        scene.etl(&["columns", "--columns", "all.toml"]).shown(),
        format!("exit code 0\n---- stdout\n{printed}")
    );
    scene.write("mine.toml", "[tag]\nnames = [\"t_tag\"]\n[target.plans.columns]\nname = \"title\"\n");
    let mine = scene.etl(&["columns", "--columns", "mine.toml"]).stdout;
    assert!(mine.contains("\nnames = [\"t_tag\"]\n") && mine.contains("\nname = \"title\"\n"), "{mine}");
}

#[test]
fn a_wrong_file_of_names_is_refused_with_the_line() {
    let scene = Scene::new();
    let remedy = "  → `etl columns` prints a file of the form, with all tables and columns\n";
    for (text, error) in [
        ("[tag]\n[volumes]\n", "names.toml:2: there is no table \"volumes\" (`etl columns` lists them)"),
        (
            "[tag.columns]\ntag_key = [\"k\"]\nkey = [\"k\"]\n",
            "names.toml:3: table tag has no column \"key\" (`etl columns` lists them)",
        ),
        (
            "[target.plans.columns]\nident = \"id\"\n",
            "names.toml:2: target table plans has no column \"ident\" (`etl columns` lists them)",
        ),
    ] {
        scene.write("names.toml", text);
        for line in
            [&["columns", "--columns", "names.toml"][..], &["run", "x.sql", "--columns", "names.toml"]]
        {
            assert_eq!(scene.etl(line).shown(), format!("exit code 2\n---- stderr\netl: {error}\n{remedy}"));
        }
    }
    let answer = scene.etl(&["columns", "--columns", "no.toml"]);
    assert_eq!(
        answer.shown(),
        "exit code 2\n---- stderr\netl: no.toml: the file of names cannot be read: No such file or directory (os error 2)\n  \
         → name a text file in UTF-8 that this user may read; `etl columns` prints one of the form\n"
    );
}

#[test]
fn completions_and_manual_pages_know_the_commands() {
    let scene = Scene::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let answer = scene.etl(&["completions", shell]);
        assert_eq!((answer.code, answer.stderr.as_str()), (0, ""));
        assert!(answer.stdout.contains("server-timezone"), "{shell}");
    }
    let page = scene.etl(&["man"]).stdout;
    assert!(page.contains(".TH etl 1") && page.contains("etl\\-run(1)"), "{page}");
    let page = scene.etl(&["man", "run"]).stdout;
    assert!(page.contains(".TH etl-run 1") && page.contains("\\-\\-rejects"), "{page}");
    assert_eq!(
        scene.etl(&["man", "go"]).shown(),
        "exit code 2\n---- stderr\netl: etl has no command \"go\"\n  \
         → the commands are run, dump, check, verify, explain, sync, batch, cutover, policies, rollback, status, purge, schema, columns, sample, outcomes, completions, man, version\n"
    );
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_etl"))
        .arg("columns")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!((child.wait().unwrap().code(), stderr.as_str()), (Some(0), ""));
}

#[test]
fn a_standard_output_that_cannot_be_written_is_one() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_etl")).arg("schema").stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(stderr, "etl: standard output cannot be written: No space left on device (os error 28)\n");
}
