//! The two accounts of a schedule, and where they part.

use super::horizon::{DAY, DEFAULT_HORIZON_DAYS, Horizon};
use super::*;
use crate::icalendar;
use crate::icalendar::start::START_TIME;
use crate::icalendar::{EveryNDays, occurrences};
use crate::schedule::Schedule;
use crate::zone::{Offset, Zone};
use chrono::DateTime;
use proptest::prelude::*;

/// An instant written `YYYY-MM-DD HH:MM`, UTC.
fn at(text: &str) -> i64 {
    DateTime::parse_from_rfc3339(&format!("{}:00Z", text.replace(' ', "T"))).unwrap().timestamp()
}

fn shown(instants: &[i64]) -> Vec<String> {
    let one = |at: &i64| DateTime::from_timestamp(*at, 0).unwrap().format("%m-%d %H:%M").to_string();
    instants.iter().map(one).collect()
}

/// A zone as it was when the policy was saved on the 1st of January (winter, in the north).
fn saved_in_winter(zone: &str) -> WallClock {
    let zone = Zone::parse(zone).unwrap();
    WallClock { zone, saved: zone.offset_at(at("2018-01-01 00:00")) }
}

fn schedule(times: &str, frequency: i64, weekdays: &str) -> Schedule {
    Schedule::from_fields(Some(times), Some(frequency), Some(weekdays)).unwrap()
}

#[track_caller]
fn fires(times: &str, zone: &str, from: &str, to: &str, expected: &[&str]) {
    let schedule = schedule(times, 1, "");
    let found = source_firings(&schedule, saved_in_winter(zone), at(from), at(to));
    assert_eq!(shown(&found), expected, "{times} in {zone}");
}

#[test]
fn the_source_fires_by_the_clock_on_the_wall() {
    // 01:00 UTC was saved where it was 02:00: in summer that is 00:00 UTC.
    fires(
        "01:00",
        "Europe/Berlin",
        "2018-03-24 00:00",
        "2018-03-27 00:00",
        &["03-24 01:00", "03-25 01:00", "03-26 00:00"],
    );
    // The same distance from UTC all year.
    fires(
        "01:00",
        "UTC+01:00",
        "2018-03-24 00:00",
        "2018-03-27 00:00",
        &["03-24 01:00", "03-25 01:00", "03-26 01:00"],
    );
    fires("16:00", "Asia/Shanghai", "2018-07-01 00:00", "2018-07-03 00:00", &["07-01 16:00", "07-02 16:00"]);
}

#[test]
fn what_summer_time_jumps_over_comes_later_and_what_comes_twice_is_the_second() {
    // 02:30 is no time on the 25th of March: the clock shows 03:30 then, which is 01:30 UTC.
    fires("01:30", "Europe/Berlin", "2018-03-25 00:00", "2018-03-26 12:00", &["03-25 01:30", "03-26 00:30"]);
    // 02:30 and 03:30 are the same instant on that day, and one firing.
    fires("01:30,02:30", "Europe/Berlin", "2018-03-25 00:00", "2018-03-25 12:00", &["03-25 01:30"]);
    // The time that was jumped over comes after a later one on the wall.
    fires(
        "01:30,02:00",
        "Europe/Berlin",
        "2018-03-25 00:00",
        "2018-03-25 12:00",
        &["03-25 01:00", "03-25 01:30"],
    );
    // 02:30 comes twice on the 28th of October: at 00:30 UTC and at 01:30 UTC.
    fires("01:30", "Europe/Berlin", "2018-10-28 00:00", "2018-10-29 12:00", &["10-28 01:30", "10-29 01:30"]);
    // Lord Howe Island jumps over half an hour, at 02:00.
    fires(
        "15:15",
        "Australia/Lord_Howe",
        "2018-10-05 00:00",
        "2018-10-08 00:00",
        &["10-05 15:45", "10-06 15:45", "10-07 15:15"],
    );
}

#[test]
fn the_ends_of_the_span_are_half_open() {
    let daily = schedule("01:00", 1, "");
    let clock = WallClock::fixed(Offset::UTC);
    let one = at("2018-01-05 01:00");
    assert_eq!(source_firings(&daily, clock, one, one + 1), [one]);
    assert_eq!(source_firings(&daily, clock, one + 1, one + DAY), [0; 0]);
}

/// The verdict of a policy over 400 days from the middle of 2026 on; `edit` is what someone did to the pattern.
fn verdict(
    schedule: &Schedule,
    clock: WallClock,
    written: EveryNDays,
    expected: EveryNDays,
    edit: impl Fn(&str) -> String,
) -> Verdict {
    let pattern = icalendar::pattern(schedule, clock.saved, Some(clock.saved), written).unwrap();
    let mut prover = Prover::new(Horizon::new(at("2026-06-15 10:30"), 400), expected, Offset::UTC);
    let pattern = edit(pattern.as_str());
    let subject = Subject { schedule, clock, pattern: &pattern, start_time: START_TIME };
    let proof = prover.prove(subject).clone();
    assert_eq!(*prover.prove(subject), proof, "a proof that is remembered is another");
    proof.verdict
}

fn as_it_is(pattern: &str) -> String {
    pattern.to_owned()
}

#[test]
fn what_fires_alike_is_exact() {
    let beijing = WallClock::fixed(Offset::from_minutes(480).unwrap());
    for (schedule, clock, written) in [
        (schedule("01:00,23:00", 0, "MON"), beijing, EveryNDays::Interval),
        (schedule("16:00", 1, ""), beijing, EveryNDays::Interval),
        (schedule("16:00,03:30", 3, ""), beijing, EveryNDays::MonthDays),
        (schedule("16:00", 2, ""), saved_in_winter("Asia/Kolkata"), EveryNDays::MonthDays),
        (schedule("00:00", 366, ""), beijing, EveryNDays::MonthDays),
    ] {
        assert_eq!(verdict(&schedule, clock, written, written, as_it_is), Verdict::Exact, "{schedule:?}");
    }
}

#[test]
fn drift_that_the_contract_knows_is_accepted_with_its_cause() {
    let beijing = WallClock::fixed(Offset::from_minutes(480).unwrap());
    let berlin = saved_in_winter("Europe/Berlin");
    let check = |schedule: Schedule, clock: WallClock, cause: Cause, said: &str| {
        let found = verdict(&schedule, clock, EveryNDays::Interval, EveryNDays::Interval, as_it_is);
        let Verdict::Accepted(found, drift) = found else { panic!("{found:?}") };
        assert_eq!((found, drift.to_string().as_str()), (cause, said));
    };
    check(
        schedule("01:00", 2, ""),
        beijing,
        Cause::Interval,
        "from 2026-06-16 01:00 UTC on, when only Karbor will run, up to 1 day apart",
    );
    check(
        schedule("01:00", 0, "MON,FRI"),
        berlin,
        Cause::SummerTime,
        "from 2026-06-19 00:00 UTC on, when only the source would run, up to 1 hour apart",
    );
    check(
        schedule("01:00", 10, ""),
        berlin,
        Cause::Both,
        "from 2026-06-18 01:00 UTC on, when only Karbor will run, up to 5 days apart",
    );
}

#[test]
fn any_other_difference_is_none_that_the_contract_knows() {
    let beijing = WallClock::fixed(Offset::from_minutes(480).unwrap());
    let weekly = schedule("01:00", 0, "MON");
    let moved = |pattern: &str| pattern.replace("BYHOUR=1", "BYHOUR=2");
    let found = verdict(&weekly, beijing, EveryNDays::Interval, EveryNDays::Interval, moved);
    let Verdict::Differs(drift) = found else { panic!("{found:?}") };
    assert_eq!((drift.side, drift.widest, drift.missed, drift.added), (Side::Source, Some(3600), 57, 57));
    assert!(!verdict(&weekly, beijing, EveryNDays::Interval, EveryNDays::Interval, moved).is_kept());

    // An interval where the exact days were meant, and an interval that is moved besides.
    let every_other = schedule("01:00", 2, "");
    let interval = verdict(&every_other, beijing, EveryNDays::Interval, EveryNDays::MonthDays, as_it_is);
    assert!(matches!(interval, Verdict::Differs(_)), "{interval:?}");
    let interval = verdict(&every_other, beijing, EveryNDays::Interval, EveryNDays::Interval, moved);
    assert!(matches!(interval, Verdict::Differs(_)), "{interval:?}");

    // Karbor stops one day; and never runs.
    let until = |pattern: &str| pattern.replace("BYMINUTE=0", "BYMINUTE=0;UNTIL=20260801T000000");
    let found = verdict(&weekly, beijing, EveryNDays::Interval, EveryNDays::Interval, until);
    let Verdict::Differs(drift) = found else { panic!("{found:?}") };
    assert_eq!((shown(&[drift.parts]), drift.added), (vec!["08-03 01:00".to_owned()], 0));
    let once = |pattern: &str| pattern.replace("BYMINUTE=0", "BYMINUTE=0;COUNT=1");
    let found = verdict(&weekly, beijing, EveryNDays::Interval, EveryNDays::Interval, once);
    let Verdict::Differs(drift) = found else { panic!("{found:?}") };
    assert_eq!(
        drift.to_string(),
        "from 2026-06-22 01:00 UTC on, when only the source would run, without a neighbour"
    );
}

#[test]
fn a_trigger_that_karbor_refuses_is_told() {
    let daily = schedule("01:00", 1, "");
    let mut prover = Prover::new(Horizon::new(0, 400), EveryNDays::Interval, Offset::UTC);
    for (pattern, start_time, said) in [
        (
            "nothing",
            START_TIME,
            "the pattern has no complete VEVENT; expected BEGIN:VEVENT, RRULE lines and END:VEVENT",
        ),
        (
            "BEGIN:VEVENT\r\nRRULE:FREQ=DAILY\r\nEND:VEVENT\r\n",
            "2018-01-01T00:00:00",
            "start_time is \"2018-01-01T00:00:00\"; expected YYYY-MM-DD HH:MM:SS",
        ),
    ] {
        let subject = Subject { schedule: &daily, clock: WallClock::fixed(Offset::UTC), pattern, start_time };
        let Verdict::Refused(error) = &prover.prove(subject).verdict else { panic!("{pattern}") };
        assert_eq!(error.to_string(), said);
    }
}

#[test]
fn a_week_has_the_hours_of_the_clock_that_is_shown() {
    let mut week = WeekHours::default();
    // A Monday, 00:30 UTC: Monday 06:00 at UTC+05:30, Sunday 23:30 at UTC-01:00.
    let monday = at("2018-01-01 00:30");
    week.note([monday], Offset::from_minutes(330).unwrap());
    week.note([monday], Offset::from_minutes(-60).unwrap());
    assert_eq!((week.counts()[6], week.counts()[6 * 24 + 23], week.counts().iter().sum::<u64>()), (1, 1, 2));
    let mut twice = WeekHours::default();
    twice.add(&week, 3);
    assert_eq!(twice.counts()[6], 3);
}

#[test]
fn the_picture_of_the_week_is_that_of_whole_weeks() {
    let daily = schedule("01:00", 1, "");
    let pattern = icalendar::pattern(&daily, Offset::UTC, None, EveryNDays::Interval).unwrap();
    let mut prover = Prover::new(Horizon::new(at("2026-06-15 10:30"), 15), EveryNDays::Interval, Offset::UTC);
    let clock = WallClock::fixed(Offset::UTC);
    let proof =
        prover.prove(Subject { schedule: &daily, clock, pattern: pattern.as_str(), start_time: START_TIME });
    for week in [&proof.source, &proof.karbor] {
        let counts = week.counts();
        assert!(
            (0..7).all(|day| counts[day * 24 + 1] == 2) && counts.iter().sum::<u64>() == 14,
            "{counts:?}"
        );
    }
}

proptest! {
    /// Years that need not be counted through change nothing.
    #[test]
    fn a_later_start_gives_the_same_instants(
        hours in prop::collection::btree_set(0i64..24, 1..3),
        frequency in 0i64..40,
        weekday in prop::sample::select(vec!["MON", "SUN,WED", "SUN,MON,TUE,WED,THU,FRI,SAT"]),
        offset in (-24i16..=28).prop_map(|half_hours| Offset::from_minutes(half_hours * 30).unwrap()),
        exact: bool,
        days in 0i64..900,
    ) {
        let times: Vec<_> = hours.iter().map(|hour| format!("{hour:02}:30")).collect();
        let schedule = schedule(&times.join(","), frequency, weekday);
        let every = if exact { EveryNDays::MonthDays } else { EveryNDays::Interval };
        let pattern = icalendar::pattern(&schedule, offset, None, every).unwrap();
        let from = at("2018-01-01 00:00") + days * DAY + 5 * 3600;
        // A rule with a second is one that the short cut is not taken for.
        let counted = pattern.as_str().replace("BYMINUTE=30", "BYMINUTE=30;BYSECOND=0");
        let near: Vec<_> = occurrences(pattern.as_str(), START_TIME, from).unwrap().take(40).collect();
        let far: Vec<_> = occurrences(&counted, START_TIME, from).unwrap().take(40).collect();
        prop_assert_eq!(near, far);
    }

    /// Whatever a zone's clock does, the source fires by it: on the user's days, at the user's times or, where they are
    /// jumped over, later on.
    #[test]
    fn firings_show_the_users_times_on_the_wall(
        hour in 0i64..24,
        zone in prop::sample::select(vec!["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Shanghai"]),
        weekday in prop::sample::select(vec!["MON", "SUN", "SAT"]),
    ) {
        let schedule = schedule(&format!("{hour:02}:30"), 0, weekday);
        let clock = saved_in_winter(zone);
        let Zone::Named(tz) = clock.zone else { panic!() };
        let found = source_firings(&schedule, clock, at("2018-01-03 00:00"), at("2020-01-01 00:00"));
        prop_assert!((103..=105).contains(&found.len()), "{}", found.len());
        let wall = |at: i64| DateTime::from_timestamp(at, 0).unwrap().with_timezone(&tz).naive_local();
        let first = wall(found[0]);
        for pair in found.windows(2) {
            let (one, next) = (wall(pair[0]), wall(pair[1]));
            prop_assert!(next.time() == first.time() || (next - one).num_minutes() != 7 * 1440, "{one} {next}");
            prop_assert_eq!((next.date() - one.date()).num_days(), 7);
        }
    }
}

#[test]
fn a_pattern_that_fires_all_the_time_is_told_soon() {
    let schedule = Schedule::from_fields(Some("01:00"), Some(1), None).unwrap();
    let from = icalendar::start::START_MINUTE * 60 + 3_000 * 86_400;
    for (rule, missed) in [("FREQ=SECONDLY", 0), ("FREQ=MINUTELY", 0), ("FREQ=SECONDLY;INTERVAL=7", 8)] {
        let pattern = format!("BEGIN:VEVENT\nRRULE:{rule}\nEND:VEVENT\n");
        let mut prover =
            Prover::new(Horizon::new(from, DEFAULT_HORIZON_DAYS), EveryNDays::Interval, Offset::UTC);
        let subject = Subject {
            schedule: &schedule,
            clock: WallClock::fixed(Offset::UTC),
            pattern: &pattern,
            start_time: START_TIME,
        };
        let begun = std::time::Instant::now();
        let proof = prover.prove(subject);
        assert!(begun.elapsed() < std::time::Duration::from_secs(20), "{:?}", begun.elapsed());
        let Verdict::Differs(drift) = &proof.verdict else { panic!("{rule}: {:?}", proof.verdict) };
        assert_eq!(
            (drift.missed, drift.parts - from <= 60, drift.side),
            (missed, true, Side::Karbor),
            "{rule}"
        );
        assert!(drift.added >= 90_000, "{rule}: {}", drift.added);
    }
}
