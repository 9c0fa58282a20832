//! The flow: takes the steps that are to be done, one after the other, and writes down each.
//!
//! Whatever happens in the middle, the same command again comes out right: a step that did not come to its end is done again,
//! and what it left half done is either whole (a commit), or nothing (a roll back), or replaced (files).

use super::error::CutoverError;
use super::files::{Tee, private_folder};
use super::host::{Host, Ran};
use super::lines::{Back, Lines, own, typed};
use super::plan::{Goal, Next, Resume, effective_exit, next, parts, refuse_changes, steps};
use super::safety;
use super::settings::{Check, Command, Safety, Settings};
use super::state::{Dump, Event, State};
use super::step::{Part, Step};
use crate::base::error::{Error, Result};
use crate::base::exit::Exit;
use crate::base::number::{bytes, counted, duration};
use crate::base::text::printable;
use crate::cutover::messages;
use crate::ui::terminal::ignore_broken_pipe;
use pipeline::engine::{TRUST_GUIDE, TRUST_SOURCES, without_trust};
use pipeline::files;
use pipeline::load::names::TargetNames;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::time::{Duration, Instant};

/// How long a node may take to show that commands can be run there.
const REACH: Duration = Duration::from_secs(60);

/// A cutover as it goes.
pub struct Flow<'f> {
    /// The command lines.
    pub lines: Lines<'f>,
    /// What the target calls Karbor's tables.
    pub names: &'f TargetNames,
    /// What is done.
    pub state: &'f mut State,
    /// The world.
    pub host: &'f mut dyn Host,
    /// Standard output.
    pub out: &'f mut dyn Write,
    /// How a rollback is to go.
    pub back: Back,
}

/// What a step came to.
struct Ended {
    exit: Exit,
    said: String,
    dumps: Vec<Dump>,
    /// Operations that it left with the placeholder as trust.
    placeholders: u64,
}

impl Ended {
    fn well(said: impl Into<String>) -> Self {
        Self { exit: Exit::Done, said: said.into(), dumps: Vec::new(), placeholders: 0 }
    }
}

impl Flow<'_> {
    fn settings(&self) -> &Settings {
        self.lines.settings
    }

    /// Does what was asked for, as far as it can be done; `digest` is that of the settings file.
    ///
    /// # Errors
    /// A step failed, or something else comes first.
    pub fn run(&mut self, goal: Goal, resume: Resume, digest: &str) -> Result<Exit> {
        let position = self.state.position();
        refuse_changes(goal, resume, digest, &position, self.settings())?;
        resume.check(goal, self.settings())?;
        let said = resume.step(goal);
        let begin = said.map_or(position.clone(), |step| position.clone().from(step, ""));
        let parts = parts(goal, self.settings(), &begin)?;
        if let Some(step) = said {
            self.state.add(Event::From { step })?;
        }
        let switched = matches!(goal, Goal::Everything { switched: true } | Goal::Part(Part::Incremental));
        if switched && !position.switched {
            self.state.add(Event::Switched)?;
        }
        let mut last = None;
        let mut exit = Exit::Done;
        for part in parts {
            exit = exit.worse(self.part(part, &mut last)?);
        }
        let position = self.state.position();
        self.say(&format!("\n{}", messages::then(self.settings(), &position)))?;
        if next(self.settings(), &position) == Next::Wait || position.placeholders() > 0 {
            exit = exit.worse(Exit::Incomplete);
        }
        Ok(exit)
    }

    /// Does the steps of a part that are to be done; `last` is the step that was done last.
    fn part(&mut self, part: Part, last: &mut Option<Step>) -> Result<Exit> {
        let to_do = steps(part, self.settings(), &self.state.position());
        let mut exit = Exit::Done;
        for (n, step) in to_do.iter().copied().enumerate() {
            if let (Some(signal), Some(after)) = (self.host.stopping(), *last) {
                let remedy = format!("to go on, type: {}", own(Some(part.name()), &self.settings().path));
                return Err(CutoverError::Stopped { signal, after, remedy }.into());
            }
            self.say(&format!("[{} {}/{}] {step}: {}\n", part.name(), n + 1, to_do.len(), step.title()))?;
            let begun = Instant::now();
            self.state.add(Event::Began { step })?;
            let ended = match self.step(step) {
                Ok(ended) => ended,
                Err(error) => return Err(self.failed(step, error)),
            };
            let Ended { exit: of_step, said, dumps, placeholders } = ended;
            let told = format!("    {said} ({})\n", duration(begun.elapsed()));
            self.state.add(Event::Finished { step, exit: of_step.code(), said, dumps, placeholders })?;
            self.say(&told)?;
            exit = exit.worse(effective_exit(step, of_step));
            *last = Some(step);
        }
        let position = self.state.position();
        if part == Part::Rollback && position.going_back && steps(part, self.settings(), &position).is_empty()
        {
            self.state.add(Event::RolledBack)?;
        }
        Ok(exit)
    }

    /// Writes a failure down, and puts it into words.
    fn failed(&mut self, step: Step, error: Error) -> Error {
        let exit = error.exit().code();
        // Where it cannot be written down the step counts as interrupted, which comes to the same.
        let _ = self.state.add(Event::Failed { step, exit, error: error.to_string() });
        let told = messages::after_failure(step, self.settings(), &self.state.position());
        CutoverError::Step { step, cause: error, told }.into()
    }

    fn step(&mut self, step: Step) -> Result<Ended> {
        match step {
            Step::Preflight => self.preflight(),
            Step::Safety => self.safety(),
            Step::Dump | Step::DumpAgain | Step::DumpJobs => self.dump(step),
            Step::Stopped => self.stopped(),
            Step::Restart | Step::RestartAfter => self.commands(&self.settings().restart.clone()),
            Step::Jobs => self.commands(&self.settings().jobs.clone()),
            Step::Rollback => {
                let line = self.lines.rollback(self.back);
                self.etl(step, &line)
            }
            Step::Columns => {
                let line = self.lines.columns(&self.dumps(step)?);
                let ended = self.etl(step, &line)?;
                let text = self.lines.text(step);
                Ok(Ended { said: format!("the dumps are as the map says: {}", text.display()), ..ended })
            }
            Step::Check
            | Step::Run
            | Step::Verify
            | Step::RunAgain
            | Step::VerifyAgain
            | Step::Sync
            | Step::SyncJobs => {
                let line = self.lines.etl(step, &self.dumps(step)?);
                let ended = self.etl(step, &line)?;
                if matches!(step, Step::Run | Step::RunAgain) { self.trusts(ended) } else { Ok(ended) }
            }
        }
    }

    /// Looks at everything at once, so that all that is wrong is known after one attempt.
    fn preflight(&mut self) -> Result<Ended> {
        let settings = self.settings().clone();
        let mut notes = String::new();
        let mut problems: Vec<String> = Vec::new();
        let facts = self.host.look()?;
        let _ = writeln!(notes, "target: {}", facts.target);
        let _ = writeln!(notes, "version of its schema: {}", facts.version.as_deref().unwrap_or("not told"));
        let _ = writeln!(notes, "engine: {}", facts.engine.as_deref().unwrap_or("found when rows arrive"));
        let _ = writeln!(notes, "rows of earlier imports: {}", facts.imported);
        for warning in facts.warnings.iter().chain(&self.host.outlook()?.warnings()) {
            let _ = writeln!(notes, "! {warning}");
        }
        if !facts.trusts {
            let what = "no trust is known for the operations: trust_id is not set, and no operation in Karbor has a trust. \
                        Karbor would back nothing up, though its operation logs may say success";
            if settings.run.without_trusts {
                let _ = writeln!(notes, "! {what}");
            } else {
                problems.push(format!(
                    "{what}: {TRUST_SOURCES} ({TRUST_GUIDE}); or without_trusts = true in [run]"
                ));
            }
        }
        if let Some(expected) = &settings.version
            && facts.version.as_ref() != Some(&expected.value)
        {
            problems.push(format!(
                "{}:{}: version {:?} is expected, and the target's schema {}",
                settings.path.display(),
                expected.line,
                expected.value,
                facts.version.map_or("does not tell its own".to_owned(), |found| format!("is of {found:?}")),
            ));
        }
        let folder = settings.folder.display();
        if let Some(free) = self.host.free_space(&settings.folder) {
            let _ = writeln!(notes, "free in {folder}: {}", bytes(free));
            if free < settings.free_space {
                let (free, wanted) = (bytes(free), bytes(settings.free_space));
                problems.push(format!("{folder}: {free} are free, and {wanted} are wanted (free_space)"));
            }
        }
        for node in settings.command_nodes() {
            match self.host.run_remote(node, "true", false, REACH) {
                Ok(_) => _ = writeln!(notes, "{node}: commands can be run there"),
                Err(error) if self.host.stopping().is_some() => return Err(error),
                Err(error) => problems.push(worded(&error)),
            }
        }
        for check in &settings.stopped {
            match self.ask_stopped(check)? {
                None => _ = writeln!(notes, "{}: stopped", check.name),
                Some(why) if check.before_full => problems.push(why),
                Some(why) => {
                    let _ = writeln!(notes, "! {why}; it is asked again before the incremental part");
                }
            }
        }
        for problem in &problems {
            let _ = writeln!(notes, "problem: {problem}");
        }
        self.keep(Step::Preflight, notes.as_bytes())?;
        if problems.is_empty() {
            let of = |mark| notes.lines().filter(|line| line.starts_with(mark)).count();
            let warned = u64::try_from(of("! ")).unwrap_or(0);
            let said = match warned {
                0 => "all is there".to_owned(),
                n => format!("all is there; {} to read", counted(n, "remark", "remarks")),
            };
            let text = self.lines.text(Step::Preflight);
            return Ok(Ended::well(format!("{said}: {}", text.display())));
        }
        let what = problems.join("\netl: ");
        Err(CutoverError::Failed { what, remedy: None }.into())
    }

    /// Why something does not count as stopped; nothing where it is.
    fn ask_stopped(&mut self, check: &Check) -> Result<Option<String>> {
        for place in check.command.places() {
            let ran = match self.at(place, &check.command) {
                Ok(ran) => ran,
                Err(error) if self.host.stopping().is_some() => return Err(error),
                Err(error) => return Ok(Some(worded(&error))),
            };
            if !ran.well() {
                let wher = place.map(|node| format!(" on {node}")).unwrap_or_default();
                return Ok(Some(format!(
                    "{} is not stopped{wher}: {}",
                    check.name,
                    ended(&check.command, &ran)
                )));
            }
        }
        Ok(None)
    }

    fn stopped(&mut self) -> Result<Ended> {
        let mut problems = Vec::new();
        for check in self.settings().stopped.clone() {
            problems.extend(self.ask_stopped(&check)?);
        }
        if problems.is_empty() {
            let names: Vec<&str> = self.settings().stopped.iter().map(|check| check.name.as_str()).collect();
            return Ok(Ended::well(format!("stopped: {}", names.join(", "))));
        }
        let remedy = Some("stop it: what it does from now on would not be in the dumps".to_owned());
        Err(CutoverError::Failed { what: problems.join("\netl: "), remedy }.into())
    }

    /// Dumps Karbor's own tables as they were before the first row of this cutover: never again once rows may be there.
    fn safety(&mut self) -> Result<Ended> {
        let path = self.lines.safety();
        let loaded = self.state.position().loaded;
        let (program, options) = match self.settings().safety.clone() {
            Safety::None => return Ok(Ended::well("not wanted")),
            Safety::Command(_) if loaded => return Ok(Ended::well("not done again: rows may be loaded")),
            Safety::Command(command) => return self.commands(&[command]),
            Safety::PgDump { .. } if loaded && path.exists() => {
                return Ok(Ended::well(format!("kept, from before rows were loaded: {}", path.display())));
            }
            Safety::PgDump { program, options } => (program, options),
        };
        let dump = safety::SafetyDump { program, options: &options, lines: self.lines, names: self.names };
        let size = dump.make(self.host, &path)?;
        Ok(Ended::well(format!("{} of Karbor's own tables: {}", bytes(size), path.display())))
    }

    fn dump(&mut self, step: Step) -> Result<Ended> {
        let folder = self.lines.dump_folder(step);
        private_folder(&folder)?;
        let mut dumps = Vec::new();
        for path in self.host.dump(&folder)? {
            let size =
                std::fs::metadata(&path).map_err(|source| Error::file("the dump", path.display(), source))?;
            dumps.push(Dump { path: path.display().to_string(), bytes: size.len() });
        }
        if dumps.is_empty() {
            let what = "no node of the settings has a [[node.dump]]".to_owned();
            let by_hand = format!("put dumps into {} and go on with the next step: --from", folder.display());
            let remedy = Some(format!("add a section [[node.dump]] below a node; or {by_hand}"));
            return Err(CutoverError::Failed { what, remedy }.into());
        }
        let all = dumps.iter().map(|dump| dump.bytes).sum();
        let files = counted(u64::try_from(dumps.len()).unwrap_or(0), "dump", "dumps");
        Ok(Ended { dumps, ..Ended::well(format!("{files}, {}: {}", bytes(all), folder.display())) })
    }

    /// The dumps that a step reads: those that were made for it, as long as they are what they were, or those that the operator
    /// put there.
    fn dumps(&self, step: Step) -> Result<Vec<String>> {
        let folder = self.lines.dump_folder(step);
        let made_by = match step {
            Step::RunAgain | Step::VerifyAgain | Step::Sync => Step::DumpAgain,
            Step::SyncJobs => Step::DumpJobs,
            _ => Step::Dump,
        };
        let position = self.state.position();
        let known = position.done.get(&made_by).map(|done| done.dumps.as_slice()).unwrap_or_default();
        let mut found: Vec<String> = match known {
            [] => crate::import::options::dumps_in(&folder)?,
            known => known.iter().map(|dump| dump.path.clone()).collect(),
        };
        for dump in known {
            let now = std::fs::metadata(&dump.path).map_or(0, |found| found.len());
            if now != dump.bytes {
                let what = format!(
                    "{}: it had {} when it was made, and has {} now",
                    dump.path,
                    counted(dump.bytes, "byte", "bytes"),
                    counted(now, "byte", "bytes")
                );
                let remedy = format!("dump again: add --from {made_by}");
                return Err(CutoverError::Failed { what, remedy: Some(remedy) }.into());
            }
        }
        self.lines.choose(step, &mut found);
        Ok(found)
    }

    /// Carries out a line of etl's own; what it tells is kept.
    fn etl(&mut self, step: Step, line: &[String]) -> Result<Ended> {
        let shown = typed(line);
        tracing::info!("{step}: {shown}");
        self.say(&format!("    {shown}\n"))?;
        let mut text = Vec::new();
        let outcome = if step == Step::Rollback {
            // What will go must be seen before it is asked for.
            self.host.etl(line, &mut Tee { kept: &mut text, shown: self.out })
        } else {
            self.host.etl(line, &mut text)
        };
        let kept = self.keep(step, &text);
        let exit = outcome?;
        kept?;
        if exit == Exit::Different {
            ignore_broken_pipe(self.out.write_all(&text)).map_err(unsaid)?;
            return Err(CutoverError::Different { report: self.lines.report(step) }.into());
        }
        let text = String::from_utf8_lossy(&text);
        let first = text.lines().next().unwrap_or_default().to_owned();
        let waits = match (exit, step) {
            (Exit::Incomplete, Step::Sync | Step::SyncJobs) => "; copies wait for their jobs",
            (Exit::Incomplete, _) => "; rows were deferred",
            _ => "",
        };
        let report = self.lines.report(step);
        Ok(Ended { exit, ..Ended::well(format!("{first}{waits}: {}", report.display())) })
    }

    /// Refuses to go on where a run left operations without a usable trust, unless the settings allow it: once operationengine is
    /// restarted it gives that trust to new operations of the same users too.
    fn trusts(&mut self, mut ended: Ended) -> Result<Ended> {
        ended.placeholders = self.host.outlook()?.placeholders;
        if let Some(what) = without_trust(ended.placeholders)
            && !self.settings().run.without_trusts
        {
            return Err(
                CutoverError::WithoutTrusts { what, check: messages::check_trusts(self.settings()) }.into()
            );
        }
        Ok(ended)
    }

    /// Runs the operator's commands, each in its places.
    fn commands(&mut self, commands: &[Command]) -> Result<Ended> {
        let mut places = Vec::new();
        for command in commands {
            for place in command.places() {
                let wher = place.unwrap_or("here");
                self.say(&format!("    {wher}: {}\n", command.run))?;
                let ran = self.at(place, command)?;
                if !ran.well() {
                    let what = format!("{wher}: {}", ended(command, &ran));
                    let before = places.join(", ");
                    let remedy = match places.is_empty() {
                        true => "no command was run before it".to_owned(),
                        false => format!("it is done already in: {before}; it will be done there once more"),
                    };
                    return Err(CutoverError::Failed { what, remedy: Some(remedy) }.into());
                }
                places.push(wher.to_owned());
            }
        }
        Ok(Ended::well(format!("done: {}", places.join(", "))))
    }

    fn at(&mut self, place: Option<&str>, command: &Command) -> Result<Ran> {
        tracing::info!("{}: {}", place.unwrap_or("here"), command.run);
        let ran = match place {
            Some(node) => self.host.run_remote(node, &command.run, command.becoming, command.limit),
            None => {
                let line = ["sh", "-c", &command.run].map(str::to_owned);
                self.host.run_local(&line, Some(command.limit), false)
            }
        }?;
        for line in ran.text.lines() {
            tracing::debug!("{}: {line}", place.unwrap_or("here"));
        }
        Ok(ran)
    }

    /// Keeps what a step told.
    fn keep(&self, step: Step, text: &[u8]) -> Result<()> {
        let path = self.lines.text(step);
        let kept = files::replace(&path, text);
        kept.map_err(|source| Error::file("what a step told", path.display(), source))
    }

    fn say(&mut self, text: &str) -> Result<()> {
        let text = printable(text);
        for line in text.lines().filter(|line| !line.is_empty()) {
            tracing::info!(target: crate::ui::PRINTED, "{line}");
        }
        // Whoever went away and hears nothing any more has not said that it is to stop.
        ignore_broken_pipe(self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush()))
            .map_err(unsaid)
    }
}

/// An error with its remedy, in one line.
fn worded(error: &Error) -> String {
    error.remedy().map_or_else(|| error.to_string(), |remedy| format!("{error} ({remedy})"))
}

/// How a command ended that should have ended well.
fn ended(command: &Command, ran: &Ran) -> String {
    format!("`{}`: {}", command.run, ran.how())
}

fn unsaid(source: io::Error) -> Error {
    Error::output("standard output", source, Exit::Failed)
}

#[cfg(test)]
mod tests;
