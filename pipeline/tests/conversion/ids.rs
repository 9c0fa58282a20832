//! Identifiers: what is kept, what is derived, and from which names; the literals were computed elsewhere.

use crate::dumps::*;
use crate::harness::{convert, derived, text};

/// A policy id that is no UUID, and a DPS plan's.
const POLICY: &str = "policy 7";
const PLAN: &str = "plan_7";

#[test]
fn derived_ids_are_version_5_uuids_of_these_names() {
    let cases = [
        ("vbs/plan/policy 7", "14f3810f-b648-5b20-bcb4-c7a2f2b1a4f1"),
        ("dps/operation/plan_7/pol/replication", "ce540082-5a8f-52c6-8151-c61e006425e4"),
    ];
    for (name, id) in cases {
        assert_eq!(derived(name), id);
    }
}

#[test]
fn a_policy_without_extend_rows_has_one_schedule_called_own() {
    let out = convert(&[policy(POLICY), resource(POLICY, "v")]);
    assert_eq!(text(out.only("plans"), "id"), "14f3810f-b648-5b20-bcb4-c7a2f2b1a4f1");
    assert_eq!(text(out.only("resources"), "plan_id"), "14f3810f-b648-5b20-bcb4-c7a2f2b1a4f1");
    assert_eq!(text(out.only("triggers"), "id"), "5bf0aa78-e550-5df9-91f3-3a6293e9e3d8");
    let operation = out.only("scheduled_operations");
    assert_eq!(text(operation, "id"), "70231395-d8b1-53c3-9749-02d3d31f74f6");
    assert_eq!(text(operation, "trigger_id"), "5bf0aa78-e550-5df9-91f3-3a6293e9e3d8");
    assert!(
        text(operation, "operation_definition")
            .contains("\"plan_id\":\"14f3810f-b648-5b20-bcb4-c7a2f2b1a4f1\"")
    );
    let state = out.only("scheduled_operation_states");
    assert_eq!(text(state, "operation_id"), "70231395-d8b1-53c3-9749-02d3d31f74f6");
}

#[test]
fn each_extend_row_has_a_schedule_named_after_its_id() {
    let out = convert(&[policy(POLICY), extend("e1", POLICY), extend("e2", POLICY)]);
    let triggers = [derived("vbs/trigger/policy 7/e1"), derived("vbs/trigger/policy 7/e2")];
    let operations = [derived("vbs/operation/policy 7/e1"), derived("vbs/operation/policy 7/e2")];
    assert_eq!(triggers[0], "66e55499-b59d-52e3-b009-a38a4a08883e");
    assert_eq!(operations[0], "90e2dd53-f6ae-5a86-9feb-a1e290da941d");
    for (operation, trigger) in operations.iter().zip(&triggers) {
        assert_eq!(text(out.row("scheduled_operations", operation), "trigger_id"), trigger);
        out.row("triggers", trigger);
    }
    assert_eq!(out.rows("triggers").len(), 2);
}

#[test]
fn uuids_and_32_hexadecimal_digits_are_kept_and_anything_else_is_not() {
    let kept = [
        "0d663291-49fa-4231-8df3-0bf5613cdb52",
        "0D663291-49FA-4231-8DF3-0BF5613CDB52",
        "ff8080815f1b3e2c015f1b4d9c1a0001",
        "FF8080815F1B3E2C015F1B4D9C1A0001",
    ];
    let derived_ones = [
        "0d663291-49fa-4231-8df3-0bf5613cdb5",
        "0d66329149fa-4231-8df3-0bf5613cdb52-",
        "0d663291-49fa-4231-8df3-0bf5613cdb5g",
        "{0d663291-49fa-4231-8df3-0bf5613cdb52}",
        "ff8080815f1b3e2c015f1b4d9c1a000",
        "gf8080815f1b3e2c015f1b4d9c1a0001",
        "1",
        "策略",
    ];
    for id in derived_ones {
        let mut rows = vec![policy(id)];
        rows.extend(sound_plan(id, "pol"));
        let out = convert(&rows);
        out.row("plans", &derived(&format!("dps/plan/{id}")));
        out.row("plans", &derived(&format!("vbs/plan/{id}")));
    }
    for id in kept {
        let out = convert(&[policy(id)]);
        assert_eq!(text(out.only("plans"), "id"), id);
        // Derived ids are derived from the id as it stands.
        assert_eq!(text(out.only("triggers"), "id"), derived(&format!("vbs/trigger/{id}/own")));
        assert_eq!(text(convert(&sound_plan(id, "pol")).only("plans"), "id"), id);
    }
}

#[test]
fn dps_triggers_and_operations_are_named_after_plan_policy_and_kind() {
    let mut rows = sound_plan(PLAN, "pol");
    rows.retain(|row| row.table != "protection_policy");
    rows.extend([dps_policy("pol", "local_and_remote"), cycle("1")]);
    let out = convert(&rows);
    assert_eq!(text(out.only("plans"), "id"), "fdc608f6-5c6b-577a-8ff7-25b5d866908d");
    for (operation, trigger, kind) in [
        ("2537d909-d203-568b-a4ba-55e797664078", "187ff94b-c1ae-5aea-81ef-02ed94670aae", "backup"),
        ("ce540082-5a8f-52c6-8151-c61e006425e4", "ee464e2a-bea4-5923-a532-7820e50d1009", "replication"),
    ] {
        let operation = out.row("scheduled_operations", operation);
        assert_eq!((text(operation, "trigger_id"), text(operation, "operation_type")), (trigger, kind));
        out.row("triggers", trigger);
    }
}

#[test]
fn a_copy_of_vbs_keeps_its_id_whatever_it_is() {
    let out = convert(&[backup("b-1")]);
    let item = out.only("checkpoint_items");
    assert_eq!(text(item, "id"), "b-1");
    assert_eq!(text(item, "checkpoint_id"), "8ea4d8ee-9a5e-5a4c-9ba7-7702e6265182");
    let longest = "x".repeat(36);
    assert_eq!(text(convert(&[backup(&longest)]).only("checkpoint_items"), "id"), longest);
    let too_long = "y".repeat(37);
    let out = convert(&[backup(&too_long)]);
    out.check_rejection(&too_long, "backups.id", &too_long, "36", 0);
}

#[test]
fn a_copy_of_dps_takes_its_backup_id_and_its_transactions_checkpoint() {
    let cases = [
        (item("i-1"), "i-1", "4d260dc5-4f57-5b0c-8eb9-3d77c8f77e92"),
        (item("i-1").with("backup_id", "b-9"), "b-9", "4d260dc5-4f57-5b0c-8eb9-3d77c8f77e92"),
        (item("i-1").with("transaction_id", "tx-9"), "i-1", "cd43323a-d12d-5be8-909c-048088682ce3"),
        (
            item("i-1").with("backup_id", "").with("transaction_id", ""),
            "i-1",
            "4d260dc5-4f57-5b0c-8eb9-3d77c8f77e92",
        ),
    ];
    for (row, id, checkpoint) in cases {
        let out = convert(&[row]);
        let item = out.only("checkpoint_items");
        assert_eq!((text(item, "id"), text(item, "checkpoint_id")), (id, checkpoint));
    }
}
