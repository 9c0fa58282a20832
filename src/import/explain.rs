//! `etl explain`: what became of one copy, policy, plan, volume or job.

pub mod args;
pub mod report;

use crate::base::clock::now;
use crate::base::error::{CommandError, Error, Result};
use crate::base::exit::Exit;
use crate::base::text::printable_json;
use crate::import::explain::args::ExplainArgs;
use crate::import::options::Options;
use crate::import::report::json::Brief;
use crate::session::{Command, tell};
use crate::settings::outputs::Outputs;
use crate::settings::target::Choice;
use crate::settings::{Settings, SettingsFile};
use crate::ui::environment::Environment;
use pipeline::compare::Prune;
use pipeline::explain::Explanation;
use pipeline::load;
use pipeline::options::Mode;
use std::io::Write;
use std::time::Instant;

/// Nothing has the id.
#[derive(Debug, thiserror::Error)]
#[error("{id}: no row of the dumps{} has or names this id", if *target { ", and none of the target," } else { "" })]
struct Unknown {
    id: String,
    target: bool,
}

impl CommandError for Unknown {
    fn kind(&self) -> &'static str {
        "explain"
    }

    fn remedy(&self) -> Option<String> {
        let remedy = match self.target {
            true => {
                "give the id as it stands in the source (`etl run --outcomes FILE` lists them), with the dump of its database"
            }
            false => {
                "give the id as it stands in the source, with the dump of its database; --target looks in Karbor too"
            }
        };
        Some(remedy.to_owned())
    }
}

/// Looks for the id and tells what is known of it; writes nothing.
pub(crate) fn explain(
    args: &ExplainArgs,
    environment: &Environment<'_>,
    out: &mut dyn Write,
) -> Result<Exit> {
    let started = Instant::now();
    let options = options(args, environment)?;
    let id = args.id.trim();
    let command = Command::of(environment);
    let explanation =
        command.work(&options.dumps, &options.spool_dir, &options.outputs, |inputs, work| {
            let open = |choice: &Choice| load::open(&choice.spec, work.context(&options.names));
            let target = options.target.as_ref().map(open).transpose()?;
            let what = (&options.pipeline, id, now());
            pipeline::explain::explain(inputs, target, what, work.progress, work.cancel)
        })?;
    if explanation.is_empty() {
        return Err(Unknown { id: id.to_owned(), target: options.target.is_some() }.into());
    }
    let text = match args.json {
        true => json(&explanation, started.elapsed().as_secs_f64())?,
        false => report::text(&explanation, options.outputs.text_format),
    };
    tell(out, &text, Exit::Done)?;
    Ok(Exit::Done)
}

fn options(args: &ExplainArgs, environment: &Environment<'_>) -> Result<Options> {
    let target = Choice::find(args.target.as_deref(), environment)?;
    let file = SettingsFile::find(args.settings.config.as_deref())?;
    let settings = Settings::resolve(&args.settings, environment, &file)?;
    let inputs = (args.dumps.as_slice(), args.columns.as_deref());
    let goal = (target, None, Prune::No, Mode::Check);
    // Where nobody watches, only what is found is told.
    let outputs = Outputs { quiet: !environment.stderr_terminal, ..Outputs::printed(environment) };
    Options::assemble(inputs, settings, goal, outputs, environment)
}

fn json(explanation: &Explanation, seconds: f64) -> Result<String> {
    let document = Brief::new("explain", Ok(Exit::Done), seconds, Some(explanation));
    serde_json::to_string_pretty(&document)
        .map(|text| printable_json(&text).into_owned() + "\n")
        .map_err(|error| Error::system("the explanation cannot be put in JSON", error.into()))
}
