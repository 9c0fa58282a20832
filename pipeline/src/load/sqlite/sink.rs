//! The one transaction of a run in an embedded database.

use super::failure::Explain;
use super::insert;
use crate::error::{Error, Result};
use crate::files::Replacement;
use crate::karbor::ddl::{self, Dialect};
use crate::karbor::layout::Layout;
use crate::load::session::{Presence, Session, TakeRow, TakeTexts, miscounted};
use crate::load::{Refusal, Sink};
use crate::progress::Cancel;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Rows between two looks at whether the run is to stop.
const ROWS_UNCANCELLED: u64 = 1024;

/// An open transaction; dropping it rolls back, or removes the file that was being made.
pub(super) struct Transaction {
    /// Closed before [`Transaction::part`] removes its file, for fields are dropped in their order.
    connection: Connection,
    /// The file being made, where there was none.
    part: Option<Replacement>,
    path: PathBuf,
    explain: Explain,
    cancel: Arc<Cancel>,
    open: Option<Open>,
}

/// The table that is being filled.
struct Open {
    layout: Layout,
    insert: String,
    /// Rows sent.
    sent: u64,
    /// Rows that SQLite says it took.
    taken: u64,
}

impl Transaction {
    /// Takes a connection whose transaction is open.
    pub(super) fn new(
        connection: Connection,
        path: PathBuf,
        cancel: Arc<Cancel>,
        part: Option<Replacement>,
    ) -> Self {
        Self { connection, part, explain: Explain::of(&path), path, cancel, open: None }
    }
}

impl Transaction {
    fn check_now_and_then(&self, rows: &mut u64) -> Result<()> {
        *rows += 1;
        if rows.is_multiple_of(ROWS_UNCANCELLED) { self.cancel.check() } else { Ok(()) }
    }
}

impl Sink for Transaction {
    fn table(&mut self, layout: &Layout) -> Result<()> {
        self.cancel.check()?;
        self.open =
            Some(Open { layout: layout.clone(), insert: insert::statement(layout), sent: 0, taken: 0 });
        Ok(())
    }

    fn rows(&mut self, bytes: Vec<u8>, rows: u64) -> std::result::Result<(), Refusal> {
        let Some(open) = &mut self.open else { return Ok(()) };
        open.sent += rows;
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
        let Some(Open { layout, sent, taken, .. }) = self.open.take() else { return Ok(0) };
        if taken != sent {
            let what = format!("{sent} rows were sent to {}, and {taken} were written", layout.name);
            let what = self.explain.named(&what);
            return Err(miscounted(self, &layout.into, what).into());
        }
        Ok(taken)
    }

    fn session(&mut self) -> Option<&mut dyn Session> {
        Some(self)
    }

    fn holder(&mut self) -> Result<Option<String>> {
        let explain = |e| self.explain.error(e);
        // Whether a transaction could be opened to write is asked by opening one, which is over before it has written anything.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let Some(path) = self.connection.path() else { return Ok(None) };
        let other = Connection::open_with_flags(path, flags).map_err(explain)?;
        other.busy_timeout(Duration::ZERO).map_err(explain)?;
        match other.execute_batch("BEGIN IMMEDIATE; ROLLBACK") {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {
                Ok(Some("another run or program is writing to the file".to_owned()))
            }
            // A file that may only be read is nobody's to write.
            _ => Ok(None),
        }
    }

    fn commit(self: Box<Self>) -> Result<()> {
        let Self { connection, part, path, explain, cancel, .. } = *self;
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
        part.publish().map_err(|source| Error::File {
            path,
            doing: "moving the finished database to its place",
            source,
        })
    }

    fn rollback(self: Box<Self>) -> Result<()> {
        if self.part.is_some() {
            // Its file is removed as a whole.
            return Ok(());
        }
        self.connection.execute_batch("ROLLBACK").map_err(|e| self.explain.error(e))
    }
}

impl Session for Transaction {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn execute(&mut self, doing: &str, sql: &str) -> Result<u64> {
        self.cancel.check()?;
        let written = self.connection.execute(sql, []).map_err(|e| self.explain.doing(doing, &e))?;
        Ok(u64::try_from(written).unwrap_or(u64::MAX))
    }

    fn query(&mut self, doing: &str, sql: &str, take: &mut TakeTexts<'_>) -> Result<()> {
        let fails = |e| self.explain.doing(doing, &e);
        let mut statement = self.connection.prepare(sql).map_err(fails)?;
        let columns = statement.column_count();
        let mut rows = statement.query([]).map_err(fails)?;
        let mut taken = 0;
        while let Some(row) = rows.next().map_err(fails)? {
            self.check_now_and_then(&mut taken)?;
            let values: rusqlite::Result<Vec<_>> =
                (0..columns).map(|n| row.get_ref(n).map(as_text)).collect();
            let values = values.map_err(fails)?;
            let texts: Vec<_> = values.iter().map(Option::as_deref).collect();
            take(&texts)?;
        }
        Ok(())
    }

    fn read(&mut self, layout: &Layout, select: &str, take: &mut TakeRow<'_>) -> Result<()> {
        let fails = |e| self.explain.doing(&format!("reading {}", layout.name), &e);
        let mut statement = self.connection.prepare(select).map_err(fails)?;
        let mut rows = statement.query([]).map_err(fails)?;
        let mut bytes = Vec::new();
        let mut taken = 0;
        while let Some(row) = rows.next().map_err(fails)? {
            self.check_now_and_then(&mut taken)?;
            bytes.clear();
            for n in 0..layout.columns.len() {
                insert::encode(row.get_ref(n).map_err(fails)?, &mut bytes);
            }
            take(&bytes)?;
        }
        Ok(())
    }

    fn witness(&mut self, _: &Layout, _: &str, _: Presence) {
        // COMMIT is this process's own act here: its answer cannot be lost.
    }
}

/// A value as text; a blob, of which Karbor has none, is shown as the text it may be.
fn as_text(value: ValueRef<'_>) -> Option<Cow<'_, str>> {
    match value {
        ValueRef::Null => None,
        ValueRef::Integer(number) => Some(number.to_string().into()),
        ValueRef::Real(number) => Some(number.to_string().into()),
        ValueRef::Text(text) | ValueRef::Blob(text) => Some(String::from_utf8_lossy(text)),
    }
}
