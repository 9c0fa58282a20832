//! Does what was judged: rows that are to be updated wait in a temporary table, and one statement for each table changes as many
//! rows as were planned, or the run fails.

use super::sql::TRIGGERS;
use crate::compare::comparison::{Comparison, session};
use crate::error::{Error, Result};
use crate::karbor::ddl::Dialect;
use crate::karbor::layout::Layout;
use crate::karbor::tuple::Rows;
use crate::load::Sink;
use crate::load::session::{Presence, Session, literal};
use crate::removal::beside::EXECUTIONS;
use crate::removal::marks::key;

/// Staged rows are sent when they come to so many bytes.
const STAGE_BYTES: usize = 1 << 20;

/// Rows that one statement names.
const PAGE: usize = 500;

/// Rows of one table that are to be updated.
#[derive(Debug)]
pub(crate) struct Staging {
    table: usize,
    bytes: Vec<u8>,
    rows: u64,
    /// All rows so far.
    pub(crate) all: u64,
    created: bool,
    /// The key of the first.
    first: Option<String>,
}

impl Staging {
    pub(crate) fn new(table: usize) -> Self {
        Self { table, bytes: Vec::new(), rows: 0, all: 0, created: false, first: None }
    }

    /// Takes the row that a row of the target is to become.
    pub(crate) fn push(&mut self, row: &[u8]) {
        self.bytes.extend_from_slice(row);
        self.rows += 1;
        self.all += 1;
    }

    /// Whether it is time to send.
    pub(crate) fn is_full(&self) -> bool {
        self.bytes.len() >= STAGE_BYTES
    }

    /// Puts what waits into the temporary table. No table may be open in the sink.
    ///
    /// # Errors
    /// The target's.
    pub(crate) fn send(&mut self, sink: &mut dyn Sink, comparison: &Comparison) -> Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        let layout = comparison.layout(self.table)?;
        if !std::mem::replace(&mut self.created, true) {
            let sql = comparison.sql().create_stage(self.table);
            session(sink)?.execute("making a temporary table", &sql)?;
            let judge = comparison.judge(self.table)?;
            self.first =
                Rows::new(layout, &self.bytes).next().and_then(|row| judge.key(row, 0).into_iter().next());
        }
        let (bytes, rows) = (std::mem::take(&mut self.bytes), std::mem::take(&mut self.rows));
        sink.table(&layout.staging())?;
        sink.rows(bytes, rows).map_err(|refusal| refusal.error)?;
        let counted = sink.end().map_err(|refusal| refusal.error)?;
        if counted == rows {
            return Ok(());
        }
        let name = &layout.name;
        Err(Error::Imbalance(format!("{rows} rows were sent for {name}, and the target counted {counted}")))
    }

    /// Updates the target's rows, and drops the temporary table.
    ///
    /// # Errors
    /// The target's, or not as many rows were updated as were to be.
    pub(crate) fn apply(mut self, sink: &mut dyn Sink, comparison: &Comparison) -> Result<()> {
        self.send(sink, comparison)?;
        if !self.created {
            return Ok(());
        }
        let layout = comparison.layout(self.table)?;
        let doing = format!("updating {}", layout.name);
        let session = session(sink)?;
        if let Some(analyze) = comparison.sql().analyze(self.table) {
            session.execute(&doing, &analyze)?;
        }
        let updated = session.execute(&doing, &comparison.sql().update(self.table))?;
        if updated != self.all {
            let what = format!("{doing}: {} rows were to be updated, and {updated} were", self.all);
            return Err(Error::target(what, triggers_remedy(&layout.name)));
        }
        // Numbered tables are not asked for by their keys.
        if let Some(first) = self.first.filter(|_| !layout.table.serial) {
            session.witness(layout, &first, Presence::Written);
        }
        session.execute(&doing, &format!("DROP TABLE {}", layout.staging().into)).map(drop)
    }
}

/// What to do where a statement wrote other rows than were planned.
pub(crate) fn triggers_remedy(table: &str) -> String {
    format!("see which triggers or rules {table} has of its own: one of them changes or drops rows")
}

/// Removes the next times of triggers whose properties change. Karbor's engine keeps a time that it knows (upstream's multi-node
/// trigger inserts into `trigger_executions` and ignores that the trigger's row is there), and Karbor's own update of a trigger
/// deletes the row, too. Returns how many rows went.
///
/// # Errors
/// The target's.
pub(crate) fn forget_next_times(session: &mut dyn Session, triggers: &[String]) -> Result<u64> {
    if triggers.is_empty() {
        return Ok(0);
    }
    let Some(table) = EXECUTIONS.find(session)? else { return Ok(0) };
    may_delete(session, &table)?;
    let mut removed = 0;
    for page in triggers.chunks(PAGE) {
        let ids: Vec<_> = page.iter().map(|id| literal(&id.replace('-', "").to_lowercase())).collect();
        let condition = format!("{} IN ({})", key("trigger_id"), ids.join(", "));
        let doing = format!("deleting from {}", EXECUTIONS.name);
        removed += session.execute(&doing, &format!("DELETE FROM {table} WHERE {condition}"))?;
    }
    Ok(removed)
}

/// Refuses where this role may not delete from the table of next times.
///
/// # Errors
/// It may not; the statement that grants it.
fn may_delete(session: &mut dyn Session, table: &str) -> Result<()> {
    if session.dialect() == Dialect::Sqlite {
        return Ok(());
    }
    let right = format!("has_table_privilege({}, 'DELETE')", literal(table));
    let mut lacking = None;
    let sql = format!("SELECT quote_ident(CAST(current_user AS text)) WHERE NOT {right}");
    session.query("looking at this role's rights", &sql, &mut |row| {
        lacking = row.first().copied().flatten().map(str::to_owned);
        Ok(())
    })?;
    match lacking {
        None => Ok(()),
        Some(role) => Err(Error::target(
            format!(
                "schedules of triggers change, and the role {role} may not delete their next times from {table}"
            ),
            format!("let the table's owner run: GRANT SELECT, DELETE ON {table} TO {role}"),
        )),
    }
}

/// Whether an update of a trigger changes when it fires.
pub(crate) fn changes_schedule(
    layouts: &[Layout; 6],
    differences: &[super::verdict::DifferentValue],
) -> bool {
    let properties = layouts.get(TRIGGERS).and_then(|layout| layout.column("properties"));
    differences.iter().any(|difference| Some(difference.column.as_str()) == properties)
}
