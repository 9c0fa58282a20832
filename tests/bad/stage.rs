//! Lays a case out in a folder of its own and runs its commands.

use crate::cases::{COMMAND, Case, Step};
use crate::damage::Dump;
use crate::scene::{Answer, Scene};
use std::fs::File;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

/// The user that nobody is, who may not write what root may.
const NOBODY: u32 = 65_534;

/// A command of a case, by the number of its step, and the lines it printed.
pub(super) struct Printed {
    pub(super) step: usize,
    pub(super) printed: Vec<String>,
}

/// A case while it is laid out.
struct Stage {
    scene: Scene,
    /// The dump that steps damage, and the file it becomes.
    dump: Option<(String, Dump)>,
    /// Whether the command runs as a user who owns nothing but the scene.
    nobody: bool,
    variables: Vec<(String, String)>,
}

/// Lays a case out and runs its commands.
///
/// # Errors
/// A step that cannot be done.
pub(super) fn run(case: &Case) -> Result<Vec<Printed>, String> {
    let mut stage = Stage {
        scene: Scene::new(),
        dump: Some(("dump.sql".to_owned(), Dump::sound())),
        nobody: false,
        variables: Vec::new(),
    };
    let mut commands = Vec::new();
    for (n, step) in case.steps.iter().enumerate() {
        if step.word == COMMAND {
            commands.push(Printed { step: n, printed: stage.etl(&step.rest) });
        } else {
            stage.prepare(step).map_err(|reason| format!("{}: {reason}", step.text))?;
        }
    }
    // Whoever runs the tests can remove the folder again.
    let all = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(stage.scene.path(""), all).unwrap();
    Ok(commands)
}

impl Stage {
    fn prepare(&mut self, step: &Step) -> Result<(), String> {
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

    /// Runs a command: its exit code and its messages, or of a report how it ended and what it warns of.
    fn etl(&mut self, line: &str) -> Vec<String> {
        self.settle();
        let drops = self.nobody && nix::unistd::geteuid().is_root();
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
            give_to(&self.scene, NOBODY);
            command.uid(NOBODY).gid(NOBODY);
        }
        let answer = Answer::run(command);
        assert!(!answer.stderr.contains("panicked"), "{}", answer.stderr);
        let code = format!("exit code {}", answer.code);
        let printed = if answer.stderr.is_empty() {
            let warnings = answer.stdout.split("\nWarnings\n").nth(1).unwrap_or_default();
            let warnings = warnings.split("\n\n").next().unwrap_or_default();
            format!("{}\n{warnings}", answer.stdout.lines().next().unwrap_or_default())
        } else {
            answer.stderr
        };
        [code.as_str()]
            .into_iter()
            .chain(printed.trim_end().lines())
            .map(|line| line.trim_end().to_owned())
            .collect()
    }
}

/// Makes the folder and what is in it another user's.
fn give_to(scene: &Scene, user: u32) {
    std::os::unix::fs::chown(scene.path(""), Some(user), Some(user)).unwrap();
    for name in scene.files() {
        std::os::unix::fs::lchown(scene.path(&name), Some(user), Some(user)).unwrap();
    }
}
