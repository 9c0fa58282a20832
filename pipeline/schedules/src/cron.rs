//! Quartz cron expressions, as VBS keeps them in a trigger's cron_expression.
//!
//! Only what Karbor can hold is accepted: times of day on every Nth day, or on days of the week. Anything else
//! Quartz knows (`L`, `W`, `#`, fixed dates, months, years) is rejected by name: a schedule is never bent to fit.
//! The grammar follows Quartz' own CronExpression, not that of Unix: there is a field for seconds, days of the
//! week count from 1 = SUN, and a range may go past the field's end (`22-2`).

use std::num::NonZeroU16;

use chrono::Weekday;
use nom::branch::alt;
use nom::bytes::complete::take_while_m_n;
use nom::character::complete::{char, digit1};
use nom::combinator::{all_consuming, map, map_opt, map_res, opt, value};
use nom::multi::separated_list1;
use nom::sequence::{preceded, separated_pair};
use nom::{IResult, Parser};

use crate::schedule::times::{Days, MinuteOfDay, WeekdaySet};
use crate::schedule::{CronPart, Field, Reason, Schedule, ScheduleError, day_of_name, day_of_number};

/// The longest expression looked at, in bytes. One that lists every minute and hour has about 260.
const MAX_LENGTH: usize = 1024;

/// Reads a Quartz expression of 6 or 7 fields: `second minute hour day-of-month month day-of-week [year]`.
///
/// * The second is 0. Minute and hour are lists of numbers, ranges, steps (`a/b` from a to the field's end,
///   `a-b/c`, `*/b`) and `*`. Month and year are `*`.
/// * By day: day-of-month is `*`, `*/N` or `1/N`, and day-of-week is `?` or `*`. The count restarts with the month.
/// * By week: day-of-month is `?` or `*`, and day-of-week is a list of days and ranges of days, names in any case
///   or 1 = SUN … 7 = SAT.
///
/// # Errors
///
/// [`ScheduleError`] names the field of the expression, its text and what was expected there.
pub fn parse(expression: &str) -> Result<Schedule, ScheduleError> {
    let whole = |reason| ScheduleError::new(Field::Cron, expression, reason);
    if expression.len() > MAX_LENGTH {
        return Err(whole(Reason::TooLong { bytes: expression.len(), limit: MAX_LENGTH }));
    }
    let fields: Vec<&str> = expression.split_ascii_whitespace().collect();
    let (second, minute, hour, day_of_month, month, day_of_week, year) = match fields[..] {
        [second, minute, hour, dom, month, dow] => (second, minute, hour, dom, month, dow, "*"),
        [second, minute, hour, dom, month, dow, year] => (second, minute, hour, dom, month, dow, year),
        _ => return Err(whole(Reason::CronFields { found: fields.len() })),
    };

    form(CronPart::Second, second, value((), map_opt(number, |n| (n == 0).then_some(()))))?;
    let minutes = values(CronPart::Minute, minute, 59)?;
    let hours = values(CronPart::Hour, hour, 23)?;
    let by_month = form(CronPart::DayOfMonth, day_of_month, days_of_month)?;
    form(CronPart::Month, month, char('*'))?;
    let by_week = form(CronPart::DayOfWeek, day_of_week, days_of_week)?;
    form(CronPart::Year, year, char('*'))?;

    let days = match (by_month, by_week) {
        (DaysOfMonth::Step(n), DaysOfWeek::Any | DaysOfWeek::Unset) => {
            let interval = step(CronPart::DayOfMonth, day_of_month, n, 31)?;
            Days::EveryNDays(interval)
        }
        (DaysOfMonth::Any, DaysOfWeek::Any | DaysOfWeek::Unset) | (DaysOfMonth::Unset, DaysOfWeek::Any) => {
            Days::EveryNDays(NonZeroU16::MIN)
        }
        (DaysOfMonth::Any | DaysOfMonth::Unset, DaysOfWeek::Of(set)) => Days::Weekdays(set),
        (DaysOfMonth::Unset, DaysOfWeek::Unset) => return Err(whole(Reason::CronNoDays)),
        (DaysOfMonth::Step(_), DaysOfWeek::Of(_)) => return Err(whole(Reason::CronBothDays)),
    };
    let times = hours
        .iter()
        .flat_map(|&hour| minutes.iter().filter_map(move |&minute| MinuteOfDay::new(hour, minute)));
    Ok(Schedule::new(times, days))
}

/// One item of a minute or hour field.
#[derive(Debug, Clone, Copy)]
struct Item {
    /// Where it begins and ends; nothing for `*`.
    range: Option<(u16, Option<u16>)>,
    step: Option<u16>,
}

#[derive(Debug, Clone, Copy)]
enum DaysOfMonth {
    /// `*`
    Any,
    /// `?`
    Unset,
    /// `*/N` or `1/N`
    Step(u16),
}

#[derive(Debug, Clone, Copy)]
enum DaysOfWeek {
    /// `*`
    Any,
    /// `?`
    Unset,
    Of(WeekdaySet),
}

/// Reads the whole of one field, or says what it should have looked like.
fn form<'a, T>(
    part: CronPart,
    text: &'a str,
    parser: impl Parser<&'a str, Output = T, Error = nom::error::Error<&'a str>>,
) -> Result<T, ScheduleError> {
    match all_consuming(parser).parse(text) {
        Ok((_, read)) => Ok(read),
        Err(_) => Err(ScheduleError::new(Field::CronPart(part), text, Reason::CronForm { part })),
    }
}

/// The numbers a minute or hour field stands for, 0…`high`, ascending.
fn values(part: CronPart, text: &str, high: u8) -> Result<Vec<u8>, ScheduleError> {
    let items = form(part, text, separated_list1(char(','), item))?;
    let mut chosen = [false; 60];
    for Item { range, step: by } in items {
        let (first, last) = match range {
            None => (0, u16::from(high)),
            // A number alone is itself; with a step it runs to the field's end.
            Some((first, None)) => (first, if by.is_some() { u16::from(high) } else { first }),
            Some((first, Some(last))) => (first, last),
        };
        for number in [first, last] {
            if number > u16::from(high) {
                let reason = Reason::CronNumber { number, low: 0, high: high.into() };
                return Err(ScheduleError::new(Field::CronPart(part), text, reason));
            }
        }
        let by = step(part, text, by.unwrap_or(1), high.into())?;
        let size = u16::from(high) + 1;
        // A range that ends before it begins goes past the field's end.
        let end = if last < first { last + size } else { last };
        for number in (first..=end).step_by(by.get().into()) {
            if let Some(slot) = chosen.get_mut(usize::from(number % size)) {
                *slot = true;
            }
        }
    }
    Ok((0..=high).zip(chosen).filter_map(|(number, chosen)| chosen.then_some(number)).collect())
}

/// A step within 1…`high`.
///
/// Quartz refuses larger ones. It takes a 0 for no step at all, which nobody can have meant.
fn step(part: CronPart, text: &str, step: u16, high: u16) -> Result<NonZeroU16, ScheduleError> {
    NonZeroU16::new(step)
        .filter(|step| step.get() <= high)
        .ok_or_else(|| ScheduleError::new(Field::CronPart(part), text, Reason::CronStep { step, high }))
}

/// `*`, `a` or `a-b`, each of them with `/c` or without.
fn item(input: &str) -> IResult<&str, Item> {
    let range = alt((value(None, char('*')), map((number, opt(preceded(char('-'), number))), Some)));
    map((range, opt(preceded(char('/'), number))), |(range, step)| Item { range, step }).parse(input)
}

fn days_of_month(input: &str) -> IResult<&str, DaysOfMonth> {
    let one = map_opt(number, |n| (n == 1).then_some('1'));
    alt((
        map(separated_pair(alt((char('*'), one)), char('/'), number), |(_, n)| DaysOfMonth::Step(n)),
        value(DaysOfMonth::Any, char('*')),
        value(DaysOfMonth::Unset, char('?')),
    ))
    .parse(input)
}

fn days_of_week(input: &str) -> IResult<&str, DaysOfWeek> {
    alt((
        value(DaysOfWeek::Any, char('*')),
        value(DaysOfWeek::Unset, char('?')),
        map_opt(separated_list1(char(','), weekdays), |sets| {
            WeekdaySet::new(sets.into_iter().flat_map(WeekdaySet::iter)).map(DaysOfWeek::Of)
        }),
    ))
    .parse(input)
}

/// A day or a range of days. As in Quartz, a range has two names or two numbers, not one of each.
fn weekdays(input: &str) -> IResult<&str, WeekdaySet> {
    let name = || map_opt(take_while_m_n(3, 3, |c: char| c.is_ascii_alphabetic()), day_of_name);
    let numbered = || map_opt(number, day_of_number);
    let between = |(first, last): (Weekday, Option<Weekday>)| {
        let last = last.unwrap_or(first);
        let mut days = vec![first];
        let mut day = first;
        while day != last {
            day = day.succ();
            days.push(day);
        }
        WeekdaySet::new(days)
    };
    alt((
        map_opt((name(), opt(preceded(char('-'), name()))), between),
        map_opt((numbered(), opt(preceded(char('-'), numbered()))), between),
    ))
    .parse(input)
}

/// A number of ASCII digits that fits 16 bits.
fn number(input: &str) -> IResult<&str, u16> {
    map_res(digit1, str::parse).parse(input)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(expression: &str, expected: &str) {
        let found = match parse(expression) {
            Ok(schedule) => {
                let times: Vec<_> = schedule.times().iter().map(ToString::to_string).collect();
                match schedule.days() {
                    Days::EveryNDays(n) => format!("{} every {n}", times.join(",")),
                    Days::Weekdays(set) => format!("{} {set:?}", times.join(",")),
                }
            }
            Err(error) => error.to_string(),
        };
        assert_eq!(found, expected, "{expression:?}");
    }

    /// The hours or minutes chosen by one field, the other being 0.
    #[track_caller]
    fn check_field(part: CronPart, field: &str, expected: &[i16]) {
        let (expression, of): (_, fn(MinuteOfDay) -> i16) = match part {
            CronPart::Hour => (format!("0 0 {field} * * ?"), MinuteOfDay::hour),
            _ => (format!("0 {field} 0 * * ?"), MinuteOfDay::minute),
        };
        let found: Vec<_> = parse(&expression).unwrap().times().iter().copied().map(of).collect();
        assert_eq!(found, expected, "{expression:?}");
    }

    #[test]
    fn by_day_the_day_of_month_is_a_star_or_a_step_from_the_first() {
        for (days, expected) in [
            ("* * ?", "every 1"),
            ("* * *", "every 1"),
            ("? * *", "every 1"),
            ("1/1 * ?", "every 1"),
            ("*/1 * ?", "every 1"),
            ("1/2 * ?", "every 2"),
            ("*/3 * ?", "every 3"),
            ("*/3 * *", "every 3"),
            ("01/07 * ?", "every 7"),
            ("1/31 * ?", "every 31"),
        ] {
            check(&format!("0 0 15 {days}"), &format!("15:00 {expected}"));
        }
    }

    #[test]
    fn by_week_the_days_are_lists_and_ranges_of_names_or_numbers() {
        for (days, expected) in [
            ("? * MON", "{Mon}"),
            ("* * MON", "{Mon}"),
            ("? * mon", "{Mon}"),
            ("? * 1", "{Sun}"),
            ("? * 2", "{Mon}"),
            ("? * 7", "{Sat}"),
            ("? * SUN,MON", "{Mon, Sun}"),
            ("? * MON,3,FRI", "{Mon, Tue, Fri}"),
            ("? * MON-FRI", "{Mon, Tue, Wed, Thu, Fri}"),
            ("? * 2-6", "{Mon, Tue, Wed, Thu, Fri}"),
            // Wrapping: the week of Quartz begins on Sunday, but days go round it.
            ("? * FRI-MON", "{Mon, Fri, Sat, Sun}"),
            ("? * 6-2", "{Mon, Fri, Sat, Sun}"),
            ("? * SAT-SUN", "{Sat, Sun}"),
            ("? * WED-WED", "{Wed}"),
            ("? * MON-TUE,SAT", "{Mon, Tue, Sat}"),
            ("? * 1-7", "{Mon, Tue, Wed, Thu, Fri, Sat, Sun}"),
        ] {
            check(&format!("0 0 15 {days}"), &format!("15:00 {expected}"));
        }
    }

    #[test]
    fn minutes_and_hours_are_lists_ranges_and_steps() {
        let all_hours: Vec<i16> = (0..24).collect();
        for (field, expected) in [
            ("15", &[15][..]),
            ("015", &[15]),
            ("1,23", &[1, 23]),
            ("23,1,1", &[1, 23]),
            ("8-11", &[8, 9, 10, 11]),
            ("5-5", &[5]),
            ("22-2", &[0, 1, 2, 22, 23]),
            ("20-4/3", &[2, 20, 23]),
            ("1/8", &[1, 9, 17]),
            ("23/1", &[23]),
            ("0-12/6", &[0, 6, 12]),
            ("0-12/5", &[0, 5, 10]),
            ("*/6", &[0, 6, 12, 18]),
            ("*/5", &[0, 5, 10, 15, 20]),
            ("0/23", &[0, 23]),
            ("1-3,22/1,12", &[1, 2, 3, 12, 22, 23]),
            ("*", &all_hours),
            ("*,5", &all_hours),
        ] {
            check_field(CronPart::Hour, field, expected);
        }
        check_field(CronPart::Minute, "30", &[30]);
        check_field(CronPart::Minute, "0/15", &[0, 15, 30, 45]);
        check_field(CronPart::Minute, "50-10/5", &[0, 5, 10, 50, 55]);
        check_field(CronPart::Minute, "*/59", &[0, 59]);
    }

    #[test]
    fn the_times_are_all_hours_with_all_minutes() {
        check("0 0,30 1,23 * * ?", "01:00,01:30,23:00,23:30 every 1");
        check("0 0 1,23 ? * MON", "01:00,23:00 {Mon}");
    }

    #[test]
    fn there_are_6_or_7_fields_between_blanks() {
        check("0 0 15 1/2 * ? *", "15:00 every 2");
        check("\t00  0 15 1/2 * ? ", "15:00 every 2");
        for (expression, found) in [("", 0), ("0 0 15 * *", 5), ("0 0 15 * * ? * *", 8), ("@daily", 1)] {
            check(
                expression,
                &format!(
                    "cron: {expression:?} has {found} fields; \
                 expected 6 or 7: second minute hour day-of-month month day-of-week [year]"
                ),
            );
        }
    }

    #[test]
    fn what_karbor_cannot_hold_is_rejected_by_field() {
        let (second, minutes) = (CronPart::Second, CronPart::Minute);
        let (hour, dom, month) = (CronPart::Hour, CronPart::DayOfMonth, CronPart::Month);
        let (dow, year) = (CronPart::DayOfWeek, CronPart::Year);
        for (part, template, values) in [
            (second, "_ 0 15 * * ?", &["1", "*", "0,30", "0/15", "?", "-0", "+0", "0-0"][..]),
            (
                minutes,
                "0 _ 15 * * ?",
                &["?", "x", "1,", ",1", "1,,2", "1-", "-1", "1/", "/5", "L", "1/2/3", "70000"],
            ),
            (hour, "0 0 _ * * ?", &["?", "x", "5W", "1--2", "*-3", "MON", "٣", "1-2-3", "**"]),
            (
                dom,
                "0 0 15 _ * ?",
                &["1", "15", "1,15", "1-31/2", "2/3", "L", "LW", "15W", "L-3", "*/x", "*,1", "x"],
            ),
            (month, "0 0 15 * _ ?", &["1", "JAN", "*/2", "1-12", "?", "1/1"]),
            (
                dow,
                "0 0 15 ? * _",
                &[
                    "L",
                    "6L",
                    "FRIL",
                    "MON#1",
                    "2#1",
                    "MON-FRI/2",
                    "2/2",
                    "*/2",
                    "0",
                    "8",
                    "1-8",
                    "MONDAY",
                    "MO",
                    "XYZ",
                    "MON-6",
                    "2-FRI",
                    "MON,",
                    "*,MON",
                    "?,MON",
                ],
            ),
            (year, "0 0 15 * * ? _", &["2018", "2018-2020", "*/2", "?"]),
        ] {
            for value in values {
                check(
                    &template.replace('_', value),
                    &format!("cron, {part}: {value:?} {}", Reason::CronForm { part }),
                );
            }
        }
    }

    #[test]
    fn numbers_and_steps_outside_a_field_are_rejected() {
        for (expression, expected) in [
            ("0 60 15 * * ?", "cron, minute: \"60\" has 60; expected 0 to 59"),
            ("0 0 24 * * ?", "cron, hour: \"24\" has 24; expected 0 to 23"),
            ("0 0 1,22-24 * * ?", "cron, hour: \"1,22-24\" has 24; expected 0 to 23"),
            ("0 0 24/2 * * ?", "cron, hour: \"24/2\" has 24; expected 0 to 23"),
            ("0 0 */0 * * ?", "cron, hour: \"*/0\" has the step 0; expected 1 to 23"),
            ("0 0 1/24 * * ?", "cron, hour: \"1/24\" has the step 24; expected 1 to 23"),
            ("0 0 1-5/24 * * ?", "cron, hour: \"1-5/24\" has the step 24; expected 1 to 23"),
            ("0 0/60 1 * * ?", "cron, minute: \"0/60\" has the step 60; expected 1 to 59"),
            ("0 0 15 1/0 * ?", "cron, day of month: \"1/0\" has the step 0; expected 1 to 31"),
            ("0 0 15 */32 * ?", "cron, day of month: \"*/32\" has the step 32; expected 1 to 31"),
        ] {
            check(expression, expected);
        }
    }

    #[test]
    fn one_of_the_two_day_fields_chooses_the_days() {
        check(
            "0 0 15 ? * ?",
            "cron: \"0 0 15 ? * ?\" names no days: day-of-month and day-of-week are both ?",
        );
        for expression in ["0 0 15 1/2 * MON", "0 0 15 */1 * MON"] {
            check(
                expression,
                &format!(
                    "cron: {expression:?} chooses days both by month and by week; expected ? or * in one of the two"
                ),
            );
        }
    }

    #[test]
    fn an_endless_expression_is_not_looked_at() {
        let long = format!("0 0 {} * * ?", "1,".repeat(1_000_000));
        let error = parse(&long).unwrap_err();
        assert_eq!(error.reason, Reason::TooLong { bytes: 2_000_010, limit: MAX_LENGTH });
        assert!(error.value.len() < 100);
        // Every minute of every hour, written out, is well within the limit.
        let list = |high: u8| (0..=high).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
        let full = parse(&format!("0 {} {} * * ?", list(59), list(23))).unwrap();
        assert_eq!(full.times().len(), 1440);
    }

    proptest! {
        #[test]
        fn any_text_gives_an_answer(text in ".{0,60}") {
            let _ = parse(&text);
        }

        #[test]
        fn any_text_of_the_grammars_letters_gives_an_answer(text in "[0-9*?/,LW#MONFRI -]{0,60}") {
            let _ = parse(&text);
        }

        #[test]
        fn any_fields_give_an_answer(fields in prop::collection::vec("[0-9]{1,5}([-/,][0-9]{1,5}){0,3}|\\*|\\?", 7)) {
            let _ = parse(&fields.join(" "));
        }

        /// The cron expression of a policy's fields is the same schedule as its fields.
        #[test]
        fn an_expression_made_of_fields_equals_the_fields(
            hours in prop::collection::btree_set(0u8..24, 1..24),
            minute in 0u8..60,
            days in prop::sample::subsequence(vec!["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"], 0..=7),
            interval in 1u16..=31,
        ) {
            let times: Vec<_> = hours.iter().map(|hour| format!("{hour:02}:{minute:02}")).collect();
            let hours: Vec<_> = hours.iter().map(ToString::to_string).collect();
            let (cron_days, frequency) = match days[..] {
                [] => (format!("1/{interval} * ?"), Some(i64::from(interval))),
                _ => (format!("? * {}", days.join(",")), None),
            };
            let expression = format!("0 {minute} {} {cron_days}", hours.join(","));
            let fields = Schedule::from_fields(Some(&times.join(";")), frequency, Some(&days.join(",")));
            prop_assert_eq!(parse(&expression), fields);
        }
    }
}
