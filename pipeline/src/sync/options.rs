//! What a sync is told to do.

use parsers::columns::ColumnMap;
use parsers::scan::Limits;

/// What a sync is told to do.
#[derive(Clone, Debug)]
pub struct Options {
    /// Source tables and columns.
    pub columns: ColumnMap,
    /// How dumps are cut.
    pub limits: Limits,
}
