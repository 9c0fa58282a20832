//! What is known of a node before anybody connects to it, and of what is dumped there.

use russh::keys::Algorithm;
use std::path::PathBuf;
use std::time::Duration;

/// A node.
#[derive(Clone, Debug)]
pub struct Node {
    /// What it is called in messages and prompts; no other node is called so.
    pub name: String,
    /// Its name or address.
    pub host: String,
    /// The port of its SSH server.
    pub port: u16,
    /// The user who logs in.
    pub user: String,
    /// The ways to log in, in the order in which they are tried; at least one.
    pub login: Vec<Login>,
    /// The private keys, for [`Login::Key`], in the order in which they are tried.
    pub keys: Vec<PathBuf>,
    /// The file of known host keys.
    pub known_hosts: PathBuf,
    /// The host key algorithms that are offered, where not all of them are.
    pub host_keys: Option<Vec<Algorithm>>,
    /// The hosts through which the connection leads, the first being the nearest. They have no hops of their own.
    pub hops: Vec<Node>,
    /// What of this comes from `~/.ssh/config`, in its words.
    pub from_config: Option<String>,
    /// Whether older algorithms are allowed: SHA-1 and CBC.
    pub legacy_algorithms: bool,
    /// How long the node may take to answer.
    pub connect_timeout: Duration,
    /// How long the connection may be dead before it is given up.
    pub silence: Duration,
    /// How often a connection that was lost is made again.
    pub reconnects: usize,
    /// How the database user is become.
    pub becoming: Become,
    /// The command that opens a shell of the database user, for [`Become::Command`].
    pub become_command: String,
    /// Whether becoming needs a password.
    pub become_password: bool,
    /// The user who is become; the one who logs in where nobody is.
    pub database_user: String,
    /// What is dumped there.
    pub dumps: Vec<Dump>,
    /// The line of the settings file in which the node begins.
    pub line: usize,
}

/// A way to log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Login {
    /// The keys of the SSH agent.
    Agent,
    /// A private key in a file.
    Key,
    /// A password, also where the node asks for it in its own words (keyboard-interactive).
    Password,
}

/// How another user is become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Become {
    /// Not at all.
    Nobody,
    /// `su`, which asks for that user's password.
    Su,
    /// `sudo`, which may ask for the password of the one who logged in.
    Sudo,
    /// A command of the node's own, [`Node::become_command`], which opens a shell of that user.
    Command,
}

/// What is dumped on a node.
#[derive(Clone, Debug)]
pub struct Dump {
    /// Which source database it is: cinder, autobackup, taskmgr or dps.
    pub database: &'static str,
    /// What that database is called on the node.
    pub database_name: String,
    /// The file here, in the folder for dumps.
    pub file: PathBuf,
    /// The dump program on the node.
    pub gs_dump: String,
    /// Options for it, beside those that etl gives.
    pub options: Vec<String>,
    /// The tables, each as an argument of `-t`.
    pub tables: Vec<String>,
    /// The folder on the node in which the dump lies until it is fetched.
    pub remote_folder: String,
    /// Whether the database asks for a password.
    pub database_password: bool,
    /// How large the dump will be, where the operator knows better than the database.
    pub expected_size: Option<u64>,
    /// How long the dump program may take.
    pub timeout: Duration,
    /// The line of the settings file in which the dump begins.
    pub line: usize,
}

impl Node {
    /// Whether anything is run as another user than the one who logs in.
    #[must_use]
    pub fn becomes(&self) -> bool {
        self.becoming != Become::Nobody
    }
}

/// Whether a text is the name of a user, which is given to programs.
pub(crate) fn is_user(text: &str) -> bool {
    text.chars().all(|c| c.is_alphanumeric() || "-_.$".contains(c))
        && !text.starts_with('-')
        && !text.is_empty()
}

/// A node's name as the end of a variable's.
pub(crate) fn suffix(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect()
}
