//! etl.toml: settings by key, each with the line it stands in. Only the form is checked here.

use crate::base::toml_document::line_of;
use crate::settings::key::Key;
use crate::settings::origin::{GivenSetting, Origin};
use crate::settings::setting_error::SettingError;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use toml::Spanned;

/// The settings file that is taken where none is named.
const DEFAULT_PATH: &str = "etl.toml";

/// The settings of a file, or none.
#[derive(Clone, Debug, Default)]
pub struct SettingsFile {
    values: Vec<(Key, String, Origin)>,
    target: Option<SiteTarget>,
}

/// The target that a site's file names.
#[derive(Clone)]
pub struct SiteTarget {
    /// The target as written; it holds no password.
    pub text: String,
    /// The file.
    pub path: PathBuf,
    /// The line, from 1.
    pub line: usize,
}

impl fmt::Debug for SiteTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the target of {}:{}", self.path.display(), self.line)
    }
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
        Self::read(path, text, false)
    }

    /// Reads the file of a site's folder, if there is one. Beside settings it may name the site's target, which a file for
    /// every run may not: there it would be loaded by mistake.
    ///
    /// # Errors
    /// As [`SettingsFile::find`], or the target holds a password.
    pub fn of_site(folder: &Path) -> Result<Self, SettingError> {
        let path = folder.join(DEFAULT_PATH);
        match std::fs::read_to_string(&path) {
            Ok(text) => Self::read(&path, &text, true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => Err(SettingError::Unreadable { path, source }),
        }
    }

    /// This file's settings, and those of `below` that it does not have.
    #[must_use]
    pub fn over(mut self, below: &Self) -> Self {
        self.values.extend(below.values.iter().cloned());
        self
    }

    /// The target that a site's file names.
    #[must_use]
    pub fn target(&self) -> Option<&SiteTarget> {
        self.target.as_ref()
    }

    fn read(path: &Path, text: &str, of_site: bool) -> Result<Self, SettingError> {
        let path = path.to_owned();
        let Entries(entries) = toml::from_str(text).map_err(|error| SettingError::Form {
            path: path.clone(),
            line: error.span().map_or(1, |span| line_of(text, span.start)),
            message: error.message().to_owned(),
        })?;
        let mut entries: Vec<_> = entries.into_iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        let mut file = Self::default();
        for (key, value) in entries {
            let line = line_of(text, key.span().start);
            if of_site && key.get_ref() == "target" {
                let toml::Value::String(text) = value.into_inner() else {
                    return Err(SettingError::SiteTarget { path, line });
                };
                if crate::settings::password_text::may_hold_password(&text) {
                    return Err(SettingError::Password { path, line });
                }
                file.target = Some(SiteTarget { text, path: path.clone(), line });
                continue;
            }
            let origin = Origin::File { path: path.clone(), line };
            let Some(known) = Key::named(key.get_ref()) else {
                return Err(SettingError::UnknownKey { path, line, key: key.into_inner() });
            };
            match value.get_ref() {
                toml::Value::String(text) => file.values.push((known, text.clone(), origin)),
                // A number needs no quotes.
                toml::Value::Integer(number) => file.values.push((known, number.to_string(), origin)),
                _ => {
                    let value = text.get(value.span()).unwrap_or_default().to_owned();
                    let said = GivenSetting { key: known, value, origin };
                    return Err(SettingError::Value { said });
                }
            }
        }
        Ok(file)
    }

    /// The value of a setting, and where it stands.
    #[must_use]
    pub fn value(&self, key: Key) -> Option<(String, Origin)> {
        let (_, value, origin) = self.values.iter().find(|(known, ..)| *known == key)?;
        Some((value.clone(), origin.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::error::CommandError as _;

    #[track_caller]
    fn check(text: &str, expected: Result<&[(Key, &str, usize)], &str>) {
        match (SettingsFile::parse(Path::new("etl.toml"), text), expected) {
            (Ok(file), Ok(expected)) => {
                let found =
                    file.values.iter().map(|(key, value, origin)| (*key, value.as_str(), origin.clone()));
                let at = |line| Origin::File { path: "etl.toml".into(), line };
                let expected = expected.iter().map(|(key, value, line)| (*key, *value, at(*line)));
                assert_eq!(found.collect::<Vec<_>>(), expected.collect::<Vec<_>>(), "{text}");
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
    fn a_sites_file_may_name_its_target_and_wins_over_the_common_one() {
        let site = |text: &str| SettingsFile::read(Path::new("a/etl.toml"), text, true);
        let common = SettingsFile::parse(Path::new("etl.toml"), "threads = 4\npolicy_on = 1\n").unwrap();
        let file = site("target = \"karbor.db\"\nthreads = 2\n").unwrap().over(&common);
        let target = file.target().unwrap();
        assert_eq!((target.text.as_str(), target.line), ("karbor.db", 1));
        let values =
            [Key::Threads, Key::PolicyOn, Key::UserId].map(|key| file.value(key).map(|found| found.0));
        assert_eq!(values, [Some("2".to_owned()), Some("1".to_owned()), None]);
        assert_eq!(site("\ntarget = 1\n").unwrap_err().to_string(), "a/etl.toml:2: target is no text");
        let secret = site("target = \"postgresql://u:hunter2@h/d\"\n").unwrap_err();
        assert_eq!(secret.to_string(), "a/etl.toml:1: a password stands in the target");
        assert!(secret.remedy().is_some());
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
