//! Judges staged rows and does what the verdicts say.

use super::Comparison;
use super::sql::{OPERATIONS, PLANS, RESOURCES, STATES, Sql, TRIGGERS, verdict};
use crate::error::{Error, Result};
use crate::karbor::layout::Layout;
use crate::load::session::{Presence, Session, count};
use crate::outcome::{Kept, TARGET_ROWS_LISTED, TargetRow, TargetTally};

/// Keys that are looked at together.
const PAGE: u32 = 10_000;

/// What was found out about the staged rows of one table.
#[derive(Debug, Default)]
pub(crate) struct Judged {
    /// Which table.
    pub(crate) table: usize,
    /// Rows by verdict; nothing else is filled in.
    pub(crate) tally: TargetTally,
    /// Rows known by their key only.
    pub(crate) held: u64,
    /// The first rows that were left alone.
    pub(crate) rows: Vec<TargetRow>,
}

/// Imported rows that the dumps no longer hold.
#[derive(Debug, Default)]
pub(crate) struct Lost {
    /// How many.
    pub(crate) count: u64,
    /// The first of them.
    pub(crate) rows: Vec<TargetRow>,
}

/// The statements of a comparison and the database they are run on.
pub(crate) struct Merge<'m> {
    pub(crate) session: &'m mut dyn Session,
    pub(crate) comparison: &'m Comparison,
    pub(crate) layouts: &'m [Layout; 6],
}

impl Merge<'_> {
    fn sql(&self) -> Sql<'_> {
        self.comparison.sql(self.session, self.layouts)
    }

    fn name(&self, table: usize) -> &str {
        self.layouts.get(table).map_or("", |layout| &layout.name)
    }

    /// Makes the staging table of a table.
    pub(crate) fn create_stage(&mut self, table: usize) -> Result<()> {
        let sql = self.sql().create_stage(table);
        self.session.execute("making a temporary table", &sql).map(drop)
    }

    /// Makes the table of operations whose rows are staged.
    pub(crate) fn create_units(&mut self) -> Result<()> {
        let sql = self.sql().create_units();
        self.session.execute("making a temporary table", &sql).map(drop)
    }

    /// Judges the rows of a staging table, which must hold `staged` rows.
    pub(crate) fn judge(&mut self, table: usize, staged: u64) -> Result<Judged> {
        let doing = format!("comparing {}", self.name(table));
        let sql = self.sql();
        let stage = sql.stage(table);
        let units = matches!(table, TRIGGERS | OPERATIONS | STATES).then_some("etl_units");
        let analyses =
            [Some(stage.as_str()), units].into_iter().flatten().filter_map(|name| sql.analyze(name));
        let mut statements: Vec<_> = analyses.collect();
        let doubled = sql.doubled(table);
        statements.extend(sql.judge(table));
        let (counts, kept) = (sql.counts(table), sql.kept(table, TARGET_ROWS_LISTED));
        self.refuse_doubled(table, &doubled)?;
        for statement in &statements {
            self.session.execute(&doing, statement)?;
        }
        let mut judged = Judged { table, ..Judged::default() };
        let mut sum = 0;
        self.session.query(&doing, &counts, &mut |row| {
            let [Some(word), Some(rows)] = row else { return Ok(()) };
            let rows: u64 = rows.parse().unwrap_or(0);
            sum += rows;
            let tally = &mut judged.tally;
            match *word {
                verdict::INSERT => tally.inserted += rows,
                verdict::UPDATE => tally.updated += rows,
                verdict::UNCHANGED => tally.unchanged += rows,
                verdict::HELD => judged.held += rows,
                word => {
                    let reason = Kept::ALL.into_iter().find(|kept| kept.word() == word);
                    let reason = reason.ok_or_else(|| Error::Imbalance(format!("a verdict {word:?}")))?;
                    *tally.kept.entry(reason).or_default() += rows;
                }
            }
            Ok(())
        })?;
        if sum != staged {
            let name = self.name(table);
            return Err(Error::Imbalance(format!("{staged} rows of {name} were compared, and {sum} judged")));
        }
        let name = self.name(table).to_owned();
        self.session.query(&doing, &kept, &mut |row| {
            judged.rows.extend(target_row(&name, row));
            Ok(())
        })?;
        Ok(judged)
    }

    /// Two rows of the dumps with one key: which of them is right, nobody knows.
    fn refuse_doubled(&mut self, table: usize, sql: &str) -> Result<()> {
        let mut doubled = None;
        self.session.query(&format!("comparing {}", self.name(table)), sql, &mut |row| {
            doubled = Some(row.iter().copied().flatten().collect::<Vec<_>>().join(", "));
            Ok(())
        })?;
        match doubled {
            None => Ok(()),
            Some(key) => Err(Error::target(
                format!("{}: the dumps hold two rows with the key {key}", self.name(table)),
                "see which of the dumps' rows with this id is right, and take the other one out",
            )),
        }
    }

    /// Inserts and updates as judged, and checks that as many rows were written.
    pub(crate) fn apply(&mut self, judged: &Judged) -> Result<()> {
        let table = judged.table;
        let sql = self.sql();
        let insert = (judged.tally.inserted > 0).then(|| sql.insert(table));
        let update = (judged.tally.updated > 0).then(|| sql.update(table));
        let key = sql.written_key(table);
        let name = self.name(table).to_owned();
        let changes =
            [(insert, judged.tally.inserted, "inserting into"), (update, judged.tally.updated, "updating")];
        for (statement, expected, doing) in changes {
            let Some(statement) = statement else { continue };
            let written = self.session.execute(&format!("{doing} {name}"), &statement)?;
            if written != expected {
                let what = format!("{doing} {name}: {expected} rows were to be written, and {written} were");
                return Err(Error::Imbalance(what));
            }
        }
        if judged.tally.written() > 0
            && let Some(layout) = self.layouts.get(table)
            && !layout.table.serial
        {
            let mut written = None;
            self.session.query("looking at what was written", &key, &mut |row| {
                written = row.first().copied().flatten().map(str::to_owned);
                Ok(())
            })?;
            if let Some(written) = written {
                self.session.witness(layout, &written, Presence::Written);
            }
        }
        Ok(())
    }

    /// Notes the keys that the target holds in buckets whose keys differ; before anything is written. Answers whether there
    /// is anything to be looked at in this table.
    pub(crate) fn note_there(&mut self, table: usize) -> Result<bool> {
        let scope = &self.comparison.scope;
        let judged = scope.compared(table).all(|source| scope.judges_absence(table, source));
        let compared = self.comparison.table(table)?;
        let has_keys_of_its_own = matches!(table, PLANS | RESOURCES | OPERATIONS | super::sql::ITEMS);
        if !has_keys_of_its_own || !judged || compared.same_keys() {
            return Ok(false);
        }
        let doing = format!("looking for rows of {} that the dumps no longer hold", self.name(table));
        let create = self.sql().create_there(table);
        self.session.execute(&doing, &create)?;
        let mut after: Option<String> = None;
        while let Some(page) = self.sql().keys_after(table, after.as_deref(), PAGE) {
            let (mut rows, mut seen) = (Vec::new(), 0u32);
            self.session.query(&doing, &page, &mut |row| {
                seen += 1;
                let texts: Vec<String> = row.iter().map(|text| text.unwrap_or_default().to_owned()).collect();
                after = texts.first().cloned();
                // The first column is what the pages are ordered by; the key follows.
                if texts.get(1).is_some_and(|key| compared.may_be_lost(key)) {
                    rows.push(texts);
                }
                Ok(())
            })?;
            let numbered = self.layouts.get(table).is_some_and(|layout| layout.table.serial);
            if !numbered {
                rows.iter_mut().for_each(|row| drop(row.remove(0)));
            }
            if !rows.is_empty() {
                let note = self.sql().note_there(table, &rows);
                self.session.execute(&doing, &note)?;
            }
            if seen < PAGE {
                break;
            }
        }
        Ok(true)
    }

    /// The rows that were noted and that the dumps do not hold.
    pub(crate) fn lost(&mut self, table: usize) -> Result<Lost> {
        let doing = format!("looking for rows of {} that the dumps no longer hold", self.name(table));
        let sql = self.sql();
        let (all, first) =
            (format!("SELECT count(*) {}", sql.lost(table)), sql.lost_keys(table, TARGET_ROWS_LISTED));
        let name = self.name(table).to_owned();
        let mut lost = Lost { count: count(self.session, &doing, &all)?, rows: Vec::new() };
        self.session.query(&doing, &first, &mut |row| {
            let key = row.iter().map(|text| text.unwrap_or_default().to_owned()).collect();
            lost.rows.push(TargetRow { table: name.clone(), key, reason: None });
            Ok(())
        })?;
        Ok(lost)
    }
}

/// A row of `(key columns…, verdict)`.
fn target_row(table: &str, row: &[Option<&str>]) -> Option<TargetRow> {
    let (word, key) = row.split_last()?;
    let reason = Kept::ALL.into_iter().find(|kept| Some(kept.word()) == *word)?;
    let key = key.iter().map(|text| text.unwrap_or_default().to_owned()).collect();
    Some(TargetRow { table: table.to_owned(), key, reason: Some(reason.word()) })
}
