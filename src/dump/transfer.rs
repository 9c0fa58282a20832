//! A file comes here over SFTP; a broken transfer goes on where it ended.

use crate::dump::error::{Failure, NodeError, Result};
use crate::dump::session::Session;
use pipeline::files::Replacement;
use russh_sftp::client::{Config, SftpSession};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};

/// How much is taken at a time.
const PIECE: usize = 256 << 10;

/// How long one answer may take, in seconds. Whether the node still lives is judged by the connection: over a slow line
/// the pieces that are under way at once take their time.
const ANSWER: u64 = 3_600;

/// Fetches what `local` does not have yet of a file of `size` bytes.
///
/// # Errors
/// The connection is lost, the file cannot be read there, or not be written here.
pub(crate) async fn fetch(
    session: &Session,
    what: &str,
    (remote, size): (&str, u64),
    local: &mut Replacement,
    fetched: &AtomicU64,
) -> Result<()> {
    tokio::select! {
        done = copy(session, what, (remote, size), local, fetched) => done,
        () = session.lost() => Err(session.broken("")),
    }
}

async fn copy(
    session: &Session,
    what: &str,
    (remote, size): (&str, u64),
    local: &mut Replacement,
    fetched: &AtomicU64,
) -> Result<()> {
    let failed = |kind: Failure, problem: String, remedy: &str| NodeError::Failed {
        node: what.to_owned(),
        kind,
        problem,
        remedy: remedy.to_owned(),
    };
    let here = |error: std::io::Error| {
        failed(
            Failure::Here,
            format!("what arrives cannot be written: {error}"),
            "make room, then run the same command again",
        )
    };
    let there = |problem: String| {
        let remedy = "check that the node's sshd has an sftp subsystem, and that remote_folder can be entered by the user who logs in";
        failed(Failure::Transfer, problem, remedy)
    };
    let channel = session.handle.channel_open_session().await.map_err(|error| session.broken(error))?;
    channel.request_subsystem(true, "sftp").await.map_err(|error| session.broken(error))?;
    let config = Config { request_timeout_secs: ANSWER, ..Config::default() };
    let sftp = SftpSession::new_with_config(channel.into_stream(), config).await;
    let sftp = sftp.map_err(|error| there(format!("the node speaks no SFTP: {error}")))?;
    let file = sftp.open(remote).await;
    let mut file = file.map_err(|error| there(format!("{remote} cannot be fetched: {error}")))?;
    let mut at = local.seek(SeekFrom::End(0)).map_err(here)?;
    fetched.store(at, Ordering::Relaxed);
    // Of a connection that is gone the library only knows that.
    let lost = |error: std::io::Error| {
        tracing::debug!("{what}: {error}");
        session.broken("")
    };
    if at > 0 {
        tracing::info!("{what}: goes on at byte {at} of {size}");
        file.seek(SeekFrom::Start(at)).await.map_err(lost)?;
    }
    let mut piece = vec![0; PIECE];
    while at < size {
        let count = file.read(&mut piece).await.map_err(lost)?;
        if count == 0 {
            return Err(there(format!("{remote} ends at byte {at}, and not at {size}: somebody changed it")));
        }
        local.write_all(piece.get(..count).unwrap_or_default()).map_err(here)?;
        at += u64::try_from(count).unwrap_or(0);
        fetched.store(at, Ordering::Relaxed);
    }
    local.sync().map_err(here)
}
