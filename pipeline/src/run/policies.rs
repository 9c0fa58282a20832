//! The policy side on its way to the target: from memory, table by table.
//!
//! A plan that is certainly new goes there at once, with all that is its own. Of any other, the rows that are surely equal are
//! passed over and the rest is staged: a plan's trigger, operation and state come or stay away together.

use super::{Loading, Policies};
use crate::compare::sql::{OPERATIONS, PLANS, RESOURCES, STATES, TRIGGERS};
use crate::compare::{Comparison, Fate};
use crate::error::{Error, Result};
use crate::extract::Sources;
use crate::karbor::layout::Layout;
use crate::karbor::tuple::Rows;
use crate::karbor::{Value, WRITTEN, ids};
use crate::transform::policies::{Context, OperationView, PlanView, Wanted};

/// Rows are handed to the sink in pieces of this size.
const PIECE_BYTES: usize = 256 * 1024;

/// The tables of the policy side: all but the copies.
const TABLES: std::ops::Range<usize> = 0..WRITTEN.len() - 1;

/// Where the rows of a table go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lane {
    Target,
    Stage,
}

/// Rows by table.
type Counts = [u64; WRITTEN.len() - 1];

impl Loading<'_> {
    /// Writes all tables of the policy side.
    pub(super) fn policies(
        &mut self,
        policies: &Policies,
        sources: &Sources,
        context: Context<'_>,
    ) -> Result<()> {
        self.subtract(policies, sources, context)?;
        let there = self.note_there(sources)?;
        let mut staged: Counts = Counts::default();
        for (table, layout) in TABLES.zip(self.layouts) {
            self.begin(layout)?;
            let rows = self.lane(table, layout, Lane::Target, policies, sources, context)?;
            self.end(layout)?;
            self.accounts.unchanged(table, rows.unchanged);
            if let Some(count) = staged.get_mut(table) {
                *count = rows.staged;
            }
        }
        self.stage_rows(staged, policies, sources, context)?;
        self.judge(staged, &there)
    }

    /// Tells the comparison of every row that the target may hold.
    fn subtract(&mut self, policies: &Policies, sources: &Sources, context: Context<'_>) -> Result<()> {
        let layouts = self.layouts;
        let Some(comparison) = self.comparison_mut() else { return Ok(()) };
        for (table, layout) in TABLES.zip(layouts) {
            let mut bytes = Vec::new();
            for view in policies.views(sources, context.settings, Wanted::Table(table)) {
                let news = News::of(&view, comparison)?;
                let mut n = 0;
                view.rows(table, context, &mut |row| -> Result<()> {
                    let is_new = news.is_new(table, n);
                    n += 1;
                    if !is_new {
                        bytes.clear();
                        encode(layout, row, &mut bytes)?;
                        let compared = comparison.table_mut(table)?;
                        Rows::new(layout, &bytes).for_each(|row| compared.subtract(row));
                    }
                    Ok(())
                })?;
            }
        }
        Ok(())
    }

    /// Notes what the target holds and the dumps may no longer hold, before anything is written. Where policies were set aside
    /// nobody can tell.
    fn note_there(&mut self, sources: &Sources) -> Result<Vec<usize>> {
        let mut there = Vec::new();
        let Some(mut merge) = self.merge().filter(|_| sources.rejections.rows == 0) else { return Ok(there) };
        for table in [PLANS, RESOURCES, OPERATIONS] {
            if merge.note_there(table)? {
                there.push(table);
            }
        }
        Ok(there)
    }

    /// Sends the rows of one lane.
    fn lane(
        &mut self,
        table: usize,
        layout: &Layout,
        lane: Lane,
        policies: &Policies,
        sources: &Sources,
        context: Context<'_>,
    ) -> Result<Sorted> {
        let (mut bytes, mut rows) = (Vec::with_capacity(PIECE_BYTES), 0);
        let mut sorted = Sorted::default();
        for view in policies.views(sources, context.settings, Wanted::Table(table)) {
            let news =
                self.comparison.as_deref().map(|comparison| News::of(&view, comparison)).transpose()?;
            let mut n = 0;
            view.rows(table, context, &mut |row| -> Result<()> {
                let start = bytes.len();
                encode(layout, row, &mut bytes)?;
                let fate = match (&self.comparison, &news) {
                    (Some(comparison), Some(news)) if !news.is_new(table, n) => {
                        let compared = comparison.table(table)?;
                        let encoded = bytes.get(start..).unwrap_or_default();
                        Rows::new(layout, encoded)
                            .next()
                            .map_or(Fate::Staged, |row| compared.fate(compared.key(row)))
                    }
                    _ => Fate::New,
                };
                n += 1;
                sorted.count(fate);
                if matches!((fate, lane), (Fate::New, Lane::Target) | (Fate::Staged, Lane::Stage)) {
                    rows += 1;
                } else {
                    bytes.truncate(start);
                }
                if bytes.len() >= PIECE_BYTES {
                    self.pass_on(layout, lane, std::mem::take(&mut bytes), std::mem::take(&mut rows))?;
                }
                Ok(())
            })?;
        }
        self.pass_on(layout, lane, bytes, rows)?;
        Ok(sorted)
    }

    fn pass_on(&mut self, layout: &Layout, lane: Lane, bytes: Vec<u8>, rows: u64) -> Result<()> {
        match lane {
            Lane::Target => self.send(bytes, rows),
            Lane::Stage => self.stage(layout, bytes, rows),
        }
    }

    /// Stages the rows that the database is to judge, and for each operation among them which rows belong to it.
    fn stage_rows(
        &mut self,
        staged: Counts,
        policies: &Policies,
        sources: &Sources,
        context: Context<'_>,
    ) -> Result<()> {
        for (table, layout) in TABLES.zip(self.layouts) {
            if staged.get(table).is_none_or(|rows| *rows == 0) {
                continue;
            }
            if let Some(mut merge) = self.merge() {
                merge.create_stage(table)?;
            }
            self.lane(table, &layout.staging(), Lane::Stage, policies, sources, context)?;
        }
        if [TRIGGERS, OPERATIONS, STATES].iter().any(|table| staged.get(*table).is_some_and(|rows| *rows > 0))
        {
            if let Some(mut merge) = self.merge() {
                merge.create_units()?;
            }
            self.stage_units(policies, sources, context)?;
        }
        Ok(())
    }

    fn stage_units(&mut self, policies: &Policies, sources: &Sources, context: Context<'_>) -> Result<()> {
        let layout = Layout::units(self.layouts);
        let (mut bytes, mut rows) = (Vec::new(), 0);
        for view in policies.views(sources, context.settings, Wanted::Table(OPERATIONS)) {
            let Some(news) = self.comparison.as_deref().map(|c| News::of(&view, c)).transpose()? else {
                break;
            };
            let plan_id = ids::plan(view.source, view.id);
            for (n, operation) in view.operations.iter().enumerate() {
                if news.is_new(OPERATIONS, n) {
                    continue;
                }
                let fresh = if news.plan { "yes" } else { "no" };
                let (trigger_id, operation_id) = (operation.key.trigger(), operation.key.operation());
                let unit = [
                    trigger_id.as_str(),
                    operation_id.as_str(),
                    plan_id.as_str(),
                    view.source.prefix(),
                    fresh,
                ];
                encode(&layout, &unit.map(Value::Text), &mut bytes)?;
                rows += 1;
            }
            if bytes.len() >= PIECE_BYTES {
                self.stage(&layout, std::mem::take(&mut bytes), std::mem::take(&mut rows))?;
            }
        }
        self.stage(&layout, bytes, rows)
    }

    /// Lets the database judge what was staged, and does as it says.
    fn judge(&mut self, staged: Counts, there: &[usize]) -> Result<()> {
        let writes = self.writes;
        let Some(mut merge) = self.merge() else { return Ok(()) };
        let mut judged = Vec::new();
        for (table, rows) in staged.iter().enumerate().filter(|(_, rows)| **rows > 0) {
            judged.push(merge.judge(table, *rows)?);
        }
        let mut lost = Vec::new();
        for table in there {
            if staged.get(*table) == Some(&0) {
                merge.create_stage(*table)?;
            }
            lost.push((*table, merge.lost(*table)?));
        }
        // All of them were judged by what was there before any of them is written.
        for judged in judged.iter().filter(|_| writes) {
            merge.apply(judged)?;
        }
        judged.into_iter().for_each(|judged| self.accounts.judged(judged));
        lost.into_iter().for_each(|(table, lost)| self.accounts.lost(table, lost));
        self.there.extend(there);
        Ok(())
    }
}

/// How many rows of a table have which fate.
#[derive(Default)]
struct Sorted {
    unchanged: u64,
    staged: u64,
}

impl Sorted {
    fn count(&mut self, fate: Fate) {
        match fate {
            Fate::New => {}
            Fate::Unchanged => self.unchanged += 1,
            Fate::Staged => self.staged += 1,
        }
    }
}

/// Which rows of a plan the target certainly has not.
struct News {
    /// The plan.
    plan: bool,
    /// Its resources: a new plan's.
    resources: bool,
    /// Its operations, each with its trigger and its state.
    operations: Vec<bool>,
}

impl News {
    fn of(view: &PlanView<'_>, comparison: &Comparison) -> Result<Self> {
        let plan_id = ids::plan(view.source, view.id);
        let plan = comparison.table(PLANS)?.is_new_text(plan_id.as_str());
        let resources = plan && comparison.table(RESOURCES)?.is_new_text(plan_id.as_str());
        let is_new = |operation: &OperationView<'_>| -> Result<bool> {
            let id = operation.key.operation();
            Ok(plan
                && comparison.table(TRIGGERS)?.is_new_text(operation.key.trigger().as_str())
                && comparison.table(OPERATIONS)?.is_new_text(id.as_str())
                && comparison.table(STATES)?.is_new_text(id.as_str()))
        };
        let operations = view.operations.iter().map(is_new).collect::<Result<_>>()?;
        Ok(Self { plan, resources, operations })
    }

    /// Whether the `n`th of the plan's rows of a table is new.
    fn is_new(&self, table: usize, n: usize) -> bool {
        match table {
            PLANS => self.plan,
            RESOURCES => self.resources,
            _ => self.operations.get(n).copied().unwrap_or(false),
        }
    }
}

/// Encodes a row that was seen to fit.
fn encode(layout: &Layout, row: &[Value<'_>], bytes: &mut Vec<u8>) -> Result<()> {
    layout.encode(row, bytes).map_err(|misfit| Error::Imbalance(misfit.to_string()))
}
