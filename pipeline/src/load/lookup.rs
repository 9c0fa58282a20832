//! What is asked of a target's own rows, in SQL that PostgreSQL 9.2 and SQLite both read: which service runs operations,
//! which trusts there are, what earlier imports left.

use crate::error::{Error, Result};
use crate::karbor::Source;
use crate::karbor::ddl::ENGINE;
use crate::karbor::layout::quoted;
use crate::load::Service;
use crate::load::names::TargetNames;
use crate::removal::marks::{key, text};
use crate::settings::PLACEHOLDER_TRUST;
use std::collections::{BTreeSet, HashMap};

/// What to do where no service can run operations.
const NO_ENGINE: &str = "start Karbor's operationengine once so that it registers itself; a database to try a run on has one if it was made \
                         with `etl schema --trial`";

/// The target's names of tables and columns, quoted.
#[derive(Debug)]
pub(crate) struct Lookup {
    /// Karbor's names to the target's.
    pub(crate) names: TargetNames,
    /// Tables by Karbor's name, where they have to be named with their schema.
    pub(crate) qualified: HashMap<&'static str, String>,
}

/// A row of `services`.
#[derive(Clone, Debug)]
pub(crate) struct ServiceRow {
    /// Its id.
    pub(crate) id: i64,
    /// Its host.
    pub(crate) host: Option<String>,
    /// Whether it is an operation engine that is neither deleted nor disabled.
    pub(crate) live: bool,
}

impl Lookup {
    /// A table, ready to stand in a statement.
    pub(crate) fn table(&self, table: &str) -> String {
        self.qualified.get(table).cloned().unwrap_or_else(|| quoted(self.names.table(table)))
    }

    /// A column, ready to stand in a statement.
    pub(crate) fn column(&self, table: &str, column: &str) -> String {
        quoted(self.names.column(table, column))
    }

    /// All services, the preferred first: `(id bigint, host text, live integer)`.
    pub(crate) fn services(&self) -> String {
        let column = |name: &str| self.column("services", name);
        format!(
            "SELECT CAST({id} AS bigint), CAST({host} AS text), CASE WHEN {live} THEN 1 ELSE 0 END FROM {table} {order}",
            id = column("id"),
            host = column("host"),
            live = self.live_engine(),
            table = self.table("services"),
            order = self.preferred(),
        )
    }

    /// The condition that a row of `services` is an operation engine that is neither deleted nor disabled.
    pub(crate) fn live_engine(&self) -> String {
        let column = |name: &str| self.column("services", name);
        let (deleted, disabled) = (no(&column("deleted"), "true"), no(&column("disabled"), "false"));
        format!("{} = '{ENGINE}' AND {deleted} AND {disabled}", column("binary"))
    }

    /// The order of services: the one that reported last comes first.
    pub(crate) fn preferred(&self) -> String {
        let column = |name: &str| self.column("services", name);
        let seen = format!("coalesce({}, {})", column("updated_at"), column("created_at"));
        format!("ORDER BY {seen} DESC NULLS LAST, {} DESC", column("id"))
    }

    /// One trust for each user and project that has operations: `(user_id text, project_id text, trust_id text)`.
    pub(crate) fn trusts(&self) -> String {
        let operation = |name: &str| format!("o.{}", self.column("scheduled_operations", name));
        let state = |name: &str| format!("s.{}", self.column("scheduled_operation_states", name));
        let (user, project, trust) = (operation("user_id"), operation("project_id"), state("trust_id"));
        format!(
            "SELECT CAST({user} AS text), CAST({project} AS text), max(CAST({trust} AS text)) \
             FROM {operations} o JOIN {states} s ON {of} = {id} \
             WHERE {words} <> '{PLACEHOLDER_TRUST}' AND length({words}) > 0 AND {there} AND {held} \
             GROUP BY {user}, {project}",
            operations = self.table("scheduled_operations"),
            states = self.table("scheduled_operation_states"),
            // Without a foreign key one may be a uuid, the other its text.
            of = key(&state("operation_id")),
            id = key(&operation("id")),
            words = text(&trust),
            there = no(&operation("deleted"), "false"),
            held = no(&state("deleted"), "false"),
        )
    }

    /// The tables whose rows say what they came from, with the column that says it: for each, a statement
    /// `(tag text, rows bigint)`.
    pub(crate) fn imported(&self) -> Vec<(&'static str, String)> {
        let statement = |(table, column): (&'static str, &str)| {
            let (name, column) = (self.table(table), self.column(table, column));
            let tags =
                [Source::Vbs, Source::Dps].map(|source| format!("'{}'", tag(source, table))).join(", ");
            let sql = format!(
                "SELECT CAST({column} AS text), count(*) FROM {name} WHERE {column} IN ({tags}) GROUP BY {column}"
            );
            (table, sql)
        };
        TAGGED.into_iter().map(statement).collect()
    }
}

/// The tables whose rows say what they came from, and in which column.
pub(crate) const TAGGED: [(&str, &str); 3] =
    [("plans", "description"), ("scheduled_operations", "description"), ("checkpoint_items", "version")];

/// How rows of a table say what they came from.
pub(crate) fn tag(source: Source, table: &str) -> &'static str {
    if table == "checkpoint_items" { source.version() } else { source.tag() }
}

/// The source that a tag names.
pub(crate) fn source_of(table: &str, text: &str) -> Option<Source> {
    [Source::Vbs, Source::Dps].into_iter().find(|source| tag(*source, table) == text)
}

/// The condition that a boolean column, whatever its type, says no; `absent` is what NULL means.
pub(crate) fn no(column: &str, absent: &str) -> String {
    format!("lower(coalesce(CAST({column} AS text), '{absent}')) IN ('false', 'f', '0')")
}

/// The services that could run operations, by id.
pub(crate) fn live_services(rows: &[ServiceRow]) -> BTreeSet<i64> {
    rows.iter().filter(|row| row.live).map(|row| row.id).collect()
}

/// The service that is to run the imported operations, and what the operator should know about it.
///
/// # Errors
/// There is none, or not the one that the settings name; `target` begins the message.
pub(crate) fn choose_service(
    target: &str,
    rows: &[ServiceRow],
    setting: Option<i64>,
) -> Result<(Service, Option<String>)> {
    let named = |row: &ServiceRow| row.host.clone().unwrap_or_else(|| format!("(no host, id {})", row.id));
    let listed = || {
        let known: Vec<_> = rows.iter().map(|row| format!("{} ({})", row.id, named(row))).collect();
        if known.is_empty() {
            "it has none at all".to_owned()
        } else {
            format!("it has {}", known.join(", "))
        }
    };
    let live = || rows.iter().filter(|row| row.live);
    let chosen = match setting {
        Some(id) => rows.iter().find(|row| row.id == id).ok_or_else(|| {
            let what = format!("{target}: no service has the id {id} that the settings name: {}", listed());
            let remedy = match rows.is_empty() {
                true => format!("{NO_ENGINE}. Then leave service_id out"),
                false => "set service_id to the id of a row of services, or leave it out".to_owned(),
            };
            Error::target(what, remedy)
        })?,
        None => live().next().ok_or_else(|| {
            let what = format!("{target}: no {ENGINE} is alive that could run the operations: {}", listed());
            let remedy = match rows.is_empty() {
                true => NO_ENGINE.to_owned(),
                false => format!("{NO_ENGINE}. Or set service_id to one of these"),
            };
            Error::target(what, remedy)
        })?,
    };
    let warning = (!chosen.live).then(|| {
        format!(
            "service {} ({}), which the settings name, is no {ENGINE} or is deleted or disabled",
            chosen.id,
            named(chosen)
        )
    });
    let others = live().filter(|row| row.id != chosen.id).map(named).collect();
    Ok((Service { id: chosen.id, host: chosen.host.clone(), others }, warning))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: i64, host: &str, live: bool) -> ServiceRow {
        ServiceRow { id, host: Some(host.to_owned()), live }
    }

    #[test]
    fn the_setting_wins_else_the_first_live_service_is_taken() {
        let rows = [row(4, "dead", false), row(9, "b", true), row(2, "a", true)];
        let choose = |setting| choose_service("t", &rows, setting);
        let (service, warning) = choose(None).unwrap();
        assert_eq!(
            (service.id, service.host.as_deref(), service.others),
            (9, Some("b"), vec!["a".to_owned()])
        );
        assert_eq!(warning, None);
        let (service, warning) = choose(Some(2)).unwrap();
        assert_eq!((service.id, service.others, warning), (2, vec!["b".to_owned()], None));
        assert!(choose(Some(4)).unwrap().1.unwrap().contains("service 4 (dead)"));
        let refused = choose(Some(7)).unwrap_err().to_string();
        assert!(refused.contains("id 7") && refused.contains("9 (b)"), "{refused}");
        assert!(choose_service("t", &rows[..1], None).unwrap_err().to_string().contains("4 (dead)"));
        assert!(choose_service("t", &[], None).unwrap_err().to_string().contains("none at all"));
    }
}
