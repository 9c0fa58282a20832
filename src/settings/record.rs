//! The record beside a dump: which node and database it is of, that node's time zone, its size and digest.
//!
//! `cinder.sql` has `cinder.sql.toml`. A run takes the time zone of its dumps' node from there where nobody says otherwise,
//! but only where size and digest are those of the dump: a record beside another file would be believed by mistake.

use pipeline::files;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// How a record begins.
const MARK: &str = "# What `etl dump` knows of ";

/// Whether a file that begins with `head` is a record.
pub(crate) fn is_record(head: &[u8]) -> bool {
    head.starts_with(MARK.as_bytes())
}

/// Whether the file at `dump` is one that etl brought here, by the record beside it.
pub(crate) fn is_recorded(dump: &Path) -> bool {
    let size = fs::metadata(dump).map(|found| found.len());
    Record::read(dump)
        .is_ok_and(|record| record.is_some_and(|record| size.is_ok_and(|size| size == record.bytes)))
}

/// What is known of a dump.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The node, as the settings call it.
    pub node: String,
    /// The source database: cinder, autobackup, taskmgr or dps.
    pub database: String,
    /// When the dump was complete, in UTC.
    pub dumped_at: String,
    /// The node's time zone, in the form of `server_timezone`; absent where the node did not say.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub server_timezone: Option<String>,
    /// The dump's size in bytes.
    pub bytes: u64,
    /// Its SHA-256, as hexadecimal digits.
    pub sha256: String,
}

/// Where the record of a dump is.
#[must_use]
pub fn beside(dump: &Path) -> PathBuf {
    let mut name = OsString::from(dump);
    name.push(".toml");
    name.into()
}

impl Record {
    /// Writes the record beside its dump.
    ///
    /// # Errors
    /// The system's.
    pub fn write(&self, dump: &Path) -> io::Result<()> {
        let text = toml::to_string(self).map_err(io::Error::other)?;
        let text = format!("{MARK}{}.\n{text}", dump.file_name().unwrap_or_default().display());
        let path = beside(dump);
        files::replace(&path, text.as_bytes())
    }

    /// Reads the record beside a dump; `None` where there is none.
    ///
    /// # Errors
    /// It cannot be read, or is none.
    pub fn read(dump: &Path) -> io::Result<Option<Self>> {
        match fs::read_to_string(beside(dump)) {
            Ok(text) => {
                toml::from_str(&text).map(Some).map_err(|error| io::Error::other(error.message().to_owned()))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let dump = folder.path().join("cinder.sql");
        assert_eq!(Record::read(&dump).unwrap(), None);
        let mut record = Record {
            node: "db1".to_owned(),
            database: "cinder".to_owned(),
            dumped_at: "2026-11-25T17:00:00Z".to_owned(),
            server_timezone: Some("Asia/Shanghai".to_owned()),
            bytes: 3,
            sha256: crate::base::digest::of(b"abc"),
        };
        for zone in [record.server_timezone.clone(), None] {
            record.server_timezone = zone;
            record.write(&dump).unwrap();
            assert_eq!(Record::read(&dump).unwrap().as_ref(), Some(&record));
        }
        fs::write(beside(&dump), "node = 1").unwrap();
        assert!(Record::read(&dump).is_err());
    }
}
