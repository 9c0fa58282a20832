//! Requests in the user's name: each with a token that is valid, each answered in time or not at all.

use super::credentials::Credentials;
use super::error::PurgeError;
use super::keystone::{self, Token};
use super::pace::{Outage, Pace, Turn};
use super::transport::{Answer, Lost, Method, Request, Transport};
use crate::purge::trouble::{Trouble, in_time};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// The longest that an answer is waited for.
pub const TIMEOUT: Duration = Duration::from_secs(60);

/// A token that is over earlier after it was asked for is of no use, and so many in a row end the purge.
const BRIEF: Duration = Duration::from_secs(10);
const MOST_BRIEF: u32 = 5;

/// Objects looked at at the same time.
pub const QUESTIONS: usize = 10;

/// The cloud's APIs, as one user.
pub struct Api<T> {
    transport: T,
    credentials: Credentials,
    token: RefCell<Option<Rc<Token>>>,
    /// Tokens in a row, up to the last one, that were [`BRIEF`].
    brief: Cell<u32>,
    /// Held by whoever logs in.
    login: Mutex<()>,
    /// When requests may be sent.
    pub pace: Pace,
}

impl<T: Transport> Api<T> {
    /// The APIs through `transport`. Nothing is sent yet.
    #[must_use]
    pub fn new(transport: T, credentials: Credentials, pace: Pace) -> Self {
        Self {
            transport,
            credentials,
            token: RefCell::default(),
            brief: Cell::new(0),
            login: Mutex::new(()),
            pace,
        }
    }

    /// The identity service's URL.
    #[must_use]
    pub fn identity(&self) -> &str {
        &self.credentials.auth_url
    }

    /// A token that is valid for some time to come.
    ///
    /// # Errors
    /// None can be had.
    pub async fn token(&self) -> Result<Rc<Token>, Trouble> {
        if let Some(token) = self.valid() {
            return Ok(token);
        }
        let _one = self.login.lock().await;
        if let Some(token) = self.valid() {
            return Ok(token);
        }
        let past = self.token.borrow_mut().take();
        past.iter().for_each(|past| self.note_end(past));
        if self.brief.get() >= MOST_BRIEF {
            let what = format!(
                "{MOST_BRIEF} tokens in a row were over less than {} s after they were asked for",
                BRIEF.as_secs()
            );
            let remedy =
                Some("look at Keystone's setting [token] expiration, and compare the clocks of its nodes");
            return Err(Trouble::Denied(PurgeError::Cloud {
                service: self.identity().to_owned(),
                what,
                remedy,
            }));
        }
        let token = Rc::new(keystone::login(&self.transport, &self.credentials, TIMEOUT).await?);
        *self.token.borrow_mut() = Some(Rc::clone(&token));
        Ok(token)
    }

    /// Counts tokens that were over too early, by their own words or those of a service.
    fn note_end(&self, token: &Token) {
        let lasted = token.renew_at.min(Instant::now()) - token.issued;
        self.brief.set(if lasted < BRIEF { self.brief.get() + 1 } else { 0 });
    }

    fn valid(&self) -> Option<Rc<Token>> {
        self.token.borrow().clone().filter(|token| token.renew_at > Instant::now())
    }

    /// Waits for a deletion's turn; answers the token for it, too, so that no login comes between the turn and the
    /// request.
    ///
    /// # Errors
    /// No token can be had.
    pub async fn turn(&self) -> Result<(Turn<'_>, Rc<Token>), Trouble> {
        loop {
            self.pace.clear().await;
            let token = self.token().await?;
            let turn = self.pace.turn().await;
            if token.renew_at > Instant::now() {
                return Ok((turn, token));
            }
        }
    }

    /// Sends one request.
    ///
    /// # Errors
    /// There is no answer that says anything.
    pub async fn send(
        &self,
        method: Method,
        url: String,
        version: Option<&'static str>,
        body: Option<String>,
    ) -> Result<Answer, Trouble> {
        let token = self.token().await?;
        self.send_with(token, method, url, version, body).await
    }

    /// Sends one request with a token that is at hand.
    ///
    /// # Errors
    /// There is no answer that says anything.
    pub async fn send_with(
        &self,
        token: Rc<Token>,
        method: Method,
        url: String,
        version: Option<&'static str>,
        body: Option<String>,
    ) -> Result<Answer, Trouble> {
        let secret = Some(token.secret.clone());
        let request = Request { method, url, token: secret, version, body: body.map(Into::into) };
        let answer = in_time(TIMEOUT, self.transport.exchange(request)).await.map_err(|lost| match lost {
            Lost::Unreachable(reason) => Trouble::Unreachable(reason),
            Lost::Broken(reason) => Trouble::Broken(reason),
        })?;
        self.pace.is_over(Outage::Connection);
        if answer.status != 401 {
            token.accepted.set(true);
            return Ok(answer);
        }
        let current = self.token.borrow().as_ref().is_some_and(|held| Rc::ptr_eq(held, &token));
        if current && !token.accepted.get() {
            let what = format!("Cinder does not accept a new token ({})", answer.fault());
            let remedy =
                Some("let an administrator look at Cinder's keystone_authtoken settings and its log");
            return Err(Trouble::Denied(PurgeError::Cloud {
                service: self.identity().to_owned(),
                what,
                remedy,
            }));
        }
        if current {
            self.note_end(&token);
            *self.token.borrow_mut() = None;
        }
        Err(Trouble::Expired)
    }
}

impl Lost {
    /// Why.
    #[must_use]
    pub fn reason(&self) -> &str {
        match self {
            Self::Unreachable(reason) | Self::Broken(reason) => reason,
        }
    }
}
