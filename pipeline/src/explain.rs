//! What is known of one id: its rows in the dumps, the rule that decided, the schedules that it has to do with, and what the target
//! contains of it.
//!
//! The dumps are converted as a check converts them, and the target's rows are judged by the judge that reruns have; nothing is
//! written.

mod concern;
mod schedules;
mod target;

pub use schedules::ExplainedSchedule;
pub use target::{CopiesInTarget, ExplainedRow, ExplainedTarget, Value};

use crate::compare::Digester;
use crate::compare::by_key::KeyedRow;
use crate::error::{Error, Result};
use crate::extract;
use crate::karbor::field;
use crate::karbor::layout::Layout;
use crate::karbor::place::ITEMS;
use crate::karbor::tuple::Rows;
use crate::load::{Intent, Opened, Target};
use crate::options::Options;
use crate::outcome::Tally;
use crate::progress::{Cancel, Progress, Stage};
use crate::row_outcomes::{FoundRow, Noting};
use crate::run::built_in_layouts;
use crate::run::copies::{Copies, SourceOf};
use crate::run::stream::{self, Digests};
use crate::transform::policies::{Context, TargetFacts, Wanted};
use crate::transform::resolved::{Policies, PolicyRows};
use parsers::input::Input;
use parsers::table::Table;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Stands for the service of states where the settings name none: it is not compared.
const ANY_SERVICE: i64 = 0;

/// What is known of one id.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    /// The id.
    pub id: String,
    /// The first of its rows in the dumps.
    pub rows: Vec<FoundRow>,
    /// All of them, by table.
    pub counted: BTreeMap<&'static str, Tally>,
    /// The schedules of its operations, or of those that it has to do with.
    pub schedules: Vec<ExplainedSchedule>,
    /// What the target contains of it, where there is one.
    pub target: Option<ExplainedTarget>,
}

impl Explanation {
    /// Whether nothing was found anywhere.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let in_target = |target: &ExplainedTarget| !target.rows.is_empty() || !target.copies.is_empty();
        self.counted.is_empty() && self.schedules.is_empty() && !self.target.as_ref().is_some_and(in_target)
    }
}

/// Looks for an id in `inputs`, and in `target` where there is one; `now` is in seconds since 1970-01-01 00:00:00 UTC.
///
/// # Errors
/// A dump or the target cannot be read, or the user stopped it.
pub fn explain(
    inputs: &mut [Input],
    target: Option<Box<dyn Target>>,
    (options, id, now): (&Options, &str, i64),
    progress: &Progress,
    cancel: &Arc<Cancel>,
) -> Result<Explanation> {
    let options = Options { noting: Noting::About(id.into()), ..options.clone() };
    progress.enter(Stage::Reading);
    let mut sources = extract::survey(inputs, &options, progress, cancel)?;
    progress.enter(Stage::Preparing);
    let name = target.as_ref().map(|target| target.name());
    let opened = target.map(|target| target.open(Intent::Look)).transpose()?;
    let layouts = opened.as_ref().map_or_else(built_in_layouts, |opened| opened.layouts.clone());
    progress.enter(Stage::Converting);
    let settings = &options.settings;
    let facts = TargetFacts { service_id: settings.service_id.or(Some(ANY_SERVICE)), trusts: HashMap::new() };
    let mut policies = Policies::resolve(&mut sources, &options, &facts, &layouts);
    let mut recorder = std::mem::take(&mut sources.recorder);
    policies.note(&sources, &layouts, &mut recorder)?;
    let context = Context { settings, facts: &facts, patterns: &policies.patterns };
    let views = policies.views(&sources, settings, Wanted::All);
    let schedules = schedules::of(views, id, context, now);

    let [.., layout] = &layouts;
    let pool = stream::pool(options.threads)?;
    let mut copies =
        Copies { pool: &pool, inputs, sources: &sources, policies: &policies, options: &options };
    let (digester, source_of) = (Digester::of_keys(ITEMS, layout), SourceOf::new(layout));
    let mut own = Vec::new();
    copies.each(layout, Digests::Keys(&digester), &mut |ready| {
        cancel.check()?;
        let notes = std::mem::take(&mut ready.converted.notes);
        let became = notes.became();
        if !became.is_empty() {
            for row in Rows::new(layout, &ready.converted.bytes) {
                let key = key_of(layout, row).unwrap_or_default();
                if became.contains(&key.as_str()) {
                    let bytes = row.bytes().to_vec();
                    own.push(KeyedRow { key, source: source_of.of(row), unit: Default::default(), bytes });
                }
            }
        }
        recorder.take(notes)
    })?;
    let target = match (opened, name) {
        (Some(Opened { mut sink, layouts }), Some(name)) => {
            if sink.session().is_none() {
                let what = format!("{name}: is no database");
                return Err(Error::target(what, "name a database: postgresql://… or PATH.db"));
            }
            progress.enter(Stage::Comparing);
            let rows = PolicyRows { policies: &policies, sources: &sources, context };
            let found = target::look(&mut *sink, (&layouts, &name), (id, rows, own), &options)?;
            sink.rollback()?;
            Some(found)
        }
        _ => None,
    };
    let found = recorder.into_found();
    let counted = found.counted.into_iter().map(|(table, tally): (Table, Tally)| (table.name(), tally));
    Ok(Explanation { id: id.to_owned(), rows: found.rows, counted: counted.collect(), schedules, target })
}

/// The first key column of a row.
fn key_of(layout: &Layout, row: crate::karbor::tuple::Row<'_>) -> Option<String> {
    let first = layout.table.key.first()?;
    let place = layout.columns.iter().position(|laid| laid.value == *first)?;
    field::text(layout, layout.columns.get(place)?, row.field(place))
}
