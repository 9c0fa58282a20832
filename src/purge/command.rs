//! `etl purge`: copies and snapshots are deleted through the cloud's APIs, a few at a time.

use crate::base::error::{Error, Result};
use crate::base::exit::Exit;
use crate::base::stop::{Stop, Stopping};
use crate::import::report::file::ReportFile;
use crate::purge::api::Api;
use crate::purge::args::PurgeArgs;
use crate::purge::cinder::Cinder;
use crate::purge::confirm;
use crate::purge::display::Display;
use crate::purge::engine::Engine;
use crate::purge::error::PurgeError;
use crate::purge::gauge::{Doing, ProgressState};
use crate::purge::http::Http;
use crate::purge::journal::{Journal, Past};
use crate::purge::named::{Gathering, Named};
use crate::purge::options::PurgeOptions;
use crate::purge::pace::Pace;
use crate::purge::report::subject::Purge;
use crate::purge::report::{Document, preview, result};
use crate::purge::selection::{Selection, Wishes, select};
use crate::purge::trouble::Trouble;
use crate::session::log;
use crate::ui::environment::Environment;
use crate::ui::progress::Screen;
use crate::ui::terminal::{TextFormat, ignore_broken_pipe};
use crate::ui::{password, signals};
use parsers::input::Input;
use parsers::position::DumpId;
use pipeline::load::Ask;
use pipeline::load::presence::{Presence, held};
use pipeline::progress::Cancel;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// Deletes what the arguments say.
pub(crate) fn purge(args: &PurgeArgs, environment: &Environment<'_>, out: &mut dyn Write) -> Result<Exit> {
    let options = PurgeOptions::check(args, environment)?;
    let started = Instant::now();
    let unlogged = log::start(&options.outputs)?;
    let file = options.outputs.report.as_deref().map(ReportFile::create).transpose()?;
    tracing::info!("etl {} purge", crate::base::build::VERSION);
    tracing::debug!("{:?}", options.limits);
    let mut work = Work::new(&options)?;
    if let Some(warning) = unlogged {
        work.screen.say(&format!("etl: {warning}"));
    }
    let done = work.go(out);
    drop(work);
    let elapsed = started.elapsed();
    let text_format = options.outputs.text_format;
    let (purge, error) = match done {
        Ok(mut purge) => {
            let error = error_of(&mut purge);
            (Some(purge), error)
        }
        Err(error) => (None, Some(error)),
    };
    let exit = error.as_ref().map_or(Exit::Done, Error::exit);
    let told = match &purge {
        Some(purge) if purge.outcome.is_some() => {
            for line in result(purge, elapsed, TextFormat::PLAIN).lines() {
                tracing::info!(target: crate::ui::PRINTED, "{line}");
            }
            say(out, &format!("\n{}", result(purge, elapsed, text_format)), exit)
        }
        _ => Ok(()),
    };
    let document = Document::new(purge.as_ref(), exit, error.as_ref(), elapsed);
    let kept = file.map_or(Ok(()), |file| file.write_json(&document));
    if let Some(error) = error {
        for line in error.text().lines() {
            tracing::error!(target: crate::ui::PRINTED, "{line}");
        }
        return Err(error);
    }
    told?;
    kept.map_err(|source| Error::output("the report", source, exit))?;
    Ok(exit)
}

/// Why not everything is gone, if it is not.
fn error_of(purge: &mut Purge) -> Option<Error> {
    let (left, failed) = purge.left();
    let of = purge.plan.count().all();
    let outcome = purge.outcome.as_mut()?;
    if let Some(error) = outcome.error.take() {
        return Some(error.into());
    }
    let stopped = outcome.stopped.map(str::to_owned);
    (left > 0).then(|| PurgeError::Left { left, of, stopped, failed }.into())
}

fn say(out: &mut dyn Write, text: &str, exit: Exit) -> Result<()> {
    let written = ignore_broken_pipe(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
    written.map_err(|source| Error::output("standard output", source, exit))
}

/// A purge, and those who watch it.
struct Work<'o> {
    options: &'o PurgeOptions,
    screen: Screen,
    gauge: Arc<ProgressState>,
    stop: Arc<Stop>,
    cancel: Arc<Cancel>,
    ask: Ask,
    /// None while the operator is to read and to type.
    display: Option<Display>,
    _watch: signals::Watch,
}

impl<'o> Work<'o> {
    fn new(options: &'o PurgeOptions) -> Result<Self> {
        let screen = Screen::new(options.outputs.progress_style());
        let (gauge, stop, cancel) =
            (Arc::<ProgressState>::default(), Arc::<Stop>::default(), Arc::<Cancel>::default());
        let watch = {
            let (gauge, stop, screen) = (Arc::clone(&gauge), Arc::clone(&stop), screen.clone());
            signals::Watch::on_each(move |name| answer(name, &gauge, &stop, &screen))
        };
        let watch = watch.map_err(|source| Error::system("signals cannot be watched for", source))?;
        let ask = password::on_terminal(
            options.outputs.terminal,
            screen.clone(),
            Arc::clone(&cancel),
            password::Typed::default(),
        );
        let mut work = Self { options, screen, gauge, stop, cancel, ask, display: None, _watch: watch };
        work.show()?;
        Ok(work)
    }

    /// Shows how far it is, from now on.
    fn show(&mut self) -> Result<()> {
        let style = self.options.outputs.progress_style();
        let display = Display::start(style, self.screen.clone(), Arc::clone(&self.gauge));
        let display = display.map_err(|source| Error::system("no thread can be started", source))?;
        self.display = Some(display);
        Ok(())
    }

    fn go(&mut self, out: &mut dyn Write) -> Result<Purge> {
        let options = self.options;
        let mut credentials = options.credentials.clone();
        let known = credentials.complete(&mut self.ask);
        self.interrupted()?;
        known?;
        let journal = if options.dry_run {
            None
        } else {
            Some(Journal::open(&options.journal, options.outputs.foreign(&options.journal))?)
        };
        let (journal, past) =
            journal.map_or((None, Past::default()), |(journal, past)| (Some(journal), past));
        let pace = Pace::new(options.limits.burst, options.limits.burst_every);
        let api = Api::new(Http::new(options.ca_file.as_deref())?, credentials, pace);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|source| Error::system("no connection can be made", source))?;
        let token = runtime.block_on(api.token()).map_err(|trouble| unable(trouble, api.identity()))?;
        let endpoint = token.endpoint(&options.wanted, api.identity())?;
        let cinder = Cinder::new(&api, endpoint, token.project.clone());
        tracing::info!("Cinder {}", cinder.root());
        if let Some(journal) = &journal {
            journal.begin(&past, cinder.root())?;
        }
        let named = if options.everything { None } else { Some(self.read()?) };
        let unreadable = named.as_ref().map_or(0, |named| named.unreadable);
        let number = named.as_ref().map(|named| named.count(&options.what));
        let wishes = Wishes {
            what: options.what.clone(),
            projects: options.projects.clone(),
            made_before: options.made_before,
            named,
            imported: self.imported()?,
        };
        self.gauge.enter(Doing::Listing);
        let listed = |number| self.gauge.listed.store(number, Ordering::Relaxed);
        let selection = select(&cinder, &wishes, &past, journal.as_ref(), &options.limits, &listed);
        let Selection { plan, kept, gone_since } = runtime.block_on(selection)?;
        drop(wishes);
        let mut purge = Purge {
            cloud: cinder.root().to_owned(),
            dry_run: options.dry_run,
            plan,
            kept,
            target: options.target.as_ref().map(|choice| match choice.path() {
                Some(path) => path.display().to_string(),
                None => "the Karbor target".to_owned(),
            }),
            named: number,
            earlier: past.done + gone_since,
            unreadable,
            outcome: None,
        };
        self.gauge.enter(Doing::Waiting);
        self.display = None;
        say(out, &preview(&purge, options.outputs.text_format), Exit::Failed)?;
        let Some(journal) = journal.as_ref().filter(|_| !purge.plan.objects.is_empty()) else {
            return Ok(purge);
        };
        if !options.yes {
            let everything_in = options.everything.then_some(options.projects.as_slice());
            let word = confirm::word(purge.plan.count(), everything_in);
            // Standard error is not held meanwhile: a signal has something to say there.
            confirm::ask(&word, &mut io::stderr(), &mut io::stdin().lock())?;
        }
        self.gauge.total.store(purge.plan.count().all(), Ordering::Relaxed);
        self.gauge.enter(Doing::Deleting);
        self.show()?;
        let engine = Engine {
            api: &api,
            cinder: &cinder,
            journal,
            limits: &options.limits,
            gauge: &self.gauge,
            stop: &self.stop,
        };
        purge.outcome = Some(runtime.block_on(engine.run(&purge.plan)));
        Ok(purge)
    }

    /// Reads what the dumps and files name.
    fn read(&self) -> Result<Named> {
        let options = self.options;
        let mut gathering = Gathering::of(options.backup_services.clone());
        for path in &options.ids {
            gathering.file(path)?;
        }
        for (n, name) in options.dumps.iter().enumerate() {
            self.gauge.enter(Doing::Reading(name.clone()));
            let id = DumpId(u16::try_from(n).unwrap_or(u16::MAX));
            let read = Input::open(name, &options.spool_dir)
                .and_then(|mut input| gathering.dump(&mut input, id, &options.columns, options.reading));
            read.map_err(pipeline::error::Error::from)?;
        }
        Ok(gathering.finish())
    }

    /// What the target holds.
    fn imported(&mut self) -> Result<Option<Presence>> {
        let Some(choice) = &self.options.target else { return Ok(None) };
        self.gauge.enter(Doing::Asking);
        let presence = held(&choice.spec, &self.options.names, &mut self.ask, &self.cancel);
        self.interrupted()?;
        let presence = presence?;
        tracing::info!("the target holds {} checkpoint items", presence.rows);
        Ok(Some(presence))
    }

    /// Whoever stops the purge at the password prompt gave no password; that is no error to tell.
    fn interrupted(&self) -> Result<()> {
        self.cancel.reason().map_or(Ok(()), |reason| Err(PurgeError::Interrupted(reason).into()))
    }
}

fn unable(trouble: Trouble, service: &str) -> PurgeError {
    let what = match trouble {
        Trouble::Denied(error) => return error,
        // The identity service's URL is the beginning of these.
        Trouble::Unreachable(what) | Trouble::Broken(what) => {
            what.strip_prefix(&format!("{service}: ")).unwrap_or(&what).to_owned()
        }
        Trouble::Expired => "the login is refused".to_owned(),
    };
    let remedy = Some("check OS_AUTH_URL, the network, and for https the CA (--ca-file or OS_CACERT)");
    PurgeError::Cloud { service: service.to_owned(), what, remedy }
}

/// What a signal does: before the first deletion it ends the purge at once, then it is a request to stop.
fn answer(name: &'static str, gauge: &ProgressState, stop: &Stop, screen: &Screen) {
    let moment = gauge.now();
    if moment.doing != Some(Doing::Deleting) {
        let error = Error::from(PurgeError::Interrupted(name));
        tracing::error!(target: crate::ui::PRINTED, "{error}");
        screen.say(error.text().trim_end());
        crate::ui::echo::leave(error.exit());
    }
    screen.say(&match stop.ask(name) {
        Stopping::Now => format!("etl: {name}: leaving; the journal knows what is under way"),
        _ => format!(
            "etl: {name}: nothing more is sent; waiting for {} under way (again: leave them)",
            crate::base::number::counted(moment.in_flight, "deletion", "deletions")
        ),
    });
}
