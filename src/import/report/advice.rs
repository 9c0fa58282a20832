//! What the operator should know and do after a run: what changes for customers, and the next step.

use crate::base::number::counted;
use crate::base::shell::quote;
use crate::import::report::summary::{CommandKind, Summary};
use crate::ui::terminal::width::width;
use pipeline::load::spec::Spec;
use pipeline::outcome::Ending;
use std::path::Path;

/// The widest command line that is repeated.
const COMMAND_COLUMNS: usize = crate::ui::terminal::WIDEST - "Next: ".len();

/// What changes for the owners of the copies and policies.
pub(crate) fn for_customers(summary: &Summary<'_>) -> Vec<String> {
    let mut advice = vec![
        "Copies are marked as not replicated (copy_status na): a replication policy may replicate them once more."
            .to_owned(),
        "Quotas are not carried over, and Karbor does not count imported policies: it counts what its API makes and deletes."
            .to_owned(),
        "Job history is not carried over.".to_owned(),
        "Volumes are named by their ids: the sources hold no other names (resource_name is the volume's id)."
            .to_owned(),
    ];
    let drifting = summary.report.drifting_policies;
    if drifting > 0 {
        let policies = counted(drifting, "policy runs", "policies run");
        advice.push(format!(
            "{policies} every N days: Karbor goes on counting where the source began anew on the 1st of each month, so \
             that the days drift apart. --every-n-days month-days keeps them."
        ));
    }
    advice
}

/// The next step, the last line of the report.
pub(crate) fn next(summary: &Summary<'_>) -> String {
    match (summary.report.ending, summary.command_kind) {
        (Ending::Refused, CommandKind::Run) => {
            "mend the rejected rows, or set them aside with --rejects FILE, and run again".to_owned()
        }
        (Ending::Refused, CommandKind::Check { .. }) => {
            "mend the rejected rows and check again, or set them aside: etl run … --rejects FILE".to_owned()
        }
        (Ending::Checked, CommandKind::Check { next, .. }) if width(next) <= COMMAND_COLUMNS => {
            next.to_owned()
        }
        (Ending::Checked, _) => "etl run with the same dumps and options".to_owned(),
        (Ending::Committed, _) => match summary.spec {
            Some(Spec::Sqlite(path)) => {
                format!("look at the rows in {}, then run with --target postgresql://…", path.display())
            }
            Some(Spec::Script(path)) => load_script(path),
            Some(Spec::Postgres(_)) if summary.report.policies_without_trust > 0 => {
                "give the policies trusts before operationengine is restarted, and run again".to_owned()
            }
            Some(Spec::Postgres(_)) | None => {
                "restart operationengine on every Karbor node: systemctl restart karbor-operationengine"
                    .to_owned()
            }
        },
    }
}

/// The rows that were deferred to a later run, if there are any.
pub(crate) fn deferred(summary: &Summary<'_>) -> Option<String> {
    let rows = summary.report.deferred();
    (rows > 0 && summary.report.ending != Ending::Refused).then(|| {
        format!(
            "{} to a later run: not steady when the dumps were made. Dump again once they are, and run again.",
            counted(rows, "row was deferred", "rows were deferred")
        )
    })
}

/// The copies that were carried although they are still being made, if there are any.
pub(crate) fn carried(summary: &Summary<'_>) -> Option<String> {
    let copies = summary.report.carried();
    (copies > 0 && summary.report.ending != Ending::Refused).then(|| {
        format!(
            "{} still being made: once their jobs are over, dump taskmgr and run `etl sync taskmgr.sql` with the same target.",
            counted(copies, "copy was carried that is", "copies were carried that are")
        )
    })
}

/// How a script is loaded, and what comes then.
pub(crate) fn load_script(path: &Path) -> String {
    let path = quote(&path.display().to_string());
    format!("psql -X -f {path} DATABASE (gsql -X -f {path} -d DATABASE), then restart operationengine")
}
