//! The map of columns completed by what dumps contain, as a file to be looked through and given back.

use super::guess::{self, Guess};
use super::picture::{ColumnPicture, TablePicture};
use super::{absent_tables, is_typed, loss_without};
use parsers::columns::ColumnMap;
use parsers::columns::need::{ColumnNeed, Need, need, needs};
use parsers::table::Table;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// What stands before a line that is only a guess.
pub const GUESS: &str = "#? ";

const HEAD: &str = "\
# The map of columns, completed by what these dumps contain.
#
# Lines that begin with \"#? \" are guesses, and count only when \"#? \" is taken away: look at each, mend it where it is wrong.
# A column that the database really lacks is declared under its table: absent = [\"COLUMN\"]
# A table that the database really lacks: names = []
# Then give the file to check and run: --columns FILE
";

/// So much of the columns of a table must be found or guessed for the table to be proposed, in hundredths.
const TABLE_ENOUGH: u32 = 45;

/// From this score on the values of a column say what it is.
const TELLING: u32 = 60;

/// The map as TOML: found, guessed with why, absent.
#[must_use]
pub fn map(pictures: &[TablePicture], map: &ColumnMap) -> String {
    let mut out = HEAD.to_owned();
    let absent = absent_tables(pictures, map);
    let guessed = tables(pictures, &absent, map);
    for table in Table::ALL {
        let found = pictures.iter().find(|picture| picture.known == Some(table));
        let picture = found.or_else(|| guessed.get(&table).and_then(|n| pictures.get(*n)));
        match picture {
            Some(picture) => section(&mut out, table, picture, map),
            None if absent.contains(&table) => {
                _ = writeln!(
                    out,
                    "\n# {table}: not in these dumps; {}",
                    loss_without(table).unwrap_or("nothing is lost")
                );
            }
            None => _ = writeln!(out, "\n[{table}]\nnames = []"),
        }
    }
    let taken: BTreeSet<usize> = guessed.values().copied().collect();
    let left =
        pictures.iter().enumerate().filter(|(n, p)| p.known.is_none() && p.rows > 0 && !taken.contains(n));
    for (_, picture) in left {
        let columns: Vec<String> = picture.columns.iter().map(shown).collect();
        let at = on_one_line(&format!("{}: {}", picture.at, picture.name));
        _ = writeln!(out, "\n# {at}, {} rows, is none of these: {}", picture.rows, columns.join(", "));
    }
    out
}

fn section(out: &mut String, table: Table, picture: &TablePicture, map: &ColumnMap) {
    let names = picture.names();
    let binding = map.find(table, &names, false);
    let known = |column: &ColumnPicture| binding.known_as(&column.name).map(str::to_owned);
    let (found, free): (Vec<_>, Vec<_>) = picture.columns.iter().partition(|column| known(column).is_some());
    let found: BTreeMap<String, &ColumnPicture> =
        found.into_iter().filter_map(|column| Some((known(column)?, column))).collect();
    let wanted = needs(table).filter(|(_, need)| need.need != Need::Unread).map(|(column, _)| column);
    let declared = map.absent_of(table);
    let missing: Vec<&'static str> =
        wanted.filter(|column| !found.contains_key(*column) && !declared.contains(column)).collect();
    let guesses = guess::assign(table, &missing, &free);
    let database = map.database_of(table);
    _ = writeln!(
        out,
        "\n# {}: {} of {} rows looked at; database {database}",
        picture.at, picture.looked_at, picture.rows
    );
    _ = writeln!(out, "[{table}]");
    let (mark, why) = match picture.known {
        Some(_) => ("", "found"),
        None => (GUESS, "guessed: its columns are like those of this table"),
    };
    _ = writeln!(out, "{mark}names = [{}]  # {why}", quoted(&picture.name));
    if !declared.is_empty() {
        let columns: Vec<String> = declared.iter().map(|column| quoted(column)).collect();
        _ = writeln!(out, "absent = [{}]", columns.join(", "));
    }
    _ = writeln!(out, "[{table}.columns]");
    for (column, need) in needs(table).filter(|(_, need)| need.need != Need::Unread) {
        if !declared.contains(&column) {
            column_line(out, (column, need), found.get(column).copied(), guesses.get(column));
        }
    }
    let placed: BTreeSet<&str> = guesses.values().map(|guess| guess.column.as_str()).collect();
    let left: Vec<String> =
        free.iter().filter(|c| !placed.contains(c.name.as_str())).map(|c| shown(c)).collect();
    if !left.is_empty() {
        _ = writeln!(out, "# not placed: {}", left.join(", "));
    }
    for (name, column) in &found {
        words(out, (table, name), column, map);
    }
}

/// What the words of a column stand for: as the map says it, and those that neither it nor a rule knows.
fn words(out: &mut String, (table, name): (Table, &str), column: &ColumnPicture, map: &ColumnMap) {
    let Some(need) = need(table, name).filter(|need| is_typed(need) && !need.vocabulary().is_empty()) else {
        return;
    };
    let declared = map.words_of(table, name);
    let is_declared = |word: &str| declared.iter().any(|(from, _)| **from == *word);
    let unknown: Vec<&String> =
        column.distinct.keys().filter(|word| !is_declared(word) && !need.fits(word)).collect();
    if declared.is_empty() && unknown.is_empty() {
        return;
    }
    _ = writeln!(out, "[{table}.values.{name}]  # each stands for one of: {}", need.vocabulary().join(", "));
    for (from, to) in declared {
        _ = writeln!(out, "{} = {}", quoted(from), quoted(to));
    }
    for word in unknown {
        let rows = column.distinct.get(word).map_or(0, |seen| seen.rows);
        _ = writeln!(out, "{GUESS}{} = \"\"  # in {rows} of the rows looked at", quoted(word));
    }
}

fn column_line(
    out: &mut String,
    (column, need): (&str, &ColumnNeed),
    found: Option<&ColumnPicture>,
    guess: Option<&Guess>,
) {
    let use_of = match need.need {
        Need::Required => "required",
        _ => "read by a rule",
    };
    _ = match (found, guess) {
        (Some(picture), _) => writeln!(out, "{column} = [{}]", quoted(&picture.name)),
        (None, Some(Guess { column: name, why, .. })) => {
            writeln!(out, "{GUESS}{column} = [{}]  # guessed: {}; {use_of}", quoted(name), on_one_line(why))
        }
        (None, None) if need.need == Need::Optional => {
            writeln!(out, "# {column}: absent; {}", need.why.as_deref().unwrap_or_default())
        }
        (None, None) => writeln!(out, "{GUESS}{column} = [\"\"]  # absent: nothing looks like it; {use_of}"),
    };
}

/// A column with a value of it, for a comment.
fn shown(column: &ColumnPicture) -> String {
    let value = column.distinct.keys().next().map(|value| format!(" ({value:?})")).unwrap_or_default();
    on_one_line(&format!("{}{value}", column.name))
}

pub(super) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            c if c.is_control() => _ = write!(out, "\\u{:04X}", u32::from(c)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Words of a dump in a comment must not end it.
pub(super) fn on_one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// For each known table that no dump contains, the number of the picture that may be it.
fn tables(pictures: &[TablePicture], absent: &[Table], map: &ColumnMap) -> BTreeMap<Table, usize> {
    let mut all: Vec<(u32, Table, usize)> = Vec::new();
    for table in absent {
        for (n, picture) in pictures.iter().enumerate().filter(|(_, p)| p.known.is_none() && p.rows > 0) {
            all.extend(table_score(*table, picture, map).map(|score| (score, *table, n)));
        }
    }
    all.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
    let mut assigned = BTreeMap::new();
    let mut taken = BTreeSet::new();
    for (_, table, n) in all {
        if !assigned.contains_key(&table) && taken.insert(n) {
            assigned.insert(table, n);
        }
    }
    assigned
}

/// How much of a table's columns a picture has, found or guessed, in hundredths; `None` where neither their number nor their values
/// speak for it.
fn table_score(table: Table, picture: &TablePicture, map: &ColumnMap) -> Option<u32> {
    let names = picture.names();
    let binding = map.find(table, &names, false);
    let wanted: Vec<&'static str> =
        needs(table).filter(|(_, need)| need.need != Need::Unread).map(|(column, _)| column).collect();
    let found: BTreeSet<&str> = names.iter().filter_map(|name| binding.known_as(name)).collect();
    let missing: Vec<&'static str> =
        wanted.iter().copied().filter(|column| !found.contains(column)).collect();
    let free: Vec<&ColumnPicture> =
        picture.columns.iter().filter(|column| binding.known_as(&column.name).is_none()).collect();
    let guesses = guess::assign(table, &missing, &free);
    let telling = guesses.values().filter(|guess| guess.score >= TELLING).count();
    let guesses: u32 = guesses.values().map(|guess| guess.score.min(100)).sum();
    let found = u32::try_from(wanted.len() - missing.len()).unwrap_or(0) * 100;
    let columns = u32::try_from(wanted.len().max(names.len())).unwrap_or(u32::MAX);
    let score = (found + guesses).checked_div(columns).unwrap_or(0);
    let distance = needs(table).count().abs_diff(names.len());
    let enough = score >= TABLE_ENOUGH || telling >= 2 || telling == 1 && distance <= 1;
    let near = 20u32.saturating_sub(u32::try_from(distance).unwrap_or(u32::MAX).saturating_mul(5));
    enough.then_some(score + near)
}
