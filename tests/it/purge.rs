//! `etl purge`: what goes, how fast, and what is known of it afterwards.
//!
//! The limits are judged by the cloud's own record. Where time matters the cloud runs under tokio's paused clock, in this
//! process and without sockets; the command itself is tried against a cloud that listens on a port.

/// A cloud without sockets, and a purge of it.
mod stage;

/// Twenty thousand objects with failures sprinkled in.
mod many;

/// Services that are down while the API runs.
mod outages;

/// Copies that continue others.
mod chains;

/// What goes wrong, once or for good.
mod failures;

/// What is chosen, and what stays.
mod choice;

/// The command against a cloud on a port.
mod command;

/// The word that is typed before anything is deleted.
mod confirmed;

/// The command as it is killed and stopped.
mod stopped;
