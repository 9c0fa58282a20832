//! What became of one row, and the notes of many: lines, or those that concern an id.

use crate::files::place::Foreign;
use crate::outcome::{Outcome, Tally};
use parsers::position::Place;
use parsers::table::Table;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a row's note takes of a chunk's budget beside the row's bytes.
pub(crate) const NOTE_COST: usize = 512;

/// How many rows that concern an id are kept; all are counted.
pub const ROWS_KEPT: usize = 200;

/// The form of a file of outcomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One JSON object a line.
    JsonLines,
    /// Comma-separated values with a heading (RFC 4180).
    Csv,
}

impl Form {
    /// The form of a file of this name.
    #[must_use]
    pub fn of(path: &Path) -> Self {
        match path.extension() {
            Some(ending) if ending.eq_ignore_ascii_case("csv") => Self::Csv,
            _ => Self::JsonLines,
        }
    }
}

/// Which rows a run notes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Noting {
    /// None.
    #[default]
    Nothing,
    /// All, in a file.
    File {
        /// The file.
        path: PathBuf,
        /// What becomes of a file that is there already.
        taken: Foreign,
    },
    /// Those that concern an id.
    About(Arc<str>),
}

/// A row of the target that source rows became.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct TargetKey {
    /// The target's table.
    pub table: String,
    /// The values of its key.
    pub key: Vec<String>,
}

/// What became of one row.
#[derive(Clone, Debug)]
pub struct Decided {
    /// Its outcome.
    pub outcome: Outcome,
    /// What a rejected row breaks.
    pub rule: Option<String>,
    /// What it became, or joined into.
    pub became: Vec<TargetKey>,
}

impl From<Outcome> for Decided {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, rule: None, became: Vec::new() }
    }
}

/// One row as a line.
#[derive(Serialize)]
struct Line<'r> {
    source_table: &'static str,
    key: Option<&'r str>,
    at: String,
    outcome: &'static str,
    rule: Option<&'r str>,
    target_rows: &'r [TargetKey],
}

/// How a line of JSON begins, and the heading of CSV: by them a file of outcomes is recognised.
const JSON_MARK: &[u8] = b"{\"source_table\":";
pub(super) const HEADING: [&str; 6] = ["source_table", "key", "at", "outcome", "rule", "target_rows"];

/// Whether a file that begins with `head` contains outcomes.
#[must_use]
pub fn is_outcomes(head: &[u8]) -> bool {
    head.starts_with(JSON_MARK) || head.starts_with(format!("{}\n", HEADING.join(",")).as_bytes())
}

/// A row that concerns an id.
#[derive(Clone, Debug, Serialize)]
pub struct FoundRow {
    /// The source table.
    #[serde(serialize_with = "name_of")]
    pub table: Table,
    /// Its key; `None` where it cannot be read.
    pub key: Option<String>,
    /// `file:line`.
    pub at: String,
    /// `migrated`, `skipped`, `deferred` or `rejected`.
    pub outcome: &'static str,
    /// The word of the rule, or what a rejected row breaks.
    pub rule: Option<String>,
    /// What the rule means.
    pub meaning: Option<&'static str>,
    /// What it became, or joined into.
    pub target_rows: Vec<TargetKey>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn name_of<S: serde::Serializer>(table: &Table, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.serialize_str(table.name())
}

/// The notes of some rows.
#[derive(Debug, Default)]
pub struct Notes {
    kind: Kind,
    /// Rows noted.
    pub(crate) rows: u64,
}

#[derive(Debug, Default)]
enum Kind {
    #[default]
    Nothing,
    Json(Vec<u8>),
    Csv(Box<csv::Writer<Vec<u8>>>),
    About(Found),
}

/// The rows that concern an id.
#[derive(Clone, Debug, Default)]
pub struct Found {
    id: Arc<str>,
    /// The first of them.
    pub rows: Vec<FoundRow>,
    /// All of them, by table.
    pub counted: BTreeMap<Table, Tally>,
}

impl Notes {
    /// No note yet.
    #[must_use]
    pub fn new(noting: &Noting) -> Self {
        let kind = match noting {
            Noting::Nothing => Kind::Nothing,
            Noting::File { path, .. } => match Form::of(path) {
                Form::JsonLines => Kind::Json(Vec::new()),
                Form::Csv => Kind::Csv(Box::new(csv_writer())),
            },
            Noting::About(id) => Kind::About(Found { id: Arc::clone(id), ..Found::default() }),
        };
        Self { kind, rows: 0 }
    }

    /// Whether rows are noted at all.
    #[must_use]
    pub fn are_wanted(&self) -> bool {
        !matches!(self.kind, Kind::Nothing)
    }

    /// Notes a row; `mentions` are the ids that it concerns beside its key and what it became.
    pub(crate) fn note(&mut self, table: Table, key: &str, at: &Place, decided: &Decided, mentions: &[&str]) {
        if !self.are_wanted() {
            return;
        }
        self.rows += 1;
        let (outcome, word, meaning) = words_of(decided.outcome);
        let rule = decided.rule.as_deref().or(word);
        let key = Some(key).filter(|key| !key.is_empty());
        let line = Line {
            source_table: table.name(),
            key,
            at: at.to_string(),
            outcome,
            rule,
            target_rows: &decided.became,
        };
        match &mut self.kind {
            Kind::Nothing => {}
            Kind::Json(out) => {
                // Writing to memory cannot fail, and neither can these values.
                if serde_json::to_writer(&mut *out, &line).is_ok() {
                    out.push(b'\n');
                }
            }
            Kind::Csv(out) => {
                let rows = line.target_rows.iter().map(|row| format!("{} {}", row.table, row.key.join(" ")));
                let rows: Vec<_> = rows.collect();
                let record = [
                    line.source_table,
                    line.key.unwrap_or_default(),
                    &line.at,
                    line.outcome,
                    line.rule.unwrap_or_default(),
                    &rows.join("; "),
                ];
                // Writing to memory cannot fail.
                drop(out.write_record(record));
            }
            Kind::About(found) => {
                let id = &*found.id;
                let concerns = key == Some(id)
                    || mentions.contains(&id)
                    || decided.became.iter().any(|row| row.key.iter().any(|part| part == id));
                if !concerns {
                    return;
                }
                let tally = found.counted.entry(table).or_default();
                tally.read += 1;
                tally.count(decided.outcome);
                if found.rows.len() < ROWS_KEPT {
                    found.rows.push(FoundRow {
                        table,
                        key: key.map(str::to_owned),
                        at: line.at,
                        outcome,
                        rule: rule.map(str::to_owned),
                        meaning,
                        target_rows: decided.became.clone(),
                    });
                }
            }
        }
    }

    /// The keys of the target's rows that a row with the id, or one that became it, became.
    pub(crate) fn became(&self) -> Vec<&str> {
        let Kind::About(found) = &self.kind else { return Vec::new() };
        let has = |row: &&FoundRow| {
            let became = |key: &TargetKey| key.key.iter().any(|part| **part == *found.id);
            row.key.as_deref() == Some(&found.id) || row.target_rows.iter().any(became)
        };
        let rows = found.rows.iter().filter(has).flat_map(|row| &row.target_rows);
        rows.filter_map(|row| row.key.first().map(String::as_str)).collect()
    }

    /// Takes the rows that others found, which come after these; lines go to the file instead.
    pub(super) fn append(&mut self, other: Self) {
        self.rows += other.rows;
        if let (Kind::About(found), Kind::About(more)) = (&mut self.kind, other.kind) {
            let room = ROWS_KEPT.saturating_sub(found.rows.len());
            found.rows.extend(more.rows.into_iter().take(room));
            for (table, tally) in &more.counted {
                found.counted.entry(*table).or_default().add(tally);
            }
        }
    }

    /// How long the lines are, as far as they are made.
    pub(super) fn length(&self) -> usize {
        match &self.kind {
            Kind::Nothing | Kind::About(_) => 0,
            Kind::Json(lines) => lines.len(),
            Kind::Csv(lines) => lines.get_ref().len(),
        }
    }

    /// The rows that concern the id.
    pub(super) fn into_found(self) -> Found {
        match self.kind {
            Kind::About(found) => found,
            Kind::Nothing | Kind::Json(_) | Kind::Csv(_) => Found::default(),
        }
    }

    /// The lines so far, which are forgotten.
    pub(super) fn take_lines(&mut self) -> Vec<u8> {
        match &mut self.kind {
            Kind::Nothing | Kind::About(_) => Vec::new(),
            Kind::Json(lines) => std::mem::take(lines),
            Kind::Csv(lines) => {
                std::mem::replace(&mut **lines, csv_writer()).into_inner().unwrap_or_default()
            }
        }
    }
}

fn csv_writer() -> csv::Writer<Vec<u8>> {
    csv::WriterBuilder::new().from_writer(Vec::new())
}

/// The words of an outcome and of its rule, and what the rule means.
fn words_of(outcome: Outcome) -> (&'static str, Option<&'static str>, Option<&'static str>) {
    match outcome {
        Outcome::Migrated => ("migrated", None, None),
        Outcome::Skipped(rule) => ("skipped", Some(rule.word()), Some(rule.meaning())),
        Outcome::Deferred(reason) => ("deferred", Some(reason.word()), Some(reason.meaning())),
        Outcome::Rejected => ("rejected", None, None),
    }
}
