//! The report, made of facts by hand so that every section is there.

use etl::base::exit::Exit;
use etl::import::report::json::Document;
use etl::import::report::summary::Ended;
use etl::import::report::summary::{CommandKind, Summary};
use etl::import::report::summary::{FileDigest, GivenValue, Inputs};
use etl::import::report::text;
use etl::ui::terminal::TextFormat;
use pipeline::engine::policies_without_trust;
use pipeline::load::Service;
use pipeline::load::spec::Spec;
use pipeline::outcome::OutcomesWritten;
use pipeline::outcome::{
    CopyReport, Defer, DumpReport, Ending, MonthCount, Outcome, Rejection, Report, ScheduleReport,
    ServiceCount, Skip, StatusCount, Tally, TargetTally, TenantCount, ZoneUse,
};
use pipeline::settings::ZoneOrigin;
use schedules::firings::horizon::Horizon;
use schedules::firings::{Cause, Drift, Proof, Side, Verdict, WeekHours};
use schedules::zone::Offset;
use std::time::Duration;

fn tally(counts: &[(Outcome, u64)]) -> Tally {
    let mut tally = Tally::default();
    for (outcome, rows) in counts {
        tally.read += rows;
        match outcome {
            Outcome::Migrated => tally.migrated += rows,
            Outcome::Skipped(rule) => *tally.skipped.entry(*rule).or_default() += rows,
            Outcome::Deferred(reason) => *tally.deferred.entry(*reason).or_default() += rows,
            Outcome::Rejected => tally.rejected += rows,
        }
    }
    tally
}

fn rejection(line: u64) -> Rejection {
    Rejection {
        dump: "cinder.sql".into(),
        line,
        byte: 0,
        table: "backups",
        column: Some("size"),
        value: Some("abc".into()),
        reason: "is not an integer".into(),
        with: 0,
    }
}

/// Schedules of which some drift and one differs.
fn schedules() -> ScheduleReport {
    // 2026-01-01 00:00:00 UTC.
    let from = 1_767_225_600;
    let clock = Offset::from_minutes(480).unwrap();
    let mut report = ScheduleReport::new(Horizon::new(from, 400), clock);
    let drift = Drift { parts: from + 3600, side: Side::Source, widest: Some(86_400), missed: 9, added: 8 };
    let week = |hour: i64| {
        let mut week = WeekHours::default();
        week.note((0..57).map(|n| from + n * 7 * 86_400 + hour * 3600), clock);
        week
    };
    for (verdict, schedules) in
        [(Verdict::Exact, 112), (Verdict::Accepted(Cause::Interval, drift), 7), (Verdict::Differs(drift), 1)]
    {
        let proof = Proof { verdict: verdict.clone(), source: week(1), karbor: week(2) };
        report.count(&proof, schedules, 3);
        report.list("p-1", "每日 <b>&\"备份\"</b>", "backup", &verdict);
    }
    report.in_order()
}

pub(crate) fn copies() -> CopyReport {
    let month = |year, month, good, bad| MonthCount { year, month, good, bad };
    CopyReport {
        statuses: vec![
            StatusCount { status: "available", migrated: 49_000, deferred: 0 },
            StatusCount { status: "error", migrated: 1_000, deferred: 0 },
            StatusCount { status: "creating", migrated: 0, deferred: 300 },
        ],
        months: vec![month(2018, 1, 20_000, 0), month(2018, 3, 29_000, 1_000)],
        tenants: vec![
            TenantCount {
                project_id: "0cc7a187a647433b9eb4c862f7e98c85".into(),
                copies: 30_000,
                gigabytes: 900,
            },
            TenantCount { project_id: "<script>alert(1)</script>".into(), copies: 15_000, gigabytes: 20 },
        ],
        other_tenants_copies: 5_000,
        other_tenants_gigabytes: 5_000,
        other_services: vec![ServiceCount { service: "cinder.backup.drivers.posix".into(), copies: 40 }],
    }
}

/// A report in which every section has something to say.
pub(crate) fn full() -> Report {
    Report {
        outcomes_file: Some(OutcomesWritten { file: "outcomes.csv".to_owned(), rows: 53_534 }),
        ending: Ending::Committed,
        target: Some("postgresql://karbor@db1:5432/karbor".into()),
        losses: Vec::new(),
        dumps: vec![
            DumpReport {
                name: "cinder.sql".into(),
                bytes: 1_288_490_188,
                progress_reports: 37,
                rejects: false,
                other_tables: [("snapshots".to_owned(), 3), ("volumes".to_owned(), 12_000)].into(),
                unknown_columns: [("backups".to_owned(), vec!["encryption_key_id".into(), "job_id".into()])]
                    .into(),
            },
            DumpReport { name: "-".into(), bytes: 4096, rejects: true, ..DumpReport::default() },
        ],
        sources: vec![
            (
                "backups",
                tally(&[
                    (Outcome::Migrated, 50_000),
                    (Outcome::Skipped(Skip::SoftDeleted), 3_000),
                    (Outcome::Skipped(Skip::CopyOfDps), 97),
                    (Outcome::Deferred(Defer::Unsteady), 300),
                    (Outcome::Rejected, 3),
                ]),
            ),
            ("quotas", tally(&[(Outcome::Skipped(Skip::Quota), 12)])),
            ("backup_policy", tally(&[(Outcome::Migrated, 120)])),
            (
                "backup_create_running_job_record",
                tally(&[
                    (Outcome::Skipped(Skip::JobHistory), 1),
                    (Outcome::Deferred(Defer::UnfinishedJob), 1),
                ]),
            ),
        ],
        tables: [("plans", 120), ("resources", 240), ("triggers", 120), ("checkpoint_items", 50_000)]
            .map(|(table, written)| TargetTally {
                table: table.into(),
                inserted: written,
                ..TargetTally::default()
            })
            .into(),
        compared: false,
        target_rows: Vec::new(),
        zones: vec![
            ZoneUse { zone: "Asia/Shanghai".into(), origin: ZoneOrigin::Policy, policies: 2 },
            ZoneUse { zone: "UTC+08:00".into(), origin: ZoneOrigin::Default, policies: 1_118 },
        ],
        policies_on_off: (100, 20),
        service: Some(Service { id: 3, host: Some("node1".into()), others: vec!["4 (node2)".into()] }),
        drifting_policies: 7,
        schedules: Some(schedules()),
        copies: copies(),
        rejections: vec![rejection(1042), rejection(1043)],
        rejected: 3,
        policies_without_trust: 120,
        warnings: policies_without_trust(120).into_iter().collect(),
        rejects_file: Some("rejects.sql".into()),
        stages: vec![("preparing", 0.05), ("reading", 1.25), ("loading", 3.3)],
    }
}

fn shown(report: &Report, command_kind: CommandKind<'_>, spec: Option<&Spec>, coloured: bool) -> String {
    text(&summary(report, command_kind, spec), TextFormat::of_terminal(coloured, None))
}

pub(crate) fn summary<'r>(
    report: &'r Report,
    command_kind: CommandKind<'r>,
    spec: Option<&'r Spec>,
) -> Summary<'r> {
    Summary {
        report,
        command_kind,
        spec,
        policy_on: "0",
        elapsed: Duration::from_millis(4_750),
        peak_memory: Some(43_200_512),
    }
}

const CHECK: CommandKind<'_> = CommandKind::Check { next: "etl run cinder.sql vbs.sql", full: false };

#[test]
fn a_run_that_committed() {
    let spec = Spec::Postgres(String::new());
    let shown = shown(&full(), CommandKind::Run, Some(&spec), false);
    insta::assert_snapshot!("committed", shown);
}

#[test]
fn a_check_without_a_target() {
    let report = Report {
        ending: Ending::Checked,
        target: None,
        rejections: Vec::new(),
        rejected: 0,
        rejects_file: None,
        drifting_policies: 0,
        policies_without_trust: 0,
        warnings: Vec::new(),
        ..full()
    };
    insta::assert_snapshot!("checked", shown(&report, CHECK, None, false));
}

#[test]
fn a_run_that_was_refused() {
    let report = Report { ending: Ending::Refused, rejects_file: None, tables: Vec::new(), ..full() };
    let spec = Spec::Postgres(String::new());
    insta::assert_snapshot!("refused", shown(&report, CommandKind::Run, Some(&spec), false));
}

#[test]
fn the_last_line_is_the_next_step() {
    let check = |ending: Ending, command_kind: CommandKind<'_>, spec: Option<Spec>, line: &str| {
        let report = Report { ending, policies_without_trust: 0, ..full() };
        let shown = shown(&report, command_kind, spec.as_ref(), false);
        assert_eq!(shown.lines().last(), Some(line));
    };
    let shown_without_trust = shown(&full(), CommandKind::Run, Some(&Spec::Postgres(String::new())), false);
    assert_eq!(
        shown_without_trust.lines().last(),
        Some("Next: give the policies trusts before operationengine is restarted, and run again")
    );
    let long = format!("etl run {}", "x".repeat(100));
    let postgres = || Some(Spec::Postgres(String::new()));
    check(
        Ending::Committed,
        CommandKind::Run,
        postgres(),
        "Next: restart operationengine on every Karbor node: systemctl restart karbor-operationengine",
    );
    check(
        Ending::Committed,
        CommandKind::Run,
        Some(Spec::Sqlite("karbor.db".into())),
        "Next: look at the rows in karbor.db, then run with --target postgresql://…",
    );
    check(
        Ending::Committed,
        CommandKind::Run,
        Some(Spec::Script("my karbor.sql".into())),
        "Next: psql -X -f 'my karbor.sql' DATABASE (gsql -X -f 'my karbor.sql' -d DATABASE), then restart operationengine",
    );
    check(Ending::Checked, CHECK, None, "Next: etl run cinder.sql vbs.sql");
    check(
        Ending::Checked,
        CommandKind::Check { next: &long, full: true },
        postgres(),
        "Next: etl run with the same dumps and options",
    );
    check(
        Ending::Refused,
        CommandKind::Run,
        postgres(),
        "Next: mend the rejected rows, or set them aside with --rejects FILE, and run again",
    );
    check(
        Ending::Refused,
        CHECK,
        None,
        "Next: mend the rejected rows and check again, or set them aside: etl run … --rejects FILE",
    );
}

#[test]
fn the_report_is_at_most_a_hundred_columns_wide() {
    let spec = Spec::Postgres(String::new());
    let mut report = full();
    for (_, tally) in &mut report.sources {
        tally.read = 999_999_999;
        tally.migrated = 999_999_999;
        tally.rejected = 999_999_999;
    }
    report.dumps[0].other_tables = (0..100).map(|n| (format!("table_{n}"), n * 1000)).collect();
    for line in shown(&report, CommandKind::Run, Some(&spec), false).lines() {
        assert!(line.chars().count() <= 100, "{line}");
    }
}

#[test]
fn a_narrow_terminal_gets_narrow_paragraphs() {
    let report = full();
    let summary = summary(&report, CommandKind::Run, None);
    let narrow = text(&summary, TextFormat::of_terminal(false, Some(70)));
    let paragraphs = narrow.lines().filter(|line| line.starts_with("  - ") || line.starts_with("    "));
    let widest = paragraphs.map(|line| line.chars().count()).max().unwrap();
    assert!((60..=70).contains(&widest), "{narrow}");
}

#[test]
fn colours_change_nothing_but_colours() {
    let spec = Spec::Postgres(String::new());
    let coloured = shown(&full(), CommandKind::Run, Some(&spec), true);
    assert!(coloured.contains('\x1b'));
    let mut plain = coloured;
    for code in ["\x1b[0m", "\x1b[1m", "\x1b[31m", "\x1b[33m"] {
        plain = plain.replace(code, "");
    }
    assert_eq!(plain, shown(&full(), CommandKind::Run, Some(&spec), false));
}

#[test]
fn names_from_dumps_and_servers_do_not_drive_the_terminal() {
    let evil = "x\x1b[2J\ry";
    let mut report = full();
    report.dumps[0].name = evil.into();
    report.dumps[0].other_tables = [(evil.to_owned(), 1)].into();
    report.dumps[0].unknown_columns = [("tag".to_owned(), vec![evil.into()])].into();
    report.tables[0].table = evil.into();
    report.zones[0].zone = evil.into();
    report.warnings = vec![evil.into()];
    report.target = Some(evil.into());
    report.rejections[0].dump = evil.into();
    let shown = shown(&report, CommandKind::Run, Some(&Spec::Postgres(String::new())), false);
    assert!(!shown.contains(|c: char| c.is_control() && c != '\n'), "{shown:?}");
    assert_eq!(shown.matches("x\\u{1b}[2J\\ry").count(), 8);
}

#[test]
fn rates_are_those_of_the_whole_time() {
    let rate = |ending: Ending, milliseconds: u64| {
        let report = Report { ending, ..full() };
        let summary = Summary {
            elapsed: Duration::from_millis(milliseconds),
            ..summary(&report, CommandKind::Run, None)
        };
        summary.rows_per_second()
    };
    assert_eq!(rate(Ending::Committed, 1_000), Some(50_480));
    assert_eq!(rate(Ending::Committed, 500), Some(100_960));
    assert_eq!(rate(Ending::Checked, 1_000), Some(53_534));
    assert_eq!(rate(Ending::Committed, 0), None);
}

#[test]
fn the_report_as_json() {
    let report = full();
    let inputs = Inputs {
        settings: vec![GivenValue {
            key: "policy_on",
            value: "1".to_owned(),
            origin: "etl.toml:3".to_owned(),
        }],
        files: vec![FileDigest {
            name: "cinder.sql".to_owned(),
            kind: "dump",
            bytes: 3,
            sha256: etl::base::digest::of(b"abc"),
        }],
    };
    let ended = Ended {
        inputs: &inputs,
        command: "run",
        exit: Exit::Incomplete,
        error: None,
        finished: 1_767_225_600,
        seconds: 4.75,
        peak_memory: Some(43_200_512),
        summary: Some(summary(&report, CommandKind::Run, None)),
    };
    let text = serde_json::to_string_pretty(&Document::new(&ended)).unwrap();
    // In an unpacked archive the commit is not known, and null.
    let commit = serde_json::to_string(&etl::base::build::commit()).unwrap();
    let text = text
        .replace(env!("CARGO_PKG_VERSION"), "VERSION")
        .replace(&format!("\"etl_commit\": {commit}"), "\"etl_commit\": COMMIT");
    insta::assert_snapshot!("json", text);
}
