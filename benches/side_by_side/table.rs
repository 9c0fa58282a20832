//! The table that is printed.

use std::fmt;

/// One line.
#[derive(Debug)]
pub struct Row {
    /// Which measure.
    pub measure: u8,
    /// How many copies.
    pub backups: u64,
    /// What is measured.
    pub what: String,
    /// The medians it comes from.
    pub figures: String,
    /// What counts: mostly a ratio.
    pub result: String,
    /// What it should be.
    pub reach: &'static str,
}

/// All lines.
#[derive(Debug, Default)]
pub struct Rows(Vec<Row>);

impl Rows {
    /// Adds a line.
    pub fn push(&mut self, row: Row) {
        self.0.push(row);
    }
}

impl fmt::Display for Rows {
    /// As Markdown, in order of the measures.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| # | copies | measure | medians | result | reach |")?;
        writeln!(f, "| --- | ---: | --- | --- | ---: | --- |")?;
        let mut rows: Vec<_> = self.0.iter().collect();
        rows.sort_by_key(|row| row.measure);
        for row in rows {
            let Row { measure, backups, what, figures, result, reach } = row;
            writeln!(f, "| {measure} | {backups} | {what} | {figures} | {result} | {reach} |")?;
        }
        Ok(())
    }
}
