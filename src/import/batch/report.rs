//! The summary of `etl batch`, as text and as JSON: one line for each site, and what is to be known of it.

use crate::base::error::Error;
use crate::base::exit::Exit;
use crate::base::number::{bytes, counted, duration, grouped};
use crate::import::batch::journal::Dump;
use crate::import::report::json::{Failure, SCHEMA_VERSION};
use crate::ui::page::{Page, TableRow};
use crate::ui::terminal::{Emphasis, TextFormat};
use pipeline::outcome::{Ending, Report, TargetRow};
use serde::Serialize;
use std::path::Path;
use std::time::Duration;

/// What became of a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Loaded and committed.
    Loaded,
    /// Passed over: it is committed and nothing changed since.
    Unchanged,
    /// It failed, and nothing was written.
    Failed,
    /// COMMIT was sent, and its outcome is not known.
    Unknown,
    /// Not begun, because of what came before.
    NotBegun,
}

impl State {
    fn words(self) -> &'static str {
        match self {
            Self::Loaded => "loaded",
            Self::Unchanged => "unchanged",
            Self::Failed => "failed",
            Self::Unknown => "outcome of COMMIT unknown",
            Self::NotBegun => "not begun",
        }
    }
}

/// One site of a batch.
#[derive(Debug)]
pub struct Site<'b> {
    /// Its folder as named.
    pub name: &'b str,
    /// Its target, without secrets.
    pub target: &'b str,
    /// What became of it.
    pub state: State,
    /// How it ended, or ended when it was loaded.
    pub exit: Option<Exit>,
    /// Why it failed.
    pub error: Option<Error>,
    /// Why it was loaded although it had been, or since when it is committed.
    pub why: Vec<String>,
    /// What else the operator should know of it.
    pub warnings: Vec<String>,
    /// Files in its folder that are no dumps.
    pub others: &'b [String],
    /// Its dumps, as far as they were looked at.
    pub dumps: Vec<Dump>,
    /// Rows read and written now.
    pub rows: Option<(u64, u64)>,
    /// Rows that were deferred to a later run.
    pub deferred: Option<u64>,
    /// Its time.
    pub elapsed: Duration,
}

/// A target that several sites share.
#[derive(Debug, Serialize)]
pub struct Shared<'b> {
    /// The target, without secrets.
    pub target: &'b str,
    /// The sites.
    pub sites: Vec<&'b str>,
    /// Imported rows that none of their dumps holds any more, by table.
    pub lost: Vec<LostRows>,
    /// The first of them.
    pub lost_rows: Vec<TargetRow>,
    /// Why it was not looked for such rows, if it was not.
    pub unjudged: Option<String>,
}

/// How many rows of a table no dump holds any more.
#[derive(Debug, Serialize)]
pub struct LostRows {
    /// The target's name of the table.
    pub table: String,
    /// How many.
    pub rows: u64,
}

impl<'b> Shared<'b> {
    /// A target of which nothing was asked yet.
    #[must_use]
    pub fn new(target: &'b str, sites: Vec<&'b str>) -> Self {
        Self { target, sites, lost: Vec::new(), lost_rows: Vec::new(), unjudged: None }
    }

    /// What a check of all the sites' dumps together found.
    pub fn judge(&mut self, report: &Report) {
        if report.ending == Ending::Refused {
            self.unjudged =
                Some("read together, the dumps of its sites hold rows that break rules".to_owned());
            return;
        }
        let lost = report.tables.iter().filter(|table| table.lost > 0);
        self.lost = lost.map(|table| LostRows { table: table.table.clone(), rows: table.lost }).collect();
        self.lost_rows = report.target_rows.iter().filter(|row| row.reason.is_none()).cloned().collect();
    }
}

/// A batch that is over.
#[derive(Debug)]
pub struct Summary<'b> {
    /// The sites in their order.
    pub sites: &'b [Site<'b>],
    /// Targets that several sites share.
    pub shared: &'b [Shared<'b>],
    /// The journal.
    pub journal: &'b Path,
    /// What the operator should know of the batch.
    pub warnings: &'b [String],
    /// How it ends.
    pub exit: Exit,
    /// The whole time.
    pub elapsed: Duration,
    /// The most memory the process had, in bytes, where the system says.
    pub peak_memory: Option<u64>,
}

/// The summary as text, at most 100 columns wide.
#[must_use]
pub fn text(summary: &Summary<'_>, text_format: TextFormat) -> String {
    let mut page = Page::new(text_format);
    page.heading(&title(summary));
    let rows: Vec<TableRow> = summary.sites.iter().map(row).collect();
    page.table("Sites", &["read", "written", "deferred"], &rows);
    if !summary.shared.is_empty() {
        page.heading("Targets of several sites");
        for shared in summary.shared {
            page.paragraph("  ", &format!("{}: {}", shared.target, shared.sites.join(", ")));
            let lost = shared.lost.iter().map(|lost| format!("{} {}", lost.table, grouped(lost.rows)));
            let lost: Vec<_> = lost.collect();
            if !lost.is_empty() {
                page.paragraph("    ", &format!("in none of their dumps any more: {}", lost.join(", ")));
            }
            for row in &shared.lost_rows {
                page.paragraph("    - ", &row.to_string());
            }
            if let Some(why) = &shared.unjudged {
                page.paragraph(
                    "    ",
                    &format!("rows that no dump holds any more were not looked for: {why}"),
                );
            }
        }
        page.paragraph("  ", "Taking an import back there takes back that of all its sites.");
    }
    page.heading("Time and memory");
    page.paragraph("  ", &duration(summary.elapsed));
    if let Some(peak) = summary.peak_memory {
        page.paragraph("  ", &format!("{} of memory at most", bytes(peak)));
    }
    page.paragraph("  ", &format!("journal: {}", summary.journal.display()));
    if !summary.warnings.is_empty() {
        page.heading("Warnings");
        for warning in summary.warnings {
            page.inked_paragraph("  ! ", warning, Some(Emphasis::Yellow));
        }
    }
    page.heading(&format!("Next: {}", next(summary)));
    page.finish()
}

fn title(summary: &Summary<'_>) -> String {
    let states = [State::Loaded, State::Unchanged, State::Failed, State::Unknown, State::NotBegun];
    let counts = states.iter().filter_map(|state| {
        let sites = summary.sites.iter().filter(|site| site.state == *state).count();
        (sites > 0).then(|| format!("{sites} {}", state.words()))
    });
    let sites = u64::try_from(summary.sites.len()).unwrap_or(u64::MAX);
    format!("Batch of {}: {}", counted(sites, "site", "sites"), counts.collect::<Vec<_>>().join(", "))
}

fn row(site: &Site<'_>) -> TableRow {
    let cell = |rows: Option<u64>| rows.map_or_else(|| "-".to_owned(), grouped);
    let mut notes = site.why.clone();
    notes.extend(site.warnings.iter().cloned());
    if let Some(error) = &site.error {
        notes.push(error.to_string());
        notes.extend(error.remedy().map(|remedy| format!("→ {remedy}")));
    }
    if !site.others.is_empty() {
        notes.push(format!("no dumps, passed over: {}", site.others.join(", ")));
    }
    let cells = [site.rows.map(|(read, _)| read), site.rows.map(|(_, written)| written), site.deferred];
    let waits = site.deferred.is_some_and(|rows| rows > 0);
    TableRow {
        name: site.name.to_owned(),
        cells: cells.map(cell).to_vec(),
        inked: waits.then_some((2, Emphasis::Yellow)).into_iter().collect(),
        remark: site.state.words().to_owned(),
        notes,
    }
}

fn next(summary: &Summary<'_>) -> &'static str {
    match summary.exit {
        Exit::Done => "restart operationengine on every Karbor node of the sites that were loaded",
        Exit::Incomplete => {
            "dump again the sites with deferred rows, once those are steady, and run the same command"
        }
        Exit::Failed | Exit::Usage | Exit::Different | Exit::Unknown => {
            "mend what failed and run the same command: it goes on where it stopped"
        }
    }
}

/// A report file: what a program finds in it.
#[derive(Debug, Serialize)]
pub struct Document<'b> {
    schema_version: u32,
    etl_version: &'static str,
    /// The commit that it was built from, where that is known.
    etl_commit: Option<&'static str>,
    command: &'static str,
    exit_code: u8,
    seconds: f64,
    peak_memory_bytes: Option<u64>,
    journal: String,
    sites: Vec<SiteDocument<'b>>,
    shared_targets: &'b [Shared<'b>],
    warnings: &'b [String],
}

#[derive(Debug, Serialize)]
struct SiteDocument<'b> {
    site: &'b str,
    target: &'b str,
    state: State,
    exit_code: Option<u8>,
    error: Option<Failure>,
    why: &'b [String],
    warnings: &'b [String],
    other_files: &'b [String],
    dumps: &'b [Dump],
    read: Option<u64>,
    written: Option<u64>,
    deferred: Option<u64>,
    seconds: f64,
}

impl<'b> Document<'b> {
    /// The document of a batch.
    #[must_use]
    pub fn of(summary: &'b Summary<'b>) -> Self {
        let site = |site: &'b Site<'b>| SiteDocument {
            site: site.name,
            target: site.target,
            state: site.state,
            exit_code: site.exit.map(Exit::code),
            error: site.error.as_ref().map(Failure::of),
            why: &site.why,
            warnings: &site.warnings,
            other_files: site.others,
            dumps: &site.dumps,
            read: site.rows.map(|(read, _)| read),
            written: site.rows.map(|(_, written)| written),
            deferred: site.deferred,
            seconds: site.elapsed.as_secs_f64(),
        };
        Self {
            schema_version: SCHEMA_VERSION,
            etl_version: env!("CARGO_PKG_VERSION"),
            etl_commit: crate::base::build::commit(),
            command: "batch",
            exit_code: summary.exit.code(),
            seconds: summary.elapsed.as_secs_f64(),
            peak_memory_bytes: summary.peak_memory,
            journal: summary.journal.display().to_string(),
            sites: summary.sites.iter().map(site).collect(),
            shared_targets: summary.shared,
            warnings: summary.warnings,
        }
    }
}
