//! Schedules from the columns of VBS and DPS: times, an interval in days, days of the week.
//!
//! The separators of the lists are not known for every release, so three forms are read. What is malformed is
//! rejected, never repaired: a backup on the wrong day would not be noticed before it is needed.

use crate::schedule::weekdays::{day_of_name, day_of_number};
use std::num::NonZeroU16;

use serde_json::Value;

use super::{Field, Reason, Schedule, ScheduleError};
use crate::schedule::times::{Days, MinuteOfDay, WeekdaySet};

/// The interval of a policy that says neither how often nor on which days it runs: every 14 days (1 + 13).
const DEFAULT_INTERVAL: NonZeroU16 = NonZeroU16::MIN.saturating_add(13);

/// The longest interval a policy can have, in days.
const MAX_INTERVAL: u16 = 366;

impl Schedule {
    /// The schedule of VBS's columns back_up_start_time, back_up_frequency and week_frequency.
    ///
    /// Times are `HH:mm` or `HH:mm:00`, days are `SUN`…`SAT` in any case or 1…7 with 1 = SUN; both are lists
    /// with commas or semicolons, or JSON lists. A frequency above 0 wins, and week_frequency is then not looked
    /// at. A value that is nothing, blank, an empty JSON list or the frequency 0 is absent: without times it is
    /// 00:00, with neither frequency nor days it is every 14 days.
    ///
    /// # Errors
    ///
    /// [`ScheduleError`] names the field and the part of it that is none of the above.
    pub fn from_fields(
        times: Option<&str>,
        frequency: Option<i64>,
        weekdays: Option<&str>,
    ) -> Result<Schedule, ScheduleError> {
        let times = read_times(times)?;
        let days = match read_interval(frequency)? {
            Some(interval) => Days::EveryNDays(interval),
            None => read_weekdays(weekdays)?.map_or(Days::EveryNDays(DEFAULT_INTERVAL), Days::Weekdays),
        };
        Ok(Schedule::new(times, days))
    }

    /// The schedule of a DPS timer, as stored: see [`Schedule::local_to_utc`] for one with a zone.
    ///
    /// frequency_type says which field is read: `day` the interval (absent: 14 days), `week` the days of the
    /// week. Without it the rules of [`Schedule::from_fields`] decide. The field not read is not checked.
    ///
    /// # Errors
    ///
    /// [`ScheduleError`], also for any other frequency_type and for `week` without a day: every 14 days is the
    /// default of an interval, and nothing says on which day of the week such a timer ran.
    pub fn from_timer(
        frequency_type: Option<&str>,
        interval_days: Option<i64>,
        week_days: Option<&str>,
        start_time: Option<&str>,
    ) -> Result<Schedule, ScheduleError> {
        match frequency_type.map(str::trim).filter(|kind| !kind.is_empty()) {
            None => Schedule::from_fields(start_time, interval_days, week_days),
            Some(kind) if kind.eq_ignore_ascii_case("day") => {
                Schedule::from_fields(start_time, interval_days, None)
            }
            Some(kind) if kind.eq_ignore_ascii_case("week") => {
                let times = read_times(start_time)?;
                let days = read_weekdays(week_days)?.ok_or_else(|| {
                    ScheduleError::new(
                        Field::Weekdays,
                        week_days.unwrap_or_default(),
                        Reason::WeekWithoutDays,
                    )
                })?;
                Ok(Schedule::new(times, Days::Weekdays(days)))
            }
            Some(kind) => Err(ScheduleError::new(Field::FrequencyType, kind, Reason::FrequencyType)),
        }
    }
}

/// The times of a list; none if the value is absent.
fn read_times(value: Option<&str>) -> Result<Vec<MinuteOfDay>, ScheduleError> {
    items(Field::Times, value)?
        .iter()
        .map(|item| read_time(item).map_err(|reason| ScheduleError::new(Field::Times, item, reason)))
        .collect()
}

/// Reads `HH:mm` or `HH:mm:00`.
fn read_time(item: &str) -> Result<MinuteOfDay, Reason> {
    let number = |digits: Option<&str>| {
        digits
            .filter(|digits| digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|digits| digits.parse::<u8>().ok())
    };
    let mut parts = item.split(':');
    let hour = number(parts.next()).ok_or(Reason::NotATime)?;
    let minute = number(parts.next()).ok_or(Reason::NotATime)?;
    let seconds = parts.next().map_or(Some(0), |digits| number(Some(digits))).ok_or(Reason::NotATime)?;
    if parts.next().is_some() {
        return Err(Reason::NotATime);
    }
    match MinuteOfDay::new(hour, minute) {
        _ if hour > 23 => Err(Reason::Hour { hour }),
        Some(time) if seconds == 0 => Ok(time),
        Some(_) => Err(Reason::Seconds { seconds }),
        None => Err(Reason::Minute { minute }),
    }
}

/// The interval in days; none if the value is absent or 0.
fn read_interval(value: Option<i64>) -> Result<Option<NonZeroU16>, ScheduleError> {
    let days = value.unwrap_or(0);
    match u16::try_from(days) {
        Ok(days) if days <= MAX_INTERVAL => Ok(NonZeroU16::new(days)),
        _ => Err(ScheduleError::new(Field::Frequency, &days.to_string(), Reason::Interval)),
    }
}

/// The days of a list; none if the value is absent.
fn read_weekdays(value: Option<&str>) -> Result<Option<WeekdaySet>, ScheduleError> {
    let days = items(Field::Weekdays, value)?
        .iter()
        .map(|item| {
            day_of_name(item)
                .or_else(|| item.parse().ok().and_then(day_of_number))
                .ok_or_else(|| ScheduleError::new(Field::Weekdays, item, Reason::NotADay))
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok(WeekdaySet::new(days))
}

/// The items of a list with commas or semicolons or of a JSON list, without the blanks around them.
///
/// An absent value and an empty JSON list have no items. An empty item, as after a comma at the end, is an item:
/// it is no time and no day, and the list was cut or badly written.
fn items(field: Field, value: Option<&str>) -> Result<Vec<String>, ScheduleError> {
    let value = value.unwrap_or_default().trim();
    if value.is_empty() {
        return Ok(Vec::new());
    }
    if value.starts_with('[') {
        let list: Vec<Value> = serde_json::from_str(value).map_err(|error| {
            ScheduleError::new(field, value, Reason::NotAList { detail: error.to_string() })
        })?;
        return Ok(list
            .into_iter()
            .map(|item| match item {
                Value::String(text) => text.trim().to_owned(),
                other => other.to_string(),
            })
            .collect());
    }
    Ok(value.split([',', ';']).map(|item| item.trim().to_owned()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A schedule in one line: its times, then its days.
    fn line(schedule: &Schedule) -> String {
        let times: Vec<_> = schedule.times().iter().map(ToString::to_string).collect();
        let days = match schedule.days() {
            Days::EveryNDays(n) => format!("every {n}"),
            Days::Weekdays(set) => format!("{set:?}"),
        };
        format!("{} {days}", times.join(","))
    }

    fn shown(result: Result<Schedule, ScheduleError>) -> String {
        result.map_or_else(|error| format!("error: {error}"), |schedule| line(&schedule))
    }

    #[track_caller]
    fn check(times: &str, frequency: i64, weekdays: &str, expected: &str) {
        let found = shown(Schedule::from_fields(Some(times), Some(frequency), Some(weekdays)));
        assert_eq!(found, expected, "times {times:?}, frequency {frequency}, weekdays {weekdays:?}");
    }

    #[test]
    fn times_are_one_or_a_list_in_three_forms() {
        for (times, expected) in [
            ("15:00", "15:00"),
            ("15:00:00", "15:00"),
            ("01:00,23:00", "01:00,23:00"),
            ("01:00;23:00", "01:00,23:00"),
            (" 01:00 , 23:00 ", "01:00,23:00"),
            (r#"["01:00", "23:00:00"]"#, "01:00,23:00"),
            (r#" [ "15:00" ] "#, "15:00"),
            // Stored in the order of local times; kept in the order of UTC times.
            ("22:00,00:00,02:00", "00:00,02:00,22:00"),
            // Repeated times count once.
            ("05:30,05:30:00,05:30", "05:30"),
            ("00:00", "00:00"),
            ("23:59", "23:59"),
        ] {
            check(times, 1, "", &format!("{expected} every 1"));
        }
    }

    #[test]
    fn an_absent_time_is_midnight() {
        for times in ["", "  ", "[]", " [ ] "] {
            check(times, 1, "", "00:00 every 1");
        }
        assert_eq!(shown(Schedule::from_fields(None, Some(3), None)), "00:00 every 3");
    }

    #[test]
    fn days_of_the_week_are_names_or_numbers_in_any_case_and_three_forms() {
        for (weekdays, expected) in [
            ("MON", "{Mon}"),
            ("mon", "{Mon}"),
            ("SUN,MON", "{Mon, Sun}"),
            ("Sat;tue;SAT", "{Tue, Sat}"),
            (r#"["SUN","WED"]"#, "{Wed, Sun}"),
            ("1", "{Sun}"),
            ("2,7", "{Mon, Sat}"),
            ("[1, 2]", "{Mon, Sun}"),
            (r#"["1", "FRI"]"#, "{Fri, Sun}"),
            ("1;2;3;4;5;6;7", "{Mon, Tue, Wed, Thu, Fri, Sat, Sun}"),
        ] {
            check("", 0, weekdays, &format!("00:00 {expected}"));
        }
    }

    #[test]
    fn a_frequency_above_0_wins_over_the_days_of_the_week() {
        check("", 2, "MON", "00:00 every 2");
        check("", 366, "MON", "00:00 every 366");
        check("", 0, "MON", "00:00 {Mon}");
        // The losing field has no effect, so what is wrong with it has none either.
        check("", 2, "someday", "00:00 every 2");
    }

    #[test]
    fn without_frequency_and_days_it_is_every_14_days() {
        check("", 0, "", "00:00 every 14");
        check("", 0, "[]", "00:00 every 14");
        assert_eq!(shown(Schedule::from_fields(None, None, None)), "00:00 every 14");
    }

    #[test]
    fn what_is_no_time_is_rejected() {
        let no_time = "is not a time of day; expected HH:mm or HH:mm:00";
        for (times, value, reason) in [
            ("24:00", "24:00", "has the hour 24; expected 00 to 23"),
            ("01:00,99:99", "99:99", "has the hour 99; expected 00 to 23"),
            ("23:60", "23:60", "has the minute 60; expected 00 to 59"),
            ("23:59:30", "23:59:30", "has 30 seconds; expected 00, Karbor starts backups on the minute"),
            ("1:00", "1:00", no_time),
            ("0100", "0100", no_time),
            ("+1:00", "+1:00", no_time),
            ("01:00:00:00", "01:00:00:00", no_time),
            ("01:00:", "01:00:", no_time),
            ("noon", "noon", no_time),
            ("٠١:٠٠", "٠١:٠٠", no_time),
            ("01:00,", "", no_time),
            (",", "", no_time),
            ("[1]", "1", no_time),
            ("[null]", "null", no_time),
        ] {
            check(times, 1, "", &format!("error: times: {value:?} {reason}"));
        }
        check(
            "[\"01:00\"",
            1,
            "",
            concat!(
                "error: times: \"[\\\"01:00\\\"\" is not a JSON list: ",
                "EOF while parsing a list at line 1 column 8"
            ),
        );
    }

    #[test]
    fn what_is_no_day_is_rejected() {
        for (weekdays, value) in [
            ("MON,XYZ", "XYZ"),
            ("SUNDAY", "SUNDAY"),
            ("MO", "MO"),
            ("0", "0"),
            ("8", "8"),
            ("-1", "-1"),
            ("1.0", "1.0"),
            ("[2.0]", "2.0"),
            ("MON,,TUE", ""),
            ("65538", "65538"),
        ] {
            check(
                "",
                0,
                weekdays,
                &format!(
                    "error: weekdays: {value:?} is not a day of the week; expected SUN to SAT or 1 (SUN) to 7 (SAT)"
                ),
            );
        }
    }

    #[test]
    fn an_interval_that_is_negative_or_above_366_is_rejected() {
        for days in [-1, 367, 65_537, i64::MAX, i64::MIN] {
            let reason = "is not an interval in days; expected 1 to 366, or 0 or nothing for none";
            check("", days, "MON", &format!("error: frequency: \"{days}\" {reason}"));
        }
    }

    #[test]
    fn a_timer_says_which_field_is_read() {
        let timer = |kind: &str, interval, days: &str| {
            shown(Schedule::from_timer(Some(kind), interval, Some(days), Some("02:30")))
        };
        for (kind, interval, days, expected) in [
            ("day", Some(3), "MON", "02:30 every 3"),
            ("DAY", Some(3), "someday", "02:30 every 3"),
            ("day", None, "MON", "02:30 every 14"),
            ("day", Some(0), "MON", "02:30 every 14"),
            ("week", Some(3), "MON", "02:30 {Mon}"),
            (" Week ", Some(-9), "1,2", "02:30 {Mon, Sun}"),
            ("", Some(3), "MON", "02:30 every 3"),
            ("", Some(0), "MON", "02:30 {Mon}"),
            ("", None, "", "02:30 every 14"),
            (
                "day",
                Some(-1),
                "",
                concat!(
                    "error: frequency: \"-1\" is not an interval in days; ",
                    "expected 1 to 366, or 0 or nothing for none"
                ),
            ),
            (
                "week",
                Some(3),
                "",
                concat!(
                    "error: weekdays: \"\" names no day of the week, ",
                    "but the timer's frequency type is week; expected SUN to SAT"
                ),
            ),
            (
                "month",
                Some(3),
                "",
                "error: frequency type: \"month\" is not a kind of timer; expected day or week",
            ),
        ] {
            assert_eq!(timer(kind, interval, days), expected, "{kind:?} {interval:?} {days:?}");
        }
        assert_eq!(shown(Schedule::from_timer(None, Some(5), None, None)), "00:00 every 5");
    }

    #[test]
    fn a_long_value_is_shortened_in_errors() {
        let long = "日".repeat(1000);
        let error = Schedule::from_fields(Some(&long), None, None).unwrap_err();
        assert_eq!(error.value, "日".repeat(60) + "…");
    }

    proptest! {
        #[test]
        fn any_text_gives_an_answer(times in ".{0,40}", n: Option<i64>, days in ".{0,40}", kind in ".{0,6}") {
            let _ = Schedule::from_fields(Some(&times), n, Some(&days));
            let _ = Schedule::from_timer(Some(&kind), n, Some(&days), Some(&times));
        }
    }
}
