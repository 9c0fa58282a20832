//! What goes wrong, once or for good: told apart, tried again, never counted twice.

use crate::purge::stage::{SECOND, Stage, deletes, everything};
use etl::base::stop::Stop;
use etl::purge::engine::Disposition;
use etl::purge::limits::Limits;
use fixtures::openstack::{Fault, Method, Settings, Thing};
use std::time::Duration;

fn limits() -> Limits {
    Limits { retries: 3, ..Limits::default() }
}

fn statuses(stage: &Stage, path: &str) -> Vec<Option<u16>> {
    deletes(&stage.record(), path).iter().map(|entry| entry.status).collect()
}

#[tokio::test(start_paused = true)]
async fn what_passes_is_tried_again_and_what_stays_is_given_up() {
    let things = [
        Thing::backup("flaky").failing([Fault::Refuse(500), Fault::EndsIn("error"), Fault::Refuse(409)]),
        Thing::backup("broken").never(Fault::Refuse(500)),
        Thing::backup("driver").never(Fault::EndsIn("error")),
        Thing::backup("forbidden").never(Fault::Refuse(403)),
    ];
    let stage = Stage::new(Settings::default(), things);
    let purged = stage.purge(&limits()).await;
    assert_eq!(purged.dispositions()["flaky"], &Disposition::Gone);
    assert_eq!(statuses(&stage, "backups/flaky"), [Some(500), Some(202), Some(409), Some(202)]);
    for (id, tries, reason) in [
        ("broken", 4, "500: It is not done."),
        ("driver", 4, "the deletion ended in status \"error\": the driver failed"),
        ("forbidden", 1, "403: It is not done."),
    ] {
        let (tried, why, request_id) = purged.failure(id);
        assert_eq!((tried, why), (tries, reason));
        assert!(request_id.is_some(), "{id}");
        assert_eq!(statuses(&stage, &format!("backups/{id}")).len(), usize::try_from(tries).unwrap(), "{id}");
    }
    // What failed is tried anew by the next purge.
    stage.cloud().forget();
    stage.purge(&limits()).await;
    assert_eq!(statuses(&stage, "backups/broken").len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_status_that_forbids_it_is_no_reason_to_try_again() {
    for status in ["creating", "restoring", "backing-up", "in-use"] {
        let stage = Stage::new(Settings::default(), [Thing::backup("b").in_status(status)]);
        let purged = stage.purge(&limits()).await;
        let expected = format!(
            "400: Invalid backup: Backup status must be available or error (its status is \"{status}\")"
        );
        assert_eq!((purged.failure("b").0, purged.failure("b").1), (1, expected.as_str()));
        assert_eq!(statuses(&stage, "backups/b"), [Some(400)]);
    }
}

#[tokio::test(start_paused = true)]
async fn without_retries_one_failure_is_enough() {
    let stage = Stage::new(Settings::default(), [Thing::snapshot("s").failing([Fault::Refuse(500)])]);
    let purged = stage.purge(&Limits { retries: 0, ..Limits::default() }).await;
    assert_eq!(purged.failure("s").0, 1);
}

#[tokio::test(start_paused = true)]
async fn cut_connections_and_late_answers_are_looked_into_before_anything_is_sent_again() {
    let things = [
        Thing::backup("before").failing([Fault::CutBefore]),
        Thing::backup("after").failing([Fault::CutAfter]),
        Thing::backup("late").failing([Fault::Slow(SECOND * 300)]),
    ];
    let settings = Settings { deletion: SECOND * 20..SECOND * 40, ..Settings::default() };
    let stage = Stage::new(settings, things);
    stage.purge(&limits()).await.all_gone();
    assert_eq!(statuses(&stage, "backups/before"), [None, Some(202)]);
    assert_eq!(statuses(&stage, "backups/after"), [None]);
    assert_eq!(statuses(&stage, "backups/late"), [Some(202)]);
    assert_eq!(stage.record().deletions.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_reason_is_that_of_the_deletion_where_it_began_and_that_of_the_request_where_not() {
    let things = [
        Thing::backup("began").never(Fault::CutAndEndsIn("error")),
        Thing::backup("lost").never(Fault::CutBefore),
    ];
    let settings = Settings { deletion: SECOND * 20..SECOND * 40, ..Settings::default() };
    let stage = Stage::new(settings, things);
    let purged = stage.purge(&Limits { retries: 1, ..limits() }).await;
    assert_eq!(purged.failure("began").1, "the deletion ended in status \"error\": the driver failed");
    assert_eq!(purged.failure("lost").1, "connection closed before message completed");
}

#[tokio::test(start_paused = true)]
async fn throttling_pauses_everything_for_as_long_as_was_asked_and_is_no_try() {
    for (status, waits_are_dates) in [(429, false), (503, false), (429, true), (503, true)] {
        let busy = Thing::backup("busy").failing(vec![Fault::PutOff(status, 30); 8]);
        let others = (0..40).map(|n| Thing::snapshot(format!("s{n}")));
        // It takes so long that all are sent after the first answer.
        let settings = Settings { waits_are_dates, deletion: SECOND..SECOND * 2, ..Settings::default() };
        let stage = Stage::new(settings, others.chain([busy]));
        stage.purge(&Limits { retries: 1, ..limits() }).await.all_gone();
        let record = stage.record();
        let put_off: Vec<Duration> =
            record.deletes().filter(|entry| entry.put_off).map(|entry| entry.at).collect();
        assert_eq!(put_off.len(), 8);
        for at in put_off {
            let early = |time: Duration| time > at && time < at + SECOND * 30;
            assert!(!record.entries.iter().any(|entry| early(entry.at)), "{status} {waits_are_dates} {at:?}");
        }
        assert_eq!(record.tries()["backups/busy"], 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_lets_fewer_through_sets_the_pace() {
    let things = (0..200).map(|n| Thing::backup(format!("b{n}")));
    let stage = Stage::new(Settings { throttle: Some((7, SECOND, 3)), ..Settings::default() }, things);
    stage.purge(&limits()).await.all_gone();
    let record = stage.record();
    assert!(record.deletes().any(|entry| entry.status == Some(429)));
    assert!(record.tries().values().all(|tries| *tries == 1));
    assert_eq!(record.most_deletes_within(SECOND), 10);
}

#[tokio::test(start_paused = true)]
async fn an_outage_costs_no_tries() {
    let things = (0..100).map(|n| Thing::backup(format!("b{n}")));
    let settings = Settings {
        outages: vec![SECOND * 3..SECOND * 7200],
        deletion: SECOND..SECOND * 5,
        ..Settings::default()
    };
    let stage = Stage::new(settings, things);
    stage.purge(&Limits { retries: 0, ..limits() }).await.all_gone();
    assert!(stage.record().tries().values().all(|tries| *tries == 1));
}

#[tokio::test(start_paused = true)]
async fn tokens_are_renewed_before_they_end_and_after_they_ended_early() {
    let things = || (0..300).map(|n| Thing::backup(format!("b{n}")));
    for (life, lasts, refused) in [(100, 100, false), (3600, 20, true)] {
        let settings = Settings {
            token_life: SECOND * life,
            token_lasts: SECOND * lasts,
            deletion: SECOND * 10..SECOND * 100,
            ..Settings::default()
        };
        let stage = Stage::new(settings, things());
        stage.purge(&Limits { in_flight: 20, ..limits() }).await.all_gone();
        let record = stage.record();
        assert!(record.logins > 3, "{}", record.logins);
        assert_eq!(record.entries.iter().any(|entry| entry.status == Some(401)), refused);
        assert!(record.tries().values().all(|tries| *tries == 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_password_that_is_changed_meanwhile_ends_the_purge_and_says_so() {
    let settings = Settings {
        token_life: SECOND * 60,
        token_lasts: SECOND * 60,
        deletion: SECOND * 5..SECOND * 30,
        ..Settings::default()
    };
    let stage = Stage::new(settings, (0..1000).map(|n| Thing::backup(format!("b{n}"))));
    let change = async {
        tokio::time::sleep(SECOND * 10).await;
        stage.cloud().settings.password = "another".to_owned();
    };
    let limits = limits();
    let (purged, ()) = tokio::join!(stage.purge(&limits), change);
    let error = purged.outcome.error.as_ref().unwrap().to_string();
    assert!(error.starts_with("http://cloud/v3: the login is refused (401: "), "{error}");
    let under_way = purged.count(|disposition| *disposition == Disposition::UnderWay);
    let (gone, unsent) = (
        purged.count(|f| *f == Disposition::Gone),
        purged.count(|f| matches!(f, Disposition::Unsent { .. })),
    );
    assert!(under_way > 0 && gone > 0 && unsent > 0);
    assert_eq!(under_way + gone + unsent, 1000);
    // With the right password it goes on, and nothing is sent twice.
    stage.cloud().settings.password = "correct horse".to_owned();
    stage.purge(&limits).await.all_gone();
    assert!(stage.record().tries().values().all(|tries| *tries == 1));
}

#[tokio::test(start_paused = true)]
async fn a_failed_deletion_is_reset_before_it_is_tried_again() {
    let stuck = || Thing::snapshot("s").failing([Fault::EndsIn("error_deleting")]);
    let stage = Stage::new(Settings::default(), [stuck(), Thing::snapshot("t").in_status("error_deleting")]);
    stage.purge(&limits()).await.all_gone();
    assert_eq!(statuses(&stage, "snapshots/s"), [Some(202), Some(202)]);
    assert_eq!(statuses(&stage, "snapshots/t"), [Some(400), Some(202)]);
    let resets =
        stage.record().entries.iter().filter(|e| e.method == Method::Post && e.status == Some(202)).count();
    assert_eq!(resets, 2);

    let member = Settings { administrator: false, ..Settings::default() };
    let stage = Stage::new(member, [stuck().of(&Settings::default().project)]);
    let purged = stage.purge(&limits()).await;
    let (tries, reason, request_id) = purged.failure("s");
    assert_eq!(tries, 1);
    assert!(reason.contains("may not be reset by this user: 403: ") && request_id.is_some(), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn the_deadline_ends_the_purge_and_leaves_the_rest_recorded() {
    let settings = Settings { deletion: SECOND * 30..SECOND * 31, ..Settings::default() };
    let stage = Stage::new(settings, (0..500).map(|n| Thing::backup(format!("b{n}"))));
    let hasty = Limits { deadline: SECOND * 70, ..Limits::default() };
    let purged = stage.purge(&hasty).await;
    assert_eq!(purged.outcome.stopped, Some("the deadline"));
    let gone = purged.count(|disposition| *disposition == Disposition::Gone);
    let under_way = purged.count(|disposition| *disposition == Disposition::UnderWay);
    assert!(gone >= 100 && under_way > 0 && gone + under_way < 500, "{gone} {under_way}");
    stage.purge(&Limits::default()).await.all_gone();
    assert!(stage.record().tries().values().all(|tries| *tries == 1));
    assert!(stage.record().most_under_way() <= 100);
}

#[tokio::test(start_paused = true)]
async fn asked_to_stop_it_sends_nothing_more_and_sees_what_is_under_way_to_its_end() {
    let settings = Settings { deletion: SECOND * 30..SECOND * 60, ..Settings::default() };
    let failing = Thing::backup("failing").never(Fault::Refuse(500));
    let things = (0..500).map(|n| Thing::backup(format!("b{n}")));
    let stage = Stage::new(settings, things.chain([failing]));
    let stop = Stop::default();
    let wishes = everything();
    let limits = Limits::default();
    let ask = async {
        tokio::time::sleep(SECOND * 15).await;
        stop.ask("SIGINT");
    };
    let (purged, ()) = tokio::join!(stage.purge_until(&wishes, &limits, &stop), ask);
    let purged = purged.unwrap();
    assert_eq!(purged.outcome.stopped, Some("SIGINT"));
    assert_eq!(purged.count(|disposition| *disposition == Disposition::Gone), 100);
    assert_eq!(purged.count(|disposition| *disposition == Disposition::UnderWay), 0);
    assert!(stage.record().deletes().all(|entry| entry.at < SECOND * 16));
    let resting = purged.dispositions()["failing"];
    assert!(
        matches!(resting, Disposition::Unsent { reason: Some(reason) } if reason.starts_with("500: ")),
        "{resting:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn asked_twice_it_leaves_at_once() {
    let settings = Settings { deletion: SECOND * 3000..SECOND * 6000, ..Settings::default() };
    let stage = Stage::new(settings, (0..500).map(|n| Thing::backup(format!("b{n}"))));
    let (stop, wishes, limits) = (Stop::default(), everything(), Limits::default());
    let ask = async {
        tokio::time::sleep(SECOND * 15).await;
        stop.ask("SIGINT");
        tokio::time::sleep(SECOND * 5).await;
        stop.ask("SIGINT");
    };
    let begun = tokio::time::Instant::now();
    let (purged, ()) = tokio::join!(stage.purge_until(&wishes, &limits, &stop), ask);
    assert_eq!(begun.elapsed().as_secs(), 20);
    assert_eq!(purged.unwrap().count(|disposition| *disposition == Disposition::UnderWay), 100);
}
