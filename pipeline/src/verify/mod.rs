//! Verifies an import: the dumps are converted again, and every row is compared with what the target has, by the comparison that
//! runs make ([`crate::compare`]).
//!
//! Everything is read in one snapshot, and nothing at all is written, not even a temporary table: a hot standby will do, and a
//! role that may only read.

mod report;
mod schedules;

pub use report::{Difference, FINDINGS_LISTED, Finding, Report, TableReport, What};

use crate::compare::comparison::{Comparison, Found, Taker, session};
use crate::compare::sql::{ITEMS, MARKS, TRIGGERS};
use crate::compare::{Batch, DifferentValue, Extra, Judge, Known, Own, Scope, StateValue, Unit, Verdict};
use crate::engine;
use crate::error::{Error, Result};
use crate::extract;
use crate::karbor::WRITTEN;
use crate::karbor::tuple::Rows;
use crate::load::{Intent, Opened, Sink, Target};
use crate::options::Options;
use crate::outcome::{Kept, REJECTIONS_LISTED, Rejection};
use crate::progress::{Cancel, Progress, Stage};
use crate::run::copies::{Copies, SourceOf};
use crate::run::stream::{self, Digests, Ready};
use crate::transform::policies::{Context, TargetFacts};
use crate::transform::resolved::{Policies, PolicyRows};
use ::schedules::firings::horizon::{DEFAULT_HORIZON_DAYS, Horizon};
use parsers::input::Input;
use std::collections::{BTreeSet, HashMap, HashSet};

/// Stands for the service of states where the settings name none: it is not compared.
const ANY_SERVICE: i64 = 0;

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
    let facts = TargetFacts { service_id: settings.service_id.or(Some(ANY_SERVICE)), trusts: HashMap::new() };
    let policies = Policies::resolve(&mut sources, options, &facts, &layouts);
    let context = Context { settings, facts: &facts, patterns: &policies.patterns };

    progress.enter(Stage::Comparing);
    if sink.session().is_none() {
        let what = format!("{name}: is no database");
        return Err(Error::target(what, "name a database: postgresql://… or PATH.db"));
    }
    let value = |named: bool| if named { StateValue::Named } else { StateValue::Unknown };
    let known = Known {
        service: value(settings.service_id.is_some()),
        trust: value(settings.trust_id.is_some()),
        live_services: BTreeSet::new(),
    };
    let comparison =
        Comparison::new(session(&mut *sink)?, &layouts, Scope::of(&sources), &known, &options.tuning);
    let mut checking = Checking { comparison, tables: Vec::new(), changed_triggers: HashSet::new() };
    let rows = PolicyRows { policies: &policies, sources: &sources, context };
    for table in 0..ITEMS {
        checking.policies(&mut *sink, table, rows, cancel)?;
    }
    let pool = stream::pool(options.threads)?;
    let mut copies = Copies { pool: &pool, inputs, sources: &sources, policies: &policies, options };
    let mut rejected =
        Rejected { rows: sources.rejections.rows, keyless: 0, listed: sources.rejections.listed.clone() };
    checking.copies(&mut *sink, &mut copies, &mut rejected, (progress, cancel))?;
    let horizon = options.proof.unwrap_or_else(|| Horizon::new(0, DEFAULT_HORIZON_DAYS));
    let (schedules, unproved) = checking.schedules(session(&mut *sink)?, rows, horizon)?;
    let stale = checking.comparison.stale();
    let engine = engine::look(session(&mut *sink)?, &layouts, chrono::Utc::now().timestamp())?;
    let Checking { tables, .. } = checking;
    progress.enter(Stage::Finishing);
    sink.rollback()?;
    Ok(Report {
        target: name,
        dumps: sources.dumps,
        tables,
        schedules,
        unproved,
        rejected: rejected.rows,
        rejections: rejected.listed,
        stale,
        engine,
    })
}

/// Rows that break rules.
struct Rejected {
    rows: u64,
    /// Copies whose key cannot be read.
    keyless: u64,
    listed: Vec<Rejection>,
}

impl Rejected {
    fn take(&mut self, ready: &mut Ready) {
        for row in std::mem::take(&mut ready.converted.rejections) {
            self.rows += 1;
            self.keyless += u64::from(row.keyless);
            if self.listed.len() < REJECTIONS_LISTED {
                self.listed.extend(row.rejection.map(|rejection| *rejection));
            }
        }
    }
}

/// A verification under way.
struct Checking {
    comparison: Comparison,
    tables: Vec<TableReport>,
    /// Triggers that Karbor changed, by id: when they fire is its affair.
    changed_triggers: HashSet<String>,
}

/// Notes what is found in one table.
struct Noting<'n> {
    report: &'n mut TableReport,
    /// Whether rows of the dumps that could not be read may be those that they seem not to have.
    blind: bool,
    /// Takes the ids of triggers that Karbor changed.
    changed: Option<&'n mut HashSet<String>>,
}

impl Taker for Noting<'_> {
    fn take(&mut self, judge: &Judge, found: Found<'_>) -> Result<()> {
        match found {
            Found::Row { own, target, verdict, .. } => {
                let key = || judge.key(own.row, 0);
                match verdict {
                    Verdict::Unchanged => self.report.equal += 1,
                    Verdict::Insert => self.report.note(What::Missing, || Finding::of(key())),
                    Verdict::Kept(Kept::SourceMissing) => self.report.not_compared += 1,
                    Verdict::Kept(kept) => {
                        self.report.note(What::Changed(kept), || Finding::of(key()));
                        if let Some(changed) = &mut self.changed {
                            changed.extend(key().into_iter().next());
                        }
                    }
                    Verdict::Update(_) => self.report.note(What::Different, || {
                        let columns = target.map(|target| judge.differences(own, target));
                        let columns = columns.unwrap_or_default().into_iter().map(Difference::from);
                        Finding { columns: columns.collect(), ..Finding::of(key()) }
                    }),
                }
            }
            Found::Extra { target, extra } => {
                let finding = || Finding::of(judge.key(target, MARKS.len()));
                match extra {
                    Extra::Lost(_) if self.blind => self.report.not_compared += 1,
                    Extra::Lost(_) => self.report.note(What::Extra, finding),
                    Extra::Kept(kept) => self.report.note(What::Changed(kept), finding),
                    Extra::Unknown => self.report.not_compared += 1,
                }
            }
        }
        Ok(())
    }
}

impl From<DifferentValue> for Difference {
    fn from(value: DifferentValue) -> Self {
        let (dumps, target) = report::around_difference(value.dumps, value.target);
        Self { column: value.column, dumps, target }
    }
}

impl Checking {
    fn begin(&mut self, table: usize) -> TableReport {
        TableReport { table: self.comparison.name(table).to_owned(), ..TableReport::default() }
    }

    /// Compares a table of the policy side.
    fn policies(
        &mut self,
        sink: &mut dyn Sink,
        table: usize,
        rows: PolicyRows<'_>,
        cancel: &Cancel,
    ) -> Result<()> {
        let mut report = self.begin(table);
        let changed = (table == TRIGGERS).then_some(&mut self.changed_triggers);
        let blind = rows.sources.rejections.rows > 0;
        let mut noting = Noting { report: &mut report, blind, changed };
        let summary = self.comparison.policy_table(sink, table, rows, cancel, &mut noting)?;
        report.rows = summary.rows;
        report.equal += summary.equal;
        report.not_compared += summary.waiting;
        self.tables.push(report);
        Ok(())
    }

    /// Compares the copies.
    fn copies(
        &mut self,
        sink: &mut dyn Sink,
        copies: &mut Copies<'_>,
        rejected: &mut Rejected,
        (progress, cancel): (&Progress, &Cancel),
    ) -> Result<()> {
        let mut report = self.begin(ITEMS);
        let comparison = &mut self.comparison;
        comparison.check_room(session(sink)?, ITEMS, copies.rows())?;
        let layout = comparison.layout(ITEMS)?.clone();
        let mut newest = None;
        progress.expect(copies.rows());
        let classifier = copies.compare(comparison, session(sink)?, &mut |ready| {
            cancel.check()?;
            progress.take(ready.converted.tally.read);
            newest = newest.max(ready.digested.newest);
            report.rows += ready.converted.rows;
            rejected.take(ready);
            Ok(())
        })?;
        comparison.note_newest(newest);
        let mut classes = comparison.classify(ITEMS, classifier)?;
        copies.refuse_doubled(&layout, classes.doubled)?;
        report.equal = classes.equal;
        report.not_compared = classes.waiting;
        let mut noting = Noting { report: &mut report, blind: rejected.keyless > 0, changed: None };
        let mut take = |judge: &Judge, found: Found<'_>| noting.take(judge, found);
        while comparison.judge_extra(session(sink)?, ITEMS, &mut classes, &mut take)? {}
        if classes.todo.peek().is_some() {
            copies.announce(progress);
            let (mut number, mut batch, source_of) = (0, Batch::default(), SourceOf::new(&layout));
            let mut flush = |comparison: &mut Comparison, batch: &mut Batch| {
                comparison
                    .judge_batch(session(sink)?, ITEMS, batch, &mut |judge, found| noting.take(judge, found))
            };
            copies.each(&layout, Digests::None, &mut |ready| {
                cancel.check()?;
                progress.take(ready.converted.tally.read);
                for row in Rows::new(&layout, &ready.converted.bytes) {
                    if let Some(todo) = classes.todo.next_if(|todo| todo.number == number)? {
                        let own = Own { source: source_of.of(row), row, unit: Unit::default() };
                        batch.push(number, own, todo.target);
                        if comparison.is_full(&batch) {
                            flush(comparison, &mut batch)?;
                        }
                    }
                    number += 1;
                }
                Ok(())
            })?;
            flush(comparison, &mut batch)?;
        }
        self.tables.push(report);
        Ok(())
    }
}

const _: () = assert!(ITEMS + 1 == WRITTEN.len());
