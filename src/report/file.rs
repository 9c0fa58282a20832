//! The report file: `--report FILE.json` for programs, `--report FILE.html` for people.

use super::html;
use super::json::Document;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::options::part_of;
use crate::report::Summary;
use serde::Serialize;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// What is known of a run when its report file is written.
#[derive(Clone, Copy)]
pub struct Ended<'r> {
    /// `run`, `check` or `verify`.
    pub command: &'static str,
    /// How it ends.
    pub exit: Exit,
    /// Why it failed, if it did.
    pub error: Option<&'r Error>,
    /// When it ended: seconds since 1970-01-01 00:00:00 UTC.
    pub finished: i64,
    /// The whole time in seconds.
    pub seconds: f64,
    /// The most memory the process had, in bytes, where the system says.
    pub peak_memory: Option<u64>,
    /// The report, if it came to one.
    pub summary: Option<Summary<'r>>,
}

/// How a report file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Json,
    Html,
}

impl Form {
    /// By the ending of the file's name.
    fn of(path: &Path) -> Self {
        let ending = path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase());
        match ending.as_deref() {
            Some("html" | "htm") => Self::Html,
            _ => Self::Json,
        }
    }
}

/// Whether a file of this name holds a page for people.
#[must_use]
pub fn is_page(path: &Path) -> bool {
    Form::of(path) == Form::Html
}

/// The place of a report file. It is tried before the run, so that one that cannot be written stops it in time. The file
/// takes its name when it is complete.
#[derive(Debug)]
pub struct ReportFile {
    path: PathBuf,
    part: PathBuf,
}

impl ReportFile {
    /// Tries the place; nothing is left there.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn try_place(path: &Path) -> Result<Self> {
        let place = Self { path: path.to_owned(), part: part_of(path) };
        match place.begin().and_then(|_| std::fs::remove_file(&place.part)) {
            Ok(()) => Ok(place),
            Err(source) => Err(Error::File { what: "the report", path: path.display().to_string(), source }),
        }
    }

    /// Writes the report.
    ///
    /// # Errors
    /// The system's.
    pub fn write(self, ended: &Ended<'_>) -> io::Result<()> {
        match Form::of(&self.path) {
            Form::Json => self.write_json(&Document::new(ended)),
            Form::Html => self.put(html::page(ended).map_err(io::Error::other)?.as_bytes()),
        }
    }

    /// Writes the report of a verification that came to its end.
    ///
    /// # Errors
    /// The system's.
    pub fn write_verification(
        self,
        ended: &Ended<'_>,
        report: &pipeline::verify::Report,
        document: &impl Serialize,
    ) -> io::Result<()> {
        match Form::of(&self.path) {
            Form::Json => self.write_json(document),
            Form::Html => self.put(html::verification(ended, report).map_err(io::Error::other)?.as_bytes()),
        }
    }

    /// Writes the report of a command that has no page, whatever the file is called.
    ///
    /// # Errors
    /// The system's.
    pub fn write_json(self, document: &impl Serialize) -> io::Result<()> {
        let mut text = serde_json::to_vec_pretty(document)?;
        text.push(b'\n');
        self.put(&text)
    }

    fn put(self, text: &[u8]) -> io::Result<()> {
        let mut file = self.begin()?;
        file.write_all(text)?;
        file.sync_all()?;
        std::fs::rename(&self.part, &self.path)
    }

    /// The file as yet without its name. Values from dumps may come to stand in it, so it is its owner's alone.
    fn begin(&self) -> io::Result<File> {
        // What a killed run left behind goes first: it is never written into, whatever it is by now.
        if let Err(error) = std::fs::remove_file(&self.part)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error);
        }
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_of_the_name_says_the_form() {
        for (name, form) in [
            ("r.json", Form::Json),
            ("r.html", Form::Html),
            ("R.HTM", Form::Html),
            ("html", Form::Json),
            ("r.html.txt", Form::Json),
        ] {
            assert_eq!(Form::of(Path::new(name)), form, "{name}");
        }
    }
}
