//! Logs in: tries the hosts, with and without TLS as `sslmode` says, and asks for a password when it is wanted.

use std::future::{Future, poll_fn};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tokio::task::JoinHandle;
use tokio_postgres::config::{self, SslNegotiation};
use tokio_postgres::{AsyncMessage, CancelToken, Client, Config, Connection, SimpleQueryMessage};

use super::conninfo::ConnInfo;
use super::dial::{Address, Encryption};
use super::error::{ConnectError, with_causes};
use super::gauss;
use super::link::{Link, Open};
use super::login::{Request, Watch};
use super::reply::{ServerError, refused};
use super::tls::Connector;
use crate::values::{ChannelBinding, Password, PasswordSource, SslMode};

/// A session that is logged in.
#[derive(Debug)]
pub struct Session {
    /// To send statements with. The session ends when it is dropped.
    pub client: Client,
    /// To cancel a statement with, from anywhere.
    pub canceller: Canceller,
    /// Moves the bytes; it is a task of the runtime that called [`connect`], and ends with the session. Awaiting it
    /// after the client is dropped waits until the server was told goodbye.
    pub connection: JoinHandle<Result<(), tokio_postgres::Error>>,
    /// The server, as messages name it: `db1 (10.0.0.5):5432`, or the path of a unix socket.
    pub at: String,
    /// Whether it is inside TLS.
    pub encrypted: bool,
    /// How the login was made, in words.
    pub method: &'static str,
    /// Bytes that were read from and written to the connection.
    pub moved: Arc<AtomicU64>,
}

/// Cancels what a session is doing, on a connection of its own, as safely encrypted as the session's.
#[derive(Clone)]
pub struct Canceller {
    token: CancelToken,
    address: Address,
    encryption: Encryption,
    connector: Option<Connector>,
    settings: ConnInfo,
}

/// One login's outcome.
struct LoggedIn {
    client: Client,
    connection: Connection<Link, Link>,
    encrypted: bool,
    method: &'static str,
    moved: Arc<AtomicU64>,
}

/// Why one attempt failed, and whether libpq would try the same address the other way, with or without TLS.
struct Failure {
    error: ConnectError,
    encrypted: bool,
    may_work_the_other_way: bool,
}

/// Logs in to the first host that takes the connection, within a tokio runtime with I/O and time enabled.
///
/// `ask` is called with a prompt when a server wants a password and none is known, at most once in all; the time it
/// takes does not count. It answers `None` where there is nobody to ask.
///
/// # Errors
/// The only host's error, or all hosts' in one. As in libpq, a server that answers and refuses the login ends the
/// search; one that cannot be reached or is not ready does not.
pub async fn connect(
    settings: &ConnInfo,
    ask: &mut dyn FnMut(&str) -> Option<SecretString>,
) -> Result<Session, ConnectError> {
    let mut attempts = Attempts { settings, connector: None, ask, typed: None };
    let mut errors = Vec::new();
    for host in &settings.hosts {
        let within = settings.connect_timeout;
        let found = in_time(within, &host.name, Address::all_of(host)).await;
        let addresses = match found {
            Ok(addresses) => addresses,
            Err(error) => {
                errors.push(error);
                continue;
            }
        };
        for address in addresses {
            match attempts.log_in(&address, host.password.as_ref()).await {
                Ok(session) => return Ok(session),
                Err(error) => {
                    let goes_on = error.concerns_only_this_address();
                    errors.push(error);
                    if !goes_on {
                        return Err(one_of(errors));
                    }
                }
            }
        }
    }
    Err(one_of(errors))
}

fn one_of(mut errors: Vec<ConnectError>) -> ConnectError {
    match errors.pop() {
        Some(error) if errors.is_empty() => error,
        last => {
            errors.extend(last);
            ConnectError::NoneOf { errors }
        }
    }
}

async fn in_time<T>(
    within: Option<Duration>,
    at: &str,
    work: impl Future<Output = Result<T, ConnectError>>,
) -> Result<T, ConnectError> {
    match within {
        None => work.await,
        Some(after) => match tokio::time::timeout(after, work).await {
            Ok(outcome) => outcome,
            Err(_) => Err(ConnectError::Timeout { at: at.to_owned(), after }),
        },
    }
}

/// What lasts from one attempt to the next.
struct Attempts<'a> {
    settings: &'a ConnInfo,
    /// Made when TLS is first wanted: without TLS, its files are nobody's concern.
    connector: Option<Connector>,
    ask: &'a mut dyn FnMut(&str) -> Option<SecretString>,
    typed: Option<Password>,
}

impl Attempts<'_> {
    /// Logs in at one address, in the ways that `sslmode` allows.
    async fn log_in(&mut self, address: &Address, known: Option<&Password>) -> Result<Session, ConnectError> {
        let (first, second) = match self.settings.tls.mode {
            _ if address.is_local() => (Encryption::Without, None),
            SslMode::Disable => (Encryption::Without, None),
            SslMode::Allow => (Encryption::Without, Some(Encryption::Required("allow"))),
            SslMode::Prefer => (Encryption::IfOffered, Some(Encryption::Without)),
            mode => (Encryption::Required(mode.name()), None),
        };
        let failure = match self.with_password(address, known, first).await? {
            Ok(session) => return Ok(session),
            Err(failure) => failure,
        };
        // "prefer" has been without TLS already where the server has none.
        let is_another_way = failure.encrypted == (second == Some(Encryption::Without));
        let Some(second) = second.filter(|_| is_another_way && failure.may_work_the_other_way) else {
            return Err(failure.error);
        };
        match self.with_password(address, known, second).await? {
            Ok(session) => Ok(session),
            Err(again) => Err(ConnectError::TriedBothWays {
                first: Box::new(failure.error),
                second: Box::new(again.error),
                second_with_tls: second != Encryption::Without,
            }),
        }
    }

    /// Logs in at one address in one way, and once more with a password when one turns out to be needed.
    async fn with_password(
        &mut self,
        address: &Address,
        known: Option<&Password>,
        encryption: Encryption,
    ) -> Result<Result<Session, Failure>, ConnectError> {
        if encryption != Encryption::Without && self.connector.is_none() {
            self.connector = Some(Connector::new(&self.settings.tls)?);
        }
        let connector = self.connector.clone();
        let mut outcome = self.once(address, known.or(self.typed.as_ref()), encryption).await;
        if let Err(Failure { error: ConnectError::PasswordMissing { at, user }, .. }) = &outcome
            && self.typed.is_none()
            && let Some(secret) = (self.ask)(&format!("Password for user {user} at {at}: "))
            && !secret.expose_secret().is_empty()
        {
            self.typed = Some(Password { secret, source: PasswordSource::Typed });
            outcome = self.once(address, self.typed.as_ref(), encryption).await;
        }
        let logged_in = match outcome {
            Ok(logged_in) => logged_in,
            Err(failure) => return Ok(Err(failure)),
        };
        let canceller = Canceller {
            token: logged_in.client.cancel_token(),
            address: address.clone(),
            encryption: if logged_in.encrypted {
                Encryption::Required(self.settings.tls.mode.name())
            } else {
                Encryption::Without
            },
            connector,
            settings: self.settings.clone(),
        };
        let session = Session {
            client: logged_in.client,
            canceller,
            connection: tokio::spawn(run(logged_in.connection)),
            at: address.at.clone(),
            encrypted: logged_in.encrypted,
            method: logged_in.method,
            moved: logged_in.moved,
        };
        if self.settings.must_allow_writes {
            in_time(self.settings.connect_timeout, &address.at, check_writable(&session)).await?;
        }
        Ok(Ok(session))
    }

    /// One connection, one login.
    async fn once(
        &self,
        address: &Address,
        password: Option<&Password>,
        encryption: Encryption,
    ) -> Result<LoggedIn, Failure> {
        let watch = Arc::new(Mutex::new(Watch::default()));
        let mut encrypted = false;
        let attempt = async {
            let (carrier, in_tls) = address.open(self.settings, self.connector.as_ref(), encryption).await?;
            encrypted = in_tls;
            let link = Link::watched(carrier, Arc::clone(&watch));
            let moved = link.moved();
            let login = driver_config(self.settings, password);
            let error = match login.connect_raw(link, Open).await {
                Ok((client, connection)) => {
                    let method = watch.lock().unwrap_or_else(PoisonError::into_inner).method();
                    return Ok((client, connection, moved, method));
                }
                Err(error) => error,
            };
            let request = watch.lock().unwrap_or_else(PoisonError::into_inner).request().cloned();
            let (Some(Request::Gauss(first)), Some(password)) = (request, password) else {
                let seen = watch.lock().unwrap_or_else(PoisonError::into_inner);
                return Err(explain(&error, &seen, &address.at, self.settings, password));
            };
            // The driver left the first connection when it did not know the request.
            let (carrier, in_tls) = address.open(self.settings, self.connector.as_ref(), encryption).await?;
            encrypted = in_tls;
            let mut link = Link::unwatched(carrier);
            let moved = link.moved();
            gauss::log_in(&mut link, self.settings, password, &first, &address.at).await?;
            let (client, connection) = login.connect_raw(link.accepted(), Open).await.map_err(|error| {
                explain(&error, &Watch::default(), &address.at, self.settings, Some(password))
            })?;
            Ok((client, connection, moved, first.kept.method()))
        };
        match in_time(self.settings.connect_timeout, &address.at, attempt).await {
            Ok((client, connection, moved, method)) => {
                Ok(LoggedIn { client, connection, encrypted, method, moved })
            }
            Err(error) => {
                // A handshake that fails leaves `encrypted` unset, though it was the encryption that failed.
                let handshake = matches!(error, ConnectError::Tls { .. } | ConnectError::Certificate { .. });
                let accepted = watch.lock().unwrap_or_else(PoisonError::into_inner).accepted();
                let refused = is_refusal(&error) && !accepted;
                Err(Failure {
                    error,
                    encrypted: encrypted || handshake,
                    may_work_the_other_way: handshake || refused,
                })
            }
        }
    }
}

/// Whether the server refused who was logging in, which pg_hba.conf may decide otherwise with or without TLS.
fn is_refusal(error: &ConnectError) -> bool {
    matches!(
        error,
        ConnectError::PasswordRejected { .. }
            | ConnectError::LoginRefused { .. }
            | ConnectError::Refused { .. }
    )
}

/// The driver's view of the login. The link is open and encrypted where it should be; "direct" TLS is what makes
/// the driver take it so.
fn driver_config(settings: &ConnInfo, password: Option<&Password>) -> Config {
    let mut login = Config::new();
    login
        .user(&settings.user)
        .dbname(&settings.database)
        .application_name(&settings.application_name)
        .ssl_mode(config::SslMode::Require)
        .ssl_negotiation(SslNegotiation::Direct)
        .channel_binding(match settings.channel_binding {
            ChannelBinding::Disable => config::ChannelBinding::Disable,
            ChannelBinding::Prefer => config::ChannelBinding::Prefer,
            ChannelBinding::Require => config::ChannelBinding::Require,
        });
    if let Some(options) = &settings.options {
        login.options(options);
    }
    if let Some(password) = password {
        login.password(password.secret.expose_secret());
    }
    login
}

/// Puts a failed login in our words.
fn explain(
    error: &tokio_postgres::Error,
    seen: &Watch,
    at: &str,
    settings: &ConnInfo,
    password: Option<&Password>,
) -> ConnectError {
    let (at, user) = (at.to_owned(), settings.user.clone());
    if let Some(said) = error.as_db_error() {
        return refused(&ServerError::of(said), &at, settings, password);
    }
    match seen.request() {
        Some(Request::Unsupported(method)) => {
            return ConnectError::UnsupportedLogin { at, user, method: method.clone() };
        }
        Some(Request::Password | Request::Gauss(_)) if password.is_none() => {
            return ConnectError::PasswordMissing { at, user };
        }
        _ => {}
    }
    let problem = with_causes(error);
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<std::io::Error>());
    match cause {
        // In TLS 1.3 the server judges the client's certificate after the handshake.
        Some(cause) if cause.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()) => {
            ConnectError::Tls { at, problem }
        }
        // The driver could not read the first message, or the proof that the server owes.
        Some(cause) if is_malformed(cause) && seen.request().is_none() => {
            ConnectError::NotPostgres { at, problem }
        }
        Some(cause) if is_malformed(cause) => ConnectError::LoginBroken { at, user, problem },
        Some(_) => ConnectError::Lost { at, problem },
        None if error.is_closed() => ConnectError::Lost { at, problem: "the server closed it".to_owned() },
        None => ConnectError::LoginBroken { at, user, problem },
    }
}

fn is_malformed(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::InvalidData | std::io::ErrorKind::InvalidInput)
}

/// Moves the bytes of a session until it ends, and notes what the server says unasked.
async fn run(mut connection: Connection<Link, Link>) -> Result<(), tokio_postgres::Error> {
    while let Some(message) = poll_fn(|cx| connection.poll_message(cx)).await {
        if let AsyncMessage::Notice(notice) = message? {
            tracing::info!(target: "postgres", severity = notice.severity(), "{}", notice.message());
        }
    }
    Ok(())
}

async fn check_writable(session: &Session) -> Result<(), ConnectError> {
    let at = session.at.clone();
    let answer = session.client.simple_query("SHOW transaction_read_only").await;
    match answer {
        Ok(messages) => {
            let is_off = |message: &SimpleQueryMessage| matches!(message, SimpleQueryMessage::Row(row) if row.get(0) == Some("off"));
            if messages.iter().any(is_off) { Ok(()) } else { Err(ConnectError::ReadOnly { at }) }
        }
        Err(error) => Err(ConnectError::Lost { at, problem: with_causes(&error) }),
    }
}

impl Canceller {
    /// Asks the server to cancel what the session is doing now. Whether it did shows in the session: the statement
    /// fails, or it was already over.
    ///
    /// # Errors
    /// When the request could not be sent.
    pub async fn cancel(&self) -> Result<(), ConnectError> {
        let request = async {
            let opened = self.address.open(&self.settings, self.connector.as_ref(), self.encryption);
            let (carrier, _) = opened.await?;
            let sent = self.token.cancel_query_raw(Link::unwatched(carrier), Open).await;
            sent.map_err(|error| ConnectError::Lost {
                at: self.address.at.clone(),
                problem: with_causes(&error),
            })
        };
        in_time(self.settings.connect_timeout, &self.address.at, request).await
    }
}

impl std::fmt::Debug for Canceller {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The token has the session's secret key.
        out.debug_struct("Canceller").field("address", &self.address.at).finish_non_exhaustive()
    }
}
