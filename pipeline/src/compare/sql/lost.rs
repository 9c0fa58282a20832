//! Imported rows that the dumps no longer hold: their keys are noted before anything is written, and asked for afterwards.

use super::{RESOURCES, Sql};
use crate::load::lookup::no;
use crate::load::session::literal;

impl Sql<'_> {
    /// The next keys of compared rows after `after`, in order: `(number or key, key columns…)`.
    pub(crate) fn keys_after(&self, table: usize, after: Option<&str>, limit: u32) -> Option<String> {
        let order =
            if self.layout(table).table.serial { self.column(table, "id") } else { self.key(table).concat() };
        let number = self.layout(table).table.serial;
        let after = after.map(|after| {
            let after = if number { after.to_owned() } else { literal(after) };
            format!(" AND t.{order} > {after}")
        });
        let keys: Vec<_> = self.key(table).iter().map(|key| format!("t.{key}")).collect();
        // Resources that Karbor adds have the names of what they are; imported ones have only ids.
        let names = self.optional(RESOURCES, "resource_name").filter(|_| table == RESOURCES);
        let ours = names.map(|name| format!(" AND t.{name} = {}", self.of("t", RESOURCES, "resource_id")));
        Some(format!(
            "SELECT t.{order}, {keys} FROM {table} t WHERE {imported} AND {there}{ours}{after} ORDER BY t.{order} LIMIT {limit}",
            ours = ours.unwrap_or_default(),
            keys = keys.join(", "),
            table = self.table(table),
            imported = self.imported(table)?,
            there = no(&self.of("t", table, "deleted"), "false"),
            after = after.unwrap_or_default(),
        ))
    }

    /// An empty table for keys that are there: the number of the row, where it has one, and the key columns.
    pub(crate) fn create_there(&self, table: usize) -> String {
        let number = if self.layout(table).table.serial {
            format!("t.{}, ", self.column(table, "id"))
        } else {
            String::new()
        };
        let select =
            format!("SELECT {number}{} FROM {} t WHERE 1 = 0", self.keys_of(table, "t"), self.table(table));
        self.temporary(&self.there(table), &select)
    }

    /// Notes that keys are there; `rows` are `(number, key columns…)` as text.
    pub(crate) fn note_there(&self, table: usize, rows: &[Vec<String>]) -> String {
        let numbered = self.layout(table).table.serial;
        let value =
            |(n, text): (usize, &String)| if numbered && n == 0 { text.clone() } else { literal(text) };
        let rows = rows.iter().map(|row| {
            let values: Vec<_> = row.iter().enumerate().map(value).collect();
            format!("({})", values.join(", "))
        });
        format!("INSERT INTO {} VALUES {}", self.there(table), rows.collect::<Vec<_>>().join(", "))
    }

    /// The rows that are there and that the dumps do not hold, as `FROM … WHERE …` with the alias `h`.
    pub(crate) fn lost(&self, table: usize) -> String {
        let key = self.key(table).into_iter().next().unwrap_or_default();
        format!(
            "FROM {} h LEFT JOIN {} s ON {} WHERE s.{key} IS NULL",
            self.there(table),
            self.stage(table),
            self.keys_equal(table, "h", "s"),
        )
    }

    /// The first of the rows that the dumps do not hold.
    pub(crate) fn lost_keys(&self, table: usize, limit: usize) -> String {
        let keys = self.keys_of(table, "h");
        format!("SELECT {keys} {} ORDER BY {keys} LIMIT {limit}", self.lost(table))
    }
}
