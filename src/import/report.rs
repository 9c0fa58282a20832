//! What became of every row, told at the end: as text for a tired person, as a page for those who ask later, and as JSON
//! for a program.
//!
//! The facts are the pipeline's [`Report`]; here they are only laid out.

pub mod advice;
pub mod engine;
pub mod file;
pub mod html;
pub mod json;
pub mod picture;
pub mod targets;
pub mod text;

pub use text::text;

use crate::base::marks::TEXT_REPORT;

/// The first line of such a report.
#[must_use]
pub fn text_head() -> String {
    format!("{TEXT_REPORT}{}\n\n", env!("CARGO_PKG_VERSION"))
}

use pipeline::load::spec::Spec;
use pipeline::outcome::Report;
use std::time::Duration;

/// A run's report with what only the command knows.
#[derive(Clone, Copy)]
pub struct Summary<'r> {
    /// What the pipeline did.
    pub report: &'r Report,
    /// Which command it was.
    pub errand: Errand<'r>,
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
pub enum Errand<'r> {
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

impl Errand<'_> {
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
