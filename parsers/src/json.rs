//! JSON objects in fields: the few members that matter, borrowed from the text.
//!
//! Every copy has such a field, which makes this the busiest place of a conversion. serde_json's derived structs refuse a
//! repeated key, where the contract takes the last one, and its numbers lose their digits; its visitors do neither, but
//! look at each byte twice. Here the text is read once, and a member is its raw text: `1.20` stays `1.20`. What is JSON is
//! what serde_json takes for it, which a test holds against it.

use std::borrow::Cow;
use wide::u8x16;

/// Why a text is no JSON object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAnObject {
    /// Not JSON, or JSON of another kind.
    #[error("expected {expected} at column {column}")]
    Syntax {
        /// What should stand there.
        expected: &'static str,
        /// The byte, counted from 1.
        column: usize,
    },
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
    let mut cursor = Cursor::new(text);
    let mut found = [None; N];
    cursor.blank();
    if !cursor.takes(b'{') {
        return Err(cursor.expected("an object"));
    }
    cursor.blank();
    let mut open = !cursor.takes(b'}');
    while open {
        let key = cursor.key()?;
        let value = cursor.value()?;
        if let Some(slot) = key.among(&keys, cursor.escapes).and_then(|n| found.get_mut(n)) {
            *slot = Some(value);
        }
        open = cursor.goes_on(b'}')?;
    }
    cursor.blank();
    if cursor.at < text.len() {
        return Err(cursor.expected("the end"));
    }
    // Escapes are rare enough to be looked at on their own.
    if cursor.escapes
        && let Some(at) = lone_surrogate(text.as_bytes())
    {
        return Err(NotAnObject::LoneSurrogate(at + 1));
    }
    Ok(found)
}

/// The JSON object `text` with the values of `keys` replaced by `values`, which are JSON; a member that is not there is put at
/// the end. All the rest stays as it is, byte for byte. The keys are plain words.
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
                added.push_str(&format!("{comma}{key:?}:{value}"));
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

/// Reads JSON (RFC 8259) from left to right, and checks it as it goes.
struct Cursor<'t> {
    text: &'t str,
    at: usize,
    /// Whether a backslash was seen.
    escapes: bool,
    /// Where the block begins in which strings' ends are known.
    block: usize,
    /// The block's [`specials`].
    marks: u64,
}

impl<'t> Cursor<'t> {
    fn new(text: &'t str) -> Self {
        Self { text, at: 0, escapes: false, block: 0, marks: specials(text.as_bytes()) }
    }

    fn rest(&self) -> &'t [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn expected(&self, expected: &'static str) -> NotAnObject {
        NotAnObject::Syntax { expected, column: self.at + 1 }
    }

    fn blank(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.byte() {
            self.at += 1;
        }
    }

    /// Takes this byte if it comes next.
    fn takes(&mut self, byte: u8) -> bool {
        let there = self.byte() == Some(byte);
        self.at += usize::from(there);
        there
    }

    /// Whether another member or element follows a value, which is passed to, or the bracket `close`, which is passed.
    fn goes_on(&mut self, close: u8) -> Result<bool, NotAnObject> {
        self.blank();
        if self.takes(close) {
            return Ok(false);
        }
        if !self.takes(b',') {
            return Err(self.expected("a comma or a closing bracket"));
        }
        self.blank();
        Ok(true)
    }

    /// The key that begins here; passes its colon.
    fn key(&mut self) -> Result<Raw<'t>, NotAnObject> {
        let key = self.string()?;
        self.blank();
        if !self.takes(b':') {
            return Err(self.expected("a colon"));
        }
        self.blank();
        Ok(key)
    }

    /// The value that begins here. However deep values stand in one another, each takes a byte of memory.
    fn value(&mut self) -> Result<Raw<'t>, NotAnObject> {
        let start = self.at;
        let mut open = Vec::new();
        loop {
            if self.begins(&mut open)? {
                continue;
            }
            loop {
                let Some(close) = open.last().copied() else { return Ok(self.since(start)) };
                if self.goes_on(close)? {
                    if close == b'}' {
                        self.key()?;
                    }
                    break;
                }
                open.pop();
            }
        }
    }

    /// Passes a value, or opens one that has others in it: then what closes it is noted, and the first of them comes next.
    fn begins(&mut self, open: &mut Vec<u8>) -> Result<bool, NotAnObject> {
        let close = match self.byte() {
            Some(b'"') => return self.string().map(|_| false),
            Some(b'{') => b'}',
            Some(b'[') => b']',
            _ => {
                let rest = self.rest();
                let word =
                    ["true", "false", "null"].into_iter().find(|word| rest.starts_with(word.as_bytes()));
                let length = word.map_or_else(|| number_length(rest), str::len);
                self.at += length;
                return if length > 0 { Ok(false) } else { Err(self.expected("a value")) };
            }
        };
        self.at += 1;
        self.blank();
        if self.takes(close) {
            return Ok(false);
        }
        open.push(close);
        if close == b'}' {
            self.key()?;
        }
        Ok(true)
    }

    /// The string that begins here, with its quotes.
    fn string(&mut self) -> Result<Raw<'t>, NotAnObject> {
        let start = self.at;
        if !self.takes(b'"') {
            return Err(self.expected("a string"));
        }
        loop {
            self.at = self.special();
            match self.rest() {
                [b'"', ..] => {
                    self.at += 1;
                    return Ok(self.since(start));
                }
                [b'\\', b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => self.at += 2,
                [b'\\', b'u', hex @ ..]
                    if hex.len() >= 4 && hex.iter().take(4).all(u8::is_ascii_hexdigit) =>
                {
                    self.at += 6;
                }
                [b'\\', ..] => return Err(self.expected("an escape of JSON")),
                _ => return Err(self.expected("the end of a string")),
            }
            self.escapes = true;
        }
    }

    /// The next byte that cannot stand in a string as it is; the end, if there is none.
    fn special(&mut self) -> usize {
        let mut from = self.at;
        loop {
            if let Some(marks) = self.marks.checked_shr(u32::try_from(from - self.block).unwrap_or(u32::MAX))
                && marks != 0
            {
                return from + first(marks);
            }
            self.block += BLOCK;
            self.marks = specials(self.text.as_bytes().get(self.block..).unwrap_or_default());
            from = from.max(self.block);
        }
    }

    fn since(&self, start: usize) -> Raw<'t> {
        Raw(self.text.get(start..self.at).unwrap_or_default())
    }
}

/// How many bytes are looked at together for what ends a string: strings are short, and to guess where each of them ends
/// would cost the processor more than to look.
const BLOCK: usize = 64;

/// Of the first 64 bytes of `text`, those that cannot stand in a JSON string as they are: quotes, backslashes and control
/// characters, a bit for each. What is behind the end counts as such a byte.
fn specials(text: &[u8]) -> u64 {
    let bytes = text.first_chunk::<BLOCK>().copied().unwrap_or_else(|| {
        let mut last = [0; BLOCK];
        if let Some(start) = last.get_mut(..text.len()) {
            start.copy_from_slice(text);
        }
        last
    });
    bytes.as_chunks::<16>().0.iter().rev().fold(0, |marks, bytes| {
        let bytes = u8x16::new(*bytes);
        let control = bytes.min(u8x16::splat(0x1f)).simd_eq(bytes);
        let special = bytes.simd_eq(u8x16::splat(b'"')) | bytes.simd_eq(u8x16::splat(b'\\')) | control;
        marks << 16 | u64::from(special.to_bitmask())
    })
}

/// The place of the first mark.
fn first(marks: u64) -> usize {
    usize::try_from(marks.trailing_zeros()).unwrap_or(BLOCK)
}

/// How many bytes at the start of `text` can stand in a JSON string as they are: up to a quote, a backslash or a control
/// character.
#[must_use]
pub fn plain_length(text: &[u8]) -> usize {
    let mut at = 0;
    loop {
        match specials(text.get(at..).unwrap_or_default()) {
            0 => at += BLOCK,
            marks => return at + first(marks),
        }
    }
}

impl<'t> Raw<'t> {
    /// Which of these keys the string is; `escapes` says whether it can hold any.
    fn among(self, keys: &[&str], escapes: bool) -> Option<usize> {
        let inner = self.0.get(1..self.0.len() - 1).unwrap_or_default();
        let begins = inner.as_bytes().first();
        // Told apart by what costs least.
        let is = |key: &&str| key.len() == inner.len() && key.as_bytes().first() == begins && *key == inner;
        let known = keys.iter().position(is);
        if known.is_some() || !escapes {
            return known;
        }
        let inner = self.string()?;
        keys.iter().position(|key| *key == inner)
    }

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
        let mut cursor = Cursor::new(self.0);
        let mut changes = Vec::new();
        if !cursor.takes(b'[') {
            return None;
        }
        cursor.blank();
        let mut open = !cursor.takes(b']');
        while open {
            let Raw(old) = cursor.value().ok()?;
            changes.extend(change(old).map(|new| (old, new)));
            open = cursor.goes_on(b']').ok()?;
        }
        Some(spliced(self.0, changes))
    }

    /// The digits of a number, or of a string that holds one; `None` for anything else.
    #[must_use]
    pub fn number(self) -> Option<&'t str> {
        match self.0.strip_prefix('"') {
            Some(inner) => Some(inner.strip_suffix('"')?.trim_ascii()).filter(|text| is_number(text)),
            // Of what begins a value, only a number begins like this.
            None => {
                self.0.starts_with(|first: char| first == '-' || first.is_ascii_digit()).then_some(self.0)
            }
        }
    }

    /// Whether the value is this number.
    #[must_use]
    pub fn is(self, value: f64) -> bool {
        self.number().is_some_and(|digits| match digits.as_bytes() {
            [digit @ b'0'..=b'9'] => f64::from(digit - b'0') == value,
            _ => digits.parse::<f64>().is_ok_and(|number| number == value),
        })
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
    !text.is_empty() && number_length(text.as_bytes()) == text.len()
}

/// The length of the number at the start of `text`; 0 where there is none.
fn number_length(text: &[u8]) -> usize {
    let digits =
        |from: usize| text.get(from..).unwrap_or_default().iter().take_while(|b| b.is_ascii_digit()).count();
    let mut at = usize::from(text.first() == Some(&b'-'));
    at += match (text.get(at), digits(at)) {
        (_, 0) => return 0,
        // Nothing follows a leading zero.
        (Some(b'0'), _) => 1,
        (_, whole) => whole,
    };
    if text.get(at) == Some(&b'.') {
        let places = digits(at + 1);
        if places > 0 {
            at += 1 + places;
        }
    }
    if let Some(b'e' | b'E') = text.get(at) {
        let sign = usize::from(matches!(text.get(at + 1), Some(b'+' | b'-')));
        let places = digits(at + 1 + sign);
        if places > 0 {
            at += 1 + sign + places;
        }
    }
    at
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
    use serde_json::value::RawValue;

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

    #[test]
    fn plain_text_ends_where_json_would_escape() {
        for length in 0..40 {
            for mark in ['"', '\\', '\n', '\0', '\u{1f}'] {
                let text = format!("{}{mark}云\u{7f}x\"", "é".repeat(length));
                assert_eq!(plain_length(text.as_bytes()), 2 * length, "{text:?}");
            }
            let text = "y".repeat(length);
            assert_eq!(plain_length(text.as_bytes()), length);
        }
    }

    #[test]
    fn values_stand_in_one_another_to_any_depth() {
        let deep = format!("{}1{}", "[{\"b\":".repeat(100_000), "}]".repeat(100_000));
        assert_eq!(get(&format!("{{\"x\":{deep},\"a\":2}}"), "a").unwrap().json(), "2");
        assert!(members(&format!("{{\"a\":{}", &deep[..deep.len() - 1]), ["a"]).is_err());
    }

    /// What JSON is made of, and what it is not made of.
    const PIECES: [&str; 24] = [
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "{\"a\":",
        "\"a\"",
        "\"b\":",
        "\"\"",
        "1",
        "-0.5e+3",
        "01",
        "true",
        "nul",
        "null",
        " ",
        "\n",
        "\"\\u0061\"",
        "\"\\ud83d\\ude00\"",
        "\"\\ud83d\"",
        "\"\u{1}\"",
        "\"\\x\"",
        "\"云\\\"\"",
    ];

    proptest! {
        #[test]
        fn any_pieces_are_answered_as_serde_json_answers_them(
            pieces in proptest::collection::vec(proptest::sample::select(&PIECES[..]), 0..12),
        ) {
            let text = format!("{{\"b\":{}}}", pieces.concat());
            let known = serde_json::from_str::<serde_json::Value>(&text).ok();
            let found = members(&text, ["a", "b"]);
            prop_assert_eq!(found.is_ok(), known.is_some(), "{}", text);
            if let (Ok(found), Some(known)) = (found, known) {
                for (raw, key) in found.into_iter().zip(["a", "b"]) {
                    let value = raw.map(|raw| serde_json::from_str::<serde_json::Value>(raw.json()).unwrap());
                    prop_assert_eq!(value.as_ref(), known.get(key), "{}", text);
                }
            }
        }

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
