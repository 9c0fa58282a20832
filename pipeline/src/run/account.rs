//! The books of a run: what was read against what became of it, what was encoded against what the target counted.

use crate::compare::{LATER, Pruned};
use crate::contact::{absent, losses};
use crate::error::{Error, Result};
use crate::extract::sources::Sources;
use crate::karbor::layout::Layout;
use crate::load::{Refusal, Survey};
use crate::options::Options;
use crate::outcome::{
    CopyFigures, Ending, Kept, OutcomesWritten, REJECTIONS_LISTED, Rejection, Report, Tally, TargetRow,
    TargetTally,
};
use crate::row_outcomes::Recorder;
use crate::run::judged::Judged;
use crate::run::stream::Ready;
use crate::transform::ledger::Tallies;
use crate::transform::policies::PolicyFigures;
use crate::transform::rejections::SetAside;
use parsers::table::Table;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};

/// How many chunks are remembered so that a row the target refuses can be found in its dump. A server is never further
/// behind than what the sockets hold.
const CHUNKS_REMEMBERED: usize = 128;

/// The lines that one chunk's rows came from.
struct Trace {
    /// The number of its first row in the target table, from 1.
    first: u64,
    dump: usize,
    line: u64,
    lines: Vec<u32>,
}

/// The books.
pub(crate) struct Accounts {
    copies: Tallies,
    figures: CopyFigures,
    pub(super) rejected: u64,
    /// Rejected copies whose key cannot be read.
    pub(super) keyless: u64,
    listed: Vec<Rejection>,
    /// Bulk rows to be set aside by their places.
    pub(super) aside: Vec<SetAside>,
    tables: Vec<TargetTally>,
    target_rows: Vec<TargetRow>,
    warnings: Vec<String>,
    /// Rows sent to the table that is open.
    encoded: u64,
    /// How many of them were sent before the table was opened for the last time.
    before: u64,
    /// How many the target counted until then.
    counted: u64,
    traces: VecDeque<Trace>,
    dumps: Vec<String>,
    /// Where rejected rows were set aside, and why not where they should be.
    rejects_file: Option<(PathBuf, Option<std::io::Error>)>,
    outcomes_file: Option<OutcomesWritten>,
}

impl Accounts {
    pub(super) fn new(dumps: Vec<String>) -> Self {
        Self {
            copies: Tallies::new(),
            figures: CopyFigures::default(),
            rejected: 0,
            keyless: 0,
            listed: Vec::new(),
            aside: Vec::new(),
            tables: Vec::new(),
            target_rows: Vec::new(),
            warnings: Vec::new(),
            encoded: 0,
            before: 0,
            counted: 0,
            traces: VecDeque::new(),
            dumps,
            rejects_file: None,
            outcomes_file: None,
        }
    }

    /// Adds a chunk's outcomes, and what its copies are like.
    pub(super) fn copies(&mut self, table: Table, tally: &Tally, figures: CopyFigures) {
        self.copies.entry(table).or_default().add(tally);
        self.figures.add(figures);
    }

    /// Counts a rejected row; lists it, if it is one of the first.
    pub(super) fn reject(&mut self, rejection: Option<Box<Rejection>>) {
        self.rejected += 1;
        if self.listed.len() < REJECTIONS_LISTED {
            self.listed.extend(rejection.map(|rejection| *rejection));
        }
    }

    /// Remembers where a chunk's rows came from, before they are sent.
    pub(super) fn trace(&mut self, ready: &mut Ready) {
        let lines = std::mem::take(&mut ready.converted.lines);
        let dump = usize::from(ready.block.dump.0);
        self.traces.push_back(Trace { first: self.encoded + 1, dump, line: ready.position.line, lines });
        if self.traces.len() > CHUNKS_REMEMBERED {
            self.traces.pop_front();
        }
    }

    /// Notes where rejected rows were set aside.
    pub(super) fn set_aside(&mut self, file: (PathBuf, Option<std::io::Error>)) {
        self.rejects_file = Some(file);
    }

    /// Opens a target table.
    pub(super) fn begin(&mut self, layout: &Layout) {
        (self.encoded, self.before, self.counted) = (0, 0, 0);
        self.traces.clear();
        self.tables.push(TargetTally { table: layout.name.clone(), ..TargetTally::default() });
    }

    /// Notes that the table was closed for a while, and what the target counted until now.
    pub(super) fn paused(&mut self, counted: u64) {
        self.before = self.encoded;
        self.counted += counted;
    }

    pub(super) fn encoded(&mut self, rows: u64) {
        self.encoded += rows;
    }

    /// The target's refusal, with the place in the dump that its row came from.
    pub(super) fn explain(&self, refusal: Refusal) -> Error {
        match (refusal.row.and_then(|row| self.place(self.before + row)), refusal.error) {
            (Some(place), Error::Target { what, remedy }) => Error::TargetRow { place, what, remedy },
            (_, error) => error,
        }
    }

    fn place(&self, row: u64) -> Option<String> {
        let trace = self.traces.iter().rev().find(|trace| trace.first <= row)?;
        let line = trace.lines.get(usize::try_from(row - trace.first).ok()?)?;
        Some(format!("{}:{}", self.dumps.get(trace.dump)?, trace.line + u64::from(*line)))
    }

    /// Closes a target table: the rows sent must be the rows the target counted.
    pub(super) fn end(&mut self, layout: &Layout, counted: Option<u64>) -> Result<()> {
        if let Some(counted) = counted.map(|counted| self.counted + counted)
            && counted != self.encoded
        {
            return Err(Error::Imbalance(format!(
                "{} rows of {} were sent, and the target counted {counted}",
                self.encoded, layout.name
            )));
        }
        let inserted = self.encoded;
        if let Some(tally) = self.tables.last_mut() {
            tally.inserted += inserted;
        }
        Ok(())
    }

    /// Copies that were migrated, so far.
    fn migrated_copies(&self) -> u64 {
        self.copies.values().map(|tally| tally.migrated).sum()
    }

    /// Adds what was found out about the rows of a table.
    pub(super) fn judged(&mut self, table: usize, judged: Judged) {
        let Judged { tally: found, mut kept, mut lost } = judged;
        if let Some(tally) = self.tables.get_mut(table) {
            tally.updated += found.updated;
            tally.unchanged += found.unchanged;
            tally.lost += found.lost;
            tally.lost_changed += found.lost_changed;
            for (reason, rows) in found.kept {
                *tally.kept.entry(reason).or_default() += rows;
            }
        }
        kept.sort_by(|a, b| a.key.cmp(&b.key));
        lost.sort_by(|a, b| a.key.cmp(&b.key));
        self.target_rows.append(&mut kept);
        self.target_rows.append(&mut lost);
    }

    /// Notes rows that the dumps no longer have and that are newer than all of theirs.
    pub(super) fn later(&mut self, rows: &[(usize, Vec<String>)]) {
        for (table, key) in rows {
            let Some(tally) = self.tables.get_mut(*table) else { continue };
            tally.lost_changed += 1;
            let listed =
                self.target_rows.iter_mut().filter(|row| row.table == tally.table && row.key == *key);
            listed.filter(|row| row.reason.is_none()).for_each(|row| row.changed = Some(LATER.to_owned()));
        }
    }

    /// Notes that the next times of changed triggers were removed.
    pub(super) fn next_times_removed(&mut self, rows: u64) {
        if rows > 0 {
            self.warn(format!(
                "the next times of {rows} triggers whose schedules changed were removed from trigger_executions: \
                 Karbor's operation engine computes them when it is restarted"
            ));
        }
    }

    /// Says of rows that are newer in the target than in the dumps only that, where the dumps may be the older ones; `copies` of
    /// those that the dumps lack were taken for changed.
    pub(super) fn newer_in_target(&mut self, copies: u64) {
        if let Some(tally) = self.tables.last_mut() {
            tally.lost_changed = tally.lost_changed.saturating_sub(copies);
        }
        self.target_rows
            .iter_mut()
            .for_each(|row| row.changed = row.changed.take().filter(|words| words != LATER));
        for tally in &mut self.tables {
            if let Some(rows) = tally.kept.remove(&Kept::Changed) {
                *tally.kept.entry(Kept::Newer).or_default() += rows;
            }
        }
        for row in self.target_rows.iter_mut().filter(|row| row.reason == Some(Kept::Changed.word())) {
            row.reason = Some(Kept::Newer.word());
        }
    }

    /// Rows of a table that were sent, or would be.
    pub(super) fn inserted(&self, table: usize) -> u64 {
        self.tables.get(table).map_or(0, |tally| tally.inserted)
    }

    /// Whether copies may have words that are none of the closed sets of their columns.
    pub(super) fn may_have_unknown_words(&self) -> bool {
        self.rejected > 0 || self.figures.has_other_status()
    }

    /// Adds something that the operator should know.
    pub(super) fn warn(&mut self, warning: String) {
        self.warnings.push(warning);
    }

    /// Adds rows that were removed, and why others were not.
    pub(super) fn pruned(&mut self, pruned: Pruned) {
        for (tally, rows) in self.tables.iter_mut().zip(pruned.rows) {
            tally.pruned = rows;
        }
        if pruned.changed > 0 {
            let (rows, were) = match pruned.changed {
                1 => ("1 row".to_owned(), "was"),
                rows => (format!("{rows} rows"), "were"),
            };
            self.warn(format!(
                "{rows} that --prune removes {were} changed in Karbor since the import (listed below as that; changes that moved \
                 nothing that an import writes cannot be seen)"
            ));
        }
        self.warnings.extend(pruned.warnings);
    }

    /// Every row read must have an outcome, and every migrated copy one in the target, unless the run is refused and did not
    /// ask there.
    pub(super) fn check(&self, held: &Tallies, refused: bool) -> Result<()> {
        for (table, tally) in held {
            let mut whole = tally.clone();
            if let Some(copies) = self.copies.get(table) {
                if copies.read != tally.read {
                    let (first, second) = (tally.read, copies.read);
                    return Err(Error::Imbalance(format!(
                        "{first} rows of {table} in pass one, {second} in pass two"
                    )));
                }
                whole = copies.clone();
            }
            if !whole.balances() {
                return Err(Error::Imbalance(format!("{} rows of {table} were read: {whole:?}", whole.read)));
            }
        }
        let migrated = self.migrated_copies();
        match self.tables.last() {
            Some(items) if items.converted() != migrated && !refused => {
                let rows = items.converted();
                Err(Error::Imbalance(format!("{migrated} copies migrated, and {rows} rows have an outcome")))
            }
            _ => Ok(()),
        }
    }

    /// Every row read must have been noted, where rows are.
    pub(super) fn check_notes(&self, held: &Tallies, recorder: &Recorder) -> Result<()> {
        let read: u64 = held.values().map(|tally| tally.read).sum();
        if !recorder.wants() || recorder.rows() == read {
            return Ok(());
        }
        Err(Error::Imbalance(format!(
            "{read} rows were read, and {} have a line of outcomes",
            recorder.rows()
        )))
    }

    /// Notes where the outcomes of all rows are.
    pub(super) fn noted(&mut self, path: &Path, rows: u64, error: Option<std::io::Error>) {
        let file = path.display().to_string();
        if let Some(error) = error {
            self.warn(format!("the outcomes are in {file}: it cannot be renamed: {error}"));
        }
        self.outcomes_file = Some(OutcomesWritten { file, rows });
    }

    /// The report of the run, but for how it ended.
    pub(super) fn into_report(
        self,
        sources: Sources,
        figures: PolicyFigures,
        survey: Option<&Survey>,
        options: &Options,
    ) -> Report {
        let found = |table| sources.blocks.iter().any(|block| block.table == table);
        let losses = losses(&absent(&options.columns, found));
        let mut tallies = sources.tallies;
        tallies.extend(self.copies);
        let rejected = self.rejected + sources.rejections.rows;
        let mut rejections = sources.rejections.listed;
        rejections.extend(self.listed);
        rejections.truncate(REJECTIONS_LISTED);
        let mut warnings = warnings(survey, &figures, options);
        warnings.extend(self.warnings);
        if let Some((path, Some(error))) = &self.rejects_file {
            warnings
                .push(format!("the rejected rows are in {}: it cannot be renamed: {error}", path.display()));
        }
        Report {
            ending: Ending::Checked,
            target: None,
            losses,
            dumps: sources.dumps,
            sources: tallies.into_iter().map(|(table, tally)| (table.name(), tally)).collect(),
            tables: self.tables,
            compared: false,
            target_rows: self.target_rows,
            service: survey.and_then(|survey| survey.service.clone()),
            zones: figures.zones(),
            policies_on_off: (figures.on, figures.off),
            drifting_policies: figures.drifting,
            policies_without_trust: without_trust(&figures, options),
            schedules: None,
            copies: self.figures.told(),
            rejections,
            rejected,
            warnings,
            rejects_file: self.rejects_file.map(|(path, _)| path.display().to_string()),
            outcomes_file: self.outcomes_file,
            stages: Vec::new(),
        }
    }
}

fn warnings(survey: Option<&Survey>, figures: &PolicyFigures, options: &Options) -> Vec<String> {
    let mut warnings = survey.map(|survey| survey.warnings.clone()).unwrap_or_default();
    let (on, off) = (figures.on, figures.off);
    if on + off > 1 && (on == 0 || off == 0) {
        let side = if off == 0 { "ON" } else { "OFF" };
        warnings.push(format!(
            "all {} policies are {side} with {:?} as the value that means ON: is that so? (setting policy_on)",
            on + off,
            options.settings.policy_on
        ));
    }
    warnings.extend(crate::engine::policies_without_trust(without_trust(figures, options)));
    warnings
}

/// Policies that got a placeholder instead of a trust.
fn without_trust(figures: &PolicyFigures, options: &Options) -> u64 {
    if options.settings.trust_id.is_some() { 0 } else { figures.without_trust }
}
