//! The same rows through each target are the same rows in each.

use crate::rows::{NAMES, load};
use crate::{SERVICE, begun, context, count, karbor, postgres, refused, script};
use fixtures::server::shared;
use pipeline::karbor::{Kind, WRITTEN};
use pipeline::load::Intent;
use pipeline::load::sqlite::Sqlite;
use pipeline::load::{Survey, Target};
use rusqlite::types::ValueRef;

type Rows = Vec<Vec<Option<String>>>;

/// All columns that are written, as text that does not depend on the database.
fn of_postgres(database: &str, table: usize) -> Rows {
    let table = WRITTEN[table];
    let columns = table.columns.iter().map(|column| match column.kind {
        Kind::Timestamp => format!("to_char({}, 'YYYY-MM-DD HH24:MI:SS.US')", column.name),
        _ => format!("CAST({} AS text)", column.name),
    });
    let columns: Vec<_> = columns.collect();
    let columns = columns.join(", ");
    let sql = format!(
        "SELECT json_agg(json_build_array({columns}) ORDER BY {}) FROM {}",
        table.columns[0].name, table.name
    );
    serde_json::from_str(&shared().psql(database, &sql)).unwrap()
}

fn of_sqlite(connection: &rusqlite::Connection, table: usize) -> Rows {
    let table = WRITTEN[table];
    let columns: Vec<_> = table.columns.iter().map(|column| column.name).collect();
    let sql = format!("SELECT {} FROM {} ORDER BY 1", columns.join(", "), table.name);
    let mut statement = connection.prepare(&sql).unwrap();
    let rows = statement.query_map([], |row| {
        let values = table.columns.iter().enumerate().map(|(n, column)| {
            match (row.get_ref(n).unwrap(), column.kind) {
                (ValueRef::Null, _) => None,
                (ValueRef::Integer(n), Kind::Boolean) => Some((n != 0).to_string()),
                (ValueRef::Integer(n), _) => Some(n.to_string()),
                (ValueRef::Text(text), _) => Some(String::from_utf8(text.to_vec()).unwrap()),
                (other, _) => panic!("{other:?} in {}", column.name),
            }
        });
        Ok(values.collect())
    });
    rows.unwrap().map(Result::unwrap).collect()
}

fn commit(target: Box<dyn Target>) -> Survey {
    let (survey, mut sink) = begun(target);
    load(&survey, sink.as_mut());
    sink.commit().unwrap();
    survey
}

#[test]
fn the_same_rows_arrive_in_every_target() {
    let folder = tempfile::tempdir().unwrap();
    let direct = karbor();
    commit(postgres(&direct));

    let file = folder.path().join("karbor.db");
    commit(Box::new(Sqlite::new(&file, context())));
    let embedded = rusqlite::Connection::open(&file).unwrap();

    let scripted = karbor();
    let path = folder.path().join("karbor.sql");
    commit(script::of(&path));
    script::run(&scripted, &path).unwrap();

    for (table, written) in WRITTEN.iter().enumerate() {
        let expected = of_postgres(&direct, table);
        assert_eq!(expected.len(), NAMES.len());
        assert_eq!(of_postgres(&scripted, table), expected, "{} by the script", written.name);
        assert_eq!(of_sqlite(&embedded, table), expected, "{} in the embedded database", written.name);
    }
    let names = of_postgres(&direct, 0).into_iter().map(|row| row[1].clone().unwrap());
    assert!(names.eq(NAMES.map(str::to_owned)), "the names are the ones that were written");
}

#[test]
fn odd_types_hold_the_same_rows() {
    let (direct, odd) = (karbor(), shared().create_db());
    commit(postgres(&direct));
    let schema = pipeline::karbor::ddl::script(pipeline::karbor::ddl::Dialect::Postgres);
    shared().psql(&odd, &format!("{schema} {SERVICE};
        CREATE TYPE plan_status AS ENUM ('suspended', 'started');
        CREATE DOMAIN label AS varchar(255) CHECK (VALUE <> 'forbidden');
        ALTER TABLE plans ALTER status TYPE plan_status USING status::plan_status, ALTER deleted TYPE smallint USING 0;
        ALTER TABLE triggers ALTER name TYPE label;
        ALTER TABLE checkpoint_items ALTER id TYPE uuid USING id::uuid, ALTER extend_info TYPE jsonb USING extend_info::jsonb,
            ALTER backup_data TYPE json USING backup_data::json, ALTER size TYPE numeric(4, 0),
            ALTER created_at TYPE timestamptz, ALTER status TYPE char(9), ALTER version TYPE name;
        ALTER TABLE scheduled_operations ALTER enabled TYPE bigint USING 1;
        ALTER TABLE scheduled_operation_states ALTER service_id TYPE bigint;
        ALTER TABLE resources ALTER id DROP DEFAULT; DROP SEQUENCE resources_id_seq;
        ALTER TABLE resources ALTER id ADD GENERATED ALWAYS AS IDENTITY"));
    let survey = commit(postgres(&odd));
    // A domain is sent as what it is made of; of an enumeration only the server knows the values.
    let text = |warning: &&String| warning.contains("sent as text");
    assert_eq!(survey.warnings.iter().filter(text).count(), 1, "{:?}", survey.warnings);
    for (table, written) in WRITTEN.iter().enumerate() {
        let mut expected = of_postgres(&direct, table);
        for (row, got) in expected.iter_mut().zip(of_postgres(&odd, table)) {
            for (n, column) in written.columns.iter().enumerate() {
                // What the type itself writes in another way.
                match (written.name, column.name) {
                    ("plans", "deleted") => row[n] = Some("0".to_owned()),
                    ("scheduled_operations", "enabled") => row[n] = Some("1".to_owned()),
                    ("checkpoint_items", "extend_info") => {
                        let value = |text: &Option<String>| {
                            serde_json::from_str::<serde_json::Value>(text.as_deref().unwrap()).unwrap()
                        };
                        assert_eq!(value(&row[n]), value(&got[n]));
                        row[n] = got[n].clone();
                    }
                    _ => {}
                }
            }
            assert_eq!(got, *row, "{}", written.name);
        }
    }
}

#[test]
fn a_second_import_is_counted_by_the_survey() {
    let database = karbor();
    commit(postgres(&database));
    let survey = postgres(&database).survey().unwrap();
    let counts: Vec<_> = survey.imported.iter().map(|(_, table, rows)| (*table, *rows)).collect();
    let six = u64::try_from(NAMES.len()).unwrap();
    assert_eq!(counts, [("checkpoint_items", six), ("plans", six), ("scheduled_operations", six)]);

    // Tables that change between the survey and the transaction are noticed.
    let mut target = postgres(&database);
    target.survey().unwrap();
    shared().psql(&database, "ALTER TABLE checkpoint_items ALTER name TYPE text");
    refused(target.begin(Intent::Write).map(drop), &["changed since they were looked at", "run again"]);
    assert_eq!(count(&database, "plans"), six);
}
