//! What the storage may be asked to bear, and how patient the purge is: the four limits of the design and their details.

use std::time::Duration;

/// The limits of a purge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// At most so many delete requests arrive within any time of [`Limits::burst_every`], if each is on its way for less
    /// than five seconds.
    pub burst: usize,
    /// See [`Limits::burst`].
    pub burst_every: Duration,
    /// At most so many deletions that were begun and have not ended.
    pub in_flight: usize,
    /// A deletion that failed is tried again so often.
    pub retries: u32,
    /// The wait before the first of these; each further one is twice as long, up to [`Limits::LONGEST_WAIT`] times this.
    pub retry_wait: Duration,
    /// The time between two questions whether an object is gone; longer for deletions that take long.
    pub poll_every: Duration,
    /// The most time for listing, and for the deletions.
    pub deadline: Duration,
    /// The most objects of a kind that are listed; a list that is longer has no end.
    pub listed: usize,
}

impl Default for Limits {
    /// The design's: 10 for each burst, 100 under way, 10 retries, 2 days.
    fn default() -> Self {
        Self {
            burst: 10,
            burst_every: Duration::from_secs(1),
            in_flight: 100,
            retries: 10,
            retry_wait: Duration::from_secs(5),
            poll_every: Duration::from_secs(5),
            deadline: Duration::from_secs(48 * 3600),
            listed: 1_000_000,
        }
    }
}

impl Limits {
    /// How many times [`Limits::retry_wait`] a wait can become.
    pub const LONGEST_WAIT: u32 = 128;

    /// How many times [`Limits::poll_every`] the time between two questions can become.
    pub const LONGEST_POLL: u32 = 12;

    /// The wait before a retry, the first being number 1.
    #[must_use]
    pub fn wait(&self, retry: u32) -> Duration {
        let factor = 1_u32.checked_shl(retry.saturating_sub(1)).unwrap_or(Self::LONGEST_WAIT);
        jittered(self.retry_wait * factor.min(Self::LONGEST_WAIT))
    }

    /// The wait before the next question about a deletion that was sent so long ago.
    #[must_use]
    pub fn poll(&self, age: Duration) -> Duration {
        let longest = self.poll_every * Self::LONGEST_POLL;
        jittered((age / 4).clamp(self.poll_every, longest.max(self.poll_every)))
    }
}

/// Between half of a time and all of it, so that what failed together is not tried again together.
#[must_use]
pub fn jittered(time: Duration) -> Duration {
    time.mul_f64(0.5 + fastrand::f64() / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_are_jittered_and_have_an_end() {
        let limits = Limits::default();
        for (retry, most) in [(1, 5), (2, 10), (3, 20), (8, 640), (9, 640), (10, 640), (99, 640)] {
            let waits: Vec<Duration> = (0..200).map(|_| limits.wait(retry)).collect();
            let most = Duration::from_secs(most);
            assert!(waits.iter().all(|wait| *wait >= most / 2 && *wait <= most), "{retry}");
            assert!(waits.iter().any(|wait| *wait != waits[0]), "{retry}");
        }
    }

    #[test]
    fn what_takes_long_is_asked_about_less_often() {
        let limits = Limits::default();
        for (age, most) in [(0, 5), (20, 5), (60, 15), (240, 60), (86_400, 60)] {
            let wait = limits.poll(Duration::from_secs(age));
            let most = Duration::from_secs(most);
            assert!(wait >= most / 2 && wait <= most, "{age}: {wait:?}");
        }
        let endless = Limits { poll_every: Duration::ZERO, ..Limits::default() };
        assert_eq!(endless.poll(Duration::from_secs(9)), Duration::ZERO);
    }
}
