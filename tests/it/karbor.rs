//! A Karbor to import into: a database of a private PostgreSQL server, or an embedded one, and what its tables hold.

use fixtures::server::Server;
use std::collections::BTreeMap;
use std::path::Path;

/// The rows of each written table, every value as text, sorted; keys that the target numbers are left out.
pub(crate) type Rows = BTreeMap<&'static str, Vec<String>>;

/// The tables that an import writes.
pub(crate) const TABLES: [&str; 6] = [
    "plans",
    "resources",
    "triggers",
    "scheduled_operations",
    "scheduled_operation_states",
    "checkpoint_items",
];

/// A new database with Karbor's tables and one live engine.
pub(crate) fn database(server: &Server) -> String {
    let database = server.create_db();
    server.psql(&database, include_str!("../../fixtures/karbor.sql"));
    server.psql(
        &database,
        "INSERT INTO services (host, \"binary\", report_count, disabled, deleted, created_at) \
         VALUES ('node1', 'karbor-operationengine', 0, false, false, '2018-01-01')",
    );
    database
}

/// What a PostgreSQL database holds.
pub(crate) fn postgres_rows(server: &Server, database: &str) -> Rows {
    let rows = |table: &'static str| {
        let columns = server.psql(
            database,
            &format!(
                "SELECT string_agg(CASE WHEN data_type LIKE 'timestamp%' THEN \
                 format('to_char(%I, ''YYYY-MM-DD HH24:MI:SS.US'')', column_name) WHEN data_type = 'boolean' THEN \
                 format('%I::integer::text', column_name) ELSE format('%I::text', column_name) END, ', ' \
                 ORDER BY column_name) FROM information_schema.columns WHERE table_schema = 'public' AND table_name = '{table}' \
                 AND NOT (column_name = 'id' AND data_type = 'integer')"
            ),
        );
        let text = server.psql(
            database,
            &format!(
                "SELECT replace(array_to_string(ARRAY[{}], '|', '∅'), E'\\n', '⏎') FROM public.{table}",
                columns.trim()
            ),
        );
        (table, sorted(text.lines().map(str::to_owned)))
    };
    TABLES.into_iter().map(rows).collect()
}

/// What an embedded database holds.
pub(crate) fn sqlite_rows(path: &Path) -> Rows {
    let connection = rusqlite::Connection::open(path).unwrap();
    let rows = |table: &'static str| {
        let mut names = connection
            .prepare("SELECT name FROM pragma_table_info(?1) WHERE NOT (name = 'id' AND lower(type) = 'integer') ORDER BY name")
            .unwrap();
        let names: Vec<String> =
            names.query_map([table], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        let texts: Vec<String> =
            names.iter().map(|name| format!("coalesce(cast(\"{name}\" AS text), '∅')")).collect();
        let sql = format!("SELECT replace({}, char(10), '⏎') FROM {table}", texts.join(" || '|' || "));
        let mut select = connection.prepare(&sql).unwrap();
        let found = select.query_map([], |row| row.get::<_, String>(0)).unwrap();
        (table, sorted(found.map(Result::unwrap)))
    };
    TABLES.into_iter().map(rows).collect()
}

fn sorted(rows: impl Iterator<Item = String>) -> Vec<String> {
    let mut rows: Vec<String> = rows.collect();
    rows.sort();
    rows
}

/// How many rows each table holds.
pub(crate) fn counts(rows: &Rows) -> Vec<usize> {
    TABLES.iter().map(|table| rows[table].len()).collect()
}
