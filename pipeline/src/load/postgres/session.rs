//! Settings of a transaction: those of a long load, whatever an administrator chose for the role's ordinary work.
//!
//! All are `SET LOCAL`: behind a pooler the server's session goes to another client when the transaction ends.

use crate::load::LOCK_PATIENCE;

/// The settings, by name in small letters. Which of them a server has depends on its age and kind: lock_timeout came with
/// 9.3, idle_in_transaction_session_timeout with 9.6, transaction_timeout with 17; lockwait_timeout and session_timeout (idle, in a
/// transaction or not) are openGauss'.
pub(super) fn settings() -> [(&'static str, String); 14] {
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
