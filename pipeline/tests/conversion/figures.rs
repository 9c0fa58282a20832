//! What the report counts beside outcomes: copies by status, month and tenant, and what became of schedules.

use crate::dumps::*;
use crate::harness::{Setup, convert};
use pipeline::outcome::{ScheduleReport, StatusCount};
use pipeline::settings::{ServerZone, ZoneOrigin};
use schedules::icalendar::EveryNDays;

const P: &str = "11111111-1111-4111-8111-111111111111";
const Q: &str = "22222222-2222-4222-8222-222222222222";

#[test]
fn copies_of_both_sources_are_counted_by_status_month_and_tenant() {
    let out = convert(&[
        backup("b1").with_all(&[("data_timestamp", "2018-04-30 23:59:00"), ("size", "40")]),
        backup("b2").with("status", "error_restoring"),
        backup("b3").with_all(&[("status", "error_deleting"), ("project_id", "project-2")]),
        backup("b4").with("status", "creating"),
        backup("b5").with("deleted", "t"),
        item("i1").with_all(&[("started_at", "2018-05-02 02:00:00"), ("size", "10")]),
        item("i2").with("status", "restoring"),
        item("i3").with("status", "backing-up"),
    ]);
    let copies = out.report.copies;
    let statuses: Vec<_> =
        copies.statuses.iter().map(|s: &StatusCount| (s.status, s.migrated, s.deferred)).collect();
    assert_eq!(
        statuses,
        [
            ("available", 2, 0),
            ("error_restoring", 1, 0),
            ("error_deleting", 1, 0),
            ("creating", 0, 1),
            ("restoring", 0, 1),
            ("other", 0, 1),
        ]
    );
    let months: Vec<_> = copies.months.iter().map(|m| (m.year, m.month, m.good, m.bad)).collect();
    assert_eq!(months, [(2018, 4, 1, 0), (2018, 5, 2, 1)]);
    let tenants: Vec<_> =
        copies.tenants.iter().map(|t| (t.project_id.as_str(), t.copies, t.gigabytes)).collect();
    assert_eq!(tenants, [("project-1", 2, 80), ("project-2", 2, 50)]);
}

/// The counts of a report: exact, accepted and different.
fn counts(report: &ScheduleReport) -> [u64; 3] {
    [report.exact, report.accepted, report.different]
}

#[test]
fn schedules_are_proved_and_those_that_drift_are_named() {
    let rows = [
        policy(P).with_all(&[("back_up_frequency", "3"), ("policy_name", "三天")]),
        resource(P, "v1"),
        resource(P, "v2"),
        policy(Q),
        resource(Q, "v3"),
    ];
    let out = convert(&rows);
    let report = out.report.schedules.unwrap();
    assert_eq!((counts(&report), report.days, report.weeks), ([1, 1, 0], 400, 57));
    assert_eq!(report.clock.to_string(), "UTC+08:00");
    let [drifting] = report.listed.as_slice() else { panic!("{:?}", report.listed) };
    assert_eq!(
        (&*drifting.policy_id, &*drifting.name, drifting.operation, drifting.accepted),
        (P, "三天", "backup", true)
    );
    assert_eq!(drifting.cause, "counts on over the month's end");
    // 2020-01-01 is 730 days after the start: the third day of Karbor's count, and the first of the month.
    assert_eq!(
        drifting.drift.map(|drift| drift.to_string()).as_deref(),
        Some("from 2020-01-01 01:00 UTC on, when only the source would run, up to 1 day apart")
    );
    // 01:00 UTC is 09:00 at the server; the daily policy's one volume 57 times on each day, the other's two as often as it runs.
    let daily =
        |week: &schedules::firings::WeekHours| (0..7).map(|day| week.counts()[day * 24 + 9]).sum::<u64>();
    assert_eq!(daily(&report.after), 57 * 7 + 2 * 57 * 7 / 3);
    assert!(daily(&report.before) > daily(&report.after));
    assert_eq!(report.before.counts().iter().sum::<u64>(), daily(&report.before));

    let exact = Setup {
        settings: pipeline::settings::Settings { every_n_days: EveryNDays::MonthDays, ..Default::default() },
        ..Setup::default()
    };
    let report = exact.convert(&rows).report.schedules.unwrap();
    assert_eq!((counts(&report), report.listed.len()), ([2, 0, 0], 0));
    assert_eq!(report.before, report.after);
}

#[test]
fn summer_time_is_told_of_the_zone_that_has_it() {
    let of_zone = |zone: &str| {
        let zone = schedules::zone::Zone::parse(zone).unwrap();
        let server_zone = ServerZone { zone, origin: ZoneOrigin::Flag };
        let settings = pipeline::settings::Settings { server_zone, ..Default::default() };
        let setup = Setup { settings, ..Setup::default() };
        setup.convert(&[policy(P), resource(P, "v1")]).report.schedules.unwrap()
    };
    assert_eq!(counts(&of_zone("Asia/Shanghai")), [1, 0, 0]);
    let berlin = of_zone("Europe/Berlin");
    assert_eq!(counts(&berlin), [0, 1, 0]);
    // Saved in summer time, on the 2nd of April 2018: in the winter of 2020 it would run an hour later.
    assert_eq!(berlin.listed[0].cause, "summer time");
    assert_eq!(
        berlin.listed[0].drift.map(|drift| drift.to_string()).as_deref(),
        Some("from 2020-01-01 01:00 UTC on, when only Karbor will run, up to 1 hour apart")
    );
}

#[test]
fn only_backups_that_run_by_themselves_start_anything() {
    let out = convert(&[
        policy(P).with("policy_status", "1"),
        resource(P, "v1"),
        policy(Q),
        extend("e", Q).with("operation_type", "replication"),
        resource(Q, "v2"),
    ]);
    let report = out.report.schedules.unwrap();
    assert_eq!(counts(&report), [2, 0, 0]);
    assert!(report.before.counts().iter().all(|count| *count == 0), "{:?}", report.before);
}

#[test]
fn nothing_is_proved_where_no_time_is_given() {
    let setup = Setup { proof: None, ..Setup::default() };
    assert!(setup.convert(&[policy(P)]).report.schedules.is_none());
}
