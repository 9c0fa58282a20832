//! A rollback as a script, for databases that cannot be reached from here: the statements of [`super::sets`] and
//! [`super::delete`], which look, refuse, delete and prove when the script runs.

use super::beside::KINDS;
use super::delete::{ORDER, deletions, left, of_rollback};
use super::index::{dropped_by_script, made_by_script};
use super::marks::ImportPredicates;
use super::preview::copies;
use super::sets::{GONE, Sets, sources};
use crate::error::{Error, Result};
use crate::files;
use crate::files::mark::REMOVAL_HEADER;
use crate::karbor::ddl::Dialect;
use crate::karbor::{ITEMS, OPERATIONS, RESOURCES, Table, WRITTEN};
use crate::load::names::TargetNames;
use crate::load::script::layouts;
use crate::load::script::sql::{made_for, opening};
use crate::load::session::literal;
use crate::removal::request::{OnDependents, Request};
use std::path::Path;

/// Rows there were before and rows that are to go, by table.
const EXPECTED: &str = "etl_expected";

/// How many rows that keep a script from deleting are named in its message.
const NAMED: usize = 20;

/// Writes the script; the file takes its name when it is whole.
///
/// # Errors
/// It cannot be written.
pub fn write(path: &Path, names: &TargetNames, request: Request) -> Result<()> {
    let failed = |source| Error::File { path: path.to_owned(), doing: "writing the script", source };
    files::replace(path, text(names, request).as_bytes()).map_err(failed)
}

/// The script.
fn text(names: &TargetNames, request: Request) -> String {
    let layouts = layouts(names);
    let marks = ImportPredicates::new(&layouts, Dialect::Postgres);
    let tables: Vec<_> = WRITTEN.iter().map(|table| marks.table(table).to_owned()).collect();
    let mut out = opening(&comment(request), "", &tables);
    for statement in Sets::of_rollback(marks, request).create(Dialect::Postgres) {
        out.push_str(&format!("{statement};\n"));
    }
    if request.dependents == OnDependents::Refuse {
        out.push_str(&refusal(marks));
    }
    out.push_str(&format!("CREATE TEMPORARY TABLE {EXPECTED} AS\n{};\n", expected(marks, request)));
    out.push_str(&what_goes(marks, request));
    out.push_str(&beside());
    out.push_str(&made_by_script(marks));
    for deletion in deletions(marks, &ORDER, |table| Some(of_rollback(marks, request, table))) {
        out.push_str(&format!("{};\n", deletion.sql));
    }
    out.push_str(&dropped_by_script(marks));
    out.push_str(&proof(marks, request));
    for name in Sets::of_rollback(marks, request).names().chain([EXPECTED]) {
        out.push_str(&format!("DROP TABLE {name};\n"));
    }
    out.push_str("COMMIT;\n\\echo etl: the rollback is committed\n");
    out
}

fn comment(request: Request) -> String {
    let whose = match request.scope {
        crate::removal::request::Scope::All => "VBS and DPS".to_owned(),
        crate::removal::request::Scope::Of(source) => source.prefix().to_uppercase(),
    };
    let dependents = match request.dependents {
        OnDependents::Refuse => {
            "-- It deletes nothing where rows that Karbor made depend on imported ones.\n"
        }
        OnDependents::Take => "-- Rows that Karbor made and that depend on imported ones are deleted too.\n",
        OnDependents::KeepFamilies => "-- Families on which rows hang that Karbor made are left alone.\n",
    };
    format!(
        "{REMOVAL_HEADER} from {whose}, as a whole or not at all. Made by etl.
{dependents}{}\
-- The rows are gone only if the last line says: etl: the rollback is committed
-- The role needs SELECT, UPDATE and DELETE on the tables, and the schema must be in its search_path.
",
        made_for("run it")
    )
}

/// Ends the script where Karbor hung something on imported rows.
fn refusal(marks: ImportPredicates<'_>) -> String {
    let operation = |name: &str| marks.column(&OPERATIONS, "o", name);
    let resource = |name: &str| marks.column(&RESOURCES, "r", name);
    let named = |table: &Table| literal(&format!("{} ", marks.layout(table).name));
    format!(
        "DO $etl$
DECLARE
    hanging bigint;
    named text;
BEGIN
    SELECT count(*), string_agg(CASE WHEN x.n <= {NAMED} THEN x.name END, ', ' ORDER BY x.n) INTO hanging, named FROM (
        SELECT y.name, row_number() OVER (ORDER BY y.name) AS n FROM (
            SELECT {operations} || CAST({operation} AS text) AS name
            FROM etl_extra_operation e JOIN {operations_table} o ON {operation} = e.id
            UNION ALL
            SELECT {resources} || CAST({resource} AS text) || ' of plan ' || CAST({plan} AS text)
            FROM etl_extra_resource e JOIN {resources_table} r ON {row} = e.id
        ) AS y
    ) AS x;
    IF hanging > 0 THEN
        RAISE EXCEPTION '% rows that Karbor made depend on imported ones: %', hanging, named
            USING HINT = 'delete them in Karbor, or write this script with --with-dependents or --keep-edited';
    END IF;
END;
$etl$;
",
        operations = named(&OPERATIONS),
        operation = operation("id"),
        operations_table = marks.table(&OPERATIONS),
        resources = named(&RESOURCES),
        resource = resource("resource_id"),
        plan = resource("plan_id"),
        row = resource("id"),
        resources_table = marks.table(&RESOURCES),
    )
}

/// `(relation text, goes bigint, before bigint)`.
fn expected(marks: ImportPredicates<'_>, request: Request) -> String {
    let selects = WRITTEN.map(|table| {
        let goes = match GONE.iter().find(|(of, _)| of.name == table.name) {
            Some((_, set)) => format!("SELECT count(*) FROM {set}"),
            None => {
                format!("SELECT count(*) FROM {} WHERE {}", marks.table(table), of_rollback(marks, request, table))
            }
        };
        let (name, into) = (table.name, marks.table(table));
        format!("SELECT CAST('{name}' AS text) AS relation, ({goes}) AS goes, (SELECT count(*) FROM {into}) AS before")
    });
    selects.join("\nUNION ALL ")
}

/// Shows the counts by table, source and tenant.
fn what_goes(marks: ImportPredicates<'_>, request: Request) -> String {
    let of_sets = GONE.map(|(table, set)| {
        format!(
            "SELECT CAST('{}' AS text), source, tenant, count(*) FROM {set} GROUP BY source, tenant",
            table.name
        )
    });
    let copies = copies(marks, sources(request.scope));
    format!(
        "SELECT relation, source, tenant, n AS rows FROM (
{}
UNION ALL SELECT CAST('{}' AS text), source, tenant, n FROM ({copies}) AS i (source, tenant, n)
) AS g (relation, source, tenant, n) ORDER BY relation, source, tenant;
SELECT CASE WHEN sum(goes) = 0 THEN 'nothing imported was found' ELSE sum(goes) || ' rows go' END AS etl FROM {EXPECTED};
",
        of_sets.join("\nUNION ALL "),
        ITEMS.name,
    )
}

/// Deletes the rows of tables that a Karbor may lack.
fn beside() -> String {
    let deletes = KINDS.map(|kind| {
        format!(
            "    IF {} THEN\n        EXECUTE $sql$DELETE FROM {} WHERE {}$sql$;\n    END IF;\n",
            kind.exists_in_postgres(),
            kind.name,
            kind.condition()
        )
    });
    format!("DO $etl$\nBEGIN\n{}END;\n$etl$;\n", deletes.concat())
}

fn proof(marks: ImportPredicates<'_>, request: Request) -> String {
    let now = WRITTEN.map(|table| format!("SELECT '{}', count(*) FROM {}", table.name, marks.table(table)));
    format!(
        "DO $etl$
DECLARE
    counted record;
    remaining bigint;
BEGIN
    FOR counted IN
        SELECT e.relation, e.goes, e.before, a.n FROM {EXPECTED} e JOIN (
{now}
        ) AS a (relation, n) ON a.relation = e.relation
    LOOP
        IF counted.before - counted.n <> counted.goes THEN
            RAISE EXCEPTION '% rows of % went, and % were counted',
                counted.before - counted.n, counted.relation, counted.goes
                USING HINT = 'see which triggers or rules the table has of its own';
        END IF;
    END LOOP;
    {left} INTO remaining;
    IF remaining <> 0 THEN
        RAISE EXCEPTION '% imported rows would be left', remaining;
    END IF;
END;
$etl$;
",
        now = now.join("\nUNION ALL "),
        left = left(marks, request),
    )
}
