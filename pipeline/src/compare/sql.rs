//! The statements of a comparison, in what PostgreSQL 9.2 and SQLite both read.
//!
//! `t` is the target's row, `s` the row of the dumps in its staging table, `v` the verdict on it, `u` the operation that a
//! row belongs to (its trigger, itself, its state), `p` its plan.

use super::scope::{Fact, SOURCES, Scope, Telling, tells};
use crate::karbor::ddl::Dialect;
use crate::karbor::layout::{Format, Laid, Layout, Wire, quoted};
use crate::karbor::{Source, WRITTEN};
use crate::load::lookup::{TAGGED, no, tag};
use crate::load::session::literal;
use crate::outcome::Kept;
use crate::settings::PLACEHOLDER_TRUST;

/// Places in [`WRITTEN`].
pub(crate) const PLANS: usize = 0;
/// Resources.
pub(crate) const RESOURCES: usize = 1;
/// Triggers.
pub(crate) const TRIGGERS: usize = 2;
/// Scheduled operations.
pub(crate) const OPERATIONS: usize = 3;
/// States of scheduled operations.
pub(crate) const STATES: usize = 4;
/// Checkpoint items.
pub(crate) const ITEMS: usize = 5;

/// The columns that tell what Karbor did to a row, by Karbor's names.
pub(crate) const MARKS: [&str; 4] = ["updated_at", "deleted_at", "created_at", "deleted"];

/// Verdicts that lead to something; the others are reasons to leave a row alone.
pub(crate) mod verdict {
    /// The target has no such row.
    pub(crate) const INSERT: &str = "insert";
    /// The target's row is an older state of it.
    pub(crate) const UPDATE: &str = "update";
    /// The target's row is the same.
    pub(crate) const UNCHANGED: &str = "unchanged";
    /// The dumps hold the row, but a later run takes it.
    pub(crate) const HELD: &str = "held";
}

/// Makes statements about one target.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sql<'q> {
    /// The tables.
    pub(crate) layouts: &'q [Layout; 6],
    /// Whose SQL.
    pub(crate) dialect: Dialect,
    /// What the dumps hold.
    pub(crate) scope: &'q Scope,
    /// Whether the settings name the service and the trust of states.
    pub(crate) service_known: bool,
    /// Likewise.
    pub(crate) trust_known: bool,
}

impl<'q> Sql<'q> {
    fn layout(&self, table: usize) -> &'q Layout {
        // Places are this file's own constants, of which there are as many as layouts.
        let [first, ..] = self.layouts;
        self.layouts.get(table).unwrap_or(first)
    }

    fn karbors(&self, table: usize) -> &'static str {
        self.layout(table).table.name
    }

    /// The target's table.
    pub(crate) fn table(&self, table: usize) -> &'q str {
        &self.layout(table).into
    }

    /// The staging table.
    pub(crate) fn stage(&self, table: usize) -> String {
        format!("etl_{}", self.karbors(table))
    }

    /// The table of verdicts.
    pub(crate) fn verdicts(&self, table: usize) -> String {
        format!("etl_verdicts_{}", self.karbors(table))
    }

    /// The table of keys that the target holds in buckets that differ.
    pub(crate) fn there(&self, table: usize) -> String {
        format!("etl_there_{}", self.karbors(table))
    }

    /// A column, quoted, by Karbor's name; `None` where the target has none.
    pub(crate) fn optional(&self, table: usize, karbors: &str) -> Option<String> {
        self.layout(table).column(karbors).map(quoted)
    }

    /// A column that every target has.
    pub(crate) fn column(&self, table: usize, karbors: &str) -> String {
        self.optional(table, karbors).unwrap_or_else(|| quoted(karbors))
    }

    fn of(&self, alias: &str, table: usize, karbors: &str) -> String {
        format!("{alias}.{}", self.column(table, karbors))
    }

    /// A temporary table that is gone when the transaction is.
    pub(crate) fn temporary(&self, name: &str, select: &str) -> String {
        let drop = if self.dialect == Dialect::Postgres { "ON COMMIT DROP " } else { "" };
        format!("CREATE TEMPORARY TABLE {name} {drop}AS {select}")
    }

    /// The staging table of a table: its filled columns, empty.
    pub(crate) fn create_stage(&self, table: usize) -> String {
        let layout = self.layout(table);
        let select = format!("SELECT {} FROM {} WHERE 1 = 0", layout.column_list(""), layout.into);
        self.temporary(&self.stage(table), &select)
    }

    /// The table of operations whose rows are staged: `(trigger_id, operation_id, plan_id, source, fresh)`.
    pub(crate) fn create_units(&self) -> String {
        let select = format!(
            "SELECT {} AS trigger_id, {} AS operation_id, {} AS plan_id, CAST('' AS text) AS source, CAST('' AS text) AS fresh \
             FROM {} t, {} o, {} p WHERE 1 = 0",
            self.of("t", TRIGGERS, "id"),
            self.of("o", OPERATIONS, "id"),
            self.of("p", PLANS, "id"),
            self.table(TRIGGERS),
            self.table(OPERATIONS),
            self.table(PLANS),
        );
        self.temporary("etl_units", &select)
    }

    /// The columns that identify a row of a table, by Karbor's names.
    pub(crate) fn key(&self, table: usize) -> Vec<String> {
        let layout = self.layout(table);
        let named = layout.table.key.iter().filter_map(|value| layout.table.columns.get(*value));
        named.map(|column| self.column(table, column.name)).collect()
    }

    fn keys_equal(&self, table: usize, left: &str, right: &str) -> String {
        let equal = |key: &String| format!("{left}.{key} = {right}.{key}");
        self.key(table).iter().map(equal).collect::<Vec<_>>().join(" AND ")
    }

    /// The condition that `t` is a row of an import from one of the compared sources.
    pub(crate) fn imported(&self, table: usize) -> Option<String> {
        let tags = |tagged: &str| {
            let tags: Vec<_> =
                self.scope.compared(table).map(|source| literal(tag(source, tagged))).collect();
            (!tags.is_empty()).then(|| tags.join(", "))
        };
        let description = |alias: &str, owner: usize| self.of(alias, owner, "description");
        Some(match table {
            RESOURCES => format!(
                "EXISTS (SELECT 1 FROM {plans} p WHERE {id} = {of} AND {tag} IN ({tags}))",
                plans = self.table(PLANS),
                id = self.of("p", PLANS, "id"),
                of = self.of("t", RESOURCES, "plan_id"),
                tag = description("p", PLANS),
                tags = tags("plans")?,
            ),
            TRIGGERS | STATES => {
                let (own, of) = if table == TRIGGERS { ("id", "trigger_id") } else { ("operation_id", "id") };
                format!(
                    "EXISTS (SELECT 1 FROM {operations} o WHERE {of} = {own} AND {tag} IN ({tags}))",
                    operations = self.table(OPERATIONS),
                    of = self.of("o", OPERATIONS, of),
                    own = self.of("t", table, own),
                    tag = description("o", OPERATIONS),
                    tags = tags("scheduled_operations")?,
                )
            }
            _ => {
                let column = self.tag_column(table)?;
                format!("{} IN ({})", self.of("t", table, column), tags(self.karbors(table))?)
            }
        })
    }

    fn tag_column(&self, table: usize) -> Option<&'static str> {
        TAGGED.iter().find(|(tagged, _)| *tagged == self.karbors(table)).map(|(_, column)| *column)
    }

    /// All filled columns of the rows that are compared.
    pub(crate) fn compared_rows(&self, table: usize) -> Option<String> {
        let layout = self.layout(table);
        Some(format!(
            "SELECT {} FROM {} t WHERE {}",
            layout.column_list("t."),
            layout.into,
            self.imported(table)?
        ))
    }

    /// The first key column of all other rows.
    pub(crate) fn other_keys(&self, table: usize) -> String {
        let key = self.key(table).into_iter().next().unwrap_or_default();
        let others = match self.imported(table) {
            // A row whose tag is NULL is another one, too.
            Some(imported) => format!(" WHERE NOT coalesce({imported}, false)"),
            None => String::new(),
        };
        format!("SELECT t.{key} FROM {} t{others}", self.table(table))
    }

    /// All filled columns of the rows that are compared, or of all others, and behind them as text what tells what Karbor did to a
    /// row: updated_at, deleted_at, created_at, and whether it is deleted. `None` where no row is compared.
    pub(crate) fn marked_rows(&self, table: usize, compared: bool) -> Option<String> {
        let layout = self.layout(table);
        let imported = self.imported(table);
        let wanted = match (compared, imported) {
            (true, imported) => imported?,
            (false, Some(imported)) => format!("NOT coalesce({imported}, false)"),
            (false, None) => "1 = 1".to_owned(),
        };
        let marks = MARKS.map(|name| {
            let column =
                self.optional(table, name).map_or_else(|| "NULL".to_owned(), |name| format!("t.{name}"));
            format!("CAST({column} AS text)")
        });
        Some(format!(
            "SELECT {}, {} FROM {} t WHERE {wanted}",
            layout.column_list("t."),
            marks.join(", "),
            layout.into,
        ))
    }

    /// The next keys of compared rows after `after`, in order: `(number or key, key columns…)`.
    pub(crate) fn keys_after(&self, table: usize, after: Option<&str>, limit: u32) -> Option<String> {
        let order =
            if self.layout(table).table.serial { self.column(table, "id") } else { self.key(table).concat() };
        let number = self.layout(table).table.serial;
        let after = after.map(|after| {
            let after = if number { after.to_owned() } else { literal(after) };
            format!(" AND t.{order} > {after}")
        });
        let keys: Vec<_> = self.key(table).iter().map(|key| format!("t.{key}")).collect();
        // Resources that Karbor adds have the names of what they are; imported ones have only ids.
        let names = self.optional(RESOURCES, "resource_name").filter(|_| table == RESOURCES);
        let ours = names.map(|name| format!(" AND t.{name} = {}", self.of("t", RESOURCES, "resource_id")));
        Some(format!(
            "SELECT t.{order}, {keys} FROM {table} t WHERE {imported} AND {there}{ours}{after} ORDER BY t.{order} LIMIT {limit}",
            ours = ours.unwrap_or_default(),
            keys = keys.join(", "),
            table = self.table(table),
            imported = self.imported(table)?,
            there = no(&self.of("t", table, "deleted"), "false"),
            after = after.unwrap_or_default(),
        ))
    }

    /// Values of one type that can be compared, whatever the type is.
    fn comparable(laid: &Laid, layout: &Layout, alias: &str) -> String {
        let column = format!("{alias}.{}", quoted(&laid.name));
        // json has no equality, and of a type that is not known nobody can tell.
        if matches!(laid.wire, Wire::Json | Wire::Unknown) && layout.format != Format::Tagged {
            format!("CAST({column} AS text)")
        } else {
            column
        }
    }

    /// The condition that a row is one of those sources about which the dumps do not know `fact`.
    fn ignorant(&self, fact: Fact, is_of: &dyn Fn(Source) -> String) -> Option<String> {
        let unknown: Vec<_> =
            SOURCES.into_iter().filter(|source| !self.scope.knows(fact, *source)).map(is_of).collect();
        (!unknown.is_empty()).then(|| format!("({})", unknown.join(" OR ")))
    }

    /// What a column's value is to be: an expression, and the condition under which the target's own value stays.
    fn wanted(&self, table: usize, laid: &Laid) -> (String, Option<String>) {
        let layout = self.layout(table);
        let (column, name) = (quoted(&laid.name), layout.karbors_name(laid));
        let by_tag = |source: Source| {
            let tagged = self.tag_column(table).map(|column| self.of("s", table, column)).unwrap_or_default();
            format!("{tagged} = {}", literal(tag(source, self.karbors(table))))
        };
        let by_unit = |source: Source| format!("u.source = {}", literal(source.prefix()));
        let own = format!("s.{column}");
        match tells(table, name) {
            Some(Telling::Of(fact)) => {
                let ignorant = if table == TRIGGERS {
                    self.ignorant(fact, &by_unit)
                } else {
                    self.ignorant(fact, &by_tag)
                };
                match ignorant {
                    Some(ignorant) if name == "extend_info" => (
                        format!("CASE WHEN {ignorant} THEN {} ELSE {own} END", self.kept_trigger(laid)),
                        None,
                    ),
                    ignorant => (own, ignorant),
                }
            }
            Some(Telling::Service) if !self.service_known => (own, Some("1 = 1".to_owned())),
            // A trust that is known is worth more than none; another one is worth no more.
            Some(Telling::Trust) if !self.trust_known => {
                (own, Some(format!("t.{column} <> {}", literal(PLACEHOLDER_TRUST))))
            }
            _ => (own, None),
        }
    }

    /// The dumps' extend_info with the target's auto_trigger. The member stands once in it, and no string of JSON can hold it
    /// as it stands there: its quotes would be escaped.
    fn kept_trigger(&self, laid: &Laid) -> String {
        let text = |alias: &str| format!("CAST({alias}.{} AS text)", quoted(&laid.name));
        let space = if laid.wire == Wire::Jsonb { " " } else { "" };
        let member = |value: &str| format!("\"auto_trigger\":{space}{value}");
        let like = |value: &str| format!("{} LIKE {}", text("t"), literal(&format!("%{}%", member(value))));
        let put = |from: &str, to: &str| {
            format!("replace({}, {}, {})", text("s"), literal(&member(from)), literal(&member(to)))
        };
        let chosen = format!(
            "CASE WHEN {} THEN {} WHEN {} THEN {} ELSE {} END",
            like("true"),
            put("false", "true"),
            like("false"),
            put("true", "false"),
            text("s"),
        );
        match laid.wire {
            Wire::Json => format!("CAST({chosen} AS json)"),
            Wire::Jsonb => format!("CAST({chosen} AS jsonb)"),
            _ => chosen,
        }
    }

    /// The condition that `t` already says what `s` says, as far as the dumps know it.
    fn equal(&self, table: usize) -> String {
        let layout = self.layout(table);
        let equal = layout.columns.iter().map(|laid| {
            let (wanted, stays) = self.wanted(table, laid);
            let target = Self::comparable(laid, layout, "t");
            let wanted = if Self::comparable(laid, layout, "t").starts_with("CAST") {
                format!("CAST({wanted} AS text)")
            } else {
                wanted
            };
            let equal = format!("{target} IS NOT DISTINCT FROM {wanted}");
            match stays {
                // Unless the target's trust is none and the dumps' is one.
                Some(stays) => format!("({stays} OR {equal})"),
                None => equal,
            }
        });
        equal.collect::<Vec<_>>().join(" AND ")
    }

    /// The condition that Karbor deleted `t`.
    fn deleted(&self, alias: &str, table: usize) -> String {
        format!("NOT {}", no(&self.of(alias, table, "deleted"), "true"))
    }

    /// The condition that Karbor changed `t` after the source changed `s`, whose time is `stamp`.
    fn newer(&self, table: usize, stamp: &str) -> String {
        let time = |name: &str| self.optional(table, name).map(|column| format!("t.{column}"));
        let moved: Vec<_> = [time("updated_at"), time("deleted_at")].into_iter().flatten().collect();
        let mut newer: Vec<_> =
            moved.iter().map(|moved| format!("coalesce({moved} > {stamp}, false)")).collect();
        if let Some(created) = time("created_at") {
            let unmoved = moved.iter().map(|moved| format!("{moved} IS NULL AND ")).collect::<String>();
            newer.push(format!("({unmoved}coalesce({created} > {stamp}, false))"));
        }
        format!("({})", newer.join(" OR "))
    }

    /// When the source last changed `alias`.
    fn stamp(&self, alias: &str, table: usize) -> String {
        let times = ["updated_at", "created_at"].iter().filter_map(|name| self.optional_filled(table, name));
        let times: Vec<_> = times.map(|column| format!("{alias}.{column}")).collect();
        if times.len() == 1 { times.concat() } else { format!("coalesce({})", times.join(", ")) }
    }

    fn optional_filled(&self, table: usize, karbors: &str) -> Option<String> {
        let layout = self.layout(table);
        let laid = layout.columns.iter().find(|laid| layout.karbors_name(laid) == karbors)?;
        Some(quoted(&laid.name))
    }

    /// The verdicts on the staged rows of a table that has rows of its own in the target: `(key columns…, verdict)`.
    pub(crate) fn judge(&self, table: usize) -> Vec<String> {
        let mut out = Vec::new();
        if table == RESOURCES {
            out.push(self.temporary("etl_sets", &self.sets()));
        }
        let select = match table {
            RESOURCES => self.judge_resources(),
            TRIGGERS | OPERATIONS | STATES => self.judge_unit(table),
            _ => self.judge_alone(table),
        };
        out.push(self.temporary(&self.verdicts(table), &select));
        out
    }

    fn keys_of(&self, table: usize, alias: &str) -> String {
        self.key(table).iter().map(|key| format!("{alias}.{key}")).collect::<Vec<_>>().join(", ")
    }

    /// What becomes of a row that is there on both sides, in the contract's order.
    fn both(&self, table: usize) -> String {
        let mut cases = vec![
            (self.equal(table), verdict::UNCHANGED),
            (self.deleted("t", table), Kept::Deleted.word()),
            (self.newer(table, &self.stamp("s", table)), Kept::Changed.word()),
        ];
        if let Some(column) = self.tag_column(table) {
            let (target, own) = (self.of("t", table, column), self.of("s", table, column));
            let others = SOURCES.map(|source| literal(tag(source, self.karbors(table)))).join(", ");
            cases.push((
                format!("{target} IS DISTINCT FROM {own} AND {target} IN ({others})"),
                Kept::OtherSystem.word(),
            ));
            cases.push((format!("{target} IS DISTINCT FROM {own}"), Kept::NotOurs.word()));
        }
        if table == ITEMS {
            let (target, own) = (self.of("t", ITEMS, "status"), self.of("s", ITEMS, "status"));
            cases.push((format!("{own} = 'protecting' AND {target} <> 'protecting'"), Kept::Steady.word()));
        }
        when(&cases, verdict::UPDATE)
    }

    fn judge_alone(&self, table: usize) -> String {
        let key = self.key(table).concat();
        let mut cases = Vec::new();
        if table == ITEMS {
            // Of a copy that waits for a later run only the key is staged.
            cases.push((format!("{} IS NULL", self.of("s", ITEMS, "status")), verdict::HELD));
        }
        cases.push((format!("t.{key} IS NULL"), verdict::INSERT));
        format!(
            "SELECT s.{key}, CASE {} ELSE {} END AS verdict FROM {} s LEFT JOIN {} t ON t.{key} = s.{key}",
            whens(&cases),
            self.both(table),
            self.stage(table),
            self.table(table),
        )
    }

    /// What Karbor did to the sets of resources that are staged: `(plan_id, deleted, changed)`.
    fn sets(&self) -> String {
        let plan = self.column(RESOURCES, "plan_id");
        let resource = self.column(RESOURCES, "resource_id");
        let stamp = format!("coalesce({}, e.stamp)", self.stamp("s", RESOURCES));
        let changed = self.newer(RESOURCES, &stamp);
        format!(
            "SELECT e.{plan} AS {plan}, max(CASE WHEN {deleted} THEN 1 ELSE 0 END) AS deleted, \
             max(CASE WHEN {changed} THEN 1 ELSE 0 END) + count(t.{resource}) - count(DISTINCT t.{resource}) AS changed \
             FROM (SELECT s.{plan} AS {plan}, max({of_set}) AS stamp FROM {stage} s GROUP BY s.{plan}) e \
             JOIN {table} t ON t.{plan} = e.{plan} LEFT JOIN {stage} s ON {keys} GROUP BY e.{plan}",
            deleted = self.deleted("t", RESOURCES),
            of_set = self.stamp("s", RESOURCES),
            stage = self.stage(RESOURCES),
            table = self.table(RESOURCES),
            keys = self.keys_equal(RESOURCES, "s", "t"),
        )
    }

    /// A plan's resources are one set: what Karbor did to one of them keeps all.
    fn judge_resources(&self) -> String {
        let plan = self.column(RESOURCES, "plan_id");
        let there = format!("t.{plan} IS NOT NULL");
        let cases = [
            (format!("{there} AND {}", self.equal(RESOURCES)), verdict::UNCHANGED),
            (self.plan_deleted(), Kept::Deleted.word()),
            (self.plan_not_ours(), Kept::NotOurs.word()),
            ("e.deleted > 0".to_owned(), Kept::Deleted.word()),
            ("e.changed > 0".to_owned(), Kept::Changed.word()),
            (there, verdict::UPDATE),
        ];
        // A volume that is there twice is judged once.
        format!(
            "SELECT {keys}, max({verdict}) AS verdict FROM {stage} s LEFT JOIN {table} t ON {same} \
             LEFT JOIN etl_sets e ON e.{plan} = s.{plan} LEFT JOIN {plans} p ON {id} = s.{plan} GROUP BY {keys}",
            keys = self.keys_of(RESOURCES, "s"),
            verdict = when(&cases, verdict::INSERT),
            stage = self.stage(RESOURCES),
            table = self.table(RESOURCES),
            same = self.keys_equal(RESOURCES, "s", "t"),
            plans = self.table(PLANS),
            id = self.of("p", PLANS, "id"),
        )
    }

    fn plan_there(&self) -> String {
        format!("{} IS NOT NULL", self.of("p", PLANS, "id"))
    }

    fn plan_deleted(&self) -> String {
        format!("{} AND {}", self.plan_there(), self.deleted("p", PLANS))
    }

    fn plan_not_ours(&self) -> String {
        let tags = SOURCES.map(|source| literal(tag(source, "plans"))).join(", ");
        format!(
            "{} AND coalesce({} NOT IN ({tags}), true)",
            self.plan_there(),
            self.of("p", PLANS, "description")
        )
    }

    /// Triggers, operations and states come together or not at all: an operation that is absent while its trigger is there was
    /// removed in Karbor, and a state on a trigger that is gone would keep its engine from starting.
    fn judge_unit(&self, table: usize) -> String {
        let (trigger, operation) = (self.of("g", TRIGGERS, "id"), self.of("o", OPERATIONS, "id"));
        let own = match table {
            TRIGGERS => "u.trigger_id",
            _ => "u.operation_id",
        };
        let key = self.key(table).concat();
        let unknown =
            self.ignorant(Fact::Operations, &|source| format!("u.source = {}", literal(source.prefix())));
        let mut cases = vec![
            (format!("{trigger} IS NOT NULL OR {operation} IS NOT NULL"), Kept::Removed.word()),
            (self.plan_deleted(), Kept::Removed.word()),
            (self.plan_not_ours(), Kept::NotOurs.word()),
        ];
        if let Some(unknown) = unknown {
            let known_plan = format!("{unknown} AND u.fresh <> 'yes' AND {}", self.plan_there());
            cases.push((known_plan, Kept::SourceMissing.word()));
        }
        format!(
            "SELECT s.{key}, CASE WHEN t.{key} IS NULL THEN {absent} ELSE {both} END AS verdict FROM {stage} s \
             JOIN etl_units u ON {own} = s.{key} LEFT JOIN {target} t ON t.{key} = s.{key} \
             LEFT JOIN {triggers} g ON {trigger} = u.trigger_id LEFT JOIN {operations} o ON {operation} = u.operation_id \
             LEFT JOIN {plans} p ON {plan} = u.plan_id",
            absent = when(&cases, verdict::INSERT),
            both = self.both(table),
            stage = self.stage(table),
            target = self.table(table),
            triggers = self.table(TRIGGERS),
            operations = self.table(OPERATIONS),
            plans = self.table(PLANS),
            plan = self.of("p", PLANS, "id"),
        )
    }

    /// How many rows each verdict is on: `(verdict, rows)`.
    pub(crate) fn counts(&self, table: usize) -> String {
        format!("SELECT verdict, count(*) FROM {} GROUP BY verdict ORDER BY verdict", self.verdicts(table))
    }

    /// The first rows that were left alone: `(key columns…, verdict)`.
    pub(crate) fn kept(&self, table: usize, limit: usize) -> String {
        let known =
            [verdict::INSERT, verdict::UPDATE, verdict::UNCHANGED, verdict::HELD].map(literal).join(", ");
        let keys = self.keys_of(table, "v");
        let verdicts = self.verdicts(table);
        format!(
            "SELECT {keys}, verdict FROM {verdicts} v WHERE verdict NOT IN ({known}) ORDER BY {keys} LIMIT {limit}"
        )
    }

    /// Keys that the dumps hold twice.
    pub(crate) fn doubled(&self, table: usize) -> String {
        let keys = self.keys_of(table, "s");
        let row = if table == ITEMS {
            format!(" WHERE {} IS NOT NULL", self.of("s", ITEMS, "status"))
        } else {
            String::new()
        };
        format!(
            "SELECT {keys} FROM {} s{row} GROUP BY {keys} HAVING count(*) > 1 ORDER BY {keys} LIMIT 1",
            self.stage(table)
        )
    }

    /// Writes the rows that the target has not.
    pub(crate) fn insert(&self, table: usize) -> String {
        let layout = self.layout(table);
        format!(
            "INSERT INTO {} ({}) SELECT {} FROM {} s JOIN {} v ON {} WHERE v.verdict = '{}' ORDER BY {}",
            layout.into,
            layout.column_list(""),
            layout.column_list("s."),
            self.stage(table),
            self.verdicts(table),
            self.keys_equal(table, "v", "s"),
            verdict::INSERT,
            self.keys_of(table, "s"),
        )
    }

    /// Brings rows of the target up to date.
    pub(crate) fn update(&self, table: usize) -> String {
        let layout = self.layout(table);
        let keys = self.key(table);
        let set = layout.columns.iter().filter(|laid| !keys.contains(&quoted(&laid.name))).map(|laid| {
            let column = quoted(&laid.name);
            match self.wanted(table, laid) {
                (wanted, Some(stays)) => {
                    format!("{column} = CASE WHEN {stays} THEN t.{column} ELSE {wanted} END")
                }
                (wanted, None) => format!("{column} = {wanted}"),
            }
        });
        let set: Vec<_> = set.collect();
        let unit = if table == TRIGGERS { "JOIN etl_units u ON u.trigger_id = " } else { "" };
        let unit =
            if unit.is_empty() { String::new() } else { format!(" {unit}{}", self.of("s", TRIGGERS, "id")) };
        format!(
            "UPDATE {} AS t SET {} FROM {} s JOIN {} v ON {}{unit} WHERE {} AND v.verdict = '{}'",
            layout.into,
            set.join(", "),
            self.stage(table),
            self.verdicts(table),
            self.keys_equal(table, "v", "s"),
            self.keys_equal(table, "t", "s"),
            verdict::UPDATE,
        )
    }

    /// One key that was written, to know the transaction by.
    pub(crate) fn written_key(&self, table: usize) -> String {
        let key = self.key(table).concat();
        format!(
            "SELECT {key} FROM {} v WHERE verdict IN ('{}', '{}') LIMIT 1",
            self.verdicts(table),
            verdict::INSERT,
            verdict::UPDATE
        )
    }

    /// An empty table for keys that are there: the number of the row, where it has one, and the key columns.
    pub(crate) fn create_there(&self, table: usize) -> String {
        let number = if self.layout(table).table.serial {
            format!("t.{}, ", self.column(table, "id"))
        } else {
            String::new()
        };
        let select =
            format!("SELECT {number}{} FROM {} t WHERE 1 = 0", self.keys_of(table, "t"), self.table(table));
        self.temporary(&self.there(table), &select)
    }

    /// Notes that keys are there; `rows` are `(number, key columns…)` as text.
    pub(crate) fn note_there(&self, table: usize, rows: &[Vec<String>]) -> String {
        let numbered = self.layout(table).table.serial;
        let value =
            |(n, text): (usize, &String)| if numbered && n == 0 { text.clone() } else { literal(text) };
        let rows = rows.iter().map(|row| {
            let values: Vec<_> = row.iter().enumerate().map(value).collect();
            format!("({})", values.join(", "))
        });
        format!("INSERT INTO {} VALUES {}", self.there(table), rows.collect::<Vec<_>>().join(", "))
    }

    /// The rows that are there and that the dumps do not hold, as `FROM … WHERE …` with the alias `h`.
    pub(crate) fn lost(&self, table: usize) -> String {
        let key = self.key(table).into_iter().next().unwrap_or_default();
        format!(
            "FROM {} h LEFT JOIN {} s ON {} WHERE s.{key} IS NULL",
            self.there(table),
            self.stage(table),
            self.keys_equal(table, "h", "s"),
        )
    }

    /// The first of the rows that the dumps do not hold.
    pub(crate) fn lost_keys(&self, table: usize, limit: usize) -> String {
        let keys = self.keys_of(table, "h");
        format!("SELECT {keys} {} ORDER BY {keys} LIMIT {limit}", self.lost(table))
    }

    /// A statement that tells the planner how large a temporary table is.
    pub(crate) fn analyze(&self, name: &str) -> Option<String> {
        (self.dialect == Dialect::Postgres).then(|| format!("ANALYZE {name}"))
    }
}

/// The tables that a comparison knows.
pub(crate) const TABLES: std::ops::Range<usize> = 0..WRITTEN.len();

fn whens(cases: &[(String, &str)]) -> String {
    cases
        .iter()
        .map(|(condition, word)| format!("WHEN {condition} THEN {}", literal(word)))
        .collect::<Vec<_>>()
        .join(" ")
}

fn when(cases: &[(String, &str)], otherwise: &str) -> String {
    format!("CASE {} ELSE {} END", whens(cases), literal(otherwise))
}
