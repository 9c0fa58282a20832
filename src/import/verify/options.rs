//! What `etl verify` is to do, checked.

use crate::base::clock::now;
use crate::base::error::Result;
use crate::import::options::Options;
use crate::import::verify::args::VerifyArgs;
use crate::settings::outputs::Outputs;
use crate::settings::target::Choice;
use crate::settings::{Settings, SettingsFile};
use crate::ui::environment::Environment;
use pipeline::compare::Prune;
use pipeline::options::Mode;
use schedules::firings::horizon::Horizon;

impl Options {
    /// Checks the arguments of `etl verify`: those of a check, with a target in any case.
    ///
    /// # Errors
    /// The first thing that is wrong with them.
    pub fn of_verify(args: &VerifyArgs, environment: &Environment<'_>) -> Result<Self> {
        let target = Choice::find(args.target.as_deref(), environment)?.unwrap_or_else(Choice::fallback);
        let file = SettingsFile::find(args.settings.config.as_deref())?;
        let settings = Settings::resolve(&args.settings, environment, &file)?;
        let outputs = Outputs::check(&args.outputs, environment);
        let inputs = (args.dumps.as_slice(), args.columns.as_deref());
        let goal = (Some(target), None, Prune::No, Mode::Check);
        let mut options = Self::assemble(inputs, settings, goal, outputs, environment)?;
        options.check_force()?;
        options.pipeline.proof = Some(Horizon::new(now(), args.horizon));
        Ok(options)
    }
}
