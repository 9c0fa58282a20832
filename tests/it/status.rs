//! What is told of a target that holds imports.

use crate::karbor::database;
use crate::scene::{Scene, fixture};
use fixtures::server::{Server, Stop};

#[test]
fn the_status_of_an_import_is_as_it_was_read_last() {
    let scene = Scene::new();
    let nothing = scene.etl(&["status", "--target", "karbor.db"]);
    assert_eq!((nothing.code, nothing.stderr.contains("there is no such database")), (1, true));
    let dumps = ["cinder.sql", "vbs.sql", "dps.sql"].map(fixture);
    assert_eq!(scene.etl(&["run", "--quiet", "--no-log", &dumps[0], &dumps[1], &dumps[2]]).code, 3);
    rusqlite::Connection::open(scene.path("karbor.db"))
        .unwrap()
        .execute_batch(
            "UPDATE checkpoint_items SET status = 'protecting' WHERE id IN (SELECT id FROM checkpoint_items WHERE version = '0.5' \
             AND status = 'available' ORDER BY id LIMIT 2);
             UPDATE checkpoint_items SET deleted = 1 WHERE id IN (SELECT id FROM checkpoint_items WHERE version = '0.4' \
             ORDER BY id LIMIT 1);
             UPDATE scheduled_operation_states SET trust_id = 'a trust' WHERE id > 10",
        )
        .unwrap();
    let answer = scene.etl(&["status", "--target", "karbor.db"]);
    assert_eq!((answer.code, answer.stderr.as_str()), (0, ""));
    insta::assert_snapshot!("status", answer.stdout);
    assert_eq!(scene.files(), ["karbor.db"], "a look leaves no log");

    let answer = scene.etl(&["status", "--target", "karbor.db", "--json"]);
    let report: serde_json::Value = serde_json::from_str(&answer.stdout).unwrap();
    let status = &report["report"];
    assert_eq!(
        (&status["engine"]["placeholders"], status["unfinished"].as_array().unwrap().len()),
        (&10.into(), 2)
    );
    assert_eq!(status["engine"]["services"][0]["registered"], 31);
    assert_eq!(status["operations"][0], serde_json::json!({"origin": "vbs", "enabled": 16, "disabled": 2}));
    assert!(
        status["copies"]
            .as_array()
            .unwrap()
            .contains(&serde_json::json!({"origin": "dps", "status": "deleted", "rows": 1}))
    );
    assert_eq!(status["holder"], serde_json::Value::Null);
}

#[test]
fn a_standby_has_the_same_status() {
    let (scene, mut server) = (Scene::new(), Server::start());
    let database = database(&server);
    let (target, server_port) = (server.url(&database), server.port());
    let dumps = ["cinder.sql", "vbs.sql", "dps.sql"].map(fixture);
    let line = ["run", "--quiet", "--no-log", &dumps[0], &dumps[1], &dumps[2]];
    assert_eq!(scene.etl(&line).code, 3);
    assert_eq!(scene.etl(&[&line[..], &["--target", &target]].concat()).code, 3);
    server.stop(Stop::Fast);
    std::fs::write(server.folder().join("data/standby.signal"), "").unwrap();
    server.restart();
    let told = |target: &str| {
        let answer = scene.etl(&["status", "--target", target]);
        assert_eq!((answer.code, answer.stderr.as_str()), (0, ""), "{}", answer.shown());
        answer.stdout.split_once('\n').unwrap().1.to_owned()
    };
    let of_server = told(&target);
    let (rows, rest) = of_server.split_once("Server\n").unwrap();
    let (server, rest) = rest.split_once("At work\n").unwrap();
    assert_eq!(format!("{rows}At work\n{rest}"), told("karbor.db"));
    for line in [
        "  PostgreSQL ",
        &format!("  at 127.0.0.1:{}, without TLS\n", server_port),
        "  login: without a password (trust, peer or certificate)\n",
        "  encoding UTF8, varchar(n) counts characters\n",
    ] {
        assert!(server.contains(line), "{line:?} is not in: {server}");
    }
    let refused = scene.etl(&["rollback", "--no-log", "--source", "all", "--yes", "--target", &target]);
    assert!(refused.code == 1 && refused.stderr.contains("is a standby"), "{}", refused.shown());
}
