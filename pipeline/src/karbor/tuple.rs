//! The bytes of encoded rows, taken apart again: which bytes are one row, and which of them one field.
//!
//! Only what [`Layout::encode`] makes, and what a server sends in the same form, is read here.

use super::layout::{Format, Layout, tag};

/// The rows of some encoded bytes. Bytes that end within a row end it: [`Rows::rest`] has them.
#[derive(Clone, Debug)]
pub struct Rows<'b> {
    format: Format,
    columns: usize,
    rest: &'b [u8],
}

/// One encoded row.
#[derive(Clone, Copy, Debug)]
pub struct Row<'b> {
    format: Format,
    bytes: &'b [u8],
}

/// The fields of one row, in the order of the layout's columns; `None` is NULL.
#[derive(Clone, Debug)]
pub struct Fields<'b> {
    format: Format,
    rest: Option<&'b [u8]>,
}

impl<'b> Rows<'b> {
    /// The rows of `bytes`.
    #[must_use]
    pub fn new(layout: &Layout, bytes: &'b [u8]) -> Self {
        Self { format: layout.format, columns: layout.columns.len(), rest: bytes }
    }

    /// What has not been taken.
    #[must_use]
    pub fn rest(&self) -> &'b [u8] {
        self.rest
    }
}

impl<'b> Iterator for Rows<'b> {
    type Item = Row<'b>;

    fn next(&mut self) -> Option<Row<'b>> {
        let length = match self.format {
            // A negative count of fields is the trailer.
            Format::Binary => {
                let (count, rest) = self.rest.split_first_chunk()?;
                let count = usize::try_from(i16::from_be_bytes(*count)).ok()?;
                self.rest.len() - behind(count, rest, binary_field)?.len()
            }
            Format::Text => memchr::memchr(b'\n', self.rest)? + 1,
            Format::Tagged if self.rest.is_empty() => return None,
            Format::Tagged => self.rest.len() - behind(self.columns, self.rest, tagged_field)?.len(),
        };
        let (bytes, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(Row { format: self.format, bytes })
    }
}

impl<'b> Row<'b> {
    /// The whole row.
    #[must_use]
    pub fn bytes(&self) -> &'b [u8] {
        self.bytes
    }

    /// Its fields.
    #[must_use]
    pub fn fields(&self) -> Fields<'b> {
        let rest = match self.format {
            Format::Binary => self.bytes.get(2..),
            Format::Text => self.bytes.strip_suffix(b"\n"),
            Format::Tagged => Some(self.bytes),
        };
        Fields { format: self.format, rest }
    }

    /// The bytes of all fields but the first so many.
    #[must_use]
    pub fn tail(&self, skip: usize) -> &'b [u8] {
        let mut fields = self.fields();
        for _ in 0..skip {
            fields.next();
        }
        fields.rest.unwrap_or_default()
    }

    /// One field as it is encoded, with its length or its tag; of a row of text, without the tab behind it.
    #[must_use]
    pub fn encoded(&self, place: usize) -> &'b [u8] {
        let tail = self.tail(place);
        let length = match self.format {
            Format::Binary | Format::Tagged => tail.len() - self.tail(place + 1).len(),
            Format::Text => memchr::memchr(b'\t', tail).unwrap_or(tail.len()),
        };
        tail.get(..length).unwrap_or_default()
    }

    /// One field, by the place of its column in the layout; NULL and a field that is not there are none.
    #[must_use]
    pub fn field(&self, place: usize) -> Option<&'b [u8]> {
        self.fields().nth(place).flatten()
    }
}

impl<'b> Iterator for Fields<'b> {
    type Item = Option<&'b [u8]>;

    fn next(&mut self) -> Option<Self::Item> {
        let bytes = self.rest?;
        match self.format {
            Format::Binary | Format::Tagged if bytes.is_empty() => None,
            Format::Binary => binary_field(bytes).map(|(field, rest)| {
                self.rest = Some(rest);
                field
            }),
            Format::Tagged => tagged_field(bytes).map(|(field, rest)| {
                self.rest = Some(rest);
                field
            }),
            Format::Text => {
                let (field, rest) = match memchr::memchr(b'\t', bytes) {
                    Some(at) => (bytes.get(..at)?, bytes.get(at + 1..)),
                    None => (bytes, None),
                };
                self.rest = rest;
                Some((field != b"\\N").then_some(field))
            }
        }
    }
}

type Field<'b> = (Option<&'b [u8]>, &'b [u8]);

/// What comes behind so many fields.
fn behind<'b>(count: usize, bytes: &'b [u8], field: fn(&'b [u8]) -> Option<Field<'b>>) -> Option<&'b [u8]> {
    (0..count).try_fold(bytes, |rest, _| field(rest).map(|(_, rest)| rest))
}

fn binary_field(bytes: &[u8]) -> Option<Field<'_>> {
    let (length, rest) = bytes.split_first_chunk()?;
    match usize::try_from(i32::from_be_bytes(*length)) {
        Ok(length) => rest.split_at_checked(length).map(|(field, rest)| (Some(field), rest)),
        // A negative length is NULL.
        Err(_) => Some((None, rest)),
    }
}

fn tagged_field(bytes: &[u8]) -> Option<Field<'_>> {
    let (kind, rest) = bytes.split_first()?;
    let length = match *kind {
        tag::NULL => return Some((None, rest)),
        tag::INT => 8,
        tag::TEXT => {
            let (length, rest) = rest.split_first_chunk()?;
            let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
            return rest.split_at_checked(length).map(|(field, rest)| (Some(field), rest));
        }
        _ => return None,
    };
    rest.split_at_checked(length).map(|(field, rest)| (Some(field), rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::karbor::{PLANS, Value};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn rows_are_taken_apart_as_they_were_put_together(
            ids in proptest::collection::vec(("\\PC{0,9}[\t\n\\\\N]{0,3}", any::<bool>(), any::<i64>()), 0..5),
            cut in 0usize..40,
        ) {
            for format in [Format::Binary, Format::Text, Format::Tagged] {
                let mut layout = Layout::built_in(&PLANS, format);
                layout.columns.iter_mut().for_each(|laid| laid.nullable = true);
                let (mut bytes, mut ends) = (Vec::new(), Vec::new());
                for (id, named, time) in &ids {
                    let mut row = [Value::Null; 10];
                    row[0] = Value::Text(id);
                    row[1] = if *named { Value::Text(id) } else { Value::Null };
                    row[7] = Value::Time(parsers::value::Timestamp::from_micros(time % 1_000_000_000_000_000));
                    layout.encode(&row, &mut bytes).unwrap();
                    ends.push(bytes.len());
                }
                let mut rows = Rows::new(&layout, &bytes);
                let mut at = 0;
                for ((_, named, _), end) in ids.iter().zip(&ends) {
                    let row = rows.next().unwrap();
                    prop_assert_eq!(row.bytes(), &bytes[at..*end]);
                    at = *end;
                    prop_assert_eq!(row.fields().count(), 10);
                    let mut again = Vec::new();
                    layout.join((0..10).map(|place| row.encoded(place)), &mut again);
                    prop_assert_eq!(again.as_slice(), row.bytes());
                    prop_assert_eq!(row.field(1).is_some(), *named);
                    prop_assert_eq!(row.field(1), if *named { row.field(0) } else { None });
                    prop_assert!(row.field(7).is_some() && row.field(2).is_none() && row.field(10).is_none());
                }
                prop_assert!(rows.next().is_none() && rows.rest().is_empty());
                // What is cut off is no row.
                let cut = bytes.len().saturating_sub(cut);
                let mut rows = Rows::new(&layout, &bytes[..cut]);
                let whole = ends.iter().filter(|end| **end <= cut).count();
                prop_assert_eq!(rows.by_ref().count(), whole);
                prop_assert_eq!(rows.rest().len(), cut - whole.checked_sub(1).map_or(0, |n| ends[n]));
            }
        }
    }
}
