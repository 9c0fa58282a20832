//! Tables of the database `dps`: plans, policies, timers and copies.
//!
//! None of these columns is public; the map of columns says what they are taken to be.
use super::{Model, Reading, SoftDeletion, Texts, Times, TimesColumns, present};
use crate::columns::Binding;
use crate::row::{Column, FieldError, Row};
use crate::value::Timestamp;

/// `protection_plan`.
#[derive(Clone, Debug)]
pub struct Plan {
    texts: Texts<5>,
    /// created_at and updated_at.
    pub times: Times,
}

/// The columns of [`Plan`].
#[derive(Clone, Debug)]
pub struct PlanColumns {
    id: Column,
    name: Column,
    project_id: Column,
    user_id: Column,
    object_type: Column,
    times: TimesColumns,
}

impl Model for Plan {
    type Columns = PlanColumns;

    fn bind(binding: &Binding<'_>) -> PlanColumns {
        PlanColumns {
            id: binding.column("id"),
            name: binding.column("name"),
            project_id: binding.column("project_id"),
            user_id: binding.column("user_id"),
            object_type: binding.column("object_type"),
            times: TimesColumns::bind(binding),
        }
    }

    fn read(columns: &PlanColumns, row: &mut Reading<'_, '_>) -> Self {
        Self {
            texts: Texts::new([
                row.required(&columns.id),
                row.text(&columns.name),
                row.required(&columns.project_id),
                row.text(&columns.user_id),
                row.text(&columns.object_type),
            ]),
            times: columns.times.read(row),
        }
    }
}

impl Plan {
    /// id.
    #[must_use]
    pub fn id(&self) -> &str {
        self.texts.get(0)
    }

    /// name.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        present(self.texts.get(1))
    }

    /// project_id.
    #[must_use]
    pub fn project_id(&self) -> &str {
        self.texts.get(2)
    }

    /// user_id.
    #[must_use]
    pub fn user_id(&self) -> Option<&str> {
        present(self.texts.get(3))
    }

    /// object_type.
    #[must_use]
    pub fn object_type(&self) -> Option<&str> {
        present(self.texts.get(4))
    }
}

/// `protection_object`: a resource of a plan.
#[derive(Clone, Debug)]
pub struct Object {
    texts: Texts<5>,
    /// created_at and updated_at.
    pub times: Times,
}

/// The columns of [`Object`].
#[derive(Clone, Debug)]
pub struct ObjectColumns {
    id: Column,
    plan_id: Column,
    resource_id: Column,
    resource_type: Column,
    availability_zone: Column,
    times: TimesColumns,
}

impl Model for Object {
    type Columns = ObjectColumns;

    fn bind(binding: &Binding<'_>) -> ObjectColumns {
        ObjectColumns {
            id: binding.column("id"),
            plan_id: binding.column("plan_id"),
            resource_id: binding.column("resource_id"),
            resource_type: binding.column("resource_type"),
            availability_zone: binding.column("availability_zone"),
            times: TimesColumns::bind(binding),
        }
    }

    fn read(columns: &ObjectColumns, row: &mut Reading<'_, '_>) -> Self {
        Self {
            texts: Texts::new([
                row.required(&columns.id),
                row.required(&columns.plan_id),
                row.required(&columns.resource_id),
                row.text(&columns.resource_type),
                row.text(&columns.availability_zone),
            ]),
            times: columns.times.read(row),
        }
    }
}

impl Object {
    /// id.
    #[must_use]
    pub fn id(&self) -> &str {
        self.texts.get(0)
    }

    /// plan_id.
    #[must_use]
    pub fn plan_id(&self) -> &str {
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

/// `protection_policy`.
#[derive(Clone, Debug)]
pub struct Policy {
    texts: Texts<3>,
    /// retention_num.
    pub retention_num: Option<i64>,
    /// retention_day.
    pub retention_days: Option<i64>,
    /// enabled.
    pub enabled: Option<bool>,
    /// created_at and updated_at.
    pub times: Times,
}

/// The columns of [`Policy`].
#[derive(Clone, Debug)]
pub struct PolicyColumns {
    id: Column,
    name: Column,
    policy_type: Column,
    retention_num: Column,
    retention_day: Column,
    enabled: Column,
    times: TimesColumns,
}

impl Model for Policy {
    type Columns = PolicyColumns;

    fn bind(binding: &Binding<'_>) -> PolicyColumns {
        PolicyColumns {
            id: binding.column("id"),
            name: binding.column("name"),
            policy_type: binding.column("policy_type"),
            retention_num: binding.column("retention_num"),
            retention_day: binding.column("retention_day"),
            enabled: binding.column("enabled"),
            times: TimesColumns::bind(binding),
        }
    }

    fn read(columns: &PolicyColumns, row: &mut Reading<'_, '_>) -> Self {
        Self {
            texts: Texts::new([
                row.required(&columns.id),
                row.text(&columns.name),
                row.required(&columns.policy_type),
            ]),
            retention_num: row.integer(&columns.retention_num),
            retention_days: row.integer(&columns.retention_day),
            enabled: row.boolean(&columns.enabled),
            times: columns.times.read(row),
        }
    }
}

impl Policy {
    /// id.
    #[must_use]
    pub fn id(&self) -> &str {
        self.texts.get(0)
    }

    /// name.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        present(self.texts.get(1))
    }

    /// policy_type.
    #[must_use]
    pub fn policy_type(&self) -> &str {
        self.texts.get(2)
    }
}

/// `protection_plan_policy_mapping`.
#[derive(Clone, Debug)]
pub struct Mapping {
    texts: Texts<3>,
}

/// The columns of [`Mapping`].
#[derive(Clone, Debug)]
pub struct MappingColumns {
    id: Column,
    plan_id: Column,
    policy_id: Column,
}

impl Model for Mapping {
    type Columns = MappingColumns;

    fn bind(binding: &Binding<'_>) -> MappingColumns {
        MappingColumns {
            id: binding.column("id"),
            plan_id: binding.column("plan_id"),
            policy_id: binding.column("policy_id"),
        }
    }

    fn read(columns: &MappingColumns, row: &mut Reading<'_, '_>) -> Self {
        Self {
            texts: Texts::new([
                row.text(&columns.id),
                row.required(&columns.plan_id),
                row.required(&columns.policy_id),
            ]),
        }
    }
}

impl Mapping {
    /// id.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        present(self.texts.get(0))
    }

    /// plan_id.
    #[must_use]
    pub fn plan_id(&self) -> &str {
        self.texts.get(1)
    }

    /// policy_id.
    #[must_use]
    pub fn policy_id(&self) -> &str {
        self.texts.get(2)
    }
}

/// `schedule_timer`: when a policy backs up.
#[derive(Clone, Debug)]
pub struct Timer {
    texts: Texts<6>,
    /// interval_days.
    pub interval_days: Option<i64>,
    /// enabled.
    pub enabled: Option<bool>,
}

/// The columns of [`Timer`].
#[derive(Clone, Debug)]
pub struct TimerColumns {
    id: Column,
    policy_id: Column,
    frequency_type: Column,
    week_days: Column,
    start_time: Column,
    time_zone: Column,
    interval_days: Column,
    enabled: Column,
}

impl Model for Timer {
    type Columns = TimerColumns;

    fn bind(binding: &Binding<'_>) -> TimerColumns {
        TimerColumns {
            id: binding.column("id"),
            policy_id: binding.column("policy_id"),
            frequency_type: binding.column("frequency_type"),
            week_days: binding.column("week_days"),
            start_time: binding.column("start_time"),
            time_zone: binding.column("time_zone"),
            interval_days: binding.column("interval_days"),
            enabled: binding.column("enabled"),
        }
    }

    fn read(columns: &TimerColumns, row: &mut Reading<'_, '_>) -> Self {
        Self {
            texts: Texts::new([
                row.required(&columns.id),
                row.required(&columns.policy_id),
                row.text(&columns.frequency_type),
                row.text(&columns.week_days),
                row.text(&columns.start_time),
                row.text(&columns.time_zone),
            ]),
            interval_days: row.integer(&columns.interval_days),
            enabled: row.boolean(&columns.enabled),
        }
    }
}

impl Timer {
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

    /// frequency_type.
    #[must_use]
    pub fn frequency_type(&self) -> Option<&str> {
        present(self.texts.get(2))
    }

    /// week_days.
    #[must_use]
    pub fn week_days(&self) -> Option<&str> {
        present(self.texts.get(3))
    }

    /// start_time.
    #[must_use]
    pub fn start_time(&self) -> Option<&str> {
        present(self.texts.get(4))
    }

    /// time_zone.
    #[must_use]
    pub fn time_zone(&self) -> Option<&str> {
        present(self.texts.get(5))
    }
}

/// `async_copy_policy`: the global cycle of copies to the other site.
#[derive(Clone, Debug)]
pub struct CopyCycle {
    texts: Texts<5>,
    /// interval_days.
    pub interval_days: Option<i64>,
    /// enabled.
    pub enabled: Option<bool>,
}

/// The columns of [`CopyCycle`].
#[derive(Clone, Debug)]
pub struct CopyCycleColumns {
    id: Column,
    frequency_type: Column,
    week_days: Column,
    start_time: Column,
    time_zone: Column,
    interval_days: Column,
    enabled: Column,
}

impl Model for CopyCycle {
    type Columns = CopyCycleColumns;

    fn bind(binding: &Binding<'_>) -> CopyCycleColumns {
        CopyCycleColumns {
            id: binding.column("id"),
            frequency_type: binding.column("frequency_type"),
            week_days: binding.column("week_days"),
            start_time: binding.column("start_time"),
            time_zone: binding.column("time_zone"),
            interval_days: binding.column("interval_days"),
            enabled: binding.column("enabled"),
        }
    }

    fn read(columns: &CopyCycleColumns, row: &mut Reading<'_, '_>) -> Self {
        Self {
            texts: Texts::new([
                row.required(&columns.id),
                row.text(&columns.frequency_type),
                row.text(&columns.week_days),
                row.text(&columns.start_time),
                row.text(&columns.time_zone),
            ]),
            interval_days: row.integer(&columns.interval_days),
            enabled: row.boolean(&columns.enabled),
        }
    }
}

impl CopyCycle {
    /// id.
    #[must_use]
    pub fn id(&self) -> &str {
        self.texts.get(0)
    }

    /// frequency_type.
    #[must_use]
    pub fn frequency_type(&self) -> Option<&str> {
        present(self.texts.get(1))
    }

    /// week_days.
    #[must_use]
    pub fn week_days(&self) -> Option<&str> {
        present(self.texts.get(2))
    }

    /// start_time.
    #[must_use]
    pub fn start_time(&self) -> Option<&str> {
        present(self.texts.get(3))
    }

    /// time_zone.
    #[must_use]
    pub fn time_zone(&self) -> Option<&str> {
        present(self.texts.get(4))
    }
}

/// `policy_extra_specs`: a key and value of a policy.
#[derive(Clone, Debug)]
pub struct Spec {
    texts: Texts<4>,
}

/// The columns of [`Spec`].
#[derive(Clone, Debug)]
pub struct SpecColumns {
    id: Column,
    policy_id: Column,
    spec_key: Column,
    spec_value: Column,
}

impl Model for Spec {
    type Columns = SpecColumns;

    fn bind(binding: &Binding<'_>) -> SpecColumns {
        SpecColumns {
            id: binding.column("id"),
            policy_id: binding.column("policy_id"),
            spec_key: binding.column("spec_key"),
            spec_value: binding.column("spec_value"),
        }
    }

    fn read(columns: &SpecColumns, row: &mut Reading<'_, '_>) -> Self {
        Self {
            texts: Texts::new([
                row.text(&columns.id),
                row.required(&columns.policy_id),
                row.required(&columns.spec_key),
                row.text(&columns.spec_value),
            ]),
        }
    }
}

impl Spec {
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

    /// spec_key.
    #[must_use]
    pub fn key(&self) -> &str {
        self.texts.get(2)
    }

    /// spec_value.
    #[must_use]
    pub fn value(&self) -> Option<&str> {
        present(self.texts.get(3))
    }
}

/// `backup_target_object`: where a policy's copies go.
#[derive(Clone, Debug)]
pub struct Destination {
    texts: Texts<5>,
}

/// The columns of [`Destination`].
#[derive(Clone, Debug)]
pub struct DestinationColumns {
    id: Column,
    policy_id: Column,
    target_type: Column,
    target_id: Column,
    target_name: Column,
}

impl Model for Destination {
    type Columns = DestinationColumns;

    fn bind(binding: &Binding<'_>) -> DestinationColumns {
        DestinationColumns {
            id: binding.column("id"),
            policy_id: binding.column("policy_id"),
            target_type: binding.column("target_type"),
            target_id: binding.column("target_id"),
            target_name: binding.column("target_name"),
        }
    }

    fn read(columns: &DestinationColumns, row: &mut Reading<'_, '_>) -> Self {
        Self {
            texts: Texts::new([
                row.text(&columns.id),
                row.required(&columns.policy_id),
                row.text(&columns.target_type),
                row.text(&columns.target_id),
                row.text(&columns.target_name),
            ]),
        }
    }
}

impl Destination {
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

    /// target_type.
    #[must_use]
    pub fn target_type(&self) -> Option<&str> {
        present(self.texts.get(2))
    }

    /// target_id.
    #[must_use]
    pub fn target_id(&self) -> Option<&str> {
        present(self.texts.get(3))
    }

    /// target_name.
    #[must_use]
    pub fn target_name(&self) -> Option<&str> {
        present(self.texts.get(4))
    }
}

/// One row of `backup_transaction_item`: a copy. Texts are empty where absent.
#[derive(Clone, Copy, Debug)]
pub struct Item<'r> {
    /// id.
    pub id: &'r str,
    /// transaction_id.
    pub transaction_id: &'r str,
    /// plan_id.
    pub plan_id: &'r str,
    /// resource_id.
    pub resource_id: &'r str,
    /// resource_type.
    pub resource_type: &'r str,
    /// backup_id.
    pub backup_id: &'r str,
    /// snapshot_id.
    pub snapshot_id: &'r str,
    /// project_id.
    pub project_id: &'r str,
    /// user_id.
    pub user_id: &'r str,
    /// name.
    pub name: &'r str,
    /// description.
    pub description: &'r str,
    /// status.
    pub status: &'r str,
    /// backup_type.
    pub backup_type: &'r str,
    /// average_speed.
    pub average_speed: &'r str,
    /// space_saving_ratio.
    pub space_saving_ratio: &'r str,
    /// availability_zone.
    pub availability_zone: &'r str,
    /// fail_reason.
    pub fail_reason: &'r str,
    /// size: the volume's size in GB.
    pub size: Option<i64>,
    /// backup_size: the copy's size in MB.
    pub backup_size: Option<i64>,
    /// is_copy: a copy that came from another site.
    pub is_copy: Option<bool>,
    /// bootable.
    pub bootable: Option<bool>,
    /// started_at.
    pub started_at: Option<Timestamp>,
    /// created_at and updated_at.
    pub times: Times,
    /// Whether the row is soft-deleted.
    pub deleted: bool,
}

/// The columns of [`Item`].
#[derive(Clone, Debug)]
pub struct ItemColumns {
    id: Column,
    transaction_id: Column,
    plan_id: Column,
    resource_id: Column,
    resource_type: Column,
    backup_id: Column,
    snapshot_id: Column,
    project_id: Column,
    user_id: Column,
    name: Column,
    description: Column,
    status: Column,
    backup_type: Column,
    average_speed: Column,
    space_saving_ratio: Column,
    availability_zone: Column,
    fail_reason: Column,
    size: Column,
    backup_size: Column,
    is_copy: Column,
    bootable: Column,
    started_at: Column,
    times: TimesColumns,
    soft: SoftDeletion,
}

impl ItemColumns {
    /// Finds the columns.
    #[must_use]
    pub fn bind(binding: &Binding<'_>) -> Self {
        Self {
            id: binding.column("id"),
            transaction_id: binding.column("transaction_id"),
            plan_id: binding.column("plan_id"),
            resource_id: binding.column("resource_id"),
            resource_type: binding.column("resource_type"),
            backup_id: binding.column("backup_id"),
            snapshot_id: binding.column("snapshot_id"),
            project_id: binding.column("project_id"),
            user_id: binding.column("user_id"),
            name: binding.column("name"),
            description: binding.column("description"),
            status: binding.column("status"),
            backup_type: binding.column("backup_type"),
            average_speed: binding.column("average_speed"),
            space_saving_ratio: binding.column("space_saving_ratio"),
            availability_zone: binding.column("availability_zone"),
            fail_reason: binding.column("fail_reason"),
            size: binding.column("size"),
            backup_size: binding.column("backup_size"),
            is_copy: binding.column("is_copy"),
            bootable: binding.column("bootable"),
            started_at: binding.column("started_at"),
            times: TimesColumns::bind(binding),
            soft: SoftDeletion::bind(binding, true),
        }
    }

    /// Reads a row; the fault, if any, beside it.
    #[must_use]
    pub fn read<'r>(&self, row: &Row<'r>) -> (Item<'r>, Option<FieldError>) {
        let mut row = Reading::new(row);
        let item = Item {
            id: row.required(&self.id),
            transaction_id: row.text(&self.transaction_id),
            plan_id: row.text(&self.plan_id),
            resource_id: row.required(&self.resource_id),
            resource_type: row.text(&self.resource_type),
            backup_id: row.text(&self.backup_id),
            snapshot_id: row.text(&self.snapshot_id),
            project_id: row.required(&self.project_id),
            user_id: row.text(&self.user_id),
            name: row.text(&self.name),
            description: row.text(&self.description),
            status: row.required(&self.status),
            backup_type: row.text(&self.backup_type),
            average_speed: row.text(&self.average_speed),
            space_saving_ratio: row.text(&self.space_saving_ratio),
            availability_zone: row.text(&self.availability_zone),
            fail_reason: row.text(&self.fail_reason),
            size: row.integer(&self.size),
            backup_size: row.integer(&self.backup_size),
            is_copy: row.boolean(&self.is_copy),
            bootable: row.boolean(&self.bootable),
            started_at: row.timestamp(&self.started_at),
            times: self.times.read(&mut row),
            deleted: self.soft.read(&mut row),
        };
        (item, row.into_fault())
    }
}
