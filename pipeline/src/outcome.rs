//! What became of every row: the four outcomes of the contract, counted by table and reason, and the report made of them.

mod copies;
mod schedules;

pub use copies::{
    CopyFigures, CopyReport, Counted, MonthCount, ServiceCount, StatusCount, TENANTS_NAMED, TenantCount,
};
pub use schedules::{DRIFTING_LISTED, Drifting, ScheduleReport};

use crate::load::Service;
use parsers::position::Place;
use parsers::row::{FieldError, RowFault, shortened};
use parsers::table::Table;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;

/// Why a row is not migrated although nothing is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Skip {
    /// A cinder backup of a driver that is not VBS's.
    OtherService,
    /// A cinder backup that is migrated as the DPS copy it also is.
    CopyOfDps,
    /// Deleted at the source.
    SoftDeleted,
    /// Quotas are recounted by Karbor.
    Quota,
    /// Jobs that are over.
    JobHistory,
    /// Plans of consistency groups, with all that is theirs.
    ConsistencyGroup,
    /// A DPS policy without a timer.
    ManualPolicy,
    /// A DPS plan none of whose policies has a timer.
    PlanWithoutSchedule,
    /// A row whose policy or plan is not there or was itself skipped; a trigger that nobody uses.
    Orphan,
    /// A row that a file of set-aside rows replaces.
    Replaced,
}

/// Why a row waits for a later run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Defer {
    /// A copy that is being made, restored or deleted.
    Unsteady,
    /// A job that is not over.
    UnfinishedJob,
}

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

impl fmt::Display for Defer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// Why a row that the target holds is left as it is, or one that it does not hold is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kept {
    /// Karbor changed it after the source did.
    Changed,
    /// It is newer in the target, where the dumps seem older than what was imported: Karbor changed it, or newer dumps did.
    Newer,
    /// Karbor deleted it, or what it depends on.
    Deleted,
    /// Karbor removed it: an operation whose trigger is there, or whose plan was deleted.
    Removed,
    /// It does not carry our tag: somebody edited it, or it is Karbor's own.
    NotOurs,
    /// It was imported from the other system.
    OtherSystem,
    /// A copy that is finished in Karbor and unfinished in the dumps.
    Steady,
    /// An operation of a plan that is there already, while the dumps lack a source table of its plan's operations.
    SourceMissing,
}

impl Kept {
    /// All reasons.
    pub const ALL: [Self; 8] = [
        Self::Changed,
        Self::Newer,
        Self::Deleted,
        Self::Removed,
        Self::NotOurs,
        Self::OtherSystem,
        Self::Steady,
        Self::SourceMissing,
    ];

    /// The reason in a word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Changed => "changed-in-karbor",
            Self::Newer => "newer-in-target",
            Self::Deleted => "deleted-in-karbor",
            Self::Removed => "removed-in-karbor",
            Self::NotOurs => "edited-or-karbors-own",
            Self::OtherSystem => "of-the-other-system",
            Self::Steady => "finished-in-karbor",
            Self::SourceMissing => "source-table-missing",
        }
    }
}

impl Serialize for Kept {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
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
        f.write_str(": ")?;
        if let Some(value) = &self.value {
            write!(f, "{value:?} ")?;
        }
        f.write_str(&self.reason)?;
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
