//! The start of imported patterns.

/// The start time of every imported trigger, as Karbor writes it: rules are counted from here, in UTC.
pub const START_TIME: &str = "2018-01-01 00:00:00";

/// [`START_TIME`] in minutes since 1970-01-01 00:00:00 UTC.
pub const START_MINUTE: i64 = 17_532 * 1440;
