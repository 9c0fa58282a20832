//! The patterns of Karbor's time triggers: iCalendar text that says when a policy runs.
//!
//! A stored schedule becomes text here ([`pattern`]), and the text is read back ([`read`]). Karbor takes the
//! recurrence rules of the first VEVENT, all of them, and runs them from the trigger's start time in UTC; it knows
//! no time zone, so the user's zone travels in a line Karbor passes over.
//! One pattern that Karbor refuses keeps its operationengine from starting, so no pattern leaves this module that
//! was not parsed again and seen to fire when the source would have.
//! What goes around the pattern (the trigger's row and its JSON) is not made here.

mod check;
mod firings;
mod inferred;
mod occurrences;
mod pattern;
pub mod pattern_error;
mod read;
mod rule;
pub mod rules;
pub mod start;
#[cfg(test)]
mod tests;

pub use self::firings::{firings, interval_firings};
pub use self::inferred::schedule_of_firings;
pub use self::occurrences::{OccurrencesError, occurrences};
pub use self::pattern::{Pattern, pattern};
pub use self::pattern_error::PatternError;
pub use self::read::{Calendar, ReadError, read};
pub use self::rule::{Frequency, Rule, RuleError};
pub use self::rules::EveryNDays;
