//! DPS plans and policies: which stand, which are skipped, which fall with a bad member.
//!
//! A plan stands or falls with its objects, its mapping rows and the policies mapped to it; a policy brings its timers,
//! specs and targets. A policy that several plans share still migrates with those that stand.

mod became;

use crate::karbor::layout::{EncodeError, Layout};
use crate::karbor::{Source, ids, json};
use crate::outcome::{Outcome, Skip};
use crate::settings::{ServerZone, Settings, ZoneOrigin};
use crate::transform::dps::keys::Keys;
use crate::transform::dps::plans_of_items::{DpsPlansOfItems, PlanOfItem};
use crate::transform::dps::tables::DpsTables;
use crate::transform::ledger::{Index, InvalidRow, Ledger, at, id_order, join, places};
use crate::transform::policies::{
    Context, OperationView, PlanView, PolicyFigures, ResourceView, TargetFacts, Wanted,
};
use crate::transform::schedules::{PatternId, Patterns, ScheduleColumns, place};
use crate::transform::vbs::{NOT_A_VOLUME, is_volume};
use parsers::models::dps::{CopyCycle, Destination, Mapping, Object, Plan, Policy, Spec, Timer};
use parsers::models::{Held, Times};
use parsers::position::Origin;
use parsers::row::{FieldError, FieldReason, shortened};
use parsers::table::Table;
use schedules::firings::WallClock;
use schedules::schedule::Schedule;
use schedules::zone::Offset;
use std::collections::BTreeSet;

const TIMER_COLUMNS: ScheduleColumns = ScheduleColumns {
    times: "start_time",
    frequency: "interval_days",
    weekdays: "week_days",
    kind: "frequency_type",
    cron: "start_time",
};

/// The kinds of policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PolicyKind {
    Local,
    Remote,
    LocalAndRemote,
}

impl PolicyKind {
    fn parse(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "local" => Some(Self::Local),
            "remote" => Some(Self::Remote),
            "local_and_remote" => Some(Self::LocalAndRemote),
            _ => None,
        }
    }
}

/// One policy with its rows, and what it came to.
#[derive(Debug, Default)]
struct PolicyFamily {
    /// The policy, and after it rows that repeat its key.
    policies: Vec<u32>,
    timers: Vec<u32>,
    specs: Vec<u32>,
    destinations: Vec<u32>,
    /// Patterns of the backup and of the replication.
    backup: Option<PatternId>,
    replication: Option<PatternId>,
    invalid_rows: Vec<InvalidRow>,
    zones: BTreeSet<(String, ZoneOrigin)>,
    disposition: Disposition,
}

/// What became of a policy or plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
enum Disposition {
    /// No plan needs it.
    #[default]
    Unmapped,
    /// The plans that have it fell, the first because of this row.
    Fallen(Origin),
    Stands,
}

/// One plan with its rows.
#[derive(Debug, Default)]
struct PlanFamily {
    plans: Vec<u32>,
    objects: Vec<u32>,
    mappings: Vec<u32>,
    /// Policies with a timer, each once, in order of their ids; numbers of policy families.
    scheduled: Vec<usize>,
}

/// The plans that stand, in order of their ids.
#[derive(Debug, Default)]
pub struct DpsPlans {
    standing: Vec<PlanFamily>,
    policies: Vec<PolicyFamily>,
}

impl DpsPlans {
    /// The plans, one after the other.
    pub fn views<'t>(&'t self, tables: &'t DpsTables, wanted: Wanted) -> impl Iterator<Item = PlanView<'t>> {
        self.standing.iter().filter_map(move |plan| view(plan, &self.policies, tables, wanted))
    }
}

/// Decides for every held row of DPS what becomes of it.
pub fn resolve(
    tables: &DpsTables,
    settings: &Settings,
    facts: &TargetFacts,
    layouts: &[Layout],
    patterns: &mut Patterns,
    ledger: &mut Ledger<'_>,
) -> (DpsPlans, DpsPlansOfItems, PolicyFigures) {
    let mut policies = gather_policies(tables, ledger);
    let cycle = Cycle::find(tables);
    let mut plans = gather_plans(tables, &policies, ledger);
    let keys = keys_of(&plans, &policies, tables);
    for policy in &mut policies {
        judge_policy(policy, tables, &keys, &cycle, settings, patterns);
    }
    let mut of_items = DpsPlansOfItems::default();
    let mut figures = PolicyFigures::default();
    let mut standing = Vec::new();
    let mut cycle_used = None;
    for plan in &mut plans {
        let Some(row) = plan.plans.first().and_then(|n| at(&tables.plans, *n)) else { continue };
        if is_consistency_group(row.model.object_type()) {
            of_items.0.insert(row.model.id().into(), PlanOfItem::Group);
        }
        if let Some(rule) = plan.rule(tables) {
            plan.skip(rule, tables, ledger);
            continue;
        }
        let mut invalid_rows = plan.invalid_rows(tables, &keys);
        for policy in plan.scheduled.iter().filter_map(|n| policies.get(*n)) {
            invalid_rows.extend(policy.invalid_rows.iter().cloned());
        }
        let context = Context { settings, facts, patterns };
        if invalid_rows.is_empty()
            && let Some(view) = view(plan, &policies, tables, Wanted::All)
            && let Err(misfit) = view.fits(layouts, context)
        {
            invalid_rows.push(misfit_of(row, plan, &policies, tables, &misfit));
        }
        let fell = invalid_rows.first().map(|invalid| invalid.origin);
        for n in &plan.scheduled {
            if let Some(policy) = policies.get_mut(*n) {
                match (fell, policy.disposition) {
                    (None, _) => policy.disposition = Disposition::Stands,
                    (Some(invalid), Disposition::Unmapped) => {
                        policy.disposition = Disposition::Fallen(invalid)
                    }
                    (Some(_), Disposition::Fallen(_) | Disposition::Stands) => {}
                }
                if fell.is_none() && policy.replication.is_some() {
                    cycle_used = cycle.row;
                }
            }
        }
        let members = plan.members(tables);
        if fell.is_some() {
            ledger.reject_family(&invalid_rows, &members);
            continue;
        }
        for (table, origin) in members {
            ledger.count(table, origin, Outcome::Migrated);
        }
        of_items.0.insert(row.model.id().into(), PlanOfItem::Migrated);
        if let Some(view) = view(plan, &policies, tables, Wanted::All) {
            let zones =
                plan.scheduled.iter().filter_map(|n| policies.get(*n)).flat_map(|p| p.zones.iter().cloned());
            figures.count(&view, zones.collect::<BTreeSet<_>>(), context);
        }
        standing.push(std::mem::take(plan));
    }
    for policy in &policies {
        policy.close(tables, ledger);
    }
    for (n, row) in (0u32..).zip(&tables.cycles) {
        match InvalidRow::of_row(Table::AsyncCopyPolicy, row) {
            _ if row.deleted => ledger.skip(Table::AsyncCopyPolicy, row.origin, Skip::SoftDeleted),
            _ if ledger.named.contains(&row.origin) => {}
            _ if cycle_used == Some(n) => ledger.count(Table::AsyncCopyPolicy, row.origin, Outcome::Migrated),
            Some(invalid) if row.model.id().is_empty() => ledger.reject(&invalid),
            _ => ledger.skip(Table::AsyncCopyPolicy, row.origin, Skip::Orphan),
        }
    }
    (DpsPlans { standing, policies }, of_items, figures)
}

/// Whether an object type begins with `consistencygroup`, in any case and with `_` and `-` taken out.
fn is_consistency_group(object_type: Option<&str>) -> bool {
    let plain: String = object_type.unwrap_or_default().chars().filter(|c| !matches!(c, '_' | '-')).collect();
    plain.to_ascii_lowercase().starts_with("consistencygroup")
}

/// The policies in order of their ids, with the rows that are theirs. Rows of no policy get their outcome here.
fn gather_policies(tables: &DpsTables, ledger: &mut Ledger<'_>) -> Vec<PolicyFamily> {
    for row in &tables.policies {
        if row.deleted {
            ledger.skip(Table::ProtectionPolicy, row.origin, Skip::SoftDeleted);
        } else if row.model.id().is_empty() {
            InvalidRow::of_row(Table::ProtectionPolicy, row)
                .iter()
                .for_each(|invalid| ledger.reject(invalid));
        }
    }
    let index = Index::new(&tables.policies, |row| !row.deleted && !row.model.id().is_empty(), Policy::id);
    let of_group = |group: &[u32]| PolicyFamily { policies: group.to_vec(), ..PolicyFamily::default() };
    let mut families: Vec<PolicyFamily> = index.groups(&tables.policies, Policy::id).map(of_group).collect();
    let id = |family: &PolicyFamily| id_of(&tables.policies, &family.policies, Policy::id);
    join(
        &mut families,
        id,
        Table::ScheduleTimer,
        &tables.timers,
        Timer::policy_id,
        |f| &mut f.timers,
        ledger,
    );
    join(
        &mut families,
        id,
        Table::PolicyExtraSpecs,
        &tables.specs,
        Spec::policy_id,
        |f| &mut f.specs,
        ledger,
    );
    join(
        &mut families,
        id,
        Table::BackupTargetObject,
        &tables.destinations,
        Destination::policy_id,
        |f| &mut f.destinations,
        ledger,
    );
    for family in &mut families {
        family
            .timers
            .sort_by_key(|n| at(&tables.timers, *n).map(|row| (id_order(Some(row.model.id())), row.origin)));
        // What the rows say comes before where they stand: of repeated rows the same one counts in whatever order the
        // dumps were named.
        family.specs.sort_by_key(|n| {
            let row = at(&tables.specs, *n)?;
            Some((row.model.key(), id_order(row.model.id()), row.model.value(), row.origin))
        });
        family.destinations.sort_by_key(|n| {
            let row = at(&tables.destinations, *n)?;
            Some((id_order(row.model.id()), row.model.target_name(), row.model.target_id(), row.origin))
        });
    }
    families
}

/// The plans in order of their ids, deleted ones too, with the rows that are theirs.
fn gather_plans(tables: &DpsTables, policies: &[PolicyFamily], ledger: &mut Ledger<'_>) -> Vec<PlanFamily> {
    for row in tables.plans.iter().filter(|row| row.model.id().is_empty()) {
        match InvalidRow::of_row(Table::ProtectionPlan, row) {
            _ if row.deleted => ledger.skip(Table::ProtectionPlan, row.origin, Skip::SoftDeleted),
            Some(invalid) => ledger.reject(&invalid),
            None => {}
        }
    }
    // A deleted plan stands behind a live one of the same id, and is then no second one.
    let index = Index::new(&tables.plans, |row| !row.model.id().is_empty(), Plan::id);
    let mut families = Vec::new();
    for group in index.groups(&tables.plans, Plan::id) {
        let (deleted, live): (Vec<u32>, Vec<u32>) =
            group.iter().partition(|n| at(&tables.plans, **n).is_some_and(|row| row.deleted));
        let plans = if live.is_empty() { deleted.clone() } else { live.clone() };
        if !live.is_empty() {
            for row in deleted.iter().filter_map(|n| at(&tables.plans, *n)) {
                ledger.skip(Table::ProtectionPlan, row.origin, Skip::SoftDeleted);
            }
        }
        families.push(PlanFamily { plans, ..PlanFamily::default() });
    }
    let id = |family: &PlanFamily| id_of(&tables.plans, &family.plans, Plan::id);
    join(
        &mut families,
        id,
        Table::ProtectionObject,
        &tables.objects,
        Object::plan_id,
        |f| &mut f.objects,
        ledger,
    );
    let mut mapped = families;
    join(
        &mut mapped,
        id,
        Table::PlanPolicyMapping,
        &tables.mappings,
        Mapping::plan_id,
        |f| &mut f.mappings,
        ledger,
    );
    for family in &mut mapped {
        family.objects.sort_by_key(|n| {
            let row = at(&tables.objects, *n)?;
            Some((row.model.resource_id(), id_order(Some(row.model.id())), row.origin))
        });
        family
            .mappings
            .sort_by_key(|n| at(&tables.mappings, *n).map(|row| (row.model.policy_id(), row.origin)));
        for row in family.mappings.iter().filter_map(|n| at(&tables.mappings, *n)) {
            let found = policies.binary_search_by(|policy| {
                id_of(&tables.policies, &policy.policies, Policy::id).cmp(row.model.policy_id())
            });
            if let Some(n) =
                found.ok().filter(|n| policies.get(*n).is_some_and(|policy| !policy.timers.is_empty()))
            {
                family.scheduled.push(n);
            }
        }
        family.scheduled.dedup();
        // A mapping to a policy that is not there, or has no timer, maps to nothing that is migrated.
        family.mappings.retain(|n| {
            let mapping = at(&tables.mappings, *n);
            let named = mapping.map_or("", |row| row.model.policy_id());
            let scheduled = family.scheduled.iter().filter_map(|n| policies.get(*n));
            let maps =
                scheduled.into_iter().any(|p| id_of(&tables.policies, &p.policies, Policy::id) == named);
            // One that names no policy at all is bad.
            let kept = maps || named.is_empty();
            if let Some(row) = mapping.filter(|_| !kept) {
                ledger.skip(Table::PlanPolicyMapping, row.origin, Skip::Orphan);
            }
            kept
        });
    }
    mapped
}

fn id_of<'t, T>(rows: &'t [Held<T>], group: &[u32], id: impl Fn(&'t T) -> &'t str) -> &'t str {
    group.first().and_then(|n| at(rows, *n)).map_or("", |row| id(&row.model))
}

/// The global cycle of copies: the enabled row with the smallest id.
struct Cycle<'t> {
    row: Option<u32>,
    cycle: Option<&'t Held<CopyCycle>>,
}

impl<'t> Cycle<'t> {
    fn find(tables: &'t DpsTables) -> Self {
        let enabled = (0u32..).zip(&tables.cycles).filter(|(_, row)| {
            !row.deleted && !row.model.id().is_empty() && row.model.enabled != Some(false)
        });
        let first = enabled.min_by_key(|(_, row)| (id_order(Some(row.model.id())), row.origin));
        Self { row: first.map(|(n, _)| n), cycle: first.map(|(_, row)| row) }
    }
}

/// The keys of objects and timers of plans that are not skipped.
fn keys_of(plans: &[PlanFamily], policies: &[PolicyFamily], tables: &DpsTables) -> Keys {
    let plans: Vec<_> = plans.iter().filter(|plan| plan.rule(tables).is_none()).collect();
    let scheduled: BTreeSet<usize> = plans.iter().flat_map(|plan| plan.scheduled.iter().copied()).collect();
    let timers = scheduled.into_iter().filter_map(|n| policies.get(n));
    let timers = timers.flat_map(|policy| policy.timers.iter().copied());
    Keys::new(plans.iter().flat_map(|plan| plan.objects.iter().copied()), timers, tables)
}

fn judge_policy(
    family: &mut PolicyFamily,
    tables: &DpsTables,
    keys: &Keys,
    cycle: &Cycle<'_>,
    settings: &Settings,
    patterns: &mut Patterns,
) {
    let Some(policy) = family.policies.first().and_then(|n| at(&tables.policies, *n)) else { return };
    let of_policy = |fault| InvalidRow { table: Table::ProtectionPolicy, origin: policy.origin, fault };
    let mut found = faults(Table::ProtectionPolicy, &tables.policies, &family.policies);
    for row in family.policies.iter().skip(1).filter_map(|n| at(&tables.policies, *n)) {
        found.push(InvalidRow::repeated(Table::ProtectionPolicy, row, "id", row.model.id(), policy.origin));
    }
    found.extend(faults(Table::ScheduleTimer, &tables.timers, &family.timers));
    let timers = family.timers.iter().filter_map(|n| at(&tables.timers, *n));
    found.extend(timers.filter_map(|row| keys.repeated_timer(row, tables)));
    found.extend(faults(Table::PolicyExtraSpecs, &tables.specs, &family.specs));
    found.extend(faults(Table::BackupTargetObject, &tables.destinations, &family.destinations));
    let mut timers = family.timers.iter().filter_map(|n| at(&tables.timers, *n));
    let timer = timers.next();
    for second in timers {
        let reason = "is the policy of another live timer: which of the two is meant?".to_owned();
        let fault = FieldError::new("policy_id", second.model.policy_id(), FieldReason::Rule(reason));
        found.push(InvalidRow { table: Table::ScheduleTimer, origin: second.origin, fault });
    }
    let kind = PolicyKind::parse(policy.model.policy_type());
    if kind.is_none() && !policy.model.policy_type().is_empty() {
        let reason = "is no kind of policy (local, remote, local_and_remote)".to_owned();
        found.push(of_policy(FieldError::new(
            "policy_type",
            policy.model.policy_type(),
            FieldReason::Rule(reason),
        )));
    }
    let mut schedule = |row: Schedules<'_>, zones: &mut BTreeSet<(String, ZoneOrigin)>| {
        let made = row.pattern(policy.model.times, &settings.server_zone, patterns, zones);
        made.map_err(|fault| InvalidRow { table: row.table, origin: row.origin, fault })
    };
    if let Some(timer) = timer {
        match schedule(Schedules::of_timer(timer), &mut family.zones) {
            Ok(pattern) => family.backup = Some(pattern),
            Err(invalid) => found.push(invalid),
        }
        match (kind, cycle.cycle) {
            (Some(PolicyKind::LocalAndRemote), Some(row)) => {
                let bad = InvalidRow::of_row(Table::AsyncCopyPolicy, row);
                match bad.map_or_else(|| schedule(Schedules::of_cycle(row), &mut family.zones), Err) {
                    Ok(pattern) => family.replication = Some(pattern),
                    Err(invalid) => found.push(invalid),
                }
            }
            (Some(PolicyKind::LocalAndRemote), None) => {
                let reason =
                    "needs the global cycle of copies, and async_copy_policy has no enabled row".to_owned();
                found.push(of_policy(FieldError::new(
                    "policy_type",
                    policy.model.policy_type(),
                    FieldReason::Rule(reason),
                )));
            }
            _ => {}
        }
    }
    let mut seen = BTreeSet::new();
    found.retain(|invalid| seen.insert(invalid.origin));
    family.invalid_rows = found;
}

fn faults<T>(table: Table, rows: &[Held<T>], numbers: &[u32]) -> Vec<InvalidRow> {
    numbers.iter().filter_map(|n| at(rows, *n)).filter_map(|row| InvalidRow::of_row(table, row)).collect()
}

/// The fields of a timer or of the global cycle.
#[derive(Clone, Copy)]
struct Schedules<'t> {
    table: Table,
    origin: Origin,
    kind: Option<&'t str>,
    days: Option<i64>,
    week_days: Option<&'t str>,
    times: Option<&'t str>,
    zone: Option<&'t str>,
}

impl<'t> Schedules<'t> {
    fn of_timer(row: &'t Held<Timer>) -> Self {
        let timer = &row.model;
        Self {
            table: Table::ScheduleTimer,
            origin: row.origin,
            kind: timer.frequency_type(),
            days: timer.interval_days,
            week_days: timer.week_days(),
            times: timer.start_time(),
            zone: timer.time_zone(),
        }
    }

    fn of_cycle(row: &'t Held<CopyCycle>) -> Self {
        let cycle = &row.model;
        Self {
            table: Table::AsyncCopyPolicy,
            origin: row.origin,
            kind: cycle.frequency_type(),
            days: cycle.interval_days,
            week_days: cycle.week_days(),
            times: cycle.start_time(),
            zone: cycle.time_zone(),
        }
    }

    /// With a zone, times are local times on local days; without one they are UTC.
    fn pattern(
        &self,
        times: Times,
        server: &ServerZone,
        patterns: &mut Patterns,
        zones: &mut BTreeSet<(String, ZoneOrigin)>,
    ) -> Result<PatternId, FieldError> {
        let schedule = Schedule::from_timer(self.kind, self.days, self.week_days, self.times)
            .map_err(|e| TIMER_COLUMNS.fault(&e))?;
        let (schedule, clock) = match self.zone {
            None => {
                zones.insert((Offset::UTC.to_string(), ZoneOrigin::None));
                (schedule, WallClock::fixed(Offset::UTC))
            }
            Some(zone) => {
                let placed = place(Some(zone), "time_zone", server, times)?;
                zones.insert((placed.said, placed.origin));
                (schedule.local_to_utc(placed.clock.saved), placed.clock)
            }
        };
        patterns.pattern(&schedule, clock, self.zone.is_some()).map_err(|reason| {
            FieldError::new("start_time", self.times.unwrap_or_default(), FieldReason::Rule(reason))
        })
    }
}

impl PolicyFamily {
    /// The outcomes of the policy's rows, once all plans are judged.
    fn close(&self, tables: &DpsTables, ledger: &mut Ledger<'_>) {
        let mut own = Vec::new();
        let mut children = Vec::new();
        places(Table::ProtectionPolicy, &tables.policies, &self.policies, &mut own);
        places(Table::ScheduleTimer, &tables.timers, &self.timers, &mut children);
        places(Table::PolicyExtraSpecs, &tables.specs, &self.specs, &mut children);
        places(Table::BackupTargetObject, &tables.destinations, &self.destinations, &mut children);
        match self.disposition {
            Disposition::Stands => {
                for (table, origin) in own.iter().chain(&children) {
                    ledger.count(*table, *origin, Outcome::Migrated);
                }
            }
            Disposition::Fallen(invalid) => {
                own.extend(children);
                ledger.reject_with(invalid, &own);
            }
            Disposition::Unmapped => {
                let rule = if self.timers.is_empty() { Skip::ManualPolicy } else { Skip::Orphan };
                own.iter().for_each(|(table, origin)| ledger.skip(*table, *origin, rule));
                children.iter().for_each(|(table, origin)| ledger.skip(*table, *origin, Skip::Orphan));
            }
        }
    }
}

impl PlanFamily {
    /// The plan's own bad rows.
    fn invalid_rows(&self, tables: &DpsTables, keys: &Keys) -> Vec<InvalidRow> {
        let mut found = faults(Table::ProtectionPlan, &tables.plans, &self.plans);
        let first = self.plans.first().and_then(|n| at(&tables.plans, *n));
        for row in self.plans.iter().skip(1).filter_map(|n| at(&tables.plans, *n)) {
            let origin = first.map_or(row.origin, |first| first.origin);
            found.push(InvalidRow::repeated(Table::ProtectionPlan, row, "id", row.model.id(), origin));
        }
        found.extend(faults(Table::ProtectionObject, &tables.objects, &self.objects));
        let objects = self.objects.iter().filter_map(|n| at(&tables.objects, *n));
        found.extend(objects.filter_map(|row| keys.repeated_object(row, tables)));
        found.extend(faults(Table::PlanPolicyMapping, &tables.mappings, &self.mappings));
        for row in self.plans.iter().filter_map(|n| at(&tables.plans, *n)) {
            let kind =
                row.model.object_type().filter(|kind| !is_volume(kind) && !is_consistency_group(Some(kind)));
            if let Some(kind) = kind {
                let reason =
                    "is neither volumes (volume or OS::Cinder::Volume) nor a consistency group".to_owned();
                let fault = FieldError::new("object_type", kind, FieldReason::Rule(reason));
                found.push(InvalidRow { table: Table::ProtectionPlan, origin: row.origin, fault });
            }
        }
        for row in self.objects.iter().filter_map(|n| at(&tables.objects, *n)) {
            if let Some(kind) = row.model.resource_type().filter(|kind| !is_volume(kind)) {
                let fault =
                    FieldError::new("resource_type", kind, FieldReason::Rule(NOT_A_VOLUME.to_owned()));
                found.push(InvalidRow { table: Table::ProtectionObject, origin: row.origin, fault });
            }
        }
        let mut seen = BTreeSet::new();
        found.retain(|invalid| seen.insert(invalid.origin));
        found
    }

    /// The rule by which the plan is skipped, if one applies.
    fn rule(&self, tables: &DpsTables) -> Option<Skip> {
        let row = at(&tables.plans, *self.plans.first()?)?;
        match () {
            () if row.deleted => Some(Skip::SoftDeleted),
            () if is_consistency_group(row.model.object_type()) => Some(Skip::ConsistencyGroup),
            // A mapping that cannot be read may be the one to a policy with a timer.
            () if self.scheduled.is_empty() && !self.has_bad_mapping(tables) => {
                Some(Skip::PlanWithoutSchedule)
            }
            () => None,
        }
    }

    fn has_bad_mapping(&self, tables: &DpsTables) -> bool {
        self.mappings.iter().filter_map(|n| at(&tables.mappings, *n)).any(|row| row.fault.is_some())
    }

    fn members(&self, tables: &DpsTables) -> Vec<(Table, Origin)> {
        let mut members = Vec::new();
        places(Table::ProtectionPlan, &tables.plans, &self.plans, &mut members);
        places(Table::ProtectionObject, &tables.objects, &self.objects, &mut members);
        places(Table::PlanPolicyMapping, &tables.mappings, &self.mappings, &mut members);
        members
    }

    fn skip(&self, rule: Skip, tables: &DpsTables, ledger: &mut Ledger<'_>) {
        let children = if rule == Skip::ConsistencyGroup { rule } else { Skip::Orphan };
        for (table, origin) in self.members(tables) {
            ledger.skip(
                table,
                origin,
                match table {
                    Table::ProtectionPlan => rule,
                    Table::ProtectionObject => children,
                    _ => Skip::Orphan,
                },
            );
        }
    }
}

/// A value of the plan's Karbor rows that the target cannot hold, blamed on the row and the column that it comes from. A
/// policy is named and not blamed: other plans may use it, and it may fit into theirs.
fn misfit_of(
    plan: &Held<Plan>,
    family: &PlanFamily,
    policies: &[PolicyFamily],
    tables: &DpsTables,
    misfit: &EncodeError,
) -> InvalidRow {
    let is_it = |text: &str| shortened(text) == misfit.value;
    let of = |column, reason| FieldError::new(column, &misfit.value, FieldReason::Rule(reason));
    let of_plan = |fault| InvalidRow { table: Table::ProtectionPlan, origin: plan.origin, fault };
    match misfit.column {
        "user_id" if plan.model.user_id().is_none() => of_plan(of("project_id", misfit.to_string())),
        "resource_id" => {
            let mut objects = family.objects.iter().filter_map(|n| at(&tables.objects, *n));
            let fault = of("resource_id", misfit.to_string());
            match objects.find(|row| is_it(row.model.resource_id())) {
                Some(row) => InvalidRow { table: Table::ProtectionObject, origin: row.origin, fault },
                None => of_plan(fault),
            }
        }
        "name" if !plan.model.name().is_some_and(is_it) => {
            let scheduled = family.scheduled.iter().filter_map(|n| policies.get(*n));
            let mut own = scheduled.filter_map(|policy| at(&tables.policies, *policy.policies.first()?));
            let own = own.find(|row| row.model.name().is_some_and(is_it));
            let whose = own.map(|row| format!("is the name of its policy {:?}, ", row.model.id()));
            of_plan(of("id", format!("{}{misfit}", whose.unwrap_or_default())))
        }
        column => of_plan(of(column, misfit.to_string())),
    }
}

fn view<'t>(
    plan: &PlanFamily,
    policies: &'t [PolicyFamily],
    tables: &'t DpsTables,
    wanted: Wanted,
) -> Option<PlanView<'t>> {
    let own = &at(&tables.plans, *plan.plans.first()?)?.model;
    let mut operations = Vec::new();
    let scheduled = plan.scheduled.iter().filter(|_| wanted.operations());
    for family in scheduled.filter_map(|n| policies.get(*n)) {
        operations_of(own, family, tables, &mut operations);
    }
    let mut resources: Vec<ResourceView<'_>> = Vec::new();
    let objects = plan.objects.iter().filter(|_| wanted.resources());
    for row in objects.filter_map(|n| at(&tables.objects, *n)) {
        let (id, availability_zone) = (row.model.resource_id(), row.model.availability_zone());
        if resources.last().is_none_or(|last| last.id != id) {
            resources.push(ResourceView { id, availability_zone, times: row.model.times });
        }
    }
    Some(PlanView {
        source: Source::Dps,
        id: own.id(),
        name: own.name().unwrap_or(own.id()),
        project_id: own.project_id(),
        on: None,
        times: own.times,
        tags: Vec::new(),
        resources,
        operations,
    })
}

fn operations_of<'t>(
    plan: &'t Plan,
    family: &PolicyFamily,
    tables: &'t DpsTables,
    out: &mut Vec<OperationView<'t>>,
) {
    let Some(policy) = family.policies.first().and_then(|n| at(&tables.policies, *n)).map(|row| &row.model)
    else {
        return;
    };
    let timer = family.timers.first().and_then(|n| at(&tables.timers, *n)).map(|row| &row.model);
    let destinations =
        family.destinations.iter().filter_map(|n| at(&tables.destinations, *n)).map(|row| &row.model);
    let remote = |d: &&Destination| d.target_type().is_some_and(|kind| kind.eq_ignore_ascii_case("remote"));
    let destination = destinations.into_iter().find(remote);
    let mut specs: Vec<(&str, &str)> = Vec::new();
    for row in family.specs.iter().filter_map(|n| at(&tables.specs, *n)) {
        if specs.last().is_none_or(|last| last.0 != row.model.key()) {
            specs.push((row.model.key(), row.model.value().unwrap_or_default()));
        }
    }
    let enabled = policy.enabled != Some(false);
    let kind = PolicyKind::parse(policy.policy_type());
    let far = json::Definition {
        keep_first: false,
        destination_region: destination.and_then(Destination::target_name),
        destination_id: destination.and_then(Destination::target_id),
    };
    let mut push =
        |kind: &'static str, pattern: Option<PatternId>, enabled: bool, definition: json::Definition<'t>| {
            let Some(pattern) = pattern else { return };
            out.push(OperationView {
                key: ids::OperationKey::Dps { plan: plan.id(), policy: policy.id(), kind },
                name: policy.name().unwrap_or(policy.id()),
                kind,
                user_id: plan.user_id().unwrap_or(plan.project_id()),
                enabled,
                pattern,
                retention: json::Retention::new(policy.retention_num, policy.retention_days),
                definition,
                specs: specs.clone(),
                times: policy.times,
            });
        };
    let near = if kind == Some(PolicyKind::Remote) { far } else { json::Definition::default() };
    let timer_enabled = timer.and_then(|timer| timer.enabled) != Some(false);
    push("backup", family.backup, enabled && timer_enabled, near);
    push("replication", family.replication, enabled, far);
}
