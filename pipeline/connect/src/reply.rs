//! What a server that refuses a login says, and what that means.

use tokio_postgres::error::SqlState;

use super::conninfo::ConnInfo;
use super::error::ConnectError;
use crate::values::{Password, PasswordSource};

/// An error of the server during a login.
pub(super) struct ServerError {
    code: String,
    message: String,
}

impl ServerError {
    /// Reads the body of an ErrorResponse (PostgreSQL documentation, "Error and Notice Message Fields").
    pub(super) fn read(body: &[u8]) -> Self {
        let field = |wanted: u8| {
            let mut fields = body.split(|byte| *byte == 0).filter_map(<[u8]>::split_first);
            let (_, value) = fields.find(|(kind, _)| **kind == wanted)?;
            Some(String::from_utf8_lossy(value).into_owned())
        };
        Self::new(field(b'C').unwrap_or_default(), field(b'M').unwrap_or_default(), field(b'D').as_deref())
    }

    /// An error that the driver read.
    pub(super) fn of(said: &tokio_postgres::error::DbError) -> Self {
        Self::new(said.code().code().to_owned(), said.message().to_owned(), said.detail())
    }

    fn new(code: String, message: String, detail: Option<&str>) -> Self {
        let message = detail.map_or_else(|| message.clone(), |detail| format!("{message} ({detail})"));
        Self { code, message }
    }
}

/// The refusal by its SQLSTATE.
pub(super) fn refused(
    error: &ServerError,
    at: &str,
    settings: &ConnInfo,
    password: Option<&Password>,
) -> ConnectError {
    let (at, user, message) = (at.to_owned(), settings.user.clone(), error.message.clone());
    match SqlState::from_code(&error.code) {
        SqlState::INVALID_PASSWORD => {
            let source = password.map_or(PasswordSource::Absent, |password| password.source.clone());
            ConnectError::PasswordRejected { at, user, source_of_password: source, message }
        }
        SqlState::INVALID_AUTHORIZATION_SPECIFICATION => ConnectError::LoginRefused { at, user, message },
        SqlState::INVALID_CATALOG_NAME => {
            ConnectError::DatabaseMissing { at, database: settings.database.clone(), message }
        }
        SqlState::TOO_MANY_CONNECTIONS => ConnectError::TooManyConnections { at, message },
        SqlState::CANNOT_CONNECT_NOW => ConnectError::NotReady { at, message },
        _ => ConnectError::Refused { at, code: error.code.clone(), message },
    }
}
