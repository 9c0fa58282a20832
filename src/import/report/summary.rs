//! What the report of a run says beside the pipeline's own report.

use crate::base::digest;
use crate::base::error::Error;
use crate::base::exit::Exit;
use crate::settings::origin::GivenSetting;
use pipeline::load::spec::Spec;
use pipeline::outcome::Report;
use serde::Serialize;
use std::path::Path;
use std::time::Duration;

/// A run's report with what only the command knows.
#[derive(Clone, Copy)]
pub struct Summary<'r> {
    /// What the pipeline did.
    pub report: &'r Report,
    /// Which command it was.
    pub command_kind: CommandKind<'r>,
    /// Where the rows went; nowhere for a check without a target.
    pub spec: Option<&'r Spec>,
    /// The value of policy_status that was taken to mean ON.
    pub policy_on: &'r str,
    /// The whole time.
    pub elapsed: Duration,
    /// The most memory the process had, in bytes, where the system says.
    pub peak_memory: Option<u64>,
}

/// Which command a report is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandKind<'r> {
    /// `etl run`.
    Run,
    /// `etl check`, and the command line that would run what was checked.
    Check {
        /// That command line.
        next: &'r str,
        /// Whether everything was loaded and rolled back.
        full: bool,
    },
}

impl CommandKind<'_> {
    /// The command's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Check { .. } => "check",
        }
    }
}

impl Summary<'_> {
    /// Rows read, over all source tables.
    #[must_use]
    pub fn read(&self) -> u64 {
        self.report.sources.iter().map(|(_, tally)| tally.read).sum()
    }

    /// Rows each second of the whole time: those written, or those read where none was; `None` under a millisecond.
    #[must_use]
    pub fn rows_per_second(&self) -> Option<u64> {
        let rows = match self.report.ending {
            pipeline::outcome::Ending::Committed => self.report.written(),
            _ => self.read(),
        };
        let rate = (u128::from(rows) * 1000).checked_div(self.elapsed.as_millis())?;
        u64::try_from(rate).ok()
    }
}

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
    /// What it was done with.
    pub inputs: &'r Inputs,
}

/// What a command was done with, so that a report says which settings and which files it is of.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Inputs {
    /// The settings that were given, and where.
    pub settings: Vec<GivenValue>,
    /// The dumps and the map, those that are files.
    pub files: Vec<FileDigest>,
}

/// A setting that was given.
#[derive(Clone, Debug, Serialize)]
pub struct GivenValue {
    /// Its key in a settings file.
    pub key: &'static str,
    /// Its value as it was written.
    pub value: String,
    /// Where it was written.
    pub origin: String,
}

/// A file that was read.
#[derive(Clone, Debug, Serialize)]
pub struct FileDigest {
    /// The file as named.
    pub name: String,
    /// `dump`, or `map` for that of `--columns`.
    pub kind: &'static str,
    /// Its bytes on disk.
    pub bytes: u64,
    /// SHA-256 of these, as hexadecimal digits.
    pub sha256: String,
}

impl Inputs {
    /// The settings, and the digests of `files`; one that is no regular file, such as a pipe, is left out.
    ///
    /// # Errors
    /// That of `go_on`, which is asked between two pieces of a file.
    pub fn read<'f, E>(
        said: &[GivenSetting],
        files: impl Iterator<Item = (&'static str, &'f Path)>,
        mut go_on: impl FnMut() -> std::result::Result<(), E>,
    ) -> std::result::Result<Self, E> {
        let settings = said.iter().map(|said| GivenValue {
            key: said.key.name(),
            value: said.value.clone(),
            origin: said.origin.to_string(),
        });
        let mut inputs = Self { settings: settings.collect(), files: Vec::new() };
        for (kind, path) in files.filter(|(_, path)| path.is_file()) {
            let digest = digest::of_file(path, |_| None, || go_on().map_err(Some));
            match digest {
                Ok((sha256, bytes)) => {
                    inputs.files.push(FileDigest { name: path.display().to_string(), kind, bytes, sha256 });
                }
                Err(Some(stopped)) => return Err(stopped),
                // The command that reads it says what is wrong with it.
                Err(None) => {}
            }
        }
        Ok(inputs)
    }
}
