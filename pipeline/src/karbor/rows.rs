//! Rows of Karbor's tables, one struct for each table, and their values in the order of the table's columns.

use super::{Source, Value};
use parsers::models::Times;
use parsers::value::Timestamp;

/// A row of `plans`.
#[derive(Clone, Copy, Debug)]
pub struct Plan<'v> {
    /// id.
    pub id: &'v str,
    /// name.
    pub name: &'v str,
    /// What it came from; description holds the tag.
    pub source: Source,
    /// provider_id.
    pub provider_id: &'v str,
    /// project_id.
    pub project_id: &'v str,
    /// parameters: a JSON object of objects.
    pub parameters: &'v str,
    /// created_at and updated_at.
    pub times: Times,
}

impl Plan<'_> {
    /// The values of [`super::PLANS`].
    #[must_use]
    pub fn values(&self) -> [Value<'_>; 10] {
        [
            Value::Text(self.id),
            Value::Text(self.name),
            Value::Text(self.source.tag()),
            Value::Text(self.provider_id),
            Value::Text(self.project_id),
            // The only status in which Karbor lets a plan be changed.
            Value::Text("suspended"),
            Value::Text(self.parameters),
            Value::Time(self.times.created_or_default()),
            Value::time(self.times.updated),
            Value::Bool(false),
        ]
    }
}

/// The type of every resource that is imported.
pub const VOLUME: &str = "OS::Cinder::Volume";

/// A row of `resources`.
#[derive(Clone, Copy, Debug)]
pub struct Resource<'v> {
    /// plan_id.
    pub plan_id: &'v str,
    /// resource_id, which is resource_name too.
    pub resource_id: &'v str,
    /// resource_extra_info: a JSON object.
    pub extra_info: &'v str,
    /// created_at and updated_at.
    pub times: Times,
}

impl Resource<'_> {
    /// The values of [`super::RESOURCES`].
    #[must_use]
    pub fn values(&self) -> [Value<'_>; 8] {
        [
            Value::Text(self.plan_id),
            Value::Text(self.resource_id),
            Value::Text(VOLUME),
            Value::Text(self.resource_id),
            Value::Text(self.extra_info),
            Value::Time(self.times.created_or_default()),
            Value::time(self.times.updated),
            Value::Bool(false),
        ]
    }
}

/// A row of `triggers`.
#[derive(Clone, Copy, Debug)]
pub struct Trigger<'v> {
    /// id.
    pub id: &'v str,
    /// project_id.
    pub project_id: &'v str,
    /// properties: a flat JSON object of strings.
    pub properties: &'v str,
    /// created_at and updated_at.
    pub times: Times,
}

impl Trigger<'_> {
    /// The values of [`super::TRIGGERS`].
    #[must_use]
    pub fn values(&self) -> [Value<'_>; 8] {
        [
            Value::Text(self.id),
            Value::Text("default"),
            Value::Text(self.project_id),
            Value::Text("time"),
            Value::Text(self.properties),
            Value::Time(self.times.created_or_default()),
            Value::time(self.times.updated),
            Value::Bool(false),
        ]
    }
}

/// A row of `scheduled_operations`.
#[derive(Clone, Copy, Debug)]
pub struct Operation<'v> {
    /// id.
    pub id: &'v str,
    /// name.
    pub name: &'v str,
    /// What it came from; description holds the tag.
    pub source: Source,
    /// operation_type: `backup` or `replication`.
    pub kind: &'v str,
    /// user_id.
    pub user_id: &'v str,
    /// project_id.
    pub project_id: &'v str,
    /// trigger_id.
    pub trigger_id: &'v str,
    /// operation_definition: a flat JSON object of strings.
    pub definition: &'v str,
    /// enabled.
    pub enabled: bool,
    /// created_at and updated_at.
    pub times: Times,
}

impl Operation<'_> {
    /// The values of [`super::OPERATIONS`].
    #[must_use]
    pub fn values(&self) -> [Value<'_>; 12] {
        [
            Value::Text(self.id),
            Value::Text(self.name),
            Value::Text(self.source.tag()),
            Value::Text(self.kind),
            Value::Text(self.user_id),
            Value::Text(self.project_id),
            Value::Text(self.trigger_id),
            Value::Text(self.definition),
            Value::Bool(self.enabled),
            Value::Time(self.times.created_or_default()),
            Value::time(self.times.updated),
            Value::Bool(false),
        ]
    }
}

/// A row of `scheduled_operation_states`.
#[derive(Clone, Copy, Debug)]
pub struct State<'v> {
    /// operation_id.
    pub operation_id: &'v str,
    /// service_id; NULL where the target fills it in.
    pub service_id: Option<i64>,
    /// trust_id.
    pub trust_id: &'v str,
    /// created_at.
    pub created_at: Timestamp,
}

impl State<'_> {
    /// The values of [`super::STATES`].
    #[must_use]
    pub fn values(&self) -> [Value<'_>; 6] {
        [
            Value::Text(self.operation_id),
            Value::int(self.service_id),
            Value::Text(self.trust_id),
            // The only state from which the engine schedules after a restart.
            Value::Text("registered"),
            Value::Time(self.created_at),
            Value::Bool(false),
        ]
    }
}

/// A row of `checkpoint_items`. Texts are empty where absent.
#[derive(Clone, Copy, Debug)]
pub struct Item<'v> {
    /// id.
    pub id: &'v str,
    /// checkpoint_id.
    pub checkpoint_id: &'v str,
    /// What it came from; version holds the tag.
    pub source: Source,
    /// project_id.
    pub project_id: &'v str,
    /// user_id.
    pub user_id: &'v str,
    /// provider_id.
    pub provider_id: &'v str,
    /// plan_id.
    pub plan_id: &'v str,
    /// resource_id, which is resource_name too.
    pub resource_id: &'v str,
    /// resource_az.
    pub resource_az: &'v str,
    /// name.
    pub name: &'v str,
    /// description.
    pub description: &'v str,
    /// status.
    pub status: &'v str,
    /// size: the volume's, in GB.
    pub size: Option<i64>,
    /// protected_at.
    pub protected_at: Timestamp,
    /// extend_info: a JSON object.
    pub extend_info: &'v str,
    /// created_at and updated_at.
    pub times: Times,
}

impl Item<'_> {
    /// The values of [`super::ITEMS`].
    #[must_use]
    pub fn values(&self) -> [Value<'_>; 22] {
        [
            Value::Text(self.id),
            Value::Time(self.times.created_or_default()),
            Value::time(self.times.updated),
            Value::Null,
            Value::Bool(false),
            Value::Text(self.checkpoint_id),
            Value::Text(self.project_id),
            Value::text(self.user_id),
            Value::Text(self.provider_id),
            Value::text(self.plan_id),
            Value::Text(self.resource_id),
            Value::Text(self.resource_id),
            Value::Text(VOLUME),
            Value::text(self.resource_az),
            Value::text(self.name),
            Value::text(self.description),
            Value::Text(self.status),
            Value::Text(self.source.version()),
            Value::int(self.size),
            Value::Time(self.protected_at),
            Value::Text("{}"),
            Value::Text(self.extend_info),
        ]
    }
}
