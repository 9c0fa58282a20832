//! The values of connection parameters.

use crate::parameter::Origin;
use secrecy::SecretString;
use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What the defaults depend on besides the target.
#[derive(Clone, Copy)]
pub struct Environment<'a> {
    /// The environment, by variable.
    pub env: &'a dyn Fn(&str) -> Option<String>,
    /// The home folder, for `~/.pgpass`, `~/.pg_service.conf` and `~/.postgresql`.
    pub home: Option<&'a Path>,
    /// The system's name of whoever runs this: the default user.
    pub user: Option<&'a str>,
}

/// One server to try.
#[derive(Clone, Debug)]
pub struct Host {
    /// As named: a host, an address or the folder of a unix socket. Certificates are checked against it.
    pub name: String,
    /// Where it is.
    pub place: Place,
    /// The port, or the number of the unix socket.
    pub port: u16,
    /// The password for it, where one is known.
    pub password: Option<Password>,
}

/// Where a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The folder of its unix socket.
    Socket(PathBuf),
    /// Its address.
    Address(IpAddr),
    /// A name to be resolved.
    Name(String),
}

/// A password, and where it was found.
#[derive(Clone, Debug)]
pub struct Password {
    /// The password itself.
    pub secret: SecretString,
    /// Where it was found.
    pub source: PasswordSource,
}

/// Where a password was found. Shown after "the password".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PasswordSource {
    /// As a parameter.
    Parameter(Origin),
    /// In this password file.
    Passfile(PathBuf),
    /// The operator typed it when asked.
    Typed,
    /// There was none, and the server said no all the same.
    Absent,
}

/// TCP keepalives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keepalive {
    /// Silence before the first probe.
    pub idle: Duration,
    /// Time between probes.
    pub interval: Duration,
    /// Probes without an answer until the connection counts as broken.
    pub count: u32,
}

/// TLS, by libpq's parameters.
#[derive(Clone, Debug)]
pub struct TlsSettings {
    /// `sslmode`.
    pub mode: SslMode,
    /// `sslrootcert`.
    pub root: RootCertificates,
    /// `sslcrl`: revoked certificates.
    pub revoked: Option<NamedFile>,
    /// `sslcert`: this client's certificate.
    pub certificate: Option<NamedFile>,
    /// `sslkey`: its key.
    pub key: Option<NamedFile>,
    /// Whether TLS 1.2 may be used.
    pub allow_1_2: bool,
    /// Whether TLS 1.3 may be used.
    pub allow_1_3: bool,
}

/// Which authorities are trusted to sign a server's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RootCertificates {
    /// `sslrootcert=system`: the machine's.
    System,
    /// Those in this file; `~/.postgresql/root.crt` unless named.
    File(NamedFile),
    /// None, for there is no home folder to look in.
    None,
}

/// A file that TLS may need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedFile {
    /// The file.
    pub path: PathBuf,
    /// Whether it was named, and must exist; a default file may be missing.
    pub named: bool,
}

/// How TLS is used (`sslmode`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SslMode {
    /// Never.
    Disable,
    /// Only if the server refuses the login without.
    Allow,
    /// If the server has it; the default.
    Prefer,
    /// Always; the certificate is checked as in `verify-ca` where a file of root certificates exists.
    Require,
    /// Always, with a certificate of a trusted authority.
    VerifyCa,
    /// Always, with a certificate of a trusted authority for the host's name.
    VerifyFull,
}

/// Whether SCRAM is bound to the TLS session (`channel_binding`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelBinding {
    /// Never.
    Disable,
    /// If both sides can; the default.
    Prefer,
    /// Always; a login without it is broken off.
    Require,
}

/// The modes by their names in a target.
pub(crate) const SSL_MODES: &[(&str, SslMode)] = &[
    ("disable", SslMode::Disable),
    ("allow", SslMode::Allow),
    ("prefer", SslMode::Prefer),
    ("require", SslMode::Require),
    ("verify-ca", SslMode::VerifyCa),
    ("verify-full", SslMode::VerifyFull),
];

impl SslMode {
    /// Its name in a target.
    pub fn name(self) -> &'static str {
        SSL_MODES.iter().find(|(_, mode)| *mode == self).map_or("prefer", |(name, _)| name)
    }

    /// Whether it insists on a trusted certificate.
    pub(crate) fn verifies(self) -> bool {
        matches!(self, SslMode::VerifyCa | SslMode::VerifyFull)
    }
}

impl fmt::Display for PasswordSource {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PasswordSource::Parameter(origin) => write!(out, "{origin}"),
            PasswordSource::Passfile(path) => write!(out, "in {}", path.display()),
            PasswordSource::Typed => write!(out, "that was typed"),
            PasswordSource::Absent => write!(out, "(none was given)"),
        }
    }
}
