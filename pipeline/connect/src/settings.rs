//! Gathers parameters from the target, the service file and the environment, and reads them as what they mean.
//!
//! The order of the sources is libpq's: the first that gives a parameter wins, an empty value included; an empty
//! value then means the default.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::error::ConnectError;
use super::parameter::{Origin, PARAMETERS, Parameter, Support, named};
use super::passfile::{self, Login, Warning};
use super::{service, target};
use crate::values::{
    ChannelBinding, Environment, Host, Keepalive, NamedFile, Password, PasswordSource, Place,
    RootCertificates, SSL_MODES, SslMode, TlsSettings,
};

/// The folder of Debian's unix sockets, used when no host is named.
const SOCKET_FOLDER: &str = "/var/run/postgresql";
const PORT: u16 = 5432;
/// Keepalives start after this much silence unless told otherwise. The system's default is two hours, in which a
/// load would seem to hang behind a dead server or a firewall that forgot the connection. With all probes unanswered a
/// connection ends after a minute, as `tcp_user_timeout` has it for sent data.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
const KEEPALIVE_COUNT: u32 = 6;

const CHANNEL_BINDINGS: &[(&str, ChannelBinding)] = &[
    ("disable", ChannelBinding::Disable),
    ("prefer", ChannelBinding::Prefer),
    ("require", ChannelBinding::Require),
];

/// `target_session_attrs`, and whether it demands a server that can be written to. The other values of libpq ask
/// for a server that cannot, which is no use to a load.
const SESSIONS: &[(&str, bool)] = &[("any", false), ("read-write", true), ("primary", true)];

/// Values by parameter, with where they were found. It is not `Debug`: one of them is the password.
pub(super) struct Settings(BTreeMap<&'static str, (SecretString, Origin)>);

impl Settings {
    pub(super) fn gather(target: &str, environment: Environment<'_>) -> Result<Settings, ConnectError> {
        let mut settings = Settings(BTreeMap::new());
        let mut after_secret = false;
        for (name, value) in target::pairs(target)? {
            let Some(parameter) = named(&name) else {
                // What follows a password may be a part of it that lacked its quotes.
                let name = if after_secret { "…".to_owned() } else { name };
                return Err(ConnectError::UnknownParameter { name, origin: Origin::Target });
            };
            after_secret |= parameter.secret;
            settings.0.insert(check_support(parameter, &value, &Origin::Target)?, (value, Origin::Target));
        }
        // The service file comes before the environment, but the environment may say which service.
        settings.take_environment(environment, |parameter| parameter.name.starts_with("service"))?;
        if let Some(service) = settings.text("service") {
            let system_folder = (environment.env)("PGSYSCONFDIR").map(PathBuf::from);
            let chosen = settings.text("servicefile").map(Path::new);
            for line in service::lookup(service, chosen, environment.home, system_folder.as_deref())? {
                settings.offer(line.name, line.value, Origin::Service(line.path, line.number))?;
            }
        }
        settings.take_environment(environment, |_| true)?;
        Ok(settings)
    }

    fn take_environment(
        &mut self,
        environment: Environment<'_>,
        wanted: impl Fn(&Parameter) -> bool,
    ) -> Result<(), ConnectError> {
        for parameter in PARAMETERS.iter().filter(|parameter| wanted(parameter)) {
            let Some(variable) = parameter.variable else { continue };
            if let Some(value) = (environment.env)(variable) {
                self.offer(parameter.name, value, Origin::Environment(variable))?;
            }
        }
        Ok(())
    }

    /// Takes a value unless one of a higher source is there.
    fn offer(&mut self, name: &'static str, value: String, origin: Origin) -> Result<(), ConnectError> {
        if self.0.contains_key(name) {
            return Ok(());
        }
        let value = SecretString::from(value);
        if let Some(parameter) = named(name) {
            check_support(parameter, &value, &origin)?;
        }
        self.0.insert(name, (value, origin));
        Ok(())
    }

    /// A value; an empty one says nothing, so that a default can be had back.
    fn get(&self, name: &str) -> Option<(&str, &Origin)> {
        let (value, origin) = self.0.get(name)?;
        Some((value.expose_secret(), origin)).filter(|(value, _)| !value.is_empty())
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.get(name).map(|(value, _)| value)
    }

    pub(super) fn integer(&self, name: &'static str) -> Result<Option<i64>, ConnectError> {
        let Some((value, origin)) = self.get(name) else { return Ok(None) };
        match value.trim().parse::<i32>() {
            Ok(number) => Ok(Some(i64::from(number))),
            Err(_) => Err(invalid(name, value, origin, "a whole number")),
        }
    }

    fn choice<T: Copy>(&self, name: &'static str, among: &[(&str, T)]) -> Result<Option<T>, ConnectError> {
        let Some((value, origin)) = self.get(name) else { return Ok(None) };
        match among.iter().find(|(choice, _)| *choice == value) {
            Some((_, chosen)) => Ok(Some(*chosen)),
            None => {
                let names: Vec<_> = among.iter().map(|(choice, _)| *choice).collect();
                Err(invalid(name, value, origin, &names.join(", ")))
            }
        }
    }

    pub(super) fn channel_binding(&self) -> Result<ChannelBinding, ConnectError> {
        Ok(self.choice("channel_binding", CHANNEL_BINDINGS)?.unwrap_or(ChannelBinding::Prefer))
    }

    pub(super) fn must_allow_writes(&self) -> Result<bool, ConnectError> {
        Ok(self.choice("target_session_attrs", SESSIONS)?.unwrap_or(false))
    }

    pub(super) fn keepalive(&self) -> Result<Option<Keepalive>, ConnectError> {
        let seconds = |name, default| {
            let number = self.integer(name)?.and_then(positive);
            Ok::<_, ConnectError>(number.map_or(default, Duration::from_secs))
        };
        let count = self.integer("keepalives_count")?.and_then(positive);
        let keepalive = Keepalive {
            idle: seconds("keepalives_idle", KEEPALIVE_IDLE)?,
            interval: seconds("keepalives_interval", KEEPALIVE_INTERVAL)?,
            count: count.and_then(|count| u32::try_from(count).ok()).unwrap_or(KEEPALIVE_COUNT),
        };
        Ok((self.integer("keepalives")? != Some(0)).then_some(keepalive))
    }

    pub(super) fn tls(&self, home: Option<&Path>) -> Result<TlsSettings, ConnectError> {
        let file = |name: &str, default: &str| match self.text(name) {
            Some(path) => Some(NamedFile { path: PathBuf::from(path), named: true }),
            None => Some(NamedFile { path: home?.join(".postgresql").join(default), named: false }),
        };
        let mode = self.choice("sslmode", SSL_MODES)?;
        let system = self.text("sslrootcert") == Some("system");
        if system
            && mode.is_some_and(|mode| mode != SslMode::VerifyFull)
            && let Some((value, origin)) = self.get("sslmode")
        {
            // Anybody can have a certificate of a public authority: without the name it proves nothing.
            let expected = format!("verify-full, for sslrootcert=system makes {value} worthless");
            return Err(invalid("sslmode", value, origin, &expected));
        }
        let allowed = self.tls_versions()?;
        Ok(TlsSettings {
            mode: mode.unwrap_or(if system { SslMode::VerifyFull } else { SslMode::Prefer }),
            root: if system {
                RootCertificates::System
            } else {
                file("sslrootcert", "root.crt").map_or(RootCertificates::None, RootCertificates::File)
            },
            revoked: file("sslcrl", "root.crl"),
            certificate: file("sslcert", "postgresql.crt"),
            key: file("sslkey", "postgresql.key"),
            allow_1_2: allowed.contains(&12),
            allow_1_3: allowed.contains(&13),
        })
    }

    /// The TLS versions within the bounds, as 12 and 13; the oldest are spoken by no TLS library we would use.
    fn tls_versions(&self) -> Result<Vec<u8>, ConnectError> {
        const VERSIONS: &[(&str, u8)] = &[("TLSv1", 10), ("TLSv1.1", 11), ("TLSv1.2", 12), ("TLSv1.3", 13)];
        let least = self.choice("ssl_min_protocol_version", VERSIONS)?.unwrap_or(12);
        let most = self.choice("ssl_max_protocol_version", VERSIONS)?.unwrap_or(13);
        let allowed: Vec<u8> =
            [12, 13].into_iter().filter(|version| (least..=most).contains(version)).collect();
        match self.get("ssl_max_protocol_version") {
            Some((value, origin)) if allowed.is_empty() => {
                let expected = "TLSv1.2 or TLSv1.3, and not less than ssl_min_protocol_version";
                Err(invalid("ssl_max_protocol_version", value, origin, expected))
            }
            _ => Ok(allowed),
        }
    }

    /// The servers to try, each with its password.
    pub(super) fn hosts(
        &self,
        user: &str,
        database: &str,
        environment: Environment<'_>,
    ) -> Result<(Vec<Host>, Vec<Warning>), ConnectError> {
        let list = |name| self.text(name).map(|text| text.split(',').collect::<Vec<_>>()).unwrap_or_default();
        let (names, addresses, ports) = (list("host"), list("hostaddr"), list("port"));
        let count = names.len().max(addresses.len()).max(1);
        self.check_count("host", names.len(), count)?;
        self.check_count("hostaddr", addresses.len(), count)?;
        if ports.len() != 1 {
            self.check_count("port", ports.len(), count)?;
        }

        let passfile = match self.text("passfile") {
            Some(path) => Some(PathBuf::from(path)),
            None => environment.home.map(|home| home.join(".pgpass")),
        };
        let mut warnings = Vec::new();
        let mut hosts = Vec::with_capacity(count);
        for index in 0..count {
            let name = names.get(index).copied().unwrap_or_default();
            let address = addresses.get(index).copied().unwrap_or_default();
            let port = self.port(ports.get(index).or(ports.first()).copied().unwrap_or_default())?;
            let place = self.place(name, address)?;
            let given = [name, address, SOCKET_FOLDER].into_iter().find(|name| !name.is_empty());
            let name = given.unwrap_or_default();
            let host = if name == SOCKET_FOLDER { "localhost" } else { name };
            let password = match self.password(passfile.as_deref(), Login { host, port, database, user }) {
                Ok(password) => password,
                Err(warning) => {
                    if !warnings.contains(&warning) {
                        warnings.push(warning);
                    }
                    None
                }
            };
            hosts.push(Host { name: name.to_owned(), place, port, password });
        }
        Ok((hosts, warnings))
    }

    /// Refuses a list that is neither absent nor as long as there are hosts.
    fn check_count(&self, name: &'static str, length: usize, count: usize) -> Result<(), ConnectError> {
        match self.get(name) {
            Some((value, origin)) if length != count => {
                Err(invalid(name, value, origin, &format!("as many values as there are hosts ({count})")))
            }
            _ => Ok(()),
        }
    }

    /// The password for one host: the one that was given for all, else the password file's.
    fn password(&self, passfile: Option<&Path>, login: Login<'_>) -> Result<Option<Password>, Warning> {
        if let Some((password, origin)) = self.get("password") {
            let source = PasswordSource::Parameter(origin.clone());
            return Ok(Some(Password { secret: SecretString::from(password), source }));
        }
        let Some(path) = passfile else { return Ok(None) };
        let found = passfile::lookup(path, login)?;
        Ok(found.map(|secret| Password { secret, source: PasswordSource::Passfile(path.to_owned()) }))
    }

    fn port(&self, text: &str) -> Result<u16, ConnectError> {
        let origin = self.get("port").map_or(&Origin::Target, |(_, origin)| origin);
        match text.trim() {
            "" => Ok(PORT),
            port => port
                .parse()
                .ok()
                .filter(|&port| port != 0)
                .ok_or_else(|| invalid("port", text, origin, "a number from 1 to 65535")),
        }
    }

    fn place(&self, name: &str, address: &str) -> Result<Place, ConnectError> {
        let origin = self.get("hostaddr").map_or(&Origin::Target, |(_, origin)| origin);
        if !address.is_empty() {
            let parsed = address.parse().map(Place::Address);
            return parsed.map_err(|_| invalid("hostaddr", address, origin, "an IP address"));
        }
        Ok(match name {
            "" => Place::Socket(PathBuf::from(SOCKET_FOLDER)),
            folder if folder.starts_with('/') => Place::Socket(PathBuf::from(folder)),
            name => name.parse().map_or_else(|_| Place::Name(name.to_owned()), Place::Address),
        })
    }
}

/// Refuses a parameter that could not be honoured; else returns its name.
fn check_support(
    parameter: &'static Parameter,
    value: &SecretString,
    origin: &Origin,
) -> Result<&'static str, ConnectError> {
    match parameter.support {
        Support::Only(accepted)
            if !value.expose_secret().is_empty() && !accepted.contains(&value.expose_secret()) =>
        {
            Err(ConnectError::UnsupportedParameter { name: parameter.name, origin: origin.clone(), accepted })
        }
        _ => Ok(parameter.name),
    }
}

fn invalid(name: &'static str, value: &str, origin: &Origin, expected: &str) -> ConnectError {
    let (value, expected) = (value.to_owned(), expected.to_owned());
    ConnectError::InvalidValue { name, value, origin: origin.clone(), expected }
}

/// A number that says something: zero and below mean "not limited" in libpq.
pub(super) fn positive(number: i64) -> Option<u64> {
    u64::try_from(number).ok().filter(|&number| number > 0)
}
