//! The PostgreSQL target, and its relatives openGauss and GaussDB.
//!
//! ```text
//! connect ─► backend ─┬► survey (server, catalog) ─► Survey
//!                     └► lock ─► sink: copy ─► verdict (what became of COMMIT)
//! ```
//! The driver is asynchronous and what is public here is not: each session owns a runtime of one thread, this one.
//! Nothing was ever tried against a live openGauss or GaussDB.

mod backend;
mod catalog;
mod copy;
mod failure;
mod liveness;
mod lock;
mod policies;
pub(super) mod presence;
mod server;
mod session;
mod sink;
mod survey;
mod verdict;

use crate::error::{Error, Result};
use crate::load::stored_tables::StoredTable;
use crate::load::{Context, Intent, Opened, Sink, Survey, Target};
use backend::Backend;
use connect::ConnInfo;
use std::time::Duration;
use survey::{Needs, Seen};

/// A database to be loaded.
pub struct Postgres {
    settings: ConnInfo,
    context: Context,
    /// What the survey saw; the transaction must find the same.
    seen: Option<Seen>,
    /// How long to look for the outcome of a COMMIT whose answer was lost.
    patience: Duration,
}

impl Postgres {
    /// The database that `text` names: a `postgresql://` URI or `key=value` pairs, completed from this process's
    /// environment as libpq does it. Nothing is opened yet.
    ///
    /// # Errors
    /// The text or the environment cannot be understood.
    pub fn new(text: &str, context: Context) -> Result<Self> {
        let settings = ConnInfo::of_target(text).map_err(Box::new)?;
        let patience = settings.answer_timeout;
        Ok(Self { settings, context, seen: None, patience })
    }

    fn connect(&mut self) -> Result<Backend> {
        let backend = Backend::connect(&self.settings, &mut *self.context.ask, &self.context.cancel, None)?;
        // With the password that was typed.
        self.settings = backend.settings.clone();
        Ok(backend)
    }

    fn look(&mut self, intent: Intent) -> Result<(Seen, Survey)> {
        let backend = self.connect()?;
        let outcome = looking(&backend, || survey::survey(&backend, &self.context, intent));
        backend.close();
        let (seen, mut survey) = outcome?;
        survey.warnings.splice(0..0, self.settings.warnings.iter().map(ToString::to_string));
        Ok((seen, survey))
    }

    /// Opens the transaction, in which the tables must still be as they were seen.
    fn transaction(self, backend: Backend, seen: &Seen, needs: Needs) -> Result<Box<dyn Sink>> {
        let begun = match needs {
            Needs::Fill | Needs::Change => lock::begin(&backend, seen),
            Needs::Look => lock::snapshot(&backend),
        };
        let same = begun.and_then(|()| survey::look_again(&backend, &self.context.names, needs));
        let refused = match same {
            Ok(same) if same == *seen => {
                return Ok(Box::new(sink::Transaction::new(backend, self.settings, self.patience)));
            }
            Ok(_) => {
                let what = format!("{}: its tables changed since they were looked at", self.name());
                Error::target(what, "let nothing else change Karbor's tables, and run again")
            }
            Err(error) => error,
        };
        backend.roll_back();
        backend.close();
        Err(refused)
    }
}

/// Reads the policies that the database named by `text` holds.
///
/// # Errors
/// The text cannot be understood, or the database cannot be reached or read.
pub(super) fn read_policies(
    text: &str,
    context: Context,
    take: crate::load::stored_policies::Take<'_>,
) -> Result<()> {
    let mut target = Postgres::new(text, context)?;
    let backend = target.connect()?;
    let outcome = policies::read(&backend, &policies::lookup(target.context.names), take);
    backend.close();
    outcome
}

/// The tables that the database named by `text` has.
///
/// # Errors
/// The text cannot be understood, or the database cannot be reached or read.
pub(super) fn read_tables(text: &str, context: Context) -> Result<Vec<StoredTable>> {
    let mut target = Postgres::new(text, context)?;
    let backend = target.connect()?;
    let outcome = looking(&backend, || {
        catalog::tables(&backend).map_err(|failure| backend.explain("reading the catalog", &failure))
    });
    backend.close();
    outcome
}

/// Does `look` in a transaction of its own, so that its settings end with it.
fn looking<T>(backend: &Backend, look: impl FnOnce() -> Result<T>) -> Result<T> {
    let begun = backend.begin("ISOLATION LEVEL READ COMMITTED");
    let outcome =
        begun.map_err(|failure| backend.explain("setting the session up", &failure)).and_then(|()| look());
    backend.roll_back();
    outcome
}

impl Target for Postgres {
    fn name(&self) -> String {
        self.settings.to_string()
    }

    fn survey_for(&mut self, intent: Intent) -> Result<Survey> {
        let (seen, survey) = self.look(intent)?;
        self.seen = Some(seen);
        Ok(survey)
    }

    fn begin(mut self: Box<Self>, intent: Intent) -> Result<Box<dyn Sink>> {
        let seen = match self.seen.take() {
            Some(seen) => seen,
            None => self.look(intent)?.0,
        };
        let backend = self.connect()?;
        self.transaction(backend, &seen, Needs::of_run(intent))
    }

    fn open(mut self: Box<Self>, intent: Intent) -> Result<Opened> {
        let backend = self.connect()?;
        let needs = Needs::of_maintenance(intent);
        let found = looking(&backend, || survey::tables(&backend, &self.context.names, needs));
        let (seen, layouts) = match found {
            Ok(found) => found,
            Err(error) => {
                backend.close();
                return Err(error);
            }
        };
        Ok(Opened { sink: self.transaction(backend, &seen, needs)?, layouts })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::karbor::Value;
    use crate::karbor::ddl::{Dialect, script};
    use crate::load::names::TargetNames;
    use fixtures::server::{Server, Stop};

    #[test]
    fn an_outcome_that_cannot_be_found_out_is_told_as_that() {
        let mut server = Server::start();
        let database = server.create_db();
        server.psql(&database, &script(Dialect::Postgres));
        // COMMIT takes so long that the server can be killed in the middle of it.
        server.psql(
            &database,
            "INSERT INTO services (\"binary\", deleted, report_count) VALUES ('karbor-operationengine', false, 0);
             CREATE FUNCTION stall() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(600); RETURN NULL; END';
             CREATE CONSTRAINT TRIGGER stall AFTER INSERT ON plans DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
                 EXECUTE PROCEDURE stall()",
        );
        let context = Context::without_import(TargetNames::default(), Box::new(|_| None), Default::default());
        let mut target =
            Postgres::new(&format!("{}?sslmode=disable", server.url(&database)), context).unwrap();
        target.patience = Duration::from_secs(2);
        let layout = target.survey().unwrap().layouts.into_iter().next().unwrap();
        let mut row = [Value::Null; 10];
        row[0] = Value::Text("plan");
        let mut bytes = Vec::new();
        layout.encode(&row, &mut bytes).unwrap();
        let kill = std::thread::spawn(move || {
            while server.psql(&database, "SELECT count(*) FROM pg_stat_activity WHERE query = 'COMMIT'")
                == "0"
            {
                std::thread::sleep(Duration::from_millis(20));
            }
            // Not by SIGKILL: until PostgreSQL 12 a session that sleeps does not notice it, and commits in the end.
            server.stop(Stop::Immediate);
            server
        });
        let mut sink = Box::new(target).begin(Intent::Write).unwrap();
        sink.table(&layout).unwrap();
        sink.rows(bytes, 1).unwrap();
        assert_eq!(sink.end().unwrap(), 1);
        let error = sink.commit().unwrap_err();
        drop(kill.join().unwrap());
        assert!(matches!(error, Error::CommitUnknown(_)), "{error}");
        assert!(error.to_string().contains("for 2 s, in vain"), "{error}");
    }
}
