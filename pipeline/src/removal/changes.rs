//! What Karbor changed since, found by comparing the rows with the dumps that they came from.

use super::preview::{Change, ChangeCount, ChangedRow, Changes};
use crate::outcome::{Kept, Report};

impl Changes {
    /// What a check of the dumps against the target found. Rows that the target lacks are no rows to be rolled back, and of
    /// rows that the dumps do not hold it cannot say anything.
    #[must_use]
    pub fn of_check(report: &Report) -> Self {
        let mut changes = Self { exact: true, ..Self::default() };
        for table in &report.tables {
            let mut count = |change: Change, rows: u64| {
                let known = changes.counted.iter_mut().find(|c| c.table == table.table && c.change == change);
                match known {
                    Some(known) => known.rows += rows,
                    None if rows > 0 => {
                        changes.counted.push(ChangeCount { table: table.table.clone(), change, rows });
                    }
                    None => {}
                }
            };
            // A rerun would bring them to what the dumps say.
            count(Change::Values, table.updated);
            for (reason, rows) in &table.kept {
                if let Some(change) = change_of(*reason) {
                    count(change, *rows);
                }
            }
        }
        changes.listed = report
            .target_rows
            .iter()
            .filter_map(|row| {
                let reason = Kept::ALL.into_iter().find(|kept| Some(kept.word()) == row.reason)?;
                let (table, id) = (row.table.clone(), row.key.join(" "));
                Some(ChangedRow { table, change: change_of(reason)?, id })
            })
            .collect();
        changes
    }

    /// With what only signs tell: which operations have run.
    #[must_use]
    pub fn with_runs_of(mut self, signs: &Self) -> Self {
        let runs = |change: Change| change == Change::Run;
        self.counted.extend(signs.counted.iter().filter(|count| runs(count.change)).cloned());
        self.listed.extend(signs.listed.iter().filter(|row| runs(row.change)).cloned());
        self
    }
}

/// What a reason to leave a row alone says of the row; nothing where it is not there, or not of this import.
fn change_of(reason: Kept) -> Option<Change> {
    match reason {
        Kept::Changed | Kept::Newer => Some(Change::Values),
        Kept::Deleted => Some(Change::Deleted),
        Kept::NotOurs => Some(Change::Description),
        Kept::Steady => Some(Change::Status),
        Kept::Removed | Kept::OtherSystem | Kept::SourceMissing => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{Ending, TargetRow, TargetTally};
    use std::collections::BTreeMap;

    #[test]
    fn what_a_check_leaves_alone_is_what_changed() {
        let kept = |pairs: &[(Kept, u64)]| pairs.iter().copied().collect::<BTreeMap<_, _>>();
        let table = |name: &str, updated, pairs: &[(Kept, u64)]| TargetTally {
            table: name.to_owned(),
            updated,
            unchanged: 9,
            kept: kept(pairs),
            ..TargetTally::default()
        };
        let row = |key: &str, reason: Option<Kept>| TargetRow {
            table: "plans".to_owned(),
            key: vec![key.to_owned()],
            reason: reason.map(Kept::word),
            changed: None,
        };
        let report = Report {
            ending: Ending::Checked,
            tables: vec![
                table("plans", 1, &[(Kept::Changed, 2), (Kept::Deleted, 3)]),
                table("scheduled_operations", 0, &[(Kept::Removed, 5), (Kept::NotOurs, 1)]),
            ],
            target_rows: vec![row("a", Some(Kept::Deleted)), row("b", Some(Kept::Removed)), row("c", None)],
            ..Report::default()
        };
        let changes = Changes::of_check(&report);
        let counted: Vec<_> = changes.counted.iter().map(|c| (c.table.as_str(), c.change, c.rows)).collect();
        assert_eq!(
            counted,
            [
                ("plans", Change::Values, 3),
                ("plans", Change::Deleted, 3),
                ("scheduled_operations", Change::Description, 1),
            ]
        );
        let listed: Vec<_> = changes.listed.iter().map(|row| (row.id.as_str(), row.change)).collect();
        assert_eq!(listed, [("a", Change::Deleted)]);
        assert!(changes.exact);
    }
}
