//! The command against a cloud on a port: what is asked, told and refused, and that no secret is seen.

use crate::scene::{Answer, Scene, fixture};
use fixtures::openstack::{Cloud, Fault, Listener, Settings, Thing};
use fixtures::server::Authority;
use serde_json::Value;
use std::process::Command;
use std::time::Duration;

const PASSWORD: &str = "correct horse";

/// A folder with the variables of an openrc file.
pub(super) fn scene(listener: &Listener) -> Scene {
    Scene::new()
        .with("OS_AUTH_URL", &listener.auth_url())
        .with("OS_USERNAME", "admin")
        .with("OS_PASSWORD", PASSWORD)
        .with("OS_PROJECT_NAME", "service")
        .with("OS_USER_DOMAIN_NAME", "Default")
        .with("OS_PROJECT_DOMAIN_NAME", "Default")
}

/// A cloud of these things, where everything takes milliseconds.
pub(super) fn quick(things: impl IntoIterator<Item = Thing>) -> Cloud {
    let millisecond = Duration::from_millis(1);
    let mut cloud =
        Cloud::new(Settings { deletion: millisecond * 5..millisecond * 50, ..Settings::default() });
    things.into_iter().for_each(|thing| cloud.add(thing));
    cloud
}

/// Flags with which it takes milliseconds here, too.
pub(super) const QUICK: [&str; 8] =
    ["--burst-every", "20ms", "--poll-every", "10ms", "--retry-wait", "10ms", "--in-flight", "40"];

/// The command line of a purge of the ids in `ids.txt`.
pub(super) fn by_ids<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["purge", "--ids", "ids.txt", "--no-target", "--yes"], &QUICK[..], more].concat()
}

fn json(scene: &Scene, name: &str) -> Value {
    serde_json::from_str(&scene.read(name)).unwrap()
}

/// The ids of a dump's COPY block of `backups`, in the order of the dump.
fn ids(dump: &str) -> Vec<String> {
    let text = std::fs::read_to_string(dump).unwrap();
    let (head, rows) = text.split_once("COPY backups (").and_then(|(_, rest)| rest.split_once('\n')).unwrap();
    let columns: Vec<&str> = head.split(')').next().unwrap().split(", ").collect();
    let at = columns.iter().position(|column| *column == "id").unwrap();
    let rows = rows.lines().take_while(|line| *line != "\\.");
    rows.map(|row| row.split('\t').nth(at).unwrap().to_owned()).collect()
}

#[test]
fn what_was_imported_stays_and_the_rest_of_the_dumps_goes() {
    let dump = fixture("cinder.sql");
    let all = ids(&dump);
    let listener =
        Listener::start(quick(all.iter().map(Thing::backup).chain([Thing::backup("foreign")])), None);
    let scene = scene(&listener);
    let ran = scene.etl(&["run", &dump, "--target", "karbor.db", "--no-log"]);
    assert!(matches!(ran.code, 0 | 3), "{}", ran.shown());

    let arguments = ["purge", &dump, "--target", "karbor.db", "--dry-run", "--report", "dry.json"];
    let answer = scene.etl(&arguments);
    assert_eq!(answer.code, 0, "{}", answer.shown());
    let dry = json(&scene, "dry.json");
    let imported = dry["purge"]["kept"]["imported"]["backups"].as_u64().unwrap();
    let chosen = dry["purge"]["chosen"]["backups"].as_u64().unwrap();
    assert!(imported > 100 && chosen > 0, "{dry}");
    assert!(answer.stdout.contains("they were imported"), "{}", answer.stdout);
    assert_eq!(dry["purge"]["objects"].as_array().unwrap().len() as u64, chosen);
    assert!(!listener.cloud().record().deletes().any(|_| true));
    assert!(!scene.files().contains(&"etl-purge.journal".to_owned()));

    let arguments =
        [&["purge", &dump, "--target", "karbor.db", "--yes", "--report", "r.json"], &QUICK[..]].concat();
    let answer = scene.etl(&arguments);
    assert_eq!(answer.code, 0, "{}", answer.shown());
    let gone = json(&scene, "r.json")["purge"]["gone"]["backups"].as_u64().unwrap();
    assert_eq!(gone, chosen);
    let now = listener.now();
    let there = listener.cloud().there(now);
    assert_eq!(there.len() as u64, all.len() as u64 + 1 - gone);
    assert!(there.contains(&"foreign".to_owned()));

    // Without a target nothing holds them back; soft-deleted rows name nothing.
    let arguments = [&["purge", &dump, "--no-target", "--yes"], &QUICK[..]].concat();
    let answer = scene.etl(&arguments);
    assert_eq!(answer.code, 0, "{}", answer.shown());
    assert!(listener.cloud().there(listener.now()).contains(&"foreign".to_owned()));
}

#[test]
fn the_report_says_what_failed_and_why() {
    let things = [
        Thing::backup("b1").of("p1"),
        Thing::backup("b2").of("p1").made("v2", "2019-01-01T00:00:00.000000").never(Fault::Refuse(403)),
        Thing::snapshot("s1").of("p2").failing([
            Fault::Refuse(500),
            Fault::EndsIn("error_deleting"),
            Fault::CutAfter,
        ]),
    ];
    let listener = Listener::start(quick(things), None);
    let scene = scene(&listener);
    scene.write("ids.txt", "b1\nb2\ns1\nabsent\n");
    let answer = scene.etl(&by_ids(&["--report", "r.json", "--quiet"]));
    assert_eq!(answer.code, 1, "{}", answer.shown());
    let shown = answer.shown();
    let address = listener.auth_url().replace("/v3", "");
    let mut hidden = shown.replace(&address, "http://CLOUD");
    let request = hidden.find("request req-").unwrap();
    let end = hidden[request..].find(')').unwrap();
    hidden.replace_range(request..request + end, "request REQUEST");
    let time = hidden.find("/volume/v3 in ").unwrap() + "/volume/v3 in ".len();
    let end = hidden[time..].find('\n').unwrap();
    hidden.replace_range(time..time + end, "TIME");
    insta::assert_snapshot!("purge_report", hidden);

    let report = json(&scene, "r.json");
    assert_eq!((&report["exit_code"], &report["command"]), (&Value::from(1), &Value::from("purge")));
    let failed = &report["purge"]["failed"][0];
    assert_eq!(
        (&failed["id"], &failed["tries"], &failed["kind"]),
        (&"b2".into(), &1.into(), &"backup".into())
    );
    assert!(failed["request_id"].as_str().is_some_and(|id| id.starts_with("req-")), "{failed}");
    assert_eq!(report["purge"]["kept"]["absent"], 1);
    assert_eq!(report["purge"]["gone"], serde_json::json!({"backups": 1, "snapshots": 1}));
    let journal = scene.read("etl-purge.journal");
    assert!(
        journal.contains("\"event\":\"failed\"") && journal.contains("403: It is not done."),
        "{journal}"
    );
}

#[test]
fn what_is_down_is_said_in_the_words_of_the_api_and_nothing_is_reported_as_gone() {
    let mut cloud = quick([Thing::backup("b")]);
    cloud.settings.backup_service_down = vec![Duration::ZERO..Duration::from_secs(3600)];
    let listener = Listener::start(cloud, None);
    let scene = scene(&listener);
    scene.write("ids.txt", "b\n");
    let answer = scene.etl(&by_ids(&["--deadline", "3s", "--log", "l.log"]));
    assert_eq!(answer.code, 1, "{}", answer.shown());
    assert!(
        answer.stderr.contains("etl: stopped by the deadline: 1 of 1 object is still there"),
        "{}",
        answer.shown()
    );
    let words = "404: Service cinder-backup could not be found.";
    let told = format!("Not sent again\n  - 1 copy: {words}\n");
    assert!(answer.stdout.contains(&told), "{}", answer.stdout);
    assert!(scene.read("l.log").contains(&format!(" s: {words}")), "{}", scene.read("l.log"));
    assert_eq!(listener.cloud().there(listener.now()), ["b"]);
}

#[test]
fn no_secret_is_seen_anywhere() {
    let listener = Listener::start(quick((0..30).map(|n| Thing::backup(format!("b{n}")))), None);
    let scene = scene(&listener);
    scene.write("ids.txt", (0..30).map(|n| format!("b{n}\n")).collect::<String>());
    let answer = scene.etl(&by_ids(&["-vv", "--report", "r.json"]));
    assert_eq!(answer.code, 0, "{}", answer.shown());
    let mut all = answer.shown();
    for file in scene.files() {
        all.push_str(&scene.read(&file));
    }
    for secret in [PASSWORD, "token-"] {
        assert!(!all.contains(secret), "{secret} in {all}");
    }
}

#[test]
fn an_application_credential_is_enough() {
    let listener = Listener::start(quick([Thing::backup("b")]), None);
    let scene = Scene::new()
        .with("OS_AUTH_URL", &listener.auth_url())
        .with("OS_APPLICATION_CREDENTIAL_ID", "credential")
        .with("OS_APPLICATION_CREDENTIAL_SECRET", PASSWORD);
    scene.write("ids.txt", "b\n");
    let answer = scene.etl(&by_ids(&[]));
    assert_eq!(answer.code, 0, "{}", answer.shown());
    assert!(listener.cloud().there(listener.now()).is_empty());
}

#[test]
fn certificates_are_verified_and_a_ca_file_adds_to_those_that_are_trusted() {
    let authority = Authority::new("the cloud's authority");
    let listener =
        Listener::start(quick([Thing::backup("b")]), Some(&authority.issue("127.0.0.1", &["127.0.0.1"])));
    let scene = scene(&listener);
    scene.write("ids.txt", "b\n");
    scene.write("ca.pem", authority.pem());
    let refused = scene.etl(&by_ids(&[]));
    assert_eq!(refused.code, 1, "{}", refused.shown());
    assert!(
        refused.stderr.contains("certificate") && refused.stderr.contains("--ca-file"),
        "{}",
        refused.stderr
    );
    assert!(listener.cloud().record().entries.is_empty());
    let answer = scene.etl(&by_ids(&["--ca-file", "ca.pem"]));
    assert_eq!(answer.code, 0, "{}", answer.shown());
    let scene = scene.with("OS_CACERT", "ca.pem");
    assert_eq!(scene.etl(&by_ids(&[])).code, 0);
}

#[test]
fn a_login_that_fails_says_what_to_look_at() {
    let listener = Listener::start(quick([]), None);
    let scene = scene(&listener);
    scene.write("ids.txt", "b\n");
    let check = |scene: &Scene, more: &[&str], expected: &str| {
        let answer = scene.etl(&by_ids(more));
        assert_eq!((answer.code, answer.stdout.as_str()), (1, ""), "{}", answer.shown());
        assert!(answer.stderr.contains(expected), "{}", answer.stderr);
        assert!(answer.stderr.contains("\n  → "), "{}", answer.stderr);
    };
    check(&scene, &["--region", "mars"], "no public endpoint of Cinder's version 3 in region mars");
    let elsewhere = format!("{}/nothing", listener.auth_url());
    check(&scene, &["--endpoint", &elsewhere], "backups cannot be listed (404: ");
    let scene = scene.with("OS_PASSWORD", "hunter2");
    check(&scene, &[], "the login is refused (401: The request you have made requires authentication.)");
    let unreachable = ["--auth-url", "http://127.0.0.1:1/v3"];
    check(&scene, &unreachable, "http://127.0.0.1:1/v3: ");
}

#[test]
fn arguments_that_do_not_say_enough_are_refused_before_anything_is_sent() {
    let listener = Listener::start(quick([Thing::backup("b")]), None);
    let scene = scene(&listener);
    scene.write("ids.txt", "b\n");
    scene.write("bad.txt", "b\nnot an id\n");
    let cinder = fixture("cinder.sql");
    let mut shown = String::new();
    for arguments in [
        &["--yes", "--no-target"][..],
        &["--ids", "ids.txt", "--yes"],
        &["--ids", "ids.txt", "--no-target"],
        &["--ids", "ids.txt", "--no-target", "--yes", "--everything"],
        &["--everything", "--no-target", "--dry-run"],
        &["--everything", "--no-target", "--project", "p1"],
        &["--everything", "--no-target", "--project", "p1", "--yes"],
        &["--ids", "ids.txt", "--target", "karbor.sql", "--yes"],
        &["--ids", "ids.txt", "--target", "karbor.db", "--no-target", "--yes"],
        &["--ids", "ids.txt", "--no-target", "--yes", "--journal", "ids.txt"],
        &["--ids", "ids.txt", "--no-target", "--yes", "--journal", "no/such/folder"],
        &["--ids", "ids.txt", "--no-target", "--yes", "--project", "a b"],
        &["--ids", "ids.txt", "--no-target", "--yes", "--older-than", "soon"],
        &["--ids", "ids.txt", "--no-target", "--yes", "--older-than", "9999999999years"],
        &["--ids", "ids.txt", "--no-target", "--yes", "--deadline", "9999years"],
        &["--ids", "ids.txt", "--no-target", "--yes", "--burst", "0"],
        &["--ids", "ids.txt", "--no-target", "--yes", "--interface", "private"],
        &["--ids", "ids.txt", "--no-target", "--yes", "--auth-url", "http://u:hunter2@h/v3"],
        &["--ids", "ids.txt", "--no-target", "--yes", "--auth-url", "keystone"],
        &["--ids", "ids.txt", "--no-target", "--yes", "--ca-file", "absent.pem"],
    ] {
        let answer = scene.etl(&[&["purge", "--no-log"], arguments].concat());
        assert_eq!((answer.code, answer.stdout.as_str()), (2, ""), "{arguments:?} {}", answer.shown());
        shown.push_str(&format!("$ etl purge {}\n{}\n", arguments.join(" "), answer.stderr));
    }
    insta::assert_snapshot!("purge_usage", shown);
    for (arguments, expected) in [
        (vec!["--ids", "bad.txt"], "bad.txt:2: \"not an id\" is no id"),
        (vec!["--ids", "absent.txt"], "absent.txt: cannot be read"),
        (vec!["absent.sql"], "absent.sql"),
        (vec![cinder.as_str(), "--target", "absent.db"], "absent.db: there is no such database"),
    ] {
        let target: &[&str] = if arguments.contains(&"--target") { &[] } else { &["--no-target"] };
        let answer = scene.etl(&[&["purge", "--yes", "--no-log"], target, &arguments].concat());
        assert_eq!(answer.code, 1, "{}", answer.shown());
        assert!(answer.stderr.contains(expected), "{}", answer.stderr);
    }
    let bare = Scene::new();
    bare.write("ids.txt", "b\n");
    let answer = bare.etl(&by_ids(&[]));
    assert_eq!(answer.code, 2);
    assert!(answer.stderr.contains("the identity service is not named"), "{}", answer.stderr);
    assert!(listener.cloud().record().deletes().next().is_none());
}

#[test]
fn a_journal_is_of_one_cloud_and_of_one_purge_at_a_time() {
    let (one, other) = (Listener::start(quick([]), None), Listener::start(quick([]), None));
    let scene = scene(&one);
    scene.write("ids.txt", "b\n");
    assert_eq!(scene.etl(&by_ids(&[])).code, 0);
    let answer = scene.etl(&by_ids(&["--auth-url", &other.auth_url()]));
    assert_eq!(answer.code, 2, "{}", answer.shown());
    assert!(
        answer.stderr.contains("the journal etl-purge.journal: it is of a purge at "),
        "{}",
        answer.stderr
    );
    let held = std::fs::File::open(scene.path("etl-purge.journal")).unwrap();
    held.lock().unwrap();
    let answer = scene.etl(&by_ids(&[]));
    assert_eq!(answer.code, 2);
    assert!(answer.stderr.contains("another etl purge is writing to it"), "{}", answer.stderr);
}

#[test]
fn where_nothing_can_be_written_down_nothing_more_is_sent() {
    let listener = Listener::start(quick((0..200).map(|n| Thing::backup(format!("b{n}")))), None);
    let scene = scene(&listener);
    scene.write("ids.txt", (0..200).map(|n| format!("b{n}\n")).collect::<String>());
    // No file may become longer than 8 blocks of 512 bytes.
    let line = format!("trap '' XFSZ; ulimit -f 8; exec \"$0\" {} --no-log", by_ids(&[]).join(" "));
    let mut command = Command::new("sh");
    command.args(["-c", &line, env!("CARGO_BIN_EXE_etl")]).current_dir(scene.path("")).env_clear();
    for (name, value) in [
        ("OS_AUTH_URL", listener.auth_url().as_str()),
        ("OS_USERNAME", "admin"),
        ("OS_PASSWORD", PASSWORD),
        ("OS_PROJECT_NAME", "service"),
    ] {
        command.env(name, value);
    }
    let answer = Answer::run(command);
    assert_eq!(answer.code, 1, "{}", answer.shown());
    assert!(
        answer.stderr.contains("the journal etl-purge.journal cannot be read or written"),
        "{}",
        answer.stderr
    );
    let sent: Vec<String> =
        listener.cloud().record().deletes().map(|entry| entry.path.replace("backups/", "")).collect();
    assert!(!sent.is_empty() && sent.len() < 60, "{}", sent.len());
    let journal = scene.read("etl-purge.journal");
    assert!(sent.iter().all(|id| journal.contains(&format!("\"id\":\"{id}\""))), "{sent:?} {journal}");
    // With room again it goes on, and the line that was cut off is no harm.
    let answer = scene.etl(&by_ids(&[]));
    assert_eq!(answer.code, 0, "{}", answer.shown());
    assert!(listener.cloud().there(listener.now()).is_empty());
    assert!(listener.cloud().record().tries().values().all(|tries| *tries == 1));
}

#[test]
fn dumps_that_name_nothing_say_so() {
    let listener = Listener::start(quick([Thing::backup("b")]), None);
    let scene = scene(&listener);
    let answer = scene.etl(&["purge", &fixture("vbs.sql"), "--no-target", "--yes"]);
    assert_eq!(answer.code, 0, "{}", answer.shown());
    assert!(answer.stdout.contains("Nothing is there to be deleted\n"), "{}", answer.stdout);
    assert!(answer.stdout.contains("the dumps and files name no copy and no snapshot"), "{}", answer.stdout);
}
