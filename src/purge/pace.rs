//! When a deletion may be sent: at most so many within any stretch of time, and none while the API asked to be left alone.
//!
//! What is promised: no stretch of that time sees more requests than a burst *arrive*, however long each was on its way. A
//! turn is kept until its request has arrived for certain, and the time until the turn that follows a burst later counts
//! from then.

use super::limits::jittered;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::time::Duration;
use tokio::sync::{Mutex, Notify};
use tokio::time::{Instant, sleep_until};

/// The first pause of an outage, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// What keeps deletions from being begun, though nothing is wrong with the objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outage {
    /// No connection can be made, or nothing comes back.
    Connection,
    /// The API returns that something that it needs does not work.
    Api,
    /// What comes back is no OpenStack service's.
    Foreign,
    /// The API works, but not what deletes: nothing keeps objects from being looked at.
    Deletion,
}

/// How an outage is waited out: since when it lasts, until when nothing is sent, and the next pause.
#[derive(Clone, Copy, Debug)]
struct Backoff {
    since: Option<Instant>,
    until: Option<Instant>,
    next: Duration,
}

impl Backoff {
    const NONE: Self = Self { since: None, until: None, next: PAUSES.0 };
}

/// The right to send one deletion. It has arrived, at the latest, when this is dropped.
#[derive(Debug)]
pub struct Turn<'p> {
    pace: &'p Pace,
    number: u64,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut turns = self.pace.turns.borrow_mut();
        if let Some((_, left)) = turns.iter_mut().find(|(number, _)| *number == self.number) {
            *left = Some(Instant::now());
        }
    }
}

/// The pace of a purge.
#[derive(Debug)]
pub struct Pace {
    burst: usize,
    every: Duration,
    /// The last turns, at most [`Pace::burst`] of them, and when their deletions had arrived; none where that is still to come.
    turns: RefCell<VecDeque<(u64, Option<Instant>)>>,
    /// The number of the next turn.
    number: Cell<u64>,
    /// Held by whoever waits for the next turn: first come, first served.
    turn: Mutex<()>,
    /// Until when the API asked to be left alone.
    paused_until: Cell<Option<Instant>>,
    /// By [`Outage`].
    outages: [Cell<Backoff>; 4],
    /// Wakes those who wait for the end of an outage.
    over: Notify,
}

impl Pace {
    /// At most `burst` turns within any stretch of `every`; at least one.
    #[must_use]
    pub fn new(burst: usize, every: Duration) -> Self {
        Self {
            burst: burst.max(1),
            every,
            turns: RefCell::default(),
            number: Cell::new(0),
            turn: Mutex::new(()),
            paused_until: Cell::new(None),
            outages: [const { Cell::new(Backoff::NONE) }; 4],
            over: Notify::new(),
        }
    }

    /// Waits until a deletion may be sent.
    pub async fn turn(&self) -> Turn<'_> {
        let _first = self.turn.lock().await;
        loop {
            while let Some(until) = self.until(true) {
                self.wait(until).await;
            }
            let now = Instant::now();
            match self.next(now) {
                Some(next) if next > now => sleep_until(next).await,
                _ => break,
            }
        }
        let number = self.number.get();
        self.number.set(number + 1);
        let mut turns = self.turns.borrow_mut();
        if turns.len() >= self.burst {
            turns.pop_front();
        }
        turns.push_back((number, None));
        Turn { pace: self, number }
    }

    /// When the next deletion may be sent, where that is not at once.
    fn next(&self, now: Instant) -> Option<Instant> {
        let turns = self.turns.borrow();
        let (_, left) = turns.front().filter(|_| turns.len() >= self.burst)?;
        // One that has not arrived yet arrives now at the earliest.
        Some(left.unwrap_or(now) + self.every)
    }

    /// Waits while nothing at all may be sent.
    pub async fn clear(&self) {
        while let Some(until) = self.until(false) {
            self.wait(until).await;
        }
    }

    /// Until when nothing may be sent, or no deletion, where that is not over.
    fn until(&self, deletion: bool) -> Option<Instant> {
        let counts = |n: usize| deletion || n != Outage::Deletion as usize;
        let outages = self.outages.iter().enumerate().filter(|(n, _)| counts(*n));
        let until = outages.filter_map(|(_, cell)| cell.get().until).chain(self.paused_until.get()).max();
        until.filter(|until| *until > Instant::now())
    }

    async fn wait(&self, until: Instant) {
        tokio::select! {
            () = sleep_until(until) => {}
            () = self.over.notified() => {}
        }
    }

    /// Nothing may be sent for so long.
    pub fn pause(&self, time: Duration) {
        let until = Instant::now() + time;
        if self.paused_until.get().is_none_or(|set| set < until) {
            self.paused_until.set(Some(until));
        }
    }

    /// Notes an outage: a pause, longer each time until [`Pace::is_over`]. Returns since when it lasts.
    pub fn outage(&self, outage: Outage) -> Instant {
        let now = Instant::now();
        let Some(cell) = self.outages.get(outage as usize) else { return now };
        let mut backoff = cell.get();
        let since = *backoff.since.get_or_insert(now);
        // All that were under way together find out together; that is one pause.
        if backoff.until.is_none_or(|until| until <= now) {
            backoff.until = Some(now + jittered(backoff.next));
            backoff.next = (backoff.next * 2).min(PAUSES.1);
        }
        cell.set(backoff);
        since
    }

    /// Notes that an outage is over, if there was one: nobody waits for it any more.
    pub fn is_over(&self, outage: Outage) {
        if let Some(cell) = self.outages.get(outage as usize)
            && cell.replace(Backoff::NONE).since.is_some()
        {
            self.over.notify_waiters();
        }
    }

    /// How long no deletion may be sent from now on.
    #[must_use]
    pub fn paused(&self) -> Duration {
        self.until(true).map_or(Duration::ZERO, |until| until.saturating_duration_since(Instant::now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::future::join_all;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn no_stretch_of_time_has_more_turns_than_a_burst() {
        let pace = Pace::new(3, SECOND);
        let begun = Instant::now();
        let turns = join_all((0..8).map(|_| turn_of(&pace, begun))).await;
        let seconds: Vec<u64> = turns.iter().map(Duration::as_secs).collect();
        assert_eq!(seconds, [0, 0, 0, 1, 1, 1, 2, 2]);
        // A burst that was not used up is no credit.
        tokio::time::sleep(SECOND / 2).await;
        assert_eq!(turn_of(&pace, begun).await, Duration::from_millis(2500));
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_counts_from_when_a_deletion_has_arrived() {
        let pace = Pace::new(2, SECOND);
        let begun = Instant::now();
        let slow = async {
            let turn = pace.turn().await;
            // Writing the journal takes its time, and so does the way.
            tokio::time::sleep(SECOND * 5).await;
            drop(turn);
        };
        let next = async {
            turn_of(&pace, begun).await;
            turn_of(&pace, begun).await
        };
        let ((), next) = tokio::join!(slow, next);
        assert_eq!(next, SECOND * 6);
    }

    async fn turn_of(pace: &Pace, begun: Instant) -> Duration {
        drop(pace.turn().await);
        begun.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_holds_everything_up_and_the_longest_counts() {
        let pace = Pace::new(10, SECOND);
        let begun = Instant::now();
        pace.pause(SECOND * 5);
        pace.pause(SECOND * 2);
        assert_eq!(pace.paused(), SECOND * 5);
        let longer = async {
            tokio::time::sleep(SECOND * 4).await;
            pace.pause(SECOND * 6);
        };
        let (turn, (), ()) = tokio::join!(turn_of(&pace, begun), pace.clear(), longer);
        assert_eq!(turn, SECOND * 10);
    }

    #[tokio::test(start_paused = true)]
    async fn an_outage_is_met_with_longer_and_longer_pauses_until_an_answer_comes() {
        let pace = Pace::new(10, SECOND);
        let mut longest = Vec::new();
        for _ in 0..8 {
            for _ in 0..100 {
                pace.outage(Outage::Connection);
            }
            let paused = pace.paused();
            longest.push(paused);
            pace.clear().await;
        }
        for (n, most) in [1, 2, 4, 8, 16, 32, 60, 60].into_iter().enumerate() {
            assert!(longest[n] <= SECOND * most && longest[n] >= SECOND * most / 2, "{n}: {longest:?}");
        }
        // One outage that is over says nothing about another.
        pace.is_over(Outage::Api);
        pace.outage(Outage::Connection);
        assert!(pace.paused() >= SECOND * 30);
        pace.clear().await;
        pace.is_over(Outage::Connection);
        let since = pace.outage(Outage::Connection);
        assert!(pace.paused() <= SECOND && since == Instant::now());
        pace.clear().await;
        assert_eq!(pace.outage(Outage::Connection), since);
    }
    #[tokio::test(start_paused = true)]
    async fn where_only_deletions_are_impossible_objects_are_looked_at() {
        let pace = Pace::new(10, SECOND);
        let begun = Instant::now();
        for _ in 0..7 {
            pace.outage(Outage::Deletion);
            pace.clear().await;
            assert_eq!(pace.until(false), None);
            drop(pace.turn().await);
        }
        assert!(begun.elapsed() >= SECOND * (1 + 2 + 4 + 8 + 16 + 32 + 60) / 2);
    }

    #[tokio::test(start_paused = true)]
    async fn an_outage_that_is_over_is_not_waited_for_but_what_was_asked_for_is() {
        let pace = Pace::new(10, SECOND);
        let begun = Instant::now();
        for _ in 0..8 {
            pace.outage(Outage::Api);
            pace.clear().await;
        }
        let at = begun.elapsed();
        pace.outage(Outage::Api);
        let end = async {
            tokio::time::sleep(SECOND * 3).await;
            pace.is_over(Outage::Api);
        };
        let (turn, (), ()) = tokio::join!(turn_of(&pace, begun), pace.clear(), end);
        assert_eq!(turn, at + SECOND * 3);
        pace.pause(SECOND * 9);
        pace.is_over(Outage::Api);
        assert_eq!(turn_of(&pace, begun).await, at + SECOND * 12);
    }
}
