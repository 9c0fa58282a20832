//! What the report says of schedules: how many run as before, which do not and why, and when in the week backups start.

use schedules::firings::horizon::Horizon;
use schedules::firings::{Drift, Proof, Verdict, WeekHours};
use schedules::zone::Offset;
use serde::{Serialize, Serializer};
use std::borrow::Cow;

/// What became of the schedules.
#[derive(Clone, Debug, Serialize)]
pub struct ScheduleReport {
    /// The first second of the time looked at, since 1970-01-01 00:00:00 UTC.
    pub from: i64,
    /// How many days were looked at.
    pub days: u16,
    /// The clock by which the week is told.
    #[serde(serialize_with = "as_text")]
    pub clock: Offset,
    /// Schedules that run at the same instants as before.
    pub exact: u64,
    /// Schedules that drift as the contract accepts.
    pub accepted: u64,
    /// Schedules that differ, or that Karbor would refuse: there should be none.
    pub different: u64,
    /// Those that drift or differ, the latter first.
    pub listed: Vec<Drifting>,
    /// Backups started in each hour of the week at the source: one for each volume of each policy that runs, over so many
    /// weeks. Seven days of 24 hours, Monday first.
    #[serde(serialize_with = "as_list")]
    pub before: WeekHours,
    /// The same in Karbor.
    #[serde(serialize_with = "as_list")]
    pub after: WeekHours,
    /// The weeks counted.
    pub weeks: u16,
}

/// A schedule that drifts or differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Drifting {
    /// The plan's id at the source.
    pub policy_id: Box<str>,
    /// The policy's name.
    pub name: Box<str>,
    /// `backup` or `replication`.
    pub operation: &'static str,
    /// Whether the contract accepts it.
    pub accepted: bool,
    /// Why.
    pub cause: Cow<'static, str>,
    /// From when on, and how far.
    #[serde(serialize_with = "as_optional_text")]
    pub drift: Option<Drift>,
}

impl ScheduleReport {
    /// Nothing counted yet.
    #[must_use]
    pub fn new(horizon: Horizon, clock: Offset) -> Self {
        Self {
            from: horizon.from(),
            days: horizon.days(),
            clock,
            exact: 0,
            accepted: 0,
            different: 0,
            listed: Vec::new(),
            before: WeekHours::default(),
            after: WeekHours::default(),
            weeks: horizon.days() / 7,
        }
    }

    /// Whether a quarter of the schedules or more drifts.
    #[must_use]
    pub fn drifts_widely(&self) -> bool {
        self.accepted > 0 && self.accepted * 4 >= self.exact + self.accepted + self.different
    }

    /// Counts the schedules of one proof: so many of them, that start so many backups each time.
    pub fn count(&mut self, proof: &Proof, schedules: u64, starts: u64) {
        match proof.verdict {
            Verdict::Exact => self.exact += schedules,
            Verdict::Accepted(..) => self.accepted += schedules,
            Verdict::Differs(_) | Verdict::Refused(_) => self.different += schedules,
        }
        self.before.add(&proof.source, starts);
        self.after.add(&proof.karbor, starts);
    }

    /// Lists a schedule that is not exact.
    pub fn list(&mut self, policy_id: &str, name: &str, operation: &'static str, verdict: &Verdict) {
        let (accepted, cause, drift) = match verdict {
            Verdict::Exact => return,
            Verdict::Accepted(cause, drift) => (true, cause.words().into(), Some(*drift)),
            Verdict::Differs(drift) => (false, "differs".into(), Some(*drift)),
            Verdict::Refused(error) => (false, format!("Karbor refuses it: {error}").into(), None),
        };
        let (policy_id, name) = (policy_id.into(), name.into());
        self.listed.push(Drifting { policy_id, name, operation, accepted, cause, drift });
    }

    /// Puts those that are not accepted first, once all are listed.
    #[must_use]
    pub fn in_order(mut self) -> Self {
        self.listed.sort_by_key(|one| one.accepted);
        self
    }
}

fn as_text<S: Serializer>(clock: &Offset, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(clock)
}

#[allow(clippy::ref_option, reason = "as serde calls it")]
fn as_optional_text<S: Serializer>(drift: &Option<Drift>, serializer: S) -> Result<S::Ok, S::Error> {
    match drift {
        Some(drift) => serializer.collect_str(drift),
        None => serializer.serialize_none(),
    }
}

/// Seven lists of 24 counts each, as JSON in one line: so many numbers would drown the rest of a report.
fn as_list<S: Serializer>(week: &WeekHours, serializer: S) -> Result<S::Ok, S::Error> {
    let days: Vec<&[u64]> = week.counts().chunks(24).collect();
    let line = serde_json::to_string(&days).and_then(serde_json::value::RawValue::from_string);
    line.map_err(serde::ser::Error::custom)?.serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use schedules::firings::{Cause, Drift, Side};

    #[test]
    fn what_the_contract_does_not_accept_is_listed_first_whatever_else_there_is() {
        let drift = Drift { parts: 0, side: Side::Source, widest: Some(60), missed: 1, added: 1 };
        let mut report = ScheduleReport::new(Horizon::new(0, 400), Offset::UTC);
        for n in 0..205 {
            report.list(&n.to_string(), "drifts", "backup", &Verdict::Accepted(Cause::Interval, drift));
        }
        report.list("x", "differs", "backup", &Verdict::Differs(drift));
        report.list("y", "differs too", "backup", &Verdict::Differs(drift));
        report.list("z", "exact", "backup", &Verdict::Exact);
        let report = report.in_order();
        assert_eq!(report.listed.len(), 207);
        // All of them are kept, so that each is to be small: ARCHITECTURE, "Laws", 4.
        assert!(size_of::<Drifting>() <= 136, "{}", size_of::<Drifting>());
        let ids: Vec<_> = report.listed.iter().map(|one| &*one.policy_id).collect();
        assert_eq!((ids[0], ids[1], ids[2], ids[206]), ("x", "y", "0", "204"));
        assert_eq!(
            report.listed[0].drift.map(|drift| drift.to_string()).as_deref(),
            Some("from 1970-01-01 00:00 UTC on, when only the source would run, up to 1 minute apart")
        );
    }

    #[test]
    fn a_quarter_of_the_schedules_is_a_wide_drift() {
        let report = ScheduleReport::new(Horizon::new(0, 400), Offset::UTC);
        for (exact, accepted, different, wide) in
            [(3, 1, 0, true), (4, 1, 0, false), (0, 1, 3, true), (0, 0, 0, false), (0, 0, 5, false)]
        {
            let report = ScheduleReport { exact, accepted, different, ..report.clone() };
            assert_eq!(report.drifts_widely(), wide, "{exact} {accepted} {different}");
        }
    }
}
