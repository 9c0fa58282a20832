//! `etl sample`: what tables and columns dumps contain, before anything is converted.

use crate::base::error::Result;
use crate::base::number::grouped;
use crate::maintain::args::SampleArgs;
use crate::maintain::columns::look;
use crate::settings::columns::read_columns;
use crate::ui::environment::Environment;
use pipeline::contact::{ColumnPicture, TablePicture};
use std::fmt::Write as _;

/// How many characters of a value are shown.
const SHOWN_CHARS: usize = 40;

/// How many of a column's distinct values are shown.
const SHOWN_VALUES: usize = 6;

/// Words in names of columns whose values are not shown.
const SECRET: [&str; 5] = ["password", "passwd", "secret", "token", "credential"];

/// The tables as text or JSON.
pub(crate) fn sample(args: &SampleArgs, environment: &Environment<'_>) -> Result<String> {
    let maps = read_columns(args.columns.as_deref())?;
    let pictures = look(&args.dumps, &maps, u64::MAX, environment)?.tables;
    if args.json {
        let tables: Vec<_> = pictures.iter().map(json).collect();
        return Ok(serde_json::json!({ "tables": tables }).to_string() + "\n");
    }
    let mut out = String::new();
    for picture in &pictures {
        text(&mut out, picture);
    }
    Ok(crate::base::text::printable(&out).into_owned())
}

fn text(out: &mut String, picture: &TablePicture) {
    let known = match picture.known {
        Some(table) if table.name() == picture.name => String::new(),
        Some(table) => format!(", known as {table}"),
        None => ", not known".to_owned(),
    };
    _ = writeln!(out, "{}: {}, {} rows{known}", picture.at, picture.name, grouped(picture.rows));
    for column in &picture.columns {
        let known = match &column.known {
            Some(name) if *name == column.name => String::new(),
            Some(name) => format!(" = {name}"),
            None => " (not known)".to_owned(),
        };
        _ = write!(out, "  {}{known}: {} NULL", column.name, grouped(column.nulls));
        if column.values > 0 {
            let (distinct, more) = (column.distinct.len(), if column.more { " or more" } else { "" });
            _ = write!(out, ", {distinct}{more} distinct");
            if let Some((smallest, largest)) = bounds(column) {
                _ = write!(out, ", from {smallest:?} to {largest:?}");
            }
            let words = words(column);
            if !column.more && !words.is_empty() {
                _ = write!(out, ": {}", words.join(", "));
            }
        }
        out.push('\n');
    }
    out.push('\n');
}

fn bounds(column: &ColumnPicture) -> Option<(String, String)> {
    let shown = |value: &Option<String>| Some(shown(column, value.as_deref()?));
    Some((shown(&column.smallest)?, shown(&column.largest)?))
}

fn words(column: &ColumnPicture) -> Vec<String> {
    let all = column.distinct.iter().take(SHOWN_VALUES);
    let words = all.map(|(word, seen)| format!("{:?} ({})", shown(column, word), grouped(seen.rows)));
    words.collect()
}

/// A value, shortened; that of a column that may contain secrets not at all.
fn shown(column: &ColumnPicture, value: &str) -> String {
    let name = column.name.to_ascii_lowercase();
    if SECRET.iter().any(|word| name.contains(word)) {
        return "…".to_owned();
    }
    match value.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", value.get(..end).unwrap_or_default()),
        None => value.to_owned(),
    }
}

fn json(picture: &TablePicture) -> serde_json::Value {
    let columns: Vec<_> = picture
        .columns
        .iter()
        .map(|column| {
            let bounds = bounds(column);
            let words: Vec<_> = column
                .distinct
                .iter()
                .map(|(word, seen)| serde_json::json!({ "value": shown(column, word), "rows": seen.rows }))
                .collect();
            serde_json::json!({
                "name": column.name,
                "known_as": column.known,
                "nulls": column.nulls,
                "values": column.values,
                "distinct": words,
                "more_distinct": column.more,
                "smallest": bounds.as_ref().map(|(smallest, _)| smallest),
                "largest": bounds.as_ref().map(|(_, largest)| largest),
            })
        })
        .collect();
    serde_json::json!({
        "dump": picture.at.dump,
        "line": picture.at.position.line,
        "name": picture.name,
        "known_as": picture.known.map(parsers::table::Table::name),
        "rows": picture.rows,
        "columns": columns,
    })
}
