//! Whether a report file is for programs or for people.

use std::path::Path;

/// The form of a report file, by the ending of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportForm {
    /// For programs.
    Json,
    /// A page for people.
    Html,
}

impl ReportForm {
    /// The form of a file of this name.
    #[must_use]
    pub fn of(path: &Path) -> Self {
        let ending = path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase());
        match ending.as_deref() {
            Some("html" | "htm") => Self::Html,
            _ => Self::Json,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_of_the_name_says_the_form() {
        for (name, form) in [
            ("r.json", ReportForm::Json),
            ("r.html", ReportForm::Html),
            ("R.HTM", ReportForm::Html),
            ("html", ReportForm::Json),
            ("r.html.txt", ReportForm::Json),
        ] {
            assert_eq!(ReportForm::of(Path::new(name)), form, "{name}");
        }
    }
}
