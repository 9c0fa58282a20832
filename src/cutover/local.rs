//! Runs a program of this machine to its end, or to that of its time, or until the cutover is to stop.
//!
//! The program has a process group of its own: Ctrl-C reaches it only through here, so that it is known what became of it. It
//! gets none of the secrets that are meant for etl.

use crate::base::error::Result;
use crate::base::text::decoded;
use crate::cutover::error::CutoverError;
use crate::cutover::host::Ran;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use secrecy::{ExposeSecret as _, SecretString};
use std::io::{self, Read as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How much of what a program writes is kept: the end of it.
const KEPT: usize = 64 << 10;

/// How often it is looked whether the program has ended.
const LOOK: Duration = Duration::from_millis(20);

/// How long a program that is told to end may take, and how long it is listened to after its end: what it left behind may
/// hold its output open.
const GRACE: Duration = Duration::from_secs(3);

/// Runs `line`, a program and its arguments. `password` stands in its environment as libpq's programs look for it.
///
/// # Errors
/// It cannot be started, takes longer than `limit`, or `stopping` says why it is to end.
pub fn run(
    line: &[String],
    limit: Option<Duration>,
    password: Option<&SecretString>,
    stopping: &dyn Fn() -> Option<&'static str>,
) -> Result<Ran> {
    let name = line.first().map(String::as_str).unwrap_or_default();
    let failed = |what: String, remedy: &str| CutoverError::Failed { what, remedy: Some(remedy.to_owned()) };
    let not_started = |error: io::Error| {
        failed(format!("{name} cannot be run: {error}"), "install it, or name it with its whole path")
    };
    let (mut reader, writer) = io::pipe().map_err(not_started)?;
    let mut command = Command::new(name);
    command.args(line.iter().skip(1)).process_group(0).stdin(Stdio::null());
    command.stdout(writer.try_clone().map_err(not_started)?).stderr(writer);
    for (variable, _) in std::env::vars_os() {
        if variable.to_string_lossy().starts_with("ETL_") {
            command.env_remove(variable);
        }
    }
    if let Some(password) = password {
        command.env("PGPASSWORD", password.expose_secret());
    }
    let mut child = command.spawn().map_err(not_started)?;
    // It holds the other end of the pipe, which must end with the program.
    drop(command);
    let said = Arc::new(Mutex::new(Vec::new()));
    let (over, end) = mpsc::channel();
    let heard = Arc::clone(&said);
    let listen = move || {
        let mut piece = [0; 4096];
        while let Ok(n @ 1..) = reader.read(&mut piece) {
            let mut said = heard.lock().unwrap_or_else(PoisonError::into_inner);
            said.extend_from_slice(piece.get(..n).unwrap_or_default());
            let excess = said.len().saturating_sub(KEPT);
            said.drain(..excess);
        }
        let _ = over.send(());
    };
    std::thread::Builder::new().name("listener".to_owned()).spawn(listen).map_err(not_started)?;
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().map_err(not_started)? {
            break status;
        }
        if let Some(signal) = stopping() {
            end_it(&mut child);
            let what = format!("{name}: stopped by {signal}, and told to end");
            return Err(failed(what, "type the same command again: it is run once more").into());
        }
        if limit.is_some_and(|limit| begun.elapsed() > limit) {
            end_it(&mut child);
            let limit = humantime::format_duration(limit.unwrap_or_default());
            let what = format!("{name}: it had not ended after {limit}, and was told to end");
            return Err(failed(what, "see why it takes so long, or give it more time with timeout").into());
        }
        // Not for longer than that: a program that is over in no time is not to be waited for.
        match end.recv_timeout(LOOK) {
            Ok(()) | Err(RecvTimeoutError::Disconnected) => std::thread::sleep(Duration::from_millis(1)),
            Err(RecvTimeoutError::Timeout) => {}
        }
    };
    let _ = end.recv_timeout(GRACE);
    let text = said.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(Ran { code: status.code(), text: decoded(&text).trim_end().to_owned() })
}

/// Ends a program and what it started.
fn end_it(child: &mut Child) {
    let group = i32::try_from(child.id()).ok().map(Pid::from_raw);
    for signal in [Signal::SIGTERM, Signal::SIGKILL] {
        if let Some(group) = group {
            // It may have ended by itself meanwhile.
            let _ = killpg(group, signal);
        }
        let told = Instant::now();
        while told.elapsed() < GRACE {
            if !matches!(child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(LOOK);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, limit: Option<Duration>) -> Result<Ran> {
        run(&["sh", "-c", script].map(str::to_owned), limit, None, &|| None)
    }

    #[test]
    fn how_it_ended_and_what_it_said_is_known() {
        for (script, code, text) in [
            ("echo out; echo err >&2; exit 3", Some(3), "out\nerr"),
            ("kill -9 $$", None, ""),
            ("cat", Some(0), ""),
            ("echo ${PGPASSWORD:-none}", Some(0), "none"),
        ] {
            assert_eq!(shell(script, None).unwrap(), Ran { code, text: text.to_owned() }, "{script}");
        }
        let long = shell("seq 1 100000", None).unwrap().text;
        assert!(long.len() <= KEPT && long.ends_with("\n100000"), "{}", long.len());
        let line = ["sh", "-c", "test \"$PGPASSWORD\" = pw"].map(str::to_owned);
        assert!(run(&line, None, Some(&SecretString::from("pw")), &|| None).unwrap().well());
        let error = run(&["no-such-program".to_owned()], None, None, &|| None).unwrap_err();
        assert!(error.to_string().starts_with("no-such-program cannot be run: "), "{error}");
    }

    #[test]
    fn it_is_ended_with_all_that_it_started_when_its_time_is_over_or_it_is_to_stop() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("late");
        let script = format!("(sleep 2; echo late > {}) & sleep 60", file.display());
        let begun = Instant::now();
        let error = shell(&script, Some(Duration::from_millis(100))).unwrap_err();
        assert_eq!(error.to_string(), "sh: it had not ended after 100ms, and was told to end");
        let line = ["sh", "-c", &script].map(str::to_owned);
        let error = run(&line, None, None, &|| Some("SIGINT")).unwrap_err();
        assert!(error.to_string().contains("stopped by SIGINT"), "{error}");
        assert!(begun.elapsed() < Duration::from_secs(30));
        std::thread::sleep(Duration::from_secs(3));
        assert!(!file.exists(), "what it started went on");
    }

    #[test]
    fn what_it_leaves_behind_is_not_waited_for_for_ever() {
        let begun = Instant::now();
        assert!(shell("sleep 30 & exit 0", None).unwrap().well());
        assert!(begun.elapsed() < Duration::from_secs(20));
    }
}
