//! Which target a text names: `postgresql://…`, `sqlite:PATH` or `*.db`, `*.sql`.

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

/// A text that names no target. It is not repeated: what is not understood may contain a password.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("this names no target: name postgresql://HOST/DATABASE, sqlite:PATH or PATH.db, or PATH.sql")]
pub struct SpecError;

/// Whether a text has the form `user:password@…`, with a scheme in front of it or not, or contains `password=` behind a
/// separator: a connection string of another program, or a mistyped one.
#[must_use]
pub fn may_contain_password(text: &str) -> bool {
    let credentials = |text: &str| {
        text.split_once(':').is_some_and(|(user, rest)| {
            !user.contains(['/', '@'])
                && !rest.starts_with('/')
                && rest.split_once('@').is_some_and(|(password, _)| !password.is_empty())
        })
    };
    let parameter = || {
        let separated = text.split_once([';', ',', '&', '?']).map(|(_, rest)| rest);
        separated.is_some_and(connect::names_password)
            || text.contains('=') && { text.split_whitespace().skip(1).any(connect::names_password) }
    };
    credentials(text) || text.split_once("//").is_some_and(|(_, rest)| credentials(rest)) || parameter()
}

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
            return if path.is_empty() { Err(SpecError) } else { Ok(Self::Sqlite(path.into())) };
        }
        // With the scheme sqlite: any path can be written.
        if may_contain_password(text) {
            return Err(SpecError);
        }
        match lower.rsplit_once('.') {
            Some((_, "db" | "sqlite" | "sqlite3")) => Ok(Self::Sqlite(text.into())),
            Some((_, "sql")) => Ok(Self::Script(text.into())),
            _ => Err(SpecError),
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
        for text in ["a:b.db", "a@b.db", "/srv/a:b@c.db", "./u:b@c.sql", "host:/a@b.sql", "password=.sql"] {
            assert!(!may_contain_password(text) && Spec::parse(text).is_ok(), "{text}");
        }
        for text in [
            "mysql://me:secret@h/d",
            "me:secret@h:5432/d",
            "postgres//me:secret@h/d.db",
            "Server=h;Password=secret",
            "Server=h, pwd = secret;x.db",
            "server=h Password=secret",
            "me:secret@h/d.db",
            "me:sec/ret@h/d.sql",
        ] {
            assert!(may_contain_password(text), "{text}");
            let refusal = Spec::parse(text).unwrap_err().to_string();
            assert!(!refusal.contains("sec") && !refusal.contains("me:"), "{refusal}");
        }
        let debug = format!("{:?}", Spec::Postgres("postgresql://me:secret@h/d".into()));
        assert!(!debug.contains("secret"), "{debug}");
    }
}
