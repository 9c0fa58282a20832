//! The report as a page for people: one file that loads nothing, for a screen, a telephone and a printer.
//!
//! Here the facts are put in words and in order; the page's form is `html/page.html`, its look `html/style.css`. Every text
//! goes through the template engine's escaping; only the pictures, which hold no text from a dump, are put in as they
//! are. The page is also XML, so that a parser can tell whether it is whole.

pub mod page;
pub mod schedules;
pub mod verified;

use crate::base::number::{bytes, counted, duration, grouped, seconds};
use crate::import::report::html::page::{
    Cell, Copies, Cost, Dump, LISTED, Line, Mood, Page, Policies, Rejections, Rows, SourceTable, Targets,
    Tenant, Zone, shown,
};
use crate::import::report::summary::Ended;
use crate::import::report::summary::{CommandKind, Summary};
use crate::import::report::targets::Listing;
use crate::import::report::{advice, picture, text};
use askama::Template;
use parsers::input::STDIN;
use pipeline::engine::policies_without_trust;
use pipeline::outcome::{CopyReport, Ending, Rejection, Report, Tally};
use schedules::schedules;
use std::time::Duration;
pub(crate) use verified::page as verification;

/// The page of a run.
///
/// # Errors
/// The template engine's.
pub(crate) fn page(ended: &Ended<'_>) -> Result<String, askama::Error> {
    let mut page = Page::of(ended);
    match ended.summary {
        Some(summary) => fill(&mut page, &summary),
        None => {
            let elapsed = Duration::try_from_secs_f64(ended.seconds).unwrap_or_default();
            page.cost.lines.push(format!("It took {}.", duration(elapsed)));
        }
    }
    if let Some(peak) = ended.peak_memory {
        page.tiles.push(Cell::new("Peak memory", bytes(peak), Mood::Plain));
    }
    page.render()
}

fn fill(page: &mut Page, summary: &Summary<'_>) {
    let report = summary.report;
    page.title = shown(&text::title(summary));
    page.next = Some(shown(&advice::next(summary)));
    let trusts = policies_without_trust(report.policies_without_trust);
    page.trusts = trusts.as_deref().filter(|_| report.ending != Ending::Refused).map(shown);
    let mut all = Tally::default();
    report.sources.iter().for_each(|(_, tally)| all.add(tally));
    page.tiles = tiles(&all, summary);
    // What the first card says is not said again.
    let warnings =
        report.warnings.iter().filter(|warning| page.trusts.is_none() || trusts.as_ref() != Some(*warning));
    let warnings = warnings.cloned().chain(advice::deferred(summary));
    page.warnings = warnings.take(LISTED).map(|warning| shown(&warning)).collect();
    page.rows = Some(rows(report, &all));
    page.rejections = (report.rejected > 0).then(|| rejections(report));
    page.schedules =
        report.schedules.as_ref().filter(|s| s.exact + s.accepted + s.different > 0).map(schedules);
    page.copies = (!report.copies.statuses.is_empty()).then(|| copies(&report.copies));
    page.policies = policies(summary);
    page.targets = crate::import::report::targets::of(report).map(targets);
    let listing =
        |listing: Listing| Listing { rows: listing.rows.iter().map(|row| shown(row)).collect(), ..listing };
    page.target_rows = crate::import::report::targets::listings(report).into_iter().map(listing).collect();
    if report.ending != Ending::Refused {
        page.customers = advice::for_customers(summary);
    }
    page.cost = cost(summary);
    page.dumps = report
        .dumps
        .iter()
        .map(|dump| Dump {
            name: if dump.name == STDIN { "standard input".to_owned() } else { shown(&dump.name) },
            size: bytes(dump.bytes),
            notes: text::dump_notes(dump).iter().map(|note| shown(note)).collect(),
        })
        .collect();
    if !report.losses.is_empty() {
        let notes = report.losses.clone();
        page.dumps.push(Dump { name: text::ABSENT.to_owned(), size: String::new(), notes });
    }
}

fn targets(targets: crate::import::report::targets::Targets) -> Targets {
    let line = |line: crate::import::report::targets::Line| Line {
        name: shown(&line.name),
        cells: line.counts.into_iter().map(grouped).collect(),
        notes: line.notes,
        total: line.total,
    };
    Targets { heads: targets.heads, lines: targets.lines.into_iter().map(line).collect() }
}

fn tiles(all: &Tally, summary: &Summary<'_>) -> Vec<Cell> {
    let calm = |number: u64, mood| if number == 0 { Mood::Plain } else { mood };
    let mut tiles = vec![
        Cell::new("Rows read", grouped(all.read), Mood::Plain),
        Cell::new("Migrated", grouped(all.migrated), Mood::Plain),
        Cell::new("Skipped", grouped(all.all_skipped()), Mood::Plain),
        Cell::new("Deferred", grouped(all.all_deferred()), calm(all.all_deferred(), Mood::Wait)),
        Cell::new("Rejected", grouped(all.rejected), calm(all.rejected, Mood::Bad)),
        Cell::new("Time", duration(summary.elapsed), Mood::Plain),
    ];
    if let (Some(time), Some(rate)) = (tiles.last_mut(), summary.rows_per_second()) {
        time.note = Some(format!("{} rows/s", grouped(rate)));
    }
    tiles
}

fn rows(report: &Report, all: &Tally) -> Rows {
    let shares = [
        ("migrated", all.migrated, picture::GOOD, Mood::Good),
        ("skipped by a rule", all.all_skipped(), picture::SKIP, Mood::Skip),
        ("deferred to a later run", all.all_deferred(), picture::WAIT, Mood::Wait),
        ("rejected", all.rejected, picture::BAD, Mood::Bad),
    ];
    let counts: Vec<_> = shares.iter().map(|(_, count, colour, _)| (*count, *colour)).collect();
    let legend = shares.iter().filter(|(_, count, ..)| *count > 0);
    let table = |name: &str, tally: &Tally, total| SourceTable {
        name: name.to_owned(),
        total,
        cells: vec![
            Cell::number(tally.read, Mood::Plain),
            Cell::number(tally.migrated, Mood::Plain),
            Cell::number(tally.all_skipped(), Mood::Plain),
            Cell::number(tally.all_deferred(), Mood::Wait),
            Cell::number(tally.rejected, Mood::Bad),
        ],
        reasons: if total { Vec::new() } else { text::table_notes(name, tally, report) },
    };
    let tables = report.sources.iter().map(|(name, tally)| table(name, tally, false));
    Rows {
        picture: picture::parts(&counts, "Shares of the outcomes of all rows"),
        legend: legend.map(|(name, count, _, mood)| Cell::new(*name, grouped(*count), *mood)).collect(),
        tables: tables.chain([table("all", all, true)]).collect(),
    }
}

fn rejections(report: &Report) -> Rejections {
    let rows = counted(report.rejected, "row breaks a rule", "rows break rules");
    let what = match report.rejects_file.as_deref() {
        Some(file) => {
            let file = shown(file);
            format!(
                "{rows}. They are set aside in {file}: mend them there, then run again with all dumps plus {file}."
            )
        }
        None => format!(
            "{rows}. Nothing is written while there is one, unless they are set aside with --rejects FILE."
        ),
    };
    let more = report.rejected.saturating_sub(Rejection::rows(&report.rejections));
    Rejections {
        what,
        lines: report.rejections.iter().map(|rejection| shown(&rejection.to_string())).collect(),
        more: (more > 0).then(|| format!("… and {} more", grouped(more))),
    }
}

fn copies(report: &CopyReport) -> Copies {
    let statuses = report.statuses.iter().map(|status| SourceTable {
        name: status.status.to_owned(),
        total: false,
        cells: vec![Cell::number(status.migrated, Mood::Plain), Cell::number(status.deferred, Mood::Wait)],
        reasons: Vec::new(),
    });
    let most = report
        .tenants
        .iter()
        .map(|tenant| tenant.copies)
        .chain([report.other_tenants_copies])
        .max()
        .unwrap_or(0);
    let tenant = |name: String, copies: u64, gigabytes: u64| Tenant {
        name,
        copies: grouped(copies),
        size: bytes(gigabytes.saturating_mul(1 << 30)),
        share: copies.saturating_mul(100).checked_div(most).unwrap_or(0),
    };
    let named = report.tenants.iter().map(|one| {
        let name = if one.project_id.is_empty() { "(none)".to_owned() } else { shown(&one.project_id) };
        tenant(name, one.copies, one.gigabytes)
    });
    let others = (report.other_tenants_copies > 0).then(|| {
        tenant("all others".to_owned(), report.other_tenants_copies, report.other_tenants_gigabytes)
    });
    Copies {
        months: picture::months(&report.months),
        statuses: statuses.collect(),
        tenants: named.chain(others).collect(),
    }
}

fn policies(summary: &Summary<'_>) -> Option<Policies> {
    let report = summary.report;
    let lines: Vec<String> = text::policy_lines(summary).iter().map(|line| shown(line)).collect();
    let zones = report.zones.iter().map(|zone| Zone {
        name: shown(&zone.zone),
        policies: grouped(zone.policies),
        origin: zone.origin.to_string(),
    });
    let zones: Vec<Zone> = zones.collect();
    (!lines.is_empty() || !zones.is_empty()).then_some(Policies { lines, zones })
}

fn cost(summary: &Summary<'_>) -> Cost {
    let report = summary.report;
    let what = match summary.command_kind {
        CommandKind::Run => "The run",
        CommandKind::Check { .. } => "The check",
    };
    let (rows, done) = match report.ending {
        Ending::Committed => (report.written(), "written"),
        _ => (summary.read(), "read"),
    };
    let rate =
        summary.rows_per_second().map_or_else(String::new, |rate| format!(", {} each second", grouped(rate)));
    let rows = counted(rows, "row", "rows");
    let mut lines = vec![format!("{what} took {}; {rows} {done}{rate}.", duration(summary.elapsed))];
    if let Some(peak) = summary.peak_memory {
        lines.push(format!("It held {} of memory at most.", bytes(peak)));
    }
    let stages: Vec<_> =
        report.stages.iter().map(|(stage, taken)| (*stage, *taken, seconds(*taken))).collect();
    Cost { lines, stages: (!stages.is_empty()).then(|| picture::stages(&stages)) }
}
