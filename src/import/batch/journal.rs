//! The journal of a batch: one line of JSON for each commit, on the disk before the next site is begun.
//!
//! It is a memory, not the truth: what it says is believed only where the target says the same.

use crate::base::build;
use crate::base::clock::utc_now;
use crate::base::error::Result;
use crate::base::json_lines::{JournalKind, Line, Lines};
use pipeline::files::place::Foreign;
use pipeline::sample::Sample;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// The version of a line's form.
const VERSION: u32 = 1;

/// One commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The version of the line's form.
    journal: u32,
    /// The site's folder.
    pub site: String,
    /// The target, without secrets.
    pub target: String,
    /// The version of etl.
    pub etl: String,
    /// When it was committed, UTC.
    pub committed: String,
    /// The settings that the result depends on, by key, as they were given.
    pub settings: BTreeMap<String, String>,
    /// The dumps, by name.
    pub dumps: Vec<Dump>,
    /// The exit code of the run: 0, or 3 where rows were deferred.
    pub exit: u8,
    /// Rows that were deferred.
    pub deferred: u64,
    /// By what the target shows that the rows are there.
    pub proof: Proof,
}

impl Line for Entry {
    const KIND: JournalKind = JournalKind::Batch;
    const VERSION: u32 = VERSION;

    fn version(&self) -> u32 {
        self.journal
    }
}

/// A dump as it was loaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dump {
    /// The name of its file.
    pub name: String,
    /// Bytes on disk.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: String,
}

/// By what a target shows that it holds what was committed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Proof {
    /// Rows of a database.
    Rows(Sample),
    /// The digest of a script.
    Sha256(String),
}

/// What a run of a site depends on, and what it came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The site's folder.
    pub site: String,
    /// The target, without secrets.
    pub target: String,
    /// The settings that the result depends on.
    pub settings: BTreeMap<String, String>,
    /// The dumps, by name.
    pub dumps: Vec<Dump>,
}

impl Facts {
    /// The entry of a commit that was just made.
    #[must_use]
    pub fn committed(&self, exit: u8, deferred: u64, proof: Proof) -> Entry {
        Entry {
            journal: VERSION,
            site: self.site.clone(),
            target: self.target.clone(),
            etl: build::VERSION.to_owned(),
            committed: utc_now(),
            settings: self.settings.clone(),
            dumps: self.dumps.clone(),
            exit,
            deferred,
            proof,
        }
    }

    /// What is no longer as it was at a commit, in words; empty where all is.
    #[must_use]
    pub fn changes_since(&self, entry: &Entry) -> Vec<String> {
        let mut changes = Vec::new();
        let named = |dumps: &[Dump]| -> BTreeMap<String, (u64, String)> {
            dumps.iter().map(|dump| (dump.name.clone(), (dump.bytes, dump.sha256.clone()))).collect()
        };
        let dumps = differences(&named(&entry.dumps), &named(&self.dumps));
        if !dumps.is_empty() {
            changes.push(format!("other dumps: {}", dumps.join(", ")));
        }
        let settings = differences(&entry.settings, &self.settings);
        if !settings.is_empty() {
            changes.push(format!("other settings: {}", settings.join(", ")));
        }
        if entry.etl != build::VERSION {
            changes.push(format!("it was loaded by etl {}, this is {}", entry.etl, build::VERSION));
        }
        changes
    }
}

/// The keys under which two maps differ.
fn differences<V: PartialEq>(old: &BTreeMap<String, V>, new: &BTreeMap<String, V>) -> Vec<String> {
    let gone = old.keys().filter(|key| !new.contains_key(*key)).map(|key| format!("{key} is gone"));
    let other = new.iter().filter_map(|(key, value)| match old.get(key) {
        None => Some(format!("{key} is new")),
        Some(known) => (known != value).then(|| format!("{key} changed")),
    });
    other.chain(gone).collect()
}

/// The journal, which nobody else writes meanwhile.
#[derive(Debug)]
pub struct Journal(Lines<Entry>);

impl Journal {
    /// Opens the journal, or makes it.
    ///
    /// # Errors
    /// Another batch is using it, it cannot be read or written, or a line in it is damaged.
    pub fn open(path: &Path, foreign: Foreign) -> Result<Self> {
        Ok(Self(Lines::open(path, foreign)?))
    }

    /// The last commit of a site into a target.
    #[must_use]
    pub fn last(&self, facts: &Facts) -> Option<&Entry> {
        let same = |entry: &&Entry| entry.site == facts.site && entry.target == facts.target;
        self.0.lines().iter().rev().find(same)
    }

    /// Adds a commit; it is on the disk when this returns.
    ///
    /// # Errors
    /// It cannot be written. The journal is as it was.
    pub fn add(&mut self, entry: Entry) -> io::Result<()> {
        self.0.add(entry)
    }

    /// Its place.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Whether the last line was cut off by a crash, and was left out.
    #[must_use]
    pub fn was_torn(&self) -> bool {
        self.0.was_torn()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::PathBuf;

    fn facts() -> Facts {
        let dump = |name: &str| Dump { name: name.into(), bytes: 1, sha256: "00".into() };
        Facts {
            site: "/sites/a".into(),
            target: "postgresql://karbor@db1:5432/karbor".into(),
            settings: [("policy_on".to_owned(), "1".to_owned())].into(),
            dumps: vec![dump("cinder.sql"), dump("vbs.sql")],
        }
    }

    fn entry(site: &str) -> Entry {
        let proof = Proof::Rows(Sample::default());
        Facts { site: site.into(), ..facts() }.committed(3, 7, proof)
    }

    fn path() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        (folder, path)
    }

    #[test]
    fn what_was_added_is_there_again_and_the_last_commit_of_a_site_counts() {
        let (_folder, path) = path();
        let mut journal = Journal::open(&path, Foreign::Refuse).unwrap();
        assert!(journal.last(&facts()).is_none());
        let later = Entry { exit: 0, ..entry("/sites/a") };
        for entry in [entry("/sites/a"), entry("/sites/b"), later.clone()] {
            journal.add(entry).unwrap();
        }
        drop(journal);
        let journal = Journal::open(&path, Foreign::Refuse).unwrap();
        assert_eq!((journal.last(&facts()), journal.was_torn()), (Some(&later), false));
        let elsewhere = Facts { target: "other".into(), ..facts() };
        assert!(journal.last(&elsewhere).is_none());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_torn_last_line_is_left_out_wherever_it_was_torn() {
        let (_folder, path) = path();
        let mut journal = Journal::open(&path, Foreign::Refuse).unwrap();
        journal.add(entry("/sites/a")).unwrap();
        let whole = std::fs::read(&path).unwrap();
        journal.add(entry("/sites/b")).unwrap();
        drop(journal);
        let both = std::fs::read(&path).unwrap();
        for length in whole.len()..both.len() {
            std::fs::write(&path, &both[..length]).unwrap();
            let mut journal = Journal::open(&path, Foreign::Refuse).unwrap();
            assert_eq!((journal.0.lines().len(), journal.was_torn()), (1, length > whole.len()));
            journal.add(entry("/sites/b")).unwrap();
            drop(journal);
            let lines = std::fs::read(&path).unwrap();
            assert_eq!(lines.len(), both.len(), "nothing of the torn line is left");
            assert_eq!(Journal::open(&path, Foreign::Refuse).unwrap().0.lines().len(), 2);
        }
        // A file system may bring the length to the disk before the bytes.
        std::fs::write(&path, [&whole[..], &[0; 90], b"\n"].concat()).unwrap();
        assert!(Journal::open(&path, Foreign::Refuse).unwrap().was_torn());
    }

    #[test]
    fn damage_elsewhere_is_named_by_its_line() {
        let (_folder, path) = path();
        let line = serde_json::to_string(&entry("/sites/a")).unwrap();
        for (text, place) in [
            (format!("{line}\n{}\n{line}\n", &line[..40]), ":2: the line is damaged: "),
            (format!("{}\n{line}\n", &line[..40]), ":1: the line is damaged: "),
            (format!("{}\n", line.replace("\"journal\":1", "\"journal\":2")), ":1: the line is of version 2"),
        ] {
            std::fs::write(&path, &text).unwrap();
            let error = Journal::open(&path, Foreign::Refuse).unwrap_err();
            assert!(error.to_string().contains(place) && error.remedy().is_some(), "{error}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text, "it is left as it is");
        }
    }

    #[test]
    fn one_batch_at_a_time_uses_a_journal() {
        let (_folder, path) = path();
        let journal = Journal::open(&path, Foreign::Refuse).unwrap();
        assert!(matches!(Journal::open(&path, Foreign::Refuse), Err(error) if error.kind() == "journal"));
        drop(journal);
        Journal::open(&path, Foreign::Refuse).unwrap();
    }

    #[test]
    fn what_changed_since_a_commit_is_said() {
        let known = entry("/sites/a");
        assert!(facts().changes_since(&known).is_empty());
        let mut now = facts();
        now.dumps[0].sha256 = "01".into();
        now.dumps[1].name = "autobackup.sql".into();
        now.settings = [("user_id".to_owned(), "u".to_owned())].into();
        assert_eq!(
            now.changes_since(&Entry { etl: "0.0.9".into(), ..known }),
            [
                "other dumps: autobackup.sql is new, cinder.sql changed, vbs.sql is gone",
                "other settings: user_id is new, policy_on is gone",
                &format!("it was loaded by etl 0.0.9, this is {}", build::VERSION),
            ]
        );
    }
}
