//! What the patterns must be: their text case by case, what is refused, and that they are read back as written.
//! The proofs that they fire when the source does are in [`proof`].

use super::start::START_MINUTE;
use super::*;
use crate::cron;
use crate::schedule::Schedule;
use crate::zone::{Offset, Zone};
use proptest::prelude::*;

mod karbor;
mod proof;

/// A policy's fields and its offset in minutes.
type Policy<'a> = (&'a str, i64, &'a str, i16);

fn schedule(&(times, frequency, weekdays, _): &Policy) -> Schedule {
    Schedule::from_fields(Some(times), Some(frequency), Some(weekdays)).unwrap()
}

fn offset(minutes: i16) -> Offset {
    Offset::from_minutes(minutes).unwrap()
}

/// The RRULE lines of the policy's pattern, or the error.
fn rules_of(policy: &Policy, every: EveryNDays) -> Vec<String> {
    let zone = offset(policy.3);
    match pattern(&schedule(policy), zone, Some(zone), every) {
        Ok(pattern) => {
            read(pattern.as_str()).unwrap().rules.unwrap().iter().map(ToString::to_string).collect()
        }
        Err(error) => vec![error.to_string()],
    }
}

#[track_caller]
fn check(policy: Policy, expected: &[&str]) {
    assert_eq!(rules_of(&policy, EveryNDays::Interval), expected, "{policy:?}");
}

#[track_caller]
fn check_month_days(policy: Policy, expected: &[&str]) {
    assert_eq!(rules_of(&policy, EveryNDays::MonthDays), expected, "{policy:?}");
}

#[test]
fn the_restored_day_and_the_whole_text() {
    let text = pattern(
        &schedule(&("01:00,23:00", 0, "MON", 0)),
        offset(480),
        Some(offset(480)),
        EveryNDays::Interval,
    );
    let expected = "BEGIN:VCALENDAR\r\n\
                    X-WR-TIMEZONE:UTC+08:00\r\n\
                    BEGIN:VEVENT\r\n\
                    RRULE:FREQ=WEEKLY;BYDAY=SU;BYHOUR=23;BYMINUTE=0\r\n\
                    RRULE:FREQ=WEEKLY;BYDAY=MO;BYHOUR=1;BYMINUTE=0\r\n\
                    END:VEVENT\r\n\
                    END:VCALENDAR\r\n";
    assert_eq!(text.unwrap().into_string(), expected);
}

#[test]
fn without_a_zone_there_is_no_zone_line() {
    let text = pattern(&schedule(&("01:00", 0, "MON", 0)), Offset::UTC, None, EveryNDays::Interval).unwrap();
    let expected = "BEGIN:VCALENDAR\r\n\
                    BEGIN:VEVENT\r\n\
                    RRULE:FREQ=WEEKLY;BYDAY=MO;BYHOUR=1;BYMINUTE=0\r\n\
                    END:VEVENT\r\n\
                    END:VCALENDAR\r\n";
    assert_eq!(text.as_str(), expected);
}

#[test]
fn the_zone_line_is_always_an_offset() {
    for (zone, expected) in [
        ("Asia/Shanghai", "UTC+08:00"),
        ("utc", "UTC+00:00"),
        ("-0230", "UTC-02:30"),
        ("UTC+5:45", "UTC+05:45"),
    ] {
        let used = Zone::parse(zone).unwrap().offset_at(START_MINUTE * 60);
        let text = pattern(&schedule(&("01:00", 1, "", 0)), used, Some(used), EveryNDays::Interval).unwrap();
        assert_eq!(text.as_str().lines().nth(1), Some(&*format!("X-WR-TIMEZONE:{expected}")));
    }
}

#[test]
fn the_day_moves_where_adding_the_offset_leaves_the_day() {
    for (time, day, offset, expected) in [
        // Local 24:00 and later: the UTC day is the one before.
        ("16:00", "MON", 480, "SU;BYHOUR=16;BYMINUTE=0"),
        ("15:59", "MON", 480, "MO;BYHOUR=15;BYMINUTE=59"),
        ("23:59", "MON", 1, "SU;BYHOUR=23;BYMINUTE=59"),
        ("23:58", "MON", 1, "MO;BYHOUR=23;BYMINUTE=58"),
        ("23:59", "MON", 60, "SU;BYHOUR=23;BYMINUTE=59"),
        ("10:00", "MON", 840, "SU;BYHOUR=10;BYMINUTE=0"),
        // Local before 00:00: the UTC day is the one after.
        ("04:59", "SUN", -300, "MO;BYHOUR=4;BYMINUTE=59"),
        ("05:00", "SUN", -300, "SU;BYHOUR=5;BYMINUTE=0"),
        ("11:59", "SAT", -720, "SU;BYHOUR=11;BYMINUTE=59"),
        ("12:00", "SAT", -720, "SA;BYHOUR=12;BYMINUTE=0"),
        ("18:30", "MON", 330, "SU;BYHOUR=18;BYMINUTE=30"),
        ("00:00", "MON", 0, "MO;BYHOUR=0;BYMINUTE=0"),
    ] {
        check((time, 0, day, offset), &[&format!("FREQ=WEEKLY;BYDAY={expected}")]);
    }
}

#[test]
fn by_week_there_is_one_rule_for_each_shift_and_minute_in_that_order() {
    // The days are in order Monday to Sunday after the shift, whatever they were before.
    check(
        ("23:00,21:30,19:30,02:00,01:00,04:30", 0, "SUN,MON,WED", 480),
        &[
            "FREQ=WEEKLY;BYDAY=TU,SA,SU;BYHOUR=23;BYMINUTE=0",
            "FREQ=WEEKLY;BYDAY=TU,SA,SU;BYHOUR=19,21;BYMINUTE=30",
            "FREQ=WEEKLY;BYDAY=MO,WE,SU;BYHOUR=1,2;BYMINUTE=0",
            "FREQ=WEEKLY;BYDAY=MO,WE,SU;BYHOUR=4;BYMINUTE=30",
        ],
    );
    check(
        ("01:00,08:00", 0, "SAT", -360),
        &["FREQ=WEEKLY;BYDAY=SA;BYHOUR=8;BYMINUTE=0", "FREQ=WEEKLY;BYDAY=SU;BYHOUR=1;BYMINUTE=0"],
    );
}

#[test]
fn all_seven_days_stay_a_week() {
    let all = "SUN,MON,TUE,WED,THU,FRI,SAT";
    check(
        ("01:00,23:00", 0, all, 480),
        &[
            "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;BYHOUR=23;BYMINUTE=0",
            "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;BYHOUR=1;BYMINUTE=0",
        ],
    );
}

#[test]
fn every_day_there_is_one_rule_for_each_minute_and_no_interval() {
    for every in [EveryNDays::Interval, EveryNDays::MonthDays] {
        let policy = ("23:00,01:00,04:30", 1, "", 480);
        assert_eq!(
            rules_of(&policy, every),
            ["FREQ=DAILY;BYHOUR=1,23;BYMINUTE=0", "FREQ=DAILY;BYHOUR=4;BYMINUTE=30",]
        );
        let zone = Some(offset(480));
        let text = pattern(&schedule(&policy), offset(480), zone, every).unwrap().into_string();
        assert!(!text.contains("X-VBS-FREQUENCY"), "{text}");
    }
}

#[test]
fn every_n_days_is_an_interval_without_a_day_shift() {
    for east in [0, 480, -480] {
        check(
            ("23:00,01:00,04:30", 2, "", east),
            &["FREQ=DAILY;INTERVAL=2;BYHOUR=1,23;BYMINUTE=0", "FREQ=DAILY;INTERVAL=2;BYHOUR=4;BYMINUTE=30"],
        );
    }
    check(("", 0, "", 480), &["FREQ=DAILY;INTERVAL=14;BYHOUR=0;BYMINUTE=0"]);
    check(("", 366, "", 480), &["FREQ=DAILY;INTERVAL=366;BYHOUR=0;BYMINUTE=0"]);
}

#[test]
fn month_days_are_moved_to_utc() {
    check_month_days(("05:00", 10, "", 0), &["FREQ=MONTHLY;BYMONTHDAY=1,11,21,31;BYHOUR=5;BYMINUTE=0"]);
    check_month_days(("23:00", 10, "", 480), &["FREQ=MONTHLY;BYMONTHDAY=-1,10,20,30;BYHOUR=23;BYMINUTE=0"]);
    check_month_days(
        ("01:00", 10, "", -480),
        &[
            "FREQ=MONTHLY;BYMONTHDAY=2,12,22;BYHOUR=1;BYMINUTE=0",
            "FREQ=MONTHLY;BYMONTH=1,2,4,6,8,9,11;BYMONTHDAY=1;BYHOUR=1;BYMINUTE=0",
        ],
    );
    check_month_days(
        ("01:00", 29, "", -480),
        &[
            "FREQ=MONTHLY;BYMONTHDAY=2,31;BYHOUR=1;BYMINUTE=0",
            "FREQ=MONTHLY;BYMONTH=5,7,10,12;BYMONTHDAY=1;BYHOUR=1;BYMINUTE=0",
        ],
    );
    check_month_days(
        ("01:00", 9, "", -480),
        &[
            "FREQ=MONTHLY;BYMONTHDAY=2,11,20,29;BYHOUR=1;BYMINUTE=0",
            "FREQ=YEARLY;BYYEARDAY=60;BYMONTHDAY=1;BYHOUR=1;BYMINUTE=0",
        ],
    );
    check_month_days(
        ("01:00", 14, "", -480),
        &[
            "FREQ=MONTHLY;BYMONTHDAY=2,16,30;BYHOUR=1;BYMINUTE=0",
            "FREQ=YEARLY;BYYEARDAY=61;BYMONTHDAY=1;BYHOUR=1;BYMINUTE=0",
        ],
    );
    check_month_days(("05:00", 45, "", 0), &["FREQ=MONTHLY;BYMONTHDAY=1;BYHOUR=5;BYMINUTE=0"]);
}

#[test]
fn month_days_keep_their_n_after_the_zone() {
    let policy = ("23:00", 10, "", 480);
    let head = |zone| {
        let text = pattern(&schedule(&policy), offset(480), zone, EveryNDays::MonthDays).unwrap();
        text.as_str().split("BEGIN:VEVENT").next().unwrap().to_owned()
    };
    let zone = Some(offset(480));
    assert_eq!(head(zone), "BEGIN:VCALENDAR\r\nX-WR-TIMEZONE:UTC+08:00\r\nX-VBS-FREQUENCY:10\r\n");
    assert_eq!(head(None), "BEGIN:VCALENDAR\r\nX-VBS-FREQUENCY:10\r\n");
}

#[test]
fn two_firings_less_than_an_hour_apart_are_refused() {
    let refused = |first, second, minutes| {
        format!(
            "runs at {first} and {second} UTC, {minutes} minutes apart; \
             Karbor takes no less than 60: move the policy's times apart"
        )
    };
    let daily = |times, frequency| (times, frequency, "", 480);
    check(daily("01:00,01:30", 1), &[&refused("01:00", "01:30", 30)]);
    check(daily("01:00,01:59", 9), &[&refused("01:00", "01:59", 59)]);
    // Over the border of the day: every day, but not every other UTC day.
    check(daily("00:00,23:30", 1), &[&refused("23:30", "00:00", 30)]);
    check(
        daily("00:00,23:30", 2),
        &["FREQ=DAILY;INTERVAL=2;BYHOUR=0;BYMINUTE=0", "FREQ=DAILY;INTERVAL=2;BYHOUR=23;BYMINUTE=30"],
    );
    // At UTC+08:00 these two are 07:30 and 08:00 of one local day, which a week has once…
    check(("00:00,23:30", 0, "MON", 480), &[&refused("23:30", "00:00", 30)]);
    // …while in UTC they are the two ends of a day, and meet only if the next day runs too, or in an hour's time.
    check(
        ("00:00,23:30", 0, "MON,WED", 0),
        &["FREQ=WEEKLY;BYDAY=MO,WE;BYHOUR=0;BYMINUTE=0", "FREQ=WEEKLY;BYDAY=MO,WE;BYHOUR=23;BYMINUTE=30"],
    );
    check(("00:00,23:30", 0, "MON,TUE", 0), &[&refused("23:30", "00:00", 30)]);
    check(("00:00,23:30", 0, "SUN,MON", 0), &[&refused("23:30", "00:00", 30)]);
    // Exactly an hour is enough.
    check(daily("00:00,23:00", 1), &["FREQ=DAILY;BYHOUR=0,23;BYMINUTE=0"]);
    check(daily("01:30,02:30", 1), &["FREQ=DAILY;BYHOUR=1,2;BYMINUTE=30"]);
    // By month days the user's days count, and some have the 31st or 28th just before a 1st.
    check_month_days(("00:00,23:30", 10, "", 480), &[&refused("23:30", "00:00", 30)]);
    check_month_days(("00:00,23:30", 10, "", 0), &[&refused("23:30", "00:00", 30)]);
    check_month_days(("00:00,23:30", 9, "", 0), &[&refused("23:30", "00:00", 30)]);
    check_month_days(
        ("00:00,23:30", 8, "", 0),
        &[
            "FREQ=MONTHLY;BYMONTHDAY=1,9,17,25;BYHOUR=0;BYMINUTE=0",
            "FREQ=MONTHLY;BYMONTHDAY=1,9,17,25;BYHOUR=23;BYMINUTE=30",
        ],
    );
}

#[test]
fn more_than_24_times_a_day_are_refused() {
    let hourly = cron::parse("0 30 * * * ?").unwrap();
    assert!(pattern(&hourly, offset(480), None, EveryNDays::Interval).is_ok());
    let more = cron::parse("0 0/57 * ? * MON").unwrap();
    assert_eq!(
        pattern(&more, offset(480), None, EveryNDays::Interval).unwrap_err().to_string(),
        "runs 48 times a day; Karbor takes at most 24: remove times from the policy"
    );
}

#[test]
fn the_patterns_longest_and_shortest_cycles_are_told_apart() {
    // One firing a day, a week, every 366 days: nothing to be too close to but itself.
    for policy in [("12:00", 1, "", 0), ("12:00", 0, "MON", 0), ("12:00", 366, "", 0)] {
        assert_eq!(rules_of(&policy, EveryNDays::Interval).len(), 1, "{policy:?}");
        assert_eq!(rules_of(&policy, EveryNDays::MonthDays).len(), 1, "{policy:?}");
    }
}

#[test]
fn patterns_of_others_are_read() {
    // As an interface of Karbor's writes it: LF, no zone, a bare VEVENT, folded lines, a second VEVENT.
    for text in [
        "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nRRULE:FREQ=WEEKLY;BYDAY=TH;BYHOUR=12;BYMINUTE=27\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
        "BEGIN:VEVENT\nRRULE:FREQ=WEEKLY;INTERVAL=1;BYDAY=TH;BYHOUR=12;BYMINUTE=27;\nEND:VEVENT",
        "BEGIN:VEVENT\nRRULE:FREQ=WEEKLY;BYD\n AY=TH;BYHOUR=12;\r\n\tBYMINUTE=27\nEND:VEVENT\n",
        "begin:vevent\nDTSTART:20180101T000000Z\nrrule;X-A=b:FREQ=WEEKLY;BYDAY=TH;BYHOUR=12;BYMINUTE=27\nend:vevent\n\
         BEGIN:VEVENT\nRRULE:FREQ=DAILY\nEND:VEVENT\n",
    ] {
        let calendar = read(text).unwrap();
        let rules: Vec<_> = calendar.rules.as_ref().unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(rules, ["FREQ=WEEKLY;BYDAY=TH;BYHOUR=12;BYMINUTE=27"], "{text:?}");
        assert_eq!((calendar.zone, calendar.vbs_frequency), (None, None));
        assert_eq!(calendar.schedule(), Some(schedule(&("12:27", 0, "THU", 0))));
    }
}

#[test]
fn what_is_no_pattern_is_named() {
    let event = |inside: &str| {
        format!("BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n{inside}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n")
    };
    let no_event = "the pattern has no complete VEVENT; expected BEGIN:VEVENT, RRULE lines and END:VEVENT";
    for (text, expected) in [
        (String::new(), no_event),
        ("BEGIN:VCALENDAR\nEND:VCALENDAR\n".into(), no_event),
        ("BEGIN:VEVENT\nRRULE:FREQ=DAILY\n".into(), no_event),
        (event("DTSTART:20180101T000000Z"), "the pattern's VEVENT has no RRULE"),
        // A rule of a component inside is not the event's.
        (event("BEGIN:VALARM\nRRULE:FREQ=DAILY\nEND:VALARM"), "the pattern's VEVENT has no RRULE"),
        (event(" RRULE:FREQ=DAILY"), no_event),
        ("BEGIN:VEVENT \nRRULE:FREQ=DAILY\nEND:VEVENT".into(), no_event),
    ] {
        assert_eq!(read(&text).unwrap_err().to_string(), expected, "{text:?}");
    }
    let error = read(&event("RRULE:FREQ=DAILY;COUNT=3")).unwrap().rules.unwrap_err();
    assert_eq!(
        error.to_string(),
        "\"COUNT=3\" of a recurrence rule is not understood; expected FREQ, INTERVAL, BYMONTH, BYYEARDAY, BYMONTHDAY, BYDAY, BYHOUR \
         or BYMINUTE"
    );
    // Karbor passes over lines that it does not know.
    for line in ["X-WR-TIMEZONE:Nowhere", "X-VBS-FREQUENCY:0"] {
        let calendar = read(&event(&format!("RRULE:FREQ=DAILY\r\n{line}"))).unwrap();
        assert_eq!((calendar.zone, calendar.vbs_frequency), (None, None), "{line}");
    }
}

#[test]
fn a_pattern_edited_beyond_the_sources_schedules_has_none() {
    let event = |head: &str, rules: &[&str]| {
        let rules: String = rules.iter().map(|rule| format!("RRULE:{rule}\n")).collect();
        read(&format!("BEGIN:VCALENDAR\n{head}BEGIN:VEVENT\n{rules}END:VEVENT\nEND:VCALENDAR\n")).unwrap()
    };
    for (head, rules) in [
        // Different times on different days.
        ("", &["FREQ=WEEKLY;BYDAY=MO;BYHOUR=1;BYMINUTE=0", "FREQ=WEEKLY;BYDAY=TU;BYHOUR=2;BYMINUTE=0"][..]),
        // Sunday 23:00 and Monday 01:00 are one user's Monday at UTC+08:00, but not in UTC.
        ("", &["FREQ=WEEKLY;BYDAY=SU;BYHOUR=23;BYMINUTE=0", "FREQ=WEEKLY;BYDAY=MO;BYHOUR=1;BYMINUTE=0"]),
        ("", &["FREQ=DAILY;BYHOUR=1", "FREQ=DAILY;INTERVAL=2;BYHOUR=2"]),
        ("", &["FREQ=DAILY;BYHOUR=1", "FREQ=WEEKLY;BYDAY=MO;BYHOUR=2"]),
        ("", &["FREQ=WEEKLY;INTERVAL=2;BYDAY=MO"]),
        ("", &["FREQ=WEEKLY;BYHOUR=1"]),
        ("", &["FREQ=MONTHLY;BYMONTHDAY=1"]),
        ("", &["FREQ=DAILY;BYMONTH=1"]),
        ("X-VBS-FREQUENCY:10\n", &["FREQ=WEEKLY;BYDAY=MO;BYHOUR=1;BYMINUTE=0"]),
        ("X-VBS-FREQUENCY:10\n", &["FREQ=MONTHLY;BYMONTHDAY=1,11,21;BYHOUR=1;BYMINUTE=0"]),
    ] {
        assert_eq!(event(head, rules).schedule(), None, "{head:?} {rules:?}");
    }
    // One rule with several times, and the times' defaults, are still schedules.
    assert_eq!(
        event("", &["FREQ=DAILY;BYHOUR=1,2;BYMINUTE=0,30"]).schedule(),
        Some(schedule(&("01:00,01:30,02:00,02:30", 1, "", 0)))
    );
    assert_eq!(event("", &["FREQ=DAILY"]).schedule(), Some(schedule(&("00:00", 1, "", 0))));
}

proptest! {
    #[test]
    fn any_text_gives_an_answer(text in ".{0,80}") {
        if let Ok(calendar) = read(&text) {
            calendar.schedule();
        }
    }

    #[test]
    fn any_pieces_of_patterns_give_an_answer(
        pieces in prop::collection::vec(prop::sample::select(vec![
            "BEGIN:VEVENT", "END:VEVENT", "RRULE:", "FREQ=", "DAILY", "WEEKLY", ";", "BYDAY=", "MO", ",", "BYHOUR=",
            "1", "-", "INTERVAL=", "X-WR-TIMEZONE:", "UTC+08:00", "X-VBS-FREQUENCY:", "\r\n", "\n", " ", "é",
        ]), 0..40),
    ) {
        if let Ok(calendar) = read(&pieces.concat()) {
            calendar.schedule();
        }
    }
}
