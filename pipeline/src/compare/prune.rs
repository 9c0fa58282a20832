//! Removes imported rows that the dumps no longer hold (`--prune`): with the rows that are their own, and only where nothing that
//! Karbor made hangs on them.
//!
//! The sets have the names that [`crate::removal`] deletes by.

use super::merge::Merge;
use super::sql::{ITEMS, OPERATIONS, PLANS, RESOURCES};
use crate::error::{Error, Result};
use crate::karbor::{self, Table};
use crate::load::session::count;
use crate::removal::beside::{EXECUTIONS, LOGS};
use crate::removal::delete::{delete_beside, deletions, id};
use crate::removal::marks::{Marks, SOURCES, derived, key};
use crate::removal::sets::GONE;

/// The set of copies to be removed; the others are [`GONE`].
const GONE_ITEMS: &str = "etl_gone_item";

/// Whether rows that the dumps no longer hold are removed.
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

/// What a removal comes to.
#[derive(Debug, Default)]
pub(crate) struct Pruned {
    /// Rows by table, in the order of [`karbor::WRITTEN`].
    pub(crate) rows: [u64; karbor::WRITTEN.len()],
    /// Why rows of some tables stay.
    pub(crate) warnings: Vec<String>,
}

impl Merge<'_> {
    /// Makes the sets of rows that go, of the tables in `there`, and counts them.
    ///
    /// # Errors
    /// The database's.
    pub(crate) fn find_pruned(&mut self, there: &[usize]) -> Result<Pruned> {
        let mut pruned = Pruned::default();
        let mut allowed = Vec::new();
        for table in there {
            match self.lacking(*table) {
                Some(lacking) => pruned.warnings.push(lacking),
                None => allowed.push(*table),
            }
        }
        for statement in self.sets(&allowed) {
            self.session.execute("looking for rows to remove", &statement)?;
        }
        for (written, rows) in karbor::WRITTEN.iter().zip(&mut pruned.rows) {
            let sql = format!("SELECT count(*) FROM {}", set_of(written));
            *rows = count(self.session, "counting the rows to remove", &sql)?;
        }
        Ok(pruned)
    }

    /// Why no row of a table may be removed, if there is a reason.
    fn lacking(&self, table: usize) -> Option<String> {
        let scope = &self.comparison.scope;
        let name = self.layouts.get(table).map_or("", |layout| &layout.name);
        let (mut missing, mut empty) = (Vec::new(), Vec::new());
        for source in scope.compared(table) {
            let lacking = scope.lacking(table, source);
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
        Some(format!("rows of {name} that the dumps no longer hold were not removed: {why}"))
    }

    /// The sets, each a temporary table.
    fn sets(&self, allowed: &[usize]) -> Vec<String> {
        let sql = self.comparison.sql(self.session, self.layouts);
        let marks = Marks::new(self.layouts, self.session.dialect());
        let has = |table: usize| allowed.contains(&table);
        // The keys that are there and that the dumps do not hold, or none.
        let lost = |table: usize, columns: &str, empty: &str| {
            if has(table) {
                format!("SELECT {columns} {}", sql.lost(table))
            } else {
                format!("SELECT {empty} FROM {} t WHERE 1 = 0", sql.table(table))
            }
        };
        let plan = sql.column(PLANS, "id");
        let operation = sql.column(OPERATIONS, "id");
        let item = sql.column(ITEMS, "id");
        let (row, of_plan) = (sql.column(RESOURCES, "id"), sql.column(RESOURCES, "plan_id"));
        let keyed = |alias: &str, column: &str| {
            let column = format!("{alias}.{column}");
            format!("{column} AS id, {} AS key", key(&column))
        };
        let copies_of_karbor = format!(
            "SELECT {} AS key FROM {} i WHERE NOT {}",
            key(&marks.column(&karbor::ITEMS, "i", "plan_id")),
            marks.table(&karbor::ITEMS),
            marks.is_copy_of("i", &SOURCES),
        );
        let table = |name: &str, select: String| sql.temporary(name, &select);
        let mut out = vec![
            table("etl_lost_plan", lost(PLANS, &keyed("h", &plan), &keyed("t", &plan))),
            table("etl_lost_operation", lost(OPERATIONS, &keyed("h", &operation), &keyed("t", &operation))),
            // Operations that stay, resources that Karbor added and copies that it made keep their plan.
            table(
                "etl_used_plan",
                format!(
                    "SELECT {named} AS key FROM {operations} o LEFT JOIN etl_lost_operation l ON l.id = o.{operation} \
                     WHERE l.id IS NULL UNION SELECT {resource_plan} FROM {resources} r WHERE NOT ({own}) UNION {copies_of_karbor}",
                    named = key(&marks.named_plan("o")),
                    operations = marks.table(&karbor::OPERATIONS),
                    resource_plan = key(&format!("r.{of_plan}")),
                    resources = marks.table(&karbor::RESOURCES),
                    own = crate::removal::sets::named_by_itself(marks),
                ),
            ),
            table(
                "etl_gone_plan",
                "SELECT l.id, l.key FROM etl_lost_plan l LEFT JOIN etl_used_plan u ON u.key = l.key WHERE u.key IS NULL"
                    .to_owned(),
            ),
            // A plan that is lost and stays keeps what is its own.
            table(
                "etl_staying_plan",
                "SELECT l.key FROM etl_lost_plan l LEFT JOIN etl_gone_plan g ON g.key = l.key WHERE g.key IS NULL".to_owned(),
            ),
            table(
                "etl_gone_operation",
                format!(
                    "SELECT l.id, l.key FROM etl_lost_operation l JOIN {operations} o ON o.{operation} = l.id \
                     LEFT JOIN etl_staying_plan p ON p.key = {named} WHERE p.key IS NULL",
                    operations = marks.table(&karbor::OPERATIONS),
                    named = key(&marks.named_plan("o")),
                ),
            ),
        ];
        let trigger = marks.column(&karbor::TRIGGERS, "t", "id");
        let of_trigger = marks.column(&karbor::OPERATIONS, "o", "trigger_id");
        out.push(table(
            "etl_gone_trigger",
            format!(
                "SELECT {trigger} AS id, {trigger_key} AS key FROM {triggers} t JOIN {operations} o ON {of_trigger} = {trigger} \
                 LEFT JOIN etl_gone_operation g ON g.id = o.{operation} WHERE {derived} GROUP BY {trigger} \
                 HAVING count(*) = count(g.id)",
                trigger_key = key(&trigger),
                triggers = marks.table(&karbor::TRIGGERS),
                operations = marks.table(&karbor::OPERATIONS),
                derived = derived(&trigger),
            ),
        ));
        out.push(table(
            "etl_gone_state",
            format!(
                "SELECT s.{} AS id FROM {} s JOIN etl_gone_operation g ON g.id = {}",
                sql.column(super::sql::STATES, "id"),
                marks.table(&karbor::STATES),
                marks.column(&karbor::STATES, "s", "operation_id"),
            ),
        ));
        let of_gone_plans = format!(
            "SELECT r.{row} AS id FROM {} r JOIN etl_gone_plan g ON g.id = r.{of_plan}",
            marks.table(&karbor::RESOURCES)
        );
        let lost_resources = has(RESOURCES).then(|| {
            format!(
                " UNION SELECT h.{row} {} AND NOT EXISTS (SELECT 1 FROM etl_staying_plan p WHERE p.key = {})",
                sql.lost(RESOURCES),
                key(&format!("h.{of_plan}")),
            )
        });
        out.push(table("etl_gone_resource", of_gone_plans + &lost_resources.unwrap_or_default()));
        out.push(table(GONE_ITEMS, lost(ITEMS, &format!("h.{item} AS id"), &format!("t.{item} AS id"))));
        out
    }

    /// Removes what [`Merge::find_pruned`] found; what goes must be what was counted.
    ///
    /// # Errors
    /// The database's; more is to go than may without its number being typed.
    pub(crate) fn prune(&mut self, name: &str, pruned: &Pruned, typed: Option<u64>) -> Result<()> {
        let going: u64 = pruned.rows.iter().sum();
        let imported = self.comparison.imported();
        if going * ONE_OF > imported && typed != Some(going) {
            let what = format!(
                "{name}: {going} of {imported} imported rows would be removed, because the dumps no longer hold them; nothing \
                 was written"
            );
            let remedy = format!("see that the dumps are whole; if they are, run again with --prune={going}");
            return Err(Error::target(what, remedy));
        }
        let marks = Marks::new(self.layouts, self.session.dialect());
        for kind in [EXECUTIONS, LOGS] {
            delete_beside(self.session, kind)?;
        }
        let condition = |table: &Table| {
            let layout = marks.layout(table);
            Some(format!("{} IN (SELECT id FROM {})", id(layout), set_of(table)))
        };
        for deletion in deletions(marks, condition) {
            let deleted = self.session.execute(&deletion.doing, &deletion.sql)?;
            let place = karbor::WRITTEN
                .iter()
                .position(|written| deletion.table.is_some_and(|table| table.name == written.name));
            let counted = place.and_then(|place| pruned.rows.get(place)).copied().unwrap_or(0);
            if deleted != counted {
                let what = format!("{}: {deleted} rows went, and {counted} were counted", deletion.doing);
                return Err(Error::Imbalance(what));
            }
        }
        Ok(())
    }
}

/// The set of the rows of a table that go.
fn set_of(table: &Table) -> &'static str {
    GONE.iter().find(|(gone, _)| gone.name == table.name).map_or(GONE_ITEMS, |(_, set)| set)
}

/// Refuses a removal that could not know what it removes.
///
/// # Errors
/// A file of set-aside rows is among the dumps, or rows were rejected.
pub(crate) fn refuse_blind(rejects_file: bool, rejected: bool) -> Result<()> {
    let what = match (rejects_file, rejected) {
        (true, _) => "--prune: a file of set-aside rows is among the dumps, and they do not hold every row",
        (_, true) => "--prune: rows were rejected, and whether the source still holds them cannot be told",
        _ => return Ok(()),
    };
    Err(Error::target(what, "run without --prune; remove rows by a later run of whole, sound dumps"))
}
