//! What the command may assume of where its text goes: colours, and characters that a terminal would obey.

pub mod width;

use std::io;

/// Whether text may be coloured: on a terminal, unless NO_COLOR is set (no-color.org) or the terminal is `dumb`.
#[must_use]
pub fn colours(terminal: bool, variable: &dyn Fn(&str) -> Option<String>) -> bool {
    let set = |name: &str| variable(name).is_some_and(|value| !value.is_empty());
    terminal && !set("NO_COLOR") && variable("TERM").is_none_or(|term| term != "dumb")
}

/// How a piece of text stands out, by ECMA-48 codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Emphasis {
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
    /// `text` in `emphasis`, if colours are in force.
    #[must_use]
    pub fn paint(self, emphasis: Emphasis, text: &str) -> String {
        let code = match emphasis {
            Emphasis::Bold => 1,
            Emphasis::Yellow => 33,
            Emphasis::Red => 31,
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
pub struct TextFormat {
    /// The colours in force.
    pub palette: Palette,
    /// The widest line in columns, but for a word that is longer by itself.
    pub columns: usize,
}

impl TextFormat {
    /// TextFormat of a file: as wide as text gets, without colours.
    pub const PLAIN: Self = Self { palette: Palette { coloured: false }, columns: WIDEST };

    /// A terminal, as wide as it is where that is known.
    #[must_use]
    pub fn of_terminal(coloured: bool, columns: Option<usize>) -> Self {
        let columns = columns.unwrap_or(WIDEST).clamp(NARROWEST, WIDEST);
        Self { palette: Palette { coloured }, columns }
    }
}

/// A reader that went away (`etl columns | head`) is no failure.
///
/// # Errors
/// Every other error.
pub fn ignore_broken_pipe(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            assert_eq!(TextFormat::of_terminal(false, columns).columns, expected);
        }
    }

    #[test]
    fn only_a_reader_that_went_away_is_forgiven() {
        assert!(ignore_broken_pipe(Err(io::ErrorKind::BrokenPipe.into())).is_ok());
        assert!(ignore_broken_pipe(Err(io::ErrorKind::StorageFull.into())).is_err());
        assert!(ignore_broken_pipe(Ok(())).is_ok());
    }
}
