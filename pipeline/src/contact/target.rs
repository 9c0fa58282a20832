//! The map of the target's names completed by the tables that a database has.

use super::guess::likeness;
use super::propose::{GUESS, on_one_line, quoted};
use crate::load::names::{TargetNames, columns_of, tables};
use crate::load::stored_tables::StoredTable;
use std::collections::BTreeMap;
use std::fmt::Write as _;

const HEAD: &str = "\
# The target's tables and columns, completed by what the database has: Karbor's name on the left, the target's on the right.
#
# Lines that begin with \"#? \" are guesses, and count only when \"#? \" is taken away: look at each, mend it where it is wrong.
";

/// So much of the columns of a table must be there for a table to be taken for it, in hundredths.
const TABLE_ENOUGH: usize = 60;

/// From this likeness on, of 100, a column's name may be that of another.
const NAME_ENOUGH: u32 = 40;

/// Columns that tables of all kinds have: they tell nothing.
const COMMON: [&str; 6] = ["id", "created_at", "updated_at", "deleted_at", "deleted", "project_id"];

/// The map as TOML, under `[target]`: found, guessed with why, absent.
#[must_use]
pub fn map(found: &[StoredTable], names: &TargetNames) -> String {
    let mut out = HEAD.to_owned();
    for table in tables() {
        let columns = columns_of(table).unwrap_or_default();
        let named = found.iter().find(|stored| stored.name == names.table(table));
        let taken = |stored: &&StoredTable| tables().any(|known| stored.name == names.table(known));
        let guessed = || {
            let free = found.iter().filter(|stored| !taken(stored));
            let scored = free.map(|stored| (share(stored, table, &columns, names), stored));
            scored.filter(|(share, _)| *share >= TABLE_ENOUGH).max_by_key(|(share, _)| *share)
        };
        _ = writeln!(out, "\n[target.{table}]");
        let stored = match (named, named.is_none().then(guessed).flatten()) {
            (Some(stored), _) => {
                _ = writeln!(out, "name = {}", quoted(&stored.name));
                stored
            }
            (None, Some((share, stored))) => {
                let name = quoted(&stored.name);
                _ = writeln!(out, "{GUESS}name = {name}  # guessed: it has {share} of 100 of its columns");
                stored
            }
            (None, None) => {
                _ = writeln!(out, "{GUESS}name = \"\"  # absent: no table has most of its columns");
                continue;
            }
        };
        _ = writeln!(out, "[target.{table}.columns]");
        section(&mut out, table, &columns, stored, names);
    }
    out
}

/// How much of a table's telling columns a stored table has, in hundredths.
fn share(stored: &StoredTable, table: &str, columns: &[&str], names: &TargetNames) -> usize {
    let telling: Vec<&&str> = columns.iter().filter(|column| !COMMON.contains(column)).collect();
    let has = |column: &str| stored.columns.iter().any(|(name, _)| name == names.column(table, column));
    let there = telling.iter().filter(|column| has(column)).count();
    (there * 100).checked_div(telling.len()).unwrap_or(0)
}

fn section(
    out: &mut String,
    table: &str,
    columns: &[&'static str],
    stored: &StoredTable,
    names: &TargetNames,
) {
    let there = |name: &str| stored.columns.iter().any(|(column, _)| column == name);
    let missing: Vec<&'static str> =
        columns.iter().copied().filter(|column| !there(names.column(table, column))).collect();
    let free: Vec<&(String, String)> = stored
        .columns
        .iter()
        .filter(|(name, _)| !columns.iter().any(|column| names.column(table, column) == name))
        .collect();
    let guesses = assign(&missing, &free);
    for column in columns {
        let name = names.column(table, column);
        match guesses.get(column) {
            _ if there(name) => _ = writeln!(out, "{column} = {}", quoted(name)),
            Some((guess, kind)) => {
                let (guess, kind) = (quoted(guess), on_one_line(kind));
                _ = writeln!(out, "{GUESS}{column} = {guess}  # guessed: the names are alike; it is {kind}");
            }
            None => _ = writeln!(out, "# {column}: not in this table"),
        }
    }
    let placed = |name: &str| guesses.values().any(|(guess, _)| *guess == name);
    let left: Vec<String> = free
        .iter()
        .filter(|(name, _)| !placed(name))
        .map(|(name, kind)| on_one_line(&format!("{name} ({kind})")))
        .collect();
    if !left.is_empty() {
        _ = writeln!(out, "# not placed: {}", left.join(", "));
    }
}

/// For each missing column the stored one whose name is most alike; none is guessed twice.
fn assign<'s>(
    missing: &[&'static str],
    free: &[&'s (String, String)],
) -> BTreeMap<&'static str, (&'s str, &'s str)> {
    let mut all: Vec<(u32, &'static str, &'s (String, String))> = Vec::new();
    for column in missing {
        all.extend(free.iter().map(|stored| (likeness(column, &stored.0), *column, *stored)));
    }
    all.retain(|(score, ..)| *score >= NAME_ENOUGH);
    all.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)).then(a.2.cmp(b.2)));
    let mut assigned: BTreeMap<&'static str, (&'s str, &'s str)> = BTreeMap::new();
    for (_, column, (name, kind)) in all {
        if !assigned.contains_key(column) && assigned.values().all(|(taken, _)| taken != name) {
            assigned.insert(column, (name, kind));
        }
    }
    assigned
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(name: &str, columns: &[&str]) -> StoredTable {
        let columns = columns.iter().map(|column| ((*column).to_owned(), "text".to_owned())).collect();
        StoredTable { name: name.to_owned(), columns }
    }

    #[test]
    fn a_table_is_found_by_its_name_or_by_most_of_its_columns() {
        let plans = columns_of("plans").unwrap();
        let renamed: Vec<&str> =
            plans.iter().map(|column| if *column == "provider_id" { "provider" } else { column }).collect();
        let found = [stored("backup_plans", &renamed), stored("resources", &["id", "plan_id", "colour"])];
        let map = map(&found, &TargetNames::default());
        let plans = map.split("\n[").find(|section| section.starts_with("target.plans]")).unwrap();
        assert!(plans.contains("#? name = \"backup_plans\"  # guessed: it has "), "{plans}");
        assert!(
            map.contains("\n#? provider_id = \"provider\"  # guessed: the names are alike; it is text\n"),
            "{map}"
        );
        assert!(map.contains("\n[target.resources]\nname = \"resources\"\n"), "{map}");
        assert!(
            map.contains("# resource_id: not in this table\n")
                && map.contains("# not placed: colour (text)\n"),
            "{map}"
        );
        assert!(map.contains("[target.triggers]\n#? name = \"\"  # absent: "), "{map}");
    }

    #[test]
    fn what_is_proposed_with_its_guesses_confirmed_can_be_read() {
        let plans = columns_of("plans").unwrap();
        let confirmed = map(&[stored("odd \"plans\"", &plans)], &TargetNames::default())
            .replace("#? name = \"\"", "# none")
            .replace(GUESS, "");
        let document: toml::Table = toml::from_str(&confirmed).unwrap();
        let names = TargetNames::from_entries(document["target"].clone()).unwrap();
        assert_eq!(names.table("plans"), "odd \"plans\"");
    }
}
