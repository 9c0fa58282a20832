//! Cancelling a statement, over each kind of connection.

use std::time::{Duration, Instant};

use tokio_postgres::error::SqlState;

use super::{block_on, log_in, resolve, server};

#[test]
fn a_statement_is_cancelled_in_the_middle() {
    let home = tempfile::tempdir().unwrap();
    for place in [
        "host=127.0.0.1 sslmode=disable".to_owned(),
        format!("host=127.0.0.1 sslmode=verify-full sslrootcert={}", server().root_certificate().display()),
        format!("host={}", server().folder().display()),
    ] {
        let target = format!("{place} port={} user=postgres dbname=postgres", server().port());
        let info = resolve(&target, &[], home.path()).unwrap();
        block_on(async {
            let session = log_in(&info, None).await.0.unwrap();
            let canceller = session.canceller.clone();
            // From another thread with a runtime of its own, as a signal would be answered.
            let thread = std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(300));
                block_on(canceller.cancel()).unwrap();
            });
            let begun = Instant::now();
            let error = session.client.simple_query("SELECT pg_sleep(60)").await.unwrap_err();
            assert_eq!(error.code(), Some(&SqlState::QUERY_CANCELED), "{target}: {error}");
            assert!(begun.elapsed() < Duration::from_secs(30), "{target}");
            thread.join().unwrap();
            session.client.simple_query("SELECT 1").await.expect("the session lives on");
        });
    }
}
