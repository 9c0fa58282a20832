//! What became of every object so far, and which may be sent next.

use crate::purge::cinder::Refusal;
use crate::purge::error::PurgeError;
use crate::purge::gauge::ProgressState;
use crate::purge::plan::{Object, Plan};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// What became of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// It is gone.
    Gone,
    /// It is there, and was tried as often as it may be.
    Failed {
        /// How often.
        tries: u32,
        /// Why, at last.
        reason: String,
        /// The request that failed last.
        request_id: Option<String>,
    },
    /// It was not sent: a copy that continues it is still there.
    Blocked {
        /// Which, as a place in the plan.
        by: usize,
    },
    /// Its deletion is under way; whether it ends well is not known.
    UnderWay,
    /// Its turn did not come, or it waited to be tried again.
    Unsent {
        /// Why it is still there, if it was tried.
        reason: Option<String>,
    },
}

/// What became of all of them.
#[derive(Debug)]
pub struct Outcome {
    /// By place in the plan.
    pub dispositions: Vec<Disposition>,
    /// What ended the purge before its time.
    pub stopped: Option<&'static str>,
    /// What made going on impossible.
    pub error: Option<PurgeError>,
}

/// An object, as far as its way goes.
#[derive(Clone, Debug, Default)]
struct Entry {
    disposition: Option<Disposition>,
    tries: u32,
    in_flight: bool,
    /// Objects that must be gone first.
    waits_for: usize,
    /// Why the last attempt came to nothing.
    reason: Option<String>,
}

/// The books of a purge.
pub(super) struct DeletionState<'b> {
    plan: &'b Plan,
    gauge: &'b ProgressState,
    entries: Vec<Entry>,
    /// Objects that may be sent: those with the longest chain above them first, then in the order of the list. What is
    /// under way already comes before all of them, for it takes a slot in any case.
    ready: BinaryHeap<(bool, usize, Reverse<usize>)>,
}

impl<'b> DeletionState<'b> {
    pub(super) fn new(plan: &'b Plan, gauge: &'b ProgressState) -> Self {
        let entry = |(object, children): (&Object, &usize)| Entry {
            tries: object.tries,
            waits_for: *children,
            ..Entry::default()
        };
        let entries: Vec<Entry> = plan.objects.iter().zip(&plan.children).map(entry).collect();
        let mut books = Self { plan, gauge, entries, ready: BinaryHeap::new() };
        for index in 0..books.entries.len() {
            if books.entries[index].waits_for == 0 || books.is_being_deleted(index) {
                books.make_ready(index);
            }
        }
        books
    }

    /// Whether an object was being deleted when this purge began: it waits for none.
    fn is_being_deleted(&self, index: usize) -> bool {
        self.plan.objects.get(index).is_some_and(|object| object.deleting)
    }

    fn make_ready(&mut self, index: usize) {
        let above = self.plan.above.get(index).copied().unwrap_or_default();
        let begun = self.plan.objects.get(index).is_some_and(|object| object.deleting || object.tries > 0);
        self.ready.push((begun, above, Reverse(index)));
    }

    pub(super) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    pub(super) fn next_ready(&mut self) -> Option<usize> {
        self.ready.pop().map(|(_, _, Reverse(index))| index)
    }

    /// Counts an attempt; answers which it is.
    pub(super) fn begin_attempt(&mut self, index: usize) -> u32 {
        let entry = &mut self.entries[index];
        entry.tries += 1;
        entry.tries
    }

    /// It was none: nothing was begun.
    pub(super) fn withdraw_attempt(&mut self, index: usize) {
        let entry = &mut self.entries[index];
        entry.tries = entry.tries.saturating_sub(1);
    }

    /// Notes why an object is still there; answers how often it was tried.
    pub(super) fn set_back(&mut self, index: usize, refusal: &Refusal) -> u32 {
        let entry = &mut self.entries[index];
        entry.reason = Some(refusal.reason.clone());
        entry.tries
    }

    pub(super) fn enter_flight(&mut self, index: usize) {
        if !std::mem::replace(&mut self.entries[index].in_flight, true) {
            ProgressState::more(&self.gauge.in_flight);
        }
    }

    pub(super) fn leave_flight(&mut self, index: usize) {
        if std::mem::replace(&mut self.entries[index].in_flight, false) {
            ProgressState::less(&self.gauge.in_flight);
        }
    }

    /// Notes what became of an object, and what that means to those above it.
    pub(super) fn settle(&mut self, index: usize, disposition: Option<Disposition>) {
        let Some(disposition) = disposition else { return };
        let parent = self.plan.objects.get(index).and_then(|object| object.parent);
        if disposition == Disposition::Gone {
            ProgressState::more(&self.gauge.gone);
            if let Some(parent) = parent {
                let entry = &mut self.entries[parent];
                entry.waits_for = entry.waits_for.saturating_sub(1);
                let free = entry.waits_for == 0 && entry.disposition.is_none();
                if free && !self.is_being_deleted(parent) {
                    self.make_ready(parent);
                }
            }
        } else {
            ProgressState::more(&self.gauge.failed);
            self.block_above(index, parent);
        }
        self.entries[index].disposition = Some(disposition);
    }

    fn block_above(&mut self, by: usize, mut parent: Option<usize>) {
        while let Some(index) = parent {
            // What has its disposition has set those of the copies above it, too; what is being deleted goes its own way.
            if self.entries[index].disposition.is_some() || self.is_being_deleted(index) {
                return;
            }
            self.entries[index].disposition = Some(Disposition::Blocked { by });
            ProgressState::more(&self.gauge.failed);
            parent = self.plan.objects.get(index).and_then(|object| object.parent);
        }
    }

    /// Ends: every object has a disposition.
    pub(super) fn close(self, stopped: Option<&'static str>, error: Option<PurgeError>) -> Outcome {
        let disposition = |(entry, object): (Entry, &Object)| match entry.disposition {
            Some(disposition) => disposition,
            // What was being deleted before, and had no turn to be looked at, still is as far as anybody knows.
            None if entry.in_flight || (object.deleting && entry.reason.is_none()) => Disposition::UnderWay,
            None => Disposition::Unsent { reason: entry.reason },
        };
        let dispositions = self.entries.into_iter().zip(&self.plan.objects).map(disposition).collect();
        Outcome { dispositions, stopped, error }
    }
}
