//! Looking at objects: whether they are gone, and what it means if they are not.

use super::{Engine, Run, Setback, Step};
use crate::purge::cinder::{Class, Looked, Refusal};
use crate::purge::error::PurgeError;
use crate::purge::pace::Outage;
use crate::purge::plan::Object;
use crate::purge::transport::Transport;
use crate::purge::trouble::Trouble;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// The most time in which nothing comes back that is Cinder's.
const FOREIGN: Duration = Duration::from_secs(600);

/// How often an object is looked at whose status was reset, before it is deleted all the same.
const LOOKS_AFTER_RESET: u32 = 12;

impl<T: Transport> Run<'_, T> {
    /// Asks for an object until it is gone or no longer being deleted; `first` is the wait before the first question,
    /// `doubt` why it is not known that the deletion began.
    pub(super) async fn watch(
        &self,
        index: usize,
        object: &Object,
        first: Duration,
        mut doubt: Option<Refusal>,
    ) -> Step {
        let begun = Instant::now();
        let mut wait = first;
        loop {
            sleep(wait).await;
            wait = self.with.limits.poll(begun.elapsed());
            match self.look(object).await {
                Ok(Looked::Gone) => return Step::Gone,
                // So it did begin.
                Ok(Looked::There { status, .. }) if status == "deleting" => {
                    doubt = None;
                    self.with.gauge.pause(None);
                }
                Ok(Looked::There { status, fail_reason, request_id }) => {
                    let refusal = doubt.unwrap_or_else(|| {
                        let why = fail_reason.map(|why| format!(": {why}")).unwrap_or_default();
                        let reason = format!("the deletion ended in status {status:?}{why}");
                        Refusal::passing(reason, request_id)
                    });
                    return self.still_there(index, object, &status, refusal);
                }
                Ok(Looked::Refused(refusal)) if refusal.is_final() => return Setback::of(refusal),
                Ok(Looked::Refused(refusal)) => {
                    if let Err(step) = self.wait_out(object, &refusal) {
                        return step;
                    }
                }
                Err(Trouble::Expired) => wait = Duration::ZERO,
                Err(Trouble::Broken(reason)) => {
                    tracing::warn!("{} {}: {reason}", object.kind.name(), object.id);
                }
                Err(Trouble::Unreachable(reason)) => self.unreachable(&reason),
                Err(Trouble::Denied(error)) => {
                    self.give_up(error);
                    return Step::Left;
                }
            }
        }
    }

    /// Looks at an object once, when questions may be asked.
    async fn look(&self, object: &Object) -> std::result::Result<Looked, Trouble> {
        let Engine { api, cinder, .. } = self.with;
        api.pace.clear().await;
        let _one = self.questions.acquire().await;
        let looked = cinder.look(object.kind, &object.id).await;
        if matches!(looked, Ok(Looked::Gone | Looked::There { .. })) {
            api.pace.is_over(Outage::Foreign);
            api.pace.is_over(Outage::Api);
        }
        looked
    }

    /// What it means that an object exists in this status, though it was to be deleted.
    fn still_there(&self, index: usize, object: &Object, status: &str, refusal: Refusal) -> Step {
        match refusal.class {
            Class::Outage => {
                self.outage(Outage::Deletion, &refusal);
                self.withdraw(index, object, refusal)
            }
            // Cinder deletes what is "available" or "error"; another status does not change because of a retry.
            Class::Invalid if !matches!(status, "available" | "error" | "error_deleting") => {
                let reason = format!("{} (its status is {status:?})", refusal.reason);
                Setback::of(Refusal { reason, class: Class::Final, ..refusal })
            }
            _ => Step::Back(Setback { refusal, counts: true, stuck: status == "error_deleting" }),
        }
    }

    /// Sees to the pause that a refusal asks for which says nothing about the object; returns how its way ends if there
    /// is no use in waiting.
    fn wait_out(&self, object: &Object, refusal: &Refusal) -> std::result::Result<(), Step> {
        match refusal.class {
            Class::Throttled(wait) => self.leave_alone(wait),
            Class::Outage => {
                self.outage(Outage::Api, refusal);
            }
            Class::Foreign => {
                if self.outage(Outage::Foreign, refusal) > FOREIGN {
                    self.give_up(self.foreign(refusal));
                    // Nothing can be seen to end.
                    self.with.stop.ask("an error");
                    return Err(Step::Left);
                }
            }
            _ => tracing::warn!("{} {}: {}", object.kind.name(), object.id, refusal.reason),
        }
        Ok(())
    }

    fn foreign(&self, refusal: &Refusal) -> PurgeError {
        PurgeError::Cloud {
            service: self.with.cinder.root().to_owned(),
            what: format!(
                "for {} min nothing came back that is Cinder's ({})",
                FOREIGN.as_secs() / 60,
                refusal.reason
            ),
            remedy: Some(
                "look at the proxy or load balancer in front of Cinder; then run the same command again",
            ),
        }
    }

    /// Resets the status of an object whose deletion failed, so that it can be deleted again, and waits until that shows:
    /// for copies, Cinder only passes the request on to cinder-backup. Otherwise returns how this step ends. What goes
    /// wrong without a reason of its own shows when the object is tried again.
    pub(super) async fn reset(&self, object: &Object) -> std::result::Result<(), Step> {
        let Engine { api, cinder, limits, .. } = self.with;
        api.pace.clear().await;
        let refusal = match cinder.reset(object.kind, &object.id).await {
            Ok(refusal) => refusal,
            Err(Trouble::Broken(_)) => None,
            Err(trouble) => {
                return Err(match self.untouched(trouble) {
                    Step::Back(setback) => Step::Back(Setback { stuck: true, ..setback }),
                    step => step,
                });
            }
        };
        match refusal {
            Some(refusal) if refusal.is_final() => {
                let reason = format!(
                    "its status is error_deleting, and may not be reset by this user: {}",
                    refusal.reason
                );
                return Err(Setback::of(Refusal { reason, ..refusal }));
            }
            Some(refusal)
                if matches!(refusal.class, Class::Throttled(_) | Class::Outage | Class::Foreign) =>
            {
                self.wait_out(object, &refusal)?;
                return Err(Step::Back(Setback { refusal, counts: false, stuck: true }));
            }
            _ => {}
        }
        let begun = Instant::now();
        for _ in 0..LOOKS_AFTER_RESET {
            match self.look(object).await {
                Ok(Looked::Gone) => return Err(Step::Gone),
                Ok(Looked::There { status, .. }) if status == "error_deleting" => {}
                _ => return Ok(()),
            }
            sleep(limits.poll(begun.elapsed())).await;
        }
        Ok(())
    }
}
