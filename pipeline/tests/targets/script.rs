//! The script is loaded by psql as it is, all of it or nothing, and refuses where it cannot end well.

use crate::rows::load;
use crate::{begun, context, count, karbor, refused};
use fixtures::server::{SUPERUSER, shared};
use pipeline::load::script::Script;
use pipeline::load::{Context, Intent, Target};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) fn of(path: &Path) -> Box<Script> {
    Box::new(Script::new(path, context()))
}

/// Runs a script the way an operator does; the error is what psql said.
pub(crate) fn run(database: &str, script: &Path) -> Result<String, String> {
    let server = shared();
    let output = Command::new(server.installation().program("psql"))
        .args(["-X", "-U", SUPERUSER, "-d", database, "-p", &server.port().to_string(), "-h"])
        .arg(server.folder())
        .arg("-f")
        .arg(script)
        .env_clear()
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

/// Writes a script of all rows.
fn write(folder: &Path, context: Context) -> PathBuf {
    let path = folder.join("karbor.sql");
    let (survey, mut sink) = begun(Box::new(Script::new(&path, context)));
    load(&survey, sink.as_mut());
    sink.commit().unwrap();
    path
}

#[track_caller]
fn check_refusal(database: &str, script: &Path, expected: &str) {
    let said = run(database, script).unwrap_err();
    assert!(said.contains(expected), "{said}");
    let left = shared().psql(
        database,
        "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE relname LIKE 'etl%' AND nspname LIKE 'pg_temp%'",
    );
    assert_eq!(left, "0");
}

#[test]
fn the_same_rows_give_the_same_bytes_for_the_owner_only() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (one, other) = (write(one.path(), context()), write(other.path(), context()));
    assert_eq!(fs::read(&one).unwrap(), fs::read(&other).unwrap());
    assert_eq!(fs::metadata(&one).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_script_tells_that_it_was_committed_and_runs_once() {
    let (folder, database) = (tempfile::tempdir().unwrap(), karbor());
    let script = write(folder.path(), context());
    let said = run(&database, &script).unwrap();
    assert!(said.ends_with("etl: all rows are committed\n"), "{said}");
    let before = count(&database, "checkpoint_items");
    check_refusal(&database, &script, "duplicate key");
    assert_eq!(count(&database, "checkpoint_items"), before);

    // With the keys out of the way, the tags still tell.
    shared().psql(
        &database,
        "UPDATE checkpoint_items SET id = 'x' || substr(id, 2); DELETE FROM scheduled_operation_states; \
        DELETE FROM scheduled_operations; DELETE FROM triggers; DELETE FROM resources; DELETE FROM plans",
    );
    check_refusal(
        &database,
        &script,
        "checkpoint_items already holds 6 rows of an earlier import, tagged 0.5",
    );
    assert_eq!(count(&database, "plans"), 0);
}

#[test]
fn service_and_trust_are_looked_up_when_the_script_runs() {
    let folder = tempfile::tempdir().unwrap();
    let script = write(folder.path(), context());
    let database = karbor();
    // A newer service that is disabled, one that is deleted, one that is older, and an operation of Karbor's own.
    shared().psql(&database, "
        INSERT INTO services (id, updated_at, deleted, host, \"binary\", report_count, disabled) VALUES
            (11, '2022-01-01', false, 'b', 'karbor-operationengine', 0, true),
            (12, '2022-01-01', true, 'c', 'karbor-operationengine', 0, false),
            (13, '2021-01-01', false, 'd', 'karbor-operationengine', 0, NULL),
            (14, '2023-01-01', false, 'e', 'karbor-api', 0, false);
        INSERT INTO triggers (id, name, project_id, type, properties, deleted) VALUES ('t', 't', 'p', 'time', '{}', false);
        INSERT INTO scheduled_operations (id, name, operation_type, user_id, project_id, trigger_id, operation_definition,
            enabled, deleted)
            SELECT 'own', 'o', 'backup', '9f1d4c8d0f1b4a2f8f5d6a7b8c9d0e1f', '9f1d4c8d0f1b4a2f8f5d6a7b8c9d0e1f', 't', '{}',
                true, false;
        INSERT INTO scheduled_operation_states (operation_id, service_id, trust_id, state, deleted)
            VALUES ('own', 13, 'trust-of-own', 'registered', false)");
    run(&database, &script).unwrap();
    let states =
        "SELECT DISTINCT service_id, trust_id FROM scheduled_operation_states WHERE operation_id <> 'own'";
    assert_eq!(shared().psql(&database, states), "13|trust-of-own");

    let named = Context { service_id: Some(11), trust_known: true, ..context() };
    let script = write(folder.path(), named);
    let database = karbor();
    shared().psql(&database, "UPDATE services SET id = 11, disabled = true");
    run(&database, &script).unwrap();
    assert_eq!(shared().psql(&database, states), "11|imported");
}

#[test]
fn a_script_refuses_where_it_cannot_end_well() {
    let (folder, database) = (tempfile::tempdir().unwrap(), karbor());
    let script = write(folder.path(), context());

    shared().psql(&database, "UPDATE services SET disabled = true");
    check_refusal(&database, &script, "no karbor-operationengine is alive");
    shared().psql(&database, "UPDATE services SET disabled = false");

    let text = fs::read_to_string(&script).unwrap();
    let cut = folder.path().join("cut.sql");
    let row = text.lines().position(|line| line.starts_with("00000006-0000-4000-8000-000000000002")).unwrap();
    let lines: Vec<_> = text.lines().enumerate().filter(|(n, _)| *n != row).map(|(_, line)| line).collect();
    fs::write(&cut, lines.join("\n") + "\n").unwrap();
    check_refusal(&database, &cut, "5 rows of checkpoint_items arrived, and the script holds 6");

    // Cut off in the middle: there is no COMMIT.
    fs::write(&cut, &text[..text.len() / 2]).unwrap();
    let _ = run(&database, &cut);
    for table in ["plans", "checkpoint_items", "triggers"] {
        assert_eq!(count(&database, table), 0, "{table}");
    }
    let key = pipeline::load::LOCK_KEY;
    assert!(text.contains(&format!("pg_try_advisory_xact_lock({key})")));
}

#[test]
fn a_script_that_is_not_finished_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("karbor.sql");
    let entries = || fs::read_dir(folder.path()).unwrap().count();
    for end in ["drop", "rollback", "cancel"] {
        let context = context();
        let cancel = std::sync::Arc::clone(&context.cancel);
        let (survey, mut sink) = begun(Box::new(Script::new(&path, context)));
        load(&survey, sink.as_mut());
        assert_eq!(entries(), 1, "the script is under way");
        match end {
            "drop" => drop(sink),
            "rollback" => sink.rollback().unwrap(),
            _ => {
                cancel.cancel("SIGTERM");
                refused(sink.commit(), &["stopped by SIGTERM"]);
            }
        }
        assert_eq!(entries(), 0, "after {end}");
    }
    let mut elsewhere = of(&folder.path().join("absent/karbor.sql"));
    elsewhere.survey().unwrap();
    refused(elsewhere.begin(Intent::Write).map(drop), &["absent/karbor.sql", "No such file", "name a place"]);
}
