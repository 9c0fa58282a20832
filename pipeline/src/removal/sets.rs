//! The sets of rows that a rollback is about, each a SELECT that may name the sets before it.
//!
//! ```text
//!   etl_op ─► etl_plan ─► etl_operation ─► etl_trigger     imported, by tag, link and derived id
//!                  └────────────┴──────────────┴─► etl_chosen_…    those of the sources that are rolled back
//!                                                     ├─► etl_extra_…   what Karbor depended on them
//!                                                     ├─► etl_kept_…    families that are left because of it
//!                                                     └─► etl_gone_…    what is deleted
//! ```
//! A set becomes a temporary table, or a part of WITH where none can be made or the moment after a deletion is asked for.
//! Copies are no set: their version tells all there is, and they are too many to be listed.
//!
//! Sets are joined, never searched row by row: Karbor's tables lack the indexes for that. `key` is an id as [`marks::key`]
//! has it; `source` is `vbs`, `dps`, `?` or `karbor`.

use super::marks::{ImportPredicates, KARBOR, SOURCES, UNKNOWN, derived, key, text};
use crate::karbor::ddl::Dialect;
use crate::karbor::{ITEMS, OPERATIONS, PLANS, RESOURCES, STATES, Source, TRIGGERS, Table};
use crate::removal::request::{OnDependents, Request, Scope};

/// A set by name.
#[derive(Clone, Debug)]
pub(crate) struct Set {
    /// Its name, that of the temporary table.
    pub(crate) name: &'static str,
    select: String,
}

/// Sets in the order in which they name each other.
#[derive(Clone, Debug)]
pub(crate) struct Sets(Vec<Set>);

/// The sets of rows to be deleted, by table. Each has `id` as the table has it, `source` and `tenant`.
pub(crate) const GONE: [(&Table, &str); 5] = [
    (&PLANS, "etl_gone_plan"),
    (&RESOURCES, "etl_gone_resource"),
    (&TRIGGERS, "etl_gone_trigger"),
    (&OPERATIONS, "etl_gone_operation"),
    (&STATES, "etl_gone_state"),
];

impl Sets {
    /// The sets of all that is imported.
    pub(crate) fn imported(marks: ImportPredicates<'_>) -> Self {
        Self(vec![all_operations(marks), plans(marks), operations(), triggers(marks), seen(marks)])
    }

    /// The sets of a rollback.
    pub(crate) fn of_rollback(marks: ImportPredicates<'_>, request: Request) -> Self {
        let Self(mut sets) = Self::imported(marks);
        sets.extend(chosen(marks, request.scope));
        sets.extend(extra(marks));
        if request.dependents == OnDependents::KeepFamilies {
            sets.extend(kept());
        }
        sets.extend(gone(marks, request.dependents));
        Self(sets)
    }

    /// Statements that make temporary tables of the sets, and tell the server how large they are.
    pub(crate) fn create(&self, dialect: Dialect) -> Vec<String> {
        let mut out = Vec::new();
        for Set { name, select } in &self.0 {
            match dialect {
                Dialect::Postgres => {
                    out.push(format!("CREATE TEMPORARY TABLE {name} AS {select}"));
                    out.push(format!("ANALYZE {name}"));
                }
                Dialect::Sqlite => out.push(format!("CREATE TEMPORARY TABLE {name} AS {select}")),
            }
        }
        out
    }

    /// The names of the temporary tables.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|set| set.name)
    }

    /// The sets as they are now, for the beginning of a SELECT: their names come before those of temporary tables.
    pub(crate) fn with(&self) -> String {
        let sets: Vec<_> =
            self.0.iter().map(|Set { name, select }| format!("{name} AS ({select})")).collect();
        format!("WITH {}", sets.join(", "))
    }
}

/// The sources of a scope; those of whose rows none is told are apart.
pub(crate) fn sources(scope: Scope) -> &'static [Source] {
    match scope {
        Scope::All => &SOURCES,
        Scope::Of(Source::Vbs) => &[Source::Vbs],
        Scope::Of(Source::Dps) => &[Source::Dps],
    }
}

/// Whether a row with this source is rolled back. Where no mark tells the source, it is the one that has been imported at
/// all; where both have been, only a rollback of both takes the row.
pub(crate) fn is_chosen(scope: Scope, alias: &str) -> String {
    let Scope::Of(source) = scope else { return "1 = 1".to_owned() };
    let other = if source == Source::Vbs { Source::Dps } else { Source::Vbs };
    format!(
        "({alias}.source = '{}' OR ({alias}.source = '{UNKNOWN}' AND NOT EXISTS (SELECT 1 FROM etl_seen WHERE source = '{}')))",
        source.prefix(),
        other.prefix(),
    )
}

/// All operations with what links them to other rows: `(id, key, trigger_key, plan_key, tag, derived, tenant)`.
fn all_operations(marks: ImportPredicates<'_>) -> Set {
    let column = |name: &str| marks.column(&OPERATIONS, "o", name);
    let id = column("id");
    let select = format!(
        "SELECT {id} AS id, {} AS key, {} AS trigger_key, {} AS plan_key, {} AS tag, CASE WHEN {} THEN 1 ELSE 0 END AS derived, \
         {} AS tenant FROM {} o",
        key(&id),
        key(&column("trigger_id")),
        key(&marks.named_plan("o")),
        marks.source_by_tag(&OPERATIONS, "o"),
        derived(&id),
        text(&column("project_id")),
        marks.table(&OPERATIONS),
    );
    Set { name: "etl_op", select }
}

/// Imported plans: those with the tag; those whose copies or operations tell, where the description was edited.
fn plans(marks: ImportPredicates<'_>) -> Set {
    let column = |name: &str| marks.column(&PLANS, "p", name);
    let (id, of_item) = (column("id"), marks.column(&ITEMS, "i", "plan_id"));
    let source = format!("coalesce({}, i.source, o.source)", marks.source_by_tag(&PLANS, "p"));
    let select = format!(
        "SELECT {id} AS id, {key} AS key, {tenant} AS tenant, {source} AS source FROM {plans} p \
         LEFT JOIN (SELECT {item_key} AS plan_key, min({version}) AS source FROM {items} i WHERE {imported} AND {of_item} IS NOT NULL \
         GROUP BY {item_key}) i ON i.plan_key = {key} \
         LEFT JOIN (SELECT plan_key, coalesce(min(tag), '{UNKNOWN}') AS source FROM etl_op WHERE derived = 1 AND plan_key IS NOT NULL \
         GROUP BY plan_key) o ON o.plan_key = {key} WHERE {source} IS NOT NULL",
        key = key(&id),
        tenant = text(&column("project_id")),
        plans = marks.table(&PLANS),
        item_key = key(&of_item),
        version = marks.source_by_version("i"),
        items = marks.table(&ITEMS),
        imported = marks.is_copy_of("i", &SOURCES),
    );
    Set { name: "etl_plan", select }
}

/// Imported operations: those with the tag or a derived id.
fn operations() -> Set {
    let select = format!(
        "SELECT o.id, o.key, o.trigger_key, o.plan_key, o.tag, o.tenant, coalesce(o.tag, p.source, '{UNKNOWN}') AS source \
         FROM etl_op o LEFT JOIN etl_plan p ON p.key = o.plan_key WHERE o.tag IS NOT NULL OR o.derived = 1"
    );
    Set { name: "etl_operation", select }
}

/// Imported triggers: those with a derived id. An imported operation may have been given a trigger of Karbor's.
fn triggers(marks: ImportPredicates<'_>) -> Set {
    let id = marks.column(&TRIGGERS, "t", "id");
    let select = format!(
        "SELECT {id} AS id, {key} AS key, {tenant} AS tenant, coalesce(o.source, '{UNKNOWN}') AS source FROM {triggers} t \
         LEFT JOIN (SELECT trigger_key, min(CASE WHEN source <> '{UNKNOWN}' THEN source END) AS source FROM etl_operation \
         GROUP BY trigger_key) o ON o.trigger_key = {key} WHERE {derived}",
        key = key(&id),
        tenant = text(&marks.column(&TRIGGERS, "t", "project_id")),
        triggers = marks.table(&TRIGGERS),
        derived = derived(&id),
    );
    Set { name: "etl_trigger", select }
}

/// The sources of which there is anything.
fn seen(marks: ImportPredicates<'_>) -> Set {
    let copies = SOURCES.map(|source| {
        let (items, is) = (marks.table(&ITEMS), marks.is_copy_of("i", &[source]));
        format!(
            "SELECT CAST('{}' AS text) AS source WHERE EXISTS (SELECT 1 FROM {items} i WHERE {is})",
            source.prefix()
        )
    });
    let select = format!(
        "SELECT source FROM etl_plan WHERE source <> '{UNKNOWN}' UNION SELECT source FROM etl_operation WHERE source <> '{UNKNOWN}' \
         UNION {}",
        copies.join(" UNION ")
    );
    Set { name: "etl_seen", select }
}

fn chosen(marks: ImportPredicates<'_>, scope: Scope) -> [Set; 4] {
    let of = |name, set: &str| Set {
        name,
        select: format!("SELECT x.* FROM {set} x WHERE {}", is_chosen(scope, "x")),
    };
    let (id, same) = (marks.column(&RESOURCES, "r", "id"), named_by_itself(marks));
    let resources = format!(
        "SELECT {id} AS id, p.key AS plan_key, p.tenant, p.source FROM {} r JOIN etl_chosen_plan p ON p.key = {} WHERE {same}",
        marks.table(&RESOURCES),
        key(&marks.column(&RESOURCES, "r", "plan_id")),
    );
    [
        of("etl_chosen_plan", "etl_plan"),
        of("etl_chosen_operation", "etl_operation"),
        of("etl_chosen_trigger", "etl_trigger"),
        Set { name: "etl_chosen_resource", select: resources },
    ]
}

/// The sources know no names of volumes, so imported resources are named by their ids; Karbor names them otherwise.
pub(crate) fn named_by_itself(marks: ImportPredicates<'_>) -> String {
    let column = |name: &str| marks.column(&RESOURCES, "r", name);
    // Not the empty text in place of NULL: openGauss takes it for NULL.
    format!(
        "coalesce({}, '?') = coalesce({}, '?')",
        key(&column("resource_name")),
        key(&column("resource_id"))
    )
}

/// What Karbor depended on rows that are rolled back.
fn extra(marks: ImportPredicates<'_>) -> [Set; 2] {
    let operations = "SELECT o.id, o.key, o.trigger_key, o.plan_key, o.tenant FROM etl_op o \
         LEFT JOIN etl_chosen_plan p ON p.key = o.plan_key LEFT JOIN etl_chosen_trigger t ON t.key = o.trigger_key \
         LEFT JOIN etl_chosen_operation c ON c.key = o.key WHERE (p.key IS NOT NULL OR t.key IS NOT NULL) AND c.key IS NULL";
    let resources = format!(
        "SELECT {} AS id, p.key AS plan_key, p.tenant FROM {} r JOIN etl_chosen_plan p ON p.key = {} WHERE NOT ({})",
        marks.column(&RESOURCES, "r", "id"),
        marks.table(&RESOURCES),
        key(&marks.column(&RESOURCES, "r", "plan_id")),
        named_by_itself(marks),
    );
    [
        Set { name: "etl_extra_operation", select: operations.to_owned() },
        Set { name: "etl_extra_resource", select: resources },
    ]
}

/// Families that are left alone because Karbor hung something on them.
fn kept() -> [Set; 4] {
    let set = |name, select: &str| Set { name, select: select.to_owned() };
    [
        set(
            "etl_kept_start",
            "SELECT DISTINCT t.key FROM etl_extra_operation e JOIN etl_chosen_trigger t ON t.key = e.trigger_key",
        ),
        set(
            "etl_kept_plan",
            "SELECT p.key FROM etl_chosen_plan p JOIN etl_extra_operation e ON e.plan_key = p.key \
             UNION SELECT plan_key FROM etl_extra_resource \
             UNION SELECT o.plan_key FROM etl_chosen_operation o JOIN etl_kept_start t ON t.key = o.trigger_key \
             WHERE o.plan_key IS NOT NULL",
        ),
        set(
            "etl_kept_operation",
            "SELECT o.key, o.trigger_key FROM etl_chosen_operation o LEFT JOIN etl_kept_plan p ON p.key = o.plan_key \
             LEFT JOIN etl_kept_start t ON t.key = o.trigger_key WHERE p.key IS NOT NULL OR t.key IS NOT NULL",
        ),
        set(
            "etl_kept_trigger",
            "SELECT trigger_key AS key FROM etl_kept_operation UNION SELECT key FROM etl_kept_start",
        ),
    ]
}

fn gone(marks: ImportPredicates<'_>, dependents: OnDependents) -> [Set; 5] {
    let (keep, take) = (dependents == OnDependents::KeepFamilies, dependents == OnDependents::Take);
    let select = |columns: &str, chosen: &str, link: &str, kept: &str, extra: String| {
        let mut sql = format!("SELECT {columns}, x.tenant, x.source FROM {chosen} x");
        if keep {
            sql.push_str(&format!(" LEFT JOIN {kept} k ON k.key = x.{link} WHERE k.key IS NULL"));
        }
        if take {
            sql.push_str(&format!(" UNION ALL {extra}"));
        }
        sql
    };
    let of_karbor = |columns: &str, set: &str| {
        format!("SELECT {columns}, x.tenant, CAST('{KARBOR}' AS text) FROM {set} x")
    };
    let trigger = marks.column(&TRIGGERS, "t", "id");
    // A trigger of Karbor's goes with the last operation that uses it.
    let triggers = format!(
        "SELECT {trigger}, {key}, {tenant}, CAST('{KARBOR}' AS text) FROM {triggers} t \
         JOIN (SELECT DISTINCT trigger_key FROM etl_extra_operation) e ON e.trigger_key = {key} \
         LEFT JOIN etl_chosen_trigger c ON c.key = {key} \
         LEFT JOIN (SELECT DISTINCT o.trigger_key FROM etl_op o LEFT JOIN etl_gone_operation g ON g.key = o.key \
         WHERE g.key IS NULL) u ON u.trigger_key = {key} WHERE c.key IS NULL AND u.trigger_key IS NULL",
        key = key(&trigger),
        tenant = text(&marks.column(&TRIGGERS, "t", "project_id")),
        triggers = marks.table(&TRIGGERS),
    );
    let states = format!(
        "SELECT {} AS id, g.tenant, g.source FROM {} s JOIN etl_gone_operation g ON g.key = {}",
        marks.column(&STATES, "s", "id"),
        marks.table(&STATES),
        key(&marks.column(&STATES, "s", "operation_id")),
    );
    let of = |name, select| Set { name, select };
    [
        of("etl_gone_plan", select("x.id, x.key", "etl_chosen_plan", "key", "etl_kept_plan", nothing())),
        of(
            "etl_gone_resource",
            select(
                "x.id",
                "etl_chosen_resource",
                "plan_key",
                "etl_kept_plan",
                of_karbor("x.id", "etl_extra_resource"),
            ),
        ),
        of(
            "etl_gone_operation",
            select(
                "x.id, x.key",
                "etl_chosen_operation",
                "key",
                "etl_kept_operation",
                of_karbor("x.id, x.key", "etl_extra_operation"),
            ),
        ),
        of(
            "etl_gone_trigger",
            select("x.id, x.key", "etl_chosen_trigger", "key", "etl_kept_trigger", triggers),
        ),
        of("etl_gone_state", states),
    ]
}

/// No plan of Karbor's depends on an imported row.
fn nothing() -> String {
    "SELECT x.id, x.key, x.tenant, x.source FROM etl_chosen_plan x WHERE 1 = 0".to_owned()
}
