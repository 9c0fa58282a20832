//! `etl rollback`: takes an import back.

pub mod report;

use crate::base::error::{Error, Result};
use crate::base::exit::Exit;
use crate::import::conversion;
use crate::import::report::file::ReportFile;
use crate::import::report::json::Brief;
use crate::import::report::summary::CommandKind;
use crate::maintain::args::RollbackArgs;
use crate::maintain::error::RollbackError;
use crate::maintain::options::RollbackOptions;
use crate::maintain::rollback::report::{Rollback, ending, question, script, text};
use crate::session::log;
use crate::session::{Command, Interaction, context};
use crate::ui::confirm;
use crate::ui::environment::Environment;
use crate::ui::terminal::{TextFormat, ignore_broken_pipe};
use pipeline::load::spec::Spec;
use pipeline::load::{self, Target};
use pipeline::removal::{self, Changes, Ending, Preview};
use std::io::Write;
use std::time::Instant;

/// What a rollback came to.
struct Outcome {
    ending: Ending,
    preview: Preview,
    /// Whether the rows were shown already, when the operator was asked.
    shown: bool,
}

/// Deletes what was imported, or writes the script that does it.
pub(crate) fn rollback(
    args: &RollbackArgs,
    environment: &Environment<'_>,
    out: &mut dyn Write,
) -> Result<Exit> {
    let options = RollbackOptions::check(args, environment)?;
    let started = Instant::now();
    let unlogged = log::start(&options.outputs)?;
    if let Some(warning) = unlogged {
        tracing::warn!("{warning}");
    }
    let file = options.outputs.report.as_deref().map(ReportFile::create).transpose()?;
    tracing::info!("etl {} rollback", crate::base::build::VERSION);
    tracing::info!("target {:?}, {:?}", options.target, options.request);
    let text_format = options.outputs.text_format;
    if let Spec::Script(path) = &options.target.spec {
        removal::write_script(path, &options.names, options.request)?;
        let kept = file.map_or(Ok(()), |file| {
            let seconds = started.elapsed().as_secs_f64();
            file.write_json(&Brief::<Preview>::new("rollback", Ok(Exit::Done), seconds, None))
        });
        say(out, &script(path, text_format), Exit::Done)?;
        return kept.map(|()| Exit::Done).map_err(|source| unsaid("the report", source, Exit::Done));
    }

    let mut name = String::new();
    let command = Command::of(environment);
    let result =
        compared(&command, &options).and_then(|changes| work(&options, &command, changes, out, &mut name));
    let refused = |outcome: &Outcome| match outcome.ending {
        Ending::Refused => Err(RollbackError::Dependents { rows: outcome.preview.dependents.total() }.into()),
        _ => Ok(()),
    };
    let (outcome, error) = match result {
        Ok(outcome) => {
            let error = refused(&outcome).err();
            (Some(outcome), error)
        }
        Err(error) => (None, Some(error)),
    };
    let report = outcome.as_ref().map(|outcome| Rollback {
        ending: Some(outcome.ending),
        target: &name,
        preview: &outcome.preview,
    });
    let exit = error.as_ref().map_or(Ok(Exit::Done), Err);
    let seconds = started.elapsed().as_secs_f64();
    let kept = file.map_or(Ok(()), |file| file.write_json(&Brief::new("rollback", exit, seconds, report)));
    if let (Some(report), Some(outcome)) = (&report, &outcome) {
        for line in text(report, TextFormat::PLAIN).lines() {
            tracing::info!(target: crate::ui::PRINTED, "{line}");
        }
        let told = if outcome.shown { ending(report, text_format) } else { text(report, text_format) };
        let said = say(out, &told, Exit::Done);
        if error.is_none() {
            said?;
        }
    }
    if let Some(error) = error {
        for line in error.text().lines() {
            tracing::error!(target: crate::ui::PRINTED, "{line}");
        }
        return Err(error);
    }
    kept.map_err(|source| unsaid("the report", source, Exit::Done))?;
    Ok(Exit::Done)
}

/// What Karbor changed since, by the dumps, where there are any.
fn compared(command: &Command, options: &RollbackOptions) -> Result<Option<Changes>> {
    let Some(comparison) = &options.comparison else { return Ok(None) };
    let report = conversion::load(command, comparison)?;
    match conversion::refusal(&report, CommandKind::Check { next: "", full: false }) {
        Some(refusal) => Err(refusal),
        None => Ok(Some(Changes::of_check(&report))),
    }
}

/// Looks, asks, deletes; as much of it as was asked for.
fn work(
    options: &RollbackOptions,
    command: &Command,
    changes: Option<Changes>,
    out: &mut dyn Write,
    name: &mut String,
) -> Result<Outcome> {
    let interaction = Interaction::new(&options.outputs, &command.typed)?;
    let exactly = |mut preview: Preview| {
        if let Some(changes) = &changes {
            preview.changes = changes.clone().with_runs_of(&preview.changes);
        }
        preview
    };
    let mut open = || -> Result<Box<dyn Target>> {
        let target =
            load::open(&options.target.spec, context(&options.names, &interaction, (interaction.ask)()))?;
        *name = target.name();
        Ok(target)
    };
    let mut shown = None;
    if !options.yes {
        let preview = interaction.stopped(removal::look(open()?, options.request, &interaction.progress))?;
        let preview = exactly(preview);
        let ending = match preview.total() {
            _ if options.dry_run => Some(Ending::Shown),
            _ if preview.refused() => Some(Ending::Refused),
            0 => Some(Ending::Nothing),
            _ => None,
        };
        if let Some(ending) = ending {
            return Ok(Outcome { ending, preview, shown: false });
        }
        shown = Some(preview);
    }
    let target = open()?;
    if let Some(preview) = &shown {
        let rollback = Rollback { ending: None, target: &target.name(), preview };
        say(out, &text(&rollback, options.outputs.text_format), Exit::Failed)?;
        if !confirm::on_terminal(&question(&rollback, &options.target.spec)) {
            return Err(RollbackError::Unconfirmed.into());
        }
        interaction.cancel.check()?;
    }
    let (progress, cancel) = (&interaction.progress, &interaction.cancel);
    let done = removal::roll_back(target, options.request, shown.as_ref(), progress, cancel);
    let (preview, ending) = interaction.stopped(done)?;
    Ok(Outcome { ending, preview: exactly(preview), shown: shown.is_some() })
}

fn say(out: &mut dyn Write, text: &str, exit: Exit) -> Result<()> {
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    ignore_broken_pipe(written).map_err(|source| unsaid("standard output", source, exit))
}

fn unsaid(what: &str, source: std::io::Error, exit: Exit) -> Error {
    Error::output(what, source, exit)
}
