//! Why a schedule has no pattern.

use crate::schedule::times::MinuteOfDay;
use thiserror::Error;

/// Why a schedule has no pattern.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PatternError {
    /// More times a day than Karbor takes.
    #[error("runs {times} times a day; Karbor takes at most {limit}: remove times from the policy")]
    TooManyTimes {
        /// The times found.
        times: usize,
        /// The times allowed.
        limit: usize,
    },
    /// Two firings too close to each other.
    #[error(
        "runs at {first} and {second} UTC, {minutes} minutes apart; Karbor takes no less than {limit}: \
         move the policy's times apart"
    )]
    TooClose {
        /// The UTC time of the first of the two.
        first: MinuteOfDay,
        /// The UTC time of the next one, perhaps on the next day.
        second: MinuteOfDay,
        /// The minutes between them.
        minutes: i32,
        /// The minutes needed.
        limit: i32,
    },
    /// A longer pattern than Karbor takes.
    #[error(
        "needs a pattern of {characters} characters; Karbor takes at most {limit}: remove times from the policy"
    )]
    TooLong {
        /// The characters needed.
        characters: usize,
        /// The characters allowed.
        limit: usize,
    },
    /// The pattern would not fire as the source does. This is a mistake of this program, not of the data.
    #[error(
        "internal error: the pattern {pattern:?} {what}; nothing is wrong with the data, please report this"
    )]
    Unfaithful {
        /// The pattern's text.
        pattern: String,
        /// What it does and should do.
        what: String,
    },
}
