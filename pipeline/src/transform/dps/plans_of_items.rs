//! The plans that DPS copies are of.

use std::collections::HashMap;

/// What became of the plans that copies name.
#[derive(Debug, Default)]
pub struct DpsPlansOfItems(pub HashMap<Box<str>, PlanOfItem>);

/// What became of one plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlanOfItem {
    /// It became a Karbor plan.
    Migrated,
    /// It is of a consistency group.
    Group,
}
