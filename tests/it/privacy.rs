//! What the system could do to the command or give away of it: too few threads, core dumps, settings that others write.

use crate::scene::{Answer, Scene, fixture};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;
use std::time::Duration;

/// At each number of threads that the user may have, from none to enough: it ends as it should, or says what is missing.
#[test]
fn without_threads_it_ends_with_an_error() {
    assert!(nix::unistd::geteuid().is_root(), "only root can become a user who has no other process");
    let scene = Scene::new();
    fs::set_permissions(scene.path("."), fs::Permissions::from_mode(0o777)).unwrap();
    for (name, from) in [("etl", env!("CARGO_BIN_EXE_etl").to_owned()), ("cinder.sql", fixture("cinder.sql"))]
    {
        fs::copy(from, scene.path(name)).unwrap();
        fs::set_permissions(scene.path(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
    let mut codes = Vec::new();
    for threads in 1..=12 {
        let (limit, target) = (format!("--nproc={threads}"), format!("x{threads}.db"));
        let mut command = assert_cmd::Command::new("prlimit");
        command.current_dir(scene.path(".")).arg(limit);
        command.args(["setpriv", "--reuid", "54321", "--regid", "54321", "--clear-groups"]);
        command.args(["./etl", "run", "cinder.sql", "-t", &target, "--no-log", "--quiet", "--threads", "4"]);
        let answer = Answer::of(command.timeout(Duration::from_secs(60)).output().unwrap());
        assert_eq!(answer.code == 3, scene.path(&target).exists(), "{threads}: {}", answer.shown());
        if answer.code != 3 {
            assert_eq!(answer.code, 1, "{threads}: {}", answer.shown());
            assert!(
                answer.stderr.contains("Resource temporarily unavailable"),
                "{threads}: {}",
                answer.shown()
            );
            assert!(
                answer.stderr.contains("allow this user more processes (ulimit -u)"),
                "{}",
                answer.shown()
            );
        }
        codes.push(answer.code);
    }
    assert!(codes.is_sorted() && codes.first() == Some(&1) && codes.last() == Some(&3), "{codes:?}");
}

#[test]
fn a_command_that_dies_leaves_no_core_dump() {
    let scene = Scene::new();
    let mut command = std::process::Command::new("/bin/sh");
    let script = format!("ulimit -c unlimited; exec {} check - --no-log", env!("CARGO_BIN_EXE_etl"));
    command.current_dir(scene.path(".")).args(["-c", &script]);
    let mut child = command.stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let limits = format!("/proc/{}/limits", child.id());
    let is_off = || {
        let limits = fs::read_to_string(&limits).unwrap();
        let line = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
        line.split_whitespace().collect::<Vec<_>>()[4..6] == ["0", "0"]
    };
    let begun = std::time::Instant::now();
    while !is_off() {
        assert!(begun.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(5));
    }
    // The attribute is set right after the limit.
    std::thread::sleep(Duration::from_millis(100));
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(child.id().cast_signed()),
        nix::sys::signal::Signal::SIGABRT,
    )
    .unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.signal(), Some(6));
    assert!(!status.core_dumped());
    assert!(scene.files().is_empty(), "{:?}", scene.files());
}

#[test]
fn settings_that_others_may_write_are_refused() {
    let settings =
        "[[node]]\nname = \"a\"\nhost = \"192.0.2.5\"\nuser = \"u\"\n[[node.dump]]\ndatabase = \"cinder\"\n";
    for (mode, refused) in [(0o600, false), (0o644, false), (0o664, true), (0o646, true), (0o666, true)] {
        for command in ["dump", "cutover", "cutover full", "cutover rollback", "cutover status"] {
            let scene = Scene::new();
            let path = scene.write("cutover.toml", settings);
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
            let line = format!("{command} cutover.toml");
            let words: Vec<&str> =
                line.split(' ').chain((command == "dump").then_some("--dry-run")).collect();
            let answer = scene.etl(&words);
            let told = "etl: cutover.toml: others may write it, and etl runs the commands in it\n  → see what is in it, make \
                        it yours, then: chmod go-w cutover.toml\n";
            assert_eq!(answer.stderr == told, refused, "{mode:o} {command}: {}", answer.shown());
            assert!(!refused || answer.code == 2, "{}", answer.shown());
        }
    }
}
