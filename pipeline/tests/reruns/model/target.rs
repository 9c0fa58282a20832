//! The target: what the model says that it contains, and what it really contains in the same words.

use super::{Time, policy_id, time};
use crate::history::copy;
use crate::site::Site;
use pipeline::karbor::ids::OperationKey;
use std::collections::BTreeMap;

/// A plan, a trigger, an operation or a copy: what it says, and what Karbor's users did to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) value: String,
    pub(super) changed: Time,
    pub(super) deleted: Option<Time>,
    pub(super) tagged: bool,
    pub(super) copy: CopyState,
}

/// What else a copy says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct CopyState {
    pub(super) plan: Option<u32>,
    pub(super) status: &'static str,
    /// Whether it names the job that makes it.
    pub(super) has_task: bool,
    /// Whether Karbor's users changed it, and no import since.
    pub(super) edited: bool,
}

impl Row {
    pub(super) fn imported(value: String, changed: Time) -> Self {
        Self { value, changed, deleted: None, tagged: true, copy: CopyState::default() }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Resource {
    pub(super) plan: u32,
    pub(super) volume: u32,
    pub(super) made: Time,
    pub(super) deleted: Option<Time>,
    /// Karbor names resources otherwise than imports do.
    pub(super) named: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) plans: BTreeMap<u32, Row>,
    pub(super) resources: Vec<Resource>,
    pub(super) triggers: BTreeMap<u32, Row>,
    pub(super) operations: BTreeMap<u32, Row>,
    pub(super) items: BTreeMap<u32, Row>,
}

/// The target's rows in the model's words.
pub(super) fn found(site: &Site) -> Vec<String> {
    if !site.exists() {
        return Vec::new();
    }
    let truth = |column: &str| format!("lower(CAST({column} AS text)) IN ('true', 't', '1')");
    let marks = |changed: &str, tag: &str| {
        format!(
            "'|' || coalesce(substr(CAST({changed} AS text), 1, 19), '') || '|' || CASE WHEN {} THEN coalesce(substr(CAST(deleted_at AS text), 1, 19), '') ELSE 'live' END || '|' || CASE WHEN {tag} THEN 'ours' ELSE 'not' END",
            truth("deleted")
        )
    };
    let anchor = OperationKey::Vbs { policy: "anchor", extend: None };
    let (trigger, operation) = (anchor.trigger(), anchor.operation());
    let find = if site.is_postgres() { "strpos" } else { "instr" };
    let selects = [
        format!(
            "SELECT 'plan|' || id || '|' || name || {} FROM plans WHERE id LIKE '%-bbbb-%'",
            marks("updated_at", "description = 'imported_from_vbs'")
        ),
        format!(
            "SELECT 'resource|' || plan_id || '|' || resource_id || {} FROM resources WHERE plan_id LIKE '%-bbbb-%'",
            marks("created_at", "resource_name = resource_id")
        ),
        format!(
            "SELECT 'item|' || id || '|' || coalesce(plan_id, 'none') || '|' || status || '|' || size || {} FROM checkpoint_items WHERE id <> '{}'",
            marks("updated_at", "version = '0.5'"),
            copy(0)
        ),
        format!(
            "SELECT 'trigger|' || id || '|' || substr(properties, {find}(properties, 'BYHOUR=') + 7, 2) || {} \
             FROM triggers WHERE id <> '{}'",
            marks("updated_at", "1 = 1"),
            trigger.as_str()
        ),
        format!(
            "SELECT 'operation|' || id || '|' || name || {} FROM scheduled_operations WHERE id <> '{}'",
            marks("updated_at", "description = 'imported_from_vbs'"),
            operation.as_str()
        ),
        format!(
            "SELECT 'state|' || operation_id FROM scheduled_operation_states WHERE operation_id <> '{}'",
            operation.as_str()
        ),
    ];
    let mut rows = site.lines(&selects.join(" UNION ALL "));
    rows.sort_unstable();
    rows
}

/// The model's target in the words of [`found`].
pub(super) fn rows_of(target: &Target) -> Vec<String> {
    let marks = |changed: Time, deleted: Option<Time>, ours: bool| {
        let deleted = deleted.map_or_else(|| "live".to_owned(), time);
        format!("{}|{deleted}|{}", time(changed), if ours { "ours" } else { "not" })
    };
    let row = |row: &Row| format!("{}|{}", row.value, marks(row.changed, row.deleted, row.tagged));
    let mut rows = Vec::new();
    for (n, plan) in &target.plans {
        rows.push(format!("plan|{}|{}", policy_id(*n), row(plan)));
    }
    for own in &target.resources {
        rows.push(format!(
            "resource|{}|volume-{}|{}",
            policy_id(own.plan),
            own.volume,
            marks(own.made, own.deleted, !own.named)
        ));
    }
    for (n, item) in &target.items {
        let plan = item.copy.plan.map_or_else(|| "none".to_owned(), policy_id);
        rows.push(format!("item|{}|{plan}|{}|{}", copy(*n), item.copy.status, row(item)));
    }
    for (n, trigger) in &target.triggers {
        let key = policy_id(*n);
        let id = OperationKey::Vbs { policy: &key, extend: None }.trigger();
        // Two characters of the pattern behind BYHOUR=.
        let hour = format!("{};", trigger.value);
        let row = Row { value: hour.get(..2).unwrap().to_owned(), ..trigger.clone() };
        rows.push(format!("trigger|{}|{}|{}", id.as_str(), row.value, marks(row.changed, row.deleted, true)));
    }
    for (n, operation) in &target.operations {
        let key = policy_id(*n);
        let id = OperationKey::Vbs { policy: &key, extend: None }.operation();
        rows.push(format!("operation|{}|{}", id.as_str(), row(operation)));
        rows.push(format!("state|{}", id.as_str()));
    }
    rows.sort_unstable();
    rows
}
