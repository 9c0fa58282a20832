//! Opens the one transaction of a run: one run at a time, and no other writers.

use super::backend::{Backend, Parameter};
use super::failure::{Failure, lock_was_held};
use super::survey::Seen;
use crate::error::{Error, Result};
use crate::load::{LOCK_KEY, LOCK_PATIENCE};
use postgres_types::Type;
use std::fmt::Write as _;
use std::time::Duration;

/// What a client waits beyond the server's own lock_timeout, for servers that have none.
const MARGIN: Duration = Duration::from_secs(2);

/// What is said of a holder who was gone before he could be named.
const JUST_ENDED: &str = "it has just ended";

/// Opens the transaction.
///
/// # Errors
/// Another run is under way, somebody holds a lock, or the server refuses.
pub(super) fn begin(backend: &Backend, seen: &Seen) -> Result<()> {
    let started = backend.begin("ISOLATION LEVEL READ COMMITTED");
    started.map_err(|failure| backend.explain("opening the transaction", &failure))?;
    be_alone(backend)?;
    lock_tables(backend, seen)
}

/// Opens a transaction that sees one state of everything and keeps nobody waiting.
///
/// # Errors
/// The server's.
pub(super) fn snapshot(backend: &Backend) -> Result<()> {
    let started = backend.begin("ISOLATION LEVEL REPEATABLE READ");
    started.map_err(|failure| backend.explain("opening the transaction", &failure))
}

/// Takes the lock that says that a run is under way, for the transaction that is open.
pub(super) fn try_lock(backend: &Backend) -> std::result::Result<bool, Failure> {
    let rows = backend.rows("SELECT pg_try_advisory_xact_lock($1)", &[(&LOCK_KEY, Type::INT8)])?;
    Ok(rows.first().is_some_and(|row| row.get(0)))
}

fn be_alone(backend: &Backend) -> Result<()> {
    let doing = "looking for another run";
    if try_lock(backend).map_err(|failure| backend.explain(doing, &failure))? {
        return Ok(());
    }
    let holders = holders_of_run(backend)?.unwrap_or_else(|| JUST_ENDED.to_owned());
    let what = format!("{}: another etl run is under way in this database: {holders}", backend.target);
    Err(Error::target(
        what,
        "wait until it is over, then run again; if its process is gone, end its session: SELECT pg_terminate_backend(PID)",
    ))
}

/// The lock that says that a run is under way, as PostgreSQL shows a 64-bit key in pg_locks (documentation, "pg_locks").
fn is_lock_of_run() -> String {
    format!(
        "l.locktype = 'advisory' AND l.objsubid = 1 AND CAST(l.classid AS bigint) = {} AND CAST(l.objid AS bigint) = {}",
        LOCK_KEY >> 32,
        LOCK_KEY & 0xffff_ffff
    )
}

/// Ends the server's process `process` if it holds the lock that says that a run is under way.
pub(super) fn end_holder_sql(process: i64) -> String {
    format!(
        "SELECT pg_terminate_backend(l.pid) FROM pg_catalog.pg_locks l WHERE {} AND l.granted AND l.pid = {process}",
        is_lock_of_run()
    )
}

/// Who holds the lock that says that a run is under way, in words.
///
/// # Errors
/// The server's.
pub(super) fn holders_of_run(backend: &Backend) -> Result<Option<String>> {
    let holders = holders(backend, &is_lock_of_run(), &[]);
    holders.map_err(|failure| backend.explain("looking for another run", &failure))
}

/// Keeps other writers out; readers go on.
fn lock_tables(backend: &Backend, seen: &Seen) -> Result<()> {
    let doing = "locking Karbor's tables";
    let tables: Vec<_> = seen.written.iter().map(|relation| relation.qualified.as_str()).collect();
    let sql = format!("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE", tables.join(", "));
    let failure = match backend.wait_for(backend.client().batch_execute(&sql), Some(LOCK_PATIENCE + MARGIN)) {
        Ok(()) => return Ok(()),
        Err(failure) => failure,
    };
    let held = match &failure {
        Failure::Late => true,
        Failure::Server(error) => lock_was_held(error),
        Failure::Interrupted(_) | Failure::Silent(_) => false,
    };
    if !held {
        return Err(backend.explain(doing, &failure));
    }
    // The failed transaction answers no more questions.
    backend.roll_back();
    let oids: Vec<i64> = seen.written.iter().map(|relation| relation.oid).collect();
    let condition = "l.locktype = 'relation' AND CAST(l.relation AS bigint) = ANY($1) \
                     AND l.mode NOT IN ('AccessShareLock', 'RowShareLock')";
    let holders = holders(backend, condition, &[(&oids, Type::INT8_ARRAY)]);
    let holders = holders.map_err(|failure| backend.explain(doing, &failure))?;
    let holders = holders.unwrap_or_else(|| JUST_ENDED.to_owned());
    let seconds = LOCK_PATIENCE.as_secs();
    let what = format!(
        "{}: Karbor's tables are being written by others, waited {seconds} s: {holders}",
        backend.target
    );
    Err(Error::target(
        what,
        "stop Karbor's services, or end these sessions (SELECT pg_terminate_backend(PID)), then run again",
    ))
}

/// Who holds locks in this database, in words; `None` where nobody does.
fn holders(
    backend: &Backend,
    condition: &str,
    parameters: &[Parameter<'_>],
) -> std::result::Result<Option<String>, Failure> {
    let sql = format!(
        "SELECT DISTINCT CAST(l.pid AS bigint), CAST(a.usename AS text), CAST(a.application_name AS text), \
         CAST(host(a.client_addr) AS text), \
         to_char(a.xact_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS'), CAST(a.state AS text) \
         FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid \
         WHERE {condition} AND l.granted AND l.pid IS DISTINCT FROM pg_backend_pid() \
         AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database()) \
         ORDER BY 1"
    );
    let rows = backend.rows(&sql, parameters)?;
    let described = rows.iter().map(|row| {
        let pid: Option<i64> = row.get(0);
        let Some(pid) = pid else { return "a prepared transaction (see pg_prepared_xacts)".to_owned() };
        let mut text = format!("pid {pid}");
        for (column, word) in [(2, ""), (1, "role "), (3, "from "), (4, "in a transaction since "), (5, "")] {
            let value: Option<String> = row.get(column);
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                let zone = if column == 4 { " UTC" } else { "" };
                let _ = write!(text, ", {word}{value}{zone}");
            }
        }
        text
    });
    let described: Vec<_> = described.collect();
    Ok((!described.is_empty()).then(|| described.join("; ")))
}
