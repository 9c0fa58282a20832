//! What knows nothing of a feature or a terminal: exit codes, digests, JSON lines, TOML with positions, stopping.

pub mod build;
pub mod clock;
pub mod digest;
pub mod error;
pub mod exit;
pub mod files;
pub mod json_lines;
pub mod marks;
pub mod memory;
pub mod number;
pub mod shell;
pub mod stop;
pub mod text;
pub mod toml_document;
