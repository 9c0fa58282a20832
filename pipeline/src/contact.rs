//! First contact: what dumps contain, beside what the map of columns looks for.
//!
//! [`look`] reads every table of the dumps, known or not, and keeps a bounded picture of each column. From it come the
//! message that ends a run whose dumps are not as mapped (`problems`), the proposed map ([`propose::map`]) and `etl sample`.

mod guess;
pub mod picture;
pub mod propose;
pub mod target;
mod types;
pub(crate) mod words;

pub use picture::{ColumnPicture, TablePicture};
pub use types::SAMPLE_ROWS;
pub(crate) use types::TypeCheck;
use types::{TELLING_VALUES, is_typed};

use crate::error::Result;
use crate::progress::Cancel;
use guess::Guess;
use parsers::columns::ColumnMap;
use parsers::columns::need::{Need, need};
use parsers::error::OtherName;
use parsers::input::Input;
use parsers::position::DumpId;
use parsers::scan::scanner::Scanner;
use parsers::scan::{Alike, Block, Chunk, Cut, Limits};
use parsers::table::Table;
use std::collections::BTreeMap;

/// So many tables of one dump are pictured; the rest is passed over.
const TABLES_MAX: usize = 2_000;

/// What dumps contain.
#[derive(Debug, Default)]
pub struct Found {
    /// Their tables, known or not.
    pub tables: Vec<TablePicture>,
    /// Tables that may be known ones under other names.
    others: Vec<OtherName>,
}

impl Found {
    /// What is not as the map says: each missing table, column and word in one line, with what may be it.
    #[must_use]
    pub fn problems(&self, map: &ColumnMap) -> Vec<String> {
        let mut problems: Vec<String> = self.others.iter().map(ToString::to_string).collect();
        for picture in &self.tables {
            let Some(table) = picture.known else { continue };
            problems.extend(missing_columns(picture, table, map));
            problems.extend(picture.columns.iter().filter_map(|column| unfit(picture, table, column)));
        }
        let absent = absent_tables(&self.tables, map);
        let losses = losses(&absent);
        if !problems.is_empty() && !losses.is_empty() {
            problems.push(format!("not in these dumps: {}", losses.join("; ")));
        }
        problems
    }
}

/// Reads all tables of the dumps, of each at most `rows_max` rows.
///
/// # Errors
/// A dump cannot be read, or the user stopped the command.
pub fn look(
    inputs: &mut [Input],
    columns: &ColumnMap,
    limits: Limits,
    rows_max: u64,
    cancel: &Cancel,
) -> Result<Found> {
    let (mut pictures, mut alike) = (Vec::new(), Vec::new());
    for (n, input) in inputs.iter_mut().enumerate() {
        let id = DumpId(u16::try_from(n).unwrap_or(u16::MAX));
        let mut scanner = Scanner::new(input, id, columns, limits)?.every_table();
        let first = pictures.len();
        let mut chunk = Chunk::default();
        while let Some(block) = scanner.block()? {
            cancel.check()?;
            let of_dump = pictures.get(first..).unwrap_or_default();
            let same =
                of_dump.iter().position(|p: &TablePicture| p.is(scanner.opened_name(), &block.columns));
            if same.is_none() && of_dump.len() >= TABLES_MAX {
                scanner.skip_block()?;
                continue;
            }
            let place = same.map_or_else(
                || {
                    let binding = columns.find(block.table, &block.columns, block.oids);
                    let at = scanner.place_at(block.statement);
                    pictures.push(TablePicture::new(at, scanner.opened_name(), &block, &binding));
                    pictures.len() - 1
                },
                |n| first + n,
            );
            if let Some(picture) = pictures.get_mut(place) {
                block_into(picture, &mut scanner, (&block, &mut chunk), rows_max, cancel)?;
            }
        }
        let of_dump = pictures.get(first..).unwrap_or_default();
        for one in scanner.finish()?.alike {
            let same = of_dump.iter().filter(|picture| picture.name == one.name);
            let rows = same.map(|picture| picture.rows).sum();
            alike.push((one, rows));
        }
    }
    let others = other_names(alike, |table| pictures.iter().any(|picture| picture.known == Some(table)));
    Ok(Found { tables: pictures, others })
}

/// The tables with rows that may be known ones, which no dump contains, under other names: for each known one that which has most of
/// its columns.
pub(crate) fn other_names(alike: Vec<(Alike, u64)>, found: impl Fn(Table) -> bool) -> Vec<OtherName> {
    let mut others: BTreeMap<Table, OtherName> = BTreeMap::new();
    for (Alike { at, name, tables }, rows) in alike.into_iter().filter(|(_, rows)| *rows > 0) {
        for (table, columns) in tables {
            let better = others.get(&table).is_none_or(|other| other.columns < columns);
            if better && !found(table) {
                let other = OtherName { at: at.clone(), name: name.clone(), rows, table, columns };
                others.insert(table, other);
            }
        }
    }
    // A table can be only one: that of which it has most columns.
    let all: Vec<OtherName> = others.into_values().collect();
    let most = |name: &str| all.iter().filter(|other| other.name == name).map(|other| other.columns).max();
    all.iter().filter(|other| most(&other.name) == Some(other.columns)).cloned().collect()
}

fn block_into(
    picture: &mut TablePicture,
    scanner: &mut Scanner<'_>,
    (block, chunk): (&Block, &mut Chunk),
    rows_max: u64,
    cancel: &Cancel,
) -> Result<()> {
    loop {
        cancel.check()?;
        if picture.looked_at >= rows_max {
            match scanner.pass()? {
                Some(rows) => picture.rows += rows,
                None => return Ok(()),
            }
            continue;
        }
        match scanner.chunk(chunk)? {
            Cut::End => return Ok(()),
            Cut::TooLong(_) => picture.rows += 1,
            Cut::Rows => {
                picture.rows += chunk.rows;
                let mut rows = block.rows(chunk);
                while picture.looked_at < rows_max
                    && let Some(row) = rows.next()
                {
                    if let Ok(row) = row {
                        picture.row(&row, usize::from(block.oids));
                    }
                }
            }
        }
    }
}

fn missing_columns(picture: &TablePicture, table: Table, map: &ColumnMap) -> Vec<String> {
    let missing = map.missing(table, &picture.names());
    let guesses = guess::assign(table, &missing, &picture.free());
    let line = |column: &&'static str| {
        let (kind, consequence) = need(table, column).map_or(("text".to_owned(), ""), |need| {
            let consequence = match need.need {
                Need::Required => "no row can be read without it",
                _ => "rules read it",
            };
            (need.kind.to_string(), consequence)
        });
        let also = map.other_names(table, column);
        let also =
            if also.is_empty() { String::new() } else { format!("; also looked for: {}", also.join(", ")) };
        let may_be = guesses.get(column).map_or_else(
            || "no column looks like it".to_owned(),
            |Guess { column, why, .. }| format!("perhaps {column} ({why})"),
        );
        format!(
            "{}: table {} has no column {column} ({kind}; {consequence}{also}): {may_be}",
            picture.at, picture.name
        )
    };
    missing.iter().map(line).collect()
}

/// The line about a column of which no value fits.
fn unfit(picture: &TablePicture, table: Table, column: &ColumnPicture) -> Option<String> {
    let name = column.known.as_deref()?;
    let need = need(table, name).filter(|need| is_typed(need))?;
    if column.values < TELLING_VALUES || column.fitting > 0 {
        return None;
    }
    let words = need.vocabulary();
    let place = |line: u64| format!("{}:{line}", picture.at.dump);
    let shown: Vec<String> = column
        .distinct
        .iter()
        .take(8)
        .map(|(word, seen)| format!("{word:?} ({} rows, first {})", seen.rows, place(seen.line)))
        .collect();
    let more = if column.distinct.len() > 8 || column.more { ", …" } else { "" };
    let expected = if words.is_empty() { format!("{}", need.kind) } else { words.join(", ") };
    let remedy = if words.is_empty() {
        String::new()
    } else {
        let words: Vec<String> =
            column.distinct.keys().take(8).map(|word| format!("{word:?} = \"…\"")).collect();
        format!("; if they are words for these: [{table}.values] {name} = {{ {} }}", words.join(", "))
    };
    let (at, table) = (&picture.at, &picture.name);
    Some(format!("{at}: {table}.{}: no value is {expected}: {}{more}{remedy}", column.name, shown.join(", ")))
}

/// Known tables that no dump contains, and that the map looks for.
#[must_use]
pub fn absent_tables(pictures: &[TablePicture], map: &ColumnMap) -> Vec<Table> {
    absent(map, |table| pictures.iter().any(|picture| picture.known == Some(table)))
}

/// Known tables that the map looks for, and that are not found.
pub(crate) fn absent(map: &ColumnMap, found: impl Fn(Table) -> bool) -> Vec<Table> {
    Table::ALL.into_iter().filter(|table| !found(*table) && map.is_looked_for(*table)).collect()
}

/// What is not migrated because no dump contains these tables, each with the tables; where nothing is lost, nothing.
#[must_use]
pub fn losses(tables: &[Table]) -> Vec<String> {
    let mut by_loss: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for table in tables {
        if let Some(loss) = loss_without(*table) {
            by_loss.entry(loss).or_default().push(table.name());
        }
    }
    by_loss.into_iter().map(|(loss, tables)| format!("{loss} ({})", tables.join(", "))).collect()
}

/// What is not migrated where no dump contains a table.
#[must_use]
pub fn loss_without(table: Table) -> Option<&'static str> {
    Some(match table {
        Table::Backups => "no copies of VBS",
        Table::BackupPolicy => "no policies of VBS",
        Table::BackupPolicyExtend => "no operations of policies but their own backup",
        Table::BackupTrigger | Table::BackupRelationPolicy => {
            "no triggers of policies: their own fields are used"
        }
        Table::PolicyResource => "no resources of VBS's plans",
        Table::Tag => "no tags",
        Table::RunningJobRecord => "copies of VBS without their plan",
        Table::ProtectionPlan => "no plans of DPS",
        Table::ProtectionObject => "no resources of DPS's plans",
        Table::ProtectionPolicy | Table::PlanPolicyMapping | Table::ScheduleTimer => "no operations of DPS",
        Table::AsyncCopyPolicy => "no replication cycle of DPS",
        Table::PolicyExtraSpecs => "no extra specs",
        Table::BackupTargetObject => "no destinations of replications",
        Table::BackupTransactionItem => "no copies of DPS",
        Table::Quotas | Table::QuotaUsages | Table::WaitingJobRecord | Table::TaskmgrJob | Table::Other => {
            return None;
        }
    })
}
