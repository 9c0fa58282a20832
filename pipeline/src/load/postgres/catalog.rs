//! The server's tables as its catalog has them: columns, types, and what this role may do.
//!
//! Only catalogs that PostgreSQL 9.2 has; the names that follow come from parameters, never from pasted text.

use super::backend::{Backend, text};
use super::failure::Failure;
use super::server::Server;
use crate::karbor::layout::{Stored, Width, Wire};
use crate::load::fit::Found;
use crate::load::stored_tables::StoredTable;
use postgres_types::{ToSql, Type};
use tokio_postgres::Row;

/// A table of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Relation {
    /// Its number in the catalog.
    pub(super) oid: i64,
    /// Its name with its schema, quoted for a statement.
    pub(super) qualified: String,
    /// Whether it is a table, partitioned or not; COPY cannot fill a view.
    pub(super) is_table: bool,
    /// What this role lacks to read it, fill it and lock it.
    pub(super) lacking: Lacking,
    /// Its columns.
    pub(super) columns: Vec<Found>,
}

/// Privileges that a role lacks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Lacking {
    /// SELECT.
    pub(super) select: bool,
    /// INSERT.
    pub(super) insert: bool,
    /// UPDATE, DELETE or TRUNCATE: LOCK TABLE asks for one of them.
    pub(super) lock: bool,
    /// Sequences behind defaults whose next value it may not take, quoted.
    pub(super) sequences: Vec<String>,
}

/// The table that a name without schema means, if any.
pub(super) fn relation(backend: &Backend, name: &str, server: &Server) -> Result<Option<Relation>, Failure> {
    let sql = "SELECT CAST(c.oid AS bigint), CAST(n.nspname AS text), CAST(c.relkind AS text), \
               quote_ident(n.nspname) || '.' || quote_ident(c.relname), \
               has_table_privilege(c.oid, 'SELECT'), has_table_privilege(c.oid, 'INSERT'), \
               has_table_privilege(c.oid, 'UPDATE') OR has_table_privilege(c.oid, 'DELETE') \
                   OR has_table_privilege(c.oid, 'TRUNCATE') \
               FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
               WHERE CAST(c.relname AS text) = $1 AND pg_catalog.pg_table_is_visible(c.oid)";
    let rows = backend.rows(sql, &[text(&name)])?;
    let Some(row) = rows.first() else { return Ok(None) };
    let (oid, schema, kind): (i64, String, String) = (row.get(0), row.get(1), row.get(2));
    let lacking = Lacking {
        select: !row.get::<_, bool>(4),
        insert: !row.get::<_, bool>(5),
        lock: !row.get::<_, bool>(6),
        sequences: closed_sequences(backend, oid)?,
    };
    let columns = columns(backend, oid, &schema, name, server)?;
    let is_table = matches!(kind.as_str(), "r" | "p");
    Ok(Some(Relation { oid, qualified: row.get(3), is_table, lacking, columns }))
}

/// All tables that a name without schema means.
pub(super) fn tables(backend: &Backend) -> Result<Vec<StoredTable>, Failure> {
    let sql = "SELECT CAST(c.relname AS text), CAST(a.attname AS text), \
               CAST(format_type(a.atttypid, a.atttypmod) AS text) \
               FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
               JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
               WHERE c.relkind IN ('r', 'p') AND pg_catalog.pg_table_is_visible(c.oid) \
               AND n.nspname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, a.attnum";
    let mut tables: Vec<StoredTable> = Vec::new();
    for row in backend.rows(sql, &[])? {
        let (name, column): (String, (String, String)) = (row.get(0), (row.get(1), row.get(2)));
        match tables.last_mut().filter(|table| table.name == name) {
            Some(table) => table.columns.push(column),
            None => tables.push(StoredTable { name, columns: vec![column] }),
        }
    }
    Ok(tables)
}

/// A schema that has tables which are not visible without naming it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Elsewhere {
    /// Its name.
    pub(super) schema: String,
    /// Whether it has all the tables that are looked for.
    pub(super) complete: bool,
}

/// The schema that has most of the tables that are `absent`, and then most of `all`.
pub(super) fn elsewhere(
    backend: &Backend,
    all: &[&str],
    absent: &[&str],
) -> Result<Option<Elsewhere>, Failure> {
    let sql = "SELECT CAST(n.nspname AS text), count(*) FROM pg_catalog.pg_class c \
               JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
               WHERE CAST(c.relname AS text) = ANY($1) AND c.relkind IN ('r', 'p') GROUP BY n.nspname \
               HAVING sum(CASE WHEN CAST(c.relname AS text) = ANY($2) THEN 1 ELSE 0 END) > 0 \
               ORDER BY sum(CASE WHEN CAST(c.relname AS text) = ANY($2) THEN 1 ELSE 0 END) DESC, count(*) DESC, n.nspname";
    let rows = backend.rows(sql, &[(&all, Type::TEXT_ARRAY), (&absent, Type::TEXT_ARRAY)])?;
    Ok(rows.first().map(|row| Elsewhere {
        schema: row.get(0),
        complete: usize::try_from(row.get::<_, i64>(1)).is_ok_and(|found| found == all.len()),
    }))
}

fn columns(
    backend: &Backend,
    oid: i64,
    schema: &str,
    table: &str,
    server: &Server,
) -> Result<Vec<Found>, Failure> {
    // Identity and generated columns are younger than 9.2. Where the catalog has them it is asked; else the standard's view,
    // which takes the server longer to plan than all else that a survey asks.
    let (identity, generated, view) = if server.marks_generated {
        ("length(CAST(a.attidentity AS text)) > 0", "length(CAST(a.attgenerated AS text)) > 0", "")
    } else {
        (
            "coalesce(CAST(i.is_identity AS text), 'NO') = 'YES'",
            "coalesce(CAST(i.is_generated AS text), 'NEVER') = 'ALWAYS'",
            "LEFT JOIN information_schema.columns i ON CAST(i.table_schema AS text) = $2 \
                 AND CAST(i.table_name AS text) = $3 AND CAST(i.column_name AS text) = CAST(a.attname AS text)",
        )
    };
    let sql = format!(
        "SELECT CAST(a.attname AS text), CAST(format_type(a.atttypid, a.atttypmod) AS text), \
         CAST(CASE WHEN t.typtype = 'b' AND s.nspname = 'pg_catalog' THEN t.typname END AS text), \
         CAST(a.atttypmod AS integer), \
         a.attnotnull OR (t.typtype = 'd' AND t.typnotnull), \
         a.atthasdef OR t.typdefault IS NOT NULL OR {identity}, \
         {generated}, CASE WHEN t.typtype = 'd' THEN CAST(a.atttypid AS bigint) END \
         FROM pg_catalog.pg_attribute a \
         JOIN pg_catalog.pg_type t ON t.oid = a.atttypid \
         JOIN pg_catalog.pg_namespace s ON s.oid = t.typnamespace {view} \
         WHERE CAST(a.attrelid AS bigint) = $1 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"
    );
    let parameters = [(&oid as &(dyn ToSql + Sync), Type::INT8), text(&schema), text(&table)];
    let used = if server.marks_generated { 1 } else { 3 };
    let rows = backend.rows(&sql, parameters.get(..used).unwrap_or_default())?;
    let of_row = |row: &Row| {
        let domain = row.get::<_, Option<i64>>(7).map(|domain| of_domain(backend, domain)).transpose()?;
        Ok(found(row, domain, server.widths_in_bytes))
    };
    rows.iter().map(of_row).collect()
}

/// The type of the catalog that a domain, or the last of domains over domains, is made of.
#[derive(Default)]
struct Base {
    /// Its name, where it is a base type of the catalog.
    name: Option<String>,
    modifier: i32,
    not_null: bool,
    default: bool,
}

/// Domains over domains are followed one by one: WITH RECURSIVE would be one statement, for what next to no target has.
fn of_domain(backend: &Backend, domain: i64) -> Result<Base, Failure> {
    let sql = "SELECT CAST(d.typtypmod AS integer), d.typnotnull, d.typdefault IS NOT NULL, \
               CAST(CASE WHEN t.typtype = 'b' AND s.nspname = 'pg_catalog' THEN t.typname END AS text), \
               CASE WHEN t.typtype = 'd' THEN CAST(t.oid AS bigint) END \
               FROM pg_catalog.pg_type d JOIN pg_catalog.pg_type t ON t.oid = d.typbasetype \
               JOIN pg_catalog.pg_namespace s ON s.oid = t.typnamespace WHERE CAST(d.oid AS bigint) = $1";
    let (mut base, mut next) = (Base { modifier: -1, ..Base::default() }, Some(domain));
    while let Some(domain) = next.take() {
        if let Some(row) = backend.rows(sql, &[(&domain, Type::INT8)])?.first() {
            base.modifier = row.get(0);
            base.not_null |= row.get::<_, bool>(1);
            base.default |= row.get::<_, bool>(2);
            base.name = row.get(3);
            next = row.get(4);
        }
    }
    Ok(base)
}

fn found(row: &Row, domain: Option<Base>, widths_in_bytes: bool) -> Found {
    let own = Base { name: row.get(2), modifier: row.get(3), ..Base::default() };
    let Base { name: base, modifier, not_null, default } = domain.unwrap_or(own);
    let (wire, width) = base
        .as_deref()
        .map_or((Wire::Unknown, Width::Unlimited), |base| of_type(base, modifier, widths_in_bytes));
    Found {
        stored: base.map_or(Stored::Whole, |base| stored(&base, modifier)),
        name: row.get(0),
        type_name: row.get(1),
        wire,
        width,
        not_null: row.get::<_, bool>(4) || not_null,
        default: row.get::<_, bool>(5) || default,
        computed: row.get(6),
    }
}

/// The bit of a type modifier that says that characters are counted.
const CHARACTERS: i32 = 0x4000_0000;

/// How values of a base type are sent, and how long they may be; by its name in the catalog and its type modifier, whose
/// forms are `varcharin`'s and `numerictypmodin`'s of PostgreSQL.
fn of_type(base: &str, modifier: i32, widths_in_bytes: bool) -> (Wire, Width) {
    let unlimited = |wire| (wire, Width::Unlimited);
    match base {
        "varchar" | "bpchar" => {
            // openGauss marks varchar(n char) so (varchar.cpp:43); no width of PostgreSQL's is that large.
            let in_characters = modifier > 0 && modifier & CHARACTERS != 0;
            let modifier = if in_characters { modifier & !CHARACTERS } else { modifier };
            let width = usize::try_from(modifier.saturating_sub(4)).ok().map_or(Width::Unlimited, |width| {
                if widths_in_bytes && !in_characters { Width::Bytes(width) } else { Width::Characters(width) }
            });
            (Wire::Text, width)
        }
        "text" => unlimited(Wire::Text),
        // NAMEDATALEN is 64, one of which ends the name.
        "name" => (Wire::Text, Width::Bytes(63)),
        "json" => unlimited(Wire::Json),
        "jsonb" => unlimited(Wire::Jsonb),
        "uuid" => unlimited(Wire::Uuid),
        "bool" => unlimited(Wire::Bool),
        "int2" => unlimited(Wire::Int2),
        "int4" => unlimited(Wire::Int4),
        "int8" => unlimited(Wire::Int8),
        "numeric" => {
            let packed = u32::try_from(modifier.saturating_sub(4)).ok();
            // Precision in the high half, scale in the low one.
            let digits = packed.map(|packed| (packed >> 16).saturating_sub(packed & 0xffff));
            (Wire::Numeric, digits.map_or(Width::Unlimited, Width::Digits))
        }
        "timestamp" | "timestamptz" => unlimited(Wire::Timestamp),
        _ => unlimited(Wire::Unknown),
    }
}

/// How much of a value a base type stores, by its name and its type modifier (`anytimestamp_typmodin` of PostgreSQL).
fn stored(base: &str, modifier: i32) -> Stored {
    match (base, u8::try_from(modifier)) {
        ("bpchar", _) => Stored::WithoutTrailingBlanks,
        ("timestamp" | "timestamptz", Ok(places @ 0..6)) => Stored::Seconds(places),
        _ => Stored::Whole,
    }
}

fn closed_sequences(backend: &Backend, oid: i64) -> Result<Vec<String>, Failure> {
    // CASE, because the function fails for what is no sequence.
    let sql = "SELECT DISTINCT quote_ident(n.nspname) || '.' || quote_ident(s.relname) \
               FROM pg_catalog.pg_attrdef f \
               JOIN pg_catalog.pg_depend d ON d.objid = f.oid \
                   AND d.classid = CAST('pg_catalog.pg_attrdef' AS regclass) \
                   AND d.refclassid = CAST('pg_catalog.pg_class' AS regclass) \
               JOIN pg_catalog.pg_class s ON s.oid = d.refobjid \
               JOIN pg_catalog.pg_namespace n ON n.oid = s.relnamespace \
               WHERE CAST(f.adrelid AS bigint) = $1 \
                   AND CASE WHEN s.relkind = 'S' THEN NOT has_sequence_privilege(s.oid, 'USAGE') \
                       AND NOT has_sequence_privilege(s.oid, 'UPDATE') END \
               ORDER BY 1";
    Ok(backend.rows(sql, &[(&oid, Type::INT8)])?.iter().map(|row| row.get(0)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Intent;
    use crate::progress::Cancel;
    use connect::ConnInfo;
    use std::sync::Arc;

    #[test]
    fn types_are_known_by_name_and_modifier() {
        for (base, modifier, bytes, expected) in [
            ("varchar", 40, false, (Wire::Text, Width::Characters(36))),
            ("varchar", 40, true, (Wire::Text, Width::Bytes(36))),
            ("varchar", -1, true, (Wire::Text, Width::Unlimited)),
            ("varchar", 40 | CHARACTERS, true, (Wire::Text, Width::Characters(36))),
            ("bpchar", 5, false, (Wire::Text, Width::Characters(1))),
            ("name", -1, false, (Wire::Text, Width::Bytes(63))),
            ("numeric", -1, false, (Wire::Numeric, Width::Unlimited)),
            ("numeric", (10 << 16 | 2) + 4, false, (Wire::Numeric, Width::Digits(8))),
            ("timestamptz", 3, false, (Wire::Timestamp, Width::Unlimited)),
            ("nvarchar2", 40, true, (Wire::Unknown, Width::Unlimited)),
        ] {
            assert_eq!(of_type(base, modifier, bytes), expected, "{base} {modifier}");
        }
    }

    #[test]
    fn a_domain_is_what_it_is_made_of() {
        let server = fixtures::server::shared();
        let database = server.create_db();
        server.psql(
            &database,
            "CREATE DOMAIN id AS uuid NOT NULL;
             CREATE DOMAIN own_id AS id;
             CREATE DOMAIN padded AS char(9);
             CREATE DOMAIN whole AS timestamp(0);
             CREATE DOMAIN moment AS whole DEFAULT now();
             CREATE TYPE mood AS ENUM ('sad');
             CREATE DOMAIN moody AS mood;
             CREATE TABLE t (a own_id, b padded, c moment, d moody, e varchar(7))",
        );
        let settings = ConnInfo::of_target(&format!("{}?sslmode=disable", server.url(&database))).unwrap();
        let backend = Backend::connect(&settings, &mut |_| None, &Arc::new(Cancel::default()), None).unwrap();
        let server = Server::of(&backend, Intent::Look).unwrap();
        let columns = relation(&backend, "t", &server).unwrap().unwrap().columns;
        let found: Vec<_> = columns
            .iter()
            .map(|found| (found.wire, found.width, found.stored, found.not_null, found.default))
            .collect();
        let unlimited = Width::Unlimited;
        assert_eq!(
            found,
            [
                (Wire::Uuid, unlimited, Stored::Whole, true, false),
                (Wire::Text, Width::Characters(9), Stored::WithoutTrailingBlanks, false, false),
                (Wire::Timestamp, unlimited, Stored::Seconds(0), false, true),
                (Wire::Unknown, unlimited, Stored::Whole, false, false),
                (Wire::Text, Width::Characters(7), Stored::Whole, false, false),
            ]
        );
    }

    #[test]
    fn the_view_and_the_catalog_say_the_same_of_computed_columns() {
        let server = fixtures::server::Server::start();
        let database = server.create_db();
        // Columns that are computed, and the catalog's mark of them, came with PostgreSQL 12.
        let computes = server.installation().major() >= 12;
        let formula = if computes { "GENERATED ALWAYS AS (c + 1) STORED" } else { "" };
        server.psql(
            &database,
            &format!(
                "CREATE DOMAIN named AS varchar(8) NOT NULL DEFAULT 'x';
                 CREATE TABLE t (a integer GENERATED ALWAYS AS IDENTITY, b integer GENERATED BY DEFAULT AS IDENTITY,
                     c integer, d integer {formula}, e serial, f named, g numeric(6, 2) DEFAULT 0)"
            ),
        );
        let settings = ConnInfo::of_target(&format!("{}?sslmode=disable", server.url(&database))).unwrap();
        let cancel = Arc::new(Cancel::default());
        let backend = Backend::connect(&settings, &mut |_| None, &cancel, None).unwrap();
        let newer = Server::of(&backend, Intent::Look).unwrap();
        assert_eq!(newer.marks_generated, computes);
        let older = Server { marks_generated: false, ..newer.clone() };
        let ask = |server: &Server| relation(&backend, "t", server).unwrap().unwrap().columns;
        let found = ask(&newer);
        assert_eq!(found, ask(&older));
        let marks: Vec<_> = found.iter().map(|column| (column.default, column.computed)).collect();
        let (own, no, computed) = ((true, false), (false, false), (true, true));
        assert_eq!(marks, [own, own, no, if computes { computed } else { no }, own, own, own]);
    }
}
