//! The character encodings a dump may be in, as its `SET client_encoding` says.
//!
//! Names are PostgreSQL's (documentation, "Character Set Support"). Rows are decoded before they are unescaped: in GBK,
//! GB18030 and BIG5 the second byte of a character can be 0x5C, the backslash.

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
            Self::Gb18030 => encoding_rs::GB18030.decode_without_bom_handling_and_without_replacement(bytes),
            Self::Big5 => encoding_rs::BIG5.decode_without_bom_handling_and_without_replacement(bytes),
            Self::Latin1 => Some(encoding_rs::mem::decode_latin1(bytes)),
        }
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

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
