//! The target's tables as statements, for a new embedded database and for `etl schema`.
//!
//! Column types are upstream Karbor's (migration 001); `checkpoint_items` is the fork's and assumed. Tables that are only
//! read or that depend on written ones by foreign key stand here too, so that the script is a whole schema.

use super::layout::END_OF_FIRING;
use super::{Column, Kind, Table, WRITTEN};
use std::fmt::Write as _;

/// Whose SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// PostgreSQL 9.2 and its relatives.
    Postgres,
    /// SQLite.
    Sqlite,
}

/// The service that runs scheduled operations, by what it is called in `services`.
pub const ENGINE: &str = "karbor-operationengine";

/// Statements that make the tables, without the indexes that are not constraints.
#[must_use]
pub fn tables(dialect: Dialect) -> Vec<String> {
    let mut out = vec![services(dialect)];
    out.extend(WRITTEN.iter().map(|table| create(table, dialect)));
    out
}

/// Statements that make the indexes; after a load into new tables this is cheaper than before it.
#[must_use]
pub fn indexes() -> Vec<String> {
    let mut out = Vec::new();
    for table in WRITTEN {
        for (column, unique) in table.indexes {
            let kind = if *unique { "UNIQUE INDEX" } else { "INDEX" };
            let name = format!("ix_{}_{column}", table.name);
            out.push(format!("CREATE {kind} {name} ON {} ({column})", table.name));
        }
    }
    out
}

/// A statement that adds an operation engine, as one that is alive has registered itself; the database gives it an id where none
/// is given.
#[must_use]
pub fn engine(id: Option<i64>, dialect: Dialect) -> String {
    let no = match dialect {
        Dialect::Postgres => "false",
        Dialect::Sqlite => "0",
    };
    let (column, id) = id.map_or_else(Default::default, |id| ("id, ", format!("{id}, ")));
    format!(
        "INSERT INTO services ({column}created_at, deleted, host, \"binary\", topic, report_count, disabled)\n    \
         VALUES ({id}'2018-01-01 00:00:00.000000', {no}, 'localhost', '{ENGINE}', '{ENGINE}', 0, {no})"
    )
}

/// The whole schema as a script.
#[must_use]
pub fn script(dialect: Dialect) -> String {
    let mut out = String::from("-- Karbor's tables, as far as etl writes or reads them.\n");
    for statement in tables(dialect).into_iter().chain(indexes()) {
        let _ = write!(out, "\n{statement};\n");
    }
    out
}

fn services(dialect: Dialect) -> String {
    let (key, time) = (serial(dialect), kind(Kind::Timestamp, dialect));
    format!(
        "CREATE TABLE services (\n    {key},\n    created_at {time},\n    updated_at {time},\n    deleted_at {time},\n    \
         deleted boolean,\n    host varchar(255),\n    \"binary\" varchar(255),\n    topic varchar(255),\n    \
         report_count integer NOT NULL,\n    disabled boolean,\n    disabled_reason varchar(255),\n    modified_at {time},\n    \
         rpc_current_version varchar(36),\n    rpc_available_version varchar(36)\n)"
    )
}

fn create(table: &Table, dialect: Dialect) -> String {
    let mut lines = Vec::new();
    if table.serial {
        lines.push(serial(dialect));
    }
    for column in table.columns {
        lines.push(define(column, dialect));
    }
    // Columns that every Karbor table has and that are never filled here.
    for name in ["updated_at", "deleted_at"] {
        if table.columns.iter().all(|column| column.name != name) {
            lines.push(format!("{name} {}", kind(Kind::Timestamp, dialect)));
        }
    }
    if table.name == "scheduled_operation_states" {
        lines.push(format!("{END_OF_FIRING} {}", kind(Kind::Timestamp, dialect)));
    }
    if !table.serial {
        lines.push("PRIMARY KEY (id)".to_owned());
    }
    for (column, target) in table.references {
        lines.push(format!("FOREIGN KEY ({column}) REFERENCES {target}"));
    }
    format!("CREATE TABLE {} (\n    {}\n)", table.name, lines.join(",\n    "))
}

fn serial(dialect: Dialect) -> String {
    match dialect {
        Dialect::Postgres => "id serial PRIMARY KEY".to_owned(),
        Dialect::Sqlite => "id integer PRIMARY KEY AUTOINCREMENT".to_owned(),
    }
}

fn define(column: &Column, dialect: Dialect) -> String {
    let rule = if column.nullable { "" } else { " NOT NULL" };
    format!("{} {}{rule}", column.name, kind(column.kind, dialect))
}

fn kind(kind: Kind, dialect: Dialect) -> String {
    match (kind, dialect) {
        (Kind::Varchar(width), _) => format!("varchar({width})"),
        (Kind::Text, _) => "text".to_owned(),
        (Kind::Integer, _) => "integer".to_owned(),
        (Kind::Boolean, _) => "boolean".to_owned(),
        (Kind::Timestamp, Dialect::Postgres) => "timestamp without time zone".to_owned(),
        (Kind::Timestamp, Dialect::Sqlite) => "datetime".to_owned(),
    }
}
