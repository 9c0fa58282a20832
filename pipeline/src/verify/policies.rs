//! The policy side: from memory, table by table.

use super::check::{Checking, hold, no_table};
use super::pair::Pairs;
use super::round::{Entry, Unit};
use crate::compare::Comparison;
use crate::compare::sql::{OPERATIONS, PLANS, TRIGGERS};
use crate::error::{Error, Result};
use crate::extract::Sources;
use crate::karbor::layout::Layout;
use crate::karbor::tuple::{Row, Rows};
use crate::karbor::{Source, WRITTEN, ids};
use crate::progress::Cancel;
use crate::run::Policies;
use crate::transform::policies::{Context, PlanView, Wanted};

/// What the policies are converted from.
#[derive(Clone, Copy)]
struct Side<'s> {
    policies: &'s Policies,
    sources: &'s Sources,
    context: Context<'s>,
}

impl Side<'_> {
    /// Gives each row of a table to `take`, with what it belongs to.
    fn rows(
        &self,
        table: usize,
        layout: &Layout,
        take: &mut dyn FnMut(Row<'_>, Source, &Owner<'_>) -> Result<()>,
    ) -> Result<()> {
        let mut bytes = Vec::new();
        for view in self.policies.views(self.sources, self.context.settings, Wanted::Table(table)) {
            let plan_id = ids::plan(view.source, view.id);
            let mut n = 0;
            view.rows(table, self.context, &mut |row| {
                let owner = Owner { view: &view, plan: plan_id.as_str(), n };
                n += 1;
                bytes.clear();
                layout.encode(row, &mut bytes).map_err(|misfit| Error::Imbalance(misfit.to_string()))?;
                Rows::new(layout, &bytes).try_for_each(|row| take(row, view.source, &owner))
            })?;
        }
        Ok(())
    }
}

/// Whose row it is.
struct Owner<'o> {
    view: &'o PlanView<'o>,
    plan: &'o str,
    /// Which of the plan's rows it is.
    n: usize,
}

impl Owner<'_> {
    /// What the row belongs to; a plan belongs to nothing.
    fn unit(&self, table: usize, comparison: &Comparison) -> Result<Option<Unit>> {
        if table == PLANS {
            return Ok(None);
        }
        let operation = self.view.operations.get(self.n);
        let (triggers, operations) = (comparison.table(TRIGGERS)?, comparison.table(OPERATIONS)?);
        Ok(Some(Unit {
            plan: comparison.table(PLANS)?.key_of(self.plan),
            trigger: operation.and_then(|operation| triggers.key_of(operation.key.trigger().as_str())),
            operation: operation.and_then(|operation| operations.key_of(operation.key.operation().as_str())),
        }))
    }
}

impl Checking<'_> {
    /// Compares all tables of the policy side.
    pub(super) fn policies(
        &mut self,
        policies: &Policies,
        sources: &Sources,
        context: Context<'_>,
        cancel: &Cancel,
    ) -> Result<()> {
        let side = Side { policies, sources, context };
        for (table, layout) in (0..WRITTEN.len() - 1).zip(self.layouts) {
            let pairs = Pairs::new(table, layout, &self.comparison.scope);
            side.rows(table, layout, &mut |row, source, owner| {
                cancel.check()?;
                let report = self.tables.get_mut(table).ok_or_else(no_table)?;
                report.rows += 1;
                report.equal += 1;
                let compared = self.comparison.table_mut(table)?;
                if !compared.is_new(compared.key(row)) {
                    compared.subtract(row);
                    return Ok(());
                }
                let unit = owner.unit(table, &self.comparison)?;
                self.absent(table, &pairs, row, (source, unit), &mut |report, what, finding| {
                    report.note(what, true, || finding);
                })
            })?;
            self.rounds(table, &mut |comparison, round| {
                let compared = comparison.table(table)?;
                side.rows(table, layout, &mut |row, source, owner| {
                    cancel.check()?;
                    if compared.unequal(compared.key(row)).is_none() {
                        return Ok(());
                    }
                    let entry = Entry::row(source, row, owner.unit(table, comparison)?);
                    hold(round, compared, row, entry, || pairs.named(row))
                })
            })?;
        }
        Ok(())
    }
}
