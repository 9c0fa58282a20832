//! Karbor's policies in the form of VBS's API: the way back.
//!
//! A plan and one of its operations become what VBS's `GET /v2/{project_id}/backuppolicy` would have answered: start times
//! in UTC and in the order of the user's day, the user's days or a number of days, the zone, how long copies are kept,
//! ON or OFF. All of it is derived from the pattern, its zone and the operation's definition; nothing else is remembered.
//!
//! The conversion and the way back together are the identity on this form. What the form does not hold is lost: the name
//! of an IANA zone (the offset it stood for remains), times that were repeated or absent (once; 00:00), the retention
//! field that does not win, and of a schedule with days both by number and by week the days of the week.
//! Nothing here reads a target; see [`crate::load::policies`].

use schedules::icalendar;
use schedules::icalendar::start::START_TIME;
use schedules::schedule::times::{Days, MinuteOfDay};
use schedules::zone::Offset;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A policy as VBS's API answers it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ApiPolicy {
    /// The plan's id.
    pub backup_policy_id: String,
    /// The plan's name.
    pub backup_policy_name: String,
    /// What the operation does; VBS's own API knows only backups, and has no word for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation_type: Option<String>,
    /// When it runs and how long copies are kept; `null` where VBS has no form for it, which `reason` explains.
    pub scheduled_policy: Option<ScheduledPolicy>,
    /// Why there is no `scheduled_policy`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Volumes of the plan.
    pub policy_resource_count: u64,
    /// Tags, sorted by key.
    pub tags: Vec<Tag>,
}

/// When a policy runs and how long its copies are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ScheduledPolicy {
    /// `Y` where the first backup of a month is kept for that month, else `N`.
    #[serde(rename = "remain_first_backup_of_curMonth")]
    pub remain_first: &'static str,
    /// How many copies are kept, where copies are counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rentention_num: Option<i64>,
    /// For how many days copies are kept, where days are counted. Without either they are kept for good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rentention_day: Option<i64>,
    /// Every so many days, counted anew each month.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frequency: Option<u16>,
    /// The user's days of the week, `SUN` first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub week_frequency: Option<Vec<&'static str>>,
    /// `HH:mm` in UTC, separated by commas, in the order in which the user's clock shows them.
    pub start_time: String,
    /// `UTC±HH:MM`, where the pattern keeps one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// `ON` or `OFF`.
    pub status: &'static str,
}

/// A tag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Tag {
    /// Its key.
    pub key: String,
    /// Its value.
    pub value: String,
}

/// The names of days as VBS writes them, in its order.
const DAY_NAMES: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// The schedule, zone and retention of one operation.
///
/// `properties` is the trigger's and `definition` the operation's, both JSON objects of strings; members of any other
/// type are read as Karbor would have written them.
///
/// # Errors
/// In words, why VBS has no form for it: a pattern edited in Karbor may run in ways that VBS knows not.
pub fn scheduled_policy(
    properties: &str,
    definition: &str,
    enabled: bool,
) -> Result<ScheduledPolicy, String> {
    let properties = object("the trigger's properties", properties)?;
    let definition = object("the operation's definition", definition)?;
    let pattern = text(&properties, "pattern").ok_or("the trigger has no pattern")?;
    let calendar = icalendar::read(&pattern).map_err(|error| error.to_string())?;
    let own_times = |rule: &icalendar::Rule| !rule.hours.is_empty() && !rule.minutes.is_empty();
    let start_time = text(&properties, "start_time").unwrap_or_default();
    let said =
        calendar.rules.as_ref().is_ok_and(|rules| start_time == START_TIME || rules.iter().all(own_times));
    let schedule = match calendar.schedule().filter(|_| said) {
        Some(schedule) => schedule,
        None => {
            let offset = calendar.zone.unwrap_or(Offset::UTC);
            let found = icalendar::schedule_of_firings(&pattern, &start_time, offset);
            let found = found.map_err(|error| format!("the trigger does not fire: {error}"))?;
            found.ok_or("the pattern does not fire at one list of times on the same days")?
        }
    };
    let (frequency, week_frequency) = match schedule.days() {
        Days::EveryNDays(n) => (Some(n.get()), None),
        Days::Weekdays(set) => {
            let chosen = (0..7u8).filter_map(|day| {
                let weekday = chrono::Weekday::try_from((day + 6) % 7).ok()?;
                let name = DAY_NAMES.get(usize::from(day))?;
                set.contains(weekday).then_some(*name)
            });
            (None, Some(chosen.collect()))
        }
    };
    let kept = |name: &str| text(&definition, name)?.trim().parse::<i64>().ok().filter(|n| *n > 0);
    let rentention_num = kept("max_backups");
    let first = text(&definition, "remain_first_backup_of_cur_month");
    Ok(ScheduledPolicy {
        remain_first: if first.is_some_and(|said| said.eq_ignore_ascii_case("true")) { "Y" } else { "N" },
        rentention_num,
        rentention_day: if rentention_num.is_some() { None } else { kept("retention_duration_days") },
        frequency,
        week_frequency,
        start_time: start_times(schedule.times(), calendar.zone.unwrap_or(Offset::UTC)),
        time_zone: calendar.zone.map(|zone| zone.to_string()),
        status: if enabled { "ON" } else { "OFF" },
    })
}

/// UTC times in the order of the user's day.
fn start_times(times: &[MinuteOfDay], offset: Offset) -> String {
    let mut times = times.to_vec();
    times.sort_by_key(|time| time.plus(offset.minutes()).1);
    times.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// The tags in a plan's parameters, sorted by key.
#[must_use]
pub fn tags(parameters: &str) -> Vec<Tag> {
    #[derive(serde::Deserialize)]
    struct Parameters {
        #[serde(default)]
        tags: BTreeMap<String, String>,
    }
    // Parameters that Karbor's users wrote may hold anything; they are no tags of ours then.
    let parameters: Result<Parameters, _> = serde_json::from_str(parameters);
    let tags = parameters.map(|parameters| parameters.tags).unwrap_or_default();
    tags.into_iter().map(|(key, value)| Tag { key, value }).collect()
}

fn object(what: &str, text: &str) -> Result<Map<String, Value>, String> {
    serde_json::from_str(text).map_err(|error| format!("{what} cannot be read: {error}"))
}

/// A member as text: Karbor's object layer keeps strings, and writes others in their own way.
fn text(object: &Map<String, Value>, name: &str) -> Option<String> {
    match object.get(name)? {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::karbor::json::{self, Retention};
    use proptest::prelude::*;
    use schedules::icalendar::{EveryNDays, pattern};
    use schedules::schedule::Schedule;

    fn properties(pattern: &str) -> String {
        let mut out = String::new();
        json::properties(pattern, "calendar", &mut out);
        out
    }

    fn definition(retention: Retention, keep_first: bool) -> String {
        let mut out = String::new();
        let more = json::Definition { keep_first, ..json::Definition::default() };
        json::definition("provider", "plan", retention, more, &[], &mut out);
        out
    }

    /// The columns of backup_policy in which VBS keeps what its API takes, turned into Karbor's texts.
    fn converted(policy: &ScheduledPolicy, every: EveryNDays) -> (String, String, bool) {
        let days = policy.week_frequency.as_ref().map(|days| days.join(","));
        let schedule =
            Schedule::from_fields(Some(&policy.start_time), policy.frequency.map(i64::from), days.as_deref())
                .unwrap();
        let zone = schedules::zone::Zone::parse(policy.time_zone.as_deref().unwrap()).unwrap();
        let offset = zone.offset_at(0);
        let pattern = pattern(&schedule, offset, Some(offset), every).unwrap();
        let retention = Retention::new(policy.rentention_num, policy.rentention_day);
        let keep_first = policy.remain_first == "Y";
        (properties(pattern.as_str()), definition(retention, keep_first), policy.status == "ON")
    }

    #[test]
    fn the_documented_example_comes_back() {
        // Local 00:00, 02:00, 04:00 at UTC+02:00.
        let policy = ScheduledPolicy {
            remain_first: "Y",
            rentention_num: None,
            rentention_day: Some(30),
            frequency: None,
            week_frequency: Some(vec!["SUN", "WED"]),
            start_time: "22:00,00:00,02:00".to_owned(),
            time_zone: Some("UTC+02:00".to_owned()),
            status: "OFF",
        };
        let (properties, definition, enabled) = converted(&policy, EveryNDays::Interval);
        assert_eq!(scheduled_policy(&properties, &definition, enabled), Ok(policy.clone()));
        assert_eq!(
            serde_json::to_string(&policy).unwrap(),
            "{\"remain_first_backup_of_curMonth\":\"Y\",\"rentention_day\":30,\"week_frequency\":[\"SUN\",\"WED\"],\
             \"start_time\":\"22:00,00:00,02:00\",\"time_zone\":\"UTC+02:00\",\"status\":\"OFF\"}"
        );
    }

    #[test]
    fn what_vbs_has_no_form_for_is_said() {
        let rule = |rule: &str| format!("BEGIN:VEVENT\r\nRRULE:{rule}\r\nEND:VEVENT\r\n");
        let good = properties(&rule("FREQ=DAILY;BYHOUR=1;BYMINUTE=0"));
        let kept = definition(Retention::Forever, false);
        let later = good.replace(START_TIME, "2020-02-29 09:31:08");
        for (properties, definition, said) in [
            (
                "[]".to_owned(),
                kept.as_str(),
                "the trigger's properties cannot be read: invalid type: sequence",
            ),
            ("{}".to_owned(), kept.as_str(), "the trigger has no pattern"),
            (good.clone(), "", "the operation's definition cannot be read: EOF"),
            (properties("x"), kept.as_str(), "the pattern has no complete VEVENT"),
            (
                properties(&rule("FREQ=SECONDLY")),
                kept.as_str(),
                "the pattern does not fire at one list of times on the same days",
            ),
            (
                properties(&rule("FREQ=MONTHLY;BYMONTHDAY=2;BYHOUR=1;BYMINUTE=0")),
                kept.as_str(),
                "the pattern does not fire at one list of times on the same days",
            ),
            (
                properties(&rule("FREQ=DAILY;BYHOUR=24")),
                kept.as_str(),
                "the trigger does not fire: is refused: ",
            ),
            (
                later.replace(";BYMINUTE=0", ""),
                kept.as_str(),
                // At 01:31:08.
                "the pattern does not fire at one list of times on the same days",
            ),
        ] {
            let error = scheduled_policy(&properties, definition, true).unwrap_err();
            assert!(error.starts_with(said), "{error}");
        }
        // A start time of its own does no harm where every rule says its times.
        assert_eq!(scheduled_policy(&later, &kept, true).unwrap().start_time, "01:00");
    }

    #[test]
    fn what_karbor_accepts_has_vbs_form_wherever_its_firings_have_one() {
        let kept = definition(Retention::Forever, false);
        let week = "FREQ=WEEKLY;BYDAY=MO;BYHOUR=1;BYMINUTE=0";
        for (text, zone) in [
            // As Karbor's documentation types it: two characters, not a line feed.
            (format!(r"BEGIN:VEVENT\nRRULE:{week}\nEND:VEVENT"), None),
            (format!(r"BEGIN:VEVENT\r\nRRULE:{week}\r\nEND:VEVENT\r\n"), None),
            (format!("BEGIN:VEVENT\nRRULE:{week};WKST=SU;BYSECOND=0\nEND:VEVENT"), None),
            ("BEGIN:VEVENT\nRRULE:FREQ=DAILY;BYDAY=MO;BYHOUR=1;BYMINUTE=0\nEND:VEVENT".to_owned(), None),
            (
                "BEGIN:VEVENT\r\nRRULE:FREQ=WEEKLY;BYD\r\n\r\n AY=MO;BYHOUR=1;\r\n\tBYMINUTE=0\r\nEND:VEVENT"
                    .to_owned(),
                None,
            ),
            (
                format!(
                    "BEGIN:VCALENDAR\nX-WR-TIMEZONE:Asia/Shanghai\nBEGIN:VEVENT\nRRULE:{week}\nEND:VEVENT\nEND:VCALENDAR"
                ),
                Some("UTC+08:00"),
            ),
            (
                format!(
                    "BEGIN:VCALENDAR\nX-WR-TIMEZONE:Nowhere\nBEGIN:VEVENT\nRRULE:{week}\nEND:VEVENT\nEND:VCALENDAR"
                ),
                None,
            ),
        ] {
            let policy = scheduled_policy(&properties(&text), &kept, true).unwrap();
            assert_eq!(policy.week_frequency, Some(vec!["MON"]), "{text:?}");
            assert_eq!(
                (policy.start_time.as_str(), policy.time_zone.as_deref()),
                ("01:00", zone),
                "{text:?}"
            );
        }
    }

    #[test]
    fn numbers_and_booleans_of_any_type_are_read() {
        let good = properties("BEGIN:VEVENT\nRRULE:FREQ=DAILY;BYHOUR=1;BYMINUTE=0\nEND:VEVENT\n");
        let read = |definition: &str| {
            let policy = scheduled_policy(&good, definition, true).unwrap();
            (policy.rentention_num, policy.rentention_day, policy.remain_first)
        };
        assert_eq!(read(r#"{"max_backups":"20","retention_duration_days":"7"}"#), (Some(20), None, "N"));
        assert_eq!(
            read(r#"{"max_backups":-1,"retention_duration_days":7,"remain_first_backup_of_cur_month":true}"#),
            (None, Some(7), "Y")
        );
        assert_eq!(
            read(r#"{"max_backups":null,"remain_first_backup_of_cur_month":"True"}"#),
            (None, None, "Y")
        );
    }

    #[test]
    fn tags_are_read_from_parameters_and_nothing_else_is_taken_for_one() {
        let tag = |key: &str, value: &str| Tag { key: key.into(), value: value.into() };
        assert_eq!(tags(r#"{"common":{},"tags":{"b":"2","a":"云"}}"#), [tag("a", "云"), tag("b", "2")]);
        for none in [r#"{"common":{}}"#, r#"{"tags":[1]}"#, r#"{"tags":{"a":1}}"#, "", "null", "[]"] {
            assert_eq!(tags(none), [], "{none}");
        }
    }

    /// Any policy that VBS's API can hold, in its canonical form.
    fn any_policy() -> impl Strategy<Value = ScheduledPolicy> {
        let days = prop_oneof![
            (1u16..=31).prop_map(|n| (Some(n), None)),
            prop::sample::subsequence(DAY_NAMES.to_vec(), 1..=7).prop_map(|days| (None, Some(days))),
        ];
        let retention = prop_oneof![
            Just((None, None)),
            (1i64..100).prop_map(|n| (Some(n), None)),
            (1i64..100_000).prop_map(|n| (None, Some(n))),
        ];
        (
            prop::collection::btree_set(0u8..24, 1..=24),
            prop_oneof![Just(0u8), 0u8..60],
            (-720i16..=840).prop_map(|minutes| Offset::from_minutes(minutes).unwrap()),
            days,
            retention,
            any::<(bool, bool)>(),
        )
            .prop_map(
                |(hours, minute, offset, (frequency, week_frequency), (num, day), (first, on))| {
                    let times: Vec<_> =
                        hours.into_iter().map(|hour| MinuteOfDay::new(hour, minute).unwrap()).collect();
                    ScheduledPolicy {
                        remain_first: if first { "Y" } else { "N" },
                        rentention_num: num,
                        rentention_day: day,
                        frequency,
                        week_frequency,
                        start_time: start_times(&times, offset),
                        time_zone: Some(offset.to_string()),
                        status: if on { "ON" } else { "OFF" },
                    }
                },
            )
    }

    proptest! {
        /// VBS → Karbor → VBS is the identity on the API's canonical form.
        #[test]
        fn there_and_back_again_nothing_has_changed(policy in any_policy(), exact: bool) {
            let every = if exact { EveryNDays::MonthDays } else { EveryNDays::Interval };
            let (properties, definition, enabled) = converted(&policy, every);
            prop_assert_eq!(scheduled_policy(&properties, &definition, enabled), Ok(policy));
        }

        #[test]
        fn start_times_ascend_on_the_users_clock(policy in any_policy()) {
            let zone = schedules::zone::Zone::parse(policy.time_zone.as_deref().unwrap()).unwrap();
            let east = zone.offset_at(0).minutes();
            let local: Vec<_> = policy.start_time.split(',').map(|time| {
                let (hour, minute) = time.split_once(':').unwrap();
                MinuteOfDay::new(hour.parse().unwrap(), minute.parse().unwrap()).unwrap().plus(east).1
            }).collect();
            prop_assert!(local.is_sorted(), "{:?}", local);
        }

        #[test]
        fn any_text_gives_an_answer(properties in ".{0,80}", definition in ".{0,80}", on: bool) {
            let _ = scheduled_policy(&properties, &definition, on);
            let _ = tags(&properties);
        }
    }
}
