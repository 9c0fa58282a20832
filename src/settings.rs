//! Settings from where they come (flag, environment, etl.toml, the record beside a dump, default), checked, as one typed
//! struct.
//!
//! A value is a text until it is checked here, so that it is refused in the same words wherever it came from; the
//! refusal names the place, the key, the value and what is accepted.

pub mod args;
pub mod columns;
pub mod dumps;
pub mod error;
pub mod file;
pub mod identity;
pub mod key;
pub mod output_args;
pub mod outputs;
pub mod places;
pub mod record;
pub mod records;
pub mod report_form;
pub mod site;
pub mod spool;
pub mod target;
pub mod value;

pub use file::{SettingsFile, SiteTarget};
pub use key::Key;

use crate::base::error::CommandError;
use crate::base::exit::Exit;
use crate::settings::args::SettingArgs;
use crate::ui::surroundings::Surroundings;
use parsers::scan::Limits;
use pipeline::settings::{ServerZone, ZoneOrigin};
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// The settings of a run, checked.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Those of the conversion.
    pub conversion: pipeline::settings::Settings,
    /// How dumps are cut and decoded.
    pub limits: Limits,
    /// Threads that convert.
    pub threads: usize,
    /// Where pipes are copied to, if that was said.
    pub spool_dir: Option<PathBuf>,
    /// What was said, and where, in the order of [`Key::ALL`].
    pub said: Vec<Said>,
}

/// A setting that somebody gave a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// The setting.
    pub key: Key,
    /// The value as it was written.
    pub value: String,
    /// Where it was written.
    pub origin: Origin,
}

/// Where a setting got its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// On the command line.
    Flag,
    /// In the environment.
    Environment,
    /// In the settings file, in this line.
    File {
        /// The file as named.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// In the record that `etl dump` wrote beside a dump.
    Record {
        /// The record.
        path: PathBuf,
    },
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (key, value) = (self.key, parsers::row::shortened(&self.value));
        match &self.origin {
            Origin::Flag => write!(f, "{} {value:?}", key.flag()),
            Origin::Environment => write!(f, "{}={value:?}", key.variable()),
            Origin::Record { path } => write!(f, "{}: {} = {value:?}", path.display(), key.name()),
            Origin::File { path, line } => write!(f, "{}:{line}: {} = {value:?}", path.display(), key.name()),
        }
    }
}

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingError {
    /// A value that a setting cannot have.
    #[error("{said}: expected {}", said.key.accepts())]
    Value {
        /// The setting, its value and where it stands.
        said: Said,
    },
    /// A folder that cannot hold what comes through a pipe.
    #[error("{said}: {problem}")]
    SpoolDir {
        /// The setting, its value and where it stands.
        said: Said,
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

impl Settings {
    /// Finds every setting's value and checks it.
    ///
    /// # Errors
    /// The first value that its setting cannot have.
    pub fn resolve(
        typed: &SettingArgs,
        surroundings: &Surroundings<'_>,
        file: &SettingsFile,
    ) -> Result<Self, SettingError> {
        let mut settings = Self {
            conversion: pipeline::settings::Settings::default(),
            limits: Limits::default(),
            threads: pipeline::options::default_threads(),
            spool_dir: None,
            said: Vec::new(),
        };
        for key in Key::ALL {
            let flag = || typed.typed(key).map(|value| (value.to_owned(), Origin::Flag));
            let variable = || surroundings.value(key.variable()).map(|value| (value, Origin::Environment));
            if let Some((value, origin)) = flag().or_else(variable).or_else(|| file.value(key)) {
                let said = Said { key, value, origin };
                settings.take(&said)?;
                settings.said.push(said);
            }
        }
        Ok(settings)
    }

    fn take(&mut self, said: &Said) -> Result<(), SettingError> {
        let text = said.value.as_str();
        let wrong = || SettingError::Value { said: said.clone() };
        let conversion = &mut self.conversion;
        match said.key {
            Key::ServerTimezone => {
                let zone = value::zone(text).ok_or_else(wrong)?;
                conversion.server_zone = ServerZone { zone, origin: zone_origin(&said.origin) };
            }
            Key::PolicyOn => conversion.policy_on = value::text(text, 255).ok_or_else(wrong)?,
            Key::EveryNDays => conversion.every_n_days = value::every_n_days(text).ok_or_else(wrong)?,
            Key::Unsteady => conversion.unsteady = value::unsteady(text).ok_or_else(wrong)?,
            Key::BackupServices => {
                conversion.backup_services = Some(value::list(text).ok_or_else(wrong)?);
            }
            Key::ProviderId => conversion.provider_id = value::text(text, 36).ok_or_else(wrong)?,
            Key::UserId => conversion.user_id = Some(value::text(text, 64).ok_or_else(wrong)?),
            Key::TrustId => conversion.trust_id = Some(value::text(text, 64).ok_or_else(wrong)?),
            Key::ServiceId => {
                conversion.service_id = Some(value::number(text, 1..=i64::from(i32::MAX)).ok_or_else(wrong)?);
            }
            Key::TriggerFormat => conversion.trigger_format = value::text(text, 64).ok_or_else(wrong)?,
            Key::Encoding => self.limits.sql_ascii = value::encoding(text).ok_or_else(wrong)?,
            Key::RowLimit => self.limits.row = value::row_limit(text).ok_or_else(wrong)?,
            Key::SpoolDir => {
                let unfit = |problem| SettingError::SpoolDir { said: said.clone(), problem };
                self.spool_dir = Some(crate::settings::spool::named(text).map_err(unfit)?);
            }
            Key::Threads => self.threads = value::number(text, 1..=value::THREADS_MOST).ok_or_else(wrong)?,
        }
        Ok(())
    }
}

/// What was said of settings that a conversion's result depends on, by key.
pub(crate) fn in_force(said: &[Said]) -> BTreeMap<String, String> {
    let matters = |said: &&Said| !matches!(said.key, Key::Threads | Key::SpoolDir);
    said.iter().filter(matters).map(|said| (said.key.name().to_owned(), said.value.clone())).collect()
}

fn zone_origin(origin: &Origin) -> ZoneOrigin {
    match origin {
        Origin::Flag => ZoneOrigin::Flag,
        Origin::Environment => ZoneOrigin::Environment,
        Origin::File { .. } => ZoneOrigin::SettingsFile,
        Origin::Record { .. } => ZoneOrigin::DumpRecord,
    }
}
