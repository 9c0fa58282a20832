//! Brings the outcomes of unfinished jobs: every imported copy that is `protecting` takes that of its job, which the task
//! manager's dump knows.
//!
//! The dumps are read first, so that what is wrong with them is told before the target is touched. Then everything happens in
//! one transaction under the lock of a run. What the dumps do not settle stays as it is, and is listed. updated_at is never
//! written: by it a later run sees that the source's finished copy is newer, and brings size and speed.

mod info;
mod items;
mod jobs;
pub mod options;

use crate::error::{Error, Result};
use crate::load::{Intent, Opened, Target};
use crate::outcome::words::words;
use crate::outcome::{DumpReport, Rejection};
use crate::progress::{Cancel, Progress, Stage};
use crate::sync::options::Options;
use jobs::Jobs;
use parsers::input::Input;
use serde::Serialize;
use std::collections::BTreeMap;

/// How many items that wait are listed; all are counted.
pub const WAITING_LISTED: usize = 100;

/// What a sync did.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The target, without secrets.
    pub target: String,
    /// The dumps.
    pub dumps: Vec<DumpReport>,
    /// Jobs in the dumps.
    pub jobs: u64,
    /// Rows of jobs that cannot be read; their items wait.
    pub unreadable: u64,
    /// The first of these rows.
    pub rejections: Vec<Rejection>,
    /// Items that were `protecting`.
    pub protecting: u64,
    /// Items that became `available`.
    pub available: u64,
    /// Items that became `error`.
    pub failed: u64,
    /// Items that wait, by reason.
    pub waiting: BTreeMap<Why, u64>,
    /// The first items that wait, by id.
    pub listed: Vec<Waiting>,
}

impl Report {
    /// Items that changed.
    #[must_use]
    pub fn settled(&self) -> u64 {
        self.available + self.failed
    }

    /// Items that wait for any reason.
    #[must_use]
    pub fn waits(&self) -> u64 {
        self.waiting.values().sum()
    }
}

words! {
    /// Why an item waits.
    Why[7] {
        Unfinished = "unfinished": "its job is not over: dump taskmgr later, and sync again",
        UnknownState = "unknown-state": "its job has a state that is not known: look at it in the task manager",
        Contradiction = "contradiction": "the dumps have two outcomes of its job: look at it in the task manager",
        NotInDumps = "not-in-dumps": "the dumps do not have its job: a run with a new cinder.sql settles the copy",
        NoTask = "no-task": "its extend_info names no job: look at the row in Karbor",
        NotAnObject = "not-an-object": "its extend_info is no JSON object: look at the row in Karbor",
        Misfit = "misfit": "a column of the target is too narrow for what it would become: widen it, and sync again",
    }
}

/// An item that waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Waiting {
    /// Its id.
    pub id: String,
    /// Its job's id, where it names one.
    pub task_id: Option<String>,
    /// Why.
    pub why: Why,
    /// The same in words, with the job's state where there is one.
    pub detail: String,
}

/// Reads `inputs` and brings the outcomes into `target`.
///
/// # Errors
/// Nothing was written, but for [`Error::CommitUnknown`].
pub fn sync(
    inputs: &mut [Input],
    target: Box<dyn Target>,
    options: &Options,
    progress: &Progress,
    cancel: &Cancel,
) -> Result<Report> {
    progress.enter(Stage::Reading);
    let jobs = Jobs::read(inputs, options, progress, cancel)?;
    progress.enter(Stage::Loading);
    let name = target.name();
    let undone = |error: Error| error.undone("nothing was written");
    let Opened { mut sink, layouts } = target.open(Intent::Write).map_err(undone)?;
    let [.., layout] = &layouts;
    let mut report = Report {
        target: name,
        dumps: Vec::new(),
        jobs: jobs.rows,
        unreadable: jobs.unreadable,
        rejections: Vec::new(),
        protecting: 0,
        available: 0,
        failed: 0,
        waiting: BTreeMap::new(),
        listed: Vec::new(),
    };
    items::settle(sink.as_mut(), layout, &jobs, &mut report, progress).map_err(undone)?;
    (report.dumps, report.rejections) = (jobs.dumps, jobs.rejections);
    if report.protecting != report.settled() + report.waits() {
        return Err(Error::Imbalance(format!("{} items were protecting: {report:?}", report.protecting)));
    }
    cancel.check()?;
    progress.enter(Stage::Finishing);
    if report.settled() > 0 { sink.commit() } else { sink.rollback() }.map_err(undone)?;
    Ok(report)
}
