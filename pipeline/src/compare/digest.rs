//! Digests of encoded rows. Two rows of one layout with one digest are equal, but for what the dumps of the run cannot know.

use super::held::Key;
use super::scope::{Fact, SOURCES, Scope};
use crate::karbor::layout::{Layout, Misfit};
use crate::karbor::tuple::{Row, Rows};
use crate::karbor::{ITEMS, Source, Value};
use siphasher::sip128::{Hasher128 as _, SipHasher13};
use std::hash::Hasher as _;

/// Makes the digests of one table's rows.
#[derive(Clone, Debug)]
pub(crate) struct Digester {
    /// The layout, in which every value may be absent: for rows of which only the key is known.
    loose: Layout,
    /// The places of the key's columns.
    keys: Vec<usize>,
    masked: Option<Masked>,
}

/// What is left out of the digests of copies whose plan the dumps do not say.
#[derive(Clone, Debug)]
struct Masked {
    version: usize,
    sources: Vec<Source>,
    plan: Option<usize>,
    info: Option<usize>,
}

impl Digester {
    /// For the rows of a table.
    pub(crate) fn new(layout: &Layout, scope: &Scope) -> Self {
        let place = |value: &usize| layout.columns.iter().position(|laid| laid.value == *value);
        let named = |name: &str| layout.columns.iter().position(|laid| layout.karbors_name(laid) == name);
        let unknown = SOURCES.into_iter().filter(|source| !scope.knows(Fact::PlanOfCopy, *source));
        let sources: Vec<_> = unknown.filter(|_| layout.table.name == ITEMS.name).collect();
        let masked = named("version").filter(|_| !sources.is_empty()).map(|version| Masked {
            version,
            sources,
            plan: named("plan_id"),
            info: named("extend_info"),
        });
        let mut loose = layout.clone();
        loose.columns.iter_mut().for_each(|laid| laid.nullable = true);
        Self { loose, keys: layout.table.key.iter().filter_map(place).collect(), masked }
    }

    /// The key of a row, or of the set of rows that it belongs to: the first of the columns that identify it.
    pub(crate) fn key(&self, row: Row<'_>) -> Key {
        Key(digest(self.keys.first().map(|place| row.field(*place))))
    }

    /// All the columns that identify a row.
    pub(crate) fn whole_key(&self, row: Row<'_>) -> u64 {
        let whole = digest(self.keys.iter().map(|place| row.field(*place)));
        u64::try_from(whole & u128::from(u64::MAX)).unwrap_or(0)
    }

    /// The digest of a row.
    pub(crate) fn row(&self, row: Row<'_>) -> u128 {
        let masked = self.masked.as_ref().filter(|masked| {
            let version = row.field(masked.version).unwrap_or_default();
            masked.sources.iter().any(|source| source.version().as_bytes() == version)
        });
        match masked {
            None => digest([Some(row.bytes())]),
            Some(masked) => {
                digest(row.fields().enumerate().filter(|(n, _)| masked.plan != Some(*n)).map(|(n, field)| {
                    if masked.info == Some(n) { field.map(without_auto_trigger) } else { field }
                }))
            }
        }
    }

    /// The layout of rows of which only the key is known.
    pub(crate) fn layout(&self) -> &Layout {
        &self.loose
    }

    /// Appends a row of which only the key is known.
    pub(crate) fn encode_key(&self, key: &str, out: &mut Vec<u8>) -> Result<(), Misfit> {
        let first = self.loose.table.key.first().copied().unwrap_or(0);
        let values: Vec<_> = (0..self.loose.table.columns.len())
            .map(|value| if value == first { Value::Text(key) } else { Value::Null })
            .collect();
        self.loose.encode(&values, out)
    }

    /// The key of the rows that a text names, as [`Digester::key`] has it; `None` where the column cannot hold it.
    pub(crate) fn key_of(&self, text: &str) -> Option<Key> {
        let mut bytes = Vec::new();
        self.encode_key(text, &mut bytes).ok()?;
        Rows::new(&self.loose, &bytes).next().map(|row| self.key(row))
    }
}

fn digest<'f>(fields: impl IntoIterator<Item = Option<&'f [u8]>>) -> u128 {
    let mut hasher = SipHasher13::new();
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

/// An extend_info as this program writes it, without its first member, `auto_trigger`.
pub(crate) fn without_auto_trigger(info: &[u8]) -> &[u8] {
    let prefixes = [&b"{\"auto_trigger\":true,"[..], b"{\"auto_trigger\":false,"];
    prefixes.iter().find_map(|prefix| info.strip_prefix(*prefix)).unwrap_or(info)
}
