//! Where to connect, as whom and how safely: everything libpq would know before it opens a socket.
//!
//! Values come from the target, then the service file, then the environment, then defaults, as in libpq.
//! Nothing here connects; files are only read for services and passwords.

use crate::values::{ChannelBinding, Environment, Host, Keepalive, Place, TlsSettings};
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

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

impl ConnInfo {
    /// [`ConnInfo::resolve`] with the environment, the home folder and the user of this process.
    ///
    /// # Errors
    /// As [`ConnInfo::resolve`].
    pub fn of_target(target: &str) -> Result<ConnInfo, ConnectError> {
        let home = std::env::home_dir();
        let user = whoami::username().ok();
        let env = |variable: &str| std::env::var(variable).ok();
        ConnInfo::resolve(target, Environment { env: &env, home: home.as_deref(), user: user.as_deref() })
    }

    /// Works out all parameters of a target: a `postgresql://` URI or `key=value` pairs.
    ///
    /// # Errors
    /// When the target, the service file or a value of the environment is wrong, unknown or not supported.
    pub fn resolve(target: &str, environment: Environment<'_>) -> Result<ConnInfo, ConnectError> {
        let settings = Settings::gather(target, environment)?;
        let user = settings.text("user").or(environment.user).ok_or(ConnectError::NoUser)?.to_owned();
        let database = settings.text("dbname").unwrap_or(&user).to_owned();
        let (hosts, warnings) = settings.hosts(&user, &database, environment)?;
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
            answer_timeout: answer_timeout((environment.env)(ANSWER_TIMEOUT_VARIABLE))?,
            tls: settings.tls(environment.home)?,
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
