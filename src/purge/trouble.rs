//! What can go wrong with a request, and how long it may take.

use super::error::PurgeError;
use super::transport::{Answer, Lost};
use std::future::Future;
use std::time::Duration;
use tokio::time::timeout;

/// Why a request brought no answer.
#[derive(Debug)]
pub enum Trouble {
    /// Nothing was sent: there is no connection, or no token can be had just now.
    Unreachable(String),
    /// It was sent, and may have been obeyed.
    Broken(String),
    /// The token ran out before its time: nothing was done, and the next request gets a new one.
    Expired,
    /// The cloud does not let this user in.
    Denied(PurgeError),
}

/// Waits for an answer, but not forever.
pub(crate) async fn in_time(
    most: Duration,
    answer: impl Future<Output = Result<Answer, Lost>>,
) -> Result<Answer, Lost> {
    let late = || Lost::Broken(format!("no answer within {} s", most.as_secs()));
    timeout(most, answer).await.unwrap_or_else(|_| Err(late()))
}
