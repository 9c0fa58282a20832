//! What became of each dump, as text and as JSON; and what would be done.

use crate::base::error::CommandError as _;
use crate::base::error::Error;
use crate::base::exit::Exit;
use crate::base::number::{bytes, counted, seconds};
use crate::base::text::printable;
use crate::dump::settings::{Become, Dump, Login, Node, NodeSettings};
use crate::dump::{Dumped, NodeError};
use crate::settings::record::Record;
use crate::ui::terminal::{Emphasis, TextFormat};
use serde::Serialize;
use std::fmt::Write as _;
use std::time::Duration;

/// What became of a dump.
#[derive(Debug, Serialize)]
pub struct Disposition {
    /// The node.
    pub node: String,
    /// The source database.
    pub database: &'static str,
    /// The file here.
    pub file: String,
    /// What is recorded of it, if it is here.
    pub record: Option<Record>,
    /// Rows of tables that etl knows.
    pub rows: Option<u64>,
    /// What the operator should know.
    pub warnings: Vec<String>,
    /// What stays on the node although the dump is here, and how it is removed.
    pub left: Option<String>,
    /// Why it is not here.
    pub error: Option<String>,
    /// What to do about that.
    pub remedy: Option<String>,
}

impl Disposition {
    /// What became of the dump of a node.
    #[must_use]
    pub fn new(node: &Node, dump: &Dump, done: Result<Dumped, NodeError>) -> Self {
        let mut disposition = Self {
            node: node.name.clone(),
            database: dump.database,
            file: dump.file.display().to_string(),
            record: None,
            rows: None,
            warnings: Vec::new(),
            left: None,
            error: None,
            remedy: None,
        };
        match done {
            Ok(dumped) => {
                disposition.record = Some(dumped.record);
                disposition.rows = Some(dumped.rows);
                disposition.warnings = dumped.warnings;
                disposition.left = dumped.left;
            }
            Err(error) => {
                disposition.error = Some(error.to_string());
                disposition.remedy = error.remedy();
            }
        }
        disposition
    }
}

/// The report file.
#[derive(Debug, Serialize)]
pub struct Document<'d> {
    schema_version: u32,
    etl_version: &'static str,
    /// The commit that it was built from, where that is known.
    etl_commit: Option<&'static str>,
    command: &'static str,
    exit_code: u8,
    error: Option<String>,
    seconds: f64,
    dumps: &'d [Disposition],
}

impl<'d> Document<'d> {
    /// The report of a command that ended so.
    #[must_use]
    pub fn new(dumps: &'d [Disposition], exit: Exit, error: Option<&Error>, elapsed: Duration) -> Self {
        Self {
            schema_version: crate::import::report::json::SCHEMA_VERSION,
            etl_version: env!("CARGO_PKG_VERSION"),
            etl_commit: crate::base::build::commit(),
            command: "dump",
            exit_code: exit.code(),
            error: error.map(ToString::to_string),
            seconds: elapsed.as_secs_f64(),
            dumps,
        }
    }
}

/// What became of all dumps, for people.
#[must_use]
pub fn text(dispositions: &[Disposition], text_format: TextFormat) -> String {
    let mut text = String::new();
    for disposition in dispositions {
        let name = format!("{}, {}", disposition.node, disposition.database);
        if let Some(record) = &disposition.record {
            let _ = writeln!(
                text,
                "{}",
                text_format.palette.paint(Emphasis::Bold, &format!("{name}: {}", disposition.file))
            );
            let rows = counted(disposition.rows.unwrap_or(0), "row", "rows");
            let _ = writeln!(text, "  {}, {rows}, whole", bytes(record.bytes));
            let _ = writeln!(text, "  SHA-256 {}", record.sha256);
            let zone = record.server_timezone.as_deref().unwrap_or("not known");
            let _ = writeln!(text, "  time zone of the node: {zone}");
        }
        for warning in disposition.warnings.iter().chain(&disposition.left) {
            let _ = writeln!(text, "  {}", text_format.palette.paint(Emphasis::Yellow, warning));
        }
        if let Some(error) = &disposition.error {
            let _ =
                writeln!(text, "{}", text_format.palette.paint(Emphasis::Red, &format!("{name}: failed")));
            // A node's own name need not be said twice.
            let error = error.strip_prefix(&format!("{name}: ")).unwrap_or(error);
            let _ = writeln!(text, "  {error}");
            if let Some(remedy) = &disposition.remedy {
                let _ = writeln!(text, "  → {remedy}");
            }
        }
    }
    printable(&text).into_owned()
}

/// What would be done on each node.
#[must_use]
pub fn dry_run(settings: &NodeSettings) -> String {
    let mut text = String::new();
    for remark in &settings.remarks {
        let _ = writeln!(text, "{remark}");
    }
    for node in &settings.nodes {
        let _ = writeln!(text, "{}: {}", node.name, way(node));
        for hop in &node.hops {
            let _ = writeln!(text, "  through {}: {}", hop.name, way(hop));
        }
        for told in node.hops.iter().chain([node]) {
            if let Some(from) = &told.from_config {
                let _ = writeln!(text, "  {}: {from}", told.name);
            }
        }
        let _ = writeln!(text, "  host key: as in {}", node.known_hosts.display());
        if node.legacy_algorithms {
            text.push_str("  old and weak algorithms are allowed (legacy_algorithms)\n");
        }
        match node.becoming {
            Become::Nobody => {}
            Become::Su => _ = writeln!(text, "  become {} with su", node.database_user),
            Become::Command => {
                let _ = writeln!(text, "  become {} with {}", node.database_user, node.become_command);
            }
            Become::Sudo => _ = writeln!(text, "  become {} with sudo", node.database_user),
        }
        for dump in &node.dumps {
            let mut command = vec![dump.gs_dump.clone()];
            command.extend(dump.options.iter().cloned());
            command.extend(dump.tables.iter().map(|table| format!("-t {table}")));
            command.push(dump.database_name.clone());
            let _ = writeln!(text, "  {}:", dump.database);
            let _ = writeln!(text, "    run {}", command.join(" "));
            let folder = dump.remote_folder.trim_end_matches('/');
            let _ = writeln!(text, "    into a private folder in {folder}/, removed afterwards");
            let _ = writeln!(text, "    at most {}", seconds(dump.timeout.as_secs_f64()));
            let _ = writeln!(text, "    fetch it to {} and check it", dump.file.display());
        }
    }
    text.push_str("Nothing was done.\n");
    printable(&text).into_owned()
}

/// Where somebody logs in, and how.
fn way(node: &Node) -> String {
    let logins: Vec<String> = node.login.iter().map(|login| login_by(node, *login)).collect();
    format!("log in to {} port {} as {} by {}", node.host, node.port, node.user, logins.join(", else "))
}

fn login_by(node: &Node, login: Login) -> String {
    match (login, node.keys.as_slice()) {
        (Login::Agent, _) => "the agent's keys".to_owned(),
        (Login::Key, []) => "a key".to_owned(),
        (Login::Key, keys) => {
            let keys: Vec<String> = keys.iter().map(|key| format!("the key {}", key.display())).collect();
            keys.join(", else ")
        }
        (Login::Password, _) => "password".to_owned(),
    }
}
