//! The source tables.

use std::fmt;

/// A table that etl knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    Backups,
    Quotas,
    QuotaUsages,
    BackupPolicy,
    BackupPolicyExtend,
    BackupTrigger,
    BackupRelationPolicy,
    PolicyResource,
    Tag,
    RunningJobRecord,
    WaitingJobRecord,
    TaskmgrJob,
    ProtectionPlan,
    ProtectionObject,
    ProtectionPolicy,
    PlanPolicyMapping,
    ScheduleTimer,
    AsyncCopyPolicy,
    PolicyExtraSpecs,
    BackupTargetObject,
    BackupTransactionItem,
    /// A table that is not known: only a scan of every table gives its rows.
    Other,
}

/// How a table's rows are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// Streamed in the second pass; never held.
    Bulk,
    /// Held in memory for a join.
    Held,
    /// Looked at once, one row at a time.
    Passing,
}

impl Table {
    /// All tables, in the order of the report.
    pub const ALL: [Self; 21] = [
        Self::Backups,
        Self::Quotas,
        Self::QuotaUsages,
        Self::BackupPolicy,
        Self::BackupPolicyExtend,
        Self::BackupTrigger,
        Self::BackupRelationPolicy,
        Self::PolicyResource,
        Self::Tag,
        Self::RunningJobRecord,
        Self::WaitingJobRecord,
        Self::TaskmgrJob,
        Self::ProtectionPlan,
        Self::ProtectionObject,
        Self::ProtectionPolicy,
        Self::PlanPolicyMapping,
        Self::ScheduleTimer,
        Self::AsyncCopyPolicy,
        Self::PolicyExtraSpecs,
        Self::BackupTargetObject,
        Self::BackupTransactionItem,
    ];

    /// The contract's name of the table.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Backups => "backups",
            Self::Quotas => "quotas",
            Self::QuotaUsages => "quota_usages",
            Self::BackupPolicy => "backup_policy",
            Self::BackupPolicyExtend => "backup_policy_extend",
            Self::BackupTrigger => "backup_trigger",
            Self::BackupRelationPolicy => "backup_relation_policy",
            Self::PolicyResource => "policy_resource",
            Self::Tag => "tag",
            Self::RunningJobRecord => "backup_create_running_job_record",
            Self::WaitingJobRecord => "backup_create_waiting_job_record",
            Self::TaskmgrJob => "taskmgr_job",
            Self::ProtectionPlan => "protection_plan",
            Self::ProtectionObject => "protection_object",
            Self::ProtectionPolicy => "protection_policy",
            Self::PlanPolicyMapping => "protection_plan_policy_mapping",
            Self::ScheduleTimer => "schedule_timer",
            Self::AsyncCopyPolicy => "async_copy_policy",
            Self::PolicyExtraSpecs => "policy_extra_specs",
            Self::BackupTargetObject => "backup_target_object",
            Self::BackupTransactionItem => "backup_transaction_item",
            Self::Other => "other",
        }
    }

    /// How the table's rows are read.
    #[must_use]
    pub fn reading(self) -> Reading {
        match self {
            Self::Backups | Self::BackupTransactionItem => Reading::Bulk,
            Self::Quotas | Self::QuotaUsages | Self::WaitingJobRecord | Self::TaskmgrJob | Self::Other => {
                Reading::Passing
            }
            _ => Reading::Held,
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
