//! First contact: what dumps contain, beside what the map of columns looks for.
//!
//! [`look`] reads every table of the dumps, known or not, and keeps a bounded picture of each column. From it come the
//! message that ends a run whose dumps are not as mapped (`problems`), the proposed map ([`propose::map`]) and `etl sample`.

mod guess;
pub mod picture;
pub mod propose;

pub use picture::{ColumnPicture, TablePicture};

use crate::error::Result;
use crate::options::Options;
use crate::progress::Cancel;
use guess::Guess;
use parsers::columns::need::{ColumnNeed, Need, Type, need, needs};
use parsers::columns::{Binding, ColumnMap};
use parsers::error::OtherName;
use parsers::input::Input;
use parsers::position::DumpId;
use parsers::row::{Column, Row};
use parsers::scan::scanner::Scanner;
use parsers::scan::{Block, Chunk, Cut, Limits};
use parsers::table::Table;
use std::collections::BTreeMap;

/// So many rows of each table are looked at for a proposal.
pub const SAMPLE_ROWS: u64 = 1_000;

/// So many values of a column, none of which fits, are needed to say that the column is not what the map says.
const TELLING_VALUES: u64 = 3;

/// So many tables of one dump are pictured; the rest is passed over.
const TABLES_MAX: usize = 2_000;

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
) -> Result<Vec<TablePicture>> {
    let mut pictures = Vec::new();
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
        scanner.finish()?;
    }
    Ok(pictures)
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

/// Whether the values of a table's columns are of the types that the map says: looked at for a bounded number of rows.
pub(crate) struct TypeCheck {
    columns: Vec<Looked>,
    rows: u64,
}

struct Looked {
    column: Column,
    need: &'static ColumnNeed,
    values: u64,
    fitting: u64,
}

impl TypeCheck {
    pub(crate) fn new(table: Table, binding: &Binding<'_>) -> Self {
        let typed = needs(table).filter(|(_, need)| is_typed(need));
        let columns = typed.map(|(name, need)| {
            let column = binding.column(name);
            Looked { column, need, values: 0, fitting: 0 }
        });
        Self { columns: columns.filter(|looked| looked.column.index.is_some()).collect(), rows: 0 }
    }

    /// Whether more rows would be looked at.
    pub(crate) fn wants_more(&self) -> bool {
        self.rows < SAMPLE_ROWS
    }

    pub(crate) fn row(&mut self, row: &Row<'_>) {
        if !self.wants_more() {
            return;
        }
        self.rows += 1;
        for looked in &mut self.columns {
            if let Some(value) = row.text(&looked.column) {
                looked.values += 1;
                looked.fitting += u64::from(looked.need.fits(value));
            }
        }
    }

    /// Whether a column has values of which none fits.
    pub(crate) fn is_unfit(&self) -> bool {
        self.columns.iter().any(|looked| looked.values >= TELLING_VALUES && looked.fitting == 0)
    }
}

fn is_typed(need: &ColumnNeed) -> bool {
    need.need != Need::Unread && need.kind != Type::Text
}

/// What is not as the map says, over all dumps: each missing table, column and word in one line, with what may be it.
///
/// # Errors
/// Those of [`look`].
pub(crate) fn problems(
    inputs: &mut [Input],
    options: &Options,
    others: &[OtherName],
    cancel: &Cancel,
) -> Result<Vec<String>> {
    let pictures = look(inputs, &options.columns, options.limits, SAMPLE_ROWS, cancel)?;
    let mut problems: Vec<String> = others.iter().map(ToString::to_string).collect();
    for picture in &pictures {
        let Some(table) = picture.known else { continue };
        problems.extend(missing_columns(picture, table, &options.columns));
        problems.extend(picture.columns.iter().filter_map(|column| unfit(picture, table, column)));
    }
    let absent: Vec<Table> = absent_tables(&pictures, &options.columns);
    if !problems.is_empty() && !absent.is_empty() {
        problems.push(format!("not in these dumps: {}", listed_absent(&absent)));
    }
    Ok(problems)
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
    let found = |table: &Table| pictures.iter().any(|picture| picture.known == Some(*table));
    Table::ALL.into_iter().filter(|table| !found(table) && map.is_looked_for(*table)).collect()
}

/// Tables that no dump contains, with what is not migrated without them.
#[must_use]
pub fn listed_absent(tables: &[Table]) -> String {
    let mut by_loss: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for table in tables {
        by_loss.entry(loss_without(*table)).or_default().push(table.name());
    }
    let parts = by_loss.into_iter().map(|(loss, tables)| format!("{} ({loss})", tables.join(", ")));
    parts.collect::<Vec<_>>().join("; ")
}

/// What is not migrated where no dump contains a table.
#[must_use]
pub fn loss_without(table: Table) -> &'static str {
    match table {
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
            "nothing is lost"
        }
    }
}
