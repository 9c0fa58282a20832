//! The jobs of the task manager and how they ended, from its dump. Of a job that is over well nothing is kept but a digest of
//! its id; reasons and states are kept once each.

use crate::error::{Error, Result};
use crate::karbor::ids;
use crate::outcome::{DumpReport, REJECTIONS_LISTED, Rejection};
use crate::progress::{Cancel, Progress};
use crate::sync::options::Options;
use parsers::error::ErrorKind;
use parsers::input::Input;
use parsers::models::taskmgr::Job;
use parsers::models::{Model, Reading, SoftDeletion};
use parsers::position::{DumpId, Place};
use parsers::row::RowFault;
use parsers::scan::scanner::Scanner;
use parsers::scan::{Block, Chunk, Cut};
use parsers::table::Table;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// How a job ended, or that it did not. Of two that are said of one job, the greater counts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Outcome {
    /// A state that is not known; empty where there is none.
    Unknown(Arc<str>),
    /// This state, which is not the last.
    Unfinished(Arc<str>),
    /// It is over and went well.
    Success,
    /// It is over and failed, for this reason; empty where none is said.
    Failed(Arc<str>),
    /// The dumps say that it went well and that it failed.
    Contradiction,
}

impl Outcome {
    /// What is to be believed of a job of which the dumps say both.
    fn or(self, other: Self) -> Self {
        match (&self, &other) {
            (Self::Success, Self::Failed(_)) | (Self::Failed(_), Self::Success) => Self::Contradiction,
            _ => self.max(other),
        }
    }
}

/// All jobs of the dumps.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    outcomes: HashMap<u128, Outcome>,
    texts: HashSet<Arc<str>>,
    /// Rows of the table.
    pub(super) rows: u64,
    /// Those of them that cannot be read.
    pub(super) unreadable: u64,
    /// The first of these.
    pub(super) rejections: Vec<Rejection>,
    /// The dumps as read.
    pub(super) dumps: Vec<DumpReport>,
}

impl Jobs {
    /// Reads all dumps.
    ///
    /// # Errors
    /// A dump is damaged, or none holds jobs.
    pub(super) fn read(
        inputs: &mut [Input],
        options: &Options,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<Self> {
        let mut jobs = Self::default();
        let mut found = false;
        for (n, input) in inputs.iter_mut().enumerate() {
            progress.set_total(n, input.size().unwrap_or(0));
            let id = DumpId(u16::try_from(n).unwrap_or(u16::MAX));
            found |= jobs.dump(input, id, options, cancel)?;
        }
        if found {
            return Ok(jobs);
        }
        let names: Vec<&str> = inputs.iter().map(Input::name).collect();
        Err(Error::target(
            format!(
                "{}: no table {}, so that no job's outcome is known",
                names.join(", "),
                Table::TaskmgrJob
            ),
            "name the task manager's dump, taskmgr.sql",
        ))
    }

    /// Reads one dump; answers whether it holds the table.
    fn dump(&mut self, input: &mut Input, id: DumpId, options: &Options, cancel: &Cancel) -> Result<bool> {
        let name = input.name().to_owned();
        let mut scanner = Scanner::new(input, id, &options.columns, options.limits)?;
        let (mut known, mut found) = (false, false);
        let mut report = DumpReport { name: name.clone(), ..DumpReport::default() };
        let mut chunk = Chunk::default();
        while let Some(block) = scanner.block()? {
            cancel.check()?;
            known = true;
            if block.table != Table::TaskmgrJob {
                let rows = scanner.skip_block()?;
                *report.other_tables.entry(block.table.name().to_owned()).or_default() += rows;
                continue;
            }
            found = true;
            let missing = options.columns.missing(block.table, &block.columns);
            if !missing.is_empty() {
                let at = scanner.place_at(block.statement);
                let line = |column: &&str| format!("{at}: table {} has no column {column}", block.table);
                let problems = missing.iter().map(line).collect();
                return Err(parsers::error::Error::from(ErrorKind::NotAsMapped { problems }).into());
            }
            let binding = scanner.bind(&block)?;
            let unknown = binding.unknown();
            if !unknown.is_empty() {
                report.unknown_columns.insert(block.table.name().to_owned(), unknown);
            }
            let columns = (Job::bind(&binding), SoftDeletion::bind(&binding, false));
            loop {
                cancel.check()?;
                match scanner.chunk(&mut chunk)? {
                    Cut::End => break,
                    Cut::Rows => self.chunk(&name, &block, &chunk, &columns),
                    Cut::TooLong(origin) => {
                        self.rows += 1;
                        let place = Place { dump: name.clone(), position: origin.position };
                        let fault = RowFault::TooLong { limit: block.row_limit };
                        self.reject(Rejection::of_row(place, block.table, &fault));
                    }
                }
            }
        }
        let contents = scanner.finish()?;
        if !known && !contents.rejects {
            let others = contents.other_tables.into_keys().take(8).collect();
            return Err(parsers::error::Error::from(ErrorKind::NoKnownTable { dump: name, others }).into());
        }
        (report.bytes, report.rejects) = (contents.bytes, contents.rejects);
        report.progress_reports = contents.progress;
        report.other_tables.extend(contents.other_tables);
        self.dumps.push(report);
        Ok(found)
    }

    fn chunk(
        &mut self,
        name: &str,
        block: &Block,
        chunk: &Chunk,
        (columns, soft): &(<Job as Model>::Columns, SoftDeletion),
    ) {
        self.rows += chunk.rows;
        let mut rows = block.rows(chunk);
        while let Some(row) = rows.next() {
            let place = |position| Place { dump: name.to_owned(), position };
            let row = match row {
                Ok(row) => row,
                Err(bad) => {
                    self.reject(Rejection::of_row(place(bad.position), block.table, &bad.fault));
                    continue;
                }
            };
            let mut reading = Reading::new(&row);
            let deleted = soft.read(&mut reading);
            let job = Job::read(columns, &mut reading);
            match reading.into_fault() {
                Some(fault) => self.reject(Rejection::of_field(place(row.position()), block.table, &fault)),
                None if deleted => {}
                None => self.note(&job),
            }
        }
    }

    fn note(&mut self, job: &Job) {
        let outcome = match job.status() {
            "SUCCESS" => Outcome::Success,
            "FAIL" => Outcome::Failed(self.text(job.fail_reason().unwrap_or_default())),
            state @ ("INIT" | "RUNNING") => Outcome::Unfinished(self.text(state)),
            state => Outcome::Unknown(self.text(state)),
        };
        let id = ids::digest(&[job.id()]);
        let outcome = match self.outcomes.remove(&id) {
            Some(known) => known.or(outcome),
            None => outcome,
        };
        self.outcomes.insert(id, outcome);
    }

    fn text(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.texts.get(text) {
            return Arc::clone(known);
        }
        let text: Arc<str> = text.into();
        self.texts.insert(Arc::clone(&text));
        text
    }

    fn reject(&mut self, rejection: Rejection) {
        self.unreadable += 1;
        if self.rejections.len() < REJECTIONS_LISTED {
            self.rejections.push(rejection);
        }
    }

    /// How a job ended, where the dumps know it.
    pub(super) fn outcome(&self, id: &str) -> Option<&Outcome> {
        self.outcomes.get(&ids::digest(&[id]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_outcomes_the_last_state_counts_in_any_order() {
        let text = |text: &str| Arc::from(text);
        let (running, odd) = (Outcome::Unfinished(text("RUNNING")), Outcome::Unknown(text("PAUSED")));
        let failed = Outcome::Failed(text("why"));
        for (one, other, believed) in [
            (&running, &Outcome::Success, &Outcome::Success),
            (&odd, &running, &running),
            (&failed, &odd, &failed),
            (&Outcome::Success, &Outcome::Success, &Outcome::Success),
            (&Outcome::Success, &failed, &Outcome::Contradiction),
            (&Outcome::Contradiction, &failed, &Outcome::Contradiction),
        ] {
            assert_eq!(&one.clone().or(other.clone()), believed);
            assert_eq!(&other.clone().or(one.clone()), believed);
        }
    }
}
