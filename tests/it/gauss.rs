//! The same commands on an imitation of openGauss as on PostgreSQL: the same rows, and the same exit codes.

use crate::karbor::{database, postgres_rows};
use crate::scene::{Answer, Scene, fixture};
use fixtures::gauss::{Gauss, Role, Ways};
use fixtures::server::shared;
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
    let pair = Pair::new(Ways::all(Role::new(PASSWORD, 2_048)));
    pair.same("run", &ALL, &QUIET);
    let other = ["--no-log", "--quiet", "--provider-id", "other", "--unsteady", "carry"];
    pair.same("check", &ALL, &other);
    pair.same("check", &ALL, &[&other[..], &["--full"]].concat());
    let [plain, _] = pair.same("run", &ALL, &other);
    assert!(plain.stdout.starts_with("Committed"), "{}", plain.shown());
    pair.same("verify", &ALL, &other);
    pair.same("run", &["cinder.sql", "vbs.sql"], &["--no-log", "--quiet", "--prune"]);
    let back = ["--no-log", "--quiet", "--source", "all", "--yes"];
    let [plain, _] = pair.same("rollback", &[], &back);
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
    assert!(script.contains("-- Made for PostgreSQL 9.2 and later, openGauss and GaussDB"), "{script}");
    let play = |script: &str, last: &str| {
        for target in pair.targets() {
            let output = Command::new(shared().installation().program("psql"))
                .args(["-X", "-v", "VERBOSITY=verbose", "-f"])
                .arg(pair.scene.path(script))
                .arg(&target)
                .output()
                .unwrap();
            let (out, err) =
                (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            assert!(out.ends_with(last), "{out}{err}");
        }
        let [plain, imitated] = pair.databases.each_ref().map(|name| postgres_rows(shared(), name));
        assert_eq!(imitated, plain);
    };
    play("karbor.sql", "etl: all rows are committed\n");
    let undo = ["rollback", "--no-log", "--quiet", "--source", "all", "--target", "undo.sql"];
    let written = pair.scene.etl(&undo);
    assert_eq!(written.code, 0, "{}", written.shown());
    play("undo.sql", "etl: the rollback is committed\n");
    assert_eq!(pair.gauss.refused(), Vec::<String>::new());
}
