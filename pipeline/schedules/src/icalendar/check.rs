//! The proof of a pattern: its text, parsed by a library, must fire when the source would have.
//!
//! It is run on every pattern before it leaves this module. A pattern that fails is a mistake of ours, not of the
//! data, but the run must end with a message rather than leave Karbor with a trigger that fires at other times.

use std::num::NonZeroU16;

use crate::schedule::Schedule;
use crate::schedule::times::Days;
use crate::zone::Offset;
use chrono::DateTime;

use super::firings::{firings, interval_firings};
use super::occurrences;
use crate::icalendar::pattern_error::PatternError;
use crate::icalendar::rules::EveryNDays;
use crate::icalendar::start::{START_MINUTE, START_TIME};

/// How many days with firings are compared: a week, and into the next.
const DAYS: usize = 8;

/// How many where months' ends have rules of their own: from January over February's end, even every other day.
const MONTH_DAYS: usize = 40;

/// A century of minutes: longer than any pattern waits for its next firings.
const CENTURY: i64 = 100 * 366 * 1440;

/// Compares the pattern's first firings from the start time on with those of the schedule.
///
/// # Errors
///
/// [`PatternError::Unfaithful`] says which firings were expected and found.
pub(super) fn check(
    text: &str,
    schedule: &Schedule,
    offset: Offset,
    every: EveryNDays,
) -> Result<(), PatternError> {
    let fault = |what: String| PatternError::Unfaithful { pattern: text.to_owned(), what };
    let (from, to) = (START_MINUTE, START_MINUTE + CENTURY);
    let times = schedule.times().len();
    let expected: Vec<i64> = match (schedule.days(), every) {
        (Days::EveryNDays(n), EveryNDays::Interval) if n > NonZeroU16::MIN => {
            interval_firings(schedule, n, from, to).take(DAYS * times).collect()
        }
        (Days::EveryNDays(n), EveryNDays::MonthDays) if n > NonZeroU16::MIN => {
            firings(schedule, offset, from, to).take(MONTH_DAYS * times).collect()
        }
        _ => firings(schedule, offset, from, to).take(DAYS * times).collect(),
    };
    let found = pattern_firings(text, expected.len()).map_err(fault)?;
    if found == expected {
        return Ok(());
    }
    let first = expected.iter().zip(&found).find(|(expected, found)| expected != found);
    let shown = |minute: i64| {
        DateTime::from_timestamp(minute.saturating_mul(60), 0)
            .map_or_else(|| minute.to_string(), |at| at.format("%Y-%m-%d %H:%M").to_string())
    };
    Err(fault(match first {
        Some((&expected, &found)) => format!("fires at {}, expected {}", shown(found), shown(expected)),
        None => format!("fires {} times, expected {}", found.len(), expected.len()),
    }))
}

/// The first firings of a pattern, by its text: minutes since 1970-01-01 00:00:00 UTC. Or what is wrong with it.
pub(super) fn pattern_firings(text: &str, count: usize) -> Result<Vec<i64>, String> {
    let instants = occurrences(text, START_TIME, START_MINUTE * 60).map_err(|error| error.to_string())?;
    Ok(instants.take(count).map(|at| at.div_euclid(60)).collect())
}
