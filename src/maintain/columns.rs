//! `etl columns`: the names of all tables and columns, as a file that `--columns` takes.

use crate::base::error::Result;
use crate::maintain::args::ColumnsArgs;
use crate::settings::columns::{Maps, SourceEntry, read_columns};
use parsers::columns::BUILT_IN;
use std::collections::BTreeMap;

/// The names in force, as TOML.
pub(crate) fn columns(args: &ColumnsArgs) -> Result<String> {
    let Maps { overrides, target, .. } = read_columns(args.columns.as_deref())?;
    Ok(format!("{}\n{}", sources(BUILT_IN, &overrides), target.to_toml()))
}

/// The built-in map of source tables with `overrides` in their places. What a file of names cannot change (a table's
/// database, and which columns must be there) is told as comments.
fn sources(built_in: &str, overrides: &BTreeMap<String, SourceEntry>) -> String {
    let mut out = String::with_capacity(built_in.len());
    let mut section = "";
    for line in built_in.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            section = name;
        }
        let (key, _) = line.split_once(" = ").unwrap_or_default();
        let (table, below) = section.split_once('.').unwrap_or((section, ""));
        let entry = overrides.get(table);
        let names = match (below, key) {
            ("columns", column) => entry.and_then(|entry| entry.columns.get(column)),
            (_, "names") => entry.and_then(|entry| entry.names.as_ref()),
            _ => None,
        };
        if below.is_empty() && matches!(key, "database" | "required") {
            out.push_str("# ");
        }
        match names {
            Some(names) => out.push_str(&format!("{key} = {}", toml::Value::from(names.clone()))),
            None => out.push_str(line),
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn printed(file: Option<&Path>) -> String {
        columns(&ColumnsArgs { columns: file.map(Path::to_owned) }).unwrap()
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
