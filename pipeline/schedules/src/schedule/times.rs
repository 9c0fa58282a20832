//! Times of day, weekdays and days: what a stored schedule consists of.

use chrono::Weekday;
use std::fmt;
use std::num::NonZeroU16;

/// Minutes of a day.
pub(crate) const DAY: i16 = 24 * 60;

/// A time of day in whole minutes since 00:00, 0…1439.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MinuteOfDay(i16);

impl MinuteOfDay {
    /// 00:00.
    pub const MIDNIGHT: MinuteOfDay = MinuteOfDay(0);

    /// The time of day `hour:minute`, or nothing if the hour is above 23 or the minute above 59.
    pub fn new(hour: u8, minute: u8) -> Option<MinuteOfDay> {
        (hour < 24 && minute < 60).then(|| MinuteOfDay(i16::from(hour) * 60 + i16::from(minute)))
    }

    /// The hour, 0…23.
    pub fn hour(self) -> i16 {
        self.0 / 60
    }

    /// The minute of the hour, 0…59.
    pub fn minute(self) -> i16 {
        self.0 % 60
    }

    /// Minutes since 00:00, 0…1439.
    pub fn minutes(self) -> i16 {
        self.0
    }

    /// The time of day `minutes` later (or earlier), and how many days later: −1, 0 or +1 for any offset's minutes.
    pub fn plus(self, minutes: i16) -> (i8, MinuteOfDay) {
        let sum = i32::from(self.0) + i32::from(minutes);
        let day = i32::from(DAY);
        // Both results fit: an i16 of minutes is at most 23 days.
        let days = i8::try_from(sum.div_euclid(day)).unwrap_or(0);
        let rest = i16::try_from(sum.rem_euclid(day)).unwrap_or(0);
        (days, MinuteOfDay(rest))
    }
}

impl fmt::Display for MinuteOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.hour(), self.minute())
    }
}

/// Days of the week: at least one of them.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct WeekdaySet(u8);

impl WeekdaySet {
    /// All seven days.
    pub const EVERY: WeekdaySet = WeekdaySet(0b111_1111);

    /// The set of these days, or nothing if there is none.
    pub fn new(days: impl IntoIterator<Item = Weekday>) -> Option<WeekdaySet> {
        let bits = days.into_iter().fold(0, |bits, day| bits | 1 << day.num_days_from_monday());
        (bits != 0).then_some(WeekdaySet(bits))
    }

    /// Whether the day is one of the set.
    pub fn contains(self, day: Weekday) -> bool {
        self.0 & 1 << day.num_days_from_monday() != 0
    }

    /// The days, in order Monday to Sunday.
    pub fn iter(self) -> impl Iterator<Item = Weekday> {
        (0..7).filter_map(|day| Weekday::try_from(day).ok()).filter(move |&day| self.contains(day))
    }

    /// The set with every day moved on by `days` (back if negative): +1 makes Sunday Monday.
    pub fn rotated(self, days: i8) -> WeekdaySet {
        let by = days.rem_euclid(7);
        WeekdaySet((self.0 << by | self.0 >> (7 - by)) & Self::EVERY.0)
    }
}

impl fmt::Debug for WeekdaySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// The days a policy runs on, counted in the user's zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Days {
    /// On the 1st of each month and every N days from there (VBS restarts the count each month), N = 1…366.
    EveryNDays(NonZeroU16),
    /// On these days of each week. All seven stay days of a week; they are not made "every day".
    Weekdays(WeekdaySet),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::Schedule;
    use crate::zone::Offset;
    use proptest::prelude::*;

    #[test]
    fn weekdays_turn_around_the_week() {
        let set = WeekdaySet::new([Weekday::Mon, Weekday::Sun]).unwrap();
        assert_eq!(format!("{:?}", set.rotated(1)), "{Mon, Tue}");
        assert_eq!(format!("{:?}", set.rotated(-1)), "{Sat, Sun}");
        assert_eq!(WeekdaySet::EVERY.rotated(-1), WeekdaySet::EVERY);
        assert_eq!(WeekdaySet::new([]), None);
    }

    fn any_time() -> impl Strategy<Value = MinuteOfDay> {
        (0u8..24, 0u8..60).prop_map(|(hour, minute)| MinuteOfDay::new(hour, minute).unwrap())
    }

    proptest! {
        /// The reasoning of `local_to_utc`, on instants: the restoring rule finds the local time and day again.
        #[test]
        fn a_local_time_turned_to_utc_is_restored(local in any_time(), minutes in -720i16..=840) {
            let offset = Offset::from_minutes(minutes).unwrap();
            let days = Days::EveryNDays(NonZeroU16::MIN);
            let utc = Schedule::new([local], days).local_to_utc(offset).times()[0];
            // The instant in minutes, on the local day 0.
            let instant = local.minutes() - minutes;
            let (shift, restored) = utc.plus(minutes);
            prop_assert_eq!(restored, local);
            prop_assert_eq!(instant.div_euclid(DAY), -i16::from(shift));
            prop_assert_eq!(instant.rem_euclid(DAY), utc.minutes());
        }

        #[test]
        fn rotating_forth_and_back_changes_nothing(bits in 1u8..128, by in -7i8..=7) {
            let set = WeekdaySet(bits);
            prop_assert_eq!(set.rotated(by).rotated(-by), set);
            prop_assert_eq!(set.rotated(by).iter().count(), set.iter().count());
        }
    }
}
