//! What `parsers` reads from a dump against what PostgreSQL itself makes of it, row for row and field for field.
//!
//! Each dump is loaded with psql into a private server, and every row is read back from there.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "all of this crate is tests")]

// The server's programs: pg_dump, psql, and tables as they are there.
mod server;
// Rows on both sides, and how they are compared.
mod tables;

// Dumps of made-up sites in every shape that PostgreSQL loads.
mod sites;
// Values that are hard to write, dumped by the real pg_dump.
mod values;
// Every character of every encoding.
mod characters;
// Literals that no dump program writes.
mod literals;
