//! `etl run`: the cutover.

use crate::base::error::Result;
use crate::base::exit::Exit;
use crate::import::args::RunArgs;
use crate::import::conversion::convert;
use crate::import::options::Options;
use crate::import::report::summary::CommandKind;
use crate::ui::environment::Environment;
use std::io::Write;

/// Converts the dumps, loads them and commits.
pub(crate) fn run(args: &RunArgs, environment: &Environment<'_>, out: &mut dyn Write) -> Result<Exit> {
    let options = Options::of_run(args, environment)?;
    convert(CommandKind::Run, &options, environment, out)
}
