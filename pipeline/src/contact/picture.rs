//! A bounded picture of a table: what its columns are called and what their values look like.

use parsers::columns::Binding;
use parsers::columns::need::{ColumnNeed, need};
use parsers::json;
use parsers::position::Place;
use parsers::row::{Row, shortened};
use parsers::table::Table;
use parsers::value::{Timestamp, boolean, integer};
use schedules::cron;
use schedules::schedule::Schedule;
use schedules::zone::Zone;
use serde::Serialize;
use std::collections::BTreeMap;

/// So many distinct values of a column are kept.
pub const DISTINCT_MAX: usize = 24;

/// What a table in a dump looks like.
#[derive(Clone, Debug)]
pub struct TablePicture {
    /// The statement that names its columns.
    pub at: Place,
    /// What the dump calls it.
    pub name: String,
    /// The known table that it is.
    pub known: Option<Table>,
    /// Its rows.
    pub rows: u64,
    /// Rows whose values were looked at.
    pub looked_at: u64,
    /// Its columns, in the dump's order.
    pub columns: Vec<ColumnPicture>,
}

/// What a column looks like.
#[derive(Clone, Debug)]
pub struct ColumnPicture {
    /// What the dump calls it.
    pub name: String,
    /// The contract's name, where the map knows it.
    pub known: Option<String>,
    /// Rows with NULL or an empty value.
    pub nulls: u64,
    /// Rows with a value.
    pub values: u64,
    /// Values that fit the type that the map says, mapped words included.
    pub fitting: u64,
    /// Distinct values, shortened, in order.
    pub distinct: BTreeMap<String, Seen>,
    /// Whether there are more distinct values than are kept.
    pub more: bool,
    /// The smallest value, shortened; by number where all are numbers.
    pub smallest: Option<String>,
    /// The largest value, shortened.
    pub largest: Option<String>,
    /// What every value looks like.
    pub looks: Looks,
    need: Option<&'static ColumnNeed>,
    column: Option<parsers::row::Column>,
}

/// How often a value was seen.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    /// Rows with it.
    pub rows: u64,
    /// The line of the first.
    pub line: u64,
}

/// Kinds that every value of a column is of; of a column without values, none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Looks(u16);

impl Looks {
    /// Whole numbers.
    pub const INTEGER: Self = Self(1);
    /// Booleans.
    pub const BOOLEAN: Self = Self(2);
    /// Times with a date.
    pub const TIMESTAMP: Self = Self(4);
    /// JSON objects.
    pub const JSON: Self = Self(8);
    /// Times of day.
    pub const CLOCK: Self = Self(16);
    /// Time zones.
    pub const ZONE: Self = Self(32);
    /// Names of days of the week.
    pub const WEEKDAYS: Self = Self(64);
    /// Cron expressions.
    pub const CRON: Self = Self(128);
    /// UUIDs.
    pub const UUID: Self = Self(256);

    /// Whether every value is of the kind of `other`.
    #[must_use]
    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    fn of(value: &str) -> Self {
        let mut looks = 0;
        let mut add = |kind: Self, is: bool| looks |= if is { kind.0 } else { 0 };
        let number = integer(value).is_some();
        add(Self::INTEGER, number);
        add(Self::BOOLEAN, boolean(value).is_some());
        add(Self::TIMESTAMP, Timestamp::parse(value).is_ok());
        add(Self::JSON, json::members(value, [""]).is_ok());
        add(Self::CLOCK, value.contains(':') && Schedule::from_fields(Some(value), None, None).is_ok());
        add(Self::ZONE, !number && Zone::parse(value).is_ok());
        add(Self::WEEKDAYS, !number && Schedule::from_fields(None, None, Some(value)).is_ok());
        add(Self::CRON, value.contains(' ') && cron::parse(value).is_ok());
        add(Self::UUID, is_uuid(value));
        Self(looks)
    }
}

fn is_uuid(value: &str) -> bool {
    let digits = value.bytes().filter(u8::is_ascii_hexdigit).count();
    let dashes = value.bytes().filter(|byte| *byte == b'-').count();
    digits == 32 && matches!((value.len(), dashes), (36, 4) | (32, 0))
}

impl TablePicture {
    pub(super) fn new(at: Place, name: &str, block: &parsers::scan::Block, binding: &Binding<'_>) -> Self {
        let known = Some(block.table).filter(|table| *table != Table::Other);
        let column = |name: &String| {
            let known_as = binding.known_as(name).map(str::to_owned);
            let found = known.and_then(|table| need(table, known_as.as_deref()?));
            let place = known.zip(known_as.as_deref()).and_then(|(table, name)| {
                let names = parsers::columns::need::needs(table);
                names.map(|(own, _)| own).find(|own| *own == name).map(|own| binding.column(own))
            });
            ColumnPicture::new(name.clone(), known_as, found, place)
        };
        let columns = block.columns.iter().map(column).collect();
        Self { at, name: name.to_owned(), known, rows: 0, looked_at: 0, columns }
    }

    /// Whether a block of this name with these columns is of the same table.
    pub(super) fn is(&self, name: &str, columns: &[String]) -> bool {
        self.name == name && self.columns.iter().map(|column| &column.name).eq(columns)
    }

    pub(super) fn row(&mut self, row: &Row<'_>, first: usize) {
        self.looked_at += 1;
        for (n, column) in self.columns.iter_mut().enumerate() {
            column.value(row, first + n);
        }
    }

    /// The names of its columns.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.columns.iter().map(|column| column.name.clone()).collect()
    }

    /// The columns that the map does not know.
    #[must_use]
    pub fn free(&self) -> Vec<&ColumnPicture> {
        let honoured = |name: &str| matches!(name, "deleted" | "deleted_at");
        self.columns.iter().filter(|column| column.known.is_none() && !honoured(&column.name)).collect()
    }
}

impl ColumnPicture {
    fn new(
        name: String,
        known: Option<String>,
        need: Option<&'static ColumnNeed>,
        column: Option<parsers::row::Column>,
    ) -> Self {
        Self {
            name,
            known,
            nulls: 0,
            values: 0,
            fitting: 0,
            distinct: BTreeMap::new(),
            more: false,
            smallest: None,
            largest: None,
            looks: Looks::default(),
            need,
            column,
        }
    }

    fn value(&mut self, row: &Row<'_>, index: usize) {
        let Some(value) = row.field(index).filter(|value| !value.is_empty()) else {
            self.nulls += 1;
            return;
        };
        let looks = Looks::of(value);
        self.looks = if self.values == 0 { looks } else { Looks(self.looks.0 & looks.0) };
        self.values += 1;
        let mapped = self.column.as_ref().and_then(|column| row.text(column)).unwrap_or(value);
        self.fitting += u64::from(self.need.is_none_or(|need| need.fits(mapped)));
        let shown = shortened(value);
        if self.smallest.as_deref().is_none_or(|least| is_less(&shown, least)) {
            self.smallest = Some(shown.clone());
        }
        if self.largest.as_deref().is_none_or(|most| is_less(most, &shown)) {
            self.largest = Some(shown.clone());
        }
        if let Some(seen) = self.distinct.get_mut(&shown) {
            seen.rows += 1;
        } else if self.distinct.len() < DISTINCT_MAX {
            self.distinct.insert(shown, Seen { rows: 1, line: row.position().line });
        } else {
            self.more = true;
        }
    }
}

fn is_less(a: &str, b: &str) -> bool {
    match (integer(a), integer(b)) {
        (Some(a), Some(b)) => a < b,
        _ => a < b,
    }
}
