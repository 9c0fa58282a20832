//! Files that cannot be written to their end, or read: the limit on a file's size stands in for a full disk, because every
//! user may set one, and at any size; it is tried at sizes all over what a command writes.

use super::{dumps, failed};
use crate::karbor::{counts, sqlite_rows};
use crate::scene::{Answer, Scene, fixture};
use std::fs;
use std::process::{Command, Stdio};

/// Runs `etl` with no file longer than `blocks` of 512 bytes, in the shell of POSIX.
#[track_caller]
fn limited(scene: &Scene, blocks: u64, arguments: &[&str]) -> Answer {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "ulimit -f \"$0\" && exec \"$@\"", &blocks.to_string(), env!("CARGO_BIN_EXE_etl")]);
    command.args(arguments).current_dir(scene.path("")).env_clear().stdin(Stdio::null());
    Answer::run(command)
}

/// How many blocks of 512 bytes a file takes.
fn blocks(scene: &Scene, name: &str) -> u64 {
    fs::metadata(scene.path(name)).unwrap().len().div_ceil(512)
}

/// Limits all over a file of so many blocks, the last of which is enough.
fn limits(blocks: u64) -> impl Iterator<Item = u64> {
    const STEPS: u64 = 6;
    (0..STEPS).map(move |step| blocks * step / STEPS).chain([blocks.saturating_sub(1), blocks])
}

fn run<'d>(target: &'d str, dumps: &'d [String; 3], more: &[&'d str]) -> Vec<&'d str> {
    let words = ["run", "--no-log", "--quiet", "--target", target];
    words.into_iter().chain(more.iter().copied()).chain(dumps.iter().map(String::as_str)).collect()
}

#[test]
fn a_script_is_written_whole_or_not_at_all() {
    let dumps = dumps();
    let scene = Scene::new();
    assert_eq!(scene.etl(&run("whole.sql", &dumps, &[])).code, 3);
    let whole = scene.read("whole.sql");
    let before = format!("{}\nbefore\n", whole.lines().next().unwrap());
    for limit in limits(blocks(&scene, "whole.sql")) {
        scene.write("karbor.sql", &before);
        let answer = limited(&scene, limit, &run("karbor.sql", &dumps, &[]));
        if answer.code == 3 {
            assert!(scene.read("karbor.sql") == whole, "{limit}");
            continue;
        }
        failed(&answer, &["karbor.sql", "File too large", "nothing was written", "→ make room"]);
        assert_eq!((scene.read("karbor.sql").as_str(), scene.files().len()), (before.as_str(), 2), "{limit}");
    }
    let enough = limited(&scene, blocks(&scene, "whole.sql"), &run("karbor.sql", &dumps, &[]));
    assert_eq!(enough.code, 3, "{}", enough.shown());
}

#[test]
fn an_embedded_database_is_made_whole_or_not_at_all() {
    let dumps = dumps();
    let scene = Scene::new();
    assert_eq!(scene.etl(&run("whole.db", &dumps, &[])).code, 3);
    let size = blocks(&scene, "whole.db");
    let mut ends = [0; 2];
    for limit in limits(size) {
        let answer = limited(&scene, limit, &run("karbor.db", &dumps, &[]));
        if answer.code == 3 {
            assert_eq!(
                sqlite_rows(&scene.path("karbor.db")),
                sqlite_rows(&scene.path("whole.db")),
                "{limit}"
            );
            fs::remove_file(scene.path("karbor.db")).unwrap();
            ends[1] += 1;
        } else {
            failed(&answer, &["karbor.db", "→ "]);
            assert_eq!(scene.files(), ["whole.db"], "{limit}: {}", answer.shown());
            ends[0] += 1;
        }
    }
    assert!(ends[0] > 4 && ends[1] > 0, "{ends:?}");
}

#[test]
fn an_embedded_database_is_changed_as_a_whole_or_not_at_all() {
    let dumps = dumps();
    let scene = Scene::new();
    assert_eq!(scene.etl(&run("kept.db", &dumps, &["--provider-id", "before"])).code, 3);
    let before = sqlite_rows(&scene.path("kept.db"));
    let size = blocks(&scene, "kept.db");
    let commands: [Vec<&str>; 2] = [
        run("karbor.db", &dumps, &[]),
        vec!["rollback", "--quiet", "--target", "karbor.db", "--source", "all", "--yes"],
    ];
    for command in commands {
        let mut ends = [0; 2];
        // Its journal is a file too, so there are more sizes at which something fails.
        for limit in limits(size).chain([size + 8, 2 * size]) {
            fs::copy(scene.path("kept.db"), scene.path("karbor.db")).unwrap();
            let answer = limited(&scene, limit, &command);
            // Whoever opens it next rolls back what a journal says.
            let found = sqlite_rows(&scene.path("karbor.db"));
            if matches!(answer.code, 0 | 3) {
                assert_ne!(found, before, "{limit}");
                ends[1] += 1;
            } else {
                failed(&answer, &["karbor.db", "nothing was ", "→ "]);
                assert_eq!(found, before, "{limit}: {}", answer.shown());
                ends[0] += 1;
            }
        }
        assert!(ends[0] > 0 && ends[1] > 0, "{command:?}: {ends:?}");
    }
}

/// A cinder dump in which many rows break a rule.
fn spoilt() -> String {
    let text = fs::read_to_string(fixture("cinder.sql")).unwrap();
    text.replace("\t10\t", "\tten\t").replace("\t40\t", "\tforty\t").replace("\t100\t", "\thundred\t")
}

#[test]
fn rows_are_set_aside_before_anything_is_committed() {
    let scene = Scene::new();
    scene.write("spoilt.sql", spoilt());
    let line = |target: &'static str| {
        ["run", "--no-log", "--quiet", "--target", target, "--rejects", "rejects.sql", "spoilt.sql"]
    };
    let whole = scene.etl(&line("karbor.sql"));
    assert_eq!(whole.code, 3, "{}", whole.shown());
    let (size, script) = (blocks(&scene, "rejects.sql"), blocks(&scene, "karbor.sql"));
    assert!(size > 4 && script > 0, "{size} {script}");
    fs::remove_file(scene.path("rejects.sql")).unwrap();
    fs::remove_file(scene.path("karbor.sql")).unwrap();
    // The larger of the two decides; below it nothing may be left of either.
    for limit in [1, size / 2, size - 1, script - 1] {
        let answer = limited(&scene, limit, &line("karbor.sql"));
        if limit < size || limit < script {
            failed(&answer, &["File too large", "nothing was written", "→ "]);
            assert_eq!(scene.files(), ["spoilt.sql"], "{limit}");
        }
    }
}

#[test]
fn a_pipe_whose_copy_finds_no_room_is_told_with_the_option_that_helps() {
    let scene = Scene::new();
    let script = format!("ulimit -f 64 && cat {} | exec \"$@\"", fixture("cinder.sql"));
    let mut command = Command::new("/bin/sh");
    command.args(["-c", &script, "sh", env!("CARGO_BIN_EXE_etl"), "run", "--no-log", "--quiet", "-"]);
    let answer = Answer::of(command.current_dir(scene.path("")).env_clear().output().unwrap());
    failed(
        &answer,
        &["its copy in the spool folder cannot be written: File too large", "→ make room", "--spool-dir"],
    );
    assert!(scene.files().is_empty(), "{:?}", scene.files());
}

#[test]
fn a_report_or_a_log_that_finds_no_room_takes_no_commit_back() {
    let dumps = dumps();
    let scene = Scene::new();
    assert_eq!(scene.etl(&run("whole.db", &dumps, &["--report", "whole.json"])).code, 3);
    // The database is there already and holds the rows, so that only what is told is written.
    let answer = limited(&scene, 2, &run("whole.db", &dumps, &["--report", "report.json"]));
    assert_eq!(answer.code, 3, "{}", answer.shown());
    for part in ["report.json cannot be written: File too large", "do not run it again for this"] {
        assert!(answer.stderr.contains(part), "{}", answer.shown());
    }
    assert!(!scene.path("report.json").exists());
    // A log on a full disk is no reason to stop either; it is tried where it is a device, too.
    for log in ["/dev/full", "etl.log"] {
        let mut line = run("whole.db", &dumps, &["--log", log]);
        line.retain(|word| *word != "--no-log");
        let answer = limited(&scene, 2, &line);
        assert_eq!(answer.code, 3, "{log}: {}", answer.shown());
    }
    let rows = counts(&sqlite_rows(&scene.path("whole.db")));
    assert!(rows.iter().all(|n| *n > 0));
}

#[test]
fn a_dump_that_cannot_be_read_is_told_with_its_place() {
    let scene = Scene::new();
    // The memory of a process at address 0: a file that opens, and fails when it is read.
    let answer = scene.etl(&["run", "--no-log", "--quiet", "/proc/self/mem"]);
    failed(
        &answer,
        &["/proc/self/mem: cannot be read: Input/output error", "→ read it with another program"],
    );
    assert!(scene.files().is_empty(), "{:?}", scene.files());
}

#[test]
fn a_dump_that_changes_while_it_is_read_fails_the_run() {
    let scene = Scene::new();
    let text = fs::read_to_string(fixture("cinder.sql")).unwrap();
    // The second dump is a pipe, which keeps the run between its looks at the first one.
    for (name, change) in
        [("shorter", text[..text.len() / 2].to_owned()), ("other", text.replace("available", "AVAILABLE"))]
    {
        let dump = scene.write("cinder.sql", &text);
        let mut etl = Command::new(env!("CARGO_BIN_EXE_etl"));
        etl.args(["run", "--no-log", "cinder.sql", "-"]).current_dir(scene.path("")).env_clear();
        let mut child =
            etl.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut pipe = child.stdin.take().unwrap();
        let vbs = fs::read(fixture("vbs.sql")).unwrap();
        std::io::Write::write_all(&mut pipe, &vbs[..vbs.len() / 2]).unwrap();
        // Half of the pipe is there, so the file was read once or will be; both are changed under it.
        std::thread::sleep(std::time::Duration::from_millis(700));
        fs::write(&dump, &change).unwrap();
        std::io::Write::write_all(&mut pipe, &vbs[vbs.len() / 2..]).unwrap();
        drop(pipe);
        let answer = Answer::of(child.wait_with_output().unwrap());
        failed(&answer, &["cinder.sql: the file changed while it was being read", "→ let the dump finish"]);
        assert_eq!(scene.files(), ["cinder.sql"], "{name}");
    }
}
