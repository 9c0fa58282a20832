//! What is down while the API runs: nothing is believed to be gone, nothing counts as a try, and all is deleted afterwards.

use crate::purge::stage::{SECOND, Stage, everything};
use etl::base::stop::Stop;
use etl::purge::engine::Disposition;
use etl::purge::error::PurgeError;
use etl::purge::journal::{Journal, Line};
use etl::purge::limits::Limits;
use fixtures::openstack::{Fault, Method, Settings, Thing};
use std::ops::Range;
use std::time::Duration;

/// Copies of one volume each.
fn copies(number: usize) -> impl Iterator<Item = Thing> {
    (0..number).map(|n| Thing::backup(format!("b{n}")).made(&format!("v{n}"), "2019-01-01T00:00:00.000000"))
}

const DOWN: &str = "404: Service cinder-backup could not be found.";

/// Without cinder-backup at these times.
fn without_backup_service(times: Range<u64>) -> Settings {
    let down = SECOND * u32::try_from(times.start).unwrap()..Duration::from_secs(times.end);
    Settings { backup_service_down: vec![down], ..Settings::default() }
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_cinder_backup_cannot_delete_is_not_gone() {
    let stage = Stage::new(without_backup_service(0..90_000), copies(30));
    let limits = Limits { retries: 0, deadline: SECOND * 7200, ..Limits::default() };
    let purged = stage.purge_until(&everything(), &limits, &Stop::default()).await.unwrap();
    assert_eq!(stage.there().len(), 30);
    // It is no failure either: it was never tried, and the reason is the API's.
    let unsent = |disposition: &Disposition| matches!(disposition, Disposition::Unsent { reason: Some(reason) } if reason == DOWN);
    assert_eq!(purged.count(unsent), 30, "{:?}", purged.outcome);
    assert_eq!(purged.outcome.stopped, Some("the deadline"));
    let journal = std::fs::read_to_string(stage.journal()).unwrap();
    assert!(!journal.contains("\"done\"") && !journal.contains("\"failed\""), "{journal}");
    // The pauses become longer: at most a burst for each minute.
    let sent = stage.record().deletes().count();
    assert!(sent > 30 && sent < 7200 / 30 * limits.burst, "{sent}");
}

#[tokio::test(start_paused = true)]
async fn when_cinder_backup_is_up_again_all_is_deleted_and_no_try_was_used_up() {
    let stage = Stage::new(without_backup_service(2..7200), copies(100));
    let limits = Limits { retries: 0, ..Limits::default() };
    stage.purge(&limits).await.all_gone();
    assert_eq!(stage.there(), Vec::<String>::new());
    let accepted = |entry: &&fixtures::openstack::Entry| entry.status == Some(202);
    assert_eq!(stage.record().deletes().filter(accepted).count(), 100);
    // A later purge takes nothing for a try either.
    let (_, past) = Journal::open(&stage.journal(), pipeline::files::place::Foreign::Refuse).unwrap();
    assert_eq!((past.done, past.open().count()), (100, 0));
}

#[tokio::test(start_paused = true)]
async fn a_status_that_cannot_be_reset_while_cinder_backup_is_down_is_reset_afterwards() {
    let stuck = Thing::backup("stuck").failing([Fault::EndsIn("error_deleting")]);
    let stage = Stage::new(without_backup_service(2..3600), [stuck]);
    let limits = Limits { retries: 1, ..Limits::default() };
    stage.purge(&limits).await.all_gone();
    let record = stage.record();
    let resets: Vec<Option<u16>> = record
        .entries
        .iter()
        .filter(|entry| entry.method == Method::Post && entry.path.ends_with("/action"))
        .map(|entry| entry.status)
        .collect();
    assert!(
        resets.len() > 2 && resets.iter().filter(|status| **status == Some(202)).count() == 1,
        "{resets:?}"
    );
    // Nothing was deleted before the new status showed.
    let deletes: Vec<Option<u16>> = record.deletes().map(|entry| entry.status).collect();
    assert_eq!(deletes, [Some(202), Some(202)]);
}

#[tokio::test(start_paused = true)]
async fn what_somebody_else_deleted_meanwhile_is_gone_once_it_was_looked_at() {
    let stage = Stage::new(Settings { latency: SECOND * 5..SECOND * 5, ..Settings::default() }, copies(2));
    let vanish = async {
        // After the login and both lists, before anything is deleted.
        tokio::time::sleep(SECOND * 16).await;
        stage.cloud().vanish("b0");
    };
    let limits = Limits::default();
    let (purged, ()) = tokio::join!(stage.purge(&limits), vanish);
    purged.all_gone();
    let record = stage.record();
    let about: Vec<(Method, Option<u16>)> = record
        .entries
        .iter()
        .filter(|entry| entry.path == "backups/b0")
        .map(|entry| (entry.method, entry.status))
        .collect();
    assert_eq!(about, [(Method::Delete, Some(404)), (Method::Get, Some(404))]);
}

#[tokio::test(start_paused = true)]
async fn a_journal_that_says_done_without_a_look_is_no_proof() {
    let stage = Stage::new(Settings::default(), copies(3));
    // As earlier versions wrote it: b0 to b2 exist, b9 does not.
    let mut journal = "{\"event\":\"begin\",\"at\":\"2026-11-25T10:00:00.000Z\",\
                       \"endpoint\":\"http://cloud/volume/v3\",\"etl\":\"0.1.0\"}\n"
        .to_owned();
    for id in ["b0", "b1", "b2", "b9"] {
        for event in ["sent\",\"try\":1,\"x\":\"", "done"] {
            journal.push_str(&format!(
                "{{\"event\":\"{event}\",\"at\":\"2026-11-25T10:00:01.000Z\",\"kind\":\"backup\",\"id\":\"{id}\"}}\n"
            ));
        }
    }
    std::fs::write(stage.journal(), journal).unwrap();
    let purged = stage.purge(&Limits::default()).await;
    purged.all_gone();
    assert_eq!((purged.plan.objects.len(), purged.earlier, purged.gone_since), (3, 0, 1));
    assert_eq!(stage.there(), Vec::<String>::new());
    // Now it is proof, and is not looked at again.
    let text = std::fs::read_to_string(stage.journal()).unwrap();
    let seen = |line: &&str| matches!(serde_json::from_str(line), Ok(Line::Done { seen: true, .. }));
    assert_eq!(text.lines().filter(seen).count(), 4);
    stage.cloud().forget();
    assert_eq!(stage.purge(&Limits::default()).await.earlier, 4);
    assert!(!stage.record().entries.iter().any(|entry| entry.path.starts_with("backups/b")));
}

/// What Cinder returns while Keystone is down, where JSON is accepted (keystonemiddleware 13.0; WebOb makes the body).
const KEYSTONE_DOWN: &str = r#"{"message": "The server is currently unavailable. Please try again at a later time.<br /><br />\nThe Keystone service is temporarily unavailable.\n\n", "code": "503 Service Unavailable", "title": "Service Unavailable"}"#;

#[tokio::test(start_paused = true)]
async fn what_is_no_fault_of_the_object_is_no_try() {
    let over = r#"{"overLimit": {"code": 413, "message": "This request was rate-limited."}}"#;
    for (status, body) in [
        (413, over),
        (429, over),
        (429, "<html>Too Many Requests</html>"),
        (503, KEYSTONE_DOWN),
        (502, "<html><body><h1>502 Bad Gateway</h1></body></html>"),
        (504, ""),
    ] {
        let things = copies(20).map(|thing| thing.failing(vec![Fault::Raw(status, body); 3]));
        let stage = Stage::new(Settings::default(), things);
        stage.purge(&Limits { retries: 0, ..Limits::default() }).await.all_gone();
        let record = stage.record();
        assert_eq!(record.deletes().filter(|entry| entry.status == Some(202)).count(), 20, "{status}");
        // What came at the same time finds out together; then there is a pause.
        let times: Vec<Duration> = record.deletes().map(|entry| entry.at).collect();
        assert!(times.windows(2).any(|pair| pair[1] - pair[0] >= SECOND / 2), "{status} {times:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn while_keystone_is_down_behind_cinder_everything_waits() {
    // Everything, from the first deletion on: questions too.
    let settings = Settings { deletion: SECOND * 5..SECOND * 10, ..Settings::default() };
    let stage = Stage::new(settings, copies(50));
    let limits = Limits { retries: 0, ..Limits::default() };
    let down = async {
        tokio::time::sleep(SECOND * 2).await;
        stage.cloud().settings.foreign = Some((Duration::ZERO, 503, KEYSTONE_DOWN));
        tokio::time::sleep(SECOND * 3600).await;
        stage.cloud().settings.foreign = None;
    };
    let (purged, ()) = tokio::join!(stage.purge(&limits), down);
    purged.all_gone();
    assert!(stage.record().tries().values().all(|tries| *tries == 1));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_cinder_s_ends_the_purge_after_ten_minutes() {
    for (status, body, reason) in [
        (404, "", "404"),
        (404, "<html><body><h1>404 Not Found</h1>nginx</body></html>", "404: nginx"),
        (
            404,
            r#"{"itemNotFound": {"code": 404, "message": "The resource could not be found."}}"#,
            "404: The ",
        ),
        (200, "<html><body>Please log in</body></html>", "200: Please log in"),
        (302, "", "302"),
    ] {
        let settings = Settings { foreign: Some((SECOND * 2, status, body)), ..Settings::default() };
        let stage = Stage::new(Settings { deletion: SECOND..SECOND * 3, ..settings }, copies(500));
        let begun = tokio::time::Instant::now();
        let purged = stage.purge(&Limits::default()).await;
        let error = purged.outcome.error.as_ref().unwrap();
        let expected = format!("for 10 min nothing came back that is Cinder's ({reason}");
        assert!(error.to_string().contains(&expected), "{status} {error}");
        assert!(matches!(error, PurgeError::Cloud { remedy: Some(_), .. }));
        assert!(begun.elapsed() < SECOND * 900, "{:?}", begun.elapsed());
        // What was seen to be gone before is all that is believed to be gone.
        let there = stage.there().len();
        assert!(500 - there >= purged.count(|disposition| *disposition == Disposition::Gone), "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn tokens_that_are_over_at_once_end_the_purge_after_few_logins() {
    for (life, lasts) in [(0, 0), (2, 2), (3600, 2), (2, 3600), (5, 3600)] {
        let settings = Settings {
            token_life: SECOND * life,
            token_lasts: SECOND * lasts,
            deletion: SECOND..SECOND * 3,
            latency: SECOND / 20..SECOND / 10,
            ..Settings::default()
        };
        let stage = Stage::new(settings, copies(3000));
        let error = match stage.purge_until(&everything(), &Limits::default(), &Stop::default()).await {
            Ok(purged) => purged.outcome.error.unwrap(),
            Err(error) => error,
        };
        let text = error.to_string();
        let known = text.contains("5 tokens in a row were over less than 10 s after they were asked for")
            || text.contains("Cinder does not accept a new token");
        assert!(known, "{life} {lasts}: {text}");
        assert!(stage.record().logins <= 6, "{life} {lasts}: {}", stage.record().logins);
    }
}

#[tokio::test(start_paused = true)]
async fn a_burst_holds_where_requests_arrive_however_long_they_were_on_their_way() {
    for most in [1, 9, 30, 49] {
        let transit = Duration::ZERO..SECOND * most / 10;
        let settings = Settings { transit, deletion: SECOND..SECOND * 9, ..Settings::default() };
        let stage = Stage::new(settings, copies(400));
        let limits = Limits::default();
        stage.purge(&limits).await.all_gone();
        let arrived = stage.record().most_deletes_within(limits.burst_every);
        assert!(arrived <= limits.burst, "{most}: {arrived}");
    }
}
