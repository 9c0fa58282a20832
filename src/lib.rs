//! The command `etl`, and the map of the repository.
//!
//! ```text
//!  cinder.sql ─┐   parsers                              pipeline
//!  vbs.sql    ─┼── reader ─ statement ─ copy/insert ─►  extract ═► transform ═► load
//!  dps.sql    ─┘   bytes                rows, models    numbered   rayon,       in order, one transaction:
//!                                                       chunks     pure fns     PostgreSQL │ SQLite │ SQL script
//! ```
//!
//! * `parsers/` turns bytes into rows and rows into source models. It knows no thread, network or database.
//! * `pipeline/` turns source models into Karbor's rows and loads them. It knows no command line.
//! * `fixtures/` makes dumps of any size and private PostgreSQL servers, for tests and benches.
//! * `src/`, this crate, is what the user typed and what the user is told.
//!
//! Here a command line goes through [`cli`] (as typed), [`settings`] and [`options`] (as checked) to [`commands`], which
//! call the pipeline while [`progress`] is shown, [`signals`] are watched for and a [`log`] is kept; [`report`] says
//! what became of every row, [`error`] why there is nothing to report, and [`exit`] both in one number. [`purge`] is a room
//! of its own: it needs no conversion and talks to the cloud; so is [`nodes`], which works on machines over SSH.

pub mod cli;
pub mod commands;
pub mod confirm;
pub mod cutover;
pub mod digest;
pub mod error;
pub mod exit;
pub mod journal;
pub mod listing;
pub mod log;
pub mod memory;
pub mod nodes;
pub mod options;
pub mod password;
pub mod progress;
pub mod purge;
pub mod report;
pub mod settings;
pub mod signals;
pub mod stop;
pub mod surroundings;
pub mod terminal;
pub mod version;
