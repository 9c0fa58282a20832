//! What `etl run`, `etl check` and each site of `etl batch` do: open, convert, load, tell.

use crate::base::clock::now;
use crate::base::error::{Error, Result};
use crate::base::exit::Exit;
use crate::base::memory;
use crate::import::error::{RejectedRows, Stops};
use crate::import::options::Options;
use crate::import::report;
use crate::import::report::file::ReportFile;
use crate::import::report::summary::Ended;
use crate::import::report::summary::{CommandKind, Summary};
use crate::session::log;
use crate::session::{Command, kept, note, note_failure, tell};
use crate::ui::environment::Environment;
use crate::ui::terminal::TextFormat;
use pipeline::load::{self, Context};
use pipeline::outcome::{Ending, Report};
use std::io::Write;
use std::time::Instant;

/// What became of a conversion.
pub(crate) struct Converted {
    /// The pipeline's report, if it came to one.
    pub(crate) report: Option<Report>,
    /// How it ended.
    pub(crate) end: Result<Exit>,
}

impl From<Error> for Converted {
    fn from(error: Error) -> Self {
        Self { report: None, end: Err(error) }
    }
}

/// Keeps a log, and converts as `options` say.
pub(crate) fn convert(
    command_kind: CommandKind<'_>,
    options: &Options,
    environment: &Environment<'_>,
    out: &mut dyn Write,
) -> Result<Exit> {
    let unlogged = log::start(&options.outputs)?;
    execute(&Command::of(environment), command_kind, options, unlogged, out).end
}

/// Converts and loads as `options` say, and tells what became of it: the report to `out` and to the report file.
pub(crate) fn execute(
    command: &Command,
    command_kind: CommandKind<'_>,
    options: &Options,
    warning: Option<String>,
    out: &mut dyn Write,
) -> Converted {
    let started = Instant::now();
    let file = match options.outputs.report.as_deref().map(ReportFile::create).transpose() {
        Ok(file) => file,
        Err(error) => return error.into(),
    };
    note_begin(command_kind.name(), options);
    let go_on = || command.cancel.check().map_err(Error::from);
    let inputs = match options.inputs(go_on) {
        Ok(inputs) => inputs,
        Err(error) => return error.into(),
    };
    for file in &inputs.files {
        tracing::info!("{} {}: {} bytes, SHA-256 {}", file.kind, file.name, file.bytes, file.sha256);
    }
    let result = load(command, options);
    let elapsed = started.elapsed();
    let ended = |exit, error, summary| Ended {
        command: command_kind.name(),
        exit,
        error,
        finished: now(),
        seconds: elapsed.as_secs_f64(),
        peak_memory: memory::peak(),
        summary,
        inputs: &inputs,
    };
    let mut report = match result {
        Ok(report) => report,
        Err(error) => {
            note_failure(&error);
            let ended = ended(error.exit(), Some(&error), None);
            if let Some(Err(error)) = file.map(|file| file.write(&ended)) {
                tracing::error!("the report file cannot be written: {error}");
            }
            return error.into();
        }
    };
    report.warnings.extend(warning);
    report.warnings.extend(options.remarks.iter().cloned());
    if options.shared {
        forget_lost(&mut report);
    }
    let summary = Summary {
        report: &report,
        command_kind,
        spec: options.target.as_ref().map(|choice| &choice.spec),
        policy_on: &options.pipeline.settings.policy_on,
        elapsed,
        peak_memory: memory::peak(),
    };
    let refusal = refusal(&report, command_kind);
    let exit = refusal.as_ref().map_or_else(|| exit_of(&report), Error::exit);
    note(&report::text(&summary, TextFormat::PLAIN));
    let told = tell(out, &report::text(&summary, options.outputs.text_format), exit);
    let written = file.map_or(Ok(()), |file| file.write(&ended(exit, refusal.as_ref(), Some(summary))));
    let end = match refusal {
        Some(refusal) => {
            note_failure(&refusal);
            Err(refusal)
        }
        None => told.and_then(|()| kept(written, &options.outputs, exit)).map(|()| exit),
    };
    Converted { report: Some(report), end }
}

/// Takes out of a report what a run cannot know where rows of other sites lie in its target: which rows nobody holds any more.
fn forget_lost(report: &mut Report) {
    report.tables.iter_mut().for_each(|table| (table.lost, table.lost_changed) = (0, 0));
    report.target_rows.retain(|row| row.reason.is_some());
    report.warnings.push(
        "rows of other sites lie in the target too: which rows no dump holds any more is told of all sites together"
            .to_owned(),
    );
}

/// Opens everything and runs the pipeline.
pub(crate) fn load(command: &Command, options: &Options) -> Result<Report> {
    command.work(&options.dumps, &options.spool_dir, &options.outputs, |inputs, work| {
        let settings = &options.pipeline.settings;
        let open = |choice: &crate::settings::target::Choice| {
            let context = Context {
                service_id: settings.service_id,
                trust_known: settings.trust_id.is_some(),
                replace: options.outputs.replaces(choice),
                ..work.context(&options.names)
            };
            load::open(&choice.spec, context)
        };
        let target = options.target.as_ref().map(open).transpose()?;
        pipeline::run::run(inputs, target, &options.pipeline, work.progress, work.cancel)
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
pub(crate) fn refusal(report: &Report, command_kind: CommandKind<'_>) -> Option<Error> {
    let rejected = || RejectedRows {
        listed: report.rejections.clone(),
        total: report.rejected,
        stops: match command_kind {
            CommandKind::Run => Stops::ThisRun,
            CommandKind::Check { .. } => Stops::TheRunToCome,
        },
    };
    (report.ending == Ending::Refused).then(|| rejected().into())
}

pub(crate) fn note_begin(command: &str, options: &Options) {
    tracing::info!("etl {} {command}", crate::base::build::VERSION);
    for dump in &options.dumps {
        tracing::info!("dump {dump}");
    }
    for said in &options.said {
        tracing::info!("setting {said}");
    }
    for remark in &options.remarks {
        tracing::warn!("{remark}");
    }
    if let Some(choice) = &options.target {
        tracing::info!("target {choice:?}");
    }
    let pipeline = &options.pipeline;
    tracing::debug!("{:?}, {:?}, threads {}", pipeline.settings, pipeline.limits, pipeline.threads);
    tracing::debug!("rejects {:?}, spool folder {:?}", pipeline.rejects, options.spool_dir);
}
