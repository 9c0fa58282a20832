//! `--columns FILE`: the names of source tables and columns, and under `[target]` those of the target, as one TOML
//! file. Its form is checked here, so that what is wrong has a line; what the names mean is checked by their owners.

use crate::base::toml_document::line_of;
use crate::settings::error::OptionError;
use parsers::columns::{ColumnMap, MapError};
use pipeline::load::names::{NamesError, TargetNames};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use toml::Spanned;

/// The names in force.
#[derive(Debug)]
pub struct Maps {
    /// The dumps' names.
    pub sources: ColumnMap,
    /// The target's names.
    pub target: TargetNames,
    /// What the file says of the dumps' names, by table.
    pub overrides: BTreeMap<String, SourceEntry>,
    /// The file, and the SHA-256 of its bytes.
    pub file: Option<(String, String)>,
    names_target: bool,
}

impl Maps {
    /// Whether the file says something of the target's names.
    #[must_use]
    pub fn names_target(&self) -> bool {
        self.names_target
    }

    /// What a report says of the map: the file with its digest, and what it declares absent.
    #[must_use]
    pub fn used(&self) -> Vec<String> {
        let file =
            self.file.as_ref().map(|(path, digest)| format!("map of columns: {path} (SHA-256 {digest})"));
        let absent = self.sources.declared_absent();
        let absent =
            (!absent.is_empty()).then(|| format!("declared absent by the map: {}", absent.join(", ")));
        file.into_iter().chain(absent).collect()
    }
}

/// The entries of one source table in a file of names.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SourceEntry {
    /// What the table's database is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    /// The names that the table may have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub names: Option<Vec<String>>,
    /// The columns that the table need not have although rules read them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub absent: Vec<String>,
    /// The names that each column may have.
    #[serde(default)]
    pub columns: BTreeMap<String, Vec<String>>,
    /// What words of the database stand for, by column.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, BTreeMap<String, String>>,
}

/// A file of names, and the byte at which each table is first named.
#[derive(Debug, Default)]
struct NamesFile {
    sources: BTreeMap<String, SourceEntry>,
    target: Option<toml::Value>,
    places: Vec<(String, usize)>,
}

/// The names that are built in, with those of `file` in their place.
///
/// # Errors
/// The file cannot be read, is not of the form, or names what is not there.
pub fn read_columns(file: Option<&Path>) -> Result<Maps, OptionError> {
    let Some(path) = file else { return apply(Path::new("columns"), "") };
    let text = std::fs::read_to_string(path)
        .map_err(|source| OptionError::ColumnsUnreadable { path: path.to_owned(), source })?;
    let mut maps = apply(path, &text)?;
    maps.file = Some((path.display().to_string(), crate::base::digest::of(text.as_bytes())));
    Ok(maps)
}

fn apply(path: &Path, text: &str) -> Result<Maps, OptionError> {
    let wrong = |at: usize, problem: String| OptionError::Columns {
        path: path.to_owned(),
        line: line_of(text, at),
        problem,
    };
    let file: NamesFile = toml::from_str(text)
        .map_err(|error| wrong(error.span().map_or(0, |span| span.start), error.message().to_owned()))?;
    let place = |table: &str| file.places.iter().find(|(name, _)| name == table).map_or(0, |(_, at)| *at);
    let below = |table: &str, word: &str| {
        let from = place(table);
        word_at(text, from, word).unwrap_or(from)
    };
    let unfit = |error: MapError| match &error {
        MapError::NoTable(table) => wrong(place(table), error.to_string()),
        MapError::NoColumn { table, column } | MapError::Indispensable { table, column } => {
            wrong(below(table, column), error.to_string())
        }
        MapError::Twice { name, second, .. } => wrong(below(second.name(), name), error.to_string()),
        MapError::NoWord { table, word, .. } => wrong(below(table, word), error.to_string()),
        MapError::SameColumn { table, name, .. } => wrong(below(table.name(), name), error.to_string()),
        MapError::Toml(_) => wrong(0, error.to_string()),
    };
    let sources = toml::to_string(&file.sources).map_err(|error| wrong(0, error.to_string()))?;
    let mut map = ColumnMap::built_in().map_err(unfit)?;
    map.override_with(&sources).map_err(unfit)?;
    let target = match &file.target {
        None => TargetNames::default(),
        Some(entries) => TargetNames::from_entries(entries.clone()).map_err(|error| match &error {
            NamesError::NoTable(table) | NamesError::Unusable(table, _) => {
                wrong(below("target", table), error.to_string())
            }
            NamesError::NoColumn(table, column) => {
                let from = below("target", table);
                wrong(word_at(text, from, column).unwrap_or(from), error.to_string())
            }
            NamesError::Form(problem) => wrong(place("target"), problem.trim_end().to_owned()),
        })?,
    };
    Ok(Maps {
        sources: map,
        target,
        names_target: file.target.is_some(),
        overrides: file.sources,
        file: None,
    })
}

/// The byte, from `from` on, at which `word` stands as a whole word.
fn word_at(text: &str, from: usize, word: &str) -> Option<usize> {
    let part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let rest = text.get(from..)?;
    let whole = |at: &usize| {
        let (before, after) =
            (rest.get(..*at).unwrap_or_default(), rest.get(at + word.len()..).unwrap_or_default());
        !part(before.chars().next_back()) && !part(after.chars().next())
    };
    rest.match_indices(word).map(|(at, _)| at).find(whole).map(|at| from + at)
}

impl<'de> Deserialize<'de> for NamesFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Tables;
        impl<'de> Visitor<'de> for Tables {
            type Value = NamesFile;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("tables such as [backups]")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<NamesFile, A::Error> {
                let mut file = NamesFile::default();
                while let Some(key) = map.next_key::<Spanned<String>>()? {
                    file.places.push((key.get_ref().clone(), key.span().start));
                    if key.get_ref() == "target" {
                        file.target = Some(map.next_value()?);
                    } else {
                        file.sources.insert(key.into_inner(), map.next_value()?);
                    }
                }
                Ok(file)
            }
        }
        deserializer.deserialize_map(Tables)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        apply(Path::new("c.toml"), text).unwrap_err().to_string()
    }

    #[test]
    fn sources_and_target_stand_in_one_file() {
        let text = "[tag]\nnames = [\"t_tag\"]\n[target.plans]\nname = \"karbor_plans\"\n[tag.columns]\ntag_key = [\"k\"]\n";
        let maps = apply(Path::new("c.toml"), text).unwrap();
        assert!(maps.sources.table("t_tag").is_some());
        assert_eq!(maps.target.table("plans"), "karbor_plans");
    }

    /// Whatever is done to a file of names, it is read, or refused with the line.
    #[test]
    fn damaged_files_are_refused_with_their_line() {
        let text = "[backups]\nnames = [\"backups\"]\nabsent = [\"size\"]\n[backups.columns]\nsize = [\"gb\"]\n\
                    [protection_policy.values]\npolicy_type = { 0 = \"local\" }\n[target.plans]\nname = \"p\"\n\
                    [target.plans.columns]\nid = \"i\"\n";
        let pieces = [
            "[", "]", "\"", "=", "{", "}", "\n", ".", ",", "#", "id", "target", "values", "names", "0", "é",
            "\u{0}",
        ];
        let mut state: u64 = 1;
        let mut random = |below: usize| {
            // Knuth's constants of a linear congruential generator; the high bits are the random ones.
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).unwrap() % below
        };
        let (mut read, mut refused) = (0, 0);
        for _ in 0..20_000 {
            let mut damaged = text.to_owned();
            for _ in 0..=random(3) {
                let ends: Vec<usize> =
                    damaged.char_indices().map(|(at, _)| at).chain([damaged.len()]).collect();
                let at = ends[random(ends.len())];
                let to = ends[random(ends.len())].clamp(at, damaged.len().min(at + 12));
                let to = (at..=to).rev().find(|to| damaged.is_char_boundary(*to)).unwrap();
                let piece = if random(3) == 0 { "" } else { pieces[random(pieces.len())] };
                damaged.replace_range(at..to, piece);
            }
            match apply(Path::new("c.toml"), &damaged) {
                Ok(_) => read += 1,
                Err(error) => {
                    let told = error.to_string();
                    let line = told.strip_prefix("c.toml:").and_then(|rest| rest.split(':').next());
                    let line: usize = line.unwrap().parse().unwrap();
                    assert!((1..=damaged.lines().count().max(1) + 1).contains(&line), "{told}\n{damaged}");
                    refused += 1;
                }
            }
        }
        assert!(read > 100 && refused > 1_000, "{read} {refused}");
    }

    #[test]
    fn what_is_wrong_has_its_line() {
        for (text, line, what) in [
            ("\n[tags]\n", 2, "there is no table \"tags\""),
            ("[tag]\n\n[tag.columns]\ntag_key = [\"k\"]\nkey = [\"k\"]\n", 5, "has no column \"key\""),
            ("[tag]\nrequired = []\n", 2, "unknown field `required`"),
            ("[tag]\nnames = \"t\"\n", 2, "invalid type"),
            ("[tag\n", 1, ""),
            ("[quotas]\nnames = [\"backups\"]\n", 2, "two tables"),
            ("[tag]\n\nabsent = [\"tag_key\"]\n", 3, "cannot be declared absent"),
            ("[tag]\nabsent = [\"key\"]\n", 2, "has no column \"key\""),
            ("[protection_policy.values]\npolicy_type = { 0 = \"far\" }\n", 2, "\"far\" is no word of"),
            ("[tag.values]\ntag_value = { a = \"b\" }\n", 2, "has no set of words"),
            ("[tag.columns]\ntag_key = [\"x\"]\ntag_value = [\"x\"]\n", 2, "two columns"),
            ("[tag]\n[target.plan]\n", 2, "no target table \"plan\""),
            (
                "[target.plans]\n[target.plans.columns]\nid = \"i\"\nident = \"i\"\n",
                4,
                "has no column \"ident\"",
            ),
        ] {
            let found = refusal(text);
            assert!(
                found.starts_with(&format!("c.toml:{line}: ")) && found.contains(what),
                "{text}: {found}"
            );
        }
    }
}
