//! The comparison of one run: both sides' layouts, the scope of the dumps, and what was found.

use super::digest::Digester;
use super::index::TargetIndex;
use super::scope::Scope;
use super::sql;
use super::verdict::{Extra, Judge, Own, Verdict};
use crate::error::{Error, Result};
use crate::karbor::ddl::Dialect;
use crate::karbor::field;
use crate::karbor::layout::Layout;
use crate::karbor::tuple::Row;
use crate::load::Sink;
use crate::load::session::Session;
use crate::options::Tuning;
use parsers::value::Timestamp;

/// Bytes of rows that are judged together.
pub(crate) const BATCH_BYTES: usize = 1 << 20;

/// A row that is not equal on both sides, or only on one of them. Rows of the target have [`MARKS`] before their columns.
pub(crate) enum Found<'f> {
    /// A row of the dumps.
    Row { number: u64, own: Own<'f>, target: Option<Row<'f>>, verdict: Verdict },
    /// An imported row of the target whose key the dumps do not have.
    Extra { target: Row<'f>, extra: Extra },
}

/// Takes what was found, with the judge of the table.
pub(crate) type Take<'t> = dyn FnMut(&Judge, Found<'_>) -> Result<()> + 't;

/// Takes what was found in one table, and does what is to be done between two batches of it.
pub(crate) trait Taker {
    /// Takes a row.
    fn take(&mut self, judge: &Judge, found: Found<'_>) -> Result<()>;

    /// Between two batches: nothing is being read, and no table is open in the sink.
    fn flush(&mut self, _: &mut dyn Sink, _: &Comparison) -> Result<()> {
        Ok(())
    }
}

/// A comparison of the dumps of one run with one target.
#[derive(Clone, Debug)]
pub(crate) struct Comparison {
    pub(crate) scope: Scope,
    pub(crate) layouts: [Layout; 6],
    pub(crate) dialect: Dialect,
    pub(crate) tuning: Tuning,
    pub(crate) digesters: Vec<Digester>,
    pub(crate) judges: Vec<Judge>,
    pub(crate) index: Option<TargetIndex>,
    /// Imported rows of the target, by table.
    pub(crate) imported: [u64; 6],
    /// When the newest row of the dumps was last changed.
    pub(crate) newest: Option<Timestamp>,
    /// Of the imported rows that the dumps do not have, the one that was made last: when, its table, its key.
    pub(crate) last_made: Option<(Timestamp, usize, Vec<String>)>,
}

/// Where a row lies, which its first column says.
pub(crate) fn located(layout: &Layout, row: Row<'_>) -> Result<u64> {
    let text = layout.columns.first().and_then(|laid| field::text(layout, laid, row.field(0)));
    let place = text.as_deref().and_then(sql::locator);
    place.ok_or_else(|| Error::Imbalance(format!("a row of {} lies at {text:?}", layout.name)))
}

/// The database behind a sink.
///
/// # Errors
/// There is none.
pub(crate) fn session(sink: &mut dyn Sink) -> Result<&mut dyn Session> {
    sink.session().ok_or_else(|| Error::Imbalance("rows were to be compared with no database".to_owned()))
}

pub(crate) fn no_table() -> Error {
    Error::Imbalance("a table that is not compared was asked for".to_owned())
}
