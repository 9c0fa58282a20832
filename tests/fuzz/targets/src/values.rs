//! Timestamps, numbers, booleans and zones: refused, or the same once they are written again.

use chrono::{DateTime, NaiveDateTime};
use parsers::value::{Timestamp, boolean, integer};
use schedules::zone::Zone;

/// A value of any kind.
///
/// # Panics
/// What was read does not read the same again, or not as chrono reads it.
pub fn values(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match Timestamp::parse(text) {
        Ok(timestamp) => {
            for written in [timestamp.to_string(), timestamp.text().whole().to_owned()] {
                assert_eq!(Timestamp::parse(&written), Ok(timestamp), "{text:?} as {written:?}");
            }
            let known = DateTime::from_timestamp_micros(timestamp.micros()).unwrap().naive_utc();
            let written = timestamp.text();
            let read = NaiveDateTime::parse_from_str(written.whole(), "%Y-%m-%d %H:%M:%S%.f");
            assert_eq!(read, Ok(known), "{text:?}");
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    if let Some(number) = integer(text) {
        assert_eq!(integer(&number.to_string()), Some(number), "{text:?}");
    }
    if let Some(truth) = boolean(text) {
        assert_eq!(boolean(if truth { "t" } else { "f" }), Some(truth));
    }
    match Zone::parse(text) {
        Ok(zone) => {
            assert_eq!(Zone::parse(&zone.to_string()), Ok(zone), "{text:?}");
            for at in [i64::MIN, -3_000_000_000, 0, 1_514_764_800, i64::MAX] {
                assert!((-720..=840).contains(&zone.offset_at(at).minutes()), "{text:?} at {at}");
            }
        }
        Err(error) => {
            let said = error.to_string();
            assert!(said.chars().count() < 1_000 && !said.chars().any(char::is_control), "{said:?}");
        }
    }
}
