//! What a dump sets for the session that loads it, by SET and by psql commands, as far as it changes how data reads.

use super::{SHOWN_CHARS, Scanner};
use crate::encoding::Encoding;
use crate::error::{ErrorKind, Result};
use crate::lexer::Quoting;
use crate::position::Place;

/// Session settings that a dump makes for itself.
#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) quoting: Quoting,
    pub(super) schema: String,
}

impl Default for Session {
    fn default() -> Self {
        Self { quoting: Quoting::default(), schema: "public".to_owned() }
    }
}

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
                self.session = Session::default();
            }
            _ => {}
        }
        Ok(())
    }

    /// Notes a setting, whoever made it.
    pub(super) fn apply(&mut self, name: &str, value: &str, at: &Place) -> Result<()> {
        match name {
            "client_encoding" => {
                let encoding = Encoding::named(value)
                    .ok_or_else(|| ErrorKind::Encoding { at: at.clone(), name: value.to_owned() })?;
                let told = encoding == Encoding::SqlAscii;
                self.session.quoting.encoding = if told { self.limits.sql_ascii } else { encoding };
            }
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
