//! Why a rollback deletes nothing.

use crate::base::error::CommandError;
use crate::base::number::counted;

/// Why a rollback deletes nothing.
#[derive(Debug, thiserror::Error)]
pub enum RollbackError {
    /// Rows that Karbor made depend on imported ones; the report lists them.
    #[error("{}; nothing was deleted", dependents(*rows))]
    Dependents {
        /// How many they are.
        rows: u64,
    },
    /// The operator did not confirm.
    #[error("not confirmed; nothing was deleted")]
    Unconfirmed,
}

impl CommandError for RollbackError {
    fn kind(&self) -> &'static str {
        "rollback"
    }

    fn remedy(&self) -> Option<String> {
        match self {
            Self::Dependents { .. } => Some(
                "delete them in Karbor; or add --with-dependents, which deletes them too, or --keep-edited, which leaves the plans \
                 that they depend on"
                    .to_owned(),
            ),
            Self::Unconfirmed => None,
        }
    }
}

fn dependents(rows: u64) -> String {
    counted(
        rows,
        "row that Karbor made depends on imported ones",
        "rows that Karbor made depend on imported ones",
    )
}
