//! What Karbor's operation engine does with what a target contains, once it is restarted.
//!
//! The rules are upstream Karbor's (1.6.0, `services/operationengine`), tried on the real engine by `tests/karbor`. Nothing is
//! written, and no temporary table is made: a standby takes none.

use crate::error::{Error, Result};
use crate::karbor::ddl::Dialect;
use crate::karbor::ids::digest;
use crate::karbor::layout::Layout;
use crate::karbor::{OPERATIONS, STATES, TRIGGERS, Table};
use crate::load::lookup::no;
use crate::load::session::{Session, count, literal};
use crate::load::{Intent, Opened, Target};
use crate::removal::LISTED;
use crate::removal::beside::EXECUTIONS;
use crate::removal::marks::{ImportPredicates, key, text, yes};
use crate::removal::sets::Sets;
use crate::settings::PLACEHOLDER_TRUST;
use chrono::{DateTime, NaiveDateTime, Utc};
use schedules::icalendar::occurrences;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap, HashSet};

/// States that upstream reads at a time when it starts. A full page makes it ask for the next, and that fails: the marker is the
/// state's id, which is looked up as an operation's (`scheduled_operation_state_get` in `db/sqlalchemy/api.py`).
pub const STATES_PER_PAGE: u64 = 100;

/// The longest time after its due time within which the engine still fires a trigger (`max_window_time`), in seconds.
const LONGEST_WINDOW: i64 = 1800;

/// Patterns whose next time is kept while triggers are read.
const KEPT_PATTERNS: usize = 4096;

/// How the database writes a trigger's next time; fractions of a second may follow.
const TIME_FORMAT: &str = "%Y-%m-%d %H:%M:%S%.f";

/// Why an operation does not fire, the first of what is true of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Obstacle {
    /// It is marked as deleted.
    Deleted,
    /// It is disabled.
    Disabled,
    /// Its trigger is missing or marked as deleted.
    NoTrigger,
    /// It has no row in `scheduled_operation_states`.
    NoState,
    /// Its state is neither `registered` nor `running`.
    Unregistered,
    /// Its trust is the placeholder, or empty.
    NoTrust,
}

impl Obstacle {
    const ALL: [Self; 6] =
        [Self::Deleted, Self::Disabled, Self::NoTrigger, Self::NoState, Self::Unregistered, Self::NoTrust];

    /// The obstacle in words, about an operation.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Deleted => "deleted",
            Self::Disabled => "disabled",
            Self::NoTrigger => "trigger missing or deleted",
            Self::NoState => "without a state",
            Self::Unregistered => "state not registered",
            Self::NoTrust => "no usable trust",
        }
    }

    fn code(self) -> &'static str {
        match self {
            Self::Deleted => "deleted",
            Self::Disabled => "disabled",
            Self::NoTrigger => "trigger",
            Self::NoState => "state",
            Self::Unregistered => "unregistered",
            Self::NoTrust => "trust",
        }
    }
}

/// Imported operations that do not fire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Silent {
    /// Why.
    pub obstacle: Obstacle,
    /// How many.
    pub operations: u64,
}

/// What a service reads when it starts, whoever made it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServiceLoad {
    /// Its id.
    pub service_id: String,
    /// States that are `registered` or `running`.
    pub registered: u64,
    /// Those of them whose operation is deleted, or enabled and without a live trigger: each keeps the engine from starting.
    pub blocking: u64,
}

/// A trigger of which the engine remembers another next time than its pattern gives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WrongNextTime {
    /// The trigger's id.
    pub trigger_id: String,
    /// `trigger_executions.execution_time`.
    pub remembered: String,
    /// What the pattern gives; `None` where it gives none any more.
    pub expected: Option<String>,
}

/// What the operation engine does with what a target contains.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Engine {
    /// Imported operations that fire.
    pub firing: u64,
    /// Those that do not, by reason.
    pub silent: Vec<Silent>,
    /// States of imported operations with the placeholder as trust, whatever else keeps those from firing.
    pub placeholders: u64,
    /// States of Karbor's own operations with the placeholder: the engine gives a user's new operations the trust that it finds
    /// in any state of that user and project.
    pub placeholders_spread: u64,
    /// What the services read, by their ids.
    pub services: Vec<ServiceLoad>,
    /// How many imported triggers have a wrong next time. Where there is no `trigger_executions`, none.
    pub wrong_next_times: u64,
    /// The first of them.
    pub listed: Vec<WrongNextTime>,
    /// Whether there is a `trigger_executions` that this role may not read, so that no next time is known.
    pub next_times_hidden: bool,
}

/// Looks at a target by itself, now.
///
/// # Errors
/// The target's; a script is none that can be looked at.
pub fn look_at(target: Box<dyn Target>) -> Result<Engine> {
    let name = target.name();
    let Opened { mut sink, layouts } = target.open(Intent::Look)?;
    let none =
        || Error::target(format!("{name}: is no database"), "name a database: postgresql://… or PATH.db");
    let engine = look(sink.session().ok_or_else(none)?, &layouts, Utc::now().timestamp())?;
    sink.rollback()?;
    Ok(engine)
}

/// Looks at a target whose tables are `layouts`; `now` is in seconds since 1970-01-01 00:00:00 UTC.
///
/// # Errors
/// The database's.
pub fn look(session: &mut dyn Session, layouts: &[Layout; 6], now: i64) -> Result<Engine> {
    let marks = ImportPredicates::new(layouts, session.dialect());
    let with = Sets::imported(marks).with();
    let mut engine = Engine::default();
    let sql = format!("{with} SELECT verdict, count(*) FROM ({}) v GROUP BY verdict", verdicts(marks, ""));
    session.query(DOING, &sql, &mut |row| {
        if let [Some(code), rows] = row {
            let operations = number(*rows);
            match Obstacle::ALL.into_iter().find(|obstacle| obstacle.code() == *code) {
                Some(obstacle) => engine.silent.push(Silent { obstacle, operations }),
                None => engine.firing += operations,
            }
        }
        Ok(())
    })?;
    engine.silent.sort_unstable_by_key(|silent| silent.obstacle);
    session.query(DOING, &format!("{with} {}", placeholders(marks)), &mut |row| {
        if let [imported, all] = row {
            engine.placeholders = number(*imported);
            engine.placeholders_spread = number(*all) - engine.placeholders;
        }
        Ok(())
    })?;
    engine.services = service_loads(session, marks)?;
    let table = EXECUTIONS.find(session)?;
    engine.next_times_hidden = match &table {
        Some(table) => !may_read(session, table)?,
        None => false,
    };
    if let Some(table) = table.filter(|_| !engine.next_times_hidden) {
        let mut clock = Clock { now, next: HashMap::new() };
        session.query(DOING, &format!("{with} {}", executions(marks, &table)), &mut |row| {
            if let [Some(trigger), Some(properties), Some(time)] = row
                && let Some(expected) = clock.contradicts(properties, time)
            {
                engine.wrong_next_times += 1;
                if engine.listed.len() < LISTED {
                    let (trigger_id, remembered) = ((*trigger).to_owned(), (*time).to_owned());
                    engine.listed.push(WrongNextTime { trigger_id, remembered, expected });
                }
            }
            Ok(())
        })?;
    }
    Ok(engine)
}

/// Joined here: the database cannot know how many rows are live, and takes nested loops for few.
fn service_loads(session: &mut dyn Session, marks: ImportPredicates<'_>) -> Result<Vec<ServiceLoad>> {
    let (mut triggers, mut broken) = (HashSet::new(), HashMap::new());
    session.query(DOING, &format!("SELECT key FROM {} t", live_triggers(marks)), &mut |row| {
        triggers.extend(row.first().copied().flatten().map(|key| digest(&[key])));
        Ok(())
    })?;
    session.query(DOING, &live_operations(marks), &mut |row| {
        if let [Some(key), trigger, enabled] = row {
            let fires = trigger.is_some_and(|trigger| triggers.contains(&digest(&[trigger])));
            broken.insert(digest(&[key]), *enabled == Some("1") && !fires);
        }
        Ok(())
    })?;
    let mut loads: BTreeMap<String, ServiceLoad> = BTreeMap::new();
    session.query(DOING, &registered_states(marks), &mut |row| {
        let [service, operation] = row else { return Ok(()) };
        let service_id = service.unwrap_or_default().to_owned();
        let load = loads.entry(service_id.clone());
        let load = load.or_insert(ServiceLoad { service_id, registered: 0, blocking: 0 });
        load.registered += 1;
        let broken = operation.and_then(|key| broken.get(&digest(&[key])).copied());
        load.blocking += u64::from(broken.unwrap_or(true));
        Ok(())
    })?;
    Ok(loads.into_values().collect())
}

/// What keeps the engine of a service from starting: with the states that the target has, and so many that a run would add to
/// those of a service.
///
/// # Errors
/// The database's.
pub(crate) fn start_warnings(
    session: &mut dyn Session,
    layouts: &[Layout; 6],
    planned: Option<(i64, u64)>,
) -> Result<Vec<String>> {
    let marks = ImportPredicates::new(layouts, session.dialect());
    let mut services = service_loads(session, marks)?;
    if let Some((service, states)) = planned {
        let service_id = service.to_string();
        match services.iter_mut().find(|load| load.service_id == service_id) {
            Some(load) => load.registered += states,
            None => services.push(ServiceLoad { service_id, registered: states, blocking: 0 }),
        }
    }
    Ok(Engine { services, ..Engine::default() }.warnings())
}

/// Whether this role may read a table: a query that is refused would end the transaction.
fn may_read(session: &mut dyn Session, table: &str) -> Result<bool> {
    if session.dialect() == Dialect::Sqlite {
        return Ok(true);
    }
    let sql = format!(
        "SELECT count(*) FROM (SELECT 1) one WHERE has_table_privilege({}, 'SELECT')",
        literal(table)
    );
    Ok(count(session, DOING, &sql)? > 0)
}

impl Engine {
    /// Imported operations that do not fire for this reason.
    #[must_use]
    pub fn silent_for(&self, obstacle: Obstacle) -> u64 {
        self.silent.iter().filter(|silent| silent.obstacle == obstacle).map(|silent| silent.operations).sum()
    }

    /// What an operator must know before the engine is restarted, the most serious first.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let mut out = Vec::new();
        for service in self.services.iter().filter(|service| service.blocking > 0) {
            out.push(format!(
                "service {} has {} whose operation or trigger is missing or deleted: operationengine does not start with them. \
                 Set their state to deleted, or bring the trigger back",
                service.service_id,
                some(service.blocking, "registered state", "registered states"),
            ));
        }
        out.extend(
            self.services
                .iter()
                .filter_map(|service| too_many_states(&service.service_id, service.registered)),
        );
        if self.wrong_next_times > 0 {
            let example = self.listed.first().map(|wrong| {
                let expected = wrong.expected.as_deref().unwrap_or("none");
                format!(" (trigger {}: {}, by its pattern {expected})", wrong.trigger_id, wrong.remembered)
            });
            out.push(format!(
                "{} in trigger_executions another next time than the pattern gives{}: backups are missed until then. Stop \
                 operationengine, delete these rows of trigger_executions, and start it: it works the times out anew",
                some(self.wrong_next_times, "imported trigger has", "imported triggers have"),
                example.unwrap_or_default(),
            ));
        }
        if self.next_times_hidden {
            out.push(
                "this role may not read trigger_executions, so it is not known whether operationengine remembers wrong next times: \
                 GRANT SELECT ON trigger_executions to it"
                    .to_owned(),
            );
        }
        let remedy = |what| format!("{what}: {TRUST_SOURCES}; then run again ({TRUST_GUIDE})");
        out.extend(without_trust(self.placeholders).map(remedy));
        if self.placeholders_spread > 0 {
            out.push(format!(
                "{} in Karbor got the placeholder trust from an imported one of the same user: once those have a usable trust, \
                 delete and create these anew",
                some(self.placeholders_spread, "operation made", "operations made"),
            ));
        }
        out
    }
}

/// What is to be said of a service with so many registered states, if anything.
#[must_use]
pub fn too_many_states(service: &str, registered: u64) -> Option<String> {
    (registered >= STATES_PER_PAGE).then(|| {
        format!(
            "service {service} has {registered} registered states: upstream's operationengine does not start with \
             {STATES_PER_PAGE} or more of one service (its log says ScheduledOperationStateNotFound, or varchar = integer on \
             PostgreSQL). Restart one on a copy of this database before the cutover, or ask the vendor whether that is mended"
        )
    })
}

/// Where it is written how an operation gets a trust, and how that is checked.
pub const TRUST_GUIDE: &str = "RUNBOOK.md, \"Karbor's engine after an import\"";

/// How operations get trusts as long as the engine has not read their placeholders, but for the run that gives them.
pub const TRUST_SOURCES: &str = "have each user of these policies make one operation in Karbor (any plan, any trigger) before \
                                 operationengine is restarted, or set trust_id where one trust serves all";

/// What is to be said of so many policies that got a placeholder instead of a trust, if anything.
#[must_use]
pub fn policies_without_trust(policies: u64) -> Option<String> {
    let who = match policies {
        0 => return None,
        1 => "1 policy has no trust and got a placeholder: Karbor cannot run or delete its operations until it has one".to_owned(),
        n => format!("{n} policies have no trust and got a placeholder: Karbor cannot run or delete their operations until they have one"),
    };
    Some(format!("{who}: {TRUST_SOURCES}; then run again ({TRUST_GUIDE})"))
}

/// What is to be said of so many states with the placeholder as trust, if anything.
#[must_use]
pub fn without_trust(placeholders: u64) -> Option<String> {
    (placeholders > 0).then(|| {
        format!(
            "{} the placeholder trust {PLACEHOLDER_TRUST:?}: operationengine gets no token for them and backs nothing up, though \
             its operation logs may say success",
            some(placeholders, "operation has", "operations have"),
        )
    })
}

const DOING: &str = "looking at what operationengine will do";

fn some(n: u64, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

fn number(text: Option<&str>) -> u64 {
    text.and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// The rows of a table that Karbor sees, with `columns`, as a subquery that SQLite does not take apart: only so does it make an
/// index of the column that the subquery is joined by.
fn live(marks: ImportPredicates<'_>, table: &Table, columns: &str, condition: &str) -> String {
    let fence = if marks.dialect == Dialect::Sqlite { " LIMIT -1" } else { "" };
    let there = no(&marks.column(table, "y", "deleted"), "true");
    format!("(SELECT {columns} FROM {} y WHERE {there}{condition}{fence})", marks.table(table))
}

fn live_triggers(marks: ImportPredicates<'_>) -> String {
    live(marks, &TRIGGERS, &format!("{} AS key", key(&marks.column(&TRIGGERS, "y", "id"))), "")
}

/// The states that the engine reads when it starts.
fn registered(state: &str) -> String {
    format!("{state} IN ('registered', 'running')")
}

/// Why an imported operation does not fire; `Some(None)` where it does, and `None` where it is none that was imported.
///
/// # Errors
/// The database's.
pub(crate) fn obstacle_of(
    session: &mut dyn Session,
    layouts: &[Layout; 6],
    operation: &str,
) -> Result<Option<Option<Obstacle>>> {
    let marks = ImportPredicates::new(layouts, session.dialect());
    let condition = format!(" WHERE {} = {}", text("x.id"), literal(operation));
    let sql = format!("{} {}", Sets::imported(marks).with(), verdicts(marks, &condition));
    let mut found = None;
    session.query(DOING, &sql, &mut |row| {
        found = row
            .first()
            .copied()
            .flatten()
            .map(|code| Obstacle::ALL.into_iter().find(|obstacle| obstacle.code() == code));
        Ok(())
    })?;
    Ok(found)
}

/// `obstacle or 'fires'` of each of the imported operations `x` that meet the condition.
fn verdicts(marks: ImportPredicates<'_>, condition: &str) -> String {
    let operation = |name: &str| marks.column(&OPERATIONS, "o", name);
    let state = |name: &str| text(&marks.column(&STATES, "y", name));
    let columns = format!(
        "{} AS key, {} AS state, {} AS trust",
        key(&marks.column(&STATES, "y", "operation_id")),
        state("state"),
        state("trust_id"),
    );
    let conditions = [
        (Obstacle::Deleted, format!("NOT {}", no(&operation("deleted"), "true"))),
        (Obstacle::Disabled, format!("NOT {}", yes(&operation("enabled")))),
        (Obstacle::NoTrigger, "t.key IS NULL".to_owned()),
        (Obstacle::NoState, "s.key IS NULL".to_owned()),
        (Obstacle::Unregistered, format!("NOT {}", registered("s.state"))),
        // By its length: a literal of no characters is NULL in openGauss, which equals nothing.
        (
            Obstacle::NoTrust,
            format!("coalesce(length(s.trust), 0) = 0 OR s.trust = {}", literal(PLACEHOLDER_TRUST)),
        ),
    ];
    let cases: Vec<_> = conditions
        .iter()
        .map(|(obstacle, condition)| format!("WHEN {condition} THEN '{}'", obstacle.code()))
        .collect();
    format!(
        "SELECT CASE {} ELSE 'fires' END AS verdict FROM etl_operation x \
         JOIN {} o ON {} = x.id LEFT JOIN {} t ON t.key = x.trigger_key LEFT JOIN {} s ON s.key = x.key{condition}",
        cases.join(" "),
        marks.table(&OPERATIONS),
        operation("id"),
        live_triggers(marks),
        live(marks, &STATES, &columns, ""),
    )
}

/// `(of imported operations, all)`: states with the placeholder.
fn placeholders(marks: ImportPredicates<'_>) -> String {
    let trust = text(&marks.column(&STATES, "y", "trust_id"));
    format!(
        "SELECT count(x.key), count(*) FROM {} s LEFT JOIN etl_operation x ON x.key = s.key",
        live(
            marks,
            &STATES,
            &format!("{} AS key", key(&marks.column(&STATES, "y", "operation_id"))),
            &format!(" AND {trust} = {}", literal(PLACEHOLDER_TRUST)),
        ),
    )
}

/// `(service_id, operation)` of the states that a service reads when it starts.
fn registered_states(marks: ImportPredicates<'_>) -> String {
    let state = |name: &str| marks.column(&STATES, "y", name);
    let columns =
        format!("{} AS service, {} AS key", text(&state("service_id")), key(&state("operation_id")));
    let live = live(marks, &STATES, &columns, &format!(" AND {}", registered(&text(&state("state")))));
    format!("SELECT s.service, s.key FROM {live} s")
}

/// `(operation, trigger, whether it is enabled)` of the operations that are not deleted.
fn live_operations(marks: ImportPredicates<'_>) -> String {
    let operation = |name: &str| marks.column(&OPERATIONS, "y", name);
    let columns = format!(
        "{} AS key, {} AS trigger_key, CASE WHEN {} THEN '1' ELSE '0' END AS enabled",
        key(&operation("id")),
        key(&operation("trigger_id")),
        yes(&operation("enabled")),
    );
    format!("SELECT o.key, o.trigger_key, o.enabled FROM {} o", live(marks, &OPERATIONS, &columns, ""))
}

/// `(trigger, properties, next time)` of the imported triggers that are not deleted.
fn executions(marks: ImportPredicates<'_>, table: &str) -> String {
    let trigger = |name: &str| marks.column(&TRIGGERS, "t", name);
    format!(
        "SELECT {}, {}, {} FROM {} t JOIN etl_trigger x ON x.id = {} JOIN \
         (SELECT {} AS key, execution_time FROM {table}) e ON e.key = x.key WHERE {} ORDER BY 1",
        text(&trigger("id")),
        text(&trigger("properties")),
        text("e.execution_time"),
        marks.table(&TRIGGERS),
        trigger("id"),
        key("trigger_id"),
        no(&trigger("deleted"), "true"),
    )
}

/// What of a trigger's properties says when it fires.
#[derive(Deserialize)]
struct Properties {
    pattern: String,
    start_time: String,
}

/// Works out next times.
struct Clock {
    now: i64,
    /// By pattern and start time, the first time after now.
    next: HashMap<(String, String), Option<i64>>,
}

impl Clock {
    /// What a pattern gives as the next time where the engine remembers another, which costs firings or makes one of its own.
    ///
    /// A time that is over by more than a window is none: the engine fires nothing then, and works out the next.
    fn contradicts(&mut self, properties: &str, remembered: &str) -> Option<Option<String>> {
        let Properties { pattern, start_time } = serde_json::from_str(properties).ok()?;
        let at = NaiveDateTime::parse_from_str(remembered, TIME_FORMAT).ok()?.and_utc().timestamp();
        if at <= self.now {
            let due = occurrences(&pattern, &start_time, at).ok()?.next() == Some(at);
            if due || at < self.now - LONGEST_WINDOW {
                return None;
            }
        }
        let next = self.next(pattern, start_time)?;
        (next != Some(at)).then(|| {
            let time = next.and_then(|next| DateTime::from_timestamp(next, 0));
            time.map(|time| time.format("%Y-%m-%d %H:%M:%S").to_string())
        })
    }

    /// The first time after now; nothing for a pattern that cannot be read, such as one of cron's.
    fn next(&mut self, pattern: String, start_time: String) -> Option<Option<i64>> {
        let key = (pattern, start_time);
        if let Some(next) = self.next.get(&key) {
            return Some(*next);
        }
        let next = occurrences(&key.0, &key.1, self.now + 1).ok()?.next();
        if self.next.len() >= KEPT_PATTERNS {
            self.next.clear();
        }
        self.next.insert(key, next);
        Some(next)
    }
}
