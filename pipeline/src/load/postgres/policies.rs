//! The policies that a server holds, through a cursor in one read-only snapshot: a standby answers too, and takes no lock
//! that anybody would wait for.

use super::backend::Backend;
use super::failure::Failure;
use crate::error::{Error, Result};
use crate::load::lookup::Lookup;
use crate::load::stored_policies::{Dialect, Plans, Row, Take, statement as policies_statement};
use std::collections::HashMap;
use tokio_postgres::error::SqlState;

/// Rows that are fetched at a time.
const FETCHED: usize = 500;

const DIALECT: Dialect = Dialect {
    // The string in quotes after "plan_id": in a JSON text that is the member's value and nothing else, because inside a
    // string quotes are escaped. Servers of 9.2's age have no function that takes JSON apart.
    plan_of: |definition| {
        format!("substring({definition} from '\"plan_id\"[[:space:]]*:[[:space:]]*\"([^\"]*)\"')")
    },
    fence: "",
};

/// Reads the policies.
///
/// # Errors
/// The server's.
pub(super) fn read(backend: &Backend, lookup: &Lookup, take: Take<'_>) -> Result<()> {
    let outcome = fetch(backend, lookup, Plans::new(take));
    // Nothing was changed, and nothing is to be kept.
    backend.roll_back();
    outcome
}

fn fetch(backend: &Backend, lookup: &Lookup, mut plans: Plans<'_>) -> Result<()> {
    let fails = |failure: Failure| explain(backend, &failure);
    backend.begin("ISOLATION LEVEL REPEATABLE READ READ ONLY").map_err(fails)?;
    let sql = policies_statement(lookup, &DIALECT);
    backend.run(&format!("DECLARE policies NO SCROLL CURSOR FOR {sql}")).map_err(fails)?;
    loop {
        let rows = backend.rows(&format!("FETCH {FETCHED} FROM policies"), &[]).map_err(fails)?;
        for row in &rows {
            let mut values = Row::default();
            for (n, value) in values.iter_mut().enumerate() {
                *value = row.get(n);
            }
            if plans.row(values).is_break() {
                return Ok(());
            }
        }
        if rows.len() < FETCHED {
            plans.finish();
            return Ok(());
        }
    }
}

fn explain(backend: &Backend, failure: &Failure) -> Error {
    let unknown_name = |error: &tokio_postgres::Error| {
        matches!(error.code(), Some(&SqlState::UNDEFINED_TABLE | &SqlState::UNDEFINED_COLUMN))
    };
    match (backend.explain("reading the policies", failure), failure) {
        (Error::Target { what, .. }, Failure::Server(error)) if unknown_name(error) => Error::target(
            what,
            "see that this is Karbor's database; if its tables or columns have other names, give them with --columns (`etl \
             columns` prints the map)",
        ),
        (error, _) => error,
    }
}

/// The names that statements use; nothing is asked of the catalog.
pub(super) fn lookup(names: crate::load::names::TargetNames) -> Lookup {
    Lookup { names, qualified: HashMap::new() }
}
