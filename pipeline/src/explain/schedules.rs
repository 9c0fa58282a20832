//! The schedules that an id has to do with: what it was, what it is, and when each fires next.

use super::concern::{is_operation, is_plan, word_of};
use crate::karbor::ids;
use crate::transform::policies::{Context, PlanView};
use ::schedules::firings::horizon::{DEFAULT_HORIZON_DAYS, Horizon};
use ::schedules::firings::{Prover, Subject, Verdict, source_firings};
use ::schedules::icalendar::occurrences;
use ::schedules::schedule::Schedule;
use ::schedules::schedule::times::Days;
use ::schedules::zone::{Offset, Zone};
use chrono::{DateTime, FixedOffset};
use serde::Serialize;

/// How many firings are told of each side.
const FIRINGS: usize = 5;

/// One operation's schedule, on both sides.
#[derive(Clone, Debug, Serialize)]
pub struct ExplainedSchedule {
    /// `VBS` or `DPS`.
    pub source: &'static str,
    /// The policy or plan at the source.
    pub policy_id: String,
    /// Its name.
    pub name: String,
    /// The plan in the target.
    pub plan_id: String,
    /// The operation in the target.
    pub operation_id: String,
    /// Its trigger.
    pub trigger_id: String,
    /// `backup` or `replication`.
    pub operation: &'static str,
    /// Whether it runs by itself.
    pub enabled: bool,
    /// What the source stores: times in UTC, and days of the user.
    pub stored: String,
    /// The user's clock.
    pub zone: String,
    /// The pattern of Karbor's trigger, line by line.
    pub pattern: Vec<String>,
    /// When the source would fire next.
    pub before: Vec<String>,
    /// When Karbor will.
    pub after: Vec<String>,
    /// Whether both are the same, over the next 400 days, and why not.
    pub verdict: String,
}

/// The schedules of the plans and operations that `id` names; of all plans that back a volume of this id up.
pub(super) fn of<'v>(
    views: impl Iterator<Item = PlanView<'v>>,
    id: &str,
    context: Context<'_>,
    now: i64,
) -> Vec<ExplainedSchedule> {
    let mut out = Vec::new();
    let horizon = Horizon::new(now, DEFAULT_HORIZON_DAYS);
    let mut prover = Prover::new(horizon, context.settings.every_n_days, Offset::UTC);
    for view in views {
        let whole = is_plan(&view, id) || view.resources.iter().any(|resource| resource.id == id);
        for operation in view.operations.iter().filter(|operation| whole || is_operation(operation, id)) {
            let Some(subject) = context.patterns.subject(operation.pattern) else { continue };
            let proved = prover.prove(subject);
            let (trigger, operation_id) = (operation.key.trigger(), operation.key.operation());
            out.push(ExplainedSchedule {
                source: word_of(view.source),
                policy_id: view.id.to_owned(),
                name: view.name.to_owned(),
                plan_id: ids::plan(view.source, view.id).as_str().to_owned(),
                operation_id: operation_id.as_str().to_owned(),
                trigger_id: trigger.as_str().to_owned(),
                operation: operation.kind,
                enabled: operation.enabled,
                stored: stored(subject.schedule),
                zone: zone(subject),
                pattern: subject
                    .pattern
                    .split("\r\n")
                    .filter(|line| line.starts_with("RRULE"))
                    .map(str::to_owned)
                    .collect(),
                before: before(subject, horizon),
                after: after(subject, now),
                verdict: words(&proved.verdict),
            });
        }
    }
    out
}

fn stored(schedule: &Schedule) -> String {
    let times: Vec<String> = schedule.times().iter().map(ToString::to_string).collect();
    let days = match schedule.days() {
        Days::EveryNDays(days) if days.get() == 1 => "every day".to_owned(),
        Days::EveryNDays(days) => format!("every {days} days, counted from the 1st of each month"),
        Days::Weekdays(days) => days.iter().map(|day| day.to_string()).collect::<Vec<_>>().join(" "),
    };
    format!("{days} at {} UTC", times.join(", "))
}

fn zone(subject: Subject<'_>) -> String {
    match subject.clock.zone {
        Zone::Fixed(offset) => offset.to_string(),
        Zone::Named(name) => format!("{} as {}", name.name(), subject.clock.saved),
    }
}

fn before(subject: Subject<'_>, horizon: Horizon) -> Vec<String> {
    let firings = source_firings(subject.schedule, subject.clock, horizon.from(), horizon.to());
    firings.into_iter().take(FIRINGS).filter_map(|at| shown(at, subject.clock.saved)).collect()
}

/// None where Karbor refuses the trigger, which the verdict says.
fn after(subject: Subject<'_>, now: i64) -> Vec<String> {
    let firings = occurrences(subject.pattern, subject.start_time, now);
    firings.into_iter().flatten().take(FIRINGS).filter_map(|at| shown(at, subject.clock.saved)).collect()
}

/// An instant by the user's clock.
fn shown(at: i64, offset: Offset) -> Option<String> {
    let east = FixedOffset::east_opt(i32::from(offset.minutes()) * 60)?;
    let time = DateTime::from_timestamp(at, 0)?.with_timezone(&east);
    Some(format!("{} {offset}", time.format("%a %Y-%m-%d %H:%M")))
}

fn words(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Exact => format!("both fire at the same instants over the next {DEFAULT_HORIZON_DAYS} days"),
        Verdict::Accepted(cause, drift) => format!("{cause}: {drift}"),
        Verdict::Differs(drift) => format!("they differ: {drift}"),
        Verdict::Refused(error) => format!("Karbor refuses it: {error}"),
    }
}
