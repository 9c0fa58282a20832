//! What is left when a run ends before its time, and when the connection breaks at the worst moment.

use crate::locks::{sessions, wait_for};
use crate::proxy::{self, Break};
use crate::rows::{NAMES, load, with_row};
use crate::{begun, context, context_with, count, karbor, karbor_on, postgres, postgres_at, refused};
use fixtures::gauss;
use fixtures::server::{Server, Stop, shared};
use pipeline::karbor::layout::Layout;
use pipeline::progress::Cancel;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// Copies enough to fill every buffer on the way, each with a key of its own.
fn bulk(layout: &Layout, from: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for n in from..from + 1000 {
        with_row(5, n, "x", None, |row| layout.encode(row, &mut bytes).unwrap());
    }
    bytes
}

#[test]
fn dropping_a_transaction_rolls_it_back_wherever_it_is() {
    let database = karbor();
    for (moment, ends) in [("before a table", 0), ("within a table", 1), ("after all", 2)] {
        let (survey, mut sink) = begun(postgres(&database));
        if ends == 2 {
            load(&survey, sink.as_mut());
        }
        if ends == 1 {
            sink.table(&survey.layouts[5]).unwrap();
            sink.rows(bulk(&survey.layouts[5], 0), 1000)
                .unwrap_or_else(|refusal| panic!("{}", refusal.error));
        }
        drop(sink);
        assert_eq!(sessions(&database), "0", "{moment}");
        for table in ["plans", "checkpoint_items"] {
            assert_eq!(count(&database, table), 0, "{moment}");
        }
    }
    shared().psql(&database, "BEGIN; LOCK TABLE plans; COMMIT");
}

#[test]
fn a_request_to_stop_is_heard_while_the_server_takes_no_rows() {
    let database = karbor();
    // The server's first row takes ten minutes, so nothing is read and the sending stalls.
    shared().psql(
        &database,
        "CREATE FUNCTION stall() RETURNS trigger LANGUAGE plpgsql AS \
        'BEGIN PERFORM pg_sleep(600); RETURN NEW; END'; \
        CREATE TRIGGER stall BEFORE INSERT ON checkpoint_items FOR EACH ROW EXECUTE PROCEDURE stall()",
    );
    let cancel = Arc::new(Cancel::default());
    let (survey, mut sink) = begun(postgres_at(&gauss::target(shared(), &database), context_with(&cancel)));
    sink.table(&survey.layouts[5]).unwrap();
    let asked = thread::spawn(move || {
        thread::sleep(Duration::from_secs(2));
        cancel.cancel("SIGINT");
        Instant::now()
    });
    let mut from = 0;
    let refusal = loop {
        match sink.rows(bulk(&survey.layouts[5], from), 1000) {
            Ok(()) => from += 1000,
            Err(refusal) => break refusal,
        }
    };
    refused(Err::<(), _>(refusal.error), &["stopped by SIGINT; nothing was written"]);
    refused(sink.table(&survey.layouts[0]), &["stopped by SIGINT"]);
    sink.rollback().unwrap();
    assert!(asked.join().unwrap().elapsed() < Duration::from_secs(5));
    assert_eq!(sessions(&database), "0");
}

#[test]
fn a_server_that_dies_in_mid_copy_is_told() {
    let mut server = Server::start();
    let database = karbor_on(&server);
    for stop in [Stop::Kill, Stop::Immediate, Stop::Fast] {
        let (survey, mut sink) = begun(postgres_at(&gauss::target(&server, &database), context()));
        let layout = &survey.layouts[5];
        sink.table(layout).unwrap();
        sink.rows(bulk(layout, 0), 1000).unwrap_or_else(|refusal| panic!("{}", refusal.error));
        server.stop(stop);
        let mut from = 1000;
        let refusal = loop {
            match sink.rows(bulk(layout, from), 1000) {
                Ok(()) => from += 1000,
                Err(refusal) => break refusal,
            }
            // After a SIGKILL the backend lives on until it waits, which is when it looks for its postmaster.
            std::thread::sleep(std::time::Duration::from_millis(20));
            assert!(from < 1_000_000, "nobody noticed");
        };
        let text = crate::shown(&refusal.error);
        assert!(text.contains("COPY checkpoint_items") && text.contains("log"), "{stop:?}: {text}");
        let left = sink.rollback();
        assert!(left.is_err(), "nobody could confirm the rollback");
        server.restart();
        assert_eq!(server.psql(&database, "SELECT count(*) FROM checkpoint_items"), "0");
    }
}

#[test]
fn a_session_that_is_ended_in_mid_copy_is_told() {
    let database = karbor();
    let (survey, mut sink) = begun(postgres(&database));
    let layout = &survey.layouts[5];
    sink.table(layout).unwrap();
    sink.rows(bulk(layout, 0), 1000).unwrap_or_else(|refusal| panic!("{}", refusal.error));
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'etl' AND \
               datname = current_database()";
    shared().psql(&database, end);
    wait_for(|| sessions(&database) == "0");
    let refusal = sink.rows(bulk(layout, 1000), 1000).and_then(|()| sink.end()).unwrap_err();
    refused(Err::<(), _>(refusal.error), &["COPY checkpoint_items", "log"]);
    refused(sink.commit(), &["the connection broke"]);
    assert_eq!(count(&database, "checkpoint_items"), 0);
}

#[test]
fn a_lost_answer_to_commit_is_looked_up() {
    for (when, committed) in [(Break::AfterCommit, true), (Break::BeforeCommit, false)] {
        for uuid in [false, true] {
            let database = karbor();
            if uuid {
                shared().psql(
                    &database,
                    "ALTER TABLE resources DROP CONSTRAINT resources_plan_id_fkey; \
                    ALTER TABLE plans ALTER id TYPE uuid USING id::uuid",
                );
            }
            let port = proxy::start(shared().port(), when);
            let cancel = Arc::new(Cancel::default());
            let url = format!("postgresql://postgres@127.0.0.1:{port}/{database}");
            let (survey, mut sink) = begun(postgres_at(&url, context_with(&cancel)));
            load(&survey, sink.as_mut());
            let outcome = sink.commit();
            if committed {
                outcome.unwrap();
            } else {
                refused(outcome, &["it was not committed: nothing was written", "run again"]);
            }
            let expected = if committed { NAMES.len() } else { 0 };
            assert_eq!(usize::try_from(count(&database, "plans")).unwrap(), expected, "{when:?}");
        }
    }
}
