//! A history: steps of the source, of Karbor's users and of the program, each of which is held against the model.

use super::expect::{Expected, RUN, TABLES, VERIFY, expect, prune};
use super::sources::{Copied, Policy, Sources, State, task};
use super::target::{Resource, Target, found, rows_of};
use super::{Random, Time, policy_id, time};
use crate::dumps::Source;
use crate::history::copy;
use crate::site::Site;
use pipeline::compare::Prune;
use pipeline::karbor::ids::OperationKey;
use pipeline::options::Mode;
use std::fmt::Write as _;

/// A history under way.
pub(super) struct History<'s> {
    pub(super) site: &'s mut Site,
    pub(super) random: Random,
    pub(super) now: Time,
    pub(super) next: u32,
    pub(super) sources: Sources,
    pub(super) target: Target,
    /// When the copy that is always there was imported last.
    pub(super) anchored_at: Time,
    /// Of how many steps one is verified.
    pub(super) verified_every: Time,
    /// Whether copies that are being made are carried.
    pub(super) carries: bool,
    pub(super) log: String,
}

impl History<'_> {
    pub(super) fn step(&mut self) {
        self.now += 1;
        match self.random.below(22) {
            // Nothing happens to the target.
            0..8 => return self.source(),
            8..12 => self.karbor(),
            12..15 => self.run(false),
            15 | 16 => self.check(),
            17 => {}
            18 | 19 => self.run(true),
            20 => self.sync(),
            _ => self.roll_back(),
        }
        let found = found(self.site);
        assert_eq!(found, rows_of(&self.target), "the target differs after\n{}", self.log);
        if self.now.is_multiple_of(self.verified_every) {
            self.verify();
        }
    }

    pub(super) fn note(&mut self, what: &str) {
        let _ = writeln!(self.log, "{:6} {what}", self.now);
    }

    /// Something happens at the source.
    pub(super) fn source(&mut self) {
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
                let made_by = policy.filter(|_| self.random.below(3) > 0);
                let copy = Copied { size: next, policy: made_by, state, made: now, changed: now };
                self.sources.copies.insert(next, copy);
                format!("copy {next} of {made_by:?} is new, {state:?}")
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
    pub(super) fn karbor(&mut self) {
        let plan = self.random.pick(self.target.plans.keys()).copied();
        let item = self.random.pick(self.target.items.keys()).copied();
        let operation = self.random.pick(self.target.operations.keys()).copied();
        let (now, at, next) = (self.now, time(self.now), self.next);
        self.next += 1;
        let id = plan.map(policy_id).unwrap_or_default();
        let (what, sql) = match (self.random.below(10), plan, item, operation) {
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
                let is_live = |row: &&mut Resource| row.plan == n && row.deleted.is_none();
                let Some(volume) = self.target.resources.iter_mut().find(is_live).map(|row| row.volume)
                else {
                    return;
                };
                let same =
                    self.target.resources.iter_mut().filter(is_live).filter(|row| row.volume == volume);
                same.for_each(|row| row.deleted = Some(now));
                let sql = format!(
                    "UPDATE resources SET deleted = true, deleted_at = '{at}.000000' WHERE plan_id = '{id}' AND resource_id = 'volume-{volume}' AND deleted = false"
                );
                (format!("Karbor deletes volume {volume} of plan {n}"), sql)
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
                (row.value, row.changed, row.copy.edited) = (next.to_string(), now, true);
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
            (8, .., Some(n)) => {
                self.target.triggers.get_mut(&n).unwrap().changed = now;
                let id = OperationKey::Vbs { policy: &policy_id(n), extend: None }.trigger();
                (
                    format!("Karbor touches the trigger of {n}"),
                    format!("UPDATE triggers SET updated_at = '{at}.000000' WHERE id = '{}'", id.as_str()),
                )
            }
            (9, .., Some(n)) => {
                let row = self.target.operations.get_mut(&n).unwrap();
                (row.value, row.changed) = (format!("name-{next}"), now);
                let id = OperationKey::Vbs { policy: &policy_id(n), extend: None }.operation();
                (
                    format!("Karbor renames the operation of {n}"),
                    format!(
                        "UPDATE scheduled_operations SET name = 'name-{next}', updated_at = '{at}.000000' WHERE id = '{}'",
                        id.as_str()
                    ),
                )
            }
            _ => return,
        };
        self.note(&what);
        self.site.sql(&sql);
    }

    pub(super) fn run(&mut self, prunes: bool) {
        let expected = expect(&self.sources, &self.target, self.carries);
        let (pruned, after) = if prunes { prune(&expected) } else { ([0; 6], expected.after.clone()) };
        let all: u64 = pruned.iter().sum();
        self.note(&format!("run, prunes {prunes}: {pruned:?}"));
        self.site.prune = if prunes { Prune::Yes { typed: Some(all) } } else { Prune::No };
        self.run_and_compare(&expected, pruned);
        self.target = after;
    }

    pub(super) fn check(&mut self) {
        let prunes = self.random.below(2) == 0;
        self.note(&format!("check, prunes {prunes}"));
        if !self.site.anchored {
            return;
        }
        let expected = expect(&self.sources, &self.target, self.carries);
        let pruned = if prunes { prune(&expected).0 } else { [0; 6] };
        self.site.mode = Mode::Check;
        self.site.prune = if prunes { Prune::Yes { typed: None } } else { Prune::No };
        self.run_and_compare(&expected, pruned);
        self.site.mode = Mode::Run;
    }

    /// Runs, and compares what is said of each table.
    pub(super) fn run_and_compare(&mut self, expected: &Expected, pruned: [u64; 6]) {
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
            assert_eq!(said.lost_changed(table), expected.changed[n], "{table} after\n{}", self.log);
        }
        if self.site.mode == Mode::Run {
            self.site.anchored = true;
            self.anchored_at = self.now;
        }
    }

    pub(super) fn anchored(&self) -> &'static str {
        if self.site.anchored { "unchanged" } else { "inserted" }
    }

    pub(super) fn verify(&mut self) {
        if !self.site.anchored {
            return;
        }
        self.note("verify");
        let expected = expect(&self.sources, &self.target, self.carries);
        let verified = self.site.verify(&self.sources.rows(self.now));
        for (n, table) in TABLES.iter().enumerate() {
            let mut tally = expected.verify[n].clone();
            let is_older = *table == "checkpoint_items" && self.anchored_at < self.now;
            tally.add(if is_older { "different" } else { "equal" });
            assert_eq!(verified(table), tally.text(&VERIFY), "{table} after\n{}", self.log);
        }
    }

    /// Jobs end, and their copies hear of it.
    pub(super) fn sync(&mut self) {
        if !self.site.anchored {
            return;
        }
        self.note("sync");
        let mut jobs =
            vec![Source::new("taskmgr_job", &[("job_id", "another"), ("current_status", "SUCCESS")])];
        let (mut protecting, mut available, mut failed) = (0, 0, 0);
        for (n, item) in &mut self.target.items {
            if item.copy.status != "protecting" || item.deleted.is_some() || !item.tagged {
                continue;
            }
            protecting += 1;
            let status = match self.random.below(4) {
                0 => continue,
                1 => "RUNNING",
                2 => {
                    (item.copy.status, available) = ("available", available + 1);
                    "SUCCESS"
                }
                _ => {
                    (item.copy.status, failed) = ("error", failed + 1);
                    "FAIL"
                }
            };
            jobs.push(Source::new("taskmgr_job", &[("job_id", &task(*n)), ("current_status", status)]));
        }
        let said = self.site.sync(&jobs);
        let said = (said.protecting, said.available, said.failed);
        assert_eq!(said, (protecting, available, failed), "{}", self.log);
    }

    /// Everything imported goes, where Karbor's own rows do not depend on it.
    pub(super) fn roll_back(&mut self) {
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
}
