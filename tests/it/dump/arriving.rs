//! Dumps that arrive: by which ways, whole, recorded, and without a trace on the node.

use super::stage::{
    DATABASE_PASSWORD, by_key, by_password, cinder, dump, has_accounts, scene, shared, source, start,
};
use fixtures::ssh::Asks;
use std::os::unix::fs::PermissionsExt as _;

#[test]
fn a_dump_arrives_by_password_su_and_the_database_s_password() {
    let node = start(Asks::Plainly);
    if !has_accounts(&node) {
        return;
    }
    let mut entry = by_password("cinder1", &node, node.port());
    entry.dump = format!("{}database_password = \"ask\"\n", cinder(&node, &node.remote_folder(), "careful"));
    let scene = scene(&[(&node, entry)]);
    let answer = dump(&scene, &node, &["--report", "report.json", "-v"]);
    assert_eq!(answer.code, 0, "{}", answer.shown());

    let text = scene.read("dumps/cinder.sql");
    assert!(text.contains("PostgreSQL database dump complete"));
    // The program's progress, which goes to standard output, stays on the node.
    assert!(text.starts_with("--\n") && !text.contains("Progress:") && !answer.stdout.contains("Progress:"));
    let mode = std::fs::metadata(scene.path("dumps/cinder.sql")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let record: toml::Table = scene.read("dumps/cinder.sql.toml").parse().unwrap();
    assert_eq!(record["node"].as_str(), Some("cinder1"));
    assert_eq!(record["database"].as_str(), Some("cinder"));
    assert_eq!(record["server_timezone"].as_str(), Some("Asia/Shanghai"));
    assert_eq!(record["bytes"].as_integer(), i64::try_from(text.len()).ok());
    let digest = etl::base::digest::of(text.as_bytes());
    assert_eq!(record["sha256"].as_str(), Some(digest.as_str()));
    assert!(answer.stdout.contains(&digest) && answer.stdout.contains("Asia/Shanghai"), "{}", answer.stdout);
    assert!(!scene.path("dumps/cinder.sql.part").exists());

    // The password reached the program, and no process's arguments held it: checked after every command.
    assert!(node.seen("password").starts_with(&etl::base::digest::of(DATABASE_PASSWORD.as_bytes())));
    assert_eq!(
        node.seen("arguments"),
        format!(
            "-U\ncareful\n-t\nbackups\n-t\nquotas\n-t\nquota_usages\n-f\n/dev/fd/4\n{}\n",
            source().cinder
        )
    );
    assert!(node.seen("processes").contains("su - gaussdba"), "{}", node.seen("processes"));

    let report: serde_json::Value = serde_json::from_str(&scene.read("report.json")).unwrap();
    assert_eq!((&report["exit_code"], &report["dumps"][0]["record"]["sha256"]), (&0.into(), &digest.into()));
}

#[test]
fn a_check_takes_the_time_zone_of_the_node_from_the_record() {
    let node = start(Asks::Plainly);
    let mut entry = by_key("vbs1", &node, node.port());
    entry.dump = entry.dump.replace("\"cinder\"", "\"autobackup\"").replace(&source().cinder, &source().vbs);
    let scene = scene(&[(&node, entry)]);
    let answer = dump(&scene, &node, &[]);
    assert_eq!(answer.code, 0, "{}", answer.shown());
    let check = |arguments: &[&str]| {
        let answer = scene.etl(&[&["check", "dumps/vbs.sql", "--no-log"], arguments].concat());
        assert_eq!(answer.code, 0, "{}", answer.shown());
        answer.stdout
    };
    let said = check(&[]);
    let zone = if node.is_whole() { "Asia/Shanghai" } else { "the record beside the dump" };
    assert!(said.contains("the record beside the dump") && said.contains(zone), "{said}");
    let said = check(&["--server-timezone", "Asia/Tokyo"]);
    assert!(said.contains("--server-timezone") && !said.contains("the record beside the dump"), "{said}");
    let changed = scene.read("dumps/vbs.sql").replace("-- Dumped by", "-- dumped by");
    scene.write("dumps/vbs.sql", changed);
    let said = check(&[]);
    assert!(
        said.contains("the record is of another file than") && !said.contains("(the record beside"),
        "{said}"
    );
}

#[test]
fn a_node_may_ask_in_its_own_words() {
    let node = start(Asks::InItsWords);
    if !has_accounts(&node) {
        return;
    }
    let scene = scene(&[(&node, by_password("cinder1", &node, node.port()))]);
    let answer = dump(&scene, &node, &[]);
    assert_eq!(answer.code, 0, "{}", answer.shown());
}

#[test]
fn a_dump_arrives_with_a_key_and_again() {
    let node = shared();
    let scene = scene(&[(node, by_key("cinder1", node, node.port()))]);
    let answer = dump(&scene, node, &[]);
    assert_eq!(answer.code, 0, "{}", answer.shown());
    for line in answer.stderr.lines() {
        assert!(line.starts_with("etl: ") && !line.contains(['\x1b', '\r']), "{line:?}");
    }
    assert!(answer.stderr.contains("etl: cinder1, cinder: "), "{}", answer.stderr);
    // A later dump takes the place of the first.
    let answer = dump(&scene, node, &["--quiet"]);
    assert_eq!((answer.code, answer.stderr.as_str()), (0, ""), "{}", answer.shown());
}

#[test]
fn nodes_are_dumped_at_once_and_one_that_fails_keeps_no_other_from_arriving() {
    let (first, second) = (shared(), start(Asks::Plainly));
    second.behave(fixtures::ssh::Behaviour::FailsHalfWay);
    let mut other = by_key("vbs1", &second, second.port());
    other.dump = other.dump.replace("\"cinder\"", "\"autobackup\"").replace(&source().cinder, &source().vbs);
    let scene = scene(&[(first, by_key("cinder1", first, first.port())), (&second, other)]);
    let answer = dump(&scene, &second, &[]);
    assert_eq!(answer.code, 1, "{}", answer.shown());
    assert!(scene.path("dumps/cinder.sql").exists());
    assert!(!scene.path("dumps/vbs.sql").exists() && !scene.path("dumps/vbs.sql.part").exists());
    assert!(answer.stdout.contains("vbs1, autobackup: failed"), "{}", answer.stdout);
    assert!(
        answer.stderr.contains("1 of 2 dumps failed; the other one is here and whole"),
        "{}",
        answer.stderr
    );
    super::stage::nothing_left(first, &answer);
    // Only the one that failed, then.
    second.behave(fixtures::ssh::Behaviour::Dumps);
    let answer = dump(&scene, &second, &["--node", "vbs1"]);
    assert_eq!(answer.code, 0, "{}", answer.shown());
    assert!(scene.path("dumps/vbs.sql").exists());
}
