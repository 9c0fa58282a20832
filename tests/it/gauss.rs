//! The same commands on an imitation of openGauss as on PostgreSQL: the same rows, and the same exit codes.

use crate::karbor::{database, postgres_rows};
use crate::scene::{Answer, Scene, fixture};
use fixtures::gauss::{Gauss, Role, Ways};
use fixtures::server::shared;
use fixtures::{Database, Layout, Shape, Site};
use std::process::Command;

const PASSWORD: &str = "Karbor_123";

/// A database, plain and behind the imitation.
struct Pair {
    scene: Scene,
    databases: [String; 2],
    gauss: Gauss,
}

impl Pair {
    fn new(ways: Ways) -> Self {
        let scene = Scene::new().with("PGPASSWORD", PASSWORD);
        let databases = [database(shared()), database(shared())];
        Self { scene, databases, gauss: Gauss::before(shared().port(), ways) }
    }

    fn targets(&self) -> [String; 2] {
        let [plain, imitated] = &self.databases;
        let port = self.gauss.port();
        [shared().url(plain), format!("postgresql://postgres@127.0.0.1:{port}/{imitated}?sslmode=disable")]
    }

    /// Runs a command on both; the rows of both are the same afterwards.
    #[track_caller]
    fn same(&self, command: &str, dumps: &[&str], more: &[&str]) -> [Answer; 2] {
        let dumps: Vec<String> = dumps.iter().map(|name| fixture(name)).collect();
        self.same_of(command, &dumps, more)
    }

    /// The same with dumps of the test's own.
    #[track_caller]
    fn same_of(&self, command: &str, dumps: &[String], more: &[&str]) -> [Answer; 2] {
        let dumps: Vec<&str> = dumps.iter().map(String::as_str).collect();
        let answers = self.targets().map(|target| {
            let line = [&[command, "--target", &target], more, &dumps].concat();
            self.scene.etl(&line)
        });
        let [plain, imitated] = &answers;
        assert_eq!(imitated.code, plain.code, "{command}: {}\n{}", imitated.shown(), plain.shown());
        let [plain, imitated] = self.databases.each_ref().map(|name| postgres_rows(shared(), name));
        assert_eq!(imitated, plain, "{command}");
        answers
    }

    /// What Karbor does to both.
    fn change(&self, sql: &str) {
        for database in &self.databases {
            shared().psql(database, sql);
        }
    }

    /// Has psql load a script into both; how its output ends.
    #[track_caller]
    fn load(&self, script: &str, last: &str) {
        for target in self.targets() {
            self.psql(&target, script, last);
        }
        let [plain, imitated] = self.databases.each_ref().map(|name| postgres_rows(shared(), name));
        assert_eq!(imitated, plain);
    }

    #[track_caller]
    fn psql(&self, target: &str, script: &str, last: &str) {
        let output = Command::new(shared().installation().program("psql"))
            .args(["-X", "-v", "VERBOSITY=verbose", "-f"])
            .arg(self.scene.path(script))
            .arg(target)
            .output()
            .unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(out.ends_with(last), "{out}{err}");
    }
}

/// The sections of a report, but for those about the server itself and about times and sizes of this one run.
fn about_rows(answer: &Answer) -> Vec<&str> {
    let sections = answer.stdout.split("\n\n");
    let of_rows = |section: &&str| {
        !["Server", "Time and memory"].iter().any(|title| section.starts_with(title))
            && !section.contains("127.0.0.1")
    };
    sections.filter(of_rows).collect()
}

const ALL: [&str; 3] = ["cinder.sql", "vbs.sql", "dps.sql"];
const QUIET: [&str; 2] = ["--no-log", "--quiet"];

#[test]
fn an_import_and_what_only_looks() {
    let pair = Pair::new(Ways::all(Role::new(PASSWORD, 10_000)));
    let [plain, _] = pair.same("run", &ALL, &["--no-log", "--quiet", "--unsteady", "carry"]);
    assert_eq!(plain.code, 3, "{}", plain.shown());
    pair.same("verify", &ALL, &["--no-log", "--quiet", "--unsteady", "carry"]);
    let [plain, imitated] = pair.same("policies", &[], &[]);
    assert_eq!(imitated.stdout, plain.stdout);
    let [plain, imitated] = pair.same("status", &[], &[]);
    assert_eq!(plain.code, 0, "{}", plain.shown());
    assert_eq!(about_rows(&imitated), about_rows(&plain));
    assert!(about_rows(&plain).len() > 5, "{}", plain.shown());
    for line in [
        "  (openGauss 6.0.0 build 1) compiled at 2024\n",
        "  login: sha256 of openGauss\n",
        "  encoding UTF8, varchar(n) counts bytes, sql_compatibility A\n",
    ] {
        assert!(imitated.stdout.contains(line), "{line:?} is not in: {}", imitated.stdout);
    }
    let [plain, _] = pair.same("sync", &["taskmgr.sql", "vbs.sql"], &QUIET);
    assert!(plain.stdout.contains("now available"), "{}", plain.shown());
    assert!(pair.gauss.proofs() > 5 && pair.gauss.failed_logins() == 0);
    assert_eq!(pair.gauss.refused(), Vec::<String>::new());
}

#[test]
fn reruns_and_the_way_back() {
    let pair = Pair::new(Ways::all(Role::sm3(PASSWORD, 2_048)));
    pair.same("run", &ALL, &QUIET);
    let other = ["--no-log", "--quiet", "--provider-id", "other", "--unsteady", "carry"];
    pair.same("check", &ALL, &other);
    pair.same("check", &ALL, &[&other[..], &["--full"]].concat());
    let [plain, _] = pair.same("run", &ALL, &other);
    assert!(plain.stdout.starts_with("Committed"), "{}", plain.shown());
    pair.same("verify", &ALL, &other);
    // Karbor works with what was imported, and etl says of both what differs, and keeps it.
    pair.change(
        "UPDATE plans SET status = 'started' WHERE id IN (SELECT id FROM plans ORDER BY id LIMIT 3);
         UPDATE scheduled_operation_states SET trust_id = '' WHERE operation_id IN
            (SELECT id FROM scheduled_operations ORDER BY id LIMIT 2);
         UPDATE checkpoint_items SET status = '' WHERE id IN (SELECT id FROM checkpoint_items ORDER BY id LIMIT 2);
         DELETE FROM checkpoint_items WHERE id IN (SELECT id FROM checkpoint_items ORDER BY id DESC LIMIT 2);
         INSERT INTO resources (created_at, deleted, plan_id, resource_id, resource_type)
            SELECT '2020-01-01', false, min(id), 'of-karbor', 'OS::Cinder::Volume' FROM plans",
    );
    let [plain, imitated] = pair.same("verify", &ALL, &other);
    assert_eq!((plain.code, about_rows(&imitated)), (4, about_rows(&plain)), "{}", plain.shown());
    let [plain, imitated] = pair.same("status", &[], &[]);
    assert!(plain.stdout.contains("no usable trust"), "{}", plain.shown());
    assert_eq!(about_rows(&imitated), about_rows(&plain));
    pair.same("run", &ALL, &other);
    pair.same("run", &["cinder.sql", "vbs.sql"], &["--no-log", "--quiet", "--prune"]);
    let preview = ["--quiet", "--source", "all", "--dry-run"];
    let [plain, imitated] = pair.same("rollback", &[], &preview);
    assert_eq!(about_rows(&imitated), about_rows(&plain));
    let back = ["--no-log", "--quiet", "--source", "all", "--yes"];
    let [plain, imitated] = pair.same("rollback", &[], &back);
    assert_eq!(plain.code, 1, "a row of Karbor's own depends on imported ones: {}", plain.shown());
    assert!(plain.stderr.contains("of-karbor") || plain.stdout.contains("of-karbor"), "{}", plain.shown());
    assert_eq!(about_rows(&imitated), about_rows(&plain));
    let [plain, _] = pair.same("rollback", &[], &[&back[..], &["--with-dependents"]].concat());
    assert_eq!(plain.code, 0, "{}", plain.shown());
    assert_eq!(pair.gauss.refused(), Vec::<String>::new());
}

#[test]
fn a_script() {
    let pair = Pair::new(Ways::all(Role::new(PASSWORD, 2_048).trusted()));
    let dumps = ALL.map(fixture);
    let [cinder, vbs, dps] = dumps.each_ref().map(String::as_str);
    let written = pair.scene.etl(&["run", cinder, vbs, dps, "--no-log", "--quiet", "--target", "karbor.sql"]);
    assert_eq!(written.code, 3, "{}", written.shown());
    let script = pair.scene.read("karbor.sql");
    pair.load("karbor.sql", "etl: all rows are committed\n");
    let undo = ["rollback", "--no-log", "--quiet", "--source", "all", "--target", "undo.sql"];
    let written = pair.scene.etl(&undo);
    assert_eq!(written.code, 0, "{}", written.shown());
    pair.load("undo.sql", "etl: the rollback is committed\n");
    for script in [script, pair.scene.read("undo.sql")] {
        for line in [
            "  psql -X -f FILE DATABASE      (openGauss, GaussDB:  gsql -X -f FILE -d DATABASE)\n",
            "-- Made for PostgreSQL 9.2 and later, openGauss and GaussDB; of the last two no live server was reached.\n",
            "-- This file is UTF-8; the server converts it",
        ] {
            assert!(script.contains(line), "{line} is not in: {script}");
        }
    }
    assert_eq!(pair.gauss.refused(), Vec::<String>::new());
}

/// Where a dump has a text of no characters, which openGauss makes NULL of in COPY text and stores as it is in binary COPY, etl
/// writes NULL: so no column that must have a value gets none, and what is compared later is the same.
#[test]
fn a_text_of_no_characters_is_null_however_it_is_loaded() {
    let pair = Pair::new(Ways::all(Role::new(PASSWORD, 2_048).trusted()));
    // What the imitation does with such a field.
    pair.scene.write(
        "copy.sql",
        "CREATE TEMPORARY TABLE t (a text, b text);\nCOPY t FROM STDIN;\n\tb\n\\.\n\\pset null NULL\n\\pset format unaligned\n\
         \\pset footer off\nSELECT * FROM t;\n",
    );
    for (target, last) in pair.targets().iter().zip(["a|b\n|b\n", "a|b\nNULL|b\n"]) {
        pair.psql(target, "copy.sql", last);
    }
    let (site, layout) = (Site::bundled(), Layout::of(Shape::PgDump15));
    let dumps = [Database::Cinder, Database::Vbs, Database::Dps].map(|database| {
        let mut dump = Vec::new();
        site.write(database, &layout, &mut dump).unwrap();
        if database == Database::Cinder {
            assert!(String::from_utf8_lossy(&dump).contains("\t\t"), "it has none");
        }
        pair.scene.write(database.file_name(), dump).display().to_string()
    });
    let [cinder, vbs, dps] = dumps.each_ref().map(String::as_str);
    let written = pair.scene.etl(&["run", cinder, vbs, dps, "--no-log", "--quiet", "--target", "karbor.sql"]);
    assert_eq!(written.code, 3, "{}", written.shown());
    pair.load("karbor.sql", "etl: all rows are committed\n");
    let by_script = postgres_rows(shared(), &pair.databases[1]);
    // What was loaded as text is what binary COPY would load, and what is compared.
    let [plain, imitated] = pair.same_of("run", &dumps, &QUIET);
    assert_eq!(about_rows(&imitated), about_rows(&plain));
    let [plain, _] = pair.same_of("verify", &dumps, &QUIET);
    assert_eq!(plain.code, 0, "{}", plain.shown());
    pair.same_of("rollback", &[], &["--no-log", "--quiet", "--source", "all", "--yes"]);
    pair.same_of("run", &dumps, &QUIET);
    let by_copy = postgres_rows(shared(), &pair.databases[1]);
    for (table, rows) in &by_copy {
        assert!(!rows.is_empty() && rows.len() == by_script[table].len(), "{table}");
        let empty = rows.iter().find(|row| row.split('|').any(str::is_empty));
        assert_eq!(empty, None, "{table}");
    }
}
