//! Nodes without SFTP, or with something else under its name: the file comes all the same, and goes on where it was cut.

use super::stage::{by_key, dump, replace, scene, start_with};
use fixtures::ssh::{Asks, Node, Proxy};
use std::time::{Duration, Instant};

/// Runs the command; the dump has to arrive, and the reason why there was no SFTP has to be told.
#[track_caller]
fn check(node: &Node, port: u16, said: &str) -> crate::scene::Answer {
    let scene = scene(&[(node, by_key("cinder1", node, port))]);
    replace(&scene, "connect_timeout = \"20s\"", "connect_timeout = \"3s\"");
    let since = Instant::now();
    let answer = dump(&scene, node, &["-v"]);
    assert_eq!(answer.code, 0, "{}", answer.shown());
    let line = format!("etl: cinder1, cinder: no SFTP ({said}");
    assert!(answer.stderr.contains(&line), "{}", answer.shown());
    assert!(since.elapsed() < Duration::from_secs(60), "{:?}", since.elapsed());
    let text = scene.read("dumps/cinder.sql");
    let digest = etl::base::digest::of(text.as_bytes());
    assert!(answer.stdout.contains(&digest), "{}", answer.shown());
    answer
}

#[test]
fn without_the_subsystem_the_file_comes_as_output() {
    let node = start_with(Asks::Plainly, "Subsystem other internal-sftp", &[]);
    check(&node, node.port(), "the node's sshd has no such subsystem)");
}

#[test]
fn a_subsystem_that_speaks_no_sftp_is_told_by_what_it_prints() {
    for (program, said) in [
        (
            "#!/bin/sh\necho 'Authorized use only.'\nexec /usr/lib/openssh/sftp-server\n",
            "the node prints instead: Authorized use only.",
        ),
        // sshd passes on nothing that a subsystem writes to standard error.
        ("#!/bin/sh\nexec /no/such/sftp-server\n", "the subsystem ends before it begins)"),
        ("#!/bin/sh\nexec sleep 600\n", "it does not begin within 3s)"),
    ] {
        let node = start_with(Asks::Plainly, "Subsystem sftp @FOLDER@/bin/other", &[("other", program)]);
        check(&node, node.port(), said);
    }
}

#[test]
fn output_goes_on_where_the_connection_was_cut() {
    let node = start_with(Asks::Plainly, "Subsystem other internal-sftp", &[]);
    let proxy = Proxy::to(node.port()).cutting_after(600 << 10);
    let answer = check(&node, proxy.port(), "the node's sshd has no such subsystem)");
    assert!(answer.stderr.contains("the connection was lost; again in 1s"), "{}", answer.shown());
    assert!(answer.stderr.contains("cinder1, cinder: goes on at byte "), "{}", answer.shown());
    assert!(!answer.stderr.contains("goes on at byte 0 "), "{}", answer.shown());
    assert_eq!(proxy.connections(), 2);
}
