//! What a rollback is asked to do.

use crate::karbor::Source;
use serde::{Serialize, Serializer};

/// Whose rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Those of one source.
    Of(Source),
    /// Those of both.
    All,
}

impl Scope {
    /// The scope's name, as it is typed.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Of(source) => source.prefix(),
            Self::All => "all",
        }
    }
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// What becomes of rows that Karbor made and depended on imported ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnDependents {
    /// Nothing is deleted as long as there are any.
    Refuse,
    /// They are deleted too.
    Take,
    /// The families that they depend on stay.
    KeepFamilies,
}

/// Which rows are to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Request {
    /// Whose.
    pub scope: Scope,
    /// And what of those that depend on them.
    pub dependents: OnDependents,
}
