//! What the text of a field says: timestamps, booleans, integers (conversion rule "Values").
//!
//! Formats are PostgreSQL's output with `DATESTYLE=ISO` (documentation, "Date/Time Output").

use chrono::{Datelike, NaiveDate};
use std::fmt;

/// A point in time: microseconds since 1970-01-01 00:00:00 UTC, in the years 1 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

const MICROS_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;
const DAYS_FROM_CE_TO_1970: i64 = 719_163;

impl Timestamp {
    /// 2018-01-01 00:00:00, what the contract puts where no time is known.
    pub const DEFAULT: Self = Self(1_514_764_800 * MICROS_PER_SECOND);

    /// A timestamp of microseconds since 1970-01-01 00:00:00 UTC.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since 1970-01-01 00:00:00 UTC.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970-01-01 00:00:00 UTC, rounded down.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(MICROS_PER_SECOND)
    }

    /// The timestamp that `text` says: `2017-11-08 11:32:02.35061`, with `T` or a space, with or without a zone (which is
    /// applied; without one the time is UTC), or a date alone.
    ///
    /// # Errors
    /// [`NotTimestamp`] says what it is instead.
    pub fn parse(text: &str) -> Result<Self, NotTimestamp> {
        let text = text.trim_ascii();
        match parse(text.as_bytes()) {
            Some(timestamp) => Ok(timestamp),
            None if text.trim_start_matches(['+', '-']).eq_ignore_ascii_case("infinity") => {
                Err(NotTimestamp::Infinite)
            }
            None if text.to_ascii_uppercase().ends_with(" BC") => Err(NotTimestamp::BeforeChrist),
            None => Err(NotTimestamp::Malformed),
        }
    }
}

/// Why a text is no timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotTimestamp {
    /// `infinity` or `-infinity`.
    #[error("is an infinite time, which Karbor cannot hold")]
    Infinite,
    /// A year before Christ.
    #[error("is a time before Christ, which Karbor cannot hold")]
    BeforeChrist,
    /// Anything else.
    #[error("is not a timestamp (YYYY-MM-DD HH:MM:SS[.ffffff][±HH[:MM]], year 1 to 9999)")]
    Malformed,
}

fn parse(text: &[u8]) -> Option<Timestamp> {
    let digit = |byte: u8| u32::from(byte.wrapping_sub(b'0'));
    // What is no digit comes to more than any two digits do.
    let pair = |tens: u8, ones: u8| match (digit(tens), digit(ones)) {
        (tens @ 0..=9, ones @ 0..=9) => tens * 10 + ones,
        _ => u32::MAX,
    };
    let ([y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1], rest) = text.split_first_chunk::<10>()? else {
        return None;
    };
    let (century, year) = (pair(*y0, *y1), pair(*y2, *y3));
    if century > 99 || year > 99 {
        return None;
    }
    let year = i32::try_from(century * 100 + year).ok()?;
    let date = NaiveDate::from_ymd_opt(year, pair(*m0, *m1), pair(*d0, *d1)).filter(|d| d.year() >= 1)?;
    let day_seconds = (i64::from(date.num_days_from_ce()) - DAYS_FROM_CE_TO_1970) * SECONDS_PER_DAY;
    if rest.is_empty() {
        return Some(Timestamp(day_seconds * MICROS_PER_SECOND));
    }
    let ([b' ' | b'T', h0, h1, b':', m0, m1, b':', s0, s1], mut rest) = rest.split_first_chunk::<9>()? else {
        return None;
    };
    let (hour, minute, second) = (pair(*h0, *h1), pair(*m0, *m1), pair(*s0, *s1));
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let mut micros = 0;
    if let Some(fraction) = rest.strip_prefix(b".") {
        let mut digits = 0;
        let mut worth = 100_000;
        while let Some(value @ 0..=9) = fraction.get(digits).map(|byte| digit(*byte)) {
            // Digits past the sixth are below a microsecond and fall away.
            micros += i64::from(value) * worth;
            worth /= 10;
            digits += 1;
        }
        if digits == 0 {
            return None;
        }
        rest = fraction.get(digits..)?;
    }
    let seconds = day_seconds + i64::from(hour * 3600 + minute * 60 + second) - zone_seconds(rest)?;
    let timestamp = Timestamp(seconds * MICROS_PER_SECOND + micros);
    (MIN..=MAX).contains(&timestamp).then_some(timestamp)
}

/// 0001-01-01 00:00:00.
const MIN: Timestamp = Timestamp((1 - DAYS_FROM_CE_TO_1970) * SECONDS_PER_DAY * MICROS_PER_SECOND);
/// 9999-12-31 23:59:59.999999.
const MAX: Timestamp = Timestamp(253_402_300_800 * MICROS_PER_SECOND - 1);

/// The seconds east of UTC that a zone suffix says: nothing, `Z`, `+08`, `+0530`, `-03:30`, `+08:00:12`.
fn zone_seconds(text: &[u8]) -> Option<i64> {
    let (sign, digits) = match text {
        [] | [b'Z' | b'z'] => return Some(0),
        [b'+', digits @ ..] => (1, digits),
        [b'-', digits @ ..] => (-1, digits),
        _ => return None,
    };
    let digits: Vec<i64> = digits
        .iter()
        .filter(|b| **b != b':')
        .map(|b| b.is_ascii_digit().then(|| i64::from(b - b'0')))
        .collect::<Option<_>>()?;
    let pair = |i: usize| digits.get(i).zip(digits.get(i + 1)).map(|(tens, ones)| tens * 10 + ones);
    if !matches!(digits.len(), 2 | 4 | 6) {
        return None;
    }
    let (hours, minutes, seconds) = (pair(0)?, pair(2).unwrap_or(0), pair(4).unwrap_or(0));
    (hours <= 15 && minutes < 60 && seconds < 60).then_some(sign * (hours * 3600 + minutes * 60 + seconds))
}

/// A timestamp in letters, without an allocation: every copy has four or five of them.
#[derive(Clone, Copy, Debug)]
pub struct TimestampText([u8; TIMESTAMP_LETTERS]);

/// `2018-01-01 00:00:00.000000`.
const TIMESTAMP_LETTERS: usize = 26;

impl TimestampText {
    /// With all six digits of the fraction, as SQLAlchemy keeps times in SQLite.
    #[must_use]
    pub fn whole(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// As PostgreSQL prints it: without the trailing zeros of the fraction.
    #[must_use]
    pub fn short(&self) -> &str {
        let text = self.whole();
        let (second, fraction) = text.split_at_checked(19).unwrap_or((text, ""));
        match fraction.trim_end_matches('0') {
            "." => second,
            fraction => text.get(..second.len() + fraction.len()).unwrap_or(text),
        }
    }
}

impl Timestamp {
    /// The timestamp in letters.
    #[must_use]
    pub fn text(self) -> TimestampText {
        let seconds = self.seconds();
        let days = seconds.div_euclid(SECONDS_PER_DAY) + DAYS_FROM_CE_TO_1970;
        let date =
            i32::try_from(days).ok().and_then(NaiveDate::from_num_days_from_ce_opt).unwrap_or_default();
        let of_day = seconds.rem_euclid(SECONDS_PER_DAY);
        let mut text = *b"0000-00-00 00:00:00.000000";
        let mut put = |value: i64, places: std::ops::Range<usize>| {
            let mut rest = value;
            for letter in text.get_mut(places).unwrap_or_default().iter_mut().rev() {
                *letter = b'0' + u8::try_from(rest % 10).unwrap_or(0);
                rest /= 10;
            }
        };
        put(date.year().into(), 0..4);
        put(date.month().into(), 5..7);
        put(date.day().into(), 8..10);
        put(of_day / 3600, 11..13);
        put(of_day / 60 % 60, 14..16);
        put(of_day % 60, 17..19);
        put(self.0.rem_euclid(MICROS_PER_SECOND), 20..26);
        TimestampText(text)
    }
}

impl fmt::Display for Timestamp {
    /// As PostgreSQL prints a timestamp: trailing zeros of the fraction cut off.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text().short())
    }
}

/// The boolean that `text` says: `t/f`, `true/false`, `1/0`, `Y/N`, in any case.
#[must_use]
pub fn boolean(text: &str) -> Option<bool> {
    match text.trim_ascii() {
        "t" | "T" | "1" | "y" | "Y" => Some(true),
        "f" | "F" | "0" | "n" | "N" => Some(false),
        word if word.eq_ignore_ascii_case("true") => Some(true),
        word if word.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// The integer that `text` says, in decimal.
#[must_use]
pub fn integer(text: &str) -> Option<i64> {
    text.trim_ascii().parse().ok()
}

/// Whether a text is a whole number, of any size.
pub(crate) fn is_whole(text: &str) -> bool {
    let digits = text.trim_ascii();
    let digits = digits.strip_prefix(['+', '-']).unwrap_or(digits);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str, expected: Result<&str, NotTimestamp>) {
        assert_eq!(Timestamp::parse(text).map(|t| t.to_string()), expected.map(str::to_owned), "{text:?}");
    }

    #[test]
    fn timestamps_are_read_to_the_microsecond_and_as_utc() {
        check("2017-11-08 11:32:02.35061", Ok("2017-11-08 11:32:02.35061"));
        check("2017-11-08 11:32:02", Ok("2017-11-08 11:32:02"));
        check("2017-11-08T11:32:02.052949", Ok("2017-11-08 11:32:02.052949"));
        check("2017-11-08 11:32:02.0000019", Ok("2017-11-08 11:32:02.000001"));
        check("2018-10-18", Ok("2018-10-18 00:00:00"));
        check("1969-12-31 23:59:59.5", Ok("1969-12-31 23:59:59.5"));
        check("0001-01-01 00:00:00", Ok("0001-01-01 00:00:00"));
        check("9999-12-31 23:59:59.999999", Ok("9999-12-31 23:59:59.999999"));
    }

    #[test]
    fn a_zone_in_a_timestamp_is_applied() {
        check("2018-10-18 11:36:05.082+00", Ok("2018-10-18 11:36:05.082"));
        check("2018-10-18 03:36:05+08", Ok("2018-10-17 19:36:05"));
        check("2018-10-18 11:36:05-03:30", Ok("2018-10-18 15:06:05"));
        check("2018-10-18 11:36:05+0530", Ok("2018-10-18 06:06:05"));
        check("2018-10-18T11:36:05Z", Ok("2018-10-18 11:36:05"));
    }

    #[test]
    fn what_is_no_timestamp_is_refused_with_its_kind() {
        check("infinity", Err(NotTimestamp::Infinite));
        check("-Infinity", Err(NotTimestamp::Infinite));
        check("0044-03-15 00:00:00 BC", Err(NotTimestamp::BeforeChrist));
        for text in [
            "",
            "now",
            "2018-13-01",
            "2018-02-29",
            "2018-10-18 24:00:00",
            "2018-10-18 11:60:00",
            "18-10-2018",
            "2018-10-18 11:36",
            "2018-10-18 11:36:05.",
            "2018-10-18 11:36:05+8",
            "10000-01-01",
            "0000-01-01",
            "9999-12-31 23:59:59-01",
            "2018-10-18 11:36:05 CST",
            "1539862756668",
        ] {
            check(text, Err(NotTimestamp::Malformed));
        }
    }

    #[test]
    fn booleans_and_integers() {
        for (text, value) in
            [("t", true), ("FALSE", false), ("1", true), ("0", false), ("Y", true), ("n", false)]
        {
            assert_eq!(boolean(text), Some(value));
        }
        assert_eq!(boolean("2"), None);
        assert_eq!(integer("-12"), Some(-12));
        assert_eq!(integer("12.0"), None);
        assert_eq!(integer("99999999999999999999"), None);
    }

    proptest! {
        #[test]
        fn a_timestamp_printed_and_read_is_the_same(micros in MIN.0..=MAX.0) {
            let timestamp = Timestamp(micros);
            prop_assert_eq!(Timestamp::parse(&timestamp.to_string()), Ok(timestamp));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,40}") {
            let _ = Timestamp::parse(&text);
        }
    }
}
