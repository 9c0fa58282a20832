//! The connection parameters that libpq knows, and what this program does about each.
//!
//! Source: PostgreSQL 18 documentation, "Parameter Key Words" and "Environment Variables" of the chapter on libpq.
//! A parameter that changes what is connected to or how safely is either honoured or refused, never overlooked.

use std::fmt;
use std::path::PathBuf;

/// One connection parameter.
#[derive(Debug)]
pub(super) struct Parameter {
    /// Its name in a target or a service file.
    pub(super) name: &'static str,
    /// The environment variable that gives its default, where there is one.
    pub(super) variable: Option<&'static str>,
    /// What this program does about it.
    pub(super) support: Support,
    /// Whether a value may never be shown.
    pub(super) secret: bool,
}

/// What this program does about a parameter.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Support {
    /// It is honoured.
    Used,
    /// It makes no difference to this program, so any value is accepted.
    Ignored,
    /// Only these values describe what this program does; any other is refused.
    Only(&'static [&'static str]),
}

/// Where a parameter's value was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// In the target itself.
    Target,
    /// In a service file, at this line (the first line is 1).
    Service(PathBuf, usize),
    /// In this environment variable.
    Environment(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Target => write!(out, "in the target"),
            Origin::Service(path, line) => write!(out, "in {}:{line}", path.display()),
            Origin::Environment(variable) => write!(out, "in the environment variable {variable}"),
        }
    }
}

/// Looks a parameter up by its name.
pub(super) fn named(name: &str) -> Option<&'static Parameter> {
    PARAMETERS.iter().find(|parameter| parameter.name == name)
}

const fn used(name: &'static str, variable: &'static str) -> Parameter {
    Parameter { name, variable: Some(variable), support: Support::Used, secret: false }
}

const fn used_without_variable(name: &'static str) -> Parameter {
    Parameter { name, variable: None, support: Support::Used, secret: false }
}

const fn ignored(name: &'static str) -> Parameter {
    Parameter { name, variable: None, support: Support::Ignored, secret: false }
}

const fn only(
    name: &'static str,
    variable: Option<&'static str>,
    accepted: &'static [&'static str],
) -> Parameter {
    Parameter { name, variable, support: Support::Only(accepted), secret: false }
}

const fn refused_secret(name: &'static str) -> Parameter {
    Parameter { name, variable: None, support: Support::Only(&[]), secret: true }
}

/// All parameters. Those without a variable here have none in libpq, or one that makes no difference to us.
pub(super) static PARAMETERS: &[Parameter] = &[
    used("service", "PGSERVICE"),
    used("servicefile", "PGSERVICEFILE"),
    used("host", "PGHOST"),
    used("hostaddr", "PGHOSTADDR"),
    used("port", "PGPORT"),
    used("dbname", "PGDATABASE"),
    used("user", "PGUSER"),
    Parameter { name: "password", variable: Some("PGPASSWORD"), support: Support::Used, secret: true },
    used("passfile", "PGPASSFILE"),
    used("channel_binding", "PGCHANNELBINDING"),
    used("connect_timeout", "PGCONNECT_TIMEOUT"),
    used("options", "PGOPTIONS"),
    used("application_name", "PGAPPNAME"),
    used_without_variable("fallback_application_name"),
    used_without_variable("keepalives"),
    used_without_variable("keepalives_idle"),
    used_without_variable("keepalives_interval"),
    used_without_variable("keepalives_count"),
    used_without_variable("tcp_user_timeout"),
    used("sslmode", "PGSSLMODE"),
    used("sslrootcert", "PGSSLROOTCERT"),
    used("sslcrl", "PGSSLCRL"),
    used("sslcert", "PGSSLCERT"),
    used("sslkey", "PGSSLKEY"),
    used("ssl_min_protocol_version", "PGSSLMINPROTOCOLVERSION"),
    used("ssl_max_protocol_version", "PGSSLMAXPROTOCOLVERSION"),
    used("target_session_attrs", "PGTARGETSESSIONATTRS"),
    // What is sent is always UTF-8, whatever the operator's terminal speaks.
    ignored("client_encoding"),
    // Without effect since TLS compression and the protocols older than 3.0 are gone.
    ignored("sslcompression"),
    ignored("min_protocol_version"),
    ignored("max_protocol_version"),
    // Only for Kerberos, which is refused by name when a server asks for it.
    ignored("krbsrvname"),
    ignored("gsslib"),
    ignored("gssdelegation"),
    only("gssencmode", Some("PGGSSENCMODE"), &["disable", "prefer"]),
    only("sslnegotiation", Some("PGSSLNEGOTIATION"), &["postgres"]),
    only("sslcertmode", Some("PGSSLCERTMODE"), &["allow"]),
    only("sslsni", Some("PGSSLSNI"), &["1"]),
    only("sslcrldir", Some("PGSSLCRLDIR"), &[]),
    only("sslkeylogfile", None, &[]),
    only("requirepeer", Some("PGREQUIREPEER"), &[]),
    only("require_auth", Some("PGREQUIREAUTH"), &[]),
    only("load_balance_hosts", Some("PGLOADBALANCEHOSTS"), &["disable"]),
    only("replication", None, &["false", "off", "no", "0"]),
    refused_secret("sslpassword"),
    refused_secret("scram_client_key"),
    refused_secret("scram_server_key"),
    only("oauth_issuer", None, &[]),
    only("oauth_client_id", None, &[]),
    refused_secret("oauth_client_secret"),
    only("oauth_scope", None, &[]),
];
