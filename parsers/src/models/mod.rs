//! Source models: what a row of each known table says, with its types, and where it stood.
//!
//! Reading a row never stops at the first bad value: whether the row is skipped or deferred, and which family it belongs to,
//! may be readable all the same. The first fault is kept beside the model; the rules decide what becomes of it.

mod declare;

pub mod cinder;
pub mod dps;
pub mod taskmgr;
pub mod vbs;

use crate::columns::Binding;
use crate::json;
use crate::position::Origin;
use crate::row::{Column, FieldError, Row};
use crate::value::Timestamp;

/// A row held in memory for a join.
#[derive(Clone, Debug)]
pub struct Held<T> {
    /// Where the row stands.
    pub origin: Origin,
    /// Whether it is soft-deleted.
    pub deleted: bool,
    /// What it says, as far as it could be read.
    pub model: T,
    /// The first value that breaks a rule.
    pub fault: Option<Box<FieldError>>,
}

/// A table whose rows are read into a model.
pub trait Model: Sized {
    /// The table's columns, found once for each block.
    type Columns;

    /// Finds the columns.
    fn bind(binding: &Binding<'_>) -> Self::Columns;

    /// Reads one row.
    fn read(columns: &Self::Columns, row: &mut Reading<'_, '_>) -> Self;
}

/// Reads values from a row and keeps the first fault.
pub struct Reading<'a, 'r> {
    row: &'a Row<'r>,
    fault: Option<FieldError>,
}

impl<'a, 'r> Reading<'a, 'r> {
    /// Reads from `row`.
    #[must_use]
    pub fn new(row: &'a Row<'r>) -> Self {
        Self { row, fault: None }
    }

    /// The text of a column, empty where absent.
    #[must_use]
    pub fn text(&self, column: &Column) -> &'r str {
        self.row.text(column).unwrap_or_default()
    }

    /// The text of a column that must be there; empty, and a fault, where it is not.
    pub fn required(&mut self, column: &Column) -> &'r str {
        let text = self.row.required(column);
        self.keep(text).unwrap_or_default()
    }

    /// An integer.
    pub fn integer(&mut self, column: &Column) -> Option<i64> {
        let value = self.row.integer(column);
        self.keep(value).flatten()
    }

    /// A boolean.
    pub fn boolean(&mut self, column: &Column) -> Option<bool> {
        let value = self.row.boolean(column);
        self.keep(value).flatten()
    }

    /// A timestamp.
    pub fn timestamp(&mut self, column: &Column) -> Option<Timestamp> {
        let value = self.row.timestamp(column);
        self.keep(value).flatten()
    }

    /// Keeps a fault found elsewhere, if it is the first.
    pub fn fault(&mut self, fault: FieldError) {
        self.fault.get_or_insert(fault);
    }

    /// The first fault.
    #[must_use]
    pub fn into_fault(self) -> Option<FieldError> {
        self.fault
    }

    fn keep<T>(&mut self, value: Result<T, FieldError>) -> Option<T> {
        value.map_err(|fault| self.fault(fault)).ok()
    }
}

/// Reads a row into a model that is held.
pub fn hold<M: Model>(columns: &M::Columns, soft: &SoftDeletion, row: &Row<'_>, origin: Origin) -> Held<M> {
    let mut reading = Reading::new(row);
    let deleted = soft.read(&mut reading);
    let model = M::read(columns, &mut reading);
    Held { origin, deleted, model, fault: reading.into_fault().map(Box::new) }
}

/// The columns by which a row can be marked as deleted; honoured in every table that has them.
#[derive(Clone, Debug)]
pub struct SoftDeletion {
    deleted: Column,
    deleted_at: Column,
    status: Option<Column>,
}

impl SoftDeletion {
    /// Finds the columns; `status` where the table's status can say `deleted`.
    #[must_use]
    pub fn bind(binding: &Binding<'_>, status: bool) -> Self {
        Self {
            deleted: binding.column("deleted"),
            deleted_at: binding.column("deleted_at"),
            status: status.then(|| binding.column("status")),
        }
    }

    /// Whether the row is soft-deleted. Where the table has `deleted`, it decides and not `deleted_at`: that is all that
    /// OpenStack itself filters by, and what an administrator sets to take a row back.
    pub fn read(&self, row: &mut Reading<'_, '_>) -> bool {
        let status =
            self.status.as_ref().is_some_and(|status| row.text(status).eq_ignore_ascii_case("deleted"));
        let deleted = match self.deleted.index {
            Some(_) => row.boolean(&self.deleted) == Some(true),
            None => !row.text(&self.deleted_at).is_empty(),
        };
        status || deleted
    }
}

/// When a row was made and last changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Times {
    pub created: Option<Timestamp>,
    pub updated: Option<Timestamp>,
}

impl Times {
    /// The time of creation that a target row gets: never absent.
    #[must_use]
    pub fn created_or_default(self) -> Timestamp {
        self.created.or(self.updated).unwrap_or(Timestamp::DEFAULT)
    }
}

/// The columns of [`Times`].
#[derive(Clone, Debug)]
pub struct TimesColumns {
    created: Column,
    updated: Column,
}

impl TimesColumns {
    /// Finds the columns.
    #[must_use]
    pub fn bind(binding: &Binding<'_>) -> Self {
        Self { created: binding.column("created_at"), updated: binding.column("updated_at") }
    }

    /// Reads them.
    pub fn read(&self, row: &mut Reading<'_, '_>) -> Times {
        Times { created: row.timestamp(&self.created), updated: row.timestamp(&self.updated) }
    }
}

/// Several texts of one row in one allocation; the empty text is the absent one.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Texts<const N: usize> {
    text: Box<str>,
    ends: [u32; N],
}

impl<const N: usize> Texts<N> {
    /// Keeps `parts`. A row is far shorter than the 4 GiB that the ends can say.
    #[must_use]
    fn new(parts: [&str; N]) -> Self {
        let text = parts.concat().into_boxed_str();
        let mut end = 0;
        let ends = parts.map(|part| {
            end += u32::try_from(part.len()).unwrap_or(u32::MAX);
            end
        });
        Self { text, ends }
    }

    /// The text at `index`; empty where absent.
    #[must_use]
    fn get(&self, index: usize) -> &str {
        let at = |index: usize| self.ends.get(index).and_then(|end| usize::try_from(*end).ok()).unwrap_or(0);
        let start = if index == 0 { 0 } else { at(index - 1) };
        self.text.get(start..at(index)).unwrap_or_default()
    }
}

/// The time zone that a JSON object of extra_info names, under `time_zone`, `timezone` or `timeZone`; empty where there is none.
/// What is no object counts as an empty one.
fn zone(extra_info: &str) -> String {
    if extra_info.is_empty() {
        return String::new();
    }
    let members = json::members(extra_info, ["time_zone", "timezone", "timeZone"]).unwrap_or_default();
    let zone = members.into_iter().flatten().find_map(json::Raw::text);
    zone.map(std::borrow::Cow::into_owned).unwrap_or_default()
}

/// `None` for the empty text, which means absent.
#[must_use]
fn present(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::columns::ColumnMap;
    use crate::columns::need::{Need, need, needs};
    use crate::table::Table;
    use std::collections::BTreeSet;

    #[test]
    fn texts_keep_each_part() {
        let texts = Texts::new(["a", "", "云硬盘", "d"]);
        assert_eq!([0, 1, 2, 3, 4].map(|i| texts.get(i)), ["a", "", "云硬盘", "d", ""]);
    }

    /// The columns that a table's model and its mark of deletion are read from.
    fn bound(table: Table, map: &ColumnMap) -> BTreeSet<String> {
        let listed: Vec<String> = needs(table).map(|(column, _)| column.to_owned()).collect();
        let binding = map.find(table, &listed, false);
        let shown = match table {
            Table::Backups => format!("{:?}", cinder::Columns::bind(&binding)),
            Table::BackupPolicy => format!("{:?}", vbs::Policy::bind(&binding)),
            Table::BackupPolicyExtend => format!("{:?}", vbs::Extend::bind(&binding)),
            Table::BackupTrigger => format!("{:?}", vbs::Trigger::bind(&binding)),
            Table::BackupRelationPolicy => format!("{:?}", vbs::Relation::bind(&binding)),
            Table::PolicyResource => format!("{:?}", vbs::Resource::bind(&binding)),
            Table::Tag => format!("{:?}", vbs::Tag::bind(&binding)),
            Table::RunningJobRecord => format!("{:?}", vbs::RunningJob::bind(&binding)),
            Table::WaitingJobRecord => format!("{:?}", vbs::WaitingJob::bind(&binding)),
            Table::TaskmgrJob => format!("{:?}", taskmgr::Job::bind(&binding)),
            Table::ProtectionPlan => format!("{:?}", dps::Plan::bind(&binding)),
            Table::ProtectionObject => format!("{:?}", dps::Object::bind(&binding)),
            Table::ProtectionPolicy => format!("{:?}", dps::Policy::bind(&binding)),
            Table::PlanPolicyMapping => format!("{:?}", dps::Mapping::bind(&binding)),
            Table::ScheduleTimer => format!("{:?}", dps::Timer::bind(&binding)),
            Table::AsyncCopyPolicy => format!("{:?}", dps::CopyCycle::bind(&binding)),
            Table::PolicyExtraSpecs => format!("{:?}", dps::Spec::bind(&binding)),
            Table::BackupTargetObject => format!("{:?}", dps::Destination::bind(&binding)),
            Table::BackupTransactionItem => format!("{:?}", dps::ItemColumns::bind(&binding)),
            Table::Quotas | Table::QuotaUsages | Table::Other => String::new(),
        };
        let columns = shown.split("Column { name: \"").skip(1).filter_map(|rest| rest.split('"').next());
        columns.map(str::to_owned).collect()
    }

    /// The page of needs and the models agree: what a model reads is needed, and what is needed is read.
    #[test]
    fn models_read_the_columns_that_are_needed_and_no_others() {
        let map = ColumnMap::built_in().unwrap();
        for table in Table::ALL {
            let bound = bound(table, &map);
            for column in &bound {
                let need = need(table, column).map(|need| need.need);
                let honoured = matches!(column.as_str(), "deleted" | "deleted_at");
                assert!(honoured || !matches!(need, None | Some(Need::Unread)), "{table}.{column} is read");
            }
            for (column, need) in needs(table) {
                // A job record has an id, or it is none, though no rule reads it.
                let key = column == "job_id" && need.need == Need::Required;
                // Read with the marks of deletion, which are honoured in every table.
                let optional = need.need == Need::Optional;
                let read = bound.contains(column) || key || optional;
                assert!(read || need.need == Need::Unread, "{table}.{column} is not read");
            }
        }
    }
}
