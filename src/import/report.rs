//! What became of every row, told at the end: as text for a tired person, as a page for those who ask later, and as JSON
//! for a program.
//!
//! The facts are the pipeline's `Report`; here they are only laid out.

pub mod advice;
pub mod engine;
pub mod file;
pub mod glossary;
pub mod html;
pub mod json;
pub mod picture;
pub mod summary;
pub mod targets;
pub mod text;

pub use text::text;

use crate::base::marks::TEXT_REPORT;

/// The first line of such a report.
#[must_use]
pub fn text_head() -> String {
    format!("{TEXT_REPORT}{}\n\n", crate::base::build::VERSION)
}
