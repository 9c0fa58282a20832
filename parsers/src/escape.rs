//! Backslash escapes, as COPY text and as `E'…'` literals have them; one home for both directions.
//!
//! Sources: PostgreSQL documentation, COPY, "Text Format", and "String Constants with C-Style Escapes".

use crate::encoding::Encoding;
use crate::row::RowFault;
use memchr::{memchr, memchr2};

/// Whose escapes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// COPY text: `\v` is a vertical tab.
    Copy,
    /// A literal: `''` is a quote, `\u` and `\U` are code points.
    Literal,
}

/// Appends what an escaped text says. Octal and hexadecimal escapes are bytes; a run of them must come to UTF-8.
///
/// # Errors
/// The result holds U+0000 or is no text.
pub fn unescape(text: &str, dialect: Dialect, encoding: Encoding, out: &mut String) -> Result<(), RowFault> {
    let mut rest = text;
    let mut bytes: Vec<u8> = Vec::new();
    loop {
        let found = match dialect {
            Dialect::Copy => memchr(b'\\', rest.as_bytes()),
            Dialect::Literal => memchr2(b'\\', b'\'', rest.as_bytes()),
        };
        let Some(at) = found else { break };
        let (before, mark) = rest.split_at(at);
        let escape = mark.get(1..).unwrap_or_default();
        if !before.is_empty() {
            flush(&mut bytes, encoding, out)?;
            out.push_str(before);
        }
        let Some(first) = escape.chars().next() else {
            // A lone mark at the end stands for nothing.
            rest = "";
            break;
        };
        if mark.starts_with('\'') {
            flush(&mut bytes, encoding, out)?;
            out.push('\'');
            rest = escape.get(1..).unwrap_or_default();
            continue;
        }
        let (value, read) = numeric(escape.as_bytes());
        if read > 0 {
            if value == 0 {
                return Err(RowFault::Nul);
            }
            bytes.push(value);
            rest = escape.get(read..).unwrap_or_default();
            continue;
        }
        flush(&mut bytes, encoding, out)?;
        if let (Dialect::Literal, Some((point, read))) = (dialect, code_point(escape)) {
            match point {
                Some('\0') => return Err(RowFault::Nul),
                Some(point) => out.push(point),
                None => return Err(RowFault::Encoding(encoding)),
            }
            rest = escape.get(read..).unwrap_or_default();
            continue;
        }
        out.push(match first {
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' if dialect == Dialect::Copy => '\u{b}',
            other => other,
        });
        rest = escape.get(first.len_utf8()..).unwrap_or_default();
    }
    flush(&mut bytes, encoding, out)?;
    out.push_str(rest);
    Ok(())
}

fn flush(bytes: &mut Vec<u8>, encoding: Encoding, out: &mut String) -> Result<(), RowFault> {
    if !bytes.is_empty() {
        out.push_str(std::str::from_utf8(bytes).map_err(|_| RowFault::Encoding(encoding))?);
        bytes.clear();
    }
    Ok(())
}

/// The byte that `ooo` or `xhh` says (the backslash is behind us), and the length of it; 0 where it is neither.
fn numeric(text: &[u8]) -> (u8, usize) {
    let digits = |text: &[u8], radix: u32, most: usize| {
        let mut value = 0u32;
        let mut read = 0;
        for digit in text.iter().take(most).map_while(|b| char::from(*b).to_digit(radix)) {
            value = value * radix + digit;
            read += 1;
        }
        (u8::try_from(value & 0xff).unwrap_or_default(), read)
    };
    match text {
        [b'0'..=b'7', ..] => digits(text, 8, 3),
        [b'x', rest @ ..] => match digits(rest, 16, 2) {
            (_, 0) => (0, 0),
            (value, read) => (value, read + 1),
        },
        _ => (0, 0),
    }
}

/// The character that `uXXXX` or `UXXXXXXXX` says (or two of them, where each is half of a surrogate pair), and the length
/// of it; half a pair alone is no character.
fn code_point(text: &str) -> Option<(Option<char>, usize)> {
    let (first, read) = code_unit(text)?;
    if !(0xd800..0xdc00).contains(&first) {
        return Some((char::from_u32(first), read));
    }
    let second = text.get(read..).and_then(|rest| rest.strip_prefix('\\')).and_then(code_unit);
    Some(match second {
        Some((second @ 0xdc00..0xe000, more)) => {
            let value = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
            (char::from_u32(value), read + 1 + more)
        }
        _ => (None, read),
    })
}

/// The number that `uXXXX` or `UXXXXXXXX` says, and the length of it.
fn code_unit(text: &str) -> Option<(u32, usize)> {
    let digits = match text.as_bytes().first()? {
        b'u' => 4,
        b'U' => 8,
        _ => return None,
    };
    let hex = text.get(1..1 + digits)?;
    let value = hex.bytes().all(|b| b.is_ascii_hexdigit()).then(|| u32::from_str_radix(hex, 16).ok())??;
    Some((value, digits + 1))
}

/// Appends a value as COPY text writes it.
pub fn escape(value: &str, out: &mut Vec<u8>) {
    let bytes = value.as_bytes();
    let mut from = 0;
    for (at, byte) in bytes.iter().enumerate() {
        let escape = match byte {
            b'\\' => b'\\',
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            0x08 => b'b',
            0x0b => b'v',
            0x0c => b'f',
            _ => continue,
        };
        out.extend_from_slice(bytes.get(from..at).unwrap_or_default());
        out.extend_from_slice(&[b'\\', escape]);
        from = at + 1;
    }
    out.extend_from_slice(bytes.get(from..).unwrap_or_default());
}
