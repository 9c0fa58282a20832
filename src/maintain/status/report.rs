//! What a target holds of imports, as text.

use crate::base::number::{counted, grouped};
use crate::import::report::engine;
use crate::maintain::rollback::report::tenants_table;
use crate::ui::page::{Page, TableRow};
use crate::ui::terminal::{Emphasis, TextFormat};
use pipeline::load::ServerFacts;
use pipeline::removal::Origin;
use pipeline::status::Status;
use std::collections::BTreeSet;

/// The status of a target, at most 100 columns wide.
#[must_use]
pub fn text(status: &Status, text_format: TextFormat) -> String {
    let mut page = Page::new(text_format);
    if status.total() == 0 {
        page.heading(&format!("Nothing imported is in {}", status.target));
    } else {
        page.heading(&format!("{} imported in {}", counted(status.total(), "row", "rows"), status.target));
        tables(&mut page, status);
        tenants_table(&mut page, "Tenants", &status.rows);
        copies(&mut page, status);
        policies(&mut page, status);
        engine::tables(&mut page, &status.engine);
    }
    if let Some(server) = &status.server {
        page.heading("Server");
        for line in server_lines(server) {
            page.paragraph("  ", &line);
        }
    }
    page.heading("At work");
    match &status.holder {
        Some(holder) => page.inked_paragraph("  ! ", holder, Some(Emphasis::Yellow)),
        None => page.paragraph("  ", "nobody: no run holds the lock"),
    }
    page.heading("Next");
    for line in next(status) {
        page.paragraph("  - ", &line);
    }
    page.finish()
}

/// What is known of the server.
fn server_lines(server: &ServerFacts) -> [String; 4] {
    let ServerFacts { address, version, compatibility, encoding, widths, login, tls } = server;
    let compatibility =
        compatibility.as_ref().map(|mode| format!(", sql_compatibility {mode}")).unwrap_or_default();
    [
        version.clone(),
        format!("at {address}, {}", if *tls { "inside TLS" } else { "without TLS" }),
        format!("login: {login}"),
        format!("encoding {encoding}, varchar(n) counts {widths}{compatibility}"),
    ]
}

/// What to do next, in the order of urgency.
#[must_use]
pub fn next(status: &Status) -> Vec<String> {
    let mut next = Vec::new();
    if status.holder.is_some() {
        next.push("wait until that is over, then look again".to_owned());
    }
    let unfinished = status.unfinished_copies();
    if unfinished > 0 {
        let copies = counted(unfinished, "copy is", "copies are");
        next.push(format!(
            "{copies} still being made: once VBS is done, dump taskmgr again and run etl sync"
        ));
    }
    next.extend(status.engine.warnings());
    if status.total() == 0 && status.holder.is_none() {
        next.push("etl check, then etl run, with this target".to_owned());
    }
    if status.total() > 0 {
        next.push(
            "if operationengine was not restarted since the import, restart it: it reads triggers only when it starts".to_owned(),
        );
        next.push("etl rollback takes all of it back".to_owned());
    }
    next
}

fn tables(page: &mut Page, status: &Status) {
    let origins: BTreeSet<Origin> = status.rows.iter().map(|rows| rows.origin).collect();
    let origins: Vec<Origin> = origins.into_iter().collect();
    let mut names: Vec<&str> = status.rows.iter().map(|rows| rows.table.as_str()).collect();
    names.dedup();
    let count = |table: &str, origin: Origin| -> u64 {
        let of = status.rows.iter().filter(|rows| rows.table == table && rows.origin == origin);
        of.map(|rows| rows.rows).sum()
    };
    let row = |table: &&str| TableRow {
        name: (*table).to_owned(),
        cells: origins.iter().map(|origin| grouped(count(table, *origin))).collect(),
        ..TableRow::default()
    };
    let rows: Vec<TableRow> = names.iter().map(row).collect();
    let heads: Vec<&str> = origins.iter().map(|origin| origin.name()).collect();
    page.table("Rows", &heads, &rows);
}

fn copies(page: &mut Page, status: &Status) {
    if status.copies.is_empty() {
        return;
    }
    let row = |copies: &pipeline::status::Copies| TableRow {
        name: format!("{} {}", copies.origin, copies.status),
        cells: vec![grouped(copies.rows)],
        ..TableRow::default()
    };
    let rows: Vec<TableRow> = status.copies.iter().map(row).collect();
    page.table("Copies", &["rows"], &rows);
}

fn policies(page: &mut Page, status: &Status) {
    if status.operations.is_empty() {
        return;
    }
    let row = |operations: &pipeline::status::Operations| TableRow {
        name: operations.origin.name().to_owned(),
        cells: vec![grouped(operations.enabled), grouped(operations.disabled)],
        ..TableRow::default()
    };
    let rows: Vec<TableRow> = status.operations.iter().map(row).collect();
    page.table("Scheduled operations", &["enabled", "disabled"], &rows);
    page.paragraph(
        "  ",
        "a policy has one operation for its backups and one for each replication; `etl policies` lists them as ON and OFF",
    );
}
