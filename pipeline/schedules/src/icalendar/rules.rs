//! The recurrence rules that a stored schedule becomes.

use crate::icalendar::rule::{Frequency, Rule};
use crate::schedule::Schedule;
use crate::schedule::times::Days;
use crate::zone::Offset;
use std::collections::BTreeMap;
use std::num::NonZeroU16;

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

/// The rules of a schedule, in the order they are written.
pub(crate) fn rules(schedule: &Schedule, offset: Offset, every: EveryNDays) -> Vec<Rule> {
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
pub(crate) fn day_rules(days: Days, shift: i8, every: EveryNDays) -> Vec<Rule> {
    match (days, every) {
        (Days::Weekdays(set), _) => {
            vec![Rule { weekdays: Some(set.rotated(shift)), ..Rule::new(Frequency::Weekly) }]
        }
        (Days::EveryNDays(n), EveryNDays::MonthDays) if n > NonZeroU16::MIN => month_days(n, shift),
        (Days::EveryNDays(n), _) => vec![Rule { interval: n, ..Rule::new(Frequency::Daily) }],
    }
}

/// The rules of the 1st, 1+Nth, 1+2Nth… of every month, moved by `shift` days.
pub(crate) fn month_days(n: NonZeroU16, shift: i8) -> Vec<Rule> {
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
