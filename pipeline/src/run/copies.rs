//! The copies on their way to the target: converted in parallel, taken in order.
//!
//! Where the target has copies, its own or imported ones, they are converted twice: once to compare their digests, and once more, if anything differs, to
//! send what is new and to judge what is different.

pub(crate) mod reading;

pub(crate) use reading::{Copies, SourceOf};

use super::stream::{self, Digests, Ready};
use crate::compare::comparison::{Comparison, Found};
use crate::compare::sql::{ITEMS, MARKS};
use crate::compare::{
    Batch, Classes, Digester, Extra, Judge, KeyOf, KnownBy, LATER, Own, Sign, Sorter, Staging, Unit, Verdict,
    doubled,
};
use crate::error::{Error, Result};
use crate::extract::sources::Sources;
use crate::karbor::layout::Layout;
use crate::karbor::tuple::Rows;
use crate::options::Options;
use crate::rejects::RejectsFile;
use crate::row_outcomes::Recorder;
use crate::run::account::Accounts;
use crate::run::judged::Judged;
use crate::run::loading::Loading;
use crate::transform::items::row_digest;
use crate::transform::resolved::Policies;
use parsers::input::Input;
use parsers::table::Table;
use reading::Numbers;

impl Loading<'_> {
    /// Writes the copies.
    pub(super) fn copies(
        &mut self,
        inputs: &mut [Input],
        sources: &mut Sources,
        policies: &Policies,
        options: &Options,
        comparison: Option<&mut Comparison>,
    ) -> Result<()> {
        let [.., layout] = self.layouts;
        let pool = stream::pool(options.threads)?;
        let mut turns = Copies { pool: &pool, inputs, sources, policies, options };
        self.accounts.begin(layout);
        let Some(comparison) = comparison else {
            options.tuning.spool.check_room(turns.rows())?;
            return self.load_all(&mut turns, layout);
        };
        if let Some(session) = self.sink.as_mut().and_then(|sink| sink.session()) {
            comparison.check_room(session, ITEMS, turns.rows())?;
            if !comparison.any() && comparison.is_empty(session, ITEMS)? {
                return self.load_all(&mut turns, layout);
            }
        }
        self.compare_copies(&mut turns, comparison)?;
        self.accounts.end(layout, None)
    }

    /// Sends all copies to a target that has none, or none that is looked at.
    fn load_all(&mut self, copies: &mut Copies<'_>, layout: &Layout) -> Result<()> {
        self.open(layout)?;
        let digester = Digester::of_keys(ITEMS, layout);
        let mut keys = Sorter::new(&copies.options.tuning.spool);
        let mut numbers = Numbers::default();
        self.progress.expect(copies.rows());
        let sent = copies.each(layout, Digests::Keys(&digester), &mut |ready| {
            self.cancel.check()?;
            self.count(ready)?;
            let of_dps = ready.block.table != Table::Backups;
            for (known, digests) in KnownBy::ALL.into_iter().zip(&mut ready.digested.keys) {
                for key in digests.drain(..) {
                    let row = numbers.next(known);
                    if !(of_dps && known == KnownBy::Waiting) {
                        keys.push(KeyOf { key, row })?;
                    }
                }
            }
            self.accounts.trace(ready);
            self.send(std::mem::take(&mut ready.converted.bytes), ready.converted.rows)?;
            self.progress.take(ready.converted.tally.read);
            Ok(())
        });
        let sent = sent.and_then(|()| self.end(layout));
        if matches!(sent, Err(Error::Interrupted(_))) {
            return sent;
        }
        // A target with a key refuses the second of two rows; which is the first, only the dumps tell.
        let refused = self.accounts.rejected + copies.sources.rejections.rows > 0 && !self.aside;
        if !refused {
            copies.refuse_doubled(layout, doubled(keys)?)?;
        }
        sent
    }

    fn compare_copies(&mut self, copies: &mut Copies<'_>, comparison: &mut Comparison) -> Result<()> {
        let layout = comparison.layout(ITEMS)?.clone();
        let mut newest = None;
        let Self { sink, accounts, rejects, recorder, cancel, progress, .. } = self;
        progress.expect(copies.rows());
        let Some(session) = sink.as_mut().and_then(|sink| sink.session()) else {
            return Err(Error::Imbalance("copies were to be compared with no database".to_owned()));
        };
        let classifier = copies.compare(comparison, session, &mut |ready| {
            newest = newest.max(ready.digested.newest);
            cancel.check()?;
            progress.take(ready.converted.tally.read);
            count(accounts, (rejects.as_mut(), recorder), ready)
        })?;
        if self.is_refused() {
            // Nothing is written, and nobody asks the target any more.
            return self.give_up();
        }
        comparison.note_newest(newest);
        let mut classes = comparison.classify(ITEMS, classifier)?;
        copies.refuse_doubled(&layout, classes.doubled)?;
        let mut judged = Judged::default();
        judged.tally.unchanged = classes.equal;
        self.lost_copies(comparison, &mut classes, &mut judged)?;
        let mut updates = Staging::new(ITEMS);
        if classes.todo.peek().is_some() {
            if let Some(session) = self.sink.as_mut().and_then(|sink| sink.session()) {
                comparison.refuse_doubled_target(session, ITEMS, &classes)?;
            }
            copies.announce(self.progress);
            self.open(&layout)?;
            self.send_copies(copies, comparison, &mut classes, (&mut judged, &mut updates))?;
            self.pause()?;
        }
        self.accounts.judged(ITEMS, judged);
        match self.sink.as_deref_mut() {
            Some(sink) if self.writes => updates.apply(sink, comparison),
            _ => Ok(()),
        }
    }

    /// Looks at the imported copies that the dumps do not have.
    fn lost_copies(
        &mut self,
        comparison: &mut Comparison,
        classes: &mut Classes,
        judged: &mut Judged,
    ) -> Result<()> {
        let scope = &comparison.scope;
        // A row that cannot be read may be any of them.
        let tells = self.accounts.keyless == 0
            && scope.compared(ITEMS).all(|source| scope.judges_absence(ITEMS, source));
        let name = comparison.name(ITEMS).to_owned();
        let notes = self.prunes && self.writes;
        let newest = comparison.newest();
        let Self { sink, lost, .. } = self;
        let Some(session) = sink.as_mut().and_then(|sink| sink.session()) else { return Ok(()) };
        let mut any = true;
        while any {
            let mut ids = Vec::new();
            any = comparison.judge_extra(session, ITEMS, classes, &mut |judge: &Judge, found| {
                if let Found::Extra { target, extra: Extra::Lost(sign) } = found
                    && tells
                {
                    let key = judge.key(target, MARKS.len());
                    let is_later = sign.is_none() && newest.is_some() && judge.changed(target) > newest;
                    lost.lose_copy(judge.plan_of(target, MARKS.len()), sign.is_some());
                    lost.items_later += u64::from(is_later);
                    if notes {
                        ids.extend(key.first().cloned());
                    }
                    judged.lose(&name, &key, sign.map(Sign::words).or(is_later.then(|| LATER.to_owned())));
                }
                Ok(())
            })?;
            if !ids.is_empty() {
                lost.note_items(session, comparison, &ids)?;
            }
        }
        Ok(())
    }

    /// Sends the copies that are new, and has those judged that are different.
    fn send_copies(
        &mut self,
        copies: &mut Copies<'_>,
        comparison: &mut Comparison,
        classes: &mut Classes,
        (judged, updates): (&mut Judged, &mut Staging),
    ) -> Result<()> {
        let layout = comparison.layout(ITEMS)?.clone();
        let (mut number, mut batch) = (0u64, Batch::default());
        let source_of = SourceOf::new(&layout);
        copies.each(&layout, Digests::None, &mut |ready| {
            self.cancel.check()?;
            let bytes = std::mem::take(&mut ready.converted.bytes);
            let lines = std::mem::take(&mut ready.converted.lines);
            let (mut out, mut rows) = (Vec::new(), 0);
            for (n, row) in Rows::new(&layout, &bytes).enumerate() {
                let todo = classes.todo.next_if(|todo| todo.number == number)?;
                number += 1;
                match todo.map(|todo| todo.target) {
                    None => {}
                    Some(None) => {
                        out.extend_from_slice(row.bytes());
                        ready.converted.lines.extend(lines.get(n));
                        rows += 1;
                    }
                    Some(target) => {
                        let own = Own { source: source_of.of(row), row, unit: Unit::default() };
                        batch.push(number - 1, own, target);
                    }
                }
            }
            self.accounts.trace(ready);
            self.send(out, rows)?;
            self.progress.take(ready.converted.tally.read);
            if comparison.is_full(&batch) {
                self.judge_copies(comparison, &mut batch, (judged, updates))?;
            }
            Ok(())
        })?;
        self.judge_copies(comparison, &mut batch, (judged, updates))
    }

    /// Judges copies between two pieces of the table that is being filled.
    fn judge_copies(
        &mut self,
        comparison: &mut Comparison,
        batch: &mut Batch,
        (judged, updates): (&mut Judged, &mut Staging),
    ) -> Result<()> {
        self.pause()?;
        let name = comparison.name(ITEMS).to_owned();
        let layout = comparison.layout(ITEMS)?.clone();
        let Self { sink, lost, writes, .. } = self;
        let Some(sink) = sink.as_deref_mut() else { return Ok(()) };
        if let Some(session) = sink.session() {
            comparison.judge_batch(session, ITEMS, batch, &mut |judge: &Judge, found| {
                let Found::Row { own, target, verdict, .. } = found else { return Ok(()) };
                judged.row(&name, &verdict, || judge.key(own.row, 0));
                if let (Verdict::Update(row), Some(target)) = (&verdict, target) {
                    let plan = judge.plan_of(target, MARKS.len());
                    let row_now = Rows::new(&layout, row).next();
                    if *writes {
                        updates.push(row);
                    } else if plan != row_now.and_then(|row| judge.plan_of(row, 0)) {
                        lost.unlink(plan);
                    }
                }
                Ok(())
            })?;
        }
        if updates.is_full() {
            updates.send(sink, comparison)?;
        }
        self.open(&layout)
    }

    /// Closes the table that is being filled for a while.
    fn pause(&mut self) -> Result<()> {
        if let Some(counted) = self.close()? {
            self.accounts.paused(counted);
        }
        Ok(())
    }

    /// Whether rows were rejected that nobody sets aside.
    fn is_refused(&self) -> bool {
        self.accounts.rejected > 0 && !self.aside
    }

    /// Counts the outcomes of a chunk's rows, and gives the run up where it is refused.
    fn count(&mut self, ready: &mut Ready) -> Result<()> {
        count(&mut self.accounts, (self.rejects.as_mut(), &mut self.recorder), ready)?;
        if self.is_refused() { self.give_up() } else { Ok(()) }
    }
}

/// Counts the outcomes of a chunk's rows, brings their notes to the file, and sets the rejected ones aside.
fn count(
    accounts: &mut Accounts,
    (mut rejects, recorder): (Option<&mut RejectsFile>, &mut Recorder),
    ready: &mut Ready,
) -> Result<()> {
    recorder.take(std::mem::take(&mut ready.converted.notes))?;
    let figures = std::mem::take(&mut ready.converted.copies);
    accounts.copies(ready.block.table, &ready.converted.tally, figures);
    for row in std::mem::take(&mut ready.converted.rejections) {
        accounts.keyless += u64::from(row.keyless);
        match (&mut rejects, row.raw) {
            (Some(file), Some(raw)) => {
                let digest = row.keyless.then(|| row_digest(&raw));
                file.row(&ready.block, &raw, digest)?;
            }
            (Some(_), None) => accounts.aside.extend(row.aside.map(|aside| *aside)),
            (None, _) => {}
        }
        accounts.reject(row.rejection);
    }
    Ok(())
}
