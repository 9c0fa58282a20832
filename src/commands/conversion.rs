//! What `etl run` and `etl check` do: open, convert, load, tell.

use crate::error::{Error, Result, Stops};
use crate::exit::Exit;
use crate::options::{Options, Outputs};
use crate::progress::{Counters, Display, Style};
use crate::report::json::{Document, Ended, ReportFile};
use crate::report::{Errand, Summary};
use crate::terminal::{Palette, heard};
use crate::{log, memory, password, report, signals};
use parsers::input::Input;
use pipeline::load::{self, Context};
use pipeline::outcome::{Ending, Report};
use pipeline::progress::{Cancel, Progress};
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Instant;

/// Converts and loads as `options` say, and tells what became of it: the report to `out` and to the report file.
pub(super) fn convert(errand: Errand<'_>, options: &Options, out: &mut dyn Write) -> Result<Exit> {
    let started = Instant::now();
    let unlogged = log::start(&options.outputs)?;
    let file = options.outputs.report.as_deref().map(ReportFile::try_place).transpose()?;
    note_begin(errand, options);
    let result = load(options).map(|mut report| {
        report.warnings.extend(unlogged);
        report
    });
    let elapsed = started.elapsed();
    let ended = |exit, error, summary| Ended {
        command: errand.name(),
        exit,
        error,
        seconds: elapsed.as_secs_f64(),
        peak_memory: memory::peak(),
        summary,
    };
    let report = match result {
        Ok(report) => report,
        Err(error) => {
            note_failure(&error);
            let document = ended(error.exit(), Some(&error), None);
            if let Some(Err(error)) = file.map(|file| file.write(&Document::new(&document))) {
                tracing::error!("the report file cannot be written: {error}");
            }
            return Err(error);
        }
    };
    let summary = Summary {
        report: &report,
        errand,
        spec: options.target.as_ref().map(|choice| &choice.spec),
        policy_on: &options.pipeline.settings.policy_on,
        elapsed,
        peak_memory: memory::peak(),
    };
    let refusal = refusal(&report, errand);
    let exit = refusal.as_ref().map_or_else(|| exit_of(&report), Error::exit);
    for line in report::text(&summary, Palette { coloured: false }).lines() {
        tracing::info!(target: log::TOLD, "{line}");
    }
    let text = report::text(&summary, Palette { coloured: options.outputs.colours });
    let told = heard(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
    let kept =
        file.map_or(Ok(()), |file| file.write(&Document::new(&ended(exit, refusal.as_ref(), Some(summary)))));
    if let Some(refusal) = refusal {
        note_failure(&refusal);
        return Err(refusal);
    }
    told.map_err(|source| unsaid("standard output".to_owned(), source, exit))?;
    kept.map_err(|source| unsaid(report_name(&options.outputs), source, exit))?;
    Ok(exit)
}

/// Opens everything and runs the pipeline, while progress is shown and signals are watched for.
fn load(options: &Options) -> Result<Report> {
    let open = |name: &String| Input::open(name, &options.spool_dir);
    let mut inputs: Vec<Input> = options
        .dumps
        .iter()
        .map(open)
        .collect::<std::result::Result<_, _>>()
        .map_err(pipeline::error::Error::from)?;
    let cancel = Arc::new(Cancel::default());
    let progress = Arc::new(Progress::new(inputs.len()));
    let dumps = inputs.iter().map(|input| (input.name().to_owned(), input.meter())).collect();
    let counters = Counters { progress: Arc::clone(&progress), dumps };
    let display = Display::start(Style::of(&options.outputs), counters).map_err(no_thread)?;
    let _watch = signals::Watch::start(Arc::clone(&cancel), Arc::clone(&progress), display.screen())
        .map_err(|source| Error::System { what: "signals cannot be watched for", source })?;
    let target = match &options.target {
        None => None,
        Some(choice) => {
            let settings = &options.pipeline.settings;
            let context = Context {
                names: options.names.clone(),
                service_id: settings.service_id,
                trust_known: settings.trust_id.is_some(),
                ask: password::on_terminal(options.outputs.terminal, display.screen(), Arc::clone(&cancel)),
                cancel: Arc::clone(&cancel),
            };
            Some(load::open(&choice.spec, context)?)
        }
    };
    pipeline::run::run(&mut inputs, target, &options.pipeline, &progress, &cancel).map_err(|error| {
        match (cancel.reason(), error) {
            // Whoever stops the run at the password prompt gave no password; that is no error to tell.
            (Some(reason), pipeline::error::Error::Connect(_)) => {
                pipeline::error::Error::Interrupted(reason).into()
            }
            (_, error) => error.into(),
        }
    })
}

fn exit_of(report: &Report) -> Exit {
    match report.ending {
        Ending::Committed if report.deferred() > 0 || report.rejected > 0 => Exit::Incomplete,
        Ending::Committed | Ending::Checked => Exit::Done,
        Ending::Refused => Exit::Failed,
    }
}

/// The error that rejected rows are, where they kept a run from committing or would.
fn refusal(report: &Report, errand: Errand<'_>) -> Option<Error> {
    (report.ending == Ending::Refused).then(|| Error::Rejected {
        listed: report.rejections.clone(),
        total: report.rejected,
        stops: match errand {
            Errand::Run => Stops::ThisRun,
            Errand::Check { .. } => Stops::TheRunToCome,
        },
    })
}

fn no_thread(source: io::Error) -> Error {
    Error::System { what: "no thread can be started", source }
}

fn unsaid(what: String, source: io::Error, exit: Exit) -> Error {
    Error::Unsaid { what, source, exit }
}

fn report_name(outputs: &Outputs) -> String {
    outputs.report.as_deref().map_or_else(|| "the report".to_owned(), |path| path.display().to_string())
}

fn note_begin(errand: Errand<'_>, options: &Options) {
    tracing::info!("etl {} {}", env!("CARGO_PKG_VERSION"), errand.name());
    for dump in &options.dumps {
        tracing::info!("dump {dump}");
    }
    for said in &options.said {
        tracing::info!("setting {said}");
    }
    if let Some(choice) = &options.target {
        tracing::info!("target {choice:?}");
    }
    let pipeline = &options.pipeline;
    tracing::debug!("{:?}, {:?}, threads {}", pipeline.settings, pipeline.limits, pipeline.threads);
    tracing::debug!("rejects {:?}, spool folder {:?}", pipeline.rejects, options.spool_dir);
}

fn note_failure(error: &Error) {
    for line in error.text().lines() {
        tracing::error!(target: log::TOLD, "{line}");
    }
}
