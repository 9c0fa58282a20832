//! Copies that continue others: children first, and what a child holds up stays.

use crate::purge::stage::{SECOND, Stage, deletes, everything};
use etl::base::stop::Stop;
use etl::purge::engine::Disposition;
use etl::purge::limits::Limits;
use etl::purge::named::{Gathering, Named};
use etl::purge::selection::Wishes;
use fixtures::openstack::{Fault, Settings, Thing};
use parsers::columns::ColumnMap;
use parsers::input::Input;
use parsers::position::DumpId;
use std::path::Path;

fn slow() -> Settings {
    Settings { deletion: SECOND * 3..SECOND * 9, ..Settings::default() }
}

/// A chain `a` ← `b` ← `c` ← `d` on one volume, told by times alone.
fn chain() -> [Thing; 4] {
    [
        Thing::backup("a").made("v", "2019-01-01T00:00:00.000000"),
        Thing::backup("b").made("v", "2019-01-02T00:00:00.000000").continues("a"),
        Thing::backup("c").made("v", "2019-01-03T00:00:00.000000").continues("b"),
        Thing::backup("d").made("v", "2019-01-04T00:00:00.000000").continues("c"),
    ]
}

/// The copies of a dump of cinder's.
fn named(rows: &[(&str, &str)]) -> Named {
    let mut text =
        "COPY backups (id, volume_id, project_id, status, snapshot_id, parent_id) FROM stdin;\n".to_owned();
    for (id, parent) in rows {
        text.push_str(&format!("{id}\tv\tp\tavailable\t\\N\t{parent}\n"));
    }
    text.push_str("\\.\n\n--\n-- PostgreSQL database dump complete\n--\n");
    let mut input = Input::from_reader(
        "cinder.sql",
        Box::new(std::io::Cursor::new(text.into_bytes())),
        Path::new("/var/tmp"),
    );
    let mut gathering = Gathering::default();
    let map = ColumnMap::built_in().unwrap();
    gathering.dump(&mut input, DumpId(0), &map, parsers::scan::Limits::default()).unwrap();
    gathering.finish()
}

#[tokio::test(start_paused = true)]
async fn a_copy_is_sent_once_those_that_continue_it_are_gone() {
    let others =
        (0..50).map(|n| Thing::backup(format!("other-{n}")).made(&format!("w{n}"), "2019-01-01T00:00:00"));
    let stage = Stage::new(slow(), chain().into_iter().chain(others));
    stage.purge(&Limits::default()).await.all_gone();
    let record = stage.record();
    // Nothing was refused: no parent was sent too early.
    assert!(record.deletes().all(|entry| entry.status == Some(202)));
    let sent = ["d", "c", "b", "a"].map(|id| deletes(&record, &format!("backups/{id}"))[0].at);
    assert!(sent.windows(2).all(|pair| pair[1] >= pair[0] + SECOND * 3), "{sent:?}");
    // The longest chain begins with the first burst, so that nothing waits for it at the end.
    assert_eq!(sent[0], record.deletes().next().unwrap().at);
}

#[tokio::test(start_paused = true)]
async fn a_child_that_fails_holds_up_all_that_it_hangs_on_and_nothing_else() {
    let [a, b, c, d] = chain();
    let single = Thing::backup("single").made("w", "2019-01-01T00:00:00");
    let sibling = Thing::backup("sibling").made("v", "2019-01-02T12:00:00").continues("a");
    let things = [a, b.clone(), c.never(Fault::Refuse(403)), d, single, sibling];
    let stage = Stage::new(slow(), things);
    // Two copies continue `a`: times alone do not tell that, the dump does.
    let rows = [("a", "\\N"), ("b", "a"), ("c", "b"), ("d", "c"), ("single", "\\N"), ("sibling", "a")];
    let wishes = Wishes { named: Some(named(&rows)), ..everything() };
    let purged = stage.purge_until(&wishes, &Limits::default(), &Stop::default()).await.unwrap();
    let dispositions = purged.dispositions();
    let (tries, reason, request) = purged.failure("c");
    assert_eq!((tries, reason), (1, "403: It is not done."));
    assert!(request.is_some_and(|request| request.starts_with("req-")), "{request:?}");
    for id in ["a", "b"] {
        assert!(
            matches!(dispositions[id], Disposition::Blocked { by } if &*purged.plan.objects[*by].id == "c"),
            "{id}"
        );
    }
    for id in ["d", "single", "sibling"] {
        assert_eq!(dispositions[id], &Disposition::Gone, "{id}");
    }
    assert_eq!(stage.there(), ["a", "b", "c"]);
    let record = stage.record();
    assert!(deletes(&record, "backups/a").is_empty() && deletes(&record, "backups/b").is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_a_copy_continues_stays_if_that_copy_stays() {
    let stage = Stage::new(slow(), chain());
    // `c` is not named: it stays, and `a` and `b` with it.
    let named = named(&[("a", "\\N"), ("b", "a"), ("d", "c"), ("gone", "a")]);
    let wishes = Wishes { named: Some(named), ..everything() };
    let purged = stage.purge_until(&wishes, &Limits::default(), &Stop::default()).await.unwrap();
    purged.all_gone();
    assert_eq!((purged.kept.depended_on.backups, purged.kept.absent), (2, 1));
    assert_eq!(stage.there(), ["a", "b", "c"]);
}

#[tokio::test(start_paused = true)]
async fn a_parent_that_nobody_tells_of_is_waited_for_by_asking_again() {
    // Another volume's copy continues `a`, which is against Cinder's own rules: only Cinder can know.
    let child = Thing::backup("child").made("w", "2019-01-02T00:00:00").continues("a");
    let stage = Stage::new(slow(), [Thing::backup("a").made("v", "2019-01-01T00:00:00"), child]);
    stage.purge(&Limits::default()).await.all_gone();
    let record = stage.record();
    assert!(deletes(&record, "backups/a").iter().any(|entry| entry.status == Some(400)));
}
