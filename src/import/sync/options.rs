//! What `etl sync` is to do, checked.

use crate::base::error::Result;
use crate::import::sync::args::SyncArgs;
use crate::settings::args::SettingArgs;
use crate::settings::columns::{Maps, read_columns};
use crate::settings::origin::GivenSetting;
use crate::settings::outputs::Outputs;
use crate::settings::target::Choice;
use crate::settings::{Settings, SettingsFile};
use crate::settings::{dumps, outputs, spool};
use crate::ui::environment::Environment;
use pipeline::load::names::TargetNames;
use std::path::PathBuf;

/// What `etl sync` is to do, checked.
#[derive(Debug)]
pub struct SyncOptions {
    /// The dumps, as named.
    pub dumps: Vec<String>,
    /// The target.
    pub target: Choice,
    /// The target's names of tables and columns.
    pub names: TargetNames,
    /// What the pipeline is told.
    pub pipeline: pipeline::sync::options::Options,
    /// Where pipes are copied to.
    pub spool_dir: PathBuf,
    /// What is told, and where.
    pub outputs: Outputs,
    /// The settings that were given, and where.
    pub said: Vec<GivenSetting>,
}

impl SyncOptions {
    /// Checks the arguments of `etl sync`.
    ///
    /// # Errors
    /// The first thing that is wrong with them.
    pub fn check(args: &SyncArgs, environment: &Environment<'_>) -> Result<Self> {
        let target = Choice::find(args.target.as_deref(), environment)?.unwrap_or_else(Choice::fallback);
        let file = SettingsFile::find(args.config.as_deref())?;
        let typed = SettingArgs { reading: args.reading.clone(), ..SettingArgs::default() };
        let settings = Settings::resolve(&typed, environment, &file)?;
        let Maps { sources, target: names, .. } = read_columns(args.columns.as_deref())?;
        let dumps = dumps::check(&args.dumps, environment.stdin_terminal)?;
        let outputs = Outputs::check(&args.outputs, environment);
        outputs::check_no_page(&outputs)?;
        outputs::check_places(&dumps, Some(&target), None, &outputs)?;
        outputs.check_force(target.path())?;
        let spool_dir = match settings.spool_dir {
            Some(folder) => folder,
            None => spool::unnamed(&dumps, environment)?,
        };
        Ok(Self {
            dumps: args.dumps.clone(),
            target,
            names,
            pipeline: pipeline::sync::options::Options { columns: sources, limits: settings.limits },
            spool_dir,
            outputs,
            said: settings.said,
        })
    }
}
