//! Logging in: the agent's keys, a key file, a password, in the order that the settings say.

use crate::dump::error::{Failure, NodeError, Result};
use crate::dump::host_key::HostKeyVerifier;
use crate::dump::secrets::{Purpose, Secrets};
use crate::dump::settings::{Login, Node};
use russh::MethodKind;
use russh::client::{AuthResult, Handle, KeyboardInteractiveAuthResponse};
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::{HashAlg, PrivateKeyWithHashAlg, load_secret_key};
use secrecy::{ExposeSecret as _, SecretString};
use std::path::Path;
use std::sync::Arc;

/// How many keys of an agent are offered: sshd takes six attempts in all before it hangs up.
const AGENT_KEYS: usize = 4;

/// How many times a node may ask in its own words before it is given up.
const ROUNDS: usize = 4;

/// Logs in.
///
/// # Errors
/// No way is accepted; the message says what was tried, and how each ended.
pub(crate) async fn log_in(
    handle: &mut Handle<HostKeyVerifier>,
    node: &Node,
    secrets: &Secrets,
    agent: Option<&str>,
) -> Result<()> {
    let mut tried = Vec::new();
    // What the node takes; a node that asks for nothing at all has let the user in.
    let offered = match handle.authenticate_none(&node.user).await {
        Ok(AuthResult::Success) => return Ok(()),
        Ok(AuthResult::Failure { remaining_methods, .. }) => remaining_methods,
        Err(error) => return Err(NodeError::Lost { node: node.name.clone(), problem: error.to_string() }),
    };
    let takes = |kind: MethodKind| offered.contains(&kind);
    for login in &node.login {
        let (name, outcome) = match login {
            Login::Agent | Login::Key if !takes(MethodKind::PublicKey) => {
                ("key", Err("the node takes no keys".to_owned()))
            }
            Login::Agent => ("agent", with_agent(handle, &node.user, agent).await),
            Login::Key => {
                let key = node.key.as_deref().ok_or("no key is named".to_owned());
                let passphrase = secrets.of(node, Purpose::Key);
                let outcome = match key {
                    Ok(path) => with_key(handle, &node.user, path, passphrase).await,
                    Err(problem) => Err(problem),
                };
                ("key", outcome)
            }
            Login::Password => {
                let outcome = match secrets.of(node, Purpose::Login) {
                    None => Err("none is known".to_owned()),
                    Some(_) if !takes(MethodKind::Password) && !takes(MethodKind::KeyboardInteractive) => {
                        Err("the node takes none".to_owned())
                    }
                    // Never both: each wrong password counts where accounts are locked.
                    Some(password) if takes(MethodKind::Password) => {
                        with_password(handle, &node.user, password).await
                    }
                    Some(password) => by_prompts(handle, &node.user, password).await,
                };
                ("password", outcome)
            }
        };
        match outcome {
            Ok(()) => return Ok(()),
            Err(problem) => tried.push(format!("{name}: {problem}")),
        }
        if handle.is_closed() {
            tried.push("then the node closed the connection".to_owned());
            break;
        }
    }
    tried.dedup();
    Err(NodeError::Failed {
        node: node.name.clone(),
        kind: Failure::Login,
        problem: format!("{} cannot log in on {} ({})", node.user, node.host, tried.join("; ")),
        remedy: "check user, login and key in the settings, and the password; too many wrong ones may lock the account"
            .to_owned(),
    })
}

/// What an attempt came to, for the message.
type Attempt = std::result::Result<(), String>;

fn accepted(result: std::result::Result<AuthResult, impl std::fmt::Display>) -> Attempt {
    match result {
        Ok(AuthResult::Success) => Ok(()),
        Ok(AuthResult::Failure { partial_success: true, .. }) => {
            Err("accepted, but the node wants more".to_owned())
        }
        Ok(AuthResult::Failure { .. }) => Err("refused".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// The digest that an RSA key signs with; the node says what it takes.
async fn rsa_digest(handle: &Handle<HostKeyVerifier>, rsa: bool) -> Option<HashAlg> {
    if !rsa {
        return None;
    }
    match handle.best_supported_rsa_hash().await {
        Ok(Some(digest)) => digest,
        _ => Some(HashAlg::Sha256),
    }
}

async fn with_agent(handle: &mut Handle<HostKeyVerifier>, user: &str, socket: Option<&str>) -> Attempt {
    let socket = socket.ok_or("none runs (SSH_AUTH_SOCK is not set)")?;
    let agent = AgentClient::connect_uds(socket).await;
    let mut agent = agent.map_err(|error| format!("it does not answer: {error}"))?;
    let identities =
        agent.request_identities().await.map_err(|error| format!("it does not answer: {error}"))?;
    let keys: Vec<_> = identities
        .into_iter()
        .filter_map(|identity| match identity {
            AgentIdentity::PublicKey { key, .. } => Some(key),
            AgentIdentity::Certificate { .. } => None,
        })
        .take(AGENT_KEYS)
        .collect();
    if keys.is_empty() {
        return Err("it holds no keys".to_owned());
    }
    let number = keys.len();
    for key in keys {
        let digest = rsa_digest(handle, key.algorithm().is_rsa()).await;
        if accepted(handle.authenticate_publickey_with(user, key, digest, &mut agent).await).is_ok() {
            return Ok(());
        }
    }
    Err(if number == 1 { "its key is refused".to_owned() } else { format!("its {number} keys are refused") })
}

async fn with_key(
    handle: &mut Handle<HostKeyVerifier>,
    user: &str,
    path: &Path,
    passphrase: Option<&SecretString>,
) -> Attempt {
    let key = load_secret_key(path, passphrase.map(|secret| secret.expose_secret()));
    let key = key.map_err(|error| match &error {
        russh::keys::Error::IO(error) => format!("{}: {error}", path.display()),
        russh::keys::Error::KeyIsEncrypted => format!("{}: its passphrase is not known", path.display()),
        _ if passphrase.is_some() => format!("{}: the passphrase does not open it", path.display()),
        _ => format!("{}: {error}", path.display()),
    })?;
    let digest = rsa_digest(handle, key.algorithm().is_rsa()).await;
    let key = PrivateKeyWithHashAlg::new(Arc::new(key), digest);
    accepted(handle.authenticate_publickey(user, key).await)
        .map_err(|problem| format!("{}: {problem}", path.display()))
}

async fn with_password(handle: &mut Handle<HostKeyVerifier>, user: &str, password: &SecretString) -> Attempt {
    accepted(handle.authenticate_password(user, password.expose_secret()).await)
}

/// Answers what the node asks: the password wherever nothing is echoed.
async fn by_prompts(handle: &mut Handle<HostKeyVerifier>, user: &str, password: &SecretString) -> Attempt {
    let mut answer = handle.authenticate_keyboard_interactive_start(user, None).await;
    let mut given = false;
    for _ in 0..ROUNDS {
        let prompts = match answer.map_err(|error| error.to_string())? {
            KeyboardInteractiveAuthResponse::Success => return Ok(()),
            KeyboardInteractiveAuthResponse::Failure { .. } => return Err("refused".to_owned()),
            KeyboardInteractiveAuthResponse::InfoRequest { prompts, .. } => prompts,
        };
        if given && prompts.iter().any(|prompt| !prompt.echo) {
            return Err("refused, or the node asks for a second one".to_owned());
        }
        let answers = prompts.iter().map(|prompt| match prompt.echo {
            true => user.to_owned(),
            false => password.expose_secret().to_owned(),
        });
        given |= !prompts.is_empty();
        answer = handle.authenticate_keyboard_interactive_respond(answers.collect()).await;
    }
    Err("the node asks too often".to_owned())
}
