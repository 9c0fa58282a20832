//! The stretch of time over which firings are compared.

/// Seconds of a day.
pub(crate) const DAY: i64 = 86_400;

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
