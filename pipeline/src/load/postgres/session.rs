//! Settings of a transaction: those of a long load, whatever an administrator chose for the role's ordinary work.
//!
//! All are `SET LOCAL`: behind a pooler the server's session goes to another client when the transaction ends.

use super::backend::Backend;
use super::failure::Failure;
use crate::load::LOCK_PATIENCE;
use std::fmt::Write as _;

/// The settings, by name in small letters. Which of them a server has depends on its age and kind: lock_timeout came with
/// 9.3, idle_in_transaction_session_timeout with 9.6, transaction_timeout with 17; lockwait_timeout and session_timeout (idle, in a
/// transaction or not) are openGauss'.
fn settings() -> [(&'static str, String); 14] {
    let patience = format!("{}ms", LOCK_PATIENCE.as_millis());
    let settings = [
        // A load takes as long as it takes.
        ("statement_timeout", "0"),
        ("transaction_timeout", "0"),
        ("lock_timeout", &patience),
        ("lockwait_timeout", &patience),
        // A client that died must not hold locks for hours.
        ("idle_in_transaction_session_timeout", "10min"),
        ("session_timeout", "0"),
        ("tcp_keepalives_idle", "60"),
        ("tcp_keepalives_interval", "10"),
        ("tcp_keepalives_count", "6"),
        ("client_min_messages", "warning"),
        // Times and texts are read as they are meant.
        ("datestyle", "ISO, MDY"),
        ("timezone", "UTC"),
        ("standard_conforming_strings", "on"),
        // Nothing is left out because of a policy on rows: better an error.
        ("row_security", "off"),
    ];
    settings.map(|(name, value)| (name, value.to_owned()))
}

/// Sets those that the server has and lets this role set, for the transaction that is open; returns the number of the server's
/// process, as pg_stat_activity has it.
///
/// # Errors
/// The server's.
pub(super) fn prepare(backend: &Backend) -> Result<i64, Failure> {
    // First of all, or the question below could be cut off.
    backend.run("SET LOCAL statement_timeout = 0")?;
    let sql = "SELECT lower(name), CAST(pg_backend_pid() AS bigint) FROM pg_catalog.pg_settings WHERE context = 'user'";
    let known = backend.rows(sql, &[])?;
    let process = known.first().map_or(0, |row| row.get(1));
    let known: Vec<String> = known.iter().map(|row| row.get(0)).collect();
    let mut sql = String::new();
    for (name, value) in settings() {
        if known.iter().any(|known| known == name) {
            let _ = write!(sql, "SET LOCAL {name} = '{value}';");
        }
    }
    backend.run(&sql)?;
    Ok(process)
}
