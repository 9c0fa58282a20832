//! One server process working for this run, seen from synchronous code: each call waits for its answer, or for the request
//! to stop.

use super::failure::{self, Failure};
use super::liveness;
use super::session::settings as session_settings;
use crate::error::{Error, Result};
use crate::load::STOP_PATIENCE;
use crate::load::session::TakeTexts;
use crate::progress::Cancel;
use connect::{ConnInfo, Password, PasswordSource, Session};
use futures_util::TryStreamExt as _;
use postgres_types::{ToSql, Type};
use secrecy::{ExposeSecret as _, SecretString};
use std::cell::Cell;
use std::fmt::Write as _;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;
use tokio_postgres::{Client, Row, SimpleQueryMessage};

/// How long the server may take to hear that it is to stop, and to roll back. It does both without us, too.
const FAREWELL: Duration = Duration::from_secs(10);

/// A session, and the runtime that moves its bytes. The runtime runs only while a call waits.
pub(super) struct Backend {
    runtime: Runtime,
    session: Session,
    cancel: Arc<Cancel>,
    patience: Option<Duration>,
    /// How it was connected, with the password that was typed.
    pub(super) settings: ConnInfo,
    /// The server's process of the transaction that is open, as pg_stat_activity has it; 0 before there is one. Behind a pooler it
    /// is not the one that the login named.
    pub(super) process: Cell<i64>,
    /// Whether the connection was given up, so that nothing more is to be awaited from it.
    given_up: Cell<bool>,
    /// The target's name, for messages.
    pub(super) target: String,
}

/// What became of a COMMIT.
pub(super) enum Commit {
    /// It took effect.
    Done,
    /// The server refused it, or did not finish it in time and rolled back.
    Refused(Error),
    /// Nothing is known, because of this.
    Lost(String),
}

/// A parameter of a statement.
pub(super) type Parameter<'p> = (&'p (dyn ToSql + Sync), Type);

impl Backend {
    /// Logs in. With `patience`, no answer may take longer than that.
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
        let mut typed = None;
        let mut remembering = |prompt: &str| {
            typed = ask(prompt).filter(|secret| !secret.expose_secret().is_empty());
            typed.clone()
        };
        let session = runtime.block_on(async {
            tokio::select! {
                biased;
                reason = cancel.cancelled() => Err(Error::Interrupted(reason)),
                session = connect::connect(settings, &mut remembering) => session.map_err(|error| Error::from(Box::new(error))),
            }
        })?;
        let mut settings = settings.clone();
        if let Some(secret) = typed {
            // Nobody is asked twice, least of all when the connection breaks at night's end.
            for host in settings.hosts.iter_mut().filter(|host| host.password.is_none()) {
                host.password = Some(Password { secret: secret.clone(), source: PasswordSource::Typed });
            }
        }
        let cancel = Arc::clone(cancel);
        let (process, given_up) = (Cell::new(0), Cell::new(false));
        Ok(Self { runtime, session, cancel, patience, settings, process, given_up, target })
    }

    /// Opens a transaction, `mode` being the rest of `START TRANSACTION`, with the settings of a load. They are the transaction's
    /// own: a pooler gives the session to others when it ends.
    ///
    /// # Errors
    /// The server's, or the run is to stop.
    pub(super) fn begin(&self, mode: &str) -> std::result::Result<(), Failure> {
        self.run(&format!("START TRANSACTION {mode}"))?;
        self.process.set(prepare(self)?);
        Ok(())
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

    /// [`Backend::wait`] with a patience of its own; without one, as long as the server is seen to process the statement.
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
                why = liveness::until_dead(&self.settings, self.process.get(), &self.session.moved) => {
                    self.given_up.set(true);
                    return Err(Failure::Silent(why));
                }
            };
            // The statement goes on at the server until the request to cancel arrives. What comes next shows whether it did.
            let _ = timeout(FAREWELL, self.session.canceller.cancel()).await;
            Err(failure)
        })
    }

    /// Commits. A request to stop comes too late to prevent it, and limits how long its answer is awaited; so does
    /// [`ConnInfo::answer_timeout`]. What takes longer is cancelled first: then most servers say what became of it.
    pub(super) fn commit(&self) -> Commit {
        let within = self.settings.answer_timeout;
        self.runtime.block_on(async {
            let mut answer = pin!(self.client().batch_execute("COMMIT"));
            let stopped = async {
                let reason = self.cancel.cancelled().await;
                tokio::time::sleep(STOP_PATIENCE).await;
                format!("no answer within {} s after {reason}", STOP_PATIENCE.as_secs())
            };
            let why = tokio::select! {
                biased;
                answer = &mut answer => return self.committed(answer),
                why = stopped => why,
                () = tokio::time::sleep(within) => format!("no answer within {} s", within.as_secs()),
            };
            let cancelled = async {
                let _ = self.session.canceller.cancel().await;
                answer.await
            };
            match timeout(FAREWELL, cancelled).await {
                Ok(Ok(())) => {
                    tracing::warn!(target: "postgres", "COMMIT: {why}; after its cancellation the server says that it is committed. If \
                        it waited for a synchronous standby, that may lack it");
                    Commit::Done
                }
                Ok(Err(error)) if failure::was_cancelled(&error) => Commit::Refused(match self.cancel.reason() {
                    Some(reason) => Error::Interrupted(reason),
                    None => Error::target(
                        format!("{}: COMMIT: {why}, so it was cancelled: nothing was written", self.target),
                        "look at what the server waits for (pg_stat_activity), or give it more time in ETL_TARGET_TIMEOUT, and run \
                         again",
                    ),
                }),
                Ok(answer) => self.committed(answer),
                Err(_) => {
                    self.given_up.set(true);
                    Commit::Lost(why)
                }
            }
        })
    }

    fn committed(&self, answer: std::result::Result<(), tokio_postgres::Error>) -> Commit {
        match answer {
            Ok(()) => Commit::Done,
            Err(error) if failure::ended_the_session(&error) => Commit::Lost(connect::with_causes(&error)),
            Err(error) => Commit::Refused(failure::explain(&self.target, "COMMIT", &Failure::Server(error))),
        }
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

    /// Where the session is, how its login was made, and whether it is inside TLS.
    pub(super) fn login(&self) -> (&str, &'static str, bool) {
        (&self.session.at, self.session.method, self.session.encrypted)
    }

    /// Whether the run was asked to stop.
    pub(super) fn is_to_stop(&self) -> bool {
        self.cancel.reason().is_some()
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
        if self.given_up.get() {
            return false;
        }
        let rolled_back = async { timeout(FAREWELL, self.session.client.batch_execute("ROLLBACK")).await };
        matches!(self.runtime.block_on(rolled_back), Ok(Ok(())))
    }

    /// Says goodbye to the server.
    pub(super) fn close(self) {
        let Self { runtime, session, given_up, .. } = self;
        drop(session.client);
        if given_up.get() {
            // A runtime that is dropped closes the connection without a word.
            return;
        }
        let _ = runtime.block_on(async { timeout(FAREWELL, session.connection).await });
    }
}

/// A text as a parameter.
pub(super) fn text(text: &(dyn ToSql + Sync)) -> Parameter<'_> {
    (text, Type::TEXT)
}

/// Sets those that the server has and lets this role set, for the transaction that is open; returns the number of the server's
/// process, as pg_stat_activity has it.
///
/// # Errors
/// The server's.
fn prepare(backend: &Backend) -> std::result::Result<i64, Failure> {
    // First of all, or the question below could be cut off.
    backend.run("SET LOCAL statement_timeout = 0")?;
    let sql = "SELECT lower(name), CAST(pg_backend_pid() AS bigint) FROM pg_catalog.pg_settings WHERE context = 'user'";
    let known = backend.rows(sql, &[])?;
    let process = known.first().map_or(0, |row| row.get(1));
    let known: Vec<String> = known.iter().map(|row| row.get(0)).collect();
    let mut sql = String::new();
    for (name, value) in session_settings() {
        if known.iter().any(|known| known == name) {
            let _ = write!(sql, "SET LOCAL {name} = '{value}';");
        }
    }
    backend.run(&sql)?;
    Ok(process)
}
