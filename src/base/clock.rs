//! The time now.

use parsers::value::Timestamp;
use std::time::SystemTime;

/// Seconds since 1970-01-01 00:00:00 UTC.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(0)
}

/// The time, UTC, as lines of a journal have it.
pub(crate) fn utc_now() -> String {
    Timestamp::from_micros(now().saturating_mul(1_000_000)).to_string()
}
