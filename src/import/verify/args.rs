//! The arguments of `etl verify`.

use crate::settings::args::SettingArgs;
use crate::settings::output_args::OutputArgs;
use clap::Args;
use std::path::PathBuf;

/// Shown under the help of `etl verify`.
pub(crate) const EXAMPLES: &str = "\
Examples:
  etl verify cinder.sql vbs.sql dps.sql --target postgresql://etl@standby1/karbor
  etl verify cinder.sql vbs.sql --target karbor.db --report verify.json";

/// The arguments of `etl verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// The dumps that were loaded, in any order; `-` is standard input.
    ///
    /// All of those of the run, and its settings: what they come to is what the target has to hold.
    #[arg(value_name = "DUMP", required = true)]
    pub dumps: Vec<String>,

    /// Database that is compared with them; karbor.db in the current folder when not given.
    ///
    /// It is named as for `etl run`, here or in the environment variable ETL_TARGET: postgresql://… or PATH.db. A
    /// standby will do.
    #[arg(long, short, value_name = "TARGET", help_heading = "Target")]
    pub target: Option<String>,

    /// Days from now on over which schedules are followed.
    #[arg(long, value_name = "DAYS", default_value_t = schedules::firings::horizon::DEFAULT_HORIZON_DAYS)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=3660), help_heading = "Target")]
    pub horizon: u16,

    /// Names of tables and columns where they differ (see `etl columns`).
    #[arg(long, value_name = "FILE", help_heading = "Reading")]
    pub columns: Option<PathBuf>,

    /// Settings of the conversion.
    #[command(flatten)]
    pub settings: SettingArgs,

    /// What is told, and where.
    #[command(flatten)]
    pub outputs: OutputArgs,
}
