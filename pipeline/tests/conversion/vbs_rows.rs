//! Every column of every row that a policy of VBS becomes.

use crate::dumps::*;
use crate::harness::{NULL, Setup, check_row, convert, derived, text};
use crate::landing::Held;

const P: &str = "11111111-1111-4111-8111-111111111111";
const PROVIDER: &str = "1dc03359-1301-467b-9972-1a7599ae791d";

#[test]
fn a_plan_has_these_columns() {
    let out = convert(&[policy(P)]);
    check_row(
        out.only("plans"),
        &[
            ("id", P),
            ("name", "nightly"),
            ("description", "imported_from_vbs"),
            ("provider_id", PROVIDER),
            ("project_id", "tenant-1"),
            ("status", "suspended"),
            ("parameters", r#"{"common":{}}"#),
            ("created_at", "2018-03-01 10:00:00"),
            ("updated_at", "2018-04-02 11:30:00.5"),
            ("deleted", "f"),
        ],
    );
    out.check(&[("backup_policy", "1 migrated")]);
    assert!(out.committed() && out.left_nothing());
}

#[test]
fn tags_stand_in_the_parameters_sorted_by_key() {
    let parameters = |tags: &[Source]| {
        let mut rows = vec![policy(P)];
        rows.extend_from_slice(tags);
        let out = convert(&rows);
        assert_eq!(out.became("tag"), format!("{} migrated", tags.len()));
        text(out.only("plans"), "parameters").to_owned()
    };
    let cases: [(&[Source], &str); 4] = [
        (
            &[tag(P, "b", "2"), tag(P, "a", "1"), tag(P, "B", "3")],
            r#"{"common":{},"tags":{"B":"3","a":"1","b":"2"}}"#,
        ),
        (
            &[tag(P, "empty", ""), tag(P, "none", "x").without("tag_value")],
            r#"{"common":{},"tags":{"empty":"","none":""}}"#,
        ),
        (
            &[tag(P, "q\"\\", "tab\tline\nend"), tag(P, "部门", "研发")],
            r#"{"common":{},"tags":{"q\"\\":"tab\tline\nend","部门":"研发"}}"#,
        ),
        (&[tag(P, "a", "1"), tag(P, "a", "1")], r#"{"common":{},"tags":{"a":"1"}}"#),
    ];
    for (tags, expected) in cases {
        assert_eq!(parameters(tags), expected);
    }
}

#[test]
fn a_resource_has_these_columns() {
    let row = resource(P, "v-1").with_all(&[
        ("resource_type", "volume"),
        ("availability_zone", "az1.\"dc1\""),
        ("created_at", "2018-03-03 03:03:03"),
        ("updated_at", "2018-03-04 04:04:04"),
    ]);
    let out = convert(&[policy(P), row]);
    check_row(
        out.only("resources"),
        &[
            ("plan_id", P),
            ("resource_id", "v-1"),
            ("resource_name", "v-1"),
            ("resource_type", "OS::Cinder::Volume"),
            ("resource_extra_info", r#"{"availability_zone":"az1.\"dc1\""}"#),
            ("created_at", "2018-03-03 03:03:03"),
            ("updated_at", "2018-03-04 04:04:04"),
            ("deleted", "f"),
        ],
    );
    let out = convert(&[policy(P), resource(P, "v-1")]);
    assert_eq!(text(out.only("resources"), "resource_extra_info"), "{}");
}

#[test]
fn only_volumes_are_resources() {
    for kind in ["volume", "OS::Cinder::Volume", ""] {
        let out = convert(&[policy(P), resource(P, "v").with("resource_type", kind)]);
        assert_eq!(text(out.only("resources"), "resource_type"), "OS::Cinder::Volume");
    }
    let out = convert(&[policy(P), resource(P, "the-server").with("resource_type", "OS::Nova::Server")]);
    out.check_rejection("the-server", "policy_resource.resource_type", "OS::Nova::Server", "", 1);
    out.check(&[("backup_policy", "1 rejected"), ("policy_resource", "1 rejected")]);
}

#[test]
fn a_volume_named_twice_by_a_policy_is_one_resource() {
    let out = convert(&[policy(P), resource(P, "v"), resource(P, "v"), resource(P, "w")]);
    out.check(&[("policy_resource", "3 migrated")]);
    assert_eq!(out.column("resources", "resource_id"), ["v", "w"]);
}

#[test]
fn a_trigger_has_these_columns() {
    let out = convert(&[policy(P)]);
    let properties = concat!(
        r#"{"pattern":"BEGIN:VCALENDAR\r\nX-WR-TIMEZONE:UTC+08:00\r\nBEGIN:VEVENT\r\n"#,
        r#"RRULE:FREQ=DAILY;BYHOUR=1;BYMINUTE=0\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n","#,
        r#""start_time":"2018-01-01 00:00:00","format":"calendar"}"#
    );
    check_row(
        out.only("triggers"),
        &[
            ("id", &derived(&format!("vbs/trigger/{P}/own"))),
            ("name", "default"),
            ("project_id", "tenant-1"),
            ("type", "time"),
            ("properties", properties),
            ("created_at", "2018-03-01 10:00:00"),
            ("updated_at", "2018-04-02 11:30:00.5"),
            ("deleted", "f"),
        ],
    );
    let out = Setup::set(|settings| settings.trigger_format = "ical".into()).convert(&[policy(P)]);
    assert!(text(out.only("triggers"), "properties").ends_with(r#","format":"ical"}"#));
}

#[test]
fn an_operation_has_these_columns() {
    let out = convert(&[policy(P)]);
    let definition = format!(
        r#"{{"provider_id":"{PROVIDER}","plan_id":"{P}","max_backups":"7","retention_duration_days":"-1","permanent":"false"}}"#
    );
    check_row(
        out.only("scheduled_operations"),
        &[
            ("id", &derived(&format!("vbs/operation/{P}/own"))),
            ("name", "nightly"),
            ("description", "imported_from_vbs"),
            ("operation_type", "backup"),
            ("user_id", "domain-1"),
            ("project_id", "tenant-1"),
            ("trigger_id", &derived(&format!("vbs/trigger/{P}/own"))),
            ("operation_definition", &definition),
            ("enabled", "t"),
            ("created_at", "2018-03-01 10:00:00"),
            ("updated_at", "2018-04-02 11:30:00.5"),
            ("deleted", "f"),
        ],
    );
}

#[test]
fn a_state_has_these_columns() {
    let out = convert(&[policy(P)]);
    check_row(
        out.only("scheduled_operation_states"),
        &[
            ("operation_id", &derived(&format!("vbs/operation/{P}/own"))),
            ("service_id", "3"),
            ("trust_id", "imported"),
            ("state", "registered"),
            ("created_at", "2018-03-01 10:00:00"),
            ("deleted", "f"),
        ],
    );
}

#[test]
fn settings_stand_for_what_the_sources_do_not_say() {
    let setup = Setup::set(|settings| {
        settings.provider_id = "provider-9".into();
        settings.user_id = Some("user-9".into());
        settings.trust_id = Some("trust-9".into());
        settings.service_id = Some(9);
    });
    let out = setup.convert(&[policy(P), backup("b")]);
    assert_eq!(text(out.only("plans"), "provider_id"), "provider-9");
    assert_eq!(text(out.only("checkpoint_items"), "provider_id"), "provider-9");
    let operation = out.only("scheduled_operations");
    assert_eq!(text(operation, "user_id"), "user-9");
    assert!(text(operation, "operation_definition").starts_with(r#"{"provider_id":"provider-9","#));
    let state = out.only("scheduled_operation_states");
    assert_eq!((text(state, "trust_id"), text(state, "service_id")), ("trust-9", "9"));
}

/// A trust belongs to a user in a project; any other yields no token there.
#[test]
fn a_trust_is_one_of_the_same_user_and_project_else_a_placeholder_with_a_warning() {
    let other = "22222222-2222-4222-8222-222222222222";
    let rows =
        [policy(P), policy(other).with("tenant_id", "tenant-2"), extend("e1", other), extend("e2", other)];
    let trusts = [(("domain-1", "tenant-1"), "trust-1"), (("tenant-2", "domain-1"), "wrong")];
    let trusts =
        trusts.map(|((user, project), trust)| ((user.to_owned(), project.to_owned()), trust.to_owned()));
    let setup = Setup { held: Held { trusts: trusts.into(), ..Held::default() }, ..Setup::default() };
    let out = setup.convert(&rows);
    assert_eq!(out.column("scheduled_operation_states", "trust_id"), ["imported", "imported", "trust-1"]);
    let warned: Vec<_> = out.report.warnings.iter().filter(|w| w.contains("trust")).collect();
    assert!(matches!(warned[..], [w] if w.contains('1')), "{:?}", out.report.warnings);
    let setup = Setup::set(|settings| settings.trust_id = Some("trust-9".into()));
    let out = setup.convert(&rows);
    assert!(!out.report.warnings.iter().any(|w| w.contains("trust")), "{:?}", out.report.warnings);
}

#[test]
fn the_user_is_the_account_else_the_tenant() {
    assert_eq!(text(convert(&[policy(P)]).only("scheduled_operations"), "user_id"), "domain-1");
    let out = convert(&[policy(P).without("domain_id")]);
    assert_eq!(text(out.only("scheduled_operations"), "user_id"), "tenant-1");
}

#[test]
fn an_operation_is_enabled_where_policy_and_extend_row_are() {
    let cases = [
        ("0", "", "0", "t"),
        ("0", "t", "0", "t"),
        ("0", "f", "0", "f"),
        ("1", "t", "0", "f"),
        ("1", "", "0", "f"),
        ("1", "t", "1", "t"),
        ("0", "t", "1", "f"),
        ("ON", "t", "ON", "t"),
    ];
    for (status, extend_enabled, on, expected) in cases {
        let setup = Setup::set(|settings| settings.policy_on = on.into());
        let rows = [policy(P).with("policy_status", status), extend("e", P).with("enabled", extend_enabled)];
        let out = setup.convert(&rows);
        assert_eq!(
            text(out.only("scheduled_operations"), "enabled"),
            expected,
            "{status} {extend_enabled} {on}"
        );
    }
}

#[test]
fn the_report_counts_on_and_off_and_warns_when_all_are_one() {
    let policies = |statuses: &[&str]| {
        let rows = statuses.iter().enumerate();
        let rows: Vec<_> =
            rows.map(|(n, s)| policy(&format!("policy-{n}")).with("policy_status", s)).collect();
        let out = convert(&rows);
        let warned = out.report.warnings.iter().any(|w| w.contains("ON") || w.contains("OFF"));
        (out.report.policies_on_off, warned)
    };
    assert_eq!(policies(&["0", "1", "0"]), ((2, 1), false));
    assert_eq!(policies(&["0", "0"]), ((2, 0), true));
    assert_eq!(policies(&["1", "1"]), ((0, 2), true));
    // DPS says ON in another way, and must not hide that VBS's policies are all on one side.
    let mut rows =
        vec![policy("policy-1").with("policy_status", "1"), policy("policy-2").with("policy_status", "1")];
    rows.extend(sound_plan("plan-1", "pol"));
    let out = convert(&rows);
    assert_eq!(out.report.policies_on_off, (0, 2));
    assert!(out.report.warnings.iter().any(|w| w.contains("OFF")), "{:?}", out.report.warnings);
}

#[test]
fn an_extend_row_of_replication_makes_a_replication() {
    let row =
        extend("e", P).with_all(&[("operation_type", "replication"), ("destination_region_id", "north-1")]);
    let out = convert(&[policy(P), row]);
    let operation = out.only("scheduled_operations");
    assert_eq!(text(operation, "operation_type"), "replication");
    assert_eq!(
        text(operation, "operation_definition"),
        format!(
            r#"{{"provider_id":"{PROVIDER}","plan_id":"{P}","max_backups":"7","retention_duration_days":"-1","permanent":"false","destination_region":"north-1"}}"#
        )
    );
    for (kind, region) in [("backup", "north-1"), ("", "north-1"), ("replication", "")] {
        let row = extend("e", P).with_all(&[("operation_type", kind), ("destination_region_id", region)]);
        let out = convert(&[policy(P), row]);
        let operation = out.only("scheduled_operations");
        assert_eq!(text(operation, "operation_type"), if kind.is_empty() { "backup" } else { kind });
        assert!(!text(operation, "operation_definition").contains("destination"), "{kind} {region}");
    }
    let out = convert(&[policy(P), extend("the-extend", P).with("operation_type", "restore")]);
    out.check_rejection("the-extend", "backup_policy_extend.operation_type", "restore", "", 1);
}

#[test]
fn the_first_backup_of_a_month_is_named_only_where_it_is_kept() {
    for (value, there) in [("1", true), ("t", true), ("0", false), ("", false)] {
        let row = policy(P).with("remain_first_backup_of_cur_month", value);
        let out = convert(&[
            row,
            extend("e", P).with_all(&[("operation_type", "replication"), ("destination_region_id", "n")]),
        ]);
        let definition = text(out.only("scheduled_operations"), "operation_definition").to_owned();
        let expected =
            r#""permanent":"false","remain_first_backup_of_cur_month":"true","destination_region":"n"}"#;
        assert_eq!(definition.ends_with(expected), there, "{value}: {definition}");
        assert_eq!(definition.contains("remain_first"), there, "{value}");
    }
}

/// Retention is a pair: number before days, and an extend row that sets either sets both.
#[test]
fn retention_is_a_number_else_days_else_for_ever() {
    let cases = [
        (("7", ""), ("", ""), ("7", "-1", "false")),
        (("7", "30"), ("", ""), ("7", "-1", "false")),
        (("", "30"), ("", ""), ("-1", "30", "false")),
        (("0", "30"), ("", ""), ("-1", "30", "false")),
        (("-1", "30"), ("", ""), ("-1", "30", "false")),
        (("", ""), ("", ""), ("-1", "-1", "true")),
        (("0", "0"), ("", ""), ("-1", "-1", "true")),
        (("-1", "-1"), ("", ""), ("-1", "-1", "true")),
        (("7", ""), ("3", ""), ("3", "-1", "false")),
        (("7", ""), ("", "90"), ("-1", "90", "false")),
        (("", "30"), ("5", ""), ("5", "-1", "false")),
        (("7", "30"), ("-1", "90"), ("-1", "90", "false")),
    ];
    for ((num, day), (extend_num, extend_day), (max, days, permanent)) in cases {
        let rows = [
            policy(P).with_all(&[("rentention_num", num), ("rentention_day", day)]),
            extend("e", P).with_all(&[("rentention_num", extend_num), ("rentention_day", extend_day)]),
        ];
        let out = convert(&rows);
        let definition = text(out.only("scheduled_operations"), "operation_definition").to_owned();
        let expected = format!(
            r#""max_backups":"{max}","retention_duration_days":"{days}","permanent":"{permanent}"}}"#
        );
        assert!(
            definition.ends_with(&expected),
            "{num:?} {day:?} {extend_num:?} {extend_day:?}: {definition}"
        );
    }
}

#[test]
fn a_state_has_no_updated_at_and_nothing_else_is_written() {
    let out = convert(&[policy(P), resource(P, "v"), backup("b")]);
    assert!(!out.only("scheduled_operation_states").contains_key("updated_at"));
    let written: Vec<_> = out.report.tables.iter().map(|t| (t.table.as_str(), t.written())).collect();
    let expected = [
        "plans",
        "resources",
        "triggers",
        "scheduled_operations",
        "scheduled_operation_states",
        "checkpoint_items",
    ];
    assert_eq!(written, expected.map(|table| (table, 1)));
    assert_eq!(out.only("checkpoint_items")["plan_id"].as_deref().unwrap_or(NULL), NULL);
}
