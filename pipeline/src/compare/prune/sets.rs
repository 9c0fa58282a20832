//! The sets of rows that go, as temporary tables.

use crate::error::{Error, Result};
use crate::karbor::Table;
use crate::load::session::{Session, literal};
use crate::removal::sets::GONE;

/// Rows that one statement names.
const PAGE: usize = 500;

/// The set of copies to be removed; the others are [`GONE`].
pub(crate) const GONE_ITEMS: &str = "etl_gone_item";

/// An empty temporary table for a set of rows of `table`, with these columns.
pub(crate) fn make_set(session: &mut dyn Session, set: &str, columns: &str, table: &str) -> Result<()> {
    let sql = format!("CREATE TEMPORARY TABLE {set} AS SELECT {columns} FROM {table} t WHERE 1 = 0");
    session.execute("making a temporary table", &sql).map(drop)
}

/// Adds the rows whose `column` is one of `ids`.
pub(crate) fn add_to_set(
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
pub(crate) fn set_of(table: &Table) -> &'static str {
    GONE.iter().find(|(gone, _)| gone.name == table.name).map_or(GONE_ITEMS, |(_, set)| set)
}
