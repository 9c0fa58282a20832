//! What became of the target's tables, as text and page both tell it.

use crate::base::number::grouped;
use pipeline::outcome::{Ending, Report, TargetRow, TargetTally};

/// The tables.
pub(crate) struct Targets {
    /// What is counted.
    pub(crate) heads: &'static [&'static str],
    /// A line for each table, and one for all.
    pub(crate) lines: Vec<Line>,
}

/// One table's counts.
pub(crate) struct Line {
    /// Its name.
    pub(crate) name: String,
    /// The counts, as many as there are heads.
    pub(crate) counts: Vec<u64>,
    /// What else there is to say.
    pub(crate) notes: Vec<String>,
    /// Whether it stands for all tables.
    pub(crate) total: bool,
}

/// Rows of the target that are not as the dumps have them.
pub(crate) struct Listing {
    /// What they have in common.
    pub(crate) head: &'static str,
    /// The first of them.
    pub(crate) rows: Vec<String>,
}

/// The tables; none where there is nothing to be told of them.
pub(crate) fn of(report: &Report) -> Option<Targets> {
    if report.tables.is_empty() || (report.ending == Ending::Refused && report.compared) {
        return None;
    }
    let committed = report.ending == Ending::Committed;
    let heads: &[&str] = match (report.compared, committed) {
        (false, true) => &["written"],
        (false, false) => &["would be written"],
        (true, true) => &["inserted", "updated", "unchanged", "left alone"],
        (true, false) => &["to insert", "to update", "unchanged", "left alone"],
    };
    let counts = |table: &TargetTally| {
        if report.compared {
            vec![table.inserted, table.updated, table.unchanged, table.all_kept()]
        } else {
            vec![table.written()]
        }
    };
    let line = |table: &TargetTally| Line {
        name: table.table.clone(),
        counts: counts(table),
        notes: notes(table),
        total: false,
    };
    let mut lines: Vec<Line> = report.tables.iter().map(line).collect();
    let sum = |n: usize| lines.iter().filter_map(|line| line.counts.get(n)).sum();
    let all = (0..heads.len()).map(sum).collect();
    lines.push(Line { name: "all".to_owned(), counts: all, notes: Vec::new(), total: true });
    Some(Targets { heads, lines })
}

fn notes(table: &TargetTally) -> Vec<String> {
    let mut notes = Vec::new();
    if !table.kept.is_empty() {
        let kept = table.kept.iter().map(|(reason, rows)| format!("{reason} {}", grouped(*rows)));
        notes.push(format!("left alone: {}", kept.collect::<Vec<_>>().join(", ")));
    }
    let removed = match table.pruned {
        0 => String::new(),
        pruned => format!("removed: {}", grouped(pruned)),
    };
    let changed = match table.lost_changed {
        0 => String::new(),
        changed => format!(" (changed in Karbor since: {})", grouped(changed)),
    };
    let lost = format!("no longer in the dumps: {}{changed}", grouped(table.lost));
    match (table.lost, removed.is_empty()) {
        (0, true) => {}
        (0, false) => notes.push(removed),
        (_, true) => notes.push(lost),
        (_, false) => notes.push(format!("{lost}, {removed}")),
    }
    notes
}

/// The rows that were left alone, and those that the dumps no longer have.
pub(crate) fn listings(report: &Report) -> Vec<Listing> {
    let kept = report.tables.iter().map(TargetTally::all_kept).sum();
    let lost = report.tables.iter().map(|table| table.lost).sum();
    let listing = |head, all: u64, wanted: &dyn Fn(&TargetRow) -> bool| {
        let shown = report.target_rows.iter().filter(|row| wanted(row));
        let mut rows: Vec<String> = shown.map(ToString::to_string).collect();
        let listed = u64::try_from(rows.len()).unwrap_or(u64::MAX);
        if !rows.is_empty() && all > listed {
            rows.push(format!("… and {} more", grouped(all - listed)));
        }
        Listing { head, rows }
    };
    let listings = [
        listing("Rows left alone", kept, &|row| row.reason.is_some()),
        listing("Imported rows that the dumps no longer have", lost, &|row| row.reason.is_none()),
    ];
    listings.into_iter().filter(|listing| !listing.rows.is_empty()).collect()
}
