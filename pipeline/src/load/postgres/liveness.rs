//! Tells a statement that takes long from a connection that is dead.
//!
//! A network that swallows packets, a proxy whose other side is gone and a stopped server look the same as a statement that
//! takes an hour. So when the connection has been silent for [`ConnInfo::answer_timeout`], a second connection asks whether the
//! server still processes the statement.

use connect::ConnInfo;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::{sleep, timeout};
use tokio_postgres::SimpleQueryMessage;

/// How long the second connection may take.
const PROBE: Duration = Duration::from_secs(10);

/// How long an answer may still be on its way when the server says that it has given it.
const GRACE: Duration = Duration::from_secs(2);

/// Returns why the connection is dead, as soon as that is known; never while it is not.
///
/// `process` is the server's process, 0 where it is not known; `moved` counts the connection's bytes.
pub(super) async fn until_dead(settings: &ConnInfo, process: i64, moved: &AtomicU64) -> String {
    loop {
        let before = moved.load(Ordering::Relaxed);
        sleep(settings.answer_timeout).await;
        if moved.load(Ordering::Relaxed) != before {
            continue;
        }
        let Err(why) = check(settings, process).await else { continue };
        sleep(GRACE).await;
        if moved.load(Ordering::Relaxed) == before {
            return format!("nothing arrived for {} s, and {why}", settings.answer_timeout.as_secs());
        }
    }
}

/// Asks on a second connection. Only what is certain counts against the first one.
async fn check(settings: &ConnInfo, process: i64) -> Result<(), String> {
    let within = settings.connect_timeout.map_or(PROBE, |timeout| timeout.min(PROBE));
    let settings = ConnInfo { connect_timeout: Some(within), ..settings.clone() };
    let session = match connect::connect(&settings, &mut |_| None).await {
        Ok(session) => session,
        Err(error) if error.concerns_only_this_address() => {
            return Err(format!("a second connection failed: {error}"));
        }
        // A server that refuses is there.
        Err(_) => return Ok(()),
    };
    if process == 0 {
        return Ok(());
    }
    // Which columns there are depends on the server's version.
    let sql = format!("SELECT * FROM pg_catalog.pg_stat_activity WHERE pid = {process}");
    let Ok(answer) = timeout(PROBE, session.client.simple_query(&sql)).await else {
        return Err("a second connection got no answer either".to_owned());
    };
    let Ok(messages) = answer else { return Ok(()) };
    let row = messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    let Some(row) = row else { return Err("the server has ended the session".to_owned()) };
    let value = |name: &str| {
        let at = row.columns().iter().position(|column| column.name() == name)?;
        row.get(at)
    };
    let idle = value("state").is_some_and(|state| state.starts_with("idle"));
    // PostgreSQL 9.6 and later; "Client" is waiting for this end of the connection.
    if idle || value("wait_event_type") == Some("Client") {
        return Err("the server waits for this end of the connection".to_owned());
    }
    Ok(())
}
