//! Schedules as VBS and DPS hold them: times of day × days.
//!
//! The stored form is kept as it is: VBS stores its times in UTC and its days as days of the user's zone. Which
//! UTC day a time falls on is worked out where the pattern is written, because only there the zone is at hand.
//! The same type is made from the sources' schedule columns (here) and from Quartz expressions ([`crate::cron`]).

use crate::schedule::times::{Days, MinuteOfDay};

use crate::zone::Offset;

pub use self::error::{CronPart, Field, Reason, ScheduleError};
pub(crate) use self::weekdays::{day_of_name, day_of_number};

mod error;
mod fields;
pub mod times;
pub mod weekdays;

/// Times of day × days: the schedule runs at each of the times on each of the days.
///
/// Two schedules are equal if they hold the same times and days, however they were written. The times are as
/// stored, in UTC; the days are those of the user's zone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Schedule {
    times: Vec<MinuteOfDay>,
    days: Days,
}

impl Schedule {
    /// The schedule of these times and days: times may repeat and be in any order, none means 00:00.
    pub fn new(times: impl IntoIterator<Item = MinuteOfDay>, days: Days) -> Schedule {
        let mut times: Vec<_> = times.into_iter().collect();
        times.sort_unstable();
        times.dedup();
        if times.is_empty() {
            times.push(MinuteOfDay::MIDNIGHT);
        }
        Schedule { times, days }
    }

    /// The times of day, ascending, each once, at least one.
    pub fn times(&self) -> &[MinuteOfDay] {
        &self.times
    }

    /// The days.
    pub fn days(&self) -> Days {
        self.days
    }

    /// The stored form of a schedule whose times are local, as those of a DPS timer with a zone: the times are
    /// turned to UTC, the days stay the user's.
    ///
    /// Nothing is lost by forgetting on which UTC day a time fell. A local time l on the local day D is the UTC
    /// time t = l − offset + 1440·k, with k the one number that puts t into 0…1439, and lies on the UTC day
    /// D − k. Reading it back, t + offset = l + 1440·k: at 1440 or above exactly if k = 1 (the UTC day is the
    /// local one − 1), below 0 exactly if k = −1 (the local one + 1). That is the rule VBS's times are read by,
    /// so one rule serves both.
    #[must_use]
    pub fn local_to_utc(&self, offset: Offset) -> Schedule {
        Schedule::new(self.times.iter().map(|time| time.plus(-offset.minutes()).1), self.days)
    }
}
