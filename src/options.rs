//! The options as checked: what remains of the arguments once everything that can be known beforehand is known.
//!
//! Nothing past this module sees an unchecked argument, and nothing is read or written before all are checked.

mod columns;
mod dumps;
mod error;
mod identity;
mod outputs;
mod purge;
pub(crate) mod spool;
mod target;

pub use columns::{Maps, SourceEntry, read as read_columns};
pub use error::OptionError;
pub use identity::Role;
pub(crate) use outputs::part_of;
pub use outputs::{Log, Outputs};
pub use purge::PurgeOptions;
pub use target::{Choice, NamedBy, password_in_arguments};

use crate::cli::{CheckArgs, ConversionArgs, RunArgs};
use crate::error::Result;
use crate::settings::{Said, Settings, SettingsFile};
use crate::surroundings::Surroundings;
use pipeline::load::names::TargetNames;
use pipeline::options::Mode;
use std::path::{Path, PathBuf};

/// What `etl run` or `etl check` is to do, checked.
#[derive(Debug)]
pub struct Options {
    /// The dumps, as named.
    pub dumps: Vec<String>,
    /// The target; a check may have none.
    pub target: Option<Choice>,
    /// The target's names of tables and columns.
    pub names: TargetNames,
    /// What the pipeline is told.
    pub pipeline: pipeline::options::Options,
    /// Where pipes are copied to.
    pub spool_dir: PathBuf,
    /// What is told of the run, and where.
    pub outputs: Outputs,
    /// The settings that were given, and where.
    pub said: Vec<Said>,
}

impl Options {
    /// Checks the arguments of `etl run`.
    ///
    /// # Errors
    /// The first thing that is wrong with them.
    pub fn of_run(args: &RunArgs, surroundings: &Surroundings<'_>) -> Result<Self> {
        let target = Choice::find(args.target.as_deref(), surroundings)?;
        let target = target.unwrap_or_else(Choice::fallback);
        Self::check(&args.conversion, Some(target), args.rejects.as_deref(), Mode::Run, surroundings)
    }

    /// Checks the arguments of `etl check`.
    ///
    /// # Errors
    /// The first thing that is wrong with them.
    pub fn of_check(args: &CheckArgs, surroundings: &Surroundings<'_>) -> Result<Self> {
        let target = Choice::find(args.target.as_deref(), surroundings)?;
        let mode = match (args.full, &target) {
            (true, None) => return Err(OptionError::FullWithoutTarget.into()),
            (true, Some(_)) => Mode::FullCheck,
            (false, _) => Mode::Check,
        };
        Self::check(&args.conversion, target, None, mode, surroundings)
    }

    fn check(
        args: &ConversionArgs,
        target: Option<Choice>,
        rejects: Option<&Path>,
        mode: Mode,
        surroundings: &Surroundings<'_>,
    ) -> Result<Self> {
        let file = SettingsFile::find(args.settings.config.as_deref())?;
        let settings = Settings::resolve(&args.settings, surroundings, &file)?;
        let Maps { sources, target: names, .. } = read_columns(args.columns.as_deref())?;
        let dumps = dumps::check(&args.dumps, surroundings.stdin_terminal)?;
        let outputs = Outputs::check(&args.outputs, surroundings);
        outputs::check_places(&dumps, target.as_ref(), rejects, &outputs)?;
        let spool_dir = match settings.spool_dir {
            Some(folder) => folder,
            None => spool::unnamed(&dumps, surroundings)?,
        };
        Ok(Self {
            dumps: args.dumps.clone(),
            target,
            names,
            pipeline: pipeline::options::Options {
                settings: settings.conversion,
                columns: sources,
                limits: settings.limits,
                threads: settings.threads,
                rejects: rejects.map(Path::to_owned),
                mode,
            },
            spool_dir,
            outputs,
            said: settings.said,
        })
    }
}
