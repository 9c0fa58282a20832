//! Words that the map does not know, in columns that have a closed set of them: counted over all rows of the dumps.

use crate::error::Result;
use crate::options::Options;
use crate::progress::Cancel;
use parsers::columns::need::{ColumnNeed, Need, needs};
use parsers::input::Input;
use parsers::position::{DumpId, Place};
use parsers::row::{Column, Row};
use parsers::scan::scanner::Scanner;
use parsers::scan::{Block, Chunk, Cut};
use parsers::table::Table;
use std::collections::BTreeMap;

/// So many different words are told; the rows of all are counted.
const WORDS_MAX: usize = 200;

/// So many characters of a word are told.
const WORD_CHARS: usize = 40;

/// A word that rules do not know.
#[derive(Debug)]
struct Unknown {
    rows: u64,
    first: Place,
    need: &'static ColumnNeed,
}

#[derive(Debug, Default)]
struct Words {
    unknown: BTreeMap<(Table, &'static str, String), Unknown>,
    /// Rows with words past the most that are told.
    more: u64,
}

/// Each unknown word in one line: its rows, where the first is, and what the map would need for it.
///
/// # Errors
/// A dump cannot be read, or the user stopped the command.
pub(crate) fn unknown_words(inputs: &mut [Input], options: &Options, cancel: &Cancel) -> Result<Vec<String>> {
    let mut words = Words::default();
    for (n, input) in inputs.iter_mut().enumerate() {
        let id = DumpId(u16::try_from(n).unwrap_or(u16::MAX));
        let mut scanner = Scanner::new(input, id, &options.columns, options.limits)?;
        let mut chunk = Chunk::default();
        while let Some(block) = scanner.block()? {
            let binding = options.columns.find(block.table, &block.columns, block.oids);
            let closed = needs(block.table).filter(|(_, need)| need.need != Need::Unread && need.is_closed());
            let columns: Vec<(Column, &'static ColumnNeed)> = closed
                .map(|(name, need)| (binding.column(name), need))
                .filter(|(column, _)| column.index.is_some())
                .collect();
            if columns.is_empty() {
                scanner.skip_block()?;
            } else {
                words.block(&mut scanner, &block, (&columns, &mut chunk), cancel)?;
            }
        }
        scanner.finish()?;
    }
    Ok(words.lines())
}

impl Words {
    fn block(
        &mut self,
        scanner: &mut Scanner<'_>,
        block: &Block,
        (columns, chunk): (&[(Column, &'static ColumnNeed)], &mut Chunk),
        cancel: &Cancel,
    ) -> Result<()> {
        loop {
            cancel.check()?;
            match scanner.chunk(chunk)? {
                Cut::End => return Ok(()),
                Cut::TooLong(_) => {}
                Cut::Rows => {
                    let mut rows = block.rows(chunk);
                    while let Some(row) = rows.next() {
                        let Ok(row) = row else { continue };
                        for (column, need) in columns {
                            let word = row.text(column).filter(|word| !need.fits(word));
                            word.into_iter()
                                .for_each(|word| self.add(scanner, block.table, (column, need), word, &row));
                        }
                    }
                }
            }
        }
    }

    fn add(
        &mut self,
        scanner: &Scanner<'_>,
        table: Table,
        (column, need): (&Column, &'static ColumnNeed),
        word: &str,
        row: &Row<'_>,
    ) {
        let shown: String = word.chars().take(WORD_CHARS).collect();
        let key = (table, column.name, shown);
        if let Some(known) = self.unknown.get_mut(&key) {
            known.rows += 1;
        } else if self.unknown.len() < WORDS_MAX {
            self.unknown.insert(key, Unknown { rows: 1, first: scanner.place_at(row.position()), need });
        } else {
            self.more += 1;
        }
    }

    fn lines(self) -> Vec<String> {
        let mut lines: Vec<String> = self.unknown.into_iter().map(line).collect();
        if self.more > 0 {
            lines.push(format!("further words that are not known are in {} rows", self.more));
        }
        lines
    }
}

fn line(((table, column, word), Unknown { rows, first, need }): ((Table, &str, String), Unknown)) -> String {
    let rows = if rows == 1 { "1 row".to_owned() } else { format!("{rows} rows") };
    let known = need.vocabulary().join(", ");
    format!(
        "{table}.{column}: the word {word:?} is not known ({rows}, first {first}). If it stands for one of {known}: \
         [{table}.values] {column} = {{ {word:?} = \"…\" }} in the file of --columns"
    )
}
