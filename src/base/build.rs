//! Which etl this is; the values come from the package's build.rs.

/// The version, with the commit and its date where they are known: `0.1.0 (0123456789 2026-01-31)`.
pub const VERSION: &str = env!("ETL_VERSION");

/// The commit, where it is known.
#[must_use]
pub fn commit() -> Option<&'static str> {
    Some(env!("ETL_COMMIT")).filter(|commit| !commit.is_empty())
}
