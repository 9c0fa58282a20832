//! What a scan hands out: blocks of table data, chunks of their rows, and what a whole dump was.

use crate::encoding::Encoding;
use crate::lexer::Quoting;
use crate::position::{DumpId, Origin, Place, Position, length};
use crate::row::{BadRow, Row};
use crate::table::Table;
use crate::{copy, insert};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How a scan cuts and what it assumes.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The longest row in bytes; longer ones are told by position and passed over.
    pub row: usize,
    /// The size of a chunk in bytes, as long as rows fit.
    pub chunk: usize,
    /// What `SQL_ASCII` text is in, where the user said so.
    pub sql_ascii: Encoding,
}

impl Limits {
    /// How many bytes a reader must be able to buffer for a scan with these limits.
    pub(super) fn buffer(self) -> usize {
        self.row.saturating_add(self.chunk).saturating_add(8)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { row: 4 << 20, chunk: 256 << 10, sql_ascii: Encoding::SqlAscii }
    }
}

/// The data of one table between one COPY line and its end, or a run of INSERTs with the same head.
#[derive(Clone, Debug)]
pub struct Block {
    /// The dump.
    pub dump: DumpId,
    /// The table.
    pub table: Table,
    /// The column list; from CREATE TABLE where the statement has none.
    pub columns: Arc<Vec<String>>,
    /// Whether each row begins with an object id that the list does not name.
    pub oids: bool,
    /// COPY or INSERT.
    pub form: Form,
    /// Encoding and escapes.
    pub quoting: Quoting,
    /// Where the statement begins.
    pub statement: Position,
    /// Where the data begins.
    pub data: Position,
    /// The row limit in bytes.
    pub row_limit: u64,
}

/// How a block's rows are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// COPY text.
    Copy,
    /// INSERT statements that begin with these bytes.
    Insert {
        /// From `INSERT` to `VALUES`.
        head: Vec<u8>,
    },
}

impl Block {
    /// The fields that a row of this block has.
    #[must_use]
    pub fn fields(&self) -> usize {
        self.columns.len() + usize::from(self.oids)
    }

    /// Reads the rows of a chunk of this block.
    #[must_use]
    pub fn rows<'c>(&'c self, chunk: &'c Chunk) -> Rows<'c> {
        let (fields, row_limit) = (self.fields(), self.row_limit);
        match &self.form {
            Form::Copy => {
                let format = copy::Format { encoding: self.quoting.encoding, fields, row_limit };
                Rows::Copy(copy::Rows::new(&chunk.bytes, chunk.position, format))
            }
            Form::Insert { head } => {
                let format = insert::Format { quoting: self.quoting, head, fields, row_limit };
                Rows::Insert(insert::Rows::new(&chunk.bytes, chunk.position, format))
            }
        }
    }

    /// The origin of a row of this block.
    #[must_use]
    pub fn origin(&self, position: Position, raw: &[u8]) -> Origin {
        Origin { dump: self.dump, position, length: length(raw) }
    }
}

/// The rows of a chunk, whatever their form.
pub enum Rows<'c> {
    /// COPY text.
    Copy(copy::Rows<'c>),
    /// INSERT statements.
    Insert(insert::Rows<'c>),
}

impl<'c> Rows<'c> {
    /// The next row; `None` at the end of the chunk.
    #[allow(
        clippy::should_implement_trait,
        reason = "the row borrows the reader's buffers, which Iterator cannot say"
    )]
    pub fn next(&mut self) -> Option<std::result::Result<Row<'_>, BadRow<'c>>> {
        match self {
            Self::Copy(rows) => rows.next(),
            Self::Insert(rows) => rows.next(),
        }
    }
}

/// Whole rows of one block, as they stand in the dump.
#[derive(Clone, Debug, Default)]
pub struct Chunk {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Where they begin.
    pub position: Position,
    /// How many rows they are.
    pub rows: u64,
}

impl Default for Position {
    fn default() -> Self {
        Self::START
    }
}

/// What [`super::Scanner::chunk`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// The chunk is filled.
    Rows,
    /// A row above the limit, passed over; it counts as one row.
    TooLong(Origin),
    /// The block has ended.
    End,
}

/// What a whole dump turned out to be.
#[derive(Clone, Debug, Default)]
pub struct Contents {
    /// The first line says that this is a file of set-aside rows.
    pub rejects: bool,
    /// Rows of tables that are not known, by table.
    pub other_tables: BTreeMap<String, u64>,
    /// Tables that are not known but have most of the columns of one that is.
    pub alike: Vec<Alike>,
    /// Progress reports of gs_dump, which openGauss 6.0 and later write to standard output.
    pub progress: u64,
    /// The digests of the rows that a file of set-aside rows replaces although they have no key.
    pub replaced: Vec<u128>,
    /// The dump's size in bytes of text.
    pub bytes: u64,
}

/// A table that may be a known one under another name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alike {
    /// The statement that names its columns.
    pub at: Place,
    /// What the dump calls it.
    pub name: String,
    /// The known tables that it resembles, and how many of their columns it has.
    pub tables: Vec<(Table, usize)>,
}

/// The first line of a file of set-aside rows.
pub const REJECTS_HEADER: &str = "-- etl rejects";

/// How a line of such a file begins that names, by the digest of its bytes, a row whose key cannot be read.
pub const REPLACES_NOTE: &str = "-- etl replaces ";
