//! Writing patterns: a stored schedule and the user's offset become the text of a Karbor trigger.
//!
//! Karbor multiplies the days, hours and minutes of one rule, so times that fall on different UTC days, or that
//! have different minutes, need rules of their own. Here too is refused what Karbor refuses: its operationengine
//! does not start while there is one invalid trigger.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::num::NonZeroU16;

use crate::schedule::{Days, MinuteOfDay, Schedule, WeekdaySet};
use crate::zone::Offset;
use thiserror::Error;

use super::check::check;
use super::rule::{Frequency, Rule};

/// The longest pattern Karbor takes, in characters.
const MAX_LENGTH: usize = 10_240;

/// The most times a day Karbor takes.
const MAX_TIMES: usize = 24;

/// The least time between two firings Karbor takes, in minutes.
const MIN_GAP: i32 = 60;

/// Minutes of a day.
const DAY: i32 = 24 * 60;

/// How "every N days", which the source counts anew each month, is written for Karbor, whose intervals go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum EveryNDays {
    /// Every N days without end, counted in UTC days from the start time. Short, and it differs from the source
    /// after a month's end.
    #[default]
    Interval,
    /// The same days of every month as in the source, at exactly the same instants, with the monthly rules that
    /// takes.
    MonthDays,
}

/// The text of a pattern that Karbor takes and that fires as its schedule does.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pattern(String);

impl Pattern {
    /// The text, its lines ending in CRLF.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text, its lines ending in CRLF.
    pub fn into_string(self) -> String {
        self.0
    }
}

/// Writes the pattern of a schedule whose days are those of a user `offset` east of UTC.
///
/// The zone line is written where a zone is known. It only tells those who read the pattern back; `offset` alone
/// says when it fires.
///
/// The same arguments always give the same text, so callers may keep the answers.
///
/// # Errors
///
/// [`PatternError`] if Karbor would refuse the pattern.
pub fn pattern(
    schedule: &Schedule,
    offset: Offset,
    zone_line: Option<Offset>,
    every: EveryNDays,
) -> Result<Pattern, PatternError> {
    if schedule.times().len() > MAX_TIMES {
        return Err(PatternError::TooManyTimes { times: schedule.times().len(), limit: MAX_TIMES });
    }
    if let Some((first, second, minutes)) = too_close(schedule, offset, every) {
        return Err(PatternError::TooClose { first, second, minutes, limit: MIN_GAP });
    }
    let mut text = String::from("BEGIN:VCALENDAR\r\n");
    let mut line = |name: &str, value: &dyn std::fmt::Display| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{name}:{value}\r\n");
    };
    if let Some(zone) = zone_line {
        line("X-WR-TIMEZONE", &zone);
    }
    if let (Days::EveryNDays(n), EveryNDays::MonthDays) = (schedule.days(), every)
        && n > NonZeroU16::MIN
    {
        line("X-VBS-FREQUENCY", &n);
    }
    line("BEGIN", &"VEVENT");
    for rule in rules(schedule, offset, every) {
        line("RRULE", &rule);
    }
    line("END", &"VEVENT");
    line("END", &"VCALENDAR");
    let text = within_length(text)?;
    check(&text, schedule, offset, every)?;
    Ok(Pattern(text))
}

/// Why a schedule has no pattern.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PatternError {
    /// More times a day than Karbor takes.
    #[error("runs {times} times a day; Karbor takes at most {limit}: remove times from the policy")]
    TooManyTimes {
        /// The times found.
        times: usize,
        /// The times allowed.
        limit: usize,
    },
    /// Two firings too close to each other.
    #[error(
        "runs at {first} and {second} UTC, {minutes} minutes apart; Karbor takes no less than {limit}: \
         move the policy's times apart"
    )]
    TooClose {
        /// The UTC time of the first of the two.
        first: MinuteOfDay,
        /// The UTC time of the next one, perhaps on the next day.
        second: MinuteOfDay,
        /// The minutes between them.
        minutes: i32,
        /// The minutes needed.
        limit: i32,
    },
    /// A longer pattern than Karbor takes.
    #[error(
        "needs a pattern of {characters} characters; Karbor takes at most {limit}: remove times from the policy"
    )]
    TooLong {
        /// The characters needed.
        characters: usize,
        /// The characters allowed.
        limit: usize,
    },
    /// The pattern would not fire as the source does. This is a mistake of this program, not of the data.
    #[error(
        "internal error: the pattern {pattern:?} {what}; nothing is wrong with the data, please report this"
    )]
    Unfaithful {
        /// The pattern's text.
        pattern: String,
        /// What it does and should do.
        what: String,
    },
}

/// The rules of a schedule, in the order they are written.
pub(super) fn rules(schedule: &Schedule, offset: Offset, every: EveryNDays) -> Vec<Rule> {
    let shifted = match (schedule.days(), every) {
        (Days::Weekdays(_), _) => true,
        (Days::EveryNDays(n), EveryNDays::MonthDays) => n > NonZeroU16::MIN,
        (Days::EveryNDays(_), EveryNDays::Interval) => false,
    };
    // Hours by (day shift, minute). The shift leads from the user's day to the UTC day: where adding the offset
    // carries a time into the next day, its UTC day is the one before.
    let mut groups: BTreeMap<(i8, i16), Vec<i16>> = BTreeMap::new();
    for time in schedule.times() {
        let shift = if shifted { -time.plus(offset.minutes()).0 } else { 0 };
        groups.entry((shift, time.minute())).or_default().push(time.hour());
    }
    let mut rules = Vec::new();
    for ((shift, minute), hours) in groups {
        for mut rule in day_rules(schedule.days(), shift, every) {
            rule.hours.clone_from(&hours);
            rule.minutes = vec![minute];
            rules.push(rule);
        }
    }
    rules
}

/// The rules, without times, of days moved by `shift` (−1, 0, +1).
fn day_rules(days: Days, shift: i8, every: EveryNDays) -> Vec<Rule> {
    match (days, every) {
        (Days::Weekdays(set), _) => {
            vec![Rule { weekdays: Some(set.rotated(shift)), ..Rule::new(Frequency::Weekly) }]
        }
        (Days::EveryNDays(n), EveryNDays::MonthDays) if n > NonZeroU16::MIN => month_days(n, shift),
        (Days::EveryNDays(n), _) => vec![Rule { interval: n, ..Rule::new(Frequency::Daily) }],
    }
}

/// The rules of the 1st, 1+Nth, 1+2Nth… of every month, moved by `shift` days.
fn month_days(n: NonZeroU16, shift: i8) -> Vec<Rule> {
    let days: Vec<i16> = (1..=31).step_by(n.get().into()).collect();
    let monthly = |month_days| Rule { month_days, ..Rule::new(Frequency::Monthly) };
    match shift {
        0 => vec![monthly(days)],
        // The day before the 1st is the last of the month before, whatever its number. Day d − 1 is there in every
        // month that has a day d; in a month of d − 1 days it is the last, which is in the rule already.
        -1 => vec![monthly(days.into_iter().map(|day| if day == 1 { -1 } else { day - 1 }).collect())],
        // Day d + 1 is there in every month in which d is not the last day. After the last comes a 1st, but only
        // after those months whose last day is d.
        _ => {
            let first_of = |months: &[i16]| Rule { months: months.to_vec(), ..monthly(vec![1]) };
            // The 1st of March is the year's 60th day, or its 61st in leap years; those days are others else.
            let first_of_march = |year_day| Rule {
                year_days: vec![year_day],
                month_days: vec![1],
                ..Rule::new(Frequency::Yearly)
            };
            let after_last = days.iter().filter_map(|last| match last {
                28 => Some(first_of_march(60)),
                29 => Some(first_of_march(61)),
                30 => Some(first_of(&[5, 7, 10, 12])),
                31 => Some(first_of(&[1, 2, 4, 6, 8, 9, 11])),
                _ => None,
            });
            let next = monthly(days.iter().map(|day| day + 1).filter(|day| *day <= 31).collect());
            std::iter::once(next).chain(after_last).collect()
        }
    }
}

/// Two firings less than an hour apart, if there are any: their UTC times and the minutes between them.
///
/// Firings repeat, so it is enough to look at one cycle and at the step from its last firing to the first of the
/// next one.
fn too_close(
    schedule: &Schedule,
    offset: Offset,
    every: EveryNDays,
) -> Option<(MinuteOfDay, MinuteOfDay, i32)> {
    let times = schedule.times().iter();
    let (mut firings, cycle): (Vec<(i32, MinuteOfDay)>, i32) = match (schedule.days(), every) {
        (Days::Weekdays(set), _) => {
            let on_each_day = times.flat_map(|&time| {
                let utc_days = set.rotated(-time.plus(offset.minutes()).0);
                let week =
                    (0..).zip(WeekdaySet::EVERY.iter()).filter(move |&(_, day)| utc_days.contains(day));
                week.map(move |(index, _)| (index * DAY + i32::from(time.minutes()), time))
            });
            (on_each_day.collect(), 7 * DAY)
        }
        // The days between two UTC days of an interval are without firings.
        (Days::EveryNDays(n), EveryNDays::Interval) => {
            (times.map(|&time| (i32::from(time.minutes()), time)).collect(), i32::from(n.get()) * DAY)
        }
        // The user's days: two of them follow each other where a month's last day is one of them, as the 1st is.
        (Days::EveryNDays(n), EveryNDays::MonthDays) => {
            let at_month_end = (28..=31).any(|last: u16| (last - 1) % n == 0);
            let cycle = if at_month_end { DAY } else { 2 * DAY };
            (times.map(|&time| (i32::from(time.plus(offset.minutes()).1.minutes()), time)).collect(), cycle)
        }
    };
    firings.sort_unstable();
    let &(first_minute, first) = firings.first()?;
    let next = firings.iter().skip(1).copied().chain([(first_minute + cycle, first)]);
    firings
        .iter()
        .zip(next)
        .map(|(&(minute, time), (next_minute, next_time))| (time, next_time, next_minute - minute))
        .find(|&(_, _, minutes)| minutes < MIN_GAP)
}

/// The text, unless it is longer than Karbor takes.
fn within_length(text: String) -> Result<String, PatternError> {
    match text.chars().count() {
        characters if characters > MAX_LENGTH => Err(PatternError::TooLong { characters, limit: MAX_LENGTH }),
        _ => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_above_10240_characters_is_refused() {
        // Characters, not bytes.
        assert!(within_length("é".repeat(10_240)).is_ok());
        assert_eq!(
            within_length("x".repeat(10_241)).unwrap_err().to_string(),
            "needs a pattern of 10241 characters; Karbor takes at most 10240: remove times from the policy"
        );
    }
}
