//! Policies as a target contains them, and the statement that reads them.

use crate::load::lookup::{Lookup, no};
use std::ops::ControlFlow;

/// A plan with its operations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeldPlan {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its project.
    pub project_id: String,
    /// Its description, which is the tag of imported ones.
    pub description: String,
    /// Its parameters, a JSON object.
    pub parameters: String,
    /// Its resources.
    pub resources: u64,
    /// Its operations, in order of their ids.
    pub operations: Vec<HeldOperation>,
}

/// An operation with its trigger.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeldOperation {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// `backup` or `replication`.
    pub kind: String,
    /// Whether it runs by itself.
    pub enabled: bool,
    /// Its definition, a JSON object.
    pub definition: String,
    /// The trigger's id.
    pub trigger_id: String,
    /// The trigger's properties, a JSON object; empty where the trigger is not there.
    pub properties: String,
}

/// Takes plans, one after the other, for as long as it wants more.
pub type Take<'t> = &'t mut dyn FnMut(HeldPlan) -> ControlFlow<()>;

/// One row of the statement: a plan, and one of its operations if it has any.
pub(crate) type Row = [Option<String>; COLUMNS];

/// The columns of the statement, all of them text.
pub(crate) const COLUMNS: usize = 13;

/// What a target's SQL says in its own way.
pub(crate) struct Dialect {
    /// The plan's id, taken out of a definition.
    pub(crate) plan_of: fn(&str) -> String,
    /// What keeps a subquery together, so that it is worked out once and not for every plan.
    pub(crate) fence: &'static str,
}

/// The statement. It asks for no index: Karbor has none on what plans, resources and operations are joined by. What is joined
/// is text on both sides, or SQLite would make no index of its own and look through all operations for every plan.
pub(crate) fn statement(lookup: &Lookup, dialect: &Dialect) -> String {
    let of = |alias: &str, table: &str, name: &str| format!("{alias}.{}", lookup.column(table, name));
    let plan = |name: &str| of("p", "plans", name);
    let operation = |name: &str| of("o", "scheduled_operations", name);
    let trigger = |name: &str| of("t", "triggers", name);
    let resource = |name: &str| of("r", "resources", name);
    let columns = [
        plan("id"),
        plan("name"),
        plan("project_id"),
        plan("description"),
        plan("parameters"),
        "held.resources".to_owned(),
        operation("id"),
        operation("name"),
        operation("operation_type"),
        format!("CASE WHEN {} THEN 'false' ELSE 'true' END", no(&operation("enabled"), "true")),
        operation("operation_definition"),
        operation("trigger_id"),
        trigger("properties"),
    ];
    let columns: [String; COLUMNS] = columns.map(|column| format!("CAST({column} AS text)"));
    let definition = format!("CAST({} AS text)", operation("operation_definition"));
    format!(
        "SELECT {columns} FROM {plans} p \
         LEFT JOIN (SELECT CAST({resource_plan} AS text) AS of_plan, count(*) AS resources FROM {resources} r \
             WHERE {resource_there} GROUP BY CAST({resource_plan} AS text)) held ON held.of_plan = CAST({id} AS text) \
         LEFT JOIN (SELECT CAST({plan_of} AS text) AS of_plan, o.* FROM {operations} o WHERE {operation_there}{fence}) o \
             ON o.of_plan = CAST({id} AS text) \
         LEFT JOIN {triggers} t ON {trigger_id} = {of_trigger} AND {trigger_there} \
         WHERE {plan_there} ORDER BY 1, 7",
        columns = columns.join(", "),
        plans = lookup.table("plans"),
        resources = lookup.table("resources"),
        operations = lookup.table("scheduled_operations"),
        triggers = lookup.table("triggers"),
        resource_plan = resource("plan_id"),
        resource_there = no(&resource("deleted"), "true"),
        plan_of = (dialect.plan_of)(&definition),
        fence = dialect.fence,
        id = plan("id"),
        operation_there = no(&operation("deleted"), "true"),
        trigger_id = trigger("id"),
        of_trigger = operation("trigger_id"),
        trigger_there = no(&trigger("deleted"), "true"),
        plan_there = no(&plan("deleted"), "true"),
    )
}

/// Gathers the rows of each plan, which come one after the other.
pub(crate) struct Plans<'t> {
    pub(crate) take: Take<'t>,
    pub(crate) plan: Option<HeldPlan>,
}

impl<'t> Plans<'t> {
    pub(crate) fn new(take: Take<'t>) -> Self {
        Self { take, plan: None }
    }

    /// Takes the next row.
    pub(crate) fn row(&mut self, row: Row) -> ControlFlow<()> {
        let [
            id,
            name,
            project_id,
            description,
            parameters,
            resources,
            operation_id,
            operation_name,
            kind,
            enabled,
            definition,
            trigger_id,
            properties,
        ] = row;
        let id = id.unwrap_or_default();
        if self.plan.as_ref().is_none_or(|plan| plan.id != id) {
            self.hand_on()?;
            self.plan = Some(HeldPlan {
                id,
                name: name.unwrap_or_default(),
                project_id: project_id.unwrap_or_default(),
                description: description.unwrap_or_default(),
                parameters: parameters.unwrap_or_default(),
                resources: resources.and_then(|count| count.parse().ok()).unwrap_or(0),
                operations: Vec::new(),
            });
        }
        if let (Some(plan), Some(id)) = (&mut self.plan, operation_id) {
            plan.operations.push(HeldOperation {
                id,
                name: operation_name.unwrap_or_default(),
                kind: kind.unwrap_or_default(),
                enabled: enabled.is_some_and(|enabled| enabled == "true"),
                definition: definition.unwrap_or_default(),
                trigger_id: trigger_id.unwrap_or_default(),
                properties: properties.unwrap_or_default(),
            });
        }
        ControlFlow::Continue(())
    }

    /// Hands on the last plan.
    pub(crate) fn finish(mut self) {
        // It was the last one anyway.
        let _ = self.hand_on();
    }

    pub(crate) fn hand_on(&mut self) -> ControlFlow<()> {
        self.plan.take().map_or(ControlFlow::Continue(()), |plan| (self.take)(plan))
    }
}
