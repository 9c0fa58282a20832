//! The report of `etl verify` as text; the page takes its words from here.

use crate::base::number::{bytes, counted, duration, grouped};
use crate::import::report::text::dumps;
use crate::ui::page::{Page, TableRow};
use crate::ui::terminal::{Emphasis, TextFormat};
use pipeline::outcome::ScheduleReport;
use pipeline::verify::{Difference, Finding, Report, TableReport};
use std::time::Duration;

/// A verification's report with what only the command knows.
#[derive(Clone, Copy)]
pub struct Summary<'r> {
    /// What the pipeline found.
    pub report: &'r Report,
    /// What else the operator should know.
    pub warning: Option<&'r str>,
    /// The whole time.
    pub elapsed: Duration,
    /// The most memory the process had, in bytes, where the system says.
    pub peak_memory: Option<u64>,
}

/// The report as text, no wider than the format says, where words allow.
#[must_use]
pub fn text(summary: &Summary<'_>, text_format: TextFormat) -> String {
    let report = summary.report;
    let mut page = Page::new(text_format);
    page.heading(&title(report));
    tables(&mut page, report);
    for table in &report.tables {
        let head = format!("Differences in {}", table.table);
        findings(&mut page, &head, &table.differing, table.differences());
    }
    for table in &report.tables {
        let head = format!("Changed by Karbor since, in {}", table.table);
        findings(&mut page, &head, &table.changed_rows, table.all_changed());
    }
    rejected(&mut page, report);
    schedules(&mut page, report);
    crate::import::report::engine::tables(&mut page, &report.engine);
    dumps(&mut page, &report.dumps, &[]);
    page.heading("Time and memory");
    page.paragraph("  ", &duration(summary.elapsed).to_string());
    if let Some(peak) = summary.peak_memory {
        page.paragraph("  ", &format!("{} of memory at most", bytes(peak)));
    }
    let of_engine = report.engine.warnings();
    let warnings = summary.warning.into_iter().chain(report.stale.as_deref());
    let warnings: Vec<&str> = warnings.chain(of_engine.iter().map(String::as_str)).collect();
    if !warnings.is_empty() {
        page.heading("Warnings");
        warnings.iter().for_each(|warning| page.inked_paragraph("  ! ", warning, Some(Emphasis::Yellow)));
    }
    page.heading(&format!("Next: {}", next(report)));
    page.finish()
}

/// How it came out, in one line.
pub(crate) fn title(report: &Report) -> String {
    let target = &report.target;
    let changed: u64 = report.tables.iter().map(TableReport::all_changed).sum();
    match (report.differences(), changed) {
        (0, 0) => format!("Verified: {target} holds what the dumps come to"),
        (0, changed) => {
            let rows = counted(changed, "row that Karbor", "rows that Karbor");
            format!("Verified: {target} holds what the dumps come to, but for {rows} changed since")
        }
        (differences, _) => {
            format!("{} between the dumps and {target}", counted(differences, "difference", "differences"))
        }
    }
}

/// What is said of a table beside its numbers.
pub(crate) fn notes(table: &TableReport) -> Vec<String> {
    let mut notes = Vec::new();
    if table.all_changed() > 0 {
        let reasons: Vec<String> =
            table.changed.iter().map(|(kept, rows)| format!("{kept} {}", grouped(*rows))).collect();
        notes.push(format!("changed by Karbor since: {}", reasons.join(", ")));
    }
    if table.not_compared > 0 {
        notes.push(format!(
            "not compared, for the dumps do not say what these rows come to: {}",
            grouped(table.not_compared)
        ));
    }
    notes
}

/// All tables together.
pub(crate) fn total(report: &Report) -> TableReport {
    let mut all = TableReport { table: "all".to_owned(), ..TableReport::default() };
    for table in &report.tables {
        all.equal += table.equal;
        all.missing += table.missing;
        all.extra += table.extra;
        all.different += table.different;
        for (kept, changed) in &table.changed {
            *all.changed.entry(*kept).or_default() += changed;
        }
    }
    all
}

fn tables(page: &mut Page, report: &Report) {
    let row = |table: &TableReport| {
        let changed = table.all_changed();
        let counts = [table.equal, table.missing, table.extra, table.different, changed];
        let red = [(1, table.missing), (2, table.extra), (3, table.different)];
        let mut inked: Vec<_> =
            red.into_iter().filter(|(_, rows)| *rows > 0).map(|(n, _)| (n, Emphasis::Red)).collect();
        inked.extend((changed > 0).then_some((4, Emphasis::Yellow)));
        TableRow {
            name: table.table.clone(),
            cells: counts.map(grouped).to_vec(),
            inked,
            notes: notes(table),
            ..TableRow::default()
        }
    };
    let mut rows: Vec<TableRow> = report.tables.iter().map(row).collect();
    let all = total(report);
    rows.push(TableRow { notes: Vec::new(), ..row(&all) });
    page.table("Target rows", &["equal", "missing", "extra", "different", "changed since"], &rows);
}

fn findings(page: &mut Page, head: &str, listed: &[Finding], all: u64) {
    if listed.is_empty() {
        return;
    }
    page.heading(head);
    for finding in listed {
        page.paragraph("  - ", &format!("{}: {}", finding.key.join(" "), finding.what.word()));
        for Difference { column, dumps, target } in &finding.columns {
            page.paragraph("      ", &format!("{column}: dumps {}, target {}", value(dumps), value(target)));
        }
    }
    let shown = u64::try_from(listed.len()).unwrap_or(u64::MAX);
    if all > shown {
        page.paragraph("  - ", &format!("… and {} more", grouped(all - shown)));
    }
}

fn value(value: &Option<String>) -> String {
    value.as_ref().map_or_else(|| "NULL".to_owned(), |value| format!("\"{value}\""))
}

fn rejected(page: &mut Page, report: &Report) {
    if report.rejected == 0 {
        return;
    }
    page.heading("Rows of the dumps that break rules, and so cannot be compared");
    for rejection in &report.rejections {
        page.paragraph("  - ", &rejection.to_string());
    }
    let listed = u64::try_from(report.rejections.len()).unwrap_or(u64::MAX);
    if report.rejected > listed {
        page.paragraph("  - ", &format!("… and {} more", grouped(report.rejected - listed)));
    }
}

fn schedules(page: &mut Page, report: &Report) {
    let ScheduleReport { exact, accepted, different, days, ref listed, .. } = report.schedules;
    let all = exact + accepted + different;
    if all + report.unproved == 0 {
        return;
    }
    page.heading("Schedules");
    page.paragraph(
        "  ",
        &format!(
            "{} of {} fire in Karbor, by the target's own patterns, at the same instants as before, {days} days from now on",
            grouped(exact),
            counted(all, "schedule", "schedules"),
        ),
    );
    if accepted > 0 {
        page.paragraph("  ", &format!("{} as the conversion accepts", counted(accepted, "drifts", "drift")));
    }
    if different > 0 {
        let text = counted(different, "schedule fires", "schedules fire");
        page.inked_paragraph(
            "  ! ",
            &format!("{text} at other times than the dumps promise"),
            Some(Emphasis::Red),
        );
    }
    if report.unproved > 0 {
        let text = counted(report.unproved, "schedule is", "schedules are");
        page.paragraph(
            "  ",
            &format!("{text} not proved: Karbor changed them since, or their triggers cannot be compared"),
        );
    }
    for drifting in listed {
        let drift = drifting.drift.as_ref().map_or_else(String::new, |drift| format!(": {drift}"));
        let text = format!(
            "{} {} ({}), {}{drift}",
            drifting.policy_id, drifting.name, drifting.operation, drifting.cause
        );
        page.inked_paragraph("  - ", &text, (!drifting.accepted).then_some(Emphasis::Red));
    }
    let shown = u64::try_from(listed.len()).unwrap_or(u64::MAX);
    if accepted + different > shown {
        page.paragraph("  - ", &format!("… and {} more", grouped(accepted + different - shown)));
    }
}

/// The next step.
pub(crate) fn next(report: &Report) -> &'static str {
    if report.differences() == 0 {
        return "nothing; verify again whenever in doubt";
    }
    "see that these are the dumps and settings of the last run; etl check with the same shows what a run would mend"
}
