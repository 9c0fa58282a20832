//! Work on the nodes of a cutover over SSH: dumps are made and fetched, commands are run.
//!
//! ```text
//!  ~/.ssh/config ── ssh_config ── jumps ─┐
//!  cutover.toml ── document ── settings ─┤                            ┌─ conversation ── script   (as the database user)
//!                              secrets ──┼─ session ── known_hosts ───┤
//!                                        │             login          └─ transfer ── sftp          (or a program's output)
//!                                        └─ dumping: look, dump, fetch, check (whole), record, remove
//! ```
//!
//! [`Nodes`] is what others use; it blocks, and inside it all nodes are worked on at once, on one thread. A secret is
//! asked for before the first node is touched, and stands in no argument, file, message or log. What etl makes on a node
//! is removed there whatever happens, by a connection of its own if need be; where that fails the message says the
//! command that does it.

pub mod dump_check;

pub mod algorithms;
pub mod args;
pub mod attempt;
pub mod command;
pub mod conversation;
pub mod dumping;
pub mod earlier;
pub mod entrance;
pub mod error;
pub mod gauge;
pub mod host_key;
pub mod jumps;
pub mod key_file;
pub mod known_hosts;
pub mod login;
pub mod node;
pub mod options;
pub mod prompt;
pub mod questions;
pub mod report;
pub mod script;
pub mod secrets;
pub mod session;
pub mod settings;
pub mod sftp;
pub mod space;
pub mod ssh_config;
pub mod thread;
pub mod transfer;
pub mod zone;

pub use conversation::RunAs;
pub use dumping::Dumped;
pub use entrance::{Operator, Trust};
pub use error::{Failure, NodeError, Result};

use crate::base::stop::{Stop, Stopping};
use crate::settings::site::DUMP_LOCK;
use crate::ui::progress::{Screen, Style};
use conversation::{Conversation, ScriptEvent};
use dumping::{Dumping, Shared};
use entrance::Entrance;
use futures_util::future::join_all;
use gauge::{Display, ProgressState};
use parsers::columns::ColumnMap;
use secrets::Secrets;
use settings::{Node, NodeSettings};
use std::fs::{File, TryLockError};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// What a command on a node came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Its exit status.
    pub status: u32,
    /// The end of what it wrote, without secrets.
    pub tail: String,
}

/// Nodes that can be worked on.
#[derive(Debug)]
pub struct Nodes {
    settings: NodeSettings,
    secrets: Secrets,
    trust: Trust,
    /// The agent's socket.
    agent: Option<String>,
    operator: Operator,
    map: Arc<ColumnMap>,
    stop: Arc<Stop>,
    screen: Screen,
    style: Style,
}

/// What work on nodes needs beside the settings.
#[derive(Debug)]
pub struct NodeContext {
    /// The secrets that were found or asked for.
    pub secrets: Secrets,
    /// What becomes of unknown host keys.
    pub trust: Trust,
    /// The socket of the SSH agent, if one runs: SSH_AUTH_SOCK.
    pub agent: Option<String>,
    /// Who is asked what nodes ask beside passwords, and told what they say.
    pub operator: Operator,
    /// The names of source tables.
    pub map: ColumnMap,
    /// How it is told that the user wants an end.
    pub stop: Arc<Stop>,
    /// Where progress and remarks go.
    pub screen: Screen,
    /// How progress is told.
    pub style: Style,
}

impl Nodes {
    /// Nodes by their settings.
    #[must_use]
    pub fn new(settings: NodeSettings, means: NodeContext) -> Self {
        let NodeContext { secrets, trust, agent, operator, map, stop, screen, style } = means;
        Self { settings, secrets, trust, agent, operator, map: Arc::new(map), stop, screen, style }
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &NodeSettings {
        &self.settings
    }

    /// Runs a command of the operator's on a node, with an empty standard input, and waits for its end. It runs in
    /// /bin/sh, as the user who logs in or as the one who is become.
    ///
    /// A command that takes longer than `patience`, or is stopped by the user, is not ended: whoever wrote it knows what it
    /// is in the middle of. What it writes from then on goes nowhere.
    ///
    /// # Errors
    /// The node is not reached, nobody can log in, the connection is lost before the end (then it is not known how the
    /// command ended), or the time is over. A command that fails is no error here: see [`Ended::status`].
    pub fn run(&self, node: &Node, who: RunAs, command: &str, patience: Duration) -> Result<Ended> {
        let work = async {
            let session = tokio::select! {
                opened = self.open(node) => opened?,
                () = self.stop.reached(Stopping::Draining) => return Err(self.stopped(&node.name)),
            };
            let ended = tokio::select! {
                ended = tokio::time::timeout(patience, self.command(&session, node, who, command)) => {
                    ended.unwrap_or_else(|_| Err(late(node, patience)))
                }
                () = self.stop.reached(Stopping::Draining) => Err(self.stopped(&node.name)),
            };
            session.close().await;
            ended
        };
        block_on(work)?
    }

    /// Makes and fetches all dumps of these nodes, each node's one after the other, all nodes at once. `told` hears of
    /// each as it ends, in the order in which they end.
    ///
    /// # Errors
    /// Nothing was begun: the folder cannot be used, or another etl is dumping into it. What became of each dump is in the
    /// answer, in the order of the settings.
    pub fn dump(
        &self,
        nodes: &[&Node],
        told: &(dyn Fn(&str, &Result<Dumped>) + Sync),
    ) -> Result<Vec<Result<Dumped>>> {
        let folder = &self.settings.folder;
        let _lock = lock(folder)?;
        let station = station(folder);
        let names = nodes
            .iter()
            .flat_map(|node| node.dumps.iter().map(|dump| format!("{}, {}", node.name, dump.database)));
        let gauge = Arc::new(ProgressState::new(names, self.screen.clone()));
        let asking = tokio::sync::Mutex::new(());
        let shared = Shared {
            secrets: &self.secrets,
            entrance: self.entrance(&asking),
            map: &self.map,
            station: &station,
            stop: &self.stop,
            gauge: &gauge,
        };
        let mut places = 0;
        let each = nodes.iter().map(|node| {
            let first = places;
            places += node.dumps.len();
            (*node, first)
        });
        let each: Vec<(&Node, usize)> = each.collect();
        let runtime = runtime()?;
        // All questions come before anything moves on the terminal.
        let opened: Vec<_> = runtime.block_on(join_all(each.iter().map(|(node, _)| async {
            tokio::select! {
                opened = shared.open(node) => opened,
                () = self.stop.reached(Stopping::Draining) => Err(self.stopped(&node.name)),
            }
        })));
        let display = Display::start(self.style, Arc::clone(&gauge), self.operator.is_asked());
        let _display =
            display.map_err(|error| failed_here(folder, &format!("no thread can be started: {error}")))?;
        let dumped = each.iter().zip(opened).map(|((node, first), opened)| {
            let shared = &shared;
            async move { Self::dump_node(node, *first, opened, shared, told).await }
        });
        let dumped = runtime.block_on(join_all(dumped));
        // A question that nobody answered is waited for no longer.
        runtime.shutdown_background();
        Ok(dumped.into_iter().flatten().collect())
    }

    async fn dump_node(
        node: &Node,
        first: usize,
        opened: Result<session::Session>,
        shared: &Shared<'_>,
        told: &(dyn Fn(&str, &Result<Dumped>) + Sync),
    ) -> Vec<Result<Dumped>> {
        let mut session = match opened {
            Ok(session) => Some(session),
            Err(error) => {
                // One reason for all of the node's dumps.
                let error = Arc::new(error);
                let unopened = node.dumps.iter().enumerate().map(|(n, dump)| {
                    shared.gauge.enter(first + n, gauge::Phase::Failed);
                    let error = Err(NodeError::Unopened(Arc::clone(&error)));
                    told(&format!("{}, {}", node.name, dump.database), &error);
                    error
                });
                return unopened.collect();
            }
        };
        let mut all = Vec::new();
        for (n, dump) in node.dumps.iter().enumerate() {
            let dumping = Dumping::new(node, dump, first + n, shared.station);
            let name = dumping.what.clone();
            let done = if shared.stop.state() == Stopping::No {
                dumping.run(&mut session, shared).await
            } else {
                Err(shared.stopped(&name))
            };
            told(&name, &done);
            all.push(done);
        }
        if let Some(session) = session {
            session.close().await;
        }
        all
    }

    async fn open(&self, node: &Node) -> Result<session::Session> {
        let asking = tokio::sync::Mutex::new(());
        session::Session::open(node, &self.entrance(&asking)).await
    }

    fn entrance<'e>(&'e self, asking: &'e tokio::sync::Mutex<()>) -> Entrance<'e> {
        let agent = self.agent.as_deref();
        Entrance { secrets: &self.secrets, trust: &self.trust, agent, operator: &self.operator, asking }
    }

    async fn command(
        &self,
        session: &session::Session,
        node: &Node,
        who: RunAs,
        command: &str,
    ) -> Result<Ended> {
        tracing::info!("{}: runs {command}", node.name);
        let script = |words: &script::Words| script::run(words, command);
        let mut talk = Conversation::begin(session, node, &self.secrets, who, script).await?;
        let mut status = None;
        loop {
            match talk.next().await? {
                ScriptEvent::Word(word, rest) if word == "end" => status = rest.trim().parse().ok(),
                ScriptEvent::Word(..) => {}
                ScriptEvent::Ended(_) => break,
            }
        }
        let tail = self.secrets.hide(talk.tail.trim_end());
        let Some(status) = status else {
            return Err(session.broken("the command's end was not told"));
        };
        tracing::info!("{}: ended with status {status}", node.name);
        Ok(Ended { status, tail })
    }

    fn stopped(&self, what: &str) -> NodeError {
        NodeError::Stopped { node: what.to_owned(), signal: self.stop.reason().unwrap_or("a signal") }
    }
}

fn late(node: &Node, patience: Duration) -> NodeError {
    NodeError::Failed {
        node: node.name.clone(),
        kind: Failure::Program,
        problem: format!(
            "the command has not ended after {}; it is left to itself",
            humantime::format_duration(patience)
        ),
        remedy: "look on the node how it ends".to_owned(),
    }
}

/// Does work that waits. Whatever it left behind, a question that nobody answers say, is waited for no longer.
fn block_on<T>(work: impl Future<Output = T>) -> Result<T> {
    let runtime = runtime()?;
    let done = runtime.block_on(work);
    runtime.shutdown_background();
    Ok(done)
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| failed_here(Path::new("."), &format!("no connection can be made: {error}")))
}

fn failed_here(folder: &Path, problem: &str) -> NodeError {
    NodeError::Failed {
        node: folder.display().to_string(),
        kind: Failure::Here,
        problem: problem.to_owned(),
        remedy: "make the folder one that you can write to, or name another: folder = \"…\"".to_owned(),
    }
}

/// Makes the folder if it is not there, and holds it.
fn lock(folder: &Path) -> Result<File> {
    use nix::fcntl::OFlag;
    use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
    let path = folder.join(DUMP_LOCK);
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    // A FIFO that lies there is not waited for, and a link not followed.
    let flags = (OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits();
    let mut options = File::options();
    options.write(true).create(true).truncate(false).mode(0o600).custom_flags(flags);
    let file = made.and_then(|()| options.open(&path));
    let file =
        file.map_err(|error| failed_here(folder, &format!("the folder cannot be written to: {error}")))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(NodeError::Failed {
            node: folder.display().to_string(),
            kind: Failure::Here,
            problem: "another etl is dumping into this folder".to_owned(),
            remedy: "wait until it is over, or name another folder: folder = \"…\"".to_owned(),
        }),
        Err(TryLockError::Error(error)) => Err(failed_here(folder, &format!("it cannot be locked: {error}"))),
    }
}

/// This machine and folder, in a few letters: by that, what is left on a node is known again.
fn station(folder: &Path) -> String {
    let host = nix::unistd::gethostname().unwrap_or_default();
    let folder = std::fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    let mut digest = crate::base::digest::of(format!("{}:{}", host.display(), folder.display()).as_bytes());
    digest.truncate(10);
    digest
}
