//! A run as it is watched and stopped.

use crate::scene::{Answer, Scene, fixture};
use std::io::Write as _;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// A command that waits for more of its standard input.
struct Waiting {
    child: Child,
    stdin: Option<ChildStdin>,
}

impl Waiting {
    /// Starts `etl` with the first lines of a dump.
    fn start(scene: &Scene, arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_etl"))
            .args(arguments)
            .current_dir(scene.path(""))
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take();
        let mut waiting = Self { child, stdin };
        waiting.feed(&std::fs::read(fixture("cinder.sql")).unwrap()[..4096]);
        waiting
    }

    fn feed(&mut self, bytes: &[u8]) {
        self.stdin.as_mut().unwrap().write_all(bytes).unwrap();
    }

    fn signal(&self, name: &str) {
        let killed = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().unwrap();
        assert!(killed.success());
    }

    fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Ends standard input and waits.
    fn answer(mut self) -> Answer {
        drop(self.stdin.take());
        Answer::of(self.child.wait_with_output().unwrap())
    }
}

/// Long enough for the command to have begun to read.
const A_MOMENT: Duration = Duration::from_millis(700);

#[test]
fn a_signal_stops_a_run_that_reads_and_nothing_is_written() {
    for signal in ["INT", "TERM", "HUP"] {
        let scene = Scene::new();
        let mut waiting = Waiting::start(&scene, &["run", "-", "--quiet", "--no-log"]);
        sleep(A_MOMENT);
        waiting.signal(signal);
        sleep(Duration::from_millis(200));
        assert!(waiting.runs(), "SIG{signal} killed it");
        // A second signal is no kill either.
        waiting.signal(signal);
        sleep(Duration::from_millis(200));
        assert!(waiting.runs(), "a second SIG{signal} killed it");
        // It may stop before it has read all of this.
        let rest = &std::fs::read(fixture("cinder.sql")).unwrap()[4096..];
        let _ = waiting.stdin.as_mut().unwrap().write_all(rest);
        let answer = waiting.answer();
        assert_eq!(
            answer.shown(),
            format!(
                "exit code 1\n---- stderr\n\
                 etl: SIG{signal}: stopping; nothing will be written\n\
                 etl: SIG{signal}: already stopping\n\
                 etl: stopped by SIG{signal}; nothing was written\n  \
                 → run the same command again\n"
            )
        );
        assert!(scene.files().is_empty(), "{:?}", scene.files());
    }
}

#[test]
fn a_pipe_from_which_nothing_comes_does_not_keep_a_run_from_stopping() {
    let scene = Scene::new();
    let mut waiting = Waiting::start(&scene, &["run", "-", "--quiet", "--no-log"]);
    sleep(A_MOMENT);
    waiting.signal("TERM");
    let sent = Instant::now();
    while waiting.runs() && sent.elapsed() < Duration::from_secs(20) {
        sleep(Duration::from_millis(50));
    }
    assert!(!waiting.runs(), "it still waits for its pipe");
    let answer = waiting.answer();
    assert_eq!(answer.code, 1);
    assert!(answer.stderr.contains("\netl: stopped by SIGTERM; nothing was written\n"), "{}", answer.stderr);
    assert!(scene.files().is_empty(), "{:?}", scene.files());
}

#[test]
fn progress_is_told_in_plain_lines_where_there_is_no_terminal() {
    let scene = Scene::new();
    let mut waiting = Waiting::start(&scene, &["check", "-", "--no-log"]);
    sleep(A_MOMENT);
    waiting.feed(&std::fs::read(fixture("cinder.sql")).unwrap()[4096..]);
    let answer = waiting.answer();
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    let lines: Vec<&str> = answer.stderr.lines().collect();
    assert!(!lines.is_empty());
    for line in lines {
        assert!(line.starts_with("etl: ") && !line.contains(['\x1b', '\r']), "{line:?}");
    }
    assert!(answer.stderr.contains("etl: reading, 4.0 KiB read\n"), "{}", answer.stderr);
}

#[test]
fn with_quiet_there_is_no_progress() {
    let scene = Scene::new();
    let mut waiting = Waiting::start(&scene, &["check", "-", "--no-log", "--quiet"]);
    sleep(A_MOMENT);
    waiting.feed(&std::fs::read(fixture("cinder.sql")).unwrap()[4096..]);
    let answer = waiting.answer();
    assert_eq!((answer.code, answer.stderr.as_str()), (0, ""));
    assert!(answer.stdout.contains("Source rows"), "{}", answer.stdout);
}

#[test]
fn verbose_shows_on_standard_error_what_goes_to_the_log() {
    let scene = Scene::new();
    let answer = scene.etl(&["check", &fixture("cinder.sql"), "-v"]);
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    assert!(answer.stderr.contains(" INFO etl 0.1.0 check\n"), "{}", answer.stderr);
    assert!(!answer.stderr.contains("DEBUG"), "{}", answer.stderr);
    let answer = scene.etl(&["check", &fixture("cinder.sql"), "-vv"]);
    assert!(answer.stderr.contains("DEBUG"), "{}", answer.stderr);
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
