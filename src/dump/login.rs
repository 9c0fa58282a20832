//! Logging in: the agent's keys, a key file, a password, in the order that the settings say, as long as the node wants
//! more of them (RFC 4252, 5.1).

use crate::dump::attempt::{Attempt, JUDGING, judged};
use crate::dump::entrance::Entrance;
use crate::dump::error::{Failure, NodeError, Result};
use crate::dump::host_key::HostKeyVerifier;
use crate::dump::key_file::{self, KeySigner};
use crate::dump::questions::Questions;
use crate::dump::secrets::Purpose;
use crate::dump::settings::{Login, Node};
use chrono::Utc;
use russh::client::{AuthResult, Handle};
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::{HashAlg, PrivateKeyWithHashAlg};
use russh::{MethodKind, MethodSet};
use secrecy::ExposeSecret as _;
use std::path::Path;
use std::sync::Arc;
use tokio::time::timeout;

/// How many keys of an agent are offered: sshd takes six attempts in all before it hangs up.
const AGENT_KEYS: usize = 4;

/// A way to log in, as it is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Of(Login),
    /// What the node asks for once something else was accepted: one-time codes.
    Codes,
}

impl Way {
    fn name(self) -> &'static str {
        match self {
            Self::Of(Login::Agent) => "agent",
            Self::Of(Login::Key) => "key",
            Self::Of(Login::Password) => "password",
            Self::Codes => "keyboard-interactive",
        }
    }

    /// Whether the node takes it at this moment.
    fn fits(self, offered: &MethodSet) -> bool {
        let takes = |kind| offered.contains(&kind);
        match self {
            Self::Of(Login::Agent | Login::Key) => takes(MethodKind::PublicKey),
            Self::Of(Login::Password) => {
                takes(MethodKind::Password) || takes(MethodKind::KeyboardInteractive)
            }
            Self::Codes => takes(MethodKind::KeyboardInteractive),
        }
    }
}

/// Logs in.
///
/// # Errors
/// No way is accepted, or the node wants more ways than there are; the message says what was tried, and how each ended.
pub(crate) async fn log_in(
    handle: &mut Handle<HostKeyVerifier>,
    node: &Node,
    entrance: &Entrance<'_>,
    banner: &(dyn Fn() + Sync),
) -> Result<()> {
    let lost = |problem: String| NodeError::Lost { node: node.name.clone(), problem };
    // What the node takes; a node that asks for nothing at all has let the user in.
    let offered = match timeout(JUDGING, handle.authenticate_none(&node.user)).await {
        Ok(Ok(AuthResult::Success)) => return Ok(()),
        Ok(Ok(AuthResult::Failure { remaining_methods, .. })) => remaining_methods,
        Ok(Err(error)) => return Err(lost(error.to_string())),
        Err(_) => return Err(lost("it does not say how to log in".to_owned())),
    };
    banner();
    let ways = node.login.iter().copied().map(Way::Of).collect();
    let visit = Visit { handle, node, entrance, offered, ways, given: false, codes: true, tried: Vec::new() };
    visit.run().await
}

/// One connection on which somebody logs in.
struct Visit<'v> {
    handle: &'v mut Handle<HostKeyVerifier>,
    node: &'v Node,
    entrance: &'v Entrance<'v>,
    /// What the node takes now.
    offered: MethodSet,
    /// What was not tried yet.
    ways: Vec<Way>,
    /// Whether the password was given: it is given once.
    given: bool,
    /// Whether the node may ask for more than the password.
    codes: bool,
    /// What was tried, and how each ended.
    tried: Vec<String>,
}

impl Visit<'_> {
    async fn run(mut self) -> Result<()> {
        // A way that the node does not take yet may be what it wants later.
        while let Some(next) = self.ways.iter().position(|way| way.fits(&self.offered)) {
            let way = self.ways.remove(next);
            let name = way.name();
            match self.attempt(way).await {
                Attempt::In => return Ok(()),
                Attempt::More(methods) => {
                    let wanted: Vec<String> = methods.iter().map(String::from).collect();
                    self.tried
                        .push(format!("{name}: accepted, and the node wants {} too", wanted.join(" or ")));
                    self.offered = methods;
                    if self.codes {
                        self.ways.retain(|way| *way != Way::Codes);
                        self.ways.push(Way::Codes);
                    }
                }
                Attempt::Refused(problem) => {
                    self.tried.push(format!("{name}: {problem}"));
                    if way == Way::Of(Login::Password) && self.given {
                        // It would be asked for again.
                        self.codes = false;
                        self.ways.retain(|way| *way != Way::Codes);
                    }
                }
                Attempt::Left(problem) => {
                    self.tried.push(format!("{name}: {problem}"));
                    return Err(self.failed());
                }
            }
            if self.handle.is_closed() {
                self.tried.push("then the node closed the connection".to_owned());
                return Err(self.failed());
            }
        }
        for way in &self.ways {
            match way {
                Way::Of(Login::Agent | Login::Key) => {
                    self.tried.push("key: the node takes no keys".to_owned())
                }
                Way::Of(Login::Password) => self.tried.push("password: the node takes none".to_owned()),
                Way::Codes => {}
            }
        }
        Err(self.failed())
    }

    fn failed(mut self) -> NodeError {
        self.tried.dedup();
        let node = self.node;
        NodeError::Failed {
            node: node.name.clone(),
            kind: Failure::Login,
            problem: format!("{} cannot log in on {} ({})", node.user, node.host, self.tried.join("; ")),
            remedy: "check user, login and key in the settings, and the password; too many wrong ones may lock the account"
                .to_owned(),
        }
    }

    async fn attempt(&mut self, way: Way) -> Attempt {
        let password = self.entrance.secrets.of(self.node, Purpose::Login);
        match (way, password) {
            (Way::Of(Login::Agent), _) => self.with_agent().await,
            (Way::Of(Login::Key), _) => self.with_keys().await,
            (Way::Of(Login::Password), None) => Attempt::Refused("none is known".to_owned()),
            // Never both: each wrong password counts where accounts are locked.
            (Way::Of(Login::Password), Some(password)) if self.offered.contains(&MethodKind::Password) => {
                self.given = true;
                judged(self.handle.authenticate_password(&self.node.user, password.expose_secret())).await
            }
            (Way::Of(Login::Password) | Way::Codes, password) => {
                let given = std::mem::replace(&mut self.given, true);
                let questions = Questions::new(self.node, self.entrance, password, given);
                questions.answer(self.handle).await
            }
        }
    }

    async fn with_agent(&mut self) -> Attempt {
        let keys = agent_keys(self.entrance.agent).await;
        let (mut agent, keys) = match keys {
            Ok(found) => found,
            Err(problem) => return Attempt::Refused(problem),
        };
        let number = keys.len();
        let user = self.node.user.clone();
        for key in keys {
            let offered = match key {
                AgentIdentity::PublicKey { key, .. } => {
                    let (digest, _) = self.rsa_digest(key.algorithm().is_rsa()).await;
                    judged(self.handle.authenticate_publickey_with(user.clone(), key, digest, &mut agent))
                        .await
                }
                AgentIdentity::Certificate { certificate, .. } => {
                    let (digest, _) = self.rsa_digest(certificate.algorithm().is_rsa()).await;
                    let offered = self.handle.authenticate_certificate_with(
                        user.clone(),
                        certificate,
                        digest,
                        &mut agent,
                    );
                    judged(offered).await
                }
            };
            match offered {
                Attempt::Refused(_) if !self.handle.is_closed() => {}
                other => return other,
            }
        }
        Attempt::Refused(match number {
            1 => "its key is refused".to_owned(),
            number => format!("its {number} keys are refused"),
        })
    }

    async fn with_keys(&mut self) -> Attempt {
        let node = self.node;
        let mut problems = Vec::new();
        for path in &node.keys {
            match self.with_key(path).await {
                Attempt::Refused(problem) if !self.handle.is_closed() => problems.push(problem),
                other => return other,
            }
        }
        Attempt::Refused(if problems.is_empty() { "no key is named".to_owned() } else { problems.join("; ") })
    }

    /// Offers the key of a file, and before it the certificate that lies beside it, as OpenSSH does.
    async fn with_key(&mut self, path: &Path) -> Attempt {
        let passphrase = self.entrance.secrets.of(self.node, Purpose::Key);
        let key = match key_file::read(path, passphrase) {
            Ok(key) => Arc::new(key),
            Err(problem) => return Attempt::Refused(format!("{}: {problem}", path.display())),
        };
        let (digest, unsaid) = self.rsa_digest(key.algorithm().is_rsa()).await;
        let certified = match key_file::certificate(path, Utc::now().timestamp()) {
            None => String::new(),
            Some((file, Err(problem))) => format!("{}: {problem}; ", file.display()),
            Some((file, Ok(certificate))) => {
                let mut signer = KeySigner(Arc::clone(&key));
                let user = self.node.user.clone();
                let offered =
                    self.handle.authenticate_certificate_with(user, certificate, digest, &mut signer);
                match judged(offered).await {
                    Attempt::Refused(problem) => format!("{}: {problem}; ", file.display()),
                    other => return other,
                }
            }
        };
        let key = PrivateKeyWithHashAlg::new(key, digest);
        match judged(self.handle.authenticate_publickey(&self.node.user, key)).await {
            Attempt::Refused(problem) if unsaid && !self.node.legacy_algorithms => Attempt::Refused(format!(
                "{certified}{}: {problem}; an old sshd takes RSA keys with SHA-1 alone (legacy_algorithms = true)",
                path.display()
            )),
            Attempt::Refused(problem) => {
                Attempt::Refused(format!("{certified}{}: {problem}", path.display()))
            }
            other => other,
        }
    }

    /// The digest that an RSA key signs with, and whether the node does not say which it takes: old ones take SHA-1 alone.
    async fn rsa_digest(&self, rsa: bool) -> (Option<HashAlg>, bool) {
        if !rsa {
            return (None, false);
        }
        match self.handle.best_supported_rsa_hash().await {
            Ok(Some(digest)) => (digest, false),
            _ if self.node.legacy_algorithms => (None, true),
            _ => (Some(HashAlg::Sha256), true),
        }
    }
}

type Agent = AgentClient<tokio::net::UnixStream>;

/// The agent, and what of it is offered: certificates first, as OpenSSH does.
async fn agent_keys(socket: Option<&str>) -> std::result::Result<(Agent, Vec<AgentIdentity>), String> {
    let socket = socket.ok_or("none runs (SSH_AUTH_SOCK is not set)")?;
    let silent = |error: russh::keys::Error| format!("it does not answer: {error}");
    let mut agent = AgentClient::connect_uds(socket).await.map_err(silent)?;
    let identities = agent.request_identities().await.map_err(silent)?;
    let is_certificate = |identity: &AgentIdentity| matches!(identity, AgentIdentity::Certificate { .. });
    let (mut keys, rest): (Vec<_>, Vec<_>) = identities.into_iter().partition(is_certificate);
    keys.extend(rest);
    keys.truncate(AGENT_KEYS);
    if keys.is_empty() { Err("it holds no keys".to_owned()) } else { Ok((agent, keys)) }
}
