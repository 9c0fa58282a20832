//! A few rows by which a target can show later that it still holds what a run loaded.
//!
//! The dumps say which ids rows may have, the target which of them it holds: so a sample is taken after a commit, whatever the
//! run had to do. It is a sign, not a proof of every row.

use crate::error::Result;
use crate::karbor::layout::{Layout, Wire, quoted};
use crate::karbor::{ITEMS, PLANS, Source, ids};
use crate::load::lookup::tag;
use crate::load::session::{Session, count, literal};
use crate::load::{Intent, Opened, Target};
use crate::progress::Cancel;
use parsers::columns::ColumnMap;
use parsers::input::Input;
use parsers::position::DumpId;
use parsers::row::Row;
use parsers::scan::scanner::Scanner;
use parsers::scan::{Chunk, Cut, Limits};
use parsers::table::Table;
use serde::{Deserialize, Serialize};

/// Rows of each dump that are candidates.
const CANDIDATES: usize = 200;

/// Rows that a sample keeps.
const KEPT: usize = 8;

/// What a target held after a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// Imported plans and copies in all.
    pub imported: u64,
    /// Rows of this run.
    pub rows: Vec<Key>,
}

/// A row of the target.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Key {
    /// Karbor's name of its table: plans or checkpoint_items.
    pub table: String,
    /// Its id.
    pub id: String,
}

/// Ids that rows of these dumps may have in a target: those of the first plans or copies in each.
///
/// # Errors
/// A dump is damaged, or the user stopped the run.
pub fn candidates(
    inputs: &mut [Input],
    columns: &ColumnMap,
    limits: Limits,
    cancel: &Cancel,
) -> Result<Vec<Key>> {
    let mut keys = Vec::new();
    for (n, input) in inputs.iter_mut().enumerate() {
        let id = DumpId(u16::try_from(n).unwrap_or(u16::MAX));
        let mut scanner = Scanner::new(input, id, columns, limits)?;
        // The rest of the dump need not be read once it has given some.
        let wanted = keys.len() + CANDIDATES;
        let before = keys.len();
        while keys.len() == before
            && let Some(block) = scanner.block()?
        {
            let at = scanner.place_at(block.statement);
            let binding = columns.bind(block.table, &block.columns, block.oids, &at)?;
            let column = |name: &'static str| binding.column(name);
            let places = match block.table {
                Table::Backups => (column("id"), None),
                Table::BackupPolicy => (column("policy_id"), None),
                Table::ProtectionPlan => (column("id"), None),
                Table::BackupTransactionItem => (column("id"), Some(column("backup_id"))),
                _ => {
                    scanner.skip_block()?;
                    continue;
                }
            };
            let key = |row: &Row<'_>| {
                let id =
                    places.1.as_ref().and_then(|first| row.text(first)).or_else(|| row.text(&places.0))?;
                Some(match block.table {
                    Table::BackupPolicy => key(&PLANS, ids::plan(Source::Vbs, id).as_str()),
                    Table::ProtectionPlan => key(&PLANS, ids::plan(Source::Dps, id).as_str()),
                    _ => key(&ITEMS, id),
                })
            };
            let mut chunk = Chunk::default();
            while keys.len() < wanted {
                cancel.check()?;
                match scanner.chunk(&mut chunk)? {
                    Cut::End => break,
                    Cut::TooLong(_) => {}
                    Cut::Rows => {
                        let mut rows = block.rows(&chunk);
                        while let Some(row) = rows.next() {
                            keys.extend(row.ok().as_ref().and_then(key).filter(|_| keys.len() < wanted));
                        }
                    }
                }
            }
        }
    }
    // A backslash is read in two ways by servers.
    keys.retain(|key| !key.id.contains('\\'));
    keys.sort();
    keys.dedup();
    Ok(keys)
}

fn key(table: &crate::karbor::Table, id: &str) -> Key {
    Key { table: table.name.to_owned(), id: id.to_owned() }
}

/// The sample of what a target holds now: a few of the candidates that are there.
///
/// # Errors
/// The target's.
pub fn take(target: Box<dyn Target>, candidates: &[Key]) -> Result<Sample> {
    looking(target, |session, layouts| {
        let mut rows = present(session, layouts, candidates)?;
        // Spread over what there is, for rows of one tenant often stand together.
        let step = rows.len().div_ceil(KEPT).max(1);
        rows = rows.into_iter().step_by(step).collect();
        Ok(Sample { imported: imported(session, layouts)?, rows })
    })
}

/// What a target lacks of a sample, in words; nothing where it still shows all of it.
///
/// # Errors
/// The target's.
pub fn missing(target: Box<dyn Target>, sample: &Sample) -> Result<Option<String>> {
    looking(target, |session, layouts| {
        let there = present(session, layouts, &sample.rows)?.len();
        if there < sample.rows.len() {
            let of = sample.rows.len();
            return Ok(Some(format!("of {of} rows that were looked for, {} are not there", of - there)));
        }
        let imported = imported(session, layouts)?;
        Ok((imported < sample.imported).then(|| {
            format!("the target holds {imported} imported plans and copies, and held {}", sample.imported)
        }))
    })
}

fn looking<T>(
    target: Box<dyn Target>,
    look: impl FnOnce(&mut dyn Session, &[Layout]) -> Result<T>,
) -> Result<T> {
    let name = target.name();
    let Opened { mut sink, layouts } = target.open(Intent::Look)?;
    let found = match sink.session() {
        Some(session) => look(session, &layouts),
        None => Err(crate::error::Error::target(format!("{name}: is no database"), "name a database")),
    };
    sink.rollback()?;
    found
}

const DOING: &str = "looking for imported rows";

/// Those of the rows that are there, in order.
fn present(session: &mut dyn Session, layouts: &[Layout], keys: &[Key]) -> Result<Vec<Key>> {
    let mut found = Vec::new();
    for layout in layouts {
        let wanted: Vec<_> =
            keys.iter().filter(|key| key.table == layout.table.name).map(|key| literal(&key.id)).collect();
        let Some(laid) = layout.columns.iter().find(|laid| layout.karbors_name(laid) == "id") else {
            continue;
        };
        if wanted.is_empty() {
            continue;
        }
        let id = quoted(&laid.name);
        // A text is no uuid to a server until it is one.
        let compared = if laid.wire == Wire::Text { id.clone() } else { format!("CAST({id} AS text)") };
        let sql = format!(
            "SELECT {id} FROM {} WHERE {compared} IN ({}) ORDER BY {id}",
            layout.into,
            wanted.join(", ")
        );
        session.query(DOING, &sql, &mut |row| {
            let id = row.first().copied().flatten().unwrap_or_default();
            found.push(Key { table: layout.table.name.to_owned(), id: id.to_owned() });
            Ok(())
        })?;
    }
    Ok(found)
}

/// Imported plans and copies: rows that Karbor marks as deleted and does not remove.
fn imported(session: &mut dyn Session, layouts: &[Layout]) -> Result<u64> {
    let mut rows = 0;
    for layout in layouts {
        let column = match layout.table.name {
            name if name == PLANS.name => "description",
            name if name == ITEMS.name => "version",
            _ => continue,
        };
        let Some(column) = layout.column(column).map(quoted) else { continue };
        let tags = [Source::Vbs, Source::Dps].map(|source| literal(tag(source, layout.table.name)));
        let sql = format!("SELECT count(*) FROM {} WHERE {column} IN ({})", layout.into, tags.join(", "));
        rows += count(session, DOING, &sql)?;
    }
    Ok(rows)
}
