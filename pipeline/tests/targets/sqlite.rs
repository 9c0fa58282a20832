//! The embedded target: a file appears whole or not at all, and one that is there is changed in one transaction.

use crate::rows::{NAMES, id, load, load_table, with_row};
use crate::{begun, context, refused};
use pipeline::karbor::ddl::{Dialect, script as schema};
use pipeline::load::sqlite::Sqlite;
use pipeline::load::{Context, Intent, Target};
use rusqlite::Connection;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

fn of(path: &Path) -> Box<Sqlite> {
    Box::new(Sqlite::new(path, context()))
}

fn loaded(path: &Path) {
    let (survey, mut sink) = begun(of(path));
    load(&survey, sink.as_mut());
    sink.commit().unwrap();
}

fn count(path: &Path, table: &str) -> i64 {
    let sql = format!("SELECT count(*) FROM {table}");
    Connection::open(path).unwrap().query_row(&sql, [], |row| row.get(0)).unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

/// A database that somebody else made.
fn made(path: &Path, more: &str) {
    let connection = Connection::open(path).unwrap();
    connection.execute_batch(&schema(Dialect::Sqlite)).unwrap();
    let service = "INSERT INTO services (id, updated_at, deleted, host, \"binary\", report_count, disabled) VALUES \
                   (5, '2020-01-01', 0, 'node5', 'karbor-operationengine', 0, 0), \
                   (6, '2021-01-01', 0, 'node6', 'karbor-operationengine', 0, 0);";
    connection.execute_batch(&format!("{service}{more}")).unwrap();
}

#[test]
fn a_new_file_has_karbors_tables_indexes_and_service() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("karbor.db");
    loaded(&path);
    assert_eq!(names(folder.path()), ["karbor.db"]);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let connection = Connection::open(&path).unwrap();
    let one = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, String>(0)).unwrap();
    assert_eq!(one("PRAGMA integrity_check"), "ok");
    assert_eq!(one("PRAGMA journal_mode"), "delete");
    assert_eq!(
        one(
            "SELECT id || host || \"binary\" || deleted || disabled || report_count || created_at FROM services"
        ),
        "1localhostkarbor-operationengine0002018-01-01 00:00:00.000000"
    );
    let indexes = "SELECT group_concat(name, ' ') FROM (SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL \
                   ORDER BY name)";
    assert_eq!(
        one(indexes),
        "ix_checkpoint_items_checkpoint_id ix_checkpoint_items_resource_id ix_checkpoint_items_version \
         ix_scheduled_operation_states_operation_id ix_scheduled_operations_trigger_id"
    );
    assert_eq!(
        connection
            .prepare("PRAGMA foreign_key_check")
            .unwrap()
            .query([])
            .unwrap()
            .next()
            .unwrap()
            .map(|_| ()),
        None
    );
}

#[test]
fn a_new_file_that_is_not_finished_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("karbor.db");
    for end in ["drop", "rollback", "cancel"] {
        let context = context();
        let cancel = Arc::clone(&context.cancel);
        let (survey, mut sink) = begun(Box::new(Sqlite::new(&path, context)));
        load(&survey, sink.as_mut());
        let [name] = &names(folder.path())[..] else { panic!("{:?}", names(folder.path())) };
        assert!(name.starts_with("karbor.db.") && name.ends_with(".part"), "{name}");
        match end {
            "drop" => drop(sink),
            "rollback" => sink.rollback().unwrap(),
            _ => {
                cancel.cancel("SIGINT");
                refused(sink.commit(), &["stopped by SIGINT"]);
            }
        }
        assert!(names(folder.path()).is_empty(), "after {end}");
    }
    // What a killed run left is no obstacle, and an empty file is none either. A file of a similar name is not etl's.
    let left = format!("karbor.db.{}.part", "0".repeat(32));
    for name in [left.as_str(), "karbor.db.part"] {
        fs::write(folder.path().join(name), "half a database").unwrap();
    }
    fs::write(&path, "").unwrap();
    loaded(&path);
    assert_eq!(names(folder.path()), ["karbor.db", "karbor.db.part"]);
    assert_eq!(fs::read(folder.path().join("karbor.db.part")).unwrap(), b"half a database");
}

#[test]
fn of_two_runs_that_make_one_file_only_the_first_commits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("karbor.db");
    let [mut first, mut second] = [0, 1].map(|_| begun(of(&path)));
    for (survey, sink) in [&mut first, &mut second] {
        load(survey, sink.as_mut());
    }
    first.1.commit().unwrap();
    let made = fs::read(&path).unwrap();
    refused(second.1.commit(), &["karbor.db", "another program made or changed it meanwhile", "run again"]);
    assert_eq!(fs::read(&path).unwrap(), made);
    assert_eq!(names(folder.path()), ["karbor.db"]);
}

#[test]
fn the_journal_of_another_database_is_not_played_into_a_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("karbor.db");
    for journal in ["karbor.db-journal", "karbor.db-wal"] {
        fs::write(folder.path().join(journal), "pages").unwrap();
        refused(of(&path).begin(Intent::Write).map(drop), &[journal, "in the way", "move it away"]);
        assert_eq!(names(folder.path()), [journal]);
        fs::remove_file(folder.path().join(journal)).unwrap();
    }
}

#[test]
fn a_file_that_is_there_is_changed_in_one_transaction() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("karbor.db");
    made(&path, "");
    for end in ["drop", "rollback", "commit"] {
        let (survey, mut sink) = begun(of(&path));
        let service = survey.service.as_ref().unwrap();
        assert_eq!(
            (service.id, service.host.as_deref(), &service.others[..]),
            (6, Some("node6"), &["node5".to_owned()][..])
        );
        load(&survey, sink.as_mut());
        match end {
            "drop" => drop(sink),
            "rollback" => sink.rollback().unwrap(),
            _ => sink.commit().unwrap(),
        }
        let expected = if end == "commit" { NAMES.len() } else { 0 };
        assert_eq!(usize::try_from(count(&path, "checkpoint_items")).unwrap(), expected, "after {end}");
    }
    let mut target = of(&path);
    let survey = target.survey().unwrap();
    assert_eq!(survey.imported.iter().map(|(_, _, rows)| rows).sum::<u64>(), 3 * 6);
    let trust = "UPDATE scheduled_operation_states SET trust_id = 'real' WHERE id = 1";
    Connection::open(&path).unwrap().execute_batch(trust).unwrap();
    let trusts = of(&path).survey().unwrap().trusts;
    assert_eq!(trusts.values().collect::<Vec<_>>(), ["real"]);

    fs::remove_file(&path).unwrap();
    refused(target.begin(Intent::Write).map(drop), &["came or went since it was looked at"]);
}

#[test]
fn what_cannot_be_a_target_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let survey = |path: &Path| of(path).survey().map(drop);

    fs::write(
        path("text.db"),
        "this is a text, and a long one, so that it could be a header of a database file\n".repeat(20),
    )
    .unwrap();
    refused(survey(&path("text.db")), &["text.db: it is no SQLite database", "name another file"]);
    Connection::open(path("other.db")).unwrap().execute_batch("CREATE TABLE plans (id)").unwrap();
    refused(survey(&path("other.db")), &["without Karbor's tables services, resources, triggers"]);
    refused(survey(folder.path()), &["is not a file"]);
    refused(of(&path("absent/x.db")).begin(Intent::Write).map(drop), &["No such file or directory"]);

    made(
        &path("lacking.db"),
        "ALTER TABLE resources DROP COLUMN resource_extra_info; ALTER TABLE plans DROP COLUMN parameters;
        ALTER TABLE triggers ADD COLUMN shard integer NOT NULL DEFAULT 0",
    );
    refused(survey(&path("lacking.db")), &["plans has no column parameters"]);
    made(&path("optional.db"), "ALTER TABLE resources DROP COLUMN resource_extra_info");
    let warnings = of(&path("optional.db")).survey().unwrap().warnings;
    assert_eq!(warnings, ["the target has no column resources.resource_extra_info: it is left out"]);
    loaded(&path("optional.db"));
    made(&path("extra.db"), "DROP TABLE triggers; CREATE TABLE triggers (id varchar(36) PRIMARY KEY, name text, project_id text,
        type text, properties text, created_at datetime, updated_at datetime, deleted boolean, shard integer NOT NULL)");
    refused(survey(&path("extra.db")), &["triggers.shard (INTEGER) must have a value"]);

    made(&path("dead.db"), "UPDATE services SET disabled = 1");
    refused(
        survey(&path("dead.db")),
        &["no karbor-operationengine is alive", "5 (node5)", "operationengine"],
    );
    let named = |id| Sqlite::new(&path("dead.db"), Context { service_id: Some(id), ..context() }).survey();
    assert!(named(5).unwrap().warnings[0].contains("service 5 (node5)"));
    refused(named(7).map(drop), &["no service has the id 7"]);

    let damaged = path("damaged.db");
    loaded(&damaged);
    let mut bytes = fs::read(&damaged).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 8192].fill(0xa5);
    fs::write(&damaged, bytes).unwrap();
    refused(survey(&damaged), &["damaged"]);
}

#[test]
fn a_file_that_somebody_has_open_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("karbor.db");
    made(&path, "");
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut target = of(&path);
    target.survey().unwrap();
    refused(target.begin(Intent::Write).map(drop), &["another run or program has it open", "wait"]);
}

#[test]
fn a_refused_row_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("karbor.db");
    for existing in [false, true] {
        if existing {
            made(&path, "");
        }
        let (survey, mut sink) = begun(of(&path));
        load_table(0, &survey.layouts[0], &survey, sink.as_mut());
        let layout = &survey.layouts[5];
        let mut bytes = Vec::new();
        for n in [0, 1, 2, 1, 3] {
            with_row(5, n, "x", None, |row| layout.encode(row, &mut bytes).unwrap());
        }
        sink.table(layout).unwrap();
        let refusal = sink.rows(bytes, 5).unwrap_err();
        assert_eq!(refusal.row, Some(4));
        refused(
            Err::<(), _>(refusal.error),
            &["already or twice in the dumps", &id(6, 1), "checkpoint_items.id"],
        );
        drop(sink);
        assert_eq!(path.exists(), existing);
    }
    // A row that refers to nothing.
    let (survey, mut sink) = begun(of(&path));
    let layout = &survey.layouts[1];
    let mut bytes = Vec::new();
    with_row(1, 0, "x", None, |row| layout.encode(row, &mut bytes).unwrap());
    sink.table(layout).unwrap();
    let refusal = sink.rows(bytes, 1).unwrap_err();
    assert_eq!(refusal.row, Some(1));
    refused(Err::<(), _>(refusal.error), &["refers to one that is not there"]);
}

#[test]
fn a_request_to_stop_is_heard_between_rows() {
    let folder = tempfile::tempdir().unwrap();
    let context = context();
    let cancel = Arc::clone(&context.cancel);
    let (survey, mut sink) = begun(Box::new(Sqlite::new(&folder.path().join("karbor.db"), context)));
    let layout = &survey.layouts[0];
    sink.table(layout).unwrap();
    cancel.cancel("SIGHUP");
    let mut bytes = Vec::new();
    with_row(0, 0, "x", None, |row| layout.encode(row, &mut bytes).unwrap());
    refused(sink.rows(bytes, 1).map_err(|refusal| refusal.error), &["stopped by SIGHUP"]);
    drop(sink);
    assert!(names(folder.path()).is_empty());
}
