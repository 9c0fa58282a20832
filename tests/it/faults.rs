//! Something fails, at each stage and after it: the target is wholly before or wholly after, the message says which, and so
//! does the exit code. What can be brought about for real is: connections are cut, servers end, disks are full, rights are
//! missing. No production code knows of these tests.

/// A connection that breaks at a given message.
mod wire;

/// The connection cut at each message of each command.
mod connection;

/// The connection stays and carries nothing any more.
mod silence;

/// The server refuses, or ends.
mod server;

/// Files that cannot be written to their end, or read.
mod files;

use crate::karbor;
use crate::scene::{Answer, Scene, fixture};
use fixtures::server::Server;
use std::process::{Command, Stdio};

/// The sample dumps.
fn dumps() -> [String; 3] {
    ["cinder.sql", "vbs.sql", "dps.sql"].map(fixture)
}

/// One command with a target, and the sample dumps where it takes any.
fn line(command: &str, target: &str, more: &[&str]) -> Vec<String> {
    let dumps = match command {
        "rollback" | "status" | "policies" => Vec::new(),
        "sync" => ["taskmgr.sql", "vbs.sql"].map(fixture).into(),
        _ => dumps().to_vec(),
    };
    let words = [command, "--target", target].into_iter().chain(more.iter().copied()).map(str::to_owned);
    words.chain(dumps).collect()
}

/// Runs a command in the scene.
#[track_caller]
fn etl(scene: &Scene, arguments: &[String]) -> Answer {
    Answer::run(command(scene, arguments))
}

/// A command in the scene, to be run.
fn command(scene: &Scene, arguments: &[String]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_etl"));
    command.current_dir(scene.path(".")).env_clear().args(arguments).stdin(Stdio::null());
    command
}

/// Everything that the written tables of a database hold, but for keys that the target numbers, as one sum; no session of a
/// run is left once it answers.
fn state(server: &Server, database: &str) -> String {
    let tables = karbor::TABLES.map(|table| {
        let numbered = matches!(table, "resources" | "scheduled_operation_states");
        let row = "CAST(t.* AS text)".to_owned();
        let row = if numbered { format!("regexp_replace({row}, '^.[0-9]+', '')") } else { row };
        format!("SELECT '{table}' || {row} AS x FROM {table} t")
    });
    server.psql(
        database,
        &format!(
            "DO $$ BEGIN WHILE EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND \
             application_name = 'etl') LOOP PERFORM pg_sleep(0.005); PERFORM pg_stat_clear_snapshot(); END LOOP; END $$; \
             SELECT md5(string_agg(x, ';' ORDER BY x)) FROM ({}) s",
            tables.join(" UNION ALL ")
        ),
    )
}

/// The command failed, nothing of it is there, and one message says so.
#[track_caller]
fn failed(answer: &Answer, expected: &[&str]) {
    assert_eq!(answer.code, 1, "{}", answer.shown());
    for expected in expected {
        assert!(answer.stderr.contains(expected), "{expected:?} is not in: {}", answer.shown());
    }
}
