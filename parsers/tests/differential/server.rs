//! Runs pg_dump and psql against the private server, in bytes: a dump need not be UTF-8.

use crate::tables::{Rows, Tables};
use fixtures::server::{SUPERUSER, Server, shared};
use std::collections::HashMap;
use std::io::Write;
use std::process::{Command, Stdio};

/// The server of these tests.
pub(crate) fn server() -> &'static Server {
    shared()
}

fn command(program: &str, database: &str) -> Command {
    let mut command = Command::new(server().installation().program(program));
    command.env_clear().args(["-U", SUPERUSER, "-p", &server().port().to_string(), "-h"]);
    command.arg(server().folder()).args(["-d", database]);
    command
}

#[track_caller]
fn run(mut command: Command, input: &[u8]) -> Vec<u8> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        // On a thread of its own, so that neither side waits for the other.
        scope.spawn(move || drop(stdin.write_all(input)));
        child.wait_with_output().unwrap()
    });
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// Dumps a database; `strings` is its standard_conforming_strings.
#[track_caller]
pub(crate) fn pg_dump(database: &str, arguments: &[&str], strings: bool) -> Vec<u8> {
    let mut command = command("pg_dump", database);
    let strings = if strings { "on" } else { "off" };
    command.env("PGOPTIONS", format!("-c standard_conforming_strings={strings}")).args(arguments);
    run(command, b"")
}

/// Loads dumps into a new database; answers its name.
#[track_caller]
pub(crate) fn load(dumps: &[&[u8]]) -> String {
    let database = server().create_db();
    for dump in dumps {
        let mut psql = command("psql", &database);
        psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", "-"]);
        run(psql, dump);
    }
    database
}

/// Reads tables back, as COPY text in UTF-8.
#[track_caller]
pub(crate) fn read_back(database: &str, tables: &Tables) -> Tables {
    let kinds = kinds(database);
    let read = |(table, rows): (&String, &Rows)| (table.clone(), read_table(database, table, rows, &kinds));
    tables.iter().map(read).collect()
}

/// The type of each column by table and name, and whether it is computed (`ALWAYS` or `NEVER`).
type Kinds = HashMap<(String, String), String>;

fn kinds(database: &str) -> Kinds {
    let columns = server().psql(
        database,
        "SELECT table_name, column_name, data_type || ' ' || is_generated FROM information_schema.columns \
         WHERE table_schema = 'public'",
    );
    let lines = columns.lines().map(|line| line.split('|').map(str::to_owned).collect::<Vec<_>>());
    lines.map(|line| ((line[0].clone(), line[1].clone()), line[2].clone())).collect()
}

fn read_table(database: &str, table: &str, rows: &Rows, kinds: &Kinds) -> Rows {
    // pg_dump writes booleans of an INSERT as words, and DEFAULT for a column that is computed.
    let columns = rows.columns.iter().map(|column| {
        let name = format!("\"{}\"", column.replace('"', "\"\""));
        match (rows.inserts, kinds[&(table.to_owned(), column.clone())].as_str()) {
            (true, "boolean NEVER") => format!("{name}::text"),
            (true, kind) if kind.ends_with("ALWAYS") => "NULL".to_owned(),
            _ => name,
        }
    });
    let columns: Vec<String> = columns.collect();
    let mut psql = command("psql", database);
    psql.env("PGCLIENTENCODING", "UTF8").args(["-X", "-q", "-c"]);
    psql.arg(format!("COPY (SELECT {} FROM {table}) TO STDOUT", columns.join(", ")));
    let text = String::from_utf8(run(psql, b"")).unwrap();
    let read = text.split_terminator('\n').map(|line| line.split('\t').map(field).collect());
    Rows { columns: rows.columns.clone(), inserts: rows.inserts, rows: read.collect() }
}

/// A field of the server's COPY text, which has six escapes and NULL.
fn field(text: &str) -> Option<String> {
    if text == "\\N" {
        return None;
    }
    let mut parts = text.split('\\');
    let mut value = parts.next().unwrap().to_owned();
    let mut escaped = false;
    for part in parts {
        if std::mem::take(&mut escaped) {
            value.push_str(part);
            continue;
        }
        let Some(first) = part.chars().next() else {
            // Two backslashes in a row: what follows the second one is plain.
            value.push('\\');
            escaped = true;
            continue;
        };
        value.push(match first {
            'b' => '\u{8}',
            't' => '\t',
            'n' => '\n',
            'v' => '\u{b}',
            'f' => '\u{c}',
            'r' => '\r',
            other => panic!("the server escapes {other:?}"),
        });
        value.push_str(&part[1..]);
    }
    Some(value)
}
