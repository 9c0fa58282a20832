//! The command as it is killed and stopped: what was under way is recorded, and the next one goes on.

use crate::purge::command::{by_ids, quick, scene};
use crate::scene::{Answer, Scene};
use fixtures::openstack::{Listener, Thing};
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

struct Running {
    child: Child,
    stderr: BufReader<ChildStderr>,
    said: String,
}

impl Running {
    fn start(scene: &Scene, listener: &Listener, arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_etl"));
        command.args(arguments).current_dir(scene.path("")).env_clear();
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.env("OS_AUTH_URL", listener.auth_url()).env("OS_USERNAME", "admin");
        command.env("OS_PASSWORD", "correct horse").env("OS_PROJECT_NAME", "service");
        let mut child = command.spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        Self { child, stderr, said: String::new() }
    }

    fn signal(&self, name: &str) {
        let killed = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().unwrap();
        assert!(killed.success());
    }

    /// Waits until it says a line with this text.
    fn until(&mut self, text: &str) {
        loop {
            let from = self.said.len();
            let bytes = self.stderr.read_line(&mut self.said).unwrap();
            assert!(bytes > 0, "it ended without {text:?}: {}", self.said);
            if self.said[from..].contains(text) {
                return;
            }
        }
    }

    fn answer(mut self) -> Answer {
        self.stderr.read_to_string(&mut self.said).unwrap();
        let output = self.child.wait_with_output().unwrap();
        Answer { stderr: self.said, ..Answer::of(output) }
    }
}

/// Waits until something is so.
#[track_caller]
fn wait(is: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is() {
        assert!(begun.elapsed() < Duration::from_secs(120), "it never came to be");
        sleep(Duration::from_millis(5));
    }
}

fn listed(scene: &Scene, number: usize) {
    scene.write("ids.txt", (0..number).map(|n| format!("b{n}\n")).collect::<String>());
}

fn things(number: usize) -> impl Iterator<Item = Thing> {
    (0..number).map(|n| Thing::backup(format!("b{n}")))
}

#[test]
fn a_sigkill_in_the_middle_costs_nothing() {
    const ALL: usize = 2_000;
    let listener = Listener::start(quick(things(ALL)), None);
    let scene = scene(&listener);
    listed(&scene, ALL);
    let arguments = by_ids(&["--burst", "50"]);
    let mut kills = 0;
    for share in [4, 2] {
        let mut running = Running::start(&scene, &listener, &arguments);
        wait(|| listener.cloud().record().deletions.len() > ALL / share);
        running.child.kill().unwrap();
        let status = running.child.wait().unwrap();
        kills += u32::from(!status.success());
    }
    assert_eq!(kills, 2);
    let answer = scene.etl(&arguments);
    assert_eq!(answer.code, 0, "{}", answer.shown());
    assert!(listener.cloud().there(listener.now()).is_empty());
    let record = listener.cloud().record().clone();
    // Nothing was sent twice, and what was under way at the kill had its place afterwards.
    assert_eq!(record.deletes().count(), ALL);
    assert!(record.tries().values().all(|tries| *tries == 1));
    assert!(record.most_under_way() <= 40, "{}", record.most_under_way());
    let journal = scene.read("etl-purge.journal");
    assert_eq!(journal.lines().filter(|line| line.contains("\"event\":\"done\"")).count(), ALL);
    // And once more: nothing is left to do.
    let answer = scene.etl(&arguments);
    assert_eq!(answer.code, 0);
    let words: Vec<&str> = answer.stdout.split_whitespace().collect();
    assert!(words.join(" ").contains("(earlier runs deleted 2,000, by the journal)"), "{}", answer.stdout);
}

#[test]
fn a_signal_sends_nothing_more_and_waits_for_what_is_under_way() {
    for signal in ["INT", "TERM", "HUP"] {
        let mut cloud = quick(things(200));
        cloud.settings.deletion = Duration::from_millis(300)..Duration::from_millis(600);
        let listener = Listener::start(cloud, None);
        let scene = scene(&listener);
        listed(&scene, 200);
        let arguments = by_ids(&["--report", "r.json"]);
        let mut running = Running::start(&scene, &listener, &arguments);
        wait(|| listener.cloud().record().deletions.len() >= 40);
        running.signal(signal);
        running.until(&format!("etl: SIG{signal}: nothing more is sent; waiting for "));
        let answer = running.answer();
        assert_eq!(answer.code, 1, "{}", answer.shown());
        assert!(answer.stderr.contains(&format!("etl: stopped by SIG{signal}: ")), "{}", answer.stderr);
        let sent = listener.cloud().record().deletions.len();
        assert!(sent < 200);
        // All that was sent is gone and told.
        let there = listener.cloud().there(listener.now()).len();
        assert_eq!(there, 200 - sent);
        let report: serde_json::Value = serde_json::from_str(&scene.read("r.json")).unwrap();
        assert_eq!(report["purge"]["gone"]["backups"].as_u64(), u64::try_from(sent).ok());
        assert_eq!(report["purge"]["unsent"].as_array().map(Vec::len), Some(200 - sent));
        listener.cloud().settings.deletion = Duration::ZERO..Duration::from_millis(5);
        assert_eq!(scene.etl(&arguments).code, 0);
        assert!(listener.cloud().record().tries().values().all(|tries| *tries == 1));
    }
}

#[test]
fn a_second_signal_leaves_what_is_under_way_to_itself() {
    let mut cloud = quick(things(100));
    cloud.settings.deletion = Duration::from_secs(600)..Duration::from_secs(900);
    let listener = Listener::start(cloud, None);
    let scene = scene(&listener);
    listed(&scene, 100);
    let arguments = by_ids(&["--report", "r.json"]);
    let mut running = Running::start(&scene, &listener, &arguments);
    wait(|| listener.cloud().record().deletions.len() == 40);
    running.signal("INT");
    running.until("nothing more is sent");
    running.signal("INT");
    running.until("etl: SIGINT: leaving; the journal knows what is under way");
    let answer = running.answer();
    assert_eq!(answer.code, 1, "{}", answer.shown());
    let report: serde_json::Value = serde_json::from_str(&scene.read("r.json")).unwrap();
    assert_eq!(report["purge"]["under_way"].as_array().map(Vec::len), Some(40));
    assert!(answer.stderr.ends_with("it goes on where this one stopped\n"), "{}", answer.stderr);
}

#[test]
fn before_the_first_deletion_a_signal_ends_it_at_once() {
    let mut cloud = quick(things(10));
    cloud.settings.latency = Duration::from_secs(600)..Duration::from_secs(601);
    let listener = Listener::start(cloud, None);
    let scene = scene(&listener);
    listed(&scene, 10);
    let running = Running::start(&scene, &listener, &by_ids(&[]));
    wait(|| !listener.cloud().record().entries.is_empty());
    running.signal("TERM");
    let answer = running.answer();
    assert_eq!((answer.code, answer.stdout.as_str()), (1, ""));
    let end = "etl: stopped by SIGTERM; nothing was deleted\n  → run the same command again\n";
    assert!(answer.stderr.ends_with(end), "{}", answer.stderr);
}

#[test]
fn progress_is_told_in_plain_lines_where_there_is_no_terminal() {
    let mut cloud = quick(things(20));
    cloud.settings.deletion = Duration::from_millis(900)..Duration::from_secs(1);
    let listener = Listener::start(cloud, None);
    let scene = scene(&listener);
    listed(&scene, 20);
    let mut running = Running::start(&scene, &listener, &by_ids(&[]));
    running.until("of 20 gone, ");
    let answer = running.answer();
    assert_eq!(answer.code, 0, "{}", answer.shown());
    for line in answer.stderr.lines() {
        assert!(line.starts_with("etl: ") && !line.contains(['\x1b', '\r']), "{line:?}");
    }
    let quiet = scene.etl(&by_ids(&["--quiet"]));
    assert_eq!((quiet.code, quiet.stderr.as_str()), (0, ""));
}
