//! What the dumps of one run contain, as far as it decides what they can be compared with: what a run cannot know, it neither
//! overwrites nor misses.

use crate::extract::sources::Sources;
use crate::karbor::{Source, WRITTEN};
use crate::transform::ledger::Tallies;
use parsers::table::Table;
use std::collections::BTreeSet;

/// Something that rows of the target say and that comes from source tables of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fact {
    /// Which plan made a copy, and so whether it was made automatically.
    PlanOfCopy,
    /// The tags of a plan.
    Tags,
    /// When an operation runs.
    Schedule,
    /// Which operations a plan has.
    Operations,
    /// Where an operation's copies go, and its extra specs.
    Definition,
}

/// The source tables of one run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scope {
    present: BTreeSet<Table>,
    filled: BTreeSet<Table>,
    /// Whether rows of the policy side were rejected.
    rejected: bool,
}

impl Scope {
    /// What pass one found. A file of set-aside rows holds no whole table.
    pub(crate) fn of(sources: &Sources) -> Self {
        let whole = sources.blocks.iter().filter(|block| !sources.replaced.is_file(block.dump));
        let scope = Self::new(whole.map(|block| block.table), &sources.tallies);
        Self { rejected: sources.rejections.rows > 0, ..scope }
    }

    fn new(present: impl IntoIterator<Item = Table>, tallies: &Tallies) -> Self {
        let filled = tallies.iter().filter(|(_, tally)| tally.read > 0).map(|(table, _)| *table);
        Self { present: present.into_iter().collect(), filled: filled.collect(), rejected: false }
    }

    fn has(&self, tables: &[Table]) -> bool {
        tables.iter().all(|table| self.present.contains(table))
    }

    fn has_rows(&self, tables: &[Table]) -> bool {
        self.has(tables) && tables.iter().all(|table| self.filled.contains(table))
    }

    /// Whether a policy's operations in the target can only be those that the dumps give: extend rows, which a policy need not have,
    /// were dumped.
    pub(crate) fn has_extends(&self, source: Source) -> bool {
        source == Source::Dps || self.has_rows(&[Table::BackupPolicyExtend])
    }

    /// The sources whose rows of a target table, by its place in [`WRITTEN`], the dumps hold.
    pub(crate) fn compared(&self, table: usize) -> impl Iterator<Item = Source> {
        SOURCES.into_iter().filter(move |source| self.has(deciding(table, *source)))
    }

    /// Whether what the dumps say of `fact` is all there is to say.
    pub(crate) fn knows(&self, fact: Fact, source: Source) -> bool {
        match (fact, source) {
            // A table without rows may have been dumped without rights; and a policy that is set aside is still there.
            (Fact::PlanOfCopy, Source::Vbs) => {
                !self.rejected && self.has_rows(&[Table::BackupPolicy, Table::RunningJobRecord])
            }
            (Fact::PlanOfCopy, Source::Dps) => !self.rejected && self.has_rows(DPS_PLANS),
            (Fact::Tags, Source::Vbs) => self.has_rows(&[Table::Tag]),
            // Policies without extend rows say themselves when they run.
            (Fact::Schedule, Source::Vbs) => {
                !self.filled.contains(&Table::BackupPolicyExtend) || self.has(VBS_TRIGGERS)
            }
            (Fact::Operations, Source::Vbs) => {
                self.has(&[Table::BackupPolicyExtend]) && self.has(VBS_TRIGGERS)
            }
            (Fact::Schedule | Fact::Operations, Source::Dps) => self.has(&[Table::AsyncCopyPolicy]),
            (Fact::Definition, Source::Dps) => {
                self.has(&[Table::PolicyExtraSpecs, Table::BackupTargetObject])
            }
            (Fact::Definition, Source::Vbs) | (Fact::Tags, Source::Dps) => true,
        }
    }

    /// Whether a row of the target that the dumps do not hold is one that the source has no longer.
    pub(crate) fn judges_absence(&self, table: usize, source: Source) -> bool {
        let operations = matches!(WRITTEN.get(table), Some(table) if table.name == "scheduled_operations");
        self.has(deciding(table, source)) && (!operations || self.knows(Fact::Operations, source))
    }

    /// Source tables without which no row of a target table may be removed: those that are missing, and those that decide
    /// which rows there are and have none at all.
    pub(crate) fn lacking(&self, table: usize, source: Source) -> (Vec<Table>, Vec<Table>) {
        let missing = feeding(table, source).iter().filter(|table| !self.present.contains(table));
        let empty = deciding(table, source).iter();
        let empty = empty.filter(|table| self.present.contains(table) && !self.filled.contains(table));
        (missing.copied().collect(), empty.copied().collect())
    }
}

/// The sources that rows can come from.
pub(crate) const SOURCES: [Source; 2] = [Source::Vbs, Source::Dps];

const VBS_TRIGGERS: &[Table] = &[Table::BackupTrigger, Table::BackupRelationPolicy];

/// A DPS plan without a scheduled policy is none.
const DPS_PLANS: &[Table] =
    &[Table::ProtectionPlan, Table::PlanPolicyMapping, Table::ProtectionPolicy, Table::ScheduleTimer];

/// The source tables that decide which rows of a target table there are.
fn deciding(table: usize, source: Source) -> &'static [Table] {
    match (WRITTEN.get(table).map_or("", |table| table.name), source) {
        ("checkpoint_items", Source::Vbs) => &[Table::Backups],
        ("checkpoint_items", Source::Dps) => &[Table::BackupTransactionItem],
        ("resources", Source::Vbs) => &[Table::BackupPolicy, Table::PolicyResource],
        ("resources", Source::Dps) => &[
            Table::ProtectionPlan,
            Table::PlanPolicyMapping,
            Table::ProtectionPolicy,
            Table::ScheduleTimer,
            Table::ProtectionObject,
        ],
        (_, Source::Vbs) => &[Table::BackupPolicy],
        (_, Source::Dps) => DPS_PLANS,
    }
}

/// All source tables that feed a target table, its parents or its children.
fn feeding(table: usize, source: Source) -> &'static [Table] {
    match (WRITTEN.get(table).map_or("", |table| table.name), source) {
        ("checkpoint_items", Source::Vbs) => &[Table::Backups],
        ("checkpoint_items", Source::Dps) => &[Table::BackupTransactionItem, Table::ProtectionPlan],
        (_, Source::Vbs) => &[
            Table::BackupPolicy,
            Table::PolicyResource,
            Table::BackupPolicyExtend,
            Table::BackupTrigger,
            Table::BackupRelationPolicy,
            Table::Tag,
        ],
        (_, Source::Dps) => &[
            Table::ProtectionPlan,
            Table::ProtectionObject,
            Table::ProtectionPolicy,
            Table::PlanPolicyMapping,
            Table::ScheduleTimer,
            Table::AsyncCopyPolicy,
            Table::PolicyExtraSpecs,
            Table::BackupTargetObject,
        ],
    }
}
