//! Whether what stands in a table's columns is what the map says, looked at while its rows are read.

use parsers::columns::Binding;
use parsers::columns::need::{ColumnNeed, Need, Type, needs};
use parsers::row::{Column, Row};
use parsers::table::Table;

/// So many rows of each table are looked at for a proposal.
pub const SAMPLE_ROWS: u64 = 1_000;

/// So many values of a column, none of which fits, are needed to say that the column is not what the map says.
pub(super) const TELLING_VALUES: u64 = 3;

/// Whether the values of a table's columns are of the types that the map says: of a bounded number of rows, and of columns with a
/// closed set of words every value that is looked at.
pub(crate) struct TypeCheck {
    columns: Vec<Looked>,
    rows: u64,
    unknown_word: bool,
}

struct Looked {
    column: Column,
    need: &'static ColumnNeed,
    values: u64,
    fitting: u64,
}

impl TypeCheck {
    pub(crate) fn new(table: Table, binding: &Binding<'_>) -> Self {
        let typed = needs(table).filter(|(_, need)| is_typed(need));
        let columns = typed.map(|(name, need)| {
            let column = binding.column(name);
            Looked { column, need, values: 0, fitting: 0 }
        });
        let columns = columns.filter(|looked| looked.column.index.is_some()).collect();
        Self { columns, rows: 0, unknown_word: false }
    }

    /// Whether more rows would be looked at.
    pub(crate) fn wants_more(&self) -> bool {
        self.rows < SAMPLE_ROWS
    }

    pub(crate) fn row(&mut self, row: &Row<'_>) {
        let all = self.wants_more();
        self.rows += 1;
        for looked in self.columns.iter_mut().filter(|looked| all || looked.need.is_closed()) {
            if let Some(value) = row.text(&looked.column) {
                let fits = looked.need.fits(value);
                looked.values += 1;
                looked.fitting += u64::from(fits);
                self.unknown_word |= looked.need.is_closed() && !fits;
            }
        }
    }

    /// Whether a column with a closed set of words has another one.
    pub(crate) fn has_unknown_word(&self) -> bool {
        self.unknown_word
    }

    /// Whether a column has values of which none fits.
    pub(crate) fn is_unfit(&self) -> bool {
        self.columns.iter().any(|looked| looked.values >= TELLING_VALUES && looked.fitting == 0)
    }
}

/// Whether values of a column can be told from those of another type, and matter.
pub(super) fn is_typed(need: &ColumnNeed) -> bool {
    need.need != Need::Unread && need.kind != Type::Text
}
