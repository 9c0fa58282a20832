//! What VBS policies and DPS plans have in common once they are resolved, and the rows of Karbor's policy side made of it.

use crate::karbor::layout::{EncodeError, Layout};
use crate::karbor::{self, Source, Value, ids, json, rows};
use crate::outcome::{ScheduleReport, ZoneUse};
use crate::settings::{PLACEHOLDER_TRUST, Settings, ZoneOrigin};
use crate::transform::schedules::{PatternId, Patterns};
use parsers::models::Times;
use schedules::firings::horizon::Horizon;
use schedules::firings::{Prover, Verdict};
use std::collections::{BTreeMap, HashMap};

/// What the target says about itself, as far as rows depend on it.
#[derive(Clone, Debug, Default)]
pub struct TargetFacts {
    /// service_id of states; `None` where the target fills it in.
    pub service_id: Option<i64>,
    /// Trusts of operations that are there, by user and project.
    pub trusts: HashMap<(String, String), String>,
}

/// What rows depend on beside the models.
#[derive(Clone, Copy, Debug)]
pub struct Context<'c> {
    /// The settings.
    pub settings: &'c Settings,
    /// The target.
    pub facts: &'c TargetFacts,
    /// The patterns of the schedules.
    pub patterns: &'c Patterns,
}

/// Which rows a view is for: it need not gather what only other tables are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Those of all tables.
    All,
    /// Those of one table, by its index in [`karbor::WRITTEN`].
    Table(usize),
}

impl Wanted {
    /// Whether plans are.
    #[must_use]
    pub fn plans(self) -> bool {
        matches!(self, Self::All | Self::Table(0))
    }

    /// Whether resources are.
    #[must_use]
    pub fn resources(self) -> bool {
        matches!(self, Self::All | Self::Table(1))
    }

    /// Whether operations are, or what belongs to them.
    #[must_use]
    pub fn operations(self) -> bool {
        matches!(self, Self::All | Self::Table(2..))
    }
}

/// One plan with all that becomes rows of the policy side; what is not [`Wanted`] is empty.
#[derive(Clone, Debug)]
pub struct PlanView<'m> {
    /// Where it comes from.
    pub source: Source,
    /// The plan's id at the source.
    pub id: &'m str,
    /// name.
    pub name: &'m str,
    /// project_id.
    pub project_id: &'m str,
    /// Whether the status says that the policy is ON; DPS has no such status.
    pub on: Option<bool>,
    /// created_at and updated_at.
    pub times: Times,
    /// Tags, sorted by key.
    pub tags: Vec<(&'m str, &'m str)>,
    /// Resources, each once.
    pub resources: Vec<ResourceView<'m>>,
    /// Operations.
    pub operations: Vec<OperationView<'m>>,
}

/// One resource of a plan.
#[derive(Clone, Copy, Debug)]
pub struct ResourceView<'m> {
    /// resource_id.
    pub id: &'m str,
    /// availability_zone.
    pub availability_zone: Option<&'m str>,
    /// created_at and updated_at.
    pub times: Times,
}

/// One operation of a plan, with its trigger.
#[derive(Clone, Debug)]
pub struct OperationView<'m> {
    /// What its ids are made from.
    pub key: ids::OperationKey<'m>,
    /// name.
    pub name: &'m str,
    /// `backup` or `replication`.
    pub kind: &'static str,
    /// The user at the source, where the settings name none.
    pub user_id: &'m str,
    /// enabled.
    pub enabled: bool,
    /// The schedule.
    pub pattern: PatternId,
    /// How long copies are kept.
    pub retention: json::Retention,
    /// Further members of the definition.
    pub definition: json::Definition<'m>,
    /// Extra specs, sorted by key.
    pub specs: Vec<(&'m str, &'m str)>,
    /// created_at and updated_at of operation and trigger.
    pub times: Times,
}

/// The first capacity of the buffers that rows are made in: most of them need not grow.
const ROW_BYTES: usize = 1 << 10;

impl<'m> PlanView<'m> {
    /// Gives each row of one target table, by its index in [`karbor::WRITTEN`], to `emit`.
    ///
    /// # Errors
    /// Those of `emit`.
    pub fn rows<E>(
        &self,
        table: usize,
        context: Context<'_>,
        emit: &mut dyn FnMut(&[Value<'_>]) -> Result<(), E>,
    ) -> Result<(), E> {
        let plan_id = ids::plan(self.source, self.id);
        let plan_id = plan_id.as_str();
        let provider_id = context.settings.provider_id.as_str();
        let mut text = String::with_capacity(ROW_BYTES);
        match table {
            0 => {
                json::parameters(&self.tags, &mut text);
                let plan = rows::Plan {
                    id: plan_id,
                    name: self.name,
                    source: self.source,
                    provider_id,
                    project_id: self.project_id,
                    parameters: &text,
                    times: self.times,
                };
                emit(&plan.values())
            }
            1 => self.resources.iter().try_for_each(|resource| {
                text.clear();
                json::extra_info(resource.availability_zone, &mut text);
                let row = rows::Resource {
                    plan_id,
                    resource_id: resource.id,
                    extra_info: &text,
                    times: resource.times,
                };
                emit(&row.values())
            }),
            2 => self.operations.iter().try_for_each(|operation| {
                let id = operation.key.trigger();
                let row = rows::Trigger {
                    id: id.as_str(),
                    project_id: self.project_id,
                    properties: context.patterns.properties(operation.pattern),
                    times: operation.times,
                };
                emit(&row.values())
            }),
            3 => self.operations.iter().try_for_each(|operation| {
                text.clear();
                json::definition(
                    provider_id,
                    plan_id,
                    operation.retention,
                    operation.definition,
                    &operation.specs,
                    &mut text,
                );
                let (id, trigger_id) = (operation.key.operation(), operation.key.trigger());
                let row = rows::Operation {
                    id: id.as_str(),
                    name: operation.name,
                    source: self.source,
                    kind: operation.kind,
                    user_id: user_of(operation, context.settings),
                    project_id: self.project_id,
                    trigger_id: trigger_id.as_str(),
                    definition: &text,
                    enabled: operation.enabled,
                    times: operation.times,
                };
                emit(&row.values())
            }),
            4 => self.operations.iter().try_for_each(|operation| {
                let id = operation.key.operation();
                let row = rows::State {
                    operation_id: id.as_str(),
                    service_id: context.facts.service_id,
                    trust_id: self.trust_of(operation, context),
                    created_at: operation.times.created_or_default(),
                };
                emit(&row.values())
            }),
            _ => Ok(()),
        }
    }

    /// trust_id: the settings', else one that the target knows for the user and project, else a placeholder.
    #[must_use]
    pub fn trust_of<'c>(&self, operation: &OperationView<'_>, context: Context<'c>) -> &'c str {
        let known = || {
            let key = (user_of(operation, context.settings).to_owned(), self.project_id.to_owned());
            context.facts.trusts.get(&key).map(String::as_str)
        };
        context.settings.trust_id.as_deref().or_else(known).unwrap_or(PLACEHOLDER_TRUST)
    }

    /// Whether every row fits the target's columns.
    ///
    /// # Errors
    /// The first value that does not.
    pub fn fits(&self, layouts: &[Layout], context: Context<'_>) -> Result<(), EncodeError> {
        let mut bytes = Vec::with_capacity(ROW_BYTES);
        for (table, layout) in layouts.iter().enumerate().take(karbor::WRITTEN.len() - 1) {
            self.rows(table, context, &mut |row| {
                bytes.clear();
                // A service that the target fills in cannot be judged here.
                let filled = |n: usize, value: &Value<'_>| {
                    layout.table.name == karbor::STATES.name && n == 1 && *value == Value::Null
                };
                if row.iter().enumerate().any(|(n, value)| filled(n, value)) {
                    return Ok(());
                }
                layout.encode(row, &mut bytes)
            })?;
        }
        Ok(())
    }
}

fn user_of<'u>(operation: &OperationView<'u>, settings: &'u Settings) -> &'u str {
    settings.user_id.as_deref().unwrap_or(operation.user_id)
}

/// What a pattern is used for.
#[derive(Clone, Copy, Debug, Default)]
struct PatternUse {
    /// Operations that have it.
    operations: u64,
    /// Backups that it starts each time: one for each volume of each policy that runs.
    starts: u64,
}

/// What the report says of the policies, added up.
#[derive(Clone, Debug, Default)]
pub struct PolicyFigures {
    /// Policies of VBS that are ON.
    pub on: u64,
    /// Policies of VBS that are OFF.
    pub off: u64,
    /// Policies that drift.
    pub drifting: u64,
    /// Policies with a placeholder instead of a trust.
    pub without_trust: u64,
    /// What each pattern is used for.
    uses: HashMap<PatternId, PatternUse>,
    zones: BTreeMap<(String, ZoneOrigin), u64>,
}

impl PolicyFigures {
    /// Counts one policy that stands, with the zones it uses.
    pub fn count(
        &mut self,
        view: &PlanView<'_>,
        zones: impl IntoIterator<Item = (String, ZoneOrigin)>,
        context: Context<'_>,
    ) {
        match view.on {
            Some(true) => self.on += 1,
            Some(false) => self.off += 1,
            None => {}
        }
        let any = |test: &dyn Fn(&OperationView<'_>) -> bool| u64::from(view.operations.iter().any(test));
        self.drifting += any(&|operation| context.patterns.drifts(operation.pattern));
        self.without_trust += any(&|operation| view.trust_of(operation, context) == PLACEHOLDER_TRUST);
        for zone in zones {
            *self.zones.entry(zone).or_default() += 1;
        }
        let volumes = u64::try_from(view.resources.len()).unwrap_or(u64::MAX);
        for operation in &view.operations {
            let of_pattern = self.uses.entry(operation.pattern).or_default();
            of_pattern.operations += 1;
            if operation.enabled && operation.kind == "backup" {
                of_pattern.starts = of_pattern.starts.saturating_add(volumes);
            }
        }
    }

    /// Adds another source's figures.
    pub fn add(&mut self, other: Self) {
        self.on += other.on;
        self.off += other.off;
        self.drifting += other.drifting;
        self.without_trust += other.without_trust;
        for (zone, policies) in other.zones {
            *self.zones.entry(zone).or_default() += policies;
        }
        for (pattern, more) in other.uses {
            let known = self.uses.entry(pattern).or_default();
            known.operations += more.operations;
            known.starts = known.starts.saturating_add(more.starts);
        }
    }

    /// Proves the schedules, each pattern once, and lists the policies whose schedules are not exact.
    #[must_use]
    pub fn schedules<'v>(
        &self,
        views: impl Iterator<Item = PlanView<'v>>,
        context: Context<'_>,
        horizon: Horizon,
    ) -> ScheduleReport {
        let settings = context.settings;
        // The clock of the server's room: what its operators call Monday night.
        let clock = settings.server_zone.zone.offset_at(horizon.from());
        let mut report = ScheduleReport::new(horizon, clock);
        let mut prover = Prover::new(horizon, settings.every_n_days, clock);
        let mut inexact: HashMap<PatternId, Verdict> = HashMap::new();
        for (pattern, of_pattern) in &self.uses {
            let Some(subject) = context.patterns.subject(*pattern) else { continue };
            let proof = prover.prove(subject);
            report.count(proof, of_pattern.operations, of_pattern.starts);
            if proof.verdict != Verdict::Exact {
                inexact.insert(*pattern, proof.verdict.clone());
            }
        }
        if inexact.is_empty() {
            return report;
        }
        for view in views {
            for operation in &view.operations {
                if let Some(verdict) = inexact.get(&operation.pattern) {
                    report.list(view.id, view.name, operation.kind, verdict);
                }
            }
        }
        report.in_order()
    }

    /// The zones, for the report.
    #[must_use]
    pub fn zones(&self) -> Vec<ZoneUse> {
        let uses = self.zones.iter();
        uses.map(|((zone, origin), policies)| ZoneUse {
            zone: zone.clone(),
            origin: *origin,
            policies: *policies,
        })
        .collect()
    }
}
