//! A model beside the program: random histories of a source that lives on, of what Karbor's users do, and of runs, checks,
//! verifications, prunes and rollbacks. After each step what the program says and what the target contains must be what the
//! model says, which knows the contract's rules (for reruns) and nothing of how rows are compared.
//!
//! `ETL_MODEL_STEPS` and `ETL_MODEL_SEED` make a longer or another history; a failure names the seed and the step.

use crate::dumps::*;
use crate::history::copy;
use crate::site::Site;
use pipeline::compare::Prune;
use pipeline::karbor::ids::OperationKey;
use pipeline::options::Mode;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// Steps in each history, after which a new one begins on an empty target.
const HISTORY: usize = 100;

/// Steps in a test run, on each database.
const STEPS: usize = 2_000;

/// A point in time, in minutes.
type Time = u32;

fn time(at: Time) -> String {
    let (days, minutes) = (at / 1440, at % 1440);
    let (year, day) = (2020 + days / 336, days % 336);
    format!("{year}-{:02}-{:02} {:02}:{:02}:00", day / 28 + 1, day % 28 + 1, minutes / 60, minutes % 60)
}

fn policy_id(n: u32) -> String {
    format!("{n:08}-bbbb-4000-8000-000000000000")
}

/// A generator of numbers that is the same everywhere (Steele, Lea, Flood: SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % limit as u64).unwrap()
    }

    fn number(&mut self, limit: u32) -> u32 {
        u32::try_from(self.below(usize::try_from(limit).unwrap())).unwrap()
    }

    fn pick<'i, T>(&mut self, items: impl Iterator<Item = &'i T>) -> Option<&'i T> {
        let items: Vec<_> = items.collect();
        (!items.is_empty()).then(|| items[self.below(items.len())])
    }
}

#[derive(Clone, Debug)]
struct Policy {
    name: u32,
    hour: u32,
    made: Time,
    changed: Time,
    /// When each volume was added.
    volumes: BTreeMap<u32, Time>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Available,
    Creating,
    SoftDeleted,
}

#[derive(Clone, Debug)]
struct Copied {
    size: u32,
    state: State,
    made: Time,
    changed: Time,
}

#[derive(Clone, Debug, Default)]
struct Sources {
    policies: BTreeMap<u32, Policy>,
    copies: BTreeMap<u32, Copied>,
}

impl Sources {
    fn rows(&self, now: Time) -> Vec<Source> {
        // One of everything that is always there, so that no table is missing or empty, and dumps are never older than an import.
        let mut rows = vec![
            policy("anchor"),
            resource("anchor", "v"),
            tag("anchor", "k", "v"),
            extend("e-0", "nobody"),
            trigger("t-0", "0 0 3 * * ?"),
            relation("r-0", "nobody", "t-0"),
            job("j-0", "anchor", "v", "n"),
            backup(&copy(0)).with("updated_at", &time(now)),
        ];
        for (n, own) in &self.policies {
            let id = policy_id(*n);
            rows.push(policy(&id).with_all(&[
                ("policy_name", &format!("name-{}", own.name)),
                ("back_up_start_time", &format!("{:02}:00", own.hour)),
                ("created_at", &time(own.made)),
                ("updated_at", &time(own.changed)),
            ]));
            for (volume, added) in &own.volumes {
                rows.push(resource(&id, &format!("volume-{volume}")).with("created_at", &time(*added)));
            }
        }
        for (n, own) in &self.copies {
            rows.push(backup(&copy(*n)).with_all(&[
                ("size", &own.size.to_string()),
                ("status", if own.state == State::Creating { "creating" } else { "available" }),
                ("deleted", if own.state == State::SoftDeleted { "t" } else { "f" }),
                ("created_at", &time(own.made)),
                ("updated_at", &time(own.changed)),
            ]));
        }
        rows
    }
}

/// A plan, a trigger, an operation or a copy: what it says, and what Karbor's users did to it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    value: String,
    changed: Time,
    deleted: Option<Time>,
    tagged: bool,
}

impl Row {
    fn imported(value: String, changed: Time) -> Self {
        Self { value, changed, deleted: None, tagged: true }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Resource {
    plan: u32,
    volume: u32,
    made: Time,
    deleted: Option<Time>,
    /// Karbor names resources otherwise than imports do.
    named: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Target {
    plans: BTreeMap<u32, Row>,
    resources: Vec<Resource>,
    triggers: BTreeMap<u32, Row>,
    operations: BTreeMap<u32, Row>,
    items: BTreeMap<u32, Row>,
}

/// What becomes of a row, in the contract's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Disposition {
    Inserted,
    Updated,
    Unchanged,
    Kept(&'static str),
}

const CHANGED: Disposition = Disposition::Kept("changed-in-karbor");
const DELETED: Disposition = Disposition::Kept("deleted-in-karbor");
const REMOVED: Disposition = Disposition::Kept("removed-in-karbor");
const EDITED: Disposition = Disposition::Kept("edited-or-karbors-own");

/// The contract's table, for a row that both sides have.
fn both(own: &Row, target: &Row) -> Disposition {
    let newest = target.changed.max(target.deleted.unwrap_or(0));
    match () {
        () if own == target => Disposition::Unchanged,
        () if target.deleted.is_some() => DELETED,
        () if newest > own.changed => CHANGED,
        () if !target.tagged => EDITED,
        () => Disposition::Updated,
    }
}

/// How many rows there are of each kind, in words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Tally(BTreeMap<&'static str, u64>);

impl Tally {
    fn add(&mut self, what: &'static str) {
        *self.0.entry(what).or_default() += 1;
    }

    fn text(&self, order: &[&str]) -> String {
        let mut out = Vec::new();
        for what in order {
            out.extend(self.0.get(what).map(|rows| format!("{rows} {what}")));
        }
        out.join(", ")
    }
}

/// The words of a run and of a verification, in the order in which they are said.
const RUN: [&str; 9] = [
    "inserted",
    "updated",
    "unchanged",
    "changed-in-karbor",
    "deleted-in-karbor",
    "removed-in-karbor",
    "edited-or-karbors-own",
    "lost",
    "pruned",
];
const VERIFY: [&str; 9] = [
    "equal",
    "missing",
    "extra",
    "different",
    "changed-in-karbor",
    "deleted-in-karbor",
    "removed-in-karbor",
    "edited-or-karbors-own",
    "not compared",
];

const TABLES: [&str; 6] = [
    "plans",
    "resources",
    "triggers",
    "scheduled_operations",
    "scheduled_operation_states",
    "checkpoint_items",
];

/// What a run is expected to say and to leave.
struct Expected {
    run: [Tally; 6],
    verify: [Tally; 6],
    after: Target,
    lost_plans: BTreeSet<u32>,
    lost_operations: BTreeSet<u32>,
    lost_resources: Vec<Resource>,
    lost_items: BTreeSet<u32>,
}

impl Expected {
    fn own(&mut self, table: usize, disposition: Disposition) {
        let (run, verify) = match disposition {
            Disposition::Inserted => ("inserted", "missing"),
            Disposition::Updated => ("updated", "different"),
            Disposition::Unchanged => ("unchanged", "equal"),
            Disposition::Kept(reason) => (reason, reason),
        };
        self.run[table].add(run);
        self.verify[table].add(verify);
    }

    fn lost(&mut self, table: usize) {
        self.run[table].add("lost");
        self.verify[table].add("extra");
    }
}

/// What the next run of these sources does to this target.
fn expect(sources: &Sources, before: &Target) -> Expected {
    let mut out = Expected {
        run: Default::default(),
        verify: Default::default(),
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
                }
            }
            lost_resources(*n, target, before, &mut out);
        }
    }
    for (n, target) in &before.operations {
        if !sources.policies.contains_key(n) && target.tagged {
            out.lost(3);
            out.lost_operations.insert(*n);
            // They go with it, and only a verification counts them.
            out.verify[2].add("extra");
            out.verify[4].add("extra");
        }
    }
    items(sources, before, &mut out);
    out
}

/// The trigger, the operation and the state of a policy.
fn family(n: u32, own: &Policy, before: &Target, out: &mut Expected) {
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
fn set_reason(
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

fn resources(n: u32, own: &Policy, before: &Target, out: &mut Expected) {
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
    for row in &wanted {
        let live = set.iter().find(|target| target.volume == row.volume && target.deleted.is_none());
        let disposition = match (live, reason) {
            (Some(target), _) if **target == *row => Disposition::Unchanged,
            (Some(_), Some(_)) if rewritten => Disposition::Unchanged,
            (_, Some(reason)) => reason,
            (Some(_), None) => Disposition::Updated,
            (None, None) => Disposition::Inserted,
        };
        out.own(1, disposition);
        if disposition == Disposition::Inserted {
            out.after.resources.push(row.clone());
        }
    }
    for target in
        set.iter().filter(|target| target.deleted.is_some() || !own.volumes.contains_key(&target.volume))
    {
        // Rows of a plan that is no longer known as imported are nobody's to count, but where the dumps have the plan.
        extra(target, reason, out);
    }
}

fn lost_resources(n: u32, plan: &Row, before: &Target, out: &mut Expected) {
    let set: Vec<&Resource> = before.resources.iter().filter(|row| row.plan == n).collect();
    let reason = set_reason(Some(plan), &set, |_| None);
    for target in set {
        extra(target, reason, out);
    }
}

fn extra(target: &Resource, reason: Option<Disposition>, out: &mut Expected) {
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

fn items(sources: &Sources, before: &Target, out: &mut Expected) {
    for (n, own) in sources.copies.iter().filter(|(_, own)| own.state == State::Available) {
        let row = Row::imported(own.size.to_string(), own.changed);
        let disposition = before.items.get(n).map_or(Disposition::Inserted, |target| both(&row, target));
        out.own(5, disposition);
        if matches!(disposition, Disposition::Inserted | Disposition::Updated) {
            out.after.items.insert(*n, row);
        }
    }
    for (n, target) in before.items.iter().filter(|(_, target)| target.tagged) {
        match sources.copies.get(n).map(|own| own.state) {
            Some(State::Available) => {}
            Some(State::Creating) => out.verify[5].add("not compared"),
            _ if target.deleted.is_some() => out.verify[5].add("deleted-in-karbor"),
            _ => {
                out.lost(5);
                out.lost_items.insert(*n);
            }
        }
    }
}

/// What `--prune` takes out of the target that a run leaves, by table.
fn prune(expected: &Expected) -> ([u64; 6], Target) {
    let mut after = expected.after.clone();
    let used = |plan: u32| {
        let operation = after.operations.contains_key(&plan) && !expected.lost_operations.contains(&plan);
        operation || after.resources.iter().any(|row| row.plan == plan && row.named)
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

/// A history under way.
struct History<'s> {
    site: &'s mut Site,
    random: Random,
    now: Time,
    next: u32,
    sources: Sources,
    target: Target,
    log: String,
}

impl History<'_> {
    fn step(&mut self) {
        self.now += 1;
        match self.random.below(20) {
            // Nothing happens to the target.
            0..8 => return self.source(),
            8..12 => self.karbor(),
            12..16 => self.run(false),
            16 => self.check(),
            17 => self.verify(),
            18 => self.run(true),
            _ => self.roll_back(),
        }
        let found = self.found();
        assert_eq!(found, rows_of(&self.target), "the target differs after\n{}", self.log);
    }

    fn note(&mut self, what: &str) {
        let _ = writeln!(self.log, "{:6} {what}", self.now);
    }

    /// Something happens at the source.
    fn source(&mut self) {
        let policy = self.random.pick(self.sources.policies.keys()).copied();
        let copy = self.random.pick(self.sources.copies.keys()).copied();
        let (now, next) = (self.now, self.next);
        self.next += 1;
        let what = match (self.random.below(10), policy, copy) {
            (0, ..) | (1..5, None, _) => {
                let volumes = (0..self.random.number(4)).map(|n| (next * 10 + n, now)).collect();
                let hour = self.random.number(24);
                self.sources
                    .policies
                    .insert(next, Policy { name: next, hour, made: now, changed: now, volumes });
                format!("policy {next} is new")
            }
            (1, Some(n), _) => {
                self.sources.policies.remove(&n);
                format!("policy {n} is gone")
            }
            (2, Some(n), _) => {
                let policy = self.sources.policies.get_mut(&n).unwrap();
                (policy.name, policy.changed) = (next, now);
                if self.random.below(2) == 0 {
                    policy.hour = (policy.hour + 5) % 24;
                }
                format!("policy {n} changes")
            }
            (3, Some(n), _) => {
                self.sources.policies.get_mut(&n).unwrap().volumes.insert(next, now);
                format!("policy {n} gains volume {next}")
            }
            (4, Some(n), _) => {
                let gone = self.sources.policies.get_mut(&n).unwrap().volumes.pop_first();
                format!("policy {n} loses volume {gone:?}")
            }
            (5 | 6, ..) | (_, _, None) => {
                let state = if self.random.below(4) == 0 { State::Creating } else { State::Available };
                self.sources.copies.insert(next, Copied { size: next, state, made: now, changed: now });
                format!("copy {next} is new, {state:?}")
            }
            (7, _, Some(n)) => {
                self.sources.copies.remove(&n);
                format!("copy {n} is gone")
            }
            (8, _, Some(n)) => {
                let state = [State::Available, State::Creating, State::SoftDeleted][self.random.below(3)];
                let copy = self.sources.copies.get_mut(&n).unwrap();
                (copy.state, copy.changed) = (state, now);
                format!("copy {n} is {state:?}")
            }
            (_, _, Some(n)) => {
                let copy = self.sources.copies.get_mut(&n).unwrap();
                (copy.size, copy.changed) = (next, now);
                format!("copy {n} grows")
            }
        };
        self.note(&what);
    }

    /// Somebody does something in Karbor.
    fn karbor(&mut self) {
        let plan = self.random.pick(self.target.plans.keys()).copied();
        let item = self.random.pick(self.target.items.keys()).copied();
        let operation = self.random.pick(self.target.operations.keys()).copied();
        let (now, at, next) = (self.now, time(self.now), self.next);
        self.next += 1;
        let id = plan.map(policy_id).unwrap_or_default();
        let (what, sql) = match (self.random.below(8), plan, item, operation) {
            (0, Some(n), ..) => {
                let row = self.target.plans.get_mut(&n).unwrap();
                (row.value, row.changed) = (format!("name-{next}"), now);
                (
                    format!("Karbor renames plan {n}"),
                    format!(
                        "UPDATE plans SET name = 'name-{next}', updated_at = '{at}.000000' WHERE id = '{id}'"
                    ),
                )
            }
            (1, Some(n), ..) => {
                self.target.plans.get_mut(&n).unwrap().deleted.get_or_insert(now);
                self.target.resources.iter_mut().filter(|row| row.plan == n).for_each(|row| {
                    row.deleted.get_or_insert(now);
                });
                let set = format!("deleted = true, deleted_at = '{at}.000000'");
                (
                    format!("Karbor deletes plan {n}"),
                    format!(
                        "UPDATE plans SET {set} WHERE id = '{id}' AND deleted = false; UPDATE resources SET {set} WHERE plan_id = '{id}' AND deleted = false"
                    ),
                )
            }
            (2, Some(n), ..) => {
                self.target.resources.push(Resource {
                    plan: n,
                    volume: next,
                    made: now,
                    deleted: None,
                    named: true,
                });
                (
                    format!("Karbor adds volume {next} to plan {n}"),
                    format!(
                        "INSERT INTO resources (plan_id, resource_id, resource_type, resource_name, created_at, deleted) \
                     VALUES ('{id}', 'volume-{next}', 'OS::Cinder::Volume', 'named', '{at}.000000', false)"
                    ),
                )
            }
            (3, Some(n), ..) => {
                let volume =
                    self.target.resources.iter_mut().find(|row| row.plan == n && row.deleted.is_none());
                let Some(row) = volume else { return };
                row.deleted = Some(now);
                let sql = format!(
                    "UPDATE resources SET deleted = true, deleted_at = '{at}.000000' WHERE plan_id = '{id}' AND resource_id = 'volume-{}' AND deleted = false",
                    row.volume
                );
                (format!("Karbor deletes volume {} of plan {n}", row.volume), sql)
            }
            (4, Some(n), ..) => {
                self.target.plans.get_mut(&n).unwrap().tagged = false;
                (
                    format!("somebody describes plan {n}"),
                    format!("UPDATE plans SET description = 'mine' WHERE id = '{id}'"),
                )
            }
            (5, .., Some(n)) => {
                self.target.operations.remove(&n);
                let key = policy_id(n);
                let id = OperationKey::Vbs { policy: &key, extend: None }.operation();
                let id = id.as_str();
                (
                    format!("Karbor removes the operation of {n}"),
                    format!(
                        "DELETE FROM scheduled_operation_states WHERE operation_id = '{id}'; DELETE FROM scheduled_operations WHERE id = '{id}'"
                    ),
                )
            }
            (6, _, Some(n), _) => {
                let row = self.target.items.get_mut(&n).unwrap();
                (row.value, row.changed) = (next.to_string(), now);
                (
                    format!("Karbor changes copy {n}"),
                    format!(
                        "UPDATE checkpoint_items SET size = {next}, updated_at = '{at}.000000' WHERE id = '{}'",
                        copy(n)
                    ),
                )
            }
            (7, _, Some(n), _) => {
                self.target.items.get_mut(&n).unwrap().deleted.get_or_insert(now);
                (
                    format!("Karbor deletes copy {n}"),
                    format!(
                        "UPDATE checkpoint_items SET deleted = true, deleted_at = '{at}.000000' WHERE id = '{}' AND deleted = false",
                        copy(n)
                    ),
                )
            }
            _ => return,
        };
        self.note(&what);
        self.site.sql(&sql);
    }

    fn run(&mut self, prunes: bool) {
        let expected = expect(&self.sources, &self.target);
        let (pruned, after) = if prunes { prune(&expected) } else { ([0; 6], expected.after.clone()) };
        let all: u64 = pruned.iter().sum();
        self.note(&format!("run, prunes {prunes}: {pruned:?}"));
        self.site.prune = if prunes { Prune::Yes { typed: Some(all) } } else { Prune::No };
        self.run_and_compare(&expected, pruned);
        self.target = after;
    }

    fn check(&mut self) {
        self.note("check");
        let expected = expect(&self.sources, &self.target);
        (self.site.mode, self.site.prune) = (Mode::Check, Prune::No);
        if !self.target.plans.is_empty() || !self.target.items.is_empty() {
            self.run_and_compare(&expected, [0; 6]);
        }
        self.site.mode = Mode::Run;
    }

    /// Runs, and compares what is said of each table.
    fn run_and_compare(&mut self, expected: &Expected, pruned: [u64; 6]) {
        let said = self.site.run(&self.sources.rows(self.now));
        let anchored = self.anchored();
        for (n, table) in TABLES.iter().enumerate() {
            let mut tally = expected.run[n].clone();
            *tally.0.entry(anchored).or_default() += 1;
            if pruned[n] > 0 {
                tally.0.insert("pruned", pruned[n]);
            }
            // The copy that is always there is newer in every dump.
            if *table == "checkpoint_items" && anchored == "unchanged" {
                *tally.0.get_mut("unchanged").unwrap() -= 1;
                tally.0.retain(|_, rows| *rows > 0);
                *tally.0.entry("updated").or_default() += 1;
            }
            assert_eq!(said.became(table), tally.text(&RUN), "{table} after\n{}", self.log);
        }
        if self.site.mode == Mode::Run {
            self.site.anchored = true;
        }
    }

    fn anchored(&self) -> &'static str {
        if self.site.anchored { "unchanged" } else { "inserted" }
    }

    fn verify(&mut self) {
        if !self.site.anchored {
            return;
        }
        self.note("verify");
        let expected = expect(&self.sources, &self.target);
        let verified = self.site.verify(&self.sources.rows(self.now));
        for (n, table) in TABLES.iter().enumerate() {
            let mut tally = expected.verify[n].clone();
            tally.add(if *table == "checkpoint_items" { "different" } else { "equal" });
            assert_eq!(verified(table), tally.text(&VERIFY), "{table} after\n{}", self.log);
        }
    }

    /// Everything imported goes, where Karbor's own rows do not depend on it.
    fn roll_back(&mut self) {
        if self.target.plans.values().any(|plan| !plan.tagged) || !self.site.anchored {
            return;
        }
        self.note("roll back");
        let depends = self.target.resources.iter().any(|row| row.named);
        let ended = self.site.try_roll_back().unwrap();
        if depends {
            assert_eq!(ended.1, pipeline::removal::Ending::Refused, "{}", self.log);
        } else {
            assert_eq!(ended.1, pipeline::removal::Ending::RolledBack, "{}", self.log);
            self.target = Target::default();
            self.site.anchored = false;
        }
    }

    /// The target's rows in the model's words.
    fn found(&self) -> Vec<String> {
        if !self.site.exists() {
            return Vec::new();
        }
        let truth = |column: &str| format!("lower(CAST({column} AS text)) IN ('true', 't', '1')");
        let marks = |changed: &str, tag: &str| {
            format!(
                "'|' || coalesce(substr(CAST({changed} AS text), 1, 19), '') || '|' || CASE WHEN {} THEN coalesce(substr(CAST(deleted_at AS text), 1, 19), '') ELSE 'live' END || '|' || CASE WHEN {tag} THEN 'ours' ELSE 'not' END",
                truth("deleted")
            )
        };
        let anchor = OperationKey::Vbs { policy: "anchor", extend: None };
        let (trigger, operation) = (anchor.trigger(), anchor.operation());
        let find = if self.site.is_postgres() { "strpos" } else { "instr" };
        let selects = [
            format!(
                "SELECT 'plan|' || id || '|' || name || {} FROM plans WHERE id LIKE '%-bbbb-%'",
                marks("updated_at", "description = 'imported_from_vbs'")
            ),
            format!(
                "SELECT 'resource|' || plan_id || '|' || resource_id || {} FROM resources WHERE plan_id LIKE '%-bbbb-%'",
                marks("created_at", "resource_name = resource_id")
            ),
            format!(
                "SELECT 'item|' || id || '|' || size || {} FROM checkpoint_items WHERE id <> '{}'",
                marks("updated_at", "version = '0.5'"),
                copy(0)
            ),
            format!(
                "SELECT 'trigger|' || id || '|' || substr(properties, {find}(properties, 'BYHOUR=') + 7, 2) || {} \
                 FROM triggers WHERE id <> '{}'",
                marks("updated_at", "1 = 1"),
                trigger.as_str()
            ),
            format!(
                "SELECT 'operation|' || id || '|' || name || {} FROM scheduled_operations WHERE id <> '{}'",
                marks("updated_at", "description = 'imported_from_vbs'"),
                operation.as_str()
            ),
            format!(
                "SELECT 'state|' || operation_id FROM scheduled_operation_states WHERE operation_id <> '{}'",
                operation.as_str()
            ),
        ];
        let mut rows = self.site.lines(&selects.join(" UNION ALL "));
        rows.sort_unstable();
        rows
    }
}

/// The model's target in the words of [`History::found`].
fn rows_of(target: &Target) -> Vec<String> {
    let marks = |changed: Time, deleted: Option<Time>, ours: bool| {
        let deleted = deleted.map_or_else(|| "live".to_owned(), time);
        format!("{}|{deleted}|{}", time(changed), if ours { "ours" } else { "not" })
    };
    let row = |row: &Row| format!("{}|{}", row.value, marks(row.changed, row.deleted, row.tagged));
    let mut rows = Vec::new();
    for (n, plan) in &target.plans {
        rows.push(format!("plan|{}|{}", policy_id(*n), row(plan)));
    }
    for own in &target.resources {
        rows.push(format!(
            "resource|{}|volume-{}|{}",
            policy_id(own.plan),
            own.volume,
            marks(own.made, own.deleted, !own.named)
        ));
    }
    for (n, item) in &target.items {
        rows.push(format!("item|{}|{}", copy(*n), row(item)));
    }
    for (n, trigger) in &target.triggers {
        let key = policy_id(*n);
        let id = OperationKey::Vbs { policy: &key, extend: None }.trigger();
        // Two characters of the pattern behind BYHOUR=.
        let hour = format!("{};", trigger.value);
        let row = Row { value: hour.get(..2).unwrap().to_owned(), ..trigger.clone() };
        rows.push(format!("trigger|{}|{}|{}", id.as_str(), row.value, marks(row.changed, row.deleted, true)));
    }
    for (n, operation) in &target.operations {
        let key = policy_id(*n);
        let id = OperationKey::Vbs { policy: &key, extend: None }.operation();
        rows.push(format!("operation|{}|{}", id.as_str(), row(operation)));
        rows.push(format!("state|{}", id.as_str()));
    }
    rows.sort_unstable();
    rows
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap())
}

fn histories(postgres: bool) {
    let seed = number("ETL_MODEL_SEED").unwrap_or(1);
    let steps = number("ETL_MODEL_STEPS").map_or(STEPS, |steps| usize::try_from(steps).unwrap());
    for n in 0..steps.div_ceil(HISTORY) {
        let seed = seed + n as u64;
        Site::one(postgres, |site| {
            let size = [1, 2, 5, 64][n % 4];
            (site.tuning.spool.memory, site.tuning.batch_rows) = (size * 48, size);
            let mut history = History {
                site,
                random: Random(seed),
                now: 10_000,
                next: 1,
                sources: Sources::default(),
                target: Target::default(),
                log: format!("seed {seed}\n"),
            };
            for _ in 0..HISTORY {
                history.step();
            }
        });
    }
}

#[test]
fn histories_in_postgresql_go_as_the_model_says() {
    histories(true);
}

#[test]
fn histories_in_sqlite_go_as_the_model_says() {
    histories(false);
}
