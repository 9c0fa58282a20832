//! Why the settings cannot be used.

use crate::base::error::CommandError;
use crate::base::exit::Exit;
use crate::settings::key::Key;
use crate::settings::origin::GivenSetting;
use std::path::PathBuf;

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingError {
    /// A value that a setting cannot have.
    #[error("{said}: expected {}", said.key.accepts())]
    Value {
        /// The setting, its value and where it stands.
        said: GivenSetting,
    },
    /// A folder that cannot hold what comes through a pipe.
    #[error("{said}: {problem}")]
    SpoolDir {
        /// The setting, its value and where it stands.
        said: GivenSetting,
        /// What is wrong with the folder.
        problem: String,
    },
    /// The settings file cannot be read.
    #[error("{}: the settings file cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The settings file is not TOML.
    #[error("{}:{line}: {message}", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What the TOML reader says.
        message: String,
    },
    /// The target of a site is not written as a text.
    #[error("{}:{line}: target is no text", path.display())]
    SiteTarget {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// A password in a settings file.
    #[error("{}:{line}: a password stands in the target", path.display())]
    Password {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// The records beside two dumps name different time zones.
    #[error("{} says {first_zone}, and {} says {second_zone}: the dumps' nodes are in different time zones", first.display(), second.display())]
    Records {
        /// One record.
        first: PathBuf,
        /// Its zone.
        first_zone: String,
        /// The other.
        second: PathBuf,
        /// Its zone.
        second_zone: String,
    },
    /// The settings file has a key that is no setting.
    #[error("{}:{line}: there is no setting {key:?}", path.display())]
    UnknownKey {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The key.
        key: String,
    },
}

impl CommandError for SettingError {
    fn kind(&self) -> &'static str {
        "settings"
    }

    fn exit(&self) -> Exit {
        Exit::Usage
    }

    fn remedy(&self) -> Option<String> {
        match self {
            Self::UnknownKey { key, .. } if key == "target" => {
                Some("name the target with --target or ETL_TARGET".to_owned())
            }
            Self::UnknownKey { .. } => {
                let names: Vec<&str> = Key::ALL.iter().map(|key| key.name()).collect();
                Some(format!("the settings are {}", names.join(", ")))
            }
            Self::Records { .. } => Some(
                "say which one policies without a zone of their own are in: --server-timezone ZONE"
                    .to_owned(),
            ),
            Self::SpoolDir { .. } => Some("name a folder on disk with room for the dump".to_owned()),
            Self::Form { .. } => Some("a setting is a line such as: threads = 4".to_owned()),
            Self::SiteTarget { .. } => Some("write it as target = \"postgresql://…\"".to_owned()),
            Self::Password { .. } => {
                Some("leave it out: etl asks for it, or takes it from PGPASSWORD or ~/.pgpass".to_owned())
            }
            Self::Unreadable { .. } => {
                Some("name a text file in UTF-8 that this user may read: --config FILE".to_owned())
            }
            Self::Value { .. } => None,
        }
    }
}
