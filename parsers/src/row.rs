//! One row: borrowed text with the ends of its fields, and why a row can be bad.
//!
//! A row owns nothing. Its fields point into the chunk it was read from, or, where they had to be decoded or unescaped,
//! into buffers that the reading iterator uses again for the next row.

use crate::encoding::Encoding;
use crate::position::{Origin, Position};
use crate::value::{self, NotTimestamp, Timestamp};
use std::sync::Arc;

/// Where a field's text stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    /// NULL.
    Null,
    /// In the row's own text.
    Text { start: usize, end: usize },
    /// In the buffer of unescaped text.
    Unescaped { start: usize, end: usize },
}

impl Field {
    /// The field's text; empty for NULL.
    pub(crate) fn text<'t>(self, text: &'t str, unescaped: &'t str) -> &'t str {
        let found = match self {
            Self::Null => None,
            Self::Text { start, end } => text.get(start..end),
            Self::Unescaped { start, end } => unescaped.get(start..end),
        };
        found.unwrap_or_default()
    }
}

/// A row of a dump.
#[derive(Clone, Copy, Debug)]
pub struct Row<'r> {
    pub(crate) text: &'r str,
    pub(crate) unescaped: &'r str,
    pub(crate) fields: &'r [Field],
    pub(crate) raw: &'r [u8],
    pub(crate) position: Position,
}

/// A column of a known table, found in a block's column list once; see [`crate::columns`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// The name the contract uses.
    pub name: &'static str,
    /// Which field of a row; `None` where the dump has no such column.
    pub index: Option<usize>,
    /// What words of the dump stand for, where the map says so.
    pub values: Option<Values>,
}

/// Words of a database, each with the one of the contract that it stands for.
pub type Values = Arc<[(Box<str>, &'static str)]>;

impl<'r> Row<'r> {
    /// Where the row begins.
    #[must_use]
    pub fn position(&self) -> Position {
        self.position
    }

    /// The row's own bytes, as they stand in the dump.
    #[must_use]
    pub fn raw(&self) -> &'r [u8] {
        self.raw
    }

    /// The number of fields.
    #[must_use]
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether the row has no field.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The field at `index`: `None` for NULL.
    #[must_use]
    pub fn field(&self, index: usize) -> Option<&'r str> {
        match *self.fields.get(index)? {
            Field::Null => None,
            Field::Text { start, end } => self.text.get(start..end),
            Field::Unescaped { start, end } => self.unescaped.get(start..end),
        }
    }

    /// The text of a column; NULL and the empty string both mean absent.
    #[must_use]
    pub fn text(&self, column: &Column) -> Option<&'r str> {
        let text = self.field(column.index?).filter(|text| !text.is_empty())?;
        let mapped = column.values.as_deref().and_then(|v| v.iter().find(|(from, _)| **from == *text));
        Some(mapped.map_or(text, |(_, to)| to))
    }

    /// The text of a column that must be there.
    ///
    /// # Errors
    /// The value is absent.
    pub fn required(&self, column: &Column) -> Result<&'r str, FieldError> {
        self.text(column).ok_or(FieldError { column: column.name, value: None, reason: FieldReason::Absent })
    }

    /// The integer of a column.
    ///
    /// # Errors
    /// The text is no integer.
    pub fn integer(&self, column: &Column) -> Result<Option<i64>, FieldError> {
        self.parsed(column, |text| {
            value::integer(text).ok_or_else(|| match value::is_whole(text) {
                true => FieldReason::IntegerRange,
                false => FieldReason::NotInteger,
            })
        })
    }

    /// The boolean of a column.
    ///
    /// # Errors
    /// The text is no boolean.
    pub fn boolean(&self, column: &Column) -> Result<Option<bool>, FieldError> {
        self.parsed(column, |text| value::boolean(text).ok_or(FieldReason::NotBoolean))
    }

    /// The timestamp of a column.
    ///
    /// # Errors
    /// The text is no timestamp that Karbor can hold.
    pub fn timestamp(&self, column: &Column) -> Result<Option<Timestamp>, FieldError> {
        self.parsed(column, |text| Timestamp::parse(text).map_err(FieldReason::NotTimestamp))
    }

    fn parsed<T>(
        &self,
        column: &Column,
        parse: impl FnOnce(&'r str) -> Result<T, FieldReason>,
    ) -> Result<Option<T>, FieldError> {
        let Some(text) = self.text(column) else { return Ok(None) };
        parse(text).map(Some).map_err(|reason| FieldError::new(column.name, text, reason))
    }
}

/// A value that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{reason}", value.as_deref().map(|v| format!("{v:?} ")).unwrap_or_default())]
pub struct FieldError {
    /// The column, by the contract's name.
    pub column: &'static str,
    /// The value, shortened.
    pub value: Option<String>,
    /// The rule.
    pub reason: FieldReason,
}

/// How much of a value a message shows.
const SHOWN_CHARS: usize = 80;

impl FieldError {
    /// An error about `value`, which is shortened for the message.
    #[must_use]
    pub fn new(column: &'static str, value: &str, reason: FieldReason) -> Self {
        Self { column, value: Some(shortened(value)), reason }
    }
}

/// The first characters of a text, with an ellipsis where it is longer.
#[must_use]
pub fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// The rule that a value breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FieldReason {
    /// A required value is NULL or empty.
    #[error("a value is required here")]
    Absent,
    /// Not an integer.
    #[error("is not an integer")]
    NotInteger,
    /// An integer that 64 bits do not hold.
    #[error("is beyond the numbers that 64 bits hold")]
    IntegerRange,
    /// Not a boolean.
    #[error("is not a boolean (t, f, true, false, 1, 0, Y, N)")]
    NotBoolean,
    /// Not a timestamp.
    #[error("{0}")]
    NotTimestamp(NotTimestamp),
    /// Not the JSON object it has to be.
    #[error("is not a JSON object: {0}")]
    NotJsonObject(String),
    /// The key of another row too, which stands there.
    #[error("is the key of another row")]
    Repeated(Origin),
    /// Breaks another rule, which is said in words.
    #[error("{0}")]
    Rule(String),
}

/// A row that could not even be cut into its fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRow<'r> {
    /// Where the row begins.
    pub position: Position,
    /// The row's own bytes.
    pub raw: &'r [u8],
    /// What is wrong with it.
    pub fault: RowFault,
}

/// What can be wrong with a row as a whole.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RowFault {
    /// More or fewer fields than columns.
    #[error("has {} where the column list has {expected}", fields(*found))]
    FieldCount {
        /// The columns of the block.
        expected: usize,
        /// The fields of the row.
        found: usize,
    },
    /// A COPY statement where a row should be.
    #[error(r"is a COPY statement: the line \. that ends the table before it is lost, so dump again")]
    LostEnd,
    /// Bytes that the dump's encoding does not have.
    #[error("holds bytes that are not {} text{}", read_as(*.0), told(*.0))]
    Encoding(Encoding),
    /// U+0000, which no PostgreSQL text can hold.
    #[error("holds the character U+0000")]
    Nul,
    /// Longer than the limit.
    #[error("is longer than the limit of {limit} bytes for one row (setting row_limit)")]
    TooLong {
        /// The limit in bytes.
        limit: u64,
    },
    /// A cast in an INSERT whose result is not known without the column's type.
    #[error("has a cast behind value {number} that is not applied: {found:?}")]
    Cast {
        /// Which value of the row, counted from 1.
        number: usize,
        /// The first characters of the cast.
        found: String,
    },
    /// A value of an INSERT that is no literal.
    #[error("has no literal as value {number}: {found:?}")]
    NoLiteral {
        /// Which value of the row, counted from 1.
        number: usize,
        /// The first characters of it.
        found: String,
    },
}

fn fields(count: usize) -> String {
    if count == 1 { "1 field".to_owned() } else { format!("{count} fields") }
}

fn read_as(encoding: Encoding) -> Encoding {
    if encoding.is_utf8() { Encoding::Utf8 } else { encoding }
}

/// What to do where the dump itself does not say its encoding.
fn told(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::SqlAscii => " (the dump says SQL_ASCII: say what it is, setting encoding)",
        _ => "",
    }
}
