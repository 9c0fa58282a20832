//! Policies given back from what was imported.

use crate::karbor::database;
use crate::scene::{Scene, fixture};
use fixtures::server::{Server, Stop};
use serde_json::Value;

/// A database file with the bundled dumps in it.
fn imported() -> Scene {
    let scene = Scene::new();
    let dumps = ["cinder.sql", "vbs.sql", "dps.sql"].map(fixture);
    let [cinder, vbs, dps] = dumps.each_ref().map(String::as_str);
    assert_eq!(scene.etl(&["run", cinder, vbs, dps, "--no-log"]).code, 3);
    scene
}

fn listed(scene: &Scene, target: &str, form: &str) -> String {
    let answer = scene.etl(&["policies", "--target", target, "--as", form]);
    assert_eq!((answer.code, answer.stderr.as_str()), (0, ""));
    answer.stdout
}

#[test]
fn the_table_shows_local_days_and_times() {
    let table = listed(&imported(), "karbor.db", "table");
    insta::assert_snapshot!("policies_table", table);
    // Nothing is cut where no terminal says how wide it is.
    assert!(!table.contains('…'), "{table}");
    assert!(table.contains("0a6edcb5-100f-4ab2-b650-cfaa4caa94fc"), "{table}");
}

#[test]
fn a_terminal_gets_what_fits_and_never_half_an_id() {
    use etl::maintain::args::Form;
    use etl::maintain::policies::listing::Listing;
    use pipeline::load::stored_policies::{HeldOperation, HeldPlan};
    let plan = HeldPlan {
        id: "0a6edcb5-100f-4ab2-b650-cfaa4caa94fc".to_owned(),
        name: "a name that is longer than the narrowest column".to_owned(),
        project_id: "2a41178f3eb54e45a3fbbcfe18866b1d".to_owned(),
        operations: vec![HeldOperation { kind: "backup".to_owned(), ..HeldOperation::default() }],
        ..HeldPlan::default()
    };
    for (columns, id, tenant, name) in
        [(80, false, false, false), (140, true, false, false), (220, true, true, true)]
    {
        let mut out = Vec::new();
        let mut listing = Listing::new(Form::Table, Some(columns), &mut out);
        listing.plan(&plan).unwrap();
        listing.finish().unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.contains(&plan.id), id, "{columns}: {text}");
        assert_eq!(text.contains(&plan.project_id), tenant, "{columns}: {text}");
        assert_eq!(text.contains(&plan.name), name, "{columns}: {text}");
        assert_eq!(text.contains("ids and tenants: on a wider terminal"), !tenant, "{columns}: {text}");
        assert!(text.lines().all(|line| line.chars().count() <= columns.max(100)), "{columns}: {text}");
    }
}

#[test]
fn csv_has_an_operation_a_line_with_the_ids() {
    let scene = imported();
    let table = listed(&scene, "karbor.db", "csv");
    let mut lines = table.lines();
    let heads = "plan_id,tenant_id,policy,operation_id,operation,runs,local_days,local_times,zone,keeps,not_of_vbs_form";
    assert_eq!(lines.next(), Some(heads));
    assert_eq!(lines.clone().count(), 31);
    let line = lines.find(|line| line.contains("20cc2032-15b3-5349-afda-c245e31daa86")).unwrap();
    assert!(line.starts_with("0a6edcb5-100f-4ab2-b650-cfaa4caa94fc,"), "{line}");
    assert!(line.contains(",O'Brien nightly-15,"), "{line}");
    assert!(line.contains(",backup,ON,SU MO FR SA,"), "{line}");
}

#[test]
fn vbs_form_is_the_api_s() {
    let scene = imported();
    let answer: Value = serde_json::from_str(&listed(&scene, "karbor.db", "vbs")).unwrap();
    let policies = answer["backup_policies"].as_array().unwrap();
    assert_eq!(policies.len(), 31);
    let named = |name: &str| policies.iter().find(|policy| policy["backup_policy_name"] == name).unwrap();
    // Monday, Wednesday, Friday at 10:00, 12:00 and 14:00 of UTC+02:00.
    assert_eq!(
        named("policy_default-1")["scheduled_policy"],
        serde_json::json!({
            "remain_first_backup_of_curMonth": "N",
            "rentention_num": 14,
            "week_frequency": ["MON", "WED", "FRI"],
            "start_time": "08:00,10:00,12:00",
            "time_zone": "UTC+02:00",
            "status": "ON",
        })
    );
    // A DPS policy whose timer names no zone.
    let of_dps = named("gold-plan-9");
    assert_eq!(of_dps["scheduled_policy"]["start_time"], "02:00");
    assert_eq!(of_dps["scheduled_policy"].get("time_zone"), None);
    assert!(policies.iter().any(|policy| policy["operation_type"] == "replication"));
    assert!(policies.iter().any(|policy| !policy["tags"].as_array().unwrap().is_empty()));
}

#[test]
fn json_has_every_plan_with_karbors_own_texts() {
    let scene = imported();
    let plans: Value = serde_json::from_str(&listed(&scene, "karbor.db", "json")).unwrap();
    let plans = plans.as_array().unwrap();
    assert_eq!(plans.len(), 26);
    let ids: Vec<&str> = plans.iter().map(|plan| plan["id"].as_str().unwrap()).collect();
    assert!(ids.is_sorted(), "{ids:?}");
    for operation in plans.iter().flat_map(|plan| plan["operations"].as_array().unwrap()) {
        let properties: Value =
            serde_json::from_str(operation["trigger_properties"].as_str().unwrap()).unwrap();
        assert!(properties["pattern"].as_str().unwrap().starts_with("BEGIN:VCALENDAR\r\n"));
        assert_eq!(operation["reason"], Value::Null);
    }
}

#[test]
fn what_was_edited_or_deleted_in_karbor_is_told_and_left_out() {
    let scene = imported();
    let connection = rusqlite::Connection::open(scene.path("karbor.db")).unwrap();
    connection
        .execute_batch(
            "UPDATE plans SET deleted = 1 WHERE name = 'gold-2';
             UPDATE plans SET parameters = 'no JSON', name = 'two' || char(10) || 'lines' WHERE name = 'gold-13';
             UPDATE triggers SET properties = '{\"pattern\":\"BEGIN:VEVENT\\nRRULE:FREQ=HOURLY;INTERVAL=7\\nEND:VEVENT\",\"start_time\":\"2018-01-01 00:00:00\"}'
                 WHERE id IN (SELECT trigger_id FROM scheduled_operations WHERE name = 'weekly \\ \"full\"-0');
             PRAGMA foreign_keys = OFF;
             UPDATE triggers SET deleted = 1
                 WHERE id IN (SELECT trigger_id FROM scheduled_operations WHERE name = '保留30天-14');
             UPDATE scheduled_operations SET operation_definition = 'x' WHERE name = 'policy_default-11';
             INSERT INTO plans (id, name, project_id, deleted) VALUES ('~', 'Karbor''s own', 'p', 0);",
        )
        .unwrap();
    let table = listed(&scene, "karbor.db", "table");
    let after = |start: &str| {
        let mut lines = table.lines().skip_while(move |line| !line.starts_with(start));
        (lines.next().unwrap_or_default().to_owned(), lines.next().unwrap_or_default().to_owned())
    };
    assert_eq!(after("gold-2 ").0, "");
    assert!(after("two\\nlines").0.contains("  99 copies  "), "{table}");
    let (edited, why) = after("weekly \\ \"full\"-0");
    assert!(edited.contains("  (not VBS's form)  "), "{table}");
    assert!(why.contains("does not fire at one list of times on the same days"), "{table}");
    assert!(after("保留30天-14").1.ends_with("the operation's trigger is not there"), "{table}");
    // An operation whose definition names no plan is nobody's.
    assert!(after("policy_default-11").0.contains("  none  "), "{table}");
    assert!(after("Karbor's own").0.contains("  none  "), "{table}");
    assert!(
        table.ends_with("26 plans, 29 operations; 2 have a schedule that VBS has no form for\n"),
        "{table}"
    );
    let vbs: Value = serde_json::from_str(&listed(&scene, "karbor.db", "vbs")).unwrap();
    let without = |policy: &&Value| policy["scheduled_policy"].is_null();
    assert_eq!(vbs["backup_policies"].as_array().unwrap().iter().filter(without).count(), 2);
}

#[test]
fn a_server_gives_what_the_file_gives_and_so_does_its_standby() {
    let scene = imported();
    let mut server = Server::start();
    let target_of = |server: &Server, name: &str| format!("{}?sslmode=disable", server.url(name));
    let name = database(&server);
    let dumps = ["cinder.sql", "vbs.sql", "dps.sql"].map(fixture);
    let [cinder, vbs, dps] = dumps.each_ref().map(String::as_str);
    let target = target_of(&server, &name);
    assert_eq!(scene.etl(&["run", cinder, vbs, dps, "--no-log", "--target", &target]).code, 3);
    let forms = ["table", "vbs", "json"];
    let of_file = forms.map(|form| listed(&scene, "karbor.db", form));
    assert_eq!(forms.map(|form| listed(&scene, &target, form)), of_file);

    // JSON as Karbor writes it, with blanks, and a member whose value looks like another.
    server.psql(
        &name,
        r#"UPDATE scheduled_operations SET operation_definition =
               '{"spec.x": "\"plan_id\": \"none\"", ' || replace(substr(operation_definition, 2), '":"', '": "')"#,
    );
    assert_eq!(listed(&scene, &target, "table"), of_file[0]);

    // Under other names.
    server.psql(
        &name,
        "ALTER TABLE plans RENAME TO policies; ALTER TABLE policies RENAME project_id TO tenant",
    );
    let names = scene
        .write("names.toml", "[target.plans]\nname = \"policies\"\ncolumns = { project_id = \"tenant\" }\n");
    let renamed = scene.etl(&["policies", "--target", &target, "--columns", names.to_str().unwrap()]);
    assert_eq!(renamed.stdout, of_file[0], "{}", renamed.stderr);
    let unnamed = scene.etl(&["policies", "--target", &target]);
    assert_eq!((unnamed.code, unnamed.stdout.as_str()), (1, ""));
    assert!(
        unnamed.stderr.contains("\"plans\"") && unnamed.stderr.contains("--columns"),
        "{}",
        unnamed.stderr
    );

    // A server in recovery takes no writes at all.
    server.stop(Stop::Fast);
    std::fs::write(server.folder().join("data/standby.signal"), "").unwrap();
    server.restart();
    assert_eq!(server.psql(&name, "SELECT pg_is_in_recovery()").trim(), "t");
    let target = target_of(&server, &name);
    let standby = scene.etl(&["policies", "--target", &target, "--columns", names.to_str().unwrap()]);
    assert_eq!((standby.code, standby.stdout.as_str()), (0, of_file[0].as_str()), "{}", standby.stderr);
}

#[test]
fn a_target_is_needed_and_must_hold_policies() {
    let scene = Scene::new();
    for (arguments, code, said) in [
        (
            &["policies"][..],
            2,
            "no target is named\n  → name it with --target or ETL_TARGET: postgresql://…, or PATH.db",
        ),
        (&["policies", "-t", "x.db"], 1, "x.db: there is no such file"),
        (&["policies", "-t", "x.sql"], 1, "x.sql: a script holds no policies that could be read"),
    ] {
        let answer = scene.etl(arguments);
        assert_eq!((answer.code, answer.stdout.as_str()), (code, ""), "{arguments:?}");
        assert!(answer.stderr.starts_with(&format!("etl: {said}")), "{}", answer.stderr);
    }
    assert!(scene.files().is_empty());
    scene.write("other.db", "");
    let answer = scene.etl(&["policies", "-t", "other.db"]);
    assert_eq!(answer.code, 1, "{}", answer.stdout);
}
