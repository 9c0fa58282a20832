//! The JSON reader against serde_json.

use parsers::json::{NotAnObject, is_number, members, with_members};
use serde_json::Value;
use serde_json::value::RawValue;

/// The keys that are asked for.
const KEYS: [&str; 3] = ["a", "SS", ""];

/// Any text: it is an object for both readers or for none, its members are those that serde_json finds, and replacing them
/// leaves an object that has the new values.
///
/// # Panics
/// Something of that does not hold.
pub fn json(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let number = serde_json::from_str::<Box<RawValue>>(text).is_ok_and(|raw| raw.get() == text);
    if text.starts_with(|first: char| first == '-' || first.is_ascii_digit()) {
        assert_eq!(is_number(text), number, "{text:?}");
    }
    let found = members(text, KEYS);
    let known = match serde_json::from_str::<Value>(text) {
        Ok(value) => Some(value),
        Err(error) => {
            let said = error.to_string();
            // Digits without end and brackets without end are JSON; serde_json has its limits.
            if said.contains("out of range") || said.contains("recursion limit") {
                return;
            }
            None
        }
    };
    let object = known.as_ref().and_then(Value::as_object);
    let found = match (found, object) {
        (Ok(found), Some(object)) => found.into_iter().zip(KEYS).map(|(raw, key)| {
            let value = raw.map(|raw| serde_json::from_str::<Value>(raw.json()).unwrap());
            assert_eq!(value.as_ref(), object.get(key), "{key:?} of {text:?}");
            raw
        }),
        (Err(error), None) => {
            let (NotAnObject::Syntax { column, .. } | NotAnObject::LoneSurrogate(column)) = error;
            assert!((1..=text.len() + 1).contains(&column), "{error}: {text:?}");
            return;
        }
        (found, _) => panic!("{text:?}: {found:?}, for serde_json {known:?}"),
    };
    for raw in found.flatten() {
        let value: Value = serde_json::from_str(raw.json()).unwrap();
        assert_eq!(raw.string().as_deref(), value.as_str());
        if let Some(digits) = raw.number() {
            assert!(is_number(digits), "{digits:?}");
        }
        let _ = (raw.text(), raw.is_true(), raw.is(4.0));
    }
    check_replaced(text, object.cloned().unwrap_or_default());
}

fn check_replaced(text: &str, mut expected: serde_json::Map<String, Value>) {
    let changed = with_members(text, ["a", "SS"], ["100", "\"x\""]).unwrap();
    expected.insert("a".to_owned(), Value::from(100));
    expected.insert("SS".to_owned(), Value::from("x"));
    let found: Value = serde_json::from_str(&changed).unwrap_or_else(|error| panic!("{error}: {changed:?}"));
    assert_eq!(found, Value::Object(expected), "{changed:?}");
}
