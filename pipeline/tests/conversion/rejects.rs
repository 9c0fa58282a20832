//! Rows that are set aside: the file is a dump of their own bytes, and once mended it makes good what was missing.

use crate::dumps::*;
use crate::harness::{Dump, Outcome, REJECTS, Setup, dumps_of};
use crate::landing::{Row, When};
use pipeline::outcome::Ending;
use std::collections::BTreeMap;

const P: &str = "11111111-1111-4111-8111-111111111111";
const Q: &str = "22222222-2222-4222-8222-222222222222";

/// Sound and bad rows of every table; `bad` says whether the bad ones are bad yet.
fn rows(bad: bool) -> Vec<Source> {
    let fault = |row: Source, column: &str, value: &str| if bad { row.with(column, value) } else { row };
    let mut rows = vec![
        policy(P).with("back_up_start_time", "01:00"),
        extend("e-p", P),
        resource(P, "v-p"),
        policy(Q),
        fault(extend("e-q", Q).with("rentention_num", "3"), "rentention_num", "three"),
        resource(Q, "v-q"),
        tag(Q, "k", "v"),
        relation("1", Q, "t-q"),
        trigger("t-q", "0 0 3 * * ?"),
        job("j1", P, "volume-1", "manualbk_1"),
        job("j2", Q, "volume-q", "copy-q"),
        backup("b-1"),
        fault(backup("b-2").with("size", "7"), "size", "seven"),
        backup("b-3").with_all(&[("volume_id", "volume-q"), ("display_name", "copy-q")]),
        fault(item("i-1").with("backup_size", "7"), "backup_size", "seven"),
        item("i-2").with("plan_id", "plan-bad"),
        item("i-3").with("plan_id", "plan-good"),
    ];
    rows.extend(sound_plan("plan-good", "pol-good"));
    let mut family = sound_plan("plan-bad", "pol-bad");
    family[4] = fault(family[4].clone(), "start_time", "two");
    rows.extend(family);
    rows
}

/// The file's text with every fault mended.
fn mended(file: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(file).unwrap();
    let tables = ["backups", "backup_transaction_item"];
    let mut table = String::new();
    let lines = text.lines().map(|line| {
        if let Some(rest) = line.strip_prefix("COPY \"").or_else(|| line.strip_prefix("INSERT INTO \"")) {
            table = rest.split('"').next().unwrap().to_owned();
        }
        let sizes = if tables.contains(&table.as_str()) { "7" } else { "seven" };
        line.replace("three", "3").replace("seven", sizes).replace("two", "02:00")
    });
    lines.map(|line| line + "\n").collect::<String>().into_bytes()
}

/// Rows by table, in an order that does not depend on where they stood.
fn sorted(out: &Outcome) -> BTreeMap<&'static str, Vec<Row>> {
    let mut tables = out.landed.rows.clone();
    tables.values_mut().for_each(|rows| rows.sort());
    tables
}

#[test]
fn without_the_option_one_bad_row_fails_the_run() {
    let out = Setup::default().convert(&rows(true));
    assert_eq!(out.report.ending, Ending::Refused);
    assert!(!out.committed() && out.left_nothing());
    assert_eq!(out.report.rejects_file, None);
}

#[test]
fn with_it_the_rest_is_committed_and_the_bad_rows_are_set_aside() {
    let out = Setup::aside().convert(&rows(true));
    assert_eq!(out.report.ending, Ending::Committed);
    assert!(out.committed());
    assert!(out.report.rejects_file.as_deref().is_some_and(|path| path.ends_with(REJECTS)));
    out.check(&[
        ("backup_policy", "1 migrated, 1 rejected"),
        ("backup_policy_extend", "1 migrated, 1 rejected"),
        ("backup_relation_policy", "1 rejected"),
        ("backup_trigger", "1 rejected"),
        ("policy_resource", "1 migrated, 1 rejected"),
        ("tag", "1 rejected"),
        ("backups", "2 migrated, 1 rejected"),
        ("protection_plan", "1 migrated, 1 rejected"),
        ("protection_object", "1 migrated, 1 rejected"),
        ("protection_plan_policy_mapping", "1 migrated, 1 rejected"),
        ("protection_policy", "1 migrated, 1 rejected"),
        ("schedule_timer", "1 migrated, 1 rejected"),
        ("backup_transaction_item", "2 migrated, 1 rejected"),
    ]);
    assert_eq!(out.report.rejected, 13);
    let file = out.rejects_file();
    assert!(file.starts_with(b"-- etl rejects\n"), "{}", String::from_utf8_lossy(&file));
    // Each rejected row stands in it as it stood in its dump, and no other does.
    let set_aside = String::from_utf8(file).unwrap();
    let dumps = dumps_of(&rows(true), Form::Copy);
    let lines: Vec<&str> =
        dumps.iter().flat_map(|(_, bytes)| std::str::from_utf8(bytes).unwrap().lines()).collect();
    let rows_aside: Vec<&str> = set_aside.lines().filter(|line| line.contains('\t')).collect();
    assert_eq!(rows_aside.len(), 13);
    for row in rows_aside {
        assert!(lines.contains(&row), "{row}");
    }
}

#[test]
fn without_a_bad_row_there_is_no_file() {
    let out = Setup::aside().convert(&rows(false));
    assert!(out.committed() && out.left_nothing());
    assert_eq!(out.report.rejects_file, None);
}

#[test]
fn nothing_is_set_aside_where_nothing_is_written() {
    for mode in [pipeline::options::Mode::Check, pipeline::options::Mode::FullCheck] {
        let out = Setup { mode, ..Setup::aside() }.convert(&rows(true));
        assert_eq!(out.report.rejects_file, None);
        assert_eq!(out.report.ending, Ending::Checked);
        assert!(!out.committed() && out.left_nothing());
        assert_eq!(out.report.rejected, 13);
    }
}

/// Two runs with one name for the file: until the commit the second one fails.
#[test]
fn a_file_that_another_run_made_meanwhile_fails_the_run() {
    let setup = Setup { rejects_taken: Some(When::LastTable), ..Setup::aside() };
    let error = setup.run(&dumps_of(&rows(true), Form::Copy)).err().unwrap().to_string();
    assert!(error.contains("bad.sql") && error.contains("another program made or changed it"), "{error}");
}

/// After the commit nothing is a failure any more, least of all a file that cannot be renamed.
#[test]
fn a_file_that_cannot_be_renamed_is_told_and_kept() {
    let out = Setup { rejects_taken: Some(When::Commit), ..Setup::aside() }.convert(&rows(true));
    assert!(out.committed());
    assert_eq!(out.report.ending, Ending::Committed);
    let path = out.report.rejects_file.clone().unwrap();
    assert!(path.contains("bad.sql.") && path.ends_with(".kept"), "{path}");
    assert!(out.report.warnings.iter().any(|w| w.contains(&path)), "{:?}", out.report.warnings);
    assert!(std::fs::read(path).unwrap().starts_with(b"-- etl rejects\n"));
    assert!(out.left.iter().any(|file| std::fs::read(file).unwrap() == b"another run's"), "{:?}", out.left);
}

/// All dumps with the mended file are as good as dumps that were never bad, wherever the file is named.
#[test]
fn the_mended_file_makes_good_what_was_missing() {
    for form in [Form::Copy, Form::Insert] {
        let sound = Setup::default().run(&dumps_of(&rows(false), form)).unwrap();
        let dumps = dumps_of(&rows(true), form);
        let first = Setup::aside().run(&dumps).unwrap();
        let file = mended(&first.rejects_file());
        for at in [0, 2, dumps.len()] {
            let mut again: Vec<Dump> = dumps.clone();
            again.insert(at, ("mended.sql".to_owned(), file.clone()));
            let out = Setup::default().run(&again).unwrap();
            assert_eq!(out.report.rejections, [], "{form:?}");
            assert!(out.committed());
            assert_eq!(sorted(&out), sorted(&sound), "{form:?}, named at {at}");
            out.check(&[
                ("backup_policy", "2 migrated, 1 replaced"),
                ("backup_policy_extend", "2 migrated, 1 replaced"),
                ("backups", "3 migrated, 1 replaced"),
                ("backup_transaction_item", "3 migrated, 1 replaced"),
                ("schedule_timer", "2 migrated, 1 replaced"),
                ("policy_resource", "2 migrated, 1 replaced"),
                ("tag", "1 migrated, 1 replaced"),
                ("protection_plan_policy_mapping", "2 migrated, 1 replaced"),
            ]);
            assert!(out.report.dumps[at].rejects);
        }
    }
}

/// As it is, the file is rejected again, row for row, and makes the same file.
#[test]
fn a_file_that_was_not_mended_is_rejected_again() {
    let dumps = dumps_of(&rows(true), Form::Copy);
    let first = Setup::aside().run(&dumps).unwrap();
    let mut again = dumps;
    again.push(("again.sql".to_owned(), first.rejects_file()));
    let second = Setup::aside().run(&again).unwrap();
    assert_eq!(second.report.rejected, 13);
    assert!(
        second.report.rejections.iter().all(|r| r.dump.ends_with("again.sql")),
        "{:?}",
        second.report.rejections
    );
    assert_eq!(sorted(&second), sorted(&first));
    let rows_of = |file: Vec<u8>| -> Vec<String> {
        let text = String::from_utf8(file).unwrap();
        let mut rows: Vec<String> =
            text.lines().filter(|line| line.contains('\t')).map(str::to_owned).collect();
        rows.sort();
        rows
    };
    assert_eq!(rows_of(second.rejects_file()), rows_of(first.rejects_file()));
}

/// A row whose key cannot be read is known again by its bytes.
#[test]
fn rows_without_a_key_are_known_by_their_bytes() {
    let head = "COPY backups (id, volume_id, project_id, status) FROM stdin;\n";
    let policies = "COPY backup_policy (policy_id, policy_name, policy_status, tenant_id, back_up_frequency) FROM stdin;\n";
    let cinder = format!(
        "{HEAD}{head}b-1\tv\tp\tavailable\nb-2\tv\tp\n\\N\tv\tp\tavailable\nb-4\tv\tp\tavailable\n\\.\n\n{TAIL}"
    );
    let vbs =
        format!("{HEAD}{policies}{P}\tone\t0\tt\t1\n{Q}\ttwo\t0\tt\n\\N\tthree\t0\tt\t1\n\\.\n\n{TAIL}");
    let dumps =
        vec![("cinder.sql".to_owned(), cinder.into_bytes()), ("vbs.sql".to_owned(), vbs.into_bytes())];
    let first = Setup::aside().run(&dumps).unwrap();
    first.check(&[("backups", "2 migrated, 2 rejected"), ("backup_policy", "1 migrated, 2 rejected")]);
    let file = String::from_utf8(first.rejects_file()).unwrap();
    let mended = file
        .replace("b-2\tv\tp\n", "b-2\tv\tp\tavailable\n")
        .replace("\\N\tv\tp\t", "b-3\tv\tp\t")
        .replace("two\t0\tt\n", "two\t0\tt\t1\n")
        .replace("\\N\tthree", "policy-3\tthree");
    let mut again = dumps;
    again.push(("mended.sql".to_owned(), mended.into_bytes()));
    let out = Setup::default().run(&again).unwrap();
    assert_eq!(out.report.rejections, []);
    assert_eq!(out.column("checkpoint_items", "id"), ["b-1", "b-2", "b-3", "b-4"]);
    assert_eq!(out.column("plans", "name"), ["one", "three", "two"]);
    out.check(&[("backups", "4 migrated, 2 replaced"), ("backup_policy", "3 migrated, 2 replaced")]);
}

/// A row that is deleted from the file is rejected again: the file must not make rows vanish.
#[test]
fn a_row_deleted_from_the_file_is_rejected_again() {
    let dumps = dumps_of(
        &[backup("b-1"), backup("b-2").with("size", "seven"), backup("b-3").with("size", "seven")],
        Form::Copy,
    );
    let file = String::from_utf8(Setup::aside().run(&dumps).unwrap().rejects_file()).unwrap();
    let kept: String = file
        .lines()
        .filter(|line| !line.contains("b-2"))
        .map(|line| line.replace("seven", "7") + "\n")
        .collect();
    let mut again = dumps;
    again.push(("mended.sql".to_owned(), kept.into_bytes()));
    let out = Setup::aside().run(&again).unwrap();
    out.check(&[("backups", "2 migrated, 1 replaced, 1 rejected")]);
    assert_eq!(out.rejected()[0].what, "backups.size");
}

/// Bytes of another encoding are set aside as they are, under the encoding's name.
#[test]
fn rows_of_other_encodings_keep_their_bytes() {
    // 誠 is D5 5C in GBK: its second byte is a backslash.
    let name: &[u8] = b"\xD5\x5C\xD5\x5C";
    let with = |before: &str, after: &str| [before.as_bytes(), name, after.as_bytes()].concat();
    let copy = with(
        "COPY backups (id, volume_id, project_id, status, display_name, size) FROM stdin;\nb-1\tv\tp\tavailable\t",
        "\tseven\n\\.\n\n",
    );
    let insert = with(
        "INSERT INTO backups (id, volume_id, project_id, status, display_name, size) VALUES ('b-1', 'v', 'p', 'available', '",
        "', 'seven');\n\n",
    );
    for block in [copy, insert] {
        let head = HEAD.replace("UTF8", "GBK");
        let dump = [head.as_bytes(), &block, TAIL.as_bytes()].concat();
        let dumps = vec![("cinder.sql".to_owned(), dump)];
        let first = Setup::aside().run(&dumps).unwrap();
        first.check(&[("backups", "1 rejected")]);
        let file = first.rejects_file();
        assert!(file.windows(4).any(|window| window == name), "{file:?}");
        let at = file.windows(5).position(|window| window == b"seven").unwrap();
        let mended = [&file[..at], b"7", &file[at + 5..]].concat();
        let out = Setup::default().run(&[dumps[0].clone(), ("mended.sql".to_owned(), mended)]).unwrap();
        assert_eq!(out.report.rejections, []);
        assert_eq!(out.only("checkpoint_items")["name"].as_deref(), Some("誠誠"));
    }
}

/// However the rows are quoted: run again as it is, the file is read as its rows were.
#[test]
fn rows_keep_their_quoting() {
    let columns = "(id, volume_id, project_id, status, display_name, size)";
    let off = HEAD.replace("standard_conforming_strings = on", "standard_conforming_strings = off");
    let ascii = HEAD.replace("UTF8", "SQL_ASCII");
    let insert = |values: &str| format!("INSERT INTO backups {columns} VALUES {values};\n\n");
    let cases: [(&str, String, &str); 7] = [
        (HEAD, insert(r"('b', 'v', 'p', 'available', 'a''b\c;)', 'seven')"), r"a'b\c;)"),
        (&off, insert(r"('b', 'v', 'p', 'available', 'a''b\\c\nd', 'seven')"), "a'b\\c\nd"),
        (HEAD, insert(r"('b', 'v', 'p', 'available', E'a\'b\\c\td', 'seven')"), "a'b\\c\td"),
        (
            HEAD,
            insert(
                "('b', 'v', 'p', 'available', 'two\nlines', 'seven'),\n\t('c', 'v', 'p', 'available', 'n', 'seven')",
            ),
            "two\nlines",
        ),
        (
            HEAD,
            format!(
                "COPY backups {columns} WITH OIDS FROM stdin;\n77\tb\tv\tp\tavailable\ta\\\\b\\tc\tseven\n\\.\n\n"
            ),
            "a\\b\tc",
        ),
        (
            HEAD,
            format!(
                "COPY public.backups {columns} FROM stdin;\r\nb\tv\tp\tavailable\tn\tseven\r\n\\.\r\n\r\n"
            ),
            "n",
        ),
        (&ascii, format!("COPY backups {columns} FROM stdin;\nb\tv\tp\tavailable\té\tseven\n\\.\n\n"), "é"),
    ];
    for (head, block, name) in cases {
        let dumps = vec![("cinder.sql".to_owned(), format!("{head}{block}{TAIL}").into_bytes())];
        let first = Setup::aside().run(&dumps).unwrap();
        let found = first.rejected();
        assert!(found.iter().all(|r| r.what == "backups.size" && r.value == "seven"), "{block}: {found:?}");
        let file = String::from_utf8(first.rejects_file()).unwrap();
        let out = Setup::default()
            .run(&[dumps[0].clone(), ("mended.sql".to_owned(), file.replace("seven", "7").into_bytes())])
            .unwrap();
        assert_eq!(out.report.rejections, [], "{file}");
        assert_eq!(out.row("checkpoint_items", "b")["name"].as_deref(), Some(name), "{file}");
    }
}

/// Tables and columns keep the names of their dump, which a file of columns may have told.
#[test]
fn rows_keep_the_names_of_their_dump() {
    let mut setup = Setup::aside();
    setup
        .columns
        .override_with("[backups]\nnames = [\"t_backups\"]\n[backups.columns]\nsize = [\"x_size\"]\n")
        .unwrap();
    let text = format!(
        "{HEAD}COPY t_backups (id, volume_id, project_id, status, x_size) FROM stdin;\nb\tv\tp\tavailable\tseven\n\\.\n\n{TAIL}"
    );
    let dumps = vec![("cinder.sql".to_owned(), text.into_bytes())];
    let file = String::from_utf8(setup.run(&dumps).unwrap().rejects_file()).unwrap();
    let out = setup
        .run(&[dumps[0].clone(), ("mended.sql".to_owned(), file.replace("seven", "7").into_bytes())])
        .unwrap();
    out.check(&[("backups", "1 migrated, 1 replaced")]);
}

/// Rows that differ only in what identifies them are each replaced by their own.
#[test]
fn rows_are_replaced_by_any_of_their_keys() {
    let dumps = dumps_of(
        &[
            policy(Q).with("rentention_num", "three"),
            resource(Q, "v-1"),
            resource(Q, "v-2").with("id", "20"),
            tag(Q, "k-1", "v"),
            relation("1", Q, "t"),
            Source::new("backup_relation_policy", &[("policy_id", Q), ("trigger_id", "t")]),
        ],
        Form::Copy,
    );
    let first = Setup::aside().run(&dumps).unwrap();
    assert_eq!(first.report.rejected, 6);
    let mut again = dumps;
    again.push(("mended.sql".to_owned(), mended(&first.rejects_file())));
    let out = Setup::default().run(&again).unwrap();
    assert_eq!(out.report.rejections, []);
    out.check(&[("policy_resource", "2 migrated, 2 replaced"), ("tag", "1 migrated, 1 replaced")]);
    assert_eq!(out.column("resources", "resource_id"), ["v-1", "v-2"]);
}
