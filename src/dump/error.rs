//! Why something on a node does not come off, what was and was not done, and what to do about it.
//!
//! No text here may hold a secret: what a node says goes through [`super::secrets::Secrets::hide`] first.

use crate::base::error::CommandError;
use crate::base::exit::Exit;
use crate::base::toml_document::DocumentError;
use crate::dump::earlier;
use std::path::Path;

/// The result of a step on a node.
pub type Result<T> = std::result::Result<T, NodeError>;

/// Why something on a node does not come off.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NodeError {
    /// The settings file cannot be used.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// What was asked for cannot be done as it stands; no node was touched.
    #[error("{problem}")]
    Usage {
        /// What is missing or wrong.
        problem: String,
        /// What to do about it.
        remedy: String,
    },
    /// Something failed, on a node or here.
    #[error("{node}: {problem}")]
    Failed {
        /// The node, or the node and what was being dumped.
        node: String,
        /// What kind of failure it is.
        kind: Failure,
        /// What happened, and to what.
        problem: String,
        /// What to do about it.
        remedy: String,
    },
    /// The connection is gone; what was begun may be gone on with over another one.
    #[error("{node}: the connection was lost{}{problem}", if problem.is_empty() { "" } else { ": " })]
    Lost {
        /// The node.
        node: String,
        /// What the other side or the system said.
        problem: String,
    },
    /// The user stopped it before a node was touched.
    #[error("stopped by {signal}; no node was touched")]
    Unbegun {
        /// The signal.
        signal: &'static str,
    },
    /// The user stopped it.
    #[error("{node}: stopped by {signal}")]
    Stopped {
        /// The node, or the node and what was being dumped.
        node: String,
        /// The signal.
        signal: &'static str,
    },
    /// The node could not be worked on at all; each of its dumps fails by this.
    #[error(transparent)]
    Unopened(std::sync::Arc<NodeError>),
    /// Something failed, and what it made on the node could not be removed.
    #[error("{error}; {left}")]
    Left {
        /// What failed.
        error: Box<NodeError>,
        /// What is left, where, and the command that removes it.
        left: String,
    },
    /// Some dumps are not there; what happened to each was told.
    #[error("{failed} of {of} dumps failed; {}", kept(*.of - *.failed, .earlier))]
    Dumps {
        /// How many are not there.
        failed: usize,
        /// Of how many.
        of: usize,
        /// The files of earlier commands that lie in their places.
        earlier: Vec<String>,
    },
}

/// What kind of failure it is: what a program that drives etl may want to tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// No connection.
    Unreachable,
    /// No algorithm that both sides know.
    Algorithms,
    /// A host key that is not known, or another than the known one.
    HostKey,
    /// No way to log in was accepted.
    Login,
    /// The other user could not be become.
    Become,
    /// Too little space, there or here.
    Space,
    /// A program on the node failed.
    Program,
    /// The transfer.
    Transfer,
    /// What arrived is not what was sent, or not a whole dump.
    Content,
    /// A file here.
    Here,
}

fn kept(whole: usize, earlier: &[String]) -> String {
    let kept = match whole {
        0 => "nothing was kept".to_owned(),
        1 => "the other one is here and whole".to_owned(),
        _ => format!("the other {whole} are here and whole"),
    };
    match earlier {
        [] => kept,
        earlier => format!("{kept}; of earlier commands there still is {}", earlier.join(", ")),
    }
}

impl NodeError {
    /// Of `of` dumps those for these places are not there.
    pub(crate) fn dumps<'p>(failed: impl Iterator<Item = &'p Path>, of: usize) -> Option<Self> {
        let earlier: Vec<Vec<String>> = failed.map(earlier::files).collect();
        let failed = earlier.len();
        (failed > 0).then(|| Self::Dumps { failed, of, earlier: earlier.concat() })
    }
}

impl CommandError for NodeError {
    fn kind(&self) -> &'static str {
        "node"
    }

    fn exit(&self) -> Exit {
        match self {
            Self::Document(_) | Self::Usage { .. } => Exit::Usage,
            _ => Exit::Failed,
        }
    }

    fn remedy(&self) -> Option<String> {
        match self {
            Self::Document(error) => error.remedy(),
            Self::Usage { remedy, .. } | Self::Failed { remedy, .. } => Some(remedy.clone()),
            Self::Left { error, .. } => error.remedy(),
            Self::Unopened(error) => error.remedy(),
            Self::Lost { .. } => {
                Some("check the network to the node, then run the same command again".to_owned())
            }
            Self::Stopped { .. } | Self::Unbegun { .. } => Some("run the same command again".to_owned()),
            Self::Dumps { .. } => Some("mend what is said above, then run the same command again".to_owned()),
        }
    }
}
