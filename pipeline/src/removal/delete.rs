//! Deletes sets of rows in the order that foreign keys ask for, and proves that they are gone.

use super::beside::{EXECUTIONS, Kind, LOGS, check_rights};
use super::index::Index;
use super::marks::ImportPredicates;
use super::preview::Preview;
use super::references;
use super::sets::{GONE, Sets, sources};
use crate::error::{Error, Result};
use crate::karbor::layout::{Layout, quoted};
use crate::karbor::{ITEMS, OPERATIONS, PLANS, RESOURCES, STATES, TRIGGERS, Table, WRITTEN};
use crate::load::session::{Presence, Session, count};
use crate::removal::request::Request;

/// The order in which tables lose rows where the target's foreign keys ask for no other. Copies go first: a target may have a
/// foreign key of theirs that upstream's Karbor lacks.
pub(crate) const ORDER: [&Table; 6] = [&ITEMS, &STATES, &OPERATIONS, &TRIGGERS, &RESOURCES, &PLANS];

/// A statement that deletes, and whose rows it deletes.
#[derive(Clone, Debug)]
pub(crate) struct Deletion {
    /// What is being done, for errors.
    pub(crate) doing: String,
    /// The statement.
    pub(crate) sql: String,
    /// The table, where it is one that runs write.
    pub(crate) table: Option<&'static Table>,
}

/// The statements that delete the rows for which `condition` has a condition on the unaliased table, in this order of tables.
pub(crate) fn deletions(
    marks: ImportPredicates<'_>,
    order: &[&'static Table],
    condition: impl Fn(&Table) -> Option<String>,
) -> Vec<Deletion> {
    let statement = |table: &'static Table| {
        let (into, condition) = (marks.table(table), condition(table)?);
        let doing = format!("deleting from {}", marks.layout(table).name);
        Some(Deletion { doing, sql: format!("DELETE FROM {into} WHERE {condition}"), table: Some(table) })
    };
    order.iter().copied().filter_map(statement).collect()
}

/// The condition that a row of a table belongs to the rollback: its id stands in the table's set; copies say it themselves.
pub(crate) fn of_rollback(marks: ImportPredicates<'_>, request: Request, table: &Table) -> String {
    match GONE.iter().find(|(of, _)| of.name == table.name) {
        Some((_, set)) => format!("{} IN (SELECT id FROM {set})", id(marks.layout(table))),
        None => marks.is_copy_of("", sources(request.scope)),
    }
}

/// Deletes what `preview` counted, whose sets are still there as temporary tables, and proves it.
///
/// # Errors
/// The target's, or that something else was deleted than was counted.
pub(crate) fn roll_back(
    session: &mut dyn Session,
    name: &str,
    layouts: &[Layout; 6],
    preview: &Preview,
) -> Result<()> {
    let marks = ImportPredicates::new(layouts, session.dialect());
    check_rights(session, name, marks)?;
    for kind in [EXECUTIONS, LOGS] {
        delete_beside(session, kind)?;
    }
    note_witness(session, marks, preview)?;
    let index = Index::make(session, marks, preview.rows_of(&marks.layout(&PLANS).name))?;
    let condition = |table: &Table| Some(of_rollback(marks, preview.request, table));
    let order = references::order(&ORDER, &references::read(session, marks)?);
    for Deletion { doing, sql, table } in deletions(marks, &order, condition) {
        let deleted = session.execute(&doing, &sql)?;
        let counted = table.map_or(deleted, |table| preview.rows_of(&marks.layout(table).name));
        if deleted != counted {
            let what = format!(
                "{name}: {doing}: {deleted} rows went, and {counted} were counted; nothing was deleted"
            );
            return Err(Error::target(
                what,
                "see which triggers or rules the table has of its own, and write down what it holds before you try again",
            ));
        }
    }
    index.drop(session)?;
    prove(session, name, marks, preview)
}

/// Deletes the rows of a table beside those that runs write, where the target has it.
///
/// # Errors
/// The target's.
pub(crate) fn delete_beside(session: &mut dyn Session, kind: Kind) -> Result<()> {
    if let Some(table) = kind.find(session)? {
        let doing = format!("deleting from {}", kind.name);
        session.execute(&doing, &format!("DELETE FROM {table} WHERE {}", kind.condition()))?;
    }
    Ok(())
}

/// Notes a row by whose absence a COMMIT is known.
fn note_witness(session: &mut dyn Session, marks: ImportPredicates<'_>, preview: &Preview) -> Result<()> {
    for table in [&ITEMS, &PLANS, &OPERATIONS, &TRIGGERS] {
        if preview.rows_of(&marks.layout(table).name) == 0 {
            continue;
        }
        let (layout, condition) = (marks.layout(table), of_rollback(marks, preview.request, table));
        let sql = format!("SELECT {} FROM {} WHERE {condition} LIMIT 1", id(layout), layout.into);
        let mut key = None;
        session.query("looking at the rows", &sql, &mut |row| {
            key = row.first().copied().flatten().map(str::to_owned);
            Ok(())
        })?;
        if let Some(key) = key {
            session.witness(layout, &key, Presence::Deleted);
            return Ok(());
        }
    }
    Ok(())
}

/// The sets are made anew of what the tables hold now: all of them must be empty.
fn prove(
    session: &mut dyn Session,
    name: &str,
    marks: ImportPredicates<'_>,
    preview: &Preview,
) -> Result<()> {
    let doing = "proving that the rows are gone";
    let left = count(session, doing, &left(marks, preview.request))?;
    if left == 0 {
        return Ok(());
    }
    let what = format!("{name}: {left} imported rows would be left; nothing was deleted");
    Err(Error::target(what, "this is a fault of etl: keep what `etl rollback --dry-run` says, and report it"))
}

/// How many rows a rollback would still find: a statement that answers one number.
pub(crate) fn left(marks: ImportPredicates<'_>, request: Request) -> String {
    let of_sets = GONE.iter().map(|(_, set)| format!("(SELECT count(*) FROM {set})"));
    let of_items = format!(
        "(SELECT count(*) FROM {} WHERE {})",
        marks.table(&ITEMS),
        of_rollback(marks, request, &ITEMS)
    );
    let counts: Vec<_> = of_sets.chain([of_items]).collect();
    format!("{} SELECT {}", Sets::of_rollback(marks, request).with(), counts.join(" + "))
}

/// The column by which rows of a table are deleted.
pub(crate) fn id(layout: &Layout) -> String {
    quoted(layout.column("id").unwrap_or("id"))
}

/// No table is forgotten when one is added.
const _: () = assert!(ORDER.len() == WRITTEN.len() && GONE.len() + 1 == ORDER.len());
