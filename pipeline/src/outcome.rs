//! What became of every row: the four outcomes of the contract, counted by table and reason, and the report made of them.

mod copies;
mod schedules;
pub(crate) mod words;

pub use copies::{
    CopyFigures, CopyReport, Counted, MonthCount, ServiceCount, StatusCount, TENANTS_NAMED, TenantCount,
};
pub use schedules::{Drifting, ScheduleReport};

use crate::load::Service;
use crate::outcome::words::words;
use parsers::position::Place;
use parsers::row::{FieldError, RowFault, shortened};
use parsers::table::Table;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;

words! {
    /// Why a row is not migrated although nothing is wrong with it.
    Skip[10] {
        OtherService = "other-service": "a copy of cinder that another driver made than VBS's (setting backup_services)",
        CopyOfDps = "copy-of-dps": "a copy of cinder that DPS knows, too: it is migrated as the copy of DPS",
        SoftDeleted = "soft-deleted": "deleted in its system",
        Quota = "quota": "quotas are not carried over: Karbor counts anew",
        JobHistory = "job-history": "a job that is over",
        ConsistencyGroup = "consistency-group": "of a DPS plan for a consistency group",
        ManualPolicy = "manual-policy": "a DPS policy without a timer: it never starts by itself",
        PlanWithoutSchedule = "plan-without-schedule": "a DPS plan none of whose policies has a timer",
        Orphan = "orphan": "its policy or plan is missing or was skipped, or a trigger that no policy uses",
        Replaced = "replaced": "a row that was set aside, and that a file of mended rows replaces",
    }
}

words! {
    /// Why a row is left to a later run.
    Defer[2] {
        Unsteady = "unsteady": "a copy that is being made, restored or deleted",
        UnfinishedJob = "unfinished-job": "a job that is not over",
    }
}

words! {
    /// Why a row that the target holds is left as it is, or one that it does not hold is left out.
    Kept[8] {
        Changed = "changed-in-karbor": "Karbor changed it after the source did",
        Newer = "newer-in-target": "it is newer in the target, and the dumps seem older than the import: Karbor or newer dumps changed it",
        Deleted = "deleted-in-karbor": "Karbor deleted it, or what it depends on",
        Removed = "removed-in-karbor": "Karbor removed it: an operation whose trigger is there, or whose plan was deleted",
        NotOurs = "edited-or-karbors-own": "it does not have the tag of imported rows: somebody edited it, or it is Karbor's own",
        OtherSystem = "of-the-other-system": "it was imported from the other system",
        Steady = "finished-in-karbor": "a copy that is finished in Karbor and unfinished in the dumps",
        SourceMissing = "source-table-missing": "an operation of a plan that is there, while the dumps lack a table that its operations come from",
    }
}

/// What became of one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Became, or joined into, a Karbor row.
    Migrated,
    /// Not migrated, by a rule.
    Skipped(Skip),
    /// A later run takes it.
    Deferred(Defer),
    /// Breaks a rule.
    Rejected,
}

/// The outcomes of one table's rows.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize)]
pub struct Tally {
    /// Rows, counted where the scanner cut them.
    pub read: u64,
    /// Became, or joined into, a Karbor row.
    pub migrated: u64,
    /// Those of them that were carried although they are still being made.
    pub carried: u64,
    /// By rule.
    pub skipped: BTreeMap<Skip, u64>,
    /// By reason.
    pub deferred: BTreeMap<Defer, u64>,
    /// Broke a rule.
    pub rejected: u64,
}

impl Tally {
    /// Counts one row's outcome.
    pub fn count(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Migrated => self.migrated += 1,
            Outcome::Skipped(rule) => *self.skipped.entry(rule).or_default() += 1,
            Outcome::Deferred(reason) => *self.deferred.entry(reason).or_default() += 1,
            Outcome::Rejected => self.rejected += 1,
        }
    }

    /// Adds what another tally counted.
    pub fn add(&mut self, other: &Self) {
        self.read += other.read;
        self.migrated += other.migrated;
        self.carried += other.carried;
        self.rejected += other.rejected;
        for (rule, n) in &other.skipped {
            *self.skipped.entry(*rule).or_default() += n;
        }
        for (reason, n) in &other.deferred {
            *self.deferred.entry(*reason).or_default() += n;
        }
    }

    /// Rows skipped by any rule.
    #[must_use]
    pub fn all_skipped(&self) -> u64 {
        self.skipped.values().sum()
    }

    /// Rows deferred for any reason.
    #[must_use]
    pub fn all_deferred(&self) -> u64 {
        self.deferred.values().sum()
    }

    /// Whether every row read has an outcome.
    #[must_use]
    pub fn balances(&self) -> bool {
        self.read == self.migrated + self.all_skipped() + self.all_deferred() + self.rejected
    }
}

/// A row that breaks a rule: where it stands, what is wrong, what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rejection {
    /// The dump as the user named it.
    pub dump: String,
    /// The line, from 1.
    pub line: u64,
    /// The byte, from 0.
    pub byte: u64,
    /// The table.
    pub table: &'static str,
    /// The column, where one is at fault.
    pub column: Option<&'static str>,
    /// Its value, shortened.
    pub value: Option<String>,
    /// The rule it breaks.
    pub reason: String,
    /// Further rows that are rejected with it because they belong together.
    pub with: u64,
}

impl Rejection {
    /// How many rows these rejections tell of: those that are named, and those that fall with them.
    #[must_use]
    pub fn rows(listed: &[Self]) -> u64 {
        listed.iter().map(|rejection| rejection.with.saturating_add(1)).sum()
    }

    /// The value and the rule that it breaks.
    #[must_use]
    pub fn broken_rule(&self) -> String {
        match &self.value {
            Some(value) => format!("{value:?} {}", self.reason),
            None => self.reason.clone(),
        }
    }

    /// A rejection because of one value.
    #[must_use]
    pub fn of_field(at: Place, table: Table, fault: &FieldError) -> Self {
        Self {
            dump: at.dump,
            line: at.position.line,
            byte: at.position.byte,
            table: table.name(),
            column: Some(fault.column),
            value: fault.value.as_deref().map(shortened),
            reason: fault.reason.to_string(),
            with: 0,
        }
    }

    /// A rejection of a row that could not be cut into fields.
    #[must_use]
    pub fn of_row(at: Place, table: Table, fault: &RowFault) -> Self {
        Self {
            dump: at.dump,
            line: at.position.line,
            byte: at.position.byte,
            table: table.name(),
            column: None,
            value: None,
            reason: format!("the row {fault}"),
            with: 0,
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.dump, self.line, self.table)?;
        if let Some(column) = self.column {
            write!(f, ".{column}")?;
        }
        write!(f, ": {}", self.broken_rule())?;
        match self.with {
            0 => Ok(()),
            1 => f.write_str(" (with 1 further row that belongs to it)"),
            n => write!(f, " (with {n} further rows that belong to it)"),
        }
    }
}

/// How many rejections are kept to be listed; all are counted.
pub const REJECTIONS_LISTED: usize = 100;

/// How many rows of each target table are listed that are not as the dumps have them; all are counted.
pub const TARGET_ROWS_LISTED: usize = 20;

/// The file with a line for each source row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OutcomesWritten {
    /// Where it is.
    pub file: String,
    /// Its lines, one for each source row that was read.
    pub rows: u64,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// Everything was written.
    Committed,
    /// Everything was converted (and, if asked, loaded and rolled back): nothing was written.
    #[default]
    Checked,
    /// Rows were rejected: nothing was written.
    Refused,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// One dump as it was read.
#[derive(Clone, Debug, Default, Serialize)]
pub struct DumpReport {
    /// The name as typed.
    pub name: String,
    /// Bytes of text, decompressed.
    pub bytes: u64,
    /// Whether it is a file of set-aside rows.
    pub rejects: bool,
    /// Progress reports of gs_dump that stand in it, passed over.
    #[serde(skip_serializing_if = "is_zero")]
    pub progress_reports: u64,
    /// Rows of tables that are not migrated, by table.
    pub other_tables: BTreeMap<String, u64>,
    /// Columns that are not known, by table.
    pub unknown_columns: BTreeMap<String, Vec<String>>,
}

/// What became of the rows of one target table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TargetTally {
    /// The table's name in the target.
    pub table: String,
    /// Rows that the target had not.
    pub inserted: u64,
    /// Rows that the target had in an older state.
    pub updated: u64,
    /// Rows that the target had as they are.
    pub unchanged: u64,
    /// Rows that were left alone, or out, by reason.
    pub kept: BTreeMap<Kept, u64>,
    /// Imported rows of the target that the dumps no longer have.
    pub lost: u64,
    /// Those of them that show that Karbor changed them since, or that are newer than all rows of the dumps.
    pub lost_changed: u64,
    /// Those of them that were removed, with what hung on them.
    pub pruned: u64,
}

impl TargetTally {
    /// Rows that the dumps gave for the table.
    #[must_use]
    pub fn converted(&self) -> u64 {
        self.written() + self.unchanged + self.all_kept()
    }

    /// Rows inserted and updated.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.inserted + self.updated
    }

    /// Rows left alone for any reason.
    #[must_use]
    pub fn all_kept(&self) -> u64 {
        self.kept.values().sum()
    }
}

/// A row of the target that is not as the dumps have it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TargetRow {
    /// The table's name in the target.
    pub table: String,
    /// The values of its key.
    pub key: Vec<String>,
    /// Why it was left alone; `None` where the dumps no longer have it.
    pub reason: Option<&'static str>,
    /// What shows that Karbor changed a row since that the dumps no longer have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed: Option<String>,
}

impl fmt::Display for TargetRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.table, self.key.join(" "))?;
        match self.reason.or(self.changed.as_deref()) {
            Some(why) => write!(f, ": {why}"),
            None => Ok(()),
        }
    }
}

/// How many policies a time zone was used by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ZoneUse {
    /// The zone as it was said.
    pub zone: String,
    /// Who said so.
    pub origin: crate::settings::ZoneOrigin,
    /// Policies.
    pub policies: u64,
}

/// What a run did.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// How it ended.
    pub ending: Ending,
    /// The target, without secrets; `None` where no target was named.
    pub target: Option<String>,
    /// The dumps.
    pub dumps: Vec<DumpReport>,
    /// What is not migrated because no dump contains a table, each with the tables.
    pub losses: Vec<String>,
    /// Outcomes by source table, tables with rows only.
    pub sources: Vec<(&'static str, Tally)>,
    /// Rows by target table.
    pub tables: Vec<TargetTally>,
    /// Whether the target held rows that the dumps' rows were compared with.
    pub compared: bool,
    /// The first rows of the target that were left alone, and of those that the dumps no longer have.
    pub target_rows: Vec<TargetRow>,
    /// The engine that runs imported operations, where the target has been asked.
    pub service: Option<Service>,
    /// Time zones of the schedules.
    pub zones: Vec<ZoneUse>,
    /// Policies that are ON, and those that are OFF, under the value in force.
    pub policies_on_off: (u64, u64),
    /// Policies that run every N days, N above 1, written as an interval that does not restart each month.
    pub drifting_policies: u64,
    /// Policies whose operations have no usable trust, so that Karbor does not run them.
    pub policies_without_trust: u64,
    /// What became of the schedules, where a time was given to look at.
    pub schedules: Option<ScheduleReport>,
    /// What the copies are like.
    pub copies: CopyReport,
    /// The first rejections.
    pub rejections: Vec<Rejection>,
    /// All rejected rows.
    pub rejected: u64,
    /// What the operator should know.
    pub warnings: Vec<String>,
    /// Where rejected rows were set aside.
    pub rejects_file: Option<String>,
    /// The file with a line for each source row.
    pub outcomes_file: Option<OutcomesWritten>,
    /// Seconds of each stage, in order.
    pub stages: Vec<(&'static str, f64)>,
}

impl Report {
    /// Rows deferred, over all tables.
    #[must_use]
    pub fn deferred(&self) -> u64 {
        self.sources.iter().map(|(_, tally)| tally.all_deferred()).sum()
    }

    /// Copies that were carried although they are still being made.
    #[must_use]
    pub fn carried(&self) -> u64 {
        self.sources.iter().map(|(_, tally)| tally.carried).sum()
    }

    /// Rows written, over all target tables.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.tables.iter().map(TargetTally::written).sum()
    }

    /// Rows removed, over all target tables.
    #[must_use]
    pub fn pruned(&self) -> u64 {
        self.tables.iter().map(|table| table.pruned).sum()
    }

    /// Rows written or removed, over all target tables.
    #[must_use]
    pub fn changed(&self) -> u64 {
        self.written() + self.pruned()
    }

    /// Rows left alone for any reason, over all target tables.
    #[must_use]
    pub fn all_kept(&self) -> u64 {
        self.tables.iter().map(TargetTally::all_kept).sum()
    }
}
