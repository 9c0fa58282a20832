//! The values of settings, from text. Every function answers nothing where the text is not of the form: the refusal
//! is worded elsewhere, from [`super::Key::accepts`].

use parsers::encoding::Encoding;
use pipeline::settings::Unsteady;
use schedules::icalendar::EveryNDays;
use schedules::zone::Zone;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// The most threads that can be asked for; results are the same with any number.
pub(super) const THREADS_MOST: usize = 64;

/// Bounds of the row limit in bytes. PostgreSQL itself takes no field above 1 GiB.
const ROW_LIMIT: RangeInclusive<usize> = 1 << 10..=1 << 30;

/// A text of at most `most` characters, none of them a control character.
pub(super) fn text(text: &str, most: usize) -> Option<String> {
    let fits = (1..=most).contains(&text.chars().count());
    (fits && !text.contains(char::is_control)).then(|| text.to_owned())
}

/// Names of at most 255 characters each, separated by commas.
pub(super) fn list(names: &str) -> Option<Vec<String>> {
    names.split(',').map(|name| text(name.trim(), 255)).collect()
}

/// A whole number.
pub(super) fn number<N: FromStr + PartialOrd>(text: &str, bounds: RangeInclusive<N>) -> Option<N> {
    text.parse().ok().filter(|number| bounds.contains(number))
}

/// A time zone.
pub(super) fn zone(text: &str) -> Option<Zone> {
    Zone::parse(text).ok()
}

/// How every N days is written.
pub(super) fn every_n_days(text: &str) -> Option<EveryNDays> {
    match text {
        "interval" => Some(EveryNDays::Interval),
        "month-days" => Some(EveryNDays::MonthDays),
        _ => None,
    }
}

/// What becomes of copies that are still being made.
pub(super) fn unsteady(text: &str) -> Option<Unsteady> {
    match text {
        "defer" => Some(Unsteady::Defer),
        "carry" => Some(Unsteady::Carry),
        _ => None,
    }
}

/// The encoding of dumps that name none: SQL_ASCII itself would say nothing.
pub(super) fn encoding(text: &str) -> Option<Encoding> {
    Encoding::named(text).filter(|encoding| *encoding != Encoding::SqlAscii)
}

/// A size in bytes, or with one of the units KiB, MiB, GiB; K, M and G mean the same.
pub(super) fn row_limit(text: &str) -> Option<usize> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(digits)?;
    let shift = match unit.trim_start().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        _ => return None,
    };
    let bytes = number.parse::<usize>().ok()?.checked_mul(1 << shift)?;
    Some(bytes).filter(|bytes| ROW_LIMIT.contains(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_separated_by_commas_and_none_is_empty() {
        let check = |text: &str, expected: Option<&[&str]>| {
            let expected = expected.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
            assert_eq!(list(text), expected, "{text:?}");
        };
        check("vbs.driver", Some(&["vbs.driver"]));
        check(" a.B , c ", Some(&["a.B", "c"]));
        check("", None);
        check("a,,b", None);
        check("a,", None);
        check("a\tb", None);
    }

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("4MiB", Some(4 << 20)),
            ("4 mb", Some(4 << 20)),
            ("64K", Some(64 << 10)),
            ("1024", Some(1024)),
            ("1g", Some(1 << 30)),
            ("1023", None),
            ("2G", None),
            ("", None),
            ("MiB", None),
            ("-4M", None),
            ("4TiB", None),
            ("4.5M", None),
            ("99999999999999999999", None),
            ("18446744073709551615G", None),
        ] {
            assert_eq!(row_limit(text), bytes, "{text}");
        }
    }

    #[test]
    fn texts_have_a_width_in_characters() {
        for (given, most, taken) in
            [("a", 1, true), ("", 1, false), ("备份", 2, true), ("abc", 2, false), ("a\nb", 9, false)]
        {
            assert_eq!(text(given, most).is_some(), taken, "{given:?}");
        }
    }

    #[test]
    fn names() {
        assert_eq!(every_n_days("month-days"), Some(EveryNDays::MonthDays));
        assert_eq!(every_n_days("monthly"), None);
        assert_eq!(unsteady("carry"), Some(Unsteady::Carry));
        assert_eq!(unsteady("Carry"), None);
        assert_eq!(encoding("gbk"), Some(Encoding::Gbk));
        assert_eq!(encoding("SQL_ASCII"), None);
        assert_eq!(number("+3", 1..=4_u8), Some(3));
        assert_eq!(number("5", 1..=4_u8), None);
    }
}
