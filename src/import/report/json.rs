//! The report as JSON, for programs: `--report FILE`.
//!
//! The form is versioned: a field may be added under the same version; one that is taken away or changes its meaning
//! raises it. Times are seconds, sizes bytes.

use crate::base::error::Error;
use crate::base::exit::Exit;
use crate::import::report::summary::{Ended, Inputs};
use pipeline::outcome::{
    CopyReport, Defer, DumpReport, Ending, OutcomesWritten, Rejection, Report, ScheduleReport, Skip,
    TargetRow, TargetTally, ZoneUse,
};
use serde::Serialize;
use std::collections::BTreeMap;

/// The version of the form.
pub const SCHEMA_VERSION: u32 = 1;

/// A report file: what a program finds in it.
#[derive(Debug, Serialize)]
pub struct Document<'r> {
    schema_version: u32,
    etl_version: &'static str,
    /// The commit that it was built from, where that is known.
    etl_commit: Option<&'static str>,
    command: &'static str,
    exit_code: u8,
    error: Option<Failure>,
    seconds: f64,
    peak_memory_bytes: Option<u64>,
    rows_per_second: Option<u64>,
    /// The settings that were given, and the files that were read, with their digests.
    inputs: &'r Inputs,
    /// Absent where the run failed before it had one.
    report: Option<Outcome<'r>>,
}

/// Why a command failed.
#[derive(Debug, Serialize)]
pub(crate) struct Failure {
    message: String,
    remedy: Option<String>,
}

impl Failure {
    /// The error in a program's words.
    pub(crate) fn of(error: &Error) -> Self {
        Self { message: error.to_string(), remedy: error.remedy() }
    }
}

#[derive(Debug, Serialize)]
struct Outcome<'r> {
    ending: Ending,
    target: Option<&'r str>,
    source_tables: Vec<SourceTable<'r>>,
    target_tables: Vec<TargetTable<'r>>,
    /// Whether the target held imported rows that the dumps' rows were compared with.
    compared: bool,
    /// The first rows of the target that were left alone, and of those that the dumps no longer have.
    target_rows: &'r [TargetRow],
    policies_on: u64,
    policies_off: u64,
    policy_on_value: &'r str,
    /// The engine that runs imported operations.
    service: Option<&'r pipeline::load::Service>,
    drifting_policies: u64,
    /// Policies whose operations have no usable trust.
    policies_without_trust: u64,
    /// How schedules run in Karbor, against the source.
    schedules: Option<&'r ScheduleReport>,
    copies: &'r CopyReport,
    time_zones: &'r [ZoneUse],
    dumps: &'r [DumpReport],
    /// What is not migrated because no dump contains a table, each with the tables.
    losses: &'r [String],
    rejected: u64,
    rejections: &'r [Rejection],
    rejects_file: Option<&'r str>,
    /// The file with a line for each source row.
    outcomes_file: Option<&'r OutcomesWritten>,
    warnings: &'r [String],
    stages: Vec<Stage<'r>>,
}

#[derive(Debug, Serialize)]
struct SourceTable<'r> {
    table: &'r str,
    read: u64,
    migrated: u64,
    /// Of those migrated, copies that are still being made.
    carried: u64,
    skipped: &'r BTreeMap<Skip, u64>,
    deferred: &'r BTreeMap<Defer, u64>,
    rejected: u64,
}

#[derive(Debug, Serialize)]
struct TargetTable<'r> {
    #[serde(flatten)]
    tally: &'r TargetTally,
    /// Rows inserted and updated.
    written: u64,
}

#[derive(Debug, Serialize)]
struct Stage<'r> {
    stage: &'r str,
    seconds: f64,
}

impl<'r> Document<'r> {
    /// The document of a run.
    #[must_use]
    pub fn new(ended: &Ended<'r>) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            etl_version: env!("CARGO_PKG_VERSION"),
            etl_commit: crate::base::build::commit(),
            command: ended.command,
            exit_code: ended.exit.code(),
            error: ended.error.map(Failure::of),
            seconds: ended.seconds,
            peak_memory_bytes: ended.peak_memory,
            rows_per_second: ended.summary.and_then(|summary| summary.rows_per_second()),
            inputs: ended.inputs,
            report: ended.summary.map(|summary| Outcome::new(summary.report, summary.policy_on)),
        }
    }
}

impl<'r> Outcome<'r> {
    fn new(report: &'r Report, policy_on_value: &'r str) -> Self {
        let source = |(table, tally): &'r (&'static str, pipeline::outcome::Tally)| SourceTable {
            table,
            read: tally.read,
            migrated: tally.migrated,
            carried: tally.carried,
            skipped: &tally.skipped,
            deferred: &tally.deferred,
            rejected: tally.rejected,
        };
        let target = |tally: &'r TargetTally| TargetTable { tally, written: tally.written() };
        Self {
            ending: report.ending,
            target: report.target.as_deref(),
            source_tables: report.sources.iter().map(source).collect(),
            target_tables: report.tables.iter().map(target).collect(),
            compared: report.compared,
            target_rows: &report.target_rows,
            policies_on: report.policies_on_off.0,
            policies_off: report.policies_on_off.1,
            policy_on_value,
            service: report.service.as_ref(),
            drifting_policies: report.drifting_policies,
            policies_without_trust: report.policies_without_trust,
            schedules: report.schedules.as_ref(),
            copies: &report.copies,
            time_zones: &report.zones,
            dumps: &report.dumps,
            losses: &report.losses,
            rejected: report.rejected,
            rejections: &report.rejections,
            rejects_file: report.rejects_file.as_deref(),
            outcomes_file: report.outcomes_file.as_ref(),
            warnings: &report.warnings,
            stages: report.stages.iter().map(|(stage, seconds)| Stage { stage, seconds: *seconds }).collect(),
        }
    }
}

/// A report of a command that looks after what was imported.
#[derive(Debug, Serialize)]
pub struct Brief<R> {
    schema_version: u32,
    etl_version: &'static str,
    /// The commit that it was built from, where that is known.
    etl_commit: Option<&'static str>,
    command: &'static str,
    exit_code: u8,
    error: Option<Failure>,
    seconds: f64,
    peak_memory_bytes: Option<u64>,
    /// Absent where the command failed before it had one.
    report: Option<R>,
}

impl<R> Brief<R> {
    /// The document of a command.
    #[must_use]
    pub fn new(
        command: &'static str,
        outcome: std::result::Result<Exit, &Error>,
        seconds: f64,
        report: Option<R>,
    ) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            etl_version: env!("CARGO_PKG_VERSION"),
            etl_commit: crate::base::build::commit(),
            command,
            exit_code: outcome.unwrap_or_else(Error::exit).code(),
            error: outcome.err().map(Failure::of),
            seconds,
            peak_memory_bytes: crate::base::memory::peak(),
            report,
        }
    }
}
