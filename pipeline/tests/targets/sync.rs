//! Outcomes of jobs, brought to items of every kind in both databases; what is nobody's business stays byte for byte.

use crate::{context, karbor, postgres, refused};
use fixtures::server::shared;
use parsers::columns::ColumnMap;
use parsers::input::Input;
use parsers::scan::Limits;
use pipeline::error::Error;
use pipeline::karbor::ddl::{Dialect, script};
use pipeline::load::Target;
use pipeline::load::sqlite::Sqlite;
use pipeline::progress::{Cancel, Progress};
use pipeline::sync::options::Options;
use pipeline::sync::{Report, WAITING_LISTED, Why, sync};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A dump of the task manager with these rows of `taskmgr_job`.
fn dump(rows: &str) -> String {
    format!(
        "--\n-- PostgreSQL database dump\n--\n\nSET client_encoding = 'UTF8';\n\n\
         COPY taskmgr_job (job_id, current_status, execution_status, fail_reason) FROM stdin;\n{rows}\\.\n\n\
         --\n-- PostgreSQL database dump complete\n--\n\n"
    )
}

/// A database of either kind, with statements to be run on it and rows to be read.
struct Scene {
    folder: TempDir,
    file: PathBuf,
    database: String,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("karbor.db");
        let connection = rusqlite::Connection::open(&file).unwrap();
        connection.execute_batch(&script(Dialect::Sqlite)).unwrap();
        Self { file, folder, database: karbor() }
    }

    /// Runs a statement that both databases read.
    fn run(&self, sql: &str) {
        rusqlite::Connection::open(&self.file).unwrap().execute_batch(sql).unwrap();
        shared().psql(&self.database, sql);
    }

    fn item(&self, id: &str, version: &str, status: &str, deleted: bool, info: &str) {
        self.run(&format!(
            "INSERT INTO checkpoint_items (id, created_at, updated_at, deleted, checkpoint_id, project_id, provider_id, resource_id, \
             resource_type, status, version, extend_info) VALUES ('{id}', '2020-01-01 00:00:00.000000', '2020-01-02 00:00:00.000000', \
             {deleted}, 'c', 'p', 'v', 'r', 't', '{status}', '{version}', '{}')",
            info.replace('\'', "''")
        ));
    }

    /// Every row of both databases: id, status, updated_at, extend_info. Both must be the same.
    fn rows(&self) -> Vec<String> {
        let sql = "SELECT id || '|' || status || '|' || substr(CAST(updated_at AS text), 1, 19) || '|' || extend_info \
                   FROM checkpoint_items ORDER BY id";
        let connection = rusqlite::Connection::open(&self.file).unwrap();
        let mut select = connection.prepare(sql).unwrap();
        let rows: Vec<String> = select.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        let served = shared().psql(&self.database, sql);
        assert_eq!(served.lines().collect::<Vec<_>>(), rows);
        rows
    }

    /// What a sync of both databases says, which must be the same.
    fn sync(&self, rows: &str) -> Report {
        let [file, database] = self.try_sync(&dump(rows)).map(Result::unwrap);
        assert_eq!(
            (file.available, file.failed, &file.waiting, &file.listed),
            (database.available, database.failed, &database.waiting, &database.listed)
        );
        file
    }

    fn try_sync(&self, dump: &str) -> [Result<Report, Error>; 2] {
        let path = self.folder.path().join("taskmgr.sql");
        std::fs::write(&path, dump).unwrap();
        let file: Box<dyn Target> = Box::new(Sqlite::new(&self.file, context()));
        [file, postgres(&self.database)].map(|target| sync_with(&path, target))
    }
}

fn sync_with(dump: &Path, target: Box<dyn Target>) -> Result<Report, Error> {
    let mut inputs = [Input::open(dump.to_str().unwrap(), Path::new("/var/tmp")).unwrap()];
    let options = Options { columns: ColumnMap::built_in().unwrap(), limits: Limits::default() };
    sync(&mut inputs, target, &options, &Progress::new(1), &Cancel::default())
}

const JOBS: &str = "done\tSUCCESS\tRUNNING\t\\N\n\
                    late\t\\N\tSUCCESS\t\\N\n\
                    bad\tFAIL\tFAIL\tvolume \"in-use\" lost:\\n\\tC:\\\\x 备份\n\
                    mute\tFAIL\tFAIL\t\\N\n\
                    busy\tRUNNING\tSUCCESS\t\\N\n\
                    new\tINIT\t\\N\t\\N\n\
                    odd\tPAUSED\t\\N\t\\N\n\
                    blank\t\\N\t\\N\t\\N\n\
                    both\tSUCCESS\t\\N\t\\N\n\
                    both\tFAIL\t\\N\t\\N\n\
                    twice\tRUNNING\t\\N\t\\N\n\
                    twice\tSUCCESS\t\\N\t\\N\n";

#[test]
fn every_item_gets_its_jobs_outcome_or_waits_and_says_why() {
    let scene = Scene::new();
    let info = |task: &str| {
        format!(
            r#"{{"fail_reason": "", "progress":0,"size":1.20, "taskid":"{task}","volume_backups": [{{"id":"i","status":"protecting","x":[1 , 2]}}]}}"#
        )
    };
    for task in ["done", "late", "bad", "mute", "busy", "new", "odd", "blank", "both", "twice", "gone"] {
        scene.item(&format!("i-{task}"), "0.5", "protecting", false, &info(task));
    }
    scene.item("j-text", "0.5", "protecting", false, "done");
    scene.item("j-list", "0.5", "protecting", false, "[]");
    scene.item("j-no-task", "0.5", "protecting", false, r#"{"taskid":""}"#);
    // A copy that Karbor took over, deleted or made itself, and one of DPS, are nobody's business here.
    scene.item("k-available", "0.5", "available", false, &info("bad"));
    scene.item("k-deleted", "0.5", "protecting", true, &info("done"));
    scene.item("k-dps", "0.4", "protecting", false, &info("done"));
    scene.item("k-karbor", "1.0", "protecting", false, &info("done"));
    let before = scene.rows();

    let report = scene.sync(JOBS);
    assert_eq!((report.protecting, report.available, report.failed, report.jobs), (14, 3, 2, 12));
    let waiting: Vec<_> = report.waiting.iter().map(|(why, n)| (why.to_string(), *n)).collect();
    let expected = [
        ("unfinished", 2),
        ("unknown-state", 2),
        ("contradiction", 1),
        ("not-in-dumps", 1),
        ("no-task", 1),
        ("not-an-object", 2),
    ];
    assert_eq!(waiting, expected.map(|(why, n)| (why.to_owned(), n)));
    let listed: Vec<_> =
        report.listed.iter().map(|w| (w.id.as_str(), w.task_id.as_deref(), w.detail.as_str())).collect();
    assert_eq!(
        listed[..6],
        [
            ("i-blank", Some("blank"), "its job has no state"),
            ("i-both", Some("both"), "the dumps say of its job both SUCCESS and FAIL"),
            ("i-busy", Some("busy"), "its job is RUNNING"),
            ("i-gone", Some("gone"), "the dumps do not hold its job"),
            ("i-new", Some("new"), "its job is INIT"),
            ("i-odd", Some("odd"), "its job's state is \"PAUSED\", which is not known"),
        ]
    );
    assert_eq!((listed[6].0, listed[7].0, listed[8].0), ("j-list", "j-no-task", "j-text"));

    let after: Vec<String> = before
        .iter()
        .map(|row| match row.split_once('|').unwrap() {
            ("i-done" | "i-late" | "i-twice", _) => {
                row.replace("protecting", "available").replace("\"progress\":0", "\"progress\":100")
            }
            ("i-bad", _) => row
                .replace("protecting", "error")
                .replace(r#""fail_reason": """#, r#""fail_reason": "volume \"in-use\" lost:\n\tC:\\x 备份""#),
            ("i-mute", _) => row.replace("protecting", "error"),
            _ => row.clone(),
        })
        .collect();
    assert_eq!(scene.rows(), after);

    // Once more it changes nothing, and says the same of those that wait.
    let again = scene.sync(JOBS);
    assert_eq!((again.protecting, again.settled(), again.waits()), (9, 0, 9));
    assert_eq!(again.listed, report.listed);
    assert_eq!(scene.rows(), after);
    let tables = shared().psql(&scene.database, "SELECT count(*) FROM pg_class WHERE relname LIKE 'etl%'");
    assert_eq!(tables, "0", "nothing temporary is left");
}

#[test]
fn many_items_are_taken_page_by_page() {
    let scene = Scene::new();
    let mut sql = String::from("BEGIN;");
    let mut jobs = String::new();
    for n in 0..1_203 {
        let _ = write!(
            sql,
            "INSERT INTO checkpoint_items (id, created_at, deleted, checkpoint_id, project_id, provider_id, resource_id, \
             resource_type, status, version, extend_info) VALUES ('{n}', '2020-01-01', false, 'c', 'p', 'v', 'r', 't', 'protecting', \
             '0.5', '{{\"taskid\":\"t{n}\"}}');"
        );
        if n % 3 != 0 {
            let _ = writeln!(jobs, "t{n}\tSUCCESS\t\\N\t\\N");
        }
    }
    scene.run(&(sql + "COMMIT"));
    let report = scene.sync(&jobs);
    assert_eq!((report.protecting, report.available, report.waits()), (1_203, 802, 401));
    assert_eq!(report.listed.len(), WAITING_LISTED);
    assert!(report.listed.iter().all(|waiting| waiting.why == Why::NotInDumps));
    let left = "SELECT count(*) FROM checkpoint_items WHERE status = 'available' AND extend_info LIKE '%\"progress\":100}'";
    assert_eq!(shared().psql(&scene.database, left), "802");
}

#[test]
fn json_columns_keep_their_type_and_a_narrow_one_keeps_its_item() {
    for (kind, changed) in [
        ("json", r#"{"taskid": "bad", "fail_reason":"why",  "a":1.20}"#),
        ("jsonb", r#"{"a": 1.20, "taskid": "bad", "fail_reason": "why"}"#),
        ("varchar(48)", r#"{"taskid": "bad", "fail_reason":"why",  "a":1.20}"#),
    ] {
        let scene = Scene::new();
        shared().psql(
            &scene.database,
            &format!("ALTER TABLE checkpoint_items ALTER extend_info TYPE {kind} USING extend_info::{kind}"),
        );
        scene.item("i", "0.5", "protecting", false, r#"{"taskid": "bad", "fail_reason":"",  "a":1.20}"#);
        let reason = if kind.starts_with("varchar") { "a reason that is too long" } else { "why" };
        let [_, report] = scene.try_sync(&dump(&format!("bad\tFAIL\t\\N\t{reason}\n")));
        let report = report.unwrap();
        let row = shared().psql(&scene.database, "SELECT status, extend_info FROM checkpoint_items");
        if reason == "why" {
            assert_eq!((report.failed, row), (1, format!("error|{changed}")), "{kind}");
        } else {
            assert_eq!((report.failed, report.waiting[&Why::Misfit]), (0, 1));
            assert_eq!(report.listed[0].task_id.as_deref(), Some("bad"));
            assert!(report.listed[0].detail.contains("the column holds 48"), "{}", report.listed[0].detail);
            assert!(row.starts_with("protecting|"), "{row}");
        }
    }
}

#[test]
fn what_is_wrong_with_the_dumps_is_told_and_an_unreadable_job_keeps_nobody_else_waiting() {
    let scene = Scene::new();
    scene.item("i", "0.5", "protecting", false, r#"{"taskid":"one"}"#);
    scene.item("j", "0.5", "protecting", false, r#"{"taskid":"two"}"#);
    let before = scene.rows();
    for (text, expected) in [
        (
            dump("one\tSUCCESS\t\\N\t\\N\n").replace("taskmgr_job (", "quotas ("),
            "taskmgr.sql: no table taskmgr_job",
        ),
        (dump("one\tSUCCESS\t\\N\t\\N\n").replace("database dump complete", ""), "taskmgr.sql"),
        (dump("").replace("job_id", "id"), "job_id"),
    ] {
        for outcome in scene.try_sync(&text) {
            refused(outcome, &[expected]);
        }
    }
    assert_eq!(scene.rows(), before);
    let report = scene.sync("two\tSUCCESS\n\\N\tSUCCESS\t\\N\t\\N\none\tSUCCESS\t\\N\t\\N\n");
    assert_eq!((report.jobs, report.unreadable, report.available, report.waits()), (3, 2, 1, 1));
    let told: Vec<String> = report.rejections.iter().map(ToString::to_string).collect();
    assert!(told[0].contains("taskmgr.sql:8: taskmgr_job: the row"), "{told:?}");
    assert!(told[1].contains("taskmgr.sql:9: taskmgr_job.job_id: "), "{told:?}");
}

#[test]
fn a_sync_waits_for_no_run_and_a_script_is_no_database() {
    let scene = Scene::new();
    scene.item("i", "0.5", "protecting", false, r#"{"taskid":"one"}"#);
    let text = dump("one\tSUCCESS\t\\N\t\\N\n");
    let running = postgres(&scene.database).open(pipeline::load::Intent::Write).unwrap();
    let [_, served] = scene.try_sync(&text);
    refused(served, &["another etl run is under way"]);
    running.sink.rollback().unwrap();
    let script = scene.folder.path().join("karbor.sql");
    let script = pipeline::load::script::Script::new(&script, context());
    refused(sync_with(&scene.folder.path().join("taskmgr.sql"), Box::new(script)), &["is a script"]);
}
