//! What SQLite's errors mean to the operator.

use crate::error::Error;
use rusqlite::ErrorCode;
use rusqlite::ffi;
use std::path::{Path, PathBuf};

/// Puts errors of one file in words.
#[derive(Clone, Debug)]
pub(super) struct Explain {
    path: PathBuf,
}

impl Explain {
    /// For the file at `path`.
    pub(super) fn of(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// What happened to the file.
    pub(super) fn named(&self, what: &str) -> String {
        format!("{}: {what}", self.path.display())
    }

    /// An error that is about the file.
    #[allow(clippy::needless_pass_by_value, reason = "it is handed to map_err")]
    pub(super) fn error(&self, error: rusqlite::Error) -> Error {
        self.with(&error, None)
    }

    /// An error that came up while this was being done.
    pub(super) fn doing(&self, doing: &str, error: &rusqlite::Error) -> Error {
        self.with(error, Some(doing))
    }

    /// An error that came up at a row; `key` names it.
    pub(super) fn with(&self, error: &rusqlite::Error, key: Option<&str>) -> Error {
        let path = self.path.display();
        let said = match error {
            rusqlite::Error::SqliteFailure(_, Some(message)) => message.clone(),
            other => other.to_string(),
        };
        let (meaning, remedy) = meaning(error);
        let at = key.map(|key| format!(" ({key})")).unwrap_or_default();
        let what = match meaning {
            Some(meaning) => format!("{path}: {meaning}{at}: {said}"),
            None => format!("{path}: {said}{at}"),
        };
        Error::Target { what, remedy: remedy.map(str::to_owned) }
    }
}

fn meaning(error: &rusqlite::Error) -> (Option<&'static str>, Option<&'static str>) {
    let (Some(code), Some(inner)) = (error.sqlite_error_code(), error.sqlite_error()) else {
        return (None, None);
    };
    match (code, inner.extended_code) {
        (_, ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_UNIQUE) => (
            Some("a row with this key is in the target already or twice in the dumps"),
            Some("name a new file, or dumps that hold the row once"),
        ),
        (_, ffi::SQLITE_CONSTRAINT_FOREIGNKEY) => (
            Some("a row refers to one that is not there"),
            Some("keep the dumps and report it: etl writes no such row"),
        ),
        (ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked, _) => (
            Some("another run or program has it open"),
            Some("wait until that is over, or name another file"),
        ),
        (ErrorCode::DiskFull, _) => {
            (Some("the disk is full"), Some("make room, or name a file on another disk"))
        }
        (ErrorCode::ReadOnly | ErrorCode::PermissionDenied, _) => (
            Some("it cannot be written"),
            Some("let this user write the file and its folder, or name another one"),
        ),
        (ErrorCode::CannotOpen, _) => (
            Some("it cannot be opened"),
            Some("let this user read and write the file and its folder, or name another file"),
        ),
        (ErrorCode::NotADatabase, _) => {
            (Some("it is no SQLite database"), Some("name another file; one that does not exist is made"))
        }
        (ErrorCode::DatabaseCorrupt, _) => {
            (Some("the database is damaged"), Some("restore it from a backup, or name a new file"))
        }
        (ErrorCode::SystemIoFailure, _) => {
            (Some("the disk failed"), Some("look into the system's log, or name a file on another disk"))
        }
        _ => (None, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::Connection;

    #[track_caller]
    fn check(setup: &str, sql: &str, expected: &str) {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(setup).unwrap();
        let error = Explain::of(Path::new("x.db")).error(connection.execute_batch(sql).unwrap_err());
        let text = format!("{error} / {}", error.remedy().unwrap_or_default());
        assert!(text.starts_with(&format!("x.db: {expected}")), "{text}");
    }

    #[test]
    fn errors_say_what_they_mean_and_what_to_do() {
        let filled =
            "CREATE TABLE t (k text PRIMARY KEY, p text REFERENCES t (k)); INSERT INTO t VALUES ('a', NULL)";
        check(
            filled,
            "INSERT INTO t VALUES ('a', NULL)",
            "a row with this key is in the target already or twice in the dumps",
        );
        check(
            filled,
            "PRAGMA foreign_keys = ON; INSERT INTO t VALUES ('b', 'c')",
            "a row refers to one that is not there",
        );
        check(
            "PRAGMA max_page_count = 2; CREATE TABLE t (x)",
            "INSERT INTO t VALUES (zeroblob(99999))",
            "the disk is full",
        );
        check(
            "CREATE TABLE t (x); PRAGMA query_only = ON",
            "INSERT INTO t VALUES (1)",
            "it cannot be written",
        );
        check("", "SELECT * FROM absent", "no such table: absent");
    }

    #[test]
    fn a_rows_key_is_told() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE t (k text PRIMARY KEY)").unwrap();
        let error = connection.execute_batch("INSERT INTO t VALUES ('a'), ('a')").unwrap_err();
        let error = Explain::of(Path::new("x.db")).with(&error, Some("k \"a\"")).to_string();
        assert!(error.contains("(k \"a\"): UNIQUE constraint failed: t.k"), "{error}");
    }
}
