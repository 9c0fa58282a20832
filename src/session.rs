//! What commands have in common that read dumps: the dumps are opened, progress is shown and signals are watched for while
//! the pipeline works; what is told at the end goes to standard output, to the log and to the report file.

pub mod log;

use crate::base::error::{Error, Result};
use crate::base::exit::Exit;
use crate::base::text::printable;
use crate::settings::outputs::Outputs;
use crate::ui::environment::Environment;
use crate::ui::password;
use crate::ui::password::Typed;
use crate::ui::progress::{Counters, Display, Screen, Style};
use crate::ui::signals;
use crate::ui::terminal::ignore_broken_pipe;
use parsers::input::Input;
use pipeline::load::names::TargetNames;
use pipeline::load::{Ask, Context};
use pipeline::progress::{Cancel, Progress};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

/// What all the work of one command shares, also where it is done in several parts.
#[derive(Clone, Default)]
pub(crate) struct Command {
    /// The request to stop.
    pub(crate) cancel: Arc<Cancel>,
    /// Whether the work goes on to its end although it is asked to stop.
    pub(crate) deaf: bool,
    /// Passwords that were typed.
    pub(crate) typed: Typed,
}

/// The pipeline's environment while it works.
pub(crate) struct Work<'w> {
    /// How far it is.
    pub(crate) progress: &'w Progress,
    /// The request to stop.
    pub(crate) cancel: &'w Arc<Cancel>,
    screen: Screen,
    typed: &'w Typed,
    terminal: bool,
}

impl Work<'_> {
    /// What a target has to know.
    pub(crate) fn context(&self, names: &TargetNames) -> Context {
        Context::without_import(names.clone(), self.ask(), Arc::clone(self.cancel))
    }

    fn ask(&self) -> Ask {
        password::on_terminal(self.terminal, self.screen.clone(), Arc::clone(self.cancel), self.typed.clone())
    }
}

impl Command {
    /// A command in these environment.
    pub(crate) fn of(environment: &Environment<'_>) -> Self {
        Self { typed: environment.typed(), ..Self::default() }
    }

    /// Opens the dumps and has `work` done with them.
    ///
    /// # Errors
    /// A dump cannot be opened, or the work's own.
    pub(crate) fn work<T>(
        &self,
        dumps: &[String],
        spool_dir: &Path,
        outputs: &Outputs,
        work: impl FnOnce(&mut [Input], &Work<'_>) -> pipeline::error::Result<T>,
    ) -> Result<T> {
        let open = |name: &String| Input::open(name, spool_dir);
        let inputs: std::result::Result<Vec<_>, _> = dumps.iter().map(open).collect();
        let mut inputs = inputs.map_err(pipeline::error::Error::from)?;
        let progress = Arc::new(Progress::new(inputs.len()));
        let dumps = inputs.iter().map(|input| (input.name().to_owned(), input.meter())).collect();
        let counters = Counters { progress: Arc::clone(&progress), dumps };
        let no_thread = |source| Error::system("no thread can be started", source);
        let display = Display::start(outputs.progress_style(), counters).map_err(no_thread)?;
        let _watch = signals::Watch::start(Arc::clone(&self.cancel), Arc::clone(&progress), display.screen())
            .map_err(|source| Error::system("signals cannot be watched for", source))?;
        let cancel = if self.deaf { Arc::default() } else { Arc::clone(&self.cancel) };
        let environment = Work {
            progress: &progress,
            cancel: &cancel,
            screen: display.screen(),
            typed: &self.typed,
            terminal: outputs.terminal,
        };
        work(&mut inputs, &environment).map_err(|error| {
            if matches!(error, pipeline::error::Error::Connect(_)) {
                // A password may have been mistyped: the next one who needs it asks again.
                self.typed.borrow_mut().clear();
                // Whoever stops the run at the password prompt gave no password; that is no error to tell.
                if let Some(reason) = self.cancel.reason() {
                    return pipeline::error::Error::Interrupted(reason).into();
                }
            }
            error.into()
        })
    }
}

impl Command {
    /// Has work done that reads no dumps, under the same watch.
    ///
    /// # Errors
    /// The work's own.
    pub(crate) fn without_dumps<T>(
        &self,
        outputs: &Outputs,
        work: impl FnOnce(&Work<'_>) -> pipeline::error::Result<T>,
    ) -> Result<T> {
        self.work(&[], Path::new(""), outputs, |_, environment| work(environment))
    }
}

/// What a command has around it while it works: a screen, somebody to ask, signals that are watched for.
pub(crate) struct Interaction {
    /// Makes as many askers as there are targets to open.
    pub(crate) ask: Box<dyn Fn() -> Ask>,
    pub(crate) progress: Arc<Progress>,
    pub(crate) cancel: Arc<Cancel>,
    _display: Display,
    _watch: signals::Watch,
}

impl Interaction {
    /// Begins to watch for signals.
    pub(crate) fn new(outputs: &Outputs, typed: &Typed) -> Result<Self> {
        let (cancel, progress) = (Arc::new(Cancel::default()), Arc::new(Progress::new(0)));
        let system = |what| move |source| Error::system(what, source);
        let counters = Counters { progress: Arc::clone(&progress), dumps: Vec::new() };
        let display = Display::start(Style::Nothing, counters).map_err(system("no thread can be started"))?;
        let watch = signals::Watch::start(Arc::clone(&cancel), Arc::clone(&progress), display.screen())
            .map_err(system("signals cannot be watched for"))?;
        let terminal = outputs.terminal;
        let asking = (display.screen(), Arc::clone(&cancel), typed.clone());
        let ask = Box::new(move || {
            let (screen, cancel, typed) = asking.clone();
            password::on_terminal(terminal, screen, cancel, typed)
        });
        Ok(Self { ask, progress, cancel, _display: display, _watch: watch })
    }

    /// Whoever stops at the password prompt gave no password; that is no error to tell.
    pub(crate) fn stopped<T>(&self, result: pipeline::error::Result<T>) -> Result<T> {
        result.map_err(|error| match (self.cancel.reason(), error) {
            (Some(reason), pipeline::error::Error::Connect(_)) => {
                pipeline::error::Error::Interrupted(reason).into()
            }
            (_, error) => error.into(),
        })
    }
}

/// What a target needs to know of a command that imports nothing.
pub(crate) fn context(names: &TargetNames, interaction: &Interaction, ask: Ask) -> Context {
    Context::without_import(names.clone(), ask, Arc::clone(&interaction.cancel))
}

/// Writes what is told to standard output.
///
/// # Errors
/// It cannot be written; the command would have ended with `exit`.
pub(crate) fn tell(out: &mut dyn Write, text: &str, exit: Exit) -> Result<()> {
    let told = ignore_broken_pipe(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
    told.map_err(|source| Error::output("standard output", source, exit))
}

/// The outcome of writing a report file, where the command would have ended with `exit`.
///
/// # Errors
/// It cannot be written.
pub(crate) fn kept(written: io::Result<()>, outputs: &Outputs, exit: Exit) -> Result<()> {
    let name =
        outputs.report.as_deref().map_or_else(|| "the report".to_owned(), |path| path.display().to_string());
    written.map_err(|source| Error::output(name, source, exit))
}

/// Says something on standard error, where nothing in it drives the terminal; there is nobody left to tell where that is gone.
pub(crate) fn say(text: &str) {
    drop(io::stderr().write_all(printable(text).as_bytes()));
}

/// Puts what is told into the log.
pub(crate) fn note(text: &str) {
    for line in text.lines() {
        tracing::info!(target: crate::ui::PRINTED, "{line}");
    }
}

/// Puts an error into the log.
pub(crate) fn note_failure(error: &Error) {
    for line in error.text().lines() {
        tracing::error!(target: crate::ui::PRINTED, "{line}");
    }
}
