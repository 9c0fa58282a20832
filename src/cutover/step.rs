//! The steps of a cutover, in their order, and the parts that they come in.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Whether everything is there that the cutover needs.
    Preflight,
    /// A dump of Karbor's own tables, before anything is written.
    Safety,
    /// The nodes' databases are dumped.
    Dump,
    /// Whether the dumps' tables, columns and words are as the map of columns says.
    Columns,
    /// What a run would do.
    Check,
    /// The dumps are loaded.
    Run,
    /// Whether everything arrived.
    Verify,
    /// Whether VBS and DPS are stopped.
    Stopped,
    /// The nodes' databases are dumped for the last time.
    DumpAgain,
    /// What changed since is loaded.
    RunAgain,
    /// Whether everything arrived.
    VerifyAgain,
    /// The outcomes of unfinished jobs.
    Sync,
    /// operationengine reads the triggers.
    Restart,
    /// VBS goes on with its unfinished jobs.
    Jobs,
    /// The nodes' databases are dumped for the outcomes of these jobs.
    DumpJobs,
    /// The outcomes of these jobs.
    SyncJobs,
    /// What was imported is deleted.
    Rollback,
    /// operationengine forgets the triggers.
    RestartAfter,
}

/// The parts of a cutover: what is done in one go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// Everything that the dumps hold, while VBS and DPS may still be at work.
    Full,
    /// What changed since, after the traffic is switched.
    Incremental,
    /// The jobs that were unfinished.
    Continue,
    /// Back to the beginning.
    Rollback,
}

impl Part {
    /// Its name, which is what is typed.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Incremental => "incremental",
            Self::Continue => "continue",
            Self::Rollback => "rollback",
        }
    }

    /// Its steps, in their order.
    pub fn steps(self) -> impl Iterator<Item = Step> {
        Step::ALL.into_iter().filter(move |step| step.part() == self)
    }
}

impl Step {
    /// All steps, in their order.
    pub const ALL: [Self; 18] = [
        Self::Preflight,
        Self::Safety,
        Self::Dump,
        Self::Columns,
        Self::Check,
        Self::Run,
        Self::Verify,
        Self::Stopped,
        Self::DumpAgain,
        Self::RunAgain,
        Self::VerifyAgain,
        Self::Sync,
        Self::Restart,
        Self::Jobs,
        Self::DumpJobs,
        Self::SyncJobs,
        Self::Rollback,
        Self::RestartAfter,
    ];

    /// Its name, as it is typed after `--from` and stands in the state file.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Preflight => "preflight",
            Self::Safety => "safety",
            Self::Dump => "dump",
            Self::Columns => "columns",
            Self::Check => "check",
            Self::Run => "run",
            Self::Verify => "verify",
            Self::Stopped => "stopped",
            Self::DumpAgain => "dump-again",
            Self::RunAgain => "run-again",
            Self::VerifyAgain => "verify-again",
            Self::Sync => "sync",
            Self::Restart => "restart",
            Self::Jobs => "jobs",
            Self::DumpJobs => "dump-jobs",
            Self::SyncJobs => "sync-jobs",
            Self::Rollback => "rollback",
            Self::RestartAfter => "restart-after",
        }
    }

    /// What it does, in a few words.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Preflight => "look whether all is there that the cutover needs",
            Self::Safety => "dump Karbor's own tables, to be safe",
            Self::Dump | Self::DumpAgain | Self::DumpJobs => "dump the nodes' databases",
            Self::Columns => "look whether the dumps are as the map of columns says",
            Self::Check => "convert, and look what a run would do",
            Self::Run => "load everything into Karbor",
            Self::Verify | Self::VerifyAgain => "compare the dumps with Karbor, row by row",
            Self::Stopped => "see that VBS and DPS are stopped",
            Self::RunAgain => "load what changed since",
            Self::Sync | Self::SyncJobs => "bring the outcomes of jobs that were unfinished",
            Self::Restart | Self::RestartAfter => "restart operationengine",
            Self::Jobs => "let VBS go on with its unfinished jobs",
            Self::Rollback => "delete what was imported",
        }
    }

    /// The part that it belongs to.
    #[must_use]
    pub fn part(self) -> Part {
        match self {
            Self::Preflight
            | Self::Safety
            | Self::Dump
            | Self::Columns
            | Self::Check
            | Self::Run
            | Self::Verify => Part::Full,
            Self::Stopped
            | Self::DumpAgain
            | Self::RunAgain
            | Self::VerifyAgain
            | Self::Sync
            | Self::Restart => Part::Incremental,
            Self::Jobs | Self::DumpJobs | Self::SyncJobs => Part::Continue,
            Self::Rollback | Self::RestartAfter => Part::Rollback,
        }
    }

    /// Whether it only looks at something that may change any moment: then it is done again wherever a later step of its
    /// part is still to be done.
    #[must_use]
    pub fn only_looks(self) -> bool {
        matches!(self, Self::Preflight | Self::Stopped)
    }

    /// Whether it writes imported rows to the target.
    #[must_use]
    pub fn loads(self) -> bool {
        matches!(self, Self::Run | Self::RunAgain)
    }

    /// Whether it dumps the nodes' databases.
    #[must_use]
    pub fn dumps(self) -> bool {
        matches!(self, Self::Dump | Self::DumpAgain | Self::DumpJobs)
    }

    /// Its number and name, as the names of its files begin.
    #[must_use]
    pub fn file_name(self) -> String {
        let number = Self::ALL.iter().take_while(|step| **step != self).count() + 1;
        format!("{number:02}-{}", self.name())
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_has_one_name_everywhere() {
        for step in Step::ALL {
            assert_eq!(step.to_possible_value().unwrap().get_name(), step.name());
            assert_eq!(serde_json::to_string(&step).unwrap(), format!("{:?}", step.name()));
        }
        assert!(Step::ALL.is_sorted() && Step::ALL.map(Step::part).is_sorted());
        assert_eq!(Step::ALL.len(), Step::value_variants().len());
        assert_eq!(Step::SyncJobs.file_name(), "16-sync-jobs");
    }
}
