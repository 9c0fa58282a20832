//! The statements of a comparison, in what PostgreSQL 9.2 and SQLite both read.
//!
//! `t` is the target's row, `s` the row of the dumps in its staging table, `v` the verdict on it, `u` the operation that a
//! row belongs to (its trigger, itself, its state), `p` its plan. What stands here is what the tables are called, what the dumps
//! want of a row, and how that is written; [`judge`] has the verdicts, [`lost`] what the dumps no longer hold.

mod judge;
mod lost;

use super::scope::{Fact, SOURCES, Scope, Telling, tells};
use crate::karbor::ddl::Dialect;
use crate::karbor::layout::{Format, Laid, Layout, Wire, quoted};
use crate::karbor::{Source, WRITTEN};
use crate::load::lookup::{TAGGED, tag};
use crate::load::session::literal;
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

    fn keys_of(&self, table: usize, alias: &str) -> String {
        self.key(table).iter().map(|key| format!("{alias}.{key}")).collect::<Vec<_>>().join(", ")
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

    /// A statement that tells the planner how large a temporary table is.
    pub(crate) fn analyze(&self, name: &str) -> Option<String> {
        (self.dialect == Dialect::Postgres).then(|| format!("ANALYZE {name}"))
    }
}

/// The tables that a comparison knows.
pub(crate) const TABLES: std::ops::Range<usize> = 0..WRITTEN.len();
