//! First contact: dumps that are not what the map says never convert in silence.

use crate::harness::{Dump, Setup};
use parsers::columns::ColumnMap;
use parsers::columns::need::{ColumnNeed, Need, Type, needs};
use parsers::table::Table;
use pipeline::outcome::Ending;

/// The sample dumps, which have every column of every table.
fn samples() -> Vec<Dump> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/dumps");
    ["cinder.sql", "vbs.sql", "dps.sql", "taskmgr.sql"]
        .map(|name| (name.to_owned(), std::fs::read(format!("{folder}/{name}")).unwrap()))
        .to_vec()
}

/// A check by the map that is built in, with some of it changed.
fn setup(overrides: &str) -> Setup {
    let mut columns = ColumnMap::built_in().unwrap();
    columns.override_with(overrides).unwrap();
    // Rejected rows are set aside: what is not found must end the run all the same.
    Setup { columns, rejects: true, proof: None, ..Setup::default() }
}

/// What is done to a column of a dump.
#[derive(Clone, Copy, Debug)]
enum Change {
    Renamed,
    Dropped,
    Retyped,
}

/// A value that no value of such a column can be; `None` where any text is one.
fn strange(need: &ColumnNeed) -> Option<&'static str> {
    Some(match need.kind {
        Type::Text => return None,
        Type::Integer | Type::Boolean => "many",
        Type::Timestamp => "1539862756668",
        Type::Json => "text",
        Type::Words if need.open && need.words.iter().any(|word| word == "1") => {
            return need.words.iter().all(|word| word.len() == 1).then_some("word");
        }
        Type::Words => "77",
    })
}

/// The dumps with a column changed, and the number of values that it had.
fn changed(dumps: &[Dump], table: Table, column: &str, change: Change, strange: &str) -> (Vec<Dump>, usize) {
    let mut values = 0;
    let mut edit = |bytes: &[u8]| -> Vec<u8> {
        let mut place = None;
        let mut out = String::new();
        for line in std::str::from_utf8(bytes).unwrap().lines() {
            let head = format!("COPY {table} (");
            if let Some((list, rest)) = line.strip_prefix(&head).and_then(|rest| rest.split_once(')')) {
                let mut names: Vec<&str> = list.split(", ").collect();
                let at = names.iter().position(|name| *name == column).unwrap();
                match change {
                    Change::Renamed => names[at] = "quite_another",
                    Change::Dropped => drop(names.remove(at)),
                    Change::Retyped => {}
                }
                place = Some(at);
                out += &format!("{head}{}){rest}\n", names.join(", "));
                continue;
            }
            if line == "\\." {
                place = None;
            }
            let mut fields: Vec<&str> = line.split('\t').collect();
            if let Some(at) = place {
                let is_value = !matches!(fields[at], "\\N" | "");
                values += usize::from(is_value);
                match change {
                    Change::Renamed => {}
                    Change::Dropped => drop(fields.remove(at)),
                    Change::Retyped if is_value => fields[at] = strange,
                    Change::Retyped => {}
                }
            }
            out += &fields.join("\t");
            out.push('\n');
        }
        out.into_bytes()
    };
    let dumps = dumps.iter().map(|(name, bytes)| (name.clone(), edit(bytes))).collect();
    (dumps, values)
}

/// Every table and every column that a rule reads, by the declaration: renamed, dropped or retyped, it is never converted.
#[test]
fn a_column_that_is_not_as_declared_ends_the_run() {
    let all = samples();
    setup("").run(&all).unwrap();
    let mut tried = [0; 3];
    for table in Table::ALL {
        let head = format!("COPY {table} (");
        let has = |dump: &&Dump| std::str::from_utf8(&dump.1).unwrap().contains(&head);
        let dumps: Vec<Dump> = all.iter().filter(has).cloned().collect();
        assert_eq!(dumps.len(), 1, "{table}");
        for (column, need) in needs(table) {
            if !matches!(need.need, Need::Required | Need::Meaning) {
                continue;
            }
            for change in [Change::Renamed, Change::Dropped, Change::Retyped] {
                let value = match (change, strange(need)) {
                    (Change::Retyped, None) => continue,
                    (_, value) => value.unwrap_or_default(),
                };
                let (dumps, values) = changed(&dumps, table, column, change, value);
                if matches!(change, Change::Retyped) && values < 3 {
                    continue;
                }
                tried[change as usize] += 1;
                match setup("").run(&dumps) {
                    Err(error) => {
                        let told = error.to_string();
                        assert!(told.contains(table.name()) && told.contains(column), "{told}");
                    }
                    Ok(out) => {
                        assert_eq!(out.report.ending, Ending::Refused, "{table}.{column} {change:?}");
                    }
                }
            }
        }
    }
    assert_eq!(tried[0], tried[1]);
    assert!(tried[0] > 90 && tried[2] > 20, "{tried:?}");
}

const TIMER: [(&str, &str); 2] = [("start_time", "begin_time"), ("time_zone", "tz")];
const RETENTION: [(&str, &str); 2] = [("retention_num", "keep_num"), ("retention_day", "keep_day")];

/// The sample dumps with columns of some tables renamed.
fn renamed(dumps: &[Dump], table: &str, names: &[(&str, &str)]) -> Vec<Dump> {
    let head = format!("COPY {table} (");
    let rename = |line: &str| match line.strip_prefix(&head).and_then(|rest| rest.split_once(')')) {
        Some((list, rest)) => {
            let new = |name: &str| {
                names.iter().find(|(old, _)| *old == name).map_or(name, |(_, new)| *new).to_owned()
            };
            let list: Vec<String> = list.split(", ").map(new).collect();
            format!("{head}{}){rest}\n", list.join(", "))
        }
        None => format!("{line}\n"),
    };
    let edit = |bytes: &[u8]| std::str::from_utf8(bytes).unwrap().lines().map(rename).collect::<String>();
    dumps.iter().map(|(name, bytes)| (name.clone(), edit(bytes).into_bytes())).collect()
}

fn replaced(dumps: &[Dump], from: &str, to: &str) -> Vec<Dump> {
    let edit = |bytes: &[u8]| std::str::from_utf8(bytes).unwrap().replace(from, to).into_bytes();
    dumps.iter().map(|(name, bytes)| (name.clone(), edit(bytes))).collect()
}

/// All that is missing is in one message, and a map that says what it is gives the same rows.
#[test]
fn other_names_and_words_are_told_at_once_and_mapped() {
    let plain = setup("").run(&samples()).unwrap();
    let mut dumps = renamed(&samples(), "schedule_timer", &TIMER);
    dumps = renamed(&dumps, "protection_policy", &RETENTION);
    dumps = replaced(&dumps, "COPY backup_transaction_item (", "COPY backup_trans_item (");
    for (word, number) in [("local_and_remote", "2"), ("remote", "1"), ("local", "0")] {
        let column = |word: &str| format!("\t{word}\t");
        // Of words between tabs only the columns policy_type and target_type have these.
        let (head, tail) = dumps[2].1.split_at(find(&dumps[2].1, "COPY protection_policy ("));
        let (rows, rest) = tail.split_at(find(tail, "\\.\n"));
        let rows = std::str::from_utf8(rows).unwrap().replace(&column(word), &column(number));
        dumps[2].1 = [head, rows.as_bytes(), rest].concat();
    }
    let error = setup("").run(&dumps).unwrap_err().to_string();
    for part in [
        "schedule_timer has no column start_time",
        "perhaps begin_time",
        "perhaps tz",
        "perhaps keep_num",
        "perhaps keep_day",
        "backup_trans_item",
        "it looks like that table under another name",
        "protection_policy.policy_type: no value is local, remote, local_and_remote: \"0\"",
    ] {
        assert!(error.contains(part), "{part} is not in: {error}");
    }
    let map = "[schedule_timer.columns]\nstart_time = [\"begin_time\"]\ntime_zone = [\"tz\"]\n\
               [protection_policy.columns]\nretention_num = [\"keep_num\"]\nretention_day = [\"keep_day\"]\n\
               [protection_policy.values]\npolicy_type = { 0 = \"local\", 1 = \"remote\", 2 = \"local_and_remote\" }\n\
               [backup_transaction_item]\nnames = [\"backup_trans_item\"]\n";
    let mapped = setup(map).run(&dumps).unwrap();
    assert_eq!(mapped.landed.rows, plain.landed.rows);
}

fn find(text: &[u8], wanted: &str) -> usize {
    text.windows(wanted.len()).position(|part| part == wanted.as_bytes()).unwrap()
}

/// A column that the map declares absent may be absent; a required one cannot be declared so.
#[test]
fn a_column_may_be_declared_absent() {
    let (dumps, _) = changed(&samples(), Table::ScheduleTimer, "time_zone", Change::Dropped, "");
    setup("[schedule_timer]\nabsent = [\"time_zone\"]\n").run(&dumps).unwrap();
    let mut map = ColumnMap::built_in().unwrap();
    let refusal = map.override_with("[schedule_timer]\nabsent = [\"policy_id\"]\n").unwrap_err().to_string();
    assert!(refusal.contains("cannot be declared absent"), "{refusal}");
    assert!(map.assume_absent("schedule_timer", "timezone").is_err());
}
