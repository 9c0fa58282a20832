//! The report as JSON, for programs: `--report FILE`.
//!
//! The form is versioned: a field may be added under the same version; one that is taken away or changes its meaning
//! raises it. Times are seconds, sizes bytes.

use super::Summary;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::options::part_of;
use pipeline::outcome::{Defer, DumpReport, Ending, Rejection, Report, Skip, TargetTally, ZoneUse};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// The version of the form.
pub const SCHEMA_VERSION: u32 = 1;

/// A report file: what a program finds in it.
#[derive(Debug, Serialize)]
pub struct Document<'r> {
    schema_version: u32,
    etl_version: &'static str,
    command: &'static str,
    exit_code: u8,
    error: Option<Failure>,
    seconds: f64,
    peak_memory_bytes: Option<u64>,
    rows_per_second: Option<u64>,
    /// Absent where the run failed before it had one.
    report: Option<Outcome<'r>>,
}

#[derive(Debug, Serialize)]
struct Failure {
    message: String,
    remedy: Option<String>,
}

#[derive(Debug, Serialize)]
struct Outcome<'r> {
    ending: Ending,
    target: Option<&'r str>,
    source_tables: Vec<SourceTable<'r>>,
    target_tables: &'r [TargetTally],
    policies_on: u64,
    policies_off: u64,
    policy_on_value: &'r str,
    /// The engine that runs imported operations.
    service: Option<&'r pipeline::load::Service>,
    drifting_policies: u64,
    time_zones: &'r [ZoneUse],
    dumps: &'r [DumpReport],
    rejected: u64,
    rejections: &'r [Rejection],
    rejects_file: Option<&'r str>,
    warnings: &'r [String],
    stages: Vec<Stage<'r>>,
}

#[derive(Debug, Serialize)]
struct SourceTable<'r> {
    table: &'r str,
    read: u64,
    migrated: u64,
    skipped: &'r BTreeMap<Skip, u64>,
    deferred: &'r BTreeMap<Defer, u64>,
    rejected: u64,
}

#[derive(Debug, Serialize)]
struct Stage<'r> {
    stage: &'r str,
    seconds: f64,
}

/// What is known of a run when its report file is written.
#[derive(Clone, Copy)]
pub struct Ended<'r> {
    /// `run` or `check`.
    pub command: &'static str,
    /// How it ends.
    pub exit: Exit,
    /// Why it failed, if it did.
    pub error: Option<&'r Error>,
    /// The whole time in seconds.
    pub seconds: f64,
    /// The most memory the process had, in bytes, where the system says.
    pub peak_memory: Option<u64>,
    /// The report, if it came to one.
    pub summary: Option<Summary<'r>>,
}

impl<'r> Document<'r> {
    /// The document of a run.
    #[must_use]
    pub fn new(ended: &Ended<'r>) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            etl_version: env!("CARGO_PKG_VERSION"),
            command: ended.command,
            exit_code: ended.exit.code(),
            error: ended.error.map(|error| Failure { message: error.to_string(), remedy: error.remedy() }),
            seconds: ended.seconds,
            peak_memory_bytes: ended.peak_memory,
            rows_per_second: ended.summary.and_then(|summary| summary.rows_per_second()),
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
            skipped: &tally.skipped,
            deferred: &tally.deferred,
            rejected: tally.rejected,
        };
        Self {
            ending: report.ending,
            target: report.target.as_deref(),
            source_tables: report.sources.iter().map(source).collect(),
            target_tables: &report.tables,
            policies_on: report.policies_on_off.0,
            policies_off: report.policies_on_off.1,
            policy_on_value,
            service: report.service.as_ref(),
            drifting_policies: report.drifting_policies,
            time_zones: &report.zones,
            dumps: &report.dumps,
            rejected: report.rejected,
            rejections: &report.rejections,
            rejects_file: report.rejects_file.as_deref(),
            warnings: &report.warnings,
            stages: report.stages.iter().map(|(stage, seconds)| Stage { stage, seconds: *seconds }).collect(),
        }
    }
}

/// The place of a report file. It is tried before the run, so that one that cannot be written stops it in time. The file
/// takes its name when it is complete.
#[derive(Debug)]
pub struct ReportFile {
    path: PathBuf,
    part: PathBuf,
}

impl ReportFile {
    /// Tries the place; nothing is left there.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn try_place(path: &Path) -> Result<Self> {
        let place = Self { path: path.to_owned(), part: part_of(path) };
        match place.begin().and_then(|_| std::fs::remove_file(&place.part)) {
            Ok(()) => Ok(place),
            Err(source) => Err(Error::File { what: "the report", path: path.display().to_string(), source }),
        }
    }

    /// Writes the document.
    ///
    /// # Errors
    /// The system's.
    pub fn write(self, document: &impl Serialize) -> io::Result<()> {
        let mut text = serde_json::to_vec_pretty(document)?;
        text.push(b'\n');
        let mut file = self.begin()?;
        file.write_all(&text)?;
        file.sync_all()?;
        std::fs::rename(&self.part, &self.path)
    }

    /// The file as yet without its name. Values from dumps may come to stand in it, so it is its owner's alone.
    fn begin(&self) -> io::Result<File> {
        // What a killed run left behind goes first: it is never written into, whatever it is by now.
        if let Err(error) = std::fs::remove_file(&self.part)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error);
        }
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.part)
    }
}
