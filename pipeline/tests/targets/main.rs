//! The three targets, tried for real: the same rows through each, every refusal that can be brought about, and what is left
//! behind when a run ends before its time.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "all of this crate is tests")]

mod agreement;
mod breakage;
mod engine;
mod locks;
mod presence;
mod proxy;
mod refusals;
mod rows;
mod script;
mod session;
mod sqlite;
mod survey;
mod sync;

use fixtures::gauss;
use fixtures::server::{Server, shared};
use pipeline::error::Error;
use pipeline::karbor::ddl::{Dialect, script as schema};
use pipeline::load::postgres::Postgres;
use pipeline::load::{Context, Intent, Sink, Survey, Target, names::TargetNames};
use pipeline::progress::Cancel;
use std::sync::Arc;

/// A live service, as operationengine makes it.
const SERVICE: &str = "INSERT INTO services (created_at, updated_at, deleted, host, \"binary\", topic, report_count, disabled) \
                       VALUES ('2020-01-01', '2020-01-02', false, 'node1', 'karbor-operationengine', 't', 1, false)";

/// What a run knows when no settings say more.
fn context() -> Context {
    context_with(&Arc::new(Cancel::default()))
}

fn context_with(cancel: &Arc<Cancel>) -> Context {
    Context {
        names: TargetNames::default(),
        service_id: None,
        trust_known: false,
        ask: Box::new(|_| None),
        cancel: Arc::clone(cancel),
        replace: false,
    }
}

/// A database with Karbor's tables and one service, on the server that the tests share.
fn karbor() -> String {
    karbor_on(shared())
}

fn karbor_on(server: &Server) -> String {
    let database = server.create_db();
    server.psql(&database, &schema(Dialect::Postgres));
    server.psql(&database, SERVICE);
    database
}

fn postgres(database: &str) -> Box<Postgres> {
    postgres_at(&gauss::target(shared(), database), context())
}

fn postgres_at(url: &str, context: Context) -> Box<Postgres> {
    Box::new(Postgres::new(&format!("{url}?sslmode=disable"), context).unwrap())
}

/// Looks, and opens the transaction.
fn begun(mut target: Box<dyn Target>) -> (Survey, Box<dyn Sink>) {
    let survey = target.survey().unwrap();
    let sink = target.begin(Intent::Write).unwrap();
    (survey, sink)
}

/// The message and the remedy of an error, as the operator sees them.
fn shown(error: &Error) -> String {
    format!("{error}\n{}", error.remedy().unwrap_or_default())
}

/// The error of something that must not have worked.
#[track_caller]
fn refused<T>(outcome: Result<T, Error>, expected: &[&str]) {
    let text = match outcome {
        Ok(_) => panic!("it worked; expected {expected:?}"),
        Err(error) => shown(&error),
    };
    for expected in expected {
        assert!(text.contains(expected), "{expected:?} is not in: {text}");
    }
}

fn count(database: &str, table: &str) -> u64 {
    shared().psql(database, &format!("SELECT count(*) FROM {table}")).parse().unwrap()
}
