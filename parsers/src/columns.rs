//! Which tables and columns are looked for in a dump, as data: `columns.toml`, printable and overridable.
//!
//! Columns are taken by name, never by position. The columns of several tables are not public, so that an operator whose
//! database differs mends the map with a file and needs no new build.

mod likeness;
pub mod need;

use self::need::{ColumnNeed, Need, TableSpec, need, needs, specs};
use crate::error::{ErrorKind, Result};
use crate::position::Place;
use crate::row::{Column, Values};
use crate::table::Table;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// One table's entry.
#[derive(Clone, Debug)]
struct Entry {
    database: String,
    /// What the database is called where it is called otherwise.
    called: Option<String>,
    names: Vec<String>,
    columns: BTreeMap<String, Vec<String>>,
    /// Columns that need not be there although rules read them.
    absent: BTreeSet<String>,
    /// What words of the database stand for, by column.
    values: BTreeMap<String, Values>,
}

/// One table's entry in a file that overrides some of the map.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Override {
    database: Option<String>,
    names: Option<Vec<String>>,
    #[serde(default)]
    absent: Vec<String>,
    #[serde(default)]
    columns: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    values: BTreeMap<String, BTreeMap<String, String>>,
}

/// The map of source tables and columns.
#[derive(Clone, Debug)]
pub struct ColumnMap {
    entries: HashMap<Table, Entry>,
    tables: HashMap<String, Table>,
}

/// Why a map of columns cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MapError {
    /// Not TOML of this form; the message names line and key.
    #[error("{0}")]
    Toml(#[from] toml::de::Error),
    /// A table that the map does not have.
    #[error("there is no table {0:?} (`etl columns` lists them)")]
    NoTable(String),
    /// A column that the map does not have.
    #[error("table {table} has no column {column:?} (`etl columns` lists them)")]
    NoColumn {
        /// The table.
        table: String,
        /// The column.
        column: String,
    },
    /// A required column that is declared absent.
    #[error("table {table} cannot be read without column {column:?}: it cannot be declared absent")]
    Indispensable {
        /// The table.
        table: String,
        /// The column.
        column: String,
    },
    /// A word that is to stand for one that no rule knows.
    #[error("{word:?} is no word of {table}.{column}: {}", if known.is_empty() { "it has no set of words".to_owned() } else { format!("it has {}", known.join(", ")) })]
    NoWord {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// The word.
        word: String,
        /// Those that rules know.
        known: Vec<&'static str>,
    },
    /// A name for two columns of one table.
    #[error("{name:?} is the name of two columns of table {table}, {first} and {second}")]
    SameColumn {
        /// The table.
        table: Table,
        /// The name.
        name: String,
        /// One column.
        first: String,
        /// The other.
        second: String,
    },
    /// A name for two tables.
    #[error("{name:?} is the name of two tables, {first} and {second}")]
    Twice {
        /// The name.
        name: String,
        /// One table.
        first: Table,
        /// The other.
        second: Table,
    },
}

impl ColumnMap {
    /// The map that is built in.
    ///
    /// # Errors
    /// None as shipped: a test reads the map.
    pub fn built_in() -> std::result::Result<Self, MapError> {
        let mut entries = HashMap::new();
        for (name, spec) in specs() {
            entries.insert(table_named(name)?, Entry::of(spec));
        }
        let mut map = Self { entries, tables: HashMap::new() };
        map.index()?;
        Ok(map)
    }

    /// Replaces the names that `text`, a file of the map's form, gives.
    ///
    /// # Errors
    /// The text is not of the form, or names a table or column that the map does not have.
    pub fn override_with(&mut self, text: &str) -> std::result::Result<(), MapError> {
        let overrides: BTreeMap<String, Override> = toml::from_str(text)?;
        for (name, change) in overrides {
            let table = table_named(&name)?;
            let Some(entry) = self.entries.get_mut(&table) else { return Err(MapError::NoTable(name)) };
            if change.database.is_some() {
                entry.called = change.database;
            }
            if let Some(names) = change.names {
                entry.names = names;
            }
            for (column, names) in change.columns {
                let Some(known) = entry.columns.get_mut(&column) else {
                    return Err(MapError::NoColumn { table: name, column });
                };
                *known = names;
            }
            for column in change.absent {
                entry.declare_absent(table, column)?;
            }
            for (column, words) in change.values {
                let values = values(table, &column, words)?;
                entry.values.insert(column, values);
            }
        }
        self.index()
    }

    /// Declares that a table of the database has no such column: rules read nothing in its place.
    ///
    /// # Errors
    /// There is no such table or column, or it is required.
    pub fn assume_absent(&mut self, table: &str, column: &str) -> std::result::Result<(), MapError> {
        let known = table_named(table)?;
        let entry = self.entries.get_mut(&known).ok_or_else(|| MapError::NoTable(table.to_owned()))?;
        entry.declare_absent(known, column.to_owned())
    }

    /// The columns that are declared absent, as `table.column`.
    #[must_use]
    pub fn declared_absent(&self) -> Vec<String> {
        let entries = Table::ALL.iter().filter_map(|table| Some((table, self.entries.get(table)?)));
        entries.flat_map(|(table, entry)| entry.absent.iter().map(move |c| format!("{table}.{c}"))).collect()
    }

    /// The columns of a table that are declared absent.
    #[must_use]
    pub fn absent_of(&self, table: Table) -> Vec<&str> {
        self.entries.get(&table).into_iter().flat_map(|entry| &entry.absent).map(String::as_str).collect()
    }

    /// What the words of a column stand for, where the map says it: each with the one of the contract.
    #[must_use]
    pub fn words_of(&self, table: Table, column: &str) -> &[(Box<str>, &'static str)] {
        self.entries.get(&table).and_then(|entry| entry.values.get(column)).map_or(&[], |words| words)
    }

    fn index(&mut self) -> std::result::Result<(), MapError> {
        self.tables.clear();
        for table in Table::ALL {
            let Some(entry) = self.entries.get(&table) else {
                return Err(MapError::NoTable(table.name().to_owned()));
            };
            for name in &entry.names {
                if let Some(first) = self.tables.insert(name.clone(), table) {
                    return Err(MapError::Twice { name: name.clone(), first, second: table });
                }
            }
            let mut columns: HashMap<&str, &str> = HashMap::new();
            for (column, name) in
                entry.columns.iter().flat_map(|(c, names)| names.iter().map(move |n| (c, n)))
            {
                if let Some(first) = columns.insert(name, column).filter(|first| first != column) {
                    let (first, second) = (first.to_owned(), column.clone());
                    return Err(MapError::SameColumn { table, name: name.clone(), first, second });
                }
            }
        }
        Ok(())
    }

    /// The known table that a dump calls `name`.
    #[must_use]
    pub fn table(&self, name: &str) -> Option<Table> {
        self.tables.get(name).copied()
    }

    /// A name under which this map knows a table again.
    #[must_use]
    pub fn name_of(&self, table: Table) -> &str {
        let names = self.entries.get(&table).map(|entry| entry.names.as_slice()).unwrap_or_default();
        names.first().map_or(table.name(), String::as_str)
    }

    /// The names that the tables of a source database may have, in the order of [`Table::ALL`]; none for another database.
    #[must_use]
    pub fn tables_of(&self, database: &str) -> Vec<&str> {
        let entries = Table::ALL.iter().filter_map(|table| self.entries.get(table));
        let entries = entries.filter(|entry| entry.database == database);
        entries.flat_map(|entry| entry.names.iter().map(String::as_str)).collect()
    }

    /// The names that a column is looked for by, other than the contract's.
    #[must_use]
    pub fn other_names(&self, table: Table, column: &str) -> Vec<&str> {
        let names = self.entries.get(&table).and_then(|entry| entry.columns.get(column));
        names.into_iter().flatten().map(String::as_str).filter(|name| *name != column).collect()
    }

    /// Whether the map gives a table a name; one without a name does not exist in the database.
    #[must_use]
    pub fn is_looked_for(&self, table: Table) -> bool {
        self.entries.get(&table).is_some_and(|entry| !entry.names.is_empty())
    }

    /// The database of a table, as the map calls it.
    #[must_use]
    pub fn database_of(&self, table: Table) -> &str {
        self.entries.get(&table).map_or("", |entry| entry.called.as_deref().unwrap_or(&entry.database))
    }

    /// Whether a table is looked for in a database of this name.
    #[must_use]
    pub fn is_in(&self, table: Table, database: &str) -> bool {
        self.database_of(table) == database
    }

    /// Whether a column list has every column that a table must have, and these are so many that no other table has them by chance.
    #[must_use]
    pub fn is_like(&self, table: Table, listed: &[String]) -> bool {
        let binding = Binding { entry: self.entries.get(&table), listed, first: 0 };
        let required: Vec<&str> = required(table).collect();
        required.len() >= 3 && required.iter().all(|column| binding.index(column).is_some())
    }

    /// Finds a table's columns in a column list, whichever of them are there.
    #[must_use]
    pub fn find<'m>(&'m self, table: Table, listed: &'m [String], oids: bool) -> Binding<'m> {
        Binding { entry: self.entries.get(&table), listed, first: usize::from(oids) }
    }

    /// The columns that a table must have, or be declared not to have, and that are not in a column list.
    #[must_use]
    pub fn missing(&self, table: Table, listed: &[String]) -> Vec<&'static str> {
        let binding = self.find(table, listed, false);
        let absent = |column: &str| binding.entry.is_some_and(|entry| entry.absent.contains(column));
        let needed = |need: &ColumnNeed| matches!(need.need, Need::Required | Need::Meaning);
        let missing = needs(table)
            .filter(|(column, need)| needed(need) && binding.index(column).is_none() && !absent(column));
        missing.map(|(column, _)| column).collect()
    }

    /// Finds a table's columns in a block's column list.
    ///
    /// # Errors
    /// A required column is not in the list.
    pub fn bind<'m>(
        &'m self,
        table: Table,
        listed: &'m [String],
        oids: bool,
        at: &Place,
    ) -> Result<Binding<'m>> {
        let binding = self.find(table, listed, oids);
        for required in required(table) {
            if binding.index(required).is_none() {
                return Err(ErrorKind::MissingColumn {
                    at: at.clone(),
                    table: table.name().to_owned(),
                    column: required,
                    aliases: binding.names(required).iter().filter(|n| *n != required).cloned().collect(),
                }
                .into());
            }
        }
        Ok(binding)
    }
}

impl Entry {
    fn of(spec: &TableSpec) -> Self {
        let columns = spec.columns.iter().map(|(column, need)| (column.clone(), need.names(column)));
        Self {
            database: spec.database.clone(),
            called: None,
            names: spec.names.clone(),
            columns: columns.collect(),
            absent: BTreeSet::new(),
            values: BTreeMap::new(),
        }
    }

    fn declare_absent(&mut self, table: Table, column: String) -> std::result::Result<(), MapError> {
        let name = table.name().to_owned();
        match need(table, &column) {
            None => Err(MapError::NoColumn { table: name, column }),
            Some(ColumnNeed { need: Need::Required, .. }) => {
                Err(MapError::Indispensable { table: name, column })
            }
            Some(_) => {
                self.absent.insert(column);
                Ok(())
            }
        }
    }
}

/// The words of a column's values, each with the one of the contract that it stands for.
fn values(
    table: Table,
    column: &str,
    words: BTreeMap<String, String>,
) -> std::result::Result<Values, MapError> {
    let name = || table.name().to_owned();
    let Some(need) = need(table, column) else {
        return Err(MapError::NoColumn { table: name(), column: column.to_owned() });
    };
    let known = need.vocabulary();
    let mapped =
        words.into_iter().map(|(from, to)| match known.iter().find(|word| word.eq_ignore_ascii_case(&to)) {
            Some(word) => Ok((from.into_boxed_str(), *word)),
            None => Err(MapError::NoWord {
                table: name(),
                column: column.to_owned(),
                word: to,
                known: known.clone(),
            }),
        });
    mapped.collect::<std::result::Result<Vec<_>, _>>().map(Arc::from)
}

fn table_named(name: &str) -> std::result::Result<Table, MapError> {
    Table::ALL.into_iter().find(|t| t.name() == name).ok_or_else(|| MapError::NoTable(name.to_owned()))
}

/// A table's columns in one block's column list.
#[derive(Clone, Copy, Debug)]
pub struct Binding<'m> {
    entry: Option<&'m Entry>,
    listed: &'m [String],
    first: usize,
}

impl Binding<'_> {
    /// The column that the contract calls `name`.
    #[must_use]
    pub fn column(&self, name: &'static str) -> Column {
        let values = self.entry.and_then(|entry| entry.values.get(name)).cloned();
        Column { name, index: self.index(name), values }
    }

    /// The contract's name of a column in the list; `None` for one that the map does not know.
    #[must_use]
    pub fn known_as(&self, listed: &str) -> Option<&str> {
        let place = self.listed.iter().position(|name| name == listed)? + self.first;
        let columns = self.entry.into_iter().flat_map(|entry| entry.columns.keys());
        columns.map(String::as_str).find(|column| self.index(column) == Some(place))
    }

    /// The columns in the list that the map does not know.
    #[must_use]
    pub fn unknown(&self) -> Vec<String> {
        let known =
            |name: &String| self.entry.is_some_and(|e| e.columns.values().flatten().any(|n| n == name));
        let honoured = |name: &String| matches!(name.as_str(), "deleted" | "deleted_at");
        self.listed.iter().filter(|name| !known(name) && !honoured(name)).cloned().collect()
    }

    fn names(&self, column: &str) -> &[String] {
        self.entry.and_then(|e| e.columns.get(column)).map(Vec::as_slice).unwrap_or_default()
    }

    fn index(&self, column: &str) -> Option<usize> {
        let position = |name: &str| self.listed.iter().position(|listed| listed == name);
        let own = [column.to_owned()];
        // Soft deletion is honoured in every table, in the map or not.
        let names = if self.names(column).is_empty() { &own[..] } else { self.names(column) };
        names.iter().find_map(|name| position(name)).map(|n| n + self.first)
    }
}

/// The columns without which no row of a table can be converted.
fn required(table: Table) -> impl Iterator<Item = &'static str> {
    needs(table).filter(|(_, need)| need.need == Need::Required).map(|(column, _)| column)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::position::Position;

    fn listed(names: &[&str]) -> Vec<String> {
        names.iter().map(|n| (*n).to_owned()).collect()
    }

    fn place() -> Place {
        Place { dump: "vbs.sql".into(), position: Position { line: 3, byte: 40 } }
    }

    #[test]
    fn the_built_in_map_names_every_table_and_only_columns_it_has() {
        let map = ColumnMap::built_in().unwrap();
        for table in Table::ALL {
            assert_eq!(map.table(table.name()), Some(table));
            let entry = &map.entries[&table];
            assert!(entry.columns.keys().eq(needs(table).map(|(column, _)| column)), "{table}");
        }
    }

    #[test]
    fn a_column_is_found_by_any_of_its_names_and_the_first_name_wins() {
        let map = ColumnMap::built_in().unwrap();
        let list = listed(&["id", "cron", "timezone", "extra"]);
        let binding = map.bind(Table::BackupTrigger, &list, false, &place()).unwrap();
        assert_eq!(binding.column("trigger_id").index, Some(0));
        assert_eq!(binding.column("cron_expression").index, Some(1));
        assert_eq!(binding.column("time_zone").index, Some(2));
        assert_eq!(binding.column("name").index, None);
        assert_eq!(binding.unknown(), ["extra"]);
        let list = listed(&["id", "trigger_id"]);
        let binding = map.bind(Table::BackupTrigger, &list, false, &place()).unwrap();
        assert_eq!(binding.column("trigger_id").index, Some(1));
    }

    #[test]
    fn oids_shift_every_field_by_one() {
        let map = ColumnMap::built_in().unwrap();
        let list = listed(&["policy_id", "resource_id"]);
        let binding = map.bind(Table::PolicyResource, &list, true, &place()).unwrap();
        assert_eq!(binding.column("resource_id").index, Some(2));
    }

    #[test]
    fn a_missing_required_column_names_table_column_line_and_other_names() {
        let map = ColumnMap::built_in().unwrap();
        let error = map.bind(Table::BackupTrigger, &listed(&["name"]), false, &place()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "vbs.sql:3: table backup_trigger has no column trigger_id (also looked for: id)"
        );
    }

    #[test]
    fn an_override_replaces_the_names_it_gives_and_no_others() {
        let mut map = ColumnMap::built_in().unwrap();
        map.override_with("[tag]\nnames = [\"t_tag\"]\n[tag.columns]\ntag_key = [\"k\"]\n").unwrap();
        assert_eq!((map.table("tag"), map.table("t_tag")), (None, Some(Table::Tag)));
        let list = listed(&["policy_id", "k", "value"]);
        let binding = map.bind(Table::Tag, &list, false, &place()).unwrap();
        assert_eq!(binding.column("tag_key").index, Some(1));
        assert_eq!(binding.column("tag_value").index, Some(2));
    }

    #[test]
    fn a_database_may_have_another_name() {
        let mut map = ColumnMap::built_in().unwrap();
        assert!(map.is_in(Table::Backups, "cinder") && !map.is_in(Table::Backups, "trove"));
        map.override_with("[backups]\ndatabase = \"cinder01\"\n").unwrap();
        assert!(map.is_in(Table::Backups, "cinder01") && !map.is_in(Table::Backups, "cinder"));
        assert!(map.is_in(Table::Quotas, "cinder") && map.tables_of("cinder").contains(&"backups"));
    }

    #[test]
    fn an_override_that_names_what_is_not_there_is_refused() {
        let refusal =
            |text: &str| ColumnMap::built_in().unwrap().override_with(text).unwrap_err().to_string();
        assert!(refusal("[tags]\n").starts_with("there is no table \"tags\""));
        assert!(refusal("[tag.columns]\nkey = []\n").starts_with("table tag has no column \"key\""));
        assert!(refusal("[tag]\nrequired = []\n").contains("line 2"));
        assert!(refusal("[tag]\nnames = [\"backups\"]\n").contains("two tables"));
    }
}
