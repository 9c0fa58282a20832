//! `etl status`: what a target holds of imports.

pub mod report;

use crate::base::error::{Error, Result};
use crate::base::exit::Exit;
use crate::base::text::printable_json;
use crate::import::report::json::Brief;
use crate::maintain::args::StatusArgs;
use crate::maintain::options::StatusOptions;
use crate::session::{Interaction, context};
use crate::ui::environment::Environment;
use pipeline::load;
use std::time::Instant;

/// The status as text or JSON.
pub(crate) fn status(args: &StatusArgs, environment: &Environment<'_>) -> Result<String> {
    let started = Instant::now();
    let options = StatusOptions::check(args, environment)?;
    let interaction = Interaction::new(&options.outputs, &environment.typed())?;
    let target =
        load::open(&options.target.spec, context(&options.names, &interaction, (interaction.ask)()))?;
    let status = interaction.stopped(pipeline::status::status(target))?;
    if !options.json {
        return Ok(report::text(&status, options.outputs.text_format));
    }
    let document = Brief::new("status", Ok(Exit::Done), started.elapsed().as_secs_f64(), Some(&status));
    let text = serde_json::to_string_pretty(&document);
    text.map(|text| printable_json(&text).into_owned() + "\n")
        .map_err(|error| Error::system("the status cannot be put in JSON", error.into()))
}
