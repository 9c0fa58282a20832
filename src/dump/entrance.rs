//! What it takes to get in on any node: secrets, host keys, and whoever sits before the terminal.

use crate::base::text::printable;
use crate::dump::secrets::Secrets;
use crate::dump::thread::in_thread;
use crate::ui::progress::Screen;
use secrecy::SecretString;
use std::collections::HashSet;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How many lines of what a node says before somebody is logged in are shown, and how long each may be.
const LINES: usize = 20;
const LINE: usize = 200;

/// How long a signal may take after the key was pressed that sends it.
const INTERRUPTED: Duration = Duration::from_secs(1);

/// What becomes of a host key that is not known.
#[derive(Clone)]
pub enum Trust {
    /// The operator is shown it and asked.
    Ask(Arc<dyn Fn(&str) -> bool + Send + Sync>),
    /// It is refused: nobody can be asked.
    Refuse,
    /// It is accepted and recorded.
    Accept,
}

impl std::fmt::Debug for Trust {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Ask(_) => "Ask",
            Self::Refuse => "Refuse",
            Self::Accept => "Accept",
        })
    }
}

/// Asks on the terminal, with nothing echoed.
pub type AskCode = Arc<dyn Fn(&str) -> io::Result<SecretString> + Send + Sync>;

/// Whoever sits before the terminal, if anybody does: is asked what nodes ask beside passwords, and shown what they say.
#[derive(Clone)]
pub struct Operator {
    ask: Option<AskCode>,
    screen: Option<Screen>,
    asked: Arc<AtomicBool>,
    told: Arc<Mutex<HashSet<String>>>,
}

impl std::fmt::Debug for Operator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.ask.is_some() { "an operator" } else { "nobody" })
    }
}

impl Operator {
    /// `ask` where somebody can be asked, `screen` where somebody is told.
    #[must_use]
    pub fn new(ask: Option<AskCode>, screen: Option<Screen>) -> Self {
        Self { ask, screen, asked: Arc::default(), told: Arc::default() }
    }

    /// Asks for something that is good for one login only: it is kept nowhere. `None` where nobody answers.
    pub(crate) async fn ask(&self, question: &str) -> Option<SecretString> {
        let (ask, question) = (self.ask.clone()?, question.to_owned());
        self.asked.store(true, Ordering::SeqCst);
        let answer = in_thread(move || ask(&question)).await;
        self.asked.store(false, Ordering::SeqCst);
        let answer = answer.and_then(|answer| answer);
        if answer.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::Interrupted) {
            // Ctrl-C: its signal is under way, and says more than that nobody answered.
            tokio::time::sleep(INTERRUPTED).await;
        }
        answer.ok()
    }

    /// Whether somebody is being asked at this moment: no bar is to move then.
    pub(crate) fn is_asked(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.asked)
    }

    /// Tells, once, what a node says, or what is to be known of it.
    pub(crate) fn tell(&self, node: &str, text: &str) {
        if !self.told.lock().unwrap_or_else(PoisonError::into_inner).insert(format!("{node}: {text}")) {
            return;
        }
        for line in text.lines().map(str::trim_end).filter(|line| !line.is_empty()).take(LINES) {
            let line: String = line.chars().take(LINE).collect();
            tracing::info!("{node}: {line}");
            if let Some(screen) = &self.screen {
                screen.say(&printable(&format!("etl: {node}: {line}")));
            }
        }
    }
}

/// What it takes to get in on any node.
#[derive(Clone, Copy)]
pub(crate) struct Entrance<'e> {
    pub(crate) secrets: &'e Secrets,
    pub(crate) trust: &'e Trust,
    /// The agent's socket.
    pub(crate) agent: Option<&'e str>,
    pub(crate) operator: &'e Operator,
    /// Held while the operator is asked, so that there is one question at a time.
    pub(crate) asking: &'e tokio::sync::Mutex<()>,
}
