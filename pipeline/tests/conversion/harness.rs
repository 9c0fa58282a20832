//! Runs a conversion of the tests' dumps and answers everything that it said and wrote.

use crate::dumps::{self, Form, Source};
use crate::landing::{Deed, Ended, Held, Landed, Landing, Row, When};
use parsers::columns::ColumnMap;
use parsers::columns::need::{Need, needs};
use parsers::input::Input;
use parsers::scan::Limits;
use parsers::table::Table;
use pipeline::compare::Prune;
use pipeline::error::Error;
use pipeline::files::place::Foreign;
use pipeline::options::{Mode, Options};
use pipeline::outcome::Report;
use pipeline::progress::{Cancel, Progress};
use pipeline::settings::Settings;
use schedules::firings::horizon::Horizon;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

/// The map that is built in. The tests' rows have only the columns that they are about: any other that rules read may be absent.
pub(crate) fn map() -> ColumnMap {
    let mut map = ColumnMap::built_in().unwrap();
    for table in Table::ALL {
        for (column, _) in needs(table).filter(|(_, need)| need.need == Need::Meaning) {
            map.assume_absent(table.name(), column).unwrap();
        }
    }
    map
}

/// A dump: the name of its file and its bytes.
pub(crate) type Dump = (String, Vec<u8>);

/// What a run depends on beside its dumps.
#[derive(Clone)]
pub(crate) struct Setup {
    pub(crate) settings: Settings,
    pub(crate) columns: ColumnMap,
    pub(crate) limits: Limits,
    pub(crate) threads: usize,
    /// Whether rejected rows are set aside.
    pub(crate) rejects: bool,
    /// When another run makes a file of that name, if one does.
    pub(crate) rejects_taken: Option<When>,
    /// A change of the first dump, in its place: where, to what, whether its time is kept, and when.
    pub(crate) edited: Option<(u64, u8, bool, When)>,
    /// Over which time schedules are proved.
    pub(crate) proof: Option<Horizon>,
    pub(crate) mode: Mode,
    pub(crate) held: Held,
    /// Whether there is a target at all.
    pub(crate) target: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            settings: Settings::default(),
            columns: map(),
            limits: Limits::default(),
            threads: 2,
            rejects: false,
            rejects_taken: None,
            edited: None,
            // From 2020-01-01 00:00:00 UTC on.
            proof: Some(Horizon::new(1_577_836_800, 400)),
            mode: Mode::Run,
            held: Held::default(),
            target: true,
        }
    }
}

impl Setup {
    /// The default with other settings.
    pub(crate) fn set(change: impl FnOnce(&mut Settings)) -> Self {
        let mut setup = Self::default();
        change(&mut setup.settings);
        setup
    }

    /// The default, with bad rows set aside.
    pub(crate) fn aside() -> Self {
        Self { rejects: true, ..Self::default() }
    }

    /// Runs; panics where the run fails.
    #[track_caller]
    pub(crate) fn convert(&self, rows: &[Source]) -> Outcome {
        self.run(&dumps_of(rows, Form::Copy)).unwrap_or_else(|error| panic!("the run failed: {error}"))
    }

    /// Runs over whole dumps, named in this order.
    pub(crate) fn run(&self, dumps: &[Dump]) -> Result<Outcome, Error> {
        let folder = tempfile::tempdir().unwrap();
        let mut inputs = Vec::new();
        for (name, bytes) in dumps {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            inputs.push(Input::open(path.to_str().unwrap(), folder.path()).unwrap());
        }
        let taken = self.rejects_taken.is_some();
        let made = self.rejects_taken.map(|when| (when, Deed::Make(folder.path().join(REJECTS))));
        let changed = self.edited.map(|(at, to, keeps_time, when)| {
            let path = folder.path().join(&dumps[0].0);
            (when, Deed::Change { path, at, to, keeps_time })
        });
        let (target, landed) = Landing::new(Held { meanwhile: made.or(changed), ..self.held.clone() });
        let options = Options {
            settings: self.settings.clone(),
            columns: self.columns.clone(),
            limits: self.limits,
            threads: self.threads,
            rejects: self.rejects.then(|| folder.path().join(REJECTS)),
            rejects_taken: Foreign::Refuse,
            noting: pipeline::row_outcomes::Noting::Nothing,
            proof: self.proof,
            prune: Prune::No,
            tuning: pipeline::options::tuning(&std::env::temp_dir()),
            mode: self.mode,
        };
        let target = self.target.then_some(target as Box<dyn pipeline::load::Target>);
        let progress = Progress::new(inputs.len());
        let report =
            pipeline::run::run(&mut inputs, target, &options, &progress, &Arc::new(Cancel::default()));
        let left = files(folder.path(), dumps);
        let landed = landed.take();
        let report = match report {
            Ok(report) => report,
            Err(error) => {
                assert_ne!(landed.ended, Some(Ended::Committed), "an error after the commit: {error}");
                let others = if taken { vec![folder.path().join(REJECTS)] } else { Vec::new() };
                assert_eq!(left, others, "a failed run leaves nothing behind");
                return Err(error);
            }
        };
        check_balance(&report);
        Ok(Outcome { report, landed, left, folder, dumps: dumps.to_vec() })
    }
}

/// The name of the file of set-aside rows.
pub(crate) const REJECTS: &str = "bad.sql";

/// The laws that hold for every run.
#[track_caller]
fn check_balance(report: &Report) {
    for (table, tally) in &report.sources {
        let all = tally.migrated + tally.all_skipped() + tally.all_deferred() + tally.rejected;
        assert_eq!(tally.read, all, "{table}: {tally:?}");
    }
    // No schedule that is written may run at other times than the contract says.
    assert_eq!(
        report.schedules.as_ref().map_or(0, |schedules| schedules.different),
        0,
        "{:?}",
        report.schedules
    );
    let rejected: u64 = report.sources.iter().map(|(_, tally)| tally.rejected).sum();
    assert_eq!(report.rejected, rejected);
    let listed: u64 = report.rejections.iter().map(|rejection| 1 + rejection.with).sum();
    if report.rejections.len() < pipeline::outcome::REJECTIONS_LISTED {
        assert_eq!(report.rejected, listed, "{:?}", report.rejections);
    }
}

/// The files in a run's folder that were not there before.
fn files(folder: &Path, dumps: &[Dump]) -> Vec<PathBuf> {
    let is_dump = |path: &PathBuf| dumps.iter().any(|(name, _)| path.ends_with(name));
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| !is_dump(path)).collect()
}

/// Puts rows into the dumps of their databases.
pub(crate) fn dumps_of(rows: &[Source], form: Form) -> Vec<Dump> {
    ["cinder.sql", "vbs.sql", "taskmgr.sql", "dps.sql"]
        .into_iter()
        .filter_map(|name| {
            let rows: Vec<&Source> = rows.iter().filter(|row| dumps::file_of(row.table) == name).collect();
            (!rows.is_empty()).then(|| (name.to_owned(), dumps::dump(&rows, form).into_bytes()))
        })
        .collect()
}

/// What a run said and wrote.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) report: Report,
    pub(crate) landed: Landed,
    /// Files that the run left beside the dumps.
    pub(crate) left: Vec<PathBuf>,
    #[allow(dead_code, reason = "removes the folder when dropped")]
    folder: TempDir,
    dumps: Vec<Dump>,
}

/// A rejection as a test reads it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Rejected {
    /// `file:line`.
    pub(crate) at: String,
    /// `table.column`, or the table.
    pub(crate) what: String,
    pub(crate) value: String,
    pub(crate) with: u64,
}

impl Outcome {
    /// The rows of a target table.
    pub(crate) fn rows(&self, table: &str) -> &[Row] {
        self.landed.rows.get(table).map(Vec::as_slice).unwrap_or_default()
    }

    /// The only row of a target table.
    #[track_caller]
    pub(crate) fn only(&self, table: &str) -> &Row {
        let rows = self.rows(table);
        assert_eq!(rows.len(), 1, "{table}: {rows:?}\n{:?}", self.report.rejections);
        &rows[0]
    }

    /// The row of a target table with this id.
    #[track_caller]
    pub(crate) fn row(&self, table: &str, id: &str) -> &Row {
        let found = self
            .rows(table)
            .iter()
            .find(|row| row.get("id").is_some_and(|found| found.as_deref() == Some(id)));
        found.unwrap_or_else(|| {
            panic!("no {table} row {id}: {:#?}\n{:?}", self.rows(table), self.report.rejections)
        })
    }

    /// One column of a target table's rows, sorted.
    pub(crate) fn column(&self, table: &str, column: &str) -> Vec<&str> {
        let mut values: Vec<&str> =
            self.rows(table).iter().map(|row| row[column].as_deref().unwrap_or("NULL")).collect();
        values.sort_unstable();
        values
    }

    /// What became of a source table's rows: `2 migrated, 1 orphan, 1 unsteady, 1 rejected`.
    pub(crate) fn became(&self, table: &str) -> String {
        let Some((_, tally)) = self.report.sources.iter().find(|(name, _)| *name == table) else {
            return String::new();
        };
        let mut parts = Vec::new();
        let mut part = |n: u64, what: String| (n > 0).then(|| parts.push(format!("{n} {what}")));
        part(tally.migrated, "migrated".to_owned());
        for (rule, n) in &tally.skipped {
            part(*n, rule.to_string());
        }
        for (reason, n) in &tally.deferred {
            part(*n, format!("deferred {reason}"));
        }
        part(tally.rejected, "rejected".to_owned());
        parts.join(", ")
    }

    /// Checks what became of some tables' rows.
    #[track_caller]
    pub(crate) fn check(&self, tables: &[(&str, &str)]) {
        let expected: Vec<(&str, String)> =
            tables.iter().map(|(t, became)| (*t, (*became).to_owned())).collect();
        let found: Vec<(&str, String)> = tables.iter().map(|(t, _)| (*t, self.became(t))).collect();
        assert_eq!(found, expected, "{:#?}", self.report.rejections);
    }

    /// The rejections, the folder taken from their dumps' names.
    pub(crate) fn rejected(&self) -> Vec<Rejected> {
        let seen = self.report.rejections.iter().map(|rejection| {
            let name = Path::new(&rejection.dump).file_name().unwrap().to_str().unwrap();
            let column = rejection.column.map(|column| format!(".{column}")).unwrap_or_default();
            Rejected {
                at: format!("{name}:{}", rejection.line),
                what: format!("{}{column}", rejection.table),
                value: rejection.value.clone().unwrap_or_default(),
                with: rejection.with,
            }
        });
        seen.collect()
    }

    /// Checks the only rejection: the row is the one that has `needle` in its line, and the value is the one at fault or
    /// the part of it that is.
    #[track_caller]
    pub(crate) fn check_rejection(&self, needle: &str, what: &str, value: &str, reason: &str, with: u64) {
        let mut rejected = self.rejected();
        for one in &mut rejected {
            if !one.value.is_empty() && value.contains(&one.value) {
                one.value = value.to_owned();
            }
        }
        let expected = Rejected { at: self.line_of(needle), what: what.into(), value: value.into(), with };
        assert_eq!(rejected, [expected], "{:#?}", self.report.rejections);
        let found = &self.report.rejections[0].reason;
        assert!(found.contains(reason), "{found:?} does not say {reason:?}");
    }

    /// `file:line` of the one line that has `needle` in it.
    #[track_caller]
    pub(crate) fn line_of(&self, needle: &str) -> String {
        let mut found = Vec::new();
        for (name, bytes) in &self.dumps {
            let lines = bytes.split(|b| *b == b'\n').enumerate();
            let has = |line: &[u8]| line.windows(needle.len()).any(|window| window == needle.as_bytes());
            found.extend(lines.filter(|(_, line)| has(line)).map(|(n, _)| format!("{name}:{}", n + 1)));
        }
        assert_eq!(found.len(), 1, "lines with {needle:?}: {found:?}");
        found.swap_remove(0)
    }

    /// The file of set-aside rows, which must be all that the run left behind.
    #[track_caller]
    pub(crate) fn rejects_file(&self) -> Vec<u8> {
        assert_eq!(self.left.len(), 1, "{:?}", self.left);
        assert!(self.left[0].ends_with(REJECTS), "{:?}", self.left);
        std::fs::read(&self.left[0]).unwrap()
    }

    /// Whether the run left no file behind.
    pub(crate) fn left_nothing(&self) -> bool {
        self.left.is_empty()
    }

    pub(crate) fn committed(&self) -> bool {
        self.landed.ended == Some(Ended::Committed)
    }
}

/// Converts rows with the default setup.
#[track_caller]
pub(crate) fn convert(rows: &[Source]) -> Outcome {
    Setup::default().convert(rows)
}

/// NULL in an expected row.
pub(crate) const NULL: &str = "\u{0}NULL";

/// Checks every column of a row.
#[track_caller]
pub(crate) fn check_row(row: &Row, expected: &[(&str, &str)]) {
    let value = |value: &str| (value != NULL).then(|| value.to_owned());
    let expected: Row = expected.iter().map(|(column, text)| ((*column).to_owned(), value(text))).collect();
    assert_eq!(row, &expected);
}

/// A field of a row; empty for NULL.
#[track_caller]
pub(crate) fn text<'r>(row: &'r Row, column: &str) -> &'r str {
    row[column].as_deref().unwrap_or_default()
}

/// The id that is derived from a name.
pub(crate) fn derived(name: &str) -> String {
    let namespace = uuid::Uuid::parse_str("748343b6-5227-5920-b5c3-a8a824b441d0").unwrap();
    uuid::Uuid::new_v5(&namespace, name.as_bytes()).to_string()
}
