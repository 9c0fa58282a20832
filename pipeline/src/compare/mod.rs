//! The rows of a target against those of the dumps: one exact comparison for runs, checks, verifications and prunes.
//!
//! ```text
//!  dumps ──► (key, row digest, number) ─┐ sort, merge  ┌─► equal
//!                                       ├──► classify ─┼─► waiting
//!  target ─► (key, row digest, place) ──┘              ├─► new or different ─► judge (both rows) ─► insert │ update │ keep
//!                                                      └─► only in the target ─► judge ─► lost │ Karbor's affair
//! ```
//! Digests of 128 bits say only that rows are equal; whatever differs is judged by its values, in Rust, by the rules of `judge`.
//! Both sides are sorted in bounded memory, beyond it on disk (`sort`): at most 58 bytes a row. Nothing is written to the
//! target to find out what differs.

mod batch;
pub(crate) mod by_key;
mod classify;
mod columns;
pub mod comparison;
mod digest;
mod doubled;
mod index;
mod judge;
mod policies;
pub(crate) mod prune;
mod scope;
pub mod sign;
mod signs;
mod sort;
pub(crate) mod sql;
pub mod text;
pub mod verdict;
mod write;

pub use crate::options::Prune;
pub use crate::options::Spool;
pub(crate) use batch::Batch;
pub(crate) use classify::{Classes, Classifier, Entry, Kind};
pub(crate) use columns::{Known, StateValue};
pub(crate) use digest::Digester;
pub(crate) use doubled::{Doubled, KeyOf, Known as KnownBy, Numbered, doubled};
pub(crate) use prune::{LostRows, Pruned, refuse_blind};
pub(crate) use scope::{Fact, Scope};
pub(crate) use sign::{LATER, Sign};
pub use sort::SORT_BYTES;
pub(crate) use sort::Sorter;
pub(crate) use verdict::{DifferentValue, Extra, Judge, Own, Unit, Verdict};
pub(crate) use write::{Staging, changes_schedule, forget_next_times};

use crate::compare::comparison::{Comparison, located, no_table};
use crate::error::{Error, Result};
use crate::karbor::field;
use crate::karbor::layout::Layout;
use crate::karbor::tuple::{Row, Rows};
use crate::load::session::{Session, count};
use crate::options::Tuning;
use columns::Columns;
use digest::HashKey;
use index::TargetIndex;
use parsers::value::Timestamp;
use sql::{MARKS, RESOURCES, Sql, TABLES};

impl Comparison {
    pub(crate) fn new(
        session: &dyn Session,
        layouts: &[Layout; 6],
        scope: Scope,
        known: &Known,
        tuning: &Tuning,
    ) -> Self {
        let (dialect, hash) = (session.dialect(), HashKey::random());
        let sql = Sql { layouts, dialect, scope: &scope };
        let tables = TABLES.zip(layouts).map(|(table, layout)| {
            let columns = Columns::new(table, layout, &scope, known);
            let digester = Digester::new(table, layout, &columns, (&scope, known), hash);
            (digester, Judge::new(table, layout, sql.marked_layout(table), &columns, (&scope, known)))
        });
        let (digesters, judges) = tables.unzip();
        Self {
            layouts: layouts.clone(),
            dialect,
            tuning: tuning.clone(),
            digesters,
            judges,
            index: None,
            imported: [0; 6],
            newest: None,
            last_made: None,
            scope,
        }
    }

    /// The statements for this target.
    pub(crate) fn sql(&self) -> Sql<'_> {
        Sql { layouts: &self.layouts, dialect: self.dialect, scope: &self.scope }
    }

    /// Makes the digests of a table's rows.
    ///
    /// # Errors
    /// There is no such table.
    pub(crate) fn digester(&self, table: usize) -> Result<&Digester> {
        self.digesters.get(table).ok_or_else(no_table)
    }

    /// Judges a table's rows.
    ///
    /// # Errors
    /// There is no such table.
    pub(crate) fn judge(&self, table: usize) -> Result<&Judge> {
        self.judges.get(table).ok_or_else(no_table)
    }

    pub(crate) fn layout(&self, table: usize) -> Result<&Layout> {
        self.layouts.get(table).ok_or_else(no_table)
    }

    pub(crate) fn name(&self, table: usize) -> &str {
        self.layouts.get(table).map_or("", |layout| &layout.name)
    }

    /// Whether the target has rows of an import that the dumps' rows are compared with.
    pub(crate) fn any(&self) -> bool {
        self.imported.iter().any(|rows| *rows > 0)
    }

    /// Notes when a row of the dumps was last changed.
    pub(crate) fn note_newest(&mut self, stamp: Option<Timestamp>) {
        self.newest = self.newest.max(stamp);
    }

    /// When the newest row of the dumps was last changed, as far as they were read.
    pub(crate) fn newest(&self) -> Option<Timestamp> {
        self.newest
    }

    /// Why the dumps seem to be older than the import, if they do: an imported row that they do not have was made after the
    /// newest of their rows was changed, and only an import makes such rows.
    pub(crate) fn stale(&self) -> Option<String> {
        let (made, table, key) = self.last_made.as_ref()?;
        let newest = self.newest.filter(|newest| newest < made)?;
        Some(format!(
            "the dumps seem older than what was imported: their newest row is of {newest}, and {} {} of {made} is not in them",
            self.name(*table),
            key.join(" ")
        ))
    }

    /// Checks that there is room to sort `of_dumps` rows of the dumps and all that the target has in the table.
    ///
    /// # Errors
    /// There is not; the target's.
    pub(crate) fn check_room(&self, session: &mut dyn Session, table: usize, of_dumps: u64) -> Result<()> {
        let spool = &self.tuning.spool;
        // To count the rows of a large table takes a while, and a row takes more than its entry.
        let size = count(session, "asking how large a table is", &self.sql().size(table))?;
        if spool.has_room(of_dumps, size)? {
            return Ok(());
        }
        let sql = format!("SELECT count(*) FROM {}", self.sql().table(table));
        let of_target = count(session, "counting the target's rows", &sql)?;
        spool.check_room(of_dumps.saturating_add(of_target))
    }

    /// Whether the target has no row in a table, whosever it is.
    ///
    /// # Errors
    /// The target's.
    pub(crate) fn is_empty(&self, session: &mut dyn Session, table: usize) -> Result<bool> {
        let sql = format!("SELECT count(*) FROM (SELECT 1 FROM {} LIMIT 1) s", self.sql().table(table));
        Ok(count(session, "asking whether a table has rows", &sql)? == 0)
    }

    /// Reads the target's rows of a table; `go_on` is asked at each row.
    ///
    /// # Errors
    /// The target's, or that of `go_on`.
    pub(crate) fn read_target(
        &self,
        session: &mut dyn Session,
        table: usize,
        go_on: &dyn Fn() -> Result<()>,
    ) -> Result<Classifier> {
        let mut classifier = Classifier::new(&self.tuning.spool, table == RESOURCES);
        let (sql, digester) = (self.sql(), self.digester(table)?);
        if let Some(select) = sql.all_rows(table) {
            self.read_all_rows(session, table, (&select, go_on), &mut classifier)?;
            if !classifier.is_empty() {
                self.refuse_children(session, table)?;
            }
            return Ok(classifier);
        }
        if let Some(select) = sql.imported_rows(table) {
            let layout = sql.located_layout(table, false);
            session.read(&layout, &select, &mut |bytes| {
                go_on()?;
                let Some(row) = Rows::new(&layout, bytes).next() else { return Ok(()) };
                let (key, digest) = (digester.key(row, 1).0, digester.row(row, 1));
                let place = located(&layout, row)?;
                classifier.push(Entry { key, kind: Kind::Imported, place, row: digest })
            })?;
        }
        let layout = sql.located_layout(table, true);
        session.read(&layout, &sql.other_keys(table), &mut |bytes| {
            go_on()?;
            let Some(row) = Rows::new(&layout, bytes).next() else { return Ok(()) };
            let (key, place) = (digester.only_key(row, 1).0, located(&layout, row)?);
            classifier.push(Entry { key, kind: Kind::Other, place, row: 0 })
        })?;
        if !classifier.is_empty() {
            self.refuse_children(session, table)?;
        }
        Ok(classifier)
    }

    fn read_all_rows(
        &self,
        session: &mut dyn Session,
        table: usize,
        (select, go_on): (&str, &dyn Fn() -> Result<()>),
        classifier: &mut Classifier,
    ) -> Result<()> {
        let (layout, digester) = (self.sql().all_rows_layout(table), self.digester(table)?);
        let is_imported = |row: Row<'_>| {
            let mark = layout.columns.get(1).and_then(|laid| field::text(&layout, laid, row.field(1)));
            mark.as_deref() == Some("1")
        };
        session.read(&layout, select, &mut |bytes| {
            go_on()?;
            let Some(row) = Rows::new(&layout, bytes).next() else { return Ok(()) };
            let (kind, digest) = match is_imported(row) {
                true => (Kind::Imported, digester.row(row, 2)),
                false => (Kind::Other, 0),
            };
            let key = digester.key(row, 2).0;
            classifier.push(Entry { key, kind, place: located(&layout, row)?, row: digest })
        })
    }

    /// Refuses a table whose rows cannot be told apart by where they lie.
    fn refuse_children(&self, session: &mut dyn Session, table: usize) -> Result<()> {
        let Some(children) = self.sql().children(table) else { return Ok(()) };
        let looking = "looking for partitions";
        let knows = self.sql().knows_partitions();
        let mut found = count(session, looking, &children)?;
        if let Some(knows) = knows.filter(|_| found == 0)
            && count(session, looking, knows)? > 0
        {
            found = count(session, looking, &self.sql().partitions(table))?;
        }
        if found == 0 {
            return Ok(());
        }
        Err(Error::target(
            format!(
                "{}: the table has partitions or child tables, whose rows cannot be compared",
                self.name(table)
            ),
            "name the one table that Karbor uses with --columns (`etl columns` prints the map), or ask for its rows to be in one table",
        ))
    }

    /// Classifies the rows of a table, once both sides are known.
    ///
    /// # Errors
    /// The disk's, or the target has one of the dumps' keys twice.
    pub(crate) fn classify(&mut self, table: usize, classifier: Classifier) -> Result<Classes> {
        let classes = classifier.classify()?;
        if let Some(imported) = self.imported.get_mut(table) {
            *imported = classes.imported;
        }
        Ok(classes)
    }

    /// Refuses a target that has one of the dumps' keys twice: an update would change both rows.
    ///
    /// # Errors
    /// It has.
    pub(crate) fn refuse_doubled_target(
        &self,
        session: &mut dyn Session,
        table: usize,
        classes: &Classes,
    ) -> Result<()> {
        let Some(place) = classes.doubled_in_target else { return Ok(()) };
        let rows = self.fetch(session, table, &[place])?;
        let (judge, marked) = (self.judge(table)?, self.sql().marked_layout(table));
        let row = rows.get(&place).and_then(|bytes| Rows::new(&marked, bytes).next());
        let key = row.map(|row| judge.key(row, MARKS.len()).join(", ")).unwrap_or_default();
        Err(Error::target(
            format!("{}: the target contains two rows with the key {key}", self.name(table)),
            "see which of them Karbor uses, delete the other one, and give the table its primary key again",
        ))
    }

    /// The target's plans, triggers and operations; read once.
    ///
    /// # Errors
    /// The target's.
    pub(crate) fn index(&mut self, session: &mut dyn Session) -> Result<&TargetIndex> {
        let index = match self.index.take() {
            Some(index) => index,
            None => TargetIndex::read(session, self.sql(), &self.digesters)?,
        };
        Ok(self.index.insert(index))
    }
}
