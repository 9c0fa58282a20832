//! Rows that cannot be read, and files that cannot: the first are rejected by position, the second fail the run.

use crate::dumps::*;
use crate::harness::{Outcome, Setup, convert, dumps_of, text};
use crate::landing::When;

/// A dump of cinder with these lines in its COPY block.
fn cinder(lines: &[&[u8]]) -> Vec<u8> {
    let mut bytes = HEAD.as_bytes().to_vec();
    bytes.extend_from_slice(b"COPY backups (id, volume_id, project_id, status, display_name) FROM stdin;\n");
    for line in lines {
        bytes.extend_from_slice(line);
        bytes.push(b'\n');
    }
    bytes.extend_from_slice(b"\\.\n\n");
    bytes.extend_from_slice(TAIL.as_bytes());
    bytes
}

fn run(setup: &Setup, bytes: Vec<u8>) -> Outcome {
    setup.run(&[("cinder.sql".to_owned(), bytes)]).unwrap()
}

const GOOD: &[u8] = b"b-1\tv\tp\tavailable\tname";

#[test]
fn a_row_that_cannot_be_cut_into_fields_is_rejected() {
    let bad: [&[u8]; 5] = [
        b"b-2\tv\tp\tavailable",
        b"b-2\tv\tp\tavailable\tname\tmore",
        b"",
        b"b-2\tv\tp\tavailable\tna\xffme",
        b"b-2\tv\tp\tavailable\tna\0me",
    ];
    for line in bad {
        let out = run(&Setup::aside(), cinder(&[GOOD, line, b"b-3\tv\tp\tavailable\t\\N"]));
        out.check(&[("backups", "2 migrated, 1 rejected")]);
        let found = &out.rejected()[0];
        assert_eq!((found.at.as_str(), found.what.as_str()), ("cinder.sql:10", "backups"), "{line:?}");
        assert_eq!(out.column("checkpoint_items", "id"), ["b-1", "b-3"]);
        let out = run(&Setup::default(), cinder(&[GOOD, line]));
        assert!(!out.committed());
    }
    // What is escaped is no row's end, and a character of four bytes is one character.
    let out = run(&Setup::default(), cinder(&["b-2\tv\tp\tavailable\ta\\nb\\tc\\\\d 😀".as_bytes()]));
    assert_eq!(text(out.only("checkpoint_items"), "name"), "a\nb\tc\\d 😀");
    // U+0000 that only an escape writes is in the text all the same.
    for line in [&b"b-2\tv\tp\tavailable\ta\\000b"[..], b"b-2\tv\tp\tavailable\ta\\x00b"] {
        let out = run(&Setup::aside(), cinder(&[line]));
        out.check(&[("backups", "1 rejected")]);
    }
}

/// In every table that is held, and in those of which only the outcome counts.
#[test]
fn a_row_that_cannot_be_cut_into_fields_is_rejected_in_every_table() {
    for table in [
        "backup_policy",
        "backup_policy_extend",
        "backup_trigger",
        "backup_relation_policy",
        "policy_resource",
        "tag",
        "backup_create_running_job_record",
        "backup_create_waiting_job_record",
        "protection_plan",
        "protection_object",
        "protection_policy",
        "protection_plan_policy_mapping",
        "schedule_timer",
        "async_copy_policy",
        "policy_extra_specs",
        "backup_target_object",
        "backup_transaction_item",
    ] {
        let columns = "id, policy_id, policy_name, policy_status, tenant_id, trigger_id, resource_id, tag_key, job_id, plan_id, project_id, policy_type, spec_key, status";
        let text = format!("{HEAD}COPY {table} ({columns}) FROM stdin;\none\ttwo\n\\.\n\n{TAIL}");
        let out = Setup::aside().run(&[("dump.sql".to_owned(), text.into_bytes())]).unwrap();
        out.check(&[(table, "1 rejected")]);
        let found = &out.rejected()[0];
        assert_eq!((found.at.as_str(), found.what.as_str(), found.with), ("dump.sql:9", table, 0));
    }
}

/// Where every row is skipped, skip goes before reject: quotas and old jobs must not stop a run.
#[test]
fn a_bad_row_of_a_table_that_is_not_migrated_is_skipped() {
    for (table, became) in
        [("quotas", "3 quota"), ("quota_usages", "3 quota"), ("taskmgr_job", "3 job-history")]
    {
        let long = "x".repeat(5_000);
        let text = format!(
            "{HEAD}COPY {table} (job_id, resource) FROM stdin;\none\ntwo\t{long}\nthree\tbackups\n\\.\n\n{TAIL}"
        );
        let mut setup = Setup::default();
        setup.limits.row = 1_000;
        let out = setup.run(&[("dump.sql".to_owned(), text.into_bytes())]).unwrap();
        out.check(&[(table, became)]);
        assert!(out.committed());
    }
}

#[test]
fn a_row_above_the_limit_is_rejected_by_its_position() {
    let long = format!("b-2\tv\tp\tavailable\t{}", "x".repeat(2_000));
    let mut setup = Setup::aside();
    setup.limits.row = 1_000;
    setup.limits.chunk = 500;
    let out = run(&setup, cinder(&[GOOD, long.as_bytes(), b"b-3\tv\tp\tavailable\t\\N"]));
    out.check(&[("backups", "2 migrated, 1 rejected")]);
    assert_eq!(out.rejected()[0].at, "cinder.sql:10");
    assert!(out.report.rejections[0].reason.contains("1000"), "{:?}", out.report.rejections);
    assert!(out.rejects_file().windows(long.len()).any(|window| window == long.as_bytes()));
    // Where nobody wants the table, rows stream past at any length.
    let text = format!("{HEAD}COPY snapshots (id) FROM stdin;\n{long}\n\\.\n\n{TAIL}")
        .replace("b-2\tv\tp\tavailable\t", "");
    let mut dumps = dumps_of(&[backup("b")], Form::Copy);
    dumps.push((
        "other.sql".to_owned(),
        text.replace(
            "COPY snap",
            "COPY backups (id, volume_id, project_id, status) FROM stdin;\n\\.\nCOPY snap",
        )
        .into_bytes(),
    ));
    let out = setup.run(&dumps).unwrap();
    out.check(&[("backups", "1 migrated")]);
    assert_eq!(out.report.dumps[1].other_tables.get("snapshots"), Some(&1));
}

/// The policy's own table is held in memory, and a row of it can be too long as well.
#[test]
fn a_held_row_above_the_limit_is_rejected_by_its_position() {
    let rows = [
        policy("p-1"),
        policy("p-2").with("policy_name", &"x".repeat(2_000)),
        resource("p-2", "v"),
        policy("p-3"),
    ];
    let mut setup = Setup::aside();
    setup.limits.row = 1_000;
    let out = setup.run(&dumps_of(&rows, Form::Copy)).unwrap();
    out.check(&[("backup_policy", "2 migrated, 1 rejected"), ("policy_resource", "1 orphan")]);
    assert_eq!(out.rejected()[0].at, out.line_of("xxxx"));
}

#[test]
fn a_damaged_file_fails_the_run_whatever_the_options() {
    let whole = String::from_utf8(cinder(&[GOOD])).unwrap();
    let cases: [(&str, String); 10] = [
        ("empty", String::new()),
        ("cut in the rows", whole.split_once("available").unwrap().0.to_owned()),
        ("cut before the terminator", whole.split_once("\\.").unwrap().0.to_owned()),
        ("cut after the terminator", whole.split_once("--\n-- PostgreSQL database dump complete").unwrap().0.to_owned()),
        ("no terminator", whole.replace("\\.\n", "")),
        ("no required column", whole.replace("volume_id", "volume")),
        ("an unterminated quote", format!("{HEAD}INSERT INTO backups (id, volume_id, project_id, status) VALUES ('b, 'v', 'p', 'available');\n{TAIL}")),
        ("two schemas", whole.replace("COPY backups", "COPY one.backups").replace("\\.\n\n", "\\.\n\nCOPY two.backups (id, volume_id, project_id, status) FROM stdin;\nb-2\tv\tp\tavailable\n\\.\n\n")),
        ("no known table", whole.replace("backups", "snapshots")),
        ("no dump at all", "these are words\n".to_owned()),
    ];
    for (damage, text) in cases {
        assert_ne!(text, whole, "{damage}");
        for setup in [Setup::default(), Setup::aside()] {
            let run = setup.run(&[("cinder.sql".to_owned(), text.clone().into_bytes())]);
            let error = run.err().unwrap_or_else(|| panic!("{damage}: the run ended well")).to_string();
            assert!(error.contains("cinder.sql"), "{damage}: {error}");
        }
    }
}

#[test]
fn a_missing_required_column_is_named_with_table_and_line() {
    let text = String::from_utf8(cinder(&[GOOD])).unwrap().replace("volume_id", "volume");
    let error =
        Setup::default().run(&[("cinder.sql".to_owned(), text.into_bytes())]).unwrap_err().to_string();
    for part in ["cinder.sql:8", "backups", "volume_id"] {
        assert!(error.contains(part), "{error}");
    }
}

/// The dumps of a whole run say the same in lines that end in CRLF.
#[test]
fn line_ends_of_a_transfer_do_no_harm() {
    let rows = [policy("p"), resource("p", "v"), backup("b-1"), backup("b-2").without("display_name")];
    let plain = convert(&rows);
    let dumps: Vec<_> = dumps_of(&rows, Form::Copy)
        .into_iter()
        .map(|(name, bytes)| (name, String::from_utf8(bytes).unwrap().replace('\n', "\r\n").into_bytes()))
        .collect();
    let out = Setup::default().run(&dumps).unwrap();
    assert_eq!(out.landed.rows, plain.landed.rows);
}

/// A hundred rejections are listed, all of them are counted.
#[test]
fn rejections_are_listed_up_to_a_hundred_and_counted_beyond() {
    let lines: Vec<String> = (0..250).map(|n| format!("b-{n}\tv\tp\tavailable")).collect();
    let lines: Vec<&[u8]> = lines.iter().map(String::as_bytes).collect();
    let out = run(&Setup::default(), cinder(&lines));
    assert_eq!((out.report.rejections.len(), out.report.rejected), (100, 250));
    assert_eq!(out.landed.ended, Some(crate::landing::Ended::RolledBack));
    assert_eq!(out.rejected()[99].at, "cinder.sql:108");
    let mut policies: Vec<Source> =
        (0..150).map(|n| policy(&format!("p-{n}")).with("rentention_num", "x")).collect();
    // Were no value a number, the column would be another one.
    policies.push(policy("sound").with("rentention_num", "7"));
    let out = convert(&policies);
    assert_eq!((out.report.rejections.len(), out.report.rejected), (100, 150));
}

/// One byte of a bulk block, anywhere in it, that is overwritten in its place after the first pass.
#[test]
fn a_dump_that_changes_between_the_passes_fails_the_run() {
    let ids = ["00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"];
    for rows in [ids.map(backup), ids.map(item)] {
        for form in [Form::Copy, Form::Insert] {
            let dumps = dumps_of(&rows, form);
            let dump = String::from_utf8(dumps[0].1.clone()).unwrap();
            let begin = dump.find(ids[0]).unwrap();
            let end = dump.rfind(ids[1]).unwrap() + ids[1].len();
            for at in begin..end {
                let byte = dump.as_bytes()[at];
                if !byte.is_ascii_digit() || at % 3 > 0 {
                    continue;
                }
                let edited = Some((at as u64, if byte == b'7' { b'6' } else { b'7' }, true, When::Beginning));
                let error = Setup { edited, ..Setup::default() }.run(&dumps).err();
                let error =
                    error.unwrap_or_else(|| panic!("{form:?}: byte {at} changed and nothing was said"));
                let told = error.to_string();
                assert!(told.contains(rows[0].table) && told.contains("changed"), "{told}");
            }
        }
    }
}

/// Whatever was written to a file, its size and time are what they were when the transaction ends.
#[test]
fn a_dump_whose_time_moves_before_the_commit_fails_the_run() {
    let rows = [backup("00000000-0000-4000-8000-000000000001")];
    let dumps = dumps_of(&rows, Form::Copy);
    let (at, byte) = (dumps[0].1.len() as u64 - 1, b'\n');
    for when in [When::Beginning, When::LastTable] {
        let edited = Some((at, byte, false, when));
        let error = Setup { edited, ..Setup::default() }.run(&dumps).err().unwrap().to_string();
        assert!(error.contains("its modification time moved"), "{error}");
        let edited = Some((at, byte, true, when));
        assert!(Setup { edited, ..Setup::default() }.run(&dumps).unwrap().committed());
    }
}
