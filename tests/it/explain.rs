//! What is said of one id, of each kind.

use crate::karbor::database;
use crate::scene::{Answer, Scene, fixture};
use fixtures::gauss::target;
use fixtures::server::shared;
use serde_json::Value;

const POLICY: &str = "0a6edcb5-100f-4ab2-b650-cfaa4caa94fc";

fn scene() -> Scene {
    let scene = Scene::new();
    for dump in ["cinder.sql", "vbs.sql", "dps.sql"] {
        std::fs::copy(fixture(dump), scene.path(dump)).unwrap();
    }
    scene
}

fn explain(scene: &Scene, id: &str, more: &[&str]) -> Answer {
    scene.etl(&[&["explain", id, "cinder.sql", "vbs.sql", "dps.sql"], more].concat())
}

/// The text with its lines put together again.
#[track_caller]
fn said(scene: &Scene, id: &str, more: &[&str]) -> String {
    let answer = explain(scene, id, more);
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    answer.stdout.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_copy_has_its_row_and_the_rule() {
    let scene = scene();
    for (id, expected) in [
        (
            "137b702f-79bb-41d4-8335-4f2d3e746c3e",
            "cinder.sql:157: backups 137b702f-79bb-41d4-8335-4f2d3e746c3e: migrated → checkpoint_items 137b702f-",
        ),
        (
            "4d3bbc70-983a-4728-8fd6-ae05ba38b39f",
            "cinder.sql:158: backups 4d3bbc70-983a-4728-8fd6-ae05ba38b39f: \
          skipped (soft-deleted): deleted in its system",
        ),
        ("bb5d268f-1248-4ae8-9791-687623b23cf1", "deferred (unsteady): a copy that is being made"),
        // The row of DPS, by the id of the copy that it became.
        ("c571940c-b096-4de6-83c8-ec8482060291", "dps.sql:267: backup_transaction_item a3387a98-"),
    ] {
        let said = said(&scene, id, &[]);
        assert!(said.contains(expected), "{said}");
        assert!(!said.contains("Schedule of"), "{said}");
    }
}

#[test]
fn a_policy_has_its_rows_and_both_schedules() {
    let scene = scene();
    let said = said(&scene, POLICY, &[]);
    for expected in [
        "vbs.sql:369: backup_policy 0a6edcb5-100f-4ab2-b650-cfaa4caa94fc: migrated → plans 0a6edcb5-",
        "backup_policy_extend 6869b51e-8867-4017-b526-82333a8e0043: migrated → triggers 09be372e-ef61-536f-922d-9dfb126b4749",
        "backup_trigger d45d1100-79a2-44d2-bef4-9af79b67cde5: migrated",
        "Schedule of O'Brien nightly-15 (VBS), backup",
        "it had: Mon Fri Sat Sun at 00:30, 04:30, 08:30, 12:30, 16:30, 20:30 UTC; days of UTC+08:00",
        "it has: RRULE:FREQ=WEEKLY;BYDAY=TH,FR,SA,SU;BYHOUR=16,20;BYMINUTE=30",
        "both fire at the same instants over the next 400 days",
        "counts on over the month's end",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    assert!(!said.contains("In karbor.db"), "{said}");
    // Its operation in Karbor leads to the same extend row, and to one schedule.
    let operation = explain(&scene, "20cc2032-15b3-5349-afda-c245e31daa86", &["--json"]);
    let document: Value = serde_json::from_str(&operation.stdout).unwrap();
    let schedules = document["report"]["schedules"].as_array().unwrap();
    assert_eq!(schedules.len(), 1);
    assert_eq!(schedules[0]["policy_id"], POLICY);
    assert_eq!(schedules[0]["before"], schedules[0]["after"]);
    assert_eq!(schedules[0]["before"].as_array().unwrap().len(), 5);
}

/// What is said of rows of a target, on which `execute` runs SQL.
fn check_target(target: &str, execute: impl FnOnce(&Scene, &str)) {
    let scene = scene();
    let missing = scene.etl(&["run", "cinder.sql", "dps.sql", "--target", target, "--no-log", "--quiet"]);
    assert_eq!(missing.code, 3, "{}", missing.stderr);
    let said_before = said(&scene, POLICY, &["--target", target]);
    assert!(said_before.contains("is not there: a run would insert it"), "{said_before}");
    let all = ["run", "cinder.sql", "vbs.sql", "dps.sql", "--target", target, "--no-log", "--quiet"];
    assert_eq!(scene.etl(&all).code, 3);
    execute(
        &scene,
        &format!(
            "UPDATE plans SET name = 'renamed', updated_at = '2026-01-02 03:04:05' WHERE id = '{POLICY}'; \
             UPDATE scheduled_operations SET enabled = '0' WHERE id = '20cc2032-15b3-5349-afda-c245e31daa86'; \
             INSERT INTO checkpoint_items (id, checkpoint_id, project_id, plan_id, resource_id, status, version, deleted, created_at) \
             VALUES ('own', 'own', 'p', '{POLICY}', 'v', 'available', '0.9', '0', '2026-02-03 04:05:06')"
        ),
    );
    let said_after = said(&scene, POLICY, &["--target", target]);
    for expected in [
        "plans 0a6edcb5-100f-4ab2-b650-cfaa4caa94fc: a run leaves it as it is (changed-in-karbor): Karbor changed it",
        "changed 2026-01-02 03:04:05",
        "name: \"O'Brien nightly-15\" in the dumps, \"renamed\" in Karbor",
        "does not fire: disabled",
        "does not fire: no usable trust",
        "differs: a run would update it",
        "enabled: \"true\" in the dumps, \"false\" in Karbor",
        "1 copy made by Karbor, available, the newest of 2026-02-03 04:05:06",
    ] {
        assert!(said_after.contains(expected), "{expected}: {said_after}");
    }
    // A row that only the target has.
    let own = said(&scene, "own", &["--target", target]);
    assert!(own.contains("In the dumps: 0 rows"), "{own}");
    assert!(
        own.contains(
            "checkpoint_items own: is there: Karbor's own, or imported from what these dumps do not contain"
        ),
        "{own}"
    );
}

#[test]
fn rows_of_an_embedded_target_are_judged_as_a_run_judges_them() {
    check_target("karbor.db", |scene, sql| {
        rusqlite::Connection::open(scene.path("karbor.db")).unwrap().execute_batch(sql).unwrap();
    });
}

#[test]
fn rows_of_a_server_are_judged_as_a_run_judges_them() {
    let database = database(shared());
    check_target(&target(shared(), &database), |_, sql| drop(shared().psql(&database, sql)));
}

#[test]
fn a_volume_has_its_copies_and_the_policies_that_back_it_up() {
    let scene = scene();
    let said = said(&scene, "dff20cec-8057-45d3-a023-322e75a772cc", &[]);
    assert!(said.contains("In the dumps: 8 rows have or name it"), "{said}");
    assert!(said.contains("policy_resource f4e7be09-"), "{said}");
    assert!(said.contains("Schedule of O'Brien nightly-15 (VBS), replication"), "{said}");
}

#[test]
fn a_job_has_its_record_and_an_unknown_id_is_an_error() {
    let scene = scene();
    let job = said(&scene, "2a41178f3eb54e45a3fbbcfe18866b1d", &[]);
    assert!(
        job.contains("backup_create_running_job_record 2a41178f3eb54e45a3fbbcfe18866b1d: deferred"),
        "{job}"
    );
    let unknown = explain(&scene, "nosuch", &[]);
    assert_eq!((unknown.code, unknown.stdout.as_str()), (1, ""));
    assert!(
        unknown.stderr.contains("nosuch: no row of the dumps has or names this id\n  → give"),
        "{}",
        unknown.stderr
    );
}
