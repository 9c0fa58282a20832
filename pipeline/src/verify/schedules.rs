//! The schedules: when the sources fire, by the dumps, against when Karbor will, by what the target's triggers say.

use super::Checking;
use crate::compare::Fact;
use crate::compare::sql::TRIGGERS;
use crate::error::Result;
use crate::load::session::Session;
use crate::outcome::ScheduleReport;
use crate::removal::marks::derived;
use crate::transform::policies::Wanted;
use crate::transform::resolved::PolicyRows;
use schedules::firings::horizon::Horizon;
use schedules::firings::{Prover, Subject};
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
    /// By the id of the trigger.
    of: HashMap<String, usize>,
}

impl Triggers {
    fn note(&mut self, id: &str, properties: &str) {
        // What is no such object says nothing, as Karbor's engine would find.
        let nothing = || Properties { pattern: String::new(), start_time: String::new() };
        let properties: Properties = serde_json::from_str(properties).unwrap_or_else(|_| nothing());
        let made = &mut self.made;
        let (pattern, start) = (properties.pattern.clone(), properties.start_time.clone());
        let n = *self.known.entry(properties).or_insert_with(|| {
            made.push((pattern, start));
            made.len() - 1
        });
        self.of.insert(id.to_owned(), n);
    }

    fn find(&self, id: &str) -> Option<&(String, String)> {
        self.of.get(id).and_then(|n| self.made.get(*n))
    }
}

impl Checking {
    /// Proves the schedules; returns also how many there are that cannot be proved.
    pub(super) fn schedules(
        &self,
        session: &mut dyn Session,
        PolicyRows { policies, sources, context }: PolicyRows<'_>,
        horizon: Horizon,
    ) -> Result<(ScheduleReport, u64)> {
        let triggers = self.triggers(session)?;
        let settings = context.settings;
        let clock = settings.server_zone.zone.offset_at(horizon.from());
        let mut report = ScheduleReport::new(horizon, clock);
        let mut prover = Prover::new(horizon, settings.every_n_days, clock);
        let mut unproved = 0;
        for view in policies.views(sources, settings, Wanted::All) {
            let volumes = u64::try_from(view.resources.len()).unwrap_or(u64::MAX);
            for operation in &view.operations {
                let id = operation.key.trigger();
                let id = Some(id.as_str()).filter(|id| {
                    self.comparison.scope.knows(Fact::Schedule, view.source)
                        && !self.changed_triggers.contains(*id)
                });
                let found = id.and_then(|id| triggers.find(id));
                let (Some((pattern, start_time)), Some(subject)) =
                    (found, context.patterns.subject(operation.pattern))
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
        Ok((report.in_order(), unproved))
    }

    /// Reads when the target's triggers fire; those that only an import makes.
    fn triggers(&self, session: &mut dyn Session) -> Result<Triggers> {
        let sql = self.comparison.sql();
        let Some(properties) = sql.optional(TRIGGERS, "properties") else { return Ok(Triggers::default()) };
        let id = format!("t.{}", sql.column(TRIGGERS, "id"));
        let select = format!(
            "SELECT CAST({id} AS text), CAST(t.{properties} AS text) FROM {} t WHERE {}",
            sql.table(TRIGGERS),
            derived(&id)
        );
        let mut triggers = Triggers::default();
        session.query("reading when operations run", &select, &mut |row| {
            if let [Some(id), properties] = row {
                triggers.note(id, properties.unwrap_or_default());
            }
            Ok(())
        })?;
        Ok(triggers)
    }
}
