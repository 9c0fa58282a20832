//! Proofs that a pattern fires when the source would have fired: against a day-by-day simulation for every month,
//! and against the library that checks each pattern.

use std::collections::HashMap;
use std::num::NonZeroU16;

use crate::schedule::Schedule;
use crate::schedule::times::{Days, MinuteOfDay, WeekdaySet};
use crate::zone::Offset;
use chrono::{Datelike, NaiveDate, Weekday};
use proptest::prelude::*;

use super::super::check::{check, pattern_firings};
use super::super::{EveryNDays, Frequency, PatternError, Rule, firings, pattern, read};
use crate::icalendar::rules::rules;
use crate::icalendar::start::START_MINUTE;

const DAY: i64 = 1440;

/// Whether a rule chooses a day, by the meaning RFC 5545 gives to the parts that month-days rules have.
fn falls_on(rule: &Rule, date: NaiveDate) -> bool {
    let chosen = |list: &[i16], value: u32| list.is_empty() || list.contains(&i16::try_from(value).unwrap());
    let from_end = i16::try_from(date.day()).unwrap() - i16::from(date.num_days_in_month()) - 1;
    assert!(matches!(rule.frequency, Frequency::Monthly | Frequency::Yearly));
    assert_eq!((rule.interval, rule.weekdays), (NonZeroU16::MIN, None));
    chosen(&rule.months, date.month())
        && chosen(&rule.year_days, date.ordinal())
        && (chosen(&rule.month_days, date.day()) || rule.month_days.contains(&from_end))
}

/// The UTC days of the simulated years, one bit for each, counted from the start time on.
type DayBits = [u64; 46];

/// None of them.
const NO_DAYS: DayBits = [0; 46];

/// The simulated years: eight, of which two are leap years.
fn simulated_days() -> Vec<NaiveDate> {
    let start = NaiveDate::from_ymd_opt(2018, 1, 1).unwrap();
    start.iter_days().take_while(|day| day.year() < 2026).collect()
}

/// Half hours of a day: times of day by which firings are told apart.
const HALF_HOURS: usize = 48;

/// The days on which rules fire, by half hour of the day: each rule is asked about each day. What a rule says of a day
/// is asked once for all its times.
fn simulate(
    rules: &[Rule],
    days: &[NaiveDate],
    asked: &mut HashMap<String, DayBits>,
) -> [DayBits; HALF_HOURS] {
    let mut found = [NO_DAYS; HALF_HOURS];
    for rule in rules {
        let of_days = Rule { hours: Vec::new(), minutes: Vec::new(), ..rule.clone() }.to_string();
        let chosen = *asked.entry(of_days).or_insert_with(|| {
            let mut chosen = NO_DAYS;
            for (index, _) in days.iter().enumerate().filter(|(_, date)| falls_on(rule, **date)) {
                chosen[index / 64] |= 1 << (index % 64);
            }
            chosen
        });
        for hour in &rule.hours {
            for minute in &rule.minutes {
                let slot = &mut found[usize::try_from((hour * 60 + minute) / 30).unwrap()];
                for (word, chosen) in slot.iter_mut().zip(chosen) {
                    // Karbor's rule set gives an instant once, however many of its rules give it.
                    assert_eq!(*word & chosen, 0, "twice at the same time: {rule}");
                    *word |= chosen;
                }
            }
        }
    }
    found
}

/// The days on which the source fires, by half hour of the day.
fn expect(schedule: &Schedule, offset: Offset, days: &[NaiveDate]) -> [DayBits; HALF_HOURS] {
    let mut expected = [NO_DAYS; HALF_HOURS];
    let to = START_MINUTE + i64::try_from(days.len()).unwrap() * DAY;
    for instant in firings(schedule, offset, START_MINUTE, to) {
        let since = usize::try_from(instant - START_MINUTE).unwrap();
        let (day, half_hour) = (since / 1440, since % 1440 / 30);
        expected[half_hour][day / 64] |= 1 << (day % 64);
    }
    expected
}

/// Every N from 2 to 31, every half hour's offset, every half hour of the day, every day of eight years with two leap
/// years among them. The 48 half hours are two patterns' times, since Karbor takes 24.
#[test]
fn month_days_fire_exactly_when_the_source_does() {
    let days = simulated_days();
    assert_eq!(days.len(), 8 * 365 + 2);
    let mut asked = HashMap::new();
    let mut shifts = [0; 3];
    for n in 2..=31 {
        for minute in [0, 30] {
            let times: Vec<_> = (0..24).map(|hour| MinuteOfDay::new(hour, minute).unwrap()).collect();
            let schedule =
                Schedule::new(times.iter().copied(), Days::EveryNDays(NonZeroU16::new(n).unwrap()));
            for half_hours in -24..=28 {
                let offset = Offset::from_minutes(half_hours * 30).unwrap();
                // As they are read from a pattern's text, which holds these very rules.
                let rules: Vec<Rule> = rules(&schedule, offset, EveryNDays::MonthDays)
                    .iter()
                    .map(|rule| rule.to_string().parse().unwrap())
                    .collect();
                let found = simulate(&rules, &days, &mut asked);
                assert!(found == expect(&schedule, offset, &days), "N = {n}, {offset}: {rules:?}");
                for time in &times {
                    shifts[usize::try_from(time.plus(offset.minutes()).0 + 1).unwrap()] += 1;
                }
            }
        }
    }
    assert!(shifts.iter().all(|&count| count > 1_000), "a shift was hardly tried: {shifts:?}");
}

/// The same with the library in place of the simulation, for the Ns whose last days are the 28th to the 31st.
#[test]
fn month_days_fire_exactly_when_the_source_does_by_the_library_too() {
    let times = [MinuteOfDay::MIDNIGHT, MinuteOfDay::new(12, 30).unwrap()];
    for n in [2, 3, 9, 14, 27, 28, 29, 30, 31] {
        let schedule = Schedule::new(times, Days::EveryNDays(NonZeroU16::new(n).unwrap()));
        for minutes in [-720, -30, 0, 30, 840] {
            let offset = Offset::from_minutes(minutes).unwrap();
            let text = pattern(&schedule, offset, None, EveryNDays::MonthDays).unwrap();
            let to = START_MINUTE + 3 * 366 * DAY;
            let expected: Vec<_> = firings(&schedule, offset, START_MINUTE, to).collect();
            let found = pattern_firings(text.as_str(), expected.len()).unwrap();
            assert!(found == expected, "N = {n}, {offset}: {text:?}");
        }
    }
}

#[test]
fn a_pattern_that_fires_at_other_times_is_caught() {
    let weekly = Schedule::from_fields(Some("01:00,23:00"), None, Some("MON")).unwrap();
    let monthly = Schedule::from_fields(Some("01:00"), Some(10), None).unwrap();
    let offset = Offset::from_minutes(480).unwrap();
    let event = |rule: &str| format!("BEGIN:VEVENT\r\n{rule}\r\nEND:VEVENT\r\n");
    for (schedule, every, text, expected) in [
        (
            &weekly,
            EveryNDays::Interval,
            // The days and hours of one rule multiply: four times a week instead of two.
            event("RRULE:FREQ=WEEKLY;BYDAY=SU,MO;BYHOUR=1,23;BYMINUTE=0"),
            "fires at 2018-01-01 23:00, expected 2018-01-07 23:00",
        ),
        (
            &weekly,
            EveryNDays::Interval,
            event("RRULE:FREQ=WEEKLY;BYDAY=MO;BYHOUR=1;BYMINUTE=0;COUNT=3"),
            "fires at 2018-01-08 01:00, expected 2018-01-07 23:00",
        ),
        (
            &monthly,
            EveryNDays::Interval,
            event("RRULE:FREQ=DAILY;INTERVAL=10;BYHOUR=1;BYMINUTE=0;COUNT=5"),
            "fires 5 times",
        ),
        (
            &monthly,
            EveryNDays::MonthDays,
            event("RRULE:FREQ=DAILY;INTERVAL=10;BYHOUR=1;BYMINUTE=0"),
            "fires at 2018-02-10 01:00, expected 2018-02-01 01:00",
        ),
        (&weekly, EveryNDays::Interval, event("RRULE:FREQ=WEEKLY;BYDAY=MO;BYHOUR=24"), "is refused: "),
        (&weekly, EveryNDays::Interval, event("COMMENT:nothing"), "the pattern's VEVENT has no RRULE"),
    ] {
        let error = check(&text, schedule, offset, every).unwrap_err();
        let PatternError::Unfaithful { pattern, what } = &error else { panic!("{error}") };
        assert_eq!(*pattern, text);
        assert!(what.starts_with(expected), "{what:?}, expected {expected:?}");
    }
}

fn any_offset() -> impl Strategy<Value = Offset> {
    prop_oneof![(-24i16..=28).prop_map(|half_hours| half_hours * 30), -720i16..=840]
        .prop_map(|minutes| Offset::from_minutes(minutes).unwrap())
}

/// Up to five times of day, often close to each other.
fn any_times() -> impl Strategy<Value = Vec<MinuteOfDay>> {
    let minute = prop_oneof![3 => Just(0u8), 2 => Just(30), 1 => 0u8..60];
    let time = (0u8..24, minute).prop_map(|(hour, minute)| MinuteOfDay::new(hour, minute).unwrap());
    prop::collection::vec(time, 1..=5)
}

fn any_weekdays() -> impl Strategy<Value = Days> {
    prop::sample::subsequence((0..7).map(|day| Weekday::try_from(day).unwrap()).collect::<Vec<_>>(), 1..=7)
        .prop_map(|days| Days::Weekdays(WeekdaySet::new(days).unwrap()))
}

fn any_days() -> impl Strategy<Value = Days> {
    let interval = prop_oneof![1u16..=31, 1u16..=366];
    prop_oneof![any_weekdays(), interval.prop_map(|n| Days::EveryNDays(NonZeroU16::new(n).unwrap()))]
}

proptest! {
    #[test]
    fn a_weekly_pattern_fires_exactly_when_the_source_does(
        times in any_times(),
        days in any_weekdays(),
        offset in any_offset(),
    ) {
        let schedule = Schedule::new(times, days);
        let written = pattern(&schedule, offset, Some(offset), EveryNDays::Interval);
        prop_assume!(written.is_ok());
        let expected: Vec<_> = firings(&schedule, offset, START_MINUTE, START_MINUTE + 60 * DAY).collect();
        let found = pattern_firings(written.unwrap().as_str(), expected.len());
        prop_assert_eq!(found, Ok(expected));
    }

    /// What is refused is exactly what has two firings less than an hour apart, looking at every instant of four
    /// years, which have all the ends a month can have.
    #[test]
    fn what_is_refused_is_what_fires_twice_within_an_hour(
        times in any_times(),
        days in any_days(),
        offset in any_offset(),
        exact: bool,
    ) {
        let schedule = Schedule::new(times, days);
        let every = if exact { EveryNDays::MonthDays } else { EveryNDays::Interval };
        let to = START_MINUTE + 4 * 366 * DAY;
        let instants: Vec<_> = match (days, every) {
            (Days::EveryNDays(n), EveryNDays::Interval) => {
                super::super::firings::interval_firings(&schedule, n, START_MINUTE, to).collect()
            }
            _ => firings(&schedule, offset, START_MINUTE, to).collect(),
        };
        let closest = instants.windows(2).map(|pair| pair[1] - pair[0]).min().unwrap();
        match pattern(&schedule, offset, None, every) {
            Ok(text) => prop_assert!(closest >= 60, "{closest} minutes apart: {text:?}"),
            Err(PatternError::TooClose { minutes, .. }) => {
                prop_assert!(closest < 60 && i64::from(minutes) >= closest, "{minutes} against {closest}");
            }
            Err(error) => prop_assert!(false, "{error}"),
        }
    }

    #[test]
    fn a_pattern_is_read_back_as_the_schedule_it_was_made_of(
        times in any_times(),
        days in any_days(),
        offset in any_offset(),
        with_zone: bool,
        exact: bool,
    ) {
        let schedule = Schedule::new(times, days);
        let every = if exact { EveryNDays::MonthDays } else { EveryNDays::Interval };
        let (offset, zone) = if with_zone { (offset, Some(offset)) } else { (Offset::UTC, None) };
        let written = pattern(&schedule, offset, zone, every);
        prop_assume!(written.is_ok());
        let text = written.unwrap().into_string();
        for text in [text.replace("\r\n", "\n"), text] {
            let calendar = read(&text).unwrap();
            prop_assert_eq!(calendar.zone, zone);
            prop_assert_eq!(calendar.schedule(), Some(schedule.clone()));
        }
    }
}
