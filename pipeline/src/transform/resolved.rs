//! The policy side of all dumps, resolved: the plans that are migrated, and their rows in the target's bytes.

use crate::error::{Error, Result};
use crate::extract::sources::Sources;
use crate::karbor::layout::Layout;
use crate::karbor::tuple::{Row, Rows};
use crate::karbor::{Source, ids};
use crate::options::Options;
use crate::outcome::{Outcome, Skip};
use crate::row_outcomes::{Decided, HeldRows, Noting, Recorder};
use crate::settings::Settings;
use crate::transform::dps::{self, DpsPlans, DpsPlansOfItems};
use crate::transform::ledger::Ledger;
use crate::transform::policies::{Context, PlanView, PolicyFigures, TargetFacts, Wanted};
use crate::transform::schedules::Patterns;
use crate::transform::vbs::{self, VbsPlans};
use parsers::position::Origin;

/// The policy side, resolved.
pub(crate) struct Policies {
    pub(crate) vbs: VbsPlans,
    pub(crate) dps: DpsPlans,
    pub(crate) dps_of_items: DpsPlansOfItems,
    pub(crate) patterns: Patterns,
    pub(crate) figures: PolicyFigures,
    /// The outcome of each held row by its place, sorted, where that is wanted.
    outcomes: Vec<(Origin, Outcome)>,
}

impl Policies {
    /// Resolves the policies that pass one found.
    pub(crate) fn resolve(
        sources: &mut Sources,
        options: &Options,
        facts: &TargetFacts,
        layouts: &[Layout],
    ) -> Self {
        let mut patterns = Patterns::new(&options.settings);
        let Sources { names, tallies, rejections, vbs: vbs_tables, dps: dps_tables, .. } = &mut *sources;
        let noted = (options.noting != Noting::Nothing).then(Vec::new);
        let named = std::collections::BTreeSet::new();
        let mut ledger = Ledger { names, tallies, rejections, named, noted };
        let settings = &options.settings;
        vbs_tables.put_in_order();
        let (vbs, mut figures) =
            vbs::resolve(vbs_tables, settings, facts, layouts, &mut patterns, &mut ledger);
        let (dps, dps_of_items, dps_figures) =
            dps::resolve(dps_tables, settings, facts, layouts, &mut patterns, &mut ledger);
        figures.add(dps_figures);
        let mut outcomes = ledger.noted.unwrap_or_default();
        outcomes.sort_unstable_by_key(|(origin, _)| *origin);
        Self { vbs, dps, dps_of_items, patterns, figures, outcomes }
    }

    /// Notes what became of the rows that are held, and of those that could not be cut into fields; forgets it.
    ///
    /// # Errors
    /// Those of the notes.
    pub(crate) fn note(
        &mut self,
        sources: &Sources,
        layouts: &[Layout],
        recorder: &mut Recorder,
    ) -> Result<()> {
        if !recorder.wants() {
            return Ok(());
        }
        let Sources { names, rejections, .. } = sources;
        let outcomes = std::mem::take(&mut self.outcomes);
        let mut rows = HeldRows { outcomes: &outcomes, names, rejections, layouts, recorder };
        self.vbs.note(&sources.vbs, &mut rows)?;
        self.dps.note(&sources.dps, &mut rows)?;
        for (origin, reason) in rejections.reasons.iter().flatten().filter(|(_, reason)| reason.broken) {
            let decided = match reason.replaced {
                true => Outcome::Skipped(Skip::Replaced).into(),
                false => {
                    let rule = Some(reason.rule.to_string());
                    Decided { rule, ..Decided::from(Outcome::Rejected) }
                }
            };
            recorder.note((reason.table, ""), &names.place(*origin), &decided, &[])?;
        }
        Ok(())
    }

    /// The plans, those of VBS first.
    pub(crate) fn views<'p>(
        &'p self,
        sources: &'p Sources,
        options: &'p Settings,
        wanted: Wanted,
    ) -> impl Iterator<Item = PlanView<'p>> {
        self.vbs.views(&sources.vbs, options, wanted).chain(self.dps.views(&sources.dps, wanted))
    }

    /// An id that a VBS policy and a DPS plan both have, if there is one: they would be one plan.
    pub(crate) fn shared_id(&self, sources: &Sources, settings: &Settings) -> Option<String> {
        let mut of_vbs = std::collections::HashSet::new();
        for view in self.views(sources, settings, Wanted::Table(0)) {
            let id = ids::plan(view.source, view.id);
            match view.source {
                Source::Vbs => drop(of_vbs.insert(ids::digest(&[id.as_str()]))),
                Source::Dps if of_vbs.is_empty() => return None,
                Source::Dps if of_vbs.contains(&ids::digest(&[id.as_str()])) => {
                    return Some(id.as_str().to_owned());
                }
                Source::Dps => {}
            }
        }
        None
    }
}

/// What rows of the policy side are made of.
#[derive(Clone, Copy)]
pub(crate) struct PolicyRows<'s> {
    pub(crate) policies: &'s Policies,
    pub(crate) sources: &'s Sources,
    pub(crate) context: Context<'s>,
}

/// Whose row it is.
#[derive(Clone, Copy)]
pub(crate) struct Owner<'o> {
    pub(crate) view: &'o PlanView<'o>,
    /// The plan's id in the target.
    pub(crate) plan_id: &'o str,
    /// Which of the plan's rows of its table it is.
    pub(crate) nth: usize,
}

impl PolicyRows<'_> {
    /// Gives each row of a table to `take`, always in the same order, with whose it is.
    ///
    /// # Errors
    /// Those of `take`.
    pub(crate) fn each(
        &self,
        table: usize,
        layout: &Layout,
        take: &mut dyn FnMut(Row<'_>, Owner<'_>) -> Result<()>,
    ) -> Result<()> {
        let mut bytes = Vec::new();
        for view in self.policies.views(self.sources, self.context.settings, Wanted::Table(table)) {
            let plan_id = ids::plan(view.source, view.id);
            let mut nth = 0;
            view.rows(table, self.context, &mut |row| {
                let owner = Owner { view: &view, plan_id: plan_id.as_str(), nth };
                nth += 1;
                bytes.clear();
                layout.encode(row, &mut bytes).map_err(|misfit| Error::Imbalance(misfit.to_string()))?;
                Rows::new(layout, &bytes).try_for_each(|row| take(row, owner))
            })?;
        }
        Ok(())
    }
}
