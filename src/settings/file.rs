//! etl.toml: settings by key, each with the line it stands in. Only the form is checked here.

use super::{Key, Origin, Said, SettingError};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use toml::Spanned;

/// The settings file that is taken where none is named.
const DEFAULT_PATH: &str = "etl.toml";

/// The settings of a file, or none.
#[derive(Clone, Debug, Default)]
pub struct SettingsFile {
    path: PathBuf,
    values: Vec<(Key, String, usize)>,
}

/// A file's keys and values with their places.
#[derive(Deserialize)]
struct Entries(BTreeMap<Spanned<String>, Spanned<toml::Value>>);

impl SettingsFile {
    /// Reads the file that was named, or the one in the current folder if there is one.
    ///
    /// # Errors
    /// It cannot be read, is not TOML, or has a key that is no setting.
    pub fn find(named: Option<&Path>) -> Result<Self, SettingError> {
        let path = named.unwrap_or(Path::new(DEFAULT_PATH));
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(path, &text),
            Err(error) if named.is_none() && error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => Err(SettingError::Unreadable { path: path.to_owned(), source }),
        }
    }

    /// Reads the text of a settings file.
    ///
    /// # Errors
    /// As [`SettingsFile::find`].
    pub fn parse(path: &Path, text: &str) -> Result<Self, SettingError> {
        let path = path.to_owned();
        let Entries(entries) = toml::from_str(text).map_err(|error| SettingError::Form {
            path: path.clone(),
            line: error.span().map_or(1, |span| line_of(text, span.start)),
            message: error.message().to_owned(),
        })?;
        let mut entries: Vec<_> = entries.into_iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        let mut values = Vec::new();
        for (key, value) in entries {
            let line = line_of(text, key.span().start);
            let Some(known) = Key::named(key.get_ref()) else {
                return Err(SettingError::UnknownKey { path, line, key: key.into_inner() });
            };
            match value.get_ref() {
                toml::Value::String(text) => values.push((known, text.clone(), line)),
                // A number needs no quotes.
                toml::Value::Integer(number) => values.push((known, number.to_string(), line)),
                _ => {
                    let value = text.get(value.span()).unwrap_or_default().to_owned();
                    let said = Said { key: known, value, origin: Origin::File { path, line } };
                    return Err(SettingError::Value { said });
                }
            }
        }
        Ok(Self { path, values })
    }

    /// The value of a setting, and where it stands.
    #[must_use]
    pub fn value(&self, key: Key) -> Option<(String, Origin)> {
        let (_, value, line) = self.values.iter().find(|(known, ..)| *known == key)?;
        Some((value.clone(), Origin::File { path: self.path.clone(), line: *line }))
    }
}

/// The line, from 1, that byte `at` of `text` is in.
pub(crate) fn line_of(text: &str, at: usize) -> usize {
    1 + text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<&[(Key, &str, usize)], &str>) {
        match (SettingsFile::parse(Path::new("etl.toml"), text), expected) {
            (Ok(file), Ok(expected)) => {
                let found: Vec<_> =
                    file.values.iter().map(|(key, value, line)| (*key, value.as_str(), *line)).collect();
                assert_eq!(found, expected, "{text}");
            }
            (Err(error), Err(expected)) => assert_eq!(error.to_string(), expected, "{text}"),
            (found, _) => panic!("{text}: {found:?}"),
        }
    }

    #[test]
    fn keys_have_lines_and_values_texts() {
        check("", Ok(&[]));
        check("# nothing\n\n", Ok(&[]));
        check(
            "\nthreads = 4\n# why\nprovider_id = \"a\"\nrow_limit = '8MiB'\n",
            Ok(&[(Key::Threads, "4", 2), (Key::ProviderId, "a", 4), (Key::RowLimit, "8MiB", 5)]),
        );
    }

    #[test]
    fn what_is_wrong_names_its_line() {
        check("threads = 4\n\nthread = 4\nzone = 1\n", Err("etl.toml:3: there is no setting \"thread\""));
        check("threads = 4\nthreads = 5\n", Err("etl.toml:2: duplicate key"));
        check(
            "threads = 4\nuser_id = a\n",
            Err("etl.toml:2: string values must be quoted, expected literal string"),
        );
        check("policy_on = true\n", Err("etl.toml:1: policy_on = \"true\": expected 1 to 255 characters"));
        check(
            "\nuser_id = [\"a\"]\n",
            Err("etl.toml:2: user_id = \"[\\\"a\\\"]\": expected an id of 1 to 64 characters"),
        );
        check("[target]\nname = 1\n", Err("etl.toml:1: there is no setting \"target\""));
    }

    #[test]
    fn a_secret_that_went_astray_is_not_repeated() {
        for text in
            ["target = \"postgresql://u:hunter2@h/d\"\n", "password = \"hunter2\"\n", "x = \"hunter2\n"]
        {
            let error = SettingsFile::parse(Path::new("etl.toml"), text).unwrap_err();
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }
}
