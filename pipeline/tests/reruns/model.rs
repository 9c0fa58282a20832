//! A model beside the program: random histories of a source that lives on, of what Karbor's users do, and of runs, checks,
//! verifications, prunes, syncs and rollbacks. After each step what the program says and what the target contains must be what the
//! model says, which knows the contract's rules (for reruns) and nothing of how rows are compared.
//!
//! `ETL_MODEL_STEPS` and `ETL_MODEL_SEED` make a longer or another history; a failure names the seed and the step.

mod expect;
mod history;
mod sources;
mod target;

use crate::site::Site;
use history::History;
use pipeline::settings::Unsteady;
use sources::Sources;
use target::Target;

/// Steps in each history, after which a new one begins on an empty target.
const HISTORY: usize = 100;

/// Steps in a test run, on each database.
const STEPS: usize = 2_000;

/// A point in time, in minutes.
type Time = u32;

fn time(at: Time) -> String {
    let (days, minutes) = (at / 1440, at % 1440);
    let (year, day) = (2020 + days / 336, days % 336);
    format!("{year}-{:02}-{:02} {:02}:{:02}:00", day / 28 + 1, day % 28 + 1, minutes / 60, minutes % 60)
}

fn policy_id(n: u32) -> String {
    format!("{n:08}-bbbb-4000-8000-000000000000")
}

/// A generator of numbers that is the same everywhere (Steele, Lea, Flood: SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % limit as u64).unwrap()
    }

    fn number(&mut self, limit: u32) -> u32 {
        u32::try_from(self.below(usize::try_from(limit).unwrap())).unwrap()
    }

    fn pick<'i, T>(&mut self, items: impl Iterator<Item = &'i T>) -> Option<&'i T> {
        let items: Vec<_> = items.collect();
        (!items.is_empty()).then(|| items[self.below(items.len())])
    }
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap())
}

fn histories(postgres: bool) {
    let seed = number("ETL_MODEL_SEED").unwrap_or(1);
    // A verification takes as long as a run: all steps are verified where somebody asks for a history of his own.
    let asked = number("ETL_MODEL_STEPS");
    let steps = asked.map_or(STEPS, |steps| usize::try_from(steps).unwrap());
    let verified_every = if asked.is_some() { 1 } else { 3 };
    for n in 0..steps.div_ceil(HISTORY) {
        let seed = seed + n as u64;
        Site::one(postgres, |site| {
            let size = [1, 2, 5, 64][n % 4];
            (site.tuning.spool.memory, site.tuning.batch_rows) = (size * 48, size);
            let carries = n % 2 == 1;
            site.settings.unsteady = if carries { Unsteady::Carry } else { Unsteady::Defer };
            let mut history = History {
                site,
                random: Random(seed),
                now: 10_000,
                next: 1,
                sources: Sources::default(),
                target: Target::default(),
                anchored_at: 0,
                verified_every,
                carries,
                log: format!("seed {seed}\n"),
            };
            for _ in 0..HISTORY {
                history.step();
            }
        });
    }
}

#[test]
fn histories_in_postgresql_go_as_the_model_says() {
    histories(true);
}

#[test]
fn histories_in_sqlite_go_as_the_model_says() {
    histories(false);
}
