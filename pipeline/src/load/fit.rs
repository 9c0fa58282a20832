//! Fits Karbor's tables to the columns that a target really has.
//!
//! Pure: what a target has is read elsewhere, and what does not fit is told, not mended.

use crate::karbor::layout::{ColumnLayout, FURTHER, Format, Layout, Stored, Width, Wire, quoted};
use crate::karbor::{Kind, Table, WRITTEN};
use crate::load::names::TargetNames;

/// A column that a target has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// Its name.
    pub(crate) name: String,
    /// Its type as the target prints it.
    pub(crate) type_name: String,
    /// How values are sent for it.
    pub(crate) wire: Wire,
    /// How long text may be.
    pub(crate) width: Width,
    /// How much of a value it stores.
    pub(crate) stored: Stored,
    /// Whether it refuses NULL.
    pub(crate) not_null: bool,
    /// Whether the target fills it by itself when it is not named.
    pub(crate) default: bool,
    /// Whether the target computes it, so that it cannot be written.
    pub(crate) computed: bool,
}

/// How well a table fits.
#[derive(Debug)]
pub(crate) struct Fit {
    /// The table as it will be filled.
    pub(crate) layout: Layout,
    /// What the operator should know.
    pub(crate) warnings: Vec<String>,
    /// Why it cannot be filled at all.
    pub(crate) problems: Vec<Problem>,
}

/// Why a table cannot be filled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Problem {
    /// Karbor cannot do without the column.
    #[error("{table} has no column {column}, which Karbor needs")]
    Missing {
        /// The target's name of the table.
        table: String,
        /// The target's name of the column.
        column: String,
    },
    /// A column that must have a value and is none of ours.
    #[error(
        "{table}.{column} ({type_name}) must have a value, has no default, and is no column that etl fills"
    )]
    Unfilled {
        /// The target's name of the table.
        table: String,
        /// Its own name.
        column: String,
        /// Its type.
        type_name: String,
    },
    /// The key that the target is to number by itself, which it does not.
    #[error("{table}.{column} has no default, so nothing numbers the rows")]
    Unnumbered {
        /// The target's name of the table.
        table: String,
        /// The target's name of the key.
        column: String,
    },
}

impl Problem {
    /// What to do about it.
    pub(crate) fn remedy(&self) -> String {
        match self {
            Self::Missing { .. } => {
                "give the column's name in this target with --columns (`etl columns` prints the map), or add it \
                 (`etl schema` prints the tables)"
                    .to_owned()
            }
            Self::Unfilled { table, column, .. } => {
                format!("give it a default (ALTER TABLE {table} ALTER {column} SET DEFAULT …) or drop its NOT NULL")
            }
            Self::Unnumbered { table, column } => format!(
                "CREATE SEQUENCE {table}_{column}_seq; SELECT setval('{table}_{column}_seq', coalesce(max({column}), 0) + 1, \
                 false) FROM {table}; ALTER TABLE {table} ALTER {column} SET DEFAULT nextval('{table}_{column}_seq')"
            ),
        }
    }
}

/// The table as this program would make it, under the target's names.
pub(crate) fn built_in(table: &'static Table, names: &TargetNames, format: Format) -> Layout {
    let mut layout = Layout::built_in(table, format);
    layout.name = names.table(table.name).to_owned();
    layout.into = quoted(&layout.name);
    for column in &mut layout.columns {
        column.name = names.column(table.name, &column.name).to_owned();
    }
    for (name, targets) in &mut layout.further {
        *targets = names.column(table.name, name).to_owned();
    }
    layout
}

/// All tables as this program would make them, in the order of [`WRITTEN`].
pub(crate) fn all_built_in(names: &TargetNames, format: Format) -> [Layout; 6] {
    WRITTEN.map(|table| built_in(table, names, format))
}

/// Fits `table` to the columns `found`. A column whose type cannot be sent in `format` makes the whole table go as text.
pub(crate) fn fit(table: &'static Table, names: &TargetNames, found: &[Found], format: Format) -> Fit {
    let name = names.table(table.name);
    let mut warnings = Vec::new();
    let mut problems = Vec::new();
    let mut columns = Vec::new();
    let mut format = format;
    for (value, column) in table.columns.iter().enumerate() {
        let wanted = names.column(table.name, column.name);
        match found.iter().find(|found| found.name == wanted && !found.computed) {
            Some(found) => {
                let wire = if can_send(column.kind, found.wire) { found.wire } else { Wire::Unknown };
                if wire == Wire::Unknown && format == Format::Binary {
                    let kind = &found.type_name;
                    warnings.push(format!(
                        "{name}.{wanted} is of the type {kind}, which only the server can read: rows of {name} are sent as \
                         text, which is slower"
                    ));
                    format = Format::Text;
                }
                let (width, nullable, stored) = (found.width, !found.not_null, found.stored);
                columns.push(ColumnLayout { value, name: wanted.to_owned(), wire, width, nullable, stored });
            }
            None if column.optional => {
                warnings.push(format!("the target has no column {name}.{wanted}: it is left out"));
            }
            None => problems.push(Problem::Missing { table: name.to_owned(), column: wanted.to_owned() }),
        }
    }
    let key = table.serial.then(|| names.column(table.name, "id"));
    if let Some(key) = key {
        let (table, column) = (name.to_owned(), key.to_owned());
        match found.iter().find(|found| found.name == key) {
            Some(found) if found.default => {}
            Some(_) => problems.push(Problem::Unnumbered { table, column }),
            None => problems.push(Problem::Missing { table, column }),
        }
    }
    let unfilled = found.iter().filter(|found| {
        let ours = Some(found.name.as_str()) == key || columns.iter().any(|laid| laid.name == found.name);
        found.not_null && !found.default && !found.computed && !ours
    });
    problems.extend(unfilled.map(|found| Problem::Unfilled {
        table: name.to_owned(),
        column: found.name.clone(),
        type_name: found.type_name.clone(),
    }));
    let has = |wanted: &str| found.iter().any(|found| found.name == wanted);
    let filled =
        |name: &str| columns.iter().any(|laid| table.columns.get(laid.value).is_some_and(|c| c.name == name));
    let further = FURTHER.iter().filter(|name| !filled(name) && has(names.column(table.name, name)));
    let further = further.map(|name| (*name, names.column(table.name, name).to_owned())).collect();
    let layout =
        Layout { table, name: name.to_owned(), into: quoted(name), columns, further, format, staging: false };
    Fit { layout, warnings, problems }
}

/// Whether a value of `kind` can be sent as `wire`; by [`Layout::encode`].
fn can_send(kind: Kind, wire: Wire) -> bool {
    match kind {
        Kind::Varchar(_) | Kind::Text => matches!(wire, Wire::Text | Wire::Json | Wire::Jsonb | Wire::Uuid),
        Kind::Integer => matches!(wire, Wire::Int2 | Wire::Int4 | Wire::Int8 | Wire::Numeric | Wire::Text),
        Kind::Boolean => {
            matches!(wire, Wire::Bool | Wire::Int2 | Wire::Int4 | Wire::Int8 | Wire::Numeric | Wire::Text)
        }
        Kind::Timestamp => matches!(wire, Wire::Timestamp | Wire::Text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::karbor::{RESOURCES, Value};
    use proptest::prelude::*;

    fn found(name: &str, wire: Wire) -> Found {
        let (name, type_name) = (name.to_owned(), format!("{wire:?}"));
        Found {
            name,
            type_name,
            wire,
            width: Width::Unlimited,
            stored: Stored::Whole,
            not_null: false,
            default: false,
            computed: false,
        }
    }

    /// What upstream Karbor has.
    fn resources() -> Vec<Found> {
        let mut columns: Vec<_> =
            RESOURCES.columns.iter().map(|column| found(column.name, Wire::Text)).collect();
        for column in &mut columns {
            match column.name.as_str() {
                "created_at" | "updated_at" => column.wire = Wire::Timestamp,
                "deleted" => column.wire = Wire::Bool,
                _ => {}
            }
        }
        columns.push(Found { not_null: true, default: true, ..found("id", Wire::Int4) });
        columns.push(found("deleted_at", Wire::Timestamp));
        columns
    }

    #[track_caller]
    fn check(columns: &[Found], format: Format, warnings: &[&str], problems: &[&str]) {
        let fit = fit(&RESOURCES, &TargetNames::default(), columns, Format::Binary);
        let starts = |texts: Vec<String>, starts: &[&str]| {
            assert_eq!(texts.len(), starts.len(), "{texts:?}");
            for (text, start) in texts.iter().zip(starts) {
                assert!(text.contains(start), "{text}");
            }
        };
        starts(fit.warnings, warnings);
        starts(fit.problems.iter().map(ToString::to_string).collect(), problems);
        assert_eq!(fit.layout.format, format);
    }

    #[test]
    fn what_a_target_lacks_or_has_too_much_is_told() {
        let all = resources();
        let without = |name: &str| all.iter().filter(|found| found.name != name).cloned().collect::<Vec<_>>();
        let with = |found: Found| [without(&found.name), vec![found]].concat();
        let not_null = |found: Found| Found { not_null: true, ..found };
        let binary = Format::Binary;
        check(&all, binary, &[], &[]);
        check(
            &without("resource_extra_info"),
            binary,
            &["resources.resource_extra_info: it is left out"],
            &[],
        );
        check(&without("plan_id"), binary, &[], &["resources has no column plan_id"]);
        check(&without("id"), binary, &[], &["resources has no column id"]);
        check(&with(found("id", Wire::Int4)), binary, &[], &["resources.id has no default"]);
        check(
            &with(not_null(found("shard", Wire::Int4))),
            binary,
            &[],
            &["resources.shard (Int4) must have a value"],
        );
        check(&with(Found { default: true, ..not_null(found("shard", Wire::Int4)) }), binary, &[], &[]);
        check(
            &with(Found { computed: true, ..found("updated_at", Wire::Timestamp) }),
            binary,
            &["updated_at: it is left"],
            &[],
        );
        check(
            &with(found("resource_type", Wire::Unknown)),
            Format::Text,
            &["resources.resource_type is of the type Unknown"],
            &[],
        );
        check(
            &with(found("created_at", Wire::Int8)),
            Format::Text,
            &["resources.created_at is of the type Int8"],
            &[],
        );
        check(&with(found("deleted", Wire::Int2)), binary, &[], &[]);
    }

    #[test]
    fn the_targets_names_are_used_throughout() {
        let json = r#"{"resources": {"name": "r", "columns": {"plan_id": "policy"}}}"#;
        let names = TargetNames::from_entries(&mut serde_json::Deserializer::from_str(json)).unwrap();
        let mut columns = resources();
        columns[0].name = "policy".to_owned();
        let fit = fit(&RESOURCES, &names, &columns, Format::Binary);
        assert_eq!((fit.layout.name.as_str(), fit.layout.columns[0].name.as_str()), ("r", "policy"));
        assert!(fit.problems.is_empty() && fit.warnings.is_empty());
        assert_eq!(built_in(&RESOURCES, &names, Format::Text).columns[0].name, "policy");
    }

    proptest! {
        /// What is taken for sendable never fails in the encoding because of its type.
        #[test]
        fn a_sendable_type_can_be_encoded(kind in 0usize..4, wire in 0usize..9, small in 0i64..100) {
            let kind = [Kind::Text, Kind::Integer, Kind::Boolean, Kind::Timestamp][kind];
            let wire = [
                Wire::Text, Wire::Json, Wire::Jsonb, Wire::Bool, Wire::Int2, Wire::Int4, Wire::Int8, Wire::Numeric,
                Wire::Timestamp,
            ][wire];
            let value = match kind {
                Kind::Integer => Value::Int(small),
                Kind::Boolean => Value::Bool(small % 2 == 0),
                Kind::Timestamp => Value::Time(parsers::value::Timestamp::from_micros(small)),
                _ => Value::Text("{}"),
            };
            let laid = ColumnLayout { value: 0, name: "c".into(), wire, width: Width::Unlimited, nullable: true, stored: Stored::Whole };
            let layout = Layout { columns: vec![laid], ..Layout::built_in(&RESOURCES, Format::Binary) };
            prop_assert_eq!(layout.encode(&[value], &mut Vec::new()).is_ok(), can_send(kind, wire));
        }
    }
}
