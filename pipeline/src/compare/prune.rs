//! Removes imported rows that the dumps no longer have (`--prune`): with the rows that are their own, and only where nothing of
//! Karbor's, and no copy that stays, depends on them.
//!
//! What goes is decided here, from what the target has; the statements of [`crate::removal`] delete it.

use super::Comparison;
use super::signs::Sign;
use super::sql::{ITEMS, OPERATIONS, PLANS, RESOURCES, STATES, TRIGGERS};
use crate::error::{Error, Result};
use crate::karbor::{self, Source, Table, WRITTEN};
use crate::load::lookup::no;
use crate::load::session::{Session, literal};
use crate::removal::beside::{EXECUTIONS, LOGS};
use crate::removal::delete::{ORDER, delete_beside, deletions, id};
use crate::removal::marks::{Marks, SOURCES, derived, key, text};
use crate::removal::references;
use crate::removal::sets::GONE;
use parsers::value::Timestamp;
use std::collections::{BTreeSet, HashMap, HashSet};

/// The set of copies to be removed; the others are [`GONE`].
const GONE_ITEMS: &str = "etl_gone_item";

/// Rows that one statement names.
const PAGE: usize = 500;

/// Whether rows that the dumps no longer have are removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Prune {
    /// They are only told.
    #[default]
    No,
    /// They are removed; more than a tenth of the imported rows only where their number was typed.
    Yes {
        /// The number that was typed.
        typed: Option<u64>,
    },
}

/// Of how many imported rows one may go without its number being typed.
const ONE_OF: u64 = 10;

/// Rows that the dumps no longer have, as a run finds them.
#[derive(Debug, Default)]
pub(crate) struct LostRows {
    pub(crate) plans: Vec<String>,
    pub(crate) operations: Vec<String>,
    /// By plan and resource.
    pub(crate) resources: HashSet<(String, String)>,
    /// How many copies.
    pub(crate) items: u64,
    /// Those of them that were changed in Karbor since.
    items_changed: u64,
    /// Those of them that are only known to be newer than the dumps.
    pub(crate) items_later: u64,
    /// Plans and operations that were changed in Karbor since, by place of the table and id as [`plain`] has it.
    changed: HashSet<(usize, String)>,
    /// Other rows of the policy side, with the times of their last change.
    unsigned: Vec<(usize, Vec<String>, Timestamp)>,
    /// Copies that a run would take off their plan, by the plan's id as [`plain`] has it; a run that writes has done it.
    pub(crate) unlinked: HashMap<String, u64>,
    /// Copies that would be removed, likewise.
    lost_of_plan: HashMap<String, u64>,
    /// Whether the temporary table of copies was made.
    items_table: bool,
}

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

/// An id as it is compared across tables.
pub(crate) fn plain(id: &str) -> String {
    id.replace('-', "").to_lowercase()
}

impl LostRows {
    /// Notes a row of the policy side, by its key, with what shows that Karbor changed it, and when it was changed last.
    pub(crate) fn note(
        &mut self,
        table: usize,
        key: &[String],
        (sign, changed): (Option<Sign>, Option<Timestamp>),
    ) {
        match (sign, changed) {
            (Some(_), _) => drop(self.changed.insert((table, plain(&key.concat())))),
            (None, Some(changed)) => self.unsigned.push((table, key.to_vec(), changed)),
            (None, None) => {}
        }
        match (table, key) {
            (PLANS, [id, ..]) => self.plans.push(id.clone()),
            (OPERATIONS, [id, ..]) => self.operations.push(id.clone()),
            (RESOURCES, [plan, resource]) => drop(self.resources.insert((plan.clone(), resource.clone()))),
            _ => {}
        }
    }

    /// Notes that a copy would no longer name a plan.
    pub(crate) fn unlink(&mut self, plan: Option<String>) {
        if let Some(plan) = plan {
            *self.unlinked.entry(plain(&plan)).or_default() += 1;
        }
    }

    /// Takes the rows of the policy side that only their times tell to be changed: after `newest`, the last change in the dumps.
    pub(crate) fn take_later(&mut self, newest: Timestamp) -> Vec<(usize, Vec<String>)> {
        let later = std::mem::take(&mut self.unsigned).into_iter().filter(|(.., changed)| *changed > newest);
        let later: Vec<_> = later.map(|(table, key, _)| (table, key)).collect();
        self.changed.extend(later.iter().map(|(table, key)| (*table, plain(&key.concat()))));
        self.items_changed += std::mem::take(&mut self.items_later);
        later
    }

    /// Notes a copy that the dumps no longer have.
    pub(crate) fn lose_copy(&mut self, plan: Option<String>, changed: bool) {
        self.items += 1;
        self.items_changed += u64::from(changed);
        if let Some(plan) = plan {
            *self.lost_of_plan.entry(plain(&plan)).or_default() += 1;
        }
    }

    /// Drops the temporary table of copies.
    fn drop_items(&self, session: &mut dyn Session) -> Result<()> {
        if !self.items_table {
            return Ok(());
        }
        session.execute("dropping a temporary table", &format!("DROP TABLE {GONE_ITEMS}")).map(drop)
    }

    /// Notes copies that are lost, by their ids, in a temporary table that the deletion uses.
    ///
    /// # Errors
    /// The target's.
    pub(crate) fn note_items(
        &mut self,
        session: &mut dyn Session,
        comparison: &Comparison,
        ids: &[String],
    ) -> Result<()> {
        let (table, column) = (comparison.sql().table(ITEMS), comparison.sql().column(ITEMS, "id"));
        if !std::mem::replace(&mut self.items_table, true) {
            make_set(session, GONE_ITEMS, &format!("t.{column}"), table)?;
        }
        add_to_set(session, (GONE_ITEMS, &format!("t.{column}")), (table, &format!("t.{column}")), ids)
    }
}

impl Comparison {
    /// Finds what goes. Nothing is written.
    ///
    /// # Errors
    /// The target's.
    pub(crate) fn find_pruned(&self, session: &mut dyn Session, lost: &LostRows) -> Result<Pruned> {
        let mut pruned = Pruned::default();
        let mut allowed = |table: usize, is_any: bool| match self.lacking(table).filter(|_| is_any) {
            Some(lacking) => {
                pruned.warnings.push(lacking);
                false
            }
            None => is_any,
        };
        let none = (Vec::new(), HashSet::new());
        let plans = if allowed(PLANS, !lost.plans.is_empty()) { &lost.plans } else { &none.0 };
        let resources =
            if allowed(RESOURCES, !lost.resources.is_empty()) { &lost.resources } else { &none.1 };
        let operations =
            if allowed(OPERATIONS, !lost.operations.is_empty()) { &lost.operations } else { &none.0 };
        let items = allowed(ITEMS, lost.items > 0);
        let lost_plans: BTreeSet<String> = plans.iter().map(|id| plain(id)).collect();
        let lost_operations: BTreeSet<String> = operations.iter().map(|id| plain(id)).collect();
        let marks = Marks::new(&self.layouts, session.dialect());
        let family = Family::read(session, marks, &lost_operations)?;
        let mut used = family.used_plans;
        used.extend(used_by_resources(session, marks)?);
        let references = references::read(session, marks)?;
        let (by_karbor, by_copies) = used_by_copies(session, marks, references::names_plans(&references))?;
        used.extend(by_karbor);
        let mut kept_for_copies = 0;
        for (plan, copies) in by_copies {
            let removed = lost.lost_of_plan.get(&plan).copied().filter(|_| items).unwrap_or(0);
            let gone = lost.unlinked.get(&plan).copied().unwrap_or(0) + removed;
            if copies > gone && lost_plans.contains(&plan) {
                kept_for_copies += copies - gone;
                used.insert(plan);
            }
        }
        if kept_for_copies > 0 {
            pruned.warnings.push(format!(
                "plans that {kept_for_copies} imported copies name were not removed: Karbor keeps these copies, or the dumps lack \
                 them or their job records"
            ));
        }
        let is_gone = |plan: &str| lost_plans.contains(plan) && !used.contains(plan);
        let stays = |plan: &str| lost_plans.contains(plan) && used.contains(plan);
        let mut gone: [Vec<String>; 5] = Default::default();
        let [gone_plans, gone_resources, gone_triggers, gone_operations, gone_states] = &mut gone;
        gone_plans.extend(plans.iter().filter(|id| is_gone(&plain(id))).cloned());
        let mut gone_of_trigger: HashMap<&str, u64> = HashMap::new();
        let mut gone_keys = BTreeSet::new();
        let has_extends = self.scope.has_extends(Source::Vbs);
        let mut kept_operations = 0;
        for operation in &family.lost {
            if operation.plan.as_deref().is_some_and(stays) {
                continue;
            }
            // The policy is still there, and what would tell of its operations has no rows at all.
            if !has_extends && !operation.plan.as_deref().is_some_and(is_gone) {
                kept_operations += 1;
                continue;
            }
            gone_operations.push(operation.id.clone());
            gone_keys.insert(plain(&operation.id));
            if let Some(trigger) = operation.trigger.as_deref() {
                *gone_of_trigger.entry(trigger).or_default() += 1;
            }
        }
        if kept_operations > 0 {
            pruned.warnings.push(format!(
                "{kept_operations} operations of policies that the dumps have were not removed: backup_policy_extend has no rows \
                 at all: was it dumped with all rights?"
            ));
        }
        for (trigger, users) in &family.triggers {
            if gone_of_trigger.get(trigger.as_str()) == Some(&users.operations)
                && let Some(id) = &users.derived
            {
                gone_triggers.push(id.clone());
            }
        }
        gone_triggers.sort_unstable();
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
                if is_gone(plan) || resources.contains(&key) && !stays(plan) {
                    gone_resources.push((*id).to_owned());
                }
            }
        })?;
        let changed = [(PLANS, &*gone_plans), (OPERATIONS, &*gone_operations)];
        for (table, ids) in changed {
            let changed = ids.iter().filter(|id| lost.changed.contains(&(table, plain(id)))).count();
            pruned.changed += u64::try_from(changed).unwrap_or(u64::MAX);
        }
        pruned.changed += if items { lost.items_changed } else { 0 };
        for (rows, ids) in pruned.rows.iter_mut().zip(&gone) {
            *rows = u64::try_from(ids.len()).unwrap_or(u64::MAX);
        }
        if let Some(rows) = pruned.rows.last_mut().filter(|_| items) {
            *rows = lost.items;
        }
        pruned.gone = gone;
        Ok(pruned)
    }

    /// Why no row of a table may be removed, if there is a reason.
    fn lacking(&self, table: usize) -> Option<String> {
        let (mut missing, mut empty) = (Vec::new(), Vec::new());
        for source in self.scope.compared(table) {
            let lacking = self.scope.lacking(table, source);
            missing.extend(lacking.0);
            empty.extend(lacking.1);
        }
        let names = |tables: Vec<parsers::columns::Table>| {
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
        let marks = Marks::new(&self.layouts, session.dialect());
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

/// What belongs to lost operations.
struct Family {
    lost: Vec<LostOperation>,
    /// By the id of the trigger, plain.
    triggers: HashMap<String, TriggerUse>,
    /// Plans that other operations name.
    used_plans: HashSet<String>,
}

struct LostOperation {
    id: String,
    trigger: Option<String>,
    plan: Option<String>,
}

/// How often a trigger is used, and its id if it is one that only an import makes.
#[derive(Default)]
struct TriggerUse {
    operations: u64,
    derived: Option<String>,
}

impl Family {
    fn read(session: &mut dyn Session, marks: Marks<'_>, lost: &BTreeSet<String>) -> Result<Self> {
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
}

/// Plans with resources that Karbor added.
fn used_by_resources(session: &mut dyn Session, marks: Marks<'_>) -> Result<HashSet<String>> {
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
fn used_by_copies(
    session: &mut dyn Session,
    marks: Marks<'_>,
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

fn states_sql(marks: Marks<'_>) -> String {
    let column = |name: &str| marks.column(&karbor::STATES, "s", name);
    format!(
        "SELECT {}, {} FROM {} s",
        text(&column("id")),
        key(&column("operation_id")),
        marks.table(&karbor::STATES)
    )
}

/// `(id, plan_id plain, plan_id, resource_id, whether it is named as imported ones are)`.
fn resources_sql(marks: Marks<'_>) -> String {
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

fn each(session: &mut dyn Session, sql: &str, take: &mut dyn FnMut(&[Option<&str>])) -> Result<()> {
    session.query("looking for rows to remove", sql, &mut |row| {
        take(row);
        Ok(())
    })
}

/// An empty temporary table for a set of rows of `table`, with these columns.
fn make_set(session: &mut dyn Session, set: &str, columns: &str, table: &str) -> Result<()> {
    let sql = format!("CREATE TEMPORARY TABLE {set} AS SELECT {columns} FROM {table} t WHERE 1 = 0");
    session.execute("making a temporary table", &sql).map(drop)
}

/// Adds the rows whose `column` is one of `ids`.
fn add_to_set(
    session: &mut dyn Session,
    (set, columns): (&str, &str),
    (table, column): (&str, &str),
    ids: &[String],
) -> Result<()> {
    for page in ids.chunks(PAGE) {
        let list: Vec<_> = page.iter().map(|id| literal(id)).collect();
        let sql = format!(
            "INSERT INTO {set} SELECT {columns} FROM {table} t WHERE {column} IN ({})",
            list.join(", ")
        );
        let added = session.execute("noting the rows to remove", &sql)?;
        if added != u64::try_from(page.len()).unwrap_or(u64::MAX) {
            let what = format!("{} rows of {table} were to be removed, and {added} found", page.len());
            return Err(Error::Imbalance(what));
        }
    }
    Ok(())
}

/// The set of the rows of a table that go.
fn set_of(table: &Table) -> &'static str {
    GONE.iter().find(|(gone, _)| gone.name == table.name).map_or(GONE_ITEMS, |(_, set)| set)
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
