//! What depends on the rows that are to go.

use crate::error::Result;
use crate::karbor;
use crate::load::lookup::no;
use crate::load::session::Session;
use crate::removal::marks::{ImportPredicates, SOURCES, derived, key, text};
use std::collections::{BTreeSet, HashMap, HashSet};

/// What belongs to lost operations.
pub(super) struct Family {
    pub(super) lost: Vec<LostOperation>,
    /// By the id of the trigger, plain.
    pub(super) triggers: HashMap<String, TriggerUse>,
    /// Plans that other operations name.
    pub(super) used_plans: HashSet<String>,
}

pub(super) struct LostOperation {
    pub(super) id: String,
    pub(super) trigger: Option<String>,
    pub(super) plan: Option<String>,
}

/// How often a trigger is used, and its id if it is one that only an import makes.
#[derive(Default)]
pub(super) struct TriggerUse {
    pub(super) operations: u64,
    pub(super) derived: Option<String>,
}

impl Family {
    pub(super) fn read(
        session: &mut dyn Session,
        marks: ImportPredicates<'_>,
        lost: &BTreeSet<String>,
    ) -> Result<Self> {
        let mut family = Self { lost: Vec::new(), triggers: HashMap::new(), used_plans: HashSet::new() };
        let column = |name: &str| marks.column(&karbor::OPERATIONS, "o", name);
        let sql = format!(
            "SELECT {}, {}, {}, {} FROM {} o",
            text(&column("id")),
            key(&column("id")),
            key(&column("trigger_id")),
            key(&marks.named_plan("o")),
            marks.table(&karbor::OPERATIONS),
        );
        each(session, &sql, &mut |row| {
            if let [Some(id), Some(of), trigger, plan] = row {
                let (trigger, plan) = (trigger.map(str::to_owned), plan.map(str::to_owned));
                if lost.contains(*of) {
                    family.lost.push(LostOperation { id: (*id).to_owned(), trigger, plan });
                } else {
                    family.used_plans.extend(plan);
                }
            }
        })?;
        for operation in &family.lost {
            if let Some(trigger) = &operation.trigger {
                family.triggers.entry(trigger.clone()).or_default();
            }
        }
        each(session, &sql, &mut |row| {
            if let [_, _, Some(trigger), _] = row
                && let Some(users) = family.triggers.get_mut(*trigger)
            {
                users.operations += 1;
            }
        })?;
        let own = marks.column(&karbor::TRIGGERS, "t", "id");
        let sql = format!(
            "SELECT {}, {} FROM {} t WHERE {}",
            text(&own),
            key(&own),
            marks.table(&karbor::TRIGGERS),
            derived(&own)
        );
        each(session, &sql, &mut |row| {
            if let [Some(id), Some(of)] = row
                && let Some(users) = family.triggers.get_mut(*of)
            {
                users.derived = Some((*id).to_owned());
            }
        })?;
        Ok(family)
    }

    /// The ids of the lost operations that `goes` says to go, and of the triggers that only they use.
    pub(super) fn going(&self, mut goes: impl FnMut(&LostOperation) -> bool) -> (Vec<String>, Vec<String>) {
        let mut operations = Vec::new();
        let mut gone_of_trigger: HashMap<&str, u64> = HashMap::new();
        for operation in &self.lost {
            if goes(operation) {
                operations.push(operation.id.clone());
                if let Some(trigger) = operation.trigger.as_deref() {
                    *gone_of_trigger.entry(trigger).or_default() += 1;
                }
            }
        }
        let unused = self
            .triggers
            .iter()
            .filter(|(trigger, users)| gone_of_trigger.get(trigger.as_str()) == Some(&users.operations));
        let mut triggers: Vec<_> = unused.filter_map(|(_, users)| users.derived.clone()).collect();
        triggers.sort_unstable();
        (operations, triggers)
    }
}

/// Plans with resources that Karbor added.
pub(super) fn used_by_resources(
    session: &mut dyn Session,
    marks: ImportPredicates<'_>,
) -> Result<HashSet<String>> {
    let mut used = HashSet::new();
    each(session, &resources_sql(marks), &mut |row| {
        if let [_, Some(plan), _, _, Some("0")] = row {
            used.insert((*plan).to_owned());
        }
    })?;
    Ok(used)
}

/// Plans that copies of Karbor's name, and how many imported copies name each plan. A copy that Karbor deleted needs no plan,
/// but where `deleted_count`: a foreign key refuses to lose the plan.
pub(super) fn used_by_copies(
    session: &mut dyn Session,
    marks: ImportPredicates<'_>,
    deleted_count: bool,
) -> Result<(HashSet<String>, HashMap<String, u64>)> {
    let (mut by_karbor, mut by_copies) = (HashSet::new(), HashMap::new());
    let plan = marks.column(&karbor::ITEMS, "i", "plan_id");
    let is_ours = marks.is_copy_of("i", &SOURCES);
    let live = match deleted_count {
        true => String::new(),
        false => format!(" AND {}", no(&marks.column(&karbor::ITEMS, "i", "deleted"), "true")),
    };
    let sql = format!(
        "SELECT {plan_key}, CASE WHEN {is_ours} THEN '1' ELSE '0' END, count(*) FROM {} i WHERE {plan} IS NOT NULL{live} \
         GROUP BY {plan_key}, CASE WHEN {is_ours} THEN '1' ELSE '0' END",
        marks.table(&karbor::ITEMS),
        plan_key = key(&plan),
    );
    each(session, &sql, &mut |row| match row {
        [Some(plan), Some("1"), Some(count)] => {
            by_copies.insert((*plan).to_owned(), count.parse().unwrap_or(0));
        }
        [Some(plan), ..] => drop(by_karbor.insert((*plan).to_owned())),
        _ => {}
    })?;
    Ok((by_karbor, by_copies))
}

pub(super) fn states_sql(marks: ImportPredicates<'_>) -> String {
    let column = |name: &str| marks.column(&karbor::STATES, "s", name);
    format!(
        "SELECT {}, {} FROM {} s",
        text(&column("id")),
        key(&column("operation_id")),
        marks.table(&karbor::STATES)
    )
}

/// `(id, plan_id plain, plan_id, resource_id, whether it is named as imported ones are)`.
pub(super) fn resources_sql(marks: ImportPredicates<'_>) -> String {
    let column = |name: &str| marks.column(&karbor::RESOURCES, "r", name);
    format!(
        "SELECT {}, {}, {}, {}, CASE WHEN {} THEN '1' ELSE '0' END FROM {} r",
        text(&column("id")),
        key(&column("plan_id")),
        text(&column("plan_id")),
        text(&column("resource_id")),
        crate::removal::sets::named_by_itself(marks),
        marks.table(&karbor::RESOURCES)
    )
}

pub(super) fn each(
    session: &mut dyn Session,
    sql: &str,
    take: &mut dyn FnMut(&[Option<&str>]),
) -> Result<()> {
    session.query("looking for rows to remove", sql, &mut |row| {
        take(row);
        Ok(())
    })
}
