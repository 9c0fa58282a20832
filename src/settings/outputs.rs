//! The files that are written beside the target, and the check that no file of a run is two things at once.

use crate::base::json_lines::JournalKind;
use crate::settings::dumps::Dump;
use crate::settings::error::OptionError;
use crate::settings::identity::{Identity, Role};
use crate::settings::output_args::OutputArgs;
use crate::settings::places::{Places, Written};
use crate::settings::report_form::ReportForm;
use crate::settings::target::Choice;
use crate::ui::environment::Environment;
use crate::ui::progress::Style;
use crate::ui::terminal::TextFormat;
use pipeline::files;
use pipeline::files::mark::{self, Found};
use pipeline::files::place::Foreign;
use pipeline::row_outcomes::Noting;
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
    /// A line for each source row: CSV where its name ends so, else JSON.
    pub outcomes: Option<PathBuf>,
    /// Files that may be replaced although etl did not write them.
    pub force: Vec<PathBuf>,
    /// No progress.
    pub quiet: bool,
    /// How much of the log is shown: 0 nothing, 1 what matters, 2 all.
    pub verbose: u8,
    /// What the report on standard output is written on.
    pub text_format: TextFormat,
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
    /// The style of progress that fits where standard error goes, and what else goes there.
    #[must_use]
    pub fn progress_style(&self) -> Style {
        match self {
            Self { quiet: true, .. } => Style::Nothing,
            // Bars and the lines of the log would overwrite each other.
            Self { terminal: true, verbose: 0, .. } => Style::Bars,
            _ => Style::Lines,
        }
    }

    /// What the arguments say, in these environment.
    #[must_use]
    pub fn check(args: &OutputArgs, environment: &Environment<'_>) -> Self {
        let log = match &args.log {
            Some(path) => Log::Named(path.clone()),
            None if args.no_log => Log::None,
            None => Log::Default(DEFAULT_LOG.into()),
        };
        Self {
            log,
            report: args.report.clone(),
            outcomes: None,
            force: args.force.clone(),
            quiet: args.quiet,
            verbose: args.verbose,
            text_format: environment.text_format(),
            terminal: environment.stderr_terminal,
        }
    }

    /// Those of a command that only prints: no log, and no report file.
    #[must_use]
    pub fn printed(environment: &Environment<'_>) -> Self {
        Self::check(&OutputArgs { no_log: true, ..OutputArgs::default() }, environment)
    }

    /// What becomes of a file at `path` that etl did not write.
    #[must_use]
    pub fn foreign(&self, path: &Path) -> Foreign {
        let identity = Identity::at(path);
        let named = self.force.iter().any(|forced| identity.is_some() && Identity::at(forced) == identity);
        if named { Foreign::Replace } else { Foreign::Refuse }
    }

    /// Which source rows are noted with what became of them.
    #[must_use]
    pub fn noting(&self) -> Noting {
        match &self.outcomes {
            Some(path) => Noting::File { path: path.clone(), taken: self.foreign(path) },
            None => Noting::Nothing,
        }
    }

    /// Whether the target is a file that etl did not write and that is to be replaced by a new database.
    #[must_use]
    pub fn replaces(&self, target: &Choice) -> bool {
        target.path().is_some_and(|path| {
            let own = |head: &[u8]| Written::Database.is_own(path, head);
            self.foreign(path) == Foreign::Replace
                && mark::look(path, own).is_ok_and(|found| found == Found::Foreign)
        })
    }

    /// Claims the files of these outputs.
    pub(crate) fn claim(&self, places: &mut Places<'_>) -> Result<(), OptionError> {
        if let Some(path) = &self.report {
            places.write(Role::Report, path, Written::Report)?;
        }
        if let Some(path) = &self.outcomes {
            places.write(Role::Outcomes, path, Written::Outcomes)?;
        }
        match self.log.path() {
            Some(path) => places.write(Role::Log, path, Written::Log),
            None => Ok(()),
        }
    }

    /// Checks that every file that may be replaced is one of these outputs, or of those that are `written` beside them.
    pub(crate) fn check_force<'p>(
        &'p self,
        written: impl IntoIterator<Item = &'p Path>,
    ) -> Result<(), OptionError> {
        let own = [self.report.as_deref(), self.outcomes.as_deref(), self.log.path()];
        let written = written.into_iter().chain(own.into_iter().flatten());
        let written: Vec<_> = written.filter_map(Identity::at).collect();
        let unused = |path: &&PathBuf| Identity::at(path).is_none_or(|identity| !written.contains(&identity));
        match self.force.iter().find(unused) {
            Some(path) => Err(OptionError::ForceOfNothing { path: path.clone() }),
            None => Ok(()),
        }
    }
}

/// Checks that nothing written is something read or another program's, and that no two things are written to one file.
pub(crate) fn check_places<'o>(
    dumps: &[Dump],
    target: Option<&Choice>,
    rejects: Option<&Path>,
    outputs: &'o Outputs,
) -> Result<Places<'o>, OptionError> {
    let mut places = Places::new(&outputs.force);
    places.dumps(dumps);
    places.target(target)?;
    if let Some(path) = rejects {
        places.write(Role::Rejects, path, Written::Rejects)?;
    }
    outputs.claim(&mut places)?;
    Ok(places)
}

/// Checks the files of a cutover: its state, its log, and those of its `steps` where no state says yet whose they are.
pub(crate) fn check_cutover(state: &Path, steps: &[PathBuf], outputs: &Outputs) -> Result<(), OptionError> {
    let mut places = Places::new(&outputs.force);
    // The folder is made later.
    if !files::place::folder_of(state).exists() {
        return outputs.check_force([]);
    }
    places.write(Role::State, state, Written::Lines(JournalKind::Cutover))?;
    outputs.claim(&mut places)?;
    if mark::look(state, |_| true).is_ok_and(|found| found == Found::Nothing) {
        for step in steps {
            places.write(Role::Step, step, Written::Step)?;
        }
    }
    outputs.check_force(steps.iter().map(PathBuf::as_path).chain([state]))
}

/// Checks that the report of a command that has no page is not called one.
pub(crate) fn check_no_page(outputs: &Outputs) -> Result<(), OptionError> {
    match outputs.report.as_deref().filter(|path| ReportForm::of(path) == ReportForm::Html) {
        Some(path) => Err(OptionError::Place {
            role: Role::Report,
            path: path.to_owned(),
            problem: "this command has no page".to_owned(),
            remedy: "name FILE.json".to_owned(),
        }),
        None => Ok(()),
    }
}
