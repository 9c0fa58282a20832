//! One recurrence rule (RFC 5545, 3.3.10), as far as patterns use them.
//!
//! Rules are kept as data between the schedule and the text, so that both ways, writing and reading, share one
//! spelling. What fires when is not worked out here.

use std::fmt::{self, Write as _};
use std::num::NonZeroU16;
use std::str::FromStr;

use crate::schedule::times::WeekdaySet;
use chrono::Weekday;
use thiserror::Error;

/// The two-letter names of the days, Monday first.
const DAY_NAMES: [&str; 7] = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];

/// A recurrence rule. Of a part that is not there the list is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// FREQ: the cycle the other parts choose from.
    pub frequency: Frequency,
    /// INTERVAL: every how many cycles, counted from the trigger's start time.
    pub interval: NonZeroU16,
    /// BYMONTH: months, 1…12.
    pub months: Vec<i16>,
    /// BYYEARDAY: days of the year, 1…366.
    pub year_days: Vec<i16>,
    /// BYMONTHDAY: days of the month, 1…31, or −1…−31 counted from its end.
    pub month_days: Vec<i16>,
    /// BYDAY: days of the week.
    pub weekdays: Option<WeekdaySet>,
    /// BYHOUR: hours, 0…23.
    pub hours: Vec<i16>,
    /// BYMINUTE: minutes, 0…59.
    pub minutes: Vec<i16>,
}

impl Rule {
    /// The rule that has this frequency and no other part.
    pub fn new(frequency: Frequency) -> Rule {
        Rule {
            frequency,
            interval: NonZeroU16::MIN,
            months: Vec::new(),
            year_days: Vec::new(),
            month_days: Vec::new(),
            weekdays: None,
            hours: Vec::new(),
            minutes: Vec::new(),
        }
    }
}

/// The value of an RRULE property, its parts in the order FREQ, INTERVAL (if not 1), BYMONTH, BYYEARDAY,
/// BYMONTHDAY, BYDAY, BYHOUR, BYMINUTE.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FREQ={}", self.frequency.name())?;
        if self.interval > NonZeroU16::MIN {
            write!(f, ";INTERVAL={}", self.interval)?;
        }
        list(f, "BYMONTH", &self.months)?;
        list(f, "BYYEARDAY", &self.year_days)?;
        list(f, "BYMONTHDAY", &self.month_days)?;
        let names = self.weekdays.into_iter().flat_map(WeekdaySet::iter).filter_map(day_name);
        list(f, "BYDAY", names)?;
        list(f, "BYHOUR", &self.hours)?;
        list(f, "BYMINUTE", &self.minutes)
    }
}

/// Writes `;NAME=a,b,c`, or nothing for an empty list.
fn list<T: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    items: impl IntoIterator<Item = T>,
) -> fmt::Result {
    for (index, item) in items.into_iter().enumerate() {
        if index == 0 {
            write!(f, ";{name}=")?;
        } else {
            f.write_char(',')?;
        }
        item.fmt(f)?;
    }
    Ok(())
}

/// The two-letter name of a day.
fn day_name(day: Weekday) -> Option<&'static str> {
    DAY_NAMES.iter().copied().zip(WeekdaySet::EVERY.iter()).find_map(|(name, of)| (of == day).then_some(name))
}

/// Reads the value of an RRULE property: its parts in any order and case, `;` at the end allowed; of a part that is repeated, the
/// last counts, as in Karbor. WKST and BYSECOND are read where they change nothing.
impl FromStr for Rule {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Rule, RuleError> {
        let fault = |part: &str, expected| RuleError { part: part.to_owned(), expected };
        let mut parts: Vec<(String, &str)> = Vec::new();
        for part in text.split(';').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').ok_or_else(|| fault(part, "NAME=value"))?;
            let name = name.to_ascii_uppercase();
            parts.retain(|(known, _)| *known != name);
            parts.push((name, value));
        }
        let frequency = parts.iter().find(|(name, _)| name == "FREQ").map_or("", |(_, value)| value);
        let mut rule = Rule::new(
            Frequency::of_name(frequency)
                .ok_or_else(|| fault(&format!("FREQ={frequency}"), "DAILY, WEEKLY, MONTHLY or YEARLY"))?,
        );
        let mut first_day = None;
        for (name, value) in &parts {
            let fault = |expected| fault(&format!("{name}={value}"), expected);
            match name.as_str() {
                "FREQ" => {}
                "INTERVAL" => rule.interval = value.parse().map_err(|_| fault("1 to 65535"))?,
                "BYMONTH" => rule.months = numbers(value, 1, 12).ok_or_else(|| fault("1 to 12"))?,
                "BYYEARDAY" => rule.year_days = numbers(value, 1, 366).ok_or_else(|| fault("1 to 366"))?,
                "BYMONTHDAY" => {
                    rule.month_days = numbers(value, -31, 31)
                        .filter(|days| !days.contains(&0))
                        .ok_or_else(|| fault("1 to 31 or -1 to -31"))?;
                }
                "BYDAY" => rule.weekdays = Some(days(value).ok_or_else(|| fault("MO to SU"))?),
                "BYHOUR" => rule.hours = numbers(value, 0, 23).ok_or_else(|| fault("0 to 23"))?,
                "BYMINUTE" => rule.minutes = numbers(value, 0, 59).ok_or_else(|| fault("0 to 59"))?,
                "BYSECOND" => {
                    numbers(value, 0, 0).ok_or_else(|| fault("0"))?;
                }
                "WKST" => first_day = Some(days(value).ok_or_else(|| fault("MO to SU"))?),
                _ => {
                    return Err(fault(
                        "FREQ, INTERVAL, BYMONTH, BYYEARDAY, BYMONTHDAY, BYDAY, BYHOUR or BYMINUTE",
                    ));
                }
            }
        }
        // Where a week begins matters to weeks that are left out.
        if let Some(first) = first_day
            && rule.frequency == Frequency::Weekly
            && rule.interval > NonZeroU16::MIN
            && WeekdaySet::new([Weekday::Mon]) != Some(first)
        {
            return Err(fault("WKST", "weeks that begin on Monday"));
        }
        Ok(rule)
    }
}

/// A comma list of numbers within bounds.
fn numbers(value: &str, low: i16, high: i16) -> Option<Vec<i16>> {
    value
        .split(',')
        .map(|item| item.trim().parse().ok().filter(|number| (low..=high).contains(number)))
        .collect()
}

/// A comma list of two-letter days.
fn days(value: &str) -> Option<WeekdaySet> {
    let days: Option<Vec<_>> = value
        .split(',')
        .map(|item| {
            let index = DAY_NAMES.iter().position(|name| name.eq_ignore_ascii_case(item))?;
            WeekdaySet::EVERY.iter().nth(index)
        })
        .collect();
    days.and_then(WeekdaySet::new)
}

/// The cycles a rule can go by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Frequency {
    /// Every day.
    Daily,
    /// Every week, which begins on Monday.
    Weekly,
    /// Every month.
    Monthly,
    /// Every year.
    Yearly,
}

impl Frequency {
    const ALL: [Frequency; 4] = [Frequency::Daily, Frequency::Weekly, Frequency::Monthly, Frequency::Yearly];

    fn name(self) -> &'static str {
        match self {
            Frequency::Daily => "DAILY",
            Frequency::Weekly => "WEEKLY",
            Frequency::Monthly => "MONTHLY",
            Frequency::Yearly => "YEARLY",
        }
    }

    fn of_name(name: &str) -> Option<Frequency> {
        Self::ALL.into_iter().find(|frequency| frequency.name().eq_ignore_ascii_case(name))
    }
}

/// A part of a recurrence rule that is not understood.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{part:?} of a recurrence rule is not understood; expected {expected}")]
pub struct RuleError {
    /// The part, `NAME=value`.
    pub part: String,
    /// What is understood there.
    pub expected: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_read_and_written_alike() {
        for text in [
            "FREQ=DAILY;BYHOUR=1,2,23;BYMINUTE=0",
            "FREQ=DAILY;INTERVAL=14;BYHOUR=0;BYMINUTE=30",
            "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;BYHOUR=12;BYMINUTE=27",
            "FREQ=MONTHLY;BYMONTHDAY=-1,2,30;BYHOUR=0;BYMINUTE=0",
            "FREQ=MONTHLY;BYMONTH=5,7,10,12;BYMONTHDAY=1;BYHOUR=0;BYMINUTE=0",
            "FREQ=YEARLY;BYYEARDAY=61;BYMONTHDAY=1;BYHOUR=0;BYMINUTE=0",
        ] {
            assert_eq!(text.parse::<Rule>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn order_case_and_a_last_semicolon_are_free() {
        for (text, expected) in [
            ("byhour=1;freq=daily;", "FREQ=DAILY;BYHOUR=1"),
            ("FREQ=WEEKLY;INTERVAL=1;BYDAY=su,MO", "FREQ=WEEKLY;BYDAY=MO,SU"),
            // As Karbor 1.6.0 reads them.
            ("FREQ=DAILY;BYHOUR=1;BYHOUR=2", "FREQ=DAILY;BYHOUR=2"),
            ("FREQ=DAILY;;BYHOUR=01, 2", "FREQ=DAILY;BYHOUR=1,2"),
            ("FREQ=WEEKLY;BYDAY=MO;BYSECOND=0 ;WKST=SU", "FREQ=WEEKLY;BYDAY=MO"),
            ("FREQ=WEEKLY;INTERVAL=2;BYDAY=SU;WKST=MO", "FREQ=WEEKLY;INTERVAL=2;BYDAY=SU"),
        ] {
            assert_eq!(text.parse::<Rule>().unwrap().to_string(), expected);
        }
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (text, part) in [
            ("", "FREQ="),
            ("FREQ=HOURLY", "FREQ=HOURLY"),
            ("FREQ=DAILY;INTERVAL=0", "INTERVAL=0"),
            ("FREQ=DAILY;INTERVAL=-1", "INTERVAL=-1"),
            ("FREQ=DAILY;BYHOUR=24", "BYHOUR=24"),
            ("FREQ=DAILY;BYMINUTE=60", "BYMINUTE=60"),
            ("FREQ=DAILY;BYMINUTE=", "BYMINUTE="),
            ("FREQ=WEEKLY;BYDAY=SUN", "BYDAY=SUN"),
            ("FREQ=WEEKLY;BYDAY=1MO", "BYDAY=1MO"),
            ("FREQ=MONTHLY;BYMONTHDAY=0", "BYMONTHDAY=0"),
            ("FREQ=MONTHLY;BYMONTHDAY=32", "BYMONTHDAY=32"),
            ("FREQ=YEARLY;BYMONTH=13", "BYMONTH=13"),
            ("FREQ=YEARLY;BYYEARDAY=367", "BYYEARDAY=367"),
            ("FREQ=DAILY;COUNT=3", "COUNT=3"),
            ("FREQ=DAILY;BYHOUR", "BYHOUR"),
            ("FREQ=DAILY;BYSECOND=30", "BYSECOND=30"),
            ("FREQ=DAILY;WKST=MON", "WKST=MON"),
            ("FREQ=WEEKLY;INTERVAL=2;BYDAY=SU,MO;WKST=SU", "WKST"),
            // Nor does Karbor know a part with a blank before its name.
            ("FREQ=DAILY; BYHOUR=1", " BYHOUR=1"),
        ] {
            assert_eq!(text.parse::<Rule>().unwrap_err().part, part, "{text:?}");
        }
    }
}
