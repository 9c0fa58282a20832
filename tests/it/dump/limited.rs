//! Nodes that allow little: one session, few logins at a time, no idle connection, few programs.

use super::stage::{
    by_key, by_password, dump, has_accounts, replace, scene, shared, start, start_with, until,
};
use crate::scene::Scene;
use fixtures::ssh::{Asks, Behaviour, Proxy};
use std::io::Read as _;
use std::net::TcpStream;
use std::time::Duration;

#[test]
fn one_session_at_a_time_is_enough() {
    for lines in ["MaxSessions 1", "MaxSessions 1\nSubsystem sftp /no/where"] {
        let node = start_with(Asks::Plainly, lines, &[]);
        let answer = dump(&scene(&[(&node, by_key("cinder1", &node, node.port()))]), &node, &[]);
        assert_eq!(answer.code, 0, "{}", answer.shown());
        assert!(!answer.stderr.contains("the connection was lost"), "{}", answer.shown());
        if has_accounts(&node) {
            let answer = dump(&scene(&[(&node, by_password("cinder1", &node, node.port()))]), &node, &[]);
            assert_eq!(answer.code, 0, "{}", answer.shown());
            assert!(!answer.stderr.contains("the connection was lost"), "{}", answer.shown());
        }
    }
}

#[test]
fn a_node_that_takes_few_logins_at_a_time_is_tried_again() {
    let node = start_with(Asks::Plainly, "MaxStartups 1", &[]);
    // Somebody who does not log in.
    let held = || loop {
        // Whoever looked whether it is there may still count.
        let mut held = TcpStream::connect(("127.0.0.1", node.port())).unwrap();
        let mut said = [0; 4];
        held.read_exact(&mut said).unwrap();
        if said == *b"SSH-" {
            break held;
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    let scene = scene(&[(&node, by_key("cinder1", &node, node.port()))]);
    let first = held();
    let freed = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_secs(2));
        drop(first);
    });
    let answer = dump(&scene, &node, &["-v"]);
    freed.join().unwrap();
    assert_eq!(answer.code, 0, "{}", answer.shown());
    assert!(scene.read("etl.log").contains("cinder1: it hung up ("), "{}", scene.read("etl.log"));
    let _second = held();
    let answer = dump(&scene, &node, &[]);
    assert_eq!(answer.code, 1, "{}", answer.shown());
    for words in ["hangs up before anybody can log in", "MaxStartups"] {
        assert!(answer.stdout.contains(words), "{}", answer.shown());
    }
}

#[test]
fn a_connection_on_which_nothing_happens_is_not_cut_as_idle() {
    let node = start(Asks::Plainly);
    node.behave(Behaviour::Hangs);
    // gs_dump says nothing for three times as long as the firewall waits.
    for (silence, ended) in
        [("3s", "gs_dump was stopped: it took longer than 9s"), ("60s", "the connection was lost")]
    {
        let firewall = Proxy::to(node.port()).cutting_idle(Duration::from_secs(3));
        let mut entry = by_key("cinder1", &node, firewall.port());
        entry.dump.push_str("timeout = \"9s\"\n");
        let scene = scene(&[(&node, entry)]);
        replace(&scene, "reconnects = 1\n", &format!("reconnects = 1\nsilence = \"{silence}\"\n"));
        let answer = dump(&scene, &node, &[]);
        assert_eq!(answer.code, 1, "{}", answer.shown());
        assert!(answer.stdout.contains(ended), "{ended}: {}", answer.shown());
    }
}

#[test]
fn a_node_with_few_programs_is_dumped_and_what_is_not_known_is_said() {
    let few = Scene::new();
    std::fs::set_permissions(few.path(""), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    // What busybox has as well: no bash, stat, sha256sum; its df knows no --output.
    for name in [
        "sh", "cat", "chmod", "cut", "date", "df", "head", "mktemp", "od", "rm", "setsid", "tail", "tr", "wc",
    ] {
        let program = ["/bin", "/usr/bin"].map(|folder| std::path::Path::new(folder).join(name));
        let program = program.iter().find(|path| path.exists()).unwrap();
        std::os::unix::fs::symlink(program, few.path(name)).unwrap();
    }
    let lines = format!("SetEnv PATH={}", few.path("").display());
    let node = start_with(Asks::Plainly, &lines, &[]);
    let scene = scene(&[(&node, by_key("cinder1", &node, node.port()))]);
    let answer = dump(&scene, &node, &[]);
    assert_eq!(answer.code, 0, "{}", answer.shown());
    let said = "the node has no program that computes a SHA-256 (sha256sum, shasum, openssl, busybox)";
    assert!(answer.stdout.contains(said), "{}", answer.shown());
    std::fs::write(
        few.path("busybox"),
        "#!/bin/sh\n[ \"$1\" = sha256sum ] && exec /usr/bin/sha256sum\nexit 1\n",
    )
    .unwrap();
    std::fs::set_permissions(few.path("busybox"), std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .unwrap();
    let answer = dump(&scene, &node, &[]);
    assert_eq!(answer.code, 0, "{}", answer.shown());
    assert!(!answer.stdout.contains(said), "{}", answer.shown());
    node.behave(Behaviour::Hangs);
    let text = scene.read("cutover.toml") + "timeout = \"2s\"\n";
    scene.write("cutover.toml", text);
    let answer = dump(&scene, &node, &[]);
    assert!(answer.stdout.contains("gs_dump was stopped: it took longer than 2s"), "{}", answer.shown());
    until("nothing runs there", || node.hanging() == 0 && shared().hanging() == 0);
}
