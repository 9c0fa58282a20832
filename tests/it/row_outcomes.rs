//! What became of each row: the lines of `--outcomes` against the counts of the report, the dumps and the target.

use crate::scene::{Scene, fixture};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

const DUMPS: [&str; 3] = ["cinder.sql", "vbs.sql", "dps.sql"];

/// A folder with the bundled dumps.
fn scene() -> Scene {
    let scene = Scene::new();
    for dump in DUMPS {
        std::fs::copy(fixture(dump), scene.path(dump)).unwrap();
    }
    scene
}

fn etl(scene: &Scene, command: &str, more: &[&str]) -> crate::scene::Answer {
    scene.etl(&[&[command], &DUMPS[..], &["--no-log", "--quiet"], more].concat())
}

fn lines(scene: &Scene, name: &str) -> Vec<Value> {
    scene.read(name).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn text<'v>(value: &'v Value, member: &str) -> &'v str {
    value[member].as_str().unwrap_or_default()
}

#[test]
fn each_row_that_the_report_counts_has_a_line_at_its_place() {
    let scene = scene();
    assert_eq!(etl(&scene, "run", &["--outcomes", "o.jsonl", "--report", "r.json"]).code, 3);
    let lines = lines(&scene, "o.jsonl");
    let mut counted: BTreeMap<(&str, &str, &str), u64> = BTreeMap::new();
    for line in &lines {
        *counted
            .entry((text(line, "source_table"), text(line, "outcome"), text(line, "rule")))
            .or_default() += 1;
    }
    let report: Value = serde_json::from_str(&scene.read("r.json")).unwrap();
    let mut expected = BTreeMap::new();
    for table in report["report"]["source_tables"].as_array().unwrap() {
        let name = table["table"].as_str().unwrap();
        expected.insert((name, "migrated", ""), table["migrated"].as_u64().unwrap());
        for outcome in ["skipped", "deferred"] {
            for (rule, rows) in table[outcome].as_object().unwrap() {
                expected.insert((name, outcome, rule.as_str()), rows.as_u64().unwrap());
            }
        }
    }
    expected.retain(|_, rows| *rows > 0);
    assert_eq!(counted, expected);
    assert_eq!(report["report"]["outcomes_file"]["rows"], lines.len());
    let dumps: BTreeMap<&str, Vec<String>> =
        DUMPS.iter().map(|dump| (*dump, scene.read(dump).lines().map(str::to_owned).collect())).collect();
    let mut places = BTreeSet::new();
    for line in &lines {
        let (dump, number) = text(line, "at").split_once(':').unwrap();
        let row = &dumps[dump][number.parse::<usize>().unwrap() - 1];
        assert!(row.contains(text(line, "key")), "{line}: {row}");
        assert!(places.insert(text(line, "at").to_owned()), "{line}");
    }
}

#[test]
fn the_rows_that_migrated_ones_became_are_those_of_the_target() {
    let scene = scene();
    assert_eq!(etl(&scene, "run", &["--outcomes", "o.jsonl"]).code, 3);
    let mut named: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in lines(&scene, "o.jsonl") {
        let rows = line["target_rows"].as_array().unwrap();
        assert_eq!(text(&line, "outcome") == "migrated", !rows.is_empty(), "{line}");
        for row in rows {
            let key: Vec<&str> =
                row["key"].as_array().unwrap().iter().map(|part| part.as_str().unwrap()).collect();
            named.entry(text(row, "table").to_owned()).or_default().insert(key.join(" "));
        }
    }
    let connection = rusqlite::Connection::open(scene.path("karbor.db")).unwrap();
    for (table, key) in [
        ("plans", "id"),
        ("resources", "plan_id || ' ' || resource_id"),
        ("triggers", "id"),
        ("scheduled_operations", "id"),
        ("scheduled_operation_states", "operation_id"),
        ("checkpoint_items", "id"),
    ] {
        let mut statement = connection.prepare(&format!("SELECT {key} FROM {table}")).unwrap();
        let there: BTreeSet<String> =
            statement.query_map([], |row| row.get(0)).unwrap().map(|key| key.unwrap()).collect();
        assert_eq!(named[table], there, "{table}");
    }
}

#[test]
fn a_name_in_csv_has_the_same_as_a_table_and_threads_change_nothing() {
    let scene = scene();
    for (name, threads) in [("a.jsonl", "1"), ("b.jsonl", "4"), ("c.csv", "3")] {
        assert_eq!(etl(&scene, "check", &["--outcomes", name, "--threads", threads]).code, 0);
    }
    assert_eq!(scene.read("a.jsonl"), scene.read("b.jsonl"));
    let table = scene.read("c.csv");
    let mut rows = table.lines();
    assert_eq!(rows.next(), Some("source_table,key,at,outcome,rule,target_rows"));
    let lines = lines(&scene, "a.jsonl");
    assert_eq!(table.lines().count(), lines.len() + 1);
    for (row, line) in rows.zip(&lines) {
        let cells: Vec<&str> = row.split(',').collect();
        let members = ["source_table", "key", "at", "outcome", "rule"].map(|member| text(line, member));
        assert_eq!(cells[..5], members, "{row}");
    }
    // A later run replaces what an earlier one wrote, and nothing else.
    assert_eq!(etl(&scene, "check", &["--outcomes", "c.csv"]).code, 0);
    scene.write("mine.csv", "source,a,b\n");
    let answer = etl(&scene, "check", &["--outcomes", "mine.csv"]);
    assert_eq!(answer.code, 2, "{}", answer.stderr);
    assert!(answer.stderr.contains("the --outcomes file mine.csv"), "{}", answer.stderr);
    assert_eq!(scene.read("mine.csv"), "source,a,b\n");
}

#[test]
fn a_run_that_is_refused_says_of_each_row_why() {
    let scene = scene();
    // A day that no week has: the policy falls, with all that belongs to it.
    let vbs = scene.read("vbs.sql");
    let all = lines_of_a_policy(&scene);
    let broken = vbs.replacen("UTC+02:00", "UTC+99:00", 1);
    assert_ne!(vbs, broken);
    scene.write("vbs.sql", broken);
    let answer = etl(&scene, "run", &["--outcomes", "o.jsonl", "--report", "r.json"]);
    assert_eq!(answer.code, 1, "{}", answer.stdout);
    let lines = lines(&scene, "o.jsonl");
    assert_eq!(lines.len(), all);
    let report: Value = serde_json::from_str(&scene.read("r.json")).unwrap();
    let rejected: Vec<&Value> = lines.iter().filter(|line| text(line, "outcome") == "rejected").collect();
    assert_eq!(report["report"]["rejected"], rejected.len());
    let culprit = rejected.iter().find(|line| !text(line, "rule").starts_with("falls with ")).unwrap();
    assert!(text(culprit, "rule").contains("UTC+99:00"), "{culprit}");
    let with = format!("falls with {}", text(culprit, "at"));
    assert!(rejected.iter().filter(|line| text(line, "rule") == with).count() > 1, "{rejected:?}");
    assert!(!scene.path("karbor.db").exists());
}

/// How many rows the bundled dumps have.
fn lines_of_a_policy(scene: &Scene) -> usize {
    assert_eq!(etl(scene, "check", &["--outcomes", "all.jsonl"]).code, 0);
    lines(scene, "all.jsonl").len()
}

#[test]
fn each_site_of_a_batch_gets_a_file_that_is_no_dump_to_the_next() {
    let scene = Scene::new();
    for site in ["a", "b"] {
        std::fs::create_dir(scene.path(site)).unwrap();
        std::fs::copy(fixture("cinder.sql"), scene.path(site).join("cinder.sql")).unwrap();
        std::fs::write(scene.path(site).join("etl.toml"), format!("target = \"{site}.db\"\n")).unwrap();
    }
    let line = ["batch", "a", "b", "--outcomes", "rows.csv", "--no-log", "--quiet"];
    for _ in 0..2 {
        let answer = scene.etl(&line);
        assert_eq!(answer.code, 3, "{}{}", answer.stdout, answer.stderr);
        assert!(!answer.stdout.contains("rows.csv"), "{}", answer.stdout);
        for site in ["a/rows.csv", "b/rows.csv"] {
            assert!(scene.read(site).starts_with("source_table,key,at,outcome,rule,target_rows\n"));
        }
    }
    let answer = scene.etl(&["batch", "a", "--outcomes", "a/rows.csv", "--no-log"]);
    assert_eq!(answer.code, 2, "{}", answer.stderr);
}
