//! When a pattern fires, as a library for RFC 5545 reads it.
//!
//! The library is the witness for the patterns written here, and for those found in a target: nothing of our own reading of
//! rules is used to say when they fire. Karbor's way is kept: the rules of the first VEVENT, all of them, counted from
//! the trigger's start time (a DTSTART is passed over), in UTC, and an instant that several rules give is one firing.

use std::fmt;

use chrono::{DateTime, Days, NaiveDateTime, Utc};
use rrule::{RRule, RRuleSet, Tz, Unvalidated};

use super::read::{self, ReadError};
use super::rule::{Frequency, Rule};

/// How Karbor writes a start time.
const START_FORMAT: &str = "%Y-%m-%d %H:%M:%S";

/// The instants at which a trigger fires: seconds since 1970-01-01 00:00:00 UTC, ascending, each once, from `from` on.
///
/// `start_time` is the trigger's, `YYYY-MM-DD HH:MM:SS`.
///
/// # Errors
///
/// [`OccurrencesError`] if Karbor would refuse the trigger.
pub fn occurrences(
    pattern: &str,
    start_time: &str,
    from: i64,
) -> Result<impl Iterator<Item = i64> + use<>, OccurrencesError> {
    let start = NaiveDateTime::parse_from_str(start_time, START_FORMAT)
        .map_err(|_| OccurrencesError::Start(start_time.to_owned()))?
        .and_utc();
    let lines = read::unfold(pattern);
    let rules = read::event_rules(&lines)?;
    let start = later_start(&rules, start, from).with_timezone(&Tz::UTC);
    let mut set = RRuleSet::new(start);
    for rule in rules {
        let parsed: RRule<Unvalidated> = rule.parse().map_err(OccurrencesError::of)?;
        set = set.rrule(parsed.validate(start).map_err(OccurrencesError::of)?);
    }
    let mut last = None;
    // The library's own limit stops a rule that never fires.
    let instants = set.limit();
    let instants = instants.into_iter().map(|at| at.timestamp()).skip_while(move |&at| at < from);
    Ok(instants.filter(move |&at| last.replace(at) != Some(at)))
}

/// A start time nearer to `from` from which the rules give the same instants, where there is one: years of firings before
/// `from` need not be counted through. A rule that says its days and times itself depends on the start only by the phase
/// of its interval.
fn later_start(rules: &[&str], start: DateTime<Utc>, from: i64) -> DateTime<Utc> {
    let mut phase = 1u64;
    for rule in rules {
        let Ok(rule) = rule.parse::<Rule>() else { return start };
        let interval = u64::from(rule.interval.get());
        let free = match rule.frequency {
            Frequency::Daily => true,
            Frequency::Weekly => rule.weekdays.is_some() && interval == 1,
            Frequency::Monthly => !rule.month_days.is_empty() && interval == 1,
            Frequency::Yearly => !rule.year_days.is_empty() && interval == 1,
        };
        if !free || rule.hours.is_empty() || rule.minutes.is_empty() {
            return start;
        }
        // Intervals of several rules: at worst the phases' product, and soon longer than the time to be skipped.
        if !phase.is_multiple_of(interval) {
            phase = phase.saturating_mul(interval);
        }
    }
    // Two days before, so that whatever the day of `from` has is still ahead.
    let between = (from - start.timestamp()).div_euclid(86_400) - 2;
    let skipped = u64::try_from(between).map_or(0, |days| days / phase * phase);
    start.checked_add_days(Days::new(skipped)).unwrap_or(start)
}

/// Why a trigger never fires, or keeps Karbor's engine from starting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OccurrencesError {
    /// The start time is not of Karbor's form.
    Start(String),
    /// There is no VEVENT with rules.
    Read(ReadError),
    /// A rule that the library refuses.
    Rule(String),
}

impl OccurrencesError {
    fn of(error: impl fmt::Display) -> Self {
        Self::Rule(error.to_string())
    }
}

impl From<ReadError> for OccurrencesError {
    fn from(error: ReadError) -> Self {
        Self::Read(error)
    }
}

impl fmt::Display for OccurrencesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(text) => write!(f, "start_time is {text:?}; expected YYYY-MM-DD HH:MM:SS"),
            Self::Read(error) => error.fmt(f),
            Self::Rule(what) => write!(f, "is refused: {what}"),
        }
    }
}

impl std::error::Error for OccurrencesError {}
