//! DPS: plans with their objects, policies, timers, targets and specs become plans, resources, triggers and scheduled
//! operations; rows of `backup_transaction_item` become checkpoint items of version 0.4.

mod copies;
mod keys;
mod plans;
pub mod plans_of_items;
pub mod tables;

pub use self::copies::Items;
pub use self::plans::{DpsPlans, resolve};
pub use self::plans_of_items::DpsPlansOfItems;
pub use self::tables::DpsTables;
