//! What the loading of one run has.

use crate::compare::comparison::Comparison;
use crate::compare::sql::STATES;
use crate::compare::{Known, LostRows, Scope, StateValue, refuse_blind};
use crate::engine;
use crate::error::{Error, Result};
use crate::extract::sources::Sources;
use crate::karbor::layout::Layout;
use crate::load::{Sink, Survey};
use crate::options::{Mode, Options};
use crate::outcome::Ending;
use crate::progress::{Cancel, Progress};
use crate::rejects::RejectsFile;
use crate::row_outcomes::Recorder;
use crate::run::account::Accounts;
use parsers::input::Input;
use std::sync::Arc;

/// Everything that is written, on its way to the end of the run.
pub(crate) struct Loading<'l> {
    pub(crate) sink: Option<Box<dyn Sink>>,
    /// Whether what is converted goes to the target, or is only compared with it.
    pub(crate) writes: bool,
    /// Imported rows that the dumps no longer have.
    pub(crate) lost: LostRows,
    /// Whether those are to go.
    pub(crate) prunes: bool,
    /// The service that runs the operations.
    pub(crate) service: Option<i64>,
    /// Why the dumps seem to be older than the import.
    pub(crate) stale: Option<String>,
    pub(crate) layouts: &'l [Layout; 6],
    pub(crate) rejects: Option<RejectsFile>,
    /// Takes what became of each source row.
    pub(crate) recorder: Recorder,
    pub(crate) accounts: Accounts,
    pub(crate) progress: &'l Progress,
    pub(crate) cancel: &'l Arc<Cancel>,
    pub(crate) aside: bool,
}

impl Loading<'_> {
    /// The comparison with what the target has, where it is a database.
    pub(crate) fn comparison(
        &mut self,
        sources: &Sources,
        survey: Option<&Survey>,
        options: &Options,
    ) -> Option<Comparison> {
        let survey = survey?;
        let session = self.sink.as_mut().and_then(|sink| sink.session())?;
        let value = |named: bool| if named { StateValue::Named } else { StateValue::Found };
        let known = Known {
            service: value(options.settings.service_id.is_some()),
            trust: value(options.settings.trust_id.is_some()),
            live_services: survey.live_services.clone(),
        };
        Some(Comparison::new(session, self.layouts, Scope::of(sources), &known, &options.tuning))
    }

    /// Removes what the dumps no longer have, or counts it.
    pub(crate) fn prune(
        &mut self,
        name: &str,
        sources: &Sources,
        comparison: &Comparison,
        typed: Option<u64>,
    ) -> Result<()> {
        let rejected = self.accounts.rejected + sources.rejections.rows > 0;
        if rejected && !self.aside {
            // The run is refused anyway, with the rows that are to blame.
            return Ok(());
        }
        refuse_blind(sources.replaced.files.contains(&true), rejected)?;
        let Some(session) = self.sink.as_mut().and_then(|sink| sink.session()) else { return Ok(()) };
        let pruned = comparison.find_pruned(session, &self.lost)?;
        let going: u64 = pruned.rows.iter().sum();
        if let Some(stale) = self.stale.as_ref().filter(|_| going > 0 && typed != Some(going)) {
            return Err(Error::target(
                format!("--prune would remove {going} rows, and {stale}"),
                format!(
                    "take newer dumps; if the source really has those rows no longer, run again with --prune={going}"
                ),
            ));
        }
        if self.writes {
            comparison.prune(session, name, (&pruned, &self.lost), typed)?;
        }
        self.accounts.pruned(pruned);
        Ok(())
    }

    /// Nothing will be written: the server need not wait for the rest of the conversion.
    pub(crate) fn give_up(&mut self) -> Result<()> {
        self.sink.take().map_or(Ok(()), Sink::rollback)
    }

    pub(crate) fn begin(&mut self, layout: &Layout) -> Result<()> {
        self.cancel.check()?;
        self.accounts.begin(layout);
        self.open(layout)
    }

    pub(crate) fn open(&mut self, layout: &Layout) -> Result<()> {
        match &mut self.sink {
            Some(sink) if self.writes => sink.table(layout),
            _ => Ok(()),
        }
    }

    pub(crate) fn send(&mut self, bytes: Vec<u8>, rows: u64) -> Result<()> {
        if rows == 0 {
            return Ok(());
        }
        self.accounts.encoded(rows);
        if let Some(sink) = self.sink.as_mut().filter(|_| self.writes) {
            sink.rows(bytes, rows).map_err(|refusal| self.accounts.explain(refusal))?;
        }
        self.progress.add_loaded(rows);
        Ok(())
    }

    /// Closes the table that is open; returns how many rows the target counted, if there is one.
    pub(crate) fn close(&mut self) -> Result<Option<u64>> {
        match self.sink.as_mut().filter(|_| self.writes) {
            Some(sink) => Ok(Some(sink.end().map_err(|refusal| self.accounts.explain(refusal))?)),
            None => Ok(None),
        }
    }

    pub(crate) fn end(&mut self, layout: &Layout) -> Result<()> {
        let counted = self.close()?;
        self.accounts.end(layout, counted)
    }

    /// Checks the accounts and ends the transaction.
    pub(crate) fn finish(
        &mut self,
        inputs: &mut [Input],
        sources: &Sources,
        options: &Options,
    ) -> Result<Ending> {
        let rejected = self.accounts.rejected + sources.rejections.rows;
        let refused = rejected > 0 && !self.aside;
        self.accounts.check(&sources.tallies, refused)?;
        self.accounts.check_notes(&sources.tallies, &self.recorder)?;
        self.recorder.close()?;
        if refused {
            self.give_up()?;
            self.publish_notes();
            return Ok(Ending::Refused);
        }
        if let Some(file) = &mut self.rejects {
            let mut rows = sources.rejections.set_aside.clone();
            rows.append(&mut self.accounts.aside);
            file.copy(inputs, &sources.blocks, &rows)?;
            let written = file.close()?;
            if written != rejected {
                return Err(Error::Imbalance(format!("{rejected} rows rejected, {written} set aside")));
            }
        }
        for input in inputs.iter() {
            input.check_unchanged()?;
        }
        if let Some(session) = self.sink.as_mut().and_then(|sink| sink.session()) {
            let planned = self.service.filter(|_| !self.writes);
            let planned = planned.map(|service| (service, self.accounts.inserted(STATES)));
            let warnings = engine::start_warnings(session, self.layouts, planned)?;
            warnings.into_iter().for_each(|warning| self.accounts.warn(warning));
        }
        self.cancel.check()?;
        match (self.sink.take(), options.mode) {
            (Some(sink), Mode::Run) => {
                sink.commit()?;
                // With nothing to set aside there is no file to leave behind.
                if let Some(file) = self.rejects.take().filter(|_| rejected > 0) {
                    self.accounts.set_aside(file.publish());
                }
                self.publish_notes();
                Ok(Ending::Committed)
            }
            (sink, _) => {
                sink.map_or(Ok(()), Sink::rollback)?;
                self.publish_notes();
                Ok(Ending::Checked)
            }
        }
    }

    /// Gives the file of outcomes its name. Where that fails, what is committed is not a failure any more.
    fn publish_notes(&mut self) {
        let rows = self.recorder.rows();
        if let Some((path, reason)) = std::mem::take(&mut self.recorder).publish() {
            self.accounts.noted(&path, rows, reason);
        }
    }
}
