//! Rows of a bulk table that the dumps contain twice: whatever became of either, nobody knows which of them is right.

use crate::dumps::*;
use crate::history::{changed, copy, site};
use crate::site::Site;
use pipeline::error::Error;
use pipeline::options::Mode;

type Dumps = Vec<(&'static str, Vec<u8>)>;

/// The site's dumps, and one more with these rows.
fn with_another(rows: &[Source], name: &'static str, more: &[Source]) -> Dumps {
    let texts = ["cinder.sql", "vbs.sql", "dps.sql"].map(|file| {
        let rows: Vec<&Source> = rows.iter().filter(|row| file_of(row.table) == file).collect();
        (file, dump(&rows, Form::Copy).into_bytes())
    });
    let more: Vec<&Source> = more.iter().collect();
    texts.into_iter().chain([(name, dump(&more, Form::Insert).into_bytes())]).collect()
}

/// What each way of reading these dumps says of them: without a target, into an empty one, and into one with rows.
fn all_ways(site: &mut Site, rows: &[Source], dumps: &Dumps) -> Vec<String> {
    let said =
        |result: Result<_, Error>| result.map_or_else(|error| error.to_string(), |_| "fine".to_owned());
    let mut out = vec![said(site.convert(dumps.clone()))];
    for ready in [false, true] {
        if ready {
            site.run(rows);
        }
        let before = site.rows();
        for mode in [Mode::Run, Mode::Check] {
            site.mode = mode;
            let result = site.try_run_dumps(dumps.clone());
            let failed = result.is_err();
            // Nothing to compare with is nothing to check against: an empty embedded target is not made.
            if site.exists() || mode == Mode::Run {
                out.push(said(result));
            }
            if failed {
                assert_eq!(site.rows(), before);
            }
        }
        site.mode = Mode::Run;
    }
    out.push(site.try_verify(dumps.clone()).map_or_else(|error| error.to_string(), |_| "fine".to_owned()));
    site.roll_back();
    out
}

#[test]
fn a_row_that_comes_twice_is_named_whatever_became_of_it() {
    let deleted = backup(&copy(2)).with("deleted", "t");
    let unfinished = backup(&copy(2)).with("status", "creating");
    let bad = backup(&copy(2)).with("size", "many");
    let deleted_item = item(&copy(50)).with("deleted", "t");
    for (second, rows_first) in [
        (deleted, None),
        (unfinished.clone(), None),
        (bad, None),
        (deleted_item, None),
        (unfinished, Some("t")),
    ] {
        let rows = changed(&self::site(), |row| {
            let row = row.clone();
            Some(match rows_first {
                // Both give no row.
                Some(deleted) if row.is("id", &copy(2)) => row.with("deleted", deleted),
                _ => row,
            })
        });
        let (file, table) = match second.table {
            "backups" => ("cinder.sql", "backups"),
            table => ("dps.sql", table),
        };
        let id = if table == "backups" { copy(2) } else { copy(50) };
        let dumps = with_another(&rows, "more.sql", std::slice::from_ref(&second));
        Site::each(|site| {
            let folder = tempfile::tempdir().unwrap();
            site.rejects = Some(folder.path().join("rejects.sql"));
            for said in all_ways(site, &rows, &dumps) {
                assert!(
                    said.contains(&format!("{file}:")) && said.contains("more.sql:8"),
                    "{second:?}: {said}"
                );
                let what = format!("the dumps contain two rows of {table} with the id {id}");
                assert!(said.contains(&what), "{second:?}: {said}");
            }
        });
    }
}

#[test]
fn a_copy_that_two_tables_contain_is_none_that_comes_twice() {
    // A backup that DPS knows, one of which DPS's row is deleted, and two items that name one backup, of which one waits.
    let mut rows = self::site();
    rows.extend([
        item("i-1").with("backup_id", &copy(60)),
        backup(&copy(60)),
        item("i-2").with("backup_id", &copy(61)).with("deleted", "t"),
        backup(&copy(61)),
        item("i-3").with("backup_id", &copy(62)).with("status", "creating"),
        backup(&copy(62)).with("deleted", "t"),
        item("i-4").with("backup_id", &copy(62)),
    ]);
    let dumps = with_another(&rows, "more.sql", &[backup(&copy(70))]);
    Site::each(|site| {
        let said = all_ways(site, &rows, &dumps);
        assert!(said.iter().all(|said| said == "fine"), "{said:?}");
    });
    // Unless one table contains it twice.
    for second in [backup(&copy(60)), item("i-4").with("backup_id", &copy(99))] {
        let dumps = with_another(&rows, "more.sql", &[second]);
        Site::each(|site| {
            for said in all_ways(site, &rows, &dumps) {
                assert!(said.contains("the dumps contain two rows of "), "{said}");
            }
        });
    }
}
