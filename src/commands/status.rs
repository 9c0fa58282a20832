//! `etl status`: what a target holds of imports.

use super::work::{Standing, context};
use crate::cli::StatusArgs;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::options::StatusOptions;
use crate::report;
use crate::report::json::Brief;
use crate::surroundings::Surroundings;
use crate::terminal::printable_json;
use pipeline::load;
use std::time::Instant;

/// The status as text or JSON.
pub(super) fn status(args: &StatusArgs, surroundings: &Surroundings<'_>) -> Result<String> {
    let started = Instant::now();
    let options = StatusOptions::check(args, surroundings)?;
    let standing = Standing::new(&options.outputs, &surroundings.typed())?;
    let target = load::open(&options.target.spec, context(&options.names, &standing, (standing.ask)()))?;
    let status = standing.stopped(pipeline::status::status(target))?;
    if !options.json {
        return Ok(report::status::text(&status, options.outputs.paper));
    }
    let document = Brief::new("status", Ok(Exit::Done), started.elapsed().as_secs_f64(), Some(&status));
    let text = serde_json::to_string_pretty(&document);
    text.map(|text| printable_json(&text).into_owned() + "\n")
        .map_err(|error| Error::System { what: "the status cannot be put in JSON", source: error.into() })
}
