//! Settings of a session: those of a long load, whatever an administrator chose for the role's ordinary work.

use super::backend::Backend;
use super::failure::Failure;
use crate::load::LOCK_PATIENCE;
use std::fmt::Write as _;

/// The settings, by name in small letters. Which of them a server has depends on its age and kind: lock_timeout came with
/// 9.3, idle_in_transaction_session_timeout with 9.6, transaction_timeout with 17; lockwait_timeout is openGauss'.
fn settings() -> [(&'static str, String); 13] {
    let patience = format!("{}ms", LOCK_PATIENCE.as_millis());
    let settings = [
        // A load takes as long as it takes.
        ("statement_timeout", "0"),
        ("transaction_timeout", "0"),
        ("lock_timeout", &patience),
        ("lockwait_timeout", &patience),
        // A client that died must not hold locks for hours.
        ("idle_in_transaction_session_timeout", "10min"),
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

/// Sets those that the server has and lets this role set.
///
/// # Errors
/// The server's.
pub(super) fn prepare(backend: &Backend) -> Result<(), Failure> {
    // First of all, or the question below could be cut off.
    backend.run("SET statement_timeout = 0")?;
    let known = backend.rows("SELECT lower(name) FROM pg_catalog.pg_settings WHERE context = 'user'", &[])?;
    let known: Vec<String> = known.iter().map(|row| row.get(0)).collect();
    let mut sql = String::new();
    for (name, value) in settings() {
        if known.iter().any(|known| known == name) {
            let _ = write!(sql, "SET {name} = '{value}';");
        }
    }
    backend.run(&sql)
}
