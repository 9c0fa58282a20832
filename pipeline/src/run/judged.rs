//! What became of the policy side's rows.

use crate::compare::Verdict;
use crate::outcome::{Kept, TARGET_ROWS_LISTED, TargetRow, TargetTally};

/// What was found out about the rows of one table; of the tally, what is not inserted.
#[derive(Debug, Default)]
pub(crate) struct Judged {
    pub(crate) tally: TargetTally,
    pub(crate) kept: Vec<TargetRow>,
    pub(crate) lost: Vec<TargetRow>,
}

impl Judged {
    /// Counts a row of the dumps that is not surely equal.
    pub(crate) fn row(&mut self, table: &str, verdict: &Verdict, key: impl FnOnce() -> Vec<String>) {
        match verdict {
            // Counted where it is sent.
            Verdict::Insert => {}
            Verdict::Update(_) => self.tally.updated += 1,
            Verdict::Unchanged => self.tally.unchanged += 1,
            Verdict::Kept(reason) => self.keep(table, *reason, key),
        }
    }

    pub(crate) fn keep(&mut self, table: &str, reason: Kept, key: impl FnOnce() -> Vec<String>) {
        *self.tally.kept.entry(reason).or_default() += 1;
        if self.kept.len() < TARGET_ROWS_LISTED {
            let reason = Some(reason.word());
            self.kept.push(TargetRow { table: table.to_owned(), key: key(), reason, changed: None });
        }
    }

    /// Counts a row that the dumps no longer have, and whether something shows that Karbor changed it.
    pub(crate) fn lose(&mut self, table: &str, key: &[String], changed: Option<String>) {
        self.tally.lost += 1;
        self.tally.lost_changed += u64::from(changed.is_some());
        if self.lost.len() < TARGET_ROWS_LISTED {
            self.lost.push(TargetRow { table: table.to_owned(), key: key.to_vec(), reason: None, changed });
        }
    }
}
