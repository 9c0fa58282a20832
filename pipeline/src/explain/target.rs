//! What a target contains of an id, and what Karbor did to it since.

use super::concern::{is_operation, is_plan};
use crate::compare::by_key::KeyedRow;
use crate::compare::comparison::{Comparison, Found, Taker, session};
use crate::compare::sql::{ITEMS, MARKS, OPERATIONS, PLANS, RESOURCES};
use crate::compare::{Extra, Judge, Known, Scope, Sign, StateValue, Verdict};
use crate::engine;
use crate::error::Result;
use crate::karbor::layout::Layout;
use crate::load::Sink;
use crate::load::session::{Session, literal};
use crate::options::Options;
use crate::removal::marks::{ImportPredicates, text, yes};
use crate::transform::resolved::PolicyRows;
use serde::Serialize;
use std::collections::BTreeSet;

/// The columns of a row that are shown where there is nothing to compare them with.
const SHOWN: [&str; 5] = ["name", "status", "state", "enabled", "version"];

/// What is said of a row that no import of what the dumps contain made.
const OWN: &str = "is there: Karbor's own, or imported from what these dumps do not contain";

/// What a target contains of an id.
#[derive(Clone, Debug, Serialize)]
pub struct ExplainedTarget {
    /// The target, without secrets.
    pub name: String,
    /// The rows.
    pub rows: Vec<ExplainedRow>,
    /// Copies of the plan or volume, where the id is one.
    pub copies: Vec<CopiesInTarget>,
}

/// One row.
#[derive(Clone, Debug, Serialize)]
pub struct ExplainedRow {
    /// The target's table.
    pub table: String,
    /// Its key.
    pub key: String,
    /// What became of it, in words.
    pub said: String,
    /// When it was made, last changed and deleted, as the target says.
    pub created_at: Option<String>,
    /// See `created_at`.
    pub updated_at: Option<String>,
    /// See `created_at`.
    pub deleted_at: Option<String>,
    /// Values that differ, or what a row says that the dumps do not have.
    pub values: Vec<Value>,
    /// Of an operation, whether it fires once the engine is restarted, and why not.
    pub fires: Option<String>,
}

/// A value of a row.
#[derive(Clone, Debug, Serialize)]
pub struct Value {
    /// The target's column.
    pub column: String,
    /// What the dumps say.
    pub dumps: Option<String>,
    /// What the target says.
    pub target: Option<String>,
}

/// Copies of a plan or a volume.
#[derive(Clone, Debug, Serialize)]
pub struct CopiesInTarget {
    /// `VBS`, `DPS`, or `Karbor` for those that it made itself.
    pub made_by: &'static str,
    /// Their status; `deleted` for those that Karbor deleted.
    pub status: String,
    /// How many.
    pub copies: u64,
    /// When the newest was made.
    pub newest: Option<String>,
}

/// Looks for an id, and for the rows that the dumps give of it.
pub(super) fn look(
    sink: &mut dyn Sink,
    (layouts, name): (&[Layout; 6], &str),
    (id, rows, copies): (&str, PolicyRows<'_>, Vec<KeyedRow>),
    options: &Options,
) -> Result<ExplainedTarget> {
    let settings = &options.settings;
    let value = |named: bool| if named { StateValue::Named } else { StateValue::Unknown };
    let known = Known {
        service: value(settings.service_id.is_some()),
        trust: value(settings.trust_id.is_some()),
        live_services: BTreeSet::new(),
    };
    let scope = Scope::of(rows.sources);
    let mut comparison = Comparison::new(session(sink)?, layouts, scope, &known, &options.tuning);
    let mut looking = Looking { name: String::new(), id, whole_sets: false, rows: Vec::new() };
    for table in 0..ITEMS {
        looking.name = comparison.name(table).to_owned();
        let (own, whole) = own_rows(&comparison, table, rows, id)?;
        looking.whole_sets = whole;
        comparison.judge_keyed(sink, table, &own, &mut looking)?;
        if own.is_empty() && table != RESOURCES {
            comparison.judge_only_in_target(sink, table, id, &mut looking)?;
        }
    }
    looking.name = comparison.name(ITEMS).to_owned();
    comparison.judge_keyed(sink, ITEMS, &copies, &mut looking)?;
    if copies.is_empty() {
        comparison.judge_only_in_target(sink, ITEMS, id, &mut looking)?;
    }
    let Looking { rows: mut found, .. } = looking;
    let operations = comparison.name(OPERATIONS).to_owned();
    for row in found.iter_mut().filter(|row| row.table == operations) {
        row.fires = engine::obstacle_of(session(sink)?, layouts, &row.key)?.map(|obstacle| match obstacle {
            None => "fires once operationengine is restarted".to_owned(),
            Some(obstacle) => format!("does not fire: {}", obstacle.words()),
        });
    }
    let plans = comparison.name(PLANS).to_owned();
    let mut ids: Vec<String> =
        found.iter().filter(|row| row.table == plans).map(|row| row.key.clone()).collect();
    ids.push(id.to_owned());
    ids.dedup();
    let copies = copies_of(session(sink)?, layouts, &ids)?;
    Ok(ExplainedTarget { name: name.to_owned(), rows: found, copies })
}

/// The rows of one table that the dumps give of an id, and whether they are all that concern it: of the resources of a plan, all are
/// judged together.
fn own_rows(
    comparison: &Comparison,
    table: usize,
    rows: PolicyRows<'_>,
    id: &str,
) -> Result<(Vec<KeyedRow>, bool)> {
    let (mut own, mut is_whole) = (Vec::new(), false);
    let layout = comparison.layout(table)?;
    let mut volume_plans = BTreeSet::new();
    if table == RESOURCES {
        rows.each(table, layout, &mut |row, owner| {
            let key = comparison.judge(table)?.key(row, 0);
            if key.iter().any(|part| part == id) {
                volume_plans.insert(owner.plan_id.to_owned());
            }
            Ok(())
        })?;
    }
    rows.each(table, layout, &mut |row, owner| {
        let of_plan = is_plan(owner.view, id);
        let concerns = match table {
            PLANS => of_plan,
            RESOURCES => of_plan || volume_plans.contains(owner.plan_id),
            _ => {
                let operation = owner.view.operations.get(owner.nth);
                of_plan || operation.is_some_and(|operation| is_operation(operation, id))
            }
        };
        is_whole |= of_plan;
        if concerns {
            let key = comparison.judge(table)?.key(row, 0).into_iter().next().unwrap_or_default();
            let unit = comparison.unit(table, owner)?;
            own.push(KeyedRow { key, source: owner.view.source, unit, bytes: row.bytes().to_vec() });
        }
        Ok(())
    })?;
    Ok((own, is_whole))
}

/// Takes what was found.
struct Looking<'l> {
    name: String,
    id: &'l str,
    /// Whether all resources of a plan are wanted, or only those that are the id.
    whole_sets: bool,
    rows: Vec<ExplainedRow>,
}

impl Taker for Looking<'_> {
    fn take(&mut self, judge: &Judge, found: Found<'_>) -> Result<()> {
        let (key, target, said, values) = match found {
            Found::Row { own, target, verdict, .. } => {
                let values = target.map(|target| judge.differences(own, target)).unwrap_or_default();
                let values = values.into_iter().map(|value| Value {
                    column: value.column,
                    dumps: value.dumps,
                    target: value.target,
                });
                (judge.key(own.row, 0), target, said_of(&verdict), values.collect::<Vec<_>>())
            }
            Found::Extra { target, extra } => {
                let shown = SHOWN.iter().filter_map(|column| {
                    let value = judge.text_of(column, target, MARKS.len())?;
                    Some(Value { column: (*column).to_owned(), dumps: None, target: Some(value) })
                });
                let said = if judge.is_imported(target) { said_of_extra(extra) } else { OWN.to_owned() };
                (judge.key(target, MARKS.len()), Some(target), said, shown.collect())
            }
        };
        if judge.table == RESOURCES && !self.whole_sets && key.iter().all(|part| part != self.id) {
            return Ok(());
        }
        let time =
            |name: &str| target.and_then(|target| judge.time(name, target)).map(|time| time.to_string());
        self.rows.push(ExplainedRow {
            table: self.name.clone(),
            key: key.join(" "),
            said,
            created_at: time("created_at"),
            updated_at: time("updated_at"),
            deleted_at: time("deleted_at"),
            values,
            fires: None,
        });
        Ok(())
    }
}

fn said_of(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Insert => "is not there: a run would insert it".to_owned(),
        Verdict::Update(_) => "differs: a run would update it".to_owned(),
        Verdict::Unchanged => "is there as the dumps have it".to_owned(),
        Verdict::Kept(reason) => format!("a run leaves it as it is ({reason}): {}", reason.meaning()),
    }
}

fn said_of_extra(extra: Extra) -> String {
    match extra {
        Extra::Lost(None) => "is there, and not in these dumps".to_owned(),
        Extra::Lost(Some(sign)) => {
            format!("is there, and not in these dumps: {}", Sign::words(sign))
        }
        Extra::Kept(reason) => format!("is there, and not in these dumps ({reason}): {}", reason.meaning()),
        Extra::Unknown => "is there; these dumps lack the table that would tell of it".to_owned(),
    }
}

/// Copies that name a plan or a volume, by who made them and status.
fn copies_of(
    session: &mut dyn Session,
    layouts: &[Layout; 6],
    ids: &[String],
) -> Result<Vec<CopiesInTarget>> {
    use crate::karbor::ITEMS;
    let marks = ImportPredicates::new(layouts, session.dialect());
    let item = |name: &str| marks.column(&ITEMS, "i", name);
    let status =
        format!("CASE WHEN {} THEN 'deleted' ELSE {} END", yes(&item("deleted")), text(&item("status")));
    let list: Vec<_> = ids.iter().map(|id| literal(id)).collect();
    let list = list.join(", ");
    let sql = format!(
        "SELECT {version}, {status}, count(*), max({made}) FROM {table} i WHERE {plan} IN ({list}) OR {volume} IN ({list}) \
         GROUP BY {version}, {status} ORDER BY 1, 2",
        version = text(&item("version")),
        made = text(&item("created_at")),
        table = marks.table(&ITEMS),
        plan = text(&item("plan_id")),
        volume = text(&item("resource_id")),
    );
    let mut found = Vec::new();
    session.query("counting copies", &sql, &mut |row| {
        if let [version, status, copies, newest] = row {
            let made_by = [crate::karbor::Source::Vbs, crate::karbor::Source::Dps]
                .into_iter()
                .find(|source| *version == Some(source.version()));
            found.push(CopiesInTarget {
                made_by: made_by.map_or("Karbor", super::concern::word_of),
                status: status.unwrap_or_default().to_owned(),
                copies: copies.and_then(|text| text.parse().ok()).unwrap_or(0),
                newest: newest.map(str::to_owned),
            });
        }
        Ok(())
    })?;
    Ok(found)
}
