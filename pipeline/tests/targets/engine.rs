//! What the operation engine does with rows as etl and Karbor leave them, on both databases.

use crate::{context, karbor, postgres, postgres_at};
use fixtures::server::shared;
use pipeline::engine::{Engine, Obstacle, STATES_PER_PAGE, ServiceLoad, Silent, WrongNextTime, look};
use pipeline::karbor::ddl::{Dialect, script as schema};
use pipeline::load::sqlite::Sqlite;
use pipeline::load::{Intent, Opened, Target};

/// 2026-12-01 00:00:00 UTC, a Tuesday.
const NOW: i64 = 1_796_083_200;

const DAILY: &str = "RRULE:FREQ=DAILY;BYHOUR=12;BYMINUTE=30";

/// A family of one plan, which all operations of these tests belong to.
const PLAN: &str = "INSERT INTO services (id, deleted, host, \"binary\", report_count) VALUES (7, false, 'n', 'karbor-operationengine', 0);
    INSERT INTO plans (id, name, description, provider_id, project_id, status, parameters, deleted)
    VALUES ('p', 'p', 'imported_from_vbs', 'v', 'tenant', 'suspended', '{}', false);
    CREATE TABLE trigger_executions (id varchar(36) PRIMARY KEY, trigger_id varchar(36) NOT NULL, execution_time timestamp NOT NULL)";

/// An imported operation by its number: what differs from one that fires.
#[derive(Clone, Copy)]
struct Family<'f> {
    enabled: bool,
    trigger_deleted: bool,
    state: Option<&'f str>,
    trust: &'f str,
    rule: &'f str,
    next: Option<&'f str>,
    imported: bool,
}

const FIRES: Family<'static> = Family {
    enabled: true,
    trigger_deleted: false,
    state: Some("registered"),
    trust: "usable",
    rule: DAILY,
    next: Some("2026-12-01 12:30:00"),
    imported: true,
};

impl Family<'_> {
    fn sql(self, n: usize) -> String {
        let version = if self.imported { '5' } else { '4' };
        let id = |kind: usize| format!("{kind:08}-0000-{version}000-8000-{n:012}");
        let (trigger, operation) = (id(1), id(2));
        let tag = if self.imported { "imported_from_vbs" } else { "" };
        let properties = format!(
            r#"{{"pattern": "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n{}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n", "start_time": "2018-01-01 00:00:00"}}"#,
            self.rule,
        );
        let mut sql = format!(
            "INSERT INTO triggers (id, name, project_id, type, properties, deleted)
             VALUES ('{trigger}', 't', 'tenant', 'time', '{properties}', {});
             INSERT INTO scheduled_operations (id, name, description, operation_type, user_id, project_id, trigger_id,
                 operation_definition, enabled, deleted)
             VALUES ('{operation}', 'o', '{tag}', 'backup', 'u', 'tenant', '{trigger}', '{{\"plan_id\": \"p\"}}', {}, false);",
            self.trigger_deleted, self.enabled,
        );
        if let Some(state) = self.state {
            sql.push_str(&format!(
                "INSERT INTO scheduled_operation_states (operation_id, service_id, trust_id, state, deleted)
                 VALUES ('{operation}', 7, '{}', '{state}', false);",
                self.trust,
            ));
        }
        if let Some(next) = self.next {
            sql.push_str(&format!("INSERT INTO trigger_executions VALUES ('{n}', '{trigger}', '{next}');"));
        }
        sql
    }
}

/// What both databases say of these families.
#[track_caller]
fn looked_at(families: &[Family<'_>]) -> Engine {
    let rows: Vec<_> = families.iter().enumerate().map(|(n, family)| family.sql(n)).collect();
    let sql = format!("{PLAN};\n{}", rows.join("\n"));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("karbor.db");
    rusqlite::Connection::open(&file)
        .unwrap()
        .execute_batch(&format!("{}{sql}", schema(Dialect::Sqlite)))
        .unwrap();
    let database = karbor();
    shared().psql(&database, &sql);
    let targets: [Box<dyn Target>; 2] = [Box::new(Sqlite::new(&file, context())), postgres(&database)];
    let [embedded, server] = targets.map(|target| {
        let Opened { mut sink, layouts } = target.open(Intent::Look).unwrap();
        let engine = look(sink.session().unwrap(), &layouts, NOW).unwrap();
        sink.rollback().unwrap();
        engine
    });
    assert_eq!(embedded, server);
    embedded
}

#[test]
fn an_operation_that_fires_needs_no_warning() {
    let engine = looked_at(&[FIRES]);
    let service = ServiceLoad { service_id: "7".to_owned(), registered: 1, blocking: 0 };
    assert_eq!(engine, Engine { firing: 1, services: vec![service], ..Engine::default() });
    assert_eq!(engine.warnings(), Vec::<String>::new());
}

#[test]
fn each_obstacle_is_told_apart() {
    let engine = looked_at(&[
        FIRES,
        Family { state: Some("running"), ..FIRES },
        Family { enabled: false, ..FIRES },
        Family { enabled: false, trust: "imported", ..FIRES },
        Family { trigger_deleted: true, ..FIRES },
        Family { state: None, ..FIRES },
        Family { state: Some("deleted"), ..FIRES },
        Family { trust: "imported", ..FIRES },
        Family { trust: "", ..FIRES },
        Family { trust: "imported", imported: false, ..FIRES },
    ]);
    let silent = [
        (Obstacle::Disabled, 2),
        (Obstacle::NoTrigger, 1),
        (Obstacle::NoState, 1),
        (Obstacle::Unregistered, 1),
        (Obstacle::NoTrust, 2),
    ];
    assert_eq!(engine.firing, 2);
    assert_eq!(engine.silent, silent.map(|(obstacle, operations)| Silent { obstacle, operations }));
    assert_eq!((engine.placeholders, engine.placeholders_spread), (2, 1));
    let service = ServiceLoad { service_id: "7".to_owned(), registered: 8, blocking: 1 };
    assert_eq!(engine.services, [service]);
    let warnings = engine.warnings().join("\n");
    for expected in [
        "service 7 has 1 registered state whose operation or trigger is missing or deleted",
        "2 operations have the placeholder trust \"imported\"",
        "1 operation made in Karbor got the placeholder trust",
    ] {
        assert!(warnings.contains(expected), "{expected}: {warnings}");
    }
}

#[test]
fn a_full_page_of_states_is_told() {
    let families = vec![FIRES; usize::try_from(STATES_PER_PAGE).unwrap()];
    assert_eq!(looked_at(&families[1..]).warnings(), Vec::<String>::new());
    let engine = looked_at(&families);
    let [warning] = &engine.warnings()[..] else { panic!("{:?}", engine.warnings()) };
    assert!(warning.starts_with("service 7 has 100 registered states"), "{warning}");
}

#[test]
fn a_next_time_is_wrong_where_firings_are_missed_or_added() {
    let wrong = |rule, next| {
        let engine = looked_at(&[Family { rule, next: Some(next), ..FIRES }]);
        assert_eq!(engine.wrong_next_times, u64::try_from(engine.listed.len()).unwrap());
        engine.listed.into_iter().next().map(|WrongNextTime { expected, .. }| expected.unwrap_or_default())
    };
    let daily = Some("2026-12-01 12:30:00".to_owned());
    for (next, expected) in [
        // The time of the schedule that was there before.
        ("2027-10-01 20:00:00", daily.clone()),
        ("2026-12-01 09:00:00", daily.clone()),
        // One of the schedule's times, and not the next one.
        ("2026-12-05 12:30:00", daily.clone()),
        ("2026-12-01 12:30:00", None),
        // Over for long: the engine passes over it.
        ("2026-11-30 09:00:00", None),
        ("2020-01-01 12:30:00", None),
        // Just over: the engine still fires it.
        ("2026-11-30 23:50:00", daily),
    ] {
        assert_eq!(wrong(DAILY, next), expected, "{next}");
    }
    assert_eq!(wrong("RRULE:FREQ=DAILY;BYHOUR=23;BYMINUTE=50", "2026-11-30 23:50:00"), None);
    // A pattern that is none of ours says nothing.
    assert_eq!(wrong("no rule", "2026-11-30 23:50:00"), None);
}

#[test]
fn what_karbor_made_or_deleted_has_no_wrong_time() {
    let next = Some("2027-10-01 20:00:00");
    let own = Family { imported: false, next, ..FIRES };
    let deleted = Family { trigger_deleted: true, state: None, next, ..FIRES };
    let engine = looked_at(&[own, deleted, Family { next: None, ..FIRES }]);
    assert_eq!((engine.wrong_next_times, engine.firing), (0, 1));
}

#[test]
fn a_role_that_may_not_read_the_times_is_told() {
    let (server, database) = (shared(), karbor());
    server.psql(
        &database,
        &format!("{PLAN};\n{}", Family { next: Some("2027-10-01 20:00:00"), ..FIRES }.sql(1)),
    );
    let role = format!("reader_{database}");
    server.psql(
        &database,
        &format!(
            "CREATE ROLE {role} LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role};
             REVOKE SELECT ON trigger_executions FROM {role}"
        ),
    );
    let url = format!("postgresql://{role}@127.0.0.1:{}/{database}", server.port());
    let Opened { mut sink, layouts } = postgres_at(&url, context()).open(Intent::Look).unwrap();
    let engine = look(sink.session().unwrap(), &layouts, NOW).unwrap();
    assert!(engine.next_times_hidden && engine.wrong_next_times == 0 && engine.firing == 1, "{engine:?}");
    let [warning] = &engine.warnings()[..] else { panic!("{:?}", engine.warnings()) };
    assert!(warning.contains("GRANT SELECT ON trigger_executions"), "{warning}");
    sink.rollback().unwrap();
}

#[test]
fn older_karbors_remember_no_times() {
    let database = karbor();
    let Opened { mut sink, layouts } = postgres(&database).open(Intent::Look).unwrap();
    assert_eq!(look(sink.session().unwrap(), &layouts, NOW).unwrap(), Engine::default());
}
