//! Tables and columns under other names: the other names that are built in, those of a file, and none at all.

use crate::dumps::*;
use crate::harness::{Dump, Outcome, Setup, convert, dumps_of};
use parsers::columns::ColumnMap;

const P: &str = "11111111-1111-4111-8111-111111111111";

/// Rows that use every column of the small tables that means something, with values that show which one it was.
fn rows() -> Vec<Source> {
    let mut rows = vec![
        policy(P),
        extend("e", P).with_all(&[
            ("operation_type", "replication"),
            ("destination_region_id", "north"),
            ("rentention_day", "9"),
            ("enabled", "f"),
        ]),
        trigger("t", "0 0 3 ? * TUE").with("time_zone", "UTC+01:00"),
        relation("7", P, "t").with("policy_extend_id", "e"),
        resource(P, "v").with("availability_zone", "az1"),
        tag(P, "key", "value"),
        job("j", P, "volume-1", "manualbk_1"),
        backup("b"),
        cycle("1").with_all(&[("time_zone", "UTC+02:00"), ("week_days", "WED"), ("frequency_type", "week")]),
        spec("pol", "k", "v"),
        destination("4", "pol", "south").with("target_id", "id-4"),
        item("i").with_all(&[
            ("plan_id", "plan-1"),
            ("transaction_id", "tx"),
            ("backup_id", "b-4"),
            ("snapshot_id", "snap"),
            ("description", "words"),
            ("backup_type", "incremental"),
            ("size", "8"),
            ("backup_size", "9"),
            ("average_speed", "1.5"),
            ("space_saving_ratio", "2.5"),
            ("is_copy", "t"),
            ("bootable", "t"),
            ("availability_zone", "az2"),
            ("started_at", "2018-07-01 01:00:00"),
            ("fail_reason", "none"),
        ]),
    ];
    let mut family = sound_plan("plan-1", "pol");
    family[1] = family[1].clone().with_all(&[
        ("resource_type", "volume"),
        ("availability_zone", "az2"),
        ("created_at", "2018-06-07 00:00:00"),
    ]);
    family[3] = dps_policy("pol", "local_and_remote").with("retention_day", "30").without("retention_num");
    family[4] = timer("t-pol", "pol").with_all(&[("time_zone", "UTC-03:00"), ("interval_days", "2")]);
    rows.extend(family);
    rows
}

/// The dumps with columns renamed, in the lists of columns only.
fn renamed(dumps: &[Dump], table: &str, names: &[(String, String)], new_table: &str) -> Vec<Dump> {
    let rename = |line: &str| {
        let Some(rest) = line.strip_prefix(&format!("COPY {table} (")) else { return line.to_owned() };
        let (list, rest) = rest.split_once(')').unwrap();
        let new = |column: &str| {
            let found = names.iter().find(|(old, _)| old == column);
            found.map_or(column.to_owned(), |(_, new)| new.clone())
        };
        let list: Vec<String> = list.split(", ").map(new).collect();
        format!("COPY {new_table} ({}){rest}", list.join(", "))
    };
    dumps
        .iter()
        .map(|(name, bytes)| {
            let lines = std::str::from_utf8(bytes).unwrap().lines();
            (name.clone(), lines.map(|line| rename(line) + "\n").collect::<String>().into_bytes())
        })
        .collect()
}

/// The columns of a table in the dumps, and the map that calls each `x_` and its name, the table `t_` and its name.
fn map_of(table: &str) -> (Vec<(String, String)>, ColumnMap) {
    let mut columns: Vec<String> = Vec::new();
    for (_, bytes) in dumps_of(&rows(), Form::Copy) {
        for line in std::str::from_utf8(&bytes).unwrap().lines() {
            if let Some(rest) = line.strip_prefix(&format!("COPY {table} (")) {
                columns.extend(rest.split_once(')').unwrap().0.split(", ").map(str::to_owned));
            }
        }
    }
    // `deleted` is honoured under its own name in every table, in the map or not.
    columns.retain(|column| column != "deleted");
    let names: Vec<_> = columns.iter().map(|column| (column.clone(), format!("x_{column}"))).collect();
    let lines: String = names.iter().map(|(old, new)| format!("{old} = [\"{new}\"]\n")).collect();
    let mut map = crate::harness::map();
    map.override_with(&format!("[{table}]\nnames = [\"t_{table}\"]\n[{table}.columns]\n{lines}")).unwrap();
    (names, map)
}

fn run(setup: &Setup, dumps: &[Dump]) -> Outcome {
    setup.run(dumps).unwrap_or_else(|error| panic!("{error}"))
}

/// Every table's columns can be renamed by a file, the DPS ones, which nobody knows for certain, above all.
#[test]
fn every_column_can_have_another_name() {
    let dumps = dumps_of(&rows(), Form::Copy);
    let plain = run(&Setup::default(), &dumps);
    assert_eq!(plain.report.rejections, []);
    assert_eq!(plain.report.sources.len(), 17);
    let tables = plain.report.sources.iter().map(|(table, _)| *table);
    for table in tables {
        let (names, columns) = map_of(table);
        assert!(names.len() > 1, "{table}: {names:?}");
        let dumps = renamed(&dumps, table, &names, &format!("t_{table}"));
        let out = run(&Setup { columns, ..Setup::default() }, &dumps);
        assert_eq!(out.landed.rows, plain.landed.rows, "{table}");
        assert_eq!(out.report.sources, plain.report.sources, "{table}");
        // Without the file the table is one that nobody knows.
        let blind = Setup::default().run(&dumps);
        assert!(blind.is_err() || blind.unwrap().report.sources.len() < 17, "{table}");
    }
}

/// The rows above really use their columns: with a column gone, something is different.
#[test]
fn every_column_of_dps_matters() {
    let plain = convert(&rows());
    for (table, columns) in [
        ("protection_plan", &["name", "user_id", "created_at", "updated_at"][..]),
        ("protection_object", &["availability_zone", "created_at"]),
        ("protection_policy", &["name", "retention_day", "created_at", "updated_at"]),
        ("schedule_timer", &["interval_days", "start_time", "time_zone"]),
        ("async_copy_policy", &["week_days", "start_time", "time_zone", "frequency_type"]),
        ("policy_extra_specs", &["spec_value"]),
        ("backup_target_object", &["target_type", "target_name", "target_id"]),
        (
            "backup_transaction_item",
            &[
                "plan_id",
                "transaction_id",
                "backup_id",
                "snapshot_id",
                "description",
                "backup_type",
                "size",
                "backup_size",
                "average_speed",
                "space_saving_ratio",
                "is_copy",
                "bootable",
                "availability_zone",
                "started_at",
                "fail_reason",
                "user_id",
                "name",
                "created_at",
                "updated_at",
            ],
        ),
        ("backup_policy_extend", &["operation_type", "destination_region_id", "rentention_day", "enabled"]),
        ("backup_trigger", &["cron_expression", "time_zone"]),
        ("policy_resource", &["availability_zone"]),
    ] {
        for column in columns {
            let less = |row: Source| if row.table == table { row.without(column) } else { row };
            let out = convert(&rows().into_iter().map(less).collect::<Vec<_>>());
            assert_ne!(out.landed.rows, plain.landed.rows, "{table}.{column}");
        }
    }
}

#[test]
fn the_other_names_that_are_built_in_are_known() {
    let dumps = dumps_of(&rows(), Form::Copy);
    let plain = run(&Setup::default(), &dumps);
    for (table, column, other) in [
        ("backup_trigger", "trigger_id", "id"),
        ("backup_trigger", "cron_expression", "cron"),
        ("backup_trigger", "cron_expression", "cron_exp"),
        ("backup_trigger", "time_zone", "timezone"),
        ("backup_relation_policy", "policy_extend_id", "extend_id"),
        ("tag", "resource_id", "policy_id"),
        ("tag", "tag_key", "key"),
        ("tag", "tag_value", "value"),
        ("policy_extra_specs", "spec_key", "key"),
        ("policy_extra_specs", "spec_value", "value"),
    ] {
        let dumps = renamed(&dumps, table, &[(column.to_owned(), other.to_owned())], table);
        let out = run(&Setup::default(), &dumps);
        assert_eq!(out.landed.rows, plain.landed.rows, "{table}.{column} as {other}");
    }
}

/// SQL folds what is not quoted to lower case.
#[test]
fn names_are_folded_as_sql_folds_them() {
    let block = |head: &str| format!("{HEAD}{head}b\tv\tp\tavailable\n\\.\n\n{TAIL}");
    for head in [
        "COPY BACKUPS (ID, Volume_Id, PROJECT_ID, STATUS) FROM stdin;\n",
        "COPY \"backups\" (\"id\", \"volume_id\", project_id, status) FROM stdin;\n",
        "COPY public.backups (id, volume_id, project_id, status) FROM stdin;\n",
        "copy Public.Backups (id, volume_id, project_id, status) from STDIN;\n",
    ] {
        let out = run(&Setup::default(), &[("a".to_owned(), block(head).into_bytes())]);
        out.check(&[("backups", "1 migrated")]);
    }
    // What is quoted is not folded: these are no columns of ours.
    let quoted = "COPY backups (\"ID\", volume_id, project_id, status) FROM stdin;\n";
    let error =
        Setup::default().run(&[("a".to_owned(), block(quoted).into_bytes())]).unwrap_err().to_string();
    assert!(error.contains("a:8") && error.contains("no column id"), "{error}");
}

#[test]
fn an_insert_without_a_list_takes_the_columns_of_its_create_table() {
    let text = format!(
        "{HEAD}CREATE TABLE backups (\n    status character varying(255),\n    id character varying(36) NOT NULL,\n    \
         volume_id character varying(36),\n    project_id character varying(255)\n);\n\n\
         INSERT INTO backups VALUES ('error', 'b', 'v', 'p');\nINSERT INTO backups VALUES ('available', 'c', 'v', NULL);\n{TAIL}"
    );
    let out = run(&Setup::aside(), &[("cinder.sql".to_owned(), text.into_bytes())]);
    assert_eq!(out.column("checkpoint_items", "id"), ["b"]);
    assert_eq!(out.column("checkpoint_items", "status"), ["error"]);
    assert_eq!(out.rejected()[0].at, "cinder.sql:16");
}
