//! Every N days as the source counts them, anew each month: the rules' text is free, the instants are not.

use crate::dumps::*;
use crate::harness::Setup;
use crate::schedules::pattern_of;
use chrono::{Datelike, Days, NaiveDate, NaiveDateTime, TimeDelta, TimeZone};
use schedules::icalendar::EveryNDays;
use std::collections::BTreeSet;

/// Nine years, three of them leap years.
fn horizon() -> (NaiveDateTime, NaiveDateTime) {
    let day = |year| NaiveDate::from_ymd_opt(year, 1, 1).unwrap().and_hms_opt(0, 0, 0).unwrap();
    (day(2018), day(2029))
}

/// When the source fires: on the local days 1, 1+N, 1+2N, … of each month, at times that are stored in UTC.
fn fires(every: u32, times: &[(u32, u32)], offset_minutes: i64) -> BTreeSet<NaiveDateTime> {
    let (from, to) = horizon();
    let offset = TimeDelta::minutes(offset_minutes);
    let mut found = BTreeSet::new();
    let mut day = from.date() - Days::new(2);
    while day < to.date() + Days::new(2) {
        for (hour, minute) in times {
            let utc = day.and_hms_opt(*hour, *minute, 0).unwrap();
            if ((utc + offset).day() - 1).is_multiple_of(every) && utc >= from && utc < to {
                found.insert(utc);
            }
        }
        day = day + Days::new(1);
    }
    found
}

/// When Karbor fires: all rules from the start time on, as dateutil does it.
fn fires_by_rules(rules: &[String]) -> BTreeSet<NaiveDateTime> {
    let (from, to) = horizon();
    let start = rrule::Tz::UTC.from_utc_datetime(&from);
    let mut found = BTreeSet::new();
    for rule in rules {
        let parsed: rrule::RRule<rrule::Unvalidated> = format!("FREQ={rule}").parse().unwrap();
        let set = parsed.build(start).unwrap_or_else(|error| panic!("{rule}: {error}"));
        for instant in &set {
            let instant = instant.naive_utc();
            if instant >= to {
                break;
            }
            found.insert(instant);
        }
    }
    found
}

#[test]
fn karbor_fires_at_the_instants_of_the_source() {
    let setup = Setup::set(|settings| settings.every_n_days = EveryNDays::MonthDays);
    type Times<'t> = (&'t str, &'t [(u32, u32)]);
    let cases: [(u32, Times<'_>, &str, i64); 12] = [
        (2, ("01:00", &[(1, 0)]), "UTC+08:00", 480),
        (2, ("20:00", &[(20, 0)]), "UTC+08:00", 480),
        (3, ("01:00,20:30", &[(1, 0), (20, 30)]), "UTC+08:00", 480),
        (7, ("16:00", &[(16, 0)]), "UTC+08:00", 480),
        (14, ("23:59", &[(23, 59)]), "UTC+14:00", 840),
        (29, ("00:00", &[(0, 0)]), "UTC-12:00", -720),
        (30, ("03:00", &[(3, 0)]), "UTC-05:00", -300),
        (28, ("03:00", &[(3, 0)]), "UTC-05:00", -300),
        (27, ("03:00,12:00", &[(3, 0), (12, 0)]), "UTC-03:30", -210),
        (15, ("02:15", &[(2, 15)]), "UTC-05:00", -300),
        (31, ("04:59,05:59", &[(4, 59), (5, 59)]), "UTC-05:00", -300),
        (5, ("12:00", &[(12, 0)]), "UTC", 0),
    ];
    for (every, (text, times), zone, offset) in cases {
        let row = policy("p").with_all(&[
            ("back_up_frequency", &every.to_string()),
            ("back_up_start_time", text),
            ("extra_info", &format!(r#"{{"time_zone":"{zone}"}}"#)),
        ]);
        let out = setup.convert(&[row]);
        let lines = pattern_of(out.only("triggers"));
        assert_eq!(lines[1], format!("X-VBS-FREQUENCY:{every}"), "{lines:?}");
        let (expected, found) = (fires(every, times, offset), fires_by_rules(&lines[2..]));
        let missing: Vec<_> = expected.difference(&found).take(5).collect();
        let extra: Vec<_> = found.difference(&expected).take(5).collect();
        assert!(
            missing.is_empty() && extra.is_empty(),
            "{every} {text} {zone}: {lines:?}\n{missing:?}\n{extra:?}"
        );
    }
}

/// What repeats every day or every week is written alike in both modes.
#[test]
fn other_schedules_are_written_as_ever() {
    let exact = Setup::set(|settings| settings.every_n_days = EveryNDays::MonthDays);
    for row in [policy("p"), policy("p").without("back_up_frequency").with("week_frequency", "MON,FRI")] {
        let rows = [row];
        let text = |setup: &Setup| pattern_of(setup.convert(&rows).only("triggers"));
        assert_eq!(text(&exact), text(&Setup::default()));
    }
}
