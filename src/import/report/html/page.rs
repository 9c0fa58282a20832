//! What a page contains, in the order of its template.

use crate::base::exit::Exit;
use crate::base::number::grouped;
use crate::base::text::printable;
use crate::import::error::RejectedRows;
use crate::import::report::summary::Ended;
use crate::import::report::targets::Listing;
use askama::Template;
use chrono::DateTime;

/// Warnings, rows and names that a page holds of one kind; the JSON report has them all.
pub(crate) const LISTED: usize = 100;

/// What the page says.
#[derive(Template)]
#[template(path = "page.html", config = "src/import/report/html/askama.toml")]
pub(crate) struct Page {
    pub(crate) title: String,
    pub(crate) mood: Mood,
    pub(crate) command: &'static str,
    pub(crate) finished: String,
    pub(crate) exit_code: u8,
    pub(crate) version: &'static str,
    pub(crate) failure: Option<Failure>,
    pub(crate) next: Option<String>,
    /// What keeps imported policies from running, where they have no trust.
    pub(crate) trusts: Option<String>,
    pub(crate) tiles: Vec<Cell>,
    pub(crate) warnings: Vec<String>,
    pub(crate) rows: Option<Rows>,
    pub(crate) rejections: Option<Rejections>,
    pub(crate) verified: Option<Verified>,
    pub(crate) schedules: Option<Schedules>,
    pub(crate) copies: Option<Copies>,
    pub(crate) policies: Option<Policies>,
    pub(crate) targets: Option<Targets>,
    /// Rows of the target that are not as the dumps have them.
    pub(crate) target_rows: Vec<Listing>,
    pub(crate) customers: Vec<String>,
    pub(crate) cost: Cost,
    pub(crate) dumps: Vec<Dump>,
}

/// How something is to be taken; the names are those of the style sheet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
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

pub(crate) struct Failure {
    pub(crate) message: String,
    pub(crate) remedy: Option<String>,
}

/// A value with its name, or alone in a table.
pub(crate) struct Cell {
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) note: Option<String>,
    pub(crate) mood: Mood,
}

pub(crate) struct Rows {
    pub(crate) picture: String,
    pub(crate) legend: Vec<Cell>,
    pub(crate) tables: Vec<SourceTable>,
}

pub(crate) struct SourceTable {
    pub(crate) name: String,
    pub(crate) total: bool,
    pub(crate) cells: Vec<Cell>,
    pub(crate) reasons: Vec<String>,
}

pub(crate) struct Rejections {
    pub(crate) what: String,
    pub(crate) lines: Vec<String>,
    pub(crate) more: Option<String>,
}

pub(crate) struct Copies {
    pub(crate) months: String,
    pub(crate) statuses: Vec<SourceTable>,
    pub(crate) tenants: Vec<Tenant>,
}

pub(crate) struct Tenant {
    pub(crate) name: String,
    pub(crate) copies: String,
    pub(crate) size: String,
    pub(crate) share: u64,
}

pub(crate) struct Policies {
    pub(crate) lines: Vec<String>,
    pub(crate) zones: Vec<Zone>,
}

pub(crate) struct Zone {
    pub(crate) name: String,
    pub(crate) policies: String,
    pub(crate) origin: String,
}

/// What became of the target's tables.
pub(crate) struct Targets {
    pub(crate) heads: &'static [&'static str],
    pub(crate) lines: Vec<Line>,
}

pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) cells: Vec<String>,
    pub(crate) notes: Vec<String>,
    pub(crate) total: bool,
}

pub(crate) struct Cost {
    pub(crate) lines: Vec<String>,
    pub(crate) stages: Option<String>,
}

pub(crate) struct Dump {
    pub(crate) name: String,
    pub(crate) size: String,
    pub(crate) notes: Vec<String>,
}

impl Cell {
    pub(crate) fn new(name: impl Into<String>, value: impl Into<String>, mood: Mood) -> Self {
        Self { name: name.into(), value: value.into(), note: None, mood }
    }

    /// A number in a table: none is said quietly, and only some has the mood.
    pub(crate) fn number(number: u64, mood: Mood) -> Self {
        Self::new("", grouped(number), if number == 0 { Mood::Zero } else { mood })
    }
}

/// Text from anywhere as it may stand in a page: escaping is the template's affair, control characters are none of XML's.
pub(crate) fn shown(text: &str) -> String {
    let text = printable(text);
    // Characters that no XML may hold, in whatever form.
    text.chars().map(|c| if matches!(c, '\u{fffe}' | '\u{ffff}') { '\u{fffd}' } else { c }).collect()
}

impl Page {
    pub(crate) fn of(ended: &Ended<'_>) -> Self {
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
            version: crate::base::build::VERSION,
            // Rejected rows are told by title and next step, and in a section of their own.
            failure: ended.error.filter(|error| error.downcast_ref::<RejectedRows>().is_none()).map(
                |error| Failure {
                    message: shown(&error.to_string()),
                    remedy: error.remedy().map(|remedy| shown(&remedy)),
                },
            ),
            next: None,
            trusts: None,
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
        page
    }
}

/// What is said of schedules.
pub(crate) struct Schedules {
    pub(crate) mood: Mood,
    pub(crate) lead: String,
    pub(crate) change: String,
    pub(crate) before: String,
    pub(crate) after: String,
    pub(crate) legend: Vec<Cell>,
    pub(crate) caption: String,
    pub(crate) drifting: Vec<Drifting>,
    pub(crate) more: Option<String>,
}

/// A schedule that does not run exactly as before.
pub(crate) struct Drifting {
    pub(crate) name: String,
    pub(crate) policy_id: String,
    pub(crate) operation: &'static str,
    pub(crate) accepted: bool,
    pub(crate) cause: String,
    pub(crate) drift: String,
}

/// The rows of all tables, and those that are not equal.
pub(crate) struct Verified {
    pub(crate) tables: Vec<SourceTable>,
    pub(crate) findings: Vec<Findings>,
}

/// The rows of one table of which something is found.
pub(crate) struct Findings {
    pub(crate) heading: String,
    pub(crate) rows: Vec<Found>,
    pub(crate) more: Option<String>,
}

/// A row, and its columns that differ.
pub(crate) struct Found {
    pub(crate) key: String,
    pub(crate) what: &'static str,
    pub(crate) columns: Vec<Column>,
}

/// A column that differs.
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) dumps: String,
    pub(crate) target: String,
}
