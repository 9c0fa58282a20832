//! `etl columns`: the names of all tables and columns, as a file that `--columns` takes; with dumps, completed by what they contain.

use crate::base::error::Result;
use crate::maintain::args::ColumnsArgs;
use crate::settings::columns::{Maps, SourceEntry, read_columns};
use parsers::columns::need::{Need, need};
use parsers::columns::{BUILT_IN, ColumnMap};
use parsers::input::Input;
use parsers::scan::Limits;
use parsers::table::Table;
use pipeline::contact::{self, SAMPLE_ROWS, TablePicture};
use pipeline::progress::Cancel;
use std::collections::BTreeMap;
use std::path::Path;

/// The names in force, as TOML.
pub(crate) fn columns(args: &ColumnsArgs) -> Result<String> {
    if !args.dumps.is_empty() {
        let (pictures, map) = look(&args.dumps, args.columns.as_deref(), SAMPLE_ROWS)?;
        return Ok(contact::propose::map(&pictures, &map));
    }
    let Maps { overrides, target, .. } = read_columns(args.columns.as_deref())?;
    Ok(format!("{}\n{}", sources(BUILT_IN, &overrides), target.to_toml()))
}

/// What the dumps contain, of each table at most so many rows, and the map by which it was looked for.
pub(super) fn look(
    dumps: &[String],
    columns: Option<&Path>,
    rows_max: u64,
) -> Result<(Vec<TablePicture>, ColumnMap)> {
    let Maps { sources: map, .. } = read_columns(columns)?;
    let spool = std::env::temp_dir();
    let inputs: std::result::Result<Vec<_>, _> = dumps.iter().map(|name| Input::open(name, &spool)).collect();
    let mut inputs = inputs.map_err(pipeline::error::Error::from)?;
    let pictures = contact::look(&mut inputs, &map, Limits::default(), rows_max, &Cancel::default())?;
    Ok((pictures, map))
}

/// The built-in map of source tables with `overrides` in their places. What a file of names cannot change (a table's
/// database, and which columns must be there) is told as comments.
fn sources(built_in: &str, overrides: &BTreeMap<String, SourceEntry>) -> String {
    let mut out = String::with_capacity(built_in.len());
    let mut section = "";
    for line in built_in.lines() {
        if line.is_empty() {
            let (table, _) = section.split_once('.').unwrap_or((section, ""));
            out.push_str(&values(table, overrides));
            section = "";
        }
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            section = name;
        }
        let (key, _) = line.split_once(" = ").unwrap_or_default();
        let (table, below) = section.split_once('.').unwrap_or((section, ""));
        let entry = overrides.get(table);
        let names = match (below, key) {
            ("columns", column) => {
                if let Some(found) = need_of(table, column) {
                    out.push_str(&format!("# {column}: {found}\n"));
                }
                entry.and_then(|entry| entry.columns.get(column))
            }
            (_, "names") => entry.and_then(|entry| entry.names.as_ref()),
            _ => None,
        };
        if below.is_empty() && key == "database" {
            out.push_str("# ");
        }
        match names {
            Some(names) => out.push_str(&format!("{key} = {}", toml::Value::from(names.clone()))),
            None => out.push_str(line),
        }
        if below.is_empty() && key == "names" && entry.is_some_and(|entry| !entry.absent.is_empty()) {
            let absent = entry.map(|entry| entry.absent.clone()).unwrap_or_default();
            out.push_str(&format!("\nabsent = {}", toml::Value::from(absent)));
        }
        out.push('\n');
    }
    out.push_str(&values(section.split_once('.').unwrap_or((section, "")).0, overrides));
    out
}

/// The words of a table's values that a file of names gives.
fn values(table: &str, overrides: &BTreeMap<String, SourceEntry>) -> String {
    let Some(entry) = overrides.get(table).filter(|entry| !entry.values.is_empty()) else {
        return String::new();
    };
    let lines = entry.values.iter().map(|(column, words)| {
        let words: toml::Table =
            words.iter().map(|(from, to)| (from.clone(), toml::Value::from(to.clone()))).collect();
        format!("{column} = {}\n", toml::Value::from(words))
    });
    format!("[{table}.values]\n{}", lines.collect::<String>())
}

/// What a column is needed for, in words; `None` for one that no rule reads.
fn need_of(table: &str, column: &str) -> Option<String> {
    let table = Table::ALL.into_iter().find(|known| known.name() == table)?;
    let found = need(table, column)?;
    let use_of = match found.need {
        Need::Required => "required",
        Need::Meaning => "read by a rule",
        Need::Optional => "optional",
        Need::Unread => return None,
    };
    let words = if found.words.is_empty() { String::new() } else { format!(" ({})", found.words.join(", ")) };
    let why = found.why.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
    Some(format!("{use_of}, {}{words}{why}", found.kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(file: Option<&Path>) -> String {
        columns(&ColumnsArgs { dumps: Vec::new(), columns: file.map(Path::to_owned) }).unwrap()
    }

    #[test]
    fn what_is_printed_is_read_back_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let mine = folder.path().join("mine.toml");
        std::fs::write(
            &mine,
            "[tag]\nnames = [\"t_tag\", \"tag\"]\n[tag.columns]\ntag_key = [\"k\"]\n[target.plans]\nname = \"p\"\n",
        )
        .unwrap();
        for file in [None, Some(mine.as_path())] {
            let first = printed(file);
            let whole = folder.path().join("whole.toml");
            std::fs::write(&whole, &first).unwrap();
            assert_eq!(printed(Some(&whole)), first);
        }
        let changed = printed(Some(&mine));
        let built_in = printed(None);
        let lines: Vec<_> =
            changed.lines().filter(|line| !built_in.lines().any(|other| other == *line)).collect();
        assert_eq!(lines, ["names = [\"t_tag\", \"tag\"]", "tag_key = [\"k\"]", "name = \"p\""]);
        assert_eq!(changed.lines().count(), built_in.lines().count());
    }
}
