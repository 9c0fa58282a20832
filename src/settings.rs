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
pub mod origin;
pub mod output_args;
pub mod outputs;
pub mod password_text;
pub mod places;
pub mod record;
pub mod records;
pub mod report_form;
pub mod setting_error;
pub mod site;
pub mod spool;
pub mod target;
pub mod value;

pub use file::{SettingsFile, SiteTarget};
pub use key::Key;

use crate::settings::args::SettingArgs;
use crate::settings::origin::{GivenSetting, Origin};
use crate::settings::setting_error::SettingError;
use crate::ui::environment::Environment;
use parsers::scan::Limits;
use pipeline::settings::{ServerZone, ZoneOrigin};
use std::collections::BTreeMap;
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
    pub said: Vec<GivenSetting>,
}

impl Settings {
    /// Finds every setting's value and checks it.
    ///
    /// # Errors
    /// The first value that its setting cannot have.
    pub fn resolve(
        typed: &SettingArgs,
        environment: &Environment<'_>,
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
            let variable = || environment.value(key.variable()).map(|value| (value, Origin::Environment));
            if let Some((value, origin)) = flag().or_else(variable).or_else(|| file.value(key)) {
                let said = GivenSetting { key, value, origin };
                settings.take(&said)?;
                settings.said.push(said);
            }
        }
        Ok(settings)
    }

    fn take(&mut self, said: &GivenSetting) -> Result<(), SettingError> {
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
pub(crate) fn in_force(said: &[GivenSetting]) -> BTreeMap<String, String> {
    let matters = |said: &&GivenSetting| !matches!(said.key, Key::Threads | Key::SpoolDir);
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
