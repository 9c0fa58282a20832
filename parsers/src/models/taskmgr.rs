//! `taskmgr_job`: the outcomes of jobs, which a later sync reads.

use super::{Model, Reading, Texts};
use crate::columns::Binding;
use crate::row::Column;

/// One job.
#[derive(Clone, Debug)]
pub struct Job {
    texts: Texts<3>,
}

/// The columns of `taskmgr_job` that matter.
#[derive(Clone, Debug)]
pub struct Columns {
    job_id: Column,
    current_status: Column,
    execution_status: Column,
    fail_reason: Column,
}

impl Model for Job {
    type Columns = Columns;

    fn bind(binding: &Binding<'_>) -> Columns {
        Columns {
            job_id: binding.column("job_id"),
            current_status: binding.column("current_status"),
            execution_status: binding.column("execution_status"),
            fail_reason: binding.column("fail_reason"),
        }
    }

    fn read(columns: &Columns, row: &mut Reading<'_, '_>) -> Self {
        let current = row.text(&columns.current_status);
        let status = if current.is_empty() { row.text(&columns.execution_status) } else { current };
        Self { texts: Texts::new([row.required(&columns.job_id), status, row.text(&columns.fail_reason)]) }
    }
}

impl Job {
    /// job_id.
    #[must_use]
    pub fn id(&self) -> &str {
        self.texts.get(0)
    }

    /// current_status, else execution_status.
    #[must_use]
    pub fn status(&self) -> &str {
        self.texts.get(1)
    }

    /// fail_reason.
    #[must_use]
    pub fn fail_reason(&self) -> &str {
        self.texts.get(2)
    }
}
