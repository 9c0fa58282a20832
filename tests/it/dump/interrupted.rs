//! Connections that are cut, processes that are killed, and Ctrl-C at each step.

use super::stage::{
    begin, by_key, by_password, check_after, dump, has_accounts, interrupt, nothing_left, scene, shared,
    start, until,
};
use crate::scene::{Answer, Scene};
use fixtures::ssh::{Asks, Behaviour, Node, Proxy};

/// So much comes from the node before the first byte of the dump is under way, and some of the dump.
const MID_TRANSFER: u64 = 600 << 10;

#[test]
fn a_transfer_goes_on_where_the_connection_was_cut() {
    let node = shared();
    let proxy = Proxy::to(node.port()).cutting_after(MID_TRANSFER);
    let entry = if has_accounts(node) {
        by_password("cinder1", node, proxy.port())
    } else {
        by_key("cinder1", node, proxy.port())
    };
    let scene = scene(&[(node, entry)]);
    let answer = dump(&scene, node, &["-v"]);
    assert_eq!(answer.code, 0, "{}", answer.shown());
    assert!(answer.stderr.contains("the connection was lost; again in 1s"), "{}", answer.shown());
    assert!(answer.stderr.contains("cinder1, cinder: goes on at byte "), "{}", answer.shown());
    assert!(!answer.stderr.contains("goes on at byte 0 "), "{}", answer.shown());
    assert_eq!(proxy.connections(), 2);
    // Not much came twice: what was under way when the connection was cut.
    let size = std::fs::metadata(scene.path("dumps/cinder.sql")).unwrap().len();
    assert!(size > 2 * MID_TRANSFER, "the dump is too small for this test: {size}");
    assert!(proxy.passed() < size + (size / 2), "{} for {size}", proxy.passed());
}

#[test]
fn a_connection_that_stays_down_leaves_a_command_and_the_next_dump_cleans_up() {
    let node = start(Asks::Plainly);
    let proxy = Proxy::to(node.port()).cutting_after(MID_TRANSFER).and_staying_down();
    let scene = scene(&[(&node, by_key("cinder1", &node, proxy.port()))]);
    let answer = scene.etl(&["dump", "cutover.toml"]);
    assert_eq!(answer.code, 1, "{}", answer.shown());
    let command = answer.stdout.split("is removed there by ").nth(1).expect("says what is left");
    let command = command.split("with: ").nth(1).unwrap().lines().next().unwrap();
    let command = command.split(';').next().unwrap();
    assert!(
        command.starts_with(&format!("rm -rf {}/etl-dump.", node.remote_folder().display())),
        "{command}"
    );
    assert_eq!(node.left().len(), 1, "{:?}", node.left());
    // Somebody else's, as it seems from here.
    let foreign = node.remote_folder().join("etl-dump.0123456789.cinder1.cinder.aaaaaa");
    std::fs::create_dir(&foreign).unwrap();
    proxy.mend();
    let answer = scene.etl(&["dump", "cutover.toml"]);
    assert_eq!(answer.code, 0, "{}", answer.shown());
    assert!(foreign.exists());
    std::fs::remove_dir(&foreign).unwrap();
    check_after(&scene, &node, &answer);
}

#[test]
fn a_connection_that_is_cut_while_the_program_runs_ends_the_program() {
    let node = start(Asks::Plainly);
    node.behave(Behaviour::Hangs);
    let entry = if has_accounts(&node) {
        by_password("cinder1", &node, node.port())
    } else {
        by_key("cinder1", &node, node.port())
    };
    let scene = scene(&[(&node, entry)]);
    let mut child = begin(&scene, &[]);
    until("gs_dump runs", || node.hanging() > 0 && !node.left().is_empty());
    // The process is gone without a word: the node notices by itself.
    child.kill().unwrap();
    let output = child.wait_with_output().unwrap();
    let answer = Answer {
        code: 1,
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    };
    nothing_left(&node, &answer);
}

#[track_caller]
fn check_stopped(scene: &Scene, node: &Node, answer: &Answer, said: &str) {
    assert_eq!(answer.code, 1, "{}", answer.shown());
    let all = format!("{}{}", answer.stdout, answer.stderr);
    assert!(all.contains(said), "{}", answer.shown());
    assert!(all.contains("→ run the same command again"), "{}", answer.shown());
    check_after(scene, node, answer);
    assert!(!scene.path("dumps/cinder.sql").exists());
}

#[test]
fn ctrl_c_while_a_node_does_not_answer_ends_it() {
    let node = shared();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let scene = scene(&[(node, by_key("cinder1", node, silent.local_addr().unwrap().port()))]);
    let child = begin(&scene, &[]);
    let _connection = silent.accept().unwrap();
    let answer = interrupt(child);
    check_stopped(&scene, node, &answer, "stopped by SIGINT");
}

#[test]
fn ctrl_c_while_the_program_runs_ends_it_there_too() {
    for with_su in [false, true] {
        let node = start(Asks::Plainly);
        node.behave(Behaviour::Hangs);
        if with_su && !has_accounts(&node) {
            return;
        }
        let entry = if with_su {
            by_password("cinder1", &node, node.port())
        } else {
            by_key("cinder1", &node, node.port())
        };
        let scene = scene(&[(&node, entry)]);
        let child = begin(&scene, &[]);
        until("gs_dump runs", || node.hanging() > 0);
        let answer = interrupt(child);
        check_stopped(&scene, &node, &answer, "cinder1, cinder: failed\n  stopped by SIGINT\n");
        assert!(answer.stderr.contains("etl: SIGINT: stopping what runs on the nodes"), "{}", answer.shown());
    }
}

#[test]
fn ctrl_c_while_the_file_comes_removes_it_there() {
    let node = shared();
    let proxy = Proxy::to(node.port()).at_most(1 << 20);
    let scene = scene(&[(node, by_key("cinder1", node, proxy.port()))]);
    let child = begin(&scene, &[]);
    let begun = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.is_ok_and(|entry| {
            let name = entry.file_name().into_string().unwrap();
            name.starts_with("cinder.sql.") && entry.metadata().is_ok_and(|part| part.len() > 0)
        })
    };
    let arrives = || std::fs::read_dir(scene.path("dumps")).is_ok_and(|mut entries| entries.any(begun));
    until("the file comes", arrives);
    let answer = interrupt(child);
    check_stopped(&scene, node, &answer, "stopped by SIGINT");
}
