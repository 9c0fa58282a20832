//! What server this is: its kind, and whether it can be written to.

use super::backend::Backend;
use crate::error::{Error, Result};
use crate::load::Intent;

/// What matters of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Server {
    /// `version()`, in full.
    pub(super) version: String,
    /// What the database is compatible with (`sql_compatibility`), in openGauss and GaussDB.
    pub(super) compatibility: Option<String>,
    /// The database's encoding.
    pub(super) encoding: String,
    /// Whether varchar(n) means n bytes.
    pub(super) widths_in_bytes: bool,
    /// Whether the catalog says which columns the server numbers or computes: PostgreSQL 12 and later.
    pub(super) marks_generated: bool,
    /// The role, quoted for a statement.
    pub(super) role: String,
    /// The schemas where tables are looked for, with commas.
    pub(super) schemas: String,
}

impl Server {
    /// Asks the server.
    ///
    /// # Errors
    /// It can only be read from although it is to be written to, or does not answer.
    pub(super) fn of(backend: &Backend, intent: Intent) -> Result<Self> {
        let sql = "SELECT version(), CAST(quote_ident(current_user::text) AS text), \
                   array_to_string(current_schemas(false), ', '), \
                   (SELECT setting FROM pg_catalog.pg_settings WHERE name = 'sql_compatibility'), \
                   pg_is_in_recovery(), current_setting('transaction_read_only') = 'on', \
                   (SELECT count(*) FROM pg_catalog.pg_attribute \
                    WHERE attrelid = CAST('pg_catalog.pg_attribute' AS regclass) \
                        AND attname IN ('attidentity', 'attgenerated')) = 2, \
                   (SELECT CAST(pg_encoding_to_char(d.encoding) AS text) FROM pg_catalog.pg_database d \
                    WHERE d.datname = current_database())";
        let fails = |failure| backend.explain("asking which server this is", &failure);
        let rows = backend.rows(sql, &[]).map_err(fails)?;
        let row = rows
            .first()
            .ok_or_else(|| Error::target(format!("{}: no answer", backend.target), "run again"))?;
        let (version, compatibility): (String, Option<String>) = (row.get(0), row.get(3));
        let target = &backend.target;
        if row.get(4) && intent == Intent::Write {
            let what = format!("{target}: this server is a standby, which cannot be written to");
            return Err(Error::target(
                what,
                "name the primary server, or add target_session_attrs=read-write",
            ));
        }
        if row.get(5) && intent == Intent::Write {
            let what = format!(
                "{target}: this role, database or server is set to read only (default_transaction_read_only)"
            );
            let remedy = "if that is not on purpose (openGauss does it when its disk is full), ALTER ROLE … SET \
                          default_transaction_read_only = off";
            return Err(Error::target(what, remedy));
        }
        let widths_in_bytes = compatibility.as_deref().is_some_and(counts_bytes);
        let (role, marks_generated) = (row.get(1), row.get(6));
        // NULL where there are none, in openGauss.
        let schemas = row.get::<_, Option<String>>(2).unwrap_or_default();
        let encoding = row.get::<_, Option<String>>(7).unwrap_or_default();
        Ok(Self { version, compatibility, encoding, widths_in_bytes, marks_generated, role, schemas })
    }
}

/// Whether varchar(n) means n bytes in openGauss and GaussDB, by `sql_compatibility`, which PostgreSQL has not: where it is Oracle's or
/// Teradata's. MySQL's counts characters since openGauss 3.0.0 (mbutils.cpp), PostgreSQL's always did (their documentation, "CREATE
/// DATABASE", DBCOMPATIBILITY).
fn counts_bytes(compatibility: &str) -> bool {
    ["A", "ORA", "C", "TD"].iter().any(|mode| mode.eq_ignore_ascii_case(compatibility))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_are_bytes_by_what_the_database_is_compatible_with() {
        for (compatibility, bytes) in [
            ("A", true),
            ("ORA", true),
            ("C", true),
            ("td", true),
            ("B", false),
            ("MYSQL", false),
            ("PG", false),
        ] {
            assert_eq!(counts_bytes(compatibility), bytes, "{compatibility}");
        }
    }
}
