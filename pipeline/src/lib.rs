//! Source models to Karbor rows to their target, in one transaction.
//!
//! ```text
//!   extract ── pass one: small tables, extents of bulk blocks ──┐
//!      └────── pass two: chunks of bulk rows ═► transform ═► load
//!                                               rayon, pure   in order
//! ```
//! `═►` is a bounded channel of numbered chunks; only [`run`] makes threads and channels, only [`load::postgres`] is async.
//! Nothing here knows a command line.

pub mod compare;
pub mod contact;
pub mod engine;
pub mod error;
pub mod explain;
pub mod extract;
pub mod files;
pub mod karbor;
pub mod load;
pub mod options;
pub mod outcome;
pub mod progress;
pub mod rejects;
pub mod removal;
pub mod row_outcomes;
pub mod run;
pub mod sample;
pub mod schema_version;
pub mod settings;
pub mod status;
pub mod sync;
pub mod transform;
pub mod vbs_api;
pub mod verify;
