//! What the operator sees and types: terminal, text format, progress, prompts, signals, log.

pub mod confirm;
pub mod echo;
pub mod environment;
pub mod page;
pub mod password;
pub mod progress;
pub mod signals;
pub mod terminal;

/// The target of events that are printed anyway (report and errors): the log contains them, and -v does not print them again.
pub(crate) const PRINTED: &str = "printed";
