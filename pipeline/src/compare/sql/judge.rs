//! The verdicts on staged rows, each table's in one SELECT.

use super::{ITEMS, OPERATIONS, PLANS, RESOURCES, STATES, Sql, TRIGGERS, verdict};
use crate::compare::scope::{Fact, SOURCES};
use crate::karbor::layout::quoted;
use crate::load::lookup::{no, tag};
use crate::load::session::literal;
use crate::outcome::Kept;

impl Sql<'_> {
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
}

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
