//! The command lines of a cutover: what an operator would type for each step. They are carried out in this process, shown by
//! `--dry-run`, and stand in the log; so they hold no secret.

use super::settings::Settings;
use super::step::Step;
use crate::base::shell::quote;
use pipeline::karbor::WRITTEN;
use pipeline::load::names::TargetNames;
use std::path::{Path, PathBuf};

/// The log, in the cutover's folder.
pub const LOG: &str = "etl.log";

/// Tables that a rollback deletes rows of, beside those that are written.
const CLEANED: [&str; 2] = ["trigger_executions", "scheduled_operation_logs"];

/// How a rollback is to go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Back {
    /// Nothing is asked.
    pub yes: bool,
    /// Rows of Karbor's own that depend on imported ones go too.
    pub with_dependents: bool,
    /// Plans on which such rows hang stay.
    pub keep_edited: bool,
}

/// Makes the lines of one cutover.
#[derive(Clone, Copy, Debug)]
pub struct Lines<'l> {
    /// The settings.
    pub settings: &'l Settings,
    /// No progress is shown.
    pub quiet: bool,
}

impl Lines<'_> {
    /// The folder of the dumps that a step makes or reads.
    #[must_use]
    pub fn dump_folder(&self, step: Step) -> PathBuf {
        self.settings.file(match step {
            Step::DumpAgain | Step::RunAgain | Step::VerifyAgain | Step::Sync => "incremental",
            Step::DumpJobs | Step::SyncJobs => "continue",
            _ => "full",
        })
    }

    /// The report file of a step.
    #[must_use]
    pub fn report(&self, step: Step) -> PathBuf {
        let ending = match step {
            Step::Check | Step::Run | Step::Verify | Step::RunAgain | Step::VerifyAgain => "html",
            _ => "json",
        };
        self.settings.file(format!("{}.{ending}", step.file_name()))
    }

    /// The text of a step: what it told.
    #[must_use]
    pub fn text(&self, step: Step) -> PathBuf {
        self.settings.file(format!("{}.txt", step.file_name()))
    }

    /// The files that steps leave in the folder beside their reports.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        let texts = Step::ALL.into_iter().map(|step| self.text(step));
        texts.chain([self.safety()]).collect()
    }

    /// The dump of Karbor's own tables.
    #[must_use]
    pub fn safety(&self) -> PathBuf {
        self.settings.file(format!("{}.sql", Step::Safety.file_name()))
    }

    /// Leaves of a folder's dumps those that a step reads: a sync only the task manager's, where it is known which that is.
    pub fn choose(&self, step: Step, dumps: &mut Vec<String>) {
        let of_jobs = |path: &String| {
            let name = Path::new(path).file_name();
            self.settings.job_files.iter().any(|file| name == Some(file.as_os_str()))
        };
        if matches!(step, Step::Sync | Step::SyncJobs) && dumps.iter().any(of_jobs) {
            dumps.retain(of_jobs);
        }
    }

    /// The line that looks whether dumps are as the map of columns says.
    #[must_use]
    pub fn columns(&self, dumps: &[String]) -> Vec<String> {
        let mut line = words(&["etl", "columns", "--check"]);
        line.extend_from_slice(dumps);
        if let Some(path) = &self.settings.run.columns {
            line.extend(["--columns".to_owned(), shown(path)]);
        }
        line
    }

    /// The line of a step that is a command of etl's own, over these dumps.
    #[must_use]
    pub fn etl(&self, step: Step, dumps: &[String]) -> Vec<String> {
        let command = match step {
            Step::Check => "check",
            Step::Verify | Step::VerifyAgain => "verify",
            Step::Sync | Step::SyncJobs => "sync",
            _ => "run",
        };
        let mut line = words(&["etl", command]);
        line.extend_from_slice(dumps);
        line.extend(words(&["--target", &self.settings.target]));
        let run = &self.settings.run;
        for (flag, path) in [("--config", &run.config), ("--columns", &run.columns)] {
            if let Some(path) = path {
                line.extend([flag.to_owned(), shown(path)]);
            }
        }
        if matches!(step, Step::RunAgain | Step::VerifyAgain)
            && let Some(unsteady) = &run.unsteady
        {
            line.extend(words(&["--unsteady", unsteady]));
        }
        if step == Step::RunAgain && run.prune {
            line.push("--prune".to_owned());
        }
        line.extend(self.outputs(step));
        line
    }

    /// The line that takes the import back.
    #[must_use]
    pub fn rollback(&self, back: Back) -> Vec<String> {
        let mut line = words(&["etl", "rollback", "--source", "all", "--target", &self.settings.target]);
        if let Some(path) = &self.settings.run.columns {
            line.extend(["--columns".to_owned(), shown(path)]);
        }
        for (wanted, flag) in [
            (back.with_dependents, "--with-dependents"),
            (back.keep_edited, "--keep-edited"),
            (back.yes, "--yes"),
        ] {
            if wanted {
                line.push(flag.to_owned());
            }
        }
        line.extend(self.outputs(Step::Rollback));
        line
    }

    fn outputs(&self, step: Step) -> Vec<String> {
        let (report, log) = (self.report(step), self.settings.file(LOG));
        let mut line = vec!["--report".to_owned(), shown(&report), "--log".to_owned(), shown(&log)];
        if self.quiet {
            line.push("--quiet".to_owned());
        }
        line
    }

    /// The line that dumps the tables that a cutover writes to, or deletes from. pg_dump and gs_dump read it alike: gs_dump has no
    /// `--dbname`, and both take a connection string in its place.
    #[must_use]
    pub fn safety_dump(
        &self,
        program: &str,
        options: &[String],
        names: &TargetNames,
        into: &Path,
    ) -> Vec<String> {
        let mut line = words(&[program, "--format=plain", "--no-password"]);
        let tables = WRITTEN.iter().map(|table| names.table(table.name));
        for table in tables.chain(["services"]).chain(CLEANED) {
            line.push(format!("--table={table}"));
        }
        line.extend_from_slice(options);
        line.push(format!("--file={}", shown(into)));
        line.push(self.settings.target.clone());
        line
    }
}

/// The line of a cutover's own part, as it is typed.
#[must_use]
pub fn own(part: Option<&str>, file: &Path) -> String {
    let file = quote(&shown(file));
    part.map_or_else(|| format!("etl cutover {file}"), |part| format!("etl cutover {part} {file}"))
}

/// A line as a shell reads it.
#[must_use]
pub fn typed(line: &[String]) -> String {
    line.iter().map(|word| quote(word)).collect::<Vec<_>>().join(" ")
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
