//! What is asked on a terminal: a pseudo-terminal whose other side the test holds, and which is the command's own.

use super::stage::{by_key, by_password, check_after, has_accounts, scene_without_secrets, shared};
use crate::scene::{Answer, Scene};
use fixtures::ssh::{DATABASE_USER_PASSWORD, Node, PASSWORD};
use nix::pty::openpty;
use nix::sys::termios::{LocalFlags, tcgetattr};
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};

pub(super) const CTRL_C: &str = "\u{3}";

/// Not typed: the command is sent SIGTERM.
pub(super) const TERMINATE: &str = "SIGTERM";

/// Runs the command on a terminal; each question is answered once, in this order.
pub(super) fn on_terminal(scene: &Scene, node: &Node, dialogue: &[(&str, &str)]) -> Answer {
    let pty = openpty(None, None).unwrap();
    let mut command = Command::new("setsid");
    command.args(["--ctty", env!("CARGO_BIN_EXE_etl"), "dump", "cutover.toml"]);
    command.current_dir(scene.path("")).env_clear().env("TERM", "xterm");
    command.stdin(Stdio::from(pty.slave.try_clone().unwrap())).stderr(Stdio::from(pty.slave));
    let child = command.stdout(Stdio::piped()).spawn().unwrap();
    // With the command's own, the last hold on the terminal's inner side: it ends with the child.
    drop(command);
    let mut terminal = File::from(pty.master);
    let (mut said, mut bytes, mut answered) = (Vec::new(), [0; 4096], 0);
    let mut dialogue = dialogue.iter();
    let mut next = dialogue.next();
    while let Ok(read @ 1..) = terminal.read(&mut bytes) {
        said.extend_from_slice(&bytes[..read]);
        let heard = String::from_utf8_lossy(&said[answered..]).into_owned();
        if let Some((question, answer)) = next
            && heard.contains(question)
        {
            answered = said.len();
            // Nobody types before the question is out, and the echo off.
            std::thread::sleep(std::time::Duration::from_millis(300));
            match *answer {
                TERMINATE => {
                    drop(Command::new("kill").args(["-s", "TERM", &child.id().to_string()]).status())
                }
                typed => terminal.write_all(typed.as_bytes()).unwrap(),
            }
            next = dialogue.next();
        }
    }
    let mode = tcgetattr(&terminal).unwrap();
    let shown = LocalFlags::ECHO | LocalFlags::ICANON | LocalFlags::ISIG;
    assert!(mode.local_flags.contains(shown), "the terminal is left as {:?}", mode.local_flags);
    let mut answer = Answer::of(child.wait_with_output().unwrap());
    answer.stderr = String::from_utf8_lossy(&said).into_owned();
    assert!(next.is_none(), "not asked: {next:?}\n{}", answer.shown());
    check_after(scene, node, &answer);
    answer
}

#[test]
fn each_password_is_asked_for_once_and_a_new_host_key_is_shown() {
    let node = shared();
    if !has_accounts(node) {
        return;
    }
    let scene = scene_without_secrets(&[(node, by_password("cinder1", node, node.port()))]);
    scene.write("known_hosts", "");
    let (login, become_password) = (format!("{PASSWORD}\n"), format!("{DATABASE_USER_PASSWORD}\n"));
    let dialogue = [
        ("Password of cps on cinder1: ", login.as_str()),
        ("Password of gaussdba on cinder1: ", become_password.as_str()),
        ("ssh-ed25519 SHA256:", "yes\n"),
    ];
    let answer = on_terminal(&scene, node, &dialogue);
    assert_eq!(answer.code, 0, "{}", answer.shown());
    assert_eq!(answer.stderr.matches("Password of ").count(), 2, "{}", answer.stderr);
    assert!(scene.read("known_hosts").contains("ssh-ed25519"), "{}", scene.read("known_hosts"));
}

#[test]
fn a_host_key_that_is_not_confirmed_is_refused() {
    let node = shared();
    let scene = scene_without_secrets(&[(node, by_key("cinder1", node, node.port()))]);
    scene.write("known_hosts", "");
    let answer = on_terminal(&scene, node, &[("Type \"yes\" to go on: ", "y\n")]);
    assert_eq!(answer.code, 1, "{}", answer.shown());
    assert!(answer.stdout.contains("is not known: ssh-ed25519 SHA256:"), "{}", answer.shown());
    assert_eq!(scene.read("known_hosts"), "");
}

#[test]
fn ctrl_c_at_a_question_ends_it() {
    let node = shared();
    let scene = scene_without_secrets(&[(node, by_key("cinder1", node, node.port()))]);
    scene.write("known_hosts", "");
    let answer = on_terminal(&scene, node, &[("Type \"yes\" to go on: ", CTRL_C)]);
    assert_eq!(answer.code, 1, "{}", answer.shown());
    assert!(answer.stdout.contains("stopped by SIGINT"), "{}", answer.shown());
    if !has_accounts(node) {
        return;
    }
    let scene = scene_without_secrets(&[(node, by_password("cinder1", node, node.port()))]);
    for (end, signal) in [(CTRL_C, "SIGINT"), (TERMINATE, "SIGTERM")] {
        let answer = on_terminal(&scene, node, &[("Password of cps on cinder1: ", end)]);
        assert_eq!(answer.code, 1, "{}", answer.shown());
        let said = format!("etl: stopped by {signal}; no node was touched");
        assert!(answer.stderr.contains(&said), "{}", answer.shown());
    }
}
