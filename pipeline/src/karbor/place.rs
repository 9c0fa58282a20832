//! Where each table is in [`super::WRITTEN`], and in every list of its order.

pub(crate) const PLANS: usize = 0;
pub(crate) const RESOURCES: usize = 1;
pub(crate) const TRIGGERS: usize = 2;
pub(crate) const OPERATIONS: usize = 3;
/// States of scheduled operations.
pub(crate) const STATES: usize = 4;
/// Checkpoint items: the copies.
pub(crate) const ITEMS: usize = 5;
