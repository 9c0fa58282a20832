//! A script of etl's own that runs on a node, as whoever is to run it, and what the two say to each other.
//!
//! The script says `@NONCE word rest` in lines; anything else is what programs say. `@NONCE ready` is its first word:
//! whatever comes before is `su`, `sudo`, or a login shell. The script itself, and what it is told, go through its standard
//! input, so that they stand in no argument; its end tells the script that nobody listens any more.

use crate::base::text::decoded;
use crate::dump::error::{Failure, NodeError, Result};
use crate::dump::prompt::{EXPIRED, Listener, PromptEvent, is_expiry};
use crate::dump::script::{Words, command_line, in_lines, receiver};
use crate::dump::secrets::{Purpose, Secrets};
use crate::dump::session::Session;
use crate::dump::settings::{Become, Node};
use russh::{Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf, Pty};
use secrecy::{ExposeSecret as _, SecretString};
use std::time::Duration;
use tokio::time::{Instant, sleep_until, timeout};

/// How long nothing must come before the end of a line is taken for a question.
const PAUSE: Duration = Duration::from_millis(150);

/// How long a program that logs in or becomes may take: a wrong password is answered slowly on purpose.
const BEGINNING: Duration = Duration::from_secs(30);

/// How long nothing may come behind a line that is not ended, before it is taken for a question that nobody will answer.
const QUIET: Duration = Duration::from_secs(10);

/// How long a shell may be silent before it is taken for one without a prompt.
const UNPROMPTED: Duration = Duration::from_secs(3);

/// How many bytes of what programs say are kept: the end of it.
const TAIL: usize = 8 << 10;

/// How many words of a script are kept until its end: no script of etl's says as many.
const WORDS: usize = 1_000;

/// As whom something runs on a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunAs {
    /// The user who logs in.
    Login,
    /// The user who is become, where the node has one; else the one who logs in.
    Database,
}

/// What a pseudo-terminal does: nothing typed comes back, and what is written stays what it is, to the byte.
const MODES: [(Pty, u32); 6] =
    [(Pty::ECHO, 0), (Pty::ECHONL, 0), (Pty::ICANON, 1), (Pty::ICRNL, 0), (Pty::OPOST, 0), (Pty::ONLCR, 0)];

/// How wide it is: a shell that shows what is typed breaks no line.
const COLUMNS: u32 = 2_000;

/// By what it is known that sudo refuses a command.
const REFUSES: &str = "is not allowed to";

/// What to do where sudo refuses a command.
const NOT_ALLOWED: &str = "sudo has to allow /bin/sh as that user; or name the command that it allows and that opens a shell of that user: \
                           become_command = \"sudo su - gaussdba\"";

/// What is known until the script's first word.
struct Beginning<'b> {
    listener: Listener,
    node: &'b Node,
    becomes: bool,
    secrets: &'b Secrets,
    /// What is typed once a shell waits for it.
    typed: Option<String>,
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
        let becomes = who == RunAs::Database && node.becomes();
        let becoming = if becomes { node.becoming } else { Become::Nobody };
        let receiver = receiver(&words);
        let (line, typed) = match becoming {
            Become::Command => (node.become_command.clone(), Some(format!(" exec {receiver}"))),
            _ => (command_line(becoming, &node.database_user, &receiver), None),
        };
        let mut channel = session.channel().await?;
        if becomes {
            let asked = channel.request_pty(true, "dumb", COLUMNS, 50, 0, 0, &MODES).await;
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
        let script = in_lines(&body(&conversation.words));
        let mut beginning = Beginning { listener: Listener::default(), node, becomes, secrets, typed };
        let ready = timeout(BEGINNING, conversation.ready(&mut beginning)).await;
        ready.unwrap_or_else(|_| {
            let said = secrets.hide(&beginning.listener.said());
            let said = if said.is_empty() { said } else { format!(", and says: {said}") };
            Err(conversation.refused(&beginning, &format!("it does not begin within 30 s{said}"), ""))
        })?;
        conversation.write(script.into_bytes()).await?;
        Ok(conversation)
    }

    async fn ready(&mut self, beginning: &mut Beginning<'_>) -> Result<()> {
        let begin = self.words.line("ready");
        let mut since = Instant::now();
        loop {
            match timeout(PAUSE, self.read.wait()).await {
                Err(_) => self.quiet(beginning, since.elapsed()).await?,
                Ok(Some(ChannelMsg::Data { data } | ChannelMsg::ExtendedData { data, .. })) => {
                    since = Instant::now();
                    if let Some(rest) = beginning.listener.take(&data, &begin) {
                        self.open = rest;
                        return Ok(());
                    }
                    if beginning.listener.overflowed() {
                        let said = beginning.secrets.hide(&beginning.listener.said());
                        let problem = format!("it prints without end before a command begins: {said}");
                        let remedy =
                            "look what the user's profile there prints, and ForceCommand of the node's sshd";
                        return Err(self.refused(beginning, &problem, remedy));
                    }
                }
                Ok(Some(ChannelMsg::ExitStatus { exit_status })) => self.status = Some(exit_status),
                Ok(Some(ChannelMsg::Failure)) => {
                    return Err(self.refused(beginning, "the node runs no commands for this user", ""));
                }
                Ok(Some(ChannelMsg::Close) | None) => {
                    if self.session.handle.is_closed() {
                        return Err(self.session.broken(""));
                    }
                    let said = beginning.secrets.hide(&beginning.listener.said());
                    let problem = match (beginning.listener.answered(), said.is_empty()) {
                        (true, true) => "the password is wrong".to_owned(),
                        (false, true) => format!("it ended with status {}", shown(self.status)),
                        (_, false) => said,
                    };
                    return Err(self.refused(beginning, &problem, ""));
                }
                Ok(Some(_)) => {}
            }
        }
    }

    /// What is done once nothing has come for a while.
    async fn quiet(&mut self, beginning: &mut Beginning<'_>, since: Duration) -> Result<()> {
        let event = beginning.listener.event();
        let asks = matches!(event, PromptEvent::Question | PromptEvent::QuestionAgain);
        if asks && beginning.becomes {
            return match (event, beginning.secrets.of(beginning.node, Purpose::Become)) {
                (PromptEvent::QuestionAgain, _) => Err(self.refused(beginning, "the password is wrong", "")),
                (_, Some(password)) => self.tell(password).await,
                (_, None) => {
                    let remedy = "add become_password = \"ask\" to the node";
                    Err(self.refused(beginning, "it asks for a password, and none is known", remedy))
                }
            };
        }
        let waits = matches!(event, PromptEvent::Waiting | PromptEvent::Other);
        let prompts = event == PromptEvent::Waiting || (event == PromptEvent::Nothing && since >= UNPROMPTED);
        if prompts && let Some(line) = beginning.typed.take() {
            return self.write(format!("{line}\n").into_bytes()).await;
        }
        if event == PromptEvent::Other || (waits && since >= QUIET) {
            let waiting = beginning.secrets.hide(&beginning.listener.waiting());
            return Err(self.refused(beginning, &format!("it waits for an answer: {waiting}"), ""));
        }
        Ok(())
    }

    fn refused(&self, beginning: &Beginning<'_>, problem: &str, remedy: &str) -> NodeError {
        let Beginning { node, becomes, secrets, .. } = beginning;
        let (user, how) = match (becomes, node.becoming) {
            (true, Become::Su) => (&node.database_user, "su to"),
            (true, Become::Command) => (&node.database_user, "become_command to"),
            (true, _) => (&node.database_user, "sudo to"),
            (false, _) => (&node.user, "the shell of"),
        };
        let said = secrets.hide(&beginning.listener.said());
        let expired = is_expiry(&said) || is_expiry(problem);
        let (problem, remedy) = match (expired, remedy) {
            (true, _) => {
                let also =
                    if said.is_empty() || problem == said { String::new() } else { format!(" ({said})") };
                (format!("a password has expired, and is to be changed first: {problem}{also}"), EXPIRED)
            }
            (false, "") if problem.contains(REFUSES) => (without_script(problem), NOT_ALLOWED),
            (false, "") => {
                (problem.to_owned(), "check database_user and become in the settings, and the password")
            }
            (false, remedy) => (problem.to_owned(), remedy),
        };
        NodeError::Failed {
            node: node.name.clone(),
            kind: Failure::Become,
            problem: format!("{how} {user} fails: {problem}"),
            remedy: remedy.to_owned(),
        }
    }

    /// Tells the script one line.
    ///
    /// # Errors
    /// The connection is lost.
    pub(crate) async fn tell(&mut self, line: &SecretString) -> Result<()> {
        self.write(format!("{}\n", line.expose_secret()).into_bytes()).await
    }

    async fn write(&self, bytes: Vec<u8>) -> Result<()> {
        let Some(write) = &self.write else { return Ok(()) };
        write.data_bytes(bytes).await.map_err(|error| self.session.broken(error))
    }

    /// The next bytes that the script writes, where that is no text; `None` at the end. What it says on standard error is
    /// kept.
    ///
    /// # Errors
    /// The connection is lost.
    pub(crate) async fn piece(&mut self) -> Result<Option<Vec<u8>>> {
        if !self.open.is_empty() {
            return Ok(Some(std::mem::take(&mut self.open)));
        }
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
    pub(crate) async fn end(mut self, deadline: Instant) -> Result<Vec<(String, String)>> {
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

/// What sudo says of a command that it refuses, without the whole of it.
fn without_script(said: &str) -> String {
    let (Some(begin), Some(end)) = (said.find(" -c "), said.rfind("' as ")) else { return said.to_owned() };
    match (said.get(..begin), said.get(end..)) {
        (Some(before), Some(behind)) if begin < end => format!("{before} …{behind}"),
        _ => said.to_owned(),
    }
}

/// An exit status as it is told.
pub(crate) fn shown(status: Option<u32>) -> String {
    status.map_or("unknown".to_owned(), |status| status.to_string())
}
