//! VBS: policies with their extend, relation, trigger, resource and tag rows become plans, resources, triggers and
//! scheduled operations. A policy and all that is its own stand or fall together.

mod became;

use crate::karbor::layout::{EncodeError, Layout};
use crate::karbor::rows::VOLUME;
use crate::karbor::{Source, ids, json};
use crate::outcome::{Outcome, Skip};
use crate::settings::{Settings, ZoneOrigin};
use crate::transform::ledger::{Index, InvalidRow, Ledger, at, id_order, in_order, join, places};
use crate::transform::policies::{
    Context, OperationView, PlanView, PolicyFigures, ResourceView, TargetFacts, Wanted,
};
use crate::transform::schedules::{PatternId, Patterns, ScheduleColumns, place};
use parsers::models::Held;
use parsers::models::vbs::{Extend, Policy, Relation, Resource, Tag, Trigger};
use parsers::position::Origin;
use parsers::row::{FieldError, FieldReason, shortened};
use parsers::table::Table;
use schedules::cron;
use schedules::schedule::Schedule;
use std::collections::BTreeSet;

/// The held tables of `autobackup`.
#[derive(Debug, Default)]
pub struct VbsTables {
    /// backup_policy.
    pub policies: Vec<Held<Policy>>,
    /// backup_policy_extend.
    pub extends: Vec<Held<Extend>>,
    /// backup_trigger.
    pub triggers: Vec<Held<Trigger>>,
    /// backup_relation_policy.
    pub relations: Vec<Held<Relation>>,
    /// policy_resource.
    pub resources: Vec<Held<Resource>>,
    /// tag.
    pub tags: Vec<Held<Tag>>,
}

impl VbsTables {
    /// Puts the rows of each policy side by side.
    pub fn put_in_order(&mut self) {
        in_order(&mut self.policies, Policy::id);
        in_order(&mut self.extends, Extend::policy_id);
        in_order(&mut self.relations, Relation::policy_id);
        in_order(&mut self.resources, Resource::policy_id);
        in_order(&mut self.tags, Tag::policy_id);
    }
}

/// A policy that stands, as numbers of rows.
#[derive(Clone, Debug)]
struct AcceptedPolicy {
    policy: u32,
    operations: Vec<Operation>,
    resources: Vec<u32>,
    tags: Vec<u32>,
}

/// One operation of a policy: of an extend row, or of the policy's own fields.
#[derive(Clone, Copy, Debug)]
struct Operation {
    extend: Option<u32>,
    /// The row of backup_trigger that says when.
    trigger: Option<u32>,
    pattern: PatternId,
}

/// The policies that stand, in order of their ids.
#[derive(Debug, Default)]
pub struct VbsPlans {
    accepted: Vec<AcceptedPolicy>,
}

impl VbsPlans {
    /// The plans, one after the other.
    pub fn views<'t>(
        &'t self,
        tables: &'t VbsTables,
        settings: &'t Settings,
        wanted: Wanted,
    ) -> impl Iterator<Item = PlanView<'t>> {
        self.accepted.iter().filter_map(move |accepted| view(accepted, tables, settings, wanted))
    }

    /// The ids of the policies that became plans, as at the source.
    pub fn policy_ids<'t>(&'t self, tables: &'t VbsTables) -> impl Iterator<Item = &'t str> {
        self.accepted
            .iter()
            .filter_map(|accepted| at(&tables.policies, accepted.policy))
            .map(|row| row.model.id())
    }
}

/// The columns of a schedule's inputs.
const COLUMNS: ScheduleColumns = ScheduleColumns {
    times: "back_up_start_time",
    frequency: "back_up_frequency",
    weekdays: "week_frequency",
    kind: "back_up_frequency",
    cron: "cron_expression",
};

/// Decides for every held row of VBS what becomes of it.
pub fn resolve(
    tables: &VbsTables,
    settings: &Settings,
    facts: &TargetFacts,
    layouts: &[Layout],
    patterns: &mut Patterns,
    ledger: &mut Ledger<'_>,
) -> (VbsPlans, PolicyFigures) {
    let mut plans = VbsPlans::default();
    let mut figures = PolicyFigures::default();
    let mut triggers = TriggerUses::new(tables);
    let index = Index::new(&tables.triggers, |row| !row.deleted && !row.model.id().is_empty(), Trigger::id);
    let families = PolicyGroup::gather(tables, ledger);
    let extends = families.iter().flat_map(|family| family.extends.iter().copied());
    let extends = Index::of(extends, &tables.extends, Extend::id);
    for family in families {
        let judge = Judge {
            tables,
            settings,
            patterns,
            triggers: &index,
            extends: &extends,
            found: Findings::default(),
        };
        let (accepted, mut found) = judge.family(&family);
        let view = view(&accepted, tables, settings, Wanted::All);
        let context = Context { settings, facts, patterns };
        if found.invalid_rows.is_empty()
            && let (Some(view), Some(policy)) = (&view, at(&tables.policies, accepted.policy))
            && let Err(misfit) = view.fits(layouts, context)
        {
            found.invalid_rows.push(misfit_of(policy, &family.resources, tables, &misfit));
        }
        let members = family.members(tables);
        triggers.note(&found);
        if !found.invalid_rows.is_empty() {
            ledger.reject_family(&found.invalid_rows, &members);
            continue;
        }
        for (table, origin) in members {
            ledger.count(table, origin, Outcome::Migrated);
        }
        if let Some(view) = view {
            figures.count(&view, found.zones, context);
        }
        plans.accepted.push(accepted);
    }
    triggers.close(tables, ledger);
    (plans, figures)
}

/// A policy with the numbers of all rows that are its own.
#[derive(Debug, Default)]
struct PolicyGroup {
    /// The policy, and after it rows that repeat its key.
    policies: Vec<u32>,
    extends: Vec<u32>,
    relations: Vec<u32>,
    resources: Vec<u32>,
    tags: Vec<u32>,
}

impl PolicyGroup {
    /// All families in order of the policies' ids. Rows that belong to none get their outcome here.
    fn gather(tables: &VbsTables, ledger: &mut Ledger<'_>) -> Vec<Self> {
        for row in &tables.policies {
            if row.deleted {
                ledger.skip(Table::BackupPolicy, row.origin, Skip::SoftDeleted);
            } else if row.model.id().is_empty() {
                InvalidRow::of_row(Table::BackupPolicy, row)
                    .iter()
                    .for_each(|invalid| ledger.reject(invalid));
            }
        }
        let index =
            Index::new(&tables.policies, |row| !row.deleted && !row.model.id().is_empty(), Policy::id);
        let of_group = |group: &[u32]| Self { policies: group.to_vec(), ..Self::default() };
        let mut families: Vec<Self> = index.groups(&tables.policies, Policy::id).map(of_group).collect();
        let id = |family: &Self| family.id(tables);
        join(
            &mut families,
            id,
            Table::BackupPolicyExtend,
            &tables.extends,
            Extend::policy_id,
            |f| &mut f.extends,
            ledger,
        );
        join(
            &mut families,
            id,
            Table::BackupRelationPolicy,
            &tables.relations,
            Relation::policy_id,
            |f| &mut f.relations,
            ledger,
        );
        join(
            &mut families,
            id,
            Table::PolicyResource,
            &tables.resources,
            Resource::policy_id,
            |f| &mut f.resources,
            ledger,
        );
        join(&mut families, id, Table::Tag, &tables.tags, Tag::policy_id, |f| &mut f.tags, ledger);
        for family in &mut families {
            family.sort(tables);
        }
        families
    }

    fn id<'t>(&self, tables: &'t VbsTables) -> &'t str {
        self.policies.first().and_then(|n| at(&tables.policies, *n)).map_or("", |row| row.model.id())
    }

    /// Members in the order of their ids, or of what else identifies them.
    fn sort(&mut self, tables: &VbsTables) {
        self.extends
            .sort_by_key(|n| at(&tables.extends, *n).map(|row| (id_order(Some(row.model.id())), row.origin)));
        // What the rows say comes before where they stand: of repeated rows the same one counts in whatever order the
        // dumps were named.
        self.relations.sort_by_key(|n| {
            let row = at(&tables.relations, *n)?;
            Some((id_order(row.model.id()), row.model.trigger_id(), row.origin))
        });
        self.resources.sort_by(|a, b| {
            let row = |n: &u32| at(&tables.resources, *n);
            let volume = |n: &u32| row(n).map(|row| row.model.resource_id());
            let rest = |n: &u32| {
                let row = row(n)?;
                let of_row =
                    (row.model.times.created, row.model.times.updated, row.model.availability_zone());
                Some((id_order(row.model.id()), of_row, row.origin))
            };
            volume(a).cmp(&volume(b)).then_with(|| rest(a).cmp(&rest(b)))
        });
        self.tags.sort_by_key(|n| {
            let row = at(&tables.tags, *n)?;
            Some((row.model.key(), id_order(row.model.id()), row.model.value(), row.origin))
        });
    }

    /// The places of all rows of the family.
    fn members(&self, tables: &VbsTables) -> Vec<(Table, Origin)> {
        let mut members = Vec::new();
        places(Table::BackupPolicy, &tables.policies, &self.policies, &mut members);
        places(Table::BackupPolicyExtend, &tables.extends, &self.extends, &mut members);
        places(Table::BackupRelationPolicy, &tables.relations, &self.relations, &mut members);
        places(Table::PolicyResource, &tables.resources, &self.resources, &mut members);
        places(Table::Tag, &tables.tags, &self.tags, &mut members);
        members
    }
}

/// What came to light about one family.
#[derive(Debug, Default)]
struct Findings {
    invalid_rows: Vec<InvalidRow>,
    triggers: Vec<u32>,
    zones: BTreeSet<(String, ZoneOrigin)>,
}

/// Judges one family.
struct Judge<'j> {
    tables: &'j VbsTables,
    settings: &'j Settings,
    patterns: &'j mut Patterns,
    triggers: &'j Index,
    extends: &'j Index,
    found: Findings,
}

impl Judge<'_> {
    fn family(mut self, family: &PolicyGroup) -> (AcceptedPolicy, Findings) {
        let tables = self.tables;
        let policy = family.policies.first().copied().unwrap_or_default();
        let mut accepted =
            AcceptedPolicy { policy, operations: Vec::new(), resources: Vec::new(), tags: Vec::new() };
        self.faults(Table::BackupPolicy, &tables.policies, &family.policies);
        self.faults(Table::BackupPolicyExtend, &tables.extends, &family.extends);
        self.faults(Table::BackupRelationPolicy, &tables.relations, &family.relations);
        self.faults(Table::PolicyResource, &tables.resources, &family.resources);
        self.faults(Table::Tag, &tables.tags, &family.tags);
        let first = at(&tables.policies, policy);
        for row in family.policies.iter().skip(1).filter_map(|n| at(&tables.policies, *n)) {
            let origin = first.map_or(row.origin, |first| first.origin);
            self.blame(InvalidRow::repeated(Table::BackupPolicy, row, "policy_id", row.model.id(), origin));
        }
        self.status(family);
        self.resources(family, &mut accepted);
        // Of a repeated key the row with the smallest id counts.
        accepted.tags = family.tags.clone();
        accepted.tags.dedup_by_key(|n| at(&tables.tags, *n).map(|row| row.model.key()));
        let Some(policy) = first else { return (accepted, self.found) };
        if family.extends.is_empty() {
            let pattern = self.schedule(policy, None, None);
            accepted.operations.extend(pattern.map(|pattern| Operation {
                extend: None,
                trigger: None,
                pattern,
            }));
        }
        for n in &family.extends {
            let Some(extend) = at(&tables.extends, *n) else { continue };
            self.extend(extend);
            let trigger = self.trigger(extend, family);
            let pattern = self.schedule(policy, Some(extend), trigger);
            accepted.operations.extend(pattern.map(|pattern| Operation {
                extend: Some(*n),
                trigger,
                pattern,
            }));
        }
        (accepted, self.found)
    }

    fn blame(&mut self, invalid: InvalidRow) {
        if self.found.invalid_rows.iter().all(|known| known.origin != invalid.origin) {
            self.found.invalid_rows.push(invalid);
        }
    }

    fn faults<T>(&mut self, table: Table, rows: &[Held<T>], numbers: &[u32]) {
        for row in numbers.iter().filter_map(|n| at(rows, *n)) {
            if let Some(invalid) = InvalidRow::of_row(table, row) {
                self.blame(invalid);
            }
        }
    }

    /// What is neither the value that means ON nor one of the two that are known could mean either.
    fn status(&mut self, family: &PolicyGroup) {
        let tables = self.tables;
        for row in family.policies.iter().filter_map(|n| at(&tables.policies, *n)) {
            let status = row.model.status().trim_ascii();
            if !matches!(status, "" | "0" | "1") && status != self.settings.policy_on {
                let reason = "is neither 0 nor 1 nor the value that means ON (setting policy_on)".to_owned();
                let fault = FieldError::new("policy_status", status, FieldReason::Rule(reason));
                self.blame(InvalidRow { table: Table::BackupPolicy, origin: row.origin, fault });
            }
        }
    }

    /// Volumes only; a repeated one counts once.
    fn resources(&mut self, family: &PolicyGroup, accepted: &mut AcceptedPolicy) {
        let tables = self.tables;
        for row in family.resources.iter().filter_map(|n| at(&tables.resources, *n)) {
            if let Some(kind) = row.model.resource_type().filter(|kind| !is_volume(kind)) {
                let fault =
                    FieldError::new("resource_type", kind, FieldReason::Rule(NOT_A_VOLUME.to_owned()));
                self.blame(InvalidRow { table: Table::PolicyResource, origin: row.origin, fault });
            }
        }
        accepted.resources = family.resources.clone();
        accepted.resources.dedup_by_key(|n| at(&tables.resources, *n).map(|row| row.model.resource_id()));
    }

    fn extend(&mut self, extend: &Held<Extend>) {
        let table = Table::BackupPolicyExtend;
        // Set-aside rows replace rows by their keys, so families that share a key fall together. A row without a key has
        // its own fault.
        let mut same = self.extends.find(&self.tables.extends, Extend::id, extend.model.id()).iter();
        let other = same.find_map(|n| {
            let keyed = |other: &&Held<Extend>| other.origin != extend.origin && !other.model.id().is_empty();
            let other = at(&self.tables.extends, *n).filter(keyed)?;
            let elsewhere = other.model.policy_id() != extend.model.policy_id();
            (elsewhere || other.origin < extend.origin).then_some(other.origin)
        });
        if let Some(other) = other {
            self.blame(InvalidRow::repeated(table, extend, "id", extend.model.id(), other));
        }
        if let Some(kind) = extend.model.operation_type()
            && kind_of(Some(kind)).is_none()
        {
            let reason = "is no operation (backup or replication)".to_owned();
            let fault = FieldError::new("operation_type", kind, FieldReason::Rule(reason));
            self.blame(InvalidRow { table, origin: extend.origin, fault });
        }
    }

    /// The trigger of an extend row: its own, else that of the relation row naming it, else of the one naming only the
    /// policy, smallest id first.
    fn trigger(&mut self, extend: &Held<Extend>, family: &PolicyGroup) -> Option<u32> {
        let tables = self.tables;
        let relations =
            || family.relations.iter().filter_map(|n| at(&tables.relations, *n)).map(|row| &row.model);
        let naming = |relation: &&Relation| relation.extend_id() == Some(extend.model.id());
        let named = extend
            .model
            .trigger_id()
            .or_else(|| relations().filter(naming).find_map(Relation::trigger_id))
            .or_else(|| relations().filter(|r| r.extend_id().is_none()).find_map(Relation::trigger_id))?;
        let same = self.triggers.find(&tables.triggers, Trigger::id, named);
        let first = same.first().copied()?;
        self.found.triggers.extend(same);
        for row in same.iter().skip(1).filter_map(|n| at(&tables.triggers, *n)) {
            let origin = at(&tables.triggers, first).map_or(row.origin, |first| first.origin);
            self.blame(InvalidRow::repeated(Table::BackupTrigger, row, "trigger_id", named, origin));
        }
        Some(first)
    }

    /// The pattern of one operation; what is wrong with its schedule is blamed on the row that says it.
    fn schedule(
        &mut self,
        policy: &Held<Policy>,
        extend: Option<&Held<Extend>>,
        trigger: Option<u32>,
    ) -> Option<PatternId> {
        let trigger = trigger.and_then(|n| at(&self.tables.triggers, n));
        let (own, column, table, origin) = match (trigger, extend) {
            (Some(t), _) if t.model.time_zone().is_some() => {
                (t.model.time_zone(), "time_zone", Table::BackupTrigger, t.origin)
            }
            (_, Some(e)) if e.model.zone().is_some() => {
                (e.model.zone(), "extra_info", Table::BackupPolicyExtend, e.origin)
            }
            _ => (policy.model.zone(), "extra_info", Table::BackupPolicy, policy.origin),
        };
        let placed = match place(own, column, &self.settings.server_zone, policy.model.times) {
            Ok(placed) => placed,
            Err(fault) => {
                self.blame(InvalidRow { table, origin, fault });
                return None;
            }
        };
        // Whoever says the schedule is to blame for it.
        let (schedule, saying) = match trigger.and_then(|row| row.model.cron().map(|cron| (row, cron))) {
            Some((row, cron)) => (cron::parse(cron), (Table::BackupTrigger, row.origin, COLUMNS.cron, cron)),
            None => {
                let (fields, times) = (&policy.model, policy.model.start_times());
                let schedule = Schedule::from_fields(times, fields.frequency, fields.weekdays());
                (schedule, (Table::BackupPolicy, policy.origin, COLUMNS.times, times.unwrap_or_default()))
            }
        };
        let (table, origin, column, value) = saying;
        let schedule = match schedule {
            Ok(schedule) => schedule,
            Err(error) => {
                self.blame(InvalidRow { table, origin, fault: COLUMNS.fault(&error) });
                return None;
            }
        };
        match self.patterns.pattern(&schedule, placed.clock, true) {
            Ok(pattern) => {
                self.found.zones.insert((placed.said, placed.origin));
                Some(pattern)
            }
            Err(reason) => {
                self.blame(InvalidRow {
                    table,
                    origin,
                    fault: FieldError::new(column, value, FieldReason::Rule(reason)),
                });
                None
            }
        }
    }
}

/// What a resource that is no volume is told.
pub const NOT_A_VOLUME: &str = "is not a volume (volume or OS::Cinder::Volume)";

/// Whether a source's resource type is a volume.
#[must_use]
pub fn is_volume(kind: &str) -> bool {
    kind == "volume" || kind == VOLUME
}

/// Karbor's operation type; `None` where it is neither of the two.
fn kind_of(operation_type: Option<&str>) -> Option<&'static str> {
    match operation_type {
        None => Some("backup"),
        Some(kind) => ["backup", "replication"].into_iter().find(|known| kind.eq_ignore_ascii_case(known)),
    }
}

/// A value of the policy's Karbor rows that the target cannot hold, blamed on the row and the column that it comes from.
fn misfit_of(
    policy: &Held<Policy>,
    resources: &[u32],
    tables: &VbsTables,
    misfit: &EncodeError,
) -> InvalidRow {
    let column = match misfit.column {
        "name" => "policy_name",
        "user_id" if policy.model.domain().is_some() => "domain_id",
        "project_id" | "user_id" => "tenant_id",
        other => other,
    };
    let fault = FieldError::new(column, &misfit.value, FieldReason::Rule(misfit.to_string()));
    let mut resources = resources.iter().filter_map(|n| at(&tables.resources, *n));
    let named = |row: &&Held<Resource>| shortened(row.model.resource_id()) == misfit.value;
    if misfit.column == "resource_id"
        && let Some(row) = resources.find(named)
    {
        return InvalidRow { table: Table::PolicyResource, origin: row.origin, fault };
    }
    InvalidRow { table: Table::BackupPolicy, origin: policy.origin, fault }
}

fn view<'t>(
    accepted: &AcceptedPolicy,
    tables: &'t VbsTables,
    settings: &Settings,
    wanted: Wanted,
) -> Option<PlanView<'t>> {
    let policy = &at(&tables.policies, accepted.policy)?.model;
    let tags = accepted.tags.iter().filter(|_| wanted.plans()).filter_map(|n| at(&tables.tags, *n));
    let resources = accepted.resources.iter().filter(|_| wanted.resources());
    let resources = resources.filter_map(|n| at(&tables.resources, *n));
    let operations = accepted.operations.iter().filter(|_| wanted.operations());
    let resource = |row: &'t Held<Resource>| ResourceView {
        id: row.model.resource_id(),
        availability_zone: row.model.availability_zone(),
        times: row.model.times,
    };
    let on = policy.status().trim_ascii() == settings.policy_on;
    let operation = |operation: &Operation| {
        let extend = operation.extend.and_then(|n| at(&tables.extends, n)).map(|row| &row.model);
        let own = extend
            .map_or(json::Retention::Forever, |e| json::Retention::new(e.retention_num, e.retention_days));
        OperationView {
            key: ids::OperationKey::Vbs { policy: policy.id(), extend: extend.map(Extend::id) },
            name: policy.name(),
            kind: extend.and_then(|e| kind_of(e.operation_type())).unwrap_or("backup"),
            user_id: policy.domain().unwrap_or(policy.tenant()),
            enabled: on && extend.and_then(|e| e.enabled).unwrap_or(true),
            pattern: operation.pattern,
            // The extend row's retention, where it sets either, wins as a pair.
            retention: match own {
                json::Retention::Forever => json::Retention::new(policy.retention_num, policy.retention_days),
                own => own,
            },
            definition: json::Definition {
                keep_first: policy.keep_first == Some(true),
                destination_region: extend
                    .filter(|e| kind_of(e.operation_type()) == Some("replication"))
                    .and_then(Extend::destination_region),
                destination_id: None,
            },
            specs: Vec::new(),
            times: policy.times,
        }
    };
    Some(PlanView {
        source: Source::Vbs,
        id: policy.id(),
        name: policy.name(),
        project_id: policy.tenant(),
        on: Some(on),
        times: policy.times,
        tags: tags.map(|row| (row.model.key(), row.model.value().unwrap_or_default())).collect(),
        resources: resources.map(resource).collect(),
        operations: operations.map(operation).collect(),
    })
}

/// What the trigger rows have come to: they are no part of one family, because several can use the same.
struct TriggerUses(Vec<TriggerUse>);

#[derive(Clone, Copy)]
enum TriggerUse {
    Nobody,
    /// By policies that fell, the first because of this row.
    Fallen(Origin),
    Standing,
}

impl TriggerUses {
    fn new(tables: &VbsTables) -> Self {
        Self(vec![TriggerUse::Nobody; tables.triggers.len()])
    }

    fn note(&mut self, found: &Findings) {
        let now =
            found.invalid_rows.first().map_or(TriggerUse::Standing, |first| TriggerUse::Fallen(first.origin));
        for n in &found.triggers {
            let state = usize::try_from(*n).ok().and_then(|n| self.0.get_mut(n));
            match (state, now) {
                (Some(state), TriggerUse::Standing) => *state = now,
                (Some(state @ TriggerUse::Nobody), _) => *state = now,
                _ => {}
            }
        }
    }

    fn close(self, tables: &VbsTables, ledger: &mut Ledger<'_>) {
        let table = Table::BackupTrigger;
        for (row, state) in tables.triggers.iter().zip(self.0) {
            match state {
                _ if row.deleted => ledger.skip(table, row.origin, Skip::SoftDeleted),
                _ if ledger.named.contains(&row.origin) => {}
                TriggerUse::Standing => ledger.count(table, row.origin, Outcome::Migrated),
                TriggerUse::Fallen(invalid) => ledger.reject_with(invalid, &[(table, row.origin)]),
                TriggerUse::Nobody => match InvalidRow::of_row(table, row) {
                    Some(invalid) if row.model.id().is_empty() => ledger.reject(&invalid),
                    _ => ledger.skip(table, row.origin, Skip::Orphan),
                },
            }
        }
    }
}
