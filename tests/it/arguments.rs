//! Arguments that do not go together.

use crate::scene::{Answer, Scene, fixture};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;

const DUMP: &str = "-- a dump\n";

/// A folder with a few files, and the answer to a command line that is refused: its exit code is 2, and nothing was
/// begun.
#[track_caller]
fn refused(scene: &Scene, arguments: &[&str], error: &str, remedy: Option<&str>) {
    let before = scene.files();
    let answer = scene.etl(arguments);
    let remedy = remedy.map_or(String::new(), |remedy| format!("  → {remedy}\n"));
    assert_eq!(answer.shown(), format!("exit code 2\n---- stderr\netl: {error}\n{remedy}"), "{arguments:?}");
    assert_eq!(scene.files(), before, "{arguments:?}");
}

fn scene() -> Scene {
    let scene = Scene::new();
    scene.write("a.sql", DUMP);
    scene.write("b.sql", DUMP);
    symlink("a.sql", scene.path("link.sql")).unwrap();
    std::fs::hard_link(scene.path("a.sql"), scene.path("hard.sql")).unwrap();
    scene
}

#[test]
fn a_dump_is_named_once() {
    let scene = scene();
    let once = Some("name each dump once");
    refused(&scene, &["run", "a.sql", "b.sql", "a.sql"], "a.sql and a.sql are the same file", once);
    refused(&scene, &["run", "a.sql", "./a.sql"], "a.sql and ./a.sql are the same file", once);
    refused(&scene, &["check", "a.sql", "link.sql"], "a.sql and link.sql are the same file", once);
    refused(&scene, &["check", "hard.sql", "a.sql"], "hard.sql and a.sql are the same file", once);
    refused(&scene, &["run", "-", "-"], "- and - are the same file", once);
    refused(&scene, &["run", "-", "/dev/stdin"], "- and /dev/stdin are the same file", once);
}

#[test]
fn no_file_is_two_things() {
    let scene = scene();
    let other = Some("name another file");
    let log = Some("name another file with --log, or keep none with --no-log");
    for (arguments, error, remedy) in [
        (
            &["run", "a.sql", "--target", "a.sql"][..],
            "the dump a.sql and the target are the same file, a.sql",
            other,
        ),
        (
            &["run", "a.sql", "-t", "link.sql"],
            "the dump a.sql and the target are the same file, link.sql",
            other,
        ),
        (
            &["run", "a.sql", "-t", "x.sql", "--rejects", "x.sql"],
            "the target and the --rejects file are the same file, x.sql",
            other,
        ),
        (
            &["run", "a.sql", "--report", "x", "--rejects", "./x"],
            "the --rejects file and the --report file are the same file, x",
            other,
        ),
        (
            &["run", "a.sql", "--report", "karbor.db"],
            "the target and the --report file are the same file, karbor.db",
            other,
        ),
        (
            &["run", "a.sql", "--log", "b.sql", "b.sql"],
            "the dump b.sql and the log are the same file, b.sql",
            log,
        ),
        (
            &["check", "a.sql", "--report", "etl.log"],
            "the --report file and the log are the same file, etl.log",
            log,
        ),
    ] {
        refused(&scene, arguments, error, remedy);
    }
    scene.write("empty", "");
    refused(
        &scene,
        &["run", "empty", "--rejects", "empty"],
        "the dump empty and the --rejects file are the same file, empty",
        other,
    );
}

#[test]
fn a_place_must_be_one_for_a_file() {
    let scene = scene();
    std::fs::create_dir(scene.path("folder")).unwrap();
    scene.write("mended.sql", "-- etl rejects\n");
    for (arguments, error, remedy) in [
        (
            &["run", "a.sql", "--rejects", "b.sql"][..],
            "the --rejects file b.sql: etl did not write this file, and neither replaces it nor adds to it",
            "name another file, or permit it for this one: --force b.sql",
        ),
        (
            &["run", "a.sql", "--rejects", "mended.sql"],
            "the --rejects file mended.sql: this file exists, and may hold rows that were mended",
            "name another file; rows that were mended are read when the file is named among the dumps",
        ),
        (
            &["run", "a.sql", "--rejects", "folder"],
            "the --rejects file folder: this is a folder",
            "name a file in it",
        ),
        (
            &["run", "a.sql", "--report", "/dev/null"],
            "the --report file /dev/null: this is no regular file",
            "name a file",
        ),
        (
            &["run", "a.sql", "--target", "no/karbor.db"],
            "the target no/karbor.db: there is no such folder",
            "make the folder first",
        ),
    ] {
        refused(&scene, arguments, error, Some(remedy));
    }
}

#[test]
fn a_target_must_be_one() {
    let scene = scene();
    for (arguments, error, remedy) in [
        (
            &["run", "a.sql", "--target", "karbor"][..],
            "--target: this names no target: name postgresql://HOST/DATABASE, sqlite:PATH or PATH.db, or PATH.sql",
            None,
        ),
        (
            &["check", "a.sql", "--full"],
            "--full loads into a target, and none is named",
            Some("name one with --target or ETL_TARGET"),
        ),
        (
            &["run", "a.sql", "postgresql://db1/karbor"],
            "postgresql://db1/karbor is a target, not a dump",
            Some("name it with --target"),
        ),
    ] {
        refused(&scene, arguments, error, remedy);
    }
    refused(
        &scene.with("ETL_TARGET", "karbor"),
        &["check", "a.sql"],
        "ETL_TARGET: this names no target: name postgresql://HOST/DATABASE, sqlite:PATH or PATH.db, or PATH.sql",
        None,
    );
}

#[test]
fn wrong_usage_has_the_usage_with_it() {
    let scene = scene();
    for (arguments, begin) in [
        (&["run"][..], "etl: the following required arguments were not provided:\n  <DUMP>..."),
        (
            &["run", "a.sql", "--quiet", "--verbose"],
            "etl: the argument '--quiet' cannot be used with '--verbose...'",
        ),
        (
            &["run", "a.sql", "--log", "x", "--no-log"],
            "etl: the argument '--log <FILE>' cannot be used with '--no-log'",
        ),
        (&["run", "a.sql", "--full"], "etl: unexpected argument '--full' found"),
        (&["check", "a.sql", "--rejects", "x"], "etl: unexpected argument '--rejects' found"),
        (&["go"], "etl: unrecognized subcommand 'go'"),
        (&["schema", "--for", "mysql"], "etl: invalid value 'mysql' for '--for <DATABASE>'"),
    ] {
        let answer = scene.etl(arguments);
        assert_eq!((answer.code, answer.stdout.as_str()), (2, ""), "{arguments:?}");
        assert!(answer.stderr.starts_with(begin), "{arguments:?}: {}", answer.stderr);
        assert!(answer.stderr.contains("--help"), "{arguments:?}: {}", answer.stderr);
    }
}

/// A command line that is refused, and the line that says what was meant.
#[track_caller]
fn meant(scene: &Scene, arguments: &[&str], error: &str, remedy: &str) {
    let answer = scene.etl(arguments);
    let begin = format!("etl: {error}\n  → {remedy}\n\nUsage: etl ");
    assert!(answer.code == 2 && answer.stderr.starts_with(&begin), "{arguments:?}: {}", answer.shown());
    assert!(!answer.stderr.contains("tip:") && answer.stderr.contains("--help"), "{}", answer.stderr);
}

#[test]
fn a_flag_of_another_command_is_told_with_the_command_that_is_meant() {
    let scene = scene();
    for (arguments, remedy) in [
        (
            &["run", "a.sql", "--dry-run"][..],
            "`etl check` with the same dumps and target says what a run would do, and writes nothing",
        ),
        (
            &["run", "a.sql", "--full"],
            "`etl check --full` with the same dumps and target loads everything and rolls it back",
        ),
        (
            &["check", "a.sql", "--rejects", "x"],
            "leave it out: a check lists the rows that break rules; `etl run … --rejects FILE` sets them aside",
        ),
    ] {
        let flag = arguments[2];
        meant(&scene, arguments, &format!("unexpected argument '{flag}' found"), remedy);
    }
    let of_dumps = "`etl check a.sql 'b c.sql'` says what would become of every row, `etl run a.sql 'b c.sql'` loads them";
    meant(&scene, &["a.sql", "b c.sql"], "unrecognized subcommand 'a.sql'", of_dumps);
    // A word that is no dump has clap's own words.
    let answer = scene.etl(&["postgresql://db1/karbor", "a.sql"]);
    assert!(answer.code == 2 && !answer.stderr.contains('→'), "{}", answer.stderr);
    let answer = scene.etl(&["chekc", "a.sql"]);
    assert!(answer.stderr.contains("'check'"), "{}", answer.stderr);
}

#[test]
fn an_age_without_a_unit_is_told_with_one() {
    let line = ["purge", "--ids", "a.sql", "--no-target", "--older-than", "30"];
    let answer = scene().etl(&line);
    let begin =
        "etl: invalid value '30' for '--older-than <AGE>': its unit is missing; days are 30d, hours 30h\n";
    assert!(answer.code == 2 && answer.stderr.starts_with(begin), "{}", answer.shown());
}

#[test]
fn an_argument_that_is_not_utf_8_is_named() {
    let scene = scene();
    let mut command = scene.process(&["run"]);
    command.arg(std::ffi::OsStr::from_bytes(b"bad\xff\x1b.sql"));
    let answer = Answer::run(command);
    let begin = "etl: invalid UTF-8 was detected in one or more arguments\n  → it is \"bad\\xFF\\u{1b}.sql\": name the file";
    assert!(answer.code == 2 && answer.stderr.starts_with(begin), "{}", answer.shown());
}

#[test]
fn a_dump_that_cannot_be_opened_is_a_failure_that_names_it() {
    let scene = Scene::new();
    let answer = scene.etl(&["run", "cinder.sql", "--no-log"]);
    assert_eq!(
        answer.shown(),
        "exit code 1\n---- stderr\netl: cinder.sql: cannot be opened: No such file or directory (os error 2)\n  \
         → check the name, and the folder that it is looked for in\n"
    );
    assert!(scene.files().is_empty(), "{:?}", scene.files());
    let answer = scene.etl(&["check", ".", &fixture("cinder.sql"), "--no-log"]);
    assert_eq!(
        answer.shown(),
        "exit code 1\n---- stderr\netl: .: this is a directory, not a dump\n  → name the dump files, not their folder\n"
    );
}
