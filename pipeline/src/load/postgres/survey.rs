//! Looks a server over before anything is written: tables, columns, privileges, services, trusts, earlier imports.

use super::backend::Backend;
use super::catalog::{self, Elsewhere, Relation};
use super::failure::Failure;
use super::server::Server;
use crate::error::{Error, Result};
use crate::karbor::layout::{Format, Layout};
use crate::karbor::{Source, WRITTEN};
use crate::load::fit::{Problem, fit};
use crate::load::lookup::{Lookup, ServiceRow, choose_service, live_services, source_of};
use crate::load::names::TargetNames;
use crate::load::{Context, Intent, Survey};
use std::collections::{BTreeMap, HashMap};

/// What a survey saw, as far as it must still be so when the transaction is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    /// The tables that are written, in the order of [`WRITTEN`].
    pub(super) written: Vec<Relation>,
    /// The table of services.
    services: Relation,
}

/// What a role must be allowed to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Needs {
    /// To add rows, with numbers from sequences, and to change rows.
    Fill,
    /// To change and delete rows.
    Change,
    /// To read rows.
    Look,
}

impl Needs {
    /// What a run needs.
    pub(super) fn of_run(intent: Intent) -> Self {
        if intent == Intent::Write { Self::Fill } else { Self::Look }
    }

    /// What those need who look after what was imported.
    pub(super) fn of_maintenance(intent: Intent) -> Self {
        if intent == Intent::Write { Self::Change } else { Self::Look }
    }

    fn intent(self) -> Intent {
        if self == Self::Look { Intent::Look } else { Intent::Write }
    }
}

/// The columns of `services` that are read.
const SERVICES: [&str; 7] = ["id", "host", "binary", "disabled", "deleted", "created_at", "updated_at"];

/// Looks the server over.
///
/// # Errors
/// It cannot take the rows; the message says all that is wrong, as far as one look can tell.
pub(super) fn survey(backend: &Backend, context: &Context, intent: Intent) -> Result<(Seen, Survey)> {
    let seen = look_again(backend, &context.names, Needs::of_run(intent))?;
    let Seen { written, services } = &seen;
    let (layouts, mut warnings) = layouts(backend, written, services, &context.names)?;
    if let Some(grants) = grants(written, services, "the role of the run", Needs::Fill) {
        warnings.push(format!("this role may look and not write; a run needs: {grants}"));
    }
    let lookup = lookup(&context.names, written, services);
    let rows = backend.rows(&lookup.services(), &[]);
    let rows = rows.map_err(|failure| backend.explain("reading the services", &failure))?;
    let rows: Vec<_> = rows
        .iter()
        .map(|row| ServiceRow { id: row.get(0), host: row.get(1), live: row.get::<_, i32>(2) != 0 })
        .collect();
    let (service, warning) = choose_service(&backend.target, &rows, context.service_id)?;
    warnings.extend(warning);
    let trusts = if context.trust_known { HashMap::new() } else { trusts(backend, &lookup)? };
    let imported = imported(backend, &lookup)?;
    let live_services = live_services(&rows);
    let survey = Survey {
        layouts,
        service: Some(service),
        live_services,
        trusts,
        imported,
        comparable: true,
        warnings,
    };
    Ok((seen, survey))
}

/// The tables alone, whatever else a run would need.
///
/// # Errors
/// They are not Karbor's, or may not be read or, where that is intended, written.
pub(super) fn tables(backend: &Backend, names: &TargetNames, needs: Needs) -> Result<(Seen, [Layout; 6])> {
    let seen = look_again(backend, names, needs)?;
    let (layouts, _) = layouts(backend, &seen.written, &seen.services, names)?;
    Ok((seen, layouts))
}

/// Looks as far as [`Seen`] goes.
///
/// # Errors
/// The server's, or that it cannot be used as intended.
pub(super) fn look_again(backend: &Backend, names: &TargetNames, needs: Needs) -> Result<Seen> {
    let server = Server::of(backend, needs.intent())?;
    tracing::info!(target: "postgres", version = server.version, "looking at the server");
    let (written, services) = relations(backend, &server, names, needs)?;
    Ok(Seen { written, services })
}

/// The tables, those that are written and that of services, all of which this role can use.
fn relations(
    backend: &Backend,
    server: &Server,
    names: &TargetNames,
    needs: Needs,
) -> Result<(Vec<Relation>, Relation)> {
    let fails = |failure: Failure| backend.explain("reading the catalog", &failure);
    let mut found = Vec::new();
    let mut absent = Vec::new();
    let all: Vec<&str> =
        WRITTEN.iter().map(|table| table.name).chain(["services"]).map(|table| names.table(table)).collect();
    for name in all.iter().copied() {
        match catalog::relation(backend, name, server).map_err(fails)? {
            Some(relation) if relation.is_table => found.push(relation),
            Some(relation) => {
                let what = format!(
                    "{}: {} is not a table that rows can be written to",
                    backend.target, relation.qualified
                );
                return Err(Error::target(
                    what,
                    "name the real table with --columns (`etl columns` prints the map)",
                ));
            }
            None => absent.push(name),
        }
    }
    if !absent.is_empty() {
        let what = format!(
            "{}: there is no table {} in the schemas looked in ({})",
            backend.target,
            absent.join(", "),
            if server.schemas.is_empty() { "none" } else { &server.schemas },
        );
        let elsewhere = catalog::elsewhere(backend, &all, &absent).map_err(fails)?;
        return Err(Error::target(what, absence_remedy(elsewhere.as_ref(), &server.schemas)));
    }
    let services = found.pop();
    let services =
        services.ok_or_else(|| Error::target(format!("{}: no services", backend.target), "run again"))?;
    if let Some(grants) = grants(&found, &services, &server.role, needs) {
        let what = format!("{}: the role {} may not do all that this needs", backend.target, server.role);
        return Err(Error::target(what, format!("let the tables' owner run: {grants}")));
    }
    Ok((found, services))
}

fn absence_remedy(elsewhere: Option<&Elsewhere>, visible: &str) -> String {
    match elsewhere {
        Some(Elsewhere { schema, complete }) => {
            let has = if *complete { "has all of them" } else { "has most of those that are missing" };
            // What is visible now must stay so.
            let rest = visible.split(", ").filter(|_| !complete && !visible.is_empty());
            let path: Vec<&str> = std::iter::once(schema.as_str()).chain(rest).collect();
            format!(
                "the schema {schema} {has}: add options=-csearch_path%3D{} to the target (and see that the role has USAGE on the \
                 schema)",
                path.join(",")
            )
        }
        None => "see that this is Karbor's database; if its tables have other names, give them with --columns (`etl columns` \
                 prints the map); `etl schema --for postgresql` prints the tables to make"
            .to_owned(),
    }
}

/// The GRANT statements that would give the role what it lacks.
fn grants(written: &[Relation], services: &Relation, role: &str, needs: Needs) -> Option<String> {
    let mut tables: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    let mut sequences: Vec<&str> = Vec::new();
    for relation in written.iter().chain([services]) {
        let is_written = relation.oid != services.oid && needs != Needs::Look;
        let is_filled = relation.oid != services.oid && needs == Needs::Fill;
        let lacking = &relation.lacking;
        let wanted = [
            ("SELECT", lacking.select),
            ("INSERT", lacking.insert && is_filled),
            // LOCK TABLE asks for one of those that change rows.
            (if is_filled { "UPDATE" } else { "UPDATE, DELETE" }, lacking.lock && is_written),
        ];
        let wanted: Vec<_> =
            wanted.iter().filter(|(_, lacks)| *lacks).map(|(privilege, _)| *privilege).collect();
        if !wanted.is_empty() {
            tables.entry(wanted.join(", ")).or_default().push(&relation.qualified);
        }
        if is_filled {
            sequences.extend(lacking.sequences.iter().map(String::as_str));
        }
    }
    let mut grants: Vec<_> = tables
        .iter()
        .map(|(privileges, tables)| format!("GRANT {privileges} ON {} TO {role}", tables.join(", ")))
        .collect();
    if !sequences.is_empty() {
        grants.push(format!("GRANT USAGE ON SEQUENCE {} TO {role}", sequences.join(", ")));
    }
    (!grants.is_empty()).then(|| grants.join("; "))
}

fn layouts(
    backend: &Backend,
    written: &[Relation],
    services: &Relation,
    names: &TargetNames,
) -> Result<([Layout; 6], Vec<String>)> {
    let mut layouts = WRITTEN.map(|table| Layout::built_in(table, Format::Binary));
    let (mut warnings, mut problems) = (Vec::new(), Vec::new());
    for (layout, relation) in layouts.iter_mut().zip(written) {
        let fitted = fit(layout.table, names, &relation.columns, Format::Binary);
        *layout = Layout { into: relation.qualified.clone(), ..fitted.layout };
        warnings.extend(fitted.warnings);
        problems.extend(fitted.problems);
    }
    for column in SERVICES.map(|column| names.column("services", column)) {
        if services.columns.iter().all(|found| found.name != column) {
            let (table, column) = (names.table("services").to_owned(), column.to_owned());
            problems.push(Problem::Missing { table, column });
        }
    }
    let Some(first) = problems.first() else { return Ok((layouts, warnings)) };
    let all: Vec<_> = problems.iter().map(ToString::to_string).collect();
    Err(Error::target(format!("{}: {}", backend.target, all.join("; ")), first.remedy()))
}

fn lookup(names: &TargetNames, written: &[Relation], services: &Relation) -> Lookup {
    let tables = WRITTEN.iter().map(|table| table.name).zip(written).chain([("services", services)]);
    let qualified = tables.map(|(table, relation)| (table, relation.qualified.clone()));
    Lookup { names: names.clone(), qualified: qualified.collect() }
}

fn trusts(backend: &Backend, lookup: &Lookup) -> Result<HashMap<(String, String), String>> {
    let rows = backend.rows(&lookup.trusts(), &[]);
    let rows = rows.map_err(|failure| backend.explain("reading the trusts of operations", &failure))?;
    Ok(rows.iter().map(|row| ((row.get(0), row.get(1)), row.get(2))).collect())
}

fn imported(backend: &Backend, lookup: &Lookup) -> Result<Vec<(Source, &'static str, u64)>> {
    let mut out = Vec::new();
    for (table, sql) in lookup.imported() {
        let rows = backend.rows(&sql, &[]);
        let rows =
            rows.map_err(|failure| backend.explain("counting the rows of earlier imports", &failure))?;
        for row in &rows {
            let (tag, count): (String, i64) = (row.get(0), row.get(1));
            let count = u64::try_from(count).unwrap_or(0);
            out.extend(source_of(table, &tag).map(|source| (source, table, count)));
        }
    }
    out.sort_unstable();
    Ok(out)
}
