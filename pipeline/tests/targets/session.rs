//! Statements on an open transaction: rows are read back in the very bytes that were sent, whatever they hold.

use crate::rows::{encoded, load};
use crate::{begun, context, karbor, postgres, refused};
use fixtures::gauss;
use fixtures::server::shared;
use pipeline::karbor::ddl::Dialect;
use pipeline::karbor::layout::Layout;
use pipeline::load::session::{Session, count, literal};
use pipeline::load::sqlite::Sqlite;
use pipeline::load::{Intent, Opened, Sink, Target};

/// A loaded database of each kind, opened anew.
fn loaded(look: impl Fn(Opened)) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("karbor.db");
    let database = karbor();
    let targets: [&dyn Fn() -> Box<dyn Target>; 2] =
        [&|| Box::new(Sqlite::new(&file, context())), &|| postgres(&database)];
    for target in targets {
        let (survey, mut sink) = begun(target());
        load(&survey, sink.as_mut());
        sink.commit().unwrap();
        look(target().open(Intent::Write).unwrap());
    }
}

fn session(sink: &mut Box<dyn Sink>) -> &mut dyn Session {
    sink.session().unwrap()
}

fn read(sink: &mut Box<dyn Sink>, layout: &Layout) -> Vec<u8> {
    let mut bytes = Vec::new();
    let order = layout.column(layout.table.columns[layout.table.key[0]].name).unwrap();
    let select = format!("SELECT {} FROM {} ORDER BY {order}", layout.column_list(""), layout.into);
    session(sink)
        .read(layout, &select, &mut |row| {
            bytes.extend_from_slice(row);
            Ok(())
        })
        .unwrap();
    bytes
}

#[test]
fn rows_are_read_in_the_bytes_that_were_sent() {
    loaded(|mut opened| {
        for (table, layout) in opened.layouts.iter().enumerate() {
            let service = layout.table.name == "scheduled_operation_states";
            let (sent, _) = encoded(table, layout, service.then_some(1));
            assert_eq!(read(&mut opened.sink, layout), sent, "{}", layout.name);
        }
    });
}

#[test]
fn statements_answer_rows_and_counts() {
    loaded(|mut opened| {
        let session = session(&mut opened.sink);
        let mut rows = Vec::new();
        let sql =
            format!("SELECT 1 AS n, NULL, {} UNION ALL SELECT 2, 'x', '' ORDER BY n", literal("it's \"so\""));
        session
            .query("asking", &sql, &mut |row| {
                rows.push(row.iter().map(|text| text.map(str::to_owned)).collect::<Vec<_>>());
                Ok(())
            })
            .unwrap();
        let some = |text: &str| Some(text.to_owned());
        // A text of no characters is NULL in openGauss.
        let is_gauss = gauss::is_asked_for() && session.dialect() == Dialect::Postgres;
        let empty = if is_gauss { None } else { some("") };
        assert_eq!(rows, [vec![some("1"), None, some("it's \"so\"")], vec![some("2"), some("x"), empty]]);
        assert_eq!(
            session.execute("deleting", "DELETE FROM checkpoint_items WHERE id LIKE '%3'").unwrap(),
            1
        );
        assert_eq!(count(session, "counting", "SELECT count(*) FROM checkpoint_items").unwrap(), 5);
        let temporary = "CREATE TEMPORARY TABLE etl_x AS SELECT id FROM plans WHERE 1 = 0";
        session.execute("making a table", temporary).unwrap();
        let first =
            if session.dialect() == Dialect::Sqlite { "SELECT sqlite_version()" } else { "SELECT version()" };
        session.query("asking", first, &mut |_| Ok(())).unwrap();
        // The last one: a server does nothing more in a transaction that failed.
        refused(session.execute("counting sheep", "SELECT * FROM sheep"), &["counting sheep", "sheep"]);
    });
}

#[test]
fn what_a_taker_says_ends_the_reading_and_not_the_session() {
    loaded(|mut opened| {
        let stop = || Err(pipeline::error::Error::target("enough", "none"));
        let select = format!("SELECT {} FROM plans", opened.layouts[0].column_list(""));
        let session = session(&mut opened.sink);
        refused(session.read(&opened.layouts[0], &select, &mut |_| stop()), &["enough"]);
        refused(session.query("asking", "SELECT id FROM plans", &mut |_| stop()), &["enough"]);
        assert_eq!(count(session, "counting", "SELECT count(*) FROM plans").unwrap(), 6);
    });
}

#[test]
fn a_look_sees_one_state_and_keeps_nobody_waiting() {
    let database = karbor();
    let (survey, mut sink) = begun(postgres(&database));
    load(&survey, sink.as_mut());
    sink.commit().unwrap();
    let mut looking = postgres(&database).open(Intent::Look).unwrap();
    let plans = |opened: &mut Opened| {
        count(session(&mut opened.sink), "counting", "SELECT count(*) FROM plans").unwrap()
    };
    assert_eq!(plans(&mut looking), 6);
    shared().psql(&database, "DELETE FROM scheduled_operations; DELETE FROM resources; DELETE FROM plans");
    assert_eq!(plans(&mut looking), 6);
    looking.sink.rollback().unwrap();
    assert_eq!(plans(&mut postgres(&database).open(Intent::Look).unwrap()), 0);
    let absent = tempfile::tempdir().unwrap();
    let nothing = Box::new(Sqlite::new(&absent.path().join("absent.db"), context()));
    refused(nothing.open(Intent::Look).map(drop), &["there is no such database"]);
}
