//! How a row of Karbor's database is known to be imported, as expressions of SQL.
//!
//! Everything is what PostgreSQL 9.2 and SQLite both read, but for [`ImportPredicates::named_plan`]. Columns are read through text,
//! because a target may keep an id as text or uuid and a truth as boolean, number or text. No expression has a backslash.

use crate::karbor::ddl::Dialect;
use crate::karbor::layout::{Layout, quoted};
use crate::karbor::{ITEMS, OPERATIONS, PLANS, RESOURCES, STATES, Source, TRIGGERS, Table};
use crate::load::session::literal;

/// Both sources, in the order in which they are told.
pub(crate) const SOURCES: [Source; 2] = [Source::Vbs, Source::Dps];

/// What stands for the source of a row that no mark tells.
pub(crate) const UNKNOWN: &str = "?";

/// What stands for the source of a row that Karbor made.
pub(crate) const KARBOR: &str = "karbor";

/// The target's tables, and how it wants to be asked.
#[derive(Clone, Copy)]
pub(crate) struct ImportPredicates<'l> {
    layouts: &'l [Layout; 6],
    /// Whose SQL it reads.
    pub(crate) dialect: Dialect,
}

impl<'l> ImportPredicates<'l> {
    /// For tables in the order of [`crate::karbor::WRITTEN`].
    pub(crate) fn new(layouts: &'l [Layout; 6], dialect: Dialect) -> Self {
        Self { layouts, dialect }
    }

    /// The layout of one of Karbor's tables.
    pub(crate) fn layout(&self, table: &Table) -> &'l Layout {
        let [plans, resources, triggers, operations, states, items] = self.layouts;
        match table.name {
            name if name == PLANS.name => plans,
            name if name == RESOURCES.name => resources,
            name if name == TRIGGERS.name => triggers,
            name if name == OPERATIONS.name => operations,
            name if name == STATES.name => states,
            _ => items,
        }
    }

    /// A table as it stands in a statement.
    pub(crate) fn table(&self, table: &Table) -> &'l str {
        &self.layout(table).into
    }

    /// A column as it stands in a statement, where the target has it; behind the table's alias, if it has one.
    pub(crate) fn column_if(&self, table: &Table, alias: &str, column: &str) -> Option<String> {
        self.layout(table).column(column).map(|name| behind(alias, name))
    }

    /// [`ImportPredicates::column_if`] for a column without which a target is none; where it is missing all the same, the server says so.
    pub(crate) fn column(&self, table: &Table, alias: &str, column: &str) -> String {
        self.column_if(table, alias, column).unwrap_or_else(|| behind(alias, column))
    }

    /// The plan that an operation's definition names, as text. The one expression that the databases do not share:
    /// PostgreSQL 9.2 has no functions for JSON.
    pub(crate) fn named_plan(&self, alias: &str) -> String {
        let definition = self.column(&OPERATIONS, alias, "operation_definition");
        match self.dialect {
            Dialect::Postgres => {
                format!(r#"substring({} from '"plan_id": *"([^"]*)"')"#, text(&definition))
            }
            Dialect::Sqlite => {
                format!("CASE WHEN json_valid({definition}) THEN json_extract({definition}, '$.plan_id') END")
            }
        }
    }

    /// The source that the tag of a plan or operation names, NULL without a tag.
    pub(crate) fn source_by_tag(&self, table: &Table, alias: &str) -> String {
        source_of(&self.column(table, alias, "description"), Source::tag)
    }

    /// The source that a copy's version names, NULL for a version of Karbor's own.
    pub(crate) fn source_by_version(&self, alias: &str) -> String {
        source_of(&self.column(&ITEMS, alias, "version"), Source::version)
    }

    /// Whether a copy is of one of these sources. The bare column, so that its index serves.
    pub(crate) fn is_copy_of(&self, alias: &str, sources: &[Source]) -> String {
        let versions: Vec<_> = sources.iter().map(|source| literal(source.version())).collect();
        format!("{} IN ({})", self.column(&ITEMS, alias, "version"), versions.join(", "))
    }
}

fn behind(alias: &str, column: &str) -> String {
    let column = quoted(column);
    if alias.is_empty() { column } else { format!("{alias}.{column}") }
}

/// A value as text.
pub(crate) fn text(value: &str) -> String {
    format!("CAST({value} AS text)")
}

/// An id in the form in which ids are compared across tables: one of them may be a uuid, the other its text.
pub(crate) fn key(value: &str) -> String {
    format!("lower(replace({}, '-', ''))", text(value))
}

/// Whether an id is derived: a UUID of version 5, which Karbor, whose ids are of version 4, never makes.
pub(crate) fn derived(id: &str) -> String {
    let id = text(id);
    format!("(length({id}) = 36 AND substr({id}, 15, 1) = '5')")
}

/// Whether a truth, whatever its type, says yes; NULL says no.
pub(crate) fn yes(value: &str) -> String {
    format!("lower(coalesce({}, 'false')) IN ('true', 't', '1')", text(value))
}

fn source_of(column: &str, mark: impl Fn(Source) -> &'static str) -> String {
    let cases =
        SOURCES.map(|source| format!("WHEN {} THEN {}", literal(mark(source)), literal(source.prefix())));
    format!("CASE {} {} END", text(column), cases.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::karbor::layout::Format;
    use fixtures::server::shared;
    use rusqlite::Connection;

    /// What both databases make of an expression over a row of operations with this id, description and definition.
    #[track_caller]
    fn check(expression: &dyn Fn(ImportPredicates<'_>) -> String, row: [&str; 3], expected: &str) {
        let layouts = crate::karbor::WRITTEN.map(|table| Layout::built_in(table, Format::Text));
        let [id, description, definition] = row.map(literal);
        let sql = |dialect| {
            let expression = expression(ImportPredicates::new(&layouts, dialect));
            format!(
                "SELECT coalesce(CAST({expression} AS text), 'NULL') FROM \
                 (SELECT {id} AS id, {description} AS description, {definition} AS operation_definition) o"
            )
        };
        let embedded = Connection::open_in_memory().unwrap();
        let found: String = embedded.query_row(&sql(Dialect::Sqlite), [], |row| row.get(0)).unwrap();
        assert_eq!(found, expected, "SQLite: {row:?}");
        assert_eq!(shared().psql("postgres", &sql(Dialect::Postgres)), expected, "PostgreSQL: {row:?}");
    }

    #[test]
    fn both_databases_read_the_marks_alike() {
        let plan = |marks: ImportPredicates<'_>| marks.named_plan("o");
        for (definition, expected) in [
            (r#"{"provider_id":"x","plan_id":"a-1","permanent":"true"}"#, "a-1"),
            (r#"{"plan_id": "a 1", "x": {"y": []}}"#, "a 1"),
            (r#"{"max_backups": "3"}"#, "NULL"),
            ("no JSON", "NULL"),
            ("", "NULL"),
        ] {
            check(&plan, ["", "", definition], expected);
        }
        let tag = |marks: ImportPredicates<'_>| marks.source_by_tag(&OPERATIONS, "o");
        for (description, expected) in [
            ("imported_from_vbs", "vbs"),
            ("imported_from_dps", "dps"),
            ("imported_from_vbs ", "NULL"),
            ("Imported_from_VBS", "NULL"),
        ] {
            check(&tag, ["", description, ""], expected);
        }
        let kind =
            |_: ImportPredicates<'_>| format!("CASE WHEN {} THEN 'derived' ELSE 'kept' END", derived("o.id"));
        for (id, expected) in [
            ("748343b6-5227-5920-b5c3-a8a824b441d0", "derived"),
            ("748343b6-5227-4920-b5c3-a8a824b441d0", "kept"),
            // Of an id without hyphens the fifteenth digit says nothing.
            ("40c89b186641d25b5166a0ccf306068e", "kept"),
            ("", "kept"),
        ] {
            check(&kind, [id, "", ""], expected);
        }
        let same = |_: ImportPredicates<'_>| key("o.id");
        check(&same, ["40C89B18-6641-D2CB-0166-a0ccf306068e", "", ""], "40c89b186641d2cb0166a0ccf306068e");
        let truth = |_: ImportPredicates<'_>| format!("CASE WHEN {} THEN 'yes' ELSE 'no' END", yes("o.id"));
        for (value, expected) in
            [("true", "yes"), ("T", "yes"), ("1", "yes"), ("0", "no"), ("f", "no"), ("", "no")]
        {
            check(&truth, [value, "", ""], expected);
        }
    }
}
