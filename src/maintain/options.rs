//! What `etl rollback` and `etl status` are to do, checked.

use crate::base::error::Result;
use crate::import::options::Options;
use crate::maintain::args::{RollbackArgs, SourceChoice, StatusArgs};
use crate::settings::columns::{Maps, read_columns};
use crate::settings::error::OptionError;
use crate::settings::outputs;
use crate::settings::outputs::Outputs;
use crate::settings::target::Choice;
use crate::settings::{Settings, SettingsFile};
use crate::ui::environment::Environment;
use pipeline::compare::Prune;
use pipeline::karbor::Source;
use pipeline::load::names::TargetNames;
use pipeline::load::spec::Spec;
use pipeline::options::Mode;
use pipeline::removal::request::{OnDependents, Request, Scope};

/// What `etl rollback` is to do.
#[derive(Debug)]
pub struct RollbackOptions {
    /// Where.
    pub target: Choice,
    /// The target's names of tables and columns.
    pub names: TargetNames,
    /// What is to go.
    pub request: Request,
    /// Nothing is deleted.
    pub dry_run: bool,
    /// Nothing is asked.
    pub yes: bool,
    /// How the dumps are compared with the target, where there are any.
    pub comparison: Option<Options>,
    /// What is told, and where.
    pub outputs: Outputs,
}

impl RollbackOptions {
    /// Checks the arguments.
    ///
    /// # Errors
    /// The first thing that is wrong with them.
    pub fn check(args: &RollbackArgs, environment: &Environment<'_>) -> Result<Self> {
        let target = Choice::find(args.target.as_deref(), environment)?.ok_or(OptionError::NoTarget)?;
        let script = matches!(target.spec, Spec::Script(_));
        if script && args.dry_run {
            return Err(OptionError::NothingToShow.into());
        }
        let watched = environment.stdin_terminal && environment.stderr_terminal;
        if !(args.yes || args.dry_run || script || watched) {
            return Err(OptionError::NobodyToAsk.into());
        }
        let Maps { target: names, .. } = read_columns(args.columns.as_deref())?;
        let outputs = Outputs::check(&args.outputs, environment);
        outputs::check_no_page(&outputs)?;
        outputs::check_places(&[], Some(&target), None, &outputs)?;
        outputs.check_force(target.path())?;
        let comparison = Self::comparison(args, &target, &outputs, environment)?;
        let scope = match args.source {
            SourceChoice::Vbs => Scope::Of(Source::Vbs),
            SourceChoice::Dps => Scope::Of(Source::Dps),
            SourceChoice::All => Scope::All,
        };
        let dependents = match (args.with_dependents, args.keep_edited) {
            (true, _) => OnDependents::Take,
            (false, true) => OnDependents::KeepFamilies,
            (false, false) => OnDependents::Refuse,
        };
        let (dry_run, yes) = (args.dry_run, args.yes);
        Ok(Self { target, names, request: Request { scope, dependents }, dry_run, yes, comparison, outputs })
    }

    fn comparison(
        args: &RollbackArgs,
        target: &Choice,
        outputs: &Outputs,
        environment: &Environment<'_>,
    ) -> Result<Option<Options>> {
        if args.dumps.is_empty() {
            return Ok(None);
        }
        if matches!(target.spec, Spec::Script(_)) {
            return Err(OptionError::NothingToShow.into());
        }
        let file = SettingsFile::find(args.settings.config.as_deref())?;
        let settings = Settings::resolve(&args.settings, environment, &file)?;
        let inputs = (args.dumps.as_slice(), args.columns.as_deref());
        let what = (Some(target.clone()), None, Prune::No, Mode::Check);
        Options::assemble(inputs, settings, what, outputs.clone(), environment).map(Some)
    }
}

/// What `etl status` is to do.
#[derive(Debug)]
pub struct StatusOptions {
    /// Where.
    pub target: Choice,
    /// The target's names of tables and columns.
    pub names: TargetNames,
    /// JSON instead of text.
    pub json: bool,
    /// What is told, and where: no file.
    pub outputs: Outputs,
}

impl StatusOptions {
    /// Checks the arguments.
    ///
    /// # Errors
    /// The first thing that is wrong with them.
    pub fn check(args: &StatusArgs, environment: &Environment<'_>) -> Result<Self> {
        let target = Choice::find(args.target.as_deref(), environment)?.ok_or(OptionError::NoTarget)?;
        if matches!(target.spec, Spec::Script(_)) {
            return Err(OptionError::NothingToShow.into());
        }
        let Maps { target: names, .. } = read_columns(args.columns.as_deref())?;
        let outputs = Outputs::printed(environment);
        Ok(Self { target, names, json: args.json, outputs })
    }
}
