//! What the target calls Karbor's tables and columns, as data: the fork's own names are not public.

use crate::karbor::{Table, WRITTEN};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The tables that are read, beside those that are written.
const READ: [(&str, &[&str]); 1] =
    [("services", &["id", "host", "binary", "disabled", "deleted", "created_at", "updated_at"])];

/// The map from Karbor's names to the target's; without an entry a name stands for itself.
#[derive(Clone, Debug, Default)]
pub struct TargetNames {
    tables: BTreeMap<String, Entry>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: Option<String>,
    #[serde(default)]
    columns: BTreeMap<String, String>,
}

/// Why a map of target names cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum NamesError {
    /// A table that is neither written nor read.
    #[error("there is no target table {0:?} (`etl columns` lists them)")]
    NoTable(String),
    /// A column that is neither written nor read.
    #[error("target table {0} has no column {1:?} (`etl columns` lists them)")]
    NoColumn(String, String),
    /// A name that no statement could hold.
    #[error(
        "target table {0} has a name that cannot be used: {1:?} (control characters, $etl$ and $sql$ cannot)"
    )]
    Unusable(String, String),
    /// Not of the map's form.
    #[error("{0}")]
    Form(String),
}

impl TargetNames {
    /// Reads the entries under `[target]` of a columns file, as TOML that was parsed elsewhere.
    ///
    /// # Errors
    /// A table or column that is not Karbor's.
    pub fn from_entries<'de, D: serde::Deserializer<'de>>(entries: D) -> Result<Self, NamesError> {
        let tables: BTreeMap<String, Entry> =
            BTreeMap::deserialize(entries).map_err(|e| NamesError::Form(e.to_string()))?;
        for (table, entry) in &tables {
            let columns = columns_of(table).ok_or_else(|| NamesError::NoTable(table.clone()))?;
            if let Some(column) = entry.columns.keys().find(|c| !columns.contains(&c.as_str())) {
                return Err(NamesError::NoColumn(table.clone(), column.clone()));
            }
            if let Some(name) = entry.name.iter().chain(entry.columns.values()).find(|name| is_unusable(name))
            {
                return Err(NamesError::Unusable(table.clone(), name.clone()));
            }
        }
        Ok(Self { tables })
    }

    /// The target's name of a table.
    #[must_use]
    pub fn table<'n>(&'n self, table: &'n str) -> &'n str {
        self.tables.get(table).and_then(|entry| entry.name.as_deref()).unwrap_or(table)
    }

    /// The target's name of a column.
    #[must_use]
    pub fn column<'n>(&'n self, table: &str, column: &'n str) -> &'n str {
        self.tables.get(table).and_then(|entry| entry.columns.get(column)).map_or(column, String::as_str)
    }

    /// The whole map as TOML, under `[target]`.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut out = String::from(
            "# The target's tables and columns: Karbor's name on the left, this target's on the right.\n",
        );
        for table in tables() {
            let _ =
                write!(out, "\n[target.{table}]\nname = {:?}\n[target.{table}.columns]\n", self.table(table));
            for column in columns_of(table).unwrap_or_default() {
                let _ = writeln!(out, "{column} = {:?}", self.column(table, column));
            }
        }
        out
    }
}

/// Quotes keep every name together but these: a script's blocks end at their marks, whatever stands around them.
fn is_unusable(name: &str) -> bool {
    name.is_empty() || name.contains(char::is_control) || name.contains("$etl$") || name.contains("$sql$")
}

/// Karbor's names of the tables that are read or written.
pub(crate) fn tables() -> impl Iterator<Item = &'static str> {
    READ.iter().map(|(name, _)| *name).chain(WRITTEN.iter().map(|table| table.name))
}

/// Karbor's names of the columns of such a table that can have another name in the target.
pub(crate) fn columns_of(table: &str) -> Option<Vec<&'static str>> {
    let written = |table: &&Table| -> Vec<&'static str> {
        let own = table.columns.iter().map(|c| c.name);
        // The keys that the target numbers, and the columns by which Karbor soft-deletes, can have other names too.
        let mut columns: Vec<&str> = own.collect();
        for name in ["id", "updated_at", "deleted_at"] {
            if !columns.contains(&name) {
                columns.push(name);
            }
        }
        columns
    };
    let read = READ.iter().find(|(name, _)| *name == table).map(|(_, columns)| columns.to_vec());
    read.or_else(|| WRITTEN.iter().find(|t| t.name == table).map(written))
}
