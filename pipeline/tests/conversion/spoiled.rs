//! Whole sites with fields spoiled at random: whatever is wrong, every row has one outcome, what is set aside is rejected
//! again for the same reason, and neither threads nor the order of the dumps change the rows.

use crate::harness::{Dump, Outcome, Setup};
use crate::landing::Row;
use fixtures::{Database, Layout, Site};
use pipeline::error::Error;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// What a field is spoiled with: a value, as COPY writes it.
const VALUES: [&str; 22] = [
    "\\N",
    "",
    "t",
    "f",
    "0",
    "-1",
    "1",
    "366",
    "99999999999999999999",
    "deleted",
    "creating",
    "infinity",
    "24:00",
    "MON",
    "0 0 1 L * ?",
    "UTC+15:00",
    "{",
    "{}",
    "replication",
    "local_and_remote",
    "\\000",
    "a\tb",
];

/// Dumps, and where the rows of their blocks are: the dump and the line.
type Sources = (Vec<Dump>, Vec<(usize, usize)>);

/// The dumps of a small site.
fn site() -> &'static Sources {
    static SITE: OnceLock<Sources> = OnceLock::new();
    SITE.get_or_init(|| {
        let site = Site {
            backups: 40,
            policies: 8,
            job_records: 20,
            dps_plans: 8,
            dps_copies: 20,
            ..Site::bundled()
        };
        let mut rows = Vec::new();
        let dumps: Vec<Dump> = Database::ALL
            .iter()
            .enumerate()
            .map(|(n, database)| {
                let mut bytes = Vec::new();
                site.write(*database, &Layout::default(), &mut bytes).unwrap();
                let lines = std::str::from_utf8(&bytes).unwrap().lines().enumerate();
                rows.extend(lines.filter(|(_, line)| line.contains('\t')).map(|(line, _)| (n, line)));
                (database.file_name().to_owned(), bytes)
            })
            .collect();
        (dumps, rows)
    })
}

/// The dumps with some fields spoiled: the row, the field and the value, by numbers of any size. A value beyond the list
/// is that of the row before, which makes rows of one key and rows of other families.
fn spoiled(faults: &[(usize, usize, usize)]) -> Vec<Dump> {
    let (dumps, rows) = site();
    let mut texts: Vec<Vec<String>> = dumps
        .iter()
        .map(|(_, bytes)| std::str::from_utf8(bytes).unwrap().lines().map(str::to_owned).collect())
        .collect();
    for (row, field, value) in faults {
        let (dump, line) = rows[row % rows.len()];
        let before = texts[dump][line - 1].clone();
        let mut fields: Vec<&str> = texts[dump][line].split('\t').collect();
        let at = field % fields.len();
        let neighbour = before.split('\t').nth(at).unwrap_or("\\N");
        fields[at] = VALUES.get(value % (VALUES.len() + 8)).copied().unwrap_or(neighbour);
        texts[dump][line] = fields.join("\t");
    }
    let text =
        |lines: &Vec<String>| lines.iter().map(|line| format!("{line}\n")).collect::<String>().into_bytes();
    dumps.iter().zip(&texts).map(|((name, _), lines)| (name.clone(), text(lines))).collect()
}

fn sorted(out: &Outcome) -> BTreeMap<&'static str, Vec<Row>> {
    let mut tables = out.landed.rows.clone();
    tables.values_mut().for_each(|rows| rows.sort());
    tables
}

/// A run with the bad rows set aside; `None` where a key is there twice, which only the target finds.
fn run(dumps: &[Dump], threads: usize) -> Option<Outcome> {
    let mut setup = Setup { threads, ..Setup::aside() };
    setup.limits.chunk = 2_000;
    match setup.run(dumps) {
        Ok(out) => {
            assert!(out.committed());
            Some(out)
        }
        Err(Error::TargetRow { .. } | Error::Target { .. }) => None,
        Err(error) => panic!("{error}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_row_has_one_outcome(faults in prop::collection::vec(any::<(usize, usize, usize)>(), 1..12)) {
        let dumps = spoiled(&faults);
        let Some(out) = run(&dumps, 2) else { return Ok(()) };
        let other = run(&dumps, 7).unwrap();
        prop_assert!(other.landed.bytes == out.landed.bytes);
        prop_assert_eq!(&other.report.sources, &out.report.sources);

        let mut turned = dumps.clone();
        turned.reverse();
        let other = run(&turned, 2).unwrap();
        prop_assert!(sorted(&other) == sorted(&out));
        prop_assert_eq!(&other.report.sources, &out.report.sources);

        if out.report.rejected == 0 {
            prop_assert!(out.left_nothing());
            return Ok(());
        }
        // Run again with what was set aside, unmended: the same rows, and the same number set aside.
        let mut again = dumps;
        again.push(("again.sql".to_owned(), out.rejects_file()));
        let Some(other) = run(&again, 2) else { return Ok(()) };
        let told = || {
            let file = String::from_utf8_lossy(&again[4].1).into_owned();
            format!("{file}\n{:#?}\n{:#?}", out.report.rejections, other.report.rejections)
        };
        prop_assert!(sorted(&other) == sorted(&out), "{}", told());
        prop_assert_eq!(other.report.rejected, out.report.rejected, "{}", told());
    }
}
