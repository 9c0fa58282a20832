//! When a pattern fires, as a library for RFC 5545 reads it.
//!
//! The library is the witness for the patterns written here, and for those found in a target: nothing of our own reading of
//! rules is used to say when they fire. Karbor's way is kept: the rules of the first VEVENT, all of them, counted from
//! the trigger's start time (a DTSTART is passed over), in UTC, and an instant that several rules give is one firing.

use std::fmt;

use chrono::{DateTime, Days, NaiveDateTime, Utc};
use rrule::{RRule, RRuleSet, Tz, Unvalidated};

use super::read::{self, ReadError};

/// How many instants are looked at: a schedule of 24 times a day has fewer in a century.
const INSTANTS: usize = 1_000_000;

/// How Karbor writes a start time.
pub(super) const START_FORMAT: &str = "%Y-%m-%d %H:%M:%S";

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
    let lines = read::unfold(&read::decoded(pattern));
    let rules = read::event_rules(&lines)?;
    let start = later_start(&rules, start, from).with_timezone(&Tz::UTC);
    let mut set = RRuleSet::new(start);
    for rule in rules {
        let parsed: RRule<Unvalidated> = as_karbor(rule)?.parse().map_err(OccurrencesError::of)?;
        set = set.rrule(parsed.validate(start).map_err(OccurrencesError::of)?);
    }
    let mut last = None;
    // The library's own limit stops a rule that never fires, and this one a rule that fires all the time.
    let instants = set.limit().into_iter().take(INSTANTS);
    let instants = instants.map(|at| at.timestamp()).skip_while(move |&at| at < from);
    Ok(instants.filter(move |&at| last.replace(at) != Some(at)))
}

/// A rule as the library takes it. Of a part that is repeated the last counts in Karbor. Its start time has no zone, so UNTIL must
/// have none, and the library's has one.
fn as_karbor(rule: &str) -> Result<String, OccurrencesError> {
    if rule.chars().any(char::is_control) {
        return Err(OccurrencesError::Rule("it has control characters".to_owned()));
    }
    let mut parts: Vec<(String, String)> = Vec::new();
    for part in rule.split(';').filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let (name, mut value) = (name.to_ascii_uppercase(), value.to_owned());
        // Blanks beside numbers are none to Karbor.
        if value.chars().all(|c| c.is_ascii_digit() || ",- ".contains(c)) {
            value.retain(|c| c != ' ');
        }
        if name == "UNTIL" {
            if value.ends_with(['Z', 'z']) {
                return Err(OccurrencesError::Rule(
                    "UNTIL ends in Z, and the start time has no zone".to_owned(),
                ));
            }
            value.push_str(if value.contains('T') { "Z" } else { "T000000Z" });
        }
        parts.retain(|(known, _)| *known != name);
        parts.push((name, value));
    }
    let parts: Vec<String> = parts.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    Ok(parts.join(";"))
}

/// A start time nearer to `from` from which the rules give the same instants, where there is one: years of firings before
/// `from` need not be counted through. Whole days are skipped, so the times of day stay; what a rule takes from the start
/// besides is the phase of its interval, and days that it does not say itself.
fn later_start(rules: &[&str], start: DateTime<Utc>, from: i64) -> DateTime<Utc> {
    let mut phase = 1u64;
    for rule in rules {
        let Some(days) = phase_of(rule) else { return start };
        // Intervals of several rules: at worst the phases' product, and soon longer than the time to be skipped.
        if !phase.is_multiple_of(days) {
            phase = phase.saturating_mul(days);
        }
    }
    // Two days before, so that whatever the day of `from` has is still ahead.
    let between = (from - start.timestamp()).div_euclid(86_400) - 2;
    let skipped = u64::try_from(between).map_or(0, |days| days / phase * phase);
    start.checked_add_days(Days::new(skipped)).unwrap_or(start)
}

/// The least number of days by which a rule's start may be moved without moving what it fires at; `None` where there is none.
fn phase_of(rule: &str) -> Option<u64> {
    let part = |name: &str| {
        let mut values = rule.split(';').filter_map(|part| part.split_once('='));
        values
            .rfind(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim_end().to_ascii_uppercase())
    };
    if ["COUNT", "BYSETPOS"].into_iter().any(|name| part(name).is_some()) {
        return None;
    }
    let interval: u64 = part("INTERVAL").map_or(Some(1), |text| text.parse().ok()).filter(|n| *n > 0)?;
    let whole_days = |per_day: u64| interval / gcd(interval, per_day);
    match part("FREQ")?.as_str() {
        "SECONDLY" => Some(whole_days(86_400)),
        "MINUTELY" => Some(whole_days(1_440)),
        "HOURLY" => Some(whole_days(24)),
        "DAILY" => Some(interval),
        "WEEKLY" if interval == 1 && part("BYDAY").is_some() => Some(1),
        "WEEKLY" => Some(interval.saturating_mul(7)),
        "MONTHLY" if interval == 1 && part("BYMONTHDAY").is_some() => Some(1),
        "YEARLY" if interval == 1 && part("BYYEARDAY").is_some() => Some(1),
        _ => None,
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
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
