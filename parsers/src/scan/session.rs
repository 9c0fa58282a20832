//! What a dump sets for the session that loads it, by SET and by psql commands, as far as it changes how data reads.

use crate::encoding::Encoding;
use crate::error::{ErrorKind, Result};
use crate::position::Place;
use crate::scan::scanner::Session;
use crate::scan::scanner::{SHOWN_CHARS, Scanner};

impl Scanner<'_> {
    /// Passes a line that is a command of psql.
    pub(super) fn psql_command(&mut self) -> Result<()> {
        let place = self.reader.place();
        let line = self.line()?;
        let line = String::from_utf8_lossy(&line);
        let mut words = line.split_whitespace();
        let command = words.next().unwrap_or_default();
        if COMMANDS.binary_search(&command).is_err() {
            // `\.` and `\N` are data; a command that is not known may read another file.
            let data = !command.chars().skip(1).all(|c| c.is_ascii_lowercase());
            let found: String = line.trim_end().chars().take(SHOWN_CHARS).collect();
            return Err(match data {
                true => ErrorKind::StrayData { at: place },
                false => ErrorKind::NoStatement { at: place, found },
            }
            .into());
        }
        match command {
            "\\encoding" => {
                if let Some(name) = words.next() {
                    self.apply("client_encoding", name.trim_matches('\''), &place)?;
                }
            }
            "\\connect" | "\\c" => {
                let arguments = line.trim_start().get(command.len()..).unwrap_or_default();
                self.connect(arguments.trim());
            }
            _ => {}
        }
        Ok(())
    }

    /// Notes a setting, whoever made it.
    pub(super) fn apply(&mut self, name: &str, value: &str, at: &Place) -> Result<()> {
        match name {
            "client_encoding" => self.session.quoting.encoding = self.encoding(value, at)?,
            "standard_conforming_strings" => {
                let off = ["off", "false", "no", "0"];
                self.session.quoting.backslash_escapes = off.iter().any(|o| value.eq_ignore_ascii_case(o));
            }
            "search_path" if !value.is_empty() => value.clone_into(&mut self.session.schema),
            _ => {}
        }
        Ok(())
    }
}

impl Scanner<'_> {
    /// The encoding of a name.
    pub(super) fn encoding(&self, name: &str, at: &Place) -> Result<Encoding> {
        match Encoding::named(name) {
            Some(Encoding::SqlAscii) => Ok(self.limits.sql_ascii),
            Some(encoding) => Ok(encoding),
            None => Err(ErrorKind::Encoding { at: at.clone(), name: name.to_owned() }.into()),
        }
    }

    /// Goes on in another database, whose tables and settings are its own.
    fn connect(&mut self, arguments: &str) {
        self.session = Session::default();
        let Some(database) = connected(arguments) else { return };
        self.connected_again = true;
        if self.database.as_ref() != Some(&database) {
            self.created.clear();
            self.unknown_tables = 0;
            self.connected.insert(database.clone());
            self.database = Some(database);
        }
    }
}

/// The database that the arguments of `\connect` name; `None` where it stays the same. pg_dump writes a name that is odd as
/// `-reuse-previous=on "dbname='…'"` (`appendPsqlMetaConnect`).
fn connected(arguments: &str) -> Option<String> {
    let mut rest = arguments;
    while rest.starts_with("-reuse-previous") {
        rest = rest.split_once(' ').map_or("", |(_, rest)| rest.trim_start());
    }
    let first = match rest.strip_prefix('"').and_then(|rest| rest.split_once('"')) {
        Some((quoted, _)) => quoted.to_owned(),
        None => rest.split(' ').next().unwrap_or_default().trim_matches('\'').to_owned(),
    };
    let named = if let Some((_, value)) = first.split_once("dbname=") {
        match value.strip_prefix('\'') {
            Some(quoted) => unquoted(quoted),
            None => value.split(' ').next().unwrap_or_default().to_owned(),
        }
    } else if let Some((_, path)) = first.split_once("://") {
        let path = path.split('?').next().unwrap_or_default();
        path.split_once('/').map(|(_, name)| name.to_owned()).unwrap_or_default()
    } else if first.contains('=') {
        String::new()
    } else {
        first
    };
    (!named.is_empty() && named != "-").then_some(named)
}

/// A value of a connection string up to its quote; a backslash takes the next character as it is.
fn unquoted(text: &str) -> String {
    let mut value = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\'' => break,
            '\\' => value.extend(characters.next()),
            other => value.push(other),
        }
    }
    value
}

/// The psql commands that dump programs write, or that a hand may have added, and that bring no rows; sorted.
pub(super) const COMMANDS: [&str; 12] = [
    "\\c",
    "\\connect",
    "\\echo",
    "\\encoding",
    "\\pset",
    "\\qecho",
    "\\restrict",
    "\\set",
    "\\timing",
    "\\unrestrict",
    "\\unset",
    "\\warn",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_database_of_a_connect_command() {
        for (arguments, expected) in [
            ("cinder", Some("cinder")),
            ("\"My DB\"", Some("My DB")),
            ("cinder postgres /tmp 5432", Some("cinder")),
            ("- postgres", None),
            ("", None),
            ("-reuse-previous=on \"dbname='it\\'s nova'\"", Some("it's nova")),
            ("\"dbname=nova user=u\"", Some("nova")),
            ("\"host=h user=u\"", None),
            ("postgresql://u@h/nova?sslmode=disable", Some("nova")),
            ("'nova'", Some("nova")),
        ] {
            assert_eq!(connected(arguments).as_deref(), expected, "{arguments}");
        }
    }
}
