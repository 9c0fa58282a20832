//! The report of `etl sync`, as text.

use crate::base::number::{bytes, counted, duration, grouped};
use crate::import::report::text::dumps;
use crate::ui::page::{Page, TableRow};
use crate::ui::terminal::{Emphasis, TextFormat};
use pipeline::sync::Report;
use std::time::Duration;

/// A sync's report with what only the command knows.
#[derive(Clone, Copy)]
pub struct Summary<'r> {
    /// What the pipeline did.
    pub report: &'r Report,
    /// What else the operator should know.
    pub warning: Option<&'r str>,
    /// The whole time.
    pub elapsed: Duration,
    /// The most memory the process had, in bytes, where the system says.
    pub peak_memory: Option<u64>,
}

/// The report as text, at most 100 columns wide.
#[must_use]
pub fn text(summary: &Summary<'_>, text_format: TextFormat) -> String {
    let report = summary.report;
    let mut page = Page::new(text_format);
    page.heading(&match report.settled() {
        0 => format!("Nothing to write to {}", report.target),
        _ => format!("Committed to {}", report.target),
    });
    items(&mut page, report);
    waiting(&mut page, report);
    dumps(&mut page, &report.dumps, &[]);
    unreadable(&mut page, report);
    page.heading("Time and memory");
    page.paragraph(
        "  ",
        &format!("{}, {} read", duration(summary.elapsed), counted(report.jobs, "job", "jobs")),
    );
    if let Some(peak) = summary.peak_memory {
        page.paragraph("  ", &format!("{} of memory at most", bytes(peak)));
    }
    if let Some(warning) = summary.warning {
        page.heading("Warnings");
        page.inked_paragraph("  ! ", warning, Some(Emphasis::Yellow));
    }
    page.heading(&format!("Next: {}", next(report)));
    page.finish()
}

fn items(page: &mut Page, report: &Report) {
    let row = |name: &str, items: u64, emphasis: Option<Emphasis>| TableRow {
        name: name.to_owned(),
        cells: vec![grouped(items)],
        inked: emphasis.filter(|_| items > 0).map(|emphasis| (0, emphasis)).into_iter().collect(),
        ..TableRow::default()
    };
    let mut waits = row("still protecting", report.waits(), Some(Emphasis::Yellow));
    let reasons: Vec<String> =
        report.waiting.iter().map(|(why, items)| format!("{why} {}", grouped(*items))).collect();
    if !reasons.is_empty() {
        waits.notes.push(reasons.join(", "));
    }
    let rows = [
        row("now available", report.available, None),
        row("now error", report.failed, None),
        waits,
        row("all", report.protecting, None),
    ];
    page.table("Copies that were protecting", &["copies"], &rows);
}

fn waiting(page: &mut Page, report: &Report) {
    if report.listed.is_empty() {
        return;
    }
    page.heading("Copies that wait");
    for waiting in &report.listed {
        let job = waiting.task_id.as_deref().map_or_else(String::new, |task| format!(", job {task}"));
        page.paragraph("  - ", &format!("{}{job}: {}", waiting.id, waiting.detail));
    }
    let listed = u64::try_from(report.listed.len()).unwrap_or(u64::MAX);
    if report.waits() > listed {
        page.paragraph("  - ", &format!("… and {} more", grouped(report.waits() - listed)));
    }
}

/// Jobs that cannot be read keep nobody else from being told.
fn unreadable(page: &mut Page, report: &Report) {
    if report.unreadable == 0 {
        return;
    }
    page.heading("Jobs that cannot be read");
    for rejection in &report.rejections {
        page.paragraph("  - ", &rejection.to_string());
    }
    let listed = u64::try_from(report.rejections.len()).unwrap_or(u64::MAX);
    if report.unreadable > listed {
        page.paragraph("  - ", &format!("… and {} more", grouped(report.unreadable - listed)));
    }
    page.paragraph("  ", "Copies of these jobs wait as if the jobs were not there.");
}

fn next(report: &Report) -> String {
    if report.waits() == 0 {
        return "nothing waits any more; run etl run with new dumps for sizes and speeds".to_owned();
    }
    "dump taskmgr again once the jobs are over, and run the same command".to_owned()
}
