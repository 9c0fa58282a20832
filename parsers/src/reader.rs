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
use crate::position::{Place, Position};
use twox_hash::XxHash3_128;

/// The first size of the buffer, and the least that is read at once.
const READ_BYTES: usize = 256 * 1024;

/// The largest buffer that is given away: one that grew for a long row stays here.
const GIVEN_BYTES: usize = 2 * READ_BYTES;

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
    /// The digest of what is consumed, while one is kept. It does not depend on the pieces in which that happens.
    digest: Option<Box<XxHash3_128>>,
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
            digest: None,
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
        let consumed = self.buffer.get(self.start..self.start + n).unwrap_or_default();
        if let Some(digest) = &mut self.digest {
            digest.write(consumed);
        }
        let after = self.position.after(consumed);
        self.start += n;
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        }
        self.move_to(after)
    }

    /// Drops the first `n` buffered bytes as [`Reader::consume`] does, and leaves them in `rows`.
    ///
    /// Where little else is buffered, the buffer itself goes there, and what `rows` had becomes the buffer: so the rows of a
    /// block are copied once, out of the system's memory, if [`Reader::fill_just`] brought them.
    pub fn hand_over(&mut self, n: usize, rows: &mut Vec<u8>) -> u64 {
        let n = n.min(self.end - self.start);
        let rest = self.end - self.start - n;
        if self.start > 0 || rest > n / 8 || self.buffer.len() > GIVEN_BYTES {
            rows.clear();
            rows.extend_from_slice(self.buffer.get(self.start..self.start + n).unwrap_or_default());
            return self.consume(n);
        }
        // Both had this length before, so that there is little to be zeroed.
        rows.resize(self.buffer.len(), 0);
        if let (Some(to), Some(from)) = (rows.get_mut(..rest), self.buffer.get(n..self.end)) {
            to.copy_from_slice(from);
        }
        std::mem::swap(&mut self.buffer, rows);
        rows.truncate(n);
        if let Some(digest) = &mut self.digest {
            digest.write(rows);
        }
        (self.start, self.end) = (0, rest);
        self.move_to(self.position.after(rows))
    }

    /// Begins a digest of what is consumed from now on.
    pub fn begin_digest(&mut self) {
        self.digest = Some(Box::new(XxHash3_128::with_seed(0)));
    }

    /// The digest of what was consumed since it was begun, which ends it; 0 where none was.
    pub fn take_digest(&mut self) -> u128 {
        self.digest.take().map_or(0, |digest| digest.finish_128())
    }

    fn move_to(&mut self, position: Position) -> u64 {
        let before = std::mem::replace(&mut self.position, position);
        position.line - before.line
    }

    /// Buffers more of the text.
    ///
    /// # Errors
    /// Those of [`Text::read`].
    pub fn fill(&mut self) -> Result<Fill> {
        self.read(READ_BYTES / 2, usize::MAX)
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

    /// As [`Reader::fill_to`], and reads nothing behind these bytes.
    ///
    /// # Errors
    /// Those of [`Text::read`].
    pub fn fill_just(&mut self, wanted: usize) -> Result<Fill> {
        loop {
            let missing = wanted.saturating_sub(self.end - self.start).min(READ_BYTES);
            if missing == 0 {
                return Ok(Fill::More);
            }
            match self.read(missing, missing)? {
                Fill::More => {}
                stop => return Ok(stop),
            }
        }
    }

    /// Makes room for `least` bytes, and reads at most `most`.
    fn read(&mut self, least: usize, most: usize) -> Result<Fill> {
        if self.ended {
            return Ok(Fill::End);
        }
        if self.end - self.start >= self.limit {
            return Ok(Fill::Full);
        }
        if self.buffer.len() - self.end < least {
            self.make_room(least);
        }
        let end = self.end.saturating_add(most).min(self.buffer.len());
        let n = self.text.read(self.buffer.get_mut(self.end..end).unwrap_or_default())?;
        self.end += n;
        self.ended = n == 0;
        Ok(if self.ended { Fill::End } else { Fill::More })
    }

    fn make_room(&mut self, least: usize) {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.buffer.len() - self.end < least {
            let size = (self.buffer.len() * 2).min(self.limit + READ_BYTES);
            self.buffer.resize(size.max(self.end + least), 0);
        }
    }
}
