//! The conversion against its contract: given these rows of the source systems, then these rows of Karbor and this report.
//!
//! Nothing here knows how the transformation reaches its results. Source rows are written by `dumps`, run by `harness`, and
//! what becomes of them is kept by `landing`, a target of the tests' own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "all of this crate is tests")]

// Source rows with sensible fields, and the dumps they stand in.
mod dumps;
// Runs, and everything that they said and wrote.
mod harness;
// A target that keeps its rows.
mod landing;

// Tables and columns have other names where a file says so: nobody knows those of DPS for certain.
mod columns;
mod contact;
// What cannot be read is rejected by its position, or fails the run.
mod damage;
// DPS: every kind of policy, every column of what it becomes.
mod dps_rows;
// A bad row takes its family along, and nothing else.
mod families;
// Copies and schedules as the report counts them.
mod figures;
// Which ids are kept, and what the others are derived from.
mod ids;
// Copies of cinder: every column, and extend_info byte for byte.
mod items;
// A copy's plan is known or it is not; a guess would lose copies.
mod links;
// Every N days: the rules are free, the instants are not.
mod month_days;
// Skip before defer before reject, and every rule by its name.
mod outcomes;
// What is set aside can be mended and run again.
mod rejects;
// The same rows with any number of threads, in any order, in any pieces.
mod runs;
// Times, days and zones become patterns that fire when the source did.
mod schedules;
// Whole sites in every layout, against the counts of those who made them.
mod sites;
// Whatever is wrong with a site, no row is lost.
mod spoiled;
// What is absent, a boolean, a time, JSON, too long.
mod values;
// VBS: every column of what a policy becomes.
mod vbs_rows;
