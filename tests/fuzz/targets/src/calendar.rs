//! Patterns of Karbor's triggers: those written here read back as they were meant, and any text read means one thing.

use crate::draw::one_of;
use crate::schedule::columns;
use schedules::icalendar::start::{START_MINUTE, START_TIME};
use schedules::icalendar::{EveryNDays, PatternError, Rule, occurrences, pattern, read};
use schedules::schedule::Schedule;
use schedules::schedule::times::Days;
use schedules::zone::{Offset, Zone};

/// Columns of a schedule on lines of their own, as [`crate::schedule()`] has them; the last one says `month-days` where those
/// are wanted. A pattern is refused for what Karbor refuses, or reads back as the schedule.
///
/// # Panics
/// A pattern is unfaithful, or does not read back.
pub fn calendar_write(bytes: &[u8]) {
    let Some([times, frequency, weekdays, zone, every]) = columns(bytes) else { return };
    let interval = frequency.and_then(|text| text.parse().ok());
    let Ok(schedule) = Schedule::from_fields(times, interval, weekdays) else { return };
    let known = zone.and_then(|zone| Zone::parse(zone).ok()).map(|zone| zone.offset_at(START_MINUTE * 60));
    let offset = known.unwrap_or(Offset::UTC);
    let every = if every == Some("month-days") { EveryNDays::MonthDays } else { EveryNDays::Interval };
    match pattern(&schedule, offset, known, every) {
        Ok(pattern) => {
            let text = pattern.as_str();
            let read = read(text).unwrap_or_else(|error| panic!("{error}: {text}"));
            assert_eq!(read.zone, known, "{text}");
            assert_eq!(read.schedule().as_ref(), Some(&schedule), "{text}");
            assert!(text.split("\r\n").all(|line| !line.contains(['\r', '\n'])), "{text:?}");
        }
        Err(error @ PatternError::Unfaithful { .. }) => panic!("{error}"),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// How many firings are compared.
const FIRINGS: usize = 20;

/// Any text as a pattern. Its rules, written again, are read as they were; where it has a schedule, the schedule's pattern
/// fires when the text does; and to ask when it fires comes to an end.
///
/// # Panics
/// Something of that does not hold.
pub fn calendar_read(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let later = one_of(bytes, "later", [0, 1_000 * 86_400]);
    let fires = occurrences(text, START_TIME, START_MINUTE * 60 + later);
    let fires = fires.map(|instants| instants.take(FIRINGS).collect::<Vec<_>>());
    if let Ok(fires) = &fires {
        assert!(fires.is_sorted_by(|one, next| one < next), "{fires:?}");
        assert!(fires.iter().all(|at| *at >= START_MINUTE * 60 + later), "{fires:?}");
    }
    let calendar = match read(text) {
        Ok(calendar) => calendar,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    for rule in calendar.rules.iter().flatten() {
        assert_eq!(rule.to_string().parse::<Rule>().as_ref(), Ok(rule), "{rule}");
    }
    let Some(schedule) = calendar.schedule() else { return };
    let every = match (calendar.vbs_frequency, schedule.days()) {
        (Some(_), Days::EveryNDays(_)) => EveryNDays::MonthDays,
        _ => EveryNDays::Interval,
    };
    let offset = calendar.zone.unwrap_or(Offset::UTC);
    // Karbor's limits do not hold for what somebody wrote into its database.
    let Ok(again) = pattern(&schedule, offset, calendar.zone, every) else { return };
    let fires = fires.unwrap_or_else(|error| panic!("a pattern with a schedule fires: {error}"));
    let again = occurrences(again.as_str(), START_TIME, START_MINUTE * 60 + later).unwrap();
    assert_eq!(again.take(FIRINGS).collect::<Vec<_>>(), fires, "{schedule:?}");
}
