//! Rows of DPS that share a key.
//!
//! Set-aside rows replace rows by their keys, so families that share a key must fall together: were only the second one set
//! aside, it would take the first one's place in the next run. Rows that are skipped are none of this.

use crate::transform::dps::tables::DpsTables;
use crate::transform::ledger::{Index, InvalidRow, at};
use parsers::models::Held;
use parsers::models::dps::{Object, Timer};
use parsers::table::Table;

/// Rows by their keys, where two families could each have a row of the same key.
pub(super) struct Keys {
    objects: Index,
    timers: Index,
}

impl Keys {
    /// These objects and timers by their keys. A row without a key has its own fault.
    pub(super) fn new(
        objects: impl Iterator<Item = u32>,
        timers: impl Iterator<Item = u32>,
        tables: &DpsTables,
    ) -> Self {
        let objects =
            objects.filter(|n| at(&tables.objects, *n).is_some_and(|row| !row.model.id().is_empty()));
        let timers = timers.filter(|n| at(&tables.timers, *n).is_some_and(|row| !row.model.id().is_empty()));
        Self {
            objects: Index::of(objects, &tables.objects, Object::id),
            timers: Index::of(timers, &tables.timers, Timer::id),
        }
    }

    /// The fault of an object whose key another one has that says something else.
    pub(super) fn repeated_object(&self, row: &Held<Object>, tables: &DpsTables) -> Option<InvalidRow> {
        let mut same = self.objects.find(&tables.objects, Object::id, row.model.id()).iter();
        let other = same.find_map(|n| {
            let other = at(&tables.objects, *n).filter(|other| other.origin != row.origin)?;
            let elsewhere = other.model.plan_id() != row.model.plan_id();
            let before = other.model.resource_id() != row.model.resource_id() && other.origin < row.origin;
            (elsewhere || before).then_some(other.origin)
        })?;
        Some(InvalidRow::repeated(Table::ProtectionObject, row, "id", row.model.id(), other))
    }

    /// The fault of a timer whose key another one has.
    pub(super) fn repeated_timer(&self, row: &Held<Timer>, tables: &DpsTables) -> Option<InvalidRow> {
        let mut same = self.timers.find(&tables.timers, Timer::id, row.model.id()).iter();
        let other = same.find_map(|n| {
            let other = at(&tables.timers, *n).filter(|other| other.origin != row.origin)?;
            let elsewhere = other.model.policy_id() != row.model.policy_id();
            (elsewhere || other.origin < row.origin).then_some(other.origin)
        })?;
        Some(InvalidRow::repeated(Table::ScheduleTimer, row, "id", row.model.id(), other))
    }
}
