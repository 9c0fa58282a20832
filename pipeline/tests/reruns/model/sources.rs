//! The source: policies with their volumes, and copies, some of which policies' jobs made.

use super::{Time, policy_id, time};
use crate::dumps::*;
use crate::history::copy;
use std::collections::BTreeMap;

#[derive(Clone, Debug)]
pub(super) struct Policy {
    pub(super) name: u32,
    pub(super) hour: u32,
    pub(super) made: Time,
    pub(super) changed: Time,
    /// When each volume was added.
    pub(super) volumes: BTreeMap<u32, Time>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Available,
    Creating,
    SoftDeleted,
}

#[derive(Clone, Debug)]
pub(super) struct Copied {
    pub(super) size: u32,
    /// The policy whose job made it.
    pub(super) policy: Option<u32>,
    pub(super) state: State,
    pub(super) made: Time,
    pub(super) changed: Time,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Sources {
    pub(super) policies: BTreeMap<u32, Policy>,
    pub(super) copies: BTreeMap<u32, Copied>,
}

impl Sources {
    pub(super) fn rows(&self, now: Time) -> Vec<Source> {
        // One of everything that is always there, so that no table is missing or empty, and dumps are never older than an import.
        let mut rows = vec![
            policy("anchor"),
            resource("anchor", "v"),
            tag("anchor", "k", "v"),
            extend("e-0", "nobody"),
            trigger("t-0", "0 0 3 * * ?"),
            relation("r-0", "nobody", "t-0"),
            job("j-0", "anchor", "v", "n"),
            backup(&copy(0)).with("updated_at", &time(now)),
        ];
        for (n, own) in &self.policies {
            let id = policy_id(*n);
            rows.push(policy(&id).with_all(&[
                ("policy_name", &format!("name-{}", own.name)),
                ("back_up_start_time", &format!("{:02}:00", own.hour)),
                ("created_at", &time(own.made)),
                ("updated_at", &time(own.changed)),
            ]));
            for (volume, added) in &own.volumes {
                rows.push(resource(&id, &format!("volume-{volume}")).with("created_at", &time(*added)));
            }
        }
        for (n, own) in &self.copies {
            let (volume, name) = (format!("of-copy-{n}"), format!("copy-{n}"));
            if let Some(policy) = own.policy {
                let job = job(&format!("j-{n}"), &policy_id(policy), &volume, &name);
                rows.push(job.with("taskmgr_job_id", &task(*n)));
            }
            rows.push(backup(&copy(*n)).with_all(&[
                ("size", &own.size.to_string()),
                ("volume_id", &volume),
                ("display_name", &name),
                ("status", if own.state == State::Creating { "creating" } else { "available" }),
                ("deleted", if own.state == State::SoftDeleted { "t" } else { "f" }),
                ("created_at", &time(own.made)),
                ("updated_at", &time(own.changed)),
            ]));
        }
        rows
    }
}

/// The job that makes a copy.
pub(super) fn task(copy: u32) -> String {
    format!("task-{copy}")
}
