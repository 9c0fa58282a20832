//! The items that are `protecting`, page by page, and their update in one statement.
//!
//! Everything is SQL that PostgreSQL 9.2 and SQLite both read. No value stands in a statement: pages are found by number, and
//! what changes goes through a temporary table that is filled like any other. Neither of the two temporary tables is left.

use super::info::{AVAILABLE, Verdict, judge};
use super::jobs::Jobs;
use super::{Report, WAITING_LISTED, Waiting, Why};
use crate::error::{Error, Result};
use crate::karbor::layout::{Layout, quoted};
use crate::karbor::{Source, Value};
use crate::load::lookup::no;
use crate::load::session::{Presence, Session, count, miscounted};
use crate::load::{Refusal, Sink};
use crate::progress::Progress;

/// Items of one page.
const PAGE: u64 = 500;

/// The items that are protecting, numbered from 1.
const UNFINISHED: &str = "etl_unfinished";

/// What items become.
const SETTLED: &str = "etl_settled";

const DOING: &str = "looking for unfinished items";

/// The columns of items that a sync reads or writes, as the target calls them, quoted.
struct Names<'l> {
    table: &'l str,
    id: String,
    status: String,
    info: String,
    /// The condition that a row `i` is to be settled.
    unfinished: String,
}

impl<'l> Names<'l> {
    fn of(layout: &'l Layout) -> Result<Self> {
        let column = |name: &str| {
            layout.column(name).map(quoted).ok_or_else(|| {
                let what = format!("{} has no column {name}, which a sync needs", layout.name);
                Error::target(what, "name it with --columns, if it is called otherwise (`etl columns`)")
            })
        };
        let (status, version) = (column("status")?, column("version")?);
        let unfinished = format!(
            "i.{version} = '{}' AND i.{status} = 'protecting' AND {}",
            Source::Vbs.version(),
            no(&format!("i.{}", column("deleted")?), "false")
        );
        Ok(Self { table: &layout.into, id: column("id")?, status, info: column("extend_info")?, unfinished })
    }
}

/// Gives every item that is protecting its job's outcome; counts and lists in `report`.
///
/// # Errors
/// The target's. The transaction is to be rolled back.
pub(super) fn settle(
    sink: &mut dyn Sink,
    layout: &Layout,
    jobs: &Jobs,
    report: &mut Report,
    progress: &Progress,
) -> Result<()> {
    let names = Names::of(layout)?;
    let staged = staged(layout);
    let session = session(sink)?;
    for statement in begin(&names) {
        session.execute(DOING, &statement)?;
    }
    report.protecting = count(session, DOING, &format!("SELECT count(*) FROM {UNFINISHED}"))?;
    let mut witness = None;
    let mut from = 0;
    while from < report.protecting {
        let page = page(sink, &names, from)?;
        let mut bytes = Vec::new();
        let mut rows = 0;
        for (id, info) in &page {
            match judge(id, info.as_deref(), jobs) {
                Verdict::Waits(waiting) => wait(report, waiting),
                Verdict::Settled { status, info, task_id } => {
                    match encode(&staged, (id, status, &info), &mut bytes) {
                        Ok(()) => {
                            rows += 1;
                            let outcome =
                                if status == AVAILABLE { &mut report.available } else { &mut report.failed };
                            *outcome += 1;
                            witness.get_or_insert_with(|| id.clone());
                        }
                        Err(detail) => {
                            let task_id = Some(task_id);
                            wait(report, Waiting { id: id.clone(), task_id, why: Why::Misfit, detail });
                        }
                    }
                }
            }
        }
        send(sink, &staged, bytes, rows)?;
        progress.add_loaded(rows);
        from += PAGE;
    }
    let session = self::session(sink)?;
    let settled = report.settled();
    if let Some(id) = witness {
        let updated = session.execute("updating items", &update(&names))?;
        if updated != settled {
            let what = format!("{settled} items are settled, and {updated} were updated");
            return Err(miscounted(session, names.table, what));
        }
        session.witness(layout, &id, Presence::Written);
    }
    let left = format!("SELECT count(*) FROM {} i WHERE {}", names.table, names.unfinished);
    let left = count(session, DOING, &left)?;
    if left != report.waits() {
        return Err(Error::Imbalance(format!("{} items wait, {left} are protecting", report.waits())));
    }
    for table in [UNFINISHED, SETTLED] {
        session.execute(DOING, &format!("DROP TABLE {table}"))?;
    }
    Ok(())
}

/// The database behind an open transaction; [`crate::load::Target::open`] opens nothing else.
fn session(sink: &mut dyn Sink) -> Result<&mut dyn Session> {
    sink.session().ok_or_else(|| Error::target("this target is no database", "name the database itself"))
}

/// The temporary tables, with an index by which rows are found one by one.
fn begin(names: &Names<'_>) -> [String; 4] {
    let Names { table, id, status, info, unfinished } = names;
    [
        format!(
            "CREATE TEMPORARY TABLE {UNFINISHED} AS \
             SELECT row_number() OVER (ORDER BY i.{id}) AS number, i.{id} FROM {table} i WHERE {unfinished}"
        ),
        format!("CREATE UNIQUE INDEX {UNFINISHED}_number ON {UNFINISHED} (number)"),
        format!(
            "CREATE TEMPORARY TABLE {SETTLED} AS SELECT i.{id}, i.{status}, i.{info} FROM {table} i WHERE 1 = 0"
        ),
        format!("CREATE UNIQUE INDEX {SETTLED}_id ON {SETTLED} ({id})"),
    ]
}

/// The ids of one page's items, and what their extend_info is.
type Page = Vec<(String, Option<String>)>;

fn page(sink: &mut dyn Sink, names: &Names<'_>, from: u64) -> Result<Page> {
    let Names { table, id, info, .. } = names;
    let sql = format!(
        "SELECT i.{id}, i.{info} FROM {UNFINISHED} u JOIN {table} i ON i.{id} = u.{id} \
         WHERE u.number > {from} AND u.number <= {upto} ORDER BY u.number",
        upto = from + PAGE,
    );
    let mut page = Page::new();
    session(sink)?.query("reading unfinished items", &sql, &mut |row| {
        let text = |n: usize| row.get(n).copied().flatten().map(str::to_owned);
        page.push((text(0).unwrap_or_default(), text(1)));
        Ok(())
    })?;
    Ok(page)
}

/// The layout of [`SETTLED`].
fn staged(layout: &Layout) -> Layout {
    let mut staged = layout.clone();
    staged.columns.retain(|laid| ["id", "status", "extend_info"].contains(&layout.karbors_name(laid)));
    Layout { into: SETTLED.to_owned(), staging: true, ..staged }
}

/// Appends a row of [`SETTLED`]; the error says what does not fit.
fn encode(
    staged: &Layout,
    (id, status, info): (&str, &str, &str),
    bytes: &mut Vec<u8>,
) -> std::result::Result<(), String> {
    let value = |column: &crate::karbor::Column| match column.name {
        "id" => Value::Text(id),
        "status" => Value::Text(status),
        "extend_info" => Value::Text(info),
        _ => Value::Null,
    };
    let row: Vec<Value<'_>> = staged.table.columns.iter().map(value).collect();
    staged.encode(&row, bytes).map_err(|misfit| format!("its {} {misfit}", misfit.column))
}

fn send(sink: &mut dyn Sink, staged: &Layout, bytes: Vec<u8>, rows: u64) -> Result<()> {
    if rows == 0 {
        return Ok(());
    }
    let refused = |refusal: Refusal| refusal.error;
    sink.table(staged)?;
    sink.rows(bytes, rows).map_err(refused)?;
    let counted = sink.end().map_err(refused)?;
    if counted == rows {
        return Ok(());
    }
    Err(Error::Imbalance(format!("{rows} settled items were sent, and the target counted {counted}")))
}

fn update(names: &Names<'_>) -> String {
    let Names { table, id, status, info, unfinished } = names;
    let new = |column: &str| format!("{column} = (SELECT s.{column} FROM {SETTLED} s WHERE s.{id} = i.{id})");
    format!(
        "UPDATE {table} AS i SET {}, {} WHERE i.{id} IN (SELECT s.{id} FROM {SETTLED} s) AND {unfinished}",
        new(status),
        new(info),
    )
}

fn wait(report: &mut Report, waiting: Waiting) {
    *report.waiting.entry(waiting.why).or_default() += 1;
    if report.listed.len() < WAITING_LISTED {
        report.listed.push(waiting);
    }
}
