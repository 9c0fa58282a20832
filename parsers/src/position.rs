//! Where something stands in a dump, so that every message can name `file:line`.
//!
//! Positions count the plain text of a dump: of a compressed one, the text after decompression.

use std::fmt;

/// A place in a dump: line from 1, byte from 0, both of the decompressed text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The line, counted from 1.
    pub line: u64,
    /// The byte, counted from 0.
    pub byte: u64,
}

impl Position {
    /// The first byte of a dump.
    pub const START: Self = Self { line: 1, byte: 0 };

    /// The place after `text` has been read from here.
    #[must_use]
    pub fn after(self, text: &[u8]) -> Self {
        Self { line: self.line + count_lines(text), byte: self.byte + length(text) }
    }
}

/// Which of the named dumps; the index into the list the command was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DumpId(pub u16);

/// The place and extent of one row of one dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// The dump.
    pub dump: DumpId,
    /// Where the row begins.
    pub position: Position,
    /// The row's bytes, without a COPY row's line end.
    pub length: u64,
}

/// A dump's name beside a position in it, printed as `cinder.sql:1042`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The dump's name as the user typed it.
    pub dump: String,
    /// The place in it.
    pub position: Position,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.dump, self.position.line)
    }
}

/// The number of line feeds in `text`.
#[must_use]
pub fn count_lines(text: &[u8]) -> u64 {
    u64::try_from(memchr::memchr_iter(b'\n', text).count()).unwrap_or(u64::MAX)
}

/// A slice's length as the width positions have.
#[must_use]
pub fn length(text: &[u8]) -> u64 {
    u64::try_from(text.len()).unwrap_or(u64::MAX)
}
