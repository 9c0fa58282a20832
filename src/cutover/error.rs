//! Why a cutover does not go on, with what was done, how to go on and how to go back.

use super::step::Step;
use crate::error::Error;
use crate::exit::Exit;
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
    #[error("the step {step} failed: {source}")]
    Step {
        /// Which one.
        step: Step,
        /// Why.
        source: Box<Error>,
        /// What was done, what was not, how to go on and how to go back.
        told: String,
    },
}

impl CutoverError {
    /// How the command ends because of this.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Order { .. } => Exit::Usage,
            Self::Failed { .. } | Self::Unanswered { .. } | Self::Stopped { .. } => Exit::Failed,
            Self::Different { .. } => Exit::Different,
            Self::Step { source, .. } => source.exit(),
        }
    }

    /// What the user can do about it.
    #[must_use]
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::Failed { remedy, .. } => remedy.clone(),
            Self::Order { remedy, .. } | Self::Stopped { remedy, .. } => Some(remedy.clone()),
            Self::Different { .. } => Some(
                "look at them before anything else: what Karbor changed since is none of them".to_owned(),
            ),
            Self::Unanswered { .. } => Some("run it at a terminal".to_owned()),
            Self::Step { source, .. } => source.remedy(),
        }
    }
}
