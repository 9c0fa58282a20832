//! JSON objects in fields: the few members that matter, borrowed from the text.
//!
//! serde_json's derived structs refuse a repeated key, where the contract takes the last one, and its numbers lose their
//! digits. Here a member is its raw text; numbers stay as they are written (`1.20` stays `1.20`).

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// Why a text is no JSON object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAnObject {
    /// Not JSON, or JSON of another kind.
    #[error("{0}")]
    Syntax(String),
    /// `\ud800` to `\udfff` that is no half of a pair.
    #[error("a lone surrogate at column {0}")]
    LoneSurrogate(usize),
}

/// A member's value as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Raw<'t>(&'t str);

/// The values of `keys` in the JSON object `text`; of a repeated key the last counts.
///
/// # Errors
/// The text is no JSON object.
pub fn members<'t, const N: usize>(
    text: &'t str,
    keys: [&str; N],
) -> Result<[Option<Raw<'t>>; N], NotAnObject> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let syntax = |e: serde_json::Error| NotAnObject::Syntax(e.to_string());
    let found = deserializer.deserialize_map(Members(keys)).map_err(syntax)?;
    deserializer.end().map_err(syntax)?;
    // Values that nobody asked for are passed over without a look at their escapes.
    match lone_surrogate(text.as_bytes()) {
        Some(at) => Err(NotAnObject::LoneSurrogate(at + 1)),
        None => Ok(found),
    }
}

/// The JSON object `text` with the values of `keys` replaced by `values`, which are JSON; a member that is not there is put at
/// the end. All the rest stays as it is, byte for byte.
///
/// # Errors
/// The text is no JSON object.
pub fn with_members<const N: usize>(
    text: &str,
    keys: [&str; N],
    values: [&str; N],
) -> Result<String, NotAnObject> {
    let found = members(text, keys)?;
    let mut changes = Vec::new();
    let mut added = String::new();
    // What is no object was refused above, so that there is a brace.
    let end = text.rfind('}').unwrap_or(text.len());
    let mut first = text.get(..end).is_some_and(|inside| inside.trim_end().ends_with('{'));
    for ((key, value), place) in keys.into_iter().zip(values).zip(found) {
        match place {
            Some(Raw(old)) => changes.push((old, value.to_owned())),
            None => {
                let comma = if std::mem::take(&mut first) { "" } else { "," };
                let key = serde_json::Value::from(key);
                added.push_str(&format!("{comma}{key}:{value}"));
            }
        }
    }
    let mut changed = spliced(text, changes);
    let end = changed.rfind('}').unwrap_or(changed.len());
    changed.insert_str(end, &added);
    Ok(changed)
}

/// `text` with parts of it, which are slices of it, replaced.
fn spliced(text: &str, mut changes: Vec<(&str, String)>) -> String {
    changes.sort_by_key(|(old, _)| old.as_ptr().addr());
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for (old, new) in changes {
        let at = old.as_ptr().addr() - text.as_ptr().addr();
        out.push_str(text.get(from..at).unwrap_or_default());
        out.push_str(&new);
        from = at + old.len();
    }
    out.push_str(text.get(from..).unwrap_or_default());
    out
}

struct Members<'k, const N: usize>([&'k str; N]);

impl<'de, const N: usize> Visitor<'de> for Members<'_, N> {
    type Value = [Option<Raw<'de>>; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut found = [None; N];
        while let Some(key) = map.next_key_seed(Key(&self.0))? {
            match key.and_then(|n| found.get_mut(n)) {
                Some(slot) => *slot = Some(Raw(map.next_value::<&RawValue>()?.get())),
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(found)
    }
}

/// Reads a key and answers which of the wanted ones it is.
struct Key<'k>(&'k [&'k str]);

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().position(|wanted| *wanted == key))
    }
}

impl<'t> Raw<'t> {
    /// The value's JSON text.
    #[must_use]
    pub fn json(self) -> &'t str {
        self.0
    }

    /// The text of a string, also of one that holds nothing; `None` for any other kind.
    #[must_use]
    pub fn string(self) -> Option<Cow<'t, str>> {
        let inner = self.0.strip_prefix('"')?.strip_suffix('"')?;
        if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
            return Some(Cow::Borrowed(inner));
        }
        serde_json::from_str::<String>(self.0).ok().map(Cow::Owned)
    }

    /// The text of a string; of any other value but null its JSON text; `None` for null and the empty string.
    #[must_use]
    pub fn text(self) -> Option<Cow<'t, str>> {
        let text = self.string().or_else(|| (self.0 != "null").then_some(Cow::Borrowed(self.0)));
        text.filter(|text| !text.is_empty())
    }

    /// The list with each element that `change` answers something for replaced by that; all the rest stays as it is, byte
    /// for byte. `None` where the value is no list.
    #[must_use]
    pub fn with_elements(self, mut change: impl FnMut(&'t str) -> Option<String>) -> Option<String> {
        let elements = serde_json::from_str::<Vec<&'t RawValue>>(self.0).ok()?;
        let changes = elements.into_iter().map(RawValue::get);
        Some(spliced(self.0, changes.filter_map(|old| change(old).map(|new| (old, new))).collect()))
    }

    /// The digits of a number, or of a string that holds one; `None` for anything else.
    #[must_use]
    pub fn number(self) -> Option<&'t str> {
        let text = match self.0.strip_prefix('"') {
            Some(inner) => inner.strip_suffix('"')?.trim_ascii(),
            None => self.0,
        };
        is_number(text).then_some(text)
    }

    /// Whether the value is this number.
    #[must_use]
    pub fn is(self, value: f64) -> bool {
        self.number().and_then(|digits| digits.parse::<f64>().ok()).is_some_and(|number| number == value)
    }

    /// Whether the value says yes: `true`, `"true"` or 1.
    #[must_use]
    pub fn is_true(self) -> bool {
        self.0 == "true"
            || self.string().is_some_and(|s| s.trim_ascii().eq_ignore_ascii_case("true"))
            || self.is(1.0)
    }
}

/// Whether a text is a number as RFC 8259, section 6, writes it.
#[must_use]
pub fn is_number(text: &str) -> bool {
    let digits = |text: &[u8]| text.iter().take_while(|b| b.is_ascii_digit()).count();
    let mut rest = text.as_bytes();
    rest = rest.strip_prefix(b"-").unwrap_or(rest);
    let whole = digits(rest);
    if whole == 0 || (whole > 1 && rest.first() == Some(&b'0')) {
        return false;
    }
    rest = rest.get(whole..).unwrap_or_default();
    if let Some(fraction) = rest.strip_prefix(b".") {
        let places = digits(fraction);
        if places == 0 {
            return false;
        }
        rest = fraction.get(places..).unwrap_or_default();
    }
    if let Some(exponent) = rest.strip_prefix(b"e").or_else(|| rest.strip_prefix(b"E")) {
        let exponent =
            exponent.strip_prefix(b"+").or_else(|| exponent.strip_prefix(b"-")).unwrap_or(exponent);
        let places = digits(exponent);
        return places > 0 && places == exponent.len();
    }
    rest.is_empty()
}

/// Where a surrogate stands alone in text that is JSON otherwise.
fn lone_surrogate(text: &[u8]) -> Option<usize> {
    let unit = |at: usize| -> Option<u32> {
        let hex = std::str::from_utf8(text.get(at + 2..at + 6)?).ok()?;
        (text.get(at..at + 2)? == b"\\u").then(|| u32::from_str_radix(hex, 16).ok()).flatten()
    };
    let mut at = 0;
    while let Some(n) = memchr::memchr(b'\\', text.get(at..).unwrap_or_default()) {
        at += n;
        match unit(at) {
            Some(0xd800..=0xdbff) if matches!(unit(at + 6), Some(0xdc00..=0xdfff)) => at += 12,
            Some(0xd800..=0xdfff) => return Some(at),
            _ => at += 2,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn get<'t>(text: &'t str, key: &str) -> Option<Raw<'t>> {
        members(text, [key]).unwrap()[0]
    }

    #[test]
    fn members_are_found_and_the_last_of_a_repeated_key_counts() {
        let [at, ss, none] =
            members(r#" {"SS": 90, "AT": 1.20, "SS": "91", "x": {"AT": 2}} "#, ["AT", "SS", "q"]).unwrap();
        assert_eq!((at.unwrap().json(), ss.unwrap().json(), none), ("1.20", "\"91\"", None));
        assert_eq!(get(r#"{"\u0041T": 3}"#, "AT").unwrap().json(), "3");
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for text in [
            "",
            "[]",
            "null",
            "\"a\"",
            "{",
            "{\"a\":1}x",
            "{\"a\":NaN}",
            "{'a':1}",
            "{\"a\":1,}",
            r#"{"\ud83d":1}"#,
            "plain text",
        ] {
            assert!(members(text, ["a"]).is_err(), "{text:?}");
        }
        for text in [r#"{"a":"\ud800"}"#, r#"{"b":{"c":"\udc00x"}}"#, r#"{"b":"\ud83d\\ude00"}"#] {
            assert!(matches!(members(text, ["a"]), Err(NotAnObject::LoneSurrogate(_))), "{text:?}");
        }
        assert_eq!(get(r#"{"a":"\ud83d\ude00 \\ud83d"}"#, "a").unwrap().string().unwrap(), "😀 \\ud83d");
    }

    #[test]
    fn a_number_keeps_its_digits_and_may_stand_in_a_string() {
        let number = |json: &str| get(&format!("{{\"a\":{json}}}"), "a").unwrap().number().map(str::to_owned);
        for (json, digits) in [
            ("1.20", Some("1.20")),
            ("\"2\"", Some("2")),
            ("1e2", Some("1e2")),
            ("\" 7 \"", Some("7")),
            ("-0.5E-3", Some("-0.5E-3")),
            ("\"abc\"", None),
            ("\"\"", None),
            ("true", None),
            ("\"007\"", None),
            ("\"+5\"", None),
            ("\"1.\"", None),
            ("[1]", None),
        ] {
            assert_eq!(number(json).as_deref(), digits, "{json}");
        }
        let long = "1234567890".repeat(40);
        assert_eq!(number(&long), Some(long));
    }

    #[test]
    fn texts_and_booleans() {
        let raw = |json: &'static str| Raw(json);
        assert_eq!(raw(r#""a\"b\n""#).text().unwrap(), "a\"b\n");
        assert_eq!(raw("{\"x\": 1}").text().unwrap(), "{\"x\": 1}");
        assert_eq!((raw("null").text(), raw("\"\"").text()), (None, None));
        for (json, yes) in [
            ("true", true),
            ("\"true\"", true),
            ("\"True\"", true),
            ("1", true),
            ("\"1\"", true),
            ("false", false),
            ("2", false),
            ("null", false),
        ] {
            assert_eq!(raw(json).is_true(), yes, "{json}");
        }
        assert!(raw("4").is(4.0) && raw("\"4\"").is(4.0) && !raw("5").is(4.0));
    }

    #[test]
    fn members_are_replaced_and_all_the_rest_stays_byte_for_byte() {
        let check = |text: &str, changed: &str| {
            assert_eq!(with_members(text, ["progress", "st"], ["100", "\"x\""]).unwrap(), changed, "{text}");
        };
        check(r#"{"progress":0,"st":"a"}"#, r#"{"progress":100,"st":"x"}"#);
        check(
            " { \"st\" : null ,\t\"a\": 1.20, \"progress\":  { } }\n",
            " { \"st\" : \"x\" ,\t\"a\": 1.20, \"progress\":  100 }\n",
        );
        check("{}", r#"{"progress":100,"st":"x"}"#);
        check("{ }", r#"{ "progress":100,"st":"x"}"#);
        check(r#"{"a": "}"}"#, r#"{"a": "}","progress":100,"st":"x"}"#);
        // Of a repeated key the last counts.
        check(r#"{"st":1,"progress":2,"st":3}"#, r#"{"st":1,"progress":100,"st":"x"}"#);
        check(r#"{"\u0073t":1,"progress":2}"#, r#"{"\u0073t":"x","progress":100}"#);
        assert!(with_members("[]", ["a"], ["1"]).is_err());
    }

    #[test]
    fn elements_are_replaced_where_they_stand() {
        let list = get(r#"{"v": [ {"a":1} ,"b" , {"a":2}] }"#, "v").unwrap();
        let changed = list.with_elements(|old| with_members(old, ["a"], ["3"]).ok());
        assert_eq!(changed.unwrap(), r#"[ {"a":3} ,"b" , {"a":3}]"#);
        assert_eq!(get(r#"{"v":[]}"#, "v").unwrap().with_elements(|_| None).unwrap(), "[]");
        assert!(get(r#"{"v":{}}"#, "v").unwrap().with_elements(|_| None).is_none());
    }

    proptest! {
        #[test]
        fn any_text_is_answered_as_serde_json_answers_it(text in "[\\{\\}\\[\\]\":,a1\\\\ud8c0 .-]{0,24}") {
            let object = serde_json::from_str::<serde_json::Value>(&text).is_ok_and(|v| v.is_object());
            prop_assert_eq!(members(&text, ["a"]).is_ok(), object);
        }

        #[test]
        fn a_number_is_what_serde_json_takes_for_one(text in "[-+0-9.eE]{0,8}") {
            let json = serde_json::from_str::<Box<RawValue>>(&text).is_ok_and(|raw| raw.get() == text);
            prop_assert_eq!(is_number(&text), json);
        }
    }
}
