//! The decoder of COPY rows against one that is slow and obvious: letter by letter, a state for each, as the documentation
//! of COPY's text format tells it.

use crate::draw::one_of;
use parsers::copy::{Format, Rows};
use parsers::encoding::Encoding;
use parsers::escape;
use parsers::position::{Position, count_lines};

/// The encodings by the letters that stand for them in a corpus file.
pub(crate) const ENCODINGS: [(u8, Encoding); 6] = [
    (b'u', Encoding::Utf8),
    (b'a', Encoding::SqlAscii),
    (b'g', Encoding::Gbk),
    (b'G', Encoding::Gb18030),
    (b'b', Encoding::Big5),
    (b'l', Encoding::Latin1),
];

/// What a letter stands for.
pub(crate) fn encoding(letter: u8) -> Encoding {
    let named = ENCODINGS.iter().find(|(known, _)| *known == letter);
    named.map_or(ENCODINGS[usize::from(letter) % ENCODINGS.len()].1, |(_, encoding)| *encoding)
}

/// Rows of a block: the first byte is the number of fields (`3`), the second a letter for the encoding (`u`), the rest is the
/// chunk. Both decoders find the same fields, or both find the row bad; what was read, written again, reads the same.
///
/// # Panics
/// Something of that does not hold.
pub fn copy(bytes: &[u8]) {
    let [fields, letter, chunk @ ..] = bytes else { return };
    let fields = usize::from(fields & 15).max(1);
    let row_limit = one_of(bytes, "row", [20, 4 << 20]);
    let format = Format { encoding: encoding(*letter), fields, row_limit };
    let mut rows = Rows::new(chunk, Position::START, format);
    let mut rest = chunk;
    let mut begin = 0;
    while !rest.is_empty() {
        let (line, behind) = match rest.iter().position(|byte| *byte == b'\n') {
            Some(end) => (&rest[..end], &rest[end + 1..]),
            None => (rest, &rest[rest.len()..]),
        };
        let raw = line.strip_suffix(b"\r").unwrap_or(line);
        let position =
            Position { line: 1 + count_lines(&chunk[..begin]), byte: u64::try_from(begin).unwrap() };
        let expected = slow(raw, format);
        match rows.next().expect("every line is a row") {
            Ok(row) => {
                assert_eq!((row.position(), row.raw()), (position, raw));
                let found: Vec<Option<String>> =
                    (0..row.len()).map(|n| row.field(n).map(str::to_owned)).collect();
                assert_eq!(Some(&found), expected.as_ref(), "{}", raw.escape_ascii());
                check_written(&found);
            }
            Err(bad) => {
                assert_eq!((bad.position, bad.raw), (position, raw));
                assert_eq!(expected, None, "{}: {}", raw.escape_ascii(), bad.fault);
            }
        }
        begin += rest.len() - behind.len();
        rest = behind;
    }
    assert!(rows.next().is_none(), "no row without a line");
}

/// The fields of a line; `None` where it is no row of this format.
fn slow(line: &[u8], format: Format) -> Option<Vec<Option<String>>> {
    if u64::try_from(line.len()).unwrap() > format.row_limit {
        return None;
    }
    let text = format.encoding.decode(line).filter(|text| !text.contains('\0'))?;
    // A tab that a backslash escapes is none between fields.
    let mut raw = vec![String::new()];
    let mut escaped = false;
    for letter in text.chars() {
        if letter == '\t' && !escaped {
            raw.push(String::new());
        } else {
            raw.last_mut().unwrap().push(letter);
        }
        escaped = letter == '\\' && !escaped;
    }
    if raw.len() != format.fields {
        return None;
    }
    raw.iter().map(|field| if field == "\\N" { Some(None) } else { slow_field(field).map(Some) }).collect()
}

/// The text of a field; `None` where its escapes come to none.
fn slow_field(field: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut letters = field.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            bytes.extend(letter.to_string().bytes());
            continue;
        }
        let Some(escaped) = letters.next() else { continue };
        let (most, radix, first) = match escaped {
            '0'..='7' => (3, 8, escaped.to_digit(8)),
            'x' => (2, 16, None),
            _ => (0, 2, None),
        };
        let mut digits: Vec<u32> = first.into_iter().collect();
        while digits.len() < most
            && let Some(digit) = letters.peek().and_then(|letter| letter.to_digit(radix))
        {
            digits.push(digit);
            letters.next();
        }
        if !digits.is_empty() {
            match u8::try_from(digits.iter().fold(0, |sum, digit| sum * radix + digit) & 0xff).unwrap() {
                0 => return None,
                byte => bytes.push(byte),
            }
            continue;
        }
        match escaped {
            'b' => bytes.push(8),
            't' => bytes.push(9),
            'n' => bytes.push(10),
            'v' => bytes.push(11),
            'f' => bytes.push(12),
            'r' => bytes.push(13),
            other => bytes.extend(other.to_string().bytes()),
        }
    }
    String::from_utf8(bytes).ok()
}

/// Fields written as COPY writes them are read as they were.
pub(crate) fn check_written(fields: &[Option<String>]) {
    let mut line = Vec::new();
    for (n, field) in fields.iter().enumerate() {
        if n > 0 {
            line.push(b'\t');
        }
        match field {
            Some(text) => escape::escape(text, &mut line),
            None => line.extend(b"\\N"),
        }
    }
    assert!(!line.contains(&b'\n') && line != b"\\.", "a row ends no block: {}", line.escape_ascii());
    line.push(b'\n');
    let format = Format { encoding: Encoding::Utf8, fields: fields.len(), row_limit: u64::MAX };
    let mut rows = Rows::new(&line, Position::START, format);
    let row = rows.next().unwrap().unwrap();
    let found: Vec<Option<String>> = (0..row.len()).map(|n| row.field(n).map(str::to_owned)).collect();
    assert_eq!(found, fields, "{}", line.escape_ascii());
}
