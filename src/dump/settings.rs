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
use crate::dump::jumps::{self, Unrouted};
pub use crate::dump::node::{Become, Dump, Login, Node};
use crate::dump::node::{is_user, suffix};
use crate::dump::ssh_config::SshConfig;
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

/// What to do about a file of OpenSSH's client that cannot be used.
const WITHOUT_CONFIG: &str = "mend it there, or have etl leave it out: ssh_config = \"none\" in [ssh]";

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
    /// What the operator should know of how they are reached.
    pub remarks: Vec<String>,
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
        let mut remarks: Vec<String> = common.remark.iter().cloned().collect();
        let mut nodes: Vec<Unrouted> = Vec::new();
        for section in file.sections("node")? {
            let context = Context { common: &common, home: home.as_deref(), folder: &folder, map };
            let (path, line) = (section.path().to_owned(), section.line());
            let node = Unrouted::take(section, &context, &mut remarks)?;
            if let Some(problem) = conflict(&nodes, &node.node) {
                let remedy = Some("give each a name of its own".to_owned());
                return Err(DocumentError::Wrong { path, line, problem, remedy });
            }
            nodes.push(node);
        }
        if nodes.is_empty() {
            return Err(file.wrong(1, "no node is named", Some("add a section [[node]] for each node")));
        }
        let nodes = jumps::route(&nodes, &common.config, file.path())?;
        Ok(Self { path: file.path().to_owned(), folder, nodes, remarks })
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
    config: SshConfig,
    /// Why ~/.ssh/config is not used, where it is there and was not named.
    remark: Option<String>,
}

impl Common {
    fn take(section: Option<Section>, home: Option<&Path>) -> Result<Self> {
        let mut common = Self {
            known_hosts: in_home("~/.ssh/known_hosts", home),
            connect_timeout: CONNECT_TIMEOUT,
            silence: SILENCE,
            reconnects: RECONNECTS,
            config: SshConfig::default(),
            remark: None,
        };
        let Some(mut section) = section else {
            common.look(home);
            return Ok(common);
        };
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
        match section.text("ssh_config")? {
            None => common.look(home),
            Some(named) if named.value == "none" => {}
            Some(named) => {
                let path = in_home(&named.value, home);
                if !path.exists() {
                    let problem = format!("ssh_config: there is no file {}", path.display());
                    return Err(section.wrong(named.line, problem, Some("ssh_config = \"none\" uses none")));
                }
                common.config = SshConfig::read(&path, home).map_err(|wrong| DocumentError::Wrong {
                    path,
                    line: wrong.line,
                    problem: wrong.problem,
                    remedy: Some(WITHOUT_CONFIG.to_owned()),
                })?;
            }
        }
        section.finish()?;
        Ok(common)
    }

    /// Looks for the file of OpenSSH's client. Nobody named it: what keeps it from being used is said, and no more.
    fn look(&mut self, home: Option<&Path>) {
        let Some(path) = home.map(|home| home.join(".ssh/config")) else { return };
        match SshConfig::read(&path, home) {
            Ok(config) => self.config = config,
            Err(wrong) => {
                let (path, line, problem) = (path.display(), wrong.line, wrong.problem);
                self.remark = Some(format!("{path} is not used: line {line}: {problem}; {WITHOUT_CONFIG}"));
            }
        }
    }
}

struct Context<'c> {
    common: &'c Common,
    home: Option<&'c Path>,
    folder: &'c Path,
    map: &'c ColumnMap,
}

impl Unrouted {
    fn take(mut section: Section, context: &Context<'_>, remarks: &mut Vec<String>) -> Result<Self> {
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
        let config = &context.common.config;
        let mut entry = config.of(&host.value).map_err(|problem| {
            let problem = format!("{}: {problem}", config.path().display());
            section.wrong(host.line, problem, Some(WITHOUT_CONFIG))
        })?;
        if entry.has_command {
            let path = config.path().display();
            remarks.push(format!(
                "{}: {path} has a ProxyCommand for {}, which etl does not run; name the way with proxy_jump",
                name.value, host.value
            ));
        }
        let port = section.number("port", 1..=65_535)?.map(|port| u16::try_from(port.value).unwrap_or(22));
        if port.is_some() {
            entry.port = None;
        }
        let user = match (section.text("user")?, &entry.user) {
            (Some(user), _) => {
                entry.user = None;
                user
            }
            (None, Some(user)) => Placed { value: user.clone(), line: host.line },
            (None, None) => section.needed("user", "\"cps\"")?,
        };
        word(&section, "user", &user)?;
        let login = logins(&mut section)?;
        let mut keys = std::mem::take(&mut entry.keys);
        if let Some(key) = section.text("key")? {
            keys = vec![in_home(&key.value, context.home)];
        } else if keys.is_empty() {
            keys.extend(context.home.map(|home| home.join(".ssh/id_ed25519")));
        } else {
            entry.keys.clone_from(&keys);
        }
        let jumps = match section.texts("proxy_jump")? {
            Some(jumps) => {
                entry.jumps.clear();
                jumps
            }
            None => entry.jumps.iter().map(|jump| Placed { value: jump.clone(), line: host.line }).collect(),
        };
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
        let become_command = section.text("become_command")?;
        let becoming = match &become_command {
            None => becoming,
            Some(command) if becoming == Become::Nobody && is_line(&command.value) => Become::Command,
            Some(command) => {
                let problem = "become_command is not one line, or stands beside become";
                let remedy = "name one of them: become = \"su\", or become_command = \"sudo su - gaussdba\"";
                return Err(section.wrong(command.line, problem, Some(remedy)));
            }
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
        let from_config = entry.described(config.path());
        let node = Node {
            name: name.value,
            host: entry.host.unwrap_or(host.value),
            port: port.or(entry.port).unwrap_or(22),
            user: user.value,
            login,
            keys,
            host_keys: entry.host_keys,
            hops: Vec::new(),
            from_config,
            known_hosts: known_hosts.map_or_else(
                || context.common.known_hosts.clone(),
                |path| in_home(&path.value, context.home),
            ),
            legacy_algorithms,
            connect_timeout: connect_timeout.map_or(context.common.connect_timeout, |time| time.value),
            silence: context.common.silence,
            reconnects: context.common.reconnects,
            becoming,
            become_command: become_command.map(|command| command.value).unwrap_or_default(),
            become_password,
            database_user,
            dumps,
            line,
        };
        Ok(Self { node, jumps })
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
fn conflict(nodes: &[Unrouted], node: &Node) -> Option<String> {
    // By that form of the name, a node's secrets are found, and what is its own on a machine that several share.
    let same = |known: &&Node| suffix(&known.name) == suffix(&node.name);
    let nodes = || nodes.iter().map(|known| &known.node);
    if let Some(known) = nodes().find(same) {
        return Some(match known.name == node.name {
            true => format!("two nodes are called {:?}", node.name),
            false => format!("the names {:?} and {:?} are too much alike", known.name, node.name),
        });
    }
    let mut files: Vec<&Path> =
        nodes().flat_map(|node| &node.dumps).map(|dump| dump.file.as_path()).collect();
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

/// Whether a text is one line of something.
fn is_line(text: &str) -> bool {
    !text.trim().is_empty() && !text.contains(char::is_control)
}

/// Checks the name of a user, which is given to programs.
fn word(section: &Section, key: &str, text: &Placed<String>) -> Result<()> {
    if is_user(&text.value) {
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
