//! What shows that Karbor changed a row.

/// What shows that a row was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sign {
    /// A column has a value that no import writes into this row.
    Value(&'static str),
    /// It was changed at another time than what an import writes with it.
    Time,
    /// A plan has no imported operation any more.
    NoOperation,
}

impl Sign {
    /// The sign in words.
    pub(crate) fn words(self) -> String {
        match self {
            Self::Value(column) => format!("changed in Karbor since ({column})"),
            Self::Time => "changed in Karbor since (updated_at)".to_owned(),
            Self::NoOperation => "changed in Karbor since (its operation is gone)".to_owned(),
        }
    }
}

/// Words for a row of which only is known that it is newer than everything in the dumps.
pub(crate) const LATER: &str = "newer than all rows of the dumps (updated_at)";
