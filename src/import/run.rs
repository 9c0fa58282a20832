//! `etl run`: the cutover.

use crate::base::error::Result;
use crate::base::exit::Exit;
use crate::import::args::RunArgs;
use crate::import::conversion::convert;
use crate::import::options::Options;
use crate::import::report::summary::Errand;
use crate::ui::surroundings::Surroundings;
use std::io::Write;

/// Converts the dumps, loads them and commits.
pub(crate) fn run(args: &RunArgs, surroundings: &Surroundings<'_>, out: &mut dyn Write) -> Result<Exit> {
    let options = Options::of_run(args, surroundings)?;
    convert(Errand::Run, &options, surroundings, out)
}
