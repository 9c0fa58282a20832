//! Removes imported rows that the dumps no longer have (`--prune`): with the rows that are their own, and only where nothing of
//! Karbor's, and no copy that stays, depends on them.
//!
//! What goes is decided here, from what the target has; the statements of [`crate::removal`] delete it.

mod depended;
mod lost;
pub(crate) mod sets;

pub(crate) use lost::LostRows;

use super::sql::{ITEMS, OPERATIONS, PLANS, RESOURCES, STATES, TRIGGERS};
use crate::compare::comparison::Comparison;
use crate::compare::prune::sets::{GONE_ITEMS, add_to_set, make_set, set_of};
use crate::compare::text::plain;
use crate::error::{Error, Result};
use crate::karbor::{Source, Table, WRITTEN};
use crate::load::session::Session;
use crate::removal::beside::{EXECUTIONS, LOGS};
use crate::removal::delete::{ORDER, delete_beside, deletions, id};
use crate::removal::marks::{ImportPredicates, key};
use crate::removal::references;
use crate::removal::sets::GONE;
use depended::{Family, each, resources_sql, states_sql, used_by_copies, used_by_resources};
use std::collections::HashSet;

/// Of how many imported rows one may go without its number being typed.
const ONE_OF: u64 = 10;

/// What a removal comes to.
#[derive(Debug, Default)]
pub(crate) struct Pruned {
    /// Rows by table, in the order of [`WRITTEN`].
    pub(crate) rows: [u64; WRITTEN.len()],
    /// Those of them that were changed in Karbor since.
    pub(crate) changed: u64,
    /// Why rows of some tables stay.
    pub(crate) warnings: Vec<String>,
    /// The rows that go, by table, but for copies: ids as texts.
    gone: [Vec<String>; WRITTEN.len() - 1],
}

impl Comparison {
    /// Finds what goes. Nothing is written.
    ///
    /// # Errors
    /// The target's.
    pub(crate) fn find_pruned(&self, session: &mut dyn Session, lost: &LostRows) -> Result<Pruned> {
        let mut pruned = Pruned::default();
        let wanted = self.wanted(lost, &mut pruned.warnings);
        let marks = ImportPredicates::new(&self.layouts, session.dialect());
        let lost_operations = wanted.operations.iter().map(|id| plain(id)).collect();
        let family = Family::read(session, marks, &lost_operations)?;
        let used = plans_in_use(session, (marks, &family), (lost, &wanted), &mut pruned.warnings)?;
        let lost_plans: HashSet<String> = wanted.plans.iter().map(|id| plain(id)).collect();
        let (staying, going): (HashSet<_>, HashSet<_>) =
            lost_plans.into_iter().partition(|plan| used.contains(plan));
        let [gone_plans, gone_resources, gone_triggers, gone_operations, gone_states] = &mut pruned.gone;
        gone_plans.extend(wanted.plans.iter().filter(|id| going.contains(&plain(id))).cloned());
        let has_extends = self.scope.has_extends(Source::Vbs);
        let mut kept = 0;
        let gone_family = family.going(|operation| {
            let of =
                |plans: &HashSet<String>| operation.plan.as_ref().is_some_and(|plan| plans.contains(plan));
            // The policy is still there, and what would tell of its operations has no rows at all.
            let is_unsure = !has_extends && !of(&going) && !of(&staying);
            kept += u64::from(is_unsure);
            !is_unsure && !of(&staying)
        });
        (*gone_operations, *gone_triggers) = gone_family;
        if kept > 0 {
            pruned.warnings.push(format!(
                "{kept} operations of policies that the dumps have were not removed: backup_policy_extend has no rows at all: \
                 was it dumped with all rights?"
            ));
        }
        let gone_keys: HashSet<String> = gone_operations.iter().map(|id| plain(id)).collect();
        each(session, &states_sql(marks), &mut |row| {
            if let [Some(id), Some(operation)] = row
                && gone_keys.contains(*operation)
            {
                gone_states.push((*id).to_owned());
            }
        })?;
        each(session, &resources_sql(marks), &mut |row| {
            if let [Some(id), Some(plan), Some(plan_id), resource_id, ..] = row {
                let key = ((*plan_id).to_owned(), resource_id.unwrap_or_default().to_owned());
                if going.contains(*plan) || wanted.resources.contains(&key) && !staying.contains(*plan) {
                    gone_resources.push((*id).to_owned());
                }
            }
        })?;
        pruned.count(lost, wanted.items);
        Ok(pruned)
    }

    /// What may be removed of what is lost; `warnings` take why the rest may not.
    fn wanted<'l>(&self, lost: &'l LostRows, warnings: &mut Vec<String>) -> Wanted<'l> {
        let mut allowed = |table: usize, is_any: bool| match self.lacking(table).filter(|_| is_any) {
            Some(lacking) => {
                warnings.push(lacking);
                false
            }
            None => is_any,
        };
        let mut wanted = Wanted { resources: lost.resources.iter().collect(), ..Wanted::default() };
        if allowed(PLANS, !lost.plans.is_empty()) {
            wanted.plans = &lost.plans;
        }
        if !allowed(RESOURCES, !lost.resources.is_empty()) {
            wanted.resources.clear();
        }
        if allowed(OPERATIONS, !lost.operations.is_empty()) {
            wanted.operations = &lost.operations;
        }
        wanted.items = allowed(ITEMS, lost.items > 0);
        wanted
    }

    /// Why no row of a table may be removed, if there is a reason.
    fn lacking(&self, table: usize) -> Option<String> {
        let (mut missing, mut empty) = (Vec::new(), Vec::new());
        for source in self.scope.compared(table) {
            let lacking = self.scope.lacking(table, source);
            missing.extend(lacking.0);
            empty.extend(lacking.1);
        }
        let names = |tables: Vec<parsers::table::Table>| {
            tables.iter().map(|table| table.name()).collect::<Vec<_>>().join(", ")
        };
        let why = match (missing.is_empty(), empty.is_empty()) {
            (true, true) => return None,
            (false, _) => format!("the dumps lack {}", names(missing)),
            (true, false) => format!("{} has no rows at all: was it dumped with all rights?", names(empty)),
        };
        Some(format!("rows of {} that the dumps no longer have were not removed: {why}", self.name(table)))
    }

    /// Removes what was found; what goes must be what was counted.
    ///
    /// # Errors
    /// The target's; more is to go than may without its number being typed.
    pub(crate) fn prune(
        &self,
        session: &mut dyn Session,
        name: &str,
        (pruned, lost): (&Pruned, &LostRows),
        typed: Option<u64>,
    ) -> Result<()> {
        let going: u64 = pruned.rows.iter().sum();
        let imported: u64 = self.imported.iter().sum();
        if going * ONE_OF > imported && typed != Some(going) {
            let changed = match pruned.changed {
                0 => String::new(),
                changed => format!(" ({changed} of them changed in Karbor since)"),
            };
            let what = format!(
                "{name}: {going} of {imported} imported rows would be removed{changed}, because the dumps no longer have them; \
                 nothing was written"
            );
            let remedy = format!("see that the dumps are whole; if they are, run again with --prune={going}");
            return Err(Error::target(what, remedy));
        }
        if going == 0 {
            return lost.drop_items(session);
        }
        let marks = ImportPredicates::new(&self.layouts, session.dialect());
        for ((table, set), ids) in GONE.iter().zip(&pruned.gone) {
            let column = format!("t.{}", id(marks.layout(table)));
            let columns = format!("{column} AS id, {} AS key", key(&column));
            make_set(session, set, &columns, marks.table(table))?;
            add_to_set(session, (set, &columns), (marks.table(table), &column), ids)?;
        }
        let items = pruned.rows.last().is_some_and(|rows| *rows > 0);
        let condition = |table: &Table| {
            let set = set_of(table);
            (set != GONE_ITEMS || items)
                .then(|| format!("{} IN (SELECT id FROM {set})", id(marks.layout(table))))
        };
        let references = references::read(session, marks)?;
        references::refuse_referring(session, name, marks, &references, &condition)?;
        for kind in [EXECUTIONS, LOGS] {
            delete_beside(session, kind)?;
        }
        for deletion in deletions(marks, &references::order(&ORDER, &references), condition) {
            let deleted = session.execute(&deletion.doing, &deletion.sql)?;
            let place = WRITTEN
                .iter()
                .position(|written| deletion.table.is_some_and(|table| table.name == written.name));
            let counted = place.and_then(|place| pruned.rows.get(place)).copied().unwrap_or(0);
            if deleted != counted {
                let what = format!("{}: {deleted} rows went, and {counted} were counted", deletion.doing);
                return Err(Error::target(what, super::write::triggers_remedy("that table")));
            }
        }
        for (_, set) in GONE {
            session.execute("dropping a temporary table", &format!("DROP TABLE {set}"))?;
        }
        lost.drop_items(session)
    }
}

/// What may be removed of what is lost.
#[derive(Default)]
struct Wanted<'l> {
    plans: &'l [String],
    operations: &'l [String],
    resources: HashSet<&'l (String, String)>,
    items: bool,
}

impl Pruned {
    /// Counts what goes, with the lost copies, if `items` go.
    fn count(&mut self, lost: &LostRows, items: bool) {
        for (rows, ids) in self.rows.iter_mut().zip(&self.gone) {
            *rows = u64::try_from(ids.len()).unwrap_or(u64::MAX);
        }
        let [plans, _, _, operations, _] = &self.gone;
        for (table, ids) in [(PLANS, plans), (OPERATIONS, operations)] {
            let changed = ids.iter().filter(|id| lost.changed.contains(&(table, plain(id)))).count();
            self.changed += u64::try_from(changed).unwrap_or(u64::MAX);
        }
        if let Some(rows) = self.rows.last_mut().filter(|_| items) {
            *rows = lost.items;
            self.changed += lost.items_changed;
        }
    }
}

/// The plans that something which stays depends on.
fn plans_in_use(
    session: &mut dyn Session,
    (marks, family): (ImportPredicates<'_>, &Family),
    (lost, wanted): (&LostRows, &Wanted<'_>),
    warnings: &mut Vec<String>,
) -> Result<HashSet<String>> {
    let mut used = family.used_plans.clone();
    used.extend(used_by_resources(session, marks)?);
    let references = references::read(session, marks)?;
    let (by_karbor, by_copies) = used_by_copies(session, marks, references::names_plans(&references))?;
    used.extend(by_karbor);
    let lost_plans: HashSet<String> = wanted.plans.iter().map(|id| plain(id)).collect();
    let mut kept = 0;
    for (plan, copies) in by_copies {
        let removed = lost.lost_of_plan.get(&plan).copied().filter(|_| wanted.items).unwrap_or(0);
        let gone = lost.unlinked.get(&plan).copied().unwrap_or(0) + removed;
        if copies > gone && lost_plans.contains(&plan) {
            kept += copies - gone;
            used.insert(plan);
        }
    }
    if kept > 0 {
        warnings.push(format!(
            "plans that {kept} imported copies name were not removed: Karbor keeps these copies, or the dumps lack them or \
             their job records"
        ));
    }
    Ok(used)
}

const _: () = assert!(PLANS == 0 && RESOURCES == 1 && TRIGGERS == 2 && OPERATIONS == 3 && STATES == 4);

/// Refuses a removal that could not know what it removes.
///
/// # Errors
/// A file of set-aside rows is among the dumps, or rows were rejected.
pub(crate) fn refuse_blind(rejects_file: bool, rejected: bool) -> Result<()> {
    let what = match (rejects_file, rejected) {
        (true, _) => {
            "--prune: a file of set-aside rows is among the dumps, and they do not contain every row"
        }
        (_, true) => "--prune: rows were rejected, and whether the source still has them cannot be told",
        _ => return Ok(()),
    };
    Err(Error::target(what, "run without --prune; remove rows by a later run of whole, sound dumps"))
}
