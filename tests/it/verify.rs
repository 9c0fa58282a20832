//! Whether what arrived is what left: every difference is named, and what Karbor did since is no difference.

use crate::karbor::{Rows, database, postgres_rows, sqlite_rows};
use crate::scene::{Answer, Scene, fixture};
use fixtures::gauss;
use fixtures::server::shared;
use fixtures::{Database, Layout, Site};
use serde_json::{Value, json};

/// A target that an import was loaded into.
enum Loaded {
    Sqlite,
    Postgres(String),
}

impl Loaded {
    /// Both kinds of target, each with the dumps in it.
    fn both(scene: &Scene, dumps: &[&str]) -> [Self; 2] {
        let both = [Self::Sqlite, Self::Postgres(database(shared()))];
        for loaded in &both {
            let answer = scene.etl(&[&["run"], dumps, &["--quiet", "--target", &loaded.name()]].concat());
            assert_eq!(answer.code, 3, "{}", answer.shown());
        }
        both
    }

    fn name(&self) -> String {
        match self {
            Self::Sqlite => "karbor.db".to_owned(),
            Self::Postgres(database) => gauss::target(shared(), database),
        }
    }

    /// Changes rows behind the program's back; what both databases read.
    fn execute(&self, scene: &Scene, sql: &str) {
        match self {
            Self::Sqlite => {
                let connection = rusqlite::Connection::open(scene.path("karbor.db")).unwrap();
                connection.execute_batch(sql).unwrap();
            }
            Self::Postgres(database) => drop(shared().psql(database, sql)),
        }
    }

    /// The first column of the only row.
    fn one(&self, scene: &Scene, sql: &str) -> String {
        match self {
            Self::Sqlite => {
                let connection = rusqlite::Connection::open(scene.path("karbor.db")).unwrap();
                connection.query_row(sql, [], |row| row.get(0)).unwrap()
            }
            Self::Postgres(database) => shared().psql(database, sql).trim().to_owned(),
        }
    }

    fn rows(&self, scene: &Scene) -> Rows {
        match self {
            Self::Sqlite => sqlite_rows(&scene.path("karbor.db")),
            Self::Postgres(database) => postgres_rows(shared(), database),
        }
    }

    /// Lets nobody write any more, as on a standby.
    fn freeze(&self) {
        if let Self::Postgres(database) = self {
            let sql = format!("ALTER DATABASE {database} SET default_transaction_read_only = on");
            drop(shared().psql(database, &sql));
        }
    }
}

/// What a verification says, with its report; nothing is written, whatever it finds.
#[track_caller]
fn verify(scene: &Scene, loaded: &Loaded, dumps: &[&str]) -> (Answer, Value) {
    let before = loaded.rows(scene);
    let name = loaded.name();
    let line = [&["verify"], dumps, &["--quiet", "--target", &name, "--report", "verify.json"]].concat();
    let answer = scene.etl(&line);
    assert_eq!(loaded.rows(scene), before);
    let report: Value = serde_json::from_str(&scene.read("verify.json")).unwrap();
    assert_eq!((&report["command"], &report["exit_code"]), (&json!("verify"), &json!(answer.code)));
    (answer, report)
}

fn table<'r>(report: &'r Value, name: &str) -> &'r Value {
    let tables = report["report"]["tables"].as_array().unwrap();
    tables.iter().find(|table| table["table"] == name).unwrap()
}

/// Missing, extra, different and changed rows of a table.
fn figures(report: &Value, name: &str) -> [u64; 4] {
    let table = table(report, name);
    let changed = table["changed"].as_object().unwrap().values().map(|rows| rows.as_u64().unwrap()).sum();
    let count = |key: &str| table[key].as_u64().unwrap();
    [count("missing"), count("extra"), count("different"), changed]
}

fn bundled() -> [String; 3] {
    ["cinder.sql", "vbs.sql", "dps.sql"].map(fixture)
}

#[test]
fn one_byte_in_one_column_of_one_row_of_a_hundred_thousand_is_named() {
    let scene = Scene::new();
    let site = Site::sized(11, 100_000);
    for database in [Database::Cinder, Database::Vbs] {
        let mut file = std::fs::File::create(scene.path(database.file_name())).unwrap();
        site.write(database, &Layout::default(), &mut file).unwrap();
    }
    let dumps = ["cinder.sql", "vbs.sql"];
    for loaded in Loaded::both(&scene, &dumps) {
        let name = loaded.name();
        let id = loaded.one(&scene, "SELECT min(id) FROM checkpoint_items WHERE length(name) > 3");
        let old = loaded.one(&scene, &format!("SELECT name FROM checkpoint_items WHERE id = '{id}'"));
        let new = format!("{}~{}", old.chars().next().unwrap(), old.chars().skip(2).collect::<String>());
        let change =
            format!("UPDATE checkpoint_items SET name = '{}' WHERE id = '{id}'", new.replace('\'', "''"));
        loaded.execute(&scene, &change);
        let line = ["verify", dumps[0], dumps[1], "--quiet", "--target", &name, "--report", "verify.json"];
        let answer = scene.etl(&line);
        assert_eq!(answer.code, 4, "{}", answer.shown());
        let report: Value = serde_json::from_str(&scene.read("verify.json")).unwrap();
        let items = table(&report, "checkpoint_items");
        let finding = json!({
            "what": "different", "key": [id], "columns": [{ "column": "name", "dumps": old, "target": new }],
        });
        assert_eq!(items["differing"], json!([finding]));
        let (rows, equal) = (items["rows"].as_u64().unwrap(), items["equal"].as_u64().unwrap());
        assert!(rows > 90_000 && rows == equal + 1, "{items}");
        assert!(answer.stdout.contains(&id) && answer.stdout.contains("name: dumps \""), "{}", answer.stdout);
        // The law of memory: 64 MiB, and 300 bytes for each row of a small table, which is held for its join.
        let held = scene.read(dumps[1]).lines().filter(|line| line.contains('\t')).count();
        let peak = report["peak_memory_bytes"].as_u64().unwrap();
        let allowed = (64 << 20) + 300 * u64::try_from(held).unwrap();
        assert!(peak <= allowed, "{peak} bytes of memory at most, with {held} rows held");
    }
}

#[test]
fn what_was_loaded_is_verified_where_nothing_can_be_written() {
    let (scene, dumps) = (Scene::new(), bundled());
    let dumps = dumps.each_ref().map(String::as_str);
    for loaded in Loaded::both(&scene, &dumps) {
        loaded.freeze();
        let (answer, report) = verify(&scene, &loaded, &dumps);
        assert_eq!((answer.code, answer.stderr.as_str()), (0, ""), "{}", answer.shown());
        assert!(answer.stdout.starts_with("Verified: "), "{}", answer.stdout);
        for table in report["report"]["tables"].as_array().unwrap() {
            assert!(table["rows"].as_u64().unwrap() > 0 && table["rows"] == table["equal"], "{table}");
        }
        let schedules = &report["report"]["schedules"];
        assert!(schedules["exact"].as_u64() > Some(0) && schedules["accepted"].as_u64() > Some(0));
        assert_eq!((&schedules["different"], &schedules["days"]), (&json!(0), &json!(400)));
        assert_eq!(report["report"]["unproved"], json!(0));
    }
}

#[test]
fn differences_are_told_from_what_karbor_did_since() {
    let (scene, dumps) = (Scene::new(), bundled());
    let dumps = dumps.each_ref().map(String::as_str);
    for loaded in Loaded::both(&scene, &dumps) {
        let run = |sql: &str| loaded.execute(&scene, sql);
        let of = |table: &str, which: &str| loaded.one(&scene, &format!("SELECT {which}(id) FROM {table}"));
        // A row that is gone, one that nobody knows, and two that say something else.
        let vbs = loaded.one(&scene, "SELECT max(id) FROM checkpoint_items WHERE version = '0.5'");
        run(&format!("DELETE FROM checkpoint_items WHERE id = '{vbs}'"));
        let moved = of("checkpoint_items", "min");
        run(&format!("UPDATE checkpoint_items SET id = 'unknown' WHERE id = '{moved}'"));
        let (plan, trigger) = (of("plans", "min"), of("triggers", "min"));
        run(&format!("UPDATE plans SET status = 'started?' WHERE id = '{plan}'"));
        run(&format!(
            "UPDATE triggers SET properties = replace(properties, 'BYHOUR=', 'BYHOUR=5,6,7,') WHERE id = '{trigger}'"
        ));
        // What Karbor does: a plan renamed, an operation deleted with its state, a copy deleted, a trigger changed.
        let renamed = of("plans", "max");
        run(&format!(
            "UPDATE plans SET name = 'new', updated_at = '2031-01-01 00:00:00' WHERE id = '{renamed}'"
        ));
        let operation = loaded.one(
            &scene,
            &format!("SELECT max(id) FROM scheduled_operations WHERE trigger_id <> '{trigger}'"),
        );
        run(&format!("DELETE FROM scheduled_operation_states WHERE operation_id = '{operation}'"));
        run(&format!("DELETE FROM scheduled_operations WHERE id = '{operation}'"));
        let deleted = of("checkpoint_items WHERE id <> 'unknown'", "max");
        run(&format!("UPDATE checkpoint_items SET deleted = (1 = 1) WHERE id = '{deleted}'"));
        let later = of("triggers", "max");
        run(&format!(
            "UPDATE triggers SET properties = replace(properties, 'BYHOUR=', 'BYHOUR=9,'), \
             updated_at = '2031-01-01 00:00:00' WHERE id = '{later}'"
        ));
        let (answer, report) = verify(&scene, &loaded, &dumps);
        assert_eq!(answer.code, 4, "{}", answer.shown());
        assert_eq!(figures(&report, "checkpoint_items"), [2, 1, 0, 1], "{}", answer.stdout);
        assert_eq!(figures(&report, "plans"), [0, 0, 1, 1]);
        assert_eq!(figures(&report, "triggers"), [0, 0, 1, 1]);
        assert_eq!(figures(&report, "scheduled_operations"), [0, 0, 0, 1]);
        assert_eq!(figures(&report, "scheduled_operation_states"), [0, 0, 0, 1]);
        assert_eq!(figures(&report, "resources"), [0, 0, 0, 0]);
        let changed = |name: &str| table(&report, name)["changed_rows"].clone();
        let finding = |what: &str, key: &str| json!([{ "what": what, "key": [key], "columns": [] }]);
        assert_eq!(changed("plans"), finding("changed-in-karbor", &renamed));
        assert_eq!(changed("scheduled_operations"), finding("removed-in-karbor", &operation));
        assert_eq!(changed("checkpoint_items"), finding("deleted-in-karbor", &deleted));
        // The schedule that was spoiled is no longer the source's; the one that Karbor changed is Karbor's affair.
        let schedules = &report["report"]["schedules"];
        assert_eq!((&schedules["different"], &report["report"]["unproved"]), (&json!(1), &json!(1)));
        assert_eq!(schedules["listed"][0]["accepted"], json!(false), "{}", answer.stdout);

        // The page for people says the same, and is whole.
        let name = loaded.name();
        let page =
            ["verify", dumps[0], dumps[1], dumps[2], "-q", "--target", &name, "--report", "verify.html"];
        assert_eq!(scene.etl(&page).code, 4);
        let page = scene.read("verify.html");
        let options = roxmltree::ParsingOptions { allow_dtd: true, ..roxmltree::ParsingOptions::default() };
        assert!(roxmltree::Document::parse_with_options(&page, options).is_ok());
        for said in [&vbs, "Differences in plans", "started?", "removed-in-karbor", "exit code 4"] {
            assert!(page.contains(said), "{said}: {page}");
        }

        // Once the differences are mended, what Karbor did is none.
        let mended = scene.etl(&[&["run"], &dumps[..], &["--quiet", "--target", &loaded.name()]].concat());
        assert_eq!(mended.code, 3, "{}", mended.shown());
        run("DELETE FROM checkpoint_items WHERE id = 'unknown'");
        let (answer, report) = verify(&scene, &loaded, &dumps);
        assert_eq!(answer.code, 0, "{}", answer.shown());
        assert_eq!(figures(&report, "checkpoint_items"), [0, 0, 0, 1]);
    }
}

#[test]
fn what_the_dumps_do_not_say_is_not_compared() {
    let (scene, [cinder, vbs, _]) = (Scene::new(), bundled());
    let dumps = [cinder.as_str(), &vbs];
    for loaded in Loaded::both(&scene, &dumps) {
        loaded.execute(
            &scene,
            "UPDATE checkpoint_items SET plan_id = NULL WHERE plan_id IS NOT NULL;
             UPDATE plans SET parameters = '{}';
             UPDATE scheduled_operation_states SET trust_id = 'somebody';
             INSERT INTO services (id, report_count, disabled, deleted) VALUES (77, 0, (1 = 0), (1 = 0));
             UPDATE scheduled_operation_states SET service_id = 77",
        );
        let (answer, report) = verify(&scene, &loaded, &[dumps[0]]);
        assert_eq!(answer.code, 0, "{}", answer.shown());
        let items = table(&report, "checkpoint_items");
        assert!(items["equal"].as_u64().unwrap() > 0 && items["rows"] == items["equal"], "{items}");
        assert_eq!(figures(&report, "plans"), [0, 0, 0, 0]);
        let (answer, report) = verify(&scene, &loaded, &dumps);
        assert_eq!(answer.code, 4, "{}", answer.shown());
        assert!(figures(&report, "checkpoint_items")[2] > 0 && figures(&report, "plans")[2] > 0);
        assert_eq!(figures(&report, "scheduled_operation_states"), [0, 0, 0, 0]);
    }
}

#[test]
fn an_empty_target_lacks_every_row_and_none_is_an_error() {
    let (scene, dumps) = (Scene::new(), bundled());
    let dumps = dumps.each_ref().map(String::as_str);
    let empty = Loaded::Postgres(database(shared()));
    let (answer, report) = verify(&scene, &empty, &dumps);
    assert_eq!(answer.code, 4, "{}", answer.shown());
    for table in report["report"]["tables"].as_array().unwrap() {
        assert_eq!((&table["rows"], &table["equal"]), (&table["missing"], &json!(0)), "{table}");
        assert!(table["differing"].as_array().unwrap().len() <= 100);
    }
    let answer = scene.etl(&["verify", dumps[0], "--target", "nowhere.db"]);
    assert_eq!(answer.code, 1, "{}", answer.shown());
    assert!(answer.stderr.contains("there is no such database"), "{}", answer.stderr);
    assert!(!scene.path("nowhere.db").exists());
}
