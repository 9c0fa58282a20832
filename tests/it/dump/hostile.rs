//! Nodes that print without end, or do not answer: an end with what was seen, within limits of memory and time.

use super::stage::{
    begin, by_key, by_password, check_after, dump, has_accounts, replace, scene, shared, start, start_with,
    until,
};
use crate::scene::Answer;
use fixtures::ssh::{Asks, Proxy};
use std::process::Stdio;
use std::time::{Duration, Instant};

/// So much of a process may lie in memory, in KiB: the program itself, and what is under way of an SSH connection.
const MEMORY: u64 = 300 << 10;

/// Runs the command; answers how much of it lay in memory at most, too.
fn measured(scene: &crate::scene::Scene) -> (Answer, u64) {
    let mut child = scene.process(&["dump", "cutover.toml"]).stdin(Stdio::null()).spawn().unwrap();
    let (status, since) = (format!("/proc/{}/status", child.id()), Instant::now());
    let mut most = 0;
    while child.try_wait().unwrap().is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let held = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0);
        most = most.max(held);
        assert!(most < 4 * MEMORY && since.elapsed() < Duration::from_secs(60), "{most} KiB");
        std::thread::sleep(Duration::from_millis(20));
    }
    (Answer::of(child.wait_with_output().unwrap()), most)
}

#[test]
fn a_node_that_prints_without_end_is_given_up_with_its_first_lines() {
    for (program, said) in [
        (
            "#!/bin/sh\necho This is no shell\nexec yes 'of any kind'\n",
            "This is no shell; of any kind; of any kind; ",
        ),
        ("#!/bin/sh\nprintf 'no line end '\nexec cat /dev/zero\n", "no line end "),
    ] {
        let node = start_with(Asks::Plainly, "ForceCommand @FOLDER@/bin/endless", &[("endless", program)]);
        let scene = scene(&[(&node, by_key("cinder1", &node, node.port()))]);
        let since = Instant::now();
        let (answer, memory) = measured(&scene);
        check_after(&scene, &node, &answer);
        assert_eq!(answer.code, 1, "{}", answer.shown());
        for words in
            ["it prints without end before a command begins: ", said, "and ForceCommand of the node's sshd"]
        {
            assert!(answer.stdout.contains(words), "{}", answer.shown());
        }
        assert!(answer.stdout.len() < 16 << 10, "{}", answer.stdout.len());
        assert!(memory < MEMORY, "{memory} KiB");
        assert!(since.elapsed() < Duration::from_secs(20), "{:?}", since.elapsed());
    }
}

/// A subsystem that answers with so many bytes, and then no more.
fn mute_after(bytes: &str) -> String {
    format!("#!/bin/sh\n/usr/lib/openssh/sftp-server | {{ {bytes}; exec sleep 600; }}\n")
}

#[test]
fn a_read_that_is_not_answered_is_asked_for_again_and_then_given_up() {
    // Enough to begin and to open the file, and not for a read.
    let mute = mute_after("stdbuf -o0 head -c 1000");
    let once = mute_after(
        "if [ -e @FOLDER@/seen/once ]; then cat; else touch @FOLDER@/seen/once; stdbuf -o0 head -c 300000; fi",
    );
    for (program, arrives) in [(mute, false), (once, true)] {
        let lines = "Subsystem sftp @FOLDER@/bin/mute";
        let node = start_with(Asks::Plainly, lines, &[("mute", &program)]);
        let scene = scene(&[(&node, by_key("cinder1", &node, node.port()))]);
        replace(&scene, "reconnects = 1\n", "reconnects = 1\nsilence = \"3s\"\n");
        let since = Instant::now();
        let answer = dump(&scene, &node, &[]);
        assert!(since.elapsed() < Duration::from_secs(60), "{:?}\n{}", since.elapsed(), answer.shown());
        assert!(
            answer.stderr.contains("etl: cinder1, cinder: no answer within 3s at byte "),
            "{}",
            answer.shown()
        );
        if arrives {
            assert_eq!(answer.code, 0, "{}", answer.shown());
            continue;
        }
        assert_eq!(answer.code, 1, "{}", answer.shown());
        assert!(
            answer.stdout.contains("the node has twice not answered within 3s when "),
            "{}",
            answer.shown()
        );
        assert!(answer.stderr.contains("1 of 1 dumps failed; nothing was kept\n"), "{}", answer.shown());
    }
}

#[test]
fn what_earlier_commands_left_is_not_said_to_be_nothing() {
    let node = shared();
    let scene = scene(&[(node, by_key("cinder1", node, node.port()))]);
    assert_eq!(dump(&scene, node, &[]).code, 0);
    let left = "dumps/cinder.sql.0123456789abcdef0123456789abcdef.part";
    for name in [left, "dumps/vbs.sql.0123456789abcdef0123456789abcdef.part"] {
        scene.write(name, "a part");
    }
    // Nothing listens on port 1.
    replace(&scene, &format!("port = {}\n", node.port()), "port = 1\n");
    let answer = dump(&scene, node, &[]);
    assert_eq!(answer.code, 1, "{}", answer.shown());
    let said = format!("nothing was kept; of earlier commands there still is dumps/cinder.sql, {left}\n");
    assert!(answer.stderr.contains(&said), "{}", answer.shown());
}

#[test]
fn a_dump_that_is_here_and_whose_file_stays_on_the_node_is_not_all_done() {
    let node = start(Asks::Plainly);
    if !has_accounts(&node) {
        return;
    }
    // Slow enough that the folder can be looked for.
    let proxy = Proxy::to(node.port()).at_most(1 << 20);
    let scene = scene(&[(&node, by_password("cinder1", &node, proxy.port()))]);
    let child = begin(&scene, &["--report", "report.json"]);
    until("the dump lies there", || proxy.passed() > 100 << 10 && !node.left().is_empty());
    let [folder] = &node.left()[..] else { panic!("{:?}", node.left()) };
    // Not the database user's, so that it cannot remove it.
    let foreign = node.remote_folder().join(folder).join("foreign");
    std::fs::create_dir(&foreign).unwrap();
    std::fs::write(foreign.join("file"), "").unwrap();
    let answer = Answer::of(child.wait_with_output().unwrap());
    std::fs::remove_dir_all(&foreign).unwrap();
    assert_eq!(answer.code, 3, "{}", answer.shown());
    assert!(answer.stdout.contains("what is left on cinder1 ("), "{}", answer.shown());
    assert!(answer.stdout.contains("is removed there by gaussdba with: rm -rf "), "{}", answer.shown());
    assert!(scene.path("dumps/cinder.sql").exists());
    let report: serde_json::Value = serde_json::from_str(&scene.read("report.json")).unwrap();
    assert_eq!(report["exit_code"], 3);
    assert!(report["dumps"][0]["left"].as_str().unwrap().contains("cannot be removed"), "{report}");
    // The next one removes it.
    let answer = dump(&scene, &node, &[]);
    assert_eq!(answer.code, 0, "{}", answer.shown());
}
