//! What a rollback deletes or deleted, as text and for the report file.

use crate::base::number::{counted, grouped};
use crate::import::report::advice::load_script;
use crate::ui::page::{Page, TableRow};
use crate::ui::terminal::{Emphasis, TextFormat};
use pipeline::load::spec::Spec;
use pipeline::removal::request::{OnDependents, Scope};
use pipeline::removal::{Changes, Dependents, Ending, Origin, Preview, Rows};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

/// The most tenants that are listed; the report file has all.
const TENANTS: usize = 20;

/// A rollback, for both forms of its report.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Rollback<'r> {
    /// How it ended; nothing yet while the operator is asked.
    pub ending: Option<Ending>,
    /// The target, without secrets.
    pub target: &'r str,
    /// What goes.
    #[serde(flatten)]
    pub preview: &'r Preview,
}

/// All that is known of a rollback, at most 100 columns wide.
#[must_use]
pub fn text(rollback: &Rollback<'_>, text_format: TextFormat) -> String {
    let Rollback { ending, preview, .. } = rollback;
    let mut page = Page::new(text_format);
    page.heading(&title(rollback));
    if preview.total() > 0 {
        rows(&mut page, preview, if *ending == Some(Ending::RolledBack) { "deleted" } else { "to go" });
        tenants(&mut page, &preview.rows);
    }
    changes(&mut page, &preview.changes);
    dependents(&mut page, &preview.dependents, preview.request.dependents);
    stays(&mut page, preview);
    if let Some(next) = next(rollback) {
        page.heading(&format!("Next: {next}"));
    }
    page.finish()
}

/// How a rollback ended whose rows were shown before.
#[must_use]
pub fn ending(rollback: &Rollback<'_>, text_format: TextFormat) -> String {
    let mut page = Page::new(text_format);
    page.heading(&title(rollback));
    if let Some(next) = next(rollback) {
        page.heading(&format!("Next: {next}"));
    }
    page.finish()
}

/// What is told of a script that was written.
#[must_use]
pub fn script(path: &Path, text_format: TextFormat) -> String {
    let mut page = Page::new(text_format);
    page.heading(&format!("A script that rolls back is in {}; nothing was deleted yet", path.display()));
    page.heading(&format!("Next: {}", load_script(path)));
    page.finish()
}

fn whose(scope: Scope) -> &'static str {
    match scope {
        Scope::All => "VBS or DPS",
        Scope::Of(pipeline::karbor::Source::Vbs) => "VBS",
        Scope::Of(pipeline::karbor::Source::Dps) => "DPS",
    }
}

fn title(rollback: &Rollback<'_>) -> String {
    let Rollback { ending, target, preview } = rollback;
    let total = counted(preview.total(), "row", "rows");
    match ending {
        Some(Ending::RolledBack) => format!("Rolled back: {total} deleted from {target}"),
        Some(Ending::Nothing) => {
            format!(
                "Nothing imported from {} is in {target}: nothing was deleted",
                whose(preview.request.scope)
            )
        }
        Some(Ending::Refused) => format!("Not rolled back: nothing was deleted from {target}"),
        Some(Ending::Shown) => format!("{total} would be deleted from {target}: nothing was deleted"),
        None => format!("{total} will be deleted from {target}"),
    }
}

fn next(rollback: &Rollback<'_>) -> Option<String> {
    match rollback.ending? {
        Ending::RolledBack => Some(
            "restart operationengine on every Karbor node: systemctl restart karbor-operationengine"
                .to_owned(),
        ),
        Ending::Shown if rollback.preview.refused() => Some(
            "add --with-dependents or --keep-edited, or delete in Karbor what depends on imported rows"
                .to_owned(),
        ),
        Ending::Shown if rollback.preview.total() > 0 => {
            Some("the same command without --dry-run".to_owned())
        }
        Ending::Shown | Ending::Nothing | Ending::Refused => None,
    }
}

fn rows(page: &mut Page, preview: &Preview, head: &str) {
    let mut tables: Vec<(&str, BTreeMap<Origin, u64>)> = Vec::new();
    for Rows { table, origin, rows, .. } in &preview.rows {
        if tables.last().is_none_or(|(last, _)| last != table) {
            tables.push((table, BTreeMap::new()));
        }
        if let Some((_, origins)) = tables.last_mut() {
            *origins.entry(*origin).or_default() += rows;
        }
    }
    let row = |name: &str, rows: u64, remark: String| TableRow {
        name: name.to_owned(),
        cells: vec![grouped(rows)],
        remark,
        ..TableRow::default()
    };
    let mut out: Vec<TableRow> = tables
        .iter()
        .map(|(table, origins)| {
            let parts: Vec<_> =
                origins.iter().map(|(origin, rows)| format!("{origin} {}", grouped(*rows))).collect();
            row(table, origins.values().sum(), parts.join(", "))
        })
        .collect();
    out.push(row("all", preview.total(), String::new()));
    let beside = preview.beside.iter().filter(|beside| beside.rows > 0);
    out.extend(beside.map(|beside| row(beside.table, beside.rows, "with them".to_owned())));
    page.table("Rows", &[head], &out);
}

fn tenants(page: &mut Page, rows: &[Rows]) {
    tenants_table(page, "Tenants", rows);
}

/// Rows by tenant: policies and copies, those with the most rows first.
pub(crate) fn tenants_table(page: &mut Page, heading: &str, rows: &[Rows]) {
    let mut tenants: BTreeMap<&str, u64> = BTreeMap::new();
    for Rows { tenant, rows, .. } in rows {
        *tenants.entry(tenant).or_default() += rows;
    }
    let mut sorted: Vec<_> = tenants.into_iter().collect();
    sorted.sort_by_key(|(tenant, rows)| (std::cmp::Reverse(*rows), *tenant));
    let row = |(tenant, rows): &(&str, u64)| TableRow {
        name: if tenant.is_empty() { "(none)".to_owned() } else { (*tenant).to_owned() },
        cells: vec![grouped(*rows)],
        ..TableRow::default()
    };
    let mut out: Vec<TableRow> = sorted.iter().take(TENANTS).map(row).collect();
    let rest = sorted.get(TENANTS..).unwrap_or_default();
    if !rest.is_empty() {
        let name = format!("… and {} more", grouped(u64::try_from(rest.len()).unwrap_or(u64::MAX)));
        let cells = vec![grouped(rest.iter().map(|(_, rows)| rows).sum())];
        out.push(TableRow { name, cells, ..TableRow::default() });
    }
    page.table(heading, &["rows"], &out);
}

fn changes(page: &mut Page, changes: &Changes) {
    if changes.counted.is_empty() {
        if !changes.exact {
            page.heading("Changed or used in Karbor since the import");
            page.paragraph(
                "  ",
                "No signs of it. Renamed plans, disabled operations and other edited values were not looked for: name the dumps to see \
                 them.",
            );
        }
        return;
    }
    page.heading("Changed or used in Karbor since the import");
    for change in &changes.counted {
        let rows = counted(change.rows, "row", "rows");
        let ids =
            changes.listed.iter().filter(|row| (&row.table, row.change) == (&change.table, change.change));
        let ids: Vec<&str> = ids.map(|row| row.id.as_str()).take(3).collect();
        let more = u64::try_from(ids.len()).unwrap_or(u64::MAX) < change.rows;
        let listed = match (ids.is_empty(), more) {
            (true, _) => String::new(),
            (false, true) => format!(": {}, …", ids.join(", ")),
            (false, false) => format!(": {}", ids.join(", ")),
        };
        page.paragraph(
            "  - ",
            &format!("{}: {rows} {}{listed}", change.table, change.change.words(change.rows)),
        );
    }
    let how = if changes.exact {
        "Found by comparing the rows with the dumps."
    } else {
        "These are signs. Renamed plans, disabled operations and other edited values were not looked for: name the dumps to see them."
    };
    page.paragraph("  ", how);
}

fn dependents(page: &mut Page, dependents: &Dependents, request: OnDependents) {
    if dependents.total() == 0 {
        return;
    }
    let become_of = match request {
        OnDependents::Refuse => "they keep anything from being deleted",
        OnDependents::Take => "they go too",
        OnDependents::KeepFamilies => "they stay, with the families that they depend on",
    };
    page.heading(&format!("Rows of Karbor's own that depend on imported ones: {become_of}"));
    for row in &dependents.listed {
        let plan = row.plan.as_deref().map(|plan| format!(" of plan {plan}")).unwrap_or_default();
        page.inked_paragraph(
            "  ! ",
            &format!("{} {} {:?}{plan}", row.table, row.id, row.name),
            Some(Emphasis::Yellow),
        );
    }
    let listed = u64::try_from(dependents.listed.len()).unwrap_or(u64::MAX);
    if dependents.total() > listed {
        page.paragraph("  ", &format!("… and {} more", grouped(dependents.total() - listed)));
    }
}

/// What is left although it may look as if it went.
fn stays(page: &mut Page, preview: &Preview) {
    let mut lines = Vec::new();
    for (table, rows) in &preview.kept {
        lines.push(format!("{table}: {} of families that are left alone", counted(*rows, "row", "rows")));
    }
    if preview.copies_made > 0 {
        let copies = counted(preview.copies_made, "copy", "copies");
        lines.push(format!("{copies} that Karbor itself made by plans that go: never deleted here"));
    }
    for (table, rows) in &preview.untold {
        let rows = counted(*rows, "row", "rows");
        lines.push(format!(
            "{table}: {rows} imported, but from VBS or DPS? Nothing tells any more: --source all deletes them"
        ));
    }
    if lines.is_empty() {
        return;
    }
    page.heading("What stays");
    for line in lines {
        page.paragraph("  - ", &line);
    }
}

/// The question that has to be answered before anything is deleted.
#[must_use]
pub fn question(rollback: &Rollback<'_>, spec: &Spec) -> String {
    let rows = counted(rollback.preview.total(), "row", "rows");
    let kind = if matches!(spec, Spec::Postgres(_)) { "database" } else { "file" };
    format!("Delete {rows} from the {kind} {}?", rollback.target)
}
