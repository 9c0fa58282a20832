//! `etl purge`: the copies and snapshots of VBS and DPS are deleted through the OpenStack APIs, a few at a time.
//!
//! ```text
//!  dumps ─┐                                                  ┌─ journal: what was sent, before it is sent
//!  --ids ─┼─► named ─┐                                       │
//!           target ──┼─► selection ─► plan ─► (confirm) ─► engine ─► report
//!  Cinder ─► list ───┘   what goes    children   │           │
//!     ▲                               first      │           └─ pace: bursts, pauses; slots: deletions under way
//!     └── api ── keystone (token), transport (reqwest, or a test's own)
//! ```
//!
//! Everything runs on one thread. Time is tokio's, so that tests control it. What the storage has to bear is decided in
//! two places and nowhere else: [`pace`] says when a deletion may be sent, the engine's slots how many are under way.

pub mod api;
pub mod args;
pub mod cinder;
pub mod command;
pub mod confirm;
pub mod credentials;
pub mod display;
pub mod engine;
pub mod error;
pub mod gauge;
pub mod http;
pub mod journal;
pub mod keystone;
pub mod limits;
pub mod named;
pub mod options;
pub mod pace;
pub mod plan;
pub mod report;
pub mod selection;
pub mod transport;
pub mod trouble;

use serde::{Deserialize, Serialize};

/// What can be deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A copy: what Cinder calls a backup.
    #[default]
    Backup,
    /// A snapshot.
    Snapshot,
}

impl Kind {
    /// Both, in the order in which they go.
    pub const ALL: [Self; 2] = [Self::Backup, Self::Snapshot];

    /// The word for one of them.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Backup => "copy",
            Self::Snapshot => "snapshot",
        }
    }

    /// The collection's name in Cinder's API.
    #[must_use]
    pub fn collection(self) -> &'static str {
        match self {
            Self::Backup => "backups",
            Self::Snapshot => "snapshots",
        }
    }

    /// The member's name in Cinder's API.
    #[must_use]
    pub fn member(self) -> &'static str {
        match self {
            Self::Backup => "backup",
            Self::Snapshot => "snapshot",
        }
    }
}

/// Numbers of copies and of snapshots.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Count {
    /// Copies.
    pub backups: u64,
    /// Snapshots.
    pub snapshots: u64,
}

impl Count {
    /// Counts one.
    pub fn add(&mut self, kind: Kind) {
        match kind {
            Kind::Backup => self.backups += 1,
            Kind::Snapshot => self.snapshots += 1,
        }
    }

    /// Both together.
    #[must_use]
    pub fn all(self) -> u64 {
        self.backups + self.snapshots
    }
}
