//! Work of the file system in a thread of its own, so that the connection is kept meanwhile.

use std::io;

/// Does what blocks in a thread of its own; the runtime's would panic where none can be made.
pub(crate) async fn in_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    let (done, wait) = tokio::sync::oneshot::channel();
    std::thread::Builder::new().spawn(move || drop(done.send(work())))?;
    wait.await.map_err(io::Error::other)
}
