//! Verifies an import: the dumps are converted again, and every row is compared with what the target holds.
//!
//! ```text
//!  target ──digests──► sums by bucket ◄──subtract── rows of the dumps
//!                        │ all zero: equal
//!                        ▼ buckets that differ, as many at a time as fit
//!  rows of the dumps ──► Round ◄── rows of the target ──► missing │ extra │ different │ changed by Karbor
//! ```
//! Everything is read in one snapshot, and nothing at all is written, not even a temporary table: a hot standby will do. What
//! is compared, and what Karbor is known by to have changed, are the rules of a rerun ([`crate::compare`]). Memory is fixed
//! but for the policies, which are held in any case.

mod check;
mod known;
mod pair;
mod policies;
mod report;
mod round;
mod schedules;
mod standing;

pub use report::{Difference, FINDINGS_LISTED, Finding, Report, TableReport, What};

use crate::compare::sql::ITEMS;
use crate::compare::{Comparison, Scope, Sieve, Sums};
use crate::error::{Error, Result};
use crate::extract;
use crate::firings::{DEFAULT_HORIZON_DAYS, Horizon};
use crate::karbor::Source;
use crate::karbor::tuple::Rows;
use crate::load::{Intent, Opened, Target};
use crate::options::Options;
use crate::outcome::{REJECTIONS_LISTED, Rejection};
use crate::progress::{Cancel, Progress, Stage};
use crate::run::Policies;
use crate::run::copies::Turns;
use crate::run::stream::{self, Ready};
use crate::transform::policies::{Context, TargetFacts};
use check::Checking;
use known::spoken_of;
use parsers::input::Input;
use round::Entry;
use std::collections::HashMap;
use std::sync::Arc;

/// Reads `inputs` and `target`, and compares them. Of the options, those that convert and read count; `proof` says how long
/// schedules are followed.
///
/// # Errors
/// A dump or the target cannot be read, or the user stopped the verification. Nothing is written in any case.
pub fn verify(
    inputs: &mut [Input],
    target: Box<dyn Target>,
    options: &Options,
    progress: &Progress,
    cancel: &Cancel,
) -> Result<Report> {
    progress.enter(Stage::Reading);
    let mut sources = extract::survey(inputs, options, progress, cancel)?;
    progress.enter(Stage::Preparing);
    let name = target.name();
    let Opened { mut sink, layouts } = target.open(Intent::Look)?;
    progress.enter(Stage::Converting);
    let settings = &options.settings;
    // What only the target could tell is not compared, so nothing is asked of it.
    let facts = TargetFacts { service_id: settings.service_id, trusts: HashMap::new() };
    let policies = Policies::resolve(&mut sources, options, &facts, &layouts);
    let context = Context { settings, facts: &facts, patterns: &policies.patterns };

    progress.enter(Stage::Comparing);
    let session = sink.session().ok_or_else(|| {
        Error::target(format!("{name}: is no database"), "name a database: postgresql://… or PATH.db")
    })?;
    let scope = Scope::of(&sources);
    let told = (settings.service_id.is_some(), settings.trust_id.is_some());
    let layouts = spoken_of(&layouts, &scope, told);
    let comparison = Comparison::read(session, &layouts, scope, told)?;
    let mut checking = Checking::new(session, comparison, &layouts);
    checking.policies(&policies, &sources, context, cancel)?;
    let mut copies = Copies { rejected: sources.rejections.rows, listed: sources.rejections.listed.clone() };
    let pool = stream::pool(options.threads)?;
    let mut turns = Turns { pool: &pool, inputs, sources: &sources, policies: &policies, options };
    copies.check(&mut checking, &mut turns, progress, cancel)?;
    let horizon = options.proof.unwrap_or_else(|| Horizon::new(0, DEFAULT_HORIZON_DAYS));
    let (schedules, unproved) = checking.schedules(&policies, &sources, context, horizon)?;
    let Checking { tables, rounds, .. } = checking;
    progress.enter(Stage::Finishing);
    sink.rollback()?;
    Ok(Report {
        target: name,
        dumps: sources.dumps,
        tables,
        schedules,
        unproved,
        rejected: copies.rejected,
        rejections: copies.listed,
        rounds,
    })
}

/// The copies, which are streamed, and the rows that break rules.
struct Copies {
    rejected: u64,
    listed: Vec<Rejection>,
}

impl Copies {
    fn check(
        &mut self,
        checking: &mut Checking<'_>,
        turns: &mut Turns<'_>,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<()> {
        let layouts = checking.layouts;
        let [.., layout] = layouts;
        let mut sums = Sums::default();
        checking.comparison.table_mut(ITEMS)?.swap_sums(&mut sums);
        let Checking { comparison, tables, .. } = &mut *checking;
        let compared = comparison.table(ITEMS)?;
        let pairs = pair::Pairs::new(ITEMS, layout, &comparison.scope);
        turns.each(layout, Sieve::Miss(compared), &mut |ready: &mut Ready| {
            cancel.check()?;
            for (key, whole, row) in ready.sifted.digests.drain(..) {
                sums.subtract(key, whole, row);
            }
            if let Some(report) = tables.get_mut(ITEMS) {
                report.rows += ready.converted.rows;
                report.equal += ready.converted.rows;
                for row in Rows::new(layout, &ready.converted.bytes) {
                    report.note(What::Missing, true, || Finding::of(pairs.key(row)));
                }
            }
            self.reject(ready);
            Ok(())
        })?;
        checking.comparison.table_mut(ITEMS)?.swap_sums(&mut sums);
        let pairs = pair::Pairs::new(ITEMS, layout, &checking.comparison.scope.clone());
        checking.rounds(ITEMS, &mut |comparison, round| {
            turns.announce(progress);
            let compared = comparison.table(ITEMS)?;
            let span = Arc::clone(&round.span);
            turns.each(layout, Sieve::Pick(compared, &span), &mut |ready: &mut Ready| {
                cancel.check()?;
                for row in Rows::new(layout, &ready.converted.bytes) {
                    let source = pairs.source(row).unwrap_or(Source::Vbs);
                    let entry = Entry::row(source, row, None);
                    check::hold(round, compared, row, entry, || pairs.named(row))?;
                }
                for row in Rows::new(compared.loose(), &ready.sifted.staged) {
                    check::hold(round, compared, row, Entry::waits(), String::new)?;
                }
                Ok(())
            })
        })
    }

    fn reject(&mut self, ready: &mut Ready) {
        for row in std::mem::take(&mut ready.converted.rejections) {
            self.rejected += 1;
            if self.listed.len() < REJECTIONS_LISTED {
                self.listed.extend(row.rejection.map(|rejection| *rejection));
            }
        }
    }
}
