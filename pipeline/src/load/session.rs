//! SQL on a database whose transaction is open: what reruns, rollback and sync are made of.
//!
//! The statements stand elsewhere, once for all databases: they are what PostgreSQL 9.2 and SQLite both read. What only one
//! of them reads is told apart by [`Session::dialect`].

use crate::error::{Error, Result};
use crate::karbor::ddl::Dialect;
use crate::karbor::layout::Layout;

/// Takes rows one by one, each column as text; its error ends the reading.
pub type TakeTexts<'t> = dyn FnMut(&[Option<&str>]) -> Result<()> + 't;

/// Takes encoded rows one by one; its error ends the reading.
pub type TakeRow<'t> = dyn FnMut(&[u8]) -> Result<()> + 't;

/// What a commit makes of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It is there, as this transaction wrote it.
    Written,
    /// It is not there any more.
    Deleted,
}

/// A database whose transaction is open. `doing` says in an error what was being done, such as `comparing plans`.
pub trait Session {
    /// Whose SQL it reads.
    fn dialect(&self) -> Dialect;

    /// Runs one statement; answers how many rows it wrote.
    ///
    /// # Errors
    /// The database's.
    fn execute(&mut self, doing: &str, sql: &str) -> Result<u64>;

    /// Runs one statement and gives its rows to `take`, each column as text.
    ///
    /// # Errors
    /// The database's, or that of `take`.
    fn query(&mut self, doing: &str, sql: &str, take: &mut TakeTexts<'_>) -> Result<()>;

    /// Gives the rows that `select` selects, which are the columns of `layout`, to `take`, in the bytes that
    /// [`Layout::encode`] makes of the same values.
    ///
    /// # Errors
    /// The database's, or that of `take`.
    fn read(&mut self, layout: &Layout, select: &str, take: &mut TakeRow<'_>) -> Result<()>;

    /// Notes a row by which it can be found out later whether this transaction was committed. The first one counts.
    fn witness(&mut self, layout: &Layout, key: &str, after: Presence);
}

/// A text as SQL has it, whatever it holds. No statement of ours has a backslash in such a text, which is the one character
/// that servers with `standard_conforming_strings = off` read differently.
#[must_use]
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The first column of the only row, as a number; 0 where there is none.
///
/// # Errors
/// The database's.
pub fn count(session: &mut dyn Session, doing: &str, sql: &str) -> Result<u64> {
    let mut found = 0;
    session.query(doing, sql, &mut |row| {
        found = row.first().copied().flatten().and_then(|text| text.parse().ok()).unwrap_or(0);
        Ok(())
    })?;
    Ok(found)
}

/// The triggers of the target's own that are fired by rows of a table, by name. `table` stands as in a statement.
///
/// # Errors
/// The database's.
pub fn triggers(session: &mut dyn Session, table: &str) -> Result<Vec<String>> {
    let sql = match session.dialect() {
        Dialect::Postgres => format!(
            "SELECT quote_ident(t.tgname) FROM pg_catalog.pg_trigger t WHERE t.tgrelid = CAST({} AS regclass) AND NOT \
             t.tgisinternal AND t.tgenabled <> 'D' ORDER BY 1",
            literal(table)
        ),
        Dialect::Sqlite => format!(
            "SELECT name FROM sqlite_master WHERE type = 'trigger' AND lower(tbl_name) = lower({}) ORDER BY 1",
            literal(&table.trim_matches('"').replace("\"\"", "\""))
        ),
    };
    let mut names = Vec::new();
    session.query("looking for triggers", &sql, &mut |row| {
        names.extend(row.first().copied().flatten().map(str::to_owned));
        Ok(())
    })?;
    Ok(names)
}

/// The error of a count of written rows that is not what was sent: the doing of the table's triggers, where it has any; else a fault
/// of this program. `what` says both counts.
pub fn miscounted(session: &mut dyn Session, table: &str, what: String) -> Error {
    match triggers(session, table) {
        Ok(names) if !names.is_empty() => {
            let (first, names) = (names.first().cloned().unwrap_or_default(), names.join(", "));
            let remedy = match session.dialect() {
                Dialect::Postgres => format!(
                    "have them let every row pass, or disable them meanwhile (ALTER TABLE {table} DISABLE TRIGGER {first}), and run again"
                ),
                Dialect::Sqlite => {
                    "have them let every row pass, or drop them meanwhile, and run again".to_owned()
                }
            };
            Error::target(
                format!("{what}: the table {table} has triggers of its own, which drop rows: {names}"),
                remedy,
            )
        }
        _ => Error::Imbalance(what),
    }
}
