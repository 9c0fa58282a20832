//! What a literal of an INSERT says: numbers as PostgreSQL stores them, bit strings, and casts.
//!
//! Only what comes to the same whatever the column's type is applied; anything else is refused by the caller. Sources:
//! PostgreSQL documentation, "Lexical Structure" (constants), "Value Expressions" (type casts), and the input functions of its
//! types (`varchar.c`, `bool.c`, `numutils.c`, `numeric.c`).

use crate::lexer;
use crate::value::Timestamp;
use serde::de::IgnoredAny;
use std::borrow::Cow;

/// What kind of literal a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Text between quotes.
    Text,
    /// A number; a sign in front of one binds weaker than a cast.
    Number {
        /// Whether it has a sign.
        signed: bool,
        /// Whether it is of type integer, the only one that has a cast to boolean.
        int4: bool,
    },
    /// `true` or `false`.
    Boolean,
    /// A bit string.
    Bits,
    /// `NULL`.
    Null,
    /// `DEFAULT`, which can have no cast.
    Default,
}

/// From this power of ten on a floating-point number is printed with an exponent (`float8out`), a numeric never is.
const EXPONENTS_WITHOUT_E: std::ops::Range<i64> = -4..15;

/// The text of a numeric literal as PostgreSQL stores it; `None` where `word` is none (`7+1`, `12ab`, `0x10`, `1_000`, `1.2.3`).
///
/// A number with an exponent that a column of type float8 and one of type numeric would print differently stays as written.
pub(crate) fn number(word: &str) -> Option<Cow<'_, str>> {
    let unsigned = word.strip_prefix(['+', '-']).unwrap_or(word);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => {
            let plain = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            if !digits(plain) || plain.is_empty() {
                return None;
            }
            // One that is out of any range is kept as written.
            (mantissa, Some(exponent.parse::<i64>().unwrap_or(i64::MAX / 4)))
        }
        None => (unsigned, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if !digits(whole) || !digits(fraction) || mantissa.len() == usize::from(mantissa.contains('.')) {
        return None;
    }
    let first = whole.bytes().chain(fraction.bytes()).position(|digit| digit != b'0');
    let length = |text: &str| i64::try_from(text.len()).unwrap_or(i64::MAX / 4);
    let power = |exponent: i64| first.map(|n| length(whole) - 1 - i64::try_from(n).unwrap_or(0) + exponent);
    let (whole, fraction) = match exponent {
        Some(exponent) if power(exponent).is_none_or(|power| EXPONENTS_WITHOUT_E.contains(&power)) => {
            shifted(whole, fraction, exponent)
        }
        Some(_) => return Some(Cow::Borrowed(word.strip_prefix('+').unwrap_or(word))),
        None => (Cow::Borrowed(whole), Cow::Borrowed(fraction)),
    };
    let sign = if word.starts_with('-') && first.is_some() { "-" } else { "" };
    let significant = whole.trim_start_matches('0');
    let significant = if significant.is_empty() { "0" } else { significant };
    let point = if fraction.is_empty() { "" } else { "." };
    let text = [sign, significant, point, &fraction].concat();
    Some(if text == word { Cow::Borrowed(word) } else { Cow::Owned(text) })
}

/// Moves the decimal point; the digits that are not zero stay few places from it.
fn shifted<'w>(whole: &'w str, fraction: &'w str, exponent: i64) -> (Cow<'w, str>, Cow<'w, str>) {
    let places = usize::try_from(exponent.unsigned_abs()).unwrap_or(usize::MAX);
    let is_zero = whole.bytes().chain(fraction.bytes()).all(|digit| digit == b'0');
    if exponent >= 0 {
        let moved = places.min(fraction.len());
        let (into, rest) = fraction.split_at(moved);
        let zeros = if is_zero { 0 } else { places - moved };
        return (Cow::Owned([whole, into, &"0".repeat(zeros)].concat()), Cow::Borrowed(rest));
    }
    // numeric keeps as many places behind the point as that takes, zeros too; its own limit is 16,383.
    let places = places.min(16_383);
    let moved = places.min(whole.len());
    let (rest, into) = whole.split_at(whole.len() - moved);
    (Cow::Borrowed(rest), Cow::Owned(["0".repeat(places - moved).as_str(), into, fraction].concat()))
}

fn digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The bits of `B'…'` and `X'…'`; `None` where other characters are in it.
pub(crate) fn bits(text: &str, hexadecimal: bool) -> Option<String> {
    let radix = if hexadecimal { 16 } else { 2 };
    let mut bits = String::with_capacity(text.len() * 4);
    for character in text.chars() {
        let digit = character.to_digit(radix)?;
        if hexadecimal {
            bits.push_str(&format!("{digit:04b}"));
        } else {
            bits.push(character);
        }
    }
    Some(bits)
}

/// A type's name as a cast has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Type {
    /// In lower case, its words parted by single blanks; a quoted name with its quotes.
    name: String,
    /// What stands in parentheses.
    modifiers: Vec<usize>,
}

/// The type at the start of `text`, and its length; `None` where it is of no form that is read.
pub(crate) fn type_name(text: &str) -> Option<(usize, Type)> {
    let mut found = Type { name: String::new(), modifiers: Vec::new() };
    let mut at = 0;
    let mut end = 0;
    loop {
        at += lexer::blank(text.get(at..)?.as_bytes(), true).unwrap_or(0);
        let rest = text.get(at..)?;
        match rest.as_bytes() {
            [b'"', ..] => {
                let n = rest.get(1..)?.find('"')?;
                found.name.push_str(rest.get(..n + 2)?);
                at += n + 2;
            }
            [b'.', ..] => {
                if !matches!(found.name.as_str(), "pg_catalog" | "\"pg_catalog\"") {
                    return None;
                }
                found.name.clear();
                at += 1;
            }
            [b'(', ..] if found.modifiers.is_empty() && !found.name.is_empty() => {
                let n = rest.find(')')?;
                let numbers = rest.get(1..n)?.split(',').map(|number| number.trim().parse().ok());
                found.modifiers = numbers.collect::<Option<_>>()?;
                at += n + 1;
            }
            [b'[', ..] if !found.name.is_empty() => {
                found.name.push_str("[]");
                at += rest.find(']')? + 1;
            }
            [first, ..] if lexer::is_word(*first) => {
                let n = rest.bytes().take_while(|byte| lexer::is_word(*byte)).count();
                if !found.name.is_empty() {
                    found.name.push(' ');
                }
                found.name.push_str(&rest.get(..n)?.to_ascii_lowercase());
                at += n;
            }
            _ if found.name.is_empty() => return None,
            _ => return Some((end, found)),
        }
        end = at;
    }
}

/// The longest that a character type can be (`htup_details.h`, `MaxAttrSize`).
const LENGTH_MAX: usize = 10_485_760;

/// What a cast makes of a value; `None` where that is not known to be the same in every column.
pub(crate) fn cast(value: &str, kind: Kind, to: &Type) -> Option<(String, Kind)> {
    let text = |text: &str| Some((text.to_owned(), Kind::Text));
    // `-5::text` is the negation of a text.
    let of_sign = matches!(kind, Kind::Number { signed: true, .. });
    let of_number = matches!(kind, Kind::Number { .. });
    let of_text = kind == Kind::Text;
    let printed = !(of_sign || (of_number && value.contains(['e', 'E'])));
    match (to.name.as_str(), to.modifiers.as_slice()) {
        ("text", []) | ("varchar" | "character varying" | "varchar2" | "nvarchar2", []) if printed => {
            text(value)
        }
        ("varchar" | "character varying", &[length @ 1..=LENGTH_MAX]) if printed => {
            text(first(value, length))
        }
        ("bpchar", []) if printed => text(value.trim_end_matches(' ')),
        (
            "char" | "character" | "nchar" | "bpchar" | "national character",
            modifiers @ ([] | [1..=LENGTH_MAX]),
        ) if printed => {
            let length = modifiers.first().copied().unwrap_or(1);
            text(first(value, length).trim_end_matches(' '))
        }
        ("\"char\"", []) if of_text && value.len() == 1 && value.is_ascii() => text(value),
        ("name", []) if of_text && value.len() < 64 => text(value),
        ("smallint" | "int2", []) => integer(value, kind, i64::from(i16::MAX)),
        ("integer" | "int" | "int4", []) => integer(value, kind, i64::from(i32::MAX)),
        ("bigint" | "int8", []) => integer(value, kind, i64::MAX),
        ("numeric" | "decimal", []) if of_text || of_number => {
            let trimmed = value.trim_ascii();
            let number = number(trimmed).filter(|number| !number.contains(['e', 'E']))?;
            Some((number.into_owned(), Kind::Number { signed: of_sign, int4: false }))
        }
        ("boolean" | "bool", []) if !of_sign && kind != Kind::Bits => {
            let value = truth(value, kind)?;
            Some((value.to_string(), Kind::Boolean))
        }
        ("date", []) if of_text && is_date(value) => text(value),
        ("timestamp" | "timestamp without time zone", modifiers @ ([] | [0..=6])) if of_text => {
            timestamp(value, modifiers.first().copied().unwrap_or(6)).map(|text| (text, Kind::Text))
        }
        ("json", []) if of_text && serde_json::from_str::<IgnoredAny>(value).is_ok() => text(value),
        ("uuid", []) if of_text && is_uuid(value) => text(value),
        _ => None,
    }
}

fn first(text: &str, characters: usize) -> &str {
    text.char_indices().nth(characters).and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}

fn integer(value: &str, kind: Kind, largest: i64) -> Option<(String, Kind)> {
    let trimmed = if kind == Kind::Text { value.trim_ascii() } else { value };
    let plain = trimmed.strip_prefix(['+', '-']).unwrap_or(trimmed);
    if matches!(kind, Kind::Boolean | Kind::Bits) || plain.is_empty() || !digits(plain) {
        return None;
    }
    let number: i64 = trimmed.parse().ok()?;
    // A sign in front of a number is applied behind the cast, which the least number does not pass.
    let least = if kind == Kind::Text { -largest - 1 } else { -largest };
    let signed = matches!(kind, Kind::Number { signed: true, .. });
    let kind = Kind::Number { signed, int4: largest == i64::from(i32::MAX) };
    (least..=largest).contains(&number).then(|| (number.to_string(), kind))
}

fn truth(value: &str, kind: Kind) -> Option<bool> {
    match kind {
        Kind::Number { int4, .. } => value.parse::<i32>().ok().filter(|_| int4).map(|number| number != 0),
        _ => {
            let word = value.trim_ascii().to_ascii_lowercase();
            let begins = |whole: &str, least: usize| word.len() >= least && whole.starts_with(&word);
            if begins("true", 1) || begins("yes", 1) || begins("on", 2) || word == "1" {
                Some(true)
            } else if begins("false", 1) || begins("no", 1) || begins("off", 2) || word == "0" {
                Some(false)
            } else {
                None
            }
        }
    }
}

/// Whether `text` has the digits and separators of `form`, in which a `0` stands for a digit.
fn has_form(text: &str, form: &str) -> bool {
    text.len() == form.len()
        && text.bytes().zip(form.bytes()).all(|(byte, form)| match form {
            b'0' => byte.is_ascii_digit(),
            mark => byte == mark,
        })
}

fn is_date(text: &str) -> bool {
    has_form(text, "0000-00-00") && Timestamp::parse(text).is_ok()
}

/// A timestamp in the form in which it is printed.
fn timestamp(text: &str, digits_max: usize) -> Option<String> {
    if is_date(text) {
        return Some(format!("{text} 00:00:00"));
    }
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    let sound = has_form(seconds, "0000-00-00 00:00:00")
        && fraction.len() <= digits_max
        && digits(fraction)
        && !text.ends_with('.')
        && Timestamp::parse(text).is_ok();
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    sound.then(|| format!("{seconds}{point}{fraction}"))
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(n, byte)| match n {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_as_postgresql_stores_them() {
        for (word, stored) in [
            ("0", "0"),
            ("-0", "0"),
            ("-0.00", "0.00"),
            ("007", "7"),
            ("+5", "5"),
            (".5", "0.5"),
            ("-.5", "-0.5"),
            ("1.", "1"),
            ("1.50", "1.50"),
            ("1e3", "1000"),
            ("-2.5E-3", "-0.0025"),
            ("1.50e1", "15.0"),
            ("123.456e1", "1234.56"),
            ("0e999999999999999999999", "0"),
            ("1e+300", "1e+300"),
            ("1e15", "1e15"),
            ("1e-5", "1e-5"),
            ("123456789012345678901234567890.5", "123456789012345678901234567890.5"),
        ] {
            assert_eq!(number(word).as_deref(), Some(stored), "{word}");
        }
        for word in [
            "", "-", "+", ".", "e5", "1e", "1e+", "--1", "-+1", "7+1", "12ab", "0x10", "1.2.3", "1_000", "1 ",
        ] {
            assert_eq!(number(word), None, "{word}");
        }
    }

    #[track_caller]
    fn check(value: &str, kind: Kind, to: &str, expected: Option<&str>) {
        let cast = type_name(to).and_then(|(_, to)| cast(value, kind, &to));
        assert_eq!(cast.map(|(text, _)| text).as_deref(), expected, "{value:?}::{to}");
    }

    #[test]
    fn a_cast_is_applied_or_refused() {
        let number = Kind::Number { signed: false, int4: true };
        for (value, kind, to, expected) in [
            ("abcdef", Kind::Text, "varchar(3)", Some("abc")),
            ("云硬盘备份", Kind::Text, "pg_catalog.varchar ( 3 )", Some("云硬盘")),
            ("a  ", Kind::Text, "char(2)", Some("a")),
            ("abc", Kind::Text, "character", Some("a")),
            ("abc", Kind::Text, "\"char\"", None),
            (" +12 ", Kind::Text, "integer", Some("12")),
            ("1.5", Kind::Text, "integer", None),
            ("1.5", number, "int", None),
            ("32768", Kind::Text, "int2", None),
            ("-32768", Kind::Text, "int2", Some("-32768")),
            ("-32768", Kind::Number { signed: true, int4: true }, "int2", None),
            ("Yes", Kind::Text, "boolean", Some("true")),
            ("o", Kind::Text, "boolean", None),
            ("2", number, "bool", Some("true")),
            ("2018-01-01", Kind::Text, "timestamp", Some("2018-01-01 00:00:00")),
            (
                "2018-01-01 01:02:03.450",
                Kind::Text,
                "timestamp(3) without time zone",
                Some("2018-01-01 01:02:03.45"),
            ),
            ("2018-01-01 01:02:03.4567", Kind::Text, "timestamp(3)", None),
            ("2018-01-01 01:02:03+08", Kind::Text, "timestamp", None),
            ("2018-02-30", Kind::Text, "date", None),
            ("2018-01-01 01:02:03", Kind::Text, "timestamptz", None),
            ("{}", Kind::Text, "int[]", None),
            ("a", Kind::Text, "text collate \"C\"", None),
            ("5", Kind::Number { signed: true, int4: true }, "text", None),
            ("a", Kind::Text, "other.text", None),
        ] {
            check(value, kind, to, expected);
        }
    }

    #[test]
    fn bit_strings_are_bits() {
        assert_eq!(bits("1F", true).as_deref(), Some("00011111"));
        assert_eq!(bits("101", false).as_deref(), Some("101"));
        assert_eq!((bits("12", false), bits("1g", true)), (None, None));
    }
}
