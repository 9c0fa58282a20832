//! The contract's rules for reruns, as the model has them: what a run of these sources does to this target, and what is said of it.

use super::Time;
use super::sources::{Copied, Policy, Sources, State};
use super::target::{CopyState, Resource, Row, Target};
use std::collections::{BTreeMap, BTreeSet};

/// What becomes of a row, in the contract's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Disposition {
    Inserted,
    Updated,
    Unchanged,
    Kept(&'static str),
}

pub(super) const CHANGED: Disposition = Disposition::Kept("changed-in-karbor");
pub(super) const DELETED: Disposition = Disposition::Kept("deleted-in-karbor");
pub(super) const REMOVED: Disposition = Disposition::Kept("removed-in-karbor");
pub(super) const EDITED: Disposition = Disposition::Kept("edited-or-karbors-own");
pub(super) const FINISHED: Disposition = Disposition::Kept("finished-in-karbor");

/// The contract's table, for a row that both sides have.
pub(super) fn both(own: &Row, target: &Row) -> Disposition {
    let newest = target.changed.max(target.deleted.unwrap_or(0));
    match () {
        () if own == target => Disposition::Unchanged,
        () if target.deleted.is_some() => DELETED,
        () if newest > own.changed => CHANGED,
        () if !target.tagged => EDITED,
        () if own.copy.status == "protecting" && target.copy.status != "protecting" => FINISHED,
        () => Disposition::Updated,
    }
}

/// How many rows there are of each kind, in words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally(pub(super) BTreeMap<&'static str, u64>);

impl Tally {
    pub(super) fn add(&mut self, what: &'static str) {
        *self.0.entry(what).or_default() += 1;
    }

    pub(super) fn text(&self, order: &[&str]) -> String {
        let mut out = Vec::new();
        for what in order {
            out.extend(self.0.get(what).map(|rows| format!("{rows} {what}")));
        }
        out.join(", ")
    }
}

/// The words of a run and of a verification, in the order in which they are said.
pub(super) const RUN: [&str; 10] = [
    "inserted",
    "updated",
    "unchanged",
    "changed-in-karbor",
    "deleted-in-karbor",
    "removed-in-karbor",
    "edited-or-karbors-own",
    "finished-in-karbor",
    "lost",
    "pruned",
];
pub(super) const VERIFY: [&str; 10] = [
    "equal",
    "missing",
    "extra",
    "different",
    "changed-in-karbor",
    "deleted-in-karbor",
    "removed-in-karbor",
    "edited-or-karbors-own",
    "finished-in-karbor",
    "not compared",
];

pub(super) const TABLES: [&str; 6] = [
    "plans",
    "resources",
    "triggers",
    "scheduled_operations",
    "scheduled_operation_states",
    "checkpoint_items",
];

/// What a run is expected to say and to leave.
pub(super) struct Expected {
    pub(super) run: [Tally; 6],
    pub(super) verify: [Tally; 6],
    /// Lost rows that show that Karbor changed them.
    pub(super) changed: [u64; 6],
    pub(super) after: Target,
    pub(super) lost_plans: BTreeSet<u32>,
    pub(super) lost_operations: BTreeSet<u32>,
    pub(super) lost_resources: Vec<Resource>,
    pub(super) lost_items: BTreeSet<u32>,
}

impl Expected {
    pub(super) fn own(&mut self, table: usize, disposition: Disposition) {
        let (run, verify) = match disposition {
            Disposition::Inserted => ("inserted", "missing"),
            Disposition::Updated => ("updated", "different"),
            Disposition::Unchanged => ("unchanged", "equal"),
            Disposition::Kept(reason) => (reason, reason),
        };
        self.run[table].add(run);
        self.verify[table].add(verify);
    }

    pub(super) fn lost(&mut self, table: usize) {
        self.run[table].add("lost");
        self.verify[table].add("extra");
    }
}

/// What the next run of these sources does to this target.
pub(super) fn expect(sources: &Sources, before: &Target, carries: bool) -> Expected {
    let mut out = Expected {
        run: Default::default(),
        verify: Default::default(),
        changed: [0; 6],
        after: before.clone(),
        lost_plans: BTreeSet::new(),
        lost_operations: BTreeSet::new(),
        lost_resources: Vec::new(),
        lost_items: BTreeSet::new(),
    };
    for (n, own) in &sources.policies {
        let plan = Row::imported(format!("name-{}", own.name), own.changed);
        let disposition = before.plans.get(n).map_or(Disposition::Inserted, |target| both(&plan, target));
        out.own(0, disposition);
        if matches!(disposition, Disposition::Inserted | Disposition::Updated) {
            out.after.plans.insert(*n, plan);
        }
        family(*n, own, before, &mut out);
        resources(*n, own, before, &mut out);
    }
    for (n, target) in &before.plans {
        if !sources.policies.contains_key(n) && target.tagged {
            match target.deleted {
                Some(_) => out.verify[0].add("deleted-in-karbor"),
                None => {
                    out.lost(0);
                    out.lost_plans.insert(*n);
                    let operation = before.operations.get(n);
                    let is_as_written = operation.is_some_and(|row| row.changed == target.changed);
                    out.changed[0] += u64::from(!is_as_written);
                }
            }
            lost_resources(*n, target, before, &mut out);
        }
    }
    for (n, target) in &before.operations {
        if !sources.policies.contains_key(n) && target.tagged {
            out.lost(3);
            out.lost_operations.insert(*n);
            let trigger = before.triggers.get(n);
            out.changed[3] += u64::from(trigger.is_some_and(|row| row.changed != target.changed));
            // They go with it, and only a verification counts them.
            out.verify[2].add("extra");
            out.verify[4].add("extra");
        }
    }
    items(sources, before, carries, &mut out);
    out
}

/// The trigger, the operation and the state of a policy.
pub(super) fn family(n: u32, own: &Policy, before: &Target, out: &mut Expected) {
    let trigger = Row::imported(own.hour.to_string(), own.changed);
    let operation = Row::imported(format!("name-{}", own.name), own.changed);
    let (old_trigger, old_operation) = (before.triggers.get(&n), before.operations.get(&n));
    let absent = match before.plans.get(&n) {
        _ if old_trigger.is_some() || old_operation.is_some() => REMOVED,
        Some(plan) if plan.deleted.is_some() => REMOVED,
        Some(plan) if !plan.tagged => EDITED,
        _ => Disposition::Inserted,
    };
    let of_trigger = old_trigger.map_or(absent, |target| both(&trigger, target));
    let of_operation = old_operation.map_or(absent, |target| both(&operation, target));
    out.own(2, of_trigger);
    out.own(3, of_operation);
    // A state says nothing of its own; Karbor removes it with its operation.
    out.own(4, if old_operation.is_some() { Disposition::Unchanged } else { absent });
    if matches!(of_trigger, Disposition::Inserted | Disposition::Updated) {
        out.after.triggers.insert(n, trigger);
    }
    if matches!(of_operation, Disposition::Inserted | Disposition::Updated) {
        out.after.operations.insert(n, operation);
    }
}

/// What Karbor's users did to the resources of a plan as a whole.
pub(super) fn set_reason(
    plan: Option<&Row>,
    set: &[&Resource],
    newest_of_source: impl Fn(&Resource) -> Option<Time>,
) -> Option<Disposition> {
    let deleted = set.iter().any(|row| row.deleted.is_some());
    let newer = |row: &&Resource| {
        newest_of_source(row).is_some_and(|newest| row.made.max(row.deleted.unwrap_or(0)) > newest)
    };
    match plan {
        Some(plan) if plan.deleted.is_some() => Some(DELETED),
        Some(plan) if !plan.tagged => Some(EDITED),
        _ if deleted => Some(DELETED),
        _ if set.iter().any(|row| row.named) || set.iter().any(newer) => Some(CHANGED),
        _ => None,
    }
}

pub(super) fn resources(n: u32, own: &Policy, before: &Target, out: &mut Expected) {
    let set: Vec<&Resource> = before.resources.iter().filter(|row| row.plan == n).collect();
    let plan = before.plans.get(&n);
    let wanted: Vec<Resource> = own
        .volumes
        .iter()
        .map(|(volume, made)| Resource { plan: n, volume: *volume, made: *made, deleted: None, named: false })
        .collect();
    let latest = own.volumes.values().max().copied();
    let reason = set_reason(plan, &set, |row| own.volumes.get(&row.volume).copied().or(latest));
    let rewritten = set.iter().any(|row| row.deleted.is_some());
    if wanted.is_empty() {
        if let Some(plan) = plan.filter(|plan| plan.tagged) {
            lost_resources(n, plan, before, out);
        }
        return;
    }
    let mut matched: Vec<&Resource> = Vec::new();
    for row in &wanted {
        let same = || set.iter().filter(|target| target.volume == row.volume && target.deleted.is_none());
        // Of a volume that somebody added once more the imported row is the source's.
        let live = same().find(|target| !target.named).or_else(|| same().next_back());
        matched.extend(live.copied());
        let disposition = match (live, reason) {
            (Some(target), _) if **target == *row => Disposition::Unchanged,
            (Some(_), Some(_)) if rewritten => Disposition::Unchanged,
            (_, Some(reason)) => reason,
            (Some(_), None) => Disposition::Updated,
            (None, None) => Disposition::Inserted,
        };
        out.own(1, disposition);
        match disposition {
            Disposition::Inserted => out.after.resources.push(row.clone()),
            // The source removed a volume and added it again between two runs.
            Disposition::Updated => {
                let same = |own: &&mut Resource| own.plan == n && own.volume == row.volume;
                out.after.resources.iter_mut().filter(same).for_each(|own| own.made = row.made);
            }
            _ => {}
        }
    }
    for target in set.iter().filter(|target| !matched.iter().any(|own| std::ptr::eq(*own, **target))) {
        // Rows of a plan that is no longer known as imported are nobody's to count, but where the dumps have the plan.
        extra(target, reason, out);
    }
}

pub(super) fn lost_resources(n: u32, plan: &Row, before: &Target, out: &mut Expected) {
    let set: Vec<&Resource> = before.resources.iter().filter(|row| row.plan == n).collect();
    let reason = set_reason(Some(plan), &set, |_| None);
    for target in set {
        extra(target, reason, out);
    }
}

pub(super) fn extra(target: &Resource, reason: Option<Disposition>, out: &mut Expected) {
    match (target.deleted, target.named, reason) {
        (Some(_), ..) => out.verify[1].add("deleted-in-karbor"),
        (None, true, _) => out.verify[1].add("edited-or-karbors-own"),
        (.., Some(Disposition::Kept(reason))) => out.verify[1].add(reason),
        _ => {
            out.lost(1);
            out.lost_resources.push(target.clone());
        }
    }
}

/// What a copy of the source becomes, if it is no copy that waits or is deleted.
pub(super) fn item(sources: &Sources, own: &Copied, carries: bool) -> Option<Row> {
    let carried = own.state == State::Creating && carries && own.policy.is_some();
    let status = match own.state {
        State::Available => "available",
        State::Creating if carried => "protecting",
        State::Creating | State::SoftDeleted => return None,
    };
    let plan = own.policy.filter(|policy| sources.policies.contains_key(policy));
    let copy = CopyState { plan, status, has_task: carried, edited: false };
    Some(Row { copy, ..Row::imported(own.size.to_string(), own.changed) })
}

pub(super) fn items(sources: &Sources, before: &Target, carries: bool, out: &mut Expected) {
    for (n, own) in &sources.copies {
        let Some(row) = item(sources, own, carries) else { continue };
        let disposition = before.items.get(n).map_or(Disposition::Inserted, |target| both(&row, target));
        out.own(5, disposition);
        if matches!(disposition, Disposition::Inserted | Disposition::Updated) {
            out.after.items.insert(*n, row);
        }
    }
    for (n, target) in before.items.iter().filter(|(_, target)| target.tagged) {
        match sources.copies.get(n) {
            Some(own) if item(sources, own, carries).is_some() => {}
            Some(own) if own.state == State::Creating => out.verify[5].add("not compared"),
            _ if target.deleted.is_some() => out.verify[5].add("deleted-in-karbor"),
            _ => {
                out.lost(5);
                out.lost_items.insert(*n);
                out.changed[5] += u64::from(target.copy.edited);
            }
        }
    }
}

/// What `--prune` takes out of the target that a run leaves, by table.
pub(super) fn prune(expected: &Expected) -> ([u64; 6], Target) {
    let mut after = expected.after.clone();
    let used = |plan: u32| {
        let operation = after.operations.contains_key(&plan) && !expected.lost_operations.contains(&plan);
        let copy = |(n, item): (&u32, &Row)| {
            item.copy.plan == Some(plan) && item.deleted.is_none() && !expected.lost_items.contains(n)
        };
        operation
            || after.resources.iter().any(|row| row.plan == plan && row.named)
            || after.items.iter().any(copy)
    };
    let gone: BTreeSet<u32> = expected.lost_plans.iter().copied().filter(|plan| !used(*plan)).collect();
    let stays = |plan: u32| expected.lost_plans.contains(&plan) && !gone.contains(&plan);
    let operations: BTreeSet<u32> =
        expected.lost_operations.iter().copied().filter(|plan| !stays(*plan)).collect();
    let count = |rows: usize| u64::try_from(rows).unwrap();
    let of_resources = after.resources.len();
    after.resources.retain(|row| {
        !gone.contains(&row.plan) && (!expected.lost_resources.contains(row) || stays(row.plan))
    });
    let triggers = operations.iter().filter(|plan| after.triggers.contains_key(plan)).count();
    let rows = [
        count(gone.len()),
        count(of_resources - after.resources.len()),
        count(triggers),
        count(operations.len()),
        count(operations.len()),
        count(expected.lost_items.len()),
    ];
    after.plans.retain(|plan, _| !gone.contains(plan));
    after.triggers.retain(|plan, _| !operations.contains(plan));
    after.operations.retain(|plan, _| !operations.contains(plan));
    after.items.retain(|item, _| !expected.lost_items.contains(item));
    (rows, after)
}
