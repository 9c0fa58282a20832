//! What each row of VBS's policy side became, for the notes of source rows.

use super::{AcceptedPolicy, VbsPlans, VbsTables};
use crate::error::Result;
use crate::karbor::{Source, ids};
use crate::row_outcomes::HeldRows;
use crate::transform::keyed::key_text;
use crate::transform::ledger::at;
use parsers::models::vbs::Extend;
use parsers::table::Table;

impl VbsPlans {
    /// Notes all held rows.
    ///
    /// # Errors
    /// Those of the notes.
    pub(crate) fn note(&self, tables: &VbsTables, notes: &mut HeldRows<'_>) -> Result<()> {
        let plan = |policy: &str| ids::plan(Source::Vbs, policy).as_str().to_owned();
        for (n, row) in (0u32..).zip(&tables.policies) {
            let id = row.model.id();
            notes.row((Table::BackupPolicy, row.origin), &key_text(&row.model), &[&plan(id)], |became| {
                became.plan(Source::Vbs, id);
                if self.of_policy(n).is_some_and(is_without_extends) {
                    became.operation(ids::OperationKey::Vbs { policy: id, extend: None });
                }
            })?;
        }
        for row in &tables.extends {
            let policy = row.model.policy_id();
            let mentions = [policy, &plan(policy), row.model.trigger_id().unwrap_or_default()];
            notes.row(
                (Table::BackupPolicyExtend, row.origin),
                &key_text(&row.model),
                &mentions,
                |became| {
                    became.operation(ids::OperationKey::Vbs { policy, extend: Some(row.model.id()) });
                },
            )?;
        }
        for row in &tables.relations {
            let policy = row.model.policy_id();
            let mentions = [policy, &plan(policy), row.model.trigger_id().unwrap_or_default()];
            notes.row(
                (Table::BackupRelationPolicy, row.origin),
                &key_text(&row.model),
                &mentions,
                |became| match row.model.extend_id() {
                    Some(extend) => {
                        became.operation(ids::OperationKey::Vbs { policy, extend: Some(extend) });
                    }
                    None => became.plan(Source::Vbs, policy),
                },
            )?;
        }
        for row in &tables.resources {
            let (policy, volume) = (row.model.policy_id(), row.model.resource_id());
            let mentions = [policy, &plan(policy), volume];
            notes.row((Table::PolicyResource, row.origin), &key_text(&row.model), &mentions, |became| {
                became.resource((Source::Vbs, policy), volume);
            })?;
        }
        for row in &tables.tags {
            let policy = row.model.policy_id();
            notes.row(
                (Table::Tag, row.origin),
                &key_text(&row.model),
                &[policy, &plan(policy)],
                |became| {
                    became.plan(Source::Vbs, policy);
                },
            )?;
        }
        self.note_triggers(tables, notes)
    }

    /// Triggers, which several policies can use.
    fn note_triggers(&self, tables: &VbsTables, notes: &mut HeldRows<'_>) -> Result<()> {
        let mut uses: Vec<(u32, &str, Option<&str>)> = Vec::new();
        for accepted in &self.accepted {
            let Some(policy) = at(&tables.policies, accepted.policy) else { continue };
            for operation in &accepted.operations {
                let extend = operation.extend.and_then(|n| at(&tables.extends, n)).map(|row| &row.model);
                uses.extend(operation.trigger.map(|n| (n, policy.model.id(), extend.map(Extend::id))));
            }
        }
        uses.sort_unstable();
        for (n, row) in (0u32..).zip(&tables.triggers) {
            let first = uses.partition_point(|(trigger, ..)| *trigger < n);
            let last = uses.partition_point(|(trigger, ..)| *trigger <= n);
            let uses = uses.get(first..last).unwrap_or_default();
            let plans: Vec<String> = uses
                .iter()
                .map(|(_, policy, _)| ids::plan(Source::Vbs, policy).as_str().to_owned())
                .collect();
            let policies = uses.iter().map(|(_, policy, _)| *policy);
            let mentions: Vec<&str> = policies.chain(plans.iter().map(String::as_str)).collect();
            notes.row((Table::BackupTrigger, row.origin), &key_text(&row.model), &mentions, |became| {
                for (_, policy, extend) in uses {
                    became.operation(ids::OperationKey::Vbs { policy, extend: *extend });
                }
            })?;
        }
        Ok(())
    }

    /// The policy that is this row, where it stands: both are in the order of their ids.
    fn of_policy(&self, n: u32) -> Option<&AcceptedPolicy> {
        let found = self.accepted.binary_search_by_key(&n, |accepted| accepted.policy);
        found.ok().and_then(|place| self.accepted.get(place))
    }
}

/// Whether a policy's own fields say when it runs.
fn is_without_extends(accepted: &AcceptedPolicy) -> bool {
    accepted.operations.iter().all(|operation| operation.extend.is_none())
}
