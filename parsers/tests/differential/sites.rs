//! Dumps of made-up sites in every shape that PostgreSQL loads.

use crate::server::{load, read_back, server};
use crate::tables::{check_same, parse};
use fixtures::{Database, Encoding, Form, Layout, Newline, Shape, Site};
use memchr::memmem;

/// What of a dump no PostgreSQL but the one that it imitates takes.
fn without_dialect(dump: &[u8], shape: Shape) -> Vec<u8> {
    let mut cuts: Vec<(&[u8], &[u8])> = Vec::new();
    if shape.is_gauss() {
        cuts.push((b")\nWITH (orientation=row, compression=no);", b");"));
        cuts.push((b"SET enable_dump_trigger_definer = on;\n", b""));
    }
    if server().installation().major() < 17 {
        cuts.push((b"SET transaction_timeout = 0;\n", b""));
    }
    let mut dump = dump.to_vec();
    for (text, instead) in cuts {
        let mut from = 0;
        while let Some(n) = memmem::find(&dump[from..], text) {
            from += n;
            dump.splice(from..from + text.len(), instead.iter().copied());
        }
    }
    dump
}

#[track_caller]
fn check(site: &Site, layout: Layout) {
    let layout = Layout { owners: false, ..layout };
    let dumps = Database::ALL.map(|database| {
        let mut dump = Vec::new();
        let written = site.write(database, &layout, &mut dump).unwrap();
        (dump, written)
    });
    let loadable = dumps.each_ref().map(|(dump, _)| without_dialect(dump, layout.shape));
    let database = load(&loadable.each_ref().map(Vec::as_slice));
    for (dump, written) in &dumps {
        let read = parse(dump);
        for (table, rows) in &written.rows {
            let found = read.get(*table).map_or(0, |rows| rows.rows.len());
            assert_eq!(u64::try_from(found).unwrap(), *rows, "{layout:?}: {table}");
        }
        check_same(&read, &read_back(&database, &read), &format!("{layout:?}"));
    }
}

#[test]
fn every_shape_and_form_reads_as_the_server_loads_it() {
    let site = Site::sized(21, 300);
    for shape in Shape::ALL {
        for form in [Form::Copy, Form::Inserts, Form::ColumnInserts, Form::MultiRow(7)] {
            if matches!(form, Form::Copy | Form::Inserts | Form::ColumnInserts)
                || matches!(shape, Shape::PgDump15 | Shape::PgDump18)
            {
                check(&site, Layout { form, ..Layout::of(shape) });
            }
        }
    }
}

#[test]
fn every_encoding_reads_as_the_server_loads_it() {
    let site = Site::sized(22, 300);
    for encoding in Encoding::ALL {
        for (form, conforming_strings) in
            [(Form::Copy, true), (Form::Inserts, true), (Form::MultiRow(5), false)]
        {
            check(&site, Layout { encoding, form, conforming_strings, ..Layout::of(Shape::PgDump15) });
        }
    }
}

#[test]
fn a_dump_with_carriage_returns_reads_as_the_server_loads_it() {
    let site = Site::sized(23, 300);
    for form in [Form::Copy, Form::Inserts, Form::MultiRow(5)] {
        check(&site, Layout { form, newline: Newline::Crlf, ..Layout::of(Shape::PgDump15) });
    }
}
