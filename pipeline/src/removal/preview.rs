//! What a rollback would delete, what depends on it, and which rows Karbor has changed or uses since.

use super::beside::{KINDS, LOGS};
use super::marks::{ImportPredicates, KARBOR, SOURCES, UNKNOWN, key, text, yes};
use super::sets::{GONE, Sets, is_chosen, sources};
use crate::error::Result;
use crate::karbor::layout::{END_OF_FIRING, Layout, quoted};
use crate::karbor::{ITEMS, OPERATIONS, PLANS, RESOURCES, STATES, Source, TRIGGERS, Table, WRITTEN};
use crate::load::session::{Session, count, literal};
use crate::removal::request::{OnDependents, Request};
use serde::{Serialize, Serializer};
use std::fmt;

/// How many rows of a kind are listed; all are counted.
pub const LISTED: usize = 100;

/// Who a row came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// It was imported from there.
    Imported(Source),
    /// It was imported, and nothing tells any more from where.
    Unknown,
    /// Karbor made it.
    Karbor,
}

impl Origin {
    /// From the word that the sets have for it.
    pub(crate) fn of(word: Option<&str>) -> Self {
        match SOURCES.into_iter().find(|source| Some(source.prefix()) == word) {
            Some(source) => Self::Imported(source),
            None if word == Some(KARBOR) => Self::Karbor,
            None => Self::Unknown,
        }
    }

    /// A word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Imported(source) => source.prefix(),
            Self::Unknown => "unknown",
            Self::Karbor => KARBOR,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Origin {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// Rows of one table, origin and tenant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Rows {
    /// The target's name of the table.
    pub table: String,
    /// Who they came from.
    pub origin: Origin,
    /// The project that they belong to.
    pub tenant: String,
    /// How many they are.
    pub rows: u64,
}

/// Rows of a table that is never written, which go with the rows that they are about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Beside {
    /// The table.
    pub table: &'static str,
    /// How many they are.
    pub rows: u64,
}

/// A row that Karbor made and that depends on imported ones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Dependent {
    /// The target's name of its table.
    pub table: String,
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The plan that it belongs to, where it names one.
    pub plan: Option<String>,
}

/// Rows that Karbor made and that depend on imported ones.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Dependents {
    /// Operations.
    pub operations: u64,
    /// Resources.
    pub resources: u64,
    /// The first of them.
    pub listed: Vec<Dependent>,
}

impl Dependents {
    /// How many they are.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.operations + self.resources
    }
}

/// What happened to an imported row since.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// Karbor deleted it, and the row is still there.
    Deleted,
    /// Somebody edited its description.
    Description,
    /// It has another status or state than an imported row.
    Status,
    /// An operation has run.
    Run,
    /// Its values are others than those of the dumps.
    Values,
}

impl Change {
    /// The change in words, behind a number of rows.
    #[must_use]
    pub fn words(self, rows: u64) -> &'static str {
        match self {
            Self::Deleted => "deleted in Karbor",
            Self::Description => "with an edited description",
            Self::Status => "with another status than an imported row",
            Self::Run if rows == 1 => "has run since",
            Self::Run => "have run since",
            Self::Values => "with other values than the dumps",
        }
    }
}

/// How many rows of a table changed in a way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChangeCount {
    /// The target's name of the table.
    pub table: String,
    /// The way.
    pub change: Change,
    /// How many.
    pub rows: u64,
}

/// A row that changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChangedRow {
    /// The target's name of the table.
    pub table: String,
    /// The way.
    pub change: Change,
    /// The row's id.
    pub id: String,
}

/// Imported rows that Karbor changed or uses since.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Changes {
    /// Whether they were found by comparing the rows with the dumps, and not by signs alone.
    pub exact: bool,
    /// How many, by table and way.
    pub counted: Vec<ChangeCount>,
    /// The first of each way and table.
    pub listed: Vec<ChangedRow>,
}

/// What a rollback would delete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Preview {
    /// What was asked for.
    pub request: Request,
    /// The rows that go, in the order of the tables.
    pub rows: Vec<Rows>,
    /// The rows of other tables that go with them.
    pub beside: Vec<Beside>,
    /// What Karbor depended on imported rows.
    pub dependents: Dependents,
    /// Rows of families that stay because of that, by table.
    pub kept: Vec<(String, u64)>,
    /// Copies that Karbor itself made by plans that go; they stay.
    pub copies_made: u64,
    /// Imported rows that stay because nothing tells of which source they are, by table.
    pub untold: Vec<(String, u64)>,
    /// Rows that Karbor changed or uses since.
    pub changes: Changes,
}

impl Preview {
    /// How many rows of the tables go.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.rows.iter().map(|rows| rows.rows).sum()
    }

    /// How many rows of one table go, by the target's name of it.
    #[must_use]
    pub fn rows_of(&self, table: &str) -> u64 {
        self.rows.iter().filter(|rows| rows.table == table).map(|rows| rows.rows).sum()
    }

    /// Whether rows that Karbor made keep this rollback from deleting anything.
    #[must_use]
    pub fn refused(&self) -> bool {
        self.request.dependents == OnDependents::Refuse && self.dependents.total() > 0
    }

    /// What is another than in a later look, in words, if anything.
    pub(crate) fn difference(&self, later: &Self) -> Option<String> {
        if self.rows != later.rows {
            let mut tables: Vec<&str> =
                self.rows.iter().chain(&later.rows).map(|rows| rows.table.as_str()).collect();
            tables.dedup();
            let differs = |table: &&str| self.rows_of(table) != later.rows_of(table);
            let said = tables.into_iter().find(differs).map_or_else(
                || "rows moved between tenants".to_owned(),
                |table| format!("{table} {} before, {} now", self.rows_of(table), later.rows_of(table)),
            );
            return Some(said);
        }
        let hanging = |preview: &Self| format!("{} rows depend on imported ones", preview.dependents.total());
        (self.dependents != later.dependents)
            .then(|| format!("{} before, {} now", hanging(self), hanging(later)))
    }
}

/// Makes the sets as temporary tables, which stay for the deletion, and counts them.
///
/// # Errors
/// The database's.
pub(crate) fn look(session: &mut dyn Session, layouts: &[Layout; 6], request: Request) -> Result<Preview> {
    let marks = ImportPredicates::new(layouts, session.dialect());
    for statement in Sets::of_rollback(marks, request).create(marks.dialect) {
        session.execute("finding the imported rows", &statement)?;
    }
    let mut looking = Looking { session, marks, request };
    Ok(Preview {
        request,
        rows: looking.rows()?,
        beside: looking.beside()?,
        dependents: looking.dependents()?,
        kept: looking.kept()?,
        copies_made: looking.copies_made()?,
        untold: looking.untold()?,
        changes: looking.signs()?,
    })
}

/// The rows of a statement that answers `(source, tenant, rows)`, as those of `table`.
///
/// # Errors
/// The database's.
pub(crate) fn counted(session: &mut dyn Session, table: &str, sql: &str) -> Result<Vec<Rows>> {
    let mut out = Vec::new();
    session.query(&format!("counting {table}"), sql, &mut |row| {
        if let [source, tenant, rows] = row {
            out.push(Rows {
                table: table.to_owned(),
                origin: Origin::of(*source),
                tenant: tenant.unwrap_or_default().to_owned(),
                rows: rows.and_then(|rows| rows.parse().ok()).unwrap_or(0),
            });
        }
        Ok(())
    })?;
    // The server's order of texts is its own.
    out.sort_unstable();
    Ok(out)
}

/// Counts the copies of these sources: a statement that answers `(source, tenant, rows)`.
pub(crate) fn copies(marks: ImportPredicates<'_>, sources: &[Source]) -> String {
    let (version, tenant) = (marks.source_by_version("i"), text(&marks.column(&ITEMS, "i", "project_id")));
    format!(
        "SELECT {version}, {tenant}, count(*) FROM {} i WHERE {} GROUP BY {version}, {tenant}",
        marks.table(&ITEMS),
        marks.is_copy_of("i", sources)
    )
}

struct Looking<'s, 'l> {
    session: &'s mut dyn Session,
    marks: ImportPredicates<'l>,
    request: Request,
}

impl Looking<'_, '_> {
    fn count(&mut self, sql: &str) -> Result<u64> {
        count(self.session, "looking at the imported rows", sql)
    }

    fn rows(&mut self) -> Result<Vec<Rows>> {
        let mut out = Vec::new();
        for table in WRITTEN {
            let name = &self.marks.layout(table).name;
            let sql = match GONE.iter().find(|(of, _)| of.name == table.name) {
                Some((_, set)) => {
                    format!("SELECT source, tenant, count(*) FROM {set} GROUP BY source, tenant")
                }
                None => copies(self.marks, sources(self.request.scope)),
            };
            out.extend(counted(self.session, name, &sql)?);
        }
        Ok(out)
    }

    fn beside(&mut self) -> Result<Vec<Beside>> {
        let mut out = Vec::new();
        for kind in KINDS {
            if let Some(table) = kind.find(self.session)? {
                let rows = self.count(&format!("SELECT count(*) FROM {table} WHERE {}", kind.condition()))?;
                out.push(Beside { table: kind.name, rows });
            }
        }
        Ok(out)
    }

    fn dependents(&mut self) -> Result<Dependents> {
        let operations = self.count("SELECT count(*) FROM etl_extra_operation")?;
        let resources = self.count("SELECT count(*) FROM etl_extra_resource")?;
        let mut listed = Vec::new();
        let marks = self.marks;
        let operation = |name: &str| marks.column(&OPERATIONS, "o", name);
        let (id, name) = (text(&operation("id")), text(&operation("name")));
        let of_operations = format!(
            "SELECT {id}, {name}, {} FROM etl_extra_operation e JOIN {} o ON {} = e.id ORDER BY 1",
            marks.named_plan("o"),
            marks.table(&OPERATIONS),
            operation("id"),
        );
        let resource = |name: &str| marks.column(&RESOURCES, "r", name);
        let of_resources = format!(
            "SELECT {}, {}, {} FROM etl_extra_resource e JOIN {} r ON {} = e.id ORDER BY 3, 1",
            text(&resource("resource_id")),
            text(&resource("resource_name")),
            text(&resource("plan_id")),
            marks.table(&RESOURCES),
            resource("id"),
        );
        for (table, sql) in [(&OPERATIONS, of_operations), (&RESOURCES, of_resources)] {
            let left = LISTED - listed.len();
            let sql = format!("{sql} LIMIT {left}");
            let table = &marks.layout(table).name;
            self.session.query("listing what depends on imported rows", &sql, &mut |row| {
                if let [id, name, plan] = row {
                    listed.push(Dependent {
                        table: table.clone(),
                        id: id.unwrap_or_default().to_owned(),
                        name: name.unwrap_or_default().to_owned(),
                        plan: plan.map(str::to_owned),
                    });
                }
                Ok(())
            })?;
        }
        Ok(Dependents { operations, resources, listed })
    }

    /// What was chosen and is not gone.
    fn kept(&mut self) -> Result<Vec<(String, u64)>> {
        let mut out = Vec::new();
        if self.request.dependents != OnDependents::KeepFamilies {
            return Ok(out);
        }
        for (table, chosen, gone) in [
            (&PLANS, "etl_chosen_plan", "etl_gone_plan"),
            (&RESOURCES, "etl_chosen_resource", "etl_gone_resource"),
            (&TRIGGERS, "etl_chosen_trigger", "etl_gone_trigger"),
            (&OPERATIONS, "etl_chosen_operation", "etl_gone_operation"),
        ] {
            let sql = format!("SELECT (SELECT count(*) FROM {chosen}) - (SELECT count(*) FROM {gone})");
            let rows = self.count(&sql)?;
            if rows > 0 {
                out.push((self.marks.layout(table).name.clone(), rows));
            }
        }
        Ok(out)
    }

    fn copies_made(&mut self) -> Result<u64> {
        let plan = self.marks.column(&ITEMS, "i", "plan_id");
        let sql = format!(
            "SELECT count(*) FROM {} i JOIN etl_gone_plan g ON g.key = {} WHERE {plan} IS NOT NULL AND NOT ({})",
            self.marks.table(&ITEMS),
            key(&plan),
            self.marks.is_copy_of("i", &SOURCES),
        );
        self.count(&sql)
    }

    fn untold(&mut self) -> Result<Vec<(String, u64)>> {
        let mut out = Vec::new();
        for (table, set) in [(&PLANS, "etl_plan"), (&TRIGGERS, "etl_trigger"), (&OPERATIONS, "etl_operation")]
        {
            let chosen = is_chosen(self.request.scope, "x");
            let sql = format!("SELECT count(*) FROM {set} x WHERE x.source = '{UNKNOWN}' AND NOT ({chosen})");
            let rows = self.count(&sql)?;
            if rows > 0 {
                out.push((self.marks.layout(table).name.clone(), rows));
            }
        }
        Ok(out)
    }

    /// What can be told of changes without the dumps.
    fn signs(&mut self) -> Result<Changes> {
        let mut changes = Changes::default();
        for (table, change, source) in signs(self.marks, sources(self.request.scope)) {
            self.sign(table, change, &source, &mut changes)?;
        }
        let logs = LOGS.find(self.session)?;
        if let Some(source) = fired(self.marks, logs.as_deref()) {
            self.sign(&OPERATIONS, Change::Run, &source, &mut changes)?;
        }
        Ok(changes)
    }

    fn sign(&mut self, table: &Table, change: Change, source: &str, into: &mut Changes) -> Result<()> {
        let name = &self.marks.layout(table).name;
        let rows = self.count(&format!("SELECT count(*) FROM {source}"))?;
        if rows == 0 {
            return Ok(());
        }
        into.counted.push(ChangeCount { table: name.clone(), change, rows });
        let id = text(&self.marks.column(table, alias(table), "id"));
        let sql = format!("SELECT {id} FROM {source} ORDER BY 1 LIMIT {LISTED}");
        self.session.query("listing what changed", &sql, &mut |row| {
            let id = row.first().copied().flatten().unwrap_or_default().to_owned();
            into.listed.push(ChangedRow { table: name.clone(), change, id });
            Ok(())
        })
    }
}

fn alias(table: &Table) -> &'static str {
    match table.name {
        name if name == PLANS.name => "p",
        name if name == RESOURCES.name => "r",
        name if name == TRIGGERS.name => "t",
        name if name == OPERATIONS.name => "o",
        name if name == STATES.name => "s",
        _ => "i",
    }
}

/// Operations that have run, as what follows FROM: each firing sets the state's `end_time_for_run`, and upstream logs it.
fn fired(marks: ImportPredicates<'_>, logs: Option<&str>) -> Option<String> {
    let operation = key(&quoted("operation_id"));
    let of_logs = logs.map(|logs| format!("SELECT {operation} FROM {logs}"));
    let of_states = marks.column_if(&STATES, "s", END_OF_FIRING).map(|ended| {
        let operation = key(&marks.column(&STATES, "s", "operation_id"));
        format!("SELECT {operation} FROM {} s WHERE {ended} IS NOT NULL", marks.table(&STATES))
    });
    let keys: Vec<_> = of_logs.into_iter().chain(of_states).collect();
    (!keys.is_empty()).then(|| {
        format!(
            "etl_gone_operation g JOIN {} o ON {} = g.id WHERE g.source <> '{KARBOR}' AND g.key IN ({})",
            marks.table(&OPERATIONS),
            marks.column(&OPERATIONS, "o", "id"),
            keys.join(" UNION "),
        )
    })
}

/// A volume of a plan as one text.
fn volume(marks: ImportPredicates<'_>, alias: &str) -> String {
    let column = |name: &str| text(&marks.column(&RESOURCES, alias, name));
    format!("{} || '/' || coalesce({}, '?')", column("plan_id"), column("resource_id"))
}

/// The volumes that plans have: an update of a plan's resources in Karbor marks all rows of the plan as deleted and inserts those
/// that stay anew.
fn volumes_left(marks: ImportPredicates<'_>) -> String {
    let deleted = yes(&marks.column(&RESOURCES, "l", "deleted"));
    format!("SELECT {} FROM {} l WHERE NOT {deleted}", volume(marks, "l"), marks.table(&RESOURCES))
}

/// Signs that Karbor changed rows: each as what follows FROM.
fn signs(marks: ImportPredicates<'_>, sources: &[Source]) -> Vec<(&'static Table, Change, String)> {
    let of_set = |table: &'static Table, condition: &str| {
        let set = GONE.iter().find(|(of, _)| of.name == table.name).map_or("", |(_, set)| set);
        let (alias, id) = (alias(table), marks.column(table, alias(table), "id"));
        format!(
            "{set} g JOIN {} {alias} ON {id} = g.id WHERE g.source <> '{KARBOR}' AND ({condition})",
            marks.table(table)
        )
    };
    let of_items = |condition: &str| {
        format!("{} i WHERE {} AND ({condition})", marks.table(&ITEMS), marks.is_copy_of("i", sources))
    };
    let deleted = |table: &Table| {
        let mut condition = yes(&marks.column(table, alias(table), "deleted"));
        if let Some(at) = marks.column_if(table, alias(table), "deleted_at") {
            condition.push_str(&format!(" OR {at} IS NOT NULL"));
        }
        condition
    };
    let untagged = |table: &Table| format!("{} IS NULL", marks.source_by_tag(table, alias(table)));
    let not_one_of = |table: &Table, column: &str, values: &[&str]| {
        let values: Vec<_> = values.iter().map(|value| literal(value)).collect();
        let column = text(&marks.column(table, alias(table), column));
        // Not the empty text in place of NULL, which is NULL again in openGauss.
        format!("coalesce({column}, '?') NOT IN ({})", values.join(", "))
    };
    let mut out = Vec::new();
    for table in [&PLANS, &RESOURCES, &TRIGGERS] {
        let mut condition = deleted(table);
        if table.name == RESOURCES.name {
            condition =
                format!("({condition}) AND ({}) NOT IN ({})", volume(marks, "r"), volumes_left(marks));
        }
        out.push((table, Change::Deleted, of_set(table, &condition)));
    }
    out.push((&PLANS, Change::Description, of_set(&PLANS, &untagged(&PLANS))));
    out.push((&PLANS, Change::Status, of_set(&PLANS, &not_one_of(&PLANS, "status", &["suspended"]))));
    out.push((&OPERATIONS, Change::Description, of_set(&OPERATIONS, &untagged(&OPERATIONS))));
    out.push((&STATES, Change::Status, of_set(&STATES, &not_one_of(&STATES, "state", &["registered"]))));
    out.push((&ITEMS, Change::Deleted, of_items(&deleted(&ITEMS))));
    let steady = ["available", "error", "protecting"];
    out.push((&ITEMS, Change::Status, of_items(&not_one_of(&ITEMS, "status", &steady))));
    out
}
