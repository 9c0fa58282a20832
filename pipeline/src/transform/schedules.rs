//! Schedules of policies as patterns, each stored form computed once: schedules repeat.

use crate::karbor::json;
use crate::settings::{ServerZone, Settings, ZoneOrigin};
use parsers::models::Times;
use parsers::row::{FieldError, FieldReason};
use parsers::value::Timestamp;
use schedules::firings::{Subject, WallClock};
use schedules::icalendar::{self, EveryNDays};
use schedules::schedule::times::Days;
use schedules::schedule::{Field, Schedule, ScheduleError};
use schedules::zone::Zone;
use std::collections::HashMap;

/// Which pattern; see [`Patterns::pattern`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PatternId(u32);

/// A pattern, what it was made of, and what the report says of it.
#[derive(Clone, Debug)]
struct Known {
    text: Box<str>,
    /// The properties of a trigger that has it.
    properties: Box<str>,
    schedule: Schedule,
    clock: WallClock,
    drifts: bool,
}

/// Which schedule and where: what a pattern and its proof depend on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Wanted {
    schedule: Schedule,
    clock: WallClock,
    zone_line: bool,
}

/// Patterns that were made, each once.
#[derive(Debug)]
pub struct Patterns {
    every: EveryNDays,
    trigger_format: String,
    made: Vec<Known>,
    ids: HashMap<Wanted, Result<PatternId, String>>,
}

impl Patterns {
    /// No pattern yet; the settings say how schedules of every N days are written, and the format of triggers.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        let (every, trigger_format) = (settings.every_n_days, settings.trigger_format.clone());
        Self { every, trigger_format, made: Vec::new(), ids: HashMap::new() }
    }

    /// The pattern of a schedule whose days are those of a user's clock; its offset is kept in the pattern where a zone is known.
    ///
    /// # Errors
    /// Why Karbor would not take the pattern, in words.
    pub fn pattern(
        &mut self,
        schedule: &Schedule,
        clock: WallClock,
        zone_known: bool,
    ) -> Result<PatternId, String> {
        let wanted = Wanted { schedule: schedule.clone(), clock, zone_line: zone_known };
        if let Some(known) = self.ids.get(&wanted) {
            return known.clone();
        }
        let made = icalendar::pattern(schedule, clock.saved, zone_known.then_some(clock.saved), self.every)
            .map_err(|e| e.to_string())
            .and_then(|pattern| {
                let id =
                    u32::try_from(self.made.len()).map_err(|_| "there are too many schedules".to_owned())?;
                let drifts = self.every == EveryNDays::Interval && restarts_monthly(schedule);
                let text: Box<str> = pattern.into_string().into();
                let mut properties = String::new();
                json::properties(&text, &self.trigger_format, &mut properties);
                let properties = properties.into();
                self.made.push(Known { text, properties, schedule: schedule.clone(), clock, drifts });
                Ok(PatternId(id))
            });
        self.ids.insert(wanted, made.clone());
        made
    }

    /// The properties of a trigger that has the pattern.
    #[must_use]
    pub fn properties(&self, id: PatternId) -> &str {
        self.get(id).map_or("", |known| &known.properties)
    }

    /// Whether the pattern drifts from the source's restart on the 1st of a month.
    #[must_use]
    pub fn drifts(&self, id: PatternId) -> bool {
        self.get(id).is_some_and(|known| known.drifts)
    }

    /// What a proof of the pattern is about.
    #[must_use]
    pub fn subject(&self, id: PatternId) -> Option<Subject<'_>> {
        self.get(id).map(|known| Subject {
            schedule: &known.schedule,
            clock: known.clock,
            pattern: &known.text,
            start_time: icalendar::start::START_TIME,
        })
    }

    fn get(&self, id: PatternId) -> Option<&Known> {
        usize::try_from(id.0).ok().and_then(|n| self.made.get(n))
    }
}

/// Whether the source counts a schedule's days anew each month, which an interval does not.
fn restarts_monthly(schedule: &Schedule) -> bool {
    matches!(schedule.days(), Days::EveryNDays(n) if n.get() > 1)
}

/// The zone of one schedule: what it is called, its offset, and who said so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The clock, with the offset used.
    pub clock: WallClock,
    /// The zone for the report: `UTC+08:00`, or an IANA name with the offset it stands for.
    pub said: String,
    /// Who said so.
    pub origin: ZoneOrigin,
}

/// The zone of a policy: its own, else the server's. An IANA name stands for its offset when the policy was saved.
///
/// # Errors
/// The policy's own zone cannot be understood; `column` is where it stands.
pub fn place(
    own: Option<&str>,
    column: &'static str,
    server: &ServerZone,
    times: Times,
) -> Result<Placed, FieldError> {
    let (zone, origin) = match own {
        Some(text) => {
            let zone = Zone::parse(text)
                .map_err(|e| FieldError::new(column, text, FieldReason::Rule(e.to_string())))?;
            (zone, ZoneOrigin::Policy)
        }
        None => (server.zone, server.origin),
    };
    let saved = times.updated.or(times.created).unwrap_or(Timestamp::DEFAULT);
    let offset = zone.offset_at(saved.seconds());
    let said = match zone {
        Zone::Fixed(offset) => offset.to_string(),
        Zone::Named(name) => format!("{} as {offset}", name.name()),
    };
    Ok(Placed { clock: WallClock { zone, saved: offset }, said, origin })
}

/// The columns that a schedule's inputs stand in.
#[derive(Clone, Copy, Debug)]
pub struct ScheduleColumns {
    /// Of the times of day.
    pub times: &'static str,
    /// Of the number of days.
    pub frequency: &'static str,
    /// Of the days of the week.
    pub weekdays: &'static str,
    /// Of the frequency's type.
    pub kind: &'static str,
    /// Of the Quartz expression.
    pub cron: &'static str,
}

impl ScheduleColumns {
    /// A schedule's error as one of the column it stands in.
    #[must_use]
    pub fn fault(self, error: &ScheduleError) -> FieldError {
        let column = match error.field {
            Field::Times => self.times,
            Field::Frequency => self.frequency,
            Field::Weekdays => self.weekdays,
            Field::FrequencyType => self.kind,
            Field::Cron | Field::CronPart(_) => self.cron,
        };
        let reason = match error.field {
            Field::CronPart(part) => format!("({part}) {}", error.reason),
            _ => error.reason.to_string(),
        };
        FieldError::new(column, &error.value, FieldReason::Rule(reason))
    }
}
