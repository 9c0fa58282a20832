//! The schedules: when the sources fire, by the dumps, against when Karbor will, by what the target's triggers say.

use super::check::Checking;
use crate::compare::Fact;
use crate::compare::sql::TRIGGERS;
use crate::error::Result;
use crate::extract::Sources;
use crate::firings::{Horizon, Prover, Subject};
use crate::outcome::ScheduleReport;
use crate::run::Policies;
use crate::transform::policies::{Context, Wanted};
use serde::Deserialize;
use std::collections::HashMap;

/// What of a trigger's properties says when it fires.
#[derive(Debug, Deserialize, PartialEq, Eq, Hash)]
struct Properties {
    #[serde(default)]
    pattern: String,
    #[serde(default)]
    start_time: String,
}

/// When the triggers fire: schedules repeat, so each is kept once.
#[derive(Default)]
struct Triggers {
    known: HashMap<Properties, usize>,
    made: Vec<(String, String)>,
    /// By the key of the trigger.
    of: HashMap<u128, usize>,
}

impl Triggers {
    fn note(&mut self, key: u128, properties: &str) {
        // What is no such object says nothing, as Karbor's engine would find.
        let nothing = || Properties { pattern: String::new(), start_time: String::new() };
        let properties: Properties = serde_json::from_str(properties).unwrap_or_else(|_| nothing());
        let made = &mut self.made;
        let (pattern, start) = (properties.pattern.clone(), properties.start_time.clone());
        let n = *self.known.entry(properties).or_insert_with(|| {
            made.push((pattern, start));
            made.len() - 1
        });
        self.of.insert(key, n);
    }

    fn find(&self, key: u128) -> Option<&(String, String)> {
        self.of.get(&key).and_then(|n| self.made.get(*n))
    }
}

impl Checking<'_> {
    /// Proves the schedules; answers also how many there are that cannot be proved.
    pub(super) fn schedules(
        &mut self,
        policies: &Policies,
        sources: &Sources,
        context: Context<'_>,
        horizon: Horizon,
    ) -> Result<(ScheduleReport, u64)> {
        let triggers = self.triggers()?;
        let settings = context.settings;
        let clock = settings.server_zone.zone.offset_at(horizon.from());
        let mut report = ScheduleReport::new(horizon, clock);
        let mut prover = Prover::new(horizon, settings.every_n_days, clock);
        let mut unproved = 0;
        for view in policies.views(sources, settings, Wanted::All) {
            let volumes = u64::try_from(view.resources.len()).unwrap_or(u64::MAX);
            for operation in &view.operations {
                let key = self.comparison.table(TRIGGERS)?.key_of(operation.key.trigger().as_str());
                let key = key.filter(|key| {
                    self.comparison.scope.knows(Fact::Schedule, view.source)
                        && !self.changed_triggers.contains(&key.0)
                });
                let held = key.and_then(|key| triggers.find(key.0));
                let (Some((pattern, start_time)), Some(subject)) =
                    (held, context.patterns.subject(operation.pattern))
                else {
                    unproved += 1;
                    continue;
                };
                let proof = prover.prove(Subject { pattern, start_time, ..subject });
                let starts = if operation.enabled && operation.kind == "backup" { volumes } else { 0 };
                report.count(proof, 1, starts);
                report.list(view.id, view.name, operation.kind, &proof.verdict);
            }
        }
        Ok((report, unproved))
    }

    /// Reads when the target's triggers fire.
    fn triggers(&mut self) -> Result<Triggers> {
        let sql = self.comparison.sql(&*self.session, self.layouts);
        // Where the dumps do not know when operations run, there is nothing to compare with.
        let Some(properties) = sql.optional(TRIGGERS, "properties") else { return Ok(Triggers::default()) };
        let select = format!(
            "SELECT CAST(t.{} AS text), CAST(t.{properties} AS text) FROM {} t",
            sql.column(TRIGGERS, "id"),
            sql.table(TRIGGERS),
        );
        let mut triggers = Triggers::default();
        let compared = self.comparison.table(TRIGGERS)?;
        self.session.query("reading when operations run", &select, &mut |row| {
            if let [Some(id), properties] = row
                && let Some(key) = compared.key_of(id)
                // Karbor's own triggers are none of ours, and nobody else's start with our ids.
                && !compared.is_new(key)
            {
                triggers.note(key.0, properties.unwrap_or_default());
            }
            Ok(())
        })?;
        Ok(triggers)
    }
}
