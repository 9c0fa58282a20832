//! Which schema a database says it has: the one thing that Karbor's tables tell of Karbor's release.
//!
//! Upstream's migrations keep it in `migrate_version` (sqlalchemy-migrate; there are three of them), later tools in
//! `alembic_version`. It is only read.

use crate::error::{Error, Result};
use crate::karbor::ddl::Dialect;
use crate::load::session::{Session, count, literal};
use crate::load::{Intent, Opened, Target};

/// The tables that hold a version, with its column.
const TABLES: [(&str, &str); 2] = [("migrate_version", "version"), ("alembic_version", "version_num")];

/// What was being done, for errors.
const DOING: &str = "reading the version of the schema";

/// The version that a database says its schema has; nothing where no table says it. Several are parted by commas.
///
/// # Errors
/// There is no database, or it cannot be read.
pub fn schema_version(target: Box<dyn Target>) -> Result<Option<String>> {
    let name = target.name();
    let Opened { mut sink, .. } = target.open(Intent::Look)?;
    let none =
        || Error::target(format!("{name}: is no database"), "name a database: postgresql://… or PATH.db");
    let version = look(sink.session().ok_or_else(none)?)?;
    sink.rollback()?;
    Ok(version)
}

fn look(session: &mut dyn Session) -> Result<Option<String>> {
    let dialect = session.dialect();
    for (table, column) in TABLES {
        if count(session, DOING, &presence(dialect, table))? == 0 {
            continue;
        }
        let mut versions: Vec<String> = Vec::new();
        let sql = format!("SELECT CAST({column} AS varchar(64)) FROM {table} ORDER BY 1");
        session.query(DOING, &sql, &mut |row| {
            versions.extend(row.first().copied().flatten().map(str::to_owned));
            Ok(())
        })?;
        if !versions.is_empty() {
            return Ok(Some(versions.join(", ")));
        }
    }
    Ok(None)
}

/// Counts tables of this name where the session would find it.
fn presence(dialect: Dialect, table: &str) -> String {
    let name = literal(table);
    match dialect {
        Dialect::Postgres => format!(
            "SELECT count(*) FROM pg_catalog.pg_class WHERE relname = {name} AND relkind IN ('r', 'p', 'v') \
             AND pg_catalog.pg_table_is_visible(oid)"
        ),
        Dialect::Sqlite => format!("SELECT count(*) FROM sqlite_master WHERE name = {name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::karbor::ddl::script;
    use crate::load::names::TargetNames;
    use crate::load::spec::Spec;
    use crate::load::{Context, open};
    use fixtures::server::shared;

    #[track_caller]
    fn check(spec: &Spec, expected: Option<&str>) {
        let context = Context::without_import(TargetNames::default(), Box::new(|_| None), Default::default());
        assert_eq!(schema_version(open(spec, context).unwrap()).unwrap().as_deref(), expected);
    }

    #[test]
    fn a_server_tells_it_by_either_table() {
        let (server, database) = (shared(), shared().create_db());
        server.psql(&database, &script(Dialect::Postgres));
        let spec = Spec::Postgres(server.url(&database));
        check(&spec, None);
        server.psql(
            &database,
            "CREATE SCHEMA away; CREATE TABLE away.alembic_version (version_num varchar(32) NOT NULL);
             INSERT INTO away.alembic_version VALUES ('elsewhere')",
        );
        check(&spec, None);
        server.psql(
            &database,
            "CREATE TABLE alembic_version (version_num varchar(32) NOT NULL);
             INSERT INTO alembic_version VALUES ('b6d1'), ('a7c2')",
        );
        check(&spec, Some("a7c2, b6d1"));
        server.psql(
            &database,
            "CREATE TABLE migrate_version (repository_id varchar(250), repository_path text, version integer)",
        );
        check(&spec, Some("a7c2, b6d1"));
        server.psql(&database, "INSERT INTO migrate_version VALUES ('karbor', '/x', 3)");
        check(&spec, Some("3"));
    }

    #[test]
    fn an_embedded_database_tells_it_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("karbor.db");
        let connection = rusqlite::Connection::open(&path).unwrap();
        connection.execute_batch(&script(Dialect::Sqlite)).unwrap();
        check(&Spec::Sqlite(path.clone()), None);
        connection
            .execute_batch(
                "CREATE TABLE migrate_version (version integer); INSERT INTO migrate_version VALUES (2)",
            )
            .unwrap();
        check(&Spec::Sqlite(path), Some("2"));
    }
}
