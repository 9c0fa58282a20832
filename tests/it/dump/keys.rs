//! Keys of every kind, with and without passphrases, from files and from an agent; certificates of users and of hosts.

use super::stage::{by_key, dump, replace, scene, shared, start_with};
use crate::scene::Scene;
use fixtures::ssh::{Asks, Node};
use std::fs::OpenOptions;
use std::io::Write as _;
use std::process::{Child, Command, Stdio};

const PASSPHRASE: &str = "Key-Secret-5";

/// Runs a program of OpenSSH, which has to succeed.
#[track_caller]
fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Makes a key in the scene, by arguments of ssh-keygen; its path.
fn key(scene: &Scene, name: &str, passphrase: &str, arguments: &[&str]) -> String {
    let path = scene.path(name).display().to_string();
    run("ssh-keygen", &[&["-q", "-N", passphrase, "-C", "", "-f", &path], arguments].concat());
    path
}

fn authorize(node: &Node, key: &str) {
    let file = node.user_key().with_file_name("authorized_keys");
    let line = std::fs::read_to_string(format!("{key}.pub")).unwrap();
    OpenOptions::new().append(true).open(file).unwrap().write_all(line.as_bytes()).unwrap();
}

#[test]
fn keys_of_every_kind_open_a_node_with_their_passphrases() {
    let node = start_with(Asks::Plainly, "", &[]);
    for (name, arguments) in [
        ("ed25519", &["-t", "ed25519"][..]),
        ("ecdsa256", &["-t", "ecdsa", "-b", "256"]),
        ("ecdsa521", &["-t", "ecdsa", "-b", "521"]),
        ("rsa", &["-t", "rsa", "-b", "3072"]),
        ("rsa_pem", &["-t", "rsa", "-b", "2048", "-m", "PEM"]),
        ("rsa_pkcs8", &["-t", "rsa", "-b", "2048", "-m", "PKCS8"]),
    ] {
        let scene = scene(&[(&node, by_key("cinder1", &node, node.port()))]);
        let own = node.user_key().display().to_string();
        let (plain, locked) =
            (key(&scene, name, "", arguments), key(&scene, "locked", PASSPHRASE, arguments));
        for path in [&plain, &locked] {
            authorize(&node, path);
        }
        replace(&scene, &own, &plain);
        let answer = dump(&scene, &node, &[]);
        assert_eq!(answer.code, 0, "{name}: {}", answer.shown());
        replace(&scene, &plain, &locked);
        let scene = scene.with("ETL_KEY_PASSPHRASE", "Wrong-Secret-4");
        let answer = dump(&scene, &node, &[]);
        assert!(answer.stdout.contains("the passphrase does not open it"), "{name}: {}", answer.shown());
        let scene = scene.with("ETL_KEY_PASSPHRASE", PASSPHRASE);
        let answer = dump(&scene, &node, &[]);
        assert_eq!(answer.code, 0, "{name}: {}", answer.shown());
        for text in [&answer.stdout, &answer.stderr, &scene.read("etl.log")] {
            assert!(!text.contains(PASSPHRASE), "{text}");
        }
    }
}

/// An agent of a test's own.
struct Agent(Child, String);

impl Agent {
    fn start(scene: &Scene) -> Self {
        let socket = scene.path("agent").display().to_string();
        let mut agent = Command::new("ssh-agent");
        agent.args(["-D", "-a", &socket]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let agent = Self(agent.spawn().unwrap(), socket);
        super::stage::until("the agent listens", || std::path::Path::new(&agent.1).exists());
        agent
    }

    fn add(&self, key: &str) {
        let mut add = Command::new("ssh-add");
        add.args(["-q", key]).env("SSH_AUTH_SOCK", &self.1).stdin(Stdio::null());
        assert!(add.status().unwrap().success());
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn an_agent_s_keys_of_every_kind_open_a_node() {
    let node = start_with(Asks::Plainly, "", &[]);
    for arguments in [&["-t", "ed25519"][..], &["-t", "ecdsa"], &["-t", "rsa", "-b", "3072"]] {
        let scene = scene(&[(&node, by_key("cinder1", &node, node.port()))]);
        replace(&scene, "[\"key\"]", "[\"agent\"]");
        let agent = Agent::start(&scene);
        let scene = scene.with("SSH_AUTH_SOCK", &agent.1);
        let answer = dump(&scene, &node, &[]);
        assert!(answer.stdout.contains("(agent: it holds no keys)"), "{}", answer.shown());
        let (other, right) = (key(&scene, "other", "", arguments), key(&scene, "right", "", arguments));
        agent.add(&other);
        let answer = dump(&scene, &node, &[]);
        assert!(answer.stdout.contains("(agent: its key is refused)"), "{}", answer.shown());
        authorize(&node, &right);
        agent.add(&right);
        let answer = dump(&scene, &node, &[]);
        assert_eq!(answer.code, 0, "{arguments:?}: {}", answer.shown());
    }
}

/// An authority, and the lines of sshd_config by which a node trusts it.
fn authority(scene: &Scene) -> (String, String) {
    let path = key(scene, "ca", "", &["-t", "ed25519"]);
    (path.clone(), format!("TrustedUserCAKeys {path}.pub"))
}

/// Signs a user's key.
fn sign(authority: &str, key: &str, user: &str, valid: &str) {
    let public = format!("{key}.pub");
    run("ssh-keygen", &["-q", "-s", authority, "-I", "test", "-n", user, "-V", valid, &public]);
}

#[test]
fn a_certificate_beside_a_key_or_in_an_agent_opens_a_node() {
    let own = Scene::new();
    // sshd reads it as whoever it runs as.
    std::fs::set_permissions(own.path(""), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let (ca, lines) = authority(&own);
    let node = start_with(Asks::Plainly, &lines, &[]);
    for (name, arguments) in [
        ("ed25519", &["-t", "ed25519"][..]),
        ("ecdsa", &["-t", "ecdsa"]),
        ("rsa", &["-t", "rsa", "-b", "3072"]),
    ] {
        let entry = by_key("cinder1", &node, node.port());
        let user = entry.more.split('"').nth(1).unwrap().to_owned();
        let scene = scene(&[(&node, entry)]);
        let path = key(&scene, name, "", arguments);
        replace(&scene, &node.user_key().display().to_string(), &path);
        let answer = dump(&scene, &node, &[]);
        assert!(answer.stdout.contains(&format!("(key: {path}: refused)")), "{}", answer.shown());
        for (valid, problem) in
            [("20200101:20200201", "the certificate has expired"), ("+52w:+104w", "is not valid yet")]
        {
            sign(&ca, &path, &user, valid);
            let answer = dump(&scene, &node, &[]);
            assert!(answer.stdout.contains(&format!("{path}-cert.pub: ")), "{}", answer.shown());
            assert!(answer.stdout.contains(problem), "{}", answer.shown());
        }
        sign(&ca, &path, "another", "+1h");
        let answer = dump(&scene, &node, &[]);
        assert!(
            answer.stdout.contains(&format!("{path}-cert.pub: refused; {path}: refused")),
            "{}",
            answer.shown()
        );
        sign(&ca, &path, &user, "+1h");
        let answer = dump(&scene, &node, &[]);
        assert_eq!(answer.code, 0, "{name}: {}", answer.shown());
        let agent = Agent::start(&scene);
        agent.add(&path);
        replace(&scene, "[\"key\"]", "[\"agent\"]");
        let scene = scene.with("SSH_AUTH_SOCK", &agent.1);
        let answer = dump(&scene, &node, &[]);
        assert_eq!(answer.code, 0, "{name}: {}", answer.shown());
    }
}

#[test]
fn a_host_is_known_by_its_certificate() {
    let own = Scene::new();
    let (ca, _) = authority(&own);
    let host = key(&own, "host", "", &["-t", "ecdsa"]);
    let sign_host = |names: &str, valid: &str| {
        let public = format!("{host}.pub");
        run("ssh-keygen", &["-q", "-s", &ca, "-I", "host", "-h", "-n", names, "-V", valid, &public]);
    };
    let authority = std::fs::read_to_string(format!("{ca}.pub")).unwrap();
    for (names, valid, problem) in [
        ("127.0.0.1", "+1h", None),
        ("other.example", "+1h", Some("it is for other.example, and not for 127.0.0.1")),
        ("127.0.0.1", "20200101:20200201", Some("its time is over, or has not come")),
    ] {
        sign_host(names, valid);
        let lines = format!("HostKey {host}\nHostCertificate {host}-cert.pub");
        let node = start_with(Asks::Plainly, &lines, &[]);
        let scene = scene(&[(&node, by_key("cinder1", &node, node.port()))]);
        scene.write("known_hosts", format!("@cert-authority [127.0.0.*]:* {authority}"));
        let answer = dump(&scene, &node, &[]);
        match problem {
            None => assert_eq!(answer.code, 0, "{}", answer.shown()),
            Some(problem) => {
                assert_eq!(answer.code, 1, "{}", answer.shown());
                let said = format!("shows a host certificate that is not accepted: {problem}");
                assert!(answer.stdout.contains(&said), "{}", answer.shown());
            }
        }
        // Without a line of its authority nothing is known of it.
        let other = std::fs::read_to_string(shared().user_key().with_extension("pub")).unwrap();
        scene.write("known_hosts", format!("@cert-authority * {other}"));
        let answer = dump(&scene, &node, &["--accept-new-host-keys"]);
        assert!(answer.stdout.contains("which is no authority in known_hosts"), "{}", answer.shown());
    }
}
