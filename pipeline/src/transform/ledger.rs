//! Where outcomes of held rows are written down while families are resolved.

use crate::outcome::{Outcome, Skip, Tally};
use crate::transform::rejections::{DumpNames, Rejections};
use parsers::models::Held;
use parsers::position::Origin;
use parsers::row::{FieldError, FieldReason};
use parsers::table::Table;
use std::collections::{BTreeMap, BTreeSet};

/// Outcomes by table.
pub type Tallies = BTreeMap<Table, Tally>;

/// The outcomes of one source's held rows.
#[derive(Debug)]
pub struct Ledger<'l> {
    /// The names of the dumps.
    pub names: &'l DumpNames,
    /// Outcomes by table.
    pub tallies: &'l mut Tallies,
    /// Rejections.
    pub rejections: &'l mut Rejections,
    /// Culprits that were named: a row that several families share is named and counted once.
    pub named: BTreeSet<Origin>,
    /// The outcome of each row by its place, where that is wanted.
    pub noted: Option<Vec<(Origin, Outcome)>>,
}

/// One bad row and what is wrong with it.
#[derive(Clone, Debug)]
pub struct InvalidRow {
    /// Its table.
    pub table: Table,
    /// Where it stands.
    pub origin: Origin,
    /// What is wrong.
    pub fault: FieldError,
}

impl InvalidRow {
    /// The fault that reading a row left behind.
    #[must_use]
    pub fn of_row<T>(table: Table, row: &Held<T>) -> Option<Self> {
        row.fault.as_deref().map(|fault| Self { table, origin: row.origin, fault: fault.clone() })
    }

    /// A second row with a key.
    #[must_use]
    pub fn repeated<T>(table: Table, row: &Held<T>, column: &'static str, key: &str, first: Origin) -> Self {
        Self { table, origin: row.origin, fault: FieldError::new(column, key, FieldReason::Repeated(first)) }
    }
}

impl Ledger<'_> {
    /// Counts an outcome.
    pub fn count(&mut self, table: Table, origin: Origin, outcome: Outcome) {
        self.tallies.entry(table).or_default().count(outcome);
        self.noted.iter_mut().for_each(|noted| noted.push((origin, outcome)));
    }

    /// Counts a skipped row.
    pub fn skip(&mut self, table: Table, origin: Origin, rule: Skip) {
        self.count(table, origin, Outcome::Skipped(rule));
    }

    /// A row that breaks a rule.
    pub fn reject(&mut self, invalid: &InvalidRow) {
        if !self.named.insert(invalid.origin) {
            return;
        }
        self.count(invalid.table, invalid.origin, Outcome::Rejected);
        self.rejections.invalid(self.names, invalid.table, invalid.origin, &invalid.fault);
    }

    /// The rows of a family that falls: the invalid_rows are named, the others counted with the first of them.
    pub fn reject_family(&mut self, invalid_rows: &[InvalidRow], members: &[(Table, Origin)]) {
        for invalid in invalid_rows {
            self.reject(invalid);
        }
        if let Some(first) = invalid_rows.first() {
            self.reject_with(first.origin, members);
        }
    }

    /// Further rows of a group of rows that is rejected because of an invalid row, which was named.
    pub fn reject_with(&mut self, invalid: Origin, members: &[(Table, Origin)]) {
        let listed_at = self.rejections.listed_at(self.names, invalid);
        for (table, origin) in members {
            if !self.named.contains(origin) {
                self.count(*table, *origin, Outcome::Rejected);
                self.rejections.with_culprit((*table, *origin), (invalid, listed_at), self.names);
            }
        }
    }
}

/// An order of ids in which numbers count as numbers, so that `9` comes before `10`; rows without an id come last.
#[must_use]
pub fn id_order(id: Option<&str>) -> (u8, u128, &str) {
    match id {
        Some(id) => match id.parse::<u128>() {
            Ok(number) => (0, number, id),
            Err(_) => (1, 0, id),
        },
        None => (2, 0, ""),
    }
}

/// Rows found by a key: their numbers, sorted by it. The beginning of each key stands beside the number, because looking
/// into the rows themselves for each comparison would mostly wait for memory.
#[derive(Clone, Debug)]
pub struct Index {
    order: Vec<u32>,
    beginnings: Vec<u64>,
}

/// The first bytes of a key, in an order that is that of the keys where it tells them apart.
fn beginning(key: &str) -> u64 {
    let mut bytes = [0; 8];
    bytes.iter_mut().zip(key.bytes()).for_each(|(to, from)| *to = from);
    u64::from_be_bytes(bytes)
}

impl Index {
    /// The rows that `keep` keeps, by `key`; rows of one key in the order of their places.
    #[must_use]
    pub fn new<T>(rows: &[Held<T>], keep: impl Fn(&Held<T>) -> bool, key: impl Fn(&T) -> &str) -> Self {
        let numbered = (0u32..).zip(rows);
        Self::of(numbered.filter(|(_, row)| keep(row)).map(|(n, _)| n), rows, key)
    }

    /// These rows, by `key`.
    #[must_use]
    pub fn of<T>(numbers: impl IntoIterator<Item = u32>, rows: &[Held<T>], key: impl Fn(&T) -> &str) -> Self {
        let of = |n: u32| at(rows, n).map(|row| (key(&row.model), row.origin));
        let begun = |n: u32| (of(n).map_or(0, |(key, _)| beginning(key)), n);
        let mut entries: Vec<(u64, u32)> = numbers.into_iter().map(begun).collect();
        entries.sort_by(|(a, m), (b, n)| a.cmp(b).then_with(|| of(*m).cmp(&of(*n))));
        let (beginnings, order) = entries.into_iter().unzip();
        Self { order, beginnings }
    }

    /// The rows with a key, first the one that stands first.
    #[must_use]
    pub fn find<T>(&self, rows: &[Held<T>], key: impl Fn(&T) -> &str, wanted: &str) -> &[u32] {
        let of = |n: &u32| at(rows, *n).map_or("", |row| key(&row.model));
        let begins = beginning(wanted);
        let first = self.beginnings.partition_point(|beginning| *beginning < begins);
        let alike =
            self.beginnings.get(first..).unwrap_or_default().partition_point(|other| *other == begins);
        let alike = self.order.get(first..first + alike).unwrap_or_default();
        let rest = alike.get(alike.partition_point(|n| of(n) < wanted)..).unwrap_or_default();
        rest.get(..rest.partition_point(|n| of(n) == wanted)).unwrap_or_default()
    }

    /// The runs of rows with the same key, in order of the keys.
    pub fn groups<'i, T>(
        &'i self,
        rows: &'i [Held<T>],
        key: impl Fn(&T) -> &str + 'i,
    ) -> impl Iterator<Item = &'i [u32]> {
        self.order.chunk_by(move |a, b| {
            let of = |n: &u32| at(rows, *n).map(|row| key(&row.model));
            of(a) == of(b)
        })
    }
}

/// Puts rows in the order of their keys, their texts too: whoever goes through them by key then goes through memory as it lies.
pub fn in_order<T: Clone>(rows: &mut Vec<Held<T>>, key: impl Fn(&T) -> &str) {
    let index = Index::new(rows, |_| true, key);
    *rows = index.order.iter().filter_map(|n| at(rows, *n)).cloned().collect();
}

/// A row by its number.
#[must_use]
pub fn at<T>(rows: &[Held<T>], n: u32) -> Option<&Held<T>> {
    usize::try_from(n).ok().and_then(|n| rows.get(n))
}

/// Gives each row to the family it names; one that names none that is there is an orphan.
pub fn join<'t, F, T>(
    families: &mut [F],
    family_id: impl Fn(&F) -> &'t str,
    table: Table,
    rows: &'t [Held<T>],
    named: impl Fn(&'t T) -> &'t str,
    list: impl Fn(&mut F) -> &mut Vec<u32>,
    ledger: &mut Ledger<'_>,
) {
    let beginnings: Vec<u64> = families.iter().map(|family| beginning(family_id(family))).collect();
    let find = |families: &[F], id: &str| {
        let begins = beginning(id);
        let first = beginnings.partition_point(|other| *other < begins);
        let alike = beginnings.get(first..).unwrap_or_default().partition_point(|other| *other == begins);
        let alike = families.get(first..first + alike).unwrap_or_default();
        alike.binary_search_by(|family| family_id(family).cmp(id)).ok().map(|n| first + n)
    };
    for (n, row) in (0u32..).zip(rows) {
        let id = named(&row.model);
        if row.deleted {
            ledger.skip(table, row.origin, Skip::SoftDeleted);
        } else if id.is_empty() {
            InvalidRow::of_row(table, row).iter().for_each(|invalid| ledger.reject(invalid));
        } else {
            match find(families, id).and_then(|found| families.get_mut(found)) {
                Some(family) => list(family).push(n),
                None => ledger.skip(table, row.origin, Skip::Orphan),
            }
        }
    }
}

/// The places of rows, beside their table.
pub fn places<T>(table: Table, rows: &[Held<T>], numbers: &[u32], members: &mut Vec<(Table, Origin)>) {
    members.extend(numbers.iter().filter_map(|n| at(rows, *n)).map(|row| (table, row.origin)));
}
