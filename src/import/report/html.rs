//! The report as a page for people: one file that loads nothing, for a screen, a telephone and a printer.
//!
//! Here the facts are put in words and in order; the page's form is `html/page.html`, its look `html/style.css`. Every text
//! goes through the template engine's escaping; only the pictures, which hold no text from a dump, are put in as they
//! are. The page is also XML, so that a parser can tell whether it is whole.

pub mod schedules;
pub mod verified;

use crate::base::exit::Exit;
use crate::base::number::{bytes, counted, duration, grouped, seconds};
use crate::base::text::printable;
use crate::import::error::RejectedRows;
use crate::import::report::file::Ended;
use crate::import::report::targets::Listing;
use crate::import::report::{Errand, Summary, advice, picture, text};
use askama::Template;
use chrono::DateTime;
use parsers::input::STDIN;
use pipeline::outcome::{CopyReport, Ending, Rejection, Report, Tally};
use schedules::{Schedules, schedules};
use std::time::Duration;
use verified::Verified;
pub(crate) use verified::page as verification;

/// Warnings, rows and names that a page holds of one kind; the JSON report has them all.
const LISTED: usize = 100;

/// The page of a run.
///
/// # Errors
/// The template engine's.
pub(crate) fn page(ended: &Ended<'_>) -> Result<String, askama::Error> {
    Page::of(ended).render()
}

/// What the page says.
#[derive(Template)]
#[template(path = "page.html", config = "src/import/report/html/askama.toml")]
struct Page {
    title: String,
    mood: Mood,
    command: &'static str,
    finished: String,
    exit_code: u8,
    version: &'static str,
    failure: Option<Failure>,
    next: Option<String>,
    tiles: Vec<Cell>,
    warnings: Vec<String>,
    rows: Option<Rows>,
    rejections: Option<Rejections>,
    verified: Option<Verified>,
    schedules: Option<Schedules>,
    copies: Option<Copies>,
    policies: Option<Policies>,
    targets: Option<Targets>,
    /// Rows of the target that are not as the dumps have them.
    target_rows: Vec<Listing>,
    customers: Vec<String>,
    cost: Cost,
    dumps: Vec<Dump>,
}

/// How something is to be taken; the names are those of the style sheet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    Plain,
    Zero,
    Good,
    Wait,
    Warn,
    Skip,
    Bad,
    Heat(u8),
}

impl std::fmt::Display for Mood {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = match self {
            Self::Plain => "plain",
            Self::Zero => "zero",
            Self::Good => "good",
            Self::Wait => "wait",
            Self::Warn => "warn",
            Self::Skip => "skip",
            Self::Bad => "bad",
            Self::Heat(level) => return write!(f, "heat{level}"),
        };
        f.write_str(name)
    }
}

impl askama::filters::HtmlSafe for Mood {}

struct Failure {
    message: String,
    remedy: Option<String>,
}

/// A value with its name, or alone in a table.
struct Cell {
    name: String,
    value: String,
    note: Option<String>,
    mood: Mood,
}

struct Rows {
    picture: String,
    legend: Vec<Cell>,
    tables: Vec<SourceTable>,
}

struct SourceTable {
    name: String,
    total: bool,
    cells: Vec<Cell>,
    reasons: Vec<String>,
}

struct Rejections {
    what: String,
    lines: Vec<String>,
    more: Option<String>,
}

struct Copies {
    months: String,
    statuses: Vec<SourceTable>,
    tenants: Vec<Tenant>,
}

struct Tenant {
    name: String,
    copies: String,
    size: String,
    share: u64,
}

struct Policies {
    lines: Vec<String>,
    zones: Vec<Zone>,
}

struct Zone {
    name: String,
    policies: String,
    origin: String,
}

/// What became of the target's tables.
struct Targets {
    heads: &'static [&'static str],
    lines: Vec<Line>,
}

struct Line {
    name: String,
    cells: Vec<String>,
    notes: Vec<String>,
    total: bool,
}

struct Cost {
    lines: Vec<String>,
    stages: Option<String>,
}

struct Dump {
    name: String,
    size: String,
    notes: Vec<String>,
}

impl Cell {
    fn new(name: impl Into<String>, value: impl Into<String>, mood: Mood) -> Self {
        Self { name: name.into(), value: value.into(), note: None, mood }
    }

    /// A number in a table: none is said quietly, and only some has the mood.
    fn number(number: u64, mood: Mood) -> Self {
        Self::new("", grouped(number), if number == 0 { Mood::Zero } else { mood })
    }
}

/// Text from anywhere as it may stand in a page: escaping is the template's affair, control characters are none of XML's.
fn shown(text: &str) -> String {
    let text = printable(text);
    // Characters that no XML may hold, in whatever form.
    text.chars().map(|c| if matches!(c, '\u{fffe}' | '\u{ffff}') { '\u{fffd}' } else { c }).collect()
}

impl Page {
    fn of(ended: &Ended<'_>) -> Self {
        let finished = DateTime::from_timestamp(ended.finished, 0).unwrap_or_default();
        let mut page = Self {
            title: "Failed: nothing was written".to_owned(),
            mood: match ended.exit {
                Exit::Done => Mood::Good,
                Exit::Incomplete => Mood::Warn,
                _ => Mood::Bad,
            },
            command: ended.command,
            finished: finished.format("%Y-%m-%d %H:%M UTC").to_string(),
            exit_code: ended.exit.code(),
            version: env!("CARGO_PKG_VERSION"),
            // Rejected rows are told by title and next step, and in a section of their own.
            failure: ended.error.filter(|error| error.downcast_ref::<RejectedRows>().is_none()).map(
                |error| Failure {
                    message: shown(&error.to_string()),
                    remedy: error.remedy().map(|remedy| shown(&remedy)),
                },
            ),
            next: None,
            tiles: Vec::new(),
            warnings: Vec::new(),
            rows: None,
            rejections: None,
            verified: None,
            schedules: None,
            copies: None,
            policies: None,
            targets: None,
            target_rows: Vec::new(),
            customers: Vec::new(),
            cost: Cost { lines: Vec::new(), stages: None },
            dumps: Vec::new(),
        };
        if ended.exit == Exit::Unknown {
            "It is not known whether anything was written".clone_into(&mut page.title);
        }
        match ended.summary {
            Some(summary) => page.tell(&summary),
            None => {
                let elapsed = Duration::try_from_secs_f64(ended.seconds).unwrap_or_default();
                page.cost.lines.push(format!("It took {}.", duration(elapsed)));
            }
        }
        if let Some(peak) = ended.peak_memory {
            page.tiles.push(Cell::new("Peak memory", bytes(peak), Mood::Plain));
        }
        page
    }

    fn tell(&mut self, summary: &Summary<'_>) {
        let report = summary.report;
        self.title = shown(&text::title(summary));
        self.next = Some(shown(&advice::next(summary)));
        let mut all = Tally::default();
        report.sources.iter().for_each(|(_, tally)| all.add(tally));
        self.tiles = tiles(&all, summary);
        let warnings = report.warnings.iter().cloned().chain(advice::deferred(summary));
        self.warnings = warnings.take(LISTED).map(|warning| shown(&warning)).collect();
        self.rows = Some(rows(report, &all));
        self.rejections = (report.rejected > 0).then(|| rejections(report));
        self.schedules =
            report.schedules.as_ref().filter(|s| s.exact + s.accepted + s.different > 0).map(schedules);
        self.copies = (!report.copies.statuses.is_empty()).then(|| copies(&report.copies));
        self.policies = policies(summary);
        self.targets = crate::import::report::targets::of(report).map(targets);
        let listing = |listing: Listing| Listing {
            rows: listing.rows.iter().map(|row| shown(row)).collect(),
            ..listing
        };
        self.target_rows =
            crate::import::report::targets::listings(report).into_iter().map(listing).collect();
        if report.ending != Ending::Refused {
            self.customers = advice::for_customers(summary);
        }
        self.cost = cost(summary);
        self.dumps = report
            .dumps
            .iter()
            .map(|dump| Dump {
                name: if dump.name == STDIN { "standard input".to_owned() } else { shown(&dump.name) },
                size: bytes(dump.bytes),
                notes: text::dump_notes(dump).iter().map(|note| shown(note)).collect(),
            })
            .collect();
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
        Cell::new("Waiting", grouped(all.all_deferred()), calm(all.all_deferred(), Mood::Wait)),
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
        ("waiting for a later run", all.all_deferred(), picture::WAIT, Mood::Wait),
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
    let what = match summary.errand {
        Errand::Run => "The run",
        Errand::Check { .. } => "The check",
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
