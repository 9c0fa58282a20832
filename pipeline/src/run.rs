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
pub(crate) mod copies;
mod policies;
pub(crate) mod stream;

use crate::compare::sql::OPERATIONS;
use crate::compare::{Comparison, Merge, Prune, Scope, refuse_blind};
use crate::error::{Error, Result};
use crate::extract::{self, Sources};
use crate::karbor::WRITTEN;
use crate::karbor::layout::{Format, Layout};
use crate::load::{Intent, Refusal, Sink, Survey, Target};
use crate::options::{Mode, Options};
use crate::outcome::{Ending, Report};
use crate::progress::{Cancel, Progress, Stage};
use crate::rejects::RejectsFile;
use crate::transform::dps::{self, DpsPlans, DpsPlansOfItems};
use crate::transform::ledger::Ledger;
use crate::transform::policies::{Context, PlanView, PolicyFigures, TargetFacts, Wanted};
use crate::transform::schedules::Patterns;
use crate::transform::vbs::{self, VbsPlans};
use account::Accounts;
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

    clock.enter(Stage::Converting);
    let layouts = survey.as_ref().map_or_else(built_in_layouts, |survey| survey.layouts.clone());
    let facts = facts_of(survey.as_ref(), options);
    let policies = Policies::resolve(&mut sources, options, &facts, &layouts);
    let context = Context { settings: &options.settings, facts: &facts, patterns: &policies.patterns };
    let schedules = options.proof.map(|horizon| {
        let views = policies.views(&sources, &options.settings, Wanted::Table(OPERATIONS));
        policies.figures.schedules(views, context, horizon)
    });

    let comparable = survey.as_ref().is_some_and(|survey| survey.comparable);
    if comparable {
        clock.enter(Stage::Comparing);
    }
    let refused = sources.rejections.rows > 0 && options.rejects.is_none();
    let undone = |error: Error| match options.mode {
        Mode::Run => error.undone("nothing was written"),
        Mode::Check | Mode::FullCheck => error,
    };
    let sink = match (target, options.mode) {
        (Some(target), Mode::Run | Mode::FullCheck) if !refused => {
            Some(target.begin(Intent::Write).map_err(undone)?)
        }
        // What a run would do to rows that are there is looked up, not guessed.
        (Some(target), Mode::Check) if !refused && comparable => Some(target.begin(Intent::Look)?),
        _ => None,
    };
    let rejects = match &options.rejects {
        Some(path) if options.mode == Mode::Run && !refused => {
            Some(RejectsFile::create(path, options.rejects_taken, &options.columns)?)
        }
        _ => None,
    };
    let mut loading = Loading {
        sink,
        writes: options.mode != Mode::Check,
        comparison: None,
        there: Vec::new(),
        layouts: &layouts,
        rejects,
        accounts: Accounts::new(sources.names.0.clone()),
        progress,
        cancel,
        aside: options.rejects.is_some(),
    };
    let mut compared = false;
    let loaded = (|| {
        if comparable {
            loading.compare(&sources, options)?;
        }
        clock.enter(Stage::Loading);
        loading.policies(&policies, &sources, context)?;
        loading.copies(inputs, &mut sources, &policies, options)?;
        if options.prune != Prune::No && !comparable {
            let warning = "nothing was removed (--prune): there is no target that holds rows";
            loading.accounts.warn(warning.to_owned());
        } else if let Prune::Yes { typed } = options.prune {
            loading.prune(name.as_deref().unwrap_or_default(), &sources, typed)?;
        }
        clock.enter(Stage::Finishing);
        compared = loading.comparison.as_ref().is_some_and(|comparison| comparison.any());
        loading.finish(inputs, &sources, options)
    })();
    let ending = loaded.map_err(undone)?;
    let mut report = loading.accounts.into_report(sources, policies.figures, survey.as_ref(), options);
    report.ending = ending;
    report.compared = compared;
    report.schedules = schedules;
    report.target = name;
    report.stages = clock.stop();
    Ok(report)
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
pub(crate) struct Policies {
    vbs: VbsPlans,
    dps: DpsPlans,
    dps_of_items: DpsPlansOfItems,
    pub(crate) patterns: Patterns,
    figures: PolicyFigures,
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
        let mut ledger = Ledger { names, tallies, rejections, named: std::collections::BTreeSet::new() };
        let settings = &options.settings;
        vbs_tables.put_in_order();
        let (vbs, mut figures) =
            vbs::resolve(vbs_tables, settings, facts, layouts, &mut patterns, &mut ledger);
        let (dps, dps_of_items, dps_figures) =
            dps::resolve(dps_tables, settings, facts, layouts, &mut patterns, &mut ledger);
        figures.add(dps_figures);
        Self { vbs, dps, dps_of_items, patterns, figures }
    }

    /// The plans, those of VBS first.
    pub(crate) fn views<'p>(
        &'p self,
        sources: &'p Sources,
        options: &'p crate::settings::Settings,
        wanted: Wanted,
    ) -> impl Iterator<Item = PlanView<'p>> {
        self.vbs.views(&sources.vbs, options, wanted).chain(self.dps.views(&sources.dps, wanted))
    }
}

/// Everything that is written, on its way to the end of the run.
struct Loading<'l> {
    sink: Option<Box<dyn Sink>>,
    /// Whether what is converted goes to the target, or is only compared with it.
    writes: bool,
    /// What the target holds, where it is a database.
    comparison: Option<Arc<Comparison>>,
    /// The tables with keys that the dumps may no longer hold.
    there: Vec<usize>,
    layouts: &'l [Layout; 6],
    rejects: Option<RejectsFile>,
    accounts: Accounts,
    progress: &'l Progress,
    cancel: &'l Arc<Cancel>,
    aside: bool,
}

impl Loading<'_> {
    /// Reads what the target holds already.
    fn compare(&mut self, sources: &Sources, options: &Options) -> Result<()> {
        if let Some(session) = self.sink.as_mut().and_then(|sink| sink.session()) {
            let known = (options.settings.service_id.is_some(), options.settings.trust_id.is_some());
            let comparison = Comparison::read(session, self.layouts, Scope::of(sources), known)?;
            self.comparison = Some(Arc::new(comparison));
        }
        Ok(())
    }

    /// The comparison, to be told of rows; none where nothing is compared. Nobody else looks at it meanwhile.
    fn comparison_mut(&mut self) -> Option<&mut Comparison> {
        self.comparison.as_mut().and_then(Arc::get_mut)
    }

    /// The comparison and the database, to run its statements; none where nothing is compared, or no more.
    fn merge(&mut self) -> Option<Merge<'_>> {
        let session = self.sink.as_mut().and_then(|sink| sink.session())?;
        Some(Merge { session, comparison: self.comparison.as_deref()?, layouts: self.layouts })
    }

    /// Removes what the dumps no longer hold, or counts it.
    fn prune(&mut self, name: &str, sources: &Sources, typed: Option<u64>) -> Result<()> {
        let rejected = self.accounts.rejected + sources.rejections.rows > 0;
        if rejected && !self.aside {
            // The run is refused anyway, with the rows that are to blame.
            return Ok(());
        }
        refuse_blind(sources.replaced.files.contains(&true), rejected)?;
        let (there, writes) = (std::mem::take(&mut self.there), self.writes);
        let Some(mut merge) = self.merge().filter(|_| !there.is_empty()) else { return Ok(()) };
        let pruned = merge.find_pruned(&there)?;
        if writes {
            merge.prune(name, &pruned, typed)?;
        }
        self.accounts.pruned(pruned);
        Ok(())
    }

    /// Nothing will be written: the server need not wait for the rest of the conversion.
    fn give_up(&mut self) -> Result<()> {
        self.sink.take().map_or(Ok(()), Sink::rollback)
    }

    fn begin(&mut self, layout: &Layout) -> Result<()> {
        self.cancel.check()?;
        self.accounts.begin(layout);
        self.open(layout)
    }

    fn open(&mut self, layout: &Layout) -> Result<()> {
        match &mut self.sink {
            Some(sink) if self.writes => sink.table(layout),
            _ => Ok(()),
        }
    }

    fn send(&mut self, bytes: Vec<u8>, rows: u64) -> Result<()> {
        if rows == 0 {
            return Ok(());
        }
        self.accounts.encoded(rows);
        if let Some(sink) = self.sink.as_mut().filter(|_| self.writes) {
            sink.rows(bytes, rows).map_err(|refusal| self.accounts.explain(refusal))?;
        }
        self.progress.add_loaded(rows);
        Ok(())
    }

    /// Closes the table that is open; answers how many rows the target counted, if there is one.
    fn close(&mut self) -> Result<Option<u64>> {
        match self.sink.as_mut().filter(|_| self.writes) {
            Some(sink) => Ok(Some(sink.end().map_err(|refusal| self.accounts.explain(refusal))?)),
            None => Ok(None),
        }
    }

    fn end(&mut self, layout: &Layout) -> Result<()> {
        let counted = self.close()?;
        self.accounts.end(layout, counted)
    }

    /// Puts rows where they wait to be judged.
    fn stage(&mut self, layout: &Layout, bytes: Vec<u8>, rows: u64) -> Result<()> {
        let Some(sink) = self.sink.as_mut().filter(|_| rows > 0) else { return Ok(()) };
        let sent = (|| {
            sink.table(layout)?;
            sink.rows(bytes, rows)?;
            sink.end()
        })();
        let counted = sent.map_err(|refusal: Refusal| refusal.error)?;
        if counted == rows {
            return Ok(());
        }
        let name = &layout.name;
        Err(Error::Imbalance(format!("{rows} rows were sent to {name}, and the target counted {counted}")))
    }

    /// Checks the accounts and ends the transaction.
    fn finish(&mut self, inputs: &mut [Input], sources: &Sources, options: &Options) -> Result<Ending> {
        let rejected = self.accounts.rejected + sources.rejections.rows;
        let refused = rejected > 0 && !self.aside;
        self.accounts.check(&sources.tallies, refused)?;
        if refused {
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
        for input in inputs.iter() {
            input.check_unchanged()?;
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
