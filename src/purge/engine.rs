//! The deletions themselves: each object's way from being sent to being gone, many at a time.
//!
//! A deletion holds a slot from before it is sent until it is seen to have ended; there are as many slots as deletions may
//! be under way. While an object rests before it is tried again it holds none. A request whose answer was lost may have
//! been obeyed: its object keeps the slot and is looked at. An object is gone when a GET of it says so, and by nothing else.

mod books;
mod watch;

pub use books::{Disposition, Outcome};

use self::books::DeletionState;
use super::api::{Api, QUESTIONS};
use super::cinder::{Cinder, Class, Refusal, Reply};
use super::error::{PurgeError, Result};
use super::gauge::ProgressState;
use super::journal::Journal;
use super::limits::Limits;
use super::pace::{Outage, Turn};
use super::plan::{Object, Plan};
use super::transport::Transport;
use crate::base::stop::{Stop, Stopping};
use crate::purge::trouble::Trouble;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use std::cell::RefCell;
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{sleep, timeout};

/// A request has arrived when its answer comes; without one, so long after it was sent.
const ARRIVAL: Duration = Duration::from_secs(5);

/// What ended a purge that took too long.
const DEADLINE: &str = "the deadline";

/// All that a purge works with.
pub struct Engine<'e, T> {
    /// The cloud.
    pub api: &'e Api<T>,
    /// Cinder.
    pub cinder: &'e Cinder<'e, T>,
    /// Where it is written down.
    pub journal: &'e Journal,
    /// The limits.
    pub limits: &'e Limits,
    /// What is told meanwhile.
    pub gauge: &'e ProgressState,
    /// What tells it to stop.
    pub stop: &'e Stop,
}

/// A purge under way.
struct Run<'e, T> {
    with: &'e Engine<'e, T>,
    plan: &'e Plan,
    books: RefCell<DeletionState<'e>>,
    slots: Semaphore,
    questions: Semaphore,
    /// What makes going on impossible.
    fatal: RefCell<Option<PurgeError>>,
}

/// How a step of an object's way ended.
enum Step {
    /// The object is gone.
    Gone,
    /// It is still there.
    Back(Setback),
    /// It is left as it is.
    Left,
}

/// Why an object is still there.
struct Setback {
    refusal: Refusal,
    /// Whether this was an attempt; if not, nothing was begun, for a reason that is not the object's.
    counts: bool,
    /// Whether its status must be reset before it can be deleted.
    stuck: bool,
}

impl Setback {
    /// An attempt that was refused.
    fn of(refusal: Refusal) -> Step {
        Step::Back(Self { refusal, counts: true, stuck: false })
    }
}

impl<T: Transport> Engine<'_, T> {
    /// Deletes what is planned, within the limits.
    pub async fn run(&self, plan: &Plan) -> Outcome {
        let run = Run {
            with: self,
            plan,
            books: RefCell::new(DeletionState::new(plan, self.gauge)),
            slots: Semaphore::new(self.limits.in_flight.max(1)),
            questions: Semaphore::new(QUESTIONS),
            fatal: RefCell::new(None),
        };
        let overdue = run.all().await;
        let Run { books, fatal, .. } = run;
        let error = fatal.into_inner().or_else(|| self.journal.sync_now().err());
        let stopped = if overdue { Some(DEADLINE) } else { self.stop.reason() };
        books.into_inner().close(stopped, error)
    }
}

impl<T: Transport> Run<'_, T> {
    /// Whether it took too long.
    async fn all(&self) -> bool {
        let stop = self.with.stop;
        let deadline = sleep(self.with.limits.deadline);
        tokio::pin!(deadline);
        let mut ways = FuturesUnordered::new();
        loop {
            let more = stop.state() == Stopping::No && self.books.borrow().has_ready();
            if ways.is_empty() && !more {
                return false;
            }
            tokio::select! {
                biased;
                () = stop.reached(Stopping::Now) => return false,
                () = &mut deadline => return true,
                Some((index, disposition)) = ways.next() => self.books.borrow_mut().settle(index, disposition),
                () = stop.reached(Stopping::Draining), if more => {}
                Ok(slot) = self.slots.acquire(), if more => {
                    let next = self.books.borrow_mut().next_ready();
                    ways.extend(next.map(|index| self.way(index, slot)));
                }
            }
        }
    }

    /// An object's whole way, with the slot that it begins with.
    async fn way<'s>(&'s self, index: usize, slot: SemaphorePermit<'s>) -> (usize, Option<Disposition>) {
        let disposition = self.go(index, slot).await;
        if disposition.is_some() {
            self.books.borrow_mut().leave_flight(index);
        }
        (index, disposition)
    }

    async fn go<'s>(&'s self, index: usize, slot: SemaphorePermit<'s>) -> Option<Disposition> {
        let object = self.plan.objects.get(index)?;
        let mut slot = Some(slot);
        // What was sent before is looked at before it is sent again.
        let mut step = if object.deleting || object.tries > 0 {
            self.books.borrow_mut().enter_flight(index);
            self.watch(index, object, Duration::ZERO, None).await
        } else {
            self.attempt(index, object).await
        };
        let mut idle = 0;
        loop {
            let setback = match step {
                Step::Gone => {
                    self.keep(self.with.journal.done(object.kind, &object.id));
                    return Some(Disposition::Gone);
                }
                Step::Left => return None,
                Step::Back(setback) => setback,
            };
            let tries = self.books.borrow_mut().set_back(index, &setback.refusal);
            if setback.refusal.is_final() || (setback.counts && tries > self.with.limits.retries) {
                return Some(self.fail(object, tries, setback.refusal));
            }
            // Whatever it was, no deletion is under way now.
            self.books.borrow_mut().leave_flight(index);
            drop(slot.take());
            idle = if setback.counts { 0 } else { idle + 1 };
            if tries > 0 || !setback.counts {
                let wait = self.with.limits.wait(if setback.counts { tries } else { idle });
                tokio::select! {
                    () = sleep(wait) => {}
                    () = self.with.stop.reached(Stopping::Draining) => return None,
                }
            }
            slot = tokio::select! {
                slot = self.slots.acquire() => slot.ok(),
                () = self.with.stop.reached(Stopping::Draining) => return None,
            };
            let reset = if setback.stuck { self.reset(object).await } else { Ok(()) };
            step = match reset {
                Ok(()) => self.attempt(index, object).await,
                Err(step) => step,
            };
        }
    }

    /// Sends a deletion once, and watches it.
    async fn attempt(&self, index: usize, object: &Object) -> Step {
        let Engine { api, cinder, journal, stop, gauge, .. } = self.with;
        let (turn, token) = tokio::select! {
            biased;
            () = stop.reached(Stopping::Draining) => return Step::Left,
            turn = api.turn() => match turn {
                Ok(turn) => turn,
                Err(trouble) => return self.untouched(trouble),
            },
        };
        gauge.pause(None);
        let attempt = self.books.borrow_mut().begin_attempt(index);
        if !self.keep(journal.sent(object.kind, &object.id, attempt).await) {
            self.books.borrow_mut().withdraw_attempt(index);
            return Step::Left;
        }
        self.books.borrow_mut().enter_flight(index);
        match until_arrived(turn, cinder.delete(token, object.kind, &object.id)).await {
            Ok(Reply::Accepted) => {
                api.pace.is_over(Outage::Deletion);
                self.watch(index, object, self.with.limits.poll(Duration::ZERO), None).await
            }
            Ok(Reply::Refused(refusal)) => match refusal.class {
                Class::Final => Setback::of(refusal),
                Class::Throttled(wait) => {
                    self.leave_alone(wait);
                    self.withdraw(index, object, refusal)
                }
                // It may be refused because it is being deleted or is gone, or because of the status that an earlier
                // attempt left.
                _ => self.watch(index, object, Duration::ZERO, Some(refusal)).await,
            },
            Err(Trouble::Broken(reason)) => {
                self.watch(index, object, Duration::ZERO, Some(Refusal::passing(reason, None))).await
            }
            Err(trouble) => {
                self.books.borrow_mut().leave_flight(index);
                match self.untouched(trouble) {
                    Step::Back(setback) => self.withdraw(index, object, setback.refusal),
                    step => step,
                }
            }
        }
    }

    /// Takes back an attempt that began nothing, for a reason that is not the object's.
    fn withdraw(&self, index: usize, object: &Object, refusal: Refusal) -> Step {
        self.books.borrow_mut().withdraw_attempt(index);
        if !self.keep(self.with.journal.withdrawn(object.kind, &object.id)) {
            return Step::Left;
        }
        Step::Back(Setback { refusal, counts: false, stuck: false })
    }

    /// What trouble means that kept an object from being touched.
    fn untouched(&self, trouble: Trouble) -> Step {
        let reason = match trouble {
            Trouble::Denied(error) => {
                self.give_up(error);
                return Step::Left;
            }
            Trouble::Expired => "the token was refused".to_owned(),
            Trouble::Unreachable(reason) | Trouble::Broken(reason) => {
                self.unreachable(&reason);
                reason
            }
        };
        Step::Back(Setback { refusal: Refusal::passing(reason, None), counts: false, stuck: false })
    }

    fn fail(&self, object: &Object, tries: u32, refusal: Refusal) -> Disposition {
        let Refusal { reason, request_id, .. } = refusal;
        tracing::warn!("{} {}: failed after {tries} tries: {reason}", object.kind.name(), object.id);
        let journal = self.with.journal;
        self.keep(journal.failed(object.kind, &object.id, tries, &reason, request_id.as_deref()));
        Disposition::Failed { tries, reason, request_id }
    }

    /// Cinder asked to be left alone.
    fn leave_alone(&self, wait: Duration) {
        let Engine { api, gauge, .. } = self.with;
        if wait > api.pace.paused() {
            tracing::warn!("Cinder asks to be left alone for {} s", wait.as_secs());
            gauge.pause(Some("Cinder asks to wait".to_owned()));
        }
        api.pace.pause(wait);
    }

    fn unreachable(&self, reason: &str) {
        let Engine { api, gauge, .. } = self.with;
        if api.pace.paused().is_zero() {
            tracing::warn!("the cloud does not answer: {reason}");
            gauge.pause(Some("the cloud does not answer".to_owned()));
        }
        api.pace.outage(Outage::Connection);
    }

    /// Pauses because of what came back; returns for how long this outage lasts by now.
    fn outage(&self, outage: Outage, refusal: &Refusal) -> Duration {
        let Engine { api, gauge, .. } = self.with;
        let first = api.pace.paused().is_zero();
        let lasts = api.pace.outage(outage).elapsed();
        if first {
            let pause = api.pace.paused().as_secs_f64();
            tracing::warn!("nothing is sent for {pause:.1} s: {}", refusal.reason);
            gauge.pause(Some(format!("Cinder says {}", refusal.reason)));
        }
        lasts
    }

    /// Whether something was written down; if not, nothing more is sent.
    fn keep(&self, written: Result<()>) -> bool {
        written.map_err(|error| self.give_up(error)).is_ok()
    }

    fn give_up(&self, error: PurgeError) {
        tracing::error!("{error}");
        self.fatal.borrow_mut().get_or_insert(error);
        self.with.stop.drain("an error");
    }
}

/// Waits for an answer and keeps the request's turn until the request has arrived, wherever it was held up on the way: the
/// time until the next turn counts from then, so that the limit holds where requests arrive.
async fn until_arrived<A>(turn: Turn<'_>, answer: impl Future<Output = A>) -> A {
    tokio::pin!(answer);
    let early = timeout(ARRIVAL, &mut answer).await;
    drop(turn);
    match early {
        Ok(answer) => answer,
        Err(_) => answer.await,
    }
}
