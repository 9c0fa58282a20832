//! The declaration of the source tables, as data: `columns.toml`.

use crate::table::Table;
use indexmap::IndexMap;
use serde::Deserialize;
use std::fmt;
use std::sync::LazyLock;

/// What becomes of a conversion where a table lacks a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Need {
    /// Nothing can be converted, and no row may lack a value.
    Required,
    /// A rule would read a default in its place: it must be there, or be declared absent.
    Meaning,
    /// Its absence harms nobody.
    Optional,
    /// No rule reads it.
    Unread,
}

/// What the values of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Type {
    /// Any text.
    Text,
    /// A whole number.
    Integer,
    /// One of the words that [`crate::value::boolean`] reads.
    Boolean,
    /// A time that [`crate::value::Timestamp::parse`] reads.
    Timestamp,
    /// A JSON object.
    Json,
    /// One of a set of words.
    Words,
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "text",
            Self::Integer => "integer",
            Self::Boolean => "boolean",
            Self::Timestamp => "timestamp",
            Self::Json => "JSON object",
            Self::Words => "one of a set of words",
        })
    }
}

/// What is declared of one table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableSpec {
    pub database: String,
    pub names: Vec<String>,
    pub columns: IndexMap<String, ColumnNeed>,
}

/// What is declared of one column.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnNeed {
    /// The names it may have, where they are others than its own.
    #[serde(default)]
    names: Vec<String>,
    /// What it is needed for.
    pub need: Need,
    /// What its values are.
    #[serde(rename = "type")]
    pub kind: Type,
    /// The words that rules know.
    #[serde(default)]
    pub words: Vec<String>,
    /// Whether a word that is none of them is sound.
    #[serde(default)]
    pub open: bool,
    /// Why the absence of an optional column harms nobody.
    pub why: Option<String>,
}

const BOOLEANS: [&str; 2] = ["true", "false"];

impl ColumnNeed {
    /// The names that the column may have, of which `own` is the contract's; the first that a dump has is taken.
    #[must_use]
    pub fn names(&self, own: &str) -> Vec<String> {
        if self.names.is_empty() { vec![own.to_owned()] } else { self.names.clone() }
    }

    /// The words that a value of the column can be mapped to; none where it has no set of words.
    #[must_use]
    pub fn vocabulary(&'static self) -> Vec<&'static str> {
        match self.kind {
            Type::Boolean => BOOLEANS.to_vec(),
            _ => self.words.iter().map(String::as_str).collect(),
        }
    }

    /// Whether a value is one that rules can read.
    #[must_use]
    pub fn fits(&self, value: &str) -> bool {
        match self.kind {
            Type::Text => true,
            Type::Integer => crate::value::integer(value).is_some(),
            Type::Boolean => crate::value::boolean(value).is_some(),
            Type::Timestamp => crate::value::Timestamp::parse(value).is_ok(),
            Type::Json => crate::json::members(value, [""]).is_ok(),
            Type::Words => self.knows(value) || self.open && self.is_of_the_kind(value),
        }
    }

    /// Whether every value must be one of a set of words.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        match self.kind {
            Type::Boolean => true,
            Type::Words => !self.open,
            _ => false,
        }
    }

    /// Whether a word is a number where those of the column are, or none where they are none.
    fn is_of_the_kind(&self, value: &str) -> bool {
        let number = crate::value::integer(value).is_some();
        self.words.iter().any(|word| crate::value::integer(word).is_some() == number)
    }

    /// Whether a value is one of the words of the column.
    #[must_use]
    pub fn knows(&self, value: &str) -> bool {
        self.words.iter().any(|word| word.eq_ignore_ascii_case(value))
    }
}

/// The tables, as they are declared and in that order; a test reads them all.
static SPECS: LazyLock<IndexMap<String, TableSpec>> =
    LazyLock::new(|| toml::from_str(include_str!("../columns.toml")).unwrap_or_default());

/// All tables, in the order of their declaration.
pub fn specs() -> impl Iterator<Item = (&'static str, &'static TableSpec)> {
    SPECS.iter().map(|(name, spec)| (name.as_str(), spec))
}

/// The columns of a table and what they are needed for, by name.
pub fn needs(table: Table) -> impl Iterator<Item = (&'static str, &'static ColumnNeed)> {
    let columns = SPECS.get(table.name()).into_iter().flat_map(|spec| &spec.columns);
    let mut columns: Vec<_> = columns.map(|(name, need)| (name.as_str(), need)).collect();
    columns.sort_by_key(|(name, _)| *name);
    columns.into_iter()
}

/// What a column is needed for; `None` for one that the map does not have.
#[must_use]
pub fn need(table: Table, column: &str) -> Option<&'static ColumnNeed> {
    SPECS.get(table.name())?.columns.get(column)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_is_declared() {
        let specs: Result<IndexMap<String, TableSpec>, _> = toml::from_str(include_str!("../columns.toml"));
        assert_eq!(specs.unwrap().len(), Table::ALL.len());
        for table in Table::ALL {
            for (column, need) in needs(table) {
                assert_eq!(need.why.is_some(), need.need == Need::Optional, "{table}.{column}");
                let words = need.kind == Type::Words && need.need != Need::Unread;
                assert_eq!(!need.words.is_empty(), words, "{table}.{column}");
            }
        }
    }
}
