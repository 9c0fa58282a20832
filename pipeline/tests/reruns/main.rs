//! Runs against targets that hold rows already: what is inserted, updated, left as it is and left alone, in PostgreSQL and in
//! the embedded database, row by row.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "all of this crate is tests")]

mod doubled;
mod edits;
mod exact;
mod history;
mod knowledge;
mod model;
mod prune;
mod site;

#[path = "../conversion/dumps.rs"]
#[allow(dead_code, reason = "not every test crate makes every row")]
mod dumps;
