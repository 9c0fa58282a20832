//! What the server's refusals mean to the operator.

use crate::error::Error;
use connect::with_causes;
use std::fmt::Write as _;
use tokio_postgres::error::{DbError, ErrorPosition, SqlState};

/// Why a call to the server failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The run is to stop.
    Interrupted(&'static str),
    /// It took longer than it was given.
    Late,
    /// The connection is dead, as this shows; it was given up.
    Silent(String),
    /// The server said no, or the connection broke.
    Server(tokio_postgres::Error),
}

/// The failure in words, with what to do about it.
pub(super) fn explain(target: &str, doing: &str, failure: &Failure) -> Error {
    let error = match failure {
        Failure::Interrupted(reason) => return Error::Interrupted(reason),
        Failure::Late => {
            return Error::target(
                format!("{target}: {doing}: no answer in time"),
                "look at what the server is doing (pg_stat_activity), and run again",
            );
        }
        Failure::Silent(why) => {
            return Error::target(
                format!("{target}: {doing}: the connection was given up: {why}"),
                "look at the network and at what lies between (proxies, poolers, firewalls), and run again",
            );
        }
        Failure::Server(error) => error,
    };
    match error.as_db_error() {
        Some(said) => Error::Target {
            what: format!("{target}: {doing}: {}", in_words(said)),
            remedy: remedy(said).map(str::to_owned).or_else(|| said.hint().map(str::to_owned)),
        },
        None => Error::target(
            format!("{target}: {doing}: the connection broke: {}", with_causes(error)),
            "look into the server's log and at the network, and run again",
        ),
    }
}

/// The row that the server was at, counted from 1 in the COPY, where it says so. `table` is the table's own name.
///
/// The context's words depend on the server's language (`COPY t, line 5`, `COPY t, Zeile 5`), their order does not.
pub(super) fn row_of(error: &tokio_postgres::Error, table: &str) -> Option<u64> {
    let context = error.as_db_error()?.where_()?;
    row_in(context, table)
}

fn row_in(context: &str, table: &str) -> Option<u64> {
    let begin = format!("COPY {table}");
    let line = context.lines().find_map(|line| line.strip_prefix(begin.as_str()))?;
    let from = line.find(|c: char| c.is_ascii_digit())?;
    let digits = line.get(from..)?;
    let to = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    digits.get(..to)?.parse().ok()
}

/// Whether the server stopped because it was asked to.
pub(super) fn was_cancelled(error: &tokio_postgres::Error) -> bool {
    error.code() == Some(&SqlState::QUERY_CANCELED)
}

/// Whether the role lacks a privilege. Row-level security has the same SQLSTATE, and is none.
pub(super) fn lacks_privilege(failure: &Failure) -> bool {
    matches!(failure, Failure::Server(error) if error.as_db_error().is_some_and(|said| {
        said.code() == &SqlState::INSUFFICIENT_PRIVILEGE && !is_row_security(said)
    }))
}

/// Whether row-level security would hide rows, which `row_security = off` makes an error. The message depends on the server's
/// language, the function that raises it does not (rls.c).
fn is_row_security(said: &DbError) -> bool {
    said.routine() == Some("check_enable_rls")
}

/// Whether the server did not get a lock in time.
pub(super) fn lock_was_held(error: &tokio_postgres::Error) -> bool {
    // YY003 is openGauss' when its lockwait_timeout is over.
    error.code().is_some_and(|code| *code == SqlState::LOCK_NOT_AVAILABLE || code.code() == "YY003")
}

/// Whether the session is over, so that what it was doing may have been done or not.
pub(super) fn ended_the_session(error: &tokio_postgres::Error) -> bool {
    match error.as_db_error() {
        Some(said) => !matches!(said.severity(), "ERROR") && said.parsed_severity().is_none_or(is_fatal),
        None => true,
    }
}

fn is_fatal(severity: tokio_postgres::error::Severity) -> bool {
    use tokio_postgres::error::Severity;
    matches!(severity, Severity::Fatal | Severity::Panic)
}

fn in_words(said: &DbError) -> String {
    let mut text = said.message().to_owned();
    if let Some(detail) = said.detail() {
        let _ = write!(text, " ({detail})");
    }
    // Most messages name what they are about; some only carry it.
    // What the driver takes for a column is an internal number in openGauss' errors.
    let column = said.column().filter(|name| !name.bytes().all(|byte| byte.is_ascii_digit()));
    let about = [("table", said.table()), ("column", column), ("constraint", said.constraint())];
    for (kind, name) in about {
        if let Some(name) = name.filter(|name| !text.contains(name)) {
            let _ = write!(text, ", {kind} {name}");
        }
    }
    if let Some(ErrorPosition::Original(at)) = said.position() {
        let _ = write!(text, ", at character {at} of the statement");
    }
    let _ = write!(text, " [{} {}]", said.severity(), said.code().code());
    text
}

/// What to do about an error, by its SQLSTATE (PostgreSQL documentation, appendix A).
fn remedy(said: &DbError) -> Option<&'static str> {
    if is_row_security(said) {
        return Some(
            "policies on the table's rows would hide some of them: let a superuser run ALTER ROLE … BYPASSRLS for this role, or \
             connect as the table's owner, to whom they do not apply unless they are forced (ALTER TABLE … NO FORCE ROW LEVEL SECURITY)",
        );
    }
    Some(match said.code().code() {
        "23505" => {
            "the row that the message names is in the target already, or twice in the dumps: roll the earlier import back, \
             or mend the dumps"
        }
        "23503" => {
            "a row that it refers to is missing: Karbor deleted it meanwhile, or the target has constraints of its own"
        }
        "23502" => "the target insists on a value that the dumps do not hold: give the column a default",
        "23514" => "a CHECK constraint of the target refuses the row: see what it asks for",
        "22001" => "the column is narrower than it was when the run began: run again",
        "22P02" | "22007" | "22008" | "42804" => {
            "the column's type cannot hold the value: see what type it is"
        }
        "22P05" | "22021" => "the database's encoding lacks a character: only UTF8 holds all of them",
        "22P03" | "22P04" | "08P01" => {
            "the server reads the rows in another form than it says: write a script as the target instead"
        }
        "53100" => "make room on the server's disk, then run again",
        // The server's hint names the setting, and only a full table of locks has one.
        "53200" if said.hint().is_some() => {
            "the server's table of locks is full: raise max_locks_per_transaction, or end the sessions that hold many, then \
             run again"
        }
        "53200" => "the server is out of memory: give it more, then run again",
        "53300" => "end idle sessions, or raise max_connections",
        // The error that was first came between two answers, and only the server knows it.
        "25P02" => {
            "a time limit or an administrator ended an earlier statement of the transaction: see the server's log, then run again"
        }
        "57014" => "somebody cancelled the statement, or a timeout did: see the server's log, then run again",
        "57P01" | "57P02" | "57P03" | "57P05" | "25P03" | "25P04" | "08000" | "08003" | "08006" => {
            "the server ended the session: see its log, then run again"
        }
        "55P03" => "stop what holds the lock, then run again",
        "40001" => {
            "the standby had to go on with its primary's changes: run again, or let it wait (max_standby_streaming_delay)"
        }
        "40P01" => "two sessions waited for each other: stop Karbor's services, then run again",
        "42501" => "grant the role what the message names, or connect as the owner of Karbor's tables",
        "25006" => "connect to the primary server, or let the role write (default_transaction_read_only)",
        "42P01" | "42703" => "the tables changed while the run was under way: run again",
        "0A000" => {
            "the server cannot do this with this table: write a script as the target, or see what the table is"
        }
        "XX001" | "XX002" => "the server's data is damaged: have it looked at before anything is written",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_row_is_found_in_any_language() {
        for (context, row) in [
            ("COPY plans, line 12", Some(12)),
            ("COPY plans, line 3, column id: \"x 99\"", Some(3)),
            ("COPY plans, Zeile 4, Spalte id", Some(4)),
            ("COPY plans, 行 7", Some(7)),
            ("SQL statement \"SELECT 1\"\nCOPY plans, line 8", Some(8)),
            ("COPY plans", None),
            ("COPY other, line 8", None),
            ("SQL statement \"SELECT 1\"", None),
        ] {
            assert_eq!(row_in(context, "plans"), row, "{context}");
        }
        assert_eq!(row_in("COPY t2024, line 5", "t2024"), Some(5));
    }
}
