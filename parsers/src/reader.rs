//! A rolling buffer over a dump's text: the only place of this crate that waits for bytes.
//!
//! ```text
//!   0        start            scan point of the caller            end      capacity
//!   ├─ gone ─┼───────────────── buffered, not yet consumed ───────┼─ free ─┤
//! ```
//! The buffer grows only while the caller asks for more without consuming, and only up to the limit it was made with; past
//! that [`Reader::fill`] says [`Fill::Full`], and what to do with so long a row is the caller's affair.

use crate::error::Result;
use crate::input::Text;
use crate::position::{Place, Position, count_lines, length};

/// The first size of the buffer, and the least that is read at once.
const READ_BYTES: usize = 256 * 1024;

/// What a [`Reader::fill`] brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fill {
    /// More bytes are buffered.
    More,
    /// The text has ended; the buffer holds all that is left.
    End,
    /// The buffer is as large as it may get.
    Full,
}

/// A rolling buffer with the position of its first byte.
pub struct Reader {
    text: Text,
    name: String,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    limit: usize,
    position: Position,
    ended: bool,
}

impl Reader {
    /// Reads `text`, whose first byte stands at `position`; the buffer never exceeds `limit` bytes by more than one read.
    #[must_use]
    pub fn new(name: &str, text: Text, position: Position, limit: usize) -> Self {
        Self {
            text,
            name: name.to_owned(),
            buffer: vec![0; READ_BYTES],
            start: 0,
            end: 0,
            limit: limit.max(READ_BYTES),
            position,
            ended: false,
        }
    }

    /// What is buffered.
    #[must_use]
    pub fn buffer(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// Whether the text has ended, so that the buffer will not grow.
    #[must_use]
    pub fn ended(&self) -> bool {
        self.ended
    }

    /// Where the first buffered byte stands.
    #[must_use]
    pub fn position(&self) -> Position {
        self.position
    }

    /// The place of the first buffered byte.
    #[must_use]
    pub fn place(&self) -> Place {
        self.place_at(self.position)
    }

    /// The place of a position in this dump.
    #[must_use]
    pub fn place_at(&self, position: Position) -> Place {
        Place { dump: self.name.clone(), position }
    }

    /// The dump's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Drops the first `n` buffered bytes; answers how many lines they ended.
    pub fn consume(&mut self, n: usize) -> u64 {
        let n = n.min(self.end - self.start);
        let gone = self.buffer.get(self.start..self.start + n).unwrap_or_default();
        let lines = count_lines(gone);
        self.position =
            Position { line: self.position.line + lines, byte: self.position.byte + length(gone) };
        self.start += n;
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        }
        lines
    }

    /// Buffers more of the text.
    ///
    /// # Errors
    /// Those of [`Text::read`].
    pub fn fill(&mut self) -> Result<Fill> {
        if self.ended {
            return Ok(Fill::End);
        }
        if self.end - self.start >= self.limit {
            return Ok(Fill::Full);
        }
        if self.buffer.len() - self.end < READ_BYTES / 2 {
            self.make_room();
        }
        let free = self.buffer.get_mut(self.end..).unwrap_or_default();
        let n = self.text.read(free)?;
        self.end += n;
        self.ended = n == 0;
        Ok(if self.ended { Fill::End } else { Fill::More })
    }

    /// Buffers until `wanted` bytes are there, or the text ends, or the buffer is full.
    ///
    /// # Errors
    /// Those of [`Text::read`].
    pub fn fill_to(&mut self, wanted: usize) -> Result<Fill> {
        while self.end - self.start < wanted {
            match self.fill()? {
                Fill::More => {}
                stop => return Ok(stop),
            }
        }
        Ok(Fill::More)
    }

    fn make_room(&mut self) {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.buffer.len() - self.end < READ_BYTES / 2 {
            let size = (self.buffer.len() * 2).min(self.limit + READ_BYTES);
            self.buffer.resize(size.max(self.end + READ_BYTES / 2), 0);
        }
    }
}
