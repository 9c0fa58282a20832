//! Encoded fields as text, for people: the way back from what [`Layout::encode`] makes and what a target sends in the same form.
//!
//! Nothing is decided by these texts that the bytes could decide: two fields with one text may differ in their bytes.

use super::layout::{ColumnLayout, Format, Layout, POSTGRES_EPOCH, Wire};
use parsers::encoding::Encoding;
use parsers::escape::{Dialect, unescape};
use parsers::value::Timestamp;
use std::fmt::Write as _;

/// The text of a field; `None` is NULL. Bytes that are not what the column's type makes are told as hexadecimal digits.
pub(crate) fn text(layout: &Layout, laid: &ColumnLayout, field: Option<&[u8]>) -> Option<String> {
    let field = field?;
    let decoded = match layout.format {
        Format::Binary => binary(laid.wire, field),
        Format::Text => plain(field).and_then(|escaped| {
            let mut out = String::new();
            unescape(&escaped, Dialect::Copy, Encoding::Utf8, &mut out).ok().map(|()| out)
        }),
        Format::Tagged => tagged(laid.wire, field),
    };
    Some(decoded.unwrap_or_else(|| hexadecimal(field)))
}

/// The time that a field says; `None` where it is NULL, or no time.
pub(crate) fn time(layout: &Layout, laid: &ColumnLayout, field: Option<&[u8]>) -> Option<Timestamp> {
    match (layout.format, laid.wire) {
        (Format::Binary, Wire::Timestamp) => match i64::from_be_bytes(field?.try_into().ok()?) {
            i64::MAX | i64::MIN => None,
            micros => Some(Timestamp::from_micros(micros.saturating_add(POSTGRES_EPOCH))),
        },
        _ => Timestamp::parse(&text(layout, laid, field)?).ok(),
    }
}

fn plain(field: &[u8]) -> Option<String> {
    std::str::from_utf8(field).ok().map(str::to_owned)
}

fn hexadecimal(field: &[u8]) -> String {
    field.iter().fold("0x".to_owned(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

fn binary(wire: Wire, field: &[u8]) -> Option<String> {
    match wire {
        Wire::Text | Wire::Json | Wire::Unknown => plain(field),
        Wire::Jsonb => field.split_first().and_then(|(_, text)| plain(text)),
        Wire::Uuid => uuid::Uuid::from_slice(field).ok().map(|uuid| uuid.hyphenated().to_string()),
        Wire::Bool => Some((field != [0]).to_string()),
        Wire::Int2 => Some(i16::from_be_bytes(field.try_into().ok()?).to_string()),
        Wire::Int4 => Some(i32::from_be_bytes(field.try_into().ok()?).to_string()),
        Wire::Int8 => Some(i64::from_be_bytes(field.try_into().ok()?).to_string()),
        Wire::Numeric => numeric(field),
        Wire::Timestamp => Some(match i64::from_be_bytes(field.try_into().ok()?) {
            i64::MAX => "infinity".to_owned(),
            i64::MIN => "-infinity".to_owned(),
            micros => Timestamp::from_micros(micros.saturating_add(POSTGRES_EPOCH)).to_string(),
        }),
    }
}

/// PostgreSQL's numeric: how many digits to the base 10,000, the weight of the first, the sign, the decimal places, the digits.
fn numeric(field: &[u8]) -> Option<String> {
    let mut words = field.chunks_exact(2).map(|pair| match pair {
        [high, low] => i16::from_be_bytes([*high, *low]),
        _ => 0,
    });
    let (_, weight, sign, scale) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let digits: Vec<i16> = words.collect();
    match sign {
        0 | 0x4000 => {}
        _ => return Some("NaN".to_owned()),
    }
    let digit =
        |place: i16| usize::try_from(weight - place).ok().and_then(|n| digits.get(n)).copied().unwrap_or(0);
    let mut whole = String::new();
    for place in (0..=weight.max(0)).rev() {
        let _ = write!(whole, "{:04}", digit(place));
    }
    let whole = whole.trim_start_matches('0');
    let mut out = if sign == 0 { String::new() } else { "-".to_owned() };
    out.push_str(if whole.is_empty() { "0" } else { whole });
    let scale = usize::try_from(scale).unwrap_or(0);
    if scale > 0 {
        let mut fraction = String::new();
        let mut place = -1;
        while fraction.len() < scale {
            let _ = write!(fraction, "{:04}", digit(place));
            place -= 1;
        }
        out.push('.');
        out.push_str(fraction.get(..scale)?);
    }
    Some(out)
}

/// Of the embedded database's values the field has no tag any more: the column says what eight bytes are.
fn tagged(wire: Wire, field: &[u8]) -> Option<String> {
    let number = || Some(i64::from_le_bytes(field.try_into().ok()?));
    match (wire, number()) {
        (Wire::Bool, Some(0)) => Some("false".to_owned()),
        (Wire::Bool, Some(1)) => Some("true".to_owned()),
        (Wire::Bool | Wire::Int2 | Wire::Int4 | Wire::Int8 | Wire::Numeric, Some(number)) => {
            Some(number.to_string())
        }
        _ => plain(field),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::karbor::layout::{Stored, Width};
    use crate::karbor::tuple::Rows;
    use crate::karbor::{ITEMS, Value};
    use proptest::prelude::*;

    #[track_caller]
    fn round_trip(value: Value<'_>, wire: Wire, format: Format, expected: &str) {
        let laid = ColumnLayout {
            value: 0,
            name: "c".into(),
            wire,
            width: Width::Unlimited,
            nullable: true,
            stored: Stored::Whole,
        };
        let layout = Layout { columns: vec![laid], ..Layout::built_in(&ITEMS, format) };
        let mut bytes = Vec::new();
        layout.encode(&[value], &mut bytes).unwrap();
        let row = Rows::new(&layout, &bytes).next().unwrap();
        assert_eq!(
            text(&layout, &layout.columns[0], row.field(0)).as_deref(),
            Some(expected),
            "{wire:?} {format:?}"
        );
    }

    #[test]
    fn every_type_comes_back_as_what_it_says() {
        let time = Value::Time(Timestamp::parse("2018-01-01 10:00:00.5").unwrap());
        let uuid = "0d663291-49fa-4231-8df3-0bf5613cdb52";
        for wire in [Wire::Int2, Wire::Int4, Wire::Int8, Wire::Numeric, Wire::Text] {
            for format in [Format::Binary, Format::Text] {
                round_trip(Value::Int(-12_340), wire, format, "-12340");
            }
        }
        round_trip(Value::Int(120_000_000), Wire::Numeric, Format::Binary, "120000000");
        round_trip(Value::Int(0), Wire::Numeric, Format::Binary, "0");
        round_trip(Value::Int(7), Wire::Int4, Format::Tagged, "7");
        round_trip(Value::Bool(true), Wire::Bool, Format::Binary, "true");
        round_trip(Value::Bool(false), Wire::Bool, Format::Tagged, "false");
        round_trip(Value::Bool(true), Wire::Bool, Format::Text, "t");
        round_trip(time, Wire::Timestamp, Format::Binary, "2018-01-01 10:00:00.5");
        round_trip(time, Wire::Timestamp, Format::Tagged, "2018-01-01 10:00:00.500000");
        round_trip(Value::Text(uuid), Wire::Uuid, Format::Binary, uuid);
        round_trip(Value::Text("{}"), Wire::Jsonb, Format::Binary, "{}");
        round_trip(Value::Text("12345678"), Wire::Text, Format::Tagged, "12345678");
        assert_eq!(numeric(&[0, 2, 0, 0, 0, 0, 0, 3, 0, 12, 0x13, 0x88]).as_deref(), Some("12.500"));
        assert_eq!(numeric(&[0, 1, 255, 255, 0x40, 0, 0, 2, 0, 100]).as_deref(), Some("-0.01"));
        assert_eq!(binary(Wire::Int4, b"no"), None);
    }

    proptest! {
        #[test]
        fn every_text_comes_back(value in "\\PC{0,9}[\t\n\\\\N'\"]{0,3}") {
            for format in [Format::Binary, Format::Text, Format::Tagged] {
                round_trip(Value::Text(&value), Wire::Text, format, &value);
            }
        }
    }
}
