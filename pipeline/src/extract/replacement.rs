//! Files of set-aside rows: once mended, their rows replace the rows with the same key in the other dumps.
//!
//! A row whose key cannot be read has no key to be replaced by; the file names the digest of its bytes instead.

use crate::error::Result;
use crate::extract::sources::Sources;
use crate::karbor::ids;
use crate::options::Options;
use crate::outcome::{Outcome, Skip};
use crate::row_outcomes::Recorder;
use crate::transform::items::{IdSet, Replaced};
use crate::transform::keyed::{Keyed, is_key, key_text};
use crate::transform::ledger::Tallies;
use crate::transform::rejections::DumpNames;
use parsers::input::Input;
use parsers::models::Held;
use parsers::position::Origin;
use parsers::scan::scanner::Scanner;
use parsers::scan::{Chunk, Cut};
use parsers::table::Table;
use std::collections::{HashMap, HashSet};

/// Removes the held rows that are replaced, and notes the ids of the bulk rows that are.
pub(super) fn apply(inputs: &mut [Input], options: &Options, sources: &mut Sources) -> Result<()> {
    bulk_ids(inputs, options, sources)?;
    let Sources { vbs, dps, tallies, rejections, replaced, names, recorder, .. } = sources;
    let mut pass = Pass { replaced, keyless: &rejections.keyless, tallies, names, recorder };
    pass.table(Table::BackupPolicy, &mut vbs.policies)?;
    pass.table(Table::BackupPolicyExtend, &mut vbs.extends)?;
    pass.table(Table::BackupTrigger, &mut vbs.triggers)?;
    pass.table(Table::BackupRelationPolicy, &mut vbs.relations)?;
    pass.table(Table::PolicyResource, &mut vbs.resources)?;
    pass.table(Table::Tag, &mut vbs.tags)?;
    pass.table(Table::ProtectionPlan, &mut dps.plans)?;
    pass.table(Table::ProtectionObject, &mut dps.objects)?;
    pass.table(Table::ProtectionPolicy, &mut dps.policies)?;
    pass.table(Table::PlanPolicyMapping, &mut dps.mappings)?;
    pass.table(Table::ScheduleTimer, &mut dps.timers)?;
    pass.table(Table::AsyncCopyPolicy, &mut dps.cycles)?;
    pass.table(Table::PolicyExtraSpecs, &mut dps.specs)?;
    pass.table(Table::BackupTargetObject, &mut dps.destinations)?;

    let known = |row: &crate::transform::rejections::SetAside| {
        let digest = row.digest.is_some_and(|digest| replaced.rows.contains_digest(digest));
        digest && !replaced.is_file(row.origin.dump)
    };
    for table in rejections.take_back(names, known) {
        let tally = tallies.entry(table).or_default();
        tally.rejected -= 1;
        tally.count(Outcome::Skipped(Skip::Replaced));
    }
    Ok(())
}

struct Pass<'p> {
    replaced: &'p Replaced,
    keyless: &'p HashMap<Origin, u128>,
    tallies: &'p mut Tallies,
    names: &'p DumpNames,
    recorder: &'p mut Recorder,
}

impl Pass<'_> {
    /// Removes rows of other dumps that share a key with a row of a file, or whose bytes a file names.
    fn table<T: Keyed>(&mut self, table: Table, rows: &mut Vec<Held<T>>) -> Result<()> {
        let is_file = |row: &Held<T>| self.replaced.is_file(row.origin.dump);
        let digests = |row: &Held<T>| {
            let [first, second] = row.model.keys();
            let digest =
                |n: &'static str, key: [&str; 2]| is_key(&key).then(|| ids::digest(&[n, key[0], key[1]]));
            [digest("0", first), digest("1", second)].into_iter().flatten()
        };
        let named = |row: &Held<T>| {
            let digest = self.keyless.get(&row.origin);
            digest.is_some_and(|digest| self.replaced.rows.contains_digest(*digest))
        };
        let keys: HashSet<u128> = rows.iter().filter(|row| is_file(row)).flat_map(digests).collect();
        let outcome = Outcome::Skipped(Skip::Replaced);
        let stays = |row: &Held<T>| {
            is_file(row) || !(named(row) || digests(row).any(|digest| keys.contains(&digest)))
        };
        let gone: Vec<Held<T>> = rows.extract_if(.., |row| !stays(row)).collect();
        for row in gone {
            self.tallies.entry(table).or_default().count(outcome);
            let (key, place) = (key_text(&row.model), self.names.place(row.origin));
            self.recorder.note((table, &key), &place, &outcome.into(), &[])?;
        }
        Ok(())
    }
}

/// Reads the ids of the bulk rows in files of set-aside rows.
fn bulk_ids(inputs: &mut [Input], options: &Options, sources: &mut Sources) -> Result<()> {
    let (mut backups, mut items) = (Vec::new(), Vec::new());
    for bulk in &sources.bulk {
        let dump = usize::from(bulk.block.dump.0);
        let (true, Some(input)) = (sources.replaced.is_file(bulk.block.dump), inputs.get_mut(dump)) else {
            continue;
        };
        let block = &bulk.block;
        let mut scanner = Scanner::resume(input, block.clone(), &options.columns, options.limits)?;
        let at = scanner.place_at(block.statement);
        let id = options.columns.bind(block.table, &block.columns, block.oids, &at)?.column("id");
        let list = if block.table == Table::Backups { &mut backups } else { &mut items };
        let mut chunk = Chunk::default();
        loop {
            match scanner.chunk(&mut chunk)? {
                Cut::End => break,
                Cut::TooLong(_) => {}
                Cut::Rows => {
                    let mut rows = block.rows(&chunk);
                    while let Some(row) = rows.next() {
                        list.extend(row.ok().and_then(|row| row.text(&id)).map(|id| ids::digest(&[id])));
                    }
                }
            }
        }
    }
    sources.replaced.backups = IdSet::new(backups);
    sources.replaced.items = IdSet::new(items);
    Ok(())
}
