//! The report as text, section by section.

use crate::base::number::{bytes, counted, duration, grouped, seconds};
use crate::base::text::printable;
use crate::import::report::advice;
use crate::import::report::glossary::SOURCE_ROWS;
use crate::import::report::summary::{CommandKind, Summary};
use crate::import::report::targets;
use crate::import::report::targets::{Line, Targets};
use crate::ui::page::{Page, TableRow};
use crate::ui::terminal::{Emphasis, TextFormat};
use parsers::input::STDIN;
use parsers::table::Table;
use pipeline::load::spec::Spec;
use pipeline::outcome::{
    DumpReport, Ending, OutcomesWritten, Rejection, Report, ScheduleReport, ServiceCount, Tally,
};
use std::fmt::Display;

/// The report as text, no wider than the format says, where words allow.
#[must_use]
pub fn text(summary: &Summary<'_>, text_format: TextFormat) -> String {
    let report = summary.report;
    let mut page = Page::new(text_format);
    page.heading(&title(summary));
    sources(&mut page, report);
    targets(&mut page, report);
    policies(&mut page, summary);
    dumps(&mut page, &report.dumps, &report.losses);
    set_aside(&mut page, report);
    if report.ending != Ending::Refused {
        page.heading("What changes for your customers");
        for advice in advice::for_customers(summary) {
            page.paragraph("  - ", &advice);
        }
    }
    cost(&mut page, summary);
    // Last, where they are still on the screen.
    warnings(&mut page, summary);
    page.heading(&format!("Next: {}", advice::next(summary)));
    page.finish()
}

/// How it ended, in one line.
pub(crate) fn title(summary: &Summary<'_>) -> String {
    let report = summary.report;
    let target = report.target.as_deref().unwrap_or_default();
    match (report.ending, summary.command_kind) {
        (Ending::Committed, _) if report.compared && report.changed() == 0 => match report.all_kept() {
            0 => format!("Nothing to write: {target} already has all these rows"),
            kept => {
                let rows = counted(kept, "row is", "rows are");
                format!("Nothing to write to {target}: {rows} left as Karbor has them")
            }
        },
        (Ending::Committed, _) if report.written() == 0 && report.pruned() > 0 => {
            let rows = counted(report.pruned(), "row", "rows");
            format!("Removed {rows} from {target}, wrote none")
        }
        (Ending::Committed, _) if matches!(summary.spec, Some(Spec::Script(_))) => {
            format!("Written to {target}: nothing is in a database before the script is loaded")
        }
        (Ending::Committed, _) => format!("Committed to {target}"),
        (Ending::Refused, _) => {
            let rows = counted(report.rejected, "row breaks a rule", "rows break rules");
            format!("Not committed: {rows}, nothing was written")
        }
        (Ending::Checked, CommandKind::Check { full: true, .. }) => {
            format!("Loaded into {target} and rolled back: nothing was written")
        }
        (Ending::Checked, _) if report.target.is_none() => {
            "Checked without a target: nothing was written".to_owned()
        }
        (Ending::Checked, _) => format!("Checked against {target}: nothing was written"),
    }
}

fn sources(page: &mut Page, report: &Report) {
    let mut all = Tally::default();
    let mut rows = Vec::new();
    for (table, tally) in &report.sources {
        all.add(tally);
        let mut row = tally_row(table, tally);
        row.notes = table_notes(table, tally, report);
        rows.push(row);
    }
    rows.push(tally_row("all", &all));
    page.table("Source rows", &SOURCE_ROWS.map(|(word, _)| word), &rows);
    if let Some(OutcomesWritten { file, rows }) = &report.outcomes_file {
        page.paragraph(
            "  ",
            &format!("{} in {file}: what became of each row", counted(*rows, "line", "lines")),
        );
    }
}

/// Why rows of a source table were skipped or wait, and what else is known of them.
pub(crate) fn table_notes(table: &str, tally: &Tally, report: &Report) -> Vec<String> {
    let mut notes = tally_notes(tally);
    notes.extend((table == Table::Backups.name()).then(|| other_services(report)).flatten());
    notes
}

/// Whose the copies are that another driver than VBS's made.
fn other_services(report: &Report) -> Option<String> {
    let driver = |one: &ServiceCount| {
        let name = if one.service.is_empty() { "(none)" } else { &one.service };
        format!("{} {}", printable(name), grouped(one.copies))
    };
    let drivers: Vec<String> = report.copies.other_services.iter().map(driver).collect();
    (!drivers.is_empty()).then(|| format!("other-service by driver: {}", drivers.join(", ")))
}

fn tally_row(name: &str, tally: &Tally) -> TableRow {
    let counts = [tally.read, tally.migrated, tally.all_skipped(), tally.all_deferred(), tally.rejected];
    let mut inked = Vec::new();
    if tally.all_deferred() > 0 {
        inked.push((3, Emphasis::Yellow));
    }
    if tally.rejected > 0 {
        inked.push((4, Emphasis::Red));
    }
    TableRow { name: name.to_owned(), cells: counts.map(grouped).to_vec(), inked, ..TableRow::default() }
}

/// Why rows of a table were skipped or wait.
fn tally_notes(tally: &Tally) -> Vec<String> {
    let skipped = reasons("skipped", tally.skipped.iter());
    let carried =
        (tally.carried > 0).then(|| format!("carried unfinished, as protecting: {}", grouped(tally.carried)));
    skipped.into_iter().chain(reasons("deferred", tally.deferred.iter())).chain(carried).collect()
}

fn reasons<'t, R: Display + 't>(
    what: &str,
    counts: impl Iterator<Item = (&'t R, &'t u64)>,
) -> Option<String> {
    let counts: Vec<String> = counts.map(|(reason, rows)| format!("{reason} {}", grouped(*rows))).collect();
    (!counts.is_empty()).then(|| format!("{what}: {}", counts.join(", ")))
}

fn targets(page: &mut Page, report: &Report) {
    let Some(Targets { heads, lines }) = targets::of(report) else { return };
    let row = |line: Line| {
        // What was left alone is the last count.
        let left_alone = line.counts.len() > 1 && line.counts.last().is_some_and(|rows| *rows > 0);
        TableRow {
            name: line.name,
            inked: if left_alone { vec![(line.counts.len() - 1, Emphasis::Yellow)] } else { Vec::new() },
            cells: line.counts.into_iter().map(grouped).collect(),
            notes: line.notes,
            ..TableRow::default()
        }
    };
    let rows: Vec<TableRow> = lines.into_iter().map(row).collect();
    page.table("Target rows", heads, &rows);
    for listing in targets::listings(report) {
        page.heading(listing.head);
        for row in &listing.rows {
            page.paragraph("  - ", row);
        }
    }
}

/// What is said of the policies as a whole.
pub(crate) fn policy_lines(summary: &Summary<'_>) -> Vec<String> {
    let report = summary.report;
    let mut lines = Vec::new();
    let (on, off) = report.policies_on_off;
    if on + off > 0 {
        let value = summary.policy_on;
        let (on, off) = (grouped(on), grouped(off));
        lines.push(format!("policies of VBS: {on} ON, {off} OFF (policy_status {value:?} means ON)"));
    }
    if let Some(service) = &report.service {
        let host = service.host.as_deref().unwrap_or("host unknown");
        lines.push(format!("operations run on service {} ({host})", service.id));
        if !service.others.is_empty() {
            let others = service.others.join(", ");
            lines.push(format!("others that could: {others} (setting service_id)"));
        }
    }
    lines
}

/// Whether schedules run as before; where one does not and should, that stands out.
fn schedules(page: &mut Page, report: &ScheduleReport) {
    let ScheduleReport { exact, accepted, different, days, .. } = *report;
    let all = counted(exact + accepted + different, "schedule", "schedules");
    page.paragraph(
        "  ",
        &format!("{} of {all} run at the same instants as before, {days} days from now on", grouped(exact)),
    );
    if accepted > 0 {
        let drift = counted(accepted, "drifts", "drift");
        let emphasis = report.drifts_widely().then_some(Emphasis::Yellow);
        let mark = if report.drifts_widely() { "  ! " } else { "  " };
        let text = format!("{drift} as the conversion accepts; --report FILE.json lists all of them");
        page.inked_paragraph(mark, &text, emphasis);
    }
    if different > 0 {
        let differ = counted(different, "schedule runs", "schedules run");
        let text =
            format!("{differ} at other times than the conversion promises: keep the dumps and report this");
        page.inked_paragraph("  ! ", &text, Some(Emphasis::Red));
    }
}

fn policies(page: &mut Page, summary: &Summary<'_>) {
    let report = summary.report;
    let lines = policy_lines(summary);
    let proved =
        report.schedules.as_ref().filter(|proved| proved.exact + proved.accepted + proved.different > 0);
    if !lines.is_empty() || proved.is_some() {
        page.heading("Policies");
        lines.iter().for_each(|line| page.paragraph("  ", line));
        if let Some(proved) = proved {
            schedules(page, proved);
        }
    }
    if !report.zones.is_empty() {
        let row = |zone: &pipeline::outcome::ZoneUse| TableRow {
            name: zone.zone.clone(),
            cells: vec![grouped(zone.policies)],
            remark: zone.origin.to_string(),
            ..TableRow::default()
        };
        let rows: Vec<TableRow> = report.zones.iter().map(row).collect();
        page.table("Time zones of schedules", &["policies"], &rows);
    }
}

/// What is said of a dump beside its size.
pub(crate) fn dump_notes(dump: &DumpReport) -> Vec<String> {
    let mut notes = Vec::new();
    if dump.rejects {
        notes.push("rows that were set aside and mended".to_owned());
    }
    if dump.progress_reports > 0 {
        let reports = counted(dump.progress_reports, "progress report", "progress reports");
        notes.push(format!("{reports} of gs_dump among the statements, passed over"));
    }
    if !dump.other_tables.is_empty() {
        let tables: Vec<String> = dump
            .other_tables
            .iter()
            .map(|(table, rows)| format!("{table} ({})", counted(*rows, "row", "rows")))
            .collect();
        notes.push(format!("other tables, passed over: {}", tables.join(", ")));
    }
    for (table, columns) in &dump.unknown_columns {
        notes.push(format!("unknown columns of {table}, ignored: {}", columns.join(", ")));
    }
    notes
}

/// What the list of dumps ends with where tables are in none of them.
pub(crate) const ABSENT: &str = "in none of them";

pub(crate) fn dumps(page: &mut Page, dumps: &[DumpReport], losses: &[String]) {
    let row = |dump: &DumpReport| {
        let notes = dump_notes(dump);
        let remark = if dump.name == STDIN { "standard input".to_owned() } else { String::new() };
        TableRow {
            name: dump.name.clone(),
            cells: vec![bytes(dump.bytes)],
            remark,
            notes,
            ..TableRow::default()
        }
    };
    let mut rows: Vec<TableRow> = dumps.iter().map(row).collect();
    if !losses.is_empty() {
        rows.push(TableRow { name: ABSENT.to_owned(), notes: losses.to_vec(), ..TableRow::default() });
    }
    page.table("Dumps", &["text"], &rows);
}

fn warnings(page: &mut Page, summary: &Summary<'_>) {
    let (deferred, carried) = (advice::deferred(summary), advice::carried(summary));
    if summary.report.warnings.is_empty() && deferred.is_none() && carried.is_none() {
        return;
    }
    page.heading("Warnings");
    for warning in summary.report.warnings.iter().chain(&deferred).chain(&carried) {
        page.inked_paragraph("  ! ", warning, Some(Emphasis::Yellow));
    }
}

/// Rows that were set aside; those that made the run fail are told with the error.
fn set_aside(page: &mut Page, report: &Report) {
    let Some(file) = report.rejects_file.as_deref().filter(|_| report.rejected > 0) else { return };
    page.heading("Rows set aside");
    for rejection in &report.rejections {
        page.paragraph("  - ", &rejection.to_string());
    }
    let told = Rejection::rows(&report.rejections);
    if report.rejected > told {
        let more = grouped(report.rejected - told);
        page.paragraph("  - ", &format!("… and {more} more; --outcomes FILE has a line for each"));
    }
    let rows = counted(report.rejected, "row is", "rows are");
    page.paragraph(
        "  ",
        &format!("{rows} in {file}: mend them there, then run again with all dumps plus {file}."),
    );
}

fn cost(page: &mut Page, summary: &Summary<'_>) {
    let report = summary.report;
    page.heading("Time and memory");
    let stages: Vec<String> =
        report.stages.iter().map(|(stage, taken)| format!("{stage} {}", seconds(*taken))).collect();
    let stages = if stages.is_empty() { String::new() } else { format!(" ({})", stages.join(", ")) };
    page.paragraph("  ", &format!("{}{stages}", duration(summary.elapsed)));
    let (rows, done) = match report.ending {
        Ending::Committed => (report.written(), "written"),
        _ => (summary.read(), "read"),
    };
    let rate =
        summary.rows_per_second().map_or_else(String::new, |rate| format!(", {} rows/s", grouped(rate)));
    page.paragraph("  ", &format!("{} {done}{rate}", counted(rows, "row", "rows")));
    if let Some(peak) = summary.peak_memory {
        page.paragraph("  ", &format!("{} of memory at most", bytes(peak)));
    }
}
