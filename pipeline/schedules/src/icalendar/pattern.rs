//! Writing patterns: a stored schedule and the user's offset become the text of a Karbor trigger.
//!
//! Karbor multiplies the days, hours and minutes of one rule, so times that fall on different UTC days, or that
//! have different minutes, need rules of their own. Here too is refused what Karbor refuses: its operationengine
//! does not start while there is one invalid trigger.

use crate::icalendar::pattern_error::PatternError;
use crate::icalendar::rules::{EveryNDays, rules};
use std::fmt::Write as _;
use std::num::NonZeroU16;

use crate::schedule::Schedule;
use crate::schedule::times::{Days, MinuteOfDay, WeekdaySet};
use crate::zone::Offset;

use super::check::check;

/// The longest pattern Karbor takes, in characters.
const MAX_LENGTH: usize = 10_240;

/// The most times a day Karbor takes.
const MAX_TIMES: usize = 24;

/// The least time between two firings Karbor takes, in minutes.
const MIN_GAP: i32 = 60;

/// Minutes of a day.
const DAY: i32 = 24 * 60;

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
