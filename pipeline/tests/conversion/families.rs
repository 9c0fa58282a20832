//! A family stands or falls together: a bad row takes its policy or plan along, is named, and the others are counted.

use crate::dumps::*;
use crate::harness::{Outcome, Setup, convert, text};

const P: &str = "11111111-1111-4111-8111-111111111111";
const Q: &str = "22222222-2222-4222-8222-222222222222";

const VBS: [&str; 6] = [
    "backup_policy",
    "backup_policy_extend",
    "backup_relation_policy",
    "backup_trigger",
    "policy_resource",
    "tag",
];

/// A family with one row of each table, and a sound one beside it.
fn vbs() -> Vec<Source> {
    let mut rows = Vec::new();
    for (policy_id, mark) in [(P, "one"), (Q, "two")] {
        rows.extend([
            policy(policy_id).with("policy_name", &format!("policy-{mark}")),
            extend(&format!("extend-{mark}"), policy_id).with("name", &format!("row of extend-{mark}")),
            relation(&format!("relation-{mark}"), policy_id, &format!("trigger-{mark}"))
                .with("policy_extend_id", &format!("extend-{mark}")),
            trigger(&format!("trigger-{mark}"), "0 0 1 * * ?")
                .with("name", &format!("row of trigger-{mark}")),
            resource(policy_id, &format!("volume-{mark}")),
            tag(policy_id, &format!("key-{mark}"), "value"),
        ]);
    }
    rows
}

#[test]
fn a_sound_family_is_migrated_whole() {
    let out = convert(&vbs());
    VBS.iter().for_each(|table| out.check(&[(table, "2 migrated")]));
    assert_eq!(out.rows("plans").len(), 2);
}

/// One bad row of any table rejects all rows of its family and none of another.
#[test]
fn a_bad_row_takes_the_policy_and_all_that_is_its_own_along() {
    let cases = [
        ("backup_policy", "rentention_num", "many", "policy-one"),
        ("backup_policy", "created_at", "infinity", "policy-one"),
        ("backup_policy_extend", "rentention_day", "1.5", "row of extend-one"),
        ("backup_policy_extend", "operation_type", "restore", "row of extend-one"),
        ("backup_trigger", "cron_expression", "0 0 1 L * ?", "row of trigger-one"),
        ("backup_trigger", "time_zone", "Moon/Sea", "row of trigger-one"),
        ("policy_resource", "resource_type", "OS::Nova::Server", "volume-one"),
        ("policy_resource", "created_at", "infinity", "volume-one"),
        ("tag", "tag_key", "", "\t\tvalue"),
    ];
    for (table, column, value, needle) in cases {
        let mut rows = vbs();
        let bad = rows.iter_mut().find(|row| row.table == table).unwrap();
        *bad = bad.clone().with(column, value);
        let out = Setup::aside().convert(&rows);
        VBS.iter()
            .for_each(|t| assert_eq!(out.became(t), "1 migrated, 1 rejected", "{t}, bad {table}.{column}"));
        assert_eq!(out.column("plans", "id"), [Q]);
        if !needle.starts_with('\t') {
            out.check_rejection(needle, &format!("{table}.{column}"), value, "", 5);
        }
        assert!(out.committed());
    }
}

#[test]
fn every_culprit_of_a_family_is_named_and_the_others_are_counted_once() {
    let mut rows = vbs();
    rows[0] = rows[0].clone().with("rentention_num", "many");
    rows[4] = rows[4].clone().with("resource_type", "server");
    rows[7] = rows[7].clone().with("operation_type", "restore");
    let out = convert(&rows);
    let whats: Vec<_> = out.rejected().into_iter().map(|r| (r.what, r.value)).collect();
    let expected = [
        ("backup_policy.rentention_num", "many"),
        ("policy_resource.resource_type", "server"),
        ("backup_policy_extend.operation_type", "restore"),
    ];
    assert_eq!(whats.len(), 3, "{whats:?}");
    for (what, value) in expected {
        assert!(whats.contains(&(what.to_owned(), value.to_owned())), "{whats:?}");
    }
    // The others are counted with an invalid row of their own group.
    let with = |of: &[&str]| -> u64 {
        out.rejected().iter().filter(|r| of.contains(&r.value.as_str())).map(|r| r.with).sum()
    };
    assert_eq!((with(&["many", "server"]), with(&["restore"])), (4, 5));
    assert_eq!(out.report.rejected, 12);
    assert!(!out.committed());
}

/// One bad trigger that two policies use takes both along, and is named once.
#[test]
fn a_trigger_that_two_policies_use_takes_both_along() {
    let rows = [
        policy(P),
        policy(Q),
        extend("e1", P).with("trigger_id", "t"),
        extend("e2", Q).with("trigger_id", "t"),
        trigger("t", "0 0 1 L * ?").with("name", "the-trigger"),
    ];
    let out = convert(&rows);
    out.check_rejection("the-trigger", "backup_trigger.cron_expression", "0 0 1 L * ?", "", 4);
    out.check(&[
        ("backup_policy", "2 rejected"),
        ("backup_policy_extend", "2 rejected"),
        ("backup_trigger", "1 rejected"),
    ]);
    // A sound trigger stays with the policy that stands.
    let mut rows = rows.to_vec();
    rows[4] = trigger("t", "0 0 1 * * ?");
    rows[0] = policy(P).with("rentention_num", "many");
    let out = Setup::aside().convert(&rows);
    out.check(&[("backup_policy", "1 migrated, 1 rejected"), ("backup_trigger", "1 migrated")]);
}

#[test]
fn a_second_row_with_the_same_key_is_rejected() {
    let cases: [(&str, Vec<Source>); 5] = [
        ("backup_policy", vec![policy(P), policy(P).with("policy_name", "the-second")]),
        ("backup_policy_extend", vec![policy(P), extend("e", P), extend("e", P).with("name", "the-second")]),
        (
            "backup_trigger",
            vec![
                policy(P),
                extend("e", P).with("trigger_id", "t"),
                trigger("t", "0 0 1 * * ?"),
                trigger("t", "0 0 2 * * ?").with("name", "the-second"),
            ],
        ),
        ("protection_plan", {
            let mut rows = sound_plan("plan-1", "pol");
            rows.push(plan("plan-1").with("name", "the-second"));
            rows
        }),
        ("protection_policy", {
            let mut rows = sound_plan("plan-1", "pol");
            rows.push(dps_policy("pol", "local").with("name", "the-second"));
            rows
        }),
    ];
    for (table, rows) in cases {
        let out = convert(&rows);
        let found = out.rejected();
        assert_eq!(found.len(), 1, "{table}: {found:?}");
        assert_eq!(found[0].at, out.line_of("the-second"));
        assert!(found[0].what.starts_with(table), "{found:?}");
        assert!(!out.committed());
    }
}

/// Where the rows of one key are of two families, both fall: the file of set-aside rows replaces rows by their keys, and
/// must not take away what is sound.
#[test]
fn families_that_share_a_key_fall_together() {
    let mut dps = sound_plan("plan-1", "pol");
    dps.extend(sound_plan("plan-2", "pol2"));
    let with = |more: &[Source]| [dps.clone(), more.to_vec()].concat();
    let vbs = vec![
        policy(P),
        policy(Q),
        extend("e", P).with("name", "the-first"),
        extend("e", Q).with("name", "the-second"),
    ];
    for (table, rows) in [
        ("backup_policy_extend", vbs),
        ("protection_object", with(&[object("o", "plan-1", "volume-3"), object("o", "plan-2", "volume-3")])),
        (
            "schedule_timer",
            with(&[timer("t-pol", "pol2")]).into_iter().filter(|row| !row.is("id", "t-pol2")).collect(),
        ),
    ] {
        let out = Setup::aside().convert(&rows);
        let found: Vec<_> = out.rejected().into_iter().map(|r| r.what).collect();
        assert_eq!(found, [format!("{table}.id"), format!("{table}.id")]);
        assert!(out.rows("plans").is_empty(), "{table}: {:?}", out.rows("plans"));
        let mut again = crate::harness::dumps_of(&rows, Form::Copy);
        again.push(("again.sql".to_owned(), out.rejects_file()));
        let second = Setup::aside().run(&again).unwrap();
        assert_eq!(second.report.rejected, out.report.rejected);
    }
}

/// In the bulk tables the target's primary key finds it, and the error says which row it was.
#[test]
fn a_copy_that_is_there_twice_fails_the_run() {
    for rows in [
        vec![backup("b-1"), backup("b-2"), backup("b-1").with("display_name", "the-second")],
        vec![item("i-1"), item("i-2"), item("i-1").with("name", "the-second")],
        vec![item("i-1").with("backup_id", "b"), item("b").with("name", "the-second")],
    ] {
        let dumps = crate::harness::dumps_of(&rows, Form::Copy);
        let error = Setup::aside().run(&dumps).unwrap_err().to_string();
        let lines = String::from_utf8(dumps[0].1.clone()).unwrap();
        let line = lines.lines().position(|line| line.contains("the-second")).unwrap() + 1;
        let first = line - rows.len() + 1;
        let both = |error: &str| {
            let named = |line: usize| error.contains(&format!("{}:{line}", dumps[0].0));
            named(first) && named(line) && error.contains("the dumps contain two copies with the id")
        };
        assert!(both(&error), "{error}");
        let alone = Setup { target: false, mode: pipeline::options::Mode::Check, ..Setup::default() };
        let error = alone.run(&dumps).unwrap_err().to_string();
        assert!(both(&error), "{error}");
    }
}

#[test]
fn repeated_rows_are_joined_into_one() {
    let mut rows = sound_plan("plan-1", "pol");
    rows.extend([object("o2", "plan-1", "volume-2"), mapping("plan-1", "pol")]);
    let out = convert(&rows);
    out.check(&[("protection_object", "2 migrated"), ("protection_plan_policy_mapping", "2 migrated")]);
    assert_eq!((out.rows("resources").len(), out.rows("scheduled_operations").len()), (1, 1));
}

const DPS: [&str; 7] = [
    "protection_plan",
    "protection_object",
    "protection_plan_policy_mapping",
    "protection_policy",
    "schedule_timer",
    "policy_extra_specs",
    "backup_target_object",
];

/// Two DPS families of one row of each table.
fn dps() -> Vec<Source> {
    let mut rows = Vec::new();
    for mark in ["one", "two"] {
        let (plan_id, policy_id) = (format!("plan-{mark}"), format!("pol-{mark}"));
        rows.extend([
            plan(&plan_id).with("description", &format!("row of plan-{mark}")),
            object(&format!("object-{mark}"), &plan_id, "volume-2"),
            mapping(&plan_id, &policy_id).with("id", &format!("mapping-{mark}")),
            dps_policy(&policy_id, "local").with("description", &format!("row of pol-{mark}")),
            timer(&format!("timer-{mark}"), &policy_id),
            spec(&policy_id, &format!("key-{mark}"), "value"),
            destination(&format!("destination-{mark}"), &policy_id, "north").with("target_id", "id"),
        ]);
    }
    rows
}

#[test]
fn a_bad_row_takes_the_plan_and_all_that_is_its_own_along() {
    let cases = [
        ("protection_plan", "created_at", "infinity", "row of plan-one"),
        ("protection_object", "resource_type", "OS::Nova::Server", "object-one"),
        ("protection_object", "updated_at", "-infinity", "object-one"),
        ("protection_policy", "policy_type", "cloud", "row of pol-one"),
        ("protection_policy", "retention_num", "x", "row of pol-one"),
        ("protection_policy", "policy_type", "local_and_remote", "row of pol-one"),
        ("schedule_timer", "interval_days", "367", "timer-one"),
        ("schedule_timer", "start_time", "24:00", "timer-one"),
        ("schedule_timer", "time_zone", "UTC+15:00", "timer-one"),
        ("schedule_timer", "frequency_type", "month", "timer-one"),
        ("schedule_timer", "enabled", "perhaps", "timer-one"),
    ];
    convert(&dps()).check(&DPS.map(|table| (table, "2 migrated")));
    for (table, column, value, needle) in cases {
        let mut rows = dps();
        let bad = rows.iter_mut().find(|row| row.table == table).unwrap();
        *bad = bad.clone().with(column, value);
        let out = Setup::aside().convert(&rows);
        DPS.iter().for_each(|t| {
            assert_eq!(out.became(t), "1 migrated, 1 rejected", "{t}, bad {table}.{column}={value}")
        });
        out.check_rejection(needle, &format!("{table}.{column}"), value, "", 6);
        assert_eq!(out.rows("plans").len(), 1);
    }
}

/// A mapping that cannot be read hides a schedule: without it the plan would be skipped as having none.
#[test]
fn a_bad_mapping_takes_the_plan_along_even_where_it_is_the_only_one() {
    let mut rows = dps();
    rows[2] = rows[2].clone().with("policy_id", "");
    let out = Setup::aside().convert(&rows);
    out.check_rejection("mapping-one", "protection_plan_policy_mapping.policy_id", "", "", 2);
    out.check(&[
        ("protection_plan", "1 migrated, 1 rejected"),
        ("protection_object", "1 migrated, 1 rejected"),
        ("protection_plan_policy_mapping", "1 migrated, 1 rejected"),
        ("protection_policy", "1 migrated, 1 orphan"),
    ]);
}

/// A policy that a sound plan shares with a bad one migrates there.
#[test]
fn a_shared_policy_migrates_with_the_plan_that_stands() {
    let shared = |bad: &str| {
        let mut rows = sound_plan("plan-1", "pol");
        rows.extend([plan("plan-2"), mapping("plan-2", "pol"), spec("pol", "k", "v")]);
        let bad_object = object("the-object", bad, "v").with("resource_type", "server");
        rows.push(bad_object);
        Setup::aside().convert(&rows)
    };
    for (bad, sound) in [("plan-1", "plan-2"), ("plan-2", "plan-1")] {
        let out = shared(bad);
        out.check(&[
            ("protection_plan", "1 migrated, 1 rejected"),
            ("protection_plan_policy_mapping", "1 migrated, 1 rejected"),
            ("protection_policy", "1 migrated"),
            ("schedule_timer", "1 migrated"),
            ("policy_extra_specs", "1 migrated"),
        ]);
        assert_eq!(out.column("plans", "id"), [crate::harness::derived(&format!("dps/plan/{sound}"))]);
        assert_eq!(out.rows("scheduled_operations").len(), 1);
    }
    // A bad policy takes both plans along, and is named once.
    let mut rows = sound_plan("plan-1", "pol");
    rows.extend([plan("plan-2"), mapping("plan-2", "pol")]);
    rows[4] = rows[4].clone().with("start_time", "the-time");
    let out = convert(&rows);
    out.check(&[
        ("protection_plan", "2 rejected"),
        ("schedule_timer", "1 rejected"),
        ("protection_policy", "1 rejected"),
    ]);
    out.check_rejection("the-time", "schedule_timer.start_time", "the-time", "", 6);
}

/// Where two families fall, each one's further rows are counted with its own invalid row.
#[test]
fn further_rows_are_counted_with_the_culprit_of_their_own_family() {
    let mut rows = dps();
    rows[1] = rows[1].clone().with("resource_type", "server-one");
    rows[8] = rows[8].clone().with("resource_type", "server-two");
    let out = convert(&rows);
    let with: Vec<_> = out.rejected().into_iter().map(|r| (r.value, r.with)).collect();
    assert_eq!(with, [("server-one".to_owned(), 6), ("server-two".to_owned(), 6)]);
}

/// Copies are no part of a family.
#[test]
fn copies_of_a_bad_plan_or_policy_migrate_without_a_plan() {
    let mut rows = dps();
    rows[1] = rows[1].clone().with("resource_type", "server");
    rows.extend([
        item("i1").with("plan_id", "plan-one"),
        item("i2").with("plan_id", "plan-two"),
        item("i3").with("plan_id", "plan-three"),
        policy(P).with("rentention_num", "many"),
        backup("b1"),
        job("j", P, "volume-1", "manualbk_1"),
    ]);
    let out = Setup::aside().convert(&rows);
    let plan_of = |out: &Outcome, id: &str| text(out.row("checkpoint_items", id), "plan_id").to_owned();
    assert_eq!(plan_of(&out, "i1"), "");
    assert_eq!(plan_of(&out, "i2"), crate::harness::derived("dps/plan/plan-two"));
    assert_eq!(plan_of(&out, "i3"), "");
    assert_eq!(plan_of(&out, "b1"), "");
    out.check(&[("backup_transaction_item", "3 migrated"), ("backups", "1 migrated")]);
}
