//! What all copies have in common on their way to checkpoint items: what a chunk's transformation needs, makes and counts.

use crate::karbor::ids;
use crate::karbor::layout::Layout;
use crate::outcome::{CopyFigures, Outcome, REJECTIONS_LISTED, Rejection, Skip, Tally};
use crate::row_outcomes::{Decided, Notes, Noting, TargetKey};
use crate::settings::{Settings, Unsteady};
use crate::transform::rejections::{DumpNames, SetAside, rule_of};
use parsers::position::{Origin, Position};
use parsers::row::{FieldError, RowFault};
use parsers::scan::Block;
use parsers::table::Table;
use std::collections::HashMap;

/// What job records say about who made a copy.
#[derive(Clone, Debug)]
pub struct Link {
    /// The policy; `None` where records disagree, or one names none.
    policy: Option<u32>,
    /// The job at the task manager, of the record made last. Boxed, because it is kept only where copies are carried, and
    /// there is a link for each record.
    job: Option<Box<(parsers::value::Timestamp, Box<str>)>>,
}

/// The job records, as far as copies need them: by volume and name of the copy.
#[derive(Debug, Default)]
pub struct JobLinks {
    links: HashMap<u128, Link>,
    policies: HashMap<Box<str>, u32>,
}

impl JobLinks {
    /// Notes one record.
    pub fn note(&mut self, job: &parsers::models::vbs::RunningJob, keep_job: bool) {
        let (Some(resource), Some(name)) = (job.resource_id(), job.backup_name()) else { return };
        let policy = job.policy_id().map(|id| self.intern(id));
        let made = job.times.created_or_default();
        let task = job.taskmgr_job_id().filter(|_| keep_job).map(|id| Box::new((made, id.into())));
        match self.links.entry(ids::digest(&[resource, name])) {
            std::collections::hash_map::Entry::Vacant(slot) => {
                slot.insert(Link { policy, job: task });
            }
            std::collections::hash_map::Entry::Occupied(mut slot) => {
                let link = slot.get_mut();
                if link.policy != policy {
                    link.policy = None;
                }
                // Of two made at the same time the greater id counts, so that the order of the dumps does not.
                if link.job < task {
                    link.job = task;
                }
            }
        }
    }

    fn intern(&mut self, policy: &str) -> u32 {
        if let Some(n) = self.policies.get(policy) {
            return *n;
        }
        let n = u32::try_from(self.policies.len()).unwrap_or(u32::MAX);
        self.policies.insert(policy.into(), n);
        n
    }

    /// The record of a copy.
    #[must_use]
    pub fn find(&self, resource: &str, name: &str) -> Option<&Link> {
        if self.links.is_empty() { None } else { self.links.get(&ids::digest(&[resource, name])) }
    }

    /// The plans that policies became, in the order of the numbers that links hold.
    pub fn plans<'i>(&self, standing: impl Iterator<Item = &'i str>) -> PlansOfPolicies {
        let mut plans = vec![None; self.policies.len()];
        for id in standing {
            let slot =
                self.policies.get(id).and_then(|n| usize::try_from(*n).ok()).and_then(|n| plans.get_mut(n));
            if let Some(slot) = slot {
                *slot = Some(ids::plan(crate::karbor::Source::Vbs, id).as_str().into());
            }
        }
        PlansOfPolicies(plans)
    }
}

/// The ids of plans, by the number of the policy.
#[derive(Debug, Default)]
pub struct PlansOfPolicies(Vec<Option<Box<str>>>);

impl PlansOfPolicies {
    /// The plan of the policy that made a copy, where it is known and was migrated.
    #[must_use]
    pub fn of(&self, link: &Link) -> Option<&str> {
        let n = usize::try_from(link.policy?).ok()?;
        self.0.get(n)?.as_deref()
    }
}

impl Link {
    /// The job's id at the task manager.
    #[must_use]
    pub fn job(&self) -> Option<&str> {
        self.job.as_ref().map(|job| job.1.as_ref())
    }
}

/// A set of ids, kept as sorted digests: 16 bytes for each.
#[derive(Clone, Debug, Default)]
pub struct IdSet(Vec<u128>);

impl IdSet {
    /// The set of these digests.
    #[must_use]
    pub fn new(mut digests: Vec<u128>) -> Self {
        digests.sort_unstable();
        Self(digests)
    }

    /// Whether an id is in the set.
    #[must_use]
    pub fn contains(&self, id: &str) -> bool {
        !self.0.is_empty() && self.0.binary_search(&ids::digest(&[id])).is_ok()
    }

    /// Whether these bytes are in a set made of bytes.
    #[must_use]
    pub fn contains_digest(&self, digest: u128) -> bool {
        self.0.binary_search(&digest).is_ok()
    }
}

/// What every copy's transformation may know.
#[derive(Debug)]
pub struct CopyContext<'c> {
    /// The settings.
    pub settings: &'c Settings,
    /// The layout of checkpoint items.
    pub layout: &'c Layout,
    /// The names of the dumps.
    pub names: &'c DumpNames,
    /// What job records say.
    pub links: &'c JobLinks,
    /// What became of the policies.
    pub plans: &'c PlansOfPolicies,
    /// What became of DPS plans.
    pub dps_plans: &'c crate::transform::dps::plans_of_items::DpsPlansOfItems,
    /// Copies that DPS knows.
    pub dps_copies: &'c IdSet,
    /// Rows that files of set-aside rows replace.
    pub replaced: &'c Replaced,
    /// Which rows are noted.
    pub noting: &'c Noting,
}

impl CopyContext<'_> {
    /// Whether unfinished copies are carried.
    #[must_use]
    pub fn carries(&self) -> bool {
        self.settings.unsteady == Unsteady::Carry
    }
}

/// Bulk rows that files of set-aside rows replace: by key, or, where the key could not be read, by their bytes.
#[derive(Clone, Debug, Default)]
pub struct Replaced {
    /// Ids of `backups`.
    pub backups: IdSet,
    /// Ids of `backup_transaction_item`.
    pub items: IdSet,
    /// Digests of whole rows.
    pub rows: IdSet,
    /// Which dumps are such files, by dump.
    pub files: Vec<bool>,
}

impl Replaced {
    /// Whether a dump is itself a file of set-aside rows.
    #[must_use]
    pub fn is_file(&self, dump: parsers::position::DumpId) -> bool {
        self.files.get(usize::from(dump.0)).copied().unwrap_or(false)
    }
}

/// What one chunk of copies became.
#[derive(Debug, Default)]
pub struct Converted {
    /// Outcomes.
    pub tally: Tally,
    /// Karbor rows in the target's bytes.
    pub bytes: Vec<u8>,
    /// How many they are.
    pub rows: u64,
    /// The lines of the dump that they came from, as distances from the chunk's first.
    pub lines: Vec<u32>,
    /// Rejections, in order.
    pub rejections: Vec<RejectedRow>,
    /// Digests of the ids of DPS copies that were not skipped.
    pub dps_ids: Vec<u128>,
    /// Ids in the target of copies that gave no row although the source has them: deferred and rejected ones.
    pub waiting: Ids,
    /// Ids of skipped rows of `backups`.
    pub skipped: Ids,
    /// Ids of rows whose table's key is not the copy's: of all DPS copies, and of backups that DPS knows.
    pub apart: Ids,
    /// What became of each row, where that is noted.
    pub notes: Notes,
    /// What the copies are like.
    pub copies: CopyFigures,
    /// When the newest row was last changed, whatever became of it.
    pub newest: Option<parsers::value::Timestamp>,
}

/// A rejected bulk row. A chunk may have as many of them as it has bytes, so that each is as small as can be.
#[derive(Debug)]
pub struct RejectedRow {
    /// What is wrong; `None` behind so many of the same chunk that it is counted and not listed.
    pub rejection: Option<Box<Rejection>>,
    /// The row, as it stands in the dump; `None` where it is too long to be held.
    pub raw: Option<Box<[u8]>>,
    /// Where it stands, if it is too long to be held.
    pub aside: Option<Box<SetAside>>,
    /// Whether its key could not be read.
    pub keyless: bool,
}

/// Ids of rows with the lines of the dump that they came from, as distances from the chunk's first.
#[derive(Debug, Default)]
pub struct Ids {
    text: String,
    /// Where each id ends in the text, and its line.
    rows: Vec<(usize, u32)>,
}

impl Ids {
    /// Adds a row; one without an id is none.
    pub fn push(&mut self, id: &str, line: u32) {
        if !id.is_empty() {
            self.text.push_str(id);
            self.rows.push((self.text.len(), line));
        }
    }

    /// The rows in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u32)> {
        let begins = std::iter::once(0).chain(self.rows.iter().map(|(end, _)| *end));
        begins.zip(&self.rows).filter_map(|(begin, (end, line))| Some((self.text.get(begin..*end)?, *line)))
    }
}

/// The line of a row, as the distance from the first of its chunk.
#[must_use]
pub fn line_in(chunk: Position, row: Position) -> u32 {
    u32::try_from(row.line.saturating_sub(chunk.line)).unwrap_or(u32::MAX)
}

impl Converted {
    /// Counts a row that became a Karbor row.
    pub fn migrated(&mut self, chunk: Position, row: Position) {
        self.tally.count(Outcome::Migrated);
        self.rows += 1;
        self.lines.push(line_in(chunk, row));
    }

    /// Rejects a row because of one value; one that a file of set-aside rows replaces is skipped instead.
    pub fn reject(
        &mut self,
        context: &CopyContext<'_>,
        table: Table,
        origin: Origin,
        raw: &[u8],
        keyless: bool,
        fault: &FieldError,
    ) -> Decided {
        let rejection = || Rejection::of_field(context.names.place(origin), table, fault);
        self.rejected(context, origin, raw, keyless, rejection)
    }

    /// Rejects a row that could not be cut into fields.
    pub fn break_row(
        &mut self,
        context: &CopyContext<'_>,
        table: Table,
        origin: Origin,
        raw: &[u8],
        fault: &RowFault,
    ) {
        let rejection = || Rejection::of_row(context.names.place(origin), table, fault);
        let decided = self.rejected(context, origin, raw, true, rejection);
        self.notes.note(table, "", &context.names.place(origin), &decided, &[]);
    }

    fn rejected(
        &mut self,
        context: &CopyContext<'_>,
        origin: Origin,
        raw: &[u8],
        keyless: bool,
        rejection: impl FnOnce() -> Rejection,
    ) -> Decided {
        if keyless
            && !context.replaced.is_file(origin.dump)
            && context.replaced.rows.contains_digest(row_digest(raw))
        {
            let outcome = Outcome::Skipped(Skip::Replaced);
            self.tally.count(outcome);
            return outcome.into();
        }
        self.tally.count(Outcome::Rejected);
        let listed = self.rejections.len() < REJECTIONS_LISTED;
        let rejection = (listed || self.notes.are_wanted()).then(|| Box::new(rejection()));
        let rule = rejection.as_deref().filter(|_| self.notes.are_wanted()).map(rule_of);
        let rejection = rejection.filter(|_| listed);
        let decided = Decided { rule, ..Decided::from(Outcome::Rejected) };
        self.rejections.push(RejectedRow { rejection, raw: Some(raw.into()), aside: None, keyless });
        decided
    }

    /// Nothing yet of a chunk whose rows are noted as `context` says.
    #[must_use]
    pub fn of_chunk(context: &CopyContext<'_>) -> Self {
        Self { notes: Notes::new(context.noting), ..Self::default() }
    }
}

impl CopyContext<'_> {
    /// The copy that a row became, for its note.
    pub(crate) fn became(&self, decided: &mut Decided, id: &str) {
        if decided.outcome == Outcome::Migrated {
            decided.became = vec![TargetKey { table: self.layout.name.clone(), key: vec![id.to_owned()] }];
        }
    }
}

/// 128 bits of a row's bytes, by which a row whose key cannot be read is known again.
#[must_use]
pub fn row_digest(raw: &[u8]) -> u128 {
    use siphasher::sip128::SipHasher13;
    SipHasher13::new().hash(raw).as_u128()
}

/// A block of a bulk table, ready to be read chunk by chunk.
pub trait Transform: Sync {
    /// Transforms one chunk of the block.
    fn chunk(
        &self,
        block: &Block,
        chunk: &parsers::scan::Chunk,
        context: &CopyContext<'_>,
        out: &mut Converted,
    );
}
