//! Pass one: the small tables of all dumps are read and held, and where each bulk block lies is noted.
//!
//! Inside a bulk block the scan looks for nothing but its end. What the joins need of job records is kept as digests
//! (`JobLinks`), not as rows.

mod replacement;
pub mod sources;

use crate::contact::{self, SAMPLE_ROWS, TypeCheck, other_names};
use crate::error::Result;
use crate::extract::sources::{Bulk, Sources};
use crate::options::Options;
use crate::outcome::{Defer, DumpReport, Outcome, Skip};
use crate::progress::{Cancel, Progress};
use crate::row_outcomes::Recorder;
use crate::settings::Unsteady;
use crate::transform::items::{IdSet, row_digest};
use crate::transform::keyed::Keyed;
use crate::transform::rejections::DumpNames;
use parsers::error::ErrorKind;
use parsers::input::Input;
use parsers::models::vbs::{RunningJob, WaitingJob};
use parsers::models::{Held, Model, Reading, SoftDeletion, hold};
use parsers::position::{DumpId, Origin};
use parsers::row::{Column, Row, RowFault};
use parsers::scan::scanner::Scanner;
use parsers::scan::{Block, Chunk, Cut};
use parsers::table::{Reading as TableReading, Table};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Reads all dumps once.
///
/// # Errors
/// A dump is damaged, or the user stopped the run.
pub fn survey(
    inputs: &mut [Input],
    options: &Options,
    progress: &Progress,
    cancel: &Cancel,
) -> Result<Sources> {
    let mut sources = Sources {
        names: DumpNames(inputs.iter().map(|input| input.name().to_owned()).collect()),
        recorder: Recorder::new(&options.noting)?,
        ..Sources::default()
    };
    sources.rejections.reasons = sources.recorder.wants().then(BTreeMap::new);
    let mut row_digests = Vec::new();
    let (mut strange, mut alike, mut lacking) = (None, Vec::new(), false);
    for (n, input) in inputs.iter_mut().enumerate() {
        let id = DumpId(u16::try_from(n).unwrap_or(u16::MAX));
        progress.set_total(n, input.size().unwrap_or(0) * 2);
        let mut survey = Survey::new(options.settings.unsteady, &mut sources);
        let mut scanner = Scanner::new(input, id, &options.columns, options.limits)?;
        survey.dump(&mut scanner, options, cancel)?;
        lacking |= survey.lacking;
        let known = survey.report.known;
        let mut report = survey.report.dump;
        let contents = scanner.finish()?;
        if !known && !contents.rejects {
            let others = contents.other_tables.keys().take(8).cloned().collect();
            let dump = input.name().to_owned();
            strange.get_or_insert(ErrorKind::NoKnownTable { dump, others });
        }
        alike.extend(contents.alike.into_iter().map(|alike| {
            let rows = contents.other_tables.get(&alike.name).copied().unwrap_or(0);
            (alike, rows)
        }));
        if row_digests.is_empty() {
            row_digests = contents.replaced;
        } else {
            row_digests.extend(contents.replaced);
        }
        report.name = input.name().to_owned();
        report.bytes = contents.bytes;
        report.rejects = contents.rejects;
        report.progress_reports = contents.progress;
        report.other_tables = contents.other_tables;
        sources.dumps.push(report);
        sources.replaced.files.push(contents.rejects);
        let has_bulk = sources.bulk.iter().any(|bulk| bulk.block.dump == id);
        progress.set_total(n, input.size().unwrap_or(0) * if has_bulk { 2 } else { 1 });
    }
    let others = other_names(alike, |table| sources.blocks.iter().any(|block| block.table == table));
    if lacking || !others.is_empty() {
        let found = contact::look(inputs, &options.columns, options.limits, SAMPLE_ROWS, cancel)?;
        let problems = found.problems(&options.columns);
        if !problems.is_empty() {
            return Err(parsers::error::Error::from(ErrorKind::NotAsMapped { problems }).into());
        }
    }
    if let Some(strange) = strange {
        return Err(parsers::error::Error::from(strange).into());
    }
    sources.bulk.sort_by_key(|bulk| {
        (bulk.block.table != Table::BackupTransactionItem, bulk.block.dump, bulk.block.data)
    });
    sources.replaced.rows = IdSet::new(row_digests);
    if sources.replaced.files.contains(&true) {
        replacement::apply(inputs, options, &mut sources)?;
    }
    Ok(sources)
}

struct SurveyReport {
    dump: DumpReport,
    known: bool,
}

struct Survey<'s> {
    keep_jobs: bool,
    /// Whether a table lacks a column that rules read.
    lacking: bool,
    sources: &'s mut Sources,
    report: SurveyReport,
}

impl<'s> Survey<'s> {
    fn new(unsteady: Unsteady, sources: &'s mut Sources) -> Self {
        let report = SurveyReport { dump: DumpReport::default(), known: false };
        Self { keep_jobs: unsteady == Unsteady::Carry, lacking: false, sources, report }
    }

    /// Notes that a block lacks columns; what is another program's table ends the run at once.
    fn missing(&mut self, scanner: &Scanner<'_>, block: &Block) -> Result<()> {
        self.lacking = true;
        match scanner.bind(block) {
            Err(error) if matches!(error.kind(), ErrorKind::OtherProgram { .. }) => Err(error.into()),
            _ => Ok(()),
        }
    }

    fn dump(&mut self, scanner: &mut Scanner<'_>, options: &Options, cancel: &Cancel) -> Result<()> {
        let mut chunk = Chunk::default();
        while let Some(block) = scanner.block()? {
            cancel.check()?;
            self.report.known = true;
            let missing = options.columns.missing(block.table, &block.columns);
            if !missing.is_empty() {
                self.missing(scanner, &block)?;
            }
            let binding = options.columns.find(block.table, &block.columns, block.oids);
            let mut types = TypeCheck::new(block.table, &binding);
            let unknown = binding.unknown();
            if !unknown.is_empty() {
                self.report.dump.unknown_columns.insert(block.table.name().to_owned(), unknown);
            }
            self.sources.blocks.push(Arc::clone(&block));
            if block.table.reading() == TableReading::Bulk {
                let rows = self.bulk(scanner, &block, &mut types, cancel)?;
                self.tally(block.table).read += rows;
                self.sources.bulk.push(Bulk { block, rows, digest: scanner.digest() });
            } else {
                let mut reader = HeldReader::bind(block.table, &binding);
                self.block(scanner, &block, (&mut reader, &mut types), &mut chunk, cancel)?;
            }
            self.lacking |= types.is_unfit();
            self.sources.unknown_words |= types.has_unknown_word();
        }
        Ok(())
    }

    fn tally(&mut self, table: Table) -> &mut crate::outcome::Tally {
        self.sources.tallies.entry(table).or_default()
    }

    fn bulk(
        &mut self,
        scanner: &mut Scanner<'_>,
        block: &Block,
        types: &mut TypeCheck,
        cancel: &Cancel,
    ) -> Result<u64> {
        // The first rows are looked at, the rest is only counted.
        let mut head = Chunk::default();
        let mut rows = match scanner.chunk(&mut head)? {
            Cut::End => return Ok(0),
            Cut::TooLong(_) => 1,
            Cut::Rows => {
                let mut read = block.rows(&head);
                while types.wants_more()
                    && let Some(row) = read.next()
                {
                    if let Ok(row) = row {
                        types.row(&row);
                    }
                }
                head.rows
            }
        };
        while let Some(more) = scanner.pass()? {
            cancel.check()?;
            rows += more;
        }
        Ok(rows)
    }

    fn block(
        &mut self,
        scanner: &mut Scanner<'_>,
        block: &Block,
        (reader, types): (&mut HeldReader, &mut TypeCheck),
        chunk: &mut Chunk,
        cancel: &Cancel,
    ) -> Result<()> {
        loop {
            cancel.check()?;
            match scanner.chunk(chunk)? {
                Cut::End => return Ok(()),
                Cut::TooLong(origin) => {
                    self.tally(block.table).read += 1;
                    let fault = RowFault::TooLong { limit: block.row_limit };
                    self.broken(reader, (block.table, origin), &fault, None)?;
                }
                Cut::Rows => {
                    self.tally(block.table).read += chunk.rows;
                    let mut rows = block.rows(chunk);
                    while let Some(row) = rows.next() {
                        match row {
                            Ok(row) => {
                                types.row(&row);
                                if let Some(outcome) = reader.read(&row, block, self.keep_jobs, self.sources)
                                {
                                    self.tally(block.table).count(outcome);
                                    reader.note(&row, block, outcome, self.sources)?;
                                }
                            }
                            Err(bad) => {
                                let origin = block.origin(bad.position, bad.raw);
                                self.broken(reader, (block.table, origin), &bad.fault, Some(bad.raw))?;
                            }
                        }
                    }
                }
            }
        }
    }

    fn broken(
        &mut self,
        reader: &HeldReader,
        (table, origin): (Table, Origin),
        fault: &RowFault,
        raw: Option<&[u8]>,
    ) -> Result<()> {
        // Where every row of a table is skipped, a bad one is too.
        if let Columns::Only(rule) = reader.columns {
            let outcome = Outcome::Skipped(rule);
            self.tally(table).count(outcome);
            let Sources { names, recorder, .. } = &mut *self.sources;
            return recorder.note((table, ""), &names.place(origin), &outcome.into(), &[]);
        }
        self.tally(table).count(Outcome::Rejected);
        let Sources { names, rejections, .. } = &mut *self.sources;
        rejections.broken(names, table, origin, fault, raw.map(row_digest));
        Ok(())
    }
}

/// Reads the rows of one block of a small table.
struct HeldReader {
    soft: SoftDeletion,
    columns: Columns,
    /// Where a row that is not held has its key, the first that it has, and ids that it concerns.
    ids: [Column; 5],
}

/// The columns of each small table.
#[allow(clippy::large_enum_variant, reason = "a block has one, which its rows share")]
enum Columns {
    Policy(<parsers::models::vbs::Policy as Model>::Columns),
    Extend(<parsers::models::vbs::Extend as Model>::Columns),
    Trigger(<parsers::models::vbs::Trigger as Model>::Columns),
    Relation(<parsers::models::vbs::Relation as Model>::Columns),
    Resource(<parsers::models::vbs::Resource as Model>::Columns),
    Tag(<parsers::models::vbs::Tag as Model>::Columns),
    RunningJob(<RunningJob as Model>::Columns),
    WaitingJob(<WaitingJob as Model>::Columns),
    Plan(<parsers::models::dps::Plan as Model>::Columns),
    Object(<parsers::models::dps::Object as Model>::Columns),
    ProtectionPolicy(<parsers::models::dps::Policy as Model>::Columns),
    Mapping(<parsers::models::dps::Mapping as Model>::Columns),
    Timer(<parsers::models::dps::Timer as Model>::Columns),
    Cycle(<parsers::models::dps::CopyCycle as Model>::Columns),
    Spec(<parsers::models::dps::Spec as Model>::Columns),
    Destination(<parsers::models::dps::Destination as Model>::Columns),
    /// Rows of which only the outcome counts.
    Only(Skip),
}

impl HeldReader {
    fn bind(table: Table, binding: &parsers::columns::Binding<'_>) -> Self {
        use parsers::models::{dps, vbs};
        let status = matches!(table, Table::ProtectionPlan | Table::ProtectionObject);
        let columns = match table {
            Table::BackupPolicy => Columns::Policy(vbs::Policy::bind(binding)),
            Table::BackupPolicyExtend => Columns::Extend(vbs::Extend::bind(binding)),
            Table::BackupTrigger => Columns::Trigger(vbs::Trigger::bind(binding)),
            Table::BackupRelationPolicy => Columns::Relation(vbs::Relation::bind(binding)),
            Table::PolicyResource => Columns::Resource(vbs::Resource::bind(binding)),
            Table::Tag => Columns::Tag(vbs::Tag::bind(binding)),
            Table::RunningJobRecord => Columns::RunningJob(RunningJob::bind(binding)),
            Table::WaitingJobRecord => Columns::WaitingJob(WaitingJob::bind(binding)),
            Table::ProtectionPlan => Columns::Plan(dps::Plan::bind(binding)),
            Table::ProtectionObject => Columns::Object(dps::Object::bind(binding)),
            Table::ProtectionPolicy => Columns::ProtectionPolicy(dps::Policy::bind(binding)),
            Table::PlanPolicyMapping => Columns::Mapping(dps::Mapping::bind(binding)),
            Table::ScheduleTimer => Columns::Timer(dps::Timer::bind(binding)),
            Table::AsyncCopyPolicy => Columns::Cycle(dps::CopyCycle::bind(binding)),
            Table::PolicyExtraSpecs => Columns::Spec(dps::Spec::bind(binding)),
            Table::BackupTargetObject => Columns::Destination(dps::Destination::bind(binding)),
            Table::Quotas | Table::QuotaUsages => Columns::Only(Skip::Quota),
            Table::TaskmgrJob | Table::Backups | Table::BackupTransactionItem | Table::Other => {
                Columns::Only(Skip::JobHistory)
            }
        };
        let ids = ["job_id", "id", "policy_id", "resource_id", "taskmgr_job_id"];
        Self { soft: SoftDeletion::bind(binding, status), columns, ids: ids.map(|name| binding.column(name)) }
    }

    /// Reads a row; answers its outcome where that does not depend on other rows.
    fn read(&self, row: &Row<'_>, block: &Block, keep_jobs: bool, sources: &mut Sources) -> Option<Outcome> {
        let Sources { vbs, dps, links, rejections, .. } = sources;
        let keyless = &mut rejections.keyless;
        match &self.columns {
            Columns::Policy(columns) => self.hold(columns, row, block, &mut vbs.policies, keyless),
            Columns::Extend(columns) => self.hold(columns, row, block, &mut vbs.extends, keyless),
            Columns::Trigger(columns) => self.hold(columns, row, block, &mut vbs.triggers, keyless),
            Columns::Relation(columns) => self.hold(columns, row, block, &mut vbs.relations, keyless),
            Columns::Resource(columns) => self.hold(columns, row, block, &mut vbs.resources, keyless),
            Columns::Tag(columns) => self.hold(columns, row, block, &mut vbs.tags, keyless),
            Columns::Plan(columns) => self.hold(columns, row, block, &mut dps.plans, keyless),
            Columns::Object(columns) => self.hold(columns, row, block, &mut dps.objects, keyless),
            Columns::ProtectionPolicy(columns) => self.hold(columns, row, block, &mut dps.policies, keyless),
            Columns::Mapping(columns) => self.hold(columns, row, block, &mut dps.mappings, keyless),
            Columns::Timer(columns) => self.hold(columns, row, block, &mut dps.timers, keyless),
            Columns::Cycle(columns) => self.hold(columns, row, block, &mut dps.cycles, keyless),
            Columns::Spec(columns) => self.hold(columns, row, block, &mut dps.specs, keyless),
            Columns::Destination(columns) => self.hold(columns, row, block, &mut dps.destinations, keyless),
            Columns::RunningJob(columns) => {
                let mut reading = Reading::new(row);
                if self.soft.read(&mut reading) {
                    return Some(Outcome::Skipped(Skip::SoftDeleted));
                }
                let job = RunningJob::read(columns, &mut reading);
                links.note(&job, keep_jobs);
                Some(job_outcome(job.state()))
            }
            Columns::WaitingJob(columns) => {
                let mut reading = Reading::new(row);
                if self.soft.read(&mut reading) {
                    return Some(Outcome::Skipped(Skip::SoftDeleted));
                }
                Some(job_outcome(WaitingJob::read(columns, &mut reading).state()))
            }
            Columns::Only(rule) => Some(Outcome::Skipped(*rule)),
        }
    }

    /// Notes a row that is not held.
    fn note(&self, row: &Row<'_>, block: &Block, outcome: Outcome, sources: &mut Sources) -> Result<()> {
        let Sources { names, recorder, .. } = sources;
        if !recorder.wants() {
            return Ok(());
        }
        let ids = self.ids.each_ref().map(|column| row.text(column).unwrap_or_default());
        let [job, id, mentions @ ..] = &ids;
        let key = if job.is_empty() { id } else { job };
        let place = names.place(block.origin(row.position(), row.raw()));
        recorder.note((block.table, key), &place, &outcome.into(), mentions)
    }

    fn hold<M: Model + Keyed>(
        &self,
        columns: &M::Columns,
        row: &Row<'_>,
        block: &Block,
        rows: &mut Vec<Held<M>>,
        keyless: &mut HashMap<Origin, u128>,
    ) -> Option<Outcome> {
        let held: Held<M> = hold(columns, &self.soft, row, block.origin(row.position(), row.raw()));
        if !held.model.has_key() {
            keyless.insert(held.origin, row_digest(row.raw()));
        }
        rows.push(held);
        None
    }
}

/// What becomes of a job record: one that is over is history, any other waits.
fn job_outcome(state: Option<&str>) -> Outcome {
    match state {
        Some("EXECUTE_SUCCESS" | "EXECUTE_FAIL" | "EXECUTE_TIMEOUT" | "SKIP") => {
            Outcome::Skipped(Skip::JobHistory)
        }
        _ => Outcome::Deferred(Defer::UnfinishedJob),
    }
}
