//! Tables of the database `autobackup`: policies and all that belongs to them.
//!
//! The columns spell "retention" as `rentention`.
use super::{Model, Reading, Texts, Times, TimesColumns, present};
use crate::columns::Binding;
use crate::json;
use crate::row::Column;

/// `backup_policy`: one policy of a tenant.
#[derive(Clone, Debug)]
pub struct Policy {
    texts: Texts<8>,
    /// back_up_frequency.
    pub frequency: Option<i64>,
    /// rentention_num.
    pub retention_num: Option<i64>,
    /// rentention_day.
    pub retention_days: Option<i64>,
    /// remain_first_backup_of_cur_month.
    pub keep_first: Option<bool>,
    /// created_at and updated_at.
    pub times: Times,
}

/// The columns of [`Policy`].
#[derive(Clone, Debug)]
pub struct PolicyColumns {
    policy_id: Column,
    policy_name: Column,
    tenant_id: Column,
    policy_status: Column,
    domain_id: Column,
    back_up_start_time: Column,
    week_frequency: Column,
    back_up_frequency: Column,
    rentention_num: Column,
    rentention_day: Column,
    remain_first_backup_of_cur_month: Column,
    extra_info: Column,
    times: TimesColumns,
}

impl Model for Policy {
    type Columns = PolicyColumns;

    fn bind(binding: &Binding<'_>) -> PolicyColumns {
        PolicyColumns {
            policy_id: binding.column("policy_id"),
            policy_name: binding.column("policy_name"),
            tenant_id: binding.column("tenant_id"),
            policy_status: binding.column("policy_status"),
            domain_id: binding.column("domain_id"),
            back_up_start_time: binding.column("back_up_start_time"),
            week_frequency: binding.column("week_frequency"),
            back_up_frequency: binding.column("back_up_frequency"),
            rentention_num: binding.column("rentention_num"),
            rentention_day: binding.column("rentention_day"),
            remain_first_backup_of_cur_month: binding.column("remain_first_backup_of_cur_month"),
            extra_info: binding.column("extra_info"),
            times: TimesColumns::bind(binding),
        }
    }

    fn read(columns: &PolicyColumns, row: &mut Reading<'_, '_>) -> Self {
        let zone = zone(row.text(&columns.extra_info));
        Self {
            texts: Texts::new([
                row.required(&columns.policy_id),
                row.required(&columns.policy_name),
                row.required(&columns.tenant_id),
                row.required(&columns.policy_status),
                row.text(&columns.domain_id),
                row.text(&columns.back_up_start_time),
                row.text(&columns.week_frequency),
                &zone,
            ]),
            frequency: row.integer(&columns.back_up_frequency),
            retention_num: row.integer(&columns.rentention_num),
            retention_days: row.integer(&columns.rentention_day),
            keep_first: row.boolean(&columns.remain_first_backup_of_cur_month),
            times: columns.times.read(row),
        }
    }
}

impl Policy {
    /// policy_id.
    #[must_use]
    pub fn id(&self) -> &str {
        self.texts.get(0)
    }

    /// policy_name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.texts.get(1)
    }

    /// tenant_id.
    #[must_use]
    pub fn tenant(&self) -> &str {
        self.texts.get(2)
    }

    /// policy_status.
    #[must_use]
    pub fn status(&self) -> &str {
        self.texts.get(3)
    }

    /// domain_id.
    #[must_use]
    pub fn domain(&self) -> Option<&str> {
        present(self.texts.get(4))
    }

    /// back_up_start_time.
    #[must_use]
    pub fn start_times(&self) -> Option<&str> {
        present(self.texts.get(5))
    }

    /// week_frequency.
    #[must_use]
    pub fn weekdays(&self) -> Option<&str> {
        present(self.texts.get(6))
    }

    /// The time zone in extra_info, under `time_zone`, `timezone` or `timeZone`.
    #[must_use]
    pub fn zone(&self) -> Option<&str> {
        present(self.texts.get(7))
    }
}

/// `backup_policy_extend`: one operation of a policy.
#[derive(Clone, Debug)]
pub struct Extend {
    texts: Texts<6>,
    /// rentention_num.
    pub retention_num: Option<i64>,
    /// rentention_day.
    pub retention_days: Option<i64>,
    /// enabled.
    pub enabled: Option<bool>,
}

/// The columns of [`Extend`].
#[derive(Clone, Debug)]
pub struct ExtendColumns {
    id: Column,
    policy_id: Column,
    trigger_id: Column,
    operation_type: Column,
    destination_region_id: Column,
    rentention_num: Column,
    rentention_day: Column,
    enabled: Column,
    extra_info: Column,
}

impl Model for Extend {
    type Columns = ExtendColumns;

    fn bind(binding: &Binding<'_>) -> ExtendColumns {
        ExtendColumns {
            id: binding.column("id"),
            policy_id: binding.column("policy_id"),
            trigger_id: binding.column("trigger_id"),
            operation_type: binding.column("operation_type"),
            destination_region_id: binding.column("destination_region_id"),
            rentention_num: binding.column("rentention_num"),
            rentention_day: binding.column("rentention_day"),
            enabled: binding.column("enabled"),
            extra_info: binding.column("extra_info"),
        }
    }

    fn read(columns: &ExtendColumns, row: &mut Reading<'_, '_>) -> Self {
        let zone = zone(row.text(&columns.extra_info));
        Self {
            texts: Texts::new([
                row.required(&columns.id),
                row.required(&columns.policy_id),
                row.text(&columns.trigger_id),
                row.text(&columns.operation_type),
                row.text(&columns.destination_region_id),
                &zone,
            ]),
            retention_num: row.integer(&columns.rentention_num),
            retention_days: row.integer(&columns.rentention_day),
            enabled: row.boolean(&columns.enabled),
        }
    }
}

impl Extend {
    /// id.
    #[must_use]
    pub fn id(&self) -> &str {
        self.texts.get(0)
    }

    /// policy_id.
    #[must_use]
    pub fn policy_id(&self) -> &str {
        self.texts.get(1)
    }

    /// trigger_id.
    #[must_use]
    pub fn trigger_id(&self) -> Option<&str> {
        present(self.texts.get(2))
    }

    /// operation_type.
    #[must_use]
    pub fn operation_type(&self) -> Option<&str> {
        present(self.texts.get(3))
    }

    /// destination_region_id.
    #[must_use]
    pub fn destination_region(&self) -> Option<&str> {
        present(self.texts.get(4))
    }

    /// The time zone in extra_info, under `time_zone`, `timezone` or `timeZone`.
    #[must_use]
    pub fn zone(&self) -> Option<&str> {
        present(self.texts.get(5))
    }
}

/// `backup_trigger`: when operations run.
#[derive(Clone, Debug)]
pub struct Trigger {
    texts: Texts<3>,
}

/// The columns of [`Trigger`].
#[derive(Clone, Debug)]
pub struct TriggerColumns {
    trigger_id: Column,
    cron_expression: Column,
    time_zone: Column,
}

impl Model for Trigger {
    type Columns = TriggerColumns;

    fn bind(binding: &Binding<'_>) -> TriggerColumns {
        TriggerColumns {
            trigger_id: binding.column("trigger_id"),
            cron_expression: binding.column("cron_expression"),
            time_zone: binding.column("time_zone"),
        }
    }

    fn read(columns: &TriggerColumns, row: &mut Reading<'_, '_>) -> Self {
        Self {
            texts: Texts::new([
                row.required(&columns.trigger_id),
                row.text(&columns.cron_expression),
                row.text(&columns.time_zone),
            ]),
        }
    }
}

impl Trigger {
    /// trigger_id.
    #[must_use]
    pub fn id(&self) -> &str {
        self.texts.get(0)
    }

    /// cron_expression.
    #[must_use]
    pub fn cron(&self) -> Option<&str> {
        present(self.texts.get(1))
    }

    /// time_zone.
    #[must_use]
    pub fn time_zone(&self) -> Option<&str> {
        present(self.texts.get(2))
    }
}

/// `backup_relation_policy`: which trigger belongs to which policy or operation.
#[derive(Clone, Debug)]
pub struct Relation {
    texts: Texts<4>,
}

/// The columns of [`Relation`].
#[derive(Clone, Debug)]
pub struct RelationColumns {
    id: Column,
    policy_id: Column,
    policy_extend_id: Column,
    trigger_id: Column,
}

impl Model for Relation {
    type Columns = RelationColumns;

    fn bind(binding: &Binding<'_>) -> RelationColumns {
        RelationColumns {
            id: binding.column("id"),
            policy_id: binding.column("policy_id"),
            policy_extend_id: binding.column("policy_extend_id"),
            trigger_id: binding.column("trigger_id"),
        }
    }

    fn read(columns: &RelationColumns, row: &mut Reading<'_, '_>) -> Self {
        Self {
            texts: Texts::new([
                row.text(&columns.id),
                row.required(&columns.policy_id),
                row.text(&columns.policy_extend_id),
                row.text(&columns.trigger_id),
            ]),
        }
    }
}

impl Relation {
    /// id.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        present(self.texts.get(0))
    }

    /// policy_id.
    #[must_use]
    pub fn policy_id(&self) -> &str {
        self.texts.get(1)
    }

    /// policy_extend_id.
    #[must_use]
    pub fn extend_id(&self) -> Option<&str> {
        present(self.texts.get(2))
    }

    /// trigger_id.
    #[must_use]
    pub fn trigger_id(&self) -> Option<&str> {
        present(self.texts.get(3))
    }
}

/// `policy_resource`: a volume that a policy backs up.
#[derive(Clone, Debug)]
pub struct Resource {
    texts: Texts<5>,
    /// created_at and updated_at.
    pub times: Times,
}

/// The columns of [`Resource`].
#[derive(Clone, Debug)]
pub struct ResourceColumns {
    id: Column,
    policy_id: Column,
    resource_id: Column,
    resource_type: Column,
    availability_zone: Column,
    times: TimesColumns,
}

impl Model for Resource {
    type Columns = ResourceColumns;

    fn bind(binding: &Binding<'_>) -> ResourceColumns {
        ResourceColumns {
            id: binding.column("id"),
            policy_id: binding.column("policy_id"),
            resource_id: binding.column("resource_id"),
            resource_type: binding.column("resource_type"),
            availability_zone: binding.column("availability_zone"),
            times: TimesColumns::bind(binding),
        }
    }

    fn read(columns: &ResourceColumns, row: &mut Reading<'_, '_>) -> Self {
        Self {
            texts: Texts::new([
                row.text(&columns.id),
                row.required(&columns.policy_id),
                row.required(&columns.resource_id),
                row.text(&columns.resource_type),
                row.text(&columns.availability_zone),
            ]),
            times: columns.times.read(row),
        }
    }
}

impl Resource {
    /// id.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        present(self.texts.get(0))
    }

    /// policy_id.
    #[must_use]
    pub fn policy_id(&self) -> &str {
        self.texts.get(1)
    }

    /// resource_id.
    #[must_use]
    pub fn resource_id(&self) -> &str {
        self.texts.get(2)
    }

    /// resource_type.
    #[must_use]
    pub fn resource_type(&self) -> Option<&str> {
        present(self.texts.get(3))
    }

    /// availability_zone.
    #[must_use]
    pub fn availability_zone(&self) -> Option<&str> {
        present(self.texts.get(4))
    }
}

/// `tag`: a key and value on a policy.
#[derive(Clone, Debug)]
pub struct Tag {
    texts: Texts<4>,
}

/// The columns of [`Tag`].
#[derive(Clone, Debug)]
pub struct TagColumns {
    id: Column,
    resource_id: Column,
    tag_key: Column,
    tag_value: Column,
}

impl Model for Tag {
    type Columns = TagColumns;

    fn bind(binding: &Binding<'_>) -> TagColumns {
        TagColumns {
            id: binding.column("id"),
            resource_id: binding.column("resource_id"),
            tag_key: binding.column("tag_key"),
            tag_value: binding.column("tag_value"),
        }
    }

    fn read(columns: &TagColumns, row: &mut Reading<'_, '_>) -> Self {
        Self {
            texts: Texts::new([
                row.text(&columns.id),
                row.required(&columns.resource_id),
                row.required(&columns.tag_key),
                row.text(&columns.tag_value),
            ]),
        }
    }
}

impl Tag {
    /// id.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        present(self.texts.get(0))
    }

    /// resource_id.
    #[must_use]
    pub fn policy_id(&self) -> &str {
        self.texts.get(1)
    }

    /// tag_key.
    #[must_use]
    pub fn key(&self) -> &str {
        self.texts.get(2)
    }

    /// tag_value.
    #[must_use]
    pub fn value(&self) -> Option<&str> {
        present(self.texts.get(3))
    }
}

/// `backup_create_running_job_record`: which policy made which copy, by which job.
#[derive(Clone, Debug)]
pub struct RunningJob {
    texts: Texts<5>,
    /// created_at and updated_at.
    pub times: Times,
}

/// The columns of [`RunningJob`].
#[derive(Clone, Debug)]
pub struct RunningJobColumns {
    current_run_state: Column,
    policy_id: Column,
    resource_id: Column,
    backup_name: Column,
    taskmgr_job_id: Column,
    times: TimesColumns,
}

impl Model for RunningJob {
    type Columns = RunningJobColumns;

    fn bind(binding: &Binding<'_>) -> RunningJobColumns {
        RunningJobColumns {
            current_run_state: binding.column("current_run_state"),
            policy_id: binding.column("policy_id"),
            resource_id: binding.column("resource_id"),
            backup_name: binding.column("backup_name"),
            taskmgr_job_id: binding.column("taskmgr_job_id"),
            times: TimesColumns::bind(binding),
        }
    }

    fn read(columns: &RunningJobColumns, row: &mut Reading<'_, '_>) -> Self {
        Self {
            texts: Texts::new([
                row.text(&columns.current_run_state),
                row.text(&columns.policy_id),
                row.text(&columns.resource_id),
                row.text(&columns.backup_name),
                row.text(&columns.taskmgr_job_id),
            ]),
            times: columns.times.read(row),
        }
    }
}

impl RunningJob {
    /// current_run_state.
    #[must_use]
    pub fn state(&self) -> Option<&str> {
        present(self.texts.get(0))
    }

    /// policy_id.
    #[must_use]
    pub fn policy_id(&self) -> Option<&str> {
        present(self.texts.get(1))
    }

    /// resource_id.
    #[must_use]
    pub fn resource_id(&self) -> Option<&str> {
        present(self.texts.get(2))
    }

    /// backup_name.
    #[must_use]
    pub fn backup_name(&self) -> Option<&str> {
        present(self.texts.get(3))
    }

    /// taskmgr_job_id.
    #[must_use]
    pub fn taskmgr_job_id(&self) -> Option<&str> {
        present(self.texts.get(4))
    }
}

/// `backup_create_waiting_job_record`: a job that waits to run.
#[derive(Clone, Debug)]
pub struct WaitingJob {
    texts: Texts<1>,
}

/// The columns of [`WaitingJob`].
#[derive(Clone, Debug)]
pub struct WaitingJobColumns {
    current_run_state: Column,
}

impl Model for WaitingJob {
    type Columns = WaitingJobColumns;

    fn bind(binding: &Binding<'_>) -> WaitingJobColumns {
        WaitingJobColumns { current_run_state: binding.column("current_run_state") }
    }

    fn read(columns: &WaitingJobColumns, row: &mut Reading<'_, '_>) -> Self {
        Self { texts: Texts::new([row.text(&columns.current_run_state)]) }
    }
}

impl WaitingJob {
    /// current_run_state.
    #[must_use]
    pub fn state(&self) -> Option<&str> {
        present(self.texts.get(0))
    }
}

/// The time zone that a JSON object of extra_info names; empty where there is none. What is no object counts as an empty one.
fn zone(extra_info: &str) -> String {
    if extra_info.is_empty() {
        return String::new();
    }
    let members = json::members(extra_info, ["time_zone", "timezone", "timeZone"]).unwrap_or_default();
    members
        .into_iter()
        .flatten()
        .find_map(json::Raw::text)
        .map(std::borrow::Cow::into_owned)
        .unwrap_or_default()
}
