//! Values: what is absent, and what is a boolean, a point in time, JSON, or too long.

use crate::dumps::*;
use crate::harness::{NULL, Setup, convert, text};

const P: &str = "11111111-1111-4111-8111-111111111111";

#[test]
fn null_and_the_empty_string_are_both_absent() {
    let absent = |column: &str| [policy(P).without(column), policy(P).with(column, "")];
    for row in absent("rentention_num") {
        let out = convert(&[row]);
        let definition = text(out.only("scheduled_operations"), "operation_definition");
        assert!(definition.ends_with(r#""permanent":"true"}"#), "{definition}");
    }
    for row in absent("domain_id") {
        assert_eq!(text(convert(&[row]).only("scheduled_operations"), "user_id"), "tenant-1");
    }
    for row in [backup("b").without("display_name"), backup("b").with("display_name", "")] {
        assert_eq!(convert(&[row]).only("checkpoint_items")["name"], None);
    }
}

/// A row that lacks a required value is rejected, and what hangs together with it.
#[test]
fn an_absent_required_value_rejects_the_row() {
    let family = || {
        vec![
            policy(P),
            extend("e", P),
            relation("r", P, "t"),
            trigger("t", "0 0 1 * * ?"),
            resource(P, "v"),
            tag(P, "key", "value"),
        ]
    };
    let dps = || {
        let mut rows = sound_plan("plan-1", "pol");
        rows.extend([spec("pol", "key", "value"), destination("d", "pol", "north")]);
        rows
    };
    let vbs_columns: [(&str, &[&str]); 6] = [
        ("backup_policy", &["policy_id", "policy_name", "policy_status", "tenant_id"]),
        ("backup_policy_extend", &["id", "policy_id"]),
        ("backup_relation_policy", &["policy_id"]),
        ("backup_trigger", &["trigger_id"]),
        ("policy_resource", &["policy_id", "resource_id"]),
        ("tag", &["resource_id", "tag_key"]),
    ];
    let dps_columns: [(&str, &[&str]); 7] = [
        ("protection_plan", &["id", "project_id"]),
        ("protection_object", &["id", "plan_id", "resource_id"]),
        ("protection_policy", &["id", "policy_type"]),
        ("protection_plan_policy_mapping", &["plan_id", "policy_id"]),
        ("schedule_timer", &["id", "policy_id"]),
        ("policy_extra_specs", &["policy_id", "spec_key"]),
        ("backup_target_object", &["policy_id"]),
    ];
    let bulk_columns: [(&str, &[&str]); 2] = [
        ("backups", &["id", "volume_id", "project_id", "status"]),
        ("backup_transaction_item", &["id", "resource_id", "project_id", "status"]),
    ];
    let check = |rows: Vec<Source>, table: &str, column: &str| {
        let bad = |row: Source| if row.table == table { row.with(column, "") } else { row };
        let out = convert(&rows.into_iter().map(bad).collect::<Vec<_>>());
        let found: Vec<_> = out.rejected().into_iter().map(|r| (r.what, r.value)).collect();
        assert!(found.contains(&(format!("{table}.{column}"), String::new())), "{table}.{column}: {found:?}");
        assert!(!out.committed());
    };
    for (table, columns) in vbs_columns {
        columns.iter().for_each(|column| check(family(), table, column));
    }
    for (table, columns) in dps_columns {
        columns.iter().for_each(|column| check(dps(), table, column));
    }
    let cycle = || {
        let mut rows = sound_plan("plan-1", "pol");
        rows.push(cycle("c"));
        rows
    };
    check(cycle(), "async_copy_policy", "id");
    for (table, columns) in bulk_columns {
        columns.iter().for_each(|column| check(vec![backup("b"), item("i")], table, column));
    }
}

#[test]
fn booleans_are_written_in_eight_ways() {
    let enabled = |value: &str| convert(&[policy(P), extend("e", P).with("enabled", value)]);
    for (value, expected) in [
        ("t", "t"),
        ("true", "t"),
        ("1", "t"),
        ("Y", "t"),
        ("f", "f"),
        ("false", "f"),
        ("0", "f"),
        ("N", "f"),
    ] {
        assert_eq!(text(enabled(value).only("scheduled_operations"), "enabled"), expected, "{value}");
    }
    for value in ["maybe", "2", "tf"] {
        let extend = extend("the-extend", P).with("enabled", value);
        let out = convert(&[policy(P), extend]);
        out.check_rejection("the-extend", "backup_policy_extend.enabled", value, "boolean", 1);
    }
}

#[test]
fn timestamps_are_utc_to_the_microsecond_and_a_zone_in_them_is_applied() {
    let converted = |value: &str| convert(&[backup("the-copy").with("created_at", value)]);
    for (value, expected) in [
        ("2018-05-01 01:02:03", "2018-05-01 01:02:03"),
        ("2018-05-01 01:02:03.123456", "2018-05-01 01:02:03.123456"),
        ("2018-05-01 01:02:03.5", "2018-05-01 01:02:03.5"),
        ("2018-05-01 01:02:03+08", "2018-04-30 17:02:03"),
        ("2018-05-01 01:02:03.25+05:30", "2018-04-30 19:32:03.25"),
        ("2018-05-01 01:02:03-09:00", "2018-05-01 10:02:03"),
    ] {
        assert_eq!(text(converted(value).only("checkpoint_items"), "created_at"), expected, "{value}");
    }
    for value in ["infinity", "-infinity", "0044-03-15 00:00:00 BC", "yesterday", "2018-02-30 00:00:00"] {
        converted(value).check_rejection("the-copy", "backups.created_at", value, "", 0);
    }
}

#[test]
fn created_at_is_never_null() {
    let cases = [
        ("2018-03-01 10:00:00", "2018-04-02 11:30:00", "2018-03-01 10:00:00", "2018-04-02 11:30:00"),
        ("", "2018-04-02 11:30:00", "2018-04-02 11:30:00", "2018-04-02 11:30:00"),
        ("2018-03-01 10:00:00", "", "2018-03-01 10:00:00", NULL),
        ("", "", "2018-01-01 00:00:00", NULL),
    ];
    for (created, updated, expected_created, expected_updated) in cases {
        let stamps = [("created_at", created), ("updated_at", updated)];
        let mut rows = vec![
            policy(P).with_all(&stamps),
            resource(P, "v").with_all(&stamps),
            backup("b").with_all(&stamps),
            item("i").with_all(&stamps),
        ];
        rows.extend(sound_plan("plan-1", "pol").into_iter().map(|row| row.with_all(&stamps)));
        let out = convert(&rows);
        for table in ["plans", "resources", "triggers", "scheduled_operations", "checkpoint_items"] {
            assert_eq!(out.rows(table).len(), 2, "{table}");
            for row in out.rows(table) {
                assert_eq!(text(row, "created_at"), expected_created, "{table}: {created:?} {updated:?}");
                let updated_at = row["updated_at"].as_deref().unwrap_or(NULL);
                assert_eq!(updated_at, expected_updated, "{table}: {created:?} {updated:?}");
            }
        }
        for row in out.rows("scheduled_operation_states") {
            assert_eq!(text(row, "created_at"), expected_created);
        }
    }
}

#[test]
fn soft_deletion_is_honoured_in_every_table() {
    let mut rows = vec![
        policy(P),
        extend("e", P),
        relation("r", P, "t"),
        trigger("t", "0 0 1 * * ?"),
        resource(P, "v"),
        tag(P, "key", "value"),
        job("j", P, "v", "n"),
        waiting("w"),
        backup("b"),
        item("i"),
        spec("pol", "key", "value"),
        destination("d", "pol", "north"),
        cycle("c"),
    ];
    rows.extend(sound_plan("plan-1", "pol"));
    for deleted in [("deleted", "t"), ("deleted_at", "2018-06-06 06:06:06")] {
        let all: Vec<_> =
            rows.iter().map(|row| row.clone().without("deleted").with(deleted.0, deleted.1)).collect();
        let out = convert(&all);
        assert!(out.landed.rows.values().all(Vec::is_empty), "{:?}", out.landed.rows);
        for (table, tally) in &out.report.sources {
            assert_eq!(out.became(table), format!("{} soft-deleted", tally.read), "{table}, {deleted:?}");
        }
        assert_eq!(out.report.sources.len(), 18);
        // One at a time: nothing but that row is gone, and what depends on it.
        for table in
            ["policy_resource", "tag", "backup_policy_extend", "protection_object", "policy_extra_specs"]
        {
            let delete = |row: &Source| match row.table == table {
                true => row.clone().without("deleted").with(deleted.0, deleted.1),
                false => row.clone(),
            };
            let out = convert(&rows.iter().map(delete).collect::<Vec<_>>());
            assert_eq!(out.became(table), "1 soft-deleted", "{deleted:?}");
            assert_eq!(out.rows("plans").len(), 2, "{table}");
        }
    }
    // A status of deleted is as good; another value of `deleted` is not.
    for row in [backup("b").with("status", "deleted"), item("i").with("status", "deleted")] {
        let table = row.table;
        convert(&[row]).check(&[(table, "1 soft-deleted")]);
    }
    let mut rows = sound_plan("plan-1", "pol");
    rows[0] = rows[0].clone().with("status", "deleted");
    convert(&rows).check(&[("protection_plan", "1 soft-deleted"), ("protection_object", "1 orphan")]);
    let mut rows = sound_plan("plan-1", "pol");
    rows[1] = rows[1].clone().with("status", "deleted");
    convert(&rows).check(&[("protection_plan", "1 migrated"), ("protection_object", "1 soft-deleted")]);
    convert(&[backup("b").with("deleted", "0")]).check(&[("backups", "1 migrated")]);
}

#[test]
fn extra_info_that_is_no_json_object_is_an_empty_one() {
    let zone = |extra: &str| {
        let out = convert(&[policy(P).with("extra_info", extra)]);
        assert_eq!(out.report.zones.len(), 1, "{extra}: {:?}", out.report.rejections);
        out.report.zones[0].zone.clone()
    };
    for extra in
        ["", "null", "[]", "7", "\"text\"", "{", "not json", r#"{"time_zone": NaN}"#, r#"{"a": 1} x"#]
    {
        assert_eq!(zone(extra), "UTC+08:00", "{extra}");
    }
    // A lone surrogate makes the whole text no JSON; a pair is one character.
    assert_eq!(zone(r#"{"time_zone":"UTC+02:00","x":"\ud800"}"#), "UTC+08:00");
    assert_eq!(zone(r#"{"time_zone":"UTC+02:00","x":"\ud83d\ude00"}"#), "UTC+02:00");
    // Of a repeated key the last counts.
    assert_eq!(zone(r#"{"time_zone":"UTC+01:00","time_zone":"UTC+02:00"}"#), "UTC+02:00");
}

#[test]
fn widths_are_counted_in_characters() {
    let name = |n: usize| policy(P).with("policy_name", &"策".repeat(n));
    assert_eq!(text(convert(&[name(255)]).only("plans"), "name").chars().count(), 255);
    let out = convert(&[name(256)]);
    assert_eq!(out.rejected()[0].what, "backup_policy.policy_name");
    assert!(out.report.rejections[0].reason.contains("255"), "{:?}", out.report.rejections);
    // Every column of a copy that has a width.
    for (column, width) in [
        ("volume_id", 36),
        ("project_id", 255),
        ("user_id", 255),
        ("availability_zone", 255),
        ("display_name", 255),
    ] {
        let copy = |n: usize| backup("the-copy").with(column, &"é".repeat(n));
        assert_eq!(convert(&[copy(width)]).rows("checkpoint_items").len(), 1, "{column}");
        let out = convert(&[copy(width + 1)]);
        assert_eq!(out.rejected()[0].what, format!("backups.{column}"));
        assert_eq!(out.rejected()[0].at, out.line_of("the-copy"));
    }
    // A size has the range of an integer of four bytes.
    let out = convert(&[backup("the-copy").with("size", "2147483648")]);
    out.check_rejection("the-copy", "backups.size", "2147483648", "range", 0);
}

/// A tenant as wide as Karbor's project but wider than its user is too wide only where it stands in for the user.
#[test]
fn a_value_that_fits_one_column_may_not_fit_another() {
    let long = "t".repeat(65);
    let out = convert(&[policy(P).with("tenant_id", &long)]);
    assert_eq!(out.rows("plans").len(), 1);
    let out = convert(&[policy(P).with("tenant_id", &long).without("domain_id")]);
    assert!(!out.committed(), "{:?}", out.rows("scheduled_operations"));
    assert_eq!(out.rejected()[0].at, out.line_of("nightly"));
    let out = Setup::set(|settings| settings.user_id = Some("admin".into()))
        .convert(&[policy(P).with("tenant_id", &long).without("domain_id")]);
    assert_eq!(text(out.only("scheduled_operations"), "user_id"), "admin");
}
