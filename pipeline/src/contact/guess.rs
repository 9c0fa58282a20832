//! Which column of a dump may be one that the map does not find: by its name, its type, and what its values look like.

use super::picture::{ColumnPicture, Looks};
use parsers::columns::need::{ColumnNeed, Type, need};
use parsers::table::Table;
use std::collections::{BTreeMap, BTreeSet};

/// A column that may be the one looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Guess {
    /// What the dump calls it.
    pub(crate) column: String,
    /// How sure the guess is; only the order matters.
    pub(crate) score: u32,
    /// Why it may be it.
    pub(crate) why: String,
}

/// From this score on a guess is told.
const ENOUGH: u32 = 40;

/// For each of the missing columns the best guess; no column of the dump is guessed twice.
pub(crate) fn assign(
    table: Table,
    missing: &[&'static str],
    free: &[&ColumnPicture],
) -> BTreeMap<&'static str, Guess> {
    let mut all: Vec<(&'static str, Guess)> = Vec::new();
    for column in missing {
        let Some(need) = need(table, column) else { continue };
        all.extend(free.iter().filter_map(|picture| guess(column, need, picture)).map(|g| (*column, g)));
    }
    all.sort_by(|(a, x), (b, y)| y.score.cmp(&x.score).then(a.cmp(b)).then(x.column.cmp(&y.column)));
    let mut assigned = BTreeMap::new();
    let mut taken = BTreeSet::new();
    for (column, guess) in all {
        if !assigned.contains_key(column) && taken.insert(guess.column.clone()) {
            assigned.insert(column, guess);
        }
    }
    assigned
}

fn guess(column: &str, need: &ColumnNeed, picture: &ColumnPicture) -> Option<Guess> {
    let name = likeness(column, &picture.name);
    let (values, why) = looks(column, need, picture)?;
    let score = name + values;
    let mut reasons = Vec::new();
    if name >= ENOUGH {
        reasons.push("the names are alike".to_owned());
    }
    reasons.extend(why);
    if reasons.is_empty() {
        reasons.push("a little alike".to_owned());
    }
    (score >= ENOUGH).then(|| Guess { column: picture.name.clone(), score, why: reasons.join("; ") })
}

/// How much the values speak for a column; `None` where they speak against it.
fn looks(column: &str, need: &ColumnNeed, picture: &ColumnPicture) -> Option<(u32, Option<String>)> {
    if picture.values == 0 {
        return Some((0, None));
    }
    let shows = |kind: Looks| picture.looks.has(kind);
    let fits = picture.distinct.keys().filter(|value| need.fits(value)).count();
    let sample = || picture.distinct.keys().take(2).map(|v| format!("{v:?}")).collect::<Vec<_>>().join(", ");
    let told = |score: u32, what: &str| Some((score, Some(format!("its values are {what}: {}", sample()))));
    let expected = match column {
        "start_time" | "back_up_start_time" => Some((Looks::CLOCK, "times of day")),
        "time_zone" => Some((Looks::ZONE, "time zones")),
        "week_days" | "week_frequency" => Some((Looks::WEEKDAYS, "days of the week")),
        "cron_expression" => Some((Looks::CRON, "cron expressions")),
        _ => None,
    };
    if let Some((kind, what)) = expected {
        return if shows(kind) { told(80, what) } else { None };
    }
    match need.kind {
        Type::Words => {
            let known = picture.distinct.keys().filter(|value| need.knows(value)).count();
            match (known, known * 2 > picture.distinct.len()) {
                (0, _) => Some((0, None)),
                (_, true) => told(70, "words that rules know"),
                (_, false) => told(40, "words, of which rules know some"),
            }
        }
        Type::Text if column == "id" || column.ends_with("_id") => {
            Some((if shows(Looks::UUID) { 15 } else { 0 }, None))
        }
        Type::Text => {
            let other = [Looks::TIMESTAMP, Looks::BOOLEAN, Looks::UUID].into_iter().any(shows);
            if other { None } else { Some((0, None)) }
        }
        _ if fits < picture.distinct.len() => None,
        Type::Integer => Some((10, None)),
        Type::Boolean => told(30, "booleans"),
        Type::Timestamp => told(25, "times"),
        Type::Json => told(40, "JSON objects"),
    }
}

/// How alike two names are, from 0 to 100: their common words, and their pairs of letters.
pub(super) fn likeness(a: &str, b: &str) -> u32 {
    let words = |name: &str| -> Vec<String> { name.split('_').map(str::to_ascii_lowercase).collect() };
    let (first, second) = (words(a), words(b));
    let common = first.iter().filter(|word| second.contains(word)).count();
    let initials = |words: &[String]| words.iter().filter_map(|word| word.chars().next()).collect::<String>();
    if first.len() > 1 && initials(&first) == b || second.len() > 1 && initials(&second) == a {
        return 60;
    }
    let shared = percent(2 * common, first.len() + second.len());
    let pairs = |name: &str| -> BTreeSet<(char, char)> {
        let letters: Vec<char> = name.chars().filter(|c| *c != '_').collect();
        letters.windows(2).filter_map(|pair| Some((*pair.first()?, *pair.last()?))).collect()
    };
    let (left, right) = (pairs(a), pairs(b));
    let alike = percent(2 * left.intersection(&right).count(), left.len() + right.len());
    shared.max(alike)
}

fn percent(part: usize, whole: usize) -> u32 {
    u32::try_from((part * 100).checked_div(whole).unwrap_or(0)).unwrap_or(100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_alike_by_words_and_by_letters() {
        assert!(likeness("retention_num", "keep_num") >= ENOUGH);
        assert!(likeness("start_time", "begin_time") >= ENOUGH);
        assert!(likeness("time_zone", "tz") >= ENOUGH);
        assert!(likeness("policy_type", "policytype") >= ENOUGH);
        assert!(likeness("enabled", "project_id") < ENOUGH);
    }
}
