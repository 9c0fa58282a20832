//! The character encodings a dump may be in, as its `SET client_encoding` says.
//!
//! Names are PostgreSQL's (documentation, "Character Set Support"). Rows are decoded before they are unescaped: in GBK,
//! GB18030 and BIG5 the second byte of a character can be 0x5C, the backslash.
//!
//! The tables are encoding_rs's, made for browsers; where PostgreSQL writes other bytes for a character, it is corrected here.

use std::borrow::Cow;
use std::fmt;

/// An encoding of a dump's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Encoding {
    /// UTF-8.
    #[default]
    Utf8,
    /// Bytes of unknown encoding; read as UTF-8, anything else is a bad row.
    SqlAscii,
    /// GBK (CP936).
    Gbk,
    /// GB18030.
    Gb18030,
    /// Big5.
    Big5,
    /// ISO 8859-1.
    Latin1,
}

impl Encoding {
    /// The encoding of PostgreSQL's name for it; case and `-`, `_` do not count.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let plain: String =
            name.chars().filter(|c| !matches!(c, '-' | '_' | ' ')).map(|c| c.to_ascii_uppercase()).collect();
        Some(match plain.as_str() {
            "UTF8" | "UNICODE" => Self::Utf8,
            "SQLASCII" => Self::SqlAscii,
            "GBK" | "WIN936" | "WINDOWS936" => Self::Gbk,
            "GB18030" => Self::Gb18030,
            "BIG5" | "WIN950" | "WINDOWS950" => Self::Big5,
            "LATIN1" | "ISO88591" => Self::Latin1,
            _ => return None,
        })
    }

    /// PostgreSQL's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF8",
            Self::SqlAscii => "SQL_ASCII",
            Self::Gbk => "GBK",
            Self::Gb18030 => "GB18030",
            Self::Big5 => "BIG5",
            Self::Latin1 => "LATIN1",
        }
    }

    /// Whether the second byte of a character can be an ASCII byte, such as the backslash.
    #[must_use]
    pub fn hides_ascii(self) -> bool {
        matches!(self, Self::Gbk | Self::Gb18030 | Self::Big5)
    }

    /// Whether text in this encoding is UTF-8 already.
    #[must_use]
    pub fn is_utf8(self) -> bool {
        matches!(self, Self::Utf8 | Self::SqlAscii)
    }

    /// The text of `bytes`; `None` where they are not in this encoding.
    #[must_use]
    pub fn decode(self, bytes: &[u8]) -> Option<Cow<'_, str>> {
        match self {
            Self::Utf8 | Self::SqlAscii => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
            Self::Gbk => encoding_rs::GBK.decode_without_bom_handling_and_without_replacement(bytes),
            Self::Gb18030 => gb18030(bytes),
            Self::Big5 => big5(bytes),
            Self::Latin1 => Some(encoding_rs::mem::decode_latin1(bytes)),
        }
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// GB18030 as of 2022, but for the one character of life whose bytes that edition changed: PostgreSQL has the edition of
/// 2000, where the private-use character that stands for it now had the shorter form.
fn gb18030(bytes: &[u8]) -> Option<Cow<'_, str>> {
    let text = encoding_rs::GB18030.decode_without_bom_handling_and_without_replacement(bytes)?;
    Some(if text.contains('\u{e7c7}') { Cow::Owned(text.replace('\u{e7c7}', "\u{1e3f}")) } else { text })
}

/// Big5 with PostgreSQL's characters for the codes in [`BIG5_RUNS`].
fn big5(bytes: &[u8]) -> Option<Cow<'_, str>> {
    let decode = |bytes| encoding_rs::BIG5.decode_without_bom_handling_and_without_replacement(bytes);
    let (mut out, mut from, mut at) = (String::new(), 0, 0);
    while let Some(&first) = bytes.get(at) {
        match bytes.get(at + 1) {
            Some(&second) if first >= 0x80 => {
                if let Some(character) = big5_exception(first, second) {
                    out.push_str(&decode(bytes.get(from..at).unwrap_or_default())?);
                    out.push(character);
                    from = at + 2;
                }
                at += 2;
            }
            _ => at += 1,
        }
    }
    if from == 0 {
        return decode(bytes);
    }
    out.push_str(&decode(bytes.get(from..).unwrap_or_default())?);
    Some(Cow::Owned(out))
}

fn big5_exception(first: u8, second: u8) -> Option<char> {
    if !matches!(first, 0xa1 | 0xa2 | 0xc6 | 0xc7) {
        return None;
    }
    let code = big5_index(first, second)?;
    BIG5_RUNS.iter().find_map(|&(first, second, length, character)| {
        let distance = code.checked_sub(big5_index(first, second)?).filter(|n| *n < length)?;
        char::from_u32(u32::from(character) + distance)
    })
}

/// The codes in order, without the gaps between them.
fn big5_index(first: u8, second: u8) -> Option<u32> {
    let column = match second {
        0x40..=0x7e => second - 0x40,
        0xa1..=0xfe => second - 0xa1 + 63,
        _ => return None,
    };
    Some(u32::from(first) * 157 + u32::from(column))
}

/// Runs of codes whose character is another in PostgreSQL (`src/backend/utils/mb/Unicode/big5_to_utf8.map`): the first code,
/// the length, and the first character. From C6A1 on the one table has kana and Cyrillic letters where the other has
/// ETEN's extensions.
const BIG5_RUNS: [(u8, u8, u32, char); 24] = [
    (0xa1, 0x45, 1, '•'),
    (0xa1, 0x4e, 1, '､'),
    (0xa1, 0x5a, 1, '\u{fffd}'),
    (0xa1, 0xc2, 1, '‾'),
    (0xa1, 0xe3, 1, '∼'),
    (0xa1, 0xf2, 1, '♁'),
    (0xa1, 0xf3, 1, '☉'),
    (0xa2, 0x41, 1, '／'),
    (0xa2, 0x42, 1, '＼'),
    (0xa2, 0x44, 1, '¥'),
    (0xa2, 0x46, 2, '¢'),
    (0xc6, 0xa1, 1, 'ヾ'),
    (0xc6, 0xa2, 2, 'ゝ'),
    (0xc6, 0xa4, 1, '々'),
    (0xc6, 0xa5, 83, 'ぁ'),
    (0xc6, 0xf8, 86, 'ァ'),
    (0xc7, 0xb1, 2, 'Д'),
    (0xc7, 0xb3, 1, 'Ё'),
    (0xc7, 0xb4, 7, 'Ж'),
    (0xc7, 0xbb, 19, 'У'),
    (0xc7, 0xce, 1, 'ё'),
    (0xc7, 0xcf, 26, 'ж'),
    (0xc7, 0xe9, 10, '①'),
    (0xc7, 0xf3, 10, '⑴'),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(encoding: Encoding, bytes: &[u8], text: Option<&str>) {
        assert_eq!(encoding.decode(bytes).as_deref(), text);
    }

    #[test]
    fn every_encoding_decodes_its_own_bytes() {
        check(Encoding::Utf8, "备份 é".as_bytes(), Some("备份 é"));
        check(Encoding::SqlAscii, "备份".as_bytes(), Some("备份"));
        check(Encoding::Gbk, b"\xb1\xb8\xb7\xdd", Some("备份"));
        check(Encoding::Gb18030, b"\xb1\xb8\x81\x30\x81\x30", Some("备\u{80}"));
        check(Encoding::Big5, b"\xb3\xc6\xa5\xf7", Some("備份"));
        check(Encoding::Latin1, b"caf\xe9 \x80", Some("café \u{80}"));
    }

    #[test]
    fn characters_are_those_that_postgresql_writes() {
        check(
            Encoding::Big5,
            b"\xa2\x44 \xb3\xc6\xa2\x47\xc6\xa5\xc7\x40\xc7\xc1\xb3\xc6",
            Some("¥ 備£ぁエЩ備"),
        );
        check(Encoding::Big5, b"\xa2\x44\xb3", None);
        check(Encoding::Big5, b"\xb3\xa2\x44", Some("郭D"));
        check(Encoding::Gb18030, b"\x81\x35\xf4\x37\xb1\xb8", Some("ḿ备"));
    }

    #[test]
    fn a_backslash_inside_a_character_is_no_backslash() {
        check(Encoding::Gbk, b"\xd5\x5c\x5c\x5cN", Some("誠\\\\N"));
        check(Encoding::Big5, b"\xb3\x5c", Some("許"));
    }

    #[test]
    fn bytes_of_another_encoding_are_refused() {
        check(Encoding::Utf8, b"\xb1\xb8", None);
        check(Encoding::SqlAscii, b"\xff", None);
        check(Encoding::Gbk, b"\xb1", None);
        check(Encoding::Big5, b"\xff\xff", None);
    }

    #[test]
    fn names_are_postgresqls_in_any_spelling() {
        for (name, encoding) in [
            ("UTF8", Encoding::Utf8),
            ("utf-8", Encoding::Utf8),
            ("SQL_ASCII", Encoding::SqlAscii),
            ("GB18030", Encoding::Gb18030),
            ("big5", Encoding::Big5),
            ("LATIN1", Encoding::Latin1),
        ] {
            assert_eq!(Encoding::named(name), Some(encoding), "{name}");
            assert_eq!(Encoding::named(encoding.name()), Some(encoding));
        }
        assert_eq!(Encoding::named("EUC_JP"), None);
    }
}
