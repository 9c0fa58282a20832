//! `etl columns`: the names of all tables and columns, as a file that `--columns` takes; with dumps, completed by what they contain.

use crate::base::error::Result;
use crate::base::exit::Exit;
use crate::maintain::args::ColumnsArgs;
use crate::session::{Interaction, context, tell};
use crate::settings::columns::{Maps, SourceEntry, read_columns};
use crate::settings::error::OptionError;
use crate::settings::outputs::Outputs;
use crate::settings::target::Choice;
use crate::ui::environment::Environment;
use parsers::columns::BUILT_IN;
use parsers::columns::need::{Need, need};
use parsers::error::ErrorKind;
use parsers::input::Input;
use parsers::scan::Limits;
use parsers::table::Table;
use pipeline::contact::{self, Found, SAMPLE_ROWS};
use pipeline::load::inventory;
use pipeline::progress::Cancel;
use std::collections::BTreeMap;
use std::io::Write;

/// Writes the names as TOML: those in force, or completed by what dumps and a target contain.
pub(crate) fn columns(
    args: &ColumnsArgs,
    environment: &Environment<'_>,
    out: &mut dyn Write,
) -> Result<Exit> {
    let maps = read_columns(args.columns.as_deref())?;
    let mut problems = Vec::new();
    let mut text = String::new();
    if !args.dumps.is_empty() {
        let found = look(&args.dumps, &maps, SAMPLE_ROWS, environment)?;
        text.push_str(&contact::propose::map(&found.tables, &maps.sources));
        if args.check {
            problems = found.problems(&maps.sources);
        }
    } else if args.target.is_none() {
        text.push_str(&sources(BUILT_IN, &maps.overrides));
    }
    if let Some(target) = &args.target {
        text.push_str(&completed_target(target, &maps, environment)?);
    } else if args.dumps.is_empty() || maps.names_target() {
        text.push('\n');
        text.push_str(&maps.target.to_toml());
    }
    tell(out, &text, Exit::Done)?;
    if problems.is_empty() {
        return Ok(Exit::Done);
    }
    let error = parsers::error::Error::from(ErrorKind::NotAsMapped { problems });
    Err(pipeline::error::Error::from(error).into())
}

/// The target's names, completed by the tables that it has.
fn completed_target(target: &str, maps: &Maps, environment: &Environment<'_>) -> Result<String> {
    let target = Choice::find(Some(target), environment)?.ok_or(OptionError::NoTarget)?;
    let outputs = Outputs::printed(environment);
    let interaction = Interaction::new(&outputs, &environment.typed())?;
    let context = context(&maps.target, &interaction, (interaction.ask)());
    let tables = interaction.stopped(inventory::read(&target.spec, context))?;
    Ok(format!("\n{}", contact::target::map(&tables, &maps.target)))
}

/// What the dumps contain, of each table at most so many rows.
pub(super) fn look(
    dumps: &[String],
    maps: &Maps,
    rows_max: u64,
    environment: &Environment<'_>,
) -> Result<Found> {
    let checked = crate::settings::dumps::check(dumps, environment.stdin_terminal)?;
    let spool = crate::settings::spool::unnamed(&checked, environment)?;
    let inputs: std::result::Result<Vec<_>, _> = dumps.iter().map(|name| Input::open(name, &spool)).collect();
    let mut inputs = inputs.map_err(pipeline::error::Error::from)?;
    Ok(contact::look(&mut inputs, &maps.sources, Limits::default(), rows_max, &Cancel::default())?)
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
    use std::path::Path;

    fn printed(file: Option<&Path>) -> String {
        let maps = read_columns(file).unwrap();
        format!("{}\n{}", sources(BUILT_IN, &maps.overrides), maps.target.to_toml())
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
