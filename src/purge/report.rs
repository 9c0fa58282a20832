//! What a purge would delete, and what became of it: as text for whoever has to type a number, and as JSON.

pub mod document;
pub mod subject;

pub use document::Document;

use crate::base::number::{counted, duration, grouped};
use crate::purge::Count;
use crate::purge::engine::Disposition;
use crate::purge::plan::Object;
use crate::purge::report::subject::Purge;
use crate::purge::selection::Kept;
use crate::ui::page::{Page, TableRow};
use crate::ui::terminal::{Emphasis, TextFormat};
use std::collections::BTreeMap;
use std::time::Duration;

/// How many projects, and how many objects with their reasons, the text names.
const LISTED: usize = 20;

/// What is to go and what stays: what the operator sees before anything is deleted.
#[must_use]
pub fn preview(purge: &Purge, text_format: TextFormat) -> String {
    let mut page = Page::new(text_format);
    let heading = if purge.dry_run { "Would be deleted" } else { "To be deleted" };
    if purge.dry_run && !purge.plan.objects.is_empty() {
        page.heading("Objects, in the order in which they would go");
        for object in purge.in_order() {
            page.paragraph("  ", &format!("{} {} of {}", object.kind.name(), object.id, of(purge, object)));
        }
    }
    let projects = purge.projects();
    if projects.is_empty() {
        page.heading("Nothing is there to be deleted");
        stays(&mut page, purge);
        return page.finish();
    }
    let mut rows: Vec<TableRow> =
        projects.iter().take(LISTED).map(|(project, count)| row(named(project), *count)).collect();
    if let Some(rest) = projects.get(LISTED..).filter(|rest| !rest.is_empty()) {
        let mut more = Count::default();
        for (_, count) in rest {
            more.backups += count.backups;
            more.snapshots += count.snapshots;
        }
        rows.push(row(
            &format!("… {} more projects", grouped(u64::try_from(rest.len()).unwrap_or(u64::MAX))),
            more,
        ));
    }
    rows.push(row("all", purge.plan.count()));
    page.table(heading, &["copies", "snapshots"], &rows);
    stays(&mut page, purge);
    page.finish()
}

fn stays(page: &mut Page, purge: &Purge) {
    let kept = kept(purge);
    if !kept.is_empty() {
        page.heading("Not deleted");
        for line in kept {
            page.paragraph("  - ", &line);
        }
    }
}

fn row(name: &str, count: Count) -> TableRow {
    let cells = vec![grouped(count.backups), grouped(count.snapshots)];
    TableRow { name: name.to_owned(), cells, ..TableRow::default() }
}

fn named(project: &str) -> &str {
    if project.is_empty() { "(project not told)" } else { project }
}

fn of(purge: &Purge, object: &Object) -> String {
    match purge.plan.project(object) {
        "" => "a project that is not told".to_owned(),
        project => format!("project {project}"),
    }
}

fn kept(purge: &Purge) -> Vec<String> {
    let Kept { imported, depended_on, other_projects, unknown_project, young, absent } = &purge.kept;
    let target = purge.target.as_deref().unwrap_or("the target");
    let counts = [
        (imported, format!("in {target}: they were imported")),
        (depended_on, "continued by copies that stay".to_owned()),
        (other_projects, "of other projects".to_owned()),
        (unknown_project, "of a project that Cinder does not tell".to_owned()),
        (young, "too young, or of unknown age".to_owned()),
    ];
    let mut lines: Vec<String> = counts
        .into_iter()
        .filter(|(count, _)| count.all() > 0)
        .map(|(count, why)| format!("{}, {why}", both(*count)))
        .collect();
    if purge.named == Some(0) {
        lines.push("the dumps and files name no copy and no snapshot".to_owned());
    }
    if *absent > 0 {
        let earlier = match purge.earlier {
            0 => String::new(),
            earlier => format!(" (earlier runs deleted {}, by the journal)", grouped(earlier)),
        };
        let ids = counted(*absent, "id is", "ids are");
        lines.push(format!("{ids} not in Cinder's lists: gone already, or hidden from this user{earlier}"));
    }
    if purge.unreadable > 0 {
        let rows = counted(purge.unreadable, "row", "rows");
        lines.push(format!("what {rows} of the dumps name, for they cannot be read"));
    }
    lines
}

fn both(count: Count) -> String {
    let copies = || counted(count.backups, "copy", "copies");
    let snapshots = || counted(count.snapshots, "snapshot", "snapshots");
    match (count.backups, count.snapshots) {
        (_, 0) => copies(),
        (0, _) => snapshots(),
        _ => format!("{} and {}", copies(), snapshots()),
    }
}

/// What became of it.
#[must_use]
pub fn result(purge: &Purge, elapsed: Duration, text_format: TextFormat) -> String {
    let mut page = Page::new(text_format);
    let tally = purge.tally();
    let inked = |count: Count| {
        if count.all() > 0 { vec![(0, Emphasis::Red), (1, Emphasis::Red)] } else { Vec::new() }
    };
    let mut rows = vec![row("gone", tally.gone)];
    let others = [
        ("failed", tally.failed),
        ("continued by copies that failed", tally.blocked),
        ("under way", tally.under_way),
        ("not sent", tally.unsent),
    ];
    for (name, count) in others.into_iter().filter(|(name, count)| *name == "failed" || count.all() > 0) {
        rows.push(TableRow { inked: inked(count), ..row(name, count) });
    }
    rows.push(row("all", purge.plan.count()));
    page.table("Deleted", &["copies", "snapshots"], &rows);
    failures(&mut page, purge);
    unsent(&mut page, purge);
    page.heading(&format!("{} in {}", purge.cloud, duration(elapsed)));
    page.finish()
}

fn failures(page: &mut Page, purge: &Purge) {
    let failed = purge.dispositions().filter_map(|(object, disposition)| match disposition {
        Disposition::Failed { tries, reason, request_id } => Some((object, *tries, reason, request_id)),
        _ => None,
    });
    let failed: Vec<_> = failed.collect();
    if failed.is_empty() {
        return;
    }
    page.heading("Failed");
    for (object, tries, reason, request_id) in failed.iter().take(LISTED) {
        let request = request_id.as_ref().map(|id| format!(", request {id}")).unwrap_or_default();
        let tries = counted(u64::from(*tries), "try", "tries");
        let text = format!(
            "{} {} of {}: {reason} ({tries}{request})",
            object.kind.name(),
            object.id,
            of(purge, object)
        );
        page.inked_paragraph("  - ", &text, Some(Emphasis::Red));
    }
    if let Some(rest) = failed.get(LISTED..).filter(|rest| !rest.is_empty()) {
        let rest = grouped(u64::try_from(rest.len()).unwrap_or(u64::MAX));
        page.paragraph("  - ", &format!("… and {rest} more: --report and the journal have them all"));
    }
}

/// Why objects were not deleted that are no failures: something was down, or they waited to be tried again.
fn unsent(page: &mut Page, purge: &Purge) {
    let mut reasons: BTreeMap<&str, Count> = BTreeMap::new();
    for (object, disposition) in purge.dispositions() {
        if let Disposition::Unsent { reason: Some(reason) } = disposition {
            reasons.entry(reason).or_default().add(object.kind);
        }
    }
    if reasons.is_empty() {
        return;
    }
    page.heading("Not sent again");
    let mut reasons: Vec<_> = reasons.into_iter().collect();
    reasons.sort_by_key(|(_, count)| std::cmp::Reverse(count.all()));
    for (reason, count) in reasons.into_iter().take(LISTED) {
        page.paragraph("  - ", &format!("{}: {reason}", both(count)));
    }
}
