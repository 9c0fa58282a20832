//! Schedules of VBS: times, days and zones as triggers hold them.

use crate::dumps::*;
use crate::harness::{Outcome, Setup, convert, text};
use crate::landing::Row;
use pipeline::settings::{ServerZone, ZoneOrigin};

const P: &str = "11111111-1111-4111-8111-111111111111";

/// The lines of a trigger's pattern, less those that are always there: the zone and what follows it, then the rules.
#[track_caller]
pub(crate) fn pattern_of(trigger: &Row) -> Vec<String> {
    let properties: serde_json::Value = serde_json::from_str(text(trigger, "properties")).unwrap();
    let pattern = properties["pattern"].as_str().unwrap();
    assert!(pattern.ends_with("END:VCALENDAR\r\n"), "{pattern:?}");
    assert_eq!(pattern.matches('\n').count(), pattern.matches("\r\n").count(), "{pattern:?}");
    let mut lines: Vec<String> = pattern.split("\r\n").map(str::to_owned).collect();
    assert_eq!(lines.pop().as_deref(), Some(""));
    let fixed = ["BEGIN:VCALENDAR", "BEGIN:VEVENT", "END:VEVENT", "END:VCALENDAR"];
    let found: Vec<_> = lines.iter().filter(|line| fixed.contains(&line.as_str())).cloned().collect();
    assert_eq!(found, fixed);
    assert_eq!(lines[0], fixed[0]);
    lines.retain(|line| !fixed.contains(&line.as_str()));
    lines.into_iter().map(|line| line.replace("X-WR-TIMEZONE:", "").replace("RRULE:FREQ=", "")).collect()
}

/// The policy's own fields give this zone and these rules.
#[track_caller]
fn check_fields(cells: &[(&str, &str)], expected: &[&str]) {
    let row = policy(P).without("back_up_frequency").without("back_up_start_time").with_all(cells);
    let out = convert(&[row]);
    assert_eq!(pattern_of(out.only("triggers")), expected, "{cells:?}");
}

/// These fields are no schedule: the column is named, with the value or the part of it that is at fault.
#[track_caller]
fn refuse_fields(cells: &[(&str, &str)], column: &str) {
    let row = policy(P).without("back_up_frequency").without("back_up_start_time").with_all(cells);
    let out = convert(&[row]);
    let value = cells.iter().find(|(name, _)| *name == column).map(|(_, value)| *value).unwrap_or_default();
    out.check_rejection("nightly", &format!("backup_policy.{column}"), value, "", 0);
}

fn of_cron(cron: &str, zone: &str) -> Outcome {
    convert(&[
        policy(P),
        extend("e", P).with("trigger_id", "t"),
        trigger("t", cron).with_all(&[("time_zone", zone), ("name", "the-trigger")]),
    ])
}

#[track_caller]
fn check_cron(cron: &str, zone: &str, expected: &[&str]) {
    let out = of_cron(cron, zone);
    assert_eq!(pattern_of(out.only("triggers")), expected, "{cron} {zone}");
    out.check(&[("backup_trigger", "1 migrated"), ("backup_policy_extend", "1 migrated")]);
}

/// The example of the contract: in China, Monday 01:00 UTC is Monday, and Monday 23:00 UTC is the user's Monday 07:00, whose
/// UTC day is Sunday.
#[test]
fn days_of_the_user_become_days_of_utc() {
    let rows = [policy(P)
        .without("back_up_frequency")
        .with_all(&[("back_up_start_time", "01:00,23:00"), ("week_frequency", "MON")])];
    let out = convert(&rows);
    let properties = concat!(
        r#"{"pattern":"BEGIN:VCALENDAR\r\nX-WR-TIMEZONE:UTC+08:00\r\nBEGIN:VEVENT\r\n"#,
        r#"RRULE:FREQ=WEEKLY;BYDAY=SU;BYHOUR=23;BYMINUTE=0\r\nRRULE:FREQ=WEEKLY;BYDAY=MO;BYHOUR=1;BYMINUTE=0\r\n"#,
        r#"END:VEVENT\r\nEND:VCALENDAR\r\n","start_time":"2018-01-01 00:00:00","format":"calendar"}"#
    );
    assert_eq!(text(out.only("triggers"), "properties"), properties);
    let cases: [(&str, &str, &str, &[&str]); 8] = [
        (
            "UTC+08:00",
            "15:59,16:00",
            "MON",
            &["UTC+08:00", "WEEKLY;BYDAY=SU;BYHOUR=16;BYMINUTE=0", "WEEKLY;BYDAY=MO;BYHOUR=15;BYMINUTE=59"],
        ),
        (
            "UTC-05:00",
            "04:59,05:00",
            "MON",
            &["UTC-05:00", "WEEKLY;BYDAY=MO;BYHOUR=5;BYMINUTE=0", "WEEKLY;BYDAY=TU;BYHOUR=4;BYMINUTE=59"],
        ),
        (
            "UTC+00:00",
            "00:00,23:59",
            "SUN",
            &["UTC+00:00", "WEEKLY;BYDAY=SU;BYHOUR=0;BYMINUTE=0", "WEEKLY;BYDAY=SU;BYHOUR=23;BYMINUTE=59"],
        ),
        (
            "UTC+14:00",
            "09:59,10:00",
            "SUN",
            &["UTC+14:00", "WEEKLY;BYDAY=SA;BYHOUR=10;BYMINUTE=0", "WEEKLY;BYDAY=SU;BYHOUR=9;BYMINUTE=59"],
        ),
        (
            "UTC-12:00",
            "11:59,12:00",
            "SUN",
            &["UTC-12:00", "WEEKLY;BYDAY=SU;BYHOUR=12;BYMINUTE=0", "WEEKLY;BYDAY=MO;BYHOUR=11;BYMINUTE=59"],
        ),
        (
            "UTC+05:30",
            "18:29,18:30",
            "SAT",
            &["UTC+05:30", "WEEKLY;BYDAY=FR;BYHOUR=18;BYMINUTE=30", "WEEKLY;BYDAY=SA;BYHOUR=18;BYMINUTE=29"],
        ),
        // The days in their order after the shift, the hours ascending, a rule for each shift and minute.
        (
            "UTC+08:00",
            "22:30,20:30,03:30,01:00",
            "SUN,MON,WED",
            &[
                "UTC+08:00",
                "WEEKLY;BYDAY=TU,SA,SU;BYHOUR=20,22;BYMINUTE=30",
                "WEEKLY;BYDAY=MO,WE,SU;BYHOUR=1;BYMINUTE=0",
                "WEEKLY;BYDAY=MO,WE,SU;BYHOUR=3;BYMINUTE=30",
            ],
        ),
        (
            "UTC-08:00",
            "05:15,20:45",
            "SAT,SUN",
            &[
                "UTC-08:00",
                "WEEKLY;BYDAY=SA,SU;BYHOUR=20;BYMINUTE=45",
                "WEEKLY;BYDAY=MO,SU;BYHOUR=5;BYMINUTE=15",
            ],
        ),
    ];
    for (zone, times, days, expected) in cases {
        let zone = format!(r#"{{"time_zone":"{zone}"}}"#);
        check_fields(
            &[("back_up_start_time", times), ("week_frequency", days), ("extra_info", &zone)],
            expected,
        );
    }
}

#[test]
fn times_are_lists_of_any_kind() {
    let daily = |times: &str, expected: &[&str]| {
        check_fields(&[("back_up_frequency", "1"), ("back_up_start_time", times)], expected)
    };
    for times in [
        "01:00,13:00",
        "13:00,01:00",
        "01:00;13:00",
        "01:00, 13:00",
        r#"["01:00","13:00"]"#,
        "01:00:00,13:00:00",
        "01:00,13:00,01:00",
    ] {
        daily(times, &["UTC+08:00", "DAILY;BYHOUR=1,13;BYMINUTE=0"]);
    }
    daily("01:30,13:00,14:30", &["UTC+08:00", "DAILY;BYHOUR=13;BYMINUTE=0", "DAILY;BYHOUR=1,14;BYMINUTE=30"]);
    daily("", &["UTC+08:00", "DAILY;BYHOUR=0;BYMINUTE=0"]);
    for times in ["24:00", "01:60", "01:00:01", "noon", "01:00,25:00", "1", "[\"01:00\"", "-1:00"] {
        refuse_fields(&[("back_up_frequency", "1"), ("back_up_start_time", times)], "back_up_start_time");
    }
}

#[test]
fn days_are_names_or_numbers_from_sunday() {
    let weekly = |days: &str, expected: &str| {
        check_fields(&[("week_frequency", days), ("back_up_start_time", "03:00")], &["UTC+08:00", expected]);
    };
    for days in [
        "MON,SUN",
        "sun;mon",
        "Mon, Sun",
        "2,1",
        "1;2",
        r#"["SUN","MON"]"#,
        "[1,2]",
        r#"["1","2"]"#,
        "MON,SUN,MON",
    ] {
        weekly(days, "WEEKLY;BYDAY=MO,SU;BYHOUR=3;BYMINUTE=0");
    }
    weekly("1,2,3,4,5,6,7", "WEEKLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;BYHOUR=3;BYMINUTE=0");
    weekly("TUE,WED,THU,FRI,SAT", "WEEKLY;BYDAY=TU,WE,TH,FR,SA;BYHOUR=3;BYMINUTE=0");
    for days in ["FUNDAY", "8", "0", "MON,XXX", "[\"MON\""] {
        refuse_fields(&[("week_frequency", days)], "week_frequency");
    }
}

#[test]
fn a_frequency_wins_over_days_and_nothing_at_all_is_every_fourteen_days() {
    check_fields(
        &[("back_up_frequency", "1"), ("week_frequency", "MON")],
        &["UTC+08:00", "DAILY;BYHOUR=0;BYMINUTE=0"],
    );
    check_fields(
        &[("back_up_frequency", "3"), ("back_up_start_time", "02:00,14:30")],
        &["UTC+08:00", "DAILY;INTERVAL=3;BYHOUR=2;BYMINUTE=0", "DAILY;INTERVAL=3;BYHOUR=14;BYMINUTE=30"],
    );
    check_fields(
        &[("back_up_frequency", "0"), ("week_frequency", "MON"), ("back_up_start_time", "01:00")],
        &["UTC+08:00", "WEEKLY;BYDAY=MO;BYHOUR=1;BYMINUTE=0"],
    );
    check_fields(&[], &["UTC+08:00", "DAILY;INTERVAL=14;BYHOUR=0;BYMINUTE=0"]);
    check_fields(
        &[("back_up_frequency", "0"), ("week_frequency", "")],
        &["UTC+08:00", "DAILY;INTERVAL=14;BYHOUR=0;BYMINUTE=0"],
    );
    check_fields(&[("back_up_frequency", "366")], &["UTC+08:00", "DAILY;INTERVAL=366;BYHOUR=0;BYMINUTE=0"]);
    refuse_fields(&[("back_up_frequency", "367")], "back_up_frequency");
    refuse_fields(&[("back_up_frequency", "-1")], "back_up_frequency");
    // Without a shift of days: the count is of UTC days.
    check_fields(
        &[("back_up_frequency", "2"), ("back_up_start_time", "23:00")],
        &["UTC+08:00", "DAILY;INTERVAL=2;BYHOUR=23;BYMINUTE=0"],
    );
}

#[test]
fn quartz_by_day() {
    for cron in
        ["0 0 1 * * ?", "0 0 1 ? * *", "0 0 1 * * *", "0 0 1 */1 * ?", "0 0 1 1/1 * ? *", "0 0 1 * * ? *"]
    {
        check_cron(cron, "UTC", &["UTC+00:00", "DAILY;BYHOUR=1;BYMINUTE=0"]);
    }
    for cron in ["0 0 1 */3 * ?", "0 0 1 1/3 * ?", "0 0 1 */3 * *", "0 0 1 1/3 * ? *"] {
        check_cron(cron, "UTC", &["UTC+00:00", "DAILY;INTERVAL=3;BYHOUR=1;BYMINUTE=0"]);
    }
}

#[test]
fn quartz_by_week() {
    for (days, expected) in [
        ("MON", "MO"),
        ("2", "MO"),
        ("1", "SU"),
        ("7", "SA"),
        ("MON,WED", "MO,WE"),
        ("sun,Sat", "SA,SU"),
        ("MON-FRI", "MO,TU,WE,TH,FR"),
        ("FRI-MON", "MO,FR,SA,SU"),
        ("6-2", "MO,FR,SA,SU"),
        ("SUN-SAT", "MO,TU,WE,TH,FR,SA,SU"),
        ("MON-TUE,6", "MO,TU,FR"),
    ] {
        let rule = format!("WEEKLY;BYDAY={expected};BYHOUR=1;BYMINUTE=0");
        for cron in [format!("0 0 1 ? * {days}"), format!("0 0 1 * * {days}"), format!("0 0 1 ? * {days} *")]
        {
            check_cron(&cron, "UTC", &["UTC+00:00", &rule]);
        }
    }
    check_cron(
        "0 0 1,23 ? * MON",
        "UTC+08:00",
        &["UTC+08:00", "WEEKLY;BYDAY=SU;BYHOUR=23;BYMINUTE=0", "WEEKLY;BYDAY=MO;BYHOUR=1;BYMINUTE=0"],
    );
}

#[test]
fn quartz_hours_and_minutes_are_lists_ranges_and_steps() {
    for (fields, expected) in [
        ("0 1,13", "BYHOUR=1,13;BYMINUTE=0"),
        ("30 1-3", "BYHOUR=1,2,3;BYMINUTE=30"),
        ("0 22-1", "BYHOUR=0,1,22,23;BYMINUTE=0"),
        ("0 0/8", "BYHOUR=0,8,16;BYMINUTE=0"),
        ("0 */12", "BYHOUR=0,12;BYMINUTE=0"),
        ("0 8-20/6", "BYHOUR=8,14,20;BYMINUTE=0"),
        ("0 5/7", "BYHOUR=5,12,19;BYMINUTE=0"),
        ("0 *", "BYHOUR=0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23;BYMINUTE=0"),
        ("59 1-2,4", "BYHOUR=1,2,4;BYMINUTE=59"),
    ] {
        check_cron(&format!("0 {fields} * * ?"), "UTC", &["UTC+00:00", &format!("DAILY;{expected}")]);
    }
    check_cron("0 0 2 ? * MON,TUE", "GMT", &["UTC+00:00", "WEEKLY;BYDAY=MO,TU;BYHOUR=2;BYMINUTE=0"]);
}

#[test]
fn quartz_that_karbor_cannot_hold_is_rejected() {
    for cron in [
        "0 0 1 ? * ?",
        "0 0 1 L * ?",
        "0 0 1 15W * ?",
        "0 0 1 ? * MON#2",
        "0 0 1 ? * FRIL",
        "0 0 1 15 * ?",
        "0 0 1 1,15 * ?",
        "0 0 1 2/3 * ?",
        "0 0 1 ? * MON/2",
        "0 0 1 ? * 2-6/2",
        "0 0 1 * 6 ?",
        "0 0 1 * JAN-MAR ?",
        "0 0 1 * * ? 2018",
        "30 0 1 * * ?",
        "* 0 1 * * ?",
        "0 60 1 * * ?",
        "0 0 24 * * ?",
        "0 0 1 * *",
        "0 0 1 * * ? * *",
        "0 0 1 ? * FUN",
        "0 0 1 ? * 8",
        "0 0 1 ? * 0",
        "every night",
        // More than 24 times a day, or less than an hour apart, over the day's border too.
        "0 */30 * * * ?",
        "0 0,30 1 * * ?",
        "0 0/59 1 * * ?",
        "0 * 1 * * ?",
    ] {
        let out = of_cron(cron, "UTC");
        assert_eq!(out.rejected().len(), 1, "{cron}: {:?}", out.rows("triggers"));
        let found = &out.rejected()[0];
        assert_eq!(
            (found.what.as_str(), found.at.clone()),
            ("backup_trigger.cron_expression", out.line_of("the-trigger")),
            "{cron}"
        );
        assert!(!out.committed());
    }
}

#[test]
fn firings_are_an_hour_apart_over_the_days_border_too() {
    let fields = |times: &str, days: &str| {
        let row = policy(P)
            .without("back_up_frequency")
            .with_all(&[("back_up_start_time", times), ("week_frequency", days)]);
        let row = if days.is_empty() { row.with("back_up_frequency", "1") } else { row };
        convert(&[row.with("extra_info", r#"{"time_zone":"UTC"}"#)])
    };
    for (times, days, fits) in [
        ("01:00,02:00", "", true),
        ("01:00,01:59", "", false),
        ("23:30,00:30", "", true),
        ("23:30,00:29", "", false),
        ("23:30,00:00", "MON", true),
        ("23:30,00:00", "MON,WED", true),
        ("23:30,00:00", "MON,TUE", false),
        ("23:30,00:00", "SUN,MON", false),
        ("23:30,00:00", "SAT,SUN", false),
    ] {
        assert_eq!(fields(times, days).committed(), fits, "{times} {days}");
    }
    // Every third day is never followed by another.
    check_fields(
        &[("back_up_frequency", "3"), ("back_up_start_time", "23:30,00:00")],
        &["UTC+08:00", "DAILY;INTERVAL=3;BYHOUR=0;BYMINUTE=0", "DAILY;INTERVAL=3;BYHOUR=23;BYMINUTE=30"],
    );
}

/// An extend row's trigger: its own, else the relation row's that names it, else the one's that names only the policy.
#[test]
fn an_extend_row_finds_its_trigger() {
    let hour = |rows: &[Source]| -> String {
        let mut all = vec![
            policy(P),
            trigger("t5", "0 0 5 * * ?"),
            trigger("t6", "0 0 6 * * ?"),
            trigger("t7", "0 0 7 * * ?"),
        ];
        all.push(trigger("none", "").with("time_zone", "UTC+03:00"));
        all.extend_from_slice(rows);
        let out = convert(&all);
        let lines = pattern_of(out.only("triggers"));
        format!("{} {}", lines[0], lines[1].replace("DAILY;BYHOUR=", "").replace(";BYMINUTE=0", ""))
    };
    let extend = || extend("e", P);
    let related =
        |id: &str, extend: &str, trigger: &str| relation(id, P, trigger).with("policy_extend_id", extend);
    assert_eq!(
        hour(&[extend().with("trigger_id", "t5"), related("1", "e", "t6"), relation("2", P, "t7")]),
        "UTC+08:00 5"
    );
    assert_eq!(hour(&[extend(), related("2", "e", "t6"), relation("1", P, "t7")]), "UTC+08:00 6");
    assert_eq!(hour(&[extend(), related("1", "other", "t6"), relation("2", P, "t7")]), "UTC+08:00 7");
    // Smallest id first, by number.
    assert_eq!(hour(&[extend(), relation("10", P, "t7"), relation("9", P, "t6")]), "UTC+08:00 6");
    assert_eq!(hour(&[extend(), related("10", "e", "t7"), related("9", "e", "t6")]), "UTC+08:00 6");
    // Without a known trigger, or with one without cron_expression, the policy's own fields.
    assert_eq!(hour(&[extend()]), "UTC+08:00 1");
    assert_eq!(hour(&[extend().with("trigger_id", "unknown")]), "UTC+08:00 1");
    assert_eq!(hour(&[extend().with("trigger_id", "none")]), "UTC+03:00 1");
    // A policy without extend rows has no trigger.
    assert_eq!(hour(&[relation("1", P, "t7")]), "UTC+08:00 1");
}

#[test]
fn the_zone_is_the_policys_own_else_the_servers_and_the_report_says_which() {
    let zoned = |key: &str, zone: &str| format!(r#"{{"{key}":"{zone}"}}"#);
    let run = |trigger_zone: &str, extend_info: &str, policy_info: &str, server: Option<&str>| {
        let setup = Setup::set(|settings| {
            if let Some(zone) = server {
                settings.server_zone = ServerZone {
                    zone: schedules::zone::Zone::parse(zone).unwrap(),
                    origin: ZoneOrigin::Flag,
                };
            }
        });
        let out = setup.convert(&[
            policy(P).with("extra_info", policy_info),
            extend("e", P).with_all(&[("trigger_id", "t"), ("extra_info", extend_info)]),
            trigger("t", "0 0 1 * * ?").with("time_zone", trigger_zone),
        ]);
        let uses: Vec<_> = out.report.zones.iter().map(|z| (z.zone.clone(), z.origin, z.policies)).collect();
        assert_eq!(uses.len(), 1, "{uses:?}");
        (pattern_of(out.only("triggers"))[0].clone(), uses[0].1)
    };
    let own = |zone: &str| (zone.to_owned(), ZoneOrigin::Policy);
    let (e, p) = (zoned("time_zone", "UTC+02:00"), zoned("time_zone", "UTC+03:00"));
    assert_eq!(run("UTC+01:00", &e, &p, None), own("UTC+01:00"));
    assert_eq!(run("", &e, &p, None), own("UTC+02:00"));
    assert_eq!(run("", "{}", &p, None), own("UTC+03:00"));
    assert_eq!(run("", "", "", None), ("UTC+08:00".to_owned(), ZoneOrigin::Default));
    assert_eq!(run("", "", "", Some("UTC-03:00")), ("UTC-03:00".to_owned(), ZoneOrigin::Flag));
    for key in ["time_zone", "timezone", "timeZone"] {
        assert_eq!(run("", "", &zoned(key, "UTC+06:30"), Some("UTC+01:00")), own("UTC+06:30"));
    }
    assert_eq!(run("", "", &zoned("TimeZone", "UTC+06:30"), None).1, ZoneOrigin::Default);
}

#[test]
fn zones_are_offsets_or_iana_names() {
    let offset = |zone: &str| {
        let out = of_cron("0 0 1 * * ?", zone);
        match out.rows("triggers") {
            [row] => pattern_of(row)[0].clone(),
            _ => {
                out.check_rejection("the-trigger", "backup_trigger.time_zone", zone, "", 2);
                String::new()
            }
        }
    };
    for (zone, expected) in [
        ("UTC+8", "UTC+08:00"),
        ("UTC+08:00", "UTC+08:00"),
        ("GMT-3", "UTC-03:00"),
        ("+8", "UTC+08:00"),
        ("-03:30", "UTC-03:30"),
        ("+0530", "UTC+05:30"),
        ("GMT+0530", "UTC+05:30"),
        ("UTC", "UTC+00:00"),
        ("GMT", "UTC+00:00"),
        ("UTC-00:00", "UTC+00:00"),
        ("UTC-12:00", "UTC-12:00"),
        ("UTC+14:00", "UTC+14:00"),
        ("Asia/Shanghai", "UTC+08:00"),
        ("Asia/Kolkata", "UTC+05:30"),
        ("UTC-12:01", ""),
        ("UTC+14:01", ""),
        ("UTC+8:60", ""),
        ("Moon/Tranquility", ""),
        ("8", ""),
    ] {
        assert_eq!(offset(zone), expected, "{zone}");
    }
}

/// An IANA name stands for its offset when the policy was saved.
#[test]
fn an_iana_zone_stands_for_its_offset_at_the_policys_last_change() {
    for (created, updated, expected) in [
        ("2018-01-15 12:00:00", "2018-07-15 12:00:00", "UTC+02:00"),
        ("2018-07-15 12:00:00", "2018-01-15 12:00:00", "UTC+01:00"),
        ("2018-07-15 12:00:00", "", "UTC+02:00"),
        ("", "", "UTC+01:00"),
        ("", "2018-03-25 00:59:59", "UTC+01:00"),
        ("", "2018-03-25 01:00:00", "UTC+02:00"),
    ] {
        let row = policy(P).with_all(&[
            ("created_at", created),
            ("updated_at", updated),
            ("extra_info", r#"{"timezone":"Europe/Berlin"}"#),
        ]);
        let out = convert(&[row]);
        assert_eq!(pattern_of(out.only("triggers"))[0], expected, "{created} {updated}");
        assert!(out.report.zones[0].zone.contains("Europe/Berlin"), "{:?}", out.report.zones);
    }
}

#[test]
fn policies_are_counted_by_zone() {
    let zone = |n: usize, zone: &str| {
        policy(&format!("policy-{n}")).with("extra_info", &format!(r#"{{"time_zone":"{zone}"}}"#))
    };
    let rows = [
        zone(1, "UTC+01:00"),
        zone(2, "UTC+01:00"),
        zone(3, "UTC+02:00"),
        policy("policy-4"),
        policy("policy-5"),
        policy("policy-6"),
    ];
    let out = convert(&rows);
    let mut uses: Vec<_> = out.report.zones.iter().map(|z| (z.zone.as_str(), z.origin, z.policies)).collect();
    uses.sort_unstable();
    assert_eq!(
        uses,
        [
            ("UTC+01:00", ZoneOrigin::Policy, 2),
            ("UTC+02:00", ZoneOrigin::Policy, 1),
            ("UTC+08:00", ZoneOrigin::Default, 3),
        ]
    );
}

#[test]
fn policies_that_drift_are_counted() {
    let every = |n: usize, days: &str| policy(&format!("policy-{n}")).with("back_up_frequency", days);
    let rows = [
        every(1, "1"),
        every(2, "2"),
        every(3, "14"),
        policy("policy-4").without("back_up_frequency").with("week_frequency", "MON"),
    ];
    assert_eq!(convert(&rows).report.drifting_policies, 2);
    let setup = Setup::set(|settings| settings.every_n_days = schedules::icalendar::EveryNDays::MonthDays);
    assert_eq!(setup.convert(&rows).report.drifting_policies, 0);
}
