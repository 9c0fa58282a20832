//! When a stored schedule fires, worked out day by day.
//!
//! This is the other account of a schedule: it knows nothing of iCalendar and walks the user's own days, so it can
//! bear witness for the patterns. It must stay free of everything the patterns are made with.

use std::num::NonZeroU16;

use crate::schedule::Schedule;
use crate::schedule::times::Days;
use crate::zone::Offset;
use chrono::{Datelike, NaiveDate};

use crate::icalendar::start::START_MINUTE;

/// Minutes of a day.
const DAY: i64 = 1440;

/// The instants at which the source fires the schedule: minutes since 1970-01-01 00:00:00 UTC, ascending, from
/// `from` on and before `to`.
///
/// The stored times are UTC. The days are those of the user, who lives `offset` east of UTC: days of the week, or
/// the 1st, 1+Nth, 1+2Nth… of every month (the count restarts with the month).
pub fn firings(schedule: &Schedule, offset: Offset, from: i64, to: i64) -> impl Iterator<Item = i64> + use<> {
    let days = schedule.days();
    walk(schedule, offset, from, to, move |day| {
        let Some(date) = i32::try_from(day).ok().and_then(NaiveDate::from_epoch_days) else {
            return false;
        };
        match days {
            Days::Weekdays(set) => set.contains(date.weekday()),
            Days::EveryNDays(n) => date.day0() % u32::from(n.get()) == 0,
        }
    })
}

/// The instants of a schedule whose days are every Nth UTC day counted from the start time, as Karbor counts an
/// interval. Minutes since 1970-01-01 00:00:00 UTC, from `from` on and before `to`.
pub fn interval_firings(
    schedule: &Schedule,
    n: NonZeroU16,
    from: i64,
    to: i64,
) -> impl Iterator<Item = i64> + use<> {
    let first = START_MINUTE / DAY;
    walk(schedule, Offset::UTC, from, to, move |day| {
        day >= first && (day - first).rem_euclid(i64::from(n.get())) == 0
    })
}

/// The schedule's times on the days, `offset` east of UTC, for which `runs` says so. Days are counted from
/// 1970-01-01.
fn walk<F: Fn(i64) -> bool>(
    schedule: &Schedule,
    offset: Offset,
    from: i64,
    to: i64,
    runs: F,
) -> impl Iterator<Item = i64> + use<F> {
    let east = i64::from(offset.minutes());
    let mut local: Vec<i64> =
        schedule.times().iter().map(|time| (i64::from(time.minutes()) + east).rem_euclid(DAY)).collect();
    local.sort_unstable();
    let (first, last) = (from.saturating_add(east).div_euclid(DAY), to.saturating_add(east).div_euclid(DAY));
    (first..=last)
        .filter(move |&day| runs(day))
        .flat_map(move |day| local.clone().into_iter().map(move |time| day * DAY + time - east))
        .skip_while(move |&instant| instant < from)
        .take_while(move |&instant| instant < to)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;

    /// The firings of a policy in the 35 days from 2018-01-28 00:00 UTC on, in UTC.
    #[track_caller]
    fn check(times: &str, frequency: i64, weekdays: &str, east: i16, expected: &[&str]) {
        let schedule = Schedule::from_fields(Some(times), Some(frequency), Some(weekdays)).unwrap();
        let from = START_MINUTE + 27 * DAY;
        let found: Vec<_> = firings(&schedule, Offset::from_minutes(east).unwrap(), from, from + 35 * DAY)
            .map(shown)
            .collect();
        assert_eq!(found, expected);
    }

    fn shown(instant: i64) -> String {
        DateTime::from_timestamp(instant * 60, 0).unwrap().format("%a %m-%d %H:%M").to_string()
    }

    #[test]
    fn days_of_the_week_are_the_users() {
        check(
            "01:00,23:00",
            0,
            "MON",
            8 * 60,
            &[
                // Monday 07:00 and 09:00 at UTC+08:00.
                "Sun 01-28 23:00",
                "Mon 01-29 01:00",
                "Sun 02-04 23:00",
                "Mon 02-05 01:00",
                "Sun 02-11 23:00",
                "Mon 02-12 01:00",
                "Sun 02-18 23:00",
                "Mon 02-19 01:00",
                "Sun 02-25 23:00",
                "Mon 02-26 01:00",
            ],
        );
        check(
            "03:30",
            0,
            "SAT",
            -5 * 60,
            &[
                // Saturday 22:30 at UTC-05:00.
                "Sun 01-28 03:30",
                "Sun 02-04 03:30",
                "Sun 02-11 03:30",
                "Sun 02-18 03:30",
                "Sun 02-25 03:30",
            ],
        );
    }

    #[test]
    fn every_n_days_restarts_on_the_users_first_of_the_month() {
        check(
            "16:00",
            10,
            "",
            8 * 60,
            &[
                // Midnight of the 31st, 1st, 11th, 21st and, February being short, 1st again.
                "Tue 01-30 16:00",
                "Wed 01-31 16:00",
                "Sat 02-10 16:00",
                "Tue 02-20 16:00",
                "Wed 02-28 16:00",
            ],
        );
        check("00:00", 45, "", 0, &["Thu 02-01 00:00", "Thu 03-01 00:00"]);
    }

    #[test]
    fn an_interval_is_counted_from_the_start_time() {
        let schedule = Schedule::from_fields(Some("01:00"), Some(2), None).unwrap();
        let from = START_MINUTE + 28 * DAY;
        let n = NonZeroU16::new(2).unwrap();
        let found: Vec<_> = interval_firings(&schedule, n, from, from + 5 * DAY).map(shown).collect();
        assert_eq!(found, ["Mon 01-29 01:00", "Wed 01-31 01:00", "Fri 02-02 01:00"]);
        assert_eq!(interval_firings(&schedule, n, START_MINUTE - 9 * DAY, START_MINUTE).count(), 0);
    }

    #[test]
    fn the_ends_are_half_open() {
        let schedule = Schedule::from_fields(Some("01:00"), Some(1), None).unwrap();
        let at = START_MINUTE + 60;
        assert_eq!(firings(&schedule, Offset::UTC, at, at + 1).collect::<Vec<_>>(), [at]);
        assert_eq!(firings(&schedule, Offset::UTC, at + 1, at + DAY).count(), 0);
        assert_eq!(firings(&schedule, Offset::UTC, at, at).count(), 0);
    }

    #[test]
    fn the_start_minute_is_the_start_time() {
        let start = DateTime::from_timestamp(START_MINUTE * 60, 0).unwrap();
        assert_eq!(start.format("%Y-%m-%d %H:%M:%S").to_string(), crate::icalendar::start::START_TIME);
    }
}
