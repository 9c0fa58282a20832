//! What shows that Karbor changed an imported row that the dumps no longer have, so that nothing is left to compare it with.
//!
//! What the last import wrote is not kept anywhere. Some of it follows from the row itself and from those that an import writes
//! with it: constants; a copy's values, which its `extend_info` repeats; and times, which a policy's trigger and operations share,
//! and its plan, too, where it came from VBS. What else Karbor changed without moving `updated_at` behind the newest row of the
//! dumps cannot be seen.

use super::index::TargetIndex;
use super::judge::decimal;
use super::sql::{ITEMS, MARKS, OPERATIONS, PLANS};
use crate::compare::sign::Sign;
use crate::compare::text::plain;
use crate::compare::verdict::Judge;
use crate::karbor::Source;
use crate::karbor::tuple::Row;
use parsers::value::Timestamp;
use serde_json::Value;

/// The statuses that imports and syncs write.
const STATUSES: [&str; 3] = ["available", "error", "protecting"];

/// Whether two times differ by more than what a column may have been rounded by.
fn differ(one: Option<Timestamp>, other: Option<Timestamp>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one.micros().abs_diff(other.micros()) >= 1_000_000,
        (one, other) => one != other,
    }
}

impl Judge {
    /// What shows that Karbor changed an imported row.
    pub(super) fn sign(&self, target: Row<'_>, index: &TargetIndex) -> Option<Sign> {
        match self.table {
            PLANS => self.sign_of_plan(target, index),
            OPERATIONS => {
                let trigger = self.text_of("trigger_id", target, MARKS.len())?;
                let times = index.trigger_changed(&trigger)?;
                differ(times, self.changed(target)).then_some(Sign::Time)
            }
            ITEMS => self.value_of_copy(target).map(Sign::Value),
            _ => None,
        }
    }

    /// The time that an update in Karbor moves.
    pub(crate) fn changed(&self, target: Row<'_>) -> Option<Timestamp> {
        self.time("updated_at", target)
    }

    fn sign_of_plan(&self, target: Row<'_>, index: &TargetIndex) -> Option<Sign> {
        let text = |name| self.text_of(name, target, MARKS.len());
        if text("status").is_some_and(|status| status != "suspended") {
            return Some(Sign::Value("status"));
        }
        let Some(operation) = index.operation_of(&text("id")?) else { return Some(Sign::NoOperation) };
        let of_vbs = text("description").as_deref() == Some(Source::Vbs.tag());
        // The plan of a DPS policy has times of its own.
        let differs = of_vbs && differ(operation.changed, self.changed(target));
        differs.then_some(Sign::Time)
    }

    /// The column of a copy that is not as an import writes it.
    fn value_of_copy(&self, target: Row<'_>) -> Option<&'static str> {
        let text = |name| self.text_of(name, target, MARKS.len());
        let status = text("status").unwrap_or_default();
        if !STATUSES.contains(&status.as_str()) {
            return Some("status");
        }
        if self.place("resource_name").is_some() && text("resource_name") != text("resource_id") {
            return Some("resource_name");
        }
        if text("backup_data").is_some_and(|data| data != "{}") {
            return Some("backup_data");
        }
        self.place("extend_info")?;
        let info: Option<Value> = text("extend_info").and_then(|info| serde_json::from_str(&info).ok());
        let Some(info) = info else { return Some("extend_info") };
        let Some(copy) = info.get("volume_backups").and_then(|copies| copies.get(0)) else {
            return Some("extend_info");
        };
        let said = |value: Option<&Value>| match value {
            Some(Value::String(text)) => text.trim_end().to_owned(),
            Some(Value::Number(number)) => number.to_string(),
            _ => String::new(),
        };
        // A column that the target lacks says nothing.
        let differs = |name: &'static str, value: Option<&Value>, absent: &str| {
            let own = text(name).unwrap_or_else(|| absent.to_owned());
            let same = said(value) == decimal_or_text(name, own.trim_end());
            (self.place(name).is_some() && !same).then_some(name)
        };
        if plain(&said(copy.get("id"))) != plain(text("id").unwrap_or_default().trim_end()) {
            return Some("extend_info");
        }
        differs("status", copy.get("status"), "")
            .or_else(|| differs("name", copy.get("name"), ""))
            .or_else(|| differs("size", copy.get("source_volume_size"), "0"))
            .or_else(|| differs("resource_az", info.get("resource_az"), ""))
    }
}

/// A value as JSON has it: a number without the zeros of a column of decimals.
fn decimal_or_text<'v>(name: &str, value: &'v str) -> &'v str {
    if name == "size" { decimal(value) } else { value }
}
