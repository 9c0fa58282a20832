//! What becomes of a row, and the judge's own data.

use crate::compare::columns::Columns;
use crate::compare::digest::Key;
use crate::compare::sign::Sign;
use crate::karbor::Source;
use crate::karbor::layout::Layout;
use crate::karbor::tuple::Row;
use crate::outcome::Kept;
use std::collections::BTreeSet;

/// What becomes of a row of the dumps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The target does not have it.
    Insert,
    /// The target has an older state of it; this is what it is to be.
    Update(Vec<u8>),
    /// The target has it as it is.
    Unchanged,
    /// It is left alone, or left out.
    Kept(Kept),
}

/// What an imported row of the target is that the dumps do not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extra {
    /// The source no longer has it; what shows that Karbor changed it since.
    Lost(Option<Sign>),
    /// Karbor has to do with it.
    Kept(Kept),
    /// Without a source table nobody can tell.
    Unknown,
}

/// What becomes of the resources of one plan.
#[derive(Debug)]
pub(crate) struct JudgedSet {
    /// The dumps' rows in their order, each with the target's row that is the same volume, by its number.
    pub(crate) rows: Vec<(Verdict, Option<usize>)>,
    /// The target's rows that the dumps do not have, by their numbers.
    pub(crate) extra: Vec<(usize, Extra)>,
}

/// What a row of the dumps belongs to, by the digests of the ids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Unit {
    pub(crate) plan: Option<Key>,
    pub(crate) trigger: Option<Key>,
    pub(crate) operation: Option<Key>,
}

/// A row of the dumps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Own<'o> {
    pub(crate) source: Source,
    pub(crate) row: Row<'o>,
    pub(crate) unit: Unit,
}

/// A value that differs, as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DifferentValue {
    pub(crate) column: String,
    pub(crate) dumps: Option<String>,
    pub(crate) target: Option<String>,
}

/// Judges rows of one table. Rows of the target have [`MARKS`] before their own columns.
#[derive(Clone, Debug)]
pub(crate) struct Judge {
    pub(crate) table: usize,
    pub(crate) layout: Layout,
    pub(crate) marked: Layout,
    pub(crate) columns: Columns,
    /// Whether what the dumps say of a source's operations is all there is to say, by [`SOURCES`].
    pub(crate) knows_operations: [bool; 2],
    /// Whether rows that make operations of their own were dumped, by [`SOURCES`].
    pub(crate) has_extends: [bool; 2],
    pub(crate) compared: Vec<Source>,
    pub(crate) live_services: BTreeSet<i64>,
}
