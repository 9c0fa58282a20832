//! Connecting, tried on real servers: every login method, every `sslmode`, and every way it can fail.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "all of this crate is tests")]

mod cancelling;
mod encryption;
mod gauss;
mod login;
mod resolve;
mod trouble;

use std::collections::HashMap;
use std::path::Path;
use std::sync::OnceLock;

use connect::{ConnInfo, ConnectError, Environment, Session, connect};
use fixtures::server::Server;
use secrecy::SecretString;

/// Part of every password in these tests, so that one look tells whether something printed it.
const SECRET: &str = "geheim";

/// Resolves a target with an environment of the test's own, never the developer's.
fn resolve(target: &str, env: &[(&str, &str)], home: &Path) -> Result<ConnInfo, ConnectError> {
    let env: HashMap<_, _> = env.iter().copied().collect();
    let env = |variable: &str| env.get(variable).map(|value| (*value).to_owned());
    let resolved =
        ConnInfo::resolve(target, Environment { env: &env, home: Some(home), user: Some("someone") });
    let shown = match &resolved {
        Ok(info) => format!("{info} {info:?}"),
        Err(error) => format!("{error} {error:?} {:?}", error.remedy()),
    };
    assert!(!shown.contains(SECRET), "{target} shows its password: {shown}");
    resolved
}

/// Runs a test's asynchronous part as the program does: on one thread.
fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// Connects, answering a question for a password with `typed`; returns also how often it was asked.
async fn log_in(info: &ConnInfo, typed: Option<&str>) -> (Result<Session, ConnectError>, usize) {
    let mut asked = 0;
    let mut ask = |prompt: &str| {
        asked += 1;
        assert!(prompt.contains(&info.user), "{prompt}");
        typed.map(SecretString::from)
    };
    let outcome = connect(info, &mut ask).await;
    if let Err(error) = &outcome {
        let shown = format!("{error} {error:?} {:?}", error.remedy());
        assert!(!shown.contains(SECRET), "shows the password: {shown}");
    }
    (outcome, asked)
}

/// One value that a session answers with.
async fn value(session: &Session, sql: &str) -> String {
    let row = session.client.query_one(sql, &[]).await.unwrap();
    row.get(0)
}

/// The server that most of these tests use: TLS, and a role for each way to log in.
fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        let server = Server::builder()
            .tls()
            .hba(
                "local all by_peer peer map=people\n\
                 local all by_trust trust\n\
                 host all by_md5 127.0.0.1/32 md5\n\
                 host all by_scram 127.0.0.1/32 scram-sha-256\n\
                 host all by_clear 127.0.0.1/32 password\n\
                 hostssl all by_cert 127.0.0.1/32 cert\n\
                 host all by_gss 127.0.0.1/32 gss\n\
                 host all by_nothing 127.0.0.1/32 reject\n\
                 hostssl all only_tls 127.0.0.1/32 trust\n\
                 hostnossl all only_tls 127.0.0.1/32 reject\n\
                 hostnossl all only_plain 127.0.0.1/32 trust\n\
                 hostssl all only_plain 127.0.0.1/32 reject",
            )
            .ident(&format!("people {} by_peer", whoami::username().unwrap()))
            .start();
        server.psql(
            "postgres",
            &format!(
                "SET password_encryption = 'md5';
                 CREATE ROLE by_md5 LOGIN PASSWORD '{SECRET}-md5';
                 SET password_encryption = 'scram-sha-256';
                 CREATE ROLE by_scram LOGIN PASSWORD '{SECRET} scram @/:%';
                 CREATE ROLE by_clear LOGIN PASSWORD '{SECRET}-clear';
                 CREATE ROLE by_cert LOGIN; CREATE ROLE by_peer LOGIN; CREATE ROLE by_trust LOGIN;
                 CREATE ROLE by_gss LOGIN; CREATE ROLE by_nothing LOGIN;
                 CREATE ROLE only_tls LOGIN; CREATE ROLE only_plain LOGIN;
                 CREATE ROLE only_one LOGIN CONNECTION LIMIT 1;
                 CREATE ROLE reader LOGIN;
                 ALTER ROLE reader SET default_transaction_read_only = on;"
            ),
        );
        server
    })
}
