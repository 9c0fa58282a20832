//! Why a cutover does not go on, with what was done, how to go on and how to go back.

use super::step::Step;
use crate::base::error::{CommandError, Error, plain_text};
use crate::base::exit::Exit;
use crate::base::text::printable;
use pipeline::engine::{TRUST_GUIDE, TRUST_SOURCES};
use std::path::PathBuf;

/// Why a cutover does not go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CutoverError {
    /// What was asked for is not what comes next.
    #[error("{what}")]
    Order {
        /// How it stands.
        what: String,
        /// What to do instead.
        remedy: String,
    },
    /// A step found that it cannot go on.
    #[error("{what}")]
    Failed {
        /// What it found.
        what: String,
        /// What to do about it.
        remedy: Option<String>,
    },
    /// Rows are loaded, and operations have no usable trust; operationengine is not restarted.
    #[error("{what}")]
    WithoutTrusts {
        /// How many they are, and what that means.
        what: String,
        /// How it is checked that they have one.
        check: String,
    },
    /// The target holds something else than the dumps come to.
    #[error("the verification found differences; {} lists them", report.display())]
    Different {
        /// The report.
        report: PathBuf,
    },
    /// The terminal ended before all was answered.
    #[error("{} was not written: the answers ended", path.display())]
    Unanswered {
        /// The file.
        path: PathBuf,
    },
    /// The user stopped it between two steps.
    #[error("stopped by {signal} after the step {after}")]
    Stopped {
        /// The signal.
        signal: &'static str,
        /// The last step that came to its end.
        after: Step,
        /// How to go on.
        remedy: String,
    },
    /// A step failed.
    #[error("the step {step} failed: {cause}")]
    Step {
        /// Which one.
        step: Step,
        /// Why.
        cause: Error,
        /// What was done, what was not, how to go on and how to go back.
        told: String,
    },
}

impl CommandError for CutoverError {
    fn kind(&self) -> &'static str {
        "cutover"
    }

    fn exit(&self) -> Exit {
        match self {
            Self::Order { .. } => Exit::Usage,
            Self::Failed { .. } | Self::Unanswered { .. } | Self::Stopped { .. } => Exit::Failed,
            Self::WithoutTrusts { .. } => Exit::Incomplete,
            Self::Different { .. } => Exit::Different,
            Self::Step { cause, .. } => cause.exit(),
        }
    }

    fn remedy(&self) -> Option<String> {
        match self {
            Self::Failed { remedy, .. } => remedy.clone(),
            Self::Order { remedy, .. } | Self::Stopped { remedy, .. } => Some(remedy.clone()),
            Self::WithoutTrusts { check, .. } => Some(format!(
                "the rows are loaded, and operationengine is not restarted: {TRUST_SOURCES} (in the settings file of the run, \
                 config); type the same command again; {check} ({TRUST_GUIDE}). Or without_trusts = true in [run]"
            )),
            Self::Different { .. } => Some(
                "look at them before anything else: what Karbor changed since is none of them".to_owned(),
            ),
            Self::Unanswered { .. } => Some("run it at a terminal".to_owned()),
            Self::Step { cause, .. } => cause.remedy(),
        }
    }

    fn text(&self) -> String {
        if let Self::Step { step, cause, told } = self {
            return cause.text() + &printable(&format!("etl: the cutover stops at the step {step}\n{told}"));
        }
        plain_text(self)
    }
}
