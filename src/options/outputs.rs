//! The files that are written beside the target, and the check that no file of a run is two things at once.

use super::dumps::Dump;
use super::error::OptionError;
use super::identity::{Identity, Role};
use super::target::Choice;
use crate::cli::OutputArgs;
use crate::report::file::is_page;
use crate::surroundings::Surroundings;
use crate::terminal::Paper;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The log that is kept where none is named.
const DEFAULT_LOG: &str = "etl.log";

/// What is told of a run, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outputs {
    /// The log.
    pub log: Log,
    /// The report as a file, a page where its name ends so, else JSON.
    pub report: Option<PathBuf>,
    /// No progress.
    pub quiet: bool,
    /// How much of the log is shown: 0 nothing, 1 what matters, 2 all.
    pub verbose: u8,
    /// What the report on standard output is written on.
    pub paper: Paper,
    /// Standard error is a terminal, which can show bars and ask for a password.
    pub terminal: bool,
}

/// Where the log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Log {
    /// To a file that was named, which must be writable.
    Named(PathBuf),
    /// To the file that is taken where none is named; a run goes on without it.
    Default(PathBuf),
    /// Nowhere.
    None,
}

impl Log {
    /// The file.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Named(path) | Self::Default(path) => Some(path),
            Self::None => None,
        }
    }
}

impl Outputs {
    /// What the arguments say, in these surroundings.
    #[must_use]
    pub fn check(args: &OutputArgs, surroundings: &Surroundings<'_>) -> Self {
        let log = match &args.log {
            Some(path) => Log::Named(path.clone()),
            None if args.no_log => Log::None,
            None => Log::Default(DEFAULT_LOG.into()),
        };
        Self {
            log,
            report: args.report.clone(),
            quiet: args.quiet,
            verbose: args.verbose,
            paper: surroundings.paper(),
            terminal: surroundings.stderr_terminal,
        }
    }
}

/// Checks that nothing written is something read, and that no two things are written to one file.
pub(super) fn check_places(
    dumps: &[Dump],
    target: Option<&Choice>,
    rejects: Option<&Path>,
    outputs: &Outputs,
) -> Result<(), OptionError> {
    let target = target.and_then(Choice::path);
    let written =
        [(Role::Target, target), (Role::Rejects, rejects), (Role::Report, outputs.report.as_deref())];
    let mut places: Vec<(Role, Option<Identity>)> =
        dumps.iter().map(|dump| (Role::Dump(dump.name.clone()), dump.identity.clone())).collect();
    for (role, path) in written {
        let Some(path) = path else { continue };
        check_place(&role, path)?;
        // Whatever is replaced as a whole is written beside it first.
        let part = part_of(path);
        claim(&mut places, role.clone(), path)?;
        claim(&mut places, Role::PartOf(Box::new(role)), &part)?;
    }
    match outputs.log.path() {
        // A log can go to anything that takes bytes; what is no regular file is nothing that could be lost.
        Some(path) if std::fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir()) => {
            Ok(())
        }
        Some(path) => claim(&mut places, Role::Log, path),
        None => Ok(()),
    }
}

/// Checks that the report of a command that has no page is not called one.
pub(super) fn check_no_page(outputs: &Outputs) -> Result<(), OptionError> {
    match outputs.report.as_deref().filter(|path| is_page(path)) {
        Some(path) => Err(OptionError::Place {
            role: Role::Report,
            path: path.to_owned(),
            problem: "this command has no page",
            remedy: "name FILE.json",
        }),
        None => Ok(()),
    }
}

/// Checks that what a batch writes is no dump of any site, and that no two things are written to one file.
pub(super) fn check_batch_places<'d>(
    dumps: impl Iterator<Item = &'d String>,
    written: &[(Role, Option<&Path>)],
    outputs: &Outputs,
) -> Result<(), OptionError> {
    let dump = |name: &String| (Role::Dump(name.clone()), Identity::at(Path::new(name)));
    let mut places: Vec<(Role, Option<Identity>)> = dumps.map(dump).collect();
    for (role, path) in written {
        let Some(path) = path else { continue };
        check_place(role, path)?;
        claim(&mut places, role.clone(), path)?;
    }
    match outputs.log.path() {
        Some(path) if std::fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir()) => {
            Ok(())
        }
        Some(path) => claim(&mut places, Role::Log, path),
        None => Ok(()),
    }
}

/// The name under which a file is written until it is complete.
#[must_use]
pub(crate) fn part_of(path: &Path) -> PathBuf {
    let mut part = OsString::from(path);
    part.push(".part");
    part.into()
}

fn claim(places: &mut Vec<(Role, Option<Identity>)>, role: Role, path: &Path) -> Result<(), OptionError> {
    let identity = Identity::at(path);
    match places.iter().find(|(_, taken)| identity.is_some() && *taken == identity) {
        Some((first, _)) => {
            Err(OptionError::SamePlace { first: first.clone(), second: role, path: path.to_owned() })
        }
        None => {
            places.push((role, identity));
            Ok(())
        }
    }
}

fn check_place(role: &Role, path: &Path) -> Result<(), OptionError> {
    let wrong = |problem, remedy| {
        Err(OptionError::Place { role: role.clone(), path: path.to_owned(), problem, remedy })
    };
    match std::fs::metadata(path) {
        Ok(found) if found.is_dir() => wrong("this is a folder", "name a file in it"),
        Ok(found) if !found.is_file() => wrong("this is no regular file", "name a file"),
        Ok(found) if *role == Role::Rejects && found.len() > 0 => wrong(
            "this file exists, and may hold rows that were mended",
            "name another file; rows that were mended are read when the file is named among the dumps",
        ),
        Ok(_) => Ok(()),
        Err(_) if Identity::at(path).is_none() => wrong("there is no such folder", "make the folder first"),
        Err(_) => Ok(()),
    }
}
