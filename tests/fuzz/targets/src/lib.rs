//! What must hold for any bytes at all, a function for each target: it panics where something does not hold.
//!
//! The fuzzer calls these functions (`tests/fuzz/fuzz_targets`), and so does a test, with every file of the corpora
//! (`tests/fuzz/corpus`), so that a finding stays found without a fuzzer. Nothing here is random, and nothing depends on the
//! machine: the same bytes always end in the same way.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what does not hold must stop the fuzzer"
)]

mod calendar;
mod copy;
mod cron;
mod draw;
mod dump;
mod insert;
mod json;
mod schedule;
mod statements;
mod values;

pub use calendar::{calendar_read, calendar_write};
pub use copy::copy;
pub use cron::cron;
pub use dump::dump;
pub use insert::insert;
pub use json::json;
pub use schedule::schedule;
pub use statements::statements;
pub use values::values;

/// A target: it returns where all is well.
pub type Target = fn(&[u8]);

/// All targets, by the names of their corpora.
pub const TARGETS: [(&str, Target); 10] = [
    ("calendar_read", calendar_read),
    ("calendar_write", calendar_write),
    ("copy", copy),
    ("cron", cron),
    ("dump", dump),
    ("insert", insert),
    ("json", json),
    ("schedule", schedule),
    ("statements", statements),
    ("values", values),
];
