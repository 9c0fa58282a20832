//! Settings as flags. They are texts here: a value may as well come from the environment or a file, and is checked
//! the same way wherever it comes from.

use crate::settings::key::Key;
use clap::Args;
use std::path::PathBuf;

/// Settings as typed.
#[derive(Clone, Debug, Default, Args)]
pub struct SettingArgs {
    /// Settings file; etl.toml in the current folder, if there is one, when not given.
    #[arg(long, value_name = "FILE", help_heading = "Conversion")]
    pub config: Option<PathBuf>,

    /// Time zone of policies that name none; when not given, that of the records beside the dumps, else UTC+08:00.
    ///
    /// The zone that the VBS server ran in: UTC+08:00, +0800, UTC, or an IANA name such as Asia/Shanghai. Times are
    /// stored in UTC and days in the user's zone, so a wrong zone moves weekly policies to another day. The report
    /// says which zone was used by how many policies.
    #[arg(long, value_name = "ZONE", help_heading = "Conversion", allow_hyphen_values = true)]
    pub server_timezone: Option<String>,

    /// Value of policy_status that means ON; 0 when not given.
    ///
    /// The report says how many policies are ON and OFF under it.
    #[arg(long, value_name = "VALUE", help_heading = "Conversion")]
    pub policy_on: Option<String>,

    /// How "every N days" is written, interval or month-days; interval when not given.
    ///
    /// The source restarts the count on the 1st of each month. `interval` is short and goes on over the month's end;
    /// `month-days` fires on exactly the source's days.
    #[arg(long, value_name = "HOW", help_heading = "Conversion")]
    pub every_n_days: Option<String>,

    /// What becomes of copies that are still being made, defer or carry; defer when not given.
    ///
    /// `defer` leaves them for a later run. `carry` writes those whose job is known from vbs.sql as `protecting`;
    /// `etl sync` brings their outcome. Copies that are being restored or deleted are deferred in any case.
    #[arg(long, value_name = "HOW", help_heading = "Conversion")]
    pub unsteady: Option<String>,

    /// Backup drivers whose copies are VBS's, separated by commas; all when not given.
    ///
    /// As the column `service` of cinder's table backups names them. Copies of other drivers (Swift, NFS, posix) are
    /// skipped, by the rule other-service, and counted by driver.
    #[arg(long, value_name = "NAMES", help_heading = "Conversion")]
    pub backup_services: Option<String>,

    /// Id of Karbor's backup provider; that of Huawei's volume backup when not given.
    ///
    /// Huawei's is 1dc03359-1301-467b-9972-1a7599ae791d. Karbor names its own with `karbor provider-list`.
    #[arg(long, value_name = "ID", help_heading = "Conversion")]
    pub provider_id: Option<String>,

    /// User that operations run as; the policy's own when not given.
    #[arg(long, value_name = "ID", help_heading = "Conversion")]
    pub user_id: Option<String>,

    /// Keystone trust that operations run with; one that the target knows when not given.
    ///
    /// It knows those of its operations of the same user and project. Where there is none, the placeholder `imported`
    /// is written, with a warning: it yields no token.
    #[arg(long, value_name = "ID", help_heading = "Conversion")]
    pub trust_id: Option<String>,

    /// Id of the service that runs operations; the live operationengine when not given.
    ///
    /// The row of the table `services`. Of several that are live, the one that reported last is taken, and the others
    /// are told.
    #[arg(long, value_name = "NUMBER", help_heading = "Conversion", allow_hyphen_values = true)]
    pub service_id: Option<String>,

    /// Value of `format` in triggers, which Karbor never reads; calendar when not given.
    #[arg(long, value_name = "FORMAT", help_heading = "Conversion")]
    pub trigger_format: Option<String>,

    /// Settings of the reading of dumps.
    #[command(flatten)]
    pub reading: ReadingArgs,

    /// Threads that convert; one for each processor, 8 at most, when not given.
    ///
    /// The result does not depend on it.
    #[arg(long, value_name = "NUMBER", help_heading = "Reading", allow_hyphen_values = true)]
    pub threads: Option<String>,
}

/// Settings of the reading of dumps, whatever is done with them, as typed.
#[derive(Clone, Debug, Default, Args)]
pub struct ReadingArgs {
    /// Encoding of dumps that say SQL_ASCII; UTF8 when not given.
    ///
    /// UTF8, GBK, GB18030, BIG5 or LATIN1. Every other dump says its encoding itself.
    #[arg(long, value_name = "NAME", help_heading = "Reading")]
    pub encoding: Option<String>,

    /// Longest row that is read, longer ones are rejected; 4MiB when not given.
    #[arg(long, value_name = "SIZE", help_heading = "Reading")]
    pub row_limit: Option<String>,

    /// Folder for a copy of piped dumps; $TMPDIR or /var/tmp when not given.
    ///
    /// Dumps are read twice, and a pipe can be read once. The copy has no name and is gone when etl ends. A folder
    /// that lies in memory (tmpfs) is refused, and passed over where TMPDIR names it.
    #[arg(long, value_name = "FOLDER", help_heading = "Reading")]
    pub spool_dir: Option<String>,
}

impl SettingArgs {
    /// The value that was typed for a setting.
    #[must_use]
    pub fn typed(&self, key: Key) -> Option<&str> {
        match key {
            Key::ServerTimezone => &self.server_timezone,
            Key::PolicyOn => &self.policy_on,
            Key::EveryNDays => &self.every_n_days,
            Key::Unsteady => &self.unsteady,
            Key::BackupServices => &self.backup_services,
            Key::ProviderId => &self.provider_id,
            Key::UserId => &self.user_id,
            Key::TrustId => &self.trust_id,
            Key::ServiceId => &self.service_id,
            Key::TriggerFormat => &self.trigger_format,
            Key::Encoding => &self.reading.encoding,
            Key::RowLimit => &self.reading.row_limit,
            Key::SpoolDir => &self.reading.spool_dir,
            Key::Threads => &self.threads,
        }
        .as_deref()
    }
}
