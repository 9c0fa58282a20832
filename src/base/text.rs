//! Text from dumps and servers, made safe to print.

use parsers::encoding::Encoding;
use std::borrow::Cow;
use std::io;

/// Whether a reader is misled by a character: it drives the terminal, changes the order in which text is shown
/// (Unicode Technical Report 36, 2.10.2), begins a line, or is not seen at all.
fn is_misleading(c: char) -> bool {
    let is_control = c.is_control() && c != '\n';
    let is_order =
        matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{206f}');
    let is_line = matches!(c, '\u{2028}' | '\u{2029}');
    let is_unseen = matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2065}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
    );
    is_control || is_order || is_line || is_unseen
}

/// `text` with what would mislead its reader shown as escapes, line ends excepted: names and values come from dumps.
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(is_misleading) {
        return Cow::Borrowed(text);
    }
    let shown = |c: char| if is_misleading(c) { c.escape_default().to_string() } else { c.to_string() };
    Cow::Owned(text.chars().map(shown).collect())
}

/// What a program wrote, line by line: UTF-8, and what is none is GB18030, in which programs of a Chinese locale may speak.
#[must_use]
pub fn decoded(bytes: &[u8]) -> String {
    let line = |line: &[u8]| match std::str::from_utf8(line) {
        Ok(text) => text.to_owned(),
        Err(_) => Encoding::Gb18030
            .decode(line)
            .map_or_else(|| String::from_utf8_lossy(line).into_owned(), Cow::into_owned),
    };
    bytes.split(|byte| *byte == b'\n').map(line).collect::<Vec<_>>().join("\n")
}

/// JSON of the same meaning in which what would mislead its reader is escaped.
#[must_use]
pub fn printable_json(json: &str) -> Cow<'_, str> {
    if !json.contains(is_misleading) {
        return Cow::Borrowed(json);
    }
    let mut units = [0; 2];
    let mut shown = |c: char| match is_misleading(c) {
        // Beyond U+FFFF two escapes make a character (RFC 8259, 7).
        true => c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")).collect(),
        false => c.to_string(),
    };
    Cow::Owned(json.chars().map(&mut shown).collect())
}

/// Passes text on as [`printable`] shows it; each write is whole text.
#[derive(Debug)]
pub struct Printable<W>(pub W);

impl<W: io::Write> io::Write for Printable<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write_all(printable(&String::from_utf8_lossy(bytes)).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_says_the_same_without_a_control_character() {
        let value = "\u{1b}[2J\u{7f}\u{9b}31m\u{85}é☃\u{202e}\u{200b}\u{2028}\u{e0041}";
        let json = serde_json::to_string(value).unwrap();
        let shown = printable_json(&json);
        assert!(!shown.contains(is_misleading), "{shown}");
        assert!(shown.contains("\\udb40\\udc41") && shown.contains("é☃"), "{shown}");
        assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), value);
    }

    #[test]
    fn nothing_from_a_dump_drives_the_terminal() {
        for (text, shown) in [
            ("plain 备份\nnext", "plain 备份\nnext"),
            ("\x1b[2Jgone", "\\u{1b}[2Jgone"),
            ("a\tb\rc", "a\\tb\\rc"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("abc\u{202e}fed\u{2066}x", "abc\\u{202e}fed\\u{2066}x"),
            ("a\u{200b}\u{feff}\u{ad}b", "a\\u{200b}\\u{feff}\\u{ad}b"),
            ("a\u{2028}b\u{2029}c\u{85}d", "a\\u{2028}b\\u{2029}c\\u{85}d"),
            ("שלום עליכם 備份 é", "שלום עליכם 備份 é"),
        ] {
            assert_eq!(printable(text), shown);
        }
    }
}
