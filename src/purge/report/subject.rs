//! What a purge is about, as its report shows it.

use crate::purge::Count;
use crate::purge::engine::{Disposition, Outcome};
use crate::purge::plan::{Object, Plan};
use crate::purge::selection::Kept;
use std::collections::BTreeMap;

/// What is known of a purge.
#[derive(Debug)]
pub struct Purge {
    /// Cinder's endpoint.
    pub cloud: String,
    /// Whether nothing was to be deleted.
    pub dry_run: bool,
    /// What goes.
    pub plan: Plan,
    /// What stays.
    pub kept: Kept,
    /// The target whose copies stay, by name.
    pub target: Option<String>,
    /// How many ids were named; absent where everything goes.
    pub named: Option<u64>,
    /// Objects that earlier purges deleted, by the journal.
    pub earlier: u64,
    /// Rows of the dumps that could not be read.
    pub unreadable: u64,
    /// What became of the plan; absent while nothing was begun.
    pub outcome: Option<Outcome>,
}

impl Purge {
    pub(crate) fn dispositions(&self) -> impl Iterator<Item = (&Object, &Disposition)> {
        self.plan.objects.iter().zip(self.outcome.iter().flat_map(|outcome| &outcome.dispositions))
    }

    pub(crate) fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        for (object, disposition) in self.dispositions() {
            let count = match disposition {
                Disposition::Gone => &mut tally.gone,
                Disposition::Failed { .. } => &mut tally.failed,
                Disposition::Blocked { .. } => &mut tally.blocked,
                Disposition::UnderWay => &mut tally.under_way,
                Disposition::Unsent { .. } => &mut tally.unsent,
            };
            count.add(object.kind);
        }
        tally
    }

    /// Objects that are not gone, those that failed or are blocked by one that failed among them.
    #[must_use]
    pub fn left(&self) -> (u64, bool) {
        let tally = self.tally();
        let failed = tally.failed.all() + tally.blocked.all();
        (failed + tally.under_way.all() + tally.unsent.all(), failed > 0)
    }

    pub(crate) fn projects(&self) -> Vec<(&str, Count)> {
        let mut projects: BTreeMap<&str, Count> = BTreeMap::new();
        for object in &self.plan.objects {
            projects.entry(self.plan.project(object)).or_default().add(object.kind);
        }
        let mut projects: Vec<_> = projects.into_iter().collect();
        projects.sort_by_key(|(_, count)| std::cmp::Reverse(count.all()));
        projects
    }

    /// The objects in the order in which they go: copies before those that they continue.
    pub(crate) fn in_order(&self) -> Vec<&Object> {
        let mut order: Vec<usize> = (0..self.plan.objects.len()).collect();
        order
            .sort_by_key(|index| std::cmp::Reverse(self.plan.above.get(*index).copied().unwrap_or_default()));
        order.into_iter().filter_map(|index| self.plan.objects.get(index)).collect()
    }
}

/// What became of the objects, in numbers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) gone: Count,
    pub(crate) failed: Count,
    pub(crate) blocked: Count,
    pub(crate) under_way: Count,
    pub(crate) unsent: Count,
}
