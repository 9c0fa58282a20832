//! Reading patterns back, for the commands that show or verify what is in Karbor.
//!
//! Patterns are read as Karbor reads them: the rules of the first VEVENT, all of them. Lines Karbor passes over are
//! passed over here, but for the two of ours. It must not be stricter than needed to know when a pattern fires:
//! a user may have changed the policy in Karbor since.

use std::num::NonZeroU16;

use parsers::schedule::{Days, MinuteOfDay, Schedule, WeekdaySet};
use parsers::zone::{Offset, Zone};
use thiserror::Error;

use super::pattern::{self, EveryNDays};
use super::rule::{Frequency, Rule, RuleError};

/// What a pattern says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    /// The rules, in the order of their lines; at least one.
    pub rules: Vec<Rule>,
    /// The user's offset from UTC (X-WR-TIMEZONE), where the pattern keeps one.
    pub zone: Option<Offset>,
    /// The N of a schedule of every N days in its exact form (X-VBS-FREQUENCY).
    pub vbs_frequency: Option<NonZeroU16>,
}

/// Reads a pattern. Lines may end in CRLF or LF and be folded.
///
/// # Errors
///
/// [`ReadError`] if there is no VEVENT, no rule in it, or a line of ours that is not understood.
pub fn read(text: &str) -> Result<Calendar, ReadError> {
    let lines = unfold(text);
    let property = |name: &str| {
        lines.iter().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    };
    let zone = property("X-WR-TIMEZONE")
        .map(|value| match Zone::parse(value) {
            Ok(Zone::Fixed(offset)) => Ok(offset),
            _ => Err(ReadError::Zone { value: value.to_owned() }),
        })
        .transpose()?;
    let vbs_frequency = property("X-VBS-FREQUENCY")
        .map(|value| value.parse().map_err(|_| ReadError::VbsFrequency { value: value.to_owned() }))
        .transpose()?;
    let rules = event_rules(&lines)?.into_iter().map(str::parse).collect::<Result<Vec<Rule>, _>>()?;
    Ok(Calendar { rules, zone, vbs_frequency })
}

impl Calendar {
    /// The stored schedule that fires as this pattern does, in the user's days, if there is one.
    ///
    /// There is one for every pattern made here. A pattern edited in Karbor may have none, such as one that fires
    /// at different times on different days.
    pub fn schedule(&self) -> Option<Schedule> {
        let offset = self.zone.unwrap_or(Offset::UTC);
        if let Some(n) = self.vbs_frequency {
            let times = self.rules.iter().flat_map(times_of).collect::<Option<Vec<_>>>()?;
            let schedule = Schedule::new(times, Days::EveryNDays(n));
            // The rules are those of this N, or someone has edited them and left the line.
            let unedited = pattern::rules(&schedule, offset, EveryNDays::MonthDays) == self.rules;
            return unedited.then_some(schedule);
        }
        let mut common = None;
        let mut fires: Vec<(MinuteOfDay, WeekdaySet)> = Vec::new();
        for rule in &self.rules {
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
    /// A rule that is not understood.
    #[error(transparent)]
    Rule(#[from] RuleError),
    /// The zone is no offset from UTC.
    #[error("X-WR-TIMEZONE is {value:?}; expected UTC±HH:MM")]
    Zone {
        /// The value of the line.
        value: String,
    },
    /// The N of every N days is no number.
    #[error("X-VBS-FREQUENCY is {value:?}; expected a number of days")]
    VbsFrequency {
        /// The value of the line.
        value: String,
    },
}

/// The lines of a text, joined where they were folded (RFC 5545, 3.1).
pub(super) fn unfold(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        match (line.strip_prefix([' ', '\t']), lines.last_mut()) {
            (Some(rest), Some(last)) => last.push_str(rest),
            _ => lines.push(line.to_owned()),
        }
    }
    lines
}

/// The values of the RRULE lines of the first VEVENT.
pub(super) fn event_rules(lines: &[String]) -> Result<Vec<&str>, ReadError> {
    let is = |line: &String, marker: &str| line.trim().eq_ignore_ascii_case(marker);
    let event = || {
        let begin = lines.iter().position(|line| is(line, "BEGIN:VEVENT"))?;
        let rest = lines.get(begin..)?;
        rest.get(..rest.iter().position(|line| is(line, "END:VEVENT"))?)
    };
    let rules: Vec<&str> = event()
        .ok_or(ReadError::NoEvent)?
        .iter()
        .filter_map(|line| {
            // A rule may have parameters, `RRULE;X-A=b:`; none of them says when it fires.
            let (property, value) = line.split_once(':')?;
            let name = property.split(';').next()?;
            name.eq_ignore_ascii_case("RRULE").then(|| value.trim())
        })
        .collect();
    if rules.is_empty() { Err(ReadError::NoRule) } else { Ok(rules) }
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
