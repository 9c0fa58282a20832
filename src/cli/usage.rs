//! A command line that cannot be taken apart: what clap says of it, and which command or flag was probably meant.

use crate::base::error::CommandError;
use crate::base::exit::Exit;
use crate::base::shell::quote;
use crate::base::text::printable;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use std::ffi::OsString;
use std::path::Path;

/// Flags that a command lacks because another has them: the command, the flag, and what is meant.
const SLIPS: [(&str, &str, &str); 11] = [
    (
        "run",
        "--dry-run",
        "`etl check` with the same dumps and target says what a run would do, and writes nothing",
    ),
    ("run", "--full", "`etl check --full` with the same dumps and target loads everything and rolls it back"),
    ("run", "--yes", "leave it out: a run asks nothing"),
    ("check", "--dry-run", "leave it out: a check writes nothing"),
    (
        "check",
        "--rejects",
        "leave it out: a check lists the rows that break rules; `etl run … --rejects FILE` sets them aside",
    ),
    ("verify", "--full", "leave it out: every row is compared"),
    ("verify", "--dry-run", "leave it out: verifying writes nothing"),
    (
        "batch",
        "--dry-run",
        "`etl check` with the dumps of one site says what its run would do, and writes nothing",
    ),
    ("batch", "--full", "`etl check --full` with the dumps of one site loads everything and rolls it back"),
    ("status", "--report", "`etl status --json > FILE` writes it for programs"),
    ("schema", "--target", "pipe it into the database: `etl schema | psql DATABASE`"),
];

/// Why a command line cannot be taken apart.
#[derive(Debug, thiserror::Error)]
#[error("{refusal}")]
pub(crate) struct UsageError {
    refusal: clap::Error,
    /// What was probably meant.
    remedy: Option<String>,
}

impl UsageError {
    /// What clap refused, of this command line.
    pub(crate) fn new(refusal: clap::Error, line: &[OsString]) -> Self {
        let command = line.get(1).and_then(|word| word.to_str()).unwrap_or_default();
        let named = |kind| match refusal.get(kind) {
            Some(ContextValue::String(text)) => Some(text.as_str()),
            _ => None,
        };
        let remedy = match refusal.kind() {
            ErrorKind::UnknownArgument => named(ContextKind::InvalidArg).and_then(|flag| slip(command, flag)),
            ErrorKind::InvalidSubcommand if is_dump(command) => Some(of_dumps(line)),
            ErrorKind::InvalidUtf8 => line.iter().find(|word| word.to_str().is_none()).map(|word| {
                format!("it is {word:?}: name the file, or a link to it, with characters of UTF-8")
            }),
            _ => None,
        };
        Self { refusal, remedy }
    }
}

/// What is meant by a flag that a command lacks.
fn slip(command: &str, flag: &str) -> Option<String> {
    let known = SLIPS.iter().find(|(of, name, _)| *of == command && *name == flag);
    known.map(|(.., meant)| (*meant).to_owned())
}

/// Whether a word that stands where a command belongs is the name of a dump.
fn is_dump(word: &str) -> bool {
    !word.contains("://") && (word.contains(['.', '/']) || Path::new(word).exists())
}

/// The line with the commands that take dumps.
fn of_dumps(line: &[OsString]) -> String {
    let words: Vec<String> = line.iter().skip(1).map(|word| quote(&word.to_string_lossy())).collect();
    let words = words.join(" ");
    format!("`etl check {words}` says what would become of every row, `etl run {words}` loads them")
}

impl CommandError for UsageError {
    fn kind(&self) -> &'static str {
        "arguments"
    }

    fn exit(&self) -> Exit {
        if self.refusal.exit_code() == 0 { Exit::Done } else { Exit::Usage }
    }

    fn remedy(&self) -> Option<String> {
        self.remedy.clone()
    }

    fn text(&self) -> String {
        let text = self.refusal.render().to_string();
        match self.refusal.kind() {
            ErrorKind::DisplayHelp
            | ErrorKind::DisplayVersion
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => return text,
            _ => {}
        }
        let text = format!("etl: {}", text.strip_prefix("error: ").unwrap_or(&text));
        let Some(remedy) = &self.remedy else { return text };
        // What is known to be meant stands in the place of clap's guesses.
        let parts: Vec<&str> = text.split("\n\n").filter(|part| !part.starts_with("  tip: ")).collect();
        let (what, usage) =
            parts.split_first().map_or(("", String::new()), |(what, rest)| (*what, rest.join("\n\n")));
        format!("{what}\n  → {}\n\n{usage}", printable(remedy))
    }

    fn is_requested(&self) -> bool {
        self.refusal.exit_code() == 0
    }
}
