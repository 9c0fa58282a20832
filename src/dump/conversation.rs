//! A script of etl's own that runs on a node, as whoever is to run it, and what the two say to each other.
//!
//! The script says `@NONCE word rest` in lines; anything else is what programs say. `@NONCE ready` is its first word:
//! whatever comes before is `su`, `sudo`, or a login shell. What the script is told goes through its standard input, so
//! that it stands in no argument; its end tells the script that nobody listens any more.

use crate::base::text::decoded;
use crate::dump::error::{Failure, NodeError, Result};
use crate::dump::prompt::{Listener, PromptEvent};
use crate::dump::script::{Words, command_line, quoted};
use crate::dump::secrets::{Purpose, Secrets};
use crate::dump::session::Session;
use crate::dump::settings::{Become, Node};
use russh::{Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf, Pty};
use secrecy::{ExposeSecret as _, SecretString};
use std::time::Duration;
use tokio::time::{sleep_until, timeout};

/// How long nothing must come before the end of a line is taken for a question.
const PAUSE: Duration = Duration::from_millis(150);

/// How long a program that logs in or becomes may take: a wrong password is answered slowly on purpose.
const BEGINNING: Duration = Duration::from_secs(30);

/// How many bytes of what programs say are kept: the end of it.
const TAIL: usize = 8 << 10;

/// How many words of a script are kept until its end: no script of etl's says as many.
const WORDS: usize = 1_000;

/// RunAs runs something on a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunAs {
    /// The user who logs in.
    Login,
    /// The user who is become, where the node has one; else the one who logs in.
    Database,
}

/// A script as it runs.
pub(crate) struct Conversation<'s> {
    session: &'s Session,
    read: ChannelReadHalf,
    /// Taken when the conversation is over.
    write: Option<ChannelWriteHalf<russh::client::Msg>>,
    words: Words,
    open: Vec<u8>,
    /// What programs said: its end.
    pub(crate) tail: String,
    status: Option<u32>,
    over: bool,
}

/// What a script says next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ScriptEvent {
    /// A word of its own, and what belongs to it.
    Word(String, String),
    /// It ended, with this status where it has one.
    Ended(Option<u32>),
}

impl<'s> Conversation<'s> {
    /// Begins a script: logs its user in and waits for its first word.
    ///
    /// # Errors
    /// The connection is lost, or the user cannot be become.
    pub(crate) async fn begin(
        session: &'s Session,
        node: &Node,
        secrets: &Secrets,
        who: RunAs,
        body: impl FnOnce(&Words) -> String,
    ) -> Result<Self> {
        let words = Words::new();
        let script = format!("umask 077\n{}\n{}", words.say("ready"), body(&words));
        let becomes = who == RunAs::Database && node.becomes();
        let line = if becomes {
            command_line(node.becoming, &node.database_user, &script)
        } else {
            format!("exec /bin/sh -c {}", quoted(&script))
        };
        let mut channel =
            session.handle.channel_open_session().await.map_err(|error| session.broken(error))?;
        if becomes {
            // Nothing typed comes back, and line ends stay what they are.
            let modes =
                [(Pty::ECHO, 0), (Pty::ECHONL, 0), (Pty::ICANON, 1), (Pty::ONLCR, 0), (Pty::ICRNL, 0)];
            let asked = channel.request_pty(true, "dumb", 200, 50, 0, 0, &modes).await;
            asked.map_err(|error| session.broken(error))?;
            if timeout(BEGINNING, answered(&mut channel)).await != Ok(Some(true)) {
                return Err(without_terminal(session, node));
            }
        }
        channel.exec(true, line).await.map_err(|error| session.broken(error))?;
        let (read, write) = channel.split();
        let mut conversation = Self {
            session,
            read,
            write: Some(write),
            words,
            open: Vec::new(),
            tail: String::new(),
            status: None,
            over: false,
        };
        let mut listener = Listener::default();
        let ready = timeout(BEGINNING, conversation.ready(&mut listener, node, becomes, secrets)).await;
        ready.unwrap_or_else(|_| {
            let said = secrets.hide(&listener.said());
            let said = if said.is_empty() { said } else { format!(", and says: {said}") };
            Err(conversation.refused(node, becomes, &format!("it does not begin within 30 s{said}"), ""))
        })?;
        Ok(conversation)
    }

    async fn ready(
        &mut self,
        listener: &mut Listener,
        node: &Node,
        becomes: bool,
        secrets: &Secrets,
    ) -> Result<()> {
        let begin = self.words.line("ready");
        loop {
            match timeout(PAUSE, self.read.wait()).await {
                Err(_) if !becomes => {}
                Err(_) => match (listener.event(), secrets.of(node, Purpose::Become)) {
                    (PromptEvent::Nothing, _) => {}
                    (PromptEvent::Question, Some(password)) => self.tell(password).await?,
                    (PromptEvent::Question, None) => {
                        let problem = "it asks for a password, and none is known";
                        let remedy = "add become_password = \"ask\" to the node";
                        return Err(self.refused(node, becomes, problem, remedy));
                    }
                    (PromptEvent::QuestionAgain, _) => {
                        return Err(self.refused(node, becomes, "the password is wrong", ""));
                    }
                },
                Ok(Some(ChannelMsg::Data { data } | ChannelMsg::ExtendedData { data, .. })) => {
                    if let Some(rest) = listener.take(&decoded(&data), &begin) {
                        self.open = rest.into_bytes();
                        return Ok(());
                    }
                    if listener.overflowed() {
                        let said = secrets.hide(&listener.said());
                        let problem = format!("it prints without end before a command begins: {said}");
                        let remedy =
                            "look what the user's profile there prints, and ForceCommand of the node's sshd";
                        return Err(self.refused(node, becomes, &problem, remedy));
                    }
                }
                Ok(Some(ChannelMsg::ExitStatus { exit_status })) => self.status = Some(exit_status),
                Ok(Some(ChannelMsg::Failure)) => {
                    return Err(self.refused(node, becomes, "the node runs no commands for this user", ""));
                }
                Ok(Some(ChannelMsg::Close) | None) => {
                    if self.session.handle.is_closed() {
                        return Err(self.session.broken(""));
                    }
                    let said = secrets.hide(&listener.said());
                    let problem = match (listener.answered(), said.is_empty()) {
                        (true, true) => "the password is wrong".to_owned(),
                        (false, true) => format!("it ended with status {}", shown(self.status)),
                        (_, false) => said,
                    };
                    return Err(self.refused(node, becomes, &problem, ""));
                }
                Ok(Some(_)) => {}
            }
        }
    }

    fn refused(&self, node: &Node, becomes: bool, problem: &str, remedy: &str) -> NodeError {
        let (user, how) = match (becomes, node.becoming) {
            (true, Become::Su) => (&node.database_user, "su to"),
            (true, _) => (&node.database_user, "sudo to"),
            (false, _) => (&node.user, "the shell of"),
        };
        let variable = "check database_user and become in the settings, and the password";
        NodeError::Failed {
            node: node.name.clone(),
            kind: Failure::Become,
            problem: format!("{how} {user} fails: {problem}"),
            remedy: if remedy.is_empty() { variable.to_owned() } else { remedy.to_owned() },
        }
    }

    /// Tells the script one line.
    ///
    /// # Errors
    /// The connection is lost.
    pub(crate) async fn tell(&mut self, line: &SecretString) -> Result<()> {
        let Some(write) = &self.write else { return Ok(()) };
        let bytes = format!("{}\n", line.expose_secret()).into_bytes();
        write.data_bytes(bytes).await.map_err(|error| self.session.broken(error))
    }

    /// The next bytes that the script writes, where that is no text; `None` at the end. What it says on standard error is
    /// kept.
    ///
    /// # Errors
    /// The connection is lost.
    pub(crate) async fn piece(&mut self) -> Result<Option<Vec<u8>>> {
        loop {
            match self.read.wait().await {
                Some(ChannelMsg::Data { data }) if data.is_empty() => {}
                Some(ChannelMsg::Data { data }) => return Ok(Some(data.to_vec())),
                Some(ChannelMsg::ExtendedData { data, .. }) => self.keep(&decoded(&data)),
                Some(ChannelMsg::Close) | None if self.session.handle.is_closed() => {
                    return Err(self.session.broken(""));
                }
                Some(ChannelMsg::Close) | None => return Ok(None),
                Some(_) => {}
            }
        }
    }

    /// What the script says next.
    ///
    /// # Errors
    /// The connection is lost.
    pub(crate) async fn next(&mut self) -> Result<ScriptEvent> {
        loop {
            while let Some(end) = self.open.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.open.drain(..=end).collect();
                let line = decoded(&line);
                let line = line.trim_end_matches(['\r', '\n']);
                match self.words.parse(line) {
                    Some((word, rest)) => return Ok(ScriptEvent::Word(word, rest)),
                    None => self.keep(line),
                }
            }
            if self.over {
                let rest = std::mem::take(&mut self.open);
                self.keep(&decoded(&rest));
                return Ok(ScriptEvent::Ended(self.status));
            }
            match self.read.wait().await {
                Some(ChannelMsg::Data { data } | ChannelMsg::ExtendedData { data, .. }) => {
                    self.open.extend_from_slice(&data);
                    // A program that never ends its line must not fill the memory.
                    if self.open.len() > TAIL && !self.open.contains(&b'\n') {
                        let rest = std::mem::take(&mut self.open);
                        self.keep(&decoded(&rest));
                    }
                }
                Some(ChannelMsg::ExitStatus { exit_status }) => self.status = Some(exit_status),
                Some(ChannelMsg::Close) | None => {
                    if self.session.handle.is_closed() {
                        return Err(self.session.broken(""));
                    }
                    self.over = true;
                }
                Some(_) => {}
            }
        }
    }

    fn keep(&mut self, line: &str) {
        if line.is_empty() {
            return;
        }
        self.tail.push_str(line);
        self.tail.push('\n');
        if self.tail.len() > TAIL {
            let from = self.tail.len() - TAIL;
            let from = (from..=self.tail.len()).find(|at| self.tail.is_char_boundary(*at)).unwrap_or(0);
            self.tail.drain(..from);
        }
    }

    /// Waits for the end, at most until `deadline`; what is said until then is passed over.
    pub(crate) async fn end(mut self, deadline: tokio::time::Instant) -> Result<Vec<(String, String)>> {
        let mut words = Vec::new();
        loop {
            tokio::select! {
                () = sleep_until(deadline) => return Ok(words),
                said = self.next() => match said? {
                    ScriptEvent::Word(..) if words.len() == WORDS => {
                        return Err(self.session.broken("the node says too much"));
                    }
                    ScriptEvent::Word(word, rest) => words.push((word, rest)),
                    ScriptEvent::Ended(_) => return Ok(words),
                },
            }
        }
    }
}

impl Drop for Conversation<'_> {
    fn drop(&mut self) {
        let Some(write) = self.write.take() else { return };
        // The script sees the end of its input and stops what it runs. Outside a runtime nobody is left to tell.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                // On a pseudo-terminal the end of the input is no end before the channel is closed; a line is one.
                let _ = write.data_bytes(b"stop\n".to_vec()).await;
                let _ = write.eof().await;
                let _ = write.close().await;
            });
        }
    }
}

/// Whether a request is granted; `None` where the channel is gone.
pub(crate) async fn answered(channel: &mut Channel<russh::client::Msg>) -> Option<bool> {
    loop {
        match channel.wait().await? {
            ChannelMsg::Success => return Some(true),
            ChannelMsg::Failure => return Some(false),
            ChannelMsg::Close => return None,
            _ => {}
        }
    }
}

fn without_terminal(session: &Session, node: &Node) -> NodeError {
    if session.handle.is_closed() {
        return session.broken("");
    }
    let Node { name, user, database_user, .. } = node;
    NodeError::Failed {
        node: name.clone(),
        kind: Failure::Become,
        problem: format!(
            "the node gives {user} no terminal, and without one {database_user} cannot be become (PermitTTY no in its \
             sshd_config, or no-pty for the key)"
        ),
        remedy: format!(
            "have sshd there give one: PermitTTY yes; or log in as {database_user}: user = \"{database_user}\", \
             become = \"none\""
        ),
    }
}

/// An exit status as it is told.
pub(crate) fn shown(status: Option<u32>) -> String {
    status.map_or("unknown".to_owned(), |status| status.to_string())
}
