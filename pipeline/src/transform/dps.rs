//! DPS: plans with their objects, policies, timers, targets and specs become plans, resources, triggers and scheduled
//! operations; rows of `backup_transaction_item` become checkpoint items of version 0.4.

mod copies;
mod keys;
mod plans;

pub use self::copies::{DpsPlansOfItems, Items};
pub use self::plans::{DpsPlans, DpsTables, resolve};
