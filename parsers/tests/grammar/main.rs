//! The grammar of dumps as files: each case under `fixtures/grammar` is read cut into pieces of every awkward size, and
//! must give what stands beside it.
//!
//! `UPDATE_EXPECT=1 cargo test -p etl-parsers --test grammar` writes what is missing or differs; look at it then.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "all of this crate is tests")]

// A dump's bytes to a text that says all that was read.
mod told;

// The cases, and whether they are complete.
mod cases;
// Dumps that cannot be told as files: they change, or are not there.
mod inputs;
// Damage at every byte.
mod damage;
// Rows and lines of any length.
mod memory;
// Whole dumps in every form: cut off, or with another program's words in them.
mod whole;
