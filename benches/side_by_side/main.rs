//! The measures that count, side by side in one run against a private PostgreSQL, printed as Markdown.
//!
//! `cargo bench --bench side_by_side -- [--backups N]… [--grow N]… [--runs N] [--policies N]`
//!
//! `--backups` are the sizes of the loads and conversions (53,400 and 1,000,000 if none is given); `--grow` are sizes that
//! are only loaded once, each against the first, for memory and time for each row (500,000, 1,000,000 and 5,000,000 take
//! 40 GB of disk and some ten minutes; none if none is given).
//!
//! Machines are noisy: what is compared runs in turn, and each ratio is the median of those of the turns. The server keeps
//! its durability (fsync on); the dumps are in the page cache.

#![allow(clippy::expect_used, reason = "a measurement that cannot be made ends the program")]
#![allow(unreachable_pub, reason = "the modules of a program have no outside")]

mod conversion;
mod cost;
mod dumps;
mod embedded;
mod postgres;
mod table;

use dumps::{Dumps, JOB_RECORDS};
use fixtures::{Form, Site};
use std::process::Command;

/// A command of etl that writes nothing but what is measured.
fn etl(subcommand: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_etl"));
    command.env_remove("ETL_TARGET").args([subcommand, "--no-log", "--quiet"]);
    command
}

/// Says what is going on: a run takes minutes.
#[allow(clippy::print_stderr, reason = "this program has no other way to say it")]
fn say(what: &str) {
    eprintln!("{what} …");
}

/// Policies with schedules, more than any site has.
const POLICIES: u64 = 100_000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let values = |name: &str, otherwise: &[u64]| -> Vec<u64> {
        let pairs = arguments.windows(2).filter(|pair| pair[0] == name);
        let values: Vec<u64> = pairs.map(|pair| pair[1].parse().expect("a number")).collect();
        if values.is_empty() { otherwise.to_vec() } else { values }
    };
    let (sizes, grown) = (values("--backups", &[53_400, 1_000_000]), values("--grow", &[]));
    let (runs, policies) = (values("--runs", &[5])[0], values("--policies", &[1_000])[0]);
    let server = postgres::server();
    let mut rows = table::Rows::default();
    for backups in sizes {
        let dumps = Dumps::of(backups, policies, Form::Copy);
        conversion::conversion(&dumps, &conversion::inserts(backups, policies), runs, &mut rows);
        postgres::load(&server, &dumps, runs, &mut rows);
        embedded::load(&dumps, runs, &mut rows);
    }
    postgres::growth(&server, &grown, policies, &mut rows);
    let many = Site { policies: POLICIES, job_records: JOB_RECORDS, ..Site::sized(1, 1_000) };
    // The policies and the rows that are theirs; of job records only digests are held.
    let held = POLICIES * 3 + JOB_RECORDS;
    postgres::odd(
        &server,
        many,
        "100,000 policies with schedules, 200,000 job records",
        held,
        runs,
        &mut rows,
    );
    let same = Site::degenerate(1, 50_000);
    postgres::odd(
        &server,
        same,
        "50,000 copies of one volume and name, 200,000 job records",
        0,
        runs,
        &mut rows,
    );
    #[allow(clippy::print_stdout, reason = "this is what the program is for")]
    {
        println!("{}", machine());
        println!("{rows}");
    }
}

/// What the figures were taken on, and how busy it was.
fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpus = read("/proc/cpuinfo");
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
    let cores = cpus.lines().filter(|line| line.starts_with("processor")).count();
    let load = read("/proc/loadavg");
    let load = load.split(' ').next().unwrap_or_default();
    format!("{cores} cores ({}), load average {load} at the end\n", model.unwrap_or("unknown"))
}
