//! A table as the target really has it, and rows turned into the bytes that the target takes.
//!
//! PostgreSQL takes binary COPY tuples (documentation, COPY, "Binary Format"): the tuple's fields as a 16-bit count, each
//! with a 32-bit length and its type's send format. For a table with a column of any other type, and for scripts, rows are
//! COPY text. The embedded database takes tuples of its own, which [`crate::load::sqlite`] reads.

use super::{Kind, Table, Value};
use parsers::escape::escape;
use parsers::row::shortened;
use parsers::value::Timestamp;

/// The bytes that a target takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// PostgreSQL's binary COPY tuples, without header and trailer.
    Binary,
    /// PostgreSQL's COPY text lines.
    Text,
    /// Tagged values for the embedded database.
    Tagged,
}

/// How a value is sent for a column of the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// text, varchar, char, name.
    Text,
    /// json: text that is JSON.
    Json,
    /// jsonb: a version byte and text.
    Jsonb,
    /// uuid: 16 bytes.
    Uuid,
    /// bool.
    Bool,
    /// int2.
    Int2,
    /// int4.
    Int4,
    /// int8.
    Int8,
    /// numeric.
    Numeric,
    /// timestamp or timestamptz: microseconds since 2000-01-01 UTC.
    Timestamp,
    /// Any other type: only the server knows how to read it, from text.
    Unknown,
}

/// How a column's width is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// Any length.
    Unlimited,
    /// So many characters.
    Characters(usize),
    /// So many bytes.
    Bytes(usize),
    /// So many decimal digits before the point.
    Digits(u32),
}

/// How much of a value a column stores: what its type drops makes no difference between two values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stored {
    /// All of it.
    #[default]
    Whole,
    /// All but trailing blanks: char(n) (PostgreSQL documentation, "Character Types").
    WithoutTrailingBlanks,
    /// Seconds to so many decimal places: timestamp(p).
    Seconds(u8),
}

impl Stored {
    /// The value as the column stores it. Times are rounded as PostgreSQL's `AdjustTimestampForTypmod` rounds them.
    fn of(self, value: Value<'_>) -> Value<'_> {
        match (self, value) {
            (Self::WithoutTrailingBlanks, Value::Text(text)) => Value::Text(text.trim_end_matches(' ')),
            (Self::Seconds(places), Value::Time(time)) => {
                let scale = 10i64.pow(6u32.saturating_sub(places.into()));
                let micros = time.micros() - POSTGRES_EPOCH;
                let rounded = (micros.abs() + scale / 2) / scale * scale;
                Value::Time(Timestamp::from_micros(micros.signum() * rounded + POSTGRES_EPOCH))
            }
            _ => value,
        }
    }
}

/// A column of the target that is filled.
#[derive(Clone, Debug)]
pub struct ColumnLayout {
    /// Which value of the row.
    pub value: usize,
    /// The target's name of the column.
    pub name: String,
    /// How values are sent.
    pub wire: Wire,
    /// How long text may be.
    pub width: Width,
    /// Whether NULL can be stored.
    pub nullable: bool,
    /// How much of a value is stored.
    pub stored: Stored,
}

/// A table as the target has it.
#[derive(Clone, Debug)]
pub struct Layout {
    /// Karbor's table.
    pub table: &'static Table,
    /// The target's name of the table.
    pub name: String,
    /// The same, quoted and with its schema where it needs one: ready to stand in a statement.
    pub into: String,
    /// The columns that are filled.
    pub columns: Vec<ColumnLayout>,
    /// The target's names of further columns that it has, by Karbor's name: those that are never filled but tell what Karbor
    /// did to a row.
    pub further: Vec<(&'static str, String)>,
    /// The bytes the target takes.
    pub format: Format,
    /// Whether this is a temporary table of a run.
    pub staging: bool,
}

/// Columns that tell what Karbor did to a row, or which it is, where a table has them and none of its values is theirs.
pub const FURTHER: [&str; 4] = ["id", "updated_at", "deleted_at", END_OF_FIRING];

/// The column of `scheduled_operation_states` that each firing sets.
pub const END_OF_FIRING: &str = "end_time_for_run";

/// An identifier as SQL has it, whatever it holds.
#[must_use]
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A value that a column of the target cannot hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem} (column {column} of table {table} in the target)")]
pub struct EncodeError {
    /// The target's name of the table.
    pub table: String,
    /// Karbor's name of the column.
    pub column: &'static str,
    /// The value, shortened.
    pub value: String,
    /// Why it does not fit.
    pub problem: String,
}

impl ColumnLayout {
    /// The column as it is read, of the table `alias`.
    pub(crate) fn read(&self, alias: &str) -> String {
        let column = format!("{alias}.{}", quoted(&self.name));
        match self.stored {
            Stored::WithoutTrailingBlanks => format!("CAST({column} AS text)"),
            Stored::Whole | Stored::Seconds(_) => column,
        }
    }
}

impl Layout {
    /// The table as this program would make it; for the embedded database, for scripts and where no target is named.
    #[must_use]
    pub fn built_in(table: &'static Table, format: Format) -> Self {
        let columns = table.columns.iter().enumerate().map(|(value, column)| ColumnLayout {
            value,
            name: column.name.to_owned(),
            wire: match column.kind {
                Kind::Varchar(_) | Kind::Text => Wire::Text,
                Kind::Integer => Wire::Int4,
                Kind::Boolean => Wire::Bool,
                Kind::Timestamp => Wire::Timestamp,
            },
            width: match column.kind {
                Kind::Varchar(width) => Width::Characters(width.into()),
                _ => Width::Unlimited,
            },
            nullable: column.nullable,
            stored: Stored::Whole,
        });
        let unfilled = |name: &&&str| {
            table.columns.iter().all(|column| column.name != **name)
                && (**name != END_OF_FIRING || table.name == super::STATES.name)
        };
        let further = FURTHER.iter().filter(unfilled).map(|name| (*name, (*name).to_owned()));
        Self {
            table,
            name: table.name.to_owned(),
            into: quoted(table.name),
            columns: columns.collect(),
            further: further.collect(),
            format,
            staging: false,
        }
    }

    /// The temporary table for rows of this one that are to be updated.
    #[must_use]
    pub fn staging(&self) -> Self {
        let name = format!("etl_{}", self.table.name);
        Self { into: quoted(&name), name, staging: true, ..self.clone() }
    }

    /// The target's name of one of Karbor's columns, filled or not, where the target has it.
    #[must_use]
    pub fn column(&self, karbors: &str) -> Option<&str> {
        let filled = self.columns.iter().find(|laid| self.karbors_name(laid) == karbors);
        let further =
            || self.further.iter().find(|(name, _)| *name == karbors).map(|(_, name)| name.as_str());
        filled.map(|laid| laid.name.as_str()).or_else(further)
    }

    /// The filled columns, quoted and with commas, each behind `prefix`.
    #[must_use]
    pub fn column_list(&self, prefix: &str) -> String {
        let columns: Vec<_> =
            self.columns.iter().map(|laid| format!("{prefix}{}", quoted(&laid.name))).collect();
        columns.join(", ")
    }

    /// The filled columns as they are read, in the bytes that [`Layout::encode`] makes of the same values; each of the table
    /// `alias`.
    #[must_use]
    pub fn read_list(&self, alias: &str) -> String {
        let columns = self.columns.iter().map(|laid| laid.read(alias));
        columns.collect::<Vec<_>>().join(", ")
    }

    /// Karbor's name of a filled column.
    #[must_use]
    pub fn karbors_name(&self, laid: &ColumnLayout) -> &'static str {
        self.table.columns.get(laid.value).map_or("", |column| column.name)
    }

    /// Appends one row's bytes; nothing is appended where a value does not fit.
    ///
    /// # Errors
    /// A value that its column cannot hold.
    pub fn encode(&self, row: &[Value<'_>], out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let start = out.len();
        let done = self.encode_fields(row, out);
        if done.is_err() {
            out.truncate(start);
        }
        done
    }

    /// Appends a row made of encoded fields, one for each column.
    pub(crate) fn join<'f>(&self, fields: impl Iterator<Item = &'f [u8]>, out: &mut Vec<u8>) {
        self.begin_row(out);
        for (n, field) in fields.enumerate() {
            if n > 0 && self.format == Format::Text {
                out.push(b'\t');
            }
            out.extend_from_slice(field);
        }
        if self.format == Format::Text {
            out.push(b'\n');
        }
    }

    /// Appends one value of a column.
    ///
    /// # Errors
    /// The column cannot contain it.
    pub(crate) fn encode_value(
        &self,
        value: Value<'_>,
        column: &ColumnLayout,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let value = column.stored.of(value);
        let fits = match self.format {
            Format::Binary => binary(value, column, out),
            Format::Text => text(value, column, out),
            Format::Tagged => tagged(value, column, out),
        };
        fits.map_err(|problem| self.misfit(column, value, problem))
    }

    fn begin_row(&self, out: &mut Vec<u8>) {
        if self.format == Format::Binary {
            out.extend_from_slice(&u16::try_from(self.columns.len()).unwrap_or(u16::MAX).to_be_bytes());
        }
    }

    fn encode_fields(&self, row: &[Value<'_>], out: &mut Vec<u8>) -> Result<(), EncodeError> {
        self.begin_row(out);
        for (n, column) in self.columns.iter().enumerate() {
            if n > 0 && self.format == Format::Text {
                out.push(b'\t');
            }
            let value = row.get(column.value).copied().unwrap_or(Value::Null);
            self.encode_value(value, column, out)?;
        }
        if self.format == Format::Text {
            out.push(b'\n');
        }
        Ok(())
    }

    fn misfit(&self, column: &ColumnLayout, value: Value<'_>, problem: String) -> EncodeError {
        let value = match value {
            Value::Null => String::new(),
            Value::Bool(value) => value.to_string(),
            Value::Int(value) => value.to_string(),
            Value::Time(value) => value.to_string(),
            Value::Text(text) => shortened(text),
        };
        EncodeError { table: self.name.clone(), column: self.karbors_name(column), value, problem }
    }
}

type Fit = Result<(), String>;

/// Checks what is common to all formats.
fn check(value: Value<'_>, column: &ColumnLayout) -> Fit {
    let too_long = |length: usize, limit: usize, unit: &str| {
        if length > limit {
            Err(format!("has {length} {unit}, and the column holds {limit}"))
        } else {
            Ok(())
        }
    };
    match (value, column.width) {
        (Value::Null, _) if !column.nullable => Err("a value is required here".to_owned()),
        // A text of no more bytes than that has no more characters either.
        (Value::Text(text), Width::Characters(limit)) if text.len() > limit => {
            too_long(text.chars().count(), limit, "characters")
        }
        (Value::Text(text), Width::Bytes(limit)) => too_long(text.len(), limit, "bytes"),
        (Value::Int(value), Width::Digits(limit)) if value != 0 && value.unsigned_abs().ilog10() >= limit => {
            Err(format!("has more than the {limit} digits that the column holds"))
        }
        (Value::Text(text), _) => match column.wire {
            Wire::Uuid => uuid(text).map(drop),
            Wire::Json | Wire::Jsonb => json(text),
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}

fn uuid(text: &str) -> Result<uuid::Uuid, String> {
    uuid::Uuid::try_parse(text).map_err(|_| "is not a UUID, which the column holds".to_owned())
}

fn json(text: &str) -> Fit {
    match serde_json::from_str::<serde::de::IgnoredAny>(text) {
        Ok(_) => Ok(()),
        Err(_) => Err("is not JSON, which the column holds".to_owned()),
    }
}

fn in_range(value: i64, wire: Wire) -> Fit {
    let fits = match wire {
        Wire::Int2 => i16::try_from(value).is_ok(),
        Wire::Int4 => i32::try_from(value).is_ok(),
        _ => true,
    };
    if fits { Ok(()) } else { Err("is out of the column's range".to_owned()) }
}

/// 2000-01-01 00:00:00 UTC, PostgreSQL's epoch, in microseconds since 1970.
pub(super) const POSTGRES_EPOCH: i64 = 946_684_800_000_000;

fn binary(value: Value<'_>, column: &ColumnLayout, out: &mut Vec<u8>) -> Fit {
    let mut field = |bytes: &[u8]| {
        out.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
        out.extend_from_slice(bytes);
    };
    // Most values are text that surely fits.
    if let (Value::Text(text), Wire::Text) = (value, column.wire)
        && let Width::Characters(limit) | Width::Bytes(limit) = column.width
        && text.len() <= limit
    {
        field(text.as_bytes());
        return Ok(());
    }
    check(value, column)?;
    match (value, column.wire) {
        (Value::Null, _) => field_null(out),
        (Value::Text(text), Wire::Text | Wire::Json) => field(text.as_bytes()),
        (Value::Text(text), Wire::Jsonb) => {
            let length = text.len() + 1;
            out.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
            out.push(1);
            out.extend_from_slice(text.as_bytes());
        }
        (Value::Text(text), Wire::Uuid) => {
            field(uuid(text)?.as_bytes());
        }
        (Value::Bool(value), Wire::Bool) => field(&[u8::from(value)]),
        (Value::Int(value), Wire::Int2 | Wire::Int4 | Wire::Int8 | Wire::Numeric) => {
            in_range(value, column.wire)?;
            match column.wire {
                Wire::Int2 => field(&i16::try_from(value).unwrap_or_default().to_be_bytes()),
                Wire::Int4 => field(&i32::try_from(value).unwrap_or_default().to_be_bytes()),
                Wire::Int8 => field(&value.to_be_bytes()),
                _ => field(&numeric(value)),
            }
        }
        (Value::Bool(value), Wire::Int2) => field(&i16::from(value).to_be_bytes()),
        (Value::Bool(value), Wire::Int4) => field(&i32::from(value).to_be_bytes()),
        (Value::Bool(value), Wire::Int8) => field(&i64::from(value).to_be_bytes()),
        (Value::Bool(value), Wire::Numeric) => field(&numeric(i64::from(value))),
        (Value::Bool(value), Wire::Text) => field(if value { b"true" } else { b"false" }),
        (Value::Int(value), Wire::Text) => field(itoa::Buffer::new().format(value).as_bytes()),
        (Value::Time(value), Wire::Timestamp) => field(&(value.micros() - POSTGRES_EPOCH).to_be_bytes()),
        (Value::Time(value), Wire::Text) => field(value.text().short().as_bytes()),
        (_, wire) => return Err(format!("cannot be held by a column of type {wire:?}")),
    }
    Ok(())
}

fn field_null(out: &mut Vec<u8>) {
    out.extend_from_slice(&(-1i32).to_be_bytes());
}

/// PostgreSQL's numeric: digits to the base 10,000, the weight of the first, the sign, the display scale.
fn numeric(value: i64) -> Vec<u8> {
    let mut digits: Vec<u16> = Vec::new();
    let mut rest = value.unsigned_abs();
    while rest > 0 {
        digits.push(u16::try_from(rest % 10_000).unwrap_or_default());
        rest /= 10_000;
    }
    let count = u16::try_from(digits.len()).unwrap_or_default();
    let sign: u16 = if value < 0 { 0x4000 } else { 0 };
    let mut out = Vec::new();
    for word in [count, count.saturating_sub(1), sign, 0].into_iter().chain(digits.into_iter().rev()) {
        out.extend_from_slice(&word.to_be_bytes());
    }
    out
}

fn text(value: Value<'_>, column: &ColumnLayout, out: &mut Vec<u8>) -> Fit {
    check(value, column)?;
    match value {
        Value::Null => out.extend_from_slice(b"\\N"),
        // As the binary form has it, so that both forms store the same.
        Value::Bool(value) => out.extend_from_slice(match (column.wire, value) {
            (Wire::Int2 | Wire::Int4 | Wire::Int8 | Wire::Numeric, true) => b"1",
            (Wire::Int2 | Wire::Int4 | Wire::Int8 | Wire::Numeric, false) => b"0",
            (Wire::Text, true) => b"true",
            (Wire::Text, false) => b"false",
            (_, true) => b"t",
            (_, false) => b"f",
        }),
        Value::Int(value) => {
            in_range(value, column.wire)?;
            out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
        }
        Value::Time(value) => out.extend_from_slice(value.text().short().as_bytes()),
        // As the server gives it back, so that both sides have the same bytes.
        Value::Text(text) if column.wire == Wire::Uuid => {
            out.extend_from_slice(uuid(text)?.hyphenated().to_string().as_bytes());
        }
        Value::Text(text) => escape(text, out),
    }
    Ok(())
}

/// Tags of the embedded database's values.
pub(crate) mod tag {
    /// NULL.
    pub(crate) const NULL: u8 = 0;
    /// A 64-bit integer, little-endian.
    pub(crate) const INT: u8 = 1;
    /// A 32-bit length, little-endian, and text.
    pub(crate) const TEXT: u8 = 2;
}

fn tagged(value: Value<'_>, column: &ColumnLayout, out: &mut Vec<u8>) -> Fit {
    check(value, column)?;
    let int = |value: i64, out: &mut Vec<u8>| {
        out.push(tag::INT);
        out.extend_from_slice(&value.to_le_bytes());
    };
    match value {
        Value::Null => out.push(tag::NULL),
        Value::Bool(value) => int(i64::from(value), out),
        Value::Int(value) => {
            in_range(value, column.wire)?;
            int(value, out);
        }
        // As SQLAlchemy keeps it in SQLite.
        Value::Time(value) => tagged_text(value.text().whole(), out),
        Value::Text(text) => tagged_text(text, out),
    }
    Ok(())
}

fn tagged_text(text: &str, out: &mut Vec<u8>) {
    out.push(tag::TEXT);
    out.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::karbor::{ITEMS, STATES};
    use parsers::value::Timestamp;

    fn one(wire: Wire, width: Width) -> Layout {
        let laid =
            ColumnLayout { value: 0, name: "c".into(), wire, width, nullable: true, stored: Stored::Whole };
        Layout { columns: vec![laid], ..Layout::built_in(&ITEMS, Format::Binary) }
    }

    #[track_caller]
    fn check_binary(value: Value<'_>, wire: Wire, field: &[u8]) {
        let mut out = Vec::new();
        one(wire, Width::Unlimited).encode(&[value], &mut out).unwrap();
        let length = u32::try_from(field.len()).unwrap().to_be_bytes();
        assert_eq!(out, [&[0, 1], &length[..], field].concat());
    }

    #[test]
    fn binary_fields_are_postgresqls() {
        check_binary(Value::Text("é"), Wire::Text, b"\xc3\xa9");
        check_binary(Value::Text("{}"), Wire::Jsonb, b"\x01{}");
        check_binary(
            Value::Text("0d663291-49fa-4231-8df3-0bf5613cdb52"),
            Wire::Uuid,
            b"\x0d\x66\x32\x91\x49\xfa\x42\x31\x8d\xf3\x0b\xf5\x61\x3c\xdb\x52",
        );
        check_binary(Value::Bool(true), Wire::Bool, &[1]);
        check_binary(Value::Int(-2), Wire::Int2, &[255, 254]);
        check_binary(Value::Int(50), Wire::Int4, &[0, 0, 0, 50]);
        check_binary(Value::Int(50), Wire::Int8, &[0, 0, 0, 0, 0, 0, 0, 50]);
        check_binary(Value::Int(12_345), Wire::Numeric, &[0, 2, 0, 1, 0, 0, 0, 0, 0, 1, 0x09, 0x29]);
        check_binary(Value::Int(-7), Wire::Numeric, &[0, 1, 0, 0, 0x40, 0, 0, 0, 0, 7]);
        check_binary(Value::Int(0), Wire::Numeric, &[0, 0, 0, 0, 0, 0, 0, 0]);
        check_binary(
            Value::Time(Timestamp::from_micros(POSTGRES_EPOCH + 1)),
            Wire::Timestamp,
            &[0, 0, 0, 0, 0, 0, 0, 1],
        );
        let mut out = Vec::new();
        one(Wire::Text, Width::Unlimited).encode(&[Value::Null], &mut out).unwrap();
        assert_eq!(out, [0, 1, 255, 255, 255, 255]);
    }

    #[test]
    fn what_a_type_drops_is_dropped_before_it_is_sent() {
        let encoded = |stored, value| {
            let mut layout = one(
                if matches!(value, Value::Text(_)) { Wire::Text } else { Wire::Timestamp },
                Width::Unlimited,
            );
            layout.columns[0].stored = stored;
            let mut out = Vec::new();
            layout.encode(&[value], &mut out).unwrap();
            out[6..].to_vec()
        };
        assert_eq!(encoded(Stored::WithoutTrailingBlanks, Value::Text(" a b  ")), b" a b");
        for (micros, places, expected) in [
            (1_499_999, 0, 1_000_000),
            (1_500_000, 0, 2_000_000),
            (-1_499_999, 0, -1_000_000),
            (-1_500_000, 0, -2_000_000),
            (1_234_567, 3, 1_235_000),
            (1_234_567, 6, 1_234_567),
        ] {
            let time = Timestamp::from_micros(POSTGRES_EPOCH + micros);
            let bytes = encoded(Stored::Seconds(places), Value::Time(time));
            assert_eq!(i64::from_be_bytes(bytes.try_into().unwrap()), expected, "{micros} ({places})");
        }
    }

    #[track_caller]
    fn check_misfit(value: Value<'_>, wire: Wire, width: Width, problem: &str) {
        let mut out = vec![9];
        let misfit = one(wire, width).encode(&[value], &mut out).unwrap_err();
        assert_eq!((misfit.problem.as_str(), &out[..]), (problem, &[9][..]));
    }

    #[test]
    fn a_value_that_does_not_fit_is_told_and_leaves_nothing() {
        check_misfit(
            Value::Text("云硬盘备份"),
            Wire::Text,
            Width::Characters(4),
            "has 5 characters, and the column holds 4",
        );
        check_misfit(
            Value::Text("云硬盘"),
            Wire::Text,
            Width::Bytes(8),
            "has 9 bytes, and the column holds 8",
        );
        check_misfit(Value::Text("x"), Wire::Uuid, Width::Unlimited, "is not a UUID, which the column holds");
        check_misfit(
            Value::Text("{x}"),
            Wire::Jsonb,
            Width::Unlimited,
            "is not JSON, which the column holds",
        );
        check_misfit(
            Value::Int(-1000),
            Wire::Numeric,
            Width::Digits(3),
            "has more than the 3 digits that the column holds",
        );
        check_misfit(Value::Int(40_000), Wire::Int2, Width::Unlimited, "is out of the column's range");
        check_misfit(Value::Int(1 << 40), Wire::Int4, Width::Unlimited, "is out of the column's range");
        let mut out = Vec::new();
        assert!(one(Wire::Text, Width::Characters(4)).encode(&[Value::Text("云硬盘备")], &mut out).is_ok());
        let states = Layout::built_in(&STATES, Format::Text);
        assert_eq!(states.encode(&[Value::Null; 6], &mut out).unwrap_err().column, "operation_id");
    }

    #[test]
    fn text_lines_are_copy_text() {
        let mut states = Layout::built_in(&STATES, Format::Text);
        states.columns.truncate(6);
        let time = Timestamp::parse("2018-01-01 10:00:00.5").unwrap();
        let row = [
            Value::Text("a\tb\\"),
            Value::Int(1),
            Value::Text("t"),
            Value::Text("registered"),
            Value::Time(time),
            Value::Bool(false),
        ];
        let mut out = Vec::new();
        states.encode(&row, &mut out).unwrap();
        assert_eq!(out, b"a\\tb\\\\\t1\tt\tregistered\t2018-01-01 10:00:00.5\tf\n");
    }

    #[test]
    fn names_are_quoted_whatever_they_hold() {
        assert_eq!(quoted("a\"; DROP TABLE x; --"), "\"a\"\"; DROP TABLE x; --\"");
    }

    #[test]
    fn the_embedded_databases_times_have_six_digits() {
        let parse = |text| Timestamp::parse(text).unwrap().text().whole().to_owned();
        assert_eq!(parse("2018-01-01"), "2018-01-01 00:00:00.000000");
        assert_eq!(parse("2018-01-01 00:00:00.35061"), "2018-01-01 00:00:00.350610");
    }
}
