//! A thread that tells how far something is, again and again, until it is dropped: then it ends what it told with, and is
//! waited for. Whoever is told of never waits for it.

use std::io;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

/// The thread; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Ticker {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    /// Gives `teller` to `tell` every so often, and at the end to `end`.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(crate) fn start<T: Send + 'static>(
        every: Duration,
        mut teller: T,
        mut tell: impl FnMut(&mut T) + Send + 'static,
        end: impl FnOnce(T) + Send + 'static,
    ) -> io::Result<Self> {
        let (stop, stopped) = mpsc::channel::<()>();
        let run = move || {
            while stopped.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                tell(&mut teller);
            }
            end(teller);
        };
        let thread = std::thread::Builder::new().name("progress".to_owned()).spawn(run)?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has nothing left to say.
            let _ = thread.join();
        }
    }
}
