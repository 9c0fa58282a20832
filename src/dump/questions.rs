//! What a node asks in its own words (keyboard-interactive, RFC 4256): its password is known; a one-time code, or anything
//! else, is asked of the operator, for each login anew, and kept nowhere.

use crate::base::text::printable;
use crate::dump::attempt::{Attempt, JUDGING};
use crate::dump::entrance::Entrance;
use crate::dump::host_key::HostKeyVerifier;
use crate::dump::prompt::{CODES, PASSWORDS, is_expiry};
use crate::dump::settings::Node;
use parsers::row::shortened;
use russh::client::{Handle, KeyboardInteractiveAuthResponse, Prompt};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::timeout;

/// How many times a node may ask before it is given up, and how much at a time.
const ROUNDS: usize = 6;
const PROMPTS: usize = 8;

/// The questions of one login.
pub(crate) struct Questions<'q> {
    node: &'q Node,
    entrance: &'q Entrance<'q>,
    password: Option<&'q SecretString>,
    /// Whether the password was given: it is given once.
    given: bool,
    /// Whether the node says that the password has expired.
    expired: bool,
    /// What was typed: the node may repeat it.
    typed: Vec<SecretString>,
}

impl<'q> Questions<'q> {
    pub(crate) fn new(
        node: &'q Node,
        entrance: &'q Entrance<'q>,
        password: Option<&'q SecretString>,
        given: bool,
    ) -> Self {
        Self { node, entrance, password, given, expired: false, typed: Vec::new() }
    }

    /// Answers all that the node asks.
    pub(crate) async fn answer(mut self, handle: &mut Handle<HostKeyVerifier>) -> Attempt {
        let mut reply =
            timeout(JUDGING, handle.authenticate_keyboard_interactive_start(&self.node.user, None)).await;
        for _ in 0..ROUNDS {
            let (text, prompts) = match reply {
                Err(_) => return Attempt::Left("not answered".to_owned()),
                Ok(Err(error)) => return Attempt::Refused(error.to_string()),
                Ok(Ok(KeyboardInteractiveAuthResponse::Success)) => return Attempt::In,
                Ok(Ok(KeyboardInteractiveAuthResponse::Failure {
                    partial_success: true,
                    remaining_methods,
                })) => {
                    return Attempt::More(remaining_methods);
                }
                Ok(Ok(KeyboardInteractiveAuthResponse::Failure { .. })) => {
                    return Attempt::Refused(self.refused().to_owned());
                }
                Ok(Ok(KeyboardInteractiveAuthResponse::InfoRequest { name, instructions, prompts })) => {
                    (format!("{name}\n{instructions}"), prompts)
                }
            };
            if prompts.len() > PROMPTS {
                return Attempt::Left(format!("the node asks {} things at once", prompts.len()));
            }
            self.expired |= is_expiry(&text);
            self.tell(&text);
            let mut answers = Vec::new();
            for prompt in &prompts {
                match self.one(prompt).await {
                    Ok(answer) => answers.push(answer.expose_secret().to_owned()),
                    Err(problem) => return Attempt::Left(problem),
                }
            }
            reply = timeout(JUDGING, handle.authenticate_keyboard_interactive_respond(answers)).await;
        }
        Attempt::Left("the node asks too often".to_owned())
    }

    /// Which of several answers is wrong is not said.
    fn refused(&self) -> &'static str {
        if self.expired {
            return "the password has expired: log in there by hand and change it";
        }
        match (self.given && self.password.is_some(), self.typed.is_empty()) {
            (true, false) => "it or what was typed is refused",
            _ => "refused",
        }
    }

    fn tell(&self, text: &str) {
        self.entrance.operator.tell(&self.node.name, &self.hide(text));
    }

    fn hide(&self, text: &str) -> String {
        let hidden = self.entrance.secrets.hide(text);
        self.typed
            .iter()
            .map(|typed| typed.expose_secret())
            .filter(|typed| !typed.is_empty())
            .fold(hidden, |text, typed| text.replace(typed, "…"))
    }

    async fn one(&mut self, prompt: &Prompt) -> std::result::Result<SecretString, String> {
        // The user's name may be one of the words.
        let words = prompt.prompt.replace(&self.node.user, "").to_lowercase();
        let is_code = CODES.iter().any(|word| words.contains(word));
        let is_password = !is_code && !prompt.echo && PASSWORDS.iter().any(|word| words.contains(word));
        // In a language that is not known here the first hidden question is taken for that for the password.
        if !is_code
            && !prompt.echo
            && !self.given
            && let Some(password) = self.password
        {
            self.given = true;
            return Ok(password.clone());
        }
        let shown = self.hide(prompt.prompt.trim());
        let shown = printable(&shortened(&shown)).replace('\n', " ");
        if is_password {
            return Err(match self.password {
                Some(_) if is_expiry(prompt.prompt.trim()) => {
                    format!(
                        "the password has expired, and the node wants a new one ({shown}): log in there by hand and change it"
                    )
                }
                Some(_) => format!("refused, or the node asks for another one ({shown})"),
                None => format!("the node asks for a password ({shown}), and none is known"),
            });
        }
        let _one_at_a_time = self.entrance.asking.lock().await;
        let question = format!("{}: {shown} ", self.node.name);
        let answer = self.entrance.operator.ask(&question).await;
        self.typed.extend(answer.clone());
        answer.ok_or_else(|| {
            format!("the node asks {shown:?}, and nobody answers; a one-time code is typed on a terminal")
        })
    }
}
