//! What the operator sees and types: terminal, text format, progress, prompts, signals, log.

pub mod confirm;
pub mod page;
pub mod password;
pub mod progress;
pub mod signals;
pub mod surroundings;
pub mod terminal;
