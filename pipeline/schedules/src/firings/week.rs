//! When in the week backups start: counts by day and hour, which do not grow with time.

use crate::zone::Offset;

/// Hours of a week.
pub const HOURS_OF_WEEK: usize = 7 * 24;

/// Seconds of a week.
const WEEK: i64 = 7 * 86_400;

/// 1970-01-01 was a Thursday: the first Monday's midnight, in seconds.
const FIRST_MONDAY: i64 = 4 * 86_400;

/// Counts for each hour of the week, Monday 00:00 first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WeekHours([u64; HOURS_OF_WEEK]);

impl Default for WeekHours {
    fn default() -> Self {
        Self([0; HOURS_OF_WEEK])
    }
}

impl WeekHours {
    /// Counts instants, in seconds since 1970-01-01 00:00:00 UTC, by the hour that a clock `offset` east of UTC shows.
    pub fn note(&mut self, instants: impl IntoIterator<Item = i64>, offset: Offset) {
        for at in instants {
            let hour = (at + i64::from(offset.minutes()) * 60 - FIRST_MONDAY).rem_euclid(WEEK) / 3600;
            if let Some(count) = usize::try_from(hour).ok().and_then(|hour| self.0.get_mut(hour)) {
                *count += 1;
            }
        }
    }

    /// Adds another's counts, `times` over.
    pub fn add(&mut self, other: &Self, times: u64) {
        for (count, more) in self.0.iter_mut().zip(other.0) {
            *count = count.saturating_add(more.saturating_mul(times));
        }
    }

    /// The counts, Monday 00:00 first.
    #[must_use]
    pub fn counts(&self) -> &[u64; HOURS_OF_WEEK] {
        &self.0
    }
}
