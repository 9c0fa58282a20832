//! The connection to a PostgreSQL target: what libpq does for a `postgresql://` URI, without libpq.
//!
//! [`ConnInfo`] is where to connect, as whom and how safely, from the same sources and in the same order as psql
//! takes them, so that a target that works in psql works here. [`connect`] makes a [`Session`] of it.
//! Nothing here knows what the session is for.
//!
//! ```text
//! target ─┐
//! service ┼► settings ► conninfo ─► dial (socket, TLS) ─► login, watched ─► Session
//! env     ┘                ▲ passfile                        ▲ ask: the operator's password
//! ```

mod bounds;
mod certificate;
pub mod challenge;
mod conninfo;
mod dial;
mod error;
mod gauss;
mod link;
mod login;
mod parameter;
mod passfile;
mod remedy;
mod reply;
mod service;
mod session;
mod settings;
mod target;
mod tls;
pub mod values;
mod verifier;

pub use conninfo::{ANSWER_TIMEOUT_VARIABLE, ConnInfo};
pub use error::with_causes;
pub use error::{CertificateProblem, ConnectError, LoginMethod};
pub use parameter::Origin;
pub use passfile::Warning;
pub use session::{Canceller, Session, connect};
pub use target::names_password;
pub use target::password_in;
pub use values::{
    ChannelBinding, Environment, Host, Keepalive, NamedFile, Password, PasswordSource, Place,
    RootCertificates, SslMode, TlsSettings,
};
