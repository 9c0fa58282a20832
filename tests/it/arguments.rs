//! Arguments that do not go together.

use crate::scene::{Scene, fixture};
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
