//! The nodes of a settings file: where they are, who logs in how, who is become, and what is dumped there.
//!
//! ```toml
//! folder = "cutover"
//! [ssh]
//! known_hosts = "~/.ssh/known_hosts"
//! [[node]]
//! name = "vbs1"
//! host = "192.0.2.5"
//! user = "cps"
//! become = "su"
//! database_user = "gaussdba"
//! [[node.dump]]
//! database = "autobackup"
//! ```

use crate::base::toml_document::{DocumentError, Placed, Result, Section};
use crate::ui::environment::Environment;
use parsers::columns::ColumnMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The keys that a settings file has for `etl cutover`, which reads the rest of it as `etl dump` does.
pub const CUTOVER_KEYS: [&str; 7] =
    ["target", "free_space", "karbor", "run", "stopped", "restart", "continue"];

/// The source databases: what a dump may be of, and what its file is called where no name is said.
const DATABASES: [(&str, &str); 4] =
    [("cinder", "cinder.sql"), ("autobackup", "vbs.sql"), ("taskmgr", "taskmgr.sql"), ("dps", "dps.sql")];

/// How long a node may take to answer, where that is not said.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a node may say nothing while something runs on it, where that is not said.
const SILENCE: Duration = Duration::from_secs(60);

/// How often a lost connection is made again, where that is not said.
const RECONNECTS: usize = 5;

/// How long a dump may take, where that is not said.
const DUMP_TIMEOUT: Duration = Duration::from_secs(6 * 60 * 60);

/// Where dumps lie on a node until they are fetched, where that is not said.
const REMOTE_FOLDER: &str = "/tmp";

/// What a settings file says of nodes.
#[derive(Clone, Debug)]
pub struct NodeSettings {
    /// The settings file.
    pub path: PathBuf,
    /// The folder for dumps, and for all that is kept of a cutover.
    pub folder: PathBuf,
    /// The nodes, in the order of the file; at least one.
    pub nodes: Vec<Node>,
}

/// A node.
#[derive(Clone, Debug)]
pub struct Node {
    /// What it is called in messages and prompts; no other node is called so.
    pub name: String,
    /// Its name or address.
    pub host: String,
    /// The port of its SSH server.
    pub port: u16,
    /// RunAs logs in.
    pub user: String,
    /// The ways to log in, in the order in which they are tried; at least one.
    pub login: Vec<Login>,
    /// The private key, for [`Login::Key`].
    pub key: Option<PathBuf>,
    /// The file of known host keys.
    pub known_hosts: PathBuf,
    /// Whether older algorithms are allowed: SHA-1 and CBC.
    pub legacy_algorithms: bool,
    /// How long the node may take to answer.
    pub connect_timeout: Duration,
    /// How long the connection may be dead before it is given up.
    pub silence: Duration,
    /// How often a connection that was lost is made again.
    pub reconnects: usize,
    /// How the database user is become.
    pub becoming: Become,
    /// Whether becoming needs a password.
    pub become_password: bool,
    /// RunAs is become; the user who logs in where nobody is.
    pub database_user: String,
    /// What is dumped there.
    pub dumps: Vec<Dump>,
    /// The line of the settings file in which the node begins.
    pub line: usize,
}

/// A way to log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Login {
    /// The keys of the SSH agent.
    Agent,
    /// A private key in a file.
    Key,
    /// A password, also where the node asks for it in its own words (keyboard-interactive).
    Password,
}

/// How another user is become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Become {
    /// Not at all.
    Nobody,
    /// `su`, which asks for that user's password.
    Su,
    /// `sudo`, which may ask for the password of the one who logged in.
    Sudo,
}

/// What is dumped on a node.
#[derive(Clone, Debug)]
pub struct Dump {
    /// Which source database it is: cinder, autobackup, taskmgr or dps.
    pub database: &'static str,
    /// What that database is called on the node.
    pub database_name: String,
    /// The file here, in [`NodeSettings::folder`].
    pub file: PathBuf,
    /// The dump program on the node.
    pub gs_dump: String,
    /// Options for it, beside those that etl gives.
    pub options: Vec<String>,
    /// The tables, each as an argument of `-t`.
    pub tables: Vec<String>,
    /// The folder on the node in which the dump lies until it is fetched.
    pub remote_folder: String,
    /// Whether the database asks for a password.
    pub database_password: bool,
    /// How large the dump will be, where the operator knows better than the database.
    pub expected_size: Option<u64>,
    /// How long the dump program may take.
    pub timeout: Duration,
    /// The line of the settings file in which the dump begins.
    pub line: usize,
}

impl NodeSettings {
    /// Takes `folder`, `[ssh]` and the nodes out of a file; what else is in it is left to others.
    ///
    /// # Errors
    /// A value that cannot be, a key that is no setting, or two things that do not go together.
    pub fn take(file: &mut Section, map: &ColumnMap, environment: &Environment<'_>) -> Result<Self> {
        let home = environment.value("HOME").map(PathBuf::from);
        let here = file.path().parent().unwrap_or(Path::new("")).to_owned();
        let folder = file.text("folder")?.map(|folder| in_home(&folder.value, home.as_deref()));
        let folder = folder.map_or_else(|| here.clone(), |folder| here.join(folder));
        let common = Common::take(file.section("ssh")?, home.as_deref())?;
        let mut nodes: Vec<Node> = Vec::new();
        for section in file.sections("node")? {
            let context = Context { common: &common, home: home.as_deref(), folder: &folder, map };
            let (path, line) = (section.path().to_owned(), section.line());
            let node = Node::take(section, &context)?;
            if let Some(problem) = conflict(&nodes, &node) {
                let remedy = Some("give each a name of its own".to_owned());
                return Err(DocumentError::Wrong { path, line, problem, remedy });
            }
            nodes.push(node);
        }
        if nodes.is_empty() {
            return Err(file.wrong(1, "no node is named", Some("add a section [[node]] for each node")));
        }
        Ok(Self { path: file.path().to_owned(), folder, nodes })
    }

    /// The node of a name.
    #[must_use]
    pub fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.iter().find(|node| node.name == name)
    }
}

/// What holds for all nodes that do not say otherwise.
struct Common {
    known_hosts: PathBuf,
    connect_timeout: Duration,
    silence: Duration,
    reconnects: usize,
}

impl Common {
    fn take(section: Option<Section>, home: Option<&Path>) -> Result<Self> {
        let mut common = Self {
            known_hosts: in_home("~/.ssh/known_hosts", home),
            connect_timeout: CONNECT_TIMEOUT,
            silence: SILENCE,
            reconnects: RECONNECTS,
        };
        let Some(mut section) = section else { return Ok(common) };
        if let Some(path) = section.text("known_hosts")? {
            common.known_hosts = in_home(&path.value, home);
        }
        if let Some(time) = section.duration("connect_timeout")? {
            common.connect_timeout = time.value;
        }
        if let Some(time) = section.duration("silence")? {
            common.silence = time.value;
        }
        if let Some(number) = section.number("reconnects", 0..=100)? {
            common.reconnects = usize::try_from(number.value).unwrap_or(RECONNECTS);
        }
        section.finish()?;
        Ok(common)
    }
}

struct Context<'c> {
    common: &'c Common,
    home: Option<&'c Path>,
    folder: &'c Path,
    map: &'c ColumnMap,
}

impl Node {
    fn take(mut section: Section, context: &Context<'_>) -> Result<Self> {
        let line = section.line();
        let name = section.needed("name", "\"vbs1\"")?;
        if !name.value.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)) {
            let problem = format!("name = {:?}: expected letters, digits, - _ and .", shown(&name.value));
            return Err(section.wrong(name.line, problem, None));
        }
        let host = section.needed("host", "\"192.0.2.5\"")?;
        if host.value.contains(['/', '@', ' ', ',']) {
            let problem = "host is no name or address".to_owned();
            return Err(section.wrong(
                host.line,
                problem,
                Some("name it as \"192.0.2.5\"; user and port have settings of their own"),
            ));
        }
        let port = section.number("port", 1..=65_535)?.map_or(22, |port| port.value);
        let user = section.needed("user", "\"cps\"")?;
        word(&section, "user", &user)?;
        let login = logins(&mut section)?;
        let key = section.text("key")?.map(|key| in_home(&key.value, context.home));
        let key = key.or_else(|| context.home.map(|home| home.join(".ssh/id_ed25519")));
        let becoming = match section.text("become")? {
            None => Become::Nobody,
            Some(Placed { value, line }) => match value.as_str() {
                "none" => Become::Nobody,
                "su" => Become::Su,
                "sudo" => Become::Sudo,
                _ => {
                    let problem = format!("become = {:?}: expected none, su or sudo", shown(&value));
                    return Err(section.wrong(line, problem, None));
                }
            },
        };
        let database_user = section.text("database_user")?;
        let database_user = match (becoming, database_user) {
            (Become::Nobody, Some(found)) if found.value != user.value => {
                let problem = "database_user is named, but not how it is become";
                return Err(section.wrong(
                    found.line,
                    problem,
                    Some("add become = \"su\" or become = \"sudo\""),
                ));
            }
            (Become::Nobody, _) => user.value.clone(),
            (_, Some(found)) => {
                word(&section, "database_user", &found)?;
                found.value
            }
            (_, None) => {
                let problem = "become says how, but no database_user says whom";
                return Err(section.wrong(line, problem, Some("add database_user = \"gaussdba\"")));
            }
        };
        // root becomes anybody unasked; what sudo wants is known to nobody but its own settings.
        let by_default = becoming == Become::Su && user.value != "root";
        let become_password = asked(&mut section, "become_password")?.unwrap_or(by_default);
        let connect_timeout = section.duration("connect_timeout")?;
        let known_hosts = section.text("known_hosts")?;
        let legacy_algorithms = section.flag("legacy_algorithms")?.is_some_and(|flag| flag.value);
        let dumps = section.sections("dump")?;
        let dumps = dumps.into_iter().map(|dump| Dump::take(dump, context)).collect::<Result<_>>()?;
        section.finish()?;
        Ok(Self {
            name: name.value,
            host: host.value,
            port: u16::try_from(port).unwrap_or(22),
            user: user.value,
            login,
            key,
            known_hosts: known_hosts.map_or_else(
                || context.common.known_hosts.clone(),
                |path| in_home(&path.value, context.home),
            ),
            legacy_algorithms,
            connect_timeout: connect_timeout.map_or(context.common.connect_timeout, |time| time.value),
            silence: context.common.silence,
            reconnects: context.common.reconnects,
            becoming,
            become_password,
            database_user,
            dumps,
            line,
        })
    }

    /// Whether anything is run as another user than the one who logs in.
    #[must_use]
    pub fn becomes(&self) -> bool {
        self.becoming != Become::Nobody
    }
}

impl Dump {
    fn take(mut section: Section, context: &Context<'_>) -> Result<Self> {
        let line = section.line();
        let named = section.needed("database", "\"cinder\"")?;
        let Some((database, file)) = DATABASES.iter().find(|(database, _)| *database == named.value) else {
            let names: Vec<&str> = DATABASES.iter().map(|(database, _)| *database).collect();
            let problem =
                format!("database = {:?}: expected one of {}", shown(&named.value), names.join(", "));
            return Err(section.wrong(
                named.line,
                problem,
                Some("where it is called otherwise, add database_name"),
            ));
        };
        let database_name = section.text("database_name")?.map_or((*database).to_owned(), |name| name.value);
        let file = match section.text("file")? {
            None => PathBuf::from(file),
            Some(file) if Path::new(&file.value).file_name().is_some_and(|name| *name == *file.value) => {
                PathBuf::from(file.value)
            }
            Some(file) => {
                let problem = format!("file = {:?}: expected a name without folders", shown(&file.value));
                return Err(section.wrong(
                    file.line,
                    problem,
                    Some("the folder is that of the whole file: folder = \"…\""),
                ));
            }
        };
        let remote_folder = section.text("remote_folder")?;
        if let Some(folder) = remote_folder.as_ref().filter(|folder| !folder.value.starts_with('/')) {
            let problem = format!("remote_folder = {:?}: expected a path from /", shown(&folder.value));
            return Err(section.wrong(folder.line, problem, None));
        }
        let size = section.text("expected_size")?;
        let expected_size = match &size {
            None => None,
            Some(size) => Some(bytes(&size.value).ok_or_else(|| {
                let problem =
                    format!("expected_size = {:?}: expected a size such as \"2 GiB\"", shown(&size.value));
                section.wrong(size.line, problem, None)
            })?),
        };
        let tables = match section.texts("tables")? {
            Some(tables) => tables.into_iter().map(|table| table.value).collect(),
            None => context.map.tables_of(database).into_iter().map(str::to_owned).collect(),
        };
        let dump = Self {
            database,
            database_name,
            file: context.folder.join(file),
            gs_dump: section.text("gs_dump")?.map_or("gs_dump".to_owned(), |program| program.value),
            options: section
                .texts("options")?
                .map_or_else(Vec::new, |options| options.into_iter().map(|option| option.value).collect()),
            tables,
            remote_folder: remote_folder.map_or(REMOTE_FOLDER.to_owned(), |folder| folder.value),
            database_password: asked(&mut section, "database_password")?.unwrap_or(false),
            expected_size,
            timeout: section.duration("timeout")?.map_or(DUMP_TIMEOUT, |time| time.value),
            line,
        };
        section.finish()?;
        Ok(dump)
    }
}

/// What the node would share with another of the file, if it does.
fn conflict(nodes: &[Node], node: &Node) -> Option<String> {
    // By that form of the name, a node's secrets are found, and what is its own on a machine that several share.
    let same = |known: &&Node| suffix(&known.name) == suffix(&node.name);
    if let Some(known) = nodes.iter().find(same) {
        return Some(match known.name == node.name {
            true => format!("two nodes are called {:?}", node.name),
            false => format!("the names {:?} and {:?} are too much alike", known.name, node.name),
        });
    }
    let mut files: Vec<&Path> =
        nodes.iter().flat_map(|node| &node.dumps).map(|dump| dump.file.as_path()).collect();
    for dump in &node.dumps {
        if files.contains(&dump.file.as_path()) {
            let file = dump.file.file_name().unwrap_or_default().display();
            return Some(format!("two dumps are written to the file {file}"));
        }
        files.push(&dump.file);
    }
    None
}

fn logins(section: &mut Section) -> Result<Vec<Login>> {
    let all = [("agent", Login::Agent), ("key", Login::Key), ("password", Login::Password)];
    let Some(named) = section.texts("login")? else {
        return Ok(all.map(|(_, login)| login).to_vec());
    };
    if named.is_empty() {
        let problem = "login is empty: there would be no way to log in";
        return Err(section.wrong(
            section.line(),
            problem,
            Some("login = [\"agent\", \"key\", \"password\"]"),
        ));
    }
    let login = |text: Placed<String>| {
        let known = all.iter().find(|(name, _)| *name == text.value);
        known.map(|(_, login)| *login).ok_or_else(|| {
            let problem = format!("login: {:?}: expected agent, key or password", shown(&text.value));
            section.wrong(text.line, problem, None)
        })
    };
    named.into_iter().map(login).collect()
}

/// Whether a secret is to be asked for; the document lets nothing but `ask` and `none` through.
fn asked(section: &mut Section, key: &'static str) -> Result<Option<bool>> {
    Ok(section.text(key)?.map(|text| text.value == "ask"))
}

/// Checks the name of a user, which is given to programs.
fn word(section: &Section, key: &str, text: &Placed<String>) -> Result<()> {
    let fit =
        text.value.chars().all(|c| c.is_alphanumeric() || "-_.$".contains(c)) && !text.value.starts_with('-');
    if fit {
        return Ok(());
    }
    Err(section.wrong(
        text.line,
        format!("{key} = {:?}: this is no name of a user", shown(&text.value)),
        None,
    ))
}

/// A path as a shell would take it: `~/` is the home folder.
fn in_home(path: &str, home: Option<&Path>) -> PathBuf {
    match (path.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(path),
    }
}

/// A size such as `500 MiB`, in bytes.
pub(crate) fn bytes(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(digits)?;
    let shift = match unit.trim() {
        "" | "B" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        "TiB" => 40,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(1 << shift)
}

fn shown(text: &str) -> String {
    parsers::row::shortened(text)
}

/// A node's name as the end of a variable's.
pub(crate) fn suffix(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect()
}
