//! What a job's outcome makes of an item's extend_info: a few members change, all the rest of the text stays byte for byte, also
//! where Karbor wrote it anew meanwhile.

use super::jobs::{Jobs, Outcome};
use super::{Waiting, Why};
use crate::karbor::json::string;
use parsers::json::{NotAnObject, Raw, members, with_members};

/// What becomes of an item.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is over.
    Settled {
        /// The item's new status.
        status: &'static str,
        /// Its new extend_info.
        info: String,
        /// Its job.
        task_id: String,
    },
    /// It stays as it is.
    Waits(Waiting),
}

/// Karbor's statuses of a copy that is over, well or not.
pub(super) const AVAILABLE: &str = "available";
const ERROR: &str = "error";

/// Judges the item `id`, which is `protecting`.
pub(super) fn judge(id: &str, info: Option<&str>, jobs: &Jobs) -> Verdict {
    let waits = |task_id: Option<String>, why, detail: String| {
        Verdict::Waits(Waiting { id: id.to_owned(), task_id, why, detail })
    };
    let info = info.unwrap_or_default();
    let task = match members(info, ["taskid"]) {
        Ok([task]) => task.and_then(Raw::text),
        Err(error) => {
            return waits(None, Why::NotAnObject, format!("extend_info is no JSON object: {error}"));
        }
    };
    let Some(task) = task else {
        return waits(None, Why::NoTask, "extend_info names no job (taskid)".to_owned());
    };
    let task_id = || Some(task.clone().into_owned());
    let changed = match jobs.outcome(&task) {
        None => return waits(task_id(), Why::NotInDumps, "the dumps do not hold its job".to_owned()),
        Some(Outcome::Unfinished(state)) => {
            return waits(task_id(), Why::Unfinished, format!("its job is {state}"));
        }
        Some(Outcome::Unknown(state)) if state.is_empty() => {
            return waits(task_id(), Why::UnknownState, "its job has no state".to_owned());
        }
        Some(Outcome::Unknown(state)) => {
            return waits(
                task_id(),
                Why::UnknownState,
                format!("its job's state is {state:?}, which is not known"),
            );
        }
        Some(Outcome::Contradiction) => {
            let detail = "the dumps say of its job both SUCCESS and FAIL".to_owned();
            return waits(task_id(), Why::Contradiction, detail);
        }
        Some(Outcome::Success) => succeeded(info).map(|info| (AVAILABLE, info)),
        Some(Outcome::Failed(reason)) => failed(info, reason).map(|info| (ERROR, info)),
    };
    match changed {
        Ok((status, info)) => Verdict::Settled { status, info, task_id: task.into_owned() },
        Err(error) => waits(task_id(), Why::NotAnObject, format!("extend_info is no JSON object: {error}")),
    }
}

fn succeeded(info: &str) -> Result<String, NotAnObject> {
    with_status(&with_members(info, ["progress"], ["100"])?, AVAILABLE)
}

fn failed(info: &str, reason: &str) -> Result<String, NotAnObject> {
    let info = with_status(info, ERROR)?;
    if reason.is_empty() {
        return Ok(info);
    }
    let mut json = String::new();
    string(reason, &mut json);
    with_members(&info, ["fail_reason"], [&json])
}

/// The members of volume_backups follow their item; where there are none, none are made.
fn with_status(info: &str, status: &str) -> Result<String, NotAnObject> {
    let mut json = String::new();
    string(status, &mut json);
    let [backups] = members(info, ["volume_backups"])?;
    let follow = |backup| with_members(backup, ["status"], [&json]).ok();
    match backups.and_then(|backups| backups.with_elements(follow)) {
        Some(backups) => with_members(info, ["volume_backups"], [&backups]),
        None => Ok(info.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_change_and_the_rest_stays() {
        let info = r#"{"progress": 0, "fail_reason": "", "size":1.20, "taskid":"t", "volume_backups": [{"id":"x","status":"protecting"} , {"status": "protecting", "a":[]}, 7]}"#;
        assert_eq!(
            succeeded(info).unwrap(),
            r#"{"progress": 100, "fail_reason": "", "size":1.20, "taskid":"t", "volume_backups": [{"id":"x","status":"available"} , {"status": "available", "a":[]}, 7]}"#
        );
        assert_eq!(
            failed(info, "say \"no\"\n").unwrap(),
            r#"{"progress": 0, "fail_reason": "say \"no\"\n", "size":1.20, "taskid":"t", "volume_backups": [{"id":"x","status":"error"} , {"status": "error", "a":[]}, 7]}"#
        );
        // Without a reason the one that is there stays.
        assert_eq!(failed(r#"{"fail_reason":"old"}"#, "").unwrap(), r#"{"fail_reason":"old"}"#);
        assert_eq!(succeeded(r#"{"volume_backups":{}}"#).unwrap(), r#"{"volume_backups":{},"progress":100}"#);
    }
}
