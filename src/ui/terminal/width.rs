//! How wide text is on a terminal: Chinese characters take two columns, marks that combine none.

use std::borrow::Cow;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// The columns that `text` takes.
#[must_use]
pub fn width(text: &str) -> usize {
    text.width()
}

/// `text` with blanks after it, up to `columns`.
#[must_use]
pub fn left(text: &str, columns: usize) -> String {
    format!("{text}{:1$}", "", columns.saturating_sub(width(text)))
}

/// `text` with blanks before it, up to `columns`.
#[must_use]
pub fn right(text: &str, columns: usize) -> String {
    format!("{:1$}{text}", "", columns.saturating_sub(width(text)))
}

/// `text`, cut off with `…` where it takes more than `columns`.
#[must_use]
pub fn cut(text: &str, columns: usize) -> Cow<'_, str> {
    if width(text) <= columns {
        return Cow::Borrowed(text);
    }
    let (head, _) = split(text, columns.saturating_sub(1));
    Cow::Owned(format!("{head}…"))
}

/// `text` in two, the first as long as fits into `columns`.
#[must_use]
pub fn split(text: &str, columns: usize) -> (&str, &str) {
    let mut taken = 0;
    for (at, character) in text.char_indices() {
        taken += character.width().unwrap_or(0);
        if taken > columns {
            return text.split_at(at);
        }
    }
    (text, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_characters_count_twice_and_combining_marks_not_at_all() {
        for (text, columns) in [("", 0), ("backup", 6), ("每日备份", 8), ("e\u{301}", 1), ("…", 1)] {
            assert_eq!(width(text), columns, "{text}");
        }
    }

    #[test]
    fn text_is_padded_by_its_width() {
        assert_eq!(left("备份", 6), "备份  ");
        assert_eq!(right("备份", 6), "  备份");
        assert_eq!((left("abc", 2), right("abc", 2)), ("abc".to_owned(), "abc".to_owned()));
    }

    #[test]
    fn text_is_cut_between_characters_and_never_too_wide() {
        for (text, columns, expected) in [
            ("nightly", 7, "nightly"),
            ("nightly", 6, "night…"),
            ("每日备份", 8, "每日备份"),
            ("每日备份", 7, "每日备…"),
            ("每日备份", 6, "每日…"),
            ("x", 0, "…"),
        ] {
            assert_eq!(cut(text, columns), expected);
        }
        assert_eq!(split("每日备份", 5), ("每日", "备份"));
    }
}
