//! The conversion against its contract: given these rows of the source systems, then these rows of Karbor and this report.
//!
//! Nothing here knows how the transformation reaches its results.

#![allow(clippy::type_complexity, reason = "tables of cases are read at once, and named nowhere else")]
#![allow(clippy::result_large_err, reason = "an outcome that surprises is shown whole")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "all of this crate is tests")]

// A target that keeps what it is given.
mod landing;
// Runs, and everything that they said and wrote.
mod harness;
// Source rows and the dumps they stand in.
mod dumps;

// What is kept of ids, and what the others are derived from.
mod columns;
mod damage;
mod dps_rows;
mod families;
mod ids;
mod items;
mod links;
mod month_days;
mod outcomes;
mod rejects;
mod runs;
mod schedules;
mod sites;
mod spoiled;
mod values;
mod vbs_rows;
