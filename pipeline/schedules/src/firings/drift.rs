//! Where two accounts of the same schedule part, and how far.

use chrono::DateTime;
use std::fmt;

/// Who fires at an instant at which the other does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// VBS or DPS would.
    Source,
    /// Karbor will.
    Karbor,
}

/// How two accounts differ within a horizon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drift {
    /// The first instant at which only one of the two fires, in seconds since 1970-01-01 00:00:00 UTC.
    pub parts: i64,
    /// Who fires then.
    pub side: Side,
    /// The longest time between an instant at which only one fires and the other's nearest firing, in seconds; `None` where
    /// the other fires nowhere near.
    pub widest: Option<i64>,
    /// Firings of the source at which Karbor does not fire.
    pub missed: usize,
    /// Firings of Karbor at which the source would not.
    pub added: usize,
}

/// Compares two ascending lists. `within` says which instants are judged; the rest only stand by as neighbours.
pub(super) fn drift(source: &[i64], karbor: &[i64], within: std::ops::Range<i64>) -> Option<Drift> {
    let alone = |of: &[i64], others: &[i64]| -> Alone {
        let mut found = Alone::default();
        for at in of.iter().filter(|at| within.contains(at)) {
            let after = others.partition_point(|other| other < at);
            if others.get(after) == Some(at) {
                continue;
            }
            let before = after.checked_sub(1).and_then(|n| others.get(n)).map(|other| at - other);
            let next = others.get(after).map(|other| other - at);
            let nearest = before.into_iter().chain(next).min();
            found.first = found.first.or(Some(*at));
            found.count += 1;
            match nearest {
                Some(nearest) => found.widest = found.widest.max(nearest),
                None => found.far = true,
            }
        }
        found
    };
    let (missed, added) = (alone(source, karbor), alone(karbor, source));
    let (parts, side) = match (missed.first, added.first) {
        (Some(at), Some(other)) if other < at => (other, Side::Karbor),
        (Some(at), _) => (at, Side::Source),
        (None, Some(at)) => (at, Side::Karbor),
        (None, None) => return None,
    };
    let widest = (!missed.far && !added.far).then_some(missed.widest.max(added.widest));
    Some(Drift { parts, side, widest, missed: missed.count, added: added.count })
}

/// What is said of the instants at which only one side fires.
#[derive(Default)]
struct Alone {
    first: Option<i64>,
    count: usize,
    widest: i64,
    far: bool,
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = DateTime::from_timestamp(self.parts, 0)
            .map_or_else(|| self.parts.to_string(), |at| at.format("%Y-%m-%d %H:%M").to_string());
        match self.side {
            Side::Source => write!(f, "from {at} UTC on, when only the source would run")?,
            Side::Karbor => write!(f, "from {at} UTC on, when only Karbor will run")?,
        }
        match self.widest {
            Some(seconds) => write!(f, ", up to {} apart", Span(seconds)),
            None => f.write_str(", without a neighbour"),
        }
    }
}

/// A span of time in its two largest units.
struct Span(i64);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(i64, &str); 4] = [(86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")];
        let mut rest = self.0;
        let parts = UNITS.into_iter().filter_map(|(length, unit)| {
            let n = rest / length;
            rest %= length;
            (n > 0).then(|| format!("{n} {unit}{}", if n == 1 { "" } else { "s" }))
        });
        let parts: Vec<String> = parts.take(2).collect();
        f.write_str(&parts.join(" "))
    }
}

/// Why the contract accepts that two accounts differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Cause {
    /// Karbor's interval goes on over the month's end, where the source begins anew on the 1st.
    Interval,
    /// The zone's clock is moved for summer time, and a pattern's is not.
    SummerTime,
    /// Both.
    Both,
}

impl Cause {
    /// In words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Interval => "counts on over the month's end",
            Self::SummerTime => "summer time",
            Self::Both => "counts on over the month's end, and summer time",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}
