//! A folder with cutover.toml, nodes, a database, and the checks that hold after every command.

use crate::scene::{Answer, Scene};
use fixtures::server::Server;
use fixtures::ssh::{Asks, DATABASE_USER, DATABASE_USER_PASSWORD, Node, PASSWORD, USER};
use fixtures::{Database, Layout, Shape, Site};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// The password of the role that needs one.
pub(super) const DATABASE_PASSWORD: &str = "Db-Secret-3";

/// All secrets that there are: none of them may be seen anywhere.
const SECRETS: [&str; 4] = [PASSWORD, DATABASE_USER_PASSWORD, DATABASE_PASSWORD, "Wrong-Secret-4"];

/// The server that all nodes dump from: the role `reader` logs in without a password, `careful` with one.
pub(super) struct Source {
    pub(super) server: Server,
    pub(super) cinder: String,
    pub(super) vbs: String,
}

pub(super) fn source() -> &'static Source {
    static SOURCE: OnceLock<Source> = OnceLock::new();
    SOURCE.get_or_init(|| {
        let server = Server::builder().hba("host all reader 127.0.0.1/32 trust").auth("scram-sha-256").start();
        server.psql(
            "postgres",
            &format!("CREATE ROLE reader SUPERUSER LOGIN; CREATE ROLE careful SUPERUSER LOGIN PASSWORD '{DATABASE_PASSWORD}'"),
        );
        let site = Site { policies: 20, ..Site::sized(7, 3_000) };
        let load = |database: Database| {
            let name = server.create_db();
            let mut text = Vec::new();
            site.write(database, &Layout { owners: false, ..Layout::of(Shape::PgDump15) }, &mut text).unwrap();
            server.psql(&name, &String::from_utf8(text).unwrap());
            name
        };
        let (cinder, vbs) = (load(Database::Cinder), load(Database::Vbs));
        Source { server, cinder, vbs }
    })
}

/// A node for everybody who does not change how it behaves.
pub(super) fn shared() -> &'static Node {
    static SHARED: OnceLock<Node> = OnceLock::new();
    SHARED.get_or_init(|| start(Asks::Plainly))
}

pub(super) fn start(asks: Asks) -> Node {
    Node::start(&source().server, asks)
}

/// A node with further lines of sshd_config, and programs.
pub(super) fn start_with(asks: Asks, lines: &str, programs: &[(&str, &str)]) -> Node {
    Node::start_with(&source().server, asks, lines, programs)
}

/// Replaces a setting of the whole file, which has to be there.
#[track_caller]
pub(super) fn replace(scene: &Scene, from: &str, to: &str) {
    let text = scene.read("cutover.toml");
    assert!(text.contains(from), "{text}");
    scene.write("cutover.toml", text.replace(from, to));
}

/// By this variable tests without root leave out, by name, what takes accounts of their own: `ETL_TEST_WAIVE=accounts`.
const WAIVE: &str = "ETL_TEST_WAIVE";

/// Whether the node has accounts with passwords and `su`. Where it cannot have them the test fails, unless that is waived by name.
#[track_caller]
pub(super) fn has_accounts(node: &Node) -> bool {
    let waived = std::env::var(WAIVE).is_ok_and(|names| names.split(',').any(|name| name == "accounts"));
    assert!(
        node.is_whole() || waived,
        "accounts with passwords and su take root: run the tests as root, or with {WAIVE}=accounts"
    );
    node.is_whole()
}

/// A node of the settings file, and what is dumped there.
pub(super) struct Entry {
    pub(super) name: &'static str,
    pub(super) port: u16,
    /// Further lines of the node.
    pub(super) more: String,
    /// Lines of the dump: a database's lines are there already.
    pub(super) dump: String,
}

/// A node where the login is by key and nobody is become.
pub(super) fn by_key(name: &'static str, node: &Node, port: u16) -> Entry {
    let user = if node.is_whole() { USER.to_owned() } else { whoami() };
    let more = format!("user = \"{user}\"\nlogin = [\"key\"]\nkey = \"{}\"\n", node.user_key().display());
    Entry { name, port, more, dump: cinder(node, &node.remote_folder(), "reader") }
}

/// A node where the login is by password and the database user is become with `su`.
pub(super) fn by_password(name: &'static str, node: &Node, port: u16) -> Entry {
    let more = format!(
        "user = \"{USER}\"\nlogin = [\"password\"]\nbecome = \"su\"\ndatabase_user = \"{DATABASE_USER}\"\n"
    );
    Entry { name, port, more, dump: cinder(node, &node.remote_folder(), "reader") }
}

/// The lines of a dump of cinder.
pub(super) fn cinder(node: &Node, folder: &std::path::Path, role: &str) -> String {
    format!(
        "database = \"cinder\"\ndatabase_name = \"{}\"\ngs_dump = \"{}\"\noptions = [\"-U\", \"{role}\"]\nremote_folder = \"{}\"\n",
        source().cinder,
        node.program("gs_dump").display(),
        folder.display()
    )
}

/// The scene of a command: cutover.toml with these nodes, all of whose host keys are known.
pub(super) fn scene(nodes: &[(&Node, Entry)]) -> Scene {
    scene_without_secrets(nodes)
        .with("ETL_SSH_PASSWORD", PASSWORD)
        .with("ETL_SU_PASSWORD", DATABASE_USER_PASSWORD)
        .with("ETL_DATABASE_PASSWORD", DATABASE_PASSWORD)
}

/// The same for a command that has to ask.
pub(super) fn scene_without_secrets(nodes: &[(&Node, Entry)]) -> Scene {
    let scene = Scene::new();
    let mut text = format!(
        "folder = \"dumps\"\n[ssh]\nknown_hosts = \"{}\"\nconnect_timeout = \"20s\"\nreconnects = 1\n",
        scene.path("known_hosts").display()
    );
    let mut hosts = String::new();
    for (node, Entry { name, port, more, dump }) in nodes {
        hosts.push_str(&node.known_hosts_line(*port));
        text.push_str(&format!("[[node]]\nname = \"{name}\"\nhost = \"127.0.0.1\"\nport = {port}\n{more}"));
        text.push_str(&format!("[[node.dump]]\n{dump}"));
    }
    scene.write("cutover.toml", text);
    scene.write("known_hosts", hosts);
    scene
}

/// Runs the command, and checks what holds after any.
#[track_caller]
pub(super) fn dump(scene: &Scene, node: &Node, arguments: &[&str]) -> Answer {
    let mut all = vec!["dump", "cutover.toml"];
    all.extend(arguments);
    let answer = scene.etl(&all);
    check_after(scene, node, &answer);
    answer
}

/// No secret in anything that was said or kept, and nothing left on the node.
#[track_caller]
pub(super) fn check_after(scene: &Scene, node: &Node, answer: &Answer) {
    let mut texts = vec![answer.stdout.clone(), answer.stderr.clone(), node.log()];
    for folder in ["", "dumps"] {
        let entries = std::fs::read_dir(scene.path(folder)).into_iter().flatten().flatten();
        let files = entries.filter(|entry| entry.path().is_file());
        texts.extend(
            files.map(|entry| String::from_utf8_lossy(&std::fs::read(entry.path()).unwrap()).into_owned()),
        );
    }
    texts.extend(["arguments", "processes"].map(|what| node.seen(what)));
    for text in texts {
        for secret in SECRETS {
            assert!(!text.contains(secret), "{secret} is in: {text}");
        }
    }
    nothing_left(node, answer);
}

/// Nothing lies on the node: what is being ended there may need a moment.
#[track_caller]
pub(super) fn nothing_left(node: &Node, answer: &Answer) {
    let since = Instant::now();
    while !node.left().is_empty() || node.hanging() > 0 {
        let (left, hanging) = (node.left(), node.hanging());
        assert!(since.elapsed() < Duration::from_secs(10), "{left:?}, {hanging} running\n{}", answer.shown());
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The command as a process that can be sent signals.
pub(super) fn begin(scene: &Scene, arguments: &[&str]) -> Child {
    // The scene has the passwords in its variables.
    let arguments = [&["dump", "cutover.toml"], arguments].concat();
    scene.process(&arguments).stdin(Stdio::null()).spawn().unwrap()
}

/// Sends SIGINT and waits for the end.
pub(super) fn interrupt(child: Child) -> Answer {
    let killed = Command::new("kill").args(["-s", "INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    Answer::of(child.wait_with_output().unwrap())
}

/// Waits until something is so.
#[track_caller]
pub(super) fn until(what: &str, mut so: impl FnMut() -> bool) {
    let since = Instant::now();
    while !so() {
        assert!(since.elapsed() < Duration::from_secs(30), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn whoami() -> String {
    let output = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
