//! The ids of what is to be deleted: from dumps, as a stream, or from files with one id in each line.
//!
//! Of each id 16 bytes are kept. A row that cannot be read names nothing, so that nothing is deleted because of it.

use super::error::{PurgeError, Result};
use parsers::columns::ColumnMap;
use parsers::error::ErrorKind;
use parsers::input::Input;
use parsers::models::Reading;
use parsers::models::SoftDeletion;
use parsers::position::DumpId;
use parsers::row::{Column, Row};
use parsers::scan::scanner::Scanner;
use parsers::scan::{Block, Chunk, Cut, Limits};
use parsers::table::Table;
use pipeline::karbor::ids::digest;
use pipeline::transform::items::IdSet;
use std::collections::HashMap;
use std::path::Path;

/// The columns that name what is to go: without one of them the wrong objects would be named, or none.
const READ: [&str; 4] = ["id", "backup_id", "snapshot_id", "status"];

/// What was named.
#[derive(Debug, Default)]
pub struct Named {
    copies: IdSet,
    snapshots: IdSet,
    /// For copies, the copy that each continues, both by digest.
    parents: HashMap<u128, u128>,
    count: super::Count,
    /// How many different ids were named, a file's for either kind counted once.
    distinct: u64,
    /// Rows that could not be read.
    pub unreadable: u64,
}

impl Named {
    /// Whether an object was named.
    #[must_use]
    pub fn contains(&self, kind: super::Kind, id: &str) -> bool {
        match kind {
            super::Kind::Backup => self.copies.contains(id),
            super::Kind::Snapshot => self.snapshots.contains(id),
        }
    }

    /// How many different ids were named for these kinds.
    #[must_use]
    pub fn count(&self, kinds: &[super::Kind]) -> u64 {
        match kinds {
            [super::Kind::Backup] => self.count.backups,
            [super::Kind::Snapshot] => self.count.snapshots,
            _ => self.distinct,
        }
    }

    /// The digest of the copy that a copy continues, where a dump says it.
    #[must_use]
    pub fn parent(&self, id: &str) -> Option<u128> {
        if self.parents.is_empty() { None } else { self.parents.get(&digest(&[id])).copied() }
    }
}

/// Ids as they are gathered.
#[derive(Debug, Default)]
pub struct Gathering {
    copies: Vec<u128>,
    snapshots: Vec<u128>,
    parents: HashMap<u128, u128>,
    unreadable: u64,
    /// The backup drivers whose copies cinder's rows name; all where unset.
    services: Option<Vec<String>>,
}

/// The columns of one block that name something.
struct Columns {
    /// The copy: the first of these that a row has.
    copy: [Option<Column>; 2],
    snapshot: Column,
    parent: Option<Column>,
    /// The driver that made a copy of cinder's.
    service: Option<Column>,
    soft: SoftDeletion,
}

impl Gathering {
    /// Takes of cinder's rows only copies of these backup drivers (setting backup_services); all where unset.
    #[must_use]
    pub fn of(services: Option<Vec<String>>) -> Self {
        Self { services, ..Self::default() }
    }

    /// Reads the ids in a dump; `id` is its number among the dumps.
    ///
    /// # Errors
    /// The dump is damaged, or lacks a column that names copies.
    pub fn dump(
        &mut self,
        input: &mut Input,
        id: DumpId,
        map: &ColumnMap,
        limits: Limits,
    ) -> std::result::Result<(), parsers::error::Error> {
        let mut scanner = Scanner::new(input, id, map, limits)?;
        let mut chunk = Chunk::default();
        while let Some(block) = scanner.block()? {
            let at = scanner.place_at(block.statement);
            let binding = map.bind(block.table, &block.columns, block.oids, &at)?;
            let missing = map.missing(block.table, &block.columns).into_iter();
            let problems: Vec<String> = missing
                .filter(|column| READ.contains(column) || *column == "service" && self.services.is_some())
                .map(|column| format!("{at}: table {} has no column {column}", block.table))
                .collect();
            if !problems.is_empty() {
                return Err(ErrorKind::NotAsMapped { problems }.into());
            }
            let columns = match block.table {
                Table::Backups => Columns {
                    copy: [Some(binding.column("id")), None],
                    snapshot: binding.column("snapshot_id"),
                    parent: Some(binding.column("parent_id")),
                    service: Some(binding.column("service")),
                    soft: SoftDeletion::bind(&binding, true),
                },
                Table::BackupTransactionItem => Columns {
                    copy: [Some(binding.column("backup_id")), Some(binding.column("id"))],
                    snapshot: binding.column("snapshot_id"),
                    parent: None,
                    service: None,
                    soft: SoftDeletion::bind(&binding, true),
                },
                _ => {
                    scanner.skip_block()?;
                    continue;
                }
            };
            loop {
                match scanner.chunk(&mut chunk)? {
                    Cut::Rows => self.rows(&block, &chunk, &columns),
                    Cut::TooLong(_) => self.unreadable += 1,
                    Cut::End => break,
                }
            }
        }
        scanner.finish().map(drop)
    }

    fn rows(&mut self, block: &Block, chunk: &Chunk, columns: &Columns) {
        let mut rows = block.rows(chunk);
        while let Some(row) = rows.next() {
            match row {
                Ok(row) => self.row(&row, columns),
                Err(_) => self.unreadable += 1,
            }
        }
    }

    fn row(&mut self, row: &Row<'_>, columns: &Columns) {
        if columns.soft.read(&mut Reading::new(row)) {
            return;
        }
        if let (Some(services), Some(column)) = (&self.services, &columns.service) {
            match row.text(column) {
                // Whose it is, nobody can know.
                None => {
                    self.unreadable += 1;
                    return;
                }
                Some(service) if !services.iter().any(|known| known == service) => return,
                Some(_) => {}
            }
        }
        let Some(copy) = columns.copy.iter().flatten().find_map(|column| row.text(column)) else {
            self.unreadable += 1;
            return;
        };
        let copy = digest(&[copy]);
        self.copies.push(copy);
        if let Some(snapshot) = row.text(&columns.snapshot) {
            self.snapshots.push(digest(&[snapshot]));
        }
        if let Some(parent) = columns.parent.as_ref().and_then(|column| row.text(column)) {
            self.parents.insert(copy, digest(&[parent]));
        }
    }

    /// Reads a file of ids: one in each line, of a copy or a snapshot; empty lines and lines that begin with `#` are
    /// passed over.
    ///
    /// # Errors
    /// It cannot be read, or a line holds something else.
    pub fn file(&mut self, path: &Path) -> Result<()> {
        let wrong = |path: String, problem: &str| PurgeError::Ids { path, problem: problem.to_owned() };
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|source| wrong(name.clone(), &format!("cannot be read: {source}")))?;
        for (n, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if !crate::purge::cinder::answers::is_plain(line) {
                let what = format!("{:?} is no id", parsers::row::shortened(line));
                return Err(wrong(format!("{name}:{}", n + 1), &what));
            }
            let id = digest(&[line]);
            self.copies.push(id);
            self.snapshots.push(id);
        }
        Ok(())
    }

    /// What was gathered.
    #[must_use]
    pub fn finish(mut self) -> Named {
        for digests in [&mut self.copies, &mut self.snapshots] {
            digests.sort_unstable();
            digests.dedup();
        }
        let number = |digests: &[u128]| u64::try_from(digests.len()).unwrap_or(u64::MAX);
        let count = super::Count { backups: number(&self.copies), snapshots: number(&self.snapshots) };
        let twice = self.copies.iter().filter(|copy| self.snapshots.binary_search(copy).is_ok()).count();
        Named {
            count,
            distinct: count.all() - u64::try_from(twice).unwrap_or_default(),
            copies: IdSet::new(self.copies),
            snapshots: IdSet::new(self.snapshots),
            parents: self.parents,
            unreadable: self.unreadable,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::purge::{Count, Kind};

    fn dumped(text: &str) -> Named {
        gathered(text, Gathering::default())
    }

    fn gathered(text: &str, gathering: Gathering) -> Named {
        read(text, gathering).unwrap()
    }

    fn read(text: &str, mut gathering: Gathering) -> std::result::Result<Named, parsers::error::Error> {
        let reader = std::io::Cursor::new(
            format!("{text}\n--\n-- PostgreSQL database dump complete\n--\n").into_bytes(),
        );
        let mut input = Input::from_reader("d.sql", Box::new(reader), Path::new("/var/tmp"));
        let map = ColumnMap::built_in().unwrap();
        gathering.dump(&mut input, DumpId(0), &map, Limits::default())?;
        Ok(gathering.finish())
    }

    #[test]
    fn cinders_rows_name_copies_snapshots_and_parents() {
        let named = dumped(
            "COPY backups (id, volume_id, project_id, status, deleted, parent_id, snapshot_id) FROM stdin;\n\
             b1\tv\tp\tavailable\tf\t\\N\ts1\n\
             b2\tv\tp\tavailable\tf\tb1\t\\N\n\
             b3\tv\tp\tavailable\tt\t\\N\ts3\n\
             b4\tv\tp\tdeleted\tf\t\\N\ts4\n\
             torn\n\
             \\.\n",
        );
        assert_eq!(named.count, Count { backups: 2, snapshots: 1 });
        assert_eq!(named.unreadable, 1);
        for (id, copy, snapshot) in [
            ("b1", true, false),
            ("b2", true, false),
            ("b3", false, false),
            ("b4", false, false),
            ("s1", false, true),
        ] {
            assert_eq!(named.contains(Kind::Backup, id), copy, "{id}");
            assert_eq!(named.contains(Kind::Snapshot, id), snapshot, "{id}");
        }
        assert_eq!((named.parent("b2"), named.parent("b1")), (Some(digest(&["b1"])), None));
    }

    #[test]
    fn copies_of_other_drivers_are_not_named() {
        let text = "COPY backups (id, volume_id, project_id, status, snapshot_id, service) FROM stdin;\n\
                    b1\tv\tp\tavailable\t\\N\tvbs.driver\n\
                    b2\tv\tp\tavailable\t\\N\tcinder.backup.drivers.posix.PosixBackupDriver\n\
                    b3\tv\tp\terror\t\\N\t\\N\n\
                    \\.\n";
        for (services, named, unreadable) in [
            (None, [true; 3], 0),
            (Some(vec!["x".to_owned(), "vbs.driver".to_owned()]), [true, false, false], 1),
        ] {
            let found = gathered(text, Gathering::of(services));
            assert_eq!(["b1", "b2", "b3"].map(|id| found.contains(Kind::Backup, id)), named);
            assert_eq!(found.unreadable, unreadable);
        }
    }

    /// Without a column that says what is to go, something else would.
    #[test]
    fn a_dump_without_a_column_that_names_is_refused() {
        let all = ["id", "volume_id", "project_id", "status", "snapshot_id", "service"];
        for absent in ["snapshot_id", "service"] {
            let columns: Vec<&str> = all.into_iter().filter(|column| *column != absent).collect();
            let text = format!("COPY backups ({}) FROM stdin;\n\\.\n", columns.join(", "));
            let error = read(&text, Gathering::of(Some(vec!["vbs.driver".to_owned()]))).unwrap_err();
            let told = error.to_string();
            assert!(told.ends_with(&format!("d.sql:1: table backups has no column {absent}")), "{told}");
            assert_eq!(read(&text, Gathering::default()).is_ok(), absent == "service");
        }
    }

    #[test]
    fn dps_rows_name_cinders_copy_or_their_own() {
        let named = dumped(
            "INSERT INTO backup_transaction_item (id, resource_id, project_id, status, backup_id, snapshot_id)\n\
             VALUES ('i1', 'v', 'p', 'available', 'b1', 's1'), ('i2', 'v', 'p', 'available', NULL, '');\n\
             COPY quotas (id) FROM stdin;\n1\n\\.\n",
        );
        assert_eq!(named.count, Count { backups: 2, snapshots: 1 });
        let copies = ["b1", "i1", "i2"].map(|id| named.contains(Kind::Backup, id));
        assert_eq!(copies, [true, false, true]);
    }

    #[test]
    fn a_file_names_ids_of_either_kind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ids");
        let read_file = |text: &str| {
            std::fs::write(&path, text).unwrap();
            let mut gathering = Gathering::default();
            gathering.file(&path).map(|()| gathering.finish())
        };
        let named = read_file("# copies of 2019\na-1\n\n  b_2\r\na-1\n").unwrap();
        assert_eq!(named.count, Count { backups: 2, snapshots: 2 });
        assert_eq!([named.count(&Kind::ALL), named.count(&[Kind::Backup])], [2, 2]);
        assert!(named.contains(Kind::Backup, "b_2") && named.contains(Kind::Snapshot, "a-1"));
        for text in ["a\nb c\n", "x\n../volumes/7\n"] {
            let error = read_file(text).unwrap_err().to_string();
            assert!(error.contains("ids:2: ") && error.ends_with("is no id"), "{error}");
        }
    }
}
