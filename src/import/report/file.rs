//! The report file: `--report FILE.json` for programs, `--report FILE.html` for people.

use crate::base::error::{Error, Result};
use crate::base::text::printable_json;
use crate::import::report::html;
use crate::import::report::json::Document;
use crate::import::report::summary::Ended;
use crate::settings::report_form::ReportForm;
use pipeline::files::Replacement;
use serde::Serialize;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// A report file. It is begun before the run, so that one that cannot be written stops it in time, and takes its name when it
/// is complete.
#[derive(Debug)]
pub struct ReportFile {
    path: PathBuf,
    file: Replacement,
}

impl ReportFile {
    /// Begins the file.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn create(path: &Path) -> Result<Self> {
        match Replacement::create(path) {
            Ok(file) => Ok(Self { path: path.to_owned(), file }),
            Err(source) => Err(Error::file("the report", path.display(), source)),
        }
    }

    /// Writes the report.
    ///
    /// # Errors
    /// The system's.
    pub fn write(self, ended: &Ended<'_>) -> io::Result<()> {
        match ReportForm::of(&self.path) {
            ReportForm::Json => self.write_json(&Document::new(ended)),
            ReportForm::Html => self.put(html::page(ended).map_err(io::Error::other)?.as_bytes()),
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
        match ReportForm::of(&self.path) {
            ReportForm::Json => self.write_json(document),
            ReportForm::Html => {
                self.put(html::verification(ended, report).map_err(io::Error::other)?.as_bytes())
            }
        }
    }

    /// Writes the report of a command that has no page, whatever the file is called.
    ///
    /// # Errors
    /// The system's.
    pub fn write_json(self, document: &impl Serialize) -> io::Result<()> {
        let text = serde_json::to_string_pretty(document)?;
        self.put(format!("{}\n", printable_json(&text)).as_bytes())
    }

    fn put(mut self, text: &[u8]) -> io::Result<()> {
        self.file.write_all(text)?;
        self.file.publish()
    }
}
