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
pub mod connect;
mod copy;
mod failure;
mod lock;
mod policies;
pub(super) mod presence;
mod server;
mod session;
mod sink;
mod survey;
mod verdict;

use crate::error::{Error, Result};
use crate::load::{Ask, Context, Intent, Opened, Sink, Survey, Target};
use backend::Backend;
use connect::{ConnInfo, Password, PasswordSource};
use secrecy::{ExposeSecret, SecretString};
use std::time::Duration;
use survey::Seen;

/// How long to look for the outcome of a COMMIT whose answer was lost.
const VERDICT_PATIENCE: Duration = Duration::from_secs(60);

/// A database to be loaded.
pub struct Postgres {
    settings: ConnInfo,
    context: Context,
    /// What the survey saw; the transaction must find the same.
    seen: Option<Seen>,
    /// How long to look for the outcome of a COMMIT.
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
        Ok(Self { settings, context, seen: None, patience: VERDICT_PATIENCE })
    }

    fn connect(&mut self) -> Result<Backend> {
        let mut typed = None;
        let backend = {
            let mut ask = remembering(&mut self.context.ask, &mut typed);
            Backend::connect(&self.settings, &mut ask, &self.context.cancel, None)?
        };
        if let Some(secret) = typed {
            // Nobody is asked twice, least of all when the connection breaks at night's end.
            for host in self.settings.hosts.iter_mut().filter(|host| host.password.is_none()) {
                host.password = Some(Password { secret: secret.clone(), source: PasswordSource::Typed });
            }
        }
        Ok(backend)
    }

    fn look(&mut self, intent: Intent) -> Result<(Seen, Survey)> {
        let backend = self.connect()?;
        let outcome = survey::survey(&backend, &self.context, intent);
        backend.close();
        let (seen, mut survey) = outcome?;
        survey.warnings.splice(0..0, self.settings.warnings.iter().map(ToString::to_string));
        Ok((seen, survey))
    }

    /// Opens the transaction, in which the tables must still be as they were seen.
    fn transaction(self, backend: Backend, seen: &Seen, intent: Intent) -> Result<Box<dyn Sink>> {
        let begun = match intent {
            Intent::Write => lock::begin(&backend, seen),
            Intent::Look => lock::snapshot(&backend),
        };
        let same = begun.and_then(|()| survey::look_again(&backend, &self.context.names, intent));
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
pub(super) fn read_policies(text: &str, context: Context, take: super::policies::Take<'_>) -> Result<()> {
    let mut target = Postgres::new(text, context)?;
    let backend = target.connect()?;
    let outcome = policies::read(&backend, &policies::lookup(target.context.names), take);
    backend.close();
    outcome
}

/// Asks, and keeps the answer.
fn remembering<'a>(
    ask: &'a mut Ask,
    typed: &'a mut Option<SecretString>,
) -> impl FnMut(&str) -> Option<SecretString> {
    |prompt| {
        let answer = ask(prompt);
        *typed = answer.as_ref().filter(|secret| !secret.expose_secret().is_empty()).cloned();
        answer
    }
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
        self.transaction(backend, &seen, intent)
    }

    fn open(mut self: Box<Self>, intent: Intent) -> Result<Opened> {
        let backend = self.connect()?;
        let (seen, layouts) = match survey::tables(&backend, &self.context.names, intent) {
            Ok(found) => found,
            Err(error) => {
                backend.close();
                return Err(error);
            }
        };
        Ok(Opened { sink: self.transaction(backend, &seen, intent)?, layouts })
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
