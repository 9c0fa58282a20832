//! What a conversion depends on beside the dumps: every constant of the contract that is an assumption is a setting here.

use schedules::icalendar::EveryNDays;
use schedules::zone::{Offset, Zone};
use serde::Serialize;
use std::fmt;

/// Karbor's volume backup provider, "Huawei Volume Backup Provider".
pub const DEFAULT_PROVIDER: &str = "1dc03359-1301-467b-9972-1a7599ae791d";

/// The value of policy_status that means ON; which of 0 and 1 it is, is not public.
pub const DEFAULT_POLICY_ON: &str = "0";

/// What Karbor's triggers say as `format`; its engine never reads it.
pub const DEFAULT_TRIGGER_FORMAT: &str = "calendar";

/// The trust written where none is known; it yields no token.
pub const PLACEHOLDER_TRUST: &str = "imported";

/// Settings of a conversion.
#[derive(Clone, Debug)]
pub struct Settings {
    /// provider_id of plans, operations and items.
    pub provider_id: String,
    /// user_id of operations; where unset, the policy's own.
    pub user_id: Option<String>,
    /// trust_id of operation states; where unset, one found in the target, else a placeholder.
    pub trust_id: Option<String>,
    /// service_id of operation states; where unset, found in the target.
    pub service_id: Option<i64>,
    /// The zone of policies that name none.
    pub server_zone: ServerZone,
    /// The value of policy_status that means ON.
    pub policy_on: String,
    /// `format` of triggers.
    pub trigger_format: String,
    /// How a schedule of every N days is written.
    pub every_n_days: EveryNDays,
    /// What becomes of copies that are still being made.
    pub unsteady: Unsteady,
    /// The backup drivers whose copies are VBS's, as the column `service` of `backups` names them; where unset, all.
    pub backup_services: Option<Vec<String>>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            provider_id: DEFAULT_PROVIDER.to_owned(),
            user_id: None,
            trust_id: None,
            service_id: None,
            server_zone: ServerZone::default(),
            policy_on: DEFAULT_POLICY_ON.to_owned(),
            trigger_format: DEFAULT_TRIGGER_FORMAT.to_owned(),
            every_n_days: EveryNDays::Interval,
            unsteady: Unsteady::Defer,
            backup_services: None,
        }
    }
}

/// The source system's time zone, and who said so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerZone {
    /// The zone.
    pub zone: Zone,
    /// Who said so.
    pub origin: ZoneOrigin,
}

impl Default for ServerZone {
    fn default() -> Self {
        Self {
            zone: Zone::Fixed(Offset::from_minutes(8 * 60).unwrap_or(Offset::UTC)),
            origin: ZoneOrigin::Default,
        }
    }
}

/// Who said which time zone a policy is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ZoneOrigin {
    /// The policy itself.
    Policy,
    /// `--server-timezone`.
    Flag,
    /// ETL_SERVER_TIMEZONE.
    Environment,
    /// etl.toml.
    SettingsFile,
    /// The record beside the dump.
    DumpRecord,
    /// Nobody.
    Default,
    /// No zone applies: the times are UTC.
    None,
}

impl fmt::Display for ZoneOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Policy => "the policy's own",
            Self::Flag => "--server-timezone",
            Self::Environment => "ETL_SERVER_TIMEZONE",
            Self::SettingsFile => "etl.toml",
            Self::DumpRecord => "the record beside the dump",
            Self::Default => "the default",
            Self::None => "no zone, times are UTC",
        })
    }
}

/// What becomes of copies that are still being made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Unsteady {
    /// They wait for a later run.
    #[default]
    Defer,
    /// Those whose job is known are written as `protecting`.
    Carry,
}
