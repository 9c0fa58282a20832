//! Imports taken back: what goes, what stays, and that a target is then what it was before.

use crate::karbor::{Rows, counts, database, postgres_rows, sqlite_rows};
use crate::scene::{Answer, Scene, fixture};
use fixtures::gauss;
use fixtures::server::{SUPERUSER, Server, shared};
use fixtures::{Database, Layout, Site};
use rusqlite::Connection;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Karbor's own rows, one of each kind, and the tables that no run writes; for both databases.
const OWN: &str = "
    CREATE TABLE trigger_executions (id varchar(36) PRIMARY KEY, trigger_id varchar(36) NOT NULL, execution_time timestamp);
    CREATE TABLE scheduled_operation_logs (id integer PRIMARY KEY, operation_id varchar(36) NOT NULL
        REFERENCES scheduled_operations (id) ON DELETE CASCADE, state varchar(32));
    INSERT INTO plans (id, name, description, project_id, status, parameters, deleted) VALUES
        ('11111111-0000-4000-8000-000000000001', 'own', 'imported by hand', 'p', 'suspended', '{}', FALSE);
    INSERT INTO resources (plan_id, resource_id, resource_name, deleted) VALUES
        ('11111111-0000-4000-8000-000000000001', 'volume', 'volume', FALSE);
    INSERT INTO triggers (id, name, project_id, type, properties, deleted) VALUES
        ('11111111-0000-4000-8000-000000000002', 'own', 'p', 'time', '{}', FALSE),
        ('11111111-0000-4000-8000-000000000012', 'unused', 'p', 'time', '{}', FALSE);
    INSERT INTO scheduled_operations (id, name, description, operation_type, user_id, project_id, trigger_id,
        operation_definition, enabled, deleted) VALUES
        ('11111111-0000-4000-8000-000000000003', 'own', NULL, 'backup', 'u', 'p', '11111111-0000-4000-8000-000000000002',
         '{\"plan_id\": \"11111111-0000-4000-8000-000000000001\"}', TRUE, FALSE),
        ('11111111-0000-4000-8000-000000000013', 'no JSON', '', 'backup', 'u', 'p', '11111111-0000-4000-8000-000000000002',
         'plan_id', TRUE, FALSE);
    INSERT INTO scheduled_operation_states (operation_id, service_id, trust_id, state, deleted) VALUES
        ('11111111-0000-4000-8000-000000000003', 1, 'trust', 'registered', FALSE);
    INSERT INTO checkpoint_items (id, deleted, checkpoint_id, project_id, plan_id, resource_id, status, version) VALUES
        ('own', FALSE, 'c', 'p', '11111111-0000-4000-8000-000000000001', 'volume', 'available', '1.0');
    INSERT INTO trigger_executions VALUES ('e', '11111111-0000-4000-8000-000000000002', NULL);
    INSERT INTO scheduled_operation_logs VALUES (1, '11111111-0000-4000-8000-000000000003', 'success')";

/// A database with Karbor's own rows in it.
enum Place {
    Postgres(String),
    Embedded,
}

impl Place {
    /// One of each kind; the embedded one in the folder of the scene.
    fn both(scene: &Scene) -> [Self; 2] {
        let postgres = Self::Postgres(database(shared()));
        let schema = scene.etl(&["schema", "--for", "sqlite"]);
        let embedded = Self::Embedded;
        Connection::open(scene.path("karbor.db")).unwrap().execute_batch(&schema.stdout).unwrap();
        let service = "INSERT INTO services (host, \"binary\", report_count, disabled, deleted, created_at) \
                       VALUES ('node1', 'karbor-operationengine', 0, 0, 0, '2018-01-01 00:00:00.000000')";
        embedded.run(scene, service);
        for place in [&postgres, &embedded] {
            place.run(scene, OWN);
        }
        [postgres, embedded]
    }

    fn run(&self, scene: &Scene, sql: &str) {
        match self {
            Self::Postgres(database) => drop(shared().psql(database, sql)),
            Self::Embedded => Connection::open(scene.path("karbor.db")).unwrap().execute_batch(sql).unwrap(),
        }
    }

    /// One value.
    fn ask(&self, scene: &Scene, sql: &str) -> String {
        match self {
            Self::Postgres(database) => shared().psql(database, sql),
            Self::Embedded => {
                let sql = format!("SELECT CAST(({sql}) AS text)");
                let connection = Connection::open(scene.path("karbor.db")).unwrap();
                connection.query_row(&sql, [], |row| row.get(0)).unwrap()
            }
        }
    }

    fn target(&self) -> String {
        match self {
            Self::Postgres(database) => gauss::target(shared(), database),
            Self::Embedded => "karbor.db".to_owned(),
        }
    }

    /// All that is in it, but for the positions of sequences.
    fn dump(&self, scene: &Scene) -> Vec<String> {
        match self {
            Self::Postgres(database) => pg_dump(shared(), database),
            Self::Embedded => sqlite_dump(&scene.path("karbor.db")),
        }
    }

    fn import(&self, scene: &Scene, dumps: &[&str]) {
        let (target, dumps) = (self.target(), dumps.iter().map(|dump| fixture(dump)).collect::<Vec<_>>());
        let mut line = vec!["run", "--quiet", "--no-log", "--target", &target];
        line.extend(dumps.iter().map(String::as_str));
        let answer = scene.etl(&line);
        assert!([0, 3].contains(&answer.code), "{}", answer.shown());
    }

    fn roll_back(&self, scene: &Scene, source: &str, more: &[&str]) -> Answer {
        let target = self.target();
        let mut line = vec!["rollback", "--no-log", "--source", source, "--target", &target];
        line.extend(more);
        scene.etl(&line)
    }
}

const ALL: [&str; 3] = ["cinder.sql", "vbs.sql", "dps.sql"];

fn pg_dump(server: &Server, database: &str) -> Vec<String> {
    let output = Command::new(server.installation().program("pg_dump"))
        .args(["-U", SUPERUSER, "-p", &server.port().to_string(), "-d", database, "-h"])
        .arg(server.folder())
        .env_clear()
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    // Newer releases bracket a dump with a key that is never the same.
    let steady = |line: &&str| {
        !["SELECT pg_catalog.setval", "\\restrict ", "\\unrestrict "]
            .iter()
            .any(|head| line.starts_with(head))
    };
    text.lines().filter(steady).map(str::to_owned).collect()
}

fn sqlite_dump(path: &Path) -> Vec<String> {
    let connection = Connection::open(path).unwrap();
    let texts = |sql: &str| -> Vec<String> {
        let mut statement = connection.prepare(sql).unwrap();
        let columns = statement.column_count();
        let row = |row: &rusqlite::Row<'_>| {
            Ok((0..columns).map(|n| format!("{:?}", row.get_ref(n).unwrap())).collect())
        };
        statement.query_map([], row).unwrap().map(Result::unwrap).collect()
    };
    let mut out = texts("SELECT type, name, sql FROM sqlite_master ORDER BY name");
    let mut tables = connection
        .prepare(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name",
        )
        .unwrap();
    let names: Vec<String> = tables.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    for name in names {
        out.extend(texts(&format!("SELECT '{name}', rowid, * FROM {name} ORDER BY rowid")));
    }
    out
}

#[track_caller]
fn check_done(answer: &Answer) {
    assert_eq!((answer.code, answer.stderr.as_str()), (0, ""), "{}", answer.shown());
    assert!(answer.stdout.starts_with("Rolled back: "), "{}", answer.stdout);
}

#[test]
fn a_target_is_then_what_it_was_before() {
    let scene = Scene::new();
    for place in Place::both(&scene) {
        let before = place.dump(&scene);
        place.import(&scene, &ALL);
        assert_ne!(place.dump(&scene), before);
        check_done(&place.roll_back(&scene, "all", &["--yes"]));
        assert_eq!(place.dump(&scene), before);
        let again = place.roll_back(&scene, "all", &["--yes"]);
        assert_eq!((again.code, again.stderr.as_str()), (0, ""));
        assert!(again.stdout.starts_with("Nothing imported from VBS or DPS is in "), "{}", again.stdout);
        assert_eq!(place.dump(&scene), before);
    }
}

#[test]
fn one_source_is_taken_back_and_the_other_stays() {
    let scene = Scene::new();
    for place in Place::both(&scene) {
        place.import(&scene, &["dps.sql"]);
        let with_dps = place.dump(&scene);
        place.import(&scene, &["vbs.sql"]);
        let answer = place.roll_back(&scene, "vbs", &["--yes"]);
        check_done(&answer);
        assert!(!answer.stdout.contains("dps "), "{}", answer.stdout);
        assert_eq!(place.dump(&scene), with_dps);
    }
    // Both in one run: what is left is what the other source's dumps alone would have given.
    for (source, dumps) in [("vbs", &ALL[2..]), ("dps", &ALL[1..2])] {
        let [both, _] = Place::both(&Scene::new());
        let [alone, _] = Place::both(&Scene::new());
        both.import(&scene, &ALL[1..]);
        alone.import(&scene, dumps);
        check_done(&both.roll_back(&scene, source, &["--yes"]));
        let rows = |place: &Place| match place {
            Place::Postgres(database) => postgres_rows(shared(), database),
            Place::Embedded => unreachable!(),
        };
        assert_eq!(rows(&both), rows(&alone), "{source}");
    }
}

#[test]
fn a_dry_run_shows_and_deletes_nothing() {
    let scene = Scene::new();
    for place in Place::both(&scene) {
        place.import(&scene, &ALL);
        let before = place.dump(&scene);
        let answer = place.roll_back(&scene, "all", &["--dry-run", "--report", "shown.json"]);
        assert_eq!((answer.code, answer.stderr.as_str()), (0, ""));
        assert!(answer.stdout.starts_with("351 rows would be deleted from "), "{}", answer.stdout);
        assert_eq!(place.dump(&scene), before);
        let report: serde_json::Value = serde_json::from_str(&scene.read("shown.json")).unwrap();
        assert_eq!((&report["report"]["ending"], &report["exit_code"]), (&"shown".into(), &0.into()));
        let rows = report["report"]["rows"].as_array().unwrap();
        for table in crate::karbor::TABLES {
            let told: u64 = rows
                .iter()
                .filter(|row| row["table"] == table)
                .map(|row| row["rows"].as_u64().unwrap())
                .sum();
            let own = if table == "scheduled_operations" || table == "triggers" { 2 } else { 1 };
            let held: u64 = place.ask(&scene, &format!("SELECT count(*) FROM {table}")).parse().unwrap();
            assert_eq!(told + own, held, "{table}");
        }
        let copies = rows.iter().filter(|row| row["table"] == "checkpoint_items" && row["origin"] == "vbs");
        for copies in copies {
            let sql = format!(
                "SELECT count(*) FROM checkpoint_items WHERE version = '0.5' AND project_id = '{}'",
                copies["tenant"].as_str().unwrap()
            );
            assert_eq!(place.ask(&scene, &sql), copies["rows"].to_string());
        }
    }
}

/// Everything that Karbor's users may do to imported rows without adding any.
const EDITED: &str = "
    -- A plan, an operation, and both of one family.
    UPDATE plans SET description = 'mine now' WHERE id IN (SELECT id FROM plans WHERE description = 'imported_from_vbs' ORDER BY id LIMIT 2);
    UPDATE scheduled_operations SET description = NULL WHERE id IN
        (SELECT id FROM scheduled_operations WHERE description = 'imported_from_vbs' ORDER BY id LIMIT 3);
    UPDATE plans SET description = '' WHERE description = 'imported_from_dps';
    -- Soft-deleted rows.
    UPDATE plans SET deleted = TRUE WHERE id IN (SELECT id FROM plans ORDER BY id DESC LIMIT 2);
    UPDATE triggers SET deleted = TRUE WHERE id IN (SELECT id FROM triggers ORDER BY id DESC LIMIT 2);
    UPDATE resources SET deleted = TRUE WHERE id IN (SELECT max(id) FROM resources);
    UPDATE checkpoint_items SET deleted = TRUE, deleted_at = '2020-01-01 00:00:00' WHERE id IN
        (SELECT id FROM checkpoint_items WHERE version = '0.5' ORDER BY id LIMIT 2);
    -- An operation that ran, and its trigger's next time.
    UPDATE scheduled_operation_states SET state = 'running' WHERE id IN (SELECT max(id) FROM scheduled_operation_states);
    INSERT INTO scheduled_operation_logs SELECT 2, operation_id, 'failed' FROM scheduled_operation_states
        WHERE id IN (SELECT max(id) FROM scheduled_operation_states);
    INSERT INTO trigger_executions SELECT id, id, '2020-01-01 00:00:00' FROM triggers WHERE name <> 'own' AND name <> 'unused'";

/// Operations that Karbor deleted for good; their triggers stay.
const HARD_DELETED: &str = "
    DELETE FROM scheduled_operation_states WHERE operation_id IN
        (SELECT id FROM scheduled_operations WHERE project_id <> 'p' ORDER BY name, id LIMIT 3);
    DELETE FROM scheduled_operation_logs WHERE id = 2;
    DELETE FROM scheduled_operations WHERE id IN (SELECT id FROM scheduled_operations WHERE project_id <> 'p' ORDER BY name, id LIMIT 3)";

#[test]
fn rows_that_were_edited_and_deleted_in_karbor_go_too_and_are_told() {
    let scene = Scene::new();
    for place in Place::both(&scene) {
        let before = place.dump(&scene);
        place.import(&scene, &ALL);
        place.run(&scene, EDITED);
        let shown = place.roll_back(&scene, "all", &["--dry-run"]);
        for line in [
            "plans: 2 rows deleted in Karbor",
            "triggers: 2 rows deleted in Karbor",
            "resources: 1 row deleted in Karbor",
            "plans: 12 rows with an edited description",
            "scheduled_operations: 3 rows with an edited description",
            "scheduled_operation_states: 1 row with another status",
            "scheduled_operations: 1 row has run since",
            "checkpoint_items: 2 rows deleted in Karbor",
            "These are signs",
            "trigger_executions             31  with them",
            "scheduled_operation_logs        1  with them",
        ] {
            assert!(shown.stdout.contains(line), "{line}: {}", shown.stdout);
        }
        place.run(&scene, HARD_DELETED);
        check_done(&place.roll_back(&scene, "all", &["--yes"]));
        assert_eq!(place.dump(&scene), before);
    }
}

#[test]
fn with_the_dumps_every_change_is_told() {
    let scene = Scene::new();
    for place in Place::both(&scene) {
        let before = place.dump(&scene);
        place.import(&scene, &ALL);
        let dumps = ALL.map(fixture);
        let mut line = vec!["--dry-run"];
        line.extend(dumps.iter().map(String::as_str));
        let shown = place.roll_back(&scene, "all", &line);
        assert_eq!(shown.code, 0, "{}", shown.shown());
        assert!(!shown.stdout.contains("other values than the dumps"), "{}", shown.stdout);
        // One is edited as Karbor does it, one behind its back: no sign tells of either.
        place.run(
            &scene,
            "UPDATE plans SET name = 'edited', updated_at = '2020-01-01 00:00:00' WHERE id IN
                 (SELECT min(id) FROM plans WHERE description = 'imported_from_vbs');
             UPDATE checkpoint_items SET size = 77777 WHERE id IN
                 (SELECT min(id) FROM checkpoint_items WHERE version = '0.4');
             INSERT INTO scheduled_operation_logs SELECT 3, operation_id, 'success' FROM scheduled_operation_states
                 WHERE id IN (SELECT max(id) FROM scheduled_operation_states)",
        );
        let shown = place.roll_back(&scene, "all", &line);
        for told in [
            "plans: 1 row with other values than the dumps",
            "checkpoint_items: 1 row with other values than the dumps",
            "scheduled_operations: 1 row has run since",
            "Found by comparing the rows with the dumps.",
        ] {
            assert!(shown.stdout.contains(told), "{told}: {}", shown.stdout);
        }
        let answer = place.roll_back(&scene, "all", &["--yes", &dumps[0], "nowhere.sql"]);
        assert_eq!(answer.code, 1, "{}", answer.shown());
        let mut line: Vec<&str> = vec!["--yes", "--quiet"];
        line.extend(dumps.iter().map(String::as_str));
        check_done(&place.roll_back(&scene, "all", &line));
        assert_eq!(place.dump(&scene), before);
    }
}

#[test]
fn triggers_of_which_nothing_tells_the_source_stay_until_it_is_plain() {
    let scene = Scene::new();
    for place in Place::both(&scene) {
        let before = place.dump(&scene);
        place.import(&scene, &ALL);
        place.run(&scene, HARD_DELETED);
        let answer = place.roll_back(&scene, "vbs", &["--yes"]);
        check_done(&answer);
        assert!(
            answer.stdout.contains("triggers: 3 rows imported, but from VBS or DPS?"),
            "{}",
            answer.stdout
        );
        assert_ne!(place.dump(&scene), before);
        // Now only one source is left that they can be of.
        check_done(&place.roll_back(&scene, "dps", &["--yes"]));
        assert_eq!(place.dump(&scene), before);
    }
}

/// What users of Karbor depend on imported rows: an operation with a trigger of its own and a resource on one plan, an
/// operation on an imported trigger, a copy that Karbor made.
const HUNG: &str = "
    INSERT INTO triggers (id, name, project_id, type, properties, deleted) VALUES
        ('22222222-0000-4000-8000-000000000002', 'added', 'p', 'time', '{}', FALSE);
    INSERT INTO scheduled_operations (id, name, operation_type, user_id, project_id, trigger_id, operation_definition, enabled, deleted)
        SELECT '22222222-0000-4000-8000-000000000003', 'added', 'backup', 'u', 'p', '22222222-0000-4000-8000-000000000002',
            '{\"plan_id\": \"' || id || '\"}', TRUE, FALSE FROM plans WHERE description = 'imported_from_vbs' ORDER BY id LIMIT 1;
    INSERT INTO scheduled_operation_states (operation_id, service_id, trust_id, state, deleted) VALUES
        ('22222222-0000-4000-8000-000000000003', 1, 'trust', 'registered', FALSE);
    INSERT INTO resources (plan_id, resource_id, resource_name, deleted)
        SELECT id, 'volume of mine', 'database', FALSE FROM plans WHERE description = 'imported_from_vbs' ORDER BY id LIMIT 1;
    INSERT INTO scheduled_operations (id, name, operation_type, user_id, project_id, trigger_id, operation_definition, enabled, deleted)
        SELECT '22222222-0000-4000-8000-000000000013', 'on a trigger', 'backup', 'u', 'p', trigger_id, '{}', TRUE, FALSE
        FROM scheduled_operations WHERE description = 'imported_from_dps' ORDER BY id LIMIT 1;
    INSERT INTO checkpoint_items (id, deleted, checkpoint_id, project_id, plan_id, resource_id, status, version)
        SELECT 'made', FALSE, 'c', 'p', id, 'volume', 'available', '1.0' FROM plans
        WHERE description = 'imported_from_vbs' ORDER BY id LIMIT 1";

#[test]
fn what_karbor_hung_on_imported_rows_keeps_them() {
    let scene = Scene::new();
    for place in Place::both(&scene) {
        place.import(&scene, &ALL);
        place.run(&scene, HUNG);
        let before = place.dump(&scene);
        for (source, rows) in [("all", 3), ("vbs", 2), ("dps", 1)] {
            let answer = place.roll_back(&scene, source, &["--yes", "--report", "refused.json"]);
            assert_eq!(answer.code, 1, "{}", answer.shown());
            let said = format!("etl: {rows} row{} that Karbor made depend", if rows == 1 { "" } else { "s" });
            assert!(answer.stderr.starts_with(&said), "{}", answer.stderr);
            assert!(
                answer.stderr.contains("--with-dependents") && answer.stderr.contains("--keep-edited"),
                "{}",
                answer.stderr
            );
            assert!(
                answer.stdout.starts_with("Not rolled back: nothing was deleted from "),
                "{}",
                answer.stdout
            );
            let report: serde_json::Value = serde_json::from_str(&scene.read("refused.json")).unwrap();
            assert_eq!((&report["report"]["ending"], &report["exit_code"]), (&"refused".into(), &1.into()));
            assert_eq!(report["report"]["dependents"]["listed"].as_array().unwrap().len(), rows);
        }
        let answer = place.roll_back(&scene, "all", &["--yes"]);
        for line in [
            "  ! scheduled_operations 22222222-0000-4000-8000-000000000003 \"added\" of plan\n    ",
            "  ! scheduled_operations 22222222-0000-4000-8000-000000000013 \"on a trigger\"\n",
            "  ! resources volume of mine \"database\" of plan ",
            "  - 1 copy that Karbor itself made by plans that go: never deleted here",
        ] {
            assert!(answer.stdout.contains(line), "{line}: {}", answer.stdout);
        }
        assert_eq!(place.dump(&scene), before);
    }
}

#[test]
fn what_hangs_on_imported_rows_is_taken_too_when_asked_for() {
    let scene = Scene::new();
    for place in Place::both(&scene) {
        let before = place.dump(&scene);
        place.import(&scene, &ALL);
        place.run(&scene, HUNG);
        let answer = place.roll_back(&scene, "all", &["--yes", "--with-dependents"]);
        check_done(&answer);
        assert!(
            answer.stdout.contains("karbor 2\n") && answer.stdout.contains("they go too"),
            "{}",
            answer.stdout
        );
        // What Karbor itself copied is nobody's to delete here.
        assert_eq!(place.ask(&scene, "SELECT count(*) FROM checkpoint_items WHERE id = 'made'"), "1");
        place.run(&scene, "DELETE FROM checkpoint_items WHERE id = 'made'");
        assert_eq!(place.dump(&scene), before);
    }
}

#[test]
fn families_on_which_something_hangs_are_left_alone_when_asked_for() {
    let scene = Scene::new();
    for place in Place::both(&scene) {
        place.import(&scene, &ALL);
        place.run(&scene, HUNG);
        let family = |table: &str, condition: &str| {
            place
                .ask(&scene, &format!("SELECT count(*) FROM {table} WHERE {condition}"))
                .parse::<u64>()
                .unwrap()
        };
        let first = "(SELECT id FROM plans WHERE description = 'imported_from_vbs' ORDER BY id LIMIT 1)";
        let (of_plan, resources) = (
            family("scheduled_operations", &format!("operation_definition LIKE '%' || {first} || '%'")),
            family("resources", &format!("plan_id = {first}")),
        );
        let answer = place.roll_back(&scene, "all", &["--yes", "--keep-edited"]);
        check_done(&answer);
        assert!(answer.stdout.contains("plans: 2 rows of families that are left alone"), "{}", answer.stdout);
        assert_eq!(family("plans", "description LIKE 'imported_from_%'"), 2);
        assert_eq!(
            family("scheduled_operations", &format!("operation_definition LIKE '%' || {first} || '%'")),
            of_plan
        );
        assert_eq!(family("resources", &format!("plan_id = {first}")), resources);
        assert_eq!(family("checkpoint_items", "version IN ('0.4', '0.5')"), 0);
        let lame = "trigger_id NOT IN (SELECT id FROM triggers) OR id NOT IN (SELECT operation_id FROM scheduled_operation_states \
                    UNION SELECT '11111111-0000-4000-8000-000000000013' UNION SELECT '22222222-0000-4000-8000-000000000013')";
        assert_eq!(family("scheduled_operations", lame), 0);
        // Once what hung there is gone, so are they.
        assert_eq!(place.roll_back(&scene, "all", &["--yes", "--keep-edited"]).code, 0);
        assert_eq!(family("plans", "description LIKE 'imported_from_%'"), 2);
        check_done(&place.roll_back(&scene, "all", &["--yes", "--with-dependents"]));
        assert_eq!(family("plans", "description LIKE 'imported_from_%'"), 0);
    }
}

/// Rolls back at a terminal: what is asked is answered after `meanwhile`, which is told the command's process.
fn at_terminal(scene: &Scene, target: &str, meanwhile: impl FnOnce(u32), reply: &str) -> Answer {
    let terminal = nix::pty::openpty(None, None).unwrap();
    let (mut keyboard, slave) = (std::fs::File::from(terminal.master), terminal.slave);
    let mut command = Command::new(env!("CARGO_BIN_EXE_etl"));
    command.args(["rollback", "--no-log", "--source", "all", "--target", target]);
    command
        .current_dir(scene.path(""))
        .env_clear()
        .stdin(slave.try_clone().unwrap())
        .stderr(slave)
        .stdout(Stdio::piped());
    let child = command.spawn().unwrap();
    // The command's own copies of the terminal's other side: the end of the command is the end of the terminal.
    drop(command);
    let mut said = Vec::new();
    let mut byte = [0];
    while !String::from_utf8_lossy(&said).contains("to go on: ") {
        assert_eq!(keyboard.read(&mut byte).unwrap(), 1, "{}", String::from_utf8_lossy(&said));
        said.extend_from_slice(&byte);
    }
    meanwhile(child.id());
    keyboard.write_all(reply.as_bytes()).unwrap();
    // Linux ends a terminal that nobody holds with an error.
    while let Ok(1) = keyboard.read(&mut byte) {
        said.extend_from_slice(&byte);
    }
    let output = child.wait_with_output().unwrap();
    Answer { stderr: String::from_utf8(said).unwrap().replace('\r', ""), ..Answer::of(output) }
}

#[test]
fn at_a_terminal_the_rows_are_shown_and_go_when_that_is_confirmed() {
    let scene = Scene::new();
    for place in Place::both(&scene) {
        let before = place.dump(&scene);
        place.import(&scene, &ALL);
        let (imported, target) = (place.dump(&scene), place.target());
        let answer = at_terminal(&scene, &target, |_| (), "y\n");
        assert_eq!(answer.code, 1, "{}", answer.shown());
        assert!(answer.stderr.ends_with("\netl: not confirmed; nothing was deleted\n"), "{}", answer.stderr);
        assert_eq!(place.dump(&scene), imported);

        let interrupt = |process: u32| {
            assert!(
                Command::new("kill").args(["-s", "INT", &process.to_string()]).status().unwrap().success()
            );
        };
        let answer = at_terminal(&scene, &target, interrupt, "");
        assert_eq!(answer.code, 1, "{}", answer.shown());
        assert!(
            answer.stderr.contains("\netl: stopped by SIGINT; nothing was written\n"),
            "{}",
            answer.stderr
        );

        // Nobody waits for the operator; what changed while he thought is not deleted unseen.
        let hang = |_| place.run(&scene, HUNG);
        let answer = at_terminal(&scene, &target, hang, "yes\n");
        assert_eq!(answer.code, 1, "{}", answer.shown());
        assert!(
            answer
                .stderr
                .contains("it changed since it was shown (0 rows depend on imported ones before, 3 rows"),
            "{}",
            answer.stderr
        );
        let unhang = "DELETE FROM scheduled_operation_states WHERE operation_id LIKE '22222222%';
                      DELETE FROM scheduled_operations WHERE id LIKE '22222222%'; DELETE FROM triggers WHERE id LIKE '22222222%';
                      DELETE FROM resources WHERE resource_name = 'database'; DELETE FROM checkpoint_items WHERE id = 'made'";
        place.run(&scene, unhang);
        assert_eq!(place.dump(&scene), imported);

        let answer = at_terminal(&scene, &target, |_| (), "yes\n");
        assert_eq!(answer.code, 0, "{}", answer.shown());
        assert!(
            answer.stdout.starts_with(&format!("351 rows will be deleted from {target}\n")),
            "{}",
            answer.stdout
        );
        assert!(
            answer.stdout.contains(&format!("Rolled back: 351 rows deleted from {target}\n")),
            "{}",
            answer.stdout
        );
        assert_eq!(place.dump(&scene), before);
    }
}

/// Runs a script the way an operator does.
fn psql(database: &str, script: &Path) -> Result<String, String> {
    let output = Command::new(shared().installation().program("psql"))
        .args(["-X", "-U", SUPERUSER, "-d", database, "-p", &shared().port().to_string(), "-h"])
        .arg(shared().folder())
        .arg("-f")
        .arg(script)
        .env_clear()
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

#[test]
fn a_script_takes_back_the_same_rows() {
    let scene = Scene::new();
    let [place, _] = Place::both(&scene);
    let Place::Postgres(database) = &place else { unreachable!() };
    let before = place.dump(&scene);
    place.import(&scene, &ALL);
    place.run(&scene, EDITED);
    let answer = scene.etl(&["rollback", "--no-log", "--source", "all", "--target", "undo.sql"]);
    assert_eq!(
        answer.shown(),
        "exit code 0\n---- stdout\nA script that rolls back is in undo.sql; nothing was deleted yet\n\nNext: psql -X -f undo.sql \
         DATABASE (gsql -X -f undo.sql -d DATABASE), then restart operationengine\n"
    );
    let said = psql(database, &scene.path("undo.sql")).unwrap();
    assert!(said.contains("351 rows go") && said.ends_with("etl: the rollback is committed\n"), "{said}");
    assert_eq!(place.dump(&scene), before);
    let said = psql(database, &scene.path("undo.sql")).unwrap();
    assert!(
        said.contains("nothing imported was found") && said.ends_with("etl: the rollback is committed\n"),
        "{said}"
    );
    assert_eq!(place.dump(&scene), before);

    place.import(&scene, &ALL);
    place.run(&scene, HUNG);
    let hung = place.dump(&scene);
    let said = psql(database, &scene.path("undo.sql")).unwrap_err();
    for part in [
        "3 rows that Karbor made depend on imported ones: ",
        "resources volume of mine of plan ",
        "--with-dependents",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert_eq!(place.dump(&scene), hung);
    assert_eq!(scene.etl(&["rollback", "--source", "all", "--target", "undo.sql", "--keep-edited"]).code, 0);
    psql(database, &scene.path("undo.sql")).unwrap();
    assert_eq!(place.ask(&scene, "SELECT count(*) FROM plans WHERE description LIKE 'imported_from_%'"), "2");
    assert_eq!(
        scene.etl(&["rollback", "--source", "all", "--target", "undo.sql", "--with-dependents"]).code,
        0
    );
    psql(database, &scene.path("undo.sql")).unwrap();
    place.run(&scene, "DELETE FROM checkpoint_items WHERE id = 'made'");
    assert_eq!(place.dump(&scene), before);

    // Tables that no run writes need not be there.
    place.run(&scene, "DROP TABLE trigger_executions; DROP TABLE scheduled_operation_logs");
    let without = place.dump(&scene);
    place.import(&scene, &ALL);
    assert_eq!(scene.etl(&["rollback", "--source", "vbs", "--target", "undo.sql"]).code, 0);
    psql(database, &scene.path("undo.sql")).unwrap();
    check_done(&place.roll_back(&scene, "dps", &["--yes"]));
    assert_eq!(place.dump(&scene), without);
}

#[test]
fn ids_of_type_uuid_and_other_names_are_no_hindrance() {
    let (scene, server) = (Scene::new(), shared());
    let mut schema = include_str!("../../fixtures/karbor.sql").to_owned();
    let (policies, copies) = schema.split_once("CREATE TABLE checkpoint_items").unwrap();
    let policies = [
        ("    id varchar(36) NOT NULL", "    id uuid NOT NULL"),
        ("    plan_id varchar(36) NOT NULL", "    plan_id uuid NOT NULL"),
        ("    trigger_id varchar(36) NOT NULL", "    trigger_id uuid NOT NULL"),
        ("    operation_id varchar(36) NOT NULL", "    operation_id uuid NOT NULL"),
        ("CREATE TABLE plans", "CREATE TABLE \"Policies of 'x'\""),
        ("REFERENCES plans", "REFERENCES \"Policies of 'x'\""),
        ("    description varchar(255),\n    provider_id", "    remark varchar(255),\n    provider_id"),
        ("    deleted boolean NOT NULL", "    deleted smallint NOT NULL"),
    ]
    .iter()
    .fold(policies.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    });
    schema = format!("{policies}CREATE TABLE checkpoint_items{copies}");
    let database = server.create_db();
    server.psql(&database, &schema);
    server.psql(
        &database,
        "INSERT INTO services (host, \"binary\", report_count, disabled, deleted, created_at) \
         VALUES ('node1', 'karbor-operationengine', 0, false, false, '2018-01-01')",
    );
    scene.write(
        "names.toml",
        "[target.plans]\nname = \"Policies of 'x'\"\n[target.plans.columns]\ndescription = \"remark\"\n",
    );
    let (target, before) = (gauss::target(server, &database), pg_dump(server, &database));
    let dumps = ALL.map(fixture);
    let import = || {
        let mut line = vec!["run", "--quiet", "--columns", "names.toml", "--target", &target];
        line.extend(dumps.iter().map(String::as_str));
        let answer = scene.etl(&line);
        assert_eq!(answer.code, 3, "{}", answer.shown());
    };
    import();
    server.psql(&database, "UPDATE \"Policies of 'x'\" SET remark = NULL; UPDATE triggers SET deleted = 1");
    let line = ["rollback", "--source", "all", "--columns", "names.toml", "--target"];
    let answer = scene.etl(&[&line[..], &[&target, "--yes"]].concat());
    check_done(&answer);
    assert!(
        answer.stdout.contains("Policies of 'x': 26 rows with an edited description"),
        "{}",
        answer.stdout
    );
    assert_eq!(pg_dump(server, &database), before);
    import();
    assert_eq!(scene.etl(&[&line[..], &["undo.sql"]].concat()).code, 0);
    psql(&database, &scene.path("undo.sql")).unwrap();
    assert_eq!(pg_dump(server, &database), before);
}

#[test]
fn nothing_is_deleted_unasked() {
    let scene = Scene::new();
    // A page would be promised that is never written.
    let page = ["rollback", "--source", "all", "--target", "karbor.db", "--yes", "--report", "gone.html"];
    let answer = scene.etl(&page);
    assert!(answer.code == 2 && answer.stderr.contains("this command has no page"), "{}", answer.shown());
    let [_, embedded] = Place::both(&scene);
    embedded.import(&scene, &ALL);
    let before = embedded.dump(&scene);
    let check = |line: &[&str], said: &str| {
        let answer = scene.etl(line);
        assert_eq!((answer.code, answer.stdout.as_str()), (2, ""), "{}", answer.shown());
        assert!(answer.stderr.contains(said), "{}", answer.stderr);
    };
    check(
        &["rollback", "--source", "all", "--target", "karbor.db"],
        "etl: there is no terminal where what is to be deleted could be confirmed\n  → look at what would go with --dry-run",
    );
    check(&["rollback", "--source", "all", "--yes"], "etl: no target is named\n  → name it with --target");
    check(&["rollback", "--target", "karbor.db", "--yes"], "--source <SOURCE>");
    check(
        &["rollback", "--source", "all", "--target", "undo.sql", "--dry-run"],
        "a script holds nothing that could be shown",
    );
    check(
        &[
            "rollback",
            "--source",
            "all",
            "--target",
            "karbor.db",
            "--yes",
            "--with-dependents",
            "--keep-edited",
        ],
        "cannot be used with",
    );
    assert_eq!(embedded.dump(&scene), before);
    assert_eq!(scene.files(), ["karbor.db"]);
    let answer = scene.etl(&["rollback", "--source", "all", "--target", "absent.db", "--yes", "--no-log"]);
    assert_eq!(
        (answer.code, answer.stderr.contains("there is no such database")),
        (1, true),
        "{}",
        answer.shown()
    );
    assert_eq!(scene.files(), ["karbor.db"]);
}

#[test]
fn a_role_that_may_not_delete_is_told_what_it_lacks() {
    let scene = Scene::new();
    let [place, _] = Place::both(&scene);
    let Place::Postgres(database) = &place else { unreachable!() };
    let server = shared();
    let before = place.dump(&scene);
    place.import(&scene, &ALL);
    place.run(
        &scene,
        "DROP ROLE IF EXISTS \"under taker\"; CREATE ROLE \"under taker\" LOGIN;
         GRANT SELECT, UPDATE ON ALL TABLES IN SCHEMA public TO \"under taker\";
         GRANT DELETE ON plans, resources TO \"under taker\"",
    );
    let target = format!("postgresql://under%20taker@127.0.0.1:{}/{database}", server.port());
    let line = ["rollback", "--no-log", "--source", "all", "--yes", "--target", &target];
    let answer = scene.etl(&line);
    assert_eq!(answer.code, 1, "{}", answer.shown());
    let (_, grant) = answer.stderr.split_once("let the tables' owner run: ").unwrap();
    assert_eq!(
        grant,
        "GRANT DELETE ON public.triggers, public.scheduled_operations, public.scheduled_operation_states, \
         public.checkpoint_items, public.trigger_executions, public.scheduled_operation_logs TO \"under taker\"\n"
    );
    server.psql(database, grant);
    check_done(&scene.etl(&line));
    place.run(&scene, "DROP OWNED BY \"under taker\"; DROP ROLE \"under taker\"");
    assert_eq!(place.dump(&scene), before);
}

#[test]
fn there_is_one_at_a_time() {
    let scene = Scene::new();
    for place in Place::both(&scene) {
        place.import(&scene, &ALL);
        let before = place.dump(&scene);
        match &place {
            Place::Postgres(database) => {
                let key = pipeline::load::LOCK_KEY;
                let hold = format!("BEGIN; SELECT pg_advisory_xact_lock({key}); SELECT pg_sleep(600)");
                let asleep = "FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)%' AND datname = current_database() \
                              AND pid <> pg_backend_pid()";
                std::thread::scope(|scope| {
                    scope.spawn(|| drop(shared().try_psql(database, &hold)));
                    while place.ask(&scene, &format!("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = \
                         (SELECT oid FROM pg_database WHERE datname = current_database()) AND pid IN (SELECT pid {asleep})")) == "0"
                    {
                        std::thread::sleep(Duration::from_millis(20));
                    }
                    let answer = place.roll_back(&scene, "all", &["--yes"]);
                    assert!(
                        answer.code == 1 && answer.stderr.contains("another etl run is under way"),
                        "{}",
                        answer.shown()
                    );
                    let status = scene.etl(&["status", "--target", &place.target()]);
                    let said = "At work\n  ! pid ";
                    assert!(status.code == 0 && status.stdout.contains(said), "{}", status.shown());
                    shared().psql(database, &format!("SELECT pg_terminate_backend(pid) {asleep}"));
                });
            }
            Place::Embedded => {
                let other = Connection::open(scene.path("karbor.db")).unwrap();
                other.execute_batch("BEGIN IMMEDIATE").unwrap();
                let answer = place.roll_back(&scene, "all", &["--yes"]);
                assert!(
                    answer.code == 1 && answer.stderr.contains("another run or program has it open"),
                    "{}",
                    answer.shown()
                );
                let status = scene.etl(&["status", "--target", "karbor.db"]);
                assert!(
                    status.stdout.contains("  ! another run or program is writing to the file"),
                    "{}",
                    status.shown()
                );
            }
        }
        assert_eq!(place.dump(&scene), before);
        check_done(&place.roll_back(&scene, "all", &["--yes"]));
    }
}

/// So many copies, and policies enough for a deletion to need its own index, imported into a database.
fn large(scene: &Scene, target: &str, backups: u64) {
    let site = Site { policies: 1_500, job_records: 1_000, ..Site::sized(11, backups) };
    let dumps = [Database::Cinder, Database::Vbs].map(|database| {
        let path = scene.path(database.file_name());
        site.write(database, &Layout::default(), &mut std::fs::File::create(&path).unwrap()).unwrap();
        path.to_str().unwrap().to_owned()
    });
    let answer = scene.etl(&["run", "--quiet", "--no-log", "--target", target, &dumps[0], &dumps[1]]);
    assert_eq!(answer.code, 3, "{}", answer.shown());
}

/// Starts a rollback, kills it as soon as `busy` says that it deletes, and answers once it is dead.
fn kill_when(scene: &Scene, target: &str, busy: impl Fn() -> bool) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_etl"));
    command.args(["rollback", "--no-log", "--source", "all", "--yes", "--target", target]);
    let mut child = command
        .current_dir(scene.path(""))
        .env_clear()
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    while !busy() {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it was seen to delete");
        assert!(begun.elapsed() < Duration::from_secs(120), "it was not seen to delete");
    }
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().code(), None, "it ended before it was killed");
}

#[track_caller]
fn check_large(scene: &Scene, target: &str, rows: impl Fn() -> Rows, imported: &[usize]) {
    assert_eq!(counts(&rows()), imported);
    let answer = scene
        .etl(&["rollback", "--no-log", "--source", "all", "--yes", "--target", target, "--report", "r.json"]);
    check_done(&answer);
    assert_eq!(counts(&rows()), [0; 6]);
    let report: serde_json::Value = serde_json::from_str(&scene.read("r.json")).unwrap();
    let peak = report["peak_memory_bytes"].as_u64().unwrap();
    assert!(peak <= 64 << 20, "{peak} bytes of memory at most");
}

#[test]
fn a_large_import_killed_in_the_middle_of_its_rollback_is_still_whole() {
    let (scene, server) = (Scene::new(), Server::start());
    let database = database(&server);
    let target = gauss::target(&server, &database);
    large(&scene, &target, 100_000);
    let rows = || postgres_rows(&server, &database);
    let imported = counts(&rows());
    assert!(imported[5] > 90_000, "{imported:?}");
    let deleting = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'DELETE FROM public.checkpoint_items%' AND state = 'active'";
    kill_when(&scene, &target, || server.psql("postgres", deleting) != "0");
    let begun = Instant::now();
    while server.psql("postgres", "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'etl'")
        != "0"
    {
        assert!(begun.elapsed() < Duration::from_secs(60), "its session is still there");
    }
    check_large(&scene, &target, rows, &imported);
    assert_eq!(server.psql(&database, "SELECT count(*) FROM pg_class WHERE relname LIKE 'etl%'"), "0");
}

#[test]
fn a_large_embedded_import_killed_in_the_middle_of_its_rollback_is_still_whole() {
    let scene = Scene::new();
    large(&scene, "karbor.db", 60_000);
    let path = scene.path("karbor.db");
    let rows = || sqlite_rows(&path);
    let imported = counts(&rows());
    let journal = scene.path("karbor.db-journal");
    kill_when(&scene, "karbor.db", || std::fs::metadata(&journal).is_ok_and(|found| found.len() > 1 << 20));
    check_large(&scene, "karbor.db", rows, &imported);
    assert!(!sqlite_dump(&path).iter().any(|row| row.contains("etl_")));
}
