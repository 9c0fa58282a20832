//! Twenty thousand objects with failures sprinkled in: all gone or accounted for, and never above the limits.

use crate::purge::stage::{SECOND, Stage, deletes, everything};
use etl::base::stop::Stop;
use etl::purge::engine::Disposition;
use etl::purge::limits::Limits;
use fixtures::openstack::{Fault, Settings, Thing};
use std::collections::HashSet;
use std::time::Duration;

const ALL: usize = 20_000;
const COPIES: usize = 14_000;

/// Copies in chains of five come first, then single ones, then snapshots.
const CHAINED: usize = 5_000;
const CHAIN: usize = 5;

fn thing(n: usize) -> Thing {
    let id = format!("object-{n:05}");
    let thing = match n {
        n if n >= COPIES => Thing::snapshot(id),
        n if n < CHAINED && n % CHAIN > 0 => Thing::backup(id).continues(&format!("object-{:05}", n - 1)),
        _ => Thing::backup(id),
    };
    let (volume, made) =
        (format!("volume-{}", n / CHAIN), format!("2019-07-0{}T08:00:00.000000", 1 + n % CHAIN));
    let thing = thing.of(&format!("project-{}", n % 7)).made(&volume, &made);
    let status = if n >= COPIES { "error_deleting" } else { "error" };
    match lasting(n) {
        Some(fault) => thing.never(fault),
        None => thing.failing(passing(n, status)),
    }
}

/// What is wrong with an object for good.
fn lasting(n: usize) -> Option<Fault> {
    match n {
        n if n % 1009 == 1000 => Some(Fault::Refuse(500)),
        n if n % 1511 == 1000 => Some(Fault::Refuse(403)),
        n if n % 1999 == 1000 => Some(Fault::EndsIn("error")),
        _ => None,
    }
}

/// What goes wrong before an object goes.
fn passing(n: usize, status: &'static str) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut add = |every: usize, fault: Fault| {
        if n % every == 3 {
            faults.push(fault);
        }
    };
    add(37, Fault::Refuse(500));
    add(37, Fault::Refuse(409));
    add(41, Fault::EndsIn(status));
    add(41, Fault::EndsIn(status));
    add(43, Fault::CutBefore);
    add(47, Fault::CutAfter);
    add(53, Fault::Slow(SECOND * 90));
    add(59, Fault::PutOff(503, 7));
    add(61, Fault::PutOff(429, 2));
    faults
}

fn settings() -> Settings {
    Settings {
        deletion: SECOND..SECOND * 30,
        latency: Duration::from_millis(5)..Duration::from_millis(400),
        // Tokens end before they say, too.
        token_life: SECOND * 1800,
        token_lasts: SECOND * 1000,
        outages: vec![SECOND * 500..SECOND * 620, SECOND * 5000..SECOND * 5600],
        page: 700,
        ..Settings::default()
    }
}

#[tokio::test(start_paused = true)]
async fn twenty_thousand_objects_are_gone_or_accounted_for_within_the_limits() {
    let stage = Stage::new(settings(), (0..ALL).map(thing));
    let limits = Limits::default();
    let purged = stage.purge(&limits).await;
    let record = stage.record();
    assert_eq!(purged.plan.objects.len(), ALL);
    assert!(purged.outcome.error.is_none() && purged.outcome.stopped.is_none());

    // Never above the limits, by the cloud's record, and up to them where there is enough to do.
    assert_eq!(record.most_deletes_within(limits.burst_every), limits.burst);
    // (What was sent and has not come yet, and what has ended and was not seen to, has its place too; and a burst's time
    // counts from its answers.)
    let most = record.most_under_way();
    assert!(most <= limits.in_flight && most >= limits.in_flight * 8 / 10, "{most}");
    let tries = record.tries();
    assert_eq!(tries.values().max(), Some(&(limits.retries + 1)));

    // Every object has its disposition, and that is what the cloud knows.
    let (mut gone, mut failed, mut blocked) = (0, 0, 0);
    let mut left = Vec::new();
    let dispositions = purged.dispositions();
    for n in 0..ALL {
        let id = format!("object-{n:05}");
        let collection = if n >= COPIES { "snapshots" } else { "backups" };
        let tried = tries.get(format!("{collection}/{id}").as_str()).copied().unwrap_or_default();
        let disposition = dispositions[id.as_str()].clone();
        let chain_above = (n + 1..ALL).take_while(|next| *next < CHAINED && next % CHAIN > 0);
        match (lasting(n), &disposition) {
            // Something that continues it stays.
            (_, Disposition::Blocked { by }) => {
                let by = &purged.plan.objects[*by].id;
                assert!(
                    chain_above.map(|next| format!("object-{next:05}")).any(|next| *next == **by),
                    "{id}"
                );
                assert_eq!(tried, 0, "{id}");
                blocked += 1;
            }
            (None, Disposition::Gone) => gone += 1,
            (Some(Fault::Refuse(403)), Disposition::Failed { tries: 1, .. }) => failed += 1,
            (Some(_), Disposition::Failed { tries, request_id: Some(_), .. }) => {
                assert_eq!((*tries, tried), (limits.retries + 1, limits.retries + 1), "{id}");
                failed += 1;
            }
            other => panic!("{id}: {other:?}"),
        }
        if disposition != Disposition::Gone {
            left.push(id);
        }
    }
    assert_eq!((gone + failed + blocked, gone), (ALL, ALL - left.len()));
    assert!(failed > 30 && blocked > 5, "{failed} {blocked}");
    assert_eq!(stage.there(), left);
    assert!(record.logins > 2, "{}", record.logins);

    // Each further try comes after a longer wait.
    let stubborn = (0..ALL).find(|n| lasting(*n) == Some(Fault::Refuse(500))).unwrap();
    let path = format!("backups/object-{stubborn:05}");
    let tried = deletes(&record, &path).into_iter().filter(|entry| !entry.put_off);
    let times: Vec<Duration> = tried.map(|entry| entry.at).collect();
    for (retry, pair) in (1..).zip(times.windows(2)) {
        let least = limits.retry_wait * 2_u32.pow(retry - 1).min(Limits::LONGEST_WAIT) / 2;
        assert!(pair[1] - pair[0] >= least, "retry {retry}: {pair:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_purge_that_is_cut_off_again_and_again_sends_nothing_twice() {
    let things = (0..2_000).map(|n| Thing::backup(format!("b{n}")));
    let settings = Settings { deletion: SECOND..SECOND * 60, ..Settings::default() };
    let stage = Stage::new(settings, things);
    let limits = Limits::default();
    let mut rounds = 0;
    let last = loop {
        rounds += 1;
        let (wishes, stop) = (everything(), Stop::default());
        let purge = stage.purge_until(&wishes, &limits, &stop);
        // The future is dropped where it stands: nothing is put in order, as in a process that is killed.
        if let Ok(purged) = tokio::time::timeout(SECOND * 97, purge).await {
            break purged.unwrap();
        }
    };
    assert!(rounds > 3, "{rounds}");
    last.all_gone();
    assert_eq!(stage.there(), Vec::<String>::new());
    let record = stage.record();
    assert!(record.tries().values().all(|tries| *tries == 1));
    assert_eq!(record.deletions.len(), 2_000);
    assert!(record.most_under_way() <= limits.in_flight, "{}", record.most_under_way());
    // Every one of them is in the journal as gone, once.
    let text = std::fs::read_to_string(stage.journal()).unwrap();
    let done: Vec<&str> = text.lines().filter(|line| line.contains("\"done\"")).collect();
    let ids: HashSet<&str> = done.iter().map(|line| line.split("\"id\":").nth(1).unwrap()).collect();
    assert_eq!((done.len(), ids.len()), (2_000, 2_000));
    assert_eq!(last.earlier + last.gone_since + u64::try_from(last.plan.objects.len()).unwrap(), 2_000);
}
