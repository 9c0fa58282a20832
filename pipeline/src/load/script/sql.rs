//! The SQL around the rows of a script, in what PostgreSQL 9.2, its successors and openGauss all read.

use crate::karbor::ddl::ENGINE;
use crate::karbor::layout::Layout;
use crate::karbor::{Kind, STATES, Source, WRITTEN};
use crate::load::lookup::{Lookup, TAGGED, tag};
use crate::load::{LOCK_KEY, LOCK_PATIENCE};
use parsers::input::SCRIPT_HEADER;
use std::fmt::Write as _;

/// Where operation states wait until their service and trust are known.
const WAITING: &str = "etl_states";

/// Rows there were before, by table and tag.
const BEFORE: &str = "etl_before";

/// Opens the transaction of a load, and refuses where it cannot end well.
pub(super) fn head(lookup: &Lookup, service_known: bool) -> String {
    let comment = format!(
        "\
{SCRIPT_HEADER} They are loaded as a whole or not at all.
{}\
-- They are there only if the last line says: etl: all rows are committed
-- The role needs SELECT, INSERT and UPDATE on the tables, and the schema must be in its search_path.
",
        made_for("load them")
    );
    let mut checks = String::new();
    if !service_known {
        let (table, live) = (lookup.table("services"), lookup.live_engine());
        let _ = write!(
            checks,
            "    IF NOT EXISTS (SELECT 1 FROM {table} WHERE {live}) THEN
        RAISE EXCEPTION 'no {ENGINE} is alive that could run the operations'
            USING HINT = 'start Karbor''s operationengine once, or write this script with a service_id; etl schema --trial makes a trial database with one';
    END IF;\n"
        );
    }
    let tables: Vec<_> = WRITTEN.iter().map(|table| lookup.table(table.name)).collect();
    let mut out = opening(&comment, &checks, &tables);
    let _ = write!(out, "CREATE TEMPORARY TABLE {BEFORE} AS\n{};\n", counts(lookup));
    out
}

/// Says what a script was made for and how it is run, at its top.
pub(crate) fn made_for(doing: &str) -> String {
    format!(
        "\
-- To {doing}:  psql -X -f FILE DATABASE      (openGauss, GaussDB:  gsql -X -f FILE -d DATABASE)
-- Made for PostgreSQL 9.2 and later, openGauss and GaussDB; of the last two no live server was reached.
-- This file is UTF-8; the server converts it to the database's encoding, and refuses all of it where that lacks a character.
"
    )
}

/// Opens a transaction that takes the lock of a run, makes these `checks` and locks `tables` against other writers.
pub(crate) fn opening(comment: &str, checks: &str, tables: &[String]) -> String {
    let seconds = LOCK_PATIENCE.as_secs();
    format!(
        r"{comment}\set ON_ERROR_STOP on
START TRANSACTION;
SET LOCAL client_encoding = 'UTF8';
SET LOCAL standard_conforming_strings = on;
SET LOCAL client_min_messages = warning;
SET LOCAL DateStyle = 'ISO, MDY';
SET LOCAL TimeZone = 'UTC';

DO $etl$
BEGIN
    IF NOT pg_try_advisory_xact_lock({LOCK_KEY}) THEN
        RAISE EXCEPTION 'another etl run is under way in this database'
            USING HINT = 'wait until it is over, then load this file again';
    END IF;
    PERFORM set_config(name, '{seconds}s', true) FROM pg_settings WHERE name = 'lock_timeout';
    PERFORM set_config(name, '0', true) FROM pg_settings
        WHERE name IN ('statement_timeout', 'transaction_timeout', 'idle_in_transaction_session_timeout', 'session_timeout');
{checks}END;
$etl$;
LOCK TABLE {tables} IN SHARE ROW EXCLUSIVE MODE;
",
        tables = tables.join(", "),
    )
}

/// Begins the rows of a table.
pub(super) fn begin(layout: &Layout) -> String {
    if layout.table.name != STATES.name {
        return format!("\nCOPY {} ({}) FROM STDIN;\n", layout.into, layout.column_list(""));
    }
    let columns = STATES.columns.iter().map(|column| {
        let kind = match column.kind {
            Kind::Integer => "bigint",
            Kind::Timestamp => "timestamp",
            Kind::Boolean => "boolean",
            Kind::Varchar(_) | Kind::Text => "text",
        };
        format!("{} {kind}", column.name)
    });
    let columns: Vec<_> = columns.collect();
    format!("\nCREATE TEMPORARY TABLE {WAITING} ({});\nCOPY {WAITING} FROM STDIN;\n", columns.join(", "))
}

/// Ends the rows of a table. States get what only the target knows.
pub(super) fn end(lookup: &Lookup, states: bool, trust_known: bool) -> String {
    if !states {
        return "\\.\n".to_owned();
    }
    let column = |name: &str| lookup.column(STATES.name, name);
    let operation = |name: &str| format!("o.{}", lookup.column("scheduled_operations", name));
    let (services, id) = (lookup.table("services"), lookup.column("services", "id"));
    let service = format!(
        "coalesce(w.service_id, (SELECT {id} FROM {services} WHERE {} {} LIMIT 1))",
        lookup.live_engine(),
        lookup.preferred()
    );
    let (trust, known) = if trust_known {
        ("w.trust_id".to_owned(), String::new())
    } else {
        let known = format!(
            "\n    LEFT JOIN ({}) AS t (user_id, project_id, trust_id)\n        ON t.user_id = {} AND t.project_id = {}",
            lookup.trusts(),
            operation("user_id"),
            operation("project_id")
        );
        ("coalesce(t.trust_id, w.trust_id)".to_owned(), known)
    };
    let columns: Vec<_> = STATES.columns.iter().map(|each| column(each.name)).collect();
    let values: Vec<_> = STATES
        .columns
        .iter()
        .map(|each| match each.name {
            "service_id" => service.clone(),
            "trust_id" => trust.clone(),
            name => format!("w.{name}"),
        })
        .collect();
    format!(
        "\\.\nINSERT INTO {states} ({columns})\n    SELECT {values}\n    FROM {WAITING} w JOIN {operations} o ON {oid} = \
         w.operation_id{known}\n    ORDER BY w.operation_id;\nDROP TABLE {WAITING};\n",
        states = lookup.table(STATES.name),
        columns = columns.join(", "),
        values = values.join(", "),
        operations = lookup.table("scheduled_operations"),
        oid = operation("id"),
    )
}

/// Counts, and commits.
pub(super) fn tail(lookup: &Lookup, lines: &[u64]) -> String {
    let written: Vec<_> =
        WRITTEN.iter().zip(lines).map(|(table, lines)| format!("('{}', {lines})", table.name)).collect();
    format!(
        "
DO $etl$
DECLARE
    r record;
BEGIN
    FOR r IN
        SELECT b.relation, b.tag, b.n AS n_before, a.n AS n_after, w.n AS n_written
        FROM {BEFORE} b
            JOIN (
{counts}
            ) AS a (relation, tag, n) ON a.relation = b.relation AND a.tag = b.tag
            JOIN (VALUES {written}) AS w (relation, n) ON w.relation = b.relation
    LOOP
        IF r.tag = 'all' AND r.n_after <> r.n_before + r.n_written THEN
            RAISE EXCEPTION '% rows of % arrived, and the script holds %', r.n_after - r.n_before, r.relation, r.n_written
                USING HINT = 'the file may have been cut off or edited: write it again';
        END IF;
        IF r.tag <> 'all' AND r.n_before > 0 AND r.n_after > r.n_before THEN
            RAISE EXCEPTION '% already holds % rows of an earlier import, tagged %', r.relation, r.n_before, r.tag
                USING HINT = 'this script is for a first import';
        END IF;
    END LOOP;
END;
$etl$;
DROP TABLE {BEFORE};
COMMIT;
\\echo etl: all rows are committed
",
        counts = counts(lookup),
        written = written.join(", "),
    )
}

/// `(relation text, tag text, n bigint)`: all rows of each table, and those of earlier imports.
fn counts(lookup: &Lookup) -> String {
    let all = WRITTEN.iter().map(|table| {
        let name = table.name;
        format!(
            "SELECT CAST('{name}' AS text) AS relation, CAST('all' AS text) AS tag, count(*) AS n FROM {}",
            lookup.table(name)
        )
    });
    let tagged = TAGGED.iter().flat_map(|(table, column)| {
        [Source::Vbs, Source::Dps].map(|source| {
            let (tag, name, column) = (tag(source, table), lookup.table(table), lookup.column(table, column));
            format!("SELECT '{table}', '{tag}', count(*) FROM {name} WHERE {column} = '{tag}'")
        })
    });
    let selects: Vec<_> = all.chain(tagged).collect();
    selects.join("\nUNION ALL ")
}
