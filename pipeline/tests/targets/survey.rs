//! What a look at a server finds out before anything is written.

use crate::{context, karbor, karbor_on, postgres, postgres_at, refused, shown};
use fixtures::gauss;
use fixtures::server::{Server, Stop, shared};
use pipeline::karbor::Value;
use pipeline::karbor::layout::Format;
use pipeline::load::names::TargetNames;
use pipeline::load::postgres::Postgres;
use pipeline::load::{Ask, Context, Survey, Target};
use secrecy::SecretString;
use std::cell::Cell;
use std::fs;
use std::rc::Rc;

/// Surveys a database with Karbor's tables after `sql` was run in it.
fn after(sql: &str) -> Result<Survey, pipeline::error::Error> {
    let database = karbor();
    shared().psql(&database, sql);
    postgres(&database).survey()
}

#[track_caller]
fn check_refused(sql: &str, expected: &[&str]) {
    refused(after(sql).map(drop), expected);
}

#[test]
fn karbors_own_tables_fit_without_a_word() {
    let survey = after("").unwrap();
    assert!(survey.warnings.is_empty(), "{:?}", survey.warnings);
    assert!(survey.layouts.iter().all(|layout| layout.format == Format::Binary));
    let service = survey.service.unwrap();
    assert_eq!((service.id, service.host.as_deref(), service.others.len()), (1, Some("node1"), 0));
    assert!(survey.trusts.is_empty() && survey.imported.is_empty());
}

#[test]
fn tables_that_cannot_take_the_rows_are_told_all_at_once() {
    check_refused(
        "DROP TABLE checkpoint_items; ALTER TABLE triggers RENAME TO t",
        &[
            "there is no table triggers, checkpoint_items in the schemas looked in (public)",
            "etl schema --for postgresql",
            "--columns",
        ],
    );
    check_refused(
        "CREATE SCHEMA elsewhere; ALTER TABLE plans SET SCHEMA elsewhere",
        &[
            "there is no table plans",
            "the schema elsewhere has most of those that are missing: add options=-csearch_path%3Delsewhere,public to the target",
        ],
    );
    // Several have tables of these names: the one that has most of them is named, whatever the order of the names.
    check_refused(
        "CREATE SCHEMA a_copy; CREATE TABLE a_copy.plans (id int); CREATE TABLE a_copy.resources (id int); \
         CREATE SCHEMA z_copy; CREATE TABLE z_copy.plans (id int); ALTER SCHEMA public RENAME TO karbor; \
         CREATE SCHEMA public",
        &[
            "there is no table plans, resources",
            "the schema karbor has all of them: add options=-csearch_path%3Dkarbor to the",
        ],
    );
    check_refused(
        "ALTER TABLE checkpoint_items RENAME TO c; CREATE VIEW checkpoint_items AS SELECT * FROM c",
        &["public.checkpoint_items is not a table"],
    );
    check_refused(
        "ALTER TABLE plans DROP parameters; ALTER TABLE triggers ADD shard int NOT NULL; \
        ALTER TABLE services DROP disabled",
        &[
            "plans has no column parameters",
            "triggers.shard (integer) must have a value",
            "services has no column disabled",
        ],
    );
    check_refused(
        "ALTER TABLE resources ALTER id DROP DEFAULT",
        &["resources.id has no default", "CREATE SEQUENCE resources_id_seq", "SET DEFAULT nextval"],
    );
}

#[test]
fn what_can_be_done_without_is_left_out_with_a_word() {
    // Columns that are computed came with PostgreSQL 12.
    let formula = if shared().installation().major() >= 12 { "GENERATED ALWAYS AS (1) STORED" } else { "" };
    let survey = after(&format!(
        "ALTER TABLE resources DROP resource_extra_info; ALTER TABLE checkpoint_items DROP size, DROP updated_at; \
         ALTER TABLE triggers ADD shard int NOT NULL DEFAULT 1; ALTER TABLE plans ADD total int {formula}"
    ));
    let warnings = survey.unwrap().warnings;
    for column in ["resources.resource_extra_info", "checkpoint_items.size", "checkpoint_items.updated_at"] {
        assert!(warnings.iter().any(|warning| warning.contains(column)), "{column}: {warnings:?}");
    }
    assert_eq!(warnings.len(), 3, "{warnings:?}");
}

#[test]
fn the_columns_widths_are_the_targets() {
    let survey = after(
        "ALTER TABLE plans ALTER name TYPE varchar(4); ALTER TABLE checkpoint_items ALTER size TYPE smallint",
    )
    .unwrap();
    let mut row = [Value::Null; 10];
    row[0] = Value::Text("id");
    // openGauss counts bytes.
    let (fits, too_long, problem) = match gauss::is_asked_for() {
        true => ("disk", "云硬盘备份", "has 15 bytes, and the column holds 4"),
        false => ("云硬盘备", "云硬盘备份", "has 5 characters, and the column holds 4"),
    };
    row[1] = Value::Text(fits);
    assert!(survey.layouts[0].encode(&row, &mut Vec::new()).is_ok());
    row[1] = Value::Text(too_long);
    let misfit = survey.layouts[0].encode(&row, &mut Vec::new()).unwrap_err();
    assert_eq!((misfit.column, misfit.problem.as_str()), ("name", problem));
}

#[test]
fn the_service_is_the_live_engine_that_reported_last() {
    let services = "INSERT INTO services (id, created_at, updated_at, deleted, host, \"binary\", report_count, disabled) VALUES
        (20, '2021-01-01', NULL, false, 'fresh', 'karbor-operationengine', 0, false),
        (21, '2019-01-01', '2020-06-01', false, 'older', 'karbor-operationengine', 0, false),
        (22, '2022-01-01', '2022-01-01', false, 'other', 'karbor-api', 0, false),
        (23, '2022-01-01', '2022-01-01', true, 'deleted', 'karbor-operationengine', 0, false),
        (24, NULL, NULL, false, 'never', 'karbor-operationengine', 0, false)";
    let service = after(services).unwrap().service.unwrap();
    assert_eq!((service.id, service.host.as_deref()), (20, Some("fresh")));
    assert_eq!(service.others, ["older", "node1", "never"]);
    check_refused("DELETE FROM services", &["no karbor-operationengine is alive", "`etl schema --trial`"]);

    let named = |id| {
        let database = karbor();
        postgres_at(&gauss::target(shared(), &database), Context { service_id: Some(id), ..context() })
            .survey()
    };
    assert_eq!(named(1).unwrap().service.unwrap().id, 1);
    refused(named(9).map(drop), &["no service has the id 9", "1 (node1)"]);
}

#[test]
fn trusts_of_existing_operations_are_known() {
    let operations = "
        INSERT INTO triggers (id, name, project_id, type, properties, deleted) VALUES ('t', 't', 'p', 'time', '{}', false);
        INSERT INTO scheduled_operations (id, name, operation_type, user_id, project_id, trigger_id, operation_definition, enabled, deleted)
            SELECT o, o, 'backup', u, 'p', 't', '{}', true, false FROM (VALUES ('a', 'u1'), ('b', 'u2'), ('c', 'u3')) v (o, u);
        INSERT INTO scheduled_operation_states (operation_id, service_id, trust_id, state, deleted)
            VALUES ('a', 1, 'trust1', 'registered', false), ('b', 1, 'imported', 'registered', false),
                ('c', 1, 'trust3', 'deleted', true)";
    let trusts = after(operations).unwrap().trusts;
    assert_eq!(
        trusts.into_iter().collect::<Vec<_>>(),
        [(("u1".to_owned(), "p".to_owned()), "trust1".to_owned())]
    );
    let database = karbor();
    shared().psql(&database, operations);
    let known = Context { trust_known: true, ..context() };
    assert!(postgres_at(&gauss::target(shared(), &database), known).survey().unwrap().trusts.is_empty());
}

#[test]
fn the_targets_names_are_looked_for() {
    let json = r#"{"checkpoint_items": {"name": "Checkpoint \"Item", "columns": {"status": "order"}},
                   "services": {"columns": {"host": "node"}}}"#;
    let names = || TargetNames::from_entries(&mut serde_json::Deserializer::from_str(json)).unwrap();
    let database = karbor();
    let url = gauss::target(shared(), &database);
    let survey = || postgres_at(&url, Context { names: names(), ..context() }).survey();
    refused(survey().map(drop), &["there is no table Checkpoint \"Item"]);
    shared().psql(
        &database,
        "ALTER TABLE checkpoint_items RENAME status TO \"order\"; ALTER TABLE services RENAME host TO node; \
        ALTER TABLE checkpoint_items RENAME TO \"Checkpoint \"\"Item\"",
    );
    let survey = survey().unwrap();
    assert_eq!(survey.layouts[5].name, "Checkpoint \"Item");
    assert!(survey.layouts[5].columns.iter().any(|laid| laid.name == "order"));

    let target = postgres_at(&url, Context { names: names(), ..context() });
    let (survey, mut sink) = crate::begun(target);
    crate::rows::load(&survey, sink.as_mut());
    sink.commit().unwrap();
    assert_eq!(
        shared()
            .psql(&database, "SELECT count(*) FROM \"Checkpoint \"\"Item\" WHERE \"order\" = 'available'"),
        "6"
    );
}

#[test]
fn a_role_that_may_too_little_is_told_what_to_ask_for() {
    let database = karbor();
    let role = format!("limited_{database}");
    let url = gauss::target(shared(), &database).replace("postgres@", &format!("{role}@"));
    let grant = |sql: &str| shared().psql(&database, sql);
    grant(&format!("CREATE ROLE {role} LOGIN"));
    let survey = || postgres_at(&url, context()).survey();
    let remedy = shown(&survey().unwrap_err());
    for part in [
        format!("the role {role} may not"),
        format!(
            "GRANT SELECT ON public.services TO {role}; GRANT SELECT, INSERT, UPDATE ON public.plans, public.resources"
        ),
        format!(
            "GRANT USAGE ON SEQUENCE public.resources_id_seq, public.scheduled_operation_states_id_seq TO {role}"
        ),
    ] {
        assert!(remedy.contains(&part), "{part} is not in {remedy}");
    }
    // What the remedy says is enough, and all of it is needed.
    let grants = remedy.split("let the tables' owner run: ").nth(1).unwrap().to_owned();
    grant(&grants);
    let (survey, mut sink) = crate::begun(postgres_at(&url, context()));
    crate::rows::load(&survey, sink.as_mut());
    sink.commit().unwrap();
    grant(&format!("REVOKE UPDATE ON plans FROM {role}"));
    refused(
        postgres_at(&url, context()).survey().map(drop),
        &[&format!("GRANT UPDATE ON public.plans TO {role}")],
    );
    grant("REVOKE USAGE ON SCHEMA public FROM PUBLIC");
    refused(postgres_at(&url, context()).survey().map(drop), &["there is no table plans", "USAGE"]);
}

#[test]
fn a_server_that_only_reads_is_told_apart() {
    let database = karbor();
    shared().psql(&database, &format!("ALTER DATABASE {database} SET default_transaction_read_only = on"));
    refused(
        postgres(&database).survey().map(drop),
        &["set to read only", "default_transaction_read_only = off"],
    );

    let mut server = Server::start();
    let database = karbor_on(&server);
    server.stop(Stop::Fast);
    // Until PostgreSQL 12 a standby had a file of settings of its own.
    let (file, text) = match server.installation().major() {
        12.. => ("data/standby.signal", ""),
        _ => ("data/recovery.conf", "standby_mode = on"),
    };
    fs::write(server.folder().join(file), text).unwrap();
    server.restart();
    let survey = postgres_at(&gauss::target(&server, &database), context()).survey();
    refused(survey.map(drop), &["is a standby", "primary"]);
}

#[test]
fn a_server_that_is_not_there_is_an_error_of_the_connection() {
    let survey = postgres_at("postgresql://postgres@127.0.0.1:1/karbor", context()).survey();
    refused(survey.map(drop), &["127.0.0.1:1", "refused", "check host and port"]);
}

#[test]
fn a_password_is_asked_for_once() {
    let server = Server::builder().auth("scram-sha-256").start();
    let database = karbor_on(&server);
    let role =
        "SET password_encryption = 'scram-sha-256'; CREATE ROLE asked LOGIN SUPERUSER PASSWORD 'secret'";
    server.psql(&database, role);
    let url = gauss::target(&server, &database).replace("postgres@", "asked@");
    let times = Rc::new(Cell::new(0));
    let counter = Rc::clone(&times);
    let ask: Ask = Box::new(move |prompt| {
        assert!(prompt.contains("asked"), "{prompt}");
        counter.set(counter.get() + 1);
        Some(SecretString::from("secret"))
    });
    // An empty password file, so that none of the developer's is used.
    let url = format!("{url}?passfile=/dev/null");
    let target = Box::new(Postgres::new(&url, Context { ask, ..context() }).unwrap());
    let (survey, mut sink) = crate::begun(target);
    crate::rows::load(&survey, sink.as_mut());
    sink.commit().unwrap();
    assert_eq!(times.get(), 1);
}
