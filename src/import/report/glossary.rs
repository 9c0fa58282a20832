//! What the words of the reports mean, for `etl outcomes` and the runbook. The words of reasons stand with their enums.

use crate::ui::page::Page;
use crate::ui::terminal::{Palette, TextFormat};
use pipeline::outcome::{Defer, Kept, Skip};
use pipeline::sync::Why;

/// A word, and what it means.
pub type Word = (&'static str, &'static str);

/// What becomes of a row of the dumps; each has one of the last four.
pub(crate) const SOURCE_ROWS: [Word; 5] = [
    ("read", "rows in the dumps"),
    ("migrated", "it became a row of Karbor, or part of one"),
    ("skipped", "a rule says that it is not migrated"),
    ("deferred", "a later run takes it: it was not steady when the dumps were made"),
    (
        "rejected",
        "it breaks a rule and is named with file:line; nothing is written, or --rejects sets it aside",
    ),
];

/// What becomes of a row of the target.
const TARGET_ROWS: [Word; 8] = [
    ("written", "inserted or updated"),
    ("inserted", "the target did not have it"),
    ("updated", "the target had it in an older state"),
    ("unchanged", "the target has it as it is"),
    ("left alone", "it stays as Karbor has it, or stays out"),
    ("no longer in the dumps", "an import wrote it, and these dumps do not have it"),
    ("removed", "--prune deleted it, for the dumps no longer have it"),
    ("carried unfinished", "the copy is still being made, and was written as protecting (--unsteady carry)"),
];

/// What a verification finds of a row.
const VERIFIED: [Word; 5] = [
    ("equal", "the target has what the dumps come to"),
    ("missing", "the target lacks it"),
    ("extra", "the dumps do not come to it"),
    ("different", "columns have other values"),
    (
        "changed since",
        "Karbor changed it, by one of the reasons for which a row is left alone; no difference",
    ),
];

/// Words that say the same kind of thing.
pub struct Group {
    /// What kind.
    pub heading: &'static str,
    /// The words, in the order of the reports.
    pub words: Vec<Word>,
}

/// All words.
#[must_use]
pub fn groups() -> Vec<Group> {
    let group = |heading, words| Group { heading, words };
    vec![
        group("Rows of the dumps", SOURCE_ROWS.to_vec()),
        group("Skipped, because", Skip::ALL.map(|rule| (rule.word(), rule.meaning())).to_vec()),
        group("Deferred, because", Defer::ALL.map(|reason| (reason.word(), reason.meaning())).to_vec()),
        group("Rows of the target", TARGET_ROWS.to_vec()),
        group("Left alone, because", Kept::ALL.map(|reason| (reason.word(), reason.meaning())).to_vec()),
        group(
            "Copies that wait for their jobs, in a sync",
            Why::ALL.map(|why| (why.word(), why.meaning())).to_vec(),
        ),
        group("Verified rows", VERIFIED.to_vec()),
    ]
}

/// All words as text, for terminals of 80 columns.
#[must_use]
pub fn text() -> String {
    let mut page = Page::new(TextFormat { palette: Palette { coloured: false }, columns: 80 });
    for Group { heading, words } in groups() {
        page.heading(&format!("{heading}:"));
        for (word, meaning) in words {
            page.paragraph(&format!("  {word:<23}"), meaning);
        }
    }
    page.finish()
}
