//! Which copies a target holds: asked by whoever deletes copies elsewhere, so that none of these is lost.
//!
//! Every row of `checkpoint_items` counts, whoever made it and whatever its state. Rows are read as a stream; of each
//! id 16 bytes are kept. Nothing is changed, and nothing that is not there yet is made.

use super::names::TargetNames;
use super::spec::Spec;
use super::{Ask, postgres, sqlite};
use crate::error::{Error, Result};
use crate::karbor::ids::digest;
use crate::karbor::layout::quoted;
use crate::progress::Cancel;
use crate::transform::items::IdSet;
use std::sync::Arc;

const TABLE: &str = "checkpoint_items";

/// The copies in a target.
#[derive(Debug, Default)]
pub struct Presence {
    /// Ids of copies: those of the items, and those that their `extend_info` names.
    pub copies: IdSet,
    /// Ids of the snapshots that `extend_info` names.
    pub snapshots: IdSet,
    /// Rows of `checkpoint_items`.
    pub rows: u64,
}

/// Reads which copies the target holds.
///
/// # Errors
/// The target cannot be reached or read, or is a script, which cannot be asked.
pub fn held(spec: &Spec, names: &TargetNames, ask: &mut Ask, cancel: &Arc<Cancel>) -> Result<Presence> {
    let mut gathered = Gathered::default();
    let mut take = |id: &str, info: &str| gathered.take(id, info);
    match spec {
        Spec::Postgres(text) => postgres::presence::read(text, &question(names), ask, cancel, &mut take)?,
        // The map of target names is for servers.
        Spec::Sqlite(path) => {
            sqlite::presence::read(path, &question(&TargetNames::default()), cancel, &mut take)?;
        }
        Spec::Script(path) => {
            let what = format!("{}: a script cannot be asked what it holds", path.display());
            return Err(Error::target(what, "name the database that the script was loaded into"));
        }
    }
    let Gathered { copies, snapshots, rows } = gathered;
    Ok(Presence { copies: IdSet::new(copies), snapshots: IdSet::new(snapshots), rows })
}

/// Where a row goes: its id, and its `extend_info`.
pub(super) type Take<'t> = &'t mut dyn FnMut(&str, &str);

/// The question: `(id text, extend_info text)`, neither of them NULL. An empty text in place of NULL would be NULL again in openGauss.
fn question(names: &TargetNames) -> String {
    let column = |name| quoted(names.column(TABLE, name));
    format!(
        "SELECT coalesce(CAST({} AS text), '-'), coalesce(CAST({} AS text), '-') FROM {}",
        column("id"),
        column("extend_info"),
        quoted(names.table(TABLE)),
    )
}

#[derive(Default)]
struct Gathered {
    copies: Vec<u128>,
    snapshots: Vec<u128>,
    rows: u64,
}

impl Gathered {
    fn take(&mut self, id: &str, info: &str) {
        self.rows += 1;
        self.copies.push(digest(&[id]));
        // Its copy is nearly always the item's own.
        let others = texts(info, "\"id\"").filter(|other| *other != id);
        self.copies.extend(others.map(|other| digest(&[other])));
        self.snapshots.extend(texts(info, "\"snapshot_id\"").map(|snapshot| digest(&[snapshot])));
    }
}

/// The texts that a key has anywhere in a JSON document. It is searched, not read: one that is no JSON must not hide an
/// id, and ids need no escapes.
fn texts<'j>(json: &'j str, key: &'j str) -> impl Iterator<Item = &'j str> {
    json.match_indices(key).filter_map(move |(at, _)| {
        let value = json.get(at + key.len()..)?.trim_start().strip_prefix(':')?.trim_start();
        let (text, _) = value.strip_prefix('"')?.split_once('"')?;
        Some(text).filter(|text| !text.is_empty())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_s_texts_are_found_wherever_they_stand() {
        let check = |json: &str, expected: &[&str]| {
            assert_eq!(texts(json, "\"snapshot_id\"").collect::<Vec<_>>(), expected, "{json}");
        };
        check(r#"{"snapshot_id":"a","volume_backups":[{"id":"b","snapshot_id": "c"}]}"#, &["a", "c"]);
        check(r#"{"snapshot_id" : null, "temp_snapshot_id":"d"}"#, &[]);
        check(r#"{"snapshot_id":"","note":"no end: "snapshot_id":"e""#, &["e"]);
        check("", &[]);
    }

    #[test]
    fn a_script_cannot_be_asked() {
        let mut ask: Ask = Box::new(|_| None);
        let spec = Spec::Script("karbor.sql".into());
        let error = held(&spec, &TargetNames::default(), &mut ask, &Arc::default()).unwrap_err();
        assert_eq!(error.to_string(), "karbor.sql: a script cannot be asked what it holds");
    }
}
