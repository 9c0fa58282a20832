//! Which target a text names: `postgresql://…`, `sqlite:PATH` or `*.db`, `*.sql`.

use crate::load::postgres::connect;
use std::fmt;
use std::path::PathBuf;

/// A target as named.
#[derive(Clone, PartialEq, Eq)]
pub enum Spec {
    /// A PostgreSQL server: a URI or a conninfo string, as libpq takes them.
    Postgres(String),
    /// An embedded database file.
    Sqlite(PathBuf),
    /// A script to be written.
    Script(PathBuf),
}

impl fmt::Debug for Spec {
    /// A connection string may hold a password and is not shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Postgres(_) => f.write_str("Postgres(…)"),
            Self::Sqlite(path) => f.debug_tuple("Sqlite").field(path).finish(),
            Self::Script(path) => f.debug_tuple("Script").field(path).finish(),
        }
    }
}

/// A text that names no target.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("no target is called {0:?}: name postgresql://HOST/DATABASE, sqlite:PATH or PATH.db, or PATH.sql")]
pub struct SpecError(pub String);

impl Spec {
    /// The target that `text` names.
    ///
    /// # Errors
    /// It names none; the error never shows a password.
    pub fn parse(text: &str) -> Result<Self, SpecError> {
        let lower = text.to_ascii_lowercase();
        let conninfo = ["host", "hostaddr", "service", "dbname", "user", "port"]
            .iter()
            .any(|key| lower.strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with('=')));
        if lower.starts_with("postgresql:") || lower.starts_with("postgres:") || conninfo {
            return Ok(Self::Postgres(text.to_owned()));
        }
        if let Some(path) = text.strip_prefix("sqlite:") {
            return if path.is_empty() {
                Err(SpecError(text.to_owned()))
            } else {
                Ok(Self::Sqlite(path.into()))
            };
        }
        match lower.rsplit_once('.') {
            Some((_, "db" | "sqlite" | "sqlite3")) => Ok(Self::Sqlite(text.into())),
            Some((_, "sql")) => Ok(Self::Script(text.into())),
            // Behind a scheme that is not ours a password may stand.
            _ if text.contains("://") => {
                Err(SpecError(format!("{}://…", text.split("://").next().unwrap_or_default())))
            }
            _ if connect::password_in(text) => Err(SpecError("(not shown: it holds a password)".to_owned())),
            _ => Err(SpecError(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_known_by_its_form() {
        for (text, spec) in [
            ("postgresql://h/d", Spec::Postgres("postgresql://h/d".into())),
            ("postgres://h", Spec::Postgres("postgres://h".into())),
            ("service=karbor", Spec::Postgres("service=karbor".into())),
            ("host = h dbname=d", Spec::Postgres("host = h dbname=d".into())),
            ("karbor.db", Spec::Sqlite("karbor.db".into())),
            ("sqlite:/x/any.sql", Spec::Sqlite("/x/any.sql".into())),
            ("out/karbor.SQL", Spec::Script("out/karbor.SQL".into())),
        ] {
            assert_eq!(Spec::parse(text), Ok(spec), "{text}");
        }
        for text in ["", "karbor", "mysql://h/d", "sqlite:", "karbor.txt"] {
            assert!(Spec::parse(text).is_err(), "{text}");
        }
        let refusal = Spec::parse("mysql://me:secret@h/d").unwrap_err().to_string();
        assert!(!refusal.contains("secret"), "{refusal}");
        let debug = format!("{:?}", Spec::Postgres("postgresql://me:secret@h/d".into()));
        assert!(!debug.contains("secret"), "{debug}");
    }
}
