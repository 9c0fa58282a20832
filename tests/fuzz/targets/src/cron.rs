//! Quartz expressions: refused by name, or read as a reading of each field on its own says.

use schedules::cron::parse;
use schedules::schedule::Schedule;
use schedules::schedule::times::{Days, MinuteOfDay};
use std::collections::BTreeSet;

/// An expression. What is read is written again and reads the same; its times are those that its fields say.
///
/// # Panics
/// Something of that does not hold.
pub fn cron(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match parse(text) {
        Ok(schedule) => {
            let fields: Vec<&str> = text.split_ascii_whitespace().collect();
            let (minutes, hours) = (numbers(fields[1], 60), numbers(fields[2], 24));
            let times: Vec<MinuteOfDay> = hours
                .iter()
                .flat_map(|hour| minutes.iter().map(move |minute| MinuteOfDay::new(*hour, *minute).unwrap()))
                .collect();
            assert_eq!(schedule.times(), times, "{text:?}");
            let again = written(&schedule, &minutes, &hours);
            assert_eq!(parse(&again).as_ref(), Ok(&schedule), "{text:?} as {again:?}");
        }
        Err(error) => {
            let said = error.to_string();
            assert!(!said.is_empty() && said.chars().count() < 1_000, "{said}");
            assert!(!said.chars().any(char::is_control), "{said:?}");
        }
    }
}

/// The numbers below `size` that a field means: of a sound field, `*`, `a`, `a-b`, with or without `/step`, in a list.
fn numbers(field: &str, size: u8) -> BTreeSet<u8> {
    let mut set = BTreeSet::new();
    for item in field.split(',') {
        let (range, step) = item.split_once('/').map_or((item, None), |(range, step)| (range, Some(step)));
        let number = |text: &str| text.parse::<u8>().unwrap();
        let (first, last) = match range.split_once('-') {
            _ if range == "*" => (0, size - 1),
            Some((first, last)) => (number(first), number(last)),
            None if step.is_some() => (number(range), size - 1),
            None => (number(range), number(range)),
        };
        let step = step.map_or(1, number);
        // Walked minute by minute, or hour by hour, around the clock.
        let (mut at, mut since) = (first, 0);
        loop {
            if since % step == 0 {
                set.insert(at);
            }
            if at == last {
                break;
            }
            at = (at + 1) % size;
            since += 1;
        }
    }
    set
}

/// The schedule as an expression of lists.
fn written(schedule: &Schedule, minutes: &BTreeSet<u8>, hours: &BTreeSet<u8>) -> String {
    let list = |numbers: &BTreeSet<u8>| numbers.iter().map(u8::to_string).collect::<Vec<_>>().join(",");
    let (of_month, of_week) = match schedule.days() {
        Days::EveryNDays(n) => (format!("1/{n}"), "?".to_owned()),
        Days::Weekdays(days) => {
            ("?".to_owned(), days.iter().map(|day| day.to_string()).collect::<Vec<_>>().join(","))
        }
    };
    format!("0 {} {} {of_month} * {of_week}", list(minutes), list(hours))
}
