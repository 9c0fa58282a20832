//! Rows of INSERT statements: what is read, written again in another form, reads the same.

use crate::copy::{check_written, encoding};
use crate::draw::one_of;
use parsers::encoding::Encoding;
use parsers::insert::{Format, Rows};
use parsers::lexer::Quoting;
use parsers::position::{Position, count_lines};

/// What the statements begin with.
const HEAD: &[u8] = b"INSERT INTO t VALUES";

/// A run of INSERTs behind its first head: the first byte is the number of values (`3`), the second the encoding, the third
/// says whether backslashes escape (`\`). Rows stand where they are said to stand, and their values come through both forms
/// of literals, and through COPY.
///
/// # Panics
/// Something of that does not hold.
pub fn insert(bytes: &[u8]) {
    let [fields, letter, escapes, chunk @ ..] = bytes else { return };
    let quoting = Quoting { encoding: encoding(*letter), backslash_escapes: *escapes == b'\\' };
    let fields = usize::from(fields & 15).max(1);
    let format = Format { quoting, head: HEAD, fields, row_limit: one_of(bytes, "row", [20, 4 << 20]) };
    let mut rows = Rows::new(chunk, Position::START, format);
    let mut end = 0;
    while let Some(row) = rows.next() {
        let (position, raw, values) = match row {
            Ok(row) => {
                let values: Vec<Option<String>> =
                    (0..row.len()).map(|n| row.field(n).map(str::to_owned)).collect();
                (row.position(), row.raw(), Some(values))
            }
            Err(bad) => (bad.position, bad.raw, None),
        };
        let begin = usize::try_from(position.byte).unwrap();
        assert!(begin >= end && chunk[begin..].starts_with(raw) && raw.starts_with(b"("));
        assert_eq!(position.line, 1 + count_lines(&chunk[..begin]));
        end = begin + raw.len();
        if let Some(values) = values {
            assert_eq!(values.len(), fields);
            check_written(&values);
            check_literals(&values, false);
            check_literals(&values, true);
        }
    }
}

/// Values written as literals are read as they were.
fn check_literals(values: &[Option<String>], backslash_escapes: bool) {
    let literal = |value: &Option<String>| match value {
        None => "NULL".to_owned(),
        Some(text) if backslash_escapes => format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'")),
        Some(text) => format!("'{}'", text.replace('\'', "''")),
    };
    let text = format!(" ({});\n", values.iter().map(literal).collect::<Vec<_>>().join(", "));
    let quoting = Quoting { encoding: Encoding::Utf8, backslash_escapes };
    let format = Format { quoting, head: HEAD, fields: values.len(), row_limit: u64::MAX };
    let mut rows = Rows::new(text.as_bytes(), Position::START, format);
    let row = rows.next().expect("a row").unwrap_or_else(|bad| panic!("{}: {text:?}", bad.fault));
    let found: Vec<Option<String>> = (0..row.len()).map(|n| row.field(n).map(str::to_owned)).collect();
    assert_eq!(found, values, "{text:?}");
    assert!(rows.next().is_none(), "{text:?}");
}
