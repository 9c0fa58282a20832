//! The options as checked: what remains of the arguments once everything that can be known beforehand is known.
//!
//! Nothing past this module sees an unchecked argument, and nothing is read or written before all are checked.

use crate::base::clock::now;
use crate::base::error::Result;
use crate::import::args::{CheckArgs, ConversionArgs, RunArgs};
use crate::import::report::summary::Inputs;
use crate::settings::columns::{Maps, read_columns};
use crate::settings::error::OptionError;
use crate::settings::origin::GivenSetting;
use crate::settings::outputs::Outputs;
use crate::settings::target::Choice;
use crate::settings::{Settings, SettingsFile};
use crate::ui::environment::Environment;
use pipeline::compare::Prune;
use pipeline::files::place::Foreign;
use pipeline::load::names::TargetNames;
use pipeline::options::Mode;
use schedules::firings::horizon::{DEFAULT_HORIZON_DAYS, Horizon};
use std::path::{Path, PathBuf};

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
    pub said: Vec<GivenSetting>,
    /// The map of tables and columns, where one was named.
    pub map: Option<PathBuf>,
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
    pub fn of_run(args: &RunArgs, environment: &Environment<'_>) -> Result<Self> {
        let target = Choice::find(args.target.as_deref(), environment)?;
        let target = target.unwrap_or_else(Choice::fallback);
        let options =
            Self::check(&args.conversion, Some(target), args.rejects.as_deref(), Mode::Run, environment)?;
        options.check_force()?;
        Ok(options)
    }

    /// Checks the arguments of `etl check`.
    ///
    /// # Errors
    /// The first thing that is wrong with them.
    pub fn of_check(args: &CheckArgs, environment: &Environment<'_>) -> Result<Self> {
        let target = Choice::find(args.target.as_deref(), environment)?;
        let mode = match (args.full, &target) {
            (true, None) => return Err(OptionError::FullWithoutTarget.into()),
            (true, Some(_)) => Mode::FullCheck,
            (false, _) => Mode::Check,
        };
        let mut options = Self::check(&args.conversion, target, None, mode, environment)?;
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
        environment: &Environment<'_>,
    ) -> Result<Self> {
        let file = SettingsFile::find(args.settings.config.as_deref())?;
        let settings = Settings::resolve(&args.settings, environment, &file)?;
        let outcomes = args.outcomes.clone();
        let outputs = Outputs { outcomes, ..Outputs::check(&args.outputs, environment) };
        let inputs = (args.dumps.as_slice(), args.columns.as_deref());
        let prune = args.prune.map_or(Prune::No, |typed| Prune::Yes { typed });
        Self::assemble(inputs, settings, (target, rejects, prune, mode), outputs, environment)
    }

    /// What it is done with: the files are read for their digests only where a report is to say them.
    ///
    /// # Errors
    /// That of `go_on`.
    pub(crate) fn inputs<E>(
        &self,
        go_on: impl FnMut() -> std::result::Result<(), E>,
    ) -> std::result::Result<Inputs, E> {
        let wanted = self.outputs.report.is_some();
        let dumps = self.dumps.iter().map(|dump| ("dump", Path::new(dump)));
        let files = dumps.chain(self.map.as_deref().map(|map| ("map", map)));
        Inputs::read(&self.said, files.filter(|_| wanted), go_on)
    }

    pub(crate) fn check_force(&self) -> std::result::Result<(), OptionError> {
        let target = self.target.as_ref().and_then(Choice::path);
        self.outputs.check_force(target.into_iter().chain(self.pipeline.rejects.as_deref()))
    }

    /// Puts what was checked together, and checks what goes together.
    pub(crate) fn assemble(
        (dumps, columns): (&[String], Option<&Path>),
        mut settings: Settings,
        (target, rejects, prune, mode): (Option<Choice>, Option<&Path>, Prune, Mode),
        outputs: Outputs,
        environment: &Environment<'_>,
    ) -> Result<Self> {
        let maps = read_columns(columns)?;
        let used = maps.used();
        let Maps { sources, target: names, .. } = maps;
        let checked = crate::settings::dumps::check(dumps, environment.stdin_terminal)?;
        crate::settings::outputs::check_places(&checked, target.as_ref(), rejects, &outputs)?;
        let mut remarks = settings.take_recorded_zone(dumps)?;
        remarks.extend(used);
        let spool_dir = match settings.spool_dir {
            Some(folder) => folder,
            None => crate::settings::spool::unnamed(&checked, environment)?,
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
                noting: outputs.noting(),
                proof: Some(Horizon::new(now(), DEFAULT_HORIZON_DAYS)),
                tuning: pipeline::options::tuning(&spool_dir),
                mode,
            },
            spool_dir,
            outputs,
            said: settings.said,
            map: columns.map(Path::to_owned),
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
    Ok(crate::settings::site::contents(folder, None)?.dumps)
}
