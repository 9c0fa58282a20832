//! `etl verify`: whether the target holds what the dumps come to.

pub mod args;
pub mod options;
pub mod report;

use crate::base::clock::now;
use crate::base::error::Result;
use crate::base::exit::Exit;
use crate::base::memory;
use crate::import::conversion::note_begin;
use crate::import::options::Options;
use crate::import::report::file::ReportFile;
use crate::import::report::json::Brief;
use crate::import::report::summary::Ended;
use crate::import::verify::args::VerifyArgs;
use crate::import::verify::report::{Summary, text};
use crate::session::log;
use crate::session::{Command, kept, note, note_failure, tell};
use crate::ui::environment::Environment;
use crate::ui::terminal::TextFormat;
use pipeline::load;
use pipeline::verify::Report;
use std::io::Write;
use std::time::Instant;

/// Compares the dumps with the target; writes nothing to it.
pub(crate) fn verify(args: &VerifyArgs, environment: &Environment<'_>, out: &mut dyn Write) -> Result<Exit> {
    let options = Options::of_verify(args, environment)?;
    let started = Instant::now();
    let unlogged = log::start(&options.outputs)?;
    let file = options.outputs.report.as_deref().map(ReportFile::create).transpose()?;
    note_begin("verify", &options);
    let inputs = options.inputs(|| Ok::<(), crate::base::error::Error>(()))?;
    let result = compare(&options, environment);
    let (elapsed, peak_memory) = (started.elapsed(), memory::peak());
    let document = |outcome, report| Brief::new("verify", outcome, elapsed.as_secs_f64(), report);
    let ended = |exit, error| Ended {
        command: "verify",
        exit,
        error,
        finished: now(),
        seconds: elapsed.as_secs_f64(),
        peak_memory,
        summary: None,
        inputs: &inputs,
    };
    let report = match result {
        Ok(report) => report,
        Err(error) => {
            note_failure(&error);
            if let Some(Err(error)) = file.map(|file| file.write(&ended(error.exit(), Some(&error)))) {
                tracing::error!("the report file cannot be written: {error}");
            }
            return Err(error);
        }
    };
    let exit = if report.differences() > 0 { Exit::Different } else { Exit::Done };
    let warnings: Vec<String> = unlogged.into_iter().chain(options.remarks.iter().cloned()).collect();
    let warning = (!warnings.is_empty()).then(|| warnings.join("; "));
    let summary = Summary { report: &report, warning: warning.as_deref(), elapsed, peak_memory };
    note(&text(&summary, TextFormat::PLAIN));
    let told = tell(out, &text(&summary, options.outputs.text_format), exit);
    let written = file.map_or(Ok(()), |file| {
        file.write_verification(&ended(exit, None), &report, &document(Ok(exit), Some(&report)))
    });
    told?;
    kept(written, &options.outputs, exit)?;
    Ok(exit)
}

fn compare(options: &Options, environment: &Environment<'_>) -> Result<Report> {
    Command::of(environment).work(&options.dumps, &options.spool_dir, &options.outputs, |inputs, work| {
        let choice = options
            .target
            .as_ref()
            .ok_or_else(|| pipeline::error::Error::target("there is no target", "name one with --target"))?;
        let target = load::open(&choice.spec, work.context(&options.names))?;
        pipeline::verify::verify(inputs, target, &options.pipeline, work.progress, work.cancel)
    })
}
