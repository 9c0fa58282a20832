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

use crate::compare::sql::{OPERATIONS, STATES};
use crate::compare::{Comparison, Known, LostRows, Prune, Scope, StateValue, refuse_blind};
use crate::engine;
use crate::error::{Error, Result};
use crate::extract::{self, Sources};
use crate::karbor::WRITTEN;
use crate::karbor::layout::{Format, Layout};
use crate::load::{Intent, Sink, Survey, Target};
use crate::options::{Mode, Options};
use crate::outcome::{Ending, Report};
use crate::progress::{Cancel, Progress, Stage};
use crate::rejects::RejectsFile;
use crate::transform::policies::{Context, TargetFacts, Wanted};
use crate::transform::resolved::{Policies, PolicyRows};
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
    let intent = if options.mode == Mode::Check { Intent::Look } else { Intent::Write };
    let survey = target.as_mut().map(|target| target.survey_for(intent)).transpose()?;
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
        lost: LostRows::default(),
        prunes: options.prune != Prune::No,
        service: facts.service_id,
        stale: None,
        layouts: &layouts,
        rejects,
        accounts: Accounts::new(sources.names.0.clone()),
        progress,
        cancel,
        aside: options.rejects.is_some(),
    };
    let mut compared = false;
    let loaded = (|| {
        if let Some(id) = policies.shared_id(&sources, &options.settings) {
            return Err(Error::target(
                format!("a VBS policy and a DPS plan have the same id {id}: they would be one plan"),
                "see which of the two is right, and leave the other one out of its dump",
            ));
        }
        let mut comparison = loading.comparison(&sources, survey.as_ref().filter(|_| comparable), options);
        clock.enter(Stage::Loading);
        let rows = PolicyRows { policies: &policies, sources: &sources, context };
        loading.policies(rows, comparison.as_mut())?;
        loading.copies(inputs, &mut sources, &policies, options, comparison.as_mut())?;
        if let Some(stale) = comparison.as_ref().and_then(Comparison::stale) {
            loading.accounts.newer_in_target(loading.lost.items_later);
            loading.lost.items_later = 0;
            loading.stale = Some(stale);
        } else if let Some(newest) = comparison.as_ref().and_then(Comparison::newest) {
            loading.accounts.later(&loading.lost.take_later(newest));
        }
        if options.prune != Prune::No && !comparable {
            let warning = "nothing was removed (--prune): there is no target that has rows";
            loading.accounts.warn(warning.to_owned());
        } else if let (Prune::Yes { typed }, Some(comparison)) = (options.prune, &comparison) {
            loading.prune(name.as_deref().unwrap_or_default(), &sources, comparison, typed)?;
        }
        clock.enter(Stage::Finishing);
        compared = comparison.as_ref().is_some_and(Comparison::any);
        loading.finish(inputs, &sources, options)
    })();
    let ending = loaded.map_err(undone)?;
    loading.stale.take().into_iter().for_each(|stale| loading.accounts.warn(stale));
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

/// Everything that is written, on its way to the end of the run.
struct Loading<'l> {
    sink: Option<Box<dyn Sink>>,
    /// Whether what is converted goes to the target, or is only compared with it.
    writes: bool,
    /// Imported rows that the dumps no longer have.
    lost: LostRows,
    /// Whether those are to go.
    prunes: bool,
    /// The service that runs the operations.
    service: Option<i64>,
    /// Why the dumps seem to be older than the import.
    stale: Option<String>,
    layouts: &'l [Layout; 6],
    rejects: Option<RejectsFile>,
    accounts: Accounts,
    progress: &'l Progress,
    cancel: &'l Arc<Cancel>,
    aside: bool,
}

impl Loading<'_> {
    /// The comparison with what the target has, where it is a database.
    fn comparison(
        &mut self,
        sources: &Sources,
        survey: Option<&Survey>,
        options: &Options,
    ) -> Option<Comparison> {
        let survey = survey?;
        let session = self.sink.as_mut().and_then(|sink| sink.session())?;
        let value = |named: bool| if named { StateValue::Named } else { StateValue::Found };
        let known = Known {
            service: value(options.settings.service_id.is_some()),
            trust: value(options.settings.trust_id.is_some()),
            live_services: survey.live_services.clone(),
        };
        Some(Comparison::new(session, self.layouts, Scope::of(sources), &known, &options.tuning))
    }

    /// Removes what the dumps no longer have, or counts it.
    fn prune(
        &mut self,
        name: &str,
        sources: &Sources,
        comparison: &Comparison,
        typed: Option<u64>,
    ) -> Result<()> {
        let rejected = self.accounts.rejected + sources.rejections.rows > 0;
        if rejected && !self.aside {
            // The run is refused anyway, with the rows that are to blame.
            return Ok(());
        }
        refuse_blind(sources.replaced.files.contains(&true), rejected)?;
        let Some(session) = self.sink.as_mut().and_then(|sink| sink.session()) else { return Ok(()) };
        let pruned = comparison.find_pruned(session, &self.lost)?;
        let going: u64 = pruned.rows.iter().sum();
        if let Some(stale) = self.stale.as_ref().filter(|_| going > 0 && typed != Some(going)) {
            return Err(Error::target(
                format!("--prune would remove {going} rows, and {stale}"),
                format!(
                    "take newer dumps; if the source really has those rows no longer, run again with --prune={going}"
                ),
            ));
        }
        if self.writes {
            comparison.prune(session, name, (&pruned, &self.lost), typed)?;
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

    /// Closes the table that is open; returns how many rows the target counted, if there is one.
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
        if let Some(session) = self.sink.as_mut().and_then(|sink| sink.session()) {
            let planned = self.service.filter(|_| !self.writes);
            let planned = planned.map(|service| (service, self.accounts.inserted(STATES)));
            let warnings = engine::start_warnings(session, self.layouts, planned)?;
            warnings.into_iter().for_each(|warning| self.accounts.warn(warning));
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
