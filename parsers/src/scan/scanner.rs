//! The reader of a dump's statements: what it knows at any moment.

use super::block::{Block, Contents, Limits};
use crate::columns::ColumnMap;
use crate::error::Maker;
use crate::lexer::Quoting;
use crate::position::{DumpId, Origin, Place};
use crate::reader::Reader;
use crate::table::Table;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// What the comments of a file have said so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Frame {
    /// The line of the opening comment of a dump that is not closed.
    pub(crate) database: Option<u64>,
    /// The same of a dump of a whole cluster.
    pub(crate) cluster: Option<u64>,
    /// The line of the first table data that no closing comment has followed yet, where no opening comment came first.
    pub(crate) loose: Option<u64>,
    /// Whether a closing comment came, and no data since.
    pub(crate) closed: bool,
    /// Whether any comment came that is such a one, or the beginning of one.
    pub(crate) titled: bool,
    /// Whether the last comment line was the bare `--` that stands around a title.
    pub(crate) bare: bool,
    /// Which program's habits the data shows, for a file without these comments.
    pub(crate) maker: Option<Maker>,
}

impl Frame {
    /// Notes table data that begins in a line.
    pub(crate) fn data(&mut self, line: u64, maker: Maker) {
        self.content();
        if self.database.is_none() && self.cluster.is_none() {
            self.loose.get_or_insert(line);
        }
        if self.maker != Some(Maker::Navicat) {
            self.maker = Some(self.maker.unwrap_or(maker).max(maker));
        }
    }

    /// Notes anything that a closing comment must follow.
    pub(crate) fn content(&mut self) {
        self.closed = false;
    }

    /// Notes the program whose name a comment says.
    pub(crate) fn made_by(&mut self, maker: Maker) {
        self.maker = Some(maker);
    }

    /// The line in which a dump began that is not closed.
    pub(crate) fn began(&self) -> Option<u64> {
        self.database.or(self.loose)
    }
}

/// Session settings that a dump makes for itself.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) quoting: Quoting,
    pub(crate) schema: String,
}

impl Default for Session {
    fn default() -> Self {
        Self { quoting: Quoting::default(), schema: "public".to_owned() }
    }
}

/// Walks a dump; see the module.
pub struct Scanner<'m> {
    pub(crate) reader: Reader,
    pub(crate) map: &'m ColumnMap,
    pub(crate) dump: DumpId,
    pub(crate) limits: Limits,
    pub(crate) session: Session,
    pub(crate) created: HashMap<(String, String), Vec<String>>,
    /// How many tables were created that are not known.
    pub(crate) unknown_tables: usize,
    pub(crate) schemas: HashMap<Table, String>,
    /// The database that `\\connect` named last, and all that it named.
    pub(crate) database: Option<String>,
    pub(crate) connected: BTreeSet<String>,
    /// Whether `\\connect` came after the last dump that is complete.
    pub(crate) connected_again: bool,
    /// Tables that are in another database than the map says, and yet have all the columns that are required.
    pub(crate) elsewhere: Vec<(Place, Table, String)>,
    pub(crate) contents: Contents,
    pub(crate) frame: Frame,
    /// Whether this is a second pass, over what the first one has looked at.
    pub(crate) resumed: bool,
    pub(crate) open: Option<Arc<Block>>,
    /// The columns of the last block, which the next one mostly has too.
    pub(crate) columns: Arc<Vec<String>>,
    /// The digest of the last bulk block that was read to its end.
    pub(crate) digest: u128,
    /// Whether tables that are not known have blocks too.
    pub(crate) every_table: bool,
    /// The name of the table whose block was opened last.
    pub(crate) opened_name: String,
}

/// What comes next in the open block.
pub(crate) enum Span {
    /// So many buffered bytes of whole rows; of INSERTs, with their number.
    Rows { bytes: usize, rows: Option<u64> },
    /// A row above the limit, which is consumed.
    TooLong(Origin),
    /// Nothing; what ends the block is consumed.
    End,
}

/// How many characters of a damaged place a message shows, and how many bytes those may be.
pub(crate) const SHOWN_CHARS: usize = 30;

pub(crate) const SHOWN_BYTES: usize = SHOWN_CHARS * 4;

/// The first characters of a damaged place.
pub(crate) fn shown(text: &[u8]) -> String {
    let text = text.get(..text.len().min(SHOWN_BYTES)).unwrap_or_default();
    String::from_utf8_lossy(text).chars().take(SHOWN_CHARS).collect()
}
