//! The command from outside: what it is given, what it answers, what it leaves behind.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

/// A command in a folder of its own, so that no test sees another's files or the developer's settings.
mod scene;

/// Help texts word for word: they are what an operator has at 2 a.m.
mod help;

/// Arguments that do not go together are refused before anything is read.
mod arguments;

/// Too few threads, core dumps, settings that others may write.
mod privacy;

/// Files that etl did not write, in the place of each that it writes.
mod foreign;

/// No password is taken from, or repeated to, anywhere it can be seen.
mod secrets;

/// The same of every command and every source of a password; and who may read what is left behind.
mod secrecy;

/// What the program is built of.
mod dependencies;

/// What is carried to a node, as far as it can be checked without making the package.
mod delivery;

/// Names and values that mean something to somebody else.
mod hostile;

/// The SQL that is sent, against the oldest server there is.
mod statements;

/// Settings from flag, environment, file and default, and what is wrong with them by line.
mod settings;

/// The commands that only print.
mod printing;

/// The report's text and JSON, from reports made by hand.
mod report;

/// The same report as a page for people.
mod page;

/// The whole way from dumps to a target.
mod run;

/// Rows that break rules: listed, counted, set aside, mended.
mod rejections;

/// Dumps at the edge of what a file can hold, and the memory that they take.
mod limits;

/// A run as it is watched and stopped: progress, signals, colours.
mod running;

/// Copies that are carried unfinished, and the outcomes of their jobs.
mod sync;

/// Several sites, one after the other, and the journal of what is committed.
mod batch;

/// Databases to import into, and what they hold.
mod karbor;

/// Policies as they come back from what was imported.
mod policies;

/// Dumps fetched from nodes over SSH.
mod dump;

/// Copies and snapshots deleted from a cloud.
mod purge;

/// The main job: the same rows in every target, all of them or none.
mod cutover;

/// Names of tables and columns proposed by what dumps and a target contain.
mod columns;

/// A target that is openGauss, as far as it can be imitated.
mod gauss;

/// A target behind a pooler that hands the server's session on.
mod pooler;

/// Something fails at each stage: connections, servers, disks, rights.
mod faults;

/// The process killed at moments all over its time.
mod killed;

/// Imports taken back.
mod rollback;

/// What arrived against what left.
mod verify;

/// The words of the reports.
mod outcomes;

/// What became of each row.
mod row_outcomes;

/// What is known of one id.
mod explain;

/// What a target holds of imports.
mod status;

/// A whole site taken over from a settings file, over SSH.
mod one_click;
