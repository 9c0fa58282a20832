//! The journal: what was sent, done and failed, as JSON lines on disk, so that a purge that ended before its time goes on.
//!
//! A line `sent` is on disk before the request leaves; the others may be lost with the machine, for what is gone is
//! found to be gone. A line `done` counts only if it says that the object was looked at: earlier versions of etl wrote one for
//! any 404 to a DELETE, which Cinder returns for a service that is down, too. One purge at a time writes to a journal, and all that do are of one cloud.

use super::Kind;
use super::error::{PurgeError, Result};
use crate::base::json_lines::{JournalKind, LinesFile};
use pipeline::files::place::Foreign;
use pipeline::karbor::ids::digest;
use serde::{Deserialize, Serialize};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::Path;
use tokio::task::yield_now;

/// A line of the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Line {
    /// A purge began.
    Begin {
        /// When, in UTC.
        at: String,
        /// Cinder's endpoint, without a project.
        endpoint: String,
        /// etl's version.
        etl: String,
    },
    /// A deletion is sent now.
    Sent {
        /// When, in UTC.
        at: String,
        /// What is deleted.
        kind: Kind,
        /// Its id.
        id: String,
        /// Which attempt it is, from 1.
        #[serde(rename = "try")]
        attempt: u32,
    },
    /// What was sent began nothing, for a reason that is not the object's: it was no attempt.
    Withdrawn {
        /// When, in UTC.
        at: String,
        /// What it is.
        kind: Kind,
        /// Its id.
        id: String,
    },
    /// The object is gone.
    Done {
        /// When that was seen, in UTC.
        at: String,
        /// What it was.
        kind: Kind,
        /// Its id.
        id: String,
        /// Whether a GET of the object said so.
        #[serde(default)]
        seen: bool,
    },
    /// The object is not gone, and is not tried again by this purge.
    Failed {
        /// When, in UTC.
        at: String,
        /// What it is.
        kind: Kind,
        /// Its id.
        id: String,
        /// How often it was tried.
        tries: u32,
        /// Why.
        reason: String,
        /// The request that failed last.
        request_id: Option<String>,
    },
}

/// What earlier purges left in a journal.
#[derive(Debug, Default)]
pub struct Past {
    /// Objects that were sent and whose end was not seen, with the last attempt, by digest.
    open: HashMap<u128, (Kind, String, u32)>,
    /// Objects that are gone.
    pub done: u64,
    /// The endpoint of the purges.
    endpoint: Option<String>,
}

impl Past {
    /// How often an object was tried whose end was not seen; 0 where it was not.
    #[must_use]
    pub fn tries(&self, kind: Kind, id: &str) -> u32 {
        self.open.get(&key(kind, id)).map_or(0, |(_, _, attempt)| *attempt)
    }

    /// The objects that were sent and whose end was not seen.
    pub fn open(&self) -> impl Iterator<Item = (Kind, &str)> {
        self.open.values().map(|(kind, id, _)| (*kind, id.as_str()))
    }

    fn take(&mut self, line: Line) {
        match line {
            Line::Begin { endpoint, .. } => self.endpoint = Some(endpoint),
            Line::Sent { kind, id, attempt, .. } => {
                self.open.insert(key(kind, &id), (kind, id, attempt));
            }
            Line::Withdrawn { kind, id, .. } => {
                if let Entry::Occupied(mut sent) = self.open.entry(key(kind, &id)) {
                    let (_, _, attempt) = sent.get_mut();
                    *attempt = attempt.saturating_sub(1);
                    if *attempt == 0 {
                        sent.remove();
                    }
                }
            }
            Line::Done { kind, id, seen: false, .. } => {
                self.open.insert(key(kind, &id), (kind, id, 0));
            }
            Line::Done { kind, id, seen: true, .. } => {
                self.open.remove(&key(kind, &id));
                self.done += 1;
            }
            // What failed is tried anew: somebody may have mended what it failed of.
            Line::Failed { kind, id, .. } => {
                self.open.remove(&key(kind, &id));
            }
        }
    }
}

fn key(kind: Kind, id: &str) -> u128 {
    digest(&[kind.member(), id])
}

/// A journal that is open for this purge alone.
#[derive(Debug)]
pub struct Journal {
    file: RefCell<LinesFile>,
    written: Cell<u64>,
    synced: Cell<u64>,
}

impl Journal {
    /// Opens the journal at `path`, or makes it, and reads what it contains. A last line that was cut off is taken away.
    ///
    /// # Errors
    /// It cannot be read or written, another purge writes to it, or a line is none of a journal.
    pub fn open(path: &Path, foreign: Foreign) -> Result<(Self, Past)> {
        let mut past = Past::default();
        let (file, _) = LinesFile::open(path, JournalKind::Purge, foreign, |line| {
            past.take(line);
            Ok(())
        })?;
        Ok((Self { file: RefCell::new(file), written: Cell::new(0), synced: Cell::new(0) }, past))
    }

    /// Begins a purge at `endpoint`.
    ///
    /// # Errors
    /// The journal is of another cloud, or cannot be written.
    pub fn begin(&self, past: &Past, endpoint: &str) -> Result<()> {
        if let Some(other) = past.endpoint.as_deref().filter(|other| *other != endpoint) {
            return Err(PurgeError::OtherCloud {
                path: self.file.borrow().path().display().to_string(),
                endpoint: other.to_owned(),
            });
        }
        let (endpoint, etl) = (endpoint.to_owned(), env!("CARGO_PKG_VERSION").to_owned());
        self.write(&Line::Begin { at: now(), endpoint, etl })?;
        self.sync_now()
    }

    /// Notes that a deletion is sent, and returns when that is on disk. Those of one burst share one write to the disk.
    ///
    /// # Errors
    /// The journal cannot be written: then it must not be sent.
    pub async fn sent(&self, kind: Kind, id: &str, attempt: u32) -> Result<()> {
        self.write(&Line::Sent { at: now(), kind, id: id.to_owned(), attempt })?;
        let mine = self.written.get();
        yield_now().await;
        if self.synced.get() >= mine { Ok(()) } else { self.sync_now() }
    }

    /// Notes that what was sent was no attempt.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub fn withdrawn(&self, kind: Kind, id: &str) -> Result<()> {
        self.write(&Line::Withdrawn { at: now(), kind, id: id.to_owned() })
    }

    /// Notes that a GET of an object said that it is gone.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub fn done(&self, kind: Kind, id: &str) -> Result<()> {
        self.write(&Line::Done { at: now(), kind, id: id.to_owned(), seen: true })
    }

    /// Notes that an object is given up.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub fn failed(
        &self,
        kind: Kind,
        id: &str,
        tries: u32,
        reason: &str,
        request_id: Option<&str>,
    ) -> Result<()> {
        let (id, reason, request_id) = (id.to_owned(), reason.to_owned(), request_id.map(str::to_owned));
        self.write(&Line::Failed { at: now(), kind, id, tries, reason, request_id })
    }

    /// Brings everything to the disk.
    ///
    /// # Errors
    /// The system's.
    pub fn sync_now(&self) -> Result<()> {
        let file = self.file.borrow();
        file.sync().map_err(|source| file.fails(source))?;
        self.synced.set(self.written.get());
        Ok(())
    }

    fn write(&self, line: &Line) -> Result<()> {
        let mut file = self.file.borrow_mut();
        file.add(line).map_err(|source| file.fails(source))?;
        self.written.set(self.written.get() + 1);
        Ok(())
    }
}

fn now() -> String {
    chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::future::join_all;

    const CLOUD: &str = "https://cinder/v3";

    fn lines(path: &Path) -> Vec<Line> {
        let text = std::fs::read_to_string(path).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[tokio::test]
    async fn what_was_sent_and_has_no_end_is_known_to_the_next_purge() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let (journal, past) = Journal::open(&path, Foreign::Refuse).unwrap();
        journal.begin(&past, CLOUD).unwrap();
        for id in ["a", "b", "c", "d"] {
            journal.sent(Kind::Backup, id, 1).await.unwrap();
        }
        journal.sent(Kind::Backup, "d", 2).await.unwrap();
        journal.done(Kind::Backup, "a").unwrap();
        journal.failed(Kind::Backup, "b", 1, "403: no", Some("req-1")).unwrap();
        drop(journal);
        let (journal, past) = Journal::open(&path, Foreign::Refuse).unwrap();
        journal.begin(&past, CLOUD).unwrap();
        let tries: Vec<u32> =
            ["a", "b", "c", "d", "e"].iter().map(|id| past.tries(Kind::Backup, id)).collect();
        assert_eq!((tries, past.done), (vec![0, 0, 1, 2, 0], 1));
        assert_eq!(past.tries(Kind::Snapshot, "c"), 0);
    }

    #[tokio::test]
    async fn a_burst_is_written_before_anyone_of_it_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let (journal, _) = Journal::open(&path, Foreign::Refuse).unwrap();
        let sent = |id: &'static str| {
            let (journal, path) = (&journal, &path);
            async move {
                journal.sent(Kind::Snapshot, id, 1).await.unwrap();
                (journal.synced.get(), lines(path).len())
            }
        };
        let seen = join_all(["a", "b", "c"].map(sent)).await;
        assert_eq!(seen, [(3, 3); 3]);
    }

    #[test]
    fn a_last_line_that_was_cut_off_is_taken_away() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let (journal, past) = Journal::open(&path, Foreign::Refuse).unwrap();
        journal.begin(&past, CLOUD).unwrap();
        journal.done(Kind::Backup, "a").unwrap();
        drop(journal);
        let whole = std::fs::read(&path).unwrap();
        for rest in [&b"{\"event\":\"done\",\"at\""[..], b"\0\0\0\n", b"{}\n"] {
            std::fs::write(&path, [whole.as_slice(), rest].concat()).unwrap();
            let (journal, past) = Journal::open(&path, Foreign::Refuse).unwrap();
            assert_eq!(past.done, 1);
            journal.done(Kind::Backup, "b").unwrap();
            drop(journal);
            assert_eq!(lines(&path).len(), 3);
        }
    }

    #[test]
    fn a_journal_that_cannot_be_relied_on_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let refused = |expected: &str| {
            let error =
                Journal::open(&path, Foreign::Refuse).and_then(|(journal, past)| journal.begin(&past, CLOUD));
            let error = error.unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        let (journal, past) = Journal::open(&path, Foreign::Refuse).unwrap();
        refused("another etl purge is writing to it");
        journal.begin(&past, "https://elsewhere/v3").unwrap();
        drop(journal);
        refused("it is of a purge at https://elsewhere/v3");
        std::fs::write(&path, "-- PostgreSQL database dump\n-- complete\n").unwrap();
        refused("etl did not write this file");
        assert!(std::fs::read_to_string(&path).unwrap().starts_with("-- PostgreSQL"));
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        refused("cannot be read or written");
        std::fs::remove_dir(&path).unwrap();
        std::os::unix::fs::symlink("/dev/full", &path).unwrap();
        refused("this is not a regular file");
    }
}
