//! What an id names, and the words for where it comes from.

use crate::karbor::{Source, ids};
use crate::transform::policies::{OperationView, PlanView};

/// Whether an id is that of a plan, at the source or in the target.
pub(super) fn is_plan(view: &PlanView<'_>, id: &str) -> bool {
    view.id == id || ids::plan(view.source, view.id).as_str() == id
}

/// Whether an id is that of an operation, of its trigger, or of a row that it was made from.
pub(super) fn is_operation(operation: &OperationView<'_>, id: &str) -> bool {
    let made_from = match operation.key {
        ids::OperationKey::Vbs { extend, .. } => extend == Some(id),
        ids::OperationKey::Dps { policy, .. } => policy == id,
    };
    made_from || operation.key.operation().as_str() == id || operation.key.trigger().as_str() == id
}

/// The word of a source.
pub(super) fn word_of(source: Source) -> &'static str {
    match source {
        Source::Vbs => "VBS",
        Source::Dps => "DPS",
    }
}
