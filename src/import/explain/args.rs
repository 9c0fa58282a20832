//! The arguments of `etl explain`.

use crate::settings::args::SettingArgs;
use clap::Args;
use std::path::PathBuf;

/// Shown under the help of `etl explain`.
pub(crate) const EXAMPLES: &str = "\
Examples:
  etl explain 6b1f6dd0-4f5d-4f0e-9a65-1a2b3c4d5e6f cinder.sql vbs.sql dps.sql
  etl explain my-policy-id vbs.sql dps.sql --target postgresql://etl@standby1/karbor";

/// The arguments of `etl explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// Id of a copy, policy, plan, volume or job, at the source or in Karbor.
    #[arg(value_name = "ID")]
    pub id: String,

    /// The dumps that were or are to be loaded, in any order; `-` is standard input.
    #[arg(value_name = "DUMP", required = true)]
    pub dumps: Vec<String>,

    /// Database in which the id is looked for; none is asked when not given.
    ///
    /// It is named as for `etl run`, here or in the environment variable ETL_TARGET: postgresql://… or PATH.db. A
    /// standby will do.
    #[arg(long, short, value_name = "TARGET", help_heading = "Target")]
    pub target: Option<String>,

    /// Names of tables and columns where they differ (see `etl columns`).
    #[arg(long, value_name = "FILE", help_heading = "Reading")]
    pub columns: Option<PathBuf>,

    /// Settings of the conversion.
    #[command(flatten)]
    pub settings: SettingArgs,

    /// Print JSON instead of text.
    #[arg(long, help_heading = "Output")]
    pub json: bool,
}
