//! Reading patterns back, for the commands that show or verify what is in Karbor.
//!
//! Patterns are read as Karbor 1.6.0's class ICal reads them (`timeformats/calendar_time.py`, with icalendar 4.0.2): unescaped
//! where they have a backslash, the rules of the first VEVENT, all of them. Lines Karbor passes over are passed over here, but
//! for the two of ours. It must not be stricter than needed to know when a pattern fires: a user may have changed the policy in
//! Karbor since.

use std::borrow::Cow;
use std::num::NonZeroU16;

use crate::schedule::Schedule;
use crate::schedule::times::{Days, MinuteOfDay, WeekdaySet};
use crate::zone::{Offset, Zone};
use serde_json::{Map, Value};
use thiserror::Error;

use super::rule::{Frequency, Rule, RuleError};
use super::rules;
use crate::icalendar::rules::EveryNDays;
use crate::icalendar::start::START_MINUTE;

/// What a pattern says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    /// The rules, in the order of their lines, at least one; or the first part of one that no pattern of ours has.
    pub rules: Result<Vec<Rule>, RuleError>,
    /// The user's offset from UTC (X-WR-TIMEZONE), where the pattern keeps one; of an IANA zone, that at the start time of imported
    /// triggers.
    pub zone: Option<Offset>,
    /// The N of a schedule of every N days in its exact form (X-VBS-FREQUENCY).
    pub vbs_frequency: Option<NonZeroU16>,
}

/// Reads a pattern. Lines may end in CRLF or LF and be folded.
///
/// # Errors
///
/// [`ReadError`] if there is no VEVENT, or no rule in it.
pub fn read(text: &str) -> Result<Calendar, ReadError> {
    let lines = unfold(&decoded(text));
    let property = |name: &str| {
        lines.iter().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    };
    let zone = property("X-WR-TIMEZONE")
        .and_then(|value| Zone::parse(value).ok())
        .map(|zone| zone.offset_at(START_MINUTE * 60));
    let vbs_frequency = property("X-VBS-FREQUENCY").and_then(|value| value.parse().ok());
    let rules = event_rules(&lines)?.into_iter().map(str::parse).collect();
    Ok(Calendar { rules, zone, vbs_frequency })
}

/// The text that Karbor reads: a pattern with a backslash is taken for the inside of a JSON string, if it is one.
pub(super) fn decoded(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let object: Option<Map<String, Value>> =
        serde_json::from_str(&format!("{{\"pattern\": \"{text}\"}}")).ok();
    match object.and_then(|mut object| object.remove("pattern")) {
        Some(Value::String(decoded)) => Cow::Owned(decoded),
        _ => Cow::Borrowed(text),
    }
}

impl Calendar {
    /// The stored schedule that fires as this pattern does, in the user's days, if there is one.
    ///
    /// There is one for every pattern made here. A pattern edited in Karbor may have none, such as one that fires
    /// at different times on different days.
    pub fn schedule(&self) -> Option<Schedule> {
        let offset = self.zone.unwrap_or(Offset::UTC);
        let rules = self.rules.as_ref().ok()?;
        if let Some(n) = self.vbs_frequency {
            let times = rules.iter().flat_map(times_of).collect::<Option<Vec<_>>>()?;
            let schedule = Schedule::new(times, Days::EveryNDays(n));
            // The rules are those of this N, or someone has edited them and left the line.
            let unedited = rules::rules(&schedule, offset, EveryNDays::MonthDays) == *rules;
            return unedited.then_some(schedule);
        }
        let mut common = None;
        let mut fires: Vec<(MinuteOfDay, WeekdaySet)> = Vec::new();
        for rule in rules {
            let choosy = !(rule.months.is_empty() && rule.year_days.is_empty() && rule.month_days.is_empty());
            if choosy
                || *common.get_or_insert((rule.frequency, rule.interval)) != (rule.frequency, rule.interval)
            {
                return None;
            }
            let weekdays = match (rule.frequency, rule.weekdays) {
                (Frequency::Daily, None) => WeekdaySet::EVERY,
                (Frequency::Weekly, Some(weekdays)) if rule.interval == NonZeroU16::MIN => weekdays,
                _ => return None,
            };
            for time in times_of(rule) {
                let time = time?;
                let local_days = weekdays.rotated(time.plus(offset.minutes()).0);
                match fires.iter_mut().find(|(known, _)| *known == time) {
                    Some((_, days)) => *days = WeekdaySet::new(days.iter().chain(local_days.iter()))?,
                    None => fires.push((time, local_days)),
                }
            }
        }
        let (frequency, interval) = common?;
        let (_, local_days) = *fires.first()?;
        if fires.iter().any(|(_, days)| *days != local_days) {
            return None;
        }
        let days = match frequency {
            Frequency::Daily => Days::EveryNDays(interval),
            _ => Days::Weekdays(local_days),
        };
        Some(Schedule::new(fires.into_iter().map(|(time, _)| time), days))
    }
}

/// Why a pattern cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReadError {
    /// There is no VEVENT that begins and ends.
    #[error("the pattern has no complete VEVENT; expected BEGIN:VEVENT, RRULE lines and END:VEVENT")]
    NoEvent,
    /// The first VEVENT has no rule.
    #[error("the pattern's VEVENT has no RRULE")]
    NoRule,
}

/// The lines of a text, joined where they were folded (RFC 5545, 3.1). As in icalendar, empty lines before a continuation are no
/// lines.
pub(super) fn unfold(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        match (line.strip_prefix([' ', '\t']), lines.last_mut()) {
            (Some(rest), Some(last)) => last.push_str(rest),
            _ => lines.push(line.to_owned()),
        }
    }
    lines
}

/// The values of the RRULE lines of the first VEVENT, but for those of components inside it.
pub(super) fn event_rules(lines: &[String]) -> Result<Vec<&str>, ReadError> {
    let is = |line: &String, marker: &str| line.eq_ignore_ascii_case(marker);
    let begin = lines.iter().position(|line| is(line, "BEGIN:VEVENT")).ok_or(ReadError::NoEvent)?;
    let mut inside = 0usize;
    let mut rules = Vec::new();
    for line in lines.get(begin + 1..).unwrap_or_default() {
        // A rule may have parameters, `RRULE;X-A=b:`; none of them says when it fires.
        let Some((property, value)) = line.split_once(':') else { continue };
        let name = property.split(';').next().unwrap_or_default();
        if name.eq_ignore_ascii_case("BEGIN") {
            inside += 1;
        } else if name.eq_ignore_ascii_case("END") && inside > 0 {
            inside -= 1;
        } else if name.eq_ignore_ascii_case("END") {
            return if rules.is_empty() { Err(ReadError::NoRule) } else { Ok(rules) };
        } else if inside == 0 && name.eq_ignore_ascii_case("RRULE") {
            rules.push(value);
        }
    }
    Err(ReadError::NoEvent)
}

/// The times of day of a rule: its hours × its minutes, each 0 where not given, as the start time's are 0.
fn times_of(rule: &Rule) -> impl Iterator<Item = Option<MinuteOfDay>> {
    let given = |list: &[i16]| if list.is_empty() { vec![0] } else { list.to_vec() };
    let minutes = given(&rule.minutes);
    given(&rule.hours).into_iter().flat_map(move |hour| {
        minutes
            .clone()
            .into_iter()
            .map(move |minute| MinuteOfDay::new(u8::try_from(hour).ok()?, u8::try_from(minute).ok()?))
    })
}
