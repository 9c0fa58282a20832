//! What each row of DPS's policy side became, for the notes of source rows.

use super::{DpsPlans, PolicyFamily, id_of};
use crate::error::Result;
use crate::karbor::{Source, ids};
use crate::row_outcomes::{Became, HeldRows};
use crate::transform::dps::tables::DpsTables;
use crate::transform::keyed::{Keyed, key_text};
use parsers::models::Held;
use parsers::models::dps::{Plan, Policy};
use parsers::table::Table;

/// Which operations of a policy a row has to do with.
#[derive(Clone, Copy)]
enum Part {
    Backup,
    Replication,
    Both,
}

/// The plans that stand, by the policies that they have.
struct Uses<'u> {
    plans: &'u DpsPlans,
    tables: &'u DpsTables,
    /// Policy and plan, by their numbers.
    pairs: Vec<(usize, usize)>,
}

impl<'u> Uses<'u> {
    fn new(plans: &'u DpsPlans, tables: &'u DpsTables) -> Self {
        let numbered = plans.standing.iter().enumerate();
        let mut pairs: Vec<_> =
            numbered.flat_map(|(n, plan)| plan.scheduled.iter().map(move |policy| (*policy, n))).collect();
        pairs.sort_unstable();
        Self { plans, tables, pairs }
    }

    fn family(&self, id: &str) -> Option<usize> {
        let of = |family: &PolicyFamily| id_of(&self.tables.policies, &family.policies, Policy::id);
        self.plans.policies.binary_search_by(|family| of(family).cmp(id)).ok()
    }

    /// The ids of the plans that a policy runs.
    fn plans_of(&self, policy: &str) -> Vec<&'u str> {
        let Some(number) = self.family(policy) else { return Vec::new() };
        let first = self.pairs.partition_point(|(family, _)| *family < number);
        let pairs = self.pairs.get(first..).unwrap_or_default().iter();
        let of_policy = pairs.take_while(|(family, _)| *family == number);
        of_policy.filter_map(|(_, plan)| self.plan_id(*plan)).collect()
    }

    fn plan_id(&self, plan: usize) -> Option<&'u str> {
        self.plans.standing.get(plan).map(|plan| id_of(&self.tables.plans, &plan.plans, Plan::id))
    }

    /// The operations of a policy in one plan.
    fn operations(&self, (plan, policy): (&str, &str), part: Part, became: &mut Became<'_>) {
        let Some(family) = self.family(policy).and_then(|n| self.plans.policies.get(n)) else { return };
        let kinds = [("backup", family.backup.is_some()), ("replication", family.replication.is_some())];
        for (kind, _) in kinds.into_iter().filter(|(_, has)| *has) {
            let wanted = match part {
                Part::Backup => kind == "backup",
                Part::Replication => kind == "replication",
                Part::Both => true,
            };
            if wanted {
                became.operation(ids::OperationKey::Dps { plan, policy, kind });
            }
        }
    }

    /// Notes the rows of a table that belong to policies.
    fn note<T: Keyed>(
        &self,
        (table, part): (Table, Part),
        rows: &[Held<T>],
        policy_of: impl Fn(&T) -> &str,
        notes: &mut HeldRows<'_>,
    ) -> Result<()> {
        for row in rows {
            let policy = policy_of(&row.model);
            let mut mentions = self.plans_of(policy);
            let plans = mentions.clone();
            mentions.push(policy);
            notes.row((table, row.origin), &key_text(&row.model), &mentions, |became| {
                plans.iter().for_each(|plan| self.operations((plan, policy), part, became));
            })?;
        }
        Ok(())
    }
}

impl DpsPlans {
    /// Notes all held rows.
    ///
    /// # Errors
    /// Those of the notes.
    pub(crate) fn note(&self, tables: &DpsTables, notes: &mut HeldRows<'_>) -> Result<()> {
        use parsers::models::dps::{Destination, Spec, Timer};
        let uses = Uses::new(self, tables);
        for row in &tables.plans {
            let id = row.model.id();
            notes.row((Table::ProtectionPlan, row.origin), &key_text(&row.model), &[id], |became| {
                became.plan(Source::Dps, id);
            })?;
        }
        for row in &tables.objects {
            let (plan, volume) = (row.model.plan_id(), row.model.resource_id());
            notes.row(
                (Table::ProtectionObject, row.origin),
                &key_text(&row.model),
                &[plan, volume],
                |became| became.resource((Source::Dps, plan), volume),
            )?;
        }
        for row in &tables.mappings {
            let (plan, policy) = (row.model.plan_id(), row.model.policy_id());
            notes.row(
                (Table::PlanPolicyMapping, row.origin),
                &key_text(&row.model),
                &[plan, policy],
                |became| uses.operations((plan, policy), Part::Both, became),
            )?;
        }
        uses.note((Table::ProtectionPolicy, Part::Both), &tables.policies, Policy::id, notes)?;
        uses.note((Table::ScheduleTimer, Part::Backup), &tables.timers, Timer::policy_id, notes)?;
        uses.note((Table::PolicyExtraSpecs, Part::Both), &tables.specs, Spec::policy_id, notes)?;
        let destinations = (Table::BackupTargetObject, Part::Both);
        uses.note(destinations, &tables.destinations, Destination::policy_id, notes)?;
        for row in &tables.cycles {
            notes.row((Table::AsyncCopyPolicy, row.origin), &key_text(&row.model), &[], |became| {
                for (policy, plan) in &uses.pairs {
                    let policy = self.policies.get(*policy);
                    let policy = policy.map(|family| id_of(&tables.policies, &family.policies, Policy::id));
                    if let Some(pair) = uses.plan_id(*plan).zip(policy) {
                        uses.operations(pair, Part::Replication, became);
                    }
                }
            })?;
        }
        Ok(())
    }
}
