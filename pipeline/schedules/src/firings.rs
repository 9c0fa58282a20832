//! Proof that a schedule survived: when the source would fire, and when Karbor will.
//!
//! Two accounts of the same policy are compared. The source's ([`source_firings`]) walks the stored schedule through the days
//! of the user's own calendar and clock, by Quartz's rules; it knows no pattern. Karbor's is the pattern's text as a
//! library for RFC 5545 reads it ([`crate::icalendar::occurrences`]), from the trigger's start time, in UTC; it knows no
//! schedule. Where they part, a [`Drift`] says when and how far, and a [`Verdict`] whether the contract accepts it.
//! Nothing here is a judge of rows: that a trigger is there at all is somebody else's question.

mod drift;
mod proof;
mod source;
#[cfg(test)]
mod tests;
mod week;

pub use self::drift::{Cause, Drift, Side};
pub use self::proof::{Proof, Prover, Subject, Verdict};
pub use self::source::{WallClock, source_firings};
pub use self::week::{HOURS_OF_WEEK, WeekHours};

/// Seconds of a day.
const DAY: i64 = 86_400;

/// How far firings are compared where nobody says: over a year, with a month to spare.
pub const DEFAULT_HORIZON_DAYS: u16 = 400;

/// The span of time over which firings are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Horizon {
    from: i64,
    days: u16,
}

impl Horizon {
    /// So many days from an instant on, given in seconds since 1970-01-01 00:00:00 UTC.
    #[must_use]
    pub fn new(from: i64, days: u16) -> Self {
        Self { from, days }
    }

    /// The first second.
    #[must_use]
    pub fn from(self) -> i64 {
        self.from
    }

    /// The first second that is no more part of it.
    #[must_use]
    pub fn to(self) -> i64 {
        self.from.saturating_add(i64::from(self.days) * DAY)
    }

    /// How many days it has.
    #[must_use]
    pub fn days(self) -> u16 {
        self.days
    }
}
