//! The stored schedule of a pattern, told by when it fires: rules can say the same in many ways.

use std::collections::BTreeMap;
use std::num::NonZeroU16;

use crate::schedule::Schedule;
use crate::schedule::times::{Days, MinuteOfDay, WeekdaySet};
use crate::zone::Offset;
use chrono::{DateTime, Datelike, NaiveDateTime};

use super::occurrences::{OccurrencesError, START_FORMAT, occurrences};
use super::read;

/// Minutes of a day.
const DAY: i64 = 1440;

/// How many days of firings are looked at: two years, and what months' ends and leap days need besides.
const LOOKED_AT: i64 = 800;

/// Times of a day; Karbor fires a policy at most once an hour.
const TIMES: usize = 24;

/// The days on which a pattern fires, and the times of each, in minutes.
type Fired = BTreeMap<i64, Vec<i64>>;

/// The schedule that fires as the pattern does from `start_time` on, in the days of a user who lives `offset` east of UTC, if there
/// is one: at the same times on days of the week, on every Nth day of a month, or every N days.
///
/// # Errors
///
/// [`OccurrencesError`] if Karbor would refuse the trigger.
pub fn schedule_of_firings(
    pattern: &str,
    start_time: &str,
    offset: Offset,
) -> Result<Option<Schedule>, OccurrencesError> {
    let start = NaiveDateTime::parse_from_str(start_time, START_FORMAT)
        .map_err(|_| OccurrencesError::Start(start_time.to_owned()))?
        .and_utc()
        .timestamp()
        .div_euclid(60);
    // From the user's first whole day on.
    let east = i64::from(offset.minutes());
    let from = ((start + east).div_euclid(DAY) + 1) * DAY - east;
    let to = from + LOOKED_AT * DAY;
    let most = usize::try_from(LOOKED_AT).unwrap_or(0) * TIMES;
    let instants = occurrences(pattern, start_time, from * 60)?;
    let instants: Vec<i64> = instants.take_while(|at| *at < to * 60).take(most + 1).collect();
    // Of a pattern that ends the schedule would not.
    if instants.len() > most || instants.iter().any(|at| at % 60 != 0) || ends(pattern)? {
        return Ok(None);
    }
    let fired = |east: i64| {
        let mut days = Fired::new();
        for minute in instants.iter().map(|at| at / 60) {
            days.entry((minute + east).div_euclid(DAY)).or_default().push(minute.rem_euclid(DAY));
        }
        days
    };
    let local = fired(east);
    let first = (from + east).div_euclid(DAY);
    let made = days_of(&local, first).and_then(|days| schedule(&local, days));
    Ok(made.or_else(|| {
        let utc = fired(0);
        interval_of(&utc).and_then(|days| schedule(&utc, days))
    }))
}

/// Whether a rule has an end.
fn ends(pattern: &str) -> Result<bool, OccurrencesError> {
    let lines = read::unfold(&read::decoded(pattern));
    let has_end = |part: &str| {
        let name = part.split('=').next().unwrap_or_default();
        name.eq_ignore_ascii_case("COUNT") || name.eq_ignore_ascii_case("UNTIL")
    };
    Ok(read::event_rules(&lines)?.iter().any(|rule| rule.split(';').any(has_end)))
}

/// The schedule, if all days have the same times.
fn schedule(fired: &Fired, days: Days) -> Option<Schedule> {
    let times = fired.values().next()?;
    if fired.values().any(|other| other != times) {
        return None;
    }
    let time =
        |minute: &i64| MinuteOfDay::new(u8::try_from(minute / 60).ok()?, u8::try_from(minute % 60).ok()?);
    Some(Schedule::new(times.iter().map(time).collect::<Option<Vec<_>>>()?, days))
}

/// The days of the user on which it fires, of all that were looked at: every day, days of the week, or every Nth of a month.
fn days_of(fired: &Fired, first: i64) -> Option<Days> {
    let all = first..first + LOOKED_AT;
    let date = |day: i64| DateTime::from_timestamp(day * 86_400, 0).map(|at| at.date_naive());
    if fired.len() == usize::try_from(LOOKED_AT).ok()? {
        return Some(Days::EveryNDays(NonZeroU16::MIN));
    }
    let is_of = |chosen: &dyn Fn(chrono::NaiveDate) -> bool| {
        all.clone().all(|day| date(day).is_some_and(|date| chosen(date) == fired.contains_key(&day)))
    };
    let weekdays = fired.keys().filter_map(|day| date(*day)).map(|date| date.weekday());
    let weekdays = WeekdaySet::new(weekdays)?;
    if is_of(&|date| weekdays.contains(date.weekday())) {
        return Some(Days::Weekdays(weekdays));
    }
    let n = (2..=31u16).find(|n| is_of(&|date| date.day0() % u32::from(*n) == 0))?;
    NonZeroU16::new(n).map(Days::EveryNDays)
}

/// Every N days of UTC, as Karbor counts an interval.
fn interval_of(fired: &Fired) -> Option<Days> {
    let days: Vec<i64> = fired.keys().copied().collect();
    let mut gaps = days.iter().zip(days.iter().skip(1)).map(|(one, next)| next - one);
    let gap = gaps.next()?;
    let n = NonZeroU16::new(u16::try_from(gap).ok()?)?;
    gaps.all(|other| other == gap).then_some(Days::EveryNDays(n))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::icalendar::start::START_TIME;
    use crate::icalendar::{EveryNDays, pattern};

    const EAST: i16 = 480;

    fn found(rules: &[&str], start_time: &str, east: i16) -> Option<Schedule> {
        let rules: String = rules.iter().map(|rule| format!("RRULE:{rule}\n")).collect();
        let text = format!("BEGIN:VEVENT\n{rules}END:VEVENT\n");
        schedule_of_firings(&text, start_time, Offset::from_minutes(east).unwrap()).unwrap()
    }

    #[track_caller]
    fn check(rules: &[&str], east: i16, expected: Option<(&str, i64, &str)>) {
        let expected = expected.map(|(times, frequency, weekdays)| {
            Schedule::from_fields(Some(times), Some(frequency), Some(weekdays)).unwrap()
        });
        assert_eq!(found(rules, START_TIME, east), expected, "{rules:?}");
    }

    #[test]
    fn rules_that_say_the_same_otherwise_have_the_same_schedule() {
        check(&["FREQ=HOURLY;BYHOUR=1;BYMINUTE=0"], 0, Some(("01:00", 1, "")));
        check(&["FREQ=HOURLY;INTERVAL=12"], 0, Some(("00:00,12:00", 1, "")));
        check(&["FREQ=MINUTELY;INTERVAL=360;BYDAY=MO"], 0, Some(("00:00,06:00,12:00,18:00", 0, "MON")));
        check(&["FREQ=DAILY;BYDAY=MO;BYHOUR=1;BYSECOND=0;WKST=SU"], 0, Some(("01:00", 0, "MON")));
        // Sunday 23:00 and Monday 01:00 are one user's Monday.
        let rules = ["FREQ=DAILY;BYDAY=SU;BYHOUR=23", "FREQ=WEEKLY;BYDAY=MO;BYHOUR=1"];
        check(&rules, EAST, Some(("01:00,23:00", 0, "MON")));
        check(&rules, 0, None);
        check(&["FREQ=HOURLY;INTERVAL=72"], 0, Some(("00:00", 3, "")));
        check(&["FREQ=MONTHLY;BYMONTHDAY=1,11,21,31"], 0, Some(("00:00", 10, "")));
        check(&["FREQ=MONTHLY;BYMONTHDAY=1"], 0, Some(("00:00", 31, "")));
    }

    #[test]
    fn what_no_schedule_fires_like_has_none() {
        for rules in [
            &["FREQ=SECONDLY"][..],
            &["FREQ=MINUTELY;INTERVAL=30"],
            &["FREQ=DAILY;BYSECOND=30"],
            &["FREQ=DAILY;COUNT=5000"],
            &["FREQ=DAILY;UNTIL=20400101T000000"],
            &["FREQ=MONTHLY;BYMONTHDAY=2"],
            &["FREQ=DAILY;BYMONTH=1"],
            &["FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TU"],
            &["FREQ=DAILY;BYHOUR=1", "FREQ=DAILY;INTERVAL=2;BYHOUR=2"],
        ] {
            check(rules, 0, None);
        }
    }

    #[test]
    fn the_start_times_time_is_a_time() {
        let schedule = found(&["FREQ=DAILY"], "2020-02-29 09:31:00", 0).unwrap();
        assert_eq!(schedule, Schedule::from_fields(Some("09:31"), Some(1), Some("")).unwrap());
        assert_eq!(found(&["FREQ=DAILY"], "2020-02-29 09:31:08", 0), None);
    }

    #[test]
    fn patterns_of_ours_have_the_schedule_that_they_were_made_of() {
        let offset = Offset::from_minutes(EAST).unwrap();
        for (times, frequency, weekdays) in
            [("01:00,23:00", 0, "MON,THU"), ("16:00,18:00", 1, ""), ("16:00", 10, ""), ("00:30", 2, "")]
        {
            let schedule = Schedule::from_fields(Some(times), Some(frequency), Some(weekdays)).unwrap();
            for every in [EveryNDays::Interval, EveryNDays::MonthDays] {
                let pattern = pattern(&schedule, offset, Some(offset), every).unwrap();
                let found = schedule_of_firings(pattern.as_str(), START_TIME, offset).unwrap();
                assert_eq!(found.as_ref(), Some(&schedule), "{every:?}");
            }
        }
    }
}
