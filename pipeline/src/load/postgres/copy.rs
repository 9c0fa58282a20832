//! Sends rows by COPY, and reads them by it.
//!
//! The driver tells of the server's refusal only when a COPY ends, so a long table is sent as several, one after the other:
//! then a refusal is heard of in time. To the server's other sessions that makes no difference.

use super::backend::Backend;
use super::failure::{Failure, row_of};
use crate::error::Result as Done;
use crate::karbor::layout::{Format, Layout};
use crate::karbor::tuple::Rows;
use crate::load::Refusal;
use crate::load::session::TakeRow;
use bytes::Bytes;
use futures_util::{SinkExt, TryStreamExt as _};
use std::pin::Pin;
use tokio_postgres::{CopyInSink, Statement};

/// The largest piece that is handed to the driver, which copies it. One huge message would make the server allocate as much.
const FRAME: usize = 256 * 1024;

/// How much goes into one COPY before its outcome is asked for: about half a second's work of a server.
const COPY: usize = 32 * 1024 * 1024;

/// Begins binary COPY data: the signature, no flags, no extension (documentation, COPY, "Binary Format").
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// Ends binary COPY data: a field count of -1.
const TRAILER: &[u8] = &[0xff, 0xff];

/// A table that is being filled.
pub(super) struct Copying {
    /// The table.
    pub(super) layout: Layout,
    statement: Statement,
    current: Option<Current>,
    /// Rows that the server says it took, in the COPYs that are over.
    taken: u64,
}

/// One COPY under way; dropping it makes the server fail it.
struct Current {
    sink: Pin<Box<CopyInSink<Bytes>>>,
    sent: usize,
}

impl Copying {
    /// Begins to fill a table.
    ///
    /// # Errors
    /// The server's.
    pub(super) fn begin(backend: &Backend, layout: &Layout) -> Result<Self, Failure> {
        // The spelling that all versions read.
        let form = if layout.format == Format::Binary { " WITH BINARY" } else { "" };
        let sql = format!("COPY {} ({}) FROM STDIN{form}", layout.into, layout.column_list(""));
        let statement = backend.wait(backend.client().prepare(&sql))?;
        let mut copying = Self { layout: layout.clone(), statement, current: None, taken: 0 };
        copying.current = Some(copying.start(backend)?);
        Ok(copying)
    }

    /// Sends rows.
    ///
    /// # Errors
    /// The server's, of these or earlier rows.
    pub(super) fn send(&mut self, backend: &Backend, bytes: Vec<u8>) -> Result<(), Failure> {
        if self.current.as_ref().is_some_and(|current| current.sent >= COPY) {
            self.finish(backend)?;
        }
        let mut current = match self.current.take() {
            Some(current) => current,
            None => self.start(backend)?,
        };
        current.sent += bytes.len();
        let mut rest = Bytes::from(bytes);
        let sent = backend.wait(async {
            while !rest.is_empty() {
                let frame = rest.split_to(rest.len().min(FRAME));
                current.sink.send(frame).await?;
            }
            Ok(())
        });
        // After a failure it is dropped, which fails the COPY at the server too.
        sent.map(|()| self.current = Some(current))
    }

    /// Ends the table; answers how many rows the server says it took.
    ///
    /// # Errors
    /// The server's.
    pub(super) fn end(&mut self, backend: &Backend) -> Result<u64, Failure> {
        self.finish(backend)?;
        Ok(self.taken)
    }

    /// The failure, with the row that the server was at.
    pub(super) fn refusal(&self, backend: &Backend, failure: &Failure, table: &str) -> Refusal {
        let row = match failure {
            Failure::Server(error) => row_of(error, table),
            Failure::Interrupted(_) | Failure::Late | Failure::Silent(_) => None,
        };
        let error = backend.explain(&format!("COPY {}", self.layout.name), failure);
        Refusal { row: row.map(|row| self.taken + row), error }
    }

    fn start(&self, backend: &Backend) -> Result<Current, Failure> {
        let sink = backend.wait(backend.client().copy_in(&self.statement))?;
        let mut current = Current { sink: Box::pin(sink), sent: 0 };
        if self.layout.format == Format::Binary {
            backend.wait(current.sink.feed(Bytes::from_static(HEADER)))?;
        }
        Ok(current)
    }

    fn finish(&mut self, backend: &Backend) -> Result<(), Failure> {
        let Some(mut current) = self.current.take() else { return Ok(()) };
        let binary = self.layout.format == Format::Binary;
        self.taken += backend.wait(async {
            if binary {
                current.sink.feed(Bytes::from_static(TRAILER)).await?;
            }
            current.sink.as_mut().finish().await
        })?;
        Ok(())
    }
}

/// What comes before the first tuple of binary COPY data.
const HEADER_BYTES: usize = HEADER.len();

/// Reads the rows that `select` selects, which are `layout`'s columns, in the bytes that [`Layout::encode`] makes of them.
/// The inner error is what `take` said.
///
/// # Errors
/// The server's.
pub(super) fn read(
    backend: &Backend,
    layout: &Layout,
    select: &str,
    take: &mut TakeRow<'_>,
) -> Result<Done<()>, Failure> {
    let binary = layout.format == Format::Binary;
    let form = if binary { " WITH BINARY" } else { "" };
    let sql = format!("COPY ({select}) TO STDOUT{form}");
    backend.wait(async {
        let mut pieces = std::pin::pin!(backend.client().copy_out(&sql).await?);
        let mut buffer: Vec<u8> = Vec::new();
        let mut head = if binary { HEADER_BYTES } else { 0 };
        // A failure of the taker's ends the reading, not the stream: the session must hear the rest.
        let mut taken = Ok(());
        while let Some(piece) = pieces.try_next().await? {
            if taken.is_err() {
                continue;
            }
            buffer.extend_from_slice(&piece);
            let skipped = head.min(buffer.len());
            head -= skipped;
            let mut rows = Rows::new(layout, buffer.get(skipped..).unwrap_or_default());
            // Servers send a row at a time, but nothing says that they must: what is cut off waits for the rest of it.
            for row in rows.by_ref() {
                taken = take(row.bytes());
                if taken.is_err() {
                    break;
                }
            }
            let rest = rows.rest().len();
            buffer.drain(..buffer.len() - rest);
        }
        Ok(taken)
    })
}
