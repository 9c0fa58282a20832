//! The settings by name: one row here is a flag, an environment variable and a key of etl.toml.

/// A setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// Zone of policies that name none.
    ServerTimezone,
    /// Value of policy_status that means ON.
    PolicyOn,
    /// How "every N days" is written.
    EveryNDays,
    /// What becomes of copies that are still being made.
    Unsteady,
    /// Backup drivers whose copies are VBS's.
    BackupServices,
    /// provider_id of plans, operations and items.
    ProviderId,
    /// user_id of operations.
    UserId,
    /// trust_id of operation states.
    TrustId,
    /// service_id of operation states.
    ServiceId,
    /// `format` of triggers.
    TriggerFormat,
    /// Encoding of SQL_ASCII dumps.
    Encoding,
    /// The longest row.
    RowLimit,
    /// Where pipes are copied to.
    SpoolDir,
    /// Threads that convert.
    Threads,
}

/// Key of etl.toml, flag, environment variable, and what is accepted.
type Names = (&'static str, &'static str, &'static str, &'static str);

impl Key {
    /// All settings, in the order of the help.
    pub const ALL: [Self; 14] = [
        Self::ServerTimezone,
        Self::PolicyOn,
        Self::EveryNDays,
        Self::Unsteady,
        Self::BackupServices,
        Self::ProviderId,
        Self::UserId,
        Self::TrustId,
        Self::ServiceId,
        Self::TriggerFormat,
        Self::Encoding,
        Self::RowLimit,
        Self::SpoolDir,
        Self::Threads,
    ];

    /// The setting that etl.toml calls `name`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|key| key.name() == name)
    }

    /// The key of etl.toml.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.names().0
    }

    /// The flag.
    #[must_use]
    pub fn flag(self) -> &'static str {
        self.names().1
    }

    /// The environment variable.
    #[must_use]
    pub fn variable(self) -> &'static str {
        self.names().2
    }

    /// The values that are accepted, as the end of "expected …".
    #[must_use]
    pub fn accepts(self) -> &'static str {
        self.names().3
    }

    fn names(self) -> Names {
        match self {
            Self::ServerTimezone => (
                "server_timezone",
                "--server-timezone",
                "ETL_SERVER_TIMEZONE",
                "a zone such as UTC+08:00, +0800, UTC or Asia/Shanghai, from -12:00 to +14:00",
            ),
            Self::PolicyOn => ("policy_on", "--policy-on", "ETL_POLICY_ON", "1 to 255 characters"),
            Self::EveryNDays => {
                ("every_n_days", "--every-n-days", "ETL_EVERY_N_DAYS", "interval or month-days")
            }
            Self::Unsteady => ("unsteady", "--unsteady", "ETL_UNSTEADY", "defer or carry"),
            Self::BackupServices => (
                "backup_services",
                "--backup-services",
                "ETL_BACKUP_SERVICES",
                "names of backup drivers, separated by commas",
            ),
            Self::ProviderId => {
                ("provider_id", "--provider-id", "ETL_PROVIDER_ID", "an id of 1 to 36 characters")
            }
            Self::UserId => ("user_id", "--user-id", "ETL_USER_ID", "an id of 1 to 64 characters"),
            Self::TrustId => ("trust_id", "--trust-id", "ETL_TRUST_ID", "an id of 1 to 64 characters"),
            Self::ServiceId => {
                ("service_id", "--service-id", "ETL_SERVICE_ID", "a whole number from 1 to 2147483647")
            }
            Self::TriggerFormat => {
                ("trigger_format", "--trigger-format", "ETL_TRIGGER_FORMAT", "1 to 64 characters")
            }
            Self::Encoding => {
                ("encoding", "--encoding", "ETL_ENCODING", "UTF8, GBK, GB18030, BIG5 or LATIN1")
            }
            Self::RowLimit => {
                ("row_limit", "--row-limit", "ETL_ROW_LIMIT", "a size from 1KiB to 1GiB, such as 4MiB")
            }
            Self::SpoolDir => ("spool_dir", "--spool-dir", "ETL_SPOOL_DIR", "a folder on disk"),
            Self::Threads => ("threads", "--threads", "ETL_THREADS", "a whole number from 1 to 64"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_flag_and_variable_are_the_same_name() {
        for key in Key::ALL {
            assert_eq!(key.flag(), format!("--{}", key.name().replace('_', "-")));
            assert_eq!(key.variable(), format!("ETL_{}", key.name().to_uppercase()));
            assert_eq!(Key::named(key.name()), Some(key));
        }
    }

    #[test]
    fn every_flag_of_a_setting_is_an_argument_of_run_and_check() {
        let definition = crate::cli::Args::definition();
        for command in ["run", "check"] {
            let command = definition.find_subcommand(command).unwrap();
            for key in Key::ALL {
                let long = key.flag().trim_start_matches("--");
                assert!(command.get_arguments().any(|arg| arg.get_long() == Some(long)), "{long}");
            }
        }
    }
}
