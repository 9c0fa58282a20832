//! The names and numbers of weekdays.

use chrono::Weekday;

/// Reads the name of a day of the week, `SUN`…`SAT` in any case.
pub(crate) fn day_of_name(name: &str) -> Option<Weekday> {
    // chrono's own reader also takes "sunday", which no source writes.
    (name.len() == 3).then(|| name.parse().ok()).flatten()
}

/// Reads the number of a day of the week as Quartz and VBS count: 1 = SUN … 7 = SAT.
pub(crate) fn day_of_number(number: u16) -> Option<Weekday> {
    let before_sunday = u8::try_from(number).ok().filter(|number| (1..=7).contains(number))?;
    // chrono counts from Monday = 0, so Sunday is 6.
    Weekday::try_from((before_sunday + 5) % 7).ok()
}
