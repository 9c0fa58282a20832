//! The books of a run: what was read against what became of it, what was encoded against what the target counted.

use crate::error::{Error, Result};
use crate::extract::Sources;
use crate::karbor::layout::Layout;
use crate::load::{Refusal, Survey};
use crate::options::Options;
use crate::outcome::{Ending, REJECTIONS_LISTED, Rejection, Report, Tally, TargetTally};
use crate::run::stream::Ready;
use crate::transform::ledger::Tallies;
use crate::transform::policies::PolicyFigures;
use crate::transform::rejections::SetAside;
use parsers::columns::Table;
use std::collections::VecDeque;
use std::path::PathBuf;

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
pub(super) struct Accounts {
    copies: Tallies,
    pub(super) rejected: u64,
    listed: Vec<Rejection>,
    /// Bulk rows to be set aside by their places.
    pub(super) aside: Vec<SetAside>,
    tables: Vec<TargetTally>,
    encoded: u64,
    traces: VecDeque<Trace>,
    dumps: Vec<String>,
    /// Where rejected rows were set aside, and why not where they should be.
    rejects_file: Option<(PathBuf, Option<std::io::Error>)>,
}

impl Accounts {
    pub(super) fn new(dumps: Vec<String>) -> Self {
        Self {
            copies: Tallies::new(),
            rejected: 0,
            listed: Vec::new(),
            aside: Vec::new(),
            tables: Vec::new(),
            encoded: 0,
            traces: VecDeque::new(),
            dumps,
            rejects_file: None,
        }
    }

    /// Adds a chunk's outcomes.
    pub(super) fn copies(&mut self, table: Table, tally: &Tally) {
        self.copies.entry(table).or_default().add(tally);
    }

    pub(super) fn reject(&mut self, rejection: Rejection) {
        self.rejected += 1;
        if self.listed.len() < REJECTIONS_LISTED {
            self.listed.push(rejection);
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

    pub(super) fn begin(&mut self, _layout: &Layout) {
        self.encoded = 0;
        self.traces.clear();
    }

    pub(super) fn encoded(&mut self, rows: u64) {
        self.encoded += rows;
    }

    /// The target's refusal, with the place in the dump that its row came from.
    pub(super) fn explain(&self, refusal: Refusal) -> Error {
        match (refusal.row.and_then(|row| self.place(row)), refusal.error) {
            (Some(place), Error::Target { what, remedy }) => Error::TargetRow { place, what, remedy },
            (_, error) => error,
        }
    }

    fn place(&self, row: u64) -> Option<String> {
        let trace = self.traces.iter().rev().find(|trace| trace.first <= row)?;
        let line = trace.lines.get(usize::try_from(row - trace.first).ok()?)?;
        Some(format!("{}:{}", self.dumps.get(trace.dump)?, trace.line + u64::from(*line)))
    }

    /// Closes a target table: the rows encoded must be the rows the target counted.
    pub(super) fn end(&mut self, layout: &Layout, counted: Option<u64>) -> Result<()> {
        if let Some(counted) = counted.filter(|counted| *counted != self.encoded) {
            return Err(Error::Imbalance(format!(
                "{} rows of {} were sent, and the target counted {counted}",
                self.encoded, layout.name
            )));
        }
        self.tables.push(TargetTally { table: layout.name.clone(), written: self.encoded });
        Ok(())
    }

    /// Every row read must have an outcome, and every migrated copy must be a row of the target.
    pub(super) fn check(&self, held: &Tallies) -> Result<()> {
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
        let migrated: u64 = self.copies.values().map(|tally| tally.migrated).sum();
        match self.tables.last() {
            Some(items) if items.written != migrated => {
                Err(Error::Imbalance(format!("{migrated} copies migrated, {} rows encoded", items.written)))
            }
            _ => Ok(()),
        }
    }

    /// The report of the run, but for how it ended.
    pub(super) fn into_report(
        self,
        sources: Sources,
        figures: PolicyFigures,
        survey: Option<&Survey>,
        options: &Options,
    ) -> Report {
        let mut tallies = sources.tallies;
        tallies.extend(self.copies);
        let rejected = self.rejected + sources.rejections.rows;
        let mut rejections = sources.rejections.listed;
        rejections.extend(self.listed);
        rejections.truncate(REJECTIONS_LISTED);
        let mut warnings = warnings(survey, &figures, options);
        if let Some((path, Some(error))) = &self.rejects_file {
            warnings
                .push(format!("the rejected rows are in {}: it cannot be renamed: {error}", path.display()));
        }
        if survey.is_none() && !sources.bulk.is_empty() {
            warnings
                .push("copies that are there twice were not looked for: only a target finds them".to_owned());
        }
        Report {
            ending: Ending::Checked,
            target: None,
            dumps: sources.dumps,
            sources: tallies.into_iter().map(|(table, tally)| (table.name(), tally)).collect(),
            tables: self.tables,
            service: survey.and_then(|survey| survey.service.clone()),
            zones: figures.zones(),
            policies_on_off: (figures.on, figures.off),
            drifting_policies: figures.drifting,
            rejections,
            rejected,
            warnings,
            rejects_file: self.rejects_file.map(|(path, _)| path.display().to_string()),
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
    if figures.without_trust > 0 && options.settings.trust_id.is_none() {
        warnings.push(format!(
            "{} policies have no trust and got a placeholder: Karbor cannot run or delete their operations until they have one (setting trust_id)",
            figures.without_trust
        ));
    }
    warnings
}
