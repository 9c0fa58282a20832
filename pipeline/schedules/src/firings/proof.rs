//! One policy's proof: both accounts over the horizon, and what is to be thought of their difference.

use super::drift::{Cause, Drift, drift};
use super::source::{WallClock, source_firings};
use super::week::WeekHours;
use crate::firings::horizon::{DAY, Horizon};
use crate::icalendar;
use crate::icalendar::start::START_MINUTE;
use crate::icalendar::{EveryNDays, OccurrencesError};
use crate::schedule::Schedule;
use crate::schedule::times::Days;
use crate::zone::{Offset, Zone};
use siphasher::sip128::SipHasher13;
use std::collections::HashMap;
use std::num::NonZeroU16;

/// How many proofs are remembered. Schedules repeat; where they do not, the oldest are worked out anew.
const REMEMBERED: usize = 512;

/// How far beyond the horizon neighbours are looked for: farther than any schedule waits for its next firing.
const MARGIN: i64 = 367 * DAY;

/// How many of Karbor's firings are looked at: some four times those of a schedule that fires every hour.
const LOOKED_AT: usize = 100_000;

/// What is to be proved: a stored schedule with its clock, and the trigger it became.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'s> {
    /// The schedule as the source stores it: UTC times on the user's days.
    pub schedule: &'s Schedule,
    /// The user's clock.
    pub clock: WallClock,
    /// The trigger's pattern.
    pub pattern: &'s str,
    /// The trigger's start time, `YYYY-MM-DD HH:MM:SS`.
    pub start_time: &'s str,
}

/// What came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Both fire at the same instants.
    Exact,
    /// They part as the contract says they may.
    Accepted(Cause, Drift),
    /// They part for no reason that the contract knows.
    Differs(Drift),
    /// Karbor's engine would refuse the trigger.
    Refused(OccurrencesError),
}

impl Verdict {
    /// Whether the owner of the policy gets what the contract promises.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        matches!(self, Self::Exact | Self::Accepted(..))
    }
}

/// A verdict, and when in the week each side fires within the horizon's whole weeks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// The verdict.
    pub verdict: Verdict,
    /// When the source would fire.
    pub source: WeekHours,
    /// When Karbor will.
    pub karbor: WeekHours,
}

/// Makes proofs, each once.
#[derive(Debug)]
pub struct Prover {
    horizon: Horizon,
    every: EveryNDays,
    shown: Offset,
    known: HashMap<u128, Proof>,
}

impl Prover {
    /// Proofs over `horizon`. `every` says how schedules of every N days were to be written: an interval's drift is accepted
    /// only where an interval was meant. Weeks are those of a clock at `shown`.
    #[must_use]
    pub fn new(horizon: Horizon, every: EveryNDays, shown: Offset) -> Self {
        Self { horizon, every, shown, known: HashMap::new() }
    }

    /// The horizon.
    #[must_use]
    pub fn horizon(&self) -> Horizon {
        self.horizon
    }

    /// The proof of one subject.
    pub fn prove(&mut self, subject: Subject<'_>) -> &Proof {
        let key = digest(subject);
        if self.known.len() >= REMEMBERED && !self.known.contains_key(&key) {
            self.known.clear();
        }
        let (horizon, every, shown) = (self.horizon, self.every, self.shown);
        self.known.entry(key).or_insert_with(|| prove(subject, horizon, every, shown))
    }
}

/// 128 bits of all that a proof depends on.
fn digest(subject: Subject<'_>) -> u128 {
    use std::hash::Hash as _;
    let mut hasher = SipHasher13::new();
    subject.schedule.hash(&mut hasher);
    subject.clock.hash(&mut hasher);
    subject.pattern.hash(&mut hasher);
    subject.start_time.hash(&mut hasher);
    siphasher::sip128::Hasher128::finish128(&hasher).as_u128()
}

/// Works a proof out.
fn prove(subject: Subject<'_>, horizon: Horizon, every: EveryNDays, shown: Offset) -> Proof {
    let (from, to) = (horizon.from(), horizon.to());
    let whole_weeks = from..from + i64::from(horizon.days() / 7) * 7 * DAY;
    let week_of = |instants: &[i64]| {
        let mut week = WeekHours::default();
        week.note(instants.iter().copied().filter(|at| whole_weeks.contains(at)), shown);
        week
    };
    let expected = source_firings(subject.schedule, subject.clock, from - MARGIN, to + MARGIN);
    let source = week_of(&expected);
    let (found, to) = match karbor_firings(subject, from, to) {
        Ok(found) => found,
        Err(error) => {
            return Proof { verdict: Verdict::Refused(error), source, karbor: WeekHours::default() };
        }
    };
    let karbor = week_of(&found);
    let verdict = match drift(&expected, &found, from..to) {
        None => Verdict::Exact,
        Some(drift) => match accepted(subject, every, &found, horizon) {
            Some(cause) => Verdict::Accepted(cause, drift),
            None => Verdict::Differs(drift),
        },
    };
    Proof { verdict, source, karbor }
}

/// Karbor's firings within the horizon, and the last before and the first after it as neighbours; and the horizon's end, which comes
/// earlier for a pattern that fires more often than can be looked at.
fn karbor_firings(subject: Subject<'_>, from: i64, to: i64) -> Result<(Vec<i64>, i64), OccurrencesError> {
    let look = |begin: i64| -> Result<(Vec<i64>, bool), OccurrencesError> {
        let firings = icalendar::occurrences(subject.pattern, subject.start_time, begin)?;
        let (mut found, mut looked_at) = (Vec::new(), 0);
        for at in firings.take_while(|at| *at < to + MARGIN) {
            if at < from {
                found.clear();
            }
            found.push(at);
            looked_at += 1;
            if at >= to || looked_at == LOOKED_AT {
                break;
            }
        }
        Ok((found, looked_at == LOOKED_AT))
    };
    let (found, too_many) = look(from - MARGIN)?;
    if !too_many {
        return Ok((found, to));
    }
    let (found, _) = look(from)?;
    let end = found.last().map_or(to, |last| to.min(last + 1));
    Ok((found, end))
}

/// Why the contract accepts the difference, if it does: Karbor must fire at exactly the instants that the contract's pattern
/// stands for, and the rest is what an interval or a clock without summer time cannot follow.
fn accepted(subject: Subject<'_>, every: EveryNDays, found: &[i64], horizon: Horizon) -> Option<Cause> {
    let (from, to) = (horizon.from(), horizon.to());
    let (first, last) = (from.div_euclid(60), to.div_euclid(60) + 1);
    let interval = match (subject.schedule.days(), every) {
        (Days::EveryNDays(n), EveryNDays::Interval) if n > NonZeroU16::MIN => Some(n),
        _ => None,
    };
    let saved = subject.clock.saved;
    let promised: Vec<i64> = match interval {
        Some(n) => icalendar::interval_firings(subject.schedule, n, first, last).collect(),
        None => icalendar::firings(subject.schedule, saved, first.max(START_MINUTE), last).collect(),
    };
    let promised = promised.into_iter().map(|minute| minute * 60).filter(|at| (from..to).contains(at));
    if !promised.eq(found.iter().copied().filter(|at| (from..to).contains(at))) {
        return None;
    }
    let moves = match subject.clock.zone {
        Zone::Fixed(offset) => offset != saved,
        Zone::Named(_) => {
            let by_zone = source_firings(subject.schedule, subject.clock, from, to);
            by_zone != source_firings(subject.schedule, WallClock::fixed(saved), from, to)
        }
    };
    match (interval.is_some(), moves) {
        (true, true) => Some(Cause::Both),
        (true, false) => Some(Cause::Interval),
        (false, true) => Some(Cause::SummerTime),
        // Before the start time the source fires and Karbor does not; there is nothing to accept in a horizon after it.
        (false, false) => None,
    }
}
