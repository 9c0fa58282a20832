//! The copies on their way to the target: converted in parallel, taken in order.
//!
//! Where the target holds copies of an import they are converted twice: once to tell the comparison of them, and once more, if
//! anything differs, to write what is new and to stage what the database is to judge.

use super::stream::{self, Ready};
use super::{Loading, Policies};
use crate::compare::sql::ITEMS;
use crate::compare::{Sieve, Sums};
use crate::error::{Error, Result};
use crate::extract::Sources;
use crate::karbor::layout::Layout;
use crate::options::Options;
use crate::progress::Progress;
use crate::transform::items::{CopyContext, IdSet, row_digest};
use parsers::columns::Table;
use parsers::input::Input;
use rayon::ThreadPool;

/// Staged rows are sent when they come to so many bytes: sending them closes the table that is being filled.
const STAGE_BYTES: usize = 2 << 20;

/// What a conversion of the copies is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// The only one: outcomes are counted, rows are written.
    Only,
    /// Outcomes are counted, the comparison is told of the rows.
    First,
    /// Rows are written or staged.
    Second,
}

/// Rows that wait to be staged, and what was staged before them.
#[derive(Default)]
struct Staged {
    bytes: Vec<u8>,
    rows: u64,
    /// All rows that were staged.
    all: u64,
    created: bool,
}

impl Loading<'_> {
    /// Writes the copies.
    pub(super) fn copies(
        &mut self,
        inputs: &mut [Input],
        sources: &mut Sources,
        policies: &Policies,
        options: &Options,
    ) -> Result<()> {
        let [.., layout] = self.layouts;
        self.begin(layout)?;
        let pool = stream::pool(options.threads)?;
        let mut staged = Staged::default();
        let compares = match &self.comparison {
            Some(comparison) => comparison.table(ITEMS)?.rows > 0,
            None => false,
        };
        let mut turns = Turns { pool: &pool, inputs, sources, policies, options };
        let mut there = false;
        if !compares {
            turns.convert(self, Turn::Only, &mut staged)?;
        } else {
            let new = turns.convert(self, Turn::First, &mut staged)?;
            if self.sink.is_none() {
                // Rows were rejected: nothing is written, and nobody asks the target.
                return self.end(layout);
            }
            there = self.note_there_copies()?;
            if new == 0 && self.copies_are_equal()? {
                self.accounts.all_unchanged(ITEMS);
            } else {
                turns.announce(self.progress);
                turns.convert(self, Turn::Second, &mut staged)?;
            }
        }
        self.flush(&mut staged, layout)?;
        self.end(layout)?;
        self.judge_copies(&staged, there)
    }

    /// Whether the target holds the very copies that the dumps do: then they are as many, too.
    fn copies_are_equal(&self) -> Result<bool> {
        let Some(comparison) = &self.comparison else { return Ok(true) };
        let table = comparison.table(ITEMS)?;
        let migrated = self.accounts.migrated_copies();
        if table.all_equal() && table.rows != migrated {
            let held = table.rows;
            let what = format!("{migrated} copies migrated, equal to {held} in the target");
            return Err(Error::Imbalance(what));
        }
        Ok(table.all_equal())
    }

    fn note_there_copies(&mut self) -> Result<bool> {
        self.pause()?;
        let there = match self.merge() {
            Some(mut merge) => merge.note_there(ITEMS)?,
            None => false,
        };
        let [.., layout] = self.layouts;
        self.open(layout)?;
        Ok(there)
    }

    /// Takes the sums of the copies out of the comparison, or puts them back.
    fn swap_sums(&mut self, sums: &mut Sums) -> Result<()> {
        if let Some(comparison) = self.comparison_mut() {
            comparison.table_mut(ITEMS)?.swap_sums(sums);
        }
        Ok(())
    }

    /// Closes the table that is being filled for a while.
    fn pause(&mut self) -> Result<()> {
        if let Some(counted) = self.close()? {
            self.accounts.paused(counted);
        }
        Ok(())
    }

    /// Takes one transformed chunk, in its turn.
    fn take(&mut self, turn: Turn, ready: &mut Ready, staged: &mut Staged) -> Result<()> {
        self.cancel.check()?;
        if turn != Turn::Second {
            self.count(ready)?;
        }
        if turn == Turn::First {
            return Ok(());
        }
        self.accounts.unchanged(ITEMS, ready.sifted.unchanged);
        staged.take(ready);
        if staged.bytes.len() >= STAGE_BYTES {
            let [.., layout] = self.layouts;
            self.flush(staged, layout)?;
        }
        self.accounts.trace(ready);
        self.send(std::mem::take(&mut ready.converted.bytes), ready.converted.rows)
    }

    /// Counts the outcomes of a chunk's rows, and sets the rejected ones aside.
    fn count(&mut self, ready: &mut Ready) -> Result<()> {
        let figures = std::mem::take(&mut ready.converted.copies);
        self.accounts.copies(ready.block.table, &ready.converted.tally, figures);
        for row in std::mem::take(&mut ready.converted.rejections) {
            match (&mut self.rejects, row.raw) {
                (Some(file), Some(raw)) => {
                    let digest = row.keyless.then(|| row_digest(&raw));
                    file.row(&ready.block, &raw, digest)?;
                }
                (Some(_), None) => self.accounts.aside.extend(row.aside.map(|aside| *aside)),
                (None, _) => {}
            }
            self.accounts.reject(row.rejection);
        }
        if self.accounts.rejected > 0 && !self.aside {
            self.give_up()?;
        }
        Ok(())
    }

    /// Stages what waits, between two pieces of the table that is being filled.
    fn flush(&mut self, staged: &mut Staged, layout: &Layout) -> Result<()> {
        if staged.rows == 0 {
            return Ok(());
        }
        self.pause()?;
        if !std::mem::replace(&mut staged.created, true)
            && let Some(mut merge) = self.merge()
        {
            merge.create_stage(ITEMS)?;
        }
        self.stage(&layout.staging(), std::mem::take(&mut staged.bytes), std::mem::take(&mut staged.rows))?;
        self.open(layout)
    }

    fn judge_copies(&mut self, staged: &Staged, there: bool) -> Result<()> {
        let writes = self.writes;
        let Some(mut merge) = self.merge() else { return Ok(()) };
        let mut judged = None;
        if staged.all > 0 {
            judged = Some(merge.judge(ITEMS, staged.all)?);
        }
        let mut lost = None;
        if there {
            if staged.all == 0 {
                merge.create_stage(ITEMS)?;
            }
            lost = Some(merge.lost(ITEMS)?);
        }
        if let Some(judged) = judged.as_ref().filter(|_| writes) {
            merge.apply(judged)?;
        }
        judged.into_iter().for_each(|judged| self.accounts.judged(judged));
        lost.into_iter().for_each(|lost| self.accounts.lost(ITEMS, lost));
        self.there.extend(there.then_some(ITEMS));
        Ok(())
    }
}

impl Staged {
    fn take(&mut self, ready: &mut Ready) {
        let sifted = &mut ready.sifted;
        self.bytes.append(&mut sifted.staged);
        self.rows += sifted.staged_rows;
        self.all += sifted.staged_rows;
    }
}

/// What every turn needs.
pub(crate) struct Turns<'t> {
    pub(crate) pool: &'t ThreadPool,
    pub(crate) inputs: &'t mut [Input],
    pub(crate) sources: &'t Sources,
    pub(crate) policies: &'t Policies,
    pub(crate) options: &'t Options,
}

impl Turns<'_> {
    /// The dumps with copies are read once more.
    pub(crate) fn announce(&self, progress: &Progress) {
        for (n, input) in self.inputs.iter().enumerate() {
            if self.sources.bulk.iter().any(|bulk| usize::from(bulk.block.dump.0) == n) {
                progress.add_total(n, input.size().unwrap_or(0));
            }
        }
    }

    /// Converts all copies; answers how many rows the target certainly has not.
    fn convert(&mut self, loading: &mut Loading<'_>, turn: Turn, staged: &mut Staged) -> Result<u64> {
        let [.., layout] = loading.layouts;
        // In the first turn this thread changes the sums while the others ask which keys are new.
        let mut sums = Sums::default();
        if turn == Turn::First {
            loading.swap_sums(&mut sums)?;
        }
        let comparison = loading.comparison.clone();
        let table = comparison.as_deref().map(|comparison| comparison.table(ITEMS)).transpose()?;
        let sieve = match (turn, table) {
            (Turn::First, Some(table)) => Sieve::Digest(table),
            (Turn::Only | Turn::Second, Some(table)) => Sieve::Sort(table),
            (_, None) => Sieve::All,
        };
        let mut taking = Taking { loading, turn, staged, sums, new: 0 };
        self.each(layout, sieve, &mut |ready| taking.take(ready))?;
        let Taking { loading, mut sums, new, .. } = taking;
        drop(comparison);
        if turn == Turn::First {
            loading.swap_sums(&mut sums)?;
        }
        Ok(new)
    }

    /// Converts and sifts all copies, and gives the chunks to `take` in order: DPS copies first, so that cinder's backups are
    /// known by them.
    pub(crate) fn each(
        &mut self,
        layout: &Layout,
        sieve: Sieve<'_>,
        take: &mut dyn FnMut(&mut Ready) -> Result<()>,
    ) -> Result<()> {
        let (sources, policies) = (self.sources, self.policies);
        let plans = sources.links.plans(policies.vbs.policy_ids(&sources.vbs));
        let first_cinder =
            sources.bulk.partition_point(|bulk| bulk.block.table == Table::BackupTransactionItem);
        let (of_dps, of_cinder) = sources.bulk.split_at(first_cinder);
        let none = IdSet::default();
        let mut context = CopyContext {
            settings: &self.options.settings,
            layout,
            names: &sources.names,
            links: &sources.links,
            plans: &plans,
            dps_plans: &policies.dps_of_items,
            dps_copies: &none,
            replaced: &sources.replaced,
        };
        // Which cinder backups are DPS copies is only asked where there are any.
        let wants_ids = !of_cinder.is_empty();
        let mut ids = Vec::new();
        let Self { pool, inputs, options, .. } = self;
        stream::stream(pool, inputs, of_dps, (&context, sieve), options, &mut |ready| {
            if wants_ids {
                ids.append(&mut ready.converted.dps_ids);
            }
            take(ready)
        })?;
        let dps_copies = IdSet::new(ids);
        context.dps_copies = &dps_copies;
        stream::stream(pool, inputs, of_cinder, (&context, sieve), options, take)
    }
}

/// Takes the chunks of one turn.
struct Taking<'t, 'l> {
    loading: &'t mut Loading<'l>,
    turn: Turn,
    staged: &'t mut Staged,
    sums: Sums,
    /// Rows that the target certainly has not.
    new: u64,
}

impl Taking<'_, '_> {
    fn take(&mut self, ready: &mut Ready) -> Result<()> {
        self.new += ready.sifted.new;
        for (key, whole, row) in ready.sifted.digests.drain(..) {
            self.sums.subtract(key, whole, row);
        }
        self.loading.take(self.turn, ready, self.staged)
    }
}
