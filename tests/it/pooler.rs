//! A target behind PgBouncer in transaction mode: the server's one session goes from client to client, and nothing of `etl` stays
//! in it.

use crate::karbor::database;
use crate::scene::{Scene, fixture};
use fixtures::server::{Installation, shared};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A pooler with one session; dropping it ends it.
struct Pooler {
    port: u16,
    process: Child,
}

impl Pooler {
    fn start(scene: &Scene, database: &str) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let server = shared().port();
        // It refuses to run as root.
        let user = if nix::unistd::geteuid().is_root() { "user = nobody" } else { "" };
        scene.write(
            "pgbouncer.ini",
            format!(
                "[databases]\n{database} = host=127.0.0.1 port={server} user=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
                 listen_port = {port}\nauth_type = any\npool_mode = transaction\ndefault_pool_size = 1\nunix_socket_dir =\n{user}\n"
            ),
        );
        let program = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"]
            .into_iter()
            .find(|path| std::path::Path::new(path).exists());
        let program = program.expect(
            "this test needs PgBouncer: install it (on Debian: apt-get install pgbouncer), or run tests/run",
        );
        let mut command = Command::new(program);
        command
            .arg(scene.path("pgbouncer.ini"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let pooler = Self { port, process: command.spawn().unwrap() };
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(30), "PgBouncer does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        pooler
    }

    /// What another client of the pool sees.
    fn psql(&self, database: &str, sql: &str) -> String {
        let psql = Installation::newest().bindir.join("psql");
        let mut command = Command::new(if psql.exists() { psql } else { "psql".into() });
        command.args(["-X", "-A", "-t", "-q", "-h", "127.0.0.1", "-U", "postgres", "-d", database, "-p"]);
        let output = command
            .arg(self.port.to_string())
            .args(["-c", sql])
            .env("PGGSSENCMODE", "disable")
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn nothing_of_a_command_stays_in_the_pools_session() {
    let scene = Scene::new();
    let database = database(shared());
    let pooler = Pooler::start(&scene, &database);
    // Settings and prepared statements of the session, its temporary tables, and which session it is.
    let left = "SELECT (SELECT string_agg(name || '=' || setting, ' ' ORDER BY name) FROM pg_settings WHERE source = 'session' AND \
                name <> 'client_encoding' AND name <> 'application_name'), (SELECT count(*) FROM pg_prepared_statements), \
                (SELECT count(*) FROM pg_class WHERE relpersistence = 't' AND pg_table_is_visible(oid)), pg_backend_pid()";
    let before = pooler.psql(&database, left);
    let target = format!("postgresql://postgres@127.0.0.1:{}/{database}?sslmode=disable", pooler.port);
    let dumps = ["cinder.sql", "vbs.sql", "dps.sql"].map(fixture);
    let with_dumps =
        |words: &[&str]| words.iter().map(|word| (*word).to_owned()).chain(dumps.clone()).collect();
    let other = ["run", "--no-log", "--quiet", "--provider-id", "other", "--unsteady", "carry"];
    let lines: [(Vec<String>, &[i32]); 9] = [
        (with_dumps(&["run", "--no-log", "--quiet"]), &[3]),
        (with_dumps(&["check", "--no-log", "--quiet"]), &[0, 3]),
        (with_dumps(&other), &[3]),
        (with_dumps(&["verify", "--no-log", "--quiet"]), &[0, 4]),
        (
            ["sync", "--no-log", "--quiet", &fixture("taskmgr.sql"), &fixture("vbs.sql")]
                .map(str::to_owned)
                .into(),
            &[0, 3],
        ),
        (["status"].map(str::to_owned).into(), &[0]),
        (["policies"].map(str::to_owned).into(), &[0, 3]),
        (["rollback", "--source", "vbs", "--yes", "--quiet"].map(str::to_owned).into(), &[0]),
        (["rollback", "--source", "all", "--yes", "--quiet"].map(str::to_owned).into(), &[0]),
    ];
    for (mut line, codes) in lines {
        line.extend(["--target".to_owned(), target.clone()]);
        let words: Vec<&str> = line.iter().map(String::as_str).collect();
        let answer = scene.etl(&words);
        assert!(codes.contains(&answer.code), "{line:?} {}", answer.shown());
        assert_eq!(pooler.psql(&database, left), before, "{line:?}");
    }
    // One that fails in the middle.
    shared().psql(
        &database,
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''no''; END'; \
         CREATE TRIGGER refuse BEFORE INSERT ON triggers FOR EACH ROW EXECUTE PROCEDURE refuse()",
    );
    let line: Vec<String> = with_dumps(&["run", "--no-log", "--quiet", "--target", &target]);
    let words: Vec<&str> = line.iter().map(String::as_str).collect();
    assert_eq!(scene.etl(&words).code, 1);
    assert_eq!(pooler.psql(&database, left), before);
}
