//! Whether a dump that arrived is whole: it is read by etl's own reader to its closing comment.

use parsers::columns::ColumnMap;
use parsers::input::Input;
use parsers::position::DumpId;
use parsers::scan::Limits;
use parsers::scan::scanner::Scanner;
use parsers::table::Table;
use std::collections::BTreeSet;
use std::path::Path;

/// What is in a whole dump.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DumpCheck {
    /// Tables that etl knows and that are in it.
    pub(crate) tables: BTreeSet<Table>,
    /// Rows of these tables.
    pub(crate) rows: u64,
}

/// Reads a dump to its end. It blocks for as long as that takes.
///
/// # Errors
/// Why it is none, or not a whole one.
pub(crate) fn check(dump: &Path, map: &ColumnMap) -> parsers::error::Result<DumpCheck> {
    let folder = dump.parent().unwrap_or(Path::new("."));
    let mut input = Input::open(&dump.to_string_lossy(), folder)?;
    let mut scanner = Scanner::new(&mut input, DumpId(0), map, Limits::default())?;
    let mut whole = DumpCheck { tables: BTreeSet::new(), rows: 0 };
    while let Some(block) = scanner.block()? {
        whole.tables.insert(block.table);
        whole.rows += scanner.skip_block()?;
    }
    scanner.finish()?;
    Ok(whole)
}
