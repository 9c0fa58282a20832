//! A file of JSON lines that is only added to, for its owner alone, by one process at a time: the journal of a batch and the
//! state of a cutover.
//!
//! A line is on the disk before what follows it is begun. One that a crash cut off in the middle of being written is left out
//! and taken away; damage anywhere else is an error, for what stood there is lost.

use super::error::{CommandError, Error, Result};
use super::files::ForeignFile;
use pipeline::files::appended;
use pipeline::files::mark::{self, Found};
use pipeline::files::place::Foreign;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::fs::{File, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long a file may be held by somebody who only glances at it.
const PATIENCE: Duration = Duration::from_millis(500);

/// One line.
pub(crate) trait Line: Serialize + DeserializeOwned {
    /// Whose lines these are.
    const KIND: JournalKind;
    /// The version of the form that this program writes.
    const VERSION: u32;

    /// The version of this line's form.
    fn version(&self) -> u32;
}

/// Who keeps a file of lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JournalKind {
    /// `etl batch`: its journal.
    Batch,
    /// `etl cutover`: its state.
    Cutover,
    /// `etl purge`: its journal.
    Purge,
}

impl JournalKind {
    /// What the file is, as in "the journal cannot be written".
    #[must_use]
    pub fn file(self) -> &'static str {
        match self {
            Self::Batch | Self::Purge => "the journal",
            Self::Cutover => "the state file",
        }
    }

    /// How every line begins, and with it the file.
    fn mark(self) -> &'static [u8] {
        match self {
            Self::Batch => b"{\"journal\":",
            Self::Cutover => b"{\"cutover\":",
            Self::Purge => b"{\"event\":\"",
        }
    }

    /// Whether a file that begins with `head` is one of these; the first line may have been cut off by a crash.
    pub(crate) fn is_own(self, head: &[u8]) -> bool {
        head.starts_with(self.mark()) || self.mark().starts_with(head)
    }

    /// How another file is named.
    fn name_another(self) -> &'static str {
        match self {
            Self::Batch | Self::Purge => "name another file with --journal",
            Self::Cutover => "name another file",
        }
    }

    fn foreign(self, path: &Path) -> ForeignFile {
        ForeignFile { role: self.file().to_owned(), path: path.to_owned(), name_another: self.name_another() }
    }

    /// What to do while somebody else uses the file.
    #[must_use]
    pub fn when_taken(self) -> &'static str {
        match self {
            Self::Batch => "wait until that batch is over, or name another journal with --journal",
            Self::Cutover => "wait until that cutover is over, or stop it",
            Self::Purge => "wait until that is over, or stop it",
        }
    }

    /// What to do about a line that is damaged.
    #[must_use]
    pub fn when_damaged(self) -> &'static str {
        match self {
            Self::Batch => {
                "take the line away, or move the journal aside: sites that it no longer knows are loaded again"
            }
            Self::Cutover => {
                "take the line away: a step that it no longer knows is done again, which changes nothing that is done"
            }
            Self::Purge => "name another file with --journal; one that does not exist is made",
        }
    }
}

impl fmt::Display for JournalKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Batch => "another etl batch is using this journal",
            Self::Cutover => "another etl cutover is running with this state file",
            Self::Purge => "another etl purge is writing to it",
        })
    }
}

/// Why a file of lines cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LinesError {
    /// Another process is using it.
    #[error("{}: {kind}", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
        /// Whose file it is.
        kind: JournalKind,
    },
    /// A line of it is damaged.
    #[error("{}:{line}: {problem}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Whose file it is.
        kind: JournalKind,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
}

impl CommandError for LinesError {
    fn kind(&self) -> &'static str {
        "journal"
    }

    fn remedy(&self) -> Option<String> {
        let remedy = match self {
            Self::InUse { kind, .. } => kind.when_taken(),
            Self::Damaged { kind, .. } => kind.when_damaged(),
        };
        Some(remedy.to_owned())
    }
}

/// The file, which nobody else writes meanwhile.
#[derive(Debug)]
pub(crate) struct Lines<L> {
    /// Held locked.
    file: File,
    path: PathBuf,
    lines: Vec<L>,
    /// Bytes of whole lines.
    length: u64,
    torn: bool,
}

/// What a file holds, looked at without keeping anybody from it.
#[derive(Debug)]
pub(crate) struct Glance<L> {
    /// Its whole lines.
    pub(crate) lines: Vec<L>,
    /// Whether somebody is writing it.
    pub(crate) taken: bool,
}

impl<L: Line> Lines<L> {
    /// Opens the file, or makes it.
    ///
    /// # Errors
    /// Another process is using it, etl did not write it, it cannot be read or written, or a line in it is damaged.
    pub(crate) fn open(path: &Path, foreign_file: Foreign) -> Result<Self> {
        let fails = fails::<L>(path);
        let opened = appended::open(path, |head| L::KIND.is_own(head), foreign_file).map_err(&fails)?;
        let Some(appended::Appended { mut file, .. }) = opened else {
            return Err(L::KIND.foreign(path).into());
        };
        let begun = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if begun.elapsed() < PATIENCE => {
                    std::thread::sleep(PATIENCE / 20)
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(LinesError::InUse { path: path.to_owned(), kind: L::KIND }.into());
                }
                Err(TryLockError::Error(source)) => return Err(fails(source)),
            }
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(&fails)?;
        let (lines, length, torn) = read(path, &bytes)?;
        let mut opened = Self { file, path: path.to_owned(), lines, length, torn };
        opened.cut().map_err(&fails)?;
        Ok(opened)
    }

    /// Looks at a file without changing it or keeping anybody from it; none is the same as an empty one.
    ///
    /// # Errors
    /// It cannot be read, or a line in it is damaged.
    pub(crate) fn glance(path: &Path, foreign_file: Foreign) -> Result<Glance<L>> {
        let fails = fails::<L>(path);
        match mark::look(path, |head| L::KIND.is_own(head)).map_err(&fails)? {
            Found::Foreign if foreign_file == Foreign::Replace => {
                return Ok(Glance { lines: Vec::new(), taken: false });
            }
            Found::Nothing => return Ok(Glance { lines: Vec::new(), taken: false }),
            Found::Own => {}
            Found::Foreign => return Err(L::KIND.foreign(path).into()),
            _ => return Err(fails(io::Error::other("this is no regular file"))),
        }
        let mut file = File::open(path).map_err(&fails)?;
        let taken = match file.try_lock_shared() {
            Ok(()) => {
                // Held no longer than it takes to know: whoever wants to write comes first.
                file.unlock().map_err(&fails)?;
                false
            }
            Err(TryLockError::WouldBlock) => true,
            Err(TryLockError::Error(source)) => return Err(fails(source)),
        };
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(&fails)?;
        Ok(Glance { lines: read(path, &bytes)?.0, taken })
    }

    /// Adds a line; it is on the disk when this returns.
    ///
    /// # Errors
    /// It cannot be written. The file is as it was.
    pub(crate) fn add(&mut self, line: L) -> io::Result<()> {
        let mut text = serde_json::to_vec(&line)?;
        text.push(b'\n');
        let written = self.file.write_all(&text).and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            // Half a line would be damage as soon as another one followed it.
            self.cut()?;
            return Err(error);
        }
        self.length += u64::try_from(text.len()).unwrap_or(0);
        self.lines.push(line);
        Ok(())
    }

    /// The lines, in the order in which they were added.
    pub(crate) fn lines(&self) -> &[L] {
        &self.lines
    }

    /// Its place.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the last line was cut off by a crash, and was left out.
    pub(crate) fn was_torn(&self) -> bool {
        self.torn
    }

    /// Cuts off what follows the last whole line, and goes to its end.
    fn cut(&mut self) -> io::Result<()> {
        if self.file.metadata()?.len() != self.length {
            self.file.set_len(self.length)?;
            self.file.sync_data()?;
        }
        self.file.seek(SeekFrom::Start(self.length)).map(drop)
    }
}

fn fails<L: Line>(path: &Path) -> impl Fn(io::Error) -> Error {
    let path = path.display().to_string();
    move |source| Error::file(L::KIND.file(), &path, source)
}

/// The lines of a file, the bytes of those that are whole, and whether the last one is not.
fn read<L: Line>(path: &Path, bytes: &[u8]) -> Result<(Vec<L>, u64, bool)> {
    let mut whole = Vec::new();
    let mut length = 0;
    let mut lines = bytes.split_inclusive(|byte| *byte == b'\n').zip(1..).peekable();
    while let Some((line, number)) = lines.next() {
        let last = lines.peek().is_none();
        let damaged = |problem: String| LinesError::Damaged {
            path: path.to_owned(),
            line: number,
            problem,
            kind: L::KIND,
        };
        let text = line.strip_suffix(b"\n");
        // A line is written in one piece with its end.
        if last && text.is_none() {
            return Ok((whole, length, true));
        }
        match serde_json::from_slice::<L>(text.unwrap_or(line)) {
            Ok(entry) if entry.version() == L::VERSION => whole.push(entry),
            Ok(entry) => {
                let problem =
                    format!("the line is of version {}, this etl reads {}", entry.version(), L::VERSION);
                return Err(damaged(problem).into());
            }
            Err(_) if last => return Ok((whole, length, true)),
            Err(error) => return Err(damaged(format!("the line is damaged: {error}")).into()),
        }
        length += u64::try_from(line.len()).unwrap_or(0);
    }
    Ok((whole, length, false))
}
