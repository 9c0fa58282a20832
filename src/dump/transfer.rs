//! A file comes here over SFTP, or, where a node has none, as the output of a program; a broken transfer goes on where
//! it ended.

use crate::dump::conversation::{Conversation, RunAs, ScriptEvent};
use crate::dump::error::{Failure, NodeError, Result};
use crate::dump::script;
use crate::dump::secrets::Secrets;
use crate::dump::session::Session;
use crate::dump::settings::Node;
use crate::dump::sftp::{self, Sftp};
use pipeline::files::Replacement;
use russh_sftp::client::fs::File;
use secrecy::SecretString;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tokio::time::timeout;

/// How much is taken at a time.
const PIECE: usize = 256 << 10;

/// A file on its way here.
pub(crate) struct Transfer<'t> {
    pub(crate) session: &'t Session,
    pub(crate) node: &'t Node,
    pub(crate) secrets: &'t Secrets,
    /// The node and the database, for messages.
    pub(crate) what: &'t str,
    /// The file on the node, and its size.
    pub(crate) remote: (&'t str, u64),
    pub(crate) local: &'t mut Replacement,
    /// Where the bytes that are here are counted.
    pub(crate) fetched: &'t AtomicU64,
    /// Says what the operator should know at once.
    pub(crate) say: &'t dyn Fn(&str),
    /// Who reads the file on the node.
    pub(crate) reader: RunAs,
}

/// Why a way to fetch ended before the file was here.
enum Ended {
    /// What was asked for did not come.
    Unanswered,
    /// The user who reads does not see the file, and why that is known; another may.
    Unseen(String),
    Failed(NodeError),
}

impl From<NodeError> for Ended {
    fn from(error: NodeError) -> Self {
        Self::Failed(error)
    }
}

impl Transfer<'_> {
    /// Fetches what is not here yet. What is not answered within [`Node::silence`] is asked for once more.
    ///
    /// # Errors
    /// The connection is lost, the file cannot be read there, or not be written here, or the node does not answer.
    pub(crate) async fn fetch(mut self) -> Result<()> {
        let session = self.session;
        tokio::select! {
            done = self.copy() => done,
            () = session.lost() => Err(session.broken("")),
        }
    }

    async fn copy(&mut self) -> Result<()> {
        let limit = humantime::format_duration(self.node.silence);
        let mut stood = None;
        loop {
            let at = match self.attempt().await {
                Ok(()) => return self.local.sync().map_err(|error| self.here(&error)),
                Err(Ended::Failed(error)) => return Err(error),
                Err(Ended::Unseen(why)) if self.reader == RunAs::Login && self.node.becomes() => {
                    self.reader = RunAs::Database;
                    let Node { user, database_user, .. } = self.node;
                    (self.say)(&format!(
                        "{user} does not see the file ({why}); it comes as the output of a program of {database_user}"
                    ));
                    continue;
                }
                Err(Ended::Unseen(why)) => {
                    return Err(self.there(format!("{} cannot be fetched: {why}", self.remote.0)));
                }
                Err(Ended::Unanswered) => self.fetched.load(Ordering::Relaxed),
            };
            let (path, size) = self.remote;
            if stood == Some(at) {
                let problem = format!(
                    "the node has twice not answered within {limit} when {path} was read: {at} of {size} bytes had come"
                );
                let remedy = "look at the disk and the load of the node, then run the same command again";
                return Err(self.failed(Failure::Transfer, problem, remedy));
            }
            stood = Some(at);
            (self.say)(&format!("no answer within {limit} at byte {at} of {size}; again"));
        }
    }

    async fn attempt(&mut self) -> std::result::Result<(), Ended> {
        let at = self.local.seek(SeekFrom::End(0)).map_err(|error| self.here(&error))?;
        self.fetched.store(at, Ordering::Relaxed);
        if at > 0 {
            tracing::info!("{}: goes on at byte {at} of {}", self.what, self.remote.1);
        }
        if self.reader == RunAs::Database {
            return self.by_program(at).await;
        }
        match sftp::open(self.session, self.node.connect_timeout).await? {
            Sftp::Session(sftp) => {
                let file = timeout(self.node.silence, sftp.open(self.remote.0)).await;
                let file = file.map_err(|_| Ended::Unanswered)?;
                let file = file.map_err(|error| Ended::Unseen(error.to_string()))?;
                self.by_sftp(file, at).await
            }
            Sftp::Missing(why) => {
                let why = self.secrets.hide(&why);
                (self.say)(&format!("no SFTP ({why}); the file comes as a program's output"));
                self.by_program(at).await
            }
        }
    }

    async fn by_sftp(&mut self, mut file: File, mut at: u64) -> std::result::Result<(), Ended> {
        // Of a connection that is gone the library only knows that.
        let (session, what) = (self.session, self.what);
        let lost = |error: std::io::Error| {
            tracing::debug!("{what}: {error}");
            session.broken("")
        };
        file.seek(SeekFrom::Start(at)).await.map_err(lost)?;
        let mut piece = vec![0; PIECE];
        while at < self.remote.1 {
            let read = timeout(self.node.silence, file.read(&mut piece)).await;
            let count = read.map_err(|_| Ended::Unanswered)?.map_err(lost)?;
            at = self.take(at, piece.get(..count).unwrap_or_default())?;
        }
        Ok(())
    }

    /// Fetches through a program that writes the file from a byte on. It is told the file's name through its standard
    /// input: the name is a secret, and arguments can be seen by every user of the node.
    async fn by_program(&mut self, mut at: u64) -> std::result::Result<(), Ended> {
        let script = |words: &script::Words| script::send(words, at);
        let mut talk =
            Conversation::begin(self.session, self.node, self.secrets, self.reader, script).await?;
        talk.tell(&SecretString::from(self.remote.0)).await?;
        loop {
            let said = timeout(self.node.silence, talk.next()).await;
            match said.map_err(|_| Ended::Unanswered)?? {
                ScriptEvent::Word(word, _) if word == "begins" => break,
                ScriptEvent::Word(..) => {}
                ScriptEvent::Ended(_) => {
                    return Err(Ended::Unseen(self.secrets.hide(talk.tail.trim()).replace('\n', "; ")));
                }
            }
        }
        while at < self.remote.1 {
            let piece = timeout(self.node.silence, talk.piece()).await;
            match piece.map_err(|_| Ended::Unanswered)?? {
                Some(piece) => at = self.take(at, &piece)?,
                None if talk.tail.is_empty() => at = self.take(at, &[])?,
                None => {
                    let said = self.secrets.hide(talk.tail.trim()).replace('\n', "; ");
                    return Err(self.there(format!("{} cannot be fetched: {said}", self.remote.0)).into());
                }
            }
        }
        Ok(())
    }

    /// Takes what came behind byte `at`; answers where it ends.
    fn take(&mut self, at: u64, piece: &[u8]) -> Result<u64> {
        let (path, size) = self.remote;
        if piece.is_empty() {
            return Err(
                self.there(format!("{path} ends at byte {at}, and not at {size}: somebody changed it"))
            );
        }
        let wanted = usize::try_from(size - at).unwrap_or(usize::MAX).min(piece.len());
        let piece = piece.get(..wanted).unwrap_or_default();
        self.local.write_all(piece).map_err(|error| self.here(&error))?;
        let at = at + u64::try_from(wanted).unwrap_or(0);
        self.fetched.store(at, Ordering::Relaxed);
        Ok(at)
    }

    fn here(&self, error: &std::io::Error) -> NodeError {
        let problem = format!("what arrives cannot be written: {error}");
        self.failed(Failure::Here, problem, "make room, then run the same command again")
    }

    fn there(&self, problem: String) -> NodeError {
        let remedy = "check that remote_folder can be entered by the user who logs in";
        self.failed(Failure::Transfer, problem, remedy)
    }

    fn failed(&self, kind: Failure, problem: String, remedy: &str) -> NodeError {
        NodeError::Failed { node: self.what.to_owned(), kind, problem, remedy: remedy.to_owned() }
    }
}
