//! Whether a table in a dump is one that is known: by its name, and by its database where the dump says one.

use super::block::{Alike, Block};
use crate::columns::Binding;
use crate::error::{ErrorKind, Result};
use crate::position::Place;
use crate::scan::scanner::Scanner;
use crate::statement::{self, Name};
use crate::table::Table;

/// From so many tables on that are not known, one that lacks its columns is taken for another program's.
const MANY: usize = 10;

/// How many tables that resemble known ones are kept of a dump.
const ALIKE_MAX: usize = 64;

/// Tables of Karbor's own database, which may be in one file with the sources.
const KARBORS: [&str; 14] = [
    "services",
    "plans",
    "resources",
    "triggers",
    "trigger_executions",
    "scheduled_operations",
    "scheduled_operation_states",
    "scheduled_operation_logs",
    "operation_logs",
    "checkpoint_records",
    "checkpoint_items",
    "restores",
    "verifications",
    "reservations",
];

impl<'m> Scanner<'m> {
    /// The known table of a name, in the database that is connected to.
    fn table(&self, name: &Name) -> Option<Table> {
        let table = self.map.table(&name.table)?;
        let elsewhere = self.database.as_ref().is_some_and(|database| !self.map.is_in(table, database));
        (!elsewhere).then_some(table)
    }

    /// The known table of a name; the same table may not stand in two schemas.
    pub(super) fn known(
        &mut self,
        name: &Name,
        columns: Option<&[String]>,
        at: &Place,
    ) -> Result<Option<Table>> {
        if self.every_table {
            self.opened_name = self.other(name);
        }
        let Some(table) = self.table(name) else {
            match self.map.table(&name.table) {
                Some(table) => self.note_elsewhere(table, name, columns, at),
                None => self.note_alike(name, columns, at),
            }
            return Ok(self.every_table.then_some(Table::Other));
        };
        let (schema, _) = self.qualified(name);
        match self.schemas.get(&table) {
            Some(first) if *first != schema => Err(ErrorKind::TwoSchemas {
                at: at.clone(),
                table: name.table.clone(),
                first: first.clone(),
                second: schema,
            }
            .into()),
            Some(_) => Ok(Some(table)),
            None => {
                self.schemas.insert(table, schema);
                Ok(Some(table))
            }
        }
    }

    /// Notes a table that is not known, when it comes first.
    fn note_alike(&mut self, name: &Name, columns: Option<&[String]>, at: &Place) {
        let shown = self.other(name);
        // Some of Karbor's tables have most columns of a source's, whose rows they were made of.
        if KARBORS.contains(&name.table.to_ascii_lowercase().as_str()) {
            return;
        }
        if self.contents.other_tables.contains_key(&shown) || self.contents.alike.len() >= ALIKE_MAX {
            return;
        }
        let created = self.created.get(&self.qualified(name)).map(Vec::as_slice);
        let mut tables = self.map.resembled(columns.or(created).unwrap_or_default());
        tables.retain(|(table, _)| self.database.as_ref().is_none_or(|name| self.map.is_in(*table, name)));
        if !tables.is_empty() {
            self.contents.alike.push(Alike { at: at.clone(), name: shown, tables });
        }
    }

    fn note_elsewhere(&mut self, table: Table, name: &Name, columns: Option<&[String]>, at: &Place) {
        let Some(database) = &self.database else { return };
        let created = self.created.get(&self.qualified(name)).map(Vec::as_slice);
        if columns.or(created).is_some_and(|columns| self.map.is_like(table, columns)) {
            self.elsewhere.push((at.clone(), table, database.clone()));
        }
    }

    /// Refuses a dump in which a table was passed over for its database, has all the columns that are required, and did not come in
    /// the database that the map says: the database may only have another name.
    pub(super) fn none_elsewhere(&self) -> Result<()> {
        for (at, table, database) in &self.elsewhere {
            let (home, table) = (self.map.database_of(*table), *table);
            if !self.connected.iter().any(|connected| self.map.is_in(table, connected)) {
                let (database, home) = (database.clone(), home.to_owned());
                return Err(ErrorKind::OtherDatabase { at: at.clone(), table, database, home }.into());
            }
        }
        Ok(())
    }

    /// How a table that is not known is named in a report.
    pub(super) fn other(&self, name: &Name) -> String {
        match (&self.database, self.map.table(&name.table)) {
            (Some(database), Some(_)) => format!("{database}.{}", name.table),
            _ => name.table.clone(),
        }
    }

    /// A known table's name in one that could not be read: damage may have spoilt what stands around it, or in it.
    pub(super) fn known_word(&self, name: &str) -> Option<&'static str> {
        let lower = name.to_ascii_lowercase();
        let table = lower.rsplit('.').next().unwrap_or_default();
        let joined: String = table.chars().filter(|c| c.is_alphanumeric() || *c == '_').collect();
        let words = lower.split(|c: char| !(c.is_alphanumeric() || c == '_'));
        words.chain([joined.as_str()]).find_map(|word| self.map.table(word)).map(Table::name)
    }

    /// Passes a statement that changes rows, unless they are those of a known table.
    pub(super) fn unchanging(&mut self, statement: String) -> Result<()> {
        let at = self.reader.place();
        let text = self.whole_statement()?;
        let changed = statement::changed(&self.readable(&text));
        match changed.iter().find_map(|name| self.table(name)) {
            Some(table) => Err(ErrorKind::Changes { at, statement, table }.into()),
            None => Ok(()),
        }
    }

    /// Finds the columns of a block.
    ///
    /// # Errors
    /// A required column is not in its list.
    pub fn bind<'b>(&'b self, block: &'b Block) -> Result<Binding<'b>>
    where
        'm: 'b,
    {
        let at = self.place_at(block.statement);
        let bound = self.map.bind(block.table, &block.columns, block.oids, &at);
        bound.map_err(|error| match error.kind() {
            ErrorKind::MissingColumn { column, .. }
                if self.database.is_none() && self.unknown_tables() >= MANY =>
            {
                let others = self.unknown_tables();
                ErrorKind::OtherProgram { at, table: block.table, column, others }.into()
            }
            _ => error,
        })
    }

    /// How many tables of the dump are not known, so far.
    fn unknown_tables(&self) -> usize {
        self.unknown_tables.max(self.contents.other_tables.len())
    }
}
