//! One run from dumps to target: only this module has threads and channels.
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
pub mod judged;
pub mod loading;
mod policies;
pub(crate) mod stream;

use crate::compare::comparison::Comparison;
use crate::compare::sql::OPERATIONS;
use crate::compare::{LostRows, Prune};
use crate::contact::words::unknown_words;
use crate::error::{Error, Result};
use crate::extract::{self};
use crate::karbor::WRITTEN;
use crate::karbor::layout::{Format, Layout};
use crate::load::{Intent, Survey, Target};
use crate::options::{Mode, Options};
use crate::outcome::Report;
use crate::progress::{Cancel, Progress, Stage};
use crate::rejects::RejectsFile;
use crate::run::loading::Loading;
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
    let mut policies = Policies::resolve(&mut sources, options, &facts, &layouts);
    let mut recorder = std::mem::take(&mut sources.recorder);
    policies.note(&sources, &layouts, &mut recorder)?;
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
        recorder,
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
        if sources.unknown_words || loading.accounts.may_have_unknown_words() {
            let unknown = unknown_words(inputs, options, cancel)?;
            unknown.into_iter().for_each(|line| loading.accounts.warn(line));
        }
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

pub(crate) fn built_in_layouts() -> [Layout; 6] {
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
