//! Which tables a database has, whatever they are: for a map of names to be made.

use crate::error::{Error, Result};
use crate::load::spec::Spec;
use crate::load::stored_tables::StoredTable;
use crate::load::{Context, postgres};

/// The tables that are seen without naming a schema, by name.
///
/// # Errors
/// The target cannot be read, or its tables have Karbor's own names in any case.
pub fn read(spec: &Spec, context: Context) -> Result<Vec<StoredTable>> {
    match spec {
        Spec::Postgres(text) => postgres::read_tables(text, context),
        Spec::Sqlite(path) | Spec::Script(path) => Err(Error::target(
            format!("{}: its tables have Karbor's own names", path.display()),
            "name the database whose names are to be looked for: postgresql://…",
        )),
    }
}
