//! What a cutover does to the world, and asks of it, as one trait: the steps know nothing else, so that tests can be the world.

use crate::base::error::Result;
use crate::base::exit::Exit;
use pipeline::engine::Engine;
use std::fmt::Write as _;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How much of what a failed command said is repeated.
const LINES_TOLD: usize = 12;

/// The world around a cutover.
pub trait Host {
    /// Looks at the target, and writes nothing.
    ///
    /// # Errors
    /// It cannot be reached, or cannot take the rows.
    fn look(&mut self) -> Result<Facts>;

    /// What the operation engine does with what the target contains; nothing is written.
    ///
    /// # Errors
    /// The target cannot be read.
    fn outlook(&mut self) -> Result<Engine>;

    /// Whether the target says that it is openGauss or GaussDB.
    ///
    /// # Errors
    /// It cannot be reached.
    fn is_gauss(&mut self) -> Result<bool>;

    /// Bytes that are free where `folder` lies, if the system says so.
    fn free_space(&mut self, folder: &Path) -> Option<u64>;

    /// Runs a program of this machine to its end. With `login` it gets the target's password as libpq's programs take it: in
    /// its environment.
    ///
    /// # Errors
    /// It cannot be started, takes too long, or the cutover is to stop. How it ended is no error.
    fn run_local(&mut self, line: &[String], limit: Option<Duration>, login: bool) -> Result<Ran>;

    /// Has a node's shell run a command to its end, as the user whom the node's settings become where `becoming`.
    ///
    /// # Errors
    /// The node cannot be reached, the command takes too long, or the cutover is to stop. How it ended is no error.
    fn run_remote(&mut self, node: &str, command: &str, becoming: bool, limit: Duration) -> Result<Ran>;

    /// Dumps all nodes into a folder; answers the files.
    ///
    /// # Errors
    /// A dump could not be had.
    fn dump(&mut self, folder: &Path) -> Result<Vec<PathBuf>>;

    /// Does what a command line of etl's own says. What it answers goes to `out`.
    ///
    /// # Errors
    /// The command's.
    fn etl(&mut self, line: &[String], out: &mut dyn Write) -> Result<Exit>;

    /// Why the cutover is to stop, if it is.
    fn stopping(&self) -> Option<&'static str>;
}

/// What a look at the target finds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The target's name, without secrets.
    pub target: String,
    /// The version that the target says its schema has.
    pub version: Option<String>,
    /// The engine that would run imported operations.
    pub engine: Option<String>,
    /// Rows of earlier imports.
    pub imported: u64,
    /// Whether the settings name a trust, or operations in the target have some.
    pub trusts: bool,
    /// What the operator should know.
    pub warnings: Vec<String>,
}

/// How a command ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ran {
    /// Its exit code; nothing where a signal ended it.
    pub code: Option<i32>,
    /// The end of what it wrote, to standard output and standard error.
    pub text: String,
}

impl Ran {
    /// How it ended, with the last lines of what it wrote; gs_dump's reports of its progress are none.
    #[must_use]
    pub fn how(&self) -> String {
        let mut text = match self.code {
            Some(code) => format!("it ended with exit code {code}"),
            None => "a signal ended it".to_owned(),
        };
        let lines = self.text.split(['\n', '\r']).map(str::trim_end);
        let lines: Vec<&str> =
            lines.filter(|line| !line.is_empty() && !line.starts_with("Progress: [")).collect();
        for line in lines.iter().skip(lines.len().saturating_sub(LINES_TOLD)) {
            let _ = write!(text, "\n    {line}");
        }
        text
    }

    /// Whether it ended well.
    #[must_use]
    pub fn well(&self) -> bool {
        self.code == Some(0)
    }
}
