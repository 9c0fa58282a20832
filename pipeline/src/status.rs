//! What a Karbor database holds of imports, and who is running on it. It only reads, so it works on a standby and while a
//! run is under way.

use crate::engine::{self, Engine};
use crate::error::{Error, Result};
use crate::karbor::layout::Layout;
use crate::karbor::{ITEMS, OPERATIONS, RESOURCES, STATES};
use crate::load::session::{Session, literal};
use crate::load::{Intent, Opened, ServerFacts, Target};
use crate::removal::marks::{ImportPredicates, SOURCES, key, text, yes};
use crate::removal::preview::{copies, counted};
use crate::removal::sets::Sets;
use crate::removal::{LISTED, Origin, Rows};
use chrono::Utc;
use serde::Serialize;

/// The status of a copy that is still being made, which a later sync takes further.
const UNFINISHED: &str = "protecting";

/// Imported copies of one source and status.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Copies {
    /// Their source.
    pub origin: Origin,
    /// Their status; `deleted` for those that Karbor deleted, whatever else they say.
    pub status: String,
    /// How many.
    pub rows: u64,
}

/// Imported operations of one source.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Operations {
    /// Their source.
    pub origin: Origin,
    /// Those that run by themselves.
    pub enabled: u64,
    /// Those that do not.
    pub disabled: u64,
}

/// What a target holds of imports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Status {
    /// The target, without secrets.
    pub target: String,
    /// What server it is; `None` for an embedded database.
    pub server: Option<ServerFacts>,
    /// Imported rows by table, source and tenant.
    pub rows: Vec<Rows>,
    /// Imported copies by source and status.
    pub copies: Vec<Copies>,
    /// Ids of copies that are still being made, the first of them; [`Status::copies`] has how many they are.
    pub unfinished: Vec<String>,
    /// Imported operations by source.
    pub operations: Vec<Operations>,
    /// What the operation engine does with what the target contains.
    pub engine: Engine,
    /// Who has the target to himself at the moment.
    pub holder: Option<String>,
}

impl Status {
    /// How many copies are still being made.
    #[must_use]
    pub fn unfinished_copies(&self) -> u64 {
        self.copies.iter().filter(|copies| copies.status == UNFINISHED).map(|copies| copies.rows).sum()
    }

    /// How many rows are imported.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.rows.iter().map(|rows| rows.rows).sum()
    }
}

/// Looks at a target.
///
/// # Errors
/// The target's.
pub fn status(target: Box<dyn Target>) -> Result<Status> {
    let name = target.name();
    let Opened { mut sink, layouts } = target.open(Intent::Look)?;
    let holder = sink.holder()?;
    let server = sink.server()?;
    let none =
        || Error::target(format!("{name}: is no database"), "name a database: postgresql://… or PATH.db");
    let mut status = look(sink.session().ok_or_else(none)?, &layouts)?;
    sink.rollback()?;
    status.target = name;
    status.holder = holder;
    status.server = server;
    Ok(status)
}

/// What the tables say. No temporary table is made: a standby takes none.
fn look(session: &mut dyn Session, layouts: &[Layout; 6]) -> Result<Status> {
    let marks = ImportPredicates::new(layouts, session.dialect());
    let with = Sets::imported(marks).with();
    let mut rows = Vec::new();
    for (layout, sql) in layouts.iter().zip(by_tenant(marks)) {
        let sql = if layout.table.name == ITEMS.name { sql } else { format!("{with} {sql}") };
        rows.extend(counted(session, &layout.name, &sql)?);
    }
    let doing = "looking at the imported rows";
    let mut out = Vec::new();
    session.query(doing, &by_status(marks), &mut |row| {
        if let [source, status, rows] = row {
            let status = status.unwrap_or_default().to_owned();
            out.push(Copies { origin: Origin::of(*source), status, rows: number(*rows) });
        }
        Ok(())
    })?;
    out.sort_unstable();
    let mut operations = Vec::new();
    session.query(doing, &format!("{with} {}", by_enabled(marks)), &mut |row| {
        if let [source, enabled, disabled] = row {
            let (enabled, disabled) = (number(*enabled), number(*disabled));
            operations.push(Operations { origin: Origin::of(*source), enabled, disabled });
        }
        Ok(())
    })?;
    operations.sort_unstable();
    let engine = engine::look(session, layouts, Utc::now().timestamp())?;
    let mut unfinished = Vec::new();
    session.query(doing, &unfinished_ids(marks), &mut |row| {
        unfinished.extend(row.first().copied().flatten().map(str::to_owned));
        Ok(())
    })?;
    Ok(Status {
        target: String::new(),
        server: None,
        rows,
        copies: out,
        unfinished,
        operations,
        engine,
        holder: None,
    })
}

fn number(text: Option<&str>) -> u64 {
    text.and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Counts by table, in the order of [`crate::karbor::WRITTEN`]: `(source, tenant, rows)`.
fn by_tenant(marks: ImportPredicates<'_>) -> [String; 6] {
    let of_set = |set: &str| format!("SELECT source, tenant, count(*) FROM {set} GROUP BY source, tenant");
    let joined = |table, alias: &str, column: &str, set: &str| {
        format!(
            "SELECT x.source, x.tenant, count(*) FROM {} {alias} JOIN {set} x ON x.key = {} GROUP BY x.source, x.tenant",
            marks.table(table),
            key(&marks.column(table, alias, column)),
        )
    };
    [
        of_set("etl_plan"),
        joined(&RESOURCES, "r", "plan_id", "etl_plan"),
        of_set("etl_trigger"),
        of_set("etl_operation"),
        joined(&STATES, "s", "operation_id", "etl_operation"),
        copies(marks, &SOURCES),
    ]
}

fn by_status(marks: ImportPredicates<'_>) -> String {
    let (source, item) = (marks.source_by_version("i"), |name: &str| marks.column(&ITEMS, "i", name));
    let status =
        format!("CASE WHEN {} THEN 'deleted' ELSE {} END", yes(&item("deleted")), text(&item("status")));
    format!(
        "SELECT {source}, {status}, count(*) FROM {} i WHERE {} GROUP BY {source}, {status}",
        marks.table(&ITEMS),
        marks.is_copy_of("i", &SOURCES)
    )
}

fn by_enabled(marks: ImportPredicates<'_>) -> String {
    let operation = |name: &str| marks.column(&OPERATIONS, "o", name);
    let enabled = format!("CASE WHEN {} THEN 1 ELSE 0 END", yes(&operation("enabled")));
    format!(
        "SELECT x.source, sum({enabled}), sum(1 - {enabled}) FROM {} o JOIN etl_operation x ON x.id = {} GROUP BY x.source",
        marks.table(&OPERATIONS),
        operation("id")
    )
}

fn unfinished_ids(marks: ImportPredicates<'_>) -> String {
    let item = |name: &str| marks.column(&ITEMS, "i", name);
    format!(
        "SELECT {} FROM {} i WHERE {} AND {} = {} AND NOT ({}) ORDER BY 1 LIMIT {LISTED}",
        text(&item("id")),
        marks.table(&ITEMS),
        marks.is_copy_of("i", &SOURCES),
        text(&item("status")),
        literal(UNFINISHED),
        yes(&item("deleted")),
    )
}
