//! Where Karbor rows go: PostgreSQL, an embedded database, or a script.
//!
//! A [`Target`] is looked at first ([`Survey`]): what its tables really look like, what it already holds. Then one
//! transaction is opened, which is a [`Sink`]. A sink is finished by a call that consumes it; dropping it rolls back.

mod fit;
pub mod inventory;
pub(crate) mod lookup;
pub mod names;
pub mod policies;
pub mod postgres;
pub mod presence;
pub mod script;
pub mod session;
pub mod spec;
pub mod sqlite;
pub mod stored_policies;
pub mod stored_tables;

use crate::error::Result;
use crate::karbor::Source;
use crate::karbor::layout::Layout;
use crate::progress::Cancel;
use secrecy::SecretString;
use serde::Serialize;
use session::Session;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

/// The advisory lock that a run holds in PostgreSQL until its transaction ends, so that there is one run at a time: the
/// letters `etl` at the top of a 64-bit key.
pub const LOCK_KEY: i64 = i64::from_be_bytes(*b"etl\0\0\0\0\0");

/// How long a run waits for somebody else's lock in PostgreSQL before it says who holds it and gives up.
pub const LOCK_PATIENCE: Duration = Duration::from_secs(10);

/// How long the answer to COMMIT is awaited in PostgreSQL after a request to stop, until its outcome is looked up instead.
pub const STOP_PATIENCE: Duration = Duration::from_secs(10);

/// What a target turned out to be.
#[derive(Debug)]
pub struct Survey {
    /// The tables that are written, in the order of [`crate::karbor::WRITTEN`].
    pub layouts: [Layout; 6],
    /// The service that runs operations; `None` where the target finds it by itself when the rows arrive.
    pub service: Option<Service>,
    /// The services that could run operations, by id.
    pub live_services: BTreeSet<i64>,
    /// Trusts of operations that the target holds, by user and project.
    pub trusts: HashMap<(String, String), String>,
    /// Rows of earlier imports, by source and table.
    pub imported: Vec<(Source, &'static str, u64)>,
    /// Whether there is a database that rows can be compared with: not so for a script, and a file still to be made.
    pub comparable: bool,
    /// What the operator should know.
    pub warnings: Vec<String>,
}

/// The `services` row of the operation engine that is to run the imported operations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Service {
    /// Its id.
    pub id: i64,
    /// Its host, where known.
    pub host: Option<String>,
    /// Hosts of others that could have been taken.
    pub others: Vec<String>,
}

/// A target that can be looked at and loaded.
pub trait Target {
    /// The target's name for messages, without secrets.
    fn name(&self) -> String;

    /// Looks at the target; changes nothing.
    ///
    /// # Errors
    /// The target cannot be reached, or cannot take the rows.
    fn survey(&mut self) -> Result<Survey> {
        self.survey_for(Intent::Write)
    }

    /// Looks at the target for a transaction that only looks, or one that writes: a role that may not write can look.
    ///
    /// # Errors
    /// As [`Target::survey`].
    fn survey_for(&mut self, intent: Intent) -> Result<Survey>;

    /// Opens the one transaction of a run, on a target that was surveyed.
    ///
    /// # Errors
    /// Another run is under way, or the target refuses.
    fn begin(self: Box<Self>, intent: Intent) -> Result<Box<dyn Sink>>;

    /// Opens a transaction on a database whatever a run would need of it: no service must be alive in it. There must be a
    /// database; a script has none.
    ///
    /// # Errors
    /// There is none, another run is under way, or the target refuses.
    fn open(self: Box<Self>, intent: Intent) -> Result<Opened>;
}

/// What a transaction is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    /// To write: nobody else does until it ends.
    Write,
    /// To look at one state of the tables: nobody waits for it, and nothing that is written stays. Temporary tables can be made
    /// where the server can be written to at all.
    Look,
}

/// A database that was opened to be maintained.
pub struct Opened {
    /// The transaction.
    pub sink: Box<dyn Sink>,
    /// The tables that runs write, in the order of [`crate::karbor::WRITTEN`].
    pub layouts: [Layout; 6],
}

/// The server that a transaction is open at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServerFacts {
    /// Where it is: `db1 (10.0.0.5):5432`, or the path of a unix socket.
    pub address: String,
    /// What it says of its version.
    pub version: String,
    /// What the database is compatible with, in openGauss and GaussDB.
    pub compatibility: Option<String>,
    /// The database's encoding.
    pub encoding: String,
    /// What varchar(n) counts: `characters` or `bytes`.
    pub widths: &'static str,
    /// How the login was made.
    pub login: &'static str,
    /// Whether the connection is inside TLS.
    pub tls: bool,
}

/// One open transaction. Dropping it rolls back.
pub trait Sink {
    /// Begins a table; every row until [`Sink::end`] belongs to it.
    ///
    /// # Errors
    /// The target's.
    fn table(&mut self, layout: &Layout) -> Result<()>;

    /// Takes rows that [`Layout::encode`] made.
    ///
    /// # Errors
    /// The target's; the row at fault is told as a number, counted from 1 in this table.
    fn rows(&mut self, bytes: Vec<u8>, rows: u64) -> std::result::Result<(), Refusal>;

    /// Ends the table; answers how many rows the target says it took.
    ///
    /// # Errors
    /// As [`Sink::rows`].
    fn end(&mut self) -> std::result::Result<u64, Refusal>;

    /// The database behind it, for statements between two tables; a script has none.
    fn session(&mut self) -> Option<&mut dyn Session> {
        None
    }

    /// What server it is, where it is one.
    ///
    /// # Errors
    /// The target's.
    fn server(&mut self) -> Result<Option<ServerFacts>> {
        Ok(None)
    }

    /// Who has the target to himself at the moment, in words, where anybody has: another run, or whoever writes the file. For a
    /// transaction that only looks.
    ///
    /// # Errors
    /// The target's.
    fn holder(&mut self) -> Result<Option<String>> {
        Ok(None)
    }

    /// Commits.
    ///
    /// # Errors
    /// The target did not commit, or it is not known whether it did.
    fn commit(self: Box<Self>) -> Result<()>;

    /// Rolls back, and waits until that is done.
    ///
    /// # Errors
    /// The target's; nothing is written in any case.
    fn rollback(self: Box<Self>) -> Result<()>;
}

/// A target's refusal of rows.
#[derive(Debug)]
pub struct Refusal {
    /// Which row of the table, counted from 1, where the target says.
    pub row: Option<u64>,
    /// The error.
    pub error: crate::error::Error,
}

impl From<crate::error::Error> for Refusal {
    fn from(error: crate::error::Error) -> Self {
        Self { row: None, error }
    }
}

/// Asks the user for a password; `None` where there is nobody to ask.
pub type Ask = Box<dyn FnMut(&str) -> Option<SecretString>>;

/// What every target needs to know of the run.
pub struct Context {
    /// What the target calls its tables and columns.
    pub names: names::TargetNames,
    /// The service that the settings name.
    pub service_id: Option<i64>,
    /// Whether the settings name a trust, so that none is looked for.
    pub trust_known: bool,
    /// Asks for a password.
    pub ask: Ask,
    /// Asks the run to stop.
    pub cancel: Arc<Cancel>,
    /// Whether a file that is not a database of Karbor's is replaced by a new one.
    pub replace: bool,
}

impl Context {
    /// What a command has to know that imports nothing: no service, and no trust is looked for.
    #[must_use]
    pub fn without_import(names: names::TargetNames, ask: Ask, cancel: Arc<Cancel>) -> Self {
        Self { names, service_id: None, trust_known: true, ask, cancel, replace: false }
    }
}

/// The target that `spec` names. Nothing is opened yet.
///
/// # Errors
/// A connection string that cannot be understood.
pub fn open(spec: &spec::Spec, context: Context) -> Result<Box<dyn Target>> {
    Ok(match spec {
        spec::Spec::Postgres(text) => Box::new(postgres::Postgres::new(text, context)?),
        spec::Spec::Sqlite(path) => Box::new(sqlite::Sqlite::new(path, context)),
        spec::Spec::Script(path) => Box::new(script::Script::new(path, context)),
    })
}
