//! The foreign keys that the target really has: in which order its tables lose rows, and which rows of other tables refer to
//! rows that are to go.

use super::beside::KINDS;
use super::marks::ImportPredicates;
use crate::error::{Error, Result};
use crate::karbor::ddl::Dialect;
use crate::karbor::layout::quoted;
use crate::karbor::{ITEMS, PLANS, Table, WRITTEN};
use crate::load::session::{Session, count, literal};

/// A foreign key to one of the tables that runs write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reference {
    /// The table that has it, as it stands in a statement.
    from: String,
    /// The same by its place in [`WRITTEN`], if it is one that runs write.
    own: Option<usize>,
    /// Its column.
    column: String,
    /// The place of the table that it refers to.
    to: usize,
    /// The column that it refers to.
    key: String,
}

/// Reads the foreign keys to the tables that runs write.
///
/// # Errors
/// The target's.
pub(crate) fn read(session: &mut dyn Session, marks: ImportPredicates<'_>) -> Result<Vec<Reference>> {
    let mut found = Vec::new();
    let sql = match session.dialect() {
        Dialect::Postgres => in_postgres(marks),
        Dialect::Sqlite => in_sqlite(marks),
    };
    session.query("reading the foreign keys", &sql, &mut |row| {
        if let [Some(from), own, Some(column), Some(to), key] = row {
            found.push(Reference {
                from: (*from).to_owned(),
                own: own.and_then(|own| own.parse().ok()),
                column: quoted(column),
                to: to.parse().unwrap_or(usize::MAX),
                key: quoted(key.unwrap_or("id")),
            });
        }
        Ok(())
    })?;
    Ok(found)
}

/// Of a key of several columns the first stands for all.
fn in_postgres(marks: ImportPredicates<'_>) -> String {
    let place = |column: &str| {
        let tables = WRITTEN.iter().enumerate();
        let cases = tables.map(|(n, table)| {
            format!(" WHEN {column} = CAST({} AS regclass) THEN '{n}'", literal(marks.table(table)))
        });
        format!("CASE{} END", cases.collect::<String>())
    };
    format!(
        "SELECT x.name, x.own, x.col, x.target, x.ref FROM (\
         SELECT quote_ident(n.nspname) || '.' || quote_ident(r.relname) AS name, {own} AS own, CAST(a.attname AS text) AS col, \
         {to} AS target, CAST(b.attname AS text) AS ref FROM pg_catalog.pg_constraint k \
         JOIN pg_catalog.pg_class r ON r.oid = k.conrelid JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace \
         JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1] \
         JOIN pg_catalog.pg_attribute b ON b.attrelid = k.confrelid AND b.attnum = k.confkey[1] \
         WHERE k.contype = 'f' AND has_table_privilege(r.oid, 'SELECT')) x WHERE x.target IS NOT NULL ORDER BY x.name, x.col",
        own = place("k.conrelid"),
        to = place("k.confrelid"),
    )
}

fn in_sqlite(marks: ImportPredicates<'_>) -> String {
    let place = |column: &str| {
        let tables = WRITTEN.iter().enumerate();
        let cases = tables.map(|(n, table)| {
            format!(
                " WHEN lower({column}) = {} THEN '{n}'",
                literal(&marks.layout(table).name.to_lowercase())
            )
        });
        format!("CASE{} END", cases.collect::<String>())
    };
    format!(
        "SELECT '\"' || replace(x.name, '\"', '\"\"') || '\"', x.own, x.col, x.target, x.ref FROM (\
         SELECT m.name AS name, {own} AS own, f.\"from\" AS col, {to} AS target, f.\"to\" AS ref \
         FROM sqlite_master m, pragma_foreign_key_list(m.name) f WHERE m.type = 'table') x \
         WHERE x.target IS NOT NULL ORDER BY x.name, x.col",
        own = place("m.name"),
        to = place("f.\"table\""),
    )
}

/// Whether copies refer to plans by a foreign key.
pub(crate) fn names_plans(references: &[Reference]) -> bool {
    let place = |table: &Table| WRITTEN.iter().position(|written| written.name == table.name);
    let (items, plans) = (place(&ITEMS), place(&PLANS));
    references.iter().any(|reference| reference.own == items && Some(reference.to) == plans)
}

/// The order in which tables lose rows: whoever refers goes before what it refers to, and else as in `wanted`.
pub(crate) fn order(wanted: &[&'static Table], references: &[Reference]) -> Vec<&'static Table> {
    let place = |table: &Table| WRITTEN.iter().position(|written| written.name == table.name);
    let mut left = wanted.to_vec();
    let mut out = Vec::new();
    while !left.is_empty() {
        let is_free = |table: &&'static Table| {
            let to = place(table);
            !references.iter().any(|reference| {
                let waits = left.iter().any(|left| place(left) == reference.own);
                Some(reference.to) == to && reference.own.is_some() && reference.own != to && waits
            })
        };
        // Tables that refer to each other go as they are wanted: the target defers its checks, or says which it refuses.
        let next = left.iter().position(is_free).unwrap_or(0);
        out.push(left.remove(next));
    }
    out
}

/// Refuses where rows of other tables refer to rows that are to go, whose condition `condition` gives for the unaliased table.
///
/// # Errors
/// There are such rows.
pub(crate) fn refuse_referring(
    session: &mut dyn Session,
    name: &str,
    marks: ImportPredicates<'_>,
    references: &[Reference],
    condition: &dyn Fn(&Table) -> Option<String>,
) -> Result<()> {
    for reference in references.iter().filter(|reference| reference.own.is_none()) {
        let goes_along = KINDS.iter().any(|kind| reference.from.trim_matches('"').ends_with(kind.name));
        let Some(table) = WRITTEN.get(reference.to).filter(|_| !goes_along) else { continue };
        let Some(condition) = condition(table) else { continue };
        let sql = format!(
            "SELECT count(*) FROM {} x WHERE x.{} IN (SELECT {} FROM {} WHERE {condition})",
            reference.from,
            reference.column,
            reference.key,
            marks.table(table)
        );
        let rows = count(session, "looking for rows that refer to imported ones", &sql)?;
        if rows > 0 {
            let what = format!(
                "{name}: {rows} {} of {} {} by {} to imported rows of {}; nothing was deleted",
                if rows == 1 { "row" } else { "rows" },
                reference.from,
                if rows == 1 { "refers" } else { "refer" },
                reference.column,
                marks.layout(table).name,
            );
            let remedy = format!(
                "delete those rows of {}, or let them refer to others, and try again",
                reference.from
            );
            return Err(Error::target(what, remedy));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::karbor::{OPERATIONS, RESOURCES, STATES, TRIGGERS};

    #[test]
    fn whoever_refers_goes_first() {
        let wanted = [&PLANS, &RESOURCES, &TRIGGERS, &OPERATIONS, &STATES, &ITEMS];
        let refers = |own: usize, to| Reference {
            from: String::new(),
            own: Some(own),
            column: String::new(),
            to,
            key: String::new(),
        };
        let names = |references: &[Reference]| {
            order(&wanted, references).iter().map(|table| table.name).collect::<Vec<_>>()
        };
        let karbors = [refers(1, 0), refers(3, 2), refers(4, 3)];
        assert_eq!(
            names(&karbors),
            [
                "resources",
                "plans",
                "scheduled_operation_states",
                "scheduled_operations",
                "triggers",
                "checkpoint_items"
            ]
        );
        let with_items = [&karbors[..], &[refers(5, 0), refers(0, 3), refers(0, 0)]].concat();
        assert_eq!(
            names(&with_items),
            [
                "resources",
                "scheduled_operation_states",
                "checkpoint_items",
                "plans",
                "scheduled_operations",
                "triggers"
            ]
        );
        // A circle ends all the same.
        assert_eq!(names(&[refers(0, 1), refers(1, 0)]).len(), 6);
    }
}
