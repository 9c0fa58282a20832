//! Which copies a target says it holds: every one that was loaded, and nothing is changed by asking.

use crate::rows::{NAMES, load};
use crate::{begun, karbor, postgres, refused};
use fixtures::gauss;
use fixtures::server::shared;
use pipeline::load::names::TargetNames;
use pipeline::load::presence::{Presence, held};
use pipeline::load::spec::Spec;
use pipeline::load::sqlite::Sqlite;
use pipeline::progress::Cancel;
use rusqlite::Connection;
use std::path::Path;
use std::sync::Arc;

const INFO: &str = r#"{"snapshot_id":"snap-1","volume_backups":[{"id":"other","snapshot_id": "snap-2"}]}"#;

fn ask(spec: &Spec, names: &TargetNames) -> Result<Presence, pipeline::error::Error> {
    let mut nobody: pipeline::load::Ask = Box::new(|_| None);
    held(spec, names, &mut nobody, &Arc::new(Cancel::default()))
}

#[track_caller]
fn check(found: &Presence, first: &str) {
    assert_eq!(found.rows, NAMES.len() as u64);
    for copy in [first, "other"] {
        assert!(found.copies.contains(copy), "{copy}");
    }
    for snapshot in ["snap-1", "snap-2"] {
        assert!(found.snapshots.contains(snapshot), "{snapshot}");
        assert!(!found.copies.contains(snapshot), "{snapshot}");
    }
    assert!(!found.copies.contains("absent") && !found.snapshots.contains(first));
}

#[test]
fn a_servers_copies_are_those_of_its_items() {
    let database = karbor();
    let (survey, mut sink) = begun(postgres(&database));
    load(&survey, sink.as_mut());
    sink.commit().unwrap();
    let server = shared();
    server.psql(&database, &format!("UPDATE checkpoint_items SET extend_info = '{INFO}'"));
    let first = server.psql(&database, "SELECT min(id) FROM checkpoint_items");
    let spec = Spec::Postgres(format!("{}?sslmode=disable", gauss::target(server, &database)));
    check(&ask(&spec, &TargetNames::default()).unwrap(), &first);

    server.psql(&database, "ALTER TABLE checkpoint_items RENAME TO items");
    refused(ask(&spec, &TargetNames::default()), &["checkpoint_items"]);
    let json = r#"{"checkpoint_items":{"name":"items"}}"#;
    let names = TargetNames::from_entries(&mut serde_json::Deserializer::from_str(json)).unwrap();
    check(&ask(&spec, &names).unwrap(), &first);
}

#[test]
fn a_files_copies_are_those_of_its_items_and_the_file_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("karbor.db");
    let (survey, mut sink) = begun(Box::new(Sqlite::new(&path, crate::context())));
    load(&survey, sink.as_mut());
    sink.commit().unwrap();
    let connection = Connection::open(&path).unwrap();
    connection.execute("UPDATE checkpoint_items SET extend_info = ?1", [INFO]).unwrap();
    let first: String =
        connection.query_row("SELECT min(id) FROM checkpoint_items", [], |row| row.get(0)).unwrap();
    drop(connection);
    let before = std::fs::read(&path).unwrap();
    check(&ask(&Spec::Sqlite(path.clone()), &TargetNames::default()).unwrap(), &first);
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn a_file_that_is_not_there_is_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("absent.db");
    let spec = Spec::Sqlite(path.clone());
    refused(ask(&spec, &TargetNames::default()), &["absent.db: there is no such database"]);
    assert!(!Path::new(&path).exists());
    std::fs::write(&path, b"not a database").unwrap();
    refused(ask(&spec, &TargetNames::default()), &["it is no SQLite database"]);
}
