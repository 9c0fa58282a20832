//! The one transaction of a run in an embedded database.

use super::failure::Explain;
use super::insert;
use crate::error::Result;
use crate::karbor::ddl;
use crate::karbor::layout::Layout;
use crate::load::part::{Part, Place};
use crate::load::{Refusal, Sink};
use crate::progress::Cancel;
use rusqlite::Connection;
use std::path::PathBuf;
use std::sync::Arc;

/// Rows between two looks at whether the run is to stop.
const ROWS_UNCANCELLED: u64 = 1024;

/// An open transaction; dropping it rolls back, or removes the file that was being made.
pub(super) struct Transaction {
    /// Closed before [`Transaction::part`] removes its file, for fields are dropped in their order.
    connection: Connection,
    /// The file being made, where there was none.
    part: Option<Part>,
    explain: Explain,
    cancel: Arc<Cancel>,
    open: Option<Open>,
}

/// The table that is being filled.
struct Open {
    layout: Layout,
    insert: String,
    /// Rows that SQLite says it took.
    taken: u64,
}

impl Transaction {
    /// Takes a connection whose transaction is open.
    pub(super) fn new(
        connection: Connection,
        path: PathBuf,
        cancel: Arc<Cancel>,
        part: Option<Part>,
    ) -> Self {
        Self { connection, part, explain: Explain::of(&path), cancel, open: None }
    }
}

impl Sink for Transaction {
    fn table(&mut self, layout: &Layout) -> Result<()> {
        self.cancel.check()?;
        self.open = Some(Open { layout: layout.clone(), insert: insert::statement(layout), taken: 0 });
        Ok(())
    }

    fn rows(&mut self, bytes: Vec<u8>, _rows: u64) -> std::result::Result<(), Refusal> {
        let Some(open) = &mut self.open else { return Ok(()) };
        let explain = |e| self.explain.error(e);
        let mut statement = self.connection.prepare_cached(&open.insert).map_err(explain)?;
        let columns = open.layout.columns.len();
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            if open.taken.is_multiple_of(ROWS_UNCANCELLED) {
                self.cancel.check()?;
            }
            let start = rest;
            match insert::row(&mut statement, columns, &mut rest) {
                Ok(taken) => open.taken += u64::try_from(taken).unwrap_or(0),
                Err(error) => {
                    let key = insert::key(&open.layout, start);
                    let row = Some(open.taken + 1);
                    return Err(Refusal { row, error: self.explain.with(&error, Some(&key)) });
                }
            }
        }
        Ok(())
    }

    fn end(&mut self) -> std::result::Result<u64, Refusal> {
        Ok(self.open.take().map_or(0, |open| open.taken))
    }

    fn commit(self: Box<Self>) -> Result<()> {
        let Self { connection, part, explain, cancel, .. } = *self;
        if part.is_some() {
            for index in ddl::indexes() {
                cancel.check()?;
                connection.execute_batch(&index).map_err(|e| explain.error(e))?;
            }
        }
        cancel.check()?;
        connection.execute_batch("COMMIT").map_err(|e| explain.error(e))?;
        let Some(part) = part else { return Ok(()) };
        connection.close().map_err(|(_, error)| explain.error(error))?;
        part.publish(Place::Free)
    }

    fn rollback(self: Box<Self>) -> Result<()> {
        if self.part.is_some() {
            // Its file is removed as a whole.
            return Ok(());
        }
        self.connection.execute_batch("ROLLBACK").map_err(|e| self.explain.error(e))
    }
}
