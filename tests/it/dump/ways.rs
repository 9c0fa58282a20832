//! Ways in: through other hosts, and by what ~/.ssh/config says.

use super::stage::{Entry, by_key, cinder, dump, has_accounts, replace, scene, shared, start, start_with};
use crate::scene::Scene;
use fixtures::ssh::{Asks, Node, PASSWORD, Proxy, USER};

/// Adds a node to the settings on which nothing is dumped, and its host key.
fn add(scene: &Scene, name: &str, node: &Node, more: &str) {
    let text = format!(
        "{}[[node]]\nname = \"{name}\"\nhost = \"127.0.0.1\"\nport = {}\n{more}",
        scene.read("cutover.toml"),
        node.port()
    );
    scene.write("cutover.toml", text);
    know(scene, node, node.port());
}

/// Records the host key of a node at a port.
fn know(scene: &Scene, node: &Node, port: u16) {
    scene.write("known_hosts", scene.read("known_hosts") + &node.known_hosts_line(port));
}

/// How one logs in on a node by its own key.
fn own_login(node: &Node) -> String {
    by_key("any", node, node.port()).more
}

/// A node of the settings behind others.
fn behind(node: &Node, jumps: &str) -> Entry {
    let mut entry = by_key("cinder1", node, node.port());
    entry.more.push_str(&format!("proxy_jump = {jumps}\n"));
    entry
}

#[test]
fn a_node_is_reached_through_one_host_or_two_each_with_its_own_login_and_key() {
    let (node, near, far) = (shared(), start(Asks::Plainly), start(Asks::Plainly));
    let passing = Proxy::to(near.port());
    let scene = scene(&[(node, behind(node, "[\"near\", \"far\"]"))]);
    add(&scene, "near", &near, &own_login(&near));
    let address = format!("name = \"near\"\nhost = \"127.0.0.1\"\nport = {}", near.port());
    replace(&scene, &address, &format!("name = \"near\"\nhost = \"127.0.0.1\"\nport = {}", passing.port()));
    know(&scene, &near, passing.port());
    add(&scene, "far", &far, &own_login(&far));
    let answer = dump(&scene, node, &[]);
    assert_eq!(answer.code, 0, "{}", answer.shown());
    assert_eq!(passing.connections(), 1);
    let size = std::fs::metadata(scene.path("dumps/cinder.sql")).unwrap().len();
    assert!(passing.passed() > size, "{} of {size}", passing.passed());
    for host in [&near, &far] {
        assert!(host.log().contains("Accepted publickey"), "{}", host.log());
    }
    let answer = dump(&scene, node, &["--dry-run"]);
    let through = format!("  through near: log in to 127.0.0.1 port {} as ", passing.port());
    assert!(answer.stdout.contains(&through), "{}", answer.shown());
    // The second host shows another key than the recorded one.
    let recorded = scene.read("known_hosts").replace(&far.known_hosts_line(far.port()), "");
    scene.write("known_hosts", recorded + &near.known_hosts_line(far.port()));
    let answer = dump(&scene, node, &["--accept-new-host-keys"]);
    assert_eq!(answer.code, 1, "{}", answer.shown());
    let said = format!("far: [127.0.0.1]:{} shows the host key SHA256:", far.port());
    assert!(answer.stdout.contains(&said), "{}", answer.shown());
}

#[test]
fn a_host_on_the_way_has_a_password_of_its_own() {
    let (node, gate) = (shared(), start(Asks::InItsWords));
    if !has_accounts(&gate) {
        return;
    }
    let scene = scene(&[(node, behind(node, &format!("[\"{USER}@127.0.0.1:{}\"]", gate.port())))]);
    replace(&scene, "[\"key\"]", "[\"key\", \"password\"]");
    know(&scene, &gate, gate.port());
    let scene = scene.with("ETL_SSH_PASSWORD", "Wrong-Secret-4");
    let answer = dump(&scene, node, &[]);
    let said = format!("{USER}@127.0.0.1:{}: {USER} cannot log in on 127.0.0.1 (key: ", gate.port());
    assert!(answer.stdout.contains(&said), "{}", answer.shown());
    let own = format!("ETL_SSH_PASSWORD_{}_127_0_0_1_{}", USER.to_uppercase(), gate.port());
    let scene = scene.with(&own, PASSWORD);
    let answer = dump(&scene, node, &[]);
    assert_eq!(answer.code, 0, "{}", answer.shown());
}

#[test]
fn a_host_that_passes_nothing_on_and_an_address_that_it_cannot_reach_are_said() {
    let node = shared();
    for (lines, port, problem) in [
        ("AllowTcpForwarding no", node.port(), "AdministrativelyProhibited"),
        ("PermitOpen 127.0.0.1:1", node.port(), "AdministrativelyProhibited"),
        ("", 1, "ConnectFailed"),
    ] {
        let gate = start_with(Asks::Plainly, lines, &[]);
        let mut entry = by_key("cinder1", node, port);
        entry.more.push_str("proxy_jump = [\"gate\"]\n");
        let scene = scene(&[(node, entry)]);
        add(&scene, "gate", &gate, &own_login(&gate));
        let answer = dump(&scene, node, &[]);
        assert_eq!(answer.code, 1, "{}", answer.shown());
        let said = format!("cinder1: [127.0.0.1]:{port} cannot be reached through gate: ");
        for words in [said.as_str(), problem, "all as gate sees it", "(AllowTcpForwarding)"] {
            assert!(answer.stdout.contains(words), "{words}: {}", answer.shown());
        }
    }
}

#[test]
fn a_connection_through_a_host_that_is_cut_is_made_again() {
    let (node, gate) = (shared(), start(Asks::Plainly));
    let passing = Proxy::to(gate.port()).cutting_after(300_000);
    let scene = scene(&[(node, behind(node, "[\"gate\"]"))]);
    add(&scene, "gate", &gate, &own_login(&gate));
    let address = format!("name = \"gate\"\nhost = \"127.0.0.1\"\nport = {}", gate.port());
    replace(&scene, &address, &format!("name = \"gate\"\nhost = \"127.0.0.1\"\nport = {}", passing.port()));
    know(&scene, &gate, passing.port());
    let answer = dump(&scene, node, &[]);
    assert_eq!(answer.code, 0, "{}", answer.shown());
    assert_eq!(passing.connections(), 2);
    assert!(answer.stderr.contains("the connection was lost"), "{}", answer.shown());
}

/// A node whose address, user, key and way stand in ~/.ssh/config alone.
fn by_config(node: &Node, config: &str) -> Scene {
    let dump = cinder(node, &node.remote_folder(), "reader");
    let scene = scene(&[(node, Entry { name: "cinder1", port: node.port(), more: String::new(), dump })]);
    let port = node.port();
    replace(&scene, &format!("host = \"127.0.0.1\"\nport = {port}\n"), "host = \"vbs\"\nlogin = [\"key\"]\n");
    std::fs::create_dir(scene.path(".ssh")).unwrap();
    scene.write(".ssh/config", config);
    let home = scene.path("").display().to_string();
    scene.with("HOME", home.trim_end_matches('/'))
}

/// The user of a node who logs in by its key.
fn user(node: &Node) -> String {
    let login = own_login(node);
    login.split('"').nth(1).unwrap().to_owned()
}

#[test]
fn what_the_settings_leave_open_comes_from_the_configuration_of_openssh_and_is_said() {
    let (node, gate) = (shared(), start(Asks::Plainly));
    let config = format!(
        "Host vbs\n  HostName 127.0.0.1\n  Port {}\n  IdentityFile {}\n  ProxyJump gate\n  HostKeyAlgorithms ssh-ed25519\n\
         Host gate\n  HostName 127.0.0.1\n  Port {}\n  IdentityFile {}\n\
         Host *\n  User {}\n  ControlMaster auto\n",
        node.port(),
        node.user_key().display(),
        gate.port(),
        gate.user_key().display(),
        user(node)
    );
    let scene = by_config(node, &config);
    know(&scene, &gate, gate.port());
    let answer = dump(&scene, node, &[]);
    assert_eq!(answer.code, 0, "{}", answer.shown());
    assert!(gate.log().contains("Accepted publickey"), "{}", gate.log());
    let file = scene.path(".ssh/config").display().to_string();
    for told in [
        format!("etl: cinder1: from {file}: HostName 127.0.0.1, User {}, Port {}, ", user(node), node.port()),
        ", ProxyJump gate, HostKeyAlgorithms ssh-ed25519\n".to_owned(),
        format!("etl: gate: from {file}: HostName 127.0.0.1, User {}, Port {}, ", user(node), gate.port()),
    ] {
        assert!(answer.stderr.contains(&told), "{told}: {}", answer.shown());
    }
    assert!(scene.read("etl.log").contains("cinder1: from "), "{}", scene.read("etl.log"));
    let answer = dump(&scene, node, &["--dry-run"]);
    assert!(answer.stdout.contains(&format!("  cinder1: from {file}: HostName ")), "{}", answer.shown());
    // The settings win: the way is another, and the port is none.
    replace(&scene, "host = \"vbs\"\n", "host = \"vbs\"\nport = 1\nproxy_jump = []\n");
    let answer = dump(&scene, node, &[]);
    assert!(answer.stdout.contains("[127.0.0.1]:1 cannot be reached"), "{}", answer.shown());
    // Of it nothing is wanted: then nobody says who logs in.
    replace(&scene, "[ssh]\n", "[ssh]\nssh_config = \"none\"\n");
    let answer = dump(&scene, node, &[]);
    assert_eq!(answer.code, 2, "{}", answer.shown());
    assert!(answer.stderr.contains("user"), "{}", answer.shown());
}

#[test]
fn a_host_key_of_another_kind_than_the_configuration_wants_is_not_taken() {
    let node = shared();
    let config = format!(
        "Host vbs\n HostName 127.0.0.1\n Port {}\n User {}\n IdentityFile {}\n HostKeyAlgorithms ecdsa-sha2-nistp256\n",
        node.port(),
        user(node),
        node.user_key().display()
    );
    let scene = by_config(node, &config);
    let answer = dump(&scene, node, &[]);
    assert_eq!(answer.code, 1, "{}", answer.shown());
    let said = "no kind of host key is known on both sides: etl offers ecdsa-sha2-nistp256; the node offers ssh-ed25519";
    assert!(answer.stdout.contains(said), "{}", answer.shown());
}

#[test]
fn a_configuration_that_etl_cannot_follow_is_left_out_and_said_or_refused_where_it_was_named() {
    let node = shared();
    let config = format!(
        "Host vbs\n  HostName 127.0.0.1\nMatch exec \"touch {}\"\n  User x\n",
        shared().remote_folder().join("ran").display()
    );
    let scene = by_config(node, &config);
    replace(&scene, "host = \"vbs\"\n", "host = \"vbs\"\nuser = \"cps\"\n");
    let file = scene.path(".ssh/config").display().to_string();
    let said = format!("{file} is not used: line 3: Match is not evaluated by etl; ");
    let answer = dump(&scene, node, &["--dry-run"]);
    assert!(answer.stdout.contains(&said), "{}", answer.shown());
    assert!(answer.stdout.contains("cinder1: log in to vbs port 22"), "{}", answer.shown());
    replace(&scene, "[ssh]\n", "[ssh]\nssh_config = \"~/.ssh/config\"\n");
    let answer = dump(&scene, node, &["--dry-run"]);
    assert_eq!(answer.code, 2, "{}", answer.shown());
    assert!(answer.stderr.contains(&format!("{file}:3: Match is not evaluated")), "{}", answer.shown());
    assert!(answer.stderr.contains("ssh_config = \"none\""), "{}", answer.shown());
    scene.write(".ssh/config", "Host vbs\n  ProxyCommand nc %h %p\n  HostName 127.0.0.1\n");
    let answer = dump(&scene, node, &["--dry-run"]);
    assert!(
        answer.stdout.contains("has a ProxyCommand for vbs, which etl does not run"),
        "{}",
        answer.shown()
    );
}
