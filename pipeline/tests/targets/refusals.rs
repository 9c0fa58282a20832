//! Rows that the server refuses, and how the row is found again.

use crate::rows::{id, load_table, with_row};
use crate::{begun, count, karbor, postgres, refused};
use fixtures::server::shared;
use pipeline::karbor::{Value, WRITTEN};
use pipeline::load::{Refusal, Sink, Survey};

/// Loads rows of one table, by their numbers, in one piece; what the server said about them at last.
fn send(survey: &Survey, sink: &mut dyn Sink, table: usize, rows: &[usize]) -> Result<u64, Refusal> {
    let layout = &survey.layouts[table];
    let mut bytes = Vec::new();
    for n in rows {
        with_row(table, *n, "x", Some(1), |row| layout.encode(row, &mut bytes).unwrap());
    }
    sink.table(layout).unwrap();
    sink.rows(bytes, u64::try_from(rows.len()).unwrap())?;
    sink.end()
}

/// `sql` is run first, then rows of a table are sent; the refusal names the row and says what is expected.
#[track_caller]
fn check(sql: &str, table: usize, rows: &[usize], row: Option<u64>, expected: &[&str]) {
    let database = karbor();
    shared().psql(&database, sql);
    let (survey, mut sink) = begun(postgres(&database));
    for parent in 0..table {
        if table < 5 {
            load_table(parent, &survey.layouts[parent], &survey, sink.as_mut());
        }
    }
    let refusal = send(&survey, sink.as_mut(), table, rows).unwrap_err();
    assert_eq!(refusal.row, row, "{}", refusal.error);
    refused(Err::<(), _>(refusal.error), expected);
    sink.rollback().unwrap();
    assert_eq!(count(&database, "plans"), 0);
}

#[test]
fn a_refused_row_is_named_with_what_to_do() {
    let item = format!(
        "INSERT INTO checkpoint_items (id, checkpoint_id, project_id, resource_id, status, version) \
        VALUES ('{}', 'c', 'p', 'r', 'available', '0.9')",
        id(6, 3)
    );
    let duplicate = [
        "COPY checkpoint_items: duplicate key",
        &id(6, 3),
        "[ERROR 23505]",
        "in the target already, or twice",
    ];
    check(&item, 5, &[0, 1, 2, 3, 4], Some(4), &duplicate);
    check("", 5, &[0, 1, 2, 1], Some(4), &["duplicate key", &id(6, 1)]);
    // As text, the line is counted too.
    check(
        "ALTER TABLE checkpoint_items ALTER status TYPE inet USING NULL",
        5,
        &[0, 1],
        Some(1),
        &["22P02", "what type it is"],
    );
    check("ALTER TABLE plans ADD CHECK (id NOT LIKE '%4')", 0, &[3, 4], Some(2), &["23514", "CHECK"]);
    check("", 1, &[0, 77], None, &["23503", &id(1, 77), "is not present in table \"plans\""]);
}

#[test]
fn the_row_is_counted_over_several_copies_and_the_refusal_comes_in_time() {
    let database = karbor();
    let (survey, mut sink) = begun(postgres(&database));
    let layout = &survey.layouts[5];
    sink.table(layout).unwrap();
    let ballast = "x".repeat(1 << 20);
    let mut sent = 0;
    let refusal = loop {
        // Row 50 repeats the key of row 3; at a MiB a row that is in the second COPY.
        let n = if sent == 49 { 2 } else { sent };
        let mut bytes = Vec::new();
        with_row(5, n, "x", None, |row| {
            let mut row = row.to_vec();
            let extend = WRITTEN[5].columns.iter().position(|column| column.name == "extend_info").unwrap();
            row[extend] = Value::Text(&ballast);
            layout.encode(&row, &mut bytes).unwrap();
        });
        sent += 1;
        if let Err(refusal) = sink.rows(bytes, 1) {
            break refusal;
        }
        assert!(sent < 200, "nobody said that row 50 was refused");
    };
    assert_eq!(refusal.row, Some(50), "{}", refusal.error);
    assert!(sent < 120, "{sent}");
    drop(sink);
    assert_eq!(count(&database, "checkpoint_items"), 0);
}

#[test]
fn what_only_commit_finds_is_no_commit() {
    let database = karbor();
    shared().psql(
        &database,
        "ALTER TABLE checkpoint_items ADD CONSTRAINT held FOREIGN KEY (plan_id) REFERENCES plans (id) \
        DEFERRABLE INITIALLY DEFERRED",
    );
    let (survey, mut sink) = begun(postgres(&database));
    assert_eq!(
        send(&survey, sink.as_mut(), 5, &[0, 1]).unwrap_or_else(|refusal| panic!("{}", refusal.error)),
        2
    );
    refused(sink.commit(), &["COMMIT: ", "held", "23503"]);
    assert_eq!(count(&database, "checkpoint_items"), 0);
    assert_eq!(crate::locks::sessions(&database), "0");
}
