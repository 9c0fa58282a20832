//! The policies that a target holds, read plan by plan: plans, their operations and triggers.
//!
//! Read only: one statement in one snapshot, which a standby answers too, and never more than a few plans in memory. All
//! plans and operations that are not deleted are read, whoever made them.

use crate::error::{Error, Result};
use crate::load::spec::Spec;
use crate::load::stored_policies::Take;
use crate::load::{Context, postgres, sqlite};

/// Reads the policies of a target, in order of the plans' ids.
///
/// # Errors
/// The target cannot be read, or is a script.
pub fn read(spec: &Spec, context: Context, take: Take<'_>) -> Result<()> {
    match spec {
        Spec::Postgres(text) => postgres::read_policies(text, context, take),
        Spec::Sqlite(path) => sqlite::read_policies(path, &context, take),
        Spec::Script(path) => Err(Error::target(
            format!("{}: a script holds no policies that could be read", path.display()),
            "name the database that it was loaded into",
        )),
    }
}
