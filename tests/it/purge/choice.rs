//! What is chosen among Cinder's objects, and what stays and why.

use crate::purge::stage::{SECOND, Stage, everything};
use etl::base::stop::Stop;
use etl::purge::limits::Limits;
use etl::purge::selection::Wishes;
use etl::purge::{Count, Kind};
use fixtures::openstack::{Settings, Thing};
use std::collections::BTreeSet;

async fn chosen(stage: &Stage, wishes: &Wishes) -> (BTreeSet<String>, etl::purge::selection::Kept) {
    // Nothing is sent: it is stopped before it begins.
    let stop = Stop::default();
    stop.ask("the test");
    let purged = stage.purge_until(wishes, &Limits::default(), &stop).await.unwrap();
    (purged.plan.objects.iter().map(|object| object.id.to_string()).collect(), purged.kept)
}

fn set(ids: &[&str]) -> BTreeSet<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

fn things() -> Vec<Thing> {
    vec![
        Thing::backup("b1").of("p1").made("v1", "2019-01-01T00:00:00.000000"),
        Thing::backup("b2").of("p2").made("v2", "2020-01-01T00:00:00.000000"),
        Thing::backup("b3").of("p3").made("v3", "2021-01-01T00:00:00.000000"),
        Thing::snapshot("s1").of("p1").made("v1", "2019-01-01T00:00:00.000000"),
        Thing::snapshot("s2").of("p2").made("v2", ""),
    ]
}

#[tokio::test(start_paused = true)]
async fn kinds_projects_and_age_choose() {
    let stage = Stage::new(Settings::default(), things());
    let all = everything();
    assert_eq!(chosen(&stage, &all).await.0, set(&["b1", "b2", "b3", "s1", "s2"]));
    let snapshots = Wishes { what: vec![Kind::Snapshot], ..everything() };
    assert_eq!(chosen(&stage, &snapshots).await.0, set(&["s1", "s2"]));
    let projects = Wishes { projects: vec!["p1".to_owned(), "p3".to_owned()], ..everything() };
    assert_eq!(chosen(&stage, &projects).await.0, set(&["b1", "b3", "s1"]));
    let limit = chrono::NaiveDate::from_ymd_opt(2020, 1, 1).and_then(|day| day.and_hms_opt(0, 0, 0));
    let old = Wishes { made_before: limit, ..everything() };
    let (ids, kept) = chosen(&stage, &old).await;
    assert_eq!((ids, kept.young), (set(&["b1", "s1"]), Count { backups: 2, snapshots: 1 }));
}

#[tokio::test(start_paused = true)]
async fn a_copy_of_an_untold_project_is_no_copy_of_the_named_one() {
    let stage = Stage::new(Settings { versioned: false, ..Settings::default() }, things());
    assert_eq!(chosen(&stage, &everything()).await.0.len(), 5);
    let wishes = Wishes { projects: vec!["p1".to_owned()], ..everything() };
    let (ids, kept) = chosen(&stage, &wishes).await;
    // Of snapshots every version tells the project.
    assert_eq!((ids, kept.unknown_project), (set(&["s1"]), Count { backups: 1, snapshots: 0 }));
}

#[tokio::test(start_paused = true)]
async fn a_member_s_copies_are_of_the_token_s_own_project() {
    // For a member, Cinder's list of copies contains no project, and only the member's own project, whatever is asked for.
    let mine = |id: &str| Thing::backup(id).of("mine").made(id, "2019-01-01T00:00:00.000000");
    let things =
        || [mine("b1"), mine("b2"), Thing::backup("foreign").of("p2"), Thing::snapshot("s").of("mine")];
    for (administrator, versioned) in [(false, true), (false, false), (true, false), (true, true)] {
        let project = "mine".to_owned();
        let settings = Settings { project, administrator, versioned, ..Settings::default() };
        let stage = Stage::new(settings, things());
        let wishes = |project: &str| Wishes { projects: vec![project.to_owned()], ..everything() };
        let (ids, kept) = chosen(&stage, &wishes("mine")).await;
        assert_eq!(
            (ids, kept.unknown_project.all()),
            (set(&["b1", "b2", "s"]), 0),
            "{administrator} {versioned}"
        );
        // Another project is not the token's own: a copy without a project is not taken for one of it.
        let (ids, kept) = chosen(&stage, &wishes("p2")).await;
        let told = administrator && versioned;
        assert_eq!(ids, if told { set(&["foreign"]) } else { BTreeSet::new() });
        let (own, other) = (u64::from(!administrator) * 2, u64::from(administrator && !versioned));
        assert_eq!(kept.unknown_project.backups, own + other);
        // Both together.
        let both = Wishes { projects: vec!["p2".to_owned(), "mine".to_owned()], ..everything() };
        let ids = chosen(&stage, &both).await.0;
        assert_eq!(ids.contains("foreign"), told);
        assert!(ids.is_superset(&set(&["b1", "b2", "s"])), "{administrator} {versioned} {ids:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_without_end_is_left() {
    let stage = Stage::new(Settings { endless: true, page: 100, ..Settings::default() }, things());
    let limits = Limits { listed: 5_000, ..Limits::default() };
    let error = stage.purge_until(&everything(), &limits, &Stop::default()).await.err().unwrap();
    assert!(
        error.to_string().ends_with("more than 5,000 backups are listed: their list has no end"),
        "{error}"
    );
    assert_eq!(stage.record().entries.len(), 1 + 51);
    // Where each page takes its time, the deadline is the end.
    let settings =
        Settings { endless: true, page: 1, latency: SECOND * 30..SECOND * 31, ..Settings::default() };
    let stage = Stage::new(settings, things());
    let limits = Limits { deadline: SECOND * 3600, ..Limits::default() };
    let error = stage.purge_until(&everything(), &limits, &Stop::default()).await.err().unwrap();
    assert!(error.to_string().ends_with("the backups were not listed within the deadline"), "{error}");
    assert!(stage.record().entries.len() <= 1 + 120);
}

#[tokio::test(start_paused = true)]
async fn all_pages_are_read_while_what_they_list_goes() {
    let settings = Settings { page: 3, latency: SECOND * 10..SECOND * 10, ..Settings::default() };
    let stage = Stage::new(settings, (0..30).map(|n| Thing::snapshot(format!("s{n:02}"))));
    let (stop, wishes, limits) = (Stop::default(), everything(), Limits::default());
    stop.ask("the test");
    let purge = stage.purge_until(&wishes, &limits, &stop);
    // The login takes 10 seconds, an empty list of copies 10, and each page of snapshots 10.
    let vanish = async {
        tokio::time::sleep(SECOND * 25).await;
        for marker in ["s27", "s24", "s23", "s21"] {
            stage.cloud().vanish(marker);
        }
    };
    let (purged, ()) = tokio::join!(purge, vanish);
    let purged = purged.unwrap();
    let ids: Vec<&str> = purged.plan.objects.iter().map(|object| &*object.id).collect();
    // What was listed before it went is there once, what went before it was listed is not.
    let expected: Vec<String> =
        (0..30).rev().filter(|n| ![24, 23, 21].contains(n)).map(|n| format!("s{n:02}")).collect();
    assert_eq!(ids, expected);
    let record = stage.record();
    let refused = |entry: &&fixtures::openstack::Entry| entry.status == Some(404);
    assert_eq!(record.entries.iter().filter(refused).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_list_survives_an_outage_but_not_every_outage() {
    for (outage, expected) in [(20, None), (900, Some("snapshots cannot be listed: connection refused"))] {
        let settings = Settings {
            page: 10,
            latency: SECOND..SECOND * 2,
            outages: vec![SECOND * 8..SECOND * outage],
            ..Settings::default()
        };
        let stage = Stage::new(settings, (0..100).map(|n| Thing::snapshot(format!("s{n}"))));
        let stop = Stop::default();
        stop.ask("the test");
        let purged = stage.purge_until(&everything(), &Limits::default(), &stop).await;
        match (purged, expected) {
            (Ok(purged), None) => assert_eq!(purged.plan.objects.len(), 100),
            (Err(error), Some(expected)) => assert!(error.to_string().ends_with(expected), "{error}"),
            (other, _) => panic!("{outage}: {:?}", other.err()),
        }
    }
}
