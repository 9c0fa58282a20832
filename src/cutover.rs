//! One click: the whole cutover as a row of steps, from a settings file, with a memory of what is done.
//!
//! ```text
//!  cutover.toml ── settings ─┐                    ┌─ lines: what an operator would type
//!                            ├─► flow ── step ────┤
//!  state.jsonl ─── state ────┘    │               └─ host: etl itself, commands here and on nodes, dumps
//!                                 └─► messages: what is said, what to type next
//! ```
//!
//! A step is one that exists as a command of its own, or a command of the operator's. Each is written down before it is begun
//! and after it ended, so that the same command again goes on after the last finished one; every step bears being done twice.
//! Nothing here converts, loads or connects: that is done by [`host::Host`], which tests replace.

pub mod local;
pub mod messages;

pub mod args;
pub mod command;
pub mod dry_run;
pub mod error;
pub mod files;
pub mod flow;
pub mod host;
pub mod init;
pub mod lines;
pub mod plan;
pub mod real_host;
pub mod safety;
pub mod settings;
pub mod state;
pub mod step;
