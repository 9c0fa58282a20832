//! Why a connection did not come about: what was found, and one line on what to do about it.
//!
//! `Display` says the facts in one line; [`ConnectError::remedy`] says the way out in another.
//! No message holds a password: only parameters that are not secret are ever quoted.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::parameter::Origin;
use crate::values::PasswordSource;

/// Why there is no connection.
///
/// `at` is where it was tried: `host:port`, with the address in brackets where a name was resolved, or the path of
/// a unix socket.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The target's text does not follow the grammar.
    #[error("the target is not understood: {problem}")]
    Target {
        /// What is wrong with it, without quoting from it.
        problem: String,
    },
    /// A parameter that libpq does not know either.
    #[error("unknown connection parameter {name:?} {origin}")]
    UnknownParameter {
        /// Its name as written.
        name: String,
        /// Where it was found.
        origin: Origin,
    },
    /// A parameter, or a value of one, that is refused because it could not be honoured.
    #[error("the connection parameter {name} {origin} has a value that this program does not support")]
    UnsupportedParameter {
        /// Its name.
        name: &'static str,
        /// Where it was found.
        origin: Origin,
        /// The values that could be honoured.
        accepted: &'static [&'static str],
    },
    /// A value outside of what the parameter takes.
    #[error("{name}={value} {origin}: expected {expected}")]
    InvalidValue {
        /// The parameter.
        name: &'static str,
        /// Its value; never that of a secret parameter.
        value: String,
        /// Where it was found.
        origin: Origin,
        /// What it takes.
        expected: String,
    },
    /// No service file has this service.
    #[error("no service {service:?} in {}", paths(looked_in))]
    ServiceMissing {
        /// The service's name.
        service: String,
        /// The files looked for, whether they exist or not.
        looked_in: Vec<PathBuf>,
    },
    /// A line of a service file is wrong.
    #[error("{}:{line}: {problem}", path.display())]
    ServiceFile {
        /// The service file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// No user is named, and the system has no name for who runs this.
    #[error("no user is named in the target, and the system does not say who is running this")]
    NoUser,
    /// A file of certificates, keys or services cannot be used.
    #[error("{role} {}: {problem}", path.display())]
    File {
        /// What the file is for, with an article.
        role: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The system's trusted certificates cannot be read.
    #[error("the system's trusted certificates cannot be used: {problem}")]
    SystemCertificates {
        /// What is wrong with them.
        problem: String,
    },
    /// The host's name has no address.
    #[error("{host}: the name cannot be resolved: {problem}")]
    Resolve {
        /// The name.
        host: String,
        /// What the resolver said.
        problem: String,
    },
    /// Nothing takes connections there.
    #[error("{at}: {problem}")]
    Unreachable {
        /// Where.
        at: String,
        /// What the system said, for example "Connection refused (os error 111)".
        problem: String,
    },
    /// No answer in time.
    #[error("{at}: no answer within {} s", after.as_secs())]
    Timeout {
        /// Where.
        at: String,
        /// The time it was given.
        after: Duration,
    },
    /// The server has TLS switched off, and the settings demand it.
    #[error("{at}: the server does not offer TLS, and sslmode={mode} demands it")]
    TlsNotOffered {
        /// Where.
        at: String,
        /// The `sslmode` in force.
        mode: &'static str,
    },
    /// The server's certificate is not one to trust.
    #[error("{at}: the server's certificate ({certificate}) {problem}")]
    Certificate {
        /// Where.
        at: String,
        /// Whose it is and who signed it.
        certificate: String,
        /// What speaks against it.
        problem: CertificateProblem,
    },
    /// TLS failed for a reason other than the server's certificate.
    #[error("{at}: TLS failed: {problem}")]
    Tls {
        /// Where.
        at: String,
        /// What went wrong.
        problem: String,
    },
    /// What answers is not a PostgreSQL server.
    #[error("{at}: what answers there does not speak PostgreSQL's protocol: {problem}")]
    NotPostgres {
        /// Where.
        at: String,
        /// What it answered.
        problem: String,
    },
    /// The server wants a password and none is known.
    #[error("{at}: the server asks for the password of user {user:?}, and none is known")]
    PasswordMissing {
        /// Where.
        at: String,
        /// The user.
        user: String,
    },
    /// The server did not accept the password.
    #[error("{at}: login of user {user:?} with the password {source_of_password} failed: {message}")]
    PasswordRejected {
        /// Where.
        at: String,
        /// The user.
        user: String,
        /// Where the password was found.
        source_of_password: PasswordSource,
        /// The server's message.
        message: String,
    },
    /// The server does not let this user in from here, whatever the password.
    #[error("{at}: login of user {user:?} was refused: {message}")]
    LoginRefused {
        /// Where.
        at: String,
        /// The user.
        user: String,
        /// The server's message.
        message: String,
    },
    /// The server wants a way of logging in that is not spoken here.
    #[error("{at}: the server asks user {user:?} to log in by {method}, which is not supported")]
    UnsupportedLogin {
        /// Where.
        at: String,
        /// The user.
        user: String,
        /// What it asked for.
        method: LoginMethod,
    },
    /// The login went wrong on this side: channel binding was demanded in vain, or the server could not prove that
    /// it knows the password.
    #[error("{at}: login of user {user:?} was broken off: {problem}")]
    LoginBroken {
        /// Where.
        at: String,
        /// The user.
        user: String,
        /// What went wrong.
        problem: String,
    },
    /// There is no such database.
    #[error("{at}: there is no database {database:?}: {message}")]
    DatabaseMissing {
        /// Where.
        at: String,
        /// The database.
        database: String,
        /// The server's message.
        message: String,
    },
    /// All places are taken.
    #[error("{at}: the server takes no more connections: {message}")]
    TooManyConnections {
        /// Where.
        at: String,
        /// The server's message.
        message: String,
    },
    /// The server is starting, stopping or recovering.
    #[error("{at}: the server is not ready: {message}")]
    NotReady {
        /// Where.
        at: String,
        /// The server's message.
        message: String,
    },
    /// The session does not allow writing, and `target_session_attrs` demands it.
    #[error("{at}: this server only allows reading")]
    ReadOnly {
        /// Where.
        at: String,
    },
    /// The server said no for another reason.
    #[error("{at}: the server refused the connection: {message} (SQLSTATE {code})")]
    Refused {
        /// Where.
        at: String,
        /// The five characters of the SQLSTATE.
        code: String,
        /// The server's message.
        message: String,
    },
    /// The connection broke during the login.
    #[error("{at}: the connection broke during the login: {problem}")]
    Lost {
        /// Where.
        at: String,
        /// What happened.
        problem: String,
    },
    /// Both with and without TLS, as `sslmode` allow and prefer try it.
    #[error("{first}; then, {}: {second}", if *second_with_tls { "with TLS" } else { "without TLS" })]
    TriedBothWays {
        /// The first attempt's error.
        first: Box<ConnectError>,
        /// The second attempt's error.
        second: Box<ConnectError>,
        /// Which of the two had TLS.
        second_with_tls: bool,
    },
    /// Several addresses, none of which would do, in the order they were tried.
    #[error("{}", joined(errors))]
    NoneOf {
        /// One error for each address.
        errors: Vec<ConnectError>,
    },
}

/// What speaks against a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CertificateProblem {
    /// No certificate of the trusted ones signed it; they are in this file, or are the system's.
    UnknownIssuer {
        /// Where the trusted certificates are.
        trusted: String,
    },
    /// It is past its last day.
    Expired {
        /// The last moment it was valid, as RFC 3339 where it is known.
        until: String,
    },
    /// Its first day is still to come: one of the clocks is wrong.
    NotYetValid {
        /// The first moment it is valid, as RFC 3339 where it is known.
        from: String,
    },
    /// It is for other names than the host's.
    OtherName {
        /// The host as named in the target.
        host: String,
        /// The names it is for.
        names: Vec<String>,
    },
    /// Its authority has revoked it.
    Revoked,
    /// Anything else, in the words of the TLS library.
    Other(String),
}

impl fmt::Display for CertificateProblem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CertificateProblem::UnknownIssuer { trusted } => {
                write!(out, "is signed by none of the trusted certificates ({trusted})")
            }
            CertificateProblem::Expired { until } => write!(out, "expired on {until}"),
            CertificateProblem::NotYetValid { from } => write!(out, "is not valid before {from}"),
            CertificateProblem::OtherName { host, names } if names.is_empty() => {
                write!(out, "is for no host at all, so not for {host:?}")
            }
            CertificateProblem::OtherName { host, names } => {
                write!(out, "is for {}, not for {host:?}", names.join(", "))
            }
            CertificateProblem::Revoked => write!(out, "is revoked"),
            CertificateProblem::Other(problem) => write!(out, "cannot be used: {problem}"),
        }
    }
}

/// A way of logging in that is not spoken here.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoginMethod {
    /// GaussDB's and openGauss' own, by the number of their authentication request: 10 is their SHA-256, 11 an MD5
    /// over it, 13 SM3, 14 IAM. The numbers 10 and 11 mean SASL to PostgreSQL, with other contents.
    Gauss(i32),
    /// Kerberos, by GSSAPI or SSPI.
    Kerberos,
    /// SASL mechanisms other than SCRAM-SHA-256, by name.
    Sasl(Vec<String>),
    /// An authentication request of this number.
    Other(i32),
}

impl fmt::Display for LoginMethod {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gauss = "GaussDB's and openGauss' own";
        match self {
            LoginMethod::Gauss(10) => write!(out, "{gauss} SHA-256 method (authentication request 10)"),
            LoginMethod::Gauss(11) => write!(out, "{gauss} MD5 over SHA-256 (authentication request 11)"),
            LoginMethod::Gauss(13) => write!(out, "{gauss} SM3 method (authentication request 13)"),
            LoginMethod::Gauss(14) => write!(out, "{gauss} IAM token (authentication request 14)"),
            LoginMethod::Gauss(number) => write!(out, "{gauss} method (authentication request {number})"),
            LoginMethod::Kerberos => write!(out, "Kerberos (GSSAPI or SSPI)"),
            LoginMethod::Sasl(names) => write!(out, "SASL with {}", names.join(", ")),
            LoginMethod::Other(number) => write!(out, "authentication request {number}"),
        }
    }
}

fn paths(paths: &[PathBuf]) -> String {
    let shown: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
    shown.join(" or ")
}

fn joined(errors: &[ConnectError]) -> String {
    let shown: Vec<_> = errors.iter().map(ConnectError::to_string).collect();
    shown.join("; ")
}

/// An error and all its causes in one line.
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        // Many errors repeat their cause in their own words.
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = error.source();
    }
    text
}
