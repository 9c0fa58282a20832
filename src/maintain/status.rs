//! `etl status`: what a target holds of imports.

pub mod report;

use crate::base::error::{Error, Result};
use crate::base::exit::Exit;
use crate::base::text::printable_json;
use crate::import::report::json::Brief;
use crate::maintain::args::StatusArgs;
use crate::maintain::options::StatusOptions;
use crate::session::{Standing, context};
use crate::ui::surroundings::Surroundings;
use pipeline::load;
use std::time::Instant;

/// The status as text or JSON.
pub(crate) fn status(args: &StatusArgs, surroundings: &Surroundings<'_>) -> Result<String> {
    let started = Instant::now();
    let options = StatusOptions::check(args, surroundings)?;
    let standing = Standing::new(&options.outputs, &surroundings.typed())?;
    let target = load::open(&options.target.spec, context(&options.names, &standing, (standing.ask)()))?;
    let status = standing.stopped(pipeline::status::status(target))?;
    if !options.json {
        return Ok(report::text(&status, options.outputs.paper));
    }
    let document = Brief::new("status", Ok(Exit::Done), started.elapsed().as_secs_f64(), Some(&status));
    let text = serde_json::to_string_pretty(&document);
    text.map(|text| printable_json(&text).into_owned() + "\n")
        .map_err(|error| Error::system("the status cannot be put in JSON", error.into()))
}
