//! What a verification found, as a page.

use crate::base::number::{bytes, counted, duration, grouped};
use crate::import::report::html::page::{
    Cell, Cost, Dump, LISTED, Mood, Page, Rejections, SourceTable, shown,
};
use crate::import::report::html::page::{Column, Findings, Found, Verified};
use crate::import::report::html::schedules;
use crate::import::report::summary::Ended;
use crate::import::report::text;
use crate::import::verify::report as verify;
use askama::Template as _;
use parsers::input::STDIN;
use pipeline::verify::{Finding, Report, TableReport};
use std::time::Duration;

/// The page of a verification that came to its end.
///
/// # Errors
/// The template engine's.
pub(crate) fn page(ended: &Ended<'_>, report: &Report) -> Result<String, askama::Error> {
    let mut page = Page::of(ended);
    let calm = |number: u64, mood| if number == 0 { Mood::Plain } else { mood };
    let sum = |of: &dyn Fn(&TableReport) -> u64| report.tables.iter().map(of).sum::<u64>();
    let differences = sum(&TableReport::differences);
    let changed = sum(&TableReport::all_changed);
    let elapsed = Duration::try_from_secs_f64(ended.seconds).unwrap_or_default();
    page.title = shown(&verify::title(report));
    page.next = Some(verify::next(report).to_owned());
    page.tiles = vec![
        Cell::new("Equal", grouped(sum(&|table| table.equal)), Mood::Plain),
        Cell::new("Different, missing, extra", grouped(differences), calm(differences, Mood::Bad)),
        Cell::new("Changed by Karbor since", grouped(changed), calm(changed, Mood::Wait)),
        Cell::new("Time", duration(elapsed), Mood::Plain),
    ];
    page.rejections = (report.rejected > 0).then(|| rejections(report));
    page.verified = Some(verified(report));
    let proved = &report.schedules;
    page.schedules =
        (proved.exact + proved.accepted + proved.different > 0).then(|| schedules::schedules(proved));
    let mut lines = vec![format!("The verification took {}.", duration(elapsed))];
    lines.extend(ended.peak_memory.map(|peak| format!("It held {} of memory at most.", bytes(peak))));
    page.cost = Cost { lines, stages: None };
    page.dumps = report
        .dumps
        .iter()
        .map(|dump| Dump {
            name: if dump.name == STDIN { "standard input".to_owned() } else { shown(&dump.name) },
            size: bytes(dump.bytes),
            notes: text::dump_notes(dump).iter().map(|note| shown(note)).collect(),
        })
        .collect();
    page.render()
}

fn verified(report: &Report) -> Verified {
    let all = verify::total(report);
    let table = |table: &TableReport, total| SourceTable {
        name: shown(&table.table),
        total,
        cells: vec![
            Cell::number(table.equal, Mood::Plain),
            Cell::number(table.missing, Mood::Bad),
            Cell::number(table.extra, Mood::Bad),
            Cell::number(table.different, Mood::Bad),
            Cell::number(table.all_changed(), Mood::Wait),
        ],
        reasons: if total { Vec::new() } else { verify::notes(table) },
    };
    let tables = report.tables.iter().map(|one| table(one, false)).chain([table(&all, true)]).collect();
    let differing = report.tables.iter().map(|table| {
        findings(format!("Differences in {}", table.table), &table.differing, table.differences())
    });
    let changed = report.tables.iter().map(|table| {
        let heading = format!("Changed by Karbor since, in {}", table.table);
        findings(heading, &table.changed_rows, table.all_changed())
    });
    Verified { tables, findings: differing.chain(changed).flatten().collect() }
}

fn findings(heading: String, listed: &[Finding], all: u64) -> Option<Findings> {
    let value = |value: &Option<String>| value.as_deref().map_or_else(|| "NULL".to_owned(), shown);
    let rows = listed.iter().take(LISTED).map(|finding| Found {
        key: shown(&finding.key.join(" ")),
        what: finding.what.word(),
        columns: finding
            .columns
            .iter()
            .map(|column| Column {
                name: shown(&column.column),
                dumps: value(&column.dumps),
                target: value(&column.target),
            })
            .collect(),
    });
    let rows: Vec<Found> = rows.collect();
    let more = all.saturating_sub(u64::try_from(rows.len()).unwrap_or(u64::MAX));
    let more = (more > 0).then(|| format!("… and {} more", grouped(more)));
    (!rows.is_empty()).then(|| Findings { heading: shown(&heading), rows, more })
}

fn rejections(report: &Report) -> Rejections {
    let listed = u64::try_from(report.rejections.len()).unwrap_or(u64::MAX);
    let more = report.rejected.saturating_sub(listed);
    Rejections {
        what: format!(
            "{}, and so cannot be compared.",
            counted(report.rejected, "row of the dumps breaks a rule", "rows of the dumps break rules")
        ),
        lines: report.rejections.iter().map(|rejection| shown(&rejection.to_string())).collect(),
        more: (more > 0).then(|| format!("… and {} more", grouped(more))),
    }
}
