//! What becomes of a row: the one place of the contract's rules for reruns, for runs, checks, verifications and prunes alike.
//!
//! Pure: it is given the dumps' row, the target's row if there is one, and what else the target has.

use super::columns::{Columns, Compare, Known};
use super::digest::{Key, without_auto_trigger};
use super::index::TargetIndex;
use super::prune::plain;
use super::scope::{Fact, SOURCES, Scope};
use super::signs::Sign;
use super::sql::{ITEMS, MARKS, OPERATIONS, RESOURCES, STATES, TRIGGERS};
use crate::karbor::layout::{Laid, Layout, Wire};
use crate::karbor::tuple::Row;
use crate::karbor::{Kind, Source, Value, field};
use crate::load::lookup::{TAGGED, tag};
use crate::outcome::Kept;
use crate::settings::PLACEHOLDER_TRUST;
use parsers::value::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// What becomes of a row of the dumps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The target does not have it.
    Insert,
    /// The target has an older state of it; this is what it is to be.
    Update(Vec<u8>),
    /// The target has it as it is.
    Unchanged,
    /// It is left alone, or left out.
    Kept(Kept),
}

/// What an imported row of the target is that the dumps do not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extra {
    /// The source no longer has it; what shows that Karbor changed it since.
    Lost(Option<Sign>),
    /// Karbor has to do with it.
    Kept(Kept),
    /// Without a source table nobody can tell.
    Unknown,
}

/// What becomes of the resources of one plan.
#[derive(Debug)]
pub(crate) struct JudgedSet {
    /// The dumps' rows in their order, each with the target's row that is the same volume, by its number.
    pub(crate) rows: Vec<(Verdict, Option<usize>)>,
    /// The target's rows that the dumps do not have, by their numbers.
    pub(crate) extra: Vec<(usize, Extra)>,
}

/// What a row of the dumps belongs to, by the digests of the ids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Unit {
    pub(crate) plan: Option<Key>,
    pub(crate) trigger: Option<Key>,
    pub(crate) operation: Option<Key>,
}

/// A row of the dumps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Own<'o> {
    pub(crate) source: Source,
    pub(crate) row: Row<'o>,
    pub(crate) unit: Unit,
}

/// A value that differs, as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DifferentValue {
    pub(crate) column: String,
    pub(crate) dumps: Option<String>,
    pub(crate) target: Option<String>,
}

/// Judges rows of one table. Rows of the target have [`MARKS`] before their own columns.
#[derive(Clone, Debug)]
pub(crate) struct Judge {
    pub(super) table: usize,
    layout: Layout,
    marked: Layout,
    columns: Columns,
    /// Whether what the dumps say of a source's operations is all there is to say, by [`SOURCES`].
    knows_operations: [bool; 2],
    /// Whether rows that make operations of their own were dumped, by [`SOURCES`].
    has_extends: [bool; 2],
    compared: Vec<Source>,
    live_services: BTreeSet<i64>,
}

impl Judge {
    pub(crate) fn new(
        table: usize,
        layout: &Layout,
        marked: Layout,
        columns: &Columns,
        (scope, known): (&Scope, &Known),
    ) -> Self {
        Self {
            table,
            layout: layout.clone(),
            marked,
            columns: columns.clone(),
            knows_operations: SOURCES.map(|source| scope.knows(Fact::Operations, source)),
            has_extends: SOURCES.map(|source| scope.has_extends(source)),
            compared: scope.compared(table).collect(),
            live_services: known.live_services.clone(),
        }
    }

    fn knows_operations(&self, source: Source) -> bool {
        is_set(self.knows_operations, source)
    }

    /// A row that is not one of a set.
    pub(crate) fn row(&self, own: Own<'_>, target: Option<Row<'_>>, index: &TargetIndex) -> Verdict {
        match target {
            Some(target) => self.both(own, target),
            None => self.absent(own, index),
        }
    }

    /// Triggers, operations and states come together or not at all: an operation that is absent while its trigger is there was
    /// removed in Karbor, and a state on a trigger that is gone would keep its engine from starting.
    fn absent(&self, own: Own<'_>, index: &TargetIndex) -> Verdict {
        if !matches!(self.table, TRIGGERS | OPERATIONS | STATES) {
            return Verdict::Insert;
        }
        if index.has_trigger(own.unit.trigger) || index.has_operation(own.unit.operation) {
            return Verdict::Kept(Kept::Removed);
        }
        match index.plan(own.unit.plan) {
            Some(plan) if plan.deleted => Verdict::Kept(Kept::Removed),
            Some(plan) if !plan.tagged => Verdict::Kept(Kept::NotOurs),
            // It may have operations that these dumps do not tell of: it would fire twice.
            Some(_) if !self.knows_operations(own.source) || !is_set(self.has_extends, own.source) => {
                Verdict::Kept(Kept::SourceMissing)
            }
            _ => Verdict::Insert,
        }
    }

    fn both(&self, own: Own<'_>, target: Row<'_>) -> Verdict {
        if !self.differs(own, target) {
            return Verdict::Unchanged;
        }
        if self.deleted(target) {
            return Verdict::Kept(Kept::Deleted);
        }
        if self.newer(target, self.stamp(own.row)) {
            // What is no use is ours whatever the times say: firing an operation moves them.
            return match self.replaces_useless(own, target) {
                true => Verdict::Update(self.merged(own, target, &|_| false)),
                false => Verdict::Kept(Kept::Changed),
            };
        }
        let (ours, theirs) = (self.tag(own.row, 0), self.tag(target, MARKS.len()));
        if ours != theirs {
            let other = SOURCES.map(|source| tag(source, self.layout.table.name));
            let of_other = theirs.as_deref().is_some_and(|theirs| other.contains(&theirs));
            return Verdict::Kept(if of_other { Kept::OtherSystem } else { Kept::NotOurs });
        }
        if self.table == ITEMS {
            let unfinished = |row, skip| self.text_of("status", row, skip).as_deref() == Some("protecting");
            if unfinished(own.row, 0) && !unfinished(target, MARKS.len()) {
                return Verdict::Kept(Kept::Steady);
            }
        }
        Verdict::Update(self.merged(own, target, &|compare| compare != Compare::Never))
    }

    /// The resources of a plan are one set: what Karbor did to one of them keeps all.
    pub(crate) fn set(&self, own: &[Own<'_>], target: &[Row<'_>], index: &TargetIndex) -> JudgedSet {
        let id = |row: Row<'_>, skip| self.text_of("resource_id", row, skip);
        let mut live: BTreeMap<Option<String>, usize> = BTreeMap::new();
        let (mut deleted, mut changed) = (false, false);
        let latest = own.iter().filter_map(|own| self.stamp(own.row)).max();
        let stamps: BTreeMap<_, _> = own.iter().map(|own| (id(own.row, 0), self.stamp(own.row))).collect();
        for (n, row) in target.iter().enumerate() {
            let id = id(*row, MARKS.len());
            let stamp = stamps.get(&id).copied().flatten().or(latest);
            let is_deleted = self.deleted(*row);
            deleted |= is_deleted;
            changed |= self.newer(*row, stamp) || self.added(*row);
            if !is_deleted {
                // A volume that is there twice was added by somebody.
                changed |= live.insert(id, n).is_some();
            }
        }
        let plan = own.first().and_then(|own| index.plan(own.unit.plan));
        let reason = match plan {
            Some(plan) if plan.deleted => Some(Kept::Deleted),
            Some(plan) if !plan.tagged => Some(Kept::NotOurs),
            _ if deleted => Some(Kept::Deleted),
            _ if changed => Some(Kept::Changed),
            _ => None,
        };
        let mut matched = BTreeSet::new();
        let verdicts = own.iter().map(|own| {
            let same = live.get(&id(own.row, 0)).copied();
            let row = same.and_then(|n| target.get(n));
            matched.extend(same);
            let verdict = match (row, reason) {
                (Some(row), _) if !self.differs(*own, *row) => Verdict::Unchanged,
                // Karbor writes a set anew when one of its volumes changes: the others are there as they were.
                (Some(row), Some(_)) if deleted && self.same_resource(*own, *row) => Verdict::Unchanged,
                (_, Some(reason)) => Verdict::Kept(reason),
                (Some(row), None) => {
                    Verdict::Update(self.merged(*own, *row, &|compare| compare != Compare::Never))
                }
                (None, None) => Verdict::Insert,
            };
            (verdict, same)
        });
        let verdicts: Vec<_> = verdicts.collect();
        let extra = target.iter().enumerate().filter(|(n, _)| !matched.contains(n)).map(|(n, row)| {
            let extra = if self.deleted(*row) {
                Extra::Kept(Kept::Deleted)
            } else if self.added(*row) {
                Extra::Kept(Kept::NotOurs)
            } else {
                reason.map_or(Extra::Lost(None), Extra::Kept)
            };
            (n, extra)
        });
        JudgedSet { rows: verdicts, extra: extra.collect() }
    }

    /// The same of a set that the dumps do not have at all, whose plan is `plan`.
    pub(crate) fn lost_set(&self, target: &[Row<'_>], plan: Option<Key>, index: &TargetIndex) -> Vec<Extra> {
        let deleted = target.iter().any(|row| self.deleted(*row));
        let changed = target.iter().any(|row| self.added(*row));
        let reason = match index.plan(plan) {
            Some(plan) if plan.deleted => Some(Kept::Deleted),
            Some(plan) if !plan.tagged => Some(Kept::NotOurs),
            _ if deleted => Some(Kept::Deleted),
            _ if changed => Some(Kept::Changed),
            _ => None,
        };
        let extra = target.iter().map(|row| match (self.deleted(*row), self.added(*row), reason) {
            (true, ..) => Extra::Kept(Kept::Deleted),
            (_, true, _) => Extra::Kept(Kept::NotOurs),
            (.., reason) => reason.map_or(Extra::Lost(None), Extra::Kept),
        });
        extra.collect()
    }

    /// An imported row, not one of a set, that the dumps do not have.
    pub(super) fn extra(&self, target: Row<'_>, index: &TargetIndex) -> Extra {
        if self.deleted(target) {
            return Extra::Kept(Kept::Deleted);
        }
        let judged = match self.table {
            OPERATIONS => {
                let tag = self.tag(target, MARKS.len());
                let named = |source: &Source| tag.as_deref() == Some(source.tag());
                SOURCES.into_iter().find(named).is_none_or(|source| self.knows_operations(source))
            }
            // Whose they are does not stand in them.
            TRIGGERS | STATES => self.compared.iter().all(|source| self.knows_operations(*source)),
            _ => true,
        };
        if judged { Extra::Lost(self.sign(target, index)) } else { Extra::Unknown }
    }

    /// The columns that an update would change.
    pub(crate) fn differences(&self, own: Own<'_>, target: Row<'_>) -> Vec<DifferentValue> {
        let columns = self.layout.columns.iter().enumerate();
        let differing = columns.filter(|(place, _)| self.column_differs(own, target, *place));
        differing
            .map(|(place, laid)| DifferentValue {
                column: laid.name.clone(),
                dumps: field::text(&self.layout, laid, own.row.field(place)),
                target: field::text(&self.layout, laid, target.field(MARKS.len() + place)),
            })
            .collect()
    }

    fn differs(&self, own: Own<'_>, target: Row<'_>) -> bool {
        (0..self.layout.columns.len()).any(|place| self.column_differs(own, target, place))
    }

    fn column_differs(&self, own: Own<'_>, target: Row<'_>, place: usize) -> bool {
        let Some(laid) = self.layout.columns.get(place) else { return false };
        let (ours, theirs) = (own.row.field(place), target.field(MARKS.len() + place));
        if ours == theirs {
            return false;
        }
        match self.compare(own.source, place) {
            Compare::Value => !self.same_value(laid, ours, theirs, false),
            Compare::ButAutoTrigger => !self.same_value(laid, ours, theirs, true),
            Compare::Never => false,
            Compare::Trust | Compare::Service => self.is_useless(own, target, place),
        }
    }

    fn compare(&self, source: Source, place: usize) -> Compare {
        self.columns.of(source).get(place).copied().unwrap_or(Compare::Value)
    }

    /// Whether the target's trust is the placeholder, or its service none that lives or not the one that is named, while the dumps'
    /// is of use.
    fn is_useless(&self, own: Own<'_>, target: Row<'_>, place: usize) -> bool {
        let Some(laid) = self.layout.columns.get(place) else { return false };
        let text = |row: Row<'_>, skip: usize| field::text(&self.layout, laid, row.field(skip + place));
        let (ours, theirs) = (text(own.row, 0), text(target, MARKS.len()));
        match (self.table, self.layout.karbors_name(laid)) {
            (STATES, "trust_id") => {
                let placeholder = |trust: &Option<String>| trust.as_deref() == Some(PLACEHOLDER_TRUST);
                placeholder(&theirs) && !placeholder(&ours)
            }
            (STATES, "service_id") => {
                let live = |id: Option<String>| {
                    id.and_then(|id| id.parse().ok()).is_some_and(|id| self.live_services.contains(&id))
                };
                // One that the settings name is meant for every state.
                let named = self.compare(own.source, place) == Compare::Value;
                ours != theirs && (named || live(ours) && !live(theirs))
            }
            _ => false,
        }
    }

    fn replaces_useless(&self, own: Own<'_>, target: Row<'_>) -> bool {
        self.table == STATES
            && (0..self.layout.columns.len()).any(|place| {
                self.compare(own.source, place) != Compare::Never && self.is_useless(own, target, place)
            })
    }

    /// The target's row as it is to be: the dumps' values in the columns for which `takes` says so and in place of what is
    /// useless, its own in the others.
    fn merged(&self, own: Own<'_>, target: Row<'_>, takes: &dyn Fn(Compare) -> bool) -> Vec<u8> {
        let fields = self.layout.columns.iter().enumerate().map(|(place, laid)| {
            let (ours, theirs) = (own.row.encoded(place), target.encoded(MARKS.len() + place));
            match self.compare(own.source, place) {
                Compare::Never => theirs.to_vec(),
                _ if self.is_useless(own, target, place) => ours.to_vec(),
                Compare::Trust | Compare::Service => theirs.to_vec(),
                compare if !takes(compare) => theirs.to_vec(),
                Compare::Value => ours.to_vec(),
                Compare::ButAutoTrigger => {
                    let text = |row: Row<'_>, skip| field::text(&self.layout, laid, row.field(skip + place));
                    let info = with_auto_trigger_of(text(own.row, 0), text(target, MARKS.len()));
                    let mut out = Vec::new();
                    match info.map(|info| self.layout.encode_value(Value::Text(&info), laid, &mut out)) {
                        Some(Ok(())) => out,
                        _ => ours.to_vec(),
                    }
                }
            }
        });
        let fields: Vec<_> = fields.collect();
        let mut row = Vec::new();
        self.layout.join(fields.iter().map(Vec::as_slice), &mut row);
        row
    }

    /// Whether two values whose bytes differ are equal all the same.
    fn same_value(&self, laid: &Laid, ours: Option<&[u8]>, theirs: Option<&[u8]>, but_trigger: bool) -> bool {
        let (Some(ours), Some(theirs)) = (ours, theirs) else { return false };
        if but_trigger && without_auto_trigger(ours) == without_auto_trigger(theirs) {
            return true;
        }
        let text = |field| field::text(&self.layout, laid, Some(field)).unwrap_or_default();
        let (ours, theirs) = (text(ours), text(theirs));
        let kind = self.layout.table.columns.get(laid.value).map(|column| column.kind);
        match (laid.wire, kind) {
            // The server stores jsonb in an order and with blanks of its own, and numbers as numeric.
            (Wire::Jsonb, _) => {
                let read = |text: &str| {
                    let mut value: serde_json::Value = serde_json::from_str(text).ok()?;
                    if let Some(object) = value.as_object_mut().filter(|_| but_trigger) {
                        object.remove("auto_trigger");
                    }
                    Some(value)
                };
                read(&ours).zip(read(&theirs)).is_some_and(|(ours, theirs)| same_json(&ours, &theirs))
            }
            // A time that only the server can read has as many digits as the server gives it.
            (Wire::Timestamp | Wire::Text | Wire::Unknown, Some(Kind::Timestamp)) => {
                Timestamp::parse(&ours).is_ok_and(|ours| Timestamp::parse(&theirs) == Ok(ours))
            }
            (Wire::Numeric, _) => decimal(&ours) == decimal(&theirs),
            _ => false,
        }
    }

    pub(super) fn place(&self, karbors: &str) -> Option<usize> {
        self.layout.columns.iter().position(|laid| self.layout.karbors_name(laid) == karbors)
    }

    pub(super) fn text_of(&self, karbors: &str, row: Row<'_>, skip: usize) -> Option<String> {
        let place = self.place(karbors)?;
        field::text(&self.layout, self.layout.columns.get(place)?, row.field(skip + place))
    }

    fn tag(&self, row: Row<'_>, skip: usize) -> Option<String> {
        let (_, column) = TAGGED.iter().find(|(table, _)| *table == self.layout.table.name)?;
        self.text_of(column, row, skip)
    }

    /// When the source last changed a row of the dumps.
    fn stamp(&self, own: Row<'_>) -> Option<Timestamp> {
        ["updated_at", "created_at"].into_iter().find_map(|name| {
            let place = self.place(name)?;
            field::time(&self.layout, self.layout.columns.get(place)?, own.field(place))
        })
    }

    fn mark(&self, name: &str, target: Row<'_>) -> Option<String> {
        let place = MARKS.iter().position(|mark| *mark == name)?;
        field::text(&self.marked, self.marked.columns.get(place)?, target.field(place))
    }

    pub(super) fn time(&self, name: &str, target: Row<'_>) -> Option<Timestamp> {
        self.mark(name, target).and_then(|text| Timestamp::parse(&text).ok())
    }

    /// When a row of the target was made.
    pub(crate) fn created(&self, target: Row<'_>) -> Option<Timestamp> {
        self.time("created_at", target)
    }

    /// Whether Karbor deleted the target's row. One of which that is NULL is not seen by Karbor either.
    fn deleted(&self, target: Row<'_>) -> bool {
        let deleted = self.mark("deleted", target).map(|text| text.to_ascii_lowercase());
        !matches!(deleted.as_deref(), Some("false" | "f" | "0"))
    }

    /// Whether Karbor changed the target's row after the source changed the dumps'.
    fn newer(&self, target: Row<'_>, stamp: Option<Timestamp>) -> bool {
        let later = |time: Option<Timestamp>| time.zip(stamp).is_some_and(|(time, stamp)| time > stamp);
        match (self.time("updated_at", target), self.time("deleted_at", target)) {
            (None, None) => later(self.created(target)),
            (updated, deleted) => later(updated) || later(deleted),
        }
    }

    /// Whether a resource of the target is one that somebody added in Karbor: imported ones are named by their ids.
    fn added(&self, target: Row<'_>) -> bool {
        self.table == RESOURCES
            && self.place("resource_name").is_some()
            && self.text_of("resource_name", target, MARKS.len()).map(|name| plain(&name))
                != self.text_of("resource_id", target, MARKS.len()).map(|id| plain(&id))
    }

    /// Whether a row of the target is the same volume, whatever else it says.
    fn same_resource(&self, own: Own<'_>, target: Row<'_>) -> bool {
        let same = |name| self.text_of(name, own.row, 0) == self.text_of(name, target, MARKS.len());
        same("resource_id") && same("resource_type")
    }

    /// The plan that a copy names, in a row that begins with `skip` columns of others.
    pub(crate) fn plan_of(&self, row: Row<'_>, skip: usize) -> Option<String> {
        self.text_of("plan_id", row, skip)
    }

    /// The values that identify a row that begins with `skip` columns of others.
    pub(crate) fn key(&self, row: Row<'_>, skip: usize) -> Vec<String> {
        let value = |value: &usize| {
            let place = self.layout.columns.iter().position(|laid| laid.value == *value)?;
            field::text(&self.layout, self.layout.columns.get(place)?, row.field(skip + place))
        };
        self.layout.table.key.iter().map(|key| value(key).unwrap_or_default()).collect()
    }
}

fn is_set(by_source: [bool; 2], source: Source) -> bool {
    SOURCES.iter().zip(by_source).any(|(known, set)| *known == source && set)
}

/// Whether two JSON values are equal to jsonb, which compares numbers by their values.
fn same_json(ours: &serde_json::Value, theirs: &serde_json::Value) -> bool {
    use serde_json::Value::{Array, Number, Object};
    match (ours, theirs) {
        (Number(ours), Number(theirs)) => {
            let whole = |number: &serde_json::Number| number.is_i64() || number.is_u64();
            ours == theirs || !(whole(ours) && whole(theirs)) && ours.as_f64() == theirs.as_f64()
        }
        (Array(ours), Array(theirs)) => {
            ours.len() == theirs.len()
                && ours.iter().zip(theirs).all(|(ours, theirs)| same_json(ours, theirs))
        }
        (Object(ours), Object(theirs)) => {
            let same = |(name, ours)| theirs.get(name).is_some_and(|theirs| same_json(ours, theirs));
            ours.len() == theirs.len() && ours.iter().all(same)
        }
        _ => ours == theirs,
    }
}

/// The dumps' extend_info with the target's auto_trigger; `None` where the target says none.
fn with_auto_trigger_of(ours: Option<String>, theirs: Option<String>) -> Option<String> {
    let theirs: serde_json::Value = serde_json::from_str(&theirs?).ok()?;
    let trigger = theirs.get("auto_trigger")?.as_bool()?;
    let ours = ours?;
    let rest = std::str::from_utf8(without_auto_trigger(ours.as_bytes())).ok()?;
    (rest.len() < ours.len()).then(|| format!("{{\"auto_trigger\":{trigger},{rest}"))
}

/// A decimal number without zeros that do not count.
pub(super) fn decimal(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}
