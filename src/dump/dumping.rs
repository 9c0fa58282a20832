//! One dump from its beginning to its end: looked at, made on the node, fetched, checked, recorded, and removed there
//! whatever happened.

use crate::base::number::{bytes, counted};
use crate::base::stop::{Stop, Stopping};
use crate::dump::conversation::{Conversation, RunAs, ScriptEvent, shown};
use crate::dump::entrance::Entrance;
use crate::dump::error::{Failure, NodeError, Result};
use crate::dump::gauge::{Phase, ProgressState};
use crate::dump::secrets::{Purpose, Secrets};
use crate::dump::session::Session;
use crate::dump::settings::{Dump, Node};
use crate::dump::thread::in_thread;
use crate::dump::transfer::Transfer;
use crate::dump::{dump_check, script, space, zone};
use crate::settings::record::Record;
use chrono::{SecondsFormat, Utc};
use parsers::columns::ColumnMap;
use parsers::table::Table;
use pipeline::files::Replacement;
use secrecy::SecretString;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// How long is waited before a connection that was lost is made again: a switch or a firewall may need its time.
/// The last of them is waited again and again.
const PAUSES: [Duration; 5] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(5),
    Duration::from_secs(15),
    Duration::from_secs(30),
];

/// How long removing what is on a node may take.
const REMOVING: Duration = Duration::from_secs(60);

/// How many tables may stay unnamed in a message.
const NAMED: usize = 6;

/// What all dumps of one command share.
pub(crate) struct Shared<'d> {
    pub(crate) secrets: &'d Secrets,
    pub(crate) entrance: Entrance<'d>,
    pub(crate) map: &'d Arc<ColumnMap>,
    /// By what this machine and folder are known on nodes.
    pub(crate) station: &'d str,
    pub(crate) stop: &'d Stop,
    pub(crate) gauge: &'d ProgressState,
}

impl Shared<'_> {
    pub(crate) async fn open(&self, node: &Node) -> Result<Session> {
        Session::open(node, &self.entrance).await
    }

    pub(crate) fn stopped(&self, what: &str) -> NodeError {
        NodeError::Stopped { node: what.to_owned(), signal: self.stop.reason().unwrap_or("a signal") }
    }
}

/// A dump that is here, checked, and recorded.
#[derive(Clone, Debug)]
pub struct Dumped {
    /// The node.
    pub node: String,
    /// The file.
    pub file: PathBuf,
    /// What is recorded beside it.
    pub record: Record,
    /// Rows of tables that etl knows.
    pub rows: u64,
    /// What the operator should know of it.
    pub warnings: Vec<String>,
    /// What stays on the node, and how it is removed there.
    pub left: Option<String>,
}

/// A dump as it lies on the node.
struct Remote {
    path: String,
    bytes: u64,
    /// `None` where the node has no program for it.
    digest: Option<String>,
    zone: Option<String>,
}

/// A dump under way.
pub(crate) struct Dumping<'d> {
    pub(crate) node: &'d Node,
    pub(crate) dump: &'d Dump,
    /// The node and the database, for messages.
    pub(crate) what: String,
    /// Its place in the gauge.
    pub(crate) place: usize,
    tag: String,
    /// Whether something of it may lie on the node.
    begun: bool,
    warnings: Vec<String>,
}

impl<'d> Dumping<'d> {
    pub(crate) fn new(node: &'d Node, dump: &'d Dump, place: usize, station: &str) -> Self {
        let what = format!("{}, {}", node.name, dump.database);
        Self {
            node,
            dump,
            what,
            place,
            tag: script::tag(station, node, dump),
            begun: false,
            warnings: Vec::new(),
        }
    }

    /// Makes the dump. `session` may be another one afterwards, or none.
    pub(crate) async fn run(mut self, session: &mut Option<Session>, shared: &Shared<'_>) -> Result<Dumped> {
        let done = tokio::select! {
            done = self.work(session, shared) => done,
            () = shared.stop.reached(Stopping::Draining) => Err(shared.stopped(&self.what)),
        };
        let removed = if self.begun {
            shared.gauge.enter(self.place, Phase::Removing);
            tokio::select! {
                removed = timeout(REMOVING * 2, self.remove(session, shared)) => removed.unwrap_or(Err(String::new())),
                () = shared.stop.reached(Stopping::Now) => Err(String::new()),
            }
        } else {
            Ok(())
        };
        let left = removed.err().map(|why| {
            let command = script::by_hand(self.dump, &self.tag);
            let because = if why.is_empty() { String::new() } else { format!(" ({why})") };
            format!(
                "what is left on {}{because} is removed there by {} with: {command}",
                self.node.name, self.node.database_user
            )
        });
        shared.gauge.enter(self.place, if done.is_ok() { Phase::Done } else { Phase::Failed });
        match (done, left) {
            (Ok(mut dumped), left) => {
                dumped.left = left.map(|left| format!("{}: {left}", self.what));
                Ok(dumped)
            }
            (Err(error), None) => Err(error),
            (Err(error), Some(left)) => Err(NodeError::Left { error: Box::new(error), left }),
        }
    }

    async fn work(&mut self, session: &mut Option<Session>, shared: &Shared<'_>) -> Result<Dumped> {
        if session.is_none() {
            *session = Some(shared.open(self.node).await?);
        }
        let Some(open) = session.as_ref() else {
            return Err(self.failed(Failure::Unreachable, "no connection", ""));
        };
        let remote = match timeout(self.dump.timeout, self.make(open, shared)).await {
            Ok(made) => made?,
            Err(_) => {
                let limit = humantime::format_duration(self.dump.timeout);
                let problem = format!("gs_dump was stopped: it took longer than {limit}");
                return Err(self.failed(
                    Failure::Program,
                    &problem,
                    "give it more time: timeout = \"…\" in [[node.dump]]",
                ));
            }
        };
        let mut file = Replacement::create(&self.dump.file).map_err(|error| self.unwritable(&error))?;
        self.fetch(session, shared, &remote, &mut file).await?;
        shared.gauge.enter(self.place, Phase::Checking);
        self.check(&remote, file, shared).await
    }

    /// Runs gs_dump on the node.
    async fn make(&mut self, session: &Session, shared: &Shared<'_>) -> Result<Remote> {
        let (node, dump, secrets) = (self.node, self.dump, shared.secrets);
        shared.gauge.enter(self.place, Phase::Looking);
        let begun = Conversation::begin(session, node, secrets, RunAs::Database, |words| {
            script::dump(words, dump, &self.tag)
        });
        let mut talk = begun.await?;
        if dump.database_password
            && let Some(password) = secrets.of(node, Purpose::Database)
        {
            talk.tell(password).await?;
        }
        let mut script_report = ScriptReport::default();
        loop {
            match talk.next().await? {
                ScriptEvent::Word(word, rest) => match word.as_str() {
                    "asked" => {
                        self.space(&script_report)?;
                        shared.gauge.enter(self.place, Phase::Dumping);
                        self.begun = true;
                        talk.tell(&SecretString::from("go")).await?;
                    }
                    "nofolder" => {
                        let problem = format!("no folder can be made in {}: {rest}", dump.remote_folder);
                        let remedy =
                            "make room there, or name another folder on the node: remote_folder = \"…\"";
                        return Err(self.failed(Failure::Space, &problem, remedy));
                    }
                    _ => script_report.take(&word, rest),
                },
                ScriptEvent::Ended(status) => {
                    let said = secrets.hide(talk.tail.trim());
                    for line in said.lines() {
                        tracing::info!("{}: {line}", self.what);
                    }
                    return self.made(script_report, status, &said);
                }
            }
        }
    }

    fn made(&mut self, script_report: ScriptReport, status: Option<u32>, said: &str) -> Result<Remote> {
        if script_report.status.as_deref() != Some("0") {
            let status = script_report.status.unwrap_or_else(|| shown(status));
            let last: Vec<&str> = said.lines().rev().take(3).collect();
            let last = last.into_iter().rev().collect::<Vec<_>>().join("; ");
            let full =
                ["No space left", "没有空间", "空间不足", "disk full"].iter().any(|text| said.contains(text));
            let (kind, remedy) = match (full, status.as_str()) {
                (true, _) => (
                    Failure::Space,
                    "make room on the node, or name another folder there: remote_folder = \"…\" in [[node.dump]]",
                ),
                (_, "127" | "126") => (
                    Failure::Program,
                    "name the program with its path on the node: gs_dump = \"/…/gs_dump\" in [[node.dump]]",
                ),
                _ => (
                    Failure::Program,
                    "check gs_dump, options, database_name and tables in [[node.dump]]; database_password = \"ask\" where the database wants one",
                ),
            };
            let problem = match last.is_empty() {
                true => format!("{} ended with status {status}", self.dump.gs_dump),
                false => format!("{} ended with status {status}: {last}", self.dump.gs_dump),
            };
            return Err(self.failed(kind, &problem, remedy));
        }
        let zone = zone::of_node(&script_report.localtime, &script_report.timezone, &script_report.offset);
        let hex = |text: &String| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let digest = script_report.digest.filter(hex);
        match (script_report.file, script_report.size.and_then(|size| size.trim().parse().ok())) {
            (Some(path), Some(bytes)) => Ok(Remote { path, bytes, digest, zone }),
            _ => Err(self.failed(
                Failure::Program,
                "the node does not say where the dump is",
                "look at the log: etl.log",
            )),
        }
    }

    /// Checks that there is room, on the node and here.
    fn space(&mut self, script_report: &ScriptReport) -> Result<()> {
        let wanted = space::wanted(self.dump, script_report.estimate.as_deref());
        let free = script_report
            .free
            .as_ref()
            .and_then(|free| free.trim().parse::<u64>().ok())
            .map(|free| free << 10);
        let there = format!("on {} in {}", self.node.name, self.dump.remote_folder);
        let folder = self.dump.file.parent().unwrap_or(Path::new("."));
        let here = format!("here in {}", folder.display());
        for (place, free) in [(there, free), (here, space::free(folder))] {
            match (free, &wanted) {
                (None, _) => {
                    self.warnings.push(format!("{}: it is not known how much is free {place}", self.what))
                }
                (Some(free), Some(wanted)) if free < wanted.bytes => {
                    let problem = format!(
                        "{} are free {place}, and the dump may need {} ({})",
                        bytes(free),
                        bytes(wanted.bytes),
                        wanted.because
                    );
                    let remedy = "make room, name another folder, or say how large the dump is: expected_size = \"…\" in [[node.dump]]";
                    return Err(self.failed(Failure::Space, &problem, remedy));
                }
                (Some(free), Some(wanted)) => {
                    let (free, size, because) = (bytes(free), bytes(wanted.bytes), &wanted.because);
                    tracing::info!("{}: {free} are free {place}; assumed: {size} ({because})", self.what);
                }
                (Some(free), None) => {
                    let free = bytes(free);
                    self.warnings.push(format!(
                        "{}: {free} are free {place}; how large the dump is was not known beforehand (expected_size in [[node.dump]] says it)",
                        self.what
                    ));
                }
            }
        }
        Ok(())
    }

    /// Brings the file here; a connection that is lost is made again.
    async fn fetch(
        &self,
        session: &mut Option<Session>,
        shared: &Shared<'_>,
        remote: &Remote,
        file: &mut Replacement,
    ) -> Result<()> {
        let fetched = shared.gauge.fetching(self.place, remote.bytes);
        let mut pauses = self.pauses();
        loop {
            if session.is_none() {
                match shared.open(self.node).await {
                    Ok(opened) => *session = Some(opened),
                    Err(error) if passing(&error) => {
                        let Some(pause) = pauses.next() else { return Err(error) };
                        self.pause(shared, &error, pause).await;
                        continue;
                    }
                    Err(error) => return Err(error),
                }
            }
            let Some(open) = session.as_ref() else { continue };
            let before = fetched.load(Ordering::Relaxed);
            let transfer = Transfer {
                session: open,
                node: self.node,
                secrets: shared.secrets,
                what: &self.what,
                remote: (&remote.path, remote.bytes),
                local: file,
                fetched: &fetched,
                say: &|line| {
                    shared.gauge.say(&format!("etl: {}: {line}", self.what));
                    tracing::warn!("{}: {line}", self.what);
                },
                reader: RunAs::Login,
            };
            match transfer.fetch().await {
                Ok(()) => return Ok(()),
                Err(error) if passing(&error) => {
                    *session = None;
                    if fetched.load(Ordering::Relaxed) > before {
                        // A line that is cut again and again gets there too.
                        pauses = self.pauses();
                    }
                    let Some(pause) = pauses.next() else { return Err(error) };
                    self.pause(shared, &error, pause).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn unwritable(&self, error: &std::io::Error) -> NodeError {
        let problem = format!("{} cannot be written: {error}", self.dump.file.display());
        self.failed(Failure::Here, &problem, "make room, or name another folder: folder = \"…\"")
    }

    /// How long is waited before each further connection.
    fn pauses(&self) -> impl Iterator<Item = Duration> + use<> {
        let longest = PAUSES.last().copied().unwrap_or_default();
        PAUSES.into_iter().chain(std::iter::repeat(longest)).take(self.node.reconnects)
    }

    async fn pause(&self, shared: &Shared<'_>, error: &NodeError, pause: Duration) {
        let again = humantime::format_duration(pause);
        shared.gauge.say(&format!("etl: {error}; again in {again}"));
        tracing::warn!("{error}; again in {again}");
        sleep(pause).await;
    }

    /// Checks what arrived, and gives it its name.
    async fn check(&mut self, remote: &Remote, part: Replacement, shared: &Shared<'_>) -> Result<Dumped> {
        let (path, map) = (part.path().to_owned(), Arc::clone(shared.map));
        let checked = in_thread(move || {
            let digest = crate::base::digest::of_file(&path, |error| error, || Ok(()));
            digest.map(|(digest, bytes)| (digest, bytes, dump_check::check(&path, &map)))
        });
        let checked = checked.await.and_then(|checked| checked);
        let (digest, size, whole) = checked.map_err(|error| {
            self.failed(
                Failure::Here,
                &format!("{} cannot be read: {error}", self.dump.file.display()),
                "check the disk",
            )
        })?;
        if size != remote.bytes || remote.digest.as_ref().is_some_and(|sent| *sent != digest) {
            let sent = remote.digest.as_deref().unwrap_or("one that is not known");
            let problem = format!(
                "what arrived is not what was sent: {size} bytes with SHA-256 {digest}, and not {} with {sent}",
                remote.bytes
            );
            return Err(self.failed(Failure::Content, &problem, "run the same command again"));
        }
        if remote.digest.is_none() {
            self.warnings.push(format!(
                "{}: the node has no program that computes a SHA-256 (sha256sum, shasum, openssl, busybox): that what arrived is \
                 what was sent is known by its size and its end",
                self.what
            ));
        }
        let whole = whole.map_err(|error| {
            let problem = format!("the dump is not whole: {error}");
            self.failed(
                Failure::Content,
                &problem,
                "look at what gs_dump says on the node, then run the same command again",
            )
        })?;
        self.tables(&whole.tables, shared.map)?;
        let record = Record {
            node: self.node.name.clone(),
            database: self.dump.database.to_owned(),
            dumped_at: Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true),
            server_timezone: remote.zone.clone(),
            bytes: size,
            sha256: digest,
        };
        if record.server_timezone.is_none() {
            self.warnings.push(format!(
                "{}: the node's time zone is not known; say it with --server-timezone",
                self.what
            ));
        }
        let file = self.dump.file.clone();
        // In this order: a dump without a record, or with one of another dump, is believed in nothing.
        part.publish().and_then(|()| record.write(&file)).map_err(|error| self.unwritable(&error))?;
        let rows = counted(whole.rows, "row", "rows");
        tracing::info!(
            "{}: {} in {}, {rows}, SHA-256 {}",
            self.what,
            file.display(),
            bytes(size),
            record.sha256
        );
        let warnings = std::mem::take(&mut self.warnings);
        Ok(Dumped { node: self.node.name.clone(), file, record, rows: whole.rows, warnings, left: None })
    }

    /// Looks which tables of the database are in the dump: gs_dump passes over what its user does not own.
    fn tables(&mut self, found: &BTreeSet<Table>, map: &ColumnMap) -> Result<()> {
        if found.is_empty() {
            let problem = format!("no table of {} is in the dump", self.dump.database);
            return Err(self.failed(
                Failure::Content,
                &problem,
                "check tables and database_name in [[node.dump]], and what the user may read",
            ));
        }
        let wanted: BTreeSet<Table> =
            map.tables_of(self.dump.database).into_iter().filter_map(|name| map.table(name)).collect();
        let missing: Vec<&str> = wanted.difference(found).map(|table| table.name()).collect();
        if !missing.is_empty() {
            let (shown, more) = missing.split_at(missing.len().min(NAMED));
            let more = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
            self.warnings.push(format!(
                "{}: not in the dump: {}{more} (gs_dump passes over tables that its user does not own)",
                self.what,
                shown.join(", ")
            ));
        }
        Ok(())
    }

    /// Removes what lies on the node. An error says why that did not come off.
    async fn remove(
        &self,
        session: &mut Option<Session>,
        shared: &Shared<'_>,
    ) -> std::result::Result<(), String> {
        if session.as_ref().is_some_and(|session| session.handle.is_closed()) {
            *session = None;
        }
        let mut pauses = self.pauses();
        loop {
            let done = self.sweep(session, shared).await;
            match done {
                Ok(left) if left.is_empty() => return Ok(()),
                Ok(left) => return Err(format!("{} cannot be removed", left.join(", "))),
                Err(error) => {
                    *session = None;
                    let Some(pause) = pauses.next().filter(|_| passing(&error)) else {
                        return Err(error.to_string());
                    };
                    sleep(pause).await;
                }
            }
        }
    }

    async fn sweep(&self, session: &mut Option<Session>, shared: &Shared<'_>) -> Result<Vec<String>> {
        if session.is_none() {
            *session = Some(shared.open(self.node).await?);
        }
        let Some(open) = session.as_ref() else { return Ok(Vec::new()) };
        let script = |words: &script::Words| script::sweep(words, self.dump, &self.tag);
        let talk = Conversation::begin(open, self.node, shared.secrets, RunAs::Database, script).await?;
        let words = talk.end(Instant::now() + REMOVING).await?;
        if !words.iter().any(|(word, _)| word == "swept") {
            return Err(open.broken("the node did not say that its files are removed"));
        }
        Ok(words.into_iter().filter(|(word, _)| word == "left").map(|(_, path)| path).collect())
    }

    fn failed(&self, kind: Failure, problem: &str, remedy: &str) -> NodeError {
        NodeError::Failed {
            node: self.what.clone(),
            kind,
            problem: problem.to_owned(),
            remedy: remedy.to_owned(),
        }
    }
}

/// Whether it may go better a little later: the connection is at fault, not what was said over it.
fn passing(error: &NodeError) -> bool {
    matches!(error, NodeError::Lost { .. } | NodeError::Failed { kind: Failure::Unreachable, .. })
}

/// What the script said.
#[derive(Debug, Default)]
struct ScriptReport {
    offset: Option<String>,
    localtime: Option<String>,
    timezone: Option<String>,
    free: Option<String>,
    estimate: Option<String>,
    file: Option<String>,
    size: Option<String>,
    digest: Option<String>,
    status: Option<String>,
}

impl ScriptReport {
    fn take(&mut self, word: &str, rest: String) {
        let place = match word {
            "offset" => &mut self.offset,
            "localtime" => &mut self.localtime,
            "timezone" => &mut self.timezone,
            "free" => &mut self.free,
            "estimate" => &mut self.estimate,
            "file" => &mut self.file,
            "size" => &mut self.size,
            "digest" => &mut self.digest,
            "status" => &mut self.status,
            _ => return,
        };
        *place = Some(rest);
    }
}
