//! The options as checked: what remains of the arguments once everything that can be known beforehand is known.
//!
//! Nothing past this module sees an unchecked argument, and nothing is read or written before all are checked.

mod batch;
mod columns;
mod dump;
mod dumps;
mod error;
mod identity;
mod maintenance;
mod outputs;
mod places;
mod purge;
mod site;
pub(crate) mod spool;
mod sync;
mod target;
mod verify;

pub use batch::{BatchOptions, Site};
pub use columns::{Maps, SourceEntry, read as read_columns};
pub use dump::DumpOptions;
pub use error::OptionError;
pub use identity::Role;
pub use maintenance::{RollbackOptions, StatusOptions};
pub(crate) use outputs::check_cutover;
pub use outputs::{Log, Outputs};
pub(crate) use places::foreign;
pub use purge::PurgeOptions;
pub use sync::SyncOptions;
pub(crate) use target::may_hold_password;
pub use target::{Choice, NamedBy, password_in_arguments};

use crate::cli::{CheckArgs, ConversionArgs, RunArgs};
use crate::error::Result;
use crate::settings::{Said, Settings, SettingsFile};
use crate::surroundings::Surroundings;
use pipeline::compare::Prune;
use pipeline::files::Foreign;
use pipeline::firings::{DEFAULT_HORIZON_DAYS, Horizon};
use pipeline::load::names::TargetNames;
use pipeline::options::Mode;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What `etl run` or `etl check` is to do, checked.
#[derive(Clone, Debug)]
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
    /// What is to be told of records beside the dumps that are not used.
    pub remarks: Vec<String>,
    /// Whether rows of other sites lie in the target too.
    pub shared: bool,
}

impl Options {
    /// Checks the arguments of `etl run`.
    ///
    /// # Errors
    /// The first thing that is wrong with them.
    pub fn of_run(args: &RunArgs, surroundings: &Surroundings<'_>) -> Result<Self> {
        let target = Choice::find(args.target.as_deref(), surroundings)?;
        let target = target.unwrap_or_else(Choice::fallback);
        let options =
            Self::check(&args.conversion, Some(target), args.rejects.as_deref(), Mode::Run, surroundings)?;
        options.check_force()?;
        Ok(options)
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
        let mut options = Self::check(&args.conversion, target, None, mode, surroundings)?;
        for name in &args.assume_absent {
            let (table, column) = name.split_once('.').unwrap_or((name, ""));
            let assumed = options.pipeline.columns.assume_absent(table, column);
            assumed.map_err(|problem| OptionError::AssumedAbsent { name: name.clone(), problem })?;
        }
        if !args.assume_absent.is_empty() {
            options.remarks.push(format!("assumed absent for this check: {}", args.assume_absent.join(", ")));
        }
        options.check_force()?;
        Ok(options)
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
        let outputs = Outputs::check(&args.outputs, surroundings);
        let inputs = (args.dumps.as_slice(), args.columns.as_deref());
        let prune = args.prune.map_or(Prune::No, |typed| Prune::Yes { typed });
        Self::assemble(inputs, settings, (target, rejects, prune, mode), outputs, surroundings)
    }

    fn check_force(&self) -> std::result::Result<(), OptionError> {
        let target = self.target.as_ref().and_then(Choice::path);
        self.outputs.check_force(target.into_iter().chain(self.pipeline.rejects.as_deref()))
    }

    /// Puts what was checked together, and checks what goes together.
    fn assemble(
        (dumps, columns): (&[String], Option<&Path>),
        mut settings: Settings,
        (target, rejects, prune, mode): (Option<Choice>, Option<&Path>, Prune, Mode),
        outputs: Outputs,
        surroundings: &Surroundings<'_>,
    ) -> Result<Self> {
        let maps = read_columns(columns)?;
        let used = maps.used();
        let Maps { sources, target: names, .. } = maps;
        let checked = dumps::check(dumps, surroundings.stdin_terminal)?;
        outputs::check_places(&checked, target.as_ref(), rejects, &outputs)?;
        let mut remarks = settings.take_recorded_zone(dumps)?;
        remarks.extend(used);
        let spool_dir = match settings.spool_dir {
            Some(folder) => folder,
            None => spool::unnamed(&checked, surroundings)?,
        };
        Ok(Self {
            dumps: dumps.to_vec(),
            target,
            names,
            pipeline: pipeline::options::Options {
                settings: settings.conversion,
                columns: sources,
                limits: settings.limits,
                threads: settings.threads,
                rejects: rejects.map(Path::to_owned),
                rejects_taken: rejects.map_or(Foreign::Refuse, |path| outputs.foreign(path)),
                prune,
                proof: Some(Horizon::new(now(), DEFAULT_HORIZON_DAYS)),
                tuning: pipeline::options::tuning(&spool_dir),
                mode,
            },
            spool_dir,
            outputs,
            said: settings.said,
            remarks,
            shared: false,
        })
    }
}

/// The dumps that lie in a folder, whoever put them there; records beside them are none.
///
/// # Errors
/// There are none, or the folder cannot be read.
pub(crate) fn dumps_in(folder: &Path) -> std::result::Result<Vec<String>, OptionError> {
    Ok(site::contents(folder, None)?.dumps)
}

/// Seconds since 1970-01-01 00:00:00 UTC.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(0)
}
