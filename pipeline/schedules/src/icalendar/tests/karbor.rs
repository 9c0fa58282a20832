//! What Karbor 1.6.0 makes of patterns: its class ICal (`timeformats/calendar_time.py`), with icalendar 4.0.2 and dateutil 2.7.3, was
//! asked for the first firings after 2018-06-01 00:00:00 of each, from the start time 2018-01-01 00:00:00 on; `None` is a refusal.

use super::super::occurrences;
use crate::icalendar::start::START_TIME;
use chrono::DateTime;

#[test]
fn patterns_fire_as_in_karbor_or_are_refused_as_there() {
    /// A pattern, and `MM-DD HH:MM:SS` of 2018.
    type Case = (&'static str, Option<&'static [&'static str]>);
    let cases: &[Case] = &[
        (
            "BEGIN:VEVENT\\nRRULE:FREQ=WEEKLY;BYDAY=MO;BYHOUR=1;BYMINUTE=0\\nEND:VEVENT",
            Some(&["06-04 01:00:00", "06-11 01:00:00", "06-18 01:00:00", "06-25 01:00:00"]),
        ),
        (
            "BEGIN:VEVENT\\r\\nRRULE:FREQ=WEEKLY;BYDAY=MO;BYHOUR=1;BYMINUTE=0\\r\\nEND:VEVENT",
            Some(&["06-04 01:00:00", "06-11 01:00:00", "06-18 01:00:00", "06-25 01:00:00"]),
        ),
        (
            "BEGIN:VEVENT\\nRRULE:FREQ=WEEKLY;BYD\\n AY=MO;BYHOUR=1;BYMINUTE=0\\nEND:VEVENT",
            Some(&["06-04 01:00:00", "06-11 01:00:00", "06-18 01:00:00", "06-25 01:00:00"]),
        ),
        ("BEGIN:VEVENT\nRRULE:FREQ=WEEKLY;BYDAY=MO;BYHOUR=1;BYMINUTE=0\\nEND:VEVENT", None),
        (
            "BEGIN:VEVENT\nSUMMARY:a\\nb\nRRULE:FREQ=WEEKLY;BYDAY=MO;BYHOUR=1;BYMINUTE=0\nEND:VEVENT",
            Some(&["06-04 01:00:00", "06-11 01:00:00", "06-18 01:00:00", "06-25 01:00:00"]),
        ),
        (
            "BEGIN:VEVENT\nRRULE:FREQ=WEEKLY;BYD\n AY=MO;BYHOUR=1;\n\tBYMINUTE=0\nEND:VEVENT",
            Some(&["06-04 01:00:00", "06-11 01:00:00", "06-18 01:00:00", "06-25 01:00:00"]),
        ),
        (
            "BEGIN:VEVENT\nRRULE:FREQ=WEEKLY;\n\n BYDAY=MO;BYHOUR=1;BYMINUTE=0\nEND:VEVENT",
            Some(&["06-04 01:00:00", "06-11 01:00:00", "06-18 01:00:00", "06-25 01:00:00"]),
        ),
        ("BEGIN:VEVENT\nRRULE:FREQ=WEEKLY;BYDAY=\r\r\n MO;BYHOUR=1;BYMINUTE=0\nEND:VEVENT", None),
        (
            "BEGIN:VEVENT\nRRULE:FREQ=WEEKLY;BYDAY=MO;BYHOUR=1;BYMINUTE=0;WKST=SU\nEND:VEVENT",
            Some(&["06-04 01:00:00", "06-11 01:00:00", "06-18 01:00:00", "06-25 01:00:00"]),
        ),
        (
            "BEGIN:VEVENT\nRRULE:FREQ=WEEKLY;BYDAY=MO;BYHOUR=1;BYMINUTE=0;BYSECOND=0\nEND:VEVENT",
            Some(&["06-04 01:00:00", "06-11 01:00:00", "06-18 01:00:00", "06-25 01:00:00"]),
        ),
        (
            "BEGIN:VEVENT\nRRULE:FREQ=WEEKLY;BYDAY=MO;BYHOUR=1;BYMINUTE=0;BYSECOND=30\nEND:VEVENT",
            Some(&["06-04 01:00:30", "06-11 01:00:30", "06-18 01:00:30", "06-25 01:00:30"]),
        ),
        (
            "BEGIN:VEVENT\nRRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=SU,MO;WKST=SU;BYHOUR=1;BYMINUTE=0\nEND:VEVENT",
            Some(&["06-03 01:00:00", "06-04 01:00:00", "06-17 01:00:00", "06-18 01:00:00"]),
        ),
        (
            "BEGIN:VCALENDAR\nX-WR-TIMEZONE:Asia/Shanghai\nBEGIN:VEVENT\nRRULE:FREQ=WEEKLY;BYDAY=MO;BYHOUR=1;BYMINUTE=0\nEND:VEVENT\nEND:VCALENDAR",
            Some(&["06-04 01:00:00", "06-11 01:00:00", "06-18 01:00:00", "06-25 01:00:00"]),
        ),
        ("BEGIN:VEVENT\nRRULE:FREQ=DAILY;UNTIL=20300101T000000Z\nEND:VEVENT", None),
        (
            "BEGIN:VEVENT\nRRULE:FREQ=DAILY;UNTIL=20300101T000000\nEND:VEVENT",
            Some(&["06-02 00:00:00", "06-03 00:00:00", "06-04 00:00:00", "06-05 00:00:00"]),
        ),
        (
            "BEGIN:VEVENT\nRRULE:FREQ=DAILY;UNTIL=20300101\nEND:VEVENT",
            Some(&["06-02 00:00:00", "06-03 00:00:00", "06-04 00:00:00", "06-05 00:00:00"]),
        ),
        (
            "BEGIN:VEVENT\nRRULE:FREQ=DAILY;COUNT=200\nEND:VEVENT",
            Some(&["06-02 00:00:00", "06-03 00:00:00", "06-04 00:00:00", "06-05 00:00:00"]),
        ),
        (
            "BEGIN:VEVENT\nRRULE:FREQ=DAILY;BYHOUR=1;BYHOUR=2\nEND:VEVENT",
            Some(&["06-01 02:00:00", "06-02 02:00:00", "06-03 02:00:00", "06-04 02:00:00"]),
        ),
        ("BEGIN:VEVENT\nRRULE:FREQ=DAILY; BYHOUR=1\nEND:VEVENT", None),
        ("BEGIN:VEVENT\nRRULE:FREQ=DAILY;X-A=1\nEND:VEVENT", None),
        (
            "BEGIN:VEVENT\nRRULE:FREQ=HOURLY;INTERVAL=12\nEND:VEVENT",
            Some(&["06-01 12:00:00", "06-02 00:00:00", "06-02 12:00:00", "06-03 00:00:00"]),
        ),
        (
            "BEGIN:VEVENT\nRRULE:FREQ=HOURLY;BYHOUR=1;BYMINUTE=0\nEND:VEVENT",
            Some(&["06-01 01:00:00", "06-02 01:00:00", "06-03 01:00:00", "06-04 01:00:00"]),
        ),
        (
            "BEGIN:VEVENT\nRRULE:FREQ=MINUTELY;INTERVAL=60\nEND:VEVENT",
            Some(&["06-01 01:00:00", "06-01 02:00:00", "06-01 03:00:00", "06-01 04:00:00"]),
        ),
        (
            "BEGIN:VEVENT\nRRULE:FREQ=MONTHLY;BYDAY=1MO\nEND:VEVENT",
            Some(&["06-04 00:00:00", "07-02 00:00:00", "08-06 00:00:00", "09-03 00:00:00"]),
        ),
        (
            "BEGIN:VEVENT\nRRULE:FREQ=MONTHLY;BYSETPOS=-1;BYDAY=MO,TU\nEND:VEVENT",
            Some(&["06-26 00:00:00", "07-31 00:00:00", "08-28 00:00:00", "09-25 00:00:00"]),
        ),
        (
            "BEGIN:VEVENT\nRRULE:FREQ=YEARLY;BYWEEKNO=23\nEND:VEVENT",
            Some(&["06-04 00:00:00", "06-05 00:00:00", "06-06 00:00:00", "06-07 00:00:00"]),
        ),
        (
            "BEGIN:VEVENT\nRRULE:FREQ=DAILY;BYHOUR=01,2\nEND:VEVENT",
            Some(&["06-01 01:00:00", "06-01 02:00:00", "06-02 01:00:00", "06-02 02:00:00"]),
        ),
        ("BEGIN:VEVENT\nRRULE:FREQ=DAILY;BYHOUR=24\nEND:VEVENT", None),
        (
            "BEGIN:VEVENT\nRRULE:FREQ=DAILY;BYHOUR=1, 2\nEND:VEVENT",
            Some(&["06-01 01:00:00", "06-01 02:00:00", "06-02 01:00:00", "06-02 02:00:00"]),
        ),
        (
            "BEGIN:VEVENT\nRRULE:freq=daily;byhour=1\nEND:VEVENT",
            Some(&["06-01 01:00:00", "06-02 01:00:00", "06-03 01:00:00", "06-04 01:00:00"]),
        ),
        ("BEGIN:VEVENT\nRRULE:FREQ=DAILY;BYSECOND=60\nEND:VEVENT", None),
        ("BEGIN:VEVENT \nRRULE:FREQ=DAILY\nEND:VEVENT", None),
        (
            "begin:vevent\nrrule:FREQ=DAILY\nend:vevent",
            Some(&["06-02 00:00:00", "06-03 00:00:00", "06-04 00:00:00", "06-05 00:00:00"]),
        ),
        (
            "BEGIN:VEVENT\nRRULE;X-A=b:FREQ=DAILY\nEND:VEVENT",
            Some(&["06-02 00:00:00", "06-03 00:00:00", "06-04 00:00:00", "06-05 00:00:00"]),
        ),
        (
            "BEGIN:VEVENT\nRRULE:FREQ=DAILY\nRRULE:FREQ=WEEKLY;BYDAY=MO\nEND:VEVENT",
            Some(&["06-02 00:00:00", "06-03 00:00:00", "06-04 00:00:00", "06-05 00:00:00"]),
        ),
        ("BEGIN:VEVENT\nRRULE:FREQ=DAILY;BYDAY=MO+\nEND:VEVENT", None),
        (
            "BEGIN:VEVENT\nRRULE:FREQ=DAILY;BYMONTHDAY=-1\nEND:VEVENT",
            Some(&["06-30 00:00:00", "07-31 00:00:00", "08-31 00:00:00", "09-30 00:00:00"]),
        ),
        ("BEGIN:VEVENT\nRRULE:FREQ=DAILY\n", None),
        ("RRULE:FREQ=DAILY", None),
        ("BEGIN:VEVENT\nBEGIN:VALARM\nRRULE:FREQ=DAILY\nEND:VALARM\nEND:VEVENT", None),
        (
            "BEGIN:VEVENT\nBEGIN:VALARM\nRRULE:FREQ=DAILY;BYHOUR=5\nEND:VALARM\nRRULE:FREQ=DAILY;BYHOUR=7\nEND:VEVENT",
            Some(&["06-01 07:00:00", "06-02 07:00:00", "06-03 07:00:00", "06-04 07:00:00"]),
        ),
        ("BEGIN:VEVENT\nRRULE:FREQ=DAILY;BYDAY=WE;BYEASTER=0\nEND:VEVENT", None),
        (
            "BEGIN:VEVENT\nRRULE:FREQ=DAILY;;BYHOUR=1\nEND:VEVENT",
            Some(&["06-01 01:00:00", "06-02 01:00:00", "06-03 01:00:00", "06-04 01:00:00"]),
        ),
        ("BEGIN:VEVENT\nRRULE:BYHOUR=1\nEND:VEVENT", None),
        ("BEGIN:VEVENT\nRRULE:\nEND:VEVENT", None),
        ("BEGIN:VEVENT\n RRULE:FREQ=DAILY\nEND:VEVENT", None),
        ("BEGIN:VEVENT\nRRULE :FREQ=DAILY\nEND:VEVENT", None),
        (
            "BEGIN:VEVENT\nRRULE:FREQ=DAILY;BYHOUR=3;\nEND:VEVENT",
            Some(&["06-01 03:00:00", "06-02 03:00:00", "06-03 03:00:00", "06-04 03:00:00"]),
        ),
        (
            "BEGIN:VEVENT\nEXRULE:FREQ=DAILY\nRRULE:FREQ=DAILY;BYHOUR=3\nEND:VEVENT",
            Some(&["06-01 03:00:00", "06-02 03:00:00", "06-03 03:00:00", "06-04 03:00:00"]),
        ),
        ("BEGIN:VEVENT\nRRULE:FREQ=DAILY;BYMINUTE=60\nEND:VEVENT", None),
        ("BEGIN:VEVENT\nRRULE:FREQ=DAILY;WKST=MON\nEND:VEVENT", None),
        ("BEGIN:VEVENT\nRRULE: FREQ=DAILY\nEND:VEVENT", None),
        ("BEGIN:VEVENT\nRRULE:FREQ=DAILY ;BYHOUR=3\nEND:VEVENT", None),
        (
            "BEGIN:VEVENT\nRRULE:FREQ=DAILY;BYHOUR=3 \nEND:VEVENT",
            Some(&["06-01 03:00:00", "06-02 03:00:00", "06-03 03:00:00", "06-04 03:00:00"]),
        ),
        (
            "BEGIN:VEVENT\nRRULE:FREQ=DAILY;BYHOUR=1\nRRULE:FREQ=DAILY;BYHOUR=1,13\nEND:VEVENT",
            Some(&["06-01 01:00:00", "06-01 13:00:00", "06-02 01:00:00", "06-02 13:00:00"]),
        ),
        (
            "BEGIN:VEVENT\nRRULE:FREQ=WEEKLY;INTERVAL=3;BYDAY=FR\nEND:VEVENT",
            Some(&["06-22 00:00:00", "07-13 00:00:00", "08-03 00:00:00", "08-24 00:00:00"]),
        ),
        (
            "BEGIN:VEVENT\nRRULE:FREQ=MONTHLY;BYMONTHDAY=31;BYHOUR=4\nEND:VEVENT",
            Some(&["07-31 04:00:00", "08-31 04:00:00", "10-31 04:00:00", "12-31 04:00:00"]),
        ),
        (
            "BEGIN:VEVENT\nRRULE:FREQ=YEARLY;BYYEARDAY=200\nEND:VEVENT",
            Some(&["07-19 00:00:00", "07-19 00:00:00", "07-18 00:00:00", "07-19 00:00:00"]),
        ),
        (
            "BEGIN:VEVENT\nRRULE:FREQ=HOURLY;INTERVAL=7\nEND:VEVENT",
            Some(&["06-01 02:00:00", "06-01 09:00:00", "06-01 16:00:00", "06-01 23:00:00"]),
        ),
        (
            "BEGIN:VEVENT\nRRULE:FREQ=MINUTELY;INTERVAL=95;BYDAY=SA\nEND:VEVENT",
            Some(&["06-02 00:00:00", "06-02 01:35:00", "06-02 03:10:00", "06-02 04:45:00"]),
        ),
        (
            "BEGIN:VEVENT\nRRULE:FREQ=DAILY;UNTIL=20180603T000000\nEND:VEVENT",
            Some(&["06-02 00:00:00", "06-03 00:00:00"]),
        ),
        (
            "BEGIN:VEVENT\nRRULE:FREQ=DAILY;UNTIL=20180603\nEND:VEVENT",
            Some(&["06-02 00:00:00", "06-03 00:00:00"]),
        ),
        ("BEGIN:VEVENT\nRRULE:FREQ=DAILY;COUNT=153\nEND:VEVENT", Some(&["06-02 00:00:00"])),
    ];
    let after = DateTime::parse_from_rfc3339("2018-06-01T00:00:01Z").unwrap().timestamp();
    let mut wrong = String::new();
    for (pattern, expected) in cases {
        let found = occurrences(pattern, START_TIME, after).ok().map(|instants| {
            let shown =
                |at: i64| DateTime::from_timestamp(at, 0).unwrap().format("%m-%d %H:%M:%S").to_string();
            instants.take(4).map(shown).collect::<Vec<_>>()
        });
        let expected: Option<Vec<String>> =
            expected.map(|list| list.iter().map(|at| (*at).to_owned()).collect());
        if found != expected {
            wrong += &format!("{pattern:?}: {found:?}, in Karbor {expected:?}\n");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
