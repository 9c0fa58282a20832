//! What is known of one id, as text.

use crate::base::number::{counted, grouped};
use crate::base::text::printable;
use crate::ui::page::Page;
use crate::ui::terminal::TextFormat;
use pipeline::explain::{CopiesInTarget, ExplainedRow, ExplainedSchedule, ExplainedTarget, Explanation};
use pipeline::outcome::Tally;
use pipeline::row_outcomes::FoundRow;

/// The text, no wider than the format says, where words allow.
#[must_use]
pub fn text(explanation: &Explanation, text_format: TextFormat) -> String {
    let mut page = Page::new(text_format);
    page.heading(&printable(&explanation.id));
    rows(&mut page, explanation);
    for schedule in &explanation.schedules {
        self::schedule(&mut page, schedule);
    }
    if let Some(target) = &explanation.target {
        self::target(&mut page, target);
    }
    page.finish()
}

fn rows(page: &mut Page, explanation: &Explanation) {
    let all: u64 = explanation.counted.values().map(|tally| tally.read).sum();
    page.heading(&format!("In the dumps: {}", counted(all, "row has or names it", "rows have or name it")));
    explanation.rows.iter().for_each(|row| self::row(page, row));
    let listed = u64::try_from(explanation.rows.len()).unwrap_or(all);
    if all > listed {
        page.paragraph(
            "  ",
            &format!(
                "… and {} more; `etl check … --outcomes FILE` writes all of them. By table:",
                grouped(all - listed)
            ),
        );
        for (table, tally) in &explanation.counted {
            page.paragraph("  - ", &format!("{table}: {}", counts(tally)));
        }
    }
}

fn counts(tally: &Tally) -> String {
    let mut parts = vec![format!("{} migrated", grouped(tally.migrated))];
    let skipped = tally.skipped.iter().map(|(rule, rows)| format!("{} skipped ({rule})", grouped(*rows)));
    parts.extend(skipped);
    parts.extend(tally.deferred.iter().map(|(rule, rows)| format!("{} deferred ({rule})", grouped(*rows))));
    parts.extend((tally.rejected > 0).then(|| format!("{} rejected", grouped(tally.rejected))));
    parts.join(", ")
}

fn row(page: &mut Page, row: &FoundRow) {
    let key = row.key.as_deref().unwrap_or("(its key cannot be read)");
    let rule = match (&row.rule, row.meaning) {
        (Some(word), Some(meaning)) => format!(" ({word}): {meaning}"),
        (Some(rule), None) => format!(": {rule}"),
        (None, _) => String::new(),
    };
    page.paragraph(
        "  - ",
        &format!(
            "{}: {} {}: {}{}",
            printable(&row.at),
            row.table,
            printable(key),
            row.outcome,
            printable(&rule)
        ),
    );
    for became in &row.target_rows {
        page.paragraph("      → ", &format!("{} {}", became.table, printable(&became.key.join(" "))));
    }
}

fn schedule(page: &mut Page, schedule: &ExplainedSchedule) {
    let ExplainedSchedule { source, name, operation, .. } = schedule;
    page.heading(&format!("Schedule of {} ({source}), {operation}", printable(name)));
    let enabled = match schedule.enabled {
        true => "ON",
        false => "OFF: neither side fires before somebody enables it",
    };
    page.paragraph("  ", &format!("{enabled}; plan {}", printable(&schedule.plan_id)));
    page.paragraph("  ", &format!("operation {}, trigger {}", schedule.operation_id, schedule.trigger_id));
    page.paragraph("  ", &format!("it had: {}; days of {}", schedule.stored, printable(&schedule.zone)));
    page.paragraph("  ", &format!("it has: {}", schedule.pattern.join(" | ")));
    firings(page, "next at the source:", &schedule.before);
    firings(page, "next in Karbor:", &schedule.after);
    page.paragraph("  ", &schedule.verdict);
}

fn firings(page: &mut Page, what: &str, firings: &[String]) {
    page.paragraph("  ", what);
    if firings.is_empty() {
        page.paragraph("    ", "none");
    }
    firings.iter().for_each(|at| page.paragraph("    ", at));
}

fn target(page: &mut Page, target: &ExplainedTarget) {
    page.heading(&format!("In {}", printable(&target.name)));
    if target.rows.is_empty() {
        page.paragraph("  ", "no row of its own");
    }
    target.rows.iter().for_each(|row| target_row(page, row));
    for CopiesInTarget { made_by, status, copies, newest } in &target.copies {
        let newest = newest.as_deref().map_or_else(String::new, |at| format!(", the newest of {at}"));
        let made = if *made_by == "Karbor" { "made by Karbor" } else { "imported from" };
        let by = if *made_by == "Karbor" { String::new() } else { format!(" {made_by}") };
        let copies = counted(*copies, "copy", "copies");
        page.paragraph("  - ", &format!("{copies} {made}{by}, {}{newest}", printable(status)));
    }
}

fn target_row(page: &mut Page, row: &ExplainedRow) {
    page.paragraph("  - ", &format!("{} {}: {}", row.table, printable(&row.key), row.said));
    let times = [("made", &row.created_at), ("changed", &row.updated_at), ("deleted", &row.deleted_at)];
    let times: Vec<String> =
        times.iter().filter_map(|(what, at)| at.as_deref().map(|at| format!("{what} {at}"))).collect();
    if !times.is_empty() {
        page.paragraph("      ", &times.join(", "));
    }
    for value in &row.values {
        let target = value.target.as_deref().unwrap_or("NULL");
        let said = match &value.dumps {
            Some(dumps) => format!("{}: {:?} in the dumps, {target:?} in Karbor", value.column, dumps),
            None => format!("{}: {target:?}", value.column),
        };
        page.paragraph("      ", &printable(&said));
    }
    if let Some(fires) = &row.fires {
        page.paragraph("      ", fires);
    }
}
