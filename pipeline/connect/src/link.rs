//! One open connection's bytes, whatever carries them: TCP, a unix socket, or TLS over TCP.
//!
//! The driver is handed a stream that is open and, where wanted, inside TLS already, so that how it got there is
//! decided here and every error on the way is known for what it is.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready as poll_ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream as BoundTlsStream};

use super::bounds::Bounds;
use super::login::Watch;
use super::tls::TlsStream;

/// What carries the bytes.
pub(super) enum Carrier {
    /// Not encrypted.
    Tcp(TcpStream),
    /// On this machine.
    Unix(UnixStream),
    /// Encrypted.
    Tls(Box<TlsStream>),
}

/// An open connection: watched until its login is over, and bounded all along.
pub(super) struct Link {
    carrier: Carrier,
    watch: Option<Arc<Mutex<Watch>>>,
    bounds: Bounds,
    moved: Arc<AtomicU64>,
    /// What is still between a driver and the stream, where the login was made already.
    made: Option<Made>,
}

/// A login that was made without the driver, which is to find what it expects: its start-up message goes nowhere, and it reads that
/// it is accepted.
#[derive(Default)]
struct Made {
    /// Bytes of the start-up message that were taken; the first four are its length.
    taken: Vec<u8>,
    /// Bytes of [`ACCEPTED`] that were given.
    given: usize,
}

/// AuthenticationOk.
const ACCEPTED: &[u8] = b"R\0\0\0\x08\0\0\0\0";

impl Made {
    /// Takes what it can of the start-up message; `None` once all of it is taken.
    fn take(&mut self, bytes: &[u8]) -> Option<usize> {
        let wanted = match self.taken.first_chunk::<4>() {
            Some(length) => usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX),
            None => 4,
        };
        let taken = wanted.saturating_sub(self.taken.len()).min(bytes.len());
        if taken == 0 {
            return None;
        }
        self.taken.extend_from_slice(bytes.get(..taken)?);
        Some(taken)
    }
}

impl Link {
    /// A connection whose login can be followed in `watch`.
    pub(super) fn watched(carrier: Carrier, watch: Arc<Mutex<Watch>>) -> Link {
        Link { carrier, watch: Some(watch), bounds: Bounds::default(), moved: Arc::default(), made: None }
    }

    /// Says that the login is made: the driver is to go on behind it.
    pub(super) fn accepted(mut self) -> Link {
        self.made = Some(Made::default());
        self
    }

    /// Counts the bytes that are read and written from now on.
    pub(super) fn moved(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.moved)
    }

    /// A connection that nobody logs in on: a request to cancel.
    pub(super) fn unwatched(carrier: Carrier) -> Link {
        Link { carrier, watch: None, bounds: Bounds::default(), moved: Arc::default(), made: None }
    }
}

/// Tells the driver that nothing is left to do: the link is already as `sslmode` wants it.
pub(super) struct Open;

impl TlsConnect<Link> for Open {
    type Stream = Link;
    type Error = Infallible;
    type Future = Ready<Result<Link, Infallible>>;

    fn connect(self, link: Link) -> Self::Future {
        ready(Ok(link))
    }
}

impl BoundTlsStream for Link {
    fn channel_binding(&self) -> ChannelBinding {
        match &self.carrier {
            Carrier::Tls(stream) => stream.channel_binding(),
            Carrier::Tcp(_) | Carrier::Unix(_) => ChannelBinding::none(),
        }
    }
}

impl AsyncRead for Link {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let link = self.get_mut();
        if let Some(made) = &mut link.made
            && let Some(rest) = ACCEPTED.get(made.given..)
            && !rest.is_empty()
        {
            let now = rest.len().min(buffer.remaining());
            buffer.put_slice(rest.get(..now).unwrap_or_default());
            made.given += now;
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        poll_ready!(match &mut link.carrier {
            Carrier::Tcp(stream) => Pin::new(stream).poll_read(cx, buffer),
            Carrier::Unix(stream) => Pin::new(stream).poll_read(cx, buffer),
            Carrier::Tls(stream) => Pin::new(stream.as_mut()).poll_read(cx, buffer),
        })?;
        let read = buffer.filled().get(before..).unwrap_or_default();
        link.moved.fetch_add(read.len() as u64, Ordering::Relaxed);
        link.bounds.check(read)?;
        if let Some(watch) = &link.watch {
            let goes_on = watch.lock().unwrap_or_else(PoisonError::into_inner).read(read);
            if !goes_on {
                link.watch = None;
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Link {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let link = self.get_mut();
        if let Some(made) = &mut link.made
            && let Some(taken) = made.take(bytes)
        {
            return Poll::Ready(Ok(taken));
        }
        let written = poll_ready!(match &mut link.carrier {
            Carrier::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
            Carrier::Unix(stream) => Pin::new(stream).poll_write(cx, bytes),
            Carrier::Tls(stream) => Pin::new(stream.as_mut()).poll_write(cx, bytes),
        })?;
        link.moved.fetch_add(written as u64, Ordering::Relaxed);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().carrier {
            Carrier::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Carrier::Unix(stream) => Pin::new(stream).poll_flush(cx),
            Carrier::Tls(stream) => Pin::new(stream.as_mut()).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().carrier {
            Carrier::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Carrier::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
            Carrier::Tls(stream) => Pin::new(stream.as_mut()).poll_shutdown(cx),
        }
    }
}
