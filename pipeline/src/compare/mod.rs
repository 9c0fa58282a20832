//! Reruns: the rows that a target holds already against those of the dumps, and what is to be done about each.
//!
//! ```text
//!  target ──read──► Held ◄──subtract── rows of the dumps (first conversion)
//!                    │ certainly new, surely equal, or to be looked at
//!  rows of the dumps (second conversion) ──► Fate ──► the target │ nothing │ staging tables
//!                                                                  staging tables ⋈ target ──► verdicts ──► INSERT, UPDATE
//! ```
//! Digests only decide what need not be looked at. Whether a row is equal, older, or Karbor's affair by now is judged by the
//! database, in its own types, by the statements of `sql`. Memory is fixed; the staging tables are gone with the transaction.

mod digest;
mod held;
mod merge;
mod prune;
mod scope;
mod sieve;
pub(crate) mod sql;

pub(crate) use digest::without_auto_trigger;
pub(crate) use held::{Key, Sums};
pub(crate) use merge::{Judged, Lost, Merge};
pub use prune::Prune;
pub(crate) use prune::{Pruned, refuse_blind};
pub(crate) use scope::{Fact, SOURCES, Scope, Telling, tells};
pub(crate) use sieve::{Sieve, Sifted, Span};

use crate::error::{Error, Result};
use crate::karbor::layout::Layout;
use crate::karbor::tuple::{Row, Rows};
use crate::load::session::Session;
use digest::Digester;
use held::{Held, LARGE, SMALL};
use sql::{ITEMS, Sql, TABLES};

/// What is to be done about a row of the dumps, as far as digests tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The target certainly has no such row.
    New,
    /// The target has the very same row.
    Unchanged,
    /// The database is to judge.
    Staged,
}

/// One target table, as far as it is compared.
#[derive(Clone, Debug)]
pub(crate) struct Compared {
    digester: Digester,
    /// `None` where the target's table is empty, or not compared.
    held: Option<Held>,
    /// Rows of the target that are compared.
    pub(crate) rows: u64,
}

impl Compared {
    fn read(session: &mut dyn Session, sql: &Sql<'_>, layout: &Layout, table: usize) -> Result<Self> {
        let digester = Digester::new(layout, sql.scope);
        let size = if table == ITEMS { LARGE } else { SMALL };
        let (mut held, mut rows) = (None, 0);
        if let Some(select) = sql.compared_rows(table) {
            session.read(layout, &select, &mut |bytes| {
                if let Some(row) = Rows::new(layout, bytes).next() {
                    let held = held.get_or_insert_with(|| Held::new(size));
                    let key = digester.key(row);
                    held.note(key);
                    held.add(key, digester.whole_key(row), digester.row(row));
                    rows += 1;
                }
                Ok(())
            })?;
            let key = layout.table.key.first();
            let mut keys = layout.clone();
            keys.columns.retain(|laid| Some(&laid.value) == key);
            let of_keys = Digester::new(&keys, sql.scope);
            session.read(&keys, &sql.other_keys(table), &mut |bytes| {
                if let Some(row) = Rows::new(&keys, bytes).next() {
                    held.get_or_insert_with(|| Held::new(size)).note(of_keys.key(row));
                }
                Ok(())
            })?;
        }
        Ok(Self { digester, held, rows })
    }

    /// The key of a row of the dumps.
    pub(crate) fn key(&self, row: Row<'_>) -> Key {
        self.digester.key(row)
    }

    /// Whether the target certainly has no row with this key.
    pub(crate) fn is_new(&self, key: Key) -> bool {
        self.held.as_ref().is_none_or(|held| !held.may_hold(key))
    }

    /// [`Compared::is_new`] of a row that is named by a text; one that the column cannot hold is nowhere.
    pub(crate) fn is_new_text(&self, key: &str) -> bool {
        self.digester.key_of(key).is_none_or(|key| self.is_new(key))
    }

    /// The key of the rows that a text names; `None` where the column cannot hold it.
    pub(crate) fn key_of(&self, key: &str) -> Option<Key> {
        self.digester.key_of(key)
    }

    /// What tells rows with one key apart.
    pub(crate) fn whole_key(&self, row: Row<'_>) -> u64 {
        self.digester.whole_key(row)
    }

    /// The layout of rows of which only the key is known.
    pub(crate) fn loose(&self) -> &Layout {
        self.digester.layout()
    }

    /// The number of a key's bucket, if its rows differ; once both sides were told.
    pub(crate) fn unequal(&self, key: Key) -> Option<usize> {
        self.held.as_ref().and_then(|held| held.unequal(key))
    }

    /// Whether any bucket from this one on differs.
    pub(crate) fn any_unequal_from(&self, bucket: usize) -> bool {
        self.held.as_ref().is_some_and(|held| held.any_unequal_from(bucket))
    }

    /// The fate of a row that is not new.
    pub(crate) fn fate(&self, key: Key) -> Fate {
        match &self.held {
            // Where no row is compared, sums say nothing.
            Some(held) if self.rows > 0 && held.equal(key) => Fate::Unchanged,
            _ => Fate::Staged,
        }
    }

    /// Notes a row of the dumps.
    pub(crate) fn subtract(&mut self, row: Row<'_>) {
        if let Some(held) = &mut self.held {
            let digest = Some(self.digester.row(row));
            held.sums().subtract(self.digester.key(row), self.digester.whole_key(row), digest);
        }
    }

    /// Takes the sums out, to be told of the dumps' rows by one thread while others ask what is new; or puts them back.
    pub(crate) fn swap_sums(&mut self, sums: &mut Sums) {
        if let Some(held) = &mut self.held {
            std::mem::swap(held.sums(), sums);
        }
    }

    /// Whether both sides have the same keys, once those of the dumps were noted.
    pub(crate) fn same_keys(&self) -> bool {
        self.held.as_ref().is_none_or(Held::all_keys_same)
    }

    /// Whether a row of the target with this key may be one that the dumps do not hold.
    pub(crate) fn may_be_lost(&self, key: &str) -> bool {
        let differ = |key| self.held.as_ref().is_some_and(|held| !held.same_keys(key));
        self.digester.key_of(key).is_some_and(differ)
    }

    /// Whether all rows that are compared are equal, once those of the dumps were noted.
    pub(crate) fn all_equal(&self) -> bool {
        self.held.as_ref().is_none_or(Held::all_equal)
    }
}

/// All target tables.
#[derive(Clone, Debug)]
pub(crate) struct Comparison {
    /// What the dumps hold.
    pub(crate) scope: Scope,
    /// Whether the settings name the service of states.
    pub(crate) service_known: bool,
    /// Whether they name the trust.
    pub(crate) trust_known: bool,
    tables: Vec<Compared>,
}

impl Comparison {
    /// Reads what the target holds.
    ///
    /// # Errors
    /// The target's.
    pub(crate) fn read(
        session: &mut dyn Session,
        layouts: &[Layout; 6],
        scope: Scope,
        (service_known, trust_known): (bool, bool),
    ) -> Result<Self> {
        let mut comparison = Self { scope, service_known, trust_known, tables: Vec::new() };
        for (table, layout) in TABLES.zip(layouts) {
            let sql = comparison.sql(session, layouts);
            let compared = Compared::read(session, &sql, layout, table)?;
            comparison.tables.push(compared);
        }
        Ok(comparison)
    }

    /// The statements for this target.
    pub(crate) fn sql<'q>(&'q self, session: &dyn Session, layouts: &'q [Layout; 6]) -> Sql<'q> {
        Sql {
            layouts,
            dialect: session.dialect(),
            scope: &self.scope,
            service_known: self.service_known,
            trust_known: self.trust_known,
        }
    }

    /// A table, by its place in [`crate::karbor::WRITTEN`].
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn table(&self, table: usize) -> Result<&Compared> {
        self.tables.get(table).ok_or_else(no_table)
    }

    /// A table, to be told of rows of the dumps.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn table_mut(&mut self, table: usize) -> Result<&mut Compared> {
        self.tables.get_mut(table).ok_or_else(no_table)
    }

    /// How many rows of an import the target holds, as far as they are compared.
    pub(crate) fn imported(&self) -> u64 {
        self.tables.iter().map(|table| table.rows).sum()
    }

    /// Whether the target holds rows of an import that the dumps' rows are compared with.
    pub(crate) fn any(&self) -> bool {
        self.tables.iter().any(|table| table.rows > 0)
    }
}

fn no_table() -> Error {
    Error::Imbalance("a table that is not compared was asked for".to_owned())
}
