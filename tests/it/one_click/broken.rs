//! A cutover that is cut short in each of its steps, and typed again.

use super::site::Site;
use fixtures::server::shared;
use serde_json::Value;
use std::collections::BTreeSet;
use std::process::Output;
use std::time::{Duration, Instant};

/// The step that was begun last, while it is under way.
fn under_way(site: &Site) -> Option<String> {
    let lines = std::fs::read_to_string(site.scene.path("cutover/state.jsonl")).ok()?;
    let last: Value = serde_json::from_str(lines.lines().last()?).ok()?;
    (last["event"] == "began").then(|| last["step"].as_str().unwrap().to_owned())
}

/// Types the command until it comes to its end; each time it is sent a signal in the first step in which none came before.
/// Answers those steps, and how it ended.
fn broken_in_each_step(
    site: &Site,
    arguments: &[&str],
    signal: &str,
    mut check: impl FnMut(&Output),
) -> (BTreeSet<String>, Output) {
    let mut broken = BTreeSet::new();
    loop {
        let mut child = site.command(arguments).spawn().unwrap();
        let begun = Instant::now();
        let sent = loop {
            if child.try_wait().unwrap().is_some() {
                break false;
            }
            match under_way(site) {
                Some(step) if broken.insert(step.clone()) => {
                    let process = child.id().to_string();
                    let killed = std::process::Command::new("kill").args(["-s", signal, &process]).status();
                    assert!(killed.unwrap().success());
                    break true;
                }
                _ => std::thread::sleep(Duration::from_millis(1)),
            }
            assert!(begun.elapsed() < Duration::from_secs(120), "it does not end");
        };
        let output = child.wait_with_output().unwrap();
        site.hear(String::from_utf8_lossy(&output.stdout).into_owned());
        site.hear(String::from_utf8_lossy(&output.stderr).into_owned());
        if !sent || output.status.success() {
            return (broken, output);
        }
        check(&output);
        let sessions = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = '{}' AND pid <> pg_backend_pid()",
            site.karbor
        );
        while shared().psql(&site.karbor, &sessions) != "0" {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

#[test]
fn killed_in_each_step_and_typed_again() {
    let site = Site::new();
    site.stop_vbs();
    let line = ["cutover", "cutover.toml", "--switched", "--quiet"];
    let (broken, output) = broken_in_each_step(&site, &line, "KILL", |output| {
        assert_eq!(output.status.code(), None);
    });
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
    let mut expected: Vec<&str> =
        vec!["check", "columns", "dump", "dump-again", "dump-jobs", "jobs", "preflight", "restart"];
    expected.extend(["run", "run-again", "safety", "stopped", "sync", "sync-jobs", "verify", "verify-again"]);
    let found: Vec<&str> = broken.iter().map(String::as_str).collect();
    // A step that is over in a moment may be over before the signal comes, but not most of them.
    assert!(found.iter().all(|step| expected.contains(step)) && found.len() >= 10, "{found:?}");
    let carried = site.rows_of_a_run(&["--unsteady", "carry"]);
    assert_eq!(site.rows()["plans"], carried["plans"]);
    assert_eq!(site.rows()["checkpoint_items"].len(), carried["checkpoint_items"].len());
    site.assert_clean();
}

#[test]
fn ctrl_c_in_each_step_says_how_to_go_on() {
    let site = Site::new();
    let before = site.rows();
    let line = ["cutover", "cutover.toml", "-vv"];
    let (broken, output) = broken_in_each_step(&site, &line, "INT", |output| {
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.contains("SIGINT"), "{text}");
        assert!(text.contains("type: etl cutover full cutover.toml"), "{text}");
        assert_eq!(site.node.left(), Vec::<String>::new());
    });
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(broken.contains("dump") && broken.contains("run"), "{broken:?}");
    assert_eq!(site.rows(), site.rows_of_a_run(&[]));
    let answer = site.etl(&["cutover", "rollback", "cutover.toml", "--yes"]);
    assert_eq!(answer.code, 0, "{}", answer.shown());
    assert_eq!(site.rows(), before);
    site.assert_clean();
}

#[test]
fn what_fails_says_what_was_done_and_how_to_go_on_and_back() {
    let site = Site::new();
    // Nothing is done by a dry run.
    let answer = site.etl(&["cutover", "cutover.toml", "--dry-run"]);
    assert_eq!((answer.code, answer.stderr.as_str()), (0, ""), "{}", answer.shown());
    assert!(answer.stdout.contains("\n    etl run cutover/full/cinder.sql "), "{}", answer.stdout);
    assert!(!site.scene.path("cutover").exists());

    site.node.behave(fixtures::ssh::Behaviour::FailsHalfWay);
    let answer = site.etl(&["cutover", "cutover.toml", "-vv"]);
    assert_eq!(answer.code, 1, "{}", answer.shown());
    for said in [
        "query failed: FATAL:  server closed the connection unexpectedly",
        "etl: the cutover stops at the step dump\n",
        "of the full part is done: preflight, safety\n",
        "is not done: dump, columns, check, run, verify\n",
        "→ nothing was written to the target: there is nothing to take back\n",
    ] {
        assert!(answer.stderr.contains(said), "{said}: {}", answer.shown());
    }
    let answer = site.etl(&["cutover", "status", "cutover.toml"]);
    assert!(answer.stdout.contains("\n  dump          failed"), "{}", answer.stdout);
    // Another cutover cannot be begun beside it, nor the next part before this one.
    let answer = site.etl(&["cutover", "incremental", "cutover.toml"]);
    assert_eq!(answer.code, 2, "{}", answer.shown());
    assert!(answer.stderr.contains("→ first type: etl cutover full cutover.toml\n"), "{}", answer.shown());

    // Settings that changed are noticed.
    site.node.behave(fixtures::ssh::Behaviour::Dumps);
    let wrong = site.settings().replace("[karbor]\n", "[karbor]\nversion = \"7\"\n");
    site.scene.write("cutover.toml", &wrong);
    let answer = site.etl(&["cutover", "cutover.toml"]);
    assert_eq!(answer.code, 2, "{}", answer.shown());
    assert!(answer.stderr.contains("etl cutover cutover.toml --from dump;"), "{}", answer.shown());
    let answer = site.etl(&["cutover", "cutover.toml", "--again"]);
    assert_eq!(answer.code, 1, "{}", answer.shown());
    assert!(answer.stderr.contains("cutover.toml:5: version \"7\" is expected"), "{}", answer.shown());
    site.assert_clean();
}

#[test]
fn answers_that_are_piped_become_a_settings_file() {
    let scene = crate::scene::Scene::new();
    let answers = "\n\n\n\nvbs1\n192.0.2.5\n\n\ncinder dps\n\n\nvbs1\ntrue\n\n\n\n\n";
    let answer = scene.etl_fed(&["cutover", "init", "cutover.toml"], answers);
    assert_eq!((answer.code, answer.stdout.as_str()), (0, ""), "{}", answer.shown());
    assert!(scene.read("cutover.toml").contains("[[node.dump]]\ndatabase = \"dps\"\n"));
    let answer = scene.etl_fed(&["cutover", "init", "cutover.toml"], "no\n");
    assert_eq!(answer.code, 1, "{}", answer.shown());
    let answer = scene.etl(&["cutover", "cutover.toml", "--dry-run"]);
    assert_eq!(answer.code, 0, "{}", answer.shown());
    assert_eq!(scene.files(), ["cutover.toml"]);
}
