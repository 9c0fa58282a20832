//! The report of a purge as JSON: every object that is left, with its reason.

use crate::base::error::Error;
use crate::base::exit::Exit;
use crate::purge::engine::Disposition;
use crate::purge::plan::Object;
use crate::purge::report::subject::Purge;
use crate::purge::selection::Kept;
use crate::purge::{Count, Kind};
use serde::Serialize;
use std::time::Duration;

/// The version of the form.
const SCHEMA_VERSION: u32 = 1;

/// A report file: what a program finds in it.
#[derive(Debug, Serialize)]
pub struct Document<'p> {
    schema_version: u32,
    etl_version: &'static str,
    /// The commit that it was built from, where that is known.
    etl_commit: Option<&'static str>,
    command: &'static str,
    exit_code: u8,
    error: Option<Failure>,
    seconds: f64,
    peak_memory_bytes: Option<u64>,
    /// Absent where it failed before anything was chosen.
    purge: Option<Body<'p>>,
}

#[derive(Debug, Serialize)]
struct Failure {
    message: String,
    remedy: Option<String>,
}

#[derive(Debug, Serialize)]
struct Body<'p> {
    cloud: &'p str,
    dry_run: bool,
    chosen: Count,
    projects: Vec<Project<'p>>,
    kept: &'p Kept,
    unreadable_rows: u64,
    deleted_by_earlier_runs: u64,
    stopped_by: Option<&'static str>,
    gone: Count,
    failed: Vec<Entry<'p>>,
    blocked: Vec<Entry<'p>>,
    under_way: Vec<Entry<'p>>,
    unsent: Vec<Entry<'p>>,
    /// What a dry run would delete.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    objects: Vec<Entry<'p>>,
}

#[derive(Debug, Serialize)]
struct Project<'p> {
    project: Option<&'p str>,
    #[serde(flatten)]
    count: Count,
}

#[derive(Debug, Serialize)]
struct Entry<'p> {
    kind: Kind,
    id: &'p str,
    project: Option<&'p str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tries: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'p str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'p str>,
    /// The copy that is in the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    blocked_by: Option<&'p str>,
}

impl<'p> Document<'p> {
    /// The document of a purge that ends like this.
    #[must_use]
    pub fn new(purge: Option<&'p Purge>, exit: Exit, error: Option<&Error>, elapsed: Duration) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            etl_version: env!("CARGO_PKG_VERSION"),
            etl_commit: crate::base::build::commit(),
            command: "purge",
            exit_code: exit.code(),
            error: error.map(|error| Failure { message: error.to_string(), remedy: error.remedy() }),
            seconds: elapsed.as_secs_f64(),
            peak_memory_bytes: crate::base::memory::peak(),
            purge: purge.map(Body::new),
        }
    }
}

impl<'p> Body<'p> {
    fn new(purge: &'p Purge) -> Self {
        let mut body = Self {
            cloud: &purge.cloud,
            dry_run: purge.dry_run,
            chosen: purge.plan.count(),
            projects: purge
                .projects()
                .into_iter()
                .map(|(project, count)| Project { project: told(project), count })
                .collect(),
            kept: &purge.kept,
            unreadable_rows: purge.unreadable,
            deleted_by_earlier_runs: purge.earlier,
            stopped_by: purge.outcome.as_ref().and_then(|outcome| outcome.stopped),
            gone: purge.tally().gone,
            failed: Vec::new(),
            blocked: Vec::new(),
            under_way: Vec::new(),
            unsent: Vec::new(),
            objects: Vec::new(),
        };
        if purge.dry_run {
            body.objects = purge.in_order().into_iter().map(|object| Entry::new(purge, object)).collect();
        }
        for (object, disposition) in purge.dispositions() {
            let entry = Entry::new(purge, object);
            match disposition {
                Disposition::Gone => {}
                Disposition::Failed { tries, reason, request_id } => body.failed.push(Entry {
                    tries: Some(*tries),
                    reason: Some(reason),
                    request_id: request_id.as_deref(),
                    ..entry
                }),
                Disposition::Blocked { by } => {
                    let blocked_by = purge.plan.objects.get(*by).map(|object| &*object.id);
                    body.blocked.push(Entry { blocked_by, ..entry });
                }
                Disposition::UnderWay => body.under_way.push(entry),
                Disposition::Unsent { reason } => {
                    body.unsent.push(Entry { reason: reason.as_deref(), ..entry });
                }
            }
        }
        body
    }
}

impl<'p> Entry<'p> {
    fn new(purge: &'p Purge, object: &'p Object) -> Self {
        let project = told(purge.plan.project(object));
        Self {
            kind: object.kind,
            id: &object.id,
            project,
            tries: None,
            reason: None,
            request_id: None,
            blocked_by: None,
        }
    }
}

fn told(project: &str) -> Option<&str> {
    Some(project).filter(|project| !project.is_empty())
}
