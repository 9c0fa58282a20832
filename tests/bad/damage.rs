//! A sound dump, and what can be done to it.

use super::cases::{Step, bytes};
use std::io::Write as _;

/// A dump's bytes.
pub(super) struct Dump(Vec<u8>);

/// A dump of one row for each table of all four databases, which converts without a rejection.
const SOUND: &str = include_str!("../../fixtures/bad/sound.sql");

impl Dump {
    /// The dump before anything was done to it.
    pub(super) fn sound() -> Self {
        Self(SOUND.as_bytes().to_vec())
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// Does what a step says.
    ///
    /// # Errors
    /// There is no such step, or nothing in the dump that it is about.
    pub(super) fn damage(&mut self, step: &Step) -> Result<(), String> {
        let rest = step.rest.as_str();
        match step.word.as_str() {
            // The whole text.
            "holds" => self.0 = bytes(rest)?,
            "only" => self.only(&rest.split(' ').collect::<Vec<_>>()),
            "crlf" => self.replace_all(b"\n", b"\r\n"),
            "bom" => self.0.splice(0..0, *b"\xef\xbb\xbf").for_each(drop),
            "utf16" => self.utf16(u16::to_le_bytes),
            "utf16-big-endian" => self.utf16(u16::to_be_bytes),
            "gzip" => self.0 = gzip(&self.0),
            "zstd" => self.0 = zstd::encode_all(&self.0[..], 1).unwrap(),
            "twice" => self.0.extend_from_within(..),
            "reversed" => self.0.reverse(),
            // Parts of it.
            "first" => self.0.truncate(number(rest)?),
            "without-last" => self.0.truncate(self.0.len().saturating_sub(number(rest)?)),
            "flip" => {
                let from_end = number(rest)?;
                let at = self.0.len().checked_sub(from_end).ok_or("the dump is shorter")?;
                self.0[at] ^= 0x55;
            }
            "cut-before" => self.0.truncate(self.find(rest)?.0),
            "cut-behind" => self.0.truncate(self.find(rest)?.1),
            "append" => self.0.extend(bytes(rest)?),
            "prepend" => self.0.splice(0..0, bytes(rest)?).for_each(drop),
            "replace" => {
                let (text, by) = rest.split_once(" by ").ok_or("replace TEXT by TEXT")?;
                let (from, to) = self.find(text)?;
                self.0.splice(from..to, bytes(by)?).for_each(drop);
            }
            "replace-all" => {
                let (text, by) = rest.split_once(" by ").ok_or("replace-all TEXT by TEXT")?;
                self.find(text)?;
                self.replace_all(&bytes(text)?, &bytes(by)?);
            }
            // Rows.
            "set" => {
                let (column, value) = rest.split_once(" = ").ok_or("set TABLE.COLUMN = VALUE")?;
                let (table, column) = column.split_once('.').ok_or("set TABLE.COLUMN = VALUE")?;
                self.set(table, column, &bytes(value)?)?;
            }
            "row" => {
                let (table, line) = rest.split_once(' ').ok_or("row TABLE LINE")?;
                let (from, to) = self.row(table)?;
                self.0.splice(from..to, bytes(line)?).for_each(drop);
            }
            "again" => {
                let (from, to) = self.row(rest)?;
                let row = [&self.0[from..to], b"\n"].concat();
                self.0.splice(from..from, row).for_each(drop);
            }
            "without-row" => {
                let (from, to) = self.row(rest)?;
                self.0.drain(from..=to);
            }
            "without-table" => {
                let (from, _) = self.find(&format!("COPY {rest} ("))?;
                let end = from + find(&self.0[from..], b"\\.\n").ok_or("no end")? + 4;
                self.0.drain(from..end);
            }
            word => return Err(format!("there is no step {word}")),
        }
        Ok(())
    }

    /// The bytes of a text in the dump: where it first begins and ends.
    fn find(&self, text: &str) -> Result<(usize, usize), String> {
        let text = bytes(text)?;
        let at = find(&self.0, &text).ok_or("the dump has no such text")?;
        Ok((at, at + text.len()))
    }

    fn replace_all(&mut self, text: &[u8], by: &[u8]) {
        let mut out = Vec::new();
        let mut rest = &self.0[..];
        while let Some(at) = find(rest, text) {
            out.extend_from_slice(&rest[..at]);
            out.extend_from_slice(by);
            rest = &rest[at + text.len()..];
        }
        out.extend_from_slice(rest);
        self.0 = out;
    }

    fn utf16(&mut self, unit: fn(u16) -> [u8; 2]) {
        let text = String::from_utf8(std::mem::take(&mut self.0)).unwrap();
        self.0 = std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(unit).collect();
    }

    /// The first row of a table: where its line begins, and where it ends.
    fn row(&self, table: &str) -> Result<(usize, usize), String> {
        let (head, _) = self.find(&format!("COPY {table} ("))?;
        let from = head + find(&self.0[head..], b"\n").ok_or("no rows")? + 1;
        Ok((from, from + find(&self.0[from..], b"\n").ok_or("no rows")?))
    }

    fn set(&mut self, table: &str, column: &str, value: &[u8]) -> Result<(), String> {
        let (from, to) = self.row(table)?;
        let (_, list) = self.find(&format!("COPY {table} ("))?;
        let list = String::from_utf8(self.0[list..from].to_vec()).unwrap();
        let columns = list.split_once(')').ok_or("no list of columns")?.0;
        let place = columns.split(", ").position(|known| known == column).ok_or("no such column")?;
        let line = self.0[from..to].to_vec();
        let mut fields: Vec<&[u8]> = line.split(|byte| *byte == b'\t').collect();
        fields[place] = value;
        self.0.splice(from..to, fields.join(&b'\t')).for_each(drop);
        Ok(())
    }

    /// Leaves only these tables.
    fn only(&mut self, tables: &[&str]) {
        let text = String::from_utf8(std::mem::take(&mut self.0)).unwrap();
        let (head, rest) = text.split_once("COPY ").unwrap();
        let mut kept = head.to_owned();
        for block in rest.split("COPY ") {
            let (block, tail) = block.split_once("\\.\n\n").unwrap();
            if tables.iter().any(|table| block.starts_with(&format!("{table} ("))) {
                kept.push_str(&format!("COPY {block}\\.\n\n"));
            }
            kept.push_str(tail);
        }
        self.0 = kept.into_bytes();
    }
}

fn number(text: &str) -> Result<usize, String> {
    text.parse().map_err(|error| format!("{text:?}: {error}"))
}

fn find(bytes: &[u8], text: &[u8]) -> Option<usize> {
    bytes.windows(text.len()).position(|window| window == text)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
