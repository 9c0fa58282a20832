//! Bytes to rows to source models: everything that knows what a gs_dump or pg_dump file looks like.
//!
//! ```text
//!   input ── reader ── scan ──┬── copy ───┐
//!   files    buffer    blocks └── insert ─┴── row ── models
//!                      lexer, statement       values  cinder, vbs, taskmgr, dps
//! ```
//! Understood are COPY blocks and INSERT statements of the tables in [`columns`], and the statements that change how
//! those read. Every other statement is passed over on purpose: no schema is built, nothing is executed.
//!
//! There are no threads here, no async, no network and no database; only [`input`] and [`reader`] wait for bytes.

pub mod columns;
pub mod copy;
pub mod copy_options;
pub mod encoding;
pub mod error;
pub mod escape;
pub mod input;
pub mod insert;
pub mod json;
pub mod lexer;
mod literal;
pub mod models;
pub mod position;
pub mod reader;
pub mod routine;
pub mod row;
pub mod scan;
pub mod statement;
pub mod table;
mod title;
pub mod value;
