//! Whole sites: the bundled dumps and generated ones, in every shape, form, encoding and packing, against the counts that
//! the makers of their rows know.

use crate::harness::{Dump, Outcome, Setup};
use crate::landing::Row;
use fixtures::{Database, Encoding, Expected, Form, Inputs, Layout, Newline, Shape, Site};
use std::collections::BTreeMap;
use std::io::Write as _;

fn write(site: &Site, layout: &Layout, databases: &[Database]) -> Vec<Dump> {
    let dump = |database: &Database| {
        let mut bytes = Vec::new();
        site.write(*database, layout, &mut bytes).unwrap();
        (database.file_name().to_owned(), bytes)
    };
    databases.iter().map(dump).collect()
}

/// The report's counts are those that the site expects.
#[track_caller]
fn check(out: &Outcome, expected: &Expected, what: &str) {
    assert_eq!(out.report.rejections, [], "{what}");
    assert!(out.committed(), "{what}");
    for (table, outcomes) in &expected.tables {
        let tally = out.report.sources.iter().find(|(name, _)| name == table).map(|(_, tally)| tally.clone());
        let tally = tally.unwrap_or_default();
        let skipped: BTreeMap<String, u64> =
            tally.skipped.iter().map(|(rule, n)| (rule.to_string(), *n)).collect();
        let wanted: BTreeMap<String, u64> =
            outcomes.skipped.iter().map(|(rule, n)| ((*rule).to_owned(), *n)).collect();
        let found = (tally.read, tally.migrated, tally.all_deferred(), skipped);
        assert_eq!(
            found,
            (outcomes.read(), outcomes.migrated, outcomes.deferred, wanted),
            "{table} of {what}"
        );
    }
    for (table, tally) in &out.report.sources {
        assert!(tally.read == 0 || expected.tables.contains_key(table), "{table} of {what}: {tally:?}");
    }
    let written = |table: &str| out.rows(table).len() as u64;
    let karbor = expected.karbor;
    let found = [
        written("plans"),
        written("resources"),
        written("triggers"),
        written("scheduled_operations"),
        written("scheduled_operation_states"),
        written("checkpoint_items"),
        out.rows("checkpoint_items").iter().filter(|row| row["plan_id"].is_some()).count() as u64,
    ];
    let [plans, resources, operations, items] =
        [karbor.plans, karbor.resources, karbor.operations, karbor.items];
    assert_eq!(
        found,
        [plans, resources, operations, operations, operations, items, karbor.items_with_plan],
        "{what}"
    );
    let reported: Vec<u64> = out.report.tables.iter().map(|table| table.written()).collect();
    assert_eq!(reported, found[..6], "{what}");
}

#[test]
fn the_bundled_dumps_are_converted_as_their_site_expects() {
    let dump =
        |database: Database| (database.file_name().to_owned(), std::fs::read(database.bundled()).unwrap());
    let out = Setup::default().run(&Database::ALL.map(dump)).unwrap();
    check(&out, &Site::bundled().expected(Inputs::ALL), "the bundled site");
}

#[test]
fn any_of_the_dumps_are_converted_as_their_site_expects() {
    use Database::{Cinder, Dps, Taskmgr, Vbs};
    let site = Site::sized(3, 600);
    for databases in [
        &[Cinder][..],
        &[Vbs],
        &[Taskmgr],
        &[Dps],
        &[Cinder, Vbs],
        &[Cinder, Dps],
        &[Vbs, Dps],
        &[Dps, Vbs, Cinder],
        &[Taskmgr, Dps, Vbs, Cinder],
    ] {
        let out = Setup::default().run(&write(&site, &Layout::default(), databases)).unwrap();
        check(&out, &site.expected(Inputs::only(databases)), &format!("{databases:?}"));
    }
}

#[test]
fn sites_of_any_seed_and_size_are_converted_as_they_expect() {
    for (seed, backups) in [(1, 0), (2, 1), (4, 37), (5, 150), (6, 800), (7, 2_500)] {
        let site = Site::sized(seed, backups);
        let out = Setup::default().run(&write(&site, &Layout::default(), &Database::ALL)).unwrap();
        check(&out, &site.expected(Inputs::ALL), &format!("{backups} copies, seed {seed}"));
    }
    let busy =
        Site { policies: 90, job_records: 400, dps_plans: 120, dps_copies: 300, ..Site::sized(8, 500) };
    let out = Setup::default().run(&write(&busy, &Layout::default(), &Database::ALL)).unwrap();
    check(&out, &busy.expected(Inputs::ALL), "a busy site");
    let degenerate = Site { job_records: 3_000, ..Site::degenerate(9, 500) };
    let out = Setup::default().run(&write(&degenerate, &Layout::default(), &Database::ALL)).unwrap();
    check(&out, &degenerate.expected(Inputs::ALL), "a degenerate site");
}

#[test]
fn unfinished_copies_are_carried_as_their_site_expects() {
    let mut site = Site::sized(10, 2_000);
    site.shares.unsteady = 2_000;
    let expected = site.expected(Inputs::ALL);
    assert!(expected.unfinished.carried > 10, "{:?}", expected.unfinished);
    let setup = Setup::set(|settings| settings.unsteady = pipeline::settings::Unsteady::Carry);
    let out = setup.run(&write(&site, &Layout::default(), &Database::ALL)).unwrap();
    let carried =
        out.column("checkpoint_items", "status").iter().filter(|s| **s == "protecting").count() as u64;
    assert_eq!(carried, expected.unfinished.carried);
    assert_eq!(out.rows("checkpoint_items").len() as u64, expected.karbor.items + carried);
}

type Tables = BTreeMap<&'static str, Vec<Row>>;

/// Every layout that a program writes: shape, form and encoding.
fn layouts() -> Vec<Layout> {
    let mut layouts = Vec::new();
    for shape in Shape::ALL {
        for form in [Form::Copy, Form::Inserts, Form::ColumnInserts, Form::MultiRow(7)] {
            if form == Form::MultiRow(7) && !matches!(shape, Shape::PgDump15 | Shape::PgDump18) {
                continue;
            }
            for encoding in Encoding::ALL {
                layouts.push(Layout { form, encoding, ..Layout::of(shape) });
            }
        }
    }
    layouts
}

/// The rows are those of the site, whatever program wrote the dump and however. Words differ by encoding, because not every
/// encoding has every character; so the rows are compared among dumps of one encoding.
#[test]
fn the_rows_do_not_depend_on_shape_form_or_line_ends() {
    let site = Site::sized(14, 120);
    let expected = site.expected(Inputs::ALL);
    let mut by_encoding: BTreeMap<&str, Tables> = BTreeMap::new();
    for layout in layouts() {
        for newline in [Newline::Lf, Newline::Crlf] {
            let layout = Layout { newline, ..layout };
            let out = Setup::default()
                .run(&write(&site, &layout, &Database::ALL))
                .unwrap_or_else(|e| panic!("{layout:?}: {e}"));
            check(&out, &expected, &format!("{layout:?}"));
            // A transfer that turned LF into CRLF turned those inside quotes as well: nothing in the dump tells them apart.
            let first = by_encoding.entry(layout.encoding.name()).or_insert_with(|| out.landed.rows.clone());
            for (table, rows) in &out.landed.rows {
                for (row, known) in rows.iter().zip(&first[table]) {
                    assert_eq!(unbroken(row), unbroken(known), "{table} of {layout:?}");
                }
            }
        }
    }
    assert_eq!(by_encoding["UTF8"], by_encoding["SQL_ASCII"]);
    assert_eq!(by_encoding.len(), 6);
}

/// A row without the carriage returns that a transfer may have put into its texts.
fn unbroken(row: &Row) -> Row {
    let plain =
        |text: &Option<String>| text.as_ref().map(|text| text.replace("\r\n", "\n").replace("\\r\\n", "\\n"));
    row.iter().map(|(column, text)| (column.clone(), plain(text))).collect()
}

/// `standard_conforming_strings = off`, and dumps without owners.
#[test]
fn the_rows_do_not_depend_on_settings_of_the_dump() {
    let site = Site::sized(15, 200);
    let plain = Setup::default().run(&write(&site, &Layout::default(), &Database::ALL)).unwrap();
    for form in [Form::Copy, Form::Inserts, Form::ColumnInserts] {
        for (owners, conforming_strings) in [(false, true), (true, false)] {
            let layout = Layout { form, owners, conforming_strings, ..Layout::default() };
            let out = Setup::default().run(&write(&site, &layout, &Database::ALL)).unwrap();
            assert_eq!(out.landed.rows, plain.landed.rows, "{layout:?}");
        }
    }
}

#[test]
fn compressed_dumps_are_read_as_they_are() {
    let site = Site::sized(16, 300);
    let plain = write(&site, &Layout::default(), &Database::ALL);
    let expected = Setup::default().run(&plain).unwrap();
    let gzip = |bytes: &[u8]| {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        out.write_all(bytes).unwrap();
        out.finish().unwrap()
    };
    let zstd = |bytes: &[u8]| zstd::encode_all(bytes, 1).unwrap();
    // Several members one after the other, as `cat a.gz b.gz` and parallel compressors make them.
    let members = |bytes: &[u8]| [gzip(&bytes[..bytes.len() / 2]), gzip(&bytes[bytes.len() / 2..])].concat();
    let frames = |bytes: &[u8]| [zstd(&bytes[..bytes.len() / 3]), zstd(&bytes[bytes.len() / 3..])].concat();
    type Pack<'p> = &'p dyn Fn(&[u8]) -> Vec<u8>;
    let packings: [(&str, Pack<'_>); 4] =
        [("gz", &gzip), ("zst", &zstd), ("several members", &members), ("several frames", &frames)];
    for (packing, pack) in packings {
        let dumps: Vec<Dump> = plain.iter().map(|(name, bytes)| (name.clone(), pack(bytes))).collect();
        let out = Setup::default().run(&dumps).unwrap();
        assert_eq!(out.landed.bytes, expected.landed.bytes, "{packing}");
        assert_eq!(out.report.sources, expected.report.sources, "{packing}");
        // Cut off, it is no dump.
        let cut: Vec<Dump> =
            dumps.iter().map(|(name, bytes)| (name.clone(), bytes[..bytes.len() - 9].to_vec())).collect();
        assert!(Setup::default().run(&cut).is_err(), "{packing}");
    }
}
