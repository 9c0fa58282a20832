//! A handful of rows for each table, with all that could trip an encoder.

use parsers::value::Timestamp;
use pipeline::karbor::layout::Layout;
use pipeline::karbor::{Value, WRITTEN};
use pipeline::load::{Sink, Survey};

/// Names that mean something to psql, COPY, SQL or a terminal.
pub(crate) const NAMES: [&str; 6] =
    ["每日备份 🗄", "\\.", "\\N", "a\tb\nc\rd\\e", "'; DROP TABLE plans; -- $etl$ :name", "\"quoted\" {json}"];

const PROJECT: &str = "9f1d4c8d0f1b4a2f8f5d6a7b8c9d0e1f";

/// An id that is the same in every run: `0000000N-0000-…`.
pub(crate) fn id(kind: u32, n: usize) -> String {
    format!("{kind:08}-0000-4000-8000-{n:012}")
}

/// The rows of the table at `table` in [`WRITTEN`]; the service is what a survey found.
pub(crate) fn encoded(table: usize, layout: &Layout, service: Option<i64>) -> (Vec<u8>, u64) {
    let mut out = Vec::new();
    for (n, name) in NAMES.iter().enumerate() {
        with_row(table, n, name, service, |row| layout.encode(row, &mut out).unwrap());
    }
    (out, u64::try_from(NAMES.len()).unwrap())
}

/// Makes the `n`th row of a table and hands it over.
pub(crate) fn with_row(
    table: usize,
    n: usize,
    name: &str,
    service: Option<i64>,
    take: impl FnOnce(&[Value<'_>]),
) {
    let (plan, trigger, operation, item) = (id(1, n), id(3, n), id(4, n), id(6, n));
    let made = Value::Time(Timestamp::parse("2019-07-01 08:00:00.5").unwrap());
    let changed = if n == 1 { Value::Null } else { Value::Time(Timestamp::parse("2019-07-02").unwrap()) };
    let (project, yes, no) = (Value::Text(PROJECT), Value::Bool(true), Value::Bool(false));
    let text = Value::Text;
    let tag = text("imported_from_vbs");
    match WRITTEN[table].name {
        "plans" => take(&[
            text(&plan),
            text(name),
            tag,
            text("p"),
            project,
            text("suspended"),
            text("{\"common\":{}}"),
            made,
            changed,
            no,
        ]),
        "resources" => {
            take(&[
                text(&plan),
                text(&item),
                text("OS::Cinder::Volume"),
                text(name),
                text("{}"),
                made,
                changed,
                no,
            ]);
        }
        "triggers" => {
            let pattern = "{\"pattern\":\"BEGIN:VCALENDAR\\r\\nEND:VCALENDAR\\r\\n\"}";
            take(&[text(&trigger), text(name), project, text("time"), text(pattern), made, changed, no]);
        }
        "scheduled_operations" => take(&[
            text(&operation),
            text(name),
            tag,
            text("backup"),
            project,
            project,
            text(&trigger),
            text("{}"),
            yes,
            made,
            changed,
            no,
        ]),
        "scheduled_operation_states" => {
            let service = service.map_or(Value::Null, Value::Int);
            take(&[text(&operation), service, text("imported"), text("registered"), made, no]);
        }
        _ => {
            let extend = format!("{{\"name\":{}}}", serde_json::Value::from(name));
            take(&[
                text(&item),
                made,
                changed,
                Value::Null,
                no,
                text(&item),
                project,
                project,
                text("p"),
                text(&plan),
                text(&item),
                text(name),
                Value::Null,
                text("az1"),
                text(name),
                text(name),
                text("available"),
                text("0.5"),
                Value::Int(40),
                made,
                text("{}"),
                text(&extend),
            ]);
        }
    }
}

/// Loads all rows; the counts of the target must be ours.
pub(crate) fn load(survey: &Survey, sink: &mut dyn Sink) {
    for (table, layout) in survey.layouts.iter().enumerate() {
        load_table(table, layout, survey, sink);
    }
}

/// Loads the rows of one table.
pub(crate) fn load_table(table: usize, layout: &Layout, survey: &Survey, sink: &mut dyn Sink) {
    let service = survey.service.as_ref().map(|service| service.id);
    let (bytes, rows) = encoded(table, layout, service);
    sink.table(layout).unwrap();
    // In two pieces, the way chunks come.
    let mut first = Vec::new();
    with_row(table, 0, NAMES[0], service, |row| layout.encode(row, &mut first).unwrap());
    let rest = bytes[first.len()..].to_vec();
    for (piece, rows) in [(first, 1), (rest, rows - 1)] {
        sink.rows(piece, rows).unwrap_or_else(|refusal| panic!("{:?}", refusal.error));
    }
    assert_eq!(sink.end().unwrap_or_else(|refusal| panic!("{:?}", refusal.error)), rows, "{}", layout.name);
}
