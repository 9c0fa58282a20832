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
}

impl Link {
    /// A connection whose login can be followed in `watch`.
    pub(super) fn watched(carrier: Carrier, watch: Arc<Mutex<Watch>>) -> Link {
        Link { carrier, watch: Some(watch), bounds: Bounds::default(), moved: Arc::default() }
    }

    /// Counts the bytes that are read and written from now on.
    pub(super) fn moved(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.moved)
    }

    /// A connection that nobody logs in on: a request to cancel.
    pub(super) fn unwatched(carrier: Carrier) -> Link {
        Link { carrier, watch: None, bounds: Bounds::default(), moved: Arc::default() }
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
