//! Schedules of backup policies: how VBS and DPS store them, how Karbor stores them, and when each one fires.
//!
//! ```text
//! cron (Quartz) ─► schedule (times × days, of the user) ─┬► firings (when the source fires)
//! zone (offset) ─────────────────────────────────────────┴► icalendar (the pattern of a Karbor trigger, and when it fires)
//! ```
//!
//! Sources: RFC 5545 for patterns, Quartz's CronTrigger for cron expressions.

pub mod cron;
pub mod firings;
pub mod icalendar;
pub mod schedule;
pub mod zone;
