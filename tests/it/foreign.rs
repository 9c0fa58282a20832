//! No file that etl did not write is replaced, added to or opened: every kind of output, with every kind of thing in its
//! place. And what the operator permits, and what etl wrote itself, is.

use crate::scene::{Answer, Scene, fixture};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// One kind of output.
struct Output {
    /// The file, in the folder in which the command runs.
    file: &'static str,
    /// The command line that writes it.
    line: String,
    /// How what etl refuses is called.
    role: &'static str,
    /// Whether the command can be run to its end here: without a cloud, a node, or an import.
    runs: bool,
}

const CUTOVER: &str = "\
folder = \"out\"
target = \"postgresql://karbor@192.0.2.9/karbor\"
[karbor]
dump = false
[[stopped]]
name = \"vbs\"
run = \"true\"
on = [\"cinder1\"]
[[restart]]
run = \"true\"
on = [\"cinder1\"]
[[continue]]
run = \"true\"
on = [\"cinder1\"]
[[node]]
name = \"cinder1\"
host = \"192.0.2.5\"
user = \"cps\"
[[node.dump]]
database = \"cinder\"
";

/// Every kind of output of every command.
fn outputs() -> Vec<Output> {
    let dumps = "in/vbs.sql";
    let mut all = Vec::new();
    let mut add = |file, role, runs, line: String| all.push(Output { file, line, role, runs });
    for command in ["run", "check"] {
        add("out.sql", "the target", command == "run", format!("{command} {dumps} -t out.sql --no-log"));
        add("out.db", "the target", command == "run", format!("{command} {dumps} -t out.db --no-log"));
    }
    add("karbor.db", "the target", true, format!("run {dumps} --no-log"));
    add("out.db", "the target", false, format!("verify {dumps} -t out.db --no-log"));
    add("out.db", "the target", false, "sync in/taskmgr.sql -t out.db --no-log".to_owned());
    add("out.db", "the target", false, "rollback --source all --yes -t out.db --no-log".to_owned());
    add("out.sql", "the target", true, "rollback --source all -t out.sql --no-log".to_owned());
    add("bad.sql", "the --rejects file", false, format!("run {dumps} -t x.db --no-log --rejects bad.sql"));
    for (command, runs) in [
        (format!("run {dumps} -t x.db"), true),
        (format!("check {dumps}"), true),
        (format!("verify {dumps} -t x.db"), false),
        ("sync in/taskmgr.sql -t x.db".to_owned(), false),
        ("rollback --source all -t x.sql".to_owned(), true),
        ("batch in".to_owned(), true),
        ("purge --ids ids.txt --no-target --yes".to_owned(), false),
        ("dump cutover.toml".to_owned(), false),
    ] {
        add("out.json", "the --report file", runs, format!("{command} --no-log --report out.json"));
        if ["run", "check", "verify"].iter().any(|name| command.starts_with(name)) {
            add("out.html", "the --report file", runs, format!("{command} --no-log --report out.html"));
        }
        add("out.log", "the log", runs, format!("{command} --log out.log"));
        add("etl.log", "the log", runs, command);
    }
    add("in/etl-report.txt", "the site's report", true, "batch in --no-log".to_owned());
    add("in/etl-report.json", "the --report file", true, "batch in --no-log".to_owned());
    add("etl-journal.jsonl", "the journal", true, "batch in --no-log".to_owned());
    add("out.jsonl", "the journal", true, "batch in --no-log --journal out.jsonl".to_owned());
    add(
        "out.jsonl",
        "the journal",
        false,
        "purge --ids ids.txt --no-target --yes --no-log --journal out.jsonl".to_owned(),
    );
    add("out/cinder.sql", "the dump of cinder", false, "dump cutover.toml --no-log".to_owned());
    add("out/cinder.sql.toml", "the record of a dump", false, "dump cutover.toml --no-log".to_owned());
    for part in ["", "full ", "incremental ", "continue ", "rollback "] {
        for (file, role) in [
            ("out/state.jsonl", "the state file"),
            ("out/etl.log", "the log"),
            ("out/02-safety.sql", "the file of a step"),
            ("out/06-run.txt", "the file of a step"),
        ] {
            add(file, role, false, format!("cutover {part}cutover.toml"));
        }
    }
    all
}

/// What lies in the place of an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Victim {
    Dump,
    Text,
    OtherDatabase,
    LinkToDump,
    LinkToText,
    ChainOfLinks,
    Fifo,
    LinkToFifo,
    Folder,
    Device,
}

const VICTIMS: [Victim; 10] = [
    Victim::Dump,
    Victim::Text,
    Victim::OtherDatabase,
    Victim::LinkToDump,
    Victim::LinkToText,
    Victim::ChainOfLinks,
    Victim::Fifo,
    Victim::LinkToFifo,
    Victim::Folder,
    Victim::Device,
];

impl Victim {
    /// Whether it is a file that the operator can permit to be replaced.
    fn is_file(self) -> bool {
        !matches!(self, Self::Fifo | Self::LinkToFifo | Self::Folder | Self::Device)
    }

    fn lay(self, scene: &Scene, file: &str) {
        let path = scene.path(file);
        let apart = |name: &str| scene.path(&format!("apart/{name}"));
        let dump = || fs::read(fixture("dps.sql")).unwrap();
        let fifo = |path: &Path| assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
        match self {
            Self::Dump => fs::write(&path, dump()).unwrap(),
            Self::Text => fs::write(&path, "my notes").unwrap(),
            Self::OtherDatabase => {
                let connection = rusqlite::Connection::open(&path).unwrap();
                connection.execute_batch("CREATE TABLE bookmarks (url text)").unwrap();
            }
            Self::LinkToDump => {
                fs::write(apart("dump"), dump()).unwrap();
                symlink(apart("dump"), &path).unwrap();
            }
            Self::LinkToText => {
                fs::write(apart("text"), "my notes\n").unwrap();
                symlink(apart("text"), &path).unwrap();
            }
            Self::ChainOfLinks => {
                fs::write(apart("text"), "my notes\n").unwrap();
                symlink("text", apart("link")).unwrap();
                symlink(apart("link"), &path).unwrap();
            }
            Self::Fifo => fifo(&path),
            Self::LinkToFifo => {
                fifo(&apart("fifo"));
                symlink(apart("fifo"), &path).unwrap();
            }
            Self::Folder => fs::create_dir(&path).unwrap(),
            Self::Device => symlink("/dev/full", &path).unwrap(),
        }
    }
}

fn scene() -> Scene {
    let scene = Scene::new();
    for folder in ["in", "out", "apart"] {
        fs::create_dir(scene.path(folder)).unwrap();
    }
    for name in ["vbs.sql", "taskmgr.sql"] {
        fs::copy(fixture(name), scene.path("in").join(name)).unwrap();
    }
    scene.write("cutover.toml", CUTOVER);
    fs::set_permissions(scene.path("cutover.toml"), fs::Permissions::from_mode(0o600)).unwrap();
    scene.write("ids.txt", "");
    scene
}

/// Everything in a folder: names, kinds, modes and bytes.
fn state(folder: &Path) -> BTreeMap<String, (u32, Vec<u8>)> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let metadata = fs::symlink_metadata(&path).unwrap();
        let bytes = match metadata.file_type() {
            kind if kind.is_dir() => {
                all.extend(state(&path));
                Vec::new()
            }
            kind if kind.is_symlink() => fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes(),
            kind if kind.is_fifo() => Vec::new(),
            _ => fs::read(&path).unwrap(),
        };
        all.insert(path.to_str().unwrap().to_owned(), (metadata.mode(), bytes));
    }
    all
}

/// Runs a command that must not wait for anything.
#[track_caller]
fn etl(scene: &Scene, line: &str) -> Answer {
    let words: Vec<&str> = line.split(' ').collect();
    let mut command = scene.command(&words);
    Answer::of(command.timeout(Duration::from_secs(60)).output().unwrap())
}

/// Only what needs neither root nor the network may be asked of a log that is a device.
fn is_allowed(output: &Output, victim: Victim) -> bool {
    victim == Victim::Device && output.role == "the log"
}

#[test]
fn what_etl_did_not_write_is_refused_before_anything_is_read() {
    for output in outputs() {
        for victim in VICTIMS {
            if is_allowed(&output, victim) {
                continue;
            }
            let scene = scene();
            victim.lay(&scene, output.file);
            let before = state(&scene.path("."));
            let answer = etl(&scene, &output.line);
            let told = format!("{victim:?} as {}: etl {}\n{}", output.file, output.line, answer.shown());
            assert_eq!((answer.code, answer.stdout.as_str()), (2, ""), "{told}");
            let expected = format!("etl: {} ", output.role);
            assert!(answer.stderr.starts_with(&expected), "{expected:?}: {told}");
            assert!(answer.stderr.contains("\n  → "), "{told}");
            let problem = match victim {
                Victim::Folder => "this is a folder",
                Victim::Fifo | Victim::LinkToFifo | Victim::Device => "this is no regular file",
                _ => "etl did not write this file, and neither replaces it nor adds to it\n",
            };
            assert!(answer.stderr.contains(problem), "{problem:?}: {told}");
            assert!(state(&scene.path(".")) == before, "something changed: {told}");
        }
    }
}

#[test]
fn a_file_is_replaced_where_the_operator_permits_it() {
    for output in outputs() {
        for victim in VICTIMS {
            if is_allowed(&output, victim) || (output.role == "the log" && victim == Victim::Device) {
                continue;
            }
            // Those that go on to a node or a cloud wait for it.
            if !output.runs && victim.is_file() {
                continue;
            }
            let scene = scene();
            victim.lay(&scene, output.file);
            let place = fs::canonicalize(scene.path(output.file)).unwrap();
            let answer = etl(&scene, &format!("{} --force {}", output.line, output.file));
            let told = format!("{victim:?} as {}: etl {}\n{}", output.file, output.line, answer.shown());
            if !victim.is_file() {
                assert_eq!(answer.code, 2, "{told}");
                continue;
            }
            assert!(matches!(answer.code, 0 | 3), "{told}");
            if output.line.starts_with("check") && output.role == "the target" {
                continue;
            }
            let bytes = fs::read(&place).unwrap();
            assert!(!String::from_utf8_lossy(&bytes).contains("my notes"), "{told}");
            assert!(!bytes.windows(9).any(|part| part == b"bookmarks"), "{told}");
            assert!(!bytes.starts_with(b"--\n-- PostgreSQL database dump"), "{told}");
            assert_eq!(fs::metadata(&place).unwrap().mode() & 0o777, 0o600, "{told}");
        }
    }
}

#[test]
fn what_etl_wrote_is_replaced_and_added_to() {
    for output in outputs().into_iter().filter(|output| output.runs) {
        let scene = scene();
        for round in ["first", "second", "third"] {
            let answer = etl(&scene, &output.line);
            let told = format!("{round}: etl {}\n{}", output.line, answer.shown());
            assert!(matches!(answer.code, 0 | 3), "{told}");
            let left: Vec<_> = scene.files().into_iter().filter(|name| name.ends_with(".part")).collect();
            assert_eq!(left, [] as [String; 0], "{told}");
        }
        // Through a link that the operator made, too.
        if scene.path(output.file).exists() {
            fs::rename(scene.path(output.file), scene.path("apart/file")).unwrap();
            symlink(scene.path("apart/file"), scene.path(output.file)).unwrap();
            let answer = etl(&scene, &output.line);
            assert!(matches!(answer.code, 0 | 3), "etl {}\n{}", output.line, answer.shown());
            assert!(fs::symlink_metadata(scene.path(output.file)).unwrap().is_symlink(), "{}", output.line);
        }
    }
}

#[test]
fn only_a_file_that_is_written_can_be_permitted() {
    let scene = scene();
    scene.write("notes.txt", "my notes");
    for line in [
        "run in/vbs.sql --no-log",
        "check in/vbs.sql --no-log",
        "verify in/vbs.sql --no-log",
        "sync in/taskmgr.sql --no-log",
        "rollback --source all --yes -t x.db --no-log",
        "batch in --no-log",
        "purge --ids ids.txt --no-target --yes --no-log",
        "dump cutover.toml --no-log",
        "cutover cutover.toml",
    ] {
        let answer = etl(&scene, &format!("{line} --force notes.txt"));
        assert_eq!(
            answer.shown(),
            "exit code 2\n---- stderr\netl: --force notes.txt: this command does not write to this file\n  \
             → leave it out, or name the file as it is named where it is written\n",
            "{line}"
        );
    }
    // An input is never an output.
    let answer = etl(&scene, "run in/vbs.sql -t in/vbs.sql --no-log --force in/vbs.sql");
    assert!(answer.stderr.contains("are the same file"), "{}", answer.shown());
}

/// What lies where a killed run of an older version would have left its file is not touched.
#[test]
fn what_lies_beside_an_output_is_left_alone() {
    for output in outputs().into_iter().filter(|output| output.runs) {
        for victim in VICTIMS {
            let scene = scene();
            let beside = format!("{}.part", output.file);
            // A site's folder is read.
            if beside.starts_with("in/") {
                continue;
            }
            victim.lay(&scene, &beside);
            let before = state(&scene.path("."));
            let answer = etl(&scene, &output.line);
            assert!(matches!(answer.code, 0 | 3), "{victim:?}: etl {}\n{}", output.line, answer.shown());
            let after = state(&scene.path("."));
            for (path, file) in before {
                assert!(after.get(&path) == Some(&file), "{victim:?}: {path}: etl {}", output.line);
            }
        }
    }
}

/// A database of Karbor's own is a target, whoever made it.
#[test]
fn a_database_with_karbors_tables_is_no_foreign_file() {
    let scene = scene();
    let schema = scene.etl(&["schema", "--for", "sqlite"]).stdout;
    let connection = rusqlite::Connection::open(scene.path("karbor.db")).unwrap();
    connection.execute_batch(&schema).unwrap();
    connection
        .execute_batch(
            "INSERT INTO services (id, created_at, deleted, host, \"binary\", topic, report_count, disabled) VALUES \
             (1, '2026-01-01', 0, 'h', 'karbor-operationengine', 'karbor-operationengine', 1, 0)",
        )
        .unwrap();
    drop(connection);
    let answer = scene.etl(&["run", "in/vbs.sql", "--no-log"]);
    assert_eq!(answer.code, 3, "{}", answer.shown());
    let id = |file: &str| -> i64 {
        let connection = rusqlite::Connection::open(scene.path(file)).unwrap();
        connection.query_row("PRAGMA application_id", [], |row| row.get(0)).unwrap()
    };
    assert_eq!(id("karbor.db"), 0, "it stays whose it was");
    scene.etl(&["run", "in/vbs.sql", "--no-log", "-t", "new.db"]);
    assert_ne!(id("new.db"), 0);
}

/// Two runs that set rows aside in one file: one of them may fail, and none of the rejected rows is lost.
#[test]
fn of_two_runs_with_one_file_for_rejected_rows_neither_loses_them() {
    let bad = fs::read_to_string(fixture("cinder.sql")).unwrap();
    for _ in 0..8 {
        let scene = scene();
        let mut running = Vec::new();
        for name in ["a", "b"] {
            let mut lines: Vec<String> = bad.lines().map(str::to_owned).collect();
            let row = lines.iter().position(|line| line.starts_with("COPY backups")).unwrap() + 1;
            lines[row] = format!("{name}-marked\t{}", lines[row]);
            scene.write(&format!("{name}.sql"), lines.join("\n") + "\n");
            let (dump, target) = (format!("{name}.sql"), format!("{name}.db"));
            let line = ["run", &dump, "-t", &target, "--no-log", "--rejects", "bad.sql"];
            running.push((name, scene.process(&line).spawn().unwrap()));
        }
        let mut kept = 0;
        for (name, child) in running {
            let answer = Answer::of(child.wait_with_output().unwrap());
            let committed = scene.path(&format!("{name}.db")).exists();
            assert_eq!(committed, answer.code == 3, "{}", answer.shown());
            let marked = |file: &String| {
                let path = scene.path(file);
                path.is_file()
                    && file.starts_with("bad.sql")
                    && scene.read(file).contains(&format!("{name}-marked"))
            };
            let found = scene.files().iter().filter(|file| marked(file)).count();
            assert_eq!(found, usize::from(committed), "{name}: {:?} {}", scene.files(), answer.shown());
            kept += found;
        }
        assert!(kept >= 1);
    }
}
