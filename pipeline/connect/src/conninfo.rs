//! Where to connect, as whom and how safely: everything libpq would know before it opens a socket.
//!
//! Values come from the target, then the service file, then the environment, then defaults, as in libpq.
//! Nothing here connects; files are only read for services and passwords.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;

use super::error::ConnectError;
use super::parameter::Origin;
use super::passfile::Warning;
use super::settings::{Settings, positive};

/// How long one address may take when `connect_timeout` does not say. libpq would wait for ever; an operator at
/// night is better served by an answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a connection may be silent while an answer is awaited, unless [`ANSWER_TIMEOUT_VARIABLE`] says otherwise, and how long
/// sent data may stay unacknowledged, unless `tcp_user_timeout` does. Linux alone would retransmit for a quarter of an hour.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// The environment variable that sets [`ConnInfo::answer_timeout`], in seconds. libpq has no such parameter.
pub const ANSWER_TIMEOUT_VARIABLE: &str = "ETL_TARGET_TIMEOUT";

/// What the defaults depend on besides the target.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// The environment, by variable.
    pub env: &'a dyn Fn(&str) -> Option<String>,
    /// The home folder, for `~/.pgpass`, `~/.pg_service.conf` and `~/.postgresql`.
    pub home: Option<&'a Path>,
    /// The system's name of whoever runs this: the default user.
    pub user: Option<&'a str>,
}

/// Where to connect, as whom and how safely. Printing it never shows a password.
#[derive(Clone, Debug)]
pub struct ConnInfo {
    /// The servers to try, in order; at least one.
    pub hosts: Vec<Host>,
    /// The role to log in as.
    pub user: String,
    /// The database.
    pub database: String,
    /// What the server lists the session as.
    pub application_name: String,
    /// Server options of the form `-c name=value`.
    pub options: Option<String>,
    /// How long each address may take, from the first packet to the end of the login; without it, for ever.
    pub connect_timeout: Option<Duration>,
    /// TCP keepalives, unless switched off.
    pub keepalive: Option<Keepalive>,
    /// How long sent data may stay unacknowledged; without it, as long as the system's default says.
    pub tcp_user_timeout: Option<Duration>,
    /// How long the connection may be silent while an answer is awaited, until it is found out whether the server still
    /// processes the statement; and how long COMMIT may take.
    pub answer_timeout: Duration,
    /// TLS.
    pub tls: TlsSettings,
    /// Whether SCRAM is bound to the TLS session.
    pub channel_binding: ChannelBinding,
    /// Whether a server that only allows reading will do (`target_session_attrs`).
    pub must_allow_writes: bool,
    /// Password files that were passed over; to be shown to the operator.
    pub warnings: Vec<Warning>,
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
pub(super) const SSL_MODES: &[(&str, SslMode)] = &[
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
    pub(super) fn verifies(self) -> bool {
        matches!(self, SslMode::VerifyCa | SslMode::VerifyFull)
    }
}

impl ConnInfo {
    /// [`ConnInfo::resolve`] with the environment, the home folder and the user of this process.
    ///
    /// # Errors
    /// As [`ConnInfo::resolve`].
    pub fn of_target(target: &str) -> Result<ConnInfo, ConnectError> {
        let home = std::env::home_dir();
        let user = whoami::username().ok();
        let env = |variable: &str| std::env::var(variable).ok();
        ConnInfo::resolve(target, Surroundings { env: &env, home: home.as_deref(), user: user.as_deref() })
    }

    /// Works out all parameters of a target: a `postgresql://` URI or `key=value` pairs.
    ///
    /// # Errors
    /// When the target, the service file or a value of the environment is wrong, unknown or not supported.
    pub fn resolve(target: &str, surroundings: Surroundings<'_>) -> Result<ConnInfo, ConnectError> {
        let settings = Settings::gather(target, surroundings)?;
        let user = settings.text("user").or(surroundings.user).ok_or(ConnectError::NoUser)?.to_owned();
        let database = settings.text("dbname").unwrap_or(&user).to_owned();
        let (hosts, warnings) = settings.hosts(&user, &database, surroundings)?;
        Ok(ConnInfo {
            hosts,
            application_name: settings
                .text("application_name")
                .or(settings.text("fallback_application_name"))
                .unwrap_or("etl")
                .to_owned(),
            options: settings.text("options").map(str::to_owned),
            connect_timeout: settings
                .integer("connect_timeout")?
                .map_or(Some(CONNECT_TIMEOUT), |seconds| positive(seconds).map(Duration::from_secs)),
            keepalive: settings.keepalive()?,
            tcp_user_timeout: settings
                .integer("tcp_user_timeout")?
                .map_or(Some(ANSWER_TIMEOUT), |millis| positive(millis).map(Duration::from_millis)),
            answer_timeout: answer_timeout((surroundings.env)(ANSWER_TIMEOUT_VARIABLE))?,
            tls: settings.tls(surroundings.home)?,
            channel_binding: settings.channel_binding()?,
            must_allow_writes: settings.must_allow_writes()?,
            user,
            database,
            warnings,
        })
    }
}

/// The value of [`ANSWER_TIMEOUT_VARIABLE`]; an empty one says nothing.
fn answer_timeout(value: Option<String>) -> Result<Duration, ConnectError> {
    let Some(value) = value.filter(|value| !value.is_empty()) else { return Ok(ANSWER_TIMEOUT) };
    match value.trim().parse::<u32>() {
        Ok(seconds @ 1..=86_400) => Ok(Duration::from_secs(seconds.into())),
        _ => Err(ConnectError::InvalidValue {
            name: ANSWER_TIMEOUT_VARIABLE,
            value,
            origin: Origin::Environment(ANSWER_TIMEOUT_VARIABLE),
            expected: "a whole number of seconds from 1 to 86400".to_owned(),
        }),
    }
}

impl fmt::Display for ConnInfo {
    /// A URI without the password and without what has a default: `postgresql://karbor@db1:5432/karbor`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "postgresql://{}@", encoded(&self.user))?;
        for (index, host) in self.hosts.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            match &host.place {
                Place::Address(IpAddr::V6(_)) if host.name.contains(':') => {
                    write!(out, "{comma}[{}]:{}", host.name, host.port)?;
                }
                _ => write!(out, "{comma}{}:{}", encoded(&host.name), host.port)?,
            }
        }
        write!(out, "/{}", encoded(&self.database))
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

/// Percent-encodes what a URI would take apart.
fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            byte if byte.is_ascii_alphanumeric() => encoded.push(char::from(byte)),
            byte => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}
