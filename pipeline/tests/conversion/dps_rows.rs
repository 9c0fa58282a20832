//! Plans, policies and copies of DPS: every column, every kind of policy.

use crate::dumps::*;
use crate::harness::{NULL, Outcome, Setup, check_row, convert, derived, text};
use crate::schedules::pattern_of;

const P: &str = "33333333-3333-4333-8333-333333333333";
const PROVIDER: &str = "1dc03359-1301-467b-9972-1a7599ae791d";

fn family(policy: Source, further: &[Source]) -> Vec<Source> {
    let mut rows = sound_plan(P, "pol");
    rows[3] = policy;
    rows.extend_from_slice(further);
    rows
}

fn operation<'o>(out: &'o Outcome, kind: &str) -> &'o crate::landing::Row {
    out.row("scheduled_operations", &derived(&format!("dps/operation/{P}/pol/{kind}")))
}

#[test]
fn a_plan_and_its_resources_have_these_columns() {
    let mut rows = sound_plan(P, "pol");
    rows[1] = object("o", P, "volume-2").with_all(&[
        ("resource_type", "volume"),
        ("availability_zone", "az2"),
        ("created_at", "2018-06-05 01:01:01"),
        ("updated_at", "2018-06-06 02:02:02"),
        ("status", "available"),
    ]);
    let out = convert(&rows);
    check_row(
        out.only("plans"),
        &[
            ("id", P),
            ("name", "servers"),
            ("description", "imported_from_dps"),
            ("provider_id", PROVIDER),
            ("project_id", "project-2"),
            ("status", "suspended"),
            ("parameters", r#"{"common":{}}"#),
            ("created_at", "2018-06-01 08:00:00"),
            ("updated_at", "2018-06-02 09:00:00"),
            ("deleted", "f"),
        ],
    );
    check_row(
        out.only("resources"),
        &[
            ("plan_id", P),
            ("resource_id", "volume-2"),
            ("resource_name", "volume-2"),
            ("resource_type", "OS::Cinder::Volume"),
            ("resource_extra_info", r#"{"availability_zone":"az2"}"#),
            ("created_at", "2018-06-05 01:01:01"),
            ("updated_at", "2018-06-06 02:02:02"),
            ("deleted", "f"),
        ],
    );
    let out = convert(&sound_plan(P, "pol"));
    assert_eq!(text(out.only("resources"), "resource_extra_info"), "{}");
    assert_eq!(text(out.only("resources"), "resource_type"), "OS::Cinder::Volume");
}

#[test]
fn a_local_policy_has_a_backup() {
    let out = convert(&sound_plan(P, "pol"));
    let trigger_id = derived(&format!("dps/trigger/{P}/pol/backup"));
    check_row(
        out.only("scheduled_operations"),
        &[
            ("id", &derived(&format!("dps/operation/{P}/pol/backup"))),
            ("name", "gold"),
            ("description", "imported_from_dps"),
            ("operation_type", "backup"),
            ("user_id", "user-2"),
            ("project_id", "project-2"),
            ("trigger_id", &trigger_id),
            (
                "operation_definition",
                &format!(
                    r#"{{"provider_id":"{PROVIDER}","plan_id":"{P}","max_backups":"5","retention_duration_days":"-1","permanent":"false"}}"#
                ),
            ),
            ("enabled", "t"),
            ("created_at", "2018-06-03 08:00:00"),
            ("updated_at", "2018-06-04 09:00:00"),
            ("deleted", "f"),
        ],
    );
    check_row(
        out.only("triggers"),
        &[
            ("id", &trigger_id),
            ("name", "default"),
            ("project_id", "project-2"),
            ("type", "time"),
            (
                "properties",
                concat!(
                    r#"{"pattern":"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nRRULE:FREQ=DAILY;BYHOUR=2;BYMINUTE=0\r\n"#,
                    r#"END:VEVENT\r\nEND:VCALENDAR\r\n","start_time":"2018-01-01 00:00:00","format":"calendar"}"#
                ),
            ),
            ("created_at", "2018-06-03 08:00:00"),
            ("updated_at", "2018-06-04 09:00:00"),
            ("deleted", "f"),
        ],
    );
    check_row(
        out.only("scheduled_operation_states"),
        &[
            ("operation_id", &derived(&format!("dps/operation/{P}/pol/backup"))),
            ("service_id", "3"),
            ("trust_id", "imported"),
            ("state", "registered"),
            ("created_at", "2018-06-03 08:00:00"),
            ("deleted", "f"),
        ],
    );
}

#[test]
fn each_kind_of_policy_has_its_operations_and_destination() {
    let far = [
        destination("1", "pol", "north").with("target_id", "id-1"),
        spec("pol", "b", "2"),
        spec("pol", "a", "1"),
    ];
    let definition =
        |out: &Outcome, kind: &str| text(operation(out, kind), "operation_definition").to_owned();
    let head = format!(
        r#"{{"provider_id":"{PROVIDER}","plan_id":"{P}","max_backups":"5","retention_duration_days":"-1","permanent":"false""#
    );
    let specs = r#","spec.a":"1","spec.b":"2"}"#;
    let destination = r#","destination_region":"north","destination_id":"id-1""#;

    let out = convert(&family(dps_policy("pol", "local"), &far));
    assert_eq!(definition(&out, "backup"), format!("{head}{specs}"));
    assert_eq!(out.rows("scheduled_operations").len(), 1);
    out.check(&[("policy_extra_specs", "2 migrated"), ("backup_target_object", "1 migrated")]);

    let out = convert(&family(dps_policy("pol", "remote"), &far));
    assert_eq!(definition(&out, "backup"), format!("{head}{destination}{specs}"));
    assert_eq!(out.rows("scheduled_operations").len(), 1);

    let mut further = far.to_vec();
    further.push(cycle("1"));
    let out = convert(&family(dps_policy("pol", "local_and_remote"), &further));
    assert_eq!(definition(&out, "backup"), format!("{head}{specs}"));
    assert_eq!(definition(&out, "replication"), format!("{head}{destination}{specs}"));
    assert_eq!(text(operation(&out, "replication"), "operation_type"), "replication");
    assert_eq!(text(operation(&out, "replication"), "description"), "imported_from_dps");
    let trigger =
        |kind: &str| pattern_of(out.row("triggers", &derived(&format!("dps/trigger/{P}/pol/{kind}"))));
    assert_eq!(trigger("backup"), ["DAILY;BYHOUR=2;BYMINUTE=0"]);
    assert_eq!(trigger("replication"), ["DAILY;BYHOUR=5;BYMINUTE=0"]);
    assert_eq!(out.rows("scheduled_operation_states").len(), 2);
}

#[test]
fn the_destination_is_the_remote_target_with_the_smallest_id() {
    let definition = |targets: &[Source]| {
        let out = convert(&family(dps_policy("pol", "remote"), targets));
        let text = text(operation(&out, "backup"), "operation_definition").to_owned();
        text.split_once(r#""permanent":"false""#).unwrap().1.trim_end_matches('}').to_owned()
    };
    let to = |name: &str| format!(r#","destination_region":"{name}""#);
    assert_eq!(definition(&[]), "");
    assert_eq!(definition(&[destination("2", "pol", "two"), destination("1", "pol", "one")]), to("one"));
    assert_eq!(definition(&[destination("10", "pol", "ten"), destination("9", "pol", "nine")]), to("nine"));
    assert_eq!(
        definition(&[
            destination("1", "pol", "near").with("target_type", "local"),
            destination("2", "pol", "two")
        ]),
        to("two")
    );
    assert_eq!(definition(&[destination("1", "pol", "near").with("target_type", "local")]), "");
    assert_eq!(
        definition(&[destination("1", "pol", "").with("target_id", "id-1")]),
        r#","destination_id":"id-1""#
    );
    assert_eq!(
        definition(&[destination("1", "pol", "gone").with("deleted", "t"), destination("2", "pol", "two")]),
        to("two")
    );
}

#[test]
fn the_global_cycle_is_the_enabled_one_with_the_smallest_id() {
    let hour = |cycles: &[Source]| {
        let out = convert(&family(dps_policy("pol", "local_and_remote"), cycles));
        match out.committed() {
            true => pattern_of(out.row("triggers", &derived(&format!("dps/trigger/{P}/pol/replication"))))
                .join(" "),
            false => {
                let found = out.rejected();
                assert_eq!(
                    (found.len(), found[0].what.as_str()),
                    (1, "protection_policy.policy_type"),
                    "{found:?}"
                );
                String::new()
            }
        }
    };
    let at = |id: &str, time: &str| cycle(id).with("start_time", time);
    assert_eq!(hour(&[at("2", "06:00"), at("1", "05:00")]), "DAILY;BYHOUR=5;BYMINUTE=0");
    assert_eq!(hour(&[at("10", "06:00"), at("9", "05:00")]), "DAILY;BYHOUR=5;BYMINUTE=0");
    assert_eq!(hour(&[at("1", "05:00").with("enabled", "f"), at("2", "06:00")]), "DAILY;BYHOUR=6;BYMINUTE=0");
    assert_eq!(hour(&[at("1", "05:00").with("deleted", "t"), at("2", "06:00")]), "DAILY;BYHOUR=6;BYMINUTE=0");
    let zoned = at("1", "05:00").with_all(&[
        ("time_zone", "UTC+08:00"),
        ("frequency_type", "week"),
        ("week_days", "MON"),
    ]);
    assert_eq!(hour(&[zoned]), "UTC+08:00 WEEKLY;BYDAY=SU;BYHOUR=21;BYMINUTE=0");
    assert_eq!(hour(&[]), "");
    assert_eq!(hour(&[cycle("1").with("enabled", "f")]), "");
    assert_eq!(hour(&[cycle("1").with("deleted", "t")]), "");
    // Nobody else needs it.
    assert!(convert(&family(dps_policy("pol", "remote"), &[])).committed());
}

#[test]
fn a_bad_cycle_rejects_the_plans_that_need_it_and_no_others() {
    let bad = cycle("1").with("start_time", "the-time");
    let out = convert(&family(dps_policy("pol", "local_and_remote"), std::slice::from_ref(&bad)));
    out.check_rejection("the-time", "async_copy_policy.start_time", "the-time", "", 5);
    let out = convert(&family(dps_policy("pol", "local"), &[bad]));
    assert!(out.committed(), "{:?}", out.report.rejections);
}

#[test]
fn times_are_local_where_there_is_a_zone_and_utc_where_there_is_none() {
    let rules = |cells: &[(&str, &str)]| {
        let mut rows = sound_plan(P, "pol");
        rows[4] = timer("t", "pol").with_all(cells);
        let out = convert(&rows);
        assert_eq!(out.report.rejections, [], "{cells:?}");
        pattern_of(out.only("triggers")).join(" | ")
    };
    let cases: [(&[(&str, &str)], &str); 15] = [
        (&[("start_time", "02:00,14:30")], "DAILY;BYHOUR=2;BYMINUTE=0 | DAILY;BYHOUR=14;BYMINUTE=30"),
        (&[("time_zone", "UTC+08:00")], "UTC+08:00 | DAILY;BYHOUR=18;BYMINUTE=0"),
        (&[("time_zone", "UTC-05:00")], "UTC-05:00 | DAILY;BYHOUR=7;BYMINUTE=0"),
        (&[("interval_days", "3")], "DAILY;INTERVAL=3;BYHOUR=2;BYMINUTE=0"),
        (
            &[("interval_days", "3"), ("time_zone", "UTC+05:30")],
            "UTC+05:30 | DAILY;INTERVAL=3;BYHOUR=20;BYMINUTE=30",
        ),
        (&[("frequency_type", "week"), ("week_days", "MON,FRI")], "WEEKLY;BYDAY=MO,FR;BYHOUR=2;BYMINUTE=0"),
        // 02:00 in China is 18:00 UTC of the day before.
        (
            &[("frequency_type", "week"), ("week_days", "MON,FRI"), ("time_zone", "+8")],
            "UTC+08:00 | WEEKLY;BYDAY=TH,SU;BYHOUR=18;BYMINUTE=0",
        ),
        // 23:00 in New York is 04:00 UTC of the day after.
        (
            &[
                ("frequency_type", "week"),
                ("week_days", "7"),
                ("time_zone", "UTC-05:00"),
                ("start_time", "23:00,01:00"),
            ],
            "UTC-05:00 | WEEKLY;BYDAY=SA;BYHOUR=6;BYMINUTE=0 | WEEKLY;BYDAY=SU;BYHOUR=4;BYMINUTE=0",
        ),
        // The type says which field is read.
        (
            &[("frequency_type", "week"), ("week_days", "MON"), ("interval_days", "3")],
            "WEEKLY;BYDAY=MO;BYHOUR=2;BYMINUTE=0",
        ),
        (
            &[("frequency_type", "day"), ("week_days", "MON"), ("interval_days", "3")],
            "DAILY;INTERVAL=3;BYHOUR=2;BYMINUTE=0",
        ),
        // Without one, days win over week days, and nothing at all is every 14 days.
        (
            &[("frequency_type", ""), ("week_days", "MON"), ("interval_days", "3")],
            "DAILY;INTERVAL=3;BYHOUR=2;BYMINUTE=0",
        ),
        (
            &[("frequency_type", ""), ("week_days", "MON"), ("interval_days", "")],
            "WEEKLY;BYDAY=MO;BYHOUR=2;BYMINUTE=0",
        ),
        (
            &[("frequency_type", ""), ("interval_days", ""), ("start_time", "")],
            "DAILY;INTERVAL=14;BYHOUR=0;BYMINUTE=0",
        ),
        (&[("time_zone", "UTC"), ("start_time", "")], "UTC+00:00 | DAILY;BYHOUR=0;BYMINUTE=0"),
        // The offset when the policy was last saved, in June.
        (&[("time_zone", "Europe/Berlin")], "UTC+02:00 | DAILY;BYHOUR=0;BYMINUTE=0"),
    ];
    for (cells, expected) in cases {
        assert_eq!(rules(cells), expected, "{cells:?}");
    }
}

/// The server's zone is VBS's; what DPS's timers mean does not depend on it.
#[test]
fn the_servers_zone_is_not_that_of_dps() {
    let out =
        Setup::set(|settings| settings.server_zone.zone = schedules::zone::Zone::parse("UTC-03:00").unwrap())
            .convert(&sound_plan(P, "pol"));
    assert_eq!(pattern_of(out.only("triggers")), ["DAILY;BYHOUR=2;BYMINUTE=0"]);
    let uses: Vec<_> = out.report.zones.iter().map(|z| (z.origin, z.policies)).collect();
    assert_eq!(uses, [(pipeline::settings::ZoneOrigin::None, 1)]);
}

#[test]
fn an_exact_interval_of_dps_says_its_frequency() {
    let mut rows = sound_plan(P, "pol");
    rows[4] = timer("t", "pol").with_all(&[("interval_days", "9"), ("time_zone", "UTC+08:00")]);
    let setup = Setup::set(|settings| settings.every_n_days = schedules::icalendar::EveryNDays::MonthDays);
    let lines = pattern_of(setup.convert(&rows).only("triggers"));
    assert_eq!(lines[..2], ["UTC+08:00", "X-VBS-FREQUENCY:9"]);
}

#[test]
fn two_live_timers_of_one_policy_are_one_too_many() {
    let second = timer("the-second", "pol").with("start_time", "03:00");
    let out = convert(&family(dps_policy("pol", "local"), std::slice::from_ref(&second)));
    assert_eq!((out.rejected().len(), out.rejected()[0].with), (1, 5), "{:?}", out.report.rejections);
    assert!(out.rejected()[0].what.starts_with("schedule_timer"));
    // A deleted one is not live; a disabled one is.
    let out = convert(&family(dps_policy("pol", "local"), &[second.clone().with("deleted", "t")]));
    out.check(&[("schedule_timer", "1 migrated, 1 soft-deleted")]);
    let out = convert(&family(dps_policy("pol", "local"), &[second.with("enabled", "f")]));
    assert!(!out.committed());
}

#[test]
fn an_operation_is_enabled_where_policy_and_timer_are() {
    for (policy_enabled, timer_enabled, backup, replication) in [
        ("t", "t", "t", "t"),
        ("t", "f", "f", "t"),
        ("f", "t", "f", "f"),
        ("f", "f", "f", "f"),
        ("", "", "t", "t"),
    ] {
        let mut rows =
            family(dps_policy("pol", "local_and_remote").with("enabled", policy_enabled), &[cycle("1")]);
        rows[4] = timer("t", "pol").with("enabled", timer_enabled);
        let out = convert(&rows);
        let found =
            (text(operation(&out, "backup"), "enabled"), text(operation(&out, "replication"), "enabled"));
        assert_eq!(found, (backup, replication), "{policy_enabled} {timer_enabled}");
    }
}

#[test]
fn retention_is_a_number_else_days_else_for_ever() {
    for (num, day, expected) in [
        ("5", "", r#""max_backups":"5","retention_duration_days":"-1","permanent":"false"}"#),
        ("5", "30", r#""max_backups":"5","retention_duration_days":"-1","permanent":"false"}"#),
        ("0", "30", r#""max_backups":"-1","retention_duration_days":"30","permanent":"false"}"#),
        ("", "", r#""max_backups":"-1","retention_duration_days":"-1","permanent":"true"}"#),
        ("-1", "-1", r#""max_backups":"-1","retention_duration_days":"-1","permanent":"true"}"#),
    ] {
        let policy = dps_policy("pol", "local").with_all(&[("retention_num", num), ("retention_day", day)]);
        let out = convert(&family(policy, &[]));
        let definition = text(operation(&out, "backup"), "operation_definition");
        assert!(definition.ends_with(expected), "{num} {day}: {definition}");
    }
}

#[test]
fn absent_names_are_the_ids_and_the_user_is_the_plans() {
    let mut rows = sound_plan(P, "pol");
    rows[0] = rows[0].clone().without("name").without("user_id");
    rows[3] = rows[3].clone().without("name");
    let out = convert(&rows);
    assert_eq!(text(out.only("plans"), "name"), P);
    let operation = out.only("scheduled_operations");
    assert_eq!((text(operation, "name"), text(operation, "user_id")), ("pol", "project-2"));
    let out = Setup::set(|settings| settings.user_id = Some("admin".into())).convert(&rows);
    assert_eq!(text(out.only("scheduled_operations"), "user_id"), "admin");
}

#[test]
fn a_policy_shared_by_plans_has_operations_for_each() {
    let mut rows = sound_plan(P, "pol");
    rows.extend([plan("plan-2").with("project_id", "project-9"), mapping("plan-2", "pol")]);
    let out = convert(&rows);
    out.check(&[
        ("protection_policy", "1 migrated"),
        ("protection_plan_policy_mapping", "2 migrated"),
        ("schedule_timer", "1 migrated"),
    ]);
    let second = out.row("scheduled_operations", &derived("dps/operation/plan-2/pol/backup"));
    assert_eq!(text(second, "project_id"), "project-9");
    assert!(text(second, "operation_definition").contains(&derived("dps/plan/plan-2")));
    assert_eq!(text(operation(&out, "backup"), "project_id"), "project-2");
}

#[test]
fn a_plan_with_several_policies_has_operations_of_each() {
    let rows = family(
        dps_policy("pol", "local"),
        &[dps_policy("pol2", "remote"), timer("t2", "pol2").with("start_time", "04:00"), mapping(P, "pol2")],
    );
    let out = convert(&rows);
    out.row("scheduled_operations", &derived(&format!("dps/operation/{P}/pol2/backup")));
    assert_eq!(
        pattern_of(out.row("triggers", &derived(&format!("dps/trigger/{P}/pol2/backup")))),
        ["DAILY;BYHOUR=4;BYMINUTE=0"]
    );
    assert_eq!((out.rows("plans").len(), out.rows("scheduled_operations").len()), (1, 2));
}

#[test]
fn a_copy_has_these_columns() {
    let row = item("i").with_all(&[
        ("plan_id", P),
        ("transaction_id", "tx"),
        ("backup_id", "b"),
        ("resource_type", "OS::Cinder::Volume"),
        ("snapshot_id", "snap-2"),
        ("description", r#"{"DESC":"as it is"}"#),
        ("backup_type", "incremental"),
        ("size", "80"),
        ("backup_size", "512"),
        ("average_speed", "1.50"),
        ("space_saving_ratio", "33"),
        ("is_copy", "t"),
        ("bootable", "t"),
        ("availability_zone", "az3"),
        ("started_at", "2018-07-01 01:30:00"),
        ("fail_reason", "slow"),
    ]);
    let mut rows = sound_plan(P, "pol");
    rows.push(row);
    let out = convert(&rows);
    let info = concat!(
        r#"{"auto_trigger":true,"average_speed":1.50,"bootable":true,"copy_from":"","copy_status":"na","fail_code":{},"#,
        r#""fail_op":"","fail_reason":"slow","image_type":"replication","incremental":true,"progress":100,"#,
        r#""resource_az":"az3","resource_name":"volume-2","resource_type":"OS::Cinder::Volume","size":512,"#,
        r#""snapshot_id":"snap-2","space_saving_ratio":33,"supported_restore_mode":"backup","support_lld":false,"#,
        r#""taskid":"","os_images_data":[],"volume_backups":[{"id":"b","name":"copy-2","status":"available","#,
        r#""bootable":true,"incremental":true,"image_type":"replication","average_speed":1.50,"size":512,"#,
        r#""snapshot_id":"snap-2","source_volume_id":"volume-2","source_volume_name":"volume-2","#,
        r#""source_volume_size":80,"space_saving_ratio":33}]}"#
    );
    check_row(
        out.only("checkpoint_items"),
        &[
            ("id", "b"),
            ("created_at", "2018-07-01 02:00:00"),
            ("updated_at", "2018-07-01 02:30:00"),
            ("deleted_at", NULL),
            ("deleted", "f"),
            ("checkpoint_id", &derived("dps/checkpoint/tx")),
            ("project_id", "project-2"),
            ("user_id", "user-2"),
            ("provider_id", PROVIDER),
            ("plan_id", P),
            ("resource_id", "volume-2"),
            ("resource_name", "volume-2"),
            ("resource_type", "OS::Cinder::Volume"),
            ("resource_az", "az3"),
            ("name", "copy-2"),
            ("description", r#"{"DESC":"as it is"}"#),
            ("status", "available"),
            ("version", "0.4"),
            ("size", "80"),
            ("protected_at", "2018-07-01 01:30:00"),
            ("backup_data", "{}"),
            ("extend_info", info),
        ],
    );
}

#[test]
fn a_copy_that_says_nothing_about_itself() {
    let mut row = item("i");
    for column in ["user_id", "name", "updated_at", "created_at"] {
        row = row.without(column);
    }
    let out = convert(&[row]);
    let item = out.only("checkpoint_items");
    for column in ["user_id", "name", "updated_at", "plan_id", "resource_az", "description", "size"] {
        assert_eq!(item[column], None, "{column}");
    }
    assert_eq!(
        (text(item, "created_at"), text(item, "protected_at")),
        ("2018-01-01 00:00:00", "2018-01-01 00:00:00")
    );
    let info = text(item, "extend_info");
    for member in [
        r#""auto_trigger":false,"average_speed":0,"bootable":false,"#,
        r#""image_type":"backup","incremental":false,"#,
        r#""size":0,"snapshot_id":"","space_saving_ratio":0,"#,
        r#""source_volume_size":0,"#,
    ] {
        assert!(info.contains(member), "{member} in {info}");
    }
}

#[test]
fn copies_vary_in_these_ways() {
    let info = |cells: &[(&str, &str)]| {
        let out = convert(&[item("i").with_all(cells)]);
        text(out.only("checkpoint_items"), "extend_info").to_owned()
    };
    for (kind, incremental) in [
        ("incremental", true),
        ("INCREMENTAL", true),
        ("1", true),
        ("full", false),
        ("0", false),
        ("", false),
    ] {
        assert_eq!(
            info(&[("backup_type", kind)]).matches(&format!(r#""incremental":{incremental},"#)).count(),
            2,
            "{kind}"
        );
    }
    assert!(info(&[("is_copy", "f")]).contains(r#""image_type":"backup""#));
    assert!(info(&[("name", "autobk_7")]).contains(r#""auto_trigger":true"#));
    assert!(
        info(&[("average_speed", "12345678901234567890.10")])
            .contains(r#""average_speed":12345678901234567890.10,"#)
    );
    let out = convert(&[item("the-copy").with("resource_type", "OS::Nova::Server")]);
    out.check_rejection("the-copy", "backup_transaction_item.resource_type", "OS::Nova::Server", "", 0);
}
