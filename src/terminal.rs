//! What the command may assume of where its text goes: colours, and characters that a terminal would obey.

pub mod width;

use std::borrow::Cow;
use std::io;

/// Whether text may be coloured: on a terminal, unless NO_COLOR is set (no-color.org) or the terminal is `dumb`.
#[must_use]
pub fn colours(terminal: bool, variable: &dyn Fn(&str) -> Option<String>) -> bool {
    let set = |name: &str| variable(name).is_some_and(|value| !value.is_empty());
    terminal && !set("NO_COLOR") && variable("TERM").is_none_or(|term| term != "dumb")
}

/// How a piece of text stands out, by ECMA-48 codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    /// Headings.
    Bold,
    /// What should be looked at.
    Yellow,
    /// What is wrong.
    Red,
}

/// The colours in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Palette {
    /// Whether there are any.
    pub coloured: bool,
}

impl Palette {
    /// `text` in `ink`, if colours are in force.
    #[must_use]
    pub fn paint(self, ink: Ink, text: &str) -> String {
        let code = match ink {
            Ink::Bold => 1,
            Ink::Yellow => 33,
            Ink::Red => 31,
        };
        if self.coloured { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// The widest that text is written.
pub const WIDEST: usize = 100;

/// The narrowest that text is written: below that, words would stand alone in their lines.
const NARROWEST: usize = 60;

/// What text is written on: its colours and its width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paper {
    /// The colours in force.
    pub palette: Palette,
    /// The widest line in columns, but for a word that is longer by itself.
    pub columns: usize,
}

impl Paper {
    /// Paper of a file: as wide as text gets, without colours.
    pub const PLAIN: Self = Self { palette: Palette { coloured: false }, columns: WIDEST };

    /// A terminal, as wide as it is where that is known.
    #[must_use]
    pub fn of_terminal(coloured: bool, columns: Option<usize>) -> Self {
        let columns = columns.unwrap_or(WIDEST).clamp(NARROWEST, WIDEST);
        Self { palette: Palette { coloured }, columns }
    }
}

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

/// A reader that went away (`etl columns | head`) is no failure.
///
/// # Errors
/// Every other error.
pub fn heard(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
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
    fn colours_need_a_terminal_and_nobody_who_objects() {
        let check = |terminal: bool, set: &[(&str, &str)], expected: bool| {
            let variable = |name: &str| set.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
            assert_eq!(colours(terminal, &variable), expected, "{terminal} {set:?}");
        };
        check(true, &[], true);
        check(true, &[("NO_COLOR", "")], true);
        check(true, &[("NO_COLOR", "1")], false);
        check(true, &[("NO_COLOR", "0")], false);
        check(true, &[("TERM", "dumb")], false);
        check(true, &[("TERM", "xterm")], true);
        check(false, &[("TERM", "xterm")], false);
    }

    #[test]
    fn paper_is_as_wide_as_the_terminal_within_reason() {
        for (columns, expected) in [(None, 100), (Some(80), 80), (Some(200), 100), (Some(0), 60)] {
            assert_eq!(Paper::of_terminal(false, columns).columns, expected);
        }
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

    #[test]
    fn only_a_reader_that_went_away_is_forgiven() {
        assert!(heard(Err(io::ErrorKind::BrokenPipe.into())).is_ok());
        assert!(heard(Err(io::ErrorKind::StorageFull.into())).is_err());
        assert!(heard(Ok(())).is_ok());
    }
}
