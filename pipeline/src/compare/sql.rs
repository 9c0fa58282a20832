//! The statements of a comparison, in what PostgreSQL 9.2 and SQLite both read. They read rows of the target, and they do what
//! was decided; nothing is decided by them.
//!
//! A row is found again by where it lies (`ctid`, `rowid`): that needs no index, and within one transaction it does not change
//! until the row does (PostgreSQL documentation, "System Columns").

use super::scope::Scope;
use crate::karbor::WRITTEN;
use crate::karbor::ddl::Dialect;
use crate::karbor::layout::{ColumnLayout, Layout, Stored, Width, Wire, quoted};
pub(crate) use crate::karbor::place::{ITEMS, OPERATIONS, PLANS, RESOURCES, STATES, TRIGGERS};
use crate::load::lookup::{TAGGED, tag};
use crate::load::session::literal;
use crate::removal::marks::key;
use std::fmt::Write as _;

/// The tables that a comparison knows.
pub(crate) const TABLES: std::ops::Range<usize> = 0..WRITTEN.len();

/// The columns before those of the layout in a row that is read to be judged: where it lies, whether it is imported, and what
/// tells whether Karbor changed it.
pub(crate) const MARKS: [&str; 6] =
    ["locator", "imported", "updated_at", "deleted_at", "created_at", "deleted"];

/// Makes statements about one target.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sql<'q> {
    /// The tables.
    pub(crate) layouts: &'q [Layout; 6],
    /// Whose SQL.
    pub(crate) dialect: Dialect,
    /// What the dumps contain.
    pub(crate) scope: &'q Scope,
}

impl<'q> Sql<'q> {
    fn layout(&self, table: usize) -> &'q Layout {
        // Places are this file's own constants, of which there are as many as layouts.
        let [first, ..] = self.layouts;
        self.layouts.get(table).unwrap_or(first)
    }

    fn karbors(&self, table: usize) -> &'static str {
        self.layout(table).table.name
    }

    /// The target's table.
    pub(crate) fn table(&self, table: usize) -> &'q str {
        &self.layout(table).into
    }

    /// A column, quoted, by Karbor's name; `None` where the target has none.
    pub(crate) fn optional(&self, table: usize, karbors: &str) -> Option<String> {
        self.layout(table).column(karbors).map(quoted)
    }

    /// A column that every target has.
    pub(crate) fn column(&self, table: usize, karbors: &str) -> String {
        self.optional(table, karbors).unwrap_or_else(|| quoted(karbors))
    }

    fn of(&self, alias: &str, table: usize, karbors: &str) -> String {
        format!("{alias}.{}", self.column(table, karbors))
    }

    /// The condition that two ids are the same, each as its alias, table and column: without a foreign key one may be a uuid, the
    /// other its text.
    fn same(&self, one: (&str, usize, &str), other: (&str, usize, &str)) -> String {
        let wire = |(_, table, name): (&str, usize, &str)| {
            let layout = self.layout(table);
            layout.columns.iter().find(|laid| layout.karbors_name(laid) == name).map(|laid| laid.wire)
        };
        let column = |(alias, table, name)| self.of(alias, table, name);
        if wire(one) == wire(other) {
            format!("{} = {}", column(one), column(other))
        } else {
            format!("{} = {}", key(&column(one)), key(&column(other)))
        }
    }

    /// The columns that identify a row of a table.
    fn key(&self, table: usize) -> Vec<String> {
        let layout = self.layout(table);
        let named = layout.table.key.iter().filter_map(|value| layout.table.columns.get(*value));
        named.map(|column| self.column(table, column.name)).collect()
    }

    /// Where row `t` lies, as text.
    fn locator(&self) -> &'static str {
        match self.dialect {
            Dialect::Postgres => "CAST(t.ctid AS text)",
            Dialect::Sqlite => "CAST(t.rowid AS text)",
        }
    }

    /// The condition that `t` is a row of an import from one of the compared sources; `None` where none is compared.
    pub(crate) fn imported(&self, table: usize) -> Option<String> {
        let tags = |tagged: &str| {
            let tags: Vec<_> =
                self.scope.compared(table).map(|source| literal(tag(source, tagged))).collect();
            (!tags.is_empty()).then(|| tags.join(", "))
        };
        let description = |alias: &str, owner: usize| self.of(alias, owner, "description");
        Some(match table {
            RESOURCES => format!(
                "EXISTS (SELECT 1 FROM {plans} p WHERE {same} AND {tag} IN ({tags}))",
                plans = self.table(PLANS),
                same = self.same(("p", PLANS, "id"), ("t", RESOURCES, "plan_id")),
                tag = description("p", PLANS),
                tags = tags("plans")?,
            ),
            TRIGGERS | STATES => {
                let (own, of) = if table == TRIGGERS { ("id", "trigger_id") } else { ("operation_id", "id") };
                format!(
                    "EXISTS (SELECT 1 FROM {operations} o WHERE {same} AND {tag} IN ({tags}))",
                    operations = self.table(OPERATIONS),
                    same = self.same(("o", OPERATIONS, of), ("t", table, own)),
                    tag = description("o", OPERATIONS),
                    tags = tags("scheduled_operations")?,
                )
            }
            _ => {
                let column = TAGGED.iter().find(|(tagged, _)| *tagged == self.karbors(table))?.1;
                format!("{} IN ({})", self.of("t", table, column), tags(self.karbors(table))?)
            }
        })
    }

    /// The imported rows: where each lies, and its columns. `None` where none is compared.
    pub(crate) fn imported_rows(&self, table: usize) -> Option<String> {
        let layout = self.layout(table);
        let (locator, columns) = (self.locator(), layout.read_list("t"));
        Some(format!("SELECT {locator}, {columns} FROM {} t WHERE {}", layout.into, self.imported(table)?))
    }

    /// All other rows: where each lies, and the first of its key columns.
    pub(crate) fn other_keys(&self, table: usize) -> String {
        let others = match self.imported(table) {
            // A row whose tag is NULL is another one, too.
            Some(imported) => format!(" WHERE NOT coalesce({imported}, false)"),
            None => String::new(),
        };
        let keys = self.key_layout(table);
        format!("SELECT {}, {} FROM {} t{others}", self.locator(), keys.read_list("t"), keys.into)
    }

    /// All rows of a table that says itself which of them are imported: where each lies, whether it is imported, and its columns.
    /// Of the others only the key counts, so that their long values are left out. `None` where other tables say it, or none is
    /// compared.
    pub(crate) fn all_rows(&self, table: usize) -> Option<String> {
        let imported = self.imported(table).filter(|_| table == ITEMS)?;
        let layout = self.layout(table);
        let columns = layout.columns.iter().map(|laid| match layout.karbors_name(laid) {
            "description" | "backup_data" | "extend_info" => {
                format!("CASE WHEN {imported} THEN {} END", laid.read("t"))
            }
            _ => laid.read("t"),
        });
        Some(format!(
            "SELECT {}, CASE WHEN {imported} THEN '1' ELSE '0' END, {} FROM {} t",
            self.locator(),
            columns.collect::<Vec<_>>().join(", "),
            layout.into
        ))
    }

    /// What [`Sql::all_rows`] selects.
    pub(crate) fn all_rows_layout(&self, table: usize) -> Layout {
        with_text_columns(self.layout(table), 2)
    }

    /// The bytes that a table takes, which are more than those of the entries of its rows. One number.
    pub(crate) fn size(&self, table: usize) -> String {
        match self.dialect {
            Dialect::Postgres => {
                format!("SELECT pg_relation_size(CAST({} AS regclass))", literal(self.table(table)))
            }
            Dialect::Sqlite => {
                "SELECT c.page_count * s.page_size FROM pragma_page_count() c, pragma_page_size() s"
                    .to_owned()
            }
        }
    }

    /// The first key column of a table alone.
    pub(crate) fn key_layout(&self, table: usize) -> Layout {
        let mut layout = self.layout(table).clone();
        let first = layout.table.key.first();
        layout.columns.retain(|laid| Some(&laid.value) == first);
        layout
    }

    /// Rows by where they lie: the marks, and the columns.
    pub(crate) fn rows_at(&self, table: usize, locators: &[u64]) -> String {
        let layout = self.layout(table);
        let imported = self.imported(table).map_or_else(
            || "'0'".to_owned(),
            |imported| format!("CASE WHEN {imported} THEN '1' ELSE '0' END"),
        );
        let times = MARKS.get(2..).unwrap_or_default().iter().map(|name| {
            self.optional(table, name)
                .map_or_else(|| "CAST(NULL AS text)".to_owned(), |name| format!("CAST(t.{name} AS text)"))
        });
        let marks: Vec<_> = [self.locator().to_owned(), imported].into_iter().chain(times).collect();
        format!(
            "SELECT {}, {} FROM {} t WHERE {}",
            marks.join(", "),
            layout.read_list("t"),
            layout.into,
            self.lies_at(locators)
        )
    }

    /// Where the rows of a table lie whose first key column is `key`.
    pub(crate) fn located_at(&self, table: usize, key: &str) -> String {
        let layout = self.key_layout(table);
        let column = self.key(table).into_iter().next().unwrap_or_default();
        let is_uuid = layout.columns.first().is_some_and(|laid| laid.wire == Wire::Uuid);
        let (own, key) = match is_uuid {
            // A text that is no UUID is no key of such a column, and no error either.
            true => {
                (format!("replace(CAST(t.{column} AS text), '-', '')"), key.replace('-', "").to_lowercase())
            }
            false => (format!("t.{column}"), key.to_owned()),
        };
        format!("SELECT {} FROM {} t WHERE {own} = {}", self.locator(), layout.into, literal(&key))
    }

    fn lies_at(&self, locators: &[u64]) -> String {
        let mut list = String::new();
        for (n, locator) in locators.iter().enumerate() {
            let comma = if n > 0 { "," } else { "" };
            let _ = match self.dialect {
                Dialect::Postgres => write!(list, "{comma}\"({},{})\"", locator >> 16, locator & 0xffff),
                Dialect::Sqlite => write!(list, "{comma}{}", locator.cast_signed()),
            };
        }
        match self.dialect {
            Dialect::Postgres => format!("t.ctid = ANY (CAST('{{{list}}}' AS tid[]))"),
            Dialect::Sqlite => format!("t.rowid IN ({list})"),
        }
    }

    /// The columns that [`Sql::rows_at`] selects.
    pub(crate) fn marked_layout(&self, table: usize) -> Layout {
        with_text_columns(self.layout(table), MARKS.len())
    }

    /// The columns that [`Sql::imported_rows`] and [`Sql::other_keys`] select.
    pub(crate) fn located_layout(&self, table: usize, only_key: bool) -> Layout {
        let layout = if only_key { self.key_layout(table) } else { self.layout(table).clone() };
        with_text_columns(&layout, 1)
    }

    /// A temporary table with the filled columns of a table, empty.
    pub(crate) fn create_stage(&self, table: usize) -> String {
        let layout = self.layout(table);
        format!(
            "CREATE TEMPORARY TABLE {} AS SELECT {} FROM {} WHERE 1 = 0",
            layout.staging().into,
            layout.column_list(""),
            layout.into
        )
    }

    /// Gives rows of the target the values of the temporary table.
    pub(crate) fn update(&self, table: usize) -> String {
        let layout = self.layout(table);
        let keys = self.key(table);
        let set =
            layout.columns.iter().map(|laid| quoted(&laid.name)).filter(|column| !keys.contains(column));
        let set: Vec<_> = set.map(|column| format!("{column} = s.{column}")).collect();
        let same: Vec<_> = keys.iter().map(|key| format!("t.{key} = s.{key}")).collect();
        format!(
            "UPDATE {} AS t SET {} FROM {} s WHERE {}",
            layout.into,
            set.join(", "),
            layout.staging().into,
            same.join(" AND ")
        )
    }

    /// Asks whether a table has partitions or child tables: rows of two of them may lie at one place. One number; `None` where no
    /// table can.
    pub(crate) fn children(&self, table: usize) -> Option<String> {
        (self.dialect == Dialect::Postgres).then(|| {
            format!(
                "SELECT count(*) FROM pg_catalog.pg_inherits i WHERE i.inhparent = CAST({} AS regclass)",
                literal(self.table(table))
            )
        })
    }

    /// Asks whether the catalog has partitions as openGauss keeps them, which are no child tables. One number; `None` where no
    /// target can.
    pub(crate) fn knows_partitions(&self) -> Option<&'static str> {
        (self.dialect == Dialect::Postgres).then_some(
            "SELECT count(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname = 'pg_catalog' AND c.relname = 'pg_partition'",
        )
    }

    /// Asks how many such partitions a table has (openGauss documentation, "PG_PARTITION"). One number.
    pub(crate) fn partitions(&self, table: usize) -> String {
        format!(
            "SELECT count(*) FROM pg_catalog.pg_partition p WHERE p.parttype IN ('p', 's') AND p.parentid = CAST({} AS regclass)",
            literal(self.table(table))
        )
    }

    /// A statement that tells the planner how large a temporary table is.
    pub(crate) fn analyze(&self, table: usize) -> Option<String> {
        (self.dialect == Dialect::Postgres).then(|| format!("ANALYZE {}", self.layout(table).staging().into))
    }
}

/// A layout with so many columns of text before its own.
fn with_text_columns(layout: &Layout, count: usize) -> Layout {
    let mut layout = layout.clone();
    let text = |_| ColumnLayout {
        value: usize::MAX,
        name: String::new(),
        wire: Wire::Text,
        width: Width::Unlimited,
        nullable: true,
        stored: Stored::Whole,
    };
    layout.columns.splice(0..0, (0..count).map(text));
    layout
}

/// Where a row lies, from its text.
pub(crate) fn locator(text: &str) -> Option<u64> {
    match text.strip_prefix('(').and_then(|text| text.strip_suffix(')')) {
        Some(inside) => {
            let (block, row) = inside.split_once(',')?;
            Some(u64::from(block.parse::<u32>().ok()?) << 16 | u64::from(row.parse::<u16>().ok()?))
        }
        None => text.parse::<i64>().ok().map(i64::cast_unsigned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locator_is_a_number() {
        assert_eq!(locator("(7,3)"), Some(7 << 16 | 3));
        assert_eq!(locator("(4294967295,65535)"), Some(0xffff_ffff_ffff));
        assert_eq!(locator("-1"), Some(u64::MAX));
        assert_eq!(locator("(7)"), None);
    }
}
