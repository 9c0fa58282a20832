//! A run as it is watched and stopped.

use crate::scene::{Answer, Scene, fixture};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStderr, ChildStdin, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// A command that waits for more of its standard input.
struct Waiting {
    child: Child,
    stdin: ChildStdin,
    stderr: BufReader<ChildStderr>,
    said: String,
}

/// So much of a dump that the command has something to read, and lacks its end.
const BEGINNING: usize = 4096;

fn dump() -> Vec<u8> {
    std::fs::read(fixture("cinder.sql")).unwrap()
}

impl Waiting {
    /// Starts `etl` with the beginning of a dump.
    fn start(scene: &Scene, arguments: &[&str]) -> Self {
        let mut child = scene.process(arguments).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(&dump()[..BEGINNING]).unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        Self { child, stdin, stderr, said: String::new() }
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

    fn signal(&self, name: &str) {
        let killed = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().unwrap();
        assert!(killed.success());
    }

    /// Gives it the rest of the dump and waits for its end.
    fn answer(mut self) -> Answer {
        // It may stop before it has read all of this.
        let _ = self.stdin.write_all(&dump()[BEGINNING..]);
        drop(self.stdin);
        self.stderr.read_to_string(&mut self.said).unwrap();
        let output = self.child.wait_with_output().unwrap();
        Answer { stderr: self.said, ..Answer::of(output) }
    }
}

#[test]
fn a_signal_stops_a_run_that_reads_and_nothing_is_written() {
    for signal in ["INT", "TERM", "HUP"] {
        let scene = Scene::new();
        let mut waiting = Waiting::start(&scene, &["run", "-", "--no-log"]);
        waiting.until("etl: reading");
        waiting.signal(signal);
        waiting.until(&format!("etl: SIG{signal}: stopping; nothing will be written"));
        // A second signal is no kill either.
        waiting.signal(signal);
        waiting.until(&format!("etl: SIG{signal}: already stopping"));
        let answer = waiting.answer();
        assert_eq!((answer.code, answer.stdout.as_str()), (1, ""));
        let end =
            format!("etl: stopped by SIG{signal}; nothing was written\n  → run the same command again\n");
        assert!(answer.stderr.ends_with(&end), "{}", answer.stderr);
        assert!(scene.files().is_empty(), "{:?}", scene.files());
    }
}

#[test]
fn a_pipe_from_which_nothing_comes_does_not_keep_a_run_from_stopping() {
    let scene = Scene::new();
    let mut waiting = Waiting::start(&scene, &["run", "-", "--no-log"]);
    waiting.until("etl: reading");
    waiting.signal("TERM");
    let sent = Instant::now();
    while waiting.child.try_wait().unwrap().is_none() {
        assert!(sent.elapsed() < Duration::from_secs(60), "it still waits for its pipe");
        sleep(Duration::from_millis(50));
    }
    let answer = waiting.answer();
    assert_eq!(answer.code, 1);
    assert!(answer.stderr.contains("\netl: stopped by SIGTERM; nothing was written\n"), "{}", answer.stderr);
    assert!(scene.files().is_empty(), "{:?}", scene.files());
}

#[test]
fn progress_is_told_in_plain_lines_where_there_is_no_terminal() {
    let scene = Scene::new();
    let mut waiting = Waiting::start(&scene, &["check", "-", "--no-log"]);
    waiting.until("etl: reading, 4.0 KiB read\n");
    let answer = waiting.answer();
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    for line in answer.stderr.lines() {
        assert!(line.starts_with("etl: ") && !line.contains(['\x1b', '\r']), "{line:?}");
    }
}

#[test]
fn with_quiet_there_is_no_progress() {
    let scene = Scene::new();
    let waiting = Waiting::start(&scene, &["check", "-", "--no-log", "--quiet"]);
    // Long enough for a first line of progress, were there one.
    sleep(Duration::from_millis(500));
    let answer = waiting.answer();
    assert_eq!((answer.code, answer.stderr.as_str()), (0, ""));
    assert!(answer.stdout.contains("Source rows"), "{}", answer.stdout);
}

#[test]
fn verbose_shows_on_standard_error_what_goes_to_the_log() {
    let scene = Scene::new();
    let answer = scene.etl(&["check", &fixture("cinder.sql"), "-v"]);
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    let begins = |line: &str| line.contains(" INFO etl 0.1.0") && line.ends_with(" check");
    assert!(answer.stderr.lines().any(begins), "{}", answer.stderr);
    assert!(!answer.stderr.contains("DEBUG"), "{}", answer.stderr);
    let answer = scene.etl(&["check", &fixture("cinder.sql"), "-vv"]);
    assert!(answer.stderr.contains("DEBUG"), "{}", answer.stderr);
    // What is told anyway is told once.
    assert!(!answer.stderr.contains("Source rows"), "{}", answer.stderr);
    let answer = scene.etl(&["check", "no.sql", "-v"]);
    assert_eq!(answer.stderr.matches("cannot be opened").count(), 1, "{}", answer.stderr);
    assert_eq!(scene.read("etl.log").matches("cannot be opened").count(), 1);
}

#[test]
fn what_is_no_terminal_gets_no_colours() {
    for variables in [&[][..], &[("NO_COLOR", "1")], &[("CLICOLOR_FORCE", "1"), ("TERM", "xterm-256color")]] {
        let scene = variables.iter().fold(Scene::new(), |scene, (name, value)| scene.with(name, value));
        let answer = scene.etl(&["check", &fixture("cinder.sql")]);
        assert_eq!(answer.code, 0, "{}", answer.stderr);
        assert!(!(answer.stdout + &answer.stderr).contains('\x1b'), "{variables:?}");
    }
}
