//! The operator's word, typed on a terminal: a pseudo-terminal whose other side the test holds.

use crate::purge::command::{QUICK, quick, scene};
use crate::scene::Scene;
use fixtures::openstack::{Listener, Thing};
use nix::pty::openpty;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};

/// What is done when the command asks.
#[derive(Clone, Copy)]
enum Deed {
    Type(&'static str),
    Interrupt,
}

/// Runs the command with a terminal for its input and its errors, and does something when it asks; answers the exit
/// code and what it said there.
fn on_terminal(scene: &Scene, listener: &Listener, arguments: &[&str], deed: Deed) -> (i32, String) {
    let pty = openpty(None, None).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_etl"));
    command.args(arguments).args(QUICK).current_dir(scene.path("")).env_clear();
    command.env("OS_AUTH_URL", listener.auth_url()).env("OS_USERNAME", "admin").env("TERM", "xterm");
    command.env("OS_PASSWORD", "correct horse").env("OS_PROJECT_NAME", "service");
    command.stdin(Stdio::from(pty.slave.try_clone().unwrap())).stderr(Stdio::from(pty.slave));
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    // With the command's own, the last hold on the terminal's inner side: it ends with the child.
    drop(command);
    let mut terminal = File::from(pty.master);
    let (mut said, mut bytes) = (Vec::new(), [0; 4096]);
    let mut deed = Some(deed);
    while let Ok(read @ 1..) = terminal.read(&mut bytes) {
        said.extend_from_slice(&bytes[..read]);
        if String::from_utf8_lossy(&said).contains("for good: ") {
            match deed.take() {
                Some(Deed::Type(typed)) => terminal.write_all(typed.as_bytes()).unwrap(),
                Some(Deed::Interrupt) => {
                    let id = child.id().to_string();
                    assert!(Command::new("kill").args(["-s", "INT", &id]).status().unwrap().success());
                }
                None => {}
            }
        }
    }
    let code = child.wait().unwrap().code().unwrap();
    (code, String::from_utf8_lossy(&said).into_owned())
}

fn cloud() -> Listener {
    let things =
        (0..8).map(|n| Thing::backup(format!("b{n}")).made(&format!("v{n}"), "2019-01-01T00:00:00.000000"));
    let snapshots = (0..4).map(|n| Thing::snapshot(format!("s{n}")).of("p2"));
    Listener::start(quick(things.chain(snapshots)), None)
}

#[test]
fn the_number_has_to_be_typed() {
    let listener = cloud();
    let scene = scene(&listener);
    scene.write("ids.txt", "b0\nb1\nb2\ns0\n");
    let arguments = ["purge", "--ids", "ids.txt", "--no-target"];
    for typed in ["y\n", "3\n", "\n", "\u{4}"] {
        let (code, said) = on_terminal(&scene, &listener, &arguments, Deed::Type(typed));
        assert_eq!(code, 1, "{said}");
        assert!(said.contains("Type \"4\" to delete this for good: "), "{said}");
        assert!(said.contains("etl: \"4\" was not typed; nothing was deleted"), "{said}");
    }
    let (code, said) = on_terminal(&scene, &listener, &arguments, Deed::Interrupt);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("etl: stopped by SIGINT; nothing was deleted"), "{said}");
    assert_eq!(listener.cloud().record().deletes().count(), 0);
    let (code, said) = on_terminal(&scene, &listener, &arguments, Deed::Type("4\n"));
    assert_eq!(code, 0, "{said}");
    assert_eq!(listener.cloud().there(listener.now()).len(), 8);
}

#[test]
fn everything_is_typed_out_with_its_projects() {
    let listener = cloud();
    let scene = scene(&listener);
    let arguments = ["purge", "--everything", "--project", "p1", "--no-target"];
    let (code, said) = on_terminal(&scene, &listener, &arguments, Deed::Type("8\n"));
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("Type \"everything in p1\" to delete this for good: "), "{said}");
    assert_eq!(listener.cloud().record().deletes().count(), 0);
    let (code, said) = on_terminal(&scene, &listener, &arguments, Deed::Type("everything in p1\n"));
    assert_eq!(code, 0, "{said}");
    assert_eq!(listener.cloud().there(listener.now()), ["s0", "s1", "s2", "s3"]);
}
