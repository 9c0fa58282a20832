//! The exit codes: what a script may conclude from a run without reading its report.

use std::process::ExitCode;

/// How the command ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Everything that was asked for is done.
    Done,
    /// It failed, and nothing was written.
    Failed,
    /// The arguments or settings are wrong; nothing was begun.
    Usage,
    /// Done, but something is left to do: rows were deferred or set aside, or a dump's file stays on its node.
    Incomplete,
    /// The target holds something else than the dumps come to.
    Different,
    /// COMMIT was sent, and whether it took effect is not known.
    Unknown,
}

impl Exit {
    /// The worse of two ends: what is not known is worst, then what failed, then what waits.
    #[must_use]
    pub fn worse(self, other: Self) -> Self {
        let weight = |exit: Self| match exit {
            Self::Done => 0,
            Self::Incomplete => 1,
            Self::Different => 2,
            Self::Usage => 3,
            Self::Failed => 4,
            Self::Unknown => 5,
        };
        if weight(other) > weight(self) { other } else { self }
    }

    /// The number that the shell sees.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Incomplete => 3,
            Self::Different => 4,
            Self::Unknown => 5,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
