//! The connection is cut at each message of each command: before it, within it where it carries rows, and after it, where
//! its answer is lost.

use super::wire::{Cut, Wire};
use super::{etl, line, state};
use crate::karbor::database;
use crate::scene::{Answer, Scene, fixture};
use fixtures::server::shared;

/// A database behind a wire, and the state that a command starts from.
pub(super) struct Victim {
    pub(super) scene: Scene,
    pub(super) database: String,
    pub(super) wire: Wire,
}

impl Victim {
    pub(super) fn new() -> Self {
        Self { scene: Scene::new(), database: database(shared()), wire: Wire::to(shared().port()) }
    }

    /// One that holds an import, with copies that are carried unfinished.
    pub(super) fn loaded() -> Self {
        let victim = Self::new();
        let answer = victim.etl("run", &["--no-log", "--quiet", "--unsteady", "carry"]);
        assert_eq!(answer.code, 3, "{}", answer.shown());
        victim
    }

    pub(super) fn etl(&self, command: &str, more: &[&str]) -> Answer {
        etl(&self.scene, &line(command, &self.wire.url(&self.database), more))
    }

    pub(super) fn state(&self) -> String {
        state(shared(), &self.database)
    }

    /// Makes the database a copy of another one.
    pub(super) fn copy(from: &str, to: &str) {
        shared().psql("postgres", &format!("DROP DATABASE IF EXISTS {to}"));
        shared().psql("postgres", &format!("CREATE DATABASE {to} TEMPLATE {from}"));
    }
}

/// How many cuts a command gets besides those at rows and at the end of the transaction.
const ELSEWHERE: usize = 8;

/// Where to cut: at everything that carries rows or ends the transaction, and here and there in between, in turn before a
/// message and after it.
fn cuts(seen: &[String]) -> Vec<(usize, Cut)> {
    let mut out = Vec::new();
    let (mut data, mut others) = (0, Vec::new());
    for (n, says) in seen.iter().enumerate() {
        match says.as_str() {
            "COPY data" => {
                data += 1;
                if data <= 2 {
                    out.extend([(n, Cut::Within), (n, Cut::After)]);
                }
            }
            "COPY done" if data <= 2 => out.extend([(n, Cut::Before), (n, Cut::After)]),
            "COMMIT" => out.extend([(n, Cut::Before), (n, Cut::Within), (n, Cut::After)]),
            says if says.starts_with("SELECT txid_current()") => out.push((n, Cut::After)),
            _ => others.push(n),
        }
    }
    let step = others.len().div_ceil(ELSEWHERE).max(1);
    let sides = [Cut::Before, Cut::After].into_iter().cycle();
    // From behind, where more is at stake.
    out.extend(others.into_iter().rev().step_by(step).zip(sides));
    out.sort_by_key(|(message, _)| *message);
    out
}

/// Cuts the connection all over a command, each time from the state that is there now. Answers how many times it failed,
/// and how many times it did not.
#[track_caller]
fn sweep(victim: &Victim, command: &str, more: &[&str]) -> [usize; 2] {
    let kept = format!("{}_kept", victim.database);
    Victim::copy(&victim.database, &kept);
    let before = victim.state();
    victim.wire.take_seen();
    let whole = victim.etl(command, more);
    let seen = victim.wire.take_seen();
    let after = victim.state();
    assert!(matches!(whole.code, 0 | 3 | 4), "{}", whole.shown());
    let mut ended = [0; 2];
    let mut changed = before != after;
    for (message, cut) in cuts(&seen) {
        if changed {
            Victim::copy(&kept, &victim.database);
        }
        victim.wire.cut(message, cut);
        let answer = victim.etl(command, more);
        let place = format!("{command}, {cut:?} message {message}: {}\n{}", seen[message], answer.shown());
        assert!(victim.wire.is_cut(), "{place}");
        let found = victim.state();
        changed = found != before;
        if answer.code == whole.code {
            assert_eq!(found, after, "{place}");
            ended[1] += 1;
        } else {
            assert_eq!((answer.code, &found), (1, &before), "{place}");
            assert!(answer.stderr.contains("\n  → "), "{place}");
            assert_eq!(answer.stdout, "", "{place}");
            let writes = !matches!(command, "verify" | "check" | "status" | "policies");
            let begun = seen[..message].iter().any(|says| says.starts_with("LOCK TABLE"));
            let said = answer.stderr.contains("nothing was written")
                || answer.stderr.contains("nothing was deleted");
            assert!(!(writes && begun) || said || seen[message] == "end", "{place}");
            ended[0] += 1;
        }
    }
    ended
}

#[test]
fn a_run() {
    let [failed, committed] = sweep(&Victim::new(), "run", &["--no-log", "--quiet"]);
    assert!(failed > 15 && committed > 0);
}

#[test]
fn a_rerun_that_changes_every_row() {
    let more = ["--no-log", "--quiet", "--provider-id", "other", "--unsteady", "carry"];
    let [failed, committed] = sweep(&Victim::loaded(), "run", &more);
    assert!(failed > 15 && committed > 0);
}

#[test]
fn a_rollback() {
    let [failed, committed] = sweep(&Victim::loaded(), "rollback", &["--source", "all", "--yes", "--quiet"]);
    assert!(failed > 6 && committed > 0);
}

#[test]
fn a_sync() {
    let [failed, committed] = sweep(&Victim::loaded(), "sync", &["--no-log", "--quiet"]);
    assert!(failed > 6 && committed > 0);
}

#[test]
fn what_only_looks() {
    let victim = Victim::loaded();
    for (command, more) in [
        ("verify", &["--no-log", "--quiet"][..]),
        ("check", &["--no-log", "--quiet"]),
        ("status", &[]),
        ("policies", &[]),
    ] {
        let [failed, _] = sweep(&victim, command, more);
        assert!(failed > 3, "{command}");
    }
}

/// The number of the message that ends the transaction of a command.
pub(super) fn commit_of(seen: &[String]) -> usize {
    seen.iter().position(|says| says == "COMMIT").unwrap()
}

#[test]
fn a_commit_whose_rows_were_changed_since_is_told_by_the_servers_record() {
    let victim = Victim::new();
    let kept = format!("{}_kept", victim.database);
    Victim::copy(&victim.database, &kept);
    assert_eq!(victim.etl("run", &["--no-log", "--quiet"]).code, 3);
    let commit = commit_of(&victim.wire.take_seen());
    Victim::copy(&kept, &victim.database);
    // While the answer is on its way, somebody touches the very row by which the outcome would be told.
    let database = victim.database.clone();
    victim.wire.cut_while(commit, Cut::After, move || {
        shared().psql(&database, "UPDATE plans SET name = name");
    });
    let answer = victim.etl("run", &["--no-log", "--quiet"]);
    assert_eq!(answer.code, 3, "{}", answer.shown());
}

#[test]
fn a_batch_goes_on_at_the_site_whose_commit_was_lost() {
    let victim = Victim::new();
    for site in ["a", "b"] {
        std::fs::create_dir_all(victim.scene.path(&format!("sites/{site}"))).unwrap();
    }
    std::fs::copy(fixture("cinder.sql"), victim.scene.path("sites/a/cinder.sql")).unwrap();
    std::fs::copy(fixture("vbs.sql"), victim.scene.path("sites/a/vbs.sql")).unwrap();
    std::fs::copy(fixture("dps.sql"), victim.scene.path("sites/b/dps.sql")).unwrap();
    let kept = format!("{}_kept", victim.database);
    Victim::copy(&victim.database, &kept);
    let url = victim.wire.url(&victim.database);
    let batch = ["batch", "--no-log", "--quiet", "--target", &url, "sites/a", "sites/b"].map(str::to_owned);
    let whole = etl(&victim.scene, &batch);
    assert!(matches!(whole.code, 0 | 3), "{}", whole.shown());
    let (seen, after) = (victim.wire.take_seen(), victim.state());
    let commits: Vec<_> = (0..seen.len()).filter(|n| seen[*n] == "COMMIT").collect();
    assert_eq!(commits.len(), 2, "{seen:?}");
    for (commit, cut) in commits.into_iter().flat_map(|n| [(n, Cut::Before), (n, Cut::After)]) {
        Victim::copy(&kept, &victim.database);
        std::fs::remove_file(victim.scene.path("sites/etl-journal.jsonl")).unwrap();
        victim.wire.cut(commit, cut);
        let answer = etl(&victim.scene, &batch);
        assert!(victim.wire.is_cut());
        if cut == Cut::Before {
            assert_eq!(answer.code, 1, "{}", answer.shown());
            assert!(
                (answer.stdout.clone() + &answer.stderr).contains("nothing was written"),
                "{}",
                answer.shown()
            );
            assert!(matches!(etl(&victim.scene, &batch).code, 0 | 3));
        } else {
            assert_eq!(answer.code, whole.code, "{}", answer.shown());
        }
        assert_eq!(victim.state(), after, "{cut:?}");
    }
}
