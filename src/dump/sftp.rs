//! SFTP on a node, if it has it: what is there instead is told, and never waited for without end.

use crate::base::text::decoded;
use crate::dump::conversation::answered;
use crate::dump::error::Result;
use crate::dump::session::Session;
use russh::client::Msg;
use russh::{Channel, ChannelMsg};
use russh_sftp::client::error::Error;
use russh_sftp::client::{Config, SftpSession};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::time::timeout;

/// How long one answer may take, in seconds, for the library: who reads has a limit of their own, which counts from the last
/// piece that came. Over a slow line the pieces that are under way at once take their time.
const ANSWER: u64 = 3_600;

/// How much is under way between the channel and the library.
const UNDER_WAY: usize = 256 << 10;

/// How many bytes are kept of what a subsystem writes before it speaks SFTP.
const KEPT: usize = 512;

/// What a node has.
pub(crate) enum Sftp {
    Session(SftpSession),
    /// None, and why that is known.
    Missing(String),
}

/// Opens SFTP; each answer may take `patience`.
///
/// # Errors
/// The connection is lost.
pub(crate) async fn open(session: &Session, patience: Duration) -> Result<Sftp> {
    let mut channel = session.channel().await?;
    channel.request_subsystem(true, "sftp").await.map_err(|error| session.broken(error))?;
    let limit = humantime::format_duration(patience);
    match timeout(patience, answered(&mut channel)).await {
        Ok(Some(true)) => {}
        Ok(_) => return Ok(Sftp::Missing("the node's sshd has no such subsystem".to_owned())),
        Err(_) => return Ok(Sftp::Missing(format!("the request is not answered within {limit}"))),
    }
    let (near, far) = tokio::io::duplex(UNDER_WAY);
    let printed = Arc::default();
    tokio::spawn(pass(channel, far, Arc::clone(&printed)));
    let config = Config { request_timeout_secs: ANSWER, ..Config::default() };
    let begun = timeout(patience, SftpSession::new_with_config(near, config)).await;
    let problem = match begun {
        Ok(Ok(sftp)) => return Ok(Sftp::Session(sftp)),
        // The library's words for an end.
        Ok(Err(Error::UnexpectedBehavior(_))) => "the subsystem ends before it begins".to_owned(),
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("it does not begin within {limit}"),
    };
    let printed = decoded(&printed.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(Sftp::Missing(match printed.trim() {
        "" => problem,
        printed => format!("the node prints instead: {}", printed.replace('\n', "; ")),
    }))
}

/// Passes on what goes between a channel and the library, and keeps the first of what comes.
async fn pass(channel: Channel<Msg>, far: DuplexStream, printed: Arc<Mutex<Vec<u8>>>) {
    let (mut read, write) = channel.split();
    let (mut from, mut to) = tokio::io::split(far);
    let keep = |data: &[u8]| {
        let mut printed = printed.lock().unwrap_or_else(PoisonError::into_inner);
        let room = KEPT.saturating_sub(printed.len()).min(data.len());
        printed.extend_from_slice(data.get(..room).unwrap_or_default());
    };
    let mut piece = vec![0; UNDER_WAY];
    loop {
        tokio::select! {
            said = read.wait() => match said {
                Some(ChannelMsg::Data { data }) => {
                    keep(&data);
                    if to.write_all(&data).await.is_err() {
                        break;
                    }
                }
                Some(ChannelMsg::ExtendedData { data, .. }) => keep(&data),
                Some(ChannelMsg::Close) | None => break,
                Some(_) => {}
            },
            count = from.read(&mut piece) => match count {
                Ok(count @ 1..) => {
                    let data = piece.get(..count).unwrap_or_default().to_vec();
                    if write.data_bytes(data).await.is_err() {
                        break;
                    }
                }
                _ => break,
            },
        }
    }
    // No answer to it is needed.
    let _ = write.close().await;
}
