//! `taskmgr_job`: the outcomes of jobs, which a later sync reads.

use super::declare::{held_model, read_text, text_accessor};

held_model! {
    /// One job.
    Job {
        texts {
            id: required "job_id",
            current_status: optional "current_status",
            execution_status: optional "execution_status",
            fail_reason: optional "fail_reason",
        }
    }
}

impl Job {
    /// current_status, else execution_status; empty where both are absent.
    #[must_use]
    pub fn status(&self) -> &str {
        self.current_status().or(self.execution_status()).unwrap_or_default()
    }
}
