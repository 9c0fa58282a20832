//! Dumps written by the tests: rows of source tables with sensible fields, of which a test changes those it is about.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// A row of a source table: columns and their values; a column that only other rows of the table have is NULL here.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) table: &'static str,
    cells: BTreeMap<String, String>,
}

impl Source {
    pub(crate) fn new(table: &'static str, cells: &[(&str, &str)]) -> Self {
        let cells = cells.iter().map(|(column, value)| ((*column).to_owned(), (*value).to_owned()));
        Self { table, cells: cells.collect() }
    }

    /// The row with another value in a column.
    pub(crate) fn with(mut self, column: &str, value: &str) -> Self {
        self.cells.insert(column.to_owned(), value.to_owned());
        self
    }

    /// The row with other values.
    pub(crate) fn with_all(self, cells: &[(&str, &str)]) -> Self {
        cells.iter().fold(self, |row, (column, value)| row.with(column, value))
    }

    /// Whether the row has this value.
    pub(crate) fn is(&self, column: &str, value: &str) -> bool {
        self.cells.get(column).is_some_and(|found| found == value)
    }

    /// The row with NULL in a column.
    pub(crate) fn without(mut self, column: &str) -> Self {
        self.cells.remove(column);
        self
    }
}

/// What stands before the rows of every dump.
pub(crate) const HEAD: &str = "--\n-- PostgreSQL database dump\n--\n\nSET client_encoding = 'UTF8';\nSET standard_conforming_strings = on;\n\n";

/// What stands after them.
pub(crate) const TAIL: &str = "--\n-- PostgreSQL database dump complete\n--\n";

/// How the rows of a dump are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Copy,
    Insert,
}

/// A dump of these rows: a block for each table, in the order in which the tables first appear.
pub(crate) fn dump(rows: &[&Source], form: Form) -> String {
    let mut tables: Vec<&str> = Vec::new();
    for row in rows {
        if !tables.contains(&row.table) {
            tables.push(row.table);
        }
    }
    let mut text = HEAD.to_owned();
    for table in tables {
        let rows: Vec<_> = rows.iter().filter(|row| row.table == table).collect();
        let mut columns: Vec<&String> = rows.iter().flat_map(|row| row.cells.keys()).collect();
        columns.sort();
        columns.dedup();
        let list = columns.iter().map(|c| c.as_str()).collect::<Vec<_>>().join(", ");
        let lines = rows.iter().map(|row| columns.iter().map(|column| row.cells.get(*column)));
        match form {
            Form::Copy => {
                _ = writeln!(text, "COPY {table} ({list}) FROM stdin;");
                for cells in lines {
                    let fields: Vec<String> =
                        cells.map(|cell| cell.map_or("\\N".into(), |v| copied(v))).collect();
                    text += &fields.join("\t");
                    text.push('\n');
                }
                text += "\\.\n\n";
            }
            Form::Insert => {
                for cells in lines {
                    let literal = |v: &String| format!("'{}'", v.replace('\'', "''"));
                    let fields: Vec<String> = cells.map(|cell| cell.map_or("NULL".into(), literal)).collect();
                    _ = writeln!(text, "INSERT INTO {table} ({list}) VALUES ({});", fields.join(", "));
                }
                text.push('\n');
            }
        }
    }
    text + TAIL
}

/// A value as COPY writes it.
fn copied(value: &str) -> String {
    value.replace('\\', "\\\\").replace('\t', "\\t").replace('\n', "\\n").replace('\r', "\\r")
}

/// The dump that a table belongs in.
pub(crate) fn file_of(table: &str) -> &'static str {
    match table {
        "backups" | "quotas" | "quota_usages" => "cinder.sql",
        "taskmgr_job" => "taskmgr.sql",
        "protection_plan"
        | "protection_object"
        | "protection_policy"
        | "protection_plan_policy_mapping"
        | "schedule_timer"
        | "async_copy_policy"
        | "policy_extra_specs"
        | "backup_target_object"
        | "backup_transaction_item" => "dps.sql",
        _ => "vbs.sql",
    }
}

/// An ON policy that runs every day at 01:00 UTC and keeps 7 copies.
pub(crate) fn policy(id: &str) -> Source {
    Source::new(
        "backup_policy",
        &[
            ("policy_id", id),
            ("created_at", "2018-03-01 10:00:00"),
            ("updated_at", "2018-04-02 11:30:00.5"),
            ("domain_id", "domain-1"),
            ("policy_name", "nightly"),
            ("policy_status", "0"),
            ("tenant_id", "tenant-1"),
            ("back_up_frequency", "1"),
            ("back_up_start_time", "01:00"),
            ("rentention_num", "7"),
        ],
    )
}

pub(crate) fn extend(id: &str, policy: &str) -> Source {
    Source::new("backup_policy_extend", &[("id", id), ("policy_id", policy)])
}

pub(crate) fn trigger(id: &str, cron: &str) -> Source {
    Source::new("backup_trigger", &[("trigger_id", id), ("cron_expression", cron)])
}

pub(crate) fn relation(id: &str, policy: &str, trigger: &str) -> Source {
    Source::new("backup_relation_policy", &[("id", id), ("policy_id", policy), ("trigger_id", trigger)])
}

pub(crate) fn resource(policy: &str, volume: &str) -> Source {
    Source::new("policy_resource", &[("policy_id", policy), ("resource_id", volume)])
}

pub(crate) fn tag(policy: &str, key: &str, value: &str) -> Source {
    Source::new("tag", &[("resource_id", policy), ("tag_key", key), ("tag_value", value)])
}

/// A job record that is over.
pub(crate) fn job(id: &str, policy: &str, volume: &str, name: &str) -> Source {
    Source::new(
        "backup_create_running_job_record",
        &[
            ("job_id", id),
            ("policy_id", policy),
            ("resource_id", volume),
            ("backup_name", name),
            ("current_run_state", "EXECUTE_SUCCESS"),
            ("taskmgr_job_id", "4028abcd"),
        ],
    )
}

pub(crate) fn waiting(id: &str) -> Source {
    Source::new("backup_create_waiting_job_record", &[("job_id", id), ("current_run_state", "WAITING")])
}

/// A finished copy called `manualbk_1` of a volume called `volume-1`.
pub(crate) fn backup(id: &str) -> Source {
    Source::new(
        "backups",
        &[
            ("id", id),
            ("created_at", "2018-05-01 01:00:00"),
            ("updated_at", "2018-05-01 01:20:00"),
            ("deleted", "f"),
            ("volume_id", "volume-1"),
            ("user_id", "user-1"),
            ("project_id", "project-1"),
            ("display_name", "manualbk_1"),
            ("status", "available"),
            ("size", "40"),
        ],
    )
}

pub(crate) fn plan(id: &str) -> Source {
    Source::new(
        "protection_plan",
        &[
            ("id", id),
            ("name", "servers"),
            ("project_id", "project-2"),
            ("user_id", "user-2"),
            ("object_type", "volume"),
            ("created_at", "2018-06-01 08:00:00"),
            ("updated_at", "2018-06-02 09:00:00"),
            ("deleted", "f"),
        ],
    )
}

pub(crate) fn object(id: &str, plan: &str, volume: &str) -> Source {
    Source::new("protection_object", &[("id", id), ("plan_id", plan), ("resource_id", volume)])
}

/// An enabled policy that keeps 5 copies.
pub(crate) fn dps_policy(id: &str, kind: &str) -> Source {
    Source::new(
        "protection_policy",
        &[
            ("id", id),
            ("name", "gold"),
            ("policy_type", kind),
            ("enabled", "t"),
            ("retention_num", "5"),
            ("created_at", "2018-06-03 08:00:00"),
            ("updated_at", "2018-06-04 09:00:00"),
        ],
    )
}

pub(crate) fn mapping(plan: &str, policy: &str) -> Source {
    Source::new("protection_plan_policy_mapping", &[("plan_id", plan), ("policy_id", policy)])
}

/// Every day at 02:00.
pub(crate) fn timer(id: &str, policy: &str) -> Source {
    Source::new(
        "schedule_timer",
        &[
            ("id", id),
            ("policy_id", policy),
            ("frequency_type", "day"),
            ("interval_days", "1"),
            ("start_time", "02:00"),
        ],
    )
}

/// The global cycle: every day at 05:00.
pub(crate) fn cycle(id: &str) -> Source {
    Source::new(
        "async_copy_policy",
        &[
            ("id", id),
            ("frequency_type", "day"),
            ("interval_days", "1"),
            ("start_time", "05:00"),
            ("enabled", "t"),
        ],
    )
}

pub(crate) fn spec(policy: &str, key: &str, value: &str) -> Source {
    Source::new("policy_extra_specs", &[("policy_id", policy), ("spec_key", key), ("spec_value", value)])
}

pub(crate) fn destination(id: &str, policy: &str, name: &str) -> Source {
    Source::new(
        "backup_target_object",
        &[("id", id), ("policy_id", policy), ("target_type", "remote"), ("target_name", name)],
    )
}

/// A finished copy of DPS.
pub(crate) fn item(id: &str) -> Source {
    Source::new(
        "backup_transaction_item",
        &[
            ("id", id),
            ("resource_id", "volume-2"),
            ("project_id", "project-2"),
            ("user_id", "user-2"),
            ("name", "copy-2"),
            ("status", "available"),
            ("created_at", "2018-07-01 02:00:00"),
            ("updated_at", "2018-07-01 02:30:00"),
        ],
    )
}

/// A sound DPS family: a plan, one local policy with a timer, one object.
pub(crate) fn sound_plan(plan_id: &str, policy_id: &str) -> Vec<Source> {
    vec![
        plan(plan_id),
        object(&format!("o-{plan_id}"), plan_id, "volume-2"),
        mapping(plan_id, policy_id),
        dps_policy(policy_id, "local"),
        timer(&format!("t-{policy_id}"), policy_id),
    ]
}
