//! The policies that an embedded database holds. The file is opened for reading only.

use super::failure::Explain;
use crate::error::{Error, Result};
use crate::load::lookup::Lookup;
use crate::load::names::TargetNames;
use crate::load::stored_policies::{Dialect, Plans, Row, Take, statement as policies_statement};
use crate::progress::Cancel;
use rusqlite::{Connection, OpenFlags};
use std::collections::HashMap;
use std::path::Path;

const DIALECT: Dialect = Dialect {
    plan_of: |definition| {
        format!("CASE WHEN json_valid({definition}) THEN json_extract({definition}, '$.plan_id') END")
    },
    // A subquery with a limit is worked out on its own, and given an index of its own.
    fence: " LIMIT -1",
};

/// Reads the policies.
///
/// # Errors
/// The file cannot be read.
pub(super) fn read(path: &Path, cancel: &Cancel, take: Take<'_>) -> Result<()> {
    let explain = Explain::of(path);
    let fails = |error| explain.error(error);
    if !path.exists() {
        let what = format!("{}: there is no such file", path.display());
        return Err(Error::target(what, "name the target that the dumps were loaded into"));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(fails)?;
    let lookup = Lookup { names: TargetNames::default(), qualified: HashMap::new() };
    let mut statement = connection.prepare(&policies_statement(&lookup, &DIALECT)).map_err(fails)?;
    let mut rows = statement.query([]).map_err(fails)?;
    let mut plans = Plans::new(take);
    while let Some(row) = rows.next().map_err(fails)? {
        cancel.check()?;
        let mut values = Row::default();
        for (n, value) in values.iter_mut().enumerate() {
            *value = row.get(n).map_err(fails)?;
        }
        if plans.row(values).is_break() {
            return Ok(());
        }
    }
    plans.finish();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::karbor::ddl;

    #[test]
    fn no_table_is_looked_through_for_every_plan() {
        let connection = Connection::open_in_memory().unwrap();
        for table in ddl::tables(ddl::Dialect::Sqlite) {
            connection.execute_batch(&table).unwrap();
        }
        let lookup = Lookup { names: TargetNames::default(), qualified: HashMap::new() };
        let sql = format!("EXPLAIN QUERY PLAN {}", policies_statement(&lookup, &DIALECT));
        let mut statement = connection.prepare(&sql).unwrap();
        let steps: Vec<String> = statement
            .query_map([], |row| row.get::<_, String>(3))
            .unwrap()
            .map(|step| step.unwrap())
            .collect();
        let joined: Vec<_> = steps.iter().filter(|step| step.contains("LEFT-JOIN")).collect();
        assert_eq!(joined.len(), 3, "{steps:?}");
        assert!(joined.iter().all(|step| step.starts_with("SEARCH")), "{steps:?}");
    }
}
