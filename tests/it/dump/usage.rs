//! Arguments and settings that do not go together: refused before a node is touched, and no secret repeated.

use crate::scene::Scene;

const NODE: &str = "[[node]]\nname = \"cinder1\"\nhost = \"192.0.2.5\"\nuser = \"cps\"\n";
const DUMP: &str = "[[node.dump]]\ndatabase = \"cinder\"\n";

#[track_caller]
fn check(text: &str, arguments: &[&str], expected: &str) {
    let scene = Scene::new();
    scene.write("cutover.toml", text);
    let mut all = vec!["dump", "cutover.toml"];
    all.extend(arguments);
    let answer = scene.etl(&all);
    assert_eq!(answer.shown(), format!("exit code 2\n---- stderr\n{expected}\n"), "{text}");
    assert_eq!(scene.files(), ["cutover.toml"]);
}

#[test]
fn settings_that_cannot_be_are_told_with_their_line() {
    for (text, expected) in [
        (String::new(), "etl: cutover.toml:1: no node is named\n  → add a section [[node]] for each node"),
        (
            "[[node]]\nname = \"a\"\nuser = \"u\"\n".to_owned(),
            "etl: cutover.toml:1: [[node]] has no host\n  → add a line such as: host = \"192.0.2.5\"",
        ),
        (
            format!("{NODE}prot = 22\n"),
            "etl: cutover.toml:5: there is no setting \"prot\" in [[node]]\n  → the settings are name, host, port, user, login, \
             key, proxy_jump, become, become_command, database_user, become_password, connect_timeout, known_hosts, \
             legacy_algorithms, dump",
        ),
        (
            format!("{NODE}port = \"22\"\n"),
            "etl: cutover.toml:5: port: expected a number from 1 to 65535, found a text",
        ),
        (format!("{NODE}port = 0\n"), "etl: cutover.toml:5: port = 0: expected a number from 1 to 65535"),
        (
            format!("{NODE}become = \"doas\"\n"),
            "etl: cutover.toml:5: become = \"doas\": expected none, su or sudo",
        ),
        (
            format!("{NODE}become = \"su\"\n"),
            "etl: cutover.toml:1: become says how, but no database_user says whom\n  → add database_user = \"gaussdba\"",
        ),
        (
            format!("{NODE}login = [\"agent\", \"kerberos\"]\n"),
            "etl: cutover.toml:5: login: \"kerberos\": expected agent, key or password",
        ),
        (
            format!("{NODE}[[node.dump]]\ndatabase = \"nova\"\n"),
            "etl: cutover.toml:6: database = \"nova\": expected one of cinder, autobackup, taskmgr, dps\n  \
             → where it is called otherwise, add database_name",
        ),
        (
            format!("{NODE}{DUMP}file = \"../cinder.sql\"\n"),
            "etl: cutover.toml:7: file = \"../cinder.sql\": expected a name without folders\n  \
             → the folder is that of the whole file: folder = \"…\"",
        ),
        (
            format!("{NODE}{DUMP}expected_size = \"2 Gb\"\n"),
            "etl: cutover.toml:7: expected_size = \"2 Gb\": expected a size such as \"2 GiB\"",
        ),
        (
            format!("{NODE}{DUMP}{NODE}"),
            "etl: cutover.toml:7: two nodes are called \"cinder1\"\n  → give each a name of its own",
        ),
        (
            format!("{NODE}{DUMP}{DUMP}"),
            "etl: cutover.toml:1: two dumps are written to the file cinder.sql\n  → give each a name of its own",
        ),
        (
            format!("{NODE}name"),
            "etl: cutover.toml:5: key with no value, expected `=`\n  → `etl dump --help` shows a file of the form",
        ),
        (
            NODE.to_owned(),
            "etl: cutover.toml: nothing is to be dumped on any of the nodes\n  → add a section [[node.dump]] below a node",
        ),
    ] {
        check(&text, &[], expected);
    }
    check(
        &format!("{NODE}{DUMP}"),
        &["--node", "vbs1"],
        "etl: --node: there is no node \"vbs1\" in cutover.toml\n  → the nodes are cinder1",
    );
}

#[test]
fn a_password_in_the_settings_is_refused_and_not_repeated() {
    for line in [
        "password = \"hunter2\"",
        "become_password = \"hunter2\"",
        "options = [\"-W\", \"hunter2\"]",
        "options = [\"-Whunter2\"]",
        "options = [\"--password=hunter2\"]",
        "options = [\"--role=r\", \"--rolepassword\", \"hunter2\"]",
        "options = [\"--with-encryption=AES128\", \"--with-key=hunter2\"]",
        "gs_dump = \"PGPASSWORD=hunter2 gs_dump\"",
        "target = \"postgresql://karbor:hunter2@db1/karbor\"",
    ] {
        check(
            &format!("{NODE}{DUMP}{line}\n"),
            &[],
            "etl: cutover.toml:7: this looks like a password, which does not belong into a file\n  \
             → change it, then leave it out: etl asks for it, or takes it from --secrets-fd or the environment",
        );
    }
}

#[test]
fn secrets_that_are_nowhere_are_missed_before_a_node_is_touched() {
    let text = format!("{NODE}login = [\"password\"]\nbecome = \"su\"\ndatabase_user = \"gaussdba\"\n{DUMP}");
    let scene = Scene::new();
    scene.write("cutover.toml", &text);
    let answer = scene.etl(&["dump", "cutover.toml", "--no-log"]);
    assert_eq!(
        answer.shown(),
        "exit code 2\n---- stderr\netl: no password of cps on cinder1 is known, and nobody can be asked\n  \
         → set ETL_SSH_PASSWORD_CINDER1 in the environment, give it through --secrets-fd, or run etl on a terminal\n"
    );
    let answer = scene.etl_fed(&["dump", "cutover.toml", "--no-log", "--secrets-fd", "0"], "hunter2\n");
    assert_eq!(answer.code, 2);
    assert!(answer.stderr.contains("--secrets-fd 0: line 1 is not NAME=value"), "{}", answer.stderr);
    assert!(!answer.stderr.contains("hunter2"), "{}", answer.stderr);
}

#[test]
fn a_dry_run_says_what_would_be_done_and_touches_nothing() {
    let scene = Scene::new().with("HOME", "/home/op");
    let text = format!(
        "folder = \"dumps\"\n{NODE}become = \"su\"\ndatabase_user = \"gaussdba\"\n{DUMP}options = [\"-p\", \"5432\"]\n"
    );
    scene.write("cutover.toml", text);
    let answer = scene.etl(&["dump", "cutover.toml", "--dry-run"]);
    assert_eq!(answer.code, 0, "{}", answer.shown());
    insta::assert_snapshot!("dump_dry_run", answer.stdout);
    assert_eq!(scene.files(), ["cutover.toml"]);
}
