//! Every row has one outcome: the skip rules, what waits, and which outcome goes before which.

use crate::dumps::*;
use crate::harness::{NULL, Setup, convert, derived, dumps_of, text};

const P: &str = "11111111-1111-4111-8111-111111111111";
const Q: &str = "22222222-2222-4222-8222-222222222222";
const CYCLE: &str = "async_copy_policy";

fn quota(table: &'static str) -> Source {
    Source::new(table, &[("id", "1"), ("project_id", "p"), ("resource", "backups")])
}

fn taskmgr(id: &str) -> Source {
    Source::new("taskmgr_job", &[("job_id", id), ("current_status", "SUCCESS")])
}

#[test]
fn quotas_and_jobs_of_the_task_manager_are_never_migrated() {
    let out = convert(&[quota("quotas"), quota("quota_usages"), taskmgr("1"), taskmgr("2")]);
    out.check(&[("quotas", "1 quota"), ("quota_usages", "1 quota"), ("taskmgr_job", "2 job-history")]);
    assert!(out.committed() && out.landed.rows.values().all(Vec::is_empty));
}

#[test]
fn job_records_that_are_over_are_history_and_others_wait() {
    let state = |row: Source, state: &str| row.with("current_run_state", state);
    for over in ["EXECUTE_SUCCESS", "EXECUTE_FAIL", "EXECUTE_TIMEOUT", "SKIP"] {
        let out = convert(&[state(job("j", P, "v", "n"), over), state(waiting("w"), over)]);
        out.check(&[
            ("backup_create_running_job_record", "1 job-history"),
            ("backup_create_waiting_job_record", "1 job-history"),
        ]);
    }
    for under_way in ["WAITING", "RUNNING", "INIT", "what is this", ""] {
        let out = convert(&[state(job("j", P, "v", "n"), under_way), state(waiting("w"), under_way)]);
        out.check(&[
            ("backup_create_running_job_record", "1 deferred unfinished-job"),
            ("backup_create_waiting_job_record", "1 deferred unfinished-job"),
        ]);
        assert!(out.committed());
    }
}

#[test]
fn a_copy_is_migrated_only_where_it_is_steady() {
    let status = |row: Source, status: &str| convert(&[row.with("status", status)]);
    for (source, karbor) in [
        ("available", "available"),
        ("error", "error"),
        ("error_restoring", "available"),
        ("error_deleting", "error"),
    ] {
        let out = status(backup("b"), source);
        assert_eq!(text(out.only("checkpoint_items"), "status"), karbor);
    }
    for source in ["creating", "restoring", "deleting", "backing-up", "AVAILABLE "] {
        status(backup("b"), source).check(&[("backups", "1 deferred unsteady")]);
    }
    for source in ["available", "error"] {
        assert_eq!(text(status(item("i"), source).only("checkpoint_items"), "status"), source);
    }
    for source in ["creating", "restoring", "deleting", "error_restoring", "error_deleting", "new"] {
        status(item("i"), source).check(&[("backup_transaction_item", "1 deferred unsteady")]);
    }
}

/// Skip goes before defer, defer before reject.
#[test]
fn where_several_outcomes_apply_the_mildest_is_taken() {
    let bad = |row: Source| row.with("size", "large");
    let cases = [
        (bad(backup("b").with("deleted", "t")), "1 soft-deleted"),
        (bad(backup("b").with("status", "deleted")), "1 soft-deleted"),
        (backup("b").with_all(&[("status", "creating"), ("deleted", "t")]), "1 soft-deleted"),
        (bad(backup("b").with("status", "creating")), "1 deferred unsteady"),
        (bad(backup("b")), "1 rejected"),
        (bad(item("i").with("deleted", "t")), "1 soft-deleted"),
        (bad(item("i").with("status", "creating")), "1 deferred unsteady"),
        (bad(item("i")), "1 rejected"),
    ];
    for (row, expected) in cases {
        let (table, shown) = (row.table, format!("{row:?}"));
        assert_eq!(convert(&[row]).became(table), expected, "{shown}");
    }
    // A deleted policy may be as bad as it likes.
    let out =
        convert(&[policy(P).with_all(&[("deleted", "t"), ("week_frequency", "XX"), ("tenant_id", "")])]);
    out.check(&[("backup_policy", "1 soft-deleted")]);
    // So may a row of a policy that is not there.
    let out = convert(&[
        resource(Q, "v").with("resource_type", "OS::Nova::Server"),
        extend("e", Q).with("enabled", "x"),
    ]);
    out.check(&[("policy_resource", "1 orphan"), ("backup_policy_extend", "1 orphan")]);
    let out = convert(&[
        job("j", P, "v", "n").with("created_at", "infinity"),
        waiting("w").with("created_at", "infinity"),
    ]);
    out.check(&[
        ("backup_create_running_job_record", "1 job-history"),
        ("backup_create_waiting_job_record", "1 deferred unfinished-job"),
    ]);
}

/// `deleted` decides in every table that has it, whatever deleted_at says; deleted_at where there is no `deleted`.
#[test]
fn deleted_decides_and_not_the_time_of_a_deletion() {
    // The empty string is as absent as NULL.
    const ABSENT: &str = "";
    const AT: &str = "2018-05-02 00:00:00";
    let rows = [
        backup("b"),
        policy(P),
        extend("e", P),
        trigger("t", "0 0 1 ? * MON"),
        relation("r", P, "t"),
        resource(P, "v"),
        tag(P, "k", "v"),
        job("j", P, "v", "n"),
        waiting("w"),
        taskmgr("1"),
        quota("quotas"),
        plan("p"),
        object("o", "p", "v"),
        dps_policy("pol", "local"),
        mapping("p", "pol"),
        timer("ti", "pol"),
        item("i"),
    ];
    let mut seen = 0;
    for row in rows {
        let table = row.table;
        let became = |deleted: &str, at: &str| {
            let columns = [("deleted", deleted), ("deleted_at", at)];
            let columns: Vec<_> = columns.into_iter().filter(|(_, value)| *value != "-").collect();
            convert(&[row.clone().without("deleted").without("deleted_at").with_all(&columns)]).became(table)
        };
        let live = became("-", "-");
        assert!(!live.contains("soft-deleted"), "{table}: {live}");
        for (deleted, at) in
            [("f", AT), ("f", ABSENT), ("f", "-"), ("-", ABSENT), (ABSENT, AT), (ABSENT, ABSENT), ("0", AT)]
        {
            assert_eq!(became(deleted, at), live, "{table}: deleted {deleted}, deleted_at {at}");
        }
        // Where every row is skipped by one rule, it is that one.
        if !live.contains("quota") && table != "taskmgr_job" {
            for (deleted, at) in [("t", ABSENT), ("t", AT), ("t", "-"), ("-", AT)] {
                assert_eq!(
                    became(deleted, at),
                    "1 soft-deleted",
                    "{table}: deleted {deleted}, deleted_at {at}"
                );
            }
            seen += 1;
        }
    }
    assert_eq!(seen, 15);
}

#[test]
fn rows_of_policies_that_are_not_there_are_orphans() {
    let rows = |policy: &str| {
        vec![
            extend("e", policy),
            relation("r", policy, "t"),
            trigger("t", "0 0 1 * * ?"),
            resource(policy, "v"),
            tag(policy, "key", "value"),
        ]
    };
    let orphans = [
        ("backup_policy_extend", "1 orphan"),
        ("backup_relation_policy", "1 orphan"),
        ("backup_trigger", "1 orphan"),
        ("policy_resource", "1 orphan"),
        ("tag", "1 orphan"),
    ];
    convert(&rows(Q)).check(&orphans);
    let mut deleted = rows(P);
    deleted.push(policy(P).with("deleted", "t"));
    let out = convert(&deleted);
    out.check(&orphans);
    out.check(&[("backup_policy", "1 soft-deleted")]);
    assert!(out.landed.rows.values().all(Vec::is_empty));
}

#[test]
fn a_trigger_nobody_uses_is_an_orphan() {
    let cron = "0 0 3 * * ?";
    let out = convert(&[policy(P), trigger("unused", cron)]);
    out.check(&[("backup_policy", "1 migrated"), ("backup_trigger", "1 orphan")]);
    let out = convert(&[
        policy(P),
        extend("e", P).with("trigger_id", "used"),
        trigger("used", cron),
        trigger("t2", cron),
    ]);
    out.check(&[("backup_trigger", "1 migrated, 1 orphan")]);
}

#[test]
fn a_dps_row_whose_plan_or_policy_is_not_there_is_an_orphan() {
    let out = convert(&[
        object("o", "plan-9", "v"),
        mapping("plan-9", "pol-9"),
        timer("t", "pol-9"),
        spec("pol-9", "k", "v"),
        destination("d", "pol-9", "north"),
    ]);
    out.check(&[
        ("protection_object", "1 orphan"),
        ("protection_plan_policy_mapping", "1 orphan"),
        ("schedule_timer", "1 orphan"),
        ("policy_extra_specs", "1 orphan"),
        ("backup_target_object", "1 orphan"),
    ]);
    // A policy that no plan has, with what is its own.
    let out = convert(&[
        dps_policy("pol", "local"),
        timer("t", "pol"),
        spec("pol", "k", "v"),
        destination("d", "pol", "n"),
    ]);
    out.check(&[
        ("protection_policy", "1 orphan"),
        ("schedule_timer", "1 orphan"),
        ("policy_extra_specs", "1 orphan"),
        ("backup_target_object", "1 orphan"),
    ]);
    // A mapping of a plan that is there to a policy that is not, beside one that is.
    let mut rows = sound_plan("plan-1", "pol");
    rows.push(mapping("plan-1", "pol-9"));
    convert(&rows).check(&[
        ("protection_plan_policy_mapping", "1 migrated, 1 orphan"),
        ("protection_plan", "1 migrated"),
    ]);
}

#[test]
fn a_consistency_group_takes_its_objects_and_copies_along() {
    for kind in [
        "consistencygroup",
        "ConsistencyGroup",
        "consistency_group",
        "CONSISTENCY-GROUP",
        "consistency_groups v2",
    ] {
        let mut rows = sound_plan("plan-1", "pol");
        rows[0] = rows[0].clone().with("object_type", kind);
        let copies = [
            item("i1").with("plan_id", "plan-1"),
            item("i2").with_all(&[("plan_id", "plan-1"), ("status", "creating")]),
        ];
        rows.extend(copies);
        rows.push(item("i3"));
        let out = convert(&rows);
        out.check(&[
            ("protection_plan", "1 consistency-group"),
            ("protection_object", "1 consistency-group"),
            ("protection_plan_policy_mapping", "1 orphan"),
            ("protection_policy", "1 orphan"),
            ("schedule_timer", "1 orphan"),
            ("backup_transaction_item", "1 migrated, 2 consistency-group"),
        ]);
        assert_eq!(out.column("checkpoint_items", "id"), ["i3"]);
        assert!(out.rows("plans").is_empty());
    }
    // What is neither may be either: it is not taken for volumes.
    for (kind, outcome) in [
        ("volume", "1 migrated"),
        ("OS::Cinder::Volume", "1 migrated"),
        ("", "1 migrated"),
        ("group", "1 rejected"),
        ("my consistencygroup", "1 rejected"),
    ] {
        let mut rows = sound_plan("plan-1", "pol");
        rows[0] = rows[0].clone().with("object_type", kind);
        convert(&rows).check(&[("protection_plan", outcome)]);
    }
}

#[test]
fn a_policy_without_timer_is_manual_and_a_plan_of_only_such_is_skipped() {
    let manual = [dps_policy("man", "local"), spec("man", "k", "v"), destination("d", "man", "n")];
    // Beside a policy with a timer, the plan stands.
    let mut rows = sound_plan("plan-1", "pol");
    rows.extend(manual.clone());
    rows.push(mapping("plan-1", "man"));
    let out = convert(&rows);
    out.check(&[
        ("protection_plan", "1 migrated"),
        ("protection_policy", "1 migrated, 1 manual-policy"),
        ("protection_plan_policy_mapping", "1 migrated, 1 orphan"),
        ("policy_extra_specs", "1 orphan"),
        ("backup_target_object", "1 orphan"),
    ]);
    assert_eq!(out.rows("scheduled_operations").len(), 1);
    // Alone, the plan has no schedule; its copies are migrated all the same.
    let mut rows = vec![plan("plan-1"), object("o", "plan-1", "v"), mapping("plan-1", "man")];
    rows.extend(manual);
    rows.push(item("i").with("plan_id", "plan-1"));
    let out = convert(&rows);
    out.check(&[
        ("protection_plan", "1 plan-without-schedule"),
        ("protection_object", "1 orphan"),
        ("protection_plan_policy_mapping", "1 orphan"),
        ("protection_policy", "1 manual-policy"),
        ("backup_transaction_item", "1 migrated"),
    ]);
    assert_eq!(out.only("checkpoint_items")["plan_id"], None);
    // A timer that is deleted is none; a plan without any policy has no schedule either.
    let mut rows = sound_plan("plan-1", "pol");
    rows[4] = rows[4].clone().with("deleted", "t");
    rows.push(plan("plan-2"));
    let out = convert(&rows);
    out.check(&[
        ("protection_plan", "2 plan-without-schedule"),
        ("schedule_timer", "1 soft-deleted"),
        ("protection_policy", "1 manual-policy"),
    ]);
}

#[test]
fn a_backup_that_is_also_a_copy_of_dps_is_left_to_dps() {
    let both = |dps: Source, cinder: Source| convert(&[cinder, dps]);
    let left = [("backups", "1 copy-of-dps")];
    both(item("b"), backup("b")).check(&left);
    both(item("i").with("backup_id", "b"), backup("b")).check(&left);
    both(item("b").with("backup_id", "c"), backup("c")).check(&left);
    // Skip goes before defer and reject.
    both(item("b"), backup("b").with("status", "creating")).check(&left);
    both(item("b"), backup("b").with("size", "large")).check(&left);
    // A DPS copy that waits or is rejected is not skipped: it is still DPS's.
    both(item("b").with("status", "creating"), backup("b")).check(&left);
    both(item("b").with("size", "large"), backup("b")).check(&left);
    let out = both(item("i").with("backup_id", "b"), backup("b"));
    assert_eq!(text(out.only("checkpoint_items"), "version"), "0.4");
    // One that is skipped leaves it to VBS.
    let out = both(item("b").with("deleted", "t"), backup("b"));
    out.check(&[("backups", "1 migrated"), ("backup_transaction_item", "1 soft-deleted")]);
    assert_eq!(text(out.only("checkpoint_items"), "version"), "0.5");
    let group =
        [plan("g").with("object_type", "consistencygroup"), item("b").with("plan_id", "g"), backup("b")];
    convert(&group).check(&[("backups", "1 migrated"), ("backup_transaction_item", "1 consistency-group")]);
    // Of two reasons to skip, the copy's own comes first.
    both(item("b"), backup("b").with("deleted", "t")).check(&[("backups", "1 soft-deleted")]);
}

/// The form of service_metadata that Cinder's own drivers write (`_generate_object_name_prefix` of the posix driver 29.0).
const POSIX: (&str, &str) =
    ("cinder.backup.drivers.posix.PosixBackupDriver", "volume_7c02b7b9_20261129005158_backup_429c995f");

#[test]
fn copies_of_other_drivers_are_skipped_where_vbs_s_are_named() {
    let (posix, prefix) = POSIX;
    let foreign = |id: &str| backup(id).with_all(&[("service", posix), ("service_metadata", prefix)]);
    let rows = [
        backup("own").with("service", "vbs.driver"),
        foreign("foreign-1"),
        foreign("foreign-2").with("size", "large"),
        foreign("gone").with("deleted", "t"),
        foreign("waiting").with("status", "deleting"),
        // It failed before a driver had it.
        backup("nobody's").with("status", "error"),
        // No driver has it yet.
        backup("begun").with("status", "creating"),
    ];
    let named = |services: &[&str]| {
        let services = services.iter().map(|name| (*name).to_owned()).collect();
        Setup::set(|settings| settings.backup_services = Some(services))
    };
    let out = named(&["other", "vbs.driver"]).convert(&rows);
    out.check(&[("backups", "1 migrated, 4 other-service, 1 soft-deleted, 1 deferred unsteady")]);
    let told: Vec<(&str, u64)> =
        out.report.copies.other_services.iter().map(|one| (one.service.as_str(), one.copies)).collect();
    assert_eq!(told, [("", 1), (posix, 3)]);
    // A copy that is DPS's too is no less another driver's.
    let out = named(&["vbs.driver"]).convert(&[foreign("b"), item("b")]);
    out.check(&[("backups", "1 other-service"), ("backup_transaction_item", "1 migrated")]);
    // The name is compared as a whole.
    named(&["vbs"]).convert(&rows[..1]).check(&[("backups", "1 other-service")]);
    // Unset, all are VBS's; what its driver cannot have written is rejected, and the driver named.
    let out = convert(&[foreign("foreign-1")]);
    let remedy = "its driver is \"cinder.backup.drivers.posix.PosixBackupDriver\" (copies of drivers that are not VBS's";
    out.check_rejection("foreign-1", "backups.service_metadata", prefix, remedy, 0);
    let out = convert(&[backup("the-copy").with("service_metadata", prefix)]);
    out.check_rejection("the-copy", "backups.service_metadata", prefix, "it names no driver (copies of", 0);
}

#[test]
fn without_the_column_service_nobody_knows_whose_a_copy_is() {
    let row = backup("the-copy").without("service");
    convert(std::slice::from_ref(&row)).check(&[("backups", "1 migrated")]);
    let setup = Setup::set(|settings| settings.backup_services = Some(vec!["vbs.driver".to_owned()]));
    let out = setup.convert(&[row]);
    out.check_rejection("the-copy", "backups.service", "", "is a column that this dump lacks", 0);
}

/// Unfinished copies whose job is known can be carried over, so that VBS's answer finds them.
#[test]
fn unfinished_copies_are_carried_where_their_job_is_known() {
    let rows = [
        policy(P),
        backup("known").with_all(&[("status", "creating"), ("volume_id", "v1"), ("display_name", "n1")]),
        backup("unknown").with_all(&[("status", "creating"), ("volume_id", "v2"), ("display_name", "n2")]),
        backup("restoring").with_all(&[("status", "restoring"), ("volume_id", "v1"), ("display_name", "n1")]),
        backup("done").with_all(&[("volume_id", "v1"), ("display_name", "n0")]),
        job("j", P, "v1", "n1").with_all(&[("current_run_state", "RUNNING"), ("taskmgr_job_id", "4028-77")]),
    ];
    convert(&rows).check(&[("backups", "1 migrated, 3 deferred unsteady")]);
    let setup = Setup::set(|settings| settings.unsteady = pipeline::settings::Unsteady::Carry);
    let out = setup.convert(&rows);
    out.check(&[("backups", "2 migrated, 2 deferred unsteady")]);
    let row = out.row("checkpoint_items", "known");
    assert_eq!((text(row, "status"), text(row, "plan_id"), text(row, "version")), ("protecting", P, "0.5"));
    let info = text(row, "extend_info");
    assert!(info.contains(r#""progress":0,"#) && info.contains(r#""taskid":"4028-77","#), "{info}");
    assert!(info.contains(r#""name":"n1","status":"protecting","#), "{info}");
    let done = text(out.row("checkpoint_items", "done"), "extend_info");
    assert!(done.contains(r#""progress":100,"#), "{done}");
}

/// The global cycle is a row like any other: used it is migrated, otherwise it is nobody's.
#[test]
fn every_cycle_has_an_outcome() {
    let with = |kind: &str, cycles: &[Source]| {
        let mut rows = sound_plan("plan-1", "pol");
        rows[3] = dps_policy("pol", kind);
        rows.extend_from_slice(cycles);
        convert(&rows)
    };
    with("local_and_remote", &[cycle("2"), cycle("10")]).check(&[(CYCLE, "1 migrated, 1 orphan")]);
    with("local_and_remote", &[cycle("2").with("enabled", "f"), cycle("10")])
        .check(&[(CYCLE, "1 migrated, 1 orphan")]);
    with("local_and_remote", &[cycle("2").with("deleted", "t"), cycle("10")])
        .check(&[(CYCLE, "1 migrated, 1 soft-deleted")]);
    with("local", &[cycle("2")]).check(&[(CYCLE, "1 orphan")]);
}

#[test]
fn tables_that_are_not_known_are_counted_and_unknown_columns_named() {
    let text = format!(
        "{HEAD}COPY backups (id, volume_id, project_id, status, colour) FROM stdin;\nb\tv\tp\tavailable\tred\n\\.\n\n\
         COPY snapshots (id) FROM stdin;\n1\n2\n\\.\n\n{TAIL}"
    );
    let out = Setup::default().run(&[("any name.sql".to_owned(), text.into_bytes())]).unwrap();
    let dump = &out.report.dumps[0];
    assert_eq!(dump.other_tables.get("snapshots"), Some(&2));
    assert_eq!(dump.unknown_columns.get("backups").map(Vec::as_slice), Some(&["colour".to_owned()][..]));
    out.check(&[("backups", "1 migrated")]);
    assert_eq!(out.only("checkpoint_items")["name"].as_deref().unwrap_or(NULL), NULL);
    assert_eq!(text_of(&out, "checkpoint_id"), derived("vbs/checkpoint/b"));
}

fn text_of<'o>(out: &'o crate::harness::Outcome, column: &str) -> &'o str {
    text(out.only("checkpoint_items"), column)
}

/// A table that lacks only its name would be passed over, and its rows never be migrated.
#[test]
fn a_table_under_another_name_ends_the_run_until_the_map_says_it() {
    let more = [
        ("plan_id", "p"),
        ("policy_id", "pol"),
        ("backup_type", "full"),
        ("backup_size", "10"),
        ("is_copy", "f"),
        ("started_at", "2018-07-01 02:00:00"),
    ];
    let rows = [sound_plan("p", "pol"), ["i", "j"].map(|id| item(id).with_all(&more)).into()].concat();
    let (name, bytes) = dumps_of(&rows, Form::Copy).remove(0);
    let text = String::from_utf8(bytes).unwrap();
    let run = |text: &str, map: &str| {
        let mut setup = Setup::default();
        setup.columns.override_with(map).unwrap();
        setup.run(&[(name.clone(), text.as_bytes().to_vec())]).map_err(|error| error.to_string())
    };
    let sound = run(&text, "").unwrap();
    let renamed = text.replace("COPY backup_transaction_item ", "COPY backup_trans_item ");
    let line = renamed.lines().position(|line| line.starts_with("COPY backup_trans_item ")).unwrap() + 1;
    let said = run(&renamed, "").err().unwrap();
    let expected = format!(
        "dps.sql:{line}: table backup_trans_item (2 rows) has 14 of the columns of backup_transaction_item, which no dump contains"
    );
    assert!(said.contains(&expected), "{said}");
    let mapped = run(&renamed, "[backup_transaction_item]\nnames = [\"backup_trans_item\"]\n").unwrap();
    assert_eq!(mapped.landed.rows, sound.landed.rows);
    // A table that there is none of is not looked for, and one without rows does not matter.
    assert!(run(&renamed, "[backup_transaction_item]\nnames = []\n").unwrap().committed());
    let empty = text.replace("COPY backup_transaction_item ", "COPY other ");
    let at = empty.find("COPY other ").unwrap();
    let (head, tail) = empty.split_at(at);
    let (copy, rest) = tail.split_once('\n').unwrap();
    let (_, rest) = rest.split_once("\\.\n").unwrap();
    assert!(run(&format!("{head}{copy}\n\\.\n{rest}"), "").unwrap().committed());
}
