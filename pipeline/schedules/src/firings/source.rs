//! When VBS or DPS fires: Quartz's rules on the user's own days and clock.
//!
//! It must stay free of patterns and everything they are made with: it is the other witness.

use crate::icalendar;
use crate::schedule::Schedule;
use crate::zone::{Offset, Zone};
use chrono::{DateTime, LocalResult, NaiveDateTime, Offset as _, TimeDelta, TimeZone};
use chrono_tz::Tz;

use crate::firings::horizon::DAY;

/// The clock on a user's wall: the zone, and the offset it had when the policy was saved.
///
/// The console took that offset from the user's times when it stored them in UTC, so adding it gives the user's times
/// again, whatever the zone's offset is by now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct WallClock {
    /// The zone the user meant.
    pub zone: Zone,
    /// The offset that stored times were made with.
    pub saved: Offset,
}

impl WallClock {
    /// The clock of a place that is always as far from UTC.
    #[must_use]
    pub fn fixed(offset: Offset) -> Self {
        Self { zone: Zone::Fixed(offset), saved: offset }
    }
}

/// The instants at which the source fires a stored schedule: seconds since 1970-01-01 00:00:00 UTC, ascending, each once, from
/// `from` on and before `to`.
///
/// At each of the user's times of day on each of the user's days, by the clock on the wall. Quartz reads that clock as
/// Java's calendar does: a time that summer time jumps over comes as much later as the clock jumps; one that comes
/// twice is the second of the two; two that fall together are one firing.
#[must_use]
pub fn source_firings(schedule: &Schedule, clock: WallClock, from: i64, to: i64) -> Vec<i64> {
    // The wall's clock is never further from that of the saved offset than a day.
    let (first, last) = (
        (from.saturating_sub(DAY)).div_euclid(60),
        (to.saturating_add(DAY)).div_euclid(60).saturating_add(1),
    );
    let saved = icalendar::firings(schedule, clock.saved, first, last);
    let mut instants: Vec<i64> = match clock.zone {
        Zone::Fixed(offset) => {
            let moved = i64::from(clock.saved.minutes()) - i64::from(offset.minutes());
            saved.map(|minute| (minute + moved) * 60).collect()
        }
        Zone::Named(tz) => {
            let east = i64::from(clock.saved.minutes());
            saved.filter_map(|minute| instant_of(tz, (minute + east) * 60)).collect()
        }
    };
    instants.retain(|at| (from..to).contains(at));
    // Only where summer time begins can an earlier time on the wall be a later instant.
    instants.sort_unstable();
    instants.dedup();
    instants
}

/// The instant at which a zone's wall clock shows `wall`, given as seconds since 1970-01-01 00:00:00 of that clock.
fn instant_of(tz: Tz, wall: i64) -> Option<i64> {
    /// The longest time by which a clock has ever been put forward is a day.
    const STEPS: i64 = 26 * 4;
    const STEP: i64 = 15 * 60;
    let shown = DateTime::from_timestamp(wall, 0)?.naive_utc();
    let east = match offset(tz, shown) {
        Some(east) => east,
        // Jumped over: the clock before the jump goes on.
        None => (1..=STEPS).find_map(|n| offset(tz, shown - TimeDelta::seconds(n * STEP)))?,
    };
    Some(wall - east)
}

/// Seconds east of UTC when a wall clock shows `shown`; the later of two instants counts; `None` if it never does.
fn offset(tz: Tz, shown: NaiveDateTime) -> Option<i64> {
    match tz.offset_from_local_datetime(&shown) {
        LocalResult::Single(offset) => Some(i64::from(offset.fix().local_minus_utc())),
        LocalResult::Ambiguous(_, later) => Some(i64::from(later.fix().local_minus_utc())),
        LocalResult::None => None,
    }
}
