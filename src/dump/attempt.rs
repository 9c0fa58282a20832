//! What a node says of one way to log in.

use russh::MethodSet;
use russh::client::AuthResult;
use std::time::Duration;
use tokio::time::timeout;

/// How long the node may take to judge one: wrong passwords are answered slowly on purpose, and some nodes ask a telephone.
pub(crate) const JUDGING: Duration = Duration::from_secs(120);

/// What an attempt came to.
pub(crate) enum Attempt {
    /// Somebody is logged in.
    In,
    /// It was accepted, and the node wants one of these beside it.
    More(MethodSet),
    /// It was not accepted.
    Refused(String),
    /// What was asked, on one side or the other, was not answered: nothing more can be tried over this connection.
    Left(String),
}

/// What the node says of a way to log in.
pub(crate) async fn judged<E: std::fmt::Display>(
    asked: impl Future<Output = std::result::Result<AuthResult, E>>,
) -> Attempt {
    match timeout(JUDGING, asked).await {
        Ok(Ok(AuthResult::Success)) => Attempt::In,
        Ok(Ok(AuthResult::Failure { partial_success: true, remaining_methods })) => {
            Attempt::More(remaining_methods)
        }
        Ok(Ok(AuthResult::Failure { .. })) => Attempt::Refused("refused".to_owned()),
        Ok(Err(error)) => Attempt::Refused(error.to_string()),
        Err(_) => Attempt::Left(format!("not answered within {}", humantime::format_duration(JUDGING))),
    }
}
