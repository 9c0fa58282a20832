//! Digests of keys and of rows: 128 bits, by which rows of the dumps and of a target are found equal.
//!
//! Digests are keyed with numbers that each process draws anew: nobody who can name rows can make two of them collide.

use super::columns::{Columns, Compare, Known};
use super::scope::{SOURCES, Scope};
use super::sql::ITEMS;
use crate::karbor::layout::Layout;
use crate::karbor::tuple::{Row, Rows};
use crate::karbor::{Source, Value, field};
use crate::settings::PLACEHOLDER_TRUST;
use parsers::value::Timestamp;
use siphasher::sip128::{Hasher128 as _, SipHasher13};
use std::collections::BTreeSet;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};

/// The digest of what identifies a row, or the set of rows that it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key(pub(crate) u128);

/// The key of the digests of one comparison.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HashKey(u64, u64);

impl HashKey {
    pub(crate) fn random() -> Self {
        let draw = || RandomState::new().build_hasher().finish();
        Self(draw(), draw())
    }

    fn digest<'f>(self, fields: impl IntoIterator<Item = Option<&'f [u8]>>) -> u128 {
        let mut hasher = SipHasher13::new_with_keys(self.0, self.1);
        for field in fields {
            match field {
                // The length keeps fields apart.
                Some(field) => {
                    hasher.write_usize(field.len());
                    hasher.write(field);
                }
                None => hasher.write_usize(usize::MAX),
            }
        }
        hasher.finish128().as_u128()
    }
}

/// Makes the digests of one table's rows.
#[derive(Clone, Debug)]
pub(crate) struct Digester {
    hash: HashKey,
    layout: Layout,
    /// The place of the first key column.
    key: usize,
    /// That column alone.
    key_layout: Layout,
    /// The places of updated_at and created_at.
    times: Vec<usize>,
    /// Where a row's source stands in it, as bytes of the column in that place.
    version: Option<usize>,
    by_source: [Vec<Compare>; 2],
    any: Vec<Compare>,
    live_services: BTreeSet<i64>,
}

impl Digester {
    pub(crate) fn new(
        table: usize,
        layout: &Layout,
        columns: &Columns,
        (scope, known): (&Scope, &Known),
        hash: HashKey,
    ) -> Self {
        let place = |name: &str| layout.columns.iter().position(|laid| layout.karbors_name(laid) == name);
        let first = layout.table.key.first();
        let mut loose = layout.clone();
        loose.columns.iter_mut().for_each(|laid| laid.nullable = true);
        let mut key_layout = layout.clone();
        key_layout.columns.retain(|laid| Some(&laid.value) == first);
        key_layout.columns.iter_mut().for_each(|laid| laid.value = 0);
        Self {
            hash,
            key: layout.columns.iter().position(|laid| Some(&laid.value) == first).unwrap_or(0),
            key_layout,
            times: ["updated_at", "created_at"].into_iter().filter_map(place).collect(),
            version: place("version").filter(|_| table == ITEMS),
            by_source: SOURCES.map(|source| columns.of(source).to_vec()),
            any: columns.of_any(scope, table),
            live_services: known.live_services.clone(),
            layout: loose,
        }
    }

    /// For keys alone, where nothing is compared.
    pub(crate) fn of_keys(table: usize, layout: &Layout) -> Self {
        let (scope, known) = (Scope::default(), Known::none());
        let columns = Columns::new(table, layout, &scope, &known);
        Self::new(table, layout, &columns, (&scope, &known), HashKey::random())
    }

    /// The key of a row that begins with `skip` columns of others.
    pub(crate) fn key(&self, row: Row<'_>, skip: usize) -> Key {
        self.key_of_field(row.field(skip + self.key))
    }

    fn key_of_field(&self, field: Option<&[u8]>) -> Key {
        Key(self.hash.digest([field]))
    }

    /// The key of a row of which only its first key column was read, behind `skip` columns of others.
    pub(crate) fn only_key(&self, row: Row<'_>, skip: usize) -> Key {
        self.key_of_field(row.field(skip))
    }

    /// The key of the rows that a text names; `None` where the column cannot contain it.
    pub(crate) fn key_of(&self, text: &str) -> Option<Key> {
        let mut bytes = Vec::new();
        self.key_layout.encode(&[Value::Text(text)], &mut bytes).ok()?;
        Rows::new(&self.key_layout, &bytes).next().map(|row| self.key_of_field(row.field(0)))
    }

    /// The key of a copy that gave no row, which the column need not be able to contain.
    pub(crate) fn key_of_copy(&self, id: &str) -> u128 {
        self.key_of(id).map_or_else(|| self.hash.digest([None, Some(id.as_bytes())]), |key| key.0)
    }

    /// The key of a row among the rows of its source table, which is never one of the target's.
    pub(crate) fn key_in(&self, table: parsers::table::Table, id: &str) -> u128 {
        self.hash.digest([Some(table.name().as_bytes()), Some(id.as_bytes())])
    }

    /// The digest of a row that begins with `skip` columns of others.
    pub(crate) fn row(&self, row: Row<'_>, skip: usize) -> u128 {
        let compare = self.version.map_or(Some(&self.any), |version| {
            let version = row.field(skip + version).unwrap_or_default();
            let source = SOURCES.iter().position(|source: &Source| source.version().as_bytes() == version);
            source.map_or(Some(&self.any), |source| self.by_source.get(source))
        });
        let compare = compare.map(Vec::as_slice).unwrap_or_default();
        if compare.iter().all(|compare| *compare == Compare::Value) {
            return self.hash.digest([Some(row.tail(skip))]);
        }
        let columns = self.layout.columns.iter().zip(compare);
        let fields = columns.zip(row.fields().skip(skip));
        self.hash.digest(fields.filter_map(|((laid, compare), field)| match compare {
            Compare::Value => Some(field),
            Compare::Never => None,
            Compare::ButAutoTrigger => Some(field.map(without_auto_trigger)),
            Compare::Trust => Some(flag(field == Some(PLACEHOLDER_TRUST.as_bytes()))),
            Compare::Service => {
                let id = field::text(&self.layout, laid, field).and_then(|text| text.parse().ok());
                Some(flag(id.is_some_and(|id| self.live_services.contains(&id))))
            }
        }))
    }

    /// When the source last changed a row of the dumps.
    pub(crate) fn stamp(&self, row: Row<'_>) -> Option<Timestamp> {
        self.times.iter().find_map(|place| {
            let laid = self.layout.columns.get(*place)?;
            field::time(&self.layout, laid, row.field(*place))
        })
    }
}

fn flag(yes: bool) -> Option<&'static [u8]> {
    Some(if yes { b"1" } else { b"0" })
}

/// An extend_info as this program writes it, without its first member, `auto_trigger`.
pub(crate) fn without_auto_trigger(info: &[u8]) -> &[u8] {
    let prefixes = [&b"{\"auto_trigger\":true,"[..], b"{\"auto_trigger\":false,"];
    prefixes.iter().find_map(|prefix| info.strip_prefix(*prefix)).unwrap_or(info)
}
