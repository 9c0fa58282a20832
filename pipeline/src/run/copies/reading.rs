//! All copies of the dumps, converted and in order, as often as they are wanted.

use super::super::stream::{self, Digests, Ready};
use crate::compare::comparison::Comparison;
use crate::compare::sql::ITEMS;
use crate::compare::{Classifier, Digester, Doubled, Entry, KeyOf, Kind, KnownBy, Numbered, Sorter, doubled};
use crate::error::{Error, Result};
use crate::extract::sources::Sources;
use crate::karbor::Source;
use crate::karbor::layout::Layout;
use crate::karbor::tuple::{Row, Rows};
use crate::load::session::Session;
use crate::options::Options;
use crate::progress::Progress;
use crate::row_outcomes::Noting;
use crate::transform::items::{CopyContext, IdSet};
use crate::transform::resolved::Policies;
use parsers::input::Input;
use parsers::table::Table;
use rayon::ThreadPool;
use std::sync::OnceLock;

/// Tells from the version of a row of the dumps what it came from.
pub(crate) struct SourceOf(Option<usize>);

impl SourceOf {
    pub(crate) fn new(layout: &Layout) -> Self {
        Self(layout.columns.iter().position(|laid| layout.karbors_name(laid) == "version"))
    }

    pub(crate) fn of(&self, row: Row<'_>) -> Source {
        let version = self.0.and_then(|place| row.field(place)).unwrap_or_default();
        if version == Source::Dps.version().as_bytes() { Source::Dps } else { Source::Vbs }
    }
}

/// Counts the rows of the bulk tables in the order in which they are read, by how their keys are known.
#[derive(Default)]
pub(super) struct Numbers([u64; 4]);

impl Numbers {
    pub(super) fn next(&mut self, known: KnownBy) -> Numbered {
        let place = KnownBy::ALL.iter().position(|own| *own == known).unwrap_or(0);
        let mut row = Numbered { known, number: 0 };
        if let Some(count) = self.0.get_mut(place) {
            row.number = *count;
            *count += 1;
        }
        row
    }
}

/// What every conversion of the copies needs.
pub(crate) struct Copies<'t> {
    pub(crate) pool: &'t ThreadPool,
    pub(crate) inputs: &'t mut [Input],
    pub(crate) sources: &'t Sources,
    pub(crate) policies: &'t Policies,
    pub(crate) options: &'t Options,
}

impl Copies<'_> {
    /// Rows of the bulk tables, whatever becomes of them.
    pub(crate) fn rows(&self) -> u64 {
        self.sources.bulk.iter().map(|bulk| bulk.rows).sum()
    }

    /// The dumps with copies are read once more.
    pub(crate) fn announce(&self, progress: &Progress) {
        progress.expect(self.rows());
        for (n, input) in self.inputs.iter().enumerate() {
            if self.sources.bulk.iter().any(|bulk| usize::from(bulk.block.dump.0) == n) {
                progress.add_total(n, input.size().unwrap_or(0));
            }
        }
    }

    /// Reads the target's copies while the dumps' are converted, and takes the entries of both; the chunks, without their bytes,
    /// go to `take`, on another thread.
    ///
    /// # Errors
    /// Those of either side. The other one then ends early.
    pub(crate) fn compare(
        &mut self,
        comparison: &Comparison,
        session: &mut dyn Session,
        take: &mut (dyn FnMut(&mut Ready) -> Result<()> + Send),
    ) -> Result<Classifier> {
        let (layout, digester) = (comparison.layout(ITEMS)?, comparison.digester(ITEMS)?);
        // Why it failed first. The other side then ends with an error that nobody sees.
        let failed: OnceLock<Error> = OnceLock::new();
        let go_on = || match failed.get() {
            Some(_) => Err(Error::Imbalance("the other side of the comparison failed".to_owned())),
            None => Ok(()),
        };
        let note = |error: Error| drop(failed.set(error));
        let (target, dumps) = std::thread::scope(|threads| {
            let convert = || {
                let mut take = |ready: &mut Ready| go_on().and_then(|()| take(ready));
                self.digest(layout, digester, &mut take).map_err(note).ok()
            };
            let converting = std::thread::Builder::new().name("comparison".to_owned());
            let converting = converting.spawn_scoped(threads, convert);
            let converting = converting.map_err(|error| note(stream::no_thread(&error))).ok();
            let target = comparison.read_target(session, ITEMS, &go_on).map_err(note).ok();
            let dumps = converting.map(std::thread::ScopedJoinHandle::join);
            (target, dumps.and_then(|dumps| dumps.unwrap_or_else(|panic| std::panic::resume_unwind(panic))))
        });
        match (failed.into_inner(), target, dumps) {
            (None, Some(mut target), Some(dumps)) => {
                target.add(dumps);
                Ok(target)
            }
            (failed, ..) => {
                Err(failed
                    .unwrap_or_else(|| Error::Imbalance("a side of the comparison is missing".to_owned())))
            }
        }
    }

    /// Converts all copies and takes their entries; the chunks, without their bytes, go to `take`.
    fn digest(
        &mut self,
        layout: &Layout,
        digester: &Digester,
        take: &mut dyn FnMut(&mut Ready) -> Result<()>,
    ) -> Result<Classifier> {
        let mut classifier = Classifier::new(&self.options.tuning.spool, false);
        let mut numbers = Numbers::default();
        let mut apart = Sorter::new(&self.options.tuning.spool);
        self.each(layout, Digests::Rows(digester), &mut |ready| {
            let of_dps = ready.block.table != Table::Backups;
            let mut rows = std::mem::take(&mut ready.digested.rows).into_iter();
            for (known, keys) in KnownBy::ALL.into_iter().zip(&mut ready.digested.keys) {
                for key in std::mem::take(keys) {
                    let row = numbers.next(known);
                    let kind = match known {
                        KnownBy::Row => Kind::Dumps,
                        KnownBy::Waiting if of_dps => Kind::WaitingItem,
                        KnownBy::Waiting => Kind::Waiting,
                        KnownBy::Skipped => Kind::Skipped,
                        KnownBy::Apart => {
                            apart.push(KeyOf { key, row })?;
                            continue;
                        }
                    };
                    let digest = if known == KnownBy::Row { rows.next() } else { None };
                    classifier.push(Entry { key, kind, place: row.number, row: digest.unwrap_or(0) })?;
                }
            }
            take(ready)
        })?;
        classifier.note_doubled(doubled(apart)?);
        Ok(classifier)
    }

    /// Rows with one key: which of them is right, nobody knows.
    ///
    /// # Errors
    /// There are any; the dumps are read once more to name the first two.
    pub(crate) fn refuse_doubled(&mut self, layout: &Layout, doubled: Doubled) -> Result<()> {
        let Some(pair) = doubled.least else { return Ok(()) };
        let (mut numbers, mut found) = (Numbers::default(), Vec::new());
        let names = &self.sources.names;
        let id = layout.columns.iter().find(|laid| Some(&laid.value) == layout.table.key.first());
        let place = layout.columns.iter().position(|laid| Some(&laid.value) == layout.table.key.first());
        self.each(layout, Digests::None, &mut |ready| {
            let Ready { block, position, converted, .. } = ready;
            let dump = names.0.get(usize::from(block.dump.0)).map_or("", String::as_str);
            let mut look = |known, line: u32, text: &dyn Fn() -> String| {
                let row = numbers.next(known);
                if row == pair.first || row == pair.second {
                    found.push((format!("{dump}:{}", position.line + u64::from(line)), text(), block.table));
                }
            };
            for (row, line) in Rows::new(layout, &converted.bytes).zip(&converted.lines) {
                look(KnownBy::Row, *line, &|| {
                    let field = place.and_then(|place| row.field(place));
                    id.and_then(|id| crate::karbor::field::text(layout, id, field)).unwrap_or_default()
                });
            }
            let ids = [
                (KnownBy::Waiting, &converted.waiting),
                (KnownBy::Skipped, &converted.skipped),
                (KnownBy::Apart, &converted.apart),
            ];
            for (known, ids) in ids {
                ids.iter().for_each(|(id, line)| look(known, line, &|| id.to_owned()));
            }
            Ok(())
        })?;
        let places: Vec<&str> = found.iter().map(|(place, ..)| place.as_str()).collect();
        let (key, table) = found.first().map_or(("", ""), |(_, key, table)| (key.as_str(), table.name()));
        let more = match doubled.rows {
            0 | 1 => String::new(),
            2 => " (and at least 1 more such row)".to_owned(),
            rows => format!(" (and at least {} more such rows)", rows - 1),
        };
        let of = if pair.first.known == KnownBy::Row && pair.second.known == KnownBy::Row {
            "two copies".to_owned()
        } else {
            format!("two rows of {table}")
        };
        Err(Error::target(
            format!("{}: the dumps contain {of} with the id {key}{more}", places.join(" and ")),
            "see which of the two rows is right, and take the other one out; or leave out the older one of two dumps",
        ))
    }

    /// Converts all copies, and gives the chunks to `take` in order: DPS copies first, so that cinder's backups are known by
    /// them.
    pub(crate) fn each(
        &mut self,
        layout: &Layout,
        digests: Digests<'_>,
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
            // The first conversion of a run has digests, and tells of each row once.
            noting: if matches!(digests, Digests::None) { &Noting::Nothing } else { &self.options.noting },
        };
        // Which cinder backups are DPS copies is only asked where there are any.
        let wants_ids = !of_cinder.is_empty();
        let mut ids = Vec::new();
        let Self { pool, inputs, options, .. } = self;
        stream::stream(pool, inputs, of_dps, (&context, digests), options, &mut |ready| {
            if wants_ids {
                ids.append(&mut ready.converted.dps_ids);
            }
            take(ready)
        })?;
        let dps_copies = IdSet::new(ids);
        context.dps_copies = &dps_copies;
        stream::stream(pool, inputs, of_cinder, (&context, digests), options, take)
    }
}
