//! The connection stays open and carries nothing any more, as behind a network that swallows packets: a command ends within a time
//! that is known, and says what it knows.

use super::connection::{Victim, commit_of};
use super::wire::{Cut, Hole};
use super::{command, line};
use crate::scene::Answer;
use fixtures::server::{Server, shared};
use std::time::{Duration, Instant};

/// What no end may take longer than, under [`impatient`]: the time that is said, and what it takes to be sure of it.
const END: Duration = Duration::from_secs(30);

/// The answer of a command that believes in the connection for one second.
#[track_caller]
fn impatient(victim: &Victim, name: &str, more: &[&str]) -> Answer {
    let target = format!("{}&connect_timeout=1", victim.wire.url(&victim.database));
    let mut command = command(&victim.scene, &line(name, &target, more));
    let begun = Instant::now();
    command.env("ETL_TARGET_TIMEOUT", "1");
    let answer = Answer::run(command);
    assert!(begun.elapsed() < END, "{:?}: {}", begun.elapsed(), answer.shown());
    answer
}

/// Silence from `message` of a run on, on all connections.
fn sweep(name: &str, loaded: bool, more: &[&str]) {
    let victim = if loaded { Victim::loaded() } else { Victim::new() };
    let kept = format!("{}_kept", victim.database);
    Victim::copy(&victim.database, &kept);
    let before = victim.state();
    victim.wire.take_seen();
    impatient(&victim, name, more);
    let seen = victim.wire.take_seen();
    let commit = seen.iter().position(|says| says == "COMMIT").unwrap_or(seen.len());
    let places = (0..commit).step_by((commit / 3).max(1)).chain([commit - 1]);
    for message in places {
        Victim::copy(&kept, &victim.database);
        let all = Hole { delivered: message % 2 == 0, others_too: true };
        victim.wire.cut(message, Cut::Hole(all));
        let answer = impatient(&victim, name, more);
        let place =
            format!("{name}, silence from message {message} on: {}\n{}", seen[message], answer.shown());
        assert_eq!(answer.code, 1, "{place}");
        assert!(
            answer.stderr.contains(
                "the connection was given up: nothing arrived for 1 s, and a second connection failed"
            ) || answer.stderr.contains("no answer within 1 s"),
            "{place}"
        );
        end_sessions(&victim.database);
        assert_eq!(victim.state(), before, "{place}");
    }
}

/// What the wire keeps from the server: that its clients are gone.
fn end_sessions(database: &str) {
    shared().psql(
        "postgres",
        &format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'"),
    );
}

#[test]
fn a_run() {
    sweep("run", false, &["--no-log", "--quiet"]);
}

#[test]
fn a_rerun() {
    sweep("run", true, &["--no-log", "--quiet", "--provider-id", "other", "--unsteady", "carry"]);
}

#[test]
fn a_rollback() {
    sweep("rollback", true, &["--source", "all", "--yes", "--quiet"]);
}

#[test]
fn a_sync() {
    sweep("sync", true, &["--no-log", "--quiet"]);
}

/// Silence at the COMMIT of a run: the answer, and whether the rows are there.
fn at_commit(hole: Hole, more: &[&str]) -> (Answer, bool) {
    let victim = Victim::new();
    let kept = format!("{}_kept", victim.database);
    Victim::copy(&victim.database, &kept);
    victim.wire.take_seen();
    assert_eq!(impatient(&victim, "run", &["--no-log", "--quiet"]).code, 3);
    let commit = commit_of(&victim.wire.take_seen());
    Victim::copy(&kept, &victim.database);
    victim.wire.cut(commit, Cut::Hole(hole));
    let answer = impatient(&victim, "run", &[&["--no-log", "--quiet"], more].concat());
    end_sessions(&victim.database);
    let plans = shared().psql(&victim.database, "SELECT count(*) FROM plans");
    if answer.code == 5 {
        let report: serde_json::Value = serde_json::from_str(&victim.scene.read("report.json")).unwrap();
        assert_eq!(report["exit_code"], 5, "{report}");
        // The remedy works.
        victim.wire.cut(usize::MAX, Cut::Before);
        let check = victim.etl("check", &["--no-log", "--quiet"]);
        let same = if plans == "0" { "0" } else { "351" };
        let unchanged =
            |line: &str| line.starts_with("  all ") && line.split_whitespace().any(|word| word == same);
        assert!(check.stdout.lines().any(unchanged), "{}", check.shown());
    }
    (answer, plans != "0")
}

#[test]
fn a_commit_whose_answer_never_comes_is_looked_up() {
    let (answer, there) = at_commit(Hole { delivered: true, others_too: false }, &[]);
    assert_eq!((answer.code, there), (3, true), "{}", answer.shown());
    let (answer, there) = at_commit(Hole { delivered: false, others_too: false }, &[]);
    assert_eq!((answer.code, there), (1, false), "{}", answer.shown());
    for part in ["no answer within 1 s", "it was not committed: nothing was written"] {
        assert!(answer.stderr.contains(part), "{}", answer.shown());
    }
}

#[test]
fn an_outcome_that_cannot_be_looked_up_is_an_exit_code_of_its_own() {
    for delivered in [false, true] {
        let (answer, there) = at_commit(Hole { delivered, others_too: true }, &["--report", "report.json"]);
        assert_eq!((answer.code, there), (5, delivered), "{}", answer.shown());
        for part in [
            "COMMIT was sent, but its outcome is unknown",
            "no answer within 1 s; looked for the rows for 1 s, in vain",
            "→ once the target answers, run `etl check`",
        ] {
            assert!(answer.stderr.contains(part), "{}", answer.shown());
        }
        assert!(!answer.stderr.contains("nothing was written"), "{}", answer.shown());
    }
}

#[test]
fn a_signal_limits_how_long_the_answer_to_commit_is_awaited() {
    let victim = Victim::new();
    let kept = format!("{}_kept", victim.database);
    Victim::copy(&victim.database, &kept);
    assert_eq!(victim.etl("run", &["--no-log", "--quiet"]).code, 3);
    let commit = commit_of(&victim.wire.take_seen());
    Victim::copy(&kept, &victim.database);
    victim.wire.cut(commit, Cut::Hole(Hole { delivered: true, others_too: true }));
    // With the times that are the default.
    let target = format!("{}&connect_timeout=2", victim.wire.url(&victim.database));
    let mut command = command(&victim.scene, &line("run", &target, &["--no-log", "--quiet"]));
    let child =
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    while !victim.wire.is_cut() {
        std::thread::sleep(Duration::from_millis(20));
    }
    let begun = Instant::now();
    std::thread::sleep(Duration::from_millis(200));
    let _ = std::process::Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    let answer = Answer::of(child.wait_with_output().unwrap());
    assert!(begun.elapsed() < Duration::from_secs(45), "{:?}", begun.elapsed());
    assert_eq!(answer.code, 5, "{}", answer.shown());
    for part in [
        "SIGTERM: COMMIT may have been sent; its answer is awaited for 10 s, then its outcome is looked up",
        "no answer within 10 s after SIGTERM",
    ] {
        assert!(answer.stderr.contains(part), "{}", answer.shown());
    }
    end_sessions(&victim.database);
}

#[test]
fn a_commit_that_waits_for_a_standby_that_is_gone_ends() {
    let server = Server::start();
    let database = crate::karbor::database(&server);
    server.psql("postgres", "ALTER SYSTEM SET synchronous_standby_names = 'gone'");
    server.psql("postgres", "SELECT pg_reload_conf()");
    while server.psql("postgres", "SHOW synchronous_standby_names") != "gone" {
        std::thread::sleep(Duration::from_millis(20));
    }
    let scene = crate::scene::Scene::new();
    let target = format!("{}?sslmode=disable", server.url(&database));
    let mut command = command(&scene, &line("run", &target, &["--quiet", "--log", "etl.log"]));
    command.env("ETL_TARGET_TIMEOUT", "1");
    let answer = Answer::run(command);
    assert_eq!(answer.code, 3, "{}", answer.shown());
    let log = scene.read("etl.log");
    assert!(
        log.contains("no answer within 1 s; after its cancellation the server says that it is committed"),
        "{log}"
    );
    assert_ne!(server.psql(&database, "SELECT count(*) FROM plans"), "0");
}
