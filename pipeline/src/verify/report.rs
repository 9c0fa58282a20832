//! What a verification found.

use crate::engine::Engine;
use crate::outcome::{DumpReport, Kept, Rejection, ScheduleReport};
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;

/// How many findings of a table are listed, those that are differences and those that Karbor made apart; all are counted.
pub const FINDINGS_LISTED: usize = 100;

/// What a verification found.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The target, without secrets.
    pub target: String,
    /// The dumps.
    pub dumps: Vec<DumpReport>,
    /// The tables, in the order of [`crate::karbor::WRITTEN`].
    pub tables: Vec<TableReport>,
    /// The schedules: when the sources fire by the dumps, and when Karbor will by what its triggers say.
    pub schedules: ScheduleReport,
    /// Schedules that are not proved, because Karbor changed the trigger since or its row is not there.
    pub unproved: u64,
    /// Rows of the dumps that break rules: what they would be in the target nobody can say.
    pub rejected: u64,
    /// The first of them.
    pub rejections: Vec<Rejection>,
    /// Why the dumps seem to be older than what was imported, if they do.
    pub stale: Option<String>,
    /// What Karbor's operation engine does with what the target contains.
    pub engine: Engine,
}

impl Report {
    /// Differences of all kinds that Karbor does not account for.
    #[must_use]
    pub fn differences(&self) -> u64 {
        let rows: u64 = self.tables.iter().map(TableReport::differences).sum();
        rows + self.schedules.different + self.rejected
    }
}

/// The rows of one table.
#[derive(Clone, Debug, Default, Serialize)]
pub struct TableReport {
    /// The target's name of the table.
    pub table: String,
    /// Rows that the dumps come to.
    pub rows: u64,
    /// Rows that the target holds as they are.
    pub equal: u64,
    /// Rows that the target does not hold.
    pub missing: u64,
    /// Imported rows of the target that the dumps do not come to.
    pub extra: u64,
    /// Rows with other values.
    pub different: u64,
    /// Rows that Karbor changed, deleted or removed since, by reason.
    pub changed: BTreeMap<Kept, u64>,
    /// Rows of the target that the dumps hold and a later run takes, and rows that nobody can judge without a source table.
    pub not_compared: u64,
    /// The first rows that are missing, extra or different.
    pub differing: Vec<Finding>,
    /// The first rows that Karbor changed.
    pub changed_rows: Vec<Finding>,
}

impl TableReport {
    /// Rows that are not as they should be.
    #[must_use]
    pub fn differences(&self) -> u64 {
        self.missing + self.extra + self.different
    }

    /// Rows that Karbor changed since, for whatever reason.
    #[must_use]
    pub fn all_changed(&self) -> u64 {
        self.changed.values().sum()
    }

    /// Counts a finding, and lists it while there is room; what it says is only worked out then.
    pub(super) fn note(&mut self, what: What, found: impl FnOnce() -> Finding) {
        match what {
            What::Missing => self.missing += 1,
            What::Extra => self.extra += 1,
            What::Different => self.different += 1,
            What::Changed(kept) => *self.changed.entry(kept).or_default() += 1,
        }
        let list =
            if matches!(what, What::Changed(_)) { &mut self.changed_rows } else { &mut self.differing };
        if list.len() < FINDINGS_LISTED {
            list.push(Finding { what, ..found() });
        }
    }
}

/// What is found about a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The target does not hold it.
    Missing,
    /// The dumps do not come to it.
    Extra,
    /// It has other values.
    Different,
    /// Karbor changed it.
    Changed(Kept),
}

impl What {
    /// The same in a word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Extra => "extra",
            Self::Different => "different",
            Self::Changed(kept) => kept.word(),
        }
    }
}

impl Serialize for What {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

/// A row that is not the same on both sides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What is found.
    pub what: What,
    /// The values that identify the row.
    pub key: Vec<String>,
    /// The columns that differ, where both sides have the row.
    pub columns: Vec<Difference>,
}

/// A column that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The target's name of the column.
    pub column: String,
    /// What the dumps come to; absent where that is NULL. Of long values the part around the first difference.
    pub dumps: Option<String>,
    /// What the target holds.
    pub target: Option<String>,
}

impl Finding {
    /// A row by its key.
    pub(super) fn of(key: Vec<String>) -> Self {
        Self { what: What::Missing, key, columns: Vec::new() }
    }
}

/// What is shown of a long value, in characters, and how many of them stand before the first difference.
const SHOWN: usize = 160;
const SHOWN_BEFORE: usize = 40;

/// Two values as they are shown: whole, or the parts of both around the first character that differs.
pub(super) fn around_difference(
    own: Option<String>,
    theirs: Option<String>,
) -> (Option<String>, Option<String>) {
    let common = match (&own, &theirs) {
        (Some(own), Some(theirs)) => own.chars().zip(theirs.chars()).take_while(|(a, b)| a == b).count(),
        _ => 0,
    };
    let from = common.saturating_sub(SHOWN_BEFORE);
    let long = |text: &Option<String>| text.as_ref().is_some_and(|text| text.chars().nth(SHOWN).is_some());
    if !long(&own) && !long(&theirs) {
        return (own, theirs);
    }
    let cut = |text: String| {
        let before = if from > 0 { "…" } else { "" };
        let after = if text.chars().nth(from + SHOWN).is_some() { "…" } else { "" };
        let part: String = text.chars().skip(from).take(SHOWN).collect();
        format!("{before}{part}{after}")
    };
    (own.map(cut), theirs.map(cut))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_values_are_shown_where_they_differ() {
        let same = "x".repeat(500);
        let (own, theirs) = around_difference(Some(format!("{same}a{same}")), Some(format!("{same}b")));
        let before = "x".repeat(SHOWN_BEFORE);
        assert_eq!(theirs, Some(format!("…{before}b")));
        assert!(own.unwrap().starts_with(&format!("…{before}ax")));
        let short = (Some("a".to_owned()), None);
        assert_eq!(around_difference(short.0.clone(), None), short);
    }
}
