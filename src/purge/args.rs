//! The arguments of `etl purge`.

use crate::settings::output_args::OutputArgs;
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;

/// The arguments of `etl purge`.
#[derive(Debug, Args)]
pub struct PurgeArgs {
    /// Dumps that name what is deleted; `-` is standard input.
    ///
    /// The copies of the tables `backups` and `backup_transaction_item`, and the snapshots that those rows name.
    #[arg(value_name = "DUMP")]
    pub dumps: Vec<String>,

    /// File with the ids of copies and snapshots to delete, one in each line; may be repeated.
    #[arg(long, value_name = "FILE", help_heading = "What is deleted")]
    pub ids: Vec<PathBuf>,

    /// Delete all copies and snapshots of the projects named with --project.
    ///
    /// Not those of VBS and DPS alone: all. It is confirmed by typing the projects, on a terminal, always.
    #[arg(long, help_heading = "What is deleted", conflicts_with_all = ["dumps", "ids", "yes"])]
    pub everything: bool,

    /// Karbor target whose copies are not deleted, because they were just imported.
    ///
    /// It is named as for `etl run`, here or in the environment variable ETL_TARGET: postgresql://… or PATH.db. What
    /// was written as a script is named as the database that the script was loaded into.
    #[arg(
        long,
        short,
        value_name = "TARGET",
        help_heading = "What is deleted",
        conflicts_with = "no_target"
    )]
    pub target: Option<String>,

    /// There is no Karbor target: whatever is named is deleted.
    #[arg(long, help_heading = "What is deleted")]
    pub no_target: bool,

    /// Kinds that are deleted; both when not given.
    #[arg(long, value_name = "KINDS", help_heading = "What is deleted", value_delimiter = ',')]
    pub what: Vec<What>,

    /// Ids of the projects whose objects are deleted; all when not given.
    #[arg(long, value_name = "IDS", help_heading = "What is deleted", value_delimiter = ',')]
    pub project: Vec<String>,

    /// Only what was made so long ago, such as 30days or 12h.
    #[arg(long, value_name = "AGE", help_heading = "What is deleted", value_parser = age)]
    pub older_than: Option<Duration>,

    /// List and count what would be deleted, and delete nothing.
    #[arg(long, help_heading = "What is deleted")]
    pub dry_run: bool,

    /// Do not ask; without it the number of objects has to be typed.
    #[arg(long, help_heading = "What is deleted")]
    pub yes: bool,

    /// Names of tables and columns where they differ (see `etl columns`).
    #[arg(long, value_name = "FILE", help_heading = "Reading")]
    pub columns: Option<PathBuf>,

    /// Encoding of dumps that say SQL_ASCII; UTF8 when not given.
    #[arg(long, value_name = "NAME", help_heading = "Reading")]
    pub encoding: Option<String>,

    /// Where the cloud is, and which of its endpoints is meant.
    #[command(flatten)]
    pub cloud: CloudArgs,

    /// What the storage may be asked to bear.
    #[command(flatten)]
    pub flow: FlowArgs,

    /// Journal of what was sent, done and failed.
    ///
    /// Run again with the same journal, a purge goes on: what was under way is looked at before anything is sent, and
    /// counts as under way; what failed is tried anew.
    #[arg(long, value_name = "FILE", help_heading = "Output", default_value = "etl-purge.journal")]
    pub journal: PathBuf,

    /// What is told, and where.
    #[command(flatten)]
    pub outputs: OutputArgs,
}

/// A kind of object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum What {
    /// Snapshots.
    Snapshots,
    /// Copies.
    Backups,
}

/// Where the cloud is.
#[derive(Debug, Args)]
pub struct CloudArgs {
    /// Identity service (Keystone, version 3); OS_AUTH_URL when not given.
    #[arg(long, value_name = "URL", help_heading = "Cloud")]
    pub auth_url: Option<String>,

    /// Cinder's endpoint, version 3; that of the catalogue when not given.
    #[arg(long, value_name = "URL", help_heading = "Cloud")]
    pub endpoint: Option<String>,

    /// Region in the catalogue; OS_REGION_NAME when not given.
    #[arg(long, value_name = "NAME", help_heading = "Cloud")]
    pub region: Option<String>,

    /// Interface in the catalogue: public, internal or admin; OS_INTERFACE, or public, when not given.
    #[arg(long, value_name = "NAME", help_heading = "Cloud")]
    pub interface: Option<String>,

    /// File of CA certificates (PEM) to trust beside those of the system; OS_CACERT when not given.
    #[arg(long, value_name = "FILE", help_heading = "Cloud")]
    pub ca_file: Option<PathBuf>,
}

/// What the storage may be asked to bear.
#[derive(Debug, Args)]
pub struct FlowArgs {
    /// Delete requests that arrive within any time of --burst-every, at most.
    ///
    /// The time counts from the answers of the requests before, or from five seconds after a request without one.
    #[arg(long, value_name = "NUMBER", help_heading = "Flow control", default_value_t = 10)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub burst: u32,

    /// Time that --burst is counted over.
    #[arg(long, value_name = "TIME", help_heading = "Flow control", default_value = "1s")]
    #[arg(value_parser = time)]
    pub burst_every: Duration,

    /// Deletions begun and not ended, at most.
    ///
    /// One that never ends keeps its place until the deadline.
    #[arg(long, value_name = "NUMBER", help_heading = "Flow control", default_value_t = 100)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub in_flight: u32,

    /// Times that a deletion is tried again which failed.
    ///
    /// A request that Cinder puts off (429, 413), that cannot be sent, or that is refused because something behind the
    /// API is down (502, 503, 504, or 404 for a service) is no try.
    #[arg(long, value_name = "NUMBER", help_heading = "Flow control", default_value_t = 10)]
    #[arg(value_parser = clap::value_parser!(u32).range(0..=1_000))]
    pub retries: u32,

    /// Wait before the first retry; twice as long before each further one, up to 128 times, and jittered.
    #[arg(long, value_name = "TIME", help_heading = "Flow control", default_value = "5s")]
    #[arg(value_parser = time)]
    pub retry_wait: Duration,

    /// Time between two questions whether an object is gone; up to 12 times as long for what takes long.
    #[arg(long, value_name = "TIME", help_heading = "Flow control", default_value = "5s")]
    #[arg(value_parser = time)]
    pub poll_every: Duration,

    /// Most time for the whole; what is not gone by then is left, and told.
    #[arg(long, value_name = "TIME", help_heading = "Flow control", default_value = "48h")]
    #[arg(value_parser = time)]
    pub deadline: Duration,
}

/// An age such as `30d` or `12h`.
fn age(text: &str) -> Result<Duration, String> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("its unit is missing; days are {text}d, hours {text}h"));
    }
    humantime::parse_duration(text).map_err(|error| error.to_string())
}

/// A time such as `1s`, `500ms` or `48h`.
fn time(text: &str) -> Result<Duration, String> {
    const MOST: Duration = Duration::from_secs(365 * 86_400);
    let time = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if time <= MOST { Ok(time) } else { Err("no more than 365days can be waited for".to_owned()) }
}

pub const EXAMPLES: &str = "\
Examples:
  etl purge cinder.sql dps.sql --target postgresql://karbor@db1/karbor --dry-run
  etl purge cinder.sql dps.sql --target postgresql://karbor@db1/karbor
  etl purge --ids old.txt --no-target --what snapshots --older-than 30days";

pub const NOTES: &str = "\
Examples:
  etl purge cinder.sql dps.sql --target postgresql://karbor@db1/karbor --dry-run
          what would go, and what would stay and why
  etl purge cinder.sql dps.sql --target postgresql://karbor@db1/karbor
          the purge itself; the same command again goes on where it stopped
  etl purge --ids old.txt --no-target --what snapshots --older-than 30days

Stopping:
  Ctrl-C sends nothing more and waits for the deletions under way; a second one leaves them to
  themselves. The journal knows them.

Exit codes:
  0  all that was to go is gone
  1  something is left, or nothing could be begun; the report says what and why
  2  wrong usage, nothing was begun";
