//! A temporary folder in which the command runs, with an environment that has nothing of the developer's in it.

use parsers::columns::need::{Need, needs};
use parsers::table::Table;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::OnceLock;
use std::time::Duration;
use tempfile::TempDir;

/// A command that takes longer than this has stopped: it is killed, and the test fails with what it printed.
const LONGEST: Duration = Duration::from_secs(300);

pub(crate) struct Scene {
    folder: TempDir,
    variables: Vec<(String, String)>,
}

/// What a command answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::Builder::new().prefix("etl-it-").tempdir_in("/var/tmp").unwrap(),
            variables: Vec::new(),
        }
    }

    pub(crate) fn with(mut self, variable: &str, value: &str) -> Self {
        self.variables.push((variable.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        std::fs::write(self.path(name), text).unwrap();
        self.path(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// The names of the files in the folder, sorted.
    pub(crate) fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// The command, not yet started.
    pub(crate) fn command(&self, arguments: &[&str]) -> assert_cmd::Command {
        assert_cmd::Command::from_std(self.process(arguments))
    }

    /// The command, not yet started, for those who talk to it while it runs.
    pub(crate) fn process(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_etl"));
        command.current_dir(self.folder.path()).env_clear().args(arguments);
        for (variable, value) in &self.variables {
            command.env(variable, value);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs etl on dumps that have only the columns that a test is about: by its map, any other that rules read may be absent.
    pub(crate) fn etl_sparse(&self, arguments: &[&str]) -> Answer {
        self.etl(&[arguments, &["--columns", sparse_map()]].concat())
    }

    #[track_caller]
    pub(crate) fn etl(&self, arguments: &[&str]) -> Answer {
        Answer::of(self.command(arguments).timeout(LONGEST).output().unwrap())
    }

    /// The command with text on its standard input.
    #[track_caller]
    pub(crate) fn etl_fed(&self, arguments: &[&str], stdin: impl Into<Vec<u8>>) -> Answer {
        Answer::of(self.command(arguments).timeout(LONGEST).write_stdin(stdin).output().unwrap())
    }
}

impl Answer {
    /// Runs a command to its end, with nothing on its standard input.
    #[track_caller]
    pub(crate) fn run(command: std::process::Command) -> Self {
        Self::of(assert_cmd::Command::from_std(command).timeout(LONGEST).output().unwrap())
    }

    #[track_caller]
    pub(crate) fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or_else(|| panic!("the command was killed: {output:?}")),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Exit code and both texts, for a snapshot.
    pub(crate) fn shown(&self) -> String {
        let mut out = format!("exit code {}\n", self.code);
        for (name, text) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if !text.is_empty() {
                let _ = write!(out, "---- {name}\n{text}");
            }
        }
        out
    }
}

/// A dump of the fixtures.
pub(crate) fn fixture(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/dumps").join(name);
    assert!(path.is_file(), "{}", path.display());
    path.to_str().unwrap().to_owned()
}

/// A file for `--columns` by which every column that rules read, and that is not required, may be absent.
pub(crate) fn sparse_map() -> &'static str {
    static MAP: OnceLock<(tempfile::TempDir, String)> = OnceLock::new();
    let (_, path) = MAP.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let mut map = String::new();
        for table in Table::ALL {
            let absent: Vec<String> = needs(table)
                .filter(|(_, need)| need.need == Need::Meaning)
                .map(|(column, _)| format!("{column:?}"))
                .collect();
            map.push_str(&format!("[{}]\nabsent = [{}]\n", table.name(), absent.join(", ")));
        }
        let path = folder.path().join("columns.toml");
        std::fs::write(&path, map).unwrap();
        (folder, path.display().to_string())
    });
    path
}
