//! `etl run`: the cutover.

use super::conversion::convert;
use crate::cli::RunArgs;
use crate::error::Result;
use crate::exit::Exit;
use crate::options::Options;
use crate::report::Errand;
use crate::surroundings::Surroundings;
use std::io::Write;

/// Converts the dumps, loads them and commits.
pub(super) fn run(args: &RunArgs, surroundings: &Surroundings<'_>, out: &mut dyn Write) -> Result<Exit> {
    let options = Options::of_run(args, surroundings)?;
    convert(Errand::Run, &options, surroundings, out)
}
