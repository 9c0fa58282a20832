//! One run from dumps to target: the only file of this crate with threads and channels.
//!
//! ```text
//!   free buffers ──► reader ══► rayon ══► this thread ──► sink
//!        ▲           cuts       transform  in order         │
//!        └───────────────────── buffers go back ────────────┘
//! ```
//! There are so many chunks in flight as there are buffers; a long row's buffer costs more of the budget, so that all
//! chunks together stay within [`BUDGET_BYTES`]. A transforming thread never waits: the channel behind it has room for every
//! buffer. Whoever fails drops its end of a channel, and the others stop.

mod account;
mod stream;

use crate::error::{Error, Result};
use crate::extract::{self, Sources};
use crate::karbor::layout::{Format, Layout};
use crate::karbor::{Source, WRITTEN};
use crate::load::{Intent, Sink, Survey, Target};
use crate::options::{Mode, Options};
use crate::outcome::{Ending, Report};
use crate::progress::{Cancel, Progress, Stage};
use crate::rejects::RejectsFile;
use crate::transform::dps::{self, DpsPlans, DpsPlansOfItems};
use crate::transform::items::{CopyContext, IdSet};
use crate::transform::ledger::Ledger;
use crate::transform::policies::{Context, PlanView, PolicyFigures, TargetFacts};
use crate::transform::schedules::Patterns;
use crate::transform::vbs::{self, VbsPlans};
use account::Accounts;
use parsers::columns::Table;
use parsers::input::Input;
use std::sync::Arc;
use std::time::Instant;

pub use stream::BUDGET_BYTES;

/// Converts `inputs` and loads them into `target`.
///
/// # Errors
/// Nothing was written, but for [`Error::CommitUnknown`].
pub fn run(
    inputs: &mut [Input],
    mut target: Option<Box<dyn Target>>,
    options: &Options,
    progress: &Progress,
    cancel: &Arc<Cancel>,
) -> Result<Report> {
    let mut clock = Clock::start(progress);
    clock.enter(Stage::Preparing);
    let name = target.as_ref().map(|target| target.name());
    let survey = target.as_mut().map(|target| target.survey()).transpose()?;
    cancel.check()?;

    clock.enter(Stage::Reading);
    let mut sources = extract::survey(inputs, options, progress, cancel)?;
    if let Some(survey) = &survey {
        refuse_second_import(survey, &sources, name.as_deref().unwrap_or_default())?;
    }

    clock.enter(Stage::Converting);
    let layouts = survey.as_ref().map_or_else(built_in_layouts, |survey| survey.layouts.clone());
    let facts = facts_of(survey.as_ref(), options);
    let policies = Policies::resolve(&mut sources, options, &facts, &layouts);

    clock.enter(Stage::Loading);
    let refused = sources.rejections.rows > 0 && options.rejects.is_none();
    let sink = match target {
        Some(target) if options.mode != Mode::Check && !refused => Some(target.begin(Intent::Write)?),
        _ => None,
    };
    let rejects = match &options.rejects {
        Some(path) if options.mode == Mode::Run && !refused => {
            Some(RejectsFile::create(path, &options.columns)?)
        }
        _ => None,
    };
    let mut loading = Loading {
        sink,
        rejects,
        accounts: Accounts::new(sources.names.0.clone()),
        progress,
        cancel,
        aside: options.rejects.is_some(),
    };
    let context = Context { settings: &options.settings, facts: &facts, patterns: &policies.patterns };
    loading.policies(&policies, &sources, context, &layouts)?;
    loading.copies(inputs, &mut sources, &policies, options, &layouts)?;

    clock.enter(Stage::Finishing);
    let ending = loading.finish(inputs, &sources, options)?;
    let mut report = loading.accounts.into_report(sources, policies.figures, survey.as_ref(), options);
    report.ending = ending;
    report.target = name;
    report.stages = clock.stop();
    Ok(report)
}

/// A target that already holds rows of the same source is no target for a first import.
fn refuse_second_import(survey: &Survey, sources: &Sources, target: &str) -> Result<()> {
    let dps = |table: &Table| (Table::ProtectionPlan..=Table::BackupTransactionItem).contains(table);
    let present = |source: Source| sources.tallies.keys().any(|table| dps(table) == (source == Source::Dps));
    let held = survey.imported.iter().filter(|(source, _, rows)| *rows > 0 && present(*source));
    let held: Vec<String> =
        held.map(|(source, table, rows)| format!("{rows} of {table} ({})", source.tag())).collect();
    if held.is_empty() {
        return Ok(());
    }
    Err(Error::target(
        format!("{target}: rows of an earlier import are there: {}", held.join(", ")),
        "this version of etl imports only once: restore the target, or name another one",
    ))
}

fn built_in_layouts() -> [Layout; 6] {
    WRITTEN.map(|table| Layout::built_in(table, Format::Binary))
}

/// The service that a new embedded database has; it stands in where no target is named.
const ONLY_SERVICE: i64 = 1;

fn facts_of(survey: Option<&Survey>, options: &Options) -> TargetFacts {
    let found = match survey {
        Some(survey) => survey.service.as_ref().map(|service| service.id),
        None => Some(ONLY_SERVICE),
    };
    TargetFacts {
        service_id: options.settings.service_id.or(found),
        trusts: survey.map(|survey| survey.trusts.clone()).unwrap_or_default(),
    }
}

/// The policy side, resolved.
struct Policies {
    vbs: VbsPlans,
    dps: DpsPlans,
    dps_of_items: DpsPlansOfItems,
    patterns: Patterns,
    figures: PolicyFigures,
}

impl Policies {
    fn resolve(sources: &mut Sources, options: &Options, facts: &TargetFacts, layouts: &[Layout]) -> Self {
        let mut patterns = Patterns::new(options.settings.every_n_days);
        let Sources { names, tallies, rejections, vbs: vbs_tables, dps: dps_tables, .. } = &mut *sources;
        let mut ledger = Ledger { names, tallies, rejections, named: std::collections::BTreeSet::new() };
        let settings = &options.settings;
        let (vbs, mut figures) =
            vbs::resolve(vbs_tables, settings, facts, layouts, &mut patterns, &mut ledger);
        let (dps, dps_of_items, dps_figures) =
            dps::resolve(dps_tables, settings, facts, layouts, &mut patterns, &mut ledger);
        figures.add(dps_figures);
        Self { vbs, dps, dps_of_items, patterns, figures }
    }

    fn views<'p>(
        &'p self,
        sources: &'p Sources,
        options: &'p crate::settings::Settings,
    ) -> impl Iterator<Item = PlanView<'p>> {
        self.vbs.views(&sources.vbs, options).chain(self.dps.views(&sources.dps))
    }
}

/// Rows are handed to the sink in pieces of this size.
const PIECE_BYTES: usize = 256 * 1024;

/// Everything that is written, on its way to the end of the run.
struct Loading<'l> {
    sink: Option<Box<dyn Sink>>,
    rejects: Option<RejectsFile>,
    accounts: Accounts,
    progress: &'l Progress,
    cancel: &'l Arc<Cancel>,
    aside: bool,
}

impl Loading<'_> {
    fn policies(
        &mut self,
        policies: &Policies,
        sources: &Sources,
        context: Context<'_>,
        layouts: &[Layout],
    ) -> Result<()> {
        for (table, layout) in layouts.iter().enumerate().take(WRITTEN.len() - 1) {
            self.begin(layout)?;
            let mut bytes = Vec::with_capacity(PIECE_BYTES);
            let mut rows = 0;
            for view in policies.views(sources, context.settings) {
                view.rows(table, context, &mut |row| -> Result<()> {
                    layout.encode(row, &mut bytes).map_err(|misfit| Error::Imbalance(misfit.to_string()))?;
                    rows += 1;
                    if bytes.len() >= PIECE_BYTES {
                        self.send(std::mem::take(&mut bytes), std::mem::take(&mut rows))?;
                    }
                    Ok(())
                })?;
            }
            self.send(bytes, rows)?;
            self.end(layout)?;
        }
        Ok(())
    }

    fn copies(
        &mut self,
        inputs: &mut [Input],
        sources: &mut Sources,
        policies: &Policies,
        options: &Options,
        layouts: &[Layout; 6],
    ) -> Result<()> {
        let [.., layout] = layouts;
        let plans = sources.links.plans(policies.vbs.policy_ids(&sources.vbs));
        let first_cinder =
            sources.bulk.partition_point(|bulk| bulk.block.table == Table::BackupTransactionItem);
        let (of_dps, of_cinder) = sources.bulk.split_at(first_cinder);
        let none = IdSet::default();
        let mut context = CopyContext {
            settings: &options.settings,
            layout,
            names: &sources.names,
            links: &sources.links,
            plans: &plans,
            dps_plans: &policies.dps_of_items,
            dps_copies: &none,
            replaced: &sources.replaced,
        };
        self.begin(layout)?;
        let pool = stream::pool(options.threads)?;
        let mut ids = Vec::new();
        let wanted = !of_cinder.is_empty();
        stream::stream(&pool, inputs, of_dps, &context, options, &mut |ready| {
            if wanted {
                ids.append(&mut ready.converted.dps_ids);
            }
            self.take(ready)
        })?;
        let dps_copies = IdSet::new(ids);
        context.dps_copies = &dps_copies;
        stream::stream(&pool, inputs, of_cinder, &context, options, &mut |ready| self.take(ready))?;
        self.end(layout)
    }

    /// Takes one transformed chunk, in its turn.
    fn take(&mut self, ready: &mut stream::Ready) -> Result<()> {
        self.cancel.check()?;
        self.accounts.copies(ready.block.table, &ready.converted.tally);
        for row in std::mem::take(&mut ready.converted.rejections) {
            match (&mut self.rejects, row.raw) {
                (Some(file), Some(raw)) => {
                    let digest = row.keyless.then(|| crate::transform::items::row_digest(&raw));
                    file.row(&ready.block, &raw, digest)?;
                }
                (Some(_), None) => self.accounts.aside.push(row.aside),
                (None, _) => {}
            }
            self.accounts.reject(row.rejection);
        }
        if self.accounts.rejected > 0 && !self.aside {
            self.give_up()?;
        }
        self.accounts.trace(ready);
        self.send(std::mem::take(&mut ready.converted.bytes), ready.converted.rows)
    }

    /// Nothing will be written: the server need not wait for the rest of the conversion.
    fn give_up(&mut self) -> Result<()> {
        self.sink.take().map_or(Ok(()), Sink::rollback)
    }

    fn begin(&mut self, layout: &Layout) -> Result<()> {
        self.cancel.check()?;
        self.accounts.begin(layout);
        self.sink.as_mut().map_or(Ok(()), |sink| sink.table(layout))
    }

    fn send(&mut self, bytes: Vec<u8>, rows: u64) -> Result<()> {
        if rows == 0 {
            return Ok(());
        }
        self.accounts.encoded(rows);
        if let Some(sink) = &mut self.sink {
            sink.rows(bytes, rows).map_err(|refusal| self.accounts.explain(refusal))?;
        }
        self.progress.add_loaded(rows);
        Ok(())
    }

    fn end(&mut self, layout: &Layout) -> Result<()> {
        let counted = match &mut self.sink {
            Some(sink) => Some(sink.end().map_err(|refusal| self.accounts.explain(refusal))?),
            None => None,
        };
        self.accounts.end(layout, counted)
    }

    /// Checks the accounts and ends the transaction.
    fn finish(&mut self, inputs: &mut [Input], sources: &Sources, options: &Options) -> Result<Ending> {
        let rejected = self.accounts.rejected + sources.rejections.rows;
        self.accounts.check(&sources.tallies)?;
        if rejected > 0 && !self.aside {
            self.give_up()?;
            return Ok(Ending::Refused);
        }
        if let Some(file) = &mut self.rejects {
            let mut rows = sources.rejections.set_aside.clone();
            rows.append(&mut self.accounts.aside);
            file.copy(inputs, &sources.blocks, &rows)?;
            let written = file.close()?;
            if written != rejected {
                return Err(Error::Imbalance(format!("{rejected} rows rejected, {written} set aside")));
            }
        }
        self.cancel.check()?;
        match (self.sink.take(), options.mode) {
            (Some(sink), Mode::Run) => {
                sink.commit()?;
                // With nothing to set aside there is no file to leave behind.
                if let Some(file) = self.rejects.take().filter(|_| rejected > 0) {
                    self.accounts.set_aside(file.publish());
                }
                Ok(Ending::Committed)
            }
            (sink, _) => {
                sink.map_or(Ok(()), Sink::rollback)?;
                Ok(Ending::Checked)
            }
        }
    }
}

/// Seconds of each stage.
struct Clock<'p> {
    progress: &'p Progress,
    began: Instant,
    stage: Option<Stage>,
    seconds: Vec<(&'static str, f64)>,
}

impl<'p> Clock<'p> {
    fn start(progress: &'p Progress) -> Self {
        Self { progress, began: Instant::now(), stage: None, seconds: Vec::new() }
    }

    fn enter(&mut self, stage: Stage) {
        self.note();
        self.progress.enter(stage);
        self.stage = Some(stage);
    }

    fn note(&mut self) {
        let seconds = std::mem::replace(&mut self.began, Instant::now()).elapsed().as_secs_f64();
        if let Some(stage) = self.stage {
            self.seconds.push((stage.name(), seconds));
        }
    }

    fn stop(mut self) -> Vec<(&'static str, f64)> {
        self.note();
        self.seconds
    }
}
