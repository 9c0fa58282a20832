//! One server process working for this run, seen from synchronous code: each call waits for its answer, or for the request
//! to stop.

use super::connect::{self, ConnInfo, Session};
use super::failure::{self, Failure};
use super::session;
use crate::error::{Error, Result};
use crate::load::session::TakeTexts;
use crate::progress::Cancel;
use futures_util::TryStreamExt as _;
use secrecy::SecretString;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row, SimpleQueryMessage};

/// How long the server may take to hear that it is to stop, and to roll back. It does both without us, too.
const FAREWELL: Duration = Duration::from_secs(10);

/// A session, and the runtime that moves its bytes. The runtime runs only while a call waits.
pub(super) struct Backend {
    runtime: Runtime,
    session: Session,
    cancel: Arc<Cancel>,
    patience: Option<Duration>,
    /// The target's name, for messages.
    pub(super) target: String,
}

/// A parameter of a statement.
pub(super) type Parameter<'p> = (&'p (dyn ToSql + Sync), Type);

impl Backend {
    /// Logs in, and sets the session up for a load. With `patience`, no answer may take longer than that.
    ///
    /// # Errors
    /// There is no connection, or the run is to stop.
    pub(super) fn connect(
        settings: &ConnInfo,
        ask: &mut dyn FnMut(&str) -> Option<SecretString>,
        cancel: &Arc<Cancel>,
        patience: Option<Duration>,
    ) -> Result<Self> {
        let target = settings.to_string();
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| Error::Target {
            what: format!("{target}: the system gives no resources for a connection: {error}"),
            remedy: None,
        })?;
        let session = runtime.block_on(async {
            tokio::select! {
                biased;
                reason = cancel.cancelled() => Err(Error::Interrupted(reason)),
                session = connect::connect(settings, ask) => session.map_err(|error| Error::from(Box::new(error))),
            }
        })?;
        let backend = Self { runtime, session, cancel: Arc::clone(cancel), patience, target };
        session::prepare(&backend).map_err(|failure| backend.explain("setting the session up", &failure))?;
        Ok(backend)
    }

    /// To make statements of, for [`Backend::wait`].
    pub(super) fn client(&self) -> &Client {
        &self.session.client
    }

    /// Waits for the server's answer, unless the run is to stop: then the server is told, too.
    pub(super) fn wait<T>(
        &self,
        answer: impl Future<Output = std::result::Result<T, tokio_postgres::Error>>,
    ) -> std::result::Result<T, Failure> {
        self.wait_for(answer, self.patience)
    }

    /// [`Backend::wait`] with a patience of its own; without one, as long as it takes.
    pub(super) fn wait_for<T>(
        &self,
        answer: impl Future<Output = std::result::Result<T, tokio_postgres::Error>>,
        patience: Option<Duration>,
    ) -> std::result::Result<T, Failure> {
        self.runtime.block_on(async {
            let late = async {
                match patience {
                    Some(patience) => tokio::time::sleep(patience).await,
                    None => std::future::pending().await,
                }
            };
            let failure = tokio::select! {
                biased;
                reason = self.cancel.cancelled() => Failure::Interrupted(reason),
                answer = answer => return answer.map_err(Failure::Server),
                () = late => Failure::Late,
            };
            // The statement goes on at the server until it hears of it. Whether it does is seen by what comes next.
            let _ = timeout(FAREWELL, self.session.canceller.cancel()).await;
            Err(failure)
        })
    }

    /// Waits for the answer whatever happens; for COMMIT, which cannot be taken back.
    pub(super) fn wait_regardless<T>(&self, answer: impl Future<Output = T>) -> T {
        self.runtime.block_on(answer)
    }

    /// Runs statements that answer no rows.
    pub(super) fn run(&self, sql: &str) -> std::result::Result<(), Failure> {
        self.wait(self.session.client.batch_execute(sql))
    }

    /// Runs one statement and answers its rows.
    pub(super) fn rows(
        &self,
        sql: &str,
        parameters: &[Parameter<'_>],
    ) -> std::result::Result<Vec<Row>, Failure> {
        self.wait(self.session.client.query_typed(sql, parameters))
    }

    /// Runs one statement and answers how many rows it wrote.
    pub(super) fn execute(&self, sql: &str) -> std::result::Result<u64, Failure> {
        self.wait(async {
            let messages = self.session.client.simple_query(sql).await?;
            let written = messages.iter().rev().find_map(|message| match message {
                SimpleQueryMessage::CommandComplete(rows) => Some(*rows),
                _ => None,
            });
            Ok(written.unwrap_or(0))
        })
    }

    /// Runs one statement and gives its rows as text to `take`, as they come. The inner error is what `take` said.
    pub(super) fn query(
        &self,
        sql: &str,
        take: &mut TakeTexts<'_>,
    ) -> std::result::Result<Result<()>, Failure> {
        self.wait(async {
            let mut messages = std::pin::pin!(self.session.client.simple_query_raw(sql).await?);
            // A failure of the taker's ends the reading, not the stream: the session must hear the rest.
            let mut taken = Ok(());
            while let Some(message) = messages.try_next().await? {
                if let (SimpleQueryMessage::Row(row), Ok(())) = (message, &taken) {
                    let columns: Vec<_> = (0..row.len()).map(|n| row.get(n)).collect();
                    taken = take(&columns);
                }
            }
            Ok(taken)
        })
    }

    /// A failure in words; `doing` says what failed.
    pub(super) fn explain(&self, doing: &str, failure: &Failure) -> Error {
        match (failure, self.cancel.reason()) {
            (Failure::Interrupted(reason), _) => Error::Interrupted(reason),
            // The server may have heard of it first.
            (Failure::Server(error), Some(reason)) if failure::was_cancelled(error) => {
                Error::Interrupted(reason)
            }
            _ => failure::explain(&self.target, doing, failure),
        }
    }

    /// Rolls back, whatever state the session is in; answers whether the server said that it did.
    pub(super) fn roll_back(&self) -> bool {
        let rolled_back = async { timeout(FAREWELL, self.session.client.batch_execute("ROLLBACK")).await };
        matches!(self.runtime.block_on(rolled_back), Ok(Ok(())))
    }

    /// Says goodbye to the server.
    pub(super) fn close(self) {
        let Self { runtime, session, .. } = self;
        drop(session.client);
        let _ = runtime.block_on(async { timeout(FAREWELL, session.connection).await });
    }
}

/// A text as a parameter.
pub(super) fn text(text: &(dyn ToSql + Sync)) -> Parameter<'_> {
    (text, Type::TEXT)
}
