//! The process is killed at moments all over a command's time: the target is wholly before or wholly after, and the same
//! command again brings it to where an undisturbed one does.

use crate::karbor::{TABLES, database};
use crate::scene::{Scene, fixture};
use fixtures::gauss;
use fixtures::server::shared;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Moments for each target.
const MOMENTS: u32 = 25;

/// A target that can be brought back to a state that was kept.
enum Place {
    Postgres { database: String, kept: String },
    Sqlite,
}

struct Victim {
    scene: Scene,
    place: Place,
}

impl Victim {
    fn postgres() -> Self {
        let database = database(shared());
        let kept = format!("{database}_kept");
        Self { scene: Scene::new(), place: Place::Postgres { database, kept } }
    }

    fn sqlite() -> Self {
        Self { scene: Scene::new(), place: Place::Sqlite }
    }

    fn arguments(&self, command: &str, more: &[&str]) -> Vec<String> {
        let target = match &self.place {
            Place::Postgres { database, .. } => gauss::target(shared(), database),
            Place::Sqlite => "karbor.db".to_owned(),
        };
        let dumps = if command == "rollback" {
            Vec::new()
        } else {
            ["cinder.sql", "vbs.sql", "dps.sql"].map(fixture).into()
        };
        let line = [command, "--no-log", "--quiet", "--target", &target].map(str::to_owned);
        line.into_iter().chain(more.iter().map(|word| (*word).to_owned())).chain(dumps).collect()
    }

    fn command(&self, arguments: &[String]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_etl"));
        command.current_dir(self.scene.path(".")).env_clear().args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        command
    }

    /// Runs to the end; answers how long that took.
    #[track_caller]
    fn complete(&self, arguments: &[String]) -> Duration {
        let began = Instant::now();
        let output = self.command(arguments).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(matches!(output.status.code(), Some(0 | 3)), "{:?}: {told}", output.status);
        began.elapsed()
    }

    /// Runs for so long, then kills.
    fn kill_after(&self, arguments: &[String], moment: Duration) {
        let mut child = self.command(arguments).spawn().unwrap();
        std::thread::sleep(moment);
        child.kill().unwrap();
        child.wait().unwrap();
        if let Place::Postgres { database, .. } = &self.place {
            // The server finds out by itself that nobody is there any more.
            let sessions = format!(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = '{database}' AND application_name = 'etl'"
            );
            while shared().psql("postgres", &sessions) != "0" {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }

    /// Keeps the state as it is, or goes back to it.
    fn copy(&self, keep: bool) {
        match &self.place {
            Place::Postgres { database, kept } => {
                let (from, to) = if keep { (database, kept) } else { (kept, database) };
                shared().psql("postgres", &format!("DROP DATABASE IF EXISTS {to}"));
                shared().psql("postgres", &format!("CREATE DATABASE {to} TEMPLATE {from}"));
            }
            Place::Sqlite => {
                let (file, kept) = (self.scene.path("karbor.db"), self.scene.path("kept.db"));
                for journal in ["karbor.db-journal", "karbor.db.part"] {
                    drop(std::fs::remove_file(self.scene.path(journal)));
                }
                let (from, to) = if keep { (file, kept) } else { (kept, file) };
                if from.exists() {
                    std::fs::copy(from, to).map(drop).unwrap();
                } else {
                    drop(std::fs::remove_file(to));
                }
            }
        }
    }

    /// Everything in the tables, but for keys that the target numbers.
    fn state(&self) -> Vec<String> {
        let numbered = |table: &str| matches!(table, "resources" | "scheduled_operation_states");
        let columns = |names: Vec<String>, table: &str| {
            let names = names.into_iter().filter(|name| !(numbered(table) && name == "id"));
            names
                .map(|name| format!("coalesce(CAST({name} AS text), '-')"))
                .collect::<Vec<_>>()
                .join(" || '|' || ")
        };
        let mut out = Vec::new();
        match &self.place {
            Place::Postgres { database, .. } => {
                let names = "SELECT table_name || '.' || column_name FROM information_schema.columns WHERE \
                             table_schema = 'public' ORDER BY ordinal_position";
                let names = shared().psql(database, names);
                let selects = TABLES.map(|table| {
                    let own = names.lines().filter_map(|name| name.strip_prefix(&format!("{table}.")));
                    format!(
                        "SELECT '{table}|' || {} AS x FROM {table}",
                        columns(own.map(str::to_owned).collect(), table)
                    )
                });
                let all = format!("SELECT md5(x) FROM ({}) s ORDER BY 1", selects.join(" UNION ALL "));
                out.extend(shared().psql(database, &all).lines().map(str::to_owned));
            }
            Place::Sqlite => {
                let file = self.scene.path("karbor.db");
                if !file.exists() {
                    return out;
                }
                let connection = rusqlite::Connection::open(file).unwrap();
                for table in TABLES {
                    let mut statement = connection.prepare(&format!("SELECT * FROM {table}")).unwrap();
                    let names = statement.column_names().into_iter().map(str::to_owned).collect();
                    let sql = format!("SELECT '{table}|' || {} FROM {table}", columns(names, table));
                    drop(statement.query([]).unwrap());
                    let mut rows = connection.prepare(&sql).unwrap();
                    out.extend(
                        rows.query_map([], |row| row.get::<_, String>(0)).unwrap().map(Result::unwrap),
                    );
                }
                out.sort();
            }
        }
        out
    }
}

/// Kills a command all over its time, each time from the state that is there now.
#[track_caller]
fn check(victim: &Victim, arguments: &[String]) {
    victim.copy(true);
    let before = victim.state();
    let whole = victim.complete(arguments);
    let after = victim.state();
    assert_ne!(before, after);
    let mut seen = [0; 2];
    for n in 0..MOMENTS {
        victim.copy(false);
        // A little off the even, differently each time, and a little beyond the end.
        let moment = whole.mul_f64((f64::from(n) + f64::from(n * 7 % 10) / 10.0) / f64::from(MOMENTS - 2));
        victim.kill_after(arguments, moment);
        let found = victim.state();
        assert!(found == before || found == after, "killed after {moment:?}: neither before nor after");
        seen[usize::from(found == after)] += 1;
        victim.complete(arguments);
        assert!(victim.state() == after, "killed after {moment:?}, then run again");
    }
    assert!(seen[0] > 0, "no moment was before the commit: {seen:?}");
}

fn check_run(victim: &Victim) {
    check(victim, &victim.arguments("run", &[]));
}

/// Every plan, operation and copy is updated.
fn check_rerun(victim: &Victim) {
    victim.complete(&victim.arguments("run", &["--provider-id", "the-provider-before"]));
    check(victim, &victim.arguments("run", &[]));
}

#[test]
fn a_run_into_a_server() {
    check_run(&Victim::postgres());
}

#[test]
fn a_run_into_an_embedded_database() {
    check_run(&Victim::sqlite());
}

#[test]
fn a_rerun_into_a_server() {
    check_rerun(&Victim::postgres());
}

#[test]
fn a_rerun_into_an_embedded_database() {
    check_rerun(&Victim::sqlite());
}

fn check_rollback(victim: &Victim) {
    victim.complete(&victim.arguments("run", &[]));
    check(victim, &victim.arguments("rollback", &["--source", "all", "--yes"]));
}

#[test]
fn a_rollback_from_a_server() {
    check_rollback(&Victim::postgres());
}

#[test]
fn a_rollback_from_an_embedded_database() {
    check_rollback(&Victim::sqlite());
}
