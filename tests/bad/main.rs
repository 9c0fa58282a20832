//! Bad input: every case of `fixtures/bad` is a test of its own, named after its file and its title.
//!
//! A case is a sound dump with something done to it, or a file, a setting or a target that is not as it should be; below it stands
//! what the command prints, word for word. CONTRIBUTING.md describes how cases are written.
//!
//! With `ETL_UPDATE_CASES=1` what is printed is written into the files instead of being compared with them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

#[path = "../it/scene.rs"]
#[allow(dead_code, reason = "the tests of tests/it use all of it")]
mod scene;

mod cases;
mod damage;
mod stage;

use cases::Case;
use libtest_mimic::{Arguments, Trial};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const UPDATE: &str = "ETL_UPDATE_CASES";

fn main() -> ExitCode {
    let files = files();
    if std::env::var_os(UPDATE).is_some() {
        files.iter().for_each(|file| update(file));
        return ExitCode::SUCCESS;
    }
    let trials = files.iter().flat_map(|file| trials(file)).collect::<Vec<_>>();
    let names: BTreeSet<&str> = trials.iter().map(Trial::name).collect();
    assert_eq!(names.len(), trials.len(), "two cases have one name");
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// The files of cases, by name.
fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/bad");
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "cases"));
    files.sort();
    assert!(!files.is_empty(), "{} contains no cases", folder.display());
    files
}

fn read(file: &Path) -> (String, Vec<Case>) {
    let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let cases = cases::read(&text).unwrap_or_else(|reason| panic!("{}: {reason}", file.display()));
    (text, cases)
}

fn trials(file: &Path) -> Vec<Trial> {
    let family = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let (_, cases) = read(file);
    cases
        .into_iter()
        .map(|case| Trial::test(format!("{family}::{}", case.name), move || check(&case)))
        .collect()
}

/// Runs a case, and compares what each of its commands prints with what stands below it.
fn check(case: &Case) -> Result<(), libtest_mimic::Failed> {
    for command in stage::run(case)? {
        let (step, printed) = (&case.steps[command.step], command.printed);
        if step.expected != printed {
            return Err(format!(
                "{}\nexpected:\n{}\nprinted:\n{}\n\n{UPDATE}=1 writes it into the file",
                step.text,
                step.expected.join("\n"),
                printed.join("\n")
            )
            .into());
        }
    }
    Ok(())
}

/// Writes what the commands of a file print below each of them.
fn update(file: &Path) {
    let (text, cases) = read(file);
    let mut printed: Vec<(usize, Vec<String>)> = Vec::new();
    for case in &cases {
        let commands = stage::run(case).unwrap_or_else(|reason| panic!("{}: {reason}", case.name));
        printed.extend(commands.into_iter().map(|command| (case.steps[command.step].line, command.printed)));
    }
    std::fs::write(file, cases::with_expected(&text, &printed)).unwrap();
}
