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
//! A command line goes through [`cli`] to a feature: [`cutover`], [`dump`], [`purge`], [`maintain`] or [`import`], each with its
//! arguments, options, work and report. They run within the one frame of [`session`], with what [`settings`] found, and
//! print through [`ui`].

pub mod base;
pub mod cli;
pub mod cutover;
pub mod dump;
pub mod import;
pub mod maintain;
pub mod purge;
pub mod session;
pub mod settings;
pub mod ui;
