//! Time zones as policies name them: a fixed distance from UTC, or an IANA name.
//!
//! The sources store times in UTC and days in the user's zone, so a schedule means nothing without its zone.
//! This module only reads zones and answers their distance from UTC at one instant. It never looks at the
//! machine's own zone or clock: the same dump must give the same rows everywhere.

use std::fmt;

use chrono::{DateTime, Offset as _, TimeZone, Utc};
use chrono_tz::{TZ_VARIANTS, Tz};
use nom::branch::alt;
use nom::bytes::complete::{tag_no_case, take_while_m_n};
use nom::character::complete::{char, one_of};
use nom::combinator::{all_consuming, map, map_res, opt, value};
use nom::sequence::preceded;
use nom::{IResult, Parser};
use thiserror::Error;

/// A distance from UTC in whole minutes, east counted positive, from −12:00 to +14:00.
///
/// The bounds are those of the zones people live in (Etc/GMT+12 and Pacific/Kiritimati).
/// It is printed as `UTC+08:00`, the form VBS uses in its `time_zone`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offset(i16);

impl Offset {
    /// UTC itself.
    pub const UTC: Offset = Offset(0);
    /// The westernmost offset, −12:00.
    pub const MIN: Offset = Offset(-12 * 60);
    /// The easternmost offset, +14:00.
    pub const MAX: Offset = Offset(14 * 60);

    /// The offset of `minutes` east of UTC, or nothing outside −720…840.
    pub fn from_minutes(minutes: i16) -> Option<Offset> {
        (Self::MIN.0..=Self::MAX.0).contains(&minutes).then_some(Offset(minutes))
    }

    /// Minutes east of UTC, −720…840.
    pub fn minutes(self) -> i16 {
        self.0
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { '-' } else { '+' };
        let minutes = self.0.unsigned_abs();
        write!(f, "UTC{sign}{:02}:{:02}", minutes / 60, minutes % 60)
    }
}

/// A time zone as a source names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Zone {
    /// The same distance from UTC at all times.
    Fixed(Offset),
    /// A zone of the IANA database, whose distance from UTC depends on the instant.
    Named(Tz),
}

impl Zone {
    /// Reads a zone: `[UTC|GMT]±H[H][:MM]`, `[UTC|GMT]±HHMM`, `UTC`, `GMT`, or an IANA name.
    ///
    /// Letters may be of either case and blanks around the value are ignored. Note that the IANA names
    /// `Etc/GMT+8` and the like count west of Greenwich as positive, while `GMT+8` means eight hours east.
    ///
    /// # Errors
    ///
    /// [`ZoneError`] if the value is of none of these forms, or outside −12:00 to +14:00.
    pub fn parse(text: &str) -> Result<Zone, ZoneError> {
        let text = text.trim();
        if let Ok((_, Distance { west, hours, minutes })) = distance(text) {
            let east = if west { -1 } else { 1 } * (hours * 60 + minutes);
            return match Offset::from_minutes(east) {
                _ if minutes > 59 => Err(ZoneError::Minutes { minutes }),
                Some(offset) => Ok(Zone::Fixed(offset)),
                None => Err(ZoneError::OutOfRange),
            };
        }
        // The exact name first: it is a hash look-up, the walk over all names is for other spellings.
        let named = text
            .parse::<Tz>()
            .ok()
            .or_else(|| TZ_VARIANTS.iter().copied().find(|tz| tz.name().eq_ignore_ascii_case(text)));
        named.map(Zone::Named).ok_or(ZoneError::Unknown)
    }

    /// The zone's distance from UTC at an instant given in seconds since 1970-01-01 00:00:00 UTC.
    ///
    /// Local mean times, in use until 1972 at the latest, have seconds: they are rounded to the nearest minute
    /// (half a minute towards the east). The few that lay beyond the bounds of [`Offset`] before 1868 (Manila's
    /// and Alaska's, from the other side of the date line) are given the bound.
    pub fn offset_at(self, unix_seconds: i64) -> Offset {
        let tz = match self {
            Zone::Fixed(offset) => return offset,
            Zone::Named(tz) => tz,
        };
        let bounds = DateTime::<Utc>::MIN_UTC.timestamp()..=DateTime::<Utc>::MAX_UTC.timestamp();
        let instant = DateTime::from_timestamp(unix_seconds.clamp(*bounds.start(), *bounds.end()), 0);
        let seconds_east =
            instant.map_or(0, |at| tz.offset_from_utc_datetime(&at.naive_utc()).fix().local_minus_utc());
        let minutes = (seconds_east + 30).div_euclid(60);
        let nearest = minutes.clamp(i32::from(Offset::MIN.0), i32::from(Offset::MAX.0));
        i16::try_from(nearest).ok().and_then(Offset::from_minutes).unwrap_or(Offset::UTC)
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Zone::Fixed(offset) => offset.fmt(f),
            Zone::Named(tz) => f.write_str(tz.name()),
        }
    }
}

/// Why a value is not a time zone. Each is printed after the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ZoneError {
    /// Neither a distance from UTC nor a name of the IANA database.
    #[error("is not a time zone; expected UTC±HH:MM or an IANA name such as Asia/Shanghai")]
    Unknown,
    /// A distance from UTC on which nobody lives.
    #[error("is outside UTC-12:00 to UTC+14:00")]
    OutOfRange,
    /// An hour with more than 59 minutes.
    #[error("has {minutes} minutes after the hour; expected 00 to 59")]
    Minutes {
        /// The minutes found.
        minutes: i16,
    },
}

/// A distance from UTC as written, before its bounds are checked.
#[derive(Debug, Clone, Copy)]
struct Distance {
    west: bool,
    hours: i16,
    minutes: i16,
}

/// `UTC`, `GMT`, or either or neither of them before a signed distance.
fn distance(input: &str) -> IResult<&str, Distance> {
    let signed = map((one_of("+-"), alt((four_digits, hours_and_minutes))), |(sign, (hours, minutes))| {
        Distance { west: sign == '-', hours, minutes }
    });
    let none = value(Distance { west: false, hours: 0, minutes: 0 }, utc);
    alt((all_consuming(preceded(opt(utc), signed)), all_consuming(none))).parse(input)
}

/// `UTC` or `GMT`, in any case.
fn utc(input: &str) -> IResult<&str, &str> {
    alt((tag_no_case("UTC"), tag_no_case("GMT"))).parse(input)
}

/// `HHMM`.
fn four_digits(input: &str) -> IResult<&str, (i16, i16)> {
    map(digits(4, 4), |number| (number / 100, number % 100)).parse(input)
}

/// `H`, `HH`, `H:MM` or `HH:MM`.
fn hours_and_minutes(input: &str) -> IResult<&str, (i16, i16)> {
    map((digits(1, 2), opt(preceded(char(':'), digits(2, 2)))), |(hours, minutes)| {
        (hours, minutes.unwrap_or(0))
    })
    .parse(input)
}

/// A number written with at least `least` and at most `most` ASCII digits.
fn digits<'a>(
    least: usize,
    most: usize,
) -> impl Parser<&'a str, Output = i16, Error = nom::error::Error<&'a str>> {
    map_res(take_while_m_n(least, most, |c: char| c.is_ascii_digit()), str::parse)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// 2018-01-01 00:00:00 UTC.
    const NEW_YEAR_2018: i64 = 1_514_764_800;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let found = match Zone::parse(text) {
            Ok(Zone::Fixed(offset)) => offset.to_string(),
            Ok(Zone::Named(tz)) => tz.name().to_string(),
            Err(error) => format!("error: {text:?} {error}"),
        };
        assert_eq!(found, expected, "{text:?}");
    }

    #[test]
    fn distances_from_utc_are_read_in_all_their_forms() {
        for (text, expected) in [
            ("UTC+08:00", "UTC+08:00"),
            ("GMT+08:00", "UTC+08:00"),
            ("+08:00", "UTC+08:00"),
            ("UTC+8", "UTC+08:00"),
            ("+8", "UTC+08:00"),
            ("-08", "UTC-08:00"),
            ("UTC+8:30", "UTC+08:30"),
            ("GMT-0230", "UTC-02:30"),
            ("+0545", "UTC+05:45"),
            ("UTC", "UTC+00:00"),
            ("GMT", "UTC+00:00"),
            ("utc+08:00", "UTC+08:00"),
            ("gmt", "UTC+00:00"),
            ("  UTC+08:00\t", "UTC+08:00"),
            ("UTC-00:00", "UTC+00:00"),
            ("UTC-12:00", "UTC-12:00"),
            ("UTC+14:00", "UTC+14:00"),
            ("GMT+0", "UTC+00:00"),
        ] {
            check(text, expected);
        }
    }

    #[test]
    fn iana_names_are_read_in_any_case_and_keep_their_own_sign() {
        for (text, expected) in [
            ("Asia/Shanghai", "Asia/Shanghai"),
            ("asia/shanghai", "Asia/Shanghai"),
            ("EUROPE/BERLIN", "Europe/Berlin"),
            ("Etc/GMT+8", "Etc/GMT+8"),
            ("Etc/UTC", "Etc/UTC"),
            ("EST", "EST"),
        ] {
            check(text, expected);
        }
        assert_eq!(Zone::parse("Etc/GMT+8").unwrap().offset_at(NEW_YEAR_2018).to_string(), "UTC-08:00");
    }

    #[test]
    fn anything_else_is_an_error_that_names_the_value() {
        for text in ["", "CST+8", "8", "UTC 8", "UTC+", "UTC+123", "UTC+8:5", "+08:00:00", "北京", "UTC+٨"]
        {
            let named = format!("error: {text:?} is not a time zone; ");
            check(text, &(named + "expected UTC±HH:MM or an IANA name such as Asia/Shanghai"));
        }
        check("UTC+14:01", "error: \"UTC+14:01\" is outside UTC-12:00 to UTC+14:00");
        check("-12:30", "error: \"-12:30\" is outside UTC-12:00 to UTC+14:00");
        check("+9900", "error: \"+9900\" is outside UTC-12:00 to UTC+14:00");
        check("UTC+08:60", "error: \"UTC+08:60\" has 60 minutes after the hour; expected 00 to 59");
    }

    #[test]
    fn a_named_zone_has_the_offset_of_the_instant() {
        for (name, seconds, expected) in [
            ("Asia/Shanghai", NEW_YEAR_2018, "UTC+08:00"),
            ("Asia/Kolkata", NEW_YEAR_2018, "UTC+05:30"),
            ("Europe/Berlin", NEW_YEAR_2018, "UTC+01:00"),
            // 2018-07-01: summer time.
            ("Europe/Berlin", 1_530_403_200, "UTC+02:00"),
            // One second before and at the change to summer time, 2018-03-25 01:00 UTC.
            ("Europe/Berlin", 1_521_939_599, "UTC+01:00"),
            ("Europe/Berlin", 1_521_939_600, "UTC+02:00"),
            // 1900: local mean time, +8:05:43 rounded up, and Brussels' +0:17:30 half way, to the east.
            ("Asia/Shanghai", -2_208_988_800, "UTC+08:06"),
            ("Europe/Brussels", -2_600_000_000, "UTC+00:18"),
            // Manila was at −15:56 until 1844: beyond what an offset can be.
            ("Asia/Manila", -4_000_000_000, "UTC-12:00"),
            ("Asia/Shanghai", i64::MAX, "UTC+08:00"),
            ("Asia/Shanghai", i64::MIN, "UTC+08:06"),
        ] {
            let zone = Zone::parse(name).unwrap();
            assert_eq!(zone.offset_at(seconds).to_string(), expected, "{name} at {seconds}");
        }
    }

    #[test]
    fn no_zone_has_left_the_bounds_since_1900() {
        for tz in TZ_VARIANTS {
            for year in 0..160 {
                let seconds = -2_208_988_800 + year * 31_556_952;
                let exact = tz.timestamp_opt(seconds, 0).unwrap().offset().fix().local_minus_utc();
                let ours = i32::from(Zone::Named(tz).offset_at(seconds).minutes()) * 60;
                assert!((exact - ours).abs() <= 30, "{tz} at {seconds}: {exact} s against {ours} s");
            }
        }
    }

    proptest! {
        #[test]
        fn any_text_gives_an_answer(text in ".{0,40}", seconds: i64) {
            if let Ok(zone) = Zone::parse(&text) {
                zone.offset_at(seconds);
            }
        }

        #[test]
        fn what_an_offset_prints_is_read_back(minutes in -720i16..=840) {
            let offset = Offset::from_minutes(minutes).unwrap();
            prop_assert_eq!(Zone::parse(&offset.to_string()), Ok(Zone::Fixed(offset)));
        }
    }
}
