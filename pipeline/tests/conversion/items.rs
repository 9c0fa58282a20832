//! Checkpoint items of cinder's backups: every column, and extend_info byte for byte.

use crate::dumps::*;
use crate::harness::{NULL, check_row, convert, derived, text};

const PROVIDER: &str = "1dc03359-1301-467b-9972-1a7599ae791d";

/// The extend_info of a copy that says nothing about itself.
const PLAIN: &str = concat!(
    r#"{"auto_trigger":false,"average_speed":0,"bootable":false,"copy_from":"","copy_status":"na","fail_code":{},"#,
    r#""fail_op":"","fail_reason":"","image_type":"backup","incremental":false,"progress":100,"resource_az":"","#,
    r#""resource_name":"volume-1","resource_type":"OS::Cinder::Volume","size":0,"snapshot_id":"","space_saving_ratio":0,"#,
    r#""supported_restore_mode":"backup","support_lld":false,"taskid":"","os_images_data":[],"volume_backups":[{"#,
    r#""id":"b","name":"manualbk_1","status":"available","bootable":false,"incremental":false,"image_type":"backup","#,
    r#""average_speed":0,"size":0,"snapshot_id":"","source_volume_id":"volume-1","source_volume_name":"volume-1","#,
    r#""source_volume_size":40,"space_saving_ratio":0}]}"#
);

#[test]
fn a_copy_that_says_nothing_about_itself() {
    let out = convert(&[backup("b")]);
    check_row(
        out.only("checkpoint_items"),
        &[
            ("id", "b"),
            ("created_at", "2018-05-01 01:00:00"),
            ("updated_at", "2018-05-01 01:20:00"),
            ("deleted_at", NULL),
            ("deleted", "f"),
            ("checkpoint_id", &derived("vbs/checkpoint/b")),
            ("project_id", "project-1"),
            ("user_id", "user-1"),
            ("provider_id", PROVIDER),
            ("plan_id", NULL),
            ("resource_id", "volume-1"),
            ("resource_name", "volume-1"),
            ("resource_type", "OS::Cinder::Volume"),
            ("resource_az", NULL),
            ("name", "manualbk_1"),
            ("description", NULL),
            ("status", "available"),
            ("version", "0.5"),
            ("size", "40"),
            ("protected_at", "2018-05-01 01:00:00"),
            ("backup_data", "{}"),
            ("extend_info", PLAIN),
        ],
    );
}

#[test]
fn a_copy_that_says_everything() {
    let metadata = concat!(
        r#"{"DL":"x","bootable":true,"SP":"","ST":4,"SS":12.50,"progress":50,"CS":"2048","VT":1,"Type":1,"#,
        r#""ebk_T_I":"4028-9","AT":10.0e1}"#
    );
    let row = backup("b").with_all(&[
        ("availability_zone", "az1"),
        ("display_name", "autobk_1"),
        ("display_description", r#"{"DESC":"before the \"upgrade\"","ST":0,"INC":0}"#),
        ("status", "error"),
        ("fail_reason", "disk\tfull"),
        ("service_metadata", metadata),
        ("snapshot_id", "snap-1"),
        ("data_timestamp", "2018-05-01 00:59:00"),
        ("object_count", "9"),
        ("size", "100"),
    ]);
    let out = convert(&[row]);
    let info = concat!(
        r#"{"auto_trigger":true,"average_speed":10.0e1,"bootable":true,"copy_from":"","copy_status":"na","fail_code":{},"#,
        r#""fail_op":"","fail_reason":"disk\tfull","image_type":"replication","incremental":true,"progress":100,"#,
        r#""resource_az":"az1","resource_name":"volume-1","resource_type":"OS::Cinder::Volume","size":2048,"#,
        r#""snapshot_id":"snap-1","space_saving_ratio":12.50,"supported_restore_mode":"backup","support_lld":false,"#,
        r#""taskid":"4028-9","os_images_data":[],"volume_backups":[{"id":"b","name":"autobk_1","status":"error","#,
        r#""bootable":true,"incremental":true,"image_type":"replication","average_speed":10.0e1,"size":2048,"#,
        r#""snapshot_id":"snap-1","source_volume_id":"volume-1","source_volume_name":"volume-1","#,
        r#""source_volume_size":100,"space_saving_ratio":12.50}]}"#
    );
    check_row(
        out.only("checkpoint_items"),
        &[
            ("id", "b"),
            ("created_at", "2018-05-01 01:00:00"),
            ("updated_at", "2018-05-01 01:20:00"),
            ("deleted_at", NULL),
            ("deleted", "f"),
            ("checkpoint_id", &derived("vbs/checkpoint/b")),
            ("project_id", "project-1"),
            ("user_id", "user-1"),
            ("provider_id", PROVIDER),
            ("plan_id", NULL),
            ("resource_id", "volume-1"),
            ("resource_name", "volume-1"),
            ("resource_type", "OS::Cinder::Volume"),
            ("resource_az", "az1"),
            ("name", "autobk_1"),
            ("description", "before the \"upgrade\""),
            ("status", "error"),
            ("version", "0.5"),
            ("size", "100"),
            ("protected_at", "2018-05-01 00:59:00"),
            ("backup_data", "{}"),
            ("extend_info", info),
        ],
    );
}

#[test]
fn a_copy_without_anything_that_can_be_absent() {
    let mut row = backup("b");
    for column in ["created_at", "updated_at", "deleted", "user_id", "display_name", "size"] {
        row = row.without(column);
    }
    let out = convert(&[row]);
    let item = out.only("checkpoint_items");
    for column in ["updated_at", "user_id", "name", "size", "plan_id", "resource_az", "description"] {
        assert_eq!(item[column], None, "{column}");
    }
    assert_eq!(text(item, "created_at"), "2018-01-01 00:00:00");
    assert_eq!(text(item, "protected_at"), "2018-01-01 00:00:00");
    let expected =
        PLAIN.replace("manualbk_1", "").replace(r#""source_volume_size":40"#, r#""source_volume_size":0"#);
    assert_eq!(text(item, "extend_info"), expected);
}

/// Checks members of extend_info, wherever they stand in it.
#[track_caller]
fn check_info(cells: &[(&str, &str)], members: &[(&str, usize)]) {
    let out = convert(&[backup("b").with_all(cells)]);
    let info = text(out.only("checkpoint_items"), "extend_info");
    for (member, times) in members {
        assert_eq!(info.matches(member).count(), *times, "{cells:?}: {member} in {info}");
    }
    serde_json::from_str::<serde_json::Value>(info).unwrap();
}

#[test]
fn numbers_keep_their_digits_and_may_stand_in_strings() {
    for (json, digits) in [
        ("1.2", "1.2"),
        ("1.20", "1.20"),
        ("1e2", "1e2"),
        ("-3", "-3"),
        ("\"7\"", "7"),
        ("\"1.50\"", "1.50"),
        ("12345678901234567890", "12345678901234567890"),
        ("null", "0"),
        ("true", "0"),
        ("\"fast\"", "0"),
        ("\"\"", "0"),
        ("[1]", "0"),
        ("{}", "0"),
    ] {
        let metadata = format!(r#"{{"AT":{json},"SS":{json},"CS":{json}}}"#);
        check_info(
            &[("service_metadata", &metadata)],
            &[
                (&format!(r#""average_speed":{digits},"#), 2),
                (&format!(r#""size":{digits},"snapshot_id""#), 2),
                (&format!(r#""space_saving_ratio":{digits}"#), 2),
            ],
        );
    }
}

#[test]
fn the_size_is_that_of_the_chain_else_the_object_count() {
    let size = |metadata: &str, count: &str, expected: &str| {
        let member = format!(r#""size":{expected},"snapshot_id""#);
        check_info(&[("service_metadata", metadata), ("object_count", count)], &[(&member, 2)]);
    };
    size(r#"{"CS":5}"#, "9", "5");
    size(r#"{"CS":"x"}"#, "9", "9");
    size("{}", "9", "9");
    size("", "9", "9");
    size("", "", "0");
    size(r#"{"CS":0}"#, "9", "0");
}

#[test]
fn a_copy_is_bootable_where_its_metadata_says_so() {
    for (json, expected) in [
        ("true", true),
        ("\"true\"", true),
        ("1", true),
        ("false", false),
        ("\"false\"", false),
        ("0", false),
        ("2", false),
        ("null", false),
        ("\"yes\"", false),
    ] {
        let metadata = format!(r#"{{"bootable":{json}}}"#);
        check_info(&[("service_metadata", &metadata)], &[(&format!(r#""bootable":{expected},"#), 2)]);
    }
}

#[test]
fn a_copy_is_a_replica_where_its_storage_type_says_so() {
    let kind = |metadata: &str, description: &str, expected: &str| {
        let cells = [("service_metadata", metadata), ("display_description", description)];
        check_info(&cells, &[(&format!(r#""image_type":"{expected}","#), 2)]);
    };
    kind(r#"{"ST":4}"#, "", "replication");
    kind(r#"{"ST":5}"#, "", "replication");
    kind(r#"{"ST":"5"}"#, "", "replication");
    kind(r#"{"ST":4.0}"#, "", "replication");
    kind(r#"{"ST":3}"#, "", "backup");
    kind(r#"{"ST":0}"#, r#"{"ST":4}"#, "backup");
    kind("{}", r#"{"ST":4}"#, "replication");
    kind("", r#"{"ST":5}"#, "replication");
    kind("", r#"{"ST":1}"#, "backup");
    kind(r#"{"ST":null}"#, r#"{"ST":4}"#, "replication");
    kind("", "ST 4", "backup");
}

#[test]
fn a_copy_is_incremental_by_its_type_else_by_its_description() {
    let incremental = |metadata: &str, description: &str, expected: bool| {
        let cells = [("service_metadata", metadata), ("display_description", description)];
        check_info(&cells, &[(&format!(r#""incremental":{expected},"#), 2)]);
    };
    incremental(r#"{"Type":1}"#, "", true);
    incremental(r#"{"Type":"1"}"#, "", true);
    incremental(r#"{"Type":0}"#, r#"{"INC":1}"#, false);
    incremental("{}", r#"{"INC":1}"#, true);
    incremental("", r#"{"INC":1}"#, true);
    incremental("", r#"{"INC":0}"#, false);
    incremental("", r#"{"INC":"1"}"#, true);
    incremental("", "", false);
    incremental(r#"{"Type":null}"#, r#"{"INC":1}"#, true);
}

#[test]
fn a_copy_ran_by_itself_where_its_name_says_so() {
    for (name, expected) in [
        ("autobk_1", true),
        ("autobk_", true),
        ("autobk1", false),
        ("my autobk_1", false),
        ("AUTOBK_1", false),
    ] {
        check_info(&[("display_name", name)], &[(&format!(r#""auto_trigger":{expected},"#), 1)]);
    }
}

#[test]
fn metadata_that_is_no_json_object_rejects_the_copy() {
    for metadata in [
        "[]",
        "null",
        "7",
        "\"text\"",
        "{",
        "nothing",
        r#"{"AT":NaN}"#,
        r#"{"AT":1} x"#,
        r#"{"x":"\ud800"}"#,
        r#"{"AT":01}"#,
    ] {
        let out = convert(&[backup("the-copy").with("service_metadata", metadata)]);
        out.check_rejection("the-copy", "backups.service_metadata", metadata, "", 0);
    }
    // Of a repeated key the last counts.
    check_info(&[("service_metadata", r#"{"AT":1,"AT":2}"#)], &[(r#""average_speed":2,"#, 2)]);
    check_info(&[("service_metadata", "{}")], &[(r#""average_speed":0,"#, 2)]);
}

#[test]
fn a_description_is_text_or_that_of_an_object() {
    let cases = [
        (r#"{"DESC":"words","INC":1}"#, "words"),
        (r#"{"INC":1}"#, ""),
        (r#"{"DESC":""}"#, ""),
        (r#"{"DESC":12}"#, "12"),
        (r#"{"DESC":1e2}"#, "1e2"),
        (r#"{"DESC":true}"#, "true"),
        (r#"{"DESC":{"a": [1, 2]}}"#, r#"{"a": [1, 2]}"#),
        (r#"{"DESC":"one","DESC":"two"}"#, "two"),
        ("just words", "just words"),
        ("{not json", "{not json"),
        (r#"["DESC"]"#, r#"["DESC"]"#),
        (r#""DESC""#, r#""DESC""#),
        (r#"{"DESC":"\ud800"}"#, r#"{"DESC":"\ud800"}"#),
        (r#"{"DESC":"\ud83d\ude00 \u7b56"}"#, "😀 策"),
        ("two\nlines", "two\nlines"),
    ];
    for (source, expected) in cases {
        let out = convert(&[backup("b").with("display_description", source)]);
        assert_eq!(text(out.only("checkpoint_items"), "description"), expected, "{source}");
    }
}

#[test]
fn text_inside_json_is_escaped_and_kept() {
    let name = "a\"b\\c\u{1}\u{7f}/ \t策😀";
    let out = convert(&[backup("b").with_all(&[("display_name", name), ("fail_reason", name)])]);
    let item = out.only("checkpoint_items");
    assert_eq!(text(item, "name"), name);
    let info: serde_json::Value = serde_json::from_str(text(item, "extend_info")).unwrap();
    assert_eq!(info["fail_reason"], name);
    assert_eq!(info["volume_backups"][0]["name"], name);
    assert!(text(item, "extend_info").contains(r#""fail_reason":"a\"b\\c\u0001"#), "{item:?}");
}

#[test]
fn volume_backups_say_the_mapped_status() {
    for (source, mapped) in [("error_restoring", "available"), ("error_deleting", "error")] {
        check_info(&[("status", source)], &[(&format!(r#""name":"manualbk_1","status":"{mapped}","#), 1)]);
    }
}
