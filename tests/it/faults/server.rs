//! The server refuses or ends: it is stopped at COMMIT, its disk or its table of locks is full, a role lacks a right, an
//! administrator's limits are shorter than a load.

use super::{etl, failed, line, state};
use crate::cutover::Running;
use crate::karbor::{counts, database, postgres_rows};
use crate::scene::Scene;
use fixtures::server::{Server, Stop, shared};
use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

const QUIET: &[&str] = &["--no-log", "--quiet"];

/// A trigger by which COMMIT takes a while: the moment in which the server is stopped.
const SLOW_COMMIT: &str = "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS \
    'BEGIN PERFORM pg_sleep(600); RETURN NULL; END'; \
    CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON plans DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE PROCEDURE slow()";

#[test]
fn a_server_that_is_stopped_at_commit_has_not_committed_and_the_run_finds_out() {
    let mut server = Server::start();
    let database = database(&server);
    let before = state(&server, &database);
    server.psql(&database, SLOW_COMMIT);
    for stop in [Stop::Fast, Stop::Immediate] {
        let scene = Scene::new();
        let arguments = line("run", &server.url(&database), QUIET);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let mut running = Running::start(&scene, &arguments);
        running.wait_until_busy(&server, "query = 'COMMIT'");
        server.stop(stop);
        // The run looks again and again until the server is back.
        server.restart();
        let (code, stderr) = running.end();
        assert_eq!(code, Some(1), "{stop:?}: {stderr}");
        assert!(stderr.contains("it was not committed: nothing was written"), "{stop:?}: {stderr}");
        assert_eq!(state(&server, &database), before, "{stop:?}");
    }
}

/// Puts a device in the place of a table's file, on which every write finds the disk full.
fn fill_disk(server: &mut Server, database: &str, table: &str) {
    let file = server.psql(database, &format!("SELECT pg_relation_filepath('{table}')"));
    server.stop(Stop::Fast);
    let file = server.folder().join("data").join(file);
    fs::remove_file(&file).unwrap();
    symlink("/dev/full", &file).unwrap();
    server.restart();
}

#[test]
fn a_full_disk_of_the_server_is_told() {
    let mut server = Server::start();
    for table in ["plans", "checkpoint_items"] {
        let (scene, database) = (Scene::new(), database(&server));
        fill_disk(&mut server, &database, table);
        let answer = etl(&scene, &line("run", &server.url(&database), QUIET));
        let expected = ["53100", "nothing was written", "→ make room on the server's disk, then run again"];
        failed(&answer, &[&format!("COPY {table}")]);
        failed(&answer, &expected);
        assert_eq!(server.psql(&database, "SELECT count(*) FROM triggers"), "0");
    }
}

#[test]
fn a_full_table_of_locks_is_told_with_the_setting_that_makes_it_larger() {
    let server = Server::builder().settings("max_locks_per_transaction = 10\nmax_connections = 20").start();
    let (scene, database) = (Scene::new(), database(&server));
    let before = state(&server, &database);
    // Another session takes locks until there is no room, gives a few back, and sleeps.
    let fill = "SET application_name = 'greedy'; BEGIN; \
        CREATE FUNCTION fill() RETURNS integer LANGUAGE plpgsql AS 'DECLARE n integer := 0; BEGIN LOOP BEGIN \
        PERFORM pg_advisory_lock(n); n := n + 1; EXCEPTION WHEN out_of_memory THEN \
        FOR given IN 0..7 LOOP PERFORM pg_advisory_unlock(given); END LOOP; RAISE LOG ''filled''; RETURN n; END; END LOOP; END'; \
        SELECT fill(); SELECT pg_sleep(600)";
    std::thread::scope(|scope| {
        let (server, name) = (&server, &database);
        scope.spawn(move || server.try_psql(name, fill));
        let begun = std::time::Instant::now();
        while !server.log().contains("filled") {
            assert!(begun.elapsed().as_secs() < 60, "{}", server.log());
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        let answer = etl(&scene, &line("run", &server.url(name), QUIET));
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'greedy'";
        server.psql("postgres", end);
        failed(&answer, &["out of shared memory", "53200", "→ ", "max_locks_per_transaction"]);
    });
    assert_eq!(state(&server, &database), before);
}

#[test]
fn a_role_without_temporary_tables_imports_and_is_told_what_an_increment_needs() {
    let (scene, database) = (Scene::new(), database(shared()));
    let role = format!("Mr. \"{database}\"");
    let quoted = format!("\"{}\"", role.replace('"', "\"\""));
    shared().psql(
        &database,
        &format!(
            "REVOKE TEMPORARY ON DATABASE {database} FROM PUBLIC; CREATE ROLE {quoted} LOGIN; \
             GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {quoted}; \
             GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {quoted}"
        ),
    );
    let target = format!("host=127.0.0.1 port={} dbname={database} user='{role}'", shared().port());
    let first = etl(&scene, &line("run", &target, &["--no-log", "--quiet", "--unsteady", "carry"]));
    assert_eq!(first.code, 3, "{}", first.shown());
    let before = state(shared(), &database);
    let grant = format!("GRANT TEMPORARY ON DATABASE \"{database}\" TO {quoted}");
    let commands: [(&str, &[&str], &str); 3] = [
        ("run", &["--no-log", "--quiet", "--provider-id", "other"], "nothing was written"),
        ("sync", QUIET, "nothing was written"),
        ("rollback", &["--source", "all", "--yes", "--quiet"], ""),
    ];
    for (command, more, said) in commands {
        let answer = etl(&scene, &line(command, &target, more));
        failed(&answer, &["temporary tables", "42501", said, "→ let the database's owner run: ", &grant]);
        assert_eq!(state(shared(), &database), before, "{command}");
    }
    // Nothing to write needs none, and what the remedy says is enough.
    for (command, code) in [("verify", 0), ("status", 0), ("check", 0)] {
        let more = if command == "status" { &[][..] } else { QUIET };
        let answer = etl(&scene, &line(command, &target, more));
        assert_eq!(answer.code, code, "{}", answer.shown());
    }
    shared().psql(&database, &grant);
    for (command, more, _) in commands {
        let answer = etl(&scene, &line(command, &target, more));
        assert!(matches!(answer.code, 0 | 3), "{}", answer.shown());
    }
    assert_eq!(counts(&postgres_rows(shared(), &database)), [0; 6]);
}

#[test]
fn a_trigger_of_the_targets_that_drops_rows_is_named() {
    let scene = Scene::new();
    let database = database(shared());
    shared().psql(
        &database,
        "CREATE FUNCTION drop_some() RETURNS trigger LANGUAGE plpgsql AS \
         'BEGIN IF NEW.id < ''8'' THEN RETURN NULL; END IF; RETURN NEW; END'; \
         CREATE TRIGGER \"drop some\" BEFORE INSERT OR UPDATE ON checkpoint_items FOR EACH ROW EXECUTE PROCEDURE drop_some(); \
         CREATE TRIGGER harmless AFTER INSERT ON plans FOR EACH ROW EXECUTE PROCEDURE drop_some()",
    );
    let before = state(shared(), &database);
    let target = shared().url(&database);
    let named = [
        "the table public.checkpoint_items has triggers of its own, which drop rows: \"drop some\"; nothing was written",
        "→ have them let every row pass, or disable them meanwhile (ALTER TABLE public.checkpoint_items DISABLE TRIGGER \"drop some\")",
    ];
    let carry = ["--no-log", "--quiet", "--unsteady", "carry"];
    failed(
        &etl(&scene, &line("run", &target, &carry)),
        &[&["rows were sent to checkpoint_items, and "][..], &named].concat(),
    );
    assert_eq!(state(shared(), &database), before);
    // The remedy works; and updates are dropped like rows.
    shared().psql(&database, "ALTER TABLE public.checkpoint_items DISABLE TRIGGER \"drop some\"");
    let run = etl(&scene, &line("run", &target, &carry));
    assert_eq!(run.code, 3, "{}", run.shown());
    shared().psql(
        &database,
        "CREATE OR REPLACE FUNCTION drop_some() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; \
         ALTER TABLE public.checkpoint_items ENABLE TRIGGER \"drop some\"",
    );
    failed(&etl(&scene, &line("sync", &target, QUIET)), &[&["items are settled, and "][..], &named].concat());

    let run = etl(&scene, &line("run", "karbor.db", &["--no-log", "--quiet"]));
    assert_eq!(run.code, 3, "{}", run.shown());
    let file = rusqlite::Connection::open(scene.path("karbor.db")).unwrap();
    file.execute_batch(
        "DELETE FROM checkpoint_items; CREATE TRIGGER drop_some BEFORE INSERT ON checkpoint_items WHEN NEW.id < '8' \
         BEGIN SELECT RAISE(IGNORE); END",
    )
    .unwrap();
    let run = etl(&scene, &line("run", "karbor.db", &["--no-log", "--quiet"]));
    failed(
        &run,
        &[
            "rows were sent to checkpoint_items, and ",
            "has triggers of its own, which drop rows: drop_some; nothing was written",
            "→ have them let every row pass, or drop them meanwhile, and run again",
        ],
    );
}

#[test]
fn a_role_from_which_rows_are_hidden_is_told_what_lets_it_see_them() {
    let (scene, database) = (Scene::new(), database(shared()));
    let role = format!("hidden_{database}");
    assert_eq!(etl(&scene, &line("run", &shared().url(&database), QUIET)).code, 3);
    shared().psql(
        &database,
        &format!(
            "CREATE ROLE {role} LOGIN; GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}; \
             GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {role}; ALTER TABLE plans ENABLE ROW LEVEL SECURITY"
        ),
    );
    let before = state(shared(), &database);
    let target = shared().url(&database).replace("postgres@", &format!("{role}@"));
    for (command, more) in [
        ("rollback", &["--source", "all", "--yes", "--quiet"][..]),
        ("run", QUIET),
        ("check", QUIET),
        ("verify", QUIET),
        ("policies", &[]),
    ] {
        let answer = etl(&scene, &line(command, &target, more));
        failed(
            &answer,
            &["row-level security", "→ policies on the table's rows would hide some of them", "BYPASSRLS"],
        );
        assert!(!answer.stderr.contains("GRANT"), "{}", answer.shown());
    }
    assert_eq!(state(shared(), &database), before);
    shared().psql(&database, &format!("ALTER ROLE {role} BYPASSRLS"));
    let answer = etl(&scene, &line("rollback", &target, &["--source", "all", "--yes", "--quiet"]));
    assert_eq!(answer.code, 0, "{}", answer.shown());
}

#[test]
fn a_role_that_may_not_connect_or_is_taken_its_rights_is_told() {
    let (scene, database) = (Scene::new(), database(shared()));
    let role = format!("guest_{database}");
    shared().psql(
        &database,
        &format!("CREATE ROLE {role} LOGIN; REVOKE CONNECT ON DATABASE {database} FROM PUBLIC"),
    );
    let target = shared().url(&database).replace("postgres@", &format!("{role}@"));
    let all = ["run", "check", "verify", "status", "policies", "sync", "rollback"];
    for command in all {
        let more: &[&str] = match command {
            "status" | "policies" => &[],
            "rollback" => &["--source", "all", "--yes", "--quiet"],
            _ => QUIET,
        };
        let answer = etl(&scene, &line(command, &target, more));
        failed(&answer, &["permission denied for database", "→ "]);
    }
    shared().psql(&database, &format!("GRANT CONNECT ON DATABASE {database} TO {role}"));
    for command in ["run", "verify", "status", "policies"] {
        let more: &[&str] = if matches!(command, "status" | "policies") { &[] } else { QUIET };
        let answer = etl(&scene, &line(command, &target, more));
        failed(&answer, &["→ ", role.as_str()]);
        assert!(answer.stderr.to_ascii_lowercase().contains("grant"), "{}", answer.shown());
    }
    assert_eq!(counts(&postgres_rows(shared(), &database)), [0; 6]);
}

#[test]
fn limits_for_everyday_work_do_not_end_a_load() {
    let (scene, database) = (Scene::new(), database(shared()));
    // Each statement that touches a table takes longer than the limit allows.
    shared().psql(
        &database,
        &format!(
            "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.3); RETURN NULL; END'; \
             CREATE TRIGGER slow BEFORE INSERT ON checkpoint_items FOR EACH STATEMENT EXECUTE PROCEDURE slow(); \
             ALTER DATABASE {database} SET statement_timeout = '100ms'; \
             ALTER DATABASE {database} SET idle_in_transaction_session_timeout = '100ms'; \
             ALTER DATABASE {database} SET lock_timeout = '1ms'"
        ),
    );
    let answer = etl(&scene, &line("run", &shared().url(&database), QUIET));
    assert_eq!(answer.code, 3, "{}", answer.shown());
}

#[test]
fn a_session_that_a_limit_or_an_administrator_ends_leaves_nothing() {
    let (scene, database) = (Scene::new(), database(shared()));
    let before = state(shared(), &database);
    for (ending, code) in [
        ("PERFORM pg_terminate_backend(pg_backend_pid())", "57P01"),
        ("PERFORM pg_cancel_backend(pg_backend_pid())", "57014"),
        // It holds from the next statement on.
        ("SET LOCAL statement_timeout = 1", "57014"),
    ] {
        // In the middle of a table.
        shared().psql(
            &database,
            &format!(
                "CREATE OR REPLACE FUNCTION ending() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN \
                 IF (SELECT count(*) FROM resources) >= 10 THEN {ending}; END IF; PERFORM pg_sleep(0.02); RETURN NEW; END$$; \
                 DROP TRIGGER IF EXISTS ending ON resources; \
                 CREATE TRIGGER ending BEFORE INSERT ON resources FOR EACH ROW EXECUTE PROCEDURE ending()"
            ),
        );
        let answer = etl(&scene, &line("run", &shared().url(&database), QUIET));
        failed(&answer, &["COPY ", "nothing was written", "→ "]);
        assert!(
            // Where the limit hits between two answers, the next statement tells only that there was an error.
            [code, "the connection broke", "25P02"].iter().any(|said| answer.stderr.contains(said)),
            "{}",
            answer.shown()
        );
        assert_eq!(state(shared(), &database), before, "{ending}");
    }
}

#[test]
fn what_the_target_alone_refuses_is_told_and_leaves_nothing() {
    for (sql, code) in [
        // A second unique key, which a plan of Karbor's own holds already.
        (
            "CREATE UNIQUE INDEX names ON plans (project_id); CREATE RULE keep AS ON UPDATE TO services DO INSTEAD NOTHING",
            "23505",
        ),
        ("ALTER TABLE triggers ADD CHECK (length(properties) < 10)", "23514"),
        (
            "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''not today''; END'; \
          CREATE TRIGGER no BEFORE INSERT ON checkpoint_items FOR EACH ROW EXECUTE PROCEDURE no()",
            "P0001",
        ),
    ] {
        let (scene, database) = (Scene::new(), database(shared()));
        shared().psql(&database, sql);
        let before = state(shared(), &database);
        let answer = etl(&scene, &line("run", &shared().url(&database), QUIET));
        failed(&answer, &[code, "nothing was written", "COPY "]);
        assert_eq!(state(shared(), &database), before, "{code}");
    }
}

/// Stops a server and starts a streaming standby of it beside it.
fn standby_of(primary: &mut Server) -> Server {
    let mut standby = Server::start();
    standby.stop(Stop::Fast);
    primary.stop(Stop::Fast);
    let (from, to) = (primary.folder().join("data"), standby.folder().join("data"));
    fs::remove_dir_all(&to).unwrap();
    assert!(Command::new("cp").arg("-a").args([&from, &to]).status().unwrap().success());
    let source = format!("host={} port={} user=postgres", primary.folder().display(), primary.port());
    if primary.installation().major() >= 12 {
        fs::write(to.join("standby.signal"), "").unwrap();
        let settings = standby.folder().join("postgresql.conf");
        let text = fs::read_to_string(&settings).unwrap();
        fs::write(&settings, format!("{text}\nprimary_conninfo = '{source}'\n")).unwrap();
    } else {
        fs::write(to.join("recovery.conf"), format!("standby_mode = on\nprimary_conninfo = '{source}'\n"))
            .unwrap();
    }
    primary.restart();
    standby.restart();
    standby
}

#[test]
fn a_streaming_standby_is_looked_at_and_never_written_to() {
    // Local replication is let in without a password.
    let mut primary = Server::builder().hba("local replication all trust").start();
    let (scene, database) = (Scene::new(), database(&primary));
    let standby = standby_of(&mut primary);
    // What is loaded now comes over the stream.
    let answer = etl(&scene, &line("run", &primary.url(&database), QUIET));
    assert_eq!(answer.code, 3, "{}", answer.shown());
    let after = state(&primary, &database);
    let count = "SELECT count(*) FROM checkpoint_items";
    let begun = std::time::Instant::now();
    while standby.try_psql(&database, count) != primary.try_psql(&database, count) {
        assert!(begun.elapsed().as_secs() < 60, "the standby does not follow: {}", standby.log());
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let target = standby.url(&database);
    for (command, more, expected) in [
        ("verify", QUIET, "Verified: "),
        ("check", QUIET, "Checked against "),
        ("status", &[][..], "imported"),
        ("policies", &["--as", "json"], "\"name\""),
    ] {
        let answer = etl(&scene, &line(command, &target, more));
        assert_eq!((answer.code, answer.stderr.as_str()), (0, ""), "{command}: {}", answer.shown());
        assert!((answer.stdout.clone() + &answer.stderr).contains(expected), "{command}: {}", answer.shown());
    }
    for (command, more) in [
        ("run", QUIET),
        ("check", &["--no-log", "--quiet", "--full"]),
        ("sync", QUIET),
        ("rollback", &["--source", "all", "--yes", "--quiet"]),
    ] {
        let answer = etl(&scene, &line(command, &target, more));
        failed(&answer, &["standby", "→ name the primary server"]);
    }
    // What a rollback would do is found out in temporary tables, which a standby has none of.
    let look = etl(&scene, &line("rollback", &target, &["--source", "all", "--dry-run", "--quiet"]));
    failed(&look, &["25006", "→ connect to the primary server"]);
    assert_eq!(state(&primary, &database), after);
}
