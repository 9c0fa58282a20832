//! The values of two rows, compared and put together.

use super::super::columns::Compare;
use super::super::digest::without_auto_trigger;
use super::super::sql::{MARKS, RESOURCES, STATES};
use crate::compare::text::decimal;
use crate::compare::text::plain;
use crate::compare::verdict::{DifferentValue, Judge, Own};
use crate::karbor::layout::{ColumnLayout, Wire};
use crate::karbor::tuple::Row;
use crate::karbor::{Kind, Source, Value, field};
use crate::load::lookup::TAGGED;
use crate::settings::PLACEHOLDER_TRUST;
use parsers::value::Timestamp;

impl Judge {
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

    pub(super) fn differs(&self, own: Own<'_>, target: Row<'_>) -> bool {
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

    pub(super) fn replaces_useless(&self, own: Own<'_>, target: Row<'_>) -> bool {
        self.table == STATES
            && (0..self.layout.columns.len()).any(|place| {
                self.compare(own.source, place) != Compare::Never && self.is_useless(own, target, place)
            })
    }

    /// The target's row as it is to be: the dumps' values in the columns for which `takes` says so and in place of what is
    /// useless, its own in the others.
    pub(super) fn merged(&self, own: Own<'_>, target: Row<'_>, takes: &dyn Fn(Compare) -> bool) -> Vec<u8> {
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
    fn same_value(
        &self,
        laid: &ColumnLayout,
        ours: Option<&[u8]>,
        theirs: Option<&[u8]>,
        but_trigger: bool,
    ) -> bool {
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

    pub(in crate::compare) fn place(&self, karbors: &str) -> Option<usize> {
        self.layout.columns.iter().position(|laid| self.layout.karbors_name(laid) == karbors)
    }

    pub(crate) fn text_of(&self, karbors: &str, row: Row<'_>, skip: usize) -> Option<String> {
        let place = self.place(karbors)?;
        field::text(&self.layout, self.layout.columns.get(place)?, row.field(skip + place))
    }

    pub(super) fn tag(&self, row: Row<'_>, skip: usize) -> Option<String> {
        let (_, column) = TAGGED.iter().find(|(table, _)| *table == self.layout.table.name)?;
        self.text_of(column, row, skip)
    }

    /// When the source last changed a row of the dumps.
    pub(super) fn stamp(&self, own: Row<'_>) -> Option<Timestamp> {
        ["updated_at", "created_at"].into_iter().find_map(|name| {
            let place = self.place(name)?;
            field::time(&self.layout, self.layout.columns.get(place)?, own.field(place))
        })
    }

    fn mark(&self, name: &str, target: Row<'_>) -> Option<String> {
        let place = MARKS.iter().position(|mark| *mark == name)?;
        field::text(&self.marked, self.marked.columns.get(place)?, target.field(place))
    }

    pub(crate) fn time(&self, name: &str, target: Row<'_>) -> Option<Timestamp> {
        self.mark(name, target).and_then(|text| Timestamp::parse(&text).ok())
    }

    /// Whether a row of the target is of an import from one of the compared sources.
    pub(crate) fn is_imported(&self, target: Row<'_>) -> bool {
        self.mark("imported", target).as_deref() == Some("1")
    }

    /// When a row of the target was made.
    pub(crate) fn created(&self, target: Row<'_>) -> Option<Timestamp> {
        self.time("created_at", target)
    }

    /// Whether Karbor deleted the target's row. One of which that is NULL is not seen by Karbor either.
    pub(super) fn deleted(&self, target: Row<'_>) -> bool {
        let deleted = self.mark("deleted", target).map(|text| text.to_ascii_lowercase());
        !matches!(deleted.as_deref(), Some("false" | "f" | "0"))
    }

    /// Whether Karbor changed the target's row after the source changed the dumps'.
    pub(super) fn newer(&self, target: Row<'_>, stamp: Option<Timestamp>) -> bool {
        let later = |time: Option<Timestamp>| time.zip(stamp).is_some_and(|(time, stamp)| time > stamp);
        match (self.time("updated_at", target), self.time("deleted_at", target)) {
            (None, None) => later(self.created(target)),
            (updated, deleted) => later(updated) || later(deleted),
        }
    }

    /// Whether a resource of the target is one that somebody added in Karbor: imported ones are named by their ids.
    pub(super) fn added(&self, target: Row<'_>) -> bool {
        self.table == RESOURCES
            && self.place("resource_name").is_some()
            && self.text_of("resource_name", target, MARKS.len()).map(|name| plain(&name))
                != self.text_of("resource_id", target, MARKS.len()).map(|id| plain(&id))
    }

    /// Whether a row of the target is the same volume, whatever else it says.
    pub(super) fn same_resource(&self, own: Own<'_>, target: Row<'_>) -> bool {
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
