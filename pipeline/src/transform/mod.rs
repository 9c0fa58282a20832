//! Source models to Karbor rows: pure functions, no thread, no target, no clock.
//!
//! Policies and plans are resolved once, when all small tables are held ([`vbs`], [`dps`]): which of them stand, which
//! fall with a bad member, which are skipped. What stands is then written out row by row, table by table. Copies
//! ([`cinder`], [`items`]) are transformed one by one, each knowing only what a small context tells it.

pub mod cinder;
pub mod dps;
pub mod items;
pub(crate) mod keyed;
pub mod ledger;
pub mod policies;
pub mod rejections;
pub(crate) mod resolved;
pub mod schedules;
pub mod vbs;
