//! Passwords: refused on the command line, taken from the environment, repeated nowhere.

use crate::scene::{Scene, fixture};

const SECRET: &str = "hunter2";

#[test]
fn a_password_on_the_command_line_is_refused_and_not_repeated() {
    for arguments in [
        &["run", "a.sql", "--target", "postgresql://karbor:hunter2@db1/karbor"][..],
        &["run", "a.sql", "--target=postgresql://karbor:hunter2@db1/karbor"],
        &["run", "a.sql", "-t", "postgresql://db1/karbor?password=hunter2"],
        &["run", "a.sql", "--target", "host=db1 password=hunter2"],
        &["check", "a.sql", "--taget", "postgres://karbor:hunter2@db1/karbor"],
        &["run", "postgresql://karbor:hunter2@db1/karbor", "a.sql"],
        &["postgresql://karbor:hunter2@db1/karbor"],
        &["run", "a.sql", "--report", "postgresql://karbor:hunter2@db1/karbor"],
    ] {
        let scene = Scene::new();
        let answer = scene.etl(arguments);
        assert_eq!(
            answer.shown(),
            "exit code 2\n---- stderr\n\
             etl: a password stands on the command line, where every user of this machine can see it\n  \
             → change it, then leave it out: etl asks for it, or takes it from PGPASSWORD, ~/.pgpass, ETL_TARGET or OS_PASSWORD\n",
            "{arguments:?}"
        );
        assert!(scene.files().is_empty(), "{:?}", scene.files());
    }
}

#[test]
fn a_password_in_the_environment_is_repeated_nowhere() {
    let dump = fixture("cinder.sql");
    for (variable, value) in [
        // Nothing listens on port 1, so that the connection fails and the target is named.
        ("ETL_TARGET", "postgresql://karbor:hunter2@127.0.0.1:1/karbor"),
        ("ETL_TARGET", "host=127.0.0.1 port=1 password=hunter2 dbname=karbor"),
        ("ETL_TARGET", "postgresql://karbor:hunt/er2@h/hunter2@x"),
        ("ETL_TARGET", "mysql://karbor:hunter2@db1/karbor"),
        ("ETL_TARGET", "postgresql:/karbor:hunter2@db1/karbor"),
        ("ETL_TARGET", "karbor:hunter2@db1:5432/karbor"),
        ("ETL_TARGET", "postgres//karbor:hunter2@db1/karbor"),
        ("ETL_TARGET", "Server=db1;Password=hunter2"),
        ("ETL_TARGET", "server=db1 password=hunter2"),
        ("ETL_TARGET", "host=db1,password=hunter2"),
        ("ETL_TARGET", "karbor:hunter2@db1/karbor.db"),
        ("ETL_TARGET", "karbor:hunter2@db1/karbor.sql"),
        ("ETL_TARGET", "hunter2"),
    ] {
        let scene = Scene::new().with(variable, value);
        let answer = scene.etl(&["run", &dump, "-vv", "--report", "report.json"]);
        assert!(matches!(answer.code, 1 | 2), "{value}: {}", answer.shown());
        let mut texts = vec![answer.stdout, answer.stderr];
        for file in scene.files() {
            texts.push(scene.read(&file));
        }
        assert!(texts.iter().any(|text| text.contains("etl: ")), "{value}: {texts:?}");
        for text in texts {
            assert!(!text.contains(SECRET), "{value}: {text}");
        }
    }
}

#[test]
fn without_a_terminal_nobody_is_asked() {
    let scene = Scene::new();
    let answer =
        scene.etl(&["check", &fixture("cinder.sql"), "--target", "postgresql://nobody@127.0.0.1:1/karbor"]);
    assert_eq!((answer.code, answer.stdout.as_str()), (1, ""), "{}", answer.stderr);
    assert!(!answer.stderr.contains("Password"), "{}", answer.stderr);
}
