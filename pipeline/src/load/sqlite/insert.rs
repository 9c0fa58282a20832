//! Reads the tagged rows that [`Layout::encode`] made, and inserts them with one prepared statement.

use crate::karbor::layout::{Layout, tag};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Statement, ToSql};

/// The statement for the rows of a table.
pub(super) fn statement(layout: &Layout) -> String {
    let places: Vec<_> = (1..=layout.columns.len()).map(|place| format!("?{place}")).collect();
    format!("INSERT INTO {} ({}) VALUES ({})", layout.into, layout.column_list(""), places.join(", "))
}

/// A value as it lies in the row's bytes.
struct Bound<'v>(ValueRef<'v>);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(self.0))
    }
}

/// Takes the next value off `bytes`; `None` where they are cut off, which [`Layout::encode`] never makes.
pub(super) fn value<'v>(bytes: &mut &'v [u8]) -> Option<ValueRef<'v>> {
    let (tag, rest) = bytes.split_first()?;
    let (value, rest) = match *tag {
        tag::NULL => (ValueRef::Null, rest),
        tag::INT => {
            let (number, rest) = rest.split_first_chunk()?;
            (ValueRef::Integer(i64::from_le_bytes(*number)), rest)
        }
        tag::TEXT => {
            let (length, rest) = rest.split_first_chunk()?;
            let (text, rest) = rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
            (ValueRef::Text(text), rest)
        }
        _ => return None,
    };
    *bytes = rest;
    Some(value)
}

/// Appends a value of the database as [`Layout::encode`] has it. What that never makes, a real number or a blob, is kept as
/// its text: it is like no value of ours.
pub(super) fn encode(value: ValueRef<'_>, out: &mut Vec<u8>) {
    let mut text = |text: &[u8]| {
        out.push(tag::TEXT);
        out.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
        out.extend_from_slice(text);
    };
    match value {
        ValueRef::Null => out.push(tag::NULL),
        ValueRef::Integer(number) => {
            out.push(tag::INT);
            out.extend_from_slice(&number.to_le_bytes());
        }
        ValueRef::Real(number) => text(number.to_string().as_bytes()),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => text(bytes),
    }
}

/// Inserts the next row of `bytes`, whose values are `columns`; answers how many rows SQLite says it took.
pub(super) fn row(
    statement: &mut Statement<'_>,
    columns: usize,
    bytes: &mut &[u8],
) -> rusqlite::Result<usize> {
    for place in 1..=columns {
        let value = value(bytes).ok_or(rusqlite::Error::InvalidParameterCount(place - 1, columns))?;
        statement.raw_bind_parameter(place, Bound(value))?;
    }
    statement.raw_execute()
}

/// The values that identify the row at the start of `bytes`, for messages.
pub(super) fn key(layout: &Layout, mut bytes: &[u8]) -> String {
    let mut key = Vec::new();
    for laid in &layout.columns {
        let Some(value) = value(&mut bytes) else { break };
        if layout.table.key.contains(&laid.value) {
            let text = match value {
                ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
                ValueRef::Integer(number) => number.to_string(),
                _ => "NULL".to_owned(),
            };
            key.push(format!("{} {text:?}", laid.name));
        }
    }
    key.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::karbor::{RESOURCES, Value, layout::Format};
    use parsers::value::Timestamp;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_encoded_is_read_back(id in "\\PC{1,36}", resource in proptest::option::of("\\PC{1,36}"), deleted: bool) {
            let layout = Layout::built_in(&RESOURCES, Format::Tagged);
            let optional = resource.as_deref().map_or(Value::Null, Value::Text);
            let time = Value::Time(Timestamp::DEFAULT);
            let row = [Value::Text(&id), optional, Value::Null, Value::Null, Value::Null, time, Value::Null, Value::Bool(deleted)];
            let mut out = Vec::new();
            prop_assume!(layout.encode(&row, &mut out).is_ok());
            let mut bytes = out.as_slice();
            let read: Vec<_> = std::iter::from_fn(|| value(&mut bytes)).collect();
            prop_assert!(bytes.is_empty());
            let null = ValueRef::Null;
            let expected = [
                ValueRef::Text(id.as_bytes()), resource.as_deref().map_or(null, |text| ValueRef::Text(text.as_bytes())),
                null, null, null, ValueRef::Text(b"2018-01-01 00:00:00.000000"), null, ValueRef::Integer(i64::from(deleted)),
            ];
            prop_assert_eq!(read, expected);
            let begin = format!("plan_id {id:?}");
            prop_assert!(key(&layout, &out).starts_with(&begin));
            // A row that is cut off is no row.
            let mut cut = out.get(..out.len() - 1).unwrap();
            prop_assert!(std::iter::from_fn(|| value(&mut cut)).count() < row.len());
        }
    }
}
