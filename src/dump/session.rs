//! An SSH connection to a node, with somebody logged in.
//!
//! The host's key is judged first. An unknown one is asked about with no connection open, so that nobody's patience on the
//! other side runs out; then the node is connected to anew.

use crate::dump::algorithms;
use crate::dump::entrance::{Entrance, Trust};
use crate::dump::error::{Failure, NodeError, Result};
use crate::dump::host_key::{HostKeyVerifier, Shown};
use crate::dump::known_hosts::{Known, Verdict, fingerprint, shown_host};
use crate::dump::login;
use crate::dump::prompt::{EXPIRED, is_expiry};
use crate::dump::settings::Node;
use crate::dump::thread::in_thread;
use russh::Channel;
use russh::client::{self, Handle, Msg};
use russh::keys::PublicKey;
use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

/// How many times a silent node is asked for a sign of life before it is given up, at least.
const SIGNS_OF_LIFE: u32 = 3;

/// How long nothing goes over a connection at most: firewalls and servers drop one that is idle for a minute.
const IDLE: Duration = Duration::from_secs(20);

/// How long is waited before a node is tried again that hung up before anybody could log in.
const HUNG_UP: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];

/// How long a session that is over may be counted by the node.
const ENDING: Duration = Duration::from_secs(3);

/// How often it is looked whether a connection is still there.
const LOOK: Duration = Duration::from_millis(200);

/// A connection with somebody logged in.
pub(crate) struct Session {
    pub(crate) handle: Handle<HostKeyVerifier>,
    /// The node's name.
    pub(crate) node: String,
    /// The connections through which this one goes, the first being the outermost.
    hops: Vec<Session>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a session on {}", self.node)
    }
}

impl Session {
    /// Connects and logs in, on each host that leads to the node first.
    ///
    /// # Errors
    /// The node is not reached, its key is not accepted, or no way to log in is; or that is so of a host on the way.
    pub(crate) async fn open(node: &Node, entrance: &Entrance<'_>) -> Result<Self> {
        let mut hops: Vec<Self> = Vec::new();
        for hop in &node.hops {
            let session = Self::enter(hop, hops.last(), entrance).await?;
            hops.push(session);
        }
        let mut session = Self::enter(node, hops.last(), entrance).await?;
        session.hops = hops;
        Ok(session)
    }

    async fn enter(node: &Node, through: Option<&Self>, entrance: &Entrance<'_>) -> Result<Self> {
        if let Some(told) = &node.from_config {
            entrance.operator.tell(&node.name, told);
        }
        let (handle, banner) = match reach(node, through).await? {
            Connected::Yes(handle, banner) => (handle, banner),
            Connected::UnknownKey(key) => {
                let _one_at_a_time = entrance.asking.lock().await;
                // Another node on the same host may have been asked about meanwhile.
                if verdict(node, &key)? != Verdict::Known {
                    accept(node, &key, entrance.trust).await?;
                }
                match reach(node, through).await? {
                    Connected::Yes(handle, banner) => (handle, banner),
                    Connected::UnknownKey(other) => {
                        let problem = format!(
                            "the host key was {} a moment ago and is {} now",
                            fingerprint(&key),
                            fingerprint(&other)
                        );
                        return Err(key_failure(
                            node,
                            problem,
                            "several machines seem to share this address; name one of them",
                        ));
                    }
                }
            }
        };
        let mut session = Self { handle, node: node.name.clone(), hops: Vec::new() };
        let expired = AtomicBool::new(false);
        let tell = || {
            let said = std::mem::take(&mut *banner.lock().unwrap_or_else(PoisonError::into_inner));
            expired.fetch_or(is_expiry(&said), Ordering::Relaxed);
            entrance.operator.tell(&node.name, &entrance.secrets.hide(&said));
        };
        let logged_in = login::log_in(&mut session.handle, node, entrance, &tell).await;
        tell();
        logged_in.map_err(|error| match error {
            NodeError::Failed { node, kind: kind @ Failure::Login, problem, .. }
                if expired.load(Ordering::Relaxed) =>
            {
                let problem = format!("{problem}: the password has expired");
                NodeError::Failed { node, kind, problem, remedy: EXPIRED.to_owned() }
            }
            other => other,
        })?;
        tracing::info!("{}: logged in as {}", node.name, node.user);
        Ok(session)
    }

    /// Waits until the connection is gone.
    pub(crate) async fn lost(&self) {
        while !self.handle.is_closed() {
            sleep(LOOK).await;
        }
    }

    /// Opens a channel. Where the node allows one session alone, the last one may not be over there yet.
    ///
    /// # Errors
    /// The node opens none, or the connection is lost.
    pub(crate) async fn channel(&self) -> Result<Channel<Msg>> {
        let since = Instant::now();
        loop {
            match self.handle.channel_open_session().await {
                Err(russh::Error::ChannelOpenFailure(_)) if since.elapsed() < ENDING => sleep(LOOK).await,
                opened => return opened.map_err(|error| self.broken(error)),
            }
        }
    }

    /// What a failure of the connection is to the user.
    pub(crate) fn broken(&self, error: impl std::fmt::Display) -> NodeError {
        NodeError::Lost { node: self.node.clone(), problem: error.to_string() }
    }

    /// Ends the session; no answer to it is needed.
    pub(crate) async fn close(self) {
        for session in std::iter::once(&self).chain(self.hops.iter().rev()) {
            let goodbye = session.handle.disconnect(russh::Disconnect::ByApplication, "", "");
            drop(timeout(Duration::from_secs(2), goodbye).await);
        }
    }
}

enum Connected {
    /// With what the node says before somebody is logged in, as it comes.
    Yes(Handle<HostKeyVerifier>, Arc<Mutex<String>>),
    UnknownKey(PublicKey),
}

/// Connects; a node that hangs up at once is tried again, because it may have too many connections that are logging in.
async fn reach(node: &Node, through: Option<&Session>) -> Result<Connected> {
    let mut pauses = HUNG_UP.into_iter();
    loop {
        match (connect(node, through).await, pauses.next()) {
            (Err(NodeError::Lost { problem, .. }), Some(pause)) => {
                tracing::info!(
                    "{}: it hung up ({problem}); again in {}",
                    node.name,
                    humantime::format_duration(pause)
                );
                sleep(pause).await;
            }
            (Err(NodeError::Lost { problem, .. }), None) => {
                let address = shown_host(&node.host, node.port);
                return Err(NodeError::Failed {
                    node: node.name.clone(),
                    kind: Failure::Unreachable,
                    problem: format!("{address} hangs up before anybody can log in: {problem}"),
                    remedy: "check what listens there; if it is sshd, MaxStartups and PerSourceMaxStartups in its sshd_config, \
                             and its log"
                        .to_owned(),
                });
            }
            (other, _) => return other,
        }
    }
}

async fn connect(node: &Node, through: Option<&Session>) -> Result<Connected> {
    let known = known(node)?;
    let config = config(node, &known);
    let shown = Arc::new(Mutex::new(None));
    let banner = Arc::default();
    let verifier = HostKeyVerifier {
        known,
        host: node.host.clone(),
        shown: Arc::clone(&shown),
        banner: Arc::clone(&banner),
    };
    let address = shown_host(&node.host, node.port);
    let unreachable = |problem: String| {
        let node = node.name.clone();
        let check = "check host and port in the settings, the network, and that sshd runs there".to_owned();
        let (problem, remedy) = match through {
            None => (format!("{address} cannot be reached: {problem}"), check),
            Some(hop) => (
                format!("{address} cannot be reached through {}: {problem}", hop.node),
                format!(
                    "{check}, all as {} sees it; and that sshd there passes connections on (AllowTcpForwarding)",
                    hop.node
                ),
            ),
        };
        NodeError::Failed { node, kind: Failure::Unreachable, problem, remedy }
    };
    let arrived = AtomicBool::new(false);
    let connecting = async {
        let config = Arc::new(config);
        let Some(hop) = through else {
            let stream = TcpStream::connect((node.host.as_str(), node.port)).await?;
            stream.set_nodelay(true)?;
            arrived.store(true, Ordering::Relaxed);
            return client::connect_stream(config, stream, verifier).await;
        };
        let channel =
            hop.handle.channel_open_direct_tcpip(&node.host, node.port.into(), "127.0.0.1", 0).await?;
        arrived.store(true, Ordering::Relaxed);
        client::connect_stream(config, channel.into_stream(), verifier).await
    };
    let connected = timeout(node.connect_timeout, connecting).await;
    let key = shown.lock().unwrap_or_else(PoisonError::into_inner).take();
    match (connected, key) {
        (Ok(Ok(handle)), _) => Ok(Connected::Yes(handle, banner)),
        (Ok(Err(russh::Error::UnknownKey)), Some(Shown::Certificate(problem))) => {
            let problem = format!("{address} shows a host certificate that is not accepted: {problem}");
            Err(key_failure(node, problem, "ask whoever runs the node, and whoever signs its certificate"))
        }
        (Ok(Err(russh::Error::UnknownKey)), Some(Shown::Key(key))) => match verdict(node, &key)? {
            Verdict::Known | Verdict::Unknown => Ok(Connected::UnknownKey(key)),
            Verdict::Changed { recorded, line } => {
                let file = node.known_hosts.display();
                let problem = format!(
                    "{address} shows the host key {}, but {file}:{line} has {recorded}: another machine may be answering",
                    fingerprint(&key)
                );
                let remedy = format!(
                    "ask whoever runs the node; if its key was changed on purpose, take line {line} out of {file} and run again"
                );
                Err(key_failure(node, problem, &remedy))
            }
            Verdict::Revoked { line } => {
                let file = node.known_hosts.display();
                let problem = format!("{address} shows a host key that {file}:{line} revokes");
                Err(key_failure(node, problem, "ask whoever runs the node"))
            }
        },
        (Ok(Err(russh::Error::NoCommonAlgo { kind, ours, theirs })), _) => {
            let (problem, remedy) =
                algorithms::nothing_in_common(&kind, &ours, &theirs, node.legacy_algorithms);
            let (node, kind) = (node.name.clone(), Failure::Algorithms);
            Err(NodeError::Failed { node, kind, problem: format!("{address}: {problem}"), remedy })
        }
        (Ok(Err(error @ (russh::Error::Disconnect | russh::Error::HUP | russh::Error::IO(_)))), None)
            if arrived.load(Ordering::Relaxed) =>
        {
            Err(NodeError::Lost { node: node.name.clone(), problem: error.to_string() })
        }
        (Ok(Err(error)), _) => Err(unreachable(error.to_string())),
        (Err(_), _) => {
            Err(unreachable(format!("no answer within {}", humantime::format_duration(node.connect_timeout))))
        }
    }
}

fn config(node: &Node, known: &Known) -> client::Config {
    let interval = (node.silence / SIGNS_OF_LIFE).min(IDLE);
    let signs = node.silence.as_millis() / interval.as_millis().max(1);
    let mut config = client::Config {
        keepalive_interval: Some(interval),
        keepalive_max: usize::try_from(signs).unwrap_or(usize::MAX),
        nodelay: true,
        preferred: algorithms::preferred(node.legacy_algorithms),
        gex: algorithms::groups(node.legacy_algorithms),
        ..client::Config::default()
    };
    let offered = node.host_keys.as_deref().unwrap_or(&config.preferred.key);
    config.preferred.key = Cow::Owned(known.preferred(offered));
    if known.has_authorities() {
        config.preferred.host_key_certificates = config.preferred.key.clone();
    }
    config
}

fn known(node: &Node) -> Result<Known> {
    Known::read(&node.known_hosts, &node.host, node.port).map_err(|error| NodeError::Failed {
        node: node.name.clone(),
        kind: Failure::Here,
        problem: format!("{} cannot be read: {error}", node.known_hosts.display()),
        remedy: "mend its permissions, or name another file: known_hosts = \"…\" in [ssh]".to_owned(),
    })
}

fn verdict(node: &Node, key: &PublicKey) -> Result<Verdict> {
    known(node).map(|known| known.verdict(key))
}

/// Accepts an unknown key and records it, if that is to be.
async fn accept(node: &Node, key: &PublicKey, trust: &Trust) -> Result<()> {
    let address = shown_host(&node.host, node.port);
    let shown = format!("{} {}", key.algorithm(), fingerprint(key));
    let accepted = match trust {
        Trust::Accept => true,
        Trust::Refuse => false,
        Trust::Ask(ask) => {
            let question = format!(
                "etl: {}: the host key of {address} is not known: {shown}\nIs it the node's own?",
                node.name
            );
            let ask = Arc::clone(ask);
            let asked = in_thread(move || ask(&question)).await;
            asked.unwrap_or(false)
        }
    };
    if !accepted {
        let problem = format!("the host key of {address} is not known: {shown}");
        let remedy = "compare it with `ssh-keygen -lf /etc/ssh/ssh_host_…_key.pub` on the node; then run etl on a terminal \
                      and confirm it, or add --accept-new-host-keys";
        return Err(key_failure(node, problem, remedy));
    }
    tracing::info!("{}: the host key of {address} is recorded: {shown}", node.name);
    let learnt =
        russh::keys::known_hosts::learn_known_hosts_path(&node.host, node.port, key, &node.known_hosts);
    learnt.map_err(|error| NodeError::Failed {
        node: node.name.clone(),
        kind: Failure::Here,
        problem: format!("the host key cannot be recorded in {}: {error}", node.known_hosts.display()),
        remedy: "mend the file's permissions, or name another: known_hosts = \"…\" in [ssh]".to_owned(),
    })
}

fn key_failure(node: &Node, problem: String, remedy: &str) -> NodeError {
    NodeError::Failed { node: node.name.clone(), kind: Failure::HostKey, problem, remedy: remedy.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::toml_document::Section;
    use crate::dump::settings::NodeSettings;
    use crate::ui::environment::Environment;
    use parsers::columns::ColumnMap;
    use std::path::Path;

    #[test]
    fn a_connection_is_never_silent_for_as_long_as_firewalls_wait_and_is_given_up_when_the_settings_say() {
        for (silence, interval, signs) in [("3s", 1, 3), ("60s", 20, 3), ("10m", 20, 30)] {
            let text = format!(
                "[ssh]\nsilence = \"{silence}\"\n[[node]]\nname = \"n\"\nhost = \"h\"\nuser = \"u\"\n"
            );
            let mut section = Section::parse(Path::new("cutover.toml"), &text).unwrap();
            let environment = Environment { variable: &|_| None, ..Environment::of_process() };
            let map = ColumnMap::built_in().unwrap();
            let node = NodeSettings::take(&mut section, &map, &environment).unwrap().nodes.remove(0);
            let config = config(&node, &Known::default());
            assert_eq!(config.keepalive_interval, Some(Duration::from_secs(interval)), "{silence}");
            assert_eq!(config.keepalive_max, signs, "{silence}");
        }
    }
}
