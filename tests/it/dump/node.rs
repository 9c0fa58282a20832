//! What goes wrong on a node: the disk, the dump program.

use super::stage::{by_key, by_password, cinder, dump, has_accounts, scene, shared, start, start_with};
use fixtures::ssh::{Asks, Behaviour};

#[test]
fn a_full_disk_on_the_node_is_foreseen_or_said() {
    let node = shared();
    if !has_accounts(node) {
        return;
    }
    let mut entry = by_password("cinder1", node, node.port());
    entry.dump = cinder(node, &node.small_folder(), "reader");
    let scene = scene(&[(node, entry)]);
    // The database knows that it will be too large.
    let answer = dump(&scene, node, &[]);
    assert_eq!(answer.code, 1, "{}", answer.shown());
    assert!(answer.stdout.contains("256.0 KiB are free on cinder1 in "), "{}", answer.shown());
    assert!(answer.stdout.contains("the size of the tables, with their indexes"), "{}", answer.shown());
    assert!(answer.stdout.contains("expected_size = "), "{}", answer.shown());
    // The operator knows better, and is wrong.
    let text = scene.read("cutover.toml") + "expected_size = \"1 KiB\"\n";
    scene.write("cutover.toml", text);
    let answer = dump(&scene, node, &[]);
    assert_eq!(answer.code, 1, "{}", answer.shown());
    assert!(answer.stdout.contains("No space left on device"), "{}", answer.shown());
    assert!(answer.stdout.contains("make room on the node"), "{}", answer.shown());
    assert!(!scene.path("dumps/cinder.sql").exists() && !scene.path("dumps/cinder.sql.part").exists());
}

#[test]
fn too_little_room_here_is_foreseen() {
    let node = shared();
    let mut entry = by_key("cinder1", node, node.port());
    entry.dump.push_str("expected_size = \"900000 TiB\"\n");
    let scene = scene(&[(node, entry)]);
    let answer = dump(&scene, node, &[]);
    assert_eq!(answer.code, 1, "{}", answer.shown());
    assert!(
        answer.stdout.contains("the dump may need") && answer.stdout.contains("(expected_size)"),
        "{}",
        answer.shown()
    );
}

#[test]
fn a_dump_program_that_fails_half_way_is_told_in_its_words() {
    let node = start(Asks::Plainly);
    node.behave(Behaviour::FailsHalfWay);
    let scene = scene(&[(&node, by_key("cinder1", &node, node.port()))]);
    let answer = dump(&scene, &node, &[]);
    assert_eq!(answer.code, 1, "{}", answer.shown());
    for words in
        [": query failed: FATAL:  server closed the connection unexpectedly", "gs_dump ended with status 3: "]
    {
        assert!(answer.stdout.contains(words), "{}", answer.shown());
    }
    assert!(
        answer.stdout.contains("→ check gs_dump, options, database_name and tables"),
        "{}",
        answer.shown()
    );
    assert!(!scene.path("dumps/cinder.sql").exists());
}

#[test]
fn a_dump_program_that_speaks_chinese_is_understood() {
    let node = start(Asks::Plainly);
    node.behave(Behaviour::DiskFull);
    let scene = scene(&[(&node, by_key("cinder1", &node, node.port()))]);
    let answer = dump(&scene, &node, &[]);
    assert_eq!(answer.code, 1, "{}", answer.shown());
    for words in
        ["could not write to output file: 设备上没有空间", "→ make room on the node, or name another folder"]
    {
        assert!(answer.stdout.contains(words), "{}", answer.shown());
    }
    assert!(!answer.stdout.contains("Progress:") && !scene.path("dumps/cinder.sql").exists());
}

#[test]
fn options_are_those_of_gs_dump() {
    let node = start(Asks::Plainly);
    let with = |options: &str| {
        let mut entry = by_key("cinder1", &node, node.port());
        let line = "options = [\"-U\", \"reader\"";
        assert!(entry.dump.contains(line), "{}", entry.dump);
        entry.dump = entry.dump.replace(line, &format!("{line}, {options}"));
        let scene = scene(&[(&node, entry)]);
        (dump(&scene, &node, &["-v"]), scene)
    };
    let own =
        "\"--include-alter-table\", \"--exclude-with\", \"--dont-overwrite-file\", \"-f\", \"/nowhere\"";
    let (answer, scene) = with(own);
    assert_eq!(answer.code, 0, "{}", answer.shown());
    assert!(scene.read("dumps/cinder.sql").contains("dump complete"));
    assert!(scene.read("etl.log").contains("successfully"), "{}", scene.read("etl.log"));
    // What pg_dump has and gs_dump has not.
    for (option, problem) in [
        ("\"--dbname=cinder\"", "gs_dump: unrecognized option '--dbname=cinder'"),
        ("\"-j\", \"2\"", "gs_dump: unrecognized option '-j'"),
    ] {
        let (answer, _) = with(option);
        assert_eq!(answer.code, 1, "{}", answer.shown());
        assert!(answer.stdout.contains(problem), "{}", answer.shown());
    }
}

#[test]
fn a_dump_that_is_not_whole_is_not_kept() {
    let node = start(Asks::Plainly);
    let scene = scene(&[(&node, by_key("cinder1", &node, node.port()))]);
    assert_eq!(dump(&scene, &node, &[]).code, 0);
    let before = scene.read("dumps/cinder.sql");
    node.behave(Behaviour::Lies);
    let answer = dump(&scene, &node, &[]);
    assert_eq!(answer.code, 1, "{}", answer.shown());
    assert!(answer.stdout.contains("the dump is not whole: "), "{}", answer.shown());
    assert!(!scene.path("dumps/cinder.sql.part").exists());
    // The one that was there is still there.
    assert_eq!(scene.read("dumps/cinder.sql"), before);
}

#[test]
fn a_program_or_a_database_that_is_not_there_is_said() {
    let node = shared();
    for (from, to, problem, remedy) in [
        ("/bin/gs_dump", "/bin/no_dump", "no_dump ended with status 127", "name the program with its path"),
        (
            "database_name = \"",
            "database_name = \"no_",
            "does not exist",
            "check gs_dump, options, database_name",
        ),
        ("/tmp\"", "/no/where\"", "no folder can be made in", "remote_folder = "),
    ] {
        let mut entry = by_key("cinder1", node, node.port());
        assert!(entry.dump.contains(from), "{}", entry.dump);
        entry.dump = entry.dump.replace(from, to);
        let scene = scene(&[(node, entry)]);
        let answer = dump(&scene, node, &[]);
        assert_eq!(answer.code, 1, "{}", answer.shown());
        assert!(
            answer.stdout.contains(problem) && answer.stdout.contains(remedy),
            "{problem}: {}",
            answer.shown()
        );
    }
}

#[test]
fn a_dump_that_takes_too_long_is_stopped() {
    let node = start(Asks::Plainly);
    node.behave(Behaviour::Hangs);
    let mut entry = by_key("cinder1", &node, node.port());
    entry.dump.push_str("timeout = \"3s\"\n");
    let scene = scene(&[(&node, entry)]);
    let answer = dump(&scene, &node, &[]);
    assert_eq!(answer.code, 1, "{}", answer.shown());
    assert!(answer.stdout.contains("gs_dump was stopped: it took longer than 3s"), "{}", answer.shown());
}

#[test]
fn a_node_that_gives_no_terminal_says_so_where_one_is_needed() {
    let node = start_with(Asks::Plainly, "PermitTTY no", &[]);
    let with_key = scene(&[(&node, by_key("cinder1", &node, node.port()))]);
    let answer = dump(&with_key, &node, &[]);
    assert_eq!(answer.code, 0, "{}", answer.shown());
    if !has_accounts(&node) {
        return;
    }
    let with_su = scene(&[(&node, by_password("cinder1", &node, node.port()))]);
    let answer = dump(&with_su, &node, &[]);
    assert_eq!(answer.code, 1, "{}", answer.shown());
    for words in [
        "the node gives cps no terminal",
        "(PermitTTY no in its sshd_config",
        "user = \"gaussdba\", become = \"none\"",
    ] {
        assert!(answer.stdout.contains(words), "{}", answer.shown());
    }
}
