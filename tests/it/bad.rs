//! Bad input: every case of `fixtures/bad`, and what the command says of it, word for word.
//!
//! A case is a sound dump with something done to it, or a file, a setting or a target that is not as it should be. The
//! snapshots are there to be read: would two operators do the same next? How cases are written is told in
//! CONTRIBUTING.md.

mod damage;
mod script;

use crate::scene::{Answer, Scene};
use damage::Dump;
use script::{Case, Step};
use std::fmt::Write as _;
use std::fs::File;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// What runs where a case names no command.
const COMMAND: &str = "check dump.sql";

/// The user that nobody is, who may not write what root may.
const NOBODY: u32 = 65_534;

/// A case while it is laid out.
struct Stage {
    scene: Scene,
    /// The dump that steps damage, and the file it becomes.
    dump: Option<(String, Dump)>,
    /// Whether the command runs as a user who owns nothing but the scene.
    nobody: bool,
    variables: Vec<(String, String)>,
    told: String,
}

/// Runs a family of cases and tells all that was said.
fn family(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/bad").join(format!("{name}.cases"));
    let text = std::fs::read_to_string(&path).unwrap();
    let cases = script::read(&text).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()));
    cases.iter().map(|case| format!("{}\n", run(case))).collect()
}

/// Lays a case out, runs its commands, and answers its name, its commands and what they said.
fn run(case: &Case) -> String {
    let mut stage = Stage {
        scene: Scene::new(),
        dump: Some(("dump.sql".to_owned(), Dump::sound())),
        nobody: false,
        variables: Vec::new(),
        told: format!("== {}\n", case.name),
    };
    for step in &case.steps {
        stage.take(step).unwrap_or_else(|fault| panic!("{}: {}: {fault}", case.name, step.text));
    }
    if !case.steps.iter().any(|step| step.word == "etl") {
        stage.etl(COMMAND);
    }
    // Whoever runs the tests can remove the folder again.
    let all = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(stage.scene.path(""), all).unwrap();
    stage.told
}

impl Stage {
    fn take(&mut self, step: &Step) -> Result<(), String> {
        let rest = step.rest.as_str();
        let (first, behind) = rest.split_once(' ').unwrap_or((rest, ""));
        match step.word.as_str() {
            "dump" => {
                self.settle();
                self.dump = Some((rest.to_owned(), Dump::sound()));
            }
            "no-dump" => self.dump = None,
            "file" => drop(self.scene.write(rest, step.lines.concat())),
            "folder" => std::fs::create_dir(self.scene.path(rest)).unwrap(),
            "link" => std::os::unix::fs::symlink(behind, self.scene.path(first)).unwrap(),
            "mode" => {
                self.settle();
                let mode = u32::from_str_radix(behind, 8).map_err(|error| error.to_string())?;
                let path = self.scene.path(first);
                std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
            }
            "sqlite" => {
                let database = rusqlite::Connection::open(self.scene.path(rest)).unwrap();
                database.execute_batch(&step.lines.concat()).map_err(|error| error.to_string())?;
            }
            "env" => {
                let (name, value) = rest.split_once('=').ok_or("NAME=value")?;
                self.variables.push((name.to_owned(), value.to_owned()));
            }
            "as-nobody" => self.nobody = true,
            "etl" => self.etl(rest),
            _ => {
                let (_, dump) = self.dump.as_mut().ok_or("there is no dump")?;
                dump.damage(step)?;
            }
        }
        Ok(())
    }

    /// Writes the dump that was damaged.
    fn settle(&mut self) {
        if let Some((name, dump)) = self.dump.take() {
            self.scene.write(&name, dump.into_bytes());
        }
    }

    /// Runs a command and notes what it said; of a report, where that is all there is, how it ended and what it warns of.
    fn etl(&mut self, line: &str) {
        self.settle();
        let _ = writeln!(self.told, "$ etl {line}");
        let drops = self.nobody && is_root();
        // By its descriptor: nobody may not be let into the folder of the build.
        let program = File::open(env!("CARGO_BIN_EXE_etl")).unwrap();
        let by_descriptor = format!("/proc/self/fd/{}", program.as_raw_fd());
        let mut command =
            Command::new(if drops { by_descriptor.as_str() } else { env!("CARGO_BIN_EXE_etl") });
        command.current_dir(self.scene.path("")).env_clear().stdin(Stdio::null());
        command.args(line.split(' '));
        if !line.starts_with("status ") {
            command.args(["--no-log", "--quiet"]);
        }
        // Known, so that nothing is said of it.
        command.env("ETL_TRUST_ID", "trust-1").envs(self.variables.iter().map(|(name, value)| (name, value)));
        if drops {
            self.scene.give_to(NOBODY);
            command.uid(NOBODY).gid(NOBODY);
        }
        let answer = Answer::run(command);
        assert!(!answer.stderr.contains("panicked"), "{}", answer.stderr);
        let _ = writeln!(self.told, "exit code {}", answer.code);
        if !answer.stderr.is_empty() {
            let _ = writeln!(self.told, "{}", answer.stderr.trim_end());
        } else {
            let warnings = answer.stdout.split("\nWarnings\n").nth(1).unwrap_or_default();
            let warnings = warnings.split("\n\n").next().unwrap_or_default();
            let _ = writeln!(self.told, "{}\n{warnings}", answer.stdout.lines().next().unwrap_or_default());
        }
    }
}

pub(crate) fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}

/// Dumps that were cut, packed, mixed up, or are none.
#[test]
fn dumps() {
    insta::assert_snapshot!("bad_dumps", family("dumps"));
}

/// Values that are not what their column holds, for every kind of column of every table.
#[test]
fn values() {
    insta::assert_snapshot!("bad_values", family("values"));
}

/// Schedules, zones and cron expressions that cannot be kept.
#[test]
fn schedules() {
    insta::assert_snapshot!("bad_schedules", family("schedules"));
}

/// Rows that do not go together: twice, without what they depend on, of several kinds.
#[test]
fn rows() {
    insta::assert_snapshot!("bad_rows", family("rows"));
}

/// etl.toml, the environment and files of names.
#[test]
fn settings() {
    insta::assert_snapshot!("bad_settings", family("settings"));
}

/// Targets that are not there, are something else, or cannot be written.
#[test]
fn targets() {
    insta::assert_snapshot!("bad_targets", family("targets"));
}

/// Every case has a name of its own, and they are as many as the project promises.
#[test]
fn the_cases_are_many_and_told_apart() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/bad");
    let mut names: Vec<String> = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "cases") {
            let cases = script::read(&std::fs::read_to_string(&path).unwrap()).unwrap();
            names.extend(cases.into_iter().map(|case| format!("{}: {}", path.display(), case.name)));
        }
    }
    let all = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), all, "two cases have one name");
    assert!(all >= 150, "{all} cases");
}
