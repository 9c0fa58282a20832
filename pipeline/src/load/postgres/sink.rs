//! The one transaction of a run at a server.

use super::backend::{Backend, Commit};
use super::copy::{self, Copying};
use super::failure::lacks_privilege;
use super::lock;
use super::server::Server;
use super::verdict::{self, Ours, Verdict, Witness};
use crate::error::{Error, Result};
use crate::karbor::ddl::Dialect;
use crate::karbor::layout::{Layout, quoted};
use crate::load::session::{Presence, Session, TakeRow, TakeTexts, miscounted};
use crate::load::{Intent, Refusal, STOP_PATIENCE, ServerFacts, Sink};
use connect::ConnInfo;
use std::time::Duration;

/// An open transaction; dropping it rolls back.
pub(super) struct Transaction {
    /// `None` once the transaction is over.
    backend: Option<Backend>,
    open: Option<Copying>,
    /// Rows sent to the open table.
    sent: u64,
    /// A row of this run, to look for when the answer to COMMIT is lost.
    witness: Option<Witness>,
    settings: ConnInfo,
    patience: Duration,
}

impl Transaction {
    /// Takes a session whose transaction is open and holds its locks. `settings` are to find it again by.
    pub(super) fn new(backend: Backend, settings: ConnInfo, patience: Duration) -> Self {
        Self { backend: Some(backend), open: None, sent: 0, witness: None, settings, patience }
    }

    fn backend(&self) -> Result<&Backend> {
        let over = || Error::target(format!("{}: the transaction is over", self.settings), "run again");
        self.backend.as_ref().ok_or_else(over)
    }

    fn no_table(&self) -> Error {
        Error::target(format!("{}: rows came without a table", self.settings), "run again")
    }

    /// Rolls back and says goodbye; answers whether the server confirmed it.
    fn leave(&mut self) -> bool {
        // A COPY that is under way fails at the server.
        self.open = None;
        let Some(backend) = self.backend.take() else { return true };
        let confirmed = backend.roll_back();
        backend.close();
        confirmed
    }

    fn lost(&self, problem: &str, ours: &Ours) -> Result<()> {
        let verdict = match &self.witness {
            // Without a row there is nothing that could be missing.
            None => Verdict::Committed,
            Some(witness) => verdict::find(&self.settings, witness, ours, self.patience),
        };
        let target = &self.settings;
        match verdict {
            Verdict::Committed => {
                tracing::warn!(target: "postgres", "the answer to COMMIT was lost ({problem}), and the rows are there");
                Ok(())
            }
            Verdict::NotCommitted => Err(Error::target(
                format!(
                    "{target}: the answer to COMMIT was lost ({problem}), and it was not committed: nothing was written"
                ),
                "look into the server's log and at the network, and run again",
            )),
            Verdict::Unknown(why) => Err(Error::CommitUnknown(format!("{target}: {problem}; {why}"))),
        }
    }
}

impl Sink for Transaction {
    fn table(&mut self, layout: &Layout) -> Result<()> {
        let backend = self.backend()?;
        let begun = Copying::begin(backend, layout);
        self.open =
            Some(begun.map_err(|failure| backend.explain(&format!("COPY {}", layout.name), &failure))?);
        self.sent = 0;
        Ok(())
    }

    fn rows(&mut self, bytes: Vec<u8>, rows: u64) -> std::result::Result<(), Refusal> {
        let mut open = self.open.take().ok_or_else(|| self.no_table())?;
        if self.witness.is_none() && !open.layout.staging {
            self.witness = Witness::first(&open.layout, &bytes);
        }
        let backend = self.backend()?;
        match open.send(backend, bytes) {
            Ok(()) => {
                self.open = Some(open);
                self.sent += rows;
                Ok(())
            }
            Err(failure) => Err(open.refusal(backend, &failure, &open.layout.name)),
        }
    }

    fn end(&mut self) -> std::result::Result<u64, Refusal> {
        let mut open = self.open.take().ok_or_else(|| self.no_table())?;
        let backend = self.backend()?;
        let taken =
            open.end(backend).map_err(|failure| open.refusal(backend, &failure, &open.layout.name))?;
        if taken != self.sent {
            let what = format!(
                "{}: {} rows were sent to {}, and {taken} were written",
                self.settings, self.sent, open.layout.name
            );
            return Err(miscounted(self, &open.layout.into, what).into());
        }
        Ok(taken)
    }

    fn session(&mut self) -> Option<&mut dyn Session> {
        Some(self)
    }

    fn server(&mut self) -> Result<Option<ServerFacts>> {
        let backend = self.backend()?;
        let server = Server::of(backend, Intent::Look)?;
        let (address, login, tls) = backend.login();
        Ok(Some(ServerFacts {
            address: address.to_owned(),
            version: server.version,
            compatibility: server.compatibility,
            encoding: server.encoding,
            widths: if server.widths_in_bytes { "bytes" } else { "characters" },
            login,
            tls,
        }))
    }

    fn holder(&mut self) -> Result<Option<String>> {
        lock::holders_of_run(self.backend()?)
    }

    fn commit(mut self: Box<Self>) -> Result<()> {
        if let Some(open) = &self.open {
            // The server would wait for its rows, and we for the server.
            let what = format!("{}: {} was not ended before COMMIT", self.settings, open.layout.name);
            return Err(Error::Imbalance(what));
        }
        let backend = self.backend()?;
        let rows = backend.rows(Ours::SQL, &[]);
        let rows =
            rows.map_err(|failure| backend.explain("asking for the transaction's number", &failure))?;
        let process = backend.process.get();
        let ours = rows
            .first()
            .map(|row| Ours { txid: row.get(0), snapshot: row.get(1), process })
            .unwrap_or_default();
        // From here on the request to stop comes too late.
        let Some(backend) = self.backend.take() else { return Ok(()) };
        match backend.commit() {
            Commit::Done => {
                backend.close();
                Ok(())
            }
            Commit::Lost(problem) => {
                let was_stopped = backend.is_to_stop();
                backend.close();
                if was_stopped {
                    self.patience = self.patience.min(STOP_PATIENCE);
                }
                self.lost(&problem, &ours)
            }
            Commit::Refused(error) => {
                self.backend = Some(backend);
                self.leave();
                Err(error)
            }
        }
    }

    fn rollback(mut self: Box<Self>) -> Result<()> {
        if self.leave() {
            return Ok(());
        }
        let what = format!(
            "{}: the server did not confirm the rollback; nothing was committed all the same",
            self.settings
        );
        Err(Error::target(what, "see in pg_stat_activity that the session (application_name etl) is gone"))
    }
}

impl Session for Transaction {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    fn execute(&mut self, doing: &str, sql: &str) -> Result<u64> {
        let backend = self.backend()?;
        backend.execute(sql).map_err(|failure| match backend.explain(doing, &failure) {
            Error::Target { what, .. }
                if lacks_privilege(&failure) && sql.starts_with("CREATE TEMPORARY") =>
            {
                let ConnInfo { database, user, .. } = &self.settings;
                let (database, user) = (quoted(database), quoted(user));
                let grant =
                    format!("let the database's owner run: GRANT TEMPORARY ON DATABASE {database} TO {user}");
                Error::target(what, grant)
            }
            error => error,
        })
    }

    fn query(&mut self, doing: &str, sql: &str, take: &mut TakeTexts<'_>) -> Result<()> {
        let backend = self.backend()?;
        let taken = backend.query(sql, take);
        taken.map_err(|failure| backend.explain(doing, &failure))?
    }

    fn read(&mut self, layout: &Layout, sql: &str, take: &mut TakeRow<'_>) -> Result<()> {
        let backend = self.backend()?;
        let taken = copy::read(backend, layout, sql, take);
        taken.map_err(|failure| backend.explain(&format!("reading {}", layout.name), &failure))?
    }

    fn witness(&mut self, layout: &Layout, key: &str, after: Presence) {
        if self.witness.is_none() {
            self.witness = Witness::new(layout, key, after);
        }
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        self.leave();
    }
}
