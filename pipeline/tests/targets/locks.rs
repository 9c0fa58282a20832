//! One run at a time, no other writers, and who is in the way when that cannot be had.

use crate::rows::load;
use crate::{begun, context_with, count, karbor, postgres, postgres_at, refused};
use fixtures::gauss;
use fixtures::server::shared;
use pipeline::load::{Intent, LOCK_KEY, LOCK_PATIENCE, Target};
use pipeline::progress::Cancel;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// Runs SQL in a session of its own while `meanwhile` works; the session is ended afterwards.
fn beside(database: &str, sql: &str, meanwhile: impl FnOnce()) {
    let name = format!("beside_{database}");
    thread::scope(|scope| {
        let sql = format!("SET application_name = '{name}'; BEGIN; {sql}; SELECT pg_sleep(600)");
        scope.spawn(move || {
            let _ = shared().try_psql(database, &sql);
        });
        let session = format!("pg_stat_activity WHERE application_name = '{name}'");
        // Asleep, so it has what it wanted.
        wait_for(|| {
            shared()
                .psql(database, &format!("SELECT count(*) FROM {session} AND query LIKE 'SELECT pg_sleep%'"))
                == "1"
        });
        meanwhile();
        shared().psql(database, &format!("SELECT pg_terminate_backend(pid) FROM {session}"));
    });
}

pub(crate) fn wait_for(reached: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !reached() {
        assert!(Instant::now() < deadline, "not within a minute");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Sessions of runs in a database.
pub(crate) fn sessions(database: &str) -> String {
    let sql = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'etl' AND datname = '{database}'"
    );
    shared().psql("postgres", &sql)
}

#[test]
fn a_second_run_is_told_who_holds_the_lock() {
    let database = karbor();
    let (survey, mut sink) = begun(postgres(&database));
    let pid = shared().psql(
        &database,
        "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND \
        database = (SELECT oid FROM pg_database WHERE datname = current_database())",
    );
    let expected = [
        "another etl run is under way in this database",
        &format!("pid {pid}, etl, role postgres, from 127.0.0.1, in a transaction since 2"),
        "UTC",
        "wait until it is over",
    ];
    refused(postgres(&database).begin(Intent::Write).map(drop), &expected);
    // Readers and the survey go on.
    postgres(&database).survey().unwrap();
    load(&survey, sink.as_mut());
    sink.rollback().unwrap();
    assert_eq!(sessions(&database), "0");
    // The key is the documented one.
    let key = format!("SELECT pg_try_advisory_xact_lock({LOCK_KEY})");
    beside(&database, &key, || {
        refused(postgres(&database).begin(Intent::Write).map(drop), &["another etl run", "beside_"])
    });
}

#[test]
fn writers_wait_while_a_run_is_under_way_and_readers_do_not() {
    let database = karbor();
    let (_, sink) = begun(postgres(&database));
    assert_eq!(count(&database, "plans"), 0);
    let write = "SET lock_timeout = '200ms'; INSERT INTO plans (id) VALUES ('x')";
    assert!(shared().try_psql(&database, write).unwrap_err().contains("lock timeout"));
    drop(sink);
    shared().psql(&database, write);
}

#[test]
fn who_writes_karbors_tables_is_named_after_the_patience() {
    let database = karbor();
    beside(&database, "UPDATE services SET id = id; INSERT INTO plans (id) VALUES ('x')", || {
        let started = Instant::now();
        let expected = [
            "written by others, waited 10 s: pid ",
            "beside_",
            "stop Karbor's services",
            "pg_terminate_backend",
        ];
        refused(postgres(&database).begin(Intent::Write).map(drop), &expected);
        assert!(started.elapsed() >= LOCK_PATIENCE && started.elapsed() < LOCK_PATIENCE * 2);
        assert_eq!(sessions(&database), "0");
    });
}

#[test]
fn a_request_to_stop_is_heard_while_waiting_for_a_lock() {
    let database = karbor();
    beside(&database, "LOCK TABLE plans IN ROW EXCLUSIVE MODE", || {
        let cancel = Arc::new(Cancel::default());
        let mut target = postgres_at(&gauss::target(shared(), &database), context_with(&cancel));
        target.survey().unwrap();
        thread::scope(|scope| {
            scope.spawn(|| {
                wait_for(|| {
                    shared().psql(&database, "SELECT count(*) FROM pg_locks WHERE NOT granted") != "0"
                });
                cancel.cancel("SIGTERM");
            });
            let started = Instant::now();
            refused(target.begin(Intent::Write).map(drop), &["stopped by SIGTERM; nothing was written"]);
            assert!(started.elapsed() < LOCK_PATIENCE / 2, "{:?}", started.elapsed());
        });
        wait_for(|| sessions(&database) == "0");
    });
}

#[test]
fn the_sessions_settings_are_those_of_a_long_load() {
    let database = karbor();
    // An administrator's timeouts for the role's ordinary work.
    shared().psql(&database, &format!(
        "ALTER DATABASE {database} SET statement_timeout = '1ms'; ALTER DATABASE {database} SET timezone = 'Asia/Shanghai'; \
         ALTER DATABASE {database} SET datestyle = 'German'; ALTER DATABASE {database} SET client_min_messages = 'debug1'"
    ));
    let (survey, mut sink) = begun(postgres(&database));
    load(&survey, sink.as_mut());
    sink.commit().unwrap();
    let made = "SET statement_timeout = 0; SELECT DISTINCT to_char(created_at, 'YYYY-MM-DD HH24:MI:SS.MS') FROM plans";
    assert_eq!(shared().psql(&database, made), "2019-07-01 08:00:00.500");
}
