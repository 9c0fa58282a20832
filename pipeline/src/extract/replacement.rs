//! Files of set-aside rows: once mended, their rows replace the rows with the same key in the other dumps.
//!
//! A row whose key cannot be read has no key to be replaced by; the file names the digest of its bytes instead.

use super::Sources;
use crate::error::Result;
use crate::karbor::ids;
use crate::options::Options;
use crate::outcome::{Outcome, Skip};
use crate::transform::items::IdSet;
use crate::transform::ledger::Tallies;
use parsers::columns::Table;
use parsers::input::Input;
use parsers::models::Held;
use parsers::scan::{Chunk, Cut, Scanner};
use std::collections::HashSet;

/// Removes the held rows that are replaced, and notes the ids of the bulk rows that are.
pub(super) fn apply(inputs: &mut [Input], options: &Options, sources: &mut Sources) -> Result<()> {
    bulk_ids(inputs, options, sources)?;
    let files = sources.replaced.files.clone();
    let (vbs, dps, tallies) = (&mut sources.vbs, &mut sources.dps, &mut sources.tallies);
    let mut pass = Pass { files: &files, tallies };
    pass.table(Table::BackupPolicy, &mut vbs.policies, |m| vec![vec![m.id()]]);
    pass.table(Table::BackupPolicyExtend, &mut vbs.extends, |m| vec![vec![m.id()]]);
    pass.table(Table::BackupTrigger, &mut vbs.triggers, |m| vec![vec![m.id()]]);
    pass.table(Table::BackupRelationPolicy, &mut vbs.relations, |m| vec![vec![m.id().unwrap_or_default()]]);
    pass.table(Table::PolicyResource, &mut vbs.resources, |m| {
        vec![vec![m.id().unwrap_or_default()], vec![m.policy_id(), m.resource_id()]]
    });
    pass.table(Table::Tag, &mut vbs.tags, |m| {
        vec![vec![m.id().unwrap_or_default()], vec![m.policy_id(), m.key()]]
    });
    pass.table(Table::ProtectionPlan, &mut dps.plans, |m| vec![vec![m.id()]]);
    pass.table(Table::ProtectionObject, &mut dps.objects, |m| vec![vec![m.id()]]);
    pass.table(Table::ProtectionPolicy, &mut dps.policies, |m| vec![vec![m.id()]]);
    pass.table(Table::PlanPolicyMapping, &mut dps.mappings, |m| {
        vec![vec![m.id().unwrap_or_default()], vec![m.plan_id(), m.policy_id()]]
    });
    pass.table(Table::ScheduleTimer, &mut dps.timers, |m| vec![vec![m.id()]]);
    pass.table(Table::AsyncCopyPolicy, &mut dps.cycles, |m| vec![vec![m.id()]]);
    pass.table(Table::PolicyExtraSpecs, &mut dps.specs, |m| {
        vec![vec![m.id().unwrap_or_default()], vec![m.policy_id(), m.key()]]
    });
    pass.table(Table::BackupTargetObject, &mut dps.destinations, |m| vec![vec![m.id().unwrap_or_default()]]);

    let Sources { rejections, replaced, names, tallies, .. } = sources;
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
    files: &'p [bool],
    tallies: &'p mut Tallies,
}

impl Pass<'_> {
    /// Removes rows of other dumps that share a key with a row of a file. A key with an empty part is no key.
    fn table<T>(&mut self, table: Table, rows: &mut Vec<Held<T>>, keys: impl Fn(&T) -> Vec<Vec<&str>>) {
        let is_file = |row: &Held<T>| self.files.get(usize::from(row.origin.dump.0)) == Some(&true);
        let digests = |row: &Held<T>| -> Vec<u128> {
            let keys = keys(&row.model).into_iter().enumerate();
            let whole = keys.filter(|(_, key)| key.iter().all(|part| !part.is_empty()));
            whole
                .map(|(n, key)| ids::digest(&[&[if n == 0 { "0" } else { "1" }], &key[..]].concat()))
                .collect()
        };
        let replaced: HashSet<u128> = rows.iter().filter(|row| is_file(row)).flat_map(digests).collect();
        let before = rows.len();
        rows.retain(|row| is_file(row) || !digests(row).iter().any(|digest| replaced.contains(digest)));
        for _ in rows.len()..before {
            self.tallies.entry(table).or_default().count(Outcome::Skipped(Skip::Replaced));
        }
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
                        list.extend(row.ok().and_then(|row| row.text(id)).map(|id| ids::digest(&[id])));
                    }
                }
            }
        }
    }
    sources.replaced.backups = IdSet::new(backups);
    sources.replaced.items = IdSet::new(items);
    Ok(())
}
