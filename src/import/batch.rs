//! `etl batch`: several sites, each loaded as `etl run` does it, and a journal of what is committed.

pub mod args;
pub mod journal;
pub mod options;
pub mod report;

use crate::base::error::{OutputFailed, Result};
use crate::base::exit::Exit;
use crate::base::{digest, memory};
use crate::import::batch::args::BatchArgs;
use crate::import::batch::journal::{Dump, Facts, Journal, Proof};
use crate::import::batch::options::{BatchOptions, Site};
use crate::import::batch::report::{Document, Shared, Site as SiteReport, State, Summary, text};
use crate::import::conversion;
use crate::import::conversion::{Converted, execute};
use crate::import::options::Options;
use crate::import::report::file::ReportFile;
use crate::import::report::summary::CommandKind;
use crate::import::report::text_head;
use crate::session::log;
use crate::session::{Command, Work, kept, note, note_failure, say, tell};
use crate::settings::outputs::Outputs;
use crate::ui::environment::Environment;
use crate::ui::terminal::TextFormat;
use pipeline::load::spec::Spec;
use pipeline::options::Mode;
use pipeline::row_outcomes::Noting;
use pipeline::{files, load, sample};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

/// Loads the sites that are not committed, or changed since, and tells what became of all.
pub(crate) fn batch(args: &BatchArgs, environment: &Environment<'_>, out: &mut dyn Write) -> Result<Exit> {
    let options = BatchOptions::check(args, environment)?;
    let started = Instant::now();
    let mut warnings: Vec<String> = log::start(&options.outputs)?.into_iter().collect();
    let file = options.outputs.report.as_deref().map(ReportFile::create).transpose()?;
    tracing::info!("etl {} batch, journal {}", crate::base::build::VERSION, options.journal.display());
    let mut journal = Journal::open(&options.journal, options.outputs.foreign(&options.journal))?;
    if journal.was_torn() {
        warnings.push(format!(
            "the last line of {} was cut off by a crash and is left out: its site is looked at again",
            options.journal.display()
        ));
    }
    let command = Command::default();
    let mut sites: Vec<SiteReport<'_>> = Vec::new();
    let mut exit = Exit::Done;
    let mut stopped = false;
    for (n, site) in options.sites.iter().enumerate() {
        if stopped {
            sites.push(not_begun(site));
            continue;
        }
        if !options.outputs.quiet {
            say(&format!("etl: {} ({} of {})\n", site.name, n + 1, options.sites.len()));
        }
        tracing::info!("site {}", site.folder.display());
        let report = load_site(&command, site, &mut journal);
        if let Some(error) = &report.error {
            say(&error.text());
        }
        exit = exit.worse(report.exit.unwrap_or(Exit::Done));
        stopped = match report.state {
            State::Failed => !options.keep_going,
            // What became of a COMMIT is to be found out before anything else.
            State::Unknown => true,
            _ => false,
        };
        sites.push(report);
        // Whoever stops a batch means all of it.
        if let Some(reason) = command.cancel.reason().filter(|_| n + 1 < options.sites.len()) {
            warnings.push(format!("stopped by {reason}: the sites that were not begun wait"));
            exit = exit.worse(Exit::Failed);
            stopped = true;
        }
    }
    let shared = judge_shared(&command, &options, &sites);
    let summary = Summary {
        sites: &sites,
        shared: &shared,
        journal: journal.path(),
        warnings: &warnings,
        exit,
        elapsed: started.elapsed(),
        peak_memory: memory::peak(),
    };
    note(&text(&summary, TextFormat::PLAIN));
    let told = tell(out, &text(&summary, options.outputs.text_format), exit);
    let written = file.map_or(Ok(()), |file| file.write_json(&Document::of(&summary)));
    told?;
    kept(written, &options.outputs, exit)?;
    Ok(exit)
}

/// Which rows of targets that sites share are in none of their dumps any more: that can be told only of all of them, and once
/// all of them are loaded.
fn judge_shared<'o>(
    command: &Command,
    options: &'o BatchOptions,
    sites: &[SiteReport<'_>],
) -> Vec<Shared<'o>> {
    let mut out = Vec::new();
    for group in options.shared() {
        let Some(first) = group.first() else { continue };
        let mut shared = Shared::new(&first.target, group.iter().map(|site| site.name.as_str()).collect());
        let loaded = |site: &&SiteReport<'_>| matches!(site.state, State::Loaded | State::Unchanged);
        let there = sites.iter().filter(|site| site.target == shared.target);
        if there.clone().filter(loaded).count() != group.len() {
            shared.unjudged = Some("not all of its sites are loaded".to_owned());
        } else if there.clone().any(|site| site.state == State::Loaded) {
            let mut all = first.options.clone();
            all.dumps = group.iter().flat_map(|site| site.options.dumps.clone()).collect();
            all.pipeline.mode = Mode::Check;
            all.pipeline.noting = Noting::Nothing;
            all.outputs = quiet(&all);
            match conversion::load(command, &all) {
                Ok(report) => shared.judge(&report),
                Err(error) => shared.unjudged = Some(error.to_string()),
            }
        } else {
            shared.unjudged = Some("nothing changed since the last batch".to_owned());
        }
        out.push(shared);
    }
    out
}

/// A report in which nothing has happened yet.
fn not_begun(site: &Site) -> SiteReport<'_> {
    SiteReport {
        name: &site.name,
        target: &site.target,
        state: State::NotBegun,
        exit: None,
        error: None,
        why: Vec::new(),
        warnings: Vec::new(),
        others: &site.others,
        dumps: Vec::new(),
        rows: None,
        deferred: None,
        elapsed: Duration::ZERO,
    }
}

/// Loads one site, unless it is committed and unchanged.
fn load_site<'s>(command: &Command, site: &'s Site, journal: &mut Journal) -> SiteReport<'s> {
    let started = Instant::now();
    let mut report = not_begun(site);
    if let Err(error) = try_load(command, site, journal, &mut report) {
        report.state = if error.exit() == Exit::Unknown { State::Unknown } else { State::Failed };
        report.exit = Some(error.exit());
        report.error = Some(error);
    }
    report.elapsed = started.elapsed();
    report
}

fn try_load(
    command: &Command,
    site: &Site,
    journal: &mut Journal,
    report: &mut SiteReport<'_>,
) -> Result<()> {
    let stamps = stamps(site);
    let facts =
        command.without_dumps(&site.options.outputs, |work| facts(site, work)).inspect_err(note_failure)?;
    report.dumps.clone_from(&facts.dumps);
    if let Some(entry) = journal.last(&facts) {
        let mut why = facts.changes_since(entry);
        if why.is_empty() {
            why.extend(disproved(command, &site.options, &entry.proof).inspect_err(note_failure)?);
        }
        if why.is_empty() {
            tracing::info!("committed at {} UTC, and unchanged", entry.committed);
            report.state = State::Unchanged;
            report.exit = Some(if entry.exit == Exit::Done.code() { Exit::Done } else { Exit::Incomplete });
            report.deferred = Some(entry.deferred);
            report.why.push(format!("committed at {} UTC, and the rows are there", entry.committed));
            return Ok(());
        }
        report.why.extend(why.into_iter().map(|why| format!("loaded again: {why}")));
        for why in &report.why {
            tracing::info!("{why}");
        }
    }
    let mut options = site.options.clone();
    if let Some(Err(error)) = options.outputs.report.as_deref().map(ReportFile::create) {
        // Dumps may lie where nothing can be written.
        report.warnings.push(error.to_string());
        options.outputs.report = None;
    }
    let mut text = text_head().into_bytes();
    let Converted { report: done, end } = execute(command, CommandKind::Run, &options, None, &mut text);
    if let Some(done) = &done {
        let read = done.sources.iter().map(|(_, tally)| tally.read).sum();
        report.rows = Some((read, done.written()));
        report.deferred = Some(done.deferred());
    }
    if let (None, Err(error)) = (&done, &end) {
        text.extend_from_slice(error.text().as_bytes());
    }
    if let Err(error) = files::replace(&site.text_report(), &text) {
        report.warnings.push(format!("{} cannot be written: {error}", site.text_report().display()));
    }
    let exit = match end {
        Ok(exit) => exit,
        // The rows are there; what was to be said of them can be read in the batch's report.
        Err(error) => match error.downcast_ref::<OutputFailed>() {
            Some(failed) => {
                report.warnings.push(failed.to_string());
                failed.exit
            }
            None => return Err(error),
        },
    };
    report.state = State::Loaded;
    report.exit = Some(exit);
    let recorded = record(command, site, &facts, &stamps, (exit, report.deferred.unwrap_or(0)), journal);
    if let Err(why) = recorded {
        let warning =
            format!("committed, but the journal does not say so, and a next batch loads it again: {why}");
        tracing::warn!("{warning}");
        report.warnings.push(warning);
    }
    Ok(())
}

/// Writes a commit into the journal, with what the target shows of it.
fn record(
    command: &Command,
    site: &Site,
    facts: &Facts,
    before: &[Option<Stamp>],
    (exit, deferred): (Exit, u64),
    journal: &mut Journal,
) -> std::result::Result<(), String> {
    if stamps(site) != before {
        return Err("a dump changed while it was being loaded".to_owned());
    }
    // A request to stop that comes now stops the next site: this one is committed.
    let deaf = Command { deaf: true, ..command.clone() };
    let proof = prove(&deaf, &site.options).map_err(|error| error.to_string())?;
    journal.add(facts.committed(exit.code(), deferred, proof)).map_err(|error| error.to_string())
}

/// Size and time of a dump; what changes them changes what was loaded.
type Stamp = (u64, Option<SystemTime>);

fn stamps(site: &Site) -> Vec<Option<Stamp>> {
    let stamp = |path: &String| {
        std::fs::metadata(path).ok().map(|metadata| (metadata.len(), metadata.modified().ok()))
    };
    site.options.dumps.iter().map(stamp).collect()
}

/// What the run of a site depends on.
fn facts(site: &Site, work: &Work<'_>) -> pipeline::error::Result<Facts> {
    let dump = |path: &String| {
        let path = Path::new(path);
        let (sha256, bytes) = file_digest(path, work)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Dump { name, bytes, sha256 })
    };
    Ok(Facts {
        site: site.folder.display().to_string(),
        target: site.target.clone(),
        settings: site.in_force.clone(),
        dumps: site.options.dumps.iter().map(dump).collect::<pipeline::error::Result<_>>()?,
    })
}

fn file_digest(path: &Path, work: &Work<'_>) -> pipeline::error::Result<(String, u64)> {
    let fails =
        |source| pipeline::error::Error::File { path: path.to_owned(), doing: "reading the file", source };
    digest::of_file(path, fails, || work.cancel.check())
}

/// What the target shows of a commit that was just made.
fn prove(command: &Command, options: &Options) -> Result<Proof> {
    let Some(choice) = &options.target else { return Ok(Proof::Rows(sample::Sample::default())) };
    let outputs = quiet(options);
    if let Spec::Script(path) = &choice.spec {
        return command.without_dumps(&outputs, |work| Ok(Proof::Sha256(file_digest(path, work)?.0)));
    }
    command.work(&options.dumps, &options.spool_dir, &outputs, |inputs, work| {
        let pipeline = &options.pipeline;
        let keys = sample::candidates(inputs, &pipeline.columns, pipeline.limits, work.cancel)?;
        let target = load::open(&choice.spec, work.context(&options.names))?;
        Ok(Proof::Rows(sample::take(target, &keys)?))
    })
}

/// What the target no longer shows of a commit; nothing where it shows all of it.
fn disproved(command: &Command, options: &Options, proof: &Proof) -> Result<Option<String>> {
    let Some(choice) = &options.target else { return Ok(None) };
    let gone = |path: &Path| {
        let there = std::fs::metadata(path).is_ok_and(|metadata| metadata.len() > 0);
        (!there).then(|| format!("{} is not there", path.display()))
    };
    command.without_dumps(&quiet(options), |work| match (&choice.spec, proof) {
        (Spec::Script(path), Proof::Sha256(known)) => match gone(path) {
            None => {
                let changed = file_digest(path, work)?.0 != *known;
                Ok(changed.then(|| format!("{} changed", path.display())))
            }
            gone => Ok(gone),
        },
        (Spec::Sqlite(path), Proof::Rows(_)) if gone(path).is_some() => Ok(gone(path)),
        (Spec::Sqlite(_) | Spec::Postgres(_), Proof::Rows(known)) => {
            let target = load::open(&choice.spec, work.context(&options.names))?;
            sample::missing(target, known)
        }
        _ => Ok(Some("the journal knows the target as one of another kind".to_owned())),
    })
}

/// No progress is shown of what takes a moment.
fn quiet(options: &Options) -> Outputs {
    Outputs { quiet: true, ..options.outputs.clone() }
}
