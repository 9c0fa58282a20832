//! A file of JSON lines that is only added to, for its owner alone, by one process at a time: the journals of a batch and a purge,
//! and the state of a cutover.
//!
//! A line is on the disk before what follows it is begun. One that a crash cut off in the middle of being written is left out
//! and taken away; damage anywhere else is an error, for what stood there is lost.

use super::error::CommandError;
use super::exit::Exit;
use super::files::ForeignFile;
use pipeline::files::appended;
use pipeline::files::mark::{self, Found};
use pipeline::files::place::Foreign;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::fs::{File, TryLockError};
use std::io::{self, BufRead as _, BufReader, Seek as _, SeekFrom, Write as _};
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
    /// The system cannot read or write it.
    #[error("{} {} cannot be read or written: {source}", kind.file(), path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Whose file it is.
        kind: JournalKind,
        /// The system's error.
        source: io::Error,
    },
    /// Another program wrote it.
    #[error(transparent)]
    Foreign(#[from] ForeignFile),
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

    fn exit(&self) -> Exit {
        match self {
            Self::Foreign(error) => error.exit(),
            // Nothing is sent to a cloud before the journal is open: these are wrong usage there.
            Self::InUse { kind: JournalKind::Purge, .. } | Self::Damaged { kind: JournalKind::Purge, .. } => {
                Exit::Usage
            }
            _ => Exit::Failed,
        }
    }

    fn remedy(&self) -> Option<String> {
        let remedy = match self {
            Self::Foreign(error) => return error.remedy(),
            Self::Io { .. } => "make room, or name a place that can be written",
            Self::InUse { kind, .. } => kind.when_taken(),
            Self::Damaged { kind, .. } => kind.when_damaged(),
        };
        Some(remedy.to_owned())
    }
}

/// The result of using a file of lines.
pub(crate) type Result<T> = std::result::Result<T, LinesError>;

/// The open file, which nobody else writes meanwhile.
#[derive(Debug)]
pub(crate) struct LinesFile {
    /// Kept locked.
    file: File,
    path: PathBuf,
    kind: JournalKind,
    /// Bytes of whole lines.
    length: u64,
}

impl LinesFile {
    /// Opens the file, or makes it, and gives each line to `take`. Returns also whether the last line was cut off by a crash: it is
    /// taken away.
    ///
    /// # Errors
    /// Another process is using it, etl did not write it, it cannot be read or written, or a line in it is damaged.
    pub(crate) fn open<L: DeserializeOwned>(
        path: &Path,
        kind: JournalKind,
        foreign: Foreign,
        take: impl FnMut(L) -> std::result::Result<(), String>,
    ) -> Result<(Self, bool)> {
        let fails = |source| LinesError::Io { path: path.to_owned(), kind, source };
        let opened = appended::open(path, |head| kind.is_own(head), foreign).map_err(fails)?;
        let Some(appended::Appended { file, .. }) = opened else {
            return Err(kind.foreign(path).into());
        };
        let begun = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if begun.elapsed() < PATIENCE => {
                    std::thread::sleep(PATIENCE / 20);
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(LinesError::InUse { path: path.to_owned(), kind });
                }
                Err(TryLockError::Error(source)) => return Err(fails(source)),
            }
        }
        let (length, torn) = read(&file, path, kind, take)?;
        let mut opened = Self { file, path: path.to_owned(), kind, length };
        opened.cut().map_err(fails)?;
        Ok((opened, torn))
    }

    /// Adds a line; it is on the disk after the next [`LinesFile::sync`].
    ///
    /// # Errors
    /// It cannot be written. The file is as it was.
    pub(crate) fn add(&mut self, line: &impl Serialize) -> io::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        if let Err(error) = self.file.write_all(&text) {
            // Half a line would be damage as soon as another one followed it.
            self.cut()?;
            return Err(error);
        }
        self.length += u64::try_from(text.len()).unwrap_or(0);
        Ok(())
    }

    /// Brings all lines to the disk.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// An error of the system that concerns this file.
    pub(crate) fn fails(&self, source: io::Error) -> LinesError {
        LinesError::Io { path: self.path.clone(), kind: self.kind, source }
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

/// A file of lines, all of which are kept in memory.
#[derive(Debug)]
pub(crate) struct Lines<L> {
    file: LinesFile,
    lines: Vec<L>,
    torn: bool,
}

/// What a file contains, read without keeping anybody from it.
#[derive(Debug)]
pub(crate) struct Peek<L> {
    /// Its whole lines.
    pub(crate) lines: Vec<L>,
    /// Whether somebody is writing it.
    pub(crate) in_use: bool,
}

impl<L: Line> Lines<L> {
    /// Opens the file, or makes it.
    ///
    /// # Errors
    /// As [`LinesFile::open`].
    pub(crate) fn open(path: &Path, foreign: Foreign) -> Result<Self> {
        let mut lines = Vec::new();
        let (file, torn) = LinesFile::open(path, L::KIND, foreign, |line| keep(&mut lines, line))?;
        Ok(Self { file, lines, torn })
    }

    /// Reads a file without changing it or keeping anybody from it; none is the same as an empty one.
    ///
    /// # Errors
    /// It cannot be read, or a line in it is damaged.
    pub(crate) fn peek(path: &Path, foreign: Foreign) -> Result<Peek<L>> {
        let fails = |source| LinesError::Io { path: path.to_owned(), kind: L::KIND, source };
        match mark::look(path, |head| L::KIND.is_own(head)).map_err(fails)? {
            Found::Foreign if foreign == Foreign::Replace => {
                return Ok(Peek { lines: Vec::new(), in_use: false });
            }
            Found::Nothing => return Ok(Peek { lines: Vec::new(), in_use: false }),
            Found::Own => {}
            Found::Foreign => return Err(L::KIND.foreign(path).into()),
            _ => return Err(fails(io::Error::other("this is no regular file"))),
        }
        let file = File::open(path).map_err(fails)?;
        let in_use = match file.try_lock_shared() {
            Ok(()) => {
                // Kept no longer than it takes to know: whoever wants to write comes first.
                file.unlock().map_err(fails)?;
                false
            }
            Err(TryLockError::WouldBlock) => true,
            Err(TryLockError::Error(source)) => return Err(fails(source)),
        };
        let mut lines = Vec::new();
        read(&file, path, L::KIND, |line| keep(&mut lines, line))?;
        Ok(Peek { lines, in_use })
    }

    /// Adds a line; it is on the disk when this returns.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn add(&mut self, line: L) -> io::Result<()> {
        self.file.add(&line)?;
        self.file.sync()?;
        self.lines.push(line);
        Ok(())
    }

    /// The lines, in the order in which they were added.
    pub(crate) fn lines(&self) -> &[L] {
        &self.lines
    }

    pub(crate) fn path(&self) -> &Path {
        self.file.path()
    }

    /// Whether the last line was cut off by a crash, and was left out.
    pub(crate) fn was_torn(&self) -> bool {
        self.torn
    }
}

fn keep<L: Line>(lines: &mut Vec<L>, line: L) -> std::result::Result<(), String> {
    if line.version() != L::VERSION {
        return Err(format!("the line is of version {}, this etl reads {}", line.version(), L::VERSION));
    }
    lines.push(line);
    Ok(())
}

/// Gives each whole line to `take`. Returns the bytes of the whole lines, and whether another one follows that a crash cut off: only the
/// last line can be one.
fn read<L: DeserializeOwned>(
    file: &File,
    path: &Path,
    kind: JournalKind,
    mut take: impl FnMut(L) -> std::result::Result<(), String>,
) -> Result<(u64, bool)> {
    let mut reader = BufReader::new(file);
    let (mut length, mut number, mut text) = (0, 0, Vec::new());
    let mut damage: Option<(usize, String)> = None;
    let damaged = |(line, problem)| LinesError::Damaged { path: path.to_owned(), kind, line, problem };
    loop {
        text.clear();
        let bytes = reader.read_until(b'\n', &mut text);
        let bytes = bytes.map_err(|source| LinesError::Io { path: path.to_owned(), kind, source })?;
        if bytes == 0 {
            return Ok((length, damage.is_some()));
        }
        if let Some(damage) = damage {
            return Err(damaged(damage));
        }
        number += 1;
        match serde_json::from_slice(&text) {
            // A line is written in one piece with its end.
            Ok(line) if text.ends_with(b"\n") => {
                take(line).map_err(|problem| damaged((number, problem)))?;
                length += u64::try_from(bytes).unwrap_or(0);
            }
            Ok(_) => damage = Some((number, "the line has no end".to_owned())),
            Err(error) => damage = Some((number, format!("the line is damaged: {error}"))),
        }
    }
}
