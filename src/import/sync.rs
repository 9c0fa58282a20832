//! `etl sync`: the outcomes of unfinished jobs.

pub mod args;
pub mod options;
pub mod report;

use crate::base::error::Result;
use crate::base::exit::Exit;
use crate::base::memory;
use crate::import::report::file::ReportFile;
use crate::import::report::json::Brief;
use crate::import::sync::args::SyncArgs;
use crate::import::sync::options::SyncOptions;
use crate::import::sync::report::{Summary, text};
use crate::session::log;
use crate::session::{Command, kept, note, note_failure, tell};
use crate::ui::environment::Environment;
use crate::ui::terminal::TextFormat;
use pipeline::load;
use std::io::Write;
use std::time::Instant;

/// Brings the outcomes into the target, and tells what became of every copy that was waiting for one.
pub(crate) fn sync(args: &SyncArgs, environment: &Environment<'_>, out: &mut dyn Write) -> Result<Exit> {
    let options = SyncOptions::check(args, environment)?;
    let started = Instant::now();
    let unlogged = log::start(&options.outputs)?;
    let file = options.outputs.report.as_deref().map(ReportFile::create).transpose()?;
    note_begin(&options);
    let result = Command::of(environment).work(
        &options.dumps,
        &options.spool_dir,
        &options.outputs,
        |inputs, work| {
            let target = load::open(&options.target.spec, work.context(&options.names))?;
            pipeline::sync::sync(inputs, target, &options.pipeline, work.progress, work.cancel)
        },
    );
    let (elapsed, peak_memory) = (started.elapsed(), memory::peak());
    let document = |outcome, report| Brief::new("sync", outcome, elapsed.as_secs_f64(), report);
    let report = match result {
        Ok(report) => report,
        Err(error) => {
            note_failure(&error);
            if let Some(Err(error)) = file.map(|file| file.write_json(&document(Err(&error), None))) {
                tracing::error!("the report file cannot be written: {error}");
            }
            return Err(error);
        }
    };
    let exit = if report.waits() > 0 { Exit::Incomplete } else { Exit::Done };
    let summary = Summary { report: &report, warning: unlogged.as_deref(), elapsed, peak_memory };
    note(&text(&summary, TextFormat::PLAIN));
    let told = tell(out, &text(&summary, options.outputs.text_format), exit);
    let written = file.map_or(Ok(()), |file| file.write_json(&document(Ok(exit), Some(&report))));
    told?;
    kept(written, &options.outputs, exit)?;
    Ok(exit)
}

fn note_begin(options: &SyncOptions) {
    tracing::info!("etl {} sync", crate::base::build::VERSION);
    for dump in &options.dumps {
        tracing::info!("dump {dump}");
    }
    for said in &options.said {
        tracing::info!("setting {said}");
    }
    tracing::info!("target {:?}", options.target);
}
