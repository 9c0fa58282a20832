//! Proof that a schedule survived: when the source would fire, and when Karbor will.
//!
//! Two accounts of the same policy are compared. The source's ([`source_firings`]) walks the stored schedule through the days
//! of the user's own calendar and clock, by Quartz's rules; it knows no pattern. Karbor's is the pattern's text as a
//! library for RFC 5545 reads it ([`crate::icalendar::occurrences`]), from the trigger's start time, in UTC; it knows no
//! schedule. Where they part, a [`Drift`] says when and how far, and a [`Verdict`] whether the contract accepts it.
//! Nothing here is a judge of rows: that a trigger is there at all is somebody else's question.

mod drift;
pub mod horizon;
mod proof;
mod source;
#[cfg(test)]
mod tests;
mod week;

pub use self::drift::{Cause, Drift, Side};
pub use self::proof::{Proof, Prover, Subject, Verdict};
pub use self::source::{WallClock, source_firings};
pub use self::week::{HOURS_OF_WEEK, WeekHours};
