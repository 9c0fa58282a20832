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
use parsers::columns::need::{ColumnNeed, Need, TableSpec, specs};
use parsers::error::ErrorKind;
use parsers::input::Input;
use parsers::scan::Limits;
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
        text.push_str(&sources(&maps.overrides));
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

/// What stands above the map of source tables.
const ABOUT: &str = "\
# The source tables and their columns: what etl looks for in a dump.
#
# `names` are the names a table may have, `columns` the names each column may have; the first that a dump has is taken.
# What each column is needed for stands above it. A column of which a rule reads the values must be there, unless
# `absent = [\"COLUMN\"]` under its table says that the database has none.
# `[TABLE.values]` says what words of the database stand for: policy_type = { \"0\" = \"local\" }.
# Any other column of a table is ignored and named once in the report.
# `database` is what the database is called; a dump that names databases (\\connect) is read by it.
# Only the columns of `backups`, `backup_policy`, the two job record tables and `taskmgr_job` are known for certain.
# Where a database differs, give the entries that differ in a file of this form: `--columns FILE`.
";

/// The map of source tables as it is declared, with `overrides` in their places; what a file of names cannot change is a comment.
fn sources(overrides: &BTreeMap<String, SourceEntry>) -> String {
    let none = SourceEntry::default();
    let tables = specs().map(|(name, spec)| source(name, spec, overrides.get(name).unwrap_or(&none)));
    ABOUT.to_owned() + &tables.collect::<String>()
}

/// One table of the map.
fn source(table: &str, spec: &TableSpec, changed: &SourceEntry) -> String {
    let list = |names: &[String]| toml::Value::from(names.to_vec());
    let names = list(changed.names.as_ref().unwrap_or(&spec.names));
    let mut out = format!("\n[{table}]\n# database = {:?}\nnames = {names}\n", spec.database);
    if !changed.absent.is_empty() {
        out.push_str(&format!("absent = {}\n", list(&changed.absent)));
    }
    out.push_str(&format!("[{table}.columns]\n"));
    for (column, need) in &spec.columns {
        if let Some(found) = need_of(need) {
            out.push_str(&format!("# {column}: {found}\n"));
        }
        let names = changed.columns.get(column).cloned().unwrap_or_else(|| need.names(column));
        out.push_str(&format!("{column} = {}\n", list(&names)));
    }
    if !changed.values.is_empty() {
        out.push_str(&format!("[{table}.values]\n"));
    }
    for (column, words) in &changed.values {
        let words = words.iter().map(|(from, to)| (from.clone(), toml::Value::from(to.clone())));
        out.push_str(&format!("{column} = {}\n", toml::Value::from(words.collect::<toml::Table>())));
    }
    out
}

/// What a column is needed for, in words; `None` for one that no rule reads.
fn need_of(column: &ColumnNeed) -> Option<String> {
    let use_of = match column.need {
        Need::Required => "required",
        Need::Meaning => "read by a rule",
        Need::Optional => "optional",
        Need::Unread => return None,
    };
    let words =
        if column.words.is_empty() { String::new() } else { format!(" ({})", column.words.join(", ")) };
    let why = column.why.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
    Some(format!("{use_of}, {}{words}{why}", column.kind))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn printed(file: Option<&Path>) -> String {
        let maps = read_columns(file).unwrap();
        format!("{}\n{}", sources(&maps.overrides), maps.target.to_toml())
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
