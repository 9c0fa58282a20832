//! A row of the dumps and the target's row with its key: equal, changed by Karbor, or different in which columns.

use super::known::Known;
use super::report::Difference;
use crate::compare::sql::{ITEMS, MARKS};
use crate::compare::{SOURCES, Scope, without_auto_trigger};
use crate::karbor::layout::{Laid, Layout, Width, Wire};
use crate::karbor::tuple::Row;
use crate::karbor::{Kind, Source, field};
use crate::load::lookup::{TAGGED, tag};
use crate::outcome::Kept;
use parsers::value::Timestamp;

/// What is shown of a long value, in characters, and how many of them stand before the first difference.
const SHOWN: usize = 160;
const SHOWN_BEFORE: usize = 40;

/// What comes of two rows with one key.
pub(super) enum Pair {
    Equal,
    Changed(Kept),
    Different(Vec<Difference>),
}

/// Compares rows of one table.
pub(super) struct Pairs<'p> {
    pub(super) table: usize,
    pub(super) layout: &'p Layout,
    /// The layout with the target's marks behind its columns.
    pub(super) marked: Layout,
    known: Known,
}

impl<'p> Pairs<'p> {
    pub(super) fn new(table: usize, layout: &'p Layout, scope: &Scope) -> Self {
        let mut marked = layout.clone();
        marked.columns.extend(MARKS.map(|name| Laid {
            value: usize::MAX,
            name: name.to_owned(),
            wire: Wire::Text,
            width: Width::Unlimited,
            nullable: true,
        }));
        Self { table, layout, marked, known: Known::new(table, layout, scope) }
    }

    /// Judges in the order in which a run does. `tagged` says whether the target's row is known as an imported one.
    pub(super) fn judge(&self, source: Source, dumps: Row<'_>, target: Row<'_>, tagged: bool) -> Pair {
        let columns = self.differences(source, dumps, target);
        if columns.is_empty() {
            return Pair::Equal;
        }
        if self.deleted(target) {
            return Pair::Changed(Kept::Deleted);
        }
        if self.newer(target, self.stamp(dumps)) {
            return Pair::Changed(Kept::Changed);
        }
        let (own, theirs) = (self.tag(dumps), self.tag(target));
        if own != theirs || !tagged {
            let other = SOURCES.map(|source| tag(source, self.layout.table.name));
            let of_other = own != theirs && theirs.as_deref().is_some_and(|theirs| other.contains(&theirs));
            return Pair::Changed(if of_other { Kept::OtherSystem } else { Kept::NotOurs });
        }
        if self.table == ITEMS {
            let status = |row| self.text_of("status", row);
            if status(dumps).as_deref() == Some("protecting")
                && status(target).as_deref() != Some("protecting")
            {
                return Pair::Changed(Kept::Steady);
            }
        }
        Pair::Different(columns)
    }

    fn differences(&self, source: Source, dumps: Row<'_>, target: Row<'_>) -> Vec<Difference> {
        let fields = self.layout.columns.iter().zip(dumps.fields().zip(target.fields())).enumerate();
        let differing = fields.filter(|(place, (laid, (own, theirs)))| {
            self.known.compares(source, *place)
                && own != theirs
                && !self.same(laid, *own, *theirs, self.known.compares_partly(source, *place))
        });
        differing
            .map(|(_, (laid, (own, theirs)))| {
                let text = |side| field::text(self.layout, laid, side);
                let (dumps, target) = around_difference(text(own), text(theirs));
                Difference { column: laid.name.clone(), dumps, target }
            })
            .collect()
    }

    /// Whether two fields whose bytes differ say the same all the same.
    fn same(&self, laid: &Laid, own: Option<&[u8]>, theirs: Option<&[u8]>, partly: bool) -> bool {
        let (Some(own), Some(theirs)) = (own, theirs) else { return false };
        if partly && without_auto_trigger(own) == without_auto_trigger(theirs) {
            return true;
        }
        let texts = (field::text(self.layout, laid, Some(own)), field::text(self.layout, laid, Some(theirs)));
        let (Some(own), Some(theirs)) = texts else { return false };
        let kind = self.layout.table.columns.get(laid.value).map(|column| column.kind);
        match (laid.wire, kind) {
            // The server keeps jsonb in an order and with blanks of its own.
            (Wire::Jsonb, _) => {
                let read = |text: &str| {
                    let mut value: serde_json::Value = serde_json::from_str(text).ok()?;
                    if let Some(object) = value.as_object_mut().filter(|_| partly) {
                        object.remove("auto_trigger");
                    }
                    Some(value)
                };
                read(&own).is_some_and(|own| Some(own) == read(&theirs))
            }
            // A time that only the server can read has as many digits as the server gives it.
            (Wire::Timestamp | Wire::Text | Wire::Unknown, Some(Kind::Timestamp)) => {
                Timestamp::parse(&own).is_ok_and(|own| Timestamp::parse(&theirs) == Ok(own))
            }
            _ => false,
        }
    }

    fn text_of(&self, karbors: &str, row: Row<'_>) -> Option<String> {
        let place = self.layout.columns.iter().position(|laid| self.layout.karbors_name(laid) == karbors)?;
        field::text(self.layout, self.layout.columns.get(place)?, row.field(place))
    }

    fn tag(&self, row: Row<'_>) -> Option<String> {
        let (_, column) = TAGGED.iter().find(|(table, _)| *table == self.layout.table.name)?;
        self.text_of(column, row)
    }

    /// The source that a row's tag names.
    pub(super) fn source(&self, row: Row<'_>) -> Option<Source> {
        let own = self.tag(row)?;
        SOURCES.into_iter().find(|source| tag(*source, self.layout.table.name) == own)
    }

    /// When the source last changed a row of the dumps.
    pub(super) fn stamp(&self, dumps: Row<'_>) -> Option<Timestamp> {
        let time = |name| self.text_of(name, dumps).and_then(|text| Timestamp::parse(&text).ok());
        time("updated_at").or_else(|| time("created_at"))
    }

    fn mark(&self, name: &str, target: Row<'_>) -> Option<String> {
        let place = self.layout.columns.len() + MARKS.iter().position(|mark| *mark == name)?;
        field::text(&self.marked, self.marked.columns.get(place)?, target.field(place))
    }

    /// Whether Karbor deleted the target's row.
    pub(super) fn deleted(&self, target: Row<'_>) -> bool {
        let deleted = self.mark("deleted", target).unwrap_or_default().to_ascii_lowercase();
        !matches!(deleted.as_str(), "" | "false" | "f" | "0")
    }

    /// Whether Karbor changed the target's row after the source changed the dumps'.
    pub(super) fn newer(&self, target: Row<'_>, stamp: Option<Timestamp>) -> bool {
        let time = |name| self.mark(name, target).and_then(|text| Timestamp::parse(&text).ok());
        let moved = (time("updated_at"), time("deleted_at"));
        let later = |time: Option<Timestamp>| time.zip(stamp).is_some_and(|(time, stamp)| time > stamp);
        match moved {
            (None, None) => later(time("created_at")),
            (updated, deleted) => later(updated) || later(deleted),
        }
    }

    /// The values that identify a row.
    pub(super) fn key(&self, row: Row<'_>) -> Vec<String> {
        let value = |value: &usize| {
            let place = self.layout.columns.iter().position(|laid| laid.value == *value)?;
            field::text(self.layout, self.layout.columns.get(place)?, row.field(place))
        };
        self.layout.table.key.iter().map(|key| value(key).unwrap_or_default()).collect()
    }

    /// A row in a message.
    pub(super) fn named(&self, row: Row<'_>) -> String {
        format!("{} {}", self.layout.name, self.key(row).join(" "))
    }

    /// Whether a resource of the target is one that somebody added in Karbor: imported ones are named by their ids.
    pub(super) fn added(&self, target: Row<'_>) -> bool {
        self.text_of("resource_name", target) != self.text_of("resource_id", target)
    }
}

/// Two values as they are shown: whole, or the parts of both around the first character that differs.
fn around_difference(own: Option<String>, theirs: Option<String>) -> (Option<String>, Option<String>) {
    let common = match (&own, &theirs) {
        (Some(own), Some(theirs)) => own.chars().zip(theirs.chars()).take_while(|(a, b)| a == b).count(),
        _ => 0,
    };
    let from = common.saturating_sub(SHOWN_BEFORE);
    let long = |text: &Option<String>| text.as_ref().is_some_and(|text| text.chars().nth(SHOWN).is_some());
    if !long(&own) && !long(&theirs) {
        return (own, theirs);
    }
    let cut = |text: String| {
        let before = if from > 0 { "…" } else { "" };
        let after = if text.chars().nth(from + SHOWN).is_some() { "…" } else { "" };
        let part: String = text.chars().skip(from).take(SHOWN).collect();
        format!("{before}{part}{after}")
    };
    (own.map(cut), theirs.map(cut))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_values_are_shown_where_they_differ() {
        let same = "x".repeat(500);
        let (own, theirs) = around_difference(Some(format!("{same}a{same}")), Some(format!("{same}b")));
        let before = "x".repeat(SHOWN_BEFORE);
        assert_eq!(theirs, Some(format!("…{before}b")));
        assert!(own.unwrap().starts_with(&format!("…{before}ax")));
        let short = (Some("a".to_owned()), None);
        assert_eq!(around_difference(short.0.clone(), None), short);
    }
}
