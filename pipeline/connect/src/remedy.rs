//! What to do about each reason why there is no connection.

use super::error::{CertificateProblem, ConnectError, LoginMethod};

impl ConnectError {
    /// What to do about it, in one line, where there is something to say.
    pub fn remedy(&self) -> Option<String> {
        use ConnectError as E;
        Some(match self {
            E::Refused { code, .. } if code == "42501" => {
                "grant the role CONNECT on the database (GRANT CONNECT ON DATABASE … TO …), or log in as another role"
                    .to_owned()
            }
            E::Target { .. } | E::InvalidValue { .. } | E::ServiceFile { .. } | E::Refused { .. } => return None,
            E::UnknownParameter { .. } => "check its spelling against libpq's list of parameter key words".to_owned(),
            E::UnsupportedParameter { name, accepted: [], .. } => format!("leave {name} out"),
            E::UnsupportedParameter { name, accepted, .. } => {
                format!("leave {name} out or set it to {}", accepted.join(" or "))
            }
            E::ServiceMissing { service, .. } => {
                format!("add a section [{service}] to one of them, or name another file in PGSERVICEFILE")
            }
            E::NoUser => "name the user in the target or in PGUSER".to_owned(),
            E::File { path, .. } => format!("make {} readable for this user, or name another file", path.display()),
            E::SystemCertificates { .. } => {
                "install the system's CA certificates, or name a file with sslrootcert".to_owned()
            }
            E::Resolve { .. } => "check the host's name, or name its IP address".to_owned(),
            E::Unreachable { at, .. } if at.starts_with('/') => {
                "check that the server runs on this machine, or name a host in the target".to_owned()
            }
            E::Unreachable { .. } => {
                "check host and port, that the server runs, and that its listen_addresses and the firewall let \
                 this machine in"
                    .to_owned()
            }
            E::Timeout { .. } => "check host and port and the firewall, or raise connect_timeout".to_owned(),
            E::TlsNotOffered { .. } => {
                "switch TLS on in the server (ssl = on), or choose sslmode=prefer if the network is trusted"
                    .to_owned()
            }
            E::Certificate { problem, .. } => certificate_remedy(problem),
            E::Tls { .. } => {
                "the server must offer TLS 1.2 or newer; if it wants a client's certificate, name one with sslcert \
                 and sslkey"
                    .to_owned()
            }
            E::NotPostgres { .. } => "check the port".to_owned(),
            E::PasswordMissing { .. } => {
                "give it in the password file (~/.pgpass) or in PGPASSWORD, or run from a terminal to be asked"
                    .to_owned()
            }
            E::PasswordRejected { user, source_of_password, .. } => {
                format!("check the password {source_of_password}, and that {user:?} may log in by password")
            }
            E::LoginRefused { .. } => {
                "check the user and the database, and the server's pg_hba.conf for this machine".to_owned()
            }
            E::UnsupportedLogin { method: LoginMethod::Gauss(11), .. } => {
                "let the server's pg_hba.conf ask this user by sha256 in place of md5: its password is kept as SHA-256, and no \
                 client's md5 fits that"
                    .to_owned()
            }
            E::UnsupportedLogin { method: LoginMethod::Gauss(_), user, .. } => format!(
                "on the server set password_encryption_type to 2, give {user:?} a password anew, so that it is kept as SHA-256, and \
                 let pg_hba.conf ask this user by sha256; or write an SQL script as the target and load it with gsql"
            ),
            E::UnsupportedLogin { .. } => {
                "let this user log in by password (scram-sha-256, md5), by certificate or by peer in the server's \
                 pg_hba.conf"
                    .to_owned()
            }
            E::LoginBroken { .. } => {
                "channel_binding=require needs TLS and a user whose password is kept as scram-sha-256; otherwise \
                 check that this is the right server"
                    .to_owned()
            }
            E::DatabaseMissing { .. } => "name another database, or create this one first".to_owned(),
            E::TooManyConnections { .. } => {
                "end idle sessions, or raise max_connections or the user's or database's limit".to_owned()
            }
            E::NotReady { .. } => "wait until it is up and try again".to_owned(),
            E::ReadOnly { .. } => "name the primary server".to_owned(),
            E::Lost { .. } => "look into the server's log, and try again".to_owned(),
            E::TriedBothWays { first, second, .. } => return second.remedy().or_else(|| first.remedy()),
            E::NoneOf { errors } => return errors.iter().rev().find_map(ConnectError::remedy),
        })
    }

    /// Whether libpq would go on to the next address: this one gave no answer, or not from a server in service.
    pub fn concerns_only_this_address(&self) -> bool {
        use ConnectError as E;
        match self {
            E::Resolve { .. }
            | E::Unreachable { .. }
            | E::Timeout { .. }
            | E::NotReady { .. }
            | E::ReadOnly { .. }
            | E::Lost { .. } => true,
            E::TriedBothWays { second, .. } => second.concerns_only_this_address(),
            _ => false,
        }
    }
}

fn certificate_remedy(problem: &CertificateProblem) -> String {
    match problem {
        CertificateProblem::UnknownIssuer { .. } => {
            "get the certificate of the server's authority and name its file with sslrootcert".to_owned()
        }
        CertificateProblem::OtherName { names, .. } => match names.first() {
            Some(name) => format!(
                "name the server as {name} (add hostaddr for its address), or choose sslmode=verify-ca if any \
                 server of that authority will do"
            ),
            None => "have the certificate made again with the server's name in subjectAltName".to_owned(),
        },
        CertificateProblem::NotYetValid { .. } => {
            "check the clocks of this machine and the server".to_owned()
        }
        CertificateProblem::Expired { .. } | CertificateProblem::Revoked | CertificateProblem::Other(_) => {
            "have the server's certificate renewed".to_owned()
        }
    }
}
