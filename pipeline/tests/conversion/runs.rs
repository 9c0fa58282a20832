//! The same dumps give the same rows: with any number of threads, in any order, cut into any pieces, in any form.

use crate::dumps::*;
use crate::harness::{Dump, Outcome, Setup, dumps_of};
use crate::landing::Row;
use fixtures::{Database, Layout, Site};
use std::collections::BTreeMap;

fn dumps_of_site(site: &Site, layout: &Layout) -> Vec<Dump> {
    let dump = |database: Database| {
        let mut bytes = Vec::new();
        site.write(database, layout, &mut bytes).unwrap();
        (database.file_name().to_owned(), bytes)
    };
    Database::ALL.map(dump).into()
}

fn sorted(out: &Outcome) -> BTreeMap<&'static str, Vec<Row>> {
    let mut tables = out.landed.rows.clone();
    tables.values_mut().for_each(|rows| rows.sort());
    tables
}

#[test]
fn the_bytes_do_not_depend_on_threads_or_chunks() {
    let dumps = dumps_of_site(&Site::sized(11, 3_000), &Layout::default());
    let run = |threads: usize, chunk: usize| {
        let mut setup = Setup { threads, ..Setup::default() };
        setup.limits.chunk = chunk;
        setup.run(&dumps).unwrap()
    };
    let first = run(1, 256 << 10);
    assert!(first.committed());
    assert_eq!(first.landed.bytes.len(), 6);
    for (threads, chunk) in [(2, 256 << 10), (16, 256 << 10), (1, 4 << 10), (2, 700), (16, 4 << 10)] {
        let other = run(threads, chunk);
        for (table, bytes) in &first.landed.bytes {
            assert!(bytes == &other.landed.bytes[table], "{table} with {threads} threads, chunks of {chunk}");
        }
        assert_eq!(other.report.sources, first.report.sources);
    }
}

/// Rejections come in the order of the rows, too, and the file of set-aside rows is the same.
#[test]
fn rejections_do_not_depend_on_threads() {
    let rows: Vec<Source> = (0..2_000)
        .map(|n| {
            let row = backup(&format!("b-{n}"));
            if n % 97 == 5 { row.with("size", "large") } else { row }
        })
        .collect();
    let dumps = dumps_of(&rows, Form::Copy);
    let run = |threads: usize| {
        let mut setup = Setup { threads, ..Setup::aside() };
        setup.limits.chunk = 2_000;
        setup.run(&dumps).unwrap()
    };
    let first = run(1);
    assert_eq!(first.report.rejected, 21);
    for threads in [2, 16] {
        let other = run(threads);
        assert_eq!((other.rejected(), other.rejects_file()), (first.rejected(), first.rejects_file()));
        assert_eq!(other.landed.bytes, first.landed.bytes);
    }
}

#[test]
fn the_rows_do_not_depend_on_the_order_of_the_dumps() {
    let mut dumps = dumps_of_site(&Site::sized(12, 400), &Layout::default());
    let first = sorted(&Setup::default().run(&dumps).unwrap());
    for turn in 0..3 {
        dumps.rotate_left(1);
        let out = Setup::default().run(&dumps).unwrap();
        assert_eq!(sorted(&out), first, "turned {turn} times");
    }
    dumps.reverse();
    assert_eq!(sorted(&Setup::default().run(&dumps).unwrap()), first);
}

/// Rows that are joined into one may stand in different dumps; which of them counts is not a matter of which comes first.
#[test]
fn of_joined_rows_the_same_one_counts_in_any_order() {
    let policy_id = "11111111-1111-4111-8111-111111111111";
    let both: [(Vec<Source>, Vec<Source>); 6] = [
        (vec![policy(policy_id), tag(policy_id, "k", "one")], vec![tag(policy_id, "k", "two")]),
        (
            vec![policy(policy_id), resource(policy_id, "v").with("availability_zone", "az1")],
            vec![resource(policy_id, "v").with("availability_zone", "az2")],
        ),
        (
            vec![
                policy(policy_id),
                extend("e", policy_id),
                trigger("t1", "0 0 1 * * ?"),
                trigger("t2", "0 0 2 * * ?"),
                relation("1", policy_id, "t1").without("id"),
            ],
            vec![relation("2", policy_id, "t2").without("id")],
        ),
        (
            [sound_plan("plan-1", "pol"), vec![spec("pol", "k", "one")]].concat(),
            vec![spec("pol", "k", "two")],
        ),
        (
            {
                let mut rows = sound_plan("plan-1", "pol");
                rows[3] = dps_policy("pol", "remote");
                rows.push(destination("1", "pol", "one").without("id"));
                rows
            },
            vec![destination("1", "pol", "two").without("id")],
        ),
        (
            vec![
                backup("b").with("status", "creating"),
                job("1", policy_id, "volume-1", "manualbk_1").with("taskmgr_job_id", "one"),
            ],
            vec![job("2", policy_id, "volume-1", "manualbk_1").with("taskmgr_job_id", "two")],
        ),
    ];
    let setup = Setup::set(|settings| settings.unsteady = pipeline::settings::Unsteady::Carry);
    for (one, other) in both {
        let text = |rows: &[Source], name: &str| {
            (name.to_owned(), dump(&rows.iter().collect::<Vec<_>>(), Form::Copy).into_bytes())
        };
        let (one, other) = (text(&one, "a.sql"), text(&other, "b.sql"));
        let forth = setup.run(&[one.clone(), other.clone()]).unwrap();
        let back = setup.run(&[other, one]).unwrap();
        assert!(forth.committed(), "{:?}", forth.report.rejections);
        assert_eq!(sorted(&forth), sorted(&back));
    }
}

/// A table can have several blocks, and a dump any of the tables.
#[test]
fn it_does_not_matter_which_dump_a_table_stands_in() {
    let mut rows = vec![
        policy("p"),
        resource("p", "v"),
        backup("b-1"),
        backup("b-2"),
        job("j", "p", "volume-1", "manualbk_1"),
        item("i"),
    ];
    rows.extend(sound_plan("plan-1", "pol"));
    let apart = Setup::default().run(&dumps_of(&rows, Form::Copy)).unwrap();
    let all: Vec<&Source> = rows.iter().collect();
    let one = Setup::default().run(&[("all.sql".to_owned(), dump(&all, Form::Copy).into_bytes())]).unwrap();
    assert_eq!(sorted(&one), sorted(&apart));
    let each: Vec<Dump> = rows
        .iter()
        .enumerate()
        .map(|(n, row)| (format!("{n}.sql"), dump(&[row], Form::Insert).into_bytes()))
        .collect();
    let out = Setup::default().run(&each).unwrap();
    assert_eq!(sorted(&out), sorted(&apart));
    assert_eq!(out.report.sources, apart.report.sources);
}

/// A partitioned table is dumped in as many blocks as it has partitions.
#[test]
fn a_table_can_have_many_blocks() {
    let rows: Vec<Source> = (0..60).map(|n| backup(&format!("b-{n:02}"))).collect();
    let blocks: String =
        rows.iter().map(|row| dump(&[row], Form::Copy).replace(HEAD, "").replace(TAIL, "")).collect();
    let together = Setup::default().run(&dumps_of(&rows, Form::Copy)).unwrap();
    for threads in [1, 2, 16] {
        let text = format!("{HEAD}{blocks}{TAIL}");
        let out = Setup { threads, ..Setup::default() }
            .run(&[("cinder.sql".to_owned(), text.into_bytes())])
            .unwrap();
        assert_eq!(out.landed.bytes, together.landed.bytes);
    }
}

/// What is checked is what is written: a check and a full check convert as a run does, and write nothing.
#[test]
fn checks_report_what_a_run_would() {
    use pipeline::options::Mode;
    let dumps = dumps_of_site(&Site::sized(13, 200), &Layout::default());
    let run = Setup::default().run(&dumps).unwrap();
    for (mode, target) in [(Mode::Check, true), (Mode::Check, false), (Mode::FullCheck, true)] {
        let out = Setup { mode, target, ..Setup::default() }.run(&dumps).unwrap();
        assert!(!out.committed());
        assert_eq!(out.report.sources, run.report.sources);
        let written = |out: &Outcome| -> Vec<(String, u64)> {
            out.report.tables.iter().map(|t| (t.table.clone(), t.written())).collect()
        };
        assert_eq!(written(&out), written(&run));
        assert_eq!(out.report.zones, run.report.zones);
        assert_eq!(mode == Mode::FullCheck, out.landed.ended == Some(crate::landing::Ended::RolledBack));
    }
}
